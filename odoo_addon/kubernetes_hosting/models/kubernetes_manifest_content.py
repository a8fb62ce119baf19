# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import api, fields, models
from odoo.tools import SQL

from .kubernetes_job import GC_BATCH


class KubernetesManifestContent(models.Model):
    """What a manifest was at some time, as a worker had fetched it: an app can be
    restored to it, whatever is at the manifest's URL by then."""

    _name = "kubernetes.manifest.content"
    _description = "Content of a Kubernetes Manifest"
    _inherit = ["kubernetes.record"]
    _rec_name = "digest"
    _order = "id desc"

    manifest_id = fields.Many2one(
        "kubernetes.manifest",
        required=True,
        readonly=True,
        ondelete="cascade",
    )
    digest = fields.Char(required=True, readonly=True)
    content = fields.Text(readonly=True, prefetch=False)
    files = fields.Json(readonly=True, prefetch=False)

    _digest_uniq = models.UniqueIndex(
        "(manifest_id, digest)", "This content of the manifest is kept already."
    )

    @api.model
    def _keep(self, manifests):
        """Keep what is known of these now, in one statement for all of them."""
        if not manifests:
            return
        manifests.flush_recordset(["content", "digest", "files"])
        self.env.execute_query(
            SQL(
                """
                INSERT INTO kubernetes_manifest_content (
                            manifest_id, digest, content, files,
                            create_uid, create_date, write_uid, write_date)
                     SELECT id, digest, content, files,
                            %(uid)s, %(now)s, %(uid)s, %(now)s
                       FROM kubernetes_manifest
                      WHERE id = ANY(%(ids)s) AND digest IS NOT NULL
                ON CONFLICT DO NOTHING
                """,
                uid=self.env.uid,
                now=self.env.cr.now(),
                ids=manifests.ids,
            )
        )
        manifests.invalidate_recordset(["content_ids"], flush=False)

    def _texts(self):
        """Each text by its name, the template's own by the manifest's."""
        self.ensure_one()
        return self.manifest_id._texts(self.content, self.files)

    def _contract_values(self):
        """What it makes of its manifest in the contract's claim answer: a template,
        whatever the manifest has become. Nothing where there is none."""
        if not self:
            return {}
        content = {"text": self.content or "", "files": self.files or []}
        return {"format": "jinja", "content": content}

    @api.autovacuum
    def _gc_unused(self):
        """Contents go that no manifest has any more, no job has deployed and no app is
        kept at."""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                WITH deployed AS (
                    SELECT DISTINCT (manifest ->> 'id')::int AS manifest_id,
                           manifest ->> 'digest' AS digest
                      FROM kubernetes_job job,
                           jsonb_array_elements(job.deployed -> 'manifests') manifest
                     WHERE job.deployed IS NOT NULL)
                SELECT kept.id
                  FROM kubernetes_manifest_content kept
                  JOIN kubernetes_manifest manifest ON manifest.id = kept.manifest_id
             LEFT JOIN deployed
                    ON deployed.manifest_id = kept.manifest_id
                   AND deployed.digest = kept.digest
                 WHERE deployed.digest IS NULL
                   AND kept.digest IS DISTINCT FROM manifest.digest
                   AND NOT EXISTS (
                        SELECT 1 FROM kubernetes_app_manifest line
                         WHERE line.content_id = kept.id)
                 LIMIT %s
                """,
                GC_BATCH,
            )
        )
        self.browse(content_id for (content_id,) in rows).unlink()
        return len(rows), len(rows) == GC_BATCH
