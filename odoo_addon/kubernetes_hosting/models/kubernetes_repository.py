# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import timedelta
from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..tools.labels import SelectorError, matches, read_labels, read_selector
from ..tools.told import show, told_values, worded_problem

# Of what a look at a repository that is not saved has found, as many are told.
NAMED_PACKAGES = 20
NAMED_PROBLEMS = 20
# How often a scheduled index is tried; the next one comes anyway.
ATTEMPTS = 3


class KubernetesRepository(models.Model):
    """A folder of packages at a URL. Odoo never opens it: a worker reads its index."""

    _name = "kubernetes.repository"
    _description = "Repository of Packages"
    _inherit = ["kubernetes.live", "mail.thread"]
    _order = "name, id"

    name = fields.Char(required=True, tracking=True)
    url = fields.Char(
        string="URL",
        required=True,
        tracking=True,
        help="The folder that the repository's index.json is in, or an archive of a"
        " repository or package (.tar.gz, .tgz, .zip). Workers fetch it by https, or by"
        " http where their settings allow it.",
    )
    kind = fields.Selection(
        [("packages", "Packages")],
        required=True,
        default="packages",
        help="What is in it: packages of Chandlery, told by an index.json.",
    )
    host = fields.Char(
        string="Credentials",
        compute="_compute_host",
        help="What the host needs to see, such as a token, stands under this name in"
        " the workers' settings, [manifests.hosts], and never in Odoo.",
    )
    company_id = fields.Many2one(
        "res.company",
        index="btree_not_null",
        copy=False,
        default=lambda self: self.env.company,
        help="Empty: all companies share it, and administrators alone change it.",
    )
    active = fields.Boolean(
        default=True,
        help="What is archived is not read any more, and its packages are no longer"
        " offered. Apps that were made of them stay.",
    )
    category = fields.Char(help="Where packages stand in the library that name none.")
    labels = fields.Char(
        help="Labels that all of its packages have, such as stage=stable,team=web."
    )
    selector = fields.Char(
        help="Only packages with such labels are taken over, as kubectl -l has it:"
        " tier=base,stage!=beta,team in (web,data). Empty: all of them.",
    )
    cluster_selector = fields.Char(
        string="Clusters",
        tracking=True,
        help="Apps of its packages run only on clusters with such labels, as kubectl -l"
        " has it: provider=harbour,place in (zurich,bern). Empty: on all that the"
        " package allows.",
    )
    note = fields.Text()
    index_hours = fields.Integer(
        string="Index Every (Hours)",
        default=24,
        help="How often a worker reads it by itself. 0: only by the button.",
    )
    indexed_at = fields.Datetime(
        string="Last Indexed",
        readonly=True,
        copy=False,
        help="When a worker last came to an end with it, well or not.",
    )
    error = fields.Text(
        string="Error in English",
        readonly=True,
        copy=False,
        help="Why the last index came to nothing.",
    )
    error_words = fields.Json(readonly=True, copy=False)
    error_shown = fields.Text(string="Error", compute="_compute_shown")
    failed_since = fields.Datetime(
        readonly=True, copy=False, help="Since when every index comes to nothing."
    )
    problem_count = fields.Integer(
        string="Problems",
        readonly=True,
        copy=False,
        help="How many problems with packages the last index found.",
    )
    job_ids = fields.One2many("kubernetes.job", "repository_id", readonly=True)
    live_job_id = fields.Many2one(
        "kubernetes.job", string="Index at Work", compute="_compute_live_job_id"
    )
    package_ids = fields.One2many("kubernetes.package", "repository_id", readonly=True)
    package_count = fields.Integer(string="Packages", compute="_compute_package_count")
    run_ids = fields.One2many(
        "kubernetes.repository.run", "repository_id", string="History", readonly=True
    )

    _url_uniq = models.UniqueIndex(
        "(COALESCE(company_id, 0), url)",
        "The company has a repository with this URL already.",
    )

    @api.depends("url")
    def _compute_host(self):
        for repository in self:
            url = (
                False
                if self._url_problem(repository.url)
                else urlsplit(repository.url.strip())
            )
            repository.host = url and url.netloc

    @api.depends("error", "error_words")
    @api.depends_context("lang")
    def _compute_shown(self):
        show(self, "error")

    @api.depends("job_ids.state")
    def _compute_live_job_id(self):
        jobs = self.env["kubernetes.job"].search(
            [
                ("repository_id", "in", self.ids),
                ("state", "in", ("pending", "running")),
            ]
        )
        live = {job.repository_id: job for job in jobs}
        for repository in self:
            repository.live_job_id = live.get(repository._origin, False)

    @api.depends("package_ids")
    def _compute_package_count(self):
        counts = dict(
            self.env["kubernetes.package"]._read_group(
                [("repository_id", "in", self.ids), ("is_gone", "=", False)],
                ["repository_id"],
                ["__count"],
            )
        )
        for repository in self:
            repository.package_count = counts.get(repository._origin, 0)

    @api.model
    def _url_problem(self, text):
        """Why no worker can read a repository there, or None."""
        text = (text or "").strip()
        problem = self.env["kubernetes.manifest"]._url_problem(text)
        if not problem and ("?" in text or "#" in text):
            problem = self.env._(
                "“%s” is not a repository's URL: it has a ? or a #. Give the folder"
                " that its index.json is in.",
                text,
            )
        return problem

    @api.constrains("url")
    def _check_url(self):
        for repository in self:
            problem = self._url_problem(repository.url)
            if problem:
                raise ValidationError(problem)

    @api.constrains("labels", "selector")
    def _check_labels(self):
        for repository in self:
            for text, read in (
                (repository.labels, read_labels),
                (repository.selector, read_selector),
            ):
                try:
                    read(text)
                except SelectorError as error:
                    raise ValidationError(
                        self.env._(
                            "“%(part)s” cannot be read. Labels are written as"
                            " stage=stable,team=web, and a selector as"
                            " tier=base,stage!=beta,team in (web,data),!old.",
                            part=error.part,
                        )
                    ) from error

    @api.constrains("cluster_selector")
    def _check_cluster_selector(self):
        for repository in self:
            self.env["kubernetes.cluster"]._check_selector(repository.cluster_selector)

    @api.constrains("company_id")
    def _check_company_of_users(self):
        """Nobody loses what they have made of it."""
        for repository in self.sudo():
            if repository.company_id and repository._is_used_by_others():
                raise ValidationError(
                    self.env._(
                        "The repository “%(repository)s” cannot be %(company)s's alone:"
                        " other companies have apps or products of it.",
                        repository=repository.name,
                        company=repository.company_id.name,
                    )
                )

    def _is_used_by_others(self):
        """Whether companies beside its own have something of it; for sudo."""
        self.ensure_one()
        apps = self.env["kubernetes.app"].search_count(
            [
                ("package_version_id.package_id.repository_id", "=", self.id),
                ("company_id", "!=", self.company_id.id),
            ],
            limit=1,
        )
        return bool(apps)

    @api.constrains("index_hours")
    def _check_index_hours(self):
        for repository in self:
            if repository.index_hours < 0:
                raise ValidationError(
                    self.env._("A repository is indexed every so many hours, or 0.")
                )

    @api.model_create_multi
    def create(self, vals_list):
        repositories = super().create([self._cleaned(vals) for vals in vals_list])
        for repository in repositories.filtered("active"):
            repository._enqueue_index()
        return repositories

    def write(self, vals):
        vals = self._cleaned(vals)
        self.check_access("write")
        before = {repository: repository._read_by() for repository in self}
        result = super().write(vals)
        if "company_id" in vals:
            # What was made of it goes with it, as far as others do not have it.
            versions = self.sudo().package_ids.version_ids
            versions.manifest_ids.write({"company_id": vals["company_id"]})
        for repository, read_by in before.items():
            if repository.active and repository._read_by() != read_by:
                repository._enqueue_index()
        return result

    @api.model
    def _cleaned(self, vals):
        url = vals.get("url")
        return {**vals, "url": url.strip().rstrip("/")} if url else vals

    def _read_by(self):
        """What decides on what an index takes over."""
        self.ensure_one()
        names = ("url", "active", "company_id", "category", "labels", "selector")
        return tuple(self[name] for name in names)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        for repository in self:
            users = repository._users()
            if users:
                raise UserError(
                    self.env._(
                        "The repository “%(repository)s” is in use by %(users)s."
                        " Archive it instead: it is not read any more, and what was"
                        " made of it stays.",
                        repository=repository.name,
                        users=", ".join(users),
                    )
                )

    def _users(self):
        """The names of what was made of its packages and is still there."""
        self.ensure_one()
        apps = self.env["kubernetes.app"].sudo()
        return self._names_of(
            apps.search(
                [
                    ("package_version_id.package_id.repository_id", "=", self.id),
                    ("state", "!=", "deleted"),
                ],
                limit=5,
            )
        )

    def _names_of(self, used):
        """The names of records, and that there are others where the user does not see
        them."""
        seen = used.with_env(self.env)._filtered_access("read")
        names = seen.mapped("display_name")
        if len(seen) < len(used):
            names.append(self.env._("what other companies have made of it"))
        return names

    # -- asking ------------------------------------------------------------------

    def action_index(self):
        """Read the repository now."""
        self.check_access("write")
        for repository in self:
            if not repository.active:
                raise UserError(
                    self.env._(
                        "The repository “%s” is archived. Unarchive it first.",
                        repository.name,
                    )
                )
            repository._enqueue_index(priority=1)
        self._changed()

    def _enqueue_index(self, priority=20):
        """Ask for an index, or join the one that is asked for already."""
        self.ensure_one()
        jobs = self.env["kubernetes.job"]
        job = self.sudo().live_job_id
        if job.state == "pending" and job.options == {"url": self.url}:
            job._join(None)
            return job
        if job:
            # It reads what was meant before: what it tells is not taken over.
            if job.state == "running" and job.options == {"url": self.url}:
                return job
            job._as_system()._finish("cancelled")
            job.flush_recordset()
        return jobs._enqueue_index(
            self,
            self.url,
            # What all share is read by workers of whoever asks.
            self.company_id or self.env.company,
            priority=priority,
            max_attempts=ATTEMPTS,
            requested_by=self.env.uid if priority == 1 else False,
        )

    @api.model
    def _cron_index(self):
        """Ask for an index of what was not read for as long as it says."""
        now = fields.Datetime.now()
        for repository in self.sudo().search([("index_hours", ">", 0)]):
            last = repository.indexed_at
            is_due = not last or last <= now - timedelta(hours=repository.index_hours)
            if is_due and not repository.live_job_id:
                repository._enqueue_index()

    @api.model
    def request_look(self, url):
        """Ask a worker what is in a repository that is not saved.

        Returns ``{"state": …}``: ``refused`` with a message, ``no_worker``, or
        ``waiting`` with the ``job_id`` for ``look_result``.
        """
        self.browse().check_access("create")
        problem = self._url_problem(url)
        if problem:
            return {"state": "refused", "message": problem}
        if not self.env["kubernetes.manifest"]._is_worker_there(self.env.company):
            return {"state": "no_worker"}
        job = self.env["kubernetes.job"]._enqueue_index(
            self.browse(),
            url.strip().rstrip("/"),
            self.env.company,
            priority=1,
            max_attempts=1,
            requested_by=self.env.uid,
        )
        return {"state": "waiting", "job_id": job.id}

    @api.model
    def look_result(self, job_id):
        """What came of a look: ``{"state": …}`` with ``waiting``, ``no_worker``,
        ``failed`` with a message, or ``done`` with what is there in short."""
        self.browse().check_access("create")
        job = self.env["kubernetes.job"].search(
            [("id", "=", job_id), ("kind", "=", "index"), ("repository_id", "=", False)]
        )
        if job.state in ("pending", "running"):
            there = self.env["kubernetes.manifest"]._is_worker_there(job.company_id)
            return {"state": "waiting" if there else "no_worker"}
        found = (job.result or {}).get("index")
        if job.state == "done" and found:
            problems = [worded_problem(self.env, item) for item in found["problems"]]
            return {"state": "done", "found": {**found, "problems": problems}}
        return {
            "state": "failed",
            "message": job._error_text()
            if job.error_message
            else self.env._("The look was cancelled. Enter the URL again."),
        }

    @api.model
    def _in_short(self, index):
        """The contract's ``index`` as a look tells of it."""
        return {
            "package_count": len(index["packages"]),
            "packages": [
                {name: item[name] for name in ("name", "version", "title", "summary")}
                for item in index["packages"][:NAMED_PACKAGES]
            ],
            "problem_count": len(index["problems"]),
            "problems": index["problems"][:NAMED_PROBLEMS],
        }

    # -- what comes of it --------------------------------------------------------

    def _after_index(self, job, result):
        """A worker has read the repository. Of another URL than the present one it
        says nothing of it."""
        self.ensure_one()
        index = (result or {}).get("index")
        if not index or job.options["url"] != self.url:
            return
        seen = [item for item in index["packages"] if self._takes(item)]
        changes = self.env["kubernetes.package"]._take_over(self, seen)
        self.env["kubernetes.repository.run"].create(
            {
                **self._run_values(job),
                "state": "done",
                "package_count": len({item["name"] for item in seen}),
                "changes": changes,
                "problems": index["problems"],
            }
        )
        self.write(
            {
                "indexed_at": fields.Datetime.now(),
                "failed_since": False,
                **told_values("error", False),
                "problem_count": len(index["problems"]),
            }
        )
        self._changed()

    def _after_failed(self, job):
        """No worker could read it: what is known of it stays."""
        self.ensure_one()
        self.env["kubernetes.repository.run"].create(
            {**self._run_values(job), "state": "failed", "error": job._error_text()}
        )
        now = fields.Datetime.now()
        self.write(
            {
                "indexed_at": now,
                "failed_since": self.failed_since or now,
                **told_values("error", job._error_told()),
            }
        )
        self._changed()

    def _run_values(self, job):
        return {
            "repository_id": self.id,
            "started_at": job.started_at,
            "seconds": job.duration,
            "worker_id": job.worker_id.id,
            "requested_by": job.requested_by.id,
        }

    def _takes(self, item):
        """Whether the selector lets this package in."""
        return matches(read_selector(self.selector), self._labels_of(item))

    def _labels_of(self, item):
        """The labels of a package: its own, and the repository's."""
        own = {label["key"]: label["value"] for label in item["labels"]}
        return {**read_labels(self.labels), **own}

    def action_view_packages(self):
        self.ensure_one()
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "kubernetes_hosting.kubernetes_package_action"
        )
        action["domain"] = [("repository_id", "=", self.id)]
        return action
