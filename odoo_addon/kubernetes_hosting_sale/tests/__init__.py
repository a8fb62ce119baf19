from . import (
    test_added_units,
    test_app_names,
    test_attention,
    test_concurrency,
    test_order_to_apps,
    test_pitfalls,
    test_portal,
    test_product,
    test_rights,
    test_subscription_end,
    test_translations,
    test_variants,
)
