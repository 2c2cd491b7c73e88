"""Captures of real pages and of a trivial one, by everybody, at several concurrencies, in one run."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import uvloop

from benchmarks import nginx
from benchmarks.captures.bare import bare_browser
from benchmarks.captures.group import counted
from benchmarks.captures.ours import BareLoop, Calotype
from benchmarks.captures.peers import (
    Jail,
    PeerFailed,
    Peers,
    ShotScraper,
    driven,
    drivers,
    installed,
    jail,
    playwrights_browsers,
)
from benchmarks.captures.rival import Rival
from benchmarks.faults import BenchmarkFailed
from benchmarks.machine import Server, family
from calotype.bootstrap import open_renderer
from calotype.capture.negative import Viewport
from calotype.capture.output import ImageFormat
from calotype.render.find import find_browser
from calotype.render.picture import measure
from calotype.settings import Settings, load_settings
from provision.manuals import find_pages

CONCURRENCIES: Final = (1, 2, 4)
_ROOT: Final = Path("/usr/share")
"""Where packages keep their manuals, and links between them lead."""
_FEWEST_PAGES: Final = 5
_TRIVIAL: Final = (
    "<!doctype html><title>Trivial</title><style>body{max-width:40em;margin:4em auto;font-family:sans-serif}"
    "</style><h1>Example</h1><p>This page is for use in examples; it has a heading, a paragraph and a "
    "<a href=/trivial.html>link</a>."
)
_TRIVIAL_TIMES: Final = 14
"""How often a round pictures the trivial page; the real ones are pictured twice each."""
_PASSES: Final = 2
_SLOW: Final = frozenset({"capture-website"})
"""Launches a browser for each picture; a round of it pictures half as many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round of one rival."""

    per_s: float
    driver_ms: float
    """Processor time of the program that drives for each capture; of ours, the proxy's included."""
    browser_ms: float
    """Processor time of the browser's processes for each capture."""

    @property
    def cpu_ms(self) -> float:
        """All of it."""
        return self.driver_ms + self.browser_ms


def run(rounds: int, seconds: int, *, beside_peers: bool = False) -> None:
    """Measure and print; the length of a round follows from the pages, not from seconds."""
    del seconds
    pages = [page for page in find_pages().values() if page.is_relative_to(_ROOT)]
    if len(pages) < _FEWEST_PAGES:
        message = f"only {len(pages)} of the manuals are installed; run: make setup-dev"
        raise BenchmarkFailed(message)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="calotype-bench-")))
        (folder / "trivial.html").write_text(_TRIVIAL, "utf-8")
        places = [
            nginx.static_files("/", _ROOT),
            f"location = /trivial.html {{ alias {folder}/trivial.html; }}",
        ]
        site = stack.enter_context(nginx.serving(folder / "nginx", "\n".join(places)))
        base = f"http://127.0.0.1:{site.port}/"
        corpora = {"real pages": [base + page.relative_to(_ROOT).as_posix() for page in pages] * _PASSES}
        if not beside_peers:
            uvloop.run(_run(corpora, site, rounds, (os.cpu_count() or 1,), None))
            return
        corpora["the trivial page"] = [f"{base}trivial.html"] * _TRIVIAL_TIMES
        peers = stack.enter_context(installed())
        uvloop.run(_run(corpora, site, rounds, CONCURRENCIES, peers))


async def _run(
    corpora: Mapping[str, list[str]],
    site: Server,
    rounds: int,
    concurrencies: Sequence[int],
    peers: Peers | None,
) -> None:
    settings = _settings(site, max(concurrencies))
    async with contextlib.AsyncExitStack() as stack:
        calotype, bare = await _ours(settings, site, stack)
        rivals: list[Rival] = [calotype, bare]
        if peers is not None:
            held = stack.enter_context(jail(find_browser(settings.browser.binary)))
            rivals += await _theirs(peers, held, stack)
        urls = list(dict.fromkeys(url for corpus in corpora.values() for url in corpus))
        # It starts our browser, too, and all have seen every page before the clock runs.
        same = await _check(urls, rivals)
        print(f"{same} of {len(urls)} pictures of Calotype and the bare loop are the same, byte for byte.")
        for name, corpus in corpora.items():
            for concurrency in concurrencies:
                calotype.tell_phases()  # Those of the table before, or of the check.
                # A B C A B C: what a neighbour takes, it takes from all. Idle browsers cost nothing.
                taken = [
                    [await _round(corpus, rival, concurrency) for rival in rivals] for _ in range(rounds)
                ]
                print(f"\n{name}, {concurrency} at a time; {rounds} interleaved rounds, medians:")
                _print_table(rivals, taken)
                told = ", ".join(f"{name} {ms:.0f}" for name, ms in calotype.tell_phases().items())
                print(f"Calotype's time, medians of its captures, ms: {told}")
        if peers is not None:
            _print_memory(rivals)
    if peers is not None:
        with jail(find_browser(settings.browser.binary)) as held:
            await _print_starts(peers, held, site, rounds)


def _settings(site: Server, concurrency: int) -> Settings:
    environ = {
        "CALOTYPE_EGRESS_ALLOW": f"127.0.0.1:{site.port}",
        "CALOTYPE_RENDER_CONCURRENCY": str(concurrency),
        **{name: value for name, value in os.environ.items() if name == "CALOTYPE_BROWSER"},
    }
    return load_settings({}, environ)


async def _ours(
    settings: Settings, site: Server, stack: contextlib.AsyncExitStack
) -> tuple[Calotype, BareLoop]:
    binary = find_browser(settings.browser.binary)
    bare = await stack.enter_async_context(bare_browser(binary))
    renderer = await stack.enter_async_context(open_renderer(settings))
    others = {os.getpid(), *site.pids, *family(bare.pid)}

    def our_browser() -> list[int]:
        return [
            pid
            for child in _children(os.getpid())
            if child not in others and _program(child) == binary.name[:15]
            for pid in family(child)
            if pid != bare.pid
        ]

    return Calotype(renderer, our_browser, binary.name), BareLoop(bare, binary.name)


def _children(pid: int) -> list[int]:
    told = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in told.read_text("ascii").split()]


def _program(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text("utf-8", "replace").strip()
    except OSError:
        return ""


async def _theirs(peers: Peers, held: Jail, stack: contextlib.AsyncExitStack) -> list[Rival]:
    rivals: list[Rival] = []
    for number, (name, command) in enumerate(drivers(peers, held).items()):
        group = stack.enter_context(counted(str(number)))
        with _left_out(name):
            rivals.append(await stack.enter_async_context(driven(name, command, held, group)))
    group = stack.enter_context(counted("shot-scraper"))
    with _left_out(ShotScraper.name):
        rivals.append(ShotScraper(peers, held, playwrights_browsers(peers, held), group))
    return rivals


@contextlib.contextmanager
def _left_out(name: str) -> Iterator[None]:
    try:
        yield
    except (PeerFailed, TimeoutError, OSError) as exc:
        print(f"{name} is left out: {exc}")


async def _check(urls: Sequence[str], rivals: list[Rival]) -> int:
    """Return of how many pages the first two take the same picture; a peer that takes none is left out.

    Raises BenchmarkFailed if one of the two takes a picture that is no viewport.
    """
    same = 0
    ours: list[bytes] = []
    for rival in list(rivals):
        try:
            pictures = [await rival.take(url) for url in urls]
            _check_sizes(rival.name, pictures)
        except (PeerFailed, ValueError) as exc:
            if rival in rivals[:2]:
                raise BenchmarkFailed(str(exc)) from exc
            print(f"{rival.name} is left out: {exc}")
            rivals.remove(rival)
            continue
        if rival is rivals[0]:
            ours = pictures
        elif rival is rivals[1]:
            same = sum(one == other for one, other in zip(ours, pictures, strict=True))
    return same


def _check_sizes(name: str, pictures: Sequence[bytes]) -> None:
    wanted = Viewport().width_px, Viewport().height_px
    if any(measure(picture, ImageFormat.PNG) != wanted for picture in pictures):
        message = f"{name} took a picture that is not {wanted[0]} by {wanted[1]} pixels"
        raise PeerFailed(message)


async def _round(urls: Sequence[str], rival: Rival, concurrency: int) -> Round:
    asked = urls[: len(urls) // 2] if rival.name in _SLOW else urls
    before, began = rival.cpu(), time.monotonic()
    await rival.round(asked, concurrency)
    took_s, spent = time.monotonic() - began, rival.cpu() - before
    return Round(
        per_s=len(asked) / took_s,
        driver_ms=spent.driver_s / len(asked) * 1000,
        browser_ms=spent.browser_s / len(asked) * 1000,
    )


def _print_table(rivals: Sequence[Rival], taken: Sequence[Sequence[Round]]) -> None:
    print(
        f"{'':28}{'captures/s':>11}{'driver ms':>11}{'browser ms':>12}"
        f"{'/s of bare':>12}{'our CPU/its':>13}{'our /s/its':>12}"
    )
    ours, bare = ([rounds[place] for rounds in taken] for place in (0, 1))
    for place, rival in enumerate(rivals):
        theirs = [rounds[place] for rounds in taken]
        middle = [
            statistics.median(getattr(one, field) for one in theirs)
            for field in ("per_s", "driver_ms", "browser_ms")
        ]
        # Ratios are taken within each round, which all spent in the same company.
        of_bare = statistics.median(one.per_s / base.per_s for one, base in zip(theirs, bare, strict=True))
        cost = statistics.median(us.cpu_ms / one.cpu_ms for us, one in zip(ours, theirs, strict=True))
        rate = statistics.median(us.per_s / one.per_s for us, one in zip(ours, theirs, strict=True))
        print(
            f"{rival.name:28}{middle[0]:11.2f}{middle[1]:11.1f}{middle[2]:12.0f}"
            f"{of_bare:12.2f}{cost:13.2f}{rate:12.2f}"
        )


def _print_memory(rivals: Sequence[Rival]) -> None:
    print("\nMemory afterwards, idle: proportional set size of driver and browser, MB:")
    for rival in rivals:
        used = rival.memory_mb()
        if used is not None:
            print(f"{rival.name:28}{used:11.0f}")


async def _print_starts(peers: Peers, held: Jail, site: Server, rounds: int) -> None:
    """Time each from the start of its program to its first picture, with nothing running before."""
    url = f"http://127.0.0.1:{site.port}/trivial.html"
    scraper = ShotScraper(peers, held, playwrights_browsers(peers, held), None)

    async def calotype() -> None:
        command = [sys.executable, "-m", "calotype", "take", url, "-o", str(held.home / "first.png")]
        environ = {**os.environ, "CALOTYPE_EGRESS_ALLOW": f"127.0.0.1:{site.port}"}
        process = await asyncio.create_subprocess_exec(
            *command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        if await process.wait() != 0:
            message = "calotype take failed"
            raise BenchmarkFailed(message)

    async def peer(name: str, command: list[str]) -> None:
        async with driven(name, command, held, None) as started:
            await started.take(url)

    async def shot_scraper() -> None:
        await scraper.take(url)

    starts: dict[str, Callable[[], Awaitable[None]]] = {"calotype take": calotype}
    for name, command in drivers(peers, held).items():
        starts[name] = functools.partial(peer, name, command)
    starts[ShotScraper.name] = shot_scraper
    print("\nFrom the start of the program to its first picture, medians, s:")
    for name, start in starts.items():
        took = []
        with _left_out(name):
            for _ in range(max(3, rounds)):
                began = time.monotonic()
                await start()
                took.append(time.monotonic() - began)
            print(f"{name:28}{statistics.median(took):11.2f}")
