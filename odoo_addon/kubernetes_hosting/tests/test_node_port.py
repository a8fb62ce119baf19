# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged

from ..models.kubernetes_limits import LIMITS
from .common import KubernetesQueueCase
from .library import Library


@tagged("post_install", "-at_install")
class TestNodePort(Library, KubernetesQueueCase):
    """An app may ask for ports of the nodes: free ones of its cluster are reserved for
    it and given back."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_library()
        cls.cluster.node_port_range = "30000-30003"

    def version_with_ports(self, count):
        """The package's newest version, which needs so many ports."""
        if not self.env["kubernetes.package"].search([], limit=1):
            self.tell([self.wiki()])
        version = self.package().latest_version_id
        needs = {**version.content["needs"], "node_ports": count}
        version.content = {**version.content, "needs": needs}
        return version

    def finish(self, kind, **result):
        self.claim(kinds=[kind])._conclude(self.outcome("done", **result))

    def ports_of(self, app):
        return app._contract_values()["node_ports"]

    def test_an_app_that_asks_for_none_has_none(self):
        self.assertEqual(self.ports_of(self.create_app()), [])
        self.assertEqual(self.cluster.free_node_ports, 4)

    def test_the_lowest_free_ports_are_the_apps(self):
        one = self.create_app(limit_node_ports=2)
        other = self.create_app(name="other", limit_node_ports=1)
        self.assertEqual(self.ports_of(one), [30000, 30001])
        self.assertEqual(one.node_ports_text, "30000, 30001")
        self.assertEqual(self.ports_of(other), [30002])
        self.assertEqual(self.cluster.free_node_ports, 1)

    def test_another_cluster_has_the_same_ports_once_more(self):
        cluster = self.env["kubernetes.cluster"].create(
            {
                "name": "bern",
                "domain": "bern.example.com",
                "node_port_range": "30000-30000",
            }
        )
        here = self.create_app(limit_node_ports=1)
        there = self.create_app(cluster_id=cluster.id, limit_node_ports=1)
        self.assertEqual(self.ports_of(here), self.ports_of(there))

    def test_where_none_is_free_it_is_said_and_nothing_is_made(self):
        self.create_app(limit_node_ports=3)
        refused = "has not enough free node ports for other.*: 2 more.*, 1 are left"
        with self.assertRaisesRegex(UserError, refused):
            self.create_app(name="other", limit_node_ports=2)

    def test_a_deleted_apps_ports_are_given_back(self):
        app = self.create_app(limit_node_ports=4)
        app._enqueue("delete")
        self.finish("delete", namespace_deleted=True)
        self.assertEqual(self.ports_of(app), [])
        self.assertEqual(self.cluster.free_node_ports, 4)
        other = self.create_app(name="other", limit_node_ports=1)
        self.assertEqual(self.ports_of(other), [30000])

    def test_fewer_ports_are_given_back_once_the_app_is_deployed_without_them(self):
        app = self.create_app(limit_node_ports=3)
        app._enqueue("deploy")
        self.finish("deploy")
        app.limit_node_ports = 1
        self.assertEqual(self.ports_of(app), [30000])
        app._gc_node_ports()
        # Its Service may still have them.
        self.assertEqual(len(app.node_port_ids), 3)
        app._enqueue("deploy")
        self.finish("deploy")
        app._gc_node_ports()
        self.assertEqual(app.node_port_ids.mapped("number"), [30000])
        app.limit_node_ports = 2
        self.assertEqual(self.ports_of(app), [30000, 30001])

    def test_an_apps_first_port_stays_its_first(self):
        one = self.create_app(limit_node_ports=1)
        app = self.create_app(name="other", limit_node_ports=1)
        one._enqueue("delete")
        self.finish("delete", namespace_deleted=True)
        app.limit_node_ports = 2
        self.assertEqual(self.ports_of(app), [30001, 30000])

    def test_a_copy_has_ports_of_its_own(self):
        app = self.create_app(limit_node_ports=2)
        self.assertEqual(self.ports_of(app.copy()), [30002, 30003])

    def test_a_record_that_goes_gives_them_back(self):
        app = self.create_app(limit_node_ports=2)
        app.unlink()
        self.assertEqual(len(self.cluster._free_node_ports()), 4)

    def test_a_narrower_range_leaves_apps_theirs(self):
        app = self.create_app(limit_node_ports=2)
        self.cluster.node_port_range = "30001-30002"
        self.assertEqual(self.ports_of(app), [30000, 30001])
        self.assertEqual(self.cluster._free_node_ports(), [30002])

    def test_the_customers_page_shows_them(self):
        app = self.create_app(limit_node_ports=2)
        self.assertEqual(app._customer_status()["ports"], "30000, 30001")

    def test_a_range_is_two_ports_in_order(self):
        for text in ("30000", "30001-30000", "0-5", "30000-70000", "a-b"):
            with self.subTest(text), self.assertRaises(ValidationError):
                self.cluster.node_port_range = text
                self.cluster.flush_recordset()
        self.cluster.node_port_range = "30000-30000"

    def test_a_package_says_how_many_and_runs_where_they_are_free(self):
        version = self.version_with_ports(2)
        usual = self.env["kubernetes.app"].default_get(list(LIMITS))
        self.assertEqual(version._limits(usual)["limit_node_ports"], 2)
        self.assertIn(self.cluster, version._places())
        self.create_app(name="other", limit_node_ports=3)
        self.assertNotIn(self.cluster, version._places())
        self.assertIn("2 free node ports", version._no_place_text())

    def test_an_app_that_moves_to_a_version_with_ports_gets_them(self):
        app = self.create_app()
        app._made_of(self.version_with_ports(0))
        self.index(self.wiki(version="9.0"))
        self.version_with_ports(1)
        app.action_update_package()
        self.assertEqual(self.ports_of(app), [30000])
