"""An app's domains, from the portal by way of the DNS to the Ingress."""

import json
from pathlib import Path

import shop
from apps import wait_until
from playwright.sync_api import expect


class Records:
    """The records that the test bed's double of the DNS has."""

    def __init__(self, file):
        self.file = Path(file)

    def publish(self, name, **records):
        known = json.loads(self.file.read_text()) if self.file.exists() else {}
        known.pop(name, None)
        if records:
            known[name] = {kind: [value] for kind, value in records.items()}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        part = self.file.with_suffix(".part")
        part.write_text(json.dumps(known))
        part.replace(self.file)


def hosts(kubectl, namespace):
    listed = kubectl.get("ingresses", "-n", namespace)
    return {rule["host"] for item in listed["items"] for rule in item["spec"]["rules"]}


def looks(operator, app):
    """How many looks at the DNS have come to their end."""
    return operator.call(
        "kubernetes.job",
        "search_count",
        [
            ("app_id", "=", app),
            ("kind", "=", "domains"),
            ("state", "in", ["done", "failed"]),
        ],
    )


def test_a_customer_adds_a_domain_and_it_appears_in_the_ingress(
    page, bed, operator, kubectl, hosting
):
    """A customer adds a domain in the portal, the record is set at the DNS, the domain
    appears in the Ingress; when it goes, the app's address is the next one."""
    app, namespace = hosting.production, hosting.namespace(hosting.production)
    operator.call("kubernetes.app", "write", [app], {"domains_allowed": True})
    (before,) = operator.call("kubernetes.app", "read", [app], ["url", "hostname"])
    name = f"www.{hosting.name}.example.org"
    records = Records(bed["DNS_RECORDS"])
    shop.log_in(page, hosting.login, hosting.password)
    page.goto(f"/my/apps/{app}")
    page.get_by_label("A domain of your own").fill("*.example.org")
    page.get_by_role("button", name="Add domain").click()
    refused = page.locator("#domains").get_by_role("alert")
    expect(refused).to_contain_text("A domain with a * is many domains")

    page.get_by_label("A domain of your own").fill(f"{name.upper()}.")
    page.get_by_role("button", name="Add domain").click()
    domain = page.locator(f".o_kubernetes_domain[data-domain='{name}']")
    expect(domain).to_contain_text("Waiting for the record")
    value = domain.locator("code[id^='kubernetes_domain_cname']").inner_text()
    assert value == before["hostname"]
    wait_until("a worker has looked at the DNS", lambda: looks(operator, app))
    assert name not in hosts(kubectl, namespace), "nobody has proven it"

    # At a telephone's width nothing is cut off.
    page.set_viewport_size({"width": 390, "height": 844})
    width = "document.documentElement.scrollWidth"
    assert page.evaluate(width) <= 390
    page.set_viewport_size({"width": 1280, "height": 900})

    records.publish(name, CNAME=value)
    page.reload()
    domain.get_by_role("button", name="Check now").click()
    wait_until(
        "the domain is active",
        lambda: operator.search_read(
            "kubernetes.app.domain",
            [("app_id", "=", app), ("name", "=", name), ("state", "=", "active")],
            ["is_primary"],
        ),
    )
    wait_until(
        "the domain is in the Ingress", lambda: name in hosts(kubectl, namespace)
    )
    assert before["hostname"] in hosts(kubectl, namespace)
    page.reload()
    expect(domain).to_contain_text("Active")
    expect(domain).to_contain_text("Main address")
    expect(page.locator("#kubernetes_app_url")).to_contain_text(name)

    domain.get_by_text("Remove this domain").click()
    expect(domain).to_contain_text("no longer answers at")
    domain.get_by_role("button", name="Remove").click()
    expect(domain).to_have_count(0)
    wait_until(
        "the domain has left the Ingress",
        lambda: name not in hosts(kubectl, namespace),
    )
    (after,) = operator.call("kubernetes.app", "read", [app], ["url"])
    assert after["url"] == before["url"]
    records.publish(name)
