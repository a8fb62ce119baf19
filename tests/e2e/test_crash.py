"""The worker is killed in the middle: the paid order still becomes two apps."""

import json

import shop
import worker
from apps import (
    app_records,
    ask_to_delete,
    delete_apps,
    namespaces_of,
    no_new_pods,
    wait_until,
    wait_until_running,
)


def running_deploys(operator, name):
    return operator.search_read(
        "kubernetes.job",
        [
            ("app_id.name", "=", name),
            ("kind", "=", "deploy"),
            ("state", "=", "running"),
        ],
        ["attempt"],
    )


def test_killing_the_worker_in_the_middle_and_starting_it_again_still_gets_there(
    page, operator, kubectl, unique
):
    name = f"crash-{unique}"
    shop.sign_up(page, "Nora Neu", f"{unique}@customer.example", "a good password")
    with no_new_pods(kubectl):
        shop.buy(page, name)
        wait_until("a deploy runs", lambda: running_deploys(operator, name))
        worker.kill()
        worker.heal()
    wait_until_running(operator, name)
    assert len(app_records(operator, name)) == 2
    delete_apps(operator, name)


def test_killing_the_worker_in_the_middle_of_a_reset_still_ends_it_well(
    operator, kubectl, hosting
):
    app = hosting.integration
    (wizard,) = operator.call("kubernetes.app.reset", "create", [{"app_id": app}])

    def reset():
        (job,) = operator.search_read(
            "kubernetes.job",
            [("app_id", "=", app), ("kind", "=", "reset")],
            ["state", "attempt", "error_message"],
            order="id desc",
            limit=1,
        )
        return job

    with no_new_pods(kubectl):
        operator.call("kubernetes.app.reset", "action_confirm", [wizard])
        wait_until("the reset runs", lambda: reset()["state"] == "running")
        worker.kill()
        worker.heal()
    wait_until(
        "the reset has ended",
        lambda: reset()["state"] not in ("pending", "running"),
    )
    job = reset()
    assert job["state"] == "done", job["error_message"]
    assert job["attempt"] == 2
    wait_until_running(operator, hosting.name)


def hold(kubectl, namespace, kind):
    """Let one object of the kind stay when it is deleted. Returns how to let it go."""
    found = kubectl.get(kind, "-n", namespace)["items"]
    name = found[0]["metadata"]["name"]

    def patch(finalizers):
        body = json.dumps({"metadata": {"finalizers": finalizers}})
        kubectl("patch", kind, name, "-n", namespace, "--type=merge", "-p", body)

    patch(["chandlery.dev/held-by-a-test"])
    return lambda: patch(None)


def test_killed_in_each_step_of_a_removal_nothing_is_left(
    page, operator, kubectl, mailgun, unique
):
    """Issue 17, 12: uninstalling goes domains, app, mail, whatever dies on the way."""
    name = f"gone-{unique}"
    shop.sign_up(page, "Nora Neu", f"{unique}@customer.example", "a good password")
    shop.buy(page, name)
    app, _other = wait_until_running(operator, name)
    namespace = app["namespace_id"][1]

    def read(*fields):
        return operator.call("kubernetes.app", "read", [app["id"]], fields)[0]

    wait_until(
        "the mail domain is there", lambda: read("mail_state")["mail_state"] == "active"
    )

    def step(code):
        return operator.search_read(
            "kubernetes.job.step",
            [
                ("job_id.app_id", "=", app["id"]),
                ("job_id.kind", "=", "delete"),
                ("job_id.state", "=", "running"),
                ("state", "=", "running"),
                ("code", "=", code),
            ],
            ["code"],
        )

    let_go = {
        "closing": hold(kubectl, namespace, "ingress"),
        "deleting": hold(kubectl, namespace, "service"),
        "mail_domain": lambda: None,
    }
    late = {"fault": "slow", "method": "DELETE", "path": "/domains", "seconds": 20}
    mailgun.post("faults", late)
    ask_to_delete(operator, app["id"])
    for code, release in let_go.items():
        wait_until(f"the step {code} runs", lambda code=code: step(code))
        worker.kill()
        release()
        worker.heal()
    wait_until("the app is deleted", lambda: read("state")["state"] == "deleted")
    assert read("installation_state")["installation_state"] == "done"
    assert namespace not in namespaces_of(kubectl, name).values()
    held = [("hostname", "=", app["hostname"])]
    assert operator.search_read("kubernetes.hostname", held, ["hostname"]) == []
    assert app["hostname"] not in [each["name"] for each in mailgun.get("domains")]
    delete_apps(operator, name)
