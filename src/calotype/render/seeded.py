"""Deterministic captures: time that we move, chance that is a fixed series, and nothing that moves by itself.

The browser's own virtual time does not do: it draws as many frames as the machine has leisure for. So
seeded.js takes the place of every clock, timer and source of chance in each frame and worker before a
script of theirs runs, and the clock stands still until this module moves it, one frame of FRAME_MS
after another, in all of them at once. After each step it waits until what the step asked of the network
is there; so what a page does depends on the answers it gets and not on how fast they come.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from functools import cache
from importlib.resources import files
from typing import Any, Final

import msgspec

from calotype.capture.negative import Negative
from calotype.capture.output import Area
from calotype.clock import Deadline
from calotype.render import wait
from calotype.render.cdp import CallRefused, CdpError, Session
from calotype.render.page import Page, PageMoved
from calotype.render.picture import Picture
from calotype.render.traffic import ENDLESS

log = logging.getLogger("calotype.render")

FRAME_MS: Final = 1000 / 60
LIFE_MS: Final = 500
"""What a page lives before it is pictured, besides the delay that was asked for: 30 frames."""
PATIENCE_S: Final = 5.0
"""How long the network may hold up time; a request that never ends is then left behind."""
CALM_S: Final = 0.2
"""Without a request for so long, a page that has loaded begins to live."""
MOST_SHOTS: Final = 6
"""Frames that a picture is taken of until two follow each other that are the same."""

_CLOCK: Final = "globalThis[Symbol.for('calotype.clock')]"
_FIND_JS: Final = """css => {
  try { return !!Document.prototype.querySelector.call(document, css); } catch (error) { return true; }
}"""


class _Request(msgspec.Struct, frozen=True):
    url: str


class _Asked(msgspec.Struct, frozen=True, rename="camel"):
    request_id: str
    request: _Request
    type: str = ""


class _Ended(msgspec.Struct, frozen=True, rename="camel"):
    request_id: str


class _Belongs(msgspec.Struct, frozen=True, rename="camel"):
    is_default: bool = False
    frame_id: str = ""


class _Context(msgspec.Struct, frozen=True, rename="camel"):
    id: int
    aux_data: _Belongs = _Belongs()


class _Came(msgspec.Struct, frozen=True):
    context: _Context


class _Went(msgspec.Struct, frozen=True, rename="camel"):
    execution_context_id: int


class _Nothing(msgspec.Struct, frozen=True):
    pass


@cache
def _script() -> str:
    return files("calotype.render").joinpath("seeded.js").read_text("utf-8")


def _seed(worker: Session) -> None:
    worker.post("Runtime.evaluate", {"expression": _script()})
    worker.post("Debugger.disable", {})


class Seeded:
    """The time of one capture. Does nothing unless it was asked for (is_needed)."""

    def __init__(self, negative: Negative, timeout_s: float) -> None:
        self.is_needed = negative.deterministic
        self._negative, self._timeout_s = negative, timeout_s
        self._now_ms = 0.0
        self._contexts: dict[Session, dict[int, str]] = {}
        self._workers: list[Session] = []
        self._open: set[tuple[Session, str]] = set()
        self._changed = asyncio.Event()

    async def adopt(self, session: Session, kind: str) -> None:
        """Have time stand still in a page, a frame or a worker; to be called before it runs anything."""
        session.on("Network.requestWillBeSent", _Asked, lambda asked: self._asked(session, asked))
        for ended in ("Network.loadingFinished", "Network.loadingFailed"):
            session.on(ended, _Ended, lambda event: self._ended(session, event.request_id))
        session.on_gone(lambda: self._leave(session))
        if kind == "worker":
            self._workers.append(session)
            # A worker that waits for us has no timers yet: it is seeded where its first script begins.
            session.on("Debugger.paused", _Nothing, lambda _: _seed(session))
            first_script = {"instrumentation": "beforeScriptExecution"}
            await asyncio.gather(
                session.call("Network.enable", {}, self._timeout_s),
                session.call("Debugger.enable", {}, self._timeout_s),
                session.call("Debugger.setInstrumentationBreakpoint", first_script, self._timeout_s),
            )
            return
        self._contexts[session] = {}
        session.on("Runtime.executionContextCreated", _Came, lambda event: self._came(session, event.context))
        session.on("Runtime.executionContextDestroyed", _Went, lambda event: self._went(session, event))
        session.on("Runtime.executionContextsCleared", _Nothing, lambda _: self._contexts[session].clear())
        first = {"source": _script(), "runImmediately": True}
        await asyncio.gather(
            session.call("Page.enable", {}, self._timeout_s),
            session.call("Network.enable", {}, self._timeout_s),
            session.call("Page.addScriptToEvaluateOnNewDocument", first, self._timeout_s),
            session.call("Runtime.enable", {}, self._timeout_s),
            session.call("Animation.enable", {}, self._timeout_s),
            # Until the first step, motion stands at its beginning.
            session.call("Animation.setPlaybackRate", {"playbackRate": 0}, self._timeout_s),
        )

    async def until_there(self, page: Page, selector: str | None) -> None:
        """Move time on until selector matches, or cannot be read, which is for others to say."""
        if self.is_needed and selector is not None:
            while not await page.run(_FIND_JS, [selector], self._timeout_s, bool):
                await self._step(page)

    async def live(self, page: Page, area: Area, deadline: Deadline) -> None:
        """Give the loaded page its time: until what was asked for is there, then the delay and LIFE_MS."""
        if not self.is_needed:
            return
        asked = self._negative.wait
        await self._calm(page, CALM_S)
        await self.until_there(page, asked.selector)
        await self._until_true(page, asked.function, deadline)
        await self.until_there(page, area.selector)
        for _ in range(round((asked.delay_ms + LIFE_MS) / FRAME_MS)):
            await self._step(page)

    async def rest(self, page: Page) -> None:
        """Have everything stand still that the last steps left moving."""
        if self.is_needed:
            await self._everywhere(page, f"{_CLOCK}?.rest()")
            await self._calm(page, 0)

    async def steady(self, take: Callable[[], Awaitable[Picture]]) -> Picture:
        """Take pictures until two in a row are the same; what was drawn late is in the second."""
        picture = await take()
        for _ in range(MOST_SHOTS - 1 if self.is_needed else 0):
            before, picture = picture, await take()
            if picture.image == before.image:
                return picture
        return picture

    async def _until_true(self, page: Page, function: str | None, deadline: Deadline) -> None:
        """Move time on until a function gives something true. Raises InvalidRequest as wait.function does."""
        if function is None:
            return
        # It polls with the page's own timer, which is ours to move.
        waiting = asyncio.ensure_future(wait.function(page, function, deadline.remaining_s()))
        try:
            # What is true at once is told before the step's own answer: both come from one process in order.
            while not waiting.done():
                await self._step(page)
            waiting.result()
        finally:
            waiting.cancel()

    async def _step(self, page: Page) -> None:
        """Move all clocks on by one frame, and wait for what that asked of the network."""
        self._now_ms += FRAME_MS
        await self._everywhere(page, f"{_CLOCK}?.tick({self._now_ms}, PACED)")
        if self._open:
            await self._calm(page, 0)
        if page.leaving:
            raise PageMoved("our step")

    async def _calm(self, page: Page, quiet_s: float) -> None:
        """Wait until nothing has been under way for quiet_s and a frame, but not longer than PATIENCE_S."""
        give_up = time.monotonic() + PATIENCE_S
        while True:
            wait_s = min(quiet_s, give_up - time.monotonic())
            try:
                async with asyncio.timeout(max(give_up - time.monotonic(), 0) if self._open else wait_s):
                    self._changed.clear()
                    await self._changed.wait()
                    continue
            except TimeoutError:
                pass
            if not self._open:
                await self._everywhere(page, f"{_CLOCK}?.drawn()")
            if not self._open:
                return
            if time.monotonic() >= give_up:
                log.info("time goes on in a page although %d of its requests have not ended", len(self._open))
                self._open.clear()
                return

    async def _everywhere(self, page: Page, expression: str) -> None:
        """Run our script in every frame and worker; one that is gone meanwhile is left out."""
        calls = []
        for session, contexts in list(self._contexts.items()):
            for context, frame in list(contexts.items()):
                paced = session is page.session and frame == page.frame_id
                calls.append(self._evaluate(session, expression, paced=paced, contextId=context))
        calls += [self._evaluate(worker, expression, paced=False) for worker in self._workers]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, CallRefused):
                if isinstance(outcome, CdpError) and page.session.gone is None:
                    continue
                raise outcome

    async def _evaluate(self, session: Session, expression: str, *, paced: bool, **where: int) -> None:
        text = expression.replace("PACED", "true" if paced else "false")
        params: dict[str, Any] = {"expression": text, "awaitPromise": True, "silent": True, **where}
        await session.call("Runtime.evaluate", params, self._timeout_s)

    def _asked(self, session: Session, asked: _Asked) -> None:
        # What is not fetched from anywhere is there at once, and its end is not always told.
        if asked.type not in ENDLESS and asked.request.url.startswith(("http:", "https:")):
            self._open.add((session, asked.request_id))
            self._changed.set()

    def _ended(self, session: Session, request_id: str) -> None:
        self._open.discard((session, request_id))
        self._changed.set()

    def _came(self, session: Session, context: _Context) -> None:
        if context.aux_data.is_default:
            self._contexts[session][context.id] = context.aux_data.frame_id

    def _went(self, session: Session, event: _Went) -> None:
        self._contexts[session].pop(event.execution_context_id, None)

    def _leave(self, session: Session) -> None:
        self._contexts.pop(session, None)
        if session in self._workers:
            self._workers.remove(session)
        self._open = {(of, request) for of, request in self._open if of is not session}
        self._changed.set()
