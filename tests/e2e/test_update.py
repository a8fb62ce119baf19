"""The addons are updated while the worker runs and a paid order is under way."""

from collections import Counter

import shop
import worker
from apps import (
    app_records,
    delete_apps,
    namespaces_of,
    no_new_pods,
    wait_until,
    wait_until_running,
)
from test_crash import running_deploys

from testbed import demo, instance, odoo


def test_updating_addons_while_the_worker_runs_loses_nothing_and_does_nothing_twice(
    page, operator, kubectl, unique
):
    name = f"update-{unique}"
    shop.sign_up(page, "Nora Neu", f"{unique}@customer.example", "a good password")
    with no_new_pods(kubectl):
        shop.buy(page, name)
        wait_until("a deploy runs", lambda: running_deploys(operator, name))
        before = worker.pid()
        here = demo.Demo(instance.from_environment())
        here.odoo = odoo.Odoo(here.instance, here.setup_log)
        here.odoo_daemon().stop()
        try:
            here.run_odoo(
                "server",
                *("-u", "kubernetes_hosting", "--stop-after-init"),
                what="Updating the addons",
            )
        finally:
            here.odoo_daemon().ensure()
    wait_until_running(operator, name)
    assert worker.pid() == before, "the worker went on by itself"
    apps = [app["id"] for app in app_records(operator, name)]
    assert len(apps) == 2
    assert len(namespaces_of(kubectl, name)) == 2
    jobs = operator.search_read(
        "kubernetes.job", [("app_id", "in", apps)], ["app_id", "kind", "state"]
    )
    deploys = Counter(job["app_id"][0] for job in jobs if job["kind"] == "deploy")
    assert deploys == dict.fromkeys(apps, 1), jobs
    assert not [job for job in jobs if job["state"] in ("failed", "cancelled")], jobs
    delete_apps(operator, name)
