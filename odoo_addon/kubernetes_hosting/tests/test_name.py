# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import random

import yaml

from odoo.exceptions import ValidationError
from odoo.fields import Command

from .common import KubernetesTransactionCase


class TestName(KubernetesTransactionCase):
    """An app's name: a DNS label of 3 to 30 characters, lower case, not reserved, not
    taken and not colliding with another app's environment."""

    def assert_refused(self, name, message):
        with self.assertRaisesRegex(ValidationError, message):
            self.env["kubernetes.app"]._check_app_name(name)

    def test_good_names(self):
        for name in (
            "abc",
            "a-b",
            "3com",
            "0a7",
            "a" * 30,
            "nullx",
            "truely",
            "1e3x",
            "0x4g",
            "2026-1",
            "shop-2",
            "x-n--y",
        ):
            self.env["kubernetes.app"]._check_app_name(name)

    def test_bad_names_are_refused_with_the_reason(self):
        self.assert_refused("", "choose a name")
        self.assert_refused(False, "choose a name")
        self.assert_refused("ab", "3 to 30 characters")
        self.assert_refused("a" * 31, "3 to 30 characters")
        self.assert_refused("Shop", "lower-case")
        self.assert_refused("my shop", "letters a to z")
        self.assert_refused("my.shop", "letters a to z")
        self.assert_refused("müller", "letters a to z")
        self.assert_refused("shop\n", "letters a to z")
        self.assert_refused("-shop", "begins and ends")
        self.assert_refused("shop-", "begins and ends")
        self.assert_refused("xn--shop", "two hyphens")
        self.assert_refused("ab--cd", "two hyphens")

    def test_names_that_yaml_reads_as_something_else_are_refused(self):
        """What a customer calls an app never turns into null, a number or a date
        where a manifest has it without quotes."""
        names = (
            *("null", "true", "false", "yes", "off"),
            *("123", "007", "0755", "1e3", "12e-3", "1e400", "9" * 30),
            *("0x41", "0xfe", "0o17", "0b101"),
            *("2026-11-29", "2026-1-2", "2026-11-29t10"),
        )
        for name in names:
            self.assert_refused(name, "could be mistaken")
            with self.assertRaisesRegex(ValidationError, "could be mistaken"):
                self.create_app(name)
        # No other name of these signs is anything else to PyYAML.
        signs = "01289abefinlorstuxy-"
        source = random.Random(5)
        for _try in range(3000):
            name = "".join(source.choices(signs, k=source.randint(3, 10)))
            try:
                self.env["kubernetes.app"]._check_app_name(name)
            except ValidationError:
                continue
            self.assertEqual(yaml.safe_load(name), name)

    def test_reserved_names_are_refused(self):
        for name in ("www", "mail", "admin", "api", "kube-system", "kube-x"):
            self.assert_refused(name, "is reserved")

    def test_reserved_names_can_be_edited(self):
        reserved = self.env["kubernetes.reserved.name"]
        self.env["kubernetes.app"]._check_app_name("acme-shop")
        acme = reserved.create({"name": "acme-*"})
        self.assert_refused("acme-shop", "is reserved")
        acme.active = False
        self.env["kubernetes.app"]._check_app_name("acme-shop")
        for name in ("Acme", "a*b", "*", "a b"):
            with self.assertRaises(ValidationError):
                reserved.create({"name": name})

    def test_reserved_name_is_refused_when_an_app_is_created(self):
        with self.assertRaisesRegex(ValidationError, "is reserved"):
            self.create_app("www")

    def test_taken_name_is_refused_without_telling_who_has_it(self):
        self.create_app("shop")
        other = self.env["res.partner"].create({"name": "Other"})
        with self.assertRaises(ValidationError) as raised:
            self.create_app("shop", partner_id=other.id)
        self.assertEqual(
            str(raised.exception),
            "The name “shop” is already taken. Please choose another one.",
        )

    def test_name_colliding_with_another_apps_environment_is_refused(self):
        self.create_app("shop", self.int)
        with self.assertRaisesRegex(ValidationError, "already taken"):
            self.create_app("shop-int", self.prod)
        self.create_app("blue-int", self.prod)
        with self.assertRaisesRegex(ValidationError, "already taken"):
            self.create_app("blue", self.int)

    def test_same_name_in_two_environments(self):
        prod, integration = self.create_app("shop"), self.create_app("shop", self.int)
        self.assertEqual(prod.hostname, "shop.apps.example.com")
        self.assertEqual(integration.hostname, "shop-int.apps.example.com")
        self.assertEqual(integration.namespace_id.name, "shop-int")
        self.assertEqual(prod.sibling_count, 1)

    def test_take_is_all_or_nothing(self):
        hostnames = self.env["kubernetes.hostname"]
        self.create_app("shop", self.int)
        with self.assertRaisesRegex(ValidationError, "already taken"):
            hostnames._take(self.cluster, "shop", self.prod + self.int)
        self.assertTrue(hostnames._is_available(self.cluster, "shop", self.prod))
        self.assertFalse(
            hostnames._is_available(self.cluster, "shop", self.prod + self.int)
        )

    def test_availability_ignores_what_the_asker_holds(self):
        hostnames = self.env["kubernetes.hostname"]
        mine = hostnames._take(self.cluster, "shop", self.prod + self.int)
        both = self.prod + self.int
        self.assertFalse(hostnames._is_available(self.cluster, "shop", both))
        self.assertTrue(
            hostnames._is_available(self.cluster, "shop", both, ignore=mine)
        )
        self.assertFalse(
            hostnames._is_available(self.cluster, "shop", both, ignore=mine[0])
        )

    def test_app_takes_over_a_reserved_hostname(self):
        reserved = self.env["kubernetes.hostname"]._take(
            self.cluster, "shop", self.prod
        )
        app = self.create_app("shop", hostname_ids=[Command.link(reserved.id)])
        self.assertEqual(app.hostname_ids, reserved)
        self.assertEqual(app.hostname, "shop.apps.example.com")

    def test_app_refuses_a_hostname_that_is_not_its_own(self):
        reserved = self.env["kubernetes.hostname"]._take(
            self.cluster, "other", self.prod
        )
        with self.assertRaisesRegex(ValidationError, "reserved address"):
            self.create_app("shop", hostname_ids=[Command.link(reserved.id)])

    def test_longest_name_fits_everywhere(self):
        app = self.create_app("a" * 30, self.int)
        self.assertLessEqual(len(app.namespace_id.name), 63)
        self.assertLessEqual(len(app.hostname.split(".")[0]), 63)

    def test_copy_gets_a_name_of_its_own(self):
        app = self.create_app("shop")
        copy = app.copy()
        self.assertEqual(copy.name, "shop-2")
        self.assertEqual(copy.hostname, "shop-2.apps.example.com")
        self.assertEqual(copy.state, "new")
        self.assertEqual(
            copy.manifest_line_ids.manifest_id, app.manifest_line_ids.manifest_id
        )
        self.assertEqual(
            copy.config_map_id.line_ids.mapped("key"),
            app.config_map_id.line_ids.mapped("key"),
        )
        self.assertNotEqual(copy.config_map_id, app.config_map_id)
