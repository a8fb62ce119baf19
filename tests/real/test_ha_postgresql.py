# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""catalog/odoo-ha's two servers of PostgreSQL without pods: what a primary that had
gone further, and a standby that was away for too long, do, and what is refused."""

import contextlib
import os
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from testbed import demo_ha, instance, postgresql

SCRIPT = demo_ha.PACKAGE / "templates" / "postgres-start.sh"
PORT = str(instance.from_environment().port("postgresql"))
ADDRESSES = {"a": "127.0.0.2", "b": "127.0.0.3"}
SECONDS = 120
HBA = """
local all all trust
host replication,postgres replicator all scram-sha-256
"""
CONF = """
listen_addresses = '{address}'
unix_socket_directories = '{run}'
shared_buffers = 16MB
wal_keep_size = {keep}
wal_retrieve_retry_interval = 200ms
fsync = off
synchronous_standby_names = '{synchronous}'
"""


class Server:
    def __init__(self, folder, name):
        self.name = name
        self.folder = folder / name
        self.log = folder / f"{name}.log"
        for part in ("run", "etc", "data"):
            (self.folder / part).mkdir(parents=True)
        self.data = self.folder / "data" / "pgdata"
        script = SCRIPT.read_text().replace("/etc/postgresql", f"{self.folder}/etc")
        script = script.replace("/var/run/postgresql", f"{self.folder}/run")
        (self.folder / "start.sh").write_text(script)
        (self.folder / "etc" / "pg_hba.conf").write_text(HBA)
        self.configure()
        self.environment = {
            **os.environ,
            "PATH": f"{postgresql.PROGRAMS}:{os.environ['PATH']}",
            "PGPORT": PORT,
        }

    def configure(self, keep="64MB", synchronous=""):
        address, run = ADDRESSES[self.name], self.folder / "run"
        conf = CONF.format(address=address, run=run, keep=keep, synchronous=synchronous)
        (self.folder / "etc" / "postgresql.conf").write_text(conf)

    def start(self, role):
        variables = {
            **self.environment,
            "HOSTNAME": self.name,
            "ROLE": role,
            "OTHER": ADDRESSES["b" if self.name == "a" else "a"],
            "PGDATA": str(self.data),
            "PROMOTION_SECONDS": "2",
            "ODOO_DATABASE": "odoo",
            "ODOO_PASSWORD": "x",
            # What a password file has to escape.
            "REPLICATION_PASSWORD": "a:b\\c",
        }
        command = [*postgresql.as_server_user(), "sh", self.folder / "start.sh"]
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(
                command,
                env=variables,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )

    def stop(self):
        self.process.terminate()
        return self.process.wait(SECONDS)

    def crash(self):
        """Nothing of it is told to end."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        while pids := self.processes():
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def processes(self):
        """All that hold the lock on its volume. (The kernel's list of a process's
        children leaves some out while others of them end.)"""
        lock = f"{self.data}.lock"
        found = set()
        for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
            with contextlib.suppress(OSError):
                if os.readlink(descriptor) == lock:
                    found.add(int(descriptor.parts[2]))
        return found

    def ask(self, query):
        psql = ["psql", "-qAt", "-h", self.folder / "run", "-U", "postgres"]
        done = subprocess.run(
            [*psql, "-d", "postgres", "-c", query],
            env=self.environment,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip() if not done.returncode else None

    def ready(self):
        return (self.folder / "run" / "ready").exists()


class PostgresqlTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="postgresql-ha-", dir="/tmp")
        self.addCleanup(folder.cleanup)
        folder = Path(folder.name)
        self.a, self.b = Server(folder, "a"), Server(folder, "b")
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", "postgres", folder], check=True)
            folder.chmod(0o755)
        self.start(a="primary", b="standby")
        self.a.ask("CREATE TABLE t (i int)")
        self.copied("0", self.b)

    def start(self, **roles):
        for name, role in roles.items():
            server = getattr(self, name)
            server.start(role)
            self.addCleanup(self.end, server.process)
        for name in roles:
            server = getattr(self, name)
            self.until(server.ready, f"{name} ready")

    @staticmethod
    def end(process):
        if process.poll() is None:
            process.terminate()
            process.wait(SECONDS)

    def until(self, condition, what):
        end = time.monotonic() + SECONDS
        while not condition():
            if time.monotonic() > end:
                for server in (self.a, self.b):
                    print(server.name, server.log.read_text()[-4000:])
                self.fail(f"{what}: not within {SECONDS} s")
            time.sleep(0.1)

    def copied(self, number, server):
        query = "SELECT count(*) FROM t"
        self.until(lambda: server.ask(query) == number, f"{number} rows")

    def refused(self, server, role, says):
        before = server.log.read_text()
        server.start(role)
        self.addCleanup(self.end, server.process)
        self.assertEqual(server.process.wait(SECONDS), 1)
        self.assertIn(says, server.log.read_text().removeprefix(before))

    def test_what_the_primary_has_is_there_after_the_roles_are_exchanged(self):
        # The standby learns of nothing more, so that it must ask for it.
        for server in (self.b, self.a):
            if server is self.a:
                server.ask("INSERT INTO t SELECT generate_series(1, 100)")
            self.assertEqual(server.stop(), 143)
        self.start(a="standby", b="primary")
        self.copied("100", self.b)
        self.assertEqual(self.b.ask("SELECT pg_is_in_recovery()"), "f")
        self.b.ask("INSERT INTO t VALUES (0)")
        self.copied("101", self.a)
        self.assertEqual(self.a.ask("SELECT pg_is_in_recovery()"), "t")
        self.assertNotIn("Rewound", self.a.log.read_text())

    def test_a_primary_that_had_gone_further_is_rewound(self):
        sender = int(self.a.ask("SELECT pid FROM pg_stat_replication"))
        os.kill(sender, signal.SIGSTOP)
        self.a.ask("INSERT INTO t SELECT generate_series(1, 100)")
        self.a.ask("CHECKPOINT")
        self.a.crash()
        self.b.stop()
        self.start(b="primary")
        self.assertEqual(self.b.ask("SELECT count(*) FROM t"), "0")
        self.b.ask("INSERT INTO t VALUES (1)")
        self.start(a="standby")
        self.copied("1", self.a)
        self.assertIn("Rewound to the primary", self.a.log.read_text())

    def test_a_standby_that_was_away_for_too_long_makes_a_new_copy(self):
        self.b.stop()
        self.a.stop()
        self.a.configure(keep="0")
        self.start(a="primary")
        for _ in range(4):
            self.a.ask("INSERT INTO t SELECT generate_series(1, 1000)")
            self.a.ask("SELECT pg_switch_wal()")
            self.a.ask("CHECKPOINT")
        self.start(b="standby")
        self.copied("4000", self.b)
        self.assertEqual(self.b.log.read_text().count("Copying the primary"), 2)

    def test_what_would_lose_or_double_a_database_is_refused(self):
        self.a.stop()
        kept = self.a.data.rename(self.a.data.with_name("kept"))
        self.refused(self.a, "primary", "let 127.0.0.3 be the primary")
        kept.rename(self.a.data)
        self.start(a="primary")
        self.b.stop()
        (self.b.data / "standby.signal").unlink()
        self.refused(self.b, "primary", "127.0.0.2 is the primary: two must never be")
        # Another pair has come into its place, and this is one of the former.
        self.a.stop()
        for server in (self.a, self.b):
            server.data.rename(server.data.with_name("kept"))
        self.start(a="primary", b="standby")
        self.b.stop()
        self.b.data.rename(self.b.data.with_name("other"))
        self.b.data.with_name("kept").rename(self.b.data)
        self.refused(self.b, "standby", "127.0.0.2 has another database")
        self.assertTrue((self.b.data / "PG_VERSION").exists())

    def test_a_new_database_never_takes_the_place_of_one_whose_server_starts_anew(self):
        """The primary has lost its volume, and a promotion restarts the standby."""
        self.a.ask("INSERT INTO t VALUES (1)")
        self.copied("1", self.b)
        self.a.stop()
        self.b.stop()
        self.a.data.rename(self.a.data.with_name("lost"))
        before = self.a.log.read_text()

        def said():
            return self.a.log.read_text().removeprefix(before)

        self.a.start("primary")
        self.addCleanup(self.end, self.a.process)
        waits = "Waiting until 127.0.0.3 has a copy"
        self.until(lambda: waits in said(), "a new database")
        self.assertFalse(self.a.ready())
        self.b.start("primary")
        self.addCleanup(self.end, self.b.process)
        self.assertEqual(self.a.process.wait(SECONDS), 1)
        self.assertIn("let 127.0.0.3 be the primary", said())
        self.assertFalse(self.a.ready())
        self.until(self.b.ready, "b ready")
        self.assertEqual(self.b.ask("SELECT pg_is_in_recovery()"), "f")
        self.start(a="standby")
        self.copied("1", self.a)

    def test_a_synchronous_primary_begins_and_is_promoted_without_a_standby(self):
        for server in (self.a, self.b):
            server.stop()
            server.data.rename(server.data.with_name("former"))
            server.configure(synchronous="*")
        self.start(a="primary", b="standby")
        self.a.ask("CREATE TABLE t (i int)")
        self.copied("0", self.b)
        self.a.crash()
        self.b.stop()
        self.start(b="primary")
        self.copied("0", self.b)


if __name__ == "__main__":
    unittest.main()
