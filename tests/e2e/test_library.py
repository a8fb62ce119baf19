"""From a repository of packages to a product in the shop and to an app that runs."""

import re

import shop
from apps import ask_to_delete_apps, wait_until
from playwright.sync_api import expect

REPOSITORIES = "/odoo/action-kubernetes_hosting.kubernetes_repository_action"
PACKAGES = "/odoo/action-kubernetes_hosting.kubernetes_package_action"


def log_in(page, bed):
    shop.log_in(page, bed["OPERATOR_LOGIN"], bed["OPERATOR_PASSWORD"])


def open_package(page, title):
    page.goto(PACKAGES)
    page.locator(".o_kanban_record").get_by_text(title, exact=True).click()
    page.locator(".o_form_view .o_form_sheet").wait_for()


def press(page, button):
    page.locator(".o_statusbar_buttons").get_by_role(
        "button", name=button, exact=True
    ).click()


def test_an_operator_indexes_the_catalogs_repository_and_finds_its_packages(
    page, bed, operator
):
    """By schedule and by button; history of index runs; cards with category, search,
    icon."""
    (repository,) = operator.search_read(
        "kubernetes.repository", [("name", "=", "Catalog")], ["url"]
    )
    assert repository["url"] == bed["CATALOG_URL"]

    def runs():
        return operator.call(
            "kubernetes.repository.run",
            "search_count",
            [("repository_id", "=", repository["id"]), ("state", "=", "done")],
        )

    wait_until("the worker has read it by itself", runs)
    before = runs()
    log_in(page, bed)
    page.goto(REPOSITORIES)
    page.locator(".o_data_row").get_by_text("Catalog", exact=True).click()
    page.locator(".o_form_view .o_form_sheet").wait_for()
    press(page, "Index Now")
    wait_until("it was read by the button", lambda: runs() > before)

    page.goto(PACKAGES)
    cards = page.locator(".o_kanban_record:not(.o_kanban_ghost)")
    expect(cards.get_by_text("Odoo", exact=True)).to_be_visible()
    card = cards.filter(has_text="Odoo with high availability")
    expect(card).to_contain_text("Business")
    expect(card).to_contain_text("19.0.1")
    picture = card.locator("img")
    picture.scroll_into_view_if_needed()
    wait_until(
        "its picture is drawn",
        lambda: picture.evaluate("image => image.complete && image.naturalWidth > 0"),
    )
    page.locator(".o_searchview_input").fill("replication")
    page.locator(".o_searchview_autocomplete").wait_for()
    page.keyboard.press("Enter")
    expect(cards).to_have_count(1)


def test_a_repository_is_looked_at_before_it_is_saved(page, bed):
    """Validate before saving: reachable, readable, what is in it."""
    log_in(page, bed)
    page.goto(f"{REPOSITORIES}/new")
    url = page.locator(".o_field_widget[name=url] input")
    url.fill(f"{bed['CATALOG_URL']}/nothing")
    url.press("Tab")
    look = page.locator(".o_kubernetes_look")
    expect(look).to_contain_text("There is no index.json at this address")
    expect(look).to_contain_text("chandlery package index")
    url.fill(bed["CATALOG_URL"])
    url.press("Tab")
    expect(look).to_contain_text("The repository can be read")
    expect(look).to_contain_text("Odoo with high availability 19.0.1")
    page.get_by_role("button", name="Discard").first.click()


def test_a_package_becomes_a_product_that_a_customer_buys_in_their_language(
    page, visitor, bed, operator, kubectl, unique
):
    """From a package a dialog makes a sellable product; what it asks customers for
    comes to the app that is deployed."""
    title, name = f"Library {unique}", f"buy-{unique}"
    log_in(page, bed)
    open_package(page, "Odoo")
    press(page, "Make a Product")
    dialog = page.get_by_role("dialog")
    dialog.locator(".o_field_widget[name=name] input").fill(title)
    dialog.locator(".o_field_widget[name=list_price] input").fill("19")
    dialog.locator(".o_field_widget[name=is_published] input").check()
    dialog.get_by_role("button", name="Make the Product").click()
    form = page.locator(".o_form_view .o_form_sheet")
    expect(form.locator(".o_field_widget[name=list_price]")).to_be_visible()
    (made,) = operator.search_read(
        "product.template",
        [("name", "=", title)],
        ["is_published", "kubernetes_not_sellable", "kubernetes_problems"],
    )
    assert made["is_published"]
    assert not made["kubernetes_not_sellable"], made["kubernetes_problems"]
    try:
        customer = visitor()
        shop.log_in(customer, bed["CUSTOMER_LOGIN"], bed["CUSTOMER_PASSWORD"])
        customer.goto(f"/shop?search={unique}")
        customer.get_by_role("link", name=title).first.click()
        shop.ready(customer)
        with customer.expect_response(re.compile("/shop/cart/add")):
            customer.locator("#add_to_cart").click()
        shop.go_to_name_step(customer)
        shop.type_name(customer, name)
        language = customer.locator("[data-setting=odoo_language] select")
        expect(language).to_have_value("en_US")
        language.select_option("de_DE")
        shop.submit_name(customer)
        shop.pay(customer)

        def languages():
            found = kubectl.get(
                "deployments", "-A", "-l", f"app.kubernetes.io/part-of={name}"
            )["items"]
            return {
                variable["value"]
                for item in found
                for container in item["spec"]["template"]["spec"].get(
                    "initContainers", ()
                )
                for variable in container.get("env", ())
                if variable["name"] == "ODOO_LANGUAGE"
            }

        wait_until("it is deployed", languages)
        assert languages() == {"de_DE"}
    finally:
        operator.call("product.template", "write", [made["id"]], {"active": False})
        ask_to_delete_apps(operator, name)


def test_the_second_click_installs_an_app_that_runs(
    page, bed, operator, kubectl, unique
):
    """A second click installs one app without a sale."""
    name = f"lib-{unique}"
    log_in(page, bed)
    open_package(page, "Odoo")
    press(page, "Install an App")
    dialog = page.get_by_role("dialog")
    dialog.locator(".o_field_widget[name=name] input").fill(name)
    dialog.get_by_role("button", name="Install", exact=True).click()
    expect(page.locator(".o_form_statusbar .o_arrow_button_current")).to_have_text(
        "Running"
    )
    (app,) = operator.search_read(
        "kubernetes.app", [("name", "=", name)], ["package_version_id", "state"]
    )
    assert app["package_version_id"][1] == "Odoo 19.0.1"
    found = kubectl.get("deployments", "-n", f"{name}-prod")["items"]
    assert {item["metadata"]["name"] for item in found} == {"odoo", "postgres"}
    pins = operator.search_read(
        "kubernetes.manifest",
        [("app_manifest_ids.app_id", "=", app["id"])],
        ["pin", "digest", "is_changed"],
    )
    assert pins
    assert all(one["pin"] == one["digest"] for one in pins), pins
    ask_to_delete_apps(operator, name)
