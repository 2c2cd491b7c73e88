"""What all clients stand on: a connection of their own, on which they say every byte themselves."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reply:
    """What came back; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300


class SdkError(Exception):
    """What a client raises, as it understood the reply."""

    def __init__(self, status, code, message, *, retryable, retry_after=None, request_id=None, kind=""):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.retryable, self.retry_after, self.request_id = retryable, retry_after, request_id
        self.kind = kind
        """The client's class for it, where it has several."""


class Wire:
    """Sends a request line, headers in their order and spelling, and a body; one connection each."""

    def __init__(self, port: int) -> None:
        self._port = port

    async def exchange(self, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> Reply:
        lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{self._port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write("\r\n".join([*lines, "", ""]).encode() + body)
            await writer.drain()
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            told = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:-2])}
            content = await reader.readexactly(int(told.get("content-length", "0")))
        finally:
            writer.close()
        return Reply(int(head[0].split()[1]), told, content)


def signature(key: str, text: str) -> str:
    return hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()


def whole_seconds(text: str | None) -> int | None:
    """Read Retry-After as all clients do: it is an integer, or it is not there."""
    return None if text is None else int(text)
