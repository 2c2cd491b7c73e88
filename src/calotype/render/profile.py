"""The temporary profile folders of browsers, each locked for as long as its server lives."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import pwd
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

log = logging.getLogger("calotype.render")

PROFILE_PREFIX: Final = "calotype-browser-"


@dataclass(frozen=True, slots=True)
class Profile:
    """A temporary profile folder, locked for as long as the process that made it lives."""

    path: Path
    lock_fd: int

    @classmethod
    def create(cls, root: Path, user: str | None) -> Profile:
        """Make a fresh folder under root that belongs to user."""
        while True:
            path = Path(tempfile.mkdtemp(prefix=PROFILE_PREFIX, dir=root))
            lock_fd = os.open(path / ".lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock_fd, fcntl.LOCK_EX)
            # Between making the lock and taking it, another server's sweep may have had both.
            if path.exists():
                break
            os.close(lock_fd)
        if user is not None:
            account = pwd.getpwnam(user)
            os.chown(path, account.pw_uid, account.pw_gid)
        return cls(path, lock_fd)

    def remove(self) -> None:
        """Delete the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self.path.exists():
            log.warning("the browser's profile %s could not be removed", self.path)
        os.close(self.lock_fd)


def sweep_profiles(root: Path) -> None:
    """Remove profiles whose server was killed; a lock that can be had has no owner any more."""
    for path in root.glob(f"{PROFILE_PREFIX}*"):
        with contextlib.suppress(OSError):
            fd = os.open(path / ".lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(fd)
