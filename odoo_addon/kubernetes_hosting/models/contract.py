# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The shapes of what the worker sends, as the golden files in tests/contract show them.

``read`` checks the parameters of a call and returns them with times as naive datetimes
in UTC, as Odoo's fields want them. Members it does not know are left out, so that a
newer worker can speak to an older Odoo.
"""

import re
from datetime import datetime


class ContractError(Exception):
    """What is wrong with the parameters of a call, and where."""


def read(call, params):
    return _object(SHAPES[call])(params, "")


def _fail(path, wanted, value):
    kinds = {
        dict: "an object",
        list: "a list",
        str: "a text",
        bool: "true or false",
        type(None): "null",
    }
    found = kinds.get(type(value), "a number")
    raise ContractError(f"{path or 'params'}: expected {wanted}, found {found}")


def _object(members):
    def check(value, path):
        if not isinstance(value, dict):
            _fail(path, "an object", value)
        result = {}
        for name, shape in members.items():
            inner = f"{path}.{name}" if path else name
            if name not in value:
                raise ContractError(f"{inner}: is missing")
            result[name] = shape(value[name], inner)
        return result

    return check


def _list(shape):
    def check(value, path):
        if not isinstance(value, list):
            _fail(path, "a list", value)
        return [shape(item, f"{path}[{n}]") for n, item in enumerate(value)]

    return check


def _or_null(shape):
    return lambda value, path: None if value is None else shape(value, path)


def _text(value, path):
    if not isinstance(value, str):
        _fail(path, "a text", value)
    # PostgreSQL stores no NUL characters, and nothing that is half a character.
    return value.replace("\x00", "").encode("utf-8", "replace").decode()


def _flag(value, path):
    if not isinstance(value, bool):
        _fail(path, "true or false", value)
    return value


def _uid(value, path):
    text = _text(value, path)
    if not re.fullmatch(r"[0-9a-f]{32}", text):
        raise ContractError(f"{path}: “{text}” is not an app's uid of 32 hex digits")
    return text


def _integer(value, path):
    if isinstance(value, bool) or not isinstance(value, int):
        _fail(path, "a whole number", value)
    if not 0 <= value < 2**31:
        _out_of_range(path, value)
    return value


def _out_of_range(path, number):
    # Python writes no whole number of more than 4300 digits.
    is_short = isinstance(number, float) or abs(number) < 10**20
    raise ContractError(f"{path}: {number if is_short else 'it'} is out of range")


def _label_number(value, path):
    """A number as anybody may have written it on a label: 0 where it can be none of
    Odoo's."""
    if isinstance(value, bool) or not isinstance(value, int):
        _fail(path, "a whole number", value)
    return value if 0 <= value < 2**31 else 0


def _seconds(value, path):
    if isinstance(value, bool) or not isinstance(value, int | float):
        _fail(path, "a number", value)
    if not 0 <= value < 10**9:
        _out_of_range(path, value)
    return float(value)


def _time(value, path):
    text = _text(value, path)
    try:
        if not text.endswith("Z"):
            raise ValueError
        # Python 3.10 reads no Z and no more than six digits after the second.
        moment, _point, fraction = text[:-1].partition(".")
        parsed = datetime.strptime(moment, "%Y-%m-%dT%H:%M:%S")
        micro = int(fraction[:6].ljust(6, "0")) if fraction else 0
    except ValueError:
        raise ContractError(
            f"{path}: “{text}” is not a time in UTC like 2026-11-21T08:00:00Z"
        ) from None
    return parsed.replace(microsecond=micro)


def _one_of(*values):
    def check(value, path):
        text = _text(value, path)
        if text not in values:
            raise ContractError(f"{path}: “{text}” is not one of {', '.join(values)}")
        return text

    return check


WORKER = _object({"name": _text, "instance": _text, "version": _text})

INGRESS = _object(
    {
        "state": _one_of("none", "no_address", "ready"),
        "hosts": _list(_text),
        "addresses": _list(_text),
        "tls": _flag,
        "message": _text,
    }
)

OBSERVATION = _object(
    {
        "state": _one_of("running", "degraded", "stopped", "missing"),
        "message": _text,
        "ingress": INGRESS,
        "seen_at": _time,
    }
)

EXCERPT = _object(
    {
        "of": _one_of("template", "rendered", "value"),
        "name": _or_null(_text),
        "line": _integer,
        "column": _integer,
        "length": _integer,
        "text": _text,
        "from": _integer,
        "label": _text,
    }
)

ERROR = _object(
    {
        "code": _text,
        "message": _text,
        "hint": _or_null(_text),
        "manifest": _or_null(_text),
        "url": _or_null(_text),
        "document": _or_null(_integer),
        "line": _or_null(_integer),
        "column": _or_null(_integer),
        "object": _or_null(_text),
        "field": _or_null(_text),
        "retry": _flag,
        "excerpts": _list(EXCERPT),
    }
)

MAIL_DOMAIN = _object(
    {
        "name": _text,
        "state": _one_of("unverified", "active", "released"),
        "published": _flag,
        "message": _text,
        "records": _list(
            _object(
                {
                    "purpose": _text,
                    "type": _text,
                    "name": _text,
                    "value": _text,
                    "priority": _or_null(_integer),
                    "validity": _text,
                }
            )
        ),
    }
)

DIFF = _object(
    {
        "objects": _list(
            _object(
                {
                    "object": _text,
                    "action": _one_of("create", "change", "delete"),
                    "text": _text,
                }
            )
        ),
        "unchanged": _integer,
    }
)

FILES = _list(_object({"name": _text, "content": _text}))

PREVIEW = _object(
    {
        "digest": _text,
        "content": _text,
        "files": FILES,
        "variables": _list(_text),
        "missing": _list(_text),
        "objects": _list(_object({"kind": _text, "api_version": _text, "name": _text})),
        "problems": _list(ERROR),
        "warnings": _list(ERROR),
    }
)

RESULT = _object(
    {
        "manifests": _list(
            _object(
                {
                    "id": _integer,
                    "digest": _text,
                    "content": _text,
                    "files": FILES,
                    "variables": _list(_text),
                }
            )
        ),
        "objects": _object(
            {
                "created": _integer,
                "changed": _integer,
                "unchanged": _integer,
                "pruned": _integer,
            }
        ),
        "inventory": _or_null(
            _list(
                _object(
                    {
                        "api_version": _text,
                        "kind": _text,
                        "namespace": _or_null(_text),
                        "name": _text,
                    }
                )
            )
        ),
        "observation": _or_null(OBSERVATION),
        "namespace_deleted": _flag,
        "mail_domain": _or_null(MAIL_DOMAIN),
        "message_id": _or_null(_text),
        "password": _or_null(
            _object({"public_key": _text, "nonce": _text, "ciphertext": _text})
        ),
        "diff": _or_null(DIFF),
        "preview": _or_null(PREVIEW),
    }
)

STEP = _object(
    {
        "number": _integer,
        "code": _text,
        "state": _one_of("running", "done", "warning", "failed"),
        "started_at": _time,
        "seconds": _or_null(_seconds),
        "message": _text,
    }
)

OUTCOME = _object(
    {
        "state": _one_of("done", "failed", "retry", "released", "cancelled"),
        "error": _or_null(ERROR),
        "result": _or_null(RESULT),
    }
)

SHAPES = {
    "claim": {
        "worker": WORKER,
        "clusters": _list(
            _object(
                {
                    "name": _text,
                    "reachable": _flag,
                    "version": _or_null(_text),
                    "message": _text,
                }
            )
        ),
        "kinds": _list(_text),
        "mailgun": _or_null(_object({"region": _one_of("us", "eu")})),
        "capacity": _integer,
    },
    "report": {
        "worker": WORKER,
        "jobs": _list(
            _object(
                {
                    "id": _integer,
                    "token": _text,
                    "steps": _list(STEP),
                    "outcome": _or_null(OUTCOME),
                }
            )
        ),
    },
    "observe": {
        "worker": WORKER,
        "cluster": _text,
        "apps": _list(
            _object(
                {
                    "id": _integer,
                    "uid": _uid,
                    "namespace": _text,
                    "observation": OBSERVATION,
                }
            )
        ),
        "complete": _or_null(
            _object(
                {
                    "looked_at": _time,
                    "namespaces": _list(
                        _object(
                            {
                                "namespace": _text,
                                "object": _text,
                                "uid": _or_null(_text),
                                "app": _or_null(_label_number),
                                "name": _text,
                                "environment": _text,
                                "created_at": _time,
                            }
                        )
                    ),
                }
            )
        ),
    },
}
