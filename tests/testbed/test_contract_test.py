# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What stands between Odoo and a worker in the contract test."""

import json
import unittest
import urllib.error
import urllib.request

from testbed.contract_test import Between, Manifests, Quiet, Server, with_more

LATER = {"than": ["yours"]}


class Odoo(Server):
    def __init__(self):
        self.keys = []
        odoo = self

        class Handler(Quiet):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                odoo.keys.append(self.headers["Authorization"])
                self.answer(200, json.dumps({"result": {"jobs": [{"id": 1}]}}).encode())

        super().__init__(Handler)


class BetweenTest(unittest.TestCase):
    def setUp(self):
        self.odoo = Odoo()
        self.between = Between(f"http://{self.odoo.address}")
        for server in (self.odoo, self.between):
            self.addCleanup(server.server_close)
            self.addCleanup(server.shutdown)

    def call(self):
        params = {"worker": {"name": "mine"}}
        request = urllib.request.Request(
            f"http://{self.between.address}/kubernetes_hosting/worker/claim",
            json.dumps({"params": params}).encode(),
            {"Authorization": "Bearer key", "Content-Type": "application/json"},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=10) as answer:
            return json.load(answer)

    def test_it_notes_calls_and_adds_members_at_every_depth(self):
        answer = self.call()["result"]
        self.assertEqual(answer["of_a_later_version"], LATER)
        self.assertEqual(answer["jobs"], [{"id": 1, "of_a_later_version": LATER}])
        self.assertEqual(self.odoo.keys, ["Bearer key"])
        self.assertEqual(len(self.between.of("mine", "claim")), 1)
        self.assertEqual(self.between.of("mine", "report"), [])
        self.assertEqual(self.between.of("another"), [])

    def test_out_of_order_it_passes_nothing_on(self):
        self.between.is_out = True
        with self.assertRaises(urllib.error.HTTPError) as caught:
            self.call()
        self.assertEqual(caught.exception.code, 503)
        self.assertEqual(self.odoo.keys, [])

    def test_what_is_no_mapping_stays(self):
        self.assertEqual(with_more([1, "a", None]), [1, "a", None])


class ManifestsTest(unittest.TestCase):
    def test_an_answer_is_held_back(self):
        served = Manifests()
        self.addCleanup(served.server_close)
        self.addCleanup(served.shutdown)
        served.text = b"a: 1\n"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with served.held(), self.assertRaises(TimeoutError):
            opener.open(f"http://{served.address}/", timeout=0.5)
        with opener.open(f"http://{served.address}/", timeout=10) as answer:
            self.assertEqual(answer.read(), b"a: 1\n")
        self.assertEqual(served.asked, 2)


if __name__ == "__main__":
    unittest.main()
