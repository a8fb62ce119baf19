# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL

from ..tools.together import know_lines, read_together
from .kubernetes_worker import is_late, moment_of


class KubernetesNamespaceFound(models.Model):
    """A namespace in a cluster that says it is of this database, and of no app that
    Odoo knows by its UID.

    A worker that has looked at a whole cluster names all namespaces of this database;
    ``_compare`` holds them against the records. Nothing is taken over or deleted by
    itself: an operator who has seen the namespace chooses the app (``_adopt``), has it
    created again (``_adopt_as_new``) or has the namespace deleted (``_remove``), and
    the worker checks that it still is what was seen.
    """

    _name = "kubernetes.namespace.found"
    _description = "Namespace Found in a Cluster"
    _inherit = ["kubernetes.live"]
    _order = "cluster_id, name, id"

    name = fields.Char(string="Namespace", required=True, readonly=True)
    cluster_id = fields.Many2one(
        "kubernetes.cluster",
        required=True,
        readonly=True,
        ondelete="cascade",
        index=True,
    )
    state = fields.Selection(
        [("own", "Without UID"), ("unknown", "Unknown to Odoo")],
        required=True,
        readonly=True,
        help="Without UID: an app of this database was deployed there before apps had a"
        " UID, and its id, name and environment are those on the namespace. Unknown to"
        " Odoo: made for an app that Odoo does not know, as after an older backup was"
        " restored.",
    )
    object_uid = fields.Char(
        string="Kubernetes' UID",
        required=True,
        readonly=True,
        help="A namespace that is made anew has another one.",
    )
    app_uid = fields.Char(string="UID on It", readonly=True)
    app_number = fields.Integer(string="App Number on It", readonly=True)
    app_name = fields.Char(string="App on It", readonly=True)
    environment_code = fields.Char(string="Environment on It", readonly=True)
    created_at = fields.Datetime(string="Made", readonly=True)
    labels = fields.Json(string="Labels as Data", readonly=True)
    labels_text = fields.Text(string="Labels", compute="_compute_labels_text")
    job_ids = fields.One2many("kubernetes.job", "found_id", readonly=True)
    job_id = fields.Many2one(
        "kubernetes.job",
        string="Deletion",
        compute="_compute_job_id",
        help="The job that deletes the namespace, or tried to.",
    )
    job_state = fields.Selection(
        lambda self: self.env["kubernetes.job"]._fields["state"].selection,
        string="Deletion's State",
        compute="_compute_job_id",
    )
    app_id = fields.Many2one(
        "kubernetes.app",
        readonly=True,
        index="btree_not_null",
        ondelete="set null",
        help="The app whose namespace it is by all that can be told.",
    )
    company_id = fields.Many2one(
        "res.company",
        readonly=True,
        index="btree_not_null",
        help="Empty: on a cluster of several companies it is not known whose it is;"
        " administrators see it.",
    )

    _name_uniq = models.UniqueIndex("(cluster_id, name)")

    @api.depends("labels")
    def _compute_labels_text(self):
        for found in self:
            labels = sorted((found.labels or {}).items())
            found.labels_text = "\n".join(f"{key}={value}" for key, value in labels)

    @api.depends("job_ids.state", "object_uid")
    def _compute_job_id(self):
        """Not what was to delete another namespace of the same name."""
        for found in self:
            jobs = found.job_ids.filtered(
                lambda job, found=found: job.options["found"]["object"]
                == found.object_uid
            )
            found.job_id = jobs.sorted("id")[-1:]
            found.job_state = found.job_id.state

    # -- what the cluster shows --------------------------------------------------

    @api.model
    def _compare(self, cluster, look):
        """Hold all namespaces that a cluster shows of this database, the contract's
        ``complete``, against the records. An older look than the last is dropped."""
        looked_at = moment_of(look["looked_at"])
        if is_late(looked_at, cluster.looked_at):
            return
        cluster.looked_at = looked_at
        records, known = self._read_known(cluster)
        by_name = {record.name: record for record in records}
        found, present, only_company = {}, [], None
        for item in look["namespaces"]:
            record = by_name.get(item["namespace"], records.browse())
            if record and item["uid"] and record.app_ids.uid == item["uid"]:
                present.append(record.id)
                continue
            own = record._is_own(item)
            if own:
                present.append(record.id)
            if only_company is None:
                companies = self.env["res.company"].search([], limit=2)
                only_company = companies if len(companies) == 1 else companies.browse()
            found[item["namespace"]] = self._values(
                cluster, item, own and record, only_company
            )
        self._keep(known, found)
        present = records.browse(present)
        present._seen_in_cluster(
            with_uid=present.filtered(lambda r: r.name not in found)
        )
        (records - present)._not_seen_in_cluster(looked_at)

    @api.model
    def _values(self, cluster, item, own, only_company):
        company = own.company_id if own else cluster.company_id or only_company
        return {
            "name": item["namespace"],
            "cluster_id": cluster.id,
            "state": "own" if own else "unknown",
            "object_uid": item["object"],
            "app_uid": item["uid"] or False,
            "app_number": item["app"] or 0,
            "app_name": item["name"] or False,
            "environment_code": item["environment"] or False,
            "created_at": item["created_at"],
            "labels": {label["key"]: label["value"] for label in item["labels"]},
            "app_id": own.app_ids.id if own else False,
            "company_id": company.id,
        }

    @api.model
    def _read_known(self, cluster):
        """The namespaces that apps have in the cluster, and what was found there."""
        for model in ("kubernetes.namespace", "kubernetes.app", self._name):
            self.env[model].flush_model()
        own = SQL("cluster_id = %s AND state <> 'deleted'", cluster.id)
        apps = SQL(
            "namespace_id IN (SELECT id FROM kubernetes_namespace WHERE %s)", own
        )
        namespaces, apps, _environments, known = read_together(
            self.env,
            ("kubernetes.namespace", own),
            ("kubernetes.app", apps),
            (
                "kubernetes.environment",
                SQL("id IN (SELECT environment_id FROM kubernetes_app WHERE %s)", apps),
            ),
            (self._name, SQL("cluster_id = %s", cluster.id)),
        )
        know_lines(namespaces, "app_ids", apps)
        return namespaces, known

    @api.model
    def _keep(self, known, found):
        """Of what is known of a cluster, keep exactly these records, by name."""
        known = {record.name: record for record in known}
        self.union(*(r for name, r in known.items() if name not in found)).unlink()
        for name, record in known.items():
            if name not in found:
                continue
            changed = {
                field: value
                for field, value in found[name].items()
                if record._fields[field].convert_to_write(record[field], record)
                != value
            }
            if changed:
                record.write(changed)
        self.create([values for name, values in found.items() if name not in known])

    # -- taking over -------------------------------------------------------------

    def action_take_over(self):
        """Choose the app that the namespace is for."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Take Over a Namespace"),
            "res_model": "kubernetes.namespace.adopt",
            "view_mode": "form",
            "target": "new",
            "context": {"default_found_id": self.id, "default_app_id": self.app_id.id},
        }

    def action_delete(self):
        """Ask whether the namespace is to be deleted, and say what is lost."""
        self.check_access("read")
        self.env["kubernetes.app"].check_access("write")
        return {
            **self.action_take_over(),
            "name": self.env._("Delete a Namespace"),
            "context": {"default_found_id": self.id, "default_choice": "delete"},
        }

    def _adopt(self, app):
        """Ask for the job that gives this namespace to ``app``; whoever asks may see
        the one and change the other."""
        self.ensure_one()
        self.check_access("read")
        app._check_operator()
        self._check_company_known()
        found, target = self.sudo(), app.sudo()
        found._check_not_going()
        found._check_may_adopt(target)
        target._take_namespace(found)
        return app._enqueue("adopt", {"found": found._as_seen()})

    def _adopt_as_new(self, name, environment, partner=None):
        """Create the app of this namespace again, with what can be known, and give it
        the namespace. Returns the app."""
        self.ensure_one()
        self.check_access("read")
        found = self.sudo()
        company = found.company_id or found.cluster_id.company_id or self.env.company
        app = self.env["kubernetes.app"].create(
            {
                "name": name,
                "environment_id": environment.id,
                "cluster_id": found.cluster_id.id,
                "company_id": company.id,
                "partner_id": partner.id if partner else False,
            }
        )
        self._adopt(app)
        return app

    def _as_seen(self):
        """Whose it was when it was looked at, as the contract's ``found``."""
        self.ensure_one()
        return {
            "object": self.object_uid,
            "uid": self.app_uid or None,
            "app": self.app_number or None,
        }

    def _check_company_known(self):
        """What may be another company's is for those who work for all of them."""
        if not self.sudo().company_id and not self._works_for_all_companies():
            raise AccessError(
                self.env._(
                    "It is not known of which company the namespace %s is: only an"
                    " administrator who works for all companies may take it over or"
                    " delete it.",
                    self.name,
                )
            )

    def _check_not_going(self):
        if self.job_state in ("pending", "running"):
            raise UserError(
                self.env._(
                    "The namespace %s is being deleted. Cancel the job first, and look"
                    " whether it is still there.",
                    self.name,
                )
            )

    # -- deleting ----------------------------------------------------------------

    def _remove(self):
        """Ask for the job that deletes this namespace with all that is in it; whoever
        asks may see it and delete apps. Returns the job."""
        self.ensure_one()
        self.check_access("read")
        self.env["kubernetes.app"].check_access("write")
        self._check_company_known()
        found = self.sudo()
        found._check_not_going()
        found._check_may_remove()
        return (
            self.env["kubernetes.job"]
            ._as_system()
            .create(
                {
                    "kind": "remove",
                    "found_id": found.id,
                    "cluster_id": found.cluster_id.id,
                    "company_id": (
                        found.company_id
                        or found.cluster_id.company_id
                        or self.env.company
                    ).id,
                    "options": {"namespace": found.name, "found": found._as_seen()},
                    "requested_by": self.env.uid,
                }
            )
        )

    def _check_may_remove(self):
        """What is an app's here is deleted by its app."""
        self.ensure_one()
        apps = self.env["kubernetes.app"].with_context(active_test=False)
        is_known = self.app_uid and apps.search_count([("uid", "=", self.app_uid)])
        if self.state != "unknown" or is_known:
            raise UserError(
                self.env._(
                    "The namespace %s is of an app that Odoo knows. Take it over for"
                    " that app, and delete the app if it is to go.",
                    self.name,
                )
            )

    def _after_remove(self, _job, _result):
        """The worker has deleted it."""
        self.unlink()

    def _check_may_adopt(self, app):
        self.ensure_one()
        names = {"namespace": self.name, "app": app.display_name}

        def name_of(other):
            """Where another company's app is in the way, that much is said."""
            if other.sudo(False).has_access("read"):
                return other.display_name
            return self.env._("of another company")

        if app.cluster_id != self.cluster_id or (
            self.company_id and self.company_id != app.company_id
        ):
            raise UserError(
                self.env._(
                    "The namespace %(namespace)s is not on the cluster, or not of the"
                    " company, of the app %(app)s.",
                    **names,
                )
            )
        owner = (
            self.app_id
            or self.app_uid
            and self.env["kubernetes.app"]
            .with_context(active_test=False)
            .search([("uid", "=", self.app_uid)])
        )
        if owner and owner != app:
            raise UserError(
                self.env._(
                    "The namespace %(namespace)s is of the app %(owner)s, not of"
                    " %(app)s: take it over for that one, or leave it.",
                    owner=name_of(owner),
                    **names,
                )
            )
        holder = self.env["kubernetes.namespace"].search(
            [
                ("cluster_id", "=", self.cluster_id.id),
                ("name", "=", self.name),
                ("state", "!=", "deleted"),
            ]
        )
        if holder - app.namespace_id and holder.app_ids:
            raise UserError(
                self.env._(
                    "The name %(namespace)s is reserved for the app %(holder)s. Press"
                    " “New Namespace” on that app first.",
                    holder=name_of(holder.app_ids),
                    **names,
                )
            )
        if app.namespace_id.name != self.name and not app._is_namespace_unused():
            raise UserError(
                self.env._(
                    "The app %(app)s has a namespace of its own in use, %(used)s."
                    " Create a new app for %(namespace)s instead.",
                    used=app.namespace_id.name,
                    **names,
                )
            )
