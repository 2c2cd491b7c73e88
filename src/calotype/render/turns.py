"""Turns: who gets the next free place, in what order, and who is turned away."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from typing import Final, Generic, TypeVar

from calotype.capture.errors import QueueFull, RenderTimeout
from calotype.clock import Deadline

MAX_RETRY_AFTER_S: Final = 30
"""Nobody's wait in the queue outlasts a request, so neither should the advice to come back."""
FIRST_GUESS_S: Final = 1.0
"""How long a capture takes, until we have seen some."""
MEMORY_OF_DURATIONS: Final = 0.1
"""Weight of the newest capture in the running mean."""

Place = TypeVar("Place")


class Turns(Generic[Place]):
    """Places that are free, and a bounded queue of callers who want one."""

    def __init__(self, at_once: int, queue_limit: int) -> None:
        """at_once is how many places there will be, for the advice when to come back."""
        self._at_once = at_once
        self._queue_limit = queue_limit
        self._free: list[Place] = []
        self._waiting: deque[asyncio.Future[Place]] = deque()
        self._mean_s = FIRST_GUESS_S
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many callers wait for a place."""
        return len(self._waiting)

    @property
    def free(self) -> int:
        """How many places nobody uses."""
        return len(self._free)

    async def take(self, deadline: Deadline) -> Place:
        """Wait for a place, first come, first served; give_back returns it.

        Raises QueueFull at once when queue_limit callers wait already, and RenderTimeout when
        the deadline comes before the turn.
        """
        if self._closed:
            raise QueueFull(0, MAX_RETRY_AFTER_S)
        if self._free and not self._waiting:
            return self._free.pop()
        if len(self._waiting) >= self._queue_limit:
            raise QueueFull(len(self._waiting), self._retry_after_s())
        turn: asyncio.Future[Place] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(deadline.remaining_s()):
                return await turn
        except BaseException as exc:
            # The turn may have come in the very moment in which we stopped waiting for it.
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.give_back(turn.result())
            elif turn in self._waiting:
                self._waiting.remove(turn)
            if isinstance(exc, TimeoutError):
                raise RenderTimeout("waiting in the queue", deadline.budget_ms) from exc
            raise

    def give_back(self, place: Place) -> None:
        """Let the next caller have place; it is free while nobody waits."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(place)
                return
        self._free.append(place)

    def note_duration(self, used_s: float) -> None:
        """Learn how long a caller needed a place; the advice when to come back follows from it."""
        self._mean_s += MEMORY_OF_DURATIONS * (used_s - self._mean_s)

    def close(self) -> None:
        """Send away whoever waits, and whoever comes."""
        self._closed = True
        for turn in self._waiting:
            if not turn.done():
                turn.set_exception(QueueFull(len(self._waiting), MAX_RETRY_AFTER_S))
        self._waiting.clear()

    def _retry_after_s(self) -> int:
        clear_s = len(self._waiting) * self._mean_s / self._at_once
        return max(1, min(MAX_RETRY_AFTER_S, math.ceil(clear_s)))
