"""One browser for all tests, and the test bed as ``make demo-env`` tells it."""

import json
import os
import subprocess
import time
import urllib.request
import uuid
from http.cookiejar import CookieJar
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

BROWSER_ARGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class Odoo:
    """Odoo as one user sees it, through the web client's own calls."""

    def __init__(self, url, db, login, password):
        self.url = url
        self.opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(CookieJar())
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
        with self.opener.open(request, timeout=60) as response:
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


class Kubectl:
    """The cluster as its administrator sees it."""

    def __init__(self, program, kubeconfig):
        self.command = [program, f"--kubeconfig={kubeconfig}"]

    def __call__(self, *args, check=True):
        done = subprocess.run(
            [*self.command, *args], capture_output=True, text=True, timeout=60
        )
        if check and done.returncode:
            raise AssertionError(f"kubectl {' '.join(args)}: {done.stderr}")
        return done

    def get(self, *args):
        return json.loads(self("get", *args, "-o", "json").stdout)


def wait_until(what, condition, seconds=60):
    """Return what ``condition`` returns as soon as it is true."""
    deadline = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds} s still not: {what}")
        time.sleep(0.3)


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
def page(browser, bed, request):
    """A fresh visitor's page; a failing test leaves a picture beside the logs."""
    context = browser.new_context(
        base_url=bed["ODOO_URL"],
        locale="en-US",
        viewport={"width": 1280, "height": 900},
    )
    context.set_default_timeout(30_000)
    page = context.new_page()
    yield page
    report = getattr(request.node, "report", None)
    if report and report.failed and bed.get("LOGS"):
        picture = Path(bed["LOGS"]) / f"{request.node.name}.png"
        page.screenshot(path=picture, full_page=True)
        print(f"the page as it was: {picture}")
    context.close()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.when == "call":
        item.report = report


@pytest.fixture
def unique():
    """A short word that no other test and no earlier run has used."""
    return uuid.uuid4().hex[:8]
