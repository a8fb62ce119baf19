# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What ``make chaos`` needs in Odoo beyond the demo, run by ``odoo shell`` (which gives
``env``): workers with keys of their own, and customers. The variable CHANDLERY_CHAOS
says which, as JSON."""

import json
import os
from pathlib import Path

from odoo.fields import Command

ENV = env  # noqa: F821
ASKED = json.loads(os.environ["CHANDLERY_CHAOS"])


def workers():
    clusters = ENV["kubernetes.cluster"].search([("name", "=", ASKED["cluster"])])
    for name, file in ASKED["workers"].items():
        worker = ENV["kubernetes.worker"].create(
            {"name": name, "cluster_ids": [Command.set(clusters.ids)]}
        )
        Path(file).write_text(worker._create_key())


def customers():
    like = ENV["res.users"].search([("login", "=", ASKED["like"])]).partner_id
    address = ("street", "zip", "city", "country_id", "phone")
    for login in ASKED["customers"]:
        user = (
            ENV["res.users"]
            .with_context(no_reset_password=True)
            .create(
                {
                    "name": login.partition("@")[0].title(),
                    "login": login,
                    "password": ASKED["password"],
                    "email": login,
                    "group_ids": [Command.set([ENV.ref("base.group_portal").id])],
                }
            )
        )
        user.partner_id.write(
            {
                name: like[name].id if name == "country_id" else like[name]
                for name in address
            }
        )


workers()
customers()
ENV.cr.commit()
