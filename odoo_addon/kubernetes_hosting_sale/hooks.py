# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).


def post_init_hook(env):
    """Send the order's mails after its confirmation, not as a part of it: otherwise
    the confirmation of a paid order renders a PDF, and fails where wkhtmltopdf is
    missing or slow. And see to providers that were switched on before.
    """
    env["ir.config_parameter"].set_param("sale.async_emails", "True")
    env.ref("sale.send_pending_emails_cron").active = True
    env["payment.provider"].search([])._kubernetes_take_place()
