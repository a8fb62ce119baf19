# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The Compose runtime as the contract test starts it: ``compose.py PROGRAM``, with
``docker`` or ``nerdctl``."""

import json
import os
import sys
from pathlib import Path

RUNTIME = Path(__file__).resolve().parents[3] / "examples" / "compose-runtime"
SETTINGS = {
    "odoo": {
        "url": os.environ["CONTRACT_ODOO_URL"],
        "database": os.environ["CONTRACT_ODOO_DATABASE"],
        "key_file": os.environ["CONTRACT_KEY_FILE"],
    },
    "worker": {
        "name": os.environ["CONTRACT_WORKER"],
        "cluster": os.environ["CONTRACT_CLUSTER"],
    },
    "compose": {
        "program": sys.argv[1],
        "state": f"{os.environ['CONTRACT_STATE']}/compose",
        "ready_seconds": 30,
        "stop_seconds": 1,
    },
    "manifests": {"hosts": [os.environ["CONTRACT_MANIFESTS"]]},
}


def toml(settings):
    # JSON's texts, numbers and lists of texts are TOML's.
    return "".join(
        f"[{table}]\n"
        + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
        for table, values in settings.items()
    )


file = Path(os.environ["CONTRACT_STATE"]) / f"{os.environ['CONTRACT_WORKER']}.toml"
file.write_text(toml(SETTINGS))
os.environ["PYTHONPATH"] = str(RUNTIME)
os.execv(sys.executable, [sys.executable, "-B", "-m", "compose_runtime", str(file)])
