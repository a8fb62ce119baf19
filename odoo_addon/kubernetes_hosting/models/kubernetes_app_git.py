# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import hashlib
import hmac
import json
from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import consteq
from odoo.tools import hmac as signed

from . import ansible_vars
from .kubernetes_limits import USER

# Of a commit's id people read so much.
SHORT = 10
# What the line of a commit's message begins with that names the job.
JOB = "Chandlery-Job: "
# The error of a deploy that has met what somebody has pushed.
GIT_CHANGED = "git_changed"


class KubernetesEnvironment(models.Model):
    """Apps of an environment may have Git repositories of their own."""

    _inherit = "kubernetes.environment"

    git_url = fields.Char(
        string="Git Server",
        help="Each app gets a repository of its own on this Gitea or Forgejo server,"
        " for example https://git.example.com. The workers' settings hold the token."
        " Empty: no repositories.",
        groups=USER,
    )
    git_owner = fields.Char(
        string="Owner",
        help="The organisation or user on the server that they are of.",
        groups=USER,
    )
    git_deploys = fields.Boolean(
        string="Deploy What Is Pushed",
        help="What is pushed is deployed by itself. Otherwise an operator looks at the"
        " difference first.",
        groups=USER,
    )
    git_shown = fields.Boolean(
        string="Customers See the Repository",
        help="Its link stands on the app's page in the portal.",
        groups=USER,
    )
    git_on_delete = fields.Selection(
        [("archive", "Archive it"), ("delete", "Delete it")],
        string="When the App Is Deleted",
        required=True,
        default="archive",
        groups=USER,
    )

    @api.constrains("git_url", "git_owner")
    def _check_git(self):
        for environment in self:
            if not environment.git_url:
                continue
            try:
                url = urlsplit(environment.git_url)
                usable = url.scheme in ("http", "https") and url.hostname
                usable = usable and not (url.username or url.query or url.fragment)
            except ValueError:
                usable = False
            if not usable:
                raise ValidationError(
                    self.env._(
                        "“%s” is not the URL of a Git server: it begins with https://,"
                        " names a host, and holds no login.",
                        environment.git_url,
                    )
                )
            if not environment.git_owner:
                raise ValidationError(
                    self.env._(
                        "Enter the owner of the repositories on %s: an organisation or"
                        " a user.",
                        environment.git_url,
                    )
                )


class KubernetesApp(models.Model):
    """An app's own Git repository. A worker commits there what it deploys; what others
    push is taken over as an earlier deploy is restored."""

    # pylint: disable-next=consider-merging-classes-inherited
    _inherit = "kubernetes.app"

    git_repository_url = fields.Char(
        string="Git Repository", readonly=True, copy=False, groups=USER
    )
    git_known = fields.Char(
        readonly=True,
        copy=False,
        groups=USER,
        help="The commit that the app's values and manifests are of.",
    )
    git_head = fields.Char(string="Last Commit", readonly=True, copy=False, groups=USER)
    git_head_text = fields.Char(
        readonly=True, copy=False, groups=USER, help="What was pushed, and by whom."
    )
    git_problem = fields.Text(
        readonly=True, copy=False, groups=USER, help="Why it cannot be taken over."
    )
    is_git_changed = fields.Boolean(
        string="Changed in Git",
        compute="_compute_is_git_changed",
        store=True,
        groups=USER,
    )

    @api.depends("git_known", "git_head")
    def _compute_is_git_changed(self):
        for app in self:
            head, known = app.git_head, app.git_known
            app.is_git_changed = bool(head and known and head != known)

    # -- what the worker gets ----------------------------------------------------

    def _git_contract_values(self):
        """The repository as the contract's claim answer has it, or None."""
        self.ensure_one()
        environment = self.environment_id.sudo()
        if not environment.git_url:
            return None
        base = self.env["ir.config_parameter"].sudo().get_param("web.base.url", "")
        return {
            "url": environment.git_url,
            "owner": environment.git_owner,
            # A name that no other app has had, on whichever cluster.
            "name": f"{self.namespace_id.name}-{self.uid[:8]}",
            "known": self.git_known or None,
            "vars": self._git_vars(),
            "hook": {
                "url": f"{base}/kubernetes_hosting/git/{self.uid}",
                "secret": self._git_secret(),
            },
            "on_delete": environment.git_on_delete,
        }

    def _git_secret(self):
        """With which the server signs what it tells of the app's repository."""
        return signed(self.env(su=True), "kubernetes_hosting.git", self.uid)

    def _is_git_signed(self, body, signature):
        """Whether the server has sent this."""
        wanted = hmac.new(self._git_secret().encode(), body, hashlib.sha256)
        return consteq(wanted.hexdigest().encode(), (signature or "").encode())

    def _pushed(self, body):
        """The server tells of a push: a worker looks, but for what a deploy that is at
        work has just committed."""
        if self.wanted_state == "deleted" or not self.environment_id.git_url:
            return
        try:
            message = json.loads(body)["head_commit"]["message"]
        except (KeyError, TypeError, ValueError):
            message = ""
        jobs = [line.removeprefix(JOB) for line in str(message).splitlines()]
        if not self._jobs([("uid", "in", jobs), ("state", "=", "running")], limit=1):
            self._enqueue("git")

    def _git_vars(self):
        """The values as a vars.yml; one that is no YAML stands there as text."""
        lines = [
            (line.key, line.type, line.value or "")
            for line in self.config_map_id.line_ids
        ]
        try:
            return ansible_vars.dump(lines)
        except ansible_vars.VarsError:
            return ansible_vars.dump(
                [(key, "string", value) for key, _, value in lines]
            )

    # -- what the worker tells ---------------------------------------------------

    def _take_over_git(self, job, seen):
        """What a worker found in the repository, or has committed there."""
        self.ensure_one()
        values = {"git_repository_url": seen["url"], "git_head": seen["commit"]}
        is_new = False
        if seen["manifests"] is None:
            values |= {
                "git_known": seen["commit"],
                "git_head_text": False,
                "git_problem": False,
            }
        else:
            is_new = self.git_head != seen["commit"]
            text = ", ".join(part for part in (seen["title"], seen["author"]) if part)
            values |= {"git_head_text": text, "git_problem": False}
            try:
                job.deployed = self._git_deployed(seen)
            except ansible_vars.VarsError as error:
                problem = self.env["kubernetes.config.map"]._vars_problem(error)
                values["git_problem"] = f"vars.yml: {problem}"
        news = {name: value for name, value in values.items() if self[name] != value}
        if news:
            self.write(news)
        if is_new:
            self._log(
                self.env._(
                    "Pushed to the Git repository: %(commit)s %(text)s",
                    commit=self.git_head[:SHORT],
                    text=self.git_head_text or "",
                )
            )

    def _git_deployed(self, seen):
        """What is in the repository, as a job keeps what it has deployed. Charts and
        folders are not in it: they stay what they are."""
        told = {item["id"]: item for item in seen["manifests"]}
        lines = self.manifest_line_ids.sorted()
        for line in lines.filtered(lambda line: line.manifest_id.id in told):
            item = told[line.manifest_id.id]
            line.manifest_id._keep_content(
                item["digest"], item["content"], item["files"]
            )
        return {
            "version": self.package_version_id.id or None,
            "package_digest": self.package_digest or None,
            "config_map": self._git_values(seen["vars"] or ""),
            "secret": self.secret_id.line_ids.mapped("key"),
            "manifests": [
                {
                    "id": manifest.id,
                    "title": manifest.name,
                    "url": manifest.url,
                    "format": manifest.format,
                    "digest": (
                        told[manifest.id]["digest"]
                        if manifest.id in told
                        else line._used_content()[0] or None
                    ),
                }
                for line in lines
                for manifest in line.manifest_id
            ],
            "commit": seen["commit"],
        }

    def _git_values(self, text):
        """The lines of a vars.yml. What says the same as before stays written as it
        was. Raises VarsError."""
        present = {line["key"]: line for line in self._present_values()}
        written = {
            variable.key: variable.value
            for variable in ansible_vars.load(self._git_vars())
        }
        lines = []
        for variable in ansible_vars.load(text):
            key, value = variable.key, variable.value
            if key in present and written[key] == value:
                lines.append(present[key])
            else:
                lines.append({"key": key, "type": variable.type, "value": value})
        return lines

    def _after_deploy(self, job, result):
        """From now on the app is deployed from its repository: its manifests are what
        is committed there, whatever is at their URLs."""
        if not (result or {}).get("git"):
            return
        held = self._held_values(job)
        for line in self.manifest_line_ids:
            if line.manifest_id in held:
                line._hold(held[line.manifest_id])

    def _after_git(self, job, _result):
        """What was pushed is deployed by itself, where that is so."""
        self._changed()
        deploys = self.environment_id.sudo().git_deploys
        is_running = self.wanted_state == "running"
        if deploys and is_running and self.is_git_changed and job.is_restorable:
            self._restore(job)

    def _after_failed(self, job):
        """A deploy that met what somebody has pushed: it is looked at."""
        outcome = super()._after_failed(job)
        if job.error_code == GIT_CHANGED:
            self._enqueue("git")
        return outcome

    def _restored_note(self, job):
        if not job.deployed.get("commit"):
            return super()._restored_note(job)
        return self.env._("Taken over from Git: %s", job.deployed["commit"][:SHORT])

    def _restore(self, job):
        result = super()._restore(job)
        if job.deployed.get("commit"):
            self.sudo().git_known = job.deployed["commit"]
        return result

    def _deleted(self, namespace_deleted):
        self.write(dict.fromkeys(("git_known", "git_head", "git_head_text"), False))
        return super()._deleted(namespace_deleted)

    def _customer_repository(self):
        """The repository's address, where the customer is to have it."""
        app = self.sudo()
        return app.environment_id.git_shown and app.git_repository_url

    # -- operators ---------------------------------------------------------------

    def action_git_look(self):
        """Look at the repository now."""
        self._check_operator()
        self._enqueue_all("git")

    def action_git_review(self):
        """Show what somebody has pushed, and take it over."""
        self.ensure_one()
        self._check_operator()
        jobs = self._jobs([("kind", "=", "git"), ("state", "=", "done")], limit=10)
        pushed = jobs.filtered(
            lambda job: job.deployed and job.deployed["commit"] == self.git_head
        )[:1]
        if not pushed:
            raise UserError(
                self.env._(
                    "What is in the repository is not known yet. Press “Look at Git”,"
                    " and try again when it is done."
                )
                if not self.git_problem
                else self.git_problem
            )
        return pushed.action_restore()

    def action_git_leave(self):
        """The app stays as it is: the next deploy commits that."""
        self.ensure_one()
        self._check_operator()
        app = self.sudo()
        if not app.is_git_changed:
            raise UserError(
                self.env._("Nothing that was pushed waits to be taken over or left.")
            )
        app._log(self.env._("Left what was pushed: %s", app.git_head[:SHORT]))
        app.git_known = app.git_head

    @api.model
    def _cron_git(self):
        """Look at all repositories, in case the server could not tell of a push."""
        apps = self.search(
            Domain("git_known", "!=", False)
            & Domain("wanted_state", "!=", "deleted")
            & Domain("environment_id.git_url", "!=", False)
        )
        apps._as_system()._enqueue_all("git")
