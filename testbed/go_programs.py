# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""Kubernetes and what runs beside it, built from the Go module proxy at the versions
that go/*/go.mod and go.sum pin."""

import hashlib
import os
import re
import shutil
import subprocess
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path

from . import cache, processes
from .problem import Problem

FOLDER = Path(__file__).with_name("go")
KUBERNETES = "v1.35.4"
KUSTOMIZE = "v5.7.1"

#: Go is fetched from the module proxy where the machine has none that is new enough.
GO_MINIMUM = (1, 26)
GO_TOOLCHAIN = "v0.0.1-go1.26.8.linux-amd64"
GO_TOOLCHAIN_SHA256 = "30c2b1bf7dcc88d3eb0a1364e47ddd9128edb3110a30e8a0ef61cd5856b31de7"


@dataclass(frozen=True)
class Program:
    name: str
    module: str  # the folder with its go.mod
    package: str
    variables: str = ""
    files: str = ""  # folders of the package's module that are kept beside the program
    tags: str = ""
    cgo: bool = False


def of_kubernetes(name):
    versions = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")
    variables = " ".join(
        f"-X {package}.gitVersion={KUBERNETES}" for package in versions
    )
    return Program(name, "kubernetes", f"k8s.io/kubernetes/cmd/{name}", variables)


PROGRAMS = {
    program.name: program
    for program in (
        Program("etcd", "kubernetes", "go.etcd.io/etcd/server/v3"),
        of_kubernetes("kube-apiserver"),
        of_kubernetes("kube-controller-manager"),
        of_kubernetes("kube-scheduler"),
        of_kubernetes("kubectl"),
        of_kubernetes("kubelet"),
        of_kubernetes("kube-proxy"),
        Program("coredns", "coredns", "chandlery.dev/testbed/coredns"),
        Program(
            "kube-router",
            "kube-router",
            "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router",
        ),
        Program("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok", files="kustomize/stage"),
        Program("helm", "helm", "helm.sh/helm/v3/cmd/helm"),
        Program(
            "kustomize",
            "kustomize",
            "sigs.k8s.io/kustomize/kustomize/v5",
            f"-X sigs.k8s.io/kustomize/api/provenance.version={KUSTOMIZE}",
        ),
        Program(
            "nerdctl",
            "nerdctl",
            "github.com/containerd/nerdctl/v2/cmd/nerdctl",
            "-X github.com/containerd/nerdctl/v2/pkg/version.Version=v2.1.3",
        ),
        Program(
            "gitea",
            "gitea",
            "code.gitea.io/gitea",
            files="options public templates",
            tags="sqlite,sqlite_unlock_notify",
            cgo=True,  # SQLite is C
        ),
        Program("traefik", "traefik", "github.com/traefik/traefik/v3/cmd/traefik"),
    )
}


def place(program):
    """Where the built program's folder is or will be."""
    module = FOLDER / program.module
    key = cache.digest(
        module / "go.mod",
        module / "go.sum",
        *sorted(module.rglob("*.go")),
        program.package,
        program.variables,
        program.files,
        *filter(None, [program.tags]),
        GO_MINIMUM,
    )
    return f"{program.name}-{key}"


def missing(names):
    return [
        name for name in names if not cache.path("go", place(PROGRAMS[name])).exists()
    ]


def build(name, log):
    """The program, built if nobody has built it yet."""
    program = PROGRAMS[name]
    return (
        cache.entry("go", place(program), lambda into: make(program, into, log)) / name
    )


def make(program, into, log):
    compiler = go(log)
    env = {
        **os.environ,
        "CGO_ENABLED": str(int(program.cgo)),
        "GOFLAGS": "-mod=readonly",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "PATH": f"{compiler.parent}:{os.environ['PATH']}",
    }
    module = FOLDER / program.module
    processes.run(
        [
            *(compiler, "build", "-trimpath", "-buildvcs=false"),
            *("-ldflags", f"-s -w {program.variables}".strip()),
            *(("-tags", program.tags) if program.tags else ()),
            *("-o", into / program.name, program.package),
        ],
        log=log,
        what=f"Building {program.name}",
        env=env,
        cwd=module,
        hint="Check that this machine reaches the Go module proxy (GOPROXY) and has"
        " 3 GB of free disk and 4 GB of free memory, then run the same command"
        " again: what is built stays built.",
    )
    if program.files:
        folder = processes.output_of(
            [compiler, "list", "-f", "{{.Module.Dir}}", program.package],
            what=f"Looking for the files of {program.name}",
            env=env,
            cwd=module,
        )
        names = program.files.split()
        for name in names:
            shutil.copytree(
                Path(folder.strip()) / name,
                into / "files" / (name if len(names) > 1 else ""),
                copy_function=shutil.copyfile,
            )


def go(log):
    """A Go compiler that is new enough: the machine's own, or one from the module
    proxy."""
    own = shutil.which("go")
    if own and go_version(own) >= GO_MINIMUM:
        return Path(own)

    def unpack(into):
        archive = into / "go.zip"
        urls = [
            f"{proxy}/golang.org/toolchain/@v/{GO_TOOLCHAIN}.zip"
            for proxy in re.split(
                r"[,|]", os.environ.get("GOPROXY") or "https://proxy.golang.org"
            )
            if proxy.startswith("http")
        ]
        download(urls, archive, GO_TOOLCHAIN_SHA256)
        with zipfile.ZipFile(archive) as content:
            content.extractall(into)
        archive.unlink()
        unpacked = into / f"golang.org/toolchain@{GO_TOOLCHAIN}"
        for program in (unpacked / "bin").iterdir():
            program.chmod(0o755)
        for program in unpacked.glob("pkg/tool/*/*"):
            program.chmod(0o755)

    folder = cache.entry("go", f"toolchain-{GO_TOOLCHAIN}", unpack)
    return folder / f"golang.org/toolchain@{GO_TOOLCHAIN}" / "bin" / "go"


def go_version(program):
    # Without GOTOOLCHAIN=local an older Go would tell, and fetch, the version that a
    # go.mod asks for.
    env = {**os.environ, "GOTOOLCHAIN": "local"}
    done = subprocess.run(
        [program, "env", "GOVERSION"], capture_output=True, text=True, env=env, cwd="/"
    )
    found = re.match(r"go(\d+)\.(\d+)", done.stdout)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def download(urls, into, sha256):
    for url in urls:
        try:
            with (
                urllib.request.urlopen(url, timeout=60) as answer,
                open(into, "wb") as file,
            ):
                shutil.copyfileobj(answer, file)
        except OSError as error:
            reason = f"{url}: {error}"
            continue
        seen = hashlib.sha256(into.read_bytes()).hexdigest()
        if seen == sha256:
            return
        reason = f"{url} has the SHA-256 {seen}, not {sha256}"
    raise Problem(
        f"Go cannot be fetched: {reason}.",
        hint=f"Install Go {'.'.join(map(str, GO_MINIMUM))} or newer:"
        " `go version` has to find it.",
    )
