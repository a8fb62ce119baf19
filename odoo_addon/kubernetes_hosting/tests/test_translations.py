# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import io
import re

import polib

from odoo.tests import TransactionCase, tagged
from odoo.tools import file_path
from odoo.tools.translate import trans_export

QUOTED = re.compile("“([^”]+)”")
PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[sd]|\{\w+\}")


@tagged("post_install", "-at_install")
class TestTranslations(TransactionCase):
    """Every text of the addon can be read in German, wherever it stands.

    ``make translations`` brings the files up to date.
    """

    module = "kubernetes_hosting"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        exported = io.BytesIO()
        trans_export(False, [cls.module], exported, "po", cls.env)
        cls.terms = cls.places(polib.pofile(exported.getvalue().decode()))
        cls.template = cls.translations_in(f"{cls.module}.pot")
        cls.german = cls.translations_in("de.po")

    @classmethod
    def translations_in(cls, name):
        path = file_path(f"{cls.module}/i18n/{name}")
        with open(path, encoding="utf-8") as file:
            return polib.pofile(file.read())

    @staticmethod
    def places(entries):
        """Each text with each place where it stands: Odoo finds a translation by both,
        but for those of code."""
        return {
            (entry.msgid, place.split(":")[0] if place.startswith("code:") else place)
            for entry in entries
            if not entry.obsolete
            for place, _line in entry.occurrences
        }

    def test_template_lists_every_text_at_every_place(self):
        self.assertGreater(len(self.terms), 10)
        self.assertEqual(self.terms - self.places(self.template), set())

    def test_german_is_complete(self):
        translated = [entry for entry in self.german if entry.translated()]
        self.assertEqual(self.terms - self.places(translated), set())

    def test_german_keeps_the_placeholders(self):
        for entry in self.german:
            self.assertEqual(
                sorted(PLACEHOLDER.findall(entry.msgid)),
                sorted(PLACEHOLDER.findall(entry.msgstr)),
                entry.msgid,
            )

    def test_german_quotes_buttons_and_fields_as_they_are_called_there(self):
        names = {
            entry.msgid: entry.msgstr
            for entry in self.german
            if any(place.startswith("model") for place, _line in entry.occurrences)
        }
        for entry in self.german:
            for name in QUOTED.findall(entry.msgid):
                if name in names:
                    self.assertIn(f"„{names[name]}“", entry.msgstr, entry.msgid)
