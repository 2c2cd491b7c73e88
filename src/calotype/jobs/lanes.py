"""Lanes: who is slow or asks for much takes up a lane of its own, and not the way of all the others."""

from __future__ import annotations

import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_REMEMBERED = 1000
"""Lanes of which it is known how long a turn takes in them."""
_NEWEST_COUNTS = 0.3


@dataclass(slots=True)
class _Lane:
    busy: int = 0
    takes_s: float = 0.1
    """How long a turn took of late."""
    free_at: float = 0.0
    """When, at that rate, all who were sent away so far have had their turn."""


class Lanes:
    """Says who may go now, and to each of the others when to come back, one after the other."""

    def __init__(self, width: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Width is how many may go at a time in each lane."""
        self._width, self._monotonic = width, monotonic
        self._lanes: OrderedDict[str, _Lane] = OrderedDict()

    @contextlib.contextmanager
    def lane(self, name: str) -> Iterator[float]:
        """Yield 0 to who may go, and hold a place meanwhile; else yield the seconds after which to come back.

        Whoever raises within has done nothing, and says nothing of how long that takes.
        """
        lane = self._lanes.setdefault(name, _Lane())
        self._lanes.move_to_end(name)
        now = self._monotonic()
        if lane.busy >= self._width:
            lane.free_at = max(lane.free_at, now) + lane.takes_s / self._width
            yield lane.free_at - now
            return
        lane.busy += 1
        try:
            yield 0.0
            lane.takes_s += _NEWEST_COUNTS * (self._monotonic() - now - lane.takes_s)
        finally:
            lane.busy -= 1
            self._forget()

    def _forget(self) -> None:
        while len(self._lanes) > _REMEMBERED:
            idle = next((name for name, lane in self._lanes.items() if not lane.busy), None)
            if idle is None:
                return
            del self._lanes[idle]
