# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Whether a test bed's pods are real or simulated: decided when its cluster is made, as
volumes of the one kind are of no use to the other."""

import json
import os
from dataclasses import asdict, dataclass

from . import images, node, test_image, worker_image
from .instance import write_private
from .problem import Problem

KINDS = ("real", "simulated")
#: Of pods with other images nothing can run here, so they are simulated.
REAL_IMAGES = (*images.IMAGES, test_image.NAME, worker_image.NAME)


@dataclass(frozen=True)
class Pods:
    real: bool
    #: why they are simulated
    reason: str = ""

    def __str__(self):
        if not self.real:
            return f"simulated, because {self.reason}"
        names = [name.split("/")[-1] for name in images.IMAGES]
        return f"real for {', '.join(names)}, simulated for other images"


def wanted():
    """What PODS asks for; nothing: real ones where they can be had."""
    kind = os.environ.get("PODS", "")
    if kind not in ("", *KINDS):
        raise Problem(
            f"PODS is {kind!r}.", hint=f"Set it to one of {', '.join(KINDS)}, or unset."
        )
    return kind


def of(instance):
    """What was decided; None if nothing was."""
    file = decision(instance)
    if file.exists():
        return Pods(**json.loads(file.read_text()))
    if (instance.state / "kubernetes" / "admin.kubeconfig").exists():
        return Pods(False, "the cluster was made by a test bed that had no others")
    return None


def are_real(instance):
    seen = of(instance)
    return seen is not None and seen.real


def decide(instance, kind):
    seen = of(instance)
    if seen is None:
        reason = "PODS=simulated" if kind == "simulated" else node.why_not()
        if reason and kind == "real":
            raise Problem(
                f"There are no real pods here: {reason}.",
                hint="Run the same command as root, or with PODS=simulated.",
            )
        seen = Pods(not reason, reason or "")
        decision(instance).parent.mkdir(parents=True, exist_ok=True)
        write_private(decision(instance), json.dumps(asdict(seen)))
    elif kind and seen.real != (kind == "real"):
        raise Problem(
            f"The pods of this test bed are {seen}.",
            hint=f"Start over with {kind} ones: PODS={kind} make demo-reset",
        )
    return seen


def decision(instance):
    return instance.state / "pods.json"


def policy():
    """The policy, and its binding, that gives each pod to the nodes that can run it."""
    api = "admissionregistration.k8s.io/v1beta1"
    names = ", ".join(f"'{name}'" for name in spellings(REAL_IMAGES))
    # Of localhost, an image is built here or nowhere.
    known = f"c.image in [{names}] || c.image.startsWith('localhost/')"
    kinds = [
        f"object.spec.containers.all(c, {known})",
        "(!has(object.spec.initContainers)"
        f" || object.spec.initContainers.all(c, {known}))",
    ]
    path = f"'/spec/nodeSelector/' + jsonpatch.escapeKey('{node.LABEL}')"
    patch = (
        "(has(object.spec.nodeSelector) ? [] : [JSONPatch{op: 'add',"
        " path: '/spec/nodeSelector', value: {}}]) + [JSONPatch{op: 'add',"
        f" path: {path}, value: variables.kind}}]"
    )
    created = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["pods"],
    }
    return [
        {
            "apiVersion": api,
            "kind": "MutatingAdmissionPolicy",
            "metadata": {"name": "real-or-simulated"},
            "spec": {
                "failurePolicy": "Fail",
                "reinvocationPolicy": "Never",
                "matchConstraints": {"resourceRules": [created]},
                "variables": [
                    {
                        "name": "kind",
                        "expression": f"{' && '.join(kinds)} ? 'real' : 'simulated'",
                    }
                ],
                "mutations": [
                    {"patchType": "JSONPatch", "jsonPatch": {"expression": patch}}
                ],
            },
        },
        {
            "apiVersion": api,
            "kind": "MutatingAdmissionPolicyBinding",
            "metadata": {"name": "real-or-simulated"},
            "spec": {"policyName": "real-or-simulated"},
        },
    ]


def spellings(names):
    """The names by which a manifest may ask for these images."""
    for name in names:
        yield name
        official = "docker.io/library/"
        if name.startswith(official):
            for prefix in ("docker.io/", "library/", ""):
                yield prefix + name.removeprefix(official)
