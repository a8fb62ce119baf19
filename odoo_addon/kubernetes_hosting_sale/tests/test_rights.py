# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from contextlib import contextmanager

from lxml import etree

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from .common import HostingSaleCase

OPERATOR = "kubernetes_hosting.group_kubernetes_operator"


@tagged("post_install", "-at_install")
class TestProduction(HostingSaleCase):
    """An app reads what is in production of the same company and the same
    customer, and nobody says of an app that it belongs to somebody's order."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other_company = cls.env["res.company"].create({"name": "Other"})
        cls.operator = new_test_user(cls.env, "operator", groups=OPERATOR)
        cls.other_operator = new_test_user(
            cls.env,
            "other-operator",
            groups=OPERATOR,
            company_id=cls.other_company.id,
            company_ids=[Command.set(cls.other_company.ids)],
        )
        cls.order = cls._order()
        cls.order.action_confirm()
        cls.production, cls.integration = cls.order.kubernetes_app_ids.sorted(
            lambda app: app.environment_id.sequence
        )
        cls.test = cls.env["kubernetes.environment"].search([("code", "=", "test")])

    def app_of(self, operator, **values):
        return (
            self.env["kubernetes.app"]
            .with_user(operator)
            .create(
                {
                    "name": f"thief-{operator.id}",
                    "environment_id": self.test.id,
                    "cluster_id": self.cluster.id,
                    **values,
                }
            )
        )

    def test_nobody_says_of_an_app_what_it_was_sold_as(self):
        values = {
            "sale_order_id": self.order.id,
            "sale_order_line_id": self.order.order_line.id,
            "unit_no": 1,
            "product_id": self.hosting.id,
            "subscription_id": self.production.subscription_id.id,
            "delete_on": "2030-01-01",
            "stopped_by_subscription": True,
        }
        for operator in (self.operator, self.other_operator):
            app = self.app_of(operator)
            for name, value in values.items():
                with self.assertRaises(UserError, msg=name):
                    app.write({name: value})
                with self.assertRaises(UserError, msg=name):
                    self.app_of(operator, name="another", **{name: value})

    def test_production_is_of_the_same_company(self):
        app = self.app_of(self.other_operator).sudo()
        values = {"sale_order_line_id": self.order.order_line.id, "unit_no": 1}
        with self.assertRaisesRegex(UserError, "no company crossover"):
            app.write(values)
        app.flush_recordset()
        self.env.cr.execute(
            "UPDATE kubernetes_app SET sale_order_line_id = %s, unit_no = 1"
            " WHERE id = %s",
            [self.order.order_line.id, app.id],
        )
        app.invalidate_recordset()
        self.assertTrue(self.integration._production())
        self.assertFalse(app._production())

    def test_production_is_of_the_same_customer(self):
        app = self.app_of(self.operator).sudo()
        app.write({"sale_order_line_id": self.order.order_line.id, "unit_no": 1})
        self.assertFalse(app._production())
        app.partner_id = self.env["res.partner"].create({"name": "Somebody else"})
        self.assertFalse(app._production())
        app.partner_id = self.env["res.partner"].create(
            {"name": "Contact", "parent_id": self.customer.id}
        )
        self.assertEqual(app._production(), self.production)

    def test_siblings_are_of_the_same_company_and_customer(self):
        namespaces = [self.production.namespace_id.name]
        self.assertEqual(self.integration._sibling_namespaces(), namespaces)
        line = {"sale_order_line_id": self.order.order_line.id, "unit_no": 1}
        theirs = self.app_of(self.other_operator, partner_id=self.customer.id).sudo()
        theirs.flush_recordset()
        self.env.cr.execute(
            "UPDATE kubernetes_app SET sale_order_line_id = %s, unit_no = 1"
            " WHERE id = %s",
            [self.order.order_line.id, theirs.id],
        )
        theirs.invalidate_recordset()
        self.assertEqual(theirs._sibling_namespaces(), [])
        self.assertEqual(self.integration._sibling_namespaces(), namespaces)
        theirs.sale_order_line_id = False
        somebody = self.env["res.partner"].create({"name": "Somebody else"})
        self.app_of(self.operator).sudo().write({**line, "partner_id": somebody.id})
        self.assertEqual(self.integration._sibling_namespaces(), namespaces)


@tagged("post_install", "-at_install")
class TestSaleCompanies(HostingSaleCase):
    """Products, reservations and subscriptions cross no company."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other_company = cls.env["res.company"].create({"name": "Other"})
        groups = (
            f"{OPERATOR},sales_team.group_sale_manager,product.group_product_manager"
        )
        cls.seller = new_test_user(
            cls.env,
            "seller",
            groups=groups,
            company_id=cls.other_company.id,
            company_ids=[Command.set(cls.other_company.ids)],
        )

    def product_values(self, **values):
        return {
            "name": "Hosting",
            "type": "service",
            "kubernetes_hosting": True,
            "kubernetes_cluster_id": self.cluster.id,
            "kubernetes_environment_ids": [Command.set(self.prod.ids)],
            **values,
        }

    def test_a_product_uses_no_template_of_another_company(self):
        manifest = (
            self.env["kubernetes.manifest"]
            .with_user(self.seller)
            .create({"name": "Mine", "url": "https://example.com/mine.yml"})
        )
        lines = [Command.create({"manifest_id": manifest.id})]
        products = self.env["product.template"].with_user(self.seller)
        product = products.create(self.product_values(kubernetes_manifest_ids=lines))
        self.assertEqual(product.company_id, self.other_company)
        for values in (
            {"kubernetes_secret_id": self.secret.id},
            {"kubernetes_config_map_id": self.config_map.id},
            {
                "kubernetes_manifest_ids": [
                    Command.create({"manifest_id": self.database.id})
                ]
            },
        ):
            with self.assertRaisesRegex(UserError, "company|no right to"):
                product.write(values)
            with self.assertRaisesRegex(UserError, "company|no right to"):
                products.create(
                    self.product_values(**{"kubernetes_manifest_ids": lines, **values})
                )

    def test_what_all_companies_sell_is_the_administrators(self):
        product = self.hosting.product_tmpl_id
        product.kubernetes_manifest_ids.manifest_id.company_id = False
        self.config_map.company_id = self.secret.company_id = False
        product.company_id = False
        with self.assertRaisesRegex(AccessError, "administrators only"):
            product.with_user(self.seller).kubernetes_reset_mode = "manifests"
        with self.assertRaises(AccessError):
            product.kubernetes_manifest_ids[0].with_user(self.seller).sequence = 7
        product.with_user(self.seller).list_price = 21

    @contextmanager
    def refused_to_operators(self):
        with (
            self.assertRaisesRegex(AccessError, "administrators only"),
            self.env.cr.savepoint(),
        ):
            yield

    def test_shared_settings_are_changed_by_no_operator_whatever_they_are_called(self):
        product = self.hosting.product_tmpl_id
        product.kubernetes_manifest_ids.manifest_id.company_id = False
        self.config_map.company_id = self.secret.company_id = False
        product.company_id = False
        ours = [
            field
            for field in product._fields.values()
            if (field._module or "").startswith("kubernetes_hosting")
            and not field.compute
        ]
        self.assertIn("limit_pods", [field.name for field in ours])
        for records in (product, product.product_variant_id):
            theirs = records.with_user(self.seller)
            for field in ours:
                value = field.convert_to_write(product[field.name], product)
                if field.type in ("integer", "float"):
                    value += 1
                with self.refused_to_operators():
                    theirs.write({field.name: value})
        theirs = product.with_user(self.seller)
        with self.refused_to_operators():
            theirs.company_id = self.other_company
        with self.refused_to_operators():
            theirs.product_variant_id.write({"company_id": self.other_company.id})
        theirs.write({"list_price": 22})
        manifest = (
            self.env["kubernetes.manifest"]
            .with_user(self.seller)
            .create({"name": "Mine", "url": "https://example.com/mine.yml"})
        )
        own = theirs.create(
            self.product_values(
                kubernetes_manifest_ids=[Command.create({"manifest_id": manifest.id})]
            )
        )
        own.limit_pods = 7
        with self.assertRaises(UserError), self.env.cr.savepoint():
            own.company_id = False

    def test_what_all_companies_sell_with_a_value_is_the_administrators(self):
        attribute = self.env["product.attribute"].create({"name": "Size"})
        values = self.env["product.attribute.value"].with_user(self.seller)
        value = values.create(
            {"name": "L", "attribute_id": attribute.id, "limit_pods": 0}
        )
        value.write({"name": "Large", "limit_pods": 0})
        for name in ("limit_cpu", "limit_memory", "limit_storage", "limit_pods"):
            with self.refused_to_operators():
                value.write({name: 9})
            with self.refused_to_operators():
                values.create({"name": name, "attribute_id": attribute.id, name: 9})
            with self.refused_to_operators():
                attribute.with_user(self.seller).write(
                    {"value_ids": [Command.update(value.id, {name: 9})]}
                )
        self.seller.group_ids += self.env.ref(
            "kubernetes_hosting.group_kubernetes_administrator"
        )
        value.limit_pods = 9

    def test_forms_say_what_is_the_administrators(self):
        """The fields were editable, and saving them was refused."""
        attribute = self.env["product.attribute"].create({"name": "Size"})
        value = self.env["product.attribute.value"].create(
            {"name": "L", "attribute_id": attribute.id}
        )
        template = self.hosting.product_tmpl_id
        self._behind_odoo(template, "company_id", None)
        value_form = "kubernetes_hosting_sale.product_attribute_value_form"
        records = (
            (value, value_form, "limit_pods"),
            (template, "product.product_template_form_view", "kubernetes_reset_mode"),
        )
        for record, view, field in records:
            view = self.env.ref(view).id
            theirs = record.with_user(self.seller)
            arch = etree.fromstring(theirs.get_view(view, "form")["arch"])
            for name in (field, "limit_cpu", "limit_memory", "limit_storage"):
                node = arch.find(f".//field[@name='{name}']")
                self.assertEqual(node.get("readonly"), "not kubernetes_is_editable")
            self.assertFalse(theirs.kubernetes_is_editable)
            self.assertTrue(record.kubernetes_is_editable)
        # What is of the operator's own company.
        self._behind_odoo(template, "company_id", self.other_company.id)
        self.assertTrue(template.with_user(self.seller).kubernetes_is_editable)
        new = self.env["product.template"].with_user(self.seller).new({})
        self.assertTrue(new.kubernetes_is_editable)
        self.seller.group_ids += self.env.ref(
            "kubernetes_hosting.group_kubernetes_administrator"
        )
        self.assertTrue(value.with_user(self.seller).kubernetes_is_editable)

    def test_what_another_company_sells_with_a_shared_record_is_not_named(self):
        administrator = new_test_user(
            self.env,
            "administrator-of-the-other",
            groups="kubernetes_hosting.group_kubernetes_administrator",
            company_id=self.other_company.id,
            company_ids=[Command.set(self.other_company.ids)],
        )
        template = self.hosting.product_tmpl_id
        template.company_id = self.env.company
        self.config_map.company_id = False
        shared = self.config_map.with_user(administrator)
        for change in (lambda: shared.write({"active": False}), shared.unlink):
            with self.assertRaisesRegex(UserError, "of other companies") as refused:
                change()
            self.assertNotIn(template.name, refused.exception.args[0])
        with self.assertRaisesRegex(UserError, template.name):
            self.config_map.active = False

    def _behind_odoo(self, record, column, value):
        self.env.flush_all()
        self.env.cr.execute(
            f"UPDATE {record._table} SET {column} = %s WHERE id = %s",
            [value, record.id],
        )
        self.env.invalidate_all()

    def test_what_keeps_a_product_from_being_sold_names_nothing_of_others(self):
        template = self.hosting.product_tmpl_id
        self._behind_odoo(template, "company_id", None)
        parts = template.sudo()._kubernetes_parts()
        parts = [part for part in parts if part._fields.get("company_id")]
        owners = {part.company_id for part in parts if part.company_id}
        self.assertEqual(owners, {self.env.company})
        shown = str(template.with_user(self.seller).kubernetes_problems)
        self.assertIn("another company", shown)
        names = [self.env.company.name]
        names += [part.display_name for part in parts if part.company_id]
        for name in names:
            self.assertNotIn(name, shown)
        # Whoever works for both sees which.
        self.seller.company_ids += self.env.company
        both = {"allowed_company_ids": (self.other_company + self.env.company).ids}
        shown = template.with_user(self.seller).with_context(**both)
        for name in names:
            self.assertIn(name, str(shown.kubernetes_problems))

    def test_orders_of_another_company_are_not_named(self):
        administrator = new_test_user(
            self.env,
            "administrator-of-the-other",
            groups="kubernetes_hosting.group_kubernetes_administrator,"
            "sales_team.group_sale_manager,product.group_product_manager",
            company_id=self.other_company.id,
            company_ids=[Command.set(self.other_company.ids)],
        )
        template = self.hosting.product_tmpl_id
        self._behind_odoo(template, "company_id", None)
        order = self._order()
        self._behind_odoo(order, "kubernetes_pending", True)
        theirs = template.with_user(administrator)
        with self.assertRaisesRegex(ValidationError, "not yours to read") as refused:
            theirs.kubernetes_hosting = False
        self.assertNotIn(order.name, refused.exception.args[0])
        with self.assertRaisesRegex(ValidationError, order.name) as refused:
            template.kubernetes_hosting = False
        self.assertNotIn("not yours to read", refused.exception.args[0])

    def test_a_sale_copies_no_secret_of_another_company(self):
        order = self._order()
        self.env.cr.execute(
            "UPDATE kubernetes_secret SET company_id = %s WHERE id = %s",
            [self.other_company.id, self.secret.id],
        )
        self.env.invalidate_all()
        with mute_logger("odoo.addons.kubernetes_hosting_sale.models.sale_order"):
            order.action_confirm()
        self.assertTrue(order.kubernetes_pending)
        self.assertFalse(order.kubernetes_app_ids)
        self.assertIn("another company", order.activity_ids[:1].note)

    def test_a_reserved_hostname_is_seen_by_the_orders_company(self):
        self._order((self.hosting, 1, "reserved"))
        hostname = self.env["kubernetes.hostname"].search(
            [("app_name", "=", "reserved")], limit=1
        )
        self.assertEqual(hostname.company_id, self.env.company)
        self.assertFalse(
            hostname.with_user(self.seller).search([("id", "=", hostname.id)])
        )

    def test_orders_and_subscriptions_with_apps_change_no_company(self):
        order = self._order()
        order.action_confirm()
        for record in (order, order.kubernetes_app_ids.subscription_id):
            with self.assertRaises(UserError), self.env.cr.savepoint():
                record.company_id = self.other_company

    def test_a_subscription_pays_for_its_own_customers_lines(self):
        order = self._order()
        order.action_confirm()
        line = order.kubernetes_app_ids.subscription_id.sale_subscription_line_ids[:1]
        other = self._order((self.book, 1, ""), partner_id=self.env.user.partner_id.id)
        with self.assertRaisesRegex(UserError, "different customers"):
            line.sale_order_line_id = other.order_line

    def test_variables_of_an_attribute_value_are_the_companys(self):
        value = (
            self.env["product.attribute"]
            .create({"name": "Size", "value_ids": [Command.create({"name": "L"})]})
            .value_ids
        )
        lines = self.env["kubernetes.attribute.value"]
        mine = lines.create({"value_id": value.id, "key": "size", "value": "1"})
        shared, shared_too = lines.create(
            [
                {"value_id": value.id, "key": key, "value": "2", "company_id": False}
                for key in ("size", "color")
            ]
        )
        theirs = lines.with_user(self.seller).create(
            {"value_id": value.id, "key": "size", "value": "3"}
        )
        self.assertEqual(theirs.company_id, self.other_company)
        with self.assertRaises(AccessError):
            shared.with_user(self.seller).value = "x"
        self.assertEqual(
            value.kubernetes_value_ids._of_company(self.env.company), mine + shared_too
        )
        self.assertEqual(shared.company_id, self.env["res.company"])


@tagged("post_install", "-at_install")
class TestProductFields(HostingSaleCase):
    """What a product is made of is no customer's business."""

    def test_a_customer_reads_not_what_a_product_is_made_of(self):
        anna = new_test_user(self.env, "anna", groups="base.group_portal")
        product = self.hosting.product_tmpl_id.with_user(anna)
        for name in (
            "kubernetes_cluster_id",
            "kubernetes_config_map_id",
            "kubernetes_secret_id",
            "kubernetes_environment_ids",
            "kubernetes_manifest_ids",
            "kubernetes_reset_manifest_ids",
        ):
            with self.assertRaises(AccessError):
                product._check_field_access(product._fields[name], "read")
            with self.assertRaises(AccessError):
                product.search_count([(name, "!=", False)])
