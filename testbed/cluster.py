# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The cluster that the apps go to: the one KUBECONFIG names, otherwise one of the test
bed's own."""

import json
import os
import shutil
from pathlib import Path

from . import go_programs, ingress, kubernetes, mail, node, pods
from .problem import Problem

NAME = "demo"
DOMAIN = "apps.localhost"


def choose(instance, build_log):
    own = OwnCluster(instance, build_log)
    given = os.environ.get("KUBECONFIG")
    # Whoever follows the demo's advice has the demo's own kubeconfig there.
    if not given or Path(given).absolute() == own.kubeconfig:
        return own
    return GivenCluster(given, build_log)


class OwnCluster:
    """Kubernetes, kwok and Traefik of the test bed, and a node for real pods."""

    own = True
    ingress_class = "traefik"

    def __init__(self, instance, build_log):
        self.instance = instance
        self.build_log = build_log
        self.url_pattern = f"http://{{hostname}}:{instance.port('traefik')}"

    def programs(self):
        """The programs that ``build`` takes, one after the other."""
        real = node.PROGRAMS if pods.are_real(self.instance) else ()
        return [*kubernetes.PROGRAMS, *real, "traefik"]

    @property
    def kubeconfig(self):
        return self.instance.state / "kubernetes" / "admin.kubeconfig"

    @property
    def kubectl(self):
        return go_programs.build("kubectl", self.build_log)

    def ensure(self):
        return kubernetes.Kubernetes(self.instance, self.build_log).ensure()

    def ensure_ingress(self):
        return ingress.daemon(self.instance, self.build_log).ensure()

    def ensure_node(self, real_images):
        started = node.Node(self.instance, self.build_log, real_images).ensure()
        name = f"node/{node.NAME}"
        for state in ("create", "condition=Ready"):
            wait = ("wait", f"--for={state}", name, "--timeout=60s")
            kubernetes.kubectl(self.kubectl, self.kubeconfig, *wait)
        return started

    def ensure_dns(self):
        return self.dns().ensure()

    def dns(self):
        return mail.external_dns(
            self.instance, kubernetes.Kubernetes(self.instance, self.build_log)
        )

    def daemons(self):
        """In the order of their start; none as long as the programs are not built or
        never ran."""
        if go_programs.missing(self.programs()) or not self.kubeconfig.exists():
            return []
        real = pods.are_real(self.instance)
        return [
            *kubernetes.Kubernetes(self.instance, self.build_log).daemons(),
            *([node.daemon(self.instance)] if real else ()),
            ingress.daemon(self.instance, self.build_log),
            self.dns(),
        ]


class GivenCluster:
    """A cluster of somebody else: used as it is."""

    own = False
    url_pattern = "http://{hostname}"

    def __init__(self, kubeconfig, build_log):
        self.kubeconfig = Path(kubeconfig).absolute()
        self.build_log = build_log
        if not self.kubeconfig.is_file():
            raise Problem(
                f"KUBECONFIG names {kubeconfig}, which is not a file.",
                hint="Set KUBECONFIG to one file; unset, a cluster is built.",
            )

    def programs(self):
        return [] if shutil.which("kubectl") else ["kubectl"]

    @property
    def kubectl(self):
        own = shutil.which("kubectl")
        return Path(own) if own else go_programs.build("kubectl", self.build_log)

    def ensure(self):
        kubernetes.kubectl(self.kubectl, self.kubeconfig, "version")
        return False

    def ensure_ingress(self):
        return False

    def ensure_dns(self):
        return False

    @property
    def ingress_class(self):
        """The cluster's default ingress class, or its first."""
        seen = kubernetes.kubectl(
            self.kubectl, self.kubeconfig, "get", "ingressclass", "-o", "json"
        )
        classes = [item["metadata"] for item in json.loads(seen)["items"]]
        mark = "ingressclass.kubernetes.io/is-default-class"
        classes.sort(key=lambda found: found.get("annotations", {}).get(mark) != "true")
        return classes[0]["name"] if classes else ""

    def daemons(self):
        return []
