# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
{
    "name": "Kubernetes Hosting: Website",
    "summary": "The shop asks for the names of hosted apps in the checkout",
    "version": "19.0.1.1.0",
    "category": "Services/Kubernetes",
    "author": "Chandlery contributors",
    "license": "AGPL-3",
    "depends": ["website_sale", "kubernetes_hosting_sale"],
    "data": [
        "security/ir.model.access.csv",
        "data/website_checkout_step.xml",
        "wizard/kubernetes_package_sell_views.xml",
        "views/res_config_settings_views.xml",
        "views/website_sale_templates.xml",
    ],
    "assets": {
        "web.assets_tests": [
            "kubernetes_hosting_website/static/tests/tours/**/*",
        ],
    },
    "auto_install": True,
    "post_init_hook": "post_init_hook",
}
