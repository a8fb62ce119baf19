# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Odoo with high availability, bought in the shop: its primary is lost, and the
operator promotes the standby in the backend."""

import shutil

import shop
from apps import ask_to_delete_apps, live_apps, wait_until
from inside import enter, first_password
from playwright.sync_api import expect

from testbed import instance

PRODUCT = "Odoo High Availability"
STATE = ".o_form_statusbar .o_arrow_button_current"


class Server:
    """One of the two servers of PostgreSQL."""

    def __init__(self, kubectl, namespace, letter):
        self.kubectl, self.namespace = kubectl, namespace
        self.name = f"postgres-{letter}"

    def ask(self, query):
        """What it answers; nothing where it does not run."""
        psql = ("psql", "-qAt", "-h", "/var/run/postgresql", "-U", "postgres")
        run = ("exec", f"{self.name}-0", "-c", "postgres", "--", *psql)
        words = ("-n", self.namespace, *run, "-d", "odoo", "-c", query)
        return self.kubectl(*words, check=False).stdout.strip()

    def is_standby(self):
        return self.ask("SELECT pg_is_in_recovery()") == "t"

    def has_partner(self, name):
        query = f"SELECT count(*) FROM res_partner WHERE name = '{name}'"
        return self.ask(query) == "1"

    def lose_volume(self):
        """As if its disk was gone, and an empty one in its place."""
        claims = self.kubectl.get("pvc", "-n", self.namespace)["items"]
        (volume,) = [
            claim["spec"]["volumeName"]
            for claim in claims
            if claim["metadata"]["labels"].get("app.kubernetes.io/instance")
            == self.name
        ]
        place = instance.from_environment().state / "node" / "volumes" / volume
        lost = place.with_name(f"{volume}-lost")
        (place / "pgdata").rename(lost)
        pod = ("delete", "pod", f"{self.name}-0", "--force", "--grace-period=0")
        self.kubectl("-n", self.namespace, *pod)
        shutil.rmtree(lost, ignore_errors=True)


def test_the_operator_promotes_the_standby_of_a_primary_that_is_lost(
    visitor, bed, operator, kubectl, unique
):
    name = f"ha-{unique}"
    namespace, host = f"{name}-prod", f"{name}.apps.localhost"
    customer = visitor()
    shop.sign_up(customer, "Nora Neu", f"{unique}@customer.example", "a good password")
    shop.buy(customer, name, product=PRODUCT)
    (app,) = wait_until(
        "the app runs",
        lambda: (
            (apps := live_apps(operator, name))
            and all(found["state"] == "running" for found in apps)
            and apps
        ),
    )
    password = first_password(kubectl, namespace)
    enter(host, password).add_partner(unique)
    primary, standby = (Server(kubectl, namespace, letter) for letter in "ab")
    wait_until("the standby has the record", lambda: standby.has_partner(unique))

    primary.lose_volume()
    page = visitor()
    shop.log_in(page, bed["OPERATOR_LOGIN"], bed["OPERATOR_PASSWORD"])
    page.goto(f"/odoo/kubernetes.app/{app['id']}")
    # The operator is told what is wrong and what helps,
    expect(page.locator(".o_form_sheet .alert:visible").first).to_contain_text(
        "postgres-a"
    )
    # finds it among the app's actions,
    page.get_by_role("tab", name="Actions").click()
    promote = page.locator(".o_data_row", has_text="Promote postgres-b")
    expect(promote).to_contain_text("volume or node is gone")
    promote.get_by_role("button", name="Run").click()
    # and sees what it would change.
    dialog = page.get_by_role("dialog")
    apply = dialog.get_by_role("button", name="Apply", exact=True)
    apply.wait_for()
    expect(dialog).to_contain_text("postgres-b")
    apply.click()
    expect(dialog).to_have_count(0)

    wait_until(
        "the deploy is done",
        lambda: (
            (jobs := deploys(operator, app["id"]))
            and len(jobs) == 2
            and jobs[0]["state"] not in ("pending", "running")
        ),
    )
    (job, _) = deploys(operator, app["id"])
    assert job["state"] == "done", job["error_message"]
    expect(page.locator(STATE)).to_have_text("Running")
    assert enter(host, password).partners(unique) == 1
    assert not standby.is_standby() and standby.has_partner(unique)
    assert primary.is_standby() and primary.has_partner(unique), "a new copy"
    promoted = page.locator(".o_data_row", has_text="Promote postgres-b")
    expect(promoted.get_by_role("button", name="Run")).to_have_count(0)
    again = enter(host, password)
    again.add_partner(f"after {unique}")
    wait_until(
        "the new standby follows", lambda: primary.has_partner(f"after {unique}")
    )
    ask_to_delete_apps(operator, name)


def deploys(operator, app):
    return operator.search_read(
        "kubernetes.job",
        [("app_id", "=", app), ("kind", "=", "deploy")],
        ["state", "error_message"],
        order="id desc",
    )
