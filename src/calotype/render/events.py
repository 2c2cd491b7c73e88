"""What the browser tells of a page unasked, as far as we read it (DevTools protocol, Network and Page)."""

from __future__ import annotations

import msgspec


class Request(msgspec.Struct, frozen=True):
    """What is asked for."""

    url: str


class RequestSent(msgspec.Struct, frozen=True, rename="camel"):
    """Network.requestWillBeSent; comes once more, under the same id, for each redirect."""

    request_id: str
    loader_id: str
    request: Request
    type: str = ""
    frame_id: str = ""


class Response(msgspec.Struct, frozen=True, rename="camel"):
    """How a request was answered."""

    status: int = 0
    mime_type: str = ""
    headers: msgspec.Raw = msgspec.Raw(b"{}")


class ResponseReceived(msgspec.Struct, frozen=True, rename="camel"):
    """Network.responseReceived."""

    request_id: str
    response: Response
    type: str = ""
    frame_id: str = ""


class LoadingEnded(msgspec.Struct, frozen=True, rename="camel"):
    """Network.loadingFinished, and loadingFailed with its error."""

    request_id: str
    error_text: str = ""


class Lifecycle(msgspec.Struct, frozen=True, rename="camel"):
    """Page.lifecycleEvent: a document has come this far."""

    frame_id: str
    loader_id: str
    name: str


class Frame(msgspec.Struct, frozen=True, rename="camel"):
    """A frame, and the document in it."""

    id: str
    loader_id: str
    url: str
    unreachable_url: str = ""


class Navigated(msgspec.Struct, frozen=True):
    """Page.frameNavigated: a document has begun to arrive."""

    frame: Frame


class Scheduled(msgspec.Struct, frozen=True, rename="camel"):
    """Page.frameScheduledNavigation; delay in seconds."""

    frame_id: str
    delay: float


class Started(msgspec.Struct, frozen=True, rename="camel"):
    """Page.frameStartedNavigating."""

    frame_id: str
    loader_id: str
    navigation_type: str = ""


class InFrame(msgspec.Struct, frozen=True, rename="camel"):
    """Any event of which no more matters than where."""

    frame_id: str


class Renamed(msgspec.Struct, frozen=True, rename="camel"):
    """Page.navigatedWithinDocument: a script has given the document another address."""

    frame_id: str
    url: str
