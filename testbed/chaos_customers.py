# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Who keeps Odoo busy during ``make chaos``: customers who buy in the shop over HTTP as
a browser does, and an operator who changes, stops, starts, resets and deletes."""

import http.client
import itertools
import random
import threading
import time
from collections import Counter

from . import postgresql
from .demo import DATABASE, LOGINS
from .problem import Problem
from .shop_client import Browser, Client, confirm, offered, order, pay

PRODUCT = "Odoo Hosting"
#: How often a customer looks for a confirmation after all faults.
LOOKS = 60
#: What a shop says while parts of it are away.
AWAY = (OSError, Problem, ValueError, http.client.HTTPException)
#: A value of the app that its manifests put into an object, in steps.
CHANGED = "odoo_memory_request"


class Names:
    """Names of apps that nobody has taken."""

    def __init__(self, word):
        self.word, self.numbers = word, itertools.count(1)
        self.lock = threading.Lock()

    def __call__(self):
        with self.lock:
            return f"{self.word}-{next(self.numbers):04}"


class Customers:
    """They and the operator, until ``over``. ``paid`` are the names of apps of which
    the shop said that they are paid."""

    def __init__(self, bed, seed, logins, password, most):
        self.bed, self.seed = bed, seed
        self.logins, self.password = logins, password
        #: So many apps may be there at once.
        self.most = most
        self.names = Names("chaos")
        self.over = threading.Event()
        self.asked = Counter()
        self.paid = []
        self.threads = []

    def begin(self):
        operator = Client(self.bed.odoo_url, *LOGINS["operator"])
        self.product = offered(operator, PRODUCT)
        for login in self.logins:
            self.run(self.customer, login)
        self.run(self.operator, LOGINS["operator"][0])

    def run(self, what, login):
        chance = random.Random(f"{self.seed}/{login}")
        thread = threading.Thread(target=what, args=(login, chance), daemon=True)
        thread.start()
        self.threads.append(thread)

    def wait_for(self, apps):
        while live_apps(self.bed.instance) < apps:
            time.sleep(0.5)

    def end(self):
        """Nobody begins anything new; what was begun is brought to its end."""
        self.over.set()
        for thread in self.threads:
            thread.join()

    # -- customers

    def customer(self, login, chance):
        while not self.over.is_set():
            if live_apps(self.bed.instance) < self.most:
                self.shop(login)
            self.over.wait(chance.uniform(1, 6))

    def shop(self, login):
        """One purchase; it may come to nothing before the payment."""
        try:
            browser = Browser(self.bed.odoo_url, login, self.password)
            names, reference = order(browser, self.product, self.names)
        except AWAY:
            self.asked["purchases given up before the payment"] += 1
            return
        # From here on the customer has pressed “Pay”, and looks until it is told; not
        # for ever where nothing fails any more.
        looks = 0
        while not self.confirmed(browser, reference):
            looks += self.over.is_set()
            if looks > LOOKS:
                self.asked["purchases that were not confirmed"] += 1
                return
            time.sleep(1)
        self.asked["purchases"] += 1
        self.paid += names

    def confirmed(self, browser, reference):
        """Whether the shop says that the payment has arrived."""
        try:
            pay(browser, reference)
            return confirm(browser)
        except AWAY:
            return False

    # -- operator

    def operator(self, _login, chance):
        acts = {
            self.change: 4,
            self.stop: 3,
            self.start: 3,
            self.restart: 2,
            self.reset: 3,
            self.delete: 1,
            self.put_beside: 1,
        }
        client = None
        while not self.over.is_set():
            self.over.wait(chance.uniform(0.5, 3))
            (act,) = chance.choices(list(acts), acts.values())
            try:
                client = client or Client(self.bed.odoo_url, *LOGINS["operator"])
                apps = client.call(
                    "kubernetes.app",
                    "search_read",
                    [("wanted_state", "!=", "deleted")],
                    ["state", "config_map_id", "namespace_id"],
                    order="id",
                )
                # What a stop or a reset is about has been deployed.
                if act in (self.stop, self.restart, self.reset):
                    apps = [app for app in apps if app["state"] == "running"]
                # A refusal by the app's state is an answer, too.
                if apps:
                    act(client, chance.choice(apps), chance)
                    self.asked[act.__name__.replace("_", " ")] += 1
            except AWAY:
                self.asked["refused or not answered"] += 1

    def change(self, client, app, chance):
        """One value of the app, and apply it."""
        line = "kubernetes.config.map.line"
        where = [
            ("config_map_id", "=", app["config_map_id"][0]),
            ("key", "=", CHANGED),
        ]
        lines = client.call(line, "search", where)
        client.call(line, "write", lines, {"value": f"{chance.randint(200, 300)}Mi"})
        client.call("kubernetes.app", "action_apply", [app["id"]])

    def stop(self, client, app, _chance):
        client.call("kubernetes.app", "action_stop", [app["id"]])

    def start(self, client, app, _chance):
        client.call("kubernetes.app", "action_start", [app["id"]])

    def restart(self, client, app, _chance):
        client.call("kubernetes.app", "action_restart", [app["id"]])

    def reset(self, client, app, _chance):
        wizard = client.call("kubernetes.app.reset", "create", [{"app_id": app["id"]}])
        client.call("kubernetes.app.reset", "action_confirm", wizard)

    def delete(self, client, app, _chance):
        model = "kubernetes.app.delete"
        values = {"app_id": app["id"], "delete_volumes": True}
        wizard = client.call(model, "create", [values])
        (asked,) = client.call(model, "read", wizard, ["confirmation"])
        client.call(model, "write", wizard, {"confirmed_name": asked["confirmation"]})
        client.call(model, "action_confirm", wizard)

    def put_beside(self, _client, app, _chance):
        """Somebody with kubectl puts something of theirs into the app's namespace."""
        self.bed.foreign.put_into(app["namespace_id"][1])


def live_apps(instance):
    """How many apps are to be there, as far as the database tells."""
    try:
        rows = postgresql.query(
            instance,
            "SELECT count(*) FROM kubernetes_app WHERE wanted_state <> 'deleted'",
            DATABASE,
        )
    except Problem:
        return 0
    return int(rows[0])
