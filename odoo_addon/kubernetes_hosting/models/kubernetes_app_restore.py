# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

from odoo import models
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import format_datetime

from .kubernetes_manifest import changes_of, text_diff


class KubernetesApp(models.Model):
    """Back to what an earlier job has deployed: its values, its manifests with their
    contents of that time, and its package's version. Secrets stay as they are."""

    # pylint: disable-next=consider-merging-classes-inherited
    _inherit = "kubernetes.app"

    def _check_may_restore(self, job):
        self.ensure_one()
        if job.app_id != self or not job.is_restorable:
            raise UserError(
                self.env._(
                    "What “%s” has deployed is not known. Choose a job that has"
                    " deployed the app and is done.",
                    job.display_name,
                )
            )
        self._check_may_enqueue("deploy", {})
        there = self._deployed_manifests(job)
        for told in job.deployed["manifests"]:
            if told["id"] not in there.ids:
                raise UserError(
                    self.env._(
                        "The manifest “%(manifest)s” (%(url)s), which that job has"
                        " deployed, is deleted. Enter it again, and add it to the app"
                        " by hand.",
                        manifest=told["title"],
                        url=told["url"],
                    )
                )
            manifest = there.filtered(lambda one, told=told: one.id == told["id"])
            if manifest.format != told["format"]:
                formats = dict(
                    manifest._fields["format"]._description_selection(self.env)
                )
                raise UserError(
                    self.env._(
                        "The manifest “%(manifest)s” was a %(then)s when that job"
                        " deployed it, and is a %(now)s now. Set its format and its URL"
                        " (%(url)s then) back first.",
                        manifest=manifest.name,
                        then=formats[told["format"]],
                        now=formats[manifest.format],
                        url=told["url"],
                    )
                )

    def _deployed_manifests(self, job):
        """Those of the manifests that the job has deployed which are still there, in
        their order."""
        ids = [told["id"] for told in job.deployed["manifests"]]
        return self.env["kubernetes.manifest"].browse(ids).exists()

    def _held_values(self, job):
        """What the app's lines for these manifests are to be, ``{manifest: values}``:
        held at the content that the job has deployed, but for those that are pinned to
        it."""
        values = {}
        digests = {told["id"]: told["digest"] for told in job.deployed["manifests"]}
        for manifest in self._deployed_manifests(job):
            digest = digests[manifest.id]
            is_held = digest and manifest.pin != digest
            kept = manifest.format == "jinja" and manifest._kept_content(digest)
            values[manifest] = {
                "held_digest": is_held and digest,
                "held_since": is_held and job.finished_at,
                "content_id": is_held and kept and kept.id,
            }
        return values

    # -- what would change -------------------------------------------------------

    def _restore_changes(self, job):
        """What restoring the app would change, as the contract has a ``diff``."""
        self.ensure_one()
        values = changes_of(
            {self.env._("Values"): self._values_text(self._present_values())},
            {self.env._("Values"): self._values_text(job.deployed["config_map"])},
        )
        return [*values, *self._changed_order(job), *self._changed_contents(job)]

    def _present_values(self):
        return [line._contract_values() for line in self.config_map_id.line_ids]

    def _values_text(self, lines):
        """Values to be compared line by line."""
        config_maps = self.env["kubernetes.config.map"]
        kinds = dict(
            config_maps.line_ids._fields["type"]._description_selection(self.env)
        )
        texts = []
        for line in sorted(lines, key=lambda line: line["key"]):
            kind = "" if line["type"] == "string" else f" ({kinds[line['type']]})"
            value = line["value"].rstrip("\n")
            block = "\n".join(f"  {part}" for part in value.split("\n"))
            texts.append(
                f"{line['key']}{kind}:\n{block}"
                if "\n" in value
                else f"{line['key']}{kind}: {value}"
            )
        return "\n".join(texts)

    def _changed_order(self, job):
        now = self._manifests().mapped("name")
        then = self._deployed_manifests(job).mapped("name")
        text = text_diff("\n".join(now), "\n".join(then))
        return (
            [{"object": self.env._("Manifests"), "action": "change", "text": text}]
            if text
            else []
        )

    def _changed_contents(self, job):
        changes = []
        now = {line.manifest_id: line for line in self.manifest_line_ids}
        for told in job.deployed["manifests"]:
            manifest = self.env["kubernetes.manifest"].browse(told["id"])
            digest, texts = (
                now[manifest]._used_content() if manifest in now else (None, {})
            )
            if (digest or None) == told["digest"]:
                continue
            kept = manifest._kept_content(told["digest"])
            found = kept and texts is not None and changes_of(texts, kept._texts())
            changes += found or [
                {
                    "object": manifest.name,
                    "action": "change",
                    "text": text_diff(digest or "", told["digest"] or ""),
                }
            ]
        return changes

    def _missing_secrets(self, job):
        """The secrets that were there when the job was done, and are not now."""
        now = self.secret_id.line_ids.mapped("key")
        then = (job.deployed or {}).get("secret", [])
        return [key for key in then if key not in now]

    # -- doing it ----------------------------------------------------------------

    def _restore(self, job):
        """Set what the job has deployed, and ask for a deploy of it; return its job."""
        self.ensure_one()
        self._check_operator()
        self._check_may_restore(job)
        self._restore_values(job.deployed["config_map"])
        self._restore_manifests(job)
        version = self.env["kubernetes.package.version"].sudo()
        version = version.browse(job.deployed["version"] or []).exists()
        self.sudo().write(
            {
                "package_version_id": version.id,
                "package_digest": version and job.deployed["package_digest"],
            }
        )
        self._log(
            self.env._(
                "Restored to what job %(number)s has deployed on %(moment)s",
                number=job.id,
                moment=format_datetime(self.env, job.finished_at, dt_format="short"),
            )
        )
        return self._enqueue("deploy")

    def _restore_values(self, lines):
        then = {line["key"]: line for line in lines}
        commands = []
        for line in self.config_map_id.line_ids:
            if line.key not in then:
                commands.append(Command.delete(line.id))
            elif line._contract_values() != then[line.key]:
                commands.append(Command.update(line.id, then[line.key]))
        present = self.config_map_id.line_ids.mapped("key")
        last = max(self.config_map_id.line_ids.mapped("sequence"), default=0)
        commands += [
            Command.create({**line, "sequence": last + number})
            for number, line in enumerate(lines, 1)
            if line["key"] not in present
        ]
        if commands:
            self.config_map_id.line_ids = commands

    def _restore_manifests(self, job):
        held = self._held_values(job)
        lines = {line.manifest_id: line for line in self.manifest_line_ids}
        self.manifest_line_ids = [
            *(
                Command.delete(line.id)
                for manifest, line in lines.items()
                if manifest not in held
            ),
            *(
                Command.update(lines[manifest].id, {"sequence": 10 * number})
                if manifest in lines
                else Command.create(
                    {"sequence": 10 * number, "manifest_id": manifest.id}
                )
                for number, manifest in enumerate(held, 1)
            ),
        ]
        for line in self.sudo().manifest_line_ids:
            line._hold(held[line.manifest_id])
