# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from .common import KubernetesTransactionCase


class TestApp(KubernetesTransactionCase):
    def test_created_app_is_ready_to_be_deployed(self):
        app = self.create_app()
        self.assertEqual(app.hostname, "shop.apps.example.com")
        self.assertEqual(app.url, "http://shop.apps.example.com:8080")
        self.assertEqual(app.namespace_id.name, "shop-prod")
        self.assertEqual(app.display_name, "shop (prod)")
        self.assertEqual(app.state, "new")
        self.assertEqual(app.config_map_id.template_id, self.config_map)
        self.assertEqual(
            app.secret_id.line_ids.mapped("stored_value"), ["s3cr#t", False]
        )
        app.action_apply()
        self.assertEqual(app.state, "deploying")
