#!/usr/bin/env python3
# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A double of ``docker`` for the tests here: it runs nothing, and keeps in the folder
COMPOSE_DOUBLE (here in HOME) which containers there would be. It understands what this
runtime asks for, fails on all else, and notes what it was asked."""

import json
import os
import sys
import time
from pathlib import Path

import yaml

PROJECT = "com.docker.compose.project"
folder = Path(os.environ["HOME"])
file = folder / "containers.json"
containers = json.loads(file.read_text()) if file.exists() else {}
volumes_file = folder / "volumes.json"
volumes = json.loads(volumes_file.read_text()) if volumes_file.exists() else {}


def of(project):
    return [one for one in containers.values() if one["project"] == project]


def inspected(name):
    one = containers[name]
    labels = {PROJECT: one["project"], "com.docker.compose.service": one["service"]}
    return {
        "Name": f"/{name}",
        "Created": "2026-12-01T08:00:00.123456789Z",
        "State": {"Status": one["status"], "ExitCode": one["code"]},
        "Config": {"Image": one["image"], "Labels": labels},
    }


def compose(words):
    options = [word for word in words if word.startswith("--")]
    command = next(word for word in words if not word.startswith("--"))
    named = dict(word[2:].split("=", 1) for word in options if "=" in word)
    project = named["project-name"]
    files = [word.split("=", 1)[1] for word in options if word.startswith("--file=")]
    if not files:
        sys.exit("no configuration file provided: not found")
    if command == "up":
        wanted = {}
        for path in files:
            content = yaml.safe_load(Path(path).read_text())
            for name, service in content["services"].items():
                if "missing" in service["image"]:
                    sys.exit(f"pull access denied for {service['image']}")
                # The restart monitor was quicker.
                if "raced" in service["image"] and not (folder / "raced").exists():
                    (folder / "raced").touch()
                    sys.exit("cannot start a container that has stopped: unknown")
                wanted[f"{project}-{name}-1"] = {
                    "project": project,
                    "service": name,
                    "image": service["image"],
                    "status": "exited" if "broken" in service["image"] else "running",
                    "code": 3 if "broken" in service["image"] else 0,
                }
            for name in content.get("volumes") or {}:
                volumes[f"{project}_{name}"] = project
        for name in [name for name, one in containers.items() if one in of(project)]:
            del containers[name]
        containers.update(wanted)
    elif command in ("stop", "start", "restart"):
        if (folder / "asleep").exists():
            time.sleep(1000)
        for one in of(project):
            one |= {"status": "exited" if command == "stop" else "running", "code": 0}
    elif command == "down":
        for name in [name for name, one in containers.items() if one in of(project)]:
            del containers[name]
    else:
        sys.exit(f"unknown command {command}")


def main(words):
    with open(folder / "asked.log", "a") as log:
        log.write(json.dumps(words) + "\n")
    command = words[0]
    if command == "version":
        print(json.dumps({"Server": {"Version": "28.2.2"}}))
    elif command == "ps":
        project = words[-1].rpartition("=")[2]
        print(*(name for name, one in containers.items() if one["project"] == project))
    elif command == "inspect":
        print(json.dumps([inspected(name) for name in words[1:]]))
    elif command == "volume" and words[1] == "ls":
        project = words[-1].rpartition("=")[2]
        print(*(name for name, whose in volumes.items() if whose == project))
    elif command == "volume" and words[1] == "rm":
        del volumes[words[2]]
    elif command == "compose":
        compose(words[1:])
    else:
        sys.exit(f"unknown command {command}")
    file.write_text(json.dumps(containers))
    volumes_file.write_text(json.dumps(volumes))


main(sys.argv[1:])
