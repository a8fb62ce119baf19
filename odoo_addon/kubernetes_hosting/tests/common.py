# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.fields import Command
from odoo.tests import TransactionCase, new_test_user

MODULE = "kubernetes_hosting"
# How long an answer of Odoo may take, in seconds: no result is to hang on how fast a
# machine is.
PATIENCE = 120
KINDS = (
    "deploy",
    "refresh",
    "delete",
    "stop",
    "start",
    "restart",
    "reset",
    "diff",
    "preview",
    "mail_domain",
    "mail_release",
    "invitation",
    "password",
    "adopt",
    "index",
    "domains",
    "remove",
)


def job_result(**values):
    """What a worker reports of a job that is done, the contract's ``result``."""
    return {
        "manifests": [],
        "objects": {"created": 0, "changed": 0, "unchanged": 0, "pruned": 0},
        "inventory": None,
        "observation": None,
        "namespace_deleted": False,
        "mail_domain": None,
        "message_id": None,
        "password": None,
        "diff": None,
        "preview": None,
        "index": None,
        "domains": None,
        **values,
    }


def insert_like(record, count, **columns):
    """Rows like that of ``record``; ``columns`` are SQL with the row's number n."""
    cr = record.env.cr
    cr.execute(
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_name = %s AND column_name <> 'id'",
        [record._table],
    )
    names = [name for (name,) in cr.fetchall()]
    values = ", ".join(columns.get(name, f'it."{name}"') for name in names)
    quoted = ", ".join(f'"{name}"' for name in names)
    cr.execute(  # pylint: disable=sql-injection
        f'INSERT INTO "{record._table}" ({quoted}) SELECT {values}'
        f' FROM "{record._table}" it, generate_series(1, %s) n'
        " WHERE it.id = %s RETURNING id",
        [count, record.id],
    )
    return [row[0] for row in cr.fetchall()]


class PatientRequests:
    """Waits longer for an answer than Odoo's tests do; mixed into its ``HttpCase``."""

    def url_open(self, url, data=None, files=None, timeout=PATIENCE, **arguments):
        return super().url_open(url, data, files, timeout=timeout, **arguments)

    def make_jsonrpc_request(self, route, params=None, timeout=PATIENCE, **arguments):
        return super().make_jsonrpc_request(route, params, timeout=timeout, **arguments)


class KubernetesCase(PatientRequests):
    """A cluster, manifests, values and people; mixed into Odoo's test classes."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.prod = cls.env.ref("kubernetes_hosting.environment_prod")
        cls.int = cls.env.ref("kubernetes_hosting.environment_int")
        cls.cluster = cls.env["kubernetes.cluster"].create(
            {
                "name": "unit",
                "company_id": False,
                "domain": "apps.example.com",
                "ingress_class": "traefik",
                "url_pattern": "http://{hostname}:8080",
            }
        )
        cls.manifests = cls.env["kubernetes.manifest"].create(
            [
                {"name": "PostgreSQL", "url": "https://example.com/postgres.yml"},
                {"name": "Odoo", "url": "https://example.com/odoo.yml"},
            ]
        )
        cls.config_map = cls.env["kubernetes.config.map"].create(
            {
                "name": "Odoo",
                "is_template": True,
                "line_ids": [
                    Command.create({"key": "odoo_image", "value": "odoo:19.0"}),
                    Command.create(
                        {"key": "odoo_replicas", "type": "yaml", "value": "1"}
                    ),
                ],
            }
        )
        cls.secret = cls.env["kubernetes.secret"].create(
            {
                "name": "Odoo",
                "is_template": True,
                "line_ids": [
                    Command.create({"key": "smtp_password", "value": "s3cr#t"}),
                    Command.create({"key": "postgres_password", "generate": True}),
                ],
            }
        )
        cls.customer = cls.env["res.partner"].create({"name": "Customer"})

    @classmethod
    def app_values(cls, name="shop", environment=None, **values):
        return {
            "name": name,
            "environment_id": (environment or cls.prod).id,
            "cluster_id": cls.cluster.id,
            "partner_id": cls.customer.id,
            "config_map_id": cls.config_map.id,
            "secret_id": cls.secret.id,
            "manifest_line_ids": [
                Command.create({"sequence": 10 * n, "manifest_id": manifest.id})
                for n, manifest in enumerate(cls.manifests, 1)
            ],
            **values,
        }

    @classmethod
    def create_app(cls, name="shop", environment=None, **values):
        return cls.env["kubernetes.app"].create(
            cls.app_values(name, environment, **values)
        )

    @classmethod
    def create_worker(cls, name, clusters=None):
        """A worker that serves these clusters, or the one of these tests."""
        clusters = cls.cluster if clusters is None else clusters
        return cls.env["kubernetes.worker"].create(
            {"name": name, "cluster_ids": [Command.set(clusters.ids)]}
        )

    @classmethod
    def create_user(cls, group, login=None, **values):
        return new_test_user(
            cls.env,
            login or f"{group}-person",
            groups=f"{MODULE}.group_kubernetes_{group}",
            lang="en_US",
            **values,
        )

    def needs_mailgun(self):
        """Of a test about all that the contract has."""
        if "mail_domain" not in self.env["kubernetes.app"]._fields:
            self.skipTest("The addon kubernetes_hosting_mailgun is not installed.")


class KubernetesTransactionCase(KubernetesCase, TransactionCase):
    pass


class KubernetesQueueCase(KubernetesTransactionCase):
    """Plays the worker's part without HTTP: claims jobs and concludes them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.worker = cls.create_worker("worker-1")
        cls.other_worker = cls.create_worker("worker-2")
        cls.jobs = cls.env["kubernetes.job"]

    def claim(self, limit=10, clusters=("unit",), kinds=KINDS, worker=None):
        self.env.flush_all()
        worker = worker or self.worker
        return self.jobs._claim(worker.id, list(clusters), list(kinds), limit)

    def outcome(self, state, error_code=None, **result):
        error = error_code and {
            "code": error_code,
            "message": "It broke",
            "hint": "Mend it",
        }
        objects = {"created": 1, "changed": 0, "unchanged": 0, "pruned": 0}
        return {
            "state": state,
            "error": error,
            "result": job_result(**{"objects": objects, **result}),
        }

    def object_seen(self, kind, name, health="current", **values):
        """One of an app's objects, as the contract has it."""
        return {
            "api_version": "v1",
            "kind": kind,
            "namespace": "shop-prod",
            "name": name,
            "health": health,
            "created_at": fields.Datetime.now() - timedelta(days=3),
            "images": [],
            "message": "",
            "message_words": None,
            "log": "",
            **values,
        }

    def observation(
        self, state, seen_at=None, message="", ingress="ready", objects=None
    ):
        return {
            "state": state,
            "message": message,
            "message_words": None,
            "ingress": {
                "state": ingress,
                "hosts": ["shop.apps.example.com"],
                "addresses": ["127.0.0.1"] if ingress == "ready" else [],
                "tls": False,
                "message": "",
                "message_words": None,
            },
            "objects": objects,
            "seen_at": seen_at or fields.Datetime.now(),
        }

    def later(self, seconds):
        """Everything that asks the clock is that much later."""
        moment = fields.Datetime.now() + timedelta(seconds=seconds)
        return patch.object(fields.Datetime, "now", lambda *_args: moment)

    def deployed(self, name="shop"):
        app = self.create_app(name)
        app._enqueue("deploy")
        self.claim()._conclude(
            self.outcome("done", observation=self.observation("running"))
        )
        return app
