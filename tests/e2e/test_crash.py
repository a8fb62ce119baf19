"""The worker is killed in the middle: the paid order still becomes two apps."""

import shop
import worker
from apps import (
    app_records,
    delete_apps,
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
