# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""A small image for real pods of which nothing is asked but to be real: busybox. The
pods' own pause container is made of it, too."""

import hashlib
import json
import os
import tarfile
from io import BytesIO

from . import cache, debian

NAME = "chandlery.dev/test/busybox:1"
PAUSE = "localhost/pause:1"
PACKAGE = "busybox-static"


def ensure(log):
    """Image name -> its docker-archive, built if nobody has yet."""

    def make(into):
        debian.unpack([PACKAGE], debian.RELEASE, into, log)
        (into / "image.tar").write_bytes(archive(into / "bin" / "busybox"))

    key = cache.digest(debian.RELEASE, PACKAGE, NAME, PAUSE)
    folder = cache.entry("images", f"busybox-{key}", make)
    return dict.fromkeys((NAME, PAUSE), folder / "image.tar")


def archive(busybox):
    files = tar()
