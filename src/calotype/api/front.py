"""The front: uvicorn's own HTTP protocol, with bounds, and a hit that repeats is answered unparsed.

To parse a request and to build one for ASGI costs four times what such a hit does. Everything
else takes uvicorn's way, and so does whatever is not the common case: pipelining, a request in
pieces, a client that does not read.
"""

from __future__ import annotations

import asyncio
import re
from http import HTTPStatus
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from calotype.api.dialects.families import Family
from calotype.api.problems import HeadTooLarge, NotHttp, problem
from calotype.api.repeats import MAX_REQUEST_BYTES, Repeats
from calotype.api.request import new_request_id, rate_of
from calotype.clock import utc_now
from calotype.errors import CalotypeError

MAX_HEAD_BYTES = 64 * 1024
"""Request line and headers: a URL of 2,048 characters, percent-encoded twice, is not a tenth of it."""
PATIENCE_S = 30.0
"""How long a request may take to arrive, and a new connection to send one. A request is answered
within 25 s of its arrival, and clients hang up after 30."""
_UPGRADE = re.compile(rb"\nupgrade[ \t]*:", re.IGNORECASE)


def front(repeats: Repeats) -> type[HttpToolsProtocol]:
    """Return the class for uvicorn's `http` option."""
    return cast("type[HttpToolsProtocol]", type("Front", (_Front,), {"repeats": repeats}))


class _Front(HttpToolsProtocol):
    repeats: Repeats
    _untouched = True
    """Nothing has been received yet."""
    _within = _in_head = False
    """A request has begun and is not all there; nor even its head."""
    _begun = _ended = 0
    """Requests in what is being received."""
    _head_bytes = 0
    _tail = b""
    """The last bytes of a head in pieces, in which its end may have begun."""
    _patience: asyncio.TimerHandle | None = None
    _last_answer = 0.0
    """On the loop's clock."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Give the client a while to say something."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """See uvicorn."""
        self._received()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Answer a repeated hit; let uvicorn have anything else."""
        # uvicorn's keep-alive timer runs while a whole answer was given and nothing came since; but the
        # answer may have been given before the rest of its request, which is then no new one.
        at_rest = (self.timeout_keep_alive_task is not None and not self._within) or self._untouched
        may_repeat = at_rest and not self.flow.write_paused and len(data) <= MAX_REQUEST_BYTES
        if may_repeat and self._answer(data):
            return
        self._untouched = False
        self._begun = self._ended = 0
        if not self._within or self._in_head:
            fit = self._fit_head(data)
            if fit is None:
                self._refuse(HeadTooLarge(MAX_HEAD_BYTES))
                return
            super().data_received(fit)
        else:
            super().data_received(data)
        whole = self._begun == self._ended == 1
        if may_repeat and whole and self.cycle.keep_alive and not self.expect_100_continue:
            self.repeats.allow(cast("dict[str, Any]", self.scope), data)

    def _fit_head(self, data: bytes) -> bytes | None:
        """Return data with the offer of an upgrade taken out of its head; None when the head is too long.

        We upgrade to nothing, and an offer may be ignored (RFC 9110 section 7.8). The parser would
        take what follows for another protocol, and lose the body of every Java client.
        """
        window = self._tail + data
        end = window.find(b"\r\n\r\n")
        head = len(data) if end < 0 else max(0, end - len(self._tail))
        self._head_bytes += head
        self._tail = window[-3:] if end < 0 else b""
        if self._head_bytes > MAX_HEAD_BYTES:
            return None
        if not _UPGRADE.search(data, 0, head):
            return data
        return _UPGRADE.sub(b"\nx-ignored-upgrade:", data[:head]) + data[head:]

    def _wait(self) -> None:
        if self._patience is None:
            self._patience = self.loop.call_later(PATIENCE_S, self._give_up)

    def _received(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _give_up(self) -> None:
        self._patience = None
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP in the shape of every other error."""
        self._refuse(NotHttp(msg))

    def _refuse(self, fault: CalotypeError) -> None:
        request_id = new_request_id()
        reply = problem(fault, request_id, Family.NEWER)
        own = [(b"x-request-id", request_id.encode()), (b"connection", b"close")]
        head = [*self.server_state.default_headers, *reply.raw_headers, *rate_of({}, utc_now()), *own]
        lines = b"".join(b"%b: %b\r\n" % header for header in head)
        phrase = HTTPStatus(reply.status_code).phrase.encode()
        self.transport.writelines(
            [b"HTTP/1.1 %d %b\r\n" % (reply.status_code, phrase), lines, b"\r\n", bytes(reply.body)]
        )
        self.transport.close()

    def on_message_begin(self) -> None:
        """Count; see uvicorn."""
        self._begun += 1
        self._within = self._in_head = True
        self._wait()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Count; see uvicorn."""
        self._in_head, self._head_bytes, self._tail = False, 0, b""
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Count; see uvicorn."""
        self._ended += 1
        self._within = False
        self._received()
        super().on_message_complete()

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection, unless a repeated hit was answered since the timer was set."""
        left_s = self._last_answer + self.timeout_keep_alive - self.loop.time()
        if left_s > 0:
            self.timeout_keep_alive_task = self.loop.call_later(left_s, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    def _answer(self, data: bytes) -> bool:
        try:
            reply = self.repeats.answer(data, self.server_state.default_headers)
        except CalotypeError:
            # The router meets the same fault and knows how to tell it.
            return False
        if reply is None:
            return False
        self._received()
        self.transport.writelines(reply)
        # To set a timer with every answer would cost as much as the answer.
        self._last_answer = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self.on_response_complete()
        else:
            self.server_state.total_requests += 1
        return True
