# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import logging
from datetime import datetime, time, timedelta

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import clean_context

from odoo.addons.kubernetes_hosting.tools.isolated import (
    TRY_AGAIN,
    error_summary,
    isolated,
    known_reason,
)

from .kubernetes_app_reservation import QUOTATION_DAYS

_logger = logging.getLogger(__name__)


class SaleOrder(models.Model):
    """An order of hostings: names before it is paid, apps once it is confirmed.

    Confirming comes first and never fails because of an app. What could not be created
    is kept as ``kubernetes_pending``, shown to operators, and tried again by a cron.
    """

    _name = "sale.order"
    _inherit = ["sale.order", "kubernetes.alert", "kubernetes.protected"]

    kubernetes_hosting = fields.Boolean(
        string="Hosting Order", compute="_compute_kubernetes_hosting"
    )
    kubernetes_named_at = fields.Datetime(
        string="App Names Chosen On", readonly=True, copy=False
    )
    kubernetes_pending = fields.Boolean(
        string="Apps Pending",
        readonly=True,
        copy=False,
        index="btree_not_null",
        help="The order is confirmed, and something it sells is not created yet. It is"
        " tried again every five minutes.",
    )
    kubernetes_problem = fields.Text(
        string="Why Apps are Pending",
        readonly=True,
        copy=False,
        groups="base.group_user",
    )
    kubernetes_app_ids = fields.One2many(
        "kubernetes.app",
        "sale_order_id",
        string="Apps",
        copy=False,
        groups="kubernetes_hosting.group_kubernetes_user",
    )
    kubernetes_app_count = fields.Integer(
        string="App Count",
        compute="_compute_kubernetes_app_count",
        groups="kubernetes_hosting.group_kubernetes_user",
    )
    kubernetes_missing_app = fields.Boolean(
        string="Lacks Apps", compute="_compute_kubernetes_missing_app"
    )

    kubernetes_orphaned = fields.Char(
        string="Subscription Without Order",
        compute="_compute_kubernetes_orphaned",
        groups="sales_team.group_sale_salesman",
        help="The order is cancelled, and these subscriptions are still invoiced.",
    )

    kubernetes_overpaid = fields.Boolean(
        string="Subscription Above Order",
        compute="_compute_kubernetes_overpaid",
        groups="sales_team.group_sale_salesman",
        help="The subscription is invoiced for more hostings than the order has.",
    )

    @api.depends("order_line.kubernetes_units")
    def _compute_kubernetes_hosting(self):
        for order in self:
            order.kubernetes_hosting = bool(order._kubernetes_hosting_lines())

    def _compute_kubernetes_app_count(self):
        counts = dict(
            self.env["kubernetes.app"]._read_group(
                [("sale_order_id", "in", self.ids)], ["sale_order_id"], ["__count"]
            )
        )
        for order in self:
            order.kubernetes_app_count = counts.get(order, 0)

    @api.depends("state", "order_line.kubernetes_units")
    def _compute_kubernetes_missing_app(self):
        for order in self:
            order.kubernetes_missing_app = order.state == "sale" and any(
                line._kubernetes_missing_units()
                for line in order.sudo()._kubernetes_hosting_lines()
            )

    @api.constrains("company_id")
    def _check_kubernetes_app_companies(self):
        """What it sold stays in its company."""
        self.sudo().with_context(active_test=False).kubernetes_app_ids._check_company()

    def _kubernetes_hosting_lines(self):
        return self.order_line.filtered("kubernetes_units")

    # === NAMES === #

    def _kubernetes_set_names(self, names):
        """Hold the names typed for units: ``{(line, unit): name}``.

        Returns ``{(line, unit): sentence}`` for those that cannot be had; what such a
        unit held before it keeps. All others are held afterwards.
        """
        self.ensure_one()
        # Makes two answers to the same page follow one another: the database refuses
        # the second until it has seen the first, and Odoo repeats it.
        self.kubernetes_named_at = fields.Datetime.now()
        self.flush_recordset(["kubernetes_named_at"])
        problems = {}
        names = {key: (name or "").strip().lower() for key, name in names.items()}
        held = {
            (line, unit)
            for line, unit in names
            if line._kubernetes_reservation(unit).state == "held"
        }
        # Free all that change before taking any: names may be exchanged.
        for (line, unit), name in names.items():
            reservation = line._kubernetes_reservation(unit)
            if reservation.state == "used":
                if reservation.name != name:
                    problems[line, unit] = self.env._(
                        "The app “%s” exists already and cannot be renamed.",
                        reservation.name,
                    )
            elif reservation and reservation.name != name:
                reservation._release()
        for (line, unit), name in names.items():
            reservation = line._kubernetes_reservation(unit)
            if reservation.state == "used":
                continue
            if not name:
                reservation.unlink()
                problems[line, unit] = self.env._("Please choose a name.")
                continue
            try:
                if (line, unit) not in held:
                    self._kubernetes_check_name_limit()
                self._kubernetes_hold_name(line, unit, name)
            except ValidationError as error:
                problems[line, unit] = error.args[0]
        for line, unit in held & set(problems):
            self._kubernetes_hold_former_name(line._kubernetes_reservation(unit))
        return problems

    def _kubernetes_check_name_limit(self):
        """Raise a ValidationError for the customer where this order must not hold one
        more name. What a seller writes has no limit."""

    def _kubernetes_hold_name(self, line, unit, name):
        """Hold one name for one unit or raise a ValidationError."""
        self.env["kubernetes.app"]._check_app_name(name)
        if name in self._kubernetes_names_beside(line, unit):
            raise ValidationError(
                self.env._(
                    "You have chosen the name “%s” for another app of this order"
                    " already.",
                    name,
                )
            )
        with self.env.cr.savepoint():
            reservation = line._kubernetes_reservation(unit)
            if reservation:
                reservation.name = name
            else:
                reservation = reservation.create(
                    {"sale_order_line_id": line.id, "unit": unit, "name": name}
                )
            reservation._hold()

    def _kubernetes_names_beside(self, line, unit):
        """The names held for the order's other units on the same cluster."""
        cluster = line._kubernetes_target()[0]
        others = self.order_line.kubernetes_reservation_ids
        others -= line._kubernetes_reservation(unit)
        return {
            hostname.app_name
            for hostname in others.hostname_ids
            if hostname.cluster_id == cluster
        }

    def _kubernetes_hold_former_name(self, reservation):
        """Take back what a unit held before a name was refused, where it is free."""
        if reservation and reservation.state == "released":
            try:
                reservation._hold()
            except ValidationError:
                _logger.info("Order %s lost the name %s", self.name, reservation.name)

    def _kubernetes_name_problems(self):
        """What keeps the order from being paid: ``{(line, unit): sentence}``.

        Takes names again that were released while nobody paid.
        """
        self.ensure_one()
        problems = {}
        for line in self._kubernetes_hosting_lines():
            for unit in line._kubernetes_missing_units():
                reservation = line._kubernetes_reservation(unit)
                if not reservation:
                    problems[line, unit] = self.env._("Please choose a name.")
                    continue
                try:
                    if reservation.state != "held":
                        self._kubernetes_check_name_limit()
                    reservation._hold()
                except ValidationError as error:
                    problems[line, unit] = error.args[0]
        return problems

    def _kubernetes_value_problems(self):
        """What the packages of the order's apps need, and the customer has not given or
        may no longer have: ``[sentence]``."""
        self.ensure_one()
        return [
            problem
            for line in self._kubernetes_hosting_lines()
            for unit in line._kubernetes_missing_units()
            for problem in line._kubernetes_value_problems(unit).values()
        ]

    def _kubernetes_needs_names(self):
        """Whether the customer has to choose names, or to give what apps need, before
        this order can be paid."""
        self.ensure_one()
        return self.state in ("draft", "sent") and any(
            not line._kubernetes_reservation(unit)
            or not line._kubernetes_reservation(unit)._is_held()
            or line._kubernetes_value_problems(unit)
            for line in self._kubernetes_hosting_lines()
            for unit in line._kubernetes_missing_units()
        )

    def _kubernetes_check_names(self):
        """Raise a ValidationError for the customer when names are missing."""
        for order in self:
            if order.state not in ("draft", "sent"):
                continue
            for (line, unit), problem in order._kubernetes_name_problems().items():
                reservation = line._kubernetes_reservation(unit)
                if reservation:
                    raise ValidationError(problem)
                raise ValidationError(
                    self.env._(
                        "Please choose a name for “%s” before you order. It becomes the"
                        " first part of the address.",
                        line.product_id.display_name,
                    )
                )

            for problem in order._kubernetes_value_problems():
                raise ValidationError(problem)

    # === BEFORE THE PAYMENT === #

    def _kubernetes_check_sale(self):
        """Raise a ValidationError for the customer where something would keep what is
        paid for from running, or from being invoiced: looked at again right before each
        payment and signature."""
        for order in self:
            if order.state not in ("draft", "sent"):
                continue
            for problem in order._kubernetes_unavailable_sentences():
                raise ValidationError(problem)
        self._kubernetes_check_names()
        for order in self:
            if order.state in ("draft", "sent") and order._kubernetes_lacks_address():
                raise ValidationError(
                    self.env._(
                        "Please enter your billing address: we send you invoices for as"
                        " long as your subscription runs."
                    )
                )

    def _kubernetes_unavailable(self):
        """The lines that cannot be sold now: ``{line: [(sentence, record)]}``."""
        self.ensure_one()
        problems = {
            line: line._kubernetes_unavailable()
            for line in self._kubernetes_hosting_lines()
        }
        return {line: found for line, found in problems.items() if found}

    def _kubernetes_unavailable_sentences(self):
        """What cannot be sold now, for the customer: nothing internal."""
        return [
            self.env._(
                "“%s” is not available at the moment. Please take it out of your order,"
                " or contact us.",
                line.product_id.display_name,
            )
            for line in self._kubernetes_unavailable()
        ]

    def _kubernetes_opens_subscription(self):
        """Whether somebody will be invoiced for the order again and again."""
        self.ensure_one()
        return not self.order_subscription_id and any(
            line.product_id.subscribable and line.product_id.subscription_template_id
            for line in self.order_line
        )

    @api.model
    def _kubernetes_address_fields(self, country):
        """What an address has to have for invoices to ``country``."""
        names = ["name", "email", "street", "city", "country_id"]
        if country.zip_required:
            names.append("zip")
        if country.state_required:
            names.append("state_id")
        return names

    def _kubernetes_lacks_address(self):
        """Whether the order opens a subscription and its invoices have no address."""
        self.ensure_one()
        partner = self.sudo().partner_invoice_id
        names = self._kubernetes_address_fields(partner.country_id)
        return self.sudo()._kubernetes_opens_subscription() and not all(
            partner[name] for name in names
        )

    def _kubernetes_names_held_until(self):
        """When the names of an order that nobody pays are given to others.

        A quotation keeps them while it is valid.
        """
        self.ensure_one()
        if self.validity_date:
            return datetime.combine(self.validity_date, time.max)
        return (self.kubernetes_named_at or self.create_date) + timedelta(
            days=QUOTATION_DAYS
        )

    def _kubernetes_payment_in_flight(self):
        """Whether a payment of the order may arrive or has arrived."""
        self.ensure_one()
        return any(
            transaction.state in ("pending", "authorized", "done")
            for transaction in self.sudo().transaction_ids
        )

    def _kubernetes_is_abandoned(self, now):
        self.ensure_one()
        if self._kubernetes_payment_in_flight():
            return False
        return self.state == "cancel" or self._kubernetes_names_held_until() < now

    def _action_cancel(self):
        res = super()._action_cancel()
        for order in self.sudo():
            if not order._kubernetes_payment_in_flight():
                order.order_line.kubernetes_reservation_ids._release()
            order = order._kubernetes_as_system()
            apps = order.kubernetes_app_ids
            if not apps:
                continue
            note = order.env._(
                "The order %(order)s was cancelled. Its apps still run: %(apps)s.",
                order=order.name,
                apps=", ".join(apps.mapped("display_name")),
            )
            subscriptions = order._kubernetes_open_subscriptions()
            if subscriptions:
                note += " " + order.env._(
                    "Its subscription %s is still invoiced. Press “End the"
                    " subscription” in the order: nothing is invoiced any more, and the"
                    " apps are stopped and later deleted.",
                    ", ".join(subscriptions.mapped("name")),
                )
            else:
                note += " " + order.env._("Delete them if they are no longer wanted.")
            order._kubernetes_alert(apps[:1], "activity_order_cancelled", note)
        return res

    # === THE SUBSCRIPTION OF AN ORDER THAT STANDS NO MORE === #

    @api.depends("state", "subscription_ids.stage_id")
    def _compute_kubernetes_orphaned(self):
        for order in self:
            open_ones = order.sudo()._kubernetes_open_subscriptions()
            order.kubernetes_orphaned = order.state == "cancel" and ", ".join(
                open_ones.mapped("name")
            )

    def _kubernetes_open_subscriptions(self):
        """The subscriptions that the orders opened and that are not closed."""
        return self.subscription_ids.filtered(lambda sub: sub.stage_type != "post")

    def action_kubernetes_end_subscriptions(self):
        """Close what the cancelled orders opened (button): no more invoices. The apps
        follow as whenever a subscription ends: stopped, and deleted later."""
        self.check_access("write")
        for order in self.filtered(lambda order: order.state == "cancel"):
            subscriptions = order._kubernetes_open_subscriptions()
            subscriptions.check_access("write")
            for subscription in subscriptions:
                subscription.close_subscription()
            order.sudo()._kubernetes_alert_over(
                order.sudo().kubernetes_app_ids, ["activity_order_cancelled"]
            )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_running(self):
        """Nobody would know any more what these were sold for."""
        for order in self.sudo():
            subscriptions = order._kubernetes_open_subscriptions()
            apps = order.kubernetes_app_ids.filtered(
                lambda app: app.wanted_state != "deleted"
            )
            if order._kubernetes_hosting_lines() and (subscriptions or apps):
                raise UserError(
                    self.env._(
                        "The order %(order)s cannot be deleted: this of it still runs:"
                        " %(what)s. End the subscription and delete the apps first.",
                        order=order.name,
                        what=", ".join(
                            [
                                *subscriptions.mapped("name"),
                                *apps.mapped("display_name"),
                            ]
                        ),
                    )
                )

    # === CONFIRMATION === #

    def _confirmation_error_message(self):
        """Tell a seller who confirms by hand that names are missing.

        Never after a payment and never in a customer's or a server's own confirmation.
        """
        message = super()._confirmation_error_message()
        if (
            message
            or self.env.su
            or not self.env.user._is_internal()
            or self._kubernetes_payment_in_flight()
        ):
            return message
        for line, problems in self.sudo()._kubernetes_unavailable().items():
            return self.env._(
                "%(order)s: “%(product)s” cannot be sold. %(problems)s",
                order=self.name,
                product=line.product_id.display_name,
                problems=" ".join(
                    f"{text} ({line.product_template_id._kubernetes_called(record)})"
                    for text, record in problems
                ),
            )
        for problem in self.sudo()._kubernetes_name_problems().values():
            return self.env._(
                "%(order)s: %(problem)s Enter the names of the apps on the order lines,"
                " in the column App Names. They become the first part of the"
                " addresses.",
                order=self.name,
                problem=problem,
            )
        for problem in self.sudo()._kubernetes_value_problems():
            return self.env._(
                "%(order)s: %(problem)s The customer gives it on the order's page, or"
                " you do: %(url)s",
                order=self.name,
                problem=problem,
                url=self.get_base_url()
                + self.sudo().get_portal_url(suffix="/app_names"),
            )
        return message

    def action_confirm(self):
        self.check_access("write")
        self._kubernetes_ensure_pricelists()
        res = super().action_confirm()
        for order in self:
            if order.state == "sale" and order._kubernetes_hosting_lines():
                order._kubernetes_fulfil()
        return res

    def _kubernetes_ensure_pricelists(self):
        """Give orders that open a subscription the pricelist it requires.

        Without one subscription_oca refuses the confirmation, or takes one in another
        currency. An empty pricelist in the order's own currency changes no price.
        """
        for order in self.sudo():
            if order.pricelist_id or not order._kubernetes_hosting_lines():
                continue
            with order._kubernetes_isolated("no pricelist"):
                order.pricelist_id = order._kubernetes_pricelist()

    def _kubernetes_isolated(self, failed):
        """For a step that must not undo the order: of its failure the log says more."""
        self.ensure_one()
        return isolated(
            self.env,
            lambda _error: _logger.exception("Order %s: %s", self.name, failed),
        )

    def _kubernetes_pricelist(self):
        """A pricelist without rules in the order's currency.

        One that has to be made is archived: where the feature is off, Odoo's settings
        warn of every active pricelist and archive it.
        """
        pricelists = self._kubernetes_as_system().env["product.pricelist"].sudo()
        return pricelists.with_context(active_test=False).search(
            [
                ("currency_id", "=", self.currency_id.id),
                ("item_ids", "=", False),
                ("company_id", "in", (False, self.company_id.id)),
            ],
            order="active desc, id",
            limit=1,
        ) or pricelists.create(
            {
                "name": self.env._("Subscriptions %s", self.currency_id.name),
                "currency_id": self.currency_id.id,
                "company_id": self.company_id.id,
                "active": False,
            }
        )

    def _kubernetes_as_system(self):
        """The order as the server handles it, whoever happened to confirm it.

        The public user of a shop gets no chatter and no records; a customer's language
        does not become the operators', nor a screen's defaults the apps'.
        """
        self.ensure_one()
        order = self.sudo()
        if not self.env.user._is_internal():
            order = self.with_user(SUPERUSER_ID)
        lang = order.company_id.partner_id.lang or "en_US"
        order = order.with_context(clean_context(self.env.context), lang=lang)
        return order.with_company(self.company_id)

    def group_subscription_lines(self):
        """Open no second subscription for what one pays for already.

        That is a renewal's order, and an order confirmed again after a cancellation.
        """
        grouped = super().group_subscription_lines()
        renewed = self.order_subscription_id.sudo().with_context(active_test=False)
        if renewed.kubernetes_app_ids:
            return {}
        if not self._kubernetes_hosting_lines():
            return grouped
        for template, lines in list(grouped.items()):
            grouped[template] = [
                line
                for line in lines
                if line.sudo()._kubernetes_subscription().stage_type in (False, "post")
            ]
            if not grouped[template]:
                del grouped[template]
        return grouped

    def create_subscription(self, lines, subscription_tmpl):
        """A subscription that cannot be opened does not undo a paid order either.

        ``_kubernetes_fulfil``, which comes next, tries again and tells operators.
        """
        self.check_access("write")
        if self.env.context.get("kubernetes_open_subscription") or not any(
            line.kubernetes_units for line in lines
        ):
            return super().create_subscription(lines, subscription_tmpl)
        with self._kubernetes_isolated("no subscription could be opened"):
            return self._kubernetes_open_subscription(lines, subscription_tmpl)
        return None

    def _kubernetes_open_subscription(self, lines, template):
        """Open a subscription as the server does, or raise."""
        order = self._kubernetes_as_system()
        stages = order.env["sale.subscription.stage"]
        if not stages.search_count([("type", "=", "in_progress")], limit=1):
            raise ValidationError(
                order.env._(
                    "There is no subscription stage of the type “In progress”, so that"
                    " nobody would be invoiced. Create one under Subscriptions >"
                    " Configuration > Stages."
                )
            )
        order = order.with_context(
            kubernetes_open_subscription=True,
            lang=order.partner_id.lang or order.env.lang,  # of what is invoiced
            # subscription_oca takes the salesperson from this key: the order's, not
            # the public user of the shop.
            uid=order.user_id.id,
        )
        lines = order.order_line.browse([line.id for line in lines])
        return order.create_subscription(lines, template)

    def _kubernetes_fulfil(self):
        """Create what the confirmed order still lacks.

        Whatever fails leaves nothing behind, is told to operators, and is tried again.
        Raises nothing but what makes Odoo run all of it again.
        """
        self.ensure_one()
        order = self._kubernetes_as_system()
        order.kubernetes_pending = True
        problems = []
        order._kubernetes_try(
            problems,
            "%s",
            lambda: problems.extend(order._kubernetes_create_missing()),
        )
        order.kubernetes_pending = bool(problems)
        order.kubernetes_problem = " ".join(problems)
        if problems:
            order._kubernetes_alert(
                order,
                "activity_apps_failed",
                order.env._(
                    "%s The order stays confirmed, and Odoo tries again every five"
                    " minutes.",
                    order.kubernetes_problem,
                ),
            )
        else:
            order._kubernetes_alert_over(
                order, ["activity_apps_failed", "activity_units_changed"]
            )
        return not problems

    def _kubernetes_create_missing(self):
        """Open missing subscriptions, create missing apps; return what went wrong."""
        self.ensure_one()
        problems = []
        for template, lines in self.group_subscription_lines().items():
            new = [line for line in lines if not line._kubernetes_subscriptions()]
            if template and new:
                self._kubernetes_try(
                    problems,
                    self.env._(
                        "The subscription “%s” could not be opened:", template.name
                    )
                    + " %s",
                    lambda new=new, template=template: (
                        self._kubernetes_open_subscription(new, template)
                    ),
                )
        for line in self._kubernetes_hosting_lines():
            for unit in line._kubernetes_missing_units():
                self._kubernetes_try(
                    problems,
                    self.env._(
                        "The apps of “%(product)s”, unit %(unit)s, could not be"
                        " created:",
                        product=line.product_id.display_name,
                        unit=unit,
                    )
                    + " %s",
                    lambda line=line, unit=unit: line._kubernetes_create_apps(unit),
                )
        for step in (
            self._kubernetes_link_subscriptions,
            self._kubernetes_raise_subscriptions,
        ):
            self._kubernetes_try(problems, "%s", step)
        return problems

    def _kubernetes_try(self, problems, sentence, create):
        """Run one step in its own savepoint; note the failure instead of raising it,
        its reason in the place of the sentence's %s."""

        def on_error(error):
            _logger.exception("Order %s: %s", self.name, sentence % "")
            problems.append(sentence % self._kubernetes_reason(error))

        with isolated(self.env, on_error):
            create()

    def _kubernetes_reason(self, error):
        """Why something failed, in words for operators: neither the database's nor a
        program's."""
        return known_reason(self.env, error) or self.env._(
            "Something unexpected happened (%s). The log of Odoo's server has more."
            " Once the cause is mended, press “Create them now” in the order.",
            error_summary(error),
        )

    def _kubernetes_link_subscriptions(self):
        """Link apps to the subscription that pays for them, also one opened later."""
        for line in self._kubernetes_hosting_lines():
            subscription = line._kubernetes_subscription()
            apps = line.kubernetes_app_ids
            others = apps.filtered(
                lambda app, subscription=subscription: (
                    app.subscription_id != subscription
                )
            )
            former = others.subscription_id
            others.subscription_id = subscription
            if former and subscription._kubernetes_phase() == "running":
                # What the one before had stopped is paid for again.
                subscription._kubernetes_as_system()._kubernetes_follow()

    def _kubernetes_raise_subscriptions(self):
        """Let a subscription pay for units that were added to the order later."""
        self._kubernetes_adapt(
            self._kubernetes_paying_lines(
                lambda paying, line: paying.product_uom_qty < line.product_uom_qty
            )
        )

    def _kubernetes_adapt(self, paying):
        """Give lines of subscriptions the quantities of the order's lines."""
        for subscription_line in paying:
            line = subscription_line.sale_order_line_id
            subscription = subscription_line.sale_subscription_id
            subscription.message_post(
                body=self.env._(
                    "%(product)s: %(before)g hostings became %(after)g, as in the order"
                    " %(order)s.",
                    product=line.product_id.display_name,
                    before=subscription_line.product_uom_qty,
                    after=line.product_uom_qty,
                    order=self.name,
                )
            )
            # By way of the subscription, which sums up its lines only then.
            subscription.sale_subscription_line_ids = [
                fields.Command.update(
                    subscription_line.id, {"product_uom_qty": line.product_uom_qty}
                )
            ]

    # === PAYMENTS === #

    def _kubernetes_check_payments(self):
        """Tell operators of a payment that needs a person. Never raises."""
        self.ensure_one()
        order = self._kubernetes_as_system()
        with order._kubernetes_isolated("checking its payments failed"):
            note = order._kubernetes_payment_problem()
            if note:
                order._kubernetes_alert(order, "activity_payment", note)

    def _kubernetes_payment_problem(self):
        """What is wrong with the payments of the order, or an empty text."""
        done = self.transaction_ids.filtered(lambda tx: tx.state == "done")
        refunds = done.filtered(lambda tx: tx.operation == "refund")
        paid = done - refunds
        kept = sum(done.mapped("amount"))
        if self.state == "cancel":
            if self.currency_id.compare_amounts(kept, 0) <= 0:
                return ""
            return self.env._(
                "A payment arrived for this cancelled order, and no apps were made."
                " Refund it, or set the order back to a quotation and confirm it."
            )
        balance = self.currency_id.compare_amounts(kept, self.amount_total)
        if refunds and balance < 0 and self.state == "sale":
            references = ", ".join(refunds.mapped("reference"))
            return self._kubernetes_refunded_note(references)
        if len(paid) > 1 and balance > 0:
            return self.env._(
                "This order was paid more than once: %(references)s. Its apps were made"
                " once. Refund what was paid too much.",
                references=", ".join(paid.mapped("reference")),
            )
        return ""

    def _kubernetes_refunded_note(self, references):
        return self.env._(
            "Money of this order was given back (%s). Its apps run on, and so does its"
            " subscription. If it is to end, cancel the order and press “End the"
            " subscription”.",
            references,
        )

    # === CHANGES AFTER THE CONFIRMATION === #

    def _kubernetes_has_added_units(self):
        """Whether hostings were added to the confirmed order that have no apps yet.

        Their apps are made once they are named: by the customer on the order's page, or
        by the seller, who then presses the button.
        """
        self.ensure_one()
        return self.kubernetes_missing_app and not self.kubernetes_pending

    def _kubernetes_asks_names(self):
        """Whether the customer may choose names now."""
        self.ensure_one()
        if not self._kubernetes_hosting_lines():
            return False
        return self.state in ("draft", "sent") or self._kubernetes_has_added_units()

    @api.depends(
        "state",
        "order_line.product_uom_qty",
        "subscription_ids.sale_subscription_line_ids.product_uom_qty",
        "subscription_ids.stage_id",
    )
    def _compute_kubernetes_overpaid(self):
        for order in self:
            order.kubernetes_overpaid = order.state == "sale" and bool(
                order.sudo()._kubernetes_paying_lines(
                    lambda paying, line: (
                        paying.product_uom_qty > max(line.product_uom_qty, 0)
                    )
                )
            )

    def _kubernetes_paying_lines(self, which):
        """The open subscriptions' lines that pay for the order's, of those that
        ``which(subscription line, order line)`` holds for."""
        hosting = self.order_line.filtered(
            lambda line: line.product_id.kubernetes_hosting
        )
        lines = self.env["sale.subscription.line"].search(
            [
                ("sale_order_line_id", "in", hosting.ids),
                ("sale_subscription_id.stage_id.type", "!=", "post"),
            ]
        )
        return lines.filtered(lambda line: which(line, line.sale_order_line_id))

    def action_kubernetes_lower_subscriptions(self):
        """Let the subscription pay for what the order has now (button)."""
        self.check_access("write")
        for order in self.filtered(lambda order: order.state == "sale"):
            lines = order.sudo()._kubernetes_paying_lines(
                lambda paying, line: paying.product_uom_qty > line.product_uom_qty
            )
            lines.with_user(self.env.user).sale_subscription_id.check_access("write")
            order._kubernetes_as_system()._kubernetes_adapt(lines)

    def _kubernetes_units_changed(self):
        """Tell operators what a change of a confirmed order means for its apps."""
        for order in self:
            if order.state != "sale" or order.kubernetes_pending:
                continue
            order = order._kubernetes_as_system()
            notes = []
            if order._kubernetes_has_added_units():
                notes.append(
                    order.env._(
                        "Hostings were added to the confirmed order. The customer can"
                        " name them on the order's page (%s), which makes their apps at"
                        " once; or enter the names in the column App Names and press"
                        " “Create them now”.",
                        order.get_base_url() + order.get_portal_url(),
                    )
                )
            surplus = order.order_line._kubernetes_surplus_apps()
            if surplus:
                notes.append(
                    order.env._(
                        "The order has fewer hostings than apps. These run on: %s."
                        " Delete what is no longer wanted, and press “Lower the"
                        " subscription” in the order.",
                        ", ".join(surplus.mapped("display_name")),
                    )
                )
            if notes:
                order._kubernetes_alert(
                    order, "activity_units_changed", " ".join(notes)
                )

    @api.model
    def _cron_kubernetes_fulfil(self):
        """Create what confirmed orders still lack."""
        orders = self.search(
            [("kubernetes_pending", "=", True), ("state", "=", "sale")], order="id"
        )
        commit_progress = self.env["ir.cron"]._commit_progress
        commit_progress(remaining=len(orders))
        for order in orders:
            # Whoever else works on the order right now will settle it.
            try:
                if order.try_lock_for_update():
                    order._kubernetes_fulfil()
            except TRY_AGAIN:
                self.env.cr.rollback()  # in five minutes again; the others go on
            if not commit_progress(1):
                break

    def action_kubernetes_create_apps(self):
        """Create missing apps now (button)."""
        self.check_access("write")
        for order in self:
            if order.state == "sale":
                order._kubernetes_fulfil()

    def action_view_kubernetes_apps(self):
        self.ensure_one()
        self.check_access("read")
        return self.env["kubernetes.app"]._action_view_sold(
            [("sale_order_id", "=", self.id)]
        )

    # === MAIL === #

    def _send_order_notification_mail(self, mail_template, **options):
        """A mail that cannot be made does not undo the order of a hosting.

        With sale.async_emails, which this addon switches on, it is made later anyway;
        where somebody has switched that off, a PDF that fails would fail the order.
        """
        deferrable = options.get("allow_deferred_sending", True)
        if not deferrable or not self._kubernetes_hosting_lines():
            return super()._send_order_notification_mail(mail_template, **options)

        def on_error(_error):
            _logger.exception("The mail about %s could not be sent yet", self.name)
            self.sudo().pending_email_template_id = mail_template
            self.env.ref("sale.send_pending_emails_cron").sudo()._trigger()

        with isolated(self.env, on_error):
            return super()._send_order_notification_mail(mail_template, **options)
        return None
