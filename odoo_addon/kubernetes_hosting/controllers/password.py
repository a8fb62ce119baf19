# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import http
from odoo.exceptions import ValidationError
from odoo.http import request

# Neither caches, search engines nor other sites learn the address of the page.
PRIVATE = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}
STATUS = {"used": 410, "expired": 410, "slow": 429, "unknown": 404}


class PasswordLink(http.Controller):
    """The one-time link to an app's first password. Whoever holds the token may use
    it; an unknown app and a wrong token answer alike."""

    @http.route(
        "/my/apps/<int:app_id>/password",
        type="http",
        auth="public",
        methods=["GET"],
        website=True,
        sitemap=False,
    )
    def password_page(self, app_id, token="", **_kwargs):
        """The page with the button. Opening it uses nothing up."""
        link, ended = self._link(app_id, token)
        response = request.render(
            "kubernetes_hosting.portal_password",
            {"link": link, "token": token, "ended": ended},
            status=STATUS.get(ended, 200),
        )
        response.headers.update(PRIVATE)
        return response

    @http.route(
        "/my/apps/<int:app_id>/password/<any(ask, answer, shown):call>",
        type="jsonrpc",
        auth="public",
        methods=["POST"],
        website=True,
        sitemap=False,
    )
    def password_call(self, app_id, call, token="", public_key="", **_kwargs):
        """``ask`` for the password, look for the ``answer``, say that it is ``shown``.
        Returns what ``kubernetes.password.link`` says of its methods."""
        link, ended = self._link(app_id, token)
        if not link:
            return {"state": ended}
        if call == "shown":
            link._shown(public_key)
            return {"state": "used"}
        if call == "answer":
            return link._answer(public_key)
        try:
            return link._ask(public_key)
        except ValidationError:
            return {"state": "failed"}

    def _link(self, app_id, token):
        """The link and why it ended, if it did. Wrong tokens are counted by address:
        who guesses has to wait."""
        links = request.env["kubernetes.password.link"].sudo()
        guesses = request.env["kubernetes.password.guess"].sudo()
        address = request.httprequest.remote_addr or ""
        if guesses._too_many(address):
            return links.browse(), "slow"
        link = links._find(app_id, str(token))
        if not link:
            guesses.create({"address": address})
            return link, "unknown"
        return link, link._ended()
