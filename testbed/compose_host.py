# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A host for Compose projects: containerd and nerdctl in a box of its own, without a
network, below one process that ends all of it.

``nerdctl`` in its folder is that program within the box: what a runtime on this host
is given.
"""

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from . import box, cache, go_programs, node, odoo, processes, test_image
from .instance import CHECKOUT, write_private
from .problem import Problem

CONTAINERD = """version = 2
root = "{folder}/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{socket}"
[plugins."io.containerd.internal.v1.opt"]
path = "{folder}/containerd/opt"
"""
CODE = ("box.py", "compose_host.py")

#: What the runtime of the examples needs of the machine's Python.
PYTHON = {
    "/usr/lib/python3/dist-packages/jinja2/__init__.py": "python3-jinja2",
    "/usr/lib/python3/dist-packages/yaml/__init__.py": "python3-yaml",
}


class ComposeHost:
    """The one of a test bed."""

    def __init__(self, instance, log):
        self.instance, self.log = instance, log
        self.folder = instance.state / "compose-host"
        self.program = self.folder / "bin" / "nerdctl"
        self.file = self.folder / "settings.json"

    def ensure(self):
        self.program.parent.mkdir(parents=True, exist_ok=True)
        settings = json.dumps(self.settings(), indent=2)
        write_private(self.file, settings)
        containerd = CONTAINERD.format(folder=self.folder, socket=box.CONTAINERD)
        write_private(self.folder / "containerd.toml", containerd)
        made_from = cache.digest(
            settings, *(CHECKOUT / "testbed" / file for file in CODE)
        )
        return self.daemon(made_from).ensure()

    def settings(self):
        unpacked = node.packages(self.log)
        images = test_image.ensure(self.log)
        environment = {
            "PATH": f"{unpacked}/usr/sbin:{unpacked}/usr/bin"
            ":/usr/sbin:/usr/bin:/sbin:/bin",
            "LD_LIBRARY_PATH": f"{unpacked}/{node.LIBRARIES}",
            "XTABLES_LIBDIR": f"{unpacked}/{node.LIBRARIES}/xtables",
        }
        return {
            "name": f"chandlery-compose-{self.instance.name}",
            # There is none: what cleans up after a box asks for one.
            "link": f"chandlery-c{self.instance.offset}",
            "folder": str(self.folder),
            "file": str(self.file),
            "logs": str(self.instance.logs),
            "images": [str(images[test_image.NAME])],
            "environment": environment,
            "nerdctl": [
                str(go_programs.build("nerdctl", self.log)),
                f"--data-root={self.folder / 'data'}",
                f"--cni-path={unpacked}/usr/lib/cni",
                f"--cni-netconfpath={self.folder / 'networks'}",
            ],
        }

    def daemon(self, made_from=""):
        return processes.Daemon(
            name="compose-host",
            argv=[
                *(node.as_root() or ()),
                *(odoo.base_python(), "-B", "-m", "testbed.compose_host"),
                *("outside", self.file),
            ],
            log=self.instance.logs / "compose-host.log",
            pid_file=self.instance.state / "run" / "compose-host.pid",
            healthy=self.healthy,
            made_from=made_from,
            cwd=CHECKOUT,
            stop_seconds=60,
        )

    def healthy(self):
        if not self.program.exists():
            return False
        asked = [self.program, "version"]
        return not subprocess.run(asked, capture_output=True).returncode


def outside(settings):
    """Have the box until a signal comes."""
    program = Path(settings["folder"]) / "bin" / "nerdctl"
    program.unlink(missing_ok=True)
    box.clean(settings)
    groups = box.make_cgroups(settings["name"])
    process = subprocess.Popen(
        [
            *box.ISOLATED,
            *(sys.executable, "-B", "-m", "testbed.compose_host", "inside"),
            settings["file"],
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: box.enter(groups),
    )
    for ends in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ends, lambda *_: process.kill())
    try:
        if process.stdout.readline() == "isolated\n":
            if box.unified():
                # Controllers are handed on by groups only that hold no process.
                box.enter([groups[0] / "outer"], process.pid)
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            (first,) = children.read_text().split()
            process.stdin.write("\n")
            process.stdin.flush()
            if process.stdout.readline() == "ready\n":
                write_program(program, first, settings)
        process.wait()
    finally:
        program.unlink(missing_ok=True)
        process.kill()
        process.stdout.read()  # until pid 1 has let go of it
        box.clean(settings)


def write_program(path, pid, settings):
    """nerdctl as those outside of the box call it."""
    words = [*inside_words(pid), "env", "-i", "HOME=/root"]
    words += [f"{name}={value}" for name, value in settings["environment"].items()]
    words += settings["nerdctl"]
    part = path.with_suffix(".part")
    part.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    part.chmod(0o755)
    part.replace(path)


def inside_words(pid):
    prefix = [] if os.geteuid() == 0 else ["sudo", "-n"]
    return [*prefix, "nsenter", f"--target={pid}", *"-m -n -p -u -i -C".split()]


def inside(settings):
    """Pid 1 of the box."""
    for words in (
        ("mount", "-t", "proc", "proc", "/proc"),
        ("mount", "-t", "sysfs", "sysfs", "/sys"),
        ("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"),
        ("ip", "link", "set", "lo", "up"),
    ):
        box.run(*words)
    box.ask("isolated")
    box.mount_cgroups()
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    containerd = ["containerd", f"--config={settings['folder']}/containerd.toml"]
    begun = box.begin("compose-containerd", containerd, settings)
    box.wait_for_containerd()
    environment = {**settings["environment"], "HOME": "/root"}
    for archive in settings["images"]:
        box.run(*settings["nerdctl"], "load", "--input", archive, env=environment)
    print("ready", flush=True)
    while True:
        pid, _ = os.wait()
        if pid == begun:
            raise Problem("containerd has ended; see node-compose-containerd.log")


def main(command, file):
    settings = json.loads(Path(file).read_text())
    outside(settings) if command == "outside" else inside(settings)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (Problem, OSError) as problem:
        sys.exit(str(problem))
