# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import io

import polib

from odoo.tests import TransactionCase, tagged
from odoo.tools import file_path
from odoo.tools.translate import trans_export


@tagged("post_install", "-at_install")
class TestTranslations(TransactionCase):
    """Every text of the addon can be read in German."""

    module = "kubernetes_hosting_sale"

    def test_german_is_complete(self):
        exported = io.BytesIO()
        trans_export(False, [self.module], exported, "po", self.env)
        texts = {entry.msgid for entry in polib.pofile(exported.getvalue().decode())}
        self.assertGreater(len(texts), 10)
        path = file_path(f"{self.module}/i18n/de.po")
        with open(path, encoding="utf-8") as file:
            german = {entry.msgid: entry.msgstr for entry in polib.pofile(file.read())}
        untranslated = sorted(text for text in texts if not german.get(text))
        self.assertEqual(untranslated, [])
