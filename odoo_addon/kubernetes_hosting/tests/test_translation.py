# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import io
from pathlib import Path

import polib

from odoo.tests import TransactionCase
from odoo.tools.translate import trans_export

FOLDER = Path(__file__).resolve().parents[1] / "i18n"


class TestTranslation(TransactionCase):
    """German is complete, and the template lists what the addon says today."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        exported = io.BytesIO()
        trans_export(False, ["kubernetes_hosting"], exported, "po", cls.env)
        terms = polib.pofile(exported.getvalue().decode())
        cls.terms = {entry.msgid for entry in terms}

    def test_template_lists_every_term(self):
        known = {
            entry.msgid for entry in polib.pofile(FOLDER / "kubernetes_hosting.pot")
        }
        self.assertGreater(len(self.terms), 300)
        self.assertFalse(self.terms - known)

    def test_german_is_complete(self):
        german = {
            entry.msgid: entry.msgstr
            for entry in polib.pofile(FOLDER / "de.po")
            if not entry.obsolete and "fuzzy" not in entry.flags
        }
        self.assertFalse([term for term in self.terms if not german.get(term)])

    def test_german_keeps_the_placeholders(self):
        for entry in polib.pofile(FOLDER / "de.po"):
            for placeholder in ("%s", "%(job)s", "%(app)s", "{app}", "{hostname}"):
                self.assertEqual(
                    placeholder in entry.msgid,
                    placeholder in entry.msgstr,
                    entry.msgid,
                )
