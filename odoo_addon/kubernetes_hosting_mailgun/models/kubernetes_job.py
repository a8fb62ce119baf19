# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.tools import SQL

# What needs a worker with a Mailgun key.
MAIL_KINDS = ("mail_domain", "mail_release", "invitation")


class KubernetesJob(models.Model):
    """Jobs at Mailgun: registering an app's domain, sending its invitation, and
    releasing the domain."""

    _inherit = "kubernetes.job"

    kind = fields.Selection(
        selection_add=[
            ("mail_domain", "Mail Domain"),
            ("mail_release", "Release Mail Domain"),
            ("invitation", "Invitation"),
        ],
        ondelete={kind: "cascade" for kind in MAIL_KINDS},
    )

    def _why_untaken(self, online):
        if self.kind in MAIL_KINDS and not any(online.mapped("mailgun_region")):
            return self.env._(
                "No worker that serves the cluster %s has a Mailgun key.",
                self.cluster_id.sudo().name,
            )
        return super()._why_untaken(online)

    def _customer_label(self):
        self.ensure_one()
        return {
            "mail_domain": self.env._("Setting up your app's mail"),
            "mail_release": self.env._("Taking down your app's mail"),
            "invitation": self.env._("Sending your invitation"),
        }.get(self.kind) or super()._customer_label()

    def _customer_done_label(self):
        self.ensure_one()
        if self.kind == "invitation":
            return self.env._("Invitation sent")
        return super()._customer_done_label()

    def _customer_activity(self):
        self.ensure_one()
        return {
            "mail_domain": self.env._("Setup of the mail"),
            "invitation": self.env._("Invitation"),
        }.get(self.kind) or super()._customer_activity()

    def _ask_again(self):
        """The customer or the address may be another one by now."""
        invitations = self.filtered(lambda job: job.kind == "invitation")
        for app in invitations.app_id:
            app.action_send_invitation()
        return super(KubernetesJob, self - invitations)._ask_again()

    @api.model
    def _due_moments(self, clusters):
        """Also when the next invitation becomes due."""
        self.env["kubernetes.app"].flush_model(
            ["cluster_id", "invitation_due", "invitation_state", "wanted_state"]
        )
        return [
            *super()._due_moments(clusters),
            SQL(
                """
                (SELECT min(invitation_due)
                   FROM kubernetes_app
                  WHERE invitation_state = 'waiting' AND wanted_state <> 'deleted'
                    AND invitation_due > %s AND cluster_id = ANY(%s))
                """,
                fields.Datetime.now(),
                clusters.ids,
            ),
        ]

    def _contract_values(self, siblings=None):
        values = super()._contract_values(siblings)
        if self.kind == "invitation":
            values["message"] = values["options"].pop("message", None)
            values["secret"] = self.app_id._first_password_contract_values()
        return values
