# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import SUPERUSER_ID, api


def migrate(cr, version):
    """An app could take a product's own config map or secret, which was a template no
    longer, and all later orders failed: both get their own again."""
    if version:
        env = api.Environment(cr, SUPERUSER_ID, {})
        env["product.template"]._kubernetes_give_templates_back()
