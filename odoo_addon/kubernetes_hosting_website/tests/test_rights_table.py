# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import inspect
import json
import re

import psycopg2

from odoo import fields, http
from odoo.exceptions import AccessError, MissingError, UserError
from odoo.fields import Command
from odoo.models import MAGIC_COLUMNS
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from odoo.addons.kubernetes_hosting_sale.tests.common import HostingSaleCase

from .rights_table import COLUMNS, EXTENSIONS, MODELS, ROUTES, Model

ADDONS = "odoo.addons.kubernetes_hosting"
PLACE = "kubernetes_hosting_website/tests/rights_table.py"
# The cells of a model stand for these.
ORM_METHODS = {
    "create",
    "write",
    "unlink",
    "copy",
    "copy_data",
    "fetch",
    "default_get",
    "onchange",
}
# What methods are called with that need something.
ARGUMENTS = {
    "request_preview": ("https://example.com/x.yml", "Title"),
    "preview_result": (0,),
    "stored_preview": ("https://example.com/x.yml",),
    "request_look": ("https://example.com/packages",),
    "look_result": (0,),
    "create_subscription": ([], None),
}
MISSING = 1_000_000
QUIET = (
    "odoo.models",
    "odoo.sql_db",
    "odoo.http",
    "odoo.addons.base.models.ir_model",
    "odoo.addons.base.models.ir_rule",
    "odoo.addons.http_routing.models.ir_http",
)


class _Undo(Exception):
    """Ends a trial; whatever it did is rolled back."""


class RightsTableCase(HostingSaleCase):
    """One user for each column, and the records of the first company's customer A."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        kubernetes = "kubernetes_hosting.group_kubernetes_"
        other_company = cls.env["res.company"].create({"name": "Other"})
        groups = {
            "A": "base.group_portal",
            "B": "base.group_portal",
            "employee": "base.group_user",
            "user": f"{kubernetes}user",
            "operator": f"{kubernetes}operator",
            "administrator": f"{kubernetes}administrator",
        }
        cls.users = {
            "public": cls.env.ref("base.public_user"),
            **{
                column: new_test_user(
                    cls.env, f"table-{column.lower()}", groups=group, lang="en_US"
                )
                for column, group in groups.items()
            },
            "other": new_test_user(
                cls.env,
                "table-other",
                groups=f"{kubernetes}operator",
                lang="en_US",
                company_id=other_company.id,
                company_ids=[Command.set(other_company.ids)],
            ),
        }
        cls.records = cls._records()

    @classmethod
    def _records(cls):
        """A record of the first company's customer A for each model of the table."""
        env = cls.env
        customer = cls.users["A"].partner_id
        order = cls._order(partner_id=customer.id)
        order.action_confirm()
        cls.quotation = cls._order((cls.hosting, 1, "quoted"), partner_id=customer.id)
        cls.quotation.action_quotation_sent()
        app = order.kubernetes_app_ids.filtered(
            lambda app: app.environment_id == cls.int
        )
        app.state = "failed"
        job = app.job_ids[:1]
        value = env["product.attribute"].create(
            {"name": "Size", "value_ids": [Command.create({"name": "L"})]}
        )
        made = {
            "kubernetes.app": app,
            "kubernetes.app.manifest": app.manifest_line_ids[:1],
            "kubernetes.app.reservation": cls.quotation.order_line[
                :1
            ].kubernetes_reservation_ids,
            "kubernetes.cluster": env["kubernetes.cluster"].create(
                {"name": "own", "domain": "own.example"}
            ),
            "kubernetes.config.map": app.config_map_id,
            "kubernetes.config.map.line": app.config_map_id.line_ids[:1],
            "kubernetes.environment": cls.int,
            "kubernetes.hostname": app.hostname_ids,
            "kubernetes.job": job,
            "kubernetes.manifest": cls.web,
            "kubernetes.namespace": app.namespace_id,
            "kubernetes.product.manifest": cls.hosting.kubernetes_manifest_ids[:1],
            "kubernetes.reserved.name": env["kubernetes.reserved.name"].search(
                [], limit=1
            ),
            "kubernetes.secret": app.secret_id,
            "kubernetes.secret.line": app.secret_id.line_ids[:1],
            "product.attribute.value": value.value_ids,
            "product.template": cls.hosting.product_tmpl_id,
            "res.company": env.company,
            "res.config.settings": env["res.config.settings"].create({}),
            "res.partner": customer,
            "res.users": cls.users["A"],
            "sale.order": order,
            "sale.order.line": order.order_line[:1],
            "sale.subscription": app.subscription_id,
            "sale.subscription.line": app.subscription_id.sale_subscription_line_ids[
                :1
            ],
        }
        for model, values in {
            "kubernetes.app.change": {"app_id": app.id, "source": "limits"},
            "kubernetes.app.domain": {"app_id": app.id, "name": "table.example.org"},
            "kubernetes.attention.told": {
                "user_id": env.user.id,
                "row": 1,
                "seen_at": fields.Datetime.now(),
            },
            "kubernetes.attribute.value": {"value_id": value.value_ids.id, "key": "x"},
            "kubernetes.config.map.action": {
                "config_map_id": app.config_map_id.id,
                "name": "x",
                "key": "x",
            },
            "kubernetes.dns.record": {
                "app_id": app.id,
                "purpose": "sending",
                "record_type": "TXT",
                "name": "x",
                "value": "x",
                "validity": "valid",
            },
            "kubernetes.job.step": {
                "job_id": job.id,
                "attempt": 1,
                "number": 1,
                "code": "fetching",
                "state": "done",
            },
            "kubernetes.manifest.content": {
                "manifest_id": cls.web.id,
                "digest": "x",
            },
            "kubernetes.name.check": {"address": "192.0.2.1"},
            "kubernetes.name.holder": {"key": "table"},
            "kubernetes.node.port": {
                "cluster_id": app.cluster_id.id,
                "number": 30000,
                "app_id": app.id,
            },
            "kubernetes.order.value": {
                "sale_order_line_id": order.order_line[:1].id,
                "unit": 1,
                "key": "x",
            },
            "kubernetes.password.guess": {"address": "192.0.2.1"},
            "kubernetes.password.link": {
                "app_id": app.id,
                "token_hash": "x",
                "valid_until": fields.Datetime.now(),
            },
        }.items():
            made[model] = env[model].create(values)
        # A look at the DNS was asked for.
        app.state = "failed"
        found = env["kubernetes.namespace.found"].create(
            {
                "name": "found-prod",
                "cluster_id": app.cluster_id.id,
                "state": "unknown",
                "object_uid": "x",
                "company_id": env.company.id,
            }
        )
        repository = env["kubernetes.repository"].create(
            {"name": "table", "url": "https://example.com/packages"}
        )
        package = env["kubernetes.package"].create(
            {"repository_id": repository.id, "name": "table", "title": "Table"}
        )
        version = env["kubernetes.package.version"].create(
            {
                "package_id": package.id,
                "name": "1.0",
                "digest": "x",
                "content": {
                    **dict.fromkeys(("text", "vars", "icon"), ""),
                    "environments": ["prod"],
                    "manifests": [],
                    "variables": [],
                    "needs": dict.fromkeys(("cpu", "memory", "storage"), ""),
                },
            }
        )
        package.latest_version_id = version
        made |= {
            "kubernetes.repository": repository,
            "kubernetes.repository.run": env["kubernetes.repository.run"].create(
                {"repository_id": repository.id, "state": "done"}
            ),
            "kubernetes.package": package,
            "kubernetes.package.category": env["kubernetes.package.category"].create(
                {"name": "table", "company_id": env.company.id}
            ),
            "kubernetes.package.version": version,
        }
        worker = env["kubernetes.worker"].create({"name": "table"})
        worker._create_key()
        keys = env["kubernetes.worker.key.create"].with_user(cls.users["administrator"])
        administrator = env(user=cls.users["administrator"].id)
        made |= {
            "kubernetes.database.moved": administrator[
                "kubernetes.database.moved"
            ].create({}),
            "kubernetes.namespace.found": found,
            "kubernetes.node.port": env["kubernetes.node.port"].create(
                {"cluster_id": app.cluster_id.id, "number": 30000, "app_id": app.id}
            ),
            "kubernetes.worker": worker,
            "kubernetes.worker.key": worker.key_ids,
            "kubernetes.worker.key.create": keys.create({"worker_id": worker.id}),
        }
        wizards = env(user=cls.users["operator"].id)
        for model, values in {
            "kubernetes.app.apply": {"app_id": app.id},
            "kubernetes.app.delete": {"app_id": app.id},
            "kubernetes.app.request": {
                "kind": "stop",
                "line_ids": [Command.create({"app_id": app.id})],
            },
            "kubernetes.app.reset": {"app_id": app.id},
            "kubernetes.app.restore": {"job_id": job.id},
            "kubernetes.package.install": {
                "version_id": version.id,
                "line_ids": [Command.create({"key": "x", "title": "x"})],
            },
            "kubernetes.package.sell": {
                "version_id": version.id,
                "name": "x",
                "line_ids": [Command.create({"plan": "x", "title": "x"})],
            },
            "kubernetes.namespace.adopt": {"found_id": found.id},
            "kubernetes.namespace.adopt.all": {},
            "kubernetes.config.map.import": {
                "line_ids": [Command.create({"key": "x"})]
            },
        }.items():
            made[model] = wizards[model].create(values)
        made["kubernetes.app.request.line"] = made["kubernetes.app.request"].line_ids
        made["kubernetes.package.install.line"] = made[
            "kubernetes.package.install"
        ].line_ids
        made["kubernetes.package.sell.line"] = made["kubernetes.package.sell"].line_ids
        made["kubernetes.config.map.import.line"] = made[
            "kubernetes.config.map.import"
        ].line_ids
        env.flush_all()
        made["kubernetes.attention"] = env["kubernetes.attention"].search(
            [("app_id", "=", app.id)], limit=1
        )
        return {name: record.sudo(False) for name, record in made.items()}

    def record(self, model, column):
        record = self.records.get(model)
        if not record:
            self.fail(f"Make a record of {model} in _records() of {__name__}.")
        return self.env[model].with_user(self.users[column]).browse(record.id)

    def trial(self, call, *args):
        """Call, undo it, and return why it was refused: None where it was not. What an
        allowed call says of the state of things is no refusal."""
        self.env.invalidate_all()
        try:
            with mute_logger(*QUIET), self.env.cr.savepoint():
                call(*args)
                raise _Undo
        except AccessError as error:
            return error
        except MissingError as error:
            return error
        except (_Undo, UserError, psycopg2.Error):
            return None
        finally:
            self.env.invalidate_all(flush=False)

    def report(self, problems):
        self.assertFalse(problems, "\n".join(["", *problems]))


def _our_classes(model):
    return [c for c in type(model).mro() if c.__module__.startswith(ADDONS)]


def _columns(names):
    return set(names.split())


def _by_name(rows):
    """{"columns": "names"} as {name: {columns}}."""
    return {
        name: _columns(columns)
        for columns, names in rows.items()
        for name in names.split()
    }


@tagged("post_install", "-at_install")
class TestRightsTable(RightsTableCase, HttpCase):
    """Whoever acts, acts with their own rights: all models, fields, methods and routes
    of our addons against one table."""

    def models(self):
        """The models that are ours, or have a field or method of ours."""
        for name in sorted(self.env.registry):
            model = self.env[name]
            if not model._abstract and _our_classes(model):
                yield name, model

    def row(self, name):
        return MODELS.get(name) or EXTENSIONS.get(name)

    def our_fields(self, model):
        return [
            field
            for field in model._fields.values()
            if (field._module or "").startswith("kubernetes_hosting")
            and not field.inherited
            and field.name not in MAGIC_COLUMNS
        ]

    def our_methods(self, model):
        """The names of the methods that RPC calls."""
        names = {
            name
            for cls in _our_classes(model)
            for name, member in vars(cls).items()
            if not name.startswith("_") and inspect.isfunction(member)
        }
        return {
            name
            for name in names - ORM_METHODS
            if not any(
                getattr(getattr(cls, name, None), "_api_private", False)
                for cls in type(model).mro()
            )
        }

    # -- models ------------------------------------------------------------------

    def test_every_model_has_its_row(self):
        problems = []
        known = dict(self.models())
        for name, model in known.items():
            if name.startswith("kubernetes."):
                if name not in MODELS:
                    problems.append(f"Add a row for the model {name} to MODELS.")
            elif name not in EXTENSIONS and (
                self.our_fields(model) or self.our_methods(model)
            ):
                problems.append(f"Add a row for the model {name} to EXTENSIONS.")
        for name in {**MODELS, **EXTENSIONS}:
            if name not in known:
                problems.append(f"Remove the row of {name}: there is no such model.")
        self.report([f"{PLACE}: {problem}" for problem in problems])

    def test_models_are_read_written_created_and_deleted_as_the_table_says(self):
        problems = []
        for name, row in MODELS.items():
            cells = row.cells.split()
            self.assertEqual(len(cells), len(COLUMNS), f"{PLACE}: cells of {name}")
            for column, cell in zip(COLUMNS, cells, strict=True):
                record = self.record(name, column)
                tried = "".join(
                    letter
                    for letter, call, *args in (
                        ("r", record.read, ["id"]),
                        ("w", record.write, {}),
                        ("c", record.create, {}),
                        ("d", record.unlink),
                    )
                    if not self.trial(call, *args)
                )
                if (tried or "-") != cell:
                    problems.append(
                        f"{PLACE}: MODELS, {name}, column {column}: the table says"
                        f" {cell}, it is {tried or '-'}."
                    )
        self.report(problems)

    # -- fields ------------------------------------------------------------------

    def reads(self, name, column, field):
        return not self.trial(self.record(name, column).read, [field])

    def test_fields_of_our_models_are_read_as_the_table_says(self):
        problems = []
        for name, row in MODELS.items():
            only = _by_name(row.only)
            for column, cell in zip(COLUMNS, row.cells.split(), strict=True):
                if "r" not in cell:
                    continue
                few = row.reads.get(column)
                for field in self.env[name]._fields:
                    expected = (
                        field in few.split()
                        if few
                        else column in only.get(field, {column})
                    )
                    if self.reads(name, column, field) != expected:
                        problems.append(
                            f"{PLACE}: MODELS, {name}: {column}"
                            f" {'does not read' if expected else 'reads'} {field}."
                            " Give the field groups, or correct “reads” or “only” of"
                            " the row."
                        )
        self.report(problems)

    def test_fields_that_only_the_system_writes_stand_in_the_table(self):
        problems = []
        for name, row in {**MODELS, **EXTENSIONS}.items():
            model = self.env[name]
            writers = []
            if isinstance(row, Model):
                cells = zip(COLUMNS, row.cells.split(), strict=True)
                writers = [column for column, cell in cells if "w" in cell]
                if not writers:
                    continue
            system = set(row.system.split())
            for field in self.our_fields(model):
                if field.compute and not field.store and not field.inverse:
                    continue  # nothing would be written
                is_system = bool(field.readonly)
                if is_system != (field.name in system):
                    problems.append(
                        f"{PLACE}: {name}: the field {field.name} is"
                        f" {'' if is_system else 'not '}declared read-only: it"
                        f" {'belongs' if is_system else 'does not belong'} into"
                        " “system” of the row. What only the system writes is declared"
                        " readonly=True."
                    )
                for column in writers if is_system else []:
                    record = self.record(name, column)
                    if not self.trial(record.write, {field.name: False}):
                        problems.append(f"{name}: {column} writes {field.name}.")
            for field in system - set(model._fields):
                problems.append(f"{PLACE}: {name}: there is no field {field}.")
            if system and not hasattr(model, "_is_system_field"):
                problems.append(f"Add kubernetes.protected to the _inherit of {name}.")
        self.report(problems)

    def test_what_we_add_to_other_models_is_read_as_the_table_says(self):
        problems = []
        for name, row in EXTENSIONS.items():
            readers = _by_name(row.reads)
            fields_of_ours = [field.name for field in self.our_fields(self.env[name])]
            for field in fields_of_ours:
                found = " ".join(
                    column for column in COLUMNS if self.reads(name, column, field)
                )
                if found != " ".join(c for c in COLUMNS if c in readers.get(field, ())):
                    problems.append(
                        f"{PLACE}: EXTENSIONS, {name}: {field} is read by"
                        f" “{found}”; the table says otherwise or nothing."
                    )
            for field in set(readers) - set(fields_of_ours):
                problems.append(f"{PLACE}: EXTENSIONS, {name}: no field {field}.")
        self.report(problems)

    # -- methods -----------------------------------------------------------------

    def test_methods_are_called_by_whom_the_table_says(self):
        problems = []
        for name, model in self.models():
            row = self.row(name)
            callers = _by_name(row.calls) if row else {}
            methods = self.our_methods(model)
            for method in methods:
                found = " ".join(c for c in COLUMNS if self.calls(name, c, method))
                said = callers.get(method, ())
                if found != " ".join(c for c in COLUMNS if c in said):
                    problems.append(
                        f"{PLACE}: {name}, “calls”: {method} is called by “{found}”;"
                        " the table says otherwise or nothing. What need not be public"
                        " begins with an underscore."
                    )
            for method in set(callers) - methods:
                problems.append(f"{PLACE}: {name}, “calls”: no method {method}.")
        self.report(problems)

    def calls(self, name, column, method, record=None):
        record = self.record(name, column) if record is None else record
        function = getattr(record, method)
        if getattr(function, "__has_check_identity", False):
            function = inspect.unwrap(function.__func__).__get__(record)
        return not self.trial(function, *ARGUMENTS.get(method, ()))

    def test_refusals_say_nothing_of_whether_the_record_is_there(self):
        problems = []
        for name, model in self.models():
            if not name.startswith("kubernetes.") or name not in MODELS:
                continue
            for column, cell in zip(COLUMNS, MODELS[name].cells.split(), strict=True):
                if "r" in cell:
                    continue  # who reads it may know that it is there
                record = self.record(name, column)
                missing = record.browse(record.id + MISSING)
                tried = [
                    ("read", ["id"]),
                    ("read", ["display_name"]),
                    ("write", {}),
                    ("unlink",),
                    *(
                        (method, *ARGUMENTS.get(method, ()))
                        for method in self.our_methods(model)
                        if not hasattr(getattr(model, method), "__has_check_identity")
                    ),
                ]
                for method, *args in tried:
                    answers = [
                        str(error) if error else ""
                        for error in (
                            self.trial(getattr(asked, method), *args)
                            for asked in (record, missing)
                        )
                    ]
                    if answers[0] and answers[0] != answers[1]:
                        problems.append(f"{name}.{method}, {column}: {answers}")
        self.report(problems)

    # -- records that are named --------------------------------------------------

    def stranger(self):
        """Somebody of the second company with all rights there."""
        company = self.users["other"].company_id
        groups = (
            "kubernetes_hosting.group_kubernetes_administrator",
            "product.group_product_manager",
            "sales_team.group_sale_manager",
        )
        return new_test_user(
            self.env,
            "stranger",
            groups=",".join(groups),
            company_id=company.id,
            company_ids=[Command.set(company.ids)],
        )

    def unreadable(self, comodel, user):
        """A record of this model that the user may not read, if there is one."""
        if comodel == "res.partner" and not self.foreign_partner:
            self.foreign_partner = self.env["res.partner"].create(
                {"name": "Foreign", "company_id": self.env.company.id}
            )
        records = self.env[comodel].with_context(active_test=False).search([])
        readable = records.with_user(user)._filtered_access("read")
        return (records - readable.sudo())[:1]

    foreign_partner = None

    def named(self, field, number):
        """The values by which a field names a record."""
        if field.type == "many2one":
            return [number, {"id": number}]
        values = {"sequence": 1}
        return [[Command.link(number)], [Command.set([number])]] + (
            [[Command.update(number, values)]] if field.type == "one2many" else []
        )

    def test_whoever_names_a_record_learns_neither_its_name_nor_that_it_is_there(self):
        problems, tried, user = [], 0, self.stranger()
        for name, model in self.models():
            model = model.with_user(user)
            for field in model._fields.values():
                ours = (field.base_field._module or "").startswith("kubernetes_hosting")
                if not field.relational or not (
                    ours or name.startswith("kubernetes.") and field.name != "id"
                ):
                    continue
                record = self.unreadable(field.comodel_name, user)
                if not record:
                    continue
                tried += 1
                spec = {field.name: {"fields": {"display_name": {}}}}
                for there, missing in zip(
                    self.named(field, record.id),
                    self.named(field, 2**30),
                    strict=True,
                ):
                    for way, call in {
                        "create": lambda v, f=field.name, m=model: m.create({f: v}),
                        "write": lambda v, f=field.name, m=model: m.write({f: v}),
                        "web_save": lambda v, f=field.name, m=model, s=spec: m.web_save(
                            {f: v}, s
                        ),
                        "onchange": lambda v, f=field.name, m=model, s=spec: m.onchange(
                            {f: v}, [f], s
                        ),
                        "default": lambda v, f=field.name, m=model, s=spec: (
                            m.with_context(**{f"default_{f}": v}).onchange({}, [], s)
                        ),
                    }.items():
                        answers = [self.said(call, value) for value in (there, missing)]
                        if answers[0] != answers[1]:
                            problems.append(
                                f"{name}.{field.name}, {way} {there}: {answers}"
                            )
        self.report(problems)
        self.assertGreater(tried, 50)

    def said(self, call, value):
        """What is answered or refused, whichever."""
        self.env.invalidate_all()
        try:
            with mute_logger(*QUIET), self.env.cr.savepoint(flush=False):
                answer = str(call(value))
                raise _Undo
        except _Undo:
            return answer
        except psycopg2.Error as error:
            return type(error).__name__  # the text has ids of its own
        except Exception as error:  # pylint: disable=broad-except
            return f"{type(error).__name__}: {error}"
        finally:
            self.env.invalidate_all(flush=False)

    def test_what_a_record_shows_of_others_is_read_with_ones_own_rights(self):
        rules = self.env["ir.rule"].search([("global", "=", True)])
        guarded = set(rules.mapped("model_id.model"))
        problems = []
        for name, model in self.models():
            if not name.startswith("kubernetes."):
                continue
            for field in model._fields.values():
                # What is stored is written by the system, and its source, too.
                if not field.related or field.store or not field.compute_sudo:
                    continue
                comodel = model
                for step in field.related.split(".")[:-1]:
                    comodel = comodel[step]
                    if comodel._name in guarded:
                        problems.append(f"{name}.{field.name}: add related_sudo=False.")
                        break
        self.report(problems)

    # -- routes ------------------------------------------------------------------

    def our_routes(self):
        modules = sorted(self.env.registry._init_modules)
        for url, endpoint in http._generate_routing_rules(modules, nodb_only=False):
            controller = type(endpoint.func.__self__)
            if any(
                cls.__module__.startswith(ADDONS)
                and ".tests." not in cls.__module__
                and endpoint.func.__name__ in vars(cls)
                for cls in controller.mro()
            ):
                yield url

    def test_every_route_has_its_row(self):
        routes = set(self.our_routes())
        self.report(
            [f"{PLACE}: add a row for {url} to ROUTES." for url in routes - set(ROUTES)]
            + [f"{PLACE}: there is no route {url}." for url in set(ROUTES) - routes]
        )

    def test_routes_answer_whom_the_table_says(self):
        problems = []
        for column in COLUMNS:
            login = None if column == "public" else self.users[column].login
            self.authenticate(login, login)
            for url, row in ROUTES.items():
                asked, callers = row
                there = self.answer(asked, 0)
                if there[0] >= 500:
                    problems.append(f"{url}, {column}: {there}")
                by_id = "{" in str(asked)
                answered = by_id and there != self.answer(asked, MISSING)
                if answered != (column in _columns(callers)):
                    problems.append(
                        f"{PLACE}: ROUTES, {url}: {column} is"
                        f" {'' if answered else 'not '}answered otherwise than for"
                        f" what is not there: {str(there)[:200]}"
                    )
        self.report(problems)

    def answer(self, asked, offset):
        """What is answered, without what differs between any two answers."""
        self.env["kubernetes.password.guess"].search([]).unlink()
        ids = {
            "app": self.records["kubernetes.app"].id + offset,
            "order": self.quotation.id + offset,
            "config_map": self.records["kubernetes.config.map"].id + offset,
            "line": self.quotation.order_line[:1].id + offset,
        }
        kind, url, *params = asked
        url = url.format(**ids)
        data = {
            key: ids[value[1:-1]] if str(value).startswith("{") else value
            for key, value in (params[0] if params else {}).items()
        }
        with mute_logger(*QUIET):
            if kind == "JSON":
                body = {"jsonrpc": "2.0", "id": 0, "method": "call", "params": data}
                answer = self.url_open(url, json=body)
                content = answer.json()
                error = content.get("error")
                said = error["data"]["name"] if error else json.dumps(content["result"])
            else:
                if kind == "POST":
                    data["csrf_token"] = http.Request.csrf_token(self)
                answer = self.url_open(
                    url, data=data if kind == "POST" else None, allow_redirects=False
                )
                said = answer.headers.get("Location", "") or (
                    answer.text if answer.status_code == 200 else ""
                )
        for number in ids.values() if offset else ():
            said = said.replace(str(number), str(number - offset))
        said = re.sub(r"csrf_token\W+\w+\W+\w+", "", said)
        self.env.invalidate_all()
        return answer.status_code, said
