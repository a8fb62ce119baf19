# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import SUPERUSER_ID, api

from odoo.addons.kubernetes_hosting.models.kubernetes_policy import KINDS, lines


def migrate(cr, version):
    """The list of allowed kinds named only those outside an app's namespace; now it
    names all. Clusters get the strict list and keep what was allowed beyond it."""
    env = api.Environment(cr, SUPERUSER_ID, {})
    clusters = env["kubernetes.cluster"].with_context(active_test=False).search([])
    for cluster in clusters:
        allowed = lines(cluster.allowed_kinds)
        kept = [kind for kind in allowed if kind not in lines(KINDS)]
        cluster.allowed_kinds = KINDS + "".join(f"{kind}\n" for kind in kept)
