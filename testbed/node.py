# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The node that runs real pods: what it consists of, and its daemon.

Everything runs in a ``box`` that needs root. The daemon itself does not: it starts the
box, by sudo where it must, and the box ends with it.
"""

import ipaddress
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from . import cache, debian, go_programs, odoo, processes, test_image
from .instance import CHECKOUT, write_private
from .problem import Problem

NAME = "real-1"
SERVICES = "10.96.0.0/16"
#: The label of nodes, and the node selector of pods: real or simulated.
LABEL = "chandlery.dev/pods"
PROGRAMS = ("kubelet", "kube-proxy", "kube-router", "coredns")
#: Of this folder, what a running node was made from beside its settings.
CODE = ("box.py", "json_api.py", "node.py", "volumes.py")
#: What the machine itself needs; small, and without daemons.
MACHINE = {"/sbin/ip": "iproute2", "/usr/bin/setpriv": "util-linux"}
#: Unpacked, never installed: some would start daemons, or take the place of docker's.
PACKAGES = (
    "containerd",
    "runc",
    "containernetworking-plugins",
    "iptables",
    "ipset",
    # what these need
    *("libip4tc2", "libip6tc2", "libmnl0", "libnetfilter-conntrack3", "libnfnetlink0"),
    *("libnftnl11", "libipset13", "libseccomp2", "libxtables12"),
)
LIBRARIES = "usr/lib/x86_64-linux-gnu"
#: What real pods may reach of the test bed, beside each other.
RELAYED = ("kube-apiserver", "odoo", "catalog", "mailgun")
KUBELET = 10250
KUBELET_HEALTH, PROXY_HEALTH, POLICY_HEALTH, DNS_HEALTH = 10248, 10256, 20244, 10245


COREFILE = """.:53 {{
    bind {address}
    errors
    health {address}:{health}
    kubernetes cluster.local {{
        kubeconfig {kubeconfig}
        pods insecure
    }}
    cache 5
}}
"""

CONTAINERD = """version = 2
root = "{folder}/containerd"
state = "/run/containerd"
[grpc]
address = "/run/containerd/containerd.sock"
[plugins."io.containerd.internal.v1.opt"]
path = "{folder}/containerd/opt"
[plugins."io.containerd.grpc.v1.cri"]
# On machines that do not let root lower it.
restrict_oom_score_adj = true
sandbox_image = "{pause}"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{unpacked}/usr/lib/cni"
conf_dir = "{folder}/cni"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
"""


def as_root():
    """What has to stand before a command that needs root; None where nothing helps."""
    if os.geteuid() == 0:
        return []
    asking = ["sudo", "-n", "true"]
    if (
        shutil.which("sudo")
        and not subprocess.run(asking, capture_output=True).returncode
    ):
        return ["sudo", "-n"]
    return None


def box(*words):
    prefix = as_root()
    if prefix is None:
        raise Problem(
            f"The node for real pods needs root for: box {words[0]}.",
            hint="Run the same command as root, or as a user whom sudo asks for no"
            " password.",
        )
    return [
        *prefix,
        str(odoo.base_python()),
        "-B",
        "-m",
        "testbed.box",
        *map(str, words),
    ]


def build_images(log):
    """As root, into this user's cache."""
    script = "import pathlib, sys; from testbed import images;"
    script += " images.ensure(pathlib.Path(sys.argv[1]))"
    processes.run(
        [
            *(as_root() or ()),
            *("env", f"XDG_CACHE_HOME={cache.folder().parent}"),
            *(odoo.base_python(), "-B", "-c", script, log),
        ],
        log=log,
        what="Building images",
        cwd=CHECKOUT,
    )


def why_not():
    """Why this machine cannot have a node for real pods; None if it can."""
    if as_root() is None:
        return "they need root, or sudo without a password"
    done = subprocess.run(box("probe"), capture_output=True, text=True, cwd=CHECKOUT)
    if done.returncode:
        return f"this machine does not allow them ({done.stderr.strip()})"
    return None


@dataclass(frozen=True)
class Network:
    """The addresses of one test bed: 128 of them, the same for the same PORT_OFFSET."""

    offset: int

    @property
    def whole(self):
        first = ipaddress.ip_address("10.157.0.0") + 128 * self.offset
        return ipaddress.ip_network(f"{first}/25")

    @property
    def link(self):
        return f"chandlery-{self.offset}"

    @property
    def host(self):
        return str(self.whole[1])

    @property
    def node(self):
        return str(self.whole[2])

    @property
    def gateway(self):
        # The fourth address is the broadcast address of the link (/30): asked for it,
        # the node does not answer.
        return str(self.whole[4])

    @property
    def pods(self):
        """The first and the last address."""
        return str(self.whole[5]), str(self.whole[-2])

    def refuse_if_taken(self, routes):
        """``routes`` as ``ip -json route`` prints them."""
        for route in routes:
            if route["dst"] == "default" or route.get("dev") == self.link:
                continue
            if self.whole.overlaps(ipaddress.ip_network(route["dst"], strict=False)):
                raise Problem(
                    f"The network for real pods, {self.whole}, is taken: this machine"
                    f" has a route to {route['dst']} by {route.get('dev', 'nowhere')}.",
                    hint="Take another network by another PORT_OFFSET, such as"
                    " PORT_OFFSET=100 make demo, or simulated pods:"
                    " PODS=simulated make demo-reset",
                )


def packages(log):
    """The folder with the unpacked Debian packages."""

    def make(into):
        debian.unpack(PACKAGES, debian.RELEASE, into, log)
        # The package does this when it is installed.
        for name in ("iptables", "iptables-save", "iptables-restore"):
            for prefix in ("", "6"):
                link = name.replace("ip", f"ip{prefix}", 1)
                (into / "usr/sbin" / link).symlink_to("xtables-nft-multi")

    key = cache.digest(debian.RELEASE, *PACKAGES)
    return cache.entry("debian", f"node-{key}", make)


class Node:
    """The real node of one test bed's cluster, with images: name -> docker-archive."""

    def __init__(self, instance, log, images=()):
        self.instance = instance
        self.log = log
        self.network = Network(instance.offset)
        self.folder = instance.state / "node"
        self.file = self.folder / "settings.json"
        self.images = {**test_image.ensure(log), **dict(images)}

    def ensure(self):
        routes = processes.output_of(
            ["ip", "-json", "-4", "route"], what="Reading the machine's routes"
        )
        self.network.refuse_if_taken(json.loads(routes or "[]"))
        self.write()
        made_from = cache.digest(
            *self.files().values(), *(CHECKOUT / "testbed" / file for file in CODE)
        )
        return daemon(self.instance, made_from).ensure()

    def write(self):
        for name, content in self.files().items():
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            write_private(file, content)

    def settings(self):
        """What the box has to know."""
        unpacked = packages(self.log)
        programs = self.commands()
        return {
            "name": f"chandlery-{self.instance.name}",
            "hostname": NAME,
            "state": str(self.instance.state),
            "folder": str(self.folder),
            "file": str(self.file),
            "logs": str(self.instance.logs),
            "link": self.network.link,
            "network": str(self.network.whole),
            "host": self.network.host,
            "node": self.network.node,
            "relays": [self.instance.port(name) for name in RELAYED],
            "images": sorted({str(archive) for archive in self.images.values()}),
            "containerd": programs.pop("containerd"),
            "programs": programs,
            "environment": {
                "PATH": f"{unpacked}/usr/sbin:{unpacked}/usr/bin"
                ":/usr/sbin:/usr/bin:/sbin:/bin",
                "LD_LIBRARY_PATH": f"{unpacked}/{LIBRARIES}",
                "XTABLES_LIBDIR": f"{unpacked}/{LIBRARIES}/xtables",
            },
            "volumes": {
                "server": f"https://127.0.0.1:{self.instance.port('kube-apiserver')}",
                "pki": str(self.instance.state / "kubernetes" / "pki"),
                "folder": str(self.folder / "volumes"),
                "node": NAME,
            },
        }

    def commands(self):
        program = {name: go_programs.build(name, self.log) for name in PROGRAMS}
        kubeconfig = self.instance.state / "kubernetes" / "node.kubeconfig"
        commands = {
            "containerd": ["containerd", f"--config={self.folder / 'containerd.toml'}"],
            "kubelet": [
                program["kubelet"],
                f"--kubeconfig={kubeconfig}",
                f"--hostname-override={NAME}",
                f"--node-ip={self.network.node}",
                f"--node-labels={LABEL}=real",
                f"--root-dir={self.folder / 'kubelet'}",
                f"--cert-dir={self.folder / 'kubelet' / 'pki'}",
                f"--config={self.folder / 'kubelet.json'}",
            ],
            "kube-proxy": [
                program["kube-proxy"],
                f"--kubeconfig={kubeconfig}",
                f"--hostname-override={NAME}",
                "--proxy-mode=iptables",
                f"--healthz-bind-address={self.network.node}:{PROXY_HEALTH}",
                # These limits are the whole machine's.
                "--conntrack-max-per-core=0",
                "--conntrack-min=0",
                "--conntrack-tcp-timeout-established=0",
                "--conntrack-tcp-timeout-close-wait=0",
            ],
            # Of all that it can do, only network policies.
            "kube-router": [
                program["kube-router"],
                f"--kubeconfig={kubeconfig}",
                f"--hostname-override={NAME}",
                "--run-firewall=true",
                "--run-router=false",
                "--run-service-proxy=false",
                f"--service-cluster-ip-range={SERVICES}",
                f"--health-port={POLICY_HEALTH}",
            ],
            "coredns": [program["coredns"], "-conf", self.folder / "Corefile"],
        }
        return {name: [str(word) for word in words] for name, words in commands.items()}

    def files(self):
        pki = self.instance.state / "kubernetes" / "pki"
        address, folder = self.network.node, self.folder
        unpacked = packages(self.log)
        nothing = dict.fromkeys(
            [
                *("memory.available", "nodefs.available", "nodefs.inodesFree"),
                *("imagefs.available", "imagefs.inodesFree"),
            ],
            "0%",
        )
        kubelet = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": address,
            "port": KUBELET,
            "healthzBindAddress": address,
            "healthzPort": KUBELET_HEALTH,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": False},
                "x509": {"clientCAFile": str(pki / "ca.crt")},
            },
            "authorization": {"mode": "AlwaysAllow"},
            "failCgroupV1": False,
            "failSwapOn": False,
            "cgroupDriver": "cgroupfs",
            "enforceNodeAllocatable": [],
            "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
            "volumePluginDir": str(folder / "kubelet" / "plugins-exec"),
            # A full disk is the machine's affair, and images cannot be pulled again.
            "imageGCHighThresholdPercent": 100,
            "evictionHard": nothing,
            "resolvConf": "",
            "maxPods": 110,
            "clusterDNS": [address],
            "clusterDomain": "cluster.local",
        }
        first, last = self.network.pods
        pod_network = {
            "cniVersion": "1.0.0",
            "name": "pods",
            "plugins": [
                {
                    "type": "ptp",
                    "ipMasq": False,
                    "ipam": {
                        "type": "host-local",
                        "dataDir": "/run/cni",
                        "ranges": [
                            [
                                {
                                    "subnet": str(self.network.whole),
                                    "gateway": self.network.gateway,
                                    "rangeStart": first,
                                    "rangeEnd": last,
                                }
                            ]
                        ],
                        "routes": [{"dst": "0.0.0.0/0"}],
                    },
                }
            ],
        }
        return {
            "settings.json": json.dumps(self.settings(), indent=2),
            "containerd.toml": CONTAINERD.format(
                folder=folder, unpacked=unpacked, pause=test_image.PAUSE
            ),
            "cni/pods.conflist": json.dumps(pod_network, indent=2),
            "kubelet.json": json.dumps(kubelet, indent=2),
            "Corefile": COREFILE.format(
                address=address,
                health=DNS_HEALTH,
                kubeconfig=self.instance.state / "kubernetes" / "node.kubeconfig",
            ),
        }


def daemon(instance, made_from=""):
    address = Network(instance.offset).node

    def healthy():
        # They are asked on the way that Traefik takes to pods.
        return all(
            processes.http_ok(f"http://{address}:{port}/{path}", timeout=2)
            for port, path in (
                (KUBELET_HEALTH, "healthz"),
                (PROXY_HEALTH, "healthz"),
                (POLICY_HEALTH, "healthz"),
                (DNS_HEALTH, "health"),
            )
        )

    return processes.Daemon(
        name="node",
        argv=[
            *(odoo.base_python(), "-B", "-m", "testbed.node"),
            instance.state / "node" / "settings.json",
        ],
        log=instance.logs / "node.log",
        pid_file=instance.state / "run" / "node.pid",
        healthy=healthy,
        made_from=made_from,
        cwd=CHECKOUT,
        start_seconds=300,  # with the import of large images
        stop_seconds=60,
    )


def tidy(instance):
    """Remove what a crash has left of a node on the machine."""
    settings = instance.state / "node" / "settings.json"
    if settings.exists() and leftovers(instance):
        log = instance.logs / "node.log"
        processes.run(box("clean", settings), log=log, what="Tidying", cwd=CHECKOUT)


def leftovers(instance):
    groups = Path("/sys/fs/cgroup")
    name = f"chandlery-{instance.name}"
    return [
        path
        for path in (
            groups / name,
            *groups.glob(f"*/{name}"),
            Path("/sys/class/net", Network(instance.offset).link),
        )
        if path.exists()
    ]


def remove(instance):
    """Remove a node's data, which belongs to root."""
    settings = instance.state / "node" / "settings.json"
    if settings.exists():
        log = instance.logs / "node.log"
        processes.run(box("remove", settings), log=log, what="Removing", cwd=CHECKOUT)


def main(file):
    """Have the box until this process is told to end; if it is killed, the box sees the
    end of its standard input."""
    child = subprocess.Popen(box("outside", file), stdin=subprocess.PIPE)
    for ends in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ends, lambda *_: child.stdin.close())
    return child.wait()


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except Problem as problem:
        sys.exit("\n".join(problem.lines()))
