# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

from psycopg2.errors import UniqueViolation

from odoo.exceptions import AccessError, UserError
from odoo.tools import mute_logger

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
        with self.assertRaisesRegex(UserError, "uid"):
            shop.with_user(operator).write({"uid": wiki.uid})
        with self.assertRaisesRegex(UserError, "uid"):
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

    def test_an_update_gives_a_token_and_notes_what_was_there_before(self):
        """Existing apps get one, which is new to the cluster."""
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
        # Once is enough: a second update changes nothing.
        before = mailing.uid
        migration.migrate(cr, "19.0.1.0.0")
        self.env.invalidate_all()
        self.assertEqual(mailing.uid, before)
