# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What is told in English, by a worker or by Odoo itself, and is read in the reader's
language.

Beside such a text stands what it is made of, its *words*, as the contract has them: a
text that is quoted as it is, a template (``{"text", "values"}``) or several of these
(``{"join", "items"}``). The templates are terms to translate: Odoo's own stand
in ``sentences.py`` or are another addon's (``module``), the worker's in
``worker_sentences.py``. One that is not known is shown in English.
"""

import re

from odoo.exceptions import UserError
from odoo.tools.translate import code_translations

MODULE = "kubernetes_hosting"
# A named place of a template, or a brace that is meant.
PLACE = re.compile(r"\{\{|\}\}|\{(\w+)\}")


class Told(str):
    """An English text that knows what it is made of."""

    __slots__ = ("words",)

    def __new__(cls, text, words=None):
        told = super().__new__(cls, text)
        told.words = words
        return told


def told(template, /, **values):
    """A sentence of Odoo's own, by one of ``sentences.py``; a value is a text or a
    sentence."""
    words = {
        "text": template._source,
        "module": template._module,
        "values": {name: words_of(value) for name, value in values.items()},
    }
    return Told(_text(words, "en_US"), words)


class ToldError(UserError):
    """A refusal that may be kept, for readers of other languages: ``told`` is what it
    tells."""

    def __init__(self, env, message):
        self.told = message
        super().__init__(worded(env, message, words_of(message)))


def joined(join, items):
    """Several sentences or texts, one after the other; False where there are none."""
    items = [item for item in items if item]
    if len(items) < 2:
        return items[0] if items else False
    words = {"join": join, "items": [words_of(item) for item in items]}
    return Told(join.join(map(str, items)), words)


def words_of(text):
    """What a text is made of, at least itself."""
    return getattr(text, "words", None) or str(text)


def told_by(record, name):
    """What a record's field of this name tells, or False."""
    text = record[name]
    return text and Told(text, record[f"{name}_words"] or None)


def told_values(name, text):
    """The values of a field of this name and of the one beside it."""
    return {
        name: str(text) if text else False,
        f"{name}_words": getattr(text, "words", None) or False,
    }


def said(values, name="message"):
    """What a worker says in the contract's member of this name, or False."""
    text = values.get(name)
    return text and Told(text, values.get(f"{name}_words"))


def error(code, message, hint):
    """A problem of Odoo's own, as the contract has it."""
    return {
        "code": code,
        **told_values("message", message),
        **told_values("hint", hint),
    }


def worded(env, text, words):
    """The text in the language of ``env``."""
    return _text(words, env.lang or "en_US") if text and words else text


def worded_problem(env, problem):
    """A problem, the contract's, in the language of ``env``."""
    return problem | {
        name: worded(env, problem.get(name), problem.get(f"{name}_words"))
        for name in ("message", "hint")
    }


def show(records, *names):
    """Compute the fields that show those of these names in the reader's language."""
    for record in records:
        for name in names:
            words = record[f"{name}_words"]
            record[f"{name}_shown"] = worded(record.env, record[name], words)


def _text(words, lang):
    if isinstance(words, str):
        return words
    if "join" in words:
        return words["join"].join(_text(item, lang) for item in words["items"])

    def filled(place):
        name = place[1]
        return _text(words["values"].get(name, ""), lang) if name else place[0][0]

    module = words.get("module", MODULE)
    terms = code_translations.get_python_translations(module, lang)
    return PLACE.sub(filled, terms.get(words["text"], words["text"]))
