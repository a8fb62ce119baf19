# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Makes the expected results of the corpus with ansible-core, kubectl and PyYAML, and
compares Chandlery's with them.

``python3 -m testbed.parity`` writes its folder ``expected``; ``--check`` only says what
would change.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import cache, go_programs, odoo, parity_cases, worker
from .instance import CHECKOUT
from .parity_cases import FOLDER, Problem

REQUIREMENTS = Path(__file__).with_name("requirements-parity.txt")
ORACLE = Path(__file__).with_name("parity_ansible.py")

#: The document that a yaml case's fields are put into; kubectl wants at least these.
IN_HEAD = ("apiVersion", "kind", "metadata")
HEAD = "apiVersion: parity/v1\nkind: Case\nmetadata:\n  name: case\n"

#: What the debug action says when its `msg` is omitted.
DEBUG_WITHOUT_MSG = "Hello world!"

#: Ansible's set filters give an order that depends on it: such results are marked
#: `"order": "random"`.
HASH_SEEDS = (0, 1, 2)

#: Typed values that have no JSON.
NO_JSON = re.compile(r'{"(bytes|date|datetime|not utf-8|set|other)":')

#: How many cases a real playbook renders, too.
SAMPLE = 60


def main():
    arguments = command_line().parse_args()
    begun = time.monotonic()
    try:
        reference = Reference()
        families = [
            family
            for family in parity_cases.families()
            if arguments.family in (None, family.name)
        ]
        results = reference.results(families)
        folders = [] if arguments.family else parity_cases.templates()
        wholes = {folder: reference.whole(folder) for folder in folders}
        (names,) = reference.ansible([{"do": "names"}])
        files = {family.expected: lines(results[family.path]) for family in families}
        for folder, (text, documents) in wholes.items():
            place = FOLDER / "expected" / "templates" / folder.name
            files[place / "rendered"] = text
            files[place / "documents.json"] = (
                json.dumps(documents, indent=1, sort_keys=True) + "\n"
            )
        files[FOLDER / "expected" / "names.json"] = (
            json.dumps(names, indent=1, sort_keys=True) + "\n"
        )
        stale = [] if arguments.family else leftovers(files)
        changed = report(files, stale)
        if not arguments.check:
            write(files, stale)
        summary(families, results, wholes)
        disagreements = reference.playbook(families, results, arguments.sample)
        here = None if arguments.family else ours(not arguments.check)
    except Problem as problem:
        print(*problem.lines(), sep="\n", file=sys.stderr)
        return 1
    print(f"{time.monotonic() - begun:.0f} s")
    if here:
        print(here)
    wrong = disagreements or (here and not here.endswith(" 0 different"))
    return 1 if wrong or (arguments.check and changed) else 0


def command_line():
    parser = argparse.ArgumentParser(
        prog="python3 -m testbed.parity", description=__doc__
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; fail if anything differs"
    )
    parser.add_argument("--family", help="only the cases of this family")
    parser.add_argument(
        "--sample",
        type=int,
        default=SAMPLE,
        help="how many cases a real playbook renders, too (default %(default)s)",
    )
    return parser


class Reference:
    """Ansible, kubectl and PyYAML as they are installed in the cache."""

    def __init__(self):
        log = cache.folder() / "logs" / "parity.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        self.python = odoo.environment("parity", REQUIREMENTS, log)
        given = os.environ.get("KUBECTL")
        self.kubectl = Path(given) if given else go_programs.build("kubectl", log)

    def environment(self, home):
        """Nothing of the machine's or the person's settings shows through."""
        settings = Path(home) / "ansible.cfg"
        settings.touch()
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "TZ": "UTC",
            "LC_ALL": "C.UTF-8",
            "PYTHONHASHSEED": str(HASH_SEEDS[0]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "ANSIBLE_CONFIG": str(settings),
            "ANSIBLE_NOCOLOR": "1",
        }

    def results(self, families):
        """{family's path: {case: expected}}"""
        requests, owners = [], []
        results = {family.path: {} for family in families}
        streams = []
        for family in families:
            for case in family.cases:
                if "refused" in case.sections:
                    results[family.path][case.name] = {"must": "refuse"}
                    continue
                request = REQUESTS[family.kind](family.shared, case.sections)
                requests.append(request)
                owners.append((family, case))
                if family.kind == "yaml":
                    streams.append((family, case, request))
        with ThreadPoolExecutor(2) as pool:
            runs = list(pool.map(lambda seed: self.ansible(requests, seed), HASH_SEEDS))
        for (family, case), *answers in zip(owners, *runs, strict=True):
            if any(answer != answers[0] for answer in answers):
                answers[0]["order"] = "random"
            results[family.path][case.name] = answers[0]
        with ThreadPoolExecutor(2) as pool:
            read = pool.map(lambda one: self.kubectl_reads(one[2]["stream"]), streams)
            for (family, case, request), kubectl in zip(streams, read, strict=True):
                entry = results[family.path][case.name]
                entry["kubectl"] = kubectl
                if request["wrapped"]:
                    unwrap(entry)
                entry["readings"] = "same" if same_reading(entry) else "differ"
        return results

    def ansible(self, requests, hash_seed=0):
        with tempfile.TemporaryDirectory() as home:
            done = subprocess.run(
                [self.python, "-B", ORACLE],
                input=json.dumps(requests),
                capture_output=True,
                text=True,
                cwd=home,
                env=self.environment(home) | {"PYTHONHASHSEED": str(hash_seed)},
            )
        if done.returncode:
            raise Problem(f"Ansible could not play the cases:\n{done.stderr[-6000:]}")
        return json.loads(done.stdout)

    def kubectl_reads(self, stream):
        """The documents as kubectl decodes them; removing a label that is not there
        changes nothing."""
        with tempfile.TemporaryDirectory() as home:
            file = Path(home) / "stream.yaml"
            file.write_bytes(stream.encode())
            done = subprocess.run(
                [
                    self.kubectl,
                    "label",
                    "--local",
                    "-f",
                    file,
                    "-o",
                    "json",
                    "parity.invalid/none-",
                ],
                capture_output=True,
                text=True,
                cwd=home,
                env=self.environment(home) | {"KUBECONFIG": os.devnull},
                timeout=60,
            )
        if done.returncode:
            message = done.stderr.strip().replace(str(file), "stream.yaml")
            return {"refused": {"error": "kubectl", "message": message[:300]}}
        return [
            without_empty_labels(typed(value)) for value in json_documents(done.stdout)
        ]

    def whole(self, folder):
        """A whole template: its text, and what kubectl reads in it (null where that is
        no manifest)."""
        source = next(folder.glob("template.*"))
        others = {
            path.relative_to(folder).as_posix(): path.read_text()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
            and path != source
            and path.name not in ("vars.yml", "passwords")
        }
        request = {
            "do": "template",
            "vars": [(folder / "vars.yml").read_text()],
            "passwords": passwords_of(folder / "passwords"),
            "files": others,
            "template": source.read_text(),
        }
        (answer,) = self.ansible([request])
        if not isinstance(answer.get("text"), str):
            raise Problem(f"Ansible does not render {source}: {answer}")
        if source.suffixes[:1] not in ([".yml"], [".yaml"]):
            return answer["text"], None
        documents = self.kubectl_reads(answer["text"])
        if isinstance(documents, dict):
            raise Problem(f"kubectl does not read what {source} renders: {documents}")
        return answer["text"], documents

    def playbook(self, families, results, size):
        """Plays a sample of the cases with ansible-playbook; what comes out must be
        what is expected."""
        sample = [
            one
            for one in chosen(families)
            if can_be_played(results[one[0].path][one[1].name])
        ][:size]
        if not sample:
            return 0
        with tempfile.TemporaryDirectory() as home:
            home = Path(home)
            plays = []
            for number, (_, _, request) in enumerate(sample):
                plays.append(play(home / str(number), request))
            (home / "play.json").write_text(json.dumps(plays))
            done = subprocess.run(
                [
                    self.python,
                    "-B",
                    "-m",
                    "ansible",
                    "playbook",
                    "-i",
                    "localhost,",
                    home / "play.json",
                ],
                capture_output=True,
                text=True,
                cwd=home,
                env=self.environment(home)
                | {
                    "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
                    "ANSIBLE_LOCAL_TEMP": str(home / "local"),
                    "ANSIBLE_REMOTE_TEMP": str(home / "remote"),
                },
            )
            start = done.stdout.find("{\n")
            if start < 0:
                raise Problem(
                    f"ansible-playbook could not run:\n{done.stdout}{done.stderr}"
                )
            played = json.loads(done.stdout[start:])["plays"]
            wrong = 0
            for number, (family, case, _) in enumerate(sample):
                for what, found, expected in compared(
                    home / str(number), played[number], results[family.path][case.name]
                ):
                    wrong += 1
                    print(f"PLAYBOOK DIFFERS {family.name}: {case.name} ({what})")
                    print(f"  playbook   {json.dumps(found)[:300]}")
                    print(f"  in process {json.dumps(expected)[:300]}")
        print(
            f"playbook: {len(sample)} cases played, "
            f"{wrong} differ from what the templar made in process"
        )
        return wrong


def jinja_request(shared, sections):
    request = {
        "do": "template",
        "vars": [text for text in (shared.get("vars"), sections.get("vars")) if text],
        "passwords": passwords(
            shared.get("passwords", "") + sections.get("passwords", "")
        ),
        "files": files_of(shared) | files_of(sections),
    }
    if "expression" in sections:
        request["value"] = "{{ %s }}" % sections["expression"]
        request["template"] = f"<{request['value']}>"
    for name in ("template", "value"):
        if name in sections:
            request[name] = sections[name]
    return request


def vars_request(shared, sections):
    own = f"value: {sections['scalar']}\n" if "scalar" in sections else sections["vars"]
    return {
        "do": "vars",
        "vars": [text for text in (shared.get("vars"), own) if text],
        "passwords": passwords(
            shared.get("passwords", "") + sections.get("passwords", "")
        ),
    }


def yaml_request(shared, sections):
    if "stream" in sections:
        return {"do": "yaml", "stream": sections["stream"], "wrapped": False}
    if "scalar" in sections:
        body = f"value: {sections['scalar']}\n"
    elif "key" in sections:
        body = f"value:\n  {sections['key']}: 1\n"
    else:
        body = sections["yaml"]
    return {"do": "yaml", "stream": HEAD + body, "wrapped": True}


REQUESTS = {"jinja": jinja_request, "vars": vars_request, "yaml": yaml_request}


def files_of(sections):
    return {
        name.removeprefix("file "): text
        for name, text in sections.items()
        if name.startswith("file ")
    }


def passwords(text):
    """`id: password` lines."""
    return dict(line.split(": ", 1) for line in text.splitlines())


def passwords_of(path):
    return passwords(path.read_text()) if path.exists() else {}


def typed(value):
    """A value of kubectl's JSON in the notation of the expected results; numbers as Go
    printed them."""
    if isinstance(value, dict):
        return {"dict": [[key, typed(item)] for key, item in value.items()]}
    if isinstance(value, list):
        return [typed(item) for item in value]
    if isinstance(value, Float):
        return {"float": value.text}
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**53:
        return {"int": str(value)}
    return value


EMPTY = {"dict": []}


class Float:
    def __init__(self, text):
        self.text = text


def json_documents(text):
    decoder = json.JSONDecoder(parse_float=Float)
    while text := text.lstrip():
        value, end = decoder.raw_decode(text)
        yield value
        text = text[end:]


def without_empty_labels(document):
    """`kubectl label` leaves an empty `metadata.labels` where there was none."""
    for pair in document["dict"]:
        key, item = pair
        if key == "metadata" and isinstance(item, dict):
            kept = [one for one in item["dict"] if one != ["labels", EMPTY]]
            pair[1] = {"dict": kept}
    document["dict"] = [one for one in document["dict"] if one != ["metadata", EMPTY]]
    return document


def unwrap(entry):
    """Leaves of the document what the case itself wrote."""
    for reader in ("kubectl", "pyyaml"):
        documents = entry[reader]
        if isinstance(documents, list):
            entry[reader] = [
                {"dict": [pair for pair in one["dict"] if pair[0] not in IN_HEAD]}
                if isinstance(one, dict) and "dict" in one
                else one
                for one in documents
            ]


def same_reading(entry):
    if "refused" in entry["kubectl"] or "refused" in entry["pyyaml"]:
        return "refused" in entry["kubectl"] and "refused" in entry["pyyaml"]
    documents = [one for one in entry["pyyaml"] if one is not None]
    return [as_sent(one) for one in entry["kubectl"]] == [
        as_sent(one) for one in documents
    ]


def as_sent(value):
    """A typed value as the API server would get it in JSON, where 1 and 1.0 are the
    same number."""
    if isinstance(value, list):
        return ("list", [as_sent(item) for item in value])
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return ("number", float(value))
    ((kind, content),) = value.items()
    if kind == "dict":
        return ("dict", sorted((sent_key(key), as_sent(item)) for key, item in content))
    if kind in ("int", "float"):
        return ("number", float(content))
    return (kind, content)


def sent_key(key):
    """Python's JSON writer makes text of a key that is none."""
    if isinstance(key, str):
        return key
    if key is None or isinstance(key, bool):
        return json.dumps(key)
    if isinstance(key, int):
        return str(key)
    return json.dumps(key)


#: What Python prints of an object without a text of its own: an address, new each run.
ADDRESS = re.compile(r" at 0x[0-9a-f]")


def lines(results):
    """One case per line, sorted by name: what changed is seen at once in a diff."""
    for name, result in results.items():
        if ADDRESS.search(json.dumps(result)):
            raise Problem(f"The case {name!r} has another result on each run: {result}")
    body = ",\n".join(
        f"{as_line(name)}: {as_line(result)}"
        for name, result in sorted(results.items())
    )
    return "{\n" + body + "\n}\n"


def as_line(value):
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def leftovers(files):
    place = FOLDER / "expected"
    return [
        path
        for path in sorted(place.rglob("*"))
        if path.is_file() and path not in files
    ]


def report(files, stale):
    """Says what differs from what is stored."""
    changed = 0
    for path, text in files.items():
        stored = path.read_text() if path.exists() else ""
        if stored == text:
            continue
        if path.parent.parent.name == "expected" and path.suffix == ".json":
            old, new = json.loads(stored or "{}"), json.loads(text)
            names = [
                name for name in sorted(old | new) if old.get(name) != new.get(name)
            ]
            changed += len(names)
            for name in names if stored else []:
                print(f"CHANGED {path.stem}: {name}")
                print(f"  stored {dump(old, name)}\n  now    {dump(new, name)}")
            if not stored:
                print(f"NEW {path.stem}: {len(names)} cases")
        else:
            changed += 1
            print(f"{'CHANGED' if stored else 'NEW'} {path.relative_to(FOLDER)}")
    for path in stale:
        changed += 1
        print(f"LEFT OVER {path.relative_to(FOLDER)}")
    return changed


def dump(results, name):
    return (
        json.dumps(results[name], ensure_ascii=False)[:300]
        if name in results
        else "absent"
    )


def write(files, stale):
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for path in stale:
        path.unlink()


def summary(families, results, wholes):
    total = 0
    for family in families:
        own = results[family.path]
        refused = sum("refused" in json.dumps(result) for result in own.values())
        total += len(own)
        print(
            f"{family.kind:6} {family.name:24} {len(own):5} cases, "
            f"{refused:4} refused by the reference"
        )
    print(f"{total} cases and {len(wholes)} whole templates")


def ours(write):
    """What Chandlery makes of all cases: `N same, N refused, N different`. With `write`
    the list of those that are not the same is written anew."""
    cargo = worker.cargo(cache.folder() / "logs" / "parity.log")
    done = subprocess.run(
        [cargo, "test", "--locked", "--quiet", "--workspace", "--test", "parity"]
        + ["--", "--nocapture"],
        cwd=CHECKOUT,
        env=worker.cargo_environment() | ({"PARITY_WRITE": "1"} if write else {}),
        stdout=subprocess.PIPE,
        text=True,
    )
    counts = re.findall(r"^\d+ same, \d+ refused, \d+ different$", done.stdout, re.M)
    if done.returncode or not counts:
        raise Problem(f"Chandlery's side failed:\n{done.stdout[-6000:]}")
    return counts[-1]


def chosen(families):
    """The same cases each time, spread over the families; all that a play can show."""
    found = []
    for family in families:
        if family.kind == "jinja":
            for case in family.cases:
                if "refused" not in case.sections:
                    request = jinja_request(family.shared, case.sections)
                    if not request["passwords"] and not asks_hosts(request):
                        found.append((family, case, request))
    return sorted(found, key=lambda one: hashlib.sha256(one[1].name.encode()).digest())


def asks_hosts(request):
    """Whether it asks for variables by their host: of a play's own files there are
    none, only of the inventory and of --extra-vars."""
    return "hostvars" in json.dumps(request)


def can_be_played(result):
    """Whether a play can show it: a vars file that cannot be read ends the whole
    playbook, and its JSON holds no dates."""
    if "order" in result or "vars" in result:
        return False
    return not NO_JSON.search(json.dumps(result))


def play(folder, request):
    """A play that renders one case."""
    folder.mkdir()
    names = []
    for number, text in enumerate(request["vars"]):
        names.append(str(folder / f"vars{number}.yml"))
        Path(names[-1]).write_bytes(text.encode())
    for name, text in request["files"].items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(text.encode())
    own = {}
    tasks = []
    if "template" in request:
        (folder / "template.j2").write_bytes(request["template"].encode())
        task = {"src": str(folder / "template.j2"), "dest": str(folder / "rendered")}
        tasks.append(
            {"name": "text", "ansible.builtin.template": task, "ignore_errors": True}
        )
    if "value" in request:
        own["parity_value"] = request["value"]
        task = {"msg": "{{ parity_value }}"}
        tasks.append(
            {"name": "value", "ansible.builtin.debug": task, "ignore_errors": True}
        )
    return {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": own | {"ansible_python_interpreter": "{{ ansible_playbook_python }}"},
        "vars_files": names,
        "tasks": tasks,
    }


def compared(folder, played, expected):
    """What differs between a play and the expected result: (what, found, expected)."""
    for task in played["tasks"]:
        what = task["task"]["name"]
        result = task["hosts"]["localhost"]
        wanted = expected.get(what, expected.get("vars"))
        refused = isinstance(wanted, dict) and "refused" in wanted
        if what == "text":
            place = folder / "rendered"
            found = (
                place.read_bytes().decode()
                if place.exists()
                else {"refused": result.get("msg")}
            )
        elif result.get("failed") or result["msg"] == DEBUG_WITHOUT_MSG:
            found = {"refused": result["msg"]}
        else:
            found = result["msg"]
        if isinstance(found, dict) and set(found) == {"refused"}:
            same = refused
        else:
            wished = wanted if what == "text" else untyped(wanted)
            same = not refused and as_json(found) == as_json(wished)
        if not same:
            yield what, found, wanted


def as_json(value):
    """Text to compare by: 1 is not 1.0, and not-a-number is itself."""
    return json.dumps(value, sort_keys=True)


def untyped(value):
    """A typed value as JSON without types, as the callback prints it."""
    if isinstance(value, list):
        return [untyped(item) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "dict":
        return {sent_key(key): untyped(item) for key, item in content}
    return {"int": int, "float": float}.get(kind, str)(content)


if __name__ == "__main__":
    sys.exit(main())
