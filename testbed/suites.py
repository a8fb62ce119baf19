# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The test suites: what each needs of the test bed, how it is run, how its result is
counted.

A suite that ran no test at all has failed, whatever its exit status says.
"""

import os
import re
import xml.etree.ElementTree as xml

from . import addon_tests, debian, node, odoo, pods, processes, worker
from .demo import Demo, own_addons, stop_all
from .instance import CHECKOUT, Instance
from .problem import Problem, tail
from .result import Result
from .steps import Steps

CARGO_RESULT = re.compile(r"^test result: .*? (\d+) passed; (\d+) failed", re.M)
UNITTEST_RESULT = re.compile(r"^Ran (\d+) tests? in ", re.M)
UNITTEST_FAILED = re.compile(r"^FAILED \((.*)\)", re.M)

#: How far the ports of the test bed with real pods are from those of the other.
REAL = 400


class Suites:
    def __init__(self, instance):
        self.instance = instance
        self.logs = instance.logs / "suites"
        self.demo = Demo(instance, "simulated")
        #: Pods are real in a bed of their own: a bed has one kind.
        self.real_bed = Demo(Instance(instance.offset + REAL), "real")
        #: name -> (what it needs, how it is run); in the order in which they are run
        self.all = {
            "testbed": (self.nothing, self.testbed),
            "rust": (self.nothing, self.rust),
            "addons": (self.packages, self.addons),
            "integration": (self.cluster, self.integration),
            "e2e": (self.whole_demo, self.e2e),
            "real": (self.real_pods, self.real),
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
                stop_all(self.instance)
                stop_all(self.real_bed.instance)

    def bed_runs(self):
        return any(
            processes.remembered(file) for file in self.instance.state.glob("run/*.pid")
        )

    def run_each(self, names):
        total = Result()
        steps = Steps(len(names))
        for name in names:
            result = self.run_one(name, steps)
            total.passed += result.passed
            total.failed += result.failed
        return total

    def run_one(self, name, steps):
        """The suite's result; what could not be run counts as a failure."""
        needs, suite = self.all[name]
        log = self.logs / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        try:
            needs()
            with steps.step(f"Tests: {name}"):
                result = suite(log)
                if not result.passed + result.failed:
                    raise Problem("No test was run.", log=log)
                steps.say(f"{result}   {log}")
        except Problem as problem:
            print(*problem.lines(60), sep="\n", flush=True)
            return Result(failed=1)
        if result.failed:
            print(f"What failed in {name}; the whole log: {log}")
            failures = result.failures or tail(log, 100)
            print(*failures, sep="\n", flush=True)
        return result

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

    def real_pods(self):
        self.packages()
        debian.install(node.MACHINE, self.demo.setup_log)
        pods.decide(self.real_bed.instance, "real")

    # The suites

    def testbed(self, log):
        return self.unittest(log, "tests/testbed")

    def real(self, log):
        bed = self.real_bed
        return self.unittest(
            log,
            "tests/real",
            PORT_OFFSET=str(bed.instance.offset),
            KUBECTL=str(bed.cluster.kubectl),
        )

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
        return self.cargo_test(log, "--lib", "--bins")

    def integration(self, log):
        return self.cargo_test(
            log,
            *("--test", "*"),
            KUBECONFIG=str(self.demo.cluster.kubeconfig),
            KUBECTL=str(self.demo.cluster.kubectl),
        )

    def cargo_test(self, log, *words, **environment):
        status = self.program(
            log,
            [worker.cargo(log), "test", "--locked", "--no-fail-fast", *words],
            env={**worker.cargo_environment(), **environment},
        )
        rows = CARGO_RESULT.findall(log.read_text())
        passed, failed = (sum(int(row[column]) for row in rows) for column in (0, 1))
        return checked(Result(passed, failed), status, log)

    def addons(self, log):
        return addon_tests.run(self.instance, ",".join(own_addons()), log=log)

    def e2e(self, log):
        report = log.with_suffix(".xml")
        report.unlink(missing_ok=True)
        python = odoo.environment("e2e", E2E_REQUIREMENTS, self.demo.setup_log)
        status = self.program(
            log,
            [python, "-B", "-m", "pytest", "-p", "no:cacheprovider", "-v"]
            + [f"--junitxml={report}", "tests/e2e"],
            env={
                **os.environ,
                **self.demo.environment(),
                "PORT_OFFSET": str(self.instance.offset),
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
            )
        except Problem as problem:
            if not log.exists():
                raise
            return problem.status
        return 0


E2E_REQUIREMENTS = CHECKOUT / "testbed" / "requirements-e2e.txt"


def checked(result, status, log):
    """A suite whose program failed has at least one failure."""
    if status and not result.failed:
        raise Problem(f"The suite ended with exit status {status}.", log=log)
    return result
