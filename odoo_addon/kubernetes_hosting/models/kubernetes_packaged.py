# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from .kubernetes_limits import USER


class KubernetesPackaged(models.AbstractModel):
    """What is made of a package: it knows of which version, and when there is a newer
    one. Nothing of it changes by itself.

    ``_package_fields`` names its config map, secret, manifests and reset manifests.
    """

    _name = "kubernetes.packaged"
    _description = "Made of a Package"
    _package_fields = ()

    package_version_id = fields.Many2one(
        "kubernetes.package.version",
        string="Package",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        groups=USER,
        help="The package and version that it was made of.",
    )
    package_digest = fields.Char(
        readonly=True,
        copy=False,
        groups=USER,
        help="What the version was when this was made of it, or moved to it.",
    )
    available_version_id = fields.Many2one(
        "kubernetes.package.version",
        string="Available Version",
        compute="_compute_available_version_id",
        compute_sudo=True,
        groups=USER,
        help="A newer version of the package, or the same one as it was accepted"
        " since.",
    )
    available_version_name = fields.Char(
        compute="_compute_available_version_id", compute_sudo=True, groups=USER
    )

    @api.depends(
        "package_version_id.package_id.latest_version_id.name",
        "package_version_id.digest",
        "package_digest",
    )
    def _compute_available_version_id(self):
        for record in self:
            version = record.package_version_id
            latest = version.package_id.latest_version_id
            if latest._is_newer_than(version) and not latest.is_gone:
                available = latest
            elif version and version.digest != record.package_digest:
                available = version
            else:
                available = version.browse()
            record.available_version_id = available
            record.available_version_name = available.name

    def _made_of(self, version):
        """Note of which version these were made."""
        self.sudo().write(
            {"package_version_id": version.id, "package_digest": version.digest}
        )

    def action_update_package(self):
        """Move to the version that is available: its manifests, and its values where
        nobody has changed them. Nothing goes to a cluster by that."""
        self.ensure_one()
        self.check_access("write")
        version = self.available_version_id
        if not version:
            raise UserError(self.env._("There is no newer version."))
        if version.is_changed:
            raise UserError(
                self.env._(
                    "“%s” has changed in its repository. Open the version, look at what"
                    " has changed and accept it first.",
                    version.display_name,
                )
            )
        old = self.package_version_id
        config_map, secret, *manifests = self._package_fields
        for field, purpose in zip(manifests, ("deploy", "reset"), strict=True):
            self._replace_manifests(field, version, purpose)
        self._update_values(self[config_map], old, version)
        self._update_secret(self[secret], version)
        ports = version._node_ports_needed()
        if ports > self.sudo().limit_node_ports:
            # Without them its manifests cannot be rendered.
            self.sudo().limit_node_ports = ports
        self._made_of(version)

    def _replace_manifests(self, field, version, purpose):
        """The version's manifests in the place of those of the package; others stay
        behind them."""
        package = version.package_id
        others = self[field].filtered(
            lambda line: line.manifest_id.package_version_id.package_id != package
        )
        manifests = version._manifests(purpose)
        self[field] = [
            *(Command.delete(line.id) for line in self[field] - others),
            *(
                Command.create(
                    {
                        "sequence": 10 * number,
                        "manifest_id": manifest.id,
                        "purpose": purpose,
                    }
                )
                for number, manifest in enumerate(manifests, 1)
            ),
            *(
                Command.update(line.id, {"sequence": 10 * (len(manifests) + number)})
                for number, line in enumerate(others.sorted(), 1)
            ),
        ]

    @api.model
    def _update_values(self, config_map, old, version):
        """New variables are added; those that are as the old version had them become
        what the new one says, or go with it. What somebody has set stays."""

        def values(lines):
            return {line["key"]: (line["type"], line["value"]) for line in lines}

        before = values(old._config_map_lines(True)) if old != version else {}
        after = values(version._config_map_lines())
        commands = self._changed_lines(config_map.line_ids, before, after)
        if commands:
            config_map.line_ids = commands

    @api.model
    def _changed_lines(self, mine, before, after):
        """The commands that make of these lines what is there ``after``, where they are
        still as they were ``before``: ``{key: (type, value)}`` each."""
        last = max(mine.mapped("sequence"), default=0)
        mine = {line.key: line for line in mine}
        commands = []
        for number, (key, (kind, value)) in enumerate(after.items(), 1):
            line = mine.get(key)
            if not line:
                new = {"key": key, "type": kind, "value": value}
                commands.append(Command.create({**new, "sequence": last + number}))
            elif before.get(key) == (line.type, line.value or "") != (kind, value):
                commands.append(Command.update(line.id, {"type": kind, "value": value}))
        for key, line in mine.items():
            if key not in after and before.get(key) == (line.type, line.value or ""):
                commands.append(Command.delete(line.id))
        return commands

    @api.model
    def _update_secret(self, secret, version):
        """New secrets are added; none ever goes by itself."""
        known = secret.line_ids.mapped("key")
        has_first = any(secret.line_ids.mapped("first_password"))
        new = [
            {**line, "first_password": line.get("first_password") and not has_first}
            for line in version._secret_lines()
            if line["key"] not in known
        ]
        if new:
            secret.line_ids = [Command.create(line) for line in new]
