"""The test bed's worker: killed, brought back, and for a while without Mailgun."""

import os
import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

import tomllib
from apps import wait_until

from testbed import instance, processes


def pid():
    """The daemon's; None where it does not run."""
    here = instance.from_environment()
    seen = processes.remembered(here.state / "run" / "worker.pid")
    return seen and seen["pid"]


def kill():
    os.kill(pid(), signal.SIGKILL)


def heal():
    subprocess.run(["make", "demo"], check=True, stdout=subprocess.DEVNULL)


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
    copy = settings.with_name("without-mailgun.toml")
    copy.write_text("".join(kept))
    os.kill(pid(), signal.SIGTERM)
    wait_until("the worker has ended", lambda: pid() is None)
    log = Path(bed["LOGS"]) / "worker-without-mailgun.log"
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
