# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A node in a box: the programs of a Kubernetes node and its containers, below one
process that has all namespaces of its own.

Run as root by ``node``, in two parts. Outside, on the machine, are the box's cgroup,
one end of its cable (a veth pair with a route to the pods), a relay to what listens on
the machine's loopback, and the volumes. Inside, pid 1 prepares the namespaces, starts
the programs and starts them again when they end.

Whatever ends the outside ends the box, and with it every container, mount, interface
and packet rule: they live in its namespaces. What is left after a crash, the cgroup, is
removed by the next start, and by ``clean``. The machine's own settings are not touched:
the kubelet finds the kernel settings that it wants in files that are mounted over them.
"""

import asyncio
import ctypes
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from . import volumes
from .problem import Problem

CLONE_NEWNET = 0x40000000
ISOLATED = [
    *("setpriv", "--pdeathsig", "KILL"),  # the box ends with the outside
    *("unshare", "--kill-child", "--fork", "--pid", "--mount", "--net"),
    *("--uts", "--ipc", "--cgroup", "--propagation", "private"),
]
#: What the kubelet would set for the whole machine.
KERNEL_SETTINGS = {
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
    "vm/overcommit_memory": "1",
}
CONTAINERD = "/run/containerd/containerd.sock"
START_SECONDS = 60
END_SECONDS = 30


def run(*words, **more):
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, **more
    )
    if done.returncode:
        raise Problem(f"{' '.join(map(str, words))}: {done.stderr.strip()}")


def line(text):
    print(text, file=sys.stderr, flush=True)


# Outside


async def outside(settings):
    """Have the box until standard input ends or a signal comes."""
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for ends in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(ends, over.set)
    loop.add_reader(0, lambda: os.read(0, 1) or over.set())
    box = None
    try:
        groups = make_cgroups(settings["name"])
        box = await asyncio.create_subprocess_exec(
            *ISOLATED,
            *(sys.executable, "-B", "-m", "testbed.box", "inside", settings["file"]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            preexec_fn=lambda: enter(groups),
        )
        ended = asyncio.create_task(box.wait())
        stopped = asyncio.create_task(over.wait())
        started = asyncio.create_task(start(settings, box, groups))
        await asyncio.wait(
            [ended, stopped, started], return_when=asyncio.FIRST_COMPLETED
        )
        if started.done():
            started.result()
            await asyncio.wait([ended, stopped], return_when=asyncio.FIRST_COMPLETED)
        if not stopped.done():
            raise Problem("The box ended by itself.")
    finally:
        if box is not None:
            if box.returncode is None:
                box.kill()
            await box.stdout.read()  # until pid 1 has let go of it
        clean(settings)


async def start(settings, box, groups):
    await said(box, "isolated")
    if unified():
        # Controllers are handed on by groups only that hold no process themselves.
        enter([groups[0] / "outer"], box.pid)
    plug_in(settings, box.pid)
    reply(box)
    await said(box, "connected")
    run("ip", "route", "add", settings["network"], "via", settings["node"])
    for listening in sockets_in(box.pid, settings["node"], settings["relays"]):
        port = listening.getsockname()[1]
        await asyncio.start_server(relay_to(port), sock=listening)
    volumes.start(**settings["volumes"])
    reply(box)


async def said(box, word):
    seen = (await box.stdout.readline()).decode().strip()
    if seen != word:
        raise Problem(f"The box did not get as far as {word!r}.")


def reply(box):
    box.stdin.write(b"\n")


def plug_in(settings, pid):
    """One end of the cable here, the other in the box."""
    link = settings["link"]
    peer = ("type", "veth", "peer", "name", "eth0", "netns", pid)
    run("ip", "link", "add", link, *peer)
    run("ip", "link", "set", link, "addrgenmode", "none")
    run("ip", "addr", "add", f"{settings['host']}/30", "dev", link)
    run("ip", "link", "set", link, "up")


def sockets_in(pid, address, ports):
    """Sockets that listen in the network of another process, so that what comes in does
    not pass the machine's own packet filter."""
    libc = ctypes.CDLL(None, use_errno=True)

    def move(network):
        if libc.setns(network, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")

    home = os.open("/proc/self/ns/net", os.O_RDONLY)
    away = os.open(f"/proc/{pid}/ns/net", os.O_RDONLY)
    try:
        move(away)
        try:
            return [socket.create_server((address, port)) for port in ports]
        finally:
            move(home)
    finally:
        os.close(home)
        os.close(away)


def relay_to(port):
    """Hands connections on to a port of the machine's loopback."""

    async def pump(reader, writer):
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            writer.write_eof()
        except OSError:
            writer.close()

    async def relay(reader, writer):
        try:
            there = await asyncio.open_connection("127.0.0.1", port)
        except OSError:  # It is not running now.
            writer.transport.abort()
            return
        await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))
        for end in (there[1], writer):
            end.close()

    return relay


def unified():
    """Whether the machine has cgroups of version 2 only."""
    return Path("/sys/fs/cgroup/cgroup.controllers").exists()


def cgroups(name):
    """Where the box's cgroups are or will be: one, or one of each hierarchy."""
    if unified():
        return [Path("/sys/fs/cgroup") / name]
    mounts = (
        mount.split() for mount in Path("/proc/self/mounts").read_text().splitlines()
    )
    return [Path(where) / name for _, where, kind, *_ in mounts if kind == "cgroup"]


def make_cgroups(name):
    groups = cgroups(name)
    for group in groups:
        group.mkdir(exist_ok=True)
        if not unified():
            for file in ("cpuset.cpus", "cpuset.mems"):
                above = group.parent / file
                if above.exists():
                    (group / file).write_text(above.read_text())
    return groups


def enter(groups, pid=None):
    for group in groups:
        group.mkdir(exist_ok=True)
        (group / "cgroup.procs").write_text(str(pid or os.getpid()))


def clean(settings):
    """Remove what a box leaves on the machine when it is ended by force."""
    end = time.monotonic() + END_SECONDS
    for group in cgroups(settings["name"]):
        while group.exists():
            # Rejects are those with a process that is still ending, or one of a box
            # whose outside was killed.
            for folder, _, _ in os.walk(group, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    time.sleep(0.05)
            if time.monotonic() > end:
                raise Problem(f"The cgroup {group} cannot be removed.")
    if Path("/sys/class/net", settings["link"]).exists():
        run("ip", "link", "del", settings["link"])


def probe():
    """Try what a box needs, in namespaces that end with this command."""
    script = """
        mount -t proc proc /proc && mount -t sysfs sysfs /sys &&
        mount -t tmpfs tmpfs /run && cd /run && mkdir lower upper work whole &&
        mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work whole &&
        ip link add one type veth peer name other
    """
    name = f"chandlery-probe-{os.getpid()}"
    groups = make_cgroups(name)
    try:
        run(*ISOLATED, "sh", "-c", script)
    finally:
        for group in groups:
            group.rmdir()


# Inside


def inside(settings):
    """Pid 1 of the box."""
    ask("isolated")
    connect(settings)
    ask("connected")
    socket.sethostname(settings["hostname"])
    mounts(settings)
    programs = {"containerd": settings["containerd"]}
    running = {begin("containerd", settings["containerd"], settings): "containerd"}
    import_images(settings)
    for name, argv in settings["programs"].items():
        programs[name] = argv
        running[begin(name, argv, settings)] = name
    while True:
        pid, status = os.wait()
        name = running.pop(pid, None)
        if name:
            code = os.waitstatus_to_exitcode(status)
            line(f"{name} ended with {code} and is started again")
            time.sleep(1)
            running[begin(name, programs[name], settings)] = name


def ask(word):
    """Say how far it is, and wait until the outside has done its part."""
    print(word, flush=True)
    if not sys.stdin.readline():
        sys.exit(1)


def connect(settings):
    run("ip", "link", "set", "lo", "up")
    run("ip", "addr", "add", f"{settings['node']}/30", "dev", "eth0")
    run("ip", "link", "set", "eth0", "up")
    # Nothing leaves the machine, and what is sent to a pod that is gone comes back at
    # once.
    for network in ("default", settings["network"]):
        run("ip", "route", "add", "unreachable", network)
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def mounts(settings):
    run("mount", "-t", "proc", "proc", "/proc")
    run("mount", "-t", "sysfs", "sysfs", "/sys")
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    mount_cgroups()
    log = Path(settings["folder"]) / "log"
    log.mkdir(exist_ok=True)
    run("mount", "--bind", log, "/var/log")
    # Of /var/lib only the test bed's own folder; what else is written there is of the
    # box, and ends with it.
    state = settings["state"]
    Path("/run/state").mkdir()
    run("mount", "--bind", state, "/run/state")
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/var/lib")
    Path(state).mkdir(parents=True, exist_ok=True)
    run("mount", "--move", "/run/state", state)
    for name, value in KERNEL_SETTINGS.items():
        file = Path("/run/kernel-settings") / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{value}\n")
        run("mount", "--bind", file, f"/proc/sys/{name}")


def mount_cgroups():
    top = Path("/sys/fs/cgroup")
    rows = [row.split(":", 2) for row in Path("/proc/self/cgroup").read_text().split()]
    if all(number == "0" for number, _, _ in rows):
        run("mount", "-t", "cgroup2", "cgroup2", top)
        enter([top / "init"])
        controllers = (top / "cgroup.controllers").read_text().split()
        handed_on = " ".join(f"+{controller}" for controller in controllers)
        (top / "cgroup.subtree_control").write_text(handed_on)
        return
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", top)
    for number, controllers, _ in rows:
        if number == "0":
            continue
        folder = top / controllers.removeprefix("name=")
        folder.mkdir()
        named = ["none"] if controllers.startswith("name=") else []
        options = ",".join([*named, controllers])
        run("mount", "-t", "cgroup", "-o", options, "cgroup", folder)
        for controller in controllers.split(","):
            if controller != controllers and not named:
                (top / controller).symlink_to(controllers)


def begin(name, argv, settings):
    with open(Path(settings["logs"]) / f"node-{name}.log", "a") as log:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=settings["environment"],
            cwd=settings["folder"],
        ).pid


def import_images(settings):
    """Once each: they stay in containerd's folder, so nothing is ever pulled."""
    wait_for_containerd()
    mark = Path(settings["folder"]) / "containerd" / "imported.json"
    imported = json.loads(mark.read_text()) if mark.exists() else []
    for archive in settings["images"]:
        if archive not in imported:
            line(f"importing {archive}")
            words = ("ctr", "-n", "k8s.io", "images", "import", archive)
            run(*words, env=settings["environment"])
            imported.append(archive)
            mark.write_text(json.dumps(imported))


def wait_for_containerd():
    end = time.monotonic() + START_SECONDS
    while True:
        with socket.socket(socket.AF_UNIX) as probing:
            if probing.connect_ex(CONTAINERD) == 0:
                return
        if time.monotonic() > end:
            raise Problem("containerd does not start; see node-containerd.log")
        time.sleep(0.05)


def main(command, file=None):
    """``outside`` and ``inside`` of the box, ``clean`` after it, ``remove`` its data;
    ``probe`` whether this machine can have one."""
    if command == "probe":
        return probe()
    settings = json.loads(Path(file).read_text())
    if command == "inside":
        return inside(settings)
    with open(Path(settings["state"]) / "node.lock", "w") as lock:
        # Another one may still be ending.
        fcntl.flock(lock, fcntl.LOCK_EX)
        clean(settings)
        if command == "outside":
            asyncio.run(outside(settings))
        if command == "remove":
            shutil.rmtree(settings["folder"])


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (Problem, OSError) as problem:
        sys.exit(str(problem))
