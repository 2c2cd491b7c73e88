"""Looks at every request of a page, where an option asks for it: what is blocked, and who is sent what.

It costs the browser some 7 % of a capture, so it is off unless needed. It is no guard: that is the
proxy, which every request passes whatever is done here.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from calotype.capture.blocking import ResourceKind
from calotype.capture.negative import Negative
from calotype.capture.network import BasicAuth, BearerAuth, Network
from calotype.capture.wildcards import Wildcards, read_pattern
from calotype.render.cdp import Session
from calotype.render.filters import Filter

_KINDS = {
    "Font": ResourceKind.FONT,
    "Media": ResourceKind.MEDIA,
    "Image": ResourceKind.IMAGE,
    "Script": ResourceKind.SCRIPT,
    "Stylesheet": ResourceKind.STYLESHEET,
}
"""The protocol's Network.ResourceType -> what can be left out."""
MAX_LEFT_OUT: Final = 500
"""Addresses of what lists kept out that are remembered, so that the places left empty are closed."""
_SEEN: Final = frozenset({"Image", "Document", "Media"})
"""Kinds that would leave an empty place."""
_EVERYTHING = {"patterns": [{"urlPattern": "*", "requestStage": "Request"}]}


class _Request(msgspec.Struct, frozen=True):
    url: str
    headers: dict[str, str]


class _Paused(msgspec.Struct, frozen=True, rename="camel"):
    request_id: str
    request: _Request
    frame_id: str
    resource_type: str


def same_site(url: str, target: str) -> bool:
    """Say whether url is of target's own host, with or without `www.`; no subdomain is, nor any other port.

    A page that moves from http to https has not left; one that moves back has.
    """
    one, other = urlsplit(url), urlsplit(target)
    hosts = [(parts.hostname or "").removeprefix("www.") for parts in (one, other)]
    if hosts[0] != hosts[1]:
        return False
    if one.scheme == other.scheme:
        return one.port == other.port
    return (one.scheme, other.scheme) == ("https", "http") and one.port is other.port is None


class Interception:
    """What is done with the requests of one capture, in whichever of its frames."""

    def __init__(
        self, negative: Negative, target: str | None, main_frame: str, filters: Sequence[Filter] = ()
    ) -> None:
        self._blocking, self._target, self._main_frame = negative.block, target, main_frame
        self._filters = filters
        self._page = target or "about:blank"
        self.left_out: set[str] = set()
        """Pictures and frames that a filter kept out; the oldest MAX_LEFT_OUT."""
        self._patterns = [Wildcards(read_pattern(glob, "block.requests")) for glob in negative.block.requests]
        self._headers = _own_headers(negative.network)
        self._body: str | None = None

    @property
    def is_needed(self) -> bool:
        """Whether an option wants requests to be looked at."""
        return bool(self._headers) or self._blocking.judges_requests

    def hand_over(self, html: str) -> None:
        """Answer the main frame's first request for a document with html."""
        self._body = base64.b64encode(html.encode("utf-8", "surrogatepass")).decode()

    async def begin(self, session: Session, timeout_s: float) -> None:
        """Look at what a frame's process asks for from now on."""
        session.on("Fetch.requestPaused", _Paused, lambda paused: self._answer(session, paused))
        await session.call("Fetch.enable", _EVERYTHING, timeout_s)

    def _answer(self, session: Session, paused: _Paused) -> None:
        is_document = paused.resource_type == "Document" and paused.frame_id == self._main_frame
        if is_document:
            # Whose page it is decides what is a third party; it is never blocked itself.
            self._page = paused.request.url
        if is_document and self._body is not None:
            session.post("Fetch.fulfillRequest", _fulfilled(paused.request_id, self._body))
            self._body = None
        elif not is_document and self._is_blocked(paused):
            blocked = {"requestId": paused.request_id, "errorReason": "BlockedByClient"}
            session.post("Fetch.failRequest", blocked)
        else:
            session.post("Fetch.continueRequest", {"requestId": paused.request_id, **self._added(paused)})

    def _is_blocked(self, paused: _Paused) -> bool:
        kind, url = _KINDS.get(paused.resource_type), paused.request.url
        if kind in self._blocking.resources or any(glob.matches(url) for glob in self._patterns):
            return True
        if not any(filter_.blocks(url, self._page, paused.resource_type) for filter_ in self._filters):
            return False
        if paused.resource_type in _SEEN and len(self.left_out) < MAX_LEFT_OUT:
            self.left_out.add(url)
        return True

    def _added(self, paused: _Paused) -> dict[str, Any]:
        if self._target is None or not self._headers or not same_site(paused.request.url, self._target):
            return {}
        # What a script sets itself stays: it knows better what it asks.
        theirs = {name.lower() for name in paused.request.headers}
        overriding = {"authorization"} & theirs
        headers = {name: value for name, value in self._headers.items() if name not in overriding}
        kept = {name: value for name, value in paused.request.headers.items() if name.lower() not in headers}
        return {"headers": [{"name": name, "value": value} for name, value in {**kept, **headers}.items()]}


def _own_headers(network: Network) -> dict[str, str]:
    headers = dict(network.headers)
    match network.auth:
        case BasicAuth(username, password):
            word = base64.b64encode(f"{username}:{password}".encode()).decode()
            headers["authorization"] = f"Basic {word}"
        case BearerAuth(token):
            headers["authorization"] = f"Bearer {token}"
    return headers


def _fulfilled(request_id: str, body: str) -> dict[str, Any]:
    return {
        "requestId": request_id,
        "responseCode": 200,
        "responseHeaders": [{"name": "Content-Type", "value": "text/html; charset=utf-8"}],
        "body": body,
    }
