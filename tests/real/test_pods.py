# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Real pods on a test bed's own node: they run, keep their data through a crash, and
leave the machine as it was. Run by ``make test SUITE=real``, which starts the bed."""

import functools
import json
import os
import re
import signal
import subprocess
import unittest
import urllib.request
from pathlib import Path

from testbed import cluster, demo, instance, node, pods, test_image

from . import waiting

BED = instance.from_environment()
#: Another test bed, beside it for a while.
OTHER_BED = instance.Instance(BED.offset + 200)
LOG = BED.logs / "suites" / "real-programs.log"
SECONDS = 120
wait_until = functools.partial(waiting.wait_until, seconds=SECONDS)

NAMESPACE = "pods"
#: Has the policy that the worker gives to the namespaces of apps.
CLOSED = "closed"
OBJECTS = """
apiVersion: v1
kind: Namespace
metadata:
  name: NAMESPACE
  labels:
    pod-security.kubernetes.io/enforce: baseline
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: data
  namespace: NAMESPACE
spec:
  accessModes: [ReadWriteOnce]
  resources:
    requests:
      storage: 1Gi
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  namespace: NAMESPACE
spec:
  selector:
    matchLabels:
      app: web
  template:
    metadata:
      labels:
        app: web
    spec:
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 1
      securityContext:
        runAsNonRoot: true
        runAsUser: 999
        runAsGroup: 999
        fsGroup: 999
        seccompProfile:
          type: RuntimeDefault
      containers:
        - name: web
          image: IMAGE
          command:
            - sh
            - -c
            - echo as $(id -u); date >> /data/starts; exec httpd -f -p 8080 -h /data
          readinessProbe:
            httpGet:
              path: /starts
              port: 8080
            periodSeconds: 1
          resources:
            limits:
              memory: 64Mi
              cpu: 500m
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities:
              drop: [ALL]
          volumeMounts:
            - name: data
              mountPath: /data
      volumes:
        - name: data
          persistentVolumeClaim:
            claimName: data
---
apiVersion: v1
kind: Service
metadata:
  name: web
  namespace: NAMESPACE
spec:
  selector:
    app: web
  ports:
    - port: 80
      targetPort: 8080
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: web
  namespace: NAMESPACE
spec:
  rules:
    - host: NAMESPACE.apps.localhost
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: web
                port:
                  number: 80
---
apiVersion: v1
kind: Pod
metadata:
  name: other-image
  namespace: NAMESPACE
spec:
  containers:
    - name: one
      image: docker.io/library/nginx:1
""".replace("IMAGE", test_image.NAME)


POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: default-deny
  namespace: closed
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: ingress
  egress:
    - to:
        - namespaceSelector:
            matchLabels:
              kubernetes.io/metadata.name: kube-system
      ports:
        - port: 53
          protocol: UDP
"""


def kubectl(*words, bed=BED, stdin=None, succeeds=True):
    file = bed.state / "kubernetes" / "admin.kubeconfig"
    done = subprocess.run(
        [os.environ["KUBECTL"], f"--kubeconfig={file}", *words],
        input=stdin,
        capture_output=True,
        text=True,
    )
    if succeeds and done.returncode:
        raise AssertionError(f"kubectl {' '.join(words)}: {done.stderr}")
    return done.stdout if succeeds else done.stderr


def within(*words, **more):
    return kubectl("-n", NAMESPACE, *words, **more)


def in_pod(script, namespace=NAMESPACE, **more):
    shell = ("exec", "deployment/web", "--", "sh", "-c", script)
    return kubectl("-n", namespace, *shell, **more)


def reach(host, port):
    """A script that connects, and is no more."""
    return f"nc -w 10 {host} {port} < /dev/null"


def fetched(bed=BED, namespace=NAMESPACE):
    """What the Deployment answers through the ingress controller; None if nothing."""
    url = f"http://127.0.0.1:{bed.port('traefik')}/starts"
    request = urllib.request.Request(
        url, headers={"Host": f"{namespace}.apps.localhost"}
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=5) as answer:
            return answer.read().decode()
    except OSError:
        return None


def start(bed):
    pods.decide(bed, "real")
    own = cluster.OwnCluster(bed, LOG)
    own.ensure()
    own.ensure_ingress()
    own.ensure_node({})


def apply(bed, namespace=NAMESPACE):
    objects = OBJECTS.replace("NAMESPACE", namespace)
    kubectl("apply", "-f", "-", bed=bed, stdin=objects)
    web = ("deployment/web", "-n", namespace, f"--timeout={SECONDS}s")
    kubectl("wait", "--for=condition=Available", *web, bed=bed)


class PodsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        start(BED)
        apply(BED)

    @classmethod
    def tearDownClass(cls):
        for namespace in (NAMESPACE, CLOSED):
            words = ("delete", "namespace", namespace)
            kubectl(*words, "--ignore-not-found", "--wait=true")

    def test_a_pod_with_a_known_image_runs_and_can_be_looked_into(self):
        self.assertIn("as 999", within("logs", "deployment/web"))
        self.assertEqual(in_pod("id -u"), "999\n")
        seen = within("get", "pods", "-l=app=web", "-o=jsonpath={..nodeName}")
        self.assertEqual(seen, node.NAME)

    def test_a_pod_with_another_image_is_simulated(self):
        seen = within("get", "pod", "other-image", "-o=jsonpath={.spec.nodeName}")
        self.assertRegex(seen, "^node-")

    def test_the_ingress_controller_reaches_a_pod(self):
        wait_until(fetched, "an answer through Traefik")

    def test_pods_reach_services_and_the_api_server_by_name(self):
        self.assertTrue(in_pod(f"wget -qO- http://web.{NAMESPACE}/starts"))
        in_pod(reach("kubernetes.default", 443))

    def test_nothing_outside_is_reached(self):
        said = in_pod(reach("192.0.2.1", 80), succeeds=False)
        self.assertIn("can't connect", said)

    def test_network_policies_are_enforced(self):
        kubectl("create", "namespace", CLOSED)
        kubectl("apply", "-f", "-", stdin=POLICY)
        apply(BED, CLOSED)
        refused = wait_until(
            lambda: in_pod(reach(f"web.{CLOSED}", 80), succeeds=False),
            "the policy in force",
        )
        self.assertIn("can't connect", refused)
        wait_until(lambda: fetched(namespace=CLOSED), "an answer through Traefik")
        # Names are found, and what they stand for is not reached.
        in_pod(f"nslookup web.{NAMESPACE}.svc.cluster.local", CLOSED)
        for name, port in ((f"web.{NAMESPACE}", 80), ("kubernetes.default", 443)):
            said = in_pod(reach(name, port), CLOSED, succeeds=False)
            self.assertIn("can't connect", said)

    def test_a_volume_belongs_to_the_pods_group_and_goes_with_its_claim(self):
        self.assertEqual(in_pod("stat -c '%g %a' /data"), "999 2770\n")
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "short", "namespace": NAMESPACE},
            "spec": {
                "restartPolicy": "Never",
                "securityContext": {"runAsUser": 999, "fsGroup": 999},
                "containers": [
                    {
                        "name": "short",
                        "image": test_image.NAME,
                        "command": ["touch", "/data/written"],
                        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                    }
                ],
                "volumes": [
                    {"name": "data", "persistentVolumeClaim": {"claimName": "short"}}
                ],
            },
        }
        claim = {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "short", "namespace": NAMESPACE},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
            },
        }
        for made in (claim, pod):
            kubectl("apply", "-f", "-", stdin=json.dumps(made))
        done = "--for=jsonpath={.status.phase}=Succeeded"
        within("wait", done, "pod/short", f"--timeout={SECONDS}s")
        volume = within("get", "pvc", "short", "-o=jsonpath={.spec.volumeName}")
        folder = BED.state / "node" / "volumes" / volume
        self.assertEqual([path.name for path in folder.iterdir()], ["written"])
        within("delete", "pod/short", "pvc/short")
        kubectl("wait", "--for=delete", f"pv/{volume}", f"--timeout={SECONDS}s")
        self.assertFalse(folder.exists())

    def test_the_policy_baseline_holds_for_real_pods(self):
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "privileged", "namespace": NAMESPACE},
            "spec": {
                "containers": [
                    {
                        "name": "privileged",
                        "image": test_image.NAME,
                        "securityContext": {"privileged": True},
                    }
                ]
            },
        }
        said = kubectl("apply", "-f", "-", stdin=json.dumps(pod), succeeds=False)
        self.assertIn('violates PodSecurity "baseline', said)

    def test_a_killed_node_heals_with_its_data(self):
        before = wait_until(fetched, "an answer")
        daemon = node.daemon(BED)
        groups = node.leftovers(BED)
        self.assertTrue(groups)
        outside = outside_of(daemon.pid())
        for pid in (daemon.pid(), outside):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: daemon.status() == "stopped", "the end of the node")
        self.assertTrue(node.leftovers(BED), "a crash leaves its cgroups")
        self.assertTrue(cluster.OwnCluster(BED, LOG).ensure_node({}))
        after = wait_until(
            lambda: (seen := fetched()) and seen != before and seen,
            "an answer of the restarted pod",
        )
        self.assertTrue(after.startswith(before), "the volume's data is there")

    def test_a_program_of_the_node_that_ends_is_started_again(self):
        daemon = node.daemon(BED)
        kubelets = [
            pid
            for pid in descendants(daemon.pid())
            if b"/kubelet\0" in Path(f"/proc/{pid}/cmdline").read_bytes()
        ]
        self.assertEqual(len(kubelets), 1)
        os.kill(kubelets[0], signal.SIGKILL)
        wait_until(lambda: not daemon.healthy(), "the kubelet's end")
        wait_until(daemon.healthy, "the kubelet's restart")
        self.assertTrue(fetched(), "the pods ran on")

    def tearDown(self):
        """A kubelet that was started anew knows its pods a moment later."""
        wait_until(lambda: not in_pod("true", succeeds=False), "a command in a pod")


class MachineTest(unittest.TestCase):
    """What a node does to the machine."""

    def test_a_second_bed_stands_beside_it_and_nothing_is_left_of_it(self):
        demo.Demo(OTHER_BED).reset()
        start(BED)
        before = machine()
        self.addCleanup(demo.Demo(OTHER_BED).reset)
        start(OTHER_BED)
        apply(OTHER_BED)
        wait_until(lambda: fetched(OTHER_BED), "an answer of the other bed")
        self.assertEqual(node.daemon(BED).status(), "running")
        during = machine()
        self.assertTrue(during["links"] - before["links"], "the comparison sees it")
        self.assertTrue(during["cgroups"] - before["cgroups"])
        for what in ("mounts", "settings", "packet rules", "files"):
            self.assertEqual(during[what] ^ before[what], set(), what)
        demo.stop_all(OTHER_BED)
        after = machine()
        for what, seen in before.items():
            self.assertEqual(after[what] ^ seen, set(), what)
        self.assertEqual(node.daemon(BED).status(), "running")


def machine():
    """What a node could have changed, without what other test beds on this machine do
    meanwhile."""
    packages = node.packages(LOG)
    environment = {
        **os.environ,
        "LD_LIBRARY_PATH": f"{packages}/{node.LIBRARIES}",
        "XTABLES_LIBDIR": f"{packages}/{node.LIBRARIES}/xtables",
    }

    def lines(*words):
        said = subprocess.run(words, capture_output=True, text=True, env=environment)
        return {line for line in said.stdout.splitlines() if ours(line)}

    return {
        "links": lines("ip", "-o", "link"),
        "addresses": lines("ip", "-o", "addr"),
        "routes": lines("ip", "route", "show", "table", "all"),
        "rules": lines("ip", "rule"),
        "packet rules": {
            re.sub(r"\[\d+:\d+\]|^#.*", "", line)
            for program in ("iptables-nft-save", "iptables-legacy-save")
            for line in lines(f"{packages}/usr/sbin/{program}")
        },
        "mounts": set(filter(ours, Path("/proc/mounts").read_text().splitlines())),
        "cgroups": {folder for folder, *_ in os.walk("/sys/fs/cgroup") if ours(folder)},
        "settings": settings(),
        "files": {
            str(path)
            for folder in ("/run", "/var/lib", "/var/log", "/etc", "/opt", "/usr/lib")
            for path in Path(folder).glob("*")
        },
        "processes": {
            line
            for line in lines("ps", "-eo", "args", "ww")
            if OTHER_BED.name in line and "ps -eo" not in line
        },
    }


def ours(line):
    """Not of another test bed, whose pods come and go."""
    beds = re.findall(r"chandlery-(?:bed-)?(\d+)", line)
    return all(int(bed) == OTHER_BED.offset for bed in beds)


#: They count what happens, or differ at each reading.
COUNTERS = re.compile(
    r"random|dentry|inode|file-nr|aio-nr|pty/nr|ns_last_pid|conntrack_count|quota|/neigh/"
    r"|/chandlery-"
)


def settings():
    found = set()
    for folder, _, files in os.walk("/proc/sys"):
        for file in files:
            path = Path(folder, file)
            if not COUNTERS.search(str(path)):
                try:
                    found.add((str(path), path.read_text()))
                except (OSError, UnicodeDecodeError):
                    continue
    return found


def descendants(pid):
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield int(child)
        yield from descendants(int(child))


def outside_of(pid):
    """The process that is root, below the daemon and maybe sudo."""
    for child in descendants(pid):
        if b"\0outside\0" in Path(f"/proc/{child}/cmdline").read_bytes():
            found = child
    return found
