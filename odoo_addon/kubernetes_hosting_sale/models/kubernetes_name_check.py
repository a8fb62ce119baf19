# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import timedelta

from odoo import models


class KubernetesNameCheck(models.Model):
    """A question whether a name is free. Pages ask while a customer types; whoever
    tries names out one after the other is made to wait."""

    _name = "kubernetes.name.check"
    _description = "Question Whether a Name Is Free"
    _inherit = ["kubernetes.address.count"]

    _limit = 60
    _window = timedelta(minutes=1)
