"""Resolve once, judge every address, and connect to what was judged, never to the name again."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Iterable
from ipaddress import ip_address, ip_network
from typing import Any, TypeVar

from calotype.egress.errors import Refused, Unreachable
from calotype.egress.judge import may_reach
from calotype.egress.resolve import Resolve, SystemResolver
from calotype.egress.rules import EgressRules

logger = logging.getLogger(__name__)

# A look-up that takes longer would eat up the time of the capture that waits for it.
RESOLVE_TIMEOUT_S = 5.0
# Room for a lost SYN or two: they are sent again after 1 and 3 seconds.
CONNECT_TIMEOUT_S = 5.0
# The head start of each address over the next, as in RFC 8305 section 5: a machine whose
# IPv6 leads nowhere loses a quarter of a second and not the whole timeout.
HEAD_START_S = 0.25
# Names with hundreds of addresses exist; when so many do not answer, the others hardly will.
NO_NETWORK = ip_network("240.0.0.0/4")
"""Reserved and never given out (RFC 1112 section 4)."""
MAX_ADDRESSES = 8

P = TypeVar("P", bound=asyncio.BaseProtocol)


class Connector:
    """The only way out to a host that a client or a page named."""

    def __init__(
        self,
        rules: EgressRules,
        *,
        resolve: Resolve | None = None,
        resolve_timeout_s: float = RESOLVE_TIMEOUT_S,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
    ) -> None:
        """Without resolve the system is asked; connect_timeout_s is granted to each address."""
        self._rules = rules
        self._own_resolver: SystemResolver | None = None
        if resolve is None:
            self._own_resolver = resolve = SystemResolver()
        self._resolve: Resolve = resolve
        self._resolve_timeout_s = resolve_timeout_s
        self._connect_timeout_s = connect_timeout_s

    async def connect(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return a connection to host, without TLS: writer.start_tls adds it.

        Raises Refused when host does not resolve or none of its addresses may be reached,
        Unreachable when those that may did not answer.
        """
        transport, streams = await self.open(_Streams, host, port)
        loop = asyncio.get_running_loop()
        return streams.reader, asyncio.StreamWriter(transport, streams, streams.reader, loop)

    async def open(self, factory: Callable[[], P], host: str, port: int) -> tuple[asyncio.Transport, P]:
        """Do as connect does, for a protocol of the caller's. factory may be called more than once."""
        waiting = await self._allowed_addresses(host, port)
        running: set[asyncio.Task[tuple[asyncio.Transport, P]]] = set()
        reason = "no address answered"
        try:
            while waiting or running:
                if waiting:
                    running.add(asyncio.create_task(self._attempt(factory, waiting.pop(0), port)))
                # Failing early lets the next one begin early.
                await asyncio.wait(
                    running,
                    timeout=HEAD_START_S if waiting else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                for attempt in [task for task in running if task.done()]:
                    running.discard(attempt)
                    try:
                        return attempt.result()
                    except OSError as exc:
                        reason = _in_words(exc)
        finally:
            await _abandon(running)
        logger.info("unreachable: %r port %d, %s", host, port, reason)
        raise Unreachable(host, port, reason)

    async def check(self, host: str, port: int) -> None:
        """Judge host without going there. It is judged again whenever it is connected to.

        Raises Refused.
        """
        await self._allowed_addresses(host, port)

    def close(self) -> None:
        """Release the threads that names were looked up in."""
        if self._own_resolver is not None:
            self._own_resolver.close()

    def is_own(self, host: str, port: int) -> bool:
        """Say whether the operator's rules name host, by its name or as an address, as one to be reached."""
        if self._rules.allow_name(host, port):
            return True
        try:
            return self._rules.allow_address(ip_address(host), port)
        except ValueError:
            return False

    async def _allowed_addresses(self, host: str, port: int) -> list[str]:
        try:
            async with asyncio.timeout(self._resolve_timeout_s):
                found = await self._resolve(host)
        except OSError as exc:  # TimeoutError is one too
            logger.info("refused: %r port %d, does not resolve (%s)", host, port, _in_words(exc))
            raise Refused(host, port) from exc
        allowed = [address for address in found if may_reach(ip_address(address), port, host, self._rules)]
        if not allowed:
            # What no network has harms nobody, and each exam of the browser asks for it.
            level = logging.DEBUG if all(ip_address(each) in NO_NETWORK for each in found) else logging.INFO
            logger.log(
                level,
                "refused: %r port %d, may not be reached at %s",
                host,
                port,
                list(found[:MAX_ADDRESSES]),
            )
            raise Refused(host, port)
        return allowed[:MAX_ADDRESSES]

    async def _attempt(
        self, factory: Callable[[], P], address: str, port: int
    ) -> tuple[asyncio.Transport, P]:
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(self._connect_timeout_s):
            # AI_NUMERICHOST: should anything but an address ever get here, it fails instead
            # of being looked up a second time.
            return await loop.create_connection(factory, address, port, flags=socket.AI_NUMERICHOST)


class _Streams(asyncio.StreamReaderProtocol):
    def __init__(self) -> None:
        self.reader = asyncio.StreamReader()
        super().__init__(self.reader)


async def _abandon(attempts: Iterable[asyncio.Task[tuple[asyncio.Transport, Any]]]) -> None:
    """Cancel what runs, and close what has connected all the same."""
    for attempt in attempts:
        attempt.cancel()
    for outcome in await asyncio.gather(*attempts, return_exceptions=True):
        if not isinstance(outcome, BaseException):
            outcome[0].abort()


def _in_words(exc: OSError) -> str:
    if isinstance(exc, TimeoutError):
        return "timed out"
    if isinstance(exc, socket.gaierror) or not exc.errno:
        return str(exc.strerror or exc).lower()
    # asyncio's own message would spell out the address.
    return os.strerror(exc.errno).lower()
