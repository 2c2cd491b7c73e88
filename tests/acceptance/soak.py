"""A soak: captures of all kinds, one after the other, and what server and browser hold in between."""

from __future__ import annotations

import contextlib
import itertools
import json
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import httpx

from calotype.render.memory import processes_of
from calotype.render.settings import BrowserSettings
from tests.site.gallery.catalogue import PAGES
from tests.site.server import Site
from tests.support.processes import children, until
from tests.support.server import LiveServer

AT_A_TIME: Final = 3
RESIDENT: Final = frozenset({"Task-1", "browser watch", "jobs", "reconciler", "retention", "room", "sweeper"})
"""The tasks that a server has when nobody asks for anything; the first is the one that serves."""
STAND_READY: Final = BrowserSettings().spares_below
"""Blank pages that a browser may have for captures to come."""
REST_WITHIN_S: Final = 30.0
"""For whatever was under way when the last answer came; a busy machine's grace included."""

_HANGS_UP_S: Final = 0.5
"""Half of what the page that is asked for takes to answer."""
_GALLERY: Final = frozenset(
    f"/gallery/{name}"
    for name in (
        "layout/on-a-phone", "layout/two-pixels-for-one", "tall/five-thousand", "pinned/a-sticky-sidebar",
        "lazy/images-by-observer", "endless/four-helpings", "late/fetched-after-load", "scripts/emoji",
        "images/avif", "canvas/webgl", "canvas/drawn-by-a-worker", "vectors/filtered",
        "shadows/an-open-tree", "frames/of-another-site", "frames/three-deep-and-back", "documents/an-svg",
        "motion/a-spinner-without-end", "media/a-video-that-plays", "dialogs/windows-that-pop-up",
        "redirects/to-another-site", "fonts/loaded-by-script",
        "heavy/a-hundred-images", "preferences/at-another-place", "loading/a-service-worker",
        "overlays/a-banner-that-is-clicked-away",
    )
)  # fmt: skip
"""One page or two of most kinds."""


@dataclass(frozen=True, slots=True)
class Wish:
    """A capture to ask for, and the status that answers it."""

    path: str
    options: dict[str, Any]
    status: int = 200


def _block(*kinds: str) -> dict[str, Any]:
    return {"block": dict.fromkeys(kinds, True)}


_SMALL: Final = {"viewport": {"width": 800, "height": 600}}
WISHES: Final = (
    *(Wish(page.path, {**_SMALL, **page.asks}) for page in PAGES if page.path in _GALLERY),
    Wish("/home", {"output": {"format": "jpeg"}}),
    Wish("/tall", {"full_page": True, "output": {"format": "webp"}}),
    Wish("/element", {"element": "#box"}),
    Wish("/element", {"element": "#high", "output": {"format": "avif"}}),
    Wish("/lazy", {"full_page": True, **_block("ads", "trackers")}),
    Wish("/home", _block("ads", "trackers", "cookie_banners", "chat_widgets")),
    Wish("/scripts", {"block": {"resources": ["image"]}, "page": {"styles": ["body{color:red}"]}}),
    Wish("/dark", {"dark_mode": True, "response_type": "json"}),
    Wish("/home", {"output": {"format": "pdf"}}),
    Wish("", {"html": "<h1>From nowhere</h1>"}),
    Wish("", {"html": "<body style='height:3000px'>", "full_page": True}),
    Wish("/counter", {"capture": {"deterministic": True}}),
    Wish("/404", {}, status=404),
    Wish("/reset", {}, status=422),
    Wish("/element", {"element": "#not-there", "wait": {"timeout": 1500}}, status=408),
)  # fmt: skip


_STRIDE: Final = 7
"""So that a few that follow one another are of all kinds; it has no divisor in common with their number."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What is held when nothing is under way. Bytes are as render.memory counts them: without files.

    Pages that stand ready come and go, and are in none of it.
    """

    captures: int
    server_bytes: int
    browser_bytes: int
    browser_processes: int
    descriptors: int
    temporary: int
    """Files and folders beside one another in the folder for temporary files."""


class Soak:
    """Captures through a server that tells what it holds."""

    def __init__(self, server: LiveServer, site: Site, told: Path, temporary: Path) -> None:
        self._server, self._site, self._told, self._temporary = server, site, told, temporary
        self._numbers = itertools.count()
        self.captures = 0

    def take(self, captures: int) -> None:
        """Take so many captures, each of a page that was never asked for; no connection stays open.

        Then somebody asks whether the server is ready, and somebody hangs up in the middle of a capture.
        """
        numbers = list(itertools.islice(self._numbers, captures))
        headers = {"authorization": f"Bearer {self._server.key}"}
        with (
            httpx.Client(base_url=self._server.url, headers=headers, timeout=60, trust_env=False) as client,
            ThreadPoolExecutor(AT_A_TIME) as callers,
        ):
            for _ in callers.map(lambda number: self._capture(client, number), numbers):
                self.captures += 1
            assert client.get("/readyz").status_code == HTTPStatus.OK
            with contextlib.suppress(httpx.ReadTimeout):
                slow = self._site.url(f"/slow?soak={numbers[0]}")
                client.post("/v1/screenshot", json={"url": slow}, timeout=_HANGS_UP_S)

    def _capture(self, client: httpx.Client, number: int) -> None:
        wish = WISHES[number * _STRIDE % len(WISHES)]
        if wish.path:
            mark = "&" if "?" in wish.path else "?"
            asked = {"url": self._site.url(f"{wish.path}{mark}soak={number}"), **wish.options}
        else:
            asked = {**wish.options, "html": f"{wish.options['html']}<p>{number}"}
        reply = client.post("/v1/screenshot", json=asked)
        assert reply.status_code == wish.status, f"{asked}: {reply.status_code} {reply.text[:300]}"

    def read(self) -> Reading:
        """Wait until nothing is under way, and look."""
        assert until(self._is_at_rest, REST_WITHIN_S), f"left open: {self._tasks()}, {self._pages()} pages"
        (server,) = processes_of(self._server.process.pid)
        browser = [process for process in processes_of(self._browser()) if not process.is_page]
        return Reading(
            captures=self.captures,
            server_bytes=server.memory_bytes,
            browser_bytes=sum(process.memory_bytes for process in browser),
            browser_processes=len(browser),
            descriptors=len(list(Path(f"/proc/{server.pid}/fd").iterdir())),
            temporary=len(list(self._temporary.iterdir())),
        )

    def _is_at_rest(self) -> bool:
        # In this order: a task may open a page, and no page makes a task.
        return self._tasks() <= RESIDENT and self._pages() <= STAND_READY

    def _browser(self) -> int:
        (browser,) = children(self._server.process.pid)
        return browser

    def _pages(self) -> int:
        return sum(process.is_page for process in processes_of(self._browser()))

    def _tasks(self) -> set[str]:
        self._told.unlink(missing_ok=True)
        self._server.process.send_signal(signal.SIGUSR1)
        assert until(self._told.exists, REST_WITHIN_S), "the server does not tell what it holds"
        return set(json.loads(self._told.read_text())["tasks"])


def readings(soak: Soak, captures: int, every: int) -> Iterator[Reading]:
    """Look after each so many captures, until all have been taken."""
    for _ in range(0, captures, every):
        soak.take(every)
        yield soak.read()
