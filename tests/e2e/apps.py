"""What becomes of apps, as Odoo and the cluster tell it."""

import time

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
    apps = operator.call(
        "kubernetes.app", "search", [("name", "=", name), ("state", "!=", "deleted")]
    )
    for app in apps:
        wizard = operator.call(
            "kubernetes.app.delete",
            "create",
            {"app_id": app, "confirmed_name": name, "delete_volumes": not keep_volumes},
        )
        operator.call("kubernetes.app.delete", "action_confirm", wizard)
    wait_until(
        f"the apps named {name} are deleted",
        lambda: all(app["state"] == "deleted" for app in app_records(operator, name)),
    )
