# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A small image for real pods of which nothing is asked but to be real: busybox. The
pods' own pause container is made of it, too."""

from . import cache, debian, images, processes

NAME = "chandlery.dev/test/busybox:1"
PAUSE = "localhost/pause:1"
PACKAGE = "busybox-static"
BUSYBOX = "bin/busybox"


def ensure(log):
    """Image name -> its docker-archive, built if nobody has yet."""

    def make(into):
        debian.unpack([PACKAGE], debian.RELEASE, into, log)
        root, layer = into / "root", into / "layer.tar"
        for folder in ("bin", "tmp"):
            (root / folder).mkdir(parents=True)
        (root / "tmp").chmod(0o1777)
        (into / BUSYBOX).rename(root / BUSYBOX)
        names = processes.output_of([root / BUSYBOX, "--list"], what="Asking busybox")
        for name in set(names.split()) - {"busybox"}:
            (root / "bin" / name).symlink_to("busybox")
        whose = ("--numeric-owner", "--owner=0", "--group=0", "--sort=name")
        processes.run(
            ["tar", "-C", root, *whose, "-cf", layer, "."], log=log, what="Packing"
        )
        config = {"Env": ["PATH=/bin"], "Cmd": ["sleep", "2147483647"]}
        for name in (NAME, PAUSE):
            images.write_archive(archive(into, name), name, config, [layer])

    key = cache.digest(debian.RELEASE, PACKAGE, NAME, PAUSE)
    folder = cache.entry("images", f"busybox-{key}", make)
    return {name: archive(folder, name) for name in (NAME, PAUSE)}


def archive(folder, name):
    return folder / f"{name.split('/')[-1]}.tar"
