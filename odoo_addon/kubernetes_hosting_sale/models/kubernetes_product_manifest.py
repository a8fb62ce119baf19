# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import fields, models


class KubernetesProductManifest(models.Model):
    """A manifest in a product's order: its apps apply them from first to last, by a
    deploy or by a reset."""

    _name = "kubernetes.product.manifest"
    _description = "Manifest of a Hosting Product"
    _inherit = ["kubernetes.record"]
    _rec_name = "manifest_id"
    _order = "sequence, id"
    _check_company_auto = True

    product_tmpl_id = fields.Many2one(
        "product.template", required=True, index=True, ondelete="cascade"
    )
    sequence = fields.Integer(default=10)
    company_id = fields.Many2one(
        related="product_tmpl_id.company_id", related_sudo=False
    )
    manifest_id = fields.Many2one(
        "kubernetes.manifest",
        required=True,
        index=True,
        ondelete="restrict",
        check_company=True,
    )
    url = fields.Char(related="manifest_id.url", related_sudo=False)
    purpose = fields.Selection(
        [("deploy", "Deploy"), ("reset", "Reset")], required=True, default="deploy"
    )

    _manifest_uniq = models.UniqueIndex(
        "(product_tmpl_id, purpose, manifest_id)",
        "The product has this manifest already.",
    )

    def _for_app(self):
        """The commands that give an app these manifests in this order."""
        return [
            fields.Command.create(
                {"sequence": line.sequence, "manifest_id": line.manifest_id.id}
            )
            for line in self.sorted()
        ]
