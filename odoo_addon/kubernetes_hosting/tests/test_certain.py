# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from unittest.mock import patch

from odoo.tools import mute_logger

from .common import KubernetesTransactionCase

CONTENT = """\
---
kind: PersistentVolumeClaim
metadata:
  name: "{{ volume_name }}"
spec:
{% if storage_class %}
  storageClassName: "{{ storage_class }}"
{% endif %}
  resources:
    limits:
      storage: 90Gi
    requests:
      storage: {{ volume_size }}
---
kind: StatefulSet
spec:
  replicas: 3
  volumeClaimTemplates:
    - spec:
        resources:
          requests:
            storage: "5Gi"
---
kind: Deployment
# {{ commented }}
{# {{ remarked }}
{{ remarked_too }} #}
a: {{ filtered | default("x") }}
b: {{ image }}
{% set made = 1 %}
c: {{ name }}
{% for one in many -%}
d: {{ one }} {{ within }}
{% endfor %}
{% raw %}
e: {{ raw }}
{% endraw %}
"""


class TestCertain(KubernetesTransactionCase):
    """What Odoo can tell of a manifest without a worker: what every app gets for
    sure."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manifest = cls.manifests[0].sudo()
        names = "volume_name volume_size storage_class image filtered many within"
        cls.manifest.write({"content": CONTENT, "variables": names.split()})

    def test_the_storage_that_is_claimed(self):
        self.assertEqual(
            self.manifest._certain_claims(), [("{{ volume_size }}", 1), ("5Gi", 3)]
        )

    def test_replicas_that_depend_on_values_count_as_none(self):
        self.manifest.content = CONTENT.replace("replicas: 3", "replicas: {{ n }}")
        self.assertEqual(self.manifest._certain_claims()[1:], [("5Gi", 0)])

    def test_the_variables_that_are_needed(self):
        self.assertEqual(
            self.manifest._certain_variables(), {"volume_name", "volume_size", "image"}
        )

    def test_nothing_is_certain_where_nothing_was_fetched_or_another_is_extended(self):
        for content in (False, "{% extends 'base.yml' %}\n" + CONTENT):
            self.manifest.content = content
            self.assertEqual(self.manifest._certain_claims(), [])
            self.assertEqual(self.manifest._certain_variables(), set())


class TestArchivedCluster(KubernetesTransactionCase):
    """Workers get no jobs of an archived cluster: it is told."""

    def test_it_needs_attention_while_apps_are_on_it(self):
        worker = self.create_worker("w")
        self.assertIn(self.cluster, worker.cluster_ids)
        app = self.create_app()
        app._enqueue("deploy")
        rows = self.env["kubernetes.attention"]
        domain = [
            ("cluster_id", "=", self.cluster.id),
            ("reason", "=", "cluster_unserved"),
        ]
        self.assertFalse(rows.search(domain))
        self.cluster.active = False
        self.env.flush_all()
        self.assertEqual(len(rows.search(domain)), 1)


class TestClaimedJobs(KubernetesTransactionCase):
    """A job that Odoo cannot put together keeps no other one from the worker."""

    @mute_logger("odoo.addons.kubernetes_hosting.models.kubernetes_worker_call")
    def test_it_fails_alone_and_needs_attention(self):
        worker = self.create_worker("w")
        bad, good = self.create_app("bad"), self.create_app("good")
        (bad + good)._ask_each("deploy")
        app_class = type(bad)
        values = app_class._contract_values

        def broken(app, siblings):
            if app == bad:
                raise KeyError("uid")
            return values(app, siblings)

        calls = self.env["kubernetes.worker.call"].with_user(worker.user_id)
        said = {
            "reachable": True,
            "version": "1",
            "message": "",
            "message_words": None,
            "capacity": None,
        }
        params = {
            "contract": 2,
            "contract_minimum": 1,
            "worker": {"name": "w", "instance": "i", "version": "1", "machine": ""},
            "clusters": [{"name": self.cluster.name, **said}],
            "kinds": ["deploy"],
            "cluster_kinds": ["kubernetes"],
            "mailgun": None,
            "capacity": 5,
        }
        with (
            patch.object(app_class, "_contract_values", broken),
            self.enter_registry_test_mode(),
        ):
            answer = calls._answer("claim", params)
        self.env.invalidate_all()
        self.assertEqual([job["app"]["name"] for job in answer["jobs"]], ["good"])
        self.assertEqual(bad.state, "failed")
        self.assertIn("See the log", bad.state_message)
        self.env.flush_all()
        rows = self.env["kubernetes.attention"].search([("app_id", "=", bad.id)])
        self.assertEqual(rows.reason, "app_failed")
