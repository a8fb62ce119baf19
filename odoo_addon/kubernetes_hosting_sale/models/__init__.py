from . import (
    kubernetes_app,
    kubernetes_app_reservation,
    kubernetes_attribute_value,
    kubernetes_hostname,
    kubernetes_product_manifest,
    product_attribute,
    product_template,
    sale_order,
    sale_order_line,
    sale_subscription,
    sale_subscription_line,
)
