# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.exceptions import ValidationError

USER = "kubernetes_hosting.group_kubernetes_user"
#: Each limit with the most that it may be.
LIMITS = {
    "limit_cpu": 1000,
    "limit_memory": 10000,
    "limit_storage": 1000000,
    "limit_pods": 10000,
    "limit_node_ports": 100,
}
#: Those that may be 0.
OPTIONAL = ("limit_node_ports",)


class KubernetesLimits(models.AbstractModel):
    """How much an app gets: all its containers and volumes together.

    Where the cluster's policy has the quota on, the worker puts these into the app's
    namespace.
    """

    _name = "kubernetes.limits"
    _description = "Limits of an App"

    # Room for the catalog's Odoo and PostgreSQL with a reset beside them.
    limit_cpu = fields.Float(
        string="CPU (Cores)",
        default=8,
        digits=(8, 3),
        groups=USER,
        help="Of all containers together, as the sum of their limits.",
    )
    limit_memory = fields.Float(
        string="Memory (GiB)",
        default=12,
        digits=(8, 3),
        groups=USER,
        help="Of all containers together, as the sum of their limits.",
    )
    limit_storage = fields.Integer(
        string="Storage (GiB)",
        default=50,
        groups=USER,
        help="Of all volumes together.",
    )
    limit_pods = fields.Integer(
        string="Pods",
        default=20,
        groups=USER,
        help="During an update old and new pods count together. For each of them the"
        " app may write 4 GiB to the disks of its nodes (ephemeral-storage).",
    )
    limit_node_ports = fields.Integer(
        string="Node Ports",
        groups=USER,
        help="Ports of every node that are reserved for the app, each for TCP and UDP;"
        " manifests get their numbers as the variable node_ports. The cluster says from"
        " which range.",
    )

    @api.constrains(*LIMITS)
    def _check_limits(self):
        # Whoever may not see them may create what has them.
        for record in self.sudo():
            for name, most in LIMITS.items():
                value = record[name]
                if not value and name in OPTIONAL:
                    continue
                if not 0 < value <= most:
                    raise ValidationError(
                        self.env._(
                            "%(field)s: %(value)s is not between 0 and %(most)s.",
                            field=record._fields[name].get_description(self.env)[
                                "string"
                            ],
                            value=value,
                            most=most,
                        )
                    )

    def _limits_contract_values(self):
        """The limits as the contract's claim answer has them."""
        self.ensure_one()
        return {
            "cpu_millicores": max(1, round(self.limit_cpu * 1000)),
            "memory_mib": max(1, round(self.limit_memory * 1024)),
            "storage_gib": self.limit_storage,
            "pods": self.limit_pods,
        }
