"""Lanes: one receiver that is slow takes up its own lane, and not the way of all the others."""

from __future__ import annotations

import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

WIDTH = 8
"""Deliveries to one receiver at a time."""
_REMEMBERED = 1000
"""Receivers of which it is known how long they take."""
_NEWEST_COUNTS = 0.3


@dataclass(slots=True)
class _Lane:
    busy: int = 0
    takes_s: float = 0.1
    """How long a delivery took of late."""
    free_at: float = 0.0
    """When, at that rate, all who were sent away so far have had their turn."""


class Lanes:
    """Says who may go now, and to each of the others when to come back, one after the other."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lanes: OrderedDict[str, _Lane] = OrderedDict()

    @contextlib.contextmanager
    def lane(self, receiver: str) -> Iterator[float]:
        """Yield 0 to who may go, and holds a place meanwhile; else the seconds after which to come back."""
        lane = self._lanes.setdefault(receiver, _Lane())
        self._lanes.move_to_end(receiver)
        now = self._monotonic()
        if lane.busy >= WIDTH:
            lane.free_at = max(lane.free_at, now) + lane.takes_s / WIDTH
            yield lane.free_at - now
            return
        lane.busy += 1
        try:
            yield 0.0
        finally:
            lane.busy -= 1
            lane.takes_s += _NEWEST_COUNTS * (self._monotonic() - now - lane.takes_s)
            self._forget()

    def _forget(self) -> None:
        while len(self._lanes) > _REMEMBERED:
            idle = next((name for name, lane in self._lanes.items() if not lane.busy), None)
            if idle is None:
                return
            del self._lanes[idle]
