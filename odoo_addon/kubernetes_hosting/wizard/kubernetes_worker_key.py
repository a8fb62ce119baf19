# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import fields, models


class KubernetesWorkerKey(models.AbstractModel):
    """Shows a new key once. Abstract: the key is never stored, not for a moment."""

    _name = "kubernetes.worker.key"
    _description = "Key of a Kubernetes Worker"

    # The web client asks for an id; there is no record to have one.
    id = fields.Id()
    key = fields.Char(readonly=True)
