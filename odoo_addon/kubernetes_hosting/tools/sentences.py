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
JOB_CANCELLED = _lt("The job was cancelled.")
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

# Of an app's invitation.
NO_CUSTOMER = _lt(
    "The app has no customer. Choose one on the app, then press “Send Invitation”."
)
NO_ADDRESS = _lt("The customer {customer} has no e-mail address that can be mailed.")
SENT_ONCE_THERE = _lt("As soon as the contact has one, the invitation is sent.")
LEFT_OUT = _lt("Not sent to all addresses: {refused}")
NO_FIRST_PASSWORD = _lt(
    "The first password “{key}” is neither generated nor set. Set it in the app's"
    " secret, press “Apply”, then “Send Invitation”."
)
NO_TEMPLATE = _lt(
    "The mail template of the invitation was deleted. Update the addon Kubernetes"
    " Hosting to get it back, then press “Send Invitation”."
)
NOT_RENDERED = _lt(
    "The mail template “{template}” cannot be rendered: {error} Correct it, then press"
    " “Send Invitation”."
)
EMPTY_TEMPLATE = _lt(
    "The mail template “{template}” has no subject or no text. Correct it, then press"
    " “Send Invitation”."
)
NO_PASSWORD_IN_TEMPLATE = _lt(
    "The mail template “{template}” leaves the first password out. Put"
    " object.invitation_password and object.invitation_password_url back, then press"
    " “Send Invitation”."
)
INVITATION_CANCELLED = _lt("It was cancelled. Press “Send Invitation” to send it.")
NOT_LEFT = _lt(
    "The mail did not leave Odoo: {reason}. See to the outgoing mail server and the"
    " customer's address, then press “Send Invitation”."
)

# Of a mail address.
UNSEEN_SIGN = _lt(
    "“{address}” has a sign that cannot be seen, {sign}. Delete it and type the address"
    " anew."
)
TOO_LONG = _lt(
    "“{address}…” is too long: there are {local} bytes at most before the @, and {all}"
    " in all."
)
NOT_LOCAL = _lt(
    "“{address}” is not an address that can be mailed: before the @ stand letters,"
    " digits and some signs, with single dots between them, and no quotes."
)
NO_DOMAIN = _lt(
    "“{address}” is not an address that can be mailed: what stands after the @ is no"
    " domain."
)
