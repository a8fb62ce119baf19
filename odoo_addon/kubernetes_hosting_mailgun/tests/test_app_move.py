# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo.addons.kubernetes_hosting.tests.test_app_move import MoveCase


class TestMailOfAMovedApp(MoveCase):
    def test_its_mail_domain_is_seen_to_in_the_new_cluster(self):
        self.app.write({"mail_domain": self.app.hostname, "mail_state": "active"})
        move = self.start()
        self.done()
        job = self.app._jobs([("kind", "=", "mail_domain"), ("state", "=", "pending")])
        self.assertEqual((job.cluster_id, job.move_id.id), (self.other, False))
        self.assertEqual(
            job._contract_values()["app"]["namespace"], move.to_namespace_id.name
        )

    def test_what_is_deleted_in_the_old_cluster_keeps_the_mail_domain(self):
        self.app.write({"mail_domain": self.app.hostname, "mail_state": "active"})
        move = self.start()
        while move.state == "running":
            self.done()
        self.assertEqual(move.state, "done")
        self.assertEqual(
            (self.app.mail_domain, self.app.mail_state), (self.app.hostname, "active")
        )
