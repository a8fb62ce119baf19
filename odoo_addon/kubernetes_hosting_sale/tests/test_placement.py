# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import TransactionCase, new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.kubernetes_hosting.tests.library import Library

from .common import HostingSaleCase


@tagged("post_install", "-at_install")
class TestPlacementOfProducts(Library, HostingSaleCase, TransactionCase):
    """Where what is sold may run: the product sees only clusters that match, and the
    customer chooses among them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_library()
        cls.cluster.labels = "zone=a,place=zurich"
        cls.bern = cls.env["kubernetes.cluster"].create(
            {
                "name": "bern",
                "company_id": False,
                "domain": "bern.example",
                "labels": "zone=b,place=bern",
            }
        )
        cls.place = cls.env["product.attribute"].create(
            {
                "name": "Place",
                "value_ids": [
                    Command.create(
                        {
                            "name": name,
                            "kubernetes_cluster_selector": f"place={name.lower()}",
                            "default_extra_price": extra,
                        }
                    )
                    for name, extra in (("Zurich", 5), ("Bern", 0))
                ],
            }
        )
        # Not in the context in which a product was made: that one makes no variants.
        cls.template = cls.env["product.template"].browse(
            cls.hosting.product_tmpl_id.id
        )
        cls.template.write(
            {"kubernetes_cluster_id": False, "kubernetes_cluster_selector": "zone"}
        )

    def offer(self):
        self.template.attribute_line_ids = [
            Command.create(
                {
                    "attribute_id": self.place.id,
                    "value_ids": [Command.set(self.place.value_ids.ids)],
                }
            )
        ]

    def variant(self, name):
        values = self.template.attribute_line_ids.product_template_value_ids
        return self.template._get_variant_for_combination(
            values.filtered(lambda value: value.name == name)
        )

    def problems(self):
        self.env.invalidate_all()
        return str(self.template.kubernetes_problems or "")

    def test_the_customer_chooses_the_place_at_its_price(self):
        self.offer()
        orders = {
            name: self._order((self.variant(name), 1, f"app-{name.lower()}"))
            for name in ("Zurich", "Bern")
        }
        prices = {name: order.order_line.price_unit for name, order in orders.items()}
        self.assertEqual(prices["Zurich"] - prices["Bern"], 5)
        for name, cluster in (("Zurich", self.cluster), ("Bern", self.bern)):
            orders[name].action_confirm()
            apps = orders[name].kubernetes_app_ids
            self.assertEqual(apps.cluster_id, cluster)
            self.assertTrue(apps[0].hostname.endswith(cluster.domain))

    def test_another_choice_holds_the_name_in_the_other_place(self):
        self.offer()
        order = self._order((self.variant("Zurich"), 1, "shop"))
        self.assertTrue(self._hostnames("shop"))
        order.order_line.product_id = self.variant("Bern")
        order.action_confirm()
        self.assertEqual(order.kubernetes_app_ids.cluster_id, self.bern)
        self.assertFalse(self._hostnames("shop"))

    def test_a_name_stays_where_it_is_held(self):
        order = self._order((self.hosting, 1, "shop"))
        held = order.order_line.kubernetes_reservation_ids.hostname_ids.cluster_id
        self.assertEqual(len(held), 1)
        busy = dict.fromkeys(
            (
                *("cpu_millicores", "cpu_millicores_requested"),
                *("memory_mib", "memory_mib_requested", "pods", "pods_requested"),
                *("nodes", "nodes_ready"),
            ),
            10,
        )
        held.sudo().capacity = {**busy, "message": ""}
        order.action_confirm()
        self.assertEqual(order.kubernetes_app_ids.cluster_id, held)

    def test_a_place_that_no_cluster_has_is_not_sold(self):
        self.offer()
        self.assertFalse(self.problems())
        order = self._order((self.variant("Bern"), 1, "shop"))
        self.bern.labels = "zone=b,place=basel"
        self.assertIn("No cluster takes “Shop Hosting (Bern)”", self.problems())
        self.assertIn("zone,place=bern", self.problems())
        company = self.env.company
        bern, zurich = (
            self.template._kubernetes_values_problems(company, value)
            for value in self.place.value_ids.sorted("name")
        )
        self.assertTrue(bern)
        self.assertFalse(zurich)
        self.assertTrue(order._kubernetes_unavailable())

    def test_a_product_says_that_no_cluster_matches(self):
        self.template.kubernetes_cluster_selector = "zone=nowhere"
        self.assertIn("needs one with zone=nowhere", self.problems())
        order = self._order((self.hosting, 1, ""))
        self.assertTrue(order._kubernetes_unavailable())
        self.assertEqual(order.order_line._kubernetes_addresses(), [])
        with self.assertRaisesRegex(ValidationError, "no place at the moment"):
            order.order_line.kubernetes_app_names = "shop"

    def test_what_is_drained_is_not_sold_and_what_was_paid_for_is_made(self):
        order = self._order((self.hosting, 1, "shop"))
        (self.cluster | self.bern).action_drain()
        self.assertIn("end its draining", self.problems())
        self.assertTrue(order._kubernetes_unavailable())
        order.action_confirm()
        self.assertEqual(len(order.kubernetes_app_ids), 2)

    def test_a_product_of_one_cluster_that_is_drained(self):
        self.template.write(
            {
                "kubernetes_cluster_id": self.cluster.id,
                "kubernetes_cluster_selector": False,
            }
        )
        self.assertFalse(self.problems())
        self.cluster.action_drain()
        self.assertIn("end its draining", self.problems())

    def test_what_takes_node_ports_is_sold_where_they_are_free(self):
        self.template.limit_node_ports = 2
        # One app in each of two environments.
        self.assertIn("4 free node ports", self.problems())
        self.assertIn("widen “Node Ports”", self.problems())
        self.bern.node_port_range = "30000-30005"
        self.assertFalse(self.problems())
        order = self._order((self.hosting, 1, "shop"))
        self.assertFalse(order._kubernetes_unavailable())
        order.action_confirm()
        apps = order.kubernetes_app_ids.sorted("id")
        self.assertEqual(apps.cluster_id, self.bern)
        ports = [app._node_ports() for app in apps]
        self.assertEqual(ports, [[30000, 30001], [30002, 30003]])
        # Two are left.
        self.assertIn("4 free node ports", self.problems())

    def test_what_was_paid_for_and_finds_no_ports_is_told(self):
        self.template.limit_node_ports = 2
        self.bern.node_port_range = "30000-30003"
        order = self._order((self.hosting, 2, "shop, bakery"))
        with mute_logger("odoo.addons.kubernetes_hosting_sale.models.sale_order"):
            order.action_confirm()
        self.assertEqual(set(order.kubernetes_app_ids.mapped("name")), {"shop"})
        self.assertIn("not enough free node ports", order.activity_ids.note)
        self.assertEqual(self.bern._free_node_ports(), [])

    def test_a_package_becomes_a_product_on_a_cluster_that_matches(self):
        self.tell([self.wiki()])
        self.repository.cluster_selector = "place=bern"
        product = self._product_of(self.package())
        self.assertEqual(product.kubernetes_cluster_id, self.bern)
        product.kubernetes_cluster_id = self.cluster
        self.assertIn("place=bern", product.kubernetes_problems)
        self.repository.cluster_selector = "place=basel"
        self.env.invalidate_all()
        with self.assertRaisesRegex(UserError, "No cluster takes “Wiki 1.0”"):
            self.package().action_make_product()

    def test_without_a_cluster_and_without_a_selector(self):
        with self.assertRaisesRegex(ValidationError, "a cluster"):
            self.template.kubernetes_cluster_selector = False
        with self.assertRaises(ValidationError):
            self.template.kubernetes_cluster_selector = "zone in a"

    def test_only_administrators_say_where_a_value_leads(self):
        seller = new_test_user(
            self.env,
            "place-seller",
            groups="kubernetes_hosting.group_kubernetes_operator,"
            "product.group_product_manager",
            lang="en_US",
        )
        value = self.place.value_ids[0].with_user(seller)
        with self.assertRaises(AccessError):
            value.kubernetes_cluster_selector = "place=basel"
        with self.assertRaises(ValidationError):
            value.sudo().kubernetes_cluster_selector = "place in basel"
