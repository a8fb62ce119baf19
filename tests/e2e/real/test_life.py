# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""An app's life after its first minutes, told by what is in it and not by a state."""

import os
import re
import signal

import pytest
import shop
import worker
from apps import App, ask_to_delete_apps, wait_until, wait_until_running
from inside import answer, answers, enter, first_password, hostname_of
from playwright.sync_api import expect

from testbed import cluster, images, instance, node
from tests.real.test_pods import outside_of

#: What the ingress controller shows where no pod answers.
AWAY = "This app does not answer right now"
#: What a customer never reads.
TECHNICAL = {"pod", "container", "image", "deployment", "quota", "memory", "log"}


class Side:
    """One of the two apps of a purchase."""

    def __init__(self, operator, kubectl, hosting, app):
        self.app = app
        self.operator, self.kubectl = operator, kubectl
        self.namespace = hosting.namespace(app)
        self.host = hostname_of(operator, app)
        self.password = first_password(kubectl, self.namespace)

    def enter(self, password=None):
        return enter(self.host, password or self.password)

    def jobs(self, kind):
        return self.operator.search_read(
            "kubernetes.job",
            [("app_id", "=", self.app), ("kind", "=", kind)],
            ["state", "error_message", "error_hint"],
            order="id desc",
        )

    def ask(self, kind):
        """Ask as the operator does; what ends the job says when it is over."""
        before = len(self.jobs(kind))
        if kind == "reset":
            (wizard,) = self.operator.call(
                "kubernetes.app.reset", "create", [{"app_id": self.app}]
            )
            self.operator.call("kubernetes.app.reset", "action_confirm", [wizard])
        else:
            self.operator.call("kubernetes.app", f"action_{kind}", [self.app])

        def ended():
            jobs = self.jobs(kind)
            over = len(jobs) > before and jobs[0]["state"] not in ("pending", "running")
            return over and jobs[0]

        return lambda: wait_until(f"the {kind} has ended", ended)

    def do(self, kind):
        job = self.ask(kind)()
        assert job["state"] == "done", job["error_message"]

    def in_odoo(self, script, check=True):
        shell = ("exec", "deployment/odoo", "-c", "odoo", "--", "sh", "-c", script)
        return self.kubectl("-n", self.namespace, *shell, check=check)

    def kill(self, program):
        pod = ("pod", "-l", f"app.kubernetes.io/name={program}")
        now = ("--force", "--grace-period=0")
        self.kubectl("-n", self.namespace, "delete", *pod, *now)


@pytest.fixture
def production(operator, kubectl, hosting):
    return Side(operator, kubectl, hosting, hosting.production)


@pytest.fixture
def integration(operator, kubectl, hosting):
    return Side(operator, kubectl, hosting, hosting.integration)


def test_a_reset_brings_productions_records_neutralised(
    page, production, integration, unique
):
    there = production.enter()
    there.add_partner(unique)
    server = {"name": unique, "smtp_host": "smtp.example.com", "smtp_port": 25}
    there.call("ir.mail_server", "create", [server])
    name = f"{unique}.txt"
    there.call("ir.attachment", "create", [{"name": name, "raw": "of production"}])
    here = integration.enter()
    assert here.partners(unique) == 0, "two databases"
    of_integration = f"only {unique}"
    here.add_partner(of_integration)

    integration.do("reset")
    copy = integration.enter(production.password)
    assert copy.partners(unique) == 1
    assert copy.partners(of_integration) == 0
    (file,) = copy.search_read("ir.attachment", [("name", "=", name)], ["raw"])
    assert file["raw"] == "of production"
    servers = copy.search_read("ir.mail_server", [], ["smtp_host"])
    assert [found["smtp_host"] for found in servers] == ["invalid"]
    page.goto(page_of(integration))
    expect(page.locator("#oe_neutralize_banner")).to_contain_text("neutralized")
    page.goto(page_of(production))
    page.locator("form.oe_login_form").wait_for()
    expect(page.locator("#oe_neutralize_banner")).to_have_count(0)
    servers = production.enter().search_read("ir.mail_server", [], ["smtp_host"])
    assert "smtp.example.com" in [found["smtp_host"] for found in servers]


def page_of(side):
    (record,) = side.operator.call("kubernetes.app", "read", [side.app], ["url"])
    return f"{record['url']}/web/login"


def test_stop_start_and_restart_keep_the_data_and_show_a_friendly_page_meanwhile(
    page, production, unique
):
    production.enter().add_partner(unique)
    production.do("stop")
    status, _ = answer(production.host)
    assert status == 503
    page.goto(page_of(production))
    expect(page.locator("body")).to_contain_text(AWAY)
    started = production.ask("start")
    # The page looks again by itself.
    page.locator("form.oe_login_form").wait_for()
    assert started()["state"] == "done"
    assert production.enter().partners(unique) == 1
    production.do("restart")
    assert production.enter().partners(unique) == 1


def test_an_address_of_no_app_shows_the_friendly_page(page, unique, production):
    address = page_of(production).replace(production.host, f"{unique}.apps.localhost")
    assert page.goto(address).status == 404
    expect(page.locator("body")).to_contain_text(AWAY)


def test_an_app_reaches_its_own_database_and_no_other(production, integration):
    for side, other in ((production, integration), (integration, production)):
        own = "pg_isready --timeout=5 --host=postgres"
        side.in_odoo(own)
        side.in_odoo(f"{own}.{side.namespace}.svc")
        said = side.in_odoo(f"{own}.{other.namespace}.svc", check=False)
        assert said.returncode == 2 and "no response" in said.stdout, said
        databases = side.in_odoo(
            "psql --tuples-only --no-align --command='SELECT datname FROM pg_database"
            " WHERE NOT datistemplate ORDER BY 1'"
        )
        assert databases.stdout.split() == ["odoo", "postgres"]


def test_postgresql_killed_in_the_middle_of_a_reset_loses_nothing(
    production, integration, kubectl, unique
):
    production.enter().add_partner(unique)
    before = f"before {unique}"
    here = integration.enter(known_password(integration, production))
    here.add_partner(before)
    ended = integration.ask("reset")
    pod = (
        "-n",
        integration.namespace,
        "pods",
        "-l",
        "app.kubernetes.io/name=odoo-reset",
    )
    wait_until(
        "the reset's pod runs",
        lambda: any(
            item["status"]["phase"] == "Running" for item in kubectl.get(*pod)["items"]
        ),
    )
    integration.kill("postgres")
    job = ended()
    if job["state"] == "done":
        copy = integration.enter(production.password)
        assert (copy.partners(unique), copy.partners(before)) == (1, 0)
        return
    assert job["error_message"] and job["error_hint"]
    kept = integration.enter(known_password(integration, production))
    assert (kept.partners(unique), kept.partners(before)) == (0, 1)
    integration.do("reset")
    assert integration.enter(production.password).partners(unique) == 1


def known_password(integration, production):
    """After a reset, integration has the logins of production."""
    for password in (integration.password, production.password):
        try:
            integration.enter(password)
        except AssertionError:
            continue
        return password
    raise AssertionError("neither password opens integration")


def test_postgresql_killed_during_the_first_start_delays_it_only(
    page, operator, kubectl, unique
):
    name = f"early-{unique}"
    shop.sign_up(page, "Nora Neu", f"{unique}@customer.example", "a good password")
    shop.buy(page, name)
    namespace = f"{name}-prod"
    pods = ("pods", "-n", namespace)
    wait_until(
        "Odoo makes its database",
        lambda: any(
            # Maybe it was too quick to be seen at work.
            {"running", "terminated"} & container.get("state", {}).keys()
            for item in kubectl.get(*pods)["items"]
            if item["metadata"]["labels"].get("app.kubernetes.io/name") == "odoo"
            for container in item["status"].get("initContainerStatuses", [])
        ),
    )
    postgres = ("-l", "app.kubernetes.io/name=postgres", "-n", namespace)
    kubectl("delete", "pod", *postgres, "--force", "--grace-period=0")
    wait_until_running(operator, name)
    app = enter(f"{name}.apps.localhost", first_password(kubectl, namespace))
    assert app.partners("My Company") == 1
    ask_to_delete_apps(operator, name)


def test_a_killed_node_comes_back_and_all_apps_answer_with_their_data(
    production, integration, unique
):
    passwords = {
        production: production.password,
        integration: known_password(integration, production),
    }
    for side, password in passwords.items():
        side.enter(password).add_partner(unique)
    bed = instance.from_environment()
    daemon = node.daemon(bed)
    for pid in (daemon.pid(), outside_of(daemon.pid())):
        os.kill(pid, signal.SIGKILL)
    wait_until("the end of the node", lambda: daemon.status() == "stopped")
    wait_until("no answer", lambda: not answers(production.host))
    # As `make demo` does it.
    log = bed.logs / "node-again.log"
    cluster.choose(bed, log).ensure_node(images.ensure(log))
    for side, password in passwords.items():
        assert side.enter(password).partners(unique) == 1


# -- what goes wrong

#: A change of the config map -> what the operator reads of it, as regular expressions:
#: the sentence with the reason, and the end of the log where there is one.
FAULTS = {
    "image": (
        {"odoo_image": "localhost/odoo:never-built"},
        r"Deployment odoo: .*cannot pull its image localhost/odoo:never-built",
        None,
    ),
    "crash": (
        {"odoo_conf_extra": "workers = 1"},
        r"Deployment odoo: .*container odoo .*exit code",
        r"option 'workers' .*already exists",
    ),
    "memory": (
        {"odoo_memory_limit": "48Mi", "odoo_memory_request": "32Mi"},
        r"Deployment odoo: .*OOMKilled",
        None,
    ),
    "quota": (
        {"odoo_memory_limit": "200Gi"},
        r"Deployment odoo: .*(exceeded quota: chandlery-quota|maximum memory usage)",
        None,
    ),
}


class Failing:
    """An app whose deploy cannot come to a good end."""

    def __init__(self, bed, operator, side):
        self.bed, self.operator, self.side = bed, operator, side
        self.app = App(operator, side.app)

    def deploy(self, sentence):
        """Until the operator could read the sentence, and then with no patience."""
        before = self.app.last("deploy")["id"]
        self.app.apply("action_confirm")
        wait_until(
            f"the job waits: {sentence}", lambda: re.search(sentence, self.waits_for())
        )
        with worker.impatient(self.bed, 5):
            job = wait_until(
                "the deploy has ended",
                lambda: (
                    (job := self.side.jobs("deploy")[0])["id"] > before
                    and job["state"] in ("done", "failed")
                    and job
                ),
            )
        assert job["state"] == "failed"
        return job

    def waits_for(self):
        steps = self.operator.search_read(
            "kubernetes.job.step",
            [("job_id", "=", self.app.last("deploy")["id"]), ("code", "=", "waiting")],
            ["message"],
            order="id desc",
            limit=1,
        )
        return steps[0]["message"] or "" if steps else ""

    def recover(self):
        done = self.app.run("deploy", lambda: self.app.apply("action_confirm"))
        assert done == "done", self.side.jobs("deploy")[0]["error_message"]
        wait_until("it answers again", lambda: answers(self.side.host))


@pytest.fixture(scope="module")
def failing(bed, operator, kubectl, hosting):
    """Integration, which is well again after the last of what goes wrong with it."""
    side = Side(operator, kubectl, hosting, hosting.integration)
    failing = Failing(bed, operator, side)
    yield failing
    failing.recover()


@pytest.mark.parametrize("fault", FAULTS)
def test_what_goes_wrong_is_one_sentence_for_each_who_reads_it(
    fault, page, operator, hosting, failing
):
    changes, sentence, log = FAULTS[fault]
    kept = config(operator, failing.app, changes)
    for key, value in changes.items():
        failing.app.set(key, value)
    try:
        operator_reads(failing.deploy(sentence), sentence, log)
        customer_reads(page, hosting, failing.side)
    finally:
        for key, (value, kind) in kept.items():
            failing.app.set(key, value, kind)


def test_an_unreadable_volume_is_said_so(page, hosting, kubectl, failing):
    integration = failing.side
    claims = kubectl.get("pvc", "-n", integration.namespace)["items"]
    (volume,) = [
        claim["spec"]["volumeName"]
        for claim in claims
        if claim["metadata"]["name"].endswith("-postgres")
    ]
    here = instance.from_environment()
    (data,) = (here.state / "node" / "volumes" / volume).iterdir()
    before = data.stat()
    os.chown(data, 0, 0)
    data.chmod(0o700)
    try:
        integration.kill("postgres")
        sentence = r"Deployment postgres: .*exit code"
        operator_reads(failing.deploy(sentence), sentence, r"Permission denied")
        customer_reads(page, hosting, integration)
    finally:
        os.chown(data, before.st_uid, before.st_gid)
        data.chmod(before.st_mode & 0o7777)
        # It would wait ever longer before it tries again.
        integration.kill("postgres")


def config(operator, app, keys):
    """Key -> value and type, as they are."""
    owner = app.values["config_map_id"][0]
    lines = operator.search_read(
        "kubernetes.config.map.line",
        [("config_map_id", "=", owner), ("key", "in", list(keys))],
        ["key", "value", "type"],
    )
    return {line["key"]: (line["value"] or "", line["type"]) for line in lines}


def operator_reads(job, sentence, log):
    first, *rest = job["error_message"].split("\n")
    assert re.search(sentence, first), job["error_message"]
    assert first.endswith(".")
    assert job["error_hint"]
    if log:
        assert rest and rest[0].startswith("The end of the log of pod "), rest
        assert re.search(log, "\n".join(rest)), rest


def customer_reads(page, hosting, integration):
    shop.log_in(page, hosting.login, hosting.password)
    page.goto(f"/my/apps/{integration.app}")
    status = page.locator(".o_kubernetes_app_status")
    expect(status).to_contain_text("Our team sees it and takes care of it")
    words = re.findall(r"\w+", status.inner_text().lower())
    assert not TECHNICAL & {*words}, status.inner_text()
