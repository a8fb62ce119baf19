# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Where one test bed lives: its ports, its state folder, its logs.

A test bed is told apart from others on the same machine by ``PORT_OFFSET`` alone: the
offset shifts every port and names the state folder, so that a demo (0) and a test run
(1000) stand side by side.
"""

import fcntl
import os
import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .problem import Problem

CHECKOUT = Path(__file__).resolve().parent.parent

#: All on 127.0.0.1, all shifted by PORT_OFFSET.
PORTS = {
    "odoo": 8069,
    "odoo-gevent": 8072,
    "postgresql": 15432,
    "etcd": 12379,
    "etcd-peer": 12380,
    "kube-apiserver": 16443,
    "kube-controller-manager": 10257,
    "kube-scheduler": 10259,
    "kwok": 10247,
    "traefik": 8080,
    "traefik-api": 8081,
    "catalog": 8090,
    "mailgun": 8095,
    "dns": 8053,
    "bench": 8099,
    "external-dns": 7979,
    "gitea": 8085,
    "worker": 9091,  # 9090 would be the catalog of PORT_OFFSET=1000
}
HIGHEST_OFFSET = 65535 - max(PORTS.values())


@dataclass(frozen=True)
class Instance:
    offset: int

    @property
    def name(self):
        return f"bed-{self.offset}"

    @property
    def state(self):
        return state_home() / self.name

    @property
    def logs(self):
        return self.state / "logs"

    def port(self, name):
        return PORTS[name] + self.offset

    @contextmanager
    def lock(self, name):
        """Let one command at a time do what the name says on this test bed."""
        # Not in the state folder, which may be removed by who holds the lock.
        path = state_home() / "locks" / f"{self.name}-{name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def secret(self, name):
        """A password of this test bed: made once, kept in its state folder, readable by
        its owner only."""
        path = self.state / "secrets" / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_private(path, secrets.token_urlsafe(18))
        return path.read_text()


def from_environment(default_offset=0):
    text = os.environ.get("PORT_OFFSET", "").strip() or str(default_offset)
    if not text.isdecimal() or int(text) > HIGHEST_OFFSET:
        raise Problem(
            f"PORT_OFFSET is {text!r}.",
            hint=f"Set it to a whole number from 0 to {HIGHEST_OFFSET}:"
            " PORT_OFFSET=100.",
        )
    return Instance(int(text))


def state_home():
    # PostgreSQL refuses to run as root and then runs as the user postgres, who cannot
    # look into /root.
    if os.geteuid() == 0:
        return Path("/var/lib/chandlery")
    home = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(home) / "chandlery"


def write_private(path, text):
    """Write a file that nobody else can read, whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    part.replace(path)
