# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import re

from odoo import api, fields, models

# Types of records whose value is a name.
NAMING_TYPES = ("CNAME", "MX")


class KubernetesDnsRecord(models.Model):
    """A DNS record that an app's mail domain needs, as Mailgun asks for it.

    ``validity`` is what Mailgun found when it was last asked. Written by the worker's
    reports only.
    """

    _name = "kubernetes.dns.record"
    _description = "DNS Record of a Kubernetes App"
    _inherit = ["kubernetes.record"]
    _rec_name = "name"
    _order = "app_id, id"

    app_id = fields.Many2one(
        "kubernetes.app", required=True, readonly=True, index=True, ondelete="cascade"
    )
    purpose = fields.Char(required=True, readonly=True)
    purpose_label = fields.Char(string="For", compute="_compute_labels")
    record_type = fields.Char(string="Type", required=True, readonly=True)
    name = fields.Char(required=True, readonly=True)
    value = fields.Char(required=True, readonly=True)
    priority = fields.Integer(readonly=True)
    has_priority = fields.Boolean(readonly=True)
    validity = fields.Char(required=True, readonly=True)
    validity_label = fields.Char(string="Found", compute="_compute_labels")

    @api.depends("purpose", "validity")
    @api.depends_context("lang")
    def _compute_labels(self):
        purposes = {
            "sending": self.env._("Sending"),
            "receiving": self.env._("Receiving"),
            "tracking": self.env._("Tracking"),
        }
        validities = {
            "valid": self.env._("Correct"),
            "invalid": self.env._("Missing or different"),
        }
        for record in self:
            record.purpose_label = purposes.get(record.purpose, record.purpose)
            record.validity_label = validities.get(
                record.validity, self.env._("Not checked yet")
            )

    def _host(self):
        """The name as most providers ask for it: what stands before the domain, ``@``
        for the domain itself. Empty for a name that is not below it."""
        self.ensure_one()
        name, domain = self.name.rstrip("."), self.app_id.mail_domain
        if name == domain:
            return "@"
        below = f".{domain}"
        return name.removesuffix(below) if name.endswith(below) else ""

    def _zone_text(self):
        """The records as lines of a zone file, by absolute names."""
        return "\n".join(record._zone_line() for record in self)

    def _zone_line(self):
        """RFC 1035, section 5.1."""
        self.ensure_one()
        if self.record_type == "TXT":
            value = self.value.replace("\\", r"\\").replace('"', r"\"")
            # One string has at most 255 characters; readers join them again.
            parts = re.findall(r"(?:\\.|[^\\]){1,255}", value)
            value = " ".join(f'"{part}"' for part in parts)
        elif self.record_type in NAMING_TYPES:
            value = f"{self.value.rstrip('.')}."
        else:
            value = self.value
        if self.has_priority:
            value = f"{self.priority} {value}"
        return f"{self.name.rstrip('.')}. IN {self.record_type} {value}"

    @api.model
    def _values_list(self, records):
        """The contract's records as field values, what is needed for sending first."""
        purposes = ("sending", "receiving")
        values = [self._values(record) for record in records]
        return sorted(
            values,
            key=lambda item: (
                purposes.index(item["purpose"]) if item["purpose"] in purposes else 9,
                item["record_type"],
                item["name"],
            ),
        )

    @api.model
    def _values(self, record):
        return {
            "purpose": record["purpose"],
            "record_type": record["type"],
            "name": record["name"],
            "value": record["value"],
            "priority": record["priority"] or 0,
            "has_priority": record["priority"] is not None,
            "validity": record["validity"],
        }
