# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import uuid

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import Form, HttpCase, tagged
from odoo.tools import mute_logger

from .common import KINDS, KubernetesCase, KubernetesQueueCase, job_result

CANARY = "canary-of-the-other-company"
SAID = {"name": "w", "instance": "i", "version": "1", "machine": ""}


class TwoCompanies(KubernetesCase):
    """The harbour's cluster and worker beside those of another company, which has an
    app with a secret."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = cls.env["res.company"].create({"name": "Other"})
        cls.cluster.company_id = cls.env.company
        cls.theirs = cls.env["kubernetes.cluster"].create(
            {
                "name": "theirs",
                "domain": "theirs.example.com",
                "company_id": cls.other.id,
            }
        )
        cls.mine = cls.create_worker("mine", cls.cluster)
        cls.their_worker = cls.create_worker("their-worker", cls.theirs)
        cls.their_secret = cls.env["kubernetes.secret"].create(
            {
                "name": "Theirs",
                "company_id": cls.other.id,
                "is_template": True,
                "line_ids": [Command.create({"key": "canary", "value": CANARY})],
            }
        )
        cls.their_manifest = cls.env["kubernetes.manifest"].create(
            {
                "name": "Theirs",
                "url": "https://example.com/theirs.yml",
                "company_id": cls.other.id,
            }
        )
        cls.their_app = cls.create_app(
            "theirs",
            cluster_id=cls.theirs.id,
            company_id=cls.other.id,
            config_map_id=False,
            secret_id=cls.their_secret.id,
            manifest_line_ids=[Command.create({"manifest_id": cls.their_manifest.id})],
        )
        cls.jobs = cls.env["kubernetes.job"]


@tagged("post_install", "-at_install")
class TestWorkerServesWhatItWasGiven(TwoCompanies, HttpCase):
    """What an administrator did not give a worker does not exist for its key."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.key = cls.mine._create_key()
        cls.their_key = cls.their_worker._create_key()

    def call(self, name, key=None, **params):
        answer = self.make_jsonrpc_request(
            f"/kubernetes_hosting/worker/{name}",
            {"worker": SAID, **params},
            headers={"Authorization": f"Bearer {key or self.key}"},
        )
        self.env.invalidate_all()
        return answer

    def claim(self, *names, key=None, reachable=True):
        return self.call(
            "claim",
            key,
            clusters=[
                {
                    "name": name,
                    "reachable": reachable,
                    "version": "v0",
                    "message": "lost",
                }
                for name in names
            ],
            kinds=list(KINDS),
            mailgun=None,
            capacity=9,
        )

    def report(self, job, key=None, **changes):
        report = {"id": job.id, "token": job.token, "steps": [], "outcome": None}
        return self.call("report", key, jobs=[{**report, **changes}])["jobs"][0]

    def observe(self, cluster, app, key=None):
        seen = {
            "id": app.id,
            "uid": app.uid,
            "namespace": app.namespace_id.name,
            "observation": {
                "state": "running",
                "message": "",
                "ingress": {
                    "state": "ready",
                    "hosts": ["evil.example"],
                    "addresses": ["192.0.2.1"],
                    "tls": True,
                    "message": "",
                },
                "seen_at": "2030-01-01T00:00:00Z",
            },
        }
        return self.call("observe", key, cluster=cluster, apps=[seen], complete=None)[
            "unknown"
        ]

    def assert_untouched(self, job):
        self.assertEqual((job.state, job.attempt), ("pending", 0))
        self.assertEqual(self.theirs.state, "unknown")
        self.assertFalse(
            self.theirs.version
            or self.theirs.message
            or self.theirs.last_seen
            or self.theirs.last_reached
        )

    def test_a_claim_naming_a_cluster_that_was_not_given_gets_neither_job_nor_secret(
        self,
    ):
        job = self.their_app._enqueue("deploy")
        answer = self.claim("theirs")
        self.assertEqual(answer["jobs"], [])
        self.assertNotIn(CANARY, str(answer))
        self.assert_untouched(job)
        self.claim("theirs", reachable=False)
        self.assert_untouched(job)
        (claimed,) = self.claim("theirs", key=self.their_key)["jobs"]
        self.assertEqual(claimed["id"], job.id)
        self.assertIn(CANARY, str(claimed))

    def test_a_cluster_not_given_is_answered_like_one_that_does_not_exist(self):
        names = ["theirs", "nowhere", "unit"]
        self.assertEqual(self.claim(*names)["unknown_clusters"], ["theirs", "nowhere"])
        there = self.claim("theirs")
        missing = self.claim("nowhere")
        self.assertEqual(there.pop("unknown_clusters"), ["theirs"])
        self.assertEqual(missing.pop("unknown_clusters"), ["nowhere"])
        self.assertEqual(there, missing)
        self.assertEqual(self.cluster.state, "reachable")

    def test_a_worker_without_clusters_learns_nothing(self):
        self.mine.cluster_ids = False
        self.their_app._enqueue("deploy")
        self.create_app()._enqueue("deploy")
        self.jobs._enqueue_preview("Odoo", "https://example.com/odoo.yml")
        answer = self.claim("unit", "theirs")
        self.assertEqual(answer["jobs"], [])
        self.assertEqual(answer["unknown_clusters"], ["unit", "theirs"])

    def test_the_right_token_of_another_workers_job_is_stale(self):
        job = self.their_app._enqueue("deploy")
        self.claim("theirs", key=self.their_key)
        before = job.lease_until
        step = {
            "number": 1,
            "code": "fetching",
            "state": "running",
            "started_at": "2026-11-29T00:00:00Z",
            "seconds": None,
            "message": "evil",
        }
        stale = {"id": job.id, "answer": "stale"}
        self.assertEqual(self.report(job, steps=[step]), stale)
        done = {"state": "cancelled", "error": None, "result": None}
        self.assertEqual(self.report(job, outcome=done), stale)
        gone = {"id": 2**30, "answer": "stale"}
        self.assertEqual(self.report(job, id=2**30), gone)
        self.assertEqual((job.state, job.lease_until), ("running", before))
        self.assertFalse(job.step_ids)
        self.assertEqual(self.report(job, self.their_key)["answer"], "go_on")

    def test_what_is_taken_from_a_worker_is_stale_at_once(self):
        job = self.their_app._enqueue("deploy")
        self.claim("theirs", key=self.their_key)
        self.their_worker.cluster_ids = False
        self.assertEqual(self.report(job, self.their_key)["answer"], "stale")
        unknown = self.observe("theirs", self.their_app, self.their_key)
        self.assertEqual(unknown, [self.their_app.namespace_id.name])

    def test_observe_of_a_cluster_not_given_knows_no_app(self):
        app = self.their_app
        for cluster in ("theirs", "unit", "nowhere"):
            answer = self.observe(cluster, app)
            namespace = app.namespace_id.name
            self.assertEqual(answer, [namespace], cluster)
        self.assertFalse(app.ingress_hosts)
        self.assertEqual(self.observe("theirs", app, self.their_key), [])
        self.assertEqual(app.ingress_hosts, "evil.example")

    def test_a_preview_goes_to_a_worker_of_its_company_only(self):
        job = self.jobs._enqueue_preview(
            "Odoo", "https://example.com/odoo.yml", secret=self.their_secret
        )
        self.assertEqual(job.company_id, self.other)
        for names in ((), ("unit",), ("theirs",)):
            answer = self.claim(*names)
            self.assertEqual(answer["jobs"], [])
            self.assertNotIn(CANARY, str(answer))
        (claimed,) = self.claim(key=self.their_key)["jobs"]
        self.assertIn(CANARY, str(claimed))
        self.assertEqual(self.report(job)["answer"], "stale")
        self.assertEqual(self.report(job, self.their_key)["answer"], "go_on")

    def test_a_shared_cluster_serves_the_previews_of_all_companies(self):
        self.jobs._enqueue_preview(
            "Odoo", "https://example.com/odoo.yml", secret=self.their_secret
        )
        self.cluster.company_id = False
        self.assertEqual(len(self.claim()["jobs"]), 1)

    def test_a_preview_never_carries_what_became_another_companys(self):
        job = self.jobs._enqueue_preview(
            "Odoo", "https://example.com/odoo.yml", secret=self.secret
        )
        self.assertEqual(job.company_id, self.env.company)
        self.secret.company_id = self.other
        (claimed,) = self.claim()["jobs"]
        self.assertEqual(claimed["secret"], [])

    def test_a_companys_worker_does_not_tell_the_others_what_a_shared_manifest_is(self):
        manifest = self.env["kubernetes.manifest"].create(
            {
                "name": "Shared",
                "url": "https://example.com/shared.yml",
                "company_id": False,
            }
        )
        own = self.their_manifest.copy({"company_id": self.env.company.id})
        app = self.create_app(
            "shop",
            manifest_line_ids=[
                Command.create({"manifest_id": one.id}) for one in manifest | own
            ],
        )
        seen = {"content": "kind: Evil", "variables": [], "files": []}
        result = job_result(
            manifests=[
                {**seen, "id": one.id, "digest": "sha256:" + "0" * 64}
                for one in manifest | own
            ],
            preview={**seen, "digest": "sha256:" + "1" * 64, "problems": []},
        )
        job = app._enqueue("deploy")
        preview = self.jobs._enqueue_preview("Shared", manifest.url, manifest)
        self.claim("unit")
        self.assertEqual(job.worker_id, self.mine)
        job._take_over(result)
        self.assertFalse(manifest.digest)
        self.assertEqual(own.content, "kind: Evil")
        manifest._after_preview(preview, result)
        self.assertFalse(manifest.content or manifest.preview)
        # A worker that was given what all companies share speaks for all of them.
        self.cluster.company_id = False
        job._take_over(result)
        self.assertEqual(manifest.content, "kind: Evil")

    def test_the_worker_shows_which_clusters_it_asks_for(self):
        self.claim("unit", "edge")
        self.assertEqual(self.mine.cluster_ids, self.cluster)
        self.assertEqual(self.mine.announced_cluster_ids, self.cluster)
        self.assertEqual(self.mine.asked_clusters, "edge")
        row = self.env["kubernetes.attention"].search(
            [("reason", "=", "worker_asks"), ("worker_id", "=", self.mine.id)]
        )
        self.assertEqual(row.message, "edge")
        self.claim(*(f"{n}-{uuid.uuid4()}" * 9 for n in range(99)))
        self.assertLess(len(self.mine.asked_clusters), 400)
        self.assertFalse(self.mine.announced_cluster_ids)
        self.claim("unit")
        self.assertFalse(self.mine.asked_clusters)
        # Nor is it told any longer when an administrator has answered.
        self.claim("unit", "edge")
        self.assertEqual(self.mine.asked_clusters, "edge")
        self.mine.cluster_ids = self.cluster
        self.assertFalse(self.mine.asked_clusters)


class TestWhoGivesClusters(TwoCompanies, KubernetesQueueCase):
    """Only administrators give clusters, and only those of their companies."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stranger = cls.create_user(
            "administrator",
            login="stranger",
            company_id=cls.other.id,
            company_ids=[cls.other.id],
        )

    def refused(self):
        return self.assertRaises(AccessError), mute_logger(
            "odoo.addons.base.models.ir_rule", "odoo.models"
        )

    def test_an_operator_gives_no_cluster(self):
        operator = self.create_user("operator")
        with self.assertRaises(AccessError):
            self.mine.with_user(operator).cluster_ids = self.cluster

    def test_an_administrator_gives_no_cluster_of_another_company(self):
        raises, muted = self.refused()
        workers = self.env["kubernetes.worker"].with_user(self.stranger)
        with raises, muted:
            workers.create(
                {"name": "x", "cluster_ids": [Command.set(self.cluster.ids)]}
            )
        own = workers.create(
            {"name": "own", "cluster_ids": [Command.set(self.theirs.ids)]}
        )
        for command in (
            Command.link(self.cluster.id),
            Command.set(self.cluster.ids),
        ):
            raises, muted = self.refused()
            with raises, muted:
                own.write({"cluster_ids": [command]})

    def test_an_administrator_makes_no_key_for_a_worker_of_another_company(self):
        for clusters in (self.cluster, self.cluster + self.theirs):
            self.mine.sudo().cluster_ids = clusters
            self.env.flush_all()
            for method in ("action_revoke_keys", "unlink"):
                raises, muted = self.refused()
                with raises, muted:
                    getattr(self.mine.with_user(self.stranger), method)()
            raises, muted = self.refused()
            with raises, muted:
                self.mine.with_user(self.stranger).check_access("write")
        # Where one cluster is theirs they see the worker, otherwise not.
        seen = self.env["kubernetes.worker"].with_user(self.stranger)
        wanted = [("id", "=", self.mine.id)]
        self.assertTrue(seen.search(wanted))
        self.mine.sudo().cluster_ids = self.cluster
        self.env.flush_all()
        self.assertFalse(seen.search(wanted))
        self.their_worker.with_user(self.stranger).check_access("write")

    def test_a_shared_cluster_is_given_by_who_works_for_all_companies(self):
        self.theirs.company_id = False
        workers = self.env["kubernetes.worker"].with_user(self.stranger)
        raises, muted = self.refused()
        with raises, muted:
            workers.create({"name": "x", "cluster_ids": [Command.set(self.theirs.ids)]})
        own = workers.create({"name": "own", "cluster_ids": False})
        raises, muted = self.refused()
        with raises, muted:
            own.cluster_ids = self.theirs
        own.invalidate_recordset()
        # Nor do they make a key of a worker that has one.
        wizard = self.env["kubernetes.worker.key.create"].with_user(self.stranger)
        wizard = wizard.create({"worker_id": self.their_worker.id})
        raises, muted = self.refused()
        with raises, muted:
            # Without the question for the password, which a request asks.
            wizard.action_create.__wrapped__(wizard)
        self.stranger.company_ids = self.env["res.company"].search([])
        own.cluster_ids = self.theirs

    def test_the_only_cluster_of_a_company_is_offered_to_a_new_worker(self):
        workers = self.env["kubernetes.worker"].with_user(self.stranger)
        form = Form(workers.with_company(self.other))
        self.assertEqual(form.cluster_ids[:], self.theirs)
        second = self.theirs.copy({"name": "second", "domain": "second.example.com"})
        form = Form(workers.with_company(self.other))
        self.assertFalse(form.cluster_ids[:])
        second.company_id = self.env.company
        form = Form(workers.with_company(self.other))
        self.assertEqual(form.cluster_ids[:], self.theirs)

    def test_who_may_not_read_a_secret_does_not_preview_with_it_by_a_retry(self):
        job = self.jobs._enqueue_preview(
            "Odoo", "https://example.com/odoo.yml", secret=self.their_secret
        )
        job.company_id = self.env.company
        job._finish("cancelled")
        administrator = self.create_user(
            "administrator",
            company_id=self.env.company.id,
            company_ids=[self.env.company.id],
        )
        raises, muted = self.refused()
        with raises, muted:
            job.with_user(administrator).action_retry()

    def test_a_preview_is_of_one_company(self):
        self.config_map.company_id = self.env.company
        with self.assertRaisesRegex(UserError, "belong to several"):
            self.jobs._enqueue_preview(
                "Odoo",
                "https://example.com/odoo.yml",
                config_map=self.config_map,
                secret=self.their_secret,
            )

    def test_a_cluster_that_no_worker_serves_needs_attention_with_its_jobs(self):
        job = self.their_app._enqueue("deploy")
        rows = self.env["kubernetes.attention"]
        wanted = [("cluster_id", "=", self.theirs.id), ("app_id", "=", False)]
        self.assertNotIn("cluster_unserved", rows.search(wanted).mapped("reason"))
        self.assertFalse(job.is_unserved)
        self.their_worker.cluster_ids = False
        row = rows.search(wanted)
        self.assertEqual(row.mapped("reason"), ["cluster_unserved"])
        self.assertEqual(row.action_open()["res_model"], "kubernetes.cluster")
        self.assertTrue(job.is_unserved)
        self.their_worker.cluster_ids = self.theirs
        self.their_worker.active = False
        self.assertEqual(rows.search(wanted).mapped("reason"), ["cluster_unserved"])
        self.env.invalidate_all()
        self.assertTrue(job.is_unserved)

    def test_a_worker_is_there_for_a_cluster_that_it_serves_and_announces(self):
        app = self.their_app
        self.their_worker.state = "online"
        self.assertFalse(app._online_workers())
        now = fields.Datetime.now()
        self.their_worker._seen(now, SAID, self.theirs)
        self.assertEqual(app._online_workers(), self.their_worker)
        self.their_worker.cluster_ids = False
        self.assertFalse(app._online_workers())

    def test_an_update_keeps_what_workers_announced_and_says_so(self):
        self.env["kubernetes.worker"]._carry_over()
        self.assertEqual(self.mine.announced_cluster_ids, self.cluster)
        self.assertIn(
            "only the clusters that an administrator", self.mine.message_ids[:1].body
        )
        self.assertIn("unit", self.mine.message_ids[:1].body)


class TestWhoMovesClusters(TwoCompanies, KubernetesQueueCase):
    """A change of a cluster's company gives away what its workers get: whoever may not
    give that, does not change it, on no way."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.stranger = cls.create_user(
            "administrator",
            login="stranger",
            company_id=cls.other.id,
            company_ids=[cls.other.id],
        )
        cls.shared = cls.env["kubernetes.cluster"].create(
            {"name": "shared", "domain": "shared.example", "company_id": False}
        )
        cls.shared_worker = cls.create_worker("shared-worker", cls.shared)
        cls.shared_worker._create_key()

    def refused(self, act, *args):
        with (
            self.assertRaises(UserError),
            mute_logger("odoo.addons.base.models.ir_rule", "odoo.models"),
            self.env.cr.savepoint(),
        ):
            act(*args)
        self.env.invalidate_all()

    def test_an_own_cluster_is_not_made_everybodys(self):
        own = self.theirs.with_user(self.stranger)
        self.refused(own.write, {"company_id": False})
        self.refused(own.write, {"company_id": self.env.company.id})
        self.refused(
            own.create, {"name": "x", "domain": "x.example", "company_id": False}
        )
        job = self.jobs._enqueue_preview(
            "Odoo", "https://example.com/odoo.yml", secret=self.secret
        )
        self.assertFalse(self.claim(clusters=("theirs",), worker=self.their_worker))
        self.assertEqual(job.state, "pending")

    def test_a_shared_cluster_is_not_taken_lent_or_changed_by_one_company(self):
        shared = self.shared.with_user(self.stranger)
        self.assertEqual(shared.name, "shared")
        for values in (
            {"company_id": self.other.id},
            {"pod_security": "privileged"},
            {"active": False},
            {"domain": "evil.example"},
        ):
            self.refused(shared.write, values)
        self.refused(self.shared_worker.with_user(self.stranger).unlink)
        self.shared_worker.unlink()
        self.refused(shared.unlink)

    def test_a_worker_with_a_shared_cluster_is_not_one_companys_to_change(self):
        worker = self.shared_worker.with_user(self.stranger)
        keys = self.shared_worker.key_ids.with_user(self.stranger)
        for act, *args in (
            (worker.write, {"name": "x"}),
            (worker.write, {"active": False}),
            (worker.write, {"cluster_ids": [Command.clear()]}),
            (worker.write, {"cluster_ids": [Command.link(self.theirs.id)]}),
            (worker.action_revoke_keys,),
            (keys.action_revoke,),
            (worker.unlink,),
        ):
            self.refused(act, *args)
        self.assertTrue(self.shared_worker.key_ids)

    def test_a_cluster_with_apps_of_another_company_changes_its_company_for_nobody(
        self,
    ):
        app = self.create_app(cluster_id=self.shared.id)
        with self.assertRaises(UserError) as raised, self.env.cr.savepoint():
            self.shared.company_id = self.other
        self.assertNotIn(app.name, str(raised.exception))
        self.shared.company_id = self.env.company

    def test_a_cluster_with_another_company_is_given_anew(self):
        self.stranger.company_ids = self.env["res.company"].search([])
        shared = self.shared.with_user(self.stranger)
        shared.write({"name": "renamed"})
        self.assertTrue(shared.worker_ids)
        shared.write({"company_id": self.other.id})
        self.assertFalse(self.shared_worker.cluster_ids)
        self.assertIn("shared-worker", self.shared.message_ids[:1].body)
        shared.write({"company_id": False})
        self.shared_worker.with_user(self.stranger).cluster_ids = self.shared

    def test_a_cluster_serves_the_jobs_of_its_company_whatever_was_given(self):
        app = self.create_app()
        job = app._enqueue("deploy")
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE kubernetes_cluster SET company_id = %s WHERE id = %s",
            [self.other.id, self.cluster.id],
        )
        self.env.invalidate_all()
        self.assertFalse(self.claim(worker=self.mine))
        report = {"id": job.id, "token": "t" * 32}
        held = {"state": "running", "worker_id": self.mine.id, "token": "t" * 32}
        job.write(held)
        self.env.flush_all()
        calls = self.env["kubernetes.worker.call"].with_user(self.mine.user_id).sudo()
        self.assertEqual(calls._held_jobs([report]), [job.browse()])
        self.env.cr.execute(
            "UPDATE kubernetes_cluster SET company_id = NULL WHERE id = %s",
            [self.cluster.id],
        )
        self.assertEqual(calls._held_jobs([report]), [job])

    def test_a_cluster_is_not_opened_by_keys_of_who_could_not_have_given_it(self):
        workers = self.env["kubernetes.worker"].with_user(self.stranger)
        own = workers.create({"name": "own", "cluster_ids": False})
        own._create_key()
        all_companies = self.create_user(
            "administrator", login="all", company_ids=self.env["res.company"].search([])
        )
        given = own.with_user(all_companies)
        for cluster in (self.shared, self.cluster):
            self.refused(given.write, {"cluster_ids": [Command.link(cluster.id)]})
        given.write({"cluster_ids": [Command.link(self.theirs.id)]})
        given.action_revoke_keys()
        given._create_key()
        given.write({"cluster_ids": [Command.link(self.shared.id)]})
        self.assertIn(self.shared, own.cluster_ids)


class TestDomains(TwoCompanies, KubernetesQueueCase):
    """Where the apps of one company answer, no other company's do."""

    def test_a_domain_is_one_companys(self):
        stranger = self.create_user(
            "administrator",
            login="stranger",
            company_id=self.other.id,
            company_ids=[self.other.id],
        )
        clusters = self.env["kubernetes.cluster"].with_user(stranger)
        for domain in (
            "apps.example.com",
            "shop.apps.example.com",
            "example.com",
        ):
            with (
                self.assertRaisesRegex(UserError, "another c"),
                self.env.cr.savepoint(),
            ):
                clusters.create({"name": "x", "domain": domain})
        own = clusters.create({"name": "own", "domain": "more.theirs.example.com"})
        with self.assertRaisesRegex(UserError, "another c"), self.env.cr.savepoint():
            own.domain = "apps.example.com"
        self.cluster.active = False
        with self.assertRaisesRegex(UserError, "another c"), self.env.cr.savepoint():
            own.domain = "a.apps.example.com"
        own.domain = "myapps.example.com"
        self.cluster.company_id = False
        with self.assertRaisesRegex(UserError, "another c"), self.env.cr.savepoint():
            own.domain = "apps.example.com"
        stranger.company_ids = self.env["res.company"].search([])
        own.domain = "other.apps.example.com"
