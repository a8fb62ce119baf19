# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A double of Mailgun: its documented HTTP API, strictly, on loopback.

``python3 -m testbed.mailgun_double --port N --state DIR`` serves the US region on
port N (``--eu-port`` adds the EU region of the same account) and shows the mails it
received on ``/_double/``. No mail ever leaves it.

What it keeps apart from a permissive mock: names are taken once over all accounts and
regions; a new domain may not be visible yet; a domain becomes active only when its SPF
and DKIM records are published; forms, limits and error texts are Mailgun's.

Tests steer it by JSON under ``/_double/``:

- ``GET messages`` (``?to=`` one recipient), ``DELETE messages``: the mails received.
- ``GET domains``: each with its region, state, records and logins.
- ``GET registrations``: the names that were registered, in order, again each time.
- ``POST domains``: ``{"name": "…"}``, the account (US) has this domain, verified.
- ``POST domains/NAME``: ``{"state": "disabled", "reason": "…"}`` or another state.
- ``POST taken``: ``{"name": "…"}``, another account has this name.
- ``GET dns``, ``POST dns``, ``DELETE dns``: the records that are published, given as
  ``{"records": [{"type", "name", "value", "priority"}]}``, as a DNSEndpoint object
  (which replaces itself) or as a list of them.
- ``GET settings``, ``POST settings``: see SETTINGS.
- ``GET faults``, ``POST faults``, ``DELETE faults``: see FAULTS.
- ``POST smtp-login``: ``{"login", "password"}``, whether SMTP would let them in.
- ``DELETE state``: everything as on the first day.
"""

import argparse
import base64
import email
import hashlib
import hmac
import html
import json
import math
import re
import secrets
import signal
import socket
import sys
import threading
import time
import urllib.parse
from collections import deque
from dataclasses import dataclass
from email.utils import formatdate, getaddresses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from .instance import write_private

NOTICE = (
    "This is a double of Mailgun for trying things out: no mail leaves this machine."
)

#: What can be switched by POST /_double/settings, with its value on the first day.
SETTINGS = {
    # Requests that a new domain answers with 404 (Mailgun is eventually consistent).
    "not_found_for": 0,
    # Requests that a deleted domain still answers (Mailgun deletes in the background).
    "delete_lag": 0,
    # Requests a window to the domains API; 0 switches the limit off.
    "rate_limit": 300,
    "rate_window_seconds": 60,
    # Mails a day from a domain that is not verified.
    "unverified_daily_limit": 300,
}

#: What can go wrong on purpose, as ``{"fault", "count", "method", "path", …}``: it
#: befalls the next ``count`` (1) requests with this method and part of a path (any).
FAULTS = {
    "unauthorized": "401, as for a revoked key",
    "server_error": "500",
    "html": "a page instead of JSON; `status` (200)",
    "rate_limit": "429; `seconds` (60)",
    "bare": "the request is carried out and answered with the message alone, as the"
    " mock in Mailgun's own Go client does",
    "empty": "the request is carried out and answered without a body; `status` (200)",
    "odd": "the request is carried out; numbers and truth values of its answer come as"
    " texts, what may be absent is null, and there is more than is documented",
    "slow": "the request is carried out and answered `seconds` (5) later",
    "cut": "the connection ends without an answer; `when` is `before` (the request"
    " is lost) or `after` (it was carried out)",
}

HOSTS = {"us": "mailgun.org", "eu": "eu.mailgun.org"}
LARGEST_REQUEST = 26 * 1024 * 1024
LARGEST_OPTIONS = 16 * 1024
MOST_RECIPIENTS = 1000
DOMAIN_FIELDS = {
    "name",
    "smtp_password",
    "spam_action",
    "wildcard",
    "force_dkim_authority",
    "dkim_key_size",
    "dkim_selector",
    "web_scheme",
    "web_prefix",
    "use_automatic_sender_security",
}
BOOLEANS = {"true": True, "yes": True, "false": False, "no": False}
LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
DOMAIN_NAME = re.compile(rf"({LABEL}\.)+{LABEL}")
LOCAL_PART = re.compile(r"""[^\x00-\x20\x7f()<>,;:\\"\[\]@]+|"[^\x00-\x1f\x7f"]+\"""")
ATOM = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+")


class Refused(Exception):
    """An answer other than 200."""

    def __init__(self, status, message, **members):
        super().__init__(message)
        self.status = status
        self.body = {"message": message, **members}


class Form:
    """The fields of a request, in order, and its files by name and size."""

    def __init__(self, fields=(), files=()):
        self.fields = list(fields)
        self.files = list(files)

    def all(self, name):
        return [value for field, value in self.fields if field == name]

    def get(self, name, default=None):
        return next(iter(self.all(name)), default)

    def names(self):
        return {name for name, _ in self.fields}

    def prefixed(self, prefix):
        return [(n[len(prefix) :], v) for n, v in self.fields if n.startswith(prefix)]


def read_form(content_type, body, urlencoded=False):
    """Read a form as multipart or, where that is documented too, urlencoded."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        return read_multipart(content_type, body)
    if urlencoded and kind == "application/x-www-form-urlencoded":
        return Form(urllib.parse.parse_qsl(body.decode(), keep_blank_values=True))
    raise Refused(400, f"expected a multipart/form-data request, not {kind or 'none'}")


def read_multipart(content_type, body):
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    parsed = email.message_from_bytes(head + body)
    if not parsed.is_multipart() or parsed.defects:
        raise Refused(400, "the multipart/form-data request cannot be read")
    form = Form()
    for part in parsed.get_payload():
        # As raw bytes: the email package replaces what is not ASCII.
        raw = {name.lower(): value for name, value in part.raw_items()}
        disposition = raw.get("content-disposition", "")
        name = re.search(r';\s*name="([^"]*)"', disposition)
        if not name:
            raise Refused(400, "a part of the multipart/form-data request has no name")
        name = name[1].encode(errors="surrogateescape").decode()
        value = part.get_payload(decode=True)
        if part.get_filename():
            form.files.append({"name": part.get_filename(), "bytes": len(value)})
        else:
            form.fields.append((name, value.decode()))
    return form


class Mailgun:
    """The account and all that it has, in both regions; kept in one file."""

    def __init__(self, folder, key):
        self.file = Path(folder) / "mailgun.json"
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.key = key
        self.lock = threading.RLock()
        self.requests = deque()
        self.forget()
        try:
            self.data |= json.loads(self.file.read_text())
        except FileNotFoundError:
            pass

    def forget(self):
        self.data = {
            "settings": dict(SETTINGS),
            "domains": {},
            "registrations": [],
            "taken": [],
            "records": [],
            "endpoints": {},
            "faults": [],
            "messages": [],
            "last_message": 0,
        }
        self.requests.clear()

    def save(self):
        write_private(self.file, json.dumps(self.data, indent=1))

    def setting(self, name):
        return self.data["settings"][name]

    # -- what every request meets

    def take_fault(self, method, path):
        """The fault that this request is to suffer, if any."""
        with self.lock:
            for fault in self.data["faults"]:
                if fault["method"] in ("", method) and fault["path"] in path:
                    fault["count"] -= 1
                    if not fault["count"]:
                        self.data["faults"].remove(fault)
                    self.save()
                    return fault
        return None

    def check_key(self, authorization):
        scheme, _, text = authorization.partition(" ")
        try:
            given = base64.b64decode(text, validate=True)
        except ValueError:
            given = b""
        if scheme.lower() != "basic" or not hmac.compare_digest(
            given, f"api:{self.key}".encode()
        ):
            raise Refused(401, "Invalid private key")

    def check_rate(self):
        limit = self.setting("rate_limit")
        window = self.setting("rate_window_seconds")
        now = time.monotonic()
        while self.requests and self.requests[0] <= now - window:
            self.requests.popleft()
        if limit and len(self.requests) >= limit:
            wait = math.ceil(self.requests[0] + window - now)
            raise too_many(max(wait, 1))
        self.requests.append(now)

    # -- domains

    def find(self, region, name, text="Domain not found"):
        """The domain as this request sees it: not yet, still, or no longer there."""
        entry = self.data["domains"].get(name)
        if entry is None or entry["region"] != region:
            raise Refused(404, text)
        if entry["visible_in"]:
            entry["visible_in"] -= 1
            self.save()
            raise Refused(404, text)
        if entry["gone_in"] is not None:
            if not entry["gone_in"]:
                self.drop(name)
                raise Refused(404, text)
            entry["gone_in"] -= 1
            self.save()
        return entry

    def drop(self, name):
        del self.data["domains"][name]
        self.save()

    def list_domains(self, call):
        items = [
            entry["domain"]
            for entry in reversed(self.data["domains"].values())
            if entry["region"] == call.region and not entry["visible_in"]
        ]
        if "state" in call.query:
            if call.query["state"] not in ("active", "unverified", "disabled"):
                raise Refused(400, "invalid state")
            items = [item for item in items if item["state"] == call.query["state"]]
        if "search" in call.query:
            items = [item for item in items if call.query["search"] in item["name"]]
        return {"total_count": len(items), "items": page(items, call.query, most=1000)}

    def create_domain(self, call):
        form = call.form()
        name = form.get("name", "")
        unknown = form.names() - DOMAIN_FIELDS
        if unknown:
            raise Refused(400, f"unknown parameter: {', '.join(sorted(unknown))}")
        if not name:
            raise Refused(400, "name is required")
        if not DOMAIN_NAME.fullmatch(name) or len(name) > 253:
            raise Refused(400, f"{name} is not a valid domain name")
        check_choice(form, "spam_action", ("disabled", "block", "tag"))
        check_choice(form, "dkim_key_size", ("1024", "2048"))
        check_choice(form, "web_scheme", ("http", "https"))
        for field in (
            "wildcard",
            "force_dkim_authority",
            "use_automatic_sender_security",
        ):
            check_choice(form, field, BOOLEANS)
        selector = form.get("dkim_selector", "mx")
        check_selector(selector)
        password = form.get("smtp_password")
        if password is not None:
            check_password(password)
        there = self.data["domains"].get(name)
        if there and there["gone_in"] == 0:
            self.drop(name)
        elif there and there["region"] == call.region:
            raise Refused(400, f"Domain {name} already exists")
        elif there or name in self.data["taken"]:
            raise Refused(400, f"Domain {name} is already taken")

        entry = new_domain(call.region, form, selector)
        if not BOOLEANS[form.get("force_dkim_authority", "false")]:
            self.sign_as_parent(entry)
        entry["visible_in"] = self.setting("not_found_for")
        self.data["domains"][name] = entry
        self.data["registrations"].append(name)
        shown = dict(entry["domain"])
        if password is not None:
            entry["credentials"][shown["smtp_login"]] = new_credential(password)
            shown["smtp_password"] = password
        self.save()
        answer = details("Domain DNS records have been created", entry)
        return answer | {"domain": shown}

    def sign_as_parent(self, entry):
        """Without force_dkim_authority the account's parent domain signs for it."""
        parent = entry["domain"]["name"]
        while "." in parent:
            parent = parent.partition(".")[2]
            above = self.data["domains"].get(parent)
            if above and above["region"] == entry["region"]:
                entry["sending"][1] = dict(
                    above["sending"][1], valid="unknown", cached=[]
                )
                return

    def get_domain(self, call):
        entry = self.find(call.region, call.name)
        answer = details("", entry)
        del answer["message"]
        return answer

    def verify_domain(self, call):
        entry = self.find(call.region, call.name)
        published = self.published()
        for record in entry["sending"] + entry["receiving"]:
            look_up(record, published)
        if entry["domain"]["state"] != "disabled":
            needed = [r for r in entry["sending"] if r["record_type"] == "TXT"]
            valid = all(record["valid"] == "valid" for record in needed)
            entry["domain"]["state"] = "active" if valid else "unverified"
        self.save()
        return details("Domain DNS records have been updated", entry)

    def delete_domain(self, call):
        entry = self.find(call.region, call.name)
        if entry["domain"]["state"] == "disabled":
            raise Refused(403, "A disabled domain cannot be deleted")
        entry["gone_in"] = self.setting("delete_lag")
        if not entry["gone_in"]:
            self.drop(call.name)
        self.save()
        return {"message": "Domain will be deleted in the background"}

    def set_selector(self, call):
        form = call.form(urlencoded=True)
        entry = self.find(call.region, call.name)
        selector = form.get("dkim_selector")
        if not selector:
            raise Refused(400, "dkim_selector param required")
        check_selector(selector)
        for record in entry["sending"]:
            if "._domainkey." in record["name"]:
                record["name"] = f"{selector}._domainkey.{call.name}"
                record["valid"] = "unknown"
        self.save()
        return {"message": "updated dkim selector"}

    # -- credentials

    def list_credentials(self, call):
        known = self.find(call.region, call.name)["credentials"]
        items = [
            {
                "created_at": credential["created_at"],
                "login": login,
                "mailbox": login,
                "size_bytes": None,
            }
            for login, credential in known.items()
        ]
        return {"total_count": len(items), "items": page(items, call.query, most=1000)}

    def create_credential(self, call):
        form = call.form()
        entry = self.find(call.region, call.name)
        login = form.get("login") or form.get("mailbox")
        if not login:
            raise Refused(400, "login is required")
        check_password(form.get("password", ""))
        login = full_login(login, call.name)
        if login in entry["credentials"]:
            raise Refused(400, f"Credentials {login} already exist")
        entry["credentials"][login] = new_credential(form.get("password"))
        self.save()
        return {"message": "Created 1 credentials pair(s)"}

    def change_credential(self, call):
        form = call.form()
        entry = self.find(call.region, call.name)
        check_password(form.get("password", ""))
        login = full_login(call.login, call.name)
        if login not in entry["credentials"]:
            raise Refused(404, "Credentials not found")
        entry["credentials"][login] |= {"digest": digest(form.get("password"))}
        self.save()
        return {"message": "Password changed"}

    def delete_credential(self, call):
        entry = self.find(call.region, call.name)
        if entry["credentials"].pop(full_login(call.login, call.name), None) is None:
            raise Refused(404, "Credentials not found")
        self.save()
        return {
            "message": "Credentials have been deleted",
            "spec": full_login(call.login, call.name),
        }

    def smtp_login(self, login, password):
        name = login.rpartition("@")[2]
        known = self.data["domains"].get(name, {}).get("credentials", {})
        return login in known and known[login]["digest"] == digest(password)

    # -- messages

    def send(self, call):
        form = call.form(urlencoded=True)
        entry = self.find(call.region, call.name, f"Domain not found: {call.name}")
        check_message(form)
        check_allowance(entry, form, self.setting("unverified_daily_limit"))
        number = self.data["last_message"] = self.data["last_message"] + 1
        headers = form.prefixed("h:")
        given = [value for header, value in headers if header.lower() == "message-id"]
        stamp = time.strftime("%Y%m%d%H%M%S", time.gmtime())
        message = {
            "number": number,
            "id": (given or [f"<{stamp}.{secrets.token_hex(8)}@{call.name}>"])[0],
            "received_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "domain": call.name,
            "domain_state": entry["domain"]["state"],
            "from": form.get("from"),
            "to": form.all("to"),
            "cc": form.all("cc"),
            "bcc": form.all("bcc"),
            "subject": form.get("subject", ""),
            "text": form.get("text"),
            "html": form.get("html"),
            "headers": headers,
            "tags": form.all("o:tag"),
            "options": [item for item in form.prefixed("o:") if item[0] != "tag"],
            "variables": form.prefixed("v:"),
            "files": form.files,
        }
        self.data["messages"].append(message)
        self.save()
        return {"id": message["id"], "message": "Queued. Thank you."}

    def messages(self, to=None):
        found = []
        for message in self.data["messages"]:
            addresses = [address for _, address in getaddresses(message["to"])]
            if to is None or to in addresses:
                found.append(message)
        return found

    # -- published records

    def publish(self, given):
        """Take plain records, or external-dns' DNSEndpoint objects."""
        if isinstance(given, list):
            for item in given:
                self.publish(item)
        elif not isinstance(given, dict):
            raise Refused(400, "neither records nor DNSEndpoint objects")
        elif isinstance(given.get("items"), list):
            self.publish(given["items"])
        elif given.get("kind") == "DNSEndpoint":
            metadata = given.get("metadata", {})
            identity = f"{metadata.get('namespace')}/{metadata.get('name')}"
            self.data["endpoints"][identity] = endpoint_records(given)
        elif isinstance(given.get("records"), list):
            self.data["records"] += [
                plain_record(record) for record in given["records"]
            ]
        else:
            raise Refused(400, "neither records nor DNSEndpoint objects")
        self.save()

    def published(self):
        return self.data["records"] + [
            record for records in self.data["endpoints"].values() for record in records
        ]

    # -- how tests steer it

    def change_settings(self, given):
        for name, value in given.items():
            if name not in SETTINGS:
                raise Refused(
                    400, f"unknown setting {name}; there are {', '.join(SETTINGS)}"
                )
            if (
                not isinstance(value, int | float)
                or isinstance(value, bool)
                or value < 0
            ):
                raise Refused(400, f"{name} must be a number, at least 0")
        self.data["settings"] |= given
        self.save()

    def add_fault(self, given):
        if given.get("fault") not in FAULTS:
            raise Refused(400, f"fault must be one of {', '.join(FAULTS)}")
        fault = {"count": 1, "method": "", "path": "", **given}
        if not isinstance(fault["count"], int) or fault["count"] < 1:
            raise Refused(400, "count must be a whole number, at least 1")
        if fault.get("when", "before") not in ("before", "after"):
            raise Refused(400, "when must be before or after")
        self.data["faults"].append(fault)
        self.save()

    def add_domain(self, name):
        """As if somebody had registered and verified it long ago."""
        if not isinstance(name, str) or not DOMAIN_NAME.fullmatch(name):
            raise Refused(400, f"{name} is not a valid domain name")
        if name not in self.data["domains"]:
            form = Form([("name", name)])
            self.data["domains"][name] = new_domain("us", form, "mx")
            self.set_state(name, {"state": "active"})

    def set_state(self, name, given):
        entry = self.data["domains"].get(name)
        if entry is None:
            raise Refused(404, f"there is no domain {name}")
        if given.get("state") not in ("unverified", "active", "disabled"):
            raise Refused(400, "state must be unverified, active or disabled")
        domain = entry["domain"]
        domain["state"] = given["state"]
        domain["is_disabled"] = given["state"] == "disabled"
        domain.pop("disabled", None)
        if domain["is_disabled"]:
            domain["disabled"] = {
                "code": "disabled",
                "note": "",
                "permanently": False,
                "reason": given.get("reason", "Please contact support."),
            }
        self.save()

    def overview(self):
        return [
            {
                "region": entry["region"],
                **entry["domain"],
                "records": entry["sending"] + entry["receiving"],
                "logins": list(entry["credentials"]),
            }
            for entry in self.data["domains"].values()
        ]


def odd(answer):
    """The same answer as another release of the API might write it."""
    if isinstance(answer, list):
        return [odd(item) for item in answer]
    if isinstance(answer, dict):
        more = {"added_later": {"a": [1]}, "message": None, "id": 5}
        return more | {name: odd(value) for name, value in answer.items()}
    if isinstance(answer, bool | int | float):
        return str(answer).lower()
    return answer or None


def too_many(seconds):
    return Refused(429, "Too many requests", **{"retry-seconds": seconds})


def page(items, query, most):
    try:
        skip, limit = int(query.get("skip", 0)), int(query.get("limit", 100))
    except ValueError as error:
        raise Refused(400, "skip and limit must be whole numbers") from error
    if skip < 0 or not 0 < limit <= most:
        raise Refused(400, f"limit must be from 1 to {most}, skip at least 0")
    return items[skip : skip + limit]


def check_choice(form, field, choices):
    value = form.get(field)
    if value is not None and value not in choices:
        raise Refused(400, f"{field} must be one of {', '.join(choices)}")


def check_selector(selector):
    if not ATOM.fullmatch(selector) or len(selector) > 63:
        raise Refused(400, "dkim_selector must be a valid atom")


def check_password(password):
    if not 5 <= len(password) <= 32:
        raise Refused(400, "password should be in range 5-32 characters")


def check_message(form):
    for field in ("from", "to"):
        if not form.get(field):
            raise Refused(400, f"{field} parameter is missing")
    for field in ("from", "to", "cc", "bcc"):
        addresses = [address for _, address in getaddresses(form.all(field))]
        if not all(is_address(address) for address in addresses):
            raise Refused(
                400,
                f"'{field}' parameter is not a valid address."
                " please check documentation",
            )
        if len(addresses) > MOST_RECIPIENTS:
            raise Refused(400, f"Too many recipients; max is {MOST_RECIPIENTS}")
    if not form.names() & {"text", "html", "amp-html", "template"}:
        raise Refused(
            400,
            "Need at least one of 'text', 'html', 'amp-html' or 'template' parameters"
            " specified",
        )
    if {"html", "template"} <= form.names():
        raise Refused(400, "Only one parameters 'html' or 'template' is allowed")
    options = [(n, v) for n, v in form.fields if n[:2] in ("o:", "h:", "v:")]
    for name, _ in options:
        if not name.isascii():
            raise Refused(400, f"Header name must be pure ASCII: {name[2:]}")
    if sum(len(n.encode()) + len(v.encode()) for n, v in options) > LARGEST_OPTIONS:
        raise Refused(
            400,
            "Send options (parameters starting with o:, h:, or v:) are limited to 16 kB"
            " total",
        )


def is_address(text):
    """Before the @ it may hold any script (SMTPUTF8), behind it too (IDN)."""
    local, _at, domain = text.rpartition("@")
    try:
        name = domain.encode("idna").decode().lower()
    except UnicodeError:
        return False
    dots = local.startswith(".") or local.endswith(".") or ".." in local
    return bool(
        len(local.encode()) <= 64
        and LOCAL_PART.fullmatch(local)
        and (local.startswith('"') or not dots)
        and DOMAIN_NAME.fullmatch(name)
    )


def check_allowance(entry, form, unverified_limit):
    """Count the mails of a message, unless the domain may not send them."""
    domain = entry["domain"]
    refusal = f"Domain {domain['name']} is not allowed to send: "
    if domain["state"] == "disabled":
        raise Refused(403, refusal + domain["disabled"]["reason"])
    today = time.strftime("%Y-%m-%d", time.gmtime())
    sent = entry["sent"]["mails"] if entry["sent"]["day"] == today else 0
    sent += len(getaddresses(form.all("to") + form.all("cc") + form.all("bcc")))
    if domain["state"] == "unverified" and sent > unverified_limit:
        raise Refused(
            403,
            f"{refusal}The domain is unverified and requires DNS configuration."
            " Log in to your control panel to view required DNS records.",
        )
    entry["sent"] = {"day": today, "mails": sent}


def full_login(login, domain):
    return login if "@" in login else f"{login}@{domain}"


def digest(password):
    return hashlib.sha256(password.encode()).hexdigest()


def new_credential(password):
    return {"created_at": formatdate(usegmt=True), "digest": digest(password)}


def new_domain(region, form, selector):
    name = form.get("name")
    host = HOSTS[region]
    prefix = form.get("web_prefix", "email")
    # It signs nothing, but is as long as a key: who publishes it meets TXT's limits.
    key_bytes = 294 if form.get("dkim_key_size") == "2048" else 162
    key = base64.b64encode(secrets.token_bytes(key_bytes)).decode()

    def record(kind, record_name, value, **more):
        return {
            "cached": [],
            "is_active": True,
            "name": record_name,
            "record_type": kind,
            "valid": "unknown",
            "value": value,
            **more,
        }

    return {
        "region": region,
        "visible_in": 0,
        "gone_in": None,
        "credentials": {},
        "sent": {"day": "", "mails": 0},
        "domain": {
            "created_at": formatdate(usegmt=True),
            "id": secrets.token_hex(12),
            "is_disabled": False,
            "name": name,
            "require_tls": False,
            "skip_verification": False,
            "smtp_login": f"postmaster@{name}",
            "spam_action": form.get("spam_action", "disabled"),
            "state": "unverified",
            "type": "custom",
            "use_automatic_sender_security": BOOLEANS[
                form.get("use_automatic_sender_security", "false")
            ],
            "web_prefix": prefix,
            "web_scheme": form.get("web_scheme", "http"),
            "wildcard": BOOLEANS[form.get("wildcard", "false")],
        },
        "sending": [
            record("TXT", name, f"v=spf1 include:{host} ~all"),
            record("TXT", f"{selector}._domainkey.{name}", f"k=rsa; p={key}"),
            record("CNAME", f"{prefix}.{name}", host),
        ],
        "receiving": [
            record("MX", name, f"mxa.{host}", priority="10"),
            record("MX", name, f"mxb.{host}", priority="10"),
        ],
    }


def details(message, entry):
    return {
        "message": message,
        "domain": entry["domain"],
        "receiving_dns_records": entry["receiving"],
        "sending_dns_records": entry["sending"],
    }


def plain_record(record):
    try:
        kind, name, value = (record[member] for member in ("type", "name", "value"))
    except (KeyError, TypeError) as error:
        raise Refused(400, "a record needs type, name and value") from error
    if kind == "MX":
        value = f"{record.get('priority', 10)} {value}"
    return {"type": kind, "name": host_name(name), "value": dns_value(kind, value)}


def endpoint_records(endpoint):
    try:
        return [
            {
                "type": item["recordType"],
                "name": host_name(item["dnsName"]),
                "value": dns_value(item["recordType"], target),
            }
            for item in endpoint["spec"]["endpoints"]
            for target in item["targets"]
        ]
    except (KeyError, TypeError) as error:
        raise Refused(
            400, "a DNSEndpoint needs spec.endpoints with dnsName, recordType, targets"
        ) from error


def host_name(name):
    return name.rstrip(".").lower()


def dns_value(kind, value):
    """A value as it is compared, without a TXT record's quotes or a last dot."""
    if kind != "TXT":
        return host_name(" ".join(value.split()))
    if value.startswith('"'):
        return "".join(re.findall(r'"([^"]*)"', value))
    return value


def look_up(record, published):
    """What Mailgun finds for one of its records in what is published."""
    kind = record["record_type"]
    wanted = record["value"]
    if kind == "MX":
        wanted = f"{record['priority']} {wanted}"
    found = [
        item["value"]
        for item in published
        if item["type"] == kind and item["name"] == host_name(record["name"])
    ]
    record["cached"] = found
    if dns_value(kind, wanted) in found:
        record["valid"] = "valid"
    else:
        record["valid"] = "invalid" if found else "unknown"


# -- over HTTP

NAME = r"(?P<name>[^/]+)"
LOGIN = r"(?P<login>[^/]+)"


OLD = f"/v3/domains/{NAME}"

API = [
    (method, re.compile(path), run)
    for method, path, run in [
        ("GET", "/v4/domains", Mailgun.list_domains),
        ("POST", "/v4/domains", Mailgun.create_domain),
        ("GET", f"/v4/domains/{NAME}", Mailgun.get_domain),
        ("PUT", f"/v4/domains/{NAME}/verify", Mailgun.verify_domain),
        ("DELETE", OLD, Mailgun.delete_domain),
        ("PUT", f"{OLD}/dkim_selector", Mailgun.set_selector),
        ("GET", f"{OLD}/credentials", Mailgun.list_credentials),
        ("POST", f"{OLD}/credentials", Mailgun.create_credential),
        ("PUT", f"{OLD}/credentials/{LOGIN}", Mailgun.change_credential),
        ("DELETE", f"{OLD}/credentials/{LOGIN}", Mailgun.delete_credential),
        ("POST", f"/v3/{NAME}/messages", Mailgun.send),
    ]
]


@dataclass
class Call:
    """One request to the API: in which region, to what, with which parameters."""

    region: str
    query: dict
    content_type: str
    body: bytes
    name: str = ""
    login: str = ""

    def form(self, urlencoded=False):
        return read_form(self.content_type, self.body, urlencoded)


class Request(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "Chandlery-Mailgun-Double"

    @property
    def mailgun(self):
        return self.server.mailgun

    def json(self):
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise Refused(400, f"the body is not JSON: {error}") from error

    def answer_all(self):
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal():
            self.close_connection = True
            return self.reply(411, {"message": "Content-Length is required"})
        if int(length) > LARGEST_REQUEST:
            self.close_connection = True
            return self.reply(413, {"message": "The request is larger than 25 MB"})
        self.body = self.rfile.read(int(length))
        path, _, query = self.path.partition("?")
        self.query = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        try:
            if path == "/_double" or path.startswith("/_double/"):
                return self.steer(path.removeprefix("/_double").strip("/"))
            return self.api(path)
        except UnicodeDecodeError:
            return self.reply(400, {"message": "the request is not UTF-8"})
        except Refused as refused:
            return self.reply(refused.status, refused.body)

    do_GET = do_POST = do_PUT = do_DELETE = answer_all

    # -- Mailgun's API

    def api(self, path):
        fault = self.mailgun.take_fault(self.command, path) or {"fault": None}
        kind = fault["fault"]
        if kind == "cut" and fault.get("when", "before") == "before":
            return self.cut()
        if kind == "unauthorized":
            raise Refused(401, "Invalid private key")
        if kind == "server_error":
            raise Refused(500, "Internal Server Error")
        if kind == "rate_limit":
            raise too_many(fault.get("seconds", 60))
        if kind == "html":
            return self.reply_html(fault.get("status", 200), "<h1>Not the API</h1>")
        status, body = self.carry_out(path)
        if kind == "cut":
            return self.cut()
        if kind == "slow":
            time.sleep(fault.get("seconds", 5))
        if body is not None and status == 200:
            if kind == "bare":
                body = {"message": body.get("message", "done")}
            elif kind == "empty":
                return self.write(fault.get("status", 200), "text/plain", "")
            elif kind == "odd":
                body = odd(body)
        if body is None:
            # What is no part of the API is not answered in JSON.
            return self.reply_html(404, "<h1>404 page not found</h1>")
        return self.reply(status, body)

    def carry_out(self, path):
        """Status and body; no body for what is no part of the API."""
        for method, pattern, run in API:
            match = pattern.fullmatch(path)
            if method != self.command or not match:
                continue
            call = Call(
                region=self.server.region,
                query=self.query,
                content_type=self.headers.get("Content-Type", ""),
                body=self.body,
                **{k: urllib.parse.unquote(v) for k, v in match.groupdict().items()},
            )
            try:
                with self.mailgun.lock:
                    self.mailgun.check_key(self.headers.get("Authorization", ""))
                    if run is not Mailgun.send:  # The limit is the domains API's.
                        self.mailgun.check_rate()
                    return 200, run(self.mailgun, call)
            except Refused as refused:
                return refused.status, refused.body
        return 404, None

    def cut(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    # -- what tests and people use

    def steer(self, path):
        with self.mailgun.lock:
            if self.command == "GET":
                return self.show(path)
            if self.command == "DELETE":
                self.clear(path)
            elif self.command == "POST":
                answer = self.take(path)
                if answer is not None:
                    return self.reply(200, answer)
            else:
                raise Refused(405, f"{self.command} is not for this")
        return self.reply(200, {"message": "done"})

    def show(self, path):
        mailgun = self.mailgun
        number = path.removeprefix("mails/")
        if path == "":
            return self.reply_html(200, inbox_page(mailgun))
        if path != number and number.isdecimal():
            found = [m for m in mailgun.messages() if m["number"] == int(number)]
            if found:
                return self.reply_html(200, mail_page(found[0]))
        shown = {
            "messages": lambda: mailgun.messages(self.query.get("to")),
            "domains": mailgun.overview,
            "registrations": lambda: mailgun.data["registrations"],
            "dns": mailgun.published,
            "settings": lambda: mailgun.data["settings"],
            "faults": lambda: mailgun.data["faults"],
        }.get(path)
        if shown is None:
            raise Refused(404, f"the double has no {path}")
        return self.reply(200, shown())

    def clear(self, path):
        data = self.mailgun.data
        if path == "state":
            self.mailgun.forget()
        elif path == "dns":
            data |= {"records": [], "endpoints": {}}
        elif path in ("messages", "faults"):
            data[path] = []
        else:
            raise Refused(404, f"the double has no {path} to clear")
        self.mailgun.save()

    def take(self, path):
        mailgun, given = self.mailgun, self.json()
        if path == "dns":
            return mailgun.publish(given)
        if not isinstance(given, dict):
            raise Refused(400, "the body must be a JSON object")
        if path == "settings":
            return mailgun.change_settings(given)
        if path == "faults":
            return mailgun.add_fault(given)
        if path == "taken" and given.get("name"):
            mailgun.data["taken"].append(given["name"])
            return mailgun.save()
        if path == "smtp-login" and {"login", "password"} <= given.keys():
            return {"accepted": mailgun.smtp_login(given["login"], given["password"])}
        if path == "domains":
            return mailgun.add_domain(given.get("name"))
        if path.startswith("domains/"):
            return mailgun.set_state(path.removeprefix("domains/"), given)
        raise Refused(404, f"the double has no {path} that takes this")

    # -- answers

    def reply(self, status, body):
        self.write(status, "application/json", json.dumps(body))

    def reply_html(self, status, body):
        self.write(
            status, "text/html; charset=utf-8", PAGE.format(notice=NOTICE, body=body)
        )

    def write(self, status, content_type, text):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except ConnectionError:
            self.close_connection = True  # Whoever asked has given up waiting.

    def log_message(self, format, *args):
        sys.stderr.write(f"{self.server.region} {format % args}\n")


# -- pages

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Mailgun double</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto;
  padding: 0 1rem 2rem; overflow-wrap: anywhere; }}
.notice {{ background: #b45309; color: #fff; margin: 0 -1rem; padding: .5rem 1rem; }}
ul {{ list-style: none; padding: 0; }}
li {{ border-bottom: 1px solid #8886; padding: .75rem 0; }}
li a {{ display: block; font-weight: 600; }} small, dt {{ opacity: .75; }}
dd {{ margin: 0 0 .5rem; }}
pre {{ white-space: pre-wrap; border: 1px solid #8886; padding: 1rem; }}
iframe {{ box-sizing: border-box; width: 100%; min-height: 24rem;
  border: 1px solid #8886; background: #fff; }}
</style></head><body><p class="notice">{notice}</p>{body}</body></html>"""

SANDBOX = "allow-popups allow-popups-to-escape-sandbox"


def inbox_page(mailgun):
    mails = "".join(
        f'<li><a href="/_double/mails/{mail["number"]}">{subject(mail)}</a>'
        f"to {text(', '.join(mail['to']))}<br>"
        f"<small>from {text(mail['from'])}, {text(mail['received_at'])}</small></li>"
        for mail in reversed(mailgun.messages())
    )
    domains = "".join(
        f"<li><strong>{text(domain['name'])}</strong> {text(domain['state'])}"
        f"<br><small>{text(domain['region'].upper())}, "
        f"{sum(r['valid'] == 'valid' for r in domain['records'])}"
        f" of {len(domain['records'])}"
        f" records published</small></li>"
        for domain in mailgun.overview()
    )
    return (
        f"<h1>Mails received</h1><ul>{mails or '<li>None yet.</li>'}</ul>"
        f"<h2>Domains</h2><ul>{domains or '<li>None yet.</li>'}</ul>"
    )


def mail_page(mail):
    lines = [("From", mail["from"])]
    lines += [
        (name.capitalize(), ", ".join(mail[name]))
        for name in ("to", "cc", "bcc")
        if mail[name]
    ]
    lines += [("Subject", mail["subject"]), ("Message id", mail["id"])]
    lines += [
        ("Received", mail["received_at"]),
        ("Tags", ", ".join(mail["tags"]) or "none"),
    ]
    lines += mail["headers"]
    lines += [
        ("File", f"{file['name']}, {file['bytes']} bytes") for file in mail["files"]
    ]
    rows = "".join(
        f"<dt>{text(name)}</dt><dd>{text(value)}</dd>" for name, value in lines
    )
    parts = ""
    if mail["html"] is not None:
        # It may run nothing; its links open beside this page.
        page = text(f'<base target="_blank">{mail["html"]}')
        parts += f'<h2>HTML</h2><iframe sandbox="{SANDBOX}" srcdoc="{page}"></iframe>'
    if mail["text"] is not None:
        parts += f"<h2>Text</h2><pre>{text(mail['text'])}</pre>"
    back = '<p><a href="/_double/">All mails</a></p>'
    return f"{back}<h1>{subject(mail)}</h1><dl>{rows}</dl>{parts}"


def subject(mail):
    return text(mail["subject"] or "(no subject)")


def text(value):
    return html.escape(str(value), quote=True)


# -- the program


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, mailgun, region, port):
        self.mailgun = mailgun
        self.region = region
        super().__init__(("127.0.0.1", port), Request)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def main():
    parser = argparse.ArgumentParser(
        prog="python3 -m testbed.mailgun_double", description=NOTICE
    )
    parser.add_argument(
        "--port", type=int, required=True, help="of the US region; 0: any free one"
    )
    parser.add_argument(
        "--eu-port", type=int, help="of the EU region of the same account"
    )
    parser.add_argument(
        "--state", type=Path, required=True, help="the folder where it keeps its state"
    )
    parser.add_argument(
        "--key", default="double", help="the account's API key (default: double)"
    )
    arguments = parser.parse_args()
    # Blocked before the threads start, so that none but this one is told to end.
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    mailgun = Mailgun(arguments.state, arguments.key)
    servers = [Server(mailgun, "us", arguments.port)]
    if arguments.eu_port is not None:
        servers.append(Server(mailgun, "eu", arguments.eu_port))
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        print(f"{server.region} {server.url}", flush=True)
    print(f"{NOTICE} The mails received: {servers[0].url}/_double/", flush=True)
    signal.sigwait(ends)
    with mailgun.lock:  # A request that is being carried out is written down first.
        return 0


if __name__ == "__main__":
    sys.exit(main())
