# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Volumes with real permissions: makes a volume of the type ``local`` for each claim of
the storage class ``local``, and removes it once it is released.

Kubernetes' own hostpath volumes belong to root, and the kubelet gives a pod's fsGroup
no right to them.
"""

import shutil
import sys
import threading
import urllib.error
from pathlib import Path

from .json_api import Cluster, again_and_again

CLASS = "local"
PROVISIONER = "chandlery.dev/local"
SELECTED = "volume.kubernetes.io/selected-node"
CLAIMS = "api/v1/persistentvolumeclaims"
VOLUMES = "api/v1/persistentvolumes"

STORAGE_CLASS = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": CLASS},
    "provisioner": PROVISIONER,
    "reclaimPolicy": "Delete",
    # A volume is on the node that its pod is scheduled to.
    "volumeBindingMode": "WaitForFirstConsumer",
}


def start(server, pki, folder, node):
    """Look after the volumes in threads; folders are made for this node alone, as
    simulated pods write nothing."""
    cluster, folder = Cluster(server, Path(pki)), Path(folder)

    def follow(path, action):
        def once():
            items, version = cluster.list(path)
            for item in items:
                try:
                    action(cluster, folder, node, item)
                except urllib.error.HTTPError as error:  # It keeps no other waiting.
                    name = item["metadata"]["name"]
                    print(f"{path} {name}: {error}", file=sys.stderr, flush=True)
            cluster.wait_for_change(path, version)

        again_and_again(once)

    for path, action in ((CLAIMS, provide), (VOLUMES, remove)):
        threading.Thread(target=follow, args=(path, action), daemon=True).start()


def provide(cluster, folder, node, claim):
    metadata, spec = claim["metadata"], claim["spec"]
    selected = metadata.get("annotations", {}).get(SELECTED)
    if spec.get("storageClassName") != CLASS or spec.get("volumeName") or not selected:
        return
    volume = volume_for(claim, folder, selected)
    if selected == node:
        Path(volume["spec"]["local"]["path"]).mkdir(
            mode=0o750, parents=True, exist_ok=True
        )
    try:
        cluster("POST", VOLUMES, volume)
    except urllib.error.HTTPError as error:
        if error.code != 409:  # It is made, and not yet bound.
            raise


def volume_for(claim, folder, node):
    metadata, spec = claim["metadata"], claim["spec"]
    name = f"pvc-{metadata['uid']}"
    hostname = {
        "key": "kubernetes.io/hostname",
        "operator": "In",
        "values": [node],
    }
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": name,
            # Kubernetes leaves the removal to whom this names.
            "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER},
        },
        "spec": {
            "storageClassName": CLASS,
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "persistentVolumeReclaimPolicy": "Delete",
            "local": {"path": str(folder / name)},
            "nodeAffinity": {
                "required": {"nodeSelectorTerms": [{"matchExpressions": [hostname]}]}
            },
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
        },
    }


def remove(cluster, folder, node, volume):
    spec = volume["spec"]
    if (
        spec.get("storageClassName") != CLASS
        or spec["persistentVolumeReclaimPolicy"] != "Delete"
        or volume["status"].get("phase") not in ("Released", "Failed")
        or volume["metadata"].get("deletionTimestamp")
    ):
        return
    name = volume["metadata"]["name"]
    shutil.rmtree(folder / name, ignore_errors=True)
    cluster("DELETE", f"{VOLUMES}/{name}")
