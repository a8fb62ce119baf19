# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The worker's image, by the project's Dockerfile as far as it goes without a registry:
in place of its build stage stands the program that the test bed has built (the stage
itself is tried by tests/dockerfile.rs), in place of distroless Debian's own packages of
the same libraries.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from . import cache, debian, images, worker
from .instance import CHECKOUT
from .problem import Problem

#: As config/example/worker.yaml and the chart know it.
NAME = "docker.io/library/chandlery:0.1.0"
DOCKERFILE = CHECKOUT / "Dockerfile"
DISTROLESS = "gcr.io/distroless/cc-debian12:nonroot"
PACKAGES = ("libc6", "libgcc-s1")
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
NONROOT = "nonroot:x:65532:65532::/home/nonroot:/sbin/nologin\n"


def build(into, log):
    """The image's docker-archive, in this folder, of the program as it was built."""
    with tempfile.TemporaryDirectory(prefix="worker-image-", dir=into) as work:
        work = Path(work)
        made = work / "made"
        program = made / "build" / "out" / "bin" / "chandlery"
        program.parent.mkdir(parents=True)
        shutil.copy(worker.program(), program)
        subprocess.run(["strip", program], check=False)  # where there is one
        builder = images.Builder(
            DOCKERFILE, CHECKOUT, {final_base(): base(log)}, {"build": made}, work, log
        )
        root, config = builder.build()
        layer = work / "layer.tar"
        images.pack(root, layer, log)
        archive = into / "chandlery.tar"
        images.write_archive(archive, NAME, config, [layer])
    return archive


def final_base():
    """The name, with its digest, of what the Dockerfile's last stage is built from."""
    *_, last = images.read_stages(DOCKERFILE).values()
    if not last.base.startswith(f"{DISTROLESS}@"):
        raise Problem(
            f"{DOCKERFILE} builds from {last.base}, for which nothing stands in here."
        )
    return last.base


def base(log):
    def make(into):
        root = into / "root"
        root.mkdir()
        debian.unpack(PACKAGES, debian.RELEASE, root, log)
        bundle = root / CERTIFICATES
        bundle.parent.mkdir(parents=True)
        shutil.copy(f"/{CERTIFICATES}", bundle)
        (root / "etc" / "passwd").write_text(NONROOT)
        (root / "home" / "nonroot").mkdir(parents=True)
        (root / "tmp").mkdir()
        os.chmod(root / "tmp", 0o1777)
        images.pack(root, into / "base.tar", log)
        shutil.rmtree(root)

    key = cache.digest(debian.RELEASE, *PACKAGES, Path(__file__))
    return cache.entry("images", f"distroless-{key}", make) / "base.tar"
