# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What ``make lint`` checks: rustfmt, clippy, ruff and pylint-odoo with OCA's rules."""

import os
from pathlib import Path

from . import cache, odoo, processes, worker
from .instance import CHECKOUT
from .problem import Problem
from .steps import Steps

FOLDER = Path(__file__).parent
PYTHON_FOLDERS = ("odoo_addon", "testbed", "tests")


def run(logs):
    """Run all checks, also after one that fails; True if all are clean."""
    checks = [
        ("cargo fmt", rustfmt),
        ("cargo clippy", clippy),
        ("ruff check", ruff_check),
        ("ruff format", ruff_format),
        ("pylint-odoo", pylint_odoo),
        ("Python compiles", compiles),
    ]
    steps = Steps(len(checks))
    problems = []
    for title, check in checks:
        log = logs / f"lint-{title.replace(' ', '-').lower()}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        try:
            with steps.step(title):
                check(log)
        except Problem as problem:
            print(*problem.lines(log_lines=60), sep="\n", flush=True)
            problems.append(problem)
    return not problems


def rustfmt(log):
    cargo(log, "fmt", "--check")


def clippy(log):
    cargo(log, "clippy", "--locked", "--all-targets", "--", "-D", "warnings")


def cargo(log, *words):
    options = {"log": log, "env": worker.cargo_environment(), "cwd": CHECKOUT}
    processes.run(
        [worker.cargo(log), words[0], "--version"],
        what=f"Looking for cargo {words[0]}",
        hint="Install what is missing: rustup component add rustfmt clippy",
        **options,
    )
    processes.run([worker.cargo(log), *words], what=f"cargo {words[0]}", **options)


def ruff_check(log):
    ruff(log, "check", "--output-format=concise")


def ruff_format(log):
    ruff(log, "format", "--check")


def ruff(log, command, *options):
    tool(
        log,
        "ruff",
        *(command, "--no-cache", f"--config={FOLDER / 'ruff.toml'}", *options),
        *PYTHON_FOLDERS,
    )


def pylint_odoo(log):
    addons = sorted(path.parent for path in odoo.OWN_ADDONS.glob("*/__manifest__.py"))
    tool(log, "pylint", f"--rcfile={FOLDER / 'pylint-odoo.cfg'}", *addons)


def tool(log, module, *words):
    python = odoo.environment("lint", FOLDER / "requirements-lint.txt", log)
    env = {**os.environ, "PYLINTHOME": str(cache.folder() / "pylint")}
    processes.run(
        [python, "-m", module, *words],
        log=log,
        what=f"{module} {words[0] if module == 'ruff' else ''}".strip(),
        env=env,
        cwd=CHECKOUT,
    )


def compiles(log):
    """With the Python that runs Odoo and the test bed."""
    processes.run(
        [odoo.base_python(), "-m", "compileall", "-q", *PYTHON_FOLDERS],
        log=log,
        what="Compiling the Python files",
        env={**os.environ, "PYTHONPYCACHEPREFIX": str(cache.folder() / "pycache")},
        cwd=CHECKOUT,
    )
