# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
{
    "name": "Kubernetes Hosting",
    "summary": "Run customers' apps on Kubernetes: records, job queue, portal",
    "version": "19.0.1.0.0",
    "category": "Services/Kubernetes",
    "author": "Chandlery contributors, Odoo Community Association (OCA)",
    "license": "AGPL-3",
    "application": True,
    "depends": ["mail", "portal"],
    "data": [
        "security/kubernetes_hosting_groups.xml",
        "security/ir.model.access.csv",
        "security/kubernetes_hosting_rules.xml",
        "data/kubernetes_environment.xml",
        "data/kubernetes_reserved_name.xml",
        "data/ir_cron.xml",
    ],
    "assets": {
        "web.assets_frontend": [
            "kubernetes_hosting/static/src/interactions/**/*",
        ],
    },
    "post_init_hook": "post_init_hook",
}
