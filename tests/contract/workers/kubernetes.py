# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The worker of ``src/`` as the contract test starts it: ``kubernetes.py PROGRAM
KUBECONFIG``."""

import json
import os
import sys
from pathlib import Path

program, kubeconfig = sys.argv[1:]
cluster = os.environ["CONTRACT_CLUSTER"]
text = f"""
[odoo]
url = {json.dumps(os.environ["CONTRACT_ODOO_URL"])}
database = {json.dumps(os.environ["CONTRACT_ODOO_DATABASE"])}
key_file = {json.dumps(os.environ["CONTRACT_KEY_FILE"])}
[worker]
name = {json.dumps(os.environ["CONTRACT_WORKER"])}
observe_seconds = 10
[manifests]
allow = [{json.dumps(os.environ["CONTRACT_MANIFESTS"])}]
[telemetry]
listen = ""
[clusters.{cluster}]
kubeconfig = {json.dumps(kubeconfig)}
"""
file = Path(os.environ["CONTRACT_STATE"]) / f"{os.environ['CONTRACT_WORKER']}.toml"
file.write_text(text)
file.chmod(0o600)
# Settings of another worker, maybe a real one.
kept = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith("CHANDLERY_")
}
os.execve(program, [program, "worker", "--config", str(file)], kept)
