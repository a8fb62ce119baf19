# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.modules.neutralize import neutralize_database
from odoo.tools import SQL

# The system parameter that says which database was the original.
IDENTITY = "kubernetes_hosting.database_identity"
ADMINISTRATOR = "kubernetes_hosting.group_kubernetes_administrator"


class KubernetesDatabaseMoved(models.TransientModel):
    """Asks whether a database that was restored or copied is the original.

    A copy has the original's UUID, its apps' uids and its workers' keys: whoever lets a
    worker call it would let it act on the original's apps. PostgreSQL gives each
    database that is made, by a restore or a copy, too, an identity of its own. Where
    that is no longer the one that was noted, workers get no jobs until an administrator
    has said what the database is.
    """

    _name = "kubernetes.database.moved"
    _description = "Restored or Copied Database"
    _inherit = ["kubernetes.record"]

    waiting_count = fields.Integer(
        string="Jobs That Wait", compute="_compute_waiting_count"
    )
    running_count = fields.Integer(
        string="Jobs at Work When It Was Saved", compute="_compute_waiting_count"
    )
    app_count = fields.Integer(string="Apps", compute="_compute_waiting_count")

    def _compute_waiting_count(self):
        jobs = self.env["kubernetes.job"].sudo()
        apps = self.env["kubernetes.app"].sudo()
        for moved in self:
            moved.waiting_count = jobs.search_count([("state", "=", "pending")])
            moved.running_count = jobs.search_count([("state", "=", "running")])
            moved.app_count = apps.search_count([("state", "!=", "deleted")])

    # -- where the database is -----------------------------------------------------

    @api.model
    def _identity_sql(self):
        """What tells this database from all others, those made from it, too."""
        return SQL(
            """((SELECT system_identifier FROM pg_control_system())::text || '/' ||
                (SELECT oid FROM pg_database WHERE datname = current_database()))"""
        )

    @api.model
    def _moved_sql(self):
        """The system parameter that names another database than this one."""
        return SQL("key = %s AND value <> %s", IDENTITY, self._identity_sql())

    @api.model
    def _is_moved(self):
        """Whether this database is not the one that was noted."""
        self.env["ir.config_parameter"].flush_model(["key", "value"])
        return bool(
            self.env.execute_query(
                SQL("SELECT id FROM ir_config_parameter WHERE %s", self._moved_sql())
            )
        )

    @api.model
    def _note_identity(self):
        """Note this database, where none was noted yet."""
        if not self.env["ir.config_parameter"].sudo().get_param(IDENTITY):
            self._settle()

    @api.model
    def _settle(self):
        """From now on this database is the one to go by."""
        ((identity,),) = self.env.execute_query(SQL("SELECT %s", self._identity_sql()))
        self.env["ir.config_parameter"].sudo().set_param(IDENTITY, identity)

    # -- what an administrator says --------------------------------------------------

    @api.model
    def _action_open(self):
        if not self.env.user.has_group(ADMINISTRATOR):
            raise UserError(
                self.env._(
                    "An administrator of Kubernetes has to say whether this database is"
                    " the original or a copy. Until then workers get no jobs."
                )
            )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Restored or Copied Database"),
            "res_model": self._name,
            "res_id": self.create({}).id,
            "view_mode": "form",
            "views": [(False, "form")],
            "target": "new",
        }

    def _check_administrator(self):
        """What becomes of the database concerns all companies."""
        self.check_access("write")
        if not self._works_for_all_companies():
            raise AccessError(
                self.env._(
                    "Only an administrator who works for all companies may say what"
                    " this database is."
                )
            )

    def action_original(self):
        """It was moved, or restored in the original's place: workers go on."""
        self._check_administrator()
        self._settle()
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def action_copy(self):
        """The original is elsewhere: neutralize this one as Odoo does, after which
        nothing in a cluster is its own."""
        self._check_administrator()
        self.env.flush_all()
        neutralize_database(self.env.cr)
        self.env.invalidate_all()
        self.env.registry.clear_all_caches()
        self._settle()
        return {"type": "ir.actions.client", "tag": "soft_reload"}
