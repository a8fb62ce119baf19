"""What becomes of apps, as Odoo and the cluster tell it."""

import time
from contextlib import contextmanager

# Long enough for a busy machine, never waited for in full.
PATIENCE = 300


def wait_until(what, condition):
    """Return what ``condition`` returns as soon as it is true."""
    deadline = time.monotonic() + PATIENCE
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"after {PATIENCE} s still not: {what}")
        time.sleep(0.3)


@contextmanager
def no_new_pods(kubectl):
    """Pods made meanwhile wait for a node, and so does the job that made them, on
    however fast a machine."""
    nodes = [node["metadata"]["name"] for node in kubectl.get("nodes")["items"]]
    kubectl("cordon", *nodes)
    try:
        yield
    finally:
        kubectl("uncordon", *nodes)


def app_records(operator, name):
    return operator.search_read(
        "kubernetes.app",
        [("name", "=", name)],
        [
            "hostname",
            "state",
            "namespace_id",
            "ingress_state",
            "ingress_addresses",
            "job_ids",
        ],
        order="hostname",
        context={"active_test": False},
    )


def live_apps(operator, name):
    return [app for app in app_records(operator, name) if app["state"] != "deleted"]


def namespaces_of(kubectl, name):
    listed = kubectl.get("namespaces", "-l", f"chandlery.dev/name={name}")
    return {
        item["metadata"]["labels"]["chandlery.dev/environment"]: item["metadata"][
            "name"
        ]
        for item in listed["items"]
    }


def wait_until_running(operator, name):
    return wait_until(
        f"two apps named {name} run",
        lambda: (
            (apps := live_apps(operator, name))
            and len(apps) == 2
            and all(app["state"] == "running" for app in apps)
            and apps
        ),
    )


def delete_apps(operator, name, keep_volumes=False):
    ask_to_delete_apps(operator, name, keep_volumes)
    wait_until(
        f"the apps named {name} are deleted",
        lambda: all(app["state"] == "deleted" for app in app_records(operator, name)),
    )


def ask_to_delete_apps(operator, name, keep_volumes=False):
    """For tests that have seen enough of them."""
    apps = operator.call(
        "kubernetes.app", "search", [("name", "=", name), ("state", "!=", "deleted")]
    )
    for app in apps:
        ask_to_delete(operator, app, keep_volumes)


def ask_to_delete(operator, app, keep_volumes=False):
    model = "kubernetes.app.delete"
    wizard = operator.call(
        model, "create", {"app_id": app, "delete_volumes": not keep_volumes}
    )
    (asked,) = operator.call(model, "read", wizard, ["confirmation"])
    operator.call(model, "write", wizard, {"confirmed_name": asked["confirmation"]})
    operator.call(model, "action_confirm", wizard)


class App:
    """An app whose values a test changes and puts back."""

    def __init__(self, operator, record):
        self.operator, self.record = operator, record
        (self.values,) = operator.search_read(
            "kubernetes.app", [("id", "=", record)], ["secret_id", "config_map_id"]
        )

    def set(self, key, value, kind="string"):
        model = "kubernetes.config.map.line"
        owner = self.values["config_map_id"][0]
        lines = self.operator.call(
            model, "search", [("config_map_id", "=", owner), ("key", "=", key)]
        )
        values = {"value": value, "type": kind}
        if lines:
            self.operator.call(model, "write", lines, values)
        else:
            values |= {"config_map_id": owner, "key": key}
            self.operator.call(model, "create", [values])

    def add_secret(self, key, value):
        self.operator.call(
            "kubernetes.secret.line",
            "create",
            [{"secret_id": self.values["secret_id"][0], "key": key, "value": value}],
        )

    def last(self, kind):
        jobs = self.operator.search_read(
            "kubernetes.job",
            [("app_id", "=", self.record), ("kind", "=", kind)],
            ["state"],
            order="id desc",
            limit=1,
        )
        return jobs[0] if jobs else {"id": 0, "state": "none"}

    def run(self, kind, ask):
        before = self.last(kind)["id"]
        ask()
        return wait_until(
            f"the {kind} has ended",
            lambda: (
                (job := self.last(kind))["id"] > before
                and job["state"] in ("done", "failed")
                and job["state"]
            ),
        )

    def apply(self, button):
        (wizard,) = self.operator.call(
            "kubernetes.app.apply", "create", [{"app_id": self.record}]
        )
        self.operator.call("kubernetes.app.apply", button, [wizard])
