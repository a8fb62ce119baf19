# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.exceptions import UserError


class KubernetesConfigMapAction(models.Model):
    """One thing that an operator does to an app by setting a value and applying it,
    such as promoting a database's standby: what it is called, and when to do it.

    A template's actions are those of all apps that are made from it.
    """

    _name = "kubernetes.config.map.action"
    _description = "Action on a Kubernetes App"
    _inherit = ["kubernetes.values.line"]
    _rec_name = "name"
    _values_field = "config_map_id"

    config_map_id = fields.Many2one(
        "kubernetes.config.map", required=True, index=True, ondelete="cascade"
    )
    name = fields.Char(string="Action", required=True, translate=True)
    description = fields.Text(
        translate=True,
        help="When it is done, what becomes of the app, and what may be lost.",
    )
    value = fields.Text()
    is_done = fields.Boolean(
        compute="_compute_is_done", help="The value is what it would be set to."
    )

    @api.depends(
        "key",
        "type",
        "value",
        "config_map_id.line_ids.key",
        "config_map_id.line_ids.type",
        "config_map_id.line_ids.value",
    )
    def _compute_is_done(self):
        for action in self:
            line = action._line()
            wanted = (action.type, action.value or "")
            action.is_done = bool(line) and line._known_value() == wanted

    def _line(self):
        """The line whose value is set."""
        return self.config_map_id.line_ids.filtered(lambda line: line.key == self.key)

    def action_run(self):
        """Set the value, and show what applying it would change."""
        self.ensure_one()
        self.check_access("write")
        app = self.config_map_id.app_ids
        if not app:
            raise UserError(
                self.env._(
                    "“%s” is done to an app. Open one that has these values.", self.name
                )
            )
        values = {"type": self.type, "value": self.value}
        line = self._line()
        if line:
            line.write(values)
        else:
            line.create(
                {"config_map_id": app.config_map_id.id, "key": self.key, **values}
            )
        return app.action_review()
