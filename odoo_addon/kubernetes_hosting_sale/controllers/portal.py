# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import json

from odoo import http
from odoo.exceptions import AccessError, MissingError, ValidationError
from odoo.http import request

from odoo.addons.payment.controllers import portal as payment_portal
from odoo.addons.sale.controllers import portal as sale_portal


class CustomerPortal(sale_portal.CustomerPortal):
    """A quotation is not signed before its apps have names."""

    def _document_check_access(self, model_name, document_id, access_token=None):
        """What cannot be a token is a wrong one. Core compares texts in ASCII and fails
        with everything else, but only where there is a document to compare with."""
        if not isinstance(access_token, str) or not access_token.isascii():
            access_token = None
        return super()._document_check_access(
            model_name, document_id, access_token=access_token
        )

    @http.route()
    def portal_quote_accept(
        self, order_id, access_token=None, name=None, signature=None
    ):
        params = {"access_token": access_token, "name": name, "signature": signature}
        try:
            order_sudo = self._document_check_access(
                "sale.order",
                order_id,
                access_token=access_token
                or request.httprequest.args.get("access_token"),
            )
        except (AccessError, MissingError):
            return super().portal_quote_accept(order_id, **params)  # says so
        try:
            order_sudo._kubernetes_check_sale()
        except ValidationError as error:
            return {"error": error.args[0]}
        return super().portal_quote_accept(order_id, **params)

    @http.route(
        "/my/orders/<int:order_id>/address",
        type="http",
        auth="public",
        website=True,
        sitemap=False,
        methods=["GET", "POST"],
    )
    def portal_order_address(self, order_id, access_token=None, **form):
        """Odoo's own form for the billing address that a quotation lacks, also for who
        has nothing but its link."""
        is_sent = request.httprequest.method == "POST"
        try:
            order_sudo = self._document_check_access(
                "sale.order", order_id, access_token=access_token
            )
        except (AccessError, MissingError):
            return self._portal_address_answer("/my", is_sent)
        url = order_sudo.get_portal_url()
        if (
            order_sudo.state not in ("draft", "sent")
            or not order_sudo._kubernetes_lacks_address()
        ):
            return self._portal_address_answer(url, is_sent)
        partner_sudo = order_sudo.partner_invoice_id.with_context(show_address=1)
        if is_sent:
            return json.dumps(
                self._portal_address_submit(order_sudo, partner_sudo, url, form)
            )
        values = self._prepare_address_form_values(
            partner_sudo, address_type="billing", callback=url
        )
        values.update(
            {
                "sale_order": order_sudo,
                "page_name": "quote",
                "token": access_token,
                "discard_url": url,
            }
        )
        return request.render("kubernetes_hosting_sale.portal_address", values)

    def _portal_address_answer(self, url, is_sent):
        return json.dumps({"redirectUrl": url}) if is_sent else request.redirect(url)

    def _portal_address_submit(self, order_sudo, partner_sudo, url, form):
        """Complete the address. A link is passed on: who has it adds what is missing,
        and changes nothing that is there."""
        form = {
            name: value
            for name, value in form.items()
            if name not in ("address_type", "callback", "partner_id")
            and name not in ("required_fields", "use_delivery_as_billing")
        }
        if not partner_sudo._can_be_edited_by_current_customer():
            for name in set(form) & partner_sudo._get_frontend_writable_fields():
                if partner_sudo[name]:
                    field = partner_sudo._fields[name]
                    form[name] = str(
                        field.convert_to_write(partner_sudo[name], partner_sudo)
                    )
        # Core fails with what is no number of a record.
        for name in {"country_id", "state_id"} & set(form):
            number = int(form[name]) if form[name].isdecimal() else 0
            form[name] = str(partner_sudo[name].browse(number).exists().id or "")
        country = partner_sudo.country_id.browse(int(form.get("country_id") or 0))
        required = order_sudo._kubernetes_address_fields(country)
        _partner, feedback = self._create_or_update_address(
            partner_sudo,
            address_type="billing",
            callback=url,
            required_fields=",".join(required),
            **form,
        )
        return feedback


class PaymentPortal(payment_portal.PaymentPortal):
    """Every payment by a customer begins here: in the shop, the portal, by a link."""

    def _create_transaction(self, *args, custom_create_values=None, **kwargs):
        order_ids = [
            order_id
            for command in (custom_create_values or {}).get("sale_order_ids", [])
            for order_id in (command[2] if command[0] == 6 else [command[1]])
        ]
        orders_sudo = request.env["sale.order"].sudo().browse(order_ids)
        orders_sudo._kubernetes_check_sale()
        return super()._create_transaction(
            *args, custom_create_values=custom_create_values, **kwargs
        )
