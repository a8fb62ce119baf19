from . import (
    test_browser,
    test_checkout,
    test_checkout_step,
    test_payment,
    test_rights_table,
    test_translations,
    test_unpaid_names,
)
