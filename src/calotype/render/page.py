"""One tab as its main frame tells of it: what it asked for, where it is, and our scripts in it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar
from urllib.parse import urlsplit

import msgspec

from calotype.render.cdp import CallRefused, CdpError, Session
from calotype.render.events import (
    InFrame,
    Lifecycle,
    LoadingEnded,
    Navigated,
    Renamed,
    RequestSent,
    Response,
    ResponseReceived,
    Scheduled,
    Started,
)
from calotype.render.traffic import Traffic
from calotype.render.world import Thrown, call_in, open_world

log = logging.getLogger("calotype.render")

ERROR_PAGE: Final = "chrome-error://"
MAX_DOCUMENTS: Final = 100
"""The newest that we remember; a page that goes on and on must not fill our memory."""
SOON_S: Final = 1.0
"""A redirect that a page schedules within this time is followed; a later one is its slide show."""

T = TypeVar("T")


class PageMoved(CdpError):
    """The document that a script ran in was replaced by another."""


class ScriptFailed(Exception):
    """A script of the caller's threw, or cannot be read; the message is the browser's."""


class _Evaluated(msgspec.Struct, frozen=True, rename="camel"):
    exception_details: Thrown | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Whom a URL would have us connect to."""

    host: str
    port: int


def endpoint_of(url: str) -> Endpoint | None:
    """Return the endpoint of an http or https URL as Chromium spells it, None for any other."""
    try:
        parts = urlsplit(url)
        port = {"http": 80, "https": 443}.get(parts.scheme)
        if port is None or not parts.hostname:
            return None
        return Endpoint(parts.hostname, parts.port or port)
    except ValueError:  # Brackets without an address, a port beyond 65,535.
        return None


def without_credentials(url: str) -> str:
    """Return url with no user name and no password in it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(unreadable)"
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "@" in parts.netloc else url


class Page:
    """What the main frame is doing.

    Other frames are in the picture, but we do not follow where they go.
    """

    def __init__(self, session: Session, frame_id: str) -> None:
        self.session = session
        self.frame_id = frame_id
        self.loader_id = ""
        self.url = "about:blank"
        """The document's address once it has begun to arrive, and what scripts have made of it since."""
        self.unreachable_url = ""
        """The address that an error page stands for, if that is what the document is."""
        self._documents: deque[tuple[str, str]] = deque(maxlen=MAX_DOCUMENTS)
        self._responses: dict[str, Response] = {}
        self._failures: dict[str, str] = {}
        self._milestones: set[str] = set()
        self._scheduled = False
        self._navigating = ""
        self._world: int | None = None
        """Where our functions run in this document, once the first of them has."""
        self._changed = asyncio.Event()
        self.traffic = Traffic(self._changed.set)
        """What it and the frames in it have asked for and not been given."""
        self._moved: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def listen(self, timeout_s: float) -> None:
        """Begin to follow what happens. To be called once, before anything does."""
        on = self.session.on
        on("Network.requestWillBeSent", RequestSent, self._request_sent)
        on("Network.responseReceived", ResponseReceived, self._response_received)
        on("Network.loadingFinished", LoadingEnded, self._loading_ended)
        on("Network.loadingFailed", LoadingEnded, self._loading_ended)
        on("Page.lifecycleEvent", Lifecycle, self._lifecycle)
        on("Page.frameNavigated", Navigated, self._navigated)
        on("Page.navigatedWithinDocument", Renamed, self._renamed)
        on("Page.frameScheduledNavigation", Scheduled, self._navigation_scheduled)
        on("Page.frameClearedScheduledNavigation", InFrame, self._schedule_cleared)
        on("Page.frameStartedNavigating", Started, self._navigation_started)
        on("Page.frameStoppedLoading", InFrame, self._stopped_loading)
        self.traffic.follow(self.session)
        self.session.on_gone(self._changed.set)
        # We read no bodies, so the browser need not keep them for us.
        frugal = {"maxTotalBufferSize": 0, "maxResourceBufferSize": 0}
        await asyncio.gather(
            self.session.call("Page.enable", {}, timeout_s),
            self.session.call("Page.setLifecycleEventsEnabled", {"enabled": True}, timeout_s),
            self.session.call("Network.enable", frugal, timeout_s),
        )

    @property
    def status(self) -> int | None:
        """The HTTP status of the document, None if it came over something else."""
        return self.status_of(self.loader_id)

    def status_of(self, loader_id: str) -> int | None:
        """Return the HTTP status that this load of a document was answered with."""
        response = self._responses.get(loader_id)
        return None if response is None else response.status

    @property
    def headers(self) -> dict[str, str]:
        """What the document was answered with, names in lower case; empty if it came over something else."""
        response = self._responses.get(self.loader_id, Response())
        told = msgspec.json.decode(response.headers, type=dict[str, str])
        return {name.lower(): value for name, value in told.items()}

    @property
    def failure(self) -> str:
        """The net error of the document, empty if it arrived."""
        return self._failures.get(self.loader_id, "")

    @property
    def documents(self) -> list[str]:
        """The addresses that the main frame asked for, redirects included, credentials too."""
        return [url for _, url in self._documents]

    def disown(self, loader_id: str) -> None:
        """Forget that the main frame asked for what this load began with: we answered it ourselves."""
        # By its id, since the next document may have been asked for before anyone comes to say so.
        kept = [document for document in self._documents if document[0] != loader_id]
        self._documents = deque(kept, maxlen=MAX_DOCUMENTS)

    @property
    def leaving(self) -> bool:
        """Whether the document is about to be replaced by another."""
        return self._scheduled or self._navigating not in ("", self.loader_id)

    def reached(self, milestone: Literal["DOMContentLoaded", "load"]) -> bool:
        """Say whether the document has come that far."""
        return milestone in self._milestones

    def forget_milestones(self) -> None:
        """Begin anew: what the blank page has reached says nothing about the one to come."""
        self._milestones.clear()

    async def until(self, claim: Callable[[], bool]) -> None:
        """Wait until claim is true, looking again whenever the page has told something.

        Raises SessionGone when the page or the browser is gone.
        """
        while not claim():
            if self.session.gone is not None:
                raise self.session.gone("while it was waited for")
            self._changed.clear()
            await self._changed.wait()

    async def stay(self, work: Coroutine[Any, Any, T]) -> T:
        """Await work in the document as it is now. Raises PageMoved when that is replaced.

        A screenshot whose document is replaced under it is never answered; the next one is.
        """
        moved, task = self._moved, asyncio.ensure_future(work)
        try:
            await asyncio.wait((task, moved), return_when=asyncio.FIRST_COMPLETED)
            # Both may have come at once; then what comes next would be asked of the wrong document.
            if moved.done():
                raise PageMoved
            return task.result()
        finally:
            task.cancel()

    async def evaluate(self, script: str, timeout_s: float, *, whole: bool = False) -> None:
        """Run a script of the caller's among the page's own.

        It may await promises, and what it declares is there for the next one; whole is one expression, whose
        promise is awaited. Raises ScriptFailed; PageMoved if the document is replaced meanwhile.
        """
        params = {"expression": script, "awaitPromise": True, "userGesture": True, "replMode": not whole}
        try:
            done = await self.stay(self.session.call("Runtime.evaluate", params, timeout_s, _Evaluated))
        except CallRefused as exc:
            raise PageMoved(str(exc)) from exc
        if done.exception_details is not None:
            raise ScriptFailed(done.exception_details.told)

    async def run(self, function: str, arguments: list[Any], timeout_s: float, reply: type[T]) -> T:
        """Run a JavaScript function in the document and return what it, or its promise, gives.

        It runs in a world of its own, which sees the document but nothing that the page's
        scripts have put in place of the browser's functions. Raises PageMoved if the document
        is replaced meanwhile.
        """
        try:
            return await self.stay(self._run(function, arguments, timeout_s, reply))
        except CallRefused as exc:
            # "Execution context was destroyed", "Cannot find context", "navigated or closed", ...:
            # the words differ with the moment, the cause does not.
            self._world = None
            raise PageMoved(str(exc)) from exc

    async def _run(self, function: str, arguments: list[Any], timeout_s: float, reply: type[T]) -> T:
        world = await self._our_world(timeout_s)
        return await call_in(self.session, world, function, arguments, timeout_s, reply)

    async def _our_world(self, timeout_s: float) -> int:
        """Return the world of this document, which goes with it; to make one is a round trip."""
        if self._world is not None:
            return self._world
        document = self._moved
        world = await open_world(self.session, self.frame_id, timeout_s)
        if document is self._moved:
            self._world = world
        return world

    def _request_sent(self, event: RequestSent) -> None:
        if event.frame_id != self.frame_id:
            return
        # A document's own request has the loader's id; a frame inside has another frame_id.
        if event.type == "Document":
            self._documents.append((event.loader_id, event.request.url))

    def _response_received(self, event: ResponseReceived) -> None:
        if event.type == "Document" and event.frame_id == self.frame_id:
            _remember(self._responses, event.request_id, event.response)
            self._changed.set()

    def _loading_ended(self, event: LoadingEnded) -> None:
        if event.error_text and event.request_id in (self._navigating, self.loader_id):
            _remember(self._failures, event.request_id, event.error_text)
            # A download or an empty answer leaves the old document where it is.
            if event.error_text == "net::ERR_ABORTED" and event.request_id == self._navigating:
                self._navigating = ""
        self._changed.set()

    def _lifecycle(self, event: Lifecycle) -> None:
        if event.frame_id != self.frame_id:
            return
        if event.name == "init":
            self._milestones.clear()
        self._milestones.add(event.name)
        self._changed.set()

    def _navigated(self, event: Navigated) -> None:
        if event.frame.id != self.frame_id:
            return
        self.loader_id, self.url = event.frame.loader_id, event.frame.url
        self.unreachable_url = event.frame.unreachable_url
        self.traffic.forget_all_but(self.loader_id)
        self._scheduled, self._navigating = False, ""
        self._world = None
        self._moved.set_result(None)
        self._moved = self._moved.get_loop().create_future()
        self._changed.set()

    def _renamed(self, event: Renamed) -> None:
        if event.frame_id == self.frame_id:
            self.url = event.url

    def _navigation_scheduled(self, event: Scheduled) -> None:
        if event.frame_id == self.frame_id and event.delay <= SOON_S:
            self._scheduled = True

    def _schedule_cleared(self, event: InFrame) -> None:
        if event.frame_id == self.frame_id:
            self._scheduled = False
            self._changed.set()

    def _navigation_started(self, event: Started) -> None:
        if event.frame_id == self.frame_id and event.navigation_type not in (
            "sameDocument",
            "historySameDocument",
        ):
            self._navigating = event.loader_id

    def _stopped_loading(self, event: InFrame) -> None:
        if event.frame_id == self.frame_id:
            self._navigating = ""
            self._changed.set()


def _remember(known: dict[str, T], document: str, fact: T) -> None:
    known[document] = fact
    if len(known) > MAX_DOCUMENTS:
        del known[next(iter(known))]
