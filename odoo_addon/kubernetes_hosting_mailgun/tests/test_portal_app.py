# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import datetime, timedelta

from odoo import fields
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
        for record in RECORDS:
            self.assertIn(record["value"], text)
        self.assertIn("Priority 10", text)
        # Each button copies what stands beside it and says for whom.
        for button in wrap.xpath("//button[@data-copies]"):
            target = button.get("data-copies").removeprefix("#")
            self.assertEqual(len(wrap.xpath(f"//*[@id='{target}']")), 1)
            self.assertRegex(button.text_content(), r"Copy\s+(Address|Name|Value|all)")
        self.assertEqual(len(wrap.xpath("//button[@data-copies]")), 6)
        for word in INTERNALS:
            self.assertNotIn(word, text.replace("mailgun.org", ""))

    def with_records(self, records, **values):
        """The customer's page while these records are to be set."""
        self.app.action_check_mail_domain()
        self.done(
            self.claim("mail_domain"),
            mail_domain=self.domain(published=False, records=records),
        )
        self.app.write(values)
        self.env.flush_all()
        return self.page()

    def test_a_new_domain_is_no_warning(self):
        self.sign_in()
        for minutes, color, label in (
            (1, "info", "Being connected"),
            (59, "info", "Being connected"),
            (61, "warning", "Not confirmed yet"),
        ):
            with self.subTest(minutes):
                registered = fields.Datetime.now() - timedelta(minutes=minutes)
                _text, wrap = self.with_records(RECORDS, mail_registered_at=registered)
                (badge,) = wrap.xpath(
                    "//section[@aria-labelledby='kubernetes_app_mail']"
                    "//span[contains(@class, 'rounded-pill')]"
                )
                self.assertEqual(badge.text_content().strip(), label)
                self.assertIn(f"bg-{color}-subtle", badge.get("class"))

    def test_when_it_was_checked_last(self):
        self.sign_in()
        text, _wrap = self.with_records(
            RECORDS, mail_checked_at=datetime(2026, 1, 15, 11, 17)
        )
        self.assertRegex(text, r"Last checked: 1/15/26, (11:17 AM UTC|12:17 PM CET)\.")

    def test_names_as_providers_ask_for_them(self):
        self.sign_in()
        domain = self.app.hostname
        names = (
            domain,
            f"mailo._domainkey.{domain}",
            f"email.{domain}",
            "elsewhere.net",
        )
        records = [{**RECORDS[0], "name": name} for name in names]
        _text, wrap = self.with_records(records)
        shown = wrap.xpath("//code[starts-with(@id, 'kubernetes_dns_host_')]")
        self.assertEqual(
            [code.text for code in shown], ["@", "email", "mailo._domainkey"]
        )
        titles = wrap.xpath(
            "//dt[following-sibling::dd[1]/code[starts-with(@id,"
            " 'kubernetes_dns_host_')]]"
        )
        self.assertEqual(
            {" ".join(title.text_content().split()) for title in titles},
            {f"Name before {domain}"},
        )
        whole = wrap.xpath("//code[starts-with(@id, 'kubernetes_dns_name_')]")
        self.assertEqual({code.text for code in whole}, set(names))

    def test_all_records_as_a_zone_file(self):
        self.sign_in()
        domain = self.app.hostname
        key = "k=rsa; p=" + "A" * 300
        records = [
            RECORDS[0],
            {**RECORDS[0], "name": f"mailo._domainkey.{domain}", "value": key},
            {**RECORDS[0], "name": f"odd.{domain}", "value": 'a "b" \\'},
            RECORDS[1],
            {
                **RECORDS[1],
                "type": "CNAME",
                "name": f"email.{domain}",
                "value": "eu.mailgun.org",
                "priority": None,
            },
        ]
        _text, wrap = self.with_records(records)
        (text,) = wrap.xpath("//pre[@id='kubernetes_dns_zone']")
        self.assertEqual(
            sorted(text.text.splitlines()),
            sorted(
                [
                    'shop.apps.example.com. IN TXT "v=spf1 include:mailgun.org ~all"',
                    f'mailo._domainkey.{domain}. IN TXT "{key[:255]}" "{key[255:]}"',
                    f'odd.{domain}. IN TXT "a \\"b\\" \\\\"',
                    "shop.apps.example.com. IN MX 10 mxa.eu.mailgun.org.",
                    f"email.{domain}. IN CNAME eu.mailgun.org.",
                ]
            ),
        )

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
