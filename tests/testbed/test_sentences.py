# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import re
import unittest

from testbed import sentences

PLACE = re.compile(r"\{\{|\}\}|\{(\w+)\}")


class TestSentences(unittest.TestCase):
    def test_the_addon_knows_every_sentence_of_the_worker(self):
        self.assertGreater(len(sentences.templates()), 100)
        self.assertEqual(
            sentences.known(),
            sentences.templates(),
            "`make translations` writes odoo_addon/kubernetes_hosting/tools/"
            "worker_sentences.py from the worker's source",
        )

    def test_every_place_of_a_template_has_a_name(self):
        for template in sentences.templates():
            rest = PLACE.sub("", template)
            self.assertNotIn("{", rest, template)
            self.assertNotIn("}", rest, template)

    def test_a_template_is_read_as_rust_reads_it(self):
        source = r"""
            sentence!("one")
            // sentence!("a comment")
            sentence!(
                "two \"{name}\" \
                 lines\n- {{ x }}",
                name
            )
            #[cfg(test)]
mod tests { sentence!("not told") }
        """
        source = source.replace("            #[cfg", "#[cfg")
        found = sentences.TEMPLATE.findall(sentences.UNTOLD.sub("", source))
        self.assertEqual(
            [sentences._unescaped(text) for text in found],
            ["one", 'two "{name}" lines\n- {{ x }}'],
        )
