"""A small disk of one's own, to be filled to the last byte."""

from __future__ import annotations

import errno
import subprocess

import pytest

from calotype.faults import Point, armed

DISK_BYTES = 64 * 1024 * 1024


class SmallDisk:
    """A real filesystem of 64 MiB, or where none may be mounted one that pretends to be full."""

    def __init__(self, folder):
        self.data = folder / "data"
        self._filler = folder / "filler"
        mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "calotype-test", str(folder)]
        try:
            self.real = subprocess.run(mount, capture_output=True, check=False).returncode == 0
        except OSError:
            self.real = False
        self._folder, self._full = folder, False
        self._pretence = armed(self._refuse)

    def _refuse(self, point):
        if self._full and point is Point.BLOB_OPENED:
            raise OSError(errno.ENOSPC, "No space left on device")

    def __enter__(self):
        if not self.real:
            self._pretence.__enter__()
        return self

    def __exit__(self, *_):
        if self.real:
            subprocess.run(["umount", "--lazy", str(self._folder)], check=True)
        else:
            self._pretence.__exit__(None, None, None)

    def fill(self):
        """Take up all the room that there is, to the last byte."""
        self._full = True
        if not self.real:
            return
        with self._filler.open("ab", buffering=0) as filler:
            for size in (1024 * 1024, 4096, 1):
                try:
                    while filler.write(b"\1" * size):
                        pass
                except OSError as exc:
                    if exc.errno != errno.ENOSPC:
                        raise

    def free(self):
        """Give the room back."""
        self._full = False
        self._filler.unlink(missing_ok=True)


@pytest.fixture
def disk(tmp_path):
    folder = tmp_path / "disk"
    folder.mkdir()
    with SmallDisk(folder) as disk:
        yield disk
