# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import logging
import random
import time

from psycopg2.errors import UniqueViolation

from odoo import api, fields, models
from odoo.tools import consteq

from ..tools.isolated import TRY_AGAIN, isolated
from . import contract
from .kubernetes_job import LEASE_SECONDS, POLL_SECONDS, WAKE_EVENT

_logger = logging.getLogger(__name__)

TRIES = 10
APPS_PER_TRANSACTION = 100


class KubernetesWorkerCall(models.AbstractModel):
    """What the three calls of the worker do: claim, report, observe.

    The parameters are checked against the contract; then the work is done in
    transactions of its own. Odoo's cursors see the database as it was at their first
    query, which for a request is the look at the key: a claim of that age would lose
    against every other worker, and its rerun waits up to two seconds. A transaction
    that begins with the claim rarely fails and is run again at once.
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
        return {
            "contract": contract.NEWEST,
            **getattr(self, f"_{call}")(params),
        }

    def _note_refused(self, error):
        """The call fails; that and why stands on the worker's record. Returns whether
        that is new."""
        return self._worker()._refused(fields.Datetime.now(), error)

    def _transaction(self, method, *args):
        """Run a method of this model in a transaction of its own, as the system, and
        again when it meets another one."""
        for attempt in range(TRIES):
            try:
                with self.env.registry.cursor() as cr:
                    env = self.env(cr=cr, su=True)
                    result = getattr(self.with_env(env), method)(*args)
                    env.flush_all()
                    return result
            except (*TRY_AGAIN, UniqueViolation):
                # A second one of what may be there once: the next try finds the first.
                if attempt == TRIES - 1:
                    raise
                time.sleep(random.uniform(0, min(0.01 * 2**attempt, 0.2)))
        raise AssertionError("unreachable")

    # -- claim -------------------------------------------------------------------

    def _claim(self, params):
        worker_id, unknown = self._transaction("_note_worker", params)
        self._before_jobs()
        served = [c["name"] for c in params["clusters"] if c["reachable"]]
        jobs, idle_seconds = self._transaction(
            "_take_jobs", worker_id, served, params["kinds"], params["capacity"]
        )
        jobs_model = self.env["kubernetes.job"]
        return {
            "database": self.env["ir.config_parameter"]
            .sudo()
            .get_param("database.uuid"),
            "lease_seconds": LEASE_SECONDS,
            "poll_seconds": POLL_SECONDS,
            "idle_seconds": idle_seconds,
            "wake": {"channel": jobs_model._wake_channel(), "event": WAKE_EVENT},
            "unknown_clusters": unknown,
            "jobs": jobs,
        }

    def _note_worker(self, params):
        """Note who asks and what it says of its clusters. Returns the worker's id and
        the names of the clusters that it does not serve: those of others are not looked
        up, so that they are answered like those that do not exist."""
        worker = self._worker()
        self.env["kubernetes.worker.key"]._used(
            self.env.context.get("kubernetes_worker_key")
        )
        now = fields.Datetime.now()
        names = [cluster["name"] for cluster in params["clusters"]]
        clusters = worker.cluster_ids.filtered(lambda cluster: cluster.name in names)
        by_name = {cluster.name: cluster for cluster in clusters}
        unknown = [name for name in names if name not in by_name]
        worker._seen(
            now,
            params["worker"],
            clusters,
            params["mailgun"],
            unknown,
            params["contract"],
        )
        for said in params["clusters"]:
            if said["name"] in by_name:
                by_name[said["name"]]._seen(now, said)
        return worker.id, unknown

    def _worker(self):
        """Who calls."""
        return self.env["kubernetes.worker"]._of_user(self.env.uid)

    def _before_jobs(self):
        """What claims see to before jobs are handed out, as a cron comes up to a
        minute late."""
        self._transaction("_expire_leases")

    def _expire_leases(self):
        self.env["kubernetes.job"]._expire_leases()

    def _take_jobs(self, worker_id, served, kinds, capacity):
        """The jobs, and how soon to ask for more."""
        jobs = self.env["kubernetes.job"]._claim(worker_id, served, kinds, capacity)
        values = [self._job_values(job) for job in jobs]
        worker = self.env["kubernetes.worker"].browse(worker_id)
        clusters = worker.cluster_ids.filtered(lambda cluster: cluster.name in served)
        return [value for value in values if value], jobs._idle_seconds(clusters)

    def _job_values(self, job):
        """The job as the contract has it; None where that cannot be made, which fails
        this job and no other one."""

        def on_error(error):
            _logger.exception("Job %s cannot be given to a worker", job.id)
            job._finish(
                "failed",
                {
                    "code": "odoo_failed",
                    "message": "Odoo could not put together what the job needs"
                    f" ({type(error).__name__}).",
                    "hint": "See the log of Odoo's server for the cause, then retry.",
                },
            )

        with isolated(self.env, on_error):
            return job._contract_values()
        return None

    # -- report ------------------------------------------------------------------

    def _report(self, params):
        reports = params["jobs"]
        silent = [
            number
            for number, report in enumerate(reports)
            if not report["steps"] and not report["outcome"]
        ]
        # A worker may hold a thousand that wait: these cost one transaction together.
        answers = dict(
            zip(
                silent,
                self._transaction("_renew_jobs", [reports[n] for n in silent])
                if silent
                else [],
                strict=True,
            )
        )
        return {
            "jobs": [
                {
                    "id": report["id"],
                    "answer": answers.get(number)
                    or self._transaction("_report_job", report),
                }
                for number, report in enumerate(reports)
            ],
            "lease_seconds": LEASE_SECONDS,
        }

    def _held_jobs(self, reports):
        """Lock and return the reported jobs as the worker holds them, an empty record
        for each that it does not: one whose cluster it no longer serves, or of another
        token, is like one that does not exist."""
        worker = self._worker()
        self.env.cr.execute(
            "SELECT id FROM kubernetes_job WHERE id = ANY(%s) AND worker_id = %s"
            " ORDER BY id FOR NO KEY UPDATE",
            [[report["id"] for report in reports], worker.id],
            log_exceptions=False,
        )
        no_job = self.env["kubernetes.job"]
        jobs = {
            job.id: job
            for job in no_job.browse(row[0] for row in self.env.cr.fetchall())
        }

        def held(report):
            job = jobs.get(report["id"], no_job)
            is_held = (
                job.state == "running"
                and consteq((job.token or "").encode(), report["token"].encode())
                and worker._serves(job)
            )
            return job if is_held else no_job

        return [held(report) for report in reports]

    def _renew_jobs(self, reports):
        """Extend the leases of jobs without news. Returns the worker's answers."""
        jobs = self._held_jobs(reports)
        self.env["kubernetes.job"].union(*jobs)._extend_lease()
        return [
            "stale" if not job else "stop" if job.cancel_requested else "go_on"
            for job in jobs
        ]

    def _report_job(self, report):
        """Take over the news of one job. Returns the answer for the worker."""
        (job,) = self._held_jobs([report])
        if not job:
            return "stale"
        job._record_steps(report["steps"])
        if report["outcome"]:
            job._conclude(report["outcome"])
            return "go_on"
        job._extend_lease()
        return "stop" if job.cancel_requested else "go_on"

    # -- observe -----------------------------------------------------------------

    def _observe(self, params):
        unknown = []
        for start in range(0, len(params["apps"]), APPS_PER_TRANSACTION):
            batch = params["apps"][start : start + APPS_PER_TRANSACTION]
            unknown += self._transaction("_observe_apps", params["cluster"], batch)
        if params["complete"]:
            self._transaction(
                "_compare_namespaces", params["cluster"], params["complete"]
            )
        return {"unknown": unknown}

    def _compare_namespaces(self, cluster_name, look):
        cluster = self._served_cluster(cluster_name)
        if cluster:
            self.env["kubernetes.namespace.found"]._compare(cluster, look)

    def _served_cluster(self, name):
        """The cluster of this name, where an administrator gave it to the worker."""
        worker = self._worker().with_context(active_test=False)
        return worker.cluster_ids.filtered(lambda cluster: cluster.name == name)

    def _observe_apps(self, cluster_name, seen):
        """Take over what the cluster shows. Returns the namespaces of apps that Odoo
        does not have there; on a cluster that the worker does not serve, all."""
        cluster = self._served_cluster(cluster_name)
        apps = {
            app.uid: app
            for app in self.env["kubernetes.app"]
            .with_context(active_test=False)
            .search(
                [
                    ("uid", "in", [item["uid"] for item in seen]),
                    ("cluster_id", "in", cluster.ids),
                ]
            )
        }
        unknown, observations = [], {}
        for item in seen:
            app = apps.get(item["uid"])
            if app and app.namespace_id.name == item["namespace"]:
                observations[app] = item["observation"]
            else:
                unknown.append(item["namespace"])
        self.env["kubernetes.app"]._apply_observations(observations)
        return unknown
