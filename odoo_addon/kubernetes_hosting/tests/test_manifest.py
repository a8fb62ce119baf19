# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import copy
import json
from datetime import timedelta
from pathlib import Path

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tools import mute_logger

from ..models import contract
from .common import KubernetesTransactionCase

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
                "worker": {"name": "w", "instance": "i", "version": "1"},
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
            values["manifests"], [{"id": 0, "title": "Service", "url": URL}]
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
