# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from dateutil.relativedelta import relativedelta
from lxml import html

from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools.misc import format_date

from .common import ShopCase


@tagged("post_install", "-at_install")
class TestRecurringPrice(ShopCase):
    """Wherever a price stands, it says what it pays for and what follows."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.hosting.website_sequence = -1000
        cls.next_month = fields.Date.today() + relativedelta(months=1)

    def _words(self, url, lang=""):
        """The page's visible words with single spaces."""
        page = html.fromstring(self.url_open(lang + url).text)
        for node in page.xpath("//script | //style"):
            node.drop_tree()
        return " ".join(page.text_content().split())

    def test_the_shop_and_the_product_page(self):
        for url in ("/shop", self.hosting.website_url):
            with self.subTest(url=url):
                words = self._words(url)
                self.assertRegex(words, r"20\.00\W*\S*\W*/ month")
        self.assertNotIn("/ month", self._words(self.book.website_url))

    def test_the_cart_its_total_and_the_payment_page(self):
        order = self._add(self.hosting, 2)
        self._add(self.book)
        date = format_date(self.env(context={"lang": "en_US"}), self.next_month)
        words = self._words("/shop/cart")
        self.assertRegex(words, r"40\.00\W*\S*\W*/ month")
        self.assertRegex(words, rf"Then from {date}\W*\S*\W*40\.00\W*\S*\W*/ month")
        self._send("one", "two")
        words = self._words("/shop/payment")
        self.assertRegex(
            words,
            r"Pay \W*70\.00\W* now, then \W*40\.00\W*/\smonth",
            "The button says it",
        )
        self.assertEqual(order._kubernetes_renewals()[0]["date"], self.next_month)

    def test_a_cart_that_is_paid_once_says_nothing_of_it(self):
        order = self._add(self.book)
        self.assertEqual(order._kubernetes_renewals(), [])
        words = self._words("/shop/payment")
        self.assertIn("Pay now", words)
        self.assertNotIn("Then from", words)

    def test_taxes_are_in_what_follows(self):
        tax = self.env["account.tax"].create(
            {"name": "Ten", "amount": 10, "company_id": self.env.company.id}
        )
        order = self._order((self.hosting, 1, "taxed"))
        order.order_line.tax_ids = [Command.set(tax.ids)]
        self.assertIn("22.00", order._kubernetes_renewals()[0]["price"])

    def test_periods_of_several_months_and_two_periods_at_once(self):
        quarterly = self.env["sale.subscription.template"].create(
            {
                "name": "Quarterly",
                "recurring_rule_type": "months",
                "recurring_interval": 3,
            }
        )
        other = self._hosting_product(
            "Quarterly Hosting", subscription_template_id=quarterly.id, list_price=50
        )
        order = self._order((self.hosting, 1, "monthly"), (other, 1, "quarterly"))
        renewals = order._kubernetes_renewals()
        self.assertEqual([row["period"] for row in renewals], ["/ month", "/ 3 months"])
        label = order._kubernetes_pay_label()
        self.assertRegex(label, r"/\smonth \+ .*50\.00.*/\s3\smonths")
        for unit, one, several in (
            ("days", "/ day", "/ 2 days"),
            ("weeks", "/ week", "/ 2 weeks"),
            ("years", "/ year", "/ 2 years"),
        ):
            quarterly.recurring_rule_type = unit
            quarterly.recurring_interval = 1
            self.assertEqual(quarterly._kubernetes_period(), one)
            quarterly.recurring_interval = 2
            self.assertEqual(quarterly._kubernetes_period(), several)

    def test_a_quotation_in_the_portal(self):
        order = self._order(partner_id=self.user.partner_id.id)
        order.action_quotation_sent()
        words = self._words(order.get_portal_url())
        self.assertRegex(words, r"20\.00\W*/ month")
        self.assertIn("Then from", words)

    def test_after_the_order_the_date_is_the_subscriptions(self):
        order = self._order()
        order.action_confirm()
        order.subscription_ids.recurring_next_date = "2031-01-15"
        (renewal,) = order._kubernetes_renewals()
        self.assertEqual(str(renewal["date"]), "2031-01-15")

    def test_german(self):
        self.env["res.lang"]._activate_lang("de_DE")
        german = self.env.ref("base.lang_de")
        self.website.language_ids |= german
        self.user.lang = "de_DE"
        self._add(self.hosting)
        words = self._words("/shop/cart", f"/{german.url_code}")
        self.assertRegex(words, r"Danach ab [\d.]+\W*\S*\W*20,00\W*\S*\W*/ Monat")

    def test_sizes_say_what_one_gets(self):
        size = self.env["product.attribute"].create(
            {
                "name": "Size",
                "create_variant": "no_variant",
                "display_type": "radio",
                "value_ids": [
                    Command.create(
                        {"name": "S", "kubernetes_description": "for five people"}
                    ),
                    Command.create({"name": "L"}),
                ],
            }
        )
        template = self.env["product.template"].browse(self.hosting.product_tmpl_id.id)
        template.attribute_line_ids = [
            Command.create(
                {
                    "attribute_id": size.id,
                    "value_ids": [Command.set(size.value_ids.ids)],
                }
            )
        ]
        words = self._words(template.website_url)
        self.assertIn("S: for five people", words)
        self.assertNotIn("L:", words)
