# Copyright 2026 Chandlery contributors
# License AGPL-3.0 or later (https://www.gnu.org/licenses/agpl).
"""What is made once and kept: downloads, builds, Python environments, the database
template.

An entry is a folder named by its kind and by a digest of what it is made from, so a new
version is a new entry. It is made in a temporary folder beside its place, under a lock,
and renamed into place: two runs at once make it once, and an interrupted run leaves
nothing that looks finished.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path


def folder():
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "chandlery"


def digest(*parts):
    """A short digest of strings and of files' contents (given as paths)."""
    whole = hashlib.sha256()
    for part in parts:
        content = part.read_bytes() if isinstance(part, Path) else str(part).encode()
        whole.update(hashlib.sha256(content).digest())
    return whole.hexdigest()[:16]


def path(kind, key):
    return folder() / kind / key


def entry(kind, key, make):
    """The folder of the entry; ``make(folder)`` fills it if nobody has yet."""
    place = path(kind, key)
    if place.exists():
        return place
    with lock(kind, key):
        if place.exists():  # somebody else made it while this run waited for the lock
            return place
        # Whoever holds the lock is alone: temporary folders still here belong to
        # interrupted runs.
        for left in place.parent.glob(f".{key}.making-*"):
            shutil.rmtree(left)
        making = Path(tempfile.mkdtemp(prefix=f".{key}.making-", dir=place.parent))
        try:
            # The entry keeps this folder's rights, and the database server reads it as
            # another user.
            making.chmod(0o755)
            make(making)
            making.rename(place)
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise
    return place


@contextmanager
def lock(kind, key):
    """Hold an entry's lock; the kernel frees it if the holder dies."""
    file = folder() / kind / f".{key}.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file, "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
