"""One browser for all tests, and the test bed as ``make demo-env`` tells it."""

import json
import os
import subprocess
import urllib.request
import uuid
from dataclasses import dataclass
from http.cookiejar import CookieJar
from pathlib import Path

import pytest
import shop
from apps import PATIENCE, ask_to_delete_apps, wait_until, wait_until_running
from playwright.sync_api import expect, sync_playwright

BROWSER_ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

expect.set_options(timeout=PATIENCE * 1000)


class Odoo:
    """Odoo as one user sees it, through the web client's own calls."""

    def __init__(self, url, db, login, password, *handlers):
        self.url = url
        self.opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(CookieJar()), *handlers
        )
        self._post(
            "/web/session/authenticate",
            {"db": db, "login": login, "password": password},
        )

    def _post(self, path, params):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "params": params}).encode()
        request = urllib.request.Request(
            self.url + path, body, {"Content-Type": "application/json"}
        )
        with self.opener.open(request, timeout=PATIENCE) as response:
            answer = json.load(response)
        if "error" in answer:
            raise AssertionError(answer["error"]["data"]["message"])
        return answer.get("result")

    def call(self, model, method, *args, **kwargs):
        return self._post(
            f"/web/dataset/call_kw/{model}/{method}",
            {"model": model, "method": method, "args": args, "kwargs": kwargs},
        )

    def search_read(self, model, domain, fields, **kwargs):
        return self.call(model, "search_read", domain, fields, **kwargs)


class Mailgun:
    """The double of Mailgun, by what it offers to tests."""

    def __init__(self, url):
        self.url = f"{url}/_double"

    def get(self, path):
        with urllib.request.urlopen(f"{self.url}/{path}", timeout=PATIENCE) as answer:
            return json.load(answer)

    def post(self, path, body):
        request = urllib.request.Request(
            f"{self.url}/{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return json.load(answer)


class Kubectl:
    """The cluster as its administrator sees it."""

    def __init__(self, program, kubeconfig):
        self.command = [program, f"--kubeconfig={kubeconfig}"]

    def __call__(self, *args, check=True):
        done = subprocess.run(
            [*self.command, *args], capture_output=True, text=True, timeout=PATIENCE
        )
        if check and done.returncode:
            raise AssertionError(f"kubectl {' '.join(args)}: {done.stderr}")
        return done

    def get(self, *args):
        return json.loads(self("get", *args, "-o", "json").stdout)


@pytest.fixture(scope="session")
def bed():
    missing = [
        key
        for key in ("ODOO_URL", "ODOO_DB", "OPERATOR_LOGIN", "KUBECONFIG", "KUBECTL")
        if not os.environ.get(key)
    ]
    if missing:
        pytest.exit(f"not in the environment: {', '.join(missing)} (see make demo-env)")
    return os.environ


@pytest.fixture(scope="session")
def operator(bed):
    return Odoo(
        bed["ODOO_URL"],
        bed["ODOO_DB"],
        bed["OPERATOR_LOGIN"],
        bed["OPERATOR_PASSWORD"],
    )


@pytest.fixture(scope="session")
def administrator(bed):
    return Odoo(bed["ODOO_URL"], bed["ODOO_DB"], "admin", "admin")


@pytest.fixture(scope="session")
def mailgun(bed):
    return Mailgun(bed["MAILGUN_URL"])


@pytest.fixture(scope="session")
def kubectl(bed):
    return Kubectl(bed["KUBECTL"], bed["KUBECONFIG"])


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"),
            args=BROWSER_ARGS,
        )
        yield browser
        browser.close()


@pytest.fixture
def visitor(browser, bed, request):
    """Makes pages, each of a visitor of its own; a failing test leaves pictures of them
    beside the logs."""
    pages = []

    def make():
        page = new_visitor(browser, bed)
        pages.append(page)
        return page

    yield make
    report = getattr(request.node, "report", None)
    for number, page in enumerate(pages, 1):
        if report and report.failed and bed.get("LOGS"):
            picture = Path(bed["LOGS"]) / f"{request.node.name}-{number}.png"
            page.screenshot(path=picture, full_page=True)
            print(f"the page as it was: {picture}")
        page.context.close()


@pytest.fixture
def page(visitor):
    """A fresh visitor's page."""
    return visitor()


def new_visitor(browser, bed):
    context = browser.new_context(
        base_url=bed["ODOO_URL"],
        locale="en-US",
        viewport={"width": 1280, "height": 900},
    )
    context.set_default_timeout(PATIENCE * 1000)
    return context.new_page()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.when == "call":
        item.report = report


@dataclass
class Hosting:
    """One purchase that several tests look at; each leaves its apps running."""

    name: str
    login: str
    password: str
    production: int
    integration: int

    def namespace(self, app):
        return f"{self.name}-{'prod' if app == self.production else 'int'}"


@pytest.fixture(scope="session")
def hosting(browser, bed, operator):
    """A hosting in size M that a new customer has bought, with both apps running and
    both invitations sent: nobody is to cut these off."""
    name = f"life-{uuid.uuid4().hex[:8]}"
    customer = new_visitor(browser, bed)
    login, password = f"{name}@customer.example", "a good password"
    shop.sign_up(customer, "Nora Neu", login, password)
    shop.buy(customer, name, size="M")
    customer.context.close()
    integration, production = wait_until_running(operator, name)
    apps = [integration["id"], production["id"]]
    wait_until(
        f"the invitations to the apps named {name} are sent",
        lambda: all(
            app["invitation_state"] == "sent"
            for app in operator.search_read(
                "kubernetes.app", [("id", "in", apps)], ["invitation_state"]
            )
        ),
    )
    yield Hosting(name, login, password, production["id"], integration["id"])
    ask_to_delete_apps(operator, name)


@pytest.fixture
def unique():
    """A short word that no other test and no earlier run has used."""
    return uuid.uuid4().hex[:8]
