# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What ``make bench`` asks of Odoo, run by ``odoo shell`` (which gives ``env``); the
variable CHANDLERY_BENCH says what, as JSON."""

import json
import os

from odoo.fields import Command

ASKED = json.loads(os.environ["CHANDLERY_BENCH"])
#: So many apps are made in one transaction.
AT_ONCE = 100


def apps():
    return env["kubernetes.app"].search(  # noqa: F821
        [("name", "=like", "bench-%"), ("wanted_state", "!=", "deleted")], order="id"
    )


def make(first, last, manifest_url, cluster, deploy=True):
    """Apps from one number to another, and a deploy of each."""
    cluster = env["kubernetes.cluster"].search([("name", "=", cluster)])  # noqa: F821
    manifest = env["kubernetes.manifest"].search([("url", "=", manifest_url)])  # noqa: F821
    if not manifest:
        manifest = manifest.create({"name": "Bench", "url": manifest_url})
    config_map = template(
        "kubernetes.config.map", [{"key": "greeting", "value": "hello"}]
    )
    secret = template("kubernetes.secret", [{"key": "password", "generate": True}])
    customer = env["res.partner"].search([("name", "=", "Demo Customer")], limit=1)  # noqa: F821
    for begin in range(first, last + 1, AT_ONCE):
        made = env["kubernetes.app"].create(  # noqa: F821
            [
                {
                    "name": f"bench-{number:05}",
                    "environment_id": env.ref(  # noqa: F821
                        "kubernetes_hosting.environment_prod"
                    ).id,
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
        if deploy:
            made._enqueue_all("deploy")
        env.cr.commit()  # noqa: F821


def template(model, lines):
    found = env[model].search([("name", "=", "Bench"), ("is_template", "=", True)])  # noqa: F821
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
    env.cr.commit()  # noqa: F821


def crowd(apps, jobs):
    """Rows as of so many more apps that run, and so many of their jobs that are done,
    copied from one of each in the database itself."""
    like = env["kubernetes.app"].search([("name", "=like", "bench-%")], limit=1)  # noqa: F821
    env.flush_all()  # noqa: F821
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
            "state": "'running'",
        },
    )
    copy_rows(
        "kubernetes_job",
        job.id,
        jobs,
        {
            "uid": uid,
            "app_id": "(SELECT min(id) FROM kubernetes_app WHERE name LIKE 'crowd-%')"
            f" + number %% {apps}",
            "finished_at": "now() - number * interval '10 seconds'",
        },
    )
    env.cr.commit()  # noqa: F821
    env.cr.execute("ANALYZE kubernetes_app; ANALYZE kubernetes_job")  # noqa: F821
    env.cr.commit()  # noqa: F821


def copy_rows(table, like, count, changed):
    env.cr.execute(  # noqa: F821
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s"
        " AND column_name != 'id'",
        [table],
    )
    columns = [column for (column,) in env.cr.fetchall()]  # noqa: F821
    values = [changed.get(column, f'"{column}"') for column in columns]
    names = ", ".join(f'"{column}"' for column in columns)
    env.cr.execute(  # noqa: F821
        f"INSERT INTO {table} ({names}) SELECT {', '.join(values)}"
        f" FROM {table}, generate_series(1, %s) AS number WHERE id = %s",
        [count, like],
    )


globals()[ASKED["do"]](**ASKED["with"])
