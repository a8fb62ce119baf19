# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A short ``make chaos``. Run by ``make test``."""

import unittest

from testbed import chaos, instance

MINUTES = 1
#: The same faults each time, in the same order.
SEED = 1


class ChaosTest(unittest.TestCase):
    def test_nothing_is_lost_while_everything_fails_for_a_minute(self):
        bed = chaos.Chaos(instance.from_environment())
        self.assertEqual(bed.run(MINUTES, SEED), [])
