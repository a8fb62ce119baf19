# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.exceptions import UserError, ValidationError
from odoo.tests import tagged

from .calls import CallsCase
from .common import KubernetesTransactionCase
from .library import Library

COMPOSE = "compose"


@tagged("post_install", "-at_install")
class TestClusterKind(CallsCase):
    """Jobs of a cluster go to workers that run its kind."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.host = cls.env["kubernetes.cluster"].create(
            {
                "name": "host",
                "kind": COMPOSE,
                "company_id": False,
                "domain": "host.example.com",
            }
        )
        cls.worker.cluster_ids = cls.cluster | cls.host
        cls.shop = cls.create_app("shop")
        cls.wiki = cls.create_app("wiki", cluster_id=cls.host.id)

    def ask(self, kinds, clusters=("unit", "host")):
        """A claim of a worker that runs these kinds; None: of one that says none."""
        params = self.claim_params(10)
        (cluster,) = params["clusters"]
        params["clusters"] = [{**cluster, "name": name} for name in clusters]
        if kinds is None:
            del params["cluster_kinds"]
            params["contract"] = 1
        else:
            params["cluster_kinds"] = kinds
        answer = self.call("claim", params)
        # It was another transaction.
        self.env.invalidate_all()
        return answer

    def given(self, answer):
        return [job["cluster"]["name"] for job in answer["jobs"]]

    def deploy_both(self):
        (self.shop | self.wiki)._enqueue_all("deploy")

    def test_a_worker_gets_the_jobs_of_the_kind_that_it_runs(self):
        self.deploy_both()
        answer = self.ask([COMPOSE])
        self.assertEqual(self.given(answer), ["host"])
        self.assertEqual(answer["unknown_clusters"], ["unit"])
        self.assertEqual(answer["observe"]["clusters"], ["host"])
        answer = self.ask(["kubernetes"])
        self.assertEqual(self.given(answer), ["unit"])
        self.assertEqual(answer["unknown_clusters"], ["host"])

    def test_one_that_runs_both_gets_both(self):
        self.deploy_both()
        self.assertEqual(
            sorted(self.given(self.ask(["kubernetes", COMPOSE]))), ["host", "unit"]
        )
        self.assertEqual(self.worker.cluster_kinds, "compose, kubernetes")

    def test_one_that_says_nothing_of_kinds_runs_kubernetes(self):
        self.deploy_both()
        self.assertEqual(self.given(self.ask(None)), ["unit"])
        self.assertEqual(self.worker.cluster_kinds, "kubernetes")

    def test_a_worker_of_another_kind_tells_nothing_of_a_cluster(self):
        self.ask(["kubernetes"])
        self.assertEqual(self.host.state, "unknown")
        namespace = self.wiki.namespace_id.name
        look = {
            "cluster": "host",
            "apps": [
                {
                    "id": self.wiki.id,
                    "uid": self.wiki.uid,
                    "namespace": namespace,
                    "observation": {
                        **self.observation("stopped"),
                        "seen_at": "2026-11-21T08:00:00Z",
                    },
                }
            ],
            "complete": None,
        }
        self.assertEqual(self.call("observe", look)["unknown"], [namespace])
        self.ask([COMPOSE])
        self.assertEqual(self.host.state, "reachable")
        self.assertEqual(self.call("observe", look)["unknown"], [])

    def test_why_a_job_waits_names_the_kinds(self):
        job = self.wiki._enqueue("deploy")
        self.other_worker.cluster_ids = False
        self.assertNotIn("of the kind", job._why_waiting(), "no worker was heard of")
        self.ask(["kubernetes"])
        self.assertIn(
            "The cluster host is of the kind compose, and no worker that serves it runs"
            " this kind: worker-1 runs kubernetes.",
            job._why_waiting(),
        )
        self.ask([COMPOSE])
        self.assertNotIn("of the kind", job._why_waiting())

    def test_a_cluster_whose_kind_no_worker_runs_needs_attention(self):
        self.wiki._enqueue("deploy")
        rows = self.env["kubernetes.attention"]
        wanted = [
            ("cluster_id", "=", self.host.id),
            ("reason", "=", "cluster_unserved"),
        ]
        self.assertFalse(rows.search(wanted), "nothing is known of the worker yet")
        self.ask(["kubernetes"])
        row = rows.search(wanted)
        self.assertIn("worker-1 runs kubernetes", row.hint)
        self.ask(["kubernetes", COMPOSE])
        self.assertFalse(rows.search(wanted))

    def test_what_a_worker_calls_its_kinds_is_kept_where_it_is_a_name(self):
        self.ask([COMPOSE, "Not A Kind", "", COMPOSE, *(f"k{n}" for n in range(50))])
        kinds = self.worker.cluster_kinds.split(", ")
        self.assertEqual(len(kinds), 10)
        self.assertEqual(kinds[0], COMPOSE)
        self.assertNotIn("Not A Kind", kinds)

    def test_a_worker_that_runs_a_kind_no_more_gets_its_jobs_no_more(self):
        self.ask([COMPOSE])
        self.deploy_both()
        self.assertEqual(self.given(self.ask(["kubernetes"])), ["unit"])

    def test_a_kind_is_a_name_and_stays_once_there_are_apps(self):
        self.assertEqual(self.cluster.kind, "kubernetes", "where nobody says another")
        for wrong in ("Compose", "docker compose", "-a", "a_b", "x" * 64):
            with self.subTest(kind=wrong), self.assertRaises(ValidationError):
                self.env["kubernetes.cluster"].create(
                    {"name": "new", "kind": wrong, "domain": "new.example.com"}
                )
        with self.assertRaisesRegex(UserError, "name, kind and domain"):
            self.host.kind = "kubernetes"


@tagged("post_install", "-at_install")
class TestPlacementByKind(Library, KubernetesTransactionCase):
    """What says nothing of a kind is for Kubernetes, and is offered nowhere else."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_library()
        cls.host = cls.env["kubernetes.cluster"].create(
            {
                "name": "host",
                "kind": COMPOSE,
                "company_id": False,
                "domain": "host.example.com",
                "labels": "zone=b",
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

    def test_a_package_is_for_kubernetes_unless_it_says_another_kind(self):
        self.assertEqual(self.version().cluster_ids, self.cluster)
        with self.assertRaisesRegex(UserError, "a cluster of the kind kubernetes"):
            self.version()._check_fits(self.host)
        self.select(("chandlery.dev/kind", "In", [COMPOSE]))
        self.assertEqual(self.version().cluster_ids, self.host)
        self.version()._check_fits(self.host)
        with self.assertRaisesRegex(UserError, "chandlery.dev/kind=compose"):
            self.version()._check_fits(self.cluster)

    def test_other_labels_count_beside_the_kind(self):
        self.select(("zone", "In", ["a"]), ("chandlery.dev/kind", "In", [COMPOSE]))
        self.assertFalse(self.version().cluster_ids)
        self.assertIn("chandlery.dev/kind=compose", self.version().no_cluster_text)
        self.select(("zone", "In", ["b"]))
        self.assertFalse(self.version().cluster_ids, "of Kubernetes there is none")

    def test_nobody_labels_a_cluster_with_another_kind(self):
        with self.assertRaisesRegex(ValidationError, "chandlery.dev/kind by itself"):
            self.host.labels = "chandlery.dev/kind=kubernetes"
