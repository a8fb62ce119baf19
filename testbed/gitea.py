# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Gitea, the Git server on which apps have repositories of their own: with SQLite, on
loopback, with one user who owns the organisation of the apps. The module of its source
has no pages for people, so it is its API and Git over http alone."""

import getpass
import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from base64 import b64encode
from pathlib import Path

from . import go_programs, postgresql, processes
from .problem import Problem

USER = "worker"
ORGANISATION = "apps"
SETTINGS = """\
APP_NAME = Chandlery's test bed
RUN_USER = {user}
RUN_MODE = prod
WORK_PATH = {folder}

[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {port}
ROOT_URL = {url}/
OFFLINE_MODE = true
DISABLE_SSH = true

[database]
DB_TYPE = sqlite3
PATH = {folder}/data/gitea.db

[security]
INSTALL_LOCK = true
SECRET_KEY = {secret}

[service]
DISABLE_REGISTRATION = true

[webhook]
ALLOWED_HOST_LIST = loopback

[log]
LEVEL = Warn
"""


def url(instance):
    return f"http://127.0.0.1:{instance.port('gitea')}"


def folder(instance):
    return instance.state / "gitea"


def as_user():
    """It refuses to run as root, as PostgreSQL does."""
    return postgresql.as_server_user()


def daemon(instance):
    return processes.Daemon(
        name="Gitea",
        argv=[*as_user(), *command(instance), "web"],
        variables=variables(instance),
        log=instance.logs / "gitea.log",
        pid_file=instance.state / "run" / "gitea.pid",
        healthy=lambda: processes.http_ok(f"{url(instance)}/api/healthz"),
        ports=(instance.port("gitea"),),
        cwd=Path("/"),
    )


def command(instance):
    return [
        folder(instance) / "gitea",
        *("--config", folder(instance) / "app.ini"),
    ]


def variables(instance):
    return {
        "GITEA_WORK_DIR": str(folder(instance)),
        "HOME": str(folder(instance)),
        "USER": owner(),
    }


def owner():
    return "postgres" if os.geteuid() == 0 else getpass.getuser()


def ensure(instance, build_log):
    """Have the server running, with its user and organisation. Returns what tests need
    of it, as environment variables."""
    with instance.lock("gitea"):
        if not folder(instance).exists():
            create(instance, build_log)
        server = daemon(instance)
        server.ensure()
        token = folder(instance) / "token"
        if not token.exists():
            token.write_text(make_user(instance))
    return {"GITEA_URL": url(instance), "GITEA_TOKEN": token.read_text()}


def create(instance, build_log):
    """Its folder. The program's own is not to be seen by the user that it runs as."""
    program = go_programs.build("gitea", build_log)
    making = instance.state / "gitea.making"
    shutil.rmtree(making, ignore_errors=True)
    shutil.copytree(program.parent / "files", making)
    shutil.copy(program, making / "gitea")
    (making / "data").mkdir()
    (making / "app.ini").write_text(
        SETTINGS.format(
            user=owner(),
            folder=folder(instance),
            port=instance.port("gitea"),
            url=url(instance),
            secret=instance.secret("gitea"),
        )
    )
    if os.geteuid() == 0:
        for path in (making, *making.rglob("*")):
            shutil.chown(path, owner(), owner())
    making.rename(folder(instance))


def make_user(instance):
    """The user whose token the worker has, and the organisation. Returns the token."""
    password = instance.secret("gitea-user")
    done = subprocess.run(
        [
            *map(str, (*as_user(), *command(instance))),
            *("admin", "user", "create", "--username", USER, "--password", password),
            *("--email", f"{USER}@example.com", "--must-change-password=false"),
        ],
        capture_output=True,
        text=True,
        env={**os.environ, **variables(instance)},
        cwd="/",
    )
    if done.returncode:
        raise Problem(f"Gitea's user cannot be made: {done.stdout}{done.stderr}")
    login = f"Basic {b64encode(f'{USER}:{password}'.encode()).decode()}"
    ask(instance, "orgs", {"username": ORGANISATION}, login)
    scopes = ["write:organization", "write:repository", "write:user"]
    made = ask(
        instance, f"users/{USER}/tokens", {"name": "worker", "scopes": scopes}, login
    )
    return made["sha1"]


def ask(instance, path, values, login):
    request = urllib.request.Request(
        f"{url(instance)}/api/v1/{path}",
        json.dumps(values).encode(),
        {"Content-Type": "application/json", "Authorization": login},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise Problem(
            f"Gitea answers {error.code} to {path}: {error.read()}"
        ) from error
