"""A client that takes its time over a picture."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit

_BUFFER_BYTES = 16 * 1024
"""So small that the server has to keep what the client has not read."""


@dataclass
class SlowReader:
    """Asks for a path, and reads the answer a piece at a time."""

    base_url: str
    key: str
    path: str
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __post_init__(self) -> None:
        where = urlsplit(self.base_url)
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        self._socket.settimeout(30)
        self._socket.connect((where.hostname, where.port))
        request = (
            f"GET {self.path} HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: Bearer {self.key}\r\n\r\n"
        )
        self._socket.sendall(request.encode())
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._receive()
        head, _, self.body = received.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}

    def _receive(self) -> bytes:
        piece = self._socket.recv(_BUFFER_BYTES)
        assert piece, "the server hung up before all was sent"
        return piece

    @property
    def length(self) -> int:
        """What the server said that it would send."""
        return int(self.headers["content-length"])

    def read(self, upto: int, bytes_per_s: float) -> None:
        """Go on reading until so many bytes of the body are there."""
        begun, had = time.monotonic(), len(self.body)
        pieces = [self.body]
        while had < upto:
            pieces.append(self._receive())
            had += len(pieces[-1])
            ahead_s = sum(map(len, pieces[1:])) / bytes_per_s - (time.monotonic() - begun)
            if ahead_s > 0:
                time.sleep(ahead_s)
        self.body = b"".join(pieces)

    def hang_up(self) -> None:
        """Read no more."""
        self._socket.close()
