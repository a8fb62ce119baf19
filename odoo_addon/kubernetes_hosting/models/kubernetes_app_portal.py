# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import re
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import email_split, format_datetime

from .kubernetes_attention import STATES_AT_WORK, STATES_BY_URGENCY, WAITING_MINUTES
from .kubernetes_job import CHANGING_KINDS

# What a customer can watch while it is at work. The rest goes on quietly.
WATCHED_KINDS = (*CHANGING_KINDS, "refresh")
# How soon the page asks again, in seconds, while a job is at work.
ASK_AGAIN_AT_WORK = 2
# What the list of apps can be narrowed to.
FILTERED_STATES = {
    "running": ("running",),
    "problem": ("failed", "degraded"),
    "at_work": ("new", *STATES_AT_WORK),
    "stopped": ("stopped",),
}
# The story's length on the customer's page.
STORY_JOBS = 10
# How many steps a job of each kind has, for the bar: more, where it tells of more.
STEP_COUNTS = {"deploy": 7, "reset": 7, "restart": 3, "stop": 2, "start": 3}
# How soon a customer may have the sign-in details sent again.
RESEND_AFTER = timedelta(days=1)


class KubernetesAppPortal(models.AbstractModel):
    """An app as its customer reads it: no technical word, nobody else's name. Part of
    ``kubernetes.app``."""

    _name = "kubernetes.app.portal"
    _description = "Kubernetes App as its Customer Sees It"

    # -- the list ----------------------------------------------------------------

    @api.model
    def _customer_searches(self):
        return {"all": {"input": "all", "label": self.env._("Name or address")}}

    @api.model
    def _customer_sortings(self):
        return {
            "name": {"label": self.env._("Name")},
            "newest": {"label": self.env._("Newest")},
            "state": {"label": self.env._("State")},
        }

    @api.model
    def _customer_filters(self):
        labels = {
            "all": self.env._("All"),
            "running": self.env._("Running"),
            "problem": self.env._("With problems"),
            "at_work": self.env._("In progress"),
            "stopped": self.env._("Stopped"),
        }
        return {name: {"label": label} for name, label in labels.items()}

    @api.model
    def _customer_names(self, sortby, filterby, search):
        """The names of the apps that are looked for, in the order of the list: what is
        bought by one name is shown together."""
        # Addresses are pasted as browsers write them.
        words = re.sub(r"^https?://|[/:].*$", "", search.strip())
        domain = Domain("name", "ilike", words) | Domain("hostname", "ilike", words)
        if filterby in FILTERED_STATES:
            domain &= Domain("state", "in", FILTERED_STATES[filterby])
        rows = self._read_group(
            domain, ["name"], ["create_date:max", "state:array_agg"], order="name"
        )
        if sortby == "newest":
            rows.sort(key=lambda row: row[1], reverse=True)
        elif sortby == "state":
            rows.sort(key=lambda row: min(map(STATES_BY_URGENCY.index, row[2])))
        return [name for name, _created, _states in rows]

    def _customer_list_status(self):
        """What the list shows of these apps, in their order, and asks for again while
        one of them is at work."""
        at_work = any(app.state in STATES_AT_WORK for app in self)
        counts = self.grouped("customer_state").items()
        return {
            "ask_again": ASK_AGAIN_AT_WORK if at_work else 0,
            # One sentence for screen readers, spoken whenever it changes.
            "announcement": ", ".join(f"{state}: {len(of)}" for state, of in counts),
            "cards": self.grouped("name"),
        }

    def _customer_can_open(self):
        self.ensure_one()
        return self.state in ("running", "degraded") and bool(self.url)

    # -- one app -----------------------------------------------------------------

    def _customer_status(self):
        """What the customer's page shows and asks for again while something runs."""
        self.ensure_one()
        app = self.sudo()
        watched = [("kind", "in", WATCHED_KINDS)]
        job = app._jobs([*watched, ("state", "=", "running")], limit=1) or app._jobs(
            watched, limit=1
        )
        steps = [
            step._customer_values()
            for step in job.step_ids.sorted("number")
            if step.attempt == job.attempt
        ]
        now = [step["label"] for step in steps if step["state"] == "running"]
        at_work = bool(app._at_work())
        return {
            "at_work": at_work,
            "ask_again": ASK_AGAIN_AT_WORK if at_work else 0,
            "explanation": self._customer_explanation(),
            "is_open": app._customer_can_open(),
            "ports": app.node_ports_text,
            # One sentence for screen readers, spoken whenever it changes.
            "announcement": ": ".join([self.customer_state, *now[-1:]]),
            "job": job and app._customer_job(job, steps),
            # What came of the customer's wish, where it came to its end.
            "outcome": app._customer_outcome(job),
            "sign_in": app._customer_sign_in(),
            "story": app._customer_story(job),
            "changed": self._customer_changed(),
            "can": [kind for kind in ("restart", "reset") if self._customer_can(kind)],
        }

    def _customer_job(self, job, steps):
        """The job that is at work, or was the last one."""
        began = job.started_at or job.create_date
        when = job.finished_at or began
        running = next(
            (n for n, step in enumerate(steps, 1) if step["state"] == "running"), 0
        )
        count = max(len(steps), STEP_COUNTS.get(job.kind, 0))
        seconds = round((when - began).total_seconds())
        return {
            "title": job._customer_title(),
            "state": job.state,
            "when": when,
            "time": self._customer_time(when),
            "steps": steps,
            "steps_text": self.env._(
                "Steps: %(count)s, seconds: %(seconds)s",
                count=len(steps),
                seconds=seconds,
            )
            if job.state == "done"
            else self.env._("Steps"),
            "step": running,
            "step_count": count,
            "step_text": running
            and self.env._(
                "Step %(step)s of %(count)s: %(label)s",
                step=running,
                count=count,
                label=steps[running - 1]["label"],
            ),
            "tries_again": job.state == "pending" and bool(steps),
        }

    def _customer_outcome(self, job):
        if not job or job.state != "done":
            return ""
        return {
            "reset": self.env._("Your app was reset."),
            "restart": self.env._("Your app was restarted."),
            "deploy": self.env._("Your app runs with its present settings."),
        }.get(job.kind, "")

    def _customer_sign_in(self):
        """Where the customer's user name and password went, and whether they may have
        them sent again; None before, and where they went to a former customer."""
        self.ensure_one()
        if (
            self.invitation_state != "sent"
            or self.state == "deleted"
            or not self.invitation_recipient
        ):
            return None
        values = {
            "login": self.invitation_login,
            "recipient": ", ".join(email_split(self.invitation_recipient)),
            "time": self._customer_time(self.invitation_sent_at),
        }
        if self.invitation_login:
            text = self.env._(
                "Your user name is %(login)s. We sent your first password to"
                " %(recipient)s (%(time)s).",
                **values,
            )
        else:
            text = self.env._(
                "We sent your user name and first password to %(recipient)s"
                " (%(time)s).",
                **values,
            )
        if self._has_other_addresses():
            text += " " + self.env._(
                "Your mail address is another one now. If you need them there, write to"
                " us."
            )
        return {
            "text": text,
            "can_resend": self._customer_can_resend(),
        }

    def _customer_can_resend(self):
        """Once a day, to where they went before, and only while the app answers. With
        a changed address, who has got into the portal would get into the app."""
        self.ensure_one()
        app = self.sudo()
        again = fields.Datetime.now() - RESEND_AFTER
        return (
            app.invitation_state == "sent"
            and not app._has_other_addresses()
            and app._is_reachable()
            and (not app.invitation_resent_at or app.invitation_resent_at < again)
        )

    def _customer_resend(self):
        """Send the sign-in details once more as the customer, whose own rights decide
        whose app it is."""
        self.ensure_one()
        self.check_access("write" if self.env.user._is_internal() else "read")
        if not self._customer_can_resend():
            raise UserError(
                self.env._(
                    "The sign-in details can be sent again once a day, to the same"
                    " address, while your app answers. Look into your spam folder, or"
                    " write to us."
                )
            )
        app = self.sudo()
        app.action_send_invitation()
        app.invitation_resent_at = fields.Datetime.now()

    def _customer_time(self, moment):
        """A time as the customer reads it, with its zone."""
        zone = self.env.context.get("tz") or self.env.user.tz or "UTC"
        local = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
        text = format_datetime(self.env, moment, tz=zone, dt_format="short")
        return f"{text} {local.tzname()}"

    def _at_work(self):
        """Those of which a job that the customer can watch runs, or is to run at
        once."""
        soon = fields.Datetime.add(fields.Datetime.now(), minutes=11)
        at_work = Domain("state", "=", "running") | (
            Domain("state", "=", "pending") & Domain("run_at", "<=", soon)
        )
        watched = Domain("app_id", "in", self.ids) & Domain("kind", "in", WATCHED_KINDS)
        found = self.env["kubernetes.job"]._read_group(watched & at_work, ["app_id"])
        return self.browse(app.id for (app,) in found)

    def _running_steps(self):
        """The step that a job which the customer can watch is at, by its app."""
        jobs = self.env["kubernetes.job"].search(
            [
                ("app_id", "in", self.ids),
                ("kind", "in", WATCHED_KINDS),
                ("state", "=", "running"),
            ]
        )
        return {
            job.app_id: step
            for job in jobs
            for step in job.step_ids.sorted("number")
            if step.attempt == job.attempt and step.state == "running"
        }

    def _is_held_up(self):
        """What is to be done cannot be begun, or takes longer than it should."""
        self.ensure_one()
        cluster = self.sudo().cluster_id
        if cluster.state != "reachable" or not cluster._online_workers():
            return True
        late = fields.Datetime.now() - timedelta(minutes=WAITING_MINUTES)
        return bool(self.state_since) and self.state_since < late

    def _customer_explanation(self):
        app = self.sudo()
        if app.state in ("new", *STATES_AT_WORK) and app._is_held_up():
            return self.env._(
                "This takes longer than usual. Our team sees it, and it goes on by"
                " itself: you need not do anything."
            )
        explanations = {
            "new": self.env._("We will set up your app soon."),
            "deploying": self.env._("This takes about a minute."),
            "starting": self.env._("This takes about a minute."),
            "restarting": self.env._("This takes about a minute."),
            "resetting": self.env._(
                "Your app starts over. Depending on its data, this takes some minutes."
            ),
            "stopped": self.env._("Your data is kept."),
            "degraded": self.env._(
                "Some of it does not answer yet. This often passes by itself."
            ),
            "failed": self.env._(
                "Something did not work. Our team sees it and takes care of it."
            ),
            "deleting": self.env._("Your app is being taken down."),
        }
        return explanations.get(self.state, "")

    @api.model
    def _customer_story_kinds(self):
        """The kinds of jobs that the story tells of."""
        return CHANGING_KINDS

    def _customer_story(self, shown):
        """What happened before the job that is ``shown`` with its steps: newest
        first, only what came to its end and a customer knows of."""
        self.ensure_one()
        words = {
            "done": self.env._("done"),
            "failed": self.env._("did not work"),
            "cancelled": self.env._("cancelled"),
        }
        jobs = self._jobs(
            [
                ("id", "not in", shown.ids),
                ("kind", "in", self._customer_story_kinds()),
                ("state", "in", tuple(words)),
            ],
            limit=STORY_JOBS,
        )
        return [
            {
                "text": job._customer_title(),
                "when": job.finished_at or job.create_date,
                "time": self._customer_time(job.finished_at or job.create_date),
                "state": job.state,
                "state_label": words[job.state],
            }
            for job in jobs
        ]
