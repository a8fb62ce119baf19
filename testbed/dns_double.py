# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A double of the DNS in which customers keep their domains: it answers over UDP what
stands in a file, which is read anew for each question.

    {"www.example.org": {"CNAME": ["shop.apps.localhost"]},
     "_chandlery.www.example.org": {"TXT": ["chandlery-domain=…"]}}
"""

import argparse
import ipaddress
import json
import socket
import struct
import sys
from pathlib import Path

from . import cache, odoo, processes
from .instance import CHECKOUT, write_private

NOTICE = "This is a double of the DNS for trying things out: it knows no other names."
TYPES = {"A": 1, "CNAME": 5, "TXT": 16, "AAAA": 28}
INTERNET = 1
TTL = 1
RESPONSE, RECURSION = 0x8000, 0x0080
NO_SUCH_NAME, NOT_UNDERSTOOD = 3, 1
#: What the double itself is asked for.
OWN_NAME = "double.invalid-of-the-test-bed.example"


def packed(name):
    """A name as a message has it."""
    labels = name.rstrip(".").encode().split(b".")
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def question(message):
    """Name, type and end of the first question."""
    labels, at = [], 12
    while message[at]:
        length = message[at]
        labels.append(message[at + 1 : at + 1 + length].decode("ascii").lower())
        at += 1 + length
    kind, of_class = struct.unpack_from("!HH", message, at + 1)
    if of_class != INTERNET:
        raise ValueError(of_class)
    return ".".join(labels), kind, at + 5


def data(kind, value):
    """A record's data as a message has it."""
    if kind == "CNAME":
        return packed(value)
    if kind == "TXT":
        text = value.encode()
        parts = [text[n : n + 255] for n in range(0, len(text), 255)] or [b""]
        return b"".join(bytes([len(part)]) + part for part in parts)
    return ipaddress.ip_address(value).packed


def found(records, name, kind):
    """The answers, ``(name, type, value)``: a CNAME is followed."""
    answers, seen = [], set()
    while name in records and name not in seen:
        seen.add(name)
        own = records[name]
        wanted = [word for word, number in TYPES.items() if number == kind]
        answers += [(name, word, v) for word in wanted for v in own.get(word, ())]
        alias = own.get("CNAME", [None])[0]
        if alias is None or kind == TYPES["CNAME"]:
            break
        answers.append((name, "CNAME", alias))
        name = alias
    return answers


def answer(message, records):
    """The answer to a message; empty where it is none."""
    if len(message) < 12:
        return b""
    number, flags = struct.unpack_from("!HH", message)
    flags = (flags & 0x7900) | RESPONSE | RECURSION
    try:
        name, kind, end = question(message)
    except (IndexError, UnicodeDecodeError, ValueError, struct.error):
        return struct.pack("!6H", number, flags | NOT_UNDERSTOOD, 0, 0, 0, 0)
    answers = found(records, name, kind)
    if not answers and name not in records:
        flags |= NO_SUCH_NAME
    body = b"".join(
        packed(owner)
        + struct.pack("!HHIH", TYPES[word], INTERNET, TTL, len(data(word, value)))
        + data(word, value)
        for owner, word, value in answers
    )
    head = struct.pack("!6H", number, flags, 1, len(answers), 0, 0)
    return head + message[12:end] + body


def read(file):
    """The records of the file, by their names in lower case."""
    try:
        records = json.loads(file.read_text())
    except FileNotFoundError:
        records = {}
    known = {name.lower().rstrip("."): value for name, value in records.items()}
    return {OWN_NAME: {"A": ["127.0.0.1"]}, **known}


# The daemon of a test bed


def records_file(instance):
    return instance.state / "dns" / "records.json"


def publish(instance, name, **records):
    """Let the double have these records of a name, such as ``CNAME="…"``; none: it has
    the name no more."""
    file = records_file(instance)
    file.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(file.read_text()) if file.exists() else {}
    known.pop(name, None)
    if records:
        known[name] = {kind: [value] for kind, value in records.items()}
    write_private(file, json.dumps(known, indent=1))


def address(instance):
    return f"127.0.0.1:{instance.port('dns')}"


def is_answering(port):
    ask = struct.pack("!6H", 7, 0x0100, 1, 0, 0, 0) + packed(OWN_NAME)
    ask += struct.pack("!HH", TYPES["A"], INTERNET)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(1)
        try:
            client.connect(("127.0.0.1", port))
            client.send(ask)
            return client.recv(512)[:2] == ask[:2]
        except OSError:
            return False


def daemon(instance):
    port = instance.port("dns")
    return processes.Daemon(
        name="dns",
        argv=[
            *(odoo.base_python(), "-B", "-m", "testbed.dns_double"),
            *("--port", port),
            *("--records", records_file(instance)),
        ],
        log=instance.logs / "dns.log",
        pid_file=instance.state / "run" / "dns.pid",
        healthy=lambda: is_answering(port),
        made_from=cache.digest(CHECKOUT / "testbed" / "dns_double.py"),
        cwd=CHECKOUT,
    )


def main():
    parser = argparse.ArgumentParser(
        prog="python3 -m testbed.dns_double", description=NOTICE
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--records", type=Path, required=True)
    arguments = parser.parse_args()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", arguments.port))
        print(NOTICE, flush=True)
        while True:
            message, client = server.recvfrom(4096)
            told = answer(message, read(arguments.records))
            if told:
                server.sendto(told, client)


if __name__ == "__main__":
    sys.exit(main())
