# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""The catalog's images, built from catalog/images/*/Dockerfile where there is neither
docker nor a registry.

FROM's Debian is made by mmdebstrap, RUN is a chroot in namespaces of its own, and what
comes out is one layer in a file as ``docker save`` writes it. Of Dockerfiles only what
these use is understood; everything else is refused by name.
"""

import hashlib
import io
import json
import os
import shlex
import shutil
import tarfile
import tempfile
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from . import cache, debian, odoo, processes
from .instance import CHECKOUT
from .problem import Problem

CONTEXT = CHECKOUT / "catalog" / "images"
BASE = "docker.io/library/debian:trixie-slim"
SUITE = "trixie"
#: The names by which vars.yml in catalog/odoo and catalog/odoo-ha knows them -> folder
IMAGES = {
    "docker.io/library/postgres:17": "postgres",
    "docker.io/library/odoo:19.0": "odoo",
    "docker.io/library/nginx:1.26": "nginx",
    "docker.io/library/monitoring:1": "monitoring",
}
#: The demo sells English and German.
ARGUMENTS = {"TRANSLATIONS": "de"}
#: What is empty in an image: there at run time, or left by apt.
EMPTY = ("dev", "proc", "run", "sys", "tmp", "var/cache/apt", "var/lib/apt/lists")
#: How programs in a build reach package indexes.
PASSED_ON = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "PIP_INDEX_URL")

HINT = "Run the same command again; what is built stays built."


def ensure(log):
    """Image name -> its docker-archive, built if nobody has yet."""
    return {name: build(name, log) for name in IMAGES}


def missing():
    """The names of the images that are not built."""
    return [name for name in IMAGES if not cache.path("images", key(name)).exists()]


def key(name):
    folder = IMAGES[name]
    parts = [
        path
        for path in sorted(CONTEXT.rglob("*"))
        if path.parent in (CONTEXT, CONTEXT / folder)
        if path.is_file() and path.suffix != ".md"
    ]
    parts += [Path(__file__), json.dumps(ARGUMENTS), debian.mirror()]
    return f"{folder}-{cache.digest(*parts)}"


def build(name, log):
    if os.geteuid() != 0:
        raise Problem(
            "Images are built in a chroot, which takes root.",
            hint="Run the same command as root or with sudo.",
        )
    folder = IMAGES[name]

    def make(into):
        # Odoo is in the cache already: the demo's own is the same.
        contexts = {"source": odoo.source(log)} if folder == "odoo" else {}
        with tempfile.TemporaryDirectory(prefix="image-", dir=into) as work:
            builder = Builder(
                CONTEXT / folder / "Dockerfile",
                CONTEXT,
                {BASE: debian_base(log)},
                contexts,
                Path(work),
                log,
            )
            root, config = builder.build()
            layer = Path(work) / "layer.tar"
            pack(root, layer, log)
            write_archive(into / "image.tar", name, config, [layer])

    return cache.entry("images", key(name), make) / "image.tar"


def debian_base(log):
    """A tar of Debian's smallest system, as the image debian:trixie-slim is one."""

    def make(into):
        debian.install({"/usr/bin/mmdebstrap": "mmdebstrap"}, log)
        command = ["mmdebstrap", "--variant=minbase", "--format=tar"]
        command += ["--skip=check/qemu,cleanup/tmp"]
        command += [
            f"--dpkgopt=path-exclude=/usr/share/{what}/*"
            for what in ("man", "doc", "locale", "info")
        ]
        command += ["--dpkgopt=path-include=/usr/share/doc/*/copyright"]
        # As the image has it, and as Dockerfiles read it.
        (into / "debian.sources").write_text(sources())
        lists = "$1/etc/apt/sources.list"
        command += [f"--customize-hook=rm -rf {lists} {lists}.d/*"]
        command += [f"--customize-hook=cp {into}/debian.sources {lists}.d/"]
        processes.run(
            [*command, SUITE, into / "base.tar", into / "debian.sources"],
            log=log,
            what=f"Making Debian {SUITE}",
            hint=f"Check that this machine reaches {debian.mirror()}. {HINT}",
        )

    made_from = cache.digest(SUITE, sources())
    return cache.entry("images", f"debian-{made_from}", make) / "base.tar"


def sources():
    keys = "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    return "\n".join(
        f"Types: deb\nURIs: {uri}\nSuites: {suites}\nComponents: main\n{keys}"
        for uri, suites in (
            (debian.mirror(), f"{SUITE} {SUITE}-updates"),
            (debian.mirror("debian-security"), f"{SUITE}-security"),
        )
        if uri
    )


@dataclass
class Stage:
    base: str
    instructions: list = field(default_factory=list)


class Builder:
    """Builds the last stage of a Dockerfile, and the stages that it needs."""

    def __init__(self, dockerfile, context, bases, contexts, work, log):
        self.context = context
        #: image -> its files as a tar
        self.bases = bases
        #: stage -> folder that stands in its place, as with docker's --build-context
        self.contexts = contexts
        self.work = work
        self.log = log
        self.stages = read_stages(dockerfile)
        self.built = {}

    def build(self):
        """The folder with the image's files, and its configuration."""
        return self.stage(list(self.stages)[-1])

    def stage(self, name):
        if name in self.contexts:
            return self.contexts[name], {}
        if name not in self.built:
            self.built[name] = self.make(name, self.stages[name])
        return self.built[name]

    def make(self, name, stage):
        root = self.work / f"stage-{name}"
        root.mkdir()
        if stage.base in self.bases:
            self.program("tar", "-xpf", self.bases[stage.base], "-C", root)
        elif stage.base != "scratch":
            raise Problem(f"There is no image {stage.base} to build from.")
        config = {
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
        }
        arguments = {}
        for word, rest in stage.instructions:
            begun = time.monotonic()
            if word == "ARG":
                argument, default = pairs(rest)[0]
                arguments[argument] = ARGUMENTS.get(argument, default)
            elif word == "RUN":
                variables = {**dict(split(config["Env"])), **arguments}
                self.run(root, f"cd {within(config)} || exit\n{rest}", variables)
            elif word == "COPY":
                self.copy(root, within(config), shlex.split(rest))
            else:
                configure(config, word, rest)
                (root / within(config).lstrip("/")).mkdir(parents=True, exist_ok=True)
            if word in ("RUN", "COPY"):
                with open(self.log, "a") as log:
                    log.write(
                        f"{time.monotonic() - begun:.1f} s: {word} {rest[:100]}\n"
                    )
        return root, config

    def copy(self, root, where, words):
        source, how = self.context, "-a"
        if words[0].startswith("--from="):
            stage = words.pop(0).removeprefix("--from=")
            source, _ = self.stage(stage)
            # What this build has made itself is linked: copying takes long.
            how = "-al" if stage in self.built else "-a"
        *froms, to = words
        target = root / str(PurePosixPath(where, to)).lstrip("/")
        for name in froms:
            path = source / name.lstrip("/")
            if path.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                self.program("cp", how, f"{path}/.", target)
            else:
                folder = target if to.endswith("/") else target.parent
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)

    def run(self, root, command, variables):
        # All mounts are of a namespace that ends with its last process.
        script = """
            mount -t proc proc "$ROOT/proc"
            mount --rbind /dev "$ROOT/dev"
            mount -t tmpfs tmpfs "$ROOT/run"
            for file in /etc/resolv.conf /etc/hosts; do
                touch "$ROOT$file"
                mount --bind "$file" "$ROOT$file"
            done
            touch "$ROOT/run/certificates"
            mount --bind /etc/ssl/certs/ca-certificates.crt "$ROOT/run/certificates"
            exec chroot "$ROOT" env -i "$@"
        """
        passed_on = {
            name: os.environ[name]
            for upper in PASSED_ON
            for name in (upper, upper.lower())
            if name in os.environ
        }
        variables = {
            "HOME": "/root",
            "DEBIAN_FRONTEND": "noninteractive",
            "PIP_CERT": "/run/certificates",
            **passed_on,
            **variables,
        }
        words = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        words += ["--propagation", "private", "sh", "-euc", script, "sh"]
        words += [f"{name}={value}" for name, value in variables.items()]
        self.program(*words, "sh", "-c", command, env={**os.environ, "ROOT": str(root)})

    def program(self, *words, env=None):
        processes.run(words, log=self.log, what="Building an image", env=env, hint=HINT)


def read_stages(dockerfile):
    """The Dockerfile's stages by name, or number where they have none."""
    stages = {}
    for line, word, rest in instructions(dockerfile.read_text()):
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stages[name or str(len(stages))] = stage = Stage(base)
        elif word in ("ARG", "RUN", "COPY", *CONFIGURES):
            stage.instructions.append((word, rest))
        else:
            raise Problem(f"{dockerfile}:{line}: {word} is not understood here.")
    return stages


def instructions(text):
    """Line, instruction and the rest of it; lines that end in a backslash go on."""
    start, whole = None, ""
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#") or not line.strip():
            continue
        start = start or number
        whole += line.removesuffix("\\")
        if not line.endswith("\\"):
            word, _, rest = whole.strip().partition(" ")
            yield start, word, rest.strip()
            start, whole = None, ""


CONFIGURES = {
    *("ENV", "LABEL", "USER", "STOPSIGNAL", "EXPOSE", "WORKDIR", "CMD", "ENTRYPOINT")
}


def configure(config, word, rest):
    """Note an instruction in the image's configuration."""
    if word == "ENV":
        config["Env"] = joined({**dict(split(config["Env"])), **dict(pairs(rest))})
    elif word == "LABEL":
        config.setdefault("Labels", {}).update(pairs(rest))
    elif word == "USER":
        config["User"] = rest
    elif word == "WORKDIR":
        config["WorkingDir"] = rest
    elif word == "STOPSIGNAL":
        config["StopSignal"] = rest
    elif word == "EXPOSE":
        config["ExposedPorts"] = {f"{port}/tcp": {} for port in rest.split()}
    elif word in ("CMD", "ENTRYPOINT"):
        config[word.capitalize()] = json.loads(rest)


def within(config):
    """Where instructions are carried out."""
    return config.get("WorkingDir", "/")


def pairs(text):
    return [tuple(word.split("=", 1)) for word in shlex.split(text)]


def split(lines):
    return [line.split("=", 1) for line in lines]


def joined(variables):
    return [f"{name}={value}" for name, value in variables.items()]


def pack(root, layer, log):
    """One layer from an image's files."""
    excluded = [f"--exclude=./{folder}/*" for folder in EMPTY]
    processes.run(
        ["tar", "--create", "--file", layer, "--directory", root]
        + ["--sort=name", "--numeric-owner", "--anchored", *excluded, "."],
        log=log,
        what="Packing an image",
        hint=HINT,
    )


def write_archive(path, name, config, layers):
    """A file as ``docker save`` writes it, from an image's configuration and the tars
    of its layers."""
    digests = [sha256(layer) for layer in layers]
    config = {
        "created": datetime.now(UTC).isoformat(),
        "architecture": "amd64",
        "os": "linux",
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{d}" for d in digests]},
        "history": [{"created_by": "catalog/images"} for _ in layers],
    }
    config = json.dumps(config).encode()
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    manifest = {
        "Config": config_name,
        "RepoTags": [name],
        "Layers": [f"{digest}/layer.tar" for digest in digests],
    }
    with tarfile.open(path, "w") as archive:
        for file, content in (
            (config_name, config),
            ("manifest.json", json.dumps([manifest]).encode()),
        ):
            member = tarfile.TarInfo(file)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for layer, member in zip(layers, manifest["Layers"], strict=True):
            archive.add(layer, member)


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
