"""The test bed's worker: killed, brought back, and for a while without Mailgun."""

import os
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

import tomllib
from apps import wait_until

from testbed import demo, instance, postgresql, processes
from testbed import worker as testbed_worker


def pid():
    """The daemon's; None where it does not run."""
    here = instance.from_environment()
    seen = processes.remembered(here.state / "run" / "worker.pid")
    return seen and seen["pid"]


def kill():
    """Kill the worker and let the leases of its jobs end, which takes minutes."""
    os.kill(pid(), signal.SIGKILL)
    wait_until("the worker has ended", lambda: pid() is None)
    postgresql.query(
        instance.from_environment(),
        "UPDATE kubernetes_job SET lease_until = now() AT TIME ZONE 'UTC'"
        " WHERE state = 'running'",
        demo.DATABASE,
    )


def heal():
    """Start the test bed's worker again, as it was built."""
    demo.Demo(instance.from_environment()).worker_daemon().ensure()


def heal_with_rights():
    """The same after its rights on the cluster were taken away."""
    here = demo.Demo(instance.from_environment())
    kubectl, kubeconfig = here.cluster.kubectl, here.cluster.kubeconfig
    rights = testbed_worker.kubeconfig(here.instance, kubectl, kubeconfig)
    here.worker_daemon(rights).ensure()


@contextmanager
def without_mailgun(bed):
    """In the place of the test bed's worker, one with the same settings but these."""
    here = instance.from_environment()
    settings = here.state / "worker" / "chandlery.toml"
    kept, skipping = [], False
    for line in settings.read_text().splitlines(keepends=True):
        if line.startswith("["):
            skipping = line.strip() == "[mailgun]"
        if not skipping:
            kept.append(line)
    assert "mailgun" not in tomllib.loads("".join(kept))
    with instead(bed, "without-mailgun", "".join(kept)):
        yield


@contextmanager
def impatient(bed, seconds):
    """One that waits for pods no longer than this."""
    here = instance.from_environment()
    settings = (here.state / "worker" / "chandlery.toml").read_text()
    with instead(bed, "impatient", f"[deploy]\nready_seconds = {seconds}\n{settings}"):
        yield


@contextmanager
def instead(bed, name, settings):
    here = instance.from_environment()
    copy = here.state / "worker" / f"{name}.toml"
    copy.write_text(settings)
    os.kill(pid(), signal.SIGTERM)
    wait_until("the worker has ended", lambda: pid() is None)
    log = Path(bed["LOGS"]) / f"worker-{name}.log"
    with open(log, "w") as output:
        process = subprocess.Popen(
            [bed["CHANDLERY"], "worker", "--config", str(copy)],
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "NO_PROXY": "127.0.0.1,localhost"},
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)
        copy.unlink()
        heal()
