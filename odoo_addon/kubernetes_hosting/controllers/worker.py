# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import http
from odoo.http import request

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
        return request.env["kubernetes.worker.call"]._answer("claim", params)

    @http.route(
        "/kubernetes_hosting/worker/report",
        type="jsonrpc",
        auth="kubernetes_worker",
        methods=["POST"],
        save_session=False,
        max_content_length=MAX_BYTES,
    )
    def report(self, **params):
        return request.env["kubernetes.worker.call"]._answer("report", params)

    @http.route(
        "/kubernetes_hosting/worker/observe",
        type="jsonrpc",
        auth="kubernetes_worker",
        methods=["POST"],
        save_session=False,
        max_content_length=MAX_BYTES,
    )
    def observe(self, **params):
        return request.env["kubernetes.worker.call"]._answer("observe", params)
