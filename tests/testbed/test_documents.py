# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What the documents say that a program can compare with the source."""

import json
import re
import unittest

from testbed.instance import CHECKOUT

LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE_BLOCK = re.compile(r"^```.*?^```$", re.M | re.S)


def read(path):
    return (CHECKOUT / path).read_text()


def documents():
    """The Markdown files of the checkout that people have written."""
    places = ["*.md", "docs/**/*.md", "catalog/**/*.md", "odoo_addon/**/*.md"]
    places += ["examples/*/*.md"]
    places += ["tests/*/README.md", "crates/**/*.md"]
    found = {path for place in places for path in CHECKOUT.glob(place)}
    # It quotes what the API server says, brackets and all.
    return sorted(found - {CHECKOUT / "docs/refusals.md"})


def anchors(text):
    """The anchors that GitHub gives to the headings of a text."""
    titles = re.findall(r"^#+ (.+)$", CODE_BLOCK.sub("", text), re.M)
    plain = (re.sub(r"[^\w\- ]", "", title.lower()) for title in titles)
    return {title.replace(" ", "-") for title in plain}


class LinksTest(unittest.TestCase):
    def test_every_link_leads_to_a_file_and_a_heading_that_exist(self):
        dead = []
        for document in documents():
            for link in LINK.findall(CODE_BLOCK.sub("", document.read_text())):
                path, _, anchor = link.partition("#")
                if ":" in path:
                    continue
                target = (document.parent / path).resolve() if path else document
                is_dead = not target.exists() or (
                    anchor and anchor not in anchors(target.read_text())
                )
                if is_dead:
                    dead.append(f"{document.relative_to(CHECKOUT)}: {link}")
        self.assertEqual(dead, [])

    def test_the_architecture_names_paths_as_links_so_that_they_are_checked(self):
        text = read("ARCHITECTURE.md")
        linked = set(LINK.findall(text))
        self.assertGreater(len(linked), 100)
        unlinked = re.sub(r"\[[^]]*\]\([^)]*\)", "", text)
        paths = re.findall(r"`([\w./-]+\.(?:rs|py|xml|toml|yaml))`", unlinked)
        self.assertEqual(paths, ["mod.rs"])


def sections(text):
    """What stands under each heading of a Markdown text."""
    parts = re.split(r"^#+ (.+)$", CODE_BLOCK.sub("", text), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def rows(text):
    """The words in code of each table row's first cell, and the other cells."""
    found = re.findall(r"^\| (`.+?) \| (.*) \|$", text, re.M)
    return [(re.findall(r"`([^`]+)`", cell), rest) for cell, rest in found]


def first_cells(text):
    return [words for words, _ in rows(text)]


def members_told(text):
    """The members that the tables of a text name: whether they may be null, and since
    which version of the contract they are there."""
    told = {}
    for names, said in rows(text):
        for name in names:
            since = re.search(
                rf"(?:Since|`{re.escape(name)}` since) version (\d+)", said
            )
            told[name.replace("[]", "")] = (
                "or null" in said.split(" | ")[0],
                int(since[1]) if since else None,
            )
    return told


#: What is made of itself has a chapter of its own.
OF_ITSELF = "Words"


def places(root, node):
    """What a JSON Schema says of one place, with all that it refers to and offers."""
    yield node
    name = node.get("$ref", "").removeprefix("#/$defs/")
    if name and name != OF_ITSELF:
        yield from places(root, root["$defs"][name])
    for choice in (*node.get("anyOf", ()), *node.get("oneOf", ())):
        yield from places(root, choice)


def members(root, node, path="", stop=()):
    """The paths of all members that a JSON Schema knows, with what ``members_told``
    says of them, those of a list's items as if it had one; of what is in ``stop``,
    another place tells the members."""
    said = list(places(root, node))
    is_nullable = any("null" in place.get("type", ()) for place in said)
    found = {path: (is_nullable, node.get("since"))}
    for place in said if path not in stop else ():
        for name, inner in place.get("properties", {}).items():
            inner_path = f"{path}.{name}".lstrip(".")
            found = members(root, inner, inner_path, stop) | found
        if "items" in place:
            found = members(root, place["items"], path, stop) | found
    return found


#: Members of the contract whose own members are told elsewhere.
ELSEWHERE = {
    "claim_request": (),
    "claim_response": ("jobs",),
    "report_request": ("worker", "jobs.outcome.error", "jobs.outcome.result"),
    "report_response": (),
    "observe_request": ("worker", "apps.observation"),
    "observe_response": (),
}
IN_JOB = ("reset_manifests", "cluster.policy", "app.inventory")
IN_RESULT = (
    *("git.manifests", "inventory", "observation", "preview.files", "preview.objects"),
    *("preview.problems", "preview.warnings", "index.packages", "index.problems"),
)


class ContractTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sections = sections(read("docs/contract.md"))
        folder = CHECKOUT / "tests/contract"
        cls.schemas = {
            name: json.loads((folder / f"{name}.schema.json").read_text())
            for name in ELSEWHERE
        }
        cls.vocabulary = json.loads((folder / "vocabulary.json").read_text())

    def assert_told(self, text, found):
        """That the tables of a text name exactly these members."""
        told = members_told(text)
        # An object is told by its members.
        objects = {
            path for path in found if any(p.startswith(f"{path}.") for p in found)
        }
        self.assertEqual(found.keys() - {""} - objects - told.keys(), set())
        self.assertEqual(told.keys() - found.keys(), set())
        self.assertEqual({path: found[path] for path in told}, told)

    def test_every_member_of_the_calls_is_told(self):
        for name, stop in ELSEWHERE.items():
            call, side = name.split("_")
            request, answer = self.sections[call].split("Answer:")
            text = request if side == "request" else answer
            schema = self.schemas[name]
            with self.subTest(name):
                self.assert_told(text, members(schema, schema, stop=stop))

    def test_every_member_of_jobs_results_and_problems_is_told(self):
        for title, schema, name, stop, prefix in (
            ("Policy", "claim_response", "Policy", (), "policy"),
            ("Object reference", "claim_response", "ObjectRef", (), ""),
            ("Result", "report_request", "JobResult", IN_RESULT, ""),
            ("Package", "report_request", "PackageSeen", (), ""),
            ("Problem", "report_request", "Problem", (), ""),
            ("Observation", "observe_request", "Observation", (), ""),
        ):
            root = self.schemas[schema]
            with self.subTest(title):
                found = members(root, root["$defs"][name], prefix, stop)
                self.assert_told(self.sections[title], found)

    def test_every_member_of_jobs_is_told(self):
        root = self.schemas["claim_response"]
        found = members(root, root["$defs"]["Job"], stop=IN_JOB)
        text = self.sections["Job"]
        # Odoo says null of what the job's kind has no use for.
        for path in ("app", "message"):
            self.assertEqual(
                (members_told(text)[path][0], found[path][0]), (True, False)
            )
            found[path] = (True, found[path][1])
        self.assert_told(text, found)

    def test_every_kind_step_and_outcome_is_told(self):
        kinds = [words[0] for words in first_cells(self.sections["Kinds"])]
        self.assertEqual(kinds, self.vocabulary["job_kinds"])
        outcomes = [words[0] for words in first_cells(self.sections["Outcomes"])]
        self.assertEqual(outcomes, self.vocabulary["outcome_states"])
        steps = self.sections["Steps"].split(". Odoo")[0]
        self.assertEqual(re.findall(r"`(\w+)`", steps), self.vocabulary["step_codes"])

    def test_every_code_is_told_with_what_it_says_of_trying_again(self):
        reported, others = self.sections["Codes"].split("Not in reports:")
        rows = re.findall(r"^\| (`.+?) \| (yes|no|either) \|", reported, re.M)
        told = {
            code: retry
            for codes, retry in rows
            for code in re.findall(r"`(\w+)`", codes)
        }
        rest = {word for words in first_cells(others) for word in words}
        codes = self.vocabulary["error_codes"]
        self.assertEqual(told.keys() & rest, set())
        self.assertEqual(told.keys() | rest, codes.keys() | codes_of_odoo())
        self.assertEqual(told, {code: codes.get(code, told[code]) for code in told})


class InstallationTest(unittest.TestCase):
    def test_the_variables_that_manifests_get_are_the_same_everywhere(self):
        table = sections(read("docs/installation.md"))["Variables that manifests get"]
        told = {word for cell in first_cells(table) for word in cell}
        given = read("src/manifest/given.rs").split("NAMES:")[1].split("];")[0]
        names = re.findall(r'"(\w+)"', given)
        odoo = read("odoo_addon/kubernetes_hosting/models/kubernetes_values.py")
        known = odoo.split("GIVEN_VARIABLES = frozenset(")[1].split("]")[0]
        self.assertEqual(told, set(names))
        self.assertEqual(set(re.findall(r'"(\w+)"', known)), set(names))

    def test_the_recipe_for_a_kubeconfig_is_the_one_that_is_tried(self):
        recipe = read("docs/installation.md").split("umask 077")[1].split("```")[0]
        commands = [line for line in recipe.splitlines() if line]
        rbac = read("config/rbac.yaml")
        self.assertGreater(len(commands), 8)
        self.assertEqual([line for line in commands if line not in rbac], [])


class ContributingTest(unittest.TestCase):
    def test_the_tests_that_are_named_exist(self):
        text = read("CONTRIBUTING.md")
        for crate, name in re.findall(r"(?:-p (\S+) )?--test (\w+)", text):
            with self.subTest(name):
                folder = CHECKOUT / ("crates" if crate else "") / crate / "tests"
                files = [folder / f"{name}.rs", folder / name / "main.rs"]
                self.assertTrue(any(file.exists() for file in files))
        rust = [path.read_text() for path in CHECKOUT.glob("src/**/*.rs")]
        rust += [path.read_text() for path in CHECKOUT.glob("tests/**/*.rs")]
        names = re.findall(r"cargo test --locked (?:--lib|--test \w+ --) (\w+)", text)
        for name in names:
            with self.subTest(name):
                module = any((CHECKOUT / "src").glob(f"**/{name}*"))
                self.assertTrue(module or any(f"fn {name}" in code for code in rust))
        for module, case, _, test in re.findall(r"/(\w+):(Test\w+)(\.(\w+))?", text):
            with self.subTest(case):
                files = (CHECKOUT / "odoo_addon" / module / "tests").glob("*.py")
                found = [code for code in map(read, files) if f"class {case}(" in code]
                self.assertTrue(found)
                self.assertIn(f"def {test}", found[0])
        self.assertGreater(len(names), 2)


class OperationsTest(unittest.TestCase):
    def metrics(self):
        """The metrics that the worker registers, as Prometheus names them."""
        source = read("src/telemetry/metrics.rs").split("mod tests {")[0]
        types = dict(re.findall(r"^ +(\w+): (?:Family<\w+, )?(\w+)>?,$", source, re.M))
        calls = re.findall(
            r'registry\.register(?:_with_unit)?\(\s*"(\w+)",\s*"[^"]+",\s*'
            r"(?:Unit::(\w+),\s*)?(?:metrics\.(\w+)|(Info))",
            source,
        )
        self.assertEqual(len(calls), source.count("registry.register"))
        ends = {"Counter": "_total", "Info": "_info", "Gauge": "", "Histogram": ""}
        for name, unit, member, info in calls:
            kind = info or types[member]
            unit = f"_{unit.lower()}" if unit else ""
            yield f"chandlery_{name}{unit}{ends[kind]}", kind.lower()

    def test_every_metric_is_told_with_its_type(self):
        table = sections(read("docs/operations.md"))["Metrics"]
        told = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", table, re.M))
        self.assertEqual(told, dict(self.metrics()))

    def test_alerts_ask_for_metrics_that_there_are(self):
        text = read("config/alerts.yaml")
        asked = set(re.findall(r"chandlery_\w+", text))
        self.assertLessEqual(asked, {name for name, _ in self.metrics()})
        rules = text.split("- alert: ")[1:]
        self.assertGreater(len(rules), 5)
        for rule in rules:
            for part in ("expr:", "severity:", "summary:", "description:"):
                self.assertEqual(rule.count(part), 1, f"{rule}: {part}")


class ChartTest(unittest.TestCase):
    def test_the_files_of_the_chart_are_those_of_config(self):
        """Copies: links do not outlive every way to hand on a checkout, and helm reads
        nothing outside of the chart."""
        files = sorted((CHECKOUT / "config/chart/files").iterdir())
        self.assertEqual(len(files), 4)
        for file in files:
            self.assertEqual(file.read_text(), read(f"config/{file.name}"), file.name)


def codes_of_odoo():
    models = (CHECKOUT / "odoo_addon/kubernetes_hosting/models").glob("*.py")
    return {
        code
        for file in models
        for code in re.findall(
            r'(?:"code": |(?<!\.)\b(?:told_)?error\()"(\w+)"', file.read_text()
        )
    }
