# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import base64
import binascii
import hashlib
import secrets
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import consteq

from .kubernetes_job import GC_BATCH

VALID_FOR = timedelta(days=7)
# The browser that was shown the password may ask for the same answer again for this
# long, should the first answer have been lost on its way.
REPEATED_FOR = timedelta(minutes=5)


class KubernetesPasswordLink(models.Model):
    """A link that shows the first password of an app once, to whoever holds it.

    Odoo keeps only a hash of its token, and never learns the password: the browser
    sends a public key, a worker encrypts the password for it, and Odoo hands on what
    only that browser can read. The link ends with the first answer it gives; the
    same browser may ask for it again for some minutes.
    """

    _name = "kubernetes.password.link"
    _description = "One-Time Link to an App's Password"
    _inherit = ["kubernetes.record"]
    _order = "id desc"

    app_id = fields.Many2one(
        "kubernetes.app", required=True, readonly=True, index=True, ondelete="cascade"
    )
    token_hash = fields.Char(required=True, readonly=True, groups=fields.NO_ACCESS)
    valid_until = fields.Datetime(required=True, readonly=True)
    used_at = fields.Datetime(readonly=True)
    job_id = fields.Many2one(
        "kubernetes.job", readonly=True, index="btree_not_null", ondelete="set null"
    )

    @api.model
    def _create_url(self, app):
        """A new link for the app, the only one that is valid; return its address."""
        self._end_all(app)
        now = fields.Datetime.now()
        token = secrets.token_urlsafe(32)
        self.create(
            {
                "app_id": app.id,
                "token_hash": self._hash(token),
                "valid_until": now + VALID_FOR,
            }
        )
        return f"{app.get_base_url()}/my/apps/{app.id}/password#{token}"

    @api.model
    def _end_all(self, app):
        """None of the app's links is valid any more."""
        now = fields.Datetime.now()
        self.search([("app_id", "=", app.id), ("valid_until", ">", now)]).write(
            {"valid_until": now}
        )

    @api.model
    def _hash(self, token):
        # The token is random and long: no salt or slow hash is needed.
        return hashlib.sha256(token.encode()).hexdigest()

    @api.model
    def _find(self, app_id, token):
        """The app's link with this token, valid or not; or none."""
        wanted = self._hash(token or "")
        return self.search([("app_id", "=", app_id)]).filtered(
            lambda link: consteq(link.token_hash, wanted)
        )[:1]

    def _ended(self):
        """Why the link shows nothing any more: ``used``, ``expired``, or None."""
        self.ensure_one()
        if self.used_at:
            return "used"
        app = self.app_id
        over = self.valid_until <= fields.Datetime.now()
        return "expired" if over or app.wanted_state == "deleted" else None

    def _ask(self, public_key):
        """Ask a worker for the password, encrypted for this public key. Answers as
        ``_answer`` does."""
        self.ensure_one()
        self._check_public_key(public_key)
        ended = self._ended()
        if ended:
            return {"state": ended}
        app = self.app_id
        if not app._online_workers():
            return {"state": "no_worker"}
        key = app._first_password().key
        if not key:
            return {"state": "failed"}
        self.job_id = app._enqueue("password", {"key": key, "public_key": public_key})
        return {"state": "waiting"}

    def _answer(self, public_key):
        """What the browser with this public key is to know: ``state`` is ``waiting``,
        ``no_worker`` (waiting, and none is there), ``failed``, ``superseded`` (another
        browser asked after it), ``used``, ``expired``, or ``shown`` with the encrypted
        ``password`` as the contract has it. The first ``shown`` ends the link."""
        self.ensure_one()
        job = self.job_id
        own = job and (job.options or {}).get("public_key") == public_key
        if own and job.state == "done" and job.result and self._may_show():
            self.used_at = self.used_at or fields.Datetime.now()
            return {"state": "shown", "password": job.result["password"]}
        ended = self._ended()
        if ended:
            return {"state": ended}
        if not own:
            return {"state": "superseded" if job else "failed"}
        if job.state in ("pending", "running"):
            there = self.app_id._online_workers()
            return {"state": "waiting" if there else "no_worker"}
        return {"state": "failed"}

    def _may_show(self):
        now = fields.Datetime.now()
        if self.used_at:
            return now < self.used_at + REPEATED_FOR
        return not self._ended()

    def _shown(self, public_key):
        """The browser shows the password: drop what it was told."""
        self.ensure_one()
        options = self.job_id.options or {}
        if self.used_at and options.get("public_key") == public_key:
            self.job_id.result = False

    @api.model
    def _forget_shown(self):
        """Drop the encrypted passwords that no browser asks for any more."""
        before = fields.Datetime.now() - REPEATED_FOR
        jobs = self.env["kubernetes.job"].search(
            [
                ("kind", "=", "password"),
                ("state", "=", "done"),
                ("finished_at", "<", before),
            ]
        )
        jobs.filtered("result").result = False

    @api.autovacuum
    def _gc_links(self):
        """Links that lead nowhere any more go with the jobs of their time."""
        before = fields.Datetime.now() - self.env["kubernetes.job"]._retention()
        gone = self.search([("valid_until", "<", before)], limit=GC_BATCH)
        gone.unlink()
        return len(gone), len(gone) == GC_BATCH

    @api.model
    def _check_public_key(self, public_key):
        """Refuse what is no uncompressed P-256 point in base64."""
        try:
            point = base64.b64decode(public_key or "", validate=True)
        except (binascii.Error, ValueError, TypeError):
            point = b""
        if len(point) != 65 or point[0] != 4:
            raise ValidationError(self.env._("This is not a public key."))


class KubernetesPasswordGuess(models.Model):
    """A token that did not fit, by the address it came from. Whoever guesses is made
    to wait."""

    _name = "kubernetes.password.guess"
    _description = "Wrong Token for an App's Password"
    _inherit = ["kubernetes.address.count"]
