# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The cases of the corpus, read from their files; its README.md describes
the format."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from .problem import Problem

FOLDER = Path(__file__).parents[1] / "crates/ansible-jinja/tests/parity"
KINDS = ("jinja", "vars", "yaml")

#: The section that a named case begins with, and that a short case stands for.
NAMED = {"jinja": "template", "vars": "vars", "yaml": "yaml"}
SECTIONS = {
    "jinja": {"template", "value", "vars", "file", "passwords"},
    "vars": {"vars", "passwords"},
    "yaml": {"yaml", "stream"},
}
#: Short cases by their first two characters.
SHORT = {
    "jinja": {"> ": "expression"},
    "vars": {"> ": "scalar"},
    "yaml": {"> ": "scalar", "? ": "key"},
}
REFUSED = "! "

ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "0": "\0"}
ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))")


@dataclass
class Case:
    """One case: its sections as {section: text}, `file` ones as {"file NAME": text}."""

    name: str
    line: int
    sections: dict = field(default_factory=dict)


@dataclass
class Family:
    kind: str
    name: str
    path: Path
    shared: dict = field(default_factory=dict)
    cases: list = field(default_factory=list)

    @property
    def expected(self):
        return FOLDER / "expected" / self.kind / f"{self.name}.json"


def families():
    for kind in KINDS:
        for path in sorted((FOLDER / "cases" / kind).glob("*.cases")):
            yield read(kind, path)


def templates():
    """The folders of whole templates: template.*, vars.yml, what they include."""
    return sorted(path for path in (FOLDER / "templates").iterdir() if path.is_dir())


def read(kind, path):
    family = Family(kind, path.stem, path)
    reader = Reader(family)
    text = path.read_bytes().decode("utf-8")
    if "\r" in text:
        raise Problem(
            f"{path}: contains a carriage return; write \\r in an escaped section."
        )
    for number, line in enumerate(text.split("\n"), 1):
        reader.take(number, line)
    reader.end_case()
    seen = {}
    for case in family.cases:
        if case.name in seen:
            raise Problem(
                f"{path}:{case.line}: the case {case.name!r} stands on line "
                f"{seen[case.name]}, too."
            )
        seen[case.name] = case.line
    return family


class Reader:
    def __init__(self, family):
        self.family = family
        self.case = None
        self.section = None  # (name, escaped, lines)

    def take(self, number, line):
        if line == "===":
            self.end_case()
        elif line.startswith("=== "):
            self.end_case()
            self.case = Case(line[4:].strip(), number)
            self.section = (NAMED[self.family.kind], False, [])
        elif line.startswith("==> "):
            self.end_section()
            self.begin_section(number, line[4:].strip())
        elif self.section is not None:
            self.section[2].append(line)
        elif line[:2] in SHORT[self.family.kind]:
            self.short(number, line[2:], SHORT[self.family.kind][line[:2]])
        elif line[:2] == REFUSED:
            self.short(number, line[2:], "refused")
        elif line.strip() and not line.startswith("#"):
            raise Problem(
                f"{self.family.path}:{number}: expected a case, a section or "
                f"a # comment: {line}"
            )

    def begin_section(self, number, words):
        name, _, rest = words.partition(" ")
        escaped = words.endswith(" escaped")
        if name not in SECTIONS[self.family.kind]:
            raise Problem(f"{self.family.path}:{number}: no such section: {name}")
        if name == "file":
            name = "file " + rest.removesuffix(" escaped")
        self.section = (name, escaped, [])

    def short(self, number, text, section):
        self.end_case()
        name = f"? {text}" if section == "key" else text
        self.family.cases.append(Case(name, number, {section: text}))

    def end_section(self):
        if self.section is None:
            return
        name, escaped, lines = self.section
        self.section = None
        while lines and not lines[-1].strip():
            lines.pop()
        text = (
            unescape("".join(lines))
            if escaped
            else "".join(f"{line}\n" for line in lines)
        )
        if not text and name == NAMED[self.family.kind] and not escaped:
            return  # the case begins with another section
        if name == "value" and not escaped:
            text = text.removesuffix("\n")
        (self.case.sections if self.case else self.family.shared)[name] = text

    def end_case(self):
        self.end_section()
        if self.case is not None:
            self.family.cases.append(self.case)
            self.case = None


def unescape(text):
    def one(match):
        code = match[1] or match[2] or match[3]
        if code:
            return chr(int(code, 16))
        if match[4] not in ESCAPES:
            raise Problem(f"No such escape in an escaped section: \\{match[4]}")
        return ESCAPES[match[4]]

    return ESCAPE.sub(one, text)
