# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The commands as a person or a script meets them."""

import io
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path
from unittest import mock

from testbed import (
    addon_tests,
    cluster,
    debian,
    go_programs,
    instance,
    kubernetes,
    processes,
    steps,
    suites,
)
from testbed.problem import Problem

ENVIRONMENT_KEYS = [
    "ODOO_URL",
    "ODOO_DB",
    "OPERATOR_LOGIN",
    "OPERATOR_PASSWORD",
    "CUSTOMER_LOGIN",
    "CUSTOMER_PASSWORD",
    "KUBECONFIG",
    "KUBECTL",
    "CATALOG_URL",
    "MAILGUN_URL",
    "DNS_RECORDS",
    "CHANDLERY",
    "LOGS",
]


def testbed(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-B", "-m", "testbed", *arguments],
        capture_output=True,
        text=True,
        cwd=instance.CHECKOUT,
        env={**os.environ, **environment},
    )


class EnvironmentTest(unittest.TestCase):
    def test_demo_env_prints_all_keys_one_each(self):
        with tempfile.NamedTemporaryFile() as kubeconfig:
            done = testbed("demo-env", PORT_OFFSET="7", KUBECONFIG=kubeconfig.name)
            self.assertEqual(done.returncode, 0, done.stderr)
            lines = [line.partition("=") for line in done.stdout.splitlines()]
            values = {name: value for name, _, value in lines}
            self.assertEqual([name for name, _, _ in lines], ENVIRONMENT_KEYS)
            self.assertEqual(values["ODOO_URL"], "http://127.0.0.1:8076")
            self.assertEqual(values["KUBECONFIG"], kubeconfig.name)
            self.assertTrue(all(values.values()), values)

    def test_status_of_no_demo_says_how_to_start_one(self):
        done = testbed("demo-status", PORT_OFFSET="41234", KUBECONFIG="")
        self.assertEqual(done.returncode, 1)
        self.assertIn("make demo", done.stdout)

    def test_a_bad_offset_is_refused_with_the_way_out(self):
        for offset in ("-1", "x", "60000", "1.5"):
            done = testbed("demo-status", PORT_OFFSET=offset)
            self.assertEqual(done.returncode, 1, offset)
            self.assertIn("PORT_OFFSET", done.stderr)
            self.assertIn("What to do: ", done.stderr)
            self.assertNotIn("Traceback", done.stderr)

    def test_an_unknown_suite_is_refused_with_their_names(self):
        done = testbed("test", "nosuch", PORT_OFFSET="41234")
        self.assertEqual(done.returncode, 1)
        self.assertIn("testbed, rust, addons, upgrade, integration, e2e", done.stderr)


class PortsTest(unittest.TestCase):
    def test_the_offset_shifts_every_port_and_names_the_state_folder(self):
        plain, shifted = instance.Instance(0), instance.Instance(1000)
        for name in instance.PORTS:
            self.assertEqual(shifted.port(name), plain.port(name) + 1000)
        self.assertEqual(plain.port("odoo"), 8069)
        self.assertNotEqual(shifted.state, plain.state)
        self.assertNotEqual(shifted.logs, plain.logs)

    def test_two_beds_share_no_port(self):
        both = {
            instance.Instance(offset).port(name)
            for offset in (0, 1000)
            for name in instance.PORTS
        }
        self.assertEqual(len(both), 2 * len(instance.PORTS))


class ClusterTest(unittest.TestCase):
    def choose(self, kubeconfig):
        with mock.patch.dict(os.environ, KUBECONFIG=str(kubeconfig)):
            return cluster.choose(instance.Instance(0), Path("builds.log"))

    def test_with_kubeconfig_set_no_cluster_is_built(self):
        with tempfile.NamedTemporaryFile() as kubeconfig:
            chosen = self.choose(kubeconfig.name)
            self.assertFalse(chosen.own)
            self.assertEqual(str(chosen.kubeconfig), kubeconfig.name)
            self.assertNotIn("kube-apiserver", chosen.programs())
            self.assertEqual(chosen.daemons(), [])

    def test_without_it_one_is_built(self):
        self.assertTrue(self.choose("").own)

    def test_the_demos_own_kubeconfig_is_still_the_demos_own_cluster(self):
        self.assertTrue(self.choose(self.choose("").kubeconfig).own)

    def test_a_kubeconfig_that_is_no_file_is_refused(self):
        with self.assertRaises(Problem):
            self.choose("/nonexistent/config")


class VolumesTest(unittest.TestCase):
    def test_the_folder_of_volumes_is_open_to_the_beds_of_other_users(self):
        with tempfile.TemporaryDirectory() as parent:
            folder = Path(parent) / "volumes"
            kubernetes.make_volumes_folder(folder)
            self.assertEqual(folder.stat().st_mode & 0o7777, 0o1777)
            kubernetes.make_volumes_folder(folder)

    def test_one_closed_by_another_user_is_told_with_the_way_out(self):
        with (
            tempfile.TemporaryDirectory() as folder,
            mock.patch("os.geteuid", return_value=12345),
            mock.patch("os.access", return_value=False),
            self.assertRaises(Problem) as caught,
        ):
            kubernetes.make_volumes_folder(Path(folder))
        self.assertIn(f"chmod 1777 {folder}", caught.exception.hint)


class GoTest(unittest.TestCase):
    def test_an_old_go_is_not_taken(self):
        with tempfile.TemporaryDirectory() as folder:
            program = Path(folder) / "go"
            for said, version in (("go1.19.8", (1, 19)), ("go1.26.8", (1, 26))):
                program.write_text(f"#!/bin/sh\necho {said}\n")
                program.chmod(0o755)
                self.assertEqual(go_programs.go_version(program), version)

    def test_a_tampered_download_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "go.zip"
            source.write_text("something else")
            with self.assertRaises(Problem) as caught:
                go_programs.download([source.as_uri()], Path(folder) / "x", "0" * 64)
            self.assertIn("SHA-256", caught.exception.message)


class DebianTest(unittest.TestCase):
    def test_nothing_is_installed_where_all_is_there(self):
        self.assertFalse(debian.install({"/usr/bin/env": "coreutils"}, Path("no.log")))

    def test_without_sudo_the_user_is_told_the_command(self):
        with (
            mock.patch("os.geteuid", return_value=1000),
            mock.patch("shutil.which", return_value=None),
            self.assertRaises(Problem) as caught,
        ):
            debian.install({"/nonexistent": "some-package"}, Path("no.log"))
        self.assertIn("some-package", caught.exception.message)
        self.assertIn("apt-get install", caught.exception.hint)


class StepsTest(unittest.TestCase):
    def test_steps_are_numbered_and_timed(self):
        out = io.StringIO()
        shown = steps.Steps(2, out)
        with shown.step("First"):
            shown.say("done before")
        with shown.step("Second"):
            pass
        first, second = out.getvalue().splitlines()
        self.assertRegex(first, r"^\[ 1/2\] First +\d+\.\d s  done before$")
        self.assertRegex(second, r"^\[ 2/2\] Second +\d+\.\d s$")

    def test_a_long_step_shows_that_it_lives(self):
        said = threading.Event()

        class Out(io.StringIO):
            def write(self, text):
                if "still at it" in text:
                    said.set()
                return super().write(text)

        with mock.patch.object(steps, "IN_LOG", 0.01):
            shown = steps.Steps(1, Out())
            with shown.step("Long"):
                shown.doing("building x (1 of 3)")
                self.assertTrue(said.wait(30))
        self.assertIn("building x (1 of 3)", shown.out.getvalue())

    def test_a_failed_step_says_so(self):
        out = io.StringIO()
        with self.assertRaises(Problem), steps.Steps(1, out).step("It"):
            raise Problem("no")
        self.assertIn("It", out.getvalue())
        self.assertIn("FAILED", out.getvalue())


class CountingTest(unittest.TestCase):
    """A run of zero tests fails; every failure is counted."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.log = Path(folder.name) / "x.log"

    def judge(self, text, problem=None):
        self.log.write_text(text)
        return addon_tests.judge(self.log, problem)

    def test_addon_tests_are_counted(self):
        line = (
            "2026-11-21 03:45:54,116 1 ERROR db odoo.tests.result:"
            " 1 failed, 2 error(s) of 10 tests when loading database 'db'"
        )
        result = self.judge(line, Problem("exit status 1"))
        self.assertEqual((result.passed, result.failed), (7, 3))

    def test_an_addon_without_tests_is_a_failure(self):
        self.log.write_text(
            "INFO db odoo.tests.stats: one: 5 tests 0.1s 3 queries\n"
            "INFO db odoo.tests.result: 0 failed, 0 error(s) of 5 tests when loading"
        )
        self.assertEqual(addon_tests.judge(self.log, None, ["one"]).passed, 5)
        with self.assertRaises(Problem) as caught:
            addon_tests.judge(self.log, None, ["one", "two"])
        self.assertIn("two", caught.exception.message)

    def test_of_a_failed_addon_test_its_own_words_are_shown(self):
        head = "2026-11-21 05:05:56,722 26480 ERROR db odoo."
        failures = addon_tests.failures(
            f"{head}sql_db: bad query: a test provoked it\n"
            f"{head}addons.a.tests.test_b: FAIL: B.test_c\nTraceback\n  why\n"
            "2026-11-21 05:05:57,000 26480 INFO db odoo.tests: next\n"
            f"{head}tests.result: 1 failed, 0 error(s) of 5 tests\n"
        )
        self.assertEqual(len(failures), 1)
        self.assertTrue(failures[0].endswith("FAIL: B.test_c\nTraceback\n  why"))

    def test_what_odoo_warns_of_in_our_addons_is_a_failure(self):
        at = "2026-12-01 04:00:0"
        warning = " 1 WARNING test-kubernetes_hosting-1 odoo.addons.base.models."
        label = (
            "ir_model: Two fields (a, b) of kubernetes.app() have the same label: A."
        )
        view = (
            "ir_ui_view: Access Rights Inconsistency\nView error context:\n"
            "{'file': '/x/kubernetes_hosting/views/a.xml'}"
        )
        result = self.judge(
            f"{at}1,000{warning}{label}\n"
            f"{at}2,000{warning}{label}\n"
            f"{at}3,000{warning}{view}\n"
            f"{at}4,000{warning}ir_model: Two fields (a, b) of res.users() are alike\n"
            f"{at}5,000 1 INFO db odoo: kubernetes_hosting\n"
            f"{at}5,500 1 WARNING db odoo.addons.kubernetes_hosting.models.x: Slow.\n"
            f"{at}6,000 1 INFO db odoo.tests.result: 0 failed, 0 error(s) of 5 tests\n"
        )
        self.assertEqual((result.passed, result.failed), (5, 2))
        self.assertIn("same label", result.failures[0])
        self.assertIn("views/a.xml", result.failures[1])

    def test_no_addon_test_is_a_failure(self):
        with self.assertRaises(Problem):
            self.judge("0 failed, 0 error(s) of 0 tests when loading database 'db'")

    def test_an_odoo_that_breaks_before_the_tests_is_a_failure(self):
        with self.assertRaises(Problem):
            self.judge("Traceback …", Problem("exit status 255"))

    def test_an_odoo_that_breaks_after_good_tests_is_a_failure(self):
        with self.assertRaises(Problem):
            self.judge("0 failed, 0 error(s) of 5 tests", Problem("exit status 1"))

    def test_a_suite_without_tests_counts_as_failed(self):
        with tempfile.TemporaryDirectory() as state:
            bed = suites.Suites(instance.Instance(41234))
            bed.logs = Path(state)
            bed.all = {"empty": ("a", lambda: None, lambda log: suites.Result())}
            with mock.patch("builtins.print"):
                result = bed.run_each(["empty"])
        self.assertEqual((result.passed, result.failed), (0, 1))

    def test_all_suites_are_summed(self):
        with tempfile.TemporaryDirectory() as state:
            bed = suites.Suites(instance.Instance(41234))
            bed.logs = Path(state)
            bed.all = {
                "one": ("a", lambda: None, lambda log: suites.Result(3, 1, ["x"])),
                "two": ("b", lambda: None, lambda log: suites.Result(4, 0)),
            }
            with mock.patch("builtins.print"):
                result = bed.run_each(["one", "two"])
        self.assertEqual(str(result), "7 passed, 1 failed")

    def test_failed_tests_are_named_again_at_the_end(self):
        with tempfile.TemporaryDirectory() as state:
            bed = suites.Suites(instance.Instance(41234))
            bed.logs = Path(state)

            def suite(log):
                log.write_text(
                    "test_a (tests.x.A.test_a) ... FAIL\n"
                    "FAIL: test_a (tests.x.A.test_a)\n"
                    "2026-11-21 05:05:56,722 2 ERROR db odoo.addons.a.tests.b: "
                    "ERROR: B.test_b\n"
                    "ERROR: could not serialize access due to concurrent update\n"
                    "test policy::c - should panic ... FAILED\n"
                    "test policy::d ... ok\n"
                    "tests/e2e/test_e.py::test_e FAILED [ 10%]\n"
                    "FAILED tests/e2e/test_e.py::test_e - AssertionError: no\n"
                    "FAILED (failures=1)\n"
                    "FAIL: test_a (tests.x.A.test_a)\n"
                )
                return suites.Result(1, 4, ["why"])

            bed.all = {"one": ("a", lambda: None, suite)}
            with mock.patch("builtins.print") as printed:
                bed.run_each(["one"])
        said = [str(call.args[0]).strip() for call in printed.call_args_list]
        self.assertEqual(
            [line for line in said if line.startswith("failed: ")],
            [
                "failed: test_a (tests.x.A.test_a)",
                "failed: B.test_b",
                "failed: policy::c - should panic",
                "failed: tests/e2e/test_e.py::test_e",
            ],
        )

    def test_lanes_run_side_by_side_and_it_is_said_where_the_time_went(self):
        with tempfile.TemporaryDirectory() as state:
            bed = suites.Suites(instance.Instance(41234))
            bed.logs = Path(state)

            def meets(mine, other):
                def suite(log):
                    (bed.logs / mine).touch()
                    wait_for(lambda: (bed.logs / other).exists())
                    return suites.Result(1)

                return suite

            bed.all = {
                "one": ("a", lambda: None, meets("first", "second")),
                "two": ("b", lambda: None, meets("second", "first")),
            }
            with mock.patch("builtins.print") as printed:
                result = bed.run_each(["one", "two"])
        said = "\n".join(str(call.args[0]) for call in printed.call_args_list)
        self.assertEqual(str(result), "2 passed, 0 failed")
        self.assertRegex(said, r"one +[\d.]+ s and +[\d.]+ s for what it needs")
        self.assertRegex(said, r"side by side +[\d.]+ s")

    def test_a_stop_from_outside_ends_what_both_lanes_run(self):
        with tempfile.TemporaryDirectory() as state:
            bed = suites.Suites(instance.Instance(41234))
            bed.logs = Path(state)

            def sleeps(name):
                def suite(log):
                    script = f"echo $$ >{state}/{name}; exec sleep 600"
                    bed.program(log, ["sh", "-c", script])

                return suite

            bed.all = {
                name: (name, lambda: None, sleeps(name)) for name in ("one", "two")
            }

            def run():
                signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
                with mock.patch("builtins.print"):
                    bed.run_each(["one", "two"])

            process = multiprocessing.get_context("fork").Process(target=run)
            process.start()
            files = [Path(state) / name for name in ("one", "two")]
            wait_for(lambda: all(file.exists() and file.read_text() for file in files))
            process.terminate()
            process.join(30)
            self.assertEqual(process.exitcode, 143)
            for file in files:
                pid = int(file.read_text())
                wait_for(lambda pid=pid: processes.identity(pid) is None)

    def test_a_lane_that_died_counts_as_failed(self):
        with tempfile.TemporaryDirectory() as state:
            bed = suites.Suites(instance.Instance(41234))
            bed.logs = Path(state)
            bed.all = {"one": ("a", lambda: None, lambda log: os._exit(9))}
            with mock.patch("builtins.print"):
                result = bed.run_each(["one"])
        self.assertEqual(str(result), "0 passed, 1 failed")


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("It did not come true.")
        time.sleep(0.05)
