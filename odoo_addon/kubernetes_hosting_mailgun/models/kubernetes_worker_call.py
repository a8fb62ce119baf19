# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import models


class KubernetesWorkerCall(models.AbstractModel):
    """A claim sends the invitations that waited long enough for their mail domain."""

    _inherit = "kubernetes.worker.call"

    def _before_jobs(self):
        result = super()._before_jobs()
        self.env["kubernetes.app"]._invite_due()
        return result
