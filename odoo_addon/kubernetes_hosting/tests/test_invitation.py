# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from unittest.mock import patch

from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.modules import get_module_path
from odoo.modules.migration import load_script
from odoo.tools import mute_logger

from ..models.mail_address import mail_addresses
from ..wizard.kubernetes_database_moved import IDENTITY
from .common import KubernetesTransactionCase
from .invitation import InvitationCase


class TestInvitation(InvitationCase, KubernetesTransactionCase):
    """The invitation by Odoo's own mail. Run before any other addon of Kubernetes
    Hosting is loaded: it is whole without them."""

    def test_odoo_sends_a_one_time_link(self):
        self.become_reachable()
        mail = self.own_mail()
        self.assertEqual(mail.email_to, '"Customer" <customer@demo.example>')
        self.assertEqual(mail.subject, "Your app shop is ready")
        link = self.app.password_link_ids
        self.assertEqual(len(link), 1)
        token = mail.body_html.split("/password#")[1].split('"')[0]
        self.assertEqual(link._find(self.app.id, token), link)
        self.assertNotIn("chandlery-password", mail.body_html)
        # Odoo keeps a hash of the token, and no chatter shows the link.
        self.cr.execute("SELECT token_hash FROM kubernetes_password_link")
        self.assertNotIn(token, str(self.cr.fetchall()))
        self.assertNotIn(token, self.notes())
        with self.mock_mail_gateway(mail_unlink_sent=True):
            mail.send()
        self.assertEqual(len(self._mails), 1)
        self.assertIn("customer@demo.example", self._mails[0]["email_to"][0])
        self.assertEqual(self.app.invitation_state, "sent")
        self.assertTrue(self.app.invitation_message_id)
        self.assertIn("Invitation sent", self.notes())
        self.assertFalse(mail.exists())

    def test_the_subject_names_the_environment_that_is_not_production(self):
        """Two apps of one name, two mails that can be told apart."""
        app = self.create_app("shop", self.int)
        self.become_reachable(app)
        mail = self.own_mail(app)
        self.assertEqual(mail.subject, "Your app shop (Integration) is ready")

    def test_an_update_puts_the_environment_into_the_former_subject(self):
        self.env["res.lang"]._activate_lang("de_DE")
        template = self.env.ref("kubernetes_hosting.mail_template_app_invitation")
        german = template.with_context(lang="de_DE")
        migrate = load_script(
            f"{get_module_path('kubernetes_hosting')}"
            "/migrations/19.0.1.3.0/post-migration.py",
            "post_migration",
        ).migrate
        subjects = template.subject, german.subject
        template.subject = "Your app {{ object.name }} is ready"
        german.subject = "Ihre App {{ object.name }} ist bereit"
        self.env.flush_all()
        migrate(self.env.cr, "19.0.1.2.0")
        self.env.invalidate_all()
        self.assertEqual((template.subject, german.subject), subjects)
        # What somebody has written stays.
        template.subject = german.subject = "Welcome to {{ object.name }}"
        self.env.flush_all()
        migrate(self.env.cr, "19.0.1.2.0")
        self.env.invalidate_all()
        self.assertEqual(template.subject, "Welcome to {{ object.name }}")
        self.assertEqual(german.subject, "Welcome to {{ object.name }}")

    def test_a_mail_that_does_not_leave_odoo_is_told(self):
        self.become_reachable()

        def refuse(*_args, **_kwargs):
            raise OSError("Connection refused")

        with (
            self.mock_mail_gateway(),
            patch.object(type(self.env["ir.mail_server"]), "send_email", refuse),
            mute_logger("odoo.addons.mail.models.mail_mail"),
        ):
            self.own_mail().send()
        self.assertEqual(self.app.invitation_state, "failed")
        self.assertIn("Connection refused", self.app.invitation_problem)
        self.assertEqual(self.app.state, "running")
        first = self.own_mail()
        self.app.action_send_invitation()
        self.assertFalse(first.exists())
        self.assertTrue(self.own_mail())
        valid = self.app.password_link_ids.filtered(lambda link: not link._ended())
        self.assertEqual(len(valid), 1)

    def test_odoos_own_mail_goes_to_each_in_ascii(self):
        self.customer.email = "info@müller.example, b@x.example"
        self.become_reachable()
        mail = self.own_mail()
        with self.mock_mail_gateway(mail_unlink_sent=True):
            mail.send()
        self.assertEqual(
            self._mails[0]["email_to"],
            [
                '"Customer" <info@xn--mller-kva.example>',
                '"Customer" <b@x.example>',
            ],
        )
        self.assertEqual(self.app.invitation_state, "sent")

    def test_sent_once_however_often_the_app_becomes_reachable(self):
        self.become_reachable()
        mail = self.own_mail()
        self.app._apply_observation({**self.observation(), "state": "degraded"})
        self.app._apply_observation(self.observation())
        self.become_reachable()
        self.run_cron()
        self.assertEqual(self.own_mail(), mail)
        self.assertEqual(len(self.app.password_link_ids), 1)

    def test_a_customer_without_address_is_told_and_invited_later(self):
        self.customer.email = "info@x.example\u200b"
        self.assertIn("U+200B", self.app.invitation_warning)
        self.become_reachable()
        self.assertEqual(self.app.invitation_state, "failed")
        self.assertIn("U+200B", self.app.invitation_problem)
        self.assertEqual(self.app.state, "running")
        self.run_cron()
        self.assertFalse(self.own_mail())
        self.customer.email = "late@demo.example"
        self.run_cron()
        self.assertEqual(self.own_mail().email_to, '"Customer" <late@demo.example>')

    def test_what_failed_is_read_in_the_readers_language(self):
        """Whoever caused it, a worker's call mostly, speaks another one."""
        self.env["res.lang"]._activate_lang("de_DE")
        self.customer.email = "info@x.example\u200b"
        self.become_reachable()
        self.assertIn("has no e-mail address", self.app.invitation_problem_shown)
        german = self.app.with_context(lang="de_DE")
        for text in (german.invitation_problem_shown, german._recipients()[1][0]):
            self.assertIn("U+200B", text)
        self.assertIn("hat keine E-Mail-Adresse", german.invitation_problem_shown)
        self.assertIn("unsichtbares Zeichen", german.invitation_problem_shown)
        self.assertNotIn("address", german.invitation_problem_shown)
        with self.assertRaisesRegex(UserError, "hat keine E-Mail-Adresse"):
            german._send_invitation()

    def test_an_app_that_gets_a_customer_later_is_seen_by_the_cron(self):
        app = self.create_app("intern", partner_id=False)
        self.become_reachable(app)
        self.assertEqual(app.invitation_state, "none")
        with self.assertRaisesRegex(UserError, "no customer"):
            app.action_send_invitation()
        app.partner_id = self.customer
        self.run_cron()
        self.assertEqual(app.invitation_state, "sending")

    def test_a_database_that_may_be_a_copy_invites_nobody(self):
        app = self.create_app("intern", partner_id=False)
        self.become_reachable(app)
        app.partner_id = self.customer
        parameters = self.env["ir.config_parameter"].sudo()
        parameters.set_param(IDENTITY, "7000000000000000000/16384")
        self.run_cron()
        self.assertEqual(app.invitation_state, "none")
        self.env["kubernetes.database.moved"]._settle()
        self.run_cron()
        self.assertEqual(app.invitation_state, "sending")

    def test_a_mail_that_somebody_deletes_is_told(self):
        self.become_reachable()
        self.own_mail().unlink()
        self.run_cron()
        self.assertEqual(self.app.invitation_state, "failed")
        self.assertIn("cancelled", self.app.invitation_problem)

    def test_an_app_that_does_not_answer_is_not_announced(self):
        with self.assertRaisesRegex(UserError, "does not answer yet"):
            self.app.action_send_invitation()

    def test_what_the_worker_gets_of_mail_is_nothing(self):
        """Also where the addon for Mailgun is not installed, or no worker has a key."""
        self.app._enqueue("deploy")
        values = self.claim("deploy")._contract_values()
        self.assertIsNone(values["app"]["mail_domain"])
        self.assertEqual(values["app"]["mail_mark"], "app")
        self.assertIsNone(values["message"])

    def test_what_odoo_mails_is_read_as_odoo_reads_it(self):
        for text, addresses in [
            (" a@x.example ", ["a@x.example"]),
            ("a@x.example b@x.example", ["a@x.example", "b@x.example"]),
            ("a@x.example\nb@x.example", ["a@x.example", "b@x.example"]),
            ("Zoë z@x.example", ["z@x.example"]),
            ("mailto:a@x.example", ["a@x.example"]),
            ("a@x.example.", ["a@x.example"]),
            ("a@müller.example.", ["a@xn--mller-kva.example"]),
            ("a@xn--mller-kva.example", ["a@xn--mller-kva.example"]),
            ("группа@пример.рф", ["группа@xn--e1afmkfd.xn--p1ai"]),
            ("Jörg@X.example", ["Jörg@x.example"]),
            ("o'brien+shop@x.example", ["o'brien+shop@x.example"]),
            ("a@x_y.example", ["a@x_y.example"]),
            ("root@localhost", ["root@localhost"]),
            ("a@[192.0.2.1]", ["a@[192.0.2.1]"]),
            ("a" * 64 + "@x.example", ["a" * 64 + "@x.example"]),
        ]:
            found, refused = mail_addresses(text)
            self.assertEqual([address for _name, address in found], addresses, text)
            self.assertEqual(refused, [], text)
        self.assertEqual(mail_addresses(False), ([], []))
        self.assertEqual(mail_addresses("nobody"), ([], []))

    def test_what_cannot_be_mailed_is_told_with_the_reason(self):
        for text, reason in [
            ("info@x.example\u200b", "U+200B ZERO WIDTH SPACE"),
            ("\ufeffinfo@x.example", "U+FEFF ZERO WIDTH NO-BREAK SPACE"),
            ("in\xa0fo@x.example", "U+00A0 NO-BREAK SPACE"),
            ("a\x00b@x.example", "U+0000"),
            ("a" * 65 + "@x.example", "too long"),
            ("ü" * 33 + "@x.example", "too long"),
            ("a@" + ".".join(["b" * 60] * 5), "too long"),
            ("a@" + "b" * 64 + ".example", "is no domain"),
            ("a@x..example", "is no domain"),
            ("a@-x.example", "is no domain"),
            ("a@😀.example", "is no domain"),
            ("a..b@x.example", "single dots"),
            ('"john doe"@x.example', "no quotes"),
            ('"john.doe"@x.example', "no quotes"),
            ("@x.example", "before the @"),
        ]:
            found, refused = mail_addresses(text)
            self.assertEqual(found, [], text)
            self.assertEqual(len(refused), 1, text)
            self.assertIn(reason, refused[0])


class TestFirstPassword(KubernetesTransactionCase):
    """A secret says which value is the customer's first password."""

    def lines(self, *values):
        return self.env["kubernetes.secret"].create(
            {"name": "x", "line_ids": [Command.create(item) for item in values]}
        )

    def test_generated_or_set(self):
        generated = {"key": "a", "generate": True, "first_password": True}
        self.lines(generated)
        self.lines({"key": "a", "value": "s3cr#t", "first_password": True})
        with self.assertRaisesRegex(ValidationError, "needs a value"):
            self.lines({"key": "a", "first_password": True})
        with self.assertRaisesRegex(ValidationError, "needs a value"):
            self.lines(
                {"key": "a", "value": "1", "type": "yaml", "first_password": True}
            )

    def test_at_most_one_the_last_that_was_ticked(self):
        secret = self.lines(
            {"key": "a", "generate": True, "first_password": True},
            {"key": "b", "generate": True},
        )
        first, second = secret.line_ids
        second.first_password = True
        self.assertFalse(first.first_password)
        # Moved back in one save of the form, whatever the order of the lines.
        secret.line_ids = [
            Command.update(first.id, {"first_password": True}),
            Command.update(second.id, {"first_password": False}),
        ]
        self.env.flush_all()
        self.assertEqual(secret.line_ids.mapped("first_password"), [True, False])

    def test_copies_keep_it_with_the_user_name(self):
        self.secret.login = "boss"
        self.secret.line_ids.filtered("generate").first_password = True
        app = self.create_app()
        self.assertEqual(app.secret_id.login, "boss")
        self.assertEqual(app._first_password().key, "postgres_password")

    def test_the_user_name_is_admin_unless_said(self):
        self.assertEqual(self.lines({"key": "a", "value": "x"}).login, "admin")
