# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Labels and label selectors as kubectl writes them."""

import re

NAME = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
KEY = rf"(?:[a-z0-9](?:[a-z0-9.-]{{0,251}}[a-z0-9])?/)?{NAME}"
VALUE = rf"(?:{NAME})?"
LABEL = re.compile(rf"({KEY})=({VALUE})")
EQUAL = re.compile(rf"({KEY})\s*(==?|!=)\s*({VALUE})")
SET = re.compile(rf"({KEY})\s+(in|notin)\s*\(([^()]*)\)")
EXISTS = re.compile(rf"(!?)\s*({KEY})")
# A comma within parentheses divides values.
COMMA = re.compile(r",(?![^()]*\))")


class SelectorError(Exception):
    """The part that cannot be read."""

    def __init__(self, part):
        super().__init__(part)
        self.part = part


def read_labels(text):
    """``a=b,c=d`` as a dict."""
    labels = {}
    for part in _parts(text):
        found = LABEL.fullmatch(part)
        if not found:
            raise SelectorError(part)
        labels[found[1]] = found[2]
    return labels


def read_selector(text):
    """``a=b,c!=d,e in (f,g),h,!i`` as conditions ``(key, operator, values)``, the
    operators as Kubernetes' ``matchExpressions`` have them."""
    return [_condition(part) for part in _parts(text)]


def written(conditions):
    """Conditions as ``read_selector`` reads them."""
    return ",".join(_written(*condition) for condition in conditions)


def _written(key, operator, values):
    if operator in ("Exists", "DoesNotExist"):
        return key if operator == "Exists" else f"!{key}"
    if len(values) == 1:
        return f"{key}{'=' if operator == 'In' else '!='}{values[0]}"
    return f"{key} {operator.lower()} ({','.join(values)})"


def _parts(text):
    return [part.strip() for part in COMMA.split(text or "") if part.strip()]


def _condition(part):
    if found := EQUAL.fullmatch(part):
        return found[1], "NotIn" if found[2] == "!=" else "In", [found[3]]
    if found := SET.fullmatch(part):
        values = [value.strip() for value in found[3].split(",")]
        if all(re.fullmatch(VALUE, value) for value in values):
            return found[1], {"in": "In", "notin": "NotIn"}[found[2]], values
    if found := EXISTS.fullmatch(part):
        return found[2], "DoesNotExist" if found[1] else "Exists", []
    raise SelectorError(part)


def matches(conditions, labels):
    """Whether all of the conditions hold for these labels."""
    return all(_holds(labels, *condition) for condition in conditions)


def _holds(labels, key, operator, values):
    return {
        "In": key in labels and labels[key] in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }[operator]
