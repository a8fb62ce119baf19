# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import json
from urllib.parse import quote

from lxml import html

from odoo import SUPERUSER_ID, fields
from odoo.fields import Command
from odoo.tests import HttpCase, JsonRpcException, new_test_user, tagged
from odoo.tools import mute_logger

from .common import KubernetesCase

SECRET_WORDS = ("ImagePullBackOff", "namespace", "manifest", "Kubernetes", "traefik")


@tagged("post_install", "-at_install")
class TestPortal(KubernetesCase, HttpCase):
    """The customer's portal: tile, list, detail with state and story."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("de_DE")
        cls.env["ir.module.module"]._load_module_terms(
            ["kubernetes_hosting"], ["de_DE"]
        )
        if "website" in cls.env:
            english, german = (
                cls.env["res.lang"]._activate_lang(code) for code in ("en_US", "de_DE")
            )
            cls.env["website"].search([]).write(
                {
                    "language_ids": [Command.set([english.id, german.id])],
                    "default_lang_id": english.id,
                }
            )
        cls.anna, cls.ben = (
            new_test_user(cls.env, login, groups="base.group_portal", lang=lang)
            for login, lang in (("anna", "en_US"), ("ben", "de_DE"))
        )
        cls.app = cls.create_app(partner_id=cls.anna.partner_id.id)
        cls.other = cls.create_app("other", partner_id=cls.ben.partner_id.id)
        cls.worker = cls.create_worker("worker-1")

    def sign_in(self, login, lang="en_US"):
        self.authenticate(login, login)
        # A website asks this cookie for the language, the portal alone the user.
        self.opener.cookies.set("frontend_lang", lang)

    def links(self, wrap):
        """Where links lead, without the language a website puts before."""
        return [href.removeprefix("/en") for href in wrap.xpath("//a/@href")]

    def page(self, url):
        answer = self.url_open(url)
        self.assertEqual(answer.status_code, 200, url)
        wrap = html.fromstring(answer.text).get_element_by_id("wrap")
        return " ".join(wrap.text_content().split()), wrap

    def claim(self, app):
        app.env.flush_all()
        jobs = app.env["kubernetes.job"]._claim(
            self.worker.id, ["unit"], ["deploy", "refresh", "delete"], 9
        )
        return jobs.filtered(lambda job: job.app_id == app)

    def step(self, number, code, state, message=""):
        return {
            "number": number,
            "code": code,
            "state": state,
            "started_at": fields.Datetime.now(),
            "seconds": 1.0,
            "message": message,
        }

    def finish(self, job, state="done", error=None):
        job._conclude({"state": state, "error": error, "result": None})
        job.env.flush_all()

    # -- tile and list -----------------------------------------------------------

    def test_tile_counts_the_apps(self):
        self.sign_in("anna")
        counters = self.make_jsonrpc_request(
            "/my/counters", {"counters": ["app_count"]}
        )
        self.assertEqual(counters["app_count"], 1)
        text, _wrap = self.page("/my")
        self.assertIn("Apps", text)

    def test_list_shows_only_the_own_apps(self):
        self.sign_in("anna")
        text, wrap = self.page("/my/apps")
        self.assertIn("shop.apps.example.com", text)
        self.assertIn("Production", text)
        self.assertIn("Waiting to be set up", text)
        self.assertNotIn("other", text)
        self.assertIn(f"/my/apps/{self.app.id}", self.links(wrap))

    def test_empty_list_says_so(self):
        new_test_user(self.env, "carla", groups="base.group_portal", lang="en_US")
        self.sign_in("carla")
        text, _wrap = self.page("/my/apps")
        self.assertIn("You have no apps yet", text)

    def test_long_list_has_pages(self):
        self.env["kubernetes.app"].create(
            [
                self.app_values(f"shop-{n:03}", partner_id=self.anna.partner_id.id)
                for n in range(81)
            ]
        )
        self.sign_in("anna")
        text, wrap = self.page("/my/apps")
        self.assertIn("/my/apps/page/2", self.links(wrap))
        text, _wrap = self.page("/my/apps/page/2")
        self.assertIn("shop-080", text)

    def another(self, name, environment=None, **values):
        app = self.create_app(
            name, environment, partner_id=self.anna.partner_id.id, **values
        )
        self.env.flush_all()
        return app

    def names(self, query=""):
        """The names on the cards, in their order."""
        text, wrap = self.page(f"/my/apps{query}")
        return [title.text_content().strip() for title in wrap.xpath(".//section/h2")]

    def test_one_card_for_a_name_with_its_environments(self):
        integration = self.another("shop", self.int)
        self.app._enqueue("deploy")
        self.finish(self.claim(self.app))
        self.sign_in("anna")
        _text, wrap = self.page("/my/apps")
        (card,) = wrap.xpath(".//section")
        self.assertEqual(card.xpath("string(h2)"), "shop")
        production, other = (
            " ".join(row.text_content().split()) for row in card.xpath("ul/li")
        )
        self.assertIn("Production shop shop.apps.example.com Running Open", production)
        self.assertIn(f"shop {integration.hostname} Waiting to be set up", other)
        # What does not answer cannot be opened.
        self.assertNotIn("Open", other)
        self.assertEqual(
            [link.get("href") for link in card.xpath(".//a[@target='_blank']")],
            ["http://shop.apps.example.com:8080"],
        )
        for app in self.app | integration:
            self.assertIn(f"/my/apps/{app.id}", self.links(wrap))

    def test_search_by_name_and_address(self):
        self.another("harbour")
        self.sign_in("anna")
        self.assertEqual(self.names(), ["harbour", "shop"])
        for words, found in (
            ("HARB", ["harbour"]),
            ("apps.example.com", ["harbour", "shop"]),
            ("https://shop.apps.example.com:8080/web?debug=1", ["shop"]),
            (" shop ", ["shop"]),
            ("other", []),
        ):
            with self.subTest(words):
                self.assertEqual(self.names(f"?search={quote(words)}"), found)

    def test_what_is_not_found_is_said(self):
        self.sign_in("anna")
        for query in ("?search=nothing", "?filterby=stopped"):
            text, wrap = self.page(f"/my/apps{query}")
            self.assertIn("None of your apps matches.", text)
            self.assertNotIn("You have no apps yet", text)
            # The way back, and the way to look for something else.
            (back,) = wrap.xpath(".//a[normalize-space()='Show all apps']/@href")
            self.assertEqual(back.removeprefix("/en"), "/my/apps")
            self.assertTrue(wrap.xpath("//input[@name='search']"))

    def test_filter_by_state_and_sort(self):
        states = {
            "anchor": "running",
            "buoy": "failed",
            "crane": "resetting",
            "dock": "stopped",
            "ebb": "degraded",
        }
        for name, state in states.items():
            self.another(name).sudo().write({"state": state})
        self.another("dock", self.int).sudo().write({"state": "failed"})
        self.env.flush_all()
        self.sign_in("anna")
        for filterby, found in (
            ("all", ["anchor", "buoy", "crane", "dock", "ebb", "shop"]),
            ("running", ["anchor"]),
            ("problem", ["buoy", "dock", "ebb"]),
            ("at_work", ["crane", "shop"]),
            ("stopped", ["dock"]),
            ("no such filter", ["anchor", "buoy", "crane", "dock", "ebb", "shop"]),
        ):
            with self.subTest(filterby):
                self.assertEqual(self.names(f"?filterby={quote(filterby)}"), found)
        # What needs somebody first, then what changes.
        self.assertEqual(
            self.names("?sortby=state"),
            ["buoy", "dock", "ebb", "crane", "shop", "anchor"],
        )
        self.env.cr.execute(
            "UPDATE kubernetes_app SET create_date = create_date - interval '1 day'"
            " WHERE name NOT IN ('crane', 'shop')"
        )
        self.env.cr.execute(
            "UPDATE kubernetes_app SET create_date = create_date + interval '1 day'"
            " WHERE name = 'shop'"
        )
        self.env.invalidate_all()
        self.assertEqual(self.names("?sortby=newest")[:2], ["shop", "crane"])
        _text, wrap = self.page("/my/apps?filterby=problem&sortby=state")
        self.assertEqual(len(wrap.xpath(".//section[h2='dock']/ul/li")), 2)

    def test_the_list_moves_on_until_nothing_runs(self):
        integration = self.another("shop", self.int)
        shown = (self.app | integration).ids
        self.sign_in("anna")
        _text, wrap = self.page("/my/apps")
        status = wrap.xpath("//div[@data-url]")[0]
        self.assertEqual(json.loads(status.get("data-params")), {"app_ids": shown})
        self.assertIsNone(status.get("data-ask-again"))

        def look():
            return self.make_jsonrpc_request("/my/apps/status", {"app_ids": shown})

        self.assertEqual(look()["ask_again"], 0)
        self.app._enqueue("deploy")
        self.env.flush_all()
        _text, wrap = self.page("/my/apps")
        status = wrap.xpath("//div[@data-url]")[0]
        self.assertEqual(status.get("data-ask-again"), "2")
        waiting = look()
        self.assertEqual(waiting["ask_again"], 2)
        self.assertIn("Being set up", waiting["html"])
        self.assertEqual(
            waiting["announcement"], "Being set up: 1, Waiting to be set up: 1"
        )
        self.finish(self.claim(self.app))
        done = look()
        self.assertEqual(done["ask_again"], 0)
        self.assertEqual(done["announcement"], "Running: 1, Waiting to be set up: 1")
        self.assertIn('href="http://shop.apps.example.com:8080"', done["html"])
        # What goes while somebody looks does not vanish under their eyes.
        self.app._enqueue("delete", {"keep_volumes": True})
        self.finish(self.claim(self.app))
        self.assertIn("Deleted", look()["html"])

    def test_the_lists_status_tells_of_the_own_apps_only(self):
        self.sign_in("anna")
        answer = self.make_jsonrpc_request(
            "/my/apps/status", {"app_ids": [self.other.id, self.app.id, 10**15, "x"]}
        )
        self.assertIn("shop.apps.example.com", answer["html"])
        self.assertNotIn("other", answer["html"])
        for app_ids in (None, "x", []):
            answer = self.make_jsonrpc_request("/my/apps/status", {"app_ids": app_ids})
            self.assertNotIn("shop", answer["html"])

    def test_the_list_refreshes_by_itself_in_the_browser(self):
        self.app._enqueue("deploy")
        self.env.flush_all()
        looks = []
        original = type(self.app)._customer_list_status

        def look(apps):
            looks.append(1)
            if len(looks) >= 3 and self.app.live_job_id:
                self.finish(self.claim(self.app))
                apps.invalidate_recordset()
            return original(apps)

        self.patch(type(self.app), "_customer_list_status", look)
        self.browser_js(
            "/my/apps",
            """
            const status = document.querySelector(".o_kubernetes_app_status");
            const waiting = status.textContent.includes("Being set up");
            const timer = setInterval(() => {
                const spoken = status.querySelector("[aria-live]").textContent;
                const open = status.querySelector("a[target=_blank]");
                if (waiting && open && spoken === "Running: 1") {
                    clearInterval(timer);
                    console.log("test successful");
                }
            }, 100);
            """,
            ready="!!document.querySelector('.o_kubernetes_app_status')",
            login="anna",
            cookies={"frontend_lang": "en_US"},
            timeout=300,
        )

    # -- detail ------------------------------------------------------------------

    def test_detail_shows_state_address_and_environment(self):
        self.sign_in("anna")
        text, wrap = self.page(f"/my/apps/{self.app.id}")
        self.assertIn("Waiting to be set up", text)
        self.assertIn("http://shop.apps.example.com:8080", text)
        self.assertIn("Production", text)
        # Nothing answers there yet, so it is no link.
        self.assertNotIn("http://shop.apps.example.com:8080", self.links(wrap))
        self.assertTrue(wrap.xpath("//div[@id='kubernetes_app_extra']"))

    def test_story_in_plain_words_never_technical_messages(self):
        self.app._enqueue("deploy")
        job = self.claim(self.app)
        job._record_steps(
            [
                self.step(1, "fetching", "done", "2 manifests, 9.4 KiB"),
                self.step(2, "waiting", "running", "odoo-6c9: ImagePullBackOff"),
                self.step(3, "something_newer", "warning", "namespace x"),
            ]
        )
        self.env.flush_all()
        self.sign_in("anna")
        text, wrap = self.page(f"/my/apps/{self.app.id}")
        self.assertIn("Being set up", text)
        self.assertIn("Starting the app in progress", text)
        self.assertIn("Gathering what your app needs done", text)
        self.assertIn("Working done, with a remark", text)
        for word in SECRET_WORDS:
            self.assertNotIn(word, text)
        status = wrap.xpath("//div[@data-url]")[0]
        self.assertEqual(status.get("data-ask-again"), "2")
        self.assertEqual(
            status.get("data-announcement"), "Being set up: Starting the app"
        )
        self.assertTrue(status.xpath("p[@role='status'][@aria-live='polite']"))

    def test_failure_in_plain_words(self):
        self.app._enqueue("deploy")
        job = self.claim(self.app)
        job._record_steps([self.step(1, "rendering", "failed", "traefik says no")])
        self.finish(
            job,
            "failed",
            {"code": "template_render", "message": "ImagePullBackOff", "hint": None},
        )
        self.sign_in("anna")
        text, wrap = self.page(f"/my/apps/{self.app.id}")
        self.assertIn("Needs our attention", text)
        self.assertIn("Our team sees it", text)
        self.assertIn("did not work", text)
        self.assertIn("What you get Your app Our team takes care of it", text)
        for word in SECRET_WORDS:
            self.assertNotIn(word, text)
        self.assertIsNone(wrap.xpath("//div[@data-url]")[0].get("data-ask-again"))

    def test_a_job_that_is_tried_again_says_so(self):
        self.app._enqueue("deploy")
        job = self.claim(self.app)
        job._record_steps([self.step(1, "applying", "running")])
        self.finish(
            job,
            "retry",
            {"code": "cluster_unreachable", "message": "traefik", "hint": None},
        )
        self.sign_in("anna")
        text, wrap = self.page(f"/my/apps/{self.app.id}")
        self.assertIn("We try again by ourselves", text)
        self.assertNotIn("traefik", text)
        self.assertEqual(wrap.xpath("//div[@data-url]")[0].get("data-ask-again"), "2")

    def test_running_app_is_linked(self):
        self.app._enqueue("deploy")
        self.finish(self.claim(self.app))
        self.sign_in("anna")
        text, wrap = self.page(f"/my/apps/{self.app.id}")
        self.assertIn("Running", text)
        self.assertIn("http://shop.apps.example.com:8080", self.links(wrap))

    def test_german(self):
        self.other._enqueue("deploy")
        self.claim(self.other)._record_steps([self.step(1, "applying", "running")])
        self.env.flush_all()
        self.sign_in("ben", "de_DE")
        text, _wrap = self.page("/my/apps")
        self.assertIn("Produktion", text)
        self.assertIn("Wird eingerichtet", text)
        for words in ("In Arbeit", "Mit Problemen", "Neueste"):
            self.assertIn(words, text)
        text, _wrap = self.page(f"/my/apps/{self.other.id}")
        self.assertIn("Letzter Vorgang", text)
        self.assertIn("Wird installiert läuft", text)

    # -- the page refreshes by itself --------------------------------------------

    def status(self, app):
        return self.make_jsonrpc_request(f"/my/apps/{app.id}/status", {})

    def test_status_moves_on_until_nothing_runs(self):
        self.sign_in("anna")
        self.assertEqual(self.status(self.app)["ask_again"], 0)
        self.app._enqueue("deploy")
        self.env.flush_all()
        waiting = self.status(self.app)
        self.assertEqual(waiting["ask_again"], 2)
        self.assertIn("It begins within moments", waiting["html"])
        job = self.claim(self.app)
        job._record_steps([self.step(1, "applying", "running")])
        self.env.flush_all()
        running = self.status(self.app)
        self.assertEqual(running["announcement"], "Being set up: Installing")
        self.finish(job)
        done = self.status(self.app)
        self.assertEqual(done["ask_again"], 0)
        self.assertEqual(done["announcement"], "Running")
        self.assertIn('href="http://shop.apps.example.com:8080"', done["html"])

    def test_page_refreshes_by_itself_in_the_browser(self):
        """A real browser: the page shows each change without a click."""
        self.app._enqueue("deploy")
        self.env.flush_all()
        # Somewhere else the waiting job is done before the third look at it.
        looks = []
        original = type(self.app)._customer_status

        def look(app):
            looks.append(1)
            if len(looks) >= 3 and app.sudo().live_job_id:
                self.finish(self.claim(app.with_user(SUPERUSER_ID)))
            return original(app)

        self.patch(type(self.app), "_customer_status", look)
        self.browser_js(
            f"/my/apps/{self.app.id}",
            """
            const status = document.querySelector(".o_kubernetes_app_status");
            const waiting = status.textContent.includes("It begins within moments");
            const timer = setInterval(() => {
                const over = status.textContent.includes("No details.");
                const spoken = status.querySelector("[aria-live]").textContent;
                if (waiting && over && spoken === "Running") {
                    clearInterval(timer);
                    console.log("test successful");
                }
            }, 100);
            """,
            ready="!!document.querySelector('.o_kubernetes_app_status')",
            login="anna",
            cookies={"frontend_lang": "en_US"},
            timeout=300,
        )
        self.assertEqual(self.app.state, "running")

    # -- not theirs --------------------------------------------------------------

    def test_another_customers_app_answers_as_if_it_did_not_exist(self):
        self.sign_in("anna")
        with mute_logger("odoo.http"):
            other = self.url_open(f"/my/apps/{self.other.id}")
            nothing = self.url_open("/my/apps/999999999")
        self.assertEqual(other.status_code, 404)
        self.assertEqual(nothing.status_code, 404)
        strip = str.maketrans("", "", "0123456789")
        self.assertEqual(
            html.fromstring(other.text).xpath("string(//main)").translate(strip),
            html.fromstring(nothing.text).xpath("string(//main)").translate(strip),
        )
        for app_id in (self.other.id, 999999999):
            with (
                self.assertRaises(JsonRpcException) as raised,
                mute_logger("odoo.http"),
            ):
                self.make_jsonrpc_request(f"/my/apps/{app_id}/status", {})
            self.assertEqual(str(raised.exception), "werkzeug.exceptions.NotFound")

    def test_an_employee_without_rights_finds_nothing(self):
        new_test_user(self.env, "employee", groups="base.group_user")
        self.sign_in("employee")
        with mute_logger("odoo.http"):
            answer = self.url_open(f"/my/apps/{self.app.id}")
        self.assertEqual(answer.status_code, 404)
        self.page("/my/apps")

    def test_visitors_have_to_sign_in(self):
        answer = self.url_open(f"/my/apps/{self.app.id}")
        self.assertIn("/web/login", answer.url)

    def test_deleted_app_leaves_the_list_and_says_so_on_its_page(self):
        self.app._enqueue("delete", {"keep_volumes": True})
        self.finish(self.claim(self.app))
        self.sign_in("anna")
        text, _wrap = self.page("/my/apps")
        self.assertIn("You have no apps yet", text)
        text, _wrap = self.page(f"/my/apps/{self.app.id}")
        self.assertIn("Deleted", text)
        self.assertIn("What is taken down Your app Your data is kept", text)


@tagged("post_install", "-at_install")
class TestPortalOnAPhone(KubernetesCase, HttpCase):
    """390 pixels are wide enough, also for the longest name."""

    browser_size = "390x844"
    touch_enabled = True

    def test_the_list_needs_no_scrolling_to_the_side(self):
        anna = new_test_user(self.env, "anna", groups="base.group_portal")
        name = "a-name-that-is-as-long-as-ours"
        for environment in self.prod | self.int:
            app = self.create_app(name, environment, partner_id=anna.partner_id.id)
            app.sudo().write({"state": "degraded"})
        self.env.flush_all()
        self.browser_js(
            "/my/apps",
            """
            const page = document.documentElement;
            const open = document.querySelectorAll(
                ".o_kubernetes_app_status a[target=_blank]"
            );
            const inside = [...open].every(
                (button) => button.getBoundingClientRect().right <= page.clientWidth
            );
            if (window.innerWidth !== 390) {
                console.error("as wide as " + window.innerWidth);
            } else if (page.scrollWidth > page.clientWidth) {
                console.error("scrolls to " + page.scrollWidth);
            } else if (open.length === 2 && inside) {
                console.log("test successful");
            } else {
                console.error(document.body.innerText);
            }
            """,
            ready="!!document.querySelector('section')",
            login="anna",
            timeout=300,
        )
