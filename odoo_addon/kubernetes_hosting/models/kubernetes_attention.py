# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL, format_datetime

from ..tools.told import show
from .kubernetes_job import AWAITED_KINDS, CHANGING_KINDS, MANIFEST_CHANGED

# How long something may take before it needs somebody.
ADDRESS_MINUTES = 5
FIRST_SIGN_MINUTES = 10
UNSEEN_MINUTES = 2
WAITING_MINUTES = 10
AT_WORK_MINUTES = 30
# A job is told of that has as many attempts left, or fewer.
LAST_ATTEMPTS = 3
# For so long after they were seen at once two workers with one key are told of.
SHARED_MINUTES = 5
# Of the apps that wait for a cluster the row names as many.
NAMED_APPS = 5
# A mail to whoever is on duty names so many rows, and how many more there are.
MAILED_ROWS = 20
# How long before its end a certificate is told of: cert-manager renews it earlier.
CERTIFICATE_MINUTES = 14 * 24 * 60
# How long before its end a key is told of.
KEY_MINUTES = 30 * 24 * 60

# Each row's id is that of its record times this, plus the reason's number.
REASONS = 64

# What makes others: these come first, whatever their severity.
CAUSES = (
    "database_moved",
    "cluster_unreachable",
    "cluster_unserved",
    "worker_unseen",
    "key_expired",
)
# What follows from a cluster that cannot be reached or is not served, where it began
# after that.
SYMPTOMS = (
    "app_failed",
    "app_degraded",
    "job_failed",
    "ingress_no_address",
    "job_waits",
    "job_failing",
    "job_runs_long",
    "app_at_work",
)
STATES_AT_WORK = (
    "deploying",
    "starting",
    "restarting",
    "resetting",
    "stopping",
    "deleting",
)
# An app's states: those first that need somebody, then what changes.
STATES_BY_URGENCY = (
    "failed",
    "degraded",
    *STATES_AT_WORK,
    "new",
    "running",
    "stopped",
    "deleted",
)


class KubernetesAttention(models.Model):
    """What needs an operator, one row for each record and reason.

    Nothing is stored: a row is there for as long as its reason. Other addons add
    reasons by ``_parts`` and columns by ``_columns``. A symptom names its cause, under
    which the screen folds it.
    """

    _name = "kubernetes.attention"
    _description = "What Needs Attention"
    _inherit = ["kubernetes.record"]
    _auto = False
    _order = "is_cause desc, severity, since desc, id"
    _depends = {
        "kubernetes.app": [
            "active",
            "apply_allowed",
            "cluster_id",
            "company_id",
            "environment_id",
            "ingress_message",
            "ingress_message_words",
            "ingress_since",
            "ingress_state",
            "invitation_problem",
            "invitation_problem_words",
            "invitation_state",
            "name",
            "partner_id",
            "state",
            "state_message",
            "state_message_words",
            "state_since",
        ],
        "kubernetes.cluster": [
            "active",
            "last_reached",
            "message",
            "message_words",
            "name",
            "state",
        ],
        "kubernetes.environment": ["code"],
        "kubernetes.app.domain": [
            "app_id",
            "certificate_ends",
            "checked_at",
            "enabled",
            "is_proven",
            "lost_at",
            "name",
            "state",
        ],
        "kubernetes.app.change": ["app_id", "job_id", "name", "user_id"],
        "kubernetes.app.manifest": ["app_id", "manifest_id"],
        "kubernetes.job": [
            "app_id",
            "attempt",
            "error_code",
            "error_message",
            "error_message_words",
            "finished_at",
            "kind",
            "max_attempts",
            "run_at",
            "started_at",
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
            "created_at",
            "environment_code",
            "name",
            "state",
        ],
        "kubernetes.repository": [
            "active",
            "company_id",
            "error",
            "error_words",
            "failed_since",
            "name",
        ],
        "kubernetes.worker": [
            "active",
            "asked_clusters",
            "cluster_ids",
            "key_created_at",
            "key_shared_at",
            "last_seen",
            "name",
            "sharers",
            "state",
            "version",
        ],
        "kubernetes.worker.key": ["expires_at", "last_used_at", "worker_id"],
        "ir.config_parameter": ["key", "value"],
        "res.users": ["share"],
    }

    reason = fields.Selection(
        [
            ("app_failed", "App failed"),
            ("app_degraded", "App not ready"),
            ("job_failed", "Job failed"),
            ("job_waits", "Job waits"),
            ("job_failing", "Job keeps failing"),
            ("job_runs_long", "Job runs too long"),
            ("app_at_work", "App at work too long"),
            ("ingress_no_address", "Ingress without address"),
            ("worker_unseen", "Worker offline"),
            ("worker_refused", "Worker refused: versions do not fit"),
            ("cluster_unreachable", "Cluster unreachable"),
            ("cluster_unserved", "No worker serves it"),
            ("worker_asks", "Asks for a cluster"),
            ("key_expiring", "Key expires soon"),
            ("key_expired", "Key expired"),
            ("key_shared", "Two workers with one key"),
            ("invitation_failed", "Invitation failed"),
            ("manifest_changed", "Pinned manifest changed"),
            ("namespace_unknown", "In the cluster, unknown to Odoo"),
            ("namespace_without_uid", "Namespace to be taken over"),
            ("settings_changed", "Customer's settings to be applied"),
            ("repository_failed", "Repository cannot be read"),
            ("domain_lost", "Domain's record gone"),
            ("certificate_ends", "Certificate ends soon"),
            ("database_moved", "Database restored or copied"),
        ],
        readonly=True,
    )
    severity = fields.Selection(
        [("1", "Down"), ("2", "Impaired"), ("3", "Needs Review")],
        readonly=True,
        help="Down: customers cannot use it. Impaired: part of it does not work.",
    )
    is_cause = fields.Boolean(
        readonly=True, help="What follows from it is told under it, with its number."
    )
    cause_id = fields.Many2one(
        "kubernetes.attention",
        readonly=True,
        help="What it follows from, by all that is known.",
    )
    symptom_count = fields.Integer(
        string="Apps Affected", compute="_compute_symptom_count"
    )
    name = fields.Char(readonly=True)
    message = fields.Text(string="Message in English", readonly=True)
    message_words = fields.Json(readonly=True)
    message_shown = fields.Text(string="Message", compute="_compute_shown")
    hint = fields.Text(compute="_compute_hint")
    details = fields.Text(compute="_compute_details")
    can_apply = fields.Boolean(compute="_compute_can")
    can_retry = fields.Boolean(compute="_compute_can")
    since = fields.Datetime(readonly=True)
    app_id = fields.Many2one("kubernetes.app", readonly=True)
    partner_id = fields.Many2one("res.partner", string="Customer", readonly=True)
    job_id = fields.Many2one("kubernetes.job", readonly=True)
    cluster_id = fields.Many2one("kubernetes.cluster", readonly=True)
    worker_id = fields.Many2one("kubernetes.worker", readonly=True)
    manifest_id = fields.Many2one("kubernetes.manifest", readonly=True)
    repository_id = fields.Many2one("kubernetes.repository", readonly=True)
    found_id = fields.Many2one(
        "kubernetes.namespace.found", string="Namespace Found", readonly=True
    )
    company_id = fields.Many2one("res.company", readonly=True)

    @property
    def _table_query(self):
        return SQL(
            """
            WITH reasons AS MATERIALIZED (%s)
            SELECT reasons.*,
                   reasons.reason = ANY(%s) AS is_cause,
                   cause.id AS cause_id
              FROM reasons
         LEFT JOIN LATERAL (
                SELECT other.id FROM reasons other
                 WHERE other.reason = ANY(%s)
                   AND other.cluster_id = reasons.cluster_id
                   AND other.since <= reasons.since
                   AND reasons.reason = ANY(%s)
                    OR other.reason = 'key_expired'
                   AND other.worker_id = reasons.worker_id
                   AND other.since <= reasons.since + make_interval(mins => %s)
                   AND reasons.reason = 'worker_unseen'
              ORDER BY other.id LIMIT 1) cause ON TRUE
            """,
            SQL(" UNION ALL ").join(
                self._part(number, *part) for number, part in self._parts().items()
            ),
            list(CAUSES),
            list(CAUSES),
            list(SYMPTOMS),
            UNSEEN_MINUTES,
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
            "jsonb": ("message_words",),
            "timestamp": ("since",),
            "integer": (
                "id",
                "app_id",
                "partner_id",
                "job_id",
                "cluster_id",
                "worker_id",
                "manifest_id",
                "repository_id",
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
                    list(self._kinds_told_otherwise()),
                    list(CHANGING_KINDS),
                ),
            ),
            10: (
                "job_waits",
                "2",
                {
                    **self._app_columns("job.error_message", "job.run_at"),
                    "id": SQL("job.id"),
                    "job_id": SQL("job.id"),
                },
                # Not what waits for another job of its app: that one is told of.
                SQL(
                    """%s JOIN kubernetes_job job ON job.app_id = app.id
                    WHERE job.state = 'pending' AND job.run_at < %s
                      AND job.attempt < job.max_attempts - %s
                      AND NOT EXISTS (
                        SELECT 1 FROM kubernetes_job other
                         WHERE other.app_id = job.app_id
                           AND (other.state = 'running' OR other.state = 'pending'
                             AND other.run_at < %s AND other.id < job.id))""",
                    self._app_tables(),
                    self._ago(WAITING_MINUTES),
                    LAST_ATTEMPTS,
                    self._ago(0),
                ),
            ),
            11: (
                "job_failing",
                "2",
                {
                    **self._app_columns("job.error_message", "job.started_at"),
                    "id": SQL("job.id"),
                    "job_id": SQL("job.id"),
                },
                SQL(
                    "%s JOIN kubernetes_job job ON job.app_id = app.id WHERE %s",
                    self._app_tables(),
                    self._is_failing(),
                ),
            ),
            12: (
                "job_runs_long",
                "2",
                {
                    **self._app_columns("job.error_message", "job.started_at"),
                    "id": SQL("job.id"),
                    "job_id": SQL("job.id"),
                },
                # What changes its app is told of with the app.
                SQL(
                    """%s JOIN kubernetes_job job ON job.app_id = app.id
                    WHERE job.state = 'running' AND job.started_at < %s
                      AND job.kind <> ALL(%s) AND NOT %s""",
                    self._app_tables(),
                    self._ago(AT_WORK_MINUTES),
                    list(CHANGING_KINDS),
                    self._is_failing(),
                ),
            ),
            13: (
                "app_at_work",
                "2",
                {
                    **self._app_columns("app.state_message", "app.state_since"),
                    "job_id": SQL("job.id"),
                },
                SQL(
                    """%s JOIN LATERAL (
                        SELECT * FROM kubernetes_job
                         WHERE app_id = app.id AND state IN ('pending', 'running')
                           AND kind = ANY(%s)
                      ORDER BY state DESC, id LIMIT 1) job ON TRUE
                    WHERE app.active AND app.state = ANY(%s) AND app.state_since < %s
                      AND (job.state = 'running' OR job.run_at >= %s)
                      AND NOT %s""",
                    self._app_tables(),
                    list(CHANGING_KINDS),
                    list(STATES_AT_WORK),
                    self._ago(AT_WORK_MINUTES),
                    self._ago(WAITING_MINUTES),
                    self._is_failing(),
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
                    "message_words": SQL("cluster.message_words"),
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
                self._key_columns(
                    SQL(
                        "GREATEST(key.create_date,"
                        " key.expires_at - make_interval(mins => %s))",
                        KEY_MINUTES,
                    )
                ),
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
                self._key_columns(SQL("key.expires_at")),
                SQL(
                    "%s WHERE worker.active AND key.expires_at <= %s",
                    self._worker_keys(),
                    self._ago(0),
                ),
            ),
            26: (
                "worker_refused",
                "2",
                {
                    "id": SQL("worker.id"),
                    "worker_id": SQL("worker.id"),
                    "name": SQL("worker.name"),
                    "message": SQL("worker.version"),
                    "since": SQL("worker.last_seen"),
                },
                SQL(
                    "kubernetes_worker worker"
                    " WHERE worker.active AND worker.state = 'refused'"
                ),
            ),
            27: (
                "key_shared",
                "3",
                {
                    "id": SQL("worker.id"),
                    "worker_id": SQL("worker.id"),
                    "name": SQL("worker.name"),
                    "message": SQL("worker.sharers"),
                    "since": SQL("worker.key_shared_at"),
                },
                SQL(
                    "kubernetes_worker worker"
                    " WHERE worker.active AND worker.key_shared_at > %s",
                    self._ago(SHARED_MINUTES),
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
            34: (
                "settings_changed",
                "3",
                self._app_columns("changed.names", "changed.since", False),
                # Where customers apply by themselves, nobody else need do so.
                SQL(
                    """%s JOIN LATERAL (
                        SELECT string_agg(change.name, ', ' ORDER BY change.name)
                               AS names, min(change.write_date) AS since
                          FROM kubernetes_app_change change
                          JOIN res_users customer ON customer.id = change.user_id
                         WHERE change.app_id = app.id AND change.job_id IS NULL
                           AND customer.share) changed ON changed.names IS NOT NULL
                    WHERE app.active AND app.apply_allowed IS NOT TRUE""",
                    self._app_tables(),
                ),
            ),
            33: (
                "repository_failed",
                "3",
                {
                    "id": SQL("repository.id"),
                    "repository_id": SQL("repository.id"),
                    "company_id": SQL("repository.company_id"),
                    "name": SQL("repository.name"),
                    "message": SQL("repository.error"),
                    "message_words": SQL("repository.error_words"),
                    "since": SQL("repository.failed_since"),
                },
                SQL(
                    "kubernetes_repository repository"
                    " WHERE repository.active AND repository.failed_since IS NOT NULL"
                ),
            ),
            31: (
                "domain_lost",
                "2",
                {
                    **self._app_columns("domain.name", "domain.lost_at", False),
                    "id": SQL("domain.id"),
                },
                SQL(
                    "%s JOIN kubernetes_app_domain domain ON domain.app_id = app.id"
                    " WHERE app.active AND domain.enabled AND domain.state = 'lost'",
                    self._app_tables(),
                ),
            ),
            32: (
                "certificate_ends",
                "2",
                {
                    **self._app_columns(
                        "domain.name || ': '"
                        " || to_char(domain.certificate_ends, 'YYYY-MM-DD')",
                        "domain.checked_at",
                        False,
                    ),
                    "id": SQL("domain.id"),
                },
                SQL(
                    """%s JOIN kubernetes_app_domain domain ON domain.app_id = app.id
                    WHERE app.active AND domain.enabled AND domain.is_proven
                      AND domain.certificate_ends < %s""",
                    self._app_tables(),
                    self._ago(-CERTIFICATE_MINUTES),
                ),
            ),
            24: self._found_part("namespace_unknown", "2", "unknown"),
            25: self._found_part("namespace_without_uid", "3", "own"),
            30: (
                "database_moved",
                "1",
                {
                    "id": SQL("parameter.id"),
                    "name": SQL("current_database()::varchar"),
                },
                SQL(
                    "ir_config_parameter parameter WHERE %s",
                    self.env["kubernetes.database.moved"]._moved_sql(),
                ),
            ),
        }

    @api.model
    def _kinds_told_otherwise(self):
        """Kinds of jobs whose failure has a reason of its own, or is the answer to who
        asked."""
        return (*CHANGING_KINDS, *AWAITED_KINDS)

    def _is_failing(self):
        """The job has few attempts left."""
        return SQL(
            """(job.state IN ('pending', 'running')
                AND job.max_attempts > %s
                AND job.attempt >= job.max_attempts - %s)""",
            LAST_ATTEMPTS,
            LAST_ATTEMPTS,
        )

    def _key_columns(self, since):
        return {
            "id": SQL("worker.id"),
            "worker_id": SQL("worker.id"),
            "name": SQL("worker.name"),
            "message": SQL("to_char(key.expires_at, 'YYYY-MM-DD')"),
            "since": since,
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

    def _app_columns(self, message, since, has_words=True):
        """The columns of an app. Beside the column of its ``message`` stands another
        one with what that is made of, where it ``has_words``."""
        words = {"message_words": SQL(f"{message}_words")} if has_words else {}
        return {
            **words,
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

    # -- what follows from a cause, and what to do -------------------------------

    def _compute_symptom_count(self):
        counts = {
            cause.id: count
            for cause, count in self._read_group(
                [("cause_id", "in", self.ids)], ["cause_id"], ["app_id:count_distinct"]
            )
        }
        for row in self:
            row.symptom_count = counts.get(row.id, 0)

    @api.depends("reason")
    def _compute_can(self):
        for row in self:
            row.can_retry = row.job_id.state == "failed"
            row.can_apply = row.reason in (
                "app_failed",
                "app_degraded",
                "ingress_no_address",
                "settings_changed",
            )

    @api.depends("reason")
    @api.depends_context("lang", "tz")
    def _compute_hint(self):
        """What is known beyond the message, in the reader's language."""
        for row in self:
            job = row.job_id
            if row.reason in ("cluster_unreachable", "cluster_unserved"):
                parts = [row._unannounced_hint(), row._cluster_hint()]
                row.hint = "\n".join(filter(None, parts)) or False
            elif row.reason in ("key_expiring", "key_expired"):
                row.hint = self.env._(
                    "Press “Create Key” on the worker, and give it the new key: without"
                    " a valid one it does nothing."
                )
            elif row.reason == "app_failed":
                row.hint = row.app_id._whole_hint()
            elif row.reason == "domain_lost":
                row.hint = self.env._(
                    "Its DNS record is gone. The customer sees the record to set in the"
                    " portal; after three days the app stops answering there."
                )
            elif row.reason == "certificate_ends":
                row.hint = self.env._(
                    "It was not renewed. Look at the Certificate in the app's namespace"
                    " (kubectl describe certificate), and at cert-manager's log."
                )
            elif row.reason == "settings_changed":
                row.hint = self.env._(
                    "The customer has set this in the portal, and waits for you to"
                    " apply it."
                )
            elif row.reason == "repository_failed":
                row.hint = self.env._(
                    "What is known of its packages stays. Once the cause is mended,"
                    " press “Index Now” on the repository."
                )
            elif row.reason == "key_shared":
                row.hint = self.env._(
                    "Two workers use its key at once. Give each a record and a key of"
                    " its own."
                )
            elif row.reason == "namespace_unknown":
                row.hint = row._unknown_hint()
            elif row.reason == "job_waits":
                row.hint = job._why_waiting()
            elif row.reason == "database_moved":
                row.hint = self.env._(
                    "Workers get no jobs until an administrator says whether this"
                    " database is the original or a copy."
                )
            elif row.reason in ("job_failing", "app_at_work", "job_runs_long"):
                row.hint = self.env._(
                    "%(job)s: attempt %(attempt)s of %(all)s",
                    job=job._kind_label(),
                    attempt=job.attempt,
                    all=job.max_attempts,
                )
            else:
                row.hint = False

    @api.depends("message", "message_words")
    @api.depends_context("lang")
    def _compute_shown(self):
        show(self, "message")

    @api.depends("message_shown", "hint", "symptom_count")
    @api.depends_context("lang", "tz")
    def _compute_details(self):
        for row in self:
            affected = row.symptom_count and self.env._(
                "Apps affected: %s", row.symptom_count
            )
            parts = [row.message_shown, row.hint, affected]
            row.details = "\n".join(filter(None, parts)) or False

    def _unknown_hint(self):
        """How old a namespace of no app is, its labels, and what becomes of it."""
        found = self.found_id
        parts = [
            self.env._(
                "Made %s",
                format_datetime(self.env, found.created_at, dt_format="short"),
            ),
            ", ".join((found.labels_text or "").splitlines()),
        ]
        if found.job_id:
            states = dict(found._fields["job_state"]._description_selection(self.env))
            parts.append(self.env._("Deletion: %s", states[found.job_state]))
            parts.append(found.job_id.error_message_shown)
        return "\n".join(filter(None, parts))

    def _unannounced_hint(self):
        """That it is the worker that is away, where nobody says anything of the
        cluster."""
        cluster = self.cluster_id
        if self.reason != "cluster_unreachable" or cluster.state != "unknown":
            return False
        return self.env._("No worker that serves the cluster %s is online.", self.name)

    def _cluster_hint(self):
        """What waits for the cluster: new apps are what somebody has paid for."""
        self.ensure_one()
        waiting = self.env["kubernetes.app"].search(
            [
                ("cluster_id", "=", self.cluster_id.id),
                ("state", "in", ("new", "deploying")),
            ],
            order="state_since, id",
        )
        if not waiting:
            return False
        names = waiting[:NAMED_APPS].mapped("display_name")
        if len(waiting) > NAMED_APPS:
            names.append("…")
        return self.env._(
            "Apps that wait to be set up, since %(since)s: %(count)s (%(names)s)",
            since=format_datetime(self.env, waiting[0].state_since, dt_format="short"),
            count=len(waiting),
            names=", ".join(names),
        )

    def action_view_symptoms(self):
        """The rows that follow from this cause."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "kubernetes_hosting.kubernetes_attention_action"
        )
        return {
            **action,
            "name": self.name,
            "domain": [("cause_id", "=", self.id)],
            "context": {},
            "path": False,
        }

    def action_take_over(self):
        """Choose the app that a namespace of no app is for."""
        return self._namespace_of_no_app().action_take_over()

    def action_delete(self):
        """Ask whether a namespace of no app is to be deleted."""
        return self._namespace_of_no_app().action_delete()

    def _namespace_of_no_app(self):
        self.env["kubernetes.app"].check_access("write")
        self.ensure_one()
        if not self.found_id:
            raise UserError(
                self.env._("This row is not about a namespace without an app.")
            )
        return self.found_id

    def action_retry(self):
        """Ask again for the jobs that failed."""
        self.env["kubernetes.app"].check_access("write")
        self.filtered("can_retry").job_id.action_retry()

    def action_apply(self):
        """Show what applying the apps would change, and then deploy them."""
        self.env["kubernetes.app"].check_access("write")
        apps = self.filtered("can_apply").app_id
        if not apps:
            raise UserError(self.env._("There is no app to apply among these rows."))
        return apps.action_review() if len(apps) == 1 else apps.action_ask_apply()

    def action_open(self):
        """Open the record that needs somebody."""
        self.ensure_one()
        if self.reason == "database_moved":
            return self.env["kubernetes.database.moved"]._action_open()
        record = self._record()
        return {
            "type": "ir.actions.act_window",
            "res_model": record._name,
            "res_id": record.id,
            "views": [(False, "form")],
        }

    def _record(self):
        if self.reason.startswith("job_"):
            return self.job_id
        if self.found_id:
            return self.found_id
        return (
            self.app_id
            or self.cluster_id
            or self.worker_id
            or self.manifest_id
            or self.repository_id
        )

    def _url(self):
        """Where to see to it: the record, or the list where there is none."""
        base, record = self.get_base_url(), self._record()
        if not record:
            return f"{base}/odoo/kubernetes-attention"
        return f"{base}/odoo/{record._name}/{record.id}"

    # -- what whoever is on duty is told --------------------------------------------

    def _notify_on_duty(self, user):
        """One notification of all these rows, as the user has notifications: by e-mail
        or in the inbox. The rows are the user's, in their language."""
        subject = self[0].name
        if len(self) > 1:
            subject = self.env._(
                "%(first)s and %(count)s more", first=subject, count=len(self) - 1
            )
        self.env["mail.thread"].sudo().message_notify(
            subject=self.env._("Needs attention: %s", subject),
            body=self.env["ir.qweb"]._render(
                "kubernetes_hosting.attention_mail",
                {
                    "rows": [row._mail_values() for row in self[:MAILED_ROWS]],
                    "more": len(self) > MAILED_ROWS
                    and self.env._("%s more", len(self) - MAILED_ROWS),
                    "url": f"{self[0].get_base_url()}/odoo/kubernetes-attention",
                },
                lang=user.lang,
            ),
            partner_ids=user.partner_id.ids,
            author_id=self.env.ref("base.partner_root").id,
            email_layout_xmlid="mail.mail_notification_light",
        )

    def _mail_values(self):
        self.ensure_one()
        reasons = dict(self._fields["reason"]._description_selection(self.env))
        return {
            "name": self.name,
            "reason": reasons[self.reason],
            "details": (self.details or "").splitlines(),
            "since": self.since
            and self.env._(
                "Since %s", format_datetime(self.env, self.since, dt_format="short")
            ),
            "url": self._url(),
        }
