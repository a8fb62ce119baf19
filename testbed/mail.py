# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The mail part of a test bed: doubles of Mailgun and of external-dns."""

from . import cache, odoo, processes
from .instance import CHECKOUT, write_private
from .json_api import Json

REGION = "us"
#: The account's key; it opens nothing but the double.
KEY = "double"
#: The operator's own domain in the account.
SENDING_DOMAIN = "mail.demo.example"


def url(instance):
    return f"http://127.0.0.1:{instance.port('mailgun')}"


def key_file(instance):
    """The file that tells the worker the key."""
    file = instance.state / "worker" / "mailgun-key"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_private(file, KEY)
    return file


def mailgun(instance):
    return processes.Daemon(
        name="mailgun",
        argv=[
            *(odoo.base_python(), "-B", "-m", "testbed.mailgun_double"),
            *("--port", instance.port("mailgun")),
            *("--state", instance.state / "mailgun"),
            *("--key", KEY),
        ],
        log=instance.logs / "mailgun.log",
        pid_file=instance.state / "run" / "mailgun.pid",
        ports=(instance.port("mailgun"),),
        healthy=lambda: processes.http_ok(f"{url(instance)}/_double/settings"),
        made_from=code("mailgun_double.py"),
        cwd=CHECKOUT,
    )


def ensure(instance):
    """The double, and in its account the operator's own domain."""
    started = mailgun(instance).ensure()
    Json(url(instance))("POST", "_double/domains", {"name": SENDING_DOMAIN})
    return started


def external_dns(instance, kubernetes):
    """Publishes the DNSEndpoint objects of the test bed's own cluster."""
    port = instance.port("external-dns")
    return processes.Daemon(
        name="external-dns",
        argv=[
            *(odoo.base_python(), "-B", "-m", "testbed.external_dns_double"),
            *("--server", kubernetes.server),
            *("--pki", kubernetes.pki),
            *("--mailgun", url(instance)),
            *("--port", port),
        ],
        log=instance.logs / "external-dns.log",
        pid_file=instance.state / "run" / "external-dns.pid",
        ports=(port,),
        healthy=lambda: processes.http_ok(f"http://127.0.0.1:{port}/healthz"),
        made_from=code("external_dns_double.py", "json_api.py"),
        cwd=CHECKOUT,
    )


def code(*files):
    """What a running double was made from."""
    return cache.digest(*(CHECKOUT / "testbed" / file for file in files))
