# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What ``make chaos`` does to connections, and in which order it makes faults."""

import socket
import socketserver
import threading
import unittest
from collections import Counter

from testbed.chaos import unproven
from testbed.chaos_faults import FAULTS, KILLS, Faults
from testbed.chaos_network import Network

LINKS = ("odoo", "wake", "kubernetes", "mailgun", "manifests", "postgresql")
TEXT = b"0123456789"


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(100):
            self.request.sendall(data)


class LinkTest(unittest.TestCase):
    def setUp(self):
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.network = Network()
        self.link = self.network.link("echo", server.server_address[1])

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.link.port), 30)
        self.addCleanup(connection.close)
        return connection

    def said(self, connection):
        connection.sendall(TEXT)
        return connection.recv(100)

    def ended(self, connection):
        try:
            return not self.said(connection)
        except ConnectionError:
            return True

    def test_it_passes_on_what_comes(self):
        self.assertEqual(self.said(self.connect()), TEXT)

    def test_a_slow_one_passes_it_on_later(self):
        self.link.be(delay=0.05)
        self.assertEqual(self.said(self.connect()), TEXT)

    def test_a_silent_one_says_nothing_until_it_is_mended(self):
        connection = self.connect()
        self.said(connection)
        self.link.be(silent=True)
        connection.settimeout(0.2)
        with self.assertRaises(TimeoutError):
            self.said(connection)
        connection.settimeout(30)
        self.network.mend()
        self.assertEqual(connection.recv(100), TEXT)

    def test_a_broken_one_ends_connections_and_takes_none(self):
        connection = self.connect()
        self.said(connection)
        self.link.be(broken=True)
        self.assertTrue(self.ended(connection))
        self.assertTrue(self.ended(self.connect()))
        self.network.mend()
        self.assertEqual(self.said(self.connect()), TEXT)

    def test_an_answer_is_cut_in_half_and_the_next_is_whole(self):
        self.link.cut_next(1)
        connection = self.connect()
        self.assertEqual(self.said(connection), TEXT[:5])
        self.assertEqual(connection.recv(100), b"")
        self.assertEqual(self.said(self.connect()), TEXT)
        self.assertEqual(self.link.cut, 1)


class UnprovenTest(unittest.TestCase):
    def test_a_run_without_kills_or_purchases_has_shown_nothing(self):
        killed = Counter({"worker killed": 1})
        self.assertEqual(list(unproven(killed, 1)), [])
        others = Counter({"Odoo killed": 9, "worker stopped": 9})
        self.assertEqual(list(unproven(others, 1)), ["no worker was killed"])
        self.assertEqual(list(unproven(killed, 0)), ["nobody has paid for anything"])


class FaultsTest(unittest.TestCase):
    def order(self, seed):
        faults = Faults(None, seed, 1)
        made = []
        for _ in FAULTS:
            made.append(faults.next())
            faults.busy.clear()
        return made

    def test_every_fault_comes_before_one_comes_again(self):
        self.assertEqual(set(self.order(1)), set(FAULTS))

    def test_the_seed_gives_the_order(self):
        self.assertEqual(self.order(1), self.order(1))
        self.assertNotEqual(self.order(1), self.order(2))

    def test_no_two_happen_to_the_same_thing(self):
        faults = Faults(None, 1, 1)
        things = []
        while fault := faults.next():
            things.append(fault.thing)
        self.assertEqual(len(things), len(set(things)))

    def test_a_fault_does_not_keep_its_own_link_busy(self):
        """What it is done to is not called as the link that it needs."""
        for fault in FAULTS:
            with self.subTest(fault.name):
                if fault.make in ("half_manifest", "mailgun_silent"):
                    self.assertNotIn(fault.thing, LINKS)

    def test_what_counts_as_a_kill_is_made(self):
        names = {fault.name for fault in FAULTS}
        self.assertEqual(set(KILLS) - names, {"worker killed"})
        for fault in FAULTS:
            self.assertTrue(callable(getattr(Faults, fault.make)), fault)
