"""A mark in the data folder for every server that runs there: what a server that crashed leaves behind."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

_log = logging.getLogger("calotype.blobs")


@contextlib.contextmanager
def running_mark(folder: Path) -> Iterator[bool]:
    """Leave a mark in folder while this lasts; say whether a server before did not get to removing its own.

    A mark is locked by the process that made it, and the lock dies with it, be it by kill -9 or by a power
    cut; so servers that run side by side are told from those that are no more, and a process id that was
    given out again misleads nobody. A folder that cannot be written is no reason not to serve, but one for
    distrust.
    """
    with contextlib.ExitStack() as marked:
        try:
            crashed = marked.enter_context(_mark(folder))
        except OSError as exc:
            _log.warning("no mark could be left in %s: %s", folder, exc)
            crashed = True
        if crashed:
            _log.warning(
                "a server before did not stop cleanly; pictures are verified when they are first read"
            )
        yield crashed


@contextlib.contextmanager
def _mark(folder: Path) -> Iterator[bool]:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    mark = folder / f"{os.getpid()}-{secrets.token_hex(4)}"
    # One server at a time, or one would come by another's mark before it is locked.
    with _opened(folder, os.O_RDONLY | os.O_DIRECTORY) as door:
        fcntl.flock(door, fcntl.LOCK_EX)
        left_behind = [path for path in folder.iterdir() if not _is_held(path)]
        own = os.open(mark, os.O_RDONLY | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(own, fcntl.LOCK_EX)
        for path in left_behind:
            path.unlink(missing_ok=True)
        os.fsync(door)
    try:
        yield bool(left_behind)
    finally:
        mark.unlink(missing_ok=True)
        os.close(own)


def _is_held(path: Path) -> bool:
    with _opened(path, os.O_RDONLY) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@contextlib.contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    descriptor = os.open(path, flags)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
