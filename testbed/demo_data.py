# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What the demo's database holds, run by ``odoo shell`` (which gives ``env``).

It can be run again: what is there by its key is brought to what stands here, everything
else stays as it is. It reads its settings (addresses, logins, files) as JSON from the
variable CHANDLERY_DEMO.
"""

import base64
import json
import os
from pathlib import Path

import yaml

from odoo.fields import Command

SETTINGS = json.loads(os.environ["CHANDLERY_DEMO"])
#: catalog/odoo, the database before what uses it
MANIFESTS = (("Odoo: PostgreSQL", "postgres.yml"), ("Odoo", "odoo.yml"))
RESET_MANIFEST = ("Odoo: copy production", "reset.yml")
SECRETS = ("postgres_password", "odoo_admin_password")
#: catalog/odoo-ha, in the order in which they are applied
HA_MANIFESTS = {
    "Odoo HA: Prometheus": "monitoring.yml",
    "Odoo HA: PostgreSQL": "postgres.yml",
    "Odoo HA": "odoo.yml",
    "Odoo HA: nginx": "proxy.yml",
    "Odoo HA: checks": "checks.yml",
}
HA_SECRETS = ("postgres_replication_password", *SECRETS)
#: What an operator does when the primary is gone, in English and in German.
PROMOTE = ("Promote {server}", "{server} zum Primary machen")
PROMOTION = (
    "When the other server's volume or node is gone. This server becomes the primary"
    " and the other one, once it is back, its standby. Make sure first that the old"
    " primary has ended; what it has not sent yet is lost, should it not answer.",
    "Wenn Volume oder Node des anderen Servers verloren sind. Dieser Server wird zum"
    " Primary, und der andere, sobald er wieder da ist, zu seinem Standby. Stellen Sie"
    " vorher sicher, dass der alte Primary beendet ist; was er noch nicht gesendet hat,"
    " ist verloren, falls er nicht antwortet.",
)
FIRST_PASSWORD = "odoo_admin_password"
ENGLISH, GERMAN = "en_US", "de_DE"

#: attribute -> (how it is shown, whether it makes variants,
#:               value -> (price, variables, how much an app gets beyond the usual))
ATTRIBUTES = {
    "Size": (
        "radio",
        "always",
        {
            "S": (0.0, {}, {}),
            "M": (
                20.0,
                {
                    "odoo_workers": 4,
                    "odoo_memory_limit": "5Gi",
                    "odoo_volume_size": "50Gi",
                    "postgres_volume_size": "50Gi",
                },
                {"limit_memory": 20, "limit_storage": 100},
            ),
            "L": (
                60.0,
                {
                    "odoo_workers": 8,
                    "odoo_cpu_limit": "4",
                    "odoo_memory_limit": "9Gi",
                    "odoo_volume_size": "200Gi",
                    "postgres_memory_limit": "2Gi",
                    "postgres_volume_size": "200Gi",
                },
                {"limit_cpu": 16, "limit_memory": 36, "limit_storage": 400},
            ),
        },
    ),
    # Those that the image has a prepared database for.
    "Language": (
        "radio",
        "no_variant",
        {
            "English": (0.0, {"odoo_language": "en_US"}, {}),
            "Deutsch": (0.0, {"odoo_language": "de_DE"}, {}),
        },
    ),
}
#: What customers read of a value, in English and in German.
DESCRIPTIONS = {
    "S": ("for up to 5 people, 10 GB of files", "für bis zu 5 Personen, 10 GB Dateien"),
    "M": (
        "for up to 25 people, 50 GB of files",
        "für bis zu 25 Personen, 50 GB Dateien",
    ),
    "L": (
        "for up to 100 people, 200 GB of files",
        "für bis zu 100 Personen, 200 GB Dateien",
    ),
}
ATTRIBUTES_IN_GERMAN = {"Size": "Größe", "Language": "Sprache"}
#: Instead of the catalog's: many apps have to find room on a small machine.
REQUESTS = {
    "odoo_cpu_request": "20m",
    "odoo_memory_request": "256Mi",
    "postgres_cpu_request": "10m",
    "postgres_memory_request": "128Mi",
}

#: In place of Odoo's example texts: view -> (text -> text), in the footer's languages.
SHOP_TEXTS = {
    "website_sale.product_terms_and_conditions": {
        "30-day money-back guarantee": "Monthly, ends when you want",
        "Shipping: 2-3 Business Days": "Ready a few minutes after the payment",
    },
    "website.header_text_element": {"+1 555-555-5556": "+49 30 901820"},
    "website.footer_copyright_company_name": {"Company name": "Demo Hosting"},
}
FOOTER = """
<xpath expr="//div[@id='footer']" position="replace">
<div id="footer" class="oe_structure oe_structure_solo border text-break"
 t-ignore="true" t-if="not no_footer">
<section class="s_text_block pt40 pb16" data-snippet="s_text_block">
<div class="container"><div class="row">
<div class="col-lg-3 pt24 pb24"><h5>Shop</h5><ul class="list-unstyled">
<li><a href="/shop">Hosting</a></li>
<li><a href="/my/apps">Your apps</a></li>
</ul></div>
<div class="col-lg-5 pt24 pb24"><h5>Demo Hosting</h5>
<p>We run your Odoo on Kubernetes: production and integration, each with an address, a
database and a mail domain of its own.</p>
<p>This is a demonstration. Nothing is charged, and no mail leaves this machine.</p>
</div>
<div class="col-lg-3 offset-lg-1 pt24 pb24"><h5>Contact</h5>
<ul class="list-unstyled">
<li><a href="/contactus">Write to us</a></li>
<li><a href="mailto:hosting@demo.example">hosting@demo.example</a></li>
</ul></div>
</div></div></section></div></xpath>
"""
IN_GERMAN = {
    "Terms and Conditions": "Allgemeine Geschäftsbedingungen",
    "Monthly, ends when you want": "Monatlich, endet, wann Sie wollen",
    "Ready a few minutes after the payment": "Bereit wenige Minuten nach der Zahlung",
    "Your apps": "Ihre Apps",
    "We run your Odoo on Kubernetes: production and integration, each with an address,"
    " a\ndatabase and a mail domain of its own.": (
        "Wir betreiben Ihr Odoo auf Kubernetes: Produktion und Integration, jede mit"
        " eigener Adresse, eigener Datenbank und eigener Maildomain."
    ),
    "This is a demonstration. Nothing is charged, and no mail leaves this machine.": (
        "Dies ist eine Vorführung. Nichts wird berechnet, und keine Mail verlässt"
        " diesen Rechner."
    ),
    "Contact": "Kontakt",
    "Write to us": "Schreiben Sie uns",
}

LOGO = b"""<svg xmlns="http://www.w3.org/2000/svg" width="220" height="50">
<path d="M6 31h38l-6 13H13zM23 5v23H9zM27 9v19h14z" fill="#21435f"/>
<text x="54" y="33" font-family="DejaVu Sans,sans-serif" font-size="21"
 font-weight="bold" fill="#21435f">Demo Hosting</text></svg>"""


def main(env):
    env = env(
        context={
            **env.context,
            "lang": ENGLISH,
            "no_reset_password": True,
            "tracking_disable": True,
        }
    )
    company(env)
    shop(env)
    texts(env)
    payment(env)
    cluster = the_cluster(env)
    library(env)
    hosting_product(env, cluster)
    high_availability_product(env)
    people(env)
    worker_key(env, cluster)
    env.cr.commit()


def keep(env, model, key, values, company=None):
    """The record with this key (a dict of field values), made or brought to these
    values."""
    found = (
        env[model]
        .with_context(active_test=False)
        .search([(name, "=", value) for name, value in key.items()], limit=1)
    )
    if not found:
        return env[model].create({**key, **values})
    found.write(values)
    return found


def company(env):
    main_company = env.company
    euro = env.ref("base.EUR")
    euro.active = True
    if (
        main_company.currency_id != euro
    ):  # refused once there are bookings, and then it is the euro
        main_company.currency_id = euro
    main_company.write(
        {
            "name": "Demo Hosting",
            "email": "hosting@demo.example",
            "phone": "+49 30 901820",
        }
    )
    main_company.partner_id.write(
        {
            "street": "Hafenstraße 1",
            "zip": "20457",
            "city": "Hamburg",
            "country_id": env.ref("base.de").id,
            "lang": ENGLISH,
        }
    )
    # subscription_oca refuses a subscription without a price list.
    env["res.config.settings"].create({"group_product_pricelist": True}).execute()
    keep(
        env,
        "product.pricelist",
        {"name": "Euro"},
        {
            "currency_id": euro.id,
            "sequence": 1,
            "active": True,
            "website_id": False,
            "selectable": True,
        },
    )


def shop(env):
    website = env["website"].search([], limit=1)
    languages = env["res.lang"].search([("code", "in", (ENGLISH, GERMAN))])
    website.write(
        {
            "name": "Demo Hosting",
            "domain": SETTINGS["odoo_url"],
            "language_ids": [Command.set(languages.ids)],
            "default_lang_id": languages.filtered(lambda lang: lang.code == ENGLISH).id,
            "auth_signup_uninvited": "b2c",
            # Who buys a hosting wants to find it again in the portal.
            "account_on_checkout": "mandatory",
            "homepage_url": "/shop",
            "logo": base64.b64encode(LOGO),
        }
    )
    parameters = env["ir.config_parameter"].sudo()
    parameters.set_param("web.base.url", SETTINGS["odoo_url"])
    parameters.set_param("web.base.url.freeze", "True")
    parameters.set_param("auth_signup.invitation_scope", "b2c")
    # A paid order is confirmed first, its mail with the PDF is made afterwards.
    parameters.set_param("sale.async_emails", "True")


def texts(env):
    """Written for the website, Odoo makes copies of its own views for it."""
    website = env["website"].search([], limit=1)
    website = website.with_context(website_id=website.id)
    footer = website.viewref("website.footer_custom")
    if "hosting@demo.example" not in footer.arch_db:
        footer.arch = FOOTER
    for key, replaced in SHOP_TEXTS.items():
        view = website.viewref(key)
        for old, new in replaced.items():
            if old in view.arch_db:
                view.arch = website.viewref(key).arch_db.replace(old, new)
    for key in ("website.footer_custom", *SHOP_TEXTS):
        view = website.viewref(key)
        terms, _ = view.get_field_translations("arch_db", [GERMAN])
        said = {term["source"]: in_german(term["source"]) for term in terms}
        changed = {source: text for source, text in said.items() if text != source}
        view.update_field_translations("arch_db", {GERMAN: changed})


def in_german(text):
    for english, german in IN_GERMAN.items():
        text = text.replace(english, german)
    return text


def payment(env):
    provider = env.ref("payment.payment_provider_demo")
    provider.write({"state": "test", "is_published": True})
    method = env.ref("payment_demo.payment_method_demo")
    method.active = True


def the_cluster(env):
    return keep(
        env,
        "kubernetes.cluster",
        {"name": SETTINGS["cluster"]},
        {
            "domain": SETTINGS["domain"],
            "url_pattern": SETTINGS["url_pattern"],
            "ingress_class": SETTINGS["ingress_class"],
            "active": True,
        },
    )


def library(env):
    """The catalog as a repository: the first worker that asks reads it."""
    keep(
        env,
        "kubernetes.repository",
        {"url": SETTINGS["catalog_url"]},
        {"name": "Catalog", "active": True},
    )


def hosting_product(env, cluster):
    catalog = Path(SETTINGS["catalog_folder"]) / "odoo"
    values = {**yaml.safe_load((catalog / "vars.yml").read_text()), **REQUESTS}
    manifests = [
        keep(
            env,
            "kubernetes.manifest",
            {
                "url": f"{SETTINGS['catalog_url']}/odoo/{file}",
                # Those of the library are its own.
                "package_version_id": False,
            },
            {"name": title, "active": True},
        )
        for title, file in (*MANIFESTS, RESET_MANIFEST)
    ]
    *manifests, reset = manifests
    plan = keep(
        env,
        "sale.subscription.template",
        {"code": "HOSTING"},
        {
            "name": "Monthly",
            "recurring_interval": 1,
            "recurring_rule_type": "months",
            "recurring_rule_boundary": "unlimited",
            # Renewals by sale order would make a new subscription each time.
            "invoicing_mode": "invoice",
        },
    )
    income = env["account.account"].search([("account_type", "=", "income")], limit=1)
    euro = env.ref("base.EUR")
    image = next(
        iter(sorted(Path(SETTINGS["addons"]).glob("*/static/description/icon.png"))),
        None,
    )
    product = keep(
        env,
        "product.template",
        {"name": "Odoo Hosting"},
        {
            "type": "service",
            "list_price": 29.0,
            "taxes_id": [Command.clear()],
            "sale_ok": True,
            "is_published": True,
            "website_sequence": 1,
            "service_tracking": "no",
            # subscription_oca ignores the company's default account and then never
            # invoices a renewal.
            "property_account_income_id": income.id,
            "subscribable": True,
            "subscription_template_id": plan.id,
            "description_sale": (
                "Your own Odoo 19 with PostgreSQL. Production and integration included."
            ),
            "kubernetes_cluster_id": cluster.id,
            "kubernetes_domains_allowed": True,
            "kubernetes_config_map_id": config_map(env, "Odoo Hosting", values).id,
            "kubernetes_secret_id": secret(env, "Odoo Hosting", SECRETS).id,
            "kubernetes_environment_ids": [
                Command.set(
                    [
                        env.ref("kubernetes_hosting.environment_prod").id,
                        env.ref("kubernetes_hosting.environment_int").id,
                    ]
                )
            ],
            "kubernetes_manifest_ids": [
                Command.clear(),
                *(
                    Command.create(
                        {"manifest_id": manifest.id, "sequence": 10 * number}
                    )
                    for number, manifest in enumerate(manifests, 1)
                ),
            ],
            # Integration becomes a neutralised copy of production.
            "kubernetes_reset_mode": "manifests",
            "kubernetes_reset_manifest_ids": [
                Command.clear(),
                Command.create({"manifest_id": reset.id}),
            ],
            "kubernetes_hosting": True,
            **({"image_1920": base64.b64encode(image.read_bytes())} if image else {}),
        },
    )
    product.currency_id = euro
    product.attribute_line_ids.filtered(
        lambda line: line.attribute_id.name not in ATTRIBUTES
    ).unlink()
    for name, (shown, variants, values) in ATTRIBUTES.items():
        attribute(env, product, name, shown, variants, values)
    product.with_context(lang=GERMAN).write(
        {
            "description_sale": (
                "Ihr eigenes Odoo 19 mit PostgreSQL."
                " Produktion und Integration inbegriffen."
            ),
        }
    )


def high_availability_product(env):
    """The same without a choice, on more pods, and without an integration."""
    hosting = env["product.template"].search([("name", "=", "Odoo Hosting")])
    name = "Odoo High Availability"
    folder = Path(SETTINGS["catalog_folder"]) / "odoo-ha"
    values = {**yaml.safe_load((folder / "vars.yml").read_text()), **REQUESTS}
    values_record = config_map(env, name, values)
    promotion(env, values_record)
    manifests = [
        keep(
            env,
            "kubernetes.manifest",
            {
                "url": f"{SETTINGS['catalog_url']}/odoo-ha/{file}",
                "package_version_id": False,
            },
            {"name": title, "active": True},
        )
        for title, file in HA_MANIFESTS.items()
    ]
    product = keep(
        env,
        "product.template",
        {"name": name},
        {
            "type": "service",
            "list_price": 149.0,
            "taxes_id": [Command.clear()],
            "sale_ok": True,
            "is_published": True,
            "website_sequence": 2,
            "service_tracking": "no",
            "property_account_income_id": hosting.property_account_income_id.id,
            "subscribable": True,
            "subscription_template_id": hosting.subscription_template_id.id,
            "description_sale": (
                "Three Odoos, two proxies, and a PostgreSQL with a standby, per month:"
                " whichever of them ends, you work on."
            ),
            "kubernetes_cluster_id": hosting.kubernetes_cluster_id.id,
            "kubernetes_config_map_id": values_record.id,
            "kubernetes_secret_id": secret(env, name, HA_SECRETS).id,
            "kubernetes_environment_ids": [
                Command.set([env.ref("kubernetes_hosting.environment_prod").id])
            ],
            "kubernetes_manifest_ids": [
                Command.clear(),
                *(
                    Command.create(
                        {"manifest_id": manifest.id, "sequence": 10 * number}
                    )
                    for number, manifest in enumerate(manifests, 1)
                ),
            ],
            "kubernetes_hosting": True,
            "image_1920": hosting.image_1920,
        },
    )
    product.currency_id = hosting.currency_id
    product.with_context(lang=GERMAN).description_sale = (
        "Drei Odoos, zwei Proxys und ein PostgreSQL mit Standby, pro Monat:"
        " Was davon auch ausfällt, Sie arbeiten weiter."
    )


def promotion(env, values):
    """By which of the two servers is the primary: catalog/odoo-ha/README.md."""
    for server in ("a", "b"):
        name, in_german = (text.format(server=f"postgres-{server}") for text in PROMOTE)
        description, description_in_german = PROMOTION
        action = keep(
            env,
            "kubernetes.config.map.action",
            {
                "config_map_id": values.id,
                "key": "postgres_primary",
                "value": server,
            },
            {"name": name, "description": description},
        )
        action.with_context(lang=GERMAN).write(
            {"name": in_german, "description": description_in_german}
        )


def attribute(env, product, name, shown, variants, values):
    """What the customer chooses, what it costs, and what it means for the app."""
    found = keep(env, "product.attribute", {"name": name}, {"display_type": shown})
    if not found.product_tmpl_ids:
        found.create_variant = variants
    found.with_context(lang=GERMAN).name = ATTRIBUTES_IN_GERMAN[name]
    choices = env["product.attribute.value"]
    for number, (choice, (_, variables, limits)) in enumerate(values.items(), 1):
        record = keep(
            env,
            "product.attribute.value",
            {"attribute_id": found.id, "name": choice},
            {"sequence": number},
        )
        record.write(limits)
        if choice in DESCRIPTIONS:
            english, german = DESCRIPTIONS[choice]
            record.with_context(lang=ENGLISH).kubernetes_description = english
            record.with_context(lang=GERMAN).kubernetes_description = german
        record.kubernetes_value_ids = [
            Command.clear(),
            *(
                Command.create({"key": key, **typed(value)})
                for key, value in variables.items()
            ),
        ]
        choices |= record
    line = product.attribute_line_ids.filtered(lambda line: line.attribute_id == found)
    if line:
        line.value_ids = [Command.set(choices.ids)]
    else:
        line = line.create(
            {
                "product_tmpl_id": product.id,
                "attribute_id": found.id,
                "value_ids": [Command.set(choices.ids)],
            }
        )
    for choice in line.product_template_value_ids:
        choice.price_extra = values[choice.name][0]


def config_map(env, name, values):
    lines = [
        {"key": key, **typed(value), "sequence": 10 * number}
        for number, (key, value) in enumerate(values.items(), 1)
    ]
    return lines_of(env, "kubernetes.config.map", name, lines)


def typed(value):
    if isinstance(value, str):
        return {"type": "string", "value": value}
    text = (
        yaml.safe_dump(value, default_flow_style=True, width=10_000)
        .removesuffix("...\n")
        .strip()
    )
    return {"type": "yaml", "value": text}


def secret(env, name, keys):
    """Passwords are generated by the worker, and stay in the cluster."""
    lines = [
        {
            "key": key,
            "sequence": 10 * number,
            "generate": True,
            "generate_length": 32,
            "generate_alphabet": "alphanumeric",
            # What the invitation brings, together with the user name.
            "first_password": key == FIRST_PASSWORD,
        }
        for number, key in enumerate(keys, 1)
    ]
    record = lines_of(env, "kubernetes.secret", name, lines)
    record.login = "admin"
    return record


def lines_of(env, model, name, lines):
    """A template whose lines are exactly these; apps have copies of their own."""
    record = keep(env, model, {"name": name, "is_template": True}, {"active": True})
    present = {line.key: line for line in record.line_ids}
    (
        record.line_ids
        - record.line_ids.filtered(
            lambda line: line.key in {new["key"] for new in lines}
        )
    ).unlink()
    for line in lines:
        if line["key"] in present:
            present[line["key"]].write(line)
        else:
            record.write({"line_ids": [Command.create(line)]})
    return record


def people(env):
    operator_groups = [
        "base.group_user",
        "base.group_partner_manager",
        "kubernetes_hosting.group_kubernetes_operator",
        "product.group_product_manager",
        "sales_team.group_sale_manager",
        "account.group_account_invoice",
        "website.group_website_designer",
    ]
    user(env, "operator", "Demo Operator", operator_groups, {})
    user(
        env,
        "customer",
        "Demo Customer",
        ["base.group_portal"],
        # A whole address: so the checkout does not ask for it.
        {
            "street": "Am Kai 2",
            "zip": "20457",
            "city": "Hamburg",
            "country_id": env.ref("base.de").id,
            "phone": "+49 40 428280",
        },
    )


def user(env, role, name, groups, address):
    login, password = SETTINGS[f"{role}_login"], SETTINGS[f"{role}_password"]
    email = login if "@" in login else f"{login}@demo.example"
    found = (
        env["res.users"].with_context(active_test=False).search([("login", "=", login)])
    )
    if found:
        found.group_ids = [Command.link(env.ref(group).id) for group in groups]
        return found
    found = env["res.users"].create(
        {
            "name": name,
            "login": login,
            "password": password,
            "email": email,
            "lang": ENGLISH,
            "tz": "Europe/Berlin",
            "group_ids": [Command.set([env.ref(group).id for group in groups])],
        }
    )
    found.partner_id.write(address)
    return found


def worker_key(env, cluster):
    """The worker with its cluster, and its key, made anew where its file does not hold
    the valid one."""
    worker = keep(
        env,
        "kubernetes.worker",
        {"name": SETTINGS["worker"]},
        {"active": True, "cluster_ids": [Command.link(cluster.id)]},
    )
    file = Path(SETTINGS["key_file"])
    key = file.read_text().strip() if file.exists() else ""
    keys = env["res.users.apikeys"]
    if (
        key
        and keys._check_credentials(scope="kubernetes_worker", key=key)
        == worker.user_id.id
    ):
        return
    key = worker._create_key()
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(
        os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w"
    ) as output:
        output.write(key)


main(env)  # noqa: F821
