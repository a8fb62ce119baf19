# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).


def migrate(cr, version):
    """What is known of manifests by now is kept, so that an app can be restored to it
    later."""
    cr.execute(
        """
        INSERT INTO kubernetes_manifest_content (
                    manifest_id, digest, content, files,
                    create_uid, create_date, write_uid, write_date)
             SELECT id, digest, content, files, 1, now(), 1, now()
               FROM kubernetes_manifest
              WHERE digest IS NOT NULL
              UNION
             SELECT id, pin, pinned_content, pinned_files, 1, now(), 1, now()
               FROM kubernetes_manifest
              WHERE pin IS NOT NULL AND pin IS DISTINCT FROM digest
                AND pinned_content IS NOT NULL
        ON CONFLICT DO NOTHING
        """
    )
