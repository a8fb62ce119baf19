# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import timedelta
from itertools import combinations

from odoo import SUPERUSER_ID, api, fields, models
from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.modules import get_manifest
from odoo.tools import clean_context, format_datetime

from . import contract

# A worker asks every few seconds; after this long it is not there.
UNSEEN_AFTER = timedelta(minutes=2)
SEEN_STEP = timedelta(seconds=5)
KEY_VALID = timedelta(days=365)
KEY_OVERLAP = timedelta(days=7)
# Two processes that were there at once for so long are no restart, …
BOTH_FOR = timedelta(minutes=1)
# … and it is told for so long after it was seen last.
SHARED_TOLD = timedelta(minutes=5)
# A worker's processes are shown for so long, and so many of them.
PROCESS_SHOWN = timedelta(hours=1)
PROCESSES_SHOWN = 10
# Of the clusters that a worker asks for, as many are named.
ASKED_SHOWN = 5
# So much may a worker's clock be ahead of Odoo's.
CLOCK_AHEAD = timedelta(minutes=3)
# In the context of a worker's call: what its process calls itself, anew at each start.
WORKER_RUN = "kubernetes_worker_run"
# States of an addon whose tables are there.
INSTALLED = ("installed", "to upgrade", "to remove")
WORKER_GROUP = "kubernetes_hosting.group_kubernetes_worker"


def is_news(changed, before, now):
    """Whether open screens are to show a sign of life: at once when something else
    changed with it, otherwise once a minute."""
    minute = {"second": 0, "microsecond": 0}
    return (
        bool(changed) or not before or before.replace(**minute) != now.replace(**minute)
    )


def moment_of(said):
    """When it was that a worker saw something. What it says lies further ahead than
    clocks differ: then it was now, or nothing that comes after it would count."""
    now = fields.Datetime.now()
    return said if said <= now + CLOCK_AHEAD else now


def is_late(moment, known):
    """Whether something newer is ``known``; never by a time that is yet to come."""
    return bool(known) and moment < known <= fields.Datetime.now() + CLOCK_AHEAD


def _moment(text):
    return fields.Datetime.from_string(text)


def _were_both_there(one, other):
    """Whether two processes were seen at once for longer than one takes over from the
    other."""
    begun = max(_moment(one["first_seen"]), _moment(other["first_seen"]))
    ended = min(_moment(one["last_seen"]), _moment(other["last_seen"]))
    return ended - begun >= BOTH_FOR


class KubernetesWorker(models.Model):
    """A worker that may claim jobs, with a technical user that holds its key.

    The user is in the workers' group only, which opens no model: its key is good for
    the three calls and nothing else. Which clusters it serves is said by an
    administrator; for all others it is answered as if they did not exist. What a
    worker says of itself (version, clusters it announces) is written by its claims.
    """

    _name = "kubernetes.worker"
    _description = "Kubernetes Worker"
    _inherit = ["kubernetes.live", "mail.thread"]
    _order = "name"

    name = fields.Char(required=True, tracking=True)
    user_id = fields.Many2one(
        "res.users",
        string="Technical User",
        readonly=True,
        copy=False,
        ondelete="restrict",
        groups="kubernetes_hosting.group_kubernetes_administrator",
    )
    active = fields.Boolean(default=True, tracking=True)
    state = fields.Selection(
        [
            ("new", "Never Seen"),
            ("online", "Online"),
            ("refused", "Refused"),
            ("offline", "Not Seen Lately"),
        ],
        default="new",
        required=True,
        readonly=True,
        copy=False,
    )
    reported_name = fields.Char(
        readonly=True, copy=False, help="What the worker calls itself."
    )
    processes = fields.Json(
        string="Processes as Data",
        readonly=True,
        copy=False,
        help="The processes that used the key in the last hour: a restarted worker is"
        " another one.",
    )
    processes_text = fields.Text(
        string="Processes",
        compute="_compute_processes",
        help="What used the key in the last hour, the newest first. A restarted worker"
        " is another process.",
    )
    key_shared_at = fields.Datetime(
        readonly=True,
        copy=False,
        help="When two processes were last seen to use the key at once.",
    )
    is_key_shared = fields.Boolean(
        compute="_compute_is_key_shared",
        help="Two workers answer to this record: each needs a record and a key of its"
        " own.",
    )
    sharers = fields.Char(
        string="Use the Key at Once",
        readonly=True,
        copy=False,
        help="The machines of the processes that use the key at once.",
    )
    version = fields.Char(
        string="Program Version",
        readonly=True,
        copy=False,
        help="The release of the worker's program.",
    )
    contract_version = fields.Integer(
        readonly=True,
        copy=False,
        help="The version of the contract between Odoo and the workers that this one"
        " speaks.",
    )
    outdated = fields.Selection(
        [("worker", "Worker"), ("addons", "Addons in Odoo")],
        string="To Update",
        readonly=True,
        copy=False,
        help="The calls of a worker are refused where it and the addons in Odoo have no"
        " version of their contract in common: the older one needs an update.",
    )
    last_seen = fields.Datetime(readonly=True, copy=False)
    key_created_at = fields.Datetime(readonly=True, copy=False)
    key_ids = fields.One2many(
        "kubernetes.worker.key",
        "worker_id",
        string="Keys",
        readonly=True,
        copy=False,
        groups="kubernetes_hosting.group_kubernetes_administrator",
    )
    cluster_ids = fields.Many2many(
        "kubernetes.cluster",
        "kubernetes_worker_cluster_rel",
        "worker_id",
        "cluster_id",
        string="Clusters",
        default=lambda self: self._default_cluster_ids(),
        tracking=True,
        copy=False,
        help="The clusters whose jobs this worker gets, with all values and secrets of"
        " their apps; of no other one it learns anything. A cluster of one company"
        " opens the previews of that company, too, and with them its manifests, config"
        " maps and secrets. A cluster without a company serves all companies: its"
        " worker may get the secrets of all of them.",
    )
    announced_cluster_ids = fields.Many2many(
        "kubernetes.cluster",
        "kubernetes_worker_announced_cluster_rel",
        "worker_id",
        "cluster_id",
        string="Announces",
        readonly=True,
        copy=False,
        help="Of the clusters that it serves, those in the worker's settings.",
    )
    asked_clusters = fields.Char(
        string="Asks For",
        readonly=True,
        copy=False,
        help="Clusters in the worker's settings that it does not serve here.",
    )
    running_job_count = fields.Integer(compute="_compute_running_job_count")

    _name_uniq = models.UniqueIndex(
        "(name)", "There is a worker with this name already."
    )
    _user_uniq = models.UniqueIndex("(user_id)")

    def _default_cluster_ids(self):
        """The cluster, where there is only one to choose."""
        clusters = self.env["kubernetes.cluster"].search(
            [("company_id", "in", [False, self.env.company.id])], limit=2
        )
        return clusters if len(clusters) == 1 else False

    def _compute_running_job_count(self):
        counts = dict(
            self.env["kubernetes.job"]._read_group(
                [("worker_id", "in", self.ids), ("state", "=", "running")],
                ["worker_id"],
                ["__count"],
            )
        )
        for worker in self:
            worker.running_job_count = counts.get(worker, 0)

    @api.depends("key_shared_at")
    def _compute_is_key_shared(self):
        since = fields.Datetime.now() - SHARED_TOLD
        for worker in self:
            shared_at = worker.key_shared_at
            worker.is_key_shared = bool(shared_at) and shared_at > since

    @api.depends("processes")
    @api.depends_context("lang", "tz")
    def _compute_processes(self):
        for worker in self:
            worker.processes_text = "\n".join(
                self.env._(
                    "%(machine)s, version %(version)s: from %(first)s, last seen"
                    " %(last)s (%(instance)s)",
                    machine=process["machine"] or "–",
                    version=process["version"],
                    first=self._shown_moment(process["first_seen"]),
                    last=self._shown_moment(process["last_seen"]),
                    instance=process["instance"],
                )
                for process in worker.processes or []
            )

    @api.model
    def _shown_moment(self, text):
        moment = fields.Datetime.from_string(text)
        return format_datetime(self.env, moment, dt_format="short")

    @api.model_create_multi
    def create(self, vals_list):
        workers = super().create(vals_list)
        workers._check_shared_clusters()
        for worker in workers.sudo():
            worker.user_id = (
                self.env["res.users"]
                .sudo()
                .with_context(
                    clean_context(self.env.context),
                    no_reset_password=True,
                    mail_create_nosubscribe=True,
                )
                .create(
                    {
                        "name": f"Worker {worker.name}",
                        "login": f"kubernetes-worker-{worker.id}",
                        "lang": self.env.user.lang,
                        "group_ids": [Command.set([self.env.ref(WORKER_GROUP).id])],
                    }
                )
            )
        return workers

    def write(self, vals):
        before = self._given_clusters() if "cluster_ids" in vals else {}
        shared = self._with_shared_clusters()
        result = super().write(vals)
        # Nobody gives what is another company's: see the rules.
        self.check_access("write")
        (shared | self)._check_shared_clusters(shared)
        for worker, clusters in before.items():
            worker._check_key_makers(worker._given_clusters()[worker] - clusters)
        if "cluster_ids" in vals:
            # What it still asks for it says with its next call.
            self.sudo().filtered("asked_clusters").asked_clusters = False
        if "active" in vals:
            self.sudo().with_context(active_test=False).user_id.active = vals["active"]
        return result

    def unlink(self):
        self.check_access("unlink")
        self._check_shared_clusters()
        users = self.sudo().user_id
        self.sudo().key_ids._revoke()
        result = super().unlink()
        # A user's past (who wrote what) keeps it from being deleted.
        users.active = False
        return result

    def _check_access(self, operation):
        # The rules look at clusters alone, and what is not there has none.
        result = super()._check_access(operation)
        missing = self.browse() if result else self - self.exists()
        if missing:
            return missing, lambda: missing._not_yours_error(operation)
        return result

    @api.model
    def _of_user(self, uid):
        """The active worker of a user in the workers' group, or none."""
        user = self.env["res.users"].sudo().browse(uid)
        if not user.has_group(WORKER_GROUP):
            return self.browse()
        return self.search([("user_id", "=", uid)])

    def _given_clusters(self):
        """Each worker with its clusters, archived ones, too."""
        return {
            worker: worker.with_context(active_test=False).cluster_ids
            for worker in self.sudo()
        }

    def _with_shared_clusters(self):
        """Those of them that have a cluster of all companies."""
        return self.browse(
            worker.id
            for worker, clusters in self._given_clusters().items()
            if any(not cluster.company_id for cluster in clusters)
        )

    def _check_shared_clusters(self, before=None):
        """A shared cluster opens what all companies have: only who works for all of
        them gives or takes it, changes a worker that has it or had it ``before``, or
        hands out a key to it."""
        if (before or self._with_shared_clusters()) and (
            not self._works_for_all_companies()
        ):
            raise AccessError(
                self.env._(
                    "A cluster without a company serves all companies, and a worker"
                    " gets the secrets of all of them with it: only an administrator"
                    " who works for all companies may give it to a worker, or change"
                    " or make a key of a worker that has it."
                )
            )

    def _check_key_makers(self, clusters):
        """Clusters that are given to a worker are opened by the keys that it has, and
        so to those who made them: they must have had the right to it, too."""
        self.ensure_one()
        keys = self.sudo().key_ids.filtered(lambda key: not key.is_expired)
        for maker in keys.create_uid:
            may = maker.id == SUPERUSER_ID or all(
                cluster.company_id <= maker.company_ids
                if cluster.company_id
                else cluster.with_user(maker)._works_for_all_companies()
                for cluster in clusters
            )
            if not may:
                raise AccessError(
                    self.env._(
                        "A key of the worker %(worker)s was made by %(user)s, who has"
                        " no right to all of the clusters that it is given. Revoke the"
                        " keys first, and create a new one after it.",
                        worker=self.name,
                        user=maker.name,
                    )
                )

    def action_create_key(self):
        """Ask how long a new key is to be valid, make it and show it once."""
        self.ensure_one()
        self.check_access("write")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Create Key"),
            "res_model": "kubernetes.worker.key.create",
            "view_mode": "form",
            "target": "new",
            "context": {"default_worker_id": self.id},
        }

    def _create_key(self, valid=KEY_VALID, overlap=KEY_OVERLAP):
        """A new key of this worker. Earlier ones stay valid for the overlap, so that
        the worker can be given the new one without a gap. Returns it in clear; only its
        hash is stored."""
        self.ensure_one()
        now = fields.Datetime.now()
        earlier = self.sudo().key_ids
        gone = earlier.filtered("is_expired") if overlap else earlier
        gone._revoke()
        kept = earlier - gone
        kept._end_at(now + overlap)
        key = self.env["kubernetes.worker.key"]._make(self, now + valid)
        self.sudo().key_created_at = now
        self._note(
            self.env._("Key created, valid until %s", now.date() + valid)
            if not kept
            else self.env._(
                "Key created, valid until %(until)s; earlier ones stay valid until"
                " %(earlier)s",
                until=now.date() + valid,
                earlier=max(kept.mapped("expires_at")).date(),
            )
        )
        return key

    def action_revoke_keys(self):
        """Take all keys back now."""
        self.check_access("write")
        self._check_shared_clusters()
        self.sudo().key_ids._revoke()

    @api.model
    def upgrade_check(self):
        """Which versions of addons, workers and clusters there are, as far as whoever
        asks may see them: for ``chandlery upgrade-check``, which says what fits."""
        self.browse().check_access("read")
        modules = self.env["ir.module.module"].sudo()
        clusters = self.env["kubernetes.cluster"]
        return {
            "contract": contract.NEWEST,
            "contract_minimum": contract.OLDEST,
            "addons": [
                {
                    "name": module.name,
                    # Odoo's names of these fields say the opposite.
                    "installed": module.latest_version or "",
                    "available": get_manifest(module.name).get("version") or "",
                }
                for module in modules.search(
                    [
                        ("name", "=like", "kubernetes_hosting%"),
                        ("state", "in", INSTALLED),
                    ],
                    order="name",
                )
            ],
            "workers": [
                {
                    "name": worker.name,
                    "state": worker.state,
                    "version": worker.version or "",
                    "contract": worker.contract_version,
                    "outdated": worker.outdated or "",
                }
                for worker in self.search([])
            ],
            "clusters": [
                {
                    "name": cluster.name,
                    "state": cluster.state,
                    "version": cluster.version or "",
                }
                for cluster in clusters.search([])
            ],
            "database_moved": self.env["kubernetes.database.moved"]._is_moved(),
        }

    def _note(self, text):
        """A note in the chatter, by whoever does it."""
        for worker in self.sudo():
            worker._message_log(body=text)

    @api.model
    def _carry_over(self):
        """On the update to workers that serve what they are given, and to keys that
        expire: what they announced until then stays theirs, with a note to look at it,
        and the keys get an end."""
        until = fields.Datetime.now() + KEY_VALID
        for worker in self.search([("active", "in", (True, False))]):
            self.env["kubernetes.worker.key"]._carry_over(worker, until)
            worker.announced_cluster_ids = worker.cluster_ids
            worker._message_log(
                body=self.env._(
                    "From now on a worker serves only the clusters that an"
                    " administrator gives it. This one keeps those that it had in its"
                    " settings: %(clusters)s. Please look whether it is to serve all of"
                    " them. Its key is valid until %(until)s.",
                    clusters=", ".join(worker.cluster_ids.mapped("name")) or "–",
                    until=until.date(),
                )
            )

    def _seen(
        self, now, said, clusters, mailgun=None, asked=(), version=contract.NEWEST
    ):
        """Note what the worker says of itself: the contract's ``worker``, ``mailgun``
        and version, which of its clusters it announces, and the names of others."""
        self.ensure_one()
        changed = self._changes(
            {
                "asked_clusters": self._asked_text(asked),
                "state": "online",
                "reported_name": said["name"],
                "version": said["version"],
                "contract_version": version,
                "outdated": False,
                **self._mailgun_values(mailgun),
            }
        )
        quiet = self._process_values(now, said)
        if self._is_new_process(said):
            changed |= quiet
        if clusters != self.announced_cluster_ids:
            changed["announced_cluster_ids"] = [Command.set(clusters.ids)]
        self._note_seen(now, changed, quiet)

    def _is_new_process(self, said):
        """Whether a process of the worker calls for the first time. Who only looks
        whether it would work says no instance."""
        known = {process["instance"] for process in self.processes or []}
        return bool(said["instance"]) and said["instance"] not in known

    def _with_process(self, now, said):
        """The worker's processes of late with the one that says this of itself, the
        newest first."""
        kept = {
            process["instance"]: process
            for process in self.processes or []
            if now - _moment(process["last_seen"]) < PROCESS_SHOWN
        }
        moment = fields.Datetime.to_string(now)
        known = kept.get(said["instance"], {"first_seen": moment})
        kept[said["instance"]] = {
            "instance": said["instance"],
            "machine": said["machine"],
            "version": said["version"],
            "first_seen": known["first_seen"],
            "last_seen": moment,
        }
        return sorted(
            kept.values(), key=lambda process: process["first_seen"], reverse=True
        )[:PROCESSES_SHOWN]

    def _process_values(self, now, said):
        """What is to be noted of the process that calls, and whether another one uses
        the key beside it."""
        if not said["instance"]:
            return {}
        processes = self._with_process(now, said)
        known = {process["instance"]: process for process in self.processes or []}
        before = known.get(said["instance"])
        values = {}
        if not before or now - _moment(before["last_seen"]) >= SEEN_STEP:
            values["processes"] = processes
        lately = [
            process
            for process in processes
            if now - _moment(process["last_seen"]) < UNSEEN_AFTER
        ]
        sharers = {
            process["instance"]: process["machine"] or "–"
            for pair in combinations(lately, 2)
            if _were_both_there(*pair)
            for process in pair
        }
        told = self.key_shared_at
        if sharers and (not told or now - told >= SEEN_STEP):
            values["sharers"] = ", ".join(sorted(sharers.values()))
            values["key_shared_at"] = now
        return values

    @api.model
    def _mailgun_values(self, mailgun):
        """What is kept of the contract's ``mailgun``: nothing without the addon for
        it."""
        return {}

    def _refused(self, now, error):
        """Note that the worker's calls are refused, for a ``VersionError``. Returns
        whether that is new."""
        self.ensure_one()
        changed = self._changes(
            {
                "state": "refused",
                "asked_clusters": False,
                "reported_name": error.worker["name"],
                "version": error.worker["version"],
                "contract_version": error.version,
                "outdated": error.outdated,
            }
        )
        self._note_seen(now, changed)
        return bool(changed)

    def _changes(self, values):
        return {name: value for name, value in values.items() if self[name] != value}

    def _note_seen(self, now, changed, quiet=None):
        """Write what has ``changed`` with the sign of life, and what open screens need
        not be told at once."""
        # Many calls at once: no write for a second or two of difference.
        before = self.last_seen
        if changed or quiet or not before or now - before >= SEEN_STEP:
            self.write({**(quiet or {}), **changed, "last_seen": now})
            if is_news(changed, before, now):
                self._changed()

    def _asked_text(self, names):
        """``edge, lab``: what somebody else's program says is kept short."""
        shown = [name[:63] for name in sorted(names)[:ASKED_SHOWN]]
        return ", ".join(shown) + (" …" if len(names) > ASKED_SHOWN else "") or False

    @api.model
    def _mark_unseen(self):
        """Say of workers and clusters unheard of that they are."""
        before = fields.Datetime.now() - UNSEEN_AFTER
        workers = self.search(
            [("state", "in", ("online", "refused")), ("last_seen", "<", before)]
        )
        workers.write({"state": "offline", "asked_clusters": False})
        workers._changed()
        clusters = self.env["kubernetes.cluster"].search(
            [("state", "!=", "unknown"), ("last_seen", "<", before)]
        )
        clusters.write({"state": "unknown", "message": False, "message_words": False})
        clusters._changed()
