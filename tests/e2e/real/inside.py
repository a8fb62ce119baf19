# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What is in an app: its own Odoo, asked as the administrator whom the invitation
names."""

import base64
import re
import urllib.error
import urllib.request

from apps import wait_until
from conftest import Odoo

from testbed import instance

LOGIN = "admin"
LOGIN_PAGE = "/web/login"


class Host(urllib.request.BaseHandler):
    """Asks for a host of the ingress controller, whatever this machine resolves."""

    handler_order = 100

    def __init__(self, name):
        self.name = name

    def http_request(self, request):
        request.add_unredirected_header("Host", self.name)
        return request


def handlers(hostname):
    return urllib.request.ProxyHandler({}), Host(hostname)


def ingress():
    return f"http://127.0.0.1:{instance.from_environment().port('traefik')}"


def answer(hostname, path=LOGIN_PAGE):
    """Status and text; no status where nothing answers."""
    opener = urllib.request.build_opener(*handlers(hostname))
    try:
        with opener.open(ingress() + path, timeout=10) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return None, ""


def answers(hostname):
    status, text = answer(hostname)
    return status == 200 and "oe_login_form" in text


class Inside(Odoo):
    def __init__(self, hostname, password):
        super().__init__(ingress(), "odoo", LOGIN, password, *handlers(hostname))
        self.hostname = hostname

    def add_partner(self, name):
        return self.call("res.partner", "create", [{"name": name}])

    def partners(self, name):
        return self.call("res.partner", "search_count", [("name", "=", name)])


def hostname_of(operator, app):
    (found,) = operator.call("kubernetes.app", "read", [app], ["hostname"])
    return found["hostname"]


def first_password(kubectl, namespace):
    data = kubectl.get("secret/chandlery-generated", "-n", namespace)["data"]
    return base64.b64decode(data["odoo_admin_password"]).decode()


def enter(hostname, password):
    """The app's Odoo, as soon as it answers."""
    wait_until(f"{hostname} answers", lambda: answers(hostname))
    return Inside(hostname, password)


def log_in(page, password):
    """On the app's login page."""
    page.locator("input[name=login]").fill(LOGIN)
    page.locator("input[name=password]").fill(password)
    page.locator("form.oe_login_form button[type=submit]").click()
    page.wait_for_url(re.compile("/odoo"))
    page.locator(".o_main_navbar").wait_for()
