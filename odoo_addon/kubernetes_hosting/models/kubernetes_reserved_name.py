# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import re

from odoo import api, fields, models
from odoo.exceptions import ValidationError


class KubernetesReservedName(models.Model):
    """A name no app may have: exactly this one, or all with a prefix (``kube-*``)."""

    _name = "kubernetes.reserved.name"
    _description = "Kubernetes Reserved Name"
    _inherit = ["kubernetes.record"]
    _order = "name"

    name = fields.Char(
        required=True,
        help="A name that no app may have. End it with * to refuse every name that"
        " begins so, for example kube-*.",
    )
    note = fields.Char(string="Reason")
    active = fields.Boolean(default=True)

    _name_uniq = models.UniqueIndex("(name)", "This name is reserved already.")

    @api.constrains("name")
    def _check_name(self):
        for reserved in self:
            if not re.fullmatch(r"[a-z0-9-]+\*?", reserved.name or ""):
                raise ValidationError(
                    self.env._(
                        "“%s” is not a reserved name: use lower-case letters, digits"
                        " and hyphens, with at most one * at the end.",
                        reserved.name,
                    )
                )

    @api.model
    def _is_reserved(self, name):
        """Whether the list refuses ``name``."""
        prefixes = [f"{name[:length]}*" for length in range(1, len(name) + 1)]
        reserved = self.sudo().search_count(
            [("name", "in", [name, *prefixes])], limit=1
        )
        return bool(reserved)
