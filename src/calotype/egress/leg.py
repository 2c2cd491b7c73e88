"""One TCP connection of the two that an exchange is made of: first read, then poured into the other.

A protocol rather than streams: once two legs are joined, each chunk that the event loop reads
is written to the other side in one call, with no task to wake and no second copy.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import Callable
from typing import cast

from calotype.egress.traffic import Traffic

# Most servers accept heads of 8 to 32 KiB, and send smaller ones.
MAX_HEAD_BYTES = 64 * 1024
# A lone line feed ends a line for browsers, and some servers rely on it.
END_OF_HEAD = re.compile(rb"\n\r?\n")


class HeadTooLong(Exception):
    """MAX_HEAD_BYTES went by without the blank line."""


class Leg(asyncio.Protocol):
    """A connection that closes once both of its directions have ended.

    Both directions end on their own: what the other side has left to say still arrives
    after we have said all.
    """

    def __init__(
        self, *, meter: Traffic | None = None, when_open: Callable[[Leg], None] | None = None
    ) -> None:
        """Count bytes on meter, which the leg to the outside has; call when_open once connected.

        The connection is dropped with the first byte that meter does not allow.
        """
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the connection is gone. Wait with asyncio.wait, which does not cancel it."""
        self.has_ended = False
        """Whether the other side will send no more."""
        self.has_said_all = False
        """Whether we will."""
        self.received_bytes = 0
        self._meter = meter
        self._when_open = when_open
        self._transport: asyncio.Transport
        self._unread = bytearray()
        self._news: asyncio.Future[None] | None = None
        self._pass_on: Callable[[bytes], object] | None = None
        self._into: Leg | None = None
        self._source: Leg | None = None
        self._is_full = False

    async def read_head(self) -> bytes | None:
        """Take a head off the connection, blank line included; None when it ends before one is whole.

        Raises HeadTooLong. What follows the head waits for pour_into.
        """
        searched = 0
        while (end := _end_of_head(self._unread, max(0, searched - 2))) is None:
            searched = len(self._unread)
            if searched > MAX_HEAD_BYTES:
                raise HeadTooLong
            if self.has_ended or self.closed.done():
                return None
            self.go_on()
            self._news = asyncio.get_running_loop().create_future()
            await self._news
        if end > MAX_HEAD_BYTES:
            raise HeadTooLong
        head = bytes(self._unread[:end])
        del self._unread[:end]
        return head

    def write(self, data: bytes) -> None:
        """Send data, in its turn; into the void when the connection is gone."""
        if self.has_said_all or self._transport.is_closing():
            return
        if self._meter is not None and not self._meter.send(len(data)):
            self.abort()
            return
        self._transport.write(data)

    def end(self) -> None:
        """Say that nothing more will be sent, after what is under way."""
        if self.has_said_all or self._transport.is_closing():
            return
        self.has_said_all = True
        if self.has_ended:
            self._transport.close()
            return
        # A reset may have arrived of which the event loop has yet to learn.
        with contextlib.suppress(OSError):
            self._transport.write_eof()

    def abort(self) -> None:
        """Drop the connection and what is under way; harmless when it is gone."""
        self._close_with_reset()
        self._transport.abort()

    def break_off(self) -> None:
        """Send what is under way, then let the other side see that the rest is missing."""
        self._close_with_reset()
        self._transport.close()

    def pour_into(self, into: Leg, through: Callable[[bytes], bytes] | None = None) -> None:
        """Write to the other leg all that arrives here, from now to the end, no faster than it takes it.

        through says what to write for what has arrived; it raises ValueError for bytes that
        must not be passed on, and both connections are then dropped.
        """
        self._into, into._source = into, self
        self._pass_on = into.write if through is None else lambda data: into.write(through(data))
        if self._unread:
            unread, self._unread = bytes(self._unread), bytearray()
            self._hand_over(unread)
        if self.has_ended:
            into.end()
        elif self.closed.done():
            into.break_off()
        elif into._is_full:
            self.hold_back()
        else:
            self.go_on()

    def pour_away(self) -> None:
        """Forget all that arrives from now on."""
        self._into, self._pass_on = None, len
        self._unread.clear()
        self.go_on()

    def hold_back(self) -> None:
        """Read no more for now."""
        # After the end there is nothing to hold, and a resumed transport would report it again.
        if not (self.has_ended or self._transport.is_closing()):
            self._transport.pause_reading()

    def go_on(self) -> None:
        """Read on."""
        if not (self.has_ended or self._transport.is_closing()):
            self._transport.resume_reading()

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        # A cast, since uvloop's transports keep the promise without inheriting it.
        self._transport = cast("asyncio.Transport", transport)
        if self._when_open is not None:
            self._when_open(self)

    def data_received(self, data: bytes) -> None:
        """Pass data on, or keep it until it is known where to."""
        self.received_bytes += len(data)
        if self._meter is not None and not self._meter.receive(len(data)):
            self.abort()
            return
        if self._pass_on is None:
            self._unread += data
            if len(self._unread) > MAX_HEAD_BYTES:
                self.hold_back()
            self._wake()
            return
        self._hand_over(data)

    def eof_received(self) -> bool:
        """Tell the other leg; return whether there is still something to say here."""
        self.has_ended = True
        self._wake()
        if self._into is not None:
            self._into.end()
        return not self.has_said_all

    def pause_writing(self) -> None:
        """Hold back the other leg, as this one's receiver is slow."""
        self._is_full = True
        if self._source is not None:
            self._source.hold_back()

    def resume_writing(self) -> None:
        """Let the other leg go on."""
        self._is_full = False
        if self._source is not None:
            self._source.go_on()

    def connection_lost(self, _: Exception | None) -> None:
        """Let the other leg know, unless all that was to be passed on to it has been."""
        self.closed.set_result(None)
        self._wake()
        if self._into is not None and not self.has_ended:
            self._into.break_off()
        # So that the pair is freed at once, and not when the garbage collector comes by.
        self._into, self._source, self._pass_on = None, None, None

    def _hand_over(self, data: bytes) -> None:
        assert self._pass_on is not None
        try:
            self._pass_on(data)
        except ValueError:
            self.abort()

    def _wake(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)

    def _close_with_reset(self) -> None:
        # Else a body whose end is marked by the connection's would look complete.
        if not self.closed.done():
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _end_of_head(unread: bytearray, start: int) -> int | None:
    found = END_OF_HEAD.search(unread, start)
    return found.end() if found else None
