# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import secrets
from datetime import timedelta
from email.utils import parseaddr

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from .kubernetes_app import USER
from .mail_address import formatted_address, is_public_address, mail_addresses
from .plain_text import plain_text

# After its registration a domain has this long to become verified; then the invitation
# is sent anyway.
INVITATION_WAITS = timedelta(minutes=15)
# An invitation that no worker has taken for this long goes out as Odoo's own mail.
UNTAKEN_AFTER = timedelta(minutes=15)
LONGEST_PAUSE = timedelta(hours=6)
# What failed for good needs a person first; it is tried again by itself all the same.
SHORTEST_PAUSE_AFTER_FAILURE = timedelta(hours=1)
# Errors after which the invitation may have been sent all the same.
UNCERTAIN_ERRORS = ("invitation_uncertain", "lease_lost")
INVITATION_TEMPLATE = "kubernetes_hosting.mail_template_app_invitation"


class NoAddressError(UserError):
    """The customer has no e-mail address to send the invitation to."""


class KubernetesApp(models.Model):
    """An app's mail: its domain at Mailgun, and the invitation to its customer.

    Both begin when the app becomes reachable (``_reachable``). None of it ever changes
    the app's own state: what goes wrong stands in ``mail_message`` and
    ``invitation_problem`` with the way out.

    The invitation is sent once: ``invitation_state`` leaves ``none`` in the transaction
    that begins it, and a second transaction that would do the same is run again and
    finds it begun.
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
    mail_message = fields.Text(
        string="What Mailgun Says", readonly=True, copy=False, groups=USER
    )
    mail_hint = fields.Text(string="Way Out", compute="_compute_mail_hint", groups=USER)
    mail_error_hint = fields.Text(readonly=True, copy=False, groups=USER)
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
        string="Last Checked", readonly=True, copy=False, groups=USER
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

    invitation_state = fields.Selection(
        [
            ("none", "None"),
            ("waiting", "Waiting for the Mail Domain"),
            ("sending", "Being Sent"),
            ("sent", "Sent"),
            ("failed", "Failed"),
        ],
        string="Invitation",
        required=True,
        default="none",
        readonly=True,
        copy=False,
        index=True,
        groups=USER,
    )
    invitation_problem = fields.Text(readonly=True, copy=False, groups=USER)
    invitation_lacks_address = fields.Boolean(readonly=True, copy=False, groups=USER)
    invitation_warning = fields.Text(
        compute="_compute_invitation_warning",
        groups=USER,
        help="What will be in the way of an invitation that is still to be sent.",
    )
    invitation_due = fields.Datetime(
        readonly=True,
        copy=False,
        groups=USER,
        help="The invitation waits for the mail domain until then.",
    )
    invitation_sent_at = fields.Datetime(
        string="Invitation Sent", readonly=True, copy=False, groups=USER
    )
    invitation_message_id = fields.Char(
        string="Message ID", readonly=True, copy=False, groups=USER
    )
    invitation_recipient = fields.Char(
        string="Sent To", readonly=True, copy=False, groups=USER
    )
    invitation_mail_id = fields.Many2one(
        "mail.mail",
        string="Outgoing Mail",
        readonly=True,
        copy=False,
        index="btree_not_null",
        ondelete="set null",
        groups=USER,
    )
    password_link_ids = fields.One2many(
        "kubernetes.password.link", "app_id", readonly=True, copy=False, groups=USER
    )

    # What the invitation's template shows; filled while it is rendered.
    invitation_login = fields.Char(compute="_compute_invitation_values", groups=USER)
    invitation_password = fields.Char(
        compute="_compute_invitation_values",
        groups=USER,
        help="Stands for the password: the worker puts it in when it sends the mail.",
    )
    invitation_password_url = fields.Char(
        compute="_compute_invitation_values",
        groups=USER,
        help="The one-time link to the password, where Odoo itself sends the mail.",
    )

    # -- reading -----------------------------------------------------------------

    @api.depends("mail_state", "mail_published", "mail_error_hint")
    @api.depends_context("lang")
    def _compute_mail_hint(self):
        for app in self:
            hint = app.mail_error_hint
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

    @api.depends("invitation_state", "partner_id.email", "partner_id.display_name")
    @api.depends_context("lang")
    def _compute_invitation_warning(self):
        for app in self:
            app.invitation_warning = False
            if app.partner_id and app.invitation_state in ("none", "waiting"):
                addresses, refused = mail_addresses(self.env, app.partner_id.email)
                if not addresses:
                    app.invitation_warning = app._lacks_address_text(refused)
                elif refused:
                    app.invitation_warning = app._left_out_text(refused)

    @api.depends("secret_id.login")
    @api.depends_context("kubernetes_password", "kubernetes_password_url")
    def _compute_invitation_values(self):
        for app in self:
            app.invitation_login = app.secret_id.login
            app.invitation_password = self.env.context.get("kubernetes_password")
            app.invitation_password_url = self.env.context.get(
                "kubernetes_password_url"
            )

    def _live_job(self, kind):
        """The job of this kind that waits or runs."""
        self.ensure_one()
        return self.job_ids.filtered(
            lambda job: job.kind == kind and job.state in ("pending", "running")
        )[:1]

    def _mail_domain(self):
        """The registered name. A registration that was begun and did not end well may
        have left a domain, too: a delete is to release it."""
        self.ensure_one()
        begun = self.mail_state in ("waiting", "failed") and self.job_ids.filtered(
            lambda job: job.kind == "mail_domain" and job.attempt
        )
        return self.mail_domain or (self.hostname if begun else None)

    def _mailgun_workers(self):
        return self._online_workers().filtered("mailgun_region")

    def _first_password(self):
        """The line of the app's secret that holds the customer's first password."""
        self.ensure_one()
        return self.secret_id.line_ids.filtered("first_password")[:1]

    def _first_password_contract_values(self):
        """The first password's line for the worker where Odoo knows the value. A
        generated one is in the cluster only."""
        line = self._first_password()
        return [] if not line or line.generate else [line._contract_values()]

    # -- the mail domain ---------------------------------------------------------

    def _reachable(self):
        """The app answers: see to its mail domain and its invitation."""
        result = super()._reachable()
        self._as_system()._see_to_mail()
        return result

    def _see_to_mail(self):
        self.ensure_one()
        if self.wanted_state == "deleted":
            return
        if (
            self.mail_state == "none"
            and self.environment_id.mail_domain
            and self._mailgun_workers()
        ):
            self._set_mail_state("waiting")
            self._enqueue("mail_domain")
        if self.invitation_state == "none" and self.partner_id:
            self.invitation_state = "waiting"
            self.invitation_due = fields.Datetime.now() + INVITATION_WAITS
            self.env.ref("kubernetes_hosting.cron_mail")._trigger(self.invitation_due)
            self._invite_when_due()

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
        app = self._as_system()
        if (
            kind == "mail_domain"
            and not delay
            and app.mail_state in ("none", "failed", "released")
        ):
            app._set_mail_state("waiting")
        return result

    def _set_mail_state(self, state, message=False, hint=False, **values):
        """A message and its way out belong to the state that they were told with: the
        next one has its own, or none."""
        self.write(
            {
                "mail_state": state,
                "mail_message": message,
                "mail_error_hint": hint,
                **values,
            }
        )

    def _release_mail_domain(self):
        self.dns_record_ids.unlink()
        self._set_mail_state(
            "released",
            mail_domain=False,
            mail_mark="app",
            mail_published=False,
            mail_registered_at=False,
            mail_checked_at=False,
            mail_check_count=0,
        )

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
            found["message"] or False,
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
        if job.kind == "mail_domain":
            self._mail_domain_failed(job)
        elif job.kind == "invitation":
            self._invitation_failed(job._error_text())

    def _mail_domain_failed(self, job):
        places = filter(None, [job.error_message, job._error_place()])
        self._set_mail_state(
            "failed",
            "\n".join(places),
            job.error_hint,
            mail_checked_at=fields.Datetime.now(),
            mail_check_count=self.mail_check_count + 1,
        )
        self._check_mail_domain_later(at_least=SHORTEST_PAUSE_AFTER_FAILURE)
        self._invite_when_due()

    def _after_delete(self, job, result):
        """The worker released the domain with the app, or says why it is still
        there."""
        if not self._mail_domain():
            return
        found = result and result["mail_domain"]
        if not found or found["state"] == "released":
            self._release_mail_domain()
            return
        self._set_mail_state(
            "failed",
            found["message"]
            or self.env._("The domain is still registered at Mailgun."),
            self.env._(
                "Remove the domain %s at Mailgun by hand, then press “Domain Is"
                " Removed”.",
                found["name"],
            ),
            mail_domain=found["name"],
        )

    # -- the invitation ----------------------------------------------------------

    def action_send_invitation(self):
        """Send the invitation, also when it was sent already: somebody asks for it."""
        self.ensure_one()
        self._check_operator()
        app = self._as_system()
        if app.wanted_state == "deleted":
            raise UserError(
                self.env._("The app %s is deleted or about to be.", app.display_name)
            )
        if not app._is_reachable():
            raise UserError(
                self.env._(
                    "The app %s does not answer yet; an invitation would lead nowhere."
                    " Wait until it runs and its ingress has an address.",
                    app.display_name,
                )
            )
        if app._live_job("invitation"):
            raise UserError(
                self.env._("The invitation is being sent already; see the jobs.")
            )
        app.invitation_mail_id.filtered(lambda mail: mail.state != "sent").unlink()
        app._send_invitation()
        app._log(self.env._("Invitation requested"))
        return True

    def _invite_when_due(self):
        """Send the invitation that waits when the domain is active, when it waited
        long enough, or when there is no domain to wait for."""
        self.ensure_one()
        if self.invitation_state != "waiting":
            return
        waits = self.mail_state in ("waiting", "unverified")
        if not waits or self.invitation_due <= fields.Datetime.now():
            self._invite()

    def _invite(self):
        """Send the invitation; what stands in its way is told to the operators."""
        self.ensure_one()
        try:
            with self.env.cr.savepoint():
                self._send_invitation()
        except UserError as error:
            self._invitation_failed(
                error.args[0], lacks_address=isinstance(error, NoAddressError)
            )

    def _send_invitation(self):
        """Begin to send the invitation: by the worker from the app's own mail domain,
        or as Odoo's own mail. Raises a UserError in words when it cannot be."""
        self.ensure_one()
        if not self.partner_id:
            raise UserError(
                self.env._(
                    "The app has no customer. Choose one on the app, then press “Send"
                    " Invitation”."
                )
            )
        addresses, refused = mail_addresses(self.env, self.partner_id.email)
        if not addresses:
            raise NoAddressError(self._lacks_address_text(refused))
        line = self._first_password()
        if line and not line.generate and not line.is_set:
            raise UserError(
                self.env._(
                    "The first password “%s” is neither generated nor set. Set it in"
                    " the app's secret, press “Apply”, then “Send Invitation”.",
                    line.key,
                )
            )
        recipients = [
            formatted_address(self.partner_id.name, address)
            for _name, address in addresses
        ]
        public = all(is_public_address(address) for _name, address in addresses)
        if public and self._sends_from_mail_domain():
            message = self._invitation_message(line, recipients)
            self._enqueue("invitation", {"message": message})
        else:
            self.invitation_mail_id = self._invitation_mail(line, recipients)
            queue = self.env.ref("mail.ir_cron_mail_scheduler_action")
            queue._trigger()
        self.write(
            {
                "invitation_state": "sending",
                "invitation_problem": False,
                "invitation_lacks_address": False,
                "invitation_recipient": ", ".join(recipients),
            }
        )
        if refused:
            self._log(self._left_out_text(refused))

    def _left_out_text(self, refused):
        return self.env._("Not sent to all addresses: %s", " ".join(refused))

    def _lacks_address_text(self, refused):
        return " ".join(
            [
                self.env._(
                    "The customer %s has no e-mail address that can be mailed.",
                    self.partner_id.display_name,
                ),
                *refused,
                self.env._("As soon as the contact has one, the invitation is sent."),
            ]
        )

    def _sends_from_mail_domain(self):
        """Whether a worker can send from the app's own domain. What Mailgun refused
        for good goes out as Odoo's own mail when it is asked for again."""
        last = self.job_ids.filtered(lambda job: job.kind == "invitation")[:1]
        refused = last.state == "failed" and last.error_code not in UNCERTAIN_ERRORS
        return bool(
            self.mail_domain
            and self.mail_state in ("unverified", "active")
            and not refused
            and self._mailgun_workers()
        )

    def _invitation_message(self, line, recipients):
        """The mail for the worker, the contract's ``message``: the password is a
        placeholder, new with every job."""
        placeholder = line and f"chandlery-password-{secrets.token_hex(16)}"
        mail = self._render_invitation(kubernetes_password=placeholder or False)
        sender, _address = parseaddr(mail["email_from"])
        sender = sender or self.company_id.name
        reply_to, _refused = mail_addresses(
            self.env, mail["reply_to"] or mail["email_from"]
        )
        return {
            "from": formatted_address(sender, f"noreply@{self.mail_domain}"),
            "to": recipients,
            "reply_to": ", ".join(formatted_address(*pair) for pair in reply_to)
            or None,
            "subject": mail["subject"],
            "html": mail["body_html"],
            "text": plain_text(mail["body_html"]),
            "password": {"placeholder": placeholder, "key": line.key} if line else None,
        }

    def _invitation_mail(self, line, recipients):
        """The mail for Odoo's own queue, with a one-time link to the password. It
        stands in no chatter, so that nobody else reads the link."""
        url = line and self.env["kubernetes.password.link"]._create_url(self)
        mail = self._render_invitation(kubernetes_password_url=url or False)
        return self.env["mail.mail"].create(
            {
                "subject": mail["subject"],
                "body_html": mail["body_html"],
                "email_from": mail["email_from"] or self.company_id.email_formatted,
                "reply_to": mail["reply_to"] or False,
                "email_to": ", ".join(recipients),
                "auto_delete": True,
            }
        )

    def _render_invitation(self, **context):
        """Subject, body, sender and reply address in the customer's language. Raises
        a UserError that says what is wrong with the template."""
        template = self.env.ref(INVITATION_TEMPLATE, raise_if_not_found=False)
        if not template:
            raise UserError(
                self.env._(
                    "The mail template of the invitation was deleted. Update the addon"
                    " Kubernetes Hosting to get it back, then press “Send Invitation”."
                )
            )
        context = {
            "kubernetes_password": False,
            "kubernetes_password_url": False,
            **context,
        }
        template = template.sudo().with_context(**context)
        parts = ["subject", "body_html", "email_from", "reply_to"]
        try:
            with self.env.cr.savepoint():
                mail = template._generate_template(self.ids, parts)[self.id]
        except Exception as error:
            raise UserError(
                self.env._(
                    "The mail template “%(template)s” cannot be rendered: %(error)s"
                    " Correct it, then press “Send Invitation”.",
                    template=template.name,
                    error=_one_line(error),
                )
            ) from error
        if not mail["subject"] or not plain_text(mail["body_html"] or ""):
            raise UserError(
                self.env._(
                    "The mail template “%s” has no subject or no text. Correct it, then"
                    " press “Send Invitation”.",
                    template.name,
                )
            )
        for wanted in filter(None, context.values()):
            if wanted not in mail["body_html"]:
                raise UserError(
                    self.env._(
                        "The mail template “%s” leaves the first password out. Put"
                        " object.invitation_password and object.invitation_password_url"
                        " back, then press “Send Invitation”.",
                        template.name,
                    )
                )
        return {**mail, "body_html": str(mail["body_html"])}

    def _after_invitation(self, job, result):
        """The worker sent the invitation through Mailgun."""
        self._invitation_sent(result["message_id"] or False)

    def _invitation_sent(self, message_id):
        self.write(
            {
                "invitation_state": "sent",
                "invitation_problem": False,
                "invitation_sent_at": fields.Datetime.now(),
                "invitation_message_id": message_id,
            }
        )
        self._log(
            self.env._(
                "Invitation sent to %(recipient)s, message id %(id)s",
                recipient=self.invitation_recipient,
                id=message_id or "–",
            )
        )

    def _invitation_failed(self, problem, lacks_address=False):
        self.write(
            {
                "invitation_state": "failed",
                "invitation_problem": problem,
                "invitation_lacks_address": lacks_address,
            }
        )
        self._log(self.env._("Invitation failed: %s", problem))

    def action_open_invitation_template(self):
        self._check_operator()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Invitation"),
            "res_model": "mail.template",
            "res_id": self.env.ref(INVITATION_TEMPLATE).id,
            "views": [(False, "form")],
        }

    # -- cron --------------------------------------------------------------------

    @api.model
    def _cron_mail(self):
        """Every few minutes: go on with mail domains and invitations where nothing
        else does, each app by itself."""
        apps = self.sudo().search(
            [
                ("wanted_state", "!=", "deleted"),
                "|",
                ("mail_state", "in", ("waiting", "unverified", "failed")),
                ("invitation_state", "in", ("waiting", "sending", "failed")),
            ]
        )
        for app in apps:
            app._go_on(app._go_on_with_mail)
        late = self.sudo().search(
            [("state", "=", "running"), ("mail_state", "=", "none")]
        )
        for app in late.filtered(lambda app: app._is_reachable()):
            app._go_on(app._see_to_mail)
        self.env["kubernetes.password.link"].sudo()._forget_shown()

    def _go_on_with_mail(self):
        self.ensure_one()
        if self.mail_state in ("waiting", "unverified", "failed"):
            # Its job was cancelled, or failed before it could queue the next one.
            self._check_mail_domain_later()
        if self.invitation_state == "waiting":
            self._invite_when_due()
        elif self.invitation_state == "sending":
            self._watch_invitation()
        elif self.invitation_lacks_address and self._customer_has_address():
            self._invite()

    def _customer_has_address(self):
        addresses, _refused = mail_addresses(self.env, self.partner_id.email)
        return bool(addresses)

    def _watch_invitation(self):
        """No worker takes the invitation: send it as Odoo's own mail. Its job was
        cancelled: say so."""
        job = self._live_job("invitation")
        if job:
            untaken = job.state == "pending" and not job.attempt
            since = fields.Datetime.now() - job.create_date
            if untaken and since > UNTAKEN_AFTER and not self._mailgun_workers():
                job._cancel()
                self._invite()
        elif not self.invitation_mail_id:
            self._invitation_failed(
                self.env._("It was cancelled. Press “Send Invitation” to send it.")
            )


def _one_line(error):
    """What went wrong at the bottom of a rendering error, without the template's
    text."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__
    lines = str(error).strip().splitlines()
    return f"{lines[0] if lines else type(error).__name__}."[:300]
