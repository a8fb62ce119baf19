# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import itertools
import json
import re
from contextlib import contextmanager
from datetime import timedelta
from unittest.mock import patch

from lxml import etree

from odoo import fields
from odoo.sql_db import Cursor
from odoo.tests import HttpCase, new_test_user, tagged

from .common import KINDS, KubernetesCase, insert_like

APPS = 10_000
JOBS = 200_000
FEW = 12
CUSTOMERS = 500
# The jobs of one app that has many, and how many rows of them may be read at once.
LONG_STORY = 2000
ROWS = 100
WORKER = {"name": "w", "instance": "i", "version": "0.1.0", "machine": ""}
# Odoo reads at most so many records at once.
PREFETCH = 1000


@tagged("post_install", "-at_install")
class TestScale(KubernetesCase, HttpCase):
    """What workers call and people look at costs as much with 10,000 apps and 200,000
    jobs as with twelve."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if "website" in cls.env:
            cls.env["website"].search([]).write({"language_ids": [(6, 0, [1])]})
        cls.worker = cls.create_worker("worker-1")
        cls.key = cls.worker._create_key()
        cls.operator = cls.create_user("operator")
        cls.portal = new_test_user(cls.env, "carla", groups="base.group_portal")
        cls.apps = cls.env["kubernetes.app"]
        for number in range(FEW):
            partner = cls.portal.partner_id if number < FEW / 2 else cls.customer
            cls.apps += cls.create_app(f"few-{number}", partner_id=partner.id)
        cls.env.flush_all()
        cls.begun = fields.Datetime.now()
        cls.before = cls.begun - timedelta(days=1)
        cls.looks = itertools.count()
        cls.make_jobs(cls.apps.ids, 10 * FEW)

    # -- many records --------------------------------------------------------------

    @classmethod
    def make_apps(cls, count):
        app = cls.apps[-1]
        partners = insert_like(
            cls.customer, CUSTOMERS, name="'Customer ' || n", complete_name="'C' || n"
        )
        cls.env.cr.execute(
            "UPDATE res_partner SET commercial_partner_id = id WHERE id = ANY(%s)",
            [partners],
        )
        namespaces = insert_like(app.namespace_id, count, name="'many-' || n")
        return insert_like(
            app,
            count,
            name="'many-' || n",
            hostname="'many-' || n || '.apps.example.com'",
            uid="md5('many' || n)",
            access_token="NULL",
            config_map_id="NULL",
            secret_id="NULL",
            namespace_id=f"{namespaces[0]} - 1 + n",
            partner_id=f"{partners[0]} + mod(n, {CUSTOMERS})",
        )

    @classmethod
    def make_jobs(cls, apps, count):
        """Finished ones of several kinds, with a step each."""
        cls.env.cr.execute(
            """
            INSERT INTO kubernetes_job (
                app_id, cluster_id, company_id, environment_id, worker_id, uid,
                kind, state, priority, attempt, max_attempts, run_at, create_date,
                started_at, finished_at)
            SELECT app.id, app.cluster_id, app.company_id, app.environment_id,
                   %(worker)s, md5('job' || n),
                   (ARRAY['deploy', 'refresh', 'restart', 'stop', 'start'])
                   [1 + n %% 5],
                   (ARRAY['done', 'done', 'failed', 'cancelled'])[1 + n %% 4],
                   10, 1, 8, moment, moment, moment, moment
              FROM (SELECT n, %(before)s - n * interval '1 minute' AS moment,
                           (%(apps)s)[1 + n %% %(length)s] AS app_id
                      FROM generate_series(1, %(count)s) n) numbers
              JOIN kubernetes_app app ON app.id = numbers.app_id
            """,
            {
                "apps": list(apps),
                "length": len(apps),
                "count": count,
                "worker": cls.worker.id,
                "before": cls.before,
            },
        )
        # The database looks up each step's job, and has to know how many there are.
        cls.env.cr.execute("ANALYZE kubernetes_job")
        cls.env.cr.execute(
            """
            INSERT INTO kubernetes_job_step (
                job_id, attempt, number, code, state, started_at)
            SELECT id, 1, 1, 'applying', 'done', finished_at
              FROM kubernetes_job job
             WHERE worker_id = %s AND NOT EXISTS (
                    SELECT 1 FROM kubernetes_job_step WHERE job_id = job.id)
            """,
            [cls.worker.id],
        )

    @classmethod
    def grow(cls):
        made = cls.make_apps(APPS - FEW)
        cls.env.cr.execute("ANALYZE kubernetes_app")
        cls.make_jobs([*cls.apps.ids, *made], JOBS - 10 * FEW - LONG_STORY)
        cls.make_jobs(cls.apps[0].ids, LONG_STORY)
        # Some of them are at work, and some wait for their time.
        for state, job_ids in (("running", made[:50]), ("pending", made[50:350])):
            cls.env.cr.execute(
                """
                UPDATE kubernetes_job SET state = %s, finished_at = NULL,
                       run_at = now() at time zone 'UTC' + interval '1 hour',
                       lease_until = now() at time zone 'UTC' + interval '1 hour'
                 WHERE id IN (SELECT max(id) FROM kubernetes_job
                               WHERE app_id = ANY(%s) AND kind = 'refresh'
                            GROUP BY app_id)
                """,
                [state, job_ids],
            )
        cls.env.cr.execute(
            "ANALYZE kubernetes_app, kubernetes_job, kubernetes_job_step,"
            " kubernetes_namespace, res_partner"
        )
        cls.env.invalidate_all()

    # -- counting ------------------------------------------------------------------

    @contextmanager
    def statements(self):
        """All statements that go to the database, each with its number of rows."""
        found, execute = [], Cursor.execute

        def noted(cr, query, params=None, log_exceptions=True):
            result = execute(cr, query, params, log_exceptions)
            statement = (cr._obj.query or b"").decode()
            found.append((statement, cr._obj.rowcount))
            return result

        with patch.object(Cursor, "execute", noted):
            yield found

    def count(self, function):
        """The statements of what is done once everything that is kept is known."""
        function()
        self.env.flush_all()
        self.env.invalidate_all()
        with self.statements() as found:
            function()
            self.env.flush_all()
        return [
            (statement, rows)
            for statement, rows in found
            if re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|WITH)\b", statement)
        ]

    def scanned(self, statements, tables):
        """Which of the tables are read from their first row to their last."""
        found = []
        for statement, _rows in statements:
            if not any(table in statement for table in tables):
                continue
            # What makes a claim wait for its turn goes before a statement.
            looked = statement.rpartition("TO DEFAULT;")[2]
            self.env.cr.execute(f"EXPLAIN {looked}")  # pylint: disable=sql-injection
            plan = "\n".join(row[0] for row in self.env.cr.fetchall())
            found += [
                f"{table}: {statement[:1000]}\n{plan}"
                for table in tables
                if re.search(rf"Seq Scan on {table}\b", plan)
            ]
        return found

    # -- what is done --------------------------------------------------------------

    def call(self, name, params):
        return self.make_jsonrpc_request(
            f"/kubernetes_hosting/worker/{name}",
            params,
            headers={"Authorization": f"Bearer {self.key}"},
        )

    def claim(self):
        """Take what ten apps wait for; it is over afterwards."""
        for app in self.apps[:10]:
            app._enqueue("refresh")
        self.env.flush_all()
        self.env.invalidate_all()
        answer = self.call(
            "claim",
            {
                "worker": WORKER,
                "clusters": [
                    {
                        "name": self.cluster.name,
                        "reachable": True,
                        "version": "1.34",
                        "message": "",
                    }
                ],
                "kinds": list(KINDS),
                "cluster_kinds": ["kubernetes"],
                "mailgun": None,
                "capacity": 10,
            },
        )
        self.assertEqual(len(answer["jobs"]), 10)
        return answer["jobs"]

    def report(self, jobs):
        step = {
            "number": 1,
            "code": "fetching",
            "state": "done",
            "started_at": "2026-11-21T08:00:00Z",
            "seconds": 1.0,
            "message": "",
        }
        news = [
            {
                "id": job["id"],
                "token": job["token"],
                "steps": [step] if number < 5 else [],
                "outcome": {"state": "done", "error": None, "result": None}
                if number < 5
                else None,
            }
            for number, job in enumerate(jobs)
        ]
        answers = self.call("report", {"worker": WORKER, "jobs": news})["jobs"]
        self.assertEqual({answer["answer"] for answer in answers}, {"go_on"})

    def claim_and_report(self):
        jobs = self.claim()
        self.report(jobs)
        left = self.env["kubernetes.job"].browse(job["id"] for job in jobs[5:])
        for job in left:
            job._conclude({"state": "done", "error": None, "result": None})
        self.env.flush_all()

    def observe(self, count=10, complete=False):
        apps = self.env["kubernetes.app"].search([], limit=count, order="id")
        # Each look is another second's, however fast this machine is.
        moment = (self.begun + timedelta(seconds=next(self.looks))).isoformat() + "Z"
        observation = {
            "state": "running",
            "message": "",
            "ingress": {
                "state": "none",
                "hosts": [],
                "addresses": [],
                "tls": False,
                "message": "",
            },
            "seen_at": moment,
        }
        params = {
            "worker": WORKER,
            "cluster": self.cluster.name,
            "apps": [
                {
                    "id": app.id,
                    "uid": app.uid,
                    "namespace": app.namespace_id.name,
                    "observation": observation,
                }
                for app in apps
            ],
            "complete": None,
        }
        if complete:
            params["apps"] = []
            params["complete"] = {
                "looked_at": moment,
                "namespaces": [
                    {
                        "namespace": app.namespace_id.name,
                        "object": app.uid,
                        "uid": app.uid,
                        "app": app.id,
                        "name": app.name,
                        "environment": "prod",
                        "created_at": moment,
                        "labels": [],
                    }
                    for app in apps
                ],
            }
        self.env.invalidate_all()
        self.assertEqual(self.call("observe", params)["unknown"], [])

    def page(self, path):
        answer = self.url_open(path)
        self.assertEqual(answer.status_code, 200)

    def status(self):
        self.make_jsonrpc_request(f"/my/apps/{self.apps[0].id}/status")

    def shown(self, model, view_type):
        """What a screen with this view asks for first."""
        records = self.env[model].with_user(self.operator)
        specification = self.specification(records, view_type)
        answer = records.web_search_read([], specification, limit=80)
        self.assertTrue(answer["records"])

    def form(self):
        app = self.apps[0].with_user(self.operator)
        (values,) = app.web_read(self.specification(app, "form"))
        self.assertTrue(values["latest_job_ids"])

    def specification(self, records, view_type):
        arch = etree.fromstring(records.get_view(view_type=view_type)["arch"])
        names = {
            node.get("name")
            for node in arch.iter("field")
            if not node.xpath("ancestor::field | ancestor::groupby")
        }
        related = {"fields": {"display_name": {}}}
        return {
            name: related if records._fields[name].relational else {} for name in names
        }

    def measured(self):
        """``{what: its statements}``."""
        found = {"claim and report": self.count(self.claim_and_report)}
        self.call("claim", {**self.nothing_to_claim()})
        found["claim"] = self.count(lambda: self.call("claim", self.nothing_to_claim()))
        found["observe"] = self.count(self.observe)
        found["observe all"] = self.count(lambda: self.observe(APPS, complete=True))
        self.authenticate("carla", "carla")
        found["portal list"] = self.count(lambda: self.page("/my/apps"))
        found["portal page"] = self.count(
            lambda: self.page(f"/my/apps/{self.apps[0].id}")
        )
        found["portal status"] = self.count(self.status)
        self.logout()
        for model in ("kubernetes.app", "kubernetes.job", "kubernetes.namespace"):
            found[f"{model} list"] = self.count(
                lambda model=model: self.shown(model, "list")
            )
        found["kubernetes.app kanban"] = self.count(
            lambda: self.shown("kubernetes.app", "kanban")
        )
        found["kubernetes.app form"] = self.count(self.form)
        return found

    def nothing_to_claim(self):
        return {
            "worker": WORKER,
            "clusters": [],
            "kinds": list(KINDS),
            "cluster_kinds": ["kubernetes"],
            "mailgun": None,
            "capacity": 10,
        }

    def test_ten_thousand_apps_cost_no_more_than_twelve(self):
        few = self.measured()
        self.grow()
        many = self.measured()
        # Where a page does not show all, Odoo asks how many there are.
        allowed = {what: 1 if "list" in what or "kanban" in what else 0 for what in few}
        # It names all apps, and Odoo reads them by the thousand.
        allowed["observe all"] = 8 * APPS / PREFETCH
        for what, statements in many.items():
            with self.subTest(what):
                more = len(statements) - len(few[what])
                self.assertLessEqual(
                    more,
                    allowed[what],
                    "\n".join(line[:300] for line, _rows in statements),
                )
        for what, statements in many.items():
            with self.subTest(what):
                read = [
                    (rows, line[:500])
                    for line, rows in statements
                    if "FROM kubernetes_job" in line.replace('"', "") and rows > ROWS
                ]
                self.assertFalse(read, "An app's jobs are read as a whole")
        tables = ["kubernetes_job", "kubernetes_job_step"]
        for what, statements in many.items():
            if "list" in what or "kanban" in what:
                continue
            with self.subTest(what):
                app = ["kubernetes_app"] if "claim" in what else []
                self.assertEqual(self.scanned(statements, tables + app), [])

    def test_a_hundred_apps_are_observed_as_ten_are(self):
        self.make_apps(100)
        self.env.invalidate_all()
        ten = self.count(lambda: self.observe(10))
        hundred = self.count(lambda: self.observe(100))
        self.assertLessEqual(len(hundred), len(ten), json.dumps(hundred, indent=1))

    def test_what_was_seen_before_is_not_written_again(self):
        self.looks = itertools.repeat(1)
        self.observe(10)
        self.env.flush_all()
        again = self.count(lambda: self.observe(10))
        written = [
            line for line, _rows in again if not line.lstrip().startswith("SELECT")
        ]
        self.assertEqual(written, [])
