# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import json

from lxml import html

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command

from .test_life import LifeCase

FIRST, SECOND = f"sha256:{1:064}", f"sha256:{2:064}"
FILES = [{"name": "labels.j2", "content": "app: odoo\n"}]


class TestRestore(LifeCase):
    """An app goes back to what an earlier job has deployed."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.operator = cls.create_user("operator")

    def setUp(self):
        super().setUp()
        self.app = self.create_app().with_user(self.operator)
        self.first = self.deploy()

    def told(self, text="replicas: 1\n", digest=FIRST):
        """What a worker tells of the manifest PostgreSQL."""
        return {
            "id": self.manifests[0].id,
            "digest": digest,
            "content": text,
            "variables": [],
            "files": FILES,
        }

    def deploy(self, *manifests):
        self.app.action_apply()
        job = self.claim(limit=1)
        job._conclude(
            self.outcome(
                "done",
                manifests=manifests or [self.told()],
                observation=self.observation("running", self.now()),
            )
        )
        return job

    def values(self):
        lines = self.app.config_map_id.line_ids
        return {line.key: (line.type, line.value) for line in lines}

    def noted(self):
        self.env.flush_all()
        self.env.cr.precommit.run()
        self.env.invalidate_all()
        return self.app.message_ids[:1].body

    def ask(self, job=None):
        """The wizard that the button of the job opens."""
        action = (job or self.first).with_user(self.operator).action_restore()
        return (
            self.env[action["res_model"]]
            .with_user(self.operator)
            .browse(action["res_id"])
        )

    def shown(self, wizard):
        return html.fromstring(wizard.changes_html or "<p/>").text_content()

    # -- what is kept ------------------------------------------------------------

    def test_a_done_deploy_keeps_what_it_has_deployed(self):
        lines = self.app.config_map_id.line_ids
        self.assertEqual(
            self.first.deployed,
            {
                "version": None,
                "package_digest": None,
                "config_map": [line._contract_values() for line in lines],
                "secret": ["smtp_password", "postgres_password"],
                "manifests": [
                    {
                        "id": manifest.id,
                        "title": manifest.name,
                        "url": manifest.url,
                        "format": "jinja",
                        "digest": digest,
                    }
                    for manifest, digest in zip(
                        self.manifests, (FIRST, None), strict=True
                    )
                ],
            },
        )
        self.assertTrue(self.first.is_restorable)
        (kept,) = self.manifests.content_ids
        self.assertEqual((kept.digest, kept.content), (FIRST, "replicas: 1\n"))
        self.assertEqual(kept.files, FILES)

    def test_no_secret_is_in_it(self):
        self.app.secret_id.line_ids[0].value = "n3w-s3cr#t"
        job = self.deploy()
        self.env.flush_all()
        self.env.cr.execute(
            "SELECT deployed::text FROM kubernetes_job WHERE id = ANY(%s)",
            [(self.first + job).ids],
        )
        for (text,) in self.env.cr.fetchall():
            self.assertNotIn("s3cr", text)
            self.assertIn("smtp_password", text)

    def test_what_did_not_come_to_its_end_keeps_nothing(self):
        self.app.action_apply()
        failed = self.failed()
        self.app.action_apply()
        cancelled = self.claim(limit=1)
        cancelled._conclude(self.outcome("cancelled"))
        self.app.action_restart()
        other = self.done()
        for job in failed, cancelled, other:
            self.assertFalse(job.deployed)
            self.assertFalse(job.is_restorable)
            with self.assertRaisesRegex(UserError, "is not known"):
                self.ask(job)

    def test_it_is_what_the_worker_was_given_not_what_was_changed_meanwhile(self):
        self.app.action_apply()
        job = self.claim(limit=1)
        self.app.config_map_id.line_ids[0].value = "odoo:20.0"
        job._conclude(self.outcome("done"))
        self.assertEqual(job.deployed["config_map"][0]["value"], "odoo:19.0")

    # -- values ------------------------------------------------------------------

    def test_values_with_the_difference_beforehand(self):
        before = self.values()
        config_map = self.app.config_map_id
        config_map.line_ids[0].value = "odoo:20.0"
        config_map.line_ids[1].unlink()
        config_map.line_ids = [Command.create({"key": "new", "value": "1\n2"})]
        self.deploy()
        wizard = self.ask()
        self.assertIn("As deployed on", wizard.said)
        shown = self.shown(wizard)
        for line in (
            "-odoo_image: odoo:20.0\n",
            "+odoo_image: odoo:19.0\n",
            "+odoo_replicas (YAML): 1\n",
            "-new:\n-  1\n-  2\n",
        ):
            self.assertIn(line, shown)
        wizard.action_confirm()
        self.assertEqual(self.values(), before)
        job = self.app.live_job_id
        self.assertEqual((job.kind, job.state), ("deploy", "pending"))
        self.assertEqual(job.requested_by, self.operator)
        notes = [self.noted(), *self.app.message_ids[1:6].mapped("body")]
        restored = f"Restored to what job {self.first.id} has deployed on "
        self.assertTrue(any(restored in note for note in notes), notes)
        self.assertEqual(self.app.message_ids[:1].author_id, self.operator.partner_id)
        self.assertTrue(self.app.is_changed)
        self.done("running")
        self.assertFalse(self.app.is_changed)

    def test_nothing_to_restore_is_said(self):
        wizard = self.ask()
        self.assertFalse(wizard.changes)
        self.assertFalse(wizard.changes_html)
        self.assertIn("Nothing would change", wizard.said)

    def test_what_was_changed_since_the_difference_was_shown_is_to_be_seen(self):
        self.app.config_map_id.line_ids[0].value = "odoo:20.0"
        wizard = self.ask()
        self.app.config_map_id.line_ids[0].value = "odoo:21.0"
        with self.assertRaisesRegex(UserError, "Look Again"):
            wizard.action_confirm()
        wizard.action_look()
        self.assertIn("-odoo_image: odoo:21.0\n", self.shown(wizard))
        wizard.action_confirm()
        self.assertEqual(self.values()["odoo_image"], ("string", "odoo:19.0"))

    def test_secrets_stay_and_those_that_are_missing_are_named(self):
        secrets = self.app.secret_id
        secrets.line_ids[0].value = "n3w"
        secrets.line_ids[1].unlink()
        self.app.config_map_id.line_ids[0].value = "odoo:20.0"
        wizard = self.ask()
        self.assertEqual(wizard.missing_secrets, "postgres_password")
        self.assertNotIn("n3w", json.dumps(wizard.changes))
        wizard.action_confirm()
        self.assertEqual(secrets.line_ids.sudo().stored_value, "n3w")

    # -- manifests ---------------------------------------------------------------

    def test_a_manifests_content_of_that_time(self):
        self.deploy(self.told("replicas: 2\n", SECOND))
        wizard = self.ask()
        self.assertIn("-replicas: 2\n+replicas: 1\n", self.shown(wizard))
        wizard.action_confirm()
        line = self.app.manifest_line_ids[0]
        self.assertEqual(line.held_since, self.first.finished_at)
        job = self.claim(limit=1)
        given = job._contract_values()["manifests"]
        self.assertEqual(
            [(one["pin"], one["content"]) for one in given],
            [(FIRST, {"text": "replicas: 1\n", "files": FILES}), (None, None)],
        )
        job._conclude(self.outcome("done"))
        self.assertEqual(job.deployed["manifests"][0]["digest"], FIRST)
        # The manifest itself is what it was, for all others.
        self.assertEqual(self.manifests[0].digest, SECOND)
        self.assertFalse(self.manifests[0].pin)
        self.assertFalse(self.app.is_changed)
        # And back again to what was deployed in between.
        self.assertIn(
            "-replicas: 1\n+replicas: 2\n",
            self.shown(self.ask(self.jobs.search([("id", "<", job.id)], limit=1))),
        )

    def test_the_latest_is_used_again(self):
        self.deploy(self.told("replicas: 2\n", SECOND))
        self.ask().action_confirm()
        self.done("running")
        line = self.app.manifest_line_ids[0]
        line.action_release()
        self.assertFalse(line.held_since)
        self.assertIn("Uses the latest PostgreSQL again", self.noted())
        self.assertEqual(
            [(c.source, c.name) for c in self.app.change_ids],
            [("manifest", "PostgreSQL")],
        )
        self.app.action_apply()
        (given, _other) = self.claim(limit=1)._contract_values()["manifests"]
        self.assertEqual((given["pin"], given["content"]), (None, None))

    def test_one_that_is_pinned_to_it_is_not_held(self):
        self.manifests[0].pin = FIRST
        self.app.config_map_id.line_ids[0].value = "odoo:20.0"
        self.ask().action_confirm()
        self.assertFalse(self.app.manifest_line_ids[0].held_digest)

    def test_the_order_and_manifests_that_were_added_and_taken_away(self):
        third = self.manifests[0].copy({"name": "Third"})
        self.app.manifest_line_ids = [
            Command.delete(self.app.manifest_line_ids[0].id),
            Command.create({"manifest_id": third.id, "sequence": 1}),
        ]
        self.deploy()
        wizard = self.ask()
        shown = self.shown(wizard)
        self.assertIn("-Third\n+PostgreSQL\n Odoo\n", shown)
        self.assertIn("+replicas: 1\n", shown)
        wizard.action_confirm()
        self.assertEqual(self.app._manifests(), self.manifests)

    def test_a_content_that_is_not_kept_is_asked_of_its_url_by_its_digest(self):
        self.deploy(self.told("replicas: 2\n", SECOND))
        self.manifests[0].content_ids.filtered(
            lambda content: content.digest == FIRST
        ).unlink()
        wizard = self.ask()
        self.assertIn(f"-{SECOND}\n+{FIRST}\n", self.shown(wizard))
        wizard.action_confirm()
        job = self.claim(limit=1)
        (given, _other) = job._contract_values()["manifests"]
        self.assertEqual((given["pin"], given["content"]), (FIRST, None))
        # It is refused, and no other attempt would find it.
        outcome = self.outcome(
            "failed", "manifest_changed", manifests=[self.told("3", f"sha256:{3:064}")]
        )
        job._conclude(outcome)
        self.assertEqual(job.state, "failed")

    def test_a_chart_is_asked_of_its_url_by_its_digest(self):
        """Odoo has a part of the archive alone."""
        self.manifests[0].format = "helm"
        old, new = f"sha256:{4:064}", f"sha256:{5:064}"
        first = self.deploy(self.told("name: web\nversion: 1\n", old))
        self.deploy(self.told("name: web\nversion: 2\n", new))
        wizard = self.ask(first)
        self.assertIn("-version: 2\n+version: 1\n", self.shown(wizard))
        wizard.action_confirm()
        job = self.claim(limit=1)
        (given, _other) = job._contract_values()["manifests"]
        self.assertEqual(
            (given["format"], given["pin"], given["content"]), ("helm", old, None)
        )
        outcome = self.outcome(
            "failed", "manifest_changed", manifests=[self.told("3", f"sha256:{3:064}")]
        )
        job._conclude(outcome)
        self.assertEqual(job.state, "failed")
        self.manifests[0].format = "kustomize"
        with self.assertRaisesRegex(
            UserError, "was a Helm Chart .* a Kustomize Folder"
        ):
            self.ask(first)

    def test_what_is_held_does_not_change_with_the_manifest(self):
        self.deploy(self.told("replicas: 2\n", SECOND))
        self.ask().action_confirm()
        self.done("running")
        self.manifests[0].url = "https://example.com/elsewhere.yml"
        self.assertFalse(self.app.is_changed)
        self.manifests[0].pin = SECOND
        self.assertFalse(self.app.is_changed)
        self.manifests[0].format = "helm"
        self.app.action_apply()
        (given, _other) = self.claim(limit=1)._contract_values()["manifests"]
        self.assertEqual((given["format"], given["pin"]), ("jinja", FIRST))

    def test_another_manifest_in_its_place_is_not_held(self):
        self.deploy(self.told("replicas: 2\n", SECOND))
        self.ask().action_confirm()
        line = self.app.manifest_line_ids[0]
        line.manifest_id = self.manifests[0].copy({"name": "Third"})
        self.assertFalse(line.held_digest or line.held_since or line.sudo().content_id)

    def test_a_manifest_that_is_deleted_is_named(self):
        line = self.app.manifest_line_ids[1]
        manifest = line.manifest_id
        line.unlink()
        manifest.sudo().unlink()
        with self.assertRaisesRegex(UserError, "“Odoo” .*odoo.yml.* is deleted"):
            self.ask()

    # -- whose it is -------------------------------------------------------------

    def test_operators_alone_restore(self):
        user = self.create_user("user")
        with self.assertRaises(AccessError):
            self.first.with_user(user).action_restore()
        with self.assertRaises(AccessError):
            self.app.manifest_line_ids.with_user(user).action_release()
        with self.assertRaises(AccessError):
            self.app.manifest_line_ids.with_user(self.operator).held_digest = SECOND

    def test_what_is_to_be_deleted_is_not_restored(self):
        wizard = self.ask()
        self.app._enqueue("delete", {"keep_volumes": True})
        for call in wizard.action_look, wizard.action_confirm:
            with self.assertRaisesRegex(UserError, "deleted or about to be"):
                call()

    # -- how long it is kept -----------------------------------------------------

    def contents(self):
        self.env["kubernetes.manifest.content"]._gc_unused()
        return self.manifests.content_ids.mapped("digest")

    def test_contents_go_with_the_last_that_needs_them(self):
        self.deploy(self.told("replicas: 2\n", SECOND))
        self.deploy(self.told("replicas: 3\n", f"sha256:{3:064}"))
        self.assertEqual(len(self.contents()), 3)
        self.ask().action_confirm()
        self.jobs.search([("app_id", "=", self.app.id)]).unlink()
        self.assertEqual(self.contents(), [f"sha256:{3:064}", FIRST])
        self.app.manifest_line_ids.action_release()
        self.assertEqual(self.contents(), [f"sha256:{3:064}"])
