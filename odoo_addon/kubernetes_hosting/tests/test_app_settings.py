# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from lxml import html

from odoo import http
from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, new_test_user, tagged

from .common import KubernetesQueueCase
from .library import Library, variable


def text(value):
    return {"type": "string", "value": value}


@tagged("post_install", "-at_install")
class TestAppSettings(Library, KubernetesQueueCase, HttpCase):
    """Customers set in the portal what their app's package lets them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.set_up_library()
        cls.user, cls.stranger = (
            new_test_user(cls.env, login, groups="base.group_portal", lang="en_US")
            for login in ("settings-customer", "settings-stranger")
        )

    def setUp(self):
        super().setUp()
        item = self.wiki()
        item["variables"] = [
            variable(
                "replicas", type="integer", default={"type": "yaml", "value": "1"}
            ),
            variable("language", set_by="checkout", default=text("en")),
            variable(
                "greeting",
                title="Greeting",
                help="What the page says.",
                set_by="customer",
                default=text("Hello"),
            ),
            variable(
                "pages",
                title="Pages",
                type="integer",
                set_by="customer",
                default={"type": "yaml", "value": "10"},
            ),
            variable(
                "token",
                title="Token",
                set_by="customer",
                secret=True,
                generate={"length": 20, "alphabet": "hex"},
            ),
            variable("root_password", secret=True, required=True),
        ]
        self.tell([item])
        self.app = self.installed("pages", self.user)
        self.authenticate("settings-customer", "settings-customer")

    def installed(self, name, user):
        version = self.package().latest_version_id
        wizard = self.env["kubernetes.package.install"]._of(version)
        wizard.write({"name": name, "partner_id": user.partner_id.id})
        wizard.line_ids.secret_value = "operators"
        action = wizard.action_install()
        app = self.env["kubernetes.app"].browse(action["res_id"])
        self.apply()
        return app

    def apply(self):
        """A worker does the deploy that waits."""
        job = self.claim(kinds=["deploy"])
        job._conclude(self.outcome("done", observation=self.observation("running")))
        self.env.flush_all()
        return job

    def send(self, kind="settings", app=None, **values):
        data = {f"value-{name}": value for name, value in values.items()}
        self.env.flush_all()
        self.env.cr.precommit.run()
        answer = self.url_open(
            f"/my/apps/{(app or self.app).id}/{kind}",
            data={"csrf_token": http.Request.csrf_token(self), **data},
        )
        self.env.invalidate_all()
        return answer

    def page(self, answer=None):
        answer = answer or self.url_open(f"/my/apps/{self.app.id}")
        return html.fromstring(answer.text)

    def value(self, name):
        line = self.app.config_map_id.line_ids.filtered(lambda line: line.key == name)
        return line.type, line.value

    # -- the form ----------------------------------------------------------------

    def test_the_form_asks_for_what_customers_set_later_and_nothing_else(self):
        page = self.page()
        section = page.get_element_by_id("settings")
        names = section.xpath(".//*[@data-setting]/@data-setting")
        self.assertEqual(names, ["greeting", "pages", "token"])
        said = " ".join(section.text_content().split())
        self.assertIn("What the page says.", said)
        field = page.get_element_by_id("kubernetes_setting_greeting")
        self.assertEqual(field.get("value"), "Hello")
        secret = page.get_element_by_id("kubernetes_setting_token")
        self.assertEqual((secret.get("type"), secret.get("value")), ("password", ""))

    def test_an_app_whose_package_has_nothing_to_set_has_no_form(self):
        app = self.create_app("plain", partner_id=self.user.partner_id.id)
        self.env.flush_all()
        page = self.url_open(f"/my/apps/{app.id}").text
        self.assertNotIn("kubernetes_app_settings", page)
        answer = self.send(app=app, greeting="x")
        self.assertIn("cannot be set here: greeting", answer.text)

    # -- saving ------------------------------------------------------------------

    def test_what_is_saved_is_the_apps_and_waits_to_be_applied(self):
        answer = self.send(greeting="Hoi", pages="25", token="")
        self.assertIn("Saved.", answer.text)
        self.assertEqual(self.value("greeting"), ("string", "Hoi"))
        self.assertEqual(self.value("pages"), ("yaml", "25"))
        self.assertEqual(set(self.app.change_ids.mapped("name")), {"greeting", "pages"})
        self.assertEqual(self.app.change_ids.user_id, self.user)
        self.assertIn("changed and not applied", answer.text)
        job = self.env["kubernetes.job"].search(
            [("app_id", "=", self.app.id), ("state", "=", "pending")]
        )
        self.assertNotIn("deploy", job.mapped("kind"), "nothing deploys by itself")
        # A worker gets it with the next deploy.
        self.app._enqueue("deploy")
        told = self.claim(kinds=["deploy"])._contract_values()
        lines = {line["key"]: line["value"] for line in told["config_map"]}
        self.assertEqual((lines["greeting"], lines["pages"]), ("Hoi", "25"))

    def test_what_is_left_as_it_was_is_no_change(self):
        self.send(greeting="Hello", pages="10", token="")
        self.assertFalse(self.app.change_ids)

    def test_what_is_emptied_is_as_the_package_says(self):
        self.send(greeting="Hoi")
        self.send(greeting="")
        self.assertEqual(self.value("greeting"), ("string", "Hello"))

    def test_a_template_that_operators_wrote_is_not_shown_and_stays(self):
        line = self.app.config_map_id.line_ids.filtered(
            lambda one: one.key == "greeting"
        )
        line.value = "Hello from {{ hostname }}"
        field = self.page().get_element_by_id("kubernetes_setting_greeting")
        self.assertEqual(field.get("value"), "")
        self.send(greeting="", pages="11")
        self.assertEqual(self.value("greeting")[1], "Hello from {{ hostname }}")
        self.assertEqual(self.value("pages")[1], "11")

    def test_a_secret_is_replaced_and_never_shown(self):
        line = self.app.secret_id.line_ids.filtered(lambda one: one.key == "token")
        self.assertTrue(line.generate)
        answer = self.send(token="s3cret-of-mine")
        self.assertNotIn("s3cret-of-mine", answer.text)
        self.assertNotIn(
            "s3cret-of-mine", self.url_open(f"/my/apps/{self.app.id}").text
        )
        self.assertFalse(line.generate)
        self.assertEqual(line.stored_value, "s3cret-of-mine")
        self.assertEqual(self.app.change_ids.mapped("name"), ["token"])
        notes = "".join(self.app.message_ids.mapped("body"))
        self.assertIn("token", notes)
        self.assertNotIn("s3cret-of-mine", notes)
        # Left empty, it stays.
        self.send(token="", greeting="Hoi")
        self.assertEqual(line.stored_value, "s3cret-of-mine")
        # Nor is it shown again where something else is refused.
        answer = self.send(token="another-secret", pages="many")
        self.assertNotIn("another-secret", answer.text)
        self.assertEqual(line.stored_value, "s3cret-of-mine")

    def test_one_mistake_saves_nothing_and_is_said_at_its_field(self):
        answer = self.send(greeting="Hoi", pages="many")
        page = self.page(answer)
        field = page.get_element_by_id("kubernetes_setting_pages")
        self.assertEqual(
            (field.get("value"), field.get("aria-invalid")), ("many", "true")
        )
        problem = page.get_element_by_id("kubernetes_setting_pages_problem")
        self.assertIn("a whole number", problem.text_content())
        field = page.get_element_by_id("kubernetes_setting_greeting")
        self.assertEqual(field.get("value"), "Hoi", "what was typed stays")
        self.assertEqual(self.value("greeting"), ("string", "Hello"))
        self.assertFalse(self.app.change_ids)

    def test_it_is_said_in_german(self):
        self.env["res.lang"]._activate_lang("de_DE")
        app = self.app.with_user(self.user).with_context(lang="de_DE")
        problems = app._customer_set({"pages": "viele"})
        self.assertIn("eine ganze Zahl", problems["pages"])
        with self.assertRaisesRegex(UserError, "lässt sich hier nicht"):
            app._customer_set({"replicas": "9"})

    # -- what is not the customer's ----------------------------------------------

    def test_no_request_sets_what_is_the_operators(self):
        for name in ("replicas", "language", "root_password", "wiki_image", "hostname"):
            with self.subTest(name=name):
                answer = self.send(greeting="Hoi", **{name: "9"})
                self.assertIn(f"cannot be set here: {name}", answer.text)
        self.assertEqual(self.value("replicas"), ("yaml", "1"))
        self.assertEqual(self.value("greeting"), ("string", "Hello"), "all or none")
        self.assertFalse(self.app.change_ids)
        secret = self.app.secret_id.line_ids
        line = secret.filtered(lambda one: one.key == "root_password")
        self.assertEqual(line.stored_value, "operators")

    def test_nobody_sets_what_is_anothers(self):
        other = self.installed("theirs", self.stranger)
        for kind in ("settings", "deploy"):
            self.assertEqual(self.send(kind, other, greeting="x").status_code, 404)
        with self.assertRaises(AccessError):
            other.with_user(self.user)._customer_set({"greeting": "x"})
        # Nor by RPC.
        for record in (self.app.config_map_id.line_ids[:1], self.app):
            with self.assertRaises(AccessError):
                record.with_user(self.user).write({"name": "x"})

    def test_a_deleted_app_has_no_settings(self):
        self.app._enqueue("delete")
        self.env.flush_all()
        self.assertNotIn(
            "kubernetes_app_settings", self.url_open(f"/my/apps/{self.app.id}").text
        )
        self.send(greeting="Hoi")
        self.assertEqual(self.value("greeting"), ("string", "Hello"))

    # -- applying ----------------------------------------------------------------

    def deploys(self):
        return self.env["kubernetes.job"].search(
            [
                ("app_id", "=", self.app.id),
                ("kind", "=", "deploy"),
                ("state", "=", "pending"),
            ]
        )

    def can_apply(self):
        self.env.flush_all()
        self.env.cr.precommit.run()
        return "kubernetes_app_apply" in self.url_open(f"/my/apps/{self.app.id}").text

    def test_the_customer_applies_where_it_is_allowed(self):
        self.app.apply_allowed = True
        self.assertFalse(self.can_apply(), "there is nothing to apply")
        self.send("deploy")
        self.assertFalse(self.deploys())
        self.assertIn("kubernetes_app_apply", self.send(greeting="Hoi").text)
        answer = self.send("deploy")
        self.assertIn("begun to apply", answer.text)
        self.assertIn("is being applied", answer.text)
        self.assertEqual(self.deploys().requested_by, self.user)
        self.assertFalse(self.can_apply())
        self.apply()
        self.assertFalse(self.app.change_ids)
        self.assertNotIn("not applied", self.url_open(f"/my/apps/{self.app.id}").text)

    def test_where_it_is_not_allowed_the_team_applies(self):
        answer = self.send(greeting="Hoi")
        self.assertIn("Our team sees it", answer.text)
        self.assertNotIn("kubernetes_app_apply", answer.text)
        self.assertIn("not possible", self.send("deploy").text)
        self.assertFalse(self.deploys())
        self.env.flush_all()
        rows = self.env["kubernetes.attention"].search([("app_id", "=", self.app.id)])
        self.assertEqual(rows.mapped("reason"), ["settings_changed"])
        self.assertIn("greeting", rows.details)
        self.assertTrue(rows.can_apply)
        self.app.apply_allowed = True
        self.env.flush_all()
        self.assertFalse(rows.search([("app_id", "=", self.app.id)]))

    def test_a_customer_applies_nothing_of_others(self):
        self.app.apply_allowed = True
        self.send(greeting="Hoi")
        line = self.app.config_map_id.line_ids.filtered(
            lambda one: one.key == "replicas"
        )
        line.value = "3"
        self.assertFalse(self.can_apply())
        self.assertIn("not possible", self.send("deploy").text)
        self.assertFalse(self.deploys())
        line.value = "1"
        self.assertFalse(self.can_apply())
        self.app.change_ids.filtered(lambda one: one.name == "replicas").unlink()
        self.assertTrue(self.can_apply())
