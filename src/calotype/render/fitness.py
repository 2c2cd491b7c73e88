"""Fitness: whether the browser makes pictures, for whoever asks often and cannot wait.

A capture that has just come to its end proves it, so a machine whose captures succeed is never bothered,
however busy it is. Where there was none the browser is examined, and started if there is none: a browser
that has died or stands still is so replaced by asking, and not only by the next capture that meets it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

from calotype.findings import Fault
from calotype.render.houses import Houses
from calotype.render.process import LaunchFailed

log = logging.getLogger("calotype.render")

HOLDS_S: Final = 15.0
"""How long a proof is believed."""
RENEWED_AFTER_S: Final = 8.0
"""From then on the next one is made while the last is still believed, so that an exam on a busy machine may
take seconds and nobody is told of it. One exam takes 0.1 s of one core."""
PATIENCE_S: Final = 2.5
"""How long anybody who asks waits: less than readiness itself does, which would know no more than that."""
AGAIN_S: Final = 5.0
"""A browser that could not be started is started again after this long, if nobody needs it before."""
ATTEMPTS: Final = 2
"""A browser that fails its exam is replaced at once; if the next one fails, too, it is not the browser."""


class Fitness:
    """What is known of the browsers' health, and the one try at a time that finds it out."""

    def __init__(self, houses: Houses) -> None:
        self._houses = houses
        self._trying: asyncio.Task[None] | None = None
        self._rests_until = float("-inf")
        self._closed = False

    async def check(self) -> Fault | None:
        """Return None if the browser makes pictures, as of some seconds ago; else what is wrong.

        STARTING: it is not there yet. SILENT: it is, and does not answer. FAILING: it cannot be started, or
        does not picture what it is shown. Within PATIENCE_S; whoever leaves stops nothing.
        """
        if self._age_s() < RENEWED_AFTER_S:
            return None
        if self._closed or (self._trying is None and time.monotonic() < self._rests_until):
            return Fault.FAILING
        if self._trying is None:
            self._trying = asyncio.create_task(self._try(), name="browser exam")
            self._trying.add_done_callback(self._forget)
        trying = self._trying
        if self._age_s() < HOLDS_S:
            return None
        await asyncio.wait([trying], timeout=PATIENCE_S)
        if self._age_s() < HOLDS_S:
            return None
        if trying.done():
            return Fault.FAILING
        return Fault.SILENT if any(not house.lost for house in self._houses.all) else Fault.STARTING

    async def close(self) -> None:
        """Stop trying."""
        self._closed = True
        if self._trying is not None:
            self._trying.cancel()
            await asyncio.wait([self._trying])

    def _age_s(self) -> float:
        """Return how long ago a browser that still runs last gave proof."""
        proofs = [house.proven_at for house in self._houses.all if not house.lost]
        return time.monotonic() - max(proofs, default=float("-inf"))

    async def _try(self) -> None:
        """Have a browser that new captures would go to give proof, or note that none does."""
        try:
            for _ in range(ATTEMPTS):
                await self._houses.examine(await self._houses.find())
                if self._age_s() < RENEWED_AFTER_S:
                    return
        except (LaunchFailed, OSError) as exc:
            log.error("no browser could be started: %s", exc)  # noqa: TRY400 - it says where it failed
        self._rests_until = time.monotonic() + AGAIN_S

    def _forget(self, trying: asyncio.Task[None]) -> None:
        self._trying = None
        if not trying.cancelled() and (exc := trying.exception()) is not None:
            log.error("the browser could not be examined", exc_info=exc)
            self._rests_until = time.monotonic() + AGAIN_S
