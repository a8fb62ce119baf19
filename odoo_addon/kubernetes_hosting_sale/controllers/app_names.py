# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import http
from odoo.exceptions import AccessError, MissingError, ValidationError
from odoo.http import request

from odoo.addons.portal.controllers.portal import CustomerPortal

SESSION_KEY = "kubernetes_app_names"
# How much of a value is looked at: more than one may have.
MOST_TYPED = 20000


class AppNamesForm:
    """The form that asks for app names, and for what their packages let customers set;
    a page of the shop and one of the portal.

    What was typed and refused is kept in the session until it is accepted, so that the
    page can be reloaded and left and found again as it was.
    """

    def _app_names_values(self, order_sudo):
        """What the template ``kubernetes_hosting_sale.app_names_form`` needs."""
        kept = request.session.get(SESSION_KEY, {}).get(str(order_sudo.id), {})
        entries = []
        for line in order_sudo._kubernetes_hosting_lines():
            for unit in line._kubernetes_missing_units():
                key = f"{line.id}-{unit}"
                name = line._kubernetes_reservation(unit).name or ""
                typed = kept.get(key, {})
                entries.append(
                    {
                        "key": key,
                        "line": line,
                        "unit": unit,
                        "name": typed.get("name", name),
                        "problem": typed.get("problem", ""),
                        "addresses": line._kubernetes_addresses(),
                        "suggestions": typed.get("suggestions", []),
                        "refused": typed.get("refused", ""),
                        "fields": line._kubernetes_form(
                            unit, typed.get("values"), typed.get("value_problems")
                        ),
                    }
                )
        return {
            "app_names": entries,
            "app_names_order": order_sudo,
            "app_names_token": order_sudo._portal_ensure_token(),
        }

    def _app_names_submit(self, order_sudo, form):
        """Hold what was typed. Returns whether every app of the order has its name, and
        the values that it needs."""
        units = [
            (line, unit)
            for line in order_sudo._kubernetes_hosting_lines()
            for unit in line._kubernetes_missing_units()
        ]
        names = {
            (line, unit): str(form.get(f"name-{line.id}-{unit}") or "")[:100]
            for line, unit in units
        }
        problems = order_sudo._kubernetes_set_names(names)
        typed = {}
        for line, unit in units:
            typed[f"{line.id}-{unit}"] = {
                "name": names[line, unit],
                "problem": problems.get((line, unit), ""),
                "suggestions": self._app_names_suggestions(
                    line, unit, names[line, unit].strip().lower()
                )
                if (line, unit) in problems
                else [],
                **self._app_values_submit(line, unit, form),
            }
        refused = any(
            entry["problem"] or entry["refused"] or entry["value_problems"]
            for entry in typed.values()
        )
        kept = dict(request.session.get(SESSION_KEY, {}))
        kept.pop(str(order_sudo.id), None)
        if refused:
            kept[str(order_sudo.id)] = typed
        request.session[SESSION_KEY] = kept
        return not refused

    def _app_values_submit(self, line, unit, form):
        """Keep the values typed for a unit. Returns what the page shows of them once
        more; secrets are never among them."""
        beginning = f"value-{line.id}-{unit}-"
        typed = {
            name.removeprefix(beginning): str(text)[:MOST_TYPED]
            for name, text in form.items()
            if name.startswith(beginning)
        }
        problems, refused = {}, ""
        try:
            problems = line._kubernetes_give(unit, typed)
        except ValidationError as error:
            refused = error.args[0]
        secret = {item["name"] for item in line._kubernetes_asked() if item["secret"]}
        return {
            "values": {
                name: text
                for name, text in typed.items()
                if name in problems and name not in secret
            },
            "value_problems": problems,
            "refused": refused,
        }

    def _app_names_suggestions(self, line, unit, name):
        """Free names, where the one typed is fine but somebody else's."""
        if not line._kubernetes_is_valid_name(name):
            return []
        if line._kubernetes_name_available(unit, name):
            return []
        return line._kubernetes_suggest_names(unit, name)


class AppNames(AppNamesForm, CustomerPortal):
    """The portal's page for a quotation, and the question whether a name is free."""

    @http.route(
        "/my/orders/<int:order_id>/app_names",
        type="http",
        auth="public",
        website=True,
        sitemap=False,
        methods=["GET", "POST"],
    )
    def portal_app_names(self, order_id, access_token=None, **post):
        try:
            order_sudo = self._document_check_access(
                "sale.order", order_id, access_token=access_token
            )
        except (AccessError, MissingError):
            return request.redirect("/my")
        if not order_sudo._kubernetes_asks_names():
            return request.redirect(order_sudo.get_portal_url())
        if request.httprequest.method == "POST":
            if self._app_names_submit(order_sudo, post):
                if order_sudo.state == "sale":  # hostings that were added later
                    order_sudo._kubernetes_fulfil()
                return request.redirect(order_sudo.get_portal_url())
            return request.redirect(order_sudo.get_portal_url(suffix="/app_names"))
        values = self._app_names_values(order_sudo)
        values.update(
            {"sale_order": order_sudo, "page_name": "quote", "token": access_token}
        )
        return request.render("kubernetes_hosting_sale.portal_app_names", values)

    @http.route(
        "/my/orders/<int:order_id>/apps",
        type="jsonrpc",
        auth="public",
        website=True,
    )
    def portal_order_apps(self, order_id, access_token=None):
        """What an order has become: asked for again and again while something changes.

        Answers ``{"html", "announcement", "poll_seconds"}``; 0 seconds say that nothing
        changes by itself any more.
        """
        try:
            order_sudo = self._document_check_access(
                "sale.order", order_id, access_token=access_token
            )
        except (AccessError, MissingError):
            return {"html": "", "announcement": "", "poll_seconds": 0}
        status = order_sudo._kubernetes_customer_status()
        return {
            "html": request.env["ir.qweb"]._render(
                "kubernetes_hosting_sale.order_apps_status",
                {"sale_order": order_sudo, "status": status},
            ),
            "announcement": status["announcement"],
            "poll_seconds": status["poll_seconds"],
        }

    @http.route(
        "/kubernetes_hosting/app_name/check",
        type="jsonrpc",
        auth="public",
        website=True,
    )
    def check_app_name(self, order_id, access_token, line_id, unit, name):
        """Whether a unit of the order could have a name.

        Answers ``{"state", "message", "suggestions"}``, state being ``free``, ``taken``
        or ``invalid``, or ``slow`` to who asks too often. Whose a taken name is, it
        does not say. Only a help for who types: what is sent is checked in any case.
        """
        try:
            order_sudo = self._document_check_access(
                "sale.order", int(order_id), access_token=access_token
            )
        except (AccessError, MissingError, TypeError, ValueError):
            return {"state": "unknown", "message": "", "suggestions": []}
        line = order_sudo._kubernetes_hosting_lines().filtered(
            lambda line: line.id == line_id
        )
        if not line or not order_sudo._kubernetes_asks_names():
            return {"state": "unknown", "message": "", "suggestions": []}
        checks = request.env["kubernetes.name.check"].sudo()
        address = request.httprequest.remote_addr
        if checks._too_many(address):
            return {
                "state": "slow",
                "message": request.env._(
                    "You are asking a little too fast for us. Please continue: we check"
                    " the name then."
                ),
                "suggestions": [],
            }
        checks._add(address)
        name = str(name or "").strip().lower()[:100]
        try:
            request.env["kubernetes.app"]._check_app_name(name)
        except ValidationError as error:
            return {"state": "invalid", "message": error.args[0], "suggestions": []}
        if not line._kubernetes_name_available(unit, name):
            return {
                "state": "taken",
                "message": request.env._(
                    "The name “%s” is already taken. Please choose another one.", name
                ),
                "suggestions": line._kubernetes_suggest_names(unit, name),
            }
        return {
            "state": "free",
            "message": request.env._("The name “%s” is free.", name),
            "suggestions": [],
        }
