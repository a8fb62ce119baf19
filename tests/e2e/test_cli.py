"""An operator's day from a terminal: the program with a real Odoo, worker, cluster."""

import json
import os
import subprocess
import uuid

import pytest
from apps import PATIENCE, delete_apps

from testbed import demo, instance, odoo

KEY = """
from datetime import datetime, timedelta
user = env["res.users"].search([("login", "=", {login!r})])
keys = env["res.users.apikeys"].with_user(user).sudo()
key = keys._generate(None, "terminal", datetime.now() + timedelta(days=1))
env.cr.commit()
with open({file!r}, "w") as output:
    output.write(key)
"""


@pytest.fixture(scope="module")
def chandlery(bed, tmp_path_factory):
    """The program with an operator's API key. Returns exit status, output and what is
    said beside it."""
    file = tmp_path_factory.mktemp("key") / "key"
    script = file.with_name("script.py")
    script.write_text(KEY.format(login=bed["OPERATOR_LOGIN"], file=str(file)))
    here = demo.Demo(instance.from_environment())
    here.odoo = odoo.Odoo(here.instance, here.setup_log)
    here.run_odoo("shell", script=script, what="Making an API key")

    def run(*arguments, key=None):
        environment = {
            **os.environ,
            "ODOO_URL": bed["ODOO_URL"],
            "ODOO_DB": bed["ODOO_DB"],
            "NO_PROXY": "127.0.0.1,localhost",
        }
        if key is None:
            environment["ODOO_API_KEY_FILE"] = str(file)
        else:
            environment["ODOO_API_KEY"] = key
        done = subprocess.run(
            [bed["CHANDLERY"], *arguments],
            capture_output=True,
            text=True,
            env=environment,
            timeout=PATIENCE,
        )
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture(scope="module")
def installed(chandlery, operator):
    """An app of the catalog that was installed from the terminal."""
    name = f"cli-{uuid.uuid4().hex[:8]}"
    status, out, told = chandlery(
        *("app", "create", name, "--package", "odoo", "--environment", "int")
    )
    assert status == 0, out + told
    assert "Fetch manifests: done" in told
    yield f"{name}/int"
    delete_apps(operator, name)


def test_an_app_is_installed_looked_at_and_listed(chandlery, installed):
    name = installed.partition("/")[0]
    status, out, told = chandlery("app", "list", "--output", "json")
    assert status == 0, told
    (app,) = (app for app in json.loads(out) if app["name"] == name)
    assert app["state"] == "running"
    status, out, told = chandlery("app", "get", installed)
    assert status == 0, told
    assert "generated in the cluster" in out
    assert "not applied yet" not in out


def test_a_value_is_set_compared_and_applied(chandlery, installed):
    status, out, told = chandlery("app", "set", installed, "--yaml", "odoo_workers=3")
    assert status == 0, out + told
    assert "odoo_workers = 3   (not applied yet)" in out
    status, out, told = chandlery("app", "diff", installed)
    assert status == 1, out + told
    assert "change " in out
    status, out, told = chandlery("app", "apply", "--diff", "--yes", installed)
    assert status == 0, out + told
    status, out, told = chandlery("app", "diff", installed)
    assert status == 0, out + told
    status, out, told = chandlery("app", "get", installed)
    assert "not applied yet" not in out


def test_an_app_is_stopped_started_and_restarted_and_its_jobs_are_the_operators(
    chandlery, installed, operator, bed
):
    for command, state in (("stop", "stopped"), ("start", "running")):
        status, out, told = chandlery("app", command, installed)
        assert status == 0, out + told
        _, out, _ = chandlery("app", "get", installed, "--output", "json")
        assert json.loads(out)["state"] == state
    status, out, told = chandlery("app", "restart", installed)
    assert status == 0, out + told
    app = json.loads(chandlery("app", "get", installed, "--output", "json")[1])
    jobs = operator.search_read(
        "kubernetes.job",
        [("app_id", "=", app["id"]), ("kind", "=", "restart")],
        ["requested_by", "state"],
    )
    assert [job["state"] for job in jobs] == ["done"]
    me = operator.call("res.users", "search", [("login", "=", bed["OPERATOR_LOGIN"])])
    assert jobs[0]["requested_by"][0] == me[0]
    status, out, _ = chandlery("app", "logs", installed)
    assert status == 0
    assert "Restart" in out


def test_a_domain_is_added_listed_and_removed(chandlery, installed):
    name = f"www.{installed.partition('/')[0]}.example.org"
    status, out, told = chandlery("app", "domains", installed, "add", name)
    assert status == 0, out + told
    assert f"{name}. CNAME " in out
    status, _, told = chandlery("app", "domains", installed, "add", name)
    assert status == 2
    assert "has this domain already" in told
    status, out, told = chandlery("app", "domains", installed, "remove", name)
    assert status == 0, out + told
    assert name not in out


def test_what_is_refused_changes_nothing_and_says_why(chandlery, installed):
    status, _, told = chandlery("app", "delete", installed, "--confirm", "demo/other")
    assert status == 2
    assert "Nothing was deleted" in told
    status, _, told = chandlery("app", "stop", "no-such-app")
    assert status == 2
    assert "There is no app" in told
    status, _, told = chandlery("app", "list", key="0" * 40)
    assert status == 2
    assert "does not accept the API key" in told


def test_repositories_are_listed_and_read_anew(chandlery):
    status, out, told = chandlery("repo", "list")
    assert status == 0, told
    assert "Catalog" in out
    status, out, told = chandlery("repo", "index", "Catalog")
    assert status == 0, out + told
    status, out, _ = chandlery("repo", "packages", "--output", "json")
    assert {"odoo", "odoo-ha"} <= {package["name"] for package in json.loads(out)}


def test_the_versions_of_the_test_bed_fit(chandlery):
    status, out, told = chandlery("upgrade-check")
    assert status == 0, out + told
    for thing in ("addon kubernetes_hosting ", "worker ", "cluster ", "contract "):
        assert thing in out
