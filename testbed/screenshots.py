# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The README's pictures, taken from a running demo by buying an app in it.

Run by the end-to-end tests' Python, with the demo's addresses and logins as
environment variables; buys with the steps of tests/e2e/shop.py.
"""

import os
import re
import sys
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT / "tests" / "e2e"))

import shop  # noqa: E402

PICTURES = CHECKOUT / "docs" / "screenshots"
NAMES = ("harbour", "lagoon", "pier", "jetty", "wharf", "marina", "quay", "haven")


def main():
    PICTURES.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"]
        )
        customer = visitor(browser)
        # A new customer, whose cart and portal are empty.
        email = f"pictures-{time.time():.0f}@demo.example"
        password = "only for pictures"
        shop.sign_up(customer, "New Customer", email, password)
        name = buy(customer)
        integration = watch(customer, name)
        invitation(customer, email)
        login_page(customer, name)
        on_a_phone(browser, email, password, integration)
        operator = visitor(browser)
        login, password = os.environ["OPERATOR_LOGIN"], os.environ["OPERATOR_PASSWORD"]
        shop.log_in(operator, login, password)
        look(operator, integration)
        in_german(operator, integration)
        browser.close()
    for path in sorted(PICTURES.glob("*.png")):
        print(path.relative_to(CHECKOUT))


def visitor(browser, width=1280, height=800, **more):
    context = browser.new_context(
        base_url=os.environ["ODOO_URL"],
        locale="en-US",
        viewport={"width": width, "height": height},
        **more,
    )
    page = context.new_page()
    page.set_default_timeout(60_000)
    return page


def buy(page):
    shop.put_into_cart(page)
    shop.go_to_name_step(page)
    for name in NAMES:
        shop.type_name(page, name)
        message = shop.name_message(page)
        message.filter(has_text=name).wait_for()
        if "free" in message.inner_text():
            break
    else:
        sys.exit("All names for the pictures are taken: make demo-reset.")
    picture(page, "shop")
    shop.submit_name(page)
    shop.pay(page)
    return name


def watch(page, name):
    """The portal, as soon as the app runs; returns the integration's id."""
    page.goto("/my/apps")
    app = page.locator("li").filter(has_text=f"{name}-int.").first
    app.get_by_role("link").first.click()
    page.wait_for_url(re.compile(r"/my/apps/\d+"))
    page.get_by_text("Running").first.wait_for(timeout=180_000)
    # The page follows what is at work; Mailgun is asked again minutes later.
    verified = "section[aria-labelledby=kubernetes_app_mail] .bg-success-subtle"
    end = time.monotonic() + 300
    while not page.locator(verified).count() and time.monotonic() < end:
        page.wait_for_timeout(1000)
        page.reload()
    page.locator(verified).first.wait_for()
    picture(page, "portal")
    return re.search(r"/my/apps/(\d+)", page.url)[1]


def invitation(page, email):
    """The mail as it arrived at the double of Mailgun."""
    inbox = page.context.new_page()
    inbox.goto(f"{os.environ['MAILGUN_URL']}/_double/")
    inbox.locator("li").filter(has_text=email).first.get_by_role("link").click()
    inbox.frame_locator("iframe").get_by_text("admin").first.wait_for()
    inbox.locator("iframe").scroll_into_view_if_needed()
    inbox.locator("h2").first.evaluate("element => element.scrollIntoView()")
    picture(inbox, "invitation")
    inbox.close()


def login_page(page, name):
    """The app itself."""
    page.goto("/my/apps")
    row = page.locator("li").filter(has_text=f"{name}.").first
    with page.context.expect_page() as opened:
        row.locator("a[target=_blank]").click()
    app = opened.value
    app.locator("form.oe_login_form").wait_for()
    picture(app, "login")
    app.close()


def on_a_phone(browser, email, password, app):
    """The portal in German."""
    page = visitor(browser, 390, 844, is_mobile=True, has_touch=True)
    shop.log_in(page, email, password)
    page.goto(f"/de/my/apps/{app}")
    picture(page, "portal-phone-de")
    page.context.close()


def look(page, app):
    """The backend: the app, what applying would change, a manifest's preview, and what
    needs attention."""
    open_app(page, app)
    picture(page, "backend")
    change_value(page, app, "odoo_log_level", "warn")
    open_app(page, app)
    page.locator(".o_statusbar_buttons").get_by_role(
        "button", name="Apply", exact=True
    ).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("1 object would change").or_(
        dialog.get_by_text("objects would change")
    ).first.wait_for()
    picture(page, "apply")
    dialog.get_by_role("button", name="Cancel").click()
    page.goto("/odoo/action-kubernetes_hosting.kubernetes_manifest_action")
    page.locator(".o_data_row").get_by_text("Odoo: PostgreSQL").click()
    page.locator(".o_kubernetes_yaml").wait_for()
    page.locator(".o_kubernetes_preview .fa-spin").wait_for(state="hidden")
    picture(page, "preview")


def in_german(page, app):
    """The app as an operator sees it whose language is German."""
    user = call(page, "/web/session/get_session_info")["uid"]
    try:
        set_language(page, user, "de_DE")
        open_app(page, app)
        picture(page, "backend-de")
    finally:
        set_language(page, user, "en_US")


def set_language(page, user, code):
    on(page, "res.users", "write", [user], {"lang": code})


def change_value(page, app, key, value):
    """Another value in the app's config map, which is not applied yet."""
    (record,) = on(page, "kubernetes.app", "read", [int(app)], ["config_map_id"])
    config_map = record["config_map_id"][0]
    lines = on(
        page,
        "kubernetes.config.map.line",
        "search",
        [("config_map_id", "=", config_map), ("key", "=", key)],
    )
    command = (
        [1, lines[0], {"value": value}]
        if lines
        else [0, 0, {"key": key, "value": value}]
    )
    on(page, "kubernetes.config.map", "write", [config_map], {"line_ids": [command]})


def on(page, model, method, *arguments):
    """What a method of a model answers."""
    params = {"model": model, "method": method, "args": arguments, "kwargs": {}}
    return call(page, f"/web/dataset/call_kw/{model}/{method}", params)


def call(page, path, params=None):
    """One call to Odoo as the user of the page."""
    body = {"jsonrpc": "2.0", "params": params or {}}
    return page.request.post(path, data=body).json()["result"]


def open_app(page, app):
    page.goto(f"/odoo/action-kubernetes_hosting.kubernetes_app_action/{app}")
    page.locator(".o_form_view .o_form_sheet").wait_for()


def picture(page, name):
    page.wait_for_function(
        "document.fonts.status === 'loaded'"
        " && !document.querySelector('.o_loading_indicator')"
        " && [...document.images].every((image) => image.complete)"
    )
    page.screenshot(path=PICTURES / f"{name}.png")


if __name__ == "__main__":
    main()
