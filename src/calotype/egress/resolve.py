"""From a host's name to its addresses: getaddrinfo in threads of our own."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""Returns the addresses of a host as getaddrinfo spells them, best first.

Raises OSError, or returns none, when the host has no address. May take its time: the
caller has a deadline.
"""

# A name server that does not answer holds a thread for 10 to 30 seconds, whatever we do.
# Threads are cheap while they wait, and the host's own pool stays free for files.
THREADS = 32
# As with a browser's own memory of names (60 s in Chromium) a page's fifty images cost
# one look-up, not fifty; short, since getaddrinfo does not tell how long an answer is good.
REMEMBER_S = 10.0
REMEMBERED_NAMES = 1_000


@dataclass(slots=True)
class _Lookup:
    answer: asyncio.Future[tuple[str, ...]]
    forget_at: float = float("inf")


class SystemResolver:
    """Asks the system, as every other program on this machine would.

    All who ask for a name while it is looked up share one look-up, so that a name whose
    server hangs holds one thread and not all of them.
    """

    def __init__(
        self,
        *,
        getaddrinfo: Callable[..., list[Any]] = socket.getaddrinfo,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._getaddrinfo = getaddrinfo
        self._monotonic = monotonic
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="calotype-resolve")
        self._lookups: dict[str, _Lookup] = {}

    async def __call__(self, host: str) -> tuple[str, ...]:
        """Return host's addresses; odd spellings (2130706433, 0x7f.1) are addresses too.

        Raises OSError when there are none.
        """
        try:
            # Asks no name server and takes microseconds: not worth a thread.
            return self._ask(host, socket.AI_NUMERICHOST)
        except OSError:
            pass
        lookup = self._lookups.get(host)
        if lookup is None or self._monotonic() >= lookup.forget_at:
            lookup = self._begin(host)
        # A caller that gives up must not take the answer from the others.
        return await asyncio.shield(lookup.answer)

    def close(self) -> None:
        """Begin no more look-ups; those under way end on their own, and nobody waits for them."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _begin(self, host: str) -> _Lookup:
        loop = asyncio.get_running_loop()
        lookup = _Lookup(loop.run_in_executor(self._threads, self._ask, host))
        self._lookups.pop(host, None)
        if len(self._lookups) >= REMEMBERED_NAMES:
            del self._lookups[next(iter(self._lookups))]
        self._lookups[host] = lookup

        def settle(answer: asyncio.Future[tuple[str, ...]]) -> None:
            # Failures are not remembered: the next try may have better luck. Asking for the
            # exception also tells asyncio that it was not overlooked, should all callers be gone.
            if not answer.cancelled() and answer.exception() is None:
                lookup.forget_at = self._monotonic() + REMEMBER_S
            elif self._lookups.get(host) is lookup:
                del self._lookups[host]

        lookup.answer.add_done_callback(settle)
        return lookup

    def _ask(self, host: str, flags: int = 0) -> tuple[str, ...]:
        try:
            # As bytes, for Python would otherwise apply IDNA rules that no browser follows.
            found = self._getaddrinfo(host.encode("ascii"), None, type=socket.SOCK_STREAM, flags=flags)
        except ValueError as exc:
            msg = "not a name that can be looked up"
            raise OSError(msg) from exc
        return tuple(dict.fromkeys(str(address[0]) for *_, address in found))
