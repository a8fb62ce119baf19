# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The test suites: what each needs of the test bed, how it is run, how its result is
counted.

Suites that mostly wait (for Odoo, a browser, real pods) run beside those that compute.
A suite that ran no test at all has failed, whatever its exit status says.
"""

import multiprocessing
import os
import re
import signal
import sys
import time
import xml.etree.ElementTree as xml

from . import addon_tests, axe, debian, go_programs, node, odoo, pods, processes, worker
from .demo import Demo, own_addons, stop_all
from .instance import CHECKOUT, Instance
from .problem import Problem, tail
from .result import Result
from .steps import Steps, minutes

CARGO_RESULT = re.compile(r"^test result: .*? (\d+) passed; (\d+) failed", re.M)
UNITTEST_RESULT = re.compile(r"^Ran (\d+) tests? in ", re.M)
UNITTEST_FAILED = re.compile(r"^FAILED \((.*)\)", re.M)
#: How unittest, Odoo, cargo and pytest name a failed test in their logs.
FAILED_TEST = re.compile(
    r"^.*odoo\.addons\.\S+: (?:FAIL|ERROR): (.+)$"
    # In brackets where it is: PostgreSQL's errors begin with the same word.
    r"|^(?:FAIL|ERROR): ([\w.]+ \(.+\).*)$"
    r"|^test (.+) \.\.\. FAILED$"
    r"|^(?:FAILED|ERROR) (\S+::\S+)",
    re.M,
)
#: So many names of failed tests are repeated at the end.
MAX_NAMES = 20

#: How far the ports of the test bed with real pods are from those of the other, and
#: those of the one in which things fail.
REAL, CHAOS = 400, 600


class Suites:
    def __init__(self, instance):
        self.instance = instance
        self.logs = instance.logs / "suites"
        self.demo = Demo(instance, "simulated")
        #: Pods are real in a bed of their own: a bed has one kind.
        self.real_bed = Demo(Instance(instance.offset + REAL), "real")
        self.chaos_bed = Instance(instance.offset + CHAOS)
        #: name -> (its lane, what it needs, how it is run). Lanes run side by side, the
        #: suites of a lane one after the other.
        self.all = {
            "testbed": ("waits", self.nothing, self.testbed),
            "rust": ("computes", self.nothing, self.rust),
            "addons": ("computes", self.packages, self.addons),
            "upgrade": ("computes", self.packages, self.upgrade),
            "integration": ("computes", self.cluster, self.integration),
            "e2e": ("waits", self.whole_demo, self.e2e),
            "real": ("real", self.real_pods, self.real),
            "apps": ("real", self.real_demo, self.apps),
            # It makes and takes away a bed of its own.
            "chaos": ("waits", self.programs, self.chaos),
        }

    def run(self, names, keep=False):
        """Run the suites on a fresh test bed of their own, and take it down again.

        A test bed that already runs is used as it is, and left running.
        """
        unknown = [name for name in names if name not in self.all]
        if unknown:
            raise Problem(
                f"There is no suite {unknown[0]!r}.",
                hint=f"SUITE is one of: {', '.join(self.all)}.",
            )
        names = names or list(self.all)
        keep = keep or self.bed_runs()
        if keep:
            print(f"The test bed {self.instance.name} is used as it is and left so.")
        else:
            self.demo.reset()
            self.real_bed.reset()
        try:
            return self.run_each(names)
        finally:
            if not keep:
                for bed in (self.instance, self.real_bed.instance, self.chaos_bed):
                    stop_all(bed)

    def bed_runs(self):
        return any(
            processes.remembered(file) for file in self.instance.state.glob("run/*.pid")
        )

    def run_each(self, names):
        """Run the suites and say where the time went; a Result."""
        lanes = {}
        for number, name in enumerate(names):
            lanes.setdefault(self.all[name][0], []).append((number, name))
        # Processes and not threads: a signal ends what a lane runs.
        context = multiprocessing.get_context("fork")
        ended = context.SimpleQueue()
        processes = [
            context.Process(
                target=self.run_lane, args=(lane, len(names), len(lanes) > 1, ended)
            )
            for lane in lanes.values()
        ]
        begun = time.monotonic()
        try:
            for process in processes:
                process.start()
            for process in processes:
                process.join()
        except BaseException:
            for process in processes:
                process.terminate()
            for process in processes:
                process.join()
            raise
        reports = {}
        while not ended.empty():
            name, *report = ended.get()
            reports[name] = report
        total = Result()
        print("Where the time went:")
        for name in names:
            # A suite without a report: its lane was ended from outside.
            result, prepared, ran = reports.get(name, (Result(failed=1), 0, 0))
            total.passed += result.passed
            total.failed += result.failed
            print(
                f"  {name:<12} {minutes(ran):>9} and {minutes(prepared):>9} for what it"
                f" needs   {result}"
            )
            for failed in result.failures:
                print(f"               failed: {failed}")
        together = "side by side" if len(lanes) > 1 else "in all"
        print(f"  {together:<12} {minutes(time.monotonic() - begun):>9}", flush=True)
        return total

    def run_lane(self, lane, total, beside, ended):
        """Run suites one after the other and put a report of each into ``ended``: name,
        Result, seconds that its needs took, seconds that it ran."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: sys.exit(128 + number))
        steps = Steps(total)
        steps.terminal = steps.terminal and not beside  # they would share a line
        for number, name in lane:
            steps.number = number
            result, prepared, ran = self.run_one(name, steps)
            # Only names of what failed and was printed: a pipe holds only so much.
            result.failures = failed_tests(self.log(name))[:MAX_NAMES]
            ended.put((name, result, prepared, ran))

    def run_one(self, name, steps):
        """The suite's result, how long its needs and it took; what could not be run
        counts as a failure."""
        _, needs, suite = self.all[name]
        log = self.log(name)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        begun = prepared = time.monotonic()
        try:
            # What suites need they share.
            with self.instance.lock("needs"):
                needs()
            prepared = time.monotonic()
            with steps.step(f"Tests: {name}"):
                result = suite(log)
                if not result.passed + result.failed:
                    raise Problem("No test was run.", log=log)
                steps.say(f"{result}   {log}")
        except Problem as problem:
            print(*problem.lines(60), sep="\n", flush=True)
            result = Result(failed=1)
        else:
            if result.failed:
                print(f"What failed in {name}; the whole log: {log}")
                failures = result.failures or tail(log, 100)
                print(*failures, sep="\n", flush=True)
        return result, prepared - begun, time.monotonic() - prepared

    def log(self, name):
        return self.logs / f"{name}.log"

    # What suites need

    def nothing(self):
        pass

    def packages(self):
        log = self.demo.setup_log
        debian.install({**debian.BASE, **debian.FOR_TESTS}, log)

    def cluster(self):
        self.packages()
        pods.decide(self.instance, "simulated")
        self.demo.cluster.ensure()
        self.demo.cluster.ensure_ingress()

    def whole_demo(self):
        self.packages()
        self.demo.up()

    def programs(self):
        """What the suite's own bed would build first."""
        self.packages()
        for name in self.demo.cluster.programs():
            go_programs.build(name, self.demo.build_log)

    def real_pods(self):
        self.packages()
        debian.install(node.MACHINE, self.demo.setup_log)
        pods.decide(self.real_bed.instance, "real")

    def real_demo(self):
        self.real_pods()
        self.real_bed.up()

    # The suites

    def testbed(self, log):
        return self.unittest(log, "tests/testbed")

    def real(self, log):
        return self.unittest(
            log,
            "tests/real",
            PORT_OFFSET=str(self.real_bed.instance.offset),
            KUBECTL=str(self.real_bed.cluster.kubectl),
        )

    def chaos(self, log):
        return self.unittest(log, "tests/chaos", PORT_OFFSET=str(self.chaos_bed.offset))

    def apps(self, log):
        return self.pytest(log, self.real_bed, "tests/e2e/real")

    def unittest(self, log, folder, **environment):
        status = self.program(
            log,
            [
                odoo.base_python(),
                *("-B", "-W", "ignore::ResourceWarning"),
                *("-m", "unittest", "discover", "-v", "-s", folder, "-t", "."),
            ],
            env={**os.environ, **environment},
        )
        text = log.read_text()
        ran = sum(int(count) for count in UNITTEST_RESULT.findall(text))
        failed = sum(
            int(count)
            for words in UNITTEST_FAILED.findall(text)
            for count in re.findall(r"(?:failures|errors)=(\d+)", words)
        )
        return checked(Result(ran - failed, failed), status, log)

    def rust(self, log):
        """Units of the worker and of the libraries, and the examples in their
        documentation."""
        # Of the whole workspace always: a part of it would be built anew, with the
        # features that this part needs.
        return self.cargo_test(
            log, ("--workspace", "--lib", "--bins"), ("--workspace", "--doc")
        )

    def integration(self, log):
        return self.cargo_test(
            log,
            ("--workspace", "--test", "*"),
            KUBECONFIG=str(self.demo.cluster.kubeconfig),
            KUBECTL=str(self.demo.cluster.kubectl),
            HELM=str(go_programs.build("helm", log)),
            KUSTOMIZE=str(go_programs.build("kustomize", log)),
        )

    def cargo_test(self, log, *runs, **environment):
        status = max(
            self.program(
                log,
                [worker.cargo(log), "test", "--locked", "--no-fail-fast", *words],
                env={**worker.cargo_environment(), **environment},
            )
            for words in runs
        )
        rows = CARGO_RESULT.findall(log.read_text())
        passed, failed = (sum(int(row[column]) for row in rows) for column in (0, 1))
        return checked(Result(passed, failed), status, log)

    def addons(self, log):
        return addon_tests.run(self.instance, ",".join(own_addons()), log=log)

    def upgrade(self, log):
        return self.unittest(
            log, "tests/upgrade", PORT_OFFSET=str(self.instance.offset)
        )

    def e2e(self, log):
        return self.pytest(log, self.demo, "tests/e2e", "--ignore", "tests/e2e/real")

    def pytest(self, log, bed, *words):
        """Run tests in the browser on this demo."""
        report = log.with_suffix(".xml")
        report.unlink(missing_ok=True)
        python = odoo.environment("e2e", E2E_REQUIREMENTS, self.demo.setup_log)
        status = self.program(
            log,
            [python, "-B", "-m", "pytest", "-p", "no:cacheprovider", "-v"]
            # The fixtures there are those of the folder's own folder, too.
            + ["--rootdir=tests/e2e", "--confcutdir=tests/e2e"]
            + [f"--junitxml={report}", *words],
            env={
                **os.environ,
                **bed.environment(),
                "AXE": str(axe.script(self.demo.setup_log)),
                "PORT_OFFSET": str(bed.instance.offset),
            },
        )
        if not report.exists():
            raise Problem("pytest left no report.", log=log)
        counts = xml.parse(report).find("testsuite").attrib
        failed = int(counts["failures"]) + int(counts["errors"])
        passed = int(counts["tests"]) - failed - int(counts["skipped"])
        return checked(Result(passed, failed), status, log)

    @staticmethod
    def program(log, argv, env=None):
        """Run a suite's program and return its exit status."""
        try:
            processes.run(
                argv,
                log=log,
                what=str(argv[0]),
                env=env,
                cwd=CHECKOUT,
                silence=addon_tests.SILENCE,
            )
        except Problem as problem:
            if not log.exists():
                raise
            return problem.status
        return 0


E2E_REQUIREMENTS = CHECKOUT / "testbed" / "requirements-e2e.txt"


def failed_tests(log):
    """The names of the tests that failed according to this log, each once."""
    if not log.exists():
        return []
    found = FAILED_TEST.findall(log.read_text(errors="replace"))
    return list(dict.fromkeys("".join(groups).strip() for groups in found))


def checked(result, status, log):
    """A suite whose program failed has at least one failure."""
    if status and not result.failed:
        raise Problem(f"The suite ended with exit status {status}.", log=log)
    return result
