# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

# Of records that an update leaves as they are: old name and new one.
RENAMED = {
    "cron_mail": "ir_cron_mail",
    "cron_watch": "ir_cron_watch",
    "cron_mail_ir_actions_server": "ir_cron_mail_ir_actions_server",
    "cron_watch_ir_actions_server": "ir_cron_watch_ir_actions_server",
}


def migrate(cr, version):
    """One convention for XML ids: what an administrator has set stays as it is."""
    for old, new in RENAMED.items():
        cr.execute(
            """
            UPDATE ir_model_data SET name = %s
             WHERE module = 'kubernetes_hosting' AND name = %s
            """,
            [new, old],
        )
