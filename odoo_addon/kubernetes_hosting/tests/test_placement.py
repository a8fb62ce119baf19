# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged

from ..tools.labels import read_selector, written
from .common import KubernetesTransactionCase
from .library import Library

CAPACITY = {
    "nodes": 3,
    "nodes_ready": 2,
    "cpu_millicores": 12000,
    "cpu_millicores_requested": 4500,
    "memory_mib": 49152,
    "memory_mib_requested": 12288,
    "pods": 330,
    "pods_requested": 41,
    "message": "",
    "message_words": None,
}


@tagged("post_install", "-at_install")
class TestPlacement(Library, KubernetesTransactionCase):
    """Labels of clusters, selectors of packages and repositories, and draining decide
    where an app may run."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_library()
        cls.bern = cls.env["kubernetes.cluster"].create(
            {
                "name": "bern",
                "company_id": False,
                "domain": "bern.example.com",
                "labels": "zone=b,place=bern,gpu=",
            }
        )

    def setUp(self):
        super().setUp()
        self.tell([self.wiki()])

    def version(self):
        self.env.invalidate_all()
        return self.package().latest_version_id

    def select(self, *conditions):
        names = ("key", "operator", "values")
        content = self.version().content
        content["selector"] = [
            dict(zip(names, item, strict=True)) for item in conditions
        ]
        self.version().write({"content": content})

    def test_a_packages_selector_decides_by_equality_in_and_exists(self):
        both = self.cluster | self.bern
        for condition, expected in (
            (("zone", "In", ["a"]), self.cluster),
            (("zone", "In", ["a", "b"]), both),
            (("zone", "NotIn", ["a"]), self.bern),
            (("gpu", "Exists", []), self.bern),
            (("gpu", "DoesNotExist", []), self.cluster),
            (("place", "In", ["zurich"]), self.cluster.browse()),
        ):
            with self.subTest(condition=condition):
                self.select(condition)
                self.assertEqual(self.version().cluster_ids, expected.sorted("name"))
        self.select(("zone", "In", ["a", "b"]), ("gpu", "Exists", []))
        self.assertEqual(self.version().cluster_ids, self.bern, "all of them hold")

    def test_a_repositorys_selector_counts_beside_the_packages(self):
        self.assertEqual(len(self.version().cluster_ids), 2)
        self.repository.cluster_selector = "place in (bern,zurich)"
        self.assertEqual(self.version().cluster_ids, self.bern)
        self.assertIn(
            "clusters with zone in (a,b),place in (bern,zurich)",
            self.version().needs_text,
        )

    def test_a_cluster_with_an_older_kubernetes_is_none_for_it(self):
        self.bern.sudo().version = "v1.29.9"
        self.cluster.sudo().version = "v1.30.0"
        self.assertEqual(self.version().cluster_ids, self.cluster)

    def test_selectors_and_labels_that_cannot_be_read_are_refused(self):
        for text in ("place:bern", "place=bern,=x", "-a=b"):
            with self.subTest(labels=text), self.assertRaises(ValidationError):
                self.cluster.labels = text
        for text in ("place in bern", "a=b=c", "place in (a;b)"):
            with self.subTest(selector=text), self.assertRaises(ValidationError):
                self.repository.cluster_selector = text

    def test_a_selector_is_written_as_it_is_read(self):
        for text in ("a=b", "a!=b", "a in (b,c)", "a notin (b,c)", "a", "!a", "a=,b"):
            self.assertEqual(written(read_selector(text)), text)

    def test_who_installs_sees_only_clusters_that_match(self):
        self.repository.cluster_selector = "gpu"
        action = self.package().action_install()
        wizard = self.env["kubernetes.package.install"].browse(action["res_id"])
        self.assertEqual(wizard.cluster_ids, self.bern)
        self.assertEqual(wizard.cluster_id, self.bern)
        for line in wizard.line_ids:
            line.write({"value": "x", "secret_value": "x"})
        wizard.write({"name": "pages", "cluster_id": self.cluster.id})
        with self.assertRaisesRegex(UserError, "may not run on the cluster “unit”"):
            wizard.action_install()

    def test_no_match_is_said_in_words(self):
        self.repository.cluster_selector = "place=zurich"
        package = self.package()
        self.assertFalse(package.cluster_ids)
        self.assertIn(
            "needs one with zone in (a,b),place=zurich, Kubernetes 1.30 or newer",
            package.no_cluster_text,
        )
        with self.assertRaisesRegex(UserError, "No cluster takes “Wiki 1.0”"):
            package.action_install()

    def test_an_app_does_not_move_to_a_version_that_may_not_run_where_it_is(self):
        app = self.create_app()
        app._made_of(self.version())
        newer = self.wiki(
            version="2.0",
            digest="newer",
            selector=[{"key": "gpu", "operator": "Exists", "values": []}],
        )
        self.index(self.wiki(), newer)
        with self.assertRaisesRegex(UserError, "may not run on the cluster “unit”"):
            app.action_update_package()
        self.assertEqual(app.package_version_id.name, "1.0")

    def test_a_cluster_that_is_drained_takes_no_new_app_and_keeps_the_others(self):
        app = self.create_app()
        self.cluster.action_drain()
        self.assertTrue(self.cluster.draining)
        with self.assertRaisesRegex(UserError, "being drained"):
            self.create_app("other")
        with self.assertRaisesRegex(UserError, "being drained"):
            app.copy()
        self.assertNotIn(self.cluster, self.version().cluster_ids)
        app._enqueue("deploy")
        self.assertEqual(app.state, "deploying", "what is there goes on")
        self.bern.action_drain()
        with self.assertRaisesRegex(UserError, "end its draining"):
            self.package().action_install()
        self.cluster.action_end_draining()
        self.create_app("other")

    def test_only_administrators_drain(self):
        operator = self.create_user("operator")
        with self.assertRaises(AccessError):
            self.cluster.with_user(operator).action_drain()
        self.cluster.company_id = self.env.company
        administrator = self.create_user("administrator")
        self.cluster.with_user(administrator).action_drain()
        self.assertTrue(self.cluster.draining)

    def test_the_form_shows_capacity_health_and_version(self):
        now = fields.Datetime.now()
        said = {"reachable": True, "version": "v1.35.4", "message": ""}
        self.cluster._seen(now, {**said, "capacity": CAPACITY})
        self.assertEqual(
            self.cluster.capacity_text,
            "2 of 3 nodes ready\n"
            "CPU: 4.5 of 12 cores requested (38 %)\n"
            "Memory: 12.0 of 48.0 GiB requested (25 %)\n"
            "Pods: 41 of 330 (12 %)",
        )
        self.assertEqual(self.cluster.requested_percent, 38)
        with Form(self.cluster) as form:
            self.assertEqual(form.version, "v1.35.4")
            self.assertIn("nodes ready", form.capacity_text)
            self.assertEqual(form.state, "reachable")
        # An older worker says nothing of it.
        self.cluster._seen(now, {**said, "capacity": None})
        self.assertEqual(self.cluster.requested_percent, 38)

    def test_a_right_that_the_worker_lacks_is_said(self):
        template = (
            "The worker may not {what} in the whole cluster; config/rbac-watch.yaml"
            " lets it."
        )
        lacking = dict.fromkeys(CAPACITY, 0) | {
            "message": template.format(what="list nodes"),
            "message_words": {
                "text": template,
                "values": {"what": {"text": "list nodes", "values": {}}},
            },
        }
        self.cluster._seen(
            fields.Datetime.now(),
            {"reachable": True, "version": "v1", "message": "", "capacity": lacking},
        )
        self.assertIn("may not list nodes", self.cluster.capacity_text)
        self.assertEqual(self.cluster.requested_percent, 0)

    def test_the_cluster_of_which_least_is_asked_for_comes_first(self):
        self.cluster.sudo().capacity = CAPACITY
        self.assertEqual(self.version()._places()[0], self.bern)
        self.bern.sudo().capacity = {**CAPACITY, "pods_requested": 300}
        self.assertEqual(self.version()._places()[0], self.cluster)
