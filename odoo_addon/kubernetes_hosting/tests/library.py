# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import copy
import hashlib
import json
from pathlib import Path

from odoo import fields

from ..models import contract

FOLDER = Path(__file__).resolve().parents[3] / "tests" / "contract"
URL = "http://127.0.0.1:8090"


def digest(text):
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def variable(name, **values):
    """A variable of a package, as the contract has it."""
    return {
        "name": name,
        "title": name.capitalize(),
        "help": "",
        "type": "string",
        "default": None,
        "choices": [],
        "required": False,
        "secret": False,
        "generate": None,
        "first_password": False,
        "set_by": "operator",
        **values,
    }


class Library:
    """A repository, and a worker that tells what is in it; mixed into cases that have
    a cluster."""

    @classmethod
    def set_up_library(cls):
        # As the golden package wants it.
        cls.cluster.labels = "zone=a"
        cls.indexer = cls.env["kubernetes.worker"].create(
            {
                "name": "indexer",
                "cluster_ids": [fields.Command.set(cls.cluster.ids)],
            }
        )
        cls.indexer.last_seen = fields.Datetime.now()
        cls.repository = cls.env["kubernetes.repository"].create(
            {"name": "Catalog", "url": URL}
        )

    @classmethod
    def report(cls):
        """The worker's golden report of an index."""
        jobs = json.loads((FOLDER / "report_request.json").read_text())["jobs"]
        return copy.deepcopy(next(job for job in jobs if job["id"] == 51))

    @classmethod
    def wiki(cls, **changes):
        """The package of the golden report, with changes, and without its plans."""
        item = cls.report()["outcome"]["result"]["index"]["packages"][0]
        return {**item, "plans": [], **changes}

    @classmethod
    def plans(cls):
        """Those of the golden report."""
        return cls.report()["outcome"]["result"]["index"]["packages"][0]["plans"]

    def changed_wiki(self, **changes):
        """The same with another content of its first manifest."""
        item = self.wiki(**changes)
        item["manifests"][0]["digest"] = digest(f"{changes}")
        item["digest"] = digest(f"all of {changes}")
        return item

    def take(self, kinds=("index",)):
        """The job that a worker gets, or none."""
        self.env.flush_all()
        jobs = self.env["kubernetes.job"]
        return jobs._claim(self.indexer.id, [self.cluster.name], list(kinds), 1)

    def tell(self, packages, problems=(), job=None):
        """A worker does the job and tells what is there."""
        job = job or self.take()
        self.assertEqual(job.kind, "index")
        report = self.report()
        index = report["outcome"]["result"]["index"]
        index.update(packages=list(packages), problems=list(problems))
        read = contract.read(
            "report",
            {
                "worker": {"name": "w", "instance": "i", "version": "1", "machine": ""},
                "jobs": [report],
            },
        )
        job._conclude(read["jobs"][0]["outcome"])
        self.env.flush_all()
        return job

    def index(self, *packages, problems=()):
        """An index by the button."""
        self.repository.action_index()
        return self.tell(packages, problems)

    def package(self, name="wiki"):
        return self.repository.package_ids.filtered(lambda one: one.name == name)
