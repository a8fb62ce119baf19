# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The cache is safe when two runs fill it at once or one is interrupted."""

import multiprocessing
import os
import signal
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from testbed import cache


def make_slowly(home, begun, go_on, made):
    """Another run that makes the entry, told when it may end."""
    os.environ["XDG_CACHE_HOME"] = home

    def make(into):
        (into / "half").write_text("half")
        begun.set()
        go_on.wait(30)
        (into / "whole").write_text("whole")
        with made.get_lock():
            made.value += 1

    cache.entry("kind", "key", make)


class CacheTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = folder.name
        patch = mock.patch.dict(os.environ, XDG_CACHE_HOME=self.home)
        patch.start()
        self.addCleanup(patch.stop)
        self.context = multiprocessing.get_context("fork")

    def other_run(self):
        begun, go_on = self.context.Event(), self.context.Event()
        made = self.context.Value("i", 0)
        process = self.context.Process(
            target=make_slowly, args=(self.home, begun, go_on, made)
        )
        process.start()
        self.addCleanup(process.join)
        self.addCleanup(process.kill)
        return process, begun, go_on, made

    def test_two_runs_at_once_make_an_entry_once(self):
        first, begun, go_on, made = self.other_run()
        self.assertTrue(begun.wait(30))
        second = self.context.Process(
            target=make_slowly, args=(self.home, self.context.Event(), go_on, made)
        )
        second.start()
        self.addCleanup(second.kill)
        self.assertFalse(cache.path("kind", "key").exists(), "only whole entries show")
        go_on.set()
        first.join(30)
        second.join(30)
        self.assertEqual((first.exitcode, second.exitcode, made.value), (0, 0, 1))
        self.assertEqual((cache.path("kind", "key") / "whole").read_text(), "whole")

    def test_an_interrupted_run_leaves_nothing_that_looks_finished(self):
        process, begun, _, _ = self.other_run()
        self.assertTrue(begun.wait(30))
        os.kill(process.pid, signal.SIGKILL)
        process.join(30)
        self.assertFalse(cache.path("kind", "key").exists())
        left = list(cache.path("kind", "key").parent.glob(".key.making-*"))
        self.assertEqual(len(left), 1)

        place = cache.entry("kind", "key", lambda into: (into / "whole").touch())

        self.assertEqual([path.name for path in place.iterdir()], ["whole"])
        self.assertFalse(left[0].exists(), "the next run clears up")

    def test_a_failed_making_is_made_anew(self):
        def fail(into):
            raise RuntimeError("no network")

        with self.assertRaises(RuntimeError):
            cache.entry("kind", "key", fail)
        place = cache.entry("kind", "key", lambda into: (into / "whole").touch())
        self.assertTrue((place / "whole").exists())

    def test_another_version_is_another_entry(self):
        file = Path(self.home) / "requirements.txt"
        file.write_text("a==1")
        before = cache.digest(file, "x")
        file.write_text("a==2")
        self.assertNotEqual(cache.digest(file, "x"), before)
        self.assertNotEqual(cache.digest("ab", "c"), cache.digest("a", "bc"))
