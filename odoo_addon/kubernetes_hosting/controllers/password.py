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


class PasswordLink(http.Controller):
    """The one-time link to an app's first password. Whoever holds the token may use
    it; an unknown app and a wrong token answer alike.

    The token stands behind the ``#`` of the link, which browsers send nowhere: it comes
    in the body of the page's own calls, and so in no log, history of a proxy or
    ``Referer``. Links of before, with ``?token=``, open the same page until they
    expire.
    """

    @http.route(
        "/my/apps/<int:app_id>/password",
        type="http",
        auth="public",
        methods=["GET"],
        website=True,
        sitemap=False,
    )
    def password_page(self, app_id, **_kwargs):
        """The page, the same for every app and none: its script asks for the rest.
        Opening it uses nothing up."""
        response = request.render(
            "kubernetes_hosting.portal_password", {"app_id": app_id}
        )
        response.headers.update(PRIVATE)
        return response

    @http.route(
        "/my/apps/<int:app_id>/password/<any(look, ask, answer, shown):call>",
        type="jsonrpc",
        auth="public",
        methods=["POST"],
        website=True,
        sitemap=False,
    )
    def password_call(self, app_id, call, token="", public_key="", **_kwargs):
        """``look`` at what the link is for (``{"html": …}``), ``ask`` for the password,
        look for the ``answer``, say that it is ``shown``. Returns what
        ``kubernetes.password.link`` says of its methods."""
        link, ended = self._link(app_id, token)
        if call == "look":
            body = request.env["ir.qweb"]._render(
                "kubernetes_hosting.portal_password_link",
                {"link": link, "ended": ended},
            )
            return {"html": body}
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
        """The link and why it ended, if it did. The right token always passes. Wrong
        ones are counted by address: who guesses has to wait, and nobody else."""
        link = request.env["kubernetes.password.link"].sudo()._find(app_id, str(token))
        if link:
            return link, link._ended()
        guesses = request.env["kubernetes.password.guess"].sudo()
        address = request.httprequest.remote_addr or ""
        if guesses._too_many(address):
            return link, "slow"
        guesses._add(address)
        return link, "unknown"
