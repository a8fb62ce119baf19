# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A double of external-dns with its CRD source: it watches the cluster's DNSEndpoint
objects and publishes their records where Mailgun's double looks records up, instead of
at a DNS provider.

As the real one it withdraws the records of an object that is gone, and writes into an
object's status which generation of it is published.
"""

import argparse
import signal
import sys
import threading
import time
import urllib.error
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from .json_api import WATCH_SECONDS, Cluster, Json, again_and_again

NOTICE = (
    "This is a double of external-dns for trying things out: the records are published"
    " to the double of Mailgun only."
)
ENDPOINTS = "apis/externaldns.k8s.io/v1alpha1"
#: Not having published for so long, it is not well.
PATIENCE_SECONDS = 3 * WATCH_SECONDS


class Endpoints:
    """The DNSEndpoint objects of a cluster."""

    def __init__(self, cluster):
        self.cluster = cluster

    def list(self):
        """All objects, and the version of the list to watch from."""
        found, version = self.cluster.list(f"{ENDPOINTS}/dnsendpoints")
        kind = {"kind": "DNSEndpoint"}  # A list's items do not say it themselves.
        return [{**item, **kind} for item in found], version

    def wait_for_change(self, version):
        self.cluster.wait_for_change(f"{ENDPOINTS}/dnsendpoints", version)

    def set_published(self, item):
        namespace, name = identity(item)
        generation = item["metadata"]["generation"]
        if item.get("status", {}).get("observedGeneration") == generation:
            return
        try:
            self.cluster(
                "PATCH",
                f"{ENDPOINTS}/namespaces/{namespace}/dnsendpoints/{name}/status",
                {"status": {"observedGeneration": generation}},
                kind="application/merge-patch+json",
            )
        except urllib.error.HTTPError as error:
            if error.code != 404:  # It was deleted meanwhile.
                raise


class ExternalDns:
    def __init__(self, cluster, mailgun):
        self.cluster = cluster
        self.mailgun = mailgun
        self.published = None
        self.published_at = 0.0

    def publish(self):
        """Publish all records as they are now; returns the version this was."""
        items, version = self.cluster.list()
        if self.published is None:
            # What was published before its own start may be gone since.
            self.mailgun("DELETE", "_double/dns")
            self.published = set()
        present = {identity(item) for item in items}
        gone = [withdrawn(*left) for left in sorted(self.published - present)]
        self.mailgun("POST", "_double/dns", items + gone)
        for item in items:
            self.cluster.set_published(item)
        for word, changed in (
            ("published", present - self.published),
            ("withdrawn", self.published - present),
        ):
            for namespace, name in sorted(changed):
                print(f"{word} {namespace}/{name}", flush=True)
        self.published = present
        self.published_at = time.monotonic()
        return version

    def run(self):
        again_and_again(lambda: self.cluster.wait_for_change(self.publish()))

    def well(self):
        return time.monotonic() - self.published_at < PATIENCE_SECONDS


def identity(item):
    return item["metadata"]["namespace"], item["metadata"]["name"]


def withdrawn(namespace, name):
    """An object that publishes nothing, in place of one that is gone."""
    return {
        "kind": "DNSEndpoint",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"endpoints": []},
    }


class Health(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.server.well() else 503)
        self.end_headers()

    def log_message(self, format, *args):
        """Being asked for its health is nothing to tell."""


def main():
    parser = argparse.ArgumentParser(
        prog="python3 -m testbed.external_dns_double", description=NOTICE
    )
    parser.add_argument("--server", required=True, help="the Kubernetes API server")
    parser.add_argument(
        "--pki", type=Path, required=True, help="the folder with its certificates"
    )
    parser.add_argument("--mailgun", required=True, help="the double of Mailgun")
    parser.add_argument("--port", type=int, required=True, help="of /healthz")
    arguments = parser.parse_args()
    ends = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    double = ExternalDns(
        Endpoints(Cluster(arguments.server, arguments.pki)), Json(arguments.mailgun)
    )
    health = ThreadingHTTPServer(("127.0.0.1", arguments.port), Health)
    health.well = double.well
    for run in (health.serve_forever, double.run):
        threading.Thread(target=run, daemon=True).start()
    print(NOTICE, flush=True)
    signal.sigwait(ends)
    return 0


if __name__ == "__main__":
    sys.exit(main())
