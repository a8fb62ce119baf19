# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from unittest.mock import patch

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.kubernetes_hosting.tests.common import KubernetesTransactionCase

from .test_mail import MailCase

MUTED = "odoo.addons.kubernetes_hosting.models.kubernetes_live"


@tagged("post_install", "-at_install")
class TestWholeWithMail(MailCase, KubernetesTransactionCase):
    """Installing, taking back and removing an app with a mail domain, whatever dies on
    the way."""

    def states(self):
        self.app.invalidate_recordset()
        return {part.code: part.state for part in self.app._parts()}

    def part(self, code):
        return next(part for part in self.app._parts() if part.code == code)

    def killed(self, kind):
        """A worker takes the job and is never heard of again. Another one takes it."""
        job = self.claim(kind)
        attempt = job.attempt
        job.lease_until = fields.Datetime.subtract(fields.Datetime.now(), days=1)
        self.env.flush_all()
        self.env["kubernetes.job"]._expire_leases()
        self.assertEqual(job.state, "pending")
        job = self.claim(kind)
        self.assertEqual(job.attempt, attempt + 1)
        return job

    def registered(self, state="active"):
        self.become_reachable()
        self.done(self.claim("mail_domain"), mail_domain=self.domain(state))

    def released(self):
        return self.domain("released", records=[])

    def take_back(self):
        action = self.app.action_take_back()
        question = (
            self.env[action["res_model"]]
            .with_context(**action["context"])
            .create({"confirmed_name": "unit/shop-prod"})
        )
        question.action_confirm()
        return question

    def assert_nothing_left(self):
        self.assertEqual(self.app.state, "deleted")
        self.assertEqual(set(self.states().values()), {"gone"})
        self.assertEqual(self.app.installation_state, "done")
        self.assertEqual(self.app.mail_state, "released")
        self.assertFalse(self.app.mail_domain)
        self.assertFalse(self.app.dns_record_ids)
        self.assertFalse(self.app.hostname_ids)
        self.assertEqual(self.app.namespace_id.state, "deleted")
        self.assertFalse(
            self.app.job_ids.filtered(lambda job: job.state in ("pending", "running"))
        )
        self.assertEqual(self.create_app().hostname, self.app.hostname)
        self.assertFalse(
            self.env["kubernetes.attention"].search([("app_id", "=", self.app.id)])
        )

    # -- installing ------------------------------------------------------------------

    def test_each_part_killed_once_the_installation_arrives(self):
        self.assertEqual(
            list(self.states()),
            ["package", "names", "app", "mail_domain", "invitation"],
        )
        self.app._enqueue("deploy")
        self.done(self.killed("deploy"), observation=self.observation())
        self.assertEqual(self.states()["mail_domain"], "under_way")
        self.done(self.killed("mail_domain"), mail_domain=self.domain("active"))
        self.assertEqual(self.states()["mail_domain"], "done")
        self.assertEqual(self.states()["invitation"], "under_way")
        self.done(self.killed("invitation"), message_id="<1@mailgun>")
        self.assertEqual(set(self.states().values()), {"done"})
        self.assertEqual(self.app.installation_state, "done")
        self.assertFalse(self.app.can_take_back)

    def test_a_mail_domain_that_fails_is_named_and_gone_on_with(self):
        self.become_reachable()
        self.failed(
            self.claim("mail_domain"), "mail_domain_taken", "Taken.", "Free it."
        )
        self.assertEqual(self.part("mail_domain").state, "failed")
        self.assertIn("Taken.\nFree it.", self.part("mail_domain").message)
        self.assertTrue(self.app.can_take_back)
        self.app.action_retry_installation()
        deploys = self.app.job_ids.filtered(lambda job: job.kind == "deploy")
        self.assertEqual(deploys.mapped("state"), ["done"], "what was made is kept")
        self.assertEqual(self.part("mail_domain").state, "under_way")

    def test_a_step_of_odoo_that_fails_is_made_up_for_by_the_cron(self):
        app = type(self.app)
        with (
            patch.object(app, "_start_mail_setup", side_effect=ZeroDivisionError),
            mute_logger(MUTED),
        ):
            self.become_reachable()
        self.assertEqual(self.part("mail_domain").state, "to_do")
        self.run_cron()
        self.assertEqual(self.part("mail_domain").state, "under_way")

    # -- taking it back --------------------------------------------------------------

    def test_taken_back_the_mail_goes_first_whoever_is_killed(self):
        self.registered()
        self.assertFalse(self.app.can_take_back, "nothing has failed")
        self.live("invitation")._cancel()
        question = self.take_back()
        self.assertIn("Mail domain", question.parts_html)
        self.assertEqual(self.app.state, "deleting")
        self.assertEqual(list(self.states()), ["mail_domain", "app", "names"])
        job = self.killed("mail_release")
        self.assertEqual(
            job._contract_values()["app"]["mail_domain"], "shop.apps.example.com"
        )
        self.assertEqual(
            self.states(), {"mail_domain": "leaving", "app": "to_do", "names": "to_do"}
        )
        self.done(job, mail_domain=self.released())
        self.assertEqual(
            self.states(), {"mail_domain": "gone", "app": "to_do", "names": "to_do"}
        )
        job = self.killed("delete")
        self.assertIsNone(job._contract_values()["app"]["mail_domain"])
        self.assertEqual(self.states()["app"], "leaving")
        self.done(job, namespace_deleted=True)
        self.assert_nothing_left()

    def test_a_registration_that_was_killed_is_taken_back_too(self):
        self.become_reachable()
        self.claim("mail_domain")
        self.take_back()
        job = self.app.job_ids.filtered(lambda job: job.kind == "mail_domain")
        self.assertTrue(job.cancel_requested)
        self.assertEqual(self.states()["mail_domain"], "to_do")
        job._conclude({"state": "cancelled", "error": None, "result": None})
        self.done(self.claim("mail_release"), mail_domain=self.released())
        self.done(self.claim("delete"), namespace_deleted=True)
        self.assert_nothing_left()

    def test_mail_that_cannot_go_now_holds_up_nothing_and_goes_later(self):
        self.registered()
        self.live("invitation")._cancel()
        self.take_back()
        self.failed(self.claim("mail_release"), "mailgun", "Mailgun is down.")
        self.assertEqual(self.part("mail_domain").state, "failed")
        job = self.claim("delete")
        self.assertEqual(
            job._contract_values()["app"]["mail_domain"], "shop.apps.example.com"
        )
        self.done(
            job, namespace_deleted=True, mail_domain=self.domain(message="Still down")
        )
        self.go_on_with_what_is_left()

    def test_a_take_back_that_is_cancelled_gives_the_mail_domain_back(self):
        self.registered()
        self.live("invitation")._cancel()
        self.take_back()
        self.done(self.claim("mail_release"), mail_domain=self.released())
        self.live("delete").action_cancel()
        self.assertEqual(self.app.wanted_state, "running")
        self.app._release_mail_domain()
        self.assertEqual(self.app.mail_state, "none")
        self.run_cron()
        self.assertEqual(self.part("mail_domain").state, "under_way")

    def test_cancelled_before_the_release_it_stays(self):
        self.registered()
        self.live("invitation")._cancel()
        self.take_back()
        self.live("delete").action_cancel()
        self.assertFalse(self.live("mail_release"))
        self.assertEqual(self.app.mail_state, "active")

    # -- removing --------------------------------------------------------------------

    def go_on_with_what_is_left(self):
        """The app is gone and its mail domain is not: that is open, holds the name, and
        goes on by itself."""
        self.assertEqual(self.app.state, "deleted")
        states = self.states()
        self.assertEqual(states["mail_domain"], "failed")
        self.assertEqual((states["app"], states["names"]), ("gone", "to_do"))
        self.assertTrue(self.app.hostname_ids)
        self.assertEqual(self.app.installation_state, "failed")
        rows = self.env["kubernetes.attention"].search([("app_id", "=", self.app.id)])
        self.assertEqual(rows.mapped("reason"), ["mail_failed"])
        with self.assertRaisesRegex(UserError, "may still be at Mailgun"):
            self.app.unlink()
        waiting = self.live("mail_release")
        self.assertGreater(waiting.run_at, fields.Datetime.now())
        self.app.action_retry_installation()
        self.assertEqual(self.live("mail_release"), waiting, "one is enough")
        self.done(self.killed("mail_release"), mail_domain=self.released())
        self.assert_nothing_left()

    def test_removed_the_mail_goes_last_whoever_is_killed(self):
        self.registered()
        self.app._enqueue("delete", {"keep_volumes": False})
        self.assertEqual(list(self.states()), ["app", "mail_domain", "names"])
        job = self.killed("delete")
        self.assertEqual(
            self.states(), {"app": "leaving", "mail_domain": "to_do", "names": "to_do"}
        )
        self.done(job, namespace_deleted=True, mail_domain=self.released())
        self.assert_nothing_left()

    def test_a_mail_domain_that_a_delete_leaves_is_not_forgotten(self):
        self.registered()
        self.app._enqueue("delete", {"keep_volumes": False})
        self.done(
            self.claim("delete"),
            namespace_deleted=True,
            mail_domain=self.domain(message="401: the key is wrong"),
        )
        self.go_on_with_what_is_left()

    def test_the_pauses_grow_for_as_long_as_it_is_there(self):
        self.registered()
        self.app._enqueue("delete", {"keep_volumes": False})
        left = self.domain(message="401: the key is wrong")
        self.done(self.claim("delete"), namespace_deleted=True, mail_domain=left)
        pauses = []
        for _time in range(4):
            job = self.live("mail_release")
            now = fields.Datetime.now()
            pauses.append(round((job.run_at - now).total_seconds() / 60))
            job.run_at = now
            self.done(self.claim("mail_release"), mail_domain=left)
        self.assertEqual(pauses, [1, 3, 7, 15])

    def test_what_follows_a_delete_and_fails_in_odoo_is_made_up_for(self):
        self.registered()
        self.app._enqueue("delete", {"keep_volumes": False})
        app = type(self.app)
        with (
            patch.object(app, "_release_mail_domain", side_effect=ZeroDivisionError),
            mute_logger(MUTED),
        ):
            self.done(
                self.claim("delete"),
                namespace_deleted=True,
                mail_domain=self.released(),
            )
        self.assertEqual(self.app.state, "deleted")
        self.assertEqual(self.part("mail_domain").state, "to_do")
        self.assertTrue(self.app.hostname_ids)
        self.run_cron()
        self.run_cron()
        job = self.claim("mail_release")
        self.done(job, mail_domain=self.released())
        self.assert_nothing_left()

    def test_removed_by_hand_it_is_done(self):
        self.registered()
        self.app._enqueue("delete", {"keep_volumes": False})
        left = self.domain(message="401: the key is wrong")
        self.done(self.claim("delete"), namespace_deleted=True, mail_domain=left)
        self.app.action_forget_mail_domain()
        self.assert_nothing_left()

    def test_that_no_worker_has_a_key_any_more_is_said(self):
        self.registered()
        self.app._enqueue("delete", {"keep_volumes": False})
        left = self.domain(message="401: the key is wrong")
        self.done(self.claim("delete"), namespace_deleted=True, mail_domain=left)
        self.has_worker(self.worker, False)
        why = self.live("mail_release")._why_untaken(self.worker)
        self.assertIn("has a Mailgun key", why)

    def test_the_domain_of_a_customer_in_the_portal(self):
        self.registered()
        self.app._enqueue("delete", {"keep_volumes": False})
        names = [part["name"] for part in self.app._customer_status()["parts"]]
        self.assertEqual(names, ["Your app", "Your app's mail"])
