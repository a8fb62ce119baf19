# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import copy
import json
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

from lxml import html

from odoo import fields
from odoo.fields import Command
from odoo.tests import HttpCase, JsonRpcException, new_test_user, tagged
from odoo.tools import mute_logger

from ..models import contract, kubernetes_worker, kubernetes_worker_call
from .common import KubernetesCase
from .test_contract_schema import schema

FOLDER = Path(__file__).resolve().parents[3] / "tests" / "contract"
PIN = f"sha256:{64 * 'a'}"


def golden(name):
    return json.loads((FOLDER / f"{name}.json").read_text())


def shape(value):
    """Names and types, whatever the values: what two sides have to agree on."""
    if isinstance(value, dict):
        return {name: shape(member) for name, member in sorted(value.items())}
    if isinstance(value, list):
        shapes = []
        for item in value:
            if shape(item) not in shapes:
                shapes.append(shape(item))
        return shapes
    if isinstance(value, bool) or value is None:
        return type(value).__name__
    return "number" if isinstance(value, int | float) else type(value).__name__


@tagged("post_install", "-at_install")
class TestContract(KubernetesCase, HttpCase):
    """The three calls over HTTP, with the golden examples in tests/contract/."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.cluster.name = "demo"
        cls.cluster.domain = "apps.localhost"
        cls.cluster.url_pattern = "http://{hostname}"
        cls.worker = cls.create_worker("worker-1")
        cls.key = cls.worker._create_key()
        cls.jobs = cls.env["kubernetes.job"]

    def test_no_text_is_longer_than_what_is_read_but_those_looked_at_as_a_whole(self):
        longest = contract.LONGEST_TEXT
        claim = golden("claim_request")
        claim["worker"]["version"] = "v" * longest * 2
        read = contract.read("claim", claim)
        self.assertEqual(read["worker"]["version"], "v" * (longest - 1) + "…")
        with self.assertRaises(contract.VersionError) as refused:
            contract.read("claim", {**claim, "contract": 0})
        self.assertEqual(len(refused.exception.worker["version"]), longest)
        report = golden("report_request")
        text = "x" * longest * 2
        for job in report["jobs"]:
            result = job["outcome"] and job["outcome"]["result"]
            for manifest in result["manifests"] if result else ():
                manifest["content"] = text
        read = contract.read("report", report)
        kept = [
            manifest["content"]
            for job in read["jobs"]
            if job["outcome"] and job["outcome"]["result"]
            for manifest in job["outcome"]["result"]["manifests"]
        ]
        self.assertTrue(kept)
        self.assertEqual(set(kept), {text})

    def call(self, name, params, key=None):
        key = self.key if key is None else key
        return self.make_jsonrpc_request(
            f"/kubernetes_hosting/worker/{name}",
            params,
            headers={"Authorization": f"Bearer {key}"} if key else {},
        )

    def claim(self, **changes):
        return self.call("claim", {**golden("claim_request"), **changes})

    def report(self, claimed, steps=(), outcome=None, token=None):
        answer = self.call(
            "report",
            {
                "worker": golden("report_request")["worker"],
                "jobs": [
                    {
                        "id": claimed["id"],
                        "token": token or claimed["token"],
                        "steps": list(steps),
                        "outcome": outcome,
                    }
                ],
            },
        )
        return answer["jobs"][0]["answer"]

    def outcome(self, state, error=None, **result):
        outcome = copy.deepcopy(golden("report_request")["jobs"][1]["outcome"])
        outcome["state"] = state
        if error:
            failed = golden("report_request")["jobs"][2]["outcome"]["error"]
            outcome["error"] = {**failed, **error}
        outcome["result"].update(result)
        return outcome

    def job(self, claimed):
        self.env.invalidate_all()
        return self.jobs.browse(claimed["id"])

    # -- golden files ------------------------------------------------------------

    def golden_jobs(self):
        """The jobs of the golden answer, asked for one by one; returns the apps."""
        self.manifests[1].pin = PIN
        wanted = golden("claim_response")["jobs"]
        production = self.create_app("shop")
        self.cluster.node_port_range = "30001-30002"
        shop = self.create_app("shop", self.int, limit_node_ports=1)
        shop.inventory = wanted[0]["app"]["inventory"]
        shop.reset_manifest_line_ids = [
            Command.create({"manifest_id": self.manifests[1].id})
        ]
        kept = self.env["kubernetes.manifest.content"].create(
            {
                "manifest_id": self.manifests[1].id,
                "digest": PIN,
                "content": "kind: ConfigMap\n",
                "files": [{"name": "labels.j2", "content": "app: odoo\n"}],
            }
        )
        shop.manifest_line_ids[1]._hold({"held_digest": PIN, "content_id": kept.id})
        self.cluster.allowed_kinds = "ClusterRole.rbac.authorization.k8s.io\n"
        old = self.create_app("old")
        shop._enqueue("deploy")
        old._enqueue("delete", {"keep_volumes": True})
        second = self.create_app("wiki", self.int)
        self.create_app("wiki")
        second.reset_manifest_line_ids = [
            Command.create({"manifest_id": self.manifests[1].id})
        ]
        self.jobs.create({"kind": "deploy", "app_id": second.id, "state": "done"})
        second._enqueue("reset", {"reset": "manifests"})
        production._enqueue("invitation", {"message": wanted[3]["message"]})
        self.create_app("forum")._enqueue("password", wanted[4]["options"])
        self.create_app("older")._enqueue("adopt", wanted[5]["options"])
        self.jobs._enqueue_preview(
            "Copy production",
            "https://example.com/reset.yml",
            self.manifests[1],
            self.config_map,
            self.secret,
        )
        self.env["kubernetes.repository"].create(
            {"name": "Catalog", "url": wanted[7]["options"]["url"]}
        )
        domain = self.env["kubernetes.app.domain"].create(
            {"app_id": self.create_app("domain").id, "name": "www.example.org"}
        )
        self.assertEqual(domain.app_id.job_ids.kind, "domains")
        found = wanted[8]["options"]["found"]
        self.env["kubernetes.namespace.found"].create(
            {
                "name": wanted[8]["options"]["namespace"],
                "cluster_id": self.cluster.id,
                "state": "unknown",
                "object_uid": found["object"],
                "app_uid": found["uid"],
                "app_number": found["app"],
            }
        )._remove()
        return production + shop + old

    def test_claim_answers_as_the_golden_file(self):
        self.needs_mailgun()
        self.golden_jobs()
        apps = type(self.env["kubernetes.app"])
        # Mail domains have tests of their own.
        with patch.object(
            apps, "_mail_domain", lambda app: app.environment_id.code == "prod" and "x"
        ):
            answer = self.claim()
        wanted = golden("claim_response")

        self.assertEqual(list(schema("claim_response").wrong(answer)), [])
        self.assertEqual(answer["unknown_clusters"], ["edge"])
        self.assertEqual(
            {key: shape(value) for key, value in answer.items() if key != "jobs"},
            {key: shape(value) for key, value in wanted.items() if key != "jobs"},
        )
        got_by_kind = {job["kind"]: job for job in answer["jobs"]}
        wanted_by_kind = {job["kind"]: job for job in wanted["jobs"]}
        self.assertEqual(got_by_kind.keys(), wanted_by_kind.keys())
        # Lists may be longer or empty here and there: they are looked at in the deploy.
        lists = {"manifests", "reset_manifests", "config_map", "secret"}
        for kind, expected in wanted_by_kind.items():
            got = got_by_kind[kind]
            self.assertEqual(got.keys(), expected.keys())
            for member in set(expected) - lists - {"cluster", "app"}:
                self.assertEqual(shape(got[member]), shape(expected[member]), member)
            for member in ("cluster", "app"):
                self.assertEqual(
                    got[member] and shape({**got[member], "inventory": 0}).keys(),
                    expected[member]
                    and shape({**expected[member], "inventory": 0}).keys(),
                )
        deploy, delete = got_by_kind["deploy"], got_by_kind["delete"]
        for member in ("app", "manifests", "config_map", "secret"):
            self.assertEqual(
                shape(deploy[member]), shape(wanted_by_kind["deploy"][member])
            )
        self.assertEqual(delete["options"], {"keep_volumes": True})
        self.assertEqual(delete["app"]["wanted_state"], "deleted")
        self.assertEqual(delete["app"]["namespace"], "old-prod")
        self.assertEqual(
            delete["cluster"]["policy"]["kinds"],
            ["ClusterRole.rbac.authorization.k8s.io"],
        )
        for kind in ("delete", "invitation", "password"):
            self.assertEqual(
                [got_by_kind[kind][name] for name in sorted(lists)], 4 * [[]]
            )

    def test_claim_of_a_reset_carries_its_manifests_and_production(self):
        self.golden_jobs()
        job = {job["kind"]: job for job in self.claim()["jobs"]}["reset"]
        production = self.env["kubernetes.app"].search(
            [("name", "=", "wiki"), ("environment_id", "=", self.prod.id)]
        )
        self.assertEqual(job["options"], {"reset": "manifests"})
        self.assertFalse(job["app"]["is_production"])
        self.assertEqual(
            job["production"],
            {
                "app": production.id,
                "uid": production.uid,
                "name": "wiki",
                "environment": "prod",
                "namespace": "wiki-prod",
                "hostname": "wiki.apps.localhost",
                "url": "http://wiki.apps.localhost",
            },
        )
        self.assertEqual([m["title"] for m in job["reset_manifests"]], ["Odoo"])
        self.assertEqual([m["title"] for m in job["manifests"]], ["PostgreSQL", "Odoo"])
        self.assertTrue(job["secret"])

    def test_claim_of_a_preview_has_no_app_and_the_only_cluster_with_its_policy(self):
        self.golden_jobs()
        job = {job["kind"]: job for job in self.claim()["jobs"]}["preview"]
        self.assertEqual((job["app"], job["options"]), (None, {}))
        self.assertEqual(job["cluster"], self.cluster._contract_values())
        self.assertEqual(
            job["manifests"],
            [
                {
                    "id": self.manifests[1].id,
                    "title": "Copy production",
                    "url": "https://example.com/reset.yml",
                    "pin": PIN,
                    "format": "jinja",
                    "content": None,
                }
            ],
        )
        self.assertEqual(
            [line["key"] for line in job["config_map"]],
            ["odoo_image", "odoo_replicas"],
        )
        self.assertEqual(
            [line["key"] for line in job["secret"]],
            ["smtp_password", "postgres_password"],
        )

    def test_claim_of_a_preview_names_no_cluster_where_there_are_several(self):
        self.golden_jobs()
        self.cluster.copy({"name": "other", "domain": "other.example.com"})
        job = {job["kind"]: job for job in self.claim()["jobs"]}["preview"]
        self.assertIsNone(job["cluster"])

    def test_claim_of_a_new_cluster_carries_the_strict_policy(self):
        self.create_app("shop", self.int)._enqueue("deploy")
        job = self.claim()["jobs"][0]
        wanted = golden("claim_response")["jobs"][0]["cluster"]["policy"]
        self.assertEqual(job["cluster"]["policy"], wanted)

    def test_claim_names_the_namespaces_of_the_same_app_elsewhere(self):
        self.create_app("wiki")
        self.create_app("wiki", self.int)._enqueue("deploy")
        job = self.claim()["jobs"][0]
        self.assertEqual(job["app"]["siblings"], ["wiki-prod"])

    def test_claim_notes_the_mailgun_region_and_the_sending_domain(self):
        self.needs_mailgun()
        self.claim()
        self.env.invalidate_all()
        self.assertEqual(self.worker.mailgun_region, "eu")
        self.assertEqual(self.worker.mailgun_sending_domain, "mail.harbour.example")
        self.claim(mailgun={"region": "us", "sending_domain": None})
        self.env.invalidate_all()
        self.assertEqual(self.worker.mailgun_region, "us")
        self.assertFalse(self.worker.mailgun_sending_domain)
        self.claim(mailgun=None)
        self.env.invalidate_all()
        self.assertFalse(self.worker.mailgun_region)
        self.assert_refused(
            "claim",
            {
                **golden("claim_request"),
                "mailgun": {"region": "moon", "sending_domain": None},
            },
            "mailgun.region: “moon” is not one of us, eu",
        )

    def test_claim_sends_the_invitations_that_waited_long_enough(self):
        self.needs_mailgun()
        before = fields.Datetime.now() - timedelta(seconds=1)
        shop = self.create_app("shop")
        shop.partner_id.email = "customer@demo.example"
        waiting = {"mail_state": "waiting", "invitation_state": "waiting"}
        shop.write({**waiting, "invitation_due": before})
        self.claim()
        self.env.invalidate_all()
        self.assertEqual(shop.invitation_state, "sending")

    def test_claim_carries_all_a_deploy_needs(self):
        shop = self.create_app("shop", self.int)
        shop._enqueue("deploy")
        job = self.claim()["jobs"][0]
        self.assertEqual(job["kind"], "deploy")
        self.assertEqual(job["attempt"], 1)
        self.assertRegex(job["token"], r"^[0-9a-f]{32}$")
        self.assertEqual(
            job["app"],
            {
                "id": shop.id,
                "uid": shop.uid,
                "name": "shop",
                "environment": "int",
                "is_production": False,
                "hostname": "shop-int.apps.localhost",
                "domains": [],
                "primary_hostname": "shop-int.apps.localhost",
                "url": "http://shop-int.apps.localhost",
                "namespace": "shop-int",
                "wanted_state": "running",
                "limits": {
                    "cpu_millicores": 8000,
                    "memory_mib": 12288,
                    "storage_gib": 50,
                    "pods": 20,
                },
                "siblings": [],
                "node_ports": [],
                "mail_domain": None,
                "mail_mark": "app",
                "inventory": [],
            },
        )
        self.assertEqual(
            [(m["title"], m["url"]) for m in job["manifests"]],
            [
                ("PostgreSQL", "https://example.com/postgres.yml"),
                ("Odoo", "https://example.com/odoo.yml"),
            ],
        )
        self.assertEqual(
            job["config_map"],
            [
                {"key": "odoo_image", "type": "string", "value": "odoo:19.0"},
                {"key": "odoo_replicas", "type": "yaml", "value": "1"},
            ],
        )
        self.assertEqual(
            job["secret"],
            [
                {
                    "key": "smtp_password",
                    "type": "string",
                    "value": "s3cr#t",
                    "generate": None,
                },
                {
                    "key": "postgres_password",
                    "type": "string",
                    "value": None,
                    "generate": {"length": 32, "alphabet": "alphanumeric"},
                },
            ],
        )

    def test_report_takes_the_golden_file(self):
        self.needs_mailgun()
        asked = {
            42: ("shop", "deploy", {}),
            44: ("shelf", "deploy", {}),
            45: ("wiki", "deploy", {}),
            46: ("post", "mail_domain", {}),
            47: ("news", "invitation", {}),
            48: ("forum", "password", {}),
            49: ("press", "diff", {}),
        }
        for name, kind, options in asked.values():
            self.create_app(name)._enqueue(kind, options)
        domains = self.env["kubernetes.app.domain"].create(
            [
                {"app_id": self.create_app("yard").id, "name": "www.example.org"},
            ]
        )
        domains |= domains.create(
            {"app_id": domains.app_id.id, "name": "shop.example.org"}
        )
        self.jobs._enqueue_preview("Odoo", "https://example.com/odoo.yml")
        repository = self.env["kubernetes.repository"].create(
            {"name": "Catalog", "url": "http://127.0.0.1:8090"}
        )
        claimed = {
            job["app"]["name"] if job["app"] else job["kind"]: job
            for job in self.claim(capacity=20)["jobs"]
        }
        names = {
            **{key: values[0] for key, values in asked.items()},
            50: "preview",
            51: "index",
            53: "yard",
        }
        request = golden("report_request")
        manifests = dict(zip((3, 4), self.manifests.ids, strict=True))
        for job in request["jobs"]:
            mine = claimed[names[job["id"]]]
            job["id"], job["token"] = mine["id"], mine["token"]
            for manifest in (job["outcome"] or {"result": {"manifests": []}})["result"][
                "manifests"
            ]:
                manifest["id"] = manifests[manifest["id"]]
        request["jobs"][2]["token"] = "0" * 32  # a lost worker's
        answer = self.call("report", request)
        self.assertEqual(shape(answer), shape(golden("report_response")))
        self.assertEqual(
            [job["answer"] for job in answer["jobs"]],
            [job["answer"] for job in golden("report_response")["jobs"]],
        )
        shop, shelf, wiki, mail, news, docs, press, preview, index, yard = (
            self.job(claimed[name]) for name in names.values()
        )
        self.assertEqual(yard.state, "done")
        self.assertEqual(domains.mapped("state"), ["active", "waiting"])
        self.assertEqual(domains[0].certificate_ends.isoformat(), "2027-02-19T08:00:00")
        self.assertIn("no record that leads to", domains[1].message)
        self.assertEqual(domains.app_id.served_domains, ["www.example.org"])
        self.assertEqual(shop.state, "running")
        self.assertEqual(
            shop.step_ids.mapped(lambda s: (s.number, s.code, s.state, s.seconds)),
            [(1, "fetching", "done", 0.31), (2, "applying", "running", 0.0)],
        )
        self.assertEqual(shelf.state, "done")
        self.assertEqual(shelf.result_text, "8 created, 1 changed")
        self.assertEqual(shelf.app_id.state, "running")
        self.assertEqual(shelf.app_id.ingress_state, "ready")
        self.assertEqual(shelf.app_id.ingress_addresses, "127.0.0.1")
        self.assertEqual(shelf.app_id.inventory[0]["kind"], "Ingress")
        self.assertEqual(self.manifests[0].variables, ["postgres_password"])
        self.assertEqual(self.manifests[0].content, "apiVersion: v1\n")
        self.assertEqual(wiki.state, "running")
        outcomes = [job["outcome"] for job in golden("report_request")["jobs"]]
        self.assertEqual((mail.state, news.state), ("done", "done"))
        self.assertFalse(mail.result or news.result)
        self.assertEqual(docs.result, {"password": outcomes[5]["result"]["password"]})
        self.assertEqual(press.result, {"diff": outcomes[6]["result"]["diff"]})
        self.assertEqual(preview.result, {"preview": outcomes[7]["result"]["preview"]})
        self.assertEqual((index.state, index.result), ("done", False))
        self.assertEqual(repository.package_ids.mapped("name"), ["wiki"])
        self.assertEqual(repository.problem_count, 1)
        # None of these changes an app.
        self.assertEqual(
            (mail + news + docs + press).app_id.mapped("state"), ["new"] * 4
        )

    def test_report_of_a_failure_says_where_it_is_and_the_way_out(self):
        self.create_app()._enqueue("deploy")
        claimed = self.claim()["jobs"][0]
        outcome = golden("report_request")["jobs"][2]["outcome"]
        self.assertEqual(self.report(claimed, outcome=outcome), "go_on")
        job = self.job(claimed)
        self.assertEqual(job.state, "failed")
        self.assertEqual(job.error_code, "template_render")
        self.assertEqual((job.error_line, job.error_column), (12, 17))
        self.assertEqual(job.app_id.state, "failed")
        self.assertIn("Did you mean 'odoo_image'?", job.app_id.state_message)

    def test_the_line_of_a_failure_is_shown_with_what_is_meant_pointed_at(self):
        job = self.create_app()._enqueue("deploy")
        job.sudo().write(
            {
                "error_manifest": "Odoo",
                "error_excerpts": [
                    {
                        "of": "rendered",
                        "name": None,
                        "line": 12,
                        "column": 5,
                        "length": 1,
                        "text": "\tサ<: x",
                        "from": 1,
                        "label": "expected a value",
                    }
                ],
            }
        )
        page = html.fromstring(f"<div>{job.error_html}</div>")
        self.assertEqual(page.findtext(".//div"), "Odoo as rendered, line 12")
        self.assertEqual(
            page.find(".//pre").text_content(),
            "12 | \tサ<: x\n   | \t    ^ expected a value",
        )
        self.env["res.lang"]._activate_lang("de_DE")
        german = job.with_context(lang="de_DE").error_html
        self.assertIn("Odoo, gerendert, Zeile 12", german)

    def test_observe_takes_the_golden_file(self):
        shop = self.create_app("shop", self.int)
        request = golden("observe_request")
        request["apps"][0].update(id=shop.id, uid=shop.uid)
        unknown = copy.deepcopy(request["apps"][0])
        unknown.update(uid="0" * 32, namespace="of-nobody")
        foreign = copy.deepcopy(request["apps"][0])
        foreign.update(
            uid=self.create_app("shelf", self.int).uid, namespace="not-the-shelf"
        )
        request["apps"] += [unknown, foreign]
        answer = self.call("observe", request)
        self.assertEqual(shape(answer), shape(golden("observe_response")))
        self.assertEqual(list(schema("observe_response").wrong(answer)), [])
        self.assertEqual(answer["unknown"], ["of-nobody", "not-the-shelf"])
        self.env.invalidate_all()
        found = self.env["kubernetes.namespace.found"].search([])
        self.assertEqual(
            [(one.name, one.state, one.app_number) for one in found],
            [("old-prod", "unknown", 8), ("shop-int", "unknown", 7)],
        )
        self.assertEqual(shop.observed_state, "degraded")
        self.assertIn("ImagePullBackOff", shop.observed_message)
        self.assertEqual(shop.ingress_state, "no_address")
        self.assertEqual(shop.ingress_hosts, "shop-int.apps.localhost")
        self.assertTrue(shop.ingress_tls)

    def test_observe_of_an_unknown_cluster_knows_no_app(self):
        shop = self.create_app("shop", self.int)
        request = golden("observe_request")
        request.update(cluster="elsewhere")
        request["apps"][0]["uid"] = shop.uid
        self.assertEqual(self.call("observe", request)["unknown"], ["shop-int"])

    def test_an_app_of_another_uid_learns_nothing_of_a_namespace_of_its_name(self):
        """Ids repeat after a restore: what the cluster shows of the app that had this
        id before is not this app's."""
        shop = self.create_app("shop", self.int)
        request = golden("observe_request")
        request["apps"][0]["id"] = shop.id
        self.assertEqual(self.call("observe", request)["unknown"], ["shop-int"])
        self.env.invalidate_all()
        self.assertEqual(shop.observed_state, "unknown")

    def test_what_is_no_uid_is_refused_by_name(self):
        request = golden("observe_request")
        request["apps"][0]["uid"] = "7"
        self.assert_refused(
            "observe",
            request,
            "apps[0].uid: “7” is not an app's uid of 32 hex digits",
        )

    # -- answers to a report -----------------------------------------------------

    def test_repeated_final_report_is_stale_and_harmless(self):
        self.create_app()._enqueue("deploy")
        claimed = self.claim()["jobs"][0]
        self.assertEqual(self.report(claimed, outcome=self.outcome("done")), "go_on")
        self.assertEqual(
            self.report(claimed, outcome=self.outcome("failed", {"code": "x"})),
            "stale",
        )
        self.assertEqual(self.job(claimed).state, "done")

    def test_repeated_steps_change_nothing(self):
        self.create_app()._enqueue("deploy")
        claimed = self.claim()["jobs"][0]
        steps = golden("report_request")["jobs"][0]["steps"]
        self.report(claimed, steps)
        self.report(claimed, steps)
        self.report(claimed, [{**steps[1], "state": "done", "seconds": 4.2}])
        self.assertEqual(
            self.job(claimed).step_ids.mapped(lambda s: (s.number, s.state)),
            [(1, "done"), (2, "done")],
        )

    def test_a_report_is_one_transaction(self):
        """A thousand may wait on one worker; each is still answered for itself."""
        for n in range(5):
            self.create_app(f"app-{n}")._enqueue("deploy")
        claimed = self.claim()["jobs"]
        jobs = self.env["kubernetes.job"].browse(job["id"] for job in claimed)
        jobs.write({"lease_until": "2026-01-01"})
        jobs[1].cancel_requested = True
        jobs[3].state = "cancelled"
        steps = golden("report_request")["jobs"][0]["steps"]
        reports = [
            {
                "id": job["id"],
                "token": "0" * 32 if n == 2 else job["token"],
                "steps": steps if n == 4 else [],
                "outcome": None,
            }
            for n, job in enumerate(claimed)
        ]
        call = type(self.env["kubernetes.worker.call"])
        with patch.object(
            call, "_transaction", autospec=True, side_effect=call._transaction
        ) as transaction:
            answer = self.call(
                "report",
                {"worker": golden("report_request")["worker"], "jobs": reports},
            )
        methods = [arguments.args[1] for arguments in transaction.call_args_list]
        self.assertEqual(methods, ["_take_reports"])
        self.assertEqual(
            answer["jobs"],
            [
                {"id": report["id"], "answer": said}
                for report, said in zip(
                    reports, ["go_on", "stop", "stale", "stale", "go_on"], strict=True
                )
            ],
        )
        self.env.invalidate_all()
        renewed = [job.lease_until > fields.Datetime.now() for job in jobs]
        self.assertEqual(renewed, [True, True, False, False, True])

    def test_cancel_answers_stop(self):
        app = self.create_app()
        job = app._enqueue("deploy")
        claimed = self.claim()["jobs"][0]
        job.action_cancel()
        self.assertEqual(self.report(claimed), "stop")
        self.assertEqual(
            self.report(claimed, outcome=self.outcome("cancelled")), "go_on"
        )
        self.assertEqual(self.job(claimed).state, "cancelled")

    def test_nul_characters_are_left_out(self):
        self.create_app()._enqueue("deploy")
        claimed = self.claim()["jobs"][0]
        step = {**golden("report_request")["jobs"][0]["steps"][0], "message": "a\0b"}
        self.assertEqual(self.report(claimed, [step]), "go_on")
        self.assertEqual(self.job(claimed).step_ids.message, "ab")

    # -- who may call ------------------------------------------------------------

    def assert_unauthorized(self, key):
        for name in ("claim", "report", "observe"):
            with (
                self.assertRaises(JsonRpcException) as raised,
                mute_logger("odoo.http"),
            ):
                self.call(name, golden(f"{name}_request"), key)
            self.assertEqual(str(raised.exception), "werkzeug.exceptions.Unauthorized")

    def test_no_key_is_unauthorized(self):
        self.assert_unauthorized("")

    def test_a_wrong_key_is_unauthorized(self):
        self.assert_unauthorized("0" * 40)

    def test_a_session_is_unauthorized(self):
        new_test_user(
            self.env,
            "boss",
            groups="kubernetes_hosting.group_kubernetes_administrator",
        )
        self.authenticate("boss", "boss")
        self.assert_unauthorized("")

    def test_a_plain_users_key_is_unauthorized(self):
        keys = self.env["res.users.apikeys"]
        for group in ("base.group_user", "base.group_system"):
            user = new_test_user(self.env, f"plain-{group}", groups=group)
            key = keys.with_user(user).sudo()._generate(None, "everything", False)
            self.assert_unauthorized(key)

    def test_a_revoked_key_is_unauthorized(self):
        first = self.key
        second = self.worker._create_key()
        for key in (first, second):
            self.assertIn("jobs", self.call("claim", golden("claim_request"), key))
        self.env.invalidate_all()
        self.assertTrue(all(self.worker.key_ids.mapped("last_used_at")))
        self.worker.key_ids.sorted("id")[0].action_revoke()
        self.assert_unauthorized(first)
        self.assertIn("jobs", self.call("claim", golden("claim_request"), second))
        self.worker.action_revoke_keys()
        self.assert_unauthorized(second)

    def test_an_archived_workers_key_is_unauthorized(self):
        self.worker.active = False
        self.env.flush_all()
        self.assert_unauthorized(self.key)
        self.worker.active = True
        self.env.flush_all()
        self.assertIn("jobs", self.claim())

    def test_a_workers_key_opens_nothing_else(self):
        for model in ("kubernetes.app", "kubernetes.secret.line", "res.partner"):
            answer = self.url_open(
                f"/json/2/{model}/search_read",
                json={"domain": []},
                headers={"Authorization": f"Bearer {self.key}"},
            )
            self.assertEqual(answer.status_code, 401)

    # -- bad parameters ----------------------------------------------------------

    def assert_refused(self, call, params, message):
        with mute_logger(
            "odoo.addons.kubernetes_hosting.models.kubernetes_worker_call"
        ):
            answer = self.call(call, params)
        self.assertEqual(answer.keys(), {"contract", "error"})
        self.assertEqual(answer["error"]["code"], "bad_params")
        self.assertEqual(answer["error"]["message"], message)
        self.assertTrue(answer["error"]["hint"])

    def test_bad_params_are_refused_with_the_place(self):
        claim = golden("claim_request")
        self.assert_refused("claim", {"contract": 2}, "worker: is missing")
        self.assert_refused(
            "claim",
            {**claim, "capacity": "8"},
            "capacity: expected a whole number, found a text",
        )
        self.assert_refused(
            "claim",
            {**claim, "clusters": [{**claim["clusters"][0], "reachable": 1}]},
            "clusters[0].reachable: expected true or false, found a number",
        )
        report = golden("report_request")
        for time in (
            "yesterday",
            "2026-11-21T08:00:00.-5Z",
            "2026-11-21T08:00:00. 5Z",
            "2026-11-21T08:00:00.Z",
            "2026-11-21T8:00:00Z",
            "2026-11-21T08:00:60Z",
            "2026-11-21T08:00:00+01:00",
            "2026-11-21T08:00:00.٣Z",
        ):
            bad = copy.deepcopy(report)
            bad["jobs"][0]["steps"][1]["started_at"] = time
            self.assert_refused(
                "report",
                bad,
                f"jobs[0].steps[1].started_at: “{time}” is not a time in UTC like"
                " 2026-11-21T08:00:00Z",
            )
        bad = copy.deepcopy(report)
        bad["jobs"][1]["outcome"]["state"] = "finished"
        self.assert_refused(
            "report",
            bad,
            "jobs[1].outcome.state: “finished” is not one of done, failed, retry,"
            " released, cancelled",
        )
        bad["jobs"][1]["outcome"]["state"] = f"a\n2026-11-30 INFO forged{200 * 'x'}"
        self.assert_refused(
            "report",
            bad,
            f"jobs[1].outcome.state: “a<U+000A>2026-11-30 INFO forged{76 * 'x'}…” is"
            " not one of done, failed, retry, released, cancelled",
        )
        bad = copy.deepcopy(report)
        bad["jobs"][0]["id"] = 2**40
        self.assert_refused("report", bad, f"jobs[0].id: {2**40} is out of range")
        observe = golden("observe_request")
        bad = copy.deepcopy(observe)
        del bad["apps"][0]["observation"]["ingress"]["tls"]
        self.assert_refused(
            "observe", bad, "apps[0].observation.ingress.tls: is missing"
        )
        self.assert_refused(
            "observe", {**observe, "apps": {}}, "apps: expected a list, found an object"
        )

    def test_refused_report_changes_nothing(self):
        self.create_app()._enqueue("deploy")
        claimed = self.claim()["jobs"][0]
        request = golden("report_request")
        request["jobs"] = [
            {
                "id": claimed["id"],
                "token": claimed["token"],
                "steps": [],
                "outcome": self.outcome("done"),
            },
            {"id": 1, "token": None, "steps": [], "outcome": None},
        ]
        self.assert_refused(
            "report", request, "jobs[1].token: expected a text, found null"
        )
        self.assertEqual(self.job(claimed).state, "running")

    # -- versions of the contract ------------------------------------------------

    def test_members_of_a_newer_worker_are_ignored(self):
        worker = {**golden("claim_request")["worker"], "colour": "blue"}
        answer = self.claim(worker=worker, contract=contract.NEWEST + 1, colour="blue")
        self.assertNotIn("error", answer)
        self.assertEqual(answer["contract"], contract.NEWEST)
        self.env.invalidate_all()
        self.assertEqual(self.worker.contract_version, contract.NEWEST + 1)
        self.assertEqual(self.worker.state, "online")

    def test_a_worker_from_before_versions_goes_on_working(self):
        """The golden files of version 1, as the worker of that time sent them."""
        shop = self.create_app("shop", self.int)
        shop._enqueue("deploy")
        claimed = self.call("claim", golden("v1/claim_request"))["jobs"][0]
        self.env.invalidate_all()
        self.assertEqual(self.worker.contract_version, 1)
        self.assertEqual((self.worker.state, self.worker.outdated), ("online", False))
        # All that it reads in an answer is there.
        wanted = golden("v1/claim_response")["jobs"][0]
        self.assertLessEqual(wanted.keys(), claimed.keys())
        self.assertLessEqual(wanted["app"].keys(), claimed["app"].keys())
        self.assertLessEqual(wanted["cluster"].keys(), claimed["cluster"].keys())
        report = golden("v1/report_request")
        report["jobs"] = [
            {**report["jobs"][1], "id": claimed["id"], "token": claimed["token"]}
        ]
        answer = self.call("report", report)
        self.assertEqual(answer["jobs"], [{"id": claimed["id"], "answer": "go_on"}])
        self.assertEqual(self.job(claimed).state, "done")
        observe = golden("v1/observe_request")
        observe["apps"][0].update(id=shop.id, uid=shop.uid)
        self.assertEqual(self.call("observe", observe)["unknown"], [])
        self.env.invalidate_all()
        self.assertEqual(shop.observed_state, "degraded")

    def test_a_member_newer_than_the_worker_has_its_default(self):
        shapes = {
            "claim": contract.Object(
                {
                    **contract.SHAPES["claim"].members,
                    "colour": contract.Since(3, contract.TEXT, "blue"),
                }
            )
        }
        with patch.dict(contract.SHAPES, shapes):
            request = golden("claim_request")
            for version in (1, 2):
                read = contract.read("claim", {**request, "contract": version})
                self.assertEqual(read["colour"], "blue")
            with self.assertRaisesRegex(contract.ContractError, "colour: is missing"):
                contract.read("claim", {**request, "contract": 3})
            read = contract.read("claim", {**request, "contract": 3, "colour": "red"})
            self.assertEqual(read["colour"], "red")

    def refused_call(self, call, params):
        """The JSON-RPC error of a call."""
        with mute_logger(
            "odoo.addons.kubernetes_hosting.models.kubernetes_worker_call"
        ):
            answer = self.url_open(
                f"/kubernetes_hosting/worker/{call}",
                json={"jsonrpc": "2.0", "method": "call", "id": 7, "params": params},
                headers={"Authorization": f"Bearer {self.key}"},
            ).json()
        self.assertEqual(answer.keys(), {"jsonrpc", "id", "error"})
        self.assertEqual(answer["id"], 7)
        self.env.invalidate_all()
        return answer["error"]

    def refused(self, call, params):
        """The same without HTTP: the sentence, and how often it is logged. In a test
        the end of a failed request takes back what it wrote on the record; that this
        is otherwise in real transactions is TestConcurrency's."""
        calls = self.env["kubernetes.worker.call"].with_user(self.worker.user_id)
        with patch.object(kubernetes_worker_call._logger, "warning") as warning:
            try:
                calls._answer(call, params)
            except contract.VersionError as error:
                told = str(error)
            else:
                self.fail("The call was not refused")
        self.env.invalidate_all()
        return told, warning.call_count

    def test_a_worker_below_the_minimum_is_refused(self):
        job = self.create_app()._enqueue("deploy")
        with patch.object(contract, "OLDEST", 2):
            for call in ("claim", "report", "observe"):
                error = self.refused_call(call, golden(f"v1/{call}_request"))
                self.assertEqual(error, golden("version_error"))
        self.assertEqual(job.state, "pending")

    def test_addons_below_the_workers_minimum_refuse(self):
        newer = {**golden("claim_request"), "contract": 9, "contract_minimum": 8}
        error = self.refused_call("claim", newer)
        self.assertEqual((error["code"], error["data"]["outdated"]), (426, "addons"))
        self.assertEqual(
            error["message"],
            f"Update the addons in Odoo: they speak version {contract.NEWEST} of the"
            " contract, and this worker needs version 8 or newer.",
        )

    def test_the_record_says_which_of_the_two_to_update(self):
        self.claim()
        self.assertTrue(self.cluster._online_workers())
        with patch.object(contract, "OLDEST", 2):
            for call, logged in (("claim", 1), ("claim", 0), ("observe", 0)):
                told = self.refused(call, golden(f"v1/{call}_request"))
                self.assertEqual(told, (golden("version_error")["message"], logged))
        self.assertEqual(
            (self.worker.state, self.worker.outdated), ("refused", "worker")
        )
        self.assertEqual(
            (self.worker.contract_version, self.worker.version), (1, "0.1.0")
        )
        self.assertFalse(self.cluster._online_workers())

        newer = {**golden("claim_request"), "contract": 9, "contract_minimum": 8}
        # What else it says may have another form by then.
        newer["worker"] = ["worker-1", "9.0"]
        self.refused("claim", newer)
        self.assertEqual(
            (self.worker.state, self.worker.outdated), ("refused", "addons")
        )
        self.assertEqual(
            (self.worker.contract_version, self.worker.version), (9, False)
        )

        self.worker.last_seen = "2026-01-01"
        self.env["kubernetes.worker"]._mark_unseen()
        self.assertEqual(self.worker.state, "offline")
        self.claim()
        self.env.invalidate_all()
        self.assertEqual((self.worker.state, self.worker.outdated), ("online", False))

    def test_a_version_that_is_no_number_is_refused_by_name(self):
        self.assert_refused(
            "claim",
            {**golden("claim_request"), "contract": "2"},
            "contract: expected a whole number, found a text",
        )

    # -- worker record -----------------------------------------------------------

    def test_worker_record_shows_name_version_clusters_and_last_seen(self):
        self.claim()
        self.env.invalidate_all()
        self.assertEqual(self.worker.state, "online")
        self.assertEqual(self.worker.reported_name, "worker-1")
        self.assertEqual(self.worker.version, "0.1.0")
        self.assertEqual(self.worker.announced_cluster_ids, self.cluster)
        self.assertEqual(self.worker.asked_clusters, "edge")
        self.assertTrue(self.worker.last_seen)
        self.assertEqual(self.cluster.state, "reachable")
        self.assertEqual(self.cluster.version, "v1.35.4")

    def test_a_claim_that_says_nothing_new_writes_nothing(self):
        before = fields.Datetime.now() - timedelta(hours=1)
        with patch.object(kubernetes_worker, "SEEN_STEP", timedelta(days=1)):
            for said in (None, {"region": "us", "sending_domain": None}):
                with self.subTest(mailgun=said):
                    self.claim(mailgun=said)
                    self.worker.last_seen = before
                    self.env.flush_all()
                    self.claim(mailgun=said)
                    self.env.invalidate_all()
                    self.assertEqual(self.worker.last_seen, before)

    def test_unreachable_cluster_gets_no_jobs_and_says_why(self):
        self.create_app()._enqueue("deploy")
        down = {
            "name": "demo",
            "reachable": False,
            "version": None,
            "message": "connection refused",
            "message_words": None,
            "capacity": None,
        }
        self.assertEqual(self.claim(clusters=[down])["jobs"], [])
        self.env.invalidate_all()
        self.assertEqual(self.cluster.state, "unreachable")
        self.assertEqual(self.cluster.message, "connection refused")
