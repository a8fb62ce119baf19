# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import re
from unittest.mock import patch

from lxml import etree

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import TransactionCase, tagged
from odoo.tools import file_path, mute_logger
from odoo.tools.safe_eval import safe_eval

from ..wizard import kubernetes_app_request
from .test_apply import DIFF
from .test_life import LifeCase


class TestRequest(LifeCase):
    """Stop, Restart, and whatever is asked of several apps, ask once and say app by
    app what they change."""

    def ask(self, apps, kind):
        action = getattr(apps, f"action_ask_{kind}")()
        self.assertEqual(action["target"], "new")
        return self.env[action["res_model"]].browse(action["res_id"])

    def outcomes(self, request):
        self.env.invalidate_all()
        return {line.app_id.name: line.outcome for line in request.line_ids}

    def test_nothing_happens_before_it_is_confirmed(self):
        app = self.deployed()
        for kind in ("stop", "restart"):
            request = self.ask(app, kind)
            self.assertEqual(app.state, "running")
            self.assertIn("shop (prod) will be", request.said)
            self.assertIn("does not answer", request.said)
        self.assertEqual(
            request.action_confirm(), {"type": "ir.actions.act_window_close"}
        )
        self.assertEqual(app.state, "restarting")

    def test_each_app_says_what_becomes_of_it(self):
        apps = self.deployed("shop") + self.stopped("wiki") + self.create_app("forum")
        request = self.ask(apps, "restart")
        self.assertEqual(
            request.said,
            "shop (prod) will be restarted. It does not answer meanwhile."
            " 2 apps are left out; the list says why.",
        )
        outcomes = self.outcomes(request)
        self.assertEqual(outcomes["shop"], "Is restarted")
        self.assertIn("is stopped", outcomes["wiki"])
        self.assertIn("never deployed", outcomes["forum"])
        action = request.action_confirm()
        self.assertEqual(apps.mapped("state"), ["restarting", "stopped", "new"])
        # There they can be watched, and cancelled.
        self.assertEqual(action["res_model"], "kubernetes.job")
        jobs = self.jobs.search(action["domain"])
        self.assertEqual(jobs, apps[0].live_job_id)
        jobs.action_cancel()
        self.assertEqual(apps[0].state, "running")

    def test_nothing_is_asked_where_no_app_can_be(self):
        apps = self.create_app("shop") + self.create_app("wiki")
        request = self.ask(apps, "restart")
        self.assertFalse(request.is_possible)
        self.assertEqual(request.said, "2 apps are left out; the list says why.")
        with self.assertRaisesRegex(UserError, "None of these apps"):
            request.action_confirm()

    def test_apply_compares_every_app_first(self):
        apps = (
            self.deployed("shop")
            + self.deployed("wiki")
            + self.create_app("forum", manifest_line_ids=[])
        )
        request = self.ask(apps, "apply")
        self.assertTrue(request.is_at_work)
        self.assertIn("0 of 2 done", request.said)
        self.assertEqual(self.outcomes(request)["shop"], "Comparing …")
        self.assertEqual(set(apps[:2].mapped("state")), {"running"})
        first, second = self.claim()
        first._conclude(self.outcome("done", diff=DIFF))
        second._conclude(self.outcome("done", diff={"objects": [], "unchanged": 2}))
        outcomes = self.outcomes(request)
        self.assertEqual(outcomes["shop"], "3 objects would change, 5 stay the same.")
        self.assertIn("Nothing would change", outcomes["wiki"])
        self.assertIn("has no manifests", outcomes["forum"])
        self.assertFalse(request.is_at_work)
        self.assertEqual(
            request.said,
            "2 apps will be deployed with their present manifests and values."
            " In 1 of 2 something would change."
            " 1 app is left out; the list says why.",
        )
        self.assertIn("replicas: 2", request.line_ids[0].diff_html)
        self.assertFalse(request.is_idle)
        request.action_confirm()
        self.assertEqual(apps.mapped("state"), ["deploying", "deploying", "new"])

    def test_apply_is_not_offered_first_where_nothing_would_change(self):
        apps = self.deployed("shop") + self.deployed("wiki")
        request = self.ask(apps, "apply")
        self.assertFalse(request.is_idle)
        for job in self.claim():
            job._conclude(self.outcome("done", diff={"objects": [], "unchanged": 2}))
        self.env.invalidate_all()
        self.assertTrue(request.is_idle)
        offered = self.offered(request)
        self.assertEqual(offered, {"Apply Anyway": "btn-secondary"})

    def offered(self, request):
        """The buttons of the dialog that ask for something, as it stands."""
        self.env.invalidate_all()
        view = self.env.ref("kubernetes_hosting.kubernetes_app_request_view_form")
        names = ("kind", "is_at_work", "is_idle", "is_mixed", "is_possible")
        values = {name: request[name] for name in (*names, "is_uncompared")}
        return {
            button.get("string"): button.get("class")
            for button in etree.fromstring(view.arch).xpath("//button[@type='object']")
            if not safe_eval(button.get("invisible"), values)
        }

    def test_what_differs_is_repaired_and_nothing_else(self):
        """An operator changed something in the cluster by hand: every app is compared,
        the difference is shown, and only that app is deployed."""
        apps = self.deployed("shop") + self.deployed("wiki")
        gone = self.create_app("gone")
        gone.sudo().wanted_state = "deleted"
        action = self.cluster.with_user(self.create_user("operator")).action_repair()
        request = self.env[action["res_model"]].browse(action["res_id"])
        self.assertEqual(request.line_ids.app_id, apps)
        self.assertEqual(
            self.offered(request), {"Apply without Comparing": "btn-secondary"}
        )
        different, same = self.claim().sorted(lambda job: job.app_id != apps[0])
        different._conclude(self.outcome("done", diff=DIFF))
        same._conclude(self.outcome("done", diff={"objects": [], "unchanged": 2}))
        self.assertEqual(
            self.offered(request),
            {
                "Apply Where Something Changes": "btn-primary",
                "Apply to All": "btn-secondary",
            },
        )
        (line,) = request.line_ids.filtered(lambda line: line.app_id == apps[0])
        self.assertIn("replicas: 2", line.diff_html)
        request.action_confirm_changing()
        self.assertEqual(apps.mapped("state"), ["deploying", "running"])

    def test_where_nothing_differs_there_is_nothing_to_repair(self):
        self.deployed("shop")
        action = self.cluster.with_user(self.create_user("operator")).action_repair()
        request = self.env[action["res_model"]].browse(action["res_id"])
        self.claim()._conclude(
            self.outcome("done", diff={"objects": [], "unchanged": 2})
        )
        self.assertEqual(self.offered(request), {"Apply Anyway": "btn-secondary"})
        with self.assertRaisesRegex(UserError, "None of these apps"):
            request.action_confirm_changing()

    def test_many_apps_are_compared_when_somebody_says_so(self):
        apps = self.deployed("shop") + self.deployed("wiki")
        with patch.object(kubernetes_app_request, "COMPARED_APPS", 1):
            request = self.ask(apps, "apply")
        self.assertFalse(request.line_ids.job_id)
        self.assertEqual(
            self.offered(request),
            {
                "Compare All": "btn-primary",
                "Apply without Comparing": "btn-secondary",
            },
        )
        request.action_compare()
        self.assertEqual(len(request.line_ids.job_id), 2)

    def test_a_cluster_without_apps_has_nothing_to_repair(self):
        with self.assertRaisesRegex(UserError, "No app is to run on the cluster unit"):
            self.cluster.with_user(self.create_user("operator", "op2")).action_repair()

    def cost(self, action):
        """How many queries a press of a button needs, to the end of its request."""
        self.env.flush_all()
        self.env.cr.precommit.run()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        action()
        self.env.flush_all()
        self.env.cr.precommit.run()
        self.env.flush_all()
        return self.env.cr.sql_log_count - before

    def assert_as_cheap(self, action, apps, what=None):
        """Of twenty apps as cheap as of two, but for what Odoo looks up now and
        then."""
        few = self.cost(lambda: action(apps[:2]))
        many = self.cost(lambda: action(apps[2:]))
        self.assertLessEqual(many, few + 3, what)

    def test_twenty_apps_cost_as_many_queries_as_two(self):
        apps = self.env["kubernetes.app"]
        for number in range(22):
            apps += self.deployed(f"many-{number}")
        states = {
            "refresh": "running",
            "apply": "deploying",
            "restart": "restarting",
            "stop": "stopping",
            "start": "starting",
        }
        for kind, state in states.items():
            self.assert_as_cheap(
                lambda some, kind=kind: getattr(some, f"action_{kind}")(), apps, kind
            )
            asked = apps.job_ids.filtered(lambda job: job.state == "pending")
            self.assertEqual(len(asked), 22)
            self.assertEqual(set(apps.mapped("state")), {state})
            for job in asked:
                job._finish("done")
            apps.observed_state = "stopped" if kind == "stop" else "running"
            apps._update_state()

    def test_asking_again_costs_no_more_for_twenty(self):
        apps = self.env["kubernetes.app"]
        for number in range(22):
            apps += self.deployed(f"many-{number}")
        apps.action_refresh()
        self.assert_as_cheap(lambda some: some.action_refresh(), apps)
        waiting = apps.job_ids.filtered(lambda job: job.state == "pending")
        self.assertEqual(len(waiting), 22)
        for app in apps:
            self.assertIn("it waits already", app.message_ids[0].body)

    def test_cancelling_and_retrying_jobs_costs_no_more_for_twenty(self):
        apps = self.env["kubernetes.app"]
        for number in range(22):
            apps += self.deployed(f"many-{number}")
        # Their first time at work leads to more, app by app.
        apps.action_restart()
        apps.job_ids.filtered(lambda job: job.state == "pending")._finish("done")
        apps.action_restart()
        jobs = apps.job_ids.filtered(lambda job: job.state == "pending")
        self.assert_as_cheap(lambda some: some.action_cancel(), jobs, "cancel")
        self.assertEqual(set(jobs.mapped("state")), {"cancelled"})
        self.assertEqual(set(apps.mapped("state")), {"running"})
        self.assert_as_cheap(lambda some: some.action_retry(), jobs, "retry")
        again = apps.job_ids.filtered(lambda job: job.state == "pending")
        self.assertEqual((len(again), again.app_id), (22, apps))
        for job in jobs:
            said = " ".join(job.app_id.message_ids.mapped("body"))
            self.assertIn(f"Restart retried after job {job.id}", said)
            self.assertIn("Restart cancelled", said)
        # Of jobs of one app each is named.
        one = apps[:1]
        one.action_refresh()
        both = one.job_ids.filtered(lambda job: job.state == "pending")
        both.action_cancel()
        one.invalidate_recordset(["message_ids"])
        labels = [f"{job._kind_label()} cancelled" for job in both]
        noted = one.message_ids.filtered(
            lambda note: all(label in note.body for label in labels)
        )
        self.assertEqual((len(labels), len(noted)), (2, 1))

    def test_the_question_costs_no_more_for_twenty(self):
        apps = self.env["kubernetes.app"]
        for number in range(22):
            apps += self.deployed(f"many-{number}")

        def look(some, kind):
            request = self.ask(some, kind)
            self.env.flush_all()
            self.env.invalidate_all()
            return request.said, request.line_ids.mapped("outcome")

        for kind in ("restart", "apply"):
            self.assert_as_cheap(lambda some, kind=kind: look(some, kind), apps, kind)

    def test_an_app_never_deployed_starts_by_a_deploy(self):
        app = self.create_app(manifest_line_ids=[])
        self.assertTrue(self.ask(app, "start").is_possible)
        app = self.create_app("wiki")
        self.ask(app, "start").action_confirm()
        self.assertEqual(app.state, "deploying")

    def test_whoever_may_not_act_is_not_asked(self):
        app = self.deployed()
        user = self.create_user("user")
        with self.assertRaises(AccessError), mute_logger("odoo.models"):
            app.with_user(user).action_ask_stop()
        with self.assertRaises(AccessError), mute_logger("odoo.models"):
            self.env["kubernetes.app.request"].with_user(user).create(
                {"kind": "stop", "line_ids": [Command.create({"app_id": app.id})]}
            )


@tagged("post_install", "-at_install")
class TestHotkeys(TransactionCase):
    """A key that a form shows does what its button says: no two of a form have the
    same one, and none is Odoo's own."""

    # Where form views, their surroundings and the chatter have theirs.
    SHOWN = (
        "web/static/src/core/pager/pager.xml",
        "web/static/src/search/action_menus/action_menus.xml",
        "web/static/src/search/breadcrumbs/breadcrumbs.xml",
        "web/static/src/search/cog_menu/cog_menu.xml",
        "web/static/src/views/form/form_controller.xml",
        "web/static/src/views/form/form_status_indicator/form_status_indicator.xml",
        "web/static/src/webclient/navbar/navbar.xml",
        "mail/static/src/chatter/web/chatter.xml",
    )

    def test_hotkeys(self):
        taken = set()
        for path in self.SHOWN:
            with open(file_path(path), encoding="utf-8") as file:
                for value in re.findall(r'data-hotkey="([^"]*)"', file.read()):
                    taken.update(re.findall(r"'(\w)'", value) or [value])
        self.assertLessEqual({"u", "b", "s", "p"}, taken)
        views = self.env["ir.ui.view"].search(
            [("type", "=", "form"), ("model", "=like", "kubernetes.%")]
        )
        found = 0
        for view in views:
            arch = etree.fromstring(view.arch)
            keys = arch.xpath("//header/button/@data-hotkey")
            found += len(keys)
            self.assertEqual(len(keys), len(set(keys)), view.name)
            self.assertFalse(taken & set(keys), view.name)
        self.assertGreaterEqual(found, 7)
