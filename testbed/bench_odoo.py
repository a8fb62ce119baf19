# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What ``make bench`` asks of Odoo, run by ``odoo shell`` (which gives ``env``); the
variable CHANDLERY_BENCH says what, as JSON."""

import json
import os

from odoo.fields import Command

ENV = env  # noqa: F821
ASKED = json.loads(os.environ["CHANDLERY_BENCH"])
#: So many apps are made in one transaction.
AT_ONCE = 100


def apps():
    return ENV["kubernetes.app"].search(
        [("name", "=like", "bench-%"), ("wanted_state", "!=", "deleted")], order="id"
    )


def make(first, last, manifest_url, cluster):
    """Apps from one number to another, and a deploy of each."""
    cluster = ENV["kubernetes.cluster"].search([("name", "=", cluster)])
    manifest = ENV["kubernetes.manifest"].search([("url", "=", manifest_url)])
    if not manifest:
        manifest = manifest.create({"name": "Bench", "url": manifest_url})
    config_map, secret = templates()
    customer = ENV["res.partner"].search([("name", "=", "Demo Customer")], limit=1)
    for begin in range(first, last + 1, AT_ONCE):
        made = ENV["kubernetes.app"].create(
            [
                {
                    "name": f"bench-{number:05}",
                    "environment_id": ENV.ref("kubernetes_hosting.environment_prod").id,
                    "cluster_id": cluster.id,
                    "partner_id": customer.id,
                    "config_map_id": config_map.id,
                    "secret_id": secret.id,
                    "manifest_line_ids": [
                        Command.create({"sequence": 10, "manifest_id": manifest.id})
                    ],
                }
                for number in range(begin, min(begin + AT_ONCE, last + 1))
            ]
        )
        made._enqueue_all("deploy")
        ENV.cr.commit()


def offer(product, plain, manifest_url, cluster):
    """The demo's hosting of the bench's app alone, and without a choice; and the same
    as a service that is no hosting."""
    like = ENV["product.template"].search([("name", "=", "Odoo Hosting")])
    manifest = ENV["kubernetes.manifest"].search([("url", "=", manifest_url)])
    config_map, secret = templates()
    hosting = like.copy(
        {
            "name": product,
            "attribute_line_ids": False,
            "kubernetes_cluster_id": ENV["kubernetes.cluster"]
            .search([("name", "=", cluster)])
            .id,
            "kubernetes_config_map_id": config_map.id,
            "kubernetes_secret_id": secret.id,
            "kubernetes_environment_ids": [
                Command.set([ENV.ref("kubernetes_hosting.environment_prod").id])
            ],
            "kubernetes_manifest_ids": [
                Command.create({"sequence": 10, "manifest_id": manifest.id})
            ],
            "kubernetes_reset_mode": "empty",
            "kubernetes_reset_manifest_ids": False,
        }
    )
    hosting.write({"name": product, "is_published": True})
    service = hosting.copy({"kubernetes_hosting": False})
    service.write({"name": plain, "is_published": True})
    ENV.cr.commit()


def templates():
    config_map = template(
        "kubernetes.config.map", [{"key": "greeting", "value": "hello"}]
    )
    secret = template("kubernetes.secret", [{"key": "password", "generate": True}])
    return config_map, secret


def template(model, lines):
    found = ENV[model].search([("name", "=", "Bench"), ("is_template", "=", True)])
    if found:
        return found
    return found.create(
        {
            "name": "Bench",
            "is_template": True,
            "line_ids": [Command.create(line) for line in lines],
        }
    )


def again(kind, greeting=None, options=None):
    """A job for each app, after its value was changed if it is to be."""
    wanted = apps()
    if greeting:
        lines = wanted.config_map_id.line_ids
        lines.filtered(lambda line: line.key == "greeting").write({"value": greeting})
    wanted._enqueue_all(kind, options)
    ENV.cr.commit()


def crowd(apps, jobs):
    """Rows as of so many more apps that run, and so many of their jobs that are done,
    copied from one of each in the database itself."""
    like = ENV["kubernetes.app"].search([("name", "=like", "bench-%")], limit=1)
    ENV.flush_all()
    (job,) = like.job_ids.filtered(lambda job: job.state == "done")[:1]
    uid = "md5(random()::text || number)"
    copy_rows(
        "kubernetes_app",
        like.id,
        apps,
        {
            "name": "'crowd-' || number",
            "hostname": "'crowd-' || number || '.apps.localhost'",
            "uid": uid,
            "namespace_id": "NULL",
            "config_map_id": "NULL",
            "secret_id": "NULL",
            # One of the apps that were bought may be the first one.
            "sale_order_line_id": "NULL",
            "state": "'running'",
        },
    )
    copy_rows(
        "kubernetes_job",
        job.id,
        jobs,
        {
            "uid": uid,
            "app_id": "(SELECT min(id) FROM kubernetes_app WHERE name LIKE 'crowd-%%')"
            f" + number %% {apps}",
            "finished_at": "now() - number * interval '10 seconds'",
        },
    )
    ENV.cr.commit()
    ENV.cr.execute("ANALYZE kubernetes_app; ANALYZE kubernetes_job")
    ENV.cr.commit()


def copy_rows(table, like, count, changed):
    ENV.cr.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s"
        " AND column_name != 'id'",
        [table],
    )
    columns = [column for (column,) in ENV.cr.fetchall()]
    values = [changed.get(column, f'"{column}"') for column in columns]
    names = ", ".join(f'"{column}"' for column in columns)
    ENV.cr.execute(
        f"INSERT INTO {table} ({names}) SELECT {', '.join(values)}"
        f" FROM {table}, generate_series(1, %s) AS number WHERE id = %s",
        [count, like],
    )


globals()[ASKED["do"]](**ASKED["with"])
