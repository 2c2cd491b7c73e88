"""The front: uvicorn's own HTTP protocol, but a hit that repeats is answered before it is parsed.

To parse a request and to build one for ASGI costs four times what such a hit does. Everything
else takes uvicorn's way, and so does whatever is not the common case: pipelining, a request in
pieces, a client that does not read.
"""

from __future__ import annotations

from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from calotype.api.repeats import MAX_REQUEST_BYTES, Repeats
from calotype.errors import CalotypeError


def front(repeats: Repeats) -> type[HttpToolsProtocol]:
    """Return the class for uvicorn's `http` option."""
    return cast("type[HttpToolsProtocol]", type("Front", (_Front,), {"repeats": repeats}))


class _Front(HttpToolsProtocol):
    repeats: Repeats
    _untouched = True
    """Nothing has been received yet."""
    _begun = _ended = 0
    """Requests in what is being received."""
    _last_answer = 0.0
    """On the loop's clock."""

    def data_received(self, data: bytes) -> None:
        """Answer a repeated hit; let uvicorn have anything else."""
        # uvicorn's keep-alive timer runs exactly while a whole answer was given and nothing came since.
        at_rest = self.timeout_keep_alive_task is not None or self._untouched
        may_repeat = at_rest and not self.flow.write_paused and len(data) <= MAX_REQUEST_BYTES
        if may_repeat and self._answer(data):
            return
        self._untouched = False
        self._begun = self._ended = 0
        super().data_received(data)
        whole = self._begun == self._ended == 1
        if may_repeat and whole and self.cycle.keep_alive and not self.expect_100_continue:
            self.repeats.allow(cast("dict[str, Any]", self.scope), data)

    def on_message_begin(self) -> None:
        """Count; see uvicorn."""
        self._begun += 1
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """Count; see uvicorn."""
        self._ended += 1
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
        self.transport.writelines(reply)
        # To set a timer with every answer would cost as much as the answer.
        self._last_answer = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self.on_response_complete()
        else:
            self.server_state.total_requests += 1
        return True
