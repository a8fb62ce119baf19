# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Whether a worker keeps the contract: it is given a cluster of its kind in a real Odoo
and an app to run there, and is stopped, killed and lied to meanwhile.

The worker is a command. What it has to know stands in its environment:

CONTRACT_ODOO_URL       where Odoo answers; what stands between notes every call
CONTRACT_ODOO_DATABASE  the database there
CONTRACT_KEY_FILE       a file with the worker's key
CONTRACT_WORKER         what it is to call itself
CONTRACT_CLUSTER        the name of the cluster that it serves
CONTRACT_MANIFESTS      host and port of the server that its manifests come from
CONTRACT_STATE          a folder that stays, the same for all processes of the worker

It is started twice, as two workers that serve the same cluster, and is to end on
SIGTERM. Each check prints a line; one that fails does not keep the others from being
tried.
"""

import hashlib
import http.server
import json
import os
import secrets
import shlex
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from .problem import Problem
from .result import Result
from .shop_client import Client

#: Long enough for a busy machine, never waited for in full.
PATIENCE = 180
LEASE = 60
STEP = 0.2
LOOPBACK = "127.0.0.1"
#: The kinds of job that every worker of apps has to do.
KINDS = {"deploy", "refresh", "stop", "start", "restart", "delete"}


class Failed(Exception):
    """A check that does not hold."""


def need(condition, why):
    if not condition:
        raise Failed(why)


def wait_until(what, condition, seconds=PATIENCE):
    """What ``condition`` returns as soon as it is true."""
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise Failed(f"after {seconds} s still not: {what}")
        time.sleep(STEP)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, handler):
        super().__init__((LOOPBACK, 0), handler)
        self.address = f"{LOOPBACK}:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Quiet(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_arguments):
        pass

    def answer(self, status, body, kind="application/json"):
        try:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:  # whoever asked has gone
            pass


class Between(Server):
    """Stands between the workers and Odoo: notes every call, adds members to the
    answers that no version knows, and may be out of order."""

    def __init__(self, odoo):
        self.odoo = odoo.rstrip("/")
        self.calls, self.is_out = [], False
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        between = self

        class Handler(Quiet):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if between.is_out:
                    return self.answer(503, b"away", "text/plain")
                return self.answer(*between.pass_on(self.path, self.headers, body))

        super().__init__(Handler)

    def pass_on(self, path, headers, body):
        kept = ("Content-Type", "Authorization", "X-Odoo-Database")
        request = urllib.request.Request(
            f"{self.odoo}{path}",
            body,
            {name: headers[name] for name in kept if headers[name]},
        )
        try:
            with self.opener.open(request, timeout=60) as answer:
                status, said = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except OSError:
            return 502, b""
        call = path.rpartition("/")[2]
        try:
            params, answer = json.loads(body)["params"], json.loads(said)
        except (ValueError, KeyError):
            return status, said
        self.calls.append((call, params, answer, body))
        if "result" in answer:
            answer["result"] = with_more(answer["result"])
        return status, json.dumps(answer).encode()

    def of(self, name, call=None):
        """The calls of the worker that calls itself so."""
        return [
            (params, answer)
            for kind, params, answer, _body in list(self.calls)
            if params["worker"]["name"] == name and call in (None, kind)
        ]


def with_more(value):
    """The same with members at every depth that come with a later version."""
    if isinstance(value, list):
        return [with_more(item) for item in value]
    if isinstance(value, dict):
        return {
            **{name: with_more(item) for name, item in value.items()},
            "of_a_later_version": {"than": ["yours"]},
        }
    return value


class Manifests(Server):
    """Serves the template; holds answers back while it is told to."""

    def __init__(self):
        self.text, self.status = b"", 200
        self.gate, self.asked = threading.Event(), 0
        self.gate.set()
        served = self

        class Handler(Quiet):
            def do_GET(self):
                served.asked += 1
                served.gate.wait(PATIENCE)
                self.answer(served.status, served.text, "text/yaml")

        super().__init__(Handler)

    @contextmanager
    def held(self):
        self.gate.clear()
        try:
            yield
        finally:
            self.gate.set()


class Process:
    """The worker under test, as one of two."""

    def __init__(self, test, number):
        self.name = f"{test.name}-{number}"
        self.log = test.folder / f"{self.name}.log"
        key = test.folder / f"{self.name}.key"
        key.write_text(test.make_worker(self.name))
        key.chmod(0o600)
        self.command = test.command
        self.environment = {
            **os.environ,
            "CONTRACT_ODOO_URL": f"http://{test.between.address}",
            "CONTRACT_ODOO_DATABASE": test.database,
            "CONTRACT_KEY_FILE": str(key),
            "CONTRACT_WORKER": self.name,
            "CONTRACT_CLUSTER": test.name,
            "CONTRACT_MANIFESTS": test.manifests.address,
            "CONTRACT_STATE": str(test.state),
            "NO_PROXY": "127.0.0.1,localhost",
        }
        self.process = None

    def start(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                start_new_session=True,
            )

    def tell(self, number):
        os.killpg(self.process.pid, number)

    def end(self, seconds=60):
        """Whether it has ended by itself after SIGTERM."""
        if self.process is None or self.process.poll() is not None:
            return True
        self.tell(signal.SIGTERM)
        self.tell(signal.SIGCONT)  # a check may have left it asleep
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        return True

    def kill(self):
        if self.process and self.process.poll() is None:
            self.tell(signal.SIGKILL)
            self.process.wait()


class ContractTest:
    """The checks, in their order, for one worker. ``disturb`` is a command that ends
    the app's containers without the worker, with ``{namespace}`` in it."""

    def __init__(self, odoo, database, login, command, kind, manifest, folder, disturb):
        self.odoo, self.database, self.password = odoo, database, login[1]
        self.client = Client(odoo, *login, database)
        self.command, self.kind = shlex.split(command), kind
        self.template = Path(manifest).read_text()
        self.folder, self.disturb = Path(folder), disturb
        self.state = self.folder / "state"
        self.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.name = f"contract-{kind}-{secrets.token_hex(3)}"
        self.canary = f"canary{secrets.token_hex(12)}"
        self.result = Result()
        self.between, self.manifests = Between(odoo), Manifests()
        self.on_a_command_line = False

    # What it is made of in Odoo

    def call(self, model, method, *arguments, **keywords):
        return self.client.call(model, method, *arguments, **keywords)

    def make_worker(self, name):
        """A worker that serves the cluster, and its key."""
        worker = self.call(
            "kubernetes.worker",
            "create",
            [{"name": name, "cluster_ids": [(6, 0, [self.cluster])]}],
        )[0]
        wizard = self.call(
            "kubernetes.worker.key.create", "create", [{"worker_id": worker}]
        )
        action = self.call("kubernetes.worker.key.create", "action_create", wizard)
        if action["res_model"] == "res.users.identitycheck":
            check = action["res_id"]
            self.call(
                "res.users.identitycheck", "write", check, {"password": self.password}
            )
            action = self.call(
                "res.users.identitycheck",
                "run_check",
                check,
                context={"password": self.password},
            )
        return action["context"]["default_key"]

    def make(self):
        self.cluster = self.call(
            "kubernetes.cluster",
            "create",
            [
                {
                    "name": self.name,
                    "kind": self.kind,
                    "domain": f"{self.name}.example",
                    "company_id": False,
                }
            ],
        )[0]
        self.manifest = self.call(
            "kubernetes.manifest",
            "create",
            [
                {
                    "name": f"Contract {self.name}",
                    "url": f"http://{self.manifests.address}/manifest.yml",
                }
            ],
        )[0]
        lines = [(0, 0, {"key": "greeting", "value": "hello"})]
        self.values = self.call(
            "kubernetes.config.map", "create", [{"name": self.name, "line_ids": lines}]
        )[0]
        lines = [
            (0, 0, {"key": "given", "value": self.canary}),
            (0, 0, {"key": "made", "generate": True}),
        ]
        secret = self.call(
            "kubernetes.secret", "create", [{"name": self.name, "line_ids": lines}]
        )[0]
        environments = self.call(
            "kubernetes.environment", "search", [("is_production", "=", True)], limit=1
        )
        partner = self.call("res.partner", "create", [{"name": self.name}])[0]
        self.app = self.call(
            "kubernetes.app",
            "create",
            [
                {
                    "name": f"app-{self.name[-6:]}",
                    "environment_id": environments[0],
                    "cluster_id": self.cluster,
                    "partner_id": partner,
                    "config_map_id": self.values,
                    "secret_id": secret,
                    "manifest_line_ids": [
                        (0, 0, {"sequence": 10, "manifest_id": self.manifest})
                    ],
                }
            ],
        )[0]
        self.namespace = self.app_is("namespace_id")[1]
        self.workers = [Process(self, number) for number in (1, 2)]

    def app_is(self, *names):
        (found,) = self.call("kubernetes.app", "read", [self.app], list(names))
        return found[names[0]] if len(names) == 1 else found

    def job_is(self, job, *names):
        (found,) = self.call("kubernetes.job", "read", [job], list(names))
        return found[names[0]] if len(names) == 1 else found

    def ask(self, what):
        """Press a button of the app; the job."""
        self.call("kubernetes.app", f"action_{what}", [self.app])
        return self.last_job()

    def last_job(self):
        return self.call(
            "kubernetes.job", "search", [("app_id", "=", self.app)], limit=1
        )[0]

    def wait_for(self, job, state="done", seconds=PATIENCE):
        """The job as it came to its end."""

        def over():
            found = self.job_is(job, "state", "attempt", "error_code", "error_message")
            return found["state"] not in ("pending", "running") and found

        found = wait_until("the job is over", over, seconds)
        need(
            found["state"] == state,
            f"the job is {found['state']}, not {state}: {found['error_message']}",
        )
        return found

    def wait_for_app(self, *states):
        return wait_until(
            f"the app is {' or '.join(states)}",
            lambda: self.app_is("state") in states,
        )

    def runs_on(self, job):
        """The worker that runs the job now."""
        found = self.job_is(job, "state", "worker_id")
        return found["state"] == "running" and found["worker_id"][1]

    @contextmanager
    def in_the_middle(self, what="apply"):
        """A job that waits for its manifest, with the worker that has it."""
        self.change()
        before = self.manifests.asked
        with self.manifests.held():
            job = self.ask(what)
            wait_until("the manifest is fetched", lambda: self.manifests.asked > before)
            name = wait_until("the job runs", lambda: self.runs_on(job))
            worker = next(one for one in self.workers if one.name == name)
            yield job, worker

    def change(self):
        """The next deploy has something to do."""
        lines = self.call(
            "kubernetes.config.map.line",
            "search",
            [("config_map_id", "=", self.values)],
        )
        greeting = f"hello-{secrets.token_hex(4)}"
        self.call("kubernetes.config.map.line", "write", lines, {"value": greeting})

    # Running

    def run(self):
        self.make()
        self.manifests.text = self.template.encode()
        watching = threading.Thread(target=self.watch_command_lines, daemon=True)
        watching.start()
        try:
            self.workers[0].start()
            for check in CHECKS:
                if not self.check(check) and check in ESSENTIAL:
                    print("       The other checks need this one.", flush=True)
                    break
        finally:
            self.manifests.gate.set()
            for worker in self.workers:
                worker.end()
            self.take_away()
            for server in (self.between, self.manifests):
                server.shutdown()
        return self.result

    def check(self, check):
        """Try one, print a line, and whether it holds."""
        title, begun = check.__doc__.strip(), time.monotonic()
        try:
            said = check(self) or ""
        except (Failed, Problem) as why:
            said = "\n       ".join(str(why).strip().splitlines())
            word = "FAILED"
            self.result.failed += 1
        else:
            word = "ok"
            self.result.passed += 1
        took = f"{time.monotonic() - begun:.1f} s"
        shown = f"\n       {said}" if said else ""
        print(f"{word:<6} {self.kind}: {title} ({took}){shown}", flush=True)
        return word == "ok"

    def take_away(self):
        """What would show up in this Odoo as something to look after."""
        for model, record in (
            ("kubernetes.worker", self.records("kubernetes.worker")),
            ("kubernetes.cluster", [self.cluster]),
            ("kubernetes.manifest", [self.manifest]),
        ):
            self.call(model, "write", record, {"active": False})

    def records(self, model):
        return self.call(model, "search", [("name", "=like", f"{self.name}%")])

    def watch_command_lines(self):
        canary = self.canary.encode()
        while True:
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    if canary in path.read_bytes():
                        self.on_a_command_line = True
                except OSError:
                    pass
            time.sleep(0.02)


# The checks


def announces(test):
    """it announces itself, its cluster and what it can do"""
    name = test.workers[0].name
    wait_until("a claim comes", lambda: test.between.of(name, "claim"))
    params, answer = test.between.of(name, "claim")[-1]
    need("result" in answer, f"Odoo answers {answer}")
    need("error" not in answer["result"], f"Odoo answers {answer['result']}")
    kinds = params.get("cluster_kinds", ["kubernetes"])
    need(test.kind in kinds, f"it runs clusters of the kinds {kinds}")
    missing = KINDS - set(params["kinds"])
    need(not missing, f"it does not do: {', '.join(sorted(missing))}")
    wait_until(
        "the cluster is reachable",
        lambda: test.call("kubernetes.cluster", "read", [test.cluster], ["state"])[0][
            "state"
        ]
        == "reachable",
    )
    return f"contract {params.get('contract', 1)}, {', '.join(sorted(params['kinds']))}"


def deploys(test):
    """it deploys, and tells step by step what it does"""
    job = test.ask("apply")
    test.wait_for(job)
    steps = test.call(
        "kubernetes.job.step", "search_read", [("job_id", "=", job)], ["code", "state"]
    )
    need(len(steps) > 2, f"it told {len(steps)} steps")
    open_steps = [step["code"] for step in steps if step["state"] == "running"]
    need(not open_steps, f"steps that never end: {open_steps}")
    test.wait_for_app("running")
    need(test.app_is("inventory"), "it told of no object (inventory)")
    return " → ".join(step["code"] for step in steps)


def tells_content(test):
    """it tells the manifest's content and digest"""
    (seen,) = test.call(
        "kubernetes.manifest", "read", [test.manifest], ["digest", "content"]
    )
    need(seen["content"] == test.template, "the content is another one")
    digest = f"sha256:{hashlib.sha256(test.template.encode()).hexdigest()}"
    need(seen["digest"] == digest, f"the digest is {seen['digest']}, not {digest}")


def deploys_again(test):
    """it deploys the same again without changing anything"""
    job = test.ask("apply")
    test.wait_for(job)
    outcome = outcome_of(test, job)
    objects = outcome["result"]["objects"]
    changed = objects["created"] + objects["changed"] + objects["pruned"]
    need(not changed, f"it changed {changed} objects: {objects}")


def outcomes_of(test, job):
    """The outcomes of the job that workers reported, and Odoo took."""
    return [
        one["outcome"]
        for call, params, answer, _body in list(test.between.calls)
        if call == "report" and "jobs" in answer.get("result", ())
        for one in params["jobs"]
        if one["id"] == job and one["outcome"]
    ]


def outcome_of(test, job):
    """The last one of them."""
    found = outcomes_of(test, job)
    need(found, "it reported no outcome")
    return found[-1]


def stops(test):
    """it stops the app"""
    test.wait_for(test.ask("stop"))
    need(test.app_is("state") == "stopped", f"the app is {test.app_is('state')}")


def starts(test):
    """it starts the app"""
    test.wait_for(test.ask("start"))
    test.wait_for_app("running")


def restarts(test):
    """it restarts the app"""
    test.wait_for(test.ask("restart"))
    test.wait_for_app("running")


def refreshes(test):
    """it looks at the app when asked"""
    test.wait_for(test.ask("refresh"))
    need(test.app_is("state") == "running", f"the app is {test.app_is('state')}")


def observes(test):
    """it observes what changes without it"""
    if not test.disturb:
        return "not tried: no --disturb"
    words = shlex.split(test.disturb.format(namespace=test.namespace))
    done = subprocess.run(words, capture_output=True, text=True)
    need(not done.returncode, f"--disturb failed: {done.stderr}")
    wait_until("the app is not running", lambda: test.app_is("state") != "running")
    said = test.app_is("state")
    test.change()
    test.wait_for(test.ask("apply"))
    test.wait_for_app("running")
    return f"it was {said}"


def names_errors(test):
    """it says what is wrong with a manifest, and where"""
    test.manifests.text = b"a: {{ greeting\n"
    try:
        found = test.wait_for(test.ask("apply"), "failed")
    finally:
        test.manifests.text = test.template.encode()
    need(
        found["error_code"] in ("template_render", "manifest_parse"),
        f"its code is {found['error_code']}",
    )
    text = found["error_message"]
    need(text and "Traceback" not in text, f"its message is {text!r}")
    job = test.last_job()
    where = test.job_is(job, "error_manifest", "error_line")
    need(where["error_manifest"], "it does not name the manifest")
    need(where["error_line"] == 1, f"it names line {where['error_line']}, not 1")
    test.wait_for(test.ask("apply"))
    test.wait_for_app("running")


def tries_again(test):
    """it tries again what may work later"""
    test.manifests.status = 503
    before = test.manifests.asked
    job = test.ask("apply")
    wait_until("it has asked", lambda: test.manifests.asked > before)
    wait_until(
        "the job waits for another attempt",
        lambda: (found := test.job_is(job, "state", "attempt"))["state"] == "pending"
        and found["attempt"],
        60,
    )
    test.manifests.status = 200
    found = test.wait_for(job)
    return f"attempt {found['attempt']}"


def outlives_odoo(test):
    """it outlives that Odoo is away, and loses no outcome"""
    with test.in_the_middle() as (job, _worker):
        test.between.is_out = True
        test.manifests.gate.set()
        time.sleep(8)
        test.between.is_out = False
    found = test.wait_for(job)
    need(found["attempt"] == 1, f"it took {found['attempt']} attempts")


def cancels(test):
    """it ends a job that is cancelled"""
    with test.in_the_middle() as (job, _worker):
        test.call("kubernetes.job", "action_cancel", [job])
        time.sleep(6)
    test.wait_for(job, "cancelled")
    test.wait_for(test.ask("apply"))


def hands_back(test):
    """told to end, it comes to the end of its jobs or hands them back"""
    test.workers[1].start()
    second = test.workers[1].name
    wait_until("the second one claims", lambda: test.between.of(second, "claim"))
    with test.in_the_middle() as (job, worker):
        threading.Timer(1, test.manifests.gate.set).start()
        begun = time.monotonic()
        by_itself = worker.end()
        took = time.monotonic() - begun
        worker.start()
    need(by_itself, "it did not end within 60 s")
    test.wait_for(job)
    states = [outcome["state"] for outcome in outcomes_of(test, job)]
    need(states in (["done"], ["released", "done"]), f"its outcomes are {states}")
    return f"it ended after {took:.1f} s: {' → '.join(states)}"


def taken_over(test):
    """it is killed in the middle of a job, and another one does it"""
    with test.in_the_middle() as (job, worker):
        worker.kill()
        wait_until(
            "another worker has the job",
            lambda: test.runs_on(job) not in (False, worker.name),
            LEASE + PATIENCE,
        )
    found = test.wait_for(job)
    need(found["attempt"] == 2, f"it is attempt {found['attempt']}")
    test.wait_for_app("running")
    worker.start()


def too_late(test):
    """it sleeps in the middle of a job, and does not touch what is another one's"""
    name = test.workers[0].name
    claims = len(test.between.of(name, "claim"))
    wait_until("both work", lambda: len(test.between.of(name, "claim")) > claims)
    with test.in_the_middle() as (job, worker):
        worker.tell(signal.SIGSTOP)
        wait_until(
            "another worker has the job",
            lambda: test.runs_on(job) not in (False, worker.name),
            LEASE + PATIENCE,
        )
    test.wait_for(job)
    before = len(test.between.of(worker.name))
    worker.tell(signal.SIGCONT)
    wait_until("it asks again", lambda: len(test.between.of(worker.name)) > before + 2)
    found = test.job_is(job, "state", "attempt", "worker_id")
    need(found["worker_id"][1] != worker.name, "its late report was taken")
    need(found["state"] == "done", f"the job is {found['state']}")
    late = [
        one["id"]
        for params, answer in test.between.of(worker.name, "report")[-5:]
        for one in params["jobs"]
        if one["id"] == job and one["outcome"]
    ]
    need(not late, "it reported an outcome of a job whose lease had ended")
    test.wait_for_app("running")


def stale(test):
    """it cannot report with an old token"""
    reports = [
        (params, one)
        for call, params, _answer, _body in test.between.calls
        if call == "report"
        for one in params["jobs"]
    ]
    params, old = reports[0]
    key = Path(test.workers[0].environment["CONTRACT_KEY_FILE"]).read_text()
    body = {**params, "jobs": [{**old, "steps": [], "outcome": None}]}
    headers = {
        "Content-Type": "application/json",
        "Authorization": f"Bearer {key}",
        "X-Odoo-Database": test.database,
    }
    request = {"jsonrpc": "2.0", "method": "call", "id": 1, "params": body}
    _status, said = test.between.pass_on(
        "/kubernetes_hosting/worker/report", headers, json.dumps(request).encode()
    )
    (answer,) = json.loads(said)["result"]["jobs"]
    need(answer["answer"] == "stale", f"Odoo answers {answer}")


def hides_secrets(test):
    """it tells no secret, and puts none on a command line"""
    canary = test.canary.encode()
    told = [
        call for call, _params, _answer, body in test.between.calls if canary in body
    ]
    need(not told, f"a secret stands in: {', '.join(sorted(set(told)))}")
    need(not test.on_a_command_line, "a secret stood on a command line")
    logs = [one.log.name for one in test.workers if canary in one.log.read_bytes()]
    need(not logs, f"a secret stands in {', '.join(logs)}")


def deletes(test):
    """it deletes the app with its data"""
    wizard = test.call(
        "kubernetes.app.delete", "create", {"app_id": test.app, "delete_volumes": True}
    )
    (asked,) = test.call("kubernetes.app.delete", "read", wizard, ["confirmation"])
    test.call(
        "kubernetes.app.delete",
        "write",
        wizard,
        {"confirmed_name": asked["confirmation"]},
    )
    test.call("kubernetes.app.delete", "action_confirm", wizard)
    wait_until("the app is deleted", lambda: test.app_is("state") == "deleted")
    outcome = outcome_of(test, test.last_job())
    need(outcome["result"]["namespace_deleted"], "it did not tell that all is gone")


def keeps_form(test):
    """every call was understood, and every answer with members of a later version"""
    wrong = [
        f"{call}: {answer['result']['error']['message']}"
        for call, _params, answer, _body in test.between.calls
        if "error" in (answer.get("result") or {})
    ]
    need(not wrong, "\n".join(wrong[:5]))
    observed = [call for call, *_ in test.between.calls if call == "observe"]
    need(observed, "it never called observe")
    return f"{len(test.between.calls)} calls"


CHECKS = (
    *(announces, deploys, tells_content, deploys_again, refreshes, stops),
    *(starts, restarts, observes, names_errors, tries_again, outlives_odoo, cancels),
    *(hands_back, taken_over, too_late, stale),
    *(hides_secrets, deletes, keeps_form),
)
#: Without these nothing else can be tried.
ESSENTIAL = (announces, deploys)


def main(arguments):
    """``chandlery-contract-test``"""
    test = ContractTest(
        odoo=arguments.odoo,
        database=arguments.database,
        login=(arguments.login, arguments.password),
        command=arguments.worker,
        kind=arguments.kind,
        manifest=arguments.manifest,
        folder=arguments.folder,
        disturb=arguments.disturb,
    )
    print(f"       logs: {test.folder}", flush=True)
    result = test.run()
    print(result)
    return 1 if result.failed else 0
