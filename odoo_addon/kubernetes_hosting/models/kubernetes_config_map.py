# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from . import ansible_vars

# Of a longer value the chatter has the beginning.
NOTED_LENGTH = 200


class KubernetesConfigMap(models.Model):
    """Keys and values for the manifests of an app, or a template of them."""

    _name = "kubernetes.config.map"
    _description = "Kubernetes ConfigMap"
    _inherit = ["kubernetes.values", "mail.thread"]
    _change_source = "config_map"

    name = fields.Char(tracking=True)
    template_id = fields.Many2one(
        "kubernetes.config.map",
        string="Made From",
        readonly=True,
        copy=False,
        index="btree_not_null",
    )
    line_ids = fields.One2many(
        "kubernetes.config.map.line", "config_map_id", string="Values", copy=True
    )
    action_ids = fields.One2many(
        "kubernetes.config.map.action", "config_map_id", string="Actions", copy=True
    )
    app_ids = fields.One2many("kubernetes.app", "config_map_id", string="Apps")
    has_encrypted = fields.Boolean(compute="_compute_has_encrypted")

    @api.depends("line_ids.encrypted")
    def _compute_has_encrypted(self):
        for config_map in self:
            config_map.has_encrypted = any(config_map.line_ids.mapped("encrypted"))

    def _copy_for_app(self, app):
        """The copy of this config map that belongs to ``app``.

        Without a template (an empty recordset) an empty one is made.
        """
        values = self._copy_values(app)
        # Whoever buys an app does not follow its values.
        quiet = self.with_context(mail_create_nosubscribe=True)
        copy = quiet.copy(values) if quiet else quiet.create(values)
        return copy.with_env(self.env)

    def action_import(self):
        """Open the wizard that reads an Ansible vars.yml into this config map."""
        self.check_access("write")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Import vars.yml"),
            "res_model": "kubernetes.config.map.import",
            "view_mode": "form",
            "target": "new",
            "context": {"default_config_map_id": self.id},
        }

    def action_export(self):
        """Download the values as an Ansible vars.yml."""
        self.ensure_one()
        self._ansible_vars()  # refuses in words what cannot be written
        return {
            "type": "ir.actions.act_url",
            "url": f"/kubernetes_hosting/config_map/{self.id}/vars.yml",
            "target": "download",
        }

    def _ansible_vars(self):
        """The values as the text of a vars.yml that Ansible reads back to the same
        values and types. Secrets are named in a comment."""
        self.ensure_one()
        lines = [(line.key, line.type, line.value or "") for line in self.line_ids]
        comments = [self.env._("ConfigMap %s", self.name), *self._secret_comments()]
        try:
            return ansible_vars.dump(lines, comments)
        except ansible_vars.VarsError as error:
            raise UserError(
                self.env._(
                    "The value of “%(key)s” is not YAML that Ansible reads. Correct"
                    " it, or make it a Text.\n%(problem)s",
                    key=error.key,
                    problem=self._vars_problem(error),
                )
            ) from error

    @api.model
    def _vars_problem(self, error):
        """Where a text is not what Ansible reads, why, and what helps."""
        words = {
            "encrypted": self.env._(
                "the whole file is encrypted by Ansible Vault; decrypt it first with:"
                " ansible-vault decrypt vars.yml, and encrypt single values with:"
                " ansible-vault encrypt_string"
            ),
            "empty": self.env._("there is no variable in it"),
            "no_mapping": self.env._(
                "a vars file is a mapping, with one “key: value” per line"
            ),
            "no_name": self.env._("the key of a variable is a text"),
            "character": self.env._(
                "the character %s is not allowed in YAML", error.detail
            ),
            "braces": self.env._("put a value that begins with {{ into quotes"),
            "tag": self.env._("Ansible knows no tag %s", error.detail),
            "tab": self.env._("a tab cannot indent; use blanks"),
            "beginning": self.env._(
                "put a value that begins with %s into quotes", error.detail
            ),
            "colon": self.env._(
                "a value that has a colon with a blank behind it needs quotes, or the"
                " line is indented too far"
            ),
            "no_colon": self.env._(
                "a colon with a blank behind it is missing after the key"
            ),
            "indentation": self.env._(
                "the line is not indented as those that it belongs to"
            ),
            "escape": self.env._(
                "in double quotes \\%s has no meaning; use single quotes, or two"
                " backslashes",
                error.detail,
            ),
            "bracket": self.env._("the bracket that stands here is not closed"),
            "quotes": self.env._("the quotation mark that stands here is not closed"),
            "vault_header": self.env._(
                "what is marked !vault does not begin as Ansible Vault writes it, with"
                " a line such as $ANSIBLE_VAULT;1.1;AES256"
            ),
            "vault_cipher": self.env._(
                "it is encrypted with the cipher %s; workers know AES256", error.detail
            ),
            "vault_damaged": self.env._(
                "the encrypted text is damaged or not whole; copy it as Ansible Vault"
                " has written it, with its line ends"
            ),
        }
        return self.env._(
            "Line %(line)s, column %(column)s: %(problem)s.",
            line=error.line,
            column=error.column,
            problem=words.get(error.code, error.detail),
        )

    @api.model
    def _refuse_damaged_vault(self, key, kind, value):
        """Other problems of a value stand beside it: this one nobody could correct by
        looking at it later."""
        if kind != "yaml":
            return
        try:
            ansible_vars.check(value or "")
        except ansible_vars.VarsError as error:
            if error.code.startswith("vault_"):
                raise ValidationError(
                    self.env._(
                        "The value of “%(key)s” cannot be decrypted by anybody."
                        " %(problem)s",
                        key=key,
                        problem=self._vars_problem(error),
                    )
                ) from error

    def _secret_comments(self):
        """Which variables Ansible gets from elsewhere, one comment line each."""
        self.ensure_one()
        secrets = self.app_ids.secret_id.line_ids
        if not secrets:
            return []
        generated = self.env._("generated, in the cluster only")
        return [
            self.env._("Secrets are left out:"),
            *(
                f"- {line.key} ({generated})" if line.generate else f"- {line.key}"
                for line in secrets
            ),
        ]

    def _description_in_chatter(self):
        return self.env._("ConfigMap changed")

    def _change_note(self, key, before, after):
        """A config map's values are no secret: the chatter shows them."""
        (old_type, old), (new_type, new) = (
            (known[0], self._noted(*known)) if known else (None, "")
            for known in (before, after)
        )
        if not old_type:
            return self.env._("%(key)s added: %(value)s", key=key, value=new)
        if not new_type:
            return self.env._("%(key)s removed: %(value)s", key=key, value=old)
        if old_type != new_type:
            old, new = f"{old} ({old_type})", f"{new} ({new_type})"
        return f"{key}: {old} → {new}"

    def _noted(self, kind, value):
        vault_id = ansible_vars.vault_id(kind, value)
        if vault_id is not None:
            return self._encrypted_text(vault_id)
        return value if len(value) <= NOTED_LENGTH else f"{value[:NOTED_LENGTH]}…"

    @api.model
    def _encrypted_text(self, vault_id):
        """Stands for what is encrypted; who has the password finds it by the id."""
        return self.env._("Encrypted by Ansible Vault (%s)", vault_id)


class KubernetesConfigMapLine(models.Model):
    """One variable. ``string`` is text as it stands, ``yaml`` is read as YAML."""

    _name = "kubernetes.config.map.line"
    _description = "Kubernetes ConfigMap Line"
    _inherit = ["kubernetes.values.line"]
    _values_field = "config_map_id"

    config_map_id = fields.Many2one(
        "kubernetes.config.map", required=True, index=True, ondelete="cascade"
    )
    value = fields.Text()
    problem = fields.Char(
        compute="_compute_problem", help="Why the value is not YAML, and where."
    )

    encrypted = fields.Char(
        compute="_compute_encrypted",
        help="The value is encrypted by Ansible Vault; the vault id says with which"
        " password. Only a worker that has it can read the value.",
    )
    new_value = fields.Text(
        compute="_compute_new_value",
        inverse="_inverse_new_value",
        help="What is written here replaces the encrypted value as a whole. Leave it"
        " empty to keep what is set.",
    )

    _key_uniq = models.UniqueIndex(
        "(config_map_id, key)", "This key stands in the config map already."
    )

    @api.depends("type", "value")
    @api.depends_context("lang")
    def _compute_problem(self):
        for line in self:
            line.problem = False
            if line.type != "yaml":
                continue
            try:
                ansible_vars.check(line.value or "")
            except ansible_vars.VarsError as error:
                line.problem = line.config_map_id._vars_problem(error)

    @api.depends("type", "value")
    @api.depends_context("lang")
    def _compute_encrypted(self):
        for line in self:
            vault_id = ansible_vars.vault_id(line.type, line.value)
            line.encrypted = vault_id is not None and (
                line.config_map_id._encrypted_text(vault_id)
            )

    def _compute_new_value(self):
        self.new_value = ""

    def _inverse_new_value(self):
        for line in self:
            if line.new_value:
                line.value = line.new_value
        self.invalidate_recordset(["new_value"], flush=False)

    @api.constrains("type", "value")
    def _check_vaults(self):
        for line in self:
            line.config_map_id._refuse_damaged_vault(line.key, line.type, line.value)

    def _known_value(self):
        self.ensure_one()
        return self.type, self.value or ""

    def _contract_values(self):
        """The line as the contract's claim answer has it."""
        self.ensure_one()
        return {"key": self.key, "type": self.type, "value": self.value or ""}
