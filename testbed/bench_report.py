# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What ``make bench`` has measured: as a table, and held against lines.

A figure is a number by its name. Lines are about ratios and about what a machine does
not decide; how fast this one is stands in the table and fails nothing.
"""

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True)
class Figure:
    name: str
    says: str
    unit: str = "s"


#: In the order of the table.
FIGURES = (
    Figure("apps", "apps", ""),
    Figure("objects", "objects of an app, what Chandlery adds among them", ""),
    Figure("bare_8", "bare apply, 8 writers", "objects/s"),
    Figure("bare_32", "bare apply, 32 writers", "objects/s"),
    Figure("bare_unchanged", "bare apply of what is there, 32 writers", "objects/s"),
    Figure("deploy", "pending to done", "apps/s"),
    Figure("deploy_objects", "pending to done", "objects/s"),
    Figure("unchanged", "again, unchanged", "apps/s"),
    Figure("changed", "again, one value changed", "apps/s"),
    Figure("deleted", "deleted", "apps/s"),
    Figure("requests_first", "requests of a first deploy", ""),
    Figure("requests_unchanged", "requests of an unchanged deploy", ""),
    Figure("app_chandlery", "an app by Chandlery"),
    Figure("app_helm", "an app by helm install"),
    Figure("app_ansible", "an app by kubernetes.core.k8s"),
    Figure("app_python", "an app by the Python client"),
    Figure("plain_p50", "paid to confirmed, no hosting, half of them within"),
    Figure("plain_p99", "paid to confirmed, no hosting, all but one of 100 within"),
    Figure("confirm_p50", "paid to order confirmed, half of them within"),
    Figure("confirm_p99", "paid to order confirmed, all but one of 100 within"),
    Figure("claim_p50", "paid to claimed, half of them within"),
    Figure("claim_p99", "paid to claimed, all but one of 100 within"),
    Figure("object_p50", "paid to first object, half of them within"),
    Figure("object_p99", "paid to first object, all but one of 100 within"),
    Figure("first_claim", "start of the worker to its first claim"),
    Figure("memory_idle", "worker's memory with the fewest apps, at rest", "MiB"),
    Figure("memory_most", "worker's memory, the most there was", "MiB"),
    Figure("program", "worker's program", "MB"),
    Figure("cpu_worker", "worker's processor time for a deploy", "ms"),
    Figure("cpu_api", "API server's processor time for a deploy", "ms"),
    Figure("cpu_odoo", "Odoo's processor time for a deploy", "ms"),
    Figure("cpu_postgresql", "PostgreSQL's processor time for a deploy", "ms"),
    Figure("idle_few", "worker's processor time in an idle minute, few apps"),
    Figure("idle_more", "worker's processor time in an idle minute, ten times"),
    Figure("idle_most", "worker's processor time in an idle minute, all apps"),
    Figure("idle_api_few", "API server's in the same, few apps"),
    Figure("idle_api_most", "API server's in the same, all apps"),
    Figure("list_apps", "apps list with 10,000 apps and 200,000 jobs"),
    Figure("list_attention", "attention screen with the same"),
    Figure("list_portal", "portal's list with the same"),
)


@dataclass(frozen=True)
class Line:
    """``worth`` of the figures must be at least, or at most, this. ``allowed`` is the
    most that the API server alone would let anybody reach in the same run: where that
    is less, the line is out of reach and fails nothing."""

    says: str
    needs: tuple
    worth: callable
    at_least: float | None = None
    at_most: float | None = None
    allowed: callable = None

    def holds(self, value):
        if self.at_least is not None:
            return value >= self.at_least
        return value <= self.at_most

    @property
    def limit(self):
        if self.at_least is not None:
            return f"at least {self.at_least:g}"
        return f"at most {self.at_most:g}"


def ratio(above, below):
    return (above, below), lambda figures: figures[above] / figures[below]


def alone(name):
    return (name,), lambda figures: figures[name]


BARE = ("bare_8", "bare_32")


def bare_rate(figures):
    """How many objects a second the API server takes from who only writes."""
    return max(figures[name] for name in BARE)


def rise(less, more):
    """By how much the one is more than the other."""
    return (less, more), lambda figures: figures[more] - figures[less]


LINES = (
    Line(
        "end to end through Odoo, of the bare rate",
        ("deploy_objects", *BARE),
        lambda figures: figures["deploy_objects"] / bare_rate(figures),
        at_least=0.5,
    ),
    Line(
        "times as fast as Ansible, per app",
        *ratio("app_ansible", "app_chandlery"),
        at_least=20,
    ),
    Line(
        "times as fast as helm, per app",
        ("app_helm", "app_chandlery", *BARE, "objects"),
        lambda figures: figures["app_helm"] / figures["app_chandlery"],
        at_least=10,
        allowed=lambda figures: figures["app_helm"]
        * bare_rate(figures)
        / figures["objects"],
    ),
    Line(
        "paid to first object, without what Odoo needs for any order, p50 in s",
        *rise("plain_p50", "object_p50"),
        at_most=0.3,
    ),
    Line("paid to first object, p99 in s", *alone("object_p99"), at_most=1),
    Line("worker's memory at rest, MiB", *alone("memory_idle"), at_most=20),
    Line("worker's memory at its most, MiB", *alone("memory_most"), at_most=64),
    Line("worker's program, MB", *alone("program"), at_most=20),
    Line(
        "an idle minute, how much more with all apps, in s of the worker",
        *rise("idle_few", "idle_most"),
        at_most=0.5,
    ),
    Line("apps list in s", *alone("list_apps"), at_most=1),
    Line("attention screen in s", *alone("list_attention"), at_most=1),
    Line("portal's list in s", *alone("list_portal"), at_most=1),
)


@dataclass(frozen=True)
class Verdict:
    line: Line
    #: None where it was not measured
    value: float | None
    #: the most that can be reached; None where that is not asked
    allowed: float | None = None

    @property
    def is_out_of_reach(self):
        return self.allowed is not None and not self.line.holds(self.allowed)

    @property
    def holds(self):
        return self.value is None or self.is_out_of_reach or self.line.holds(self.value)

    def __str__(self):
        says, limit = self.line.says, self.line.limit
        if self.value is None:
            return f"not measured  {says} ({limit})"
        if self.is_out_of_reach:
            limit += f"; the API server alone allows {self.allowed:.3g}"
            word = "out of reach"
        else:
            word = "holds" if self.holds else "FAILS"
        return f"{word:<12}  {says}: {self.value:.3g} ({limit})"


def judge(figures, lines=LINES):
    """What becomes of each line with these figures."""
    verdicts = []
    for line in lines:
        if not all(name in figures for name in line.needs):
            verdicts.append(Verdict(line, None))
            continue
        allowed = line.allowed and line.allowed(figures)
        verdicts.append(Verdict(line, line.worth(figures), allowed))
    return verdicts


def table(figures):
    """The figures as lines of text; one that was not measured is left out."""
    rows = [
        (figure.says, number(figures[figure.name]), figure.unit)
        for figure in FIGURES
        if figure.name in figures
    ]
    if not rows:
        return []
    width = max(len(says) for says, _, _ in rows)
    return [
        f"{says:<{width}}  {value:>10} {unit}".rstrip() for says, value, unit in rows
    ]


def number(value):
    if value >= 100 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:.3g}" if value >= 0.001 else f"{value:.1g}"


def percentile(values, part):
    """The smallest of the values that so great a part of them does not exceed."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("there are no values")
    return ordered[max(0, -(-len(ordered) * part // 100) - 1)]


def stages(apps):
    """How many apps there are when an idle minute is measured: a hundredth, a tenth,
    all."""
    return sorted({max(1, apps // 100), max(1, apps // 10), apps})
