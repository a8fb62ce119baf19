# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from typing import NamedTuple

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import format_datetime

from .kubernetes_app import USER
from .kubernetes_attention import STATES_AT_WORK
from .kubernetes_job import CHANGING_KINDS

# What an app is made of, in the order in which it is made. An app's own Git repository
# has its place between the names and the app.
MADE = (
    "package",
    "names",
    "repository",
    "app",
    "domain",
    "mail_domain",
    "invitation",
)
# The order in which a removal takes it away: who visits the app is shut out first, and
# the names are free once nothing of theirs is anywhere.
REMOVED = ("domain", "app", "repository", "mail_domain", "names")
# An installation that is taken back goes the way back.
TAKEN_BACK = ("mail_domain", "domain", "app", "repository", "names")

# What of a part is not as it is to be, and has not failed either.
OPEN_STATES = {"leaving", "under_way", "waiting", "to_do"}
COLORS = {
    "failed": "danger",
    "leaving": "info",
    "under_way": "info",
    "waiting": "warning",
    "to_do": "secondary",
    "done": "success",
    "kept": "secondary",
    "gone": "secondary",
}


class Part(NamedTuple):
    """A part of an app: what it is, how it stands, and what is to be said of it."""

    code: str
    label: str
    state: str
    detail: str = ""
    message: str = ""


class KubernetesApp(models.Model):
    """The whole of an app: installed part by part, and removed part by part.

    Nothing of it is stored: each part is read from the records that it consists of and
    from the jobs that make it and take it away. An addon adds its parts by
    ``_parts_by_code``, and what a retry does for them by ``_retry_part``.
    """

    # Domains and invitations have files of their own, too.
    # pylint: disable-next=consider-merging-classes-inherited
    _inherit = "kubernetes.app"

    parts_html = fields.Html(
        string="Parts", compute="_compute_parts", sanitize=False, groups=USER
    )
    installation_state = fields.Selection(
        [("open", "Under Way"), ("failed", "Failed"), ("done", "Done")],
        compute="_compute_parts",
        groups=USER,
        help="Of the installation, or of the removal of an app that is to be deleted.",
    )
    can_take_back = fields.Boolean(compute="_compute_parts", groups=USER)

    @api.depends(
        "state",
        "state_message",
        "wanted_state",
        "job_ids.state",
        "hostname_ids",
        "namespace_id.state",
        "manifest_line_ids",
        "domain_ids.state",
        "domain_ids.enabled",
        "invitation_state",
        "invitation_problem",
    )
    @api.depends_context("lang", "tz")
    def _compute_parts(self):
        for app in self:
            parts = app._parts() if app.ids else []
            states = {part.state for part in parts}
            failed = "failed" in states
            app.installation_state = (
                "failed" if failed else "open" if states & OPEN_STATES else "done"
            )
            app.can_take_back = failed and app._is_installation_open()
            app.parts_html = app._render_parts(parts)

    @api.model
    def _part_labels(self):
        return {
            "failed": self.env._("Failed"),
            "leaving": self.env._("Being taken away"),
            "under_way": self.env._("Under way"),
            "waiting": self.env._("Waits"),
            "to_do": self.env._("To do"),
            "done": self.env._("Done"),
            "kept": self.env._("Kept"),
            "gone": self.env._("Gone"),
        }

    @api.model
    def _render_parts(self, parts):
        labels = self._part_labels()
        items = [
            {
                **part._asdict(),
                "state_label": labels[part.state],
                "color": COLORS[part.state],
            }
            for part in parts
        ]
        return bool(items) and self.env["ir.qweb"]._render(
            "kubernetes_hosting.app_parts", {"items": items}
        )

    # -- the parts -----------------------------------------------------------------

    def _parts(self):
        """All parts in the order in which they are made, or taken away."""
        self.ensure_one()
        if self.wanted_state == "deleted":
            return self._parts_to_take_away(self._is_taken_back())
        found = self._parts_by_code()
        return [part for code in MADE for part in found.get(code, ())]

    def _parts_to_take_away(self, take_back):
        """What a removal would take away, in its order, as it stands now."""
        self.ensure_one()
        found = self._parts_by_code()
        order = TAKEN_BACK if take_back else REMOVED
        return [part for code in order for part in found.get(code, ())]

    def _parts_by_code(self):
        """``{code: parts}``, as they stand; addons add theirs."""
        self.ensure_one()
        if self.wanted_state == "deleted":
            return {
                "domain": self._domains_leaving(),
                "app": [self._app_leaving()],
                "names": [self._names_leaving()],
            }
        return {
            "package": [self._package_part()],
            "names": [self._names_part()],
            "app": [self._app_part()],
            "domain": self._domain_parts(),
            "invitation": self._invitation_parts(),
        }

    def _package_part(self):
        label = self.env._("Manifests and values")
        manifests = self._manifests()
        changed = self._changed_manifests()
        detail = self.package_version_id.display_name or ", ".join(
            manifests.mapped("name")
        )
        if not manifests:
            message = self.env._("Add what is to be deployed under “Manifests”.")
            return Part("package", label, "to_do", "", message)
        if changed:
            message = self.env._(
                "Not what it is pinned to any more: %s. Look at the change and accept"
                " it, or let its author take it back.",
                ", ".join(changed.mapped("name")),
            )
            return Part("package", label, "failed", detail, message)
        return Part("package", label, "done", detail)

    def _names_part(self):
        label = self.env._("Address and namespace")
        detail = f"{self.hostname}, {self.namespace_id.name}"
        if self.namespace_foreign:
            message = self.env._(
                "The namespace is another app's in the cluster. Press “New Namespace”."
            )
            return Part("names", label, "failed", detail, message)
        return Part("names", label, "done", detail)

    def _app_part(self):
        label = self.env._("App")
        detail = self.cluster_id.name
        message = self.state_message_shown or ""
        if self.state in STATES_AT_WORK:
            return Part("app", label, "under_way", detail, message or self._step_now())
        if self.state == "failed":
            return Part("app", label, "failed", detail, message)
        if self.state == "degraded" and self._is_installation_open():
            return Part("app", label, "under_way", detail, message)
        is_there = self.is_deployed or self.state in ("running", "degraded")
        return Part("app", label, "done" if is_there else "to_do", detail, message)

    def _domain_parts(self):
        messages = {
            "waiting": self.env._("Its DNS record is not there yet."),
            "unproven": self.env._("The TXT record is not there yet."),
            "lost": self.env._("Its DNS record is gone."),
            "taken": self.env._("Another app has proven it to be its own."),
        }
        has_changes = "domains" in self.change_ids.mapped("source")
        parts = []
        for domain in self.domain_ids.filtered("enabled"):
            if domain.state in messages:
                state = "failed" if domain.state in ("lost", "taken") else "waiting"
                message = domain.message_shown or messages[domain.state]
            elif has_changes or not self.is_deployed:
                state = "under_way"
                message = self.env._("It goes into the manifests with the next Apply.")
            else:
                state, ends = "done", domain.certificate_ends
                message = ends and self.env._(
                    "Certificate until %s",
                    format_datetime(self.env, ends, dt_format="short"),
                )
            parts.append(
                Part("domain", self.env._("Domain"), state, domain.name, message or "")
            )
        return parts

    def _invitation_parts(self):
        if not self.partner_id:
            return []
        state = {
            "none": "to_do",
            "waiting": "under_way",
            "sending": "under_way",
            "sent": "done",
            "failed": "failed",
        }[self.invitation_state]
        return [
            Part(
                "invitation",
                self.env._("Invitation"),
                state,
                self.invitation_recipient or "",
                self.invitation_problem_shown or self.invitation_warning or "",
            )
        ]

    def _step_now(self):
        """What the job that is at work does."""
        steps = self.live_job_id.step_ids.filtered(lambda step: step.state == "running")
        return steps[-1:].name or ""

    # -- what of them is left --------------------------------------------------------

    def _last_delete(self):
        self.ensure_one()
        return self._jobs([("kind", "=", "delete")], limit=1)

    def _is_taken_back(self):
        return bool((self._last_delete().options or {}).get("take_back"))

    def _leaving_state(self):
        """How far the app's delete has come in the cluster."""
        if self.state == "deleted":
            return "gone"
        job = self._last_delete()
        if job.state == "failed":
            return "failed"
        if job.state == "running" or job.state == "pending" and job.attempt:
            return "leaving"
        return "to_do"

    def _domains_leaving(self):
        """They are the app's until nothing answers at them any more."""
        label = self.env._("Domains")
        state = self._leaving_state()
        if state == "gone":
            return [Part("domain", label, "gone")]
        names = ", ".join(self.domain_ids.mapped("name"))
        if not names:
            return []
        if "closing" in self._last_delete().step_ids.filtered(
            lambda step: step.state == "done"
        ).mapped("code"):
            return [Part("domain", label, "gone", names)]
        return [Part("domain", label, state, names)]

    def _app_leaving(self):
        label = self.env._("App")
        state = self._leaving_state()
        namespace = self.namespace_id
        if state == "gone" and namespace.state == "kept":
            message = self.env._(
                "Its volumes are kept in the namespace %s. “Delete Volumes” deletes"
                " them.",
                namespace.name,
            )
            return Part("app", label, "kept", self.cluster_id.name, message)
        message = ""
        if state in ("failed", "leaving"):
            message = self.state_message_shown or self._step_now()
        return Part("app", label, state, self.cluster_id.name, message)

    def _names_leaving(self):
        label = self.env._("Address and namespace")
        if self.hostname_ids:
            message = (
                self.env._(
                    "The address stays taken until the mail domain is released: who got"
                    " it now could not send mail from it."
                )
                if self.state == "deleted"
                else ""
            )
            return Part("names", label, "to_do", self.hostname, message)
        if self.namespace_id.state == "kept":
            return Part("names", label, "kept", self.namespace_id.name)
        return Part("names", label, "gone", self.hostname)

    # -- going on ----------------------------------------------------------------------

    def _is_installation_open(self):
        """Whether the customer has not got the app yet. One whose namespace was taken
        over was theirs before."""
        self.ensure_one()
        if self.wanted_state == "deleted":
            return False
        if self.is_deployed:
            return bool(self.partner_id) and self.invitation_state != "sent"
        adopted = [("kind", "=", "adopt"), ("state", "=", "done")]
        return not self._jobs(adopted, limit=1)

    def _whole_hint(self):
        """How to go on from what failed, and how to go back."""
        self.ensure_one()
        if self.wanted_state == "deleted":
            return self.env._("Its removal stopped here. “Retry” on the app goes on.")
        if self._is_installation_open():
            return self.env._(
                "Its installation stopped here. On the app, “Retry” goes on, and “Take"
                " Back” takes away what was made."
            )
        return False

    def action_retry_installation(self):
        """Go on from what failed, be it of the installation or of the removal."""
        self.ensure_one()
        self._check_operator()
        failed = [part for part in self._parts() if part.state == "failed"]
        if not failed:
            raise UserError(
                self.env._(
                    "Nothing of %s has failed; there is nothing to retry.",
                    self.display_name,
                )
            )
        for part in failed:
            if part.code in ("package", "names"):
                # Only a person can put these right.
                raise UserError(
                    self.env._(
                        "%(part)s: %(message)s", part=part.label, message=part.message
                    )
                )
        codes = dict.fromkeys(part.code for part in failed)
        # What comes after the app follows by itself.
        for code in ["app"] if "app" in codes else codes:
            self._retry_part(code)
        return True

    def _retry_part(self, code):
        """Ask again for a part that failed."""
        self.ensure_one()
        if code == "app":
            failed = [("kind", "in", CHANGING_KINDS), ("state", "=", "failed")]
            self._jobs(failed, limit=1).action_retry()
        elif code == "domain":
            self._check_domains_now()
        elif code == "invitation":
            self.action_send_invitation()

    def action_take_back(self):
        """Say what is taken back, and in which order, before anything is."""
        self.ensure_one()
        self._check_operator()
        self._check_may_take_back()
        return {
            **self.action_delete(),
            "name": self.env._("Take Back the Installation"),
            "context": {"default_app_id": self.id, "default_take_back": True},
        }

    def _check_may_take_back(self):
        if self.wanted_state == "deleted":
            raise UserError(
                self.env._("The app %s is deleted or about to be.", self.display_name)
            )
        if not self._is_installation_open():
            raise UserError(
                self.env._(
                    "The installation of %s has come to its end: its customer has the"
                    " app. Press “Delete” instead.",
                    self.display_name,
                )
            )

    def _take_back(self):
        """Take back what was made, the last first, until nothing of it is left."""
        self.ensure_one()
        self._check_may_take_back()
        self._enqueue("delete", {"keep_volumes": False, "take_back": True})

    # -- giving the names back ---------------------------------------------------------

    def _holds_names(self):
        """Whether something of a deleted app is left that goes by its hostname."""
        self.ensure_one()
        return False

    def _give_names_back(self):
        """The hostnames are free for others, once nothing goes by them any more."""
        self.filtered(lambda app: not app._holds_names()).hostname_ids.unlink()

    @api.model
    def _removal_open(self):
        """Deleted apps of which something is left, as a domain."""
        return Domain("state", "=", "deleted") & Domain("hostname_ids", "!=", False)

    def _go_on_removing(self):
        """Nothing else does: what follows the delete had failed, or was cancelled."""
        self._give_names_back()

    # -- as its customer sees it -----------------------------------------------------

    def _customer_status(self):
        return {**super()._customer_status(), "parts": self.sudo()._customer_parts()}

    def _customer_parts(self):
        """The parts in a customer's words, for as long as the app is not theirs yet or
        is being removed; for sudo."""
        self.ensure_one()
        if self.wanted_state != "deleted" and not self._is_installation_open():
            return []
        names = self._customer_part_names()
        states = {
            "failed": self.env._("Our team takes care of it"),
            "leaving": self.env._("Being taken down"),
            "under_way": self.env._("In progress"),
            "waiting": self.env._("Waiting for your DNS record"),
            "to_do": self.env._("Still to come"),
            "done": self.env._("Ready"),
            "kept": self.env._("Your data is kept"),
            "gone": self.env._("Taken down"),
        }
        return [
            {
                "name": part.detail if part.code == "domain" else names[part.code],
                "state": part.state,
                "label": states[part.state],
                "color": COLORS[part.state],
            }
            for part in self._parts()
            if part.code in names and (part.code != "domain" or part.detail)
        ]

    @api.model
    def _customer_part_names(self):
        return {
            "app": self.env._("Your app"),
            "domain": self.env._("Your domain"),
            "invitation": self.env._("Your sign-in details"),
        }
