# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from psycopg2.errors import UniqueViolation

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tools import file_open, mute_logger

from .common import KubernetesQueueCase

MIGRATION = (
    Path(__file__).resolve().parents[1] / "migrations/19.0.1.1.0/pre-migration.py"
)


class TestUid(KubernetesQueueCase):
    """An app is itself and nobody else: it is known by a random token, made once."""

    def test_each_app_has_a_token_of_its_own_and_so_has_a_copy(self):
        shop, wiki = self.create_app("shop"), self.create_app("wiki")
        copied = shop.copy()
        self.assertEqual(len({shop.uid, wiki.uid, copied.uid}), 3)
        for app in shop | wiki | copied:
            self.assertRegex(app.uid, r"^[0-9a-f]{32}$")

    def test_nobody_gives_or_changes_a_token(self):
        shop, wiki = self.create_app("shop"), self.create_app("wiki")
        operator = self.create_user("operator")
        with self.assertRaisesRegex(UserError, "(?i)uid"):
            shop.with_user(operator).write({"uid": wiki.uid})
        with self.assertRaisesRegex(UserError, "(?i)uid"):
            self.env["kubernetes.app"].with_user(operator).create(
                self.app_values("other", uid="0" * 32)
            )
        # The system does not change it either.
        with self.assertRaisesRegex(UserError, "cannot change"):
            shop.uid = "0" * 32
        with (
            self.assertRaises(UniqueViolation),
            mute_logger("odoo.sql_db"),
            self.env.cr.savepoint(),
        ):
            self.create_app("third", uid=wiki.uid)
        portal = self.env["res.users"].create(
            {
                "name": "Customer",
                "login": "customer-of-shop",
                "partner_id": self.customer.id,
                "group_ids": [(6, 0, [self.env.ref("base.group_portal").id])],
            }
        )
        with self.assertRaises(AccessError):
            shop.with_user(portal).read(["uid"])

    def test_every_job_says_whose_it_is_and_who_production_is(self):
        production, shop = self.create_app("shop"), self.create_app("shop", self.int)
        shop._enqueue("deploy")
        values = self.claim()._contract_values()
        self.assertEqual(values["app"]["uid"], shop.uid)
        self.assertEqual(values["production"]["uid"], production.uid)
        # Job ids repeat, too, and with them what an earlier job has marked as done.
        self.assertRegex(values["uid"], r"^[0-9a-f]{32}$")
        self.assertNotIn(values["uid"], (shop.uid, production.uid))

    def test_an_update_gives_a_token_and_notes_what_was_there_before(self):
        """Existing apps get one, which is new to the cluster."""
        self.needs_mailgun()
        spec = spec_from_file_location("pre_migration", MIGRATION)
        migration = module_from_spec(spec)
        spec.loader.exec_module(migration)
        mailing, plain = self.deployed("mailing"), self.create_app("plain")
        mailing.mail_domain = mailing.hostname
        self.env.flush_all()
        cr = self.env.cr
        for drop in (
            "ALTER TABLE kubernetes_app DROP COLUMN uid",
            "ALTER TABLE kubernetes_app DROP COLUMN mail_mark",
            "ALTER TABLE kubernetes_job DROP COLUMN uid",
            "ALTER TABLE kubernetes_namespace DROP COLUMN without_uid",
        ):
            cr.execute(drop)
        migration.migrate(cr, "19.0.1.0.0")
        self.env.invalidate_all()
        self.assertRegex(mailing.uid, r"^[0-9a-f]{32}$")
        self.assertNotEqual(mailing.uid, plain.uid)
        self.assertEqual((mailing.mail_mark, plain.mail_mark), ("database", "app"))
        self.assertTrue(mailing.namespace_id.without_uid)
        self.assertFalse(plain.namespace_id.without_uid)
        self.assertRegex(mailing.job_ids.uid, r"^[0-9a-f]{32}$")
        # Once is enough: a second update changes nothing.
        before = mailing.uid
        migration.migrate(cr, "19.0.1.0.0")
        self.env.invalidate_all()
        self.assertEqual(mailing.uid, before)


class NamespaceCase(KubernetesQueueCase):
    """Plays the part of a worker that looks at a whole cluster."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.found = cls.env["kubernetes.namespace.found"]
        cls.operator = cls.create_user("operator")

    def seen(self, of, **changes):
        """The app's namespace as a cluster shows it."""
        return {
            "namespace": of.namespace_id.name,
            "object": f"object-of-{of.id}",
            "uid": of.uid,
            "app": of.id,
            "name": of.name,
            "environment": of.environment_id.code,
            "created_at": fields.Datetime.now(),
            "labels": [
                {"key": "app.kubernetes.io/managed-by", "value": "chandlery"},
                {"key": "chandlery.dev/name", "value": of.name},
            ],
            **changes,
        }

    def look(self, *namespaces, after=60):
        """A worker has looked at everything, so many seconds from now."""
        look = {
            "looked_at": fields.Datetime.now() + timedelta(seconds=after),
            "namespaces": list(namespaces),
        }
        self.take_look(look)

    def take_look(self, look, cluster="unit", calls=None):
        params = {"cluster": cluster, "apps": [], "complete": look}
        (calls or self.worker_call())._take_look(params)

    def worker_call(self):
        """The three calls, as the worker makes them."""
        calls = self.env["kubernetes.worker.call"]
        return calls.with_user(self.worker.user_id).sudo()

    def forget(self, app):
        """The database is restored to a time before the app was made; what the
        cluster shows of it is returned."""
        seen = self.seen(app)
        app.job_ids.unlink()
        app.hostname_ids.unlink()
        app.namespace_id.state = "deleted"
        app.namespace_id = False
        app.unlink()
        return seen

    def rows(self, user=None):
        rows = self.env["kubernetes.attention"].with_user(user or self.operator)
        return rows.search([("found_id", "!=", False)])

    def wizard(self, found, app, name=None, user=None):
        return (
            self.env["kubernetes.namespace.adopt"]
            .with_user(user or self.operator)
            .create(
                {
                    "found_id": found.id,
                    "app_id": app.id,
                    "confirmed_name": name or f"{found.cluster_id.name}/{found.name}",
                }
            )
        )


class TestRestore(NamespaceCase):
    """Newcomer's diary, 4: Bob bought bravo after the backup; it is restored, and
    Carol buys an app of the same name, whose id is the same."""

    def setUp(self):
        super().setUp()
        self.his = self.forget(self.deployed("bravo"))

    def test_what_odoo_does_not_know_is_shown_and_left_alone(self):
        self.look(self.his)
        found = self.found.search([])
        self.assertEqual(
            (found.name, found.state, found.app_uid, found.app_name),
            ("bravo-prod", "unknown", self.his["uid"], "bravo"),
        )
        self.assertFalse(found.app_id)
        row = self.rows()
        self.assertEqual(row.reason, "namespace_unknown")
        self.assertEqual((row.name, row.message), ("bravo-prod", "bravo (prod)"))
        # With its labels and its age.
        self.assertIn("Made ", row.details)
        self.assertIn("app.kubernetes.io/managed-by=chandlery", row.details)
        self.assertEqual(
            found.labels_text,
            "app.kubernetes.io/managed-by=chandlery\nchandlery.dev/name=bravo",
        )
        self.assertEqual(row.cluster_id, self.cluster)
        self.assertEqual(row.with_user(self.operator).action_open()["res_id"], found.id)
        self.assertFalse(self.jobs.search([("kind", "=", "adopt")]))
        # It goes when it is gone.
        self.look(after=120)
        self.assertFalse(self.found.search([]))

    def test_a_new_app_of_that_name_gets_another_namespace(self):
        self.look(self.his)
        carol = self.create_app("bravo")
        self.assertEqual(carol.namespace_id.name, "bravo-prod-2")
        self.assertNotEqual(carol.uid, self.his["uid"])

    def test_an_app_made_before_the_list_was_known_is_refused_and_moves_on(self):
        carol = self.create_app("bravo")
        self.assertEqual(carol.namespace_id.name, "bravo-prod")
        carol._enqueue("deploy")
        self.claim()._conclude(self.outcome("failed", "namespace_foreign"))
        # Even with Bob's id: his uid decides.
        self.look({**self.his, "app": carol.id})
        self.assertEqual(self.found.search([]).state, "unknown")
        self.assertEqual(carol.state, "failed")
        self.assertTrue(carol.namespace_foreign)
        carol.with_user(self.operator).action_new_namespace()
        self.assertEqual(carol.namespace_id.name, "bravo-prod-2")
        self.assertFalse(carol.namespace_foreign)
        with self.assertRaisesRegex(UserError, "is this app's"):
            carol.with_user(self.operator).action_new_namespace()
        reader = self.create_user("user")
        with self.assertRaises(AccessError):
            carol.with_user(reader).action_new_namespace()

    def test_bobs_app_is_entered_again_and_takes_its_namespace_over(self):
        self.look(self.his)
        bob = self.create_app("bravo")
        found = self.found.search([])
        # Another cluster may have a namespace of this name.
        for wrong in ("bravo", found.name):
            with self.assertRaisesRegex(UserError, "type unit/bravo-prod to confirm"):
                self.wizard(found, bob, wrong).action_adopt()
        self.wizard(found, bob).action_adopt()
        job = bob.job_ids
        self.assertEqual(job.kind, "adopt")
        self.assertEqual(
            job.options["found"],
            {
                "object": self.his["object"],
                "uid": self.his["uid"],
                "app": self.his["app"],
            },
        )
        self.assertEqual(bob.namespace_id.name, "bravo-prod")
        self.assertEqual(
            self.claim()._contract_values()["app"]["namespace"], "bravo-prod"
        )
        job._conclude(self.outcome("done", observation=self.observation("running")))
        self.assertFalse(self.found.search([]))
        self.assertEqual(bob.observed_state, "running")
        self.look({**self.his, "uid": bob.uid}, after=120)
        self.assertEqual(bob.namespace_id.state, "active")
        self.assertFalse(self.rows())

    def test_its_app_is_created_again_with_what_can_be_known(self):
        self.look(self.his)
        found = self.found.search([])
        wizard = self.wizard(found, self.env["kubernetes.app"])
        wizard.choice = "new"
        self.assertEqual(
            (wizard.new_name, wizard.new_environment_id), ("bravo", self.prod)
        )
        action = wizard.action_adopt_as_new()
        bob = self.env["kubernetes.app"].browse(action["res_id"])
        self.assertEqual((bob.name, bob.environment_id), ("bravo", self.prod))
        self.assertEqual(bob.namespace_id.name, "bravo-prod")
        self.assertEqual(bob.cluster_id, self.cluster)
        self.assertEqual(bob.job_ids.kind, "adopt")
        job = self.claim()
        inventory = [
            {"api_version": "v1", "kind": "Service", "namespace": "n", "name": "web"}
        ]
        job._conclude(
            self.outcome(
                "done",
                observation=self.observation("running"),
                inventory=inventory,
            )
        )
        self.assertEqual((bob.state, bob.inventory), ("running", inventory))
        self.assertFalse(self.found.search([]))

    # -- deleting ------------------------------------------------------------------

    def deletion(self, found=None, name=None, user=None):
        """An operator presses “Delete…” and confirms."""
        found = found or self.found.search([])
        wizard = self.wizard(found, self.env["kubernetes.app"], name, user)
        wizard.choice = "delete"
        return self.jobs.browse(wizard.action_delete()["res_id"])

    def test_it_is_deleted_by_a_job_after_its_name_was_typed_and_not_before(self):
        self.look(self.his)
        found = self.found.search([])
        with self.assertRaisesRegex(UserError, "type unit/bravo-prod to confirm"):
            self.deletion(name="bravo")
        self.assertFalse(self.jobs.search([("kind", "=", "remove")]))
        job = self.deletion()
        self.assertEqual(
            job.options,
            {
                "namespace": "bravo-prod",
                "found": {
                    "object": self.his["object"],
                    "uid": self.his["uid"],
                    "app": self.his["app"],
                },
            },
        )
        self.assertIn("bravo-prod", job.display_name)
        self.assertIn("Deletion: Waiting", self.rows().details)
        # Once, and nothing else is done to it meanwhile.
        with self.assertRaisesRegex(UserError, "is being deleted"):
            self.deletion()
        with self.assertRaisesRegex(UserError, "is being deleted"):
            self.wizard(found, self.create_app("bravo-2")).action_adopt()
        claimed = self.claim()
        self.assertEqual(claimed, job)
        values = claimed._contract_values()
        self.assertEqual((values["kind"], values["app"]), ("remove", None))
        self.assertEqual(values["cluster"]["name"], self.cluster.name)
        self.assertEqual(values["options"], job.options)
        job._conclude(self.outcome("done", namespace_deleted=True))
        self.assertFalse(self.found.search([]))
        self.assertEqual(job.state, "done")

    def test_only_a_worker_of_its_cluster_that_reaches_it_deletes_it(self):
        self.look(self.his)
        job = self.deletion()
        elsewhere = self.env["kubernetes.cluster"].create(
            {"name": "elsewhere", "domain": "elsewhere.example.com"}
        )
        stranger = self.create_worker("stranger")
        stranger.cluster_ids = elsewhere
        for worker, names in (
            (stranger, ["elsewhere", self.cluster.name]),
            (self.worker, ["elsewhere"]),
        ):
            self.assertFalse(self.jobs._claim(worker.id, names, ["remove"], 1))
        self.assertEqual(
            self.jobs._claim(self.worker.id, [self.cluster.name], ["remove"], 1), job
        )

    def test_what_could_not_be_deleted_is_told_where_it_is_shown(self):
        self.look(self.his)
        job = self.deletion()
        self.claim()._conclude(self.outcome("failed", "namespace_other"))
        self.assertIn("Deletion: Failed", self.rows().details)
        self.assertIn(job.error_message, self.rows().details)
        with self.assertRaisesRegex(UserError, "loses data"):
            job.with_user(self.operator).action_retry()
        # As it is shown now, it may be deleted again.
        self.look({**self.his, "object": "made-anew"}, after=120)
        self.assertFalse(self.found.search([]).job_id)
        again = self.deletion()
        self.assertEqual(again.options["found"]["object"], "made-anew")

    def test_an_apps_namespace_is_deleted_by_its_app_alone(self):
        """Its uid is known here, though under another name."""
        shop = self.deployed("shop")
        self.look(self.seen(shop, namespace="shop-old"))
        with self.assertRaisesRegex(UserError, "an app that Odoo knows"):
            self.deletion()
        shop._deleted(True)
        shop.active = False
        with self.assertRaisesRegex(UserError, "an app that Odoo knows"):
            self.deletion()

    def test_who_may_delete(self):
        self.look(self.his)
        found = self.found.search([])
        reader = self.create_user("user")
        with self.assertRaises(AccessError):
            self.deletion(user=reader)
        with self.assertRaises(AccessError):
            found.with_user(reader)._remove()
        # Of a cluster that companies share, those who see it are administrators.
        other = self.env["res.company"].create({"name": "Other"})
        stranger = self.create_user(
            "operator", "stranger", company_id=other.id, company_ids=[(6, 0, other.ids)]
        )
        self.look(self.his, after=120)
        for user in (stranger, self.operator):
            with self.assertRaises(AccessError):
                found.with_user(user)._remove()
        # It may be the other company's: who works for one alone deletes it as little as
        # they take it over.
        administrator = self.create_user("administrator")
        with self.assertRaisesRegex(AccessError, "of which company"):
            self.deletion(found, user=administrator)
        bob = self.create_app("bravo")
        with self.assertRaisesRegex(AccessError, "of which company"):
            self.wizard(found, bob, user=administrator).action_adopt()
        self.assertFalse(self.jobs.search([("kind", "=", "remove")]))
        administrator.company_ids += other
        self.deletion(found, user=administrator)

    def test_a_namespace_in_use_is_not_left_for_another(self):
        shop = self.deployed("shop")
        self.look(self.his, self.seen(shop))
        with self.assertRaisesRegex(UserError, "namespace of its own in use"):
            self.wizard(self.found.search([]), shop).action_adopt()
        self.assertEqual(shop.namespace_id.name, "shop-prod")

    def test_a_name_reserved_for_another_app_is_given_up_first(self):
        carol = self.create_app("bravo")
        self.look(self.his)
        bob = self.create_app("bravo-bob")
        with self.assertRaisesRegex(UserError, r"reserved for the app bravo \(prod\)"):
            self.wizard(self.found.search([]), bob).action_adopt()
        carol.action_new_namespace()
        self.wizard(self.found.search([]), bob).action_adopt()
        self.assertEqual(bob.namespace_id.name, "bravo-prod")

    def test_another_apps_namespace_is_not_given_away(self):
        """Its uid is known here, though under another name: it has an owner."""
        shop, thief = self.deployed("shop"), self.create_app("thief")
        self.look(self.seen(shop, namespace="shop-old"))
        with self.assertRaisesRegex(UserError, r"is of the app shop \(prod\)"):
            self.wizard(self.found.search([]), thief).action_adopt()

    def test_another_companys_app_that_is_in_the_way_is_not_named(self):
        shop = self.deployed("shop")
        other = self.env["res.company"].create({"name": "Other"})
        stranger = self.create_user(
            "administrator",
            login="stranger",
            company_id=other.id,
            company_ids=[Command.set(other.ids)],
        )
        self.look(self.seen(shop, namespace="shop-old"), {**self.his, "uid": ""})
        old, bravo = self.found.search([], order="name desc")
        carol = self.create_app("bravo")
        carol.namespace_id.name = "bravo-prod"
        values = dict.fromkeys(
            ["config_map_id", "secret_id", "manifest_line_ids"], False
        )
        own = self.create_app("own", company_id=other.id, **values)
        own = own.with_user(stranger)
        for found, reason in ((old, "is of the app"), (bravo, "reserved for the app")):
            found.company_id = other
            wizard = self.wizard(found, own, user=stranger)
            with self.assertRaisesRegex(UserError, reason) as raised:
                wizard.action_adopt()
            self.assertIn("of another company", str(raised.exception))
            self.assertNotIn("(prod)", str(raised.exception).replace("own (prod)", ""))

    def test_who_may_take_over(self):
        self.look(self.his)
        found, bob = self.found.search([]), self.create_app("bravo")
        reader = self.create_user("user")
        with self.assertRaises(AccessError):
            self.wizard(found, bob, user=reader)
        with self.assertRaises(AccessError):
            found.with_user(reader)._adopt(bob.with_user(reader))
        # Of a cluster that companies share, administrators alone see what is nobody's.
        other = self.env["res.company"].create({"name": "Other"})
        stranger = self.create_user(
            "operator", "stranger", company_id=other.id, company_ids=[(6, 0, other.ids)]
        )
        self.look(self.his, after=120)
        self.assertFalse(found.company_id)
        for user in (stranger, self.operator):
            self.assertFalse(self.found.with_user(user).search([]))
            self.assertFalse(self.rows(user))
            with self.assertRaises(AccessError):
                found.with_user(user)._adopt(bob.with_user(user))
        administrator = self.create_user("administrator")
        self.assertEqual(self.found.with_user(administrator).search([]), found)
        self.assertEqual(self.rows(administrator).found_id, found)


class TestWithoutUid(NamespaceCase):
    """What is there already is taken over once, by an operator who has seen the
    list."""

    def setUp(self):
        super().setUp()
        self.apps = self.deployed("shop") | self.deployed("wiki")
        self.apps.namespace_id.without_uid = True
        self.shown = [self.seen(app, uid=None) for app in self.apps]

    def test_all_are_taken_over_after_one_look_at_the_list_and_not_before(self):
        self.look(*self.shown)
        found = self.found.search([])
        self.assertEqual(found.mapped("state"), ["own", "own"])
        self.assertEqual(found.app_id, self.apps)
        self.assertEqual(self.apps.namespace_id.mapped("state"), ["active", "active"])
        self.assertEqual(self.rows().mapped("reason"), ["namespace_without_uid"] * 2)
        adopt = self.jobs.search([("kind", "=", "adopt")])
        self.assertFalse(adopt)
        wizard = (
            self.env["kubernetes.namespace.adopt.all"]
            .with_user(self.operator)
            .create({})
        )
        self.assertEqual(wizard.found_ids, found)
        wizard.action_adopt()
        adopt = self.jobs.search([("kind", "=", "adopt")])
        self.assertEqual(adopt.app_id, self.apps)
        for job in self.claim():
            job._conclude(self.outcome("done"))
        self.assertFalse(self.found.search([]))
        self.assertFalse(any(self.apps.namespace_id.mapped("without_uid")))

    def test_an_app_made_since_is_not_taken_for_the_one_of_its_id(self):
        """A dump from before is restored, then updated: Carol's app has Bob's id,
        name and namespace. Hers was never without a UID."""
        carol = self.create_app("bravo")
        carol.namespace_id.state = "active"
        self.look(self.seen(carol, uid=None), *self.shown)
        found = self.found.search([("name", "=", "bravo-prod")])
        self.assertEqual((found.state, found.app_id.id), ("unknown", False))
        wizard = self.env["kubernetes.namespace.adopt.all"].create(
            {"found_ids": [(6, 0, found.ids)]}
        )
        with self.assertRaisesRegex(UserError, "one by one"):
            wizard.action_adopt()

    def test_any_label_that_is_not_the_apps_makes_it_unknown(self):
        for changes in ({"app": 2**20}, {"name": "shop-x"}, {"environment": "int"}):
            self.look(self.seen(self.apps[0], uid=None, **changes))
            found = self.found.search([("name", "=", self.apps[0].namespace_id.name)])
            self.assertEqual(found.state, "unknown", changes)

    def test_it_is_not_given_to_another_app(self):
        self.look(*self.shown)
        found = self.found.search([("app_id", "=", self.apps[0].id)])
        with self.assertRaisesRegex(UserError, "is of the app"):
            self.wizard(found, self.create_app("thief")).action_adopt()


class TestMissing(NamespaceCase):
    """Newcomer's diary, rank 1: a namespace that is gone left its app "Running" for
    good."""

    def setUp(self):
        super().setUp()
        self.app = self.deployed("shop")

    def test_a_complete_look_without_it_says_so_until_it_is_back(self):
        self.look(self.seen(self.app))
        self.assertEqual(self.app.state, "running")
        self.look(after=120)
        self.assertEqual(self.app.namespace_id.state, "missing")
        self.assertEqual(self.app.state, "degraded")
        self.assertIn("shop-prod is not in the cluster", self.app.state_message)
        rows = self.env["kubernetes.attention"].search([("app_id", "=", self.app.id)])
        self.assertIn("app_degraded", rows.mapped("reason"))
        # As after a backup of the cluster was restored.
        self.look(self.seen(self.app), after=180)
        self.assertEqual(self.app.namespace_id.state, "active")
        self.assertEqual(self.app.state, "running")

    def test_a_stopped_app_is_missed_too(self):
        self.app.write({"wanted_state": "stopped", "observed_state": "stopped"})
        self.look()
        self.assertEqual(self.app.state, "degraded")

    def test_apply_brings_it_back(self):
        self.look()
        self.app._enqueue("deploy")
        self.claim()._conclude(
            self.outcome("done", observation=self.observation("running"))
        )
        self.assertEqual(self.app.namespace_id.state, "active")
        self.assertEqual(self.app.state, "running")

    def test_nothing_is_missed_by_a_look_from_before_or_at_part_of_the_cluster(self):
        self.look(after=-60)
        self.assertEqual(self.app.namespace_id.state, "active")
        self.worker_call()._observe({"cluster": "unit", "apps": [], "complete": None})
        self.assertEqual(self.app.namespace_id.state, "active")

    def test_an_older_look_than_the_last_is_dropped(self):
        self.look(self.seen(self.app), after=120)
        self.look(after=60)
        self.assertEqual(self.app.namespace_id.state, "active")

    def test_a_look_from_the_future_outdates_none_that_comes_after_it(self):
        for known in (False, fields.Datetime.now() + timedelta(days=30000)):
            self.cluster.looked_at = known
            self.look(self.seen(self.app), after=3600 * 24 * 3000)
            self.assertLessEqual(self.cluster.looked_at, fields.Datetime.now())
            self.assertEqual(self.app.namespace_id.state, "active")
        self.look()
        self.assertEqual(self.app.namespace_id.state, "missing")

    def test_an_app_that_a_job_works_on_is_not_missed(self):
        self.app._enqueue("deploy")
        self.claim()
        self.look()
        self.assertEqual(self.app.namespace_id.state, "active")

    def test_another_cluster_misses_nothing(self):
        elsewhere = self.env["kubernetes.cluster"].create(
            {"name": "elsewhere", "domain": "elsewhere.example.com"}
        )
        self.worker.cluster_ids += elsewhere
        calls = self.worker_call()
        looked_at = fields.Datetime.now() + timedelta(seconds=60)
        look = {"looked_at": looked_at, "namespaces": []}
        self.take_look(look, "elsewhere", calls)
        self.take_look(look, "unheard-of", calls)
        self.assertEqual(self.app.namespace_id.state, "active")


class TestNeutralize(NamespaceCase):
    """A copy of the database has the original's UUID and its apps' uids."""

    def test_a_neutralized_copy_cannot_act_and_nothing_in_the_cluster_is_its_own(self):
        app, waiting = self.deployed("shop"), self.create_app("wiki")
        running = self.create_app("forum")
        running._enqueue("deploy")
        self.claim()
        waiting._enqueue("deploy")
        self.worker._create_key()
        user, uid = self.worker.user_id, app.uid
        self.env.flush_all()
        with file_open("kubernetes_hosting/data/neutralize.sql") as queries:
            self.env.cr.execute(queries.read())
        self.env.invalidate_all()
        self.assertFalse(self.worker.active)
        self.assertFalse(user.active)
        self.assertFalse(
            self.env["res.users.apikeys"].search([("user_id", "=", user.id)])
        )
        for job in (waiting | running).job_ids:
            self.assertEqual((job.state, job.token), ("cancelled", False))
        self.assertFalse(self.claim())
        self.assertRegex(app.uid, r"^[0-9a-f]{32}$")
        self.assertNotEqual(app.uid, uid)
        self.assertEqual(len(set((app | waiting | running).mapped("uid"))), 3)
        self.worker = self.create_worker("of the copy")
        self.look(self.seen(app, uid=uid))
        self.assertEqual(self.found.search([]).state, "unknown")
