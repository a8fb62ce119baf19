# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

# XML ids of what is in the addon for Mailgun from now on, as patterns of PostgreSQL.
MOVED = (
    "access\\_dns\\_record\\_user",
    "field\\_kubernetes\\_app\\_\\_(dns|mail)\\_%",
    "field\\_kubernetes\\_app\\_\\_invitation\\_due",
    "field\\_kubernetes\\_dns\\_record\\_\\_%",
    "field\\_kubernetes\\_environment\\_\\_mail\\_domain",
    "field\\_kubernetes\\_worker\\_\\_mailgun\\_%",
    "kubernetes\\_dns\\_record\\_rule\\_company",
    "model\\_kubernetes\\_dns\\_record",
    "selection\\_\\_kubernetes\\_app\\_\\_mail\\_%",
    "selection\\_\\_kubernetes\\_attention\\_\\_reason\\_\\_mail\\_%",
    "selection\\_\\_kubernetes\\_job\\_\\_kind\\_\\_(invitation|mail\\_domain)",
    "selection\\_\\_kubernetes\\_worker\\_\\_mailgun\\_%",
)
# Views that show it, and are read before they are loaded anew.
VIEWS = ("kubernetes_app_view_form_mail", "kubernetes_app_view_search_mail")


def migrate(cr, version):
    """Mail domains have an addon of their own, which is installed where they were in
    use. What becomes its keeps its data."""
    cr.execute(
        """
        UPDATE ir_model_data SET module = 'kubernetes_hosting_mailgun'
         WHERE module = 'kubernetes_hosting' AND name SIMILAR TO %s
        """,
        ["|".join(MOVED)],
    )
    cr.execute(
        """
        UPDATE ir_ui_view view SET arch_db = '{"en_US": "<data/>"}'
          FROM ir_model_data data
         WHERE data.module = 'kubernetes_hosting' AND data.model = 'ir.ui.view'
           AND data.name IN %s AND data.res_id = view.id
        """,
        [VIEWS],
    )
    cr.execute(
        """
        UPDATE ir_module_module SET state = 'to install'
         WHERE name = 'kubernetes_hosting_mailgun' AND state = 'uninstalled'
        """
    )
