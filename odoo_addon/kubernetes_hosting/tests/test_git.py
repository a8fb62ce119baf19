# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import hashlib
import hmac
import json

from lxml import html

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import HttpCase, tagged

from .common import KubernetesCase
from .test_life import LifeCase

FIRST, SECOND = f"sha256:{1:064}", f"sha256:{2:064}"
KNOWN, PUSHED = 40 * "a", 40 * "b"
SERVER = {"git_url": "https://git.example.com", "git_owner": "apps"}


class TestGit(LifeCase):
    """An app has a Git repository of its own: what is deployed is committed, and what
    is pushed is taken over."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.operator = cls.create_user("operator")
        cls.prod.write(SERVER)

    def setUp(self):
        super().setUp()
        self.app = self.create_app().with_user(self.operator)
        self.app.action_apply()
        self.first = self.claim(limit=1)
        self.first._conclude(
            self.outcome(
                "done",
                manifests=[self.content(0, "replicas: 1\n", FIRST)],
                git=self.seen(KNOWN),
                observation=self.observation("running", self.now()),
            )
        )

    def content(self, number, text, digest):
        return {
            "id": self.manifests[number].id,
            "digest": digest,
            "content": text,
            "variables": [],
            "files": [],
        }

    def seen(self, commit, variables=None, manifests=None):
        return {
            "url": "https://git.example.com/apps/shop-prod",
            "commit": commit,
            "title": "Less memory" if manifests else "",
            "author": "Ada" if manifests else "",
            "vars": variables,
            "manifests": manifests,
        }

    def vars(self):
        return self.app.sudo()._git_vars()

    def look(self, variables=None, text="replicas: 2\n"):
        """Somebody has pushed, and a worker looks."""
        self.app.action_git_look()
        job = self.claim(limit=1)
        self.assertEqual(job.kind, "git")
        seen = self.seen(
            PUSHED,
            self.vars() if variables is None else variables,
            [
                self.content(0, text, SECOND),
                self.content(1, "kind: Service\n", f"sha256:{3:064}"),
            ],
        )
        job._conclude(self.outcome("done", git=seen))
        return job

    def review(self):
        action = self.app.action_git_review()
        wizards = self.env[action["res_model"]].with_user(self.operator)
        return wizards.browse(action["res_id"])

    # -- what the worker gets ----------------------------------------------------

    def test_a_deploy_is_told_of_the_repository_and_its_values_without_secrets(self):
        self.assertEqual(self.app.git_known, KNOWN)
        self.assertFalse(self.app.is_git_changed)
        self.app.action_apply()
        git = self.claim(limit=1)._contract_values()["app"]["git"]
        uid = self.app.sudo().uid
        self.assertEqual(
            (git["url"], git["owner"], git["known"], git["on_delete"]),
            ("https://git.example.com", "apps", KNOWN, "archive"),
        )
        self.assertEqual(git["name"], f"shop-prod-{uid[:8]}")
        self.assertTrue(
            git["hook"]["url"].endswith(f"/kubernetes_hosting/git/{uid}"), git
        )
        self.assertIn("odoo_image: odoo:19.0\n", git["vars"])
        self.assertNotIn("s3cr", git["vars"])

    def test_without_a_server_there_is_none(self):
        self.prod.git_url = False
        self.app.action_apply()
        self.assertIsNone(self.claim(limit=1)._contract_values()["app"]["git"])

    def test_a_server_is_a_url_without_a_login_and_has_an_owner(self):
        for url in ("git.example.com", "https://me:secret@git.example.com", "ftp://x"):
            with self.assertRaisesRegex(ValidationError, "is not the URL"):
                self.prod.git_url = url
        with self.assertRaisesRegex(ValidationError, "Enter the owner"):
            self.prod.write({**SERVER, "git_owner": False})

    # -- what is pushed ----------------------------------------------------------

    def test_a_push_is_shown_with_its_difference_and_deployed_by_apply(self):
        self.look(self.vars().replace("odoo:19.0", "odoo:19.1"))
        self.assertTrue(self.app.is_git_changed)
        self.assertEqual(self.app.git_head_text, "Less memory, Ada")
        self.assertIn("Pushed to the Git repository: bbbbbbbbbb", self.noted())
        self.assertFalse(self.app.live_job_id)
        wizard = self.review()
        shown = html.fromstring(wizard.changes_html).text_content()
        for line in (
            "-odoo_image: odoo:19.0\n+odoo_image: odoo:19.1\n",
            "-replicas: 1\n+replicas: 2\n",
        ):
            self.assertIn(line, shown)
        wizard.action_confirm()
        self.assertFalse(self.app.is_git_changed)
        job = self.claim(limit=1)._contract_values()
        self.assertEqual(job["app"]["git"]["known"], PUSHED)
        self.assertEqual(
            [one["content"]["text"] for one in job["manifests"]],
            ["replicas: 2\n", "kind: Service\n"],
        )
        self.assertIn("odoo_image: odoo:19.1\n", job["app"]["git"]["vars"])

    def noted(self):
        return " ".join(self.app.message_ids[:5].mapped("body"))

    def test_where_it_is_allowed_it_is_deployed_by_itself(self):
        self.prod.git_deploys = True
        self.look()
        self.assertEqual(self.app.live_job_id.kind, "deploy")
        self.assertEqual(self.app.git_known, PUSHED)

    def test_one_that_is_stopped_is_not_started_by_a_push(self):
        self.prod.git_deploys = True
        self.app.action_stop()
        self.claim(limit=1)._conclude(
            self.outcome("done", observation=self.observation("stopped", self.now()))
        )
        self.look()
        self.assertFalse(self.app.live_job_id)
        self.assertTrue(self.app.is_git_changed)

    def test_from_the_first_commit_on_it_is_deployed_from_its_repository(self):
        """Whatever is at the URLs of its manifests."""
        self.manifests[0].sudo()._remember(SECOND, "replicas: 2\n", [], [])
        self.assertFalse(self.app.is_changed)
        self.app.action_apply()
        (given, _other) = self.claim(limit=1)._contract_values()["manifests"]
        self.assertEqual(given["content"]["text"], "replicas: 1\n")

    def test_a_deploy_that_meets_a_push_lets_a_worker_look(self):
        self.app.action_apply()
        self.claim(limit=1)._conclude(self.outcome("failed", "git_changed"))
        waiting = self.app._jobs([("state", "=", "pending")])
        self.assertEqual(waiting.mapped("kind"), ["git"])

    def test_a_chart_stays_what_it_is(self):
        self.manifests[1].format = "helm"
        self.app.action_apply()
        self.claim(limit=1)._conclude(
            self.outcome(
                "done",
                manifests=[self.content(1, "name: web\n", f"sha256:{3:064}")],
                git=self.seen(KNOWN),
            )
        )
        self.app.action_git_look()
        job = self.claim(limit=1)
        told = [self.content(0, "replicas: 2\n", SECOND)]
        job._conclude(self.outcome("done", git=self.seen(PUSHED, self.vars(), told)))
        self.assertEqual(
            [one["digest"] for one in job.deployed["manifests"]],
            [SECOND, f"sha256:{3:064}"],
        )

    def test_what_is_left_is_committed_over(self):
        self.look()
        self.app.action_git_leave()
        self.assertFalse(self.app.is_git_changed)
        self.assertEqual(self.app.git_known, PUSHED)
        self.assertFalse(self.app.live_job_id)

    def test_values_that_say_the_same_stay_written_as_they_were(self):
        self.app.config_map_id.line_ids[1].value = "{a: 1,  b: [2]}"
        job = self.look()
        self.assertEqual(
            job.deployed["config_map"],
            [line._contract_values() for line in self.app.config_map_id.line_ids],
        )

    def test_a_vars_file_that_cannot_be_read_is_told_with_its_place(self):
        job = self.look("odoo_image: [1")
        self.assertFalse(job.deployed)
        self.assertRegex(self.app.git_problem, r"^vars.yml: Line 1, column \d+: ")
        with self.assertRaisesRegex(UserError, "vars.yml: Line 1"):
            self.app.action_git_review()
        self.look()
        self.assertFalse(self.app.git_problem)

    def test_nothing_is_known_before_a_worker_has_looked(self):
        with self.assertRaisesRegex(UserError, "Look at Git"):
            self.app.action_git_review()

    def test_an_earlier_job_is_restored_and_committed(self):
        self.look()
        self.review().action_confirm()
        self.claim(limit=1)._conclude(self.outcome("done", git=self.seen(PUSHED)))
        action = self.first.with_user(self.operator).action_restore()
        wizard = self.env[action["res_model"]].with_user(self.operator)
        wizard.browse(action["res_id"]).action_confirm()
        job = self.claim(limit=1)._contract_values()
        self.assertEqual(job["app"]["git"]["known"], PUSHED)
        self.assertEqual(job["manifests"][0]["content"]["text"], "replicas: 1\n")

    def test_all_are_looked_at_now_and_then(self):
        other = self.create_app("other", self.int)
        self.env["kubernetes.app"]._cron_git()
        jobs = self.jobs.search([("kind", "=", "git")])
        self.assertEqual(jobs.app_id, self.app)
        self.assertFalse(other.job_ids)

    # -- whose it is -------------------------------------------------------------

    def test_customers_see_it_where_they_may(self):
        self.assertFalse(self.app._customer_repository())
        self.prod.git_shown = True
        self.assertEqual(
            self.app._customer_repository(), "https://git.example.com/apps/shop-prod"
        )

    def test_operators_alone_handle_it(self):
        self.look()
        user = self.app.with_user(self.create_user("user"))
        for call in user.action_git_look, user.action_git_review, user.action_git_leave:
            with self.assertRaises(AccessError):
                call()


@tagged("post_install", "-at_install")
class TestGitHook(KubernetesCase, HttpCase):
    """The server tells of a push; a worker looks then, and nothing else follows."""

    def push(self, app, secret=None, uid=None, message="Less memory", signature=None):
        body = json.dumps({"head_commit": {"message": message}}).encode()
        key = (secret or app._git_secret()).encode()
        signature = signature or hmac.new(key, body, hashlib.sha256).hexdigest()
        return self.url_open(
            f"/kubernetes_hosting/git/{uid or app.uid}",
            data=body,
            headers={
                "Content-Type": "application/json",
                "X-Gitea-Signature": signature,
            },
        ).status_code

    def test_what_the_server_has_signed_lets_a_worker_look(self):
        self.prod.write(SERVER)
        app = self.create_app()
        self.assertEqual(self.push(app), 204)
        self.assertEqual(self.push(app), 204)
        self.env.invalidate_all()
        self.assertEqual(app.job_ids.mapped("kind"), ["git"])

    def test_what_a_deploy_has_just_committed_is_not_looked_at(self):
        self.prod.write(SERVER)
        app = self.create_app()
        app.action_apply()
        self.env.flush_all()
        worker = self.create_worker("worker-1")
        job = app.job_ids._claim(worker.id, ["unit"], ["deploy"], 1)
        message = f"Deploy shop\n\nChandlery-Job: {job.uid}\n"
        self.assertEqual(self.push(app, message=message), 204)
        self.env.invalidate_all()
        self.assertEqual(app.job_ids.mapped("kind"), ["deploy"])
        app.job_ids.sudo().state = "done"
        self.assertEqual(self.push(app, message=message), 204)
        self.env.invalidate_all()
        self.assertIn("git", app.job_ids.mapped("kind"))

    def test_others_are_refused_alike(self):
        self.prod.write(SERVER)
        app, other = self.create_app(), self.create_app("other")
        answers = [
            self.push(app, "wrong"),
            self.push(app, signature="\xe9"),
            self.push(app, other._git_secret()),
            self.push(app, uid=32 * "0"),
        ]
        self.assertEqual(answers, [403, 403, 403, 403])
        self.env.invalidate_all()
        self.assertFalse((app + other).job_ids)
