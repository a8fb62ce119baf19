# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import TransactionCase, new_test_user, tagged

from odoo.addons.kubernetes_hosting.tests.library import Library

from .common import HostingSaleCase


@tagged("post_install", "-at_install")
class TestPackageProduct(Library, HostingSaleCase, TransactionCase):
    """One click makes a product of a package, which is sold like any other."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_library()
        cls.operator = cls.maker("package-operator", "sales_team.group_sale_manager")

    @classmethod
    def maker(cls, login, *groups):
        """An operator who may make products."""
        operator = "kubernetes_hosting.group_kubernetes_operator"
        return new_test_user(
            cls.env,
            login,
            groups=",".join((operator, "product.group_product_manager", *groups)),
            lang="en_US",
        )

    def setUp(self):
        super().setUp()
        self.tell([self.wiki()])

    def made(self, user=None):
        action = self.package().with_user(user or self.operator).action_make_product()
        self.assertEqual(action["res_model"], "product.template")
        return self.env["product.template"].browse(action["res_id"])

    def complete(self, product):
        """What the package has no values for."""
        lines = product.kubernetes_config_map_id.line_ids
        lines.filtered(lambda line: line.key == "owner").value = "Somebody"
        lines = product.kubernetes_secret_id.line_ids
        lines.filtered(lambda line: line.key == "api_token").value = "t0ken"

    def bought(self, product):
        order = self._order((product.product_variant_id, 1, "pages"))
        order.action_confirm()
        return order.kubernetes_app_ids

    def test_one_click_makes_a_product_with_all_that_a_purchase_needs(self):
        product = self.made()
        self.assertEqual((product.name, product.type), ("Wiki", "service"))
        self.assertTrue(product.kubernetes_hosting)
        self.assertEqual(product.company_id, self.env.company)
        self.assertEqual(product.package_version_id.name, "1.0")
        self.assertEqual(product.kubernetes_environment_ids, self.prod + self.int)
        lines = product.kubernetes_manifest_ids.sorted()
        (deploy,) = (
            item for item in self.wiki()["manifests"] if item["purpose"] == "deploy"
        )
        self.assertEqual(
            lines.manifest_id.mapped(lambda manifest: (manifest.url, manifest.pin)),
            [(deploy["url"], deploy["digest"])],
        )
        self.assertEqual(product.kubernetes_reset_mode, "manifests")
        self.assertEqual(
            product.kubernetes_reset_manifest_ids.manifest_id.package_path, "reset.yml"
        )
        config_map = product.kubernetes_config_map_id
        secret = product.kubernetes_secret_id
        self.assertTrue(config_map.is_template and secret.is_template)
        self.assertEqual(
            config_map.line_ids.mapped("key"),
            ["language", "pages", "owner", "wiki_image", "replicas"],
        )
        self.assertEqual(
            secret.line_ids.mapped(lambda line: (line.key, line.generate)),
            [("password", True), ("api_token", False)],
        )
        self.assertTrue(product.subscribable)
        self.assertEqual(product.subscription_template_id, self.plan)

    def test_what_the_package_has_no_value_for_keeps_it_from_being_sold(self):
        product = self.made()
        self.assertTrue(product.kubernetes_not_sellable)
        self.assertIn("no value for Owner, Token", product.kubernetes_problems)
        self.complete(product)
        product.invalidate_recordset()
        self.assertFalse(product.kubernetes_not_sellable, product.kubernetes_problems)

    def test_a_purchase_becomes_apps_as_one_of_a_product_made_by_hand(self):
        product = self.made()
        self.complete(product)
        apps = self.bought(product)
        self.assertEqual(apps.environment_id, self.prod + self.int)
        self.assertEqual(apps.package_version_id.name, "1.0")
        self.assertFalse(apps.available_version_id)
        values = {line.key: line.value for line in apps[0].config_map_line_ids}
        self.assertEqual(values["owner"], "Somebody")
        self.assertEqual(values["language"], "en")
        job = self.take(["deploy"])
        told = job._contract_values()
        self.assertEqual(
            [manifest["pin"] for manifest in told["manifests"]],
            [self.wiki()["manifests"][0]["digest"]],
        )
        secrets = {line["key"]: line for line in told["secret"]}
        self.assertEqual(secrets["password"]["generate"]["length"], 20)
        self.assertEqual(secrets["api_token"]["value"], "t0ken")

    def test_a_new_version_is_available_to_product_and_apps(self):
        product = self.made()
        self.complete(product)
        apps = self.bought(product)
        newer = self.wiki(version="1.1", digest="new", vars="wiki_image: new\n")
        newer["manifests"][0]["digest"] = f"sha256:{64 * 'b'}"
        self.index(self.wiki(), newer)
        self.assertEqual(product.available_version_id.name, "1.1")
        self.assertEqual(set(apps.available_version_id.mapped("name")), {"1.1"})
        old = product.kubernetes_manifest_ids.manifest_id
        product.with_user(self.operator).action_update_package()
        self.assertEqual(product.package_version_id.name, "1.1")
        self.assertFalse(product.available_version_id)
        manifest = product.kubernetes_manifest_ids.manifest_id
        self.assertEqual(manifest.pin, f"sha256:{64 * 'b'}")
        values = {
            line.key: line.value for line in product.kubernetes_config_map_id.line_ids
        }
        self.assertEqual(values["wiki_image"], "new")
        self.assertEqual(values["owner"], "Somebody", "what was set stays")
        # What was sold stays as it is.
        self.assertEqual(apps.manifest_line_ids.manifest_id, old)
        self.assertEqual(set(apps.available_version_id.mapped("name")), {"1.1"})

    def test_whoever_sees_no_subscriptions_makes_a_product_without_one(self):
        self.assertFalse(self.made(self.maker("no-plans")).subscribable)

    def test_nothing_is_made_of_what_has_changed(self):
        self.index(self.changed_wiki())
        with self.assertRaisesRegex(UserError, "accept it first"):
            self.made()

    def test_whoever_may_not_make_products_is_told(self):
        user = new_test_user(
            self.env,
            "no-seller",
            groups="kubernetes_hosting.group_kubernetes_operator",
            lang="en_US",
        )
        with self.assertRaisesRegex(AccessError, "may not make products"):
            self.made(user)

    def test_the_repository_of_a_product_is_not_deleted(self):
        product = self.made()
        with self.assertRaisesRegex(UserError, "in use by Wiki"):
            self.repository.unlink()
        product.write(
            {"kubernetes_hosting": False, "kubernetes_manifest_ids": [Command.clear()]}
        )
        product.unlink()
        self.repository.unlink()
