# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import re

from lxml import html

BLOCKS = frozenset("address div h1 h2 h3 h4 h5 h6 hr li ol p table td tr ul".split())
UNSEEN = frozenset(["head", "script", "style", "title"])


def plain_text(body):
    """The text of an HTML mail as it stands, one block a line, links after their text.

    Unlike Odoo's ``html2plaintext`` it adds no marks for bold and the like: they would
    be read as part of a password.
    """
    if not body.strip():
        return ""
    lines = "".join(_pieces(html.fromstring(f"<div>{body}</div>"))).split("\n")
    text = "\n".join(" ".join(line.split()) for line in lines)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _pieces(element):
    if not isinstance(element.tag, str) or element.tag in UNSEEN:
        return
    if element.tag == "br":
        yield "\n"
        return
    block = element.tag in BLOCKS
    if block:
        yield "\n"
    # Line ends in the source are spaces to a reader.
    yield _spaces(element.text)
    for child in element:
        yield from _pieces(child)
        yield _spaces(child.tail)
    link = element.get("href") if element.tag == "a" else None
    if link and link not in element.text_content():
        yield f": {link}"
    if block:
        yield "\n"


def _spaces(text):
    return re.sub(r"\s+", " ", text or "")
