# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import base64
import json
import os
from datetime import timedelta

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import html

from odoo import SUPERUSER_ID, fields
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from .common import KubernetesCase
from .invitation import InvitationCase

PASSWORD = "Käpt'n <b>&amp;</b> 7x9\\$"


def public_bytes(private_key):
    return private_key.public_key().public_bytes(
        Encoding.X962, PublicFormat.UncompressedPoint
    )


def encrypt(text, public_key):
    """What a worker answers, made with another implementation than the browser's."""
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(
        ec.SECP256R1(), base64.b64decode(public_key)
    )
    own = ec.generate_private_key(ec.SECP256R1())
    key = HKDF(hashes.SHA256(), 32, b"", b"chandlery password v1").derive(
        own.exchange(ec.ECDH(), theirs)
    )
    nonce = os.urandom(12)
    answer = {
        "public_key": public_bytes(own),
        "nonce": nonce,
        "ciphertext": AESGCM(key).encrypt(nonce, text.encode(), None),
    }
    return {name: base64.b64encode(value).decode() for name, value in answer.items()}


@tagged("post_install", "-at_install")
class TestPasswordLink(InvitationCase, KubernetesCase, HttpCase):
    """The password by a one-time link, and Odoo never learns it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if "website" in cls.env:
            cls.env["website"].search([]).default_lang_id = cls.env.ref("base.lang_en")

    def setUp(self):
        super().setUp()
        links = self.env["kubernetes.password.link"]
        self.url = links._create_url(self.app)
        self.path, self.token = self.url.split("#")
        self.path = self.path.removeprefix(self.app.get_base_url())
        self.link = self.app.password_link_ids[:1]
        key = ec.generate_private_key(ec.SECP256R1())
        self.public_key = base64.b64encode(public_bytes(key)).decode()
        self.env.flush_all()

    def page(self, token=None, path=None):
        """What the page's script is given to show."""
        body = self.call("look", token, path=path)["html"]
        return " ".join(html.fromstring(f"<div>{body}</div>").text_content().split())

    def call(self, name, token=None, public_key=None, path=None):
        return self.make_jsonrpc_request(
            f"{path or self.path}/{name}",
            {
                "token": token or self.token,
                "public_key": public_key or self.public_key,
            },
        )

    def work(self, app=None):
        """A worker takes the job and answers it."""
        job = self.claim("password", app)
        public_key = job._contract_values()["options"]["public_key"]
        self.done(job, password=encrypt(PASSWORD, public_key))
        job.env.flush_all()
        return job

    # -- the page ----------------------------------------------------------------

    def test_opening_the_link_uses_nothing_up_and_needs_no_login(self):
        for _scanner in range(3):
            answer = self.url_open(self.path)
            self.assertEqual(answer.status_code, 200)
            text = self.page()
            self.assertIn("Your password shop (prod)", text)
            self.assertIn("Show the password", text)
        self.assertIn("admin", text)
        self.assertEqual(answer.headers["Referrer-Policy"], "no-referrer")
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        self.assertFalse(self.link._ended())
        self.assertFalse(self.live("password"))

    def test_shown_once(self):
        self.assertEqual(self.call("ask"), {"state": "waiting"})
        self.assertEqual(self.call("answer"), {"state": "waiting"})
        job = self.work()
        self.assertEqual(job._contract_values()["options"]["key"], "postgres_password")
        shown = self.call("answer")
        self.assertEqual(shown["state"], "shown")
        self.assertEqual(shown["password"], job.result["password"])
        self.assertTrue(self.link.used_at)
        # Lost on its way: the same browser may ask again, nobody else.
        self.assertEqual(self.call("answer")["state"], "shown")
        other = base64.b64encode(
            public_bytes(ec.generate_private_key(ec.SECP256R1()))
        ).decode()
        self.assertEqual(self.call("answer", public_key=other), {"state": "used"})
        self.assertEqual(self.call("ask", public_key=other), {"state": "used"})
        # The browser has shown it: Odoo drops what it could not read.
        self.call("shown")
        self.assertFalse(job.result)
        self.assertEqual(self.call("answer"), {"state": "used"})
        text = self.page()
        self.assertIn("It has shown the password already", text)
        self.assertEqual(self.call("ask"), {"state": "used"})

    def test_what_no_browser_fetched_is_dropped(self):
        self.call("ask")
        job = self.work()
        self.run_cron()
        self.assertTrue(job.result)
        job.finished_at = fields.Datetime.now() - timedelta(minutes=6)
        self.run_cron()
        self.assertFalse(job.result)
        self.assertFalse(self.link._ended())

    def test_the_password_never_stands_in_odoo(self):
        self.call("ask")
        job = self.work()
        self.env.cr.execute("SELECT row_to_json(job) FROM kubernetes_job job")
        self.assertNotIn(
            PASSWORD, json.dumps(self.env.cr.fetchall(), ensure_ascii=False)
        )
        self.assertEqual(
            set(job.result["password"]), {"public_key", "nonce", "ciphertext"}
        )

    def test_valid_for_seven_days(self):
        self.link.valid_until = fields.Datetime.now() - timedelta(seconds=1)
        text = self.page()
        self.assertIn("no longer valid", text)
        self.assertEqual(self.call("ask"), {"state": "expired"})

    def test_a_newer_invitation_ends_the_link(self):
        self.env["kubernetes.password.link"]._create_url(self.app)
        self.assertEqual(self.call("ask"), {"state": "expired"})

    def test_an_app_that_becomes_another_customers_ends_the_link(self):
        other = self.env["res.partner"].create(
            {"name": "Other", "email": "o@x.example"}
        )
        contact = self.env["res.partner"].create(
            {"name": "Contact", "parent_id": self.app.partner_id.id}
        )
        self.app.partner_id = contact
        self.assertFalse(self.link._ended())
        self.app.partner_id = other
        self.assertEqual(self.link._ended(), "expired")

    def test_a_deleted_app_shows_nothing(self):
        self.app._enqueue("delete", {"keep_volumes": False})
        self.assertEqual(self.call("ask"), {"state": "expired"})

    def test_wrong_tokens_and_missing_apps_answer_alike(self):
        gone = "/my/apps/99999999/password"
        wrong_text = self.page(token="guess")
        self.assertEqual(wrong_text, self.page(path=gone))
        self.assertIn("We do not know it", wrong_text)
        self.assertEqual(self.call("ask", token="guess"), {"state": "unknown"})
        self.assertEqual(self.call("ask", path=gone), {"state": "unknown"})
        there, missing = (
            self.url_open(path).text.replace(path, "")
            for path in (self.path, "/my/apps/99999999/password")
        )
        self.assertEqual(there.count("password"), missing.count("password"))

    def test_whoever_guesses_has_to_wait(self):
        guesses = self.env["kubernetes.password.guess"]
        guesses.create([{"address": "127.0.0.1"}] * (guesses._limit - 1))
        self.assertIn("We do not know it", self.page(token="guess"))
        self.assertIn("wait ten minutes", self.page(token="guess"))
        self.assertEqual(self.call("ask", token="guess"), {"state": "slow"})
        self.assertEqual(guesses._count("127.0.0.1"), guesses._limit)
        self.env.cr.execute(
            "UPDATE kubernetes_password_guess"
            " SET create_date = create_date - interval '11 minutes'"
        )
        self.assertEqual(self.call("ask", token="guess"), {"state": "unknown"})

    def test_others_guesses_never_stop_the_right_token(self):
        """Behind one address, a customer's link works whoever guessed."""
        guesses = self.env["kubernetes.password.guess"]
        guesses.create([{"address": "127.0.0.1"}] * guesses._limit)
        self.assertEqual(self.call("ask", token="guess"), {"state": "slow"})
        self.assertIn("Show the password", self.page())
        self.assertEqual(self.call("ask"), {"state": "waiting"})
        self.work()
        self.assertEqual(self.call("answer")["state"], "shown")

    def test_the_token_is_in_no_address_that_a_server_sees(self):
        """It stands behind the # and comes in the body of the page's calls."""
        address, fragment = self.url.split("#")
        self.assertNotIn("?", address)
        self.assertEqual(fragment, self.token)
        self.browser_js(
            f"{self.path}#{self.token}",
            """
            const asked = performance.getEntriesByType("resource").map((e) => e.name);
            if (!asked.some((name) => name.includes("/password/look"))) {
                console.error("nothing was asked: " + asked);
            } else if (asked.some((name) => name.includes("%s"))) {
                console.error("the token was sent in an address: " + asked);
            } else {
                console.log("test successful");
            }
            """
            % self.token,
            ready="!!document.querySelector('.o_kubernetes_password_ask:enabled')",
            cookies={"frontend_lang": "en_US"},
            timeout=60,
        )

    def test_a_link_of_before_works_until_it_expires(self):
        self.browser_js(
            f"{self.path}?token={self.token}",
            """
            if (location.search || location.hash !== "#%s") {
                console.error("the address is still " + location.href);
            } else {
                console.log("test successful");
            }
            """
            % self.token,
            ready="!!document.querySelector('.o_kubernetes_password_ask:enabled')",
            cookies={"frontend_lang": "en_US"},
            timeout=60,
        )

    def test_no_worker_there_says_so_and_keeps_the_link(self):
        self.worker.state = "offline"
        self.assertEqual(self.call("ask"), {"state": "no_worker"})
        self.assertFalse(self.live("password"))
        self.worker.state = "online"
        self.assertEqual(self.call("ask"), {"state": "waiting"})
        self.worker.state = "offline"
        self.assertEqual(self.call("answer"), {"state": "no_worker"})

    def test_a_worker_that_fails_keeps_the_link(self):
        self.call("ask")
        with mute_logger("odoo.addons.kubernetes_hosting.models.kubernetes_live"):
            self.failed(self.claim("password"), "internal", "no such key")
        self.assertEqual(self.call("answer"), {"state": "failed"})
        self.assertEqual(self.app.state, "new")
        self.assertEqual(self.call("ask"), {"state": "waiting"})

    def test_a_worker_lost_in_the_middle(self):
        self.call("ask")
        job = self.claim("password")
        job.lease_until = fields.Datetime.now() - timedelta(seconds=1)
        self.env["kubernetes.job"]._expire_leases()
        answer = self.call("answer")["state"]
        self.assertIn(answer, ("waiting", "failed"))
        self.assertFalse(self.link._ended())

    def test_of_two_windows_the_later_one_shows_it(self):
        other = base64.b64encode(
            public_bytes(ec.generate_private_key(ec.SECP256R1()))
        ).decode()
        self.call("ask")
        self.call("ask", public_key=other)
        self.assertEqual(self.call("answer"), {"state": "superseded"})
        self.work()
        self.assertEqual(self.call("answer"), {"state": "superseded"})
        self.assertEqual(self.call("answer", public_key=other)["state"], "shown")

    def test_only_a_public_key_is_taken(self):
        for key in ("", "no base64!", base64.b64encode(b"x" * 65).decode(), "QUJD"):
            with self.subTest(key=key):
                answer = self.make_jsonrpc_request(
                    f"{self.path}/ask", {"token": self.token, "public_key": key}
                )
                self.assertEqual(answer, {"state": "failed"})
        self.assertFalse(self.live("password"))

    # -- a real browser ----------------------------------------------------------

    def test_the_browser_reads_what_another_implementation_encrypted(self):
        """Real Chromium with WebCrypto against Python's cryptography."""
        links = type(self.link)
        original = links._answer

        def answer(link, public_key):
            # Meanwhile a worker does its work, in the same transaction as the look.
            app = link.app_id.with_user(SUPERUSER_ID)
            if app._live_job("password"):
                self.work(app)
            return original(link, public_key)

        self.patch(links, "_answer", answer)
        self.browser_js(
            f"{self.path}#{self.token}",
            """
            const page = document.querySelector(".o_kubernetes_password");
            page.querySelector(".o_kubernetes_password_ask").click();
            const timer = setInterval(() => {
                const input = page.querySelector("input");
                if (!input.value) {
                    return;
                }
                clearInterval(timer);
                const wanted = %s;
                const news = page.querySelector("[role=status]").textContent;
                if (input.value !== wanted) {
                    console.error("read: " + input.value);
                } else if (document.activeElement !== input) {
                    console.error("the password has no focus");
                } else if (news !== "Here is your password.") {
                    console.error("said: " + news);
                } else {
                    console.log("test successful");
                }
            }, 50);
            """
            % json.dumps(PASSWORD),
            ready="!!document.querySelector('.o_kubernetes_password_ask:enabled')",
            cookies={"frontend_lang": "en_US"},
            timeout=300,
        )
        self.link.invalidate_recordset()
        self.assertTrue(self.link.used_at)

    def test_a_page_without_webcrypto_says_so(self):
        self.browser_js(
            f"{self.path}#{self.token}",
            """
            const page = document.querySelector(".o_kubernetes_password");
            // As over plain http from another machine.
            Object.defineProperty(window, "crypto", {value: {}});
            page.querySelector(".o_kubernetes_password_ask").click();
            const timer = setInterval(() => {
                const news = page.querySelector("[role=status]").textContent;
                const button = page.querySelector("button");
                if (news.includes("not opened over https") && button.disabled) {
                    clearInterval(timer);
                    console.log("test successful");
                }
            }, 50);
            """,
            ready="!!document.querySelector('.o_kubernetes_password_ask:enabled')",
            cookies={"frontend_lang": "en_US"},
            timeout=300,
        )
