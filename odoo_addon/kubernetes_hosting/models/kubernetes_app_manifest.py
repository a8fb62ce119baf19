# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import fields, models


class KubernetesAppManifest(models.Model):
    """A manifest in an app's order: they are applied from first to last, by a deploy
    or by a reset."""

    _name = "kubernetes.app.manifest"
    _description = "Manifest of a Kubernetes App"
    _rec_name = "manifest_id"
    _order = "sequence, id"

    app_id = fields.Many2one(
        "kubernetes.app", required=True, index=True, ondelete="cascade"
    )
    sequence = fields.Integer(default=10)
    manifest_id = fields.Many2one(
        "kubernetes.manifest", required=True, index=True, ondelete="restrict"
    )

    purpose = fields.Selection(
        [("deploy", "Deploy"), ("reset", "Reset")], required=True, default="deploy"
    )

    _manifest_uniq = models.UniqueIndex(
        "(app_id, purpose, manifest_id)", "The app has this manifest already."
    )
