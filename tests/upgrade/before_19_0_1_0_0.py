# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What a database of the addons 19.0.1.0.0 holds, made by their own methods: run by
their ``odoo shell`` (which gives ``env``). Prints as JSON what has to be kept."""

import json

from odoo import fields
from odoo.fields import Command

KINDS = ["deploy", "mail_domain", "refresh"]
# Of what a worker had fetched of a manifest.
DIGEST = f"sha256:{1:064}"


def outcome(**result):
    return {
        "state": "done",
        "error": None,
        "result": {
            "manifests": [],
            "objects": {"created": 1, "changed": 0, "unchanged": 0, "pruned": 0},
            "inventory": [
                {
                    "api_version": "v1",
                    "kind": "PersistentVolumeClaim",
                    "namespace": None,
                    "name": "data",
                }
            ],
            "observation": {
                "state": "running",
                "message": "",
                "ingress": {
                    "state": "ready",
                    "hosts": ["shop.apps.example.com"],
                    "addresses": ["203.0.113.7"],
                    "tls": False,
                    "message": "",
                },
                "seen_at": fields.Datetime.now(),
            },
            "namespace_deleted": False,
            "mail_domain": None,
            "message_id": None,
            "password": None,
            "diff": None,
            "preview": None,
            **result,
        },
    }


def main(env):
    env = env(context={**env.context, "lang": "en_US", "tracking_disable": True})
    cluster = env["kubernetes.cluster"].create(
        {
            "name": "demo",
            "domain": "apps.example.com",
            "ingress_class": "traefik",
            "allowed_kinds": "ClusterRole.rbac.authorization.k8s.io",
        }
    )
    worker = env["kubernetes.worker"].create({"name": "worker-1"})
    key = worker._create_key()
    worker._seen(
        fields.Datetime.now(),
        {"name": "worker-1", "instance": "one", "version": "0.0.1"},
        cluster,
        {"region": "eu"},
    )
    manifests = env["kubernetes.manifest"].create(
        [
            {"name": "Database", "url": "https://catalog.example/database.yml"},
            {"name": "Web", "url": "https://catalog.example/web.yml"},
        ]
    )
    manifests[0]._remember(DIGEST, "kind: ConfigMap\n", ["app_name"])
    config_map = env["kubernetes.config.map"].create(
        {
            "name": "Shop",
            "is_template": True,
            "line_ids": [Command.create({"key": "replicas", "value": "1"})],
        }
    )
    secret = env["kubernetes.secret"].create(
        {
            "name": "Shop",
            "is_template": True,
            "line_ids": [
                Command.create({"key": "smtp_password", "value": "s3cr#t"}),
                Command.create({"key": "database_password", "generate": True}),
            ],
        }
    )
    environments = env["kubernetes.environment"].search(
        [("code", "in", ["prod", "int"])]
    )
    product = env["product.product"].create(
        {
            "name": "Shop Hosting",
            "type": "service",
            "list_price": 20,
            "taxes_id": [Command.clear()],
            "subscribable": True,
            "subscription_template_id": env["sale.subscription.template"]
            .create({"name": "Monthly", "recurring_rule_type": "months"})
            .id,
            "kubernetes_hosting": True,
            "kubernetes_cluster_id": cluster.id,
            "kubernetes_config_map_id": config_map.id,
            "kubernetes_secret_id": secret.id,
            "kubernetes_environment_ids": [Command.set(environments.ids)],
            "kubernetes_manifest_ids": [
                Command.create({"sequence": number, "manifest_id": manifest.id})
                for number, manifest in enumerate(manifests, 1)
            ],
        }
    )
    customer = env["res.partner"].create(
        {"name": "Nora Neu", "email": "nora@customer.example"}
    )
    order = env["sale.order"].create(
        {
            "partner_id": customer.id,
            "order_line": [
                Command.create(
                    {
                        "product_id": product.id,
                        "product_uom_qty": 2,
                        "kubernetes_app_names": "shop, forum",
                    }
                )
            ],
        }
    )
    order.action_confirm()
    # Two run, one of them with its mail domain; one is at work; one waits.
    jobs = env["kubernetes.job"]
    for job in jobs._claim(worker.id, ["demo"], ["deploy"], 2):
        job._conclude(outcome())
    for job in jobs._claim(worker.id, ["demo"], ["mail_domain"], 1):
        domain = {
            "name": job.app_id.hostname,
            "state": "active",
            "published": True,
            "message": "",
            "records": [
                {
                    "purpose": "sending",
                    "type": "TXT",
                    "name": job.app_id.hostname,
                    "value": "v=spf1 include:mailgun.org ~all",
                    "priority": None,
                    "validity": "valid",
                }
            ],
        }
        job._conclude(outcome(mail_domain=domain, observation=None, inventory=None))
    running = jobs._claim(worker.id, ["demo"], ["deploy"], 1)
    env.flush_all()
    apps = order.kubernetes_app_ids
    # A token was a column that only SQL read.
    env.cr.execute("SELECT token FROM kubernetes_job WHERE id = %s", running.ids)
    ((token,),) = env.cr.fetchall()
    print(
        "RESULT "
        + json.dumps(
            {
                "key": key,
                "order": order.id,
                "running": {"id": running.id, "token": token},
                "manifests": [
                    [manifest.name, manifest.digest, manifest.content]
                    for manifest in manifests
                ],
                "secrets": sorted(
                    apps.secret_id.line_ids.mapped("stored_value"), key=str
                ),
                "apps": {
                    app.hostname: {
                        "id": app.id,
                        "namespace": app.namespace_id.name,
                        "namespace_state": app.namespace_id.state,
                        "state": app.state,
                        "mail_domain": app.mail_domain,
                        "dns_records": app.dns_record_ids.mapped("value"),
                        "inventory": app.inventory,
                        "line": app.sale_order_line_id.id,
                        "subscription": app.subscription_id.id,
                        "values": [
                            [line.key, line.value]
                            for line in app.config_map_id.line_ids
                        ],
                        "jobs": sorted([job.kind, job.state] for job in app.job_ids),
                    }
                    for app in apps
                },
            }
        )
    )
    env.cr.commit()


main(env)  # noqa: F821
