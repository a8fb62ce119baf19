# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Fuzzes the renderer, the YAML reader, both sides of the contract with Odoo and what
customers choose: libFuzzer mutates the cases of the corpus and of tests/contract and
keeps what reaches new code. Odoo's side of the contract is Python, which reads mutated
requests for as long.

``python3 -m testbed.fuzz`` runs each target of fuzz/ for a minute, ``--seconds`` says
for how long. A crash, a hang or too much memory fails; what caused it is shown, and
belongs into the corpus as a case.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import time
import traceback

from . import cache, contract_mutations, parity_cases, worker
from .instance import CHECKOUT
from .problem import Problem

VERSION = "0.13.2"
TARGETS = ("render", "parse", "contract", "customer", "policy")
#: What is no target of fuzz/: Odoo's side of the contract.
ODOO = "odoo"
#: What one input may take: seconds, and MiB of the whole process, its coverage maps
#: and corpus included.
SECONDS_EACH = 2
MEMORY = 512
LONGEST = 4096
#: What stands between a template and its variables in an input of `render`.
VARS = "\n==> vars\n"
#: Words and signs that mean something in a template or in YAML.
TOKENS = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{1,30}|[{%#}\-+]{2,3}|[|>&*!?:<=~/]+")


def main():
    parser = argparse.ArgumentParser(
        prog="python3 -m testbed.fuzz", description=__doc__
    )
    parser.add_argument(
        "targets", nargs="*", help=f"default: {' '.join((*TARGETS, ODOO))}"
    )
    parser.add_argument("--seconds", type=int, default=60, help="default %(default)s")
    arguments = parser.parse_args()
    try:
        failed = [
            target
            for target in arguments.targets or (*TARGETS, ODOO)
            if not (run_odoo if target == ODOO else run)(target, arguments.seconds)
        ]
    except Problem as problem:
        print(*problem.lines(), sep="\n", file=sys.stderr)
        return 1
    return 1 if failed else 0


def run(target, seconds):
    """Whether the target held for so long."""
    folder = cache.folder() / "fuzz" / target
    grown, seeds, found = (folder / name for name in ("corpus", "seeds", "found"))
    for place in (grown, seeds, found):
        place.mkdir(parents=True, exist_ok=True)
    write_seeds(target, seeds)
    dictionary = folder / "words.dict"
    dictionary.write_text(words(seeds))
    print(f"{target}: {seconds} s, corpus {grown}", flush=True)
    done = subprocess.run(
        [
            cargo_fuzz(),
            *("fuzz", "run", "--sanitizer=none"),
            *(f"--target-dir={cache.folder() / 'cargo' / 'fuzz'}", target),
            *(grown, seeds, "--"),
            f"-dict={dictionary}",
            f"-artifact_prefix={found}/",
            f"-max_total_time={seconds}",
            f"-timeout={SECONDS_EACH}",
            f"-rss_limit_mb={MEMORY}",
            f"-max_len={LONGEST}",
            "-print_final_stats=1",
        ],
        cwd=CHECKOUT,
        env={**os.environ, "CARGO_TERM_COLOR": "never"},
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        print(f"{target} failed: {found} holds what caused it.", file=sys.stderr)
    return done.returncode == 0


def run_odoo(target, seconds):
    """Whether Odoo's side of the contract held for so long: what it reads or refuses,
    and by no other error."""
    seed = int(time.time())
    print(f"{target}: {seconds} s, seed {seed}", flush=True)
    end = time.monotonic() + seconds
    for count, (call, params) in enumerate(contract_mutations.requests(seed)):
        if time.monotonic() > end:
            print(f"{target}: {count} requests")
            return True
        try:
            contract_mutations.check(call, params)
        except Exception:
            traceback.print_exc()
            print(f"{target} failed: {call} {params!r}"[:2000], file=sys.stderr)
            return False


def cargo_fuzz():
    """cargo-fuzz, built once."""
    log = cache.folder() / "logs" / "fuzz.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    cargo = worker.cargo(log)

    def make(folder):
        print(f"building cargo-fuzz {VERSION}; log: {log}", flush=True)
        with open(log, "a") as output:
            done = subprocess.run(
                [cargo, "install", "--locked", "--root", folder]
                + [f"--version={VERSION}", "cargo-fuzz"],
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        if done.returncode:
            raise Problem("cargo-fuzz could not be built.", log=log)

    return cache.entry("cargo-fuzz", VERSION, make) / "bin" / "cargo-fuzz"


def write_seeds(target, folder):
    for text in sorted(set(texts(target))):
        place = folder / cache.digest(text)
        if not place.exists():
            place.write_text(text)


def texts(target):
    """The cases as inputs of a target."""
    if target == "contract":
        for answer in sorted((CHECKOUT / "tests" / "contract").glob("*_response.json")):
            yield answer.read_text()
            yield from map(json.dumps, json.loads(answer.read_text()).get("jobs", []))
        return
    if target == "customer":
        yield from ("shop", "null", "1e3", 'a"\nkind: A', "{{ 7 }}", "a\n---\nb: c")
        return
    # Manifests against the policy of a cluster come here, as a target `policy`: what
    # passes holds no forbidden field.
    for family in parity_cases.families():
        for case in family.cases:
            sections = family.shared | case.sections
            vars_ = sections.get("vars", "")
            match target, family.kind:
                case "render", "jinja":
                    template = sections.get("template") or sections.get("value")
                    if not template:
                        words = sections.get("expression") or sections.get("refused")
                        template = "{{ %s }}" % words
                    yield template + VARS + vars_
                case "parse", "vars":
                    yield yaml_of(sections) if "scalar" in sections else vars_
                case "parse", "yaml":
                    yield yaml_of(sections)
    for folder in parity_cases.templates():
        template = next(folder.glob("template.*")).read_text()
        vars_ = (folder / "vars.yml").read_text()
        yield template + VARS + vars_ if target == "render" else vars_


def yaml_of(sections):
    if "scalar" in sections:
        return f"value: {sections['scalar']}\n"
    if "key" in sections:
        return f"{sections['key']}: 1\n"
    return sections.get("yaml") or sections["stream"]


def words(seeds):
    """libFuzzer's dictionary: the words of the seeds."""
    found = {
        word for seed in seeds.iterdir() for word in TOKENS.findall(seed.read_text())
    }
    return "".join(f'"{word}"\n' for word in sorted(found))


if __name__ == "__main__":
    sys.exit(main())
