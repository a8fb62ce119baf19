# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Programs: those that are waited for, and daemons that outlive the command that starts
them.

A daemon is remembered in a pid file together with its start time and the boot it
belongs to, so that a process which got the same pid later, after a crash or a reboot,
is never taken for it and never killed.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from .instance import write_private
from .problem import Problem
from .steps import minutes

LARGE_LOG = 50 * 1024 * 1024
#: How long a stuck program has to write where it is, in seconds.
TO_END = 10


def run(argv, *, log, what, env=None, cwd=None, hint=None, stdin=None, silence=None):
    """Run a program to its end with its output in ``log``; a failure shows the end of
    that log.

    With ``silence``, one that writes nothing for so many seconds is taken for stuck and
    ended, with what it started; if it is in Python, it writes where its threads are.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "a") as output:
        output.write(f"\n$ {' '.join(str(word) for word in argv)}\n")
        output.flush()
        options = {
            "stdout": output,
            "stderr": subprocess.STDOUT,
            "env": env,
            "cwd": cwd,
            "text": True,
        }
        words = [str(word) for word in argv]
        try:
            if silence is None:
                given = {"stdin": subprocess.DEVNULL} if stdin is None else {}
                status = subprocess.run(
                    words, input=stdin, **given, **options
                ).returncode
            else:
                status = run_watched(words, log, silence, options)
        except FileNotFoundError as error:
            raise Problem(
                f"{what}: the program {argv[0]} is missing.", hint=hint
            ) from error
    if status is None:
        raise Problem(
            f"{what}: {silent_for(silence)}.",
            log=log,
            hint="The end of its log says where it stood.",
        )
    if status:
        raise Problem(
            f"{what} failed (exit status {status}).",
            log=log,
            hint=hint,
            status=status,
        )


def silent_for(seconds):
    return f"nothing was written for {minutes(seconds)}"


def run_watched(words, log, silence, options):
    """The program's exit status; None where it was silent for too long."""
    env = {**(options["env"] or os.environ), "PYTHONFAULTHANDLER": "1"}
    options = {**options, "env": env, "stdin": subprocess.DEVNULL}
    process = subprocess.Popen(words, start_new_session=True, **options)
    try:
        size, since = -1, time.monotonic()
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                return process.wait(min(1, silence))
            if size != (size := log.stat().st_size):
                since = time.monotonic()
            elif time.monotonic() - since > silence:
                options["stdout"].write(f"\n{silent_for(silence)}: ended.\n")
                options["stdout"].flush()
                process.send_signal(signal.SIGABRT)  # Python writes its threads' stacks
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(TO_END)
                return None
    finally:
        # What it started goes with it, also where a signal ends the waiting.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def output_of(argv, *, what, env=None, cwd=None, stdin=None):
    """Run a short program and return what it printed."""
    done = subprocess.run(
        [str(word) for word in argv],
        capture_output=True,
        text=True,
        env=env,
        cwd=cwd,
        input=stdin,
    )
    if done.returncode:
        raise Problem(
            f"{what} failed (exit status {done.returncode}): {done.stderr.strip()}"
        )
    return done.stdout


@dataclass
class Daemon:
    """A program of a test bed that runs on after the command that started it.

    ``healthy`` says whether it does its work, not merely whether a process is there.
    """

    name: str
    argv: list
    log: Path
    pid_file: Path
    healthy: callable
    #: environment variables beside those of whoever starts it
    variables: dict = field(default_factory=dict)
    #: the prefix of environment variables that it does not get
    without: str = ""
    cwd: Path = Path("/")
    stop_signal: int = signal.SIGTERM
    #: Where it listens on loopback; another program that listens there is told apart
    #: before the start.
    ports: tuple = ()
    #: What a running daemon was made from beyond its command: when it changes, the
    #: daemon is started anew.
    made_from: str = ""
    start_seconds: float = 60
    stop_seconds: float = 30

    def pid(self):
        seen = remembered(self.pid_file)
        return seen and seen["pid"]

    def status(self):
        """``running``, ``unhealthy`` (a process is there but does not do its work) or
        ``stopped``."""
        if remembered(self.pid_file) is None:
            return "stopped"
        return "running" if self.healthy() else "unhealthy"

    def environment(self):
        kept = (
            (name, value)
            for name, value in os.environ.items()
            if not self.without or not name.startswith(self.without)
        )
        return {**dict(kept), **self.variables}

    def recipe(self):
        """What the daemon would be started from now."""
        return [
            [str(word) for word in self.argv],
            sorted(self.variables.items()),
            self.made_from,
        ]

    def current(self):
        """Whether it runs, from the present command, and does its work."""
        seen = remembered(self.pid_file)
        same = seen and seen.get("recipe") == json.loads(json.dumps(self.recipe()))
        return bool(same) and self.healthy()

    def ensure(self):
        """Start it unless it is there and healthy. True if it was started."""
        if self.current():
            return False
        self.stop()
        self.start()
        return True

    def start(self):
        for port in self.ports:
            if port_open(port):
                raise Problem(
                    f"{self.name} cannot start: another program listens on"
                    f" 127.0.0.1:{port}.",
                    hint=f"Find it with `ss -ltnp 'sport = :{port}'` and stop it,"
                    " or shift all ports: PORT_OFFSET=100 make demo",
                )
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LARGE_LOG:
            self.log.replace(self.log.with_suffix(".log.old"))
        with open(self.log, "a") as output:
            try:
                process = subprocess.Popen(
                    [str(word) for word in self.argv],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=self.environment(),
                    cwd=self.cwd,
                    start_new_session=True,
                )
            except OSError as error:
                raise Problem(f"{self.name} cannot be started: {error}") from error
        remembered = {
            "pid": process.pid,
            "identity": identity(process.pid),
            "recipe": self.recipe(),
        }
        write_private(self.pid_file, json.dumps(remembered))
        self.wait_until_healthy(process)

    def wait_until_healthy(self, process):
        end = time.monotonic() + self.start_seconds
        while not self.healthy():
            if process.poll() is not None:
                raise Problem(
                    f"{self.name} ended right after its start"
                    f" (exit status {process.returncode}).",
                    log=self.log,
                )
            if time.monotonic() > end:
                raise Problem(
                    f"{self.name} was not ready after {self.start_seconds:.0f} s.",
                    log=self.log,
                )
            time.sleep(0.1)

    def stop(self):
        """Ask it to end, and make it end when it does not. True if it was running."""
        pid = self.pid()
        if pid is None:
            self.pid_file.unlink(missing_ok=True)
            return False
        os.kill(pid, self.stop_signal)
        end = time.monotonic() + self.stop_seconds
        while self.pid() is not None:
            if time.monotonic() > end:
                os.killpg(
                    pid, signal.SIGKILL
                )  # it is the leader of its own session and group
            time.sleep(0.05)
        self.pid_file.unlink(missing_ok=True)
        return True


def remembered(pid_file):
    """What a pid file says of its running daemon; None if that daemon is gone, also
    where another process has got its pid since."""
    try:
        seen = json.loads(pid_file.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return seen if identity(seen["pid"]) == seen["identity"] else None


def identity(pid):
    """What tells this process from a later one with the same pid; None if there is
    none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    if fields[0] == "Z":  # ended, only not yet reaped
        return None
    return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}/{fields[19]}"


def port_open(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def http_ok(url, *, timeout=5, context=None):
    """Whether a GET is answered with success."""
    handlers = [urllib.request.ProxyHandler({})]  # everything here is on loopback
    if context is not None:
        handlers.append(urllib.request.HTTPSHandler(context=context))
    try:
        with urllib.request.build_opener(*handlers).open(
            url, timeout=timeout
        ) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False
