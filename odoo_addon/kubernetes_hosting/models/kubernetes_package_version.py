# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import hashlib
import re
from collections import defaultdict

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..tools.labels import read_selector, written
from . import ansible_vars
from .kubernetes_manifest import text_diff
from .kubernetes_package import version_key

PACKAGE_FILE = "package.yml"
VARS_FILE = "vars.yml"
# How Kubernetes writes amounts.
AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|k|[KMGT]i?)?")
UNITS = {"": 1, "m": 1 / 1000, "k": 1000} | {
    f"{sign}{i}": (1024 if i else 1000) ** power
    for power, sign in enumerate("KMGT", 1)
    for i in ("", "i")
}


def amount(text):
    """An amount as Kubernetes reads it; 0 where none is said."""
    found = AMOUNT.fullmatch(text or "")
    return float(found[1]) * UNITS[found[2] or ""] if found else 0


def limits_of(needs):
    """What a package or plan says that it needs, as the limits of an app have it."""
    return {
        "limit_cpu": amount(needs["cpu"]),
        "limit_memory": amount(needs["memory"]) / 1024**3,
        "limit_storage": -int(-amount(needs["storage"]) // 1024**3),
    }


def hash_of(text):
    return hashlib.sha256(text.encode()).hexdigest() if text else ""


class KubernetesPackageVersion(models.Model):
    """One version of a package, as operators know it.

    What stands in ``content`` (the contract's package) is what apps are made of. Where
    the repository tells other contents under the same version, those are ``found``,
    and wait until an operator has seen the difference and accepted it.
    """

    _name = "kubernetes.package.version"
    _description = "Version of a Package"
    _inherit = ["kubernetes.live", "kubernetes.package.form"]
    _order = "package_id, id desc"

    package_id = fields.Many2one(
        "kubernetes.package",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(
        related="package_id.company_id", store=True, index=True, precompute=True
    )
    name = fields.Char(string="Version", required=True, readonly=True)
    digest = fields.Char(
        required=True,
        readonly=True,
        help="Of all that the repository's index said of it when it was first seen, or"
        " last accepted.",
    )
    url = fields.Char(
        string="URL", readonly=True, help="Where its folder is in the repository."
    )
    content = fields.Json(required=True, readonly=True, prefetch=False)
    found_digest = fields.Char(
        string="Digest Now",
        readonly=True,
        help="What the repository has under this version now, and nobody has accepted.",
    )
    found = fields.Json(readonly=True, prefetch=False)
    is_changed = fields.Boolean(
        string="Changed", compute="_compute_is_changed", store=True
    )
    is_gone = fields.Boolean(
        string="Disappeared",
        readonly=True,
        help="The repository does not have it any more.",
    )
    first_seen = fields.Datetime(readonly=True, default=fields.Datetime.now)
    manifest_ids = fields.One2many(
        "kubernetes.manifest", "package_version_id", string="Manifests", readonly=True
    )
    variable_html = fields.Html(
        string="Variables", compute="_compute_variable_html", sanitize=False
    )
    needs_text = fields.Text(string="Needs", compute="_compute_needs_text")
    plan_text = fields.Text(
        string="Plans",
        compute="_compute_plan_text",
        help="What customers choose from when buying, with the values that each sets.",
    )
    cluster_ids = fields.Many2many(
        "kubernetes.cluster",
        string="May Run On",
        compute="_compute_cluster_ids",
        help="The clusters that take new apps and have the labels and the version of"
        " Kubernetes that package and repository ask for.",
    )
    no_cluster_text = fields.Text(compute="_compute_cluster_ids")
    change_html = fields.Html(
        string="What has Changed", compute="_compute_change_html", sanitize=False
    )

    _name_uniq = models.UniqueIndex(
        "(package_id, name)", "The package has this version already."
    )

    @api.depends("name", "package_id.title")
    def _compute_display_name(self):
        for version in self:
            version.display_name = f"{version.package_id.title} {version.name}"

    @api.depends("found_digest")
    def _compute_is_changed(self):
        for version in self:
            version.is_changed = bool(version.found_digest)

    @api.depends("content")
    @api.depends_context("lang")
    def _compute_variable_html(self):
        for version in self:
            values = {line["key"]: line for line in version._config_map_lines(True)}
            version.variable_html = self.env["kubernetes.job"]._render_html(
                "kubernetes_hosting.package_variables",
                [
                    {**item, "shown": values.get(item["name"], {}).get("value") or ""}
                    for item in (version.content or {}).get("variables", ())
                ],
            )

    @api.depends("content", "package_id.repository_id.cluster_selector", "company_id")
    @api.depends_context("lang", "uid", "company")
    def _compute_cluster_ids(self):
        for version in self:
            version.cluster_ids = version._places()
            version.no_cluster_text = (
                not version.cluster_ids and version._no_place_text()
            )

    @api.depends("content", "package_id.repository_id.cluster_selector")
    @api.depends_context("lang")
    def _compute_needs_text(self):
        for version in self:
            needs = (version.content or {}).get("needs") or {}
            words = [
                (self.env._("Kubernetes %s or newer"), needs.get("kubernetes")),
                (self.env._("%s CPU"), needs.get("cpu")),
                (self.env._("%s memory"), needs.get("memory")),
                (self.env._("%s storage"), needs.get("storage")),
                (self.env._("ports of the nodes: %s"), needs.get("node_ports")),
                (self.env._("kinds: %s"), ", ".join(needs.get("kinds") or ())),
                (
                    self.env._("clusters with %s"),
                    written(version._cluster_conditions()),
                ),
            ]
            version.needs_text = "\n".join(
                text % value for text, value in words if value
            )

    @api.depends("content")
    def _compute_plan_text(self):
        for version in self:
            lines = []
            for plan in version._plans().values():
                values = ", ".join(
                    f"{item['name']} = {item['value']}" for item in plan["values"]
                )
                lines.append(
                    plan["title"]
                    + (f": {plan['help']}" if plan["help"] else "")
                    + (f" ({values})" if values else "")
                )
            version.plan_text = "\n".join(lines)

    @api.depends(
        "found_digest",
        "manifest_ids.content",
        "manifest_ids.digest",
        "manifest_ids.pinned_content",
    )
    @api.depends_context("lang")
    def _compute_change_html(self):
        for version in self:
            changes = version._changes() if version.is_changed else []
            version.change_html = self.env["kubernetes.job"]._render_diff(changes)

    def _changes(self):
        """What the repository has in the place of what is known, file by file, as the
        contract has a ``diff``."""
        self.ensure_one()
        old, new = self.content, self.found
        changes = []
        for name, member in ((PACKAGE_FILE, "text"), (VARS_FILE, "vars")):
            text = text_diff(old[member], new[member])
            if text:
                changes.append({"object": name, "action": "change", "text": text})
        if old["icon"] != new["icon"]:
            changes.append({"object": "icon", "action": "change", "text": ""})
        before, after = (
            {item["path"]: item["digest"] for item in content["manifests"]}
            for content in (old, new)
        )
        known = {manifest.package_path: manifest for manifest in self.manifest_ids}
        for path in sorted(before.keys() | after.keys()):
            if before.get(path) == after.get(path):
                continue
            manifest = known.get(path)
            if manifest and manifest.digest == after.get(path):
                # A worker has fetched it since.
                changes += manifest._changes()
                continue
            words = [(f"-{before.get(path)}"), (f"+{after.get(path)}")]
            changes.append(
                {
                    "object": path,
                    "action": "create"
                    if path not in before
                    else "delete"
                    if path not in after
                    else "change",
                    "text": "\n".join(word for word in words if word[1:] != "None"),
                }
            )
        return changes

    def _is_newer_than(self, other):
        """Whether this version comes after the other one of the same package."""
        return bool(
            self
            and other
            and self.package_id == other.package_id
            and version_key(self.name) > version_key(other.name)
        )

    # -- where it may run --------------------------------------------------------

    def _cluster_conditions(self):
        """What labels of a cluster package and repository ask for."""
        if not self:
            return []
        version = self.sudo()
        repository = version.package_id.repository_id
        return [
            (item["key"], item["operator"], item["values"])
            for item in (version.content or {}).get("selector", ())
        ] + read_selector(repository.cluster_selector)

    def _kubernetes_needed(self):
        """The oldest version of Kubernetes that it runs on; may be empty."""
        return self._needs().get("kubernetes") or ""

    def _needs(self):
        """What it needs; what a version was indexed without, it does not."""
        content = self.sudo().content if self else None
        return (content or {}).get("needs") or {}

    def _places(self):
        """The clusters on which new apps of it may be made."""
        self.ensure_one()
        clusters = self.env["kubernetes.cluster"]._of_company(self._owner())
        return clusters._open(self._node_ports_needed())._fitting(
            self._cluster_conditions(), self._kubernetes_needed()
        )

    def _no_place_text(self):
        self.ensure_one()
        return self.env["kubernetes.cluster"]._no_place_text(
            self.display_name,
            self._cluster_conditions(),
            self._kubernetes_needed(),
            self._node_ports_needed(),
        )

    def _node_ports_needed(self):
        """How many ports of the nodes an app of it needs."""
        return self._needs().get("node_ports") or 0

    def _check_fits(self, cluster):
        """Refuse a cluster that the version may not run on."""
        if not self or cluster._fitting(
            self._cluster_conditions(), self._kubernetes_needed()
        ):
            return
        raise UserError(
            self.env._(
                "“%(version)s” may not run on the cluster “%(cluster)s”: it needs"
                " %(needs)s. The package's form says which clusters it may run on.",
                version=self.display_name,
                cluster=cluster.name,
                needs=self.needs_text.replace("\n", ", "),
            )
        )

    # -- what an index tells -----------------------------------------------------

    @api.model
    def _take_over(self, packages, seen):
        """Take over versions of these packages, ``{name: package}``: new ones are
        added, changed ones wait for somebody, and those that are not there any more
        are marked. Returns ``{word: [package and version]}``."""
        changes = defaultdict(list)
        ids = [package.id for package in packages.values()]
        known = {
            (version.package_id.name, version.name): version
            for version in self.search([("package_id", "in", ids)])
        }
        told, new = set(), []
        for item in seen:
            key = (item["name"], item["version"])
            told.add(key)
            version = known.get(key)
            if not version:
                new.append(item)
                changes["added"].append(" ".join(key))
            else:
                version._told(item, changes)
        gone = self.browse().union(
            *(
                version
                for key, version in known.items()
                if key not in told and not version.is_gone
            )
        )
        if gone:
            gone.is_gone = True
            changes["gone"] = [f"{v.package_id.name} {v.name}" for v in gone]
        self.create(
            [
                {
                    "package_id": packages[item["name"]].id,
                    "name": item["version"],
                    "digest": item["digest"],
                    "url": item["url"],
                    "content": self._kept(item),
                }
                for item in new
            ]
        )
        return dict(changes)

    @api.model
    def _kept(self, item):
        """What is kept of a package in each of its versions: the picture is the
        package's, and here it is only known that it is another one."""
        return {**item, "icon": hash_of(item["icon"])}

    def _told(self, item, changes):
        """The repository still has this version; note what is new of it."""
        self.ensure_one()
        name = f"{self.package_id.name} {self.name}"
        values = {}
        if self.is_gone:
            values["is_gone"] = False
            changes["restored"].append(name)
        found = item["digest"] if item["digest"] != self.digest else False
        if found != self.found_digest:
            values["found_digest"] = found
            values["found"] = found and self._kept(item)
            changes["changed" if found else "restored"].append(name)
        if not found and self.url != item["url"]:
            # The same in another place.
            values |= {"url": item["url"], "content": self._kept(item)}
            self.manifest_ids._move(
                {one["path"]: one["url"] for one in item["manifests"]}
            )
        if values:
            self.write(values)
        if values.get("found_digest"):
            self._preview_manifests()

    # -- accepting ---------------------------------------------------------------

    def action_accept(self):
        """Take what the repository has under this version now, which the form shows and
        whose digest it sends along as ``seen_digest``."""
        self.ensure_one()
        self.check_access("read")
        self.package_id.repository_id.check_access("write")
        if not self.is_changed:
            raise UserError(self.env._("There is nothing here to accept."))
        if self.env.context.get("seen_digest") != self.found_digest:
            raise UserError(
                self.env._(
                    "The package has changed again since you looked at it. Look at it"
                    " once more, then accept it."
                )
            )
        system = self._as_system()
        old, new, digest = system.digest, system.found, system.found_digest
        system.write(
            {
                "content": new,
                "digest": digest,
                "url": new["url"],
                "found": False,
                "found_digest": False,
            }
        )
        system.manifest_ids._move({one["path"]: one["url"] for one in new["manifests"]})
        digests = {item["path"]: item["digest"] for item in new["manifests"]}
        for manifest in system.manifest_ids:
            pin = digests.get(manifest.package_path)
            if pin and manifest.pin != pin:
                manifest.pin = pin
        self.package_id.repository_id.sudo()._message_log(
            body=self.env._(
                "%(version)s was accepted as it is now: %(old)s → %(new)s",
                version=self.display_name,
                old=old,
                new=digest,
            ),
            author_id=self.env.user.partner_id.id,
        )
        (system | self)._changed()
        self.package_id._changed()

    # -- what is made of it ------------------------------------------------------

    def _manifests(self, purpose):
        """The manifests for this purpose in their order, each pinned to the content
        that is known of this version."""
        self.ensure_one()
        self.env["kubernetes.manifest"].check_access("create")
        system = self.env["kubernetes.manifest"]._as_system()
        known = {
            manifest.package_path: manifest for manifest in self.sudo().manifest_ids
        }
        manifests, new = system.browse(), system.browse()
        for item in self.sudo().content["manifests"]:
            if item["purpose"] != purpose:
                continue
            manifest = known.get(item["path"])
            if not manifest:
                manifest = known[item["path"]] = system.create(
                    {
                        "name": f"{self.display_name}: {item['path']}",
                        "url": item["url"],
                        "company_id": self.company_id.id,
                        "package_version_id": self.id,
                        "package_path": item["path"],
                        "pin": item["digest"],
                    }
                )
                new |= manifest
            manifests |= manifest
        new._ask_preview()
        return manifests.sudo(self.env.su)

    def _preview_manifests(self):
        """Let workers fetch the manifests, so that it can be seen how they changed."""
        self.manifest_ids._ask_preview()

    def _config_map_lines(self, shown=False):
        """The values that are no secret, in the order of a form and then of
        ``vars.yml``, each as a config map's line. ``shown``: what cannot be read is
        left out instead of refused."""
        self.ensure_one()
        content = self.sudo().content or {"variables": [], "vars": ""}
        given = self._vars(content["vars"], shown)
        lines = {}
        for variable in content["variables"]:
            key = variable["name"]
            if variable["secret"]:
                continue
            line = variable["default"] or given.get(key)
            lines[key] = {
                "key": key,
                **(line or {"type": "string", "value": ""}),
            }
        secrets = {item["name"] for item in content["variables"] if item["secret"]}
        for key, line in given.items():
            if key not in secrets:
                lines.setdefault(key, {"key": key, **line})
        return list(lines.values())

    @api.model
    def _vars(self, text, shown):
        """``{key: type and value}`` of a vars.yml."""
        if not text.strip():
            return {}
        try:
            variables = ansible_vars.load(text)
        except ansible_vars.VarsError as error:
            if shown or error.code == "empty":
                return {}
            raise UserError(
                self.env["kubernetes.config.map"]._vars_problem(error)
            ) from error
        return {
            variable.key: {"type": variable.type, "value": variable.value}
            for variable in variables
            if variable.is_name
        }

    def _secret_lines(self):
        """The secret variables in the order of a form, each as a secret's line."""
        self.ensure_one()
        lines = []
        for variable in self.sudo().content["variables"]:
            if not variable["secret"]:
                continue
            line = {"key": variable["name"]}
            if variable["type"] not in ("string", "text", "quantity"):
                line["type"] = "yaml"
            rule = variable["generate"]
            if rule:
                line |= {
                    "generate": True,
                    "generate_length": rule["length"],
                    "generate_alphabet": rule["alphabet"],
                    "first_password": variable["first_password"],
                }
            lines.append(line)
        return lines

    def _plans(self):
        """What customers choose from, ``{name: plan}`` as the contract has them."""
        content = self.sudo().content if self else None
        return {plan["name"]: plan for plan in (content or {}).get("plans", ())}

    def _owner(self):
        """Whose is what is made of it: the company's, or of a repository that all
        companies share whoever makes it."""
        return self.company_id or self.env.company

    def _required(self):
        """The variables that must be set before an app can be deployed, as the contract
        has them."""
        self.ensure_one()
        return [item for item in self.sudo().content["variables"] if item["required"]]

    def _create_values(self, name, is_template):
        """A config map and a secret with what this version begins with."""
        self.ensure_one()
        values = {
            "name": name,
            "is_template": is_template,
            "company_id": self._owner().id,
        }
        return tuple(
            self.env[model].create(
                {
                    **values,
                    "line_ids": [
                        fields.Command.create({**line, "sequence": 10 * number})
                        for number, line in enumerate(lines, 1)
                    ],
                }
            )
            for model, lines in (
                ("kubernetes.config.map", self._config_map_lines()),
                ("kubernetes.secret", self._secret_lines()),
            )
        )

    def _limits(self, limits):
        """These limits, raised to what the package says that it needs."""
        needs = limits_of(self.sudo().content["needs"])
        return {
            **{name: max(limits[name], value) for name, value in needs.items()},
            "limit_node_ports": self._node_ports_needed(),
        }

    def _environments(self):
        """The environments that the package names, production first."""
        self.ensure_one()
        environments = self.env["kubernetes.environment"]
        codes = self.sudo().content["environments"]
        found = {
            environment.code: environment
            for environment in environments.search([("code", "in", codes)])
        }
        missing = [code for code in codes if code not in found]
        if missing:
            raise UserError(
                self.env._(
                    "The package “%(package)s” has the environments %(codes)s, which"
                    " there are not. An administrator adds them under Configuration >"
                    " Environments.",
                    package=self.display_name,
                    codes=", ".join(missing),
                )
            )
        return environments.union(*(found[code] for code in codes))
