# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The Mailgun double answers as Mailgun's documentation says, to the letter."""

import base64
import http.client
import json
import signal
import subprocess
import sys
import tempfile
import unittest
import urllib.parse
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
KEY = "key-of-the-test"
NAME = "shop.apps.example.com"
BOUNDARY = "a-boundary"


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.type = response.headers.get_content_type()
        self.text = response.read().decode()

    @property
    def json(self):
        return json.loads(self.text)

    @property
    def message(self):
        return self.json["message"]


class Double:
    """The program itself, as ``make demo`` runs it."""

    def __init__(self, folder):
        self.folder = folder
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-B", "-m", "testbed.mailgun_double"),
                *("--port", "0", "--eu-port", "0", "--key", KEY),
                *("--state", self.folder),
            ],
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.ports = {}
        for _ in range(2):
            region, url = self.process.stdout.readline().split()
            self.ports[region] = urllib.parse.urlsplit(url).port
        self.notice = self.process.stdout.readline()

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.stdout.close()
        return self.process.wait(30)

    def request(self, method, path, body=None, headers=(), region="us"):
        connection = http.client.HTTPConnection("127.0.0.1", self.ports[region], 30)
        try:
            connection.request(method, path, body, dict(headers))
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def call(self, method, path, fields=None, user="api", key=KEY, region="us"):
        """A request as the documentation wants it: multipart, basic auth."""
        pair = base64.b64encode(f"{user}:{key}".encode()).decode()
        headers = {"Authorization": f"Basic {pair}"}
        body = None
        if fields is not None:
            headers["Content-Type"] = f"multipart/form-data; boundary={BOUNDARY}"
            body = multipart(fields)
        return self.request(method, path, body, headers, region)

    def steer(self, method, path, given=None):
        body = None if given is None else json.dumps(given)
        answer = self.request(method, f"/_double/{path}", body)
        assert answer.status == 200, answer.text
        return answer.json


def multipart(fields):
    pairs = fields.items() if isinstance(fields, dict) else fields
    parts = [
        f"--{BOUNDARY}\r\n"
        f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in pairs
    ]
    return ("".join(parts) + f"--{BOUNDARY}--\r\n").encode()


class DoubleTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.double = Double(folder.name)
        cls.addClassCleanup(cls.double.stop)

    def setUp(self):
        self.double.steer("DELETE", "state")

    def call(self, *args, **kwargs):
        return self.double.call(*args, **kwargs)

    def steer(self, *args):
        return self.double.steer(*args)

    def refused(self, status, message, *args, **kwargs):
        answer = self.call(*args, **kwargs)
        self.assertEqual((answer.status, answer.message), (status, message))
        return answer

    def create(self, name=NAME, region="us", **fields):
        fields = {"name": name, **fields}
        answer = self.call("POST", "/v4/domains", fields, region=region)
        self.assertEqual(answer.status, 200, answer.text)
        return answer.json

    def send(self, *more, name=NAME, **fields):
        message = {
            "from": f"Shop <shop@{NAME}>",
            "to": "alice@example.org",
            "subject": "Grüezi",
            "text": "Your app runs.",
            **fields,
        }
        pairs = [item for item in message.items() if item[1] is not None]
        return self.call("POST", f"/v3/{name}/messages", [*pairs, *more])

    def publish(self, records):
        self.steer(
            "POST",
            "dns",
            {
                "records": [
                    {
                        "type": record["record_type"],
                        "name": record["name"],
                        "value": record["value"],
                        "priority": record.get("priority"),
                    }
                    for record in records
                ]
            },
        )


class TestAccess(DoubleTest):
    def test_it_says_clearly_that_it_is_a_double(self):
        self.assertIn("no mail leaves this machine", self.double.notice)
        page = self.double.request("GET", "/_double/")
        self.assertIn("no mail leaves this machine", page.text)

    def test_a_wrong_key_or_user_or_none_is_401(self):
        for user, key in (("api", "wrong"), ("key", KEY), ("", "")):
            self.refused(
                401, "Invalid private key", "GET", "/v4/domains", user=user, key=key
            )
        self.assertEqual(self.double.request("GET", "/v4/domains").status, 401)
        bearer = {"Authorization": f"Bearer {KEY}"}
        answer = self.double.request("GET", "/v4/domains", headers=bearer)
        self.assertEqual(answer.status, 401)

    def test_what_is_no_part_of_the_api_is_404_without_json(self):
        for method, path in (
            ("GET", "/v5/domains"),
            ("POST", "/v3/domains"),
            ("GET", "/"),
            ("GET", "/v4/domains/"),
        ):
            answer = self.call(method, path)
            self.assertEqual((answer.status, answer.type), (404, "text/html"))

    def test_forms_must_be_multipart(self):
        for kind in ("application/json", "application/x-www-form-urlencoded"):
            pair = base64.b64encode(f"api:{KEY}".encode()).decode()
            headers = {"Authorization": f"Basic {pair}", "Content-Type": kind}
            body = f"name={NAME}"
            answer = self.double.request("POST", "/v4/domains", body, headers)
            self.assertEqual(answer.status, 400)
            self.assertIn("multipart/form-data", answer.message)
        self.assertEqual(self.steer("GET", "domains"), [])

    def test_a_message_may_be_urlencoded(self):
        self.create()
        pair = base64.b64encode(f"api:{KEY}".encode()).decode()
        headers = {
            "Authorization": f"Basic {pair}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        body = urllib.parse.urlencode(
            {"from": f"a@{NAME}", "to": "b@example.org", "text": "ä"}
        )
        answer = self.double.request("POST", f"/v3/{NAME}/messages", body, headers)
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.steer("GET", "messages")[0]["text"], "ä")

    def test_a_body_that_is_no_multipart_is_400(self):
        pair = base64.b64encode(f"api:{KEY}".encode()).decode()
        headers = {
            "Authorization": f"Basic {pair}",
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        }
        answer = self.double.request("POST", "/v4/domains", "name=x", headers)
        self.assertEqual(answer.status, 400)

    def test_more_than_300_requests_a_minute_are_429_with_retry_seconds(self):
        for _ in range(300):
            self.assertEqual(self.call("GET", "/v4/domains").status, 200)
        answer = self.call("GET", "/v4/domains")
        self.assertEqual(answer.status, 429)
        self.assertTrue(1 <= answer.json["retry-seconds"] <= 60, answer.text)
        self.assertEqual(self.send().status, 404, "messages are not limited")
        self.steer("POST", "settings", {"rate_limit": 0})
        self.assertEqual(self.call("GET", "/v4/domains").status, 200)


class TestDomains(DoubleTest):
    def test_a_new_domain_is_unverified_and_tells_its_records(self):
        made = self.create()
        self.assertEqual(made["message"], "Domain DNS records have been created")
        self.assertEqual(made["domain"]["state"], "unverified")
        self.assertEqual(made["domain"]["smtp_login"], f"postmaster@{NAME}")
        self.assertNotIn("smtp_password", made["domain"])
        kinds = [record["record_type"] for record in made["sending_dns_records"]]
        self.assertEqual(kinds, ["TXT", "TXT", "CNAME"])
        mx = made["receiving_dns_records"][0]
        self.assertEqual((mx["value"], mx["priority"]), ("mxa.mailgun.org", "10"))
        seen = self.call("GET", f"/v4/domains/{NAME}").json
        self.assertEqual(seen["domain"], made["domain"])
        self.assertEqual(seen["sending_dns_records"], made["sending_dns_records"])
        self.assertNotIn("message", seen)

    def test_the_password_of_postmaster_is_told_once(self):
        made = self.create(smtp_password="secret-enough")
        self.assertEqual(made["domain"]["smtp_password"], "secret-enough")
        seen = self.call("GET", f"/v4/domains/{NAME}").json
        self.assertNotIn("smtp_password", seen["domain"])

    def test_bad_parameters_are_400(self):
        for fields, message in (
            ({"web_prefix": "x"}, "name is required"),
            ({"name": "shop"}, "shop is not a valid domain name"),
            ({"name": "-a.example.com"}, "-a.example.com is not a valid domain name"),
            ({"name": NAME, "nmae": "x"}, "unknown parameter: nmae"),
            (
                {"name": NAME, "dkim_key_size": "512"},
                "dkim_key_size must be one of 1024, 2048",
            ),
            (
                {"name": NAME, "spam_action": "delete"},
                "spam_action must be one of disabled, block, tag",
            ),
            (
                {"name": NAME, "wildcard": "maybe"},
                "wildcard must be one of true, yes, false, no",
            ),
            (
                {"name": NAME, "web_scheme": "ftp"},
                "web_scheme must be one of http, https",
            ),
            (
                {"name": NAME, "dkim_selector": "a.b"},
                "dkim_selector must be a valid atom",
            ),
            (
                {"name": NAME, "smtp_password": "x" * 33},
                "password should be in range 5-32 characters",
            ),
        ):
            with self.subTest(fields=fields):
                self.refused(400, message, "POST", "/v4/domains", fields)
        self.assertEqual(self.steer("GET", "domains"), [])

    def test_an_unknown_domain_is_404(self):
        for method, path, fields in (
            ("GET", f"/v4/domains/{NAME}", None),
            ("PUT", f"/v4/domains/{NAME}/verify", None),
            ("DELETE", f"/v3/domains/{NAME}", None),
            ("GET", f"/v3/domains/{NAME}/credentials", None),
            (
                *("POST", f"/v3/domains/{NAME}/credentials"),
                {"login": "a", "password": "12345"},
            ),
            ("PUT", f"/v3/domains/{NAME}/dkim_selector", {"dkim_selector": "s"}),
        ):
            with self.subTest(method=method, path=path):
                self.refused(404, "Domain not found", method, path, fields)

    def test_an_own_name_exists_already(self):
        self.create()
        self.refused(
            *(400, f"Domain {NAME} already exists"),
            *("POST", "/v4/domains", {"name": NAME}),
        )

    def test_it_is_told_how_often_a_name_was_registered(self):
        for _ in range(2):
            self.create()
            self.call("DELETE", f"/v3/domains/{NAME}")
        self.steer("POST", "domains", {"name": NAME})
        self.assertEqual(self.steer("GET", "registrations"), [NAME, NAME])

    def test_a_domain_that_was_made_before_may_send(self):
        for _ in range(2):
            self.steer("POST", "domains", {"name": NAME})
        found = self.call("GET", f"/v4/domains/{NAME}").json["domain"]
        self.assertEqual(found["state"], "active")
        self.assertEqual(self.call("GET", "/v4/domains").json["total_count"], 1)

    def test_a_name_of_another_account_is_taken_and_not_shown(self):
        self.steer("POST", "taken", {"name": NAME})
        self.refused(
            *(400, f"Domain {NAME} is already taken"),
            *("POST", "/v4/domains", {"name": NAME}),
        )
        self.refused(404, "Domain not found", "GET", f"/v4/domains/{NAME}")
        self.assertEqual(self.call("GET", "/v4/domains").json["total_count"], 0)

    def test_a_domain_is_bound_to_its_region(self):
        made = self.create(region="eu")
        self.assertIn("eu.mailgun.org", made["sending_dns_records"][0]["value"])
        self.refused(404, "Domain not found", "GET", f"/v4/domains/{NAME}")
        self.refused(
            *(400, f"Domain {NAME} is already taken"),
            *("POST", "/v4/domains", {"name": NAME}),
        )
        seen = self.call("GET", f"/v4/domains/{NAME}", region="eu")
        self.assertEqual(seen.status, 200)

    def test_the_list_is_the_accounts_newest_first_in_pages(self):
        for name in ("a.example.com", "b.example.com", "c.example.net"):
            self.create(name)

        def names(query):
            listed = self.call("GET", f"/v4/domains?{query}").json
            return listed["total_count"], [item["name"] for item in listed["items"]]

        every = ["c.example.net", "b.example.com", "a.example.com"]
        self.assertEqual(names(""), (3, every))
        self.assertEqual(names("limit=1&skip=1"), (3, every[1:2]))
        self.assertEqual(names("search=example.com"), (2, every[1:]))
        self.assertEqual(names("state=active"), (0, []))
        for query in ("limit=1001", "limit=x", "skip=-1", "state=new"):
            answer = self.call("GET", f"/v4/domains?{query}")
            self.assertEqual(answer.status, 400, query)

    def test_a_new_domain_may_not_be_found_yet(self):
        self.steer("POST", "settings", {"not_found_for": 2})
        self.create()
        path = f"/v4/domains/{NAME}"
        self.assertEqual(self.call("GET", "/v4/domains").json["items"], [])
        self.refused(
            *(400, f"Domain {NAME} already exists"),
            *("POST", "/v4/domains", {"name": NAME}),
        )
        self.assertEqual(
            [self.call("GET", path).status for _ in range(3)], [404, 404, 200]
        )

    def test_a_deleted_domain_is_gone_and_its_name_free(self):
        self.create()
        self.refused(
            *(200, "Domain will be deleted in the background"),
            *("DELETE", f"/v3/domains/{NAME}"),
        )
        self.refused(404, "Domain not found", "DELETE", f"/v3/domains/{NAME}")
        self.create()

    def test_a_deleted_domain_may_still_be_there_for_a_while(self):
        self.steer("POST", "settings", {"delete_lag": 2})
        self.create()
        self.call("DELETE", f"/v3/domains/{NAME}")
        path = f"/v4/domains/{NAME}"
        self.assertEqual(
            [self.call("GET", path).status for _ in range(3)], [200, 200, 404]
        )

    def test_a_disabled_domain_is_not_deleted(self):
        self.create()
        self.steer("POST", f"domains/{NAME}", {"state": "disabled"})
        answer = self.call("DELETE", f"/v3/domains/{NAME}")
        self.assertEqual(answer.status, 403)
        seen = self.call("GET", f"/v4/domains/{NAME}").json["domain"]
        self.assertEqual((seen["state"], seen["is_disabled"]), ("disabled", True))

    def test_the_selector_names_the_dkim_record(self):
        made = self.create(dkim_selector="own")
        dkim = made["sending_dns_records"][1]
        self.assertEqual(dkim["name"], f"own._domainkey.{NAME}")
        path = f"/v3/domains/{NAME}/dkim_selector"
        answer = self.call("PUT", path, {"dkim_selector": "other"})
        self.assertEqual(answer.message, "updated dkim selector")
        seen = self.call("GET", f"/v4/domains/{NAME}").json
        self.assertEqual(
            seen["sending_dns_records"][1]["name"], f"other._domainkey.{NAME}"
        )
        self.refused(400, "dkim_selector param required", "PUT", path, {"x": "y"})

    def test_a_parent_of_the_account_signs_unless_told_otherwise(self):
        self.create("example.com")
        inherited = self.create()["sending_dns_records"][1]
        self.assertEqual(inherited["name"], "mx._domainkey.example.com")
        own = self.create("own.example.com", force_dkim_authority="true")
        self.assertEqual(
            own["sending_dns_records"][1]["name"], "mx._domainkey.own.example.com"
        )


class TestVerification(DoubleTest):
    def verify(self):
        answer = self.call("PUT", f"/v4/domains/{NAME}/verify").json
        self.assertEqual(answer["message"], "Domain DNS records have been updated")
        valid = [r["valid"] for r in answer["sending_dns_records"]]
        return answer["domain"]["state"], valid

    def test_without_records_it_stays_unverified(self):
        self.create()
        self.assertEqual(self.verify(), ("unverified", ["unknown"] * 3))

    def test_it_becomes_active_when_spf_and_dkim_are_published(self):
        records = self.create(dkim_key_size="2048")["sending_dns_records"]
        self.publish(records[:1])
        self.assertEqual(self.verify(), ("unverified", ["valid", "unknown", "unknown"]))
        self.publish(records[1:2])
        self.assertEqual(self.verify(), ("active", ["valid", "valid", "unknown"]))

    def test_publishing_alone_verifies_nothing(self):
        self.publish(self.create()["sending_dns_records"])
        seen = self.call("GET", f"/v4/domains/{NAME}").json
        self.assertEqual(seen["domain"]["state"], "unverified")

    def test_a_wrong_value_is_invalid_and_shown(self):
        record = self.create()["sending_dns_records"][0]
        self.publish([record | {"value": "v=spf1 -all"}])
        self.assertEqual(
            self.verify(), ("unverified", ["invalid", "unknown", "unknown"])
        )
        seen = self.call("GET", f"/v4/domains/{NAME}").json
        self.assertEqual(seen["sending_dns_records"][0]["cached"], ["v=spf1 -all"])

    def test_records_taken_away_make_it_unverified_again(self):
        self.publish(self.create()["sending_dns_records"])
        self.assertEqual(self.verify()[0], "active")
        self.steer("DELETE", "dns")
        self.assertEqual(self.verify()[0], "unverified")

    def test_dnsendpoint_objects_publish(self):
        made = self.create(dkim_key_size="2048")
        spf, dkim, cname = made["sending_dns_records"]
        long = dkim["value"]
        endpoint = {
            "apiVersion": "externaldns.k8s.io/v1alpha1",
            "kind": "DNSEndpoint",
            "metadata": {"namespace": "shop-prod", "name": "mail"},
            "spec": {
                "endpoints": [
                    {
                        "dnsName": NAME,
                        "recordType": "TXT",
                        "targets": [f'"{spf["value"]}"'],
                    },
                    {
                        "dnsName": dkim["name"] + ".",
                        "recordType": "TXT",
                        "targets": [f'"{long[:255]}" "{long[255:]}"'],
                    },
                    {
                        "dnsName": cname["name"],
                        "recordType": "CNAME",
                        "targets": [cname["value"] + "."],
                    },
                    {
                        "dnsName": NAME,
                        "recordType": "MX",
                        "targets": ["10 mxa.mailgun.org", "10 mxb.mailgun.org"],
                    },
                ]
            },
        }
        self.steer("POST", "dns", {"kind": "List", "items": [endpoint]})
        self.assertEqual(self.verify(), ("active", ["valid"] * 3))
        seen = self.call("GET", f"/v4/domains/{NAME}").json["receiving_dns_records"]
        self.assertEqual([record["valid"] for record in seen], ["valid", "valid"])
        endpoint["spec"]["endpoints"] = []
        self.steer("POST", "dns", endpoint)
        self.assertEqual(self.verify()[0], "unverified", "the object replaced itself")

    def test_what_is_no_record_is_refused(self):
        for given in ({}, 3, [3], {"records": [{}]}, {"kind": "DNSEndpoint"}):
            answer = self.double.request("POST", "/_double/dns", json.dumps(given))
            self.assertEqual(answer.status, 400, given)


class TestCredentials(DoubleTest):
    PATH = f"/v3/domains/{NAME}/credentials"

    def setUp(self):
        super().setUp()
        self.create()

    def accepted(self, password, login=f"app@{NAME}"):
        answer = self.steer(
            "POST", "smtp-login", {"login": login, "password": password}
        )
        return answer["accepted"]

    def test_they_are_created_changed_listed_and_deleted(self):
        self.refused(
            *(200, "Created 1 credentials pair(s)"),
            *("POST", self.PATH, {"login": f"app@{NAME}", "password": "first"}),
        )
        self.assertTrue(self.accepted("first"))
        self.refused(
            *(200, "Password changed"),
            *("PUT", f"{self.PATH}/app%40{NAME}", {"password": "second"}),
        )
        self.assertEqual(
            (self.accepted("first"), self.accepted("second")), (False, True)
        )
        listed = self.call("GET", self.PATH).json
        self.assertEqual(
            (listed["total_count"], listed["items"][0]["login"]), (1, f"app@{NAME}")
        )
        self.assertNotIn("password", listed["items"][0])
        self.refused(
            *(200, "Credentials have been deleted"),
            *("DELETE", f"{self.PATH}/app"),
        )
        self.assertFalse(self.accepted("second"))

    def test_bad_ones_are_400(self):
        length = "password should be in range 5-32 characters"
        good = {"login": "app", "password": "first"}
        self.refused(400, "login is required", "POST", self.PATH, {"password": "first"})
        for password in ("1234", "x" * 33):
            self.refused(
                400, length, "POST", self.PATH, {"login": "app", "password": password}
            )
        self.call("POST", self.PATH, good)
        self.refused(
            *(400, f"Credentials app@{NAME} already exist", "POST", self.PATH, good)
        )
        self.refused(400, length, "PUT", f"{self.PATH}/app", {"password": "x" * 33})

    def test_unknown_ones_are_404(self):
        for method, fields in (("PUT", {"password": "first"}), ("DELETE", None)):
            self.refused(
                404, "Credentials not found", method, f"{self.PATH}/app", fields
            )

    def test_passwords_are_not_kept(self):
        self.call("POST", self.PATH, {"login": "app", "password": "hunter22"})
        kept = Path(self.double.folder, "mailgun.json").read_text()
        self.assertIn("app@", kept)
        self.assertNotIn("hunter22", kept)


class TestMessages(DoubleTest):
    def setUp(self):
        super().setUp()
        self.create()

    def test_a_message_is_queued_and_kept_as_it_came(self):
        answer = self.send(
            ("h:Reply-To", "ops@example.com"),
            ("o:tag", "invitation"),
            ("o:tag", "prod"),
            ("v:app", "7"),
            html="<p>läuft</p>",
        ).json
        self.assertEqual(answer["message"], "Queued. Thank you.")
        self.assertRegex(answer["id"], rf"^<[^<>]+@{NAME}>$")
        (kept,) = self.steer("GET", "messages")
        self.assertEqual(kept["id"], answer["id"])
        self.assertEqual(kept["to"], ["alice@example.org"])
        self.assertEqual(kept["subject"], "Grüezi")
        self.assertEqual(kept["text"], "Your app runs.")
        self.assertEqual(kept["html"], "<p>läuft</p>")
        self.assertEqual(kept["headers"], [["Reply-To", "ops@example.com"]])
        self.assertEqual(kept["tags"], ["invitation", "prod"])
        self.assertEqual(kept["variables"], [["app", "7"]])

    def test_a_message_id_of_the_sender_is_used(self):
        answer = self.send(("h:Message-Id", "<mine@example.com>")).json
        self.assertEqual(answer["id"], "<mine@example.com>")

    def test_bad_messages_are_400_and_not_kept(self):
        for fields, message in (
            ({"from": None}, "from parameter is missing"),
            ({"to": None}, "to parameter is missing"),
            (
                {"to": "alice"},
                "'to' parameter is not a valid address. please check documentation",
            ),
            (
                {"from": "Shop <shop@>"},
                "'from' parameter is not a valid address. please check documentation",
            ),
            (
                {"text": None},
                "Need at least one of 'text', 'html', 'amp-html' or 'template'"
                " parameters specified",
            ),
            (
                {"html": "x", "template": "y"},
                "Only one parameters 'html' or 'template' is allowed",
            ),
            ({"h:Ä": "x"}, "Header name must be pure ASCII: Ä"),
            (
                {"v:long": "x" * 16384},
                "Send options (parameters starting with o:, h:, or v:)"
                " are limited to 16 kB total",
            ),
            (
                {"to": ", ".join(f"a{n}@example.org" for n in range(1001))},
                "Too many recipients; max is 1000",
            ),
        ):
            with self.subTest(message=message):
                answer = self.send(**fields)
                self.assertEqual((answer.status, answer.message), (400, message))
        self.assertEqual(self.steer("GET", "messages"), [])

    def test_an_unknown_domain_cannot_send(self):
        answer = self.send(name="other.example.com")
        self.assertEqual(
            (answer.status, answer.message),
            (404, "Domain not found: other.example.com"),
        )

    def test_a_disabled_domain_cannot_send(self):
        given = {"state": "disabled", "reason": "Too many bounces."}
        self.steer("POST", f"domains/{NAME}", given)
        answer = self.send()
        self.assertEqual(
            (answer.status, answer.message),
            (403, f"Domain {NAME} is not allowed to send: Too many bounces."),
        )

    def test_an_unverified_domain_sends_300_mails_a_day(self):
        many = ", ".join(f"a{n}@example.org" for n in range(299))
        self.assertEqual(self.send(to=many).status, 200)
        self.assertEqual(self.send().status, 200)
        answer = self.send()
        self.assertEqual(answer.status, 403)
        self.assertIn("unverified", answer.message)
        self.steer("POST", f"domains/{NAME}", {"state": "active"})
        self.assertEqual(self.send().status, 200)

    def test_the_mails_are_shown_on_a_page_that_a_phone_can_read(self):
        self.send(subject="<script>alert(1)</script>", html='<b class="x">runs</b>')
        page = self.double.request("GET", "/_double/").text
        self.assertIn('<meta name="viewport" content="width=device-width', page)
        self.assertIn("&lt;script&gt;alert(1)", page)
        self.assertNotIn("<script>", page)
        (mail,) = self.steer("GET", "messages")
        page = self.double.request("GET", f"/_double/mails/{mail['number']}").text
        self.assertIn("Your app runs.", page)
        self.assertIn('&lt;b class=&quot;x&quot;&gt;runs&lt;/b&gt;"></iframe>', page)
        self.assertNotIn("<script>", page)
        self.assertNotIn("allow-scripts", page)

    def test_no_mails_yet_is_said(self):
        self.assertIn("None yet.", self.double.request("GET", "/_double/").text)

    def test_mails_can_be_asked_for_by_recipient_and_forgotten(self):
        self.send()
        self.send(to="Bob <bob@example.org>")
        found = self.steer("GET", "messages?to=bob@example.org")
        self.assertEqual([mail["to"] for mail in found], [["Bob <bob@example.org>"]])
        self.steer("DELETE", "messages")
        self.assertEqual(self.steer("GET", "messages"), [])


class TestFaults(DoubleTest):
    def fault(self, fault, **more):
        self.steer("POST", "faults", {"fault": fault, **more})

    def test_each_fault_strikes_as_often_as_told(self):
        for fault, status, message in (
            ("unauthorized", 401, "Invalid private key"),
            ("server_error", 500, "Internal Server Error"),
            ("rate_limit", 429, "Too many requests"),
        ):
            self.fault(fault, count=2)
            self.refused(status, message, "GET", "/v4/domains")
            self.refused(status, message, "GET", "/v4/domains")
            self.assertEqual(self.call("GET", "/v4/domains").status, 200)

    def test_a_rate_limit_says_when_to_come_back(self):
        self.fault("rate_limit", seconds=7)
        answer = self.call("GET", "/v4/domains")
        self.assertEqual(answer.json["retry-seconds"], 7)

    def test_a_page_instead_of_json(self):
        self.fault("html", status=502)
        answer = self.call("GET", "/v4/domains")
        self.assertEqual((answer.status, answer.type), (502, "text/html"))

    def test_a_slow_answer_comes_after_the_work_was_done(self):
        self.fault("slow", seconds=0.2)
        self.create()
        self.assertEqual(len(self.steer("GET", "domains")), 1)

    def test_a_connection_cut_before_or_after_the_work(self):
        for when, made in (("before", 0), ("after", 1)):
            self.fault("cut", when=when)
            with self.assertRaises((http.client.HTTPException, ConnectionError)):
                self.call("POST", "/v4/domains", {"name": NAME})
            self.assertEqual(len(self.steer("GET", "domains")), made, when)

    def test_answers_can_say_little_or_nothing_or_be_written_otherwise(self):
        path = f"/v4/domains/{NAME}"
        self.create()
        whole = self.call("GET", path).json
        for fault, more, status in [("bare", {}, 200), ("empty", {"status": 204}, 204)]:
            self.fault(fault, **more)
            answer = self.call("GET", path)
            self.assertEqual(answer.status, status)
            self.assertEqual(answer.text, '{"message": "done"}' if not more else "")
        self.fault("odd")
        answer = self.call("GET", path).json
        self.assertEqual(answer["domain"]["name"], NAME)
        self.assertEqual(answer["domain"]["is_disabled"], "false")
        self.assertIn("added_later", answer["domain"])
        self.assertEqual(self.call("GET", path).json, whole)

    def test_faults_strike_only_where_told_and_can_be_taken_back(self):
        self.fault("server_error", method="POST", path="/messages")
        self.create()
        self.assertEqual(self.send().status, 500)
        self.assertEqual(self.send().status, 200)
        self.fault("server_error")
        self.assertEqual(len(self.steer("GET", "faults")), 1)
        self.steer("DELETE", "faults")
        self.assertEqual(self.call("GET", "/v4/domains").status, 200)

    def test_misspelt_faults_settings_and_states_are_refused(self):
        self.create()
        for path, given in (
            ("faults", {"fault": "fire"}),
            ("faults", {"fault": "cut", "when": "never"}),
            ("faults", {"fault": "cut", "count": 0}),
            ("settings", {"rate_limits": 3}),
            ("settings", {"rate_limit": -1}),
            ("settings", []),
            (f"domains/{NAME}", {"state": "happy"}),
            ("domains", {"name": "a b"}),
        ):
            answer = self.double.request("POST", f"/_double/{path}", json.dumps(given))
            self.assertEqual(answer.status, 400, given)
        answer = self.double.request("POST", "/_double/settings", "{")
        self.assertIn("not JSON", answer.message)


class TestRestart(unittest.TestCase):
    def test_everything_is_there_after_a_restart_and_after_a_kill(self):
        with tempfile.TemporaryDirectory() as folder:
            double = Double(folder)
            try:
                double.steer("POST", "settings", {"delete_lag": 3})
                double.steer("POST", "taken", {"name": "taken.example.com"})
                double.call("POST", "/v4/domains", {"name": NAME})
                fields = {"from": f"a@{NAME}", "to": "b@example.org", "text": "x"}
                double.call("POST", f"/v3/{NAME}/messages", fields)
                shown = {
                    what: double.steer("GET", what)
                    for what in ("domains", "messages", "settings", "faults", "dns")
                }
                for how, status in ((signal.SIGTERM, 0), (signal.SIGKILL, -9)):
                    self.assertEqual(double.stop(how), status)
                    double.start()
                    for what, before in shown.items():
                        self.assertEqual(double.steer("GET", what), before)
                answer = double.call(
                    "POST", "/v4/domains", {"name": "taken.example.com"}
                )
                self.assertEqual(answer.status, 400)
            finally:
                double.stop()

    def test_it_listens_on_loopback_only(self):
        with tempfile.TemporaryDirectory() as folder:
            double = Double(folder)
            try:
                port = f"{double.ports['us']:04X}"
                listening = [
                    line.split()[1]
                    for table in ("/proc/net/tcp", "/proc/net/tcp6")
                    for line in Path(table).read_text().splitlines()[1:]
                    if line.split()[3] == "0A" and line.split()[1].endswith(f":{port}")
                ]
                self.assertEqual(listening, [f"0100007F:{port}"])
            finally:
                double.stop()


if __name__ == "__main__":
    unittest.main()
