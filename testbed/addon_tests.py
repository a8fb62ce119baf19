# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Odoo's own test runner on our addons, each run on a fresh database; several may run
at once."""

import re

from . import odoo, processes
from .problem import Problem
from .result import Result

RESULT = re.compile(r"(\d+) failed, (\d+) error\(s\) of (\d+) tests")


def run(instance, modules, tags=None, log=None):
    """Install the addons on a fresh database and run their tests; returns a Result."""
    setup_log = instance.logs / "odoo-setup.log"
    bed = odoo.Odoo(instance, setup_log)
    template = odoo.template(bed, setup_log)
    with odoo.scratch_name(bed, f"test-{modules.split(',')[0]}") as database:
        log = log or instance.logs / "addon-tests" / f"{database}.log"
        print(f"Testing {modules}; log: {log}", flush=True)
        log.unlink(missing_ok=True)
        bed.copy(template, database)
        problem = None
        try:
            processes.run(
                bed.command(
                    "server",
                    *("-d", database),
                    *("-i", modules),
                    *("-u", modules),  # for those that the template already has
                    f"--test-tags={tags or all_tests_of(modules)}",
                    f"--http-port={processes.free_port()}",
                    f"--screenshots={log.with_suffix('.screenshots')}",
                    "--stop-after-init",
                    "--max-cron-threads=0",
                    "--workers=0",
                ),
                log=log,
                what=f"Odoo with the tests of {modules}",
                env=bed.environment(),
            )
        except Problem as caught:
            problem = caught
    return judge(log, problem)


def all_tests_of(modules):
    return ",".join(f"/{module}" for module in modules.split(","))


def judge(log, problem):
    """What Odoo's log says of the tests."""
    text = log.read_text(errors="replace")
    results = RESULT.findall(text)
    if not results:
        raise problem or Problem("Odoo told no test result.", log=log)
    failed, errors, tests = (
        sum(int(row[column]) for row in results) for column in range(3)
    )
    if tests == 0:
        raise Problem(
            "No test was run: the addons have none, or the tags match none.", log=log
        )
    if problem and not failed + errors:
        raise problem
    return Result(tests - failed - errors, failed + errors, [*failures(text)])


def failures(text):
    """What the log says of each failed test, with its traceback."""
    entry = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ \d+ ([A-Z]+) ", re.M)
    starts = [*entry.finditer(text)]
    for start, end in zip(
        starts, [*(found.start() for found in starts[1:]), len(text)], strict=False
    ):
        block = text[start.start() : end].rstrip()
        if start[1] in ("ERROR", "CRITICAL") and not RESULT.search(block):
            yield block
