"""BrowserPool: one context per capture, in turns, a browser that is replaced when it must be.

A slot is a place where one capture can run. It has its own way out, so that what the proxy
refused is known per capture. A caller gets a slot, opens a tab in it (two, if the first
crashes), and leaves; closing the tab is the pool's work, in the background, so that neither a
picture that is done nor a caller who gave up waits for it. Until then the slot is not free.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import msgspec

from calotype.capture.errand import Errand
from calotype.clock import Deadline
from calotype.egress.proxy import EgressExit, EgressProxy
from calotype.render.cdp import CallTimeout, CdpError, Session, SessionGone
from calotype.render.process import BrowserProcess, Launcher
from calotype.render.settings import BrowserSettings
from calotype.render.turns import Turns

log = logging.getLogger("calotype.render")


class _Context(msgspec.Struct, frozen=True, rename="camel"):
    browser_context_id: str


class _Created(msgspec.Struct, frozen=True, rename="camel"):
    target_id: str


class _Attached(msgspec.Struct, frozen=True, rename="camel"):
    session_id: str


class _TargetInfo(msgspec.Struct, frozen=True, rename="camel"):
    target_id: str
    type: str
    browser_context_id: str = ""


class _TargetCreated(msgspec.Struct, frozen=True, rename="camel"):
    target_info: _TargetInfo


@dataclass(slots=True)
class _House:
    """A browser and who is in it."""

    process: BrowserProcess
    tabs: int = 0
    opened: int = 0
    retired: bool = False
    contexts: set[str] = field(default_factory=set)
    """The contexts whose own page has been created; any further page in them is a popup."""


@dataclass(frozen=True, slots=True)
class Tab:
    """A blank page in a context of its own."""

    session: Session
    target_id: str
    """Also the id of the page's main frame."""
    context_id: str
    house: _House

    @property
    def browser(self) -> Session:
        """The browser that the tab is in."""
        return self.house.process.connection.browser


class Slot:
    """A place where one capture runs at a time."""

    def __init__(self, pool: BrowserPool, way_out: EgressExit) -> None:
        self.exit = way_out
        self._pool = pool
        self.openings: list[asyncio.Task[Tab]] = []

    async def open_tab(self) -> Tab:
        """Return a fresh page in a fresh context, launching a browser if there is none.

        Raises SessionGone if the browser died or does not answer; a second call gets another.
        """
        # The task is the slot's: a caller who leaves half-way must not leave a context behind.
        opening = asyncio.create_task(self._pool.open_tab(self.exit))
        self.openings.append(opening)
        return await asyncio.shield(opening)


class BrowserPool:
    """At most `concurrency` captures at a time, a bounded queue behind them, one browser for all."""

    def __init__(self, settings: BrowserSettings, launcher: Launcher, proxy: EgressProxy) -> None:
        self._settings = settings
        self._launcher = launcher
        self._proxy = proxy
        self._exits: list[EgressExit] = []
        self._turns: Turns[Slot] = Turns(
            settings.concurrency, settings.queue_limit, settings.captures_per_host
        )
        self._house: _House | None = None
        self._houses: list[_House] = []
        self._launch: asyncio.Task[_House] | None = None
        self._chores: set[asyncio.Task[None]] = set()
        self._closed = False

    async def __aenter__(self) -> Self:
        for _ in range(self._settings.concurrency):
            way_out = await self._proxy.open_exit()
            self._exits.append(way_out)
            self._turns.give_back(Slot(self, way_out))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closed = True
        self._turns.close()
        if self._launch is not None:
            await asyncio.wait([self._launch])
        while self._chores:
            await asyncio.wait(self._chores)
        await asyncio.gather(*(house.process.stop() for house in self._houses))
        while self._chores:
            await asyncio.wait(self._chores)
        for way_out in self._exits:
            await way_out.close()

    @property
    def waiting(self) -> int:
        """How many callers wait for a slot."""
        return self._turns.waiting

    @asynccontextmanager
    async def slot(self, deadline: Deadline, errand: Errand, host: str | None) -> AsyncIterator[Slot]:
        """Wait for a slot as Turns.take does, and give it back afterwards.

        Raises QueueFull when too many wait, and RenderTimeout when the deadline comes before the turn.
        """
        slot = await self._turns.take(deadline, errand, host)
        try:
            yield slot
        finally:
            self._do(self._tidy(slot))

    async def _tidy(self, slot: Slot) -> None:
        """Close what was opened in slot, and let the next one have it."""
        try:
            for opened in await asyncio.gather(*slot.openings, return_exceptions=True):
                if isinstance(opened, Tab):
                    await self._close_tab(opened)
        finally:
            slot.openings.clear()
            slot.exit.reset()
            self._turns.give_back(slot)

    async def open_tab(self, way_out: EgressExit) -> Tab:
        """Open a page whose traffic goes through way_out, and only there. For Slot."""
        house = await self._find_house()
        house.tabs += 1
        house.opened += 1
        try:
            return await self._open_tab_in(house, way_out)
        except CallTimeout as exc:
            # A browser that cannot open a tab in 10 s will not serve the next caller either.
            log.warning("the browser does not answer (%s); it is replaced", exc)
            self._leave(house)
            self._abandon(house)
            raise SessionGone(str(exc)) from exc
        except BaseException:
            self._leave(house)
            raise
        finally:
            if house.opened >= self._settings.captures_before_recycle:
                self._recycle(house)

    async def _open_tab_in(self, house: _House, way_out: EgressExit) -> Tab:
        connection, patience_s = house.process.connection, self._settings.open_timeout_s
        browser = connection.browser
        isolation = {
            "disposeOnDetach": True,
            "proxyServer": f"http://127.0.0.1:{way_out.port}",
            "proxyBypassList": "<-loopback>",
        }
        context = await browser.call("Target.createBrowserContext", isolation, patience_s, _Context)
        context_id = context.browser_context_id
        try:
            where = {"url": "about:blank", "browserContextId": context_id}
            created = await browser.call("Target.createTarget", where, patience_s, _Created)
            params = {"targetId": created.target_id, "flatten": True}
            attached = await browser.call("Target.attachToTarget", params, patience_s, _Attached)
        except CdpError:
            browser.post("Target.disposeBrowserContext", {"browserContextId": context_id})
            raise
        return Tab(connection.session(attached.session_id), created.target_id, context_id, house)

    async def _close_tab(self, tab: Tab) -> None:
        params = {"browserContextId": tab.context_id}
        try:
            await tab.browser.call("Target.disposeBrowserContext", params, self._settings.dispose_timeout_s)
        except CallTimeout:
            log.warning("the browser does not close a page; it is replaced")
            self._abandon(tab.house)
        except CdpError:
            pass  # The context went with its browser.
        tab.house.contexts.discard(tab.context_id)
        self._leave(tab.house)

    async def _find_house(self) -> _House:
        house = self._house
        if house is not None and not house.process.connection.lost:
            return house
        if self._launch is None:
            self._launch = asyncio.create_task(self._launch_house())
        # The launch serves whoever waits for it; one of them leaving does not stop it.
        return await asyncio.shield(self._launch)

    async def _launch_house(self) -> _House:
        try:
            house = _House(await self._launcher.start())
        finally:
            self._launch = None
        self._houses.append(house)
        self._house = house
        browser = house.process.connection.browser
        browser.on(
            "Target.targetCreated", _TargetCreated, lambda event: _close_popup(house, event.target_info)
        )
        browser.on_gone(lambda: self._abandon(house))
        browser.post("Target.setDiscoverTargets", {"discover": True, "filter": [{"type": "page"}]})
        return house

    def _recycle(self, old: _House) -> None:
        """Start a successor for old, which leaves when its last tab is closed."""
        if old is not self._house or self._launch is not None or self._closed:
            return
        old.opened = 0  # Should the successor not start, old gets another term.
        self._launch = asyncio.create_task(self._launch_house())
        self._do(self._succeed(old, self._launch))

    async def _succeed(self, old: _House, launch: asyncio.Task[_House]) -> None:
        try:
            await launch
        except Exception:
            log.exception("the browser's successor did not start; the old one goes on")
            return
        old.retired = True
        if old.tabs == 0:
            await self._demolish(old)

    def _leave(self, house: _House) -> None:
        house.tabs -= 1
        if house.retired and house.tabs == 0:
            self._do(self._demolish(house))

    def _abandon(self, house: _House) -> None:
        """Give up a browser that died or is as good as dead; its captures fail now."""
        if self._house is house:
            self._house = None
        if house in self._houses:
            self._houses.remove(house)
            self._do(house.process.kill())

    async def _demolish(self, house: _House) -> None:
        if house in self._houses:
            self._houses.remove(house)
            await house.process.stop()

    def _do(self, chore: Coroutine[Any, Any, None]) -> None:
        """Have chore done in the background; closing the pool waits for it."""
        task = asyncio.create_task(chore)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)


def _close_popup(house: _House, target: _TargetInfo) -> None:
    # Popups load nothing that a picture shows, and cost as much as a page.
    if target.type != "page":
        return
    if target.browser_context_id in house.contexts:
        house.process.connection.browser.post("Target.closeTarget", {"targetId": target.target_id})
    house.contexts.add(target.browser_context_id)
