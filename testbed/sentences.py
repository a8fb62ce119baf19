# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The sentences that the worker tells, as they stand in its source, for the addon that
words them in the reader's language.

Each is a template of the macro ``sentence!``: Odoo's export finds it in a file of the
addon, which is written here.
"""

import ast
import re

from .instance import CHECKOUT

FILE = CHECKOUT / "odoo_addon" / "kubernetes_hosting" / "tools" / "worker_sentences.py"
HEAD = '''# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What a worker tells. Made by ``make translations`` from the worker's source, and read
by nothing but Odoo's export: ``told.py`` finds the translations by the text.
"""

# pylint: disable=prefer-env-translation

from odoo.tools import LazyTranslate

_lt = LazyTranslate(__name__)

SENTENCES = (
'''
WIDTH = 88
# What is told to nobody: tests at the end of a file, and comments.
UNTOLD = re.compile(
    r"^#\[cfg\(test\)\]\n(?:pub(?:\(\w+\))? )?mod \w+ \{.*|^\s*//.*?$", re.M | re.S
)
TEMPLATE = re.compile(r'\bsentence!\(\s*"((?:[^"\\]|\\.)*)"', re.S)
ESCAPED = re.compile(r"\\(\n\s*|.)", re.S)
SIGNS = {"n": "\n", "t": "\t"}


def templates():
    """The templates in the worker's source, sorted, each once."""
    found = set()
    for path in (CHECKOUT / "src").rglob("*.rs"):
        if not path.name.endswith("tests.rs"):
            source = UNTOLD.sub("", path.read_text())
            found |= {_unescaped(text) for text in TEMPLATE.findall(source)}
    return sorted(found)


def _unescaped(text):
    """A string literal of Rust as the text that it stands for."""

    def sign(escaped):
        one = escaped[1]
        return "" if one.isspace() else SIGNS.get(one, one)

    return ESCAPED.sub(sign, text)


def known():
    """The templates in the addon's file."""
    (sentences,) = (
        node.value
        for node in ast.parse(FILE.read_text()).body
        if isinstance(node, ast.Assign) and node.targets[0].id == "SENTENCES"
    )
    return [call.args[0].value for call in sentences.elts]


def write():
    calls = "".join(_call(text) for text in templates())
    FILE.write_text(f"{HEAD}{calls})\n")


def _call(text):
    """``_lt("…"),``, in as many lines as it needs."""
    whole = f"    _lt({_literal(text)}),\n"
    if len(whole) <= WIDTH + 1:
        return whole
    lines, line = [], ""
    for word in re.findall(r"\s*\S+|\s+", text):
        if line and len(_literal(line + word)) > WIDTH - 8:
            lines.append(line)
            line = ""
        line += word
    lines.append(line)
    parts = "".join(f"        {_literal(line)}\n" for line in lines)
    return f"    _lt(\n{parts}    ),\n"


def _literal(text):
    """A text as a literal of Python, in the quotes that the formatter would take."""
    quote = "'" if '"' in text and "'" not in text else '"'
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\t", "\\t")
    return quote + escaped.replace(quote, f"\\{quote}") + quote
