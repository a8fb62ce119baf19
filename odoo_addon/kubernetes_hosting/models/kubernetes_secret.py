# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from . import ansible_vars


class KubernetesSecret(models.Model):
    """Keys with values that nobody reads back, or a rule to generate them."""

    _name = "kubernetes.secret"
    _description = "Kubernetes Secret"
    _inherit = ["kubernetes.values"]
    _change_source = "secret"

    template_id = fields.Many2one(
        "kubernetes.secret",
        string="Made From",
        readonly=True,
        copy=False,
        index="btree_not_null",
    )
    line_ids = fields.One2many(
        "kubernetes.secret.line", "secret_id", string="Values", copy=True
    )
    login = fields.Char(
        string="User Name",
        default="admin",
        help="The user name that the invitation tells the customer, together with the"
        " first password below.",
    )
    app_ids = fields.One2many("kubernetes.app", "secret_id", string="Apps")

    def copy(self, default=None):
        """Copies have the values too, without whoever copies reading them: the copy is
        made with the rights of whoever asks, and the values are carried over then."""
        copies = super().copy(default)
        for secret, copy in zip(self, copies, strict=True):
            if secret.company_id and copy.company_id != secret.company_id:
                raise UserError(
                    self.env._(
                        "The copy of the secret “%(secret)s” has its values, and stays"
                        " with its company, %(company)s. Switch to that company, or"
                        " create a new secret.",
                        secret=secret.name,
                        company=secret.company_id.name,
                    )
                )
            copy._carry_over(secret)
        return copies

    def _carry_over(self, secret):
        """Give the lines of this copy the values of the ``secret`` it was made from."""
        originals = {line.key: line for line in secret.sudo().line_ids}
        for line in self.sudo().line_ids:
            original = originals.get(line.key)
            if original:
                line.write(
                    {
                        "stored_value": original.stored_value,
                        "first_password": original.first_password,
                    }
                )

    def _copy_for_app(self, app):
        """The copy of this secret that belongs to ``app``, values included.

        Without a template (an empty recordset) an empty one is made. Values are
        copied with the rights of the system: whoever sells an app need not read them.
        """
        values = self._copy_values(app)
        secret = self._as_system()
        copy = secret.copy(values) if secret else secret.create(values)
        return copy.sudo(self.env.su)

    def _description_in_chatter(self):
        return self.env._("Secret changed")


class KubernetesSecretLine(models.Model):
    """One secret variable: a value, or how the worker generates it.

    ``stored_value`` holds what was set; only administrators and the worker's claim
    read it. Everybody else writes ``value``, which always reads as empty. A generated
    value is made by the worker and never comes to Odoo.
    """

    _name = "kubernetes.secret.line"
    _description = "Kubernetes Secret Line"
    _inherit = ["kubernetes.values.line"]
    _values_field = "secret_id"

    secret_id = fields.Many2one(
        "kubernetes.secret", required=True, index=True, ondelete="cascade"
    )
    value = fields.Char(
        string="New Value",
        compute="_compute_value",
        inverse="_inverse_value",
        exportable=False,
        help="Write a value here to set or replace it. It cannot be read back. Leave it"
        " empty to keep what is set.",
    )
    stored_value = fields.Char(
        string="Value in Clear",
        groups="kubernetes_hosting.group_kubernetes_administrator",
        copy=False,
        exportable=False,
        prefetch=False,
    )
    is_set = fields.Boolean(
        string="Set", compute="_compute_is_set", store=True, compute_sudo=True
    )
    encrypted = fields.Char(
        compute="_compute_encrypted",
        compute_sudo=True,
        help="What is set is encrypted by Ansible Vault; the vault id says with which"
        " password. Only a worker that has it can read the value.",
    )
    generate = fields.Boolean(
        help="The worker generates the value at the first deploy and keeps it in the"
        " cluster only.",
    )
    generate_length = fields.Integer(string="Length", default=32)
    generate_alphabet = fields.Selection(
        [
            ("alphanumeric", "Letters and digits"),
            ("hex", "Hexadecimal"),
            ("ascii", "Letters, digits and signs"),
        ],
        string="Alphabet",
        required=True,
        default="alphanumeric",
    )

    origin = fields.Char(
        string="Value",
        compute="_compute_origin",
        help="Where the value is that a deploy uses.",
    )
    first_password = fields.Boolean(
        copy=False,
        help="The customer gets this value with the invitation, to sign in for the"
        " first time.",
    )

    _key_uniq = models.UniqueIndex(
        "(secret_id, key)", "This key stands in the secret already."
    )

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        lines._keep_one_first_password()
        return lines

    def write(self, vals):
        result = super().write(vals)
        if vals.get("first_password"):
            self._keep_one_first_password()
        else:
            self._check_first_password()
        return result

    def _keep_one_first_password(self):
        """The invitation tells one password: the line that was ticked last."""
        first = {line.secret_id: line for line in self.filtered("first_password")}
        others = self.search(
            [
                ("secret_id", "in", [secret.id for secret in first]),
                ("first_password", "=", True),
                ("id", "not in", [line.id for line in first.values()]),
            ]
        )
        if others:
            others.first_password = False
        self._check_first_password()

    def _check_first_password(self):
        """A first password is a text that somebody set or the worker generates. Not a
        constraint of Odoo's: those run before a new value has arrived."""
        for line in self.filtered("first_password"):
            if line.type != "string" or not (line.generate or line.is_set):
                raise ValidationError(
                    self.env._(
                        "The first password “%s” needs a value: tick “Generate”, or"
                        " set a text.",
                        line.key,
                    )
                )

    def _compute_value(self):
        self.value = ""

    def _inverse_value(self):
        for line in self:
            if line.value:
                line.sudo().stored_value = line.value
        # What was written is not to be read back, not even in this transaction.
        self.invalidate_recordset(["value"], flush=False)

    @api.depends("stored_value")
    def _compute_is_set(self):
        for line in self:
            line.is_set = bool(line.stored_value)

    @api.depends("is_set", "generate", "secret_id.app_ids.inventory")
    @api.depends_context("lang")
    def _compute_origin(self):
        for line in self:
            if line.generate and any(line.secret_id.app_ids.mapped("inventory")):
                line.origin = self.env._("Generated, in the cluster only")
            elif line.generate:
                line.origin = self.env._("Generated at the first deploy")
            elif line.is_set:
                line.origin = self.env._("Set here")
            else:
                line.origin = self.env._("Missing")

    @api.depends("type", "stored_value")
    @api.depends_context("lang")
    def _compute_encrypted(self):
        config_maps = self.env["kubernetes.config.map"]
        for line in self:
            vault_id = ansible_vars.vault_id(line.type, line.stored_value)
            line.encrypted = vault_id is not None and (
                config_maps._encrypted_text(vault_id)
            )

    @api.constrains("type", "stored_value")
    def _check_vaults(self):
        for line in self.sudo():
            self.env["kubernetes.config.map"]._refuse_damaged_vault(
                line.key, line.type, line.stored_value
            )

    def _known_value(self):
        """Only to be compared: the chatter has the keys of secrets, never values."""
        self.ensure_one()
        line = self.sudo()
        return line.stored_value, line.type, line._contract_values()["generate"]

    @api.constrains("generate", "generate_length", "type")
    def _check_generate(self):
        for line in self.filtered("generate"):
            if not 8 <= line.generate_length <= 256:
                raise ValidationError(
                    self.env._(
                        "The generated value of “%s” needs a length from 8 to 256.",
                        line.key,
                    )
                )
            if line.type != "string":
                raise ValidationError(
                    self.env._("The generated value of “%s” is text.", line.key)
                )

    def _contract_values(self):
        """The line as the contract's claim answer has it: the one way in which a value
        leaves Odoo."""
        self.ensure_one()
        rule = {"length": self.generate_length, "alphabet": self.generate_alphabet}
        return {
            "key": self.key,
            "type": self.type,
            "value": None if self.generate else self.stored_value or "",
            "generate": rule if self.generate else None,
        }
