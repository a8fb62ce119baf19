# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import SUPERUSER_ID, api


def migrate(cr, version):
    """Workers serve what they are given, with keys that expire: those of before keep
    what they announced, and their keys for a year."""
    if version:
        env = api.Environment(cr, SUPERUSER_ID, {})
        env["kubernetes.worker"]._carry_over()
