# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import timedelta

from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.modules.neutralize import neutralize_database
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.kubernetes_hosting.models.kubernetes_job import IDLE_SECONDS
from odoo.addons.kubernetes_hosting.tests.common import KubernetesTransactionCase
from odoo.addons.kubernetes_hosting.tests.invitation import InvitationCase

RECORDS = [
    {
        "purpose": "sending",
        "type": "TXT",
        "name": "shop.apps.example.com",
        "value": "v=spf1 include:mailgun.org ~all",
        "priority": None,
        "validity": "unknown",
    },
    {
        "purpose": "receiving",
        "type": "MX",
        "name": "shop.apps.example.com",
        "value": "mxa.eu.mailgun.org",
        "priority": 10,
        "validity": "unknown",
    },
]
MUTED = ("odoo.addons.kubernetes_hosting.models.kubernetes_live",)


class MailCase(InvitationCase):
    """As ``InvitationCase``, and its worker has a Mailgun account in the EU."""

    @classmethod
    def has_worker(cls, worker, region="eu"):
        result = super().has_worker(worker)
        worker.sudo().mailgun_region = region
        return result

    def domain(self, state="unverified", published=True, records=None, message=""):
        return {
            "name": self.app.hostname,
            "state": state,
            "published": published,
            "message": message,
            "records": RECORDS if records is None else records,
        }


@tagged("post_install", "-at_install")
class TestMailDomain(MailCase, KubernetesTransactionCase):
    """The mail domain's part in Odoo."""

    def test_a_neutralized_copy_owns_no_mail_domain_of_the_original(self):
        """Domains from before apps had a UID bear a mark that the copy has, too."""
        self.app.sudo().mail_mark = "database"
        self.env.flush_all()
        neutralize_database(self.env.cr)
        self.env.invalidate_all()
        self.assertEqual(self.app.mail_mark, "app")

    def test_a_reachable_app_gets_its_mail_domain_once(self):
        self.assertEqual(self.app.mail_state, "none")
        self.become_reachable()
        self.assertEqual(self.app.mail_state, "waiting")
        first = self.live("mail_domain")
        # Gone and back again: nothing is asked for a second time.
        self.app._apply_observation({**self.observation(), "state": "degraded"})
        self.app._apply_observation(self.observation())
        self.assertEqual(
            self.app.job_ids.filtered(lambda job: job.kind == "mail_domain"), first
        )

    def test_an_app_that_does_not_answer_yet_gets_none(self):
        self.app._enqueue("deploy")
        seen = self.observation()
        seen["ingress"] = {**seen["ingress"], "state": "no_address"}
        self.done(self.claim("deploy"), observation=seen)
        self.assertEqual(self.app.mail_state, "none")
        self.assertEqual(self.app.invitation_state, "none")

    def test_not_where_the_environment_wants_none(self):
        self.prod.mail_domain = False
        self.become_reachable()
        self.assertEqual(self.app.mail_state, "none")
        self.assertFalse(self.live("mail_domain"))
        self.assertTrue(self.own_mail())

    def test_records_are_stored_with_the_app(self):
        self.become_reachable()
        self.done(self.claim("mail_domain"), mail_domain=self.domain())
        self.assertEqual(self.app.mail_domain, "shop.apps.example.com")
        self.assertEqual(self.app.mail_state, "unverified")
        self.assertTrue(self.app.mail_registered_at)
        mx = self.app.dns_record_ids.filtered(lambda r: r.record_type == "MX")
        self.assertEqual(
            (mx.purpose, mx.name, mx.value, mx.priority, mx.validity),
            ("receiving", "shop.apps.example.com", "mxa.eu.mailgun.org", 10, "unknown"),
        )
        txt = self.app.dns_record_ids - mx
        self.assertFalse(txt.has_priority)
        self.assertEqual(txt.validity_label, "Not checked yet")
        # The same records keep their ids; found ones replace them.
        ids = self.app.dns_record_ids.ids
        self.check_again(self.domain())
        self.assertEqual(self.app.dns_record_ids.ids, ids)
        found = [{**record, "validity": "valid"} for record in RECORDS]
        self.check_again(self.domain("active", records=found))
        self.assertEqual(set(self.app.dns_record_ids.mapped("validity")), {"valid"})
        self.assertEqual(self.app.mail_state, "active")

    def check_again(self, found):
        self.app.action_check_mail_domain()
        self.done(self.claim("mail_domain"), mail_domain=found)

    def test_verification_is_asked_for_with_growing_pauses(self):
        self.become_reachable()
        pauses = []
        for _check in range(12):
            job = self.live("mail_domain")
            pauses.append(
                round((job.run_at - fields.Datetime.now()).total_seconds() / 60)
            )
            job.run_at = fields.Datetime.now()
            self.app.job_ids.filtered(
                lambda job: job.kind == "invitation" and job.state == "pending"
            )._cancel()
            self.done(self.claim("mail_domain"), mail_domain=self.domain())
        self.assertEqual(pauses, [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 360, 360])
        self.check_again(self.domain("active"))
        self.assertEqual(self.app.mail_check_count, 0)
        self.assertFalse(self.live("mail_domain"))

    def test_a_check_that_waits_holds_up_nothing(self):
        self.become_reachable()
        self.done(self.claim("mail_domain"), mail_domain=self.domain())
        self.assertGreater(self.live("mail_domain").run_at, fields.Datetime.now())
        self.app._enqueue("restart")
        self.done(self.claim("restart"))
        self.assertEqual(self.app.state, "running")

    def test_a_failure_never_touches_the_app_and_says_the_way_out(self):
        self.become_reachable()
        self.failed(
            self.claim("mail_domain"),
            "mail_domain_foreign",
            "Somebody else has shop.apps.example.com at Mailgun.",
            "Remove it there or give the app another name.",
        )
        self.assertEqual(self.app.state, "running")
        self.assertEqual(self.app.mail_state, "failed")
        self.assertIn("Somebody else", self.app.mail_message)
        self.assertIn("Remove it there", self.app.mail_hint)
        self.assertIn("Somebody else", self.notes())
        # It is retried on its own, not before an hour, and may succeed then.
        again = self.live("mail_domain")
        self.assertGreater(again.run_at, fields.Datetime.now() + timedelta(minutes=55))
        again.run_at = fields.Datetime.now()
        self.done(self.claim("mail_domain"), mail_domain=self.domain("active"))
        self.assertEqual(self.app.mail_state, "active")
        self.assertFalse(self.app.mail_hint)

    def failed_for_the_key(self):
        self.become_reachable()
        self.failed(self.claim("mail_domain"), "mailgun_key", "401.", "Give a key.")
        self.assertEqual(self.app.mail_state, "failed")
        self.assertEqual(self.app.mail_message, "401.")
        self.assertEqual(self.app.mail_hint, "Give a key.")

    def assert_waits_and_says_nothing_old(self):
        self.assertEqual(self.app.mail_state, "waiting")
        self.assertFalse(self.app.mail_message)
        self.assertFalse(self.app.mail_hint)
        attention = self.env["kubernetes.attention"].search(
            [("app_id", "=", self.app.id), ("reason", "=", "mail_failed")]
        )
        self.assertFalse(attention)

    def test_what_failed_before_is_told_no_more_when_it_is_asked_for_again(self):
        self.failed_for_the_key()
        self.app.action_check_mail_domain()
        self.assert_waits_and_says_nothing_old()

    def test_nor_when_the_failed_job_itself_is_retried(self):
        self.failed_for_the_key()
        failed = self.app.job_ids.filtered(lambda job: job.state == "failed")
        failed.action_retry()
        self.assert_waits_and_says_nothing_old()

    def test_the_automatic_retry_leaves_what_is_still_true(self):
        self.failed_for_the_key()
        self.assertTrue(self.live("mail_domain"))
        self.run_cron()
        self.assertEqual(self.app.mail_state, "failed")
        self.assertEqual(self.app.mail_message, "401.")

    def test_a_released_domain_leaves_nothing_to_one_that_is_registered_anew(self):
        self.become_reachable()
        self.done(
            self.claim("mail_domain"), mail_domain=self.domain(message="TXT missing")
        )
        self.app.mail_registered_at -= timedelta(days=1)
        self.app._release_mail_domain()
        self.app.action_check_mail_domain()
        self.assert_waits_and_says_nothing_old()
        self.done(self.claim("mail_domain"), mail_domain=self.domain())
        self.assertEqual(self.app.mail_state, "unverified")
        self.assertFalse(self.app.mail_message)
        self.assertGreater(
            self.app.mail_registered_at, fields.Datetime.now() - timedelta(minutes=1)
        )
        self.assertEqual(self.app.mail_check_count, 1)

    def test_an_invitation_that_fails_otherwise_waits_for_no_address(self):
        self.customer.email = False
        self.become_reachable()
        self.done(self.claim("mail_domain"), mail_domain=self.domain("active"))
        self.assertTrue(self.app.invitation_lacks_address)
        self.app._invitation_failed("Something else.")
        self.assertFalse(self.app.invitation_lacks_address)

    def test_a_worker_lost_in_the_middle_is_followed_by_the_next(self):
        self.become_reachable()
        job = self.claim("mail_domain")
        job.lease_until = fields.Datetime.now() - timedelta(seconds=1)
        self.env["kubernetes.job"]._expire_leases()
        self.assertEqual(job.state, "pending")
        self.assertEqual(self.app.state, "running")
        self.done(self.claim("mail_domain"), mail_domain=self.domain("active"))
        self.assertEqual(self.app.mail_state, "active")

    def test_lost_for_good_is_tried_again_all_the_same(self):
        self.become_reachable()
        job = self.claim("mail_domain")
        job.write(
            {
                "attempt": job.max_attempts,
                "lease_until": fields.Datetime.now() - timedelta(seconds=1),
            }
        )
        self.env["kubernetes.job"]._expire_leases()
        self.assertEqual(job.state, "failed")
        self.assertEqual(self.app.mail_state, "failed")
        self.assertEqual(self.app.state, "running")
        self.assertTrue(self.live("mail_domain"))

    def test_the_cron_goes_on_where_a_job_was_cancelled(self):
        self.become_reachable()
        self.live("mail_domain").action_cancel()
        self.assertFalse(self.live("mail_domain"))
        self.run_cron()
        self.assertTrue(self.live("mail_domain"))

    def test_the_cron_commits_after_each_app_and_asks_only_where_it_can_begin(self):
        self.become_reachable()
        committed = self.run_cron()
        self.assertEqual(committed.call_args_list[0].kwargs, {"remaining": 1})
        self.assertEqual(len(committed.call_args_list), 2)
        self.app.write({"mail_state": "none", "invitation_state": "sent"})
        committed = self.run_cron()
        self.assertEqual(committed.call_args_list[0].kwargs, {"remaining": 1})
        for values in (
            {"mail_state": "active"},
            {"mail_state": "none", "ingress_state": "no_address"},
        ):
            self.app.write(values)
            committed = self.run_cron()
            self.assertEqual(committed.call_args_list[0].kwargs, {"remaining": 0})
        self.has_worker(self.worker, False)
        self.app.write({"ingress_state": "ready", "mail_state": "none"})
        committed = self.run_cron()
        self.assertEqual(committed.call_args_list[0].kwargs, {"remaining": 0})

    def test_a_worker_that_gets_mailgun_later_registers_then(self):
        self.has_worker(self.worker, False)
        self.become_reachable()
        self.assertEqual(self.app.mail_state, "none")
        self.assertFalse(self.live("mail_domain"))
        with self.assertRaisesRegex(UserError, r"\[mailgun\] section"):
            self.app.action_check_mail_domain()
        self.has_worker(self.worker, "us")
        self.run_cron()
        self.assertEqual(self.app.mail_state, "waiting")
        self.assertTrue(self.live("mail_domain"))

    def test_check_mail_domain_asks_at_once(self):
        self.become_reachable()
        self.done(self.claim("mail_domain"), mail_domain=self.domain())
        self.app.with_user(self.create_user("operator")).action_check_mail_domain()
        self.claim("mail_domain")

    def test_who_only_looks_may_not_ask(self):
        user = self.create_user("user")
        for action in ("action_check_mail_domain", "action_send_invitation"):
            with self.assertRaises(UserError):
                getattr(self.app.with_user(user), action)()

    def test_delete_releases_the_domain(self):
        self.become_reachable()
        self.done(self.claim("mail_domain"), mail_domain=self.domain())
        self.app._enqueue("delete", {"keep_volumes": False})
        job = self.claim("delete")
        self.assertEqual(
            job._contract_values()["app"]["mail_domain"], "shop.apps.example.com"
        )
        self.done(
            job, namespace_deleted=True, mail_domain=self.domain("released", records=[])
        )
        self.assertEqual(self.app.state, "deleted")
        self.assertEqual(self.app.mail_state, "released")
        self.assertFalse(self.app.mail_domain)
        self.assertFalse(self.app.dns_record_ids)
        self.assertFalse(self.live("mail_domain"))

    def test_delete_releases_what_a_registration_may_have_left(self):
        self.become_reachable()
        self.assertIsNone(self.app._contract_values()["mail_domain"])
        self.failed(self.claim("mail_domain"))
        self.assertEqual(
            self.app._contract_values()["mail_domain"], "shop.apps.example.com"
        )
        self.app._enqueue("delete", {"keep_volumes": False})
        self.done(
            self.claim("delete"),
            namespace_deleted=True,
            mail_domain=self.domain("released", records=[]),
        )
        self.assertEqual(self.app.mail_state, "released")
        self.assertIsNone(self.app._contract_values()["mail_domain"])

    def test_a_domain_that_stays_after_the_delete_is_told(self):
        self.become_reachable()
        self.done(self.claim("mail_domain"), mail_domain=self.domain())
        self.app._enqueue("delete", {"keep_volumes": False})
        self.done(
            self.claim("delete"),
            namespace_deleted=True,
            mail_domain=self.domain(message="401: the key is wrong"),
        )
        self.assertEqual(self.app.state, "deleted")
        self.assertEqual(self.app.mail_state, "failed")
        self.assertIn("401", self.app.mail_message)
        self.assertIn("by hand", self.app.mail_hint)
        self.app.action_forget_mail_domain()
        self.assertEqual(self.app.mail_state, "released")

    def test_one_that_was_somebody_elses_is_asked_for_again_after_a_take_over(self):
        self.become_reachable()
        self.failed(self.claim("mail_domain"), "mail_domain_foreign", "Taken.")
        self.app._enqueue("adopt")
        self.done(self.claim("adopt"))
        self.assertEqual(self.app.mail_state, "waiting")
        self.assertFalse(self.app.mail_message)

    def test_what_was_begun_at_mailgun_is_known_however_old_it_is(self):
        """The app's delete is to release the domain."""
        self.app._enqueue("mail_domain")
        begun = self.claim("mail_domain")
        begun.cancel_requested = True
        begun._conclude({"state": "cancelled", "error": None, "result": None})
        jobs = self.env["kubernetes.job"]
        jobs.search([("kind", "=", "mail_domain")]).finished_at = (
            fields.Datetime.now() - timedelta(days=40)
        )
        self.assertEqual(self.app._mail_domain(), self.app.hostname)
        jobs._gc_finished()
        self.assertEqual(self.app._mail_domain(), self.app.hostname)

    def test_a_domain_that_waits_for_dns_blocks_nothing(self):
        self.become_reachable()
        self.done(self.claim("mail_domain"), mail_domain=self.domain())
        self.assertFalse(self.app.live_job_id)
        self.app.action_restart()
        self.done(self.claim("restart"))

    def test_refusals_are_alike_for_not_there_and_not_yours(self):
        app = self.app.with_user(self.create_user("user"))
        for method in ("action_check_mail_domain", "action_forget_mail_domain"):
            with self.assertRaises(AccessError), mute_logger("odoo.models"):
                getattr(app, method)()

    def test_nobody_writes_the_seen_fields_by_hand(self):
        operator = self.create_user("operator")
        with self.assertRaises(UserError):
            self.app.with_user(operator).mail_state = "active"
        with self.assertRaises(UserError):
            self.app.with_user(operator).invitation_state = "sent"


@tagged("post_install", "-at_install")
class TestInvitation(MailCase, KubernetesTransactionCase):
    """The invitation."""

    def invited(self):
        self.become_reachable()
        self.done(self.claim("mail_domain"), mail_domain=self.domain("active"))
        return self.live("invitation")

    def test_sent_by_the_worker_from_the_apps_own_hostname(self):
        job = self.invited()
        message = job._contract_values()["message"]
        self.assertIn("noreply@shop.apps.example.com", message["from"])
        self.assertIn(self.env.company.name, message["from"])
        self.assertEqual(message["to"], ['"Customer" <customer@demo.example>'])
        self.assertIn("hello@harbour.example", message["reply_to"])
        self.assertEqual(message["subject"], "Your app shop is ready")
        placeholder = message["password"]["placeholder"]
        self.assertRegex(placeholder, r"^chandlery-password-[0-9a-f]{32}$")
        self.assertEqual(message["password"]["key"], "postgres_password")
        for body in (message["html"], message["text"]):
            self.assertEqual(body.count(placeholder), 1)
            self.assertIn("http://shop.apps.example.com:8080", body)
            self.assertIn("admin", body)
        self.assertNotIn("<", message["text"])
        # Nothing sticks to what is copied from the text.
        self.assertIn(placeholder, message["text"].splitlines())
        self.assertIn("admin", message["text"].splitlines())
        self.assertNotIn("one-time", message["html"])
        self.done(self.claim("invitation"), message_id="<1.2@shop.apps.example.com>")
        self.assertEqual(self.app.invitation_state, "sent")
        self.assertEqual(self.app.invitation_message_id, "<1.2@shop.apps.example.com>")
        self.assertTrue(self.app.invitation_sent_at)
        self.assertIn("1.2@shop.apps.example.com", self.notes())
        self.assertIn("customer@demo.example", self.notes())

    def test_it_waits_for_no_dns_but_comes_from_the_operators_domain(self):
        self.worker.sudo().mailgun_sending_domain = "mail.harbour.example"
        self.become_reachable()
        self.assertEqual(self.app.invitation_state, "waiting")
        self.assertFalse(self.live("invitation"))
        self.done(self.claim("mail_domain"), mail_domain=self.domain())
        self.assertEqual(self.app.mail_state, "unverified")
        message = self.live("invitation")._contract_values()["message"]
        self.assertIn("<noreply@mail.harbour.example>", message["from"])
        self.assertTrue(message["password"]["placeholder"])
        self.assertFalse(self.own_mail())

    def test_without_a_domain_that_may_send_odoo_sends_a_one_time_link(self):
        self.become_reachable()
        self.done(self.claim("mail_domain"), mail_domain=self.domain())
        self.assertEqual(self.app.invitation_state, "sending")
        self.assertFalse(self.live("invitation"))
        self.assertIn("/password#", self.own_mail().body_html)

    def test_an_app_without_a_mail_domain_is_invited_from_the_operators(self):
        self.worker.sudo().mailgun_sending_domain = "mail.harbour.example"
        self.app.environment_id.mail_domain = False
        self.become_reachable()
        message = self.live("invitation")._contract_values()["message"]
        self.assertIn("<noreply@mail.harbour.example>", message["from"])

    def test_while_mailgun_says_nothing_it_waits_some_seconds(self):
        self.worker.sudo().mailgun_sending_domain = "mail.harbour.example"
        self.become_reachable()
        now = fields.Datetime.now()
        self.assertLessEqual(self.app.invitation_due, now + timedelta(seconds=10))
        self.env["kubernetes.app"]._invite_due()
        self.assertEqual(self.app.invitation_state, "waiting")
        self.app.invitation_due = now - timedelta(seconds=1)
        self.env["kubernetes.app"]._invite_due()
        self.assertEqual(self.app.invitation_state, "sending")
        self.assertFalse(self.live("invitation"), "Mailgun would not send it either")
        self.assertIn("/password#", self.own_mail().body_html)

    def test_a_worker_that_is_woken_asks_again_when_an_invitation_is_due(self):
        """Nobody tells it of that."""
        self.startPatcher(freeze_time(fields.Datetime.now()))
        due = fields.Datetime.now() + timedelta(seconds=20)
        self.app.write({"invitation_state": "waiting", "invitation_due": due})
        jobs = self.env["kubernetes.job"]
        self.assertEqual(jobs._idle_seconds(self.cluster), 20)
        self.assertEqual(jobs._idle_seconds(self.cluster.browse()), IDLE_SECONDS)

    def test_nobody_makes_dns_records_by_hand(self):
        records = self.env["kubernetes.dns.record"].with_user(
            self.create_user("operator")
        )
        self.assertFalse(records.search([]))
        with self.assertRaises(AccessError), mute_logger("odoo.models"):
            records.create({"app_id": self.app.id})

    def test_sent_once_however_often_jobs_end(self):
        self.done(self.claim_of(self.invited()), message_id="<1@x>")
        self.app._apply_observation({**self.observation(), "state": "degraded"})
        self.app._apply_observation(self.observation())
        self.become_reachable()
        self.app.action_check_mail_domain()
        self.done(self.claim("mail_domain"), mail_domain=self.domain("active"))
        self.run_cron()
        sent = self.app.job_ids.filtered(lambda job: job.kind == "invitation")
        self.assertEqual(len(sent), 1)
        self.assertFalse(self.own_mail())

    def claim_of(self, job):
        claimed = self.claim("invitation")
        self.assertEqual(claimed, job)
        return claimed

    def test_resent_only_on_request_and_with_a_new_placeholder(self):
        job = self.claim_of(self.invited())
        first = job.options["message"]["password"]["placeholder"]
        with self.assertRaisesRegex(UserError, "being sent already"):
            self.app.action_send_invitation()
        self.done(job, message_id="<1@x>")
        operator = self.create_user("operator")
        self.app.with_user(operator).action_send_invitation()
        again = self.live("invitation")
        self.assertNotEqual(again.options["message"]["password"]["placeholder"], first)
        self.assertIn("Invitation requested", self.notes())

    def test_an_uncertain_one_is_left_to_the_operator(self):
        self.failed(
            self.claim_of(self.invited()),
            "invitation_uncertain",
            "It may have been sent.",
            "Press Send Invitation Again.",
        )
        self.assertEqual(self.app.state, "running")
        self.assertEqual(self.app.invitation_state, "failed")
        self.assertIn("It may have been sent", self.app.invitation_problem)
        self.run_cron()
        self.assertFalse(self.live("invitation"))
        self.app.action_send_invitation()
        self.assertTrue(self.live("invitation"))

    def test_what_mailgun_refuses_goes_out_by_odoo_when_asked_again(self):
        self.failed(self.claim_of(self.invited()), "mailgun", "400 disabled")
        self.app.action_send_invitation()
        self.assertFalse(self.live("invitation"))
        self.assertTrue(self.own_mail())

    def test_a_domain_that_fails_for_good_does_not_hold_up_the_customer(self):
        self.become_reachable()
        self.failed(self.claim("mail_domain"), "mail_domain_foreign", "Taken.")
        self.assertEqual(self.app.invitation_state, "sending")
        self.assertTrue(self.own_mail())
        # When the domain comes to be later, nothing is sent again.
        self.live("mail_domain").run_at = fields.Datetime.now()
        self.done(self.claim("mail_domain"), mail_domain=self.domain("active"))
        self.assertFalse(self.live("invitation"))

    def test_no_worker_left_that_has_mailgun(self):
        self.invited()
        self.worker.sudo().state = "offline"
        job = self.live("invitation")
        self.cr.execute(
            "UPDATE kubernetes_job SET create_date = create_date - interval '1 hour'"
            " WHERE id = %s",
            [job.id],
        )
        job.invalidate_recordset()
        self.run_cron()
        self.assertEqual(job.state, "cancelled")
        self.assertTrue(self.own_mail())

    def test_a_cancelled_invitation_says_so(self):
        self.invited().action_cancel()
        self.run_cron()
        self.assertEqual(self.app.invitation_state, "failed")
        self.assertIn("cancelled", self.app.invitation_problem)

    def test_a_retry_goes_to_where_the_customer_is_now(self):
        job = self.invited()
        job.action_cancel()
        self.customer.email = "moved@demo.example"
        job.action_retry()
        message = self.live("invitation").options["message"]
        self.assertEqual(message["to"], ['"Customer" <moved@demo.example>'])

    def test_what_waits_for_a_former_customer_is_not_sent(self):
        job = self.invited()
        other = self.env["res.partner"].create(
            {"name": "Other", "email": "o@x.example"}
        )
        self.app.partner_id = other
        self.assertEqual(job.state, "cancelled")
        self.assertFalse(self.app.invitation_recipient)
        self.has_worker(self.worker, False)
        self.app.action_send_invitation()
        mail = self.own_mail()
        self.assertIn("o@x.example", mail.email_to)
        self.app.partner_id = self.customer
        self.assertFalse(mail.exists())
        self.run_cron()
        self.assertEqual(self.app.invitation_state, "failed")
        self.assertIn("Send Invitation", self.app.invitation_problem)

    def test_a_broken_template_is_told_and_nothing_lost(self):
        template = self.env.ref("kubernetes_hosting.mail_template_app_invitation")
        body = template.body_html
        # Odoo tries a template when it is saved, with the newest record only.
        self.create_app("newest")
        template.body_html = (
            "<p t-if=\"object.name == 'shop'\" t-out='object.no_such_field'/>"
        )
        self.become_reachable()
        with mute_logger("odoo.addons.mail.models.mail_render_mixin"):
            self.done(self.claim("mail_domain"), mail_domain=self.domain("active"))
        self.assertEqual(self.app.mail_state, "active")
        self.assertEqual(self.app.state, "running")
        self.assertEqual(self.app.invitation_state, "failed")
        self.assertIn(template.name, self.app.invitation_problem)
        self.assertIn("no_such_field", self.app.invitation_problem)
        self.assertNotIn("Traceback", self.app.invitation_problem)
        # The cron does not try the broken template again and again.
        self.run_cron()
        self.assertFalse(self.live("invitation"))
        with (
            self.assertRaisesRegex(UserError, "no_such_field"),
            mute_logger("odoo.addons.mail.models.mail_render_mixin"),
        ):
            self.app.action_send_invitation()
        template.body_html = body
        self.app.action_send_invitation()
        self.assertTrue(self.live("invitation"))
        self.assertFalse(self.app.invitation_problem)

    def test_a_template_without_the_password_is_told(self):
        template = self.env.ref("kubernetes_hosting.mail_template_app_invitation")
        template.body_html = "<p>Welcome to <t t-out='object.url'/></p>"
        self.become_reachable()
        self.done(self.claim("mail_domain"), mail_domain=self.domain("active"))
        self.assertEqual(self.app.invitation_state, "failed")
        self.assertIn("leaves the first password out", self.app.invitation_problem)

    def test_an_app_without_first_password_is_told_its_address(self):
        self.app.secret_id.line_ids.first_password = False
        message = self.invited()._contract_values()["message"]
        self.assertIsNone(message["password"])
        self.assertIn("http://shop.apps.example.com:8080", message["text"])
        self.assertNotIn("Password:", message["text"])

    def test_a_set_password_goes_to_the_worker_with_the_job(self):
        lines = self.app.secret_id.line_ids
        lines.first_password = False
        line = lines.filtered(lambda line: line.key == "smtp_password")
        line.first_password = True
        values = self.invited()._contract_values()
        self.assertEqual(values["message"]["password"]["key"], "smtp_password")
        self.assertEqual([item["value"] for item in values["secret"]], ["s3cr#t"])
        self.assertNotIn("s3cr#t", str(values["message"]))

    def test_a_generated_password_never_comes_to_odoo(self):
        values = self.invited()._contract_values()
        self.assertEqual(values["secret"], [])

    def test_a_customer_without_address_is_told_and_invited_later(self):
        self.customer.email = False
        self.become_reachable()
        self.done(self.claim("mail_domain"), mail_domain=self.domain("active"))
        self.assertEqual(self.app.invitation_state, "failed")
        self.assertIn("no e-mail address", self.app.invitation_problem)
        self.assertEqual(self.app.state, "running")
        self.run_cron()
        self.assertFalse(self.live("invitation"))
        self.customer.email = "late@demo.example"
        self.run_cron()
        message = self.live("invitation").options["message"]
        self.assertEqual(message["to"], ['"Customer" <late@demo.example>'])

    def sent_to(self, email, name="Customer"):
        """To whom the worker is to send."""
        self.customer.write({"name": name, "email": email})
        return self.invited()._contract_values()["message"]["to"]

    def test_a_domain_in_any_script_is_mailed_in_ascii(self):
        self.assertEqual(
            self.sent_to("Info@Müller.example"),
            ['"Customer" <info@xn--mller-kva.example>'],
        )

    def test_several_addresses_of_one_contact_are_mailed_each(self):
        to = self.sent_to('a@x.example, "B, C" <B@x.example>; d@x.example, A@x.example')
        self.assertEqual(
            to,
            [f'"Customer" <{name}@x.example>' for name in ("a", "b", "d")],
        )
        self.assertEqual(self.app.invitation_recipient, ", ".join(to))

    def test_it_is_told_early_and_none_of_it_is_left_to_the_worker(self):
        self.customer.email = "info@x.example\u200b"
        self.assertIn("U+200B", self.app.invitation_warning)
        self.become_reachable()
        self.done(self.claim("mail_domain"), mail_domain=self.domain("active"))
        self.assertFalse(self.live("invitation"))
        self.assertEqual(self.app.invitation_state, "failed")
        self.assertIn("U+200B", self.app.invitation_problem)
        self.assertFalse(self.app.invitation_warning)
        self.customer.email = "info@x.example"
        self.run_cron()
        self.assertTrue(self.live("invitation"))

    def test_the_good_addresses_are_mailed_and_the_others_told(self):
        self.assertEqual(
            self.sent_to("a@x.example, b..c@x.example"), ['"Customer" <a@x.example>']
        )
        self.assertIn("b..c@x.example", self.notes())

    def test_an_address_of_the_companys_own_network_is_mailed_by_odoo(self):
        self.customer.email = "root@localhost"
        self.become_reachable()
        self.done(self.claim("mail_domain"), mail_domain=self.domain("active"))
        self.assertFalse(self.live("invitation"))
        self.assertEqual(self.own_mail().email_to, '"Customer" <root@localhost>')

    def test_a_name_of_several_lines_and_signs_is_one_quoted_line(self):
        self.assertEqual(
            self.sent_to("a@x.example", 'Müller "M"\r\nBcc: b@x.example,\tSöhne'),
            ['"Müller \\"M\\" Bcc: b@x.example, Söhne" <a@x.example>'],
        )

    def test_replies_go_to_addresses_that_can_be_mailed(self):
        self.env.company.email = "hallo@müller.example, x@y.example"
        message = self.invited()._contract_values()["message"]
        self.assertEqual(
            [
                part.split("<")[-1].strip(">")
                for part in message["reply_to"].split(", ")
            ],
            ["hallo@xn--mller-kva.example", "x@y.example"],
        )
        self.assertTrue(message["from"].endswith("<noreply@shop.apps.example.com>"))

    def test_an_app_without_customer_invites_nobody(self):
        app = self.create_app("intern", partner_id=False)
        self.become_reachable(app)
        self.assertEqual(app.invitation_state, "none")
        self.assertEqual(app.mail_state, "waiting")
        with self.assertRaisesRegex(UserError, "no customer"):
            app.action_send_invitation()

    def test_an_app_that_does_not_answer_is_not_announced(self):
        with self.assertRaisesRegex(UserError, "does not answer yet"):
            self.app.action_send_invitation()

    def test_in_the_customers_language(self):
        self.env["res.lang"]._activate_lang("de_DE")
        self.env["ir.module.module"]._load_module_terms(
            ["kubernetes_hosting", "kubernetes_hosting_mailgun"], ["de_DE"]
        )
        self.customer.lang = "de_DE"
        message = self.invited()._contract_values()["message"]
        self.assertEqual(message["subject"], "Ihre App shop ist bereit")
        self.assertIn("Passwort", message["text"])
        self.assertIn("Produktion", message["html"])
        self.assertNotIn("Password:", message["text"])

    def test_the_subject_names_the_environment_that_is_not_production(self):
        self.env["res.lang"]._activate_lang("de_DE")
        self.env["ir.module.module"]._load_module_terms(
            ["kubernetes_hosting", "kubernetes_hosting_mailgun"], ["de_DE"]
        )
        self.int.mail_domain = True
        for number, (lang, subject) in enumerate(
            (
                ("en_US", "Your app shop-0 (Integration) is ready"),
                ("de_DE", "Ihre App shop-1 (Integration) ist bereit"),
            )
        ):
            self.customer.lang = lang
            app = self.create_app(f"shop-{number}", self.int)
            self.become_reachable(app)
            found = {**self.domain("active"), "name": app.hostname}
            self.done(self.claim("mail_domain", app), mail_domain=found)
            message = self.live("invitation", app)._contract_values()["message"]
            self.assertEqual(message["subject"], subject)

    def test_the_template_is_the_operators_to_edit(self):
        template = self.env.ref("kubernetes_hosting.mail_template_app_invitation")
        template.subject = "Welcome aboard {{ object.name }}"
        message = self.invited()._contract_values()["message"]
        self.assertEqual(message["subject"], "Welcome aboard shop")
        action = self.app.action_open_invitation_template()
        self.assertEqual(action["res_id"], template.id)
