# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import copy
import json
from datetime import timedelta
from pathlib import Path

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form
from odoo.tools import mute_logger

from ..models import contract
from ..models.kubernetes_manifest import MOST_LINES, text_diff
from .common import KubernetesQueueCase, KubernetesTransactionCase

FOLDER = Path(__file__).resolve().parents[3] / "tests" / "contract"
URL = "https://example.com/odoo.yml"


def golden(name, number):
    """The golden example of the job with this number."""
    jobs = json.loads((FOLDER / f"{name}.json").read_text())["jobs"]
    return copy.deepcopy(next(job for job in jobs if job["id"] == number))


class TestManifest(KubernetesTransactionCase):
    """Manifests: the preview of a URL, saved or not, by a worker."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.worker = cls.create_worker("w")
        cls.worker.last_seen = fields.Datetime.now()
        cls.operator = cls.create_user("operator")
        cls.manifest = cls.manifests[1]

    def request(self, url=URL, title="Odoo", user=None, **ids):
        manifests = self.env["kubernetes.manifest"].with_user(user or self.operator)
        return manifests.request_preview(url, title, **ids)

    def result(self, job_id):
        manifests = self.env["kubernetes.manifest"].with_user(self.operator)
        return manifests.preview_result(job_id)

    def claim(self):
        return self.env["kubernetes.job"]._claim(self.worker.id, [], ["preview"], 9)

    def report(self, job, **changes):
        """The worker's golden report of a preview, with changes."""
        report = golden("report_request", 50)
        report["outcome"]["result"]["preview"].update(changes)
        params = contract.read(
            "report",
            {
                "worker": {"name": "w", "instance": "i", "version": "1", "machine": ""},
                "jobs": [report],
            },
        )
        job._conclude(params["jobs"][0]["outcome"])

    def test_the_url_is_previewed_before_it_is_saved(self):
        asked = self.request(title="Service")
        self.assertEqual(asked["state"], "waiting")
        job = self.claim()
        self.assertEqual(job.id, asked["job_id"])
        values = job._contract_values()
        self.assertEqual(values.keys(), golden("claim_response", 49).keys())
        self.assertEqual(
            values["manifests"],
            [
                {
                    "id": 0,
                    "title": "Service",
                    "url": URL,
                    "pin": None,
                    "format": "jinja",
                    "content": None,
                }
            ],
        )
        self.assertEqual(self.result(job.id), {"state": "waiting"})
        self.report(job)
        found = self.result(job.id)
        self.assertEqual(found["state"], "done")
        self.assertEqual(found["preview"]["missing"], ["odoo_nmae"])
        self.assertEqual(found["preview"]["problems"][0]["line"], 4)
        self.assertEqual(found["preview"]["problems"][0]["column"], 12)
        self.assertEqual(found["previewed_at"], job.finished_at)

    def test_it_is_rendered_with_the_chosen_values(self):
        self.request(config_map_id=self.config_map.id, secret_id=self.secret.id)
        values = self.claim()._contract_values()
        self.assertEqual(values["config_map"], self.config_map._contract_values())
        self.assertEqual(values["secret"], self.secret._contract_values())

    def test_a_saved_manifest_keeps_what_was_seen(self):
        self.request(self.manifest.url, manifest_id=self.manifest.id)
        self.report(self.claim())
        self.assertIn("{{ odoo_nmae }}", self.manifest.content)
        self.assertEqual(self.manifest.variables, ["odoo_nmae"])
        self.assertEqual(self.manifest.problem_count, 1)
        stored = self.manifest.stored_preview(self.manifest.url)
        self.assertEqual(stored["state"], "done")
        self.assertEqual(stored["preview"]["objects"][0]["kind"], "Service")
        self.assertEqual(stored["preview"]["content"], self.manifest.content)
        self.assertEqual(stored["preview"]["digest"], self.manifest.digest)
        self.assertEqual(stored["previewed_at"], self.manifest.previewed_at)

    def test_another_url_knows_nothing_of_the_last_one(self):
        self.request(self.manifest.url, manifest_id=self.manifest.id)
        self.report(self.claim())
        self.assertEqual(self.manifest.stored_preview(URL + "?new")["state"], "none")
        self.manifest.name = "Renamed"
        self.assertTrue(self.manifest.digest)
        self.manifest.url = URL + "?new"
        self.assertFalse(self.manifest.digest)
        self.assertFalse(self.manifest.content)
        self.assertFalse(self.manifest.problem_count)
        self.assertEqual(self.manifest.stored_preview(URL + "?new")["state"], "none")

    def test_a_chart_is_told_and_previewed_as_one(self):
        self.manifest.write({"url": URL + "/shop-1.2.0.tgz", "format": "helm"})
        self.assertEqual(self.manifest._contract_values()[0]["format"], "helm")
        self.request(
            self.manifest.url, manifest_id=self.manifest.id, manifest_format="helm"
        )
        job = self.claim()
        self.assertEqual(job._contract_values()["manifests"][0]["format"], "helm")
        content = "apiVersion: v2\nname: shop\nstorage: {{ not_ours }}\n"
        self.report(job, content=content, variables=["not_ours"])
        self.assertEqual(self.manifest.content, content)
        # What stands in its Chart.yaml is no template.
        self.assertFalse(self.manifest._certain_variables())

    def test_a_charts_values_become_a_config_map(self):
        manifest = self.manifest.with_user(self.operator)
        self.manifest.write({"name": "Shop", "format": "helm"})
        with self.assertRaisesRegex(UserError, "values.yaml"):
            manifest.action_import_values()
        files = [
            {"name": "shop/charts/redis/values.yaml", "content": "port: 6379\n"},
            {"name": "shop/values.yaml", "content": "replicas: 2\nweb: {port: 80}\n"},
        ]
        self.manifest._remember("sha256:" + "1" * 64, "name: shop\n", [], files)
        action = manifest.action_import_values()
        wizard = Form(
            self.env[action["res_model"]]
            .with_user(self.operator)
            .with_context(**action["context"])
        )
        self.assertEqual(wizard.name, "Shop")
        wizard = wizard.save()
        wizard.action_import()
        config_map = self.env["kubernetes.config.map"].search([("name", "=", "Shop")])
        self.assertEqual(
            [(line.key, line.type) for line in config_map.line_ids],
            [("replicas", "yaml"), ("web", "yaml")],
        )

    def test_another_format_knows_nothing_of_the_last_one(self):
        self.request(self.manifest.url, manifest_id=self.manifest.id)
        asked = self.claim()
        self.manifest._remember("sha256:" + "1" * 64, "kind: Service\n", [])
        self.manifest.format = "kustomize"
        self.assertFalse(self.manifest.digest)
        self.assertFalse(self.manifest.content)
        # What was asked for before comes too late.
        self.report(asked)
        self.assertFalse(self.manifest.digest)

    def test_a_shared_manifest_is_previewed_by_who_may_only_read_it(self):
        self.manifest.company_id = False
        seen = self.manifest.with_user(self.operator)
        self.assertFalse(seen.is_editable)
        self.assertTrue(self.manifest.is_editable)
        before = self.manifest.preview
        answer = self.request(url=self.manifest.url, manifest_id=self.manifest.id)
        job = self.claim()
        self.assertEqual(job.id, answer["job_id"])
        self.report(job)
        self.assertEqual(self.result(job.id)["state"], "done")
        self.assertEqual(self.manifest.preview, before, "it stays as it is")
        self.assertFalse(self.manifest.previewed_at)

    def test_a_late_preview_of_the_last_url_is_not_kept(self):
        self.request(self.manifest.url, manifest_id=self.manifest.id)
        job = self.claim()
        self.manifest.url = URL + "?new"
        self.report(job)
        self.assertFalse(self.manifest.digest)

    def test_what_cannot_be_fetched_keeps_the_last_content(self):
        self.manifest._remember("sha256:1", "kind: Service", [])
        self.request(self.manifest.url, manifest_id=self.manifest.id)
        self.report(self.claim(), digest="", content="", variables=[], objects=[])
        self.assertEqual(self.manifest.content, "kind: Service")
        self.assertEqual(self.manifest.problem_count, 1)

    def test_problems_of_a_content_end_with_it(self):
        self.request(self.manifest.url, manifest_id=self.manifest.id)
        self.report(self.claim())
        self.assertEqual(self.manifest.problem_count, 1)
        self.manifest._remember("sha256:2", "kind: Service", [])
        self.assertFalse(self.manifest.problem_count)
        stored = self.manifest.stored_preview(self.manifest.url)
        self.assertEqual(stored["preview"]["problems"], [])
        self.assertEqual(stored["preview"]["content"], "kind: Service")

    def test_what_a_deploy_saw_is_shown_without_a_preview(self):
        self.manifest._remember("sha256:1", "kind: {{ kind }}", ["kind"])
        stored = self.manifest.stored_preview(self.manifest.url)
        self.assertEqual(stored["preview"]["variables"], ["kind"])
        self.assertEqual(stored["preview"]["content"], "kind: {{ kind }}")
        self.assertEqual(stored["previewed_at"], self.manifest.fetched_at)

    def test_no_worker_is_told(self):
        self.worker.last_seen = fields.Datetime.now() - timedelta(minutes=2)
        self.assertEqual(self.request(), {"state": "no_worker"})
        self.assertFalse(self.claim())
        self.worker.last_seen = fields.Datetime.now()
        asked = self.request()
        self.worker.last_seen = fields.Datetime.now() - timedelta(minutes=2)
        self.assertEqual(self.result(asked["job_id"]), {"state": "no_worker"})

    def test_a_url_that_nobody_can_fetch_is_told(self):
        for url in ("", "postgres.yml", "file:///etc/passwd", "http://", "http://[::1"):
            asked = self.request(url)
            self.assertEqual(asked["state"], "refused", url)
            self.assertIn("not a URL a worker can fetch", asked["message"])
        asked = self.request("https://user:word@example.com/x.yml")
        self.assertIn("Do not put a password", asked["message"])
        self.assertFalse(self.claim())

    def test_a_preview_that_fails_or_is_cancelled_is_told(self):
        job = self.env["kubernetes.job"].browse(self.request()["job_id"])
        job.action_cancel()
        self.assertIn("Ask for it again", self.result(job.id)["message"])
        asked = self.request()
        self.claim()._finish("failed", {"code": "internal", "message": "It broke."})
        found = self.result(asked["job_id"])
        self.assertEqual((found["state"], found["message"]), ("failed", "It broke."))
        # One that is gone for good.
        self.assertEqual(self.result(0)["state"], "failed")

    def test_only_operators_ask_and_only_with_values_they_may_read(self):
        with self.assertRaises(AccessError):
            self.request(user=self.create_user("user"))
        self.config_map.company_id = self.env["res.company"].create({"name": "Other"})
        with self.assertRaises(AccessError), mute_logger("odoo.models"):
            self.request(config_map_id=self.config_map.id)
        self.secret.company_id = self.config_map.company_id
        with self.assertRaises(AccessError), mute_logger("odoo.models"):
            self.request(secret_id=self.secret.id)

    def test_the_result_of_another_kind_of_job_is_not_given(self):
        job = self.create_app()._enqueue("diff")
        self.assertEqual(self.result(job.id)["state"], "failed")


OLD, NEW, NEWER = (f"sha256:{sign * 64}" for sign in "abc")


class TestPin(KubernetesQueueCase):
    """A manifest that is pinned is used only with the content that an operator has
    seen, and what waits for a changed one goes on when that has been pinned."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.operator = cls.create_user("operator")
        cls.manifest = cls.manifests[1].with_user(cls.operator)
        cls.manifest.sudo()._remember(OLD, "kind: Service\nname: a\n", [])
        cls.pin(cls.manifest, OLD)

    @classmethod
    def pin(cls, manifest, seen):
        manifest.with_context(seen_digest=seen).action_pin()

    def seen(self, digest=NEW, content="kind: Service\nname: b\n", files=()):
        return {
            "id": self.manifest.id,
            "digest": digest,
            "content": content,
            "files": list(files),
            "variables": [],
        }

    def refuse(self, job, **seen):
        """The worker finds another content than the pinned one."""
        job._conclude(
            self.outcome("failed", "manifest_changed", manifests=[self.seen(**seen)])
        )

    def waiting(self, name="shop"):
        """An app whose first deploy was refused."""
        app = self.create_app(name)
        app._enqueue("deploy")
        self.refuse(self.claim())
        self.assertEqual(app.state, "failed")
        return app

    def attention(self):
        rows = self.env["kubernetes.attention"].with_user(self.operator)
        return rows.search([("reason", "in", ("manifest_changed", "app_failed"))])

    def test_the_worker_is_told_the_pin(self):
        self.create_app()._enqueue("deploy")
        manifests = self.claim()._contract_values()["manifests"]
        self.assertEqual([manifest["pin"] for manifest in manifests], [None, OLD])
        self.manifest.action_unpin()
        self.assertFalse(self.manifest.pinned_content)
        self.assertIsNone(self.manifest._contract_values()[0]["pin"])

    def test_nothing_is_pinned_that_nobody_has_seen(self):
        self.manifest.sudo()._remember(NEW, "kind: Service\n", [])
        for seen in (OLD, NEWER, None, False):
            with self.assertRaisesRegex(UserError, "changed again since you looked"):
                self.pin(self.manifest, seen)
        self.assertEqual(self.manifest.pin, OLD)
        unknown = self.manifests[0].with_user(self.operator)
        with self.assertRaisesRegex(UserError, "Preview it first"):
            self.pin(unknown, False)

    def test_only_operators_pin(self):
        reader = self.manifest.with_user(self.create_user("user"))
        for act in (
            lambda: self.pin(reader, OLD),
            reader.action_unpin,
            lambda: reader.write({"pin": NEW}),
        ):
            with self.assertRaises(AccessError):
                act()

    def test_a_pin_is_a_digest(self):
        for pin in ("latest", "sha256:1", NEW.upper(), NEW + "\n"):
            with self.assertRaisesRegex(ValidationError, "is not a digest"):
                self.manifest.sudo().pin = pin

    def test_a_waiting_order_goes_on_when_the_new_content_is_pinned(self):
        app = self.waiting()
        self.assertFalse(self.claim(), "not tried again by itself")
        self.assertTrue(self.manifest.is_changed)
        self.pin(self.manifest, NEW)
        self.assertFalse(self.manifest.is_changed)
        job = self.claim()
        self.assertEqual((job.app_id, job.kind), (app, "deploy"))
        self.assertEqual(job._contract_values()["manifests"][1]["pin"], NEW)
        job._conclude(self.outcome("done", observation=self.observation("running")))
        self.assertEqual(app.state, "running")

    def test_it_goes_on_as_well_when_unpinned_or_when_the_host_takes_it_back(self):
        for undo in (
            self.manifest.action_unpin,
            lambda: self.manifest.sudo()._remember(OLD, "kind: Service\n", []),
        ):
            self.manifest.sudo().pin = OLD
            app = self.waiting(f"shop{self.env['kubernetes.app'].search_count([])}")
            undo()
            self.assertEqual(self.claim().app_id, app)

    def test_what_somebody_has_asked_for_since_is_not_overturned(self):
        app = self.waiting()
        app._enqueue("delete")
        self.pin(self.manifest, NEW)
        self.assertEqual(self.claim().kind, "delete")

    def test_another_changed_manifest_is_waited_for_as_well(self):
        other = self.manifests[0].with_user(self.operator)
        other.sudo()._remember(OLD, "a", [])
        self.pin(other, OLD)
        app = self.waiting()
        other.sudo()._remember(NEW, "b", [])
        self.pin(self.manifest, NEW)
        self.assertFalse(self.claim())
        self.pin(other, NEW)
        self.assertEqual(self.claim().app_id, app)

    def test_a_worker_that_was_at_work_while_it_was_pinned_tries_again(self):
        app = self.create_app()
        app._enqueue("deploy")
        job = self.claim()
        self.manifest.sudo()._remember(NEW, "kind: Service\n", [])
        self.pin(self.manifest, NEW)
        self.refuse(job)
        self.assertEqual(job.state, "pending")
        self.assertEqual(self.claim(), job)

    def test_a_comparison_is_refused_and_not_asked_for_again(self):
        app = self.create_app()
        app._enqueue("diff")
        job = self.claim()
        self.refuse(job)
        self.pin(self.manifest, NEW)
        self.assertEqual(job.state, "failed")
        self.assertFalse(self.claim())

    def test_it_needs_attention_once_and_in_place_of_the_apps_that_wait(self):
        self.waiting()
        self.waiting("other")
        row = self.attention()
        self.assertEqual(row.mapped("reason"), ["manifest_changed"])
        self.assertEqual(row.name, "Odoo")
        self.assertIn(f"{OLD[:19]}… → {NEW[:19]}…", row.message)
        self.assertEqual(row.action_open()["res_model"], "kubernetes.manifest")
        self.assertEqual(row.action_open()["res_id"], self.manifest.id)
        self.pin(self.manifest, NEW)
        self.assertFalse(self.attention())

    def test_what_has_changed_is_shown_with_the_files(self):
        file = {"name": "labels.j2", "content": "app: <b>odoo</b>\n"}
        self.refuse_preview(files=[file])
        page = self.manifest.change_html
        for text in ("-name: a", "+name: b", "labels.j2", "+app: &lt;b&gt;odoo"):
            self.assertIn(text, page)
        self.assertEqual(self.manifest.pinned_content, "kind: Service\nname: a\n")
        self.pin(self.manifest, NEW)
        self.assertFalse(self.manifest.change_html)
        self.refuse_preview(digest=NEWER, files=[])
        self.assertIn("-app: &lt;b&gt;odoo", self.manifest.change_html)

    def refuse_preview(self, **seen):
        seen = self.seen(**seen)
        self.manifest.sudo()._remember(
            seen["digest"], seen["content"], [], seen["files"]
        )

    def test_no_change_is_invisible(self):
        for new in ("a\nb", "a\r\nb\n", "a\nb \n", "a\u202e\nb\n", "a\u200b\nb\n"):
            self.assertTrue(text_diff("a\nb\n", new), repr(new))
        self.assertIn("+a<U+202E>", text_diff("a\n", "a\u202e\n"))
        self.assertEqual(text_diff("a\n", "a\n"), "")

    def test_a_long_text_is_compared_in_bounded_time(self):
        # Each line stands there often enough to be looked for again and again.
        old = [str(number % 5000) for number in range(500_000)]
        new = [str(number * 7 % 5000) for number in range(500_000)]
        diff = text_diff("\n".join(old), "\n".join(new))
        self.assertIn("\n-4999\n", diff)
        lines = [str(number) for number in range(100 * MOST_LINES)]
        changed = [*lines[:70_000], "changed", *lines[70_001:]]
        diff = text_diff("\n".join(lines), "\n".join(changed))
        self.assertEqual(diff.splitlines()[1:], ["-70000", "+changed"])

    def test_another_url_keeps_the_pin(self):
        self.manifest.url = URL + "?moved"
        self.assertEqual(self.manifest.pin, OLD)
        self.assertFalse(self.manifest.is_changed)
        self.manifest.sudo()._remember(NEW, "kind: Service\nname: b\n", [])
        self.assertIn("-name: a", self.manifest.change_html)

    def test_a_copy_is_not_pinned(self):
        copied = self.manifest.copy()
        self.assertFalse(copied.pin or copied.pinned_content or copied.is_changed)

    def test_the_form_offers_it_to_operators_only_and_shows_the_difference(self):
        people = ((self.operator, True), (self.create_user("user"), False))
        for user, offered in people:
            manifests = self.env["kubernetes.manifest"].with_user(user)
            arch = manifests.get_view(view_type="form")["arch"]
            for button in ("action_pin", "action_unpin"):
                self.assertEqual(f'name="{button}"' in arch, offered, button)
            self.assertIn('name="change_html"', arch)
