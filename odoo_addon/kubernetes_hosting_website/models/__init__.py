from . import (
    kubernetes_app_reservation,
    kubernetes_name_holder,
    kubernetes_package,
    product,
    res_company,
    sale_order,
    website,
)
