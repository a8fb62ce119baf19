# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import fields, models

from .kubernetes_job import CHANGING_KINDS

# What a customer can watch while it is at work. The rest goes on quietly.
WATCHED_KINDS = (*CHANGING_KINDS, "refresh")
# How soon the page asks again, in seconds: while a job is at work, and while the mail
# domain waits for its DNS records.
ASK_AGAIN_AT_WORK = 2
ASK_AGAIN_UNVERIFIED = 30
# The story's length on the customer's page.
STORY_JOBS = 10


class KubernetesAppPortal(models.AbstractModel):
    """An app as its customer reads it: no technical word, nobody else's name. Part of
    ``kubernetes.app``."""

    _name = "kubernetes.app.portal"
    _description = "Kubernetes App as its Customer Sees It"

    def _customer_status(self):
        """What the customer's page shows and asks for again while something runs."""
        self.ensure_one()
        app = self.sudo()
        watched = app.job_ids.filtered(lambda job: job.kind in WATCHED_KINDS)
        running = watched.filtered(lambda job: job.state == "running")
        job = running or watched.sorted("id")[-1:]
        steps = [
            step._customer_values()
            for step in job.step_ids.sorted("number")
            if step.attempt == job.attempt
        ]
        now = [step["label"] for step in steps if step["state"] == "running"]
        at_work = app._is_at_work(watched)
        mail = app._customer_mail()
        ask_again = 0
        if at_work:
            ask_again = ASK_AGAIN_AT_WORK
        elif mail and mail["state"] == "unverified":
            ask_again = ASK_AGAIN_UNVERIFIED
        return {
            "at_work": at_work,
            "ask_again": ask_again,
            "explanation": self._customer_explanation(),
            "is_open": app.state in ("running", "degraded") and bool(app.url),
            # One sentence for screen readers, spoken whenever it changes.
            "announcement": ": ".join([self.customer_state, *now[-1:]]),
            "job": job
            and {
                "title": job._customer_label(),
                "when": job.finished_at or job.started_at or job.create_date,
                "steps": steps,
                "tries_again": job.state == "pending" and bool(steps),
            },
            "story": app._customer_story(job),
            "mail": mail,
            "can": [kind for kind in ("restart", "reset") if self._customer_can(kind)],
        }

    def _is_at_work(self, jobs):
        """One of these jobs runs, or is to run at once."""
        soon = fields.Datetime.add(fields.Datetime.now(), minutes=11)
        return any(
            job.state == "running" or (job.state == "pending" and job.run_at <= soon)
            for job in jobs
        )

    def _customer_explanation(self):
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

    def _customer_story(self, shown):
        """What happened before the job that is ``shown`` with its steps: newest
        first, only what came to its end and a customer knows of."""
        self.ensure_one()
        words = {
            "done": self.env._("done"),
            "failed": self.env._("did not work"),
            "cancelled": self.env._("cancelled"),
        }
        kinds = (*CHANGING_KINDS, "invitation")
        jobs = (self.job_ids - shown).filtered(
            lambda job: job.kind in kinds and job.state in words
        )
        return [
            {
                "title": job._customer_label(),
                "when": job.finished_at or job.create_date,
                "state": job.state,
                "state_label": words[job.state],
            }
            for job in jobs.sorted("id", reverse=True)[:STORY_JOBS]
        ]

    def _customer_mail(self):
        """The mail domain as the customer sees it; None where there is none. With the
        DNS records only where the customer has to set them."""
        self.ensure_one()
        if self.state == "deleted" or not self.mail_domain:
            return None
        texts = {
            "active": self.env._("Your app sends mail from this domain."),
            "unverified": self.env._(
                "We are connecting this domain with our mail service."
            ),
            "failed": self.env._(
                "Something is wrong with this domain. Our team sees it and takes care"
                " of it."
            ),
        }
        labels = {
            "active": self.env._("Active"),
            "unverified": self.env._("Not confirmed yet"),
            "failed": self.env._("Needs our attention"),
        }
        to_set = self.mail_state != "active" and not self.mail_published
        return {
            "domain": self.mail_domain,
            "state": self.mail_state,
            "label": labels.get(self.mail_state, labels["unverified"]),
            "text": texts.get(self.mail_state, texts["unverified"]),
            "records": self.dns_record_ids if to_set else self.dns_record_ids.browse(),
        }
