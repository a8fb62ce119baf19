# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import Command
from odoo.exceptions import AccessError, ValidationError
from odoo.tests import Form, new_test_user, tagged

from .common import HostingSaleCase


@tagged("post_install", "-at_install")
class TestProduct(HostingSaleCase):
    """The product's tab Kubernetes."""

    def test_a_hosting_lacking_something_is_refused_before_it_is_sold(self):
        for field, label in (
            ("kubernetes_cluster_id", "a cluster"),
            ("kubernetes_environment_ids", "environments"),
            ("kubernetes_manifest_ids", "manifests"),
        ):
            empty = [Command.clear()] if field.endswith("ids") else False
            with (
                self.subTest(field=field),
                self.assertRaisesRegex(ValidationError, label),
                self.cr.savepoint(),
            ):
                self.hosting.product_tmpl_id.write({field: empty})

    def test_the_tab_begins_with_what_is_usual(self):
        with Form(self.env["product.template"]) as form:
            form.name = "New Hosting"
            form.kubernetes_hosting = True
            self.assertEqual(form.type, "service")
            self.assertEqual(
                form.kubernetes_environment_ids.ids, (self.prod + self.int).ids
            )
            form.kubernetes_cluster_id = self.cluster
            with form.kubernetes_manifest_ids.new() as line:
                line.manifest_id = self.database

    def test_a_copied_product_has_the_manifests_too(self):
        copy = self.hosting.product_tmpl_id.copy()
        self.assertEqual(
            copy.kubernetes_manifest_ids.manifest_id, self.database + self.web
        )

    def test_a_seller_without_kubernetes_rights_opens_product_and_order(self):
        seller = new_test_user(
            self.env,
            "seller-plain",
            "base.group_user,sales_team.group_sale_salesman_all_leads",
        )
        product = self.hosting.product_tmpl_id.with_user(seller)
        arch = product.get_view(view_type="form")["arch"]
        self.assertNotIn("kubernetes_manifest_ids", arch)
        order = self._order()
        with Form(order.with_user(seller)) as form, form.order_line.edit(0) as line:
            line.kubernetes_app_names = "bakery"
        self.assertEqual(order.order_line.kubernetes_app_names, "bakery")

    def test_rights_on_manifests_of_products_and_reserved_names(self):
        user = new_test_user(
            self.env, "k-user", "kubernetes_hosting.group_kubernetes_user"
        )
        line = self.hosting.kubernetes_manifest_ids[0].with_user(user)
        self.assertEqual(line.manifest_id, self.database)
        with self.assertRaises(AccessError):
            line.sequence = 5
        reservation = self._order().order_line.kubernetes_reservation_ids
        self.assertEqual(reservation.with_user(user).name, "shop")
        with self.assertRaises(AccessError):
            reservation.with_user(user).name = "bakery"
        portal = new_test_user(self.env, "k-portal", "base.group_portal")
        with self.assertRaises(AccessError):
            reservation.with_user(portal).read(["name"])
        company = self.env["res.company"].create({"name": "Elsewhere"})
        stranger = new_test_user(
            self.env,
            "k-stranger",
            "kubernetes_hosting.group_kubernetes_user",
            company_id=company.id,
            company_ids=[Command.set(company.ids)],
        )
        with self.assertRaises(AccessError):
            reservation.with_user(stranger).read(["name"])
