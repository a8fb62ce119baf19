# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models

CHANGED_MANIFESTS = "kubernetes_hosting.changed_manifests"
NOT_HELD = {"held_digest": False, "held_since": False, "content_id": False}


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

    held_digest = fields.Char(
        readonly=True,
        copy=False,
        help="The content that the app was restored to. Empty: what the manifest is.",
    )
    held_since = fields.Datetime(
        string="As Deployed On",
        readonly=True,
        copy=False,
        help="The app uses the manifest as it was then, whatever is at its URL now.",
    )
    content_id = fields.Many2one(
        "kubernetes.manifest.content",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        help="What workers use in the place of what is at the URL. Charts and folders"
        " are fetched: Odoo has a part of them alone.",
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
        if "manifest_id" in vals:
            # What another manifest was is nothing for this one.
            moved = self.filtered(
                lambda line: line.manifest_id.id != vals["manifest_id"]
            )
            super(KubernetesAppManifest, moved._as_system()).write(NOT_HELD)
        return super().write(vals)

    def unlink(self):
        self.check_access("unlink")
        self._remember_order(self.app_id)
        return super().unlink()

    # -- another content than the manifest's -------------------------------------

    def action_release(self):
        """Use the manifest as it is again."""
        self.check_access("write")
        for line in self.filtered("held_digest"):
            line._hold(NOT_HELD)
            line.app_id.sudo()._log(
                self.env._("Uses the latest %s again", line.manifest_id.name)
            )

    def _hold(self, values):
        """Let the app use a content of its own; what that changes is to be applied."""
        self.ensure_one()
        before = self._used_content()[0]
        self._as_system().write(values)
        if self._used_content()[0] != before:
            self.env["kubernetes.app.change"]._note(
                self.app_id, "manifest", [self.manifest_id.name]
            )

    def _used_content(self):
        """The digest of what the next deploy uses, as far as Odoo knows, and the texts,
        None where they are not known."""
        self.ensure_one()
        manifest = self.manifest_id
        if self.held_digest:
            kept = manifest._kept_content(self.held_digest)
            return self.held_digest, kept._texts() if kept else None
        if manifest.pin and manifest.pin != manifest.digest:
            content, files = manifest.pinned_content, manifest.pinned_files
            known = manifest._texts(content, files) if content else None
            return manifest.pin, known
        texts = manifest._texts(manifest.content, manifest.files)
        return manifest.digest, texts if manifest.digest else None

    def _contract_values(self):
        """The manifests in this order as the contract's claim answer has them."""
        return [
            {
                **values,
                "pin": line.held_digest or values["pin"],
                **line.content_id._contract_values(),
            }
            for line in self
            for values in line.manifest_id._contract_values()
        ]

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
