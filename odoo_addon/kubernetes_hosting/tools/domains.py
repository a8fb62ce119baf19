# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Domain names as people type them, and as DNS, Ingress and browsers have them."""

import ipaddress
import re

import idna

LONGEST = 253
LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# Nobody owns a name below these, or reaches it from the internet (RFC 6761, 6762, 7686,
# 9476 and the like).
OF_NOBODY = frozenset(
    "alt arpa corp home internal invalid lan local localdomain localhost mail onion"
    " private svc".split()
)


class DomainError(Exception):
    """Why a text is no domain: ``empty``, ``wildcard``, ``address``, ``url``,
    ``single``, ``long``, ``nobody`` or ``letters``."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


def read_domain(text):
    """The name in lower case, its labels as DNS has them, without a dot at its end."""
    name = (text or "").strip()
    if not name:
        raise DomainError("empty")
    if "*" in name:
        raise DomainError("wildcard")
    if re.search(r"[/:?#@\s]", name.strip("[]")) and not _is_address(name):
        raise DomainError("url")
    if _is_address(name):
        raise DomainError("address")
    # People copy names out of zone files.
    name = name.removesuffix(".")
    name = _ascii(name)
    if len(name) > LONGEST:
        raise DomainError("long")
    labels = name.split(".")
    if not all(map(LABEL.fullmatch, labels)):
        raise DomainError("letters")
    # What browsers take for an address in whatever form: 127.1, 0x7f.1
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1]):
        raise DomainError("address")
    if len(labels) < 2:
        raise DomainError("single")
    if labels[-1] in OF_NOBODY:
        raise DomainError("nobody")
    return name


def _is_address(text):
    try:
        ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return False
    return True


def _ascii(name):
    """Each label in letters, digits and hyphens: what is written otherwise by the rules
    of IDNA, and what looks so already only where it is."""
    if len(name) > 1000:
        raise DomainError("long")
    try:
        # It also refuses punycode that nobody would write.
        encoded = idna.encode(name, uts46=True, transitional=False).decode()
        decoded = idna.decode(encoded)
        if idna.encode(decoded).decode() != encoded:
            raise DomainError("letters")
    except UnicodeError as error:
        code = "long" if "too long" in str(error).lower() else "letters"
        raise DomainError(code) from error
    return encoded.lower()


def shown(name):
    """The name as people of its language read it."""
    try:
        return idna.decode(name or "")
    except UnicodeError:
        return name


def is_at_or_below(name, domain):
    """Whether the name is the domain, or one below it."""
    return f".{name}".endswith(f".{domain}")
