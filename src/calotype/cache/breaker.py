"""Breaker: after the disk has refused a picture, it is left in peace for a while."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from calotype.cache.errors import DiskFull, StoreUnavailable
from calotype.findings import Fault

OPEN_S = 10.0
"""Pictures rendered meanwhile are answered all the same, and not stored."""


class Breaker:
    """Open, it refuses every store at once. It closes by itself, and opens again if the next store fails.

    lay_ballast says whether the room that deletes need on a full disk is set aside: without it no
    picture is stored, or pictures would take up that room as well.
    """

    def __init__(
        self, lay_ballast: Callable[[], bool], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._lay_ballast, self._monotonic = lay_ballast, monotonic
        self._why: StoreUnavailable | None = None
        self._until = 0.0

    async def admit(self) -> None:
        """Raise DiskFull or StoreUnavailable if no store should be tried now."""
        if self._why is not None and self._monotonic() < self._until:
            message = f"nothing is stored for {OPEN_S:.0f} s, since {self._why}"
            raise type(self._why)(message)
        self._why = None
        if not await asyncio.to_thread(self._lay_ballast):
            full = DiskFull("there is no room for the ballast, let alone for pictures")
            self.trip(full)
            raise full

    def check(self) -> Fault | None:
        """Return what keeps pictures from being stored now."""
        if self._why is None or self._monotonic() >= self._until:
            return None
        return Fault.FULL if isinstance(self._why, DiskFull) else Fault.PAUSED

    def trip(self, why: StoreUnavailable) -> None:
        """Refuse stores for a while."""
        self._why, self._until = why, self._monotonic() + OPEN_S
