# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.fields import Command

from .test_life import LifeCase


class TestChatter(LifeCase):
    """Everything an operator does is in the app's chatter, with who and when."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.operator = cls.create_user("operator")

    def notes(self, app, since=0):
        """What was noted of the app after the message ``since``, the oldest first."""
        self.env.flush_all()
        self.cr.precommit.run()
        messages = self.env["mail.message"].search(
            [
                ("model", "=", "kubernetes.app"),
                ("res_id", "=", app.id),
                ("id", ">", since),
            ],
            order="id",
        )
        return messages

    def noted(self, app, act):
        """The texts that the operator's act leaves in the chatter."""
        before = self.notes(app)[-1:].id
        act()
        notes = self.notes(app, before)
        for note in notes:
            self.assertEqual(note.author_id, self.operator.partner_id, note.body)
            self.assertTrue(note.date)
            self.assertTrue(note.is_internal or note.subtype_id.internal)
            self.assertFalse(note.notification_ids)
        return [note.body.striptags() for note in notes if note.body]

    def test_each_button_is_noted(self):
        app = self.resettable().with_user(self.operator)
        for act, text in (
            (app.action_apply, "Apply requested"),
            (app.action_apply, "Apply requested again; it waits already"),
            (app.action_refresh, "Update requested"),
            (app.action_restart, "Restart requested"),
            (app.action_stop, "Stop requested"),
            (app.action_start, "Start requested"),
        ):
            self.assertEqual(self.noted(app, act), [text])
        reset = app.env["kubernetes.app.reset"].create({"app_id": app.id})
        self.assertEqual(self.noted(app, reset.action_confirm), ["Reset requested"])
        delete = app.env["kubernetes.app.delete"].create(
            {"app_id": app.id, "confirmed_name": "unit/shop-int"}
        )
        self.assertEqual(self.noted(app, delete.action_confirm), ["Delete requested"])

    def test_looking_is_not_noted(self):
        app = self.deployed().with_user(self.operator)
        self.assertEqual(self.noted(app, app.action_review), [])

    def test_cancel_and_retry_are_noted(self):
        app = self.deployed().with_user(self.operator)
        app.action_restart()
        job = app.live_job_id
        self.assertEqual(self.noted(app, job.action_cancel), ["Restart cancelled"])
        self.assertEqual(
            self.noted(app, job.action_retry), [f"Restart retried after job {job.id}"]
        )

    def test_changed_values_of_the_config_map_are_noted(self):
        app = self.deployed().with_user(self.operator)
        config_map = app.config_map_id
        image, replicas = config_map.line_ids

        def change():
            config_map.line_ids = [
                Command.update(image.id, {"value": "odoo:19.1"}),
                Command.delete(replicas.id),
                Command.create({"key": "workers", "value": "2"}),
            ]

        self.assertEqual(
            self.noted(app, change),
            [
                "ConfigMap changed: odoo_image: odoo:19.0 → odoo:19.1;"
                " odoo_replicas removed: 1; workers added: 2"
            ],
        )
        line = config_map.line_ids.filtered(lambda line: line.key == "workers")

        def change_line():
            line.write({"type": "yaml", "value": "x" * 300})

        self.assertEqual(
            self.noted(app, change_line),
            [f"ConfigMap changed: workers: 2 (string) → {'x' * 200}… (yaml)"],
        )

    def test_what_is_changed_back_is_not_noted(self):
        app = self.deployed().with_user(self.operator)
        line = app.config_map_id.line_ids[0]

        def change():
            line.value = "other"
            line.value = "odoo:19.0"
            line.sequence = 99

        self.assertEqual(self.noted(app, change), [])

    def test_changed_secrets_are_noted_without_values(self):
        app = self.deployed().with_user(self.operator)
        secret = app.secret_id
        password, generated = secret.line_ids

        def change():
            secret.line_ids = [
                Command.update(password.id, {"value": "an0ther"}),
                Command.update(generated.id, {"generate_length": 64}),
                Command.create({"key": "token", "value": "h1dden"}),
            ]

        self.assertEqual(
            self.noted(app, change),
            [
                "Secret changed: smtp_password changed; postgres_password changed;"
                " token added"
            ],
        )
        everything = " ".join(self.notes(app).mapped("body"))
        for value in ("s3cr#t", "an0ther", "h1dden"):
            self.assertNotIn(value, everything)

    def test_a_template_changes_no_apps_chatter(self):
        app = self.deployed().with_user(self.operator)
        template = self.config_map.with_user(self.operator)

        def change():
            template.line_ids[0].value = "odoo:20.0"

        self.assertEqual(self.noted(app, change), [])

    def test_another_template_is_noted(self):
        app = self.deployed().with_user(self.operator)
        other = self.config_map.copy({"name": "Big", "is_template": True})

        def change():
            app.config_map_id = other

        self.assertEqual(
            self.noted(app, change), ["ConfigMap replaced by a copy of Big"]
        )

    def test_changed_manifests_are_noted(self):
        app = self.deployed().with_user(self.operator)
        backup = self.manifests[0].copy({"name": "Backup"})

        def add():
            app.manifest_line_ids = [
                Command.create({"manifest_id": backup.id, "sequence": 99})
            ]
            app.reset_manifest_line_ids = [Command.create({"manifest_id": backup.id})]

        def reorder():
            app.manifest_line_ids.filtered(
                lambda line: line.manifest_id == backup
            ).sequence = 1

        def remove():
            app.manifest_line_ids = [Command.clear()]

        self.assertEqual(
            self.noted(app, add),
            [
                "Manifests: PostgreSQL, Odoo → PostgreSQL, Odoo, Backup",
                "Reset Manifests: none → Backup",
            ],
        )
        self.assertEqual(
            self.noted(app, reorder),
            ["Manifests: PostgreSQL, Odoo, Backup → Backup, PostgreSQL, Odoo"],
        )
        self.assertEqual(
            self.noted(app, remove), ["Manifests: Backup, PostgreSQL, Odoo → none"]
        )

    def test_a_new_app_has_no_notes_of_its_values(self):
        app = self.create_app()
        bodies = [note.body for note in self.notes(app) if note.body]
        self.assertFalse([body for body in bodies if "Manifests" in body])
        self.assertFalse([body for body in bodies if "changed" in body])

    def test_changed_reset_and_customer_are_tracked(self):
        app = self.resettable()
        self.notes(app)
        app.with_user(self.operator).write(
            {"reset_mode": "manifests", "partner_id": False}
        )
        tracked = self.notes(app)[-1]
        self.assertEqual(tracked.author_id, self.operator.partner_id)
        self.assertEqual(
            set(tracked.tracking_value_ids.field_id.mapped("name")),
            {"reset_mode", "partner_id"},
        )
