# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A customer's first five minutes: from the payment to work in an Odoo that runs."""

import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import shop
import worker
from apps import (
    PATIENCE,
    ask_to_delete_apps,
    delete_apps,
    live_apps,
    namespaces_of,
    wait_until_running,
)
from inside import Inside, answers, enter, first_password, log_in
from playwright.sync_api import expect

from testbed import instance, processes
from testbed.mail import SENDING_DOMAIN

#: That this is far more than it takes is no failure of a slow machine.
SECONDS_TO_LOGIN_PAGE = 20
SECONDS_TO_INVITATION = 30


@contextmanager
def dns_held_back():
    """Nothing becomes known by DNS meanwhile."""
    file = instance.from_environment().state / "run" / "external-dns.pid"
    pid = processes.remembered(file)["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def moment(condition):
    """When the condition came true; None if it did not."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if condition():
            return time.monotonic()
        time.sleep(0.1)
    return None


def hostnames(name):
    return {
        "production": f"{name}.apps.localhost",
        "integration": f"{name}-int.apps.localhost",
    }


def invitation(mailgun, login, hostname):
    """The one mail that leads to this app; None as long as there is none."""
    mails = mailgun.get(f"messages?to={login}")
    found = [mail for mail in mails if f"//{hostname}" in mail["html"]]
    assert len(found) < 2, "sent once"
    return found[0] if found else None


def buy_and_measure(page, mailgun, name, login):
    """Pay for a cart that is ready; app -> seconds from the payment to its login page,
    and from there to its invitation."""
    hosts = hostnames(name)
    with ThreadPoolExecutor(4) as threads:
        begun = time.monotonic()
        shop.press_pay(page)
        pages = {
            app: threads.submit(moment, lambda host=host: answers(host))
            for app, host in hosts.items()
        }
        mails = {
            app: threads.submit(
                moment, lambda host=host: invitation(mailgun, login, host)
            )
            for app, host in hosts.items()
        }
        shop.wait_for_confirmation(page)
        watch_the_portal(page, name)
    times = {}
    for app in hosts:
        answered, invited = pages[app].result(), mails[app].result()
        assert answered, f"the login page of {app}"
        assert invited, f"the invitation to {app}"
        times[app] = (answered - begun, invited - answered)
    return times


def watch_the_portal(page, name):
    page.goto("/my/apps")
    page.get_by_role("link", name=re.compile(re.escape(name))).first.click()
    status = page.locator(".o_kubernetes_app_status")
    expect(status).to_contain_text("Running")
    expect(status.locator(f"a[href*='{name}']").first).to_be_visible()


def test_a_customer_buys_is_invited_logs_in_and_works(
    page, bed, operator, kubectl, mailgun, unique, capsys
):
    name = f"first-{unique}"
    login = f"{unique}@customer.example"
    host = hostnames(name)["production"]
    shop.sign_up(page, "Nora Neu", login, "a good password")
    shop.put_into_cart(page)
    shop.go_to_name_step(page)
    shop.type_name(page, name)
    shop.submit_name(page)
    shop.prepare_payment(page)
    with dns_held_back():
        times = buy_and_measure(page, mailgun, name, login)
        apps = live_apps(operator, name)
        states = operator.call(
            "kubernetes.app", "read", [app["id"] for app in apps], ["mail_state"]
        )
        # The invitations waited for no DNS.
        assert {state["mail_state"] for state in states} <= {"waiting", "unverified"}
        for app_host in hostnames(name).values():
            mail = invitation(mailgun, login, app_host)
            assert mail["domain"] == SENDING_DOMAIN
            assert f"@{SENDING_DOMAIN}>" in mail["from"]
    with capsys.disabled():
        print()
        for app, (answered, invited) in times.items():
            print(
                f"payment to login page of {app}: {answered:.1f} s (at most"
                f" {SECONDS_TO_LOGIN_PAGE} s on a quiet machine); invitation after"
                f" {max(invited, 0):.1f} s (at most {SECONDS_TO_INVITATION} s)"
            )

    # The mailbox, the mail, the app.
    mail = invitation(mailgun, login, host)
    page.goto(f"{bed['MAILGUN_URL']}/_double/")
    page.locator(f"a[href='/_double/mails/{mail['number']}']").click()
    text = page.frame_locator("iframe")
    shown = text.locator("strong")
    expect(shown).to_have_count(2)
    user, password = shown.all_inner_texts()
    assert user == "admin"
    assert password == first_password(kubectl, f"{name}-prod")
    with page.context.expect_page() as opened:
        text.get_by_role("link", name=re.compile(re.escape(host))).click()
    app = opened.value
    app.locator("form.oe_login_form").wait_for()
    log_in(app, password)

    # A record, made as customers do it.
    customer = f"Customer of {name}"
    address = app.url.split("/odoo")[0]
    app.goto(f"{address}/odoo/action-base.action_partner_form/new")
    field = app.locator(
        ".o_field_widget[name=name] textarea, .o_field_widget[name=name] input"
    ).locator("visible=true")
    field.first.fill(customer)
    # By keyboard: the form is drawn anew below a mouse button that is pressed.
    app.locator(".o_form_button_save").press("Enter")
    expect(app).to_have_url(re.compile(r"/\d+$"))
    assert Inside(host, password).partners(customer) == 1
    assert (
        Inside(
            hostnames(name)["integration"], first_password(kubectl, f"{name}-int")
        ).partners(customer)
        == 0
    ), "integration is another database"

    check_what_deleting_leaves(operator, kubectl, page, name, customer)


def check_what_deleting_leaves(operator, kubectl, page, name, customer):
    """Volumes go when that is asked; the name bought again is empty."""
    folders = volumes(kubectl, f"{name}-prod")
    assert len(folders) == 2 and all(folder.exists() for folder in folders)
    delete_apps(operator, name)
    assert not namespaces_of(kubectl, name)
    kubectl(
        *("wait", "--for=delete", f"--timeout={PATIENCE}s"),
        *(f"pv/{folder.name}" for folder in folders),
    )
    assert not any(folder.exists() for folder in folders)
    shop.buy(page, name)
    wait_until_running(operator, name)
    # Running is what the cluster says; the ingress controller learns of it later.
    again = enter(
        hostnames(name)["production"], first_password(kubectl, f"{name}-prod")
    )
    assert again.partners(customer) == 0
    folders = volumes(kubectl, f"{name}-prod")
    delete_apps(operator, name, keep_volumes=True)
    assert all(folder.exists() for folder in folders)
    claims = kubectl.get("pvc", "-n", f"{name}-prod")["items"]
    assert len(claims) == len(folders), "kept, as asked"
    kubectl("delete", "namespace", f"{name}-prod", f"{name}-int", "--wait=false")


def volumes(kubectl, namespace):
    """The folders on the node in which the app's data is."""
    place = instance.from_environment().state / "node" / "volumes"
    claims = kubectl.get("pvc", "-n", namespace)["items"]
    return [place / claim["spec"]["volumeName"] for claim in claims]


def test_without_mailgun_the_one_time_links_password_opens_the_app(
    visitor, bed, operator, administrator, unique
):
    name = f"link-{unique}"
    host = hostnames(name)["production"]
    with worker.without_mailgun(bed):
        page = visitor()
        shop.sign_up(page, "Nora Neu", f"{unique}@customer.example", "a good password")
        shop.buy(page, name)
        (_, app) = wait_until_running(operator, name)
        found = moment(lambda: password_link(operator, administrator, app["id"]))
        assert found, "Odoo has made the mail"
        reader = visitor()
        reader.goto(password_link(operator, administrator, app["id"]))
        shop.ready(reader)
        reader.get_by_role("button", name="Show the password").click()
        shown = reader.locator("#kubernetes_password")
        expect(shown).not_to_have_value("")
        password = shown.input_value()
        (record,) = operator.call("kubernetes.app", "read", [app["id"]], ["url"])
        reader.goto(record["url"])
        log_in(reader, password)
    assert Inside(host, password).partners("My Company") == 1
    ask_to_delete_apps(operator, name)


def password_link(operator, administrator, app):
    """The address in the mail that Odoo sends itself; None as long as there is none."""
    (record,) = operator.call("kubernetes.app", "read", [app], ["invitation_mail_id"])
    if not record["invitation_mail_id"]:
        return None
    mail = [record["invitation_mail_id"][0]]
    (found,) = administrator.call("mail.mail", "read", mail, ["body_html"])
    body = found["body_html"].replace("&amp;", "&")
    return re.search(r"http[^\"]*/my/apps/\d+/password#[\w%=.~-]+", body)[0]
