# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""How fast all of it is together: Odoo with two HTTP workers, PostgreSQL, a release
build of the worker and a real API server on this machine, and in the same run what the
API server takes when nothing else is done, and what others need for the same.

``make bench`` prints a table, writes ``bench.json`` and fails where a figure is beyond
its line; ``APPS=50 make bench`` is short. docs/performance.md says how to read it.
"""

import argparse
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as xml
from pathlib import Path

from . import (
    bench_report,
    cluster,
    go_programs,
    instance,
    kubernetes,
    odoo,
    postgresql,
    processes,
    worker,
)
from .demo import DATABASE, LOGINS, Demo
from .instance import CHECKOUT, write_private
from .json_api import Cluster
from .problem import Problem
from .shop_client import (
    Browser,
    Client,
    begin_payment,
    confirm,
    offered,
    order,
    pay,
)

OFFSET = 3000
FOLDER = Path(__file__).with_name("bench_app")
SCRIPT = Path(__file__).with_name("bench_odoo.py")
BARE = Path(__file__).with_name("bench_writers.py")
PYTHON_PEER = Path(__file__).with_name("bench_python.py")
REQUIREMENTS = Path(__file__).with_name("requirements-bench.txt")
CHART = FOLDER / "chart"
WRITERS = (8, 32)
#: So many apps the others install, one after the other.
PEERS = 5
PURCHASES = 100
WARM = 5
PRODUCT = "Bench Hosting"
#: The same without an app.
PLAIN = "Bench Service"
#: How long to wait for jobs, in seconds: for each of them, and at least.
PATIENCE = 5
LEAST_PATIENCE = 600
TICKS = os.sysconf("SC_CLK_TCK")
CROWD = {"apps": 10_000, "jobs": 200_000}
LIST_RUNS = 5
#: Jobs of apps; the demo's repository has one of its own.
WAITING = (
    "SELECT count(*) FROM kubernetes_job WHERE state = 'pending' AND app_id IS NOT NULL"
)
RUNNING = WAITING.replace("pending", "running")


def main():
    # Ended from outside, the test bed is still taken down.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    arguments = command_line().parse_args()
    try:
        bench = Bench(instance.from_environment(OFFSET), arguments.program)
        with bench.instance.lock("bench"):
            try:
                figures = bench.measure(arguments)
            except Problem:
                # What was measured by then is not lost.
                print("", *bench_report.table(bench.figures), "", sep="\n")
                raise
            finally:
                bench.end_worker()
                if not os.environ.get("KEEP"):
                    bench.reset()
    except Problem as problem:
        print(*problem.lines(), sep="\n", file=sys.stderr)
        return 1
    verdicts = bench_report.judge(figures)
    print("", *bench_report.table(figures), "", *verdicts, sep="\n")
    path = Path(arguments.json)
    written = {
        "figures": figures,
        "lines": [
            {
                "says": verdict.line.says,
                "value": verdict.value,
                "limit": verdict.line.limit,
                "holds": verdict.holds,
            }
            for verdict in verdicts
        ],
    }
    path.write_text(json.dumps(written, indent=1) + "\n")
    print(f"\n{path.absolute()}")
    return 0 if all(verdict.holds for verdict in verdicts) else 1


PARTS = ("throughput", "peers", "latency", "idle", "lists")


def command_line():
    parser = argparse.ArgumentParser(
        prog="python3 -m testbed.bench", description=__doc__
    )
    parser.add_argument("apps", type=int, nargs="?", default=1000)
    parser.add_argument(
        "--parts",
        default=",".join(PARTS),
        help="what is measured; default: %(default)s",
    )
    parser.add_argument(
        "--program", type=Path, help="a worker that is there; default: one is built"
    )
    parser.add_argument("--json", default="bench.json", help="default: %(default)s")
    parser.add_argument(
        "--idle-seconds", type=int, default=60, help="how long an idle minute is"
    )
    return parser


class Bench(Demo):
    """A test bed in which time is measured."""

    http_workers = 2

    def __init__(self, instance, program=None):
        super().__init__(instance, "simulated")
        self.figures = {}
        self.given = program
        self.program = program or worker.target_folder() / "release" / "chandlery"

    # What is other than in the demo

    def ingress(self, step):
        step.say("not needed")

    def worker_program(self, step):
        if self.given:
            step.say(str(self.given))
            return
        step.doing("cargo build --release")
        processes.run(
            [worker.cargo(self.build_log), "build", "--release", "--locked"]
            + ["--bin", "chandlery"],
            log=self.build_log,
            what="Building the worker",
            env=worker.cargo_environment(),
            cwd=CHECKOUT,
        )

    def catalog(self, step):
        super().catalog(step)
        self.manifests().ensure()

    def manifests(self):
        port = self.instance.port("bench")
        return processes.Daemon(
            name="bench-manifests",
            argv=[
                *(odoo.base_python(), "-m", "http.server"),
                *("--bind", "127.0.0.1", "--directory", FOLDER, port),
            ],
            log=self.instance.logs / "bench-manifests.log",
            pid_file=self.instance.state / "run" / "bench-manifests.pid",
            ports=(port,),
            healthy=lambda: processes.http_ok(f"{self.manifest_url}"),
        )

    @property
    def manifest_url(self):
        return f"http://127.0.0.1:{self.instance.port('bench')}/app.yml"

    def worker(self, step):
        rights = worker.kubeconfig(
            self.instance, self.cluster.kubectl, self.cluster.kubeconfig
        )
        # One that may watch, as config/rbac-watch.yaml lets it.
        watch = CHECKOUT / "config" / "rbac-watch.yaml"
        kubernetes.kubectl(
            self.cluster.kubectl, self.cluster.kubeconfig, "apply", "-f", str(watch)
        )
        settings = worker.write_settings(
            self.instance, DATABASE, cluster.NAME, rights
        ).read_text()
        gevent = self.instance.port("odoo-gevent")
        for old, new in (
            ("[odoo]\n", f'[odoo]\nwebsocket_url = "http://127.0.0.1:{gevent}"\n'),
            ("allow = [", f'allow = ["127.0.0.1:{self.instance.port("bench")}", '),
        ):
            settings = settings.replace(old, new)
        self.settings = self.instance.state / "worker" / "bench.toml"
        write_private(self.settings, settings)
        step.say("is begun when it is measured")

    # Measuring

    def measure(self, arguments):
        parts = arguments.parts.split(",")
        wrong = [part for part in parts if part not in PARTS]
        if wrong or arguments.apps < 1:
            raise Problem(
                f"{', '.join(wrong) or arguments.apps} cannot be measured.",
                hint=f"APPS is a number from 1 on, parts are of: {', '.join(PARTS)}.",
            )
        self.reset()
        self.up()
        self.database = Database(self.instance)
        self.api = Cluster(
            kubernetes.Kubernetes(self.instance, self.build_log).server,
            self.instance.state / "kubernetes" / "pki",
        )
        figures = self.figures
        figures["apps"] = arguments.apps
        figures["program"] = self.program.stat().st_size / 1e6
        self.throughput(arguments.apps, "idle" in parts, arguments.idle_seconds)
        if "latency" in parts:
            self.latency(min(PURCHASES, max(10, arguments.apps)))
        if "peers" in parts:
            self.peers()
        if "lists" in parts:
            self.lists()
        self.removal()
        return figures

    def throughput(self, apps, idle, idle_seconds):
        """Stage by stage, so that an idle minute can be measured with few and with many
        apps; the last and by far the largest stage is the one that is told."""
        figures, made, idles = self.figures, 0, []
        for stage in bench_report.stages(apps) if idle else [apps]:
            self.ask("make", first=made + 1, last=stage, **self.for_apps())
            before = self.usage()
            took, requests = self.until_done(stage - made)
            spent = self.spent(before)
            self.said(f"{stage - made} apps deployed in {took:.1f} s")
            fresh, made = stage - made, stage
            if idle:
                idles.append(self.idle(idle_seconds))
        figures["deploy"] = fresh / took
        figures["app_chandlery"] = took / fresh
        figures["requests_first"] = requests / fresh
        for name in ("worker", "api", "odoo", "postgresql"):
            figures[f"cpu_{name}"] = 1000 * spent[name] / fresh
        if idles:
            figures["memory_idle"] = idles[0]["memory"]
            for name, seen in zip(
                ("few", "more", "most")[-len(idles) :], idles, strict=True
            ):
                figures[f"idle_{name}"] = seen["worker"]
            figures["idle_api_few"], figures["idle_api_most"] = (
                idles[0]["api"],
                idles[-1]["api"],
            )
        self.bare(fresh)
        self.ask("again", kind="deploy")
        took, requests = self.until_done(apps)
        figures["unchanged"] = apps / took
        figures["requests_unchanged"] = requests / apps
        self.ask("again", kind="deploy", greeting="good morning")
        took, _ = self.until_done(apps)
        figures["changed"] = apps / took

    def removal(self):
        """All apps deleted with their namespaces."""
        apps = self.count(
            "SELECT count(*) FROM kubernetes_app WHERE name LIKE 'bench-%'"
        )
        self.ask("again", kind="delete", options={"keep_volumes": False})
        took, _ = self.until_done(apps)
        self.figures["deleted"] = apps / took

    def bare(self, apps):
        """The same objects without Chandlery, under other names."""
        figures = self.figures
        like = self.objects_of_an_app()
        figures["objects"] = len(like)
        figures["deploy_objects"] = figures["deploy"] * len(like)
        for writers in WRITERS:
            names = [f"bare-{writers}-{number}" for number in range(apps)]
            took = self.apply_bare([renamed(like, name) for name in names], writers)
            figures[f"bare_{writers}"] = apps * len(like) / took["created"]
            figures["bare_unchanged"] = apps * len(like) / took["unchanged"]
            self.remove(names)

    def apply_bare(self, apps, writers):
        """The seconds to make all of it, and to apply it once more."""
        said = processes.output_of(
            [odoo.base_python(), "-B", BARE],
            what="Applying without Chandlery",
            stdin=json.dumps(
                {
                    "host": "127.0.0.1",
                    "port": self.instance.port("kube-apiserver"),
                    "pki": str(self.instance.state / "kubernetes" / "pki"),
                    "writers": writers,
                    "apps": [[(path_of(item), item) for item in app] for app in apps],
                }
            ),
        )
        created, unchanged = map(float, said.split())
        return {"created": created, "unchanged": unchanged}

    def objects_of_an_app(self):
        """What Chandlery has written for one app, without what others have added, the
        namespace first."""
        labelled, _ = self.api.list(
            "api/v1/namespaces?labelSelector=app.kubernetes.io/managed-by%3Dchandlery"
        )
        namespace = labelled[0]
        name = namespace["metadata"]["name"]
        found = [{**namespace, "apiVersion": "v1", "kind": "Namespace"}]
        for path, api_version, kind in (
            ("rbac.authorization.k8s.io/v1", None, "RoleBinding"),
            ("v1", "v1", "LimitRange"),
            ("v1", "v1", "ResourceQuota"),
            ("networking.k8s.io/v1", None, "NetworkPolicy"),
            ("v1", "v1", "ServiceAccount"),
            ("v1", "v1", "Secret"),
            ("v1", "v1", "ConfigMap"),
            ("v1", "v1", "Service"),
            ("batch/v1", None, "CronJob"),
        ):
            root = "api" if path == "v1" else "apis"
            plural = PLURALS.get(kind, f"{kind.lower()}s")
            items, _ = self.api.list(f"{root}/{path}/namespaces/{name}/{plural}")
            found += [
                {**item, "apiVersion": api_version or path, "kind": kind}
                for item in items
                if written_by(item, "chandlery")
            ]
        return [bare(item) for item in found]

    def for_apps(self):
        return {"manifest_url": self.manifest_url, "cluster": cluster.NAME}

    def ask(self, do, **arguments):
        """Of Odoo, in a process of its own, while no worker runs."""
        self.end_worker()
        asked = json.dumps({"do": do, "with": arguments})
        log = self.instance.logs / "bench-odoo.log"
        processes.run(
            self.odoo.command(
                "shell", "-d", DATABASE, "--no-http", "--max-cron-threads=0"
            ),
            log=log,
            what=f"Asking Odoo to {do}",
            env={**self.odoo.environment(), "CHANDLERY_BENCH": asked},
            stdin=SCRIPT.read_text(),
        )
        # Its shell ends well whatever became of the script.
        text = log.read_text(errors="replace")
        if "Traceback" in text[text.rfind("\n$ ") :]:
            raise Problem(f"Odoo could not {do}.", log=log)

    def until_done(self, jobs):
        """Begin the worker and wait until all jobs are done; how long it took from its
        first claim on, and how many requests the API server got from it."""
        waiting = self.count(WAITING)
        if waiting != jobs:
            raise Problem(f"{waiting} jobs wait, and not {jobs}.")
        before = self.requests()
        begun = time.monotonic()
        self.begin_worker()
        claimed = None
        patience = max(LEAST_PATIENCE, PATIENCE * jobs)
        while True:
            left = self.count(WAITING)
            if claimed is None and left < jobs:
                claimed = time.monotonic()
                self.figures.setdefault("first_claim", claimed - begun)
            if not left and not self.count(RUNNING):
                break
            self.note_memory()
            if time.monotonic() - begun > patience:
                raise Problem(
                    f"{left} of {jobs} jobs still wait after {patience} s.",
                    log=self.instance.logs / "bench-worker.log",
                )
            time.sleep(0.02)
        took = time.monotonic() - claimed
        failed = self.database(
            "SELECT error_message FROM kubernetes_job WHERE state = 'failed' LIMIT 1"
        )
        if failed:
            raise Problem(f"A job failed: {failed[0]}")
        return took, self.requests() - before

    def begin_worker(self):
        self.end_worker()
        log = open(self.instance.logs / "bench-worker.log", "a")
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("CHANDLERY_")
        }
        self.process = subprocess.Popen(
            [self.program, "worker", "--config", self.settings],
            stdout=log,
            stderr=log,
            env={
                **kept,
                **worker.unit_variables(),
                "NO_PROXY": "127.0.0.1,localhost",
            },
        )

    def end_worker(self):
        process = getattr(self, "process", None)
        if process and process.poll() is None:
            process.terminate()
            process.wait()

    def count(self, sql):
        return int(self.database(sql)[0])

    def requests(self):
        """How many requests the API server has taken from service accounts outside of
        kube-system: the worker's is the only one."""
        total = 0
        with self.api.open("GET", "metrics") as answer:
            for line in answer.read().decode().splitlines():
                if (
                    line.startswith("apiserver_flowcontrol_dispatched_requests_total{")
                    and 'flow_schema="service-accounts"' in line
                ):
                    total += int(float(line.rpartition(" ")[2]))
        return total

    # Who uses how much

    def usage(self):
        """Seconds of processor time so far."""
        pid = self.process.pid if getattr(self, "process", None) else None
        return {
            "worker": cpu_of(pid) if pid else 0,
            "pid": pid,
            "api": cpu_of(self.pid_of("kube-apiserver")),
            "odoo": sum(map(cpu_of, family(self.pid_of("odoo")))),
            "postgresql": sum(map(cpu_of, family(self.pid_of("postgresql")))),
        }

    def spent(self, before):
        now = self.usage()
        if now["pid"] != before["pid"]:
            before = {**before, "worker": 0}
        return {
            name: now[name] - before[name]
            for name in ("worker", "api", "odoo", "postgresql")
        }

    def pid_of(self, name):
        seen = processes.remembered(self.instance.state / "run" / f"{name}.pid")
        return seen["pid"]

    def note_memory(self):
        memory = resident(self.process.pid) / bench_report.MIB
        most = self.figures.get("memory_most", 0)
        self.figures["memory_most"] = max(most, memory)

    def idle(self, seconds):
        # What has just been done is told and looked at for a moment.
        time.sleep(min(15, seconds))
        before = self.usage()
        time.sleep(seconds)
        spent = self.spent(before)
        memory = resident(self.process.pid) / bench_report.MIB
        self.said(f"idle: {spent['worker']:.2f} s of the worker, {memory:.1f} MiB")
        return {**spent, "memory": memory}

    # How soon

    def latency(self, purchases):
        """From a payment in the shop, while nothing else is done, to the order's
        confirmation, to its job's claim, and to its namespace in the cluster; and what
        Odoo needs to confirm an order for the same product as one that is no hosting.
        """
        self.ask("offer", product=PRODUCT, plain=PLAIN, **self.for_apps())
        self.begin_worker()
        operator = Client(self.odoo_url, *LOGINS["operator"])
        product, plain = offered(operator, PRODUCT), offered(operator, PLAIN)
        browser = Browser(self.odoo_url, *LOGINS["customer"])
        numbers = itertools.count(1)
        seen = Seen(self.api)
        times = {"plain": [], "confirm": [], "claim": [], "object": []}
        # The first ones are not told: what each of Odoo's processes reads once it has
        # read then.
        for _ in range(purchases + WARM):
            browser.post("/shop/cart/add", plain)
            reference = begin_payment(browser)
            begun = time.time()
            pay(browser, reference)
            confirm(browser)
            times["plain"].append(time.time() - begun)
            (name,), reference = order(
                browser, product, lambda: f"bench-paid-{next(numbers):03}"
            )
            self.until_quiet()
            begun = time.time()
            pay(browser, reference)
            confirmed = threading.Thread(target=confirm, args=[browser])
            confirmed.start()
            moments = self.moments(name, seen)
            confirmed.join()
            for what, moment in moments.items():
                times[what].append(moment - begun)
        for what, values in times.items():
            for part in (50, 99):
                value = bench_report.percentile(values[WARM:], part)
                self.figures[f"{what}_p{part}"] = value

    def moments(self, name, seen):
        """When the app of this name had a job, when a worker took it, and when the
        first of its objects was in the cluster."""
        found = {}
        end = time.time() + 60
        while time.time() < end:
            # Once it has a job, whether it was claimed.
            row = self.database(
                "SELECT app.uid, job.state != 'pending' FROM kubernetes_app app"
                " JOIN kubernetes_job job ON job.app_id = app.id"
                f" WHERE app.name = '{name}' AND job.kind = 'deploy'"
            )
            now = time.time()
            if row:
                uid, claimed = row[0].split("|")
                found.setdefault("confirm", now)
                if claimed == "t":
                    found.setdefault("claim", now)
                if uid in seen.when:
                    made = seen.when[uid]
                    # What is in the cluster was claimed before.
                    claimed = min(found.get("claim", made), made)
                    confirmed = min(found["confirm"], claimed)
                    return {"confirm": confirmed, "claim": claimed, "object": made}
            time.sleep(0.002)
        raise Problem(f"The app {name} was not in the cluster after 60 s.")

    def until_quiet(self):
        while self.count(
            "SELECT count(*) FROM kubernetes_job WHERE state = 'running' OR"
            " state = 'pending' AND run_at <= now() AT TIME ZONE 'UTC'"
        ):
            time.sleep(0.02)
        time.sleep(0.1)

    # What others need

    def peers(self):
        self.end_worker()
        log = self.build_log
        like = self.objects_of_an_app()
        # What a chart or a playbook would hold: the namespace and the app.
        own = ("chandlery-", "default")
        app = [
            item
            for item in like
            if item["kind"] != "RoleBinding"
            and not item["metadata"]["name"].startswith(own)
        ]
        python = odoo.environment("bench", REQUIREMENTS, log)
        made = []
        for name, measured in (
            ("app_helm", lambda names: self.helm(names, log)),
            ("app_ansible", lambda names: self.ansible(names, app, python)),
            ("app_python", lambda names: self.python(names, app, python)),
        ):
            names = [f"{name.replace('_', '-')}-{number}" for number in range(PEERS)]
            self.figures[name] = measured(names) / PEERS
            self.said(f"{name}: {self.figures[name]:.3f} s")
            made += names
        self.remove(made)

    def helm(self, names, log):
        helm = go_programs.build("helm", log)
        begun = time.monotonic()
        for name in names:
            values = {"greeting": "hello", "hostname": name, "password": "x" * 24}
            processes.output_of(
                [helm, "install", name, CHART, "--namespace", name]
                + ["--create-namespace", "--kubeconfig", self.cluster.kubeconfig]
                + [f"--set={key}={value}" for key, value in values.items()],
                what="helm install",
            )
        return time.monotonic() - begun

    def python(self, names, app, python):
        return float(
            processes.output_of(
                [python, "-BP", PYTHON_PEER, self.cluster.kubeconfig],
                what="Applying with the Python client",
                stdin=json.dumps([renamed(app, name) for name in names]),
            )
        )

    def ansible(self, names, app, python):
        """The time of a playbook for all of them, without that of one for none."""
        with tempfile.TemporaryDirectory() as home:
            (Path(home) / "ansible.cfg").touch()

            def play(apps):
                tasks = [
                    {"kubernetes.core.k8s": {"state": "present", "definition": item}}
                    for app in apps
                    for item in app
                ]
                play = {
                    "hosts": "localhost",
                    "connection": "local",
                    "gather_facts": False,
                    "vars": {"ansible_python_interpreter": str(python)},
                    "tasks": tasks,
                }
                file = Path(home) / "play.yml"
                file.write_text(json.dumps([play]))
                begun = time.monotonic()
                processes.output_of(
                    [python, "-B", "-m", "ansible", "playbook", "-i", "localhost,"]
                    + [file],
                    what="ansible-playbook",
                    cwd=home,
                    env={
                        **os.environ,
                        "HOME": home,
                        "K8S_AUTH_KUBECONFIG": str(self.cluster.kubeconfig),
                    },
                )
                return time.monotonic() - begun

            start = play([])
            return play([renamed(app, name) for name in names]) - start

    def remove(self, namespaces):
        """Takes them away and waits until they are gone."""
        for name in namespaces:
            self.api("DELETE", f"api/v1/namespaces/{name}")
        end = time.monotonic() + max(LEAST_PATIENCE, PATIENCE * len(namespaces))
        gone = set(namespaces)
        while gone & {item["metadata"]["name"] for item in self.namespaces()}:
            if time.monotonic() > end:
                raise Problem("Namespaces of the bench stay in the cluster.")
            time.sleep(0.5)

    def namespaces(self):
        return self.api.list("api/v1/namespaces")[0]

    # Screens

    def lists(self):
        """What an operator and a customer wait for when there is much to see."""
        self.ask("crowd", **CROWD)
        client = Client(self.odoo_url, *LOGINS["operator"])
        for name, model in (
            ("list_apps", "kubernetes.app"),
            ("list_attention", "kubernetes.attention"),
        ):
            views = client.call(model, "get_views", views=[[False, "list"]])
            arch = xml.fromstring(views["views"]["list"]["arch"])
            known = views["models"][model]["fields"]
            wanted = {
                field.get("name"): {"fields": {"display_name": {}}}
                if known[field.get("name")]["type"] in ("many2one", "many2many")
                else {}
                for field in arch.iter("field")
                if field.get("name") in known
            }
            self.figures[name] = median(
                lambda model=model, wanted=wanted: client.call(
                    model,
                    "web_search_read",
                    domain=[],
                    specification=wanted,
                    limit=80,
                    count_limit=10001,
                )
            )
        customer = Client(self.odoo_url, *LOGINS["customer"])
        self.figures["list_portal"] = median(lambda: customer.get("/my/apps"))

    def said(self, text):
        print(text, flush=True)

    def reset(self):
        self.end_worker()
        database = getattr(self, "database", None)
        if isinstance(database, Database):
            database.close()
        super().reset()


def median(ask):
    ask()
    times = []
    for _ in range(LIST_RUNS):
        begun = time.monotonic()
        ask()
        times.append(time.monotonic() - begun)
    return bench_report.percentile(times, 50)


PLURALS = {"NetworkPolicy": "networkpolicies"}


def path_of(item):
    """Where an object is applied: by force, as by one owner."""
    version, metadata = item["apiVersion"], item["metadata"]
    root = "/apis" if "/" in version else "/api"
    place = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    plural = PLURALS.get(item["kind"], f"{item['kind'].lower()}s")
    options = "fieldManager=bench&force=true&fieldValidation=Strict"
    return f"{root}/{version}{place}/{plural}/{metadata['name']}?{options}"


class Database:
    """One connection, asked again and again."""

    END = "-- end --"

    def __init__(self, instance):
        self.process = subprocess.Popen(
            [postgresql.PROGRAMS / "psql", "-XAtq", "-d", DATABASE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=postgresql.environment(instance),
        )

    def __call__(self, sql):
        self.process.stdin.write(f"{sql};\n\\echo '{self.END}'\n")
        self.process.stdin.flush()
        rows = []
        for line in self.process.stdout:
            if line.rstrip("\n") == self.END:
                return rows
            rows.append(line.rstrip("\n"))
        raise Problem("PostgreSQL does not answer.")

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Seen:
    """When the namespace of each app was first seen in the cluster."""

    def __init__(self, api):
        self.when = {}
        self.api = api
        _, version = api.list("api/v1/namespaces")
        threading.Thread(target=self.watch, args=(version,), daemon=True).start()

    def watch(self, version):
        path = f"api/v1/namespaces?watch=1&resourceVersion={version}"
        while True:
            try:
                with self.api.open("GET", path) as answer:
                    for line in answer:
                        metadata = json.loads(line)["object"]["metadata"]
                        uid = metadata.get("labels", {}).get("chandlery.dev/uid")
                        self.when.setdefault(uid, time.time())
            except OSError:
                # An idle watch comes to its end; what was seen stays as it was.
                path = "api/v1/namespaces?watch=1"


def renamed(objects, namespace):
    """The same app in another namespace."""
    old = objects[0]["metadata"]["name"]
    return json.loads(
        json.dumps(objects).replace(json.dumps(old), json.dumps(namespace))
    )


def bare(item):
    """An object as somebody would write it."""
    kept = ("name", "namespace", "labels", "annotations")
    metadata = {name: value for name, value in item["metadata"].items() if name in kept}
    metadata.get("labels", {}).pop("kubernetes.io/metadata.name", None)
    # What stands on it of the deploys before is not of the app.
    metadata.pop("annotations", None)
    rest = {
        name: value
        for name, value in item.items()
        if name not in ("metadata", "status")
    }
    spec = rest.get("spec")
    if item["kind"] == "Service":
        for name in ("clusterIP", "clusterIPs"):
            spec.pop(name, None)
    if item["kind"] == "Namespace":
        rest.pop("spec", None)
    return {**rest, "metadata": metadata}


def written_by(item, manager):
    return any(
        entry.get("manager") == manager
        for entry in item["metadata"].get("managedFields", [])
    )


def cpu_of(pid):
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    # Also of children that have ended.
    return sum(int(fields[index]) for index in (11, 12, 13, 14)) / TICKS


def family(pid):
    """A process and all that come from it."""
    children = Path(f"/proc/{pid}/task/{pid}/children")
    found = [pid]
    if children.exists():
        for child in children.read_text().split():
            found += family(int(child))
    return found


def resident(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    sys.exit(main())
