"""Hooks: a receiver of webhooks in a thread of its own, for tests that wait for real processes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from tests.support.receiver import Received

_PATIENCE_S = 30.0


class Hooks:
    """Answers with its answers in turn, the last one for ever, and keeps what it was sent."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.answers: list[int] = [200]
        self.before_answer: Callable[[Received], None] = lambda _received: None
        """Called with what has been read, before it is answered; it may take its time."""
        self._changed = threading.Condition()
        hooks = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                hooks._answer(self)

            def log_message(self, *_args: object) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def at(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        """The address to post to."""
        return f"http://{self.at}/hook"

    def wait_for(self, count: int) -> list[Received]:
        """Return all that was received, once it is so many."""
        end = time.monotonic() + _PATIENCE_S
        with self._changed:
            while len(self.received) < count:
                left = end - time.monotonic()
                assert left > 0, f"{len(self.received)} came, not {count}"
                self._changed.wait(left)
            return list(self.received)

    def forget(self) -> None:
        """Begin anew."""
        with self._changed:
            self.received, self.answers = [], [200]

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["content-length"]))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        got = Received(handler.requestline, headers, body)
        with self._changed:
            self.received.append(got)
            status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            self._changed.notify_all()
        self.before_answer(got)
        handler.send_response(status)
        handler.send_header("content-length", "0")
        handler.end_headers()
