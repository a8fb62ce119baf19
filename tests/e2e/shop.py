"""What a customer does in the shop and in the portal, one function a screen."""

import re

from playwright.sync_api import expect

PRODUCT = "Odoo Hosting"
ADDRESS = {
    "street": "Am Kai 7",
    "zip": "20457",
    "city": "Hamburg",
    "phone": "+49 40 428281",
}


def ready(page):
    """The page's own scripts have started: from now on its buttons do something."""
    page.locator("body[is-ready=true]").wait_for()


def sign_up(page, name, email, password):
    page.goto("/web/signup")
    page.locator("input[name=login]").fill(email)
    page.locator("input[name=name]").fill(name)
    page.locator("input[name=password]").fill(password)
    page.locator("input[name=confirm_password]").fill(password)
    page.locator("form.oe_signup_form button[type=submit]").click()
    page.wait_for_url(re.compile(r"/(my|shop|$)"))


def log_in(page, login, password):
    page.goto("/web/login")
    page.locator("input[name=login]").fill(login)
    page.locator("input[name=password]").fill(password)
    page.locator("form.oe_login_form button[type=submit]").click()
    page.wait_for_url(lambda url: "/web/login" not in url)


def put_into_cart(page, size=None, product=PRODUCT):
    page.goto("/shop")
    page.get_by_role("link", name=product).first.click()
    page.wait_for_url(re.compile("/shop/.+"))
    ready(page)
    if size:
        with page.expect_response(re.compile("/website_sale/get_combination_info")):
            page.locator(f"input[data-value-name={size}]").check()
    with page.expect_response(re.compile("/shop/cart/add")):
        page.locator("#add_to_cart").click()
    page.goto("/shop/cart")
    expect(page.locator("#cart_products")).to_contain_text(product)


def go_to_name_step(page):
    page.goto("/shop/cart")
    ready(page)
    page.locator("a[name=website_sale_main_button]").first.click()
    page.wait_for_url("**/shop/app_names**")
    ready(page)


def name_field(page):
    return page.locator(".o_kubernetes_app_name input")


def name_message(page):
    return page.locator(".o_kubernetes_app_name_message")


def type_name(page, name):
    name_field(page).fill("")
    name_field(page).press_sequentially(name)


def submit_name(page):
    page.locator("button[name=website_sale_main_button]").first.click()


def fill_address(page):
    """A subscription is invoiced: every new customer comes by here."""
    with page.expect_response(re.compile("/my/address/country_info/")):
        page.locator("select[name=country_id]").select_option(label="Germany")
    for field, value in ADDRESS.items():
        page.locator(f"input[name={field}]").fill(value)
    page.locator("a[name=website_sale_main_button], #save_address").first.click()
    page.wait_for_url(re.compile("/shop/(checkout|payment)"))
    ready(page)


def go_to_payment(page):
    """From the name step on; a new customer is asked for the address."""
    page.wait_for_url(re.compile("/shop/(address|checkout|payment)"))
    ready(page)
    if "/shop/address" in page.url:
        fill_address(page)
    if "/shop/checkout" in page.url:
        page.locator("a[name=website_sale_main_button]").first.click()
        page.wait_for_url("**/shop/payment**")
        ready(page)


def prepare_payment(page):
    go_to_payment(page)
    page.locator("input[name=o_payment_radio]").first.check()
    card = page.locator("input[name=customer_input]:visible, #customer_input:visible")
    if card.count():
        card.first.fill("4242424242424242")


def press_pay(page):
    """Without waiting for what becomes of it."""
    button = page.locator("button[name=o_payment_submit_button]:visible").first
    button.click(no_wait_after=True)


def wait_for_confirmation(page):
    page.wait_for_url("**/shop/confirmation**")


def pay(page):
    prepare_payment(page)
    press_pay(page)
    wait_for_confirmation(page)


def buy(page, name, size=None, product=PRODUCT):
    """A whole purchase by a customer who is signed in."""
    put_into_cart(page, size, product)
    go_to_name_step(page)
    type_name(page, name)
    submit_name(page)
    pay(page)
