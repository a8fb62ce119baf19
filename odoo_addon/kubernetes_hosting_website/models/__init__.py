from . import (
    kubernetes_app_reservation,
    kubernetes_name_holder,
    res_company,
    sale_order,
    website,
)
