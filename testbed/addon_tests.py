# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Odoo's own test runner on our addons, each run on a fresh database; several may run
at once."""

import re

from . import odoo, processes
from .problem import Problem
from .result import Result

RESULT = re.compile(r"(\d+) failed, (\d+) error\(s\) of (\d+) tests")
TESTED = re.compile(r"odoo\.tests\.stats: (\w+): [1-9]\d* tests")
ENTRY = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ \d+ ([A-Z]+) ", re.M)
#: A name that all of our addons and their models begin with.
OURS = "kubernetes"
FAILED_TEST = re.compile(r".{24}\d+ \S+ \S+ odoo\.addons\.\S+: (FAIL|ERROR): ")

#: After so many seconds without a word tests are taken for stuck. The longest of them,
#: and the longest wait for a compiler, take a few minutes on a slow machine.
SILENCE = 900


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
                silence=SILENCE,
            )
        except Problem as caught:
            problem = caught
    # Tags are whoever gives them to answer for; without them, no addon is left out.
    return judge(log, problem, [] if tags else modules.split(","))


def all_tests_of(modules):
    return ",".join(f"/{module}" for module in modules.split(","))


def judge(log, problem, modules=()):
    """What Odoo's log says of the tests; each of the modules needs at least one."""
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
    untested = sorted(set(modules) - set(TESTED.findall(text)))
    if untested:
        raise Problem(f"No test was run of {', '.join(untested)}.", log=log)
    if problem and not failed + errors:
        raise problem
    warned = warnings(text)
    return Result(
        tests - failed - errors,
        failed + errors + len(warned),
        [*failures(text), *warned],
    )


def failures(text):
    """What the log says of each failed test, with its traceback; of any other error
    where no test failed."""
    blocks = entries(text, "ERROR", "CRITICAL")
    blocks = [block for block in blocks if not RESULT.search(block)]
    return [block for block in blocks if FAILED_TEST.match(block)] or blocks


def warnings(text):
    """What Odoo warns of in our addons while it installs them, each once: fields with
    the same label, a view that not everybody can read. What our addons warn of
    themselves is for their tests to expect."""
    told = {said(block): block for block in entries(text, "WARNING")}
    return [
        block
        for words, block in told.items()
        if OURS in words and not words.startswith(f"odoo.addons.{OURS}")
    ]


def entries(text, *levels):
    """The entries of Odoo's log of these levels, with all of their lines."""
    starts = [*ENTRY.finditer(text), None]
    return [
        text[start.start() : end.start() if end else None].rstrip()
        for start, end in zip(starts[:-1], starts[1:], strict=True)
        if start[1] in levels
    ]


def said(entry):
    """An entry without its time and its database, whose name may be an addon's."""
    return entry[ENTRY.match(entry).end() :].partition(" ")[2]
