# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models

CHANGED_MANIFESTS = "kubernetes_hosting.changed_manifests"


class KubernetesAppManifest(models.Model):
    """A manifest in an app's order: they are applied from first to last, by a deploy
    or by a reset. What somebody changes in the order stands in the app's chatter."""

    _name = "kubernetes.app.manifest"
    _description = "Manifest of a Kubernetes App"
    _inherit = ["kubernetes.record"]
    _rec_name = "manifest_id"
    _order = "sequence, id"
    _check_company_auto = True

    app_id = fields.Many2one(
        "kubernetes.app", required=True, index=True, ondelete="cascade"
    )
    sequence = fields.Integer(default=10)
    company_id = fields.Many2one(related="app_id.company_id", related_sudo=False)
    manifest_id = fields.Many2one(
        "kubernetes.manifest",
        required=True,
        index=True,
        ondelete="restrict",
        check_company=True,
    )
    purpose = fields.Selection(
        [("deploy", "Deploy"), ("reset", "Reset")], required=True, default="deploy"
    )

    _manifest_uniq = models.UniqueIndex(
        "(app_id, purpose, manifest_id)", "The app has this manifest already."
    )

    @api.model_create_multi
    def create(self, vals_list):
        apps = self.env["kubernetes.app"].browse(
            {vals["app_id"] for vals in vals_list if "app_id" in vals}
        )
        self.browse().check_access("create")
        apps.check_access("write")
        self._remember_order(apps)
        return super().create(vals_list)

    def write(self, vals):
        self.check_access("write")
        self._remember_order(self.app_id)
        return super().write(vals)

    def unlink(self):
        self.check_access("unlink")
        self._remember_order(self.app_id)
        return super().unlink()

    @api.model
    def _remember_order(self, apps):
        """To be called before manifests change: the new order at the end of the
        transaction goes to the chatter, but for an app that is only just created."""
        before = self.env.cr.precommit.data.setdefault(CHANGED_MANIFESTS, {})
        for app in apps.sudo():
            if app.namespace_id and app not in before:
                if not before:
                    self.env.cr.precommit.add(self.browse()._log_changed_order)
                before[app] = self._order_of(app)

    def _log_changed_order(self):
        changed = self.env.cr.precommit.data.pop(CHANGED_MANIFESTS, {})
        purposes = {
            "deploy": self.env._("Manifests"),
            "reset": self.env._("Reset Manifests"),
        }
        for app, before in changed.items():
            after = self._order_of(app) if app.exists() else before
            for purpose, label in purposes.items():
                if before[purpose] != after[purpose]:
                    old, new = (
                        ", ".join(order[purpose]) or self.env._("none")
                        for order in (before, after)
                    )
                    app.with_env(self.env).sudo()._log(f"{label}: {old} → {new}")
                    if purpose == "deploy":
                        self.env["kubernetes.app.change"]._note(
                            app, "order", [f"{old} → {new}"]
                        )

    def _order_of(self, app):
        return {
            "deploy": app._manifests().mapped("name"),
            "reset": app._reset_manifests().mapped("name"),
        }
