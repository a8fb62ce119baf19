"""Mail domain, invitation and first password: in Odoo, in the cluster, at Mailgun (a
double) and in the customer's browser."""

import base64
import html
import re

import shop
import worker
from apps import delete_apps, live_apps, wait_until, wait_until_running
from playwright.sync_api import expect

from testbed.mail import SENDING_DOMAIN

MAIL_FIELDS = ["mail_state", "mail_domain", "invitation_state", "invitation_message_id"]


def mail_of(operator, app):
    (found,) = operator.call("kubernetes.app", "read", [app], MAIL_FIELDS)
    return found


def cluster_secret(kubectl, namespace, name):
    data = kubectl.get(f"secret/{name}", "-n", namespace)["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


def wait_for_mail(operator, app, **wanted):
    return wait_until(
        f"the mail part of the app becomes {wanted}",
        lambda: (
            (found := mail_of(operator, app))
            and all(found[name] == value for name, value in wanted.items())
            and found
        ),
    )


def invitations(mailgun, login, url):
    """The mails that lead to the app."""
    mails = mailgun.get(f"messages?to={login}")
    return [mail for mail in mails if f'"{url}"' in mail["html"]]


def plain(mail):
    return html.unescape(re.sub(r"<[^>]+>", " ", mail["html"]))


def test_the_mail_domain_is_verified_after_its_records_are_published(
    operator, kubectl, mailgun, hosting
):
    """Registers the hostname as a Mailgun domain, publishes the records as
    DNSEndpoint, asks for verification, and creates SMTP credentials that go into a
    Secret of the app and nowhere else."""
    for app in (hosting.production, hosting.integration):
        namespace = hosting.namespace(app)
        found = wait_for_mail(operator, app, mail_state="active")
        (domain,) = [
            domain
            for domain in mailgun.get("domains")
            if domain["name"] == found["mail_domain"]
        ]
        assert domain["state"] == "active"
        endpoint = kubectl.get("dnsendpoint/chandlery-mail", "-n", namespace)
        published = {
            (record["recordType"], record["dnsName"])
            for record in endpoint["spec"]["endpoints"]
        }
        needed = {(r["record_type"], r["name"]) for r in domain["records"]}
        assert needed <= published
        records = operator.search_read(
            "kubernetes.dns.record", [("app_id", "=", app)], ["name", "validity"]
        )
        assert len(records) == len(domain["records"])
        smtp = cluster_secret(kubectl, namespace, "chandlery-smtp")
        assert set(smtp) == {"host", "port", "username", "password", "from"}
        login = {"login": smtp["username"], "password": smtp["password"]}
        assert mailgun.post("smtp-login", login) == {"accepted": True}
        # The app was restarted with it.
        odoo = kubectl.get("deployment/odoo", "-n", namespace)
        assert odoo["status"]["readyReplicas"] == 1


def test_the_invitation_arrives_once_with_address_login_and_password(
    operator, kubectl, mailgun, hosting
):
    """The worker sends the invitation through Mailgun from the app's own hostname
    or, while that is not verified, from the operator's domain, puts the generated
    password in at that moment and reports the message id, which the app's chatter
    shows. Sent once."""
    for app in (hosting.production, hosting.integration):
        found = wait_for_mail(operator, app, invitation_state="sent")
        generated = cluster_secret(
            kubectl, hosting.namespace(app), "chandlery-generated"
        )
        (record,) = operator.call("kubernetes.app", "read", [app], ["url"])
        (mail,) = invitations(mailgun, hosting.login, record["url"])
        text = plain(mail)
        assert mail["domain"] in (found["mail_domain"], SENDING_DOMAIN)
        assert "admin" in text
        assert generated["odoo_admin_password"] in text
        assert f"@{mail['domain']}" in mail["from"]
        assert mail["id"].strip("<>") in found["invitation_message_id"]
        notes = operator.search_read(
            "mail.message",
            [("model", "=", "kubernetes.app"), ("res_id", "=", app)],
            ["body"],
        )
        said = " ".join(html.unescape(note["body"]) for note in notes)
        assert mail["id"].strip("<>") in said
        assert generated["odoo_admin_password"] not in said


def test_a_worker_killed_while_it_sends_sends_nothing_twice(
    page, operator, mailgun, unique
):
    """15, 16. Killed in the middle of the mail part: one domain and at most one mail
    for each app, which runs all the same; where a mail may have been sent, it is said.
    Deleting the app releases the domain."""
    name = f"post-{unique}"
    login = f"{unique}@customer.example"
    shop.sign_up(page, "Nora Neu", login, "a good password")
    # The mail is accepted at once, and the answer comes later than the end.
    late = {"fault": "slow", "method": "POST", "path": "/messages", "seconds": 20}
    mailgun.post("faults", late)
    shop.buy(page, name)
    wait_until("a mail is on its way", lambda: mailgun.get(f"messages?to={login}"))
    worker.kill()
    worker.heal()
    apps = wait_until_running(operator, name)
    for app in apps:
        wait_for_mail(operator, app["id"], mail_state="active")
    states = wait_until(
        "the invitations have come to an end",
        lambda: (
            (found := [mail_of(operator, app["id"]) for app in apps])
            and all(one["invitation_state"] in ("sent", "failed") for one in found)
            and sorted(one["invitation_state"] for one in found)
        ),
    )
    assert states in (["failed", "sent"], ["failed", "failed"])
    domains = [d["name"] for d in mailgun.get("domains") if d["name"].startswith(name)]
    assert len(domains) == 2
    for app in apps:
        (record,) = operator.call("kubernetes.app", "read", [app["id"]], ["url"])
        sent = invitations(mailgun, login, record["url"])
        assert len(sent) <= 1, "no invitation was sent twice"
    assert {app["state"] for app in live_apps(operator, name)} == {"running"}
    delete_apps(operator, name)
    assert not [d for d in mailgun.get("domains") if d["name"].startswith(name)]


def test_without_mailgun_a_one_time_link_shows_the_password(
    visitor, bed, operator, administrator, kubectl, unique
):
    """Without Mailgun settings, Odoo's own outgoing mail is used and the password
    is fetched by a one-time link in the portal."""
    name = f"link-{unique}"
    with worker.without_mailgun(bed):
        page = visitor()
        login = f"{unique}@customer.example"
        shop.sign_up(page, "Nora Neu", login, "a good password")
        shop.buy(page, name)
        (_, app) = wait_until_running(operator, name)

        def link():
            fields = ["invitation_mail_id"]
            (record,) = operator.call("kubernetes.app", "read", [app["id"]], fields)
            if not record["invitation_mail_id"]:
                return None
            mail = [record["invitation_mail_id"][0]]
            (found,) = administrator.call("mail.mail", "read", mail, ["body_html"])
            body = html.unescape(found["body_html"])
            return re.search(r"/my/apps/\d+/password#[\w%=.~-]+", body)

        address = wait_until("Odoo has made the mail", link)[0]
        generated = cluster_secret(kubectl, f"{name}-prod", "chandlery-generated")
        password = generated["odoo_admin_password"]

        # Programs that open the links of mails use nothing up; nobody need sign in.
        reader = visitor()
        reader.goto(address)
        assert password not in reader.content()
        reader.reload()
        shop.ready(reader)
        reader.get_by_role("button", name="Show the password").click()
        shown = reader.locator("#kubernetes_password")
        expect(shown).to_have_value(password)

        # Once.
        again = visitor()
        again.goto(address)
        expect(again.locator("body")).to_contain_text("This link is not valid")
    # Odoo has never had it.
    jobs = administrator.search_read(
        "kubernetes.job", [("app_id", "=", app["id"])], ["result", "options"]
    )
    assert password not in str(jobs)
    delete_apps(operator, name)
