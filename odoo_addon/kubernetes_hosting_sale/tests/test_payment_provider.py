# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.tests import TransactionCase, tagged


@tagged("post_install", "-at_install")
class TestPaymentProvider(TransactionCase):
    """Two customers who are the first to pay, and do so at one moment, both get what
    they paid for."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["account.journal"].create(
            {"name": "Bank of the test", "type": "bank", "code": "BOTT"}
        )
        cls.env["account.payment.method"].create(
            {"name": "Test", "code": "none", "payment_type": "inbound"}
        )

    def places(self, provider):
        return self.env["account.payment.method.line"].search(
            [("payment_provider_id", "=", provider.id)]
        )

    def provider(self, state):
        return self.env["payment.provider"].create(
            {"name": "Provider of the test", "code": "none", "state": state}
        )

    def test_a_provider_has_its_place_in_the_journal_before_anybody_pays(self):
        provider = self.provider("disabled")
        self.assertFalse(self.places(provider))
        provider.state = "test"
        self.assertEqual(len(self.places(provider)), 1)

    def test_one_that_is_made_ready_for_use_has_it_too(self):
        self.assertEqual(len(self.places(self.provider("test"))), 1)

    def test_one_that_was_ready_before_the_addon_came_gets_it(self):
        provider = self.provider("disabled")
        self.env.cr.execute(
            "UPDATE payment_provider SET state = 'test' WHERE id = %s", [provider.id]
        )
        provider.invalidate_recordset()
        self.assertFalse(self.places(provider))
        provider._kubernetes_take_place()
        self.assertEqual(len(self.places(provider)), 1)
