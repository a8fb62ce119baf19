# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Odoo with high availability on real pods: each member is killed while somebody works.
Run by ``make test SUITE=real``, which starts the bed."""

import base64
import contextlib
import functools
import http.client
import http.cookies
import itertools
import json
import re
import socket
import subprocess
import threading
import unittest

from testbed import demo_ha, images, instance, pods, worker
from testbed.problem import Problem

from . import waiting

BED = instance.from_environment()
LOG = BED.logs / "suites" / "real-ha.log"
SECONDS = 180
wait_until = functools.partial(waiting.wait_until, seconds=SECONDS)
#: A file that every Odoo has.
STATIC = "/web/static/img/logo2.png"


class Session:
    """Somebody at a browser, who comes through the ingress controller."""

    def __init__(self, ha):
        self.ha = ha
        self.cookies = http.cookies.SimpleCookie()

    def request(self, method, path, body=None, seconds=60):
        """Status, headers and body of the answer."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", BED.port("traefik"), timeout=seconds
        )
        headers = {
            "Host": self.ha.host,
            "Cookie": "; ".join(f"{k}={v.value}" for k, v in self.cookies.items()),
        }
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                self.cookies.load(value)
        return answer.status, answer.headers, content

    def call(self, path, **parameters):
        body = json.dumps({"jsonrpc": "2.0", "method": "call", "params": parameters})
        status, _, content = self.request("POST", path, body)
        if status != 200:
            raise OSError(f"{path}: {status} {content[:200]}")
        answer = json.loads(content)
        if "error" in answer:
            raise AssertionError(f"{path}: {answer['error']}")
        return answer["result"]

    def on(self, model, method, *arguments, **keywords):
        parameters = {
            "model": model,
            "method": method,
            "args": arguments,
            "kwargs": keywords,
        }
        return self.call(f"/web/dataset/call_kw/{model}/{method}", **parameters)

    def sign_in(self):
        password = BED.secret("ha-odoo_admin_password")
        self.call(
            "/web/session/authenticate", db="odoo", login="admin", password=password
        )
        return self

    def see(self):
        """What became of opening the web client: None if all is well."""
        try:
            status, headers, _ = self.request("GET", "/odoo")
        except (OSError, http.client.HTTPException) as error:
            return str(error) or repr(error)
        if status == 200:
            return None
        return f"{status} {headers.get('Location', '')}"


class Work(threading.Thread):
    """Looks at the web client again and again."""

    def __init__(self, session):
        super().__init__(daemon=True)
        self.session = session
        self.over = threading.Event()
        self.seen = []

    def run(self):
        while not self.over.wait(0.2):
            self.seen.append(self.session.see())

    @property
    def wrong(self):
        return [seen for seen in self.seen if seen is not None]


class HighAvailabilityTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        pods.decide(BED, "real")
        cls.values = {"prometheus_scrape_seconds": 3}
        cls.ha = demo_ha.HighAvailability(BED, cls.values)
        cls.ha.cluster.ensure()
        cls.ha.cluster.ensure_ingress()
        cls.ha.cluster.ensure_node(images.ensure(LOG))
        worker.build(LOG)
        cls.addClassCleanup(cls.ha.remove)
        cls.ha.up(cls.ha.deployment())
        cls.names = (f"Record {number}" for number in itertools.count(1))

    def setUp(self):
        self.session = Session(self.ha)
        # Also after a test at whose end Odoos, proxies or a database just started.
        seen = wait_until(self.sign_in, "an answer to who signs in")
        self.assertEqual(seen, "signed in")
        wait_until(lambda: self.session.see() is None, "the web client")

    def sign_in(self):
        """What became of it, as soon as there is an answer."""
        try:
            self.session.sign_in()
        except (OSError, http.client.HTTPException):
            return None
        except AssertionError as error:
            return str(error)
        return "signed in"

    def bring(self, **values):
        """Apply the manifests with these values, and wait for the checks."""
        type(self).values = {**self.values, **values}
        type(self).ha = demo_ha.HighAvailability(BED, self.values)
        self.ha.up(self.ha.deployment())

    @contextlib.contextmanager
    def working(self):
        """Somebody works meanwhile: is never signed out, and can work on afterwards."""
        work = Work(self.session)
        work.start()
        try:
            yield work
            wait_until(lambda: work.seen and work.seen[-1] is None, "an answer")
        finally:
            work.over.set()
            work.join()
        signed_out = [seen for seen in work.wrong if "/web/login" in seen]
        self.assertEqual(signed_out, [])

    def kill(self, *names):
        """As if its node had gone: nothing in it is told to end."""
        force = ("--force", "--grace-period=0", "--wait=false")
        self.ha.within("delete", *names, *force)

    def pods(self, name):
        label = f"app.kubernetes.io/name={name}"
        return self.ha.within("get", "pods", "-l", label, "-o=name").split()

    def all_ready(self, *workloads):
        for workload in workloads:
            status = ("rollout", "status", workload, f"--timeout={SECONDS}s")
            self.ha.within(*status)

    def psql(self, server, query, database="odoo"):
        return self.ha.within(
            *("exec", f"postgres-{server}-0", "-c", "postgres", "--"),
            *("psql", "-qAt", "-h", "/var/run/postgresql", "-U", "postgres"),
            *("-d", database, "-c", query),
        ).strip()

    def make_record(self):
        name = next(self.names)
        self.session.on("res.partner", "create", {"name": name})
        return name

    def records(self, server):
        try:
            query = "SELECT name FROM res_partner WHERE name LIKE 'Record %'"
            return self.psql(server, query).splitlines()
        except Problem:  # It starts.
            return []

    # What a deploy brings

    def test_each_check_says_what_it_found(self):
        for check, says in (
            ("replication", r"on the standby postgres-. \d+ ms later"),
            ("members", "3 Odoos answer behind each of 2 proxies"),
            ("cache", "2 proxies keep static files"),
            ("metrics", r"Prometheus reaches \d+ targets"),
        ):
            self.assertRegex(self.ha.result_of(check), says)

    def test_the_standby_holds_records_files_and_sessions_and_takes_none(self):
        name = self.make_record()
        content = base64.b64encode(b"what is in the file").decode()
        values = {"name": name, "datas": content}
        self.session.on("ir.attachment", "create", values)
        standby = self.ha.standby
        wait_until(lambda: name in self.records(standby), "the record on the standby")
        file = f"SELECT db_datas FROM ir_attachment WHERE name = '{name}'"
        seen = bytes.fromhex(self.psql(standby, file).removeprefix("\\x"))
        self.assertEqual(seen, b"what is in the file")
        files = "SELECT count(*) FROM ir_attachment WHERE store_fname IS NOT NULL"
        self.assertEqual(self.psql(standby, files), "0")
        sid = self.session.cookies["session_id"].value
        mine = f"SELECT data::json ->> 'login' FROM session WHERE sid = '{sid}'"
        self.assertEqual(self.psql(standby, mine, "sessions"), "admin")
        with self.assertRaisesRegex(Problem, "read-only"):
            self.psql(standby, "DELETE FROM res_partner")

    def test_a_session_ends_everywhere_when_somebody_signs_out(self):
        session = Session(self.ha).sign_in()
        sid = session.cookies["session_id"].value
        self.assertEqual(session.see(), None)
        session.request("GET", "/web/session/logout")
        left = f"SELECT count(*) FROM session WHERE sid = '{sid}'"
        self.assertEqual(self.psql(self.ha.primary, left, "sessions"), "0")
        session.cookies["session_id"] = sid
        for _ in range(6):
            self.assertIn("/web/login", session.see() or "")

    def test_old_sessions_are_removed_and_those_of_a_device_when_it_is_revoked(self):
        """The rest of Odoo's interface to its sessions."""
        session = Session(self.ha).sign_in()
        sid = session.cookies["session_id"].value
        script = f"""
import sys
from odoo import http
store = http.root.session_store
module = sys.modules[type(store).__module__]
print("kept in", type(store).__name__)
mine, other = {sid[:42]!r}, "x" * 42
print("missing", store.get_missing_session_identifiers([mine, other]) == {{other}})
try:
    store.delete_from_identifiers(["%"])
except ValueError:
    print("refused")
store.vacuum()
print("kept", bool(store.get({sid!r}).uid))
store.delete_from_identifiers([mine])
print("removed", not store.get({sid!r}).uid)
old = store.new()
store.save(old)
long_ago = "now() - interval '8 days'"
module.execute(f"UPDATE session SET saved = {{long_ago}} WHERE sid = %s", old.sid)
store.vacuum()
print("old", store.get_missing_session_identifiers([old.sid[:42]]) != set())
"""
        said = subprocess.run(
            [
                self.ha.cluster.kubectl,
                f"--kubeconfig={self.ha.cluster.kubeconfig}",
                *(f"--namespace={demo_ha.NAMESPACE}", "exec", "-i", "deployment/odoo"),
                *("-c", "odoo", "--", "odoo", "shell", "--no-http", "--workers=0"),
            ],
            input=script,
            capture_output=True,
            text=True,
        )
        for line in (
            "kept in DatabaseSessionStore",
            "missing True",
            "refused",
            "kept True",
            "removed True",
            "old True",
        ):
            self.assertIn(line, said.stdout, said.stderr)
        self.assertIn("/web/login", session.see() or "")

    def test_websockets_reach_odoo_through_the_proxies(self):
        with socket.create_connection(("127.0.0.1", BED.port("traefik")), 30) as plug:
            version = self.websocket_version()
            sid = self.session.cookies["session_id"].value
            lines = [
                f"GET /websocket?version={version} HTTP/1.1",
                f"Host: {self.ha.host}",
                f"Origin: {self.ha.url}",
                "Upgrade: websocket",
                "Connection: Upgrade",
                "Sec-WebSocket-Version: 13",
                f"Sec-WebSocket-Key: {base64.b64encode(bytes(16)).decode()}",
                f"Cookie: session_id={sid}",
            ]
            plug.sendall("\r\n".join([*lines, "", ""]).encode())
            self.assertTrue(plug.recv(4096).startswith(b"HTTP/1.1 101 "))

    def websocket_version(self):
        _, _, page = self.session.request("GET", "/odoo")
        found = re.search(rb'"websocket_worker_version":\s*"([^"]+)"', page)
        return found[1].decode() if found else ""

    def test_prometheus_has_what_the_dashboard_asks_for(self):
        stored = self.ha.within("get", "configmap", "odoo-dashboard", "-o=json")
        dashboard = json.loads(json.loads(stored)["data"]["odoo.json"])
        for panel in dashboard["panels"]:
            asked = panel["targets"][0]["expr"]
            wait_until(functools.partial(self.query, asked), f"data for {asked}")
        limits = self.query('container_spec_memory_limit_bytes{container="odoo"}')
        self.assertEqual({float(one["value"][1]) for one in limits}, {1536 * 2**20})
        (used, *_) = self.query(
            'container_memory_working_set_bytes{container="postgres"}'
        )
        self.assertGreater(float(used["value"][1]), 5 * 2**20)
        seen = self.query("container_processes")
        names = {one["metric"]["container"] for one in seen}
        self.assertEqual(names, {"odoo", "postgres", "nginx", "exporter", "metrics"})

    def query(self, expression):
        script = (
            "import sys, urllib.parse, urllib.request;"
            " words = urllib.parse.urlencode({'query': sys.argv[1]});"
            " url = 'http://127.0.0.1:9090/api/v1/query?' + words;"
            " print(urllib.request.urlopen(url).read().decode())"
        )
        run = ("exec", "deployment/prometheus", "--", "python3", "-c", script)
        return json.loads(self.ha.within(*run, expression))["data"]["result"]

    # What ends

    def test_a_killed_odoo_signs_nobody_out(self):
        with self.working() as work:
            # Whichever of them the session began at: only one is left.
            first, second, _ = self.pods("odoo")
            self.kill(first, second)
            before = len(work.seen)
            wait_until(lambda: len(work.seen) > before + 10, "answers")
            self.make_record()
            self.all_ready("deployment/odoo")
        self.assertEqual(work.wrong, [])

    def test_a_killed_proxy_signs_nobody_out(self):
        with self.working():
            self.kill(self.pods("proxy")[0])
            self.all_ready("deployment/proxy")
            self.make_record()

    def test_without_the_standby_everything_goes_on_and_it_catches_up(self):
        standby = self.ha.standby
        with self.working() as work:
            self.kill(f"pod/postgres-{standby}-0")
            name = self.make_record()
            self.all_ready(f"statefulset/postgres-{standby}")
        self.assertEqual(work.wrong, [])
        wait_until(lambda: name in self.records(standby), "the record on the standby")

    def test_a_killed_primary_comes_back_with_its_data(self):
        name = self.make_record()
        with self.working():
            self.kill(f"pod/postgres-{self.ha.primary}-0")
            self.all_ready(f"statefulset/postgres-{self.ha.primary}")
        self.assertIn(name, self.records(self.ha.primary))
        after = self.make_record()
        standby = self.ha.standby
        wait_until(lambda: after in self.records(standby), "the record on the standby")

    def test_a_database_that_takes_nobody_for_long_signs_nobody_out(self):
        """The sessions can be read meanwhile. Odoo alone takes such a database for one
        that was deleted."""
        primary = self.ha.primary
        takes = "ALTER DATABASE odoo WITH ALLOW_CONNECTIONS"
        self.addCleanup(self.psql, primary, f"{takes} true", "postgres")
        self.psql(primary, f"{takes} false", "postgres")
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        self.psql(primary, f"{end} WHERE datname = 'odoo'", "postgres")
        status, _, page = self.session.request("GET", "/odoo", seconds=SECONDS)
        self.assertEqual((status, b"/web/login" in page), (503, False))
        self.psql(primary, f"{takes} true", "postgres")
        seen = []
        wait_until(lambda: seen.append(self.session.see()) or not seen[-1], "Odoo")
        self.assertEqual([one for one in seen if one and "/web/login" in one], [])

    def test_the_standby_is_promoted_in_the_place_of_a_primary_that_is_gone(self):
        old, new = self.ha.primary, self.ha.standby
        name = self.make_record()
        wait_until(lambda: name in self.records(new), "the record on the standby")
        with self.working():
            # It does not come back before the other one is promoted.
            self.ha.within("scale", f"statefulset/postgres-{old}", "--replicas=0")
            self.kill(f"pod/postgres-{old}-0")
            self.bring(postgres_primary=new)
        self.assertEqual(self.psql(new, "SELECT pg_is_in_recovery()"), "f")
        self.assertIn(name, self.records(new))
        self.assertEqual(self.psql(old, "SELECT pg_is_in_recovery()"), "t")
        after = self.make_record()
        wait_until(lambda: after in self.records(old), "the record on the old primary")

    def test_a_changed_configuration_replaces_the_odoos_and_nobody_notices(self):
        before = set(self.pods("odoo"))
        with self.working() as work:
            self.bring(odoo_log_level="warn")
        self.assertFalse(before & set(self.pods("odoo")))
        self.assertEqual(work.wrong, [])

    def test_without_any_odoo_the_proxies_give_out_what_they_keep(self):
        for _ in range(8):
            status, headers, _ = self.session.request("GET", STATIC)
            self.assertEqual(status, 200)
        self.assertEqual(headers["X-Cache-Status"], "HIT")
        self.ha.within("scale", "deployment/odoo", "--replicas=0")
        self.addCleanup(self.all_ready, "deployment/odoo")
        self.addCleanup(self.ha.within, "scale", "deployment/odoo", "--replicas=3")
        wait_until(lambda: not self.pods("odoo"), "the end of all Odoos")
        status, headers, _ = self.session.request("GET", STATIC)
        self.assertEqual(status, 200)
        self.assertIn(headers["X-Cache-Status"], ("HIT", "STALE"))
        status, _, _ = self.session.request("GET", "/odoo")
        self.assertEqual(status, 503)
        # The ingress controller shows a page of its own in its place.
        self.assertIn("is being restarted", self.page_of_a_proxy("/odoo"))

    def page_of_a_proxy(self, path):
        script = (
            "import http.client, sys;"
            " proxy = http.client.HTTPConnection('127.0.0.1', 8080);"
            " proxy.request('GET', sys.argv[1]);"
            " print(proxy.getresponse().read().decode())"
        )
        run = ("exec", "deployment/proxy", "-c", "exporter", "--", "python3", "-c")
        return self.ha.within(*run, script, path)
