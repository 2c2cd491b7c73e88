"""BrowserPool: one context per capture, in turns, a browser that is replaced when it must be.

A slot is a place where one capture can run. A caller gets a slot, opens a tab in it (two, if the first
crashes), and leaves; closing the tab is the pool's work, in the background, so that neither a
picture that is done nor a caller who gave up waits for it.

What the proxy refused is to be known per capture, and a page that is being closed may still ask for
something. So a slot has two ways out, which captures use in turns: while one of them is cleared, the next
capture uses the other. And while there are cores to spare, a blank page is opened behind the way that comes
next and stands ready there: one third of what a small page takes is the start of its process.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
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
from calotype.render.spares import BlankPage
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
class Tab(BlankPage):
    """A blank page that is a capture's own, and the browser that it is in."""

    house: House

    @property
    def browser(self) -> Session:
        """The browser that the tab is in."""
        return self.house.process.connection.browser

    @property
    def beyond(self) -> str | None:
        """The limit that one of its processes has been ended for going beyond."""
        return self.house.too_big.get(self.context_id)


@dataclass(slots=True, eq=False)
class _Way:
    """One of a slot's two ways out, and what is under way there in the background."""

    exit: EgressExit
    clearing: asyncio.Task[None] | None = None
    """Closes what the former capture opened."""
    preparing: asyncio.Task[None] | None = None
    """Opens a page for the next one."""

    @property
    def is_clear(self) -> bool:
        """Whether nothing is left of the former capture."""
        return self.clearing is None or self.clearing.done()

    @property
    def is_preparing(self) -> bool:
        """Whether a page is being opened for the next one."""
        return self.preparing is not None and not self.preparing.done()


class Slot:
    """A place where one capture runs at a time."""

    def __init__(self, pool: BrowserPool, way_out: EgressExit, other: EgressExit) -> None:
        self._pool = pool
        self.way, self.other = _Way(way_out), _Way(other)
        """What this capture uses, and what the next one will."""
        self.openings: list[asyncio.Task[Tab]] = []

    @property
    def exit(self) -> EgressExit:
        """The way out of the capture that has the slot, and of nobody else."""
        return self.way.exit

    async def open_tab(self, *, fresh: bool = False) -> Tab:
        """Return a blank page in a context of its own, launching a browser if there is none.

        Unless fresh, it may have stood ready for a while: its clock has run, and whether its way out still
        works is known when the page to come has been asked for.

        Raises SessionGone if the browser died or does not answer; a second call gets another.
        """
        if fresh and not self.openings and self.other.is_clear and not self.other.is_preparing:
            # So that what stands ready stands where the next capture comes by.
            self.way, self.other = self.other, self.way
        # The task is the slot's: a caller who leaves half-way must not leave a context behind.
        opening = asyncio.create_task(self._pool.open_tab(self, fresh=fresh))
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

    def distrust(self) -> None:
        """Let no other capture use what stands ready beside a page whose way out has failed."""
        for opening in self.openings[-1:]:
            opening.result().house.spares.drop_all()

    def turn(self) -> list[asyncio.Task[Tab]]:
        """Let the next capture go the other way; return what this one has opened, to be closed."""
        opened, self.openings = self.openings, []
        self.way, self.other = self.other, self.way
        return opened


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
        self._closing = False
        self._exam_exit: EgressExit
        self._exam_room = asyncio.Lock()
        self._watch = Watch(self._houses, settings)
        self._watching: asyncio.Task[None]
        self._chores: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._exam_exit = await self._open_exit()
        for _ in range(self._settings.concurrency):
            self._turns.give_back(Slot(self, await self._open_exit(), await self._open_exit()))
        self._watching = asyncio.create_task(self._watch.run(), name="browser watch")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
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
        """Let the next one have slot, and close what was opened in it."""
        opened, used = slot.turn(), slot.other
        used.clearing = self._do(self._clear(used, opened))
        # No more than one capture's pages are being closed beside the one that runs.
        if slot.way.clearing is not None:
            await asyncio.wait([slot.way.clearing])
        self._turns.give_back(slot)
        # Whoever has got it in this moment waits for the page as for one of its own.
        self._prepare(slot, slot.way)

    async def _clear(self, way: _Way, openings: list[asyncio.Task[Tab]]) -> None:
        try:
            for opened in await asyncio.gather(*openings, return_exceptions=True):
                if isinstance(opened, Tab):
                    await self._close_tab(opened)
        finally:
            way.exit.reset()

    def _prepare(self, slot: Slot, way: _Way) -> None:
        """Have a page opened for the next capture that goes this way, unless one stands ready in slot.

        Where captures keep all cores busy that would only take from one what it gives to another.
        """
        house = self._houses.current
        busy = self._settings.concurrency - self._turns.free >= self._settings.spares_below
        if house is None or busy or self._closing:
            return
        if not any(each.is_preparing or house.spares.has(each.exit.port) for each in (slot.way, slot.other)):
            way.preparing = self._do(self._open_spare(house, way))

    async def _open_spare(self, house: House, way: _Way) -> None:
        if way.clearing is not None:
            await asyncio.wait([way.clearing])
        with suppress(CdpError):
            page = await self._open_page_or_abandon(house, way.exit)
            house.spares.keep(way.exit.port, page)
            # It may have been replaced meanwhile.
            if house is not self._houses.current:
                house.spares.drop_all()

    async def open_tab(self, slot: Slot, *, fresh: bool) -> Tab:
        """Open a page whose traffic goes through the slot's exit, and only there. For Slot."""
        if slot.way.preparing is not None and not fresh:
            await asyncio.wait([slot.way.preparing])
        house = await self._houses.find()
        self._houses.enter(house)
        try:
            page = None if fresh else house.spares.take(slot.exit.port)
            if page is None:
                page = await self._open_page_or_abandon(house, slot.exit)
            else:
                self._prepare(slot, slot.other)
            return self._move_in(page, house)
        except BaseException:
            self._houses.leave(house)
            raise
        finally:
            self._houses.retire_if_due(house)

    async def _open_page_or_abandon(self, house: House, way_out: EgressExit) -> BlankPage:
        """Open a blank page as _open_page does. Raises SessionGone where the browser is given up."""
        try:
            return await self._open_page(house, way_out)
        except CallTimeout as exc:
            # A browser that cannot open a tab in 10 s will not serve the next caller either.
            log.warning("the browser does not answer (%s); it is replaced", exc)
            await self._houses.abandon(house)
            raise SessionGone(str(exc)) from exc

    async def _open_page(self, house: House, way_out: EgressExit) -> BlankPage:
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
        return BlankPage(connection.session(attached.session_id), created.target_id, context_id)

    @staticmethod
    def _move_in(page: BlankPage, house: House) -> Tab:
        house.pages[page.context_id] = page.session
        return Tab(page.session, page.target_id, page.context_id, house)

    async def _close_tab(self, tab: Tab) -> None:
        params = {"browserContextId": tab.context_id}
        try:
            await tab.browser.call("Target.disposeBrowserContext", params, self._settings.dispose_timeout_s)
        except CallTimeout:
            log.warning("the browser does not close a page; it is replaced")
            await self._houses.abandon(tab.house)
        except CdpError:
            pass  # The context went with its browser.
        tab.house.forget(tab.context_id)
        self._houses.leave(tab.house)

    async def _examine(self, house: House) -> None:
        """Have a browser show that it still makes pictures. Raises CdpError if it does not."""
        async with self._exam_room:
            self._exam_exit.reset()
            tab = self._move_in(await self._open_page(house, self._exam_exit), house)
            house.tabs += 1
            try:
                await examine(tab.session, tab.target_id, self._settings.open_timeout_s)
            finally:
                await self._close_tab(tab)

    async def _open_exit(self) -> EgressExit:
        way_out = await self._proxy.open_exit()
        self._exits.append(way_out)
        return way_out

    def _do(self, chore: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Have chore done in the background; closing the pool waits for it."""
        task = asyncio.create_task(chore)
        self._chores.add(task)
        task.add_done_callback(self._chores.discard)
        return task
