# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import models

XMLID = "kubernetes_hosting_sale."


class KubernetesAlert(models.AbstractModel):
    """What is sold (an order, a subscription) tells operators what needs a person.

    Needs the fields ``user_id`` (salesperson) and ``company_id``.
    """

    _name = "kubernetes.alert"
    _description = "To-dos for Kubernetes Operators"

    def _kubernetes_alert(self, record, activity_type, note):
        """Put a to-do on ``record`` for an operator, once while it is open."""
        self.ensure_one()
        if record.activity_search([XMLID + activity_type]):
            return
        record.activity_schedule(
            XMLID + activity_type,
            note=note,
            user_id=self._kubernetes_operator(record).id,
        )

    def _kubernetes_operator(self, record):
        """Who gets the to-do: the salesperson, an operator, an administrator.

        The first who may see the record.
        """
        operators = self.env.ref("kubernetes_hosting.group_kubernetes_operator")
        users = self.user_id | operators.all_user_ids | self.env.ref("base.user_admin")
        for user in users.filtered(lambda user: user.active and not user.share):
            user_record = record.with_user(user).with_company(self.company_id)
            if self.company_id in user.company_ids and user_record.has_access("read"):
                return user
        return self.env["res.users"]
