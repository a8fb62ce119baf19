# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import importlib.util
from pathlib import Path

from odoo.exceptions import AccessError, ValidationError
from odoo.tests import new_test_user

from ..models.kubernetes_policy import KINDS, lines
from .common import KubernetesTransactionCase

MIGRATIONS = Path(__file__).resolve().parents[1] / "migrations"


class TestPolicy(KubernetesTransactionCase):
    """A cluster's policy is strict, readable, and administrators' alone."""

    def test_a_new_cluster_is_strict(self):
        policy = self.cluster._policy_contract_values()
        self.assertEqual(policy["pod_security"], "baseline")
        self.assertFalse(policy["load_balancer"] or policy["node_port"])
        self.assertTrue(policy["quota"] and policy["network_policy"])
        for kind in ("Pod", "DaemonSet.apps", "RoleBinding.rbac.authorization.k8s.io"):
            self.assertNotIn(kind, policy["kinds"])
        for annotation in policy["annotations"]:
            for dangerous in ("snippet", "auth-", "alias", "priority", "canary", "*"):
                self.assertNotIn(dangerous, annotation)

    def test_operators_read_the_policy_and_administrators_change_it(self):
        operator = self.create_user("operator")
        seen = self.cluster.with_user(operator)
        self.assertEqual(seen.pod_security, "baseline")
        for values in (
            {"pod_security": "privileged"},
            {"allowed_kinds": "Pod"},
            {"allowed_annotations": ""},
            {"static_storage_classes": "x"},
            {"load_balancer": True},
            {"node_port": True},
            {"quota": False},
            {"network_policy": False},
            {"ingress_namespaces": "x"},
            {"dns_namespaces": "x"},
        ):
            with self.assertRaises(AccessError):
                seen.write(values)
        administrator = self.create_user("administrator")
        self.cluster.with_user(administrator).pod_security = "restricted"
        self.assertEqual(self.cluster.pod_security, "restricted")

    def test_a_change_stands_in_the_chatter(self):
        names = [
            "pod_security",
            "allowed_kinds",
            "allowed_annotations",
            "static_storage_classes",
            "load_balancer",
            "node_port",
            "quota",
            "network_policy",
            "ingress_namespaces",
            "dns_namespaces",
        ]
        for name in names:
            self.assertTrue(self.cluster._fields[name].tracking, name)

    def test_annotations_are_names_with_a_domain(self):
        self.cluster.allowed_annotations = "nginx.ingress.kubernetes.io/proxy-*\n\n"
        self.assertEqual(
            self.cluster._policy_contract_values()["annotations"],
            ["nginx.ingress.kubernetes.io/proxy-*"],
        )
        for name in ("*", "a b", "proxy-body-size", "*.example.com/x"):
            with self.assertRaises(ValidationError):
                self.cluster.allowed_annotations = name

    def test_labels_without_a_domain_are_whole_names(self):
        self.cluster.allowed_annotations = "grafana_dashboard\nprometheus"
        self.assertEqual(
            self.cluster._policy_contract_values()["annotations"],
            ["grafana_dashboard", "prometheus"],
        )
        for name in ("grafana_*", "grafana.", "_x"):
            with self.assertRaises(ValidationError):
                self.cluster.allowed_annotations = name

    def test_namespaces_are_names_separated_by_commas_or_blanks(self):
        self.cluster.ingress_namespaces = "ingress-nginx, traefik  x,"
        self.assertEqual(
            self.cluster._policy_contract_values()["ingress_namespaces"],
            ["ingress-nginx", "traefik", "x"],
        )
        for name in ("*", "Kube", "-x", "a.b"):
            with self.assertRaises(ValidationError):
                self.cluster.dns_namespaces = name

    def test_no_storage_class_without_a_provisioner_is_allowed_but_by_name(self):
        policy = self.cluster._policy_contract_values
        self.assertEqual(policy()["static_storage_classes"], [])
        self.cluster.static_storage_classes = "local-disks, nfs.example"
        self.assertEqual(
            policy()["static_storage_classes"], ["local-disks", "nfs.example"]
        )
        for name in ("*", "Disks", "-x"):
            with self.assertRaises(ValidationError):
                self.cluster.static_storage_classes = name

    def test_limits_are_positive_and_go_to_the_worker_as_whole_numbers(self):
        app = self.create_app()
        app.write({"limit_cpu": 0.5, "limit_memory": 1.5})
        self.assertEqual(
            app._contract_values()["limits"],
            {"cpu_millicores": 500, "memory_mib": 1536, "storage_gib": 50, "pods": 20},
        )
        for name in ("limit_cpu", "limit_memory", "limit_storage", "limit_pods"):
            for value in (0, -1, 10**9):
                with self.assertRaisesRegex(ValidationError, "between"):
                    app[name] = value

    def test_customers_do_not_see_the_limits(self):
        customer = new_test_user(self.env, "portal-person", groups="base.group_portal")
        app = self.create_app(partner_id=customer.partner_id.id)
        with self.assertRaises(AccessError):
            app.with_user(customer).read(["limit_cpu"])

    def test_the_update_keeps_kinds_that_were_allowed_before(self):
        path = MIGRATIONS / "19.0.1.1.0" / "post-policy.py"
        spec = importlib.util.spec_from_file_location("post_policy", path)
        script = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(script)
        self.cluster.allowed_kinds = "ClusterRole.rbac.authorization.k8s.io\nService\n"
        self.env.flush_all()
        script.migrate(self.env.cr, "19.0.1.0.0")
        self.env.invalidate_all()
        self.assertEqual(
            self.cluster._policy_contract_values()["kinds"],
            [*lines(KINDS), "ClusterRole.rbac.authorization.k8s.io"],
        )
