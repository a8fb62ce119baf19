# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What Odoo's log says of its own tests, and whose failure it is."""

import unittest

from testbed import odoo_tests

HEAD = "2026-11-21 07:31:47,712 31516"


def line(level, module, words):
    return f"{HEAD} {level} database odoo.addons.{module}.tests.test_x: {words}\n"


class ReadTest(unittest.TestCase):
    def read(self, *lines):
        return odoo_tests.read("".join(line(*each) for each in lines), ["sale"])["sale"]

    def test_passed_failed_and_skipped_tests_are_told_apart(self):
        found = self.read(
            ("INFO", "sale", "Starting TestA.test_one ..."),
            ("INFO", "sale", "Starting TestA.test_two ..."),
            ("ERROR", "sale", "FAIL: TestA.test_two"),
            ("INFO", "sale", "Starting TestA.test_three ..."),
            ("INFO", "sale", "skipped TestA.test_three : needs demo data"),
            ("INFO", "stock", "Starting TestB.test_other ..."),
        )
        self.assertEqual(str(found), "1 passed, 1 failed, 1 skipped")

    def test_a_subtest_fails_its_test(self):
        found = self.read(
            ("INFO", "sale", "Starting TestA.test_one ..."),
            ("ERROR", "sale", "FAIL: Subtest TestA.test_one (x=1)"),
        )
        self.assertEqual(found.failed, {"TestA.test_one"})
        self.assertEqual(found.passed, 0)

    def test_a_failure_that_is_tried_again_is_none(self):
        found = self.read(
            ("INFO", "sale", "Starting TestA.test_one ..."),
            ("RUNBOT", "sale", "FAIL: TestA.test_one"),
        )
        self.assertEqual(str(found), "1 passed")


class OursTest(unittest.TestCase):
    def outcome(self, ran, failed=(), skipped=()):
        return odoo_tests.Outcome(set(ran), set(skipped), set(failed))

    def test_only_what_passes_without_ours_is_ours(self):
        before = self.outcome("abcd", failed="c", skipped="d")
        after = self.outcome("abcd", failed="bcd")
        self.assertEqual(odoo_tests.ours(before, after), ["b"])

    def test_a_test_that_did_not_run_with_ours_is_ours(self):
        self.assertEqual(odoo_tests.ours(self.outcome("ab"), self.outcome("a")), ["b"])
