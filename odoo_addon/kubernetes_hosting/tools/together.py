# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import date, datetime

from odoo.tools import SQL

# How a column that JSON has no type for becomes what the cache holds.
FROM_JSON = {"datetime": datetime.fromisoformat, "date": date.fromisoformat}
# What is read by itself where it is needed: JSON has it otherwise than the cache.
LEFT_OUT = ("binary", "properties", "properties_definition", "reference")


def read_together(env, *selections):
    """Read records of several models in one statement, into the cache.

    A selection is ``(model, condition, *names)``: the records of the table for which
    the condition in SQL holds, with the fields that are not prefetched of these names.
    Returns the records of each, in the order of their ids. What the conditions look at
    is to be flushed before.
    """
    parts, fields_of = [], []
    for number, (name, condition, *names) in enumerate(selections):
        model = env[name]
        fields = [field for field in model._fields.values() if _is_read(field, names)]
        fields_of.append(fields)
        parts.append(
            SQL(
                "SELECT %s AS number, (SELECT json_agg(found ORDER BY id)"
                " FROM (SELECT id, %s FROM %s WHERE %s) found) AS found",
                number,
                SQL(", ").join(SQL.identifier(field.name) for field in fields),
                SQL.identifier(model._table),
                condition,
            )
        )
    rows = dict(env.execute_query(SQL(" UNION ALL ").join(parts)))
    read = []
    for number, (name, *_rest) in enumerate(selections):
        found = rows[number] or []
        records = env[name].browse(row["id"] for row in found)
        for field in fields_of[number]:
            convert = FROM_JSON.get(field.type)
            values = [row[field.name] for row in found]
            if convert:
                values = [value and convert(value) for value in values]
            field._insert_cache(records, values)
        read.append(records)
    return read


def _is_read(field, names):
    return (
        field.store
        and field.column_type
        and field.name != "id"
        and field.type not in LEFT_OUT
        and not field.translate
        and not field.company_dependent
        and (field.prefetch is True or field.name in names)
    )


def know_lines(records, name, lines):
    """Put the ``lines``, which are all there are, into the cache of a one2many field.
    They are sorted as by a search."""
    field = records._fields[name]
    grouped = lines.sorted().grouped(field.inverse_name)
    field._insert_cache(
        records, [grouped.get(record, lines[:0])._ids for record in records]
    )


def know_related(record, name, related):
    """Put all ``related`` records, archived ones, too, into the cache of a many2many
    field."""
    field, related = record._fields[name], related.sorted()
    for_all = record.with_context(active_test=False)
    field._insert_cache(for_all, [related._ids])
    field._insert_cache(record, [related.filtered("active")._ids])


def write_together(records):
    """Let what is to be written of these records go in one statement, whatever was
    changed of each."""
    records._recompute_recordset()
    dirty, ids = records.env._field_dirty, set(records._ids)
    for field in records._fields.values():
        if not ids.isdisjoint(dirty.get(field) or ()):
            records.mapped(field.name)  # what is not in the cache cannot be written
            dirty[field].update(records._ids)
