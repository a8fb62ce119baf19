# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.tools import SQL

from .kubernetes_job import AWAITED_KINDS, CHANGING_KINDS, MANIFEST_CHANGED

# How long something may take before it needs somebody.
ADDRESS_MINUTES = 5
VERIFICATION_MINUTES = 60
FIRST_SIGN_MINUTES = 10
UNSEEN_MINUTES = 2
# How long before its end a key is told of.
KEY_MINUTES = 30 * 24 * 60

# Each row's id is that of its record times this, plus the reason's number.
REASONS = 64


class KubernetesAttention(models.Model):
    """What needs an operator, one row for each record and reason.

    Nothing is stored: a row is there for as long as its reason. Other addons add
    reasons by ``_parts`` and columns by ``_columns``.
    """

    _name = "kubernetes.attention"
    _description = "What Needs Attention"
    _inherit = ["kubernetes.record"]
    _auto = False
    _order = "severity, since desc, id"
    _depends = {
        "kubernetes.app": [
            "active",
            "cluster_id",
            "company_id",
            "environment_id",
            "ingress_message",
            "ingress_since",
            "ingress_state",
            "invitation_problem",
            "invitation_state",
            "mail_message",
            "mail_registered_at",
            "mail_state",
            "name",
            "partner_id",
            "state",
            "state_message",
            "state_since",
        ],
        "kubernetes.cluster": ["active", "last_reached", "message", "name", "state"],
        "kubernetes.environment": ["code"],
        "kubernetes.app.manifest": ["app_id", "manifest_id"],
        "kubernetes.job": [
            "app_id",
            "error_code",
            "error_message",
            "finished_at",
            "kind",
            "state",
        ],
        "kubernetes.manifest": [
            "active",
            "company_id",
            "digest",
            "fetched_at",
            "is_changed",
            "name",
            "pin",
        ],
        "kubernetes.namespace.found": [
            "app_id",
            "app_name",
            "cluster_id",
            "company_id",
            "create_date",
            "environment_code",
            "name",
            "state",
        ],
        "kubernetes.worker": [
            "active",
            "asked_clusters",
            "cluster_ids",
            "key_created_at",
            "last_seen",
            "name",
            "state",
        ],
        "kubernetes.worker.key": ["expires_at", "last_used_at", "worker_id"],
    }

    reason = fields.Selection(
        [
            ("app_failed", "App failed"),
            ("app_degraded", "App not ready"),
            ("job_failed", "Job failed"),
            ("ingress_no_address", "Ingress without address"),
            ("worker_unseen", "Worker unseen"),
            ("cluster_unreachable", "Cluster unreachable"),
            ("cluster_unserved", "No worker serves it"),
            ("worker_asks", "Asks for a cluster"),
            ("key_expiring", "Key expires soon"),
            ("key_expired", "Key expired"),
            ("mail_unverified", "Domain unverified"),
            ("mail_failed", "Mail domain failed"),
            ("invitation_failed", "Invitation failed"),
            ("manifest_changed", "Pinned manifest changed"),
            ("namespace_unknown", "In the cluster, unknown to Odoo"),
            ("namespace_without_uid", "Namespace to be taken over"),
        ],
        readonly=True,
    )
    severity = fields.Selection(
        [("1", "Down"), ("2", "Impaired"), ("3", "To be Seen to")],
        readonly=True,
        help="Down: customers cannot use it. Impaired: part of it does not work.",
    )
    name = fields.Char(readonly=True)
    message = fields.Text(readonly=True)
    since = fields.Datetime(readonly=True)
    app_id = fields.Many2one("kubernetes.app", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    job_id = fields.Many2one("kubernetes.job", readonly=True)
    cluster_id = fields.Many2one("kubernetes.cluster", readonly=True)
    worker_id = fields.Many2one("kubernetes.worker", readonly=True)
    manifest_id = fields.Many2one("kubernetes.manifest", readonly=True)
    found_id = fields.Many2one(
        "kubernetes.namespace.found", string="Namespace Found", readonly=True
    )
    company_id = fields.Many2one("res.company", readonly=True)

    @property
    def _table_query(self):
        return SQL(" UNION ALL ").join(
            self._part(number, *part) for number, part in self._parts().items()
        )

    def _part(self, number, reason, severity, columns, tables):
        """The rows of one reason. ``columns`` may leave out what a reason has not."""
        values = {
            **self._columns(),
            **columns,
            "id": SQL("(%s * %s + %s)", columns["id"], REASONS, number),
            "reason": SQL("%s::varchar", reason),
            "severity": SQL("%s::varchar", severity),
        }
        return SQL(
            "SELECT %s FROM %s",
            SQL(", ").join(
                SQL("%s AS %s", value, SQL.identifier(name))
                for name, value in values.items()
            ),
            tables,
        )

    @api.model
    def _columns(self):
        """Each column with what it is where a reason says nothing of it."""
        nothing = {
            "varchar": ("reason", "severity", "name"),
            "text": ("message",),
            "timestamp": ("since",),
            "integer": (
                "id",
                "app_id",
                "partner_id",
                "job_id",
                "cluster_id",
                "worker_id",
                "manifest_id",
                "found_id",
                "company_id",
            ),
        }
        return {
            name: SQL("NULL::%s", SQL(kind))
            for kind, names in nothing.items()
            for name in names
        }

    @api.model
    def _parts(self):
        """The reasons by their numbers, which never change: reason, severity, columns
        and what follows FROM."""
        return {
            1: (
                "app_failed",
                "1",
                {
                    **self._app_columns("app.state_message", "app.state_since"),
                    "job_id": SQL("job.id"),
                },
                # What only waits for a changed manifest has that one's row.
                SQL(
                    """%s LEFT JOIN LATERAL (
                        SELECT id, error_code FROM kubernetes_job
                         WHERE app_id = app.id AND state = 'failed' AND kind = ANY(%s)
                      ORDER BY finished_at DESC, id DESC LIMIT 1) job ON TRUE
                    WHERE app.active AND app.state = 'failed'
                      AND (job.error_code IS DISTINCT FROM %s OR NOT EXISTS (
                        SELECT 1 FROM kubernetes_app_manifest line
                          JOIN kubernetes_manifest manifest
                            ON manifest.id = line.manifest_id
                         WHERE line.app_id = app.id AND manifest.active
                           AND manifest.is_changed))""",
                    self._app_tables(),
                    list(CHANGING_KINDS),
                    MANIFEST_CHANGED,
                ),
            ),
            2: (
                "app_degraded",
                "1",
                self._app_columns("app.state_message", "app.state_since"),
                SQL(
                    "%s WHERE app.active AND app.state = 'degraded'",
                    self._app_tables(),
                ),
            ),
            3: (
                "job_failed",
                "3",
                {
                    **self._app_columns("job.error_message", "job.finished_at"),
                    "id": SQL("job.id"),
                    "job_id": SQL("job.id"),
                },
                # What has a reason of its own is not told twice.
                SQL(
                    """%s JOIN kubernetes_job job ON job.app_id = app.id
                    WHERE app.active AND job.state = 'failed' AND job.kind <> ALL(%s)
                      AND NOT EXISTS (
                        SELECT 1 FROM kubernetes_job later
                         WHERE later.app_id = job.app_id AND later.id > job.id
                           AND (later.kind = job.kind AND later.state <> 'cancelled'
                             OR later.kind = ANY(%s) AND later.state = 'done'))""",
                    self._app_tables(),
                    [*CHANGING_KINDS, *AWAITED_KINDS, "mail_domain", "invitation"],
                    list(CHANGING_KINDS),
                ),
            ),
            4: (
                "ingress_no_address",
                "1",
                self._app_columns("app.ingress_message", "app.ingress_since"),
                SQL(
                    """%s WHERE app.active AND app.state = 'running'
                      AND app.ingress_state = 'no_address'
                      AND app.ingress_since < %s""",
                    self._app_tables(),
                    self._ago(ADDRESS_MINUTES),
                ),
            ),
            5: (
                "worker_unseen",
                "2",
                {
                    "id": SQL("worker.id"),
                    "worker_id": SQL("worker.id"),
                    "name": SQL("worker.name"),
                    "since": SQL("COALESCE(worker.last_seen, worker.key_created_at)"),
                },
                SQL(
                    """kubernetes_worker worker
                    WHERE worker.active AND (worker.last_seen < %s
                       OR worker.last_seen IS NULL AND worker.key_created_at < %s)""",
                    self._ago(UNSEEN_MINUTES),
                    self._ago(FIRST_SIGN_MINUTES),
                ),
            ),
            6: (
                "cluster_unreachable",
                "1",
                {
                    "id": SQL("cluster.id"),
                    "cluster_id": SQL("cluster.id"),
                    "company_id": SQL("cluster.company_id"),
                    "name": SQL("cluster.name"),
                    "message": SQL("cluster.message"),
                    "since": SQL("COALESCE(cluster.last_reached, cluster.create_date)"),
                },
                # One that nobody uses yet may still be without a worker.
                SQL(
                    """kubernetes_cluster cluster
                    WHERE cluster.active AND (cluster.state = 'unreachable'
                       OR cluster.state = 'unknown' AND %s)
                      AND %s""",
                    self._cluster_is_used(),
                    self._cluster_is_served(),
                ),
            ),
            7: (
                "mail_unverified",
                "3",
                self._app_columns("app.mail_message", "app.mail_registered_at"),
                SQL(
                    """%s WHERE app.active AND app.mail_state = 'unverified'
                      AND app.mail_registered_at < %s""",
                    self._app_tables(),
                    self._ago(VERIFICATION_MINUTES),
                ),
            ),
            8: (
                "mail_failed",
                "2",
                # Of a deleted app, too: its domain is still registered.
                self._app_columns("app.mail_message", "app.mail_registered_at"),
                SQL("%s WHERE app.mail_state = 'failed'", self._app_tables()),
            ),
            9: (
                "invitation_failed",
                "2",
                self._app_columns("app.invitation_problem", "app.state_since"),
                SQL(
                    "%s WHERE app.active AND app.invitation_state = 'failed'",
                    self._app_tables(),
                ),
            ),
            20: (
                "cluster_unserved",
                "1",
                {
                    "id": SQL("cluster.id"),
                    "cluster_id": SQL("cluster.id"),
                    "company_id": SQL("cluster.company_id"),
                    "name": SQL("cluster.name"),
                    "since": SQL("COALESCE(cluster.last_seen, cluster.create_date)"),
                },
                # Workers get no jobs of an archived cluster.
                SQL(
                    "kubernetes_cluster cluster"
                    " WHERE %s AND NOT (cluster.active AND %s)",
                    self._cluster_is_used(),
                    self._cluster_is_served(),
                ),
            ),
            21: (
                "worker_asks",
                "3",
                {
                    "id": SQL("worker.id"),
                    "worker_id": SQL("worker.id"),
                    "name": SQL("worker.name"),
                    "message": SQL("worker.asked_clusters"),
                    "since": SQL("worker.last_seen"),
                },
                SQL(
                    "kubernetes_worker worker"
                    " WHERE worker.active AND worker.asked_clusters IS NOT NULL"
                ),
            ),
            22: (
                "key_expiring",
                "3",
                self._key_columns(),
                SQL(
                    "%s WHERE worker.active AND key.expires_at > %s"
                    " AND key.expires_at < %s",
                    self._worker_keys(),
                    self._ago(0),
                    self._ago(-KEY_MINUTES),
                ),
            ),
            23: (
                "key_expired",
                "2",
                self._key_columns(),
                SQL(
                    "%s WHERE worker.active AND key.expires_at <= %s",
                    self._worker_keys(),
                    self._ago(0),
                ),
            ),
            14: (
                "manifest_changed",
                "2",
                {
                    "id": SQL("manifest.id"),
                    "manifest_id": SQL("manifest.id"),
                    "company_id": SQL("manifest.company_id"),
                    "name": SQL("manifest.name"),
                    "message": SQL(
                        "left(manifest.pin, 19) || '… → '"
                        " || left(manifest.digest, 19) || '…'"
                    ),
                    "since": SQL("manifest.fetched_at"),
                },
                SQL(
                    "kubernetes_manifest manifest"
                    " WHERE manifest.active AND manifest.is_changed"
                ),
            ),
            24: self._found_part("namespace_unknown", "2", "unknown"),
            25: self._found_part("namespace_without_uid", "3", "own"),
        }

    def _key_columns(self):
        return {
            "id": SQL("worker.id"),
            "worker_id": SQL("worker.id"),
            "name": SQL("worker.name"),
            "message": SQL("to_char(key.expires_at, 'YYYY-MM-DD')"),
            "since": SQL("key.create_date"),
        }

    def _worker_keys(self):
        """Each worker with the key that it used last, or else the one it is to use."""
        return SQL(
            """kubernetes_worker worker JOIN LATERAL (
                SELECT expires_at, create_date FROM kubernetes_worker_key
                 WHERE worker_id = worker.id
              ORDER BY last_used_at DESC NULLS LAST, expires_at DESC, id DESC
                 LIMIT 1) key ON TRUE"""
        )

    def _cluster_is_used(self):
        return SQL(
            """(EXISTS (
                SELECT 1 FROM kubernetes_app app
                 WHERE app.cluster_id = cluster.id AND app.active)
             OR EXISTS (
                SELECT 1 FROM kubernetes_job job
                 WHERE job.cluster_id = cluster.id AND job.state = 'pending'))"""
        )

    def _cluster_is_served(self):
        return SQL(
            """EXISTS (
                SELECT 1 FROM kubernetes_worker_cluster_rel given
                  JOIN kubernetes_worker worker ON worker.id = given.worker_id
                 WHERE given.cluster_id = cluster.id AND worker.active)"""
        )

    def _found_part(self, reason, severity, state):
        return (
            reason,
            severity,
            {
                "id": SQL("found.id"),
                "found_id": SQL("found.id"),
                "app_id": SQL("found.app_id"),
                "cluster_id": SQL("found.cluster_id"),
                "company_id": SQL("found.company_id"),
                "name": SQL("found.name"),
                "message": SQL(
                    "concat(found.app_name, ' (', found.environment_code, ')')"
                ),
                "since": SQL("found.create_date"),
            },
            SQL("kubernetes_namespace_found found WHERE found.state = %s", state),
        )

    def _ago(self, minutes):
        return SQL("now() AT TIME ZONE 'UTC' - make_interval(mins => %s)", minutes)

    def _app_columns(self, message, since):
        return {
            "id": SQL("app.id"),
            "app_id": SQL("app.id"),
            "partner_id": SQL("app.partner_id"),
            "cluster_id": SQL("app.cluster_id"),
            "company_id": SQL("app.company_id"),
            "name": SQL("app.name || ' (' || environment.code || ')'"),
            "message": SQL(message),
            "since": SQL(since),
        }

    def _app_tables(self):
        return SQL(
            "kubernetes_app app"
            " JOIN kubernetes_environment environment"
            " ON environment.id = app.environment_id"
        )

    def action_open(self):
        """Open the record that needs somebody."""
        self.ensure_one()
        record = self._record()
        return {
            "type": "ir.actions.act_window",
            "res_model": record._name,
            "res_id": record.id,
            "views": [(False, "form")],
        }

    def _record(self):
        if self.reason == "job_failed":
            return self.job_id
        if self.found_id:
            return self.found_id
        return self.app_id or self.cluster_id or self.worker_id or self.manifest_id
