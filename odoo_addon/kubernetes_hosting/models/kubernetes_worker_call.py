# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import logging
import math
import random
import time

from psycopg2.errors import LockNotAvailable, UniqueViolation

from odoo import api, fields, models
from odoo.tools import SQL, consteq

from ..tools.isolated import AT_ONCE, TRY_AGAIN, at_once, error_summary, isolated
from ..tools.sentences import NOT_PUT_TOGETHER, NOT_TAKEN_OVER, SEE_LOG
from ..tools.together import know_lines, know_related, read_together, write_together
from ..tools.told import error as told_error
from ..tools.told import told
from . import contract
from .kubernetes_cluster import OBSERVE_SECONDS
from .kubernetes_job import LEASE_SECONDS, POLL_SECONDS, WAKE_EVENT
from .kubernetes_worker import WORKER_GROUP, WORKER_RUN

_logger = logging.getLogger(__name__)

TRIES = 10
# So long a claim waits for its turn: a worker waits for its answer twice as long.
TURN_SECONDS = 15
# In the context of one that has waited so long.
OUT_OF_TURN = "kubernetes_out_of_turn"
MOVED = "this database was restored or copied, and nobody has said yet what it is"


class KubernetesWorkerCall(models.AbstractModel):
    """What the three calls of the worker do: claim, report, observe.

    The parameters are checked against the contract; then the work is done in one
    transaction of its own, with as many queries for a hundred jobs as for one. Odoo's
    cursors see the database as it was at their first query, which for a request is the
    look at the key: a claim of that age would lose against every other worker, and its
    rerun waits up to two seconds. A transaction of its own rarely fails and is run
    again at once.
    """

    _name = "kubernetes.worker.call"
    _description = "Calls of the Kubernetes Workers"

    @api.model
    def _answer(self, call, params):
        """Answer a call: the result as the contract has it, or ``{"error": …}`` when
        the parameters are not what the contract says. Raises ``VersionError`` where
        worker and addons have no version of it in common."""
        try:
            params = contract.read(call, params)
        except contract.VersionError as error:
            if self._transaction("_note_refused", error):
                _logger.warning("Worker %s: %s", self.env.user.login, error)
            raise
        except contract.ContractError as error:
            _logger.warning("Worker %s: bad %s: %s", self.env.user.login, call, error)
            return {
                "contract": contract.NEWEST,
                "error": {
                    "code": "bad_params",
                    "message": str(error),
                    "hint": "Worker and addon do not fit together: update both to the"
                    " same version.",
                },
            }
        run = self.with_context(**{WORKER_RUN: params["worker"]["instance"]})
        return {
            "contract": contract.NEWEST,
            **getattr(run, f"_{call}")(params),
        }

    def _note_refused(self, error):
        """The call fails; that and why stands on the worker's record. Returns whether
        that is new."""
        return self._caller()[0]._refused(fields.Datetime.now(), error)

    def _transaction(self, method, *args):
        """Run a method of this model in a transaction of its own, as the system, and
        again when it meets another one."""
        context = self.env.context
        for attempt in range(TRIES):
            try:
                with self.env.registry.cursor() as cr:
                    env = self.env(cr=cr, context=context, su=True)
                    result = getattr(self.with_env(env), method)(*args)
                    env.flush_all()
                    return result
            except (*TRY_AGAIN, UniqueViolation) as error:
                # A second one of what may be there once: the next try finds the first.
                # Of many jobs done at once it may be what is wrong with one.
                once = self.env.context.get(AT_ONCE)
                if attempt == TRIES - 1 or (
                    once and isinstance(error, UniqueViolation)
                ):
                    raise
                if isinstance(error, LockNotAvailable):
                    context = {**context, OUT_OF_TURN: True}
                time.sleep(random.uniform(0, min(0.01 * 2**attempt, 0.2)))
        raise AssertionError("unreachable")

    def _at_once(self, method, params):
        """Run a method for all that a call is about in one transaction, without a
        savepoint. Where something fails in there, again with one for each job or app,
        so that it harms no other one."""
        return at_once(
            lambda: self.with_context(**{AT_ONCE: True})._transaction(method, params),
            lambda: self._transaction(method, params),
            lambda error: _logger.warning(
                "Worker %s: %s is done one by one: %s",
                self.env.user.login,
                method,
                error_summary(error),
            ),
        )

    # -- claim -------------------------------------------------------------------

    def _claim(self, params):
        jobs = self.env["kubernetes.job"]
        taken = self._at_once("_take_jobs", params)
        if taken.pop("moved"):
            return self._moved_answer()
        return {
            "database": self.env["ir.config_parameter"]
            .sudo()
            .get_param("database.uuid"),
            "lease_seconds": LEASE_SECONDS,
            "poll_seconds": POLL_SECONDS,
            "wake": {"channel": jobs._wake_channel(), "event": WAKE_EVENT},
            **taken,
        }

    def _moved_answer(self):
        return {
            "error": {
                "code": "database_moved",
                "message": MOVED,
                "hint": "See “Needs Attention” in Odoo: an administrator says there"
                " whether it is the original or a copy.",
            }
        }

    def _take_jobs(self, params):
        """Hand out jobs and note who asks. Returns the jobs, how soon to ask for more,
        and the names of the clusters that the worker does not serve: those of others
        are not looked up, so that they are answered like those that do not exist. Also
        whether the database was moved, and there are none for that reason."""
        self._before_jobs()
        self.env["kubernetes.database.moved"]._note_identity()
        worker, moved = self._caller()
        served = [said["name"] for said in params["clusters"] if said["reachable"]]
        jobs = self.env["kubernetes.job"]
        if not moved:
            jobs = jobs._claim(worker.id, served, params["kinds"], params["capacity"])
        siblings = jobs.app_id._siblings()
        values = [self._job_values(job, siblings) for job in jobs]
        by_name = {cluster.name: cluster for cluster in worker.cluster_ids}
        said = {item["name"]: item for item in params["clusters"]}
        unknown = [name for name in said if name not in by_name]
        observed = self._note_worker(worker, params, unknown)
        clusters = worker.cluster_ids.filtered(lambda cluster: cluster.name in served)
        return {
            "moved": moved,
            "idle_seconds": self._idle_seconds(clusters, observed),
            "unknown_clusters": unknown,
            "observe": {
                "clusters": observed.mapped("name"),
                "seconds": OBSERVE_SECONDS,
            },
            "jobs": [value for value in values if value],
        }

    def _turn(self):
        """In SQL: wait until no other claim is under way. Two at once would take the
        same jobs and write to the same cluster, and all but one would be run again.

        The lock lasts as long as the transaction. It has to be asked for before
        anything else: of all statements that wait for others this one leaves open
        what the transaction sees, which is then what the claim before it has left. In
        this mode it is in the way of nobody who reads or writes the table. Where a
        claim does not come to its end, as when its host is gone, others do without a
        turn: no job is given away twice by that."""
        if self.env.context.get(OUT_OF_TURN):
            return SQL()
        clusters = self.env["kubernetes.worker"]._fields["cluster_ids"]
        return SQL(
            "SET LOCAL lock_timeout = %s;"
            " LOCK TABLE %s IN SHARE UPDATE EXCLUSIVE MODE;"
            " SET LOCAL lock_timeout TO DEFAULT;",
            f"{TURN_SECONDS}s",
            SQL.identifier(clusters.relation),
        )

    def _idle_seconds(self, clusters, observed):
        """How soon a worker asks again that hears of new jobs: also when another
        one's time to observe a cluster ends."""
        seconds = self.env["kubernetes.job"]._idle_seconds(clusters)
        now = fields.Datetime.now()
        for cluster in clusters - observed:
            if cluster.observed_until and cluster.observed_until > now:
                left = (cluster.observed_until - now).total_seconds()
                seconds = min(seconds, math.ceil(left))
        return max(seconds, POLL_SECONDS)

    def _note_worker(self, worker, params, unknown):
        """Note who asks and what it says of its clusters. Returns those that it is to
        observe."""
        now = fields.Datetime.now()
        process = params["worker"]["instance"]
        is_new = worker._is_new_process(params["worker"])
        said = {item["name"]: item for item in params["clusters"]}
        clusters = worker.cluster_ids.filtered(lambda cluster: cluster.name in said)
        worker.key_ids._used(self.env.context.get("kubernetes_worker_key"))
        worker._seen(
            now,
            params["worker"],
            clusters,
            params["mailgun"],
            unknown,
            params["contract"],
        )
        for cluster in clusters:
            cluster._seen(now, said[cluster.name])
        observed = clusters.filtered(
            lambda cluster: process
            and cluster._let_observe(
                now, worker, process, said[cluster.name]["reachable"], is_new
            )
        )
        write_together(clusters)
        return observed

    def _caller(self):
        """Who calls, read with what there is to know of it, and whether the database
        was moved."""
        user = self.env["res.users"].browse(self.env.uid)
        workers = self.env["kubernetes.worker"]
        database = self.env["kubernetes.database.moved"]
        if not user.has_group(WORKER_GROUP):
            return workers, False
        worker = SQL("user_id = %s AND active", self.env.uid)
        own = SQL("(SELECT id FROM kubernetes_worker WHERE %s)", worker)

        def clusters(relation):
            return SQL(
                "id IN (SELECT cluster_id FROM %s WHERE worker_id IN %s)",
                SQL.identifier(relation),
                own,
            )

        jobs = self.env["kubernetes.job"]
        workers.flush_model(["user_id", "active"])
        self.env["ir.config_parameter"].flush_model(["key", "value"])
        moved, worker, given, announced, keys, *_others = read_together(
            self.env,
            ("ir.config_parameter", database._moved_sql()),
            ("kubernetes.worker", worker),
            ("kubernetes.cluster", clusters("kubernetes_worker_cluster_rel")),
            ("kubernetes.cluster", clusters("kubernetes_worker_announced_cluster_rel")),
            ("kubernetes.worker.key", SQL("worker_id IN %s", own), "api_key_id"),
            *jobs._caller_selections(),
        )
        know_lines(worker, "key_ids", keys)
        know_related(worker, "cluster_ids", given)
        know_related(worker, "announced_cluster_ids", announced)
        return worker, bool(moved)

    def _before_jobs(self):
        """What claims see to before jobs are handed out, as a cron comes up to a
        minute late."""
        self.env["kubernetes.job"]._expire_leases(self._turn())

    def _job_values(self, job, siblings):
        """The job as the contract has it; None where that cannot be made, which fails
        this job and no other one."""

        def on_error(error):
            _logger.exception("Job %s cannot be given to a worker", job.id)
            what = self._odoo_failed(error, NOT_PUT_TOGETHER)
            job._finish("failed", what)

        with isolated(self.env, on_error):
            return job._contract_values(siblings)
        return None

    # -- report ------------------------------------------------------------------

    def _report(self, params):
        answers = self._at_once("_take_reports", params["jobs"])
        return {
            "jobs": [
                {"id": report["id"], "answer": answer}
                for report, answer in zip(params["jobs"], answers, strict=True)
            ],
            "lease_seconds": LEASE_SECONDS,
        }

    def _take_reports(self, reports):
        """Take over the news of jobs. Returns the worker's answers."""
        ids = {report["id"] for report in reports}
        if self.env.context.get(AT_ONCE) and len(ids) == len(reports):
            return self._take_news(reports)
        return [self._take_alone(report) for report in reports]

    def _take_alone(self, report):
        """Take over the news of one job; what is wrong with it harms no other one. The
        job is tried again then, and the worker lets go of it."""

        def on_error(error):
            _logger.exception("The report on job %s cannot be taken over", report["id"])
            (job,) = self._held_jobs([report])
            what = self._odoo_failed(
                error,
                NOT_TAKEN_OVER,
            )
            job._settle({held: held._end_after(what) for held in job})

        with isolated(self.env, on_error):
            return self._take_news([report])[0]
        return "go_on" if report["outcome"] else "stale"

    def _take_news(self, reports):
        """Take over the news of jobs, of many as fast as of one."""
        held = self._held_jobs(reports)
        news = [(job, report) for job, report in zip(held, reports, strict=True) if job]
        jobs = self.env["kubernetes.job"]
        ended = {job: report["outcome"] for job, report in news if report["outcome"]}
        if ended:
            jobs._read_with_apps([job.id for job in ended], names=("deployed",))
        jobs._record_all_steps({job: report["steps"] for job, report in news})
        jobs.union(
            *(job for job, report in news if not report["outcome"])
        )._extend_lease()
        jobs._conclude_all(ended)
        return [
            "stale"
            if not job
            else "stop"
            if job.cancel_requested and not report["outcome"]
            else "go_on"
            for job, report in zip(held, reports, strict=True)
        ]

    def _odoo_failed(self, error, what):
        """A problem of Odoo itself; ``what`` names the kind of ``error``."""
        message = told(what, error=type(error).__name__)
        hint = told(SEE_LOG)
        return told_error("odoo_failed", message, hint)

    def _held_jobs(self, reports):
        """Lock and return the reported jobs as the worker holds them, an empty record
        for each that it does not: one whose cluster it no longer serves, or of another
        token, is like one that does not exist."""
        jobs = self.env["kubernetes.job"]
        self.env.cr.execute(
            """
            SELECT job.id, job.token
              FROM kubernetes_job job
              JOIN kubernetes_worker worker ON worker.id = job.worker_id
             WHERE job.id = ANY(%s)
               AND job.state = 'running'
               AND worker.user_id = %s
               AND worker.active
               AND EXISTS (
                    SELECT 1
                      FROM kubernetes_worker_cluster_rel given
                      JOIN kubernetes_cluster cluster ON cluster.id = given.cluster_id
                     WHERE given.worker_id = worker.id
                       AND (cluster.company_id IS NULL
                            OR cluster.company_id = job.company_id)
                       AND (job.cluster_id IS NULL OR cluster.id = job.cluster_id))
          ORDER BY job.id
               FOR NO KEY UPDATE OF job
            """,
            [[report["id"] for report in reports], self.env.uid],
            log_exceptions=False,
        )
        tokens = dict(self.env.cr.fetchall())
        jobs = jobs.browse(tokens)

        def held(report):
            token = tokens.get(report["id"])
            is_held = token and consteq(token.encode(), report["token"].encode())
            return jobs.browse(report["id"] if is_held else ()).with_prefetch(jobs.ids)

        return [held(report) for report in reports]

    # -- observe -----------------------------------------------------------------

    def _observe(self, params):
        unknown = self._at_once("_take_look", params)
        # Refused as claims are, so that the worker tells all of it anew afterwards.
        return self._moved_answer() if unknown is None else {"unknown": unknown}

    def _take_look(self, params):
        """Take over what the cluster shows. Returns the namespaces of apps that Odoo
        does not have there; on a cluster that the worker does not serve, all; None
        where the database was moved."""
        worker, moved = self._caller()
        if moved:
            return None
        served = worker.with_context(active_test=False).cluster_ids
        cluster = served.filtered(lambda given: given.name == params["cluster"])
        unknown = self._observe_apps(cluster, params["apps"])
        if cluster and params["complete"]:
            self.env["kubernetes.namespace.found"]._compare(cluster, params["complete"])
        return unknown

    def _read_apps(self, cluster, uids):
        """The apps with these uids on the cluster, deleted ones, too, by their uids."""
        own = SQL("uid = ANY(%s) AND cluster_id = ANY(%s)", uids, cluster.ids)
        apps, _namespaces = read_together(
            self.env,
            ("kubernetes.app", own, "objects_seen"),
            (
                "kubernetes.namespace",
                SQL(
                    "id IN (SELECT namespace_id FROM kubernetes_app WHERE %s)",
                    own,
                ),
            ),
        )
        return {app.uid: app for app in apps}

    def _observe_apps(self, cluster, seen):
        apps = self._read_apps(cluster, [item["uid"] for item in seen])
        unknown, observations = [], {}
        for item in seen:
            app = apps.get(item["uid"])
            if app and app.namespace_id.name == item["namespace"]:
                observations[app] = item["observation"]
            else:
                unknown.append(item["namespace"])
        self.env["kubernetes.app"]._apply_observations(observations)
        return unknown
