# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What a database of these addons says: run by ``odoo shell`` (which gives ``env``).
The variable CHANDLERY_ASK holds what is asked, as JSON; the answer is printed so."""

import json
import os
from pathlib import Path

from odoo.modules import get_manifest

from odoo.addons.kubernetes_hosting.models.ir_http import KEY_SCOPE

ASKED = json.loads(os.environ["CHANDLERY_ASK"])


def apps(env):
    """Each app by its hostname."""
    return {
        app.hostname: {
            "id": app.id,
            "uid": app.uid,
            "namespace": app.namespace_id.name,
            "namespace_state": app.namespace_id.state,
            "without_uid": app.namespace_id.without_uid,
            "state": app.state,
            "mail_domain": app.mail_domain,
            "mail_mark": app.mail_mark,
            "dns_records": app.dns_record_ids.mapped("value"),
            "inventory": app.inventory,
            "line": app.sale_order_line_id.id,
            "subscription": app.subscription_id.id,
            "values": [[line.key, line.value] for line in app.config_map_id.line_ids],
            "jobs": sorted([job.kind, job.state] for job in app.job_ids),
        }
        for app in env["kubernetes.app"].search(
            [("sale_order_id", "=", ASKED["order"])]
        )
    }


def facts(env):
    found = env["kubernetes.app"].search([("sale_order_id", "=", ASKED["order"])])
    cluster = env["kubernetes.cluster"].search([("name", "=", "demo")])
    subject = env.ref("kubernetes_hosting.mail_template_app_invitation").subject
    modules = env["ir.module.module"].search([("name", "=like", "kubernetes_hosting%")])
    return {
        "apps": apps(env),
        "modules": {
            module.name: [
                module.state,
                module.latest_version,
                get_manifest(module.name)["version"],
            ]
            for module in modules
        },
        "secrets": sorted(found.secret_id.line_ids.mapped("stored_value"), key=str),
        "production": env["kubernetes.environment"]
        .search([("is_production", "=", True)])
        .mapped("code"),
        "allowed_kinds": cluster.allowed_kinds.split(),
        "manifest_contents": env["kubernetes.manifest.content"]
        .search([])
        .mapped(lambda kept: [kept.manifest_id.name, kept.digest, kept.content]),
        "served": env["kubernetes.worker"].search([]).cluster_ids.mapped("name"),
        "subject": subject,
    }


def screens(env):
    """Every view of our menus is loaded, and its records with all that it shows.
    Returns how many."""
    user = env.ref("base.user_admin")
    env = env(user=user.id, context={"lang": "en_US"})
    actions = env["ir.actions.act_window"].search(
        [("res_model", "=like", "kubernetes.%"), ("target", "!=", "new")]
    )
    seen = 0
    for model in {*actions.mapped("res_model"), "sale.order", "product.template"}:
        records = env[model].search([], limit=20)
        for kind in ("list", "form", "kanban"):
            if model.startswith("kubernetes.") and not env["ir.ui.view"].search_count(
                [("model", "=", model), ("type", "=", kind)]
            ):
                continue
            views = env[model].get_views([(False, kind)])
            names = views["models"][model]["fields"]
            records.web_read({name: {} for name in names})
            seen += 1
    return seen


def call(env):
    """A call of the worker with its key: the answer."""
    keys = env["res.users.apikeys"]
    uid = keys._check_credentials(scope=KEY_SCOPE, key=ASKED["key"])
    if not uid:
        return "the key is not valid"
    params = json.loads(Path(ASKED["params"]).read_text())
    if "jobs" in ASKED:
        params["jobs"] = ASKED["jobs"]
    return env["kubernetes.worker.call"].with_user(uid)._answer(ASKED["call"], params)


def attention(env):
    return env["kubernetes.attention"].search([]).mapped("reason")


def confirm(env):
    env["kubernetes.database.moved"].create({}).action_original()
    env.cr.commit()


def main(env):
    answer = globals()[ASKED["what"]](env)
    print("RESULT " + json.dumps(answer, default=str))


main(env)  # noqa: F821
