# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Waiting for what real pods take their time for."""

import time


def wait_until(condition, what, seconds):
    """What ``condition`` returns as soon as that is true."""
    end = time.monotonic() + seconds
    while not (seen := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.2)
    return seen
