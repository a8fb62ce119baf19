# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.exceptions import AccessError
from odoo.tests import Form
from odoo.tools import mute_logger

from .common import KubernetesQueueCase

CANARY = "canary-in-a-result"
ERROR = {"code": "template_render", "message": CANARY, "hint": CANARY}
DIFF = {
    "objects": [{"object": f"ConfigMap {CANARY}", "action": "create", "text": CANARY}],
    "unchanged": 0,
}
PREVIEW = {
    "digest": "sha256:1",
    "content": "kind: {{ kind }}",
    "files": [],
    "variables": ["kind"],
    "missing": [],
    "objects": [{"kind": "Service", "api_version": "v1", "name": CANARY}],
    "problems": [],
    "warnings": [],
}


class TestResultsAreForWhoAsked(KubernetesQueueCase):
    """Results of comparisons, previews and password jobs, their errors, steps
    and options are for whoever asked, and for administrators."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.asker = cls.create_user("operator", login="asker")
        cls.colleague = cls.create_user("operator", login="colleague")
        cls.reader = cls.create_user("user", login="reader")
        cls.administrator = cls.create_user("administrator", login="administrator")
        cls.app = cls.create_app()

    def ask(self, kind):
        if kind == "preview":
            return (
                self.jobs.with_user(self.asker)
                ._enqueue_preview(
                    CANARY,
                    "https://example.com/odoo.yml",
                    self.manifests[1].with_user(self.asker),
                    secret=self.secret.with_user(self.asker),
                )
                .sudo()
            )
        options = {"key": "odoo", "public_key": CANARY} if kind == "password" else None
        return self.app.with_user(self.asker)._enqueue(kind, options).sudo()

    def run_job(self, job, **outcome):
        self.assertIn(job, self.claim())
        step = {
            "number": 1,
            "code": "fetching",
            "state": "running",
            "started_at": job.started_at,
            "seconds": None,
            "message": CANARY,
        }
        job._record_steps([step])
        job._conclude(outcome or self.outcome("failed"))
        self.env.flush_all()
        self.env.invalidate_all()

    def each_outcome(self):
        password = {"public_key": CANARY, "nonce": CANARY, "ciphertext": CANARY}
        results = {
            "diff": {"diff": DIFF},
            "preview": {"preview": PREVIEW},
            "password": {"password": password},
        }
        for kind, result in results.items():
            yield kind, self.outcome("done", **result)
            yield kind, {**self.outcome("failed"), "error": ERROR}

    def visible(self, user):
        """All that a user reads of jobs and steps by whatever field, as one text."""
        texts = []
        for model in ("kubernetes.job", "kubernetes.job.step"):
            records = self.env[model].with_user(user).search([])
            fields = [
                name
                for name, field in records._fields.items()
                if field.groups != "." and field.type not in ("one2many", "reference")
            ]
            texts.append(str(records.read(fields)))
        return " ".join(texts)

    def test_nobody_else_reads_a_result_an_error_a_step_or_an_option(self):
        for kind, outcome in self.each_outcome():
            job = self.ask(kind)
            self.run_job(job, **outcome)
            for user in (self.reader, self.colleague):
                self.assertNotIn(CANARY, self.visible(user), (kind, outcome["state"]))
                raises = self.assertRaises(AccessError)
                with raises, mute_logger("odoo.addons.base.models.ir_rule"):
                    job.with_user(user).read(["state"])
            for user in (self.asker, self.administrator):
                self.assertIn(CANARY, self.visible(user), (kind, outcome["state"]))

    def test_nobody_else_finds_a_result_by_trial(self):
        self.run_job(self.ask("diff"), **{**self.outcome("failed"), "error": ERROR})
        for user in (self.reader, self.colleague):
            jobs = self.jobs.with_user(user)
            self.assertFalse(jobs.search_count([("error_message", "like", "canary")]))
            apps = self.app.with_user(user)
            found = apps.search_count([("job_ids.error_message", "like", "canary")])
            self.assertFalse(found)

    def test_the_chatter_and_the_app_say_nothing_of_it(self):
        for kind, outcome in self.each_outcome():
            self.run_job(self.ask(kind), **outcome)
        self.assertNotIn(CANARY, str(self.app.message_ids.mapped("body")))
        self.assertFalse(self.app.state_message)
        self.assertIn("First Password failed", str(self.app.message_ids.mapped("body")))
        attention = self.env["kubernetes.attention"].search([])
        self.assertNotIn(CANARY, str(attention.mapped("message")))

    def test_a_preview_with_a_secret_leaves_no_result_on_the_manifest(self):
        self.run_job(self.ask("preview"), **self.outcome("done", preview=PREVIEW))
        manifest = self.manifests[1].with_user(self.reader)
        self.assertEqual(manifest.content, PREVIEW["content"])
        self.assertNotIn(CANARY, str(manifest.read()))

    def test_each_who_compares_gets_a_comparison_of_their_own(self):
        first = self.ask("diff")
        self.assertEqual(self.ask("diff"), first)
        second = self.app.with_user(self.colleague)._enqueue("diff").sudo()
        self.assertNotEqual(first, second)
        # They are done one after the other.
        self.run_job(first, **self.outcome("done", diff=DIFF))
        self.run_job(second, **self.outcome("done", diff=DIFF))
        self.assertIn(CANARY, self.visible(self.colleague))

    def test_a_wizard_does_not_open_somebody_elses_comparison(self):
        job = self.ask("diff")
        self.run_job(job, **self.outcome("done", diff=DIFF))
        wizards = self.env["kubernetes.app.apply"]
        mine, wizard = (
            wizards.with_user(user).create({"app_id": self.app.id})
            for user in (self.asker, self.colleague)
        )
        (mine + wizard).sudo().job_id = job
        self.assertIn(CANARY, mine.diff_html)
        self.env.invalidate_all()
        muted = mute_logger("odoo.addons.base.models.ir_rule")
        for field in ("diff_html", "job_state", "error_text"):
            with self.assertRaises(AccessError), muted:
                wizard.read([field])

    def test_an_app_with_others_comparisons_opens(self):
        self.run_job(self.ask("diff"), **self.outcome("done", diff=DIFF))
        self.app._enqueue("refresh")
        for user in (self.reader, self.colleague):
            self.env.invalidate_all()  # as a request of theirs finds it
            form = Form(self.app.with_user(user))
            self.assertEqual(form.name, "shop")
            kinds = self.app.with_user(user).job_ids.mapped("kind")
            self.assertEqual(kinds, ["refresh"])
