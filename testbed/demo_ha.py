# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""catalog/odoo-ha without the shop: the test bed's cluster, the manifests as
``chandlery render`` makes them, ``kubectl apply``, and the package's own checks."""

import http.client
import json
import os
import sys
import time

from . import cluster, kubernetes, processes, worker
from .demo import Demo
from .instance import CHECKOUT
from .problem import Problem
from .steps import carry_out

NAMESPACE = "odoo-ha"
PACKAGE = CHECKOUT / "catalog" / "odoo-ha"
#: In the order in which they are applied.
MANIFESTS = ("monitoring", "postgres", "odoo", "proxy", "checks")
SECRETS = (
    "postgres_password",
    "postgres_replication_password",
    "odoo_admin_password",
)
CHECKS = "app.kubernetes.io/name=checks"
#: How long a step may take; the first start on a busy machine.
SECONDS = 900

WELCOME = """
Odoo with high availability is running, reachable from this machine only.

  Odoo       {url}/web/login   admin, password {password}
  Look       {kubectl} get pods --namespace {namespace}
  Kill one   {kubectl} delete pod --force --namespace {namespace} NAME
  Promote    {with_}PRIMARY={standby} make demo-ha
             makes postgres-{standby} the primary, and postgres-{primary} its standby
  Measure    {kubectl} port-forward --namespace {namespace} service/prometheus 9090
  Away       {with_}make demo-ha-down

for which: export KUBECONFIG={kubeconfig}
"""


class HighAvailability:
    """The package in a test bed's own cluster; ``values`` win over those of
    vars.yml."""

    def __init__(self, instance, values=()):
        self.instance = instance
        self.demo = Demo(instance, "real")
        self.cluster = self.demo.cluster
        self.values = dict(values)
        self.host = f"{NAMESPACE}.{cluster.DOMAIN}"
        self.url = f"http://{self.host}:{instance.port('traefik')}"

    @property
    def primary(self):
        return self.values.get("postgres_primary", "a")

    @property
    def standby(self):
        return "b" if self.primary == "a" else "a"

    # Up

    def recipe(self):
        return [
            ("Debian packages", self.demo.packages),
            ("Pods", self.demo.pods),
            ("Kubernetes programs", self.demo.programs),
            ("Images", self.demo.images),
            ("Kubernetes control plane", self.demo.control_plane),
            ("Ingress controller", self.demo.ingress),
            ("Node for real pods", self.demo.node),
            ("Worker program, which renders", self.demo.worker_program),
            *self.deployment(),
        ]

    def deployment(self):
        """What is done in the cluster, which is there."""
        return [
            ("Manifests rendered", self.render),
            ("Manifests applied", self.apply),
            (f"PostgreSQL, primary postgres-{self.primary}", self.postgresql),
            ("Odoo, three times", self.wait_for("deployment/odoo")),
            ("nginx, twice", self.wait_for("deployment/proxy")),
            ("Prometheus", self.wait_for("deployment/prometheus")),
            ("Check: the standby has what the primary has", self.check("replication")),
            ("Check: three Odoos behind each nginx", self.check("members")),
            ("Check: each nginx keeps static files", self.check("cache")),
            ("Check: Prometheus reaches all", self.check("metrics")),
            ("Check: Odoo answers at its address", self.reachable),
        ]

    def up(self, recipe=None):
        carry_out(recipe or self.recipe(), self.instance)

    def render(self, step):
        """The texts of the manifests."""
        values = {
            "app_name": "ha",
            "hostname": self.host,
            "url": self.url,
            "namespace": NAMESPACE,
            "ingress_class": self.cluster.ingress_class,
            **{name: self.instance.secret(f"ha-{name}") for name in SECRETS},
            **self.values,
        }
        self.texts = {
            name: processes.output_of(
                [worker.program(), "render", "-e", f"@{PACKAGE / 'vars.yml'}"]
                # Not on the command line, which others of this machine can read.
                + ["-e", "@/dev/stdin", PACKAGE / f"{name}.yml"],
                what=f"Rendering {name}.yml",
                stdin=json.dumps(values),
            )
            for name in MANIFESTS
        }
        step.say(f"{len(MANIFESTS)} manifests")

    def apply(self, step):
        namespace = {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": NAMESPACE,
                "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
            },
        }
        self.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(namespace))
        # They run again, whatever has changed.
        self.within("delete", "jobs", "-l", CHECKS, "--wait=true")
        for name, text in self.texts.items():
            step.doing(f"{name}.yml")
            apply = ("apply", "--server-side", "--force-conflicts", "-f", "-")
            self.within(*apply, stdin=text)
        objects = self.within("get", "all", "-o=name").split()
        step.say(f"{len(objects)} objects in the namespace {NAMESPACE}")

    def postgresql(self, step):
        for server in ("a", "b"):
            self.rolled_out(f"statefulset/postgres-{server}", step)
        step.say("both are ready")

    def wait_for(self, workload):
        def wait(step):
            self.rolled_out(workload, step)
            seen = json.loads(self.within("get", workload, "-o=json"))["status"]
            step.say(f"{seen['readyReplicas']} ready")

        return wait

    def rolled_out(self, workload, step):
        step.doing(f"waiting for {workload}")
        try:
            wait = ("rollout", "status", workload, f"--timeout={SECONDS}s")
            self.within(*wait)
        except Problem as problem:
            pods = self.within("get", "pods")
            raise Problem(
                f"{problem.message}\n{pods}",
                hint="Read what the pod that is not ready says: kubectl logs"
                f" --namespace {NAMESPACE} POD --all-containers",
            ) from problem

    def check(self, name):
        def check(step):
            step.doing("its Job runs")
            step.say(self.result_of(name))

        return check

    def result_of(self, check):
        """The last line of a check's Job."""
        prefix = f"job.batch/check-{check}-"
        names = self.within("get", "jobs", "-l", CHECKS, "-o=name").split()
        (job,) = (name for name in names if name.startswith(prefix))
        end = time.monotonic() + SECONDS
        while True:
            seen = json.loads(self.within("get", job, "-o=json"))["status"]
            if seen.get("succeeded"):
                return self.within("logs", job, "--tail=1").strip()
            failed = any(one["type"] == "Failed" for one in seen.get("conditions", ()))
            if failed or time.monotonic() > end:
                said = self.within("logs", job, "--tail=5").strip()
                raise Problem(f"The check {check} failed: {said}")
            time.sleep(0.5)

    def reachable(self, step):
        end = time.monotonic() + SECONDS
        while (status := self.status_of("/web/login")) != 200:
            if time.monotonic() > end:
                raise Problem(f"{self.url} answers {status}.")
            time.sleep(0.5)
        step.say(self.url)

    def status_of(self, path):
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.instance.port("traefik"), timeout=30
        )
        try:
            connection.request("GET", path, headers={"Host": self.host})
            return connection.getresponse().status
        except OSError as error:
            return str(error)
        finally:
            connection.close()

    # Down

    def down(self):
        """Take it away with its data; and the test bed, where it has nothing else."""
        if (self.instance.state / "kubernetes" / "admin.kubeconfig").exists():
            self.demo.cluster.ensure()
            self.remove()
        if not self.demo.is_made():
            self.demo.reset()

    def remove(self):
        delete = ("delete", "namespace", NAMESPACE, "--ignore-not-found")
        self.kubectl(*delete, "--wait=true", f"--timeout={SECONDS}s")

    # kubectl

    def kubectl(self, *words, stdin=None):
        program, kubeconfig = self.cluster.kubectl, self.cluster.kubeconfig
        return kubernetes.kubectl(program, kubeconfig, *words, stdin=stdin)

    def within(self, *words, stdin=None):
        return self.kubectl(f"--namespace={NAMESPACE}", *words, stdin=stdin)

    def welcome(self):
        return WELCOME.format(
            url=self.url,
            password=self.instance.secret("ha-odoo_admin_password"),
            namespace=NAMESPACE,
            kubectl=self.cluster.kubectl,
            kubeconfig=self.cluster.kubeconfig,
            primary=self.primary,
            standby=self.standby,
            with_="".join(self.demo.variables()),
        )


def from_environment(instance):
    primary = os.environ.get("PRIMARY", "a")
    if primary not in ("a", "b"):
        raise Problem(f"PRIMARY is {primary!r}.", hint="Set it to a or b, or unset.")
    found = HighAvailability(instance, {"postgres_primary": primary})
    if not found.cluster.own:
        raise Problem(
            "KUBECONFIG names a cluster of yours, which has no images of ours.",
            hint="Unset it; how to bring the package to yours, README.md in"
            f" {PACKAGE} says.",
        )
    return found


def agreed(steps):
    """Whether whoever sits there wants these steps."""
    for number, (title, _) in enumerate(steps, 1):
        print(f"[{number:2}/{len(steps)}] {title}")
    if os.environ.get("YES") == "1":
        return True
    print("Go on? [y/n] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")
