# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import http
from odoo.http import request

MAX_BYTES = 1024 * 1024


class GitHook(http.Controller):
    """A Git server says that somebody has pushed to an app's repository. All that
    follows is that a worker looks at it."""

    @http.route(
        "/kubernetes_hosting/git/<string:uid>",
        type="http",
        auth="public",
        methods=["POST"],
        csrf=False,
        save_session=False,
        max_content_length=MAX_BYTES,
    )
    def pushed(self, uid, **_kwargs):
        body = request.httprequest.get_data()
        signature = request.httprequest.headers.get("X-Gitea-Signature", "")
        app = request.env["kubernetes.app"].sudo().search([("uid", "=", uid)])
        # Nobody learns which apps there are.
        if not app or not app._is_git_signed(body, signature):
            return request.make_response("", status=403)
        app._pushed(body)
        return request.make_response("", status=204)
