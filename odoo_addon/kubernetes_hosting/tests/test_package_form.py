# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.exceptions import ValidationError
from odoo.tests import tagged

from .common import KubernetesTransactionCase
from .library import Library, variable


@tagged("post_install", "-at_install")
class TestPackageForm(Library, KubernetesTransactionCase):
    """What customers may give for a package's variables."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_library()
        cls.version = cls.env["kubernetes.package.version"]

    def given(self, text, **values):
        line = self.version._read_given(variable("size", **values), text)
        return line["type"], line["value"]

    def refused(self, text, words, **values):
        with self.assertRaisesRegex(ValidationError, f"^Size: .*{words}"):
            self.given(text, **values)

    def test_each_type_takes_what_it_is(self):
        for kind, text, line in (
            ("string", " de_CH ", ("string", "de_CH")),
            ("string", "007", ("string", "007")),
            ("string", 'it\'s: # "so"', ("string", 'it\'s: # "so"')),
            ("text", "one\r\ntwo", ("string", "one\ntwo")),
            ("integer", "010", ("yaml", "10")),
            ("integer", "-3", ("yaml", "-3")),
            ("number", "02.50", ("yaml", "2.50")),
            ("boolean", "true", ("yaml", "true")),
            ("quantity", "500m", ("string", "500m")),
            ("quantity", "2Gi", ("string", "2Gi")),
        ):
            with self.subTest(kind=kind, text=text):
                self.assertEqual(self.given(text, type=kind), line)

    def test_each_type_refuses_what_it_is_not(self):
        for kind, text, words in (
            ("string", "one\ntwo", "one line"),
            ("string", "x" * 1001, "1000 characters"),
            ("string", "a\x00b", "control characters"),
            ("text", "x" * 10001, "10000 characters"),
            ("integer", "2.5", "a whole number"),
            ("integer", "many", "a whole number"),
            ("number", "2,5", "a number, such as 5 or 2.5"),
            ("number", "1e5", "a number"),
            ("boolean", "maybe", "yes or no"),
            ("quantity", "2GB", "500m or 2Gi"),
        ):
            with self.subTest(kind=kind, text=text):
                self.refused(text, words, type=kind)

    def test_a_customers_text_is_no_template(self):
        for text in ("{{ postgres_password }}", "{% set x = 1 %}", "{# x #}"):
            for values in ({}, {"type": "text"}, {"secret": True}):
                self.refused(text, "without {{", **values)

    def test_choices_are_all_that_there_is(self):
        choices = [
            {"type": "yaml", "value": "1"},
            {"type": "yaml", "value": "2"},
        ]
        self.assertEqual(
            self.given("2", type="integer", choices=choices), ("yaml", "2")
        )
        self.refused("3", "one of the values of the list", choices=choices)

    def test_who_is_asked_for_what_and_when(self):
        item = self.wiki()
        default = {"type": "string", "value": "x"}
        item["variables"] = [
            variable("mine"),
            variable("buying", set_by="checkout", default=default),
            variable("later", set_by="customer", default=default),
            variable("needed", set_by="customer", required=True),
            variable("items", set_by="customer", type="list", default=default),
            variable("hostname", set_by="customer", default=default),
        ]
        self.tell([item])
        version = self.package().latest_version_id

        def names(variables):
            return [one["name"] for one in variables]

        self.assertEqual(names(version._asked_when_buying()), ["buying", "needed"])
        self.assertEqual(names(version._asked_later()), ["later", "needed"])
        self.assertFalse(self.version._asked_later(), "of no package nothing")

    def test_a_form_shows_neither_secrets_nor_templates(self):
        def shown(kind, value, **values):
            line = {"type": kind, "value": value}
            return self.version._form_field(variable("x", **values), line)["value"]

        self.assertEqual(shown("string", "plain"), "plain")
        self.assertEqual(shown("string", "{{ hostname }}"), "")
        self.assertEqual(shown("yaml", "!vault |\n  $ANSIBLE_VAULT"), "")
        self.assertEqual(shown("string", "s3cret", secret=True), "")
        self.assertEqual(shown("yaml", "yes", type="boolean"), "true")
