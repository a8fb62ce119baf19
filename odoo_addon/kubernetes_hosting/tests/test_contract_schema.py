# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import json
from pathlib import Path

from odoo.tests import TransactionCase, tagged

from ..models import contract
from .common import KINDS

FOLDER = Path(__file__).resolve().parents[3] / "tests" / "contract"


def load(name):
    return json.loads((FOLDER / name).read_text())


def merged(one, other):
    """What is said in two places of the same."""
    both = {**one, **other}
    if "properties" in one and "properties" in other:
        both["properties"] = {**one["properties"], **other["properties"]}
    if "required" in one and "required" in other:
        both["required"] = [*one["required"], *other["required"]]
    return both


class Schema:
    """What one of tests/contract/*.schema.json says of one place."""

    def __init__(self, root, node):
        self.root = root
        choices = node.get("anyOf", ())
        self.is_nullable = {"type": "null"} in choices
        if self.is_nullable:
            (choice,) = (choice for choice in choices if choice != {"type": "null"})
            node = {name: said for name, said in node.items() if name != "anyOf"}
            node = merged(node, choice)
        # What a reference says beside it, such as a default, counts, too.
        while "$ref" in node:
            rest = {name: said for name, said in node.items() if name != "$ref"}
            name = node["$ref"].removeprefix("#/$defs/")
            node = merged(root["$defs"][name], rest)
        self.node = node
        kinds = node.get("type", ())
        self.kinds = {kinds} if isinstance(kinds, str) else set(kinds)
        if "null" in self.kinds:
            self.is_nullable = True
        self.kinds -= {"null"}

    def at(self, node):
        return Schema(self.root, node)

    @property
    def words(self):
        """The only ones that may stand here; empty where any may."""
        words = set()
        for choice in (self.node, *self.node.get("oneOf", ())):
            words |= set(choice.get("enum", ())) | {choice.get("const")} - {None}
        return words

    @property
    def forms(self):
        """The forms that an object may have besides, each for some kinds of job."""
        choices = (*self.node.get("anyOf", ()), *self.node.get("oneOf", ()))
        return [self.at(choice) for choice in choices] if not self.words else []

    @property
    def job_kinds(self):
        """The kinds of job that this is the form of."""
        kind = self.node.get("properties", {}).get("kind")
        own = self.at(kind).words if kind else set()
        return own.union(*(form.job_kinds for form in self.forms))

    @property
    def names(self):
        """The members that there are in any form."""
        own = set(self.node.get("properties", ()))
        return own.union(*(form.names for form in self.forms))

    @property
    def is_of_words(self):
        """Whether it is what a sentence is made of, which refers to itself."""
        words = self.root.get("$defs", {}).get("Words", {})
        return "anyOf" in words and self.node.get("anyOf") == words["anyOf"]

    def differences(self, shape, path):
        """Where a shape of contract.py says something else."""
        if isinstance(shape, contract.OrNull):
            if not self.is_nullable:
                yield f"{path}: may not be null"
            shape = shape.shape
        elif self.is_nullable:
            yield f"{path}: may be null"
        match shape:
            case contract.Object():
                yield from self.object_differences(shape.members, path)
            case contract.List():
                if self.kinds != {"array"}:
                    yield f"{path}: is no list"
                else:
                    items = self.at(self.node["items"])
                    yield from items.differences(shape.item, f"{path}[]")
            case contract.Words():
                yield from [] if self.is_of_words else [f"{path}: is no words"]
            case contract.OneOf():
                if self.words != set(shape.words):
                    yield f"{path}: is one of {self.words}, not of {set(shape.words)}"
            case _ if shape is contract.WORD:
                if not self.words:
                    yield f"{path}: may be any text"
            case _ if self.words:
                yield f"{path}: is one of {self.words}"
            case _:
                if self.kinds != {shape.type}:
                    yield f"{path}: is {self.kinds}, not {shape.type}"
                wanted = {contract.TIME: "date-time"}.get(shape)
                if wanted and self.node.get("format") != wanted:
                    yield f"{path}: is no time"
                if (shape is contract.UID) != ("pattern" in self.node):
                    yield f"{path}: one of the two wants an app's uid"

    def object_differences(self, members, path):
        found = self.node.get("properties", {})
        for name in sorted(members.keys() ^ found.keys()):
            yield f"{path}.{name}: only one side has it"
        missing = members.keys() - set(self.node.get("required", ()))
        for name in sorted(missing & found.keys()):
            yield f"{path}.{name}: may be left out"
        for name in sorted(members.keys() & found.keys()):
            shape, schema = members[name], self.at(found[name])
            since = default = None
            if isinstance(shape, contract.Since):
                since, default, shape = shape.version, shape.default, shape.shape
            if schema.node.get("since") != since:
                yield f"{path}.{name}: is there since {schema.node.get('since')}"
            if schema.node.get("default") != default:
                yield f"{path}.{name}: is else {schema.node.get('default')}"
            yield from schema.differences(shape, f"{path}.{name}")

    def wrong(self, value, path=""):
        """Where a value is not what the schema says, by as much of JSON Schema as these
        files use."""
        kinds = {
            dict: "object",
            list: "array",
            str: "string",
            bool: "boolean",
            int: "integer",
            float: "number",
        }
        kind = kinds.get(type(value))
        if value is None:
            if not self.is_nullable:
                yield f"{path}: is null"
        elif self.words:
            if value not in self.words:
                yield f"{path}: {value} is not one of {self.words}"
        elif self.is_of_words:
            ways = [list(form.wrong(value, path)) for form in self.forms]
            if all(ways):
                yield f"{path}: is no words"
        elif kind not in self.kinds | (
            {"integer"} if "number" in self.kinds else set()
        ):
            yield f"{path}: is a {kind}, not {self.kinds}"
        elif kind == "object":
            yield from self.wrong_members(value, path)
            others = self.node.get("additionalProperties")
            for name in value.keys() - self.names:
                if others:
                    yield from self.at(others).wrong(value[name], f"{path}.{name}")
                else:
                    yield f"{path}.{name}: is unknown"
        elif kind == "array":
            for n, item in enumerate(value):
                yield from self.at(self.node["items"]).wrong(item, f"{path}[{n}]")

    def wrong_members(self, value, path):
        """The same of an object's members, those of the form for its kind of job, too:
        what other kinds have is not looked at."""
        for name in self.node.get("required", ()):
            if name not in value:
                yield f"{path}.{name}: is missing"
        for name, node in self.node.get("properties", {}).items():
            if name in value:
                yield from self.at(node).wrong(value[name], f"{path}.{name}")
        if not self.forms:
            return
        job_kind = value.get("kind")
        form = next((form for form in self.forms if job_kind in form.job_kinds), None)
        if form is None:
            yield f"{path}.kind: {job_kind} is not one of {self.job_kinds}"
        else:
            yield from form.wrong_members(value, path)


def schema(name):
    root = load(f"{name}.schema.json")
    return Schema(root, root)


@tagged("post_install", "-at_install")
class TestContractSchema(TransactionCase):
    """contract.py says the same as the schemas that the worker's types write."""

    def test_what_is_read_is_what_the_schemas_say(self):
        for call, shape in contract.SHAPES.items():
            members = {**contract.VERSIONS.members, **shape.members}
            differences = schema(f"{call}_request").differences(
                contract.Object(members), call
            )
            self.assertEqual(list(differences), [])

    def test_a_difference_is_found(self):
        members = dict(contract.SHAPES["claim"].members)
        members["capacity"] = contract.TEXT
        del members["kinds"]
        members["mailgun"] = contract.Object({"region": contract.OneOf("us")})
        members["clusters"] = contract.TEXT
        differences = schema("claim_request").differences(
            contract.Object(members), "claim"
        )
        self.assertEqual(
            {difference.split(":")[0] for difference in differences},
            {
                "claim.capacity",
                "claim.clusters",
                "claim.contract",
                "claim.contract_minimum",
                "claim.kinds",
                "claim.mailgun",
                "claim.mailgun.region",
                "claim.mailgun.sending_domain",
            },
        )

    def test_the_golden_files_are_valid(self):
        for call in contract.SHAPES:
            for name in (f"{call}_request", f"{call}_response"):
                wrong = list(schema(name).wrong(load(f"{name}.json")))
                self.assertEqual(wrong, [], name)
        self.assertEqual(
            list(schema("observe_response").wrong({"contract": "2", "unknowns": []})),
            [
                ".unknown: is missing",
                ".contract: is a string, not {'integer'}",
                ".unknowns: is unknown",
            ],
        )

    def test_a_job_is_valid_by_what_its_kind_needs(self):
        claim = load("claim_response.json")
        jobs = {job["kind"]: job for job in claim["jobs"]}

        def wrong(job):
            found = schema("claim_response").wrong({**claim, "jobs": [job]})
            return sorted(error.split(": ")[0] for error in found)

        self.assertEqual(wrong(jobs["deploy"]), [])
        self.assertEqual(wrong({**jobs["deploy"], "kind": "dance"}), [".jobs[0].kind"])
        self.assertEqual(
            wrong({**jobs["deploy"], "kind": "password"}),
            [".jobs[0].options.key", ".jobs[0].options.public_key"],
        )
        lacking = {**jobs["deploy"], "colour": "blue", "app": None}
        del lacking["config_map"], lacking["token"]
        self.assertEqual(
            wrong(lacking),
            [f".jobs[0].{name}" for name in ("app", "colour", "config_map", "token")],
        )

    def test_the_vocabulary_is_the_workers(self):
        vocabulary = load("vocabulary.json")
        kinds = self.env["kubernetes.job"]._fields["kind"].get_values(self.env)
        self.assertEqual(set(kinds), set(vocabulary["job_kinds"]))
        self.assertEqual(set(KINDS), set(vocabulary["job_kinds"]))
        steps = self.env["kubernetes.job.step"]
        codes = set(vocabulary["step_codes"])
        self.assertEqual(steps._names().keys(), codes)
        self.assertEqual(steps._labels().keys(), codes)
        states = contract.OUTCOME.members["state"].words
        self.assertEqual(set(states), set(vocabulary["outcome_states"]))
