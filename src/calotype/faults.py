"""Fault points: the steps of storing a picture, by name, so that a test can have the process die at one."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
from collections.abc import Callable, Iterator
from enum import StrEnum

VARIABLE = "CALOTYPE_FAULT_POINT"
"""`blob-synced` or `blob-synced@3`: the process kills itself when it comes there (for the third time)."""


class Point(StrEnum):
    """A step of storing that has just been done; commit-before comes between blob and entry."""

    BLOB_OPENED = "blob-opened"
    BLOB_HALF_WRITTEN = "blob-half-written"
    BLOB_WRITTEN = "blob-written"
    BLOB_SYNCED = "blob-synced"
    BLOB_RENAMED = "blob-renamed"
    COMMIT_BEFORE = "commit-before"
    COMMIT_INSIDE = "commit-inside"
    COMMIT_AFTER = "commit-after"


Fault = Callable[[Point], None]
_armed: list[Fault] = []


def reached(point: Point) -> None:
    """Tell that point is reached. Outside of tests nothing is armed, and this is an empty loop."""
    for fault in _armed:
        fault(point)


@contextlib.contextmanager
def armed(fault: Fault) -> Iterator[None]:
    """Call fault at every point that is reached, in whichever thread; what it raises is raised there."""
    _armed.append(fault)
    try:
        yield
    finally:
        _armed.remove(fault)


def dying_at(text: str) -> Fault:
    """Return the fault that VARIABLE's value text means."""
    name, _, turn = text.partition("@")
    where, passages, last = Point(name), itertools.count(1), int(turn or 1)

    def die(point: Point) -> None:
        if point is where and next(passages) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    return die


# Read here and not with the settings: it is none, and whoever starts a server in a test reaches it only so.
if VARIABLE in os.environ:
    _armed.append(dying_at(os.environ[VARIABLE]))
