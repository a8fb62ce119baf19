# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What each kind of job does, step by step. Each can be done twice."""

import difflib
import time

from . import manifest as manifests
from .problem import Problem

READY_STEP = 0.5


class Runner:
    """Does jobs on one host. ``hosts``: from where manifests may come;
    ``ready_seconds``: how long a project may take to run; ``stop_seconds``: how long a
    container may take to end."""

    def __init__(self, host, hosts, ready_seconds, stop_seconds):
        self.host, self.hosts = host, hosts
        self.ready_seconds, self.stop_seconds = ready_seconds, stop_seconds
        self.kinds = {
            "deploy": self.deploy,
            "diff": self.diff,
            "refresh": self.refresh,
            "stop": self.stop,
            "start": self.start,
            "restart": self.restart,
            "delete": self.delete,
        }

    def run(self, held):
        """Do the held job; the members of its result that are not empty."""
        project = self.host.project(held.job["app"]["namespace"])
        held.hide_all(project.secrets().values())
        return self.kinds[held.job["kind"]](held, project)

    # Deploying

    def rendered(self, held, project):
        """The manifests as fetched, the files that they make, and what is generated."""
        job = held.job
        with held.step("fetching") as step:
            fetched = [
                manifests.fetch(manifest, self.hosts) for manifest in job["manifests"]
            ]
            step.say(f"{len(fetched)} manifests")
        with held.step("rendering"):
            made = manifests.generated(job["secret"], project.secrets())
            values, hidden = manifests.variables(job, made)
            held.hide_all(hidden)
            check = manifests.Check(job, hidden)
            contents = []
            for manifest, one in zip(job["manifests"], fetched, strict=True):
                content = manifests.render(manifest, one, values)
                check.file(content, manifests.where(manifest))
                contents.append(content)
            check.share_out(contents)
            files, mounted = project.prepared(contents)
        return fetched, files, mounted, made

    def deploy(self, held, project):
        app = held.job["app"]
        project.check(app, required=False)
        fetched, files, mounted, made = self.rendered(held, project)
        with held.step("namespace") as step:
            is_new = project.make(app, held.database, held.go_on)
            project.keep_secrets(made)
            step.say(f"{project.name} {'created' if is_new else 'is there'}")
        with held.step("applying") as step:
            before = project.observe(held.go_on)
            is_same = (project.deployed(), project.mounted()) == (files, mounted)
            project.write(files, mounted)
            project.set_stopped(False)
            # Made anew, containers are interrupted: not where nothing has changed.
            if is_same and before["state"] == "running":
                changed = 0
            else:
                self.up(held, project)
                changed = len(before["objects"])
            step.say("nothing has changed" if is_same and not changed else "applied")
        observation = self.wait(held, project)
        objects = observation["objects"]
        old = {item["name"] for item in before["objects"]}
        new = {item["name"] for item in objects}
        return {
            "manifests": fetched,
            "objects": {
                "created": len(new - old),
                "changed": len(new & old) if changed else 0,
                "unchanged": 0 if changed else len(new & old),
                "pruned": len(old - new),
            },
            "inventory": project.inventory(objects),
            "observation": observation,
        }

    def up(self, held, project):
        words = ["up", "--detach", "--remove-orphans"]
        try:
            project.compose(words, held.go_on, held.hide)
        except Problem as problem:
            if problem.code != "apply_refused":
                raise
            # containerd's restart monitor may start what nerdctl is just starting, and
            # one of the two fails.
            project.compose(words, held.go_on, held.hide)

    def wait(self, held, project):
        """The observation once everything runs."""
        end = time.monotonic() + self.ready_seconds
        with held.step("waiting") as step:
            while True:
                seen = project.observe(held.go_on, held.hide)
                if seen["state"] == "running":
                    step.say(f"{len(seen['objects'])} containers run")
                    return seen
                if time.monotonic() > end:
                    held.seen = seen
                    raise Problem(
                        "not_ready",
                        f"After {self.ready_seconds} s it does not run.\n"
                        f"{seen['message']}".strip(),
                        "Look at the containers' logs on the host.",
                    )
                time.sleep(READY_STEP)
                held.go_on()

    def diff(self, held, project):
        """What a deploy would change, file by file."""
        project.check(held.job["app"], required=False)
        fetched, files, mounted, _made = self.rendered(held, project)
        with held.step("comparing"):
            changes, unchanged = [], 0
            for kind, old, new in (
                ("Compose", project.deployed(), files),
                ("File", project.mounted(), mounted),
            ):
                for name in sorted(old.keys() | new.keys()):
                    if old.get(name) == new.get(name):
                        unchanged += 1
                        continue
                    action = "change" if name in new else "delete"
                    # What is in a file may be secret as a whole.
                    texts = (old, new) if kind == "Compose" else ({}, {})
                    lines = difflib.unified_diff(
                        *(held.hide(one.get(name, "")).splitlines() for one in texts),
                        lineterm="",
                    )
                    changes.append(
                        {
                            "object": f"{kind} {name}",
                            "action": action if name in old else "create",
                            "text": "\n".join(lines),
                        }
                    )
        return {
            "manifests": fetched,
            "diff": {"objects": changes, "unchanged": unchanged},
        }

    # Everything else

    def refresh(self, held, project):
        project.check(held.job["app"], required=False)
        with held.step("waiting"):
            return {"observation": project.observe(held.go_on, held.hide)}

    def is_deployed(self, held, project):
        project.check(held.job["app"])
        if not project.deployed():
            raise Problem(
                "not_there",
                f"Nothing of {project.name} is deployed on this host.",
                "Deploy the app first.",
            )

    def stop(self, held, project):
        self.is_deployed(held, project)
        with held.step("stopping"):
            project.set_stopped(True)
            self.end_containers(held, project)
            return {"observation": project.observe(held.go_on, held.hide)}

    def end_containers(self, held, project):
        words = ["stop", f"--timeout={self.stop_seconds}"]
        project.compose(words, held.go_on, held.hide)

    def start(self, held, project):
        self.is_deployed(held, project)
        with held.step("starting"):
            project.compose(["start"], held.go_on, held.hide)
            project.set_stopped(False)
        return {"observation": self.wait(held, project)}

    def restart(self, held, project):
        self.is_deployed(held, project)
        if project.is_stopped():
            raise Problem("stopped", "The app is stopped.", "Start it instead.")
        with held.step("restarting"):
            words = ["restart", f"--timeout={self.stop_seconds}"]
            project.compose(words, held.go_on, held.hide)
        return {"observation": self.wait(held, project)}

    def delete(self, held, project):
        keep = held.job["options"].get("keep_volumes", True)
        about = project.check(held.job["app"], required=False)
        with held.step("deleting") as step:
            seen = project.observe(held.go_on) if about else {"objects": []}
            if project.deployed():
                self.end_containers(held, project)
                project.compose(["down", "--remove-orphans"], held.go_on, held.hide)
            if keep:
                project.forget_files()
            elif about:
                project.remove_volumes(held.go_on)
                project.forget()
            step.say("its volumes stay" if keep else "with its volumes")
        return {
            "objects": {
                "created": 0,
                "changed": 0,
                "unchanged": 0,
                "pruned": len(seen["objects"]),
            },
            "inventory": [],
            "namespace_deleted": project.about() is None,
        }
