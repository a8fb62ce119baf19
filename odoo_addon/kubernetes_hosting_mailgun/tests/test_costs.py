# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import timedelta
from unittest.mock import patch

from odoo.tests import tagged

from odoo.addons.kubernetes_hosting.tests.calls import CallsCase

# A deploy, the registration of its mail domain and its invitation: three claims, two
# reports of steps and the end of each, and what follows from it. Before it was done set
# by set it took some 1,500 queries.
MOST = 130
WAITS = "odoo.addons.kubernetes_hosting_mailgun.models.kubernetes_app.INVITATION_WAITS"


@tagged("post_install", "-at_install")
class TestCosts(CallsCase):
    """What a purchase costs Odoo until its customer is invited."""

    mailgun = {"region": "eu", "sending_domain": "mail.harbour.example"}

    def test_a_deploy_with_its_mail_jobs(self):
        self.prod.mail_domain = True
        self.customer.email = "carla@customer.invalid"
        # However slow this machine is.
        self.startPatcher(patch(WAITS, timedelta(days=1)))
        for app in self.apps[:2]:  # the first time Odoo fills its own caches
            self.known()
            app._enqueue("deploy")
            cost = self.through(app, "deploy", ingress="ready")
            self.assertEqual(app.mail_state, "waiting")
            found = {
                "name": app.hostname,
                "state": "active",
                "message": "",
                "message_words": None,
                "records": [],
                "published": True,
            }
            cost += self.through(app, "mail_domain", mail_domain=found)
            self.assertEqual(app.invitation_state, "sending")
            cost += self.through(app, "invitation", message_id="<1@mailgun>")
            self.assertEqual(app.invitation_state, "sent")
        self.assertLessEqual(cost, MOST)

    def through(self, app, kind, ingress=None, **result):
        """What it costs to claim a job of the app, to tell of it and to end it."""
        cost = self.cost("claim", self.claim_params(5))
        job = self.jobs.search([("app_id", "=", app.id), ("state", "=", "running")])
        self.assertEqual(job.kind, kind)
        for steps in (1, 2):
            cost += self.cost("report", self.report_params(job, steps=steps))
        if ingress:
            result["observation"] = self.seen(ingress=ingress)
        return cost + self.cost("report", self.report_params(job, "done", **result))
