# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What checks pages comes from npm as it was when somebody looked at it."""

import base64
import hashlib
import io
import tarfile
import tempfile
import unittest
from pathlib import Path

from testbed import axe
from testbed.problem import Problem


class AxeTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.package = Path(folder.name) / "axe-core-1.0.0.tgz"
        with tarfile.open(self.package, "w:gz") as archive:
            member = tarfile.TarInfo(f"package/{axe.SCRIPT}")
            member.size = 4
            archive.addfile(member, io.BytesIO(b"axe;"))
        digest = hashlib.sha512(self.package.read_bytes()).digest()
        self.integrity = f"sha512-{base64.b64encode(digest).decode()}"

    def test_the_package_that_is_known_is_unpacked(self):
        axe.unpack(self.package, self.integrity)
        self.assertEqual(self.package.with_name(axe.SCRIPT).read_bytes(), b"axe;")

    def test_another_package_of_the_same_name_is_refused(self):
        with self.assertRaises(Problem) as raised:
            axe.unpack(self.package, axe.INTEGRITY)
        self.assertIn("axe-core-1.0.0.tgz", str(raised.exception))
        self.assertFalse(self.package.with_name(axe.SCRIPT).exists())
