"""The site itself: one thread, one loop, plain HTTP/1.1, every visit counted.

It speaks HTTP by hand because half of what it is for is breaking it: resets, empty replies,
answers that come when the test says so. Tests and servers in other threads or processes may
visit it; all that it counts is kept under one lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
import threading
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from socket import SO_LINGER, SOL_SOCKET
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from tests.site.exchange import Hangup, Reply, Request, Reset
from tests.site.gallery.catalogue import SERVED
from tests.site.pages import PAGES
from tests.site.suspects import SUSPECTS

START_TIMEOUT_S = 10


class Site:
    """A running site. Use it as a context manager; `url("/tall")` is where to go.

    visits[path] counts the requests for a path, query aside; requests lists them all;
    connections and datagrams count whoever as much as knocked at the port over TCP and UDP.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host = host
        self.port = port
        self.connections = 0
        self.datagrams = 0
        self._lock = threading.Lock()
        self._visits: Counter[str] = Counter()
        self._requests: list[Request] = []
        self._served: dict[str, str] = {}
        self._arrived: defaultdict[str, threading.Event] = defaultdict(threading.Event)
        self._released: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="site", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(START_TIMEOUT_S), "the site did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_TIMEOUT_S)

    @property
    def netloc(self) -> str:
        """host:port, as an egress rule spells it."""
        return f"{self.host}:{self.port}"

    def url(self, path: str) -> str:
        """Return the address of a path, which may have a query."""
        return f"http://{self.netloc}{path}"

    @property
    def visits(self) -> Counter[str]:
        """How often each path was asked for."""
        with self._lock:
            return Counter(self._visits)

    @property
    def requests(self) -> list[Request]:
        """Everything that was asked for, in order."""
        with self._lock:
            return list(self._requests)

    def forget(self) -> None:
        """Start counting anew, and close every gate."""
        with self._lock:
            self._visits.clear()
            self._requests.clear()
            self._served.clear()
            self._arrived.clear()
            # Whoever is still held is let go: a gate that nobody knows any more never opens.
            for gate in self._released.values():
                self._loop.call_soon_threadsafe(gate.set)
            self._released.clear()
            self.connections = self.datagrams = 0

    def serve(self, path: str, html: str) -> None:
        """Answer path with a page of the test's own, until forget()."""
        with self._lock:
            self._served[path] = html

    def arrived(self, name: str) -> threading.Event:
        """Return the event that is set when somebody asks for `/held/<name>`."""
        with self._lock:
            return self._arrived[name]

    def release(self, name: str) -> None:
        """Let `/held/<name>` be answered, now and from now on."""
        with self._lock:
            self._loop.call_soon_threadsafe(self._released[name].set)

    async def arrival(self, name: str, timeout_s: float = 15) -> None:
        """Wait until somebody has asked for `/held/<name>`."""
        event = self.arrived(name)
        assert await asyncio.to_thread(event.wait, timeout_s), f"nobody asked for {name}"

    async def hold(self, name: str) -> None:
        """Wait (in the site's own loop) until the test releases name."""
        with self._lock:
            self._arrived[name].set()
            released = self._released[name]
        await released.wait()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._open())
        self._ready.set()
        self._loop.run_forever()
        self._server.close()
        self._udp.close()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        # Long enough for the cancelled to close their connections.
        self._loop.run_until_complete(asyncio.sleep(0.05))
        self._loop.close()

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        self._udp, _ = await self._loop.create_datagram_endpoint(
            lambda: _Knocks(self), (self.host, self.port)
        )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with self._lock:
            self.connections += 1
        try:
            await self._answer(reader, writer)
        except Reset:
            # Closing with unsent data and no linger makes the kernel send RST.
            writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        except (Hangup, ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # Of those who leave, the last ones are sent away by the site itself when it closes.
        finally:
            with contextlib.suppress(ConnectionError, RuntimeError):
                writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = self._note((await reader.readuntil(b"\r\n\r\n")).decode("latin-1"))
        reply = await self._reply(request)
        await asyncio.sleep(reply.delay_ms / 1000)
        body = reply.body.encode() if isinstance(reply.body, str) else reply.body
        headers = {"Content-Type": reply.media_type, "Connection": "close", **reply.headers}
        if not (reply.stays_open or reply.drips):
            headers.setdefault("Content-Length", str(len(body)))
        head = f"HTTP/1.1 {reply.status} {_phrase(reply.status)}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value)
        if reply.drips == "head":
            head, body = f"{head}X-Drip: ", b""
        end = b"" if reply.drips == "head" else b"\r\n"
        writer.write(head.encode("latin-1") + end + (b"" if request.method == "HEAD" else body))
        await writer.drain()
        while reply.drips and not writer.is_closing():
            writer.write(b"x")
            await asyncio.sleep(0.1)
        if reply.stays_open:
            await reader.read()

    def _note(self, head: str) -> Request:
        first, *lines = head.split("\r\n")
        method, target, _ = first.split(" ")
        parts = urlsplit(target)
        headers = dict(line.lower().split(": ", 1) for line in lines if ": " in line)
        with self._lock:
            self._visits[parts.path] += 1
            visit = self._visits[parts.path]
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            request = Request(method, parts.path, query, headers, visit, self.netloc, head)
            self._requests.append(request)
        return request

    async def _reply(self, request: Request) -> Reply:
        if request.path.startswith("/held/"):
            await self.hold(request.path.removeprefix("/held/"))
            return Reply("<!doctype html><title>Held</title><body style='background:#0a0'>")
        with self._lock:
            html = self._served.get(request.path)
        if html is not None:
            return Reply(html)
        if request.path in SUSPECTS:
            return SUSPECTS[request.path]
        page: Callable[[Request], Reply | Awaitable[Reply]] | None = PAGES.get(request.path) or SERVED.get(
            request.path
        )
        if page is None:
            return Reply("<!doctype html><title>Not here</title><h1>404</h1>", status=404)
        reply = page(request)
        return reply if isinstance(reply, Reply) else await reply


class _Knocks(asyncio.DatagramProtocol):
    """Counts datagrams, which is all that a STUN request would be."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def datagram_received(self, data: bytes, addr: object) -> None:
        self._site.datagrams += 1


def _phrase(status: int) -> str:
    with contextlib.suppress(ValueError):
        return HTTPStatus(status).phrase
    return "Unknown"
