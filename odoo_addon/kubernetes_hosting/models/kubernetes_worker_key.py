# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import timedelta

from odoo import api, fields, models

from odoo.addons.base.models.res_users import INDEX_SIZE

from .ir_http import KEY_SCOPE

# Where a worker has used a key since: no write for every call.
USED_STEP = timedelta(minutes=1)


class KubernetesWorkerKey(models.Model):
    """What is known of a worker's key: when it was made and by whom, until when it is
    good, and when the worker last used it. The key itself is shown once and stored
    nowhere; its hash is Odoo's ``res.users.apikeys``, which refuses it after its time.

    Several keys of one worker may be good at once, so that one is replaced by another
    without a gap. A key that has expired stays in the list until there is another.
    """

    _name = "kubernetes.worker.key"
    _description = "Key of a Kubernetes Worker"
    _inherit = ["kubernetes.record"]
    _order = "id desc"

    worker_id = fields.Many2one(
        "kubernetes.worker",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    api_key_id = fields.Many2one(
        "res.users.apikeys",
        readonly=True,
        index=True,
        ondelete="set null",
        groups=fields.NO_ACCESS,
    )
    expires_at = fields.Datetime(string="Valid Until", required=True, readonly=True)
    last_used_at = fields.Datetime(
        string="Last Used", readonly=True, help="To the minute."
    )
    is_expired = fields.Boolean(
        string="Expired",
        readonly=True,
        help="The worker gets no more answers with it.",
    )

    @api.depends("create_date")
    def _compute_display_name(self):
        for key in self:
            made = key.create_date or fields.Datetime.now()
            key.display_name = self.env._("Key of %s", made.date())

    @api.model
    def _make(self, worker, expires_at):
        """A new key of this worker. Returns it in clear; only its hash is stored."""
        api_keys = self.env["res.users.apikeys"].with_user(worker.sudo().user_id).sudo()
        key = api_keys._generate(KEY_SCOPE, worker.name, expires_at)
        self._as_system().create(
            {
                "worker_id": worker.id,
                "api_key_id": self._api_key_id(worker.sudo().user_id.id, key),
                "expires_at": expires_at,
            }
        )
        return key

    def _end_at(self, moment):
        """Let keys end at this moment at the latest."""
        for key in self.sudo().filtered(lambda key: key.expires_at > moment):
            key.expires_at = moment
            key.api_key_id.expiration_date = moment

    def action_revoke(self):
        """Take the keys back now: the worker gets no more answers with them."""
        self.worker_id.check_access("write")
        self.worker_id._check_shared_clusters()
        self._revoke()

    def _revoke(self):
        for key in self.sudo():
            if not key.is_expired:
                key.worker_id._note(self.env._("%s revoked", key.display_name))
            key.api_key_id.unlink()
        workers = self.sudo().worker_id
        self.sudo().unlink()
        workers.filtered(lambda worker: not worker.key_ids).key_created_at = False

    @api.model
    def _expire(self):
        """Note which keys have come to their end; what refuses them is Odoo itself."""
        ended = self.search(
            [("is_expired", "=", False), ("expires_at", "<=", fields.Datetime.now())]
        )
        for key in ended:
            key.worker_id._note(self.env._("%s expired", key.display_name))
        ended.is_expired = True
        ended.worker_id._changed()

    def _used(self, api_key_id):
        """A worker called with the one of its keys that Odoo has by this id."""
        key = self.sudo().filtered(lambda key: key.api_key_id.id == api_key_id)
        now = fields.Datetime.now()
        if key and (not key.last_used_at or now - key.last_used_at >= USED_STEP):
            key.last_used_at = now

    @api.model
    def _api_key_id(self, uid, key):
        """Which of a user's keys this one is that fits."""
        self.env.cr.execute(
            "SELECT id FROM res_users_apikeys WHERE user_id = %s AND index = %s",
            [uid, key[:INDEX_SIZE]],
        )
        return self.env.cr.fetchone()[0]

    @api.model
    def _carry_over(self, worker, until):
        """Give keys that were made without an end one, and a place in the list."""
        keys = self.env["res.users.apikeys"].search(
            [("user_id", "=", worker.user_id.id), ("expiration_date", "=", False)]
        )
        keys.expiration_date = until
        self.create(
            [
                {"worker_id": worker.id, "api_key_id": key.id, "expires_at": until}
                for key in keys
            ]
        )
