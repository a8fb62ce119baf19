# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from unittest.mock import patch

from odoo import http
from odoo.fields import Command
from odoo.http import request
from odoo.tests.common import Opener

WEBHOOK = "/payment/kubernetes_hosting_test/webhook"


class WebhookController(http.Controller):
    """Where the provider of these tests says what became of a payment."""

    @http.route(
        WEBHOOK,
        type="http",
        auth="public",
        methods=["POST"],
        csrf=False,
        save_session=False,
    )
    def webhook(self, **data):
        request.env["payment.transaction"].sudo()._process("none", data)
        return "ok"


def apply_updates(transaction, data):
    """The states as Payrexx calls them."""
    status = data["status"]
    if status == "waiting":
        transaction._set_pending()
    elif status == "confirmed":
        transaction._set_done()
    elif status == "cancelled":
        transaction._set_canceled()
    else:
        transaction._set_error(f"The payment was {status}.")


class WebhookProviderMixin:
    """A payment provider on whose pages the customer pays, and which tells Odoo by a
    webhook only, without a session and perhaps days later: as Payrexx does."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        transactions = cls.env.registry["payment.transaction"]
        for name, replacement in (
            (
                "_extract_amount_data",
                lambda self, data: {
                    "amount": float(data["amount"]),
                    "currency_code": data["currency"],
                },
            ),
            ("_apply_updates", apply_updates),
            (
                "_get_specific_rendering_values",
                lambda self, values: {"api_url": "https://payments.example"},
            ),
        ):
            cls.startClassPatcher(patch.object(transactions, name, replacement))
        form = cls.env["ir.ui.view"].create(
            {
                "name": "Webhook Provider",
                "type": "qweb",
                "arch": '<form t-att-action="api_url" method="post"/>',
            }
        )
        cls.method = cls.env.ref("payment.payment_method_unknown")
        cls.provider = cls.env["payment.provider"].create(
            {
                "name": "Webhook Provider",
                "code": "none",
                "state": "test",
                "is_published": True,
                "redirect_form_view_id": form.id,
                "payment_method_ids": [Command.set(cls.method.ids)],
            }
        )
        cls.method.active = True

    def _webhook(self, transaction, status, **data):
        """The provider's request: nobody's browser, nobody's session."""
        session, self.opener = self.opener, Opener(self)
        try:
            return self.url_open(
                WEBHOOK,
                data={
                    "reference": transaction.reference,
                    "status": status,
                    "amount": transaction.amount,
                    "currency": transaction.currency_id.name,
                    **data,
                },
            )
        finally:
            self.opener = session
