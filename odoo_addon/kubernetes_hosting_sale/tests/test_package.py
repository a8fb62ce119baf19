# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.exceptions import AccessError, UserError, ValidationError
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

    def made(self, user=None, **values):
        return self._product_of(self.package(), user or self.operator, **values)

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

    def test_everything_is_filled_in_but_the_price(self):
        action = self.package().with_user(self.operator).action_make_product()
        wizard = self.env[action["res_model"]].browse(action["res_id"])
        self.assertEqual((wizard.name, wizard.list_price), ("Wiki", 0))
        self.assertEqual(wizard.cluster_id, self.cluster)
        self.assertFalse(wizard.line_ids)
        product = self.made(name="Pages", list_price=12.5)
        self.assertEqual((product.name, product.list_price), ("Pages", 12.5))

    def test_it_runs_on_one_cluster_or_on_those_with_labels(self):
        self.assertEqual(self.made().kubernetes_cluster_id, self.cluster)
        product = self.made(cluster_id=False, cluster_selector="zone in (a,b)")
        self.assertFalse(product.kubernetes_cluster_id)
        self.assertEqual(product.kubernetes_place_ids, self.cluster)
        with self.assertRaisesRegex(ValidationError, "a cluster"):
            self.made(cluster_id=False)
        self.cluster.labels = "zone=c"
        elsewhere = self.env["kubernetes.cluster"].create(
            {"name": "elsewhere", "domain": "e.example", "labels": "zone=a"}
        )
        self.assertEqual(self.made().kubernetes_cluster_id, elsewhere)
        with self.assertRaisesRegex(UserError, "may not run on the cluster"):
            self.made(cluster_id=self.cluster.id)

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
        # For the owner the customer is asked.
        self.assertIn("no value for Token", product.kubernetes_problems)
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


@tagged("post_install", "-at_install")
class TestPackagePlans(Library, HostingSaleCase, TransactionCase):
    """A product of a package with plans has a variant for each."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_library()
        cls.operator = new_test_user(
            cls.env,
            "plan-operator",
            groups="kubernetes_hosting.group_kubernetes_operator,"
            "product.group_product_manager,sales_team.group_sale_manager",
            lang="en_US",
        )

    def setUp(self):
        super().setUp()
        item = self.wiki(plans=self.plans())
        item["variables"] = [one for one in item["variables"] if not one["required"]]
        self.tell([item])

    def made(self, **values):
        return self._product_of(self.package(), self.operator, **values)

    def priced(self):
        """A product whose large plan costs 30 more."""
        action = self.package().with_user(self.operator).action_make_product()
        wizard = (
            self.env[action["res_model"]]
            .with_user(self.operator)
            .browse(action["res_id"])
        )
        self.assertEqual(wizard.line_ids.mapped("title"), ["Small", "Large"])
        wizard.list_price = 20
        wizard.line_ids[1].price_extra = 30
        product = wizard.action_make()["res_id"]
        return self.env["product.template"].browse(product)

    def variant(self, product, title):
        return product.product_variant_ids.filtered(
            lambda one: one.product_template_attribute_value_ids.name == title
        )

    def bought(self, variant, name):
        order = self._order((variant, 1, name))
        order.action_confirm()
        self.assertEqual(order.state, "sale")
        return order, order.kubernetes_app_ids[0]

    def test_each_plan_is_a_variant_at_its_price(self):
        product = self.priced()
        line = product.attribute_line_ids
        self.assertEqual(line.attribute_id.name, "Plan")
        self.assertEqual(line.value_ids.mapped("name"), ["Small", "Large"])
        self.assertEqual(
            line.value_ids.mapped("kubernetes_description"), [False, "For many people."]
        )
        self.assertEqual(len(product.product_variant_ids), 2)
        for title, price in (("Small", 20), ("Large", 50)):
            order, _app = self.bought(self.variant(product, title), f"at-{price}")
            self.assertEqual(order.amount_untaxed, price)

    def test_the_plans_values_win_over_the_config_maps(self):
        product = self.priced()
        _order, small = self.bought(self.variant(product, "Small"), "small")
        _order, large = self.bought(self.variant(product, "Large"), "large")

        def config(app):
            return {
                line.key: (line.type, line.value) for line in app.config_map_line_ids
            }

        self.assertEqual(config(small)["pages"], ("yaml", "10"))
        self.assertEqual(config(large)["pages"], ("yaml", "1000"))
        self.assertEqual(
            config(large)["wiki_image"][1], "docker.io/library/wiki:1-large"
        )

    def test_a_plan_gets_the_limits_that_it_needs(self):
        product = self.priced()
        self.assertEqual(product.limit_storage, 50)
        values = product.attribute_line_ids.value_ids
        self.assertEqual(values.mapped("limit_storage"), [0, 100])
        # 2 processors are less than what every product has.
        self.assertEqual(values.mapped("limit_cpu"), [0, 0])
        _order, large = self.bought(self.variant(product, "Large"), "large")
        self.assertEqual((large.limit_storage, large.limit_cpu), (100, 8))

    def test_a_plan_can_be_left_out(self):
        action = self.package().with_user(self.operator).action_make_product()
        wizard = self.env[action["res_model"]].browse(action["res_id"])
        wizard.line_ids[0].unlink()
        product = self.env["product.template"].browse(wizard.action_make()["res_id"])
        self.assertEqual(product.attribute_line_ids.value_ids.mapped("name"), ["Large"])

    def test_two_products_have_plans_of_their_own(self):
        one, other = self.priced(), self.made(name="Other")
        values = one.attribute_line_ids.value_ids | other.attribute_line_ids.value_ids
        self.assertEqual(len(values), 4)

    def test_the_package_tells_of_its_plans(self):
        self.assertEqual(
            self.package().plan_text,
            "Small\nLarge: For many people. (pages = 1000, wiki_image ="
            " docker.io/library/wiki:1-large)",
        )

    def test_a_new_version_changes_what_nobody_has_changed(self):
        product = self.priced()
        large = product.attribute_line_ids.value_ids[1]
        pages, image = large.kubernetes_value_ids.sorted("key")
        image.value = "mine"
        plans = self.plans()
        plans[1]["values"][0]["value"] = "2000"
        plans[1]["values"][1]["value"] = "docker.io/library/wiki:2"
        plans[1]["storage"] = "200Gi"
        plans.append({**plans[0], "name": "huge", "title": "Huge"})
        self.index(self.wiki(version="1.1", digest="new", plans=plans))
        product.with_user(self.operator).action_update_package()
        self.assertEqual((pages.value, image.value), ("2000", "mine"))
        self.assertEqual(large.limit_storage, 200)
        # What costs nothing yet is not offered by itself.
        self.assertEqual(
            product.attribute_line_ids.value_ids.mapped("name"), ["Small", "Large"]
        )
