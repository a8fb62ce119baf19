# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import random
from datetime import timedelta
from typing import NamedTuple

from odoo import api, fields, models
from odoo.tools import SQL

from ..tools.sentences import COUNTS, LEASE_LOST, SEE_WORKER
from ..tools.together import know_lines, read_together, write_together
from ..tools.told import error, joined, told, told_values
from .kubernetes_job import (
    AWAITED_KINDS,
    CHANGING_KINDS,
    ERROR_MEMBERS,
    KEPT_RESULTS,
    LEASE_SECONDS,
    MANIFEST_CHANGED,
    OWN_KINDS,
)

# What a worker tells of a step.
STEP_MEMBERS = (
    "code",
    "state",
    "started_at",
    "seconds",
    "message",
    "message_words",
)


class End(NamedTuple):
    """What an attempt comes to: another one in ``delay`` seconds, or an end."""

    state: str
    error: dict | None = None
    result: dict | None = None
    delay: float = 0


class KubernetesJob(models.Model):
    """What comes of jobs: steps, outcomes, leases that end.

    All of it is done for many jobs at once, with as many queries as for one.
    """

    _inherit = "kubernetes.job"

    # -- reading -----------------------------------------------------------------

    @api.model
    def _apps_of(self, ids):
        """The ids of these jobs' apps, in SQL: an array, so that it is made once in a
        query whatever PostgreSQL's statistics say of how many there are."""
        return SQL("ARRAY(SELECT app_id FROM kubernetes_job WHERE id = ANY(%s))", ids)

    @api.model
    def _read_with_apps(self, ids, *more, names=()):
        """Read these jobs and what a report or a claim looks at of their apps. Returns
        the jobs, and the records of the selections ``more``. ``names`` are fields of
        jobs that are not prefetched."""
        apps = self._apps_of(ids)
        for model in ("kubernetes.job", "kubernetes.app", "kubernetes.app.manifest"):
            self.env[model].flush_model()
        jobs, apps, _namespaces, lines, _manifests, changes, *found = read_together(
            self.env,
            ("kubernetes.job", SQL("id = ANY(%s)", ids), *names),
            ("kubernetes.app", SQL("id = ANY(%s)", apps), "inventory", "objects_seen"),
            (
                "kubernetes.namespace",
                SQL(
                    "id IN (SELECT namespace_id FROM kubernetes_app"
                    " WHERE id = ANY(%s))",
                    apps,
                ),
            ),
            ("kubernetes.app.manifest", SQL("app_id = ANY(%s)", apps)),
            (
                "kubernetes.manifest",
                SQL(
                    "id IN (SELECT manifest_id FROM kubernetes_app_manifest"
                    " WHERE app_id = ANY(%s) UNION ALL SELECT manifest_id"
                    " FROM kubernetes_job WHERE id = ANY(%s))",
                    apps,
                    ids,
                ),
            ),
            ("kubernetes.app.change", SQL("app_id = ANY(%s)", apps)),
            *self._caller_selections(),
            *more,
        )
        of_deploys = lines.filtered(lambda line: line.purpose == "deploy")
        know_lines(apps, "manifest_line_ids", of_deploys)
        know_lines(apps, "reset_manifest_line_ids", lines - of_deploys)
        know_lines(apps, "change_ids", changes)
        return jobs, found[3:]

    @api.model
    def _caller_selections(self):
        """Of whoever calls, what Odoo looks at when it writes."""
        return [
            ("res.users", SQL("id = %s", self.env.uid)),
            (
                "res.partner",
                SQL(
                    "id IN (SELECT partner_id FROM res_users WHERE id = %s"
                    " UNION SELECT company.partner_id FROM res_users"
                    " JOIN res_company company ON company.id = res_users.company_id"
                    " WHERE res_users.id = %s)",
                    self.env.uid,
                    self.env.uid,
                ),
            ),
            (
                "res.company",
                SQL(
                    "id = (SELECT company_id FROM res_users WHERE id = %s)",
                    self.env.uid,
                ),
            ),
        ]

    @api.model
    def _deciding(self, apps):
        """Which jobs decide on the states of apps, in SQL: those that wait or run, and
        the last one that changed the app and came to its end. ``apps`` is SQL for the
        array of their ids."""
        return SQL(
            """
            id IN (
                SELECT id
                  FROM kubernetes_job
                 WHERE app_id = ANY(%s) AND state IN ('pending', 'running')
             UNION ALL
                SELECT last.id
                  FROM (SELECT DISTINCT ON (app_id) id
                          FROM kubernetes_job
                         WHERE app_id = ANY(%s)
                           AND kind = ANY(%s)
                           AND state IN ('done', 'failed')
                      ORDER BY app_id, finished_at DESC, id DESC) last)
            """,
            apps,
            apps,
            list(CHANGING_KINDS),
        )

    # -- leases ------------------------------------------------------------------

    @api.model
    def _expire_leases(self, before=None):
        """Take back the jobs whose worker has not been heard of for a lease; ``before``
        goes to the database first."""
        self.flush_model(["state", "lease_until"])
        self.env.cr.execute(
            SQL(
                """
                %s
                SELECT id FROM kubernetes_job
                 WHERE state = 'running' AND lease_until < %s
                 ORDER BY id
                   FOR NO KEY UPDATE SKIP LOCKED
                """,
                before or SQL(),
                fields.Datetime.now(),
            ),
            log_exceptions=False,
        )
        jobs = self.browse(row[0] for row in self.env.cr.fetchall())
        jobs._settle({job: job._end_after(job._lease_lost(), 0) for job in jobs})

    def _lease_lost(self):
        self.ensure_one()
        message = told(
            LEASE_LOST,
            worker=self.worker_id.name or "",
            attempt=self.attempt,
        )
        hint = told(SEE_WORKER)
        return error("lease_lost", message, hint)

    def _extend_lease(self):
        self.lease_until = fields.Datetime.now() + timedelta(seconds=LEASE_SECONDS)

    # -- steps -------------------------------------------------------------------

    def _record_steps(self, steps):
        """As ``_record_all_steps``, of one job."""
        self.ensure_one()
        self._record_all_steps({self: steps})

    @api.model
    def _record_all_steps(self, told):
        """Insert or update the steps of the jobs' present attempts by their numbers, so
        that a repeated report changes nothing: ``{job: steps}``."""
        model = self.env["kubernetes.job.step"]
        # The same number twice in one report: the later word counts.
        steps = {(job, step["number"]): step for job in told for step in told[job]}
        if not steps:
            return
        now, uid = self.env.cr.now(), self.env.uid
        rows = [
            SQL(
                "(%s)",
                SQL(", ").join(
                    SQL("%s", value)
                    for value in (
                        job.id,
                        job.attempt,
                        job.worker_id.id or None,
                        number,
                        *(
                            model._fields[name].convert_to_column_insert(
                                step.get(name), model
                            )
                            for name in STEP_MEMBERS
                        ),
                        uid,
                        now,
                        uid,
                        now,
                    )
                ),
            )
            for (job, number), step in steps.items()
        ]
        self.env["kubernetes.job"].flush_model(["attempt", "worker_id"])
        model.flush_model()
        self.env.execute_query(
            SQL(
                """
                INSERT INTO kubernetes_job_step (
                            job_id, attempt, worker_id, number, code, state,
                            started_at, seconds, message, message_words,
                            create_uid, create_date, write_uid, write_date)
                     VALUES %s
                ON CONFLICT (job_id, attempt, number) DO UPDATE
                        SET (code, state, started_at, seconds, message, message_words,
                             write_uid, write_date)
                          = (EXCLUDED.code, EXCLUDED.state, EXCLUDED.started_at,
                             EXCLUDED.seconds, EXCLUDED.message,
                             EXCLUDED.message_words,
                             EXCLUDED.write_uid, EXCLUDED.write_date)
                """,
                SQL(", ").join(rows),
            )
        )
        jobs = self.browse().union(*(job for job, _number in steps))
        jobs._forget_steps()
        jobs._changed()

    @api.model
    def _close_steps(self, ends):
        """Steps that the worker left open share the fate of their attempt."""
        model = self.env["kubernetes.job.step"]
        words = model._fields["message_words"]
        model.flush_model()
        self.env.execute_query(
            SQL(
                """
                UPDATE kubernetes_job_step step
                   SET state = ended.state,
                       message = COALESCE(ended.message, step.message),
                       message_words = CASE WHEN ended.message IS NULL
                                            THEN step.message_words
                                            ELSE ended.message_words END,
                       write_uid = %s,
                       write_date = %s
                  FROM (VALUES %s) ended (job_id, state, message, message_words)
                 WHERE step.job_id = ended.job_id AND step.state = 'running'
                """,
                self.env.uid,
                self.env.cr.now(),
                SQL(", ").join(
                    SQL(
                        "(%s, %s, %s::text, %s::jsonb)",
                        job.id,
                        "done" if end.state == "done" else "failed",
                        end.error and end.error["message"] or None,
                        words.convert_to_column(
                            end.error and end.error.get("message_words"), model
                        ),
                    )
                    for job, end in ends.items()
                ),
            )
        )
        self.browse().union(*ends)._forget_steps()

    def _forget_steps(self):
        """The database knows better now."""
        self.env["kubernetes.job.step"].invalidate_model(flush=False)
        self.invalidate_recordset(["step_ids"], flush=False)

    # -- outcomes ----------------------------------------------------------------

    def _conclude(self, outcome):
        """As ``_conclude_all``, of one job."""
        self.ensure_one()
        self._conclude_all({self: outcome})

    @api.model
    def _conclude_all(self, outcomes):
        """Take over the outcomes that a worker reports: ``{job: outcome}``, each the
        contract's."""
        apps = self.env["kubernetes.app"]
        seen, deleted = {}, {True: apps, False: apps}
        fetched = self.env["kubernetes.manifest"]
        for job, outcome in outcomes.items():
            result = outcome["result"]
            if result:
                fetched |= job._take_over(result)
                if job.app_id and result["observation"]:
                    seen[job.app_id] = result["observation"]
        self.env["kubernetes.manifest.content"]._keep(fetched)
        with apps._reached_afterwards():
            apps._take_over_observations(seen)
            ends = {job: job._end(outcome) for job, outcome in outcomes.items()}
            for job, end in ends.items():
                if end.state == "done" and job.kind == "delete":
                    result = end.result
                    deleted[bool(result and result["namespace_deleted"])] |= job.app_id
            for namespace_deleted, gone in deleted.items():
                gone._deleted(namespace_deleted)
            ends = self._write_ends(ends)
        self._go_on(ends)

    def _take_over(self, result):
        """What the worker found out: manifests' contents, inventory, and what screens
        show. Returns the manifests of which a content was not known."""
        kept = {name: result[name] for name in KEPT_RESULTS if result[name]}
        if result["index"] and not self.repository_id:
            kept["index"] = self.env["kubernetes.repository"]._in_short(result["index"])
        if kept:
            self.result = kept
        app = self.app_id
        new = self.env["kubernetes.manifest"]
        if not app:
            return new
        manifests = app._manifests() | app._reset_manifests()
        known = {manifest.id: manifest for manifest in manifests}
        as_now = self.env["kubernetes.manifest"]
        for seen in result["manifests"]:
            manifest = known.get(seen["id"])
            if (
                manifest
                and manifest.digest != seen["digest"]
                and manifest._is_told_by(self.worker_id)
            ):
                # What a deploy has fetched, it has applied.
                told = manifest.with_context(
                    kubernetes_applied_app=app.id
                    if self.kind in ("deploy", "reset")
                    else False
                )
                told._remember(
                    seen["digest"], seen["content"], seen["variables"], seen["files"]
                )
                new |= manifest
            if manifest and manifest.digest == seen["digest"]:
                as_now |= manifest
        if self.kind in ("deploy", "reset"):
            self._take_manifests_along(as_now)
        if result["inventory"] is not None and result["inventory"] != app.inventory:
            app.inventory = result["inventory"]
        if self.deployed:
            self._take_digests(result["manifests"])
        return new

    def _take_digests(self, seen):
        """What the manifests were that the job has fetched: it has deployed those."""
        digests = {manifest["id"]: manifest["digest"] for manifest in seen}
        manifests = [
            {**told, "digest": told["digest"] or digests.get(told["id"])}
            for told in self.deployed["manifests"]
        ]
        self.deployed = {**self.deployed, "manifests": manifests}

    def _end(self, outcome):
        """What the outcome makes of the job."""
        self.ensure_one()
        state, error, result = outcome["state"], outcome["error"], outcome["result"]
        if state == "retry":
            return self._end_after(error, result=result)
        if state == "failed" and self._is_pinned_meanwhile(error):
            return self._end_after(error, 0, result)
        if state == "released":
            # Handed back by a worker that stops: not counted as an attempt.
            if self.cancel_requested:
                return End("cancelled")
            self.max_attempts += 1
            return End("pending")
        return End(state, error, result)

    def _end_after(self, error, delay=None, result=None):
        """What becomes of a job after an attempt that may succeed another time: it
        waits again, or has failed when the attempts are used up. ``delay`` in seconds;
        none: the backoff's."""
        self.ensure_one()
        if self.cancel_requested:
            return End("cancelled", error, result)
        if self.attempt >= self.max_attempts:
            return End("failed", error, result)
        return End(
            "pending", error, delay=self._backoff_seconds() if delay is None else delay
        )

    def _is_pinned_meanwhile(self, error):
        """Whether the worker refused a manifest that has been pinned to that content
        while it was at work."""
        self.ensure_one()
        refused = error and error["code"] == MANIFEST_CHANGED
        return refused and self.app_id and not self.app_id._changed_manifests()

    def _backoff_seconds(self):
        """10 s, doubled with every attempt up to 10 minutes, and up to a fifth more
        so that many failed jobs do not come back in one moment."""
        self.ensure_one()
        seconds = min(10 * 2 ** max(self.attempt - 1, 0), 600)
        return seconds * random.uniform(1.0, 1.2)

    def _finish(self, state, error=None, result=None):
        """The end of jobs."""
        self._settle(dict.fromkeys(self, End(state, error, result)))

    @api.model
    def _settle(self, ends):
        """Write what becomes of jobs, ``{job: End}``, and let their apps and manifests
        go on from there."""
        with self.env["kubernetes.app"]._reached_afterwards():
            ends = self._write_ends(ends)
        self._go_on(ends)

    @api.model
    def _write_ends(self, ends):
        """Write what becomes of jobs and of their apps. Returns what it is."""
        if not ends:
            return ends
        jobs = self.browse().union(*ends)
        ends = self._give_way(ends)
        now = fields.Datetime.now()
        for job, end in ends.items():
            values = {
                "state": end.state,
                "token": False,
                "lease_until": False,
                **self._error_values(end.error),
            }
            if end.state == "pending":
                values["run_at"] = now + timedelta(seconds=end.delay)
            else:
                values["finished_at"] = now
                values |= told_values("result_text", self._objects_told(end.result))
            if end.state != "done":
                values["deployed"] = False
            job.write(values)
        write_together(jobs)
        self._close_steps(ends)
        jobs._settle_apps()
        return ends

    @api.model
    def _go_on(self, ends):
        for job, end in ends.items():
            job._after(end.result)

    @api.model
    def _give_way(self, ends):
        """Of jobs that are to wait again those end that were asked for once more
        meanwhile: the other ones do the work."""
        again = self.browse().union(
            *(job for job, end in ends.items() if end.state == "pending" and job.app_id)
        )
        if not again:
            return ends

        def wish(job):
            asker = job.requested_by if job.kind in OWN_KINDS else None
            return job.app_id, job.kind, asker

        waiting = self.search(
            [
                ("app_id", "in", again.app_id.ids),
                ("kind", "in", again.mapped("kind")),
                ("state", "=", "pending"),
            ]
        )
        asked = {wish(job) for job in waiting}
        return {
            job: End("cancelled", end.error)
            if job in again and wish(job) in asked
            else end
            for job, end in ends.items()
        }

    def _settle_apps(self):
        """What the jobs' new states mean for their apps."""
        self.filtered(
            lambda job: job.state == "cancelled" and job.kind in CHANGING_KINDS
        ).app_id._drop_wishes()
        self.filtered(
            lambda job: job.state == "done"
            and (
                job.kind in ("deploy", "reset", "delete")
                or (job.kind == "diff" and not job.diff_change_count)
            )
        )._drop_applied_changes()
        self.filtered(lambda job: job.state == "failed" and job.app_id)._log_failures()
        waiting = self.app_id._update_state()
        # Nobody else tells of what was held back by a job of its app.
        (self | waiting)._wake_workers()

    def _log_failures(self):
        """Tell it in the chatter, which all users read. What came of a comparison is
        for whoever asked, and of a fetched password it is enough that it failed."""
        texts = {}
        for job in self:
            job = job.with_context(lang=job._chatter_lang())
            if job.kind not in OWN_KINDS:
                text = job.env._("%(job)s failed", job=job._kind_label())
                if job.kind not in AWAITED_KINDS:
                    text += f": {job.error_message_shown}"
                texts[job.app_id.with_env(self.env)] = text
        self.env["kubernetes.app"]._log_each(texts)

    def _after(self, result):
        """Let the app, manifest, repository or namespace go on from here: after a job
        that is done its ``_after_<kind>(job, result)`` where it has one, after one that
        failed for good its ``_after_failed(job)``.

        ``result`` is the contract's, or None. What goes wrong in there is for the log
        and the chatter: the worker's part is done and stays so.
        """
        self.ensure_one()
        about = self.app_id or self.manifest_id or self.repository_id or self.found_id
        if self.state == "done":
            hook = getattr(about, f"_after_{self.kind}", None)
            arguments = (self, result)
        else:
            failed = self.state == "failed"
            hook = getattr(about, "_after_failed", None) if failed else None
            arguments = (self,)
        if about and hook:
            about._run_isolated(hook, *arguments)

    def _chatter_lang(self):
        """The company's: a worker has none, and everybody reads the same chatter."""
        self.ensure_one()
        return self.company_id.sudo().partner_id.lang or self.env.lang

    def _objects_told(self, result):
        objects = (result or {}).get("objects") or {}
        return joined(
            ", ",
            [
                told(COUNTS[what], number=count)
                for what, count in objects.items()
                if count
            ],
        )

    def _error_values(self, error):
        return {f"error_{name}": (error or {}).get(name) for name in ERROR_MEMBERS}

    # -- what was changed and is applied ------------------------------------------

    def _take_changes_along(self):
        """These jobs, which a worker has just claimed, apply what is changed by now."""
        for job in self:
            job.app_id.sudo().change_ids.job_id = job

    def _take_manifests_along(self, manifests):
        """The job has fetched these as they are now: it applies also what another job
        has found changed of them since the claim."""
        names = manifests.mapped("name")
        self.app_id.sudo().change_ids.filtered(
            lambda change: change.source == "manifest" and change.name in names
        ).job_id = self

    def _drop_applied_changes(self):
        """What the jobs took along is in the cluster."""
        self.app_id.sudo().change_ids.filtered(
            lambda change: change.job_id in self
        ).unlink()
