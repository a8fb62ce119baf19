# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""One app on this host: a Compose project with a folder of its own, which takes the
place of a Kubernetes namespace.

The folder holds whose it is, what was deployed, and what was generated. It is the
host's, not the worker's: any worker on the host goes on with it.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import yaml

from .problem import Problem

PR_SET_PDEATHSIG = 1
STEP_SECONDS = 0.1
#: So much of what a command has said stands in an error.
TAIL = 2000
FATAL = re.compile(r'level=fatal msg="((?:[^"\\]|\\.)*)"')
libc = ctypes.CDLL(None)


def now():
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def end_with_us():
    """The command ends when this worker is killed: another one goes on."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def write_private(path, text, mode=0o600):
    """Whole or not at all, and nobody else's to read."""
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
    part.replace(path)


class Host:
    """All projects below one folder, and the program that runs them: ``nerdctl`` or
    ``docker``, by name or path."""

    def __init__(self, program, state):
        self.program = program
        self.projects, self.locks = Path(state) / "projects", Path(state) / "locks"
        self.projects.mkdir(parents=True, exist_ok=True, mode=0o700)

    def project(self, name):
        return Project(self, name)

    def all(self):
        """The projects that belong to somebody."""
        for path in sorted(self.projects.iterdir()):
            project = self.project(path.name)
            if project.about():
                yield project

    def version(self):
        """The program's version; Problem where it does not work."""
        said = self.run(["version", "--format", "{{json .}}"], lambda: None)
        with contextlib.suppress(ValueError, KeyError, TypeError, IndexError):
            server = json.loads(said)["Server"]
            return server.get("Version") or server["Components"][0]["Version"]
        return None

    def run(self, words, go_on, hide=str, alone=None):
        """What the command prints. ``go_on`` is asked all the while and raises where
        nothing may be done any more. ``alone``: of the commands with this name one runs
        at a time on this host."""
        with contextlib.ExitStack() as files:
            out, err = (
                files.enter_context(tempfile.TemporaryFile("w+")) for _ in range(2)
            )
            lock = alone and files.enter_context(self.lock(alone, go_on))
            try:
                process = subprocess.Popen(
                    [self.program, *words],
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    # Compose files are filled in from the environment.
                    env={
                        name: value
                        for name, value in os.environ.items()
                        if name in ("PATH", "HOME", "DOCKER_HOST", "CONTAINERD_ADDRESS")
                    },
                    start_new_session=True,
                    preexec_fn=end_with_us,
                    # The lock is held for as long as the command is there, also when
                    # this worker is not any more.
                    pass_fds=[lock.fileno()] if lock else [],
                )
            except OSError as error:
                raise Problem(
                    "cluster_settings",
                    f"{self.program} cannot be run: {error.strerror}.",
                    "Install it, or set compose.program in the worker's settings.",
                ) from error
            if lock:
                write_over(lock, f"{process.pid} {begun_at(process.pid)}")
            try:
                while process.poll() is None:
                    go_on()
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(STEP_SECONDS)
            except BaseException:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise
            out.seek(0)
            err.seek(0)
            if process.returncode:
                said = err.read().strip() or out.read().strip()
                # nerdctl's last line in its log's form says it.
                said = [*FATAL.findall(said), said][0].replace('\\"', '"')
                raise Problem(
                    "apply_refused",
                    hide(f"{Path(self.program).name} {words[0]}: {said[-TAIL:]}"),
                )
            return out.read()

    @contextlib.contextmanager
    def lock(self, name, go_on):
        """The lock's file, once no other command has it. One that a worker has left
        behind, asleep perhaps, is killed: its job is ours now."""
        self.locks.mkdir(exist_ok=True, mode=0o700)
        with open(self.locks / name, "a+") as lock:
            while True:
                go_on()
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    kill_left_behind(lock)
                    time.sleep(STEP_SECONDS)
            yield lock


def write_over(file, text):
    file.seek(0)
    file.truncate()
    file.write(text)
    file.flush()


def begun_at(pid):
    """When a process began, in the kernel's ticks; None where it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]


def kill_left_behind(lock):
    lock.seek(0)
    pid, _, begun = lock.read().partition(" ")
    # Another process may have got its number since.
    if pid and begun_at(pid) == begun:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(int(pid), signal.SIGKILL)


class Project:
    def __init__(self, host, name):
        self.host, self.name = host, name
        self.folder = host.projects / name

    # Whose it is

    def about(self):
        """What is known of whose it is; None where there is no such project."""
        try:
            return json.loads((self.folder / "project.json").read_text())
        except FileNotFoundError:
            return None

    def check(self, app, required=True):
        """That the project is this app's; Problem ``not_there`` where it is missing
        and ``required``."""
        about = self.about()
        if about is None and required:
            raise Problem(
                "not_there",
                f"There is no project {self.name} on this host.",
                "Deploy the app first.",
            )
        if about is not None and about["uid"] != app["uid"]:
            self.foreign()
        return about

    def foreign(self):
        raise Problem(
            "namespace_foreign",
            f"The project {self.name} on this host is not this app's.",
            "Remove what is there by hand, or give the app another name.",
        )

    def make(self, app, database, go_on):
        """Have the project; whether it is new."""
        if self.check(app, required=False):
            return False
        if self.containers(go_on):
            self.foreign()
        self.folder.mkdir(exist_ok=True, mode=0o700)
        about = {
            "database": database,
            "id": app["id"],
            "uid": app["uid"],
            "name": app["name"],
            "environment": app["environment"],
            "object": secrets.token_hex(16),
            "created_at": now(),
        }
        write_private(self.folder / "project.json", json.dumps(about))
        return True

    # What was deployed

    def secrets(self):
        """The secrets that were generated here."""
        try:
            return json.loads((self.folder / "secrets.json").read_text())
        except FileNotFoundError:
            return {}

    def keep_secrets(self, made):
        if made != self.secrets():
            write_private(self.folder / "secrets.json", json.dumps(made))

    def prepared(self, contents):
        """The Compose files, and the files that they mount, ``{name: text}`` each:
        what is a ``content`` becomes a file, and no text is filled in from an
        environment."""
        files, mounted = {}, {}
        for number, content in enumerate(contents, 1):
            content = json.loads(
                json.dumps(content, default=str), object_hook=without_dollars
            )
            for kind in ("configs", "secrets"):
                for key, item in (content.get(kind) or {}).items():
                    name = f"{number}-{kind}-{key}"
                    mounted[name] = str(item["content"]).replace("$$", "$")
                    path = self.folder / "mounted" / name
                    content[kind][key] = {"file": str(path)}
            files[f"{number}.yaml"] = yaml.safe_dump(content, sort_keys=False)
        return files, mounted

    def deployed(self):
        """The Compose files of the last deploy."""
        folder = self.folder / "files"
        paths = sorted(folder.glob("*.yaml")) if folder.exists() else []
        return {path.name: path.read_text() for path in paths}

    def mounted(self):
        folder = self.folder / "mounted"
        paths = sorted(folder.iterdir()) if folder.exists() else []
        return {path.name: path.read_text() for path in paths}

    def write(self, files, mounted):
        for name, wanted, mode in (
            ("files", files, 0o600),
            ("mounted", mounted, 0o444),
        ):
            folder = self.folder / name
            folder.mkdir(exist_ok=True, mode=0o700)
            for path in folder.iterdir():
                if path.name not in wanted:
                    path.unlink()
            for key, text in wanted.items():
                write_private(folder / key, text, mode)

    def set_stopped(self, stopped):
        mark = self.folder / "stopped"
        if stopped:
            mark.touch()
        else:
            mark.unlink(missing_ok=True)

    def is_stopped(self):
        return (self.folder / "stopped").exists()

    def compose(self, words, go_on, hide=str):
        folder = self.folder / "files"
        files = [f"--file={path}" for path in sorted(folder.glob("*.yaml"))]
        asked = ["compose", f"--project-name={self.name}", *files, *words]
        return self.host.run(asked, go_on, hide, alone=self.name)

    def remove_volumes(self, go_on):
        """Also those that an earlier delete has kept."""
        label = f"label=com.docker.compose.project={self.name}"
        asked = ["volume", "ls", "--quiet", "--filter", label]
        for name in self.host.run(asked, go_on).split():
            self.host.run(["volume", "rm", name], go_on, alone=self.name)

    def forget(self):
        """Nothing is left of it."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def forget_files(self):
        """Whose it is and what was generated stay, as its volumes do."""
        for name in ("files", "mounted"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    # What it is like

    def containers(self, go_on):
        """Its containers, as ``inspect`` tells of them."""
        label = f"label=com.docker.compose.project={self.name}"
        asked = ["ps", "--all", "--quiet", "--no-trunc", "--filter", label]
        ids = self.host.run(asked, go_on).split()
        if not ids:
            return []
        try:
            return json.loads(self.host.run(["inspect", *ids], go_on))
        except Problem:
            # One of them has gone meanwhile.
            return self.containers(go_on)

    def observe(self, go_on, hide=str):
        """The contract's observation."""
        seen_at = now()
        containers = self.containers(go_on)
        objects = sorted(
            (self.object_of(container, hide) for container in containers),
            key=lambda item: item["name"],
        )
        states = {item["health"] for item in objects}
        something_runs = any(
            container["State"].get("Status") == "running" for container in containers
        )
        why = "\n".join(
            f"{item['name']}: {item['message']}" for item in objects if item["message"]
        )
        if not objects:
            state, why = "missing", ""
        elif self.is_stopped():
            state = "degraded" if something_runs else "stopped"
            why = "It was stopped, and something runs." if something_runs else ""
        else:
            is_well = something_runs and states == {"current"}
            state = "running" if is_well else "degraded"
            why = why or ("" if is_well else "No container runs.")
        return {
            "state": state,
            "message": why,
            "message_words": None,
            "ingress": {
                "state": "none",
                "hosts": [],
                "addresses": [],
                "tls": False,
                "message": "",
                "message_words": None,
            },
            "objects": objects,
            "seen_at": seen_at,
        }

    def object_of(self, container, hide):
        state = container["State"]
        status = state.get("Status", "")
        health = (state.get("Health") or {}).get("Status") or "none"
        code = state.get("ExitCode", 0)
        labels = container["Config"].get("Labels") or {}
        service = labels.get("com.docker.compose.service")
        message = ""
        if status == "running" and health in ("none", "healthy", ""):
            is_like = "current"
        elif status == "running":
            is_like = "failed" if health == "unhealthy" else "in_progress"
            message = f"is {health}"
        elif self.is_stopped() or (status == "exited" and code == 0):
            # It was told to end, or has done what it was for.
            is_like = "in_progress" if self.is_stopped() else "current"
        else:
            is_like = "failed" if status in ("exited", "dead") else "in_progress"
            message = f"{status} with status {code}" if code else f"is {status}"
        return {
            "api_version": "compose",
            "kind": "Service",
            "namespace": self.name,
            "name": service or container["Name"].lstrip("/"),
            "health": is_like,
            "created_at": moment(container["Created"]),
            "images": [container["Config"].get("Image") or container.get("Image", "")],
            "message": hide(message),
            "message_words": None,
            "log": "",
        }

    def inventory(self, objects):
        members = ("api_version", "kind", "namespace", "name")
        return [{name: item[name] for name in members} for item in objects]


def without_dollars(mapping):
    """Compose fills in what follows a dollar."""
    return {key: doubled(value) for key, value in mapping.items()}


def doubled(value):
    if isinstance(value, str):
        return value.replace("$", "$$")
    if isinstance(value, list):
        return [doubled(item) for item in value]
    return value


def moment(text):
    """A time as the contract has it: in UTC, with a Z."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        return now()
    return parsed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
