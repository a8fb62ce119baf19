# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.exceptions import ValidationError
from odoo.fields import Command
from odoo.tests import Form, tagged

from .common import HostingSaleCase


@tagged("post_install", "-at_install")
class TestVariants(HostingSaleCase):
    """Values depend on the chosen variant: size S/M/L, Odoo version."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.size = cls._attribute("Size", {"S": {}, "L": {"replicas": "3", "ram": "4"}})
        cls.version = cls._attribute(
            "Version",
            {"18": {"tag": "18.0"}, "19": {"tag": "19.0"}},
            create_variant="no_variant",
        )
        # Not in the context in which a product was made: that one makes no variants.
        cls.template = cls.env["product.template"].browse(
            cls.hosting.product_tmpl_id.id
        )

    @classmethod
    def _attribute(cls, name, values, **attribute):
        return cls.env["product.attribute"].create(
            {
                "name": name,
                "value_ids": [
                    Command.create(
                        {
                            "name": value,
                            "kubernetes_value_ids": [
                                Command.create(
                                    {"key": key, "type": "yaml", "value": text}
                                )
                                for key, text in variables.items()
                            ],
                        }
                    )
                    for value, variables in values.items()
                ],
                **attribute,
            }
        )

    def _offer(self, *attributes):
        self.template.attribute_line_ids = [
            Command.create(
                {
                    "attribute_id": attribute.id,
                    "value_ids": [Command.set(attribute.value_ids.ids)],
                }
            )
            for attribute in attributes
        ]

    def _chosen(self, name):
        return self.template.attribute_line_ids.product_template_value_ids.filtered(
            lambda value: value.name == name
        )

    def _variant(self, name):
        return self.template._get_variant_for_combination(self._chosen(name))

    def _values(self, order):
        return [
            {
                line.key: (line.type, line.value)
                for line in app.config_map_id.line_ids.sorted()
            }
            for app in order.kubernetes_app_ids
        ]

    def test_the_chosen_size_overrides_the_templates_values(self):
        self._offer(self.size)
        large = self._order((self._variant("L"), 1, "large"))
        large.action_confirm()
        values = {"replicas": ("yaml", "3"), "ram": ("yaml", "4")}
        self.assertEqual(self._values(large), [values, values])
        self.assertEqual(
            list(self._values(large)[0]), ["replicas", "ram"], "In the template's place"
        )
        small = self._order((self._variant("S"), 1, "small"))
        small.action_confirm()
        self.assertEqual(self._values(small), [{"replicas": ("string", "1")}] * 2)
        self.assertEqual(self.config_map.line_ids.value, "1", "The template stays")

    def test_values_of_attributes_that_make_no_variant(self):
        self._offer(self.size, self.version)
        order = self._order((self._variant("L"), 1, "shop"))
        order.order_line.product_no_variant_attribute_value_ids = self._chosen("19")
        order.action_confirm()
        for values in self._values(order):
            self.assertEqual(values["tag"], ("yaml", "19.0"))
            self.assertEqual(values["replicas"], ("yaml", "3"))

    def test_an_attribute_without_a_choice_counts_too(self):
        self.template.attribute_line_ids = [
            Command.create(
                {
                    "attribute_id": self.version.id,
                    "value_ids": [Command.set(self.version.value_ids[0].ids)],
                }
            )
        ]
        order = self._order((self.template.product_variant_id, 1, "shop"))
        order.action_confirm()
        self.assertEqual(self._values(order)[0]["tag"], ("yaml", "18.0"))

    def test_product_and_variant_say_how_much_an_app_gets(self):
        self.template.write({"limit_cpu": 1, "limit_memory": 2, "limit_pods": 5})
        self._offer(self.size, self.version)
        large = self.size.value_ids.filtered(lambda value: value.name == "L")
        large.write({"limit_memory": 6, "limit_storage": 200})
        self.version.value_ids.write({"limit_memory": 4})
        order = self._order((self._variant("L"), 1, "large"))
        order.order_line.product_no_variant_attribute_value_ids = self._chosen("19")
        order.action_confirm()
        self.assertEqual(len(order.kubernetes_app_ids), 2)
        for app in order.kubernetes_app_ids:
            self.assertEqual(
                app._contract_values()["limits"],
                {
                    "cpu_millicores": 1000,
                    "memory_mib": 6 * 1024,
                    "storage_gib": 200,
                    "pods": 5,
                },
            )
        with self.assertRaisesRegex(ValidationError, "between"):
            large.limit_cpu = -1

    def test_two_values_with_the_same_key_are_refused_when_the_product_is_saved(self):
        other = self._attribute("Plan", {"Pro": {"replicas": "5"}, "Free": {}})
        with self.assertRaisesRegex(ValidationError, "Size: L.*Plan: Pro.*“replicas”"):
            self._offer(self.size, other)

    def test_a_key_added_later_is_refused_where_a_product_has_it_already(self):
        self._offer(self.size, self.version)
        with self.assertRaisesRegex(ValidationError, "“tag”"):
            self.size.value_ids[0].kubernetes_value_ids = [
                Command.create({"key": "tag", "value": "x"})
            ]

    def test_values_that_can_be_ticked_together_must_differ(self):
        extras = self._attribute(
            "Extras",
            {"Mail": {"extra": "1"}, "Backup": {"extra": "2"}},
            display_type="multi",
            create_variant="no_variant",
        )
        with self.assertRaisesRegex(ValidationError, "“extra”"):
            self._offer(extras)

    def test_a_product_that_is_no_hosting_may_have_any_values(self):
        other = self._attribute("Plan", {"Pro": {"replicas": "5"}, "Free": {}})
        self.template.kubernetes_hosting = False
        self._offer(self.size, other)
        with self.assertRaisesRegex(ValidationError, "“replicas”"):
            self.template.kubernetes_hosting = True

    def test_keys_are_checked_and_unique(self):
        with self.assertRaisesRegex(ValidationError, "is not a key"):
            self._attribute("Bad", {"X": {"no key": "1"}})

    def test_reset_mode_and_reset_manifests_come_to_the_apps(self):
        with self.assertRaisesRegex(ValidationError, "reset manifests"):
            self.template.kubernetes_reset_mode = "manifests"
        self.template.write(
            {
                "kubernetes_reset_mode": "manifests",
                "kubernetes_reset_manifest_ids": [
                    Command.create({"sequence": 2, "manifest_id": self.web.id}),
                    Command.create({"sequence": 1, "manifest_id": self.database.id}),
                ],
            }
        )
        order = self._order()
        order.action_confirm()
        for app in order.kubernetes_app_ids:
            self.assertEqual(app.reset_mode, "manifests")
            self.assertEqual(app._reset_manifests(), self.database + self.web)
            self.assertEqual(app._manifests(), self.database + self.web)
        self.assertEqual(
            self.template.kubernetes_manifest_ids.mapped("purpose"), ["deploy"] * 2
        )

    def test_changing_the_product_later_never_changes_sold_apps(self):
        self._offer(self.size)
        order = self._order((self._variant("L"), 1, "shop"))
        order.action_confirm()
        app = order.kubernetes_app_ids[0]
        before = (self._values(order), app._manifests(), app.reset_mode)
        self.config_map.line_ids.value = "7"
        self.size.value_ids[1].kubernetes_value_ids.write({"value": "9"})
        self.template.write(
            {
                "kubernetes_reset_mode": "manifests",
                "kubernetes_reset_manifest_ids": [
                    Command.create({"manifest_id": self.web.id})
                ],
                "kubernetes_manifest_ids": [
                    Command.delete(self.template.kubernetes_manifest_ids[0].id)
                ],
            }
        )
        self.assertEqual(
            before, (self._values(order), app._manifests(), app.reset_mode)
        )
        self.assertFalse(app.reset_manifest_line_ids)

    def test_the_tab_shows_the_values_and_leads_to_their_form(self):
        self._offer(self.size)
        values = self.template.kubernetes_attribute_value_ids
        self.assertEqual(values, self.size.value_ids)
        self.assertEqual(values[1].kubernetes_summary, "replicas = 3, ram = 4")
        action = values[1].action_kubernetes_values()
        form = Form(values[1], view=action["views"][0][0])
        with form.kubernetes_value_ids.new() as line:
            line.key = "workers"
            line.value = "2"
        form.save()
        self.assertEqual(
            values[1].kubernetes_value_ids.mapped("key"), ["replicas", "ram", "workers"]
        )

    def test_both_apps_of_a_purchase_know_each_other(self):
        order = self._order((self.hosting, 2, "shop, bakery"))
        order.action_confirm()
        for name in ("shop", "bakery"):
            production, integration = order.kubernetes_app_ids.filtered(
                lambda app, name=name: app.name == name
            ).sorted("id")
            self.assertEqual(integration._production(), production)
            self.assertFalse(production._production())
            self.assertEqual(production.sibling_count, 1)
