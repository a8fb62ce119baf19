# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Applies objects with Kubernetes' own Python client, for ``make bench``: apps as JSON
on standard input, each a list of objects. Prints the seconds that it took."""

import json
import sys
import time

from kubernetes import config, dynamic

client = dynamic.DynamicClient(config.new_client_from_config(sys.argv[1]))
apps = json.load(sys.stdin)
# Finding out what the cluster serves is a start's matter.
client.resources.get(api_version="v1", kind="ConfigMap")
begun = time.perf_counter()
for app in apps:
    for body in app:
        kind = client.resources.get(api_version=body["apiVersion"], kind=body["kind"])
        client.server_side_apply(
            kind,
            body=body,
            name=body["metadata"]["name"],
            namespace=body["metadata"].get("namespace"),
            field_manager="bench",
            force_conflicts=True,
        )
print(time.perf_counter() - begun)
