# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Writes what the addons have to translate anew: each template (``.pot``) as Odoo
exports it, and each German file in its order and with its places, its translations
kept. Says what German lacks.

Odoo finds the translation of a field, a view or a message by its place: a text that is
in the file under another place only is not translated.
"""

import re

from . import odoo, processes, sentences
from .demo import own_addons

#: Run in Odoo's shell, whose Python has polib.
SCRIPT = """
import io, pathlib, polib
from odoo.tools.translate import trans_export

addons = pathlib.Path({addons!r})
for module in {modules!r}:
    exported = io.BytesIO()
    trans_export(False, [module], exported, "po", env)
    new = polib.pofile(exported.getvalue().decode())
    folder = addons / module / "i18n"
    for name in (module + ".pot", "de.po"):
        path = folder / name
        kept = polib.pofile(str(path))
        known = {{e.msgid: e.msgstr for e in kept if not e.obsolete}}
        made = polib.POFile(wrapwidth=78)
        made.header, made.metadata = kept.header, kept.metadata
        for entry in new:
            entry.msgstr = known.get(entry.msgid, "")
            made.append(entry)
            if name == "de.po" and not entry.msgstr:
                print("UNTRANSLATED", module, repr(entry.msgid))
        made.save(str(path))
"""
UNTRANSLATED = re.compile(r"^UNTRANSLATED (.*)$", re.M)


def update(instance):
    """Bring the files up to date; the terms that have no German yet."""
    sentences.write()
    log = instance.logs / "translations.log"
    bed = odoo.Odoo(instance, log)
    template = odoo.template(bed, log)
    modules = own_addons()
    log.unlink(missing_ok=True)
    with odoo.scratch_name(bed, "translations") as database:
        bed.copy(template, database)
        install = bed.command(
            "server",
            *("-d", database, "-i", ",".join(modules)),
            *("--stop-after-init", "--no-http", "--max-cron-threads=0"),
        )
        shell = bed.command("shell", "-d", database, "--no-http")
        script = SCRIPT.format(addons=str(odoo.OWN_ADDONS), modules=modules)
        for command, stdin in ((install, None), (shell, script)):
            processes.run(
                command,
                log=log,
                what="Exporting what there is to translate",
                env=bed.environment(),
                stdin=stdin,
            )
    return UNTRANSLATED.findall(log.read_text())
