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
        "wizard/kubernetes_app_apply_views.xml",
        "wizard/kubernetes_app_delete_views.xml",
        "wizard/kubernetes_app_reset_views.xml",
        "wizard/kubernetes_config_map_import_views.xml",
        "wizard/kubernetes_worker_key_views.xml",
        "views/kubernetes_job_views.xml",
        "views/kubernetes_manifest_views.xml",
        "views/kubernetes_config_map_views.xml",
        "views/kubernetes_secret_views.xml",
        "views/kubernetes_namespace_views.xml",
        "views/kubernetes_cluster_views.xml",
        "views/kubernetes_environment_views.xml",
        "views/kubernetes_reserved_name_views.xml",
        "views/kubernetes_worker_views.xml",
        "views/kubernetes_app_views.xml",
        "views/kubernetes_menus.xml",
        "views/portal_templates.xml",
    ],
    "external_dependencies": {"python": ["PyYAML"]},
    "assets": {
        "web.ace_lib": [
            "kubernetes_hosting/static/lib/ace/mode-yaml.js",
        ],
        "web.assets_backend": [
            "kubernetes_hosting/static/src/views/**/*",
        ],
        "web.assets_unit_tests": [
            "kubernetes_hosting/static/tests/**/*",
        ],
        "web.assets_frontend": [
            "kubernetes_hosting/static/src/interactions/**/*",
        ],
    },
    "post_init_hook": "post_init_hook",
}
