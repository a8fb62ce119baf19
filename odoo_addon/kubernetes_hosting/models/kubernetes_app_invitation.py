# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import email_split

from ..tools.isolated import AT_ONCE, isolated
from ..tools.sentences import (
    EMPTY_TEMPLATE,
    INVITATION_CANCELLED,
    LEFT_OUT,
    NO_ADDRESS,
    NO_CUSTOMER,
    NO_FIRST_PASSWORD,
    NO_PASSWORD_IN_TEMPLATE,
    NO_TEMPLATE,
    NOT_RENDERED,
    SENT_ONCE_THERE,
)
from ..tools.told import (
    ToldError,
    joined,
    show,
    told,
    told_values,
    worded,
    words_of,
)
from .kubernetes_app import USER
from .mail_address import formatted_address, mail_addresses
from .plain_text import plain_text

INVITATION_TEMPLATE = "kubernetes_hosting.mail_template_app_invitation"


class NoAddressError(ToldError):
    """The customer has no e-mail address to send the invitation to."""


class KubernetesApp(models.Model):
    """The invitation of an app's customer, with the first password or a one-time link
    to it.

    It begins when the app becomes reachable (``_reachable``) and never changes the
    app's own state: what goes wrong stands in ``invitation_problem`` with the way out.

    The invitation is sent once: ``invitation_state`` leaves ``none`` in the transaction
    that begins it, and a second transaction that would do the same is run again and
    finds it begun.
    """

    # Domains have a file of their own, too.
    # pylint: disable-next=consider-merging-classes-inherited
    _inherit = "kubernetes.app"

    invitation_state = fields.Selection(
        [
            ("none", "None"),
            ("waiting", "Waiting to Be Sent"),
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
    invitation_problem = fields.Text(
        string="Invitation Problem in English",
        readonly=True,
        copy=False,
        groups=USER,
    )
    invitation_problem_words = fields.Json(readonly=True, copy=False, groups=USER)
    invitation_problem_shown = fields.Text(
        string="Invitation Problem", compute="_compute_invitation_shown", groups=USER
    )
    invitation_lacks_address = fields.Boolean(readonly=True, copy=False, groups=USER)
    invitation_warning = fields.Text(
        compute="_compute_invitation_warning",
        groups=USER,
        help="What will be in the way of an invitation that is still to be sent.",
    )
    invitation_sent_at = fields.Datetime(
        string="Invitation Sent", readonly=True, copy=False, groups=USER
    )
    invitation_resent_at = fields.Datetime(
        readonly=True,
        copy=False,
        groups=USER,
        help="When the customer had it sent again.",
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
        help="The first password, or what stands for it until the mail is sent.",
    )
    invitation_password_url = fields.Char(
        compute="_compute_invitation_values",
        groups=USER,
        help="The one-time link to the password, where Odoo itself sends the mail.",
    )

    def write(self, vals):
        """What was the former customer's ends when an app becomes another one's."""
        apps = self._as_system() if "partner_id" in vals else self.browse()
        customers = {app: app.partner_id.commercial_partner_id for app in apps}
        result = super().write(vals)
        for app, former in customers.items():
            if former and app.partner_id.commercial_partner_id != former:
                app._change_hands()
        return result

    # -- reading -----------------------------------------------------------------

    @api.depends("invitation_problem", "invitation_problem_words")
    @api.depends_context("lang")
    def _compute_invitation_shown(self):
        show(self, "invitation_problem")

    @api.depends("invitation_state", "partner_id.email", "partner_id.display_name")
    @api.depends_context("lang")
    def _compute_invitation_warning(self):
        for app in self:
            app.invitation_warning = False
            if app.partner_id and app.invitation_state in ("none", "waiting"):
                recipients, refused = app._recipients()
                if not recipients:
                    warning = app._lacks_address(refused)
                    app.invitation_warning = app._worded(warning)
                elif refused:
                    app.invitation_warning = app._worded(_left_out(refused))

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
        live = [("kind", "=", kind), ("state", "in", ("pending", "running"))]
        return self._jobs(live, limit=1)

    def _first_password(self):
        """The line of the app's secret that holds the customer's first password."""
        self.ensure_one()
        return self.secret_id.line_ids.filtered("first_password")[:1]

    def _first_password_contract_values(self):
        """The first password's line for the worker where Odoo knows the value. A
        generated one is in the cluster only."""
        line = self._first_password()
        return [] if not line or line.generate else [line._contract_values()]

    # -- the invitation ----------------------------------------------------------

    def _reachable(self):
        """The app answers: see to its invitation."""
        result = super()._reachable()
        self._as_system()._start_mail_setup()
        return result

    def _start_mail_setup(self):
        """Begin what has not begun yet of what a reachable app's customer gets."""
        self.ensure_one()
        if (
            self.wanted_state != "deleted"
            and self.invitation_state == "none"
            and self.partner_id
        ):
            self.invitation_state = "waiting"
            self._invite_when_due()

    def action_send_invitation(self):
        """Send the invitation, also when it was sent already: somebody asks for it."""
        self.ensure_one()
        self._check_operator()
        app = self._as_system()
        app._check_invitation()
        app.invitation_mail_id.filtered(lambda mail: mail.state != "sent").unlink()
        app._send_invitation()
        app._log(self.env._("Invitation requested"))
        return True

    def _change_hands(self):
        """Called when the app has become another customer's."""
        self._end_invitation()

    def _end_invitation(self):
        """What was or is to be sent to a former customer leads to the password no more,
        and the new one does not read where it went. An operator sends the next one."""
        self.ensure_one()
        self.env["kubernetes.password.link"]._end_all(self)
        self.invitation_mail_id.filtered(lambda mail: mail.state != "sent").unlink()
        self.invitation_recipient = False

    def _check_invitation(self):
        """Refuse to send an invitation that would lead nowhere."""
        self.ensure_one()
        if self.wanted_state == "deleted":
            raise UserError(
                self.env._("The app %s is deleted or about to be.", self.display_name)
            )
        if not self._is_reachable():
            raise UserError(
                self.env._(
                    "The app %s does not answer yet; an invitation would lead nowhere."
                    " Wait until it runs and its ingress has an address.",
                    self.display_name,
                )
            )

    def _invite_when_due(self):
        """Send the invitation that waits, unless it is to wait longer."""
        self.ensure_one()
        if self.invitation_state == "waiting" and self._is_invitation_due():
            self._invite()

    def _is_invitation_due(self):
        """Whether the invitation has nothing to wait for."""
        self.ensure_one()
        return True

    def _invite(self):
        """Send the invitation; what stands in its way is told to the operators."""
        self.ensure_one()
        if self.env.context.get(AT_ONCE):
            self._send_invitation()
            return
        try:
            with self.env.cr.savepoint():
                self._send_invitation()
        except UserError as error:
            problem = error.told if isinstance(error, ToldError) else error.args[0]
            self._invitation_failed(
                problem, lacks_address=isinstance(error, NoAddressError)
            )

    def _send_invitation(self):
        """Begin to send the invitation. Raises a UserError in words when it cannot
        be."""
        self.ensure_one()
        if not self.partner_id:
            raise ToldError(self.env, told(NO_CUSTOMER))
        recipients, refused = self._recipients()
        if not recipients:
            raise NoAddressError(self.env, self._lacks_address(refused))
        line = self._first_password()
        if line and not line.generate and not line.is_set:
            raise ToldError(self.env, told(NO_FIRST_PASSWORD, key=line.key))
        self._hand_over_invitation(line, recipients)
        self.write(
            {
                "invitation_state": "sending",
                **told_values("invitation_problem", False),
                "invitation_lacks_address": False,
                "invitation_recipient": ", ".join(recipients),
            }
        )
        if refused:
            self._log(self._worded(_left_out(refused)))

    def _hand_over_invitation(self, line, recipients):
        """Give the invitation to Odoo's own queue of mails. ``line`` holds the first
        password, and is empty where there is none."""
        self.ensure_one()
        self.invitation_mail_id = self._invitation_mail(line, recipients)
        self.env.ref("mail.ir_cron_mail_scheduler_action")._trigger()

    def _recipients(self):
        """Where the customer's mail goes, with their name, and why some of it cannot be
        mailed."""
        found, refused = mail_addresses(self.partner_id.email)
        name = self.partner_id.name
        return [formatted_address(name, address) for _name, address in found], refused

    def _has_other_addresses(self):
        """Whether the customer's mail goes elsewhere than the invitation went: whoever
        is in the customer's portal changes the address there."""
        recipients, _refused = self._recipients()
        sent_to = email_split(self.invitation_recipient or "")
        return sorted(email_split(", ".join(recipients))) != sorted(sent_to)

    def _lacks_address(self, refused):
        lacks = told(NO_ADDRESS, customer=self.partner_id.display_name)
        return joined(" ", [lacks, *refused, told(SENT_ONCE_THERE)])

    def _worded(self, message):
        return worded(self.env, message, words_of(message))

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
            raise ToldError(self.env, told(NO_TEMPLATE))
        context = {
            "kubernetes_password": False,
            "kubernetes_password_url": False,
            **context,
        }
        template = template.sudo().with_context(**context)
        parts = ["subject", "body_html", "email_from", "reply_to"]
        name = template.name

        def on_error(error):
            message = told(NOT_RENDERED, template=name, error=_one_line(error))
            raise ToldError(self.env, message) from error

        with isolated(self.env, on_error):
            mail = template._generate_template(self.ids, parts)[self.id]
        if not mail["subject"] or not plain_text(mail["body_html"] or ""):
            raise ToldError(self.env, told(EMPTY_TEMPLATE, template=name))
        for wanted in filter(None, context.values()):
            if wanted not in mail["body_html"]:
                raise ToldError(self.env, told(NO_PASSWORD_IN_TEMPLATE, template=name))
        return {**mail, "body_html": str(mail["body_html"])}

    def _invitation_sent(self, message_id):
        self.write(
            {
                "invitation_state": "sent",
                **told_values("invitation_problem", False),
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
                **told_values("invitation_problem", problem),
                "invitation_lacks_address": lacks_address,
            }
        )
        self._log(self.env._("Invitation failed: %s", self.invitation_problem_shown))

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
        """Every few minutes: go on with invitations and removals where nothing else
        does, each app by itself. What may be a copy invites nobody, and takes nothing
        away."""
        if self.env["kubernetes.database.moved"]._is_moved():
            return
        apps = self.sudo()
        kept = Domain("wanted_state", "!=", "deleted")
        under_way = apps.search(kept & self._mail_under_way())
        reachable = (
            Domain("state", "=", "running")
            & Domain("observed_state", "=", "running")
            & Domain("ingress_state", "=", "ready")
        )
        late = apps.search(kept & reachable & self._mail_not_begun())
        left = apps.with_context(active_test=False).search(apps._removal_open())
        commit_progress = self.env["ir.cron"]._commit_progress
        commit_progress(remaining=len(under_way) + len(late) + len(left))
        for app, step in [
            *((app, app._go_on_with_mail) for app in under_way),
            *((app, app._start_mail_setup) for app in late),
            *((app, app._go_on_removing) for app in left),
        ]:
            app._run_isolated(step)
            if not commit_progress(1):
                return
        self.env["kubernetes.password.link"].sudo()._forget_shown()

    @api.model
    def _mail_under_way(self):
        """Apps whose mail has begun and not come to its end."""
        return Domain("invitation_state", "in", ("waiting", "sending", "failed"))

    @api.model
    def _mail_not_begun(self):
        """Apps that could begin now, if they are reachable, what they could not when
        they became so."""
        not_invited = Domain("invitation_state", "=", "none")
        return not_invited & Domain("partner_id", "!=", False)

    def _go_on_with_mail(self):
        self.ensure_one()
        if self.invitation_state == "waiting":
            self._invite_when_due()
        elif self.invitation_state == "sending":
            self._watch_invitation()
        elif self.invitation_lacks_address and self._customer_has_address():
            self._invite()

    def _customer_has_address(self):
        recipients, _refused = self._recipients()
        return bool(recipients)

    def _watch_invitation(self):
        """Nothing sends the invitation any more: say so."""
        self.ensure_one()
        if not self.invitation_mail_id:
            self._invitation_failed(told(INVITATION_CANCELLED))


def _left_out(refused):
    return told(LEFT_OUT, refused=joined(" ", refused))


def _one_line(error):
    """What went wrong at the bottom of a rendering error, without the template's
    text."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__
    lines = str(error).strip().splitlines()
    return f"{lines[0] if lines else type(error).__name__}."[:300]
