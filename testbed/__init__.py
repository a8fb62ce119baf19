# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The test bed: makes a machine on which the whole of Chandlery runs, for a demo and
for the tests."""
