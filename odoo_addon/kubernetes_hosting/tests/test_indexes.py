# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.tests import TransactionCase, tagged

OURS = "kubernetes_hosting"


@tagged("post_install", "-at_install")
class TestIndexes(TransactionCase):
    """The database looks for what refers to a record whenever one is deleted."""

    def test_each_reference_has_an_index(self):
        self.env.cr.execute(
            """
            SELECT tab.relname, att.attname
              FROM pg_index index
              JOIN pg_class tab ON tab.oid = index.indrelid
              JOIN pg_attribute att
                ON att.attrelid = tab.oid AND att.attnum = index.indkey[0]
             WHERE pg_get_expr(index.indpred, tab.oid) IS NULL
                OR pg_get_expr(index.indpred, tab.oid)
                 = '(' || att.attname || ' IS NOT NULL)'
            """
        )
        indexed = set(self.env.cr.fetchall())
        missing = sorted(
            f"{model._name}.{field.name}"
            for model in self.env.values()
            if model._auto and not model._abstract and not model._transient
            for field in model._fields.values()
            if field.type == "many2one"
            and field.store
            and field.column_type
            and (field._module or "").startswith(OURS)
            and field.name not in ("create_uid", "write_uid")
            and (model._table, field.name) not in indexed
        )
        self.assertEqual(missing, [])
