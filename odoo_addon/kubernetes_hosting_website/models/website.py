# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import models
from odoo.fields import Domain
from odoo.http import request

STEP_HREF = "/shop/app_names"


class Website(models.Model):
    """The checkout asks for names only when there is something to name."""

    _inherit = "website"

    def _get_allowed_steps_domain(self):
        domain = super()._get_allowed_steps_domain()
        if (
            request
            and getattr(request, "cart", None)
            and request.cart.kubernetes_hosting
        ):
            return domain
        return Domain.AND([domain, [("step_href", "!=", STEP_HREF)]])
