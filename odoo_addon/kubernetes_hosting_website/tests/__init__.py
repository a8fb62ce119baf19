from . import (
    test_address,
    test_browser,
    test_checkout,
    test_checkout_step,
    test_package,
    test_payment,
    test_price,
    test_recurring_price,
    test_rights_table,
    test_sellable,
    test_translations,
    test_unpaid_names,
)
