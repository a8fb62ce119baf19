# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Odoo's own tests of what our addons extend, with our addons installed and without.

All tests of a module are run with the whole database loaded, also those that Odoo
itself runs at a module's installation, when ours would not be there yet. A test that
fails with our addons only is ours to answer for; one that fails without them as well is
not.
"""

import json
import re
from dataclasses import dataclass, field

from . import odoo, processes
from .problem import Problem

#: Modules whose flows our addons take part in.
MODULES = (
    "payment",
    "payment_demo",
    "portal",
    "sale",
    "subscription_oca",
    "website_payment",
    "website_sale",
)
#: Not run, each with the reason.
LEFT_OUT = {}
ADDONS = "kubernetes_hosting_website"

SCRIPT = """
import json, os, sys
from odoo.tests.shell import run_tests
settings = json.loads(os.environ["CHANDLERY_ODOO_TESTS"])
# Our addons switch this on; Odoo's tests expect its default, with which mails are made
# within the payment's request.
env["ir.config_parameter"].set_param("sale.async_emails", False)
env["ir.qweb"]._pregenerate_assets_bundles()
env.cr.commit()
report = run_tests(env, settings["tags"], settings["modules"])
os._exit(0 if report.wasSuccessful() else 1)
"""

#: A failure that is tried again is no error, but information.
LINE = re.compile(
    r"(?P<level>[A-Z]+) \S+ odoo\.addons\.(?P<module>\w+)\.tests\.\S+: "
    r"(?P<word>Starting|skipped|FAIL:|ERROR:) (?:Subtest )?(?P<test>\w+(?:\.\w+)?)"
)
RETRIES = 2  # tours give each step ten seconds, which a busy machine exceeds


@dataclass
class Outcome:
    """What came of the tests of one module."""

    ran: set = field(default_factory=set)
    skipped: set = field(default_factory=set)
    failed: set = field(default_factory=set)

    @property
    def passed(self):
        return len(self.ran - self.skipped - self.failed)

    def __str__(self):
        text = f"{self.passed} passed"
        if self.failed:
            text += f", {len(self.failed)} failed"
        if self.skipped:
            text += f", {len(self.skipped)} skipped"
        return text


def run(instance, names, tags=()):
    """Print how each module's tests end with and without our addons; True if they end
    the same. Tags choose among the modules' tests."""
    unknown = sorted(set(names) - set(MODULES))
    if unknown:
        raise Problem(
            f"The tests of {unknown[0]} are not among those that are run.",
            hint=f"There are: {', '.join(MODULES)}.",
        )
    names = names or MODULES
    print(f"Odoo's own tests of {', '.join(names)}, without our addons …", flush=True)
    before = outcomes(instance, names, tags, own=False)
    print("… and with them:", flush=True)
    after = outcomes(instance, names, tags, own=True)
    print("\n| module | without our addons | with them |\n|---|---|---|")
    for name in names:
        print(f"| `{name}` | {before[name]} | {after[name]} |")
    for name in names:
        for test in sorted(before[name].failed & after[name].failed):
            print(f"fails without ours, too: {name} {test}")
        for test in sorted(before[name].skipped):
            print(f"skipped without ours, too: {name} {test}")
    broken = [
        (name, test) for name in names for test in ours(before[name], after[name])
    ]
    for name, test in broken:
        print(f"FAILS ONLY WITH OURS: {name} {test}")
    return not broken


def ours(before, after):
    """The tests that our addons keep from passing."""
    passed_before = before.ran - before.skipped - before.failed
    passed_after = after.ran - after.skipped - after.failed
    return sorted(passed_before - passed_after)


def outcomes(instance, names, tags, own):
    """Module -> Outcome, on a fresh database."""
    setup_log = instance.logs / "odoo-setup.log"
    log = instance.logs / "odoo-tests" / f"{'with' if own else 'without'}-ours.log"
    log.unlink(missing_ok=True)
    bed = odoo.Odoo(instance, setup_log)
    template = odoo.template(bed, setup_log)
    with odoo.scratch_name(bed, f"odoo-tests-{'ours' if own else 'base'}") as database:
        bed.copy(template, database)
        options = ("-d", database, "--workers=0", "--max-cron-threads=0")
        if own:
            processes.run(
                bed.command(
                    "server", *options, "-i", ADDONS, "--no-http", "--stop-after-init"
                ),
                log=setup_log,
                what=f"Installing {ADDONS}",
                env=bed.environment(),
            )
        settings = {"modules": names, "tags": chosen(names, tags)}
        try:
            processes.run(
                bed.command(
                    "shell",
                    *options,
                    f"--http-port={processes.free_port()}",
                    f"--screenshots={log.with_suffix('.screenshots')}",
                    own_addons=odoo.OWN_ADDONS if own else None,
                ),
                log=log,
                what="Odoo's own tests",
                env={
                    **bed.environment(),
                    "CHANDLERY_ODOO_TESTS": json.dumps(settings),
                    "ODOO_TEST_MAX_FAILED_TESTS": "1000",
                    "ODOO_TEST_FAILURE_RETRIES": str(RETRIES),
                },
                stdin=SCRIPT,
            )
        except Problem as problem:
            if problem.status != 1:
                raise
    found = read(log.read_text(errors="replace"), names)
    empty = [name for name in names if not found[name].ran]
    if empty and not tags:
        raise Problem(f"No test was run of {', '.join(empty)}.", log=log)
    print(f"  {log}", flush=True)
    return found


def chosen(names, tags):
    wanted = tags or [f"/{name}" for name in names]
    return ",".join([*wanted, *(f"-{tag}" for tag in LEFT_OUT)])


def read(text, names):
    found = {name: Outcome() for name in names}
    sets = {
        "Starting": "ran",
        "skipped": "skipped",
        "FAIL:": "failed",
        "ERROR:": "failed",
    }
    for match in LINE.finditer(text):
        failed = match["word"].endswith(":")
        if match["module"] in found and (not failed or match["level"] == "ERROR"):
            outcome = found[match["module"]]
            getattr(outcome, sets[match["word"]]).add(match["test"])
    return found
