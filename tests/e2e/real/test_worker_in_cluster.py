# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The worker's own image in the cluster that it serves: by config/example/, and by the
Helm chart, with a real helm."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
import worker
import yaml
from apps import PATIENCE, wait_until
from inside import answers, hostname_of

from testbed import go_programs, instance, node, test_image, worker_image
from testbed.cluster import NAME
from tests.real.test_pods import descendants

CHECKOUT = Path(__file__).resolve().parents[3]
CONFIG = CHECKOUT / "config"
CHART = CONFIG / "chart"
NAMESPACE = "chandlery"
#: Which the chart is rendered for, where no cluster is asked.
VERSION = ("--kube-version", go_programs.KUBERNETES)
PATIENT = f"--timeout={PATIENCE}s"
SERVICE_MONITORS = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "servicemonitors.monitoring.coreos.com"},
    "spec": {
        "group": "monitoring.coreos.com",
        "scope": "Namespaced",
        "names": {"kind": "ServiceMonitor", "plural": "servicemonitors"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": True,
                    }
                },
            }
        ],
    },
}


def log():
    return instance.from_environment().logs / "worker-image.log"


@pytest.fixture(scope="module")
def helm(bed):
    program = go_programs.build("helm", log())

    def run(*words, check=True):
        done = subprocess.run(
            [program, f"--kubeconfig={bed['KUBECONFIG']}", *words],
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE,
        )
        if check and done.returncode:
            raise AssertionError(f"helm {' '.join(words)}: {done.stderr}")
        return done

    return run


@pytest.fixture(scope="module")
def apply(kubectl):
    def run(*objects):
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        subprocess.run(
            [*kubectl.command, "apply", "-f", "-"],
            input=text,
            text=True,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    return run


@pytest.fixture(scope="module")
def in_cluster(bed, kubectl, apply):
    """The image is on the node and the key in the cluster; the test bed's own worker
    makes room."""
    here = instance.from_environment()
    load(worker_image.build(here.state / "worker", log()))
    key = {"key": (here.state / "worker" / "odoo-key").read_text()}
    metadata = {"name": "chandlery-odoo-key", "namespace": NAMESPACE}
    apply(
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": key}
    )
    os.kill(worker.pid(), signal.SIGTERM)
    wait_until("the worker has ended", lambda: worker.pid() is None)
    yield here
    # Removed with the chart, they are the demo's no more.
    worker.heal_with_rights()


def load(archive):
    """Give an image to the node that runs."""
    here = instance.from_environment()
    (containerd,) = [
        pid
        for pid in descendants(node.daemon(here).pid())
        if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"containerd\0")
    ]
    packages = node.packages(log())
    subprocess.run(
        [
            f"{packages}/usr/bin/ctr",
            f"--address=/proc/{containerd}/root/run/containerd/containerd.sock",
            *("-n", "k8s.io", "images", "import", archive),
        ],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "LD_LIBRARY_PATH": f"{packages}/{node.LIBRARIES}"},
    )


def odoo_url(here):
    """Odoo as pods reach it."""
    return f"http://{node.Network(here.offset).node}:{here.port('odoo')}"


def ports(here):
    return [here.port("odoo"), here.port("kube-apiserver")]


def finds_all_it_needs(kubectl):
    kubectl("-n", NAMESPACE, "rollout", "status", "deployment/chandlery", PATIENT)
    check = ("exec", "deployment/chandlery", "--", "/usr/bin/chandlery", "check")
    done = kubectl("-n", NAMESPACE, *check, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warn " not in done.stdout, done.stdout
    return done.stdout


def does_a_job(operator, hosting):
    def restarts():
        return operator.search_read(
            "kubernetes.job",
            [("app_id", "=", hosting.integration), ("kind", "=", "restart")],
            ["state", "error_message"],
            order="id desc",
        )

    before = len(restarts())
    operator.call("kubernetes.app", "action_restart", [hosting.integration])
    wait_until(
        "the restart has ended",
        lambda: (
            len(jobs := restarts()) > before
            and jobs[0]["state"] not in ("pending", "running")
        ),
    )
    (job, *_) = restarts()
    assert job["state"] == "done", job["error_message"]
    host = hostname_of(operator, hosting.integration)
    wait_until("the app answers", lambda: answers(host))


def test_the_example_runs_the_worker_in_the_cluster(
    operator, kubectl, apply, hosting, in_cluster
):
    text = (CONFIG / "example" / "worker.yaml").read_text()
    # What its first lines ask for.
    text = text.replace(
        'url = "https://odoo.example.com"',
        f'url = "{odoo_url(in_cluster)}"\n    allow_http = true',
    )
    objects = list(yaml.safe_load_all(text))
    for item in objects:
        if item["kind"] == "NetworkPolicy" and item["metadata"]["name"] == "chandlery":
            item["spec"]["egress"][-1]["ports"] += [
                {"protocol": "TCP", "port": port} for port in ports(in_cluster)
            ]
    apply(*objects)
    try:
        finds_all_it_needs(kubectl)
        does_a_job(operator, hosting)
    finally:
        names = [f"{item['kind']}/{item['metadata']['name']}" for item in objects]
        kubectl("-n", NAMESPACE, "delete", *names, "--wait=true")


def values(here):
    return {
        "odoo": {"url": odoo_url(here), "allowHttp": True},
        "cluster": {"name": NAME},
        "networkPolicy": {"ports": ports(here)},
        "settings": "[deploy]\nready_seconds = 300\n",
    }


def test_helm_installs_upgrades_and_removes_the_worker(
    operator, kubectl, apply, helm, hosting, in_cluster, tmp_path
):
    file = tmp_path / "values.yaml"
    file.write_text(json.dumps(values(in_cluster)))
    release = ("chandlery", str(CHART), "-n", NAMESPACE, "-f", str(file))
    waiting = ("--wait", PATIENT)
    # The test bed has applied config/rbac.yaml and the policies.
    helm("install", *release, "--take-ownership", *waiting)
    try:
        said = finds_all_it_needs(kubectl)
        assert "kept to its own namespaces" in said
        does_a_job(operator, hosting)

        apply(SERVICE_MONITORS)
        kubectl("wait", "--for=condition=Established", PATIENT, "crd", "--all")
        more = ("--set", "replicas=2", "--set", "serviceMonitor.create=true")
        helm("upgrade", *release, *more, *waiting)
        pods = kubectl.get("pods", "-n", NAMESPACE, "-l", "helm.sh/chart")["items"]
        assert len(pods) == 2
        monitors_find_the_metrics(kubectl, apply)
        does_a_job(operator, hosting)
        helm("rollback", "chandlery", "1", "-n", NAMESPACE, *waiting)
        finds_all_it_needs(kubectl)
    finally:
        helm("uninstall", "chandlery", "-n", NAMESPACE, *waiting)
        token = ("secret/chandlery-testbed-token", "-n", NAMESPACE)
        kubectl("wait", "--for=delete", *token, PATIENT)
        monitors = SERVICE_MONITORS["metadata"]["name"]
        kubectl("delete", "crd", monitors, "--ignore-not-found")
        kubectl("delete", "namespace", "monitoring", "--ignore-not-found")


def monitors_find_the_metrics(kubectl, apply):
    """The ServiceMonitor's Service leads to all pods, for the monitoring alone."""
    monitor = kubectl.get("servicemonitor/chandlery", "-n", NAMESPACE)
    (endpoint,) = monitor["spec"]["endpoints"]
    service = kubectl.get("service/chandlery-metrics", "-n", NAMESPACE)
    wanted = monitor["spec"]["selector"]["matchLabels"].items()
    assert wanted <= service["metadata"]["labels"].items()
    (port,) = [p for p in service["spec"]["ports"] if p["name"] == endpoint["port"]]
    url = f"http://chandlery-metrics.{NAMESPACE}:{port['port']}{endpoint['path']}"
    for namespace, reads in (("monitoring", True), ("default", False)):
        metadata = {"name": "reader", "namespace": namespace}
        container = {"name": "reader", "image": test_image.NAME}
        space = {"apiVersion": "v1", "kind": "Namespace"}
        apply({**space, "metadata": {"name": namespace}})
        wait_until(
            "the namespace's account",
            lambda namespace=namespace: kubectl(
                "get", "serviceaccount/default", "-n", namespace, check=False
            ).returncode
            == 0,
        )
        pod = {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [container]}}
        apply({**pod, "metadata": metadata})
        pod = ("-n", namespace, "pod/reader")
        kubectl("wait", "--for=condition=Ready", PATIENT, *pod)
        # Its own option for a limit of time ends it by SIGSEGV.
        wget = ("timeout", "5", "wget", "-qO-", url)
        asks = ("exec", "reader", "-n", namespace, "--", *wget)
        if reads:
            wait_until(
                "the metrics are read",
                lambda asks=asks: "chandlery_" in kubectl(*asks, check=False).stdout,
            )
        else:
            assert kubectl(*asks, check=False).returncode
        kubectl("delete", "--now", *pod)


# -- without the cluster


def rendered(helm, *words):
    given = ("--set", "odoo.url=https://odoo.example.com", "--set", "cluster.name=demo")
    done = helm("template", *VERSION, "chandlery", str(CHART), *given, *words)
    return {
        (item["kind"], item["metadata"]["name"]): item
        for item in yaml.safe_load_all(done.stdout)
        if item
    }


def test_helm_finds_nothing_wrong_with_the_chart(helm):
    given = ("--set", "odoo.url=https://odoo.example.com", "--set", "cluster.name=demo")
    done = helm("lint", "--strict", str(CHART), *given)
    assert "0 chart(s) failed" in done.stdout
    assert "[WARNING]" not in done.stdout and "[ERROR]" not in done.stdout


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["odoo.url="], "url"),
        (["cluster.name="], "name"),
        (["replicas=many"], "replicas"),
        (["odoo.keySecret.name="], "name"),
        (["mailgun.region=moon"], "region"),
        (["networkPolicy.ports={http}"], "ports"),
        (["replica=2"], "replica"),
    ],
)
def test_wrong_values_are_refused_by_their_names(helm, wrong, said):
    good = ["odoo.url=https://odoo.example.com", "cluster.name=demo"]
    words = [word for value in [*good, *wrong] for word in ("--set", value)]
    done = helm("template", *VERSION, "chandlery", str(CHART), *words, check=False)
    assert done.returncode
    assert "values don't meet the specifications of the schema" in done.stderr
    assert said in done.stderr


def test_rights_and_policies_of_the_chart_are_those_of_config(helm):
    """Also in a namespace of another name."""
    for namespace in (NAMESPACE, "hosting"):
        found = rendered(helm, "-n", namespace, "--set", "rbac.watch=true")
        files = ("rbac", "rbac-watch", "admission-policy", "admission-pod-security")
        count = 0
        for name in files:
            text = (CONFIG / f"{name}.yaml").read_text()
            account = f"system:serviceaccount:{namespace}:chandlery"
            text = text.replace("system:serviceaccount:chandlery:chandlery", account)
            for item in yaml.safe_load_all(text):
                if item["kind"] == "Namespace":
                    continue
                key = (item["kind"], item["metadata"]["name"])
                there = dict(found[key])
                labels = there["metadata"].pop("labels")
                assert labels["helm.sh/chart"].startswith("chandlery-")
                for subject in [*item.get("subjects", []), item["metadata"]]:
                    if subject.get("namespace") == "chandlery":
                        subject["namespace"] = namespace
                assert there == item, key
                count += 1
        assert count > 6


def test_the_charts_worker_is_the_examples(helm):
    found = rendered(helm, "-n", NAMESPACE)
    example = {
        (item["kind"], item["metadata"]["name"]): item
        for item in yaml.safe_load_all((CONFIG / "example/worker.yaml").read_text())
    }
    policy = ("NetworkPolicy", "chandlery")
    assert found[policy]["spec"] == example[policy]["spec"]

    def pod(objects):
        spec = objects["Deployment", "chandlery"]["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        # What the example has optionally, values switch on.
        container.pop("env", None)
        container.pop("imagePullPolicy", None)
        for items in (container["volumeMounts"], spec["volumes"]):
            items[:] = [item for item in items if item["name"] != "vault"]
        return spec

    assert pod(found) == pod(example)


def test_the_charts_versions_are_the_workers():
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    cargo = (CHECKOUT / "Cargo.toml").read_text()
    assert f'\nversion = "{chart["appVersion"]}"\n' in cargo
    assert chart["version"] == chart["appVersion"]
    assert worker_image.NAME.endswith(f"/chandlery:{chart['appVersion']}")
