# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Which pods are real, and what the node for them is given: without root and without a
cluster."""

import asyncio
import ipaddress
import json
import os
import tempfile
import unittest
import urllib.error
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

from testbed import box, cluster, instance, kubernetes, node, pods, volumes
from testbed.problem import Problem


@contextmanager
def fresh_bed(offset=41234):
    with (
        tempfile.TemporaryDirectory() as home,
        mock.patch.object(instance, "state_home", return_value=Path(home)),
    ):
        yield instance.Instance(offset)


class DecisionTest(unittest.TestCase):
    def test_pods_are_real_where_they_can_be(self):
        with fresh_bed() as bed, mock.patch.object(node, "why_not", return_value=None):
            seen = pods.decide(bed, "")
            self.assertTrue(seen.real)
            self.assertIn("odoo:19.0", str(seen))
            self.assertIn("simulated for other images", str(seen))
            self.assertIn("kubelet", cluster.OwnCluster(bed, None).programs())

    def test_elsewhere_they_are_simulated_and_the_reason_is_told(self):
        with fresh_bed() as bed:
            with mock.patch.object(node, "why_not", return_value="they need root"):
                pods.decide(bed, "")
            self.assertEqual(str(pods.of(bed)), "simulated, because they need root")
            self.assertNotIn("kubelet", cluster.OwnCluster(bed, None).programs())

    def test_simulated_ones_can_be_chosen(self):
        with fresh_bed() as bed, mock.patch.object(node, "why_not") as asked:
            self.assertFalse(pods.decide(bed, "simulated").real)
            asked.assert_not_called()

    def test_who_insists_on_real_ones_is_told_why_there_are_none(self):
        with (
            fresh_bed() as bed,
            mock.patch.object(node, "why_not", return_value="they need root"),
            self.assertRaises(Problem) as caught,
        ):
            pods.decide(bed, "real")
        self.assertIn("they need root", caught.exception.message)
        self.assertIn("PODS=simulated", caught.exception.hint)

    def test_a_bed_keeps_its_kind_until_it_is_reset(self):
        with fresh_bed() as bed, mock.patch.object(node, "why_not", return_value=None):
            pods.decide(bed, "simulated")
            self.assertFalse(pods.decide(bed, "").real)
            with self.assertRaises(Problem) as caught:
                pods.decide(bed, "real")
            self.assertIn("PODS=real make demo-reset", caught.exception.hint)

    def test_a_bed_from_before_there_were_real_pods_stays_simulated(self):
        with fresh_bed() as bed:
            self.assertIsNone(pods.of(bed))
            kubeconfig = cluster.OwnCluster(bed, None).kubeconfig
            kubeconfig.parent.mkdir(parents=True)
            kubeconfig.touch()
            self.assertFalse(pods.decide(bed, "").real)

    def test_another_word_is_refused(self):
        with (
            mock.patch.dict(os.environ, PODS="rael"),
            self.assertRaises(Problem) as caught,
        ):
            pods.wanted()
        self.assertIn("real, simulated", caught.exception.hint)

    def test_without_root_and_without_sudo_there_are_none(self):
        with (
            mock.patch("os.geteuid", return_value=1000),
            mock.patch("shutil.which", return_value=None),
        ):
            self.assertIn("root", node.why_not())


class PolicyTest(unittest.TestCase):
    def test_an_image_is_known_by_all_names_that_mean_it(self):
        self.assertEqual(
            list(pods.spellings(["docker.io/library/odoo:19.0", "a.dev/b/c:1"])),
            [
                *("docker.io/library/odoo:19.0", "docker.io/odoo:19.0"),
                *("library/odoo:19.0", "odoo:19.0"),
                "a.dev/b/c:1",
            ],
        )


class NetworkTest(unittest.TestCase):
    def test_no_two_beds_share_an_address(self):
        highest = instance.HIGHEST_OFFSET
        for offset in (0, 1, 1000, highest - 1):
            one, next_one = node.Network(offset), node.Network(offset + 1)
            self.assertFalse(one.whole.overlaps(next_one.whole))
            self.assertNotEqual(one.link, next_one.link)
        self.assertTrue(node.Network(highest).whole.is_private)
        link = ipaddress.ip_network(f"{one.node}/30", strict=False)
        # Nobody answers at the broadcast address.
        self.assertNotIn(ipaddress.ip_address(one.gateway), link)
        self.assertLessEqual(len(node.Network(highest).link), 15)

    def test_a_network_that_the_machine_uses_is_refused(self):
        network = node.Network(100)
        own = {"dst": str(network.whole), "dev": network.link}
        network.refuse_if_taken([{"dst": "default", "dev": "eth0"}, own])
        with self.assertRaises(Problem) as caught:
            network.refuse_if_taken([{"dst": "10.128.0.0/9", "dev": "tun0"}])
        self.assertIn("tun0", caught.exception.message)
        self.assertIn("PORT_OFFSET", caught.exception.hint)


class PlayedCluster:
    """Answers as the API server does."""

    def __init__(self):
        self.objects = {}

    def __call__(self, method, path, body=None):
        if method == "POST":
            name = body["metadata"]["name"]
            if name in self.objects:
                raise urllib.error.HTTPError(path, 409, "AlreadyExists", {}, None)
            self.objects[name] = body
        else:
            del self.objects[path.rpartition("/")[2]]


class VolumesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.cluster = PlayedCluster()

    def claim(self, selected="real-1", storage_class=volumes.CLASS):
        return {
            "metadata": {
                "name": "data",
                "namespace": "shop",
                "uid": "1234",
                "annotations": {volumes.SELECTED: selected} if selected else {},
            },
            "spec": {
                "storageClassName": storage_class,
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "10Gi"}},
            },
        }

    def provide(self, claim):
        volumes.provide(self.cluster, self.folder, "real-1", claim)
        return self.cluster.objects.get("pvc-1234")

    def test_a_claim_gets_a_folder_and_a_volume_on_the_selected_node(self):
        volume = self.provide(self.claim())
        folder = self.folder / "pvc-1234"
        self.assertEqual(folder.stat().st_mode & 0o777, 0o750)
        self.assertEqual(volume["spec"]["local"]["path"], str(folder))
        self.assertEqual(volume["spec"]["claimRef"]["uid"], "1234")
        self.assertIn("real-1", json.dumps(volume["spec"]["nodeAffinity"]))
        self.provide(self.claim())  # it is seen again before it is bound

    def test_a_simulated_node_needs_no_folder(self):
        self.assertTrue(self.provide(self.claim("node-1")))
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_what_is_not_scheduled_or_of_another_class_is_left_alone(self):
        self.assertIsNone(self.provide(self.claim(selected=None)))
        self.assertIsNone(self.provide(self.claim(storage_class="hostpath")))

    def test_a_released_volume_goes_with_its_data_and_no_other(self):
        volume = self.provide(self.claim())
        for phase, left in (("Bound", 1), ("Released", 0)):
            volume["status"] = {"phase": phase}
            volumes.remove(self.cluster, self.folder, "real-1", volume)
            self.assertEqual(len(list(self.folder.iterdir())), left, phase)
            self.assertEqual(len(self.cluster.objects), left, phase)


class BoxTest(unittest.TestCase):
    def test_the_relay_hands_on_both_ways_to_the_end(self):
        async def main():
            async def answer(reader, writer):
                writer.write(b"you said " + await reader.read())
                writer.close()

            there = await asyncio.start_server(answer, "127.0.0.1", 0)
            port = there.sockets[0].getsockname()[1]
            relay = await asyncio.start_server(box.relay_to(port), "127.0.0.1", 0)
            here = relay.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", here)
            writer.write(b"hello")
            writer.write_eof()
            said = await reader.read()
            writer.close()
            there.close()
            await there.wait_closed()
            reader, writer = await asyncio.open_connection("127.0.0.1", here)
            self.assertEqual(await reader.read(), b"", "nobody is there any more")
            writer.close()
            relay.close()
            return said

        self.assertEqual(asyncio.run(main()), b"you said hello")


class FurnitureTest(unittest.TestCase):
    def furniture(self, real):
        with (
            fresh_bed() as bed,
            mock.patch.object(kubernetes.go_programs, "build"),
            mock.patch.object(pods, "are_real", return_value=real),
        ):
            return kubernetes.Kubernetes(bed, None).furniture()

    def default_class(self, furniture):
        return [
            item["metadata"]["name"]
            for item in furniture
            if item["kind"] == "StorageClass"
            and "is-default-class" in json.dumps(item["metadata"]["annotations"])
        ]

    def test_simulated_pods_need_nothing_of_the_real_ones(self):
        furniture = self.furniture(real=False)
        self.assertNotIn("Mutating", json.dumps(furniture))
        self.assertEqual(self.default_class(furniture), ["hostpath"])

    def test_real_pods_have_volumes_with_permissions(self):
        furniture = self.furniture(real=True)
        self.assertEqual(self.default_class(furniture), ["local"])
