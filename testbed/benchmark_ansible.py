# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Measures Jinja2 with PyYAML, and Ansible, in the Python of Ansible's environment:
prints `who<TAB>what<TAB>microseconds`. benchmark.py is at the other end.

Jinja2 gets the values ready made and the four filters of Ansible that the template
uses, as short as they can be written; so it shows what Python costs without Ansible.
"""

import hashlib
import json
import re
import statistics
import sys
import time
from pathlib import Path

import jinja2
import yaml
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template

SECONDS = 2


def main():
    init_plugin_loader()
    folder = Path(sys.argv[1])
    text = (folder / "template.yml.j2").read_text()
    loader = DataLoader()
    variables = loader.load_from_file(
        str(folder / "vars.yml"), cache="none", trusted_as_template=True
    )

    def by_ansible():
        return Templar(loader=loader, variables=variables).template(
            trust_as_template(text), overrides={"trim_blocks": True}
        )

    templar = Templar(loader=loader, variables=variables)
    values = {name: untagged(templar.template(of)) for name, of in variables.items()}
    compiled = environment().from_string(text)

    def by_jinja():
        return compiled.render(values)

    rendered = str(by_ansible())
    if list(yaml.safe_load_all(by_jinja())) != list(yaml.safe_load_all(rendered)):
        sys.exit("Jinja2 and Ansible do not render the same objects.")
    parse = measure(lambda: list(yaml.safe_load_all(rendered)))
    for who, render in (("Jinja2 and PyYAML", by_jinja), ("Ansible", by_ansible)):
        both = measure(lambda render=render: list(yaml.safe_load_all(str(render()))))
        for what, took in (
            ("render", measure(render)),
            ("parse", parse),
            ("render and parse", both),
        ):
            print(who, what, f"{took:.1f}", sep="\t")


def environment():
    made = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined)
    made.filters |= {
        "to_nice_yaml": lambda value, indent: yaml.dump(
            value, indent=indent, default_flow_style=False
        ),
        "to_json": json.dumps,
        "hash": lambda text, kind: hashlib.new(kind, text.encode()).hexdigest(),
        "regex_replace": lambda text, old, new: re.sub(old, new, text),
    }
    return made


def untagged(value):
    """The value in Python's own types."""
    return json.loads(json.dumps(value))


def measure(run):
    """The median in microseconds."""
    run()
    times = []
    begun = time.perf_counter()
    while time.perf_counter() - begun < SECONDS:
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times) * 1e6


if __name__ == "__main__":
    main()
