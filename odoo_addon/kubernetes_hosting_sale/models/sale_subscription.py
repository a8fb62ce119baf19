# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import logging
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import clean_context

from odoo.addons.kubernetes_hosting.tools.isolated import (
    error_summary,
    isolated,
    known_reason,
)

from .kubernetes_alert import XMLID

_logger = logging.getLogger(__name__)


class SaleSubscription(models.Model):
    """A subscription pays for apps: they run while it runs.

    Whatever changes its stage or pauses it (buttons, wizards, the kanban's cards, the
    cron) goes through ``write``, and there the apps follow. Closed, they stop at once
    and are deleted after the company's retention time, which the customer is told
    beforehand. Nothing about an app keeps a subscription from being closed.
    """

    _name = "sale.subscription"
    _inherit = ["sale.subscription", "kubernetes.alert"]

    # subscription_oca's defaults are the day the server was started.
    date_start = fields.Date(default=lambda self: fields.Date.context_today(self))
    recurring_next_date = fields.Date(
        default=lambda self: fields.Date.context_today(self)
    )
    kubernetes_app_ids = fields.One2many(
        "kubernetes.app",
        "subscription_id",
        string="Apps",
        groups="kubernetes_hosting.group_kubernetes_user",
    )
    kubernetes_app_count = fields.Integer(
        string="App Count",
        compute="_compute_kubernetes_app_count",
        groups="kubernetes_hosting.group_kubernetes_user",
    )
    kubernetes_delete_on = fields.Date(
        string="Apps Deleted On",
        compute="_compute_kubernetes_delete_on",
        groups="kubernetes_hosting.group_kubernetes_user",
    )

    def _compute_kubernetes_app_count(self):
        counts = dict(
            self.env["kubernetes.app"]._read_group(
                [("subscription_id", "in", self.ids)], ["subscription_id"], ["__count"]
            )
        )
        for subscription in self:
            subscription.kubernetes_app_count = counts.get(subscription, 0)

    @api.depends("kubernetes_app_ids.delete_on")
    def _compute_kubernetes_delete_on(self):
        for subscription in self:
            dates = filter(None, subscription.kubernetes_app_ids.mapped("delete_on"))
            subscription.kubernetes_delete_on = min(dates, default=False)

    @api.constrains("company_id")
    def _check_kubernetes_app_companies(self):
        """What it sold stays in its company."""
        self.sudo().with_context(active_test=False).kubernetes_app_ids._check_company()

    def action_view_kubernetes_apps(self):
        self.ensure_one()
        self.check_access("read")
        return self.env["kubernetes.app"]._action_view_sold(
            [("subscription_id", "=", self.id)]
        )

    # === THE APPS FOLLOW === #

    def write(self, vals):
        self.check_access("write")
        if vals.get("active") is False:
            self._kubernetes_refuse_while_running()
        if not {"stage_id", "is_paused"} & set(vals):
            return super().write(vals)
        before = {
            subscription: subscription._kubernetes_phase() for subscription in self
        }
        res = super().write(vals)
        for subscription, phase in before.items():
            if subscription._kubernetes_phase() != phase:
                subscription._kubernetes_as_system()._kubernetes_follow()
        return res

    def _kubernetes_phase(self):
        """What the subscription means for its apps: running, paused or closed.

        One that is not started (again) yet counts as paused.
        """
        self.ensure_one()
        if self.stage_id.type == "post":
            return "closed"
        if self.stage_id.type == "in_progress" and not self.is_paused:
            return "running"
        return "paused"

    def _kubernetes_as_system(self):
        """The subscription with the rights of the system, in the operators' language.
        Whoever acts stays the author of what the chatter says."""
        self.ensure_one()
        lang = self.company_id.partner_id.lang or "en_US"
        context = clean_context(self.env.context)
        return (
            self.sudo().with_context(context, lang=lang).with_company(self.company_id)
        )

    def _kubernetes_live_apps(self):
        return self.kubernetes_app_ids.filtered(
            lambda app: app.wanted_state != "deleted"
        )

    def _kubernetes_follow(self):
        """Let the apps follow the subscription. Running it twice changes nothing."""
        self.ensure_one()
        phase = self._kubernetes_phase()
        apps = self._kubernetes_live_apps()
        if phase == "closed":
            for app in apps:
                self._kubernetes_ask(app, "_stop_for_subscription")
            days = self.company_id.kubernetes_retention_days
            apps.delete_on = fields.Date.today() + timedelta(days=days)
            self._kubernetes_announce(apps, "mail_template_subscription_closed")
            return
        apps._keep()
        self.activity_feedback([XMLID + "activity_not_announced"])
        step = "_start_for_subscription"
        if phase == "paused":
            step = "_stop_for_subscription"
        for app in apps:
            self._kubernetes_ask(app, step)

    def _kubernetes_ask(self, app, step):
        """Run one step on one app; what fails is told to operators, not raised."""

        def on_error(error):
            _logger.exception("Subscription %s, app %s: %s", self.name, app.name, step)
            self._kubernetes_alert(
                app,
                "activity_app_not_followed",
                self.env._(
                    "The subscription %(subscription)s changed, and the app could not"
                    " follow: %(reason)s",
                    subscription=self.name,
                    reason=known_reason(self.env, error) or error_summary(error),
                ),
            )

        with isolated(self.env, on_error):
            getattr(app, step)()

    def _kubernetes_refuse_while_running(self):
        """A subscription that nobody sees would let apps run that nobody pays for."""
        for subscription in self.sudo():
            apps = subscription._kubernetes_live_apps()
            if apps and subscription._kubernetes_phase() != "closed":
                raise UserError(
                    self.env._(
                        "The subscription %(subscription)s pays for apps: %(apps)s."
                        " Close it first. That stops them, and they are deleted after"
                        " %(days)s days.",
                        subscription=subscription.name,
                        apps=", ".join(apps.mapped("display_name")),
                        days=subscription.company_id.kubernetes_retention_days,
                    )
                )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_apps(self):
        for subscription in self.sudo():
            apps = subscription._kubernetes_live_apps()
            if apps:
                raise UserError(
                    self.env._(
                        "The subscription %(subscription)s has apps: %(apps)s. Close"
                        " it, which stops them, and delete it once they are deleted.",
                        subscription=subscription.name,
                        apps=", ".join(apps.mapped("display_name")),
                    )
                )

    # === THE END === #

    def _kubernetes_announce(self, apps, template):
        """Tell the customer when their apps are deleted.

        Never raises. Where no mail comes to be the apps have none, are not deleted, and
        operators are told; it is tried again every day.
        """
        self.ensure_one()
        apps.delete_mail_id = False
        if not apps:
            return
        if not self.partner_id.email:
            self._kubernetes_tell_not_announced(
                self.env._("The customer has no mail address.")
            )
            return

        def on_error(error):
            _logger.exception("No mail about the end of %s", self.name)
            self._kubernetes_tell_not_announced(
                known_reason(self.env, error) or error_summary(error)
            )

        with isolated(self.env, on_error):
            apps.delete_mail_id = self._kubernetes_mail(template)

    def _kubernetes_mail(self, template):
        """Queue a mail to the customer and keep it: it is the proof of having told."""
        mail = self.env.ref(XMLID + template).send_mail(
            self.id,
            email_values={"auto_delete": False},
            email_layout_xmlid="mail.mail_notification_light",
        )
        self.env.ref("mail.ir_cron_mail_scheduler_action")._trigger()
        return mail

    def _kubernetes_tell_not_announced(self, reason):
        self._kubernetes_alert(
            self,
            "activity_not_announced",
            self.env._(
                "The customer could not be told that the apps of this subscription are"
                " going to be deleted, so they are kept. Odoo tries again every day."
                " %s",
                reason,
            ),
        )

    @api.model
    def _cron_kubernetes_end(self):
        """Announce what is to be deleted soon, and delete what was announced."""
        subscriptions = (
            self.env["kubernetes.app"]
            .search(
                [
                    ("delete_on", "!=", False),
                    ("wanted_state", "!=", "deleted"),
                    ("subscription_id", "!=", False),
                ]
            )
            .subscription_id
        )
        commit_progress = self.env["ir.cron"]._commit_progress
        commit_progress(remaining=len(subscriptions))
        for subscription in subscriptions:
            if subscription.try_lock_for_update():
                subscription._kubernetes_as_system()._kubernetes_end()
            if not commit_progress(1):
                break

    def _kubernetes_end(self):
        """One day in the life of a closed subscription's apps."""
        self.ensure_one()
        apps = self._kubernetes_live_apps().filtered("delete_on")
        if self._kubernetes_phase() != "closed":
            apps._keep()
            return
        for group in apps.grouped("delete_on").values():
            self._kubernetes_end_group(group)

    def _kubernetes_end_group(self, apps):
        """Announce or delete apps that have the same date."""
        today = fields.Date.today()
        days = timedelta(days=self.company_id._kubernetes_announce_days())
        reminder_on = apps[0].delete_on - days
        mails = [app.delete_mail_id for app in apps]
        failed = not all(mails) or any(
            mail.state in ("exception", "cancel") for mail in mails
        )
        if failed and all(mails):
            self._kubernetes_tell_not_announced(mails[0].failure_reason or "")
        if today < reminder_on:
            if failed:
                self._kubernetes_announce(apps, "mail_template_subscription_closed")
        elif failed or any(mail.create_date.date() < reminder_on for mail in mails):
            # However late it is told: the customer has that many days.
            apps.delete_on = max(apps[0].delete_on, today + days)
            self._kubernetes_announce(apps, "mail_template_apps_deleted_soon")
        elif today >= apps[0].delete_on:
            self._kubernetes_delete_announced(apps, today - days)

    def _kubernetes_delete_announced(self, apps, told_until):
        """Delete the apps whose announcement was sent on ``told_until`` or before."""
        mails = apps.delete_mail_id
        if any(mail.state != "sent" for mail in mails):
            self._kubernetes_tell_not_announced(
                self.env._("The mail is still waiting to be sent.")
            )
        elif all(mail.write_date.date() <= told_until for mail in mails):
            self.activity_feedback([XMLID + "activity_not_announced"])
            for app in apps:
                self._kubernetes_ask(app, "_delete_for_subscription")
