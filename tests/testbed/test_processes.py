# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Daemons outlive the command, heal, and are never mistaken for another process."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

from testbed import postgresql, processes
from testbed.problem import Problem


class DaemonTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def daemon(self, code="import time; time.sleep(600)", **values):
        daemon = processes.Daemon(
            **{
                "name": "sleeper",
                "argv": [sys.executable, "-c", code],
                "log": self.folder / "sleeper.log",
                "pid_file": self.folder / "sleeper.pid",
                "healthy": lambda: True,
                **values,
            }
        )
        self.addCleanup(daemon.stop)
        return daemon

    def other_process(self):
        other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        return other

    def test_started_only_when_not_healthy(self):
        healthy = True
        daemon = self.daemon(healthy=lambda: healthy)
        self.assertTrue(daemon.ensure())
        pid = daemon.pid()
        self.assertFalse(daemon.ensure())
        self.assertEqual(daemon.pid(), pid)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        self.assertTrue(daemon.ensure(), "a crash heals")
        self.assertNotEqual(daemon.pid(), pid)

    def test_an_unhealthy_one_is_replaced(self):
        answers = iter([True, False, True])
        daemon = self.daemon(healthy=lambda: next(answers))
        daemon.ensure()
        pid = daemon.pid()
        self.assertTrue(daemon.ensure())
        self.assertNotEqual(daemon.pid(), pid)

    def test_started_anew_when_its_command_changes(self):
        self.daemon().ensure()
        self.assertFalse(self.daemon().ensure())
        self.assertTrue(self.daemon(made_from="another build").ensure())

    def test_another_terminal_is_no_reason_to_start_anew(self):
        self.daemon(variables={"A": "1"}).ensure()
        with mock.patch.dict(os.environ, TERM_SESSION="2"):
            self.assertFalse(self.daemon(variables={"A": "1"}).ensure())

    def test_settings_of_another_worker_stay_outside(self):
        with mock.patch.dict(os.environ, CHANDLERY_ODOO__URL="https://real"):
            daemon = self.daemon(without="CHANDLERY_", variables={"A": "1"})
            self.assertNotIn("CHANDLERY_ODOO__URL", daemon.environment())
            self.assertEqual(daemon.environment()["A"], "1")

    def test_it_outlives_the_command_and_its_terminal(self):
        daemon = self.daemon()
        daemon.ensure()
        self.assertEqual(os.getsid(daemon.pid()), daemon.pid())

    def test_a_recycled_pid_is_not_the_daemon_and_is_not_killed(self):
        daemon = self.daemon()
        daemon.start()
        seen = json.loads(daemon.pid_file.read_text())
        daemon.stop()
        other = self.other_process()
        while processes.identity(other.pid) == seen["identity"]:
            other = self.other_process()  # start times have ticks of 10 ms
        # After a crash or a reboot, another process may have got the daemon's pid.
        daemon.pid_file.write_text(json.dumps({**seen, "pid": other.pid}))
        self.assertIsNone(daemon.pid())
        self.assertEqual(daemon.status(), "stopped")
        self.assertFalse(daemon.stop())
        self.assertIsNone(other.poll(), "the other process still runs")

    def test_the_same_pid_and_start_time_of_another_boot_is_not_the_daemon(self):
        other = self.other_process()
        boot, _, start = processes.identity(other.pid).partition("/")
        daemon = self.daemon()
        identity = f"{boot[::-1]}/{start}"
        daemon.pid_file.write_text(json.dumps({"pid": other.pid, "identity": identity}))
        self.assertIsNone(daemon.pid())

    def test_a_broken_pid_file_is_none(self):
        daemon = self.daemon()
        daemon.pid_file.write_text("{")
        self.assertEqual(daemon.status(), "stopped")
        self.assertTrue(daemon.ensure())

    def test_one_that_does_not_end_is_made_to(self):
        ready = self.folder / "ready"
        daemon = self.daemon(
            code="import pathlib, signal, time;"
            " signal.signal(signal.SIGTERM, signal.SIG_IGN);"
            f" pathlib.Path({str(ready)!r}).touch(); time.sleep(600)",
            healthy=ready.exists,
            stop_seconds=0.2,
        )
        daemon.ensure()
        pid = daemon.pid()
        self.assertTrue(daemon.stop())
        self.assertIsNone(processes.identity(pid))

    def test_a_taken_port_is_told_with_the_way_out(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            with self.assertRaises(Problem) as caught:
                self.daemon(ports=(port,)).ensure()
        self.assertIn(f"127.0.0.1:{port}", caught.exception.message)
        self.assertIn("PORT_OFFSET", caught.exception.hint)

    def test_one_that_ends_at_once_shows_its_log(self):
        daemon = self.daemon(
            code="raise SystemExit('no such setting')", healthy=lambda: False
        )
        with self.assertRaises(Problem) as caught:
            daemon.ensure()
        self.assertIn("exit status 1", caught.exception.message)
        self.assertIn("no such setting", "\n".join(caught.exception.lines()))

    def test_a_stuck_start_is_told(self):
        daemon = self.daemon(healthy=lambda: False, start_seconds=0.2)
        with self.assertRaises(Problem) as caught:
            daemon.ensure()
        self.assertIn("not ready", caught.exception.message)

    def test_a_failed_program_shows_the_end_of_its_log_and_the_way_out(self):
        with self.assertRaises(Problem) as caught:
            processes.run(
                [sys.executable, "-c", "print('disk full'); raise SystemExit(3)"],
                log=self.folder / "run.log",
                what="Building it",
                hint="Free some space.",
            )
        text = "\n".join(caught.exception.lines())
        self.assertIn("Building it failed (exit status 3)", text)
        self.assertIn("| disk full", text)
        self.assertIn("What to do: Free some space.", text)
        self.assertEqual(caught.exception.status, 3)

    def test_a_program_that_says_nothing_more_is_ended_and_tells_where_it_stood(self):
        """With what it started, though that ignores the end of its parent."""
        script = (
            "import subprocess, threading\n"
            "child = subprocess.Popen(['sleep', '600'])\n"
            "print(child.pid, flush=True)\n"
            "def waits_for_ever(): threading.Event().wait()\n"
            "threading.Thread(target=waits_for_ever).start()\n"
        )
        log = self.folder / "run.log"
        with self.assertRaises(Problem) as caught:
            processes.run(
                [sys.executable, "-c", script], log=log, what="The suite", silence=2
            )
        self.assertIn("nothing was written for 2.0 s", caught.exception.message)
        text = log.read_text()
        self.assertIn("waits_for_ever", text)
        child = int(re.search(r"^(\d+)$", text, re.M)[1])
        while processes.identity(child):  # its end is under way
            time.sleep(0.05)

    def test_a_program_that_goes_on_writing_is_left_to_its_end(self):
        script = (
            "import time\nfor n in range(30): print(n, flush=True); time.sleep(0.1)"
        )
        log = self.folder / "run.log"
        processes.run([sys.executable, "-c", script], log=log, what="It", silence=2)
        self.assertIn("\n29\n", log.read_text())


class KilledServerTest(unittest.TestCase):
    """PostgreSQL's lock file after a crash, see testbed/postgresql.py."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.data = Path(folder.name).resolve()
        self.lock = self.data / "postmaster.pid"
        self.lock.write_text(f"{os.getpid()}\n")  # a pid that somebody else has now

    def test_the_lock_of_a_killed_server_is_forgotten(self):
        postgresql.forget_killed_server(self.data)
        self.assertFalse(self.lock.exists())

    def test_its_children_are_waited_for(self):
        child = subprocess.Popen(["cat"], cwd=self.data, stdin=subprocess.PIPE)
        self.addCleanup(child.kill)
        waited = []

        def end_child(seconds):
            waited.append(self.lock.exists())
            child.stdin.close()
            child.wait()

        with mock.patch("time.sleep", end_child):
            postgresql.forget_killed_server(self.data)
        self.assertEqual(waited, [True])
        self.assertFalse(self.lock.exists())


class HealthTest(unittest.TestCase):
    def test_a_closed_port_is_not_healthy_at_once(self):
        begun = time.monotonic()
        self.assertFalse(processes.http_ok(f"http://127.0.0.1:{processes.free_port()}"))
        self.assertLess(time.monotonic() - begun, 2)
