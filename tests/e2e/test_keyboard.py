"""Whoever has no mouse buys, resets and applies, and never acts by an Enter that was meant
for something else."""

import shop
from apps import delete_apps, wait_until, wait_until_running
from playwright.sync_api import expect

#: More than any page of ours has to offer.
MOST = 150


def tab_to(page, target):
    """Press Tab until the focus is there."""
    target = target.first
    expect(target).to_be_visible()
    for _press in range(MOST):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{MOST} times Tab do not lead to {target}")


def press(page, target, key="Enter"):
    tab_to(page, target)
    page.keyboard.press(key)


def test_a_customer_buys(page, operator, hosting, unique):
    """Product, cart, name, payment, without a mouse."""
    name = f"keys-{unique}"
    shop.log_in(page, hosting.login, hosting.password)
    page.goto("/shop")
    shop.ready(page)
    press(page, page.get_by_role("link", name=shop.PRODUCT))
    page.wait_for_url("**/shop/*hosting*")
    shop.ready(page)
    with page.expect_response("**/shop/cart/add**"):
        press(page, page.locator("#add_to_cart"))
    page.goto("/shop/cart")
    shop.ready(page)
    press(page, page.locator("a[name=website_sale_main_button]:visible"))
    page.wait_for_url("**/shop/app_names**")
    shop.ready(page)
    expect(shop.name_field(page)).to_be_focused()
    page.keyboard.type(name)
    expect(shop.name_message(page)).to_contain_text("is free")
    page.keyboard.press("Enter")
    page.wait_for_url("**/shop/payment**")
    shop.ready(page)
    press(page, page.locator("input[name=o_payment_radio]"), "Space")
    tab_to(page, page.locator("input[name=customer_input]:visible"))
    page.keyboard.press("Control+A")
    page.keyboard.type("4242424242424242")
    press(page, page.locator("button[name=o_payment_submit_button]:visible"))
    shop.wait_for_confirmation(page)
    expect(page.locator("body")).to_contain_text(f"{name}.apps.localhost")
    wait_until_running(operator, name)
    delete_apps(operator, name)


def test_a_customer_resets(page, operator, hosting):
    """What loses data is asked, and the question begins on what does nothing."""
    shop.log_in(page, hosting.login, hosting.password)
    page.goto(f"/my/apps/{hosting.integration}")
    shop.ready(page)
    dialog = page.get_by_role("dialog")
    button = page.locator("#kubernetes_app_reset_button")
    press(page, button)
    expect(dialog).to_be_visible()
    act = dialog.get_by_role("button", name="Reset", exact=False).last
    expect(act).not_to_be_focused()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(button).to_be_focused()
    before = jobs(operator, hosting.integration, "reset")
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    press(page, act)
    wait_until(
        "a reset is asked for",
        lambda: jobs(operator, hosting.integration, "reset") > before,
    )
    wait_until_running(operator, hosting.name)


def test_an_operator_applies(page, bed, operator, hosting):
    """The dialog says what would change where the focus is, and Enter does nothing of
    itself."""
    app = hosting.integration
    (record,) = operator.call("kubernetes.app", "read", [app], ["config_map_id"])
    change(operator, record["config_map_id"][0], "odoo_log_level", "warn")
    shop.log_in(page, bed["OPERATOR_LOGIN"], bed["OPERATOR_PASSWORD"])
    page.goto(f"/odoo/kubernetes.app/{app}")
    page.locator(".o_form_view").wait_for()
    before = jobs(operator, app, "deploy")
    press(page, page.locator(".o_statusbar_buttons button[name=action_review]"))
    dialog = page.get_by_role("dialog")
    said = dialog.locator(".o_kubernetes_said")
    expect(said).to_contain_text("would change")
    expect(said).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_be_visible()
    assert jobs(operator, app, "deploy") == before, "nobody has said so"
    press(page, dialog.get_by_role("button", name="Apply", exact=True))
    expect(dialog).to_have_count(0)
    wait_until("it is applied", lambda: jobs(operator, app, "deploy") > before)
    wait_until_running(operator, hosting.name)


def jobs(operator, app, kind):
    """How many jobs of a kind the app has had."""
    domain = [("app_id", "=", app), ("kind", "=", kind)]
    return operator.call("kubernetes.job", "search_count", domain)


def change(operator, config_map, key, value):
    domain = [("config_map_id", "=", config_map), ("key", "=", key)]
    lines = operator.call("kubernetes.config.map.line", "search", domain)
    line = (
        [1, lines[0], {"value": value}]
        if lines
        else [0, 0, {"key": key, "value": value}]
    )
    operator.call("kubernetes.config.map", "write", [config_map], {"line_ids": [line]})
