"""Turns: which account's batch captures next. A bounded number run at a time, in fair shares."""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Line:
    """One account: who waits, how many are at it, and when it last had a turn."""

    weight: int
    waiting: deque[asyncio.Future[None]] = field(default_factory=deque)
    running: int = 0
    last: int = 0


class Turns:
    """At most at_once at a time, or beside, which is fewer, while others come first.

    Next is the account with the fewest at it for its weight; among those the one that has waited
    for the longest since its last turn. So the browser's own queue, which is bounded for all, never fills
    with what nobody waits for, and those who wait share the machine with little.
    """

    def __init__(
        self, at_once: int, beside: int | None = None, others_first: Callable[[], bool] = lambda: False
    ) -> None:
        self._at_once, self._beside = at_once, at_once if beside is None else beside
        self._others_first = others_first
        self._running = 0
        self._lines: dict[int, _Line] = {}
        self._numbers = itertools.count(1)

    @asynccontextmanager
    async def turn(self, account: int, weight: int) -> AsyncIterator[None]:
        """Wait for a turn, and hold it."""
        line = self._lines.setdefault(account, _Line(weight))
        line.weight = weight
        mine = asyncio.get_running_loop().create_future()
        line.waiting.append(mine)
        self._give()
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._back(account, line)
            elif mine in line.waiting:
                line.waiting.remove(mine)
                self._tidy(account, line)
            raise
        try:
            yield
        finally:
            self._back(account, line)

    def _give(self) -> None:
        # What limits us less by now is noticed when a turn comes back: there is always one out.
        while self._running < (self._beside if self._others_first() else self._at_once):
            waiting = [line for line in self._lines.values() if line.waiting]
            if not waiting:
                return
            line = min(waiting, key=lambda line: (line.running / line.weight, line.last))
            mine = line.waiting.popleft()
            if mine.cancelled():
                continue
            mine.set_result(None)
            line.running += 1
            line.last = next(self._numbers)
            self._running += 1

    def _back(self, account: int, line: _Line) -> None:
        line.running -= 1
        self._running -= 1
        self._tidy(account, line)
        self._give()

    def _tidy(self, account: int, line: _Line) -> None:
        if not line.running and not line.waiting:
            del self._lines[account]
