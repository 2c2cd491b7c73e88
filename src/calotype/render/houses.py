"""Houses: the browsers that run, which of them new captures go to, and when one is given up.

Two browsers run side by side only while one takes over from the other: the successor is there before the
predecessor is told to let nobody in any more. A browser that died is given up at once. One that stands
still does not say so: whoever finds that a capture took too long has it examined, and a browser that does
not pass is killed, with everything in it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from calotype.render.cdp import CdpError, TargetCrashed
from calotype.render.process import BrowserProcess, Launcher
from calotype.render.settings import BrowserSettings

log = logging.getLogger("calotype.render")

EXAMINED_EVERY_S: Final = 5.0
"""Pages that are slow by themselves make captures late, too; so often at most is a browser asked to show
that it is not its fault."""


class _TargetInfo(msgspec.Struct, frozen=True, rename="camel"):
    target_id: str
    type: str
    browser_context_id: str = ""


class _TargetCreated(msgspec.Struct, frozen=True, rename="camel"):
    target_info: _TargetInfo


@dataclass(slots=True, eq=False)
class House:
    """A browser and who is in it."""

    process: BrowserProcess
    tabs: int = 0
    opened: int = 0
    retired: bool = False
    contexts: set[str] = field(default_factory=set)
    """The contexts whose own page has been created; any further page in them is a popup."""
    pictured_at: float = float("-inf")
    """When a capture last came to its end here, on time.monotonic()'s scale."""
    examined_at: float = float("-inf")

    @property
    def lost(self) -> bool:
        """Whether the browser is gone."""
        return self.process.connection.lost


Examine = Callable[[House], Coroutine[Any, Any, None]]
"""Has a browser show that it works. Raises CdpError if it does not."""


class Houses:
    """The browsers of one pool; the newest is the one that captures go to."""

    def __init__(self, settings: BrowserSettings, launcher: Launcher, examine: Examine) -> None:
        self.all: list[House] = []
        self.launch: asyncio.Task[House] | None = None
        """The launch that is under way, which serves whoever waits for it."""
        self._settings = settings
        self._launcher = launcher
        self._examine = examine
        self._current: House | None = None
        self._chores: set[asyncio.Task[None]] = set()
        self._closed = False

    def stop_launching(self) -> None:
        """Start no more browsers but those that somebody waits for; close() is to follow."""
        self._closed = True

    async def close(self) -> None:
        """End every browser, and return when nothing of them is left."""
        self._closed = True
        if self.launch is not None:
            await asyncio.wait([self.launch])
        await asyncio.gather(*(house.process.stop() for house in self.all))
        while self._chores:
            await asyncio.wait(self._chores)

    @property
    def busy(self) -> bool:
        """Whether a browser is being examined, replaced or ended."""
        return bool(self._chores)

    async def find(self) -> House:
        """Return the browser for the next capture, launching one if there is none. Raises LaunchFailed."""
        house = self._current
        if house is not None and not house.lost:
            return house
        if self.launch is None:
            self.launch = asyncio.create_task(self._launch())
        # One of those who wait for it leaving does not stop it.
        return await asyncio.shield(self.launch)

    def enter(self, house: House) -> None:
        """Count one more tab; leave() is to follow."""
        house.tabs += 1
        house.opened += 1

    def leave(self, house: House) -> None:
        """Count one tab less, and end a retired browser with its last."""
        house.tabs -= 1
        if house.retired and house.tabs == 0:
            self._do(self._demolish(house))

    def succeed_if_worn(self, house: House) -> None:
        """Start a successor for house if it has served its term; house leaves with its last tab."""
        if house.opened < self._settings.captures_before_recycle:
            return
        if house is not self._current or self.launch is not None or self._closed:
            return
        house.opened = 0  # Should the successor not start, it gets another term.
        self.launch = asyncio.create_task(self._launch())
        self._do(self._succeed(house, self.launch))

    def doubt_all(self) -> None:
        """Have each browser examined in the background, unless it has just been; who fails is given up."""
        now = time.monotonic()
        for house in self.all:
            if now - house.examined_at >= EXAMINED_EVERY_S and not self._closed:
                house.examined_at = now
                self._do(self._examine_or_abandon(house))

    async def abandon(self, house: House) -> None:
        """Give up a browser that died or is as good as dead; its captures fail now.

        Returns when nothing of it is left.
        """
        if self._current is house:
            self._current = None
        if house in self.all:
            self.all.remove(house)
        await house.process.kill()

    async def _launch(self) -> House:
        try:
            house = House(await self._launcher.start())
        finally:
            self.launch = None
        self.all.append(house)
        self._current = house
        browser = house.process.connection.browser
        browser.on(
            "Target.targetCreated", _TargetCreated, lambda event: _close_popup(house, event.target_info)
        )
        browser.on_gone(lambda: self._do(self.abandon(house)))
        browser.post("Target.setDiscoverTargets", {"discover": True, "filter": [{"type": "page"}]})
        return house

    async def _succeed(self, old: House, launch: asyncio.Task[House]) -> None:
        try:
            await launch
        except Exception:
            log.exception("the browser's successor did not start; the old one goes on")
            return
        old.retired = True
        if old.tabs == 0:
            await self._demolish(old)

    async def _examine_or_abandon(self, house: House) -> None:
        try:
            try:
                await self._examine(house)
            except TargetCrashed:
                await self._examine(house)  # A page's process may die of something else.
        except CdpError as exc:
            # A picture that came meanwhile is as good a proof.
            if house in self.all and house.pictured_at <= house.examined_at:
                log.warning("the browser makes no pictures any more (%s); it is replaced", exc)
                await self.abandon(house)

    async def _demolish(self, house: House) -> None:
        if house in self.all:
            self.all.remove(house)
            await house.process.stop()

    def _do(self, chore: Coroutine[Any, Any, None]) -> None:
        """Have chore done in the background; close() waits for it."""
        task = asyncio.create_task(chore)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)


def _close_popup(house: House, target: _TargetInfo) -> None:
    # Popups load nothing that a picture shows, and cost as much as a page.
    if target.type != "page":
        return
    if target.browser_context_id in house.contexts:
        house.process.connection.browser.post("Target.closeTarget", {"targetId": target.target_id})
    house.contexts.add(target.browser_context_id)
