"""The watch: looks at the browsers now and then, and says which page or browser takes too much."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time
from contextlib import suppress
from typing import Final

from calotype.render.houses import House, Houses
from calotype.render.memory import Process, processes_of
from calotype.render.settings import BrowserSettings

log = logging.getLogger("calotype.render")

LOOK_EVERY_S: Final = 0.5
"""A page can take a gigabyte a second, so it is past its limit by half a gigabyte when it is seen.
One look costs a millisecond."""
IDLE_LOOK_EVERY_S: Final = 5.0
SILENT_S: Final = 10.0
"""A browser in which captures are under way, and none has come to its end for so long, is doubted."""
OUTRAGEOUS: Final = 1.5
"""Beyond its limit by this much a browser is not waited for any more: its biggest page goes at once."""


class Watch:
    """Looks at the browsers of a pool for as long as it runs."""

    def __init__(self, houses: Houses, settings: BrowserSettings) -> None:
        self._houses, self._settings = houses, settings
        self.outrageous = OUTRAGEOUS

    async def run(self) -> None:
        """Look, for ever."""
        looked_at = 0.0
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            busy = any(house.tabs for house in self._houses.all)
            if not busy and time.monotonic() - looked_at < IDLE_LOOK_EVERY_S:
                continue
            looked_at = time.monotonic()
            for house in tuple(self._houses.all):
                try:
                    await self._look(house)
                except Exception:  # One look that fails must not be the last.
                    log.exception("a browser could not be looked at")

    async def _look(self, house: House) -> None:
        processes = processes_of(house.process.pid)
        house.memory_bytes = sum(process.memory_bytes for process in processes)
        for process in processes:
            if process.is_page and process.memory_bytes > self._settings.page_max_bytes:
                _end_page(house, process, f"{self._settings.page_max_bytes // 2**20} MiB of memory")
        if house.memory_bytes > self.outrageous * self._settings.browser_max_bytes:
            biggest = max(processes, key=lambda process: process.memory_bytes)
            if not biggest.is_page:
                log.warning("the browser takes %d MiB; it is killed", house.memory_bytes // 2**20)
                await self._houses.abandon(house)
                return
            _end_page(house, biggest, "what was left of the browser's memory")
        self._houses.retire_if_due(house)
        if house.tabs and time.monotonic() - max(house.pictured_at, house.entered_at) > SILENT_S:
            self._houses.doubt(house)


def _end_page(house: House, process: Process, limit: str) -> None:
    log.warning("a page took more than %s and is ended", limit)
    house.culled_at, house.culled_for = time.monotonic(), limit
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGKILL)
