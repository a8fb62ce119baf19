# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from lxml import etree, html

from odoo.tools.safe_eval import safe_eval

from .test_apply import DIFF
from .test_life import LifeCase

EXCERPT = {
    "of": "manifest",
    "name": "Odoo",
    "line": 12,
    "column": 1,
    "from": 1,
    "length": 4,
    "text": "kind: X",
    "label": "unknown",
}


class TestScreens(LifeCase):
    """What operators' lists and forms say first."""

    def arch(self, name):
        view = self.env.ref(f"kubernetes_hosting.{name}")
        return etree.fromstring(view.get_combined_arch())

    def our_views(self):
        """All forms, lists and kanbans of ours, with what other addons add."""
        views = self.env["ir.ui.view"].search(
            [
                ("model", "=like", "kubernetes.%"),
                ("mode", "=", "primary"),
                ("type", "in", ("form", "list", "kanban")),
            ]
        )
        views = views.filtered(lambda view: view.xml_id)
        self.assertGreater(len(views), 40)
        return [(view, etree.fromstring(view.get_combined_arch())) for view in views]

    def test_all_forms_and_lists_are_safe_and_live(self):
        """What ``safe_focus.js`` and ``live_views.js`` hold, they hold of all of ours."""
        for view, arch in self.our_views():
            self.assertEqual(
                arch.get("js_class"), f"kubernetes_{view.type}", view.xml_id
            )

    def test_a_question_is_answered_by_what_it_does(self):
        """The button that goes on is not called “Ok”, whatever is asked."""
        asked = 0
        for view, arch in self.our_views():
            for button in arch.iterfind(".//button[@confirm]"):
                self.assertTrue(
                    button.get("confirm-label"), (view.xml_id, button.get("name"))
                )
                asked += 1
        self.assertGreater(asked, 4)

    def many(self):
        """An app in each state, with names against their order."""
        states = ("running", "stopped", "failed", "restarting", "degraded", "deleting")
        apps = self.env["kubernetes.app"]
        for number, state in enumerate(states):
            app = self.create_app(f"app-{number}")
            app.write({"state": state, "ingress_state": "ready"})
            apps += app
        return apps

    def test_the_list_begins_with_what_needs_somebody(self):
        apps = self.many()
        unreached = self.create_app("unreached")
        unreached.write({"state": "running", "ingress_state": "no_address"})
        order = self.arch("kubernetes_app_view_list").get("default_order")
        found = self.env["kubernetes.app"].search(
            [("id", "in", (apps + unreached).ids)], order=order
        )
        self.assertEqual(
            found.mapped("name"),
            ["app-2", "app-4", "unreached", "app-3", "app-5", "app-0", "app-1"],
        )

    def test_columns_begin_with_what_needs_somebody_and_none_is_empty(self):
        apps = self.many()
        groups = apps.with_context(read_group_expand=True).web_read_group(
            [("id", "in", apps.ids)], ["state"], ["__count"]
        )["groups"]
        self.assertEqual(
            [group["state"] for group in groups],
            ["failed", "degraded", "restarting", "deleting", "running", "stopped"],
        )
        self.assertEqual({group["__count"] for group in groups}, {1})

    def test_namespaces_begin_with_those_in_the_cluster(self):
        app = self.deployed()
        gone = self.create_app("gone").namespace_id
        gone.state = "deleted"
        action = self.env.ref("kubernetes_hosting.kubernetes_namespace_action")
        (default,) = safe_eval(action.context)
        (chosen,) = self.arch("kubernetes_namespace_view_search").xpath(
            f"//filter[@name='{default.removeprefix('search_default_')}']"
        )
        found = self.env["kubernetes.namespace"].search(safe_eval(chosen.get("domain")))
        self.assertIn(app.namespace_id, found)
        self.assertNotIn(gone, found)

    def test_a_job_that_failed_for_good_does_not_count_its_attempts(self):
        form = self.arch("kubernetes_job_view_form")
        (of,) = form.xpath("//field[@name='max_attempts']")
        (over,) = form.xpath("//div[normalize-space()='failed, not tried again']")
        for state, shown, hidden in (("running", of, over), ("failed", over, of)):
            self.assertFalse(safe_eval(shown.get("invisible"), {"state": state}))
            self.assertTrue(safe_eval(hidden.get("invisible"), {"state": state}))

    def test_an_error_leads_to_its_manifest(self):
        app = self.deployed()
        app.action_apply()
        job = self.claim()
        error = {"code": "template_render", "message": "x", "hint": None}
        job._finish("failed", {**error, "manifest": "Odoo"})
        self.assertEqual(job.error_manifest_id, self.manifests[1])
        app.manifest_line_ids[1].unlink()
        self.env.invalidate_all()
        self.assertFalse(job.error_manifest_id)
        self.assertEqual(job.error_manifest, "Odoo")

    def test_long_lines_are_scrolled_by_keyboard(self):
        job = self.deployed().job_ids
        job.error_excerpts = [EXCERPT]
        job.error_manifest = "Odoo"
        for text, label in (
            (job._render_diff(DIFF["objects"]), "Deployment odoo"),
            (job.error_html, "Odoo, line 12"),
        ):
            block = html.fromstring(text).xpath("//pre")[0]
            self.assertEqual(block.get("tabindex"), "0")
            self.assertEqual(block.get("aria-label"), label)

    def test_an_index_run_is_called_by_the_readers_time(self):
        repository = self.env["kubernetes.repository"].create(
            {"name": "Catalog", "url": "https://packages.example/"}
        )
        run = self.env["kubernetes.repository.run"].sudo()
        run = run.create(
            {
                "repository_id": repository.id,
                "state": "done",
                "started_at": "2026-12-01 00:20:04",
            }
        )
        run = run.with_context(tz="Europe/Berlin")
        self.assertRegex(run.display_name, r"^Catalog .*\b1:20\b")

    def test_limits_have_no_zeros_that_read_as_thousands(self):
        form = self.arch("kubernetes_app_view_form")
        for name in ("limit_cpu", "limit_memory"):
            (field,) = form.xpath(f"//field[@name='{name}']")
            self.assertIn("hide_trailing_zeros", field.get("options"))
