# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from contextlib import contextmanager
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.sql_db import Cursor

from .common import KINDS, KubernetesQueueCase, job_result

WORKER = {"name": "w", "instance": "i", "version": "0.1.0", "machine": ""}
COUNTS = (1, 100)


class CallsCase(KubernetesQueueCase):
    """The three calls of a worker without HTTP, and what they cost."""

    mailgun = None

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.apps = cls.env["kubernetes.app"].create(
            [cls.app_values(f"app-{n}") for n in range(max(COUNTS))]
        )
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
                    "message_words": None,
                    "capacity": None,
                }
            ],
            "kinds": list(KINDS),
            "cluster_kinds": ["kubernetes"],
            "mailgun": self.mailgun,
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
                            "message_words": None,
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
    def statements(self):
        """What goes to the database meanwhile."""
        found, execute = [], Cursor.execute

        def noted(cr, query, params=None, log_exceptions=True):
            result = execute(cr, query, params, log_exceptions)
            found.append((cr._obj.query or b"").decode())
            return result

        with patch.object(Cursor, "execute", noted):
            yield found

    def cost(self, name, params):
        """How many queries the call costs, which comes as an HTTP request does: with
        nothing read before."""
        self.settle()
        with self.statements() as found:
            self.call(name, params)
        self.env.invalidate_all()
        return len(found)
