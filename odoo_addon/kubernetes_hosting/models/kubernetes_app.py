# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import logging
import re
import secrets
from contextlib import contextmanager
from datetime import timedelta

from babel.dates import format_timedelta
from psycopg2.errors import UniqueViolation

from odoo import api, fields, models
from odoo.exceptions import ConcurrencyError, MissingError, UserError, ValidationError
from odoo.fields import Command, Domain
from odoo.models import MAGIC_COLUMNS
from odoo.tools import SQL, babel_locale_parse, format_datetime, mute_logger

from ..tools.isolated import AT_ONCE, at_once, error_summary
from ..tools.sentences import (
    NAMESPACE_GONE,
    NOT_STOPPED,
    NOTHING_THERE,
    SCALED_TO_ZERO,
)
from ..tools.together import read_together, write_together
from ..tools.told import said, show, told, told_by, told_values, worded
from .kubernetes_attention import STATES_BY_URGENCY
from .kubernetes_job import AWAITED_KINDS, CHANGING_KINDS
from .kubernetes_limits import LIMITS
from .kubernetes_record import ADDONS
from .kubernetes_worker import WORKER_RUN, is_late, moment_of

_logger = logging.getLogger(__name__)

# What namespace, hostname and labels are made of: an app keeps it for life.
IDENTITY_FIELDS = frozenset(
    ["uid", "name", "environment_id", "cluster_id", "company_id"]
)
# What YAML 1.1 or 1.2 (PyYAML's or kubectl's) reads as something else than a text, of
# what can be a name otherwise.
NOT_A_STRING_IN_YAML = re.compile(
    r"null|true|false|yes|no|on|off|[yn]"
    r"|[0-9]+(e-?[0-9]+)?|0x[0-9a-f]+|0o[0-7]+|0b[01]+"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(t[0-9].*)?"
)
LIMIT_FIELDS = frozenset(LIMITS)
# The app's own values: a template given for one of them is copied.
VALUE_FIELDS = frozenset(["config_map_id", "secret_id"])

# What a job makes of the app's wanted state; a restart leaves it.
WANTED = {
    "deploy": "running",
    "start": "running",
    "reset": "running",
    "stop": "stopped",
    "delete": "deleted",
}
# The app's state while a job of this kind waits or runs.
STATE_AT_WORK = {
    "deploy": "deploying",
    "start": "starting",
    "restart": "restarting",
    "reset": "resetting",
    "stop": "stopping",
    "delete": "deleting",
}
# What operators and customers ask for, and the chatter says so. The others are asked
# for by Odoo itself or change nothing.
LOGGED_KINDS = (*CHANGING_KINDS, "refresh", "adopt")
# What customers may ask for themselves.
CUSTOMER_KINDS = ("reset", "restart", "deploy")
# How many jobs an app's form shows; the button above it leads to all.
LATEST_JOBS = 20
# Of what was changed and not applied its form has the latest.
SHOWN_CHANGES = 10
# Of the apps that refuse a request the notification names as many.
NAMED_REFUSALS = 5

USER = "kubernetes_hosting.group_kubernetes_user"
# Where apps are noted that became reachable, until what follows is done.
REACHED = "kubernetes_hosting.reached"


def _object_key(item):
    return item["api_version"], item["kind"], item["namespace"], item["name"]


class KubernetesApp(models.Model):
    """What a customer bought, in one environment.

    An app is created, and from then on only asked for things: ``_enqueue`` puts a job
    into the queue, the worker does it and reports, and ``_update_state`` derives the
    app's state from its jobs and from what the cluster shows. Fields with a group hold
    what a customer does not see, not by RPC either.
    """

    _name = "kubernetes.app"
    _description = "Kubernetes App"
    _inherit = [
        "kubernetes.live",
        "kubernetes.app.portal",
        "kubernetes.limits",
        "kubernetes.packaged",
        "portal.mixin",
        "mail.thread",
        "mail.activity.mixin",
    ]
    _order = "id desc"
    _rec_names_search = ["name", "hostname"]
    _check_company_auto = True
    _package_fields = (
        "config_map_id",
        "secret_id",
        "manifest_line_ids",
        "reset_manifest_line_ids",
    )

    name = fields.Char(
        required=True,
        index="trigram",
        help="3 to 30 lower-case letters, digits and hyphens. It becomes part of the"
        " app's address and cannot change.",
    )
    uid = fields.Char(
        string="UID",
        required=True,
        readonly=True,
        copy=False,
        default=lambda self: secrets.token_hex(16),
        groups=USER,
        help="Random, made once. Namespace, objects, passwords and mail domain in the"
        " cluster are this app's only where they bear it: ids repeat after a backup was"
        " restored.",
    )
    environment_id = fields.Many2one(
        "kubernetes.environment",
        required=True,
        index=True,
        ondelete="restrict",
        default=lambda self: self._default_environment_id(),
    )
    cluster_id = fields.Many2one(
        "kubernetes.cluster",
        required=True,
        index=True,
        ondelete="restrict",
        check_company=True,
        default=lambda self: self._default_cluster_id(),
        groups=USER,
    )
    company_id = fields.Many2one(
        "res.company",
        required=True,
        index=True,
        default=lambda self: self.env.company,
        groups=USER,
    )
    partner_id = fields.Many2one(
        "res.partner",
        string="Customer",
        index=True,
        check_company=True,
        tracking=True,
        help="The customer's contacts see this app in their portal.",
    )
    active = fields.Boolean(default=True, readonly=True)

    hostname = fields.Char(readonly=True, copy=False, index="trigram")
    hostname_ids = fields.One2many(
        "kubernetes.hostname",
        "app_id",
        string="Hostnames Held",
        readonly=True,
        copy=False,
        groups=USER,
    )
    url = fields.Char(string="Address", compute="_compute_url", compute_sudo=True)
    namespace_id = fields.Many2one(
        "kubernetes.namespace",
        readonly=True,
        copy=False,
        index=True,
        ondelete="restrict",
        groups=USER,
    )
    namespace_state = fields.Selection(
        related="namespace_id.state",
        related_sudo=False,
        string="Namespace's State",
        groups=USER,
    )

    namespace_foreign = fields.Boolean(
        compute="_compute_namespace_foreign",
        compute_sudo=True,
        groups=USER,
        help="The cluster shows the app's namespace as another app's.",
    )

    config_map_id = fields.Many2one(
        "kubernetes.config.map",
        string="ConfigMap",
        copy=False,
        index=True,
        ondelete="restrict",
        check_company=True,
        groups=USER,
        help="The app's own values. Choose a template and the app gets a copy of it.",
    )
    secret_id = fields.Many2one(
        "kubernetes.secret",
        copy=False,
        index=True,
        ondelete="restrict",
        check_company=True,
        groups=USER,
        help="The app's own secrets. Choose a template and the app gets a copy of it.",
    )
    manifest_line_ids = fields.One2many(
        "kubernetes.app.manifest",
        "app_id",
        string="Manifests",
        domain=[("purpose", "=", "deploy")],
        copy=True,
        groups=USER,
    )
    reset_allowed = fields.Boolean(
        related="environment_id.reset_allowed", related_sudo=False
    )
    restart_allowed = fields.Boolean(
        related="environment_id.restart_allowed", related_sudo=False
    )
    reset_mode = fields.Selection(
        [("empty", "Deploy again with empty data"), ("manifests", "Run manifests")],
        string="Reset",
        required=True,
        default="empty",
        tracking=True,
        groups=USER,
        help="What a reset does: delete everything with all data and deploy from"
        " scratch, or run the reset manifests, for example Jobs that copy production"
        " here and neutralise it.",
    )
    reset_manifest_line_ids = fields.One2many(
        "kubernetes.app.manifest",
        "app_id",
        string="Reset Manifests",
        domain=[("purpose", "=", "reset")],
        context={"default_purpose": "reset"},
        copy=True,
        groups=USER,
    )

    config_map_line_ids = fields.One2many(
        related="config_map_id.line_ids",
        related_sudo=False,
        string="Values",
        groups=USER,
    )
    config_map_action_ids = fields.One2many(
        related="config_map_id.action_ids",
        related_sudo=False,
        string="Actions",
        groups=USER,
    )
    secret_line_ids = fields.One2many(
        related="secret_id.line_ids",
        related_sudo=False,
        string="Secret Values",
        groups=USER,
    )

    wanted_state = fields.Selection(
        [("running", "Running"), ("stopped", "Stopped"), ("deleted", "Deleted")],
        required=True,
        default="running",
        readonly=True,
        copy=False,
    )
    state = fields.Selection(
        [
            ("new", "New"),
            ("deploying", "Deploying"),
            ("starting", "Starting"),
            ("restarting", "Restarting"),
            ("resetting", "Resetting"),
            ("running", "Running"),
            ("degraded", "Degraded"),
            ("stopping", "Stopping"),
            ("stopped", "Stopped"),
            ("failed", "Failed"),
            ("deleting", "Deleting"),
            ("deleted", "Deleted"),
        ],
        required=True,
        default="new",
        readonly=True,
        copy=False,
        index=True,
        tracking=True,
        group_expand="_group_expand_state",
    )
    state_since = fields.Datetime(
        compute="_compute_state_since", store=True, copy=False, groups=USER
    )
    urgency = fields.Integer(
        compute="_compute_urgency",
        store=True,
        copy=False,
        groups=USER,
        help="The lower, the sooner it needs somebody.",
    )
    state_message = fields.Text(
        string="State Message in English", readonly=True, copy=False, groups=USER
    )
    state_message_words = fields.Json(readonly=True, copy=False, groups=USER)
    state_message_shown = fields.Text(
        string="State Message", compute="_compute_shown", groups=USER
    )
    customer_state = fields.Char(
        compute="_compute_customer_state", help="The state as the customer reads it."
    )

    observed_state = fields.Selection(
        [
            ("unknown", "Not Observed Yet"),
            ("running", "Ready"),
            ("degraded", "Not Ready"),
            ("stopped", "Scaled to Zero"),
            ("missing", "Not Found"),
        ],
        string="Workloads",
        default="unknown",
        readonly=True,
        copy=False,
        groups=USER,
    )
    observed_message = fields.Text(
        string="Observed Message in English", readonly=True, copy=False, groups=USER
    )
    observed_message_words = fields.Json(readonly=True, copy=False, groups=USER)
    observed_message_shown = fields.Text(
        string="Observed Message", compute="_compute_shown", groups=USER
    )
    observed_at = fields.Datetime(
        string="Last Checked", readonly=True, copy=False, groups=USER
    )
    observed_by = fields.Char(
        readonly=True,
        copy=False,
        groups=USER,
        help="The run of a worker that looked last.",
    )
    ingress_state = fields.Selection(
        [
            ("unknown", "Not Observed Yet"),
            ("none", "No Ingress"),
            ("no_address", "No Address Yet"),
            ("ready", "Ready"),
        ],
        string="Ingress",
        default="unknown",
        readonly=True,
        copy=False,
        groups=USER,
    )
    ingress_since = fields.Datetime(
        compute="_compute_ingress_since", store=True, copy=False, groups=USER
    )
    ingress_hosts = fields.Char(readonly=True, copy=False, groups=USER)
    ingress_addresses = fields.Char(readonly=True, copy=False, groups=USER)
    ingress_tls = fields.Boolean(
        string="Ingress TLS", readonly=True, copy=False, groups=USER
    )
    ingress_message = fields.Text(
        string="Ingress Message in English", readonly=True, copy=False, groups=USER
    )
    ingress_message_words = fields.Json(readonly=True, copy=False, groups=USER)
    ingress_message_shown = fields.Text(
        string="Ingress Message", compute="_compute_shown", groups=USER
    )
    inventory = fields.Json(readonly=True, copy=False, prefetch=False, groups=USER)
    objects_seen = fields.Json(
        readonly=True,
        copy=False,
        prefetch=False,
        groups=USER,
        help="Each object as the cluster showed it last, as in the contract.",
    )
    images = fields.Char(
        readonly=True,
        copy=False,
        groups=USER,
        help="The images of the app's containers, as the cluster showed them last.",
    )
    objects_html = fields.Html(
        string="Objects", compute="_compute_objects_html", sanitize=False, groups=USER
    )

    job_ids = fields.One2many(
        "kubernetes.job", "app_id", readonly=True, copy=False, groups=USER
    )
    latest_job_ids = fields.One2many(
        "kubernetes.job",
        string="Latest Jobs",
        compute="_compute_latest_job_ids",
        groups=USER,
    )
    job_count = fields.Integer(compute="_compute_jobs", groups=USER)
    is_deployed = fields.Boolean(
        compute="_compute_is_deployed",
        groups=USER,
        help="A deploy of the app has come to its end, whatever was done since.",
    )
    live_job_id = fields.Many2one(
        "kubernetes.job",
        string="Job at Work",
        compute="_compute_jobs",
        groups=USER,
        help="The job that runs, or that waits for a worker. What only waits for its"
        " time is not meant, nor what is there to be read.",
    )
    change_ids = fields.One2many(
        "kubernetes.app.change",
        "app_id",
        string="Changed, Not Applied",
        readonly=True,
        copy=False,
        groups=USER,
    )
    is_changed = fields.Boolean(
        string="Not Applied",
        compute="_compute_is_changed",
        search="_search_is_changed",
        groups=USER,
        help="Something of the app was changed since it was last applied.",
    )
    change_text = fields.Text(
        string="What Was Changed",
        compute="_compute_change_text",
        groups=USER,
    )
    sibling_count = fields.Integer(compute="_compute_sibling_count", groups=USER)

    _uid_uniq = models.UniqueIndex("(uid)", "Another app has this UID already.")
    _config_map_uniq = models.UniqueIndex(
        "(config_map_id)", "The config map belongs to another app already."
    )
    _secret_uniq = models.UniqueIndex(
        "(secret_id)", "The secret belongs to another app already."
    )

    # -- reading -----------------------------------------------------------------

    def _default_environment_id(self):
        return self.env["kubernetes.environment"].search([], limit=1)

    def _default_cluster_id(self):
        """The cluster, where there is only one to choose."""
        clusters = self.env["kubernetes.cluster"].search(
            [("company_id", "in", [False, self.env.company.id])], limit=2
        )
        return clusters if len(clusters) == 1 else False

    @api.model
    def _group_expand_state(self, states, domain):
        """Those that there are; what needs somebody stands first."""
        return sorted(states, key=STATES_BY_URGENCY.index)

    @api.depends("name", "environment_id.code")
    def _compute_display_name(self):
        for app in self:
            code = app.sudo().environment_id.code
            app.display_name = f"{app.name} ({code})" if app.name and code else app.name

    @api.depends("hostname", "cluster_id.url_pattern")
    def _compute_url(self):
        for app in self:
            pattern = app.cluster_id.url_pattern
            app.url = (
                pattern.replace("{hostname}", app.hostname)
                if pattern and app.hostname
                else False
            )

    def _compute_access_url(self):
        for app in self:
            app.access_url = f"/my/apps/{app.id}"

    @api.depends("state")
    @api.depends_context("lang")
    def _compute_customer_state(self):
        words = {
            "new": self.env._("Waiting to be set up"),
            "deploying": self.env._("Being set up"),
            "starting": self.env._("Being started"),
            "restarting": self.env._("Being restarted"),
            "resetting": self.env._("Being reset"),
            "stopping": self.env._("Being stopped"),
            "running": self.env._("Running"),
            "degraded": self.env._("Running with problems"),
            "stopped": self.env._("Stopped"),
            "failed": self.env._("Needs our attention"),
            "deleting": self.env._("Being deleted"),
            "deleted": self.env._("Deleted"),
        }
        for app in self:
            app.customer_state = words.get(app.state, "")

    @api.depends(
        "state_message",
        "state_message_words",
        "observed_message",
        "observed_message_words",
        "ingress_message",
        "ingress_message_words",
    )
    @api.depends_context("lang")
    def _compute_shown(self):
        show(self, "state_message", "observed_message", "ingress_message")

    @api.depends("state")
    def _compute_state_since(self):
        self.state_since = fields.Datetime.now()

    @api.depends("state", "ingress_state")
    def _compute_urgency(self):
        for app in self:
            unreached = app.state == "running" and app.ingress_state == "no_address"
            app.urgency = STATES_BY_URGENCY.index(
                "degraded" if unreached else app.state
            )

    @api.depends("ingress_state")
    def _compute_ingress_since(self):
        self.ingress_since = fields.Datetime.now()

    @api.depends("inventory", "objects_seen")
    @api.depends_context("lang", "tz")
    def _compute_objects_html(self):
        for app in self:
            items = app._shown_objects()
            summary = self.env._(
                "Objects: %(count)s; not as they should be: %(bad)s",
                count=len(items),
                bad=sum(item["is_bad"] for item in items),
            )
            app.objects_html = bool(items) and self.env["ir.qweb"]._render(
                "kubernetes_hosting.app_objects", {"items": items, "summary": summary}
            )

    def _shown_objects(self):
        """The app's objects to be read: what is not as it should be comes first. Of
        what its last deploy has brought and no worker may look at, that alone."""
        self.ensure_one()
        seen = self.objects_seen or []
        known = {_object_key(item) for item in seen}
        unseen = [
            {**item, "health": "unknown", "created_at": False, "message": ""}
            for item in self.inventory or []
            if _object_key(item) not in known
        ]
        labels = {
            "failed": self.env._("Failed"),
            "not_found": self.env._("Not found"),
            "in_progress": self.env._("In progress"),
            "terminating": self.env._("Being deleted"),
            "unknown": self.env._("Not looked at"),
            "current": self.env._("Current"),
        }
        order = list(labels)
        return sorted(
            (
                {
                    "kind": item["kind"],
                    "name": item["name"],
                    "api_version": item["api_version"],
                    "elsewhere": item["namespace"]
                    and item["namespace"] != self.namespace_id.name
                    and item["namespace"],
                    "health": item["health"],
                    "health_label": labels[item["health"]],
                    "is_bad": item["health"] not in ("current", "unknown"),
                    "message": worded(
                        self.env, item["message"], item.get("message_words")
                    ),
                    "images": item.get("images") or [],
                    "log": item.get("log"),
                    **self._shown_age(item["created_at"]),
                }
                for item in (*seen, *unseen)
            ),
            key=lambda item: (
                order.index(item["health"]),
                item["kind"],
                item["name"],
            ),
        )

    def _shown_age(self, text):
        """How old something is, and when exactly it was made."""
        if not text:
            return {"age": "", "created": False}
        moment = fields.Datetime.from_string(text)
        locale = babel_locale_parse(self.env.lang or "en_US")
        return {
            "age": format_timedelta(fields.Datetime.now() - moment, locale=locale),
            "created": format_datetime(self.env, moment),
        }

    @api.depends("job_ids.state")
    def _compute_jobs(self):
        counts = dict(
            self.env["kubernetes.job"]._read_group(
                [("app_id", "in", self.ids)], ["app_id"], ["__count"]
            )
        )
        live = {}
        for job in self.env["kubernetes.job"].search(
            [
                ("app_id", "in", self.ids),
                "|",
                ("state", "=", "running"),
                "&",
                ("state", "=", "pending"),
                ("kind", "in", LOGGED_KINDS),
                ("kind", "not in", AWAITED_KINDS),
            ],
            order="state desc, id",  # running before pending
        ):
            live.setdefault(job.app_id, job)
        for app in self:
            app.job_count = counts.get(app, 0)
            app.live_job_id = live.get(app, False)

    @api.depends("job_ids.state")
    def _compute_is_deployed(self):
        deployed = self.env["kubernetes.job"]._read_group(
            [
                ("app_id", "in", self.ids),
                ("kind", "in", ("deploy", "reset")),
                ("state", "=", "done"),
            ],
            ["app_id"],
        )
        apps = self.browse(app.id for (app,) in deployed)
        for app in self:
            app.is_deployed = app in apps

    @api.depends("job_ids")
    def _compute_latest_job_ids(self):
        for app in self:
            app.latest_job_ids = app._jobs([], limit=LATEST_JOBS)

    @api.depends("change_ids.write_date", "change_ids.user_id")
    @api.depends_context("lang", "tz")
    def _compute_change_text(self):
        for app in self:
            lines = []
            for change in app.change_ids[:SHOWN_CHANGES]:
                when = format_datetime(self.env, change.write_date, dt_format="short")
                who = f"{change.user_id.name}, " if change.user_id else ""
                lines.append(f"{change.display_name} ({who}{when})")
            if len(app.change_ids) > SHOWN_CHANGES:
                lines.append("…")
            app.change_text = "\n".join(lines)

    @api.depends("change_ids")
    def _compute_is_changed(self):
        for app in self:
            app.is_changed = bool(app.change_ids)

    def _search_is_changed(self, operator, value):
        if operator != "in":
            return NotImplemented
        return [("change_ids", "!=" if True in value else "=", False)]

    def _jobs(self, domain, **options):
        """The app's jobs that ``domain`` holds for, the latest first. There are many:
        never all."""
        self.ensure_one()
        jobs = self.env["kubernetes.job"]
        # A new app, which a form shows, has none.
        return jobs.search([("app_id", "in", self.ids), *domain], **options)

    @api.depends("namespace_id.state", "job_ids.state")
    def _compute_namespace_foreign(self):
        for app in self:
            app.namespace_foreign = bool(app.namespace_id) and (
                app._is_namespace_foreign()
            )

    def _purchase_fields(self):
        """What the apps of one purchase have in common with this one."""
        self.ensure_one()
        return ("name", "cluster_id", "partner_id")

    def _sibling_domain(self):
        """Other apps of the same purchase. Never another company's or another
        customer's: siblings reach one another in the cluster, and whoever resets this
        app reads what is in the one in production."""
        return [
            *(
                (name, "=", self._fields[name].convert_to_write(self[name], self))
                for name in self._purchase_fields()
            ),
            *self._owner_domain(),
        ]

    def _siblings(self):
        """``{app: its siblings that are wanted}``, of many apps as fast as of one."""

        def key(app, names):
            values = tuple(app[name] for name in names)
            return app.company_id, app.partner_id.commercial_partner_id, values

        names_of = {app: app._purchase_fields() for app in self}
        siblings = {}
        for names in sorted(set(names_of.values())):
            apps = self.filtered(lambda app, names=names: names_of[app] == names)
            near = apps._near(names)
            found = near.sorted().grouped(lambda app, names=names: key(app, names))
            for app in apps:
                siblings[app] = found.get(key(app, names), near.browse()) - app
        return siblings

    def _near(self, names):
        """All apps that are wanted and have values of these in these fields."""
        alike = []
        for name in names:
            field = self._fields[name]
            values = {field.convert_to_write(app[name], app) for app in self} - {False}
            column = SQL.identifier(name)
            alike.append(
                SQL("(%s = ANY(%s) OR %s IS NULL)", column, list(values), column)
            )
        near = SQL(
            "active AND wanted_state <> 'deleted' AND %s", SQL(" AND ").join(alike)
        )
        own = SQL("FROM kubernetes_app WHERE %s", near)
        self.flush_model()
        return read_together(
            self.env,
            ("kubernetes.app", near),
            ("kubernetes.namespace", SQL("id IN (SELECT namespace_id %s)", own)),
            ("kubernetes.environment", SQL("id IN (SELECT environment_id %s)", own)),
            ("res.partner", SQL("id IN (SELECT partner_id %s)", own)),
        )[0]

    def _owner_domain(self):
        """Other apps of the same company and the same customer."""
        self.ensure_one()
        customer = self.partner_id.commercial_partner_id
        return [
            ("id", "!=", self.id),
            ("company_id", "=", self.company_id.id),
            ("partner_id.commercial_partner_id", "=", customer.id)
            if customer
            else ("partner_id", "=", False),
        ]

    @api.depends("name", "cluster_id", "partner_id", "company_id")
    def _compute_sibling_count(self):
        for app in self:
            app.sibling_count = self.search_count(app._sibling_domain())

    def _has_field_access(self, field, operation):
        """Customers read what we made for them. The chatter and whatever else other
        addons give an app is not theirs, to read or to search by."""
        if (
            not self.env.su
            and not self.env.user._is_internal()
            and field.name not in (*MAGIC_COLUMNS, "display_name")
            and field.name not in self.env["portal.mixin"]._fields
            and not (field._module or "").startswith(ADDONS)
        ):
            return False
        return super()._has_field_access(field, operation)

    @api.model
    def _get_thread_with_access(self, thread_id, **access):
        """By its own rights alone. With the token of a link, which a customer can make
        for an app of theirs, core opens a document's notes, to-dos, files and followers
        to whoever has it: those of an app are the operators'."""
        for name in ("hash", "pid", "token"):
            access.pop(name, None)
        return super()._get_thread_with_access(thread_id, **access)

    # -- names -------------------------------------------------------------------

    @api.model
    def _check_app_name(self, name):
        """Refuse what cannot be an app's name, in words for a customer.

        The rule: a DNS label of 3 to 30 characters, lower case, which YAML reads as
        text wherever a manifest has it without quotes, and not reserved. Whether
        the name is taken is ``kubernetes.hostname``'s business.
        """
        name = name or ""
        message = None
        if not name:
            message = self.env._("Please choose a name for your app.")
        elif not 3 <= len(name) <= 30:
            message = self.env._("The name needs 3 to 30 characters.")
        elif name != name.lower():
            message = self.env._("Please write the name in lower-case letters.")
        elif not re.fullmatch(r"[a-z0-9-]+", name):
            message = self.env._(
                "The name may contain the letters a to z, digits and hyphens only."
            )
        elif name.startswith("-") or name.endswith("-"):
            message = self.env._("The name begins and ends with a letter or a digit.")
        elif name[2:4] == "--":
            message = self.env._(
                "The name must not have two hyphens as its third and fourth character."
            )
        elif NOT_A_STRING_IN_YAML.fullmatch(name):
            message = self.env._(
                "The name “%(name)s” could be mistaken for a number, a date or a word"
                " like yes and no in the settings of your app. Please choose another"
                " one, for example “%(other)s”.",
                name=name,
                other=f"my-{name}"[:30].rstrip("-"),
            )
        elif self.env["kubernetes.reserved.name"]._is_reserved(name):
            message = self.env._(
                "The name “%s” is reserved. Please choose another one.", name
            )
        if message:
            raise ValidationError(message)

    @api.constrains("name")
    def _check_name(self):
        for app in self:
            # Its hostname was reserved under the rule of that time, perhaps a looser
            # one: what a customer has paid for is made.
            if app.name not in app.hostname_ids.mapped("app_name"):
                self._check_app_name(app.name)

    @api.constrains("config_map_id", "secret_id")
    def _check_company_of_values(self):
        apps = self.sudo()
        apps.config_map_id._check_company_of_apps()
        apps.secret_id._check_company_of_apps()

    # -- life --------------------------------------------------------------------

    @api.model_create_multi
    def create(self, vals_list):
        """Create apps that are ready to be deployed.

        Each takes its hostname (or is handed a reserved one, linked through
        ``hostname_ids``) and a namespace of its own, and gets its own copies of the
        config map and secret templates in the values. Nothing is queued.
        """
        templates = [self._split_off_templates(vals) for vals in vals_list]
        # Nobody follows an app only because they paid for it or clicked "New".
        apps = super(
            KubernetesApp, self.with_context(mail_create_nosubscribe=True)
        ).create([vals for vals, _copied in templates])
        for app, (_vals, copied) in zip(apps._as_system(), templates, strict=True):
            if not app.hostname_ids:
                # Where a name was reserved, the place was, too.
                app.cluster_id._check_open()
            app._take_hostname()
            app.namespace_id = self.env["kubernetes.namespace"]._reserve(app)
            app._own_values(copied)
        return apps.with_env(self.env)

    def write(self, vals):
        self.check_access("write")
        identity = {
            name
            for name in IDENTITY_FIELDS & set(vals)
            if self.env.su or not self._is_system_field(self._fields[name])
        }
        for app in self.sudo():
            for name in identity:
                if self._fields[name].convert_to_write(app[name], app) != vals[name]:
                    raise UserError(
                        self.env._(
                            "%(field)s of an app cannot change: its address and"
                            " namespace are made of it. Create a new app instead.",
                            field=self._fields[name]._description_string(self.env),
                        )
                    )
        apps = self._as_system()
        unreachable = apps.filtered(lambda app: not app._is_reachable())
        limits = LIMIT_FIELDS & set(vals)
        limited = {app: {name: app[name] for name in limits} for app in apps if limits}
        vals, copied = self._split_off_templates(vals)
        replaced = (
            {app: (app.config_map_id, app.secret_id) for app in apps}
            if VALUE_FIELDS & set(vals)
            else {}
        )
        result = super().write(vals)
        for app, old in replaced.items():
            app._replace_values(old, copied)
        for app, old in limited.items():
            self.env["kubernetes.app.change"]._note(
                app,
                "limits",
                [
                    self._fields[name]._description_string(self.env)
                    for name in sorted(limits)
                    if app[name] != old[name]
                ],
            )
        if set(vals) != {"observed_at"}:
            self._changed()
        with apps._reached_afterwards() as reached:
            for app in unreachable.filtered(lambda app: app._is_reachable()):
                reached[app] = True
        return result

    def _replace_values(self, old, copied):
        """After other values were given: own copies of those that are templates; the
        ``old`` ones go."""
        self.ensure_one()
        self._own_values(copied)
        for name, template in copied.items():
            self._log(
                self.env._(
                    "%(field)s replaced by a copy of %(template)s",
                    field=self._fields[name]._description_string(self.env),
                    template=template.name,
                )
            )
            self.env["kubernetes.app.change"]._note(
                self, self.env[template._name]._change_source, [template.name]
            )
        config_map, secret = old
        (config_map - self.config_map_id)._unlink_own()
        (secret - self.secret_id)._unlink_own()

    def _split_off_templates(self, vals):
        """The values without the templates among them, and those to copy from."""
        copied = {}
        for name in VALUE_FIELDS & set(vals):
            values = self.env[self._fields[name].comodel_name].browse(vals[name])
            if values._is_shared():
                copied[name] = values
            else:
                # From now on they are the app's, which may delete them.
                values.check_access("write")
        return {**vals, **dict.fromkeys(copied, False)}, copied

    def _take_hostname(self):
        self.ensure_one()
        hostname = self.environment_id._hostname(self.cluster_id, self.name)
        if self.hostname_ids.mapped("hostname") != [hostname]:
            if self.hostname_ids:
                raise ValidationError(
                    self.env._(
                        "The reserved address %(reserved)s is not the one of the app"
                        " %(app)s.",
                        reserved=", ".join(self.hostname_ids.mapped("hostname")),
                        app=self.display_name,
                    )
                )
            self.env["kubernetes.hostname"]._take(
                self.cluster_id, self.name, self.environment_id, {"app_id": self.id}
            )
        self.hostname = hostname

    def _own_values(self, copied):
        """Give the app its own copies of the templates in ``copied``, and an empty
        config map or secret where it has none."""
        self.ensure_one()
        missing = [name for name in VALUE_FIELDS if not self[name]]
        if missing:
            self.write(
                {
                    name: copied.get(name, self[name])
                    ._as_system()
                    ._copy_for_app(self)
                    .id
                    for name in missing
                }
            )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_in_cluster(self):
        for app in self.sudo():
            if (
                app.namespace_id.state in ("active", "missing", "kept")
                or app.live_job_id
            ):
                raise UserError(
                    self.env._(
                        "The app %s or its volumes may still be in the cluster. Press"
                        " “Delete” or “Delete Volumes” on the app and wait until its"
                        " namespace is deleted; the record can go then.",
                        app.display_name,
                    )
                )

    def unlink(self):
        self.check_access("unlink")
        apps = self.sudo()
        config_maps, secrets = apps.config_map_id, apps.secret_id
        unused = apps.namespace_id.filtered(lambda n: n.state in ("new", "deleted"))
        result = super().unlink()
        config_maps._unlink_own()
        secrets._unlink_own()
        unused.unlink()
        return result

    def copy_data(self, default=None):
        vals_list = super().copy_data(default=default)
        for app, vals in zip(self, vals_list, strict=True):
            if "name" not in (default or {}):
                vals["name"] = app._free_name()
        return vals_list

    def copy(self, default=None):
        """A copy has a name, a namespace and values of its own."""
        copies = super().copy(default)
        for app, copy in zip(self._as_system(), copies, strict=True):
            for name in VALUE_FIELDS - set(default or {}):
                values = app[name]
                copy._as_system()[name] = values.copy(
                    {
                        "name": copy.display_name,
                        "template_id": values.template_id.id,
                        "company_id": copy.company_id.id,
                    }
                )
        return copies

    def _free_name(self):
        """``shop-2``, ``shop-3`` …: the next name like this app's that is free."""
        self.ensure_one()
        number = 2
        while True:
            suffix = f"-{number}"
            name = f"{self.name[: 30 - len(suffix)].rstrip('-')}{suffix}"
            if self.env["kubernetes.hostname"]._is_available(
                self.cluster_id, name, self.environment_id
            ):
                return name
            number += 1

    def _manifests(self):
        """The manifests in the order in which they are applied."""
        self.ensure_one()
        return self.manifest_line_ids.sorted().manifest_id

    def _reset_manifests(self):
        """The reset manifests in the order in which they are run."""
        self.ensure_one()
        return self.reset_manifest_line_ids.sorted().manifest_id

    def _changed_manifests(self):
        """Those of its manifests that are not what they are pinned to, or the app is
        held at."""
        self.ensure_one()
        held = self.manifest_line_ids.filtered("held_digest")
        manifests = (self._manifests() | self._reset_manifests()) - held.manifest_id
        return (
            manifests.filtered("is_changed")
            | held.filtered(
                lambda line: (
                    not line.content_id and line.held_digest != line.manifest_id.digest
                )
            ).manifest_id
        )

    def _production(self, siblings=None):
        """The app of the same purchase that is in production; empty for itself and
        where there is none."""
        self.ensure_one()
        if self.environment_id.is_production:
            return self.browse()
        siblings = self._siblings()[self] if siblings is None else siblings
        return siblings.filtered(lambda app: app.environment_id.is_production)[:1]

    # -- its package -------------------------------------------------------------

    def action_update_package(self):
        """Move to the available version; what that changes is then to be applied."""
        self._check_operator()
        self.available_version_id._check_fits(self.sudo().cluster_id)
        result = super().action_update_package()
        self.sudo()._log(
            self.env._("Moved to %s", self.package_version_id.display_name)
        )
        return result

    # -- what the worker gets ----------------------------------------------------

    def _contract_values(self, siblings=None):
        """The app as the contract's claim answer has it. Its ``siblings`` are looked
        for where they are not known."""
        self.ensure_one()
        return {
            "id": self.id,
            "uid": self.uid,
            "name": self.name,
            "environment": self.environment_id.code,
            "is_production": self.environment_id.is_production,
            "hostname": self.hostname,
            "url": self.url,
            "namespace": self.namespace_id.name,
            "wanted_state": self.wanted_state,
            "limits": self._limits_contract_values(),
            "siblings": self._sibling_namespaces(siblings),
            "mail_domain": None,
            "mail_mark": "app",
            "inventory": self.inventory or [],
        }

    def _sibling_namespaces(self, siblings=None):
        """The namespaces of the same purchase's apps in other environments."""
        siblings = self._siblings()[self] if siblings is None else siblings
        beside = siblings.filtered(lambda app: app.cluster_id == self.cluster_id)
        return sorted(beside.namespace_id.mapped("name"))

    def _production_values(self, siblings=None):
        """The app in production beside this one, as the contract has it, or None."""
        production = self._production(siblings)
        if not production:
            return None
        return {
            "app": production.id,
            "uid": production.uid,
            "name": production.name,
            "environment": production.environment_id.code,
            "namespace": production.namespace_id.name,
            "hostname": production.hostname,
            "url": production.url,
        }

    # -- asking for something ----------------------------------------------------

    def action_apply(self):
        """Deploy with the present manifests and values, without looking first."""
        return self._ask_each("deploy")

    def action_refresh(self):
        """Look again at what the cluster shows."""
        return self._ask_each("refresh")

    def action_stop(self):
        """Scale to zero. Data and address stay."""
        return self._ask_each("stop")

    def action_start(self):
        """Scale back to what ran before the stop."""
        return self._ask_each("start")

    def action_restart(self):
        """Restart all workloads."""
        return self._ask_each("restart")

    def action_ask_apply(self):
        """Say app by app what a deploy would change before it is asked for."""
        return self._action_ask("deploy")

    def action_ask_stop(self):
        """Say what is stopped before it is asked for."""
        return self._action_ask("stop")

    def action_ask_start(self):
        """Say what is started before it is asked for."""
        return self._action_ask("start")

    def action_ask_restart(self):
        """Say what is restarted before it is asked for."""
        return self._action_ask("restart")

    def _action_ask(self, kind):
        """Open the wizard that asks once for all these apps."""
        self._check_operator()
        request = self.env["kubernetes.app.request"].create(
            {
                "kind": kind,
                "line_ids": [Command.create({"app_id": app.id}) for app in self],
            }
        )
        request._compare()
        return request._action_open()

    def _refusals(self, kind):
        """``{app: words}``: the apps that cannot be asked for this, and why."""
        refusals = {}
        for app in self:
            try:
                app._check_as_operator(kind)
                app._check_may_enqueue(app._asked_kind(kind), {})
            except UserError as error:
                refusals[app] = str(error)
        return refusals

    def _ask_each(self, kind):
        """Ask for a job for each app. One app: what is wrong is raised. Several: each
        gets what it can, and a notification says what came of it."""
        self._check_operator()
        if len(self) == 1:
            self._check_as_operator(kind)
            self._enqueue(kind)
            return None
        refusals = self._refusals(kind)
        asked = self - self.browse().union(*refusals)
        asked._enqueue_all(kind)
        kinds = self.env["kubernetes.job"]._fields["kind"]
        label = dict(kinds._description_selection(self.env))[kind]
        return self._notification(label, len(asked), list(refusals.values()))

    def _check_as_operator(self, kind):
        """What an operator can mend is refused; a paid order's deploy never is."""
        if kind == "deploy":
            self._check_manifests()

    def _check_manifests(self):
        self.ensure_one()
        if not self.manifest_line_ids:
            raise UserError(
                self.env._(
                    "The app %s has no manifests: add what is to be deployed under"
                    " “Manifests” first.",
                    self.display_name,
                )
            )

    def _online_workers(self):
        """The workers that serve the app's cluster and have been seen lately."""
        return self.sudo().cluster_id._online_workers()

    def _notification(self, label, asked, refused):
        """What came of a request for several apps."""
        message = self.env._("Requested for %s apps.", asked)
        if refused:
            message = self.env._(
                "Requested for %(asked)s apps, not for %(refused)s: %(reasons)s",
                asked=asked,
                refused=len(refused),
                reasons=" ".join(refused[:NAMED_REFUSALS])
                + (" …" if len(refused) > NAMED_REFUSALS else ""),
            )
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "warning" if refused else "success",
                "title": label,
                "message": message,
                "sticky": bool(refused),
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    def action_review(self):
        """Show what a deploy would change, and then deploy."""
        self.ensure_one()
        self._check_operator()
        wizard = self.env["kubernetes.app.apply"].create({"app_id": self.id})
        wizard.action_compare()
        return wizard._action_open()

    def action_reset(self):
        """Say what is lost before anything is reset."""
        self.ensure_one()
        self._check_operator()
        self._check_may_enqueue("reset", self._reset_options())
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Reset App"),
            "res_model": "kubernetes.app.reset",
            "view_mode": "form",
            "target": "new",
            "context": {"default_app_id": self.id},
        }

    def _reset_options(self):
        return {"reset": self.sudo().reset_mode}

    def action_open(self):
        """Open the running app."""
        self.ensure_one()
        # The address is computed as the system.
        self.check_access("read")
        return {"type": "ir.actions.act_url", "url": self.url, "target": "new"}

    def action_delete(self):
        """Ask for the app's name before anything is deleted."""
        self.ensure_one()
        self._check_operator()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Delete App"),
            "res_model": "kubernetes.app.delete",
            "view_mode": "form",
            "target": "new",
            "context": {"default_app_id": self.id},
        }

    def action_view_jobs(self):
        self.ensure_one()
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "kubernetes_hosting.kubernetes_job_action"
        )
        action["domain"] = [("app_id", "=", self.id)]
        action["context"] = {}
        return action

    def action_view_siblings(self):
        """This app and the others of the same name, side by side."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "kubernetes_hosting.kubernetes_app_action"
        )
        shown = Domain("id", "=", self.id) | Domain(self._sibling_domain())
        action["domain"] = list(shown)
        action["context"] = {"search_default_group_environment": True}
        action["views"] = [(False, "kanban"), (False, "list"), (False, "form")]
        return action

    def action_view_namespace(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "kubernetes.namespace",
            "res_id": self.namespace_id.id,
            "view_mode": "form",
        }

    def action_new_namespace(self):
        """Leave a namespace that is another app's in the cluster for a new one."""
        self.ensure_one()
        self._check_operator()
        app = self.sudo()
        old = app.namespace_id
        old_name = old.name
        if not app._is_namespace_foreign():
            raise UserError(
                self.env._(
                    "The namespace %s is this app's. Another one is for an app whose"
                    " namespace is another app's in the cluster.",
                    old_name,
                )
            )
        app.namespace_id = self.env["kubernetes.namespace"]._reserve(app)
        app._drop_namespace(old)
        app.with_user(self.env.user).sudo()._log(
            self.env._(
                "New namespace %(new)s instead of %(old)s",
                new=app.namespace_id.name,
                old=old_name,
            )
        )

    def _is_namespace_foreign(self):
        """Whether the cluster shows the app's namespace as somebody else's."""
        self.ensure_one()
        if self.namespace_id.state == "kept":
            return False
        shown = self.env["kubernetes.namespace.found"].search(
            [
                ("cluster_id", "=", self.cluster_id.id),
                ("name", "=", self.namespace_id.name),
            ]
        )
        if shown:
            return shown.state == "unknown"
        last = self._jobs([("state", "in", ("done", "failed"))], limit=1)
        return self.namespace_id.state == "active" and (
            last.error_code == "namespace_foreign"
        )

    def _is_namespace_unused(self):
        """Whether nothing of the app can be in its namespace."""
        self.ensure_one()
        return (
            self.namespace_id.state in ("new", "missing", "deleted")
            or self._is_namespace_foreign()
        )

    def _take_namespace(self, found):
        """Make the name of a namespace that was found this app's."""
        self.ensure_one()
        old = self.namespace_id
        if old.name == found.name:
            return
        self.namespace_id = self.env["kubernetes.namespace"].create(
            {
                "name": found.name,
                "cluster_id": found.cluster_id.id,
                "company_id": self.company_id.id,
                "state": "active",
            }
        )
        self._drop_namespace(old)

    def _drop_namespace(self, namespace):
        """The app has another one now, and nothing of it was there."""
        if namespace.state == "new":
            namespace.unlink()
        else:
            namespace.write({"state": "deleted", "without_uid": False})

    def _after_adopt(self, job, result):
        """The worker took the namespace over."""
        self.ensure_one()
        namespace = self.namespace_id
        namespace.without_uid = False
        if namespace.state in ("new", "missing"):
            namespace.state = "active"
        self.env["kubernetes.namespace.found"].search(
            [
                ("cluster_id", "=", namespace.cluster_id.id),
                ("name", "=", namespace.name),
            ]
        ).unlink()
        self._update_state()

    def _touched_since(self, moment):
        """The apps that a job works on in the cluster, or did after ``moment``, or that
        were seen there after it."""
        seen = self.filtered(lambda app: app.observed_at and app.observed_at > moment)
        jobs = self.env["kubernetes.job"].search(
            Domain("app_id", "in", (self - seen).ids)
            & (
                Domain("finished_at", ">=", moment)
                | Domain("state", "in", ("pending", "running"))
                & (Domain("started_at", "!=", False) | Domain("kind", "=", "adopt"))
            )
        )
        return seen | jobs.app_id

    def _check_operator(self):
        """Whoever may not change an app may not ask for anything either."""
        self.check_access("write")

    def _enqueue(self, kind, options=None, delay=0):
        """Ask for a job of ``kind``, in ``delay`` seconds at the earliest; return it.

        A request for what waits already joins the waiting job. The latest wish wins:
        what contradicts it is cancelled or asked to stop. Starting an app that was
        never deployed deploys it. Raises a UserError in words when it cannot be.
        """
        self.ensure_one()
        return self._enqueue_all(kind, options, delay)

    def _enqueue_all(self, kind, options=None, delay=0):
        """As ``_enqueue``, of many apps in as many queries as of one."""
        jobs, joined = self._ask(kind, options, delay)
        if kind in LOGGED_KINDS:
            for of_kind in jobs.grouped("kind").values():
                label = of_kind[0]._kind_label()
                (of_kind - joined).app_id._log(
                    self.env._("%(job)s requested", job=label)
                )
                (of_kind & joined).app_id._log(
                    self.env._("%(job)s requested again; it waits already", job=label)
                )
        return jobs

    def _ask(self, kind, options=None, delay=0):
        """Ask for a job for each app as ``_enqueue`` says, without a note in the
        chatter. Returns the jobs, and those of them that waited already."""
        apps = self._as_system()
        jobs = joined = apps.env["kubernetes.job"]
        for asked, some in apps.grouped(lambda app: app._asked_kind(kind)).items():
            for app in some:
                app._check_may_enqueue(asked, options or {})
            waiting = jobs._joinable(some, asked, self.env.user)
            waiting._join(options, delay)
            made = (some - waiting.app_id)._create_jobs(asked, options, delay)
            wanted = WANTED.get(asked)
            if wanted:
                some.filtered(
                    lambda app, wanted=wanted: app.wanted_state != wanted
                ).wanted_state = wanted
            some._drop_contradicted(waiting | made)
            some._update_state()
            jobs |= waiting | made
            joined |= waiting
        return jobs, joined

    def _create_jobs(self, kind, options, delay):
        run_at = fields.Datetime.now() + timedelta(seconds=delay)
        values = [
            {
                "kind": kind,
                "app_id": app.id,
                "options": options or {},
                "run_at": run_at,
                "requested_by": self.env.uid,
            }
            for app in self
        ]
        jobs = self.env["kubernetes.job"].sudo()
        if not self or self.env.context.get(AT_ONCE):
            return jobs.create(values)
        try:
            # Screens and workers are told at the end alone.
            with self.env.cr.savepoint(flush=False), mute_logger("odoo.sql_db"):
                return jobs.create(values)
        except UniqueViolation as error:
            # Somebody asked at the same moment; the rerun of this request joins.
            raise ConcurrencyError(
                self.env._("Somebody else asked for this at the same moment.")
            ) from error

    def _asked_kind(self, kind):
        """Starting an app that was never deployed deploys it."""
        self.ensure_one()
        return "deploy" if kind == "start" and not self.is_deployed else kind

    def _customer_can(self, kind):
        """Whether the customer may ask for ``reset`` or ``restart`` now, or for a
        ``deploy`` of what they have set: only where that is allowed, of apps that are
        deployed and wanted, and that no job changes."""
        self.ensure_one()
        app = self.sudo()
        if (
            kind not in CUSTOMER_KINDS
            or not app._is_allowed_to_customer(kind)
            or app.wanted_state != "running"
            or app.state not in ("running", "degraded", "failed")
            or not app.is_deployed
        ):
            return False
        try:
            app._check_may_enqueue(kind, app._reset_options())
        except UserError:
            return False
        return True

    def _is_allowed_to_customer(self, kind):
        self.ensure_one()
        if kind == "reset":
            return self._is_resettable()
        return kind == "restart" and self.restart_allowed

    def _customer_request(self, kind):
        """Ask for one of these as the customer, whose own rights decide
        whose app it is. Returns the job; raises a UserError in a customer's words.
        Who works here needs the right to do it, as by the buttons."""
        self.ensure_one()
        self.check_access("write" if self.env.user._is_internal() else "read")
        if not self._customer_can(kind):
            raise UserError(
                self.env._(
                    "This is not possible at the moment. Perhaps something is under"
                    " way already: look at the state of your app."
                )
            )
        options = self._reset_options() if kind == "reset" else None
        return self._enqueue(kind, options)

    @api.model
    def _removing_kinds(self):
        """The kinds of jobs that take an app away, or a part of it."""
        return ("delete",)

    def _drop_contradicted(self, wishes):
        """Cancel what waits and stop what runs where ``wishes``, jobs of one kind, say
        otherwise. A stop that runs comes to its end before what brings the app back
        begins."""
        live = [("app_id", "in", self.ids), ("state", "in", ("pending", "running"))]
        others = self.env["kubernetes.job"].search(live) - wishes
        kind = wishes[:1].kind
        if kind == "delete":
            removing = self._removing_kinds()
            others.filtered(lambda job: job.kind not in removing)._cancel()
        elif kind == "stop":
            others.filtered(
                lambda job: job.kind in ("deploy", "start", "restart", "reset")
            )._cancel()
        elif kind in ("deploy", "start", "reset"):
            others.filtered(
                lambda job: job.kind == "stop" and job.state == "pending"
            )._cancel()

    def _check_may_enqueue(self, kind, options):
        """Refuse in words what cannot be done with the app as it is."""
        self.ensure_one()
        if kind == "delete":
            if self.state == "deleted" and self.namespace_id.state != "kept":
                raise UserError(
                    self.env._("The app %s is deleted already.", self.display_name)
                )
        elif self.wanted_state == "deleted" and (
            kind not in ("adopt", *self._removing_kinds())
        ):
            raise UserError(
                self.env._(
                    "The app %s is deleted or about to be. Create a new app instead.",
                    self.display_name,
                )
            )
        if kind == "restart":
            self._check_may_restart()
        elif kind == "reset":
            self._check_may_reset(options.get("reset"))

    def _check_may_restart(self):
        self.ensure_one()
        if self.wanted_state == "stopped":
            raise UserError(
                self.env._(
                    "The app %s is stopped, so there is nothing to restart. Start it"
                    " instead.",
                    self.display_name,
                )
            )
        if not self.is_deployed:
            raise UserError(
                self.env._(
                    "The app %s was never deployed, so there is nothing to restart."
                    " Apply it instead.",
                    self.display_name,
                )
            )

    def _is_resettable(self):
        """The environment allows it, and is not production whatever it says."""
        environment = self.environment_id
        return environment.reset_allowed and not environment.is_production

    def _check_may_reset(self, mode):
        self.ensure_one()
        environment = self.environment_id
        if not self._is_resettable():
            raise UserError(
                self.env._(
                    "The app %(app)s cannot be reset: its environment,"
                    " %(environment)s, does not allow it, so that its data is safe.",
                    app=self.display_name,
                    environment=environment.name,
                )
            )
        if mode not in ("empty", "manifests"):
            raise UserError(
                self.env._("A reset empties the app or runs its reset manifests.")
            )
        if mode == "manifests" and not self.reset_manifest_line_ids:
            raise UserError(
                self.env._(
                    "The app %s has no reset manifests: add what a reset is to run"
                    " under “Reset” first.",
                    self.display_name,
                )
            )
        if mode == "manifests" and not self.is_deployed:
            # They take for granted what a deploy brings, and would wait for it.
            raise UserError(
                self.env._(
                    "The app %s was never deployed, so there is nothing to reset. Apply"
                    " it instead.",
                    self.display_name,
                )
            )
        if mode == "empty":
            self._check_manifests()

    # -- what came of it ---------------------------------------------------------

    def _update_state(self, deciding=None):
        """Derive the states from the apps' jobs and from what the cluster shows, of
        many apps as fast as of one. ``deciding`` are the jobs that decide, where they
        were read already. Returns those of them that wait."""
        apps = self._as_system()
        if deciding is None:
            deciding = apps._deciding_jobs()
        live = deciding.filtered(lambda job: job.state in ("pending", "running"))
        last = (deciding - live).grouped("app_id")
        changing = live.filtered(lambda job: job.kind in CHANGING_KINDS)
        changing = changing.sorted("id").grouped("app_id")
        none = deciding.browse()
        with apps._reached_afterwards():
            for app in apps:
                state, message = app._derive_state(
                    changing.get(app, none), last.get(app, none)
                )
                values = {}
                if state != app.state:
                    values["state"] = state
                told = told_values("state_message", message)
                values |= {name: told[name] for name in told if told[name] != app[name]}
                if app.active != (state != "deleted"):
                    values["active"] = state != "deleted"
                if values:
                    app.write(values)
            write_together(apps)
        return live.filtered(lambda job: job.state == "pending")

    def _deciding_jobs(self):
        """The jobs that decide on the states of these apps."""
        if not self:
            return self.env["kubernetes.job"]
        namespaces = SQL(
            "id IN (SELECT namespace_id FROM kubernetes_app WHERE id = ANY(%s))",
            self.ids,
        )
        jobs = self.env["kubernetes.job"]
        jobs.flush_model(["app_id", "kind", "state", "finished_at"])
        jobs, _apps, _namespaces = read_together(
            self.env,
            ("kubernetes.job", jobs._deciding(SQL("%s", self.ids))),
            ("kubernetes.app", SQL("id = ANY(%s)", self.ids)),
            ("kubernetes.namespace", namespaces),
        )
        return jobs

    def _derive_state(self, live, last):
        """The state and what is to be said of it, from the jobs that change the app:
        those that wait or run, or else the one that came to its end last."""
        self.ensure_one()
        if live:
            waiting = live.filtered("error_message")[-1:]
            message = waiting._error_told() if waiting else False
            return STATE_AT_WORK[self._decisive(live).kind], message
        if not last:
            # One that took a namespace over was deployed there before.
            if self.namespace_id.state == "active" and self.observed_state in (
                "running",
                "degraded",
                "stopped",
            ):
                return self._observed_app_state()
            return ("stopped" if self.wanted_state == "stopped" else "new"), False
        if last.state == "failed" and not self._has_recovered(last):
            return "failed", last._error_told()
        if last.kind == "delete" and last.state == "done":
            return "deleted", False
        return self._observed_app_state()

    def _decisive(self, live):
        """Of the jobs that wait or run, the one by which the app is named: a delete,
        what runs and is to come to its end, or else what comes next."""
        return (
            live.filtered(lambda job: job.kind == "delete")
            or live.filtered(
                lambda job: job.state == "running" and not job.cancel_requested
            )
            or live.filtered(lambda job: not job.cancel_requested)
            or live
        )[:1]

    def _has_recovered(self, job):
        """What only took too long may get there later."""
        wanted = "stopped" if job.kind == "stop" else "running"
        return (
            job.error_code == "not_ready"
            and self.observed_state == wanted
            and self.observed_at > job.finished_at
        )

    def _observed_app_state(self):
        """The state of an app that no job works on."""
        self.ensure_one()
        seen = self.observed_state
        missing = self.namespace_id.state == "missing"
        if missing and self.wanted_state == "stopped" and not self.is_deployed:
            # Stopped before anything of it was made.
            return "stopped", False
        if missing:
            return "degraded", told(
                NAMESPACE_GONE,
                namespace=self.namespace_id.name,
            )
        if self.wanted_state == "stopped":
            if seen in ("running", "degraded"):
                return "degraded", told(NOT_STOPPED)
            return "stopped", False
        if seen == "missing":
            return "degraded", told(NOTHING_THERE)
        if seen == "stopped":
            return "stopped", told_by(self, "observed_message") or told(SCALED_TO_ZERO)
        if seen == "degraded":
            return "degraded", told_by(self, "observed_message")
        return "running", False

    def _is_reachable(self):
        """Its last job went well, its workloads are ready, and its ingress has an
        address."""
        self.ensure_one()
        return (
            self.state == "running"
            and self.observed_state == "running"
            and self.ingress_state == "ready"
        )

    @api.model
    @contextmanager
    def _reached_afterwards(self):
        """What follows when apps become reachable comes after the block, and after any
        that is around it: it asks for jobs, and would write what is half done. Yields
        where to note such apps."""
        data = self.env.cr.precommit.data
        outer = data.get(REACHED)
        reached = data[REACHED] = {} if outer is None else outer
        try:
            yield reached
        finally:
            if outer is None:
                data.pop(REACHED, None)
        if outer is None:
            self.browse().union(*reached)._as_system()._go_on_reached()

    def _go_on_reached(self):
        """Let the apps go on that have become reachable, none of which harms another;
        of many with one savepoint where nothing fails."""

        def one_by_one(apps=self):
            for app in apps:
                app._run_isolated(app._reachable)

        def together():
            with self.env.cr.savepoint():
                one_by_one(self.with_context(**{AT_ONCE: True}))

        if len(self) < 2 or self.env.context.get(AT_ONCE):
            one_by_one()
            return
        at_once(
            together,
            one_by_one,
            lambda error: _logger.info(
                "What follows for reachable apps is done one by one: %s",
                error_summary(error),
            ),
        )

    def _reachable(self):
        """Called whenever the app becomes reachable (``_is_reachable``): after the
        first deploy, and again after every later interruption."""

    def _apply_observation(self, observation):
        """Take over what the cluster shows; older news than what is known is dropped.

        ``observation`` is the contract's, its ``seen_at`` a naive datetime in UTC.
        """
        self.ensure_one()
        self._apply_observations({self: observation})

    @api.model
    def _apply_observations(self, observations):
        """As ``_apply_observation``, of many: ``{app: observation}``."""
        with self._reached_afterwards():
            self._take_over_observations(observations)._update_state()

    @api.model
    def _take_over_observations(self, observations):
        """Write what the cluster shows. Returns the apps of which it is news."""
        return self.browse().union(
            *(
                app
                for app, observation in observations.items()
                if app._take_over_observation(observation)
            )
        )

    def _take_over_observation(self, observation):
        """Write what the cluster shows. Whether that is news."""
        seen_at = moment_of(observation["seen_at"])
        # Moments are compared that one clock tells. What another worker saw counts as
        # it comes: it tells nothing twice, and what was dropped would never be known.
        observer = self.env.context.get(WORKER_RUN) or False
        late = observer == self.observed_by and is_late(seen_at, self.observed_at)
        if late or self.state == "deleted":
            return False
        ingress = observation["ingress"]
        values = {
            "observed_state": observation["state"],
            **told_values("observed_message", said(observation)),
            "ingress_state": ingress["state"],
            "ingress_hosts": ", ".join(ingress["hosts"]) or False,
            "ingress_addresses": ", ".join(ingress["addresses"]) or False,
            "ingress_tls": ingress["tls"],
            **told_values("ingress_message", said(ingress)),
            "observed_at": seen_at,
            "observed_by": observer,
        }
        if observation.get("objects") is not None:
            objects = self._objects_seen(observation["objects"])
            images = dict.fromkeys(name for item in objects for name in item["images"])
            values |= {"objects_seen": objects, "images": ", ".join(images) or False}
        news = {name: value for name, value in values.items() if self[name] != value}
        # Two looks within one second may differ in nothing.
        if news:
            self.write(news)
        return True

    def _objects_seen(self, objects):
        """What is kept of the contract's ``objects``. The log of what still is not as
        it should be stays until a job has read another one."""
        logs = {
            (*_object_key(item), item["created_at"]): item["log"]
            for item in self.objects_seen or []
            if item["log"]
        }
        kept = []
        for item in objects:
            created_at = item["created_at"] and fields.Datetime.to_string(
                item["created_at"]
            )
            log = item["log"]
            if not log and item["health"] != "current":
                log = logs.get((*_object_key(item), created_at), "")
            kept.append({**item, "created_at": created_at, "log": log})
        return kept

    def _deleted(self, namespace_deleted):
        """The worker deleted the app: free its hostname, where nothing else of it goes
        by that, and its namespace's name where no volumes stay."""
        self._give_names_back()
        self.write(
            {
                "inventory": [],
                "objects_seen": False,
                "images": False,
                "observed_state": "unknown",
                **told_values("observed_message", False),
                "ingress_state": "unknown",
                "ingress_hosts": False,
                "ingress_addresses": False,
                "ingress_tls": False,
                **told_values("ingress_message", False),
            }
        )
        self.namespace_id.state = "deleted" if namespace_deleted else "kept"

    def _drop_wishes(self):
        """Jobs were cancelled. Where no other one is on its way, the app stays what the
        cluster shows of it."""
        if not self:
            return
        live = self.env["kubernetes.job"].search(
            [
                ("app_id", "in", self.ids),
                ("kind", "in", CHANGING_KINDS),
                ("state", "in", ("pending", "running")),
                ("cancel_requested", "=", False),
            ]
        )
        for app in self - live.app_id:
            if app.namespace_id.state in ("new", "active"):
                stopped = app.observed_state == "stopped"
                app.wanted_state = "stopped" if stopped else "running"

    def _log(self, body):
        """A note in the chatter by whoever acts."""
        self._log_each(dict.fromkeys(self, body))

    @api.model
    def _log_each(self, bodies):
        """Notes in the chatter by whoever acts, ``{app: body}``. Notify nobody, so
        cannot fail a customer's order; visitors and the system speak as OdooBot."""
        if not bodies:
            return
        user = self.env.user
        visitor = user._is_public() or user._is_superuser()
        author = self.env.ref("base.partner_root") if visitor else user.partner_id
        apps = self.browse().union(*bodies)._as_system()
        apps._message_log_batch(
            {app.id: body for app, body in bodies.items()}, author_id=author.id
        )

    def _message_track(self, fields_iter, initial_values_dict):
        """As core does it app by app, in two statements for all of them."""
        if len(self) < 2:
            return super()._message_track(fields_iter, initial_values_dict)
        labels = self.fields_get(
            fields_iter, attributes=("string", "type", "selection", "currency_field")
        )
        tracking = {}
        for app in self:
            try:
                tracking[app.id] = app._mail_track(labels, initial_values_dict[app.id])
            except MissingError:  # gone since
                continue
        changed = self.filtered(lambda app: tracking.get(app.id, (None, None))[1])
        if not changed:
            return tracking
        messages = changed._message_log_batch(dict.fromkeys(changed.ids, ""))
        self.env["mail.tracking.value"].sudo().create(
            [
                {**values, "mail_message_id": message.id}
                for app, message in zip(changed, messages, strict=True)
                for _create, _none, values in tracking[app.id][1]
            ]
        )
        return tracking
