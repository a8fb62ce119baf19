# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The test bed: makes a machine on which the whole of Chandlery runs, for a demo and
for the tests. Python's standard library only.

The way through: ``__main__`` reads the command. ``demo`` is the recipe of the whole,
in numbered ``steps``; ``suites`` runs the tests on one, ``lint`` the checks that need
none. Each part of the machine has a file: ``debian`` (packages), ``postgresql``,
``odoo`` (its source, environment and template database), ``demo_data`` (what the shop
sells, run inside Odoo), ``cluster`` (a given one, or ``kubernetes`` with its
``certificates`` and ``ingress``, built by ``go_programs``; whether its ``pods`` are
real, and the ``node`` for these with its ``box``, ``volumes`` and ``images``),
``catalog_server`` and ``worker``.

Below them: ``instance`` (ports and folders of one test bed), ``cache`` (what is made
once and kept), ``processes`` (programs and daemons) and ``problem`` (what is told
when something fails).
"""
