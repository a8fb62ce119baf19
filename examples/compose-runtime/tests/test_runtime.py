# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Jobs as Odoo gives them, done with a double of docker."""

import functools
import http.server
import json
import os
import stat
import tempfile
import threading
import time
import unittest
from pathlib import Path
from unittest.mock import patch

from compose_runtime.jobs import Runner
from compose_runtime.problem import Problem
from compose_runtime.project import Host
from compose_runtime.worker import Held, clock

DOUBLE = Path(__file__).with_name("compose_double.py")
COMPOSE = """
services:
  web:
    image: "{{ image }}"
    environment: {GREETING: "{{ greeting }}, costs 5 $HOME"}
    configs: [page]
    volumes: ["data:/data"]
configs:
  page: {content: {{ password | tojson }}}
volumes: {data: {}}
"""
PASSWORD = "s3cr$t-password"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_arguments):
        pass


class RuntimeCase(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        (self.folder / "served").mkdir()
        served = functools.partial(Quiet, directory=self.folder / "served")
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), served)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.address = f"127.0.0.1:{self.server.server_port}"
        home = patch.dict(os.environ, HOME=folder.name)
        home.start()
        self.addCleanup(home.stop)
        self.host = Host(str(DOUBLE), self.folder / "state")
        self.runner = Runner(self.host, [self.address], 0.1, 1)
        self.values = {"image": "shop:1", "greeting": "hello"}

    def job(self, kind, manifest=COMPOSE, uid="a" * 32, **changes):
        (self.folder / "served" / "shop.yml").write_text(manifest)
        app = {
            "id": 7,
            "uid": uid,
            "name": "shop",
            "environment": "prod",
            "hostname": "shop.example.com",
            "url": "https://shop.example.com",
            "namespace": "shop-prod",
            "limits": {
                "cpu_millicores": 1000,
                "memory_mib": 512,
                "storage_gib": 10,
                "pods": 3,
            },
        }
        return {
            "id": 1,
            "kind": kind,
            "attempt": 1,
            "token": "t",
            "options": {},
            "app": app,
            "cluster": {
                "name": "host",
                "domain": "example.com",
                "policy": {"node_port": False},
            },
            "manifests": [
                {
                    "id": 3,
                    "title": "Shop",
                    "url": f"http://{self.address}/shop.yml",
                    "pin": None,
                    "format": "jinja",
                }
            ],
            "config_map": [
                {"key": key, "type": "string", "value": value}
                for key, value in self.values.items()
            ],
            "secret": [
                {
                    "key": "password",
                    "type": "string",
                    "value": PASSWORD,
                    "generate": None,
                },
                {
                    "key": "made",
                    "type": "string",
                    "value": None,
                    "generate": {"length": 20, "alphabet": "hex"},
                },
            ],
            **changes,
        }

    def do(self, kind, manifest=COMPOSE, **changes):
        """The outcome of such a job."""
        self.held = Held(self.job(kind, manifest, **changes), "db", clock() + 60)
        self.held.run(self.runner)
        return self.held.outcome

    def done(self, kind, *words, **changes):
        outcome = self.do(kind, *words, **changes)
        self.assertEqual(outcome["state"], "done", outcome["error"])
        return outcome["result"]

    def failed(self, kind, *words, **changes):
        outcome = self.do(kind, *words, **changes)
        self.assertEqual(outcome["state"], "failed")
        return outcome["error"]

    def asked(self):
        lines = (self.folder / "asked.log").read_text().splitlines()
        return [json.loads(line) for line in lines]

    def commands(self):
        known = ("up", "stop", "start", "restart", "down")
        return [word for words in self.asked() for word in words if word in known]


class LifeTest(RuntimeCase):
    def test_from_deploy_to_delete(self):
        result = self.done("deploy")
        self.assertEqual(result["objects"]["created"], 1)
        self.assertEqual(result["observation"]["state"], "running")
        self.assertEqual(result["inventory"][0]["name"], "web")
        self.assertEqual(
            [step["code"] for step in self.held.steps],
            ["fetching", "rendering", "namespace", "applying", "waiting"],
        )
        self.assertEqual(self.done("stop")["observation"]["state"], "stopped")
        self.assertEqual(self.failed("restart")["code"], "stopped")
        self.assertEqual(self.done("start")["observation"]["state"], "running")
        self.assertEqual(self.done("restart")["observation"]["state"], "running")
        self.assertEqual(self.done("refresh")["observation"]["state"], "running")
        result = self.done("delete", options={"keep_volumes": False})
        self.assertTrue(result["namespace_deleted"])
        self.assertEqual(list(self.host.all()), [])
        self.assertEqual(json.loads((self.folder / "volumes.json").read_text()), {})

    def test_the_same_again_interrupts_nothing(self):
        self.done("deploy")
        objects = self.done("deploy")["objects"]
        self.assertEqual(
            objects, {"created": 0, "changed": 0, "unchanged": 1, "pruned": 0}
        )
        self.assertEqual(self.commands(), ["up"])
        self.values["greeting"] = "good evening"
        self.assertEqual(self.done("deploy")["objects"]["changed"], 1)

    def test_volumes_and_secrets_stay_where_they_are_kept(self):
        self.done("deploy", COMPOSE.replace("password", "made"))
        made = self.host.project("shop-prod").secrets()
        self.assertRegex(made["made"], "^[0-9a-f]{20}$")
        result = self.done("delete", options={"keep_volumes": True})
        self.assertFalse(result["namespace_deleted"])
        self.assertEqual(self.failed("start")["code"], "not_there")
        self.done("deploy")
        self.assertEqual(self.host.project("shop-prod").secrets(), made)
        self.done("delete", options={"keep_volumes": True})
        self.done("delete", options={"keep_volumes": False})
        self.assertEqual(json.loads((self.folder / "volumes.json").read_text()), {})

    def test_what_is_gone_can_be_deleted_again(self):
        result = self.done("delete", options={"keep_volumes": False})
        self.assertTrue(result["namespace_deleted"])

    def test_another_apps_project_is_not_touched(self):
        self.done("deploy")
        for kind in ("deploy", "stop", "start", "delete", "refresh"):
            with self.subTest(kind=kind):
                self.assertEqual(
                    self.failed(kind, uid="b" * 32)["code"], "namespace_foreign"
                )
        self.assertEqual(self.commands(), ["up"])

    def test_containers_of_nobody_are_not_taken_over(self):
        self.done("deploy")
        self.host.project("shop-prod").forget()
        self.assertEqual(self.failed("deploy")["code"], "namespace_foreign")

    def test_what_does_not_run_is_told_with_its_status(self):
        self.values["image"] = "broken:1"
        error = self.failed("deploy")
        self.assertEqual(error["code"], "not_ready")
        self.assertIn("web: exited with status 3", error["message"])
        seen = self.held.outcome["result"]["observation"]
        self.assertEqual(seen["state"], "degraded")
        self.values["image"] = "missing:1"
        error = self.failed("deploy")
        self.assertEqual(error["code"], "apply_refused")
        self.assertIn("pull access denied", error["message"])

    def test_a_start_that_met_the_restart_monitor_is_made_again(self):
        self.values["image"] = "raced:1"
        self.assertEqual(self.done("deploy")["observation"]["state"], "running")

    def test_a_comparison_shows_no_secret(self):
        self.done("deploy")
        self.values["greeting"] = "good evening"
        diff = self.done("diff")["diff"]
        self.assertEqual(
            [item["object"] for item in diff["objects"]], ["Compose 1.yaml"]
        )
        self.assertIn("+      GREETING: good evening", diff["objects"][0]["text"])
        self.assertEqual(diff["unchanged"], 1)
        self.assertNotIn(PASSWORD, json.dumps(diff))
        self.assertEqual(self.commands(), ["up"])


class SecretsTest(RuntimeCase):
    def test_secrets_are_in_files_of_their_own_and_on_no_command_line(self):
        self.done("deploy")
        project = self.host.project("shop-prod")
        (path,) = (project.folder / "mounted").iterdir()
        self.assertEqual(path.read_text(), PASSWORD)
        for folder in (self.host.projects, project.folder, path.parent):
            self.assertEqual(stat.S_IMODE(folder.stat().st_mode), 0o700)
        self.assertNotIn(PASSWORD, json.dumps(self.asked()))
        (text,) = project.deployed().values()
        self.assertIn("5 $$HOME", text, "nothing is filled in from an environment")

    def test_a_secret_among_what_becomes_a_command_line_is_refused(self):
        manifest = COMPOSE.replace("{{ greeting }}", "{{ password }}")
        error = self.failed("deploy", manifest)
        self.assertEqual(error["code"], "secret_dependent")
        self.assertEqual(error["field"], "services.web")
        self.assertFalse((self.folder / "asked.log").exists())

    def test_an_error_shows_no_secret(self):
        error = self.failed("deploy", "a: {{ nothing(password) }}\n")
        self.assertNotIn(PASSWORD, json.dumps(error))


class ManifestTest(RuntimeCase):
    def refused(self, old, new):
        self.assertIn(old, COMPOSE)
        return self.failed("deploy", COMPOSE.replace(old, new))

    def test_what_reaches_the_host_is_refused_by_its_field(self):
        for added, field in (
            ("privileged: true", "services.web.privileged"),
            ("network_mode: host", "services.web.network_mode"),
            ("env_file: /etc/shadow", "services.web.env_file"),
            ("build: .", "services.web.build"),
            ("cap_add: [SYS_ADMIN]", "services.web.cap_add"),
            ("ports: ['80:80']", "services.web.ports[0]"),
            ("ports: ['80']", "services.web.ports[0]"),
            ("ports: ['127.0.0.1:80:80/tcp']", "services.web.ports[0]"),
            ("ports: [{target: 80}]", "services.web.ports[0]"),
            ("deploy: {replicas: 9}", "services.web.deploy.replicas"),
            ("extends: {file: /x}", "services.web.extends"),
        ):
            with self.subTest(field=field):
                error = self.refused("    configs:", f"    {added}\n    configs:")
                self.assertEqual(
                    (error["code"], error["field"]), ("manifest_policy", field)
                )
        for volume in ("/etc:/etc", "./x:/x", "~/x:/x"):
            error = self.refused("data:/data", volume)
            self.assertEqual(error["field"], "services.web.volumes[0]")
        error = self.refused("{data: {}}", "{data: {driver_opts: {device: /}}}")
        self.assertEqual(error["field"], "volumes.data.driver_opts")
        error = self.refused("{content:", "{file: /etc/shadow, content:")
        self.assertEqual(error["field"], "configs.page.file")
        error = self.refused("volumes: {data: {}}", "include: [/etc/x.yml]")
        self.assertEqual(error["field"], "include")

    def test_ports_that_are_the_apps_may_be_taken(self):
        job = self.job("deploy")
        job["app"]["node_ports"] = [31000]
        ports = (
            "    ports: ['{{ node_ports[0] }}:80', {published: 31000, target: 81}]\n"
        )
        manifest = COMPOSE.replace("    configs:", f"{ports}    configs:")
        self.done("deploy", manifest, app=job["app"])
        error = self.failed("deploy", manifest.replace("[0] }}", "[0] + 1 }}"))
        self.assertEqual(error["code"], "template_render", "it has none")

    def test_what_an_app_was_restored_to_is_not_fetched(self):
        (manifest,) = self.job("deploy")["manifests"]
        kept = COMPOSE.replace("{{ image }}", "older:1")
        manifest |= {"content": {"text": kept, "files": []}, "url": "http://gone/"}
        result = self.done("deploy", manifests=[manifest])
        self.assertEqual(result["manifests"][0]["content"], kept)
        self.assertIn("older:1", str(self.host.project("shop-prod").deployed()))

    def test_services_share_what_the_app_may_have(self):
        two = COMPOSE.replace(
            "services:",
            "services:\n  db:\n    image: db\n"
            "    deploy: {resources: {limits: {memory: 256m, cpus: '0.25'}}}",
        )
        self.done("deploy", two)
        (text,) = self.host.project("shop-prod").deployed().values()
        self.assertIn(f"memory: {256 * 1024**2}b", text)
        self.assertIn("cpus: '0.75'", text)
        error = self.failed("deploy", two.replace("256m", "513m"))
        self.assertEqual(error["code"], "manifest_policy")
        self.assertIn("more than the app may have", error["message"])

    def test_errors_of_templates_name_manifest_and_line(self):
        error = self.failed("deploy", "a: 1\nb: {{ unknown }}\n")
        self.assertEqual(error["code"], "template_render")
        self.assertEqual((error["manifest"], error["line"]), ("Shop", 2))
        self.assertIn("unknown", error["message"])

    def test_values_may_be_made_of_values_but_not_of_themselves(self):
        self.values["image"] = "{{ name }}:1"
        self.values["name"] = "shop"
        self.done("deploy")
        self.assertIn("image: shop:1", str(self.host.project("shop-prod").deployed()))
        self.values["name"] = "{{ image }}"
        error = self.failed("deploy")
        self.assertEqual(error["code"], "variables")
        self.assertIn("image → name → image", error["message"])

    def test_manifests_come_from_known_hosts_and_are_as_they_are_pinned(self):
        self.runner.hosts = ["packages.example.com"]
        self.assertEqual(self.failed("deploy")["code"], "manifest_fetch")
        self.runner.hosts = [self.address]
        job = self.job("deploy")
        job["manifests"][0]["pin"] = "sha256:" + "0" * 64
        error = self.failed("deploy", manifests=job["manifests"])
        self.assertEqual(error["code"], "manifest_changed")
        job["manifests"][0] |= {"pin": None, "format": "helm"}
        error = self.failed("deploy", manifests=job["manifests"])
        self.assertEqual(error["code"], "manifest_check")
        self.server.shutdown()
        self.server.server_close()
        self.assertEqual(self.do("deploy")["state"], "retry")


class LeaseTest(RuntimeCase):
    def test_nothing_is_begun_with_a_lease_that_ends(self):
        self.held = Held(self.job("deploy"), "db", clock() + 9)
        self.held.run(self.runner)
        self.assertTrue(self.held.is_stale)
        self.assertIsNone(self.held.outcome)
        self.assertFalse((self.folder / "asked.log").exists())

    def test_a_job_that_is_to_end_says_so(self):
        self.held = Held(self.job("deploy"), "db", clock() + 60)
        self.held.ending = "released"
        self.held.run(self.runner)
        self.assertEqual(self.held.outcome["state"], "released")

    def test_a_command_that_a_lost_attempt_has_left_asleep_is_ended(self):
        self.done("deploy")
        (self.folder / "asleep").touch()
        lost = Held(self.job("restart"), "db", clock() + 60)
        doing = threading.Thread(target=lost.run, args=[self.runner])
        doing.start()
        while not self.commands().count("restart"):
            time.sleep(0.01)
        (self.folder / "asleep").unlink()
        self.done("restart")
        doing.join()
        self.assertEqual(lost.outcome["state"], "failed", "it was killed")

    def test_one_that_cannot_be_ended_is_waited_for(self):
        self.done("deploy")
        with self.host.lock("shop-prod", lambda: None):
            held = Held(self.job("restart"), "db", clock() + 10.3)
            held.run(self.runner)
        self.assertTrue(held.is_stale, "it waited until its lease ended")
        self.assertEqual(self.commands(), ["up"])
        self.done("restart")

    def test_a_defect_is_no_stack_trace(self):
        with patch.object(Host, "run", side_effect=ZeroDivisionError):
            error = self.failed("deploy")
        self.assertEqual(error["code"], "internal")
        self.assertNotIn("Traceback", error["message"])

    def test_a_program_that_is_not_there(self):
        self.host.program = "/nonexistent/docker"
        with self.assertRaisesRegex(Problem, "cannot be run"):
            self.host.version()


if __name__ == "__main__":
    unittest.main()
