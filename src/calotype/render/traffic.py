"""Requests under way in a page and in all frames of it, whatever process these live in."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from calotype.render.cdp import Session
from calotype.render.events import InFrame, LoadingEnded, Navigated, RequestSent, ResponseReceived

ENDLESS: Final = frozenset(
    {"EventSource", "Media", "Ping", "Prefetch", "CSPViolationReport", "WebSocket", "Manifest"}
)
"""Requests that nobody waits for: they last as long as the page, or nobody sees what comes of them."""
POLLS: Final = frozenset({"Fetch", "XHR"})
"""Requests that a page may keep open until there is news (a long poll, a stream)."""
PICTURES: Final = frozenset({"Image", "Font"})
"""Requests whose end the page itself tells of, and which matter only where they are seen."""
MAX_KNOWN: Final = 500
"""Addresses of images that are remembered; a page must not fill our memory."""
MAX_UNDER_WAY: Final = 10_000
"""A page that asks for more at once is not waited for to the last of them."""
REFUSED_BY_US: Final = "net::ERR_BLOCKED_BY_CLIENT"


@dataclass(frozen=True, slots=True)
class _UnderWay:
    kind: str
    url: str
    """As it was asked for at first, before redirects: so the page knows it."""
    frame_id: str
    loader_id: str
    session: Session
    since: float


class Traffic:
    """Counts requests, by what the sessions that it follows tell."""

    def __init__(self, changed: Callable[[], None]) -> None:
        """Call changed whenever the answers of this object may be other ones."""
        self._changed = changed
        self._under_way: dict[str, _UnderWay] = {}
        self._broken: deque[str] = deque(maxlen=MAX_KNOWN)
        self._refused: deque[str] = deque(maxlen=MAX_KNOWN)

    def follow(self, session: Session) -> None:
        """Count what session tells of from now on; somebody has to enable its Network and Page domains."""
        session.on("Network.requestWillBeSent", RequestSent, lambda event: self._sent(session, event))
        session.on("Network.responseReceived", ResponseReceived, self._answered)
        session.on("Network.loadingFinished", LoadingEnded, self._ended)
        session.on("Network.loadingFailed", LoadingEnded, self._ended)
        session.on("Page.frameDetached", InFrame, self._frame_gone)
        session.on("Page.frameNavigated", Navigated, self._frame_moved)
        session.on_gone(lambda: self._drop(lambda request: request.session is session))

    def forget_all_but(self, loader_id: str) -> None:
        """Forget what other documents than this have asked for: it is nobody's any more, told of or not."""
        self._drop(lambda request: request.loader_id != loader_id)

    def is_quiet(self, ignoring: frozenset[str] = frozenset(), poll_s: float = float("inf")) -> bool:
        """Say whether nothing is under way that has an end, kinds to ignore and older polls left aside."""
        return not self._counted(ignoring, poll_s)

    def ages_in_s(self, ignoring: frozenset[str], poll_s: float) -> float | None:
        """Return the seconds until the next request that is_quiet counts will be taken for a long poll."""
        polls = [request for request in self._counted(ignoring, poll_s) if request.kind in POLLS]
        if not polls or poll_s == float("inf"):
            return None
        return max(0.0, min(request.since for request in polls) + poll_s - time.monotonic())

    @property
    def pending_images(self) -> list[str]:
        """The addresses of images that are under way."""
        return [request.url for request in self._under_way.values() if request.kind == "Image"][:MAX_KNOWN]

    @property
    def broken_images(self) -> list[str]:
        """The addresses of the newest images that failed, or were answered with something else."""
        return list(self._broken)

    @property
    def images_amiss(self) -> frozenset[str]:
        """The addresses of images that are under way, and of the newest that failed."""
        return frozenset((*self.pending_images, *self._broken))

    @property
    def refused_images(self) -> list[str]:
        """The addresses of the newest images that we did not let the page have, as its caller wished."""
        return list(self._refused)

    def _counted(self, ignoring: frozenset[str], poll_s: float) -> list[_UnderWay]:
        old = time.monotonic() - poll_s
        return [
            request
            for request in self._under_way.values()
            if request.kind not in ignoring and not (request.kind in POLLS and request.since <= old)
        ]

    def _sent(self, session: Session, event: RequestSent) -> None:
        if event.type in ENDLESS:
            return
        known = self._under_way.get(event.request_id)
        if known is None and len(self._under_way) >= MAX_UNDER_WAY:
            return
        self._under_way[event.request_id] = _UnderWay(
            kind=event.type,
            url=event.request.url if known is None else known.url,
            frame_id=event.frame_id,
            loader_id=event.loader_id,
            session=session,
            since=time.monotonic() if known is None else known.since,
        )
        self._changed()

    def _answered(self, event: ResponseReceived) -> None:
        known = self._under_way.get(event.request_id)
        if known is not None and known.kind == "Image" and not event.response.mime_type.startswith("image/"):
            self._broken.append(known.url)

    def _ended(self, event: LoadingEnded) -> None:
        known = self._under_way.pop(event.request_id, None)
        if known is not None and known.kind == "Image" and event.error_text:
            refused = event.error_text.startswith(REFUSED_BY_US)
            (self._refused if refused else self._broken).append(known.url)
        self._changed()

    def _frame_gone(self, event: InFrame) -> None:
        # Into a process of its own, it may be; then the end of what it had asked for here is not told.
        self._drop(lambda request: request.frame_id == event.frame_id)

    def _frame_moved(self, event: Navigated) -> None:
        new = event.frame
        self._drop(lambda request: request.frame_id == new.id and request.loader_id != new.loader_id)

    def _drop(self, is_over: Callable[[_UnderWay], bool]) -> None:
        over = [request_id for request_id, request in self._under_way.items() if is_over(request)]
        for request_id in over:
            del self._under_way[request_id]
        self._changed()
