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
        shop.sign_up(customer, "New Customer", email, "only for pictures")
        name = buy(customer)
        app = watch(customer, name)
        operator = visitor(browser)
        login, password = os.environ["OPERATOR_LOGIN"], os.environ["OPERATOR_PASSWORD"]
        shop.log_in(operator, login, password)
        look(operator, app)
        browser.close()
    for picture in sorted(PICTURES.glob("*.png")):
        print(picture.relative_to(CHECKOUT))


def visitor(browser):
    context = browser.new_context(
        base_url=os.environ["ODOO_URL"],
        locale="en-US",
        viewport={"width": 1280, "height": 800},
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
    """The portal, as soon as the app runs; returns the app's id."""
    page.goto("/my/apps")
    page.locator("a[href*='/my/apps/']").filter(has_text=name).first.click()
    page.get_by_text("Running").first.wait_for(timeout=180_000)
    picture(page, "portal")
    return re.search(r"/my/apps/(\d+)", page.url)[1]


def look(page, app):
    """The backend's form of the app."""
    page.goto(f"/odoo/action-kubernetes_hosting.kubernetes_app_action/{app}")
    page.locator(".o_form_view .o_form_sheet").wait_for()
    picture(page, "backend")


def picture(page, name):
    page.wait_for_function(
        "document.fonts.status === 'loaded'"
        " && !document.querySelector('.o_loading_indicator')"
        " && [...document.images].every((image) => image.complete)"
    )
    page.screenshot(path=PICTURES / f"{name}.png")


if __name__ == "__main__":
    main()
