"""Captures of real pages: Calotype's renderer, proxy and all, beside a bare DevTools loop."""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import uvloop

from benchmarks import nginx
from benchmarks.bare import bare_browser
from benchmarks.faults import BenchmarkFailed
from benchmarks.machine import Server, cpu_s, family
from calotype.bootstrap import open_renderer
from calotype.capture.negative import Viewport
from calotype.capture.output import ImageFormat
from calotype.capture.parse import parse_capture
from calotype.clock import Deadline
from calotype.render.find import find_browser
from calotype.render.picture import measure
from calotype.settings import load_settings
from provision.manuals import find_pages

_ROOT = Path("/usr/share")
"""Where packages keep their manuals, and links between them lead."""
_FEWEST_PAGES = 5
_PASSES = 2
"""How often a round pictures every page."""


@dataclass(frozen=True, slots=True)
class Rival:
    """Who takes pictures."""

    name: str
    take: Callable[[str], Awaitable[bytes]]
    browser: Callable[[], list[int]]
    """Returns the browser's processes as they are now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round of one of the two."""

    per_s: float
    driver_ms: float
    """Processor time of our own process for each capture, the proxy's included."""
    browser_ms: float
    """Processor time of the browser's processes for each capture."""

    @property
    def cpu_ms(self) -> float:
        """All of it."""
        return self.driver_ms + self.browser_ms


def run(rounds: int, seconds: int) -> None:
    """Measure and print; the length of a round follows from the pages, not from seconds."""
    del seconds
    pages = [page for page in find_pages().values() if page.is_relative_to(_ROOT)]
    if len(pages) < _FEWEST_PAGES:
        message = f"only {len(pages)} of the manuals are installed; run: make setup-dev"
        raise BenchmarkFailed(message)
    with (
        tempfile.TemporaryDirectory(prefix="calotype-bench-") as folder,
        nginx.serving(Path(folder) / "nginx", nginx.static_files("/", _ROOT)) as site,
    ):
        base = f"http://127.0.0.1:{site.port}/"
        urls = [base + page.relative_to(_ROOT).as_posix() for page in pages]
        uvloop.run(_run(urls, site, rounds))


async def _run(urls: list[str], site: Server, rounds: int) -> None:
    concurrency = os.cpu_count() or 1
    environ = {
        "CALOTYPE_EGRESS_ALLOW": f"127.0.0.1:{site.port}",
        "CALOTYPE_RENDER_CONCURRENCY": str(concurrency),
        **{name: value for name, value in os.environ.items() if name == "CALOTYPE_BROWSER"},
    }
    settings = load_settings({}, environ)
    async with (
        bare_browser(find_browser(settings.browser.binary)) as bare,
        open_renderer(settings) as renderer,
    ):

        async def take(url: str) -> bytes:
            capture = await renderer.render(parse_capture({"url": url}).request, Deadline.after(60_000))
            return capture.image

        async def take_bare(url: str) -> bytes:
            return await bare.shoot(url, Viewport().width_px, Viewport().height_px)

        def our_browser() -> list[int]:
            others = {os.getpid(), *site.pids, *family(bare.pid)}
            return [pid for pid in family(os.getpid()) if pid not in others]

        rivals = (
            Rival("calotype", take, our_browser),
            Rival("bare DevTools loop", take_bare, lambda: family(bare.pid)),
        )
        # It starts our browser, too, and both have seen every page before the clock runs.
        same = await _check(urls, rivals)
        # A B A B: what a neighbour takes, it takes from both. The idle browser costs nothing.
        taken = [[await _round(urls, rival, concurrency) for rival in rivals] for _ in range(rounds)]
    print(
        f"Captures: {len(taken)} interleaved rounds of {len(urls)} pages, {concurrency} at a time; medians."
    )
    print(f"{same} of {len(urls)} pictures are the same, byte for byte.")
    _print_table(rivals, taken)


async def _check(urls: Sequence[str], rivals: Sequence[Rival]) -> int:
    """Return of how many pages both take the same picture. Raises BenchmarkFailed if one is no viewport."""
    wanted, same = (Viewport().width_px, Viewport().height_px), 0
    for url in urls:
        pictures = [await rival.take(url) for rival in rivals]
        for rival, picture in zip(rivals, pictures, strict=True):
            if measure(picture, ImageFormat.PNG) != wanted:
                message = (
                    f"{rival.name} took a picture of {url} that is not {wanted[0]} by {wanted[1]} pixels"
                )
                raise BenchmarkFailed(message)
        same += len(set(pictures)) == 1
    return same


async def _round(urls: Sequence[str], rival: Rival, concurrency: int) -> Round:
    """Picture every page some times, as many at once as there are cores."""
    waiting = list(urls) * _PASSES

    async def work() -> None:
        while waiting:
            await rival.take(waiting.pop())

    driver_s, browser_s, began = time.process_time(), cpu_s(rival.browser()), time.monotonic()
    async with asyncio.TaskGroup() as workers:
        for _ in range(concurrency):
            workers.create_task(work())
    took_s = time.monotonic() - began
    count = len(urls) * _PASSES
    return Round(
        per_s=count / took_s,
        driver_ms=(time.process_time() - driver_s) / count * 1000,
        browser_ms=(cpu_s(rival.browser()) - browser_s) / count * 1000,
    )


def _print_table(rivals: Sequence[Rival], taken: Sequence[Sequence[Round]]) -> None:
    print(f"{'':38}{'captures/s':>11}{'driver ms':>11}{'browser ms':>12}{'/s ratio':>10}{'CPU ratio':>11}")
    ours, theirs = zip(*taken, strict=True)
    for rival, rounds in zip(rivals, (ours, theirs), strict=True):
        middle = [
            statistics.median(getattr(one, field) for one in rounds)
            for field in ("per_s", "driver_ms", "browser_ms")
        ]
        # Ratios are taken within each round, which both rivals spent in the same company.
        pairs = list(zip(rounds, theirs, strict=True))
        rate = statistics.median(one.per_s / other.per_s for one, other in pairs)
        cost = statistics.median(one.cpu_ms / other.cpu_ms for one, other in pairs)
        print(f"{rival.name:38}{middle[0]:11.2f}{middle[1]:11.1f}{middle[2]:12.0f}{rate:10.2f}{cost:11.2f}")
