"""Readiness: does what the server stands on work just now? Asked often, answered by a real try."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from calotype.findings import Fault

PATIENCE_S = 3.0
"""Whoever asks hears of a part that does not answer within this time."""
GOOD_FOR_S = 1.0
"""So long an answer is given again: whoever asks, however often, costs a try a second at most."""
_log = logging.getLogger("calotype.cache")


Check = Callable[[], Coroutine[Any, Any, Fault | None]]
"""Tries one part. What it raises counts as FAILING."""


def in_thread(check: Callable[[], Fault | None]) -> Check:
    """Return the check that makes a try which blocks, in a thread of its own."""
    return lambda: asyncio.to_thread(check)


class Readiness:
    """Tries all parts side by side, each once at a time, however long that takes."""

    def __init__(self, checks: Mapping[str, Check], monotonic: Callable[[], float] = time.monotonic) -> None:
        """Name the parts: the report has their order."""
        self._checks, self._monotonic = checks, monotonic
        self._trying: dict[str, asyncio.Task[Fault | None]] = {}
        self._report: Mapping[str, Fault | None] = {}
        self._good_until = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    async def report(self) -> Mapping[str, Fault | None]:
        """Return what is wrong with each part, or None, as of a moment ago; within PATIENCE_S."""
        if self._monotonic() >= self._good_until:
            if self._asking is None or self._asking.done():
                self._asking = asyncio.create_task(self._ask())
            # One caller that hangs up must not take the answer from the others.
            await asyncio.shield(self._asking)
        return self._report

    async def _ask(self) -> None:
        for name, check in self._checks.items():
            # A try that did not come back yet is waited for again; a second one would only hang beside it.
            if name not in self._trying:
                self._trying[name] = asyncio.create_task(check())
        done, late = await asyncio.wait(self._trying.values(), timeout=PATIENCE_S)
        report = {
            name: _outcome(name, self._trying[name]) if self._trying[name] in done else Fault.SILENT
            for name in self._checks
        }
        self._trying = {name: task for name, task in self._trying.items() if task in late}
        if report != self._report:
            faults = ", ".join(f"{name} {fault}" for name, fault in report.items() if fault)
            _log.log(logging.ERROR if faults else logging.INFO, "ready: %s", faults or "yes")
        self._report, self._good_until = report, self._monotonic() + GOOD_FOR_S


def _outcome(name: str, task: asyncio.Task[Fault | None]) -> Fault | None:
    error = task.exception()
    if error is None:
        return task.result()
    _log.error("%s could not be tried: %s", name, error)
    return Fault.FAILING
