# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The whole of Chandlery on one machine, in numbered steps; what already runs and is
healthy is left alone."""

import json
import shutil
import signal
from pathlib import Path

from . import (
    cache,
    catalog_server,
    cluster,
    debian,
    dns_double,
    go_programs,
    images,
    mail,
    node,
    odoo,
    pods,
    postgresql,
    processes,
    worker,
)
from .instance import state_home
from .problem import Problem
from .steps import carry_out

DATABASE = "chandlery"
DEMO_DATA = Path(__file__).with_name("demo_data.py")
#: (login, password), good on this machine only
LOGINS = {
    "operator": ("operator", "operator"),
    "customer": ("customer@demo.example", "customer"),
}

SIMULATED_PODS = """
Pods are {pods}: an app becomes ready, but no container runs, so
nobody can sign in there. Everything else is real.
"""
REAL_PODS = """
Pods are {pods}.
"""


class Demo:
    """``kind`` of pods: real, simulated, or nothing for real ones where they can be
    had."""

    #: None: one process answers everything.
    http_workers = 0

    def __init__(self, instance, kind=""):
        self.instance = instance
        self.kind = kind
        self.setup_log = instance.logs / "setup.log"
        self.build_log = instance.logs / "builds.log"
        self.cluster = cluster.choose(instance, self.build_log)
        self.odoo_url = f"http://127.0.0.1:{instance.port('odoo')}"

    # Up

    def up(self):
        recipe = [
            ("Debian packages", self.packages),
            ("Rust compiler", self.rust),
            ("Odoo 19, its Python packages, subscription_oca", self.odoo_programs),
            ("PostgreSQL 15", self.postgresql),
            ("Template database", self.template),
            ("Pods", self.pods),
            ("Kubernetes programs", self.programs),
            ("Images", self.images),
            ("Kubernetes control plane", self.control_plane),
            ("Ingress controller", self.ingress),
            ("Node for real pods", self.node),
            ("Catalog file server", self.catalog),
            ("Mailgun, external-dns and DNS (doubles)", self.mail),
            ("Worker program", self.worker_program),
            ("Addons and demo data", self.database),
            ("Odoo", self.odoo_server),
            ("Worker", self.worker),
        ]
        carry_out(recipe, self.instance)

    def packages(self, step):
        step.doing("apt-get install")
        step.say(
            "installed" if debian.install(debian.BASE, self.setup_log) else "there"
        )

    def rust(self, step):
        step.say(worker.cargo(self.setup_log))

    def odoo_programs(self, step):
        step.doing("downloading and unpacking")
        self.odoo = odoo.Odoo(self.instance, self.setup_log)

    def postgresql(self, step):
        step.say(started(postgresql.ensure(self.instance)))

    def template(self, step):
        step.doing("installing Odoo's own modules; once")
        self.template_name = odoo.template(self.odoo, self.setup_log)

    def pods(self, step):
        if not self.cluster.own:
            step.say("your cluster's")
            return
        seen = pods.decide(self.instance, self.kind)
        if seen.real:
            debian.install(node.MACHINE, self.setup_log)
        step.say(str(seen))

    def programs(self, step):
        names = self.cluster.programs()
        missing = go_programs.missing(names)
        for number, name in enumerate(missing, 1):
            step.doing(
                f"building {name} ({number} of {len(missing)});"
                " once, up to 15 minutes in all"
            )
            go_programs.build(name, self.build_log)
        step.say(
            f"{len(missing)} built"
            if missing
            else "built before"
            if names
            else "not needed"
        )

    def images(self, step):
        if not self.real:
            step.say("not needed")
            return
        missing = images.missing()
        if missing:
            step.doing("building them; once, up to 5 minutes")
            node.build_images(self.build_log)
        step.say(f"{len(missing)} built" if missing else "built before")

    @property
    def real(self):
        return self.cluster.own and pods.are_real(self.instance)

    def node(self, step):
        if not self.real:
            step.say("not needed")
            return
        step.doing("with all images, once")
        step.say(started(self.cluster.ensure_node(images.ensure(self.build_log))))

    def control_plane(self, step):
        changed = self.cluster.ensure()
        step.say(
            started(changed)
            if self.cluster.own
            else f"the one of {self.cluster.kubeconfig}"
        )

    def ingress(self, step):
        changed = self.cluster.ensure_ingress()
        step.say(started(changed) if self.cluster.own else "the cluster's own")

    def catalog(self, step):
        step.say(started(catalog_server.daemon(self.instance).ensure()))

    def mail(self, step):
        changed = mail.ensure(self.instance)
        changed = dns_double.daemon(self.instance).ensure() or changed
        changed = self.cluster.ensure_dns() or changed
        step.say(started(changed) if self.cluster.own else "Mailgun only")

    def worker_program(self, step):
        step.doing("cargo build")
        worker.build(self.build_log)

    def database(self, step):
        digest = self.data_digest()
        mark = self.instance.state / "odoo" / "installed.digest"
        exists = postgresql.database_exists(self.instance, DATABASE)
        if (
            exists
            and mark.exists()
            and mark.read_text() == digest
            and worker.key_file(self.instance).exists()
        ):
            step.say("unchanged")
            return
        self.odoo_daemon().stop()
        if not exists:
            step.doing("copying the template database")
            self.odoo.copy(self.template_name, DATABASE)
        step.doing("installing the addons")
        modules = ",".join(own_addons())
        self.run_odoo(
            "server",
            "-i",
            modules,
            "-u",
            modules,
            "--i18n-overwrite",
            "--stop-after-init",
            what="Installing the addons",
        )
        step.doing("demo data")
        self.run_odoo("shell", script=DEMO_DATA, what="Making the demo data")
        mark.write_text(digest)
        step.say("updated" if exists else "made")

    def run_odoo(self, subcommand, *arguments, what, script=None):
        processes.run(
            self.odoo.command(
                subcommand,
                *("-d", DATABASE, *arguments),
                "--no-http",
                "--max-cron-threads=0",
            ),
            log=self.instance.logs / "odoo-setup.log",
            what=what,
            env={
                **self.odoo.environment(),
                "CHANDLERY_DEMO": json.dumps(self.data_settings()),
            },
            stdin=script and script.read_text(),
            hint="make demo-reset starts over with fresh data.",
        )

    def data_settings(self):
        return {
            "odoo_url": self.odoo_url,
            "catalog_url": catalog_server.url(self.instance),
            "catalog_folder": str(catalog_server.FOLDER),
            "addons": str(odoo.OWN_ADDONS),
            "cluster": cluster.NAME,
            "domain": cluster.DOMAIN,
            "url_pattern": self.cluster.url_pattern,
            "ingress_class": self.cluster.ingress_class,
            "worker": worker.NAME,
            "key_file": str(worker.key_file(self.instance)),
            **{f"{role}_login": login for role, (login, _) in LOGINS.items()},
            **{f"{role}_password": password for role, (_, password) in LOGINS.items()},
        }

    def data_digest(self):
        """What the demo's database was made from."""
        return cache.digest(
            self.template_name,
            addons_digest(),
            files_digest(catalog_server.FOLDER),
            DEMO_DATA,
            json.dumps(self.data_settings()),
        )

    def odoo_server(self, step):
        step.say(started(self.odoo_daemon().ensure()))

    def odoo_daemon(self):
        port = self.instance.port("odoo")
        # Which processes of its own for HTTP leave to another one: what stays open.
        gevent = (self.instance.port("odoo-gevent"),) if self.http_workers else ()
        bed = odoo.Odoo(self.instance, self.setup_log)
        return processes.Daemon(
            name="odoo",
            argv=bed.command(
                "server",
                *("-d", DATABASE, f"--http-port={port}"),
                f"--db-filter=^{DATABASE}$",
                "--no-database-list",
                f"--workers={self.http_workers}",
                *(f"--gevent-port={port}" for port in gevent),
                "--max-cron-threads=1",
                # No mail leaves the demo: this port is closed, so a mail is marked as
                # failed at once.
                *("--smtp=127.0.0.1", "--smtp-port=9"),
            ),
            variables=bed.variables(),
            log=self.instance.logs / "odoo.log",
            pid_file=self.instance.state / "run" / "odoo.pid",
            ports=(port, *gevent),
            healthy=lambda: processes.http_ok(
                f"{self.odoo_url}/web/health?db_server_status=1"
            ),
            made_from=addons_digest(),
            start_seconds=120,
        )

    def worker(self, step):
        rights = worker.kubeconfig(
            self.instance, self.cluster.kubectl, self.cluster.kubeconfig
        )
        step.say(started(self.worker_daemon(rights).ensure()))

    def worker_daemon(self, rights=None):
        rights = rights or self.instance.state / "worker" / "kubeconfig"
        settings = worker.write_settings(self.instance, DATABASE, cluster.NAME, rights)
        return worker.daemon(self.instance, settings)

    # Status, down, reset

    def daemons(self):
        """In the order of their start."""
        return [
            postgresql.daemon(self.instance),
            mail.mailgun(self.instance),
            dns_double.daemon(self.instance),
            *self.cluster.daemons(),
            catalog_server.daemon(self.instance),
            self.odoo_daemon(),
            self.worker_daemon(),
        ]

    def is_made(self):
        return (self.instance.state / "odoo" / "installed.digest").exists()

    def status(self):
        """Print what runs; True if all of it does."""
        if not self.is_made():
            print(f"There is no demo in {self.instance.state} yet. Start it: make demo")
            return False
        well = True
        for daemon in self.daemons():
            state = daemon.status()
            well = well and state == "running"
            print(
                f"{daemon.name:<26} {state:<10} "
                f"pid {daemon.pid() or '-':<8} {daemon.log}"
            )
        print("All runs." if well else "Not all runs. Start what is missing: make demo")
        return well

    def down(self):
        """Stop everything; the data stays."""
        with self.instance.lock("demo"):
            stop_all(self.instance)

    def reset(self):
        """Stop everything and remove the data; caches stay."""
        self.down()
        if self.instance.state.parent != state_home():
            raise Problem(f"{self.instance.state} is no test bed.")
        node.remove(self.instance)
        shutil.rmtree(self.instance.state, ignore_errors=True)
        if not self.cluster.own:
            print(
                "The apps' namespaces stay in your cluster. See them: kubectl get"
                " namespaces -l app.kubernetes.io/managed-by=chandlery"
            )

    # What others need to know

    def environment(self):
        (operator, operator_password), (customer, customer_password) = LOGINS.values()
        return {
            "ODOO_URL": self.odoo_url,
            "ODOO_DB": DATABASE,
            "OPERATOR_LOGIN": operator,
            "OPERATOR_PASSWORD": operator_password,
            "CUSTOMER_LOGIN": customer,
            "CUSTOMER_PASSWORD": customer_password,
            "KUBECONFIG": str(self.cluster.kubeconfig),
            "KUBECTL": str(self.cluster.kubectl),
            "CATALOG_URL": catalog_server.url(self.instance),
            "MAILGUN_URL": mail.url(self.instance),
            "DNS_RECORDS": str(dns_double.records_file(self.instance)),
            "CHANDLERY": str(worker.program()),
            "LOGS": str(self.instance.logs),
        }

    def welcome(self):
        """What the person at the terminal may do now."""
        text = Path(__file__).with_name("welcome.txt").read_text()
        return text.format(
            **self.environment(),
            DOMAIN=cluster.DOMAIN,
            SETTINGS=self.instance.state / "worker" / "chandlery.toml",
            PODS=self.about_pods(),
            WITH="".join(self.variables()),
        )

    def about_pods(self):
        if not self.cluster.own:
            return ""
        text = REAL_PODS if self.real else SIMULATED_PODS
        return text.format(pods=pods.of(self.instance))

    def variables(self):
        """What has to stand before the next make, for it to mean this demo."""
        if self.instance.offset:
            yield f"PORT_OFFSET={self.instance.offset} "
        if not self.cluster.own:
            yield f"KUBECONFIG={self.cluster.kubeconfig} "


def started(changed):
    return "started" if changed else "running"


def own_addons():
    return sorted(
        path.parent.name for path in odoo.OWN_ADDONS.glob("*/__manifest__.py")
    )


def addons_digest():
    """What a running Odoo has loaded of the checkout."""
    return files_digest(odoo.OWN_ADDONS)


def files_digest(folder):
    paths = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and "__pycache__" not in path.parts
        and "tests" not in path.relative_to(folder).parts
    ]
    return cache.digest(
        *(part for path in paths for part in (str(path.relative_to(folder)), path))
    )


def stop_all(instance):
    """Stop every daemon that this test bed remembers, last started first, whatever made
    them."""
    run = instance.state / "run"
    remembered = sorted(
        run.glob("*.pid"), key=lambda path: path.stat().st_mtime, reverse=True
    )
    # The database outlives those who use it.
    remembered.sort(key=lambda path: path.stem in ("postgresql", "etcd"))
    for path in remembered:
        daemon = processes.Daemon(
            name=path.stem,
            argv=[],
            log=instance.logs / f"{path.stem}.log",
            pid_file=path,
            healthy=lambda: False,
            stop_signal=signal.SIGINT if path.stem == "postgresql" else signal.SIGTERM,
            stop_seconds=35,
        )
        if daemon.stop():
            print(f"{path.stem} stopped", flush=True)
    node.tidy(instance)
