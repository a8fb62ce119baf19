# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).


def migrate(cr, version):
    """An app's own values are its company's; some were everybody's or another one's."""
    cr.execute(
        """
        UPDATE kubernetes_config_map own SET company_id = app.company_id
          FROM kubernetes_app app
         WHERE app.config_map_id = own.id
           AND own.company_id IS DISTINCT FROM app.company_id
        """
    )
    cr.execute(
        """
        UPDATE kubernetes_secret own SET company_id = app.company_id
          FROM kubernetes_app app
         WHERE app.secret_id = own.id
           AND own.company_id IS DISTINCT FROM app.company_id
        """
    )
