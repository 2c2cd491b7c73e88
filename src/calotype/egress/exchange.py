"""One connection of the browser's, from its first byte to its last."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from http import HTTPStatus

from calotype.egress.connect import Connector
from calotype.egress.errors import Refused, Unreachable
from calotype.egress.heads import (
    BadRequest,
    Forward,
    ResponseHead,
    Tunnel,
    answer,
    parse_request,
    rewrite_response,
)
from calotype.egress.leg import HeadTooLong, Leg
from calotype.egress.traffic import Budget, Traffic

TUNNEL_IS_OPEN = b"HTTP/1.1 200 Connection established\r\n\r\n"
# 100 and 103 come once or a few times; a server that sends them for ever is not answering.
MAX_INTERIM_HEADS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How long, and how often, the proxy waits and listens."""

    head_timeout_s: float = 30.0
    """For a whole request head. Browsers open connections ahead of need, so not much less."""
    idle_timeout_s: float = 120.0
    """With no byte either way; as long as a capture may take, so that it ends no live one."""
    linger_s: float = 2.0
    """For the client to take an answer of our own and close, before we do."""
    connections: int = 256
    """At a time on one exit. Chromium opens 32 to a proxy, and as many as this for WebSockets."""
    budget: Budget = field(default_factory=Budget)
    """Of one capture, over its whole life."""


class Exchange:
    """Answers one request of client, and is then at its end."""

    def __init__(self, client: Leg, connector: Connector, traffic: Traffic, bounds: Bounds) -> None:
        self._client = client
        self._connector = connector
        self._traffic = traffic
        self._bounds = bounds
        self._upstream: Leg | None = None

    async def run(self) -> None:
        """Conduct the exchange; both connections are gone on return, and after a cancellation."""
        try:
            await self._conduct()
        finally:
            await self._drop()

    async def _conduct(self) -> None:
        try:
            request = await self._read_request()
            match request:
                case None:
                    return
                case Tunnel():
                    await self._tunnel(request)
                case Forward():
                    await self._forward(request)
        except BadRequest:
            await self._answer(HTTPStatus.BAD_REQUEST)
        except HeadTooLong:
            await self._answer(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        except Refused as exc:
            self._traffic.note_refused(exc.host, exc.port)
            await self._answer(HTTPStatus.FORBIDDEN)
        except Unreachable as exc:
            # Of a client that hung up first we only learn that its server hung up as well.
            if not (self._client.has_ended or self._client.closed.done()):
                self._traffic.note_unreachable(exc.host, exc.port, exc.reason)
            await self._answer(HTTPStatus.BAD_GATEWAY)

    async def _read_request(self) -> Tunnel | Forward | None:
        try:
            async with asyncio.timeout(self._bounds.head_timeout_s):
                head = await self._client.read_head()
        except TimeoutError:
            return None
        return None if head is None else parse_request(head)

    async def _tunnel(self, request: Tunnel) -> None:
        upstream = await self._reach(request)
        self._client.write(TUNNEL_IS_OPEN)
        self._client.pour_into(upstream)
        upstream.pour_into(self._client)
        await self._until_over(upstream)

    async def _forward(self, request: Forward) -> None:
        upstream = await self._reach(request)
        upstream.write(request.head)
        # Not only after the response has begun: the server may want the whole body first.
        self._client.pour_into(upstream, through=request.body)
        for _ in range(MAX_INTERIM_HEADS):
            response = await self._read_response(request, upstream)
            self._client.write(response.head)
            if not response.is_interim:
                break
        else:
            raise Unreachable(request.host, request.port, "sent no response but interim ones")
        # Passed on as it is. That it ends is the business of both ends, which have been told
        # to close the connection after it.
        upstream.pour_into(self._client)
        await self._until_over(upstream)

    async def _reach(self, request: Tunnel | Forward) -> Leg:
        if not self._traffic.open():
            raise Unreachable(request.host, request.port, self._traffic.spent)
        _, upstream = await self._connector.open(lambda: Leg(meter=self._traffic), request.host, request.port)
        self._upstream = upstream
        return upstream

    async def _read_response(self, request: Forward, upstream: Leg) -> ResponseHead:
        """Return the next head that upstream sends. Raises Unreachable when it is none."""
        reason = "closed the connection without a response"
        response = None
        try:
            async with asyncio.timeout(self._bounds.idle_timeout_s):
                head = await upstream.read_head()
            if head is not None:
                response = rewrite_response(head)
                reason = "did not answer in HTTP"
        except TimeoutError:
            reason = "connected, but sent no response in time"
        except HeadTooLong:
            reason = "sent a response head that is too long"
        if response is None:
            raise Unreachable(request.host, request.port, self._traffic.spent or reason)
        return response

    async def _answer(self, status: HTTPStatus) -> None:
        # What is unread when a connection closes may cost the client the answer.
        self._client.pour_away()
        self._client.write(answer(status))
        self._client.end()
        await asyncio.wait((self._client.closed,), timeout=self._bounds.linger_s)

    async def _until_over(self, upstream: Leg) -> None:
        """Wait until both connections have closed, nobody listens any more, or nothing moves."""
        client = self._client
        while True:
            waiting = [leg.closed for leg in (client, upstream) if not leg.closed.done()]
            if not waiting or (client.closed.done() and not client.has_said_all):
                return
            moved_bytes = client.received_bytes + upstream.received_bytes
            done, _ = await asyncio.wait(
                waiting, timeout=self._bounds.idle_timeout_s, return_when=asyncio.FIRST_COMPLETED
            )
            if not done and moved_bytes == client.received_bytes + upstream.received_bytes:
                return

    async def _drop(self) -> None:
        legs = [leg for leg in (self._client, self._upstream) if leg is not None]
        still_open = [leg for leg in legs if not leg.closed.done()]
        for leg in still_open:
            leg.abort()
        if still_open:
            await asyncio.wait([leg.closed for leg in still_open])
