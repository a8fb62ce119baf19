# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from datetime import datetime, timedelta

from lxml import html

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import HttpCase, new_test_user, tagged

from ..tools.domains import DomainError, read_domain, shown
from .common import KubernetesCase, KubernetesQueueCase

NAME = "www.customer.example.org"


def found(name=NAME, **values):
    """What a worker tells of a domain whose records are right."""
    return {
        "name": name,
        "answered": True,
        "proven": True,
        "points": True,
        "message": "",
        "message_words": None,
        "certificate_ends": None,
        **values,
    }


class DomainCase(KubernetesQueueCase):
    """An app that runs, and a worker that looks at the DNS."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other_customer = cls.env["res.partner"].create({"name": "Other Customer"})

    def setUp(self):
        super().setUp()
        self.app = self.deployed()
        self.app.domains_allowed = True

    def add(self, name=NAME, app=None):
        return self.env["kubernetes.app.domain"].create(
            {"app_id": (app or self.app).id, "name": name}
        )

    def look(self, *items, app=None):
        """A worker looks, and tells this of the app's domains."""
        app = app or self.app
        app._check_domains_now()
        jobs = self.claim(limit=50, kinds=["domains"])
        job = jobs.filtered(lambda job: job.app_id == app)
        self.assertTrue(job, "a look was asked for")
        job._conclude(self.outcome("done", domains=list(items)))
        for other in jobs - job:
            other._conclude(self.outcome("released"))
        self.env.flush_all()
        return job

    def deploys(self, app=None):
        return self.jobs.search(
            [
                ("app_id", "=", (app or self.app).id),
                ("kind", "=", "deploy"),
                ("state", "=", "pending"),
            ]
        )

    def apply(self):
        """A worker does the deploy that waits."""
        job = self.claim(kinds=["deploy"])
        job._conclude(self.outcome("done", observation=self.observation("running")))
        return job


@tagged("post_install", "-at_install")
class TestDomainNames(KubernetesQueueCase):
    """What is a domain, and what is none that a customer can have."""

    def test_names_are_read_as_dns_has_them(self):
        for text, name in (
            ("www.example.com", "www.example.com"),
            ("  WWW.Example.COM. ", "www.example.com"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER.example", "xn--bcher-kva.example"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("例え.テスト", "xn--r8jz45g.xn--zckzah"),
            ("a-b.c1.example", "a-b.c1.example"),
            # As browsers do.
            ("a\u200bb.example.com", "ab.example.com"),
        ):
            with self.subTest(text=text):
                self.assertEqual(read_domain(text), name)
        self.assertEqual(shown("xn--bcher-kva.example"), "bücher.example")

    def test_what_is_no_domain_is_refused_by_what_it_is(self):
        for text, code in (
            ("", "empty"),
            ("*.example.com", "wildcard"),
            ("192.0.2.7", "address"),
            ("[2001:db8::1]", "address"),
            ("2001:db8::1", "address"),
            ("127.1", "address"),
            ("1.2.3.0x7f", "address"),
            ("https://www.example.com", "url"),
            ("www.example.com/shop", "url"),
            ("www.example.com:8080", "url"),
            ("somebody@example.com", "url"),
            ("www example.com", "url"),
            ("example", "single"),
            ("localhost", "single"),
            ("shop.localhost", "nobody"),
            ("shop.default.svc", "nobody"),
            ("shop.svc.cluster.local", "nobody"),
            ("_dmarc.example.com", "letters"),
            ("-a.example.com", "letters"),
            ("a..example.com", "letters"),
            (".example.com", "letters"),
            ("www.example.com..", "letters"),
            ("xn--a.example.com", "letters"),
            ('a"b.example.com', "letters"),
            ("{{x}}.example.com", "letters"),
            (f"{64 * 'a'}.example.com", "long"),
            (".".join(60 * ["abcd"]) + ".example", "long"),
        ):
            with self.subTest(text=text), self.assertRaises(DomainError) as refused:
                read_domain(text)
            self.assertEqual(refused.exception.code, code, text)


@tagged("post_install", "-at_install")
class TestAppDomain(DomainCase):
    """An app's domains: who has them, what is served, and what names them."""

    def test_an_unproven_domain_reaches_no_manifest(self):
        domain = self.add("WWW.Customer.Example.org.")
        self.assertEqual((domain.name, domain.state), (NAME, "waiting"))
        self.assertFalse(domain.is_proven)
        self.assertEqual(domain.record_value, self.app.hostname)
        self.assertEqual(domain.proof_name, f"_chandlery.{NAME}")
        self.assertIn(domain.token, domain.proof_value)
        self.assertEqual(self.app._contract_values()["domains"], [])
        self.assertEqual(
            self.app._contract_values()["primary_hostname"], self.app.hostname
        )
        self.assertFalse(self.deploys())
        job = self.claim(kinds=["domains"])
        self.assertEqual(
            job._contract_values()["options"],
            {
                "domains": [
                    {
                        "name": NAME,
                        "proof_name": f"_chandlery.{NAME}",
                        "proof": domain.proof_value,
                        "by_cname": True,
                    }
                ]
            },
        )

    def test_only_what_is_proven_and_leads_here_is_served(self):
        domain = self.add()
        for proven, points, state in (
            (False, False, "waiting"),
            (False, True, "unproven"),
            (True, False, "waiting"),
        ):
            self.look(found(proven=proven, points=points))
            self.assertEqual(domain.state, state)
            self.assertFalse(self.app.served_domains)
        self.look(found())
        self.assertEqual((domain.state, domain.is_primary), ("active", True))
        self.assertEqual(self.app.served_domains, [NAME])
        self.assertEqual(self.app._contract_values()["domains"], [NAME])
        self.assertEqual(self.app.url, f"http://{NAME}:8080")
        self.assertTrue(self.deploys(), "it goes to the cluster by itself")
        self.assertIn("Domains", self.app.change_text)
        self.apply()
        self.assertFalse(self.app.is_changed)

    def test_what_somebody_has_yet_to_apply_is_not_applied_along(self):
        self.app.config_map_line_ids[0].value = "odoo:20.0"
        self.env.cr.precommit.run()
        self.add()
        self.look(found())
        self.assertFalse(self.deploys())
        self.assertIn(NAME, self.app.change_text)

    def test_what_a_running_deploy_has_taken_along_holds_no_domain_back(self):
        domain, other = self.add(), self.add("shop.customer.example.org")
        self.look(found(), found(other.name))
        with_it = self.claim(kinds=["deploy"])
        domain.unlink()
        without_it = self.deploys()
        self.assertTrue(without_it, "it leaves the cluster by itself")
        with_it._conclude(self.outcome("done", observation=self.observation("running")))
        self.assertTrue(self.app.is_changed)
        self.assertEqual(self.apply(), without_it)
        self.assertFalse(self.app.is_changed)

        self.app.config_map_line_ids[0].value = "odoo:20.0"
        self.env.cr.precommit.run()
        self.app._enqueue("deploy")
        self.claim(kinds=["deploy"])
        other.enabled = False
        self.assertTrue(self.deploys(), "somebody has applied what else is changed")

    def test_a_domain_goes_after_the_deploy_that_was_to_bring_it_was_cancelled(self):
        domain = self.add()
        self.look(found())
        self.deploys().action_cancel()
        domain.enabled = False
        self.assertTrue(self.deploys())

    def test_the_next_one_is_named_when_the_primary_one_goes(self):
        first, second = self.add(), self.add("shop.customer.example.org")
        self.look(found(), found(second.name))
        self.assertEqual(self.app.served_domains, [first.name, second.name])
        second.action_primary()
        self.assertEqual(self.app.served_domains, [second.name, first.name])
        self.assertEqual(self.app.url, f"http://{second.name}:8080")
        self.assertEqual(
            self.app._contract_values()["url"], f"http://{second.name}:8080"
        )
        second.unlink()
        self.assertEqual(self.app.url, f"http://{first.name}:8080")
        first.enabled = False
        self.assertFalse(self.app.served_domains)
        self.assertEqual(self.app.url, f"http://{self.app.hostname}:8080")
        first.enabled = True
        self.assertEqual(self.app.url, f"http://{first.name}:8080")
        self.assertTrue(first.is_proven, "it stayed the app's")

    def test_a_changed_name_has_to_be_proven_anew(self):
        domain = self.add()
        token = domain.token
        self.look(found())
        domain.name = "new.customer.example.org"
        self.assertEqual((domain.state, domain.is_proven), ("waiting", False))
        self.assertNotEqual(domain.token, token)
        self.assertFalse(self.app.served_domains)

    def test_nobody_takes_a_domain_by_typing_it(self):
        other = self.create_app("other", partner_id=self.other_customer.id)
        mine, theirs = self.add(), self.add(app=other)
        self.assertEqual((mine.state, theirs.state), ("waiting", "waiting"))
        self.look(found())
        self.assertTrue(mine.is_proven)
        # Their TXT record would prove it, too: it is another app's by now.
        self.look(found(), app=other)
        self.assertEqual((theirs.state, theirs.is_proven), ("taken", False))
        self.assertEqual(self.app.served_domains, [NAME])
        self.assertFalse(other.served_domains)
        with self.assertRaisesRegex(ValidationError, "belongs to another app"):
            self.add(app=self.create_app("third"))

    def test_of_two_who_prove_it_at_once_the_index_lets_one(self):
        other = self.create_app("other", partner_id=self.other_customer.id)
        mine, theirs = self.add(), self.add(app=other)
        self.look(found())
        # As if the other transaction had not seen it.
        nobody = self.env["kubernetes.app.domain"]
        self.patch(type(nobody), "_holder", lambda domain, name: nobody)
        self.look(found(), app=other)
        self.assertTrue(mine.is_proven)
        self.assertEqual((theirs.is_proven, theirs.state), (False, "taken"))

    def test_whose_record_went_loses_it_to_who_proves_it(self):
        other = self.create_app("other", partner_id=self.other_customer.id)
        mine = self.add()
        self.look(found())
        self.apply()
        self.look(found(proven=False, points=False))
        self.assertEqual(mine.state, "lost")
        self.assertEqual(self.app.served_domains, [NAME], "for some days")
        theirs = self.add(app=other)
        self.look(found(), app=other)
        self.assertTrue(theirs.is_proven)
        self.assertEqual((mine.is_proven, self.app.served_domains), (False, False))
        self.assertTrue(self.deploys(), "the cluster is told at once")

    def test_a_record_that_is_removed_is_told_and_the_domain_goes_after_days(self):
        domain = self.add()
        self.look(found())
        self.look(found(proven=False, points=False, message="No record."))
        self.assertEqual((domain.state, domain.message), ("lost", "No record."))
        rows = self.env["kubernetes.attention"].search([("app_id", "=", self.app.id)])
        self.assertIn("domain_lost", rows.mapped("reason"))
        self.look(found())
        self.assertEqual((domain.state, domain.lost_at), ("active", False))
        self.look(found(proven=False))
        domain.lost_at -= timedelta(days=3)
        self.look(found(proven=False))
        self.assertEqual((domain.state, domain.is_proven), ("waiting", False))
        self.assertFalse(self.app.served_domains)

    def test_what_the_dns_does_not_answer_changes_nothing(self):
        domain = self.add()
        self.look(found())
        self.look(found(answered=False, proven=False, points=False))
        self.assertEqual((domain.state, domain.is_proven), ("active", True))
        self.assertEqual(self.app.served_domains, [NAME])

    def test_looks_come_again_by_themselves_less_and_less_often(self):
        domain = self.add()
        pauses = []
        for _ in range(12):
            self.look(found(proven=False, points=False))
            pauses.append(domain._next_look())
        self.assertEqual(pauses[:3], [1, 2, 4])
        self.assertEqual(pauses[-1], 360)
        waiting = self.jobs.search(
            [("app_id", "=", self.app.id), ("kind", "=", "domains")], limit=1
        )
        self.assertEqual(waiting.state, "pending")
        self.assertGreater(waiting.run_at, fields.Datetime.now() + timedelta(hours=5))

    def test_a_look_that_fails_comes_again(self):
        self.add()
        self.look_fails()
        again = self.jobs.search(
            [
                ("app_id", "=", self.app.id),
                ("kind", "=", "domains"),
                ("state", "=", "pending"),
            ]
        )
        self.assertTrue(again)
        self.assertEqual(self.app.state, "running", "it is no matter of the app's")

    def look_fails(self):
        job = self.claim(kinds=["domains"])
        job._conclude(self.outcome("failed", "internal"))
        self.env.flush_all()

    def test_what_is_ours_is_refused(self):
        base = "https://portal.harbour.example.net:8443"
        self.env["ir.config_parameter"].set_param("web.base.url", base)
        archived = self.env["kubernetes.cluster"].create(
            {"name": "old", "domain": "old.example.net", "active": False}
        )
        for name in (
            self.app.hostname,
            self.cluster.domain,
            f"free.{self.cluster.domain}",
            f"a.b.{self.cluster.domain.upper()}.",
            f"x.{archived.domain}",
            "portal.harbour.example.net",
        ):
            with (
                self.subTest(name=name),
                self.assertRaisesRegex(ValidationError, "is ours"),
            ):
                self.add(name)
        # Beside it is not below it.
        self.add(f"not-{self.cluster.domain}")

    def test_a_hostname_that_was_anothers_is_no_proof_by_cname(self):
        former = self.create_app("harbour", partner_id=self.other_customer.id)
        former._enqueue("delete")
        self.claim(kinds=["delete"])._conclude(
            self.outcome("done", namespace_deleted=True)
        )
        app = self.create_app("harbour")
        self.assertEqual(app.hostname, former.hostname)
        domain = self.add(app=app)
        self.assertFalse(domain.by_cname)
        self.assertTrue(self.add("own.customer.example.org").by_cname)

    def test_the_domains_of_an_app_that_changes_hands_end_with_it(self):
        self.add()
        self.look(found())
        self.assertEqual(self.app.served_domains, [NAME])
        self.app.partner_id = self.other_customer
        self.assertFalse(self.app.domain_ids)
        self.assertFalse(self.app.served_domains)
        self.assertTrue(self.deploys(), "the app no longer answers there")
        # The former customer's CNAME record still leads to the app.
        self.assertFalse(self.add().by_cname)

    def test_a_domain_stays_with_its_app(self):
        domain = self.add()
        with self.assertRaisesRegex(UserError, "stays with its app"):
            domain.app_id = self.create_app("other")

    def test_no_more_than_twenty(self):
        self.app.domain_ids = [
            Command.create({"name": f"d{n}.customer.example.org"}) for n in range(20)
        ]
        with self.assertRaisesRegex(UserError, "20 domains at most"):
            self.add()

    def test_a_deleted_app_lets_its_domains_go(self):
        self.add()
        self.look(found())
        self.apply()
        self.app._enqueue("delete")
        self.claim(kinds=["delete"])._conclude(
            self.outcome("done", namespace_deleted=True)
        )
        self.assertFalse(self.app.domain_ids)
        other = self.create_app("other", partner_id=self.other_customer.id)
        self.add(app=other)
        self.look(found(), app=other)
        self.assertEqual(other.served_domains, [NAME])

    def test_the_link_is_http_where_nobody_makes_a_certificate(self):
        self.cluster.url_pattern = "https://{hostname}"
        self.add()
        self.look(found())
        self.assertEqual(self.app.url, f"http://{NAME}")
        self.cluster.tls_issuer = "letsencrypt"
        self.assertEqual(self.app.url, f"https://{NAME}")
        values = self.cluster._contract_values()
        self.assertEqual(values["tls_issuer"], "letsencrypt")
        self.assertIn("TLS Issuer", self.app.change_text)
        with self.assertRaises(ValidationError):
            self.cluster.tls_issuer = "Let's Encrypt"

    def test_the_end_of_a_certificate_is_watched(self):
        self.add()
        ends = datetime.now().replace(microsecond=7) + timedelta(days=60)
        self.look(found(certificate_ends=ends))
        self.assertEqual(
            self.app.domain_ids.certificate_ends, ends.replace(microsecond=0)
        )
        attention = self.env["kubernetes.attention"]
        mine = [("app_id", "=", self.app.id), ("reason", "=", "certificate_ends")]
        self.assertFalse(attention.search(mine))
        self.look(found(certificate_ends=ends - timedelta(days=50)))
        row = attention.search(mine)
        self.assertIn(NAME, row.message)
        self.assertIn("cert-manager", row.hint)

    def test_operators_only_of_their_company(self):
        domain = self.add()
        operator = self.create_user("operator")
        domain.with_user(operator).enabled = False
        user = self.create_user("user")
        with self.assertRaises(AccessError):
            domain.with_user(user).enabled = True
        for values in ({"is_proven": True}, {"state": "active"}, {"token": "x"}):
            with self.subTest(values=values), self.assertRaises(AccessError):
                domain.with_user(operator).write(values)
        with self.assertRaises(AccessError):
            self.app.with_user(operator).served_domains = ["x.example.org"]


@tagged("post_install", "-at_install")
class TestDomainsInThePortal(KubernetesCase, HttpCase):
    """The customer adds, orders and removes domains where the product allows it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.user = new_test_user(
            cls.env, "domain-customer", groups="base.group_portal", lang="en_US"
        )
        cls.stranger = new_test_user(
            cls.env, "domain-stranger", groups="base.group_portal", lang="en_US"
        )
        cls.app = cls.create_app(partner_id=cls.user.partner_id.id)
        cls.app.domains_allowed = True

    def send(self, path="", **values):
        page = self.url_open(f"/my/apps/{self.app.id}").text
        self.csrf = page.partition('name="csrf_token" value="')[2].partition('"')[0]
        if not self.csrf:
            self.csrf = page.partition('csrf_token: "')[2].partition('"')[0]
        answer = self.url_open(
            f"/my/apps/{self.app.id}/domains{path}",
            data={"csrf_token": self.csrf, **values},
        )
        self.env.invalidate_all()
        return answer

    def test_a_customer_adds_a_domain_and_sees_the_record_to_set(self):
        self.authenticate("domain-customer", "domain-customer")
        page = self.send(name="WWW.customer.example.org.").text
        domain = self.app.domain_ids
        self.assertEqual(domain.name, NAME)
        self.assertIn("Waiting for the record", page)
        for text in (self.app.hostname, domain.proof_name, domain.proof_value):
            self.assertIn(text, page)
        self.assertNotIn("Make main address", page)
        author = self.app.message_ids.filtered(lambda m: NAME in (m.body or ""))
        self.assertEqual(author.author_id, self.user.partner_id)

    def test_what_cannot_be_added_is_said_and_what_was_typed_stays(self):
        self.authenticate("domain-customer", "domain-customer")
        for name, words in (
            ("*.example.org", "many domains"),
            ("192.0.2.1", "an address and not a domain"),
            (self.app.hostname, "is ours"),
            ('"><script>x', "This is not a domain"),
        ):
            page = self.send(name=name).text
            self.assertIn(words, page)
            self.assertNotIn("<script>x", page)
        self.assertFalse(self.app.domain_ids)
        self.send(name=NAME)
        self.assertIn("has this domain already", self.send(name=NAME).text)

    def test_order_switch_change_and_remove(self):
        self.authenticate("domain-customer", "domain-customer")
        for name in (NAME, "shop.customer.example.org"):
            self.send(name=name)
        first, second = self.app.domain_ids
        (first | second).sudo().write({"is_proven": True, "state": "active"})
        self.app._serve_domains()
        self.send(f"/{second.id}/primary")
        self.assertEqual(self.app.served_domains, [second.name, first.name])
        self.send(f"/{second.id}/disable")
        self.assertEqual(self.app.served_domains, [first.name])
        self.send(f"/{second.id}/enable")
        self.assertEqual(len(self.app.served_domains), 2)
        self.send(f"/{second.id}/change", name="other.customer.example.org")
        self.assertEqual(second.name, "other.customer.example.org")
        self.assertEqual(self.app.served_domains, [first.name])
        self.send(f"/{second.id}/check")
        page = html.fromstring(self.url_open(f"/my/apps/{self.app.id}").text)
        asks = page.xpath("//details[not(@open)][.//button[@data-action='delete']]")
        self.assertEqual(len(asks), 2, "no domain goes by one press")
        self.assertIn(
            f"answers at {second.name}", " ".join(asks[1].text_content().split())
        )
        self.send(f"/{second.id}/delete")
        self.assertEqual(self.app.domain_ids, first)

    def test_where_it_is_not_allowed(self):
        self.app.domains_allowed = False
        self.authenticate("domain-customer", "domain-customer")
        page = self.send(name=NAME).text
        self.assertFalse(self.app.domain_ids)
        self.assertNotIn("Add domain", page)

    def test_nobody_reaches_anothers_domains(self):
        domain = self.env["kubernetes.app.domain"].create(
            {"app_id": self.app.id, "name": NAME}
        )
        self.authenticate("domain-customer", "domain-customer")
        self.send(name="mine.customer.example.org")
        token = self.csrf
        other = self.create_app("other", partner_id=self.stranger.partner_id.id)
        theirs = self.env["kubernetes.app.domain"].create(
            {"app_id": other.id, "name": "theirs.example.org"}
        )
        other.domains_allowed = True
        for path in (
            f"/my/apps/{other.id}/domains",
            f"/my/apps/{other.id}/domains/{theirs.id}/delete",
        ):
            answer = self.url_open(path, data={"csrf_token": token, "name": "x.org"})
            self.assertEqual(answer.status_code, 404)
        # By way of an app of one's own, too.
        answer = self.send(f"/{theirs.id}/delete")
        self.assertIn("does not have this domain", answer.text)
        self.assertTrue(theirs.exists() and domain.exists())
        with self.assertRaises(AccessError):
            theirs.with_user(self.user).read(["token"])
