"""From a paid order to two running apps: for customer, operator and cluster."""

import re

import shop
from apps import delete_apps, namespaces_of, wait_until, wait_until_running
from conftest import Odoo
from playwright.sync_api import expect


def test_sign_up_cart_name_step_pay_and_watch_the_portal_until_both_apps_run(
    page, bed, operator, kubectl, unique
):
    name = f"shop-{unique}"
    shop.sign_up(page, "Nora Neu", f"{unique}@customer.example", "a good password")
    shop.put_into_cart(page)
    shop.go_to_name_step(page)

    # A bad name is refused while typing, and keeps the customer on the step.
    shop.type_name(page, "-bad-")
    expect(shop.name_message(page)).to_contain_text("letter or a digit")
    shop.submit_name(page)
    expect(page).to_have_url(re.compile("/shop/app_names"))
    # A reserved name is refused by Odoo.
    shop.type_name(page, "mail")
    expect(shop.name_message(page)).to_contain_text("reserved")
    # A good name shows both addresses.
    shop.type_name(page, name)
    step = page.locator(".o_kubernetes_app_name")
    expect(step).to_contain_text(f"{name}.apps.localhost")
    expect(step).to_contain_text(f"{name}-int.apps.localhost")
    shop.submit_name(page)
    shop.pay(page)
    expect(page.locator("#kubernetes_what_now")).to_contain_text(
        f"{name}-int.apps.localhost"
    )

    # The portal, without a reload.
    page.goto("/my")
    page.get_by_role("link", name="Apps").first.click()
    page.get_by_role("link", name=re.compile(re.escape(name))).first.click()
    expect(page.locator(".o_kubernetes_app_status")).to_contain_text("Running")
    apps = wait_until_running(operator, name)

    # The cluster.
    namespaces = namespaces_of(kubectl, name)
    assert namespaces == {"prod": f"{name}-prod", "int": f"{name}-int"}
    for environment, namespace in namespaces.items():
        host = f"{name}{'' if environment == 'prod' else '-int'}.apps.localhost"
        deployments = kubectl.get("deployments", "-n", namespace)["items"]
        assert deployments, "there is a Deployment"
        assert all(
            item["status"].get("readyReplicas") == item["spec"]["replicas"]
            for item in deployments
        )
        assert kubectl.get("services", "-n", namespace)["items"]
        (ingress,) = kubectl.get("ingresses", "-n", namespace)["items"]
        assert {rule["host"] for rule in ingress["spec"]["rules"]} == {host}
        (address,) = ingress["status"]["loadBalancer"]["ingress"]
        assert address.get("ip") == "127.0.0.1"

    # The backend: the ingress and the story of the deploy.
    assert [app["hostname"] for app in apps] == [
        f"{name}-int.apps.localhost",
        f"{name}.apps.localhost",
    ]
    for app in apps:
        assert app["ingress_state"] == "ready"
        assert app["ingress_addresses"] == "127.0.0.1"
        steps = operator.search_read(
            "kubernetes.job.step",
            [("job_id", "in", app["job_ids"]), ("job_id.kind", "=", "deploy")],
            ["code", "state", "message"],
            order="number",
        )
        assert not [step for step in steps if step["state"] != "done"]
        codes = [step["code"] for step in steps]
        assert codes[0] == "fetching" and codes[-1] == "ingress"

    # The customer opens no other customer's app.
    stranger = page.context.browser.new_context(base_url=bed["ODOO_URL"])
    other = stranger.new_page()
    shop.log_in(other, bed["CUSTOMER_LOGIN"], bed["CUSTOMER_PASSWORD"])
    answer = other.goto(f"/my/apps/{apps[0]['id']}")
    assert answer.status == 404
    stranger.close()
    customer = Odoo(
        bed["ODOO_URL"], bed["ODOO_DB"], bed["CUSTOMER_LOGIN"], bed["CUSTOMER_PASSWORD"]
    )
    domain = [("name", "=", name)]
    assert operator.search_read("kubernetes.app", domain, ["name"])
    assert not customer.search_read("kubernetes.app", domain, ["name"])

    delete_apps(operator, name)


def test_a_second_run_finds_nothing_left_behind(page, bed, operator, kubectl, unique):
    name = f"again-{unique}"
    shop.sign_up(page, "Nora Neu", f"{unique}@customer.example", "a good password")
    for _run in range(2):
        shop.buy(page, name)
        wait_until_running(operator, name)
        delete_apps(operator, name)
        wait_until(
            "no namespace of the app is left",
            lambda: not namespaces_of(kubectl, name),
        )
        left = operator.search_read(
            "kubernetes.hostname", [("hostname", "like", name)], ["hostname"]
        )
        assert not left, "the names are free again"


def test_a_taken_name_is_refused_while_typing_and_when_sent(
    page, bed, operator, unique
):
    name = f"mine-{unique}"
    shop.sign_up(page, "Nora Neu", f"{unique}@customer.example", "a good password")
    shop.buy(page, name)

    context = page.context.browser.new_context(base_url=bed["ODOO_URL"])
    second = context.new_page()
    shop.sign_up(
        second, "Zoe Zweite", f"zoe-{unique}@customer.example", "a good password"
    )
    shop.put_into_cart(second)
    shop.go_to_name_step(second)
    for taken in (name, f"{name}-int"):
        shop.type_name(second, taken)
        expect(shop.name_message(second)).to_contain_text("taken")
        shop.submit_name(second)
        expect(second).to_have_url(re.compile("/shop/app_names"))
    context.close()
    wait_until_running(operator, name)
    delete_apps(operator, name)


def test_the_operator_reads_the_apps_and_their_jobs_in_the_backend(
    page, bed, operator, unique
):
    name = f"look-{unique}"
    shop.sign_up(page, "Nora Neu", f"{unique}@customer.example", "a good password")
    shop.buy(page, name)
    (app, _production) = wait_until_running(operator, name)

    context = page.context.browser.new_context(base_url=bed["ODOO_URL"])
    backend = context.new_page()
    shop.log_in(backend, bed["OPERATOR_LOGIN"], bed["OPERATOR_PASSWORD"])
    backend.goto(f"/odoo/kubernetes.app/{app['id']}")
    form = backend.locator(".o_form_view")
    expect(form).to_contain_text(f"{name}-int.apps.localhost")
    expect(form).to_contain_text("127.0.0.1")
    context.close()
    delete_apps(operator, name)
