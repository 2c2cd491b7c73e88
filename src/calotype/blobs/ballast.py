"""Ballast: a file that holds nothing but room, for deletes on a full disk to be written down in."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

from calotype.blobs.filesystem import FULL

BALLAST_BYTES = 64 * 1024 * 1024
"""The index's log takes 8 MB before it is written from its beginning again; the rest is for tables."""
_LARGEST_SHARE = 4
"""On a small disk it is smaller: this fraction of the whole."""
_log = logging.getLogger("calotype.blobs")


class Ballast:
    """One file, shared by all processes on a data folder: each of them can see whether it lies there."""

    def __init__(self, path: Path, largest_bytes: int = BALLAST_BYTES) -> None:
        self._path, self._largest_bytes = path, largest_bytes

    def lay(self) -> bool:
        """Set the room aside unless it is; return False if there is too little of it.

        As much again must be left, or the first picture would have the ballast thrown out again. On a
        filesystem that cannot set room aside there is no ballast, and nothing is said against storing.
        """
        try:
            if self._path.exists():
                return True
            disk = os.statvfs(self._path.parent)
            size = min(self._largest_bytes, disk.f_blocks * disk.f_frsize // _LARGEST_SHARE)
            if disk.f_bavail * disk.f_frsize < 2 * size:
                return False
            self._allocate(size)
        except OSError as exc:
            if exc.errno in FULL:
                return False
            _log.warning("no ballast: %s", exc)
        return True

    def _allocate(self, size: int) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, size)
        except OSError as exc:
            self._path.unlink(missing_ok=True)
            if exc.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
                raise
        finally:
            os.close(descriptor)

    def drop(self) -> bool:
        """Give the room free; return whether there was any."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True
