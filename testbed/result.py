# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""How many tests of a suite passed and failed, and what the failed ones say."""

from dataclasses import dataclass, field


@dataclass
class Result:
    passed: int = 0
    failed: int = 0
    failures: list = field(default_factory=list)

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed"
