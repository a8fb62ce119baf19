# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import copy
from datetime import timedelta

from odoo import fields
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import TransactionCase, new_test_user, tagged

from odoo.addons.kubernetes_hosting.tests.library import Library, variable

from .common import HostingSaleCase


def text(value):
    return {"type": "string", "value": value}


@tagged("post_install", "-at_install")
class TestOrderValues(Library, HostingSaleCase, TransactionCase):
    """What customers give for a package's variables when buying comes to their apps."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_library()

    def setUp(self):
        super().setUp()
        item = self.wiki()
        item["variables"] = [
            variable(
                "language",
                title="Language",
                set_by="checkout",
                default=text("en"),
                choices=[text("en"), text("de")],
            ),
            variable("owner", title="Owner", set_by="customer", required=True),
            variable(
                "api_token",
                title="Token",
                set_by="checkout",
                secret=True,
                generate={"length": 20, "alphabet": "hex"},
            ),
            variable("pages", type="integer", default={"type": "yaml", "value": "10"}),
            variable("greeting", set_by="customer", default=text("Hello")),
        ]
        self.tell([item])
        self.product = self._product_of(self.package()).product_variant_id
        self.order = self._order((self.product, 1, "pages"))
        self.line = self.order.order_line

    def give(self, unit=1, line=None, **typed):
        return (line or self.line)._kubernetes_give(unit, typed)

    def config(self, app):
        return {line.key: (line.type, line.value) for line in app.config_map_line_ids}

    # -- what is asked -----------------------------------------------------------

    def test_what_is_asked_for_is_what_customers_set_when_buying(self):
        form = {field["name"]: field for field in self.line._kubernetes_form(1)}
        self.assertEqual(list(form), ["language", "owner", "api_token"])
        self.assertEqual(form["language"]["value"], "en")
        self.assertTrue(form["owner"]["required"])

    def test_it_is_sold_though_the_package_has_no_value_for_it(self):
        template = self.product.product_tmpl_id
        self.assertFalse(template.kubernetes_not_sellable, template.kubernetes_problems)

    def test_nothing_is_paid_before_what_is_needed_is_given(self):
        self.assertTrue(self.order._kubernetes_needs_names())
        with self.assertRaisesRegex(ValidationError, "Owner: please fill this in"):
            self.order._kubernetes_check_sale()
        seller = new_test_user(
            self.env,
            "values-seller",
            groups="sales_team.group_sale_salesman_all_leads",
            lang="en_US",
        )
        with self.assertRaisesRegex(UserError, "Owner: .*/app_names"):
            self.order.with_user(seller).action_confirm()
        self.assertFalse(self.give(owner="Somebody"))
        self.assertFalse(self.order._kubernetes_needs_names())
        self.order._kubernetes_check_names()
        self.order.with_user(seller).action_confirm()
        self.assertEqual(self.order.state, "sale")

    def test_an_operators_value_is_enough(self):
        lines = self.product.kubernetes_config_map_id.line_ids
        lines.filtered(lambda line: line.key == "owner").value = "Somebody"
        self.assertFalse(self.order._kubernetes_needs_names())
        form = {field["name"]: field for field in self.line._kubernetes_form(1)}
        self.assertEqual(form["owner"]["value"], "Somebody")

    # -- what may be given -------------------------------------------------------

    def test_what_is_none_of_the_choices_is_refused_and_the_former_stays(self):
        self.assertFalse(self.give(owner="Somebody", language="de"))
        problems = self.give(language="fr")
        self.assertEqual(
            problems,
            {"language": "Language: please choose one of the values of the list."},
        )
        self.assertEqual(self.line._kubernetes_given(1)["language"], text("de"))

    def test_nobody_gives_what_they_are_not_asked_for(self):
        for name in ("pages", "greeting", "wiki_image", "hostname", "nothing"):
            with self.assertRaisesRegex(ValidationError, f"cannot be set here: {name}"):
                self.give(owner="Somebody", **{name: "1"})
        self.assertFalse(self.line.kubernetes_value_ids, "all or none")

    def test_emptied_it_is_as_the_product_has_it(self):
        self.give(owner="Somebody", language="de")
        self.give(language="")
        self.assertNotIn("language", self.line._kubernetes_given(1))
        self.assertEqual(self.give(owner=""), {"owner": "Owner: please fill this in."})

    def test_what_may_no_longer_be_is_asked_for_once_more(self):
        self.give(owner="Somebody", language="de")
        version = self.product.package_version_id.sudo()
        content = copy.deepcopy(version.content)
        content["variables"][0]["choices"] = [text("en"), text("fr")]
        version.content = content
        self.assertEqual(list(self.line._kubernetes_value_problems(1)), ["language"])
        self.assertTrue(self.order._kubernetes_needs_names())

    def test_a_secret_is_kept_from_everybody_and_forgotten_once_the_app_has_it(self):
        self.give(owner="Somebody", api_token="s3cret")
        value = self.line._kubernetes_value(1, "api_token")
        self.assertEqual(value._typed(), "s3cret")
        self.assertFalse(value.value)
        self.assertNotIn("s3cret", self.line.kubernetes_values_given)
        form = {field["name"]: field for field in self.line._kubernetes_form(1)}
        self.assertEqual(
            (form["api_token"]["value"], form["api_token"]["is_set"]), ("", True)
        )
        # Left empty it stays.
        self.give(api_token="")
        self.assertEqual(self.line._kubernetes_value(1, "api_token")._typed(), "s3cret")
        self.order.action_confirm()
        self.assertFalse(value.exists())
        for app in self.order.kubernetes_app_ids:
            line = app.secret_id.line_ids.filtered(lambda one: one.key == "api_token")
            self.assertEqual((line.generate, line.stored_value), (False, "s3cret"))

    def test_secrets_of_what_nobody_buys_are_forgotten(self):
        self.give(owner="Somebody", api_token="s3cret")
        values = self.env["kubernetes.order.value"]
        values._gc_secrets()
        self.assertEqual(len(self.line.kubernetes_value_ids), 2)
        self.order.kubernetes_named_at = fields.Datetime.now() - timedelta(days=40)
        self.order.validity_date = self.order.kubernetes_named_at.date()
        values._gc_secrets()
        self.assertEqual(self.line.kubernetes_value_ids.mapped("key"), ["owner"])

    # -- what becomes of it ------------------------------------------------------

    def test_it_comes_to_the_unit_s_apps_and_to_no_others(self):
        self.line.product_uom_qty = 2
        self.line.kubernetes_app_names = "pages, notes"
        self.give(1, owner="Anna", language="de")
        self.give(2, owner="Ben")
        self.assertEqual(
            self.line.kubernetes_values_given,
            "1: language = de, 1: owner = Anna, 2: owner = Ben",
        )
        self.order.action_confirm()
        apps = self.order.kubernetes_app_ids
        self.assertEqual(len(apps), 4)
        for app in apps:
            config = self.config(app)
            wanted = ("Anna", "de") if app.unit_no == 1 else ("Ben", "en")
            self.assertEqual((config["owner"][1], config["language"][1]), wanted)
            self.assertEqual(config["pages"], ("yaml", "10"))
        told = self.take(["deploy"])._contract_values()
        owners = [
            line["value"] for line in told["config_map"] if line["key"] == "owner"
        ]
        self.assertIn(owners[0], ("Anna", "Ben"))
        # What products are sold with stays as it was.
        lines = self.product.kubernetes_config_map_id.line_ids
        self.assertFalse(lines.filtered(lambda line: line.key == "owner").value)

    def test_it_goes_with_the_unit_and_the_line(self):
        self.line.product_uom_qty = 2
        self.line.kubernetes_app_names = "pages, notes"
        self.give(1, owner="Anna")
        self.give(2, owner="Ben")
        self.line.product_uom_qty = 1
        self.assertEqual(self.line.kubernetes_value_ids.mapped("value"), ["Anna"])
        self.line.product_uom_qty = 2
        self.assertEqual(list(self.line._kubernetes_value_problems(2)), ["owner"])
        copy = self.order.copy()
        self.assertFalse(copy.order_line.kubernetes_value_ids)
        values = self.line.kubernetes_value_ids
        self.order.order_line.unlink()
        self.assertFalse(values.exists())

    def test_what_was_paid_for_without_it_is_made_and_told(self):
        self._transaction(self.order)
        self.order.action_confirm()
        apps = self.order.kubernetes_app_ids
        self.assertEqual(len(apps), 2)
        kind = self.env.ref("kubernetes_hosting_sale.activity_values_missing")
        activity = apps.activity_ids.filtered(lambda one: one.activity_type_id == kind)
        self.assertIn("without values that its apps need: Owner", activity.note)

    def test_what_an_attribute_value_sets_is_not_asked_for(self):
        attribute = self.env["product.attribute"].create(
            {
                "name": "Tongue",
                "value_ids": [
                    Command.create(
                        {
                            "name": "German",
                            "kubernetes_value_ids": [
                                Command.create({"key": "language", "value": "de"}),
                                Command.create({"key": "greeting", "value": "Hoi"}),
                            ],
                        }
                    )
                ],
            }
        )
        self.product.product_tmpl_id.attribute_line_ids = [
            Command.create(
                {
                    "attribute_id": attribute.id,
                    "value_ids": [Command.set(attribute.value_ids.ids)],
                }
            )
        ]
        product = self.product.product_tmpl_id.product_variant_id
        order = self._order((product, 1, "tongue"))
        line = order.order_line
        with self.assertRaisesRegex(ValidationError, "cannot be set here: language"):
            self.give(line=line, language="en")
        self.give(line=line, owner="Somebody")
        order.action_confirm()
        app = order.kubernetes_app_ids[0]
        self.assertEqual(self.config(app)["language"], ("string", "de"))
        # Nor can it be set later.
        names = [one["name"] for one in app._customer_variables()]
        self.assertEqual(names, ["owner"])

    def test_the_product_says_whether_customers_apply(self):
        self.assertTrue(self.product.kubernetes_apply_allowed)
        self.give(owner="Somebody")
        self.order.action_confirm()
        self.assertEqual(
            set(self.order.kubernetes_app_ids.mapped("apply_allowed")), {True}
        )
