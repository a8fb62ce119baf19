# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import base64
import random

import yaml

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, HttpCase, TransactionCase, tagged
from odoo.tools import mute_logger

from ..models import ansible_vars
from .common import KubernetesCase, KubernetesTransactionCase

VAULT = """!vault |
  $ANSIBLE_VAULT;1.2;AES256;prod
  3730363137323639373437390a646131356566663666313332333238333935316639303863323961
  376561343832613939386364633232306461616234393538636534326234643035636131390a3361
  636562323739303663353565626231646436366337653333356666323733
"""

# Each is a text that something on the way could take for something else.
TEXTS = [
    "",
    " ",
    "odoo:19.0",
    "0644",
    "1_000",
    "1.10",
    "1e3",
    ".5",
    "22:22",
    "0x10",
    "yes",
    "No",
    "on",
    "true",
    "null",
    "~",
    "=",
    "<<",
    "2026-11-21",
    "2026-11-21 08:00:00",
    "key: value",
    "a # no comment",
    "# no comment",
    "- item",
    "? key",
    "[a, b",
    "{a: b",
    "@at",
    "`tick`",
    "%percent",
    "!tag",
    "&anchor",
    "*alias",
    "|",
    ">",
    "'single' \"double\" \\back",
    "ä ß 日本 🚢",
    "\ttab\tinside\t",
    "trailing blank ",
    "no line end\nat the end",
    "one line end\n",
    "many line ends\n\n\n",
    "\nfirst line empty",
    "\n",
    "  indented\n more",
    "trailing blanks  \nin a line\n",
    "---\nno: document\n...\n",
    "dos\r\nline ends\r\n",
    "\u2028\x85\ufeff\x7f\xa0",
    "{{ app_name }}",
    "{% if a %}\n{{ b }}\n{% endif %}\n",
    "{# comment #}",
    "$ANSIBLE_VAULT;1.1;AES256",
    "x" * 500 + " " + "y " * 100,
]
# YAML as an operator writes it, and what Ansible makes of it.
VALUES = [
    ("8069", 8069),
    ("0644", 420),
    ("1.50", 1.5),
    ("yes", True),
    ("False", False),
    ("~", None),
    ("", None),
    ("22:22", 1342),
    ("[1, two, {three: 3}]", [1, "two", {"three": 3}]),
    ("a: 1\nb:\n- x\n- '2'\n", {"a": 1, "b": ["x", "2"]}),
    (
        "- &one {a: 1}\n- *one\n- {<<: *one, b: 2}\n",
        [{"a": 1}, {"a": 1}, {"a": 1, "b": 2}],
    ),
    ("'{{ replicas }}'", "{{ replicas }}"),
    ("|\n  two\n  lines\n", "two\nlines\n"),
]


def python_of(text):
    """The variables as PyYAML reads them, with Ansible's two tags as their text."""

    class Loader(yaml.SafeLoader):
        pass

    for tag in ("!vault", "!unsafe"):
        Loader.add_constructor(
            tag, lambda loader, node: (node.tag, loader.construct_scalar(node))
        )
    return yaml.load(text, Loader=Loader)


class TestVarsFile(TransactionCase):
    """A vars.yml is read back to the same values and types, keys in order."""

    def test_texts_stay_the_texts_they_are(self):
        lines = [(f"key_{n}", "string", text) for n, text in enumerate(TEXTS)]
        written = ansible_vars.dump(lines)
        self.assertEqual(
            list(python_of(written).items()), [(key, text) for key, _, text in lines]
        )
        read = [(v.key, v.type, v.value) for v in ansible_vars.load(written)]
        self.assertEqual(read, lines)

    def test_any_text_stays_the_text_it_is(self):
        chance = random.Random(19)
        pieces = [" ", "  ", "\n", "\t", "\r", "a", "0", "ß", "🚢", "\x85", "\u2028"]
        pieces += [*":#-'\"%@`!&*|>?[]{},=~\\", ": ", " #", "---", "...", "{{ x }}"]
        for _round in range(3000):
            text = "".join(chance.choices(pieces, k=chance.randint(0, 9)))
            written = ansible_vars.dump([("key", "string", text)])
            self.assertEqual(yaml.safe_load(written), {"key": text}, written)

    def test_values_keep_their_types(self):
        lines = [(f"key_{n}", "yaml", text) for n, (text, _) in enumerate(VALUES)]
        written = ansible_vars.dump(lines)
        expected = {f"key_{n}": value for n, (_, value) in enumerate(VALUES)}
        self.assertEqual(python_of(written), expected)
        read = [(v.key, v.type, v.value) for v in ansible_vars.load(written)]
        self.assertEqual(python_of(ansible_vars.dump(read)), expected)

    def test_what_was_written_is_written_again_as_it_was(self):
        lines = [(f"key_{n}", "yaml", text) for n, (text, _) in enumerate(VALUES)]
        lines += [(f"text_{n}", "string", text) for n, text in enumerate(TEXTS)]
        lines += [("encrypted", "yaml", VAULT), ("plain", "yaml", "!unsafe '{{ x }}'")]
        written = ansible_vars.dump(lines)
        read = [(v.key, v.type, v.value) for v in ansible_vars.load(written)]
        self.assertEqual(ansible_vars.dump(read), written)

    def test_vault_and_unsafe_survive_unchanged(self):
        text = f"---\nencrypted: {VAULT}plain: !unsafe '{{{{ x }}}}'\n"
        read = ansible_vars.load(text)
        self.assertEqual([v.type for v in read], ["yaml", "yaml"])
        self.assertEqual([v.is_vault for v in read], [True, False])
        self.assertEqual(read[0].value, VAULT)
        self.assertEqual(read[1].value, "!unsafe '{{ x }}'")
        self.assertEqual(
            ansible_vars.dump([(v.key, v.type, v.value) for v in read]), text
        )

    def test_keys_keep_their_order_and_look(self):
        keys = ["zeta", "alpha", "yes", "null", "_x", "B2"]
        written = ansible_vars.dump([(key, "string", "v") for key in keys])
        self.assertEqual(list(yaml.safe_load(written)), keys)

    def test_of_a_key_that_stands_there_twice_the_last_counts(self):
        (variable,) = ansible_vars.load("a: 1\na: 2\n")
        self.assertEqual(variable.value, "2")

    def test_merged_keys_are_variables(self):
        read = ansible_vars.load("base: &b {x: 1}\n<<: *b\ny: 2\n")
        self.assertEqual({v.key: v.value for v in read}["x"], "1")

    def test_no_values_are_an_empty_mapping(self):
        self.assertEqual(python_of(ansible_vars.dump([], ["nothing"])), {})

    def test_bad_yaml_is_refused_with_line_and_column(self):
        for text, line, column in [
            ("a: 1\nb: [\n", 3, 1),
            ("a: b: c", 1, 5),
            ("a: 1\n\tb: 2", 2, 1),
            ("a: 'open", 1, 4),
            ("a: 1\nb: \x07", 2, 4),
            ("- a\n- b", 1, 1),
            ("text", 1, 1),
            ("a: 1\n---\nb: 2", 2, 1),
            ("a: *nope", 1, 4),
            ("1: a", 1, 1),
            ("a: !python/name:os.system x", 1, 4),
            ("a: {{ b }}", 1, 5),
        ]:
            with self.assertRaises(ansible_vars.VarsError, msg=text) as caught:
                ansible_vars.load(text)
            found = (caught.exception.line, caught.exception.column)
            self.assertEqual(found, (line, column), text)

    def test_the_commonest_mistakes_are_told_in_words_of_ours(self):
        for text, line, column, words in [
            ("a: 1\n\tb: 2", 2, 1, "a tab cannot indent"),
            ("a: @x", 1, 4, "begins with @ into quotes"),
            ("a: `x", 1, 4, "begins with ` into quotes"),
            ("a: b: c", 1, 5, "a colon with a blank behind it needs quotes"),
            ("a: 1\nb\nc: 2", 2, 1, "is missing after the key"),
            ("a:\n  - 1\n - 2", 3, 2, "not indented as those"),
            ("a: [1", 1, 4, "the bracket that stands here is not closed"),
            ("a: {b: 1", 1, 4, "the bracket that stands here is not closed"),
            ("x: 1\na: 'b\nc: 1\n", 2, 4, "the quotation mark that stands here"),
            ('a: "\\q"', 1, 6, "\\q has no meaning"),
        ]:
            with self.assertRaises(ansible_vars.VarsError, msg=text) as caught:
                ansible_vars.load(text)
            problem = self.env["kubernetes.config.map"]._vars_problem(caught.exception)
            self.assertIn(f"Line {line}, column {column}: ", problem)
            self.assertIn(words, problem, text)

    def test_an_encrypted_file_is_refused_with_the_way_out(self):
        with self.assertRaises(ansible_vars.VarsError) as caught:
            ansible_vars.load("$ANSIBLE_VAULT;1.1;AES256\n6231\n")
        self.assertIn(
            "ansible-vault encrypt_string",
            self.env["kubernetes.config.map"]._vars_problem(caught.exception),
        )


class TestVarsImport(KubernetesTransactionCase):
    """Importing says what it will do, and does that."""

    def wizard(self, text, config_map=None, secret=None, **context):
        wizard = Form(
            self.env["kubernetes.config.map.import"].with_context(
                default_config_map_id=(config_map or self.config_map).id, **context
            )
        )
        wizard.secret_id = secret or self.env["kubernetes.secret"]
        wizard.text = text
        return wizard

    def told(self, wizard):
        fields = ("key", "change", "target")
        return [
            tuple(line[name] for name in fields) for line in wizard.line_ids._records
        ]

    def values(self, record=None):
        lines = (record or self.config_map).line_ids
        return [(line.key, line.type, line.value) for line in lines]

    def test_new_changed_and_unchanged_keys_are_told_and_done(self):
        wizard = self.wizard("odoo_image: odoo:18.0\nodoo_replicas: 1\nodoo_port: 8069")
        self.assertEqual(
            self.told(wizard),
            [
                ("odoo_image", "changed", "config_map"),
                ("odoo_replicas", "unchanged", "config_map"),
                ("odoo_port", "new", "config_map"),
            ],
        )
        self.assertEqual(wizard.summary, "1 new, 1 changed, 1 unchanged")
        wizard.save().action_import()
        self.assertEqual(
            self.values(),
            [
                ("odoo_image", "string", "odoo:18.0"),
                ("odoo_replicas", "yaml", "1"),
                ("odoo_port", "yaml", "8069"),
            ],
        )

    def test_a_number_that_becomes_a_text_is_a_change(self):
        wizard = self.wizard("odoo_replicas: '1'")
        self.assertEqual(self.told(wizard)[0][1], "changed")

    def test_keys_that_the_file_does_not_have_stay(self):
        wizard = self.wizard("odoo_port: 8069")
        self.assertIn("2 not in the file, which stay", wizard.summary)
        wizard.save().action_import()
        self.assertEqual(len(self.config_map.line_ids), 3)

    def test_what_looks_like_a_secret_is_left_out_without_a_secret(self):
        text = f"admin_password: a\napi_token: b\nx_secret: c\nold: {VAULT}name: d\n"
        wizard = self.wizard(text)
        self.assertEqual(
            [row[2] for row in self.told(wizard)], ["leave"] * 3 + ["config_map"] * 2
        )
        wizard.save().action_import()
        self.assertEqual([v[0] for v in self.values()][2:], ["old", "name"])

    def test_what_looks_like_a_secret_goes_into_the_secret(self):
        self.config_map.line_ids = [
            Command.create({"key": "smtp_password", "value": "in clear"})
        ]
        text = f"smtp_password: new\napi_token: '007'\nold: {VAULT}"
        wizard = self.wizard(text, secret=self.secret)
        self.assertEqual(
            [row[2] for row in self.told(wizard)], ["secret", "secret", "config_map"]
        )
        wizard.save().action_import()
        stored = {line.key: line.stored_value for line in self.secret.line_ids}
        self.assertEqual(stored["smtp_password"], "new")
        self.assertEqual(stored["api_token"], "007")
        keys = self.config_map.line_ids.mapped("key")
        self.assertNotIn("smtp_password", keys)
        self.assertIn("old", keys)

    def test_the_operator_decides_otherwise(self):
        wizard = self.wizard(f"reset_token: x\nold: {VAULT}odoo_port: 8069\n")
        with wizard.line_ids.edit(0) as line:
            line.target = "config_map"
        with wizard.line_ids.edit(1) as line:
            line.target = "leave"
        with wizard.line_ids.edit(2) as line:
            line.target = "leave"
        wizard.save().action_import()
        self.assertEqual(self.values()[2:], [("reset_token", "string", "x")])

    def test_a_secret_is_needed_for_what_goes_there(self):
        wizard = self.wizard("odoo_port: 8069")
        with wizard.line_ids.edit(0) as line:
            line.target = "secret"
        with self.assertRaisesRegex(UserError, "odoo_port"):
            wizard.save().action_import()

    def test_the_secret_of_the_app_is_proposed(self):
        app = self.create_app()
        wizard = Form(
            self.env["kubernetes.config.map.import"].with_context(
                default_config_map_id=app.config_map_id.id
            )
        )
        self.assertEqual(wizard.secret_id, app.secret_id)

    def test_bad_yaml_is_told_with_line_and_column_and_nothing_is_lost(self):
        before = self.values()
        wizard = self.wizard("odoo_image: odoo:20.0\nodoo_port: [8069\n")
        self.assertIn("Line 2, column 12", wizard.problem)
        self.assertFalse(wizard.line_ids._records)
        with self.assertRaisesRegex(UserError, "Line 2, column 12"):
            wizard.save().action_import()
        self.assertEqual(self.values(), before)
        wizard.text = "odoo_image: odoo:20.0\nodoo_port: [8069]\n"
        self.assertFalse(wizard.problem)
        self.assertEqual(len(wizard.line_ids._records), 2)

    def test_an_uploaded_file_is_read(self):
        wizard = Form(
            self.env["kubernetes.config.map.import"].with_context(
                default_filename="odoo-19.yml"
            )
        )
        wizard.file = base64.b64encode("\ufeffgrüße: 1\nname: schön\n".encode())
        self.assertEqual(wizard.name, "odoo-19")
        self.assertEqual(
            self.told(wizard),
            [("grüße", "new", "leave"), ("name", "new", "config_map")],
        )
        action = wizard.save().action_import()
        config_map = self.env["kubernetes.config.map"].browse(action["res_id"])
        self.assertEqual(config_map.name, "odoo-19")
        self.assertTrue(config_map.is_template)
        self.assertEqual(self.values(config_map), [("name", "string", "schön")])

    def test_a_file_that_is_no_text_is_told(self):
        wizard = Form(self.env["kubernetes.config.map.import"])
        wizard.name = "x"
        wizard.file = base64.b64encode(b"a: 1\nb: \xff\xfe\n")
        self.assertIn("Line 2", wizard.problem)

    def test_what_chandlery_gives_itself_is_marked(self):
        wizard = self.wizard("hostname: shop.example.com")
        self.assertIn("Given by Chandlery", wizard.line_ids._records[0]["note"])

    def test_no_secret_stays_behind(self):
        wizard = self.wizard("smtp_password: sesame", secret=self.secret).save()
        wizard.action_import()
        self.assertFalse(wizard.exists())
        messages = self.config_map.message_ids.mapped("body")
        self.assertFalse([body for body in messages if "sesame" in body])
        self.assertTrue([body for body in messages if "smtp_password" in body])

    def test_an_import_that_is_not_done_leaves_no_text(self):
        """Discarded at once, otherwise dropped within an hour."""
        wizard = self.wizard("odoo_port: [8069\npassword: sesame").save()
        with self.assertRaises(UserError):
            wizard.action_import()
        wizard.action_discard()
        self.assertFalse(wizard.exists())
        wizard = self.wizard("odoo_port: [8069\npassword: sesame").save()
        fresh = self.wizard("odoo_port: 8069").save()
        self.env.flush_all()
        self.cr.execute(
            "UPDATE kubernetes_config_map_import"
            " SET write_date = now() at time zone 'utc' - interval '61 minutes'"
            " WHERE id = %s",
            [wizard.id],
        )
        self.env.invalidate_all()
        cron = self.env.ref("kubernetes_hosting.ir_cron_watch")
        cron.ir_actions_server_id.run()
        self.assertFalse(wizard.exists())
        self.assertTrue(fresh.exists())
        self.cr.execute("SELECT * FROM kubernetes_config_map_import")
        self.assertNotIn("sesame", str(self.cr.fetchall()))

    def test_the_text_of_an_import_is_not_exported(self):
        wizard = self.env["kubernetes.config.map.import"]
        for model, names in (
            (wizard, ("file", "text", "problem")),
            (wizard.line_ids, ("value",)),
        ):
            found = model.fields_get(names, ["exportable"])
            for name in names:
                self.assertIs(found[name]["exportable"], False, name)

    def test_users_do_not_import(self):
        with self.assertRaises(AccessError):
            self.env["kubernetes.config.map.import"].with_user(
                self.create_user("user")
            ).create({"text": "a: 1", "name": "x"})


class TestVault(KubernetesTransactionCase):
    """Values encrypted by Ansible Vault stay as they are, from file to worker."""

    def imported(self, text, secret=None):
        wizard = Form(
            self.env["kubernetes.config.map.import"].with_context(
                default_config_map_id=self.config_map.id
            )
        )
        wizard.secret_id = secret or self.env["kubernetes.secret"]
        wizard.text = text
        shown = [line["value"] for line in wizard.line_ids._records]
        wizard.save().action_import()
        return shown

    def line(self, values=VAULT, **others):
        return self.env["kubernetes.config.map.line"].create(
            {
                "config_map_id": self.config_map.id,
                "key": "token",
                "type": "yaml",
                "value": values,
                **others,
            }
        )

    def test_an_encrypted_value_stays_the_same_from_import_to_export_and_claim(self):
        shown = self.imported(f"token: {VAULT}")
        self.assertEqual(shown, ["Encrypted by Ansible Vault (prod)"])
        line = self.config_map.line_ids[-1]
        self.assertEqual((line.key, line.type, line.value), ("token", "yaml", VAULT))
        self.assertIn(f"token: {VAULT}", self.config_map._ansible_vars())
        app = self.create_app()
        contract = {"key": "token", "type": "yaml", "value": VAULT}
        self.assertIn(contract, app.config_map_id._contract_values())

    def test_where_the_key_stands_in_the_secret_it_is_put_there(self):
        self.imported(f"smtp_password: {VAULT}", self.secret)
        line = self.secret.line_ids.filtered(lambda line: line.key == "smtp_password")
        self.assertEqual((line.type, line.stored_value), ("yaml", VAULT))
        self.assertEqual(line.encrypted, "Encrypted by Ansible Vault (prod)")
        self.assertNotIn("smtp_password", self.config_map.line_ids.mapped("key"))

    def test_a_form_shows_that_it_is_encrypted_and_replaces_it_as_a_whole(self):
        line = self.line()
        self.assertEqual(line.encrypted, "Encrypted by Ansible Vault (prod)")
        self.assertTrue(self.config_map.has_encrypted)
        with Form(self.config_map) as form:
            with form.line_ids.edit(2) as edited:
                edited.new_value = VAULT.replace("prod", "test")
        self.assertEqual(line.encrypted, "Encrypted by Ansible Vault (test)")
        self.assertEqual(line.value, VAULT.replace("prod", "test"))
        self.assertFalse(line.new_value)
        without_id = VAULT.replace("1.2;AES256;prod", "1.1;AES256")
        line.new_value = without_id
        self.assertEqual(line.encrypted, "Encrypted by Ansible Vault (default)")

    def test_only_what_is_encrypted_as_a_whole_is_hidden(self):
        for value in ("[1]", "x", f"- {VAULT}".replace("\n  ", "\n    "), "!vault ["):
            self.assertIsNone(ansible_vars.vault_id("yaml", value), value)
        self.assertIsNone(ansible_vars.vault_id("string", VAULT))

    def test_the_chatter_of_an_app_has_no_encrypted_text(self):
        app = self.create_app()
        app.config_map_id.line_ids = [
            Command.create({"key": "token", "type": "yaml", "value": VAULT})
        ]
        self.env.cr.precommit.run()
        bodies = " ".join(app.message_ids.mapped("body"))
        self.assertIn("token added: Encrypted by Ansible Vault (prod)", bodies)
        self.assertNotIn("37303631", bodies)

    def test_a_damaged_text_is_refused_with_key_and_reason(self):
        for value, reason in [
            (VAULT.replace("3730", "37 30"), "damaged"),
            (VAULT.replace("3730", "37x0"), "damaged"),
            (VAULT[:-2], "damaged"),
            ("!vault |\n  $ANSIBLE_VAULT;1.1;AES256\n", "damaged"),
            (VAULT.replace(";AES256;prod", ""), "does not begin"),
            (VAULT.replace("$ANSIBLE", "ANSIBLE"), "does not begin"),
            ("!vault secret", "does not begin"),
            ("[1, !vault secret]", "does not begin"),
            (VAULT.replace("AES256", "AES"), "cipher AES"),
            (" ".join(VAULT.split()), "does not begin|expected"),
        ]:
            with self.assertRaises(ansible_vars.VarsError):
                ansible_vars.check(value)
            if "|" in reason:
                continue
            with self.assertRaisesRegex(ValidationError, f"token[^\\0]*{reason}"):
                with self.cr.savepoint():
                    self.line(value)
            with self.assertRaisesRegex(ValidationError, f"smtp_pass[^\\0]*{reason}"):
                with self.cr.savepoint():
                    self.secret.line_ids[0].write({"type": "yaml", "value": value})
            with self.assertRaises(ansible_vars.VarsError, msg=value):
                ansible_vars.load(f"a: {value}")


@tagged("post_install", "-at_install")
class TestVarsExport(KubernetesCase, HttpCase):
    """Export ConfigMap, on a config map and on an app."""

    def get(self, config_map, login):
        self.authenticate(login, login)
        return self.url_open(
            f"/kubernetes_hosting/config_map/{config_map.id}/vars.yml",
            allow_redirects=False,
        )

    def test_a_user_downloads_the_values(self):
        user = self.create_user("user")
        answer = self.get(self.config_map, user.login)
        self.assertEqual(answer.status_code, 200)
        self.assertIn("Odoo.yml", answer.headers["Content-Disposition"])
        self.assertEqual(
            python_of(answer.text), {"odoo_image": "odoo:19.0", "odoo_replicas": 1}
        )

    def test_of_an_app_the_secrets_are_named_and_left_out(self):
        app = self.create_app()
        action = self.env.ref("kubernetes_hosting.kubernetes_config_map_action_export")
        url = action.with_context(active_model=app._name, active_id=app.id).run()["url"]
        self.assertEqual(
            url, f"/kubernetes_hosting/config_map/{app.config_map_id.id}/vars.yml"
        )
        text = self.get(app.config_map_id, self.create_user("user").login).text
        self.assertIn("# - smtp_password\n", text)
        self.assertIn("# - postgres_password (generated", text)
        self.assertNotIn("s3cr#t", text)
        self.assertEqual(set(python_of(text)), {"odoo_image", "odoo_replicas"})

    def test_to_nobody_else_they_are_there(self):
        anna = self.env["res.users"].create(
            {
                "name": "Anna",
                "login": "anna",
                "password": "anna",
                "group_ids": [Command.set([self.env.ref("base.group_portal").id])],
            }
        )
        with mute_logger("odoo.http"):
            self.assertEqual(self.get(self.config_map, anna.login).status_code, 404)

    def test_a_value_that_is_no_yaml_is_told(self):
        line = self.config_map.line_ids[1]
        line.value = "a: [1"
        self.assertIn("Line 1, column 4", line.problem)
        with self.assertRaisesRegex(UserError, "odoo_replicas[^\\0]*Line 1, column 4"):
            self.config_map.action_export()
        line.type = "string"
        self.assertFalse(line.problem)
        self.config_map.action_export()
