# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
{
    "name": "Kubernetes Hosting: Sale",
    "summary": "Sell hosted apps: a confirmed order line becomes running apps",
    "version": "19.0.1.3.0",
    "category": "Services/Kubernetes",
    "author": "Chandlery contributors",
    "license": "AGPL-3",
    "depends": ["sale", "subscription_oca", "kubernetes_hosting"],
    "data": [
        "security/ir.model.access.csv",
        "security/kubernetes_hosting_sale_rules.xml",
        "data/ir_cron.xml",
        "data/mail_activity_type.xml",
        "data/mail_template.xml",
        "wizard/kubernetes_package_sell_views.xml",
        "views/kubernetes_app_reservation_views.xml",
        "views/kubernetes_app_views.xml",
        "views/kubernetes_package_views.xml",
        "views/product_attribute_views.xml",
        "views/product_template_templates.xml",
        "views/product_template_views.xml",
        "views/res_config_settings_views.xml",
        "views/res_partner_views.xml",
        "views/sale_order_views.xml",
        "views/sale_subscription_views.xml",
        "views/app_names_templates.xml",
        "views/portal_templates.xml",
    ],
    "assets": {
        "web.assets_frontend": [
            "kubernetes_hosting_sale/static/src/interactions/**/*",
        ],
    },
    "post_init_hook": "post_init_hook",
}
