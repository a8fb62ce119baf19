# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import timedelta

from odoo import api, fields, models


class KubernetesNameHolder(models.Model):
    """A customer or a network that holds names without having paid: makes two who
    count its names at the same moment follow one another."""

    _name = "kubernetes.name.holder"
    _description = "Holder of Unpaid Names"
    _inherit = ["kubernetes.record"]
    _rec_name = "key"

    key = fields.Char(required=True, readonly=True)

    _key_uniq = models.UniqueIndex("(key)")

    @api.model
    def _lock(self, keys):
        """Until the transaction ends. Who comes second fails with a serialization
        error, which makes Odoo run the request again: then it sees the first's names.
        """
        for key in sorted(keys):
            self.env.cr.execute(
                """
                INSERT INTO kubernetes_name_holder (key, create_date, write_date)
                VALUES (%s, now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC')
                ON CONFLICT (key) DO UPDATE SET write_date = EXCLUDED.write_date
                """,
                [key],
            )

    @api.autovacuum
    def _gc_holders(self):
        before = fields.Datetime.now() - timedelta(days=1)
        self.search([("write_date", "<", before)], limit=10000).unlink()
