# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.tests import TransactionCase, tagged

from odoo.addons.kubernetes_hosting.tests.library import Library
from odoo.addons.kubernetes_hosting_sale.tests.common import HostingSaleCase


@tagged("post_install", "-at_install")
class TestPackagePublished(Library, HostingSaleCase, TransactionCase):
    """A package's product stands in the shop at once, or not."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_library()

    def test_a_product_is_published_or_not(self):
        self.tell([self.wiki()])
        package = self.package()
        for publish in (False, True):
            asked = package.with_context(kubernetes_publish=publish)
            product = self.env["product.template"].browse(
                asked.action_make_product()["res_id"]
            )
            self.assertEqual(product.is_published, publish)
