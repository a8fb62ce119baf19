# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import json
from datetime import datetime, timedelta

from .common import KubernetesTransactionCase

NOW = datetime(2026, 1, 5, 8, 0, 30)
SAID = {"name": "w", "instance": "i", "version": "1", "machine": ""}


class TestLive(KubernetesTransactionCase):
    """Open screens are told what changed, and are not told what did not."""

    def told(self):
        """The changes sent since the last look."""
        self.env.flush_all()
        self.cr.precommit.run()
        bus = self.env["bus.bus"].sudo()
        messages = bus.search([("id", ">", getattr(self, "last", 0))])
        self.last = max(messages.ids, default=getattr(self, "last", 0))
        payloads = [json.loads(message.message) for message in messages]
        return {
            (model, record_id)
            for told in payloads
            if told["type"] == "kubernetes.changed"
            for model, ids in told["payload"].items()
            for record_id in ids
        }

    def test_a_worker_that_appears_changes_and_vanishes_is_told(self):
        worker = self.env["kubernetes.worker"].create({"name": "w"})
        self.told()
        worker._seen(NOW, SAID, self.cluster)
        self.assertEqual(self.told(), {("kubernetes.worker", worker.id)})
        worker._seen(NOW + timedelta(seconds=1), {**SAID, "version": "2"}, self.cluster)
        self.assertEqual(self.told(), {("kubernetes.worker", worker.id)})
        self.env["kubernetes.worker"]._mark_unseen()
        self.assertEqual(worker.state, "offline")
        self.assertIn(("kubernetes.worker", worker.id), self.told())

    def test_signs_of_life_are_told_once_a_minute(self):
        worker = self.env["kubernetes.worker"].create({"name": "w"})
        reached = {"reachable": True, "version": "v1", "message": ""}
        worker._seen(NOW, SAID, self.cluster)
        self.cluster._seen(NOW, reached)
        self.assertEqual(
            self.told(),
            {("kubernetes.worker", worker.id), ("kubernetes.cluster", self.cluster.id)},
        )
        for seconds in (10, 20):
            worker._seen(NOW + timedelta(seconds=seconds), SAID, self.cluster)
            self.cluster._seen(NOW + timedelta(seconds=seconds), reached)
        self.assertFalse(self.told())
        worker._seen(NOW + timedelta(seconds=40), SAID, self.cluster)
        self.cluster._seen(NOW + timedelta(seconds=40), reached)
        self.assertEqual(len(self.told()), 2)

    def test_a_cluster_that_is_lost_is_told(self):
        self.cluster._seen(NOW, {"reachable": True, "version": "v1", "message": ""})
        self.told()
        self.cluster._seen(
            NOW + timedelta(seconds=31),
            {"reachable": False, "version": None, "message": "refused"},
        )
        self.assertEqual(self.told(), {("kubernetes.cluster", self.cluster.id)})
