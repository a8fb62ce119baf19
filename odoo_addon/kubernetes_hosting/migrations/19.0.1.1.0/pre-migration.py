# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import secrets


def migrate(cr, version):
    """Give each app the UID that it is known by from now on, and note what was made
    before: namespaces without it, which operators take over, and mail domains that
    bear the database's mark."""
    cr.execute("ALTER TABLE kubernetes_app ADD COLUMN IF NOT EXISTS uid varchar")
    cr.execute("SELECT id FROM kubernetes_app WHERE uid IS NULL")
    cr.executemany(
        "UPDATE kubernetes_app SET uid = %s WHERE id = %s",
        [(secrets.token_hex(16), app_id) for (app_id,) in cr.fetchall()],
    )
    cr.execute(
        """
        ALTER TABLE kubernetes_app
        ADD COLUMN IF NOT EXISTS mail_mark varchar NOT NULL DEFAULT 'app'
        """
    )
    cr.execute("ALTER TABLE kubernetes_app ALTER COLUMN mail_mark DROP DEFAULT")
    cr.execute(
        """
        UPDATE kubernetes_app SET mail_mark = 'database' WHERE mail_domain IS NOT NULL
        """
    )
    cr.execute("ALTER TABLE kubernetes_job ADD COLUMN IF NOT EXISTS uid varchar")
    cr.execute(
        """
        UPDATE kubernetes_job SET uid = replace(gen_random_uuid()::text, '-', '')
         WHERE uid IS NULL
        """
    )
    cr.execute(
        """
        ALTER TABLE kubernetes_namespace
        ADD COLUMN IF NOT EXISTS without_uid boolean
        """
    )
    cr.execute(
        """
        UPDATE kubernetes_namespace SET without_uid = TRUE
         WHERE state IN ('active', 'kept')
        """
    )
