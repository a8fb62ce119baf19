# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import re
import unicodedata

import idna

from odoo.tools.mail import email_split_and_normalize, formataddr

from ..tools.sentences import NO_DOMAIN, NOT_LOCAL, TOO_LONG, UNSEEN_SIGN
from ..tools.told import told

# RFC 5321, 4.5.3.1, in bytes; the whole is what fits into its paths.
LONGEST_LOCAL_PART = 64
LONGEST_DOMAIN = 253
LONGEST_ADDRESS = 254
# RFC 5322's dot-atom, with what RFC 6531 adds beyond ASCII.
ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+"
LOCAL_PART = re.compile(rf"{ATOM}(\.{ATOM})*")
# No host has an underscore, but some mail domains do.
LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
DOMAIN = re.compile(rf"{LABEL}(\.{LABEL})*|\[[0-9a-z.:]+\]")
PUBLIC_DOMAIN = re.compile(rf"{LABEL}(\.{LABEL})+")


def mail_addresses(text):
    """The addresses in a field that holds one or several, as Odoo's own mail finds
    them: those that can be mailed as pairs of name and address, each once and its
    domain in ASCII (IDNA), as mail servers take it; and why the others cannot be."""
    found, refused = {}, []
    for name, address in email_split_and_normalize(text):
        local, _at, domain = address.rpartition("@")
        domain = _ascii_domain(domain)
        problem = _address_problem(local, domain, address)
        if problem:
            refused.append(problem)
        else:
            found.setdefault(f"{local}@{domain}", name)
    return [(name, address) for address, name in found.items()], refused


def formatted_address(name, address):
    """``"Name" <address>`` on one line."""
    seen = "".join(
        " " if unicodedata.category(sign) == "Cc" else sign for sign in name or ""
    )
    return formataddr((" ".join(seen.split()), address))


def is_public_address(address):
    """Whether it leads to the same mailbox whoever sends to it: not to one of the
    sending server's own network."""
    return bool(PUBLIC_DOMAIN.fullmatch(address.rpartition("@")[2]))


def _ascii_domain(domain):
    """The domain as DNS has it, without the root's dot; as it is where it is none."""
    domain = domain.removesuffix(".")
    try:
        return domain if domain.isascii() else idna.encode(domain).decode()
    except idna.IDNAError:
        return domain


def _address_problem(local, domain, address):
    """Why the address cannot be mailed, or None. What is not ASCII before the @ can
    be: by servers that say so (SMTPUTF8)."""
    shown = address[:LONGEST_LOCAL_PART]
    for sign in local + domain:
        if unicodedata.category(sign)[0] in "CZ":
            seen = f"U+{ord(sign):04X} {unicodedata.name(sign, '')}".rstrip()
            return told(UNSEEN_SIGN, address=shown, sign=seen)
    if (
        len(local.encode()) > LONGEST_LOCAL_PART
        or len(domain) > LONGEST_DOMAIN
        or len(f"{local}@{domain}".encode()) > LONGEST_ADDRESS
    ):
        return told(
            TOO_LONG, address=shown, local=LONGEST_LOCAL_PART, all=LONGEST_ADDRESS
        )
    if not LOCAL_PART.fullmatch(local):
        return told(NOT_LOCAL, address=shown)
    if not DOMAIN.fullmatch(domain):
        return told(NO_DOMAIN, address=shown)
    return None
