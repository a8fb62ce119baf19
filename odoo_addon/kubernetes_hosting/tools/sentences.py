# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What Odoo itself tells of apps and jobs, to be worded on reading (see ``told.py``):
whoever writes it, a worker's call mostly, does not speak the reader's language."""

# pylint: disable=prefer-env-translation

from odoo.tools import LazyTranslate

_lt = LazyTranslate(__name__)

# Of an app.
NAMESPACE_GONE = _lt(
    "The namespace {namespace} is not in the cluster any more, and nothing of this app"
    " with it. Apply deploys it again, with empty volumes."
)
NOT_STOPPED = _lt(
    "The app is to be stopped, but something of it runs in the cluster. Press “Stop” to"
    " stop it, “Start” to keep it running."
)
NOTHING_THERE = _lt("Nothing of this app is in the cluster. Apply deploys it again.")
SCALED_TO_ZERO = _lt("Somebody scaled it to zero in the cluster. Start brings it back.")

# Of a job.
LEASE_LOST = _lt(
    "The worker {worker} was not heard of any more during attempt {attempt}."
)
SEE_WORKER = _lt("See whether the worker runs and reaches Odoo, then retry.")
NOT_PUT_TOGETHER = _lt("Odoo could not put together what the job needs ({error}).")
NOT_TAKEN_OVER = _lt("Odoo could not take over what the worker reported ({error}).")
SEE_LOG = _lt("See the log of Odoo's server for the cause, then retry.")
COUNTS = {
    "created": _lt("{number} created"),
    "changed": _lt("{number} changed"),
    "unchanged": _lt("{number} unchanged"),
    "pruned": _lt("{number} pruned"),
}
PLACES = {
    "manifest": _lt("Manifest {place}"),
    "document": _lt("document {place}"),
    "line": _lt("line {place}"),
    "column": _lt("column {place}"),
    "object": _lt("object {place}"),
    "field": _lt("field {place}"),
}
