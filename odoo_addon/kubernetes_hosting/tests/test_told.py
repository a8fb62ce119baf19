# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from lxml import etree

from odoo.tests import tagged
from odoo.tools.translate import code_translations

from ..models import contract
from ..tools.told import MODULE, worded
from ..tools.worker_sentences import SENTENCES
from .common import KubernetesQueueCase

# What the API server says, which nobody words anew.
QUOTED = 'pods "odoo-0" is forbidden: exceeded quota: {extra}, used: 2'
FORBIDDEN = {
    "text": "The cluster does not let the worker {doing}: {message}",
    "values": {
        "doing": {
            "text": "read the namespace {namespace}",
            "values": {"namespace": "shop-prod"},
        },
        "message": QUOTED,
    },
}
FORBIDDEN_ENGLISH = (
    f"The cluster does not let the worker read the namespace shop-prod: {QUOTED}"
)
FORBIDDEN_GERMAN = (
    f"Der Cluster erlaubt dem Worker nicht: Namespace shop-prod lesen: {QUOTED}"
)
HINT = "Press Apply to deploy the app."
NO_ADDRESS = {
    "text": "The ingress controller has not written an address to {names} yet",
    "values": {"names": "odoo"},
}
UNKNOWN = {"text": "{name} sings {{la}}", "values": {"name": "shop"}}


def plain(text):
    return {"text": text, "values": {}}


@tagged("post_install", "-at_install")
class TestTold(KubernetesQueueCase):
    """Whatever a worker tells is read in the reader's language."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["res.lang"]._activate_lang("de_DE")
        cls.english = cls.create_user("user", "english")
        cls.german = cls.create_user("user", "german")
        cls.german.lang = "de_DE"

    def read_by(self, user, record, name):
        """A field as the user's screen shows it."""
        reader = record.with_user(user).with_context(lang=user.lang)
        return reader.read([name])[0][name]

    def assert_read(self, record, name, english, german):
        self.env.flush_all()
        self.env.invalidate_all()
        self.assertEqual(self.read_by(self.english, record, name), english)
        self.assertEqual(self.read_by(self.german, record, name), german)

    def seen(self, state, message, words, ingress=None):
        seen = self.observation(state, message=message)
        seen["message_words"] = words
        seen["ingress"] |= ingress or {}
        return seen

    def failed(self, **error):
        app = self.create_app()
        app._enqueue("deploy")
        job = self.claim()
        outcome = self.outcome("failed", "cluster_forbidden")
        outcome["error"] |= error
        job._conclude(outcome)
        return job

    def test_a_step_is_read_in_the_readers_language(self):
        app = self.create_app()
        app._enqueue("deploy")
        job = self.claim()
        step = {
            "number": 1,
            "code": "applying",
            "state": "running",
            "started_at": False,
            "seconds": None,
            "message": "3 of 9 objects",
            "message_words": {
                "text": "{done} of {all} objects",
                "values": {"done": "3", "all": "9"},
            },
        }
        job._record_steps([step])
        self.assert_read(
            job.step_ids, "message_shown", "3 of 9 objects", "3 von 9 Objekten"
        )
        # A step that its attempt leaves open says in the end why it ended.
        job._conclude(self.failing())
        self.assert_read(
            job.step_ids, "message_shown", FORBIDDEN_ENGLISH, FORBIDDEN_GERMAN
        )

    def failing(self):
        outcome = self.outcome("failed", "cluster_forbidden")
        outcome["error"] |= {"message": FORBIDDEN_ENGLISH, "message_words": FORBIDDEN}
        return outcome

    def test_an_error_and_its_hint_are_read_in_the_readers_language(self):
        job = self.failed(
            message=FORBIDDEN_ENGLISH,
            message_words=FORBIDDEN,
            hint=HINT,
            hint_words=plain(HINT),
            manifest="Odoo",
            line=12,
        )
        german_hint = "Drücken Sie „Anwenden“, um die App auszurollen."
        self.assert_read(
            job, "error_message_shown", FORBIDDEN_ENGLISH, FORBIDDEN_GERMAN
        )
        self.assert_read(job, "error_hint_shown", HINT, german_hint)
        english = f"{FORBIDDEN_ENGLISH}\nManifest Odoo, line 12\n{HINT}"
        german = f"{FORBIDDEN_GERMAN}\nManifest Odoo, Zeile 12\n{german_hint}"
        self.assert_read(job.app_id, "state_message_shown", english, german)
        row = self.env["kubernetes.attention"].search([("app_id", "=", job.app_id.id)])
        self.assertEqual(row.reason, "app_failed")
        self.assert_read(row, "details", english, german)

    def test_what_is_said_at_a_marked_line_is_read_in_the_readers_language(self):
        excerpt = {
            "of": "template",
            "name": None,
            "line": 4,
            "column": 12,
            "length": 9,
            "text": "  name: {{ odoo_nmae }}",
            "from": 1,
            "label": "needs `odoo_name`",
            "label_words": {
                "text": "needs `{name}`",
                "values": {"name": "odoo_name"},
            },
        }
        older = {**excerpt, "label": "said by an older worker"}
        del older["label_words"]
        job = self.failed(excerpts=[excerpt, older])
        self.env.flush_all()
        self.env.invalidate_all()
        for reader, label in (
            (self.english, "^^^^ needs `odoo_name`"),
            (self.german, "^^^^ braucht `odoo_name`"),
        ):
            text = etree.HTML(self.read_by(reader, job, "error_html"))
            text = "".join(text.itertext())
            self.assertIn(label, text)
            self.assertIn("^^^^ said by an older worker", text)

    def test_an_observation_is_read_in_the_readers_language(self):
        app = self.deployed()
        words = {
            "join": ": ",
            "items": [
                "Deployment odoo",
                {
                    "text": "pod {name} {problem}",
                    "values": {
                        "name": "odoo-0",
                        "problem": {
                            "text": "cannot pull its image {image}: {reason}",
                            "values": {"image": "odoo:20", "reason": "ErrImagePull"},
                        },
                    },
                },
            ],
        }
        english = (
            "Deployment odoo: pod odoo-0 cannot pull its image odoo:20: ErrImagePull"
        )
        german = (
            "Deployment odoo: Pod odoo-0 kann sein Image odoo:20 nicht holen:"
            " ErrImagePull"
        )
        no_address = "The ingress controller has not written an address to odoo yet"
        with self.later(60):
            app._apply_observation(
                self.seen(
                    "degraded",
                    english,
                    words,
                    {"message": no_address, "message_words": NO_ADDRESS},
                )
            )
        self.assert_read(app, "observed_message_shown", english, german)
        self.assert_read(app, "state_message_shown", english, german)
        self.assert_read(
            app,
            "ingress_message_shown",
            no_address,
            "Der Ingress-Controller hat odoo noch keine Adresse gegeben",
        )
        with self.later(120):
            app._apply_observation(self.observation("running"))
        self.assert_read(app, "state_message_shown", False, False)
        self.assertFalse(app.state_message_words)

    def test_odoos_own_words_are_read_in_the_readers_language_too(self):
        app = self.deployed()
        with self.later(60):
            app._apply_observation(self.observation("missing"))
        self.assert_read(
            app,
            "state_message_shown",
            "Nothing of this app is in the cluster. Apply deploys it again.",
            "Im Cluster ist nichts von dieser App. „Anwenden“ rollt sie wieder aus.",
        )
        job = app._jobs([], limit=1)
        self.assert_read(job, "result_text_shown", "1 created", "1 angelegt")
        app._enqueue("deploy")
        job = self.claim()
        with self.later(600):
            self.jobs._expire_leases()
        self.assert_read(
            job,
            "error_message_shown",
            "The worker worker-1 was not heard of any more during attempt 1.",
            "Vom Worker worker-1 war während des Versuchs 1 nichts mehr zu hören.",
        )

    def test_a_cluster_says_why_it_is_away_in_the_readers_language(self):
        words = {
            "text": "The cluster at {url} cannot be reached: {error}.",
            "values": {"url": "https://10.0.0.1", "error": "connection refused"},
        }
        english = (
            "The cluster at https://10.0.0.1 cannot be reached: connection refused."
        )
        self.cluster._seen(
            self.env.cr.now(),
            {
                "reachable": False,
                "version": None,
                "message": english,
                "message_words": words,
            },
        )
        self.assert_read(
            self.cluster,
            "message_shown",
            english,
            "Der Cluster unter https://10.0.0.1 ist nicht erreichbar: connection"
            " refused.",
        )

    def test_the_chatter_speaks_the_companys_language(self):
        self.env.company.partner_id.lang = "de_DE"
        job = self.failed(message=FORBIDDEN_ENGLISH, message_words=FORBIDDEN)
        notes = job.app_id.message_ids.mapped("body")
        self.assertTrue(any("Anwenden fehlgeschlagen" in note for note in notes), notes)
        self.assertTrue(
            any("Der Cluster erlaubt dem Worker nicht" in note for note in notes), notes
        )

    def test_an_older_workers_text_is_shown_as_it_came(self):
        job = self.failed(message="It broke", hint="Mend it")
        self.assert_read(job, "error_message_shown", "It broke", "It broke")
        self.assert_read(
            job.app_id, "state_message_shown", "It broke\nMend it", "It broke\nMend it"
        )

    def test_a_sentence_that_odoo_does_not_know_is_shown_in_english(self):
        job = self.failed(message="shop sings {la}", message_words=UNKNOWN)
        self.assert_read(
            job, "error_message_shown", "shop sings {la}", "shop sings {la}"
        )

    def test_a_preview_is_read_in_the_readers_language(self):
        problem = {
            "message": "The manifests hold no objects.",
            "message_words": plain("The manifests hold no objects."),
            "hint": None,
            "hint_words": None,
        }
        manifest = self.manifests[0]
        manifest.sudo().write(
            {
                "digest": "sha256:1",
                "preview": {
                    "variables": [],
                    "missing": [],
                    "objects": [],
                    "problems": [problem],
                    "warnings": [],
                },
            }
        )
        shown = manifest.with_context(lang="de_DE").stored_preview(manifest.url)
        (problem,) = shown["preview"]["problems"]
        self.assertEqual(problem["message"], "Die Manifeste enthalten keine Objekte.")
        self.assertIsNone(problem["hint"])

    def test_no_screen_shows_the_english_text_itself(self):
        views = self.env["ir.ui.view"].search(
            [("model", "=like", "kubernetes.%"), ("type", "!=", "search")]
        )
        looked_at = set()
        for view in views:
            fields = self.env[view.model]._fields
            arch = etree.fromstring(view.arch)
            for node in arch.iter("field"):
                name = node.get("name")
                looked_at.add(name)
                self.assertNotIn(f"{name}_shown", fields, view.xml_id)
        self.assertIn("state_message_shown", looked_at)

    def test_what_is_no_sentence_is_refused(self):
        def deep(levels):
            words = "x"
            for _level in range(levels):
                words = {"text": "{x}", "values": {"x": words}}
            return words

        read = contract.WORDS.parse
        self.assertEqual(read(FORBIDDEN, "words", 2), FORBIDDEN)
        self.assertEqual(read(deep(7), "words", 2), deep(7))
        self.assertEqual(
            read({"text": "a\0", "values": {}, "colour": "blue"}, "words", 2),
            {"text": "a", "values": {}},
        )
        for wrong in (
            7,
            None,
            [],
            {},
            {"text": "x"},
            {"text": None, "values": {}},
            {"text": "x", "values": []},
            {"text": "x", "values": {"a": 1}},
            {"text": "x", "values": {"a b": "x"}},
            {"text": "x", "values": {"a" * 51: "x"}},
            {"join": ", "},
            {"join": 1, "items": []},
            {"join": ", ", "items": [None]},
            {"join": ", ", "items": ["x"] * 201},
            deep(8),
        ):
            with self.subTest(wrong=wrong), self.assertRaises(contract.ContractError):
                read(wrong, "words", 2)

    def test_every_sentence_of_the_worker_has_german_words(self):
        german = code_translations.get_python_translations(MODULE, "de_DE")
        templates = {sentence._source for sentence in SENTENCES}
        self.assertGreater(len(templates), 100)
        self.assertEqual(templates - german.keys(), set())
        german_env = self.env(context={"lang": "de_DE"})
        self.assertEqual(worded(german_env, "Stopped", plain("Stopped")), "Gestoppt")
