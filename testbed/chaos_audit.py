# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What is held against each other when all faults of ``make chaos`` are over: what was
paid, what Odoo has, what the cluster has, and what Mailgun has got."""

import json
import re
import time
from collections import Counter

from . import mail, postgresql
from .bench import written_by
from .chaos_customers import AWAY, CHANGED
from .demo import DATABASE, LOGINS
from .problem import Problem
from .shop_client import Client

#: For so long it may take until all is quiet. Nobody waits for its end.
PATIENCE = 1800
#: Every so many looks, pods that the test bed has forgotten are made anew.
PODS_EVERY = 40
#: How often an operator asks again for what failed, before it counts as failed.
ASKED_AGAIN = 5
UID, INSTANCE = "chandlery.dev/uid", "chandlery.dev/instance"
#: As Odoo writes it.
NOW = "now() AT TIME ZONE 'UTC'"
#: What Chandlery keeps for itself in an app's namespace.
OWN_NAMES = re.compile("chandlery(-|$)")
OTHERS_DOMAIN = "somebody-else.example"


class Foreign:
    """What is somebody else's, and is to stay as it is: in namespaces of their own,
    one of which another Odoo has made, and in those of apps."""

    def __init__(self, bed):
        self.bed = bed
        self.beside = []

    def make(self):
        other = {
            "app.kubernetes.io/managed-by": "chandlery",
            INSTANCE: "00000000-0000-4000-8000-000000000000",
            UID: "f" * 32,
            "chandlery.dev/app": "1",
            "chandlery.dev/name": "elsewhere",
            "chandlery.dev/environment": "prod",
        }
        self.bed.apply(
            *self.furnished("somebody", {}), *self.furnished("elsewhere-prod", other)
        )
        self.bed.mailgun("POST", "_double/domains", {"name": OTHERS_DOMAIN})
        self.before = self.seen()

    def furnished(self, namespace, labels):
        metadata = {"namespace": namespace, "name": "theirs", "labels": labels}
        yield {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": namespace, "labels": labels},
        }
        for kind, content in (
            ("ConfigMap", {"data": {"greeting": "hello"}}),
            ("Secret", {"stringData": {"password": "theirs"}}),
            ("ServiceAccount", {}),
            ("Service", {"spec": {"ports": [{"port": 80}]}}),
        ):
            yield {"apiVersion": "v1", "kind": kind, "metadata": metadata, **content}

    def put_into(self, namespace):
        """Where it is not to be had, nothing."""
        made = self.bed.insist(
            "POST",
            f"api/v1/namespaces/{namespace}/configmaps",
            {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"generateName": "somebodys-"},
                "data": {"greeting": "hello"},
            },
        )
        if made:
            self.beside.append(identity(made))

    def seen(self):
        """Versions of all objects of others, by what they are."""
        found = {}
        for namespace in ("somebody", "elsewhere-prod"):
            listed = json.loads(
                self.bed.kubectl(
                    *("get", "configmaps,secrets,serviceaccounts,services"),
                    *("-n", namespace, "-o", "json"),
                )
            )["items"]
            listed.append(
                json.loads(
                    self.bed.kubectl("get", "namespace", namespace, "-o", "json")
                )
            )
            for item in listed:
                name = item["metadata"]["name"]
                # The cluster puts things of its own beside them.
                if name in ("theirs", namespace):
                    found[item["kind"], namespace, name] = identity(item)
        domains = {item["name"]: item for item in self.bed.domains()}
        for name in (OTHERS_DOMAIN, mail.SENDING_DOMAIN):
            found["domain", name] = domains.get(name)
        return found

    def differences(self, namespaces):
        """What became of it; ``namespaces`` are those of apps that were not deleted."""
        now = self.seen()
        for key in sorted(self.before.keys() | now.keys(), key=str):
            if self.before.get(key) != now.get(key):
                yield f"{' '.join(key)}, which is somebody else's, was changed"
        listed = json.loads(self.bed.kubectl("get", "configmaps", "-A", "-o", "json"))
        there = {tuple(identity(item).values()) for item in listed["items"]}
        for item in self.beside:
            if item["namespace"] in namespaces and tuple(item.values()) not in there:
                yield (
                    f"ConfigMap {item['name']} in {item['namespace']}, which somebody"
                    " has put beside an app, was changed or is gone"
                )


def identity(item):
    names = ("namespace", "name", "uid", "resourceVersion")
    return {name: item["metadata"].get(name) for name in names}


class Audit:
    def __init__(self, bed, customers):
        self.bed, self.customers = bed, customers
        #: What the operator had to do by hand, as the product asks for it.
        self.by_hand = Counter()
        self.rounds = Counter()

    def rows(self, sql):
        """Rows of a query that returns one JSON value each."""
        found = postgresql.query(
            self.bed.instance, f"SELECT to_json(found) FROM ({sql}) found", DATABASE
        )
        return [json.loads(row) for row in found]

    # -- until all is quiet

    def wait(self):
        """Until no job waits or runs and the operator finds nothing left to do."""
        self.operator = Client(self.bed.odoo_url, *LOGINS["operator"])
        end = time.monotonic() + PATIENCE
        looks = 0
        while True:
            looks += 1
            if looks % PODS_EVERY == 0:
                self.bed.mend_pods()
            try:
                left = (
                    self.live_jobs()
                    or self.mails()
                    or self.see_to_apps()
                    or self.not_there_yet()
                )
            except AWAY as error:
                left = str(error)
            if not left:
                return
            if time.monotonic() > end:
                raise Problem(f"After {PATIENCE} s it is still not quiet: {left}")
            time.sleep(0.5)

    def mails(self):
        """Invitations that Odoo itself is about to send."""
        return self.rows(
            "SELECT app.name, mail.state FROM kubernetes_app app"
            " JOIN mail_mail mail ON mail.id = app.invitation_mail_id"
            " WHERE app.invitation_state = 'sending' AND mail.state = 'outgoing'"
        )

    def live_jobs(self):
        """Jobs that wait or run. Those of which only the time is to come, since Mailgun
        has not seen the records yet, are asked for now, as by the button."""
        jobs = self.rows(
            "SELECT job.id, job.kind, job.state, job.app_id, job.attempt,"
            f" job.run_at > {NOW} + interval '15 s' AS later"
            " FROM kubernetes_job job WHERE state IN ('pending', 'running')"
            " ORDER BY id"
        )
        for job in jobs:
            if job["kind"] == "mail_domain" and job["later"] and not job["attempt"]:
                self.operator.call(
                    "kubernetes.app", "action_check_mail_domain", [job["app_id"]]
                )
        return jobs

    def not_there_yet(self):
        """Apps that become what they are to be without anybody doing anything."""
        return [
            f"{app['name']} {app['environment']} is {app['state']}"
            for app in self.apps()
            if app["state"] not in (app["wanted_state"], "failed")
        ]

    def see_to_apps(self):
        """What an operator does about what Odoo shows. Returns what was done."""
        done = []
        for app in self.apps():
            for what, ask in self.to_do(app):
                self.rounds[app["id"], what] += 1
                if self.rounds[app["id"], what] > ASKED_AGAIN:
                    continue
                ask()
                self.by_hand[what] += 1
                done.append(f"{what}: {app['name']} {app['environment']}")
        return done

    def apps(self):
        return self.rows(
            "SELECT app.id, app.name, app.uid, app.hostname, app.state,"
            " app.wanted_state, app.state_message, app.invitation_state,"
            " app.invitation_problem, app.mail_state, app.mail_domain, app.inventory,"
            " app.observed_state, app.ingress_state, app.config_map_id,"
            " environment.code AS environment,"
            " namespace.name AS namespace, namespace.state AS namespace_state,"
            " EXISTS (SELECT FROM kubernetes_app_change WHERE app_id = app.id)"
            " AS changed"
            " FROM kubernetes_app app"
            " JOIN kubernetes_environment environment"
            " ON environment.id = app.environment_id"
            " LEFT JOIN kubernetes_namespace namespace"
            " ON namespace.id = app.namespace_id ORDER BY app.id"
        )

    def to_do(self, app):
        call = self.operator.call
        if app["state"] == "failed":
            yield "failed, asked for again", lambda: self.retry(app)
            return
        if app["wanted_state"] == "deleted":
            return
        if app["changed"] and app["wanted_state"] == "running":
            yield (
                "changed, applied",
                lambda: call("kubernetes.app", "action_apply", [app["id"]]),
            )
        if app["state"] != "running":
            return
        if app["mail_state"] in ("failed", "waiting", "unverified"):
            yield (
                f"mail domain {app['mail_state']}, asked for again",
                lambda: call("kubernetes.app", "action_check_mail_domain", [app["id"]]),
            )
        elif app["invitation_state"] != "sent" and not self.invitations(app):
            # As the problem says: whoever finds none at Mailgun sends it again.
            yield (
                f"invitation {app['invitation_state']}, sent by hand",
                lambda: call("kubernetes.app", "action_send_invitation", [app["id"]]),
            )

    def retry(self, app):
        (job, *_rest) = self.rows(
            "SELECT id, kind FROM kubernetes_job"
            f" WHERE app_id = {app['id']} AND state = 'failed' ORDER BY id DESC LIMIT 1"
        )
        try:
            self.operator.call("kubernetes.job", "action_retry", [job["id"]])
        except Problem:
            # What loses data is not repeated after something else was asked for.
            self.operator.call("kubernetes.app", "action_apply", [app["id"]])

    def invitations(self, app):
        """All that were sent, by Mailgun or by Odoo itself."""
        link = f"/my/apps/{app['id']}/password"
        own = [text for text in self.bed.mailbox.texts.values() if link in text]
        pattern = re.compile(rf"(?<![\w.-]){re.escape(app['hostname'])}(?![\w-])")
        return own + [
            message
            for message in self.bed.mailgun("GET", "_double/messages")
            if "invitation" in message["tags"]
            and pattern.search(f"{message['text']} {message['html']}")
        ]

    # -- what differs

    def differences(self):
        """In words; nothing where all is as it is to be."""
        apps = self.apps()
        yield from self.of_jobs()
        yield from self.of_orders()
        yield from self.of_states(apps)
        yield from self.of_cluster(apps)
        yield from self.of_manifests(apps)
        yield from self.of_mail(apps)
        namespaces = {
            app["namespace"] for app in apps if app["wanted_state"] != "deleted"
        }
        yield from self.bed.foreign.differences(namespaces)

    def of_jobs(self):
        for job in self.rows(
            "SELECT id, kind, state, run_at, lease_until FROM kubernetes_job"
            f" WHERE state = 'running' AND lease_until < {NOW}"
            f" OR state = 'pending' AND run_at < {NOW} - interval '1 minute'"
            " OR state <> 'running'"
            " AND (lease_until IS NOT NULL OR token IS NOT NULL)"
        ):
            yield f"job {job['id']} is stuck or holds a lease: {job}"

    def of_orders(self):
        """Every paid unit has exactly its apps, and nothing else has any."""
        lines = self.rows(
            "SELECT line.product_uom_qty AS units, orders.name, orders.state,"
            " EXISTS (SELECT FROM sale_order_transaction_rel rel"
            " JOIN payment_transaction payment ON payment.id = rel.transaction_id"
            " WHERE rel.sale_order_id = orders.id AND payment.state = 'done') AS paid,"
            " (SELECT json_agg(json_build_array(app.unit_no, environment.code))"
            " FROM kubernetes_app app JOIN kubernetes_environment environment"
            " ON environment.id = app.environment_id"
            " WHERE app.sale_order_line_id = line.id) AS apps"
            " FROM sale_order_line line JOIN sale_order orders"
            " ON orders.id = line.order_id"
            " JOIN product_product product ON product.id = line.product_id"
            " JOIN product_template template ON template.id = product.product_tmpl_id"
            " WHERE template.kubernetes_hosting"
        )
        self.units = 0
        for line in lines:
            units = range(1, int(line["units"]) + 1) if line["paid"] else ()
            wanted = sorted([unit, code] for unit in units for code in ("int", "prod"))
            has = sorted(line["apps"] or [])
            self.units += len(units)
            if has != wanted:
                yield f"order {line['name']} has the apps {has} and not {wanted}"
            if line["paid"] and line["state"] != "sale":
                yield f"order {line['name']} is paid and {line['state']}"
        known = {app["name"] for app in self.rows("SELECT name FROM kubernetes_app")}
        for name in self.customers.paid:
            if name not in known:
                yield f"the shop said that {name} is paid, and there is no such app"

    def of_states(self, apps):
        for app in apps:
            said = f"{app['name']} {app['environment']}"
            wanted = app["wanted_state"]
            if app["state"] != wanted:
                yield (
                    f"{said} is to be {wanted} and is {app['state']}:"
                    f" {app['state_message']}"
                )

    def of_cluster(self, apps):
        """Nothing of ours is left over, nothing is missing."""
        by_uid = {app["uid"]: app for app in apps}
        (database,) = self.rows(
            "SELECT value FROM ir_config_parameter WHERE key = 'database.uuid'"
        )
        namespaces = {}
        for item in self.labelled("namespaces"):
            if item["metadata"]["labels"].get(INSTANCE) == database["value"]:
                namespaces[item["metadata"]["name"]] = item["metadata"]["labels"][UID]
        for name, uid in namespaces.items():
            app = by_uid.get(uid)
            if not app or app["wanted_state"] == "deleted" or app["namespace"] != name:
                yield f"the namespace {name} is no app's that is to be there"
        self.objects = found = {}
        kinds = self.bed.kubectl(
            *("api-resources", "--namespaced", "--verbs=list,delete", "-o", "name")
        ).split()
        kinds = [kind for kind in kinds if not kind.startswith("events")]
        for item in self.labelled(",".join(kinds), "-A"):
            metadata = item["metadata"]
            if (
                metadata["namespace"] in namespaces
                # What controllers make of our objects may carry their labels.
                and written_by(item, "chandlery")
                and not metadata.get("ownerReferences")
                and not OWN_NAMES.match(metadata["name"])
            ):
                key = (item["kind"], metadata["name"])
                found.setdefault(metadata["namespace"], {})[key] = item
        for app in apps:
            if app["wanted_state"] == "deleted":
                continue
            said = f"{app['name']} {app['environment']}"
            if namespaces.get(app["namespace"]) != app["uid"]:
                yield f"{said} has no namespace {app['namespace']}"
                continue
            there = found.get(app["namespace"], {})
            listed = {(item["kind"], item["name"]) for item in app["inventory"] or []}
            for kind, name in sorted(there.keys() - listed):
                yield f"{said}: {kind} {name} is in the cluster and Odoo has it not"
            for kind, name in sorted(listed - there.keys()):
                yield f"{said}: {kind} {name} is known to Odoo and not in the cluster"
            for (kind, name), item in there.items():
                if item["metadata"]["labels"].get(UID) != app["uid"]:
                    yield f"{said}: {kind} {name} bears another app's UID"

    def labelled(self, kinds, *more):
        said = self.bed.kubectl(
            *("get", kinds, "-l", UID, "-o", "json", "--show-managed-fields"), *more
        )
        return json.loads(said)["items"]

    def of_manifests(self, apps):
        """Each object is what manifests and values say now: the worker renders them
        anew, and the API server says what applying them would change."""
        running = [app for app in apps if app["wanted_state"] == "running"]
        wizards = {}
        for app in running:
            (wizard,) = self.operator.call(
                "kubernetes.app.apply", "create", [{"app_id": app["id"]}]
            )
            self.operator.call("kubernetes.app.apply", "action_compare", [wizard])
            wizards[wizard] = app
        end = time.monotonic() + PATIENCE
        while self.live_jobs():
            if time.monotonic() > end:
                raise Problem("The comparisons do not come to their end.")
            time.sleep(0.5)
        self.compared = 0
        for wizard, app in wizards.items():
            said = f"{app['name']} {app['environment']}"
            (seen,) = self.operator.call(
                *("kubernetes.app.apply", "read", [wizard]),
                ["job_id", "job_state", "change_count", "diff_html", "error_text"],
            )
            if seen["job_state"] != "done":
                yield f"{said} cannot be compared: {seen['error_text']}"
            elif seen["change_count"]:
                text = re.sub("<[^>]*>", " ", seen["diff_html"])
                yield f"{said} is not what its manifests say: {' '.join(text.split())}"
            else:
                (job,) = self.rows(
                    f"SELECT result FROM kubernetes_job WHERE id = {seen['job_id'][0]}"
                )
                self.compared += job["result"]["diff"]["unchanged"]
        yield from self.of_values(running)

    def of_values(self, running):
        """The value that the operator changed stands in the cluster as in Odoo."""
        for app in running:
            (line,) = self.rows(
                "SELECT value FROM kubernetes_config_map_line"
                f" WHERE config_map_id = {app['config_map_id']} AND key = '{CHANGED}'"
            )
            objects = self.objects.get(app["namespace"], {}).values()
            if f'"memory": "{line["value"]}"' not in json.dumps(list(objects)):
                yield (
                    f"{app['name']} {app['environment']}: no object has the value"
                    f" {line['value']} of {CHANGED}"
                )

    def of_mail(self, apps):
        """Each domain registered once, each invitation sent once, nothing left."""
        registered = Counter(self.bed.mailgun("GET", "_double/registrations"))
        for name, count in sorted(registered.items()):
            if count != 1:
                yield f"the domain {name} was registered {count} times"
        there = {item["name"] for item in self.bed.domains()}
        wanted = {OTHERS_DOMAIN, mail.SENDING_DOMAIN}
        for app in apps:
            said = f"{app['name']} {app['environment']}"
            sent = len(self.invitations(app))
            if app["wanted_state"] == "running":
                if sent != 1:
                    yield f"{said} was invited to {sent} times"
                if app["mail_state"] != "active":
                    yield f"{said}: its mail domain is {app['mail_state']}"
            elif sent > 1:
                yield f"{said} was invited to {sent} times"
            if app["wanted_state"] != "deleted" and app["mail_domain"]:
                wanted.add(app["mail_domain"])
        self.registered = len(registered)
        for name in sorted(there - wanted):
            yield f"Mailgun has the domain {name}, which is no app's any more"
        for name in sorted(wanted - there):
            yield f"Mailgun has not the domain {name} of an app"

    def figures(self):
        """What was looked at, as ``(what, how many)``."""
        states = Counter(app["state"] for app in self.apps())
        kinds = self.rows(
            "SELECT kind, state, count(*), max(attempt) AS most FROM kubernetes_job"
            " GROUP BY kind, state ORDER BY kind, state"
        )
        yield "paid units", self.units
        yield from ((f"apps {state}", count) for state, count in states.items())
        yield "objects compared with manifests", self.compared
        yield "domains registered", self.registered
        yield "mails that Odoo's own queue sent again", self.bed.mailbox.repeated
        for row in kinds:
            attempts = f", up to {row['most']} attempts" if row["most"] > 1 else ""
            yield f"jobs {row['kind']} {row['state']}{attempts}", row["count"]
        yield from self.by_hand.items()
