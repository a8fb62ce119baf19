# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from unittest.mock import patch

from odoo.fields import Command

from odoo.addons.base.tests.common import BaseCommon
from odoo.addons.kubernetes_hosting.tests.common import PatientRequests

ADDRESS = {"street": "Street 1", "city": "Bern", "zip": "3000"}


class HostingSaleCase(PatientRequests, BaseCommon):
    """A hosting product on a cluster, its subscription, and a customer."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        env = cls.env
        # Accounting is not set up and not the subject.
        cls.startClassPatcher(
            patch.object(env.registry["payment.transaction"], "_create_payment")
        )
        cls.prod = env["kubernetes.environment"].search([("code", "=", "prod")])
        cls.int = env["kubernetes.environment"].search([("code", "=", "int")])
        cls.cluster = env["kubernetes.cluster"].create(
            {"name": "sale-test", "domain": "sale-test.example", "company_id": False}
        )
        cls.database, cls.web = env["kubernetes.manifest"].create(
            [
                {"name": "Database", "url": "https://catalog.example/database.yml"},
                {"name": "Web", "url": "https://catalog.example/web.yml"},
            ]
        )
        cls.config_map = env["kubernetes.config.map"].create(
            {
                "name": "Shop defaults",
                "is_template": True,
                "line_ids": [Command.create({"key": "replicas", "value": "1"})],
            }
        )
        cls.secret = env["kubernetes.secret"].create(
            {
                "name": "Shop secrets",
                "is_template": True,
                "line_ids": [Command.create({"key": "password", "value": "s3cret"})],
            }
        )
        cls.plan = env["sale.subscription.template"].create(
            {"name": "Monthly", "recurring_rule_type": "months"}
        )
        cls.hosting = cls._hosting_product("Shop Hosting")
        cls.book = env["product.product"].create(
            {"name": "Handbook", "type": "service", "list_price": 30}
        )
        cls.customer = env["res.partner"].create(
            {
                "name": "Customer",
                "email": "customer@example.com",
                **ADDRESS,
                "country_id": env.ref("base.ch").id,
            }
        )

    @classmethod
    def _hosting_product(cls, name, **values):
        return cls.env["product.product"].create(
            {
                "name": name,
                "type": "service",
                "list_price": 20,
                "taxes_id": [Command.clear()],
                "subscribable": True,
                "subscription_template_id": cls.plan.id,
                "kubernetes_hosting": True,
                "kubernetes_cluster_id": cls.cluster.id,
                "kubernetes_config_map_id": cls.config_map.id,
                "kubernetes_secret_id": cls.secret.id,
                "kubernetes_environment_ids": [Command.set((cls.prod + cls.int).ids)],
                "kubernetes_manifest_ids": [
                    Command.create({"sequence": 1, "manifest_id": cls.database.id}),
                    Command.create({"sequence": 2, "manifest_id": cls.web.id}),
                ],
                **values,
            }
        )

    @classmethod
    def _order(cls, *lines, **values):
        """An order of ``(product, quantity, names)``; names as typed on the line."""
        lines = lines or [(cls.hosting, 1, "shop")]
        return cls.env["sale.order"].create(
            {
                "partner_id": cls.customer.id,
                "order_line": [
                    Command.create(
                        {
                            "product_id": product.id,
                            "product_uom_qty": quantity,
                            **({"kubernetes_app_names": names} if names else {}),
                        }
                    )
                    for product, quantity, names in lines
                ],
                **values,
            }
        )

    @classmethod
    def _transaction(cls, order, state="done", **values):
        """A payment of the whole order by a provider without an implementation."""
        method = cls.env.ref("payment.payment_method_unknown")
        provider = cls.env["payment.provider"].search(
            [("name", "=", "Test Provider")], limit=1
        ) or cls.env["payment.provider"].create(
            {
                "name": "Test Provider",
                "code": "none",
                "state": "test",
                "payment_method_ids": [Command.set(method.ids)],
            }
        )
        method.write({"active": True, "support_manual_capture": "full_only"})
        provider.support_manual_capture = "full_only"
        return cls.env["payment.transaction"].create(
            {
                "provider_id": provider.id,
                "payment_method_id": method.id,
                "reference": f"{order.name}-{len(order.transaction_ids) + 1}",
                "amount": order.amount_total,
                "currency_id": order.currency_id.id,
                "partner_id": order.partner_id.id,
                "sale_order_ids": [Command.set(order.ids)],
                "operation": "online_redirect",
                "state": state,
                **values,
            }
        )

    def _product_of(self, package, user=None, **values):
        """The product that is made of a package."""
        package = package.with_user(user) if user else package
        action = package.action_make_product()
        wizard = package.env[action["res_model"]].browse(action["res_id"])
        wizard.write(values)
        action = wizard.action_make()
        self.assertEqual(action["res_model"], "product.template")
        return self.env["product.template"].browse(action["res_id"])

    def _run_cron(self, xmlid):
        """Run a cron as the server does, commits included (they are simulated)."""
        with self.enter_registry_test_mode():
            self.env.ref(xmlid).method_direct_trigger()
        self.env.invalidate_all()

    def _retry(self):
        self._run_cron("kubernetes_hosting_sale.ir_cron_create_apps")

    def _hostnames(self, *names):
        """Which of the hostnames made of some names are taken."""
        return sorted(
            self.env["kubernetes.hostname"]
            .search([("app_name", "in", names), ("cluster_id", "=", self.cluster.id)])
            .mapped("hostname")
        )
