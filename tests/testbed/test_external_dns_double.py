# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The double of external-dns, between a played cluster and the double of Mailgun."""

import tempfile
import threading
import unittest
from unittest import mock

from testbed import external_dns_double, mailgun_double


class PlayedCluster:
    def __init__(self):
        self.items = []
        self.published = {}

    def list(self):
        return list(self.items), "1"

    def set_published(self, item):
        name = external_dns_double.identity(item)
        self.published[name] = item["metadata"]["generation"]


def endpoint(name, target, generation=1):
    return {
        "kind": "DNSEndpoint",
        "metadata": {"namespace": name, "name": "mail", "generation": generation},
        "spec": {
            "endpoints": [
                {"dnsName": f"{name}.test", "recordType": "TXT", "targets": [target]}
            ]
        },
    }


class ExternalDnsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.mailgun = mailgun_double.Mailgun(folder.name, "double")
        server = mailgun_double.Server(self.mailgun, "us", 0)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        for patched in (
            mock.patch.object(mailgun_double.Request, "log_message"),
            mock.patch("builtins.print"),
        ):
            patched.start()
            self.addCleanup(patched.stop)
        self.cluster = PlayedCluster()
        self.control = external_dns_double.Json(server.url)
        self.double = self.started()

    def started(self):
        return external_dns_double.ExternalDns(self.cluster, self.control)

    def published(self):
        found = self.control("GET", "_double/dns")
        return {record["name"]: record["value"] for record in found}

    def test_records_are_published_and_the_object_says_so(self):
        self.cluster.items = [endpoint("a", "one"), endpoint("b", "two", 3)]
        self.double.publish()
        self.assertEqual(self.published(), {"a.test": "one", "b.test": "two"})
        self.assertEqual(self.cluster.published, {("a", "mail"): 1, ("b", "mail"): 3})

    def test_a_changed_object_replaces_its_records(self):
        for target in ("one", "other"):
            self.cluster.items = [endpoint("a", target)]
            self.double.publish()
        self.assertEqual(self.published(), {"a.test": "other"})

    def test_records_of_a_deleted_object_are_withdrawn(self):
        self.cluster.items = [endpoint("a", "one"), endpoint("b", "two")]
        self.double.publish()
        self.cluster.items = [endpoint("b", "two")]
        self.double.publish()
        self.assertEqual(self.published(), {"b.test": "two"})

    def test_what_was_deleted_while_it_was_away_is_withdrawn(self):
        self.cluster.items = [endpoint("a", "one")]
        self.double.publish()
        self.cluster.items = []
        self.started().publish()
        self.assertEqual(self.published(), {})

    def test_records_that_the_double_of_mailgun_forgot_come_again(self):
        self.cluster.items = [endpoint("a", "one")]
        self.double.publish()
        self.control("DELETE", "_double/state")
        self.double.publish()
        self.assertEqual(self.published(), {"a.test": "one"})

    def test_it_is_well_only_after_it_has_published(self):
        with mock.patch.object(external_dns_double.time, "monotonic") as now:
            now.return_value = 1000.0
            self.assertFalse(self.double.well())
            self.double.publish()
            self.assertTrue(self.double.well())
            now.return_value += external_dns_double.PATIENCE_SECONDS
            self.assertFalse(self.double.well())
