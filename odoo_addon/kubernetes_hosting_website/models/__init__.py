from . import (
    kubernetes_app_reservation,
    kubernetes_name_holder,
    product,
    res_company,
    sale_order,
    website,
)
