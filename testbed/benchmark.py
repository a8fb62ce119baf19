# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""How long a typical manifest takes here, with Jinja2 and PyYAML, and with Ansible.

``python3 -m testbed.benchmark`` prints microseconds, the median of many runs in one
thread, each side with its templates compiled already.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from . import cache, parity, worker
from .instance import CHECKOUT
from .parity_cases import FOLDER, Problem

MANIFEST = FOLDER / "templates" / "web-app"
OTHERS = Path(__file__).with_name("benchmark_ansible.py")
COLUMNS = ("render", "parse", "render and parse")


def main():
    try:
        rows = {"Chandlery": measured(ours()), **others()}
    except Problem as problem:
        print(*problem.lines(), sep="\n", file=sys.stderr)
        return 1
    print(f"{MANIFEST.name}: four documents, twenty values; microseconds, median\n")
    print(f"{'':20}" + "".join(f"{column:>18}" for column in COLUMNS))
    for name, times in rows.items():
        print(f"{name:20}" + "".join(f"{times[column]:18.1f}" for column in COLUMNS))
    return 0


def ours():
    log = cache.folder() / "logs" / "benchmark.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [worker.cargo(log), "bench", "--locked", "--quiet", "--bench", "manifest"]
    return output(command, CHECKOUT, worker.cargo_environment())


def others():
    reference = parity.Reference()
    with tempfile.TemporaryDirectory() as home:
        text = output(
            [reference.python, "-B", OTHERS, MANIFEST],
            home,
            reference.environment(home),
        )
    rows = {}
    for line in text.splitlines():
        row, rest = line.split("\t", 1)
        rows.setdefault(row, []).append(rest)
    return {row: measured("\n".join(lines)) for row, lines in rows.items()}


def output(command, folder, environment=None):
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise Problem(f"It could not be measured:\n{done.stderr[-6000:]}")
    return done.stdout


def measured(text):
    lines = (line.split("\t") for line in text.splitlines() if "\t" in line)
    return {name: float(time) for name, time in lines}


if __name__ == "__main__":
    sys.exit(main())
