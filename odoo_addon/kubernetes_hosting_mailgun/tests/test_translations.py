# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.tests import tagged

from odoo.addons.kubernetes_hosting.tests import test_translations


@tagged("post_install", "-at_install")
class TestTranslations(test_translations.TestTranslations):
    """Every text of the addon can be read in German, wherever it stands."""

    allow_inherited_tests_method = True
    module = "kubernetes_hosting_mailgun"
