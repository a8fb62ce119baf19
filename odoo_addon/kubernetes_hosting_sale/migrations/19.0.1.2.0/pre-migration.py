# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

# The models whose record rules an update leaves as they are.
MODELS = (
    "kubernetes_app_reservation",
    "kubernetes_attribute_value",
    "kubernetes_product_manifest",
)
RULES = ("company", "kept_by_operator", "kept_by_administrator")


def migrate(cr, version):
    """One convention for XML ids: what an administrator has set stays as it is."""
    for model in MODELS:
        for rule in RULES:
            cr.execute(
                """
                UPDATE ir_model_data SET name = %s
                 WHERE module = 'kubernetes_hosting_sale' AND model = 'ir.rule'
                   AND name = %s
                """,
                [f"{model}_rule_{rule}", f"{model}_{rule}"],
            )
