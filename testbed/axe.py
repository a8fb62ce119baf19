# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""axe-core, which finds in a page what keeps people from using it: from npm, kept in
the cache."""

import base64
import hashlib
import os
import tarfile

from . import cache, lint, odoo, processes
from .problem import Problem

PACKAGE = "axe-core@4.14.1"
#: As npm has it in a lock file.
INTEGRITY = (
    "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe"
    "37OgudVGtQ=="
)
SCRIPT = "axe.min.js"


def script(log):
    """The file that a page runs."""

    def make(into):
        python = odoo.environment("lint", lint.FOLDER / "requirements-lint.txt", log)
        node = lint.node(python)
        processes.run(
            [node / "npm", "pack", "--pack-destination", into, PACKAGE],
            log=log,
            what=f"Fetching {PACKAGE}",
            hint="Without npm's registry pages cannot be checked.",
            env={**os.environ, "PATH": f"{node}{os.pathsep}{os.environ['PATH']}"},
        )
        (package,) = into.glob("*.tgz")
        unpack(package, INTEGRITY)

    return cache.entry("axe", cache.digest(PACKAGE, INTEGRITY), make) / SCRIPT


def unpack(package, integrity):
    """Put the script of the package beside it, if the package is the one we know."""
    found = hashlib.sha512(package.read_bytes()).digest()
    if f"sha512-{base64.b64encode(found).decode()}" != integrity:
        raise Problem(
            f"{package.name} is not what it was.",
            hint="See what npm says of it before you write down another digest.",
        )
    with tarfile.open(package) as archive:
        content = archive.extractfile(f"package/{SCRIPT}").read()
    package.with_name(SCRIPT).write_bytes(content)
