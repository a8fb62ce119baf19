# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""``python3 -m compose_runtime settings.toml``"""

import argparse
import logging
import signal
import sys

import tomllib

from .jobs import Runner
from .odoo import Odoo
from .project import Host
from .worker import Worker


def main():
    parser = argparse.ArgumentParser(prog="compose_runtime", description=__doc__)
    parser.add_argument("settings", help="see settings.example.toml")
    try:
        with open(parser.parse_args().settings, "rb") as file:
            settings = tomllib.load(file)
        worker = made_of(settings)
    except (OSError, tomllib.TOMLDecodeError) as error:
        sys.exit(f"The settings cannot be read: {error}")
    except KeyError as error:
        sys.exit(f"The settings lack {error}; see settings.example.toml.")
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    for ends in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ends, lambda *_: worker.closing.set())
    worker.run()


def made_of(settings):
    compose, name = settings["compose"], settings["worker"]["name"]
    runner = Runner(
        Host(compose.get("program", "docker"), compose["state"]),
        settings["manifests"]["hosts"],
        compose.get("ready_seconds", 120),
        compose.get("stop_seconds", 10),
    )
    return Worker(
        Odoo(settings["odoo"], name),
        runner,
        settings["worker"]["cluster"],
        settings["worker"].get("capacity", 4),
    )


if __name__ == "__main__":
    main()
