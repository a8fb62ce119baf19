# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import SUPERUSER_ID, api


def migrate(cr, version):
    """Production was the environment with this code; now it is marked."""
    env = api.Environment(cr, SUPERUSER_ID, {})
    environments = env["kubernetes.environment"].with_context(active_test=False)
    environments.search([("code", "=", "prod")]).is_production = True
