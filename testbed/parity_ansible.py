# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Renders cases with Ansible itself, in the Python of Ansible's environment: reads
requests as JSON from standard input and writes their results as JSON to standard
output. parity.py is at the other end.

It does what a play does: variables come from files read by Ansible's loader (YAML 1.1,
!unsafe, !vault), a template is rendered as the template action renders it, a value is
looked up as a task's argument is.
"""

import datetime
import importlib
import itertools
import json
import pkgutil
import re
import resource
import signal
import sys
import tempfile
from pathlib import Path

import jinja2.filters
import jinja2.tests
import yaml
from ansible._internal._templating._template_vars import generate_ansible_template_vars
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultSecret, VaultSecretsContext
from ansible.plugins.action.template import ActionModule
from ansible.plugins.loader import (
    filter_loader,
    init_plugin_loader,
    lookup_loader,
    test_loader,
)
from ansible.template import Templar, trust_as_template
from ansible.utils.vars import combine_vars
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager

#: As the template action sets them when a task does not.
OVERRIDES = {
    "block_start_string": "{%",
    "block_end_string": "%}",
    "variable_start_string": "{{",
    "variable_end_string": "}}",
    "comment_start_string": "{#",
    "comment_end_string": "#}",
    "trim_blocks": True,
    "lstrip_blocks": False,
    "newline_sequence": ActionModule.DEFAULT_NEWLINE_SEQUENCE,
}


#: A case that takes longer, in CPU seconds, or makes a larger value, in nodes, is a
#: bomb: there is no result to compare. The bytes bound the whole process.
SECONDS = 20
NODES = 100_000
BYTES = 2 * 1024**3


class Bomb(Exception):
    """The result would be too large or take too long."""


def main():
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    signal.signal(signal.SIGPROF, too_long)
    init_plugin_loader()
    answers = [answer(request) for request in json.load(sys.stdin)]
    json.dump(answers, sys.stdout)


def answer(request):
    with tempfile.TemporaryDirectory(prefix="parity-") as folder:
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            return {
                "template": template,
                "vars": variables,
                "yaml": plain_yaml,
                "names": names,
            }[request["do"]](Path(folder), request)
        except Exception as error:
            raise RuntimeError(f"The oracle cannot play {request}") from error
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)


def too_long(signal_number, frame):
    raise Bomb(f"more than {SECONDS} s of CPU")


def load(folder, request):
    """The loader, and the variables of the request's files: a later file's key wins."""
    loader = DataLoader()
    loader.set_basedir(str(folder))
    passwords = request.get("passwords", {})
    secrets = [(id, VaultSecret(word.encode())) for id, word in passwords.items()]
    loader.set_vault_secrets(secrets)
    # Ansible has one for each run; here each case has one.
    VaultSecretsContext._current = None
    VaultSecretsContext.initialize(VaultSecretsContext(secrets))
    loaded = {}
    for number, text in enumerate(request.get("vars", [])):
        path = folder / f"vars{number}.yml"
        path.write_bytes(text.encode())
        data = loader.load_from_file(str(path), cache="none", trusted_as_template=True)
        if data is None:
            continue
        if not isinstance(data, dict):
            raise ValueError(f"the file holds no mapping but a {type(data).__name__}")
        loaded = combine_vars(loaded, data)
    return loader, loaded


def of_play(loader, loaded):
    """The variables, and by the names that a play gives to all of them."""
    inventory = InventoryManager(loader, sources=["localhost,"])
    manager = VariableManager(loader, inventory)
    manager._extra_vars = loaded
    names = loaded | {
        "inventory_hostname": "localhost",
        "hostvars": HostVars(inventory, manager, loader),
    }
    return names | {"vars": names.copy()}


def template(folder, request):
    """{text: result, value: result} of a request with `template` and `value`."""
    try:
        loader, loaded = load(folder, request)
    except Exception as error:
        return {"vars": refusal(error, folder)}
    for name, text in request.get("files", {}).items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text.encode())
    loaded = of_play(loader, loaded)
    result = {}
    if "template" in request:
        text = request["template"]
        result["text"] = outcome(folder, lambda: text_of(folder, loader, loaded, text))
    if "value" in request:
        names = loaded | {"parity_value": trust_as_template(request["value"])}
        result["value"] = outcome(
            folder, lambda: value_of(loader, names, "parity_value")
        )
    return result


def text_of(folder, loader, loaded, text):
    source = folder / "template.j2"
    source.write_bytes(text.encode())
    data = trust_as_template(loader.get_text_file_contents(str(source)))
    searchpath = [str(folder / "templates"), str(folder)]
    names = loaded | generate_ansible_template_vars(
        path=str(source), include_ansible_managed="ansible_managed" not in loaded
    )
    templar = Templar(loader=loader).copy_with_new_env(
        searchpath=searchpath, available_variables=names
    )
    made = templar.template(data, escape_backslashes=False, overrides=OVERRIDES)
    return "" if made is None else plain(str(made))


def value_of(loader, loaded, name):
    templar = Templar(loader=loader, variables=loaded)
    return typed(templar.template(trust_as_template("{{ %s }}" % name)))


def variables(folder, request):
    """Every variable of the files, as a task that uses it alone gets it."""
    try:
        loader, loaded = load(folder, request)
    except Exception as error:
        return {"vars": refusal(error, folder)}
    templar = Templar(loader=loader, variables=of_play(loader, loaded))
    result = {}
    for name, value in loaded.items():
        result[str(name)] = outcome(
            folder, lambda of=value: typed(templar.template(of))
        )
    return {"vars": result}


def plain_yaml(folder, request):
    """How PyYAML reads a stream, as kubernetes.core does."""

    def read():
        return [typed(document) for document in yaml.safe_load_all(request["stream"])]

    return {"pyyaml": outcome(folder, read)}


#: Collections beside ansible.builtin whose filters and tests templates use.
COLLECTIONS = ("ansible.utils", "community.general")


def names(folder, request):
    """Every filter and test by its full name (Jinja's own have none), and whether its
    short name leads to it; the functions; the lookups."""
    environment = Templar(loader=DataLoader()).copy_with_new_env().environment
    return {
        "filters": plugins(
            "filter", jinja2.filters.FILTERS, filter_loader, environment.filters
        ),
        "tests": plugins("test", jinja2.tests.TESTS, test_loader, environment.tests),
        "functions": sorted(environment.globals),
        "lookups": sorted(lookups()),
    }


#: Lookups of a collection that Ansible finds by their short names, too.
REDIRECTED = ("cartesian", "flattened")


def lookups():
    """Ansible's own lookups, by their short names."""
    yield from REDIRECTED
    for plugin in lookup_loader.all(class_only=True):
        if plugin.ansible_name.startswith("ansible.builtin."):
            yield plugin.ansible_name.removeprefix("ansible.builtin.")


def plugins(kind, of_jinja, loader, known):
    found = {f"jinja.{name}": True for name in of_jinja if name.isidentifier()}
    for plugin in loader.all():
        if plugin.ansible_name.startswith("ansible.builtin."):
            name = plugin.ansible_name.removeprefix("ansible.builtin.")
            if name not in of_jinja:
                found[plugin.ansible_name] = True
    for collection in COLLECTIONS:
        package = importlib.import_module(
            f"ansible_collections.{collection}.plugins.{kind}"
        )
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            of = importlib.import_module(module.name)
            if kind == "filter" and hasattr(of, "FilterModule"):
                own = of.FilterModule().filters()
            elif kind == "test" and hasattr(of, "TestModule"):
                own = of.TestModule().tests()
            else:
                continue
            found |= {
                f"{collection}.{name}": redirected(name, known, of_jinja)
                for name in own
            }
    return found


def redirected(name, known, of_jinja):
    """Whether the short name is the collection's, not Jinja's or ansible.builtin's."""
    builtin = f"ansible.builtin.{name}" in known
    return name in known and name not in of_jinja and not builtin


def outcome(folder, make):
    try:
        return make()
    except RecursionError as error:
        return {"refused": {"error": type(error).__name__, "message": "recursion"}}
    except Exception as error:
        return refusal(error, folder)


def refusal(error, folder):
    message = re.sub(r"0x[0-9a-f]+", "0x", str(error).replace(str(folder) + "/", ""))
    message = re.sub(r"parity-\w+", "parity", message)
    # Where Python gives up depends on what else runs.
    message = re.sub(r"(recursion depth exceeded)[a-z ]*", r"\1", message)
    lines = [line for line in message.splitlines() if line.strip()]
    return {
        "refused": {"error": type(error).__name__, "message": " ".join(lines)[:300]}
    }


def typed(value):
    nodes = itertools.count(1)

    def one(value):
        if next(nodes) > NODES:
            raise Bomb(f"more than {NODES} nodes")
        return typed_one(value, one)

    return one(value)


def typed_one(value, typed):
    """JSON that keeps types: null, booleans, text and lists as they are; integers as
    they are where every JSON reader keeps them; anything else as {type: content}."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) < 2**53 else {"int": str(int(value))}
    if isinstance(value, float):
        return {"float": repr(float(value))}
    if isinstance(value, str):
        return plain(str(value))
    if isinstance(value, dict):
        return {"dict": [[typed(key), typed(item)] for key, item in value.items()]}
    if isinstance(value, (list, tuple)):
        return [typed(item) for item in value]
    if isinstance(value, (datetime.datetime, datetime.date)):
        return {kind_of(value): value.isoformat()}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, (set, frozenset)):
        return {"set": sorted((typed(item) for item in value), key=repr)}
    return {"other": type(value).__name__}


def plain(text):
    """Text; where Python keeps bytes that are not UTF-8 in it, those bytes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return {"not utf-8": text.encode(errors="surrogateescape").hex()}
    return text


def kind_of(value):
    return "datetime" if isinstance(value, datetime.datetime) else "date"


if __name__ == "__main__":
    main()
