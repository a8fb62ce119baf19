# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import re

from odoo import http
from odoo.http import content_disposition, request


class ConfigMapController(http.Controller):
    @http.route(
        "/kubernetes_hosting/config_map/<int:config_map_id>/vars.yml",
        type="http",
        auth="user",
        methods=["GET"],
        readonly=True,
    )
    def export(self, config_map_id):
        """The config map as an Ansible vars file, for those who may read it."""
        config_maps = request.env["kubernetes.config.map"]
        config_map = config_maps.has_access("read") and config_maps.with_context(
            active_test=False
        ).search([("id", "=", config_map_id)])
        if not config_map:
            raise request.not_found()
        stem = re.sub(r"[^\w.-]+", "-", config_map.name).strip("-") or "vars"
        return request.make_response(
            config_map._ansible_vars(),
            headers=[
                ("Content-Type", "application/yaml; charset=utf-8"),
                ("Content-Disposition", content_disposition(f"{stem}.yml")),
                ("X-Content-Type-Options", "nosniff"),
            ],
        )
