"""BrowserPool: one context per capture, in turns, a browser that is replaced when it must be.

A slot is a place where one capture can run. It has its own way out, so that what the proxy
refused is known per capture. A caller gets a slot, opens a tab in it (two, if the first
crashes), and leaves; closing the tab is the pool's work, in the background, so that neither a
picture that is done nor a caller who gave up waits for it. Until then the slot is not free.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import msgspec

from calotype.capture.errand import Errand
from calotype.capture.errors import PageTooBig, RenderTimeout
from calotype.clock import Deadline
from calotype.egress.proxy import EgressExit, EgressProxy
from calotype.render.cdp import CallTimeout, CdpError, Session, SessionGone
from calotype.render.exam import examine
from calotype.render.fitness import Fitness
from calotype.render.houses import House, Houses
from calotype.render.process import Launcher
from calotype.render.settings import BrowserSettings
from calotype.render.turns import Turns
from calotype.render.watch import Watch

log = logging.getLogger("calotype.render")


class _Context(msgspec.Struct, frozen=True, rename="camel"):
    browser_context_id: str


class _Created(msgspec.Struct, frozen=True, rename="camel"):
    target_id: str


class _Attached(msgspec.Struct, frozen=True, rename="camel"):
    session_id: str


@dataclass(frozen=True, slots=True)
class Tab:
    """A blank page in a context of its own."""

    session: Session
    target_id: str
    """Also the id of the page's main frame."""
    context_id: str
    house: House

    @property
    def browser(self) -> Session:
        """The browser that the tab is in."""
        return self.house.process.connection.browser

    @property
    def beyond(self) -> str | None:
        """The limit that one of its processes has been ended for going beyond."""
        return self.house.too_big.get(self.context_id)


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

    def check_size(self) -> None:
        """Raise PageTooBig if a page that was opened here was ended for what it took."""
        for opening in self.openings:
            limit = opening.result().beyond if opening.done() and opening.exception() is None else None
            if limit is not None:
                raise PageTooBig(limit)

    def note_picture(self) -> None:
        """Remember of the browser that it has just shown to work."""
        for opening in self.openings[-1:]:
            opening.result().house.pictured_at = time.monotonic()


class BrowserPool:
    """At most `concurrency` captures at a time, a bounded queue behind them, one browser for all."""

    def __init__(self, settings: BrowserSettings, launcher: Launcher, proxy: EgressProxy) -> None:
        self._settings = settings
        self._proxy = proxy
        self._exits: list[EgressExit] = []
        self._turns: Turns[Slot] = Turns(
            settings.concurrency, settings.queue_limit, settings.captures_per_host
        )
        self._houses = Houses(settings, launcher, self._examine)
        self.fitness = Fitness(self._houses)
        self._exam_exit: EgressExit
        self._exam_room = asyncio.Lock()
        self._watch = Watch(self._houses, settings)
        self._watching: asyncio.Task[None]
        self._chores: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._exam_exit = await self._open_exit()
        for _ in range(self._settings.concurrency):
            self._turns.give_back(Slot(self, await self._open_exit()))
        self._watching = asyncio.create_task(self._watch.run(), name="browser watch")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._turns.close()
        await self.fitness.close()
        self._watching.cancel()
        await asyncio.wait([self._watching])
        self._houses.stop_launching()
        while self._chores:
            await asyncio.wait(self._chores)
        await self._houses.close()
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
        except RenderTimeout:
            # Pages may be slow by themselves; it may be the browser, too.
            self._houses.doubt_all()
            raise
        else:
            slot.note_picture()
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
        house = await self._houses.find()
        self._houses.enter(house)
        try:
            return await self._open_tab_in(house, way_out)
        except CallTimeout as exc:
            # A browser that cannot open a tab in 10 s will not serve the next caller either.
            log.warning("the browser does not answer (%s); it is replaced", exc)
            self._houses.leave(house)
            await self._houses.abandon(house)
            raise SessionGone(str(exc)) from exc
        except BaseException:
            self._houses.leave(house)
            raise
        finally:
            self._houses.retire_if_due(house)

    async def _open_tab_in(self, house: House, way_out: EgressExit) -> Tab:
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
        session = connection.session(attached.session_id)
        house.pages[context_id] = session
        return Tab(session, created.target_id, context_id, house)

    async def _close_tab(self, tab: Tab) -> None:
        params = {"browserContextId": tab.context_id}
        try:
            await tab.browser.call("Target.disposeBrowserContext", params, self._settings.dispose_timeout_s)
        except CallTimeout:
            log.warning("the browser does not close a page; it is replaced")
            await self._houses.abandon(tab.house)
        except CdpError:
            pass  # The context went with its browser.
        tab.house.contexts.discard(tab.context_id)
        tab.house.too_big.pop(tab.context_id, None)
        del tab.house.pages[tab.context_id]
        self._houses.leave(tab.house)

    async def _examine(self, house: House) -> None:
        """Have a browser show that it still makes pictures. Raises CdpError if it does not."""
        async with self._exam_room:
            self._exam_exit.reset()
            tab = await self._open_tab_in(house, self._exam_exit)
            house.tabs += 1
            try:
                await examine(tab.session, tab.target_id, self._settings.open_timeout_s)
            finally:
                await self._close_tab(tab)

    async def _open_exit(self) -> EgressExit:
        way_out = await self._proxy.open_exit()
        self._exits.append(way_out)
        return way_out

    def _do(self, chore: Coroutine[Any, Any, None]) -> None:
        """Have chore done in the background; closing the pool waits for it."""
        task = asyncio.create_task(chore)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)
