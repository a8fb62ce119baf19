from . import (
    kubernetes_app,
    kubernetes_app_reservation,
    kubernetes_hostname,
    kubernetes_product_manifest,
    product_template,
    sale_order,
    sale_order_line,
    sale_subscription,
    sale_subscription_line,
)
