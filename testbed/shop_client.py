# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Odoo asked as its web client asks it, and the shop as a customer's browser does, up
to the payment and its confirmation."""

import html
import json
import re
from http.cookiejar import CookieJar
from urllib import parse, request

from .demo import DATABASE
from .problem import Problem


class Client:
    """Odoo's web client, as far as it asks for data."""

    def __init__(self, url, login, password, database=DATABASE):
        self.url = url
        self.opener = request.build_opener(
            request.ProxyHandler({}), request.HTTPCookieProcessor(CookieJar())
        )
        self.post(
            "/web/session/authenticate",
            {"db": database, "login": login, "password": password},
        )

    def post(self, path, params):
        asked = {"jsonrpc": "2.0", "method": "call", "id": 1, "params": params}
        call = request.Request(
            f"{self.url}{path}",
            data=json.dumps(asked).encode(),
            headers={"Content-Type": "application/json"},
        )
        with self.opener.open(call, timeout=120) as answer:
            said = json.load(answer)
        if "error" in said:
            raise Problem(f"Odoo refused: {said['error']['data']['message']}")
        return said.get("result")

    def call(self, model, method, *arguments, **keywords):
        params = {
            "model": model,
            "method": method,
            "args": arguments,
            "kwargs": keywords,
        }
        return self.post(f"/web/dataset/call_kw/{model}/{method}", params)

    def get(self, path):
        with self.opener.open(f"{self.url}{path}", timeout=120) as answer:
            return answer.read()


class Browser(Client):
    """A customer's browser, as far as it buys."""

    def open(self, path, form=None):
        """Where a page leads, and its text."""
        data = None if form is None else parse.urlencode(form).encode()
        with self.opener.open(f"{self.url}{path}", data, timeout=60) as answer:
            return answer.url, answer.read().decode()


def attribute(page, name):
    found = re.search(rf'\b{name}="([^"]*)"', page)
    if not found:
        raise Problem(f"The page has no {name}.")
    return html.unescape(found[1])


def offered(operator, product):
    """What the page of a product sends when it is put into the cart."""
    (template,) = operator.call(
        "product.template",
        "search_read",
        [("name", "=", product)],
        ["product_variant_ids"],
    )
    options = operator.call(
        "product.template.attribute.value",
        "search_read",
        [
            ("product_tmpl_id", "=", template["id"]),
            ("attribute_id.create_variant", "=", "no_variant"),
        ],
        ["id"],
        limit=1,
    )
    return {
        "product_template_id": template["id"],
        "product_id": template["product_variant_ids"][0],
        "quantity": 1,
        "no_variant_attribute_value_ids": [option["id"] for option in options],
    }


def order(browser, product, names):
    """Put it into the cart and go on until the payment has begun; the names of the
    apps, each from ``names``, and the payment's reference."""
    browser.post("/shop/cart/add", product)
    _url, page = browser.open("/shop/app_names")
    # An earlier purchase that was given up is in the cart as well.
    fields = sorted(set(re.findall(r'name="(name-\d+-\d+)"', page)))
    asked = {field: names() for field in fields}
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    if not fields or not token:
        raise Problem("The shop does not ask for names.")
    browser.open("/shop/app_names", {"csrf_token": token[1], **asked})
    return list(asked.values()), begin_payment(browser)


def begin_payment(browser):
    """Go on with the cart until the payment has begun; its reference."""
    browser.open("/shop/checkout?try_skip_step=true")
    _url, page = browser.open("/shop/payment")
    begun = browser.post(
        attribute(page, "data-transaction-route"),
        {
            "provider_id": int(attribute(page, "data-provider-id")),
            "payment_method_id": int(attribute(page, "data-payment-option-id")),
            "token_id": None,
            "amount": float(attribute(page, "data-amount")),
            "flow": "direct",
            "tokenization_requested": False,
            "landing_route": attribute(page, "data-landing-route"),
            "is_validation": False,
            "access_token": attribute(page, "data-access-token"),
        },
    )
    return begun["reference"]


def pay(browser, reference):
    """Odoo's provider for demonstrations tells that the customer has paid."""
    payment = {
        "reference": reference,
        "payment_details": "4242",
        "simulated_state": "done",
    }
    browser.post("/payment/demo/simulate_payment", payment)


def confirm(browser):
    """What the page after the payment asks: Odoo confirms the order. Whether it has."""
    return browser.post("/payment/status/poll", {})["state"] == "done"
