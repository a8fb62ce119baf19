# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The shapes of what the worker sends, as the golden files in tests/contract show them.

``read`` checks the parameters of a call and returns them with times as naive datetimes
in UTC, as Odoo's fields want them. Members it does not know are left out, and members
newer than the worker get their default: see tests/contract/README.md.
"""

import re
from datetime import datetime
from typing import Any, NamedTuple

# The version of the contract that these addons speak, and the oldest one that a worker
# may speak. A worker that says no version speaks the first.
NEWEST = 2
OLDEST = 1
FIRST = 1
# What a worker says is kept and shown: no text is longer but those that are looked at
# as a whole, which the size of a call limits. Of one that is wrong an error quotes
# less.
LONGEST_TEXT = 10000
LONGEST_QUOTED = 100
# What a sentence is made of: of so many parts, so deep within one another. A worker
# tells what is made of more in English alone.
MOST_PARTS = 200
DEEPEST = 8


class ContractError(Exception):
    """What is wrong with the parameters of a call, and where."""


class VersionError(ContractError):
    """Worker and addons have no version of the contract in common: which of the two is
    ``outdated`` ("worker" or "addons"), and what the worker says of itself as far as it
    can be read."""

    def __init__(self, message, outdated, version, worker):
        super().__init__(message)
        self.outdated = outdated
        self.version = version
        self.worker = worker


def read(call, params):
    if not isinstance(params, dict):
        _fail("", "an object", params)
    versions = VERSIONS.parse(params, "", FIRST)
    version = versions["contract"]
    if version < OLDEST:
        raise VersionError(
            f"Update the worker: it speaks version {version} of the contract with Odoo,"
            f" and these addons need version {OLDEST} or newer.",
            "worker",
            version,
            _said_of_worker(params),
        )
    if versions["contract_minimum"] > NEWEST:
        raise VersionError(
            f"Update the addons in Odoo: they speak version {NEWEST} of the contract,"
            f" and this worker needs version {versions['contract_minimum']} or newer.",
            "addons",
            version,
            _said_of_worker(params),
        )
    return {**versions, **SHAPES[call].parse(params, "", version)}


def _said_of_worker(params):
    """Name and version of a worker whose call is of another version: what is not where
    it is today is left out."""
    said = params.get("worker")
    said = said if isinstance(said, dict) else {}
    return {
        name: _text(said[name], name) if isinstance(said.get(name), str) else False
        for name in ("name", "version")
    }


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


class Since(NamedTuple):
    """A member that came with a version of the contract: whoever speaks an older one
    may leave it out, and means the default."""

    version: int
    shape: Any
    default: Any


class Object(NamedTuple):
    members: dict

    def parse(self, value, path, version):
        if not isinstance(value, dict):
            _fail(path, "an object", value)
        result = {}
        for name, shape in self.members.items():
            inner = f"{path}.{name}" if path else name
            if name in value:
                shape = shape.shape if isinstance(shape, Since) else shape
                result[name] = shape.parse(value[name], inner, version)
            elif isinstance(shape, Since) and version < shape.version:
                result[name] = shape.default
            else:
                raise ContractError(f"{inner}: is missing")
        return result


class List(NamedTuple):
    item: Any

    def parse(self, value, path, version):
        if not isinstance(value, list):
            _fail(path, "a list", value)
        return [
            self.item.parse(item, f"{path}[{n}]", version)
            for n, item in enumerate(value)
        ]


class OrNull(NamedTuple):
    shape: Any

    def parse(self, value, path, version):
        return None if value is None else self.shape.parse(value, path, version)


class OneOf:
    """One of some words and no other."""

    def __init__(self, *words):
        self.words = words

    def parse(self, value, path, _version):
        text = _text(value, path)
        if text not in self.words:
            raise ContractError(
                f"{path}: {_quoted(text)} is not one of {', '.join(self.words)}"
            )
        return text


class Scalar(NamedTuple):
    """What JSON calls ``type``, and what reads it."""

    type: str
    check: Any

    def parse(self, value, path, _version):
        return self.check(value, path)


def _whole_text(value, path):
    if not isinstance(value, str):
        _fail(path, "a text", value)
    # PostgreSQL stores no NUL characters, and nothing that is half a character.
    return value.replace("\x00", "").encode("utf-8", "replace").decode()


def _text(value, path):
    text = _whole_text(value, path)
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 1]}…"


def _quoted(text):
    """A text in an error, which stands in one line of Odoo's log."""
    shown = "".join(
        sign if sign.isprintable() else f"<U+{ord(sign):04X}>"
        for sign in text[:LONGEST_QUOTED]
    )
    return f"“{shown}{'…' if len(text) > LONGEST_QUOTED else ''}”"


def _flag(value, path):
    if not isinstance(value, bool):
        _fail(path, "true or false", value)
    return value


def _uid(value, path):
    text = _text(value, path)
    if not re.fullmatch(r"[0-9a-f]{32}", text):
        raise ContractError(
            f"{path}: {_quoted(text)} is not an app's uid of 32 hex digits"
        )
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


# As RFC 3339 writes it, in UTC.
RFC_3339 = re.compile(
    r"(?P<moment>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(\.(?P<fraction>[0-9]+))?Z"
)


def _time(value, path):
    text = _text(value, path)
    # Python 3.10 reads no Z and no more than six digits after the second.
    found = RFC_3339.fullmatch(text)
    try:
        if not found:
            raise ValueError
        parsed = datetime.strptime(found["moment"], "%Y-%m-%dT%H:%M:%S")
    except ValueError:
        raise ContractError(
            f"{path}: {_quoted(text)} is not a time in UTC like 2026-11-21T08:00:00Z"
        ) from None
    return parsed.replace(microsecond=int((found["fraction"] or "")[:6].ljust(6, "0")))


class Words:
    """What a sentence is made of: a text that is quoted, a template with what stands in
    its places, or several of these."""

    def parse(self, value, path, _version):
        return self._part(value, path, DEEPEST, [MOST_PARTS])

    def _part(self, value, path, depth, left):
        if not depth or not left[0]:
            raise ContractError(f"{path}: is made of too much")
        left[0] -= 1
        if isinstance(value, str):
            return _text(value, path)
        if not isinstance(value, dict):
            _fail(path, "a text or an object", value)
        if "join" in value:
            items = value.get("items")
            if not isinstance(items, list):
                _fail(f"{path}.items", "a list", items)
            return {
                "join": _text(value["join"], f"{path}.join"),
                "items": [
                    self._part(item, f"{path}.items[{n}]", depth - 1, left)
                    for n, item in enumerate(items)
                ],
            }
        values = value.get("values")
        if not isinstance(values, dict):
            _fail(f"{path}.values", "an object", values)
        return {
            "text": _text(value.get("text"), f"{path}.text"),
            "values": {
                self._name(name, path): self._part(
                    item, f"{path}.values.{name}", depth - 1, left
                )
                for name, item in values.items()
            },
        }

    def _name(self, name, path):
        if not re.fullmatch(r"[A-Za-z_0-9]{1,50}", name):
            raise ContractError(f"{path}.values: {_quoted(name)} is no name of a place")
        return name


TEXT = Scalar("string", _text)
WORDS = Words()
# Beside a text that people read: what it is made of.
BESIDE = Since(2, OrNull(WORDS), None)
# A manifest's text, a file's, a comparison's.
WHOLE_TEXT = Scalar("string", _whole_text)
# A word of tests/contract/vocabulary.json, of which a newer worker may know more.
WORD = Scalar("string", _text)
UID = Scalar("string", _uid)
TIME = Scalar("string", _time)
FLAG = Scalar("boolean", _flag)
INTEGER = Scalar("integer", _integer)
LABEL_NUMBER = Scalar("integer", _label_number)
SECONDS = Scalar("number", _seconds)

VERSIONS = Object(
    {
        "contract": Since(2, INTEGER, FIRST),
        "contract_minimum": Since(2, INTEGER, FIRST),
    }
)

WORKER = Object(
    {
        "name": TEXT,
        "instance": TEXT,
        "version": TEXT,
        "machine": Since(2, TEXT, ""),
    }
)

INGRESS = Object(
    {
        "state": OneOf("none", "no_address", "ready"),
        "hosts": List(TEXT),
        "addresses": List(TEXT),
        "tls": FLAG,
        "message": TEXT,
        "message_words": BESIDE,
    }
)

OBJECT_SEEN = Object(
    {
        "api_version": TEXT,
        "kind": TEXT,
        "namespace": OrNull(TEXT),
        "name": TEXT,
        "health": OneOf("current", "in_progress", "failed", "terminating", "not_found"),
        "created_at": OrNull(TIME),
        "images": List(TEXT),
        "message": TEXT,
        "message_words": BESIDE,
        "log": TEXT,
    }
)

OBSERVATION = Object(
    {
        "state": OneOf("running", "degraded", "stopped", "missing"),
        "message": TEXT,
        "message_words": BESIDE,
        "ingress": INGRESS,
        "objects": Since(2, OrNull(List(OBJECT_SEEN)), None),
        "seen_at": TIME,
    }
)

EXCERPT = Object(
    {
        "of": OneOf("template", "rendered", "value"),
        "name": OrNull(TEXT),
        "line": INTEGER,
        "column": INTEGER,
        "length": INTEGER,
        "text": TEXT,
        "from": INTEGER,
        "label": TEXT,
        "label_words": BESIDE,
    }
)

ERROR = Object(
    {
        "code": WORD,
        "message": TEXT,
        "message_words": BESIDE,
        "hint": OrNull(TEXT),
        "hint_words": BESIDE,
        "manifest": OrNull(TEXT),
        "url": OrNull(TEXT),
        "document": OrNull(INTEGER),
        "line": OrNull(INTEGER),
        "column": OrNull(INTEGER),
        "object": OrNull(TEXT),
        "field": OrNull(TEXT),
        "retry": FLAG,
        "excerpts": List(EXCERPT),
    }
)

MAIL_DOMAIN = Object(
    {
        "name": TEXT,
        "state": OneOf("unverified", "active", "released"),
        "published": FLAG,
        "message": TEXT,
        "message_words": BESIDE,
        "records": List(
            Object(
                {
                    "purpose": TEXT,
                    "type": TEXT,
                    "name": TEXT,
                    "value": TEXT,
                    "priority": OrNull(INTEGER),
                    "validity": TEXT,
                }
            )
        ),
    }
)

DIFF = Object(
    {
        "objects": List(
            Object(
                {
                    "object": TEXT,
                    "action": OneOf("create", "change", "delete"),
                    "text": WHOLE_TEXT,
                }
            )
        ),
        "unchanged": INTEGER,
    }
)

FILES = List(Object({"name": TEXT, "content": WHOLE_TEXT}))

PREVIEW = Object(
    {
        "digest": TEXT,
        "content": WHOLE_TEXT,
        "files": FILES,
        "variables": List(TEXT),
        "missing": List(TEXT),
        "objects": List(Object({"kind": TEXT, "api_version": TEXT, "name": TEXT})),
        "problems": List(ERROR),
        "warnings": List(ERROR),
    }
)

# A value as a config map's line has it.
PACKAGE_VALUE = Object({"type": OneOf("string", "yaml"), "value": WHOLE_TEXT})

PACKAGE = Object(
    {
        "name": TEXT,
        "version": TEXT,
        "digest": TEXT,
        "url": TEXT,
        "title": TEXT,
        "summary": TEXT,
        "description": WHOLE_TEXT,
        "icon": WHOLE_TEXT,
        "category": TEXT,
        "keywords": List(TEXT),
        "home": TEXT,
        "licence": TEXT,
        "manifests": List(
            Object(
                {
                    "purpose": OneOf("deploy", "reset"),
                    "path": TEXT,
                    "url": TEXT,
                    "digest": TEXT,
                }
            )
        ),
        "environments": List(TEXT),
        "variables": List(
            Object(
                {
                    "name": TEXT,
                    "title": TEXT,
                    "help": TEXT,
                    "type": TEXT,
                    "default": OrNull(PACKAGE_VALUE),
                    "choices": List(PACKAGE_VALUE),
                    "required": FLAG,
                    "secret": FLAG,
                    "generate": OrNull(Object({"length": INTEGER, "alphabet": TEXT})),
                    "first_password": FLAG,
                    "set_by": TEXT,
                }
            )
        ),
        "plans": List(
            Object(
                {
                    "name": TEXT,
                    "title": TEXT,
                    "help": TEXT,
                    "cpu": TEXT,
                    "memory": TEXT,
                    "storage": TEXT,
                    "values": List(
                        Object(
                            {
                                "name": TEXT,
                                "type": OneOf("string", "yaml"),
                                "value": WHOLE_TEXT,
                            }
                        )
                    ),
                }
            )
        ),
        "needs": Object(
            {
                "kubernetes": TEXT,
                "kinds": List(TEXT),
                "cpu": TEXT,
                "memory": TEXT,
                "storage": TEXT,
                "node_ports": INTEGER,
            }
        ),
        "labels": List(Object({"key": TEXT, "value": TEXT})),
        "selector": List(Object({"key": TEXT, "operator": TEXT, "values": List(TEXT)})),
        "text": WHOLE_TEXT,
        "vars": WHOLE_TEXT,
    }
)

INDEX = Object({"packages": List(PACKAGE), "problems": List(ERROR)})

# What the DNS says of an app's domain.
DOMAIN = Object(
    {
        "name": TEXT,
        "answered": FLAG,
        "proven": FLAG,
        "points": FLAG,
        "message": TEXT,
        "message_words": BESIDE,
        "certificate_ends": OrNull(TIME),
    }
)

RESULT = Object(
    {
        "manifests": List(
            Object(
                {
                    "id": INTEGER,
                    "digest": TEXT,
                    "content": WHOLE_TEXT,
                    "files": FILES,
                    "variables": List(TEXT),
                }
            )
        ),
        "objects": Object(
            {
                "created": INTEGER,
                "changed": INTEGER,
                "unchanged": INTEGER,
                "pruned": INTEGER,
            }
        ),
        "inventory": OrNull(
            List(
                Object(
                    {
                        "api_version": TEXT,
                        "kind": TEXT,
                        "namespace": OrNull(TEXT),
                        "name": TEXT,
                    }
                )
            )
        ),
        "observation": OrNull(OBSERVATION),
        "namespace_deleted": FLAG,
        "mail_domain": OrNull(MAIL_DOMAIN),
        "message_id": OrNull(TEXT),
        "password": OrNull(
            Object({"public_key": TEXT, "nonce": TEXT, "ciphertext": TEXT})
        ),
        "diff": OrNull(DIFF),
        "preview": OrNull(PREVIEW),
        "index": Since(2, OrNull(INDEX), None),
        "domains": Since(2, OrNull(List(DOMAIN)), None),
    }
)

STEP = Object(
    {
        "number": INTEGER,
        "code": WORD,
        "state": OneOf("running", "done", "warning", "failed"),
        "started_at": TIME,
        "seconds": OrNull(SECONDS),
        "message": TEXT,
        "message_words": BESIDE,
    }
)

OUTCOME = Object(
    {
        "state": OneOf("done", "failed", "retry", "released", "cancelled"),
        "error": OrNull(ERROR),
        "result": OrNull(RESULT),
    }
)

# What the nodes of a cluster have, and what pods ask for of it.
CAPACITY = Object(
    {
        "nodes": INTEGER,
        "nodes_ready": INTEGER,
        "cpu_millicores": INTEGER,
        "cpu_millicores_requested": INTEGER,
        "memory_mib": INTEGER,
        "memory_mib_requested": INTEGER,
        "pods": INTEGER,
        "pods_requested": INTEGER,
        "message": TEXT,
        "message_words": BESIDE,
    }
)

SHAPES = {
    "claim": Object(
        {
            "worker": WORKER,
            "clusters": List(
                Object(
                    {
                        "name": TEXT,
                        "reachable": FLAG,
                        "version": OrNull(TEXT),
                        "message": TEXT,
                        "message_words": BESIDE,
                        "capacity": Since(2, OrNull(CAPACITY), None),
                    }
                )
            ),
            "kinds": List(WORD),
            "mailgun": OrNull(
                Object(
                    {
                        "region": OneOf("us", "eu"),
                        "sending_domain": Since(2, OrNull(TEXT), None),
                    }
                )
            ),
            "capacity": INTEGER,
        }
    ),
    "report": Object(
        {
            "worker": WORKER,
            "jobs": List(
                Object(
                    {
                        "id": INTEGER,
                        "token": TEXT,
                        "steps": List(STEP),
                        "outcome": OrNull(OUTCOME),
                    }
                )
            ),
        }
    ),
    "observe": Object(
        {
            "worker": WORKER,
            "cluster": TEXT,
            "apps": List(
                Object(
                    {
                        "id": INTEGER,
                        "uid": UID,
                        "namespace": TEXT,
                        "observation": OBSERVATION,
                    }
                )
            ),
            "complete": OrNull(
                Object(
                    {
                        "looked_at": TIME,
                        "namespaces": List(
                            Object(
                                {
                                    "namespace": TEXT,
                                    "object": TEXT,
                                    "uid": OrNull(TEXT),
                                    "app": OrNull(LABEL_NUMBER),
                                    "name": TEXT,
                                    "environment": TEXT,
                                    "created_at": TIME,
                                    "labels": Since(
                                        2,
                                        List(Object({"key": TEXT, "value": TEXT})),
                                        [],
                                    ),
                                }
                            )
                        ),
                    }
                )
            ),
        }
    ),
}
