# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.tests import tagged

from odoo.addons.web.tests.test_js import HOOTCommon, unit_test_error_checker

SUITE = "@kubernetes_hosting"


@tagged("post_install", "-at_install")
class TestJavaScript(HOOTCommon):
    """The backend's own views and widgets, in a browser against a mock server."""

    def test_unit_tests_of_the_screens(self):
        suite = self._generate_hash(SUITE)
        self.browser_js(
            f"/web/tests?headless&loglevel=2&preset=desktop&timeout=15000&id={suite}",
            "",
            "",
            login="admin",
            timeout=300,
            success_signal="[HOOT] Test suite succeeded",
            error_checker=unit_test_error_checker,
        )
