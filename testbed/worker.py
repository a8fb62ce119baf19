# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The worker: built by cargo, run with rights of its own on the cluster."""

import base64
import json
import os
import re
import shutil
import subprocess
import time

from . import cache, debian, dns_double, kubernetes, mail, processes
from .instance import CHECKOUT, write_private
from .problem import Problem

RUST_MINIMUM = (1, 89)
NAME = "demo"
#: config/admission-….yaml, in the order in which README.md applies them.
POLICIES = ("policy", "pod-security")


#: Debian 12 keeps a recent compiler for its browsers under these names.
DEBIAN_PACKAGES = {"/usr/bin/cargo": "cargo-web", "/usr/bin/rustc": "rustc-web"}


def cargo(log):
    """A cargo that is new enough: the machine's own, or else Debian's."""
    program = found_cargo()
    if not program and not shutil.which("cargo"):
        debian.install(DEBIAN_PACKAGES, log)
        program = found_cargo()
    if not program:
        wanted = ".".join(map(str, RUST_MINIMUM))
        raise Problem(
            f"Rust {wanted} or newer is needed to build the worker;"
            " this machine's cargo is older.",
            hint="Install it as https://rustup.rs says, open a new shell so that"
            " `cargo --version` finds it, then run the same command again.",
        )
    return program


def found_cargo():
    for folders in (None, os.path.expanduser("~/.cargo/bin")):
        program = shutil.which("cargo", path=folders)
        if program and version_of(program) >= RUST_MINIMUM:
            return program


def version_of(program):
    said = subprocess.run(
        [program, "--version"], capture_output=True, text=True, cwd="/"
    ).stdout
    found = re.match(r"cargo (\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def target_folder():
    # Two checkouts must not overwrite each other's builds.
    return cache.folder() / "cargo" / cache.digest(str(CHECKOUT))


def program():
    return target_folder() / "debug" / "chandlery"


def cargo_environment():
    return {
        **os.environ,
        "CARGO_TARGET_DIR": str(target_folder()),
        "CARGO_TERM_COLOR": "never",
    }


def build(log):
    """Have the program up to date; cargo knows what has changed."""
    processes.run(
        [cargo(log), "build", "--locked", "--bin", "chandlery"],
        log=log,
        what="Building the worker",
        env=cargo_environment(),
        cwd=CHECKOUT,
        hint="Read the compiler's message above. If a download failed, run the same"
        " command again.",
    )


def key_file(instance):
    return instance.state / "worker" / "odoo-key"


def write_settings(instance, database, cluster, cluster_kubeconfig):
    """The worker's settings file; `chandlery check --config` reads it as well."""
    folder = instance.state / "worker"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "chandlery.toml"
    text = toml(settings(instance, database, cluster, cluster_kubeconfig))
    if not file.exists() or file.read_text() != text:
        write_private(file, text)
    return file


def unit_variables():
    """What config/chandlery.service sets for the worker, as its image does."""
    unit = (CHECKOUT / "config" / "chandlery.service").read_text()
    return dict(re.findall(r"^Environment=(\w+)=(.*)$", unit, re.M))


def settings(instance, database, cluster, cluster_kubeconfig):
    """The worker's settings, a dict for each table."""
    return {
        "odoo": {
            "url": f"http://127.0.0.1:{instance.port('odoo')}",
            "database": database,
            "key_file": str(key_file(instance)),
        },
        "worker": {"name": NAME, "observe_seconds": 10},
        # The catalog's server, and nothing else of this machine.
        "manifests": {"allow": [f"127.0.0.1:{instance.port('catalog')}"]},
        "mailgun": {
            "region": mail.REGION,
            "key_file": str(mail.key_file(instance)),
            "url": mail.url(instance),
            "sending_domain": mail.SENDING_DOMAIN,
        },
        "dns": {"servers": [dns_double.address(instance)]},
        "telemetry": {"listen": f"127.0.0.1:{instance.port('worker')}"},
        f"clusters.{cluster}": {"kubeconfig": str(cluster_kubeconfig)},
    }


def toml(settings):
    text = "# Written by the test bed.\n"
    for table, values in settings.items():
        # JSON's strings and numbers are TOML's.
        lines = (f"{key} = {json.dumps(value)}\n" for key, value in values.items())
        text += f"\n[{table}]\n{''.join(lines)}"
    return text


def daemon(instance, settings):
    binary = program()
    seen = binary.stat() if binary.exists() else None
    listen = f"http://127.0.0.1:{instance.port('worker')}"
    return processes.Daemon(
        name="worker",
        argv=[binary, "worker", "--config", settings],
        variables={"NO_PROXY": "127.0.0.1,localhost", "RUST_BACKTRACE": "0"},
        without="CHANDLERY_",  # settings of another worker, maybe a real one
        log=instance.logs / "worker.log",
        pid_file=instance.state / "run" / "worker.pid",
        ports=(instance.port("worker"),),
        healthy=lambda: processes.http_ok(f"{listen}/healthz"),
        made_from=cache.digest(
            str(seen and (seen.st_mtime_ns, seen.st_size)),
            *(path for path in (settings, key_file(instance)) if path.exists()),
        ),
        cwd=instance.state,
        stop_seconds=35,  # it hands its jobs back within 30 s
    )


def kubeconfig(instance, kubectl, admin):
    """A kubeconfig with the rights that config/ gives, and no more."""
    rights = CHECKOUT / "config" / "rbac.yaml"
    policies = [CHECKOUT / "config" / f"admission-{name}.yaml" for name in POLICIES]
    for file in (rights, *policies):
        kubernetes.kubectl(kubectl, admin, "apply", "-f", str(file))
    objects = json.loads(
        kubernetes.kubectl(kubectl, admin, "get", "-f", str(rights), "-o", "json")
    )
    account = next(
        item["metadata"]
        for item in objects.get("items", [objects])
        if item["kind"] == "ServiceAccount"
    )
    token = token_of(kubectl, admin, account)
    view = kubernetes.kubectl(
        kubectl, admin, "config", "view", "--raw", "--minify", "--flatten", "-o", "json"
    )
    cluster = json.loads(view)["clusters"][0]["cluster"]
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "worker",
        "clusters": [{"name": "cluster", "cluster": cluster}],
        "users": [{"name": "worker", "user": {"token": token}}],
        "contexts": [
            {"name": "worker", "context": {"cluster": "cluster", "user": "worker"}}
        ],
    }
    file = instance.state / "worker" / "kubeconfig"
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(content, indent=2)
    if not file.exists() or file.read_text() != text:
        write_private(file, text)
    return file


def token_of(kubectl, admin, account):
    """A token of the service account that does not expire, as the cluster keeps it in a
    Secret."""
    name = f"{account['name']}-testbed-token"
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/service-account-token",
        "metadata": {
            "name": name,
            "namespace": account["namespace"],
            "annotations": {"kubernetes.io/service-account.name": account["name"]},
        },
    }
    kubernetes.kubectl(kubectl, admin, "apply", "-f", "-", stdin=json.dumps(secret))
    end = time.monotonic() + 30
    while time.monotonic() < end:
        seen = kubernetes.kubectl(
            kubectl,
            admin,
            "get",
            "secret",
            name,
            "-n",
            account["namespace"],
            "-o",
            "json",
        )
        token = json.loads(seen).get("data", {}).get("token")
        if token:
            return base64.b64decode(token).decode()
        time.sleep(0.1)
    raise Problem(
        f"The cluster made no token for the service account {account['name']}."
    )
