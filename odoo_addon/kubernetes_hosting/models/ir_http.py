# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from werkzeug.exceptions import Unauthorized

from odoo import models
from odoo.http import request

KEY_SCOPE = "kubernetes_worker"


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    @classmethod
    def _auth_method_kubernetes_worker(cls):
        """The worker's key and nothing else: no session, no other scope.

        Keys made in a user's preferences have no scope and pass any; hence the look at
        the group and at the worker's record.
        """
        scheme, _space, key = request.httprequest.headers.get(
            "Authorization", ""
        ).partition(" ")
        uid = None
        if scheme.lower() == "bearer" and key.strip():
            uid = request.env["res.users.apikeys"]._check_credentials(
                scope=KEY_SCOPE, key=key.strip()
            )
        if uid:
            request.session.can_save = False
            request.update_env(user=uid)
            keys = request.env["kubernetes.worker.key"].sudo()
            request.update_context(
                kubernetes_worker_key=keys._api_key_id(uid, key.strip())
            )
        if not uid or not request.env["kubernetes.worker"].sudo()._of_user(uid):
            raise Unauthorized("The worker's key is missing or not valid.")

    def session_info(self):
        """Whoever sees what needs attention has its number in the menu."""
        info = super().session_info()
        info["kubernetes_attention"] = self.env["kubernetes.attention"].has_access(
            "read"
        )
        return info

    @classmethod
    def _get_translation_frontend_modules_name(cls):
        """The customer's pages speak their language in scripts, too."""
        return [*super()._get_translation_frontend_modules_name(), "kubernetes_hosting"]
