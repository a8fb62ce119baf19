# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import timedelta

from odoo import api, fields, models
from odoo.fields import Command
from odoo.tools import clean_context

from odoo.addons.base.models.res_users import check_identity

from .ir_http import KEY_SCOPE

# A worker asks every few seconds; after this long it is not there.
UNSEEN_AFTER = timedelta(minutes=2)
SEEN_STEP = timedelta(seconds=5)
WORKER_GROUP = "kubernetes_hosting.group_kubernetes_worker"


def is_news(changed, before, now):
    """Whether open screens are to show a sign of life: at once when something else
    changed with it, otherwise once a minute."""
    minute = {"second": 0, "microsecond": 0}
    return (
        bool(changed) or not before or before.replace(**minute) != now.replace(**minute)
    )


class KubernetesWorker(models.Model):
    """A worker that may claim jobs, with a technical user that holds its key.

    The user is in the workers' group only, which opens no model: its key is good for
    the three calls and nothing else. What a worker says of itself (version, clusters)
    is written by its claims.
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
        [("new", "Never Seen"), ("online", "Online"), ("offline", "Not Seen Lately")],
        default="new",
        required=True,
        readonly=True,
        copy=False,
    )
    reported_name = fields.Char(
        readonly=True, copy=False, help="What the worker calls itself."
    )
    instance = fields.Char(
        readonly=True, copy=False, help="New with every start of the worker."
    )
    version = fields.Char(readonly=True, copy=False)
    mailgun_region = fields.Selection(
        [("us", "US"), ("eu", "EU")],
        readonly=True,
        copy=False,
        help="Where the worker's Mailgun account is. Empty: the worker has none, and"
        " registers no mail domains and sends no invitations.",
    )
    last_seen = fields.Datetime(readonly=True, copy=False)
    key_created_at = fields.Datetime(readonly=True, copy=False)
    cluster_ids = fields.Many2many(
        "kubernetes.cluster",
        "kubernetes_worker_cluster_rel",
        "worker_id",
        "cluster_id",
        string="Clusters",
        readonly=True,
        copy=False,
    )
    running_job_count = fields.Integer(compute="_compute_running_job_count")

    _name_uniq = models.UniqueIndex(
        "(name)", "There is a worker with this name already."
    )
    _user_uniq = models.UniqueIndex("(user_id)")

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

    @api.model_create_multi
    def create(self, vals_list):
        workers = super().create(vals_list)
        for worker in workers.sudo():
            worker.user_id = (
                self.env["res.users"]
                .sudo()
                .with_context(clean_context(self.env.context))
                .with_context(no_reset_password=True, mail_create_nosubscribe=True)
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
        result = super().write(vals)
        if "active" in vals:
            self.sudo().with_context(active_test=False).user_id.active = vals["active"]
        return result

    def unlink(self):
        self.check_access("unlink")
        users = self.sudo().user_id
        self._revoke_keys()
        result = super().unlink()
        # A user's past (who wrote what) keeps it from being deleted.
        users.active = False
        return result

    @api.model
    def _of_user(self, uid):
        """The active worker of a user in the workers' group, or none."""
        user = self.env["res.users"].sudo().browse(uid)
        if not user.has_group(WORKER_GROUP):
            return self.browse()
        return self.search([("user_id", "=", uid)])

    @check_identity
    def action_create_key(self):
        """Make a new key, revoke the earlier ones, and show it once."""
        self.ensure_one()
        self.check_access("write")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Key of the Worker %s", self.name),
            "res_model": "kubernetes.worker.key",
            "view_mode": "form",
            "target": "new",
            "context": {"default_key": self._create_key()},
        }

    def _create_key(self):
        """A new key of this worker, the only one that is valid. Returns it in clear;
        only its hash is stored."""
        self.ensure_one()
        self._revoke_keys()
        self.sudo().key_created_at = fields.Datetime.now()
        keys = self.env["res.users.apikeys"].with_user(self.sudo().user_id).sudo()
        return keys._generate(KEY_SCOPE, self.name, False)

    def action_revoke_keys(self):
        self.check_access("write")
        self._revoke_keys()

    def _revoke_keys(self):
        self.env["res.users.apikeys"].sudo().search(
            [("user_id", "in", self.sudo().user_id.ids)]
        ).unlink()
        self.sudo().key_created_at = False

    def _seen(self, now, said, clusters, mailgun=None):
        """Note what the worker says of itself, the contract's ``worker`` and
        ``mailgun``."""
        self.ensure_one()
        values = {
            "state": "online",
            "reported_name": said["name"],
            "instance": said["instance"],
            "version": said["version"],
            "mailgun_region": mailgun["region"] if mailgun else False,
        }
        changed = {name: v for name, v in values.items() if self[name] != v}
        if clusters != self.cluster_ids:
            changed["cluster_ids"] = [Command.set(clusters.ids)]
        # Many calls at once: no write for a second or two of difference.
        before = self.last_seen
        if changed or not before or now - before >= SEEN_STEP:
            self.write({**changed, "last_seen": now})
            if is_news(changed, before, now):
                self._changed()

    @api.model
    def _mark_unseen(self):
        """Say of workers and clusters unheard of that they are."""
        before = fields.Datetime.now() - UNSEEN_AFTER
        workers = self.search([("state", "=", "online"), ("last_seen", "<", before)])
        workers.write({"state": "offline"})
        workers._changed()
        clusters = self.env["kubernetes.cluster"].search(
            [("state", "!=", "unknown"), ("last_seen", "<", before)]
        )
        clusters.write({"state": "unknown"})
        clusters._changed()
