"""A control group around one peer: it counts the processor time of the dead, too, whoever reaped them."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

_ROOTS = (Path("/sys/fs/cgroup/cpuacct"), Path("/sys/fs/cgroup"))
"""Where groups are made: version 1's own hierarchy for accounting, or version 2's only one."""
_EMPTY_WITHIN_S = 5.0


class Group:
    """What its members, and all that descend from them, have used."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take_in(self, pid: int) -> None:
        """Count a process and what it starts from now on."""
        (self._folder / "cgroup.procs").write_text(str(pid), "ascii")

    def cpu_s(self) -> float:
        """Return the processor time of all members, dead ones included, in seconds."""
        usage = self._folder / "cpuacct.usage"
        if usage.exists():
            return int(usage.read_text("ascii")) / 1e9
        told = dict(line.split() for line in (self._folder / "cpu.stat").read_text("ascii").splitlines())
        return int(told["usage_usec"]) / 1e6


@contextlib.contextmanager
def counted(name: str) -> Iterator[Group | None]:
    """Make a group; None where this machine or this user may not."""
    folder = next((made for root in _ROOTS if (made := _make(root, name)) is not None), None)
    if folder is None:
        yield None
        return
    try:
        yield Group(folder)
    finally:
        end = time.monotonic() + _EMPTY_WITHIN_S
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                folder.rmdir()
                break
            time.sleep(0.05)


def _make(root: Path, name: str) -> Path | None:
    if not ((root / "cpuacct.usage").exists() or (root / "cgroup.controllers").exists()):
        return None
    folder = root / f"calotype-bench-{os.getpid()}-{name}"
    try:
        folder.mkdir()
    except OSError:
        return None
    return folder
