# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import json
import re

from lxml import html

from odoo import fields, http
from odoo.fields import Command
from odoo.tests import HttpCase, JsonRpcException, new_test_user, tagged
from odoo.tools import email_split, mute_logger

from .common import KubernetesCase
from .invitation import InvitationCase

MISSING = 999999999
INTERNALS = ("namespace", "manifest", "worker", "Kubernetes", "Mailgun", "external-dns")


@tagged("post_install", "-at_install")
class TestPortalApp(InvitationCase, KubernetesCase, HttpCase):
    """What a customer sees of an app, and restart and reset."""

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
        self.app._invitation_sent("<1@x>")
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

    # -- by a link ---------------------------------------------------------------

    def ask(self, path, **params):
        """What is answered, or the name of the error."""
        try:
            with mute_logger("odoo.http"):
                return self.make_jsonrpc_request(path, params)
        except JsonRpcException as error:
            return str(error)

    def test_a_link_to_an_app_opens_nothing_that_is_the_operators(self):
        app = self.app
        app.activity_schedule(
            "mail.mail_activity_data_todo", summary="Canary", note="<p>Canary</p>"
        )
        app.message_post(
            body="Comment", message_type="comment", subtype_xmlid="mail.mt_comment"
        )
        app.message_subscribe(partner_ids=self.env.user.partner_id.ids)
        self.env["ir.attachment"].create(
            {"name": "Canary", "raw": b"x", "res_model": app._name, "res_id": app.id}
        )
        # Whose app it is makes a token of it, by RPC.
        app.with_user(self.anna).get_portal_url()
        token = app.access_token
        self.assertTrue(token)
        pid = self.anna.partner_id.id
        posted = app.message_ids
        self.env.flush_all()
        self.create_user("operator", login="elsewhere").write(
            {
                "company_ids": [
                    Command.set(self.env["res.company"].create({"name": "Other"}).ids)
                ],
                "company_id": self.env["res.company"].search([("name", "=", "Other")]),
            }
        )
        new_test_user(self.env, "employee", groups="base.group_user")
        for login in (None, "anna", "ben", "employee", "elsewhere"):
            self.authenticate(login, login)
            for access in (
                {"token": token},
                {"hash": app._sign_token(pid), "pid": pid},
            ):
                thread = {"thread_model": app._name, "thread_id": app.id}
                answers = [
                    self.ask(
                        "/mail/data",
                        fetch_params=[
                            [
                                "mail.thread",
                                {
                                    **thread,
                                    "request_list": [name],
                                    "access_params": access,
                                },
                            ]
                        ],
                    )
                    for name in (
                        "activities",
                        "attachments",
                        "followers",
                        "scheduledMessages",
                        "suggestedRecipients",
                    )
                ]
                answers.append(self.ask("/mail/chatter_fetch", **thread, **access))
                answers.append(
                    self.ask(
                        "/mail/message/post",
                        **thread,
                        **access,
                        post_data={"body": "x", "message_type": "comment"},
                    )
                )
                told = json.dumps(answers)
                # What is said to the customer is the customer's by their own rights.
                words = ["Canary", "mail.followers"]
                if login != "anna":
                    words += ["Comment", self.env.user.name]
                for word in words:
                    self.assertNotIn(word, told, (login, access))
        self.assertEqual(app.message_ids, posted)

    # -- story -------------------------------------------------------------------

    def test_what_happened_so_far_in_plain_words(self):
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
                "Stop: did not work",
                "Restarted",
                "Set up",
            ],
        )
        for word in INTERNALS:
            self.assertNotIn(word, text)

    def test_the_latest_activity_says_how_it_ended(self):
        self.app._enqueue("restart")
        job = self.claim("restart")
        title = "Restarting your app"
        self.assertEqual(self.app._customer_status()["job"]["title"], title)
        self.failed(job)
        title = "Restart: did not work"
        self.assertEqual(self.app._customer_status()["job"]["title"], title)
        self.env.flush_all()
        self.sign_in()
        _text, wrap = self.page()
        (latest,) = wrap.xpath("//section[@aria-labelledby='kubernetes_app_story']")
        self.assertIn(title, " ".join(latest.text_content().split()))
        self.app._enqueue("restart")
        self.done(self.claim("restart"))
        self.assertEqual(self.app._customer_status()["job"]["title"], "Restarted")

    def test_no_minute_is_promised_while_the_cluster_is_away(self):
        self.worker.announced_cluster_ids = self.cluster
        self.worker.state = "online"
        self.cluster.state = "reachable"
        self.app._enqueue("restart")
        self.assertIn("about a minute", self.app._customer_status()["explanation"])
        self.cluster.state = "unreachable"
        self.assertIn("longer than usual", self.app._customer_status()["explanation"])
        self.cluster.state = "reachable"
        self.worker.state = "offline"
        self.assertIn("longer than usual", self.app._customer_status()["explanation"])
        self.worker.state = "online"
        self.app.state_since = fields.Datetime.subtract(
            self.app.state_since, minutes=11
        )
        self.assertIn("longer than usual", self.app._customer_status()["explanation"])

    # -- restart and reset -------------------------------------------------------

    def test_restart_and_reset_say_what_is_lost(self):
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

    def test_restart(self):
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

    def test_reset(self):
        self.sign_in()
        self.assertEqual(self.post("reset").status_code, 303)
        self.assertEqual(self.live("reset").options, {"reset": "empty"})

    def test_asked_twice_is_refused_in_words(self):
        self.sign_in()
        self.post("reset")
        answer = self.post("restart")
        self.assertEqual(answer.status_code, 200)
        self.assertIn("not possible at the moment", answer.text)
        self.assertFalse(self.live("restart"))

    def test_never_on_production(self):
        app = self.create_app("crew", self.prod, partner_id=self.app.partner_id.id)
        app._enqueue("deploy")
        self.done(self.claim("deploy", app), observation=self.observation())
        self.env.flush_all()
        self.sign_in()
        for allowed in (True, False):
            self.prod.restart_allowed = allowed
            self.env.flush_all()
            _text, wrap = self.page(app)
            self.assertEqual(
                wrap.xpath("//button[@data-bs-toggle='modal']/@id"),
                ["kubernetes_app_restart_button"] if allowed else [],
            )
            self.assertFalse(wrap.xpath("//*[@id='kubernetes_app_reset']"))
        for kind in ("restart", "reset"):
            self.assertIn("not possible", self.post(kind, app.id).text)
            self.assertFalse(self.live(kind, app))

    # -- signing in, opening, and what is over -----------------------------------

    def test_how_to_sign_in_and_once_a_day_again(self):
        self.sign_in()
        text, wrap = self.page()
        self.assertIn("How to sign in", text)
        self.assertIn(email_split(self.app.invitation_recipient)[0], text)
        self.assertTrue(wrap.xpath("//button[@id='kubernetes_app_resend']"))
        answer = self.post("invitation")
        self.assertTrue(answer.headers["Location"].endswith("?asked=invitation"))
        self.assertEqual(self.app.invitation_state, "sending")
        self.app._invitation_sent("<2@x>")
        self.env.flush_all()
        text, wrap = self.page(query="?asked=invitation")
        self.assertIn("We send the sign-in details again", text)
        self.assertFalse(wrap.xpath("//button[@id='kubernetes_app_resend']"))
        self.assertIn("once a day", self.post("invitation").text)
        self.assertEqual(self.app.invitation_state, "sent")
        self.app.invitation_resent_at = fields.Datetime.subtract(
            self.app.invitation_resent_at, hours=25
        )
        self.env.flush_all()
        _text, wrap = self.page()
        self.assertTrue(wrap.xpath("//button[@id='kubernetes_app_resend']"))

    def test_not_to_an_address_that_was_changed_since(self):
        """Whoever has got into the portal changes it, and must not get into the app by
        it."""
        customer = self.app.partner_id
        customer.email = "thief@demo.example"
        self.env.flush_all()
        self.sign_in()
        text, wrap = self.page()
        self.assertIn("info@demo.example", text)
        self.assertIn("write to us", text)
        self.assertNotIn("thief@demo.example", text)
        self.assertFalse(wrap.xpath("//button[@id='kubernetes_app_resend']"))
        self.assertIn("to the same address", self.post("invitation").text)
        self.assertEqual(self.app.invitation_state, "sent")
        customer.email = '"Harbour" <info@demo.example>'
        self.env.flush_all()
        text, wrap = self.page()
        self.assertNotIn("another one now", text)
        self.assertTrue(wrap.xpath("//button[@id='kubernetes_app_resend']"))

    def test_who_takes_an_app_over_reads_no_address_of_the_former_customer(self):
        self.app.partner_id = self.ben.partner_id
        self.env.flush_all()
        self.sign_in("ben")
        text, wrap = self.page()
        self.assertNotIn("info@demo.example", text)
        self.assertFalse(wrap.xpath("//button[@id='kubernetes_app_resend']"))
        self.post("invitation")
        self.assertEqual(self.app.invitation_state, "sent")
        self.app.action_send_invitation()
        self.app._invitation_sent("<2@x>")
        self.env.flush_all()
        text, _wrap = self.page()
        self.assertIn(self.ben.partner_id.email, text)

    def test_a_contact_of_the_same_customer_takes_nothing_over(self):
        recipient = self.app.invitation_recipient
        self.app.partner_id = self.anna.partner_id
        self.assertEqual(self.app.invitation_recipient, recipient)

    def test_nobody_else_has_it_sent(self):
        self.sign_in("ben")
        with mute_logger("odoo.http"):
            self.assertEqual(self.post("invitation").status_code, 404)
        self.assertEqual(self.app.invitation_state, "sent")

    def test_the_app_opens_by_its_first_button_and_its_address_is_copied(self):
        self.sign_in()
        _text, wrap = self.page()
        (link,) = wrap.xpath("//a[@id='kubernetes_app_open']")
        self.assertEqual(link.get("href"), self.app.url)
        self.assertIn("btn-primary", link.get("class"))
        (copy,) = wrap.xpath("//button[@data-copies='#kubernetes_app_url']")
        self.assertIn("Address", copy.text_content())

    def test_the_title_names_app_and_environment(self):
        self.sign_in()
        answer = self.url_open(f"/my/apps/{self.app.id}")
        title = html.fromstring(answer.text).xpath("string(//title)")
        self.assertIn("crew, Integration", title)

    def test_what_is_done_is_folded_and_its_time_has_a_zone(self):
        self.anna.tz = "Europe/Zurich"
        self.app._enqueue("restart")
        job = self.claim("restart")
        job._record_steps(
            [
                {
                    "number": 1,
                    "code": "restarting",
                    "state": "running",
                    "started_at": fields.Datetime.now(),
                    "seconds": None,
                    "message": "",
                }
            ]
        )
        self.env.flush_all()
        self.sign_in()
        text, wrap = self.page()
        self.assertIn("Step 1 of 3: Restarting the app", text)
        (bar,) = wrap.xpath("//*[@role='progressbar']")
        self.assertEqual(bar.get("aria-valuenow"), "1")
        (steps,) = wrap.xpath("//details")
        self.assertIsNotNone(steps.get("open"))
        self.done(job)
        self.env.flush_all()
        text, wrap = self.page(query="?asked=restart")
        (steps,) = wrap.xpath("//details")
        self.assertIsNone(steps.get("open"))
        self.assertFalse(wrap.xpath("//*[@role='progressbar']"))
        self.assertRegex(text, r"Latest activity Restarted, \S.* CES?T")
        # What is over is not told as if it had begun.
        self.assertIn("Your app was restarted.", text)
        self.assertNotIn("We have begun", text)

    def test_only_by_a_form_of_ours(self):
        self.sign_in()
        with mute_logger("odoo.http"):
            self.assertEqual(self.post("restart", csrf=False).status_code, 400)
            answer = self.url_open(f"/my/apps/{self.app.id}/restart")
        self.assertIn(answer.status_code, (404, 405))
        self.assertFalse(self.live("restart"))

    def test_the_app_of_another_customer_answers_as_if_it_did_not_exist(self):
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

    def test_a_contact_of_the_customer_sees_it_and_others_do_not(self):
        self.sign_in("ben")
        with mute_logger("odoo.http"):
            self.assertEqual(self.post("restart").status_code, 404)
        self.assertFalse(self.live("restart"))
        self.sign_in("anna")
        text, _wrap = self.page()
        self.assertIn("crew", text)

    def test_the_dialog_by_keyboard_in_the_browser(self):
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
