# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""PostgreSQL 15 in the test bed's state folder: a server of its own, on loopback, with
a password."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from . import processes
from .instance import write_private
from .problem import Problem

PROGRAMS = Path("/usr/lib/postgresql/15/bin")
#: Owner of all databases. Odoo refuses to work as "postgres".
USER = "odoo"


def daemon(instance):
    data = folder(instance)
    return processes.Daemon(
        name="PostgreSQL",
        argv=[*as_server_user(), PROGRAMS / "postgres", "-D", data],
        log=instance.logs / "postgresql.log",
        pid_file=instance.state / "run" / "postgresql.pid",
        healthy=lambda: accepts_connections(instance),
        ports=(instance.port("postgresql"),),
        stop_signal=signal.SIGINT,  # ends at once, without waiting for clients
        cwd=Path("/"),
    )


def ensure(instance):
    """Have the server running; True if it was started."""
    with instance.lock("postgresql"):
        if not folder(instance).exists():
            create(instance)
        server = daemon(instance)
        if server.current():
            return False
        server.stop()
        forget_killed_server(folder(instance))
        server.start()
        return True


def folder(instance):
    return instance.state / "postgres"


def forget_killed_server(data):
    """Clear up after a server that was killed.

    Its children end a moment later, and until then a new server refuses to start. Its
    lock file names a pid that somebody else may have by now, which is refused for ever.
    """
    end = time.monotonic() + 20
    while any(works_in(process, data) for process in Path("/proc").glob("[0-9]*")):
        if time.monotonic() > end:
            return  # the new server says what is wrong
        time.sleep(0.05)
    (data / "postmaster.pid").unlink(missing_ok=True)


def works_in(process, data):
    try:
        return (process / "cwd").readlink() == data
    except OSError:  # ended, or of another user
        return False


def create(instance):
    data = folder(instance)
    instance.state.mkdir(parents=True, exist_ok=True)
    making = instance.state / "postgres.making"
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(mode=0o700)
    password = instance.state / "postgres.password"
    write_private(password, instance.secret("postgresql"))
    if os.geteuid() == 0:
        for path in (making, password):
            shutil.chown(path, "postgres", "postgres")
    processes.run(
        [
            *as_server_user(),
            PROGRAMS / "initdb",
            *("--pgdata", making),
            *("--username", USER),
            *("--auth", "scram-sha-256"),
            *("--pwfile", password),
            *("--encoding", "UTF8"),
            *("--locale", "C.UTF-8"),
        ],
        log=instance.logs / "postgresql.log",
        what="Making the database cluster",
        cwd="/",
    )
    password.unlink()
    with open(making / "postgresql.conf", "a") as settings:
        settings.write(
            f"""
# The test bed's settings.
listen_addresses = '127.0.0.1'
port = {instance.port("postgresql")}
unix_socket_directories = ''
max_connections = 300
shared_buffers = 256MB
# A crash of the machine may lose the last half second, never the database.
synchronous_commit = off
max_wal_size = 4GB
"""
        )
    making.rename(data)


def as_server_user():
    """PostgreSQL refuses to run as root: then it runs as Debian's user postgres."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"]


def accepts_connections(instance):
    probe = [
        PROGRAMS / "pg_isready",
        "-q",
        "-h",
        "127.0.0.1",
        "-p",
        str(instance.port("postgresql")),
    ]
    return subprocess.run(probe).returncode == 0


def variables(instance):
    """Where PostgreSQL's own programs, and Odoo, find the server."""
    return {
        "PGHOST": "127.0.0.1",
        "PGPORT": str(instance.port("postgresql")),
        "PGUSER": USER,
        "PGPASSWORD": instance.secret("postgresql"),
        "PGDATABASE": "postgres",
    }


def environment(instance):
    return {**os.environ, **variables(instance)}


def query(instance, sql, database="postgres", **values):
    """Run SQL and return its rows as text; ``values`` are quoted where the SQL says
    :'name'."""
    words = [
        word for name, value in values.items() for word in ("-v", f"{name}={value}")
    ]
    done = subprocess.run(
        [PROGRAMS / "psql", "-XAtq", "-v", "ON_ERROR_STOP=1", *words, "-d", database],
        input=sql,
        capture_output=True,
        text=True,
        env=environment(instance),
    )
    if done.returncode:
        raise Problem(
            f"PostgreSQL refused: {done.stderr.strip()}", log=daemon(instance).log
        )
    return done.stdout.splitlines()


def database_exists(instance, name):
    return bool(
        query(instance, "SELECT 1 FROM pg_database WHERE datname = :'name'", name=name)
    )


def copy_database(instance, template, name):
    query(
        instance,
        'CREATE DATABASE :"name" TEMPLATE :"template" STRATEGY FILE_COPY',
        name=name,
        template=template,
    )


def drop_database(instance, name):
    query(instance, 'DROP DATABASE IF EXISTS :"name" WITH (FORCE)', name=name)
