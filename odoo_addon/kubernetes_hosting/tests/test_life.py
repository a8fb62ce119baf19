# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import timedelta
from unittest.mock import patch

from lxml import html

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import new_test_user
from odoo.tools import mute_logger

from ..models.kubernetes_live import CHANGED_EVENT
from .common import KubernetesQueueCase

LIVE_LOGGER = "odoo.addons.kubernetes_hosting.models.kubernetes_live"


class LifeCase(KubernetesQueueCase):
    def done(self, seen=None):
        """The worker takes the next job and does it; returns the job."""
        job = self.claim(limit=1)
        observation = seen and self.observation(seen, self.now())
        job._conclude(self.outcome("done", observation=observation))
        return job

    def failed(self, code="apply_refused"):
        job = self.claim(limit=1)
        job._conclude(self.outcome("failed", code))
        return job

    def now(self):
        """Later with every call, so that no observation is taken for old news."""
        self.moment = getattr(self, "moment", fields.Datetime.now()) + timedelta(
            seconds=1
        )
        return self.moment

    def stopped(self, name="shop"):
        app = self.deployed(name)
        app.action_stop()
        self.done("stopped")
        return app

    def resettable(self, mode="empty"):
        """A deployed integration app beside its production."""
        self.deployed("shop")
        app = self.create_app(
            "shop",
            self.int,
            reset_mode=mode,
            reset_manifest_line_ids=[
                Command.create({"manifest_id": self.manifests[1].id})
            ],
        )
        app._enqueue("deploy")
        self.done("running")
        return app


class TestStopStartRestart(LifeCase):
    """Stop, start, restart: each idempotent, each with its story."""

    def test_stopped_before_anything_was_made_is_stopped(self):
        """A claim was made for it, and its namespace was not."""
        app = self.create_app()
        app._enqueue("deploy")
        self.claim()
        app.action_stop()
        self.jobs.search([("kind", "=", "deploy")])._finish("cancelled")
        self.done("missing")
        app.namespace_id.state = "missing"
        app._update_state()
        self.assertEqual((app.state, app.state_message), ("stopped", False))

    def test_stop_and_start(self):
        app = self.deployed()
        app.action_stop()
        self.assertEqual((app.state, app.wanted_state), ("stopping", "stopped"))
        self.assertEqual(self.done("stopped").kind, "stop")
        self.assertEqual((app.state, app.wanted_state), ("stopped", "stopped"))
        self.assertFalse(app.state_message)
        app.action_start()
        self.assertEqual((app.state, app.wanted_state), ("starting", "running"))
        self.assertEqual(self.done("running").kind, "start")
        self.assertEqual((app.state, app.wanted_state), ("running", "running"))

    def test_restart_leaves_what_is_wanted(self):
        app = self.deployed()
        app.action_restart()
        self.assertEqual((app.state, app.wanted_state), ("restarting", "running"))
        self.assertEqual(self.done("running").kind, "restart")
        self.assertEqual((app.state, app.wanted_state), ("running", "running"))

    def test_stop_of_a_stopped_app_changes_nothing(self):
        app = self.stopped()
        app.action_stop()
        self.done("stopped")
        self.assertEqual((app.state, app.wanted_state), ("stopped", "stopped"))

    def test_asking_twice_joins_the_waiting_job(self):
        app = self.deployed()
        for ask in (app.action_restart, app.action_stop, app.action_start):
            before = app.job_ids
            ask()
            ask()
            self.assertEqual(len(app.job_ids - before), 1)

    def test_restart_of_a_stopped_app_is_refused(self):
        app = self.stopped()
        with self.assertRaisesRegex(UserError, "Start it instead"):
            app.action_restart()

    def test_restart_of_an_app_never_deployed_is_refused(self):
        app = self.create_app()
        with self.assertRaisesRegex(UserError, "Apply it instead"):
            app.action_restart()

    def test_start_of_an_app_never_deployed_deploys(self):
        app = self.create_app()
        app._enqueue("deploy")
        app.action_stop()
        self.assertEqual(self.done("missing").kind, "stop")
        self.assertEqual(app.state, "stopped")
        app.action_start()
        self.assertEqual(self.done("running").kind, "deploy")
        self.assertEqual((app.state, app.wanted_state), ("running", "running"))

    def test_nothing_is_asked_of_a_deleted_app(self):
        app = self.deployed()
        app._enqueue("delete", {"keep_volumes": True})
        for ask in (app.action_stop, app.action_start, app.action_restart):
            with self.assertRaisesRegex(UserError, "deleted or about to be"):
                ask()

    def test_a_failed_stop_says_so_and_can_be_retried(self):
        app = self.deployed()
        app.action_stop()
        job = self.failed()
        self.assertEqual(app.state, "failed")
        self.assertIn("Mend it", app.state_message)
        job.action_retry()
        self.assertEqual(app.state, "stopping")
        self.done("stopped")
        self.assertEqual(app.state, "stopped")

    def test_what_loses_data_is_retried_only_as_the_last_wish(self):
        """An old job among many that are marked empties no app."""
        app = self.resettable()
        app._enqueue("reset", {"reset": "empty"})
        job = self.failed()
        job.action_retry()
        again = app.job_ids[:1]
        self.assertEqual(again.kind, "reset")
        again.action_cancel()
        for old in (job, again):
            if old == job:
                app._enqueue("deploy")
                self.done("running")
            with self.assertRaisesRegex(UserError, "loses data"):
                old.action_retry()
        app._enqueue("delete", {"keep_volumes": False})
        delete = app.job_ids[:1]
        delete.action_cancel()
        with self.assertRaisesRegex(UserError, "loses data"):
            delete.action_retry()
        self.assertEqual(app.wanted_state, "running")
        app._enqueue("delete", {"keep_volumes": False})
        self.failed().action_retry()
        self.assertEqual(app.job_ids[:1].kind, "delete")

    def test_a_stop_or_start_that_took_too_long_heals(self):
        app = self.deployed()
        for ask, state in ((app.action_stop, "stopped"), (app.action_start, "running")):
            ask()
            job = self.failed("not_ready")
            self.assertEqual(app.state, "failed")
            app._apply_observation(
                self.observation(state, job.finished_at + timedelta(seconds=9))
            )
            self.assertEqual(app.state, state)

    def test_what_was_seen_in_the_future_outdates_nothing_that_comes_after_it(self):
        app = self.deployed()
        for known in (False, "2099-01-01"):
            app.observed_at = known
            future = fields.Datetime.to_datetime("2098-01-01")
            app._apply_observation(self.observation("stopped", future))
            self.assertEqual(app.state, "stopped")
            self.assertLessEqual(app.observed_at, fields.Datetime.now())
            app._apply_observation(self.observation("degraded"))
            self.assertEqual(app.state, "degraded")
            app.action_apply()
            self.done("running")
            self.assertEqual(app.state, "running")

    def test_what_runs_though_it_is_to_be_stopped_needs_attention(self):
        app = self.stopped()
        app._apply_observation(self.observation("running", self.now()))
        self.assertEqual(app.state, "degraded")
        self.assertIn("Press “Stop”", app.state_message)

    def test_what_somebody_else_scaled_to_zero_says_so(self):
        app = self.deployed()
        app._apply_observation(self.observation("stopped", self.now()))
        self.assertEqual(app.state, "stopped")
        self.assertIn("Start brings it back", app.state_message)
        app.action_start()
        self.assertEqual(self.done("running").kind, "start")

    # -- the latest wish wins ----------------------------------------------------

    def test_stop_cancels_what_would_bring_it_back(self):
        app = self.resettable()
        waiting = (
            app._enqueue("deploy")
            + app._enqueue("start")
            + app._enqueue("restart")
            + app._enqueue("reset", {"reset": "empty"})
        )
        refresh = app._enqueue("refresh")
        stop = app._enqueue("stop")
        self.assertEqual(set(waiting.mapped("state")), {"cancelled"})
        self.assertEqual((refresh.state, stop.state), ("pending", "pending"))
        self.assertEqual(app.wanted_state, "stopped")

    def test_stop_asks_a_running_deploy_to_stop(self):
        app = self.deployed()
        app.action_apply()
        deploy = self.claim()
        app.action_stop()
        self.assertTrue(deploy.cancel_requested)
        self.assertEqual(app.state, "stopping")
        self.assertFalse(self.claim())
        deploy._conclude(self.outcome("cancelled"))
        self.assertEqual(app.wanted_state, "stopped")
        self.assertEqual(self.done("stopped").kind, "stop")
        self.assertEqual(app.state, "stopped")

    def test_start_deploy_and_reset_cancel_a_waiting_stop(self):
        app = self.resettable()
        for kind in ("start", "deploy", "reset"):
            stop = app._enqueue("stop")
            app._enqueue(kind, {"reset": "empty"} if kind == "reset" else None)
            self.assertEqual(stop.state, "cancelled")
            self.assertEqual(app.wanted_state, "running")
            self.done("running")
            self.assertEqual(app.state, "running")

    def test_a_running_stop_finishes_before_the_start(self):
        app = self.deployed()
        app.action_stop()
        stop = self.claim()
        app.action_start()
        self.assertFalse(stop.cancel_requested)
        self.assertEqual(app.state, "stopping")
        self.assertFalse(self.claim())
        stop._conclude(self.outcome("done"))
        self.assertEqual(app.state, "starting")
        self.assertEqual(self.done("running").kind, "start")
        self.assertEqual((app.state, app.wanted_state), ("running", "running"))

    def test_delete_cancels_all_other_jobs(self):
        app = self.resettable()
        others = self.jobs
        for kind in ("refresh", "restart", "diff", "stop"):
            others += app._enqueue(kind)
        app._enqueue("delete", {"keep_volumes": True})
        self.assertEqual(set(others.mapped("state")), {"cancelled"})
        self.assertEqual((app.state, app.wanted_state), ("deleting", "deleted"))

    def test_a_cancelled_stop_leaves_the_app_running(self):
        app = self.deployed()
        app.action_stop()
        app.live_job_id.action_cancel()
        self.assertEqual((app.state, app.wanted_state), ("running", "running"))

    def test_a_cancelled_start_leaves_the_app_stopped(self):
        app = self.stopped()
        app.action_start()
        app.live_job_id.action_cancel()
        self.assertEqual((app.state, app.wanted_state), ("stopped", "stopped"))

    def test_a_cancelled_delete_of_a_stopped_app_leaves_it_stopped(self):
        app = self.stopped()
        app._enqueue("delete", {"keep_volumes": True}).action_cancel()
        self.assertEqual((app.state, app.wanted_state), ("stopped", "stopped"))

    # -- what does not change the app --------------------------------------------

    def test_other_kinds_leave_the_state_however_they_end(self):
        app = self.deployed()
        for kind in ("refresh", "diff", "password"):
            job = app._enqueue(kind)
            self.assertEqual(app.state, "running", kind)
            self.assertEqual(self.claim(), job)
            self.assertEqual(app.state, "running", kind)
            job._conclude(self.outcome("failed", "internal"))
            self.assertEqual(app.state, "running", kind)
            self.assertEqual(app.wanted_state, "running")

    def test_a_job_that_waits_for_its_time_blocks_nothing(self):
        app = self.deployed()
        later = app._enqueue("password", delay=3600)
        self.assertFalse(app.live_job_id)
        self.assertFalse(self.claim())
        app.action_restart()
        self.assertEqual(self.done("running").kind, "restart")
        with self.later(3601):
            self.assertEqual(self.claim(), later)

    def test_asking_sooner_brings_a_delayed_job_forward(self):
        app = self.deployed()
        job = app._enqueue("refresh", delay=3600)
        self.assertEqual(app._enqueue("refresh", delay=7200), job)
        self.assertLess(job.run_at, fields.Datetime.now() + timedelta(seconds=3601))
        self.assertEqual(app._enqueue("refresh"), job)
        self.assertEqual(self.claim(), job)

    def test_what_somebody_waits_for_comes_first_and_is_not_tried_again(self):
        app = self.deployed("shop")
        self.create_app("wiki")._enqueue("deploy")
        diff = app._enqueue("diff")
        self.assertEqual(self.claim(limit=1), diff)
        diff._conclude(self.outcome("retry", "cluster_unreachable"))
        self.assertEqual(diff.state, "failed")
        self.assertEqual(diff.error_code, "cluster_unreachable")

    def test_comparisons_and_previews_are_removed_after_a_day(self):
        app = self.deployed()
        app._enqueue("diff")
        diff = self.done()
        with self.later(23 * 3600):
            self.jobs._gc_awaited()
            self.assertTrue(diff.exists())
        with self.later(25 * 3600):
            self.jobs._gc_awaited()
        self.assertFalse(diff.exists())
        self.assertEqual(app.job_ids.mapped("kind"), ["deploy"])

    # -- mass actions ------------------------------------------------------------

    def test_mass_action_says_what_came_of_it(self):
        apps = self.deployed("shop") + self.stopped("wiki") + self.create_app("forum")
        answer = apps.action_restart()["params"]
        self.assertEqual(answer["type"], "warning")
        self.assertTrue(answer["sticky"])
        self.assertIn("for 1 apps, not for 2", answer["message"])
        self.assertIn("wiki (prod) is stopped", answer["message"])
        self.assertIn("forum (prod) was never deployed", answer["message"])
        self.assertEqual(apps.mapped("state"), ["restarting", "stopped", "new"])
        answer = apps.action_stop()["params"]
        self.assertEqual((answer["type"], answer["sticky"]), ("success", False))
        self.assertIn("for 3 apps", answer["message"])
        self.assertEqual(set(apps.mapped("state")), {"stopping"})

    def test_mass_action_names_a_few_refusals_only(self):
        apps = self.env["kubernetes.app"].create(
            [self.app_values(f"shop-{n}") for n in range(7)]
        )
        message = apps.action_restart()["params"]["message"]
        self.assertEqual(message.count("was never deployed"), 5)
        self.assertTrue(message.endswith("…"))

    def test_mass_apply_leaves_out_what_has_no_manifests(self):
        apps = self.create_app("shop") + self.create_app("wiki", manifest_line_ids=[])
        message = apps.action_apply()["params"]["message"]
        self.assertIn("wiki (prod) has no manifests", message)
        self.assertEqual(apps.mapped("state"), ["deploying", "new"])

    # -- a job's story -----------------------------------------------------------

    def test_a_job_is_read_in_full(self):
        """Steps, times, attempts and the worker of each."""
        app = self.deployed()
        app.action_restart()
        job = self.claim()
        step = {
            "number": 1,
            "code": "restarting",
            "state": "running",
            "started_at": fields.Datetime.now(),
            "seconds": None,
            "message": "2 workloads",
        }
        job._record_steps([step])
        job._conclude(self.outcome("retry", "cluster_unreachable"))
        with self.later(1000):
            self.claim(worker=self.other_worker)
            job._record_steps([{**step, "state": "done", "seconds": 1.5}])
            job._conclude(self.outcome("done"))
        first, second = job.step_ids
        self.assertEqual((first.attempt, second.attempt), (1, 2))
        self.assertEqual(first.worker_id, self.worker)
        self.assertEqual(second.worker_id, self.other_worker)
        self.assertEqual((first.state, first.message), ("failed", "It broke"))
        self.assertEqual((second.state, second.seconds), ("done", 1.5))
        self.assertEqual(second.name, "Restart workloads")
        self.assertEqual(second.label, "Restarting the app")
        self.assertTrue(job.started_at and job.finished_at)

    def test_every_step_has_words_for_operators_and_customers(self):
        steps = self.env["kubernetes.job.step"]
        self.assertEqual(steps._names().keys(), steps._labels().keys())

    def test_every_kind_has_words_for_customers(self):
        app = self.deployed()
        without_app = {"preview", "index", "remove"}
        for kind in set(dict(self.jobs._fields["kind"].selection)) - without_app:
            job = self.jobs.new({"kind": kind, "app_id": app.id})
            self.assertTrue(job._customer_label(), kind)
        words = set(dict(app._fields["state"].selection))
        for state in words:
            app.state = state
            self.assertTrue(app.customer_state, state)

    # -- objects -----------------------------------------------------------------

    def shown(self, app, lang="en_US"):
        """The rows of the app's table of objects, as they are read."""
        app.invalidate_recordset(["objects_html"])
        page = html.fromstring(app.with_context(lang=lang).objects_html)
        return page, [
            [" ".join(cell.text_content().split()) for cell in row.findall("td")]
            for row in page.iterfind(".//tbody/tr")
        ]

    def test_an_apps_objects_are_shown_with_health_age_and_reason(self):
        app = self.deployed()
        self.assertFalse(app.objects_html)
        missing = {"api_version": "v1", "kind": "Secret", "name": "hidden"}
        app.inventory = [{**missing, "namespace": "shop-prod"}]
        words = {"text": "{now} of {wanted} pods are ready", "values": {}}
        words["values"] = {"now": "0", "wanted": "2"}
        objects = [
            self.object_seen("ConfigMap", "settings"),
            self.object_seen(
                "Deployment",
                "web",
                "in_progress",
                message="0 of 2 pods are ready",
                message_words=words,
            ),
            self.object_seen("Job", "migrate", "failed", message="its pod failed"),
            self.object_seen("Service", "web", "not_found", created_at=None),
        ]
        app._apply_observation(self.observation("degraded", objects=objects))
        page, rows = self.shown(app)
        self.assertEqual(
            rows,
            [
                ["Job", "migrate", "Failed", "3 days", "its pod failed"],
                ["Service", "web", "Not found", "", ""],
                ["Deployment", "web", "In progress", "3 days", "0 of 2 pods are ready"],
                ["Secret", "hidden", "Not looked at", "", ""],
                ["ConfigMap", "settings", "Current", "3 days", ""],
            ],
        )
        self.assertIn("Objects: 5; not as they should be: 3", page.text_content())
        self.env["res.lang"]._activate_lang("de_DE")
        _page, german = self.shown(app, "de_DE")
        self.assertEqual(german[0][2:4], ["Fehlgeschlagen", "3 Tage"])

    def test_the_images_of_the_containers_are_shown_in_the_table_and_the_list(self):
        app = self.deployed()
        objects = [
            self.object_seen("ConfigMap", "settings"),
            self.object_seen("CronJob", "backup", images=["odoo:19.0", "restic:0.18"]),
            self.object_seen("Deployment", "web", images=["odoo:19.0"]),
        ]
        app._apply_observation(self.observation("running", objects=objects))
        self.assertEqual(app.images, "odoo:19.0, restic:0.18")
        self.assertIn(
            app, self.env["kubernetes.app"].search([("images", "like", "restic")])
        )
        _page, rows = self.shown(app)
        self.assertEqual(
            [row[1].split() for row in rows],
            [
                ["settings"],
                ["backup", "odoo:19.0,", "restic:0.18"],
                ["web", "odoo:19.0"],
            ],
        )
        app._apply_observation(
            self.observation(
                "running",
                fields.Datetime.now() + timedelta(seconds=1),
                objects=objects[:1],
            )
        )
        self.assertFalse(app.images)

    def test_sixty_objects_are_shown_and_none_of_a_deleted_app(self):
        app = self.deployed()
        objects = [self.object_seen("ConfigMap", f"part-{n:02}") for n in range(60)]
        app._apply_observation(self.observation("running", objects=objects))
        self.assertEqual(len(self.shown(app)[1]), 60)
        app._deleted(True)
        self.assertFalse(app.objects_html)

    def test_a_log_stays_until_all_is_well_or_a_job_has_read_another_one(self):
        app = self.deployed()

        def seen(seconds, health, **values):
            objects = [
                self.object_seen("Pod", "web", health, created_at=made, **values)
            ]
            moment = fields.Datetime.now() + timedelta(seconds=seconds)
            app._apply_observation(
                self.observation("degraded", moment, objects=objects)
            )
            return app.objects_seen[0]["log"]

        made = fields.Datetime.now() - timedelta(minutes=2)
        self.assertEqual(
            seen(1, "failed", log="web/web\nno <database>"), "web/web\nno <database>"
        )
        self.assertEqual(seen(2, "in_progress"), "web/web\nno <database>")
        page, _rows = self.shown(app)
        self.assertEqual(page.findtext(".//pre"), "web/web\nno <database>")
        self.assertEqual(seen(3, "failed", log="web/web\nnothing"), "web/web\nnothing")
        self.assertEqual(seen(4, "current"), "")
        self.assertEqual(seen(5, "failed"), "")

    def test_what_says_nothing_of_objects_changes_nothing_of_them(self):
        """As an older worker."""
        app = self.deployed()
        objects = [self.object_seen("Service", "web")]
        app._apply_observation(self.observation("running", objects=objects))
        later = fields.Datetime.now() + timedelta(seconds=2)
        app._apply_observation(self.observation("degraded", later))
        self.assertEqual(app.observed_state, "degraded")
        self.assertEqual(len(self.shown(app)[1]), 1)

    # -- screens -----------------------------------------------------------------

    def test_screens_hear_of_a_change_once(self):
        app = self.deployed()
        self.cr.precommit.run()
        with patch.object(
            type(self.env["bus.bus"]), "_sendone", autospec=True
        ) as sendone:
            app.action_restart()
            job = app.live_job_id
            job.priority = 3
            self.cr.flush()
        told = [
            call.args[3]
            for call in sendone.call_args_list
            if call.args[2] == CHANGED_EVENT
        ]
        self.assertEqual(
            told, [{"kubernetes.job": [job.id], "kubernetes.app": [app.id]}]
        )


class TestReset(LifeCase):
    """Reset: what it does is the product's choice; never on production."""

    def wizard(self, app):
        action = app.action_reset()
        return (
            self.env[action["res_model"]].with_context(**action["context"]).create({})
        )

    def test_reset_with_empty_data(self):
        app = self.resettable()
        wizard = self.wizard(app)
        self.assertEqual(wizard.reset_mode, "empty")
        wizard.action_confirm()
        self.assertEqual((app.state, app.wanted_state), ("resetting", "running"))
        job = self.done("running")
        self.assertEqual((job.kind, job.options), ("reset", {"reset": "empty"}))
        self.assertEqual(app.state, "running")
        self.assertEqual(job._contract_values()["reset_manifests"], [])

    def test_reset_by_manifests_in_order_with_production(self):
        app = self.resettable("manifests")
        app.reset_manifest_line_ids = [
            Command.create({"manifest_id": self.manifests[0].id, "sequence": 1})
        ]
        wizard = self.wizard(app)
        self.assertEqual(wizard.manifest_names, "PostgreSQL, Odoo")
        production = wizard.production_id
        self.assertEqual(production.environment_id, self.prod)
        self.assertEqual(production.name, "shop")
        wizard.action_confirm()
        job = self.claim()
        values = job._contract_values()
        self.assertEqual(values["options"], {"reset": "manifests"})
        self.assertEqual(
            [manifest["title"] for manifest in values["reset_manifests"]],
            ["PostgreSQL", "Odoo"],
        )
        self.assertEqual(values["production"]["app"], production.id)
        self.assertEqual(values["production"]["namespace"], "shop-prod")

    def test_a_failed_reset_shows_its_error(self):
        app = self.resettable("manifests")
        self.wizard(app).action_confirm()
        job = self.failed("job_failed")
        self.assertEqual(app.state, "failed")
        self.assertIn("It broke", job.error_message)
        notes = " ".join(app.message_ids.mapped("body"))
        self.assertIn("Reset failed: It broke", notes)

    def test_asking_for_a_reset_twice_joins(self):
        app = self.resettable()
        self.wizard(app).action_confirm()
        self.wizard(app).action_confirm()
        self.assertEqual(len(app.job_ids.filtered(lambda j: j.kind == "reset")), 1)

    def test_production_is_never_reset(self):
        app = self.deployed("shop")
        self.assertFalse(app.reset_allowed)
        with self.assertRaisesRegex(UserError, "does not allow it"):
            app.action_reset()
        operator = self.create_user("operator")
        wizard = (
            self.env["kubernetes.app.reset"]
            .with_user(operator)
            .create({"app_id": app.id})
        )
        with self.assertRaisesRegex(UserError, "does not allow it"):
            wizard.action_confirm()
        self.assertNotIn("reset", app.job_ids.mapped("kind"))
        self.assertFalse(app._customer_can("reset"))

    def test_reset_cannot_be_allowed_for_production(self):
        with self.assertRaisesRegex(ValidationError, "never reset"):
            self.prod.reset_allowed = True
        # Nor by a back door: the code decides, whatever the field says.
        app = self.deployed("shop")
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE kubernetes_environment SET reset_allowed = true WHERE id = %s",
            [self.prod.id],
        )
        self.env.invalidate_all()
        with self.assertRaisesRegex(UserError, "does not allow it"):
            app._enqueue("reset", {"reset": "empty"})

    def test_which_environments_allow_a_reset(self):
        environments = self.env["kubernetes.environment"]
        self.assertEqual(
            set(environments.search([("reset_allowed", "=", True)]).mapped("code")),
            {"int", "test", "dev"},
        )
        stage = environments.create({"name": "Stage", "code": "stage"})
        self.assertFalse(stage.reset_allowed)
        stage.reset_allowed = True
        with self.assertRaisesRegex(ValidationError, "never reset"):
            stage.is_production = True

    def test_production_is_what_is_marked_so_whatever_its_code(self):
        live = self.env["kubernetes.environment"].create(
            {"name": "Live", "code": "live", "is_production": True}
        )
        with self.assertRaisesRegex(ValidationError, "never reset"):
            live.reset_allowed = True
        self.prod.write({"is_production": False, "active": False})
        app = self.create_app("shop", live)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE kubernetes_environment SET reset_allowed = true WHERE id = %s",
            [live.id],
        )
        self.env.invalidate_all()
        with self.assertRaisesRegex(UserError, "does not allow it"):
            app._enqueue("reset", {"reset": "empty"})
        self.assertFalse(app._customer_can("reset"))
        beside = self.create_app("shop", self.int)
        self.assertEqual(beside._production(), app)
        self.assertEqual(beside._production_values()["environment"], "live")
        self.assertFalse(beside._contract_values()["is_production"])
        self.assertTrue(app._contract_values()["is_production"])

    def test_what_customers_use_stays_production(self):
        app = self.deployed("shop")
        with self.assertRaisesRegex(UserError, "stays production"):
            self.prod.is_production = False
        app._enqueue("delete", {"keep_volumes": False})
        self.claim()._conclude(self.outcome("done", namespace_deleted=True))
        self.prod.is_production = False

    def test_an_environment_may_forbid_it(self):
        app = self.resettable()
        self.int.reset_allowed = False
        with self.assertRaisesRegex(UserError, "does not allow it"):
            app.action_reset()

    def test_reset_manifests_must_be_there(self):
        app = self.resettable("manifests")
        app.reset_manifest_line_ids = [Command.clear()]
        with self.assertRaisesRegex(UserError, "has no reset manifests"):
            app.action_reset()

    def test_what_was_never_deployed_has_nothing_for_reset_manifests(self):
        """They would wait for volumes that only a deploy makes."""
        app = self.resettable("manifests")
        app.job_ids.unlink()
        app.invalidate_recordset()
        with self.assertRaisesRegex(UserError, "never deployed, so there is nothing"):
            app.action_reset()
        app._enqueue("deploy")
        self.done("running")
        app._enqueue("reset", {"reset": "manifests"})

    def test_an_unknown_way_to_reset_is_refused(self):
        app = self.resettable()
        for options in ({}, {"reset": "everything"}):
            with self.assertRaisesRegex(UserError, "empties the app"):
                app._enqueue("reset", options)

    def test_production_is_the_sibling_of_the_same_customer(self):
        app = self.resettable()
        production = app._production()
        self.assertEqual(production.environment_id, self.prod)
        self.assertFalse(production._production())
        stranger = self.env["res.partner"].create({"name": "Stranger"})
        production.partner_id = stranger
        self.assertFalse(app._production())
        production.partner_id = self.customer
        production._enqueue("delete", {"keep_volumes": True})
        self.assertFalse(app._production())

    def test_reset_manifests_are_not_deployed(self):
        app = self.resettable()
        self.assertEqual(app._manifests(), self.manifests)
        self.assertEqual(app._reset_manifests(), self.manifests[1])
        copy = app.copy()
        self.assertEqual(copy._manifests(), self.manifests)
        self.assertEqual(copy._reset_manifests(), self.manifests[1])


class TestHooks(LifeCase):
    """What follows a job."""

    def hooked(self, name, function=None):
        calls = []

        def hook(app, *arguments):
            calls.append((app, *arguments))
            if function:
                function(app)

        return calls, patch.object(
            type(self.env["kubernetes.app"]), name, hook, create=True
        )

    def test_after_a_kind_is_done(self):
        app = self.deployed()
        job = app._enqueue("restart")
        calls, hooked = self.hooked("_after_restart")
        with hooked:
            self.claim()
            outcome = self.outcome("done")
            job._conclude(outcome)
        self.assertEqual(calls, [(app, job, outcome["result"])])

    def test_after_a_job_failed_for_good_and_only_then(self):
        app = self.deployed()
        job = app._enqueue("refresh")
        calls, hooked = self.hooked("_after_failed")
        with hooked:
            self.claim()
            job._conclude(self.outcome("retry", "cluster_unreachable"))
            self.assertFalse(calls)
            with self.later(1000):
                self.claim()
                job._conclude(self.outcome("failed", "internal"))
        self.assertEqual(calls, [(app, job)])

    def test_after_the_last_lost_lease(self):
        job = self.deployed()._enqueue("refresh")
        job.max_attempts = 1
        self.claim()
        calls, hooked = self.hooked("_after_failed")
        with hooked, self.later(100):
            self.jobs._expire_leases()
        self.assertEqual(job.state, "failed")
        self.assertEqual(len(calls), 1)

    def test_nothing_follows_a_cancelled_job(self):
        job = self.deployed()._enqueue("restart")
        calls, hooked = self.hooked("_after_restart")
        failed_calls, failed_hooked = self.hooked("_after_failed")
        with hooked, failed_hooked:
            job.action_cancel()
        self.assertFalse(calls + failed_calls)

    def test_a_hook_that_breaks_undoes_nothing(self):
        app = self.deployed()
        job = app._enqueue("restart")

        def broken(app):
            app.partner_id = False
            app.env.flush_all()
            raise ValueError("no such thing")

        _calls, hooked = self.hooked("_after_restart", broken)
        self.claim()
        with hooked, self.assertLogs(LIVE_LOGGER, "ERROR"):
            job._conclude(self.outcome("done"))
        self.assertEqual((job.state, app.state), ("done", "running"))
        self.assertEqual(app.partner_id, self.customer)
        self.assertIn("no such thing", app.message_ids[0].body)

    def test_reachable_is_told_whenever_it_becomes_so(self):
        app = self.create_app()
        calls, hooked = self.hooked("_reachable")
        with hooked:
            app._enqueue("deploy")
            self.done("degraded")
            self.assertFalse(app._is_reachable() or calls)
            app._apply_observation(
                self.observation("running", self.now(), ingress="no_address")
            )
            self.assertFalse(app._is_reachable() or calls)
            app._apply_observation(self.observation("running", self.now()))
            self.assertTrue(app._is_reachable())
            self.assertEqual(calls, [(app,)])
            app._apply_observation(self.observation("running", self.now()))
            self.assertEqual(len(calls), 1)
            app.action_restart()
            self.assertFalse(app._is_reachable())
            self.done("running")
            self.assertEqual(len(calls), 2)

    def test_reachable_after_the_deploy_that_saw_it_ready(self):
        app = self.create_app()
        calls, hooked = self.hooked("_reachable")
        with hooked:
            app._enqueue("deploy")
            self.claim()
            app._apply_observation(self.observation("running", self.now()))
            self.assertFalse(calls)
            app.job_ids._conclude(
                self.outcome("done", observation=self.observation("running"))
            )
        self.assertEqual(calls, [(app,)])

    def test_after_a_preview_of_a_saved_manifest(self):
        manifest = self.manifests[0]
        job = self.jobs._enqueue_preview("M", "https://example.com/m.yml", manifest)
        calls = []
        with patch.object(
            type(manifest),
            "_after_preview",
            lambda record, *arguments: calls.append((record, *arguments)),
            create=True,
        ):
            self.claim(clusters=[])
            outcome = self.outcome("done")
            job._conclude(outcome)
        self.assertEqual(calls, [(manifest, job, outcome["result"])])


class TestPreviewJob(LifeCase):
    """The preview of a manifest: a job without an app."""

    def test_any_worker_may_take_it(self):
        job = self.jobs._enqueue_preview("M", "https://example.com/m.yml")
        self.assertEqual(job.display_name, "Preview M")
        self.assertFalse(self.claim(clusters=[], kinds=["deploy"]))
        self.assertEqual(self.claim(clusters=[]), job)
        self.assertEqual(job.company_id, self.env.company)

    def test_two_wait_side_by_side(self):
        first, second = (
            self.jobs._enqueue_preview(name, "https://example.com/m.yml")
            for name in ("one", "two")
        )
        self.assertEqual(self.claim(clusters=[]), first + second)

    def test_it_can_be_cancelled_released_and_retried(self):
        operator = self.create_user("operator")
        job = self.jobs.with_user(operator)._enqueue_preview(
            "M",
            "https://example.com/m.yml",
            self.manifests[0],
            self.config_map,
            self.secret,
        )
        self.claim()
        job._conclude(self.outcome("released"))
        self.assertEqual(job.state, "pending")
        job.with_user(operator).action_cancel()
        self.assertEqual(job.state, "cancelled")
        job.with_user(operator).action_retry()
        again = self.claim()
        self.assertNotEqual(again, job)
        self.assertEqual(again.options, job.options)
        self.assertEqual(again.manifest_id, self.manifests[0])
        self.assertEqual(again.requested_by, operator)

    def test_whoever_may_not_change_manifests_gets_no_preview(self):
        for user in (
            self.create_user("user"),
            new_test_user(self.env, "anna", groups="base.group_portal", lang="en_US"),
        ):
            with self.assertRaises(AccessError), mute_logger("odoo.models"):
                self.jobs.with_user(user)._enqueue_preview("M", "https://example.com/m")

    def test_values_deleted_meanwhile_leave_an_empty_set(self):
        config_map = self.env["kubernetes.config.map"].create({"name": "gone"})
        job = self.jobs._enqueue_preview(
            "M", "https://example.com/m", config_map=config_map
        )
        config_map.unlink()
        self.assertEqual(self.claim(), job)
        self.assertEqual(job._contract_values()["config_map"], [])


class TestCustomerRequests(LifeCase):
    """Reset and restart by the customer: of apps that can be reset, and theirs only."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.anna = new_test_user(
            cls.env, "anna", groups="base.group_portal", lang="en_US"
        )
        cls.customer = cls.anna.partner_id

    def mine(self, mode="empty"):
        return self.resettable(mode).with_user(self.anna)

    def test_customer_resets_and_restarts_integration(self):
        app = self.mine()
        for kind in ("restart", "reset"):
            self.assertTrue(app._customer_can(kind))
            job = app._customer_request(kind)
            self.assertEqual((job.kind, job.requested_by), (kind, self.anna))
            note = app.sudo().message_ids[0]
            self.assertIn("requested", note.body)
            self.assertEqual(note.author_id, self.anna.partner_id)
            # One thing at a time.
            self.assertFalse(app._customer_can("restart") or app._customer_can("reset"))
            with self.assertRaisesRegex(UserError, "look at the state of your app"):
                app._customer_request(kind)
            self.done("running")
        self.assertEqual(job.options, {"reset": "empty"})

    def test_reset_mode_is_the_products(self):
        app = self.mine("manifests")
        job = app._customer_request("reset")
        self.assertEqual(job.options, {"reset": "manifests"})

    def test_an_unready_reset_leaves_the_restart(self):
        app = self.mine("manifests")
        app.sudo().reset_manifest_line_ids = [Command.clear()]
        self.assertFalse(app._customer_can("reset"))
        self.assertTrue(app._customer_can("restart"))

    def test_production_restarts_where_its_environment_allows_it(self):
        self.mine()
        production = self.env["kubernetes.app"].search(
            [("name", "=", "shop"), ("environment_id", "=", self.prod.id)]
        )
        self.assertTrue(production.with_user(self.anna)._customer_can("restart"))
        job = production.with_user(self.anna)._customer_request("restart")
        self.assertEqual(job.kind, "restart")
        self.done("running")
        self.prod.restart_allowed = False
        self.assertFalse(production.with_user(self.anna)._customer_can("restart"))
        with self.assertRaises(UserError):
            production.with_user(self.anna)._customer_request("restart")

    def test_production_is_not_for_customers_to_change(self):
        self.mine()
        production = self.env["kubernetes.app"].search(
            [("name", "=", "shop"), ("environment_id", "=", self.prod.id)]
        )
        for kind in ("reset", "stop", "delete", "deploy"):
            self.assertFalse(production.with_user(self.anna)._customer_can(kind))
            with self.assertRaises(UserError):
                production.with_user(self.anna)._customer_request(kind)

    def test_other_kinds_are_not_for_customers(self):
        app = self.mine()
        for kind in ("stop", "start", "delete", "deploy", "refresh"):
            self.assertFalse(app._customer_can(kind))
            with self.assertRaises(UserError):
                app._customer_request(kind)

    def test_a_stopped_app_stays_stopped(self):
        app = self.mine()
        app.sudo().action_stop()
        self.done("stopped")
        for kind in ("restart", "reset"):
            self.assertFalse(app._customer_can(kind))

    def test_another_customers_app_is_refused(self):
        app = self.resettable()
        ben = new_test_user(self.env, "ben", groups="base.group_portal", lang="en_US")
        with self.assertRaises(AccessError), mute_logger("odoo.models"):
            app.with_user(ben)._customer_request("restart")
        self.assertNotIn("restart", app.job_ids.mapped("kind"))

    def test_the_portals_progress_follows_what_runs(self):
        app = self.mine()
        app._customer_request("restart")
        self.claim()
        status = app._customer_status()
        self.assertTrue(status["at_work"])
        self.assertEqual(status["job"]["title"], "Restarting your app")
        self.assertEqual(app.customer_state, "Being restarted")
        app.sudo().live_job_id._conclude(self.outcome("done"))
        # What waits for its time, and what operators only look at, is no progress.
        app.sudo()._enqueue("password", delay=3600)
        app.sudo()._enqueue("diff")
        status = app._customer_status()
        self.assertFalse(status["at_work"])
        self.assertEqual(status["job"]["title"], "Restarted")
