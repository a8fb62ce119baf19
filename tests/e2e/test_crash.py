"""The worker is killed in the middle: the paid order still becomes two apps."""

import os
import signal
import subprocess

import shop
from apps import app_records, delete_apps, wait_until, wait_until_running


def running_jobs(operator, name):
    return operator.search_read(
        "kubernetes.job",
        [("app_id.name", "=", name), ("state", "=", "running")],
        ["attempt"],
    )


def test_killing_the_worker_in_the_middle_and_starting_it_again_still_gets_there(
    page, bed, operator, unique
):
    name = f"crash-{unique}"
    shop.sign_up(page, "Nora Neu", f"{unique}@customer.example", "a good password")
    shop.buy(page, name)
    wait_until("a job of the app runs", lambda: running_jobs(operator, name), 30)
    os.kill(int(bed["WORKER_PID"]), signal.SIGKILL)
    subprocess.run(["make", "demo"], check=True)
    wait_until_running(operator, name, seconds=180)
    assert len(app_records(operator, name)) == 2
    delete_apps(operator, name)
