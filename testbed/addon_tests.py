# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Odoo's own test runner on our addons, each run on a fresh database; several may run at once."""

import re
import time

from . import odoo, processes
from .problem import Problem

RESULT = re.compile(r"(\d+) failed, (\d+) error\(s\) of (\d+) tests")


def run(instance, modules, tags=None, keep=False):
    """Install the addons on a fresh database and run their tests. Returns (passed, failed)."""
    started = time.monotonic()
    setup_log = instance.logs / "odoo-setup.log"
    bed = odoo.Odoo(instance, setup_log)
    template = odoo.template(bed, setup_log)
    with odoo.scratch_name(bed, f"test-{modules.split(',')[0]}") as database:
        log = instance.logs / "addon-tests" / f"{database}.log"
        print(f"Testing {modules} on the database {database}; log: {log}", flush=True)
        log.parent.mkdir(parents=True, exist_ok=True)
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
                    *("--test-tags", tags or ",".join(f"/{module}" for module in modules.split(","))),
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
        return judge(log, problem, time.monotonic() - started)


def judge(log, problem, seconds):
    text = log.read_text(errors="replace")
    results = RESULT.findall(text)
    for block in failures(text):
        print(block)
    if not results:
        raise problem or Problem("Odoo told no test result.", log=log)
    failed, errors, tests = (sum(column) for column in zip(*(map(int, row) for row in results)))
    print(f"{failed} failed, {errors} error(s) of {tests} tests in {seconds:.0f} s; log: {log}")
    if tests == 0:
        raise Problem("No test was run: the addons have none, or the tags match none.", log=log)
    if problem and not failed + errors:
        raise problem
    return tests - failed - errors, failed + errors


def failures(text):
    """What the log says of each failed test, with its traceback."""
    entry = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ \d+ ([A-Z]+) ", re.M)
    starts = [*entry.finditer(text)]
    for start, end in zip(starts, [*(found.start() for found in starts[1:]), len(text)]):
        block = text[start.start() : end].rstrip()
        if start[1] in ("ERROR", "CRITICAL") and not RESULT.search(block):
            yield block
