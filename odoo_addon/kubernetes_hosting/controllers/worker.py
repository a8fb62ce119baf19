# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from werkzeug.exceptions import abort

from odoo import http
from odoo.http import request

from ..models import contract

# The JSON-RPC error of a call whose version of the contract is none of the addons'.
# Odoo's own codes are those of HTTP, too: this one is "Upgrade Required".
VERSION_ERROR = 426
# A report carries the manifests a deploy fetched, up to 1 MiB each.
MAX_BYTES = 32 * 1024 * 1024


class WorkerController(http.Controller):
    """The worker's three calls; ``kubernetes.worker.call`` says what they do."""

    @http.route(
        "/kubernetes_hosting/worker/claim",
        type="jsonrpc",
        auth="kubernetes_worker",
        methods=["POST"],
        save_session=False,
        max_content_length=MAX_BYTES,
    )
    def claim(self, **params):
        return self._answer("claim", params)

    @http.route(
        "/kubernetes_hosting/worker/report",
        type="jsonrpc",
        auth="kubernetes_worker",
        methods=["POST"],
        save_session=False,
        max_content_length=MAX_BYTES,
    )
    def report(self, **params):
        return self._answer("report", params)

    @http.route(
        "/kubernetes_hosting/worker/observe",
        type="jsonrpc",
        auth="kubernetes_worker",
        methods=["POST"],
        save_session=False,
        max_content_length=MAX_BYTES,
    )
    def observe(self, **params):
        return self._answer("observe", params)

    def _answer(self, call, params):
        try:
            return request.env["kubernetes.worker.call"]._answer(call, params)
        except contract.VersionError as error:
            # The dispatcher's own errors have no code by which they can be told apart.
            abort(
                request.make_json_response(
                    {
                        "jsonrpc": "2.0",
                        "id": request.dispatcher.request_id,
                        "error": {
                            "code": VERSION_ERROR,
                            "message": str(error),
                            "data": {
                                # Where workers of version 1 look.
                                "name": "contract",
                                "message": str(error),
                                "contract": contract.NEWEST,
                                "contract_minimum": contract.OLDEST,
                                "outdated": error.outdated,
                            },
                        },
                    }
                )
            )
