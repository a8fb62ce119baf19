# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A file server for catalog/, so that manifests have the URLs that they have in real
life."""

from . import odoo, processes
from .instance import CHECKOUT

FOLDER = CHECKOUT / "catalog"


def url(instance):
    return f"http://127.0.0.1:{instance.port('catalog')}"


def daemon(instance):
    return processes.Daemon(
        name="catalog",
        argv=[
            *(odoo.base_python(), "-m", "http.server"),
            *("--bind", "127.0.0.1", "--directory", FOLDER, instance.port("catalog")),
        ],
        log=instance.logs / "catalog.log",
        pid_file=instance.state / "run" / "catalog.pid",
        ports=(instance.port("catalog"),),
        healthy=lambda: processes.http_ok(f"{url(instance)}/"),
    )
