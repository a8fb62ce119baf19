# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.tests import TransactionCase, tagged

from ..hooks import post_init_hook
from .common import STEP


@tagged("post_install", "-at_install")
class TestCheckoutStep(TransactionCase):
    """The step's record: a generic one, and one for each website."""

    def _step(self, website):
        return website._get_checkout_step(STEP)

    def test_existing_websites_have_the_step_published(self):
        for website in self.env["website"].search([]):
            self.assertTrue(self._step(website).is_published)

    def test_the_hook_gives_it_to_websites_that_lack_it_and_only_once(self):
        website = self.env["website"].search([], limit=1)
        self._step(website).unlink()
        post_init_hook(self.env)
        post_init_hook(self.env)
        steps = self.env["website.checkout.step"].search(
            [("website_id", "=", website.id), ("step_href", "=", STEP)]
        )
        self.assertEqual(len(steps), 1)
        self.assertTrue(steps.is_published)

    def test_a_new_website_gets_it(self):
        website = self.env["website"].create({"name": "Second"})
        self.assertTrue(self._step(website).is_published)

    def test_it_comes_after_the_cart_and_before_the_address(self):
        website = self.env["website"].search([], limit=1)
        order = [
            website._get_checkout_step(href).sequence
            for href in ("/shop/cart", STEP, "/shop/checkout", "/shop/payment")
        ]
        self.assertEqual(order, sorted(set(order)))
