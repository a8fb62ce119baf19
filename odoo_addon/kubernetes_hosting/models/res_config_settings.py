# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .kubernetes_job import JOB_RETENTION, JOB_RETENTION_DAYS


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    kubernetes_job_retention_days = fields.Integer(
        string="Keep Finished Jobs",
        config_parameter=JOB_RETENTION,
        default=JOB_RETENTION_DAYS,
        help="Days after which finished jobs are removed with their steps, and links to"
        " first passwords that lead nowhere any more. Of each app the last job of each"
        " kind and outcome stays.",
    )

    @api.constrains("kubernetes_job_retention_days")
    def _check_kubernetes_job_retention_days(self):
        for settings in self:
            if settings.kubernetes_job_retention_days < 1:
                raise ValidationError(
                    self.env._("Finished jobs are kept for at least one day.")
                )
