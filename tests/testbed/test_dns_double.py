"""The double of the DNS answers as a server does."""

import struct
import tempfile
import unittest
from pathlib import Path

from testbed import dns_double
from testbed.dns_double import TYPES, answer, packed, read

RECORDS = {
    "www.example.org": {"CNAME": ["shop.example.com"]},
    "shop.example.com": {"A": ["203.0.113.7"], "AAAA": ["2001:db8::7"]},
    "_chandlery.www.example.org": {"TXT": ["x" * 300]},
    "ring.example.org": {"CNAME": ["ring.example.org"]},
}


def ask(name, kind, number=7):
    head = struct.pack("!6H", number, 0x0100, 1, 0, 0, 0)
    return head + packed(name) + struct.pack("!HH", TYPES[kind], 1)


def told(name, kind):
    """The answer's code, and how many answers there are, and all of it."""
    message = answer(ask(name, kind), RECORDS)
    number, flags, _questions, answers, *_ = struct.unpack_from("!6H", message)
    assert number == 7 and flags & 0x8000
    return flags & 15, answers, message


class DnsDoubleTest(unittest.TestCase):
    def test_a_record_is_told_and_an_alias_is_followed(self):
        code, answers, message = told("WWW.Example.ORG", "CNAME")
        self.assertEqual((code, answers), (0, 1))
        self.assertTrue(message.endswith(packed("shop.example.com")))
        code, answers, message = told("www.example.org", "A")
        self.assertEqual((code, answers), (0, 2))
        self.assertTrue(message.endswith(bytes([203, 0, 113, 7])))
        self.assertEqual(told("ring.example.org", "A")[:2], (0, 1))

    def test_a_long_text_has_several_parts(self):
        _code, answers, message = told("_chandlery.www.example.org", "TXT")
        self.assertEqual(answers, 1)
        self.assertIn(bytes([255]) + b"x" * 255 + bytes([45]) + b"x" * 45, message)

    def test_what_is_not_there_is_told_apart_from_what_has_other_records(self):
        self.assertEqual(told("other.example.org", "A")[:2], (3, 0))
        self.assertEqual(told("shop.example.com", "TXT")[:2], (0, 0))

    def test_what_is_no_question_is_not_understood(self):
        self.assertEqual(answer(b"", RECORDS), b"")
        cut = ask("www.example.org", "A")[:20]
        self.assertEqual(struct.unpack_from("!6H", answer(cut, RECORDS))[1] & 15, 1)

    def test_the_file_is_read_anew(self):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "records.json")
            self.assertEqual(list(read(file)), [dns_double.OWN_NAME])
            file.write_text('{"WWW.example.org.": {"A": ["192.0.2.1"]}}')
            self.assertIn("www.example.org", read(file))
