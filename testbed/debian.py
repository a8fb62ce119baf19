# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Debian packages: a few installed on the machine, others only unpacked into a folder.

Odoo 19 is packaged in Debian's unstable suite. Its packages are never installed: apt
reads that suite with a configuration of its own, downloads, and dpkg unpacks into the
cache.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

from . import processes
from .problem import Problem

RELEASE = "bookworm"
#: program or file that shows that the package is there -> package
BASE = {
    "/usr/lib/postgresql/15/bin/postgres": "postgresql-15",
    "/usr/bin/wkhtmltopdf": "wkhtmltopdf",
    "/usr/lib/python3.11/ensurepip/__init__.py": "python3-venv",
    "/usr/bin/setpriv": "util-linux",
    "/usr/bin/openssl": "openssl",
    "/etc/ssl/certs/ca-certificates.crt": "ca-certificates",
    # for the worker's crates
    "/usr/bin/cc": "gcc",
    "/usr/include/stdio.h": "libc6-dev",
    "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf": "fonts-dejavu-core",
}
FOR_TESTS = {
    "/usr/bin/chromium": "chromium",
    "/usr/bin/systemd-analyze": "systemd",
}


def install(wanted, log):
    """Install what is missing. True if something had to be installed."""
    missing = sorted(
        package for path, package in wanted.items() if not Path(path).exists()
    )
    if not missing:
        return False
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    command = f"apt-get install --no-install-recommends {' '.join(missing)}"
    hint = f"Run it yourself as root and read what it says: {command}"
    if as_root and not shutil.which("sudo"):
        raise Problem(f"Debian packages are missing: {', '.join(missing)}.", hint=hint)
    without_cluster(as_root)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt = [*as_root, "apt-get", "-q", "-o", "DPkg::Lock::Timeout=300"]
    processes.run([*apt, "update"], log=log, what="apt-get update", env=env, hint=hint)
    processes.run(
        [*apt, "install", "-y", "--no-install-recommends", *missing],
        log=log,
        what=f"Installing {', '.join(missing)}",
        env=env,
        hint=hint,
    )
    return True


def without_cluster(as_root):
    """Keep Debian from making and starting a database cluster of its own, unless it
    already decided."""
    settings = "/etc/postgresql-common/createcluster.conf"
    if Path(settings).exists():
        return
    folder = Path(settings).parent
    script = f"mkdir -p {folder} && echo 'create_main_cluster = false' > {settings}"
    subprocess.run([*as_root, "sh", "-c", script], check=True, stdin=subprocess.DEVNULL)


def unpack(packages, suite, into, log):
    """Unpack packages of a suite into a folder; nothing is installed."""
    apt_folder = into / ".apt"
    (apt_folder / "lists" / "partial").mkdir(parents=True)
    (apt_folder / "cache" / "archives" / "partial").mkdir(parents=True)
    sources = apt_folder / "sources.list"
    sources.write_text(
        "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
        f" {mirror()} {suite} main\n"
    )
    settings = apt_folder / "apt.conf"
    settings.write_text(
        f"""Dir::Etc::sourcelist "{sources}";
Dir::Etc::sourceparts "-";
Dir::State::lists "{apt_folder}/lists";
Dir::State::status "/dev/null";
Dir::Cache "{apt_folder}/cache";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
APT::Sandbox::User "";
"""
    )
    env = {**os.environ, "APT_CONFIG": str(settings)}
    hint = (
        f"Check that this machine reaches {mirror()}, then run the same command again."
    )
    for arguments in (["update"], ["download", *packages]):
        processes.run(
            ["apt-get", "-q", *arguments],
            log=log,
            what=f"apt-get {arguments[0]} of Debian {suite}",
            env=env,
            cwd=apt_folder,
            hint=hint,
        )
    for package in sorted(apt_folder.glob("*.deb")):
        processes.run(
            ["dpkg-deb", "-x", package, into],
            log=log,
            what=f"Unpacking {package.name}",
            hint=hint,
        )
    shutil.rmtree(apt_folder)


def mirror(archive="debian"):
    """The mirror of an archive that this machine uses; None where it has none of
    another archive than Debian's main one."""
    folder = Path("/etc/apt")
    for path in [folder / "sources.list", *sorted(folder.glob("sources.list.d/*"))]:
        if path.suffix not in (".list", ".sources") or not path.exists():
            continue
        for line in path.read_text().splitlines():
            found = re.match(
                r"(?:deb\s+(?:\[[^]]*\]\s+)?|URIs:\s+)"
                rf"(\S+/{archive})/?(?:\s|$)",
                line,
            )
            if found:
                return found[1]
    if archive != "debian":
        return None
    raise Problem(
        f"No Debian mirror is named in {folder}/sources.list or sources.list.d.",
        hint="Name one there, as apt wants it, and run the same command again.",
    )
