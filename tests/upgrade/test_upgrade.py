# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A dump of an earlier version's database is restored and updated: nothing is lost, and
what is a copy of it acts on nobody's apps. README.md says how the dump is made."""

import json
import os
import re
import shutil
import tarfile
import tempfile
import unittest
from pathlib import Path

from testbed import instance, odoo, postgresql, processes

FOLDER = Path(__file__).parent
CONTRACT = FOLDER.parent / "contract"
VERSION = "19.0.1.0.0"
OLD_MODULES = "kubernetes_hosting,kubernetes_hosting_sale,kubernetes_hosting_website"
QUIET = ("--no-http", "--max-cron-threads=0")
RESULT = re.compile(r"^RESULT (.*)$", re.M)
WRONG = re.compile(r"^\S+ \S+ \d+ (?:ERROR|CRITICAL) .*$", re.M)
PROD, INT = "shop.apps.example.com", "shop-int.apps.example.com"


class Bed:
    """Odoo on databases of this test alone."""

    def __init__(self, folder):
        bed = instance.from_environment()
        self.log = bed.logs / "upgrade" / f"{os.getpid()}.log"
        self.odoo = odoo.Odoo(bed, self.log)
        self.instance = bed
        self.folder = folder

    def run(self, database, *arguments, addons=odoo.OWN_ADDONS, **options):
        subcommand, *rest = arguments
        processes.run(
            self.odoo.command(
                subcommand, "-d", database, *QUIET, *rest, own_addons=addons
            ),
            log=self.log,
            what=f"Odoo on {database}",
            env=self.odoo.environment(),
            **options,
        )

    def shell(self, database, script, addons=odoo.OWN_ADDONS, **asked):
        """What a script prints as its result."""
        printed = processes.output_of(
            self.odoo.command(
                "shell", "-d", database, *QUIET, "--log-level=warn", own_addons=addons
            ),
            what=script.name,
            env={**self.odoo.environment(), "CHANDLERY_ASK": json.dumps(asked)},
            stdin=script.read_text(),
        )
        found = RESULT.search(printed)
        if not found:
            raise AssertionError(f"{script.name} printed no result: {printed}")
        return json.loads(found[1])

    def ask(self, database, what, **asked):
        return self.shell(database, FOLDER / "ask.py", what=what, **asked)

    def dump(self, database):
        """As an operator makes a backup: the database and its files."""
        file = self.folder / f"{database}.dump"
        self.postgresql("pg_dump", "-Fc", "-Z1", "-f", file, database)
        shutil.copytree(self.odoo.filestore(database), file.with_suffix(".files"))
        return file

    def restore(self, dump, database):
        postgresql.query(
            self.instance, 'CREATE DATABASE :"name" TEMPLATE template0', name=database
        )
        self.postgresql("pg_restore", "-j2", "-d", database, dump)
        shutil.copytree(dump.with_suffix(".files"), self.odoo.filestore(database))

    def postgresql(self, program, *arguments):
        processes.run(
            [postgresql.PROGRAMS / program, *arguments],
            log=self.log,
            what=program,
            env=postgresql.environment(self.instance),
        )


class UpgradeTest(unittest.TestCase):
    """Each test goes on where the one before it ended, as an update does."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.bed = Bed(Path(folder.name))
        template = odoo.template(cls.bed.odoo, cls.bed.log)
        older = Path(folder.name) / "addons"
        with tarfile.open(FOLDER / f"addons-{VERSION}.tar.xz") as archive:
            archive.extractall(older)
        with odoo.scratch_name(cls.bed.odoo, "upgrade-before") as before:
            cls.bed.odoo.copy(template, before)
            cls.bed.run(
                before, "server", "-i", OLD_MODULES, "--stop-after-init", addons=older
            )
            script = FOLDER / f"before_{VERSION.replace('.', '_')}.py"
            cls.before = cls.bed.shell(before, script, addons=older)
            cls.backup = cls.bed.dump(before)
        cls.database = cls.enterClassContext(
            odoo.scratch_name(cls.bed.odoo, "upgrade-after")
        )
        cls.bed.restore(cls.backup, cls.database)
        begun = len(cls.bed.log.read_text())
        # As UPDATING.md says.
        cls.bed.run(
            cls.database, "server", "-u", "kubernetes_hosting", "--stop-after-init"
        )
        cls.update_log = cls.bed.log.read_text()[begun:]

    def ask(self, what, database=None, **asked):
        asked = {"order": self.before["order"], "key": self.before["key"], **asked}
        return self.bed.ask(database or self.database, what, **asked)

    def claim(self, database=None, version=""):
        return self.ask(
            "call",
            database,
            call="claim",
            params=str(CONTRACT / version / "claim_request.json"),
        )

    def report(self, *jobs):
        return self.ask(
            "call",
            call="report",
            params=str(CONTRACT / "report_request.json"),
            jobs=list(jobs),
        )["jobs"]

    def done(self, job):
        """The golden report of a deploy that is done, of this job."""
        golden = json.loads((CONTRACT / "report_request.json").read_text())["jobs"]
        (report,) = (
            report
            for report in golden
            if report["steps"] and report["steps"][0]["code"] == "ingress"
        )
        return {**report, "id": job["id"], "token": job["token"]}

    def test_1_the_update_complains_of_nothing_and_updates_all_addons(self):
        self.assertEqual(WRONG.findall(self.update_log), [])
        modules = self.ask("facts")["modules"]
        self.assertEqual(
            set(modules),
            {*OLD_MODULES.split(","), "kubernetes_hosting_mailgun"},
        )
        for name, (state, installed, here) in modules.items():
            self.assertEqual((state, installed), ("installed", here), name)

    def test_2_all_data_is_there_and_right(self):
        facts, before = self.ask("facts"), self.before
        self.assertEqual(facts["apps"].keys(), before["apps"].keys())
        self.assertEqual(len(facts["apps"]), 4)
        for hostname, app in facts["apps"].items():
            with self.subTest(app=hostname):
                kept = before["apps"][hostname]
                self.assertEqual({name: app[name] for name in kept}, kept)
                self.assertRegex(app["uid"], "^[0-9a-f]{32}$")
                # What was in the cluster had no uid, and is taken over by an operator.
                in_cluster = kept["namespace_state"] == "active"
                self.assertEqual(bool(app["without_uid"]), in_cluster)
                mark = "database" if kept["mail_domain"] else "app"
                self.assertEqual(app["mail_mark"], mark)
        uids = {app["uid"] for app in facts["apps"].values()}
        self.assertEqual(len(uids), 4)
        self.assertTrue(any(app["mail_domain"] for app in facts["apps"].values()))
        self.assertEqual(facts["secrets"], before["secrets"])
        self.assertEqual(facts["production"], ["prod"])
        self.assertIn("ClusterRole.rbac.authorization.k8s.io", facts["allowed_kinds"])
        self.assertIn("Deployment.apps", facts["allowed_kinds"])
        self.assertEqual(facts["served"], ["demo"])
        # Apps can be restored to what was known of manifests by then.
        known = [kept for kept in before["manifests"] if kept[1]]
        self.assertEqual(len(known), 1)
        self.assertEqual(facts["manifest_contents"], known)
        self.assertIn("environment_id.is_production", facts["subject"])

    def test_3_every_screen_loads(self):
        self.assertGreater(self.ask("screens"), 20)

    def test_4_a_worker_of_then_goes_on_and_what_was_at_work_is_done_once_more(self):
        """Its key, its version of the contract, its job."""
        running = self.before["running"]
        self.assertEqual(
            self.report({**self.done(running), "token": "0" * 32})[0]["answer"], "stale"
        )
        (answer,) = self.report(self.done(running))
        self.assertEqual(answer["answer"], "go_on")
        (again,) = self.report(self.done(running))
        self.assertEqual(again["answer"], "stale", "it is done once")
        claimed = self.claim(version="v1")
        self.assertEqual(claimed["contract"], 2)
        deploys = [job for job in claimed["jobs"] if job["kind"] == "deploy"]
        apps = self.ask("facts")["apps"]
        waiting = [app for app in apps.values() if ["deploy", "running"] in app["jobs"]]
        self.assertEqual(
            sorted(job["app"]["uid"] for job in deploys),
            sorted(app["uid"] for app in waiting),
        )
        self.assertEqual(len(deploys), 1)
        self.report(*map(self.done, deploys))
        for hostname, app in self.ask("facts")["apps"].items():
            done = [state for kind, state in app["jobs"] if kind == "deploy"]
            self.assertEqual(done, ["done"], hostname)

    def test_5_a_copy_beside_the_original_gives_no_jobs(self):
        """It has the same UUID, uids and keys."""
        with odoo.scratch_name(self.bed.odoo, "upgrade-copy") as copy:
            self.bed.odoo.copy(self.database, copy)
            self.assertEqual(self.claim(copy)["error"]["code"], "database_moved")
            self.assertIn("database_moved", self.ask("attention", copy))
            self.bed.run(copy, "neutralize")
            self.assertEqual(self.claim(copy), "the key is not valid")
            self.assertNotIn("database_moved", self.ask("attention", copy))
            apps, copied = self.ask("facts")["apps"], self.ask("facts", copy)["apps"]
            for hostname, app in copied.items():
                self.assertNotEqual(app["uid"], apps[hostname]["uid"], hostname)
                self.assertEqual(app["mail_mark"], "app", hostname)
                states = {state for _kind, state in app["jobs"]}
                self.assertFalse(states & {"pending", "running"}, hostname)
        self.assertIn("jobs", self.claim())

    def test_6_a_restored_backup_waits_for_an_administrator_and_goes_on(self):
        dump = self.bed.dump(self.database)
        with odoo.scratch_name(self.bed.odoo, "upgrade-restored") as restored:
            self.bed.restore(dump, restored)
            self.assertEqual(self.claim(restored)["error"]["code"], "database_moved")
            self.ask("confirm", restored)
            self.assertIn("jobs", self.claim(restored))
            self.assertNotIn("database_moved", self.ask("attention", restored))


if __name__ == "__main__":
    unittest.main()
