# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A worker that runs apps as Compose projects on one host, written from
docs/contract.md alone."""

VERSION = "0.1.0"
#: The kind of clusters that it runs.
KIND = "compose"
