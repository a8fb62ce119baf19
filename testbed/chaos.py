# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Whether anything is lost while all kinds of things fail: customers buy and operators
change, while workers, Odoo, PostgreSQL and the API server are killed, stopped and cut
off, and the network, Mailgun and manifest hosts do what they should not. When that is
over and all is quiet, what was paid is held against what there is.

``make chaos`` prints how often each fault was made, and what differs, which makes it
fail. ``SEED=n`` makes the same choices again; how they meet what runs is up to the
machine.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.error
from pathlib import Path

from . import (
    cluster,
    debian,
    instance,
    kubernetes,
    mail,
    postgresql,
    processes,
    worker,
)
from .chaos_audit import Audit, Foreign
from .chaos_customers import Customers
from .chaos_faults import KILLS, Faults
from .chaos_mail import Mailbox
from .chaos_network import Network
from .demo import DATABASE, LOGINS, Demo
from .instance import CHECKOUT, write_private
from .json_api import Cluster, Json
from .problem import Problem

OFFSET = 3500
SCRIPT = Path(__file__).with_name("chaos_odoo.py")
WORKERS = 3
CUSTOMERS = 3
PASSWORD = "a good password"
#: So many apps may be there at once, and so many are there before anything fails.
MOST_APPS, FIRST_APPS = 60, 6
#: While other things fail, it may take long until something answers again.
START_SECONDS = 600
#: Sets a process's clock.
FAKETIME = {"/usr/bin/faketime": "faketime"}
LIBRARY = "*/faketime/libfaketime.so.1"


def main():
    # Ended from outside, the test bed is still taken down.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    arguments = command_line().parse_args()
    chaos = Chaos(instance.from_environment(OFFSET))
    try:
        with chaos.instance.lock("chaos"):
            return 1 if chaos.run(arguments.minutes, arguments.seed) else 0
    except Problem as problem:
        print(*problem.lines(), sep="\n", file=sys.stderr)
        return 1


def command_line():
    parser = argparse.ArgumentParser(
        prog="python3 -m testbed.chaos", description=__doc__
    )
    parser.add_argument(
        "--minutes",
        type=float,
        default=10,
        help="how long faults are made; default: %(default)s",
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=random.randrange(1_000_000),
        help="default: one by chance, which is printed",
    )
    return parser


class Worker:
    """One of several workers, with settings and a key of its own."""

    def __init__(self, settings, log):
        self.settings, self.log = settings, log
        #: Held by whoever does something to it.
        self.lock = threading.Lock()
        self.process = None

    @property
    def pid(self):
        return self.process and self.process.pid

    def begin(self, clock=None):
        """``clock``: by how many seconds it is off, and how fast it goes."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("CHANDLERY_")
        }
        with open(self.log, "a") as output:
            self.process = subprocess.Popen(
                [worker.program(), "worker", "--config", self.settings],
                stdout=output,
                stderr=output,
                env={
                    **kept,
                    "NO_PROXY": "127.0.0.1,localhost",
                    "RUST_BACKTRACE": "0",
                    **(faked(*clock) if clock else {}),
                },
            )

    def kill(self):
        """Whether there was one; it may have ended by itself."""
        ran = self.process is not None and self.process.poll() is None
        if ran:
            self.process.kill()
            self.process.wait()
        return ran

    def end(self):
        if self.process:
            self.process.terminate()
            self.process.wait()


def faked(seconds, rate):
    """Environment variables for another calendar; what measures how long something
    takes stays right, as on a machine whose clock is set wrongly."""
    (library,) = Path("/usr/lib").glob(LIBRARY)
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME": f"{seconds:+}s x{rate:.3f}",
        "DONT_FAKE_MONOTONIC": "1",
    }


class Chaos(Demo):
    """A test bed in which things fail."""

    http_workers = 2

    def __init__(self, instance):
        super().__init__(instance, "simulated")
        self.network = Network()
        for name, port in (
            ("odoo", "odoo"),
            ("wake", "odoo-gevent"),
            ("kubernetes", "kube-apiserver"),
            ("mailgun", "mailgun"),
            ("manifests", "catalog"),
            ("postgresql", "postgresql"),
        ):
            self.network.link(name, instance.port(port))
        self.mailgun = Json(mail.url(instance))
        self.mailbox = Mailbox()
        self.workers = []
        self.foreign = Foreign(self)

    def through(self, name):
        """The port by which something is reached through the network."""
        return self.network.links[name].port

    # What is other than in the demo

    def packages(self, step):
        debian.install(FAKETIME, self.setup_log)
        super().packages(step)

    def postgresql(self, step):
        super().postgresql(step)
        # What is committed outlives the server's sudden end.
        for sql in (
            "ALTER SYSTEM SET synchronous_commit = on",
            "SELECT pg_reload_conf()",
        ):
            postgresql.query(self.instance, sql)

    def data_settings(self):
        url = f"http://127.0.0.1:{self.through('manifests')}"
        return {**super().data_settings(), "catalog_url": url}

    def odoo_daemon(self):
        daemon = super().odoo_daemon()
        # Of what is there twice the last one counts.
        daemon.argv += [
            f"--smtp-port={self.mailbox.port}",
            "--max-cron-threads=2",
            # The PDFs of many orders take longer than usual on a busy machine; a cron
            # that is ended for it begins with the first of them again.
            f"--limit-time-real-cron={START_SECONDS}",
        ]
        daemon.variables["PGPORT"] = str(self.through("postgresql"))
        return daemon

    def worker(self, step):
        step.doing("keys of their own for several")
        folder = self.instance.state / "worker"
        names = [f"worker-{number}" for number in range(1, WORKERS + 1)]
        keys = {name: folder / f"{name}.key" for name in names}
        self.logins = [
            f"customer-{number}@chaos.example" for number in range(1, CUSTOMERS + 1)
        ]
        asked = {
            "cluster": cluster.NAME,
            "workers": {name: str(file) for name, file in keys.items()},
            "like": LOGINS["customer"][0],
            "customers": self.logins,
            "password": PASSWORD,
        }
        log = self.instance.logs / "chaos-odoo.log"
        processes.run(
            self.odoo.command(
                *("shell", "-d", DATABASE, "--no-http", "--max-cron-threads=0")
            ),
            log=log,
            what="Making workers and customers",
            env={**self.odoo.environment(), "CHANDLERY_CHAOS": json.dumps(asked)},
            stdin=SCRIPT.read_text(),
        )
        # Its shell ends well whatever became of the script.
        missing = [file for file in keys.values() if not file.exists()]
        if missing:
            raise Problem("Odoo made no keys of workers.", log=log)
        rights = self.rights(folder)
        for name, key in keys.items():
            settings = worker.settings(self.instance, DATABASE, cluster.NAME, rights)
            self.send_through(settings)
            settings["odoo"]["key_file"] = str(key)
            settings["worker"]["name"] = name
            settings["telemetry"]["listen"] = ""
            file = folder / f"{name}.toml"
            write_private(file, worker.toml(settings))
            log = self.instance.logs / f"{name}.log"
            self.workers.append(Worker(file, log))
        step.say(f"{WORKERS} are begun with the faults")

    def rights(self, folder):
        """The worker's kubeconfig, by way of the network."""
        kubeconfig = worker.kubeconfig(
            self.instance, self.cluster.kubectl, self.cluster.kubeconfig
        )
        watch = CHECKOUT / "config" / "rbac-watch.yaml"
        self.kubectl("apply", "-f", str(watch))
        content = json.loads(kubeconfig.read_text())
        server = f"https://127.0.0.1:{self.through('kubernetes')}"
        content["clusters"][0]["cluster"]["server"] = server
        file = folder / "chaos-kubeconfig"
        write_private(file, json.dumps(content))
        return file

    def send_through(self, settings):
        def address(name):
            return f"127.0.0.1:{self.through(name)}"

        settings["odoo"]["url"] = f"http://{address('odoo')}"
        settings["odoo"]["websocket_url"] = f"http://{address('wake')}"
        settings["manifests"]["allow"] = [address("manifests")]
        settings["mailgun"]["url"] = f"http://{address('mailgun')}"

    # The run

    def run(self, minutes, seed):
        """Make faults, and return what differs in the end, in words."""
        said(f"Faults for {minutes:g} minutes, SEED={seed}")
        begun = time.monotonic()
        self.reset()
        try:
            self.up()
            self.api = Cluster(
                kubernetes.Kubernetes(self.instance, self.build_log).server,
                self.instance.state / "kubernetes" / "pki",
            )
            self.foreign.make()
            customers = Customers(self, seed, self.logins, PASSWORD, MOST_APPS)
            faults = Faults(self, seed, 60 * minutes)
            audit = Audit(self, customers)
            for each in self.workers:
                each.begin()
            customers.begin()
            # There is something to harm, however fast this machine is.
            customers.wait_for(FIRST_APPS)
            said("The faults begin")
            try:
                faults.last()
            finally:
                self.mend()
            self.counts = faults.counts
            self.tell_faults()
            said("The faults are over; waiting until all is quiet")
            customers.end()
            quiet = time.monotonic()
            audit.wait()
            said(f"Quiet after {time.monotonic() - quiet:.0f} s; looking at all of it")
            differences = list(audit.differences())
            differences += unproven(self.counts, audit.units)
            tell("Asked for", sorted(customers.asked.items()))
            tell("In the end", audit.figures())
        finally:
            self.end_workers()
            if not os.environ.get("KEEP"):
                self.reset()
        for difference in differences:
            said(f"DIFFERS: {difference}")
        verdict = f"{len(differences)} things differ" if differences else "all as paid"
        said(f"SEED={seed}: {verdict}, after {time.monotonic() - begun:.0f} s")
        return differences

    def tell_faults(self):
        kills = sum(self.counts[name] for name in KILLS)
        tell("Faults", [("kills in all", kills), *sorted(self.counts.items())])

    def mend(self):
        """Everything runs and answers again."""
        self.network.mend()
        self.mailgun("DELETE", "_double/faults")
        postgresql.ensure(self.instance)
        for daemon in (*self.cluster.daemons(), self.odoo_daemon()):
            self.bring_back(daemon)
        for each in self.workers:
            with each.lock:
                each.kill()
                each.begin()

    def mend_pods(self):
        """While the API server was away its nodes were not heard of, and their pods
        count as not ready. A kubelet would say that they are; the simulated ones do so
        of new pods alone."""
        listed = json.loads(self.kubectl("get", "pods", "-A", "-o", "json"))
        for pod in listed["items"]:
            metadata, status = pod["metadata"], pod["status"]
            ready = any(
                condition["type"] == "Ready" and condition["status"] == "True"
                for condition in status.get("conditions", [])
            )
            if status.get("phase") == "Running" and not ready:
                where = f"api/v1/namespaces/{metadata['namespace']}/pods"
                self.insist("DELETE", f"{where}/{metadata['name']}")

    def end_workers(self):
        for each in self.workers:
            each.end()
        self.workers = []

    # What the others need

    def bring_back(self, daemon):
        """Start it as a service manager does: again where it ends at once, as what it
        needs may be away."""
        daemon.start_seconds = START_SECONDS
        end = time.monotonic() + START_SECONDS
        while True:
            try:
                daemon.ensure()
                return
            except Problem:
                if time.monotonic() > end:
                    raise
            time.sleep(0.5)

    def kubernetes_daemon(self, name):
        control_plane = kubernetes.Kubernetes(self.instance, self.build_log)
        return next(each for each in control_plane.daemons() if each.name == name)

    def kubectl(self, *arguments, stdin=None):
        return kubernetes.kubectl(
            self.cluster.kubectl, self.cluster.kubeconfig, *arguments, stdin=stdin
        )

    def apply(self, *objects):
        items = {"apiVersion": "v1", "kind": "List", "items": objects}
        self.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(items))

    def insist(self, method, path, body=None):
        """Ask the API server as its administrator until it has an answer; None where it
        refuses."""
        while True:
            try:
                return self.api(method, path, body)
            except urllib.error.HTTPError as error:
                if error.code < 500 and error.code != 429:
                    return None
            except (OSError, ValueError):
                pass
            time.sleep(0.5)

    def domains(self):
        return self.mailgun("GET", "_double/domains")

    def own_namespaces(self):
        """Those of apps that are to run, as far as the database tells."""
        try:
            return postgresql.query(
                self.instance,
                "SELECT namespace.name FROM kubernetes_app app"
                " JOIN kubernetes_namespace namespace"
                " ON namespace.id = app.namespace_id"
                " WHERE app.wanted_state = 'running' ORDER BY app.id",
                DATABASE,
            )
        except Problem:
            return []


def unproven(counts, units):
    """Why a run would show nothing, whatever is as it is to be after it."""
    if not counts["worker killed"]:
        yield "no worker was killed"
    if not units:
        yield "nobody has paid for anything"


def tell(title, counts):
    said(f"{title}:")
    for what, count in counts:
        said(f"  {count:>6}  {what}")


def said(text):
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
