# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import os
import re
from contextlib import contextmanager
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.sql_db import Cursor
from odoo.tests import tagged

from .common import KINDS, KubernetesQueueCase, job_result

WORKER = {"name": "w", "instance": "i", "version": "0.1.0"}
COUNTS = (1, 10, 100)
# How many queries a call may cost, however many jobs or apps it is about.
CLAIM, REPORT, OBSERVE = 12, 12, 10


@tagged("post_install", "-at_install")
class TestCalls(KubernetesQueueCase):
    """A call of a worker costs as many queries for a hundred jobs as for one."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.apps = cls.env["kubernetes.app"].create(
            [cls.app_values(f"app-{n}") for n in range(max(COUNTS))]
        )
        cls.key = cls.worker._create_key()
        cls.calls = cls.env["kubernetes.worker.call"].with_user(
            cls.worker.sudo().user_id
        )
        cls.now = fields.Datetime.now()

    def setUp(self):
        super().setUp()
        test_mode = self.enter_registry_test_mode()
        test_mode.__enter__()
        self.addCleanup(test_mode.__exit__, None, None, None)

    # -- what a worker says --------------------------------------------------------

    def call(self, name, params):
        answer = self.calls._answer(
            name, {"contract": 2, "contract_minimum": 1, "worker": WORKER, **params}
        )
        self.assertNotIn("error", answer)
        return answer

    def claim_params(self, capacity):
        return {
            "clusters": [
                {
                    "name": self.cluster.name,
                    "reachable": True,
                    "version": "1.34",
                    "message": "",
                }
            ],
            "kinds": list(KINDS),
            "mailgun": None,
            "capacity": capacity,
        }

    def known(self):
        """The worker has asked before, not lately."""
        self.call("claim", self.claim_params(0))
        self.env.invalidate_all()
        earlier = fields.Datetime.now() - timedelta(minutes=2)
        (self.worker + self.other_worker).last_seen = earlier
        self.cluster.last_seen = earlier

    def claimed(self, count, kind="deploy"):
        for app in self.apps[:count]:
            app._enqueue(kind)
        jobs = self.claim(limit=count)
        self.settle()
        return jobs

    def settle(self):
        """As if all that is here were of an earlier transaction."""
        self.env.flush_all()
        self.cr.flush()
        self.env.invalidate_all()

    def report_params(self, jobs, state=None, error=None, steps=2, **result):
        outcome = state and {
            "state": state,
            "error": error,
            "result": job_result(**result) if state == "done" else None,
        }
        return {
            "jobs": [
                {
                    "id": job.id,
                    "token": job.token,
                    "steps": [
                        {
                            "number": number,
                            "code": "fetching",
                            "state": "running" if number == steps else "done",
                            "started_at": "2026-11-21T08:00:00Z",
                            "seconds": 1.0,
                            "message": "",
                        }
                        for number in range(1, steps + 1)
                    ],
                    "outcome": outcome,
                }
                for job in jobs
            ],
        }

    def seen(self, state="running", ingress="no_address", seconds=1):
        seen_at = (self.now + timedelta(seconds=seconds)).isoformat() + "Z"
        return {**self.observation(state, seen_at, ingress=ingress)}

    def observe_params(self, count, **seen):
        return {
            "cluster": self.cluster.name,
            "apps": [
                {
                    "id": app.id,
                    "uid": app.uid,
                    "namespace": app.namespace_id.name,
                    "observation": self.seen(**seen),
                }
                for app in self.apps[:count]
            ],
            "complete": None,
        }

    def done_params(self, jobs):
        """All that a deploy tells."""
        return self.report_params(
            jobs,
            "done",
            manifests=[
                {
                    "id": manifest.id,
                    "digest": "sha256:" + 64 * "a",
                    "content": "kind: Service",
                    "files": [],
                    "variables": [],
                }
                for manifest in self.manifests
            ],
            inventory=[
                {
                    "api_version": "v1",
                    "kind": "Service",
                    "namespace": "n",
                    "name": "odoo",
                }
            ],
            observation=self.seen(),
        )

    # -- what it costs -------------------------------------------------------------

    @contextmanager
    def noted(self):
        found, execute = [], Cursor.execute

        def noted(cr, query, params=None, log_exceptions=True):
            result = execute(cr, query, params, log_exceptions)
            found.append((cr._obj.query or b"").decode())
            return result

        with patch.object(Cursor, "execute", noted):
            yield found

    def cost(self, name, params):
        self.settle()
        with self.noted() as found:
            answer = self.call(name, params)
        return answer, found

    def costs(self, name, prepare, what=None):
        """What the call costs for each number of jobs, in transactions that come to
        nothing."""
        found = {}
        for count in (1, *COUNTS):  # the first time caches are filled
            with self.env.cr.savepoint() as savepoint:
                params = prepare(count)
                _answer, found[count] = self.cost(name, params)
                self.env.invalidate_all(flush=False)
                savepoint.rollback()
            self.env.invalidate_all(flush=False)
            self.env.cr.precommit.clear()
        if os.environ.get("DUMP"):
            with open(os.environ["DUMP"], "a") as out:
                out.write(f"=== {name} {what} " + str({c: len(f) for c, f in found.items()}) + "\n")
                for count in (1, 10):
                  for line in found[count]:
                    out.write("    " + re.sub(r"\s+", " ", line)[:330] + "\n")
                  out.write("  --\n")
        return {count: len(statements) for count, statements in found.items()}

    def test_claim(self):
        def prepare(count):
            self.known()
            for app in self.apps[:count]:
                app._enqueue("deploy")
            return self.claim_params(count)
        print(self.costs("claim", prepare, "deploy"))

    def test_report(self):
        error = {"code": "template_render", "message": "It broke", "hint": "Mend it"}
        error = {**dict.fromkeys(("manifest", "url", "document", "line", "column", "object", "field")), "excerpts": [], "retry": False, **error}
        for what, prepare in {
            "silent": lambda n: self.report_params(self.claimed(n), steps=0),
            "steps": lambda n: self.report_params(self.claimed(n)),
            "done": lambda n: self.done_params(self.claimed(n)),
            "refreshed": lambda n: self.report_params(self.claimed(n, "refresh"), "done", observation=self.seen()),
            "failed": lambda n: self.report_params(self.claimed(n), "failed", error),
            "retry": lambda n: self.report_params(self.claimed(n), "retry", error),
            "released": lambda n: self.report_params(self.claimed(n), "released"),
        }.items():
            print(what, self.costs("report", prepare, what))

    def test_observe(self):
        print(self.costs("observe", lambda n: self.observe_params(n), "observe"))
