"""Makes the databases the first time. Every Odoo runs this before it starts: one works,
the others wait for it.

Odoo's files go into its database, where every Odoo finds them. What was interrupted is
begun anew; a database that was restored from a backup is left alone.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg2

FOLDER = Path(os.environ["HOME"], "filestore", os.environ["PGDATABASE"])
PREPARED = Path(
    "/usr/share/odoo/prepared", os.environ["ODOO_MODULES"], os.environ["ODOO_LANGUAGE"]
)
QUIET = ["--workers=0", "--max-cron-threads=0", "--no-http"]
SHELL = """
import os
env.ref("base.user_admin").password = os.environ["ODOO_ADMIN_PASSWORD"]
env["ir.config_parameter"].set_param("web.base.url", os.environ["ODOO_URL"])
env.cr.commit()
open("/tmp/set", "w").close()
"""


def main():
    sessions = psycopg2.connect(dbname="sessions")
    sessions.autocommit = True
    cr = sessions.cursor()
    cr.execute("SELECT pg_try_advisory_lock(0)")
    if cr.fetchone() == (False,):
        print("Waiting until another Odoo has made the database", flush=True)
        cr.execute("SELECT pg_advisory_lock(0)")
    cr.execute("""
        CREATE TABLE IF NOT EXISTS session (
            sid text PRIMARY KEY,
            data text NOT NULL,
            saved timestamptz NOT NULL DEFAULT now()
        );
        CREATE INDEX IF NOT EXISTS session_identifier ON session (left(sid, 42));
        CREATE TABLE IF NOT EXISTS setup (begun timestamptz NOT NULL DEFAULT now());
    """)
    odoo = psycopg2.connect("")
    odoo.autocommit = True
    cr.execute("SELECT count(*) > 0 FROM setup")
    (begun,) = cr.fetchone()
    if not begun and has_tables(odoo):
        return
    if begun:
        odoo.cursor().execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    else:
        cr.execute("INSERT INTO setup DEFAULT VALUES")
    make()
    move_files(odoo)
    cr.execute("DELETE FROM setup")


def has_tables(odoo):
    cr = odoo.cursor()
    cr.execute("SELECT count(*) > 0 FROM pg_tables WHERE schemaname = 'public'")
    return cr.fetchone()[0]


def make():
    shutil.rmtree(FOLDER, ignore_errors=True)
    # An image may have the database ready (catalog/images).
    if PREPARED.is_dir():
        print("Restoring the prepared database", flush=True)
        subprocess.run(["odoo-restore"], check=True)
        return
    print("Making the database", flush=True)
    modules, language = os.environ["ODOO_MODULES"], os.environ["ODOO_LANGUAGE"]
    init = [
        f"--init={modules}",
        "--without-demo=true",
        f"--load-language={language}",
        "--stop-after-init",
    ]
    subprocess.run(["odoo", *init, *QUIET], check=True)
    print("Setting the first password", flush=True)
    subprocess.run(
        ["odoo", "shell", *QUIET, "--log-level=warn"],
        input=SHELL,
        text=True,
        check=True,
    )
    # The shell ends well whatever happens in it.
    if not os.path.exists("/tmp/set"):
        sys.exit("The first password could not be set")


def move_files(odoo):
    """What Odoo has written into files so far goes into the database, and from now on
    everything."""
    moved = "UPDATE ir_attachment SET db_datas = %s, store_fname = NULL WHERE id = %s"
    with odoo.cursor() as cr:
        cr.execute(
            "SELECT id, store_fname FROM ir_attachment WHERE store_fname IS NOT NULL"
        )
        for attachment, name in cr.fetchall():
            content = psycopg2.Binary((FOLDER / name).read_bytes())
            cr.execute(moved, (content, attachment))
        cr.execute(
            "INSERT INTO ir_config_parameter (key, value)"
            " VALUES ('ir_attachment.location', 'db')"
            " ON CONFLICT (key) DO UPDATE SET value = excluded.value"
        )
    shutil.rmtree(FOLDER, ignore_errors=True)


main()
