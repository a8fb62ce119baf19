# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import JsonRpcException, new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.kubernetes_hosting_website.models.sale_order import MAX_UNITS

from .common import ShopCase


@tagged("post_install", "-at_install")
class TestPrice(ShopCase):
    """Whoever makes requests of his own gets nothing for less than its price."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.size = cls.env["product.attribute"].create(
            {
                "name": "Size",
                "create_variant": "no_variant",
                "value_ids": [
                    Command.create({"name": "S"}),
                    Command.create({"name": "L", "limit_cpu": 16}),
                ],
            }
        )
        cls.seller = new_test_user(
            cls.env, "price-seller", "sales_team.group_sale_manager"
        )
        cls.dozen = cls.env["uom.uom"].create(
            {
                "name": "Box of twelve",
                "relative_factor": 12,
                "relative_uom_id": cls.hosting.uom_id.id,
            }
        )
        cls.other = cls._hosting_product("Other Hosting")
        for product in (cls.hosting, cls.other):
            template = cls._template(product)
            template.is_published = True
            template.attribute_line_ids = [
                Command.create(
                    {
                        "attribute_id": cls.size.id,
                        "value_ids": [Command.set(cls.size.value_ids.ids)],
                    }
                )
            ]
        cls.small, cls.large = cls._values(cls.hosting)
        cls.large.price_extra = 60
        cls.strange = cls._values(cls.other)[1]

    @classmethod
    def _template(cls, product):
        # Not in the context in which a product was made: that one has no choices.
        return cls.env["product.template"].browse(product.product_tmpl_id.id)

    @classmethod
    def _values(cls, product):
        lines = cls._template(product).attribute_line_ids
        return lines.product_template_value_ids.sorted("id")

    def _assert_refused(self, **values):
        with mute_logger("odoo.http"), self.assertRaises(JsonRpcException):
            self._add(self.hosting, **values)
        self.assertFalse(self._cart().order_line)

    def _assert_not_sold(self, order):
        """What was written behind the cart's back is neither paid nor confirmed."""
        with self.assertRaisesRegex(ValidationError, "not available"):
            order._kubernetes_check_sale()
        with self.assertRaises(UserError):
            order.with_user(self.seller).action_confirm()

    def test_the_products_own_unit_and_packagings_are_sold(self):
        self._assert_refused(uom_id=self.dozen.id)
        self._template(self.hosting).uom_ids = self.dozen
        order = self._add(self.hosting, uom_id=self.dozen.id)
        self.assertEqual(order.order_line.kubernetes_units, 12)

    def test_no_other_unit_is_sold(self):
        for unit in self.env["uom.uom"].search([]) - self.hosting.uom_id:
            self._assert_refused(uom_id=unit.id)
        order = self._add(self.hosting)
        order.order_line.product_uom_id = self.env.ref("uom.product_uom_minute")
        self._assert_not_sold(order)

    def test_parts_are_not_sold(self):
        order = self._add(self.hosting, quantity=0.25)
        self.assertFalse(order.order_line)
        order = self._add(self.hosting)
        order._cart_update_line_quantity(order.order_line.id, 0.25)
        self.assertEqual(order.order_line.product_uom_qty, 1)
        order.order_line.product_uom_qty = 0.25
        self._assert_not_sold(order)

    def test_the_limit_counts_units_of_the_whole_order(self):
        self._template(self.hosting).uom_ids = self.dozen
        order = self._add(self.hosting, quantity=3, uom_id=self.dozen.id)
        self.assertEqual(order.order_line.kubernetes_units, 12)
        self._add(self.other, quantity=MAX_UNITS)
        self.assertEqual(sum(order.order_line.mapped("kubernetes_units")), MAX_UNITS)

    def test_an_attribute_value_of_another_product_is_not_sold(self):
        self._assert_refused(no_variant_attribute_value_ids=[self.strange.id])
        order = self._add(self.hosting)
        line = order.order_line
        line.product_no_variant_attribute_value_ids = self.strange
        self.assertNotEqual(line._kubernetes_limits()["limit_cpu"], 16)
        self._assert_not_sold(order)

    def test_two_values_of_one_choice_are_not_sold(self):
        both = [self.small.id, self.large.id]
        self._assert_refused(no_variant_attribute_value_ids=both)
        order = self._add(self.hosting)
        order.order_line.product_no_variant_attribute_value_ids = both
        self._assert_not_sold(order)

    def test_the_chosen_value_is_sold_for_its_price(self):
        order = self._add(self.hosting, no_variant_attribute_value_ids=[self.large.id])
        self.assertEqual(order.order_line._kubernetes_limits()["limit_cpu"], 16)
        self.assertEqual(order.order_line.price_unit, self.hosting.list_price + 60)
