# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models


class KubernetesAppChange(models.Model):
    """What somebody has changed of an app since it was applied: wanted, and not in the
    cluster yet.

    A deploy takes those along that are there when a worker claims it (``job_id``);
    they go when it is done, or when a comparison finds nothing to change. What is
    changed meanwhile stays.
    """

    _name = "kubernetes.app.change"
    _description = "Change of a Kubernetes App, Not Applied"
    _inherit = ["kubernetes.record"]
    _order = "app_id, write_date desc, id desc"

    app_id = fields.Many2one(
        "kubernetes.app", required=True, readonly=True, index=True, ondelete="cascade"
    )
    source = fields.Selection(
        [
            ("config_map", "ConfigMap"),
            ("secret", "Secret"),
            ("order", "Manifests"),
            ("manifest", "Manifest"),
            ("limits", "Limits"),
            ("policy", "Cluster's Policy"),
            ("domains", "Domains"),
        ],
        required=True,
        readonly=True,
    )
    name = fields.Char(
        string="What", readonly=True, help="The key, the manifest or the field."
    )
    user_id = fields.Many2one(
        "res.users", string="By", readonly=True, ondelete="set null", index=True
    )
    job_id = fields.Many2one(
        "kubernetes.job",
        string="Taken Along By",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
    )

    @api.depends("source", "name")
    @api.depends_context("lang")
    def _compute_display_name(self):
        sources = dict(self._fields["source"]._description_selection(self.env))
        for change in self:
            label = sources.get(change.source, "")
            change.display_name = f"{label}: {change.name}" if change.name else label

    @api.model
    def _note(self, apps, source, names):
        """Somebody changed these of the apps. Only what is in the cluster can differ
        from it; the same once more is the same."""
        apps = apps.sudo().filtered(
            lambda app: app.wanted_state != "deleted"
            and app.namespace_id.state in ("active", "missing")
        )
        names = list(dict.fromkeys(names))
        if not apps or not names:
            return
        system = self._as_system()
        known = system.search(
            [
                ("app_id", "in", apps.ids),
                ("source", "=", source),
                ("name", "in", names),
            ]
        )
        # What a job had taken along is changed once more.
        known.write({"user_id": self.env.uid, "job_id": False})
        there = {(change.app_id, change.name) for change in known}
        system.create(
            [
                {
                    "app_id": app.id,
                    "source": source,
                    "name": name,
                    "user_id": self.env.uid,
                }
                for app in apps
                for name in names
                if (app, name) not in there
            ]
        )
        apps._changed()
