# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
{
    "name": "Kubernetes Hosting: Mailgun",
    "summary": "Mail domains of hosted apps, and invitations sent from them",
    "version": "19.0.1.1.0",
    "category": "Services/Kubernetes",
    "author": "Chandlery contributors",
    "license": "AGPL-3",
    "depends": ["kubernetes_hosting"],
    "data": [
        "security/ir.model.access.csv",
        "security/kubernetes_hosting_mailgun_rules.xml",
        "views/kubernetes_app_views.xml",
        "views/kubernetes_attention_views.xml",
        "views/kubernetes_environment_views.xml",
        "views/kubernetes_namespace_adopt_views.xml",
        "views/kubernetes_worker_views.xml",
        "views/portal_templates.xml",
    ],
    "auto_install": True,
}
