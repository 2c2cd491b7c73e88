"""What the benchmark asks of each who takes pictures, and what it reads of them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.machine import family

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Cpu:
    """Processor time in seconds, of the program that drives and of its browser."""

    driver_s: float
    browser_s: float

    def __sub__(self, before: Cpu) -> Cpu:
        return Cpu(self.driver_s - before.driver_s, self.browser_s - before.browser_s)


class Rival(Protocol):
    """Who takes pictures."""

    name: str

    async def take(self, url: str) -> bytes:
        """Return a picture of url, to be looked at."""
        ...

    async def round(self, urls: Sequence[str], concurrency: int) -> None:
        """Take a picture of each, so many at a time."""
        ...

    def cpu(self) -> Cpu:
        """Return the processor time used so far."""
        ...

    def memory_mb(self) -> float | None:
        """Return the proportional set size of all its processes as they are; None if it cannot be read."""
        ...


async def in_turns(urls: Sequence[str], concurrency: int, take: Callable[[str], Awaitable[object]]) -> None:
    """Take a picture of each, so many at a time."""
    waiting = list(urls)

    async def work() -> None:
        while waiting:
            await take(waiting.pop())

    async with asyncio.TaskGroup() as workers:
        for _ in range(concurrency):
            workers.create_task(work())


def cpu_of(pids: Sequence[int], browser: str) -> Cpu:
    """Return what processes used, told apart by the program's name; the dead ones are their parents'."""
    driver = browsers = 0
    for pid in pids:
        stat = _stat(pid)
        if stat is None:
            continue
        name, fields = stat
        own, reaped = sum(map(int, fields[11:13])), sum(map(int, fields[13:15]))
        if name == browser[:15]:
            browsers += own + reaped
        else:
            driver, browsers = driver + own, browsers + reaped
    return Cpu(driver / TICKS_PER_S, browsers / TICKS_PER_S)


def memory_of(pids: Sequence[int]) -> float | None:
    """Return the proportional set size of processes in MB."""
    total_kb = 0
    try:
        for pid in pids:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
            total_kb += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return None
    return total_kb / 1000


def relatives(pid: int) -> list[int]:
    """Return a process and all that descend from it, while there are any."""
    return family(pid) if Path(f"/proc/{pid}").exists() else []


def _stat(pid: int) -> tuple[str, list[str]] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace")
    except OSError:
        return None
    head, _, rest = text.rpartition(")")
    return head.partition("(")[2], rest.split()
