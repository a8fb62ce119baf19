"""The catalog's own scripts, run for real: two PostgreSQL servers as postgres.yml makes
them, production's files as odoo.yml gives them, and reset.yml's Job between both, with
Odoo itself saying how a database is neutralised.

What a cluster adds (images, volumes, network policies) is not there; the scripts are
the rendered ones, with other paths.
"""

import hashlib
import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
from apps import PATIENCE, wait_until

from testbed import instance, odoo, postgresql, processes

CHECKOUT = Path(__file__).resolve().parents[2]
PASSWORDS = {"production": "p'\"$ 7", "integration": "other"}
#: Two computers, as their servers see it.
ADDRESSES = {"production": "127.0.0.2", "integration": "127.0.0.3"}
URL = "https://shop-int.apps.example.com"


class Side:
    """One app's database server and volume."""

    def __init__(self, name, folder, scripts, arguments):
        self.name = name
        self.address = ADDRESSES[name]
        self.folder = folder / name
        self.home = self.folder / "home"
        self.files = self.home / "filestore" / "odoo"
        self.files.mkdir(parents=True)
        self.variables = {
            **os.environ,
            "PATH": f"{folder}:{postgresql.PROGRAMS}:{os.environ['PATH']}",
            "HOME": str(self.home),
            "PGDATA": str(self.folder / "data"),
            "PGHOST": self.address,
            "PGUSER": "odoo",
            "PGPASSWORD": PASSWORDS[name],
            "PGDATABASE": "odoo",
            "ODOO_DATABASE": "odoo",
            "ODOO_PASSWORD": PASSWORDS[name],
        }
        self.write("setup.sh", scripts["setup.sh"])
        # The probe's user is another one here.
        self.write("pg_hba.conf", scripts["pg_hba.conf"].replace("peer", "trust"))
        arguments = [self.place(word) for word in arguments]
        arguments[arguments.index("listen_addresses=*")] = (
            f"listen_addresses={self.address}"
        )
        # What a crash of the machine would leave is not the matter here.
        arguments += ["-c", "fsync=off", "-c", "full_page_writes=off"]
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
        self.as_server("sh", str(self.folder / "setup.sh"))
        self.server = subprocess.Popen(
            [*postgresql.as_server_user(), "postgres", *arguments],
            env=self.variables,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def place(self, text):
        for path in ("/var/run/postgresql", "/etc/postgresql"):
            text = text.replace(path, str(self.folder))
        return text

    def write(self, name, text):
        (self.folder / name).write_text(self.place(text))

    def as_server(self, *words):
        subprocess.run(
            [*postgresql.as_server_user(), *words],
            env={**self.variables, "PGHOST": ""},
            check=True,
            capture_output=True,
            cwd="/",
        )

    def program(self, *words):
        return subprocess.run(
            words, env=self.variables, capture_output=True, text=True, check=True
        ).stdout

    def ready(self):
        done = subprocess.run(["pg_isready", "--quiet"], env=self.variables)
        return done.returncode == 0

    def ask(self, sql):
        return self.program(
            "psql", "-XAtq", "--set=ON_ERROR_STOP=1", f"--command={sql}"
        ).strip()

    def parameter(self, key):
        return self.ask(f"SELECT value FROM ir_config_parameter WHERE key = '{key}'")

    def add_file(self, content):
        name = hashlib.sha1(content).hexdigest()
        place = self.files / name[:2] / name
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(content)
        return place

    def file_names(self):
        return {path.name for path in self.files.glob("*/*")}


def rendered(bed, templates, **variables):
    """The objects by kind and name."""
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as given:
        json.dump(variables, given)
        given.flush()
        catalog = CHECKOUT / "catalog" / "odoo"
        command = [bed["CHANDLERY"], "render"]
        command += ["--vars", str(catalog / "vars.yml"), "--vars", given.name]
        command += ["--output", "json"]
        done = subprocess.run(
            [*command, *(str(catalog / f"{name}.yml") for name in templates)],
            capture_output=True,
            text=True,
            check=True,
        )
    return {
        (item["kind"], item["metadata"]["name"]): item
        for item in json.loads(done.stdout)
    }


@pytest.fixture(scope="module")
def catalog(bed):
    common = {"app_name": "shop", "ingress_class": "x", "odoo_admin_password": "x"}
    return rendered(
        bed,
        ("postgres", "odoo", "reset"),
        **common,
        hostname="shop-int.apps.example.com",
        url=URL,
        namespace="shop-int",
        sibling_namespaces=["shop-prod"],
        postgres_password=PASSWORDS["integration"],
        production={
            "namespace": "shop-prod",
            "secrets": {"postgres_password": PASSWORDS["production"]},
        },
    )


@pytest.fixture(scope="module")
def sides(bed, catalog):
    """Production with a customer's Odoo, integration with something else."""
    folder = Path(tempfile.mkdtemp(prefix="chandlery-reset-"))
    folder.chmod(0o755)
    here = instance.from_environment()
    program = odoo.Odoo(here, here.logs / "odoo-setup.log")
    words = program.command("neutralize")
    arguments = [word for word in words[3:] if str(word).startswith("--addons-path")]
    variables = program.variables()
    (folder / "odoo").write_text(
        f"#!/bin/sh\nexport PYTHONPATH={variables['PYTHONPATH']}\n"
        "subcommand=$1\nshift\n"
        f"exec {words[0]} -B {words[1]} $subcommand {' '.join(map(str, arguments))}"
        ' "$@"\n'
    )
    (folder / "odoo").chmod(0o755)
    database = catalog["ConfigMap", "postgres"]["data"]
    pod = catalog["Deployment", "postgres"]["spec"]["template"]["spec"]
    both = []
    try:
        for name in PASSWORDS:
            both.append(Side(name, folder, database, pod["containers"][0]["args"]))
        kept = odoo.dump(program, here.logs / "odoo-setup.log")
        for side in both:
            wait_until(f"{side.name}'s server answers", side.ready)
        both[0].program(
            *("pg_restore", "--no-owner", "--jobs=2", "--dbname=odoo"),
            str(kept / "dump"),
        )
        yield both
    finally:
        for side in both:
            side.server.send_signal(signal.SIGINT)
            side.server.wait(30)
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def files_port(catalog, sides):
    production, _ = sides
    script = production.folder / "files.py"
    script.write_text(catalog["ConfigMap", "odoo"]["data"]["files.py"])
    port = processes.free_port()
    process = subprocess.Popen(
        ["python3", "-B", str(script)],
        env={**production.variables, "FILES_PORT": str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until("the files are given", lambda: processes.port_open(port))
    yield port
    process.terminate()
    process.wait()


def reset(catalog, sides, files_port, **changed):
    """Run the Job's script as its pod would."""
    production, integration = sides
    folder = integration.folder
    for name, text in catalog["ConfigMap", "odoo-reset"]["data"].items():
        for path in ("/etc/reset", "/tmp/neutralize.sql"):
            text = text.replace(path, str(folder / Path(path).name))
        (folder / "reset").mkdir(exist_ok=True)
        text = text.replace("/etc/odoo/odoo.conf", "/dev/null")
        (folder / "reset" / name).write_text(text)
    return subprocess.run(
        ["bash", str(folder / "reset" / "reset.sh")],
        env={
            **integration.variables,
            "ODOO_URL": URL,
            "PRODUCTION_HOST": production.address,
            "PRODUCTION_DATABASE": "odoo",
            "PRODUCTION_PASSWORD": PASSWORDS["production"],
            "PRODUCTION_FILES": f"127.0.0.1:{files_port}",
            **changed,
        },
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_reset_copies_production_to_integration_and_neutralises_it(
    catalog, sides, files_port
):
    production, integration = sides
    production.ask(
        "INSERT INTO ir_mail_server (name, smtp_host, smtp_port, smtp_encryption,"
        " smtp_authentication, active)"
        " VALUES ('real', 'smtp.example.com', 25, 'none', 'login', true)"
    )
    production.ask("UPDATE res_partner SET name = 'A customer''s own' WHERE id = 1")
    production.ask("UPDATE payment_provider SET state = 'enabled' WHERE code = 'demo'")
    integration.ask("CREATE TABLE of_integration_only (id int)")
    mine, shared = b"only production has it", b"both have it"
    production.add_file(mine)
    production.add_file(shared)
    integration.add_file(shared)
    integration.add_file(b"left over from an earlier copy")
    crons = "SELECT count(*) FROM ir_cron WHERE active"
    before = {
        key: production.parameter(key) for key in ("web.base.url", "database.uuid")
    }
    active = production.ask(crons)

    done = reset(catalog, sides, files_port)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 2 files copied" in done.stdout

    name = "SELECT name FROM res_partner WHERE id = 1"
    assert integration.ask(name) == "A customer's own"
    assert integration.ask("SELECT to_regclass('of_integration_only')") == ""
    assert integration.file_names() == production.file_names()
    # Neutralised with Odoo's own means.
    assert integration.parameter("database.is_neutralized") == "true"
    assert integration.ask(crons) == "1", "only the vacuum cleaner"
    servers = "SELECT string_agg(smtp_host, ' ') FROM ir_mail_server WHERE active"
    assert integration.ask(servers) == "invalid"
    providers = "SELECT state FROM payment_provider WHERE code = 'demo'"
    assert integration.ask(providers) == "disabled"
    # A database of its own.
    assert integration.parameter("web.base.url") == URL
    assert integration.parameter("database.uuid") != before["database.uuid"]
    # Production is as it was.
    assert production.ask(servers) == "smtp.example.com"
    assert production.ask(providers) == "enabled"
    assert production.ask(crons) == active
    assert {key: production.parameter(key) for key in before} == before


def test_a_second_reset_while_odoo_works_copies_only_what_is_new(
    catalog, sides, files_port
):
    production, integration = sides
    production.add_file(b"new in production")
    integration.ask("UPDATE res_partner SET name = 'played with' WHERE id = 1")
    # An Odoo of integration that is in the middle of something.
    busy = subprocess.Popen(
        ["psql", "-Xq", "-c", "BEGIN; UPDATE res_partner SET name = 'x'; "]
        + ["-c", "SELECT pg_sleep(600)"],
        env=integration.variables,
        stderr=subprocess.DEVNULL,
    )
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%(600)%'"
    wait_until("somebody is at work", lambda: int(integration.ask(sleeping)) > 1)
    done = reset(catalog, sides, files_port)
    assert done.returncode == 0, done.stdout + done.stderr
    # It did not wait for the other one's 600 seconds: they came to an end.
    assert busy.wait(PATIENCE) != 0
    assert "1 of 3 files copied" in done.stdout
    assert integration.ask("SELECT name FROM res_partner WHERE id = 1") != "played with"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"PRODUCTION_PASSWORD": "wrong"}, "refuses the password"),
        ({"PRODUCTION_FILES": "127.0.0.1:9"}, "files cannot be reached"),
        ({"PRODUCTION_DATABASE": "postgres"}, "no Odoo database"),
    ],
)
def test_a_reset_that_cannot_be_done_says_why_and_changes_nothing(
    catalog, sides, files_port, changed, says
):
    _, integration = sides
    integration.ask("UPDATE res_partner SET name = 'kept' WHERE id = 1")
    done = reset(catalog, sides, files_port, **changed)
    assert done.returncode != 0
    assert says in done.stderr
    assert integration.ask("SELECT name FROM res_partner WHERE id = 1") == "kept"


def test_a_copy_that_breaks_in_the_middle_leaves_integration_as_it_was(
    catalog, sides, files_port
):
    _, integration = sides
    integration.ask("UPDATE res_partner SET name = 'kept' WHERE id = 1")
    tools = integration.folder / "breaking"
    tools.mkdir()
    # It ends after the tables are there, before their data is whole.
    (tools / "pg_dump").write_text(
        '#!/bin/bash\nset -o pipefail\n[ "$1" = --version ] && exec'
        f' {postgresql.PROGRAMS}/pg_dump "$@"\n'
        f'{postgresql.PROGRAMS}/pg_dump "$@" | head -c 3000000\nexit 1\n'
    )
    (tools / "pg_dump").chmod(0o755)
    path = f"{tools}:{integration.variables['PATH']}"
    done = reset(catalog, sides, files_port, PATH=path)
    assert done.returncode != 0
    assert "Integration is a neutralised copy" not in done.stdout
    assert integration.ask("SELECT name FROM res_partner WHERE id = 1") == "kept"


def test_files_are_given_only_to_who_knows_the_password(sides, files_port):
    production, _ = sides
    secret = production.add_file(b"secret")
    for path in ("/", f"/{secret.parent.name}/{secret.name}", "/../../data/PG_VERSION"):
        for given in ("", "Bearer ", "Bearer wrong", "Bearer \xff"):
            asked = http.client.HTTPConnection(
                "127.0.0.1", files_port, timeout=PATIENCE
            )
            asked.request("GET", path, headers={"Authorization": given})
            assert asked.getresponse().status == 401
