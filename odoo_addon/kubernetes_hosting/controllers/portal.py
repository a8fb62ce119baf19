# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import json

from werkzeug.exceptions import NotFound

from odoo import http
from odoo.exceptions import UserError
from odoo.http import request

from odoo.addons.portal.controllers.portal import CustomerPortal, pager

# The list as it is before anybody chooses; these leave out some of the apps.
UNCHOSEN = {"sortby": "name", "filterby": "all", "search": ""}
SEARCHING = ("filterby", "search")
# What the page answers to.
ASKED = ("restart", "reset", "deploy", "invitation", "settings")
# How the fields of settings begin, and how much of one is looked at: more than may be.
SETTING = "value-"
MOST_TYPED = 20000


class AppPortal(CustomerPortal):
    """A customer's apps: list, detail, and the detail's state while a job runs.

    The record rule decides what a customer sees. What is not theirs answers as what
    does not exist.
    """

    def _prepare_home_portal_values(self, counters):
        values = super()._prepare_home_portal_values(counters)
        if "app_count" in counters:
            apps = request.env["kubernetes.app"]
            values["app_count"] = (
                apps.search_count([]) if apps.has_access("read") else 0
            )
        return values

    @http.route(
        ["/my/apps", "/my/apps/page/<int:page>"],
        type="http",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_my_apps(
        self, page=1, sortby=None, filterby=None, search=None, **_kwargs
    ):
        apps = request.env["kubernetes.app"]
        sortings, filters = apps._customer_sortings(), apps._customer_filters()
        chosen = {
            "sortby": sortby if sortby in sortings else UNCHOSEN["sortby"],
            "filterby": filterby if filterby in filters else UNCHOSEN["filterby"],
            "search": search or UNCHOSEN["search"],
        }
        readable = apps.has_access("read")
        names = apps._customer_names(**chosen) if readable else []
        pages = pager(
            url="/my/apps",
            url_args={
                key: value for key, value in chosen.items() if value != UNCHOSEN[key]
            },
            total=len(names),
            page=page,
            step=self._items_per_page,
        )
        names = names[pages["offset"] :][: self._items_per_page]
        if readable:
            apps = apps.search(
                [("name", "in", names)], order="environment_id, id"
            ).sorted(lambda app: names.index(app.name))
        values = self._prepare_portal_layout_values()
        values.update(
            apps=apps,
            status=apps._customer_list_status(),
            params=json.dumps({"app_ids": apps.ids}),
            pager=pages,
            page_name="kubernetes_app",
            default_url="/my/apps",
            searchbar_sortings=sortings,
            searchbar_filters=filters,
            searchbar_inputs=apps._customer_searches(),
            search_in="all",
            is_searched=any(chosen[key] != UNCHOSEN[key] for key in SEARCHING),
            **chosen,
        )
        return request.render("kubernetes_hosting.portal_my_apps", values)

    @http.route(
        "/my/apps/status", type="jsonrpc", auth="user", website=True, readonly=True
    )
    def portal_my_apps_status(self, app_ids=None, **_kwargs):
        """The list's changing part. Of the apps that the page shows, whatever has
        become of them: what no longer fits the filter does not vanish under the eyes
        of who looks at it."""
        apps = request.env["kubernetes.app"].with_context(active_test=False)
        asked = app_ids if isinstance(app_ids, list) else []
        asked = [app_id for app_id in asked if isinstance(app_id, int)]
        if apps.has_access("read"):
            apps = apps.search([("id", "in", asked)])
            apps = apps.sorted(lambda app: asked.index(app.id))
        status = apps._customer_list_status()
        return {
            "ask_again": status["ask_again"],
            "announcement": status["announcement"],
            "html": request.env["ir.qweb"]._render(
                "kubernetes_hosting.portal_my_apps_cards", {"status": status}
            ),
        }

    @http.route(
        "/my/apps/<int:app_id>",
        type="http",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_app_page(self, app_id, asked=None, **_kwargs):
        return self._render_app(self._portal_app(app_id), asked=asked)

    @http.route(
        "/my/apps/<int:app_id>/<any(restart, reset, deploy, invitation):kind>",
        type="http",
        auth="user",
        methods=["POST"],
        website=True,
    )
    def portal_app_request(self, app_id, kind, **_kwargs):
        """The customer confirmed that the app is to be restarted or reset, applies what
        they have set, or wants the sign-in details once more."""
        app = self._portal_app(app_id)
        try:
            if kind == "invitation":
                app._customer_resend()
            else:
                app._customer_request(kind)
        except UserError as error:
            return self._render_app(app, refused=error.args[0])
        return request.redirect(f"/my/apps/{app.id}?asked={kind}")

    @http.route(
        "/my/apps/<int:app_id>/settings",
        type="http",
        auth="user",
        methods=["POST"],
        website=True,
    )
    def portal_app_settings(self, app_id, **form):
        """The customer sets what the app's package lets them."""
        app = self._portal_app(app_id)
        typed = {
            name.removeprefix(SETTING): str(text)[:MOST_TYPED]
            for name, text in form.items()
            if name.startswith(SETTING)
        }
        try:
            with request.env.cr.savepoint():
                problems = app._customer_set(typed)
        except UserError as error:
            return self._render_app(app, refused=error.args[0])
        if problems:
            return self._render_app(app, settings_typed=(typed, problems))
        return request.redirect(f"/my/apps/{app.id}?asked=settings#settings")

    @http.route(
        "/my/apps/<int:app_id>/domains",
        type="http",
        auth="user",
        methods=["POST"],
        website=True,
    )
    def portal_app_add_domain(self, app_id, name="", **_kwargs):
        """The customer adds a domain of their own."""
        return self._change_domain(app_id, "add", name=name)

    @http.route(
        "/my/apps/<int:app_id>/domains/<int:domain_id>"
        "/<any(check, change, primary, enable, disable, delete):action>",
        type="http",
        auth="user",
        methods=["POST"],
        website=True,
    )
    def portal_app_change_domain(self, app_id, domain_id, action, name="", **_kwargs):
        """The customer does something with a domain of the app."""
        return self._change_domain(app_id, action, domain_id, name)

    def _change_domain(self, app_id, action, domain_id=None, name=""):
        app = self._portal_app(app_id)
        try:
            with request.env.cr.savepoint():
                app._customer_change_domain(action, domain_id, name)
        except UserError as error:
            return self._render_app(
                app, domain_refused=error.args[0], domain_typed=(domain_id, name)
            )
        return request.redirect(f"/my/apps/{app.id}?asked=domain#domains")

    def _render_app(
        self,
        app,
        asked=None,
        refused=None,
        domain_refused=None,
        domain_typed=None,
        settings_typed=None,
    ):
        values = self._prepare_portal_layout_values()
        typed, problems = settings_typed or ({}, {})
        values.update(
            app=app,
            status=app._customer_status(),
            asked=asked if asked in ASKED else None,
            refused=refused,
            settings=app._customer_settings(typed, problems),
            settings_problems=problems,
            domains=app._customer_domains(),
            domain_refused=domain_refused,
            domain_typed=domain_typed or (None, ""),
            page_name="kubernetes_app",
        )
        return request.render("kubernetes_hosting.portal_app_page", values)

    @http.route(
        "/my/apps/<int:app_id>/status",
        type="jsonrpc",
        auth="user",
        website=True,
        readonly=True,
    )
    def portal_app_status(self, app_id, **_kwargs):
        """The page's changing part, asked for again as long as it may change."""
        app = self._portal_app(app_id)
        status = app._customer_status()
        return {
            "ask_again": status["ask_again"],
            "announcement": status["announcement"],
            "at_work": status["at_work"],
            "outcome": status["outcome"],
            "html": request.env["ir.qweb"]._render(
                "kubernetes_hosting.portal_app_status", {"app": app, "status": status}
            ),
        }

    def _portal_app(self, app_id):
        apps = request.env["kubernetes.app"].with_context(active_test=False)
        app = apps.has_access("read") and apps.search([("id", "=", app_id)])
        if not app:
            raise NotFound()
        return app
