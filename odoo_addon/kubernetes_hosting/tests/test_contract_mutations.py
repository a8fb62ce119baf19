# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).

import importlib.util
from itertools import islice
from pathlib import Path

from odoo.tests import BaseCase, tagged

from ..models import contract

PATH = Path(__file__).resolve().parents[3] / "testbed" / "contract_mutations.py"


def mutations():
    spec = importlib.util.spec_from_file_location("contract_mutations", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@tagged("post_install", "-at_install")
class TestContractMutations(BaseCase):
    def test_no_request_ends_in_another_error_than_the_contracts(self):
        """``make fuzz`` does the same for longer, each time with another seed."""
        mutated = mutations()
        answers = [
            mutated.check(call, params, contract)
            for call, params in islice(mutated.requests(20261129), 3000)
        ]
        self.assertIn(True, answers)
        self.assertIn(False, answers)
