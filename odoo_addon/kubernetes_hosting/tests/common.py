# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.fields import Command
from odoo.tests import TransactionCase, new_test_user

MODULE = "kubernetes_hosting"


class KubernetesCase:
    """A cluster, manifests, values and people; mixed into Odoo's test classes."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.prod = cls.env.ref("kubernetes_hosting.environment_prod")
        cls.int = cls.env.ref("kubernetes_hosting.environment_int")
        cls.cluster = cls.env["kubernetes.cluster"].create(
            {
                "name": "unit",
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
    def create_user(cls, group, login=None, **values):
        return new_test_user(
            cls.env,
            login or f"{group}-person",
            groups=f"{MODULE}.group_kubernetes_{group}",
            lang="en_US",
            **values,
        )


class KubernetesTransactionCase(KubernetesCase, TransactionCase):
    pass
