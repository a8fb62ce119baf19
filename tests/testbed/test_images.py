# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Images: what is read from Dockerfiles, and the files that ``ctr images import`` and
``docker load`` take."""

import hashlib
import json
import os
import tarfile
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from testbed import images
from testbed.problem import Problem


class ImagesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def builder(self, text, contexts=None):
        work = self.folder / "work"
        work.mkdir()
        return images.Builder(
            self.write("context/Dockerfile", text),
            self.folder / "context",
            {},
            contexts or {},
            work,
            self.folder / "log",
        )

    def test_an_archive_names_its_image_its_configuration_and_its_layers(self):
        layers = [self.write("one.tar", "one"), self.write("two.tar", "two")]
        archive = self.folder / "image.tar"
        images.write_archive(archive, "example:1", {"User": "100:101"}, layers)
        with tarfile.open(archive) as whole:
            (manifest,) = json.load(whole.extractfile("manifest.json"))
            config = whole.extractfile(manifest["Config"]).read()
            held = [whole.extractfile(layer).read() for layer in manifest["Layers"]]
        self.assertEqual(manifest["RepoTags"], ["example:1"])
        self.assertEqual(held, [b"one", b"two"])
        self.assertEqual(
            manifest["Config"], f"{hashlib.sha256(config).hexdigest()}.json"
        )
        config = json.loads(config)
        self.assertEqual((config["os"], config["config"]["User"]), ("linux", "100:101"))
        self.assertEqual(
            config["rootfs"]["diff_ids"],
            [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in held],
        )

    def test_a_layer_has_numeric_owners_and_nothing_that_a_container_mounts(self):
        for name in ("etc/passwd", "proc/1", "tmp/left", "run/x", "var/lib/dev/kept"):
            self.write(f"root/{name}", "x")
        layer = self.folder / "layer.tar"
        images.pack(self.folder / "root", layer, self.folder / "log")
        with tarfile.open(layer) as whole:
            members = {member.name: member for member in whole}
        self.assertIn("./etc/passwd", members)
        self.assertIn("./var/lib/dev/kept", members)
        for name in ("./proc", "./tmp", "./run"):
            self.assertTrue(members[name].isdir())
        self.assertFalse({"./proc/1", "./tmp/left", "./run/x"} & members.keys())
        owner = members["./etc/passwd"]
        self.assertEqual((owner.uid, owner.uname), (os.getuid(), ""))

    def test_instructions_go_on_after_a_backslash_and_leave_comments_out(self):
        text = "# what\nFROM a AS b\n\nRUN one \\\n    # why\n    && two\nUSER 1:1\n"
        self.assertEqual(
            [*images.instructions(text)],
            [
                (2, "FROM", "a AS b"),
                (4, "RUN", "one     && two"),
                (7, "USER", "1:1"),
            ],
        )

    def test_an_instruction_that_is_not_understood_is_refused_by_name(self):
        path = self.write("Dockerfile", "FROM scratch\nHEALTHCHECK NONE\n")
        with self.assertRaises(Problem) as caught:
            images.read_stages(path)
        self.assertEqual(
            caught.exception.message, f"{path}:2: HEALTHCHECK is not understood here."
        )

    def test_a_stage_that_is_not_needed_is_not_built(self):
        self.write("elsewhere/usr/program", "program")
        self.write("context/setup.sh", "setup")
        builder = self.builder(
            "FROM no-such-image AS source\nRUN false\n"
            "FROM scratch AS trimmed\nCOPY --from=source /usr /files\n"
            'FROM scratch\nENV PATH=/a:/b LANG="C.UTF-8"\nENV PATH=/c\n'
            "COPY --from=trimmed /files /usr\nCOPY setup.sh /sbin/\n"
            "WORKDIR /work/here\nCOPY setup.sh ./\n"
            'LABEL one="1 2"\nUSER 5:6\nSTOPSIGNAL SIGINT\nEXPOSE 80\n'
            'ENTRYPOINT ["program"]\nCMD ["run"]\n',
            {"source": self.folder / "elsewhere"},
        )
        root, config = builder.build()
        self.assertEqual((root / "usr/program").read_text(), "program")
        self.assertEqual((root / "sbin/setup.sh").read_text(), "setup")
        self.assertEqual((root / "work/here/setup.sh").read_text(), "setup")
        self.assertEqual(
            config,
            {
                "Env": ["PATH=/c", "LANG=C.UTF-8"],
                "Labels": {"one": "1 2"},
                "User": "5:6",
                "StopSignal": "SIGINT",
                "ExposedPorts": {"80/tcp": {}},
                "WorkingDir": "/work/here",
                "Entrypoint": ["program"],
                "Cmd": ["run"],
            },
        )

    def test_an_image_that_is_not_there_to_build_from_is_named(self):
        with self.assertRaises(Problem) as caught:
            self.builder("FROM debian:13\n").build()
        self.assertIn("debian:13", caught.exception.message)

    def test_the_catalogs_images_are_what_its_manifests_expect(self):
        expected = {
            "postgres": ("999:999", ["postgres"], "SIGINT"),
            "odoo": ("100:101", ["odoo"], None),
            "nginx": ("101:101", ["nginx", "-g", "daemon off;"], None),
            "monitoring": ("65534:65534", ["prometheus"], None),
        }
        for folder, (user, command, signal) in expected.items():
            stages = images.read_stages(images.CONTEXT / folder / "Dockerfile")
            config = {"Env": []}
            *_, last = stages.values()
            self.assertEqual(last.base, images.BASE)
            for word, rest in last.instructions:
                if word in images.CONFIGURES:
                    images.configure(config, word, rest)
            self.assertEqual(config["User"], user)
            self.assertEqual(config["Cmd"], command)
            self.assertEqual(config.get("StopSignal"), signal)
            if folder in ("postgres", "odoo"):
                self.assertIn("/usr/lib/postgresql/17/bin:", config["Env"][0])
            for label in (
                "title",
                "description",
                "version",
                "licenses",
                "base.name",
            ):
                self.assertTrue(config["Labels"][f"org.opencontainers.image.{label}"])

    def test_an_image_is_made_anew_when_what_it_is_made_from_changes(self):
        with (
            mock.patch.object(images, "CONTEXT", self.folder),
            mock.patch.object(images.debian, "mirror", lambda *_: "a mirror"),
        ):
            self.write("odoo/Dockerfile", "one")
            self.write("postgres/Dockerfile", "one")
            before = {name: images.key(name) for name in images.IMAGES}
            self.write("odoo/Dockerfile", "two")
            after = {name: images.key(name) for name in images.IMAGES}
            self.write("sbom.sh", "of both")
            both = {name: images.key(name) for name in images.IMAGES}
            self.write("README.md", "changes nothing")
            self.assertEqual(both, {name: images.key(name) for name in images.IMAGES})
        changed = {name for name in images.IMAGES if before[name] != after[name]}
        self.assertEqual(changed, {"docker.io/library/odoo:19.0"})
        self.assertFalse(set(after.values()) & set(both.values()))


if __name__ == "__main__":
    unittest.main()
