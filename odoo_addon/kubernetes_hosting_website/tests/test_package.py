# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.exceptions import UserError
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
            product = self._product_of(
                self.package(), list_price=20, is_published=publish
            )
            self.assertEqual(product.is_published, publish)

    def test_what_has_no_price_is_not_published(self):
        self.tell([self.wiki()])
        package = self.package()
        with self.assertRaisesRegex(UserError, "Wiki.* has no price"):
            self._product_of(package, is_published=True)
        self.assertFalse(self._product_of(package).is_published)

    def test_no_plan_without_a_price_is_published(self):
        self.tell([self.wiki(plans=self.plans())])
        package = self.package()
        action = package.action_make_product()
        wizard = self.env[action["res_model"]].browse(action["res_id"])
        wizard.is_published = True
        first, *others = wizard.line_ids
        for line in others:
            line.price_extra = 10
        with self.assertRaisesRegex(UserError, f"for nothing: {first.title}\\."):
            wizard.action_make()
        first.price_extra = 5
        self.assertTrue(wizard.action_make()["res_id"])

    def test_plans_are_no_filter_of_the_shop(self):
        self.tell([self.wiki(plans=self.plans())])
        product = self._product_of(self.package())
        self.assertEqual(product.attribute_line_ids.attribute_id.visibility, "hidden")
