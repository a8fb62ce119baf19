# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import re

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

# What a card shows of a package is that of its newest version.
SHOWN = ("title", "summary", "description", "icon", "home", "licence")


def version_key(text):
    """Versions in their order: numbers count as numbers, and what follows a ``-`` or
    ``~`` comes before the version itself."""

    def parts(text):
        return [
            (1, int(part), "") if part.isdigit() else (0, 0, part)
            for part in re.findall(r"[0-9]+|[^0-9.]+", text)
        ]

    main, mark, before = re.match(r"([^-~]*)([-~]?)(.*)", text, re.S).groups()
    return parts(main), not mark, parts(before)


class KubernetesPackageCategory(models.Model):
    """Where packages stand in the library. Made by indexes."""

    _name = "kubernetes.package.category"
    _description = "Category of Packages"
    _inherit = ["kubernetes.record"]
    _order = "name"

    name = fields.Char(required=True, readonly=True)
    company_id = fields.Many2one(
        "res.company",
        readonly=True,
        index="btree_not_null",
        ondelete="cascade",
        help="Empty: all companies have packages of it.",
    )

    _name_uniq = models.UniqueIndex(
        "(COALESCE(company_id, 0), name)", "There is such a category already."
    )


class KubernetesPackage(models.Model):
    """An application as a repository offers it, in versions. Written by indexes."""

    _name = "kubernetes.package"
    _description = "Package"
    _inherit = ["kubernetes.live"]
    _rec_name = "title"
    _rec_names_search = ["title", "name"]
    _order = "title, id"

    repository_id = fields.Many2one(
        "kubernetes.repository",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(
        related="repository_id.company_id", store=True, index=True, precompute=True
    )
    name = fields.Char(
        required=True,
        readonly=True,
        help="What it is known by within its repository.",
    )
    title = fields.Char(required=True, readonly=True)
    summary = fields.Char(readonly=True)
    description = fields.Text(readonly=True)
    # In the table: a thousand of them come at once, and each is small.
    icon = fields.Binary(readonly=True, attachment=False)
    category_id = fields.Many2one(
        "kubernetes.package.category",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    keywords = fields.Char(readonly=True)
    labels = fields.Char(readonly=True)
    home = fields.Char(string="Home Page", readonly=True)
    licence = fields.Char(readonly=True)
    digest = fields.Char(readonly=True, help="Of what is shown here.")
    version_ids = fields.One2many(
        "kubernetes.package.version", "package_id", string="Versions", readonly=True
    )
    latest_version_id = fields.Many2one(
        "kubernetes.package.version",
        string="Newest Version",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
    )
    version = fields.Char(
        related="latest_version_id.name", related_sudo=False, string="Version"
    )
    is_gone = fields.Boolean(
        string="Disappeared",
        readonly=True,
        help="The repository does not have it any more.",
    )
    is_changed = fields.Boolean(
        string="Changed",
        compute="_compute_is_changed",
        store=True,
        help="The repository has other contents under the same version, which nobody"
        " has accepted yet.",
    )
    variable_html = fields.Html(
        related="latest_version_id.variable_html", related_sudo=False
    )
    needs_text = fields.Text(related="latest_version_id.needs_text", related_sudo=False)
    plan_text = fields.Text(related="latest_version_id.plan_text", related_sudo=False)
    cluster_ids = fields.Many2many(
        related="latest_version_id.cluster_ids", related_sudo=False
    )
    no_cluster_text = fields.Text(
        related="latest_version_id.no_cluster_text", related_sudo=False
    )
    app_count = fields.Integer(string="Apps", compute="_compute_app_count")
    outdated_count = fields.Integer(
        string="Apps with Another Version", compute="_compute_app_count"
    )

    _name_uniq = models.UniqueIndex(
        "(repository_id, name)", "The repository has such a package already."
    )

    @api.depends("version_ids.is_changed")
    def _compute_is_changed(self):
        for package in self:
            package.is_changed = any(package.version_ids.mapped("is_changed"))

    def _compute_app_count(self):
        apps = self.env["kubernetes.app"]
        counts = apps._read_group(
            [("package_version_id.package_id", "in", self.ids)],
            ["package_version_id"],
            ["__count"],
        )
        for package in self:
            own = [
                (version, count)
                for version, count in counts
                if version.package_id == package
            ]
            package.app_count = sum(count for _version, count in own)
            package.outdated_count = sum(
                count
                for version, count in own
                if package.latest_version_id._is_newer_than(version)
            )

    # -- what an index tells -----------------------------------------------------

    @api.model
    def _take_over(self, repository, seen):
        """Take over what a worker has found in a repository: the contract's packages.
        Returns what has become of versions, ``{word: [package and version]}``. Of many
        as fast as of few."""
        changes = self.env["kubernetes.package.version"]._take_over(
            self._known(repository, seen), seen
        )
        self._show(repository, seen)
        return changes

    @api.model
    def _known(self, repository, seen):
        """``{name: package}`` of all that the repository has or had; new ones are made
        of the first that is told of them."""
        packages = self.search([("repository_id", "=", repository.id)])
        known = {package.name: package for package in packages}
        new = {item["name"]: item for item in seen if item["name"] not in known}
        made = self.create(
            [
                {
                    "repository_id": repository.id,
                    "name": name,
                    "title": item["title"],
                }
                for name, item in new.items()
            ]
        )
        return {**known, **dict(zip(new, made, strict=True))}

    @api.model
    def _show(self, repository, seen):
        """Let each package be what its newest version says; those that are no longer
        there stay as they were."""
        newest = {}
        for item in sorted(seen, key=lambda item: version_key(item["version"])):
            newest[item["name"]] = item
        packages = self.search([("repository_id", "=", repository.id)])
        categories = self._categories(repository, newest.values())
        versions = {
            (version.package_id, version.name): version
            for version in packages.version_ids
        }
        for package in packages:
            item = newest.get(package.name)
            if not item:
                if not package.is_gone:
                    package.is_gone = True
                continue
            category = categories.get(item["category"] or repository.category)
            labels = repository._labels_of(item)
            values = {
                "is_gone": False,
                "category_id": category and category.id,
                "latest_version_id": versions[package, item["version"]].id,
                "labels": ",".join(f"{key}={labels[key]}" for key in sorted(labels))
                or False,
            }
            if package.digest != item["digest"]:
                values |= {name: item[name] or False for name in SHOWN}
                values["keywords"] = ", ".join(item["keywords"]) or False
                values["digest"] = item["digest"]
            values = {
                name: value
                for name, value in values.items()
                if package._fields[name].convert_to_write(package[name], package)
                != value
            }
            if values:
                package.write(values)
        packages._changed()

    @api.model
    def _categories(self, repository, items):
        """``{name: category}`` of all that these packages name."""
        model = self.env["kubernetes.package.category"]
        names = {item["category"] or repository.category for item in items} - {
            "",
            False,
        }
        company = repository.company_id
        known = model.search([("company_id", "=", company.id)])
        found = {category.name: category for category in known}
        new = sorted(names - found.keys())
        made = model.create([{"name": name, "company_id": company.id} for name in new])
        return {**found, **dict(zip(new, made, strict=True))}

    # -- buttons -----------------------------------------------------------------

    def action_install(self):
        """Ask for a name, and install one app of the newest version."""
        self.ensure_one()
        version = self._installable()
        wizard = self.env["kubernetes.package.install"]._of(version)
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Install %s", self.title),
            "res_model": wizard._name,
            "res_id": wizard.id,
            "view_mode": "form",
            "target": "new",
        }

    def _installable(self):
        """The newest version, where something can be made of it."""
        self.ensure_one()
        self.check_access("read")
        self.env["kubernetes.app"].check_access("create")
        version = self.latest_version_id
        if not self.repository_id.active:
            raise UserError(
                self.env._(
                    "The repository “%s” is archived. Unarchive it first.",
                    self.repository_id.name,
                )
            )
        if self.is_gone or not version:
            raise UserError(
                self.env._(
                    "“%(package)s” has disappeared from the repository %(repository)s.",
                    package=self.title,
                    repository=self.repository_id.name,
                )
            )
        if version.is_changed:
            raise UserError(
                self.env._(
                    "“%(package)s” has changed in the repository, and is still called"
                    " version %(version)s. Open the version, look at what has changed"
                    " and accept it first.",
                    package=self.title,
                    version=version.name,
                )
            )
        return version

    def action_view_apps(self):
        self.ensure_one()
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "kubernetes_hosting.kubernetes_app_action"
        )
        action["domain"] = list(Domain("package_version_id.package_id", "=", self.id))
        action["context"] = {}
        return action
