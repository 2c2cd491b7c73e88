"""How much memory there is, and how much a browser's processes take of it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PAGE_SHARE: Final = 4
PAGE_MOST_BYTES: Final = 2 * 2**30
"""A quarter of the machine, so that one page leaves room for others, and never more than 2 GiB."""
BROWSER_SHARE: Final = 2
_CGROUP_LIMITS: Final = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_OWN = re.compile(r"^(?:RssAnon|RssShmem|VmSwap):\s+([0-9]+) kB", re.MULTILINE)
"""What a process holds besides the files of the browser itself, which all its processes share."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process of a browser, and what it holds."""

    pid: int
    memory_bytes: int
    is_page: bool
    """Whether pages run in it: those of one context, and of no other."""


def processes_of(group: int) -> list[Process]:
    """Return the processes of a browser; none where /proc does not tell.

    The browser could name them, too; but it does not when it is needed most.
    """
    return [process for pid in _pids() if _group_of(pid) == group and (process := _look_at(pid)) is not None]


def _pids() -> list[int]:
    try:
        return [int(name) for name in os.listdir("/proc") if name.isdecimal()]  # noqa: PTH208 - 3 times as fast
    except OSError:
        return []


def _group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except OSError:
        return None


def _look_at(pid: int) -> Process | None:
    folder = Path(f"/proc/{pid}")
    try:
        # Not smaps_rollup: that walks the page tables, and is closed to us for processes in a sandbox.
        status = (folder / "status").read_text("ascii", "replace")
        is_page = b"--type=renderer" in (folder / "cmdline").read_bytes()
    except OSError:
        return None
    return Process(pid, 1024 * sum(map(int, _OWN.findall(status))), is_page)


def machine_bytes() -> int:
    """Return the memory of this machine, or of the container that we are in."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in _CGROUP_LIMITS:
        try:
            limits.append(int(path.read_text("ascii")))
        except (OSError, ValueError):  # "max" where there is none
            continue
    return min(limits)


def page_limit() -> int:
    """Return what one process of a page may take by default."""
    return min(PAGE_MOST_BYTES, machine_bytes() // PAGE_SHARE)


def browser_limit() -> int:
    """Return what a browser may take as a whole by default."""
    return machine_bytes() // BROWSER_SHARE
