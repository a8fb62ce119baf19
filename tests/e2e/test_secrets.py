# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What somebody typed in and what the cluster generated stands nowhere but
where it belongs, after jobs that were done and jobs that failed."""

import base64
import json
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path

from apps import PATIENCE, App

from testbed import instance, postgresql

VARIABLE = "canary"


def forms(secret):
    """How a secret, or what is made of it, is written."""
    yield from (secret, secret[::-1], secret.upper())
    yield urllib.parse.quote(secret, safe="")
    for before in ("", "x", "xx"):
        coded = base64.b64encode((before + secret).encode()).decode()
        # What stands around it decides the first and the last signs.
        yield coded[4 if before else 0 : -4]


def found(text, secret):
    return sorted({form for form in forms(secret) if form in text})


def dump(without=()):
    """All that the database holds, but for the data of some tables."""
    here = instance.from_environment()
    return subprocess.run(
        [postgresql.PROGRAMS / "pg_dump", "--data-only"]
        + [f"--exclude-table-data={table}" for table in without]
        + ["--dbname=chandlery"],
        env=postgresql.environment(here),
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    ).stdout


def test_no_secret_stands_where_it_does_not_belong_after_any_job(
    bed, operator, hosting, kubectl, mailgun, unique
):
    secret = f"c4/{unique}+{unique[::-1]}"
    app = App(operator, hosting.integration)
    namespace = hosting.namespace(hosting.integration)
    app.add_secret(VARIABLE, secret)
    # In a ConfigMap of the app, in several forms.
    app.set(
        "odoo_conf_extra",
        "# {{ canary }} {{ canary | urlencode }} {{ canary | reverse }}"
        " {{ ('x' ~ canary) | b64encode }} {{ canary | upper }}",
    )

    def compare():
        app.apply("action_compare")

    def deploy():
        app.apply("action_confirm")

    assert app.run("diff", compare) == "done"
    assert app.run("deploy", deploy) == "done"
    # It arrived, so that there was something to hide.
    maps = kubectl("get", "configmaps", "-n", namespace, "-o", "yaml").stdout
    assert secret[::-1] in maps
    # The API server quotes what it refuses, and templates what they fail on.
    for wrong in (
        "{{ canary }}",
        "{{ canary | reverse }}",
        "{{ undef(hint=canary) }}",
        "{{ {}[canary] }}",
    ):
        app.set("odoo_replicas", wrong)
        assert app.run("diff", compare) == "failed", wrong
        assert app.run("deploy", deploy) == "failed", wrong
    app.set("odoo_replicas", "1", "yaml")
    app.set("odoo_conf_extra", "")
    assert app.run("deploy", deploy) == "done"

    generated = kubectl.get("secret", "chandlery-generated", "-n", namespace)["data"]
    passwords = [base64.b64decode(value).decode() for value in generated.values()]
    assert passwords
    here = instance.from_environment()
    with urllib.request.urlopen(
        f"http://127.0.0.1:{here.port('worker')}/metrics", timeout=PATIENCE
    ) as answer:
        metrics = answer.read().decode()
    logs = "\n".join(
        path.read_text(errors="replace") for path in Path(bed["LOGS"]).rglob("*.log")
    )
    processes = subprocess.run(
        ["ps", "axeww"], capture_output=True, text=True, check=True
    ).stdout
    read = operator.search_read(
        "kubernetes.secret.line", [("key", "=", VARIABLE)], ["key", "value", "is_set"]
    )
    config_map = app.values["config_map_id"][0]
    path = f"/kubernetes_hosting/config_map/{config_map}/vars.yml"
    with operator.opener.open(operator.url + path, timeout=PATIENCE) as answer:
        exported = answer.read().decode()
    # What was typed in is kept in one place, to be handed to the worker.
    assert found(dump(), secret) == [secret]
    places = {
        "database": dump(["kubernetes_secret_line"]),
        "logs": logs,
        "metrics": metrics,
        "processes": processes,
        "read": json.dumps(read),
        "exported": exported,
    }
    for place, text in places.items():
        assert not found(text, secret), place
        for password in passwords:
            assert not found(text, password), place
    mails = json.dumps(mailgun.get("messages"))
    assert not found(mails, secret)
