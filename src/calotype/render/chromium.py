"""ChromiumRenderer: the Renderer port on a Chromium that we drive ourselves."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, Self, assert_never

from calotype.capture.errand import MACHINES_OWN, Errand
from calotype.capture.errors import BrowserCrashed, NavigationFailed, RenderTimeout
from calotype.capture.negative import Document, HtmlDocument, MarkdownDocument, Negative, PageUrl, WaitUntil
from calotype.capture.request import CaptureRequest
from calotype.capture.result import Capture, Phases
from calotype.capture.retouch import Retouch
from calotype.capture.suspect import is_error_page, wall_of
from calotype.capture.verdict import Cut, Verdict
from calotype.clock import Deadline
from calotype.egress.proxy import EgressExit, EgressProxy
from calotype.findings import Fault
from calotype.render import inspect, wait
from calotype.render.cdp import CallTimeout, CdpError, ConnectionLost, LoadCut
from calotype.render.consent import open_consent
from calotype.render.develop import MARK
from calotype.render.emulate import emulate, set_cookies
from calotype.render.filters import Filter, Filters
from calotype.render.find import find_browser
from calotype.render.frames import Frames
from calotype.render.hiding import Hider
from calotype.render.hosts import limited_host
from calotype.render.intercept import Interception
from calotype.render.page import Page, PageMoved, without_credentials
from calotype.render.pdf import print_page
from calotype.render.picture import Picture
from calotype.render.pool import BrowserPool, Slot, Tab
from calotype.render.process import Launcher, LaunchFailed
from calotype.render.retouch import Click, retouch, scroll_to
from calotype.render.reveal import reveal
from calotype.render.scroll import scrolled
from calotype.render.seeded import Seeded
from calotype.render.settings import BrowserSettings
from calotype.render.settle import Rest, settled
from calotype.render.shoot import shoot
from calotype.render.typeset import as_html
from calotype.render.unpin import unpin

log = logging.getLogger("calotype.render")

ATTEMPTS: Final = 2
"""A page or a browser may die of something that has nothing to do with this capture; not twice."""

LOADING: Final = {
    WaitUntil.LOAD: "waiting for the page to load",
    WaitUntil.DOM_CONTENT_LOADED: "waiting for the document to be parsed",
    WaitUntil.NETWORK_IDLE: "waiting for the network to be idle",
}


class _Phase(Enum):
    """The parts of a render, in the order in which they begin; Phases says what belongs to each."""

    OPEN = "open_ms"
    NAVIGATE = "navigate_ms"
    LOAD = "load_ms"
    SETTLE = "settle_ms"
    SHOOT = "shoot_ms"


class _Progress:
    """What is being waited for, and where the time has gone so far."""

    def __init__(self) -> None:
        self.step = "reading filter lists"
        """In words that end the sentence `it was ...`."""
        self._phase: _Phase | None = None
        self._since_s = 0.0
        self._spent_s = dict.fromkeys(_Phase, 0.0)

    def enter(self, phase: _Phase, step: str) -> None:
        """Begin phase with step, and end the one before."""
        self._count()
        self._phase, self.step = phase, step

    def phases(self) -> Phases:
        """Return how long each phase has taken so far."""
        self._count()
        return Phases(**{phase.value: round(spent_s * 1000) for phase, spent_s in self._spent_s.items()})

    def _count(self) -> None:
        now = time.monotonic()
        if self._phase is not None:
            self._spent_s[self._phase] += now - self._since_s
        self._since_s = now


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attempt:
    """One attempt at a capture: its page, what follows that page about, and what was asked for."""

    page: Page
    interception: Interception
    seeded: Seeded
    hider: Hider
    way_out: EgressExit
    request: CaptureRequest
    deadline: Deadline
    progress: _Progress

    @property
    def negative(self) -> Negative:
        """What the browser must do."""
        return self.request.negative


class ChromiumRenderer:
    """Renders captures with a browser of its own, all of whose traffic goes through proxy.

    Use it as an async context manager: the browser is launched by the first capture or check, and
    nothing of it is left afterwards.
    """

    def __init__(self, settings: BrowserSettings, proxy: EgressProxy) -> None:
        launcher = Launcher(find_browser(settings.binary), settings)
        self._pool = BrowserPool(settings, launcher, proxy)
        self._is_own = proxy.is_own
        self._filters = Filters(settings.block_lists, settings.filter_cache)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._pool)
        self._stack.push_async_callback(self._filters.close)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def check(self) -> Fault | None:
        """Say whether the browser makes pictures; see Fitness.check."""
        return await self._pool.fitness.check()

    async def render(
        self, request: CaptureRequest, deadline: Deadline, errand: Errand = MACHINES_OWN
    ) -> Capture:
        """See capture.renderer.Renderer."""
        arrived, host = time.monotonic(), limited_host(request.negative.target, self._is_own)
        async with self._pool.slot(deadline, errand, host) as slot:
            queue_ms = round((time.monotonic() - arrived) * 1000)
            progress = _Progress()
            try:
                async with asyncio.timeout(deadline.remaining_s()):
                    filters = await self._filters.ready(request.negative.block)
                    capture = await _try_twice(slot, request, filters, deadline, progress)
                    return replace(capture, queue_ms=queue_ms)
            except (TimeoutError, CallTimeout) as exc:
                raise RenderTimeout(progress.step, deadline.budget_ms) from exc


async def _try_twice(
    slot: Slot, request: CaptureRequest, filters: Sequence[Filter], deadline: Deadline, progress: _Progress
) -> Capture:
    """Capture in a fresh tab, and once more in another if the first one, or its browser, dies."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            progress.enter(_Phase.OPEN, "opening a page in the browser")
            # A document that came with the request is not asked for, so that a way out which is lost would
            # not be noticed, and leave out its pictures.
            tab = await slot.open_tab(fresh=not isinstance(request.negative.target, PageUrl))
            picture, verdict = await _capture(tab, slot.exit, request, filters, deadline, progress)
            phases = progress.phases()
            return Capture(
                image=picture.image,
                format=request.output.format,
                width_px=picture.width_px,
                height_px=picture.height_px,
                verdict=verdict,
                phases=phases,
                render_ms=sum(duration_ms for _, duration_ms in phases),
            )
        except CallTimeout:
            raise
        except (CdpError, LaunchFailed) as exc:
            slot.check_size()
            if isinstance(exc, LoadCut):
                slot.distrust()
            log.warning("attempt %d of a capture failed while %s: %r", attempt, progress.step, exc)
            if attempt == ATTEMPTS:
                whole = isinstance(exc, ConnectionLost | LaunchFailed)
                raise BrowserCrashed("The browser" if whole else "The page's process") from exc
    raise AssertionError  # The last attempt has returned or raised.


async def _capture(
    tab: Tab,
    way_out: EgressExit,
    request: CaptureRequest,
    filters: Sequence[Filter],
    deadline: Deadline,
    progress: _Progress,
) -> tuple[Picture, Verdict]:
    """Load the page, bring it to rest, take its picture, and say what it was."""
    negative = request.negative
    page = Page(tab.session, tab.target_id)
    remaining_s = deadline.remaining_s()
    url = negative.target.url if isinstance(negative.target, PageUrl) else negative.target.base_url
    interception = Interception(negative, url, page.frame_id, filters)
    seeded, consent = Seeded(negative, remaining_s), open_consent(negative, page.frame_id)
    frames = Frames(negative, interception, seeded, page.traffic, remaining_s, consent)
    attempt = _Attempt(
        page=page,
        interception=interception,
        seeded=seeded,
        hider=Hider(page, frames, filters, interception, consent),
        way_out=way_out,
        request=request,
        deadline=deadline,
        progress=progress,
    )
    preparing = [page.listen(remaining_s), emulate(tab, negative, remaining_s), frames.follow(tab.session)]
    if interception.is_needed:
        preparing.append(interception.begin(tab.session, remaining_s))
    if seeded.is_needed:
        preparing.append(seeded.adopt(tab.session, "page"))
    if consent is not None:
        preparing.append(consent.begin(tab.session, remaining_s))
    await asyncio.gather(*preparing, set_cookies(tab, negative, url, remaining_s))
    try:
        return await _picture(attempt)
    finally:
        await frames.close()
        if consent is not None:
            await consent.close()


async def _picture(attempt: _Attempt) -> tuple[Picture, Verdict]:
    page, way_out, deadline, progress = attempt.page, attempt.way_out, attempt.deadline, attempt.progress
    match attempt.negative.target:
        case PageUrl() as target:
            progress.enter(_Phase.NAVIGATE, "waiting for the page's server to answer")
            await wait.open_url(page, target, way_out, deadline.remaining_s())
        case HtmlDocument() | MarkdownDocument() as document:
            progress.enter(_Phase.NAVIGATE, "typesetting the Markdown")
            html = await as_html(document)
            progress.step = "handing the document to the browser"
            await wait.open_html(page, html, attempt.interception, deadline.remaining_s())
        case unreachable:
            assert_never(unreachable)
    click = Click(attempt.negative.page.click)
    for _ in range(1 + wait.MAX_MOVES):
        with suppress(PageMoved):
            rest = await _bring_to_rest(attempt, click)
            progress.enter(_Phase.SHOOT, "taking the picture")
            verdict = await _judge(page, attempt.negative, rest, deadline)
            picture = await _print(attempt)
            wait.check_reached(page, way_out)
            if way_out.spent and verdict.cut is None:
                verdict = replace(verdict, cut=Cut.TRAFFIC)
            return picture, attempt.hider.tell(replace(verdict, blank=picture.blank))
    raise NavigationFailed(without_credentials(page.url), "it keeps going from one document to the next")


async def _print(attempt: _Attempt) -> Picture:
    """Take the picture, or print the page, and make of it what was asked for."""
    page, negative, output = attempt.page, attempt.negative, attempt.request.output
    deadline = attempt.deadline
    if output.pdf is not None:
        mark = MARK if output.watermark else None
        return await print_page(page, output.pdf, negative.browser, mark, deadline.remaining_s())
    await unpin(page, output.area, deadline)
    return await attempt.seeded.steady(
        lambda: shoot(page, negative.viewport, output, deadline.remaining_s(), freeze=negative.freeze)
    )


async def _bring_to_rest(attempt: _Attempt, click: Click) -> Rest:
    """Wait for all that was asked for. Raises PageMoved if another document takes this one's place."""
    page, seeded, hider = attempt.page, attempt.seeded, attempt.hider
    deadline, progress = attempt.deadline, attempt.progress
    asked, wanted, area = attempt.negative.wait, attempt.negative.page, attempt.request.output.area
    progress.enter(_Phase.LOAD, LOADING[asked.until])
    idle = await wait.loaded(page, asked.until, attempt.way_out, deadline)
    wait.check_reached(page, attempt.way_out)
    document = page.loader_id
    progress.enter(_Phase.SETTLE, "leaving out what is blocked")
    await hider.decline()
    await hider.hide(deadline)
    if wanted != Retouch():
        progress.step = "changing the page as asked"
        await seeded.until_there(page, wanted.click)
        await retouch(page, wanted, click, deadline)
    progress.step = "moving the page's time on"
    await seeded.live(page, area, deadline)
    if asked.selector is not None:
        progress.step = f"waiting for the selector {asked.selector!r} to match"
        await wait.matched(page, asked.selector, "wait.for_selector", deadline.remaining_s())
    if asked.function is not None and not seeded.is_needed:
        progress.step = "waiting for the function to give true"
        await wait.function(page, asked.function, deadline.remaining_s())
    if area.selector is not None:
        progress.step = f"waiting for the element {area.selector!r} to appear"
        await wait.matched(page, area.selector, "capture.selector", deadline.remaining_s())
    await reveal(page, area, deadline)
    progress.step = "scrolling through the page"
    cut = await scrolled(page, area, deadline)
    if asked.delay_ms and not seeded.is_needed:
        progress.step = f"pausing for {asked.delay_ms} ms"
        await asyncio.sleep(asked.delay_ms / 1000)
    if wanted.scroll_to is not None:
        progress.step = f"waiting for the element {wanted.scroll_to!r} to appear"
        await scroll_to(page, wanted.scroll_to, deadline)
    progress.step = "waiting for fonts and images"
    await hider.hide(deadline)
    network = idle and asked.until is not WaitUntil.DOM_CONTENT_LOADED
    rest = await settled(page, area, deadline, freeze=attempt.negative.freeze, network=network)
    await seeded.rest(page)
    if page.leaving or page.loader_id != document:
        raise PageMoved
    return rest.but(cut=cut, idle=idle)


async def _judge(page: Page, negative: Negative, rest: Rest, deadline: Deadline) -> Verdict:
    seen = await inspect.inspect(page, deadline.remaining_s())
    verdict = Verdict(
        title=seen.title,
        description=seen.description,
        settled_by=rest.settled_by,
        cut=rest.cut,
        unfinished_images=rest.unfinished_images,
        missing_glyphs=seen.missing_glyphs,
        console_errors=seen.console_errors,
    )
    # A document that came with the request is what its sender made it.
    if isinstance(negative.target, Document):
        return verdict
    evidence = seen.evidence(page.status, page.headers)
    wall = wall_of(evidence)
    return replace(
        verdict,
        http_status=page.status,
        final_url=without_credentials(page.url),
        bot_wall=wall,
        error_page=wall is None and is_error_page(evidence),
    )
