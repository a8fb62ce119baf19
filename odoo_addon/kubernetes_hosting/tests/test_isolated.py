# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import re
from pathlib import Path
from unittest.mock import patch

from psycopg2.errors import (
    DeadlockDetected,
    LockNotAvailable,
    NotNullViolation,
    SerializationFailure,
)

from odoo.exceptions import ConcurrencyError
from odoo.modules import get_module_path
from odoo.tools import mute_logger

from ..tools.isolated import isolated
from .common import KubernetesQueueCase

LOGGER = "odoo.addons.kubernetes_hosting.models.kubernetes_live"
ADDONS = ("kubernetes_hosting", "kubernetes_hosting_sale", "kubernetes_hosting_website")


class TestIsolated(KubernetesQueueCase):
    """What follows by itself never undoes what came before it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.app = cls.create_app()

    def report(self, kind, hook):
        """A worker reports that a job is done, and what follows is ``hook``."""
        self.app._enqueue(kind)
        job = self.claim()
        with patch.object(
            type(self.app), f"_after_{kind}", hook, create=kind != "adopt"
        ):
            job._conclude(self.outcome("done"))
        self.env.flush_all()
        return job

    def breaks_a_constraint(self):
        """Another app's UID: the database refuses it."""
        other = self.create_app("other")
        self.env.flush_all()

        def hook(app, job, result):
            app.state_message = "half done"
            app.flush_recordset()
            app.env.cr.execute(
                "UPDATE kubernetes_app SET uid = %s WHERE id = %s", [other.uid, app.id]
            )

        return hook

    @mute_logger("odoo.sql_db", LOGGER)
    def test_a_broken_constraint_in_what_follows_does_not_undo_a_report(self):
        job = self.report("deploy", self.breaks_a_constraint())
        self.assertEqual(job.state, "done")
        self.assertEqual(self.app.state, "running")
        self.assertFalse(self.app.state_message)
        self.assertIn("Another app has this UID already", self.app.message_ids[:1].body)

    @mute_logger("odoo.sql_db", LOGGER)
    def test_no_statement_of_the_database_stands_in_the_chatter(self):
        def hook(app, job, result):
            app.env.cr.execute("SELECT 1 / 0 AS secret_column")

        job = self.report("deploy", hook)
        self.assertEqual(job.state, "done")
        said = self.app.message_ids[:1].body
        self.assertIn("DivisionByZero", said)
        self.assertNotIn("secret_column", said)

    @mute_logger(LOGGER)
    def test_an_error_of_a_program_does_not_undo_a_report(self):
        def hook(app, job, result):
            raise ValueError("no such member")

        job = self.report("adopt", hook)
        self.assertEqual(job.state, "done")
        self.assertIn("ValueError: no such member", self.app.message_ids[:1].body)

    def test_somebody_who_was_faster_makes_it_run_again(self):
        for error in (
            SerializationFailure(),
            DeadlockDetected(),
            LockNotAvailable(),
            ConcurrencyError(),
        ):

            def hook(app, job, result, error=error):
                raise error

            with (
                self.subTest(type(error).__name__),
                self.assertRaises(type(error)),
                self.env.cr.savepoint(),
            ):
                self.report("deploy", hook)

    def test_what_fails_before_is_not_the_steps(self):
        told = []
        with (
            self.assertRaises(NotNullViolation),
            mute_logger("odoo.sql_db"),
            self.env.cr.savepoint(flush=False),
        ):
            self.env["res.country"].search([], limit=1).name = False
            with isolated(self.env, told.append):
                self.fail("The step was run")
        self.assertFalse(told)
        self.env.invalidate_all(flush=False)

    def test_what_is_told_may_be_another_error(self):
        def on_error(error):
            raise KeyError("in other words") from error

        with self.assertRaisesRegex(KeyError, "in other words"):
            with isolated(self.env, on_error):
                raise ValueError()

    def test_nothing_else_of_ours_catches_every_error(self):
        """Of an error that is caught one by one, it must be said what it is: a
        transaction that has to run again is nobody's to-do."""
        found = []
        for addon in ADDONS:
            path = get_module_path(addon, display_warning=False)
            for file in Path(path or "/nowhere").rglob("*.py"):
                if "tests" not in file.parts and re.search(
                    r"except( BaseException| Exception)?( as \w+)?:", file.read_text()
                ):
                    found.append(f"{addon}/{file.relative_to(path)}")
        self.assertEqual(found, ["kubernetes_hosting/tools/isolated.py"])
