# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.kubernetes_hosting.models.kubernetes_app import USER


class KubernetesApp(models.Model):
    """An app knows what it was sold as: product, order line and unit, subscription."""

    _inherit = "kubernetes.app"

    product_id = fields.Many2one(
        "product.product",
        check_company=True,
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        groups=USER,
    )
    sale_order_id = fields.Many2one(
        "sale.order",
        string="Order",
        check_company=True,
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        groups=USER,
    )
    sale_order_line_id = fields.Many2one(
        "sale.order.line",
        string="Order Line",
        check_company=True,
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        groups=USER,
    )
    unit_no = fields.Integer(
        string="Unit",
        readonly=True,
        copy=False,
        help="Which unit of the order line: 1 is the first.",
        groups=USER,
    )
    subscription_id = fields.Many2one(
        "sale.subscription",
        check_company=True,
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        groups=USER,
    )
    delete_on = fields.Date(
        readonly=True,
        copy=False,
        index="btree_not_null",
        tracking=True,
        help="The subscription has ended: on this day the app and all its data are"
        " deleted, provided that the customer was told in time.",
    )
    delete_mail_id = fields.Many2one(
        "mail.mail",
        string="Announcement",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        groups=USER,
        help="The last mail that told the customer about the deletion.",
    )
    stopped_by_subscription = fields.Boolean(
        readonly=True,
        copy=False,
        groups=USER,
        help="The app starts again when the subscription does.",
    )

    # However an order comes to be confirmed twice: a unit has one app per environment.
    _sold_once = models.Constraint(
        "UNIQUE (sale_order_line_id, unit_no, environment_id)",
        "This unit of the order line has an app in this environment already.",
    )

    def _purchase_fields(self):
        """The same unit of the same order line."""
        if not self.sale_order_line_id:
            return super()._purchase_fields()
        return ("sale_order_line_id", "unit_no")

    def _customer_variables(self):
        """Not what an attribute value sets, which is paid for."""
        variables = super()._customer_variables()
        if not variables or not self.product_id:
            return variables
        if self.sale_order_line_id:
            bought = self.sale_order_line_id._kubernetes_bought_keys()
        else:
            chosen = self.product_id.product_template_attribute_value_ids
            values = chosen.product_attribute_value_id.kubernetes_value_ids
            bought = set(values._of_company(self.company_id).mapped("key"))
        return [variable for variable in variables if variable["name"] not in bought]

    def _set_variables(self, variables):
        """Put variables into the app's own config map; the template's of the same keys
        give way."""
        self.ensure_one()
        lines = self.config_map_id.line_ids
        last = max(lines.mapped("sequence"), default=0)
        for number, variable in enumerate(variables.sorted(), start=1):
            values = {"type": variable.type, "value": variable.value}
            line = lines.filtered(lambda line, key=variable.key: line.key == key)
            if line:
                line.write(values)
            else:
                lines.create(
                    {
                        **values,
                        "config_map_id": self.config_map_id.id,
                        "key": variable.key,
                        "sequence": last + number,
                    }
                )

    # -- what the customer reads --------------------------------------------------

    def _customer_summaries(self):
        """Each app in one line of an order's page; for sudo."""
        at_work, steps = self._at_work(), self._running_steps()
        return {
            app: {
                "id": app.id,
                "environment": app.environment_id.name,
                "hostname": app.hostname,
                "url": app.url if app._customer_can_open() else "",
                "state": app.state,
                "state_label": app.customer_state,
                "explanation": steps[app].label
                if app in steps
                else app._customer_explanation(),
                "at_work": app in at_work,
            }
            for app in self
        }

    def _customer_bills(self):
        """Order, subscription, payments of the order and posted invoices of the app,
        the latest first; for sudo. Nothing of a former customer's where the app
        changed hands."""
        self.ensure_one()
        mine = self.partner_id.commercial_partner_id
        order, subscription = self.sale_order_id, self.subscription_id
        if order.partner_id.commercial_partner_id != mine:
            order = order.browse()
        if subscription.partner_id.commercial_partner_id != mine:
            subscription = subscription.browse()
        invoices = (
            order.invoice_ids
            | subscription.invoice_ids
            | subscription.sale_order_ids.invoice_ids
        ).filtered(
            lambda invoice: (
                invoice.state == "posted"
                and invoice.is_sale_document()
                and invoice.commercial_partner_id == mine
            )
        )
        return {
            "order": order,
            "subscription": subscription,
            "payments": order.transaction_ids.filtered(
                lambda payment: payment.state == "done"
            ),
            "invoices": invoices.sorted(
                lambda invoice: (invoice.invoice_date, invoice.id), reverse=True
            ),
        }

    # -- the subscription's end ----------------------------------------------------

    def _stop_for_subscription(self):
        """Stop the app as long as the subscription does not pay for it."""
        self.ensure_one()
        if self.wanted_state == "running":
            self._enqueue("stop")
            self.stopped_by_subscription = True

    def _start_for_subscription(self):
        """Start what the subscription had stopped; what others stopped stays so."""
        self.ensure_one()
        if self.stopped_by_subscription and self.wanted_state == "stopped":
            self._enqueue("start")
        self.stopped_by_subscription = False

    def _delete_for_subscription(self):
        """Delete the app with its data; not one that somebody has started again."""
        self.ensure_one()
        if self.wanted_state != "stopped":
            raise UserError(
                self.env._(
                    "It was to be deleted today, and runs again. Delete it, or press"
                    " “Keep”."
                )
            )
        self._enqueue("delete", {"keep_volumes": False})
        self._keep()

    def _keep(self):
        """Nothing of the subscription's deletes these apps any more."""
        self.filtered("delete_on").write({"delete_on": False, "delete_mail_id": False})

    def action_keep(self):
        """Do not delete them although their subscription has ended (button)."""
        self._check_operator()
        self.sudo()._keep()

    @api.model
    def _action_view_sold(self, domain):
        """The list of some apps, or the form when it is one."""
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "kubernetes_hosting.kubernetes_app_action"
        )
        action["domain"] = domain
        action["context"] = {}
        apps = self.search(domain, limit=2)
        if len(apps) == 1:
            action["views"] = [(False, "form")]
            action["view_mode"] = "form"
            action["res_id"] = apps.id
        return action

    def action_view_sale_order(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "sale.order",
            "res_id": self.sale_order_id.id,
            "views": [(False, "form")],
        }

    def action_view_partner(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "res.partner",
            "res_id": self.partner_id.id,
            "views": [(False, "form")],
        }

    def action_view_subscription(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "sale.subscription",
            "res_id": self.subscription_id.id,
            "views": [(False, "form")],
        }
