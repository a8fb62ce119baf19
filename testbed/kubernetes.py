# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A Kubernetes control plane on loopback, with nodes and pods that kwok simulates.

Real are the API server, its storage, controllers, scheduler, volumes' claims and access
control. Simulated are the nodes: a pod counts as running a moment after it is
scheduled, but no container runs and nothing answers in it. Where ``pods`` are real,
``node`` adds one that runs those whose images are known.
"""

import base64
import json
import os
import shutil
import ssl
import subprocess
from pathlib import Path

from . import cache, certificates, go_programs, node, pods, processes, volumes
from .instance import write_private
from .problem import Problem

PROGRAMS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kwok",
    "kubectl",
)
NODES = ("node-1", "node-2")
#: The kind of external-dns, whose schema its own definition has.
DNS_ENDPOINT = Path(__file__).with_name("dnsendpoint.json")
#: Where kube-controller-manager makes hostpath volumes; it knows no other place.
VOLUMES = Path("/tmp/hostpath_pv")


class Kubernetes:
    """The control plane of one test bed; builds write to ``build_log``."""

    def __init__(self, instance, build_log):
        self.instance = instance
        self.folder = instance.state / "kubernetes"
        self.pki = self.folder / "pki"
        self.kubeconfig = self.folder / "admin.kubeconfig"
        self.program = {name: go_programs.build(name, build_log) for name in PROGRAMS}
        self.kubectl = self.program["kubectl"]
        self.real = pods.are_real(instance)
        self.network = node.Network(instance.offset)

    def ensure(self):
        """Have it running; True if anything was started."""
        with self.instance.lock("kubernetes"):
            if not self.kubeconfig.exists():
                self.create()
            make_volumes_folder(VOLUMES)
            started = [daemon.ensure() for daemon in self.daemons()]
            mark = self.folder / "furnished"
            wanted = cache.digest(json.dumps(self.furniture()))
            if any(started) or not mark.exists() or mark.read_text() != wanted:
                self.furnish()
                mark.write_text(wanted)
            return any(started)

    def create(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        self.pki.mkdir(parents=True, mode=0o700)
        certificates.make(self.pki, self.instance.logs / "kubernetes-setup.log")
        for name in (
            "kube-controller-manager",
            "kube-scheduler",
            "kwok",
            "traefik",
            "admin",
        ):
            self.write_kubeconfig(name, self.server)
        # In the node's box the relay answers, for which no certificate is made.
        port = self.instance.port("kube-apiserver")
        self.write_kubeconfig(
            "node",
            f"https://{self.network.node}:{port}",
            **{"tls-server-name": "localhost"},
        )

    def write_kubeconfig(self, name, server, **more):
        """A kubeconfig is YAML, and JSON is YAML."""

        def data(file):
            return base64.b64encode((self.pki / file).read_bytes()).decode()

        user = {
            "client-certificate-data": data(f"{name}.crt"),
            "client-key-data": data(f"{name}.key"),
        }
        write_private(
            self.folder / f"{name}.kubeconfig",
            kubeconfig(server, data("ca.crt"), name, user, **more),
        )

    @property
    def server(self):
        return f"https://127.0.0.1:{self.instance.port('kube-apiserver')}"

    def daemons(self):
        """In the order of their start."""
        port = self.instance.port
        pki = self.pki
        etcd = f"https://127.0.0.1:{port('etcd')}"
        etcd_peer = f"https://127.0.0.1:{port('etcd-peer')}"
        context = ssl.create_default_context(cafile=pki / "ca.crt")
        context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        # These two serve with a certificate of their own making; they are asked on
        # loopback only.
        unchecked = ssl.create_default_context()
        unchecked.check_hostname = False
        unchecked.verify_mode = ssl.CERT_NONE

        def config(name):
            return self.folder / f"{name}.kubeconfig"

        yield self.daemon(
            "etcd",
            [
                f"--data-dir={self.folder / 'etcd'}",
                f"--listen-client-urls={etcd}",
                f"--advertise-client-urls={etcd}",
                f"--listen-peer-urls={etcd_peer}",
                f"--initial-advertise-peer-urls={etcd_peer}",
                f"--initial-cluster=default={etcd_peer}",
                f"--cert-file={pki / 'server.crt'}",
                f"--key-file={pki / 'server.key'}",
                f"--trusted-ca-file={pki / 'ca.crt'}",
                "--client-cert-auth",
                f"--peer-cert-file={pki / 'server.crt'}",
                f"--peer-key-file={pki / 'server.key'}",
                f"--peer-trusted-ca-file={pki / 'ca.crt'}",
                "--peer-client-cert-auth",
                "--auto-compaction-retention=1h",
                "--log-level=warn",
            ],
            lambda: processes.http_ok(f"{etcd}/health", context=context),
            "etcd-peer",
        )
        yield self.daemon(
            "kube-apiserver",
            [
                "--bind-address=127.0.0.1",
                "--advertise-address=127.0.0.1",
                f"--secure-port={port('kube-apiserver')}",
                f"--etcd-servers={etcd}",
                f"--etcd-cafile={pki / 'ca.crt'}",
                f"--etcd-certfile={pki / 'server.crt'}",
                f"--etcd-keyfile={pki / 'server.key'}",
                f"--tls-cert-file={pki / 'server.crt'}",
                f"--tls-private-key-file={pki / 'server.key'}",
                f"--client-ca-file={pki / 'ca.crt'}",
                # As in a cluster of kubeadm, beside what is on by default.
                "--authorization-mode=Node,RBAC",
                "--enable-admission-plugins=NodeRestriction",
                # Otherwise a privileged pod would be refused by the accident of this
                # flag, and not by a policy.
                "--allow-privileged=true",
                "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
                f"--service-account-key-file={pki / 'service-account.key'}",
                f"--service-account-signing-key-file={pki / 'service-account.key'}",
                f"--service-cluster-ip-range={node.SERVICES}",
                "--endpoint-reconciler-type=none",  # the only address is loopback
                *(self.for_real_pods() if self.real else ()),
            ],
            lambda: processes.http_ok(f"{self.server}/readyz", context=context),
        )
        yield self.daemon(
            "kube-controller-manager",
            [
                f"--kubeconfig={config('kube-controller-manager')}",
                "--bind-address=127.0.0.1",
                f"--secure-port={port('kube-controller-manager')}",
                "--leader-elect=false",
                f"--root-ca-file={pki / 'ca.crt'}",
                f"--service-account-private-key-file={pki / 'service-account.key'}",
                "--use-service-account-credentials",
                "--enable-hostpath-provisioner",
                # By default it asks so seldom that many namespaces go slowly.
                "--kube-api-qps=500",
                "--kube-api-burst=1000",
                "--concurrent-namespace-syncs=20",
            ],
            lambda: processes.http_ok(
                f"https://127.0.0.1:{port('kube-controller-manager')}/healthz",
                context=unchecked,
            ),
        )
        yield self.daemon(
            "kube-scheduler",
            [
                f"--kubeconfig={config('kube-scheduler')}",
                "--bind-address=127.0.0.1",
                f"--secure-port={port('kube-scheduler')}",
                "--leader-elect=false",
            ],
            lambda: processes.http_ok(
                f"https://127.0.0.1:{port('kube-scheduler')}/healthz", context=unchecked
            ),
        )
        stages = self.program["kwok"].parent / "files"
        yield self.daemon(
            "kwok",
            [
                f"--kubeconfig={config('kwok')}",
                "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
                f"--server-address=127.0.0.1:{port('kwok')}",
                *(
                    f"--config={stages / stage}"
                    for stage in (
                        "node/fast/node-initialize.yaml",
                        "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
                        "pod/fast/pod-ready.yaml",
                        "pod/fast/pod-complete.yaml",
                        "pod/fast/pod-delete.yaml",
                    )
                ),
                "--node-lease-duration-seconds=40",
            ],
            lambda: processes.http_ok(f"http://127.0.0.1:{port('kwok')}/healthz"),
        )

    def daemon(self, name, arguments, healthy, *more_ports):
        return processes.Daemon(
            name=name,
            argv=[self.program[name], *arguments],
            log=self.instance.logs / f"{name}.log",
            pid_file=self.instance.state / "run" / f"{name}.pid",
            healthy=healthy,
            ports=tuple(self.instance.port(port) for port in (name, *more_ports)),
            cwd=self.folder,
        )

    def for_real_pods(self):
        """Arguments of the API server."""
        return (
            # Logs and commands of pods, for kubectl.
            f"--kubelet-client-certificate={self.pki / 'server.crt'}",
            f"--kubelet-client-key={self.pki / 'server.key'}",
            "--kubelet-preferred-address-types=InternalIP",
            "--feature-gates=MutatingAdmissionPolicy=true",
            "--runtime-config=admissionregistration.k8s.io/v1beta1=true",
        )

    def furnish(self):
        self.apply(*self.furniture())
        self.run("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        nodes = [f"node/{name}" for name in NODES]
        self.run("wait", "--for=condition=Ready", *nodes, "--timeout=60s")
        if self.real:
            for address, pod in self.stand_ins().items():
                # A new namespace takes no pod before it has its ServiceAccount.
                where = f"--namespace={pod['metadata']['namespace']}"
                account = ("serviceaccount/default", "--for=create", "--timeout=60s")
                self.run("wait", where, *account)
                self.apply(pod)
                self.give_address(pod["metadata"], address)

    def stand_ins(self):
        """By these pods, which have the addresses that they use, network policies know
        programs that run beside the cluster."""
        return {
            self.network.host: stand_in("ingress", "traefik", {"app": "traefik"}),
            self.network.node: stand_in(
                "kube-system", "coredns", {"k8s-app": "kube-dns"}
            ),
        }

    def give_address(self, metadata, address):
        pod = ("-n", metadata["namespace"], f"pod/{metadata['name']}")
        self.run("wait", "--for=condition=Ready", *pod, "--timeout=60s")
        status = {"podIP": address, "podIPs": [{"ip": address}]}
        patch = json.dumps({"status": status})
        self.run("patch", *pod, "--subresource=status", "--type=merge", "-p", patch)

    def furniture(self):
        """What a cluster brings along: nodes, a default storage class, an ingress
        class, the kind of external-dns; for real pods what they need besides."""
        return [
            *(simulated_node(name) for name in NODES),
            default(volumes.STORAGE_CLASS if self.real else STORAGE_CLASS),
            INGRESS_CLASS,
            json.loads(DNS_ENDPOINT.read_text()),
            *(self.furniture_for_real_pods() if self.real else ()),
        ]

    def furniture_for_real_pods(self):
        #: where they reach the API server
        endpoint = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": "kubernetes",
                "namespace": "default",
                "labels": {"kubernetes.io/service-name": "kubernetes"},
            },
            "addressType": "IPv4",
            "endpoints": [{"addresses": [self.network.node]}],
            "ports": [
                {"name": "https", "port": self.instance.port("kube-apiserver")},
            ],
        }
        return [
            *pods.policy(),
            endpoint,
            INGRESS_NAMESPACE,
        ]

    def apply(self, *objects):
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        self.run("apply", "--server-side", "--force-conflicts", "-f", "-", stdin=text)

    def run(self, *arguments, stdin=None):
        return kubectl(self.kubectl, self.kubeconfig, *arguments, stdin=stdin)


def make_volumes_folder(folder):
    """The test beds of all users of this machine share this folder."""
    folder.mkdir(exist_ok=True)
    if folder.stat().st_uid == os.geteuid():
        folder.chmod(0o1777)
    if not os.access(folder, os.W_OK):
        raise Problem(
            f"Volumes cannot be made: {folder} belongs to another user.",
            hint=f"Let everybody make folders in it: sudo chmod 1777 {folder}",
        )


def kubectl(program, kubeconfig, *arguments, stdin=None):
    done = subprocess.run(
        [program, f"--kubeconfig={kubeconfig}", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        env={**os.environ, "KUBECONFIG": str(kubeconfig)},
    )
    if done.returncode:
        raise Problem(f"kubectl {' '.join(arguments)} failed: {done.stderr.strip()}")
    return done.stdout


def kubeconfig(server, authority, name, user, **more):
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "demo",
            "clusters": [
                {
                    "name": "demo",
                    "cluster": {
                        "server": server,
                        "certificate-authority-data": authority,
                        **more,
                    },
                }
            ],
            "users": [{"name": name, "user": user}],
            "contexts": [
                {"name": "demo", "context": {"cluster": "demo", "user": name}}
            ],
        },
        indent=2,
    )


def simulated_node(name):
    room = {"cpu": "64", "memory": "256Gi", "ephemeral-storage": "1Ti", "pods": "2000"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                node.LABEL: "simulated",
            },
        },
        "spec": {},
        "status": {"allocatable": room, "capacity": room},
    }


STORAGE_CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": "hostpath"},
    "provisioner": "kubernetes.io/host-path",
    "reclaimPolicy": "Delete",
}


def default(storage_class):
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"}
    metadata = {**storage_class["metadata"], "annotations": annotations}
    return {**storage_class, "metadata": metadata}


INGRESS_CLASS = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "IngressClass",
    "metadata": {
        "name": "traefik",
        "annotations": {"ingressclass.kubernetes.io/is-default-class": "true"},
    },
    "spec": {"controller": "traefik.io/ingress-controller"},
}

INGRESS_NAMESPACE = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {"name": "ingress"},
}


def stand_in(namespace, name, labels):
    """A simulated pod for a program that runs beside the cluster."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": namespace, "name": name, "labels": labels},
        "spec": {
            "nodeSelector": {node.LABEL: "simulated"},
            "containers": [{"name": name, "image": name}],
        },
    }
