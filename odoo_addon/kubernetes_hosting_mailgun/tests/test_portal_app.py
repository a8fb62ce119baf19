# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.tests import tagged

from odoo.addons.kubernetes_hosting.tests import test_portal_app
from odoo.addons.kubernetes_hosting.tests.test_portal_app import INTERNALS

from .test_mail import RECORDS, MailCase


@tagged("post_install", "-at_install")
class TestPortalMail(MailCase, test_portal_app.TestPortalApp):
    """What a customer sees of an app's mail domain."""

    def setUp(self):
        super(test_portal_app.TestPortalApp, self).setUp()
        self.become_reachable()
        self.done(self.claim("mail_domain"), mail_domain=self.domain("active"))
        self.done(self.claim("invitation"), message_id="<1@x>")
        self.env.flush_all()

    def test_the_story_tells_of_the_invitation(self):
        self.sign_in()
        text, _wrap = self.page()
        self.assertIn("Invitation sent", text)

    def test_records_to_set_where_the_customer_owns_the_domain(self):
        self.app.action_check_mail_domain()
        self.done(self.claim("mail_domain"), mail_domain=self.domain(published=False))
        self.env.flush_all()
        self.sign_in()
        text, wrap = self.page()
        self.assertIn("Not confirmed yet", text)
        for record in RECORDS:
            self.assertIn(record["value"], text)
        self.assertIn("Priority 10", text)
        # Each button copies what stands beside it and says for whom.
        for button in wrap.xpath("//button[@data-copies]"):
            target = button.get("data-copies").removeprefix("#")
            self.assertEqual(len(wrap.xpath(f"//*[@id='{target}']")), 1)
            self.assertRegex(button.text_content(), r"Copy\s+(Address|Name|Value)")
        self.assertEqual(len(wrap.xpath("//button[@data-copies]")), 5)
        for word in INTERNALS:
            self.assertNotIn(word, text.replace("mailgun.org", ""))

    def test_no_records_where_they_are_published_or_found(self):
        self.sign_in()
        for state, published in (("active", False), ("unverified", True)):
            with self.subTest(state=state):
                self.app.action_check_mail_domain()
                self.done(
                    self.claim("mail_domain"),
                    mail_domain=self.domain(state, published=published),
                )
                self.env.flush_all()
                text, _wrap = self.page()
                self.assertIn(self.app.hostname, text)
                self.assertNotIn("spf1", text)

    def test_a_failed_mail_part_is_told_in_plain_words(self):
        self.app.action_check_mail_domain()
        self.failed(self.claim("mail_domain"), message="401 Mailgun says no")
        self.env.flush_all()
        self.sign_in()
        text, _wrap = self.page()
        self.assertIn("Something is wrong with this domain", text)
        self.assertNotIn("401", text)
        self.assertIn("Running", text)

    def test_a_domain_that_waits_is_looked_at_now_and_then(self):
        self.sign_in()
        for state, seconds in (("unverified", "30"), ("active", None)):
            with self.subTest(state=state):
                self.app.action_check_mail_domain()
                self.done(self.claim("mail_domain"), mail_domain=self.domain(state))
                self.env.flush_all()
                _text, wrap = self.page()
                status = wrap.xpath("//div[@data-url]")[0]
                self.assertEqual(status.get("data-ask-again"), seconds)
                self.assertFalse(self.app._customer_status()["at_work"])
