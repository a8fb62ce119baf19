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
        for publish in (False, True):
            product = self._product_of(self.package(), is_published=publish)
            self.assertEqual(product.is_published, publish)

    def test_plans_are_no_filter_of_the_shop(self):
        self.tell([self.wiki(plans=self.plans())])
        product = self._product_of(self.package())
        self.assertEqual(product.attribute_line_ids.attribute_id.visibility, "hidden")
