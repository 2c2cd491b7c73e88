"""Revalidator: new captures behind the backs of callers who were served what there was."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from calotype.cache.entry import CacheKey, Namespace
from calotype.cache.errors import StoreUnavailable
from calotype.capture.errors import CaptureError, QueueFull

MAX_PENDING = 100
"""Keys that are being captured anew or wait for it; the next stale hit on another asks again."""
_PAUSE_S = 5.0
"""After one that made no new picture, so that not each hit on a page that is down asks for it again."""
_MAX_PAUSED = 1000
_log = logging.getLogger("calotype.shots")

_Key = tuple[Namespace, CacheKey]


class Revalidator:
    """At most one capture per key, few at once: those that a caller waits for come first.

    Close it to stop what is under way.
    """

    def __init__(self, at_once: int = 1, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._turns = asyncio.Semaphore(at_once)
        self._tasks: dict[_Key, asyncio.Task[None]] = {}
        self._paused: dict[_Key, float] = {}
        """Until when."""
        self._closed = False

    def schedule(self, namespace: Namespace, key: CacheKey, capture: Callable[[], Awaitable[bool]]) -> bool:
        """Run capture some time soon, unless that is under way for this key; say whether it will be.

        capture returns whether a new picture is stored.
        """
        where = namespace, key
        full = len(self._tasks) >= MAX_PENDING
        if self._closed or full or where in self._tasks or self._pauses(where):
            return False
        task = asyncio.create_task(self._run(where, capture), name="revalidation")
        self._tasks[where] = task
        task.add_done_callback(lambda _: self._tasks.pop(where, None))
        return True

    def _pauses(self, where: _Key) -> bool:
        until = self._paused.get(where)
        if until is not None and self._now() >= until:
            del self._paused[where]
            return False
        return until is not None

    async def _run(self, where: _Key, capture: Callable[[], Awaitable[bool]]) -> None:
        async with self._turns:
            try:
                if await capture():
                    return
            except (CaptureError, QueueFull, StoreUnavailable) as exc:
                # Nobody waits for it: who comes next is served the old picture, and this is tried again.
                _log.info("a stale picture stays: %s", exc)
            except Exception:  # noqa: BLE001  whatever it is, it ends here
                # Nobody is there to be told of a defect of ours either, and each hit would meet it again.
                _log.exception("a stale picture stays")
        if len(self._paused) >= _MAX_PAUSED:
            self._paused.clear()
        self._paused[where] = self._now() + _PAUSE_S

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way, nor waits for its turn."""
        return not self._tasks

    async def close(self) -> None:
        """Stop, and wait until everything under way has let go of what it held."""
        self._closed = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
