# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import re

from lxml import html

from odoo import http
from odoo.fields import Command
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from .common import KubernetesCase
from .test_mail import RECORDS, MailCase

MISSING = 999999999
INTERNALS = ("namespace", "manifest", "worker", "Kubernetes", "Mailgun", "external-dns")


@tagged("post_install", "-at_install")
class TestPortalApp(MailCase, KubernetesCase, HttpCase):
    """Sentence 13: what a customer sees of an app, and restart and reset."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if "website" in cls.env:
            english = cls.env.ref("base.lang_en")
            cls.env["website"].search([]).write(
                {
                    "language_ids": [Command.set(english.ids)],
                    "default_lang_id": english.id,
                }
            )
        company = cls.env["res.partner"].create(
            {"name": "Harbour Ltd.", "is_company": True, "email": "info@demo.example"}
        )
        cls.anna, cls.ben = (
            new_test_user(cls.env, login, groups="base.group_portal", lang="en_US")
            for login in ("anna", "ben")
        )
        # Anna is a contact of the company that bought the app.
        cls.anna.partner_id.parent_id = company
        cls.app = cls.create_app("crew", cls.int, partner_id=company.id)
        cls.other = cls.create_app("other", cls.int, partner_id=cls.ben.partner_id.id)

    def setUp(self):
        super().setUp()
        self.become_reachable()
        self.done(self.claim("mail_domain"), mail_domain=self.domain("active"))
        self.done(self.claim("invitation"), message_id="<1@x>")
        self.env.flush_all()

    def sign_in(self, login="anna"):
        self.authenticate(login, login)
        self.opener.cookies.set("frontend_lang", "en_US")

    def page(self, app=None, query=""):
        answer = self.url_open(f"/my/apps/{(app or self.app).id}{query}")
        self.assertEqual(answer.status_code, 200)
        wrap = html.fromstring(answer.text).get_element_by_id("wrap")
        return " ".join(wrap.text_content().split()), wrap

    def post(self, kind, app_id=None, csrf=True):
        data = {"csrf_token": http.Request.csrf_token(self)} if csrf else {}
        return self.url_open(
            f"/my/apps/{app_id or self.app.id}/{kind}",
            data=data or {"nothing": "1"},
            allow_redirects=False,
        )

    # -- mail domain and story ---------------------------------------------------

    def test_13_records_to_set_where_the_customer_owns_the_domain(self):
        self.app.action_check_mail_domain()
        self.done(self.claim("mail_domain"), mail_domain=self.domain(published=False))
        self.env.flush_all()
        self.sign_in()
        text, wrap = self.page()
        self.assertIn("Not confirmed yet", text)
        for record in RECORDS:
            self.assertIn(record["value"], text)
        self.assertIn("Priority 10", text)
        # Each button copies what stands beside it and says for whom.
        for button in wrap.xpath("//button[@data-copies]"):
            target = button.get("data-copies").removeprefix("#")
            self.assertEqual(len(wrap.xpath(f"//*[@id='{target}']")), 1)
            self.assertRegex(button.text_content(), r"Copy\s+(Name|Value)")
        self.assertEqual(len(wrap.xpath("//button[@data-copies]")), 4)
        for word in INTERNALS:
            self.assertNotIn(word, text.replace("mailgun.org", ""))

    def test_13_no_records_where_they_are_published_or_found(self):
        self.sign_in()
        for state, published in (("active", False), ("unverified", True)):
            with self.subTest(state=state):
                self.app.action_check_mail_domain()
                self.done(
                    self.claim("mail_domain"),
                    mail_domain=self.domain(state, published=published),
                )
                self.env.flush_all()
                text, _wrap = self.page()
                self.assertIn(self.app.hostname, text)
                self.assertNotIn("spf1", text)

    def test_13_a_failed_mail_part_is_told_in_plain_words(self):
        self.app.action_check_mail_domain()
        self.failed(self.claim("mail_domain"), message="401 Mailgun says no")
        self.env.flush_all()
        self.sign_in()
        text, _wrap = self.page()
        self.assertIn("Something is wrong with this domain", text)
        self.assertNotIn("401", text)
        self.assertIn("Running", text)

    def test_13_what_happened_so_far_in_plain_words(self):
        self.app._enqueue("restart")
        self.done(self.claim("restart"))
        self.app._enqueue("stop")
        self.failed(self.claim("stop"), message="odoo-7: namespace gone")
        self.app._enqueue("start")
        self.env.flush_all()
        self.sign_in()
        text, wrap = self.page()
        story = wrap.xpath("//section[@aria-labelledby='kubernetes_app_history']")[0]
        told = [" ".join(li.text_content().split()) for li in story.xpath(".//li")]
        self.assertEqual(
            [re.sub(r" \d.*", "", line) for line in told],
            [
                "Stopping your app: did not work",
                "Restarting your app: done",
                "Sending your invitation: done",
                "Setting up your app: done",
            ],
        )
        for word in INTERNALS:
            self.assertNotIn(word, text)

    def test_13_a_domain_that_waits_is_looked_at_now_and_then(self):
        self.sign_in()
        for state, seconds in (("unverified", "30"), ("active", None)):
            with self.subTest(state=state):
                self.app.action_check_mail_domain()
                self.done(self.claim("mail_domain"), mail_domain=self.domain(state))
                self.env.flush_all()
                _text, wrap = self.page()
                status = wrap.xpath("//div[@data-url]")[0]
                self.assertEqual(status.get("data-ask-again"), seconds)
                self.assertFalse(self.app._customer_status()["at_work"])

    # -- restart and reset -------------------------------------------------------

    def test_13_restart_and_reset_say_what_is_lost(self):
        self.sign_in()
        _text, wrap = self.page()
        dialogs = {
            kind: " ".join(
                wrap.get_element_by_id(f"kubernetes_app_{kind}").text_content().split()
            )
            for kind in ("restart", "reset")
        }
        self.assertIn("What is saved stays", dialogs["restart"])
        self.assertIn("Everything in it is lost", dialogs["reset"])
        self.assertIn("crew-int.apps.example.com", dialogs["reset"])
        self.app.write(
            {
                "reset_mode": "manifests",
                "reset_manifest_line_ids": [
                    Command.create({"manifest_id": self.manifests[0].id})
                ],
            }
        )
        self.env.flush_all()
        _text, wrap = self.page()
        reset = wrap.get_element_by_id("kubernetes_app_reset").text_content()
        self.assertIn(
            "replaced by those of your app in production", " ".join(reset.split())
        )
        for button in wrap.xpath("//button[@data-bs-toggle='modal']"):
            self.assertEqual(button.get("aria-haspopup"), "dialog")
            self.assertIsNone(button.get("disabled"))

    def test_13_restart(self):
        self.sign_in()
        answer = self.post("restart")
        self.assertEqual(answer.status_code, 303)
        self.assertTrue(answer.headers["Location"].endswith("?asked=restart"))
        self.assertTrue(self.live("restart"))
        self.assertEqual(self.live("restart").requested_by, self.anna)
        text, wrap = self.page(query="?asked=restart")
        self.assertIn("We have begun to restart your app", text)
        self.assertIn("Being restarted", text)
        # While it runs nothing else can be pressed.
        for button in wrap.xpath("//button[@data-bs-toggle='modal']"):
            self.assertEqual(button.get("disabled"), "disabled")

    def test_13_reset(self):
        self.sign_in()
        self.assertEqual(self.post("reset").status_code, 303)
        self.assertEqual(self.live("reset").options, {"reset": "empty"})

    def test_13_asked_twice_is_refused_in_words(self):
        self.sign_in()
        self.post("reset")
        answer = self.post("restart")
        self.assertEqual(answer.status_code, 200)
        self.assertIn("not possible at the moment", answer.text)
        self.assertFalse(self.live("restart"))

    def test_13_never_on_production(self):
        app = self.create_app("crew", self.prod, partner_id=self.app.partner_id.id)
        app._enqueue("deploy")
        self.done(self.claim("deploy", app), observation=self.observation())
        self.env.flush_all()
        self.sign_in()
        _text, wrap = self.page(app)
        self.assertFalse(wrap.xpath("//button[@data-bs-toggle='modal']"))
        self.assertFalse(wrap.xpath("//form[@method='post']"))
        for kind in ("restart", "reset"):
            self.assertIn("not possible", self.post(kind, app.id).text)
            self.assertFalse(self.live(kind, app))

    def test_13_only_by_a_form_of_ours(self):
        self.sign_in()
        with mute_logger("odoo.http"):
            self.assertEqual(self.post("restart", csrf=False).status_code, 400)
            answer = self.url_open(f"/my/apps/{self.app.id}/restart")
        self.assertIn(answer.status_code, (404, 405))
        self.assertFalse(self.live("restart"))

    def test_13_the_app_of_another_customer_answers_as_if_it_did_not_exist(self):
        self.sign_in()
        strip = str.maketrans("", "", "0123456789")
        for path in ("", "/restart", "/reset"):
            with self.subTest(path=path), mute_logger("odoo.http"):
                bodies = []
                for app_id in (self.other.id, MISSING, 10**15):
                    if path:
                        answer = self.post(path[1:], app_id)
                    else:
                        answer = self.url_open(f"/my/apps/{app_id}")
                    self.assertEqual(answer.status_code, 404)
                    main = html.fromstring(answer.text).xpath("string(//main)")
                    bodies.append(main.translate(strip))
                self.assertEqual(len(set(bodies)), 1)
        self.assertFalse(self.other.job_ids)

    def test_13_a_contact_of_the_customer_sees_it_and_others_do_not(self):
        self.sign_in("ben")
        with mute_logger("odoo.http"):
            self.assertEqual(self.post("restart").status_code, 404)
        self.assertFalse(self.live("restart"))
        self.sign_in("anna")
        text, _wrap = self.page()
        self.assertIn("crew", text)

    def test_13_the_dialog_by_keyboard_in_the_browser(self):
        """Open by keyboard, Escape brings the focus back, Enter restarts."""
        self.browser_js(
            f"/my/apps/{self.app.id}",
            """
            const button = document.querySelector("#kubernetes_app_restart_button");
            const dialog = document.querySelector("#kubernetes_app_restart");
            button.focus();
            button.click();
            dialog.addEventListener("shown.bs.modal", () => {
                if (!dialog.contains(document.activeElement)) {
                    console.error("the dialog has no focus");
                }
                dialog.dispatchEvent(
                    new KeyboardEvent("keydown", {key: "Escape", bubbles: true})
                );
            }, {once: true});
            dialog.addEventListener("hidden.bs.modal", () => setTimeout(() => {
                if (document.activeElement === button) {
                    console.log("test successful");
                } else {
                    console.error("focus: " + document.activeElement.outerHTML);
                }
            }), {once: true});
            """,
            ready="!!document.querySelector('#kubernetes_app_restart_button')"
            " && !!window.Modal",
            login="anna",
            cookies={"frontend_lang": "en_US"},
            timeout=300,
        )
