# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import base64
from datetime import timedelta
from pathlib import PurePath

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from ..models import ansible_vars
from ..models.kubernetes_values import GIVEN_VARIABLES

MASK = "••••••"
# Where the window was closed otherwise than by its buttons.
KEPT_FOR = timedelta(hours=1)


class KubernetesConfigMapImport(models.TransientModel):
    """Reads an Ansible vars.yml into a config map, after saying what it will do.

    Keys that the file does not have stay as they are. What looks like a secret is
    proposed for the secret, or left out; what is encrypted stays so, and in its line.
    The text may hold secrets: it is dropped by the import and by Discard, and within
    about an hour in any case.
    """

    _name = "kubernetes.config.map.import"
    _description = "Import of an Ansible vars.yml"
    _inherit = ["kubernetes.record"]

    config_map_id = fields.Many2one(
        "kubernetes.config.map",
        string="ConfigMap",
        help="Empty: a new one is made.",
    )
    name = fields.Char(string="Name of the New ConfigMap")
    secret_id = fields.Many2one(
        "kubernetes.secret",
        help="Where the values go that look like secrets; nobody reads them back.",
    )
    file = fields.Binary(string="vars.yml", attachment=False, exportable=False)
    filename = fields.Char()
    text = fields.Text(string="Content", prefetch=False, exportable=False)
    problem = fields.Text(readonly=True, exportable=False)
    line_ids = fields.One2many(
        "kubernetes.config.map.import.line", "import_id", string="Variables"
    )
    summary = fields.Char(compute="_compute_summary")

    @api.model
    def default_get(self, fields):
        values = super().default_get(fields)
        config_map = self.env["kubernetes.config.map"].browse(
            values.get("config_map_id")
        )
        secret = config_map.app_ids.secret_id[:1]
        if secret and "secret_id" in fields:
            values.setdefault("secret_id", secret.id)
        return values

    @api.depends("line_ids.change", "line_ids.target", "config_map_id")
    def _compute_summary(self):
        for wizard in self:
            lines = wizard.line_ids
            counts = [
                (self.env._("%s new"), lines._going("config_map", "new")),
                (self.env._("%s changed"), lines._going("config_map", "changed")),
                (self.env._("%s unchanged"), lines._going("config_map", "unchanged")),
                (self.env._("%s into the secret"), lines._going("secret")),
                (self.env._("%s left out"), lines._going("leave")),
            ]
            parts = [text % len(those) for text, those in counts if those]
            others = set(wizard.config_map_id.line_ids.mapped("key")) - set(
                lines.mapped("key")
            )
            if lines and others:
                parts.append(self.env._("%s not in the file, which stay", len(others)))
            wizard.summary = ", ".join(parts)

    @api.onchange("file")
    def _onchange_file(self):
        if not self.file:
            return
        content = base64.b64decode(self.file)
        try:
            self.text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            self.text = False
            self.line_ids = [Command.clear()]
            self.problem = self.env._(
                "Line %s: this is not UTF-8 text.",
                content.count(b"\n", 0, error.start) + 1,
            )
            return
        if not self.config_map_id and not self.name:
            self.name = PurePath(self.filename or "").stem
        self._onchange_text()

    @api.onchange("text", "secret_id")
    def _onchange_text(self):
        """Say what the import will do, or where the text is no vars file."""
        self.problem = False
        kept = {line.key: line.target for line in self.line_ids if line.is_chosen}
        self.line_ids = [Command.clear()]
        if not (self.text or "").strip():
            return
        try:
            variables = ansible_vars.load(self.text)
        except ansible_vars.VarsError as error:
            self.problem = self._problem_text(error)
            return
        self.line_ids = [
            Command.create(self._line_values(variable, kept)) for variable in variables
        ]

    def _problem_text(self, error):
        lines = self.text.splitlines()
        shown = lines[error.line - 1].strip() if error.line <= len(lines) else ""
        place = self.env["kubernetes.config.map"]._vars_problem(error)
        return f"{place}\n{shown[:200]}" if shown else place

    def _line_values(self, variable, kept):
        known = {line.key: line for line in self.config_map_id.line_ids}
        line = known.get(variable.key)
        same = line and (line.type, line.value or "") == (variable.type, variable.value)
        target = self._proposed(variable)
        if variable.is_name:
            target = kept.get(variable.key, target)
        return {
            "key": variable.key,
            "type": variable.type,
            "value": self._shown(variable),
            "change": "unchanged" if same else "changed" if line else "new",
            "target": target,
            "proposed": target,
            "note": self._note(variable),
        }

    def _shown(self, variable):
        if variable.is_vault:
            return self._encrypted_text(variable)
        return MASK if variable.looks_secret else variable.value

    def _encrypted_text(self, variable):
        vault_id = ansible_vars.vault_id(variable.type, variable.value)
        return self.env["kubernetes.config.map"]._encrypted_text(vault_id)

    def _proposed(self, variable):
        if not variable.is_name:
            return "leave"
        if variable.is_vault:
            known = self.secret_id.line_ids.mapped("key")
            return "secret" if variable.key in known else "config_map"
        if variable.looks_secret:
            return "secret" if self.secret_id else "leave"
        return "config_map"

    def _note(self, variable):
        if not variable.is_name:
            return self.env._(
                "Not a variable's name: letters, digits and underscores, not beginning"
                " with a digit"
            )
        if variable.is_vault:
            return self.env._(
                "Stays encrypted; a worker that has the vault password reads it"
            )
        if variable.looks_secret:
            return self.env._("Looks like a secret")
        if variable.key in GIVEN_VARIABLES:
            return self.env._("Given by Chandlery; the value here has no effect")
        return False

    def action_import(self):
        """Take over what the lines say; the text itself is read again."""
        self.ensure_one()
        self.env["kubernetes.config.map"].check_access("write")
        try:
            variables = ansible_vars.load(self.text or "")
        except ansible_vars.VarsError as error:
            raise UserError(self._problem_text(error)) from error
        targets = {line.key: line.target for line in self.line_ids}
        going = {"config_map": [], "secret": [], "leave": []}
        for variable in variables:
            target = targets.get(variable.key) or self._proposed(variable)
            going[target if variable.is_name else "leave"].append(variable)
        if going["secret"] and not self.secret_id:
            raise UserError(
                self.env._(
                    "Choose the secret into which %s goes, or leave it out.",
                    ", ".join(variable.key for variable in going["secret"]),
                )
            )
        config_map = self.config_map_id or self._create_config_map()
        self._write_config_map(config_map, going["config_map"], going["secret"])
        self._write_secret(going["secret"])
        config_map._as_system()._message_log(body=self._story(going))
        # Whatever secret stood in the text is not to stay in the database.
        self.unlink()
        return {
            "type": "ir.actions.act_window",
            "res_model": "kubernetes.config.map",
            "res_id": config_map.id,
            "views": [(False, "form")],
        }

    def action_discard(self):
        """Drop the text of an import that could not be done."""
        self.unlink()
        return {"type": "ir.actions.act_window_close"}

    @api.model
    def _drop_left_over(self):
        """Drop what was neither imported nor discarded."""
        before = fields.Datetime.now() - KEPT_FOR
        self.sudo().search([("write_date", "<", before)]).unlink()

    def _create_config_map(self):
        if not self.name:
            raise UserError(self.env._("Give the new config map a name."))
        return self.env["kubernetes.config.map"].create(
            {"name": self.name, "is_template": True}
        )

    def _write_config_map(self, config_map, variables, moved):
        known = {line.key: line for line in config_map.line_ids}
        sequence = max(config_map.line_ids.mapped("sequence"), default=0)
        commands = [
            Command.delete(known[variable.key].id)
            for variable in moved
            if variable.key in known
        ]
        for variable in variables:
            values = {"type": variable.type, "value": variable.value}
            if variable.key in known:
                commands.append(Command.update(known[variable.key].id, values))
            else:
                sequence += 1
                values.update(key=variable.key, sequence=sequence)
                commands.append(Command.create(values))
        config_map.line_ids = commands

    def _write_secret(self, variables):
        known = {line.key: line for line in self.secret_id.line_ids}
        commands = []
        for variable in variables:
            values = {
                "type": variable.type,
                "value": variable.value,
                "generate": False,
            }
            if variable.key in known:
                commands.append(Command.update(known[variable.key].id, values))
            else:
                commands.append(Command.create({"key": variable.key, **values}))
        self.secret_id.line_ids = commands

    def _story(self, going):
        """What was done, for the chatter: keys, never values."""
        parts = [
            (self.env._("Imported from vars.yml: %s"), going["config_map"]),
            (self.env._("Put into the secret: %s"), going["secret"]),
            (self.env._("Left out: %s"), going["leave"]),
        ]
        return "; ".join(
            text % ", ".join(variable.key for variable in variables)
            for text, variables in parts
            if variables
        )


class KubernetesConfigMapImportLine(models.TransientModel):
    """What the import does with one variable of the file."""

    _name = "kubernetes.config.map.import.line"
    _description = "Variable of an Imported vars.yml"
    _inherit = ["kubernetes.record"]

    import_id = fields.Many2one(
        "kubernetes.config.map.import", required=True, ondelete="cascade"
    )
    key = fields.Char(required=True)
    type = fields.Selection([("string", "Text"), ("yaml", "YAML")])
    value = fields.Text(help="What looks like a secret is not shown.", exportable=False)
    change = fields.Selection(
        [("new", "New"), ("changed", "Changed"), ("unchanged", "Unchanged")],
        help="Against the config map as it is now.",
    )
    target = fields.Selection(
        [("config_map", "ConfigMap"), ("secret", "Secret"), ("leave", "Leave Out")],
        string="Goes To",
        required=True,
        default="config_map",
    )
    proposed = fields.Char()
    is_chosen = fields.Boolean(compute="_compute_is_chosen")
    note = fields.Char(string="Remark")

    @api.depends("target", "proposed")
    def _compute_is_chosen(self):
        for line in self:
            line.is_chosen = bool(line.proposed) and line.target != line.proposed

    def _going(self, target, change=None):
        return self.filtered(
            lambda line: line.target == target and change in (None, line.change)
        )
