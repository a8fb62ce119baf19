# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import secrets
from datetime import timedelta
from email.utils import parseaddr

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command, Domain
from odoo.tools import LazyTranslate

from odoo.addons.kubernetes_hosting.models.kubernetes_app import USER
from odoo.addons.kubernetes_hosting.models.kubernetes_app_installation import Part
from odoo.addons.kubernetes_hosting.models.mail_address import (
    formatted_address,
    is_public_address,
    mail_addresses,
)
from odoo.addons.kubernetes_hosting.models.plain_text import plain_text
from odoo.addons.kubernetes_hosting.tools.told import (
    joined,
    said,
    show,
    told,
    told_by,
    told_values,
)

from .kubernetes_attention import VERIFICATION_MINUTES

_lt = LazyTranslate(__name__)

# pylint: disable=prefer-env-translation
# Worded on reading: whoever writes it does not speak the reader's language.
STILL_REGISTERED = _lt("The domain is still registered at Mailgun.")
REMOVE_BY_HAND = _lt(
    "It is tried again by itself. You can also remove the domain {domain} at Mailgun by"
    " hand and press “Domain Is Removed” then."
)
# pylint: enable=prefer-env-translation
VERIFICATION_TIME = timedelta(minutes=VERIFICATION_MINUTES)
# So long the invitation waits to be told whether the domain is verified; for DNS it
# does not wait.
INVITATION_WAITS = timedelta(seconds=10)
# An invitation that no worker has taken for this long goes out as Odoo's own mail.
UNTAKEN_AFTER = timedelta(minutes=15)
LONGEST_PAUSE = timedelta(hours=6)
# What failed for good needs a person first; it is tried again by itself all the same.
SHORTEST_PAUSE_AFTER_FAILURE = timedelta(hours=1)
# Errors after which the invitation may have been sent all the same.
UNCERTAIN_ERRORS = ("invitation_uncertain", "lease_lost")
# How soon a customer's page asks again, in seconds, while the mail domain waits for its
# DNS records.
ASK_AGAIN_UNVERIFIED = 30
# The badge on a customer's page.
MAIL_COLORS = {
    "active": "success",
    "connecting": "info",
    "unverified": "warning",
    "failed": "danger",
}


class KubernetesApp(models.Model):
    """An app's domain at Mailgun, and the invitation that a worker sends from it.

    The domain is registered when the app becomes reachable (``_reachable``). None of it
    ever changes the app's own state: what goes wrong stands in ``mail_message`` with
    the way out.
    """

    _inherit = "kubernetes.app"

    mail_domain = fields.Char(
        readonly=True,
        copy=False,
        groups=USER,
        help="The domain that is registered at Mailgun for this app.",
    )
    mail_mark = fields.Selection(
        [("app", "The App's"), ("database", "The Database's")],
        string="Mark at Mailgun",
        required=True,
        default="app",
        readonly=True,
        copy=False,
        groups=USER,
        help="By which DKIM selector the domain at Mailgun is known to be this app's."
        " Domains that were registered before apps had a UID bear one that stands for"
        " the whole Odoo database.",
    )
    mail_state = fields.Selection(
        [
            ("none", "None"),
            ("waiting", "Being Registered"),
            ("unverified", "Not Verified Yet"),
            ("active", "Active"),
            ("failed", "Failed"),
            ("released", "Released"),
        ],
        string="Mail Domain's State",
        required=True,
        default="none",
        readonly=True,
        copy=False,
        index=True,
        tracking=True,
        groups=USER,
    )
    mail_message = fields.Text(readonly=True, copy=False, groups=USER)
    mail_message_words = fields.Json(readonly=True, copy=False, groups=USER)
    mail_message_shown = fields.Text(
        string="What Mailgun Says", compute="_compute_mail_shown", groups=USER
    )
    mail_hint = fields.Text(
        string="How to Fix", compute="_compute_mail_hint", groups=USER
    )
    mail_error_hint = fields.Text(readonly=True, copy=False, groups=USER)
    mail_error_hint_words = fields.Json(readonly=True, copy=False, groups=USER)
    mail_error_hint_shown = fields.Text(
        string="Mail Domain's Hint", compute="_compute_mail_shown", groups=USER
    )
    mail_published = fields.Boolean(
        string="Records Published",
        readonly=True,
        copy=False,
        groups=USER,
        help="The worker published the DNS records as a DNSEndpoint for external-dns.",
    )
    mail_registered_at = fields.Datetime(
        string="Registered", readonly=True, copy=False, groups=USER
    )
    mail_checked_at = fields.Datetime(
        string="Mail Domain Last Checked", readonly=True, copy=False, groups=USER
    )
    mail_check_count = fields.Integer(
        readonly=True,
        copy=False,
        groups=USER,
        help="How often in a row the domain was not active. The pauses grow with it.",
    )
    mail_next_check = fields.Datetime(
        string="Next Check", compute="_compute_mail_next_check", groups=USER
    )
    dns_record_ids = fields.One2many(
        "kubernetes.dns.record",
        "app_id",
        string="DNS Records",
        readonly=True,
        copy=False,
        groups=USER,
    )
    invitation_due = fields.Datetime(
        readonly=True,
        copy=False,
        groups=USER,
        help="The invitation waits until then to be told whether the mail domain is"
        " verified.",
    )

    # -- reading -----------------------------------------------------------------

    @api.depends(
        "mail_message",
        "mail_message_words",
        "mail_error_hint",
        "mail_error_hint_words",
    )
    @api.depends_context("lang")
    def _compute_mail_shown(self):
        show(self, "mail_message", "mail_error_hint")

    @api.depends("mail_state", "mail_published", "mail_error_hint_shown")
    @api.depends_context("lang")
    def _compute_mail_hint(self):
        for app in self:
            hint = app.mail_error_hint_shown
            if app.mail_state == "unverified" and not hint:
                hint = (
                    self.env._(
                        "The records below are published by external-dns. Mailgun is"
                        " asked again by itself."
                    )
                    if app.mail_published
                    else self.env._(
                        "Set the records below where the domain's DNS is kept; the"
                        " customer sees them in the portal. Mailgun is asked again by"
                        " itself."
                    )
                )
            app.mail_hint = hint

    @api.depends("job_ids.state", "job_ids.run_at")
    def _compute_mail_next_check(self):
        for app in self:
            app.mail_next_check = app._live_job("mail_domain").run_at

    def _mail_domain(self):
        """The registered name. A registration that was begun and did not end well may
        have left a domain, too: a delete is to release it."""
        self.ensure_one()
        begun = self.mail_state in ("waiting", "failed") and self._jobs(
            [("kind", "=", "mail_domain"), ("attempt", ">", 0)], limit=1
        )
        return self.mail_domain or (self.hostname if begun else None)

    def _mailgun_workers(self):
        return self._online_workers().filtered("mailgun_region")

    def _contract_values(self, siblings=None):
        return {
            **super()._contract_values(siblings),
            "mail_domain": self._mail_domain() or None,
            "mail_mark": self.mail_mark,
        }

    # -- the mail domain ---------------------------------------------------------

    def _start_mail_setup(self):
        """Register the app's mail domain first: the invitation waits to be told what
        comes of it."""
        self.ensure_one()
        if self.wanted_state != "deleted":
            if (
                self.mail_state == "none"
                and self.environment_id.mail_domain
                and self._mailgun_workers()
            ):
                self._set_mail_state("waiting")
                self._enqueue("mail_domain")
            if self.invitation_state == "none" and self.partner_id:
                self.invitation_due = fields.Datetime.now() + INVITATION_WAITS
                self.env.ref("kubernetes_hosting.ir_cron_mail")._trigger(
                    self.invitation_due
                )
        return super()._start_mail_setup()

    def action_check_mail_domain(self):
        """Ask Mailgun now. Registers the domain where it is not yet."""
        self._check_operator()
        for app in self._as_system():
            if not app._mailgun_workers():
                raise UserError(
                    self.env._(
                        "No worker that serves the cluster %s has Mailgun settings."
                        " Put region and key into the [mailgun] section of a worker's"
                        " settings and start it again.",
                        app.cluster_id.name,
                    )
                )
            app._enqueue("mail_domain")
            app._log(self.env._("Mail domain check requested"))

    def action_forget_mail_domain(self):
        """Somebody removed the domain by hand after the app's delete could not."""
        self.ensure_one()
        self._check_operator()
        app = self._as_system()
        if app.state != "deleted":
            raise UserError(
                self.env._("The app still uses its mail domain; delete the app first.")
            )
        app._release_mail_domain()
        app._log(self.env._("Mail domain marked as removed"))

    def _ask(self, kind, options=None, delay=0):
        """Whoever asks for the mail domain now, by whatever button, waits for what
        comes of it; why it failed before is told no more."""
        result = super()._ask(kind, options, delay)
        if kind == "mail_domain" and not delay:
            apps = self._as_system()
            apps.filtered(
                lambda app: app.mail_state in ("none", "failed", "released")
            )._set_mail_state("waiting")
        return result

    def _set_mail_state(self, state, message=False, hint=False, **values):
        """A message and its way out belong to the state that they were told with: the
        next one has its own, or none."""
        self.write(
            {
                "mail_state": state,
                **told_values("mail_message", message),
                **told_values("mail_error_hint", hint),
                **values,
            }
        )

    def _release_mail_domain(self):
        """It is no longer at Mailgun. An app that is wanted gets it anew."""
        self.dns_record_ids.unlink()
        self._live_job("mail_release")._cancel()
        self._set_mail_state(
            "released" if self.wanted_state == "deleted" else "none",
            mail_domain=False,
            mail_mark="app",
            mail_published=False,
            mail_registered_at=False,
            mail_checked_at=False,
            mail_check_count=0,
        )
        if self.state == "deleted":
            self._give_names_back()

    def _after_mail_domain(self, job, result):
        """Take over what the worker found out at Mailgun."""
        found = result and result["mail_domain"]
        if not found:
            return
        now = fields.Datetime.now()
        active = found["state"] == "active"
        self._keep_dns_records(found["records"])
        self._set_mail_state(
            found["state"],
            said(found),
            mail_domain=found["name"],
            mail_published=found["published"],
            mail_registered_at=self.mail_registered_at or now,
            mail_checked_at=now,
            mail_check_count=0 if active else self.mail_check_count + 1,
        )
        if not active:
            self._check_mail_domain_later()
        self._invite_when_due()

    def _keep_dns_records(self, records):
        values = self.env["kubernetes.dns.record"]._values_list(records)
        known = [
            {name: record[name] for name in values[0]} if values else {}
            for record in self.dns_record_ids
        ]
        if known != values:
            self.dns_record_ids.unlink()
            self.dns_record_ids = [Command.create(item) for item in values]

    def _check_mail_domain_later(self, at_least=timedelta()):
        """Queue the next look: after 1, 2, 4 … minutes, at most 6 hours."""
        self.ensure_one()
        if self.wanted_state == "deleted" or self._live_job("mail_domain"):
            return
        minutes = 2 ** min(max(self.mail_check_count - 1, 0), 20)
        pause = min(max(timedelta(minutes=minutes), at_least), LONGEST_PAUSE)
        self._enqueue("mail_domain", delay=pause.total_seconds())

    def _after_adopt(self, job, result):
        """The mail domain was taken over with the namespace: what failed because it was
        somebody else's may be done now."""
        outcome = super()._after_adopt(job, result)
        if self.mail_state == "failed" and self.wanted_state != "deleted":
            self._enqueue("mail_domain")
        return outcome

    def _after_failed(self, job):
        """A job failed for good; of its mail part an app only says so."""
        outcome = super()._after_failed(job)
        if job.kind == "mail_domain":
            self._mail_domain_failed(job)
        elif job.kind == "mail_release":
            self._mail_domain_left(job._error_told())
        elif job.kind == "invitation":
            self._invitation_failed(job._error_told())
        return outcome

    def _mail_domain_failed(self, job):
        self._set_mail_state(
            "failed",
            joined("\n", [told_by(job, "error_message"), job._error_place()]),
            told_by(job, "error_hint"),
            mail_checked_at=fields.Datetime.now(),
            mail_check_count=self.mail_check_count + 1,
        )
        self._check_mail_domain_later(at_least=SHORTEST_PAUSE_AFTER_FAILURE)
        self._invite_when_due()

    # -- its release ---------------------------------------------------------------

    @api.model
    def _removing_kinds(self):
        return (*super()._removing_kinds(), "mail_release")

    def _take_back(self):
        """The mail domain was made last and goes first. Workers begin with the job that
        was asked for first."""
        self._check_may_take_back()
        if self._mail_domain():
            self._enqueue("mail_release")
        return super()._take_back()

    def _drop_contradicted(self, wishes):
        result = super()._drop_contradicted(wishes)
        if wishes[:1].kind == "mail_release":
            for app in self:
                for kind in ("mail_domain", "invitation"):
                    app._live_job(kind)._cancel()
        return result

    def _drop_wishes(self):
        """An app that is not to be deleted after all keeps its mail domain."""
        result = super()._drop_wishes()
        for app in self:
            if app.wanted_state != "deleted":
                app._live_job("mail_release")._cancel()
        return result

    def _after_delete(self, job, result):
        """The worker released the domain with the app, or says why it is still
        there."""
        self.mail_check_count = 0
        self._after_mail_release(job, result)

    def _after_mail_release(self, job, result):
        if not self._mail_domain():
            return
        found = result and result["mail_domain"]
        if not found or found["state"] == "released":
            self._release_mail_domain()
        else:
            self._mail_domain_left(said(found) or told(STILL_REGISTERED))

    def _mail_domain_left(self, message):
        """It is still at Mailgun, and why. Once its app is gone nothing but its release
        is left, which is asked for until it is done."""
        name = self._mail_domain()
        self._set_mail_state(
            "failed",
            message,
            told(REMOVE_BY_HAND, domain=name),
            mail_domain=name,
            mail_check_count=self.mail_check_count + 1,
        )
        if self.state == "deleted":
            self._go_on_removing()

    def _holds_names(self):
        return super()._holds_names() or bool(self._mail_domain())

    @api.model
    def _removal_open(self):
        at_mailgun = Domain("mail_state", "not in", ("none", "released"))
        return super()._removal_open() | Domain("state", "=", "deleted") & at_mailgun

    def _go_on_removing(self):
        self.ensure_one()
        if not self._mail_domain():
            if self.mail_state != "none":
                self._release_mail_domain()
        elif not self._live_job("mail_release"):
            # At once where nothing of the removal has tried; then after 1, 3, 7 …
            # minutes.
            minutes = 2 ** min(self.mail_check_count, 20) - 1
            pause = min(timedelta(minutes=minutes), LONGEST_PAUSE)
            self._enqueue("mail_release", delay=pause.total_seconds())
        return super()._go_on_removing()

    def _retry_part(self, code):
        if code == "mail_domain":
            removed = self.wanted_state == "deleted"
            self._enqueue("mail_release" if removed else "mail_domain")
            return None
        return super()._retry_part(code)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_at_mailgun(self):
        for app in self.sudo():
            if app._mail_domain():
                raise UserError(
                    self.env._(
                        "The mail domain %s of the app may still be at Mailgun; see"
                        " “Removal” on the app. Once it is released the record can go.",
                        app._mail_domain(),
                    )
                )

    # -- as a part of the whole ------------------------------------------------------

    @api.depends("mail_state", "mail_message", "mail_domain")
    def _compute_parts(self):
        return super()._compute_parts()

    def _parts_by_code(self):
        leaving = self.wanted_state == "deleted"
        part = self._mail_domain_leaving() if leaving else self._mail_domain_part()
        return {**super()._parts_by_code(), "mail_domain": [part] if part else []}

    def _mail_domain_part(self):
        label = self.env._("Mail domain")
        domain = self.mail_domain or self.hostname
        if self.mail_state in ("none", "released"):
            if not self.environment_id.mail_domain or not self._mailgun_workers():
                return None
            return Part("mail_domain", label, "to_do", domain)
        state = {
            "waiting": "under_way",
            "unverified": "waiting",
            "active": "done",
            "failed": "failed",
        }[self.mail_state]
        texts = [self.mail_message_shown, self.mail_hint] if state != "done" else []
        return Part("mail_domain", label, state, domain, "\n".join(filter(None, texts)))

    def _mail_domain_leaving(self):
        label = self.env._("Mail domain")
        domain = self._mail_domain()
        if not domain:
            gone = Part("mail_domain", label, "gone")
            return gone if self.mail_state == "released" else None
        job = self._live_job("mail_release")
        message = ""
        if self.mail_state == "failed":
            message = "\n".join(filter(None, [self.mail_message_shown, self.mail_hint]))
        if job.attempt:
            text = job._error_text() or message
            return Part("mail_domain", label, "leaving", domain, text)
        # What failed while it was registered is no trouble of its removal yet.
        if self.mail_state == "failed" and self._is_mail_left():
            return Part("mail_domain", label, "failed", domain, message)
        return Part("mail_domain", label, "to_do", domain)

    def _is_mail_left(self):
        """Whether a removal has tried to release the mail domain."""
        tried = [("kind", "=", "mail_release"), ("attempt", ">", 0)]
        return self.state == "deleted" or bool(self._jobs(tried, limit=1))

    @api.model
    def _customer_part_names(self):
        return {
            **super()._customer_part_names(),
            "mail_domain": self.env._("Your app's mail"),
        }

    # -- the invitation ----------------------------------------------------------

    def _end_invitation(self):
        result = super()._end_invitation()
        self._live_job("invitation")._cancel()
        return result

    def _check_invitation(self):
        result = super()._check_invitation()
        if self._live_job("invitation"):
            raise UserError(
                self.env._("The invitation is being sent already; see the jobs.")
            )
        return result

    def _is_invitation_due(self):
        """When it is known whether the domain is verified, when it waited long enough,
        or when there is no domain."""
        return super()._is_invitation_due() and (
            self.mail_state != "waiting" or self.invitation_due <= fields.Datetime.now()
        )

    @api.model
    def _invite_due(self):
        """Send the invitations that waited long enough. Workers' claims ask for it,
        as a cron comes up to a minute late."""
        due = self.search(
            [
                ("invitation_state", "=", "waiting"),
                ("invitation_due", "<=", fields.Datetime.now()),
                ("wanted_state", "!=", "deleted"),
            ]
        )
        for app in due:
            app._run_isolated(app._invite_when_due)

    def _hand_over_invitation(self, line, recipients):
        """To a worker, which sends it from the app's own mail domain or the operator's;
        where neither may send, or an address is one of the company's own network, as
        Odoo's own mail."""
        public = all(is_public_address(parseaddr(item)[1]) for item in recipients)
        domain = public and self._invitation_domain()
        if not domain:
            return super()._hand_over_invitation(line, recipients)
        message = self._invitation_message(line, recipients, domain)
        return self._enqueue("invitation", {"message": message})

    def _invitation_domain(self):
        """The domain that a worker can send from: the app's own where it is verified,
        otherwise the operator's. None where Mailgun does not answer or refused for
        good: that goes out as Odoo's own mail when it is asked for again."""
        workers = self._mailgun_workers()
        last = self._jobs([("kind", "=", "invitation")], limit=1)
        refused = last.state == "failed" and last.error_code not in UNCERTAIN_ERRORS
        if refused or not workers or self.mail_state in ("waiting", "failed"):
            return None
        if self.mail_state == "active":
            return self.mail_domain
        return next(filter(None, workers.mapped("mailgun_sending_domain")), None)

    def _invitation_message(self, line, recipients, domain):
        """The mail for the worker, the contract's ``message``: the password is a
        placeholder, new with every job."""
        placeholder = line and f"chandlery-password-{secrets.token_hex(16)}"
        mail = self._render_invitation(kubernetes_password=placeholder or False)
        sender, _address = parseaddr(mail["email_from"])
        sender = sender or self.company_id.name
        reply_to, _refused = mail_addresses(mail["reply_to"] or mail["email_from"])
        return {
            "from": formatted_address(sender, f"noreply@{domain}"),
            "to": recipients,
            "reply_to": ", ".join(formatted_address(*pair) for pair in reply_to)
            or None,
            "subject": mail["subject"],
            "html": mail["body_html"],
            "text": plain_text(mail["body_html"]),
            "password": {"placeholder": placeholder, "key": line.key} if line else None,
        }

    def _after_invitation(self, job, result):
        """The worker sent the invitation through Mailgun."""
        self._invitation_sent(result["message_id"] or False)

    # -- cron --------------------------------------------------------------------

    @api.model
    def _mail_under_way(self):
        return super()._mail_under_way() | Domain(
            "mail_state", "in", ("waiting", "unverified", "failed")
        )

    @api.model
    def _mail_not_begun(self):
        workers = self.env["kubernetes.worker"].sudo()
        mailgun = workers.search([("mailgun_region", "!=", False)]).cluster_ids
        mailgun = mailgun.filtered(
            lambda cluster: cluster._online_workers().filtered("mailgun_region")
        )
        return super()._mail_not_begun() | (
            Domain("mail_state", "=", "none")
            & Domain("cluster_id", "in", mailgun.ids)
            & Domain("environment_id.mail_domain", "=", True)
        )

    def _go_on_with_mail(self):
        self.ensure_one()
        if self.mail_state in ("waiting", "unverified", "failed"):
            # Its job was cancelled, or failed before it could queue the next one.
            self._check_mail_domain_later()
        return super()._go_on_with_mail()

    def _watch_invitation(self):
        """No worker takes the invitation: send it as Odoo's own mail."""
        job = self._live_job("invitation")
        if not job:
            return super()._watch_invitation()
        untaken = job.state == "pending" and not job.attempt
        since = fields.Datetime.now() - job.create_date
        if untaken and since > UNTAKEN_AFTER and not self._mailgun_workers():
            job._cancel()
            self._invite()
        return None

    # -- as its customer sees it -------------------------------------------------

    def _customer_status(self):
        status = super()._customer_status()
        mail = self.sudo()._customer_mail()
        if not status["ask_again"] and mail and mail["state"] == "unverified":
            status["ask_again"] = ASK_AGAIN_UNVERIFIED
        return {**status, "mail": mail}

    @api.model
    def _customer_story_kinds(self):
        return (*super()._customer_story_kinds(), "invitation")

    def _customer_mail(self):
        """The mail domain as the customer sees it; None where there is none. With the
        DNS records only where the customer has to set them."""
        self.ensure_one()
        if self.state == "deleted" or not self.mail_domain:
            return None
        texts = {
            "active": self.env._("Your app sends mail from this domain."),
            "unverified": self.env._(
                "We are connecting this domain with our mail service."
            ),
            "failed": self.env._(
                "Something is wrong with this domain. Our team sees it and takes care"
                " of it."
            ),
        }
        labels = {
            "active": self.env._("Active"),
            "connecting": self.env._("Being connected"),
            "unverified": self.env._("Not confirmed yet"),
            "failed": self.env._("Needs our attention"),
        }
        shown = self.mail_state if self.mail_state in texts else "unverified"
        # As long as it is so with every new domain, it is no warning.
        now = fields.Datetime.now()
        if shown == "unverified" and now < VERIFICATION_TIME + (
            self.mail_registered_at or now
        ):
            shown = "connecting"
        to_set = self.mail_state != "active" and not self.mail_published
        return {
            "domain": self.mail_domain,
            "state": self.mail_state,
            "color": MAIL_COLORS[shown],
            "label": labels[shown],
            "text": texts.get(shown, texts["unverified"]),
            "records": self.dns_record_ids if to_set else self.dns_record_ids.browse(),
            "checked": to_set
            and self.mail_checked_at
            and self._customer_time(self.mail_checked_at),
        }
