"""Houses: the browsers that run, which of them new captures go to, and when one is given up.

A browser that has served its term (captures, age, memory) gets a successor, which is there before it is told
to let nobody in any more; it leaves with its last tab, or when that takes too long. A browser that died is
given up at once. One that stands still does not say so: whoever finds that a capture took too long has it
examined, and a browser that does not pass is killed, with everything in it.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from calotype.render.cdp import CdpError, Session, TargetCrashed
from calotype.render.process import BrowserProcess, Launcher
from calotype.render.settings import BrowserSettings
from calotype.render.spares import BlankPage, Spares

log = logging.getLogger("calotype.render")

EXAMINED_EVERY_S: Final = 5.0
"""Pages that are slow by themselves make captures late, too; so often at most is a browser asked to show
that it is not its fault."""


SUCCESSOR_AGAIN_S: Final = 30.0
"""Where no browser starts, the old one is not asked to make room for one more often than this."""
NEWS_S: Final = 5.0
"""How late the browser may be to tell that a page which we ended has crashed."""


class _TargetInfo(msgspec.Struct, frozen=True, rename="camel"):
    target_id: str
    type: str
    browser_context_id: str = ""


class _TargetCreated(msgspec.Struct, frozen=True, rename="camel"):
    target_info: _TargetInfo


class _Destroyed(msgspec.Struct, frozen=True, rename="camel"):
    target_id: str


class _Crashed(msgspec.Struct, frozen=True, rename="camel"):
    target_id: str
    error_code: int = 0
    """The signal that ended the process, if one did."""


@dataclass(slots=True, eq=False)
class House:
    """A browser and who is in it."""

    process: BrowserProcess
    spare_idle_s: float
    spares: Spares = field(init=False)
    """The pages in it that nobody uses yet; they are no tabs, and nothing waits for them to leave."""
    tabs: int = 0
    opened: int = 0
    retired: bool = False
    retired_at: float = 0.0
    born_at: float = field(default_factory=time.monotonic)
    memory_bytes: int = 0
    """What its processes held when they were last looked at."""
    contexts: set[str] = field(default_factory=set)
    """The contexts whose own page has been created; any further page in them is a popup."""
    pictured_at: float = float("-inf")
    """When a capture last came to its end here, on time.monotonic()'s scale."""
    passed_at: float = float("-inf")
    """When it last passed an exam."""
    entered_at: float = float("-inf")
    """When somebody last came where nobody was."""
    examined_at: float = float("-inf")
    spared_until: float = float("-inf")
    """Until when no successor is looked for, since none would start."""
    culled_at: float = float("-inf")
    """When a page was last ended for what it took."""
    pages: dict[str, Session] = field(default_factory=dict)
    """The page of each context in which a capture is."""
    culled_for: str = ""
    """The limit that it had gone beyond."""
    too_big: dict[str, str] = field(default_factory=dict)
    """The contexts of which a process was ended for what it took, and the limit of that."""
    context_of: dict[str, str] = field(default_factory=dict)
    """The context of each page and each frame that has a process of its own."""

    def __post_init__(self) -> None:
        self.spares = Spares(self.spare_idle_s, self._dismiss)

    @property
    def lost(self) -> bool:
        """Whether the browser is gone."""
        return self.process.connection.lost

    @property
    def proven_at(self) -> float:
        """When it last showed that it makes pictures."""
        return max(self.pictured_at, self.passed_at)

    def forget(self, context_id: str) -> None:
        """Keep nothing of a context that is gone."""
        self.contexts.discard(context_id)
        self.too_big.pop(context_id, None)
        self.pages.pop(context_id, None)

    def _dismiss(self, page: BlankPage) -> None:
        # Nobody waits for a page that has shown nothing, and its exit has seen nothing of it.
        gone = {"browserContextId": page.context_id}
        self.process.connection.browser.post("Target.disposeBrowserContext", gone)
        self.forget(page.context_id)


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
            self.launch.cancel()  # Whoever waited for it has gone.
            await asyncio.wait([self.launch])
        await asyncio.gather(*(house.process.stop() for house in self.all))
        while self._chores:
            await asyncio.wait(self._chores)

    @property
    def busy(self) -> bool:
        """Whether a browser is being examined, replaced or ended."""
        return bool(self._chores)

    @property
    def current(self) -> House | None:
        """The browser that captures go to, if one runs."""
        return None if self._current is None or self._current.lost else self._current

    async def find(self) -> House:
        """Return the browser for the next capture, launching one if there is none. Raises LaunchFailed."""
        if (house := self.current) is not None:
            return house
        if self.launch is None:
            self.launch = asyncio.create_task(self._launch())
        # One of those who wait for it leaving does not stop it.
        return await asyncio.shield(self.launch)

    def enter(self, house: House) -> None:
        """Count one more tab; leave() is to follow."""
        if not house.tabs:
            house.entered_at = time.monotonic()
        house.tabs += 1
        house.opened += 1

    def leave(self, house: House) -> None:
        """Count one tab less, and end a retired browser with its last."""
        house.tabs -= 1
        if house.retired and house.tabs == 0:
            self._do(self._demolish(house))

    def retire_if_due(self, house: House) -> None:
        """Replace house if it has served its term, and end it if it was replaced and does not leave."""
        settings, now = self._settings, time.monotonic()
        if house.retired:
            if now - house.retired_at > settings.drain_timeout_s and house in self.all:
                log.warning("the captures in an old browser do not come to an end; it is killed")
                self._do(self.abandon(house))
            return
        worn = house.opened > 0 and (
            house.opened >= settings.captures_before_recycle
            or now - house.born_at > settings.browser_max_age_s
            or house.memory_bytes > settings.browser_max_bytes
        )
        # One at a time: two old browsers beside the new one would be one too many.
        free = self.launch is None and not self._closed and not any(other.retired for other in self.all)
        if worn and free and house is self._current and now >= house.spared_until:
            self.launch = asyncio.create_task(self._launch())
            self._do(self._succeed(house, self.launch))

    def doubt_all(self) -> None:
        """Doubt each browser."""
        for house in self.all:
            self.doubt(house)

    def doubt(self, house: House) -> None:
        """Have house examined in the background, unless it has just been; it is given up if it fails."""
        # Whatever makes a capture late may have befallen the pages that stand ready, too.
        house.spares.drop_all()
        if time.monotonic() - house.examined_at >= EXAMINED_EVERY_S and not self._closed:
            # At once: of several captures that are late in the same moment, one has it examined.
            house.examined_at = time.monotonic()
            self._do(self.examine(house))

    async def examine(self, house: House) -> None:
        """Have house show that it makes pictures: proven_at tells. It is given up if it does not."""
        house.examined_at = time.monotonic()
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
        else:
            house.passed_at = time.monotonic()

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
            house = House(await self._launcher.start(), self._settings.spare_idle_s)
        finally:
            self.launch = None
        self.all.append(house)
        self._current = house
        browser = house.process.connection.browser
        browser.on(
            "Target.targetCreated", _TargetCreated, lambda event: _note_target(house, event.target_info)
        )
        browser.on("Target.targetDestroyed", _Destroyed, lambda event: _forget_target(house, event))
        browser.on("Target.targetCrashed", _Crashed, lambda event: _note_crash(house, event))
        browser.on_gone(lambda: self._do(self.abandon(house)))
        return house

    async def _succeed(self, old: House, launch: asyncio.Task[House]) -> None:
        try:
            await launch
        except Exception:
            log.exception("the browser's successor did not start; the old one goes on")
            old.spared_until = time.monotonic() + SUCCESSOR_AGAIN_S
            return
        old.retired, old.retired_at = True, time.monotonic()
        old.spares.drop_all()
        if old.tabs == 0:
            await self._demolish(old)

    async def _demolish(self, house: House) -> None:
        if house in self.all:
            self.all.remove(house)
            await house.process.stop()

    def _do(self, chore: Coroutine[Any, Any, None]) -> None:
        """Have chore done in the background; close() waits for it."""
        task = asyncio.create_task(chore)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)


def _note_target(house: House, target: _TargetInfo) -> None:
    house.context_of[target.target_id] = target.browser_context_id
    # Popups load nothing that a picture shows, and cost as much as a page.
    if target.type != "page":
        return
    if target.browser_context_id in house.contexts:
        house.process.connection.browser.post("Target.closeTarget", {"targetId": target.target_id})
    house.contexts.add(target.browser_context_id)


def _forget_target(house: House, event: _Destroyed) -> None:
    house.context_of.pop(event.target_id, None)


def _note_crash(house: House, crash: _Crashed) -> None:
    """Put the death of a page down to what it took, if it is we who ended it."""
    ours = crash.error_code == signal.SIGKILL and time.monotonic() - house.culled_at < NEWS_S
    context_id = house.context_of.get(crash.target_id, "")
    page = house.pages.get(context_id)
    if ours and page is not None:
        house.too_big[context_id] = house.culled_for
        # It may have been a frame's process; without that frame there is no picture either.
        page.end(TargetCrashed)
