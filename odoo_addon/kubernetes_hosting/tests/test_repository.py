# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import base64
from datetime import timedelta
from unittest.mock import patch

from psycopg2.errors import UniqueViolation

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tools import mute_logger

from ..models import kubernetes_repository_run
from ..models.kubernetes_package import version_key
from ..tools.labels import SelectorError, matches, read_labels, read_selector
from .common import KubernetesTransactionCase
from .library import URL, Library, digest

SVG = base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg'/>").decode()


class LibraryCase(Library, KubernetesTransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_library()
        cls.operator = cls.create_user("operator")

    @property
    def run_now(self):
        """The latest entry of the history."""
        return self.env["kubernetes.repository.run"].search([], limit=1)

    def version(self, name="1.0"):
        return self.package().version_ids.filtered(lambda one: one.name == name)


class TestRepository(LibraryCase):
    """Repositories: made, changed, looked at, indexed, archived, deleted."""

    def looked(self, url):
        repositories = self.env["kubernetes.repository"].with_user(self.operator)
        return repositories.request_look(url)

    def look_result(self, job_id):
        repositories = self.env["kubernetes.repository"].with_user(self.operator)
        return repositories.look_result(job_id)

    def test_a_repository_is_indexed_when_it_is_made(self):
        self.assertFalse(self.take(["deploy", "preview"]), "an older worker's kinds")
        job = self.take()
        self.assertEqual(job.repository_id, self.repository)
        self.assertEqual(job._contract_values()["options"], {"url": URL})
        self.tell([self.wiki()], job=job)
        self.assertEqual(job.state, "done")
        self.assertEqual(self.repository.package_count, 1)
        self.assertTrue(self.repository.indexed_at)

    def test_before_it_is_saved_a_worker_says_what_is_in_it(self):
        self.take()._finish("done")
        asked = self.looked(f"  {URL}/ ")
        self.assertEqual(asked["state"], "waiting")
        self.assertEqual(self.look_result(asked["job_id"]), {"state": "waiting"})
        job = self.take()
        self.assertEqual(job.id, asked["job_id"])
        self.assertFalse(job.repository_id)
        self.assertEqual(job._contract_values()["options"], {"url": URL})
        problems = self.report()["outcome"]["result"]["index"]["problems"]
        self.tell([self.wiki()], problems, job)
        found = self.look_result(job.id)
        self.assertEqual(found["state"], "done")
        self.assertEqual(found["found"]["package_count"], 1)
        self.assertEqual(found["found"]["packages"][0]["title"], "Wiki")
        self.assertEqual(found["found"]["problems"][0]["line"], 1)
        self.assertFalse(self.repository.package_ids, "it is not this one's")

    def test_a_look_says_why_nobody_can_read_it(self):
        for url in ("ftp://example.com", "packages", "https://u:p@example.com"):
            self.assertEqual(self.looked(url)["state"], "refused", url)
        self.assertIn("?", self.looked("https://example.com/?a=b")["message"])
        self.indexer.last_seen = fields.Datetime.now() - timedelta(minutes=5)
        self.assertEqual(self.looked(URL), {"state": "no_worker"})
        self.indexer.last_seen = fields.Datetime.now()
        self.take()._finish("done")
        asked = self.looked(URL)
        error = {
            "code": "repository_fetch",
            "message": "There is no index.json at this address.",
            "hint": "Correct the URL.",
        }
        job = self.take()
        job._finish("failed", error)
        found = self.look_result(asked["job_id"])
        self.assertEqual(found["state"], "failed")
        self.assertIn("There is no index.json", found["message"])
        self.assertIn("Correct the URL.", found["message"])

    def test_a_url_that_cannot_be_read_is_refused(self):
        for url in ("catalog", "https://user:word@example.com/x", f"{URL}#x"):
            with self.assertRaises(ValidationError):
                self.repository.url = url
        self.repository.url = f"{URL}/other/"
        self.assertEqual(self.repository.url, f"{URL}/other")
        self.assertEqual(self.repository.host, "127.0.0.1:8090")

    def test_one_index_at_a_time(self):
        first = self.repository.live_job_id
        self.repository.action_index()
        self.repository._enqueue_index()
        self.assertEqual(self.repository.live_job_id, first)
        job = self.take()
        self.assertEqual(job, first)
        self.repository.action_index()
        self.assertFalse(self.take(), "it is being read")
        with (
            self.assertRaises(UniqueViolation),
            mute_logger("odoo.sql_db"),
            self.env.cr.savepoint(),
        ):
            self.env["kubernetes.job"]._enqueue_index(
                self.repository, URL, self.env.company
            )

    def test_what_was_read_elsewhere_is_not_taken_over(self):
        job = self.take()
        self.repository.url = f"{URL}/new"
        self.tell([self.wiki()], job=job)
        self.assertFalse(self.repository.package_ids)
        self.tell([self.wiki()])
        self.assertTrue(self.repository.package_ids)

    def test_the_schedule_asks_when_it_is_time(self):
        self.tell([self.wiki()])
        repositories = self.env["kubernetes.repository"]
        repositories._cron_index()
        self.assertFalse(self.repository.live_job_id)
        self.repository.indexed_at = fields.Datetime.now() - timedelta(hours=25)
        repositories._cron_index()
        self.assertTrue(self.repository.live_job_id)
        self.tell([self.wiki()])
        self.repository.index_hours = 0
        self.repository.indexed_at = fields.Datetime.now() - timedelta(hours=2500)
        repositories._cron_index()
        self.assertFalse(self.repository.live_job_id, "only by the button")

    def test_an_archived_repository_is_not_read(self):
        self.tell([self.wiki()])
        self.repository.active = False
        self.repository.indexed_at = False
        self.env["kubernetes.repository"]._cron_index()
        self.assertFalse(self.take())
        with self.assertRaisesRegex(UserError, "archived"):
            self.repository.action_index()
        with self.assertRaisesRegex(UserError, "archived"):
            self.package().action_install()
        self.repository.active = True
        self.assertTrue(self.take(), "it is read when it comes back")

    def test_it_is_not_deleted_while_apps_use_it(self):
        self.tell([self.wiki()])
        app = self.create_app()
        app._made_of(self.version())
        with self.assertRaisesRegex(UserError, r"in use by shop \(prod\)"):
            self.repository.unlink()
        app.sudo().state = "deleted"
        manifest = self.version()._manifests("deploy")
        self.repository.unlink()
        self.assertFalse(app.package_version_id)
        self.assertTrue(manifest.exists(), "what was made of it stays")

    def test_only_operators_keep_repositories(self):
        user = self.create_user("user")
        self.tell([self.wiki()])
        mine = self.repository.with_user(user)
        self.assertEqual(mine.package_ids.mapped("title"), ["Wiki"])
        for call in (mine.action_index, mine.unlink, lambda: mine.write({"name": "x"})):
            with self.assertRaises(AccessError):
                call()
        with self.assertRaises(AccessError):
            mine.request_look(URL)
        with self.assertRaises(AccessError):
            self.package().with_user(self.operator).write({"title": "Mine"})

    def test_another_company_sees_nothing_of_it(self):
        self.tell([self.wiki()])
        company = self.env["res.company"].create({"name": "Other"})
        other = self.create_user(
            "operator",
            login="other",
            company_id=company.id,
            company_ids=[fields.Command.set(company.ids)],
        )
        for model in ("repository", "repository.run", "package", "package.version"):
            records = self.env[f"kubernetes.{model}"].with_user(other)
            self.assertFalse(records.search([]), model)

    # -- what all companies share ------------------------------------------------

    def of_another_company(self, group="operator"):
        company = self.env["res.company"].search([("name", "=", "Other")]) or self.env[
            "res.company"
        ].create({"name": "Other"})
        return self.create_user(
            group,
            login=f"other-{group}",
            company_id=company.id,
            company_ids=[fields.Command.set(company.ids)],
        )

    def test_what_has_no_company_all_companies_read_and_administrators_keep(self):
        self.repository.company_id = False
        self.tell([self.wiki()])
        other = self.of_another_company()
        for model in (
            "repository",
            "repository.run",
            "package",
            "package.category",
            "package.version",
        ):
            records = self.env[f"kubernetes.{model}"]
            mine = records.with_user(other).search([])
            self.assertTrue(mine, model)
            self.assertFalse(mine.company_id, model)
        shared = self.repository.with_user(other)
        for call in (
            shared.action_index,
            shared.unlink,
            lambda: shared.write({"name": "x"}),
            lambda: shared.create(
                {"name": "x", "url": f"{URL}/x", "company_id": False}
            ),
        ):
            with self.assertRaises(AccessError):
                call()
        self.repository.with_user(self.of_another_company("administrator")).name = "x"
        self.assertEqual(self.repository.name, "x")

    def test_whoever_makes_something_of_a_shared_package_makes_it_for_their_company(
        self,
    ):
        self.repository.company_id = False
        self.tell([self.wiki()])
        other = self.of_another_company()
        package = self.package().with_user(other)
        self.assertEqual(package.cluster_ids, self.cluster)
        wizard = self.env["kubernetes.package.install"].with_user(other)
        wizard = wizard.browse(package.action_install()["res_id"])
        wizard.name = "theirs"
        for line in wizard.line_ids:
            line["secret_value" if line.is_secret else "value"] = "x"
        app = self.env["kubernetes.app"].browse(wizard.action_install()["res_id"])
        company = other.company_id
        self.assertEqual(
            app.company_id | app.config_map_id.company_id | app.secret_id.company_id,
            company,
        )
        manifest = app.manifest_line_ids.manifest_id
        self.assertFalse(manifest.company_id, "is the shared package's")
        with self.assertRaisesRegex(ValidationError, "other companies have apps"):
            self.repository.company_id = self.env.company

    def test_a_repository_that_becomes_shared_takes_its_packages_along(self):
        self.tell([self.wiki()])
        manifest = self.version()._manifests("deploy")
        self.assertEqual(manifest.company_id, self.env.company)
        self.repository.company_id = False
        package = self.package()
        self.assertFalse(package.company_id | manifest.company_id)
        self.tell([self.wiki()])
        self.assertFalse(package.category_id.company_id, "is indexed once more")

    def test_a_url_is_once_for_all_companies(self):
        self.repository.company_id = False
        with (
            self.assertRaises(UniqueViolation),
            mute_logger("odoo.sql_db"),
            self.env.cr.savepoint(),
        ):
            self.repository.create({"name": "x", "url": URL, "company_id": False})

    # -- what needs attention ----------------------------------------------------

    def attention(self, user=None):
        self.env.flush_all()
        self.env["kubernetes.attention"].invalidate_model()
        rows = self.env["kubernetes.attention"].with_user(user or self.operator)
        return rows.search([("reason", "=", "repository_failed")])

    def fails(self):
        self.repository.action_index()
        error = {
            "code": "repository_fetch",
            "message": "There is no index.json at this address.",
            "hint": "Correct the URL.",
        }
        self.take()._finish("failed", error)

    def test_a_repository_that_cannot_be_read_needs_attention(self):
        self.tell([self.wiki()])
        self.assertFalse(self.attention())
        before = fields.Datetime.now() - timedelta(seconds=1)
        self.fails()
        row = self.attention()
        self.assertEqual(row.name, "Catalog")
        self.assertIn("There is no index.json at this address.", row.details)
        self.assertIn("Index Now", row.details)
        self.assertGreaterEqual(row.since, before)
        action = row.action_open()
        self.assertEqual(
            (action["res_model"], action["res_id"]),
            ("kubernetes.repository", self.repository.id),
        )
        # Since the first time that it failed.
        since = fields.Datetime.now() - timedelta(days=2)
        self.repository.failed_since = since
        self.fails()
        self.assertEqual(self.attention().since, since)
        # Not of another company's, but of what all share.
        other = self.of_another_company()
        self.assertFalse(self.attention(other))
        self.repository.company_id = False
        self.assertTrue(self.attention(other))
        self.repository.active = False
        self.assertFalse(self.attention())
        self.repository.active = True
        self.tell([self.wiki()])
        self.assertFalse(self.attention())
        self.assertFalse(self.repository.error or self.repository.failed_since)

    def test_what_failed_is_read_in_german(self):
        self.env["res.lang"]._activate_lang("de_DE")
        self.tell([self.wiki()])
        self.fails()
        row = self.attention().with_context(lang="de_DE")
        self.assertIn("Jetzt indexieren", row.hint)

    def test_labels_category_and_selector(self):
        self.repository.write(
            {"labels": "stage=stable", "category": "Other", "selector": "stage,!old"}
        )
        old = self.wiki(name="old", labels=[{"key": "old", "value": ""}], digest="x")
        plain = self.wiki(name="plain", category="", labels=[], digest="y")
        self.tell([self.wiki(), old, plain])
        self.assertEqual(self.package().category_id.name, "Knowledge")
        self.assertEqual(self.package().labels, "stage=stable,tier=base")
        self.assertEqual(self.package("plain").category_id.name, "Other")
        self.assertFalse(self.package("old"), "the selector keeps it out")
        for name, text in (("labels", "a b"), ("selector", "a in b"), ("labels", "!a")):
            with self.assertRaisesRegex(ValidationError, "cannot be read"):
                self.repository[name] = text

    def test_selectors_are_those_of_kubectl(self):
        labels = read_labels("tier=base, example.com/team=web")
        for text, holds in {
            "": True,
            "tier=base": True,
            "tier==base": True,
            "tier!=base": False,
            "tier in (base, top),example.com/team": True,
            "tier notin (base)": False,
            "!tier": False,
            "other!=x,!other": True,
            "other in (x)": False,
        }.items():
            self.assertEqual(matches(read_selector(text), labels), holds, text)
        for text in ("tier=", "a b", "in (x)", "tier in (a b)", "-a"):
            if text == "tier=":
                self.assertEqual(read_selector(text), [("tier", "In", [""])])
                continue
            with self.assertRaises(SelectorError):
                read_selector(text)

    def test_retry_of_an_index_indexes(self):
        job = self.take()
        job._finish("failed", {"code": "internal", "message": "It broke."})
        self.assertEqual(self.repository.error, "It broke.")
        job.with_user(self.operator).action_retry()
        self.tell([self.wiki()])
        self.assertFalse(self.repository.error)

    def test_of_the_history_the_latest_runs_stay(self):
        for _number in range(5):
            self.index(self.wiki())
        runs = self.env["kubernetes.repository.run"]
        kept = runs.search([], limit=2)
        with patch.object(kubernetes_repository_run, "KEPT_RUNS", 2):
            runs._gc_runs()
        self.assertEqual(runs.search([]), kept)

    def test_what_an_index_has_done_is_gone_after_a_day(self):
        job = self.tell([self.wiki()])
        job.finished_at = fields.Datetime.now() - timedelta(days=2)
        self.env["kubernetes.job"]._gc_awaited()
        self.assertFalse(job.exists())
        self.assertTrue(self.repository.run_ids)


class TestIndex(LibraryCase):
    """What an index makes of packages and versions."""

    def test_metadata_versions_and_digests_come_to_odoo(self):
        self.tell([self.wiki(icon=SVG, description="Paragraphs.")])
        package = self.package()
        self.assertEqual(
            (package.title, package.summary, package.version, package.licence),
            ("Wiki", "Pages that everybody writes.", "1.0", "MIT"),
        )
        self.assertEqual(package.icon.decode(), SVG)
        self.assertEqual(package.category_id.name, "Knowledge")
        self.assertEqual(self.version().digest, self.wiki()["digest"])
        self.assertIn("Kubernetes 1.30 or newer", package.needs_text)
        self.assertIn("generated for each app", package.variable_html)
        self.assertIn("must be set", package.variable_html)

    def test_the_history_says_what_changed_and_what_was_wrong(self):
        problems = self.report()["outcome"]["result"]["index"]["problems"]
        self.tell([self.wiki()], problems)
        run = self.run_now
        self.assertEqual(run.state, "done")
        self.assertIn("New: wiki 1.0", run.change_text)
        self.assertEqual((run.package_count, run.problem_count), (1, 1))
        for part in ("blog/package.yml, line 1, column 1", "has no `title`"):
            self.assertIn(part, run.problem_html)
        self.assertEqual(self.repository.problem_count, 1)
        self.index(self.wiki())
        run = self.run_now
        self.assertFalse(run.change_text)
        self.assertFalse(self.repository.problem_count)

    def test_what_cannot_be_read_stands_in_the_history_and_costs_nothing(self):
        self.tell([self.wiki()])
        self.repository.action_index()
        job = self.take()
        job._finish("failed", {"code": "repository_fetch", "message": "Not there."})
        self.assertEqual(self.run_now.state, "failed")
        self.assertEqual(self.run_now.error, "Not there.")
        self.assertEqual(self.repository.error, "Not there.")
        self.assertFalse(self.package().is_gone)

    def test_what_disappears_is_marked_and_comes_back(self):
        self.tell([self.wiki(), self.wiki(name="blog", digest="b")])
        self.index(self.wiki())
        blog = self.package("blog")
        self.assertTrue(blog.is_gone)
        self.assertTrue(blog.version_ids.is_gone)
        self.assertIn("Disappeared: blog 1.0", self.run_now.change_text)
        with self.assertRaisesRegex(UserError, "disappeared"):
            blog.action_install()
        self.index(self.wiki(), self.wiki(name="blog", digest="b"))
        self.assertFalse(blog.is_gone or blog.version_ids.is_gone)
        self.assertIn("Back again: blog 1.0", self.run_now.change_text)

    def test_the_newest_version_is_shown(self):
        self.tell(
            [
                self.wiki(version="1.10", digest="a", title="Ten"),
                self.wiki(version="1.9", digest="b", title="Nine"),
                self.wiki(version="2.0-rc1", digest="c", title="Candidate"),
            ]
        )
        self.assertEqual(self.package().title, "Candidate")
        self.assertEqual(len(self.package().version_ids), 3)
        self.index(self.wiki(version="1.10", digest="a", title="Ten"))
        self.assertEqual(self.package().title, "Ten")
        versions = ["1.0~a", "1.0-rc2", "1.0-rc10", "1.0", "1.0.1", "1.9", "1.10", "a"]
        ordered = ["a", *versions[:-1]]
        self.assertEqual(sorted(versions[::-1], key=version_key), ordered)

    def test_a_repository_that_has_moved_is_the_same(self):
        self.tell([self.wiki()])
        manifest = self.version()._manifests("deploy")
        manifest._remember(manifest.pin, "kind: Service", [])
        app = self.create_app(
            manifest_line_ids=[fields.Command.create({"manifest_id": manifest.id})]
        )
        app.namespace_id.state = "active"
        moved = self.wiki(url="https://example.com/wiki")
        for item in moved["manifests"]:
            item["url"] = f"https://example.com/wiki/{item['path']}"
        self.index(moved)
        self.assertEqual(manifest.url, "https://example.com/wiki/wiki.yml")
        self.assertEqual(manifest.content, "kind: Service")
        self.assertEqual(self.version().url, "https://example.com/wiki")
        self.assertFalse(self.version().is_changed or app.is_changed)

    def test_a_thousand_packages_cost_few_queries(self):
        items = [
            self.wiki(name=f"wiki-{number}", title=f"Wiki {number}", digest=f"{number}")
            for number in range(1000)
        ]
        job = self.take()
        self.env.invalidate_all()
        with self.assertQueryCount(70):
            self.tell(items, job=job)
        self.assertEqual(self.repository.package_count, 1000)
        self.repository.action_index()
        job = self.take()
        self.env.invalidate_all()
        with self.assertQueryCount(70):
            self.tell(items, job=job)
        self.assertFalse(self.run_now.change_text)


class TestChanged(LibraryCase):
    """Another content under the same version waits for an operator."""

    def setUp(self):
        super().setUp()
        self.tell([self.wiki()])
        self.manifest = self.version()._manifests("deploy")
        self.pin = self.manifest.pin
        while job := self.take(["preview"]):
            job._finish("done")

    def test_the_pinned_digest_stays_until_somebody_accepts(self):
        changed = self.changed_wiki(vars="replicas: 3\n")
        self.index(changed)
        version = self.version()
        self.assertTrue(version.is_changed and self.package().is_changed)
        self.assertEqual(
            (version.digest, version.found_digest),
            (self.wiki()["digest"], changed["digest"]),
        )
        self.assertEqual(self.manifest.pin, self.pin)
        self.assertIn(
            "Changed under the same version: wiki 1.0",
            self.run_now.change_text,
        )
        with self.assertRaisesRegex(UserError, "accept it first"):
            self.package().action_install()

    def test_the_difference_is_shown_file_by_file(self):
        self.manifest._remember(self.pin, "replicas: 2\n", [])
        changed = self.changed_wiki(vars="wiki_image: new\n")
        self.index(changed)
        version = self.version()
        self.assertIn("-wiki_image: docker.io/library/wiki:1", version.change_html)
        self.assertIn("+wiki_image: new", version.change_html)
        # Of the manifest the digests are known, …
        self.assertIn(f"-{self.pin}", version.change_html)
        self.assertIn(f"+{changed['manifests'][0]['digest']}", version.change_html)
        # … and a worker fetches what it is now.
        job = self.take(["preview"])
        self.assertEqual(job.manifest_id, self.manifest)
        self.manifest._remember(changed["manifests"][0]["digest"], "replicas: 3\n", [])
        self.assertIn("-replicas: 2", version.change_html)
        self.assertIn("+replicas: 3", version.change_html)
        self.assertNotIn(self.pin, version.change_html)

    def test_only_what_was_seen_is_accepted(self):
        changed = self.changed_wiki()
        self.index(changed)
        version = self.version().with_user(self.operator)
        with self.assertRaisesRegex(UserError, "changed again"):
            version.with_context(seen_digest="sha256:0").action_accept()
        version.with_context(seen_digest=changed["digest"]).action_accept()
        self.assertFalse(version.is_changed or self.package().is_changed)
        self.assertEqual(version.digest, changed["digest"])
        self.assertEqual(self.manifest.pin, changed["manifests"][0]["digest"])
        self.assertIn("accepted", self.repository.message_ids[0].body)
        with self.assertRaisesRegex(UserError, "nothing here to accept"):
            version.action_accept()
        with self.assertRaises(AccessError):
            version.with_user(self.create_user("user")).action_accept()

    def test_accepting_lets_what_waited_go_on(self):
        app = self.create_app(
            manifest_line_ids=[fields.Command.create({"manifest_id": self.manifest.id})]
        )
        app._made_of(self.version())
        app._enqueue("deploy")
        job = self.take(["deploy"])
        changed = self.changed_wiki()
        self.manifest._remember(changed["manifests"][0]["digest"], "new", [])
        job._finish("failed", {"code": "manifest_changed", "message": "Changed."})
        self.index(changed)
        self.assertFalse(self.take(["deploy"]))
        self.version().with_context(seen_digest=changed["digest"]).action_accept()
        self.assertEqual(self.take(["deploy"]).app_id, app)
        self.assertEqual(app.available_version_id, self.version())

    def test_a_change_that_is_taken_back_needs_nobody(self):
        self.index(self.changed_wiki())
        self.index(self.wiki())
        self.assertFalse(self.version().is_changed)
        self.assertFalse(self.version().found)


class TestInstall(LibraryCase):
    """The second click: an app without a sale; and its next version."""

    def setUp(self):
        super().setUp()
        self.tell([self.wiki()])

    def wizard(self):
        action = self.package().with_user(self.operator).action_install()
        self.assertEqual(action["res_model"], "kubernetes.package.install")
        return (
            self.env[action["res_model"]]
            .with_user(self.operator)
            .browse(action["res_id"])
        )

    def installed(self, **values):
        wizard = self.wizard()
        wizard.write({"name": "intranet", **values})
        for line in wizard.line_ids:
            line["secret_value" if line.is_secret else "value"] = f"my {line.key}"
        action = wizard.action_install()
        self.assertFalse(wizard.line_ids, "what was typed as a secret does not stay")
        return self.env["kubernetes.app"].search(action["domain"])

    def test_it_asks_for_a_name_and_what_the_package_has_no_value_for(self):
        wizard = self.wizard()
        self.assertEqual(wizard.cluster_id, self.cluster)
        self.assertEqual(wizard.environment_ids, self.prod)
        self.assertEqual(
            wizard.line_ids.mapped(lambda line: (line.key, line.is_secret)),
            [("owner", False), ("api_token", True)],
        )
        with self.assertRaisesRegex(UserError, "a name, Owner, Token"):
            wizard.action_install()

    def test_the_app_is_what_the_package_says(self):
        app = self.installed()
        self.assertEqual((app.name, app.environment_id), ("intranet", self.prod))
        self.assertEqual(app.package_version_id, self.version())
        self.assertFalse(app.available_version_id)
        self.assertEqual(
            [(m.url, m.pin) for m in app._manifests()],
            [
                (item["url"], item["digest"])
                for item in self.wiki()["manifests"]
                if item["purpose"] == "deploy"
            ],
        )
        self.assertEqual(app.reset_mode, "manifests")
        self.assertEqual(app._reset_manifests().package_path, "reset.yml")
        values = {line.key: (line.type, line.value) for line in app.config_map_line_ids}
        self.assertEqual(
            values,
            {
                "language": ("string", "en"),
                "pages": ("yaml", "10"),
                "owner": ("string", "my owner"),
                "wiki_image": ("string", "docker.io/library/wiki:1"),
                "replicas": ("yaml", "2"),
            },
        )
        password, token = app.secret_line_ids
        self.assertEqual(
            (password.key, password.generate, password.generate_length),
            ("password", True, 20),
        )
        self.assertTrue(password.first_password)
        self.assertEqual(token.sudo().stored_value, "my api_token")
        job = self.take(["deploy"])
        self.assertEqual(job.app_id, app)
        self.assertEqual(
            [m["pin"] for m in job._contract_values()["manifests"]],
            [self.wiki()["manifests"][0]["digest"]],
        )

    def test_one_app_is_made_in_each_environment(self):
        apps = self.installed(
            environment_ids=[fields.Command.set((self.prod + self.int).ids)]
        )
        self.assertEqual(len(apps), 2)
        self.assertEqual(apps.environment_id, self.prod + self.int)
        self.assertEqual(len(apps.config_map_id), 2, "each has values of its own")
        manifests = [app._manifests() for app in apps]
        self.assertEqual(manifests[0], manifests[1])

    def test_limits_are_what_the_package_needs_at_least(self):
        needs = {**self.wiki()["needs"], "memory": "64Gi", "storage": "1Ti"}
        self.index(self.wiki(needs=needs, version="2", digest="x"))
        app = self.installed()
        self.assertEqual((app.limit_memory, app.limit_storage), (64, 1024))
        self.assertEqual(app.limit_cpu, 8)

    def test_an_environment_that_there_is_not_is_told(self):
        self.index(self.wiki(environments=["prod", "qa"], version="2", digest="x"))
        with self.assertRaisesRegex(UserError, "environments qa"):
            self.wizard()

    def test_a_new_version_is_available_and_nothing_changes_by_itself(self):
        app = self.installed()
        before = (app._manifests(), app.config_map_line_ids.mapped("value"))
        self.index(self.wiki(), self.next_version())
        self.assertEqual(app.available_version_id.name, "1.1")
        self.assertEqual(self.package().outdated_count, 1)
        self.assertEqual(
            (app._manifests(), app.config_map_line_ids.mapped("value")), before
        )

    def next_version(self):
        item = self.wiki(version="1.1", digest=digest("1.1"), url=f"{URL}/wiki-1.1")
        item["manifests"] = [
            {
                "purpose": "deploy",
                "path": path,
                "url": f"{URL}/wiki-1.1/{path}",
                "digest": digest(path),
            }
            for path in ("base.yml", "wiki.yml")
        ]
        item["vars"] = "wiki_image: docker.io/library/wiki:2\nthreads: 4\n"
        return item

    def test_the_app_moves_to_it_and_is_then_to_be_applied(self):
        app = self.installed()
        self.take(["deploy"])._conclude(
            {"state": "done", "error": None, "result": None}
        )
        app.config_map_line_ids.filtered(lambda line: line.key == "pages").value = "99"
        app.change_ids.sudo().unlink()
        extra = self.manifests[0]
        app.manifest_line_ids = [
            fields.Command.create({"manifest_id": extra.id, "sequence": 1})
        ]
        self.index(self.wiki(), self.next_version())
        app.with_user(self.operator).action_update_package()
        self.env.cr.precommit.run()
        self.assertFalse(app.available_version_id)
        self.assertEqual(app.package_version_id.name, "1.1")
        self.assertEqual(
            app._manifests().mapped("package_path"), ["base.yml", "wiki.yml", False]
        )
        self.assertEqual(
            app._manifests()[:2].mapped("pin"), [digest("base.yml"), digest("wiki.yml")]
        )
        values = {line.key: line.value for line in app.config_map_line_ids}
        self.assertEqual(values["wiki_image"], "docker.io/library/wiki:2")
        self.assertEqual(values["pages"], "99", "what somebody has set stays")
        self.assertEqual(values["owner"], "my owner")
        self.assertEqual(values["threads"], "4")
        self.assertNotIn("replicas", values, "it went with its version")
        self.assertTrue(app.is_changed)
        told = "".join(app.message_ids.mapped("body"))
        self.assertIn("Moved to Wiki 1.1", told)
        self.assertFalse(self.take(["deploy"]), "nobody has pressed Apply")
        with self.assertRaisesRegex(UserError, "no newer version"):
            app.action_update_package()
