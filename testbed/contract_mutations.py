# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Requests of a worker as nobody should send them: the golden files of tests/contract,
changed by chance. The same seed gives the same requests on every machine.
"""

import copy
import importlib.util
import json
import random
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
CALLS = ("claim", "report", "observe")
#: What may stand anywhere.
VALUES = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 10**40, -(10**5000)),
    *(0.5, -0.0, 1e308, float("inf"), float("-inf"), float("nan")),
    *("", "\x00", "\ud800", "\udfff\ud800", "\u202e", "ä" * 1000, "null", "9" * 5000),
    *("0000-00-00T00:00:00Z", "9999-12-31T23:59:60Z", "2026-11-21T08:00:00.xZ", "Z"),
    *("2026-11-21T08:00:00.٣Z", "2026-02-30T00:00:00Z", "+1-11-21T08:00:00Z"),
    *([], {}, [[]], [None], [{}], {"": None}, {"id": {"id": {}}}),
)


def contract():
    """The addons' module, which needs no Odoo."""
    path = CHECKOUT / "odoo_addon/kubernetes_hosting/models/contract.py"
    spec = importlib.util.spec_from_file_location("chandlery_contract", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CONTRACT = contract()


def requests(seed):
    """Calls and their parameters, without end."""
    chance = random.Random(seed)
    folder = CHECKOUT / "tests" / "contract"
    golden = {
        call: json.loads((folder / f"{call}_request.json").read_text())
        for call in CALLS
    }
    while True:
        call = chance.choice(CALLS)
        params = copy.deepcopy(golden[call])
        for _ in range(chance.choice((1, 1, 1, 2, 5))):
            params = mutated(params, chance)
        yield call, params


def mutated(value, chance):
    """The value with one thing in it changed."""
    place, inside = [], value
    while isinstance(inside, dict | list) and inside and chance.random() < 0.85:
        keys = list(inside) if isinstance(inside, dict) else range(len(inside))
        place.append(chance.choice(keys))
        inside = inside[place[-1]]
    if not place:
        return chance.choice(VALUES)
    holder = value
    for key in place[:-1]:
        holder = holder[key]
    key = place[-1]
    match chance.randrange(6):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, list):
            holder.extend(copy.deepcopy(holder))
        case 1:
            holder[f"{key}_"] = holder.pop(key)
        case 2:
            holder[key] = [copy.deepcopy(holder[key])]
        case 3 if isinstance(holder[key], str):
            text = holder[key]
            at = chance.randrange(len(text) + 1)
            holder[key] = text[:at] + chance.choice("\x00\ud800Z.:-9 ä") + text[at:]
        case _:
            holder[key] = copy.deepcopy(chance.choice(VALUES))
    return value


def check(call, params, contract=CONTRACT):
    """What is read can be stored as text and JSON, what is refused says where."""
    try:
        read = contract.read(call, params)
    except contract.ContractError as error:
        str(error).encode()
        return False
    json.dumps(read, default=str, ensure_ascii=False, allow_nan=False).encode()
    return True
