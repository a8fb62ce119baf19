# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.fields import Command

from odoo.addons.mail.tests.common import MockEmail

from .common import KINDS, job_result

OBSERVATION = {
    "state": "running",
    "message": "",
    "ingress": {
        "state": "ready",
        "hosts": ["shop.apps.example.com"],
        "addresses": ["192.0.2.1"],
        "tls": True,
        "message": "",
    },
}


class InvitationCase(MockEmail):
    """An app with a first password, a customer with an address, workers that report."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.customer.write({"email": "customer@demo.example", "lang": "en_US"})
        cls.env.company.email = "hello@harbour.example"
        cls.secret.line_ids.filtered("generate").first_password = True
        cls.worker = cls.create_worker("worker-1")
        cls.has_worker(cls.worker)
        cls.app = cls.create_app()

    @classmethod
    def has_worker(cls, worker):
        worker.sudo().write(
            {
                "state": "online",
                "last_seen": fields.Datetime.now(),
                "announced_cluster_ids": [Command.set(cls.cluster.ids)],
            }
        )

    def run_cron(self):
        """Without its commits, one after each app."""
        with patch.object(
            type(self.env["ir.cron"]), "_commit_progress", return_value=60.0
        ) as committed:
            self.env["kubernetes.app"]._cron_mail()
        return committed

    def claim(self, kind, app=None):
        """The worker takes the app's next job, which is of this kind."""
        app = app or self.app
        app.env.flush_all()
        jobs = app.env["kubernetes.job"]._claim(
            self.worker.id, [self.cluster.name], list(KINDS), 9
        )
        job = jobs.filtered(lambda job: job.app_id == app)
        self.assertEqual(job.mapped("kind"), [kind])
        return job

    def done(self, job, **result):
        job._conclude({"state": "done", "error": None, "result": job_result(**result)})

    def failed(self, job, code="internal", message="It broke.", hint="Mend it."):
        error = {
            "code": code,
            "message": message,
            "hint": hint,
            "manifest": None,
            "url": None,
            "document": None,
            "line": None,
            "column": None,
            "object": None,
            "field": None,
            "retry": False,
        }
        job._conclude({"state": "failed", "error": error, "result": job_result()})

    def observation(self):
        # Seen a little later than whatever was seen before.
        moment = fields.Datetime.now()
        if self.app.observed_at and self.app.observed_at >= moment:
            moment = self.app.observed_at + timedelta(seconds=1)
        return {**OBSERVATION, "seen_at": moment}

    def become_reachable(self, app=None):
        app = app or self.app
        app._enqueue("deploy")
        self.done(self.claim("deploy", app), observation=self.observation())
        self.assertTrue(app._is_reachable())

    def live(self, kind, app=None):
        return (app or self.app)._live_job(kind)

    def own_mail(self, app=None):
        """What waits in Odoo's own queue for the app's customer."""
        return (app or self.app).invitation_mail_id

    def notes(self):
        return " ".join(self.app.message_ids.mapped("body"))
