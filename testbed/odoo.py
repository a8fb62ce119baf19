# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Odoo 19: its source from Debian, its Python environment, its template database, and
how it is run.

The template is a database with everything installed but our own addons, made once and
kept in the cache as a dump with its filestore. Each test bed restores it once; a new
database is then a copy that takes a second.
"""

import os
import shutil
import sys
import zipfile
from contextlib import contextmanager
from pathlib import Path

from . import cache, debian, postgresql, processes
from .instance import CHECKOUT

OWN_ADDONS = CHECKOUT / "odoo_addon"
REQUIREMENTS = CHECKOUT / "catalog" / "images" / "odoo" / "requirements.txt"
SUBSCRIPTION = "odoo-addon-subscription_oca==19.0.1.1.4.2"
#: What the template has installed; our own addons come on top, from the checkout.
MODULES = "website_sale,payment_demo,portal,subscription_oca"
#: The first is the language of the administrator and of the company.
LANGUAGES = "en_US,de_DE"

PYPI_HINT = (
    "Check that this machine reaches the Python package index,"
    " then run the same command again."
)

#: Debian's package of Odoo leaves files of other packages out and links to them.
FROM_UNSTABLE = ["odoo-19", "fonts-montserrat"]
FROM_STABLE = [
    "fonts-font-awesome",  # version 4.7: Odoo's icons are not those of a later one
    "fonts-inconsolata",
    "fonts-ocr-b",
    "fonts-roboto-unhinted",
    "libjs-jquery",
    "libjs-jquery-form",
    "libjs-underscore",
]


def source(log):
    """Odoo's folder in the cache; Odoo's Python package is in
    usr/lib/python3/dist-packages."""

    def make(into):
        debian.unpack(FROM_UNSTABLE, "sid", into, log)
        debian.unpack(FROM_STABLE, "bookworm", into, log)
        # Debian leaves this non-free file out; an empty one keeps the asset bundle
        # whole.
        empty = into / PACKAGES / "odoo/addons/mail/static/lib/selfie_segmentation"
        empty.mkdir(exist_ok=True)
        (empty / "selfie_segmentation.js").touch()

    return cache.entry(
        "odoo", "19.0-" + cache.digest(*FROM_UNSTABLE, *FROM_STABLE), make
    )


PACKAGES = "usr/lib/python3/dist-packages"


def subscription(log):
    """The addons folder with the OCA's subscription_oca."""

    def make(into):
        download = into / "download"
        processes.run(
            [
                python(log),
                "-m",
                "pip",
                "download",
                "-q",
                "--no-deps",
                "-d",
                download,
                SUBSCRIPTION,
            ],
            log=log,
            what=f"Downloading {SUBSCRIPTION}",
            hint=PYPI_HINT,
        )
        with zipfile.ZipFile(next(download.glob("*.whl"))) as wheel:
            wheel.extractall(into)
        shutil.rmtree(download)

    return (
        cache.entry("subscription_oca", cache.digest(SUBSCRIPTION), make)
        / "odoo"
        / "addons"
    )


def python(log):
    """The Python of Odoo's environment."""
    return environment("odoo", REQUIREMENTS, log)


def environment(name, requirements, log):
    """The Python of a virtual environment with exactly these requirements.

    The environment is moved into its place after it is made, so use ``python -m …``,
    never its scripts.
    """
    base = base_python()
    version = processes.output_of([base, "-VV"], what="Asking Python for its version")

    def make(into):
        processes.run(
            [base, "-m", "venv", into], log=log, what="Making a Python environment"
        )
        processes.run(
            [into / "bin" / "python", "-m", "pip", "install", "-q", "-r", requirements],
            log=log,
            what=f"Installing the Python packages of {requirements.name}",
            hint=PYPI_HINT,
        )

    return (
        cache.entry(
            "python", f"{name}-" + cache.digest(requirements, base, version), make
        )
        / "bin"
        / "python"
    )


def base_python():
    """Debian's Python, whatever another one may be first on the path."""
    debians = Path("/usr/bin/python3")
    return debians if debians.exists() else Path(sys.executable)


class Odoo:
    """Odoo on the databases of one test bed."""

    def __init__(self, instance, log):
        self.instance = instance
        self.source = source(log)
        self.python = python(log)
        self.subscription = subscription(log)
        self.data = instance.state / "odoo"

    def command(self, *arguments, own_addons=OWN_ADDONS):
        """A command of Odoo's, with our addons of this folder, or None."""
        addons = [self.source / PACKAGES / "odoo/addons", self.subscription]
        if own_addons and own_addons.exists():
            addons.append(own_addons)
        subcommand, *rest = arguments
        return [
            self.python,
            self.source / "usr/bin/odoo",
            *([subcommand] if subcommand != "server" else []),
            f"--addons-path={','.join(map(str, addons))}",
            f"--data-dir={self.data}",
            "--http-interface=127.0.0.1",
            *rest,
        ]

    def variables(self):
        # Odoo reads the PG… variables; so the password is on no command line.
        return {
            **postgresql.variables(self.instance),
            "PYTHONPATH": str(self.source / PACKAGES),
            "ODOO_RC": "/dev/null",
            # Compiled files are worth having, but not in the checkout.
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPYCACHEPREFIX": str(cache.folder() / "pycache"),
        }

    def environment(self):
        return {**os.environ, **self.variables()}

    def filestore(self, database):
        return self.data / "filestore" / database

    def copy(self, template, database):
        """A new database from another, with its files."""
        # The files first: what is interrupted is then not yet a database. Odoo names
        # files by their content and never changes one: links are as good as copies.
        shutil.rmtree(self.filestore(database), ignore_errors=True)
        shutil.copytree(
            self.filestore(template), self.filestore(database), copy_function=os.link
        )
        postgresql.copy_database(self.instance, template, database)

    def drop(self, database):
        postgresql.drop_database(self.instance, database)
        shutil.rmtree(self.filestore(database), ignore_errors=True)


def dump(odoo, log):
    """The cached dump of the template database."""
    key = cache.digest(
        odoo.source.name,
        odoo.subscription.parent.parent.name,
        odoo.python.parent.parent.name,
        MODULES,
        LANGUAGES,
    )

    def make(into):
        with scratch_name(odoo, "template-making") as database:
            processes.run(
                odoo.command(
                    "server",
                    *("-d", database),
                    *("-i", MODULES),
                    f"--load-language={LANGUAGES}",
                    "--without-demo",
                    "--stop-after-init",
                    "--no-http",
                    "--max-cron-threads=0",
                    own_addons=None,
                ),
                log=log,
                what="Making the template database",
                env=odoo.environment(),
            )
            processes.run(
                [
                    postgresql.PROGRAMS / "pg_dump",
                    "-Fd",
                    "-Z1",
                    "-j2",
                    "-f",
                    into / "dump",
                    database,
                ],
                log=log,
                what="Dumping the template database",
                env=postgresql.environment(odoo.instance),
            )
            shutil.copytree(odoo.filestore(database), into / "filestore")

    return cache.entry("template", "19.0-" + key, make)


def template(odoo, log):
    """The name of the template database in this test bed, restored from the cache at
    first use."""
    postgresql.ensure(odoo.instance)
    kept = dump(odoo, log)
    name = f"template-{kept.name}"
    with odoo.instance.lock("template"):
        if postgresql.database_exists(odoo.instance, name):
            return name
        with scratch_name(odoo, "template-restoring") as restoring:
            postgresql.query(
                odoo.instance,
                'CREATE DATABASE :"name" TEMPLATE template0',
                name=restoring,
            )
            processes.run(
                [
                    postgresql.PROGRAMS / "pg_restore",
                    "-j2",
                    "-d",
                    restoring,
                    kept / "dump",
                ],
                log=log,
                what="Restoring the template database",
                env=postgresql.environment(odoo.instance),
            )
            shutil.copytree(
                kept / "filestore", odoo.filestore(name), dirs_exist_ok=True
            )
            postgresql.query(
                odoo.instance,
                'ALTER DATABASE :"old" RENAME TO :"new"; '
                'ALTER DATABASE :"new" IS_TEMPLATE true ALLOW_CONNECTIONS false',
                old=restoring,
                new=name,
            )
    return name


@contextmanager
def scratch_name(odoo, purpose):
    """A database name of this process alone; whatever has it at the end is dropped."""
    name = f"{purpose}-{os.getpid()}"
    odoo.drop(name)
    try:
        yield name
    finally:
        odoo.drop(name)
