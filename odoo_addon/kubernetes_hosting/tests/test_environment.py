# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.exceptions import UserError, ValidationError
from odoo.modules import get_module_path
from odoo.modules.migration import load_script

from .common import KubernetesTransactionCase


class TestEnvironment(KubernetesTransactionCase):
    """Environments, clusters and manifests refuse what cannot work."""

    def test_environments_come_with_their_patterns(self):
        patterns = {
            environment.code: environment.hostname_pattern
            for environment in self.env["kubernetes.environment"].search([])
        }
        self.assertEqual(
            patterns,
            {
                "prod": "{app}",
                "int": "{app}-int",
                "test": "{app}-test",
                "dev": "{app}-dev",
            },
        )

    def test_the_update_marks_production_which_was_known_by_its_code(self):
        self.env["kubernetes.environment"].search([]).is_production = False
        script = load_script(
            f"{get_module_path('kubernetes_hosting')}"
            "/migrations/19.0.1.2.0/post-migration.py",
            "post_migration",
        )
        script.migrate(self.env.cr, "19.0.1.1.0")
        marked = self.env["kubernetes.environment"].search(
            [("is_production", "=", True)]
        )
        self.assertEqual(marked.mapped("code"), ["prod"])

    def test_bad_codes_and_patterns_are_refused(self):
        environments = self.env["kubernetes.environment"]
        for code in ("Prod", "a-b", "1st", "", "x" * 16):
            with self.assertRaises(ValidationError):
                environments.create({"name": "X", "code": code})
        for pattern in (
            "app",
            "{app}-",
            "-{app}",
            "{app}.int",
            "{app}{app}",
            "{APP}",
            "{app}-" + "x" * 33,
        ):
            with self.assertRaises(ValidationError):
                environments.create(
                    {"name": "X", "code": "stage", "hostname_pattern": pattern}
                )
        environments.create(
            {"name": "X", "code": "stage", "hostname_pattern": "int-{app}"}
        )

    def test_pattern_and_code_stay_while_apps_use_them(self):
        self.create_app("shop", self.int)
        with self.assertRaisesRegex(UserError, "another environment"):
            self.int.hostname_pattern = "{app}-stage"
        with self.assertRaisesRegex(UserError, "another environment"):
            self.int.code = "stage"
        self.int.name = "Staging"

    def test_domain_and_name_stay_while_apps_use_them(self):
        self.create_app("shop")
        with self.assertRaisesRegex(UserError, "another cluster"):
            self.cluster.domain = "example.org"
        with self.assertRaisesRegex(UserError, "another cluster"):
            self.cluster.name = "moved"
        self.cluster.ingress_class = "nginx"

    def test_bad_domains_are_refused(self):
        for domain in (
            "https://example.com",
            "Example.com",
            ".example.com",
            "example.com.",
            "a_b.com",
            "a" * 190,
        ):
            with self.assertRaises(ValidationError):
                self.cluster.domain = domain

    def test_bad_url_patterns_are_refused(self):
        for pattern in ("{hostname}", "ftp://{hostname}", "https://example.com"):
            with self.assertRaises(ValidationError):
                self.cluster.url_pattern = pattern

    def test_allowed_kinds_are_read_line_by_line(self):
        self.cluster.allowed_kinds = "ClusterRole.rbac.authorization.k8s.io\n\n Node \n"
        self.assertEqual(
            self.cluster._policy_contract_values()["kinds"],
            ["ClusterRole.rbac.authorization.k8s.io", "Node"],
        )
        with self.assertRaisesRegex(ValidationError, "cluster role"):
            self.cluster.allowed_kinds = "cluster role"

    def test_manifest_urls(self):
        manifest = self.manifests[0]
        for url in ("file:///etc/passwd", "example.com/x.yml", "https://", "http://[x"):
            with self.assertRaisesRegex(ValidationError, "not a URL"):
                manifest.url = url
        with self.assertRaisesRegex(ValidationError, "password"):
            manifest.url = "https://me:secret@example.com/x.yml"
        manifest.url = "http://127.0.0.1:8090/odoo/postgres.yml"
