"""The browser's way out: an HTTP proxy on loopback that reaches only what may be reached.

The browser resolves no name and opens no connection of its own; whatever a page asks for,
by HTTP, HTTPS or WebSocket, arrives here by name and is judged where it is connected.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from types import TracebackType
from typing import Self

from calotype.egress.connect import Connector
from calotype.egress.exchange import Bounds, Exchange
from calotype.egress.leg import Leg
from calotype.egress.traffic import Traffic

logger = logging.getLogger(__name__)

LISTEN_HOST = "127.0.0.1"


class EgressProxy:
    """Owns the exits; leaving its context closes them all."""

    def __init__(self, connector: Connector, *, bounds: Bounds | None = None) -> None:
        self._connector = connector
        self._bounds = bounds or Bounds()
        self._exits: set[EgressExit] = set()

    async def __aenter__(self) -> Self:
        """Return itself; exits listen once they are opened."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close every exit, and with it all that runs there."""
        await asyncio.gather(*(each.close() for each in tuple(self._exits)))

    def is_own(self, host: str, port: int) -> bool:
        """See Connector.is_own."""
        return self._connector.is_own(host, port)

    async def open_exit(self) -> EgressExit:
        """Return a new exit, listening on a port of its own."""
        exit_ = EgressExit(self._connector, self._bounds, when_closed=self._exits.discard)
        await exit_.listen()
        self._exits.add(exit_)
        return exit_


class EgressExit:
    """One listening port, used by one capture at a time, so that all that happens here is its doing."""

    def __init__(
        self, connector: Connector, bounds: Bounds, *, when_closed: Callable[[EgressExit], None]
    ) -> None:
        """Made by EgressProxy.open_exit."""
        self._connector = connector
        self._bounds = bounds
        self._when_closed = when_closed
        self._traffic = Traffic(bounds.budget)
        self._exchanges: dict[asyncio.Task[None], Leg] = {}
        self._server: asyncio.Server
        self._is_closed = False
        self.port = 0
        """Where the browser finds its proxy, on 127.0.0.1."""

    @property
    def refused(self) -> set[tuple[str, int]]:
        """Host in lower case and port of all that was refused since the last reset."""
        return self._traffic.refused

    @property
    def unreachable(self) -> dict[tuple[str, int], str]:
        """What could not be reached since the last reset, with the last reason for each."""
        return self._traffic.unreachable

    @property
    def bytes_in(self) -> int:
        """Bytes received from outside since the last reset."""
        return self._traffic.bytes_in

    @property
    def bytes_out(self) -> int:
        """Bytes sent outside since the last reset."""
        return self._traffic.bytes_out

    @property
    def spent(self) -> str:
        """What the capture has had too much of since the last reset, empty if nothing; see Traffic."""
        return self._traffic.spent

    async def listen(self) -> None:
        """Begin to accept connections; called once, by open_exit."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Leg(when_open=self._accept), LISTEN_HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def reset(self) -> None:
        """Drop every connection and start counting anew; for use between two captures.

        The sets and counts that were handed out before stay as they are.
        """
        self._traffic = Traffic(self._bounds.budget)
        for task, client in self._exchanges.items():
            task.cancel()
            # Not left to the task, which never takes its first step if it is so new.
            client.abort()

    async def close(self) -> None:
        """Stop listening, drop every connection, and return when all of it is gone."""
        self._is_closed = True
        self._server.close()
        self.reset()
        await asyncio.gather(*self._exchanges, return_exceptions=True)
        await self._server.wait_closed()
        self._when_closed(self)

    def _accept(self, client: Leg) -> None:
        if self._is_closed or len(self._exchanges) >= self._bounds.connections:
            client.abort()
            return
        exchange = Exchange(client, self._connector, self._traffic, self._bounds)
        task = asyncio.get_running_loop().create_task(exchange.run())
        self._exchanges[task] = client
        task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        del self._exchanges[task]
        if not task.cancelled() and (exc := task.exception()) is not None:
            logger.error("an exchange failed", exc_info=exc)
