# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import secrets
from datetime import timedelta
from urllib.parse import urlsplit

from psycopg2.errors import UniqueViolation

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import mute_logger

from ..tools.domains import DomainError, is_at_or_below, read_domain, shown
from ..tools.told import said, show, told_values
from .kubernetes_limits import USER

# How many an app may have.
MOST_DOMAINS = 20
# Where the TXT record is that proves whose a domain is, and what is in it.
PROOF_NAME = "_chandlery"
PROOF_VALUE = "chandlery-domain={token}"
# How long a domain is served on after its record went: who moves it to another
# provider of DNS is to lose nothing.
LOST_AFTER = timedelta(days=3)
# How soon the records are looked at again, in minutes: after so many looks that found
# them wrong it grows, up to the last.
FIRST_LOOK = 1
LAST_LOOK = 6 * 60
# Where all was well, and where it no longer is.
ACTIVE_LOOK = 12 * 60
LOST_LOOK = 30
UNANSWERED_LOOK = 10


class KubernetesAppDomain(models.Model):
    """A domain of the customer's own under which an app answers.

    Typing it takes nothing: only who proves by its DNS that it is theirs has it, and
    one app at a time (``is_proven``, which a unique index holds). Until then no
    manifest hears of it. The first of an app's domains that are served is its primary
    one: its URL names it; when that goes, the next one, and in the end the app's own
    hostname.
    """

    _name = "kubernetes.app.domain"
    _description = "Domain of a Kubernetes App"
    _inherit = ["kubernetes.record"]
    _order = "app_id, sequence, id"

    app_id = fields.Many2one(
        "kubernetes.app", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        related="app_id.company_id", store=True, index=True, precompute=True
    )
    sequence = fields.Integer(default=10)
    name = fields.Char(
        string="Domain",
        required=True,
        help="Such as www.example.com. One name: no * and no path.",
    )
    shown_name = fields.Char(string="As It Is Read", compute="_compute_shown_name")
    enabled = fields.Boolean(
        default=True,
        help="Off: it stays the app's, and the app does not answer there.",
    )
    token = fields.Char(
        required=True,
        readonly=True,
        copy=False,
        default=lambda self: secrets.token_hex(16),
        help="Who can publish it under the domain owns the domain.",
    )
    state = fields.Selection(
        [
            ("waiting", "Waiting for the Record"),
            ("unproven", "Proof Missing"),
            ("active", "Active"),
            ("lost", "Record Gone"),
            ("taken", "Another App's"),
        ],
        required=True,
        default="waiting",
        readonly=True,
        copy=False,
        index=True,
    )
    is_proven = fields.Boolean(
        string="Proven",
        readonly=True,
        copy=False,
        help="Its DNS has shown that it is this app's. No other app can have it.",
    )
    is_served = fields.Boolean(
        string="In Use",
        compute="_compute_is_served",
        help="The app's manifests have it from the next Apply on.",
    )
    is_primary = fields.Boolean(
        string="Primary",
        compute="_compute_is_primary",
        help="The app's URL names it: the first one that is in use.",
    )
    message = fields.Char(readonly=True, copy=False)
    message_words = fields.Json(readonly=True, copy=False)
    message_shown = fields.Char(string="What the DNS Says", compute="_compute_shown")
    checked_at = fields.Datetime(string="Last Checked", readonly=True, copy=False)
    check_count = fields.Integer(readonly=True, copy=False)
    lost_at = fields.Datetime(string="Gone Since", readonly=True, copy=False)
    certificate_ends = fields.Datetime(
        string="Certificate Until",
        readonly=True,
        copy=False,
        help="When the certificate that the cluster has for it ends.",
    )
    record_value = fields.Char(
        string="CNAME To",
        compute="_compute_records",
        help="Set a CNAME record of the domain to this name. It also proves that the"
        " domain is yours.",
    )
    addresses = fields.Char(
        compute="_compute_records",
        help="Where no CNAME may stand, such as at example.com itself: set A and AAAA"
        " records to these addresses, and the TXT record beside.",
    )
    by_cname = fields.Boolean(
        string="CNAME Proves It",
        compute="_compute_by_cname",
        help="Off where the app's hostname was another customer's before: their CNAME"
        " may still be there, and only the TXT record says whose the domain is.",
    )
    proof_name = fields.Char(string="TXT Record", compute="_compute_records")
    proof_value = fields.Char(string="Its Text", compute="_compute_records")

    _name_uniq = models.UniqueIndex(
        "(app_id, name)", "The app has this domain already."
    )
    _proven_uniq = models.UniqueIndex(
        "(name) WHERE is_proven", "This domain is another app's."
    )

    # -- reading -----------------------------------------------------------------

    @api.depends("name")
    def _compute_shown_name(self):
        for domain in self:
            domain.shown_name = shown(domain.name)

    @api.depends("is_proven", "enabled")
    def _compute_is_served(self):
        for domain in self:
            domain.is_served = domain.is_proven and domain.enabled

    @api.depends("app_id.served_domains", "name")
    def _compute_is_primary(self):
        for domain in self:
            served = domain.sudo().app_id.served_domains or [None]
            domain.is_primary = domain.name == served[0]

    @api.depends("message", "message_words")
    @api.depends_context("lang")
    def _compute_shown(self):
        show(self, "message")

    @api.depends("name", "token", "app_id.hostname", "app_id.ingress_addresses")
    def _compute_records(self):
        for domain in self:
            app = domain.sudo().app_id
            domain.record_value = app.hostname
            domain.addresses = app.ingress_addresses
            domain.proof_name = f"{PROOF_NAME}.{domain.name}"
            domain.proof_value = PROOF_VALUE.format(token=domain.token)

    @api.depends("app_id.hostname", "app_id.partner_id", "app_id.had_other_customer")
    def _compute_by_cname(self):
        for app, domains in self.grouped("app_id").items():
            domains.by_cname = not app.sudo()._is_hostname_of_others()

    # -- which names there may be -------------------------------------------------

    @api.model
    def _read_name(self, text):
        """The domain that somebody typed, as DNS has it; refuses in a customer's words
        what can be none of theirs."""
        messages = {
            "empty": self.env._("Please enter a domain, such as www.example.com."),
            "wildcard": self.env._(
                "A domain with a * is many domains. Please enter each one that your app"
                " is to answer at."
            ),
            "address": self.env._(
                "This is an address and not a domain. Please enter a name such as"
                " www.example.com."
            ),
            "url": self.env._(
                "Please enter the domain alone, such as www.example.com, without"
                " https:// and without a path."
            ),
            "single": self.env._(
                "A domain has two parts at least, such as example.com."
            ),
            "long": self.env._(
                "The domain is too long: it has 253 characters at most, and 63 between"
                " two dots."
            ),
            "nobody": self.env._(
                "Nobody on the internet can reach this domain. Please enter one that"
                " you have registered."
            ),
            "letters": self.env._(
                "This is not a domain: it has letters, digits and hyphens, with dots"
                " between its parts, such as www.example.com."
            ),
        }
        try:
            name = read_domain(text)
        except DomainError as error:
            raise ValidationError(messages[error.code]) from error
        if self._is_ours(name):
            raise ValidationError(
                self.env._(
                    "The domain %s is ours, and cannot be added to an app. Please enter"
                    " one that you have registered.",
                    name,
                )
            )
        return name

    @api.model
    def _is_ours(self, name):
        """Whether it is where apps have their own hostnames, or Odoo itself is."""
        system = self.env(su=True)
        clusters = system["kubernetes.cluster"].with_context(active_test=False)
        own = clusters.search([("domain", "!=", False)]).mapped("domain")
        # Host names only, with or without a port.
        base = system["ir.config_parameter"].get_param("web.base.url") or ""
        odoo = (urlsplit(base).hostname or "").lower()
        hostnames = system["kubernetes.hostname"]
        return (
            any(is_at_or_below(name, domain) for domain in own)
            or name == odoo
            or bool(hostnames.search_count([("hostname", "=", name)], limit=1))
        )

    @api.model
    def _holder(self, name):
        """Who has proven that a domain is theirs; perhaps nobody."""
        system = self._as_system().with_context(active_test=False)
        return system.search([("name", "=", name), ("is_proven", "=", True)])

    def _check_free(self):
        """Refuse what is somebody else's, as long as its DNS says so."""
        for domain in self:
            holder = domain._holder(domain.name)
            if holder and holder.app_id != domain.app_id and holder.state != "lost":
                raise ValidationError(
                    self.env._(
                        "The domain %s belongs to another app. If it is yours, remove"
                        " it there first.",
                        domain.name,
                    )
                )

    # -- life --------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        # What is said of a name is nothing for who may not add any.
        self.browse().check_access("create")
        domains = super().create(
            [{**vals, "name": self._read_name(vals.get("name"))} for vals in vals_list]
        )
        domains._check_free()
        for app, added in domains.grouped("app_id").items():
            app.check_access("write")
            app.sudo()._check_may_have_domains()
            app.sudo()._log(
                self.env._("Domain added: %s", ", ".join(added.mapped("name")))
            )
            app._check_domains_now()
        return domains

    def write(self, vals):
        self.check_access("write")
        if "app_id" in vals and any(
            domain.app_id.id != vals["app_id"] for domain in self
        ):
            raise UserError(
                self.env._(
                    "A domain stays with its app. Add it to the other app, and remove"
                    " it here."
                )
            )
        if "name" in vals:
            vals = {**vals, "name": self._read_name(vals["name"])}
        renamed = self.filtered(
            lambda domain: vals.get("name", domain.name) != domain.name
        )
        apps = self.app_id
        for app in apps if {"name", "enabled", "sequence"} & set(vals) else ():
            app.check_access("write")
        before = {domain: domain.name for domain in renamed}
        # What was proven was proven of the other name.
        renamed._as_system()._unprove()
        result = super().write(vals)
        if renamed:
            renamed._as_system().write(
                {
                    "token": secrets.token_hex(16),
                    "check_count": 0,
                    **told_values("message", False),
                }
            )
            renamed._check_free()
            for domain, name in before.items():
                domain.sudo().app_id._log(
                    self.env._(
                        "Domain changed: %(old)s → %(new)s", old=name, new=domain.name
                    )
                )
                domain.app_id._check_domains_now()
        if {"name", "enabled", "sequence"} & set(vals):
            apps.sudo()._serve_domains()
        return result

    def unlink(self):
        self.check_access("unlink")
        by_app = {
            app: ", ".join(domains.mapped("name"))
            for app, domains in self.grouped("app_id").items()
        }
        for app in by_app:
            app.check_access("write")
        result = super().unlink()
        for app, names in by_app.items():
            if app.exists():
                app.sudo()._log(self.env._("Domain removed: %s", names))
                app.sudo()._serve_domains()
        return result

    def action_check(self):
        """Look at the DNS now."""
        self.check_access("write")
        self.app_id._check_operator()
        self.app_id._check_domains_now()

    def action_primary(self):
        """Let the app's URL name it."""
        self.ensure_one()
        self.check_access("write")
        first = min(self.app_id.sudo().domain_ids.mapped("sequence"), default=10)
        self.sequence = first - 1

    # -- what the DNS says ---------------------------------------------------------

    def _contract_values(self):
        """The domain as the contract's ``options`` of a check have it."""
        self.ensure_one()
        return {
            "name": self.name,
            "proof_name": self.proof_name,
            "proof": self.proof_value,
            "by_cname": self.by_cname,
        }

    def _told(self, found, now):
        """Take over what a worker found out: the contract's ``domains`` entry."""
        self.ensure_one()
        values = {
            "checked_at": now,
            **told_values("message", said(found)),
            "certificate_ends": found["certificate_ends"]
            and found["certificate_ends"].replace(microsecond=0),
        }
        if not found["answered"]:
            # What is not known changes nothing.
            values.pop("certificate_ends")
            self.write(values)
            return
        if found["proven"] and found["points"]:
            has_it = self.is_proven or self._prove()
            values |= {
                "state": "active" if has_it else "taken",
                "lost_at": False,
                "check_count": 0 if has_it else self.check_count + 1,
            }
        elif self.is_proven:
            lost_at = self.lost_at or now
            values |= {"state": "lost", "lost_at": lost_at}
            if now - lost_at >= LOST_AFTER:
                self._unprove()
                values |= {"state": "waiting", "check_count": 0}
        else:
            values |= {
                "state": "unproven" if found["points"] else "waiting",
                "check_count": self.check_count + 1,
            }
        before = self.state
        self.write(values)
        if self.state != before:
            self._log_state()

    def _log_state(self):
        """A note of what became of it, in the company's language as all of the
        chatter."""
        lang = self.company_id.partner_id.lang or self.env.lang
        domain = self.with_context(lang=lang)
        states = dict(domain._fields["state"]._description_selection(domain.env))
        domain.app_id._log(
            domain.env._(
                "Domain %(name)s: %(state)s",
                name=domain.name,
                state=states[domain.state],
            )
        )

    def _prove(self):
        """Make it this app's, unless somebody else has it. Of two who prove it at the
        same moment the index lets one."""
        self.ensure_one()
        holder = self._holder(self.name) - self
        if holder and holder.state != "lost":
            # Perhaps its record has gone since.
            holder.app_id._check_domains_now()
            return False
        holder._unprove()
        try:
            with self.env.cr.savepoint(), mute_logger("odoo.sql_db"):
                self.is_proven = True
                self.flush_recordset(["is_proven"])
        except UniqueViolation:
            self.invalidate_recordset(["is_proven"], flush=False)
            return False
        holder.app_id._serve_domains(at_once=True)
        return True

    def _unprove(self):
        """It is nobody's any more."""
        proven = self.filtered("is_proven")
        if proven:
            proven.write({"is_proven": False, "state": "waiting", "lost_at": False})
            proven.flush_recordset(["is_proven"])

    def _next_look(self):
        """In how many minutes its records are looked at again."""
        self.ensure_one()
        if self.state == "active":
            return ACTIVE_LOOK
        if self.state == "lost":
            return LOST_LOOK
        pause = FIRST_LOOK * 2 ** min(max(self.check_count - 1, 0), 10)
        return min(pause, LAST_LOOK)


class KubernetesApp(models.Model):
    """An app may answer at domains of its customer's own."""

    _inherit = "kubernetes.app"

    domain_ids = fields.One2many(
        "kubernetes.app.domain", "app_id", string="Domains", copy=False, groups=USER
    )
    domains_allowed = fields.Boolean(
        string="Customer Adds Domains",
        groups=USER,
        help="The customer adds, orders and removes the app's domains in the portal.",
    )
    had_other_customer = fields.Boolean(
        string="Had Another Customer",
        readonly=True,
        copy=False,
        groups=USER,
        help="Domains of a former customer may still lead to the app's hostname, so"
        " that a CNAME record proves nothing.",
    )
    served_domains = fields.Json(
        readonly=True,
        copy=False,
        groups=USER,
        help="The domains of its own that are in use, the primary one first.",
    )

    def _primary_hostname(self):
        """Where the app is to be looked for: its primary domain, or else its own
        hostname."""
        self.ensure_one()
        return (self.served_domains or [self.hostname])[0]

    @api.depends("served_domains", "cluster_id.tls_issuer")
    def _compute_url(self):
        return super()._compute_url()

    def _url_on(self, cluster):
        if self.served_domains and cluster.url_pattern:
            return self._domain_url(self._primary_hostname(), cluster)
        return super()._url_on(cluster)

    def _domain_url(self, name, cluster=None):
        """The link to a domain. Without an issuer nobody makes a certificate for it:
        by https browsers would warn of it."""
        cluster = cluster or self.cluster_id
        if not cluster.tls_issuer and cluster.url_pattern.startswith("https:"):
            return f"http://{name}"
        return cluster.url_pattern.replace("{hostname}", name)

    def _contract_values(self, siblings=None):
        return {
            **super()._contract_values(siblings),
            "domains": self.served_domains or [],
            "primary_hostname": self._primary_hostname(),
        }

    def _change_hands(self):
        """The domains are the former customer's."""
        result = super()._change_hands()
        self.had_other_customer = True
        self.domain_ids.unlink()
        return result

    def _is_hostname_of_others(self):
        """Whether the hostname was another customer's before, be it by this app or by
        another one."""
        self.ensure_one()
        if self.had_other_customer:
            return True
        customer = self.partner_id.commercial_partner_id
        others = self.with_context(active_test=False).search(
            [("hostname", "=", self.hostname), ("id", "!=", self.id)]
        )
        return any(
            app.partner_id.commercial_partner_id != customer or not customer
            for app in others
        )

    def _domains_contract_values(self):
        """What a worker needs to look at the DNS, as the contract's ``options``."""
        self.ensure_one()
        return {
            "domains": [domain._contract_values() for domain in self.domain_ids],
        }

    def _check_may_have_domains(self):
        for app in self:
            if app.wanted_state == "deleted":
                raise UserError(
                    self.env._(
                        "The app %s is deleted or about to be: it gets no more"
                        " domains.",
                        app.display_name,
                    )
                )
            if len(app.domain_ids) > MOST_DOMAINS:
                raise UserError(
                    self.env._(
                        "An app has %s domains at most. Remove one first.", MOST_DOMAINS
                    )
                )

    # -- what follows from a change ------------------------------------------------

    def _serve_domains(self, at_once=False):
        """Note which domains are in use. Where that is another than before it goes to
        the cluster, unless something else is there that somebody has yet to apply;
        ``at_once`` also then, as what was lost is another's."""
        for app in self._as_system():
            domains = app.domain_ids.filtered("is_served").sorted()
            before, served = app.served_domains or [], domains.mapped("name")
            if served == before:
                continue
            # What a job has taken along was applied by somebody, and domains apply
            # themselves.
            has_others = app.change_ids.filtered(
                lambda change: change.source != "domains" and not change.job_id
            )
            app.served_domains = served or False
            # Added and removed ones; where none is, the order is another one.
            changed = [name for name in served if name not in before]
            changed += [name for name in before if name not in served]
            self.env["kubernetes.app.change"]._note(app, "domains", changed or served)
            if (
                app.wanted_state == "running"
                and app.is_deployed
                and (at_once or not has_others)
            ):
                app._enqueue("deploy")
            app._changed()

    def _check_domains_now(self):
        """Let a worker look at the DNS of the app's domains."""
        for app in self._as_system():
            if app.domain_ids and app.wanted_state != "deleted":
                app._enqueue("domains")

    def _check_domains_later(self, minutes=None):
        """Queue the next look, when the first of the domains is due."""
        self.ensure_one()
        if not self.domain_ids or self.wanted_state == "deleted":
            return
        if self._jobs([("kind", "=", "domains"), ("state", "=", "pending")], limit=1):
            return
        if minutes is None:
            minutes = min(domain._next_look() for domain in self.domain_ids)
        self._enqueue("domains", delay=minutes * 60)

    def _after_domains(self, job, result):
        """A worker has looked at the DNS."""
        now = fields.Datetime.now()
        found = {item["name"]: item for item in (result or {}).get("domains") or ()}
        silent = False
        for domain in self.domain_ids:
            item = found.get(domain.name)
            if item:
                silent |= not item["answered"]
                domain._told(item, now)
        self._serve_domains()
        self._check_domains_later(UNANSWERED_LOOK if silent else None)
        self._changed()

    def _after_failed(self, job):
        """No worker could look: another time."""
        if job.kind == "domains":
            self._check_domains_later(LOST_LOOK)

    def _deleted(self, namespace_deleted):
        self.domain_ids.unlink()
        self.served_domains = False
        return super()._deleted(namespace_deleted)

    # -- the customer --------------------------------------------------------------

    def _customer_may_change_domains(self):
        """Whether the customer adds and removes domains."""
        self.ensure_one()
        app = self.sudo()
        return app.domains_allowed and app.wanted_state != "deleted"

    def _customer_domains(self):
        """The app's domains as the customer's page shows them; None where there are
        none and none can be added."""
        self.ensure_one()
        domains = self.sudo().domain_ids
        may_change = self._customer_may_change_domains()
        if not domains and not may_change:
            return None
        return {
            "may_change": may_change,
            "domains": [domain._customer_values() for domain in domains],
            "is_open": may_change and len(domains) < MOST_DOMAINS,
        }

    def _customer_change_domain(self, action, domain_id=None, name=None):
        """Do something with a domain as the customer, whose own rights decide whose app
        it is. Raises a UserError in a customer's words."""
        self.ensure_one()
        self.check_access("write" if self.env.user._is_internal() else "read")
        if not self._customer_may_change_domains():
            raise UserError(
                self.env._("The domains of this app are kept by us. Write to us.")
            )
        app = self.sudo()
        if action == "add":
            if app.domain_ids.filtered(
                lambda domain: domain.name == domain._read_name(name)
            ):
                raise UserError(self.env._("Your app has this domain already."))
            return app.domain_ids.create({"app_id": app.id, "name": name})
        domain = app.domain_ids.filtered(lambda domain: domain.id == domain_id)
        if not domain:
            raise UserError(self.env._("Your app does not have this domain any more."))
        if action == "check":
            app._check_domains_now()
        elif action == "primary":
            domain.action_primary()
        elif action in ("enable", "disable"):
            domain.enabled = action == "enable"
        elif action == "change":
            if domain._read_name(name) != domain.name and app.domain_ids.filtered(
                lambda other: other.name == domain._read_name(name)
            ):
                raise UserError(self.env._("Your app has this domain already."))
            domain.name = name
        else:
            domain.unlink()
        return None


class KubernetesAppDomainPortal(models.Model):
    """A domain as its customer reads it."""

    _inherit = "kubernetes.app.domain"

    def _customer_values(self):
        self.ensure_one()
        state = self.state if self.enabled else "disabled"
        words = {
            "waiting": (
                self.env._("Waiting for the record"),
                "warning",
                self.env._(
                    "Set this record where the DNS of your domain is kept. We look for"
                    " it by ourselves; it may take some hours until it is seen."
                ),
            ),
            "unproven": (
                self.env._("Proof missing"),
                "warning",
                self.env._(
                    "The domain leads to us already. Set the TXT record below as well:"
                    " it shows that the domain is yours."
                ),
            ),
            "active": (self.env._("Active"), "success", ""),
            "lost": (
                self.env._("Record gone"),
                "danger",
                self.env._(
                    "We do not find the record any more. Set it again: otherwise your"
                    " app stops answering at this domain."
                ),
            ),
            "taken": (
                self.env._("In use by another app"),
                "danger",
                self.env._(
                    "Another app answers at this domain. Remove it there first."
                ),
            ),
            "disabled": (
                self.env._("Switched off"),
                "secondary",
                self.env._("Your app does not answer at this domain."),
            ),
        }
        label, color, text = words[state]
        return {
            "id": self.id,
            "name": self.name,
            "shown": self.shown_name if self.shown_name != self.name else "",
            "state": state,
            "label": label,
            "color": color,
            "text": text,
            "enabled": self.enabled,
            "is_primary": self.is_primary,
            "can_be_primary": self.is_served and not self.is_primary,
            "needs_record": self.state != "active",
            "needs_proof": not self.by_cname,
            "cname": self.record_value,
            "addresses": (self.addresses or "").split(", ") if self.addresses else [],
            "proof_name": self.proof_name,
            "proof_value": self.proof_value,
            "url": self.app_id._domain_url(self.name) if self.is_served else "",
            "checked": self.checked_at and self.app_id._customer_time(self.checked_at),
            "certificate": self.certificate_ends
            and self.app_id._customer_time(self.certificate_ends),
        }
