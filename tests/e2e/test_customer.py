"""What a customer does with what was bought, and what becomes of it with the
subscription."""

import re

import shop
from apps import delete_apps, live_apps, wait_until, wait_until_running
from playwright.sync_api import expect


def jobs(operator, app, kind):
    return operator.search_read(
        "kubernetes.job",
        [("app_id", "=", app), ("kind", "=", kind)],
        ["state", "error_message", "requested_by"],
        order="id desc",
    )


def states(operator, name):
    return {app["state"] for app in live_apps(operator, name)}


def test_customer_resets_integration_in_the_portal_after_a_confirmation(
    page, operator, kubectl, hosting
):
    """Reset and Restart on integration with a confirmation that says what is lost.
    6. Reset manifests: run in order, awaited; never offered on production."""
    shop.log_in(page, hosting.login, hosting.password)
    page.goto(f"/my/apps/{hosting.production}")
    expect(page.locator(".o_kubernetes_app_status")).to_contain_text("Running")
    expect(page.locator("#kubernetes_app_reset_button")).to_have_count(0)

    page.goto(f"/my/apps/{hosting.integration}")
    status = page.locator(".o_kubernetes_app_status")
    expect(status).to_contain_text("Running")
    shop.ready(page)
    earlier = jobs(operator, hosting.integration, "reset")
    page.locator("#kubernetes_app_reset_button").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("What it holds now is lost")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    asked = jobs(operator, hosting.integration, "reset")
    assert asked == earlier, "asked, but not confirmed"

    page.locator("#kubernetes_app_reset_button").click()
    dialog.get_by_role("button", name="Reset and lose its data").click()
    begun = re.compile("We have begun to reset your app|Your app was reset")
    expect(page.get_by_text(begun)).to_be_visible()
    wait_until(
        "the reset has ended",
        lambda: jobs(operator, hosting.integration, "reset")[0]["state"]
        not in ("pending", "running"),
    )
    job, *others = jobs(operator, hosting.integration, "reset")
    assert others == earlier
    assert job["state"] == "done", job["error_message"]
    assert job["requested_by"][1] == "Nora Neu"
    expect(status).to_contain_text("Running")
    # What only the reset needed, production's password among it, is gone again.
    namespace = hosting.namespace(hosting.integration)
    left = kubectl("get", "secret,configmap,job", "-n", namespace, "-o", "name").stdout
    assert "odoo-reset" not in left


def test_customer_restarts_integration_in_the_portal(page, operator, hosting):
    """Restart on integration, with a confirmation."""
    shop.log_in(page, hosting.login, hosting.password)
    page.goto(f"/my/apps/{hosting.integration}")
    shop.ready(page)
    page.locator("#kubernetes_app_restart_button").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("What is saved stays")
    before = len(jobs(operator, hosting.integration, "restart"))
    dialog.get_by_role("button", name="Restart").click()
    begun = re.compile("We have begun to restart your app|Your app was restarted")
    expect(page.get_by_text(begun)).to_be_visible()
    wait_until(
        "the restart is done",
        lambda: (
            len(done := jobs(operator, hosting.integration, "restart")) > before
            and done[0]["state"] == "done"
        ),
    )


def test_a_closed_subscription_stops_the_apps_and_a_reopened_one_starts_them(
    operator, kubectl, hosting
):
    """Closing the subscription stops the app at once and deletes it after a
    retention time; reopening within that time starts it again. Pausing stops, resuming
    starts."""
    fields = ["subscription_id", "delete_on"]
    (app,) = operator.call("kubernetes.app", "read", [hosting.production], fields)
    subscription = [app["subscription_id"][0]]

    def ask(method):
        operator.call("sale.subscription", method, subscription)

    def become(state):
        wait_until(
            f"both apps are {state}",
            lambda: states(operator, hosting.name) == {state},
        )

    for end, begin in (
        ("close_subscription", "action_start_subscription"),
        ("action_pause", "action_resume"),
    ):
        ask(end)
        become("stopped")
        (app,) = operator.call("kubernetes.app", "read", [hosting.production], fields)
        assert bool(app["delete_on"]) == (end == "close_subscription")
        pods = kubectl("get", "pods", "-n", hosting.namespace(hosting.production))
        assert "Running" not in pods.stdout
        ask(begin)
        become("running")
        (app,) = operator.call("kubernetes.app", "read", [hosting.production], fields)
        assert not app["delete_on"]


def test_two_customers_buy_at_once(visitor, operator, unique):
    """The result is always right and exactly one set of apps: here for two
    customers who pay in the same moment."""
    names = [f"twin-{unique}-{letter}" for letter in "ab"]
    pages = []
    for name in names:
        page = visitor()
        login = f"{name}@customer.example"
        shop.sign_up(page, f"Customer {name}", login, "a good password")
        shop.put_into_cart(page)
        shop.go_to_name_step(page)
        shop.type_name(page, name)
        shop.submit_name(page)
        shop.prepare_payment(page)
        pages.append(page)
    for page in pages:
        shop.press_pay(page)
    for page in pages:
        shop.wait_for_confirmation(page)
    for name in names:
        apps = wait_until_running(operator, name)
        assert len({app["namespace_id"][0] for app in apps}) == 2
    for name in names:
        delete_apps(operator, name)
