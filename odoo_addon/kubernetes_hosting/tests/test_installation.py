# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..models.kubernetes_job import LEASE_SECONDS
from .common import KubernetesQueueCase
from .test_app_domain import NAME, found


class InstallationCase(KubernetesQueueCase):
    """What becomes of an app as a whole, whatever dies on the way."""

    def states(self, app):
        """``{code: state}`` of the app's parts, in their order."""
        app.invalidate_recordset()
        return {part.code: part.state for part in app._parts()}

    def message(self, app, code):
        return next(part.message for part in app._parts() if part.code == code)

    def kill(self, job):
        """The worker that does the job is never heard of again; another one gets it
        when its lease has ended. Returns the job as that one has it."""
        token = job.token
        job.lease_until = fields.Datetime.subtract(fields.Datetime.now(), seconds=1)
        self.jobs._expire_leases()
        self.assertEqual(job.state, "pending")
        self.assertEqual(self.claim(worker=self.other_worker), job)
        self.assertNotEqual(job.token, token)
        return job

    def delete_question(self, app, **values):
        action = app.action_take_back()
        return (
            self.env[action["res_model"]]
            .with_context(**action["context"])
            .create(values)
        )

    def done(self, job, **result):
        job._conclude(self.outcome("done", **result))

    def assert_nothing_left(self, app):
        self.assertEqual(app.state, "deleted")
        self.assertEqual(app.namespace_id.state, "deleted")
        self.assertFalse(app.hostname_ids)
        self.assertFalse(app.domain_ids)
        self.assertFalse(app.live_job_id)
        self.assertEqual(set(self.states(app).values()), {"gone"})
        self.assertEqual(app.installation_state, "done")
        # The names are free for the next one.
        again = self.create_app(app.name)
        self.assertEqual(again.hostname, app.hostname)
        self.assertEqual(again.namespace_id.name, app.namespace_id.name)


@tagged("post_install", "-at_install")
class TestInstallation(InstallationCase):
    """Installing arrives, or says which part failed."""

    def test_each_part_stands_in_its_place_until_the_app_runs(self):
        app = self.create_app(partner_id=False)
        self.assertEqual(
            list(self.states(app).items()),
            [("package", "done"), ("names", "done"), ("app", "to_do")],
        )
        self.assertEqual(app.installation_state, "open")
        self.env["kubernetes.app.domain"].create({"app_id": app.id, "name": NAME})
        self.assertEqual(self.states(app)["domain"], "waiting")
        app._enqueue("deploy")
        self.assertEqual(self.states(app)["app"], "under_way")
        job = self.claim(kinds=["deploy"])
        self.done(job, observation=self.observation("running"))
        self.assertEqual(self.states(app)["app"], "done")
        self.assertEqual(app.installation_state, "open", "its domain is not there yet")
        app._check_domains_now()
        self.done(self.claim(kinds=["domains"]), domains=[found()])
        self.assertEqual(self.states(app)["domain"], "under_way")
        job = self.claim(kinds=["deploy"])
        self.done(job, observation=self.observation("running"))
        self.assertEqual(self.states(app)["domain"], "done")
        self.assertEqual(app.installation_state, "done")
        self.assertIn("Domain", app.parts_html)

    def test_killed_anywhere_it_arrives_at_the_same_end(self):
        app = self.create_app(partner_id=False)
        app._enqueue("deploy")
        job = self.kill(self.claim())
        self.assertEqual(self.states(app)["app"], "under_way")
        self.done(job, observation=self.observation("running"))
        self.assertEqual(app.installation_state, "done")
        self.assertEqual(len(app.job_ids), 1, "what was made was not made twice")

    def test_what_failed_is_named_kept_and_gone_on_with(self):
        self.customer.email = "customer@demo.example"
        app = self.create_app()
        namespace, hostnames = app.namespace_id, app.hostname_ids
        app._enqueue("deploy")
        self.claim()._conclude(self.outcome("failed", "apply_refused"))
        self.assertEqual(
            self.states(app),
            {
                "package": "done",
                "names": "done",
                "app": "failed",
                "invitation": "to_do",
            },
        )
        self.assertEqual(app.installation_state, "failed")
        self.assertIn("It broke", self.message(app, "app"))
        self.assertIn("Mend it", self.message(app, "app"))
        row = self.env["kubernetes.attention"].search([("app_id", "=", app.id)])
        self.assertEqual(row.reason, "app_failed")
        self.assertIn("“Take Back”", row.hint)
        app.with_user(self.create_user("operator")).action_retry_installation()
        self.assertEqual((app.namespace_id, app.hostname_ids), (namespace, hostnames))
        self.assertEqual(self.states(app)["app"], "under_way")
        self.done(self.claim(), observation=self.observation("running"))
        self.assertEqual(self.states(app)["app"], "done")
        with self.assertRaisesRegex(UserError, "nothing to retry"):
            app.action_retry_installation()

    def test_what_only_a_person_can_mend_is_said_instead_of_tried_again(self):
        app = self.create_app()
        self.manifests[1].write({"pin": "sha256:" + 64 * "a"})
        self.manifests[1]._as_system().write({"digest": "sha256:" + 64 * "b"})
        app._enqueue("deploy")
        self.claim()._conclude(self.outcome("failed", "manifest_changed"))
        self.assertEqual(self.states(app)["package"], "failed")
        with self.assertRaisesRegex(UserError, "pinned to any more: Odoo"):
            app.action_retry_installation()

    def test_a_transaction_that_is_rolled_back_leaves_what_was_there(self):
        app = self.create_app()
        app._enqueue("deploy")
        self.claim()._conclude(self.outcome("failed", "apply_refused"))
        before = self.states(app)
        for act in (app.action_retry_installation, app._take_back):
            try:
                with self.env.cr.savepoint():
                    act()
                    self.env.flush_all()
                    raise ZeroDivisionError
            except ZeroDivisionError:
                self.env.invalidate_all()
            self.assertEqual(self.states(app), before)
            self.assertEqual(app.wanted_state, "running")
            self.assertEqual(len(app.job_ids), 1)

    def test_who_only_looks_sees_it_and_may_not_act(self):
        app = self.create_app()
        app._enqueue("deploy")
        self.claim()._conclude(self.outcome("failed", "apply_refused"))
        looking = app.with_user(self.create_user("user"))
        self.assertEqual(looking.installation_state, "failed")
        self.assertIn("It broke", looking.parts_html)
        for act in ("action_retry_installation", "action_take_back"):
            with self.assertRaises(AccessError):
                getattr(looking, act)()

    def test_a_customer_reads_what_is_theirs_in_their_words(self):
        app = self.create_app()
        app._enqueue("deploy")
        job = self.claim()
        self.env["kubernetes.app.domain"].create({"app_id": app.id, "name": NAME})
        parts = [
            (part["name"], part["label"]) for part in app._customer_status()["parts"]
        ]
        self.assertEqual(
            [part for part in parts if part[0] != "Your app's mail"],
            [
                ("Your app", "In progress"),
                (NAME, "Waiting for your DNS record"),
                ("Your sign-in details", "Still to come"),
            ],
        )
        job._conclude(self.outcome("failed", "apply_refused"))
        (first, *_others) = app._customer_status()["parts"]
        self.assertEqual(first["label"], "Our team takes care of it")
        # Once it is theirs, its page says how it is and not how it was made.
        app.action_retry_installation()
        done = self.claim(kinds=["deploy"])
        self.done(done, observation=self.observation("running"))
        app._as_system().invitation_state = "sent"
        self.assertEqual(app._customer_status()["parts"], [])

    def test_in_german(self):
        self.env["res.lang"]._activate_lang("de_DE")
        app = self.create_app().with_context(lang="de_DE")
        self.assertIn("Adresse und Namespace", app.parts_html)
        self.assertIn("Zu tun", app.parts_html)
        (first, *_others) = app._customer_status()["parts"]
        self.assertEqual((first["name"], first["label"]), ("Ihre App", "Kommt noch"))


@tagged("post_install", "-at_install")
class TestTakeBack(InstallationCase):
    """An installation that failed is taken back by one button."""

    def setUp(self):
        super().setUp()
        self.app = self.create_app()
        self.app._enqueue("deploy")
        self.claim()._conclude(self.outcome("failed", "apply_refused"))
        self.env["kubernetes.app.domain"].create({"app_id": self.app.id, "name": NAME})

    def test_the_question_names_what_goes_and_one_button_ends_it(self):
        self.assertTrue(self.app.can_take_back)
        operator = self.create_user("operator")
        question = self.delete_question(self.app.with_user(operator))
        self.assertFalse(question.is_typed)
        self.assertTrue(question.delete_volumes)
        for what in (NAME, self.app.hostname, self.app.namespace_id.name, "unit"):
            self.assertIn(what, question.parts_html)
        question.action_confirm()
        self.assertFalse(self.app.can_take_back)
        self.assertEqual(list(self.states(self.app)), ["domain", "app", "names"])
        job = self.claim(kinds=["delete"])
        # What the worker gets is a delete like any other.
        self.assertEqual(job._contract_values()["options"], {"keep_volumes": False})
        self.assertEqual(self.states(self.app)["domain"], "leaving")
        self.done(job, namespace_deleted=True)
        self.assert_nothing_left(self.app)

    def test_killed_at_each_attempt_it_ends_the_same(self):
        self.delete_question(self.app).action_confirm()
        job = self.claim(kinds=["delete"])
        for _time in range(3):
            self.assertEqual(self.states(self.app)["app"], "leaving")
            job = self.kill(job)
        self.done(job, namespace_deleted=True)
        self.assert_nothing_left(self.app)

    def test_failed_for_good_it_is_said_and_goes_on_by_retry(self):
        self.delete_question(self.app).action_confirm()
        self.claim(kinds=["delete"])._conclude(self.outcome("failed", "not_deleted"))
        self.assertEqual(
            self.states(self.app),
            {"domain": "failed", "app": "failed", "names": "to_do"},
        )
        self.assertTrue(self.app.domain_ids, "they are the app's as long as it answers")
        self.assertEqual(self.app.installation_state, "failed")
        row = self.env["kubernetes.attention"].search([("app_id", "=", self.app.id)])
        self.assertIn("“Retry” on the app", row.hint)
        self.app.action_retry_installation()
        job = self.claim(kinds=["delete"])
        self.assertTrue(job.options["take_back"], "it is still the way back")
        self.done(job, namespace_deleted=True)
        self.assert_nothing_left(self.app)

    def test_cancelled_it_is_an_installation_again(self):
        self.delete_question(self.app).action_confirm()
        self.app._live_job("delete").action_cancel()
        self.assertEqual(self.app.wanted_state, "running")
        self.assertEqual(self.states(self.app)["app"], "failed")
        self.assertTrue(self.app.can_take_back)

    def test_what_a_deploy_has_brought_once_is_typed_as_for_any_delete(self):
        self.app.action_retry_installation()
        job = self.claim(kinds=["deploy"])
        self.done(job, observation=self.observation("running"))
        question = self.delete_question(self.app)
        self.assertTrue(question.is_typed)
        with self.assertRaisesRegex(UserError, "type unit/shop-prod"):
            question.action_confirm()
        question.confirmed_name = question.confirmation
        question.action_confirm()
        self.assertEqual(self.app.wanted_state, "deleted")

    def test_what_its_customer_has_is_deleted_and_not_taken_back(self):
        question = self.delete_question(self.app)
        self.app.action_retry_installation()
        job = self.claim(kinds=["deploy"])
        self.done(job, observation=self.observation("running"))
        self.app._as_system().invitation_state = "sent"
        with self.assertRaisesRegex(UserError, "Press “Delete”"):
            self.app.action_take_back()
        question.confirmed_name = question.confirmation
        with self.assertRaisesRegex(UserError, "Press “Delete”"):
            question.action_confirm()

    def test_an_app_that_was_taken_over_is_not_taken_back(self):
        app = self.create_app("other")
        job = app._enqueue("adopt")
        self.claim(kinds=["adopt"])._conclude(self.outcome("done"))
        self.assertEqual(job.state, "done")
        with self.assertRaisesRegex(UserError, "has come to its end"):
            app.action_take_back()


@tagged("post_install", "-at_install")
class TestRemoval(InstallationCase):
    """A removal leaves nothing half forgotten."""

    def setUp(self):
        super().setUp()
        self.app = self.deployed()
        self.env["kubernetes.app.domain"].create({"app_id": self.app.id, "name": NAME})

    def test_domains_go_before_the_app_and_the_names_last(self):
        self.app._enqueue("delete", {"keep_volumes": False})
        self.assertEqual(
            self.states(self.app),
            {"domain": "to_do", "app": "to_do", "names": "to_do"},
        )
        job = self.claim(kinds=["delete"])
        self.assertEqual(
            self.states(self.app),
            {"domain": "leaving", "app": "leaving", "names": "to_do"},
        )
        step = {
            "number": 1,
            "code": "closing",
            "state": "done",
            "started_at": fields.Datetime.now(),
            "seconds": 1.0,
            "message": "",
            "message_words": None,
        }
        job._record_steps([step])
        self.assertEqual(
            self.states(self.app),
            {"domain": "gone", "app": "leaving", "names": "to_do"},
        )
        # Whoever comes after it goes on.
        job = self.kill(job)
        self.assertEqual(self.states(self.app)["domain"], "gone")
        self.done(job, namespace_deleted=True)
        self.assert_nothing_left(self.app)

    def test_kept_volumes_are_shown_and_hold_the_namespace(self):
        self.app._enqueue("delete", {"keep_volumes": True})
        self.done(self.claim(kinds=["delete"]), inventory=[])
        self.assertEqual(
            self.states(self.app), {"domain": "gone", "app": "kept", "names": "kept"}
        )
        self.assertIn("“Delete Volumes”", self.message(self.app, "app"))
        self.assertEqual(self.app.installation_state, "done")

    def test_what_a_lost_worker_says_too_late_changes_nothing(self):
        self.app._enqueue("delete", {"keep_volumes": False})
        job = self.claim(kinds=["delete"])
        late = fields.Datetime.now() + timedelta(seconds=LEASE_SECONDS + 1)
        job = self.kill(job)
        self.assertEqual(job.worker_id, self.other_worker)
        self.app._apply_observation(self.observation("running", late))
        self.assertEqual(self.app.state, "deleting")
        self.done(job, namespace_deleted=True)
        self.assert_nothing_left(self.app)

    def test_the_cron_gives_back_what_was_held(self):
        self.app._enqueue("delete", {"keep_volumes": False})
        self.done(self.claim(kinds=["delete"]), namespace_deleted=True)
        app = self.app._as_system()
        app.env["kubernetes.hostname"]._take(
            app.cluster_id, app.name, app.environment_id, {"app_id": app.id}
        )
        app.invalidate_recordset()
        self.assertEqual(self.states(app)["names"], "to_do")
        left = app.with_context(active_test=False).search(app._removal_open())
        self.assertEqual(left, app)
        left._go_on_removing()
        self.assert_nothing_left(app)
