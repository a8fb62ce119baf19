# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.fields import Command
from odoo.tests import new_test_user
from odoo.tools import mute_logger

from .common import KubernetesTransactionCase

TOLD = "odoo.addons.kubernetes_hosting.models.kubernetes_attention_told"


class TestAttentionTold(KubernetesTransactionCase):
    """Whoever is on duty is told of each cause once."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.now = fields.Datetime.now()
        cls.worker = cls.create_worker("w")
        cls.worker.write({"last_seen": cls.now, "state": "online"})
        cls.cluster.write({"state": "reachable", "last_seen": cls.now})
        cls.operator = cls.create_user("operator")
        cls.operator.kubernetes_on_duty = True
        cls.app = cls.create_app()
        cls.app.state = "running"

    def ago(self, **time):
        return self.now - timedelta(**time)

    def break_app(self, app=None, **time):
        app = app or self.app
        app.write({"state": "degraded", "state_message": "web: 0 of 1"})
        app.state_since = self.ago(**(time or {"minutes": 5}))

    def tell(self, user=None):
        """Run the cron; the messages that it made for the user."""
        before = self.messages(user)
        self.env.flush_all()
        self.env["kubernetes.attention.told"]._cron_tell()
        return self.messages(user) - before

    def messages(self, user=None):
        partner = (user or self.operator).partner_id
        return self.env["mail.message"].search(
            [
                ("partner_ids", "in", partner.ids),
                ("message_type", "=", "user_notification"),
            ]
        )

    def test_of_a_degraded_app_once(self):
        self.break_app()
        message = self.tell()
        self.assertEqual(message.subject, "Needs attention: shop (prod)")
        self.assertIn("App not ready", message.body)
        self.assertIn("web: 0 of 1", message.body)
        self.assertIn(f"/odoo/kubernetes.app/{self.app.id}", message.body)
        self.assertIn("/odoo/kubernetes-attention", message.body)
        self.assertEqual(
            message.notification_ids.res_partner_id, self.operator.partner_id
        )
        self.assertEqual(message.notification_ids.notification_type, "email")
        self.assertFalse(self.tell())

    def test_of_the_cause_and_not_of_what_follows_from_it(self):
        self.cluster.write(
            {
                "state": "unreachable",
                "last_reached": self.ago(minutes=10),
                "message": "no route to host",
            }
        )
        self.break_app()
        message = self.tell()
        self.assertEqual(message.subject, "Needs attention: unit")
        self.assertIn("no route to host", message.body)
        self.assertIn("Apps affected: 1", message.body)
        self.assertNotIn("App not ready", message.body)

    def test_all_that_is_new_in_one_message(self):
        self.break_app()
        other = self.create_app("other")
        self.break_app(other)
        message = self.tell()
        self.assertEqual(len(message), 1)
        self.assertIn("and 1 more", message.subject)
        self.assertIn("shop (prod)", message.body)
        self.assertIn("other (prod)", message.body)

    def test_of_very_many_the_first_and_how_many_more(self):
        for number in range(4):
            self.break_app(self.create_app(f"app-{number}"))
        models = "odoo.addons.kubernetes_hosting.models"
        with patch(f"{models}.kubernetes_attention.MAILED_ROWS", 3):
            message = self.tell()
        self.assertEqual(message.body.count("App not ready"), 3)
        self.assertIn("1 more", message.body)
        self.assertFalse(self.tell())

    def test_again_where_it_comes_back_after_an_hour(self):
        self.break_app()
        self.assertTrue(self.tell())
        told = self.env["kubernetes.attention.told"].search(
            [("user_id", "=", self.operator.id)]
        )
        self.app.state = "running"
        self.assertFalse(self.tell())
        self.break_app()
        self.assertFalse(self.tell())
        self.app.state = "running"
        told.seen_at = self.ago(minutes=61)
        self.assertFalse(self.tell())
        self.assertFalse(told.exists())
        self.break_app()
        self.assertTrue(self.tell())

    def test_not_of_what_may_pass_by_itself(self):
        self.break_app(minutes=1)
        self.assertFalse(self.tell())
        self.break_app(minutes=3)
        self.assertTrue(self.tell())

    def test_not_of_what_only_needs_review(self):
        self.worker.asked_clusters = "another"
        self.assertFalse(self.tell())

    def test_whoever_comes_on_duty_is_told_of_what_is_there(self):
        late = self.create_user("operator", "late-person")
        self.break_app()
        self.assertFalse(self.tell(late))
        self.operator.kubernetes_on_duty = False
        late.with_user(late).kubernetes_on_duty = True
        self.assertTrue(self.tell(late))
        self.operator.kubernetes_on_duty = True
        self.assertTrue(self.tell())

    def test_nobody_who_does_not_see_it(self):
        self.break_app()
        stranger = new_test_user(self.env, "stranger", groups="base.group_user")
        stranger.kubernetes_on_duty = True
        company = self.env["res.company"].create({"name": "Elsewhere"})
        elsewhere = self.create_user(
            "operator",
            "elsewhere-person",
            company_id=company.id,
            company_ids=[Command.set(company.ids)],
            kubernetes_on_duty=True,
        )
        self.assertFalse(self.tell(stranger))
        self.assertFalse(self.tell(elsewhere))

    def test_in_the_language_of_whoever_is_told(self):
        self.env["res.lang"]._activate_lang("de_DE")
        self.env["ir.module.module"].search(
            [("name", "=", "kubernetes_hosting")]
        )._update_translations(["de_DE"])
        self.operator.lang = "de_DE"
        self.break_app()
        message = self.tell()
        self.assertEqual(message.subject, "Handlungsbedarf: shop (prod)")
        self.assertIn("App nicht bereit", message.body)
        self.assertIn("Handlungsbedarf öffnen", message.body)

    @mute_logger(TOLD)
    def test_who_cannot_be_told_keeps_nobody_else_from_it(self):
        other = self.create_user("operator", "other-person", kubernetes_on_duty=True)
        self.break_app()
        model = self.env.registry["kubernetes.attention"]
        notify = model._notify_on_duty

        def broken(rows, user):
            if user == self.operator:
                raise ValueError("no")
            return notify(rows, user)

        with patch.object(model, "_notify_on_duty", broken):
            self.assertTrue(self.tell(other))
        self.assertTrue(self.tell())
