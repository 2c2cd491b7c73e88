"""Servers to be reached, or not, and a client that asks a proxy for them. All on loopback."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable

from calotype.egress.connect import Connector
from calotype.egress.exchange import Bounds
from calotype.egress.proxy import EgressProxy
from calotype.egress.rules import EgressRules

OK = b"HTTP/1.1 200 OK\r\n"
CLOSE = b"Connection: close\r\n\r\n"
TUNNEL = b"HTTP/1.1 200 Connection established\r\n\r\n"
FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def until(condition: Callable[[], object]) -> None:
    """Let everything run until condition holds; should it never, the test's own timeout ends the wait."""
    while not condition():  # noqa: ASYNC110 (what is waited for sets no event)
        await asyncio.sleep(0)


class Server:
    """A real server that counts who came, and waits for its handlers when it closes."""

    def __init__(self, handler: Handler, host: str = "127.0.0.1", port: int = 0) -> None:
        self._handler, self._host, self.port = handler, host, port
        self._tasks: set[asyncio.Task[None]] = set()
        self.connections = 0

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._accept, self._host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def at(self) -> str:
        return f"{self._host}:{self.port}"

    def _accept(self, reader, writer):
        self.connections += 1
        self._tasks.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader, writer):
        try:
            await self._handler(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def never(_reader, _writer):
    raise AssertionError("nobody may come here")


async def echo(reader, writer):
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.write_eof()


def answering(response: bytes, *, then_close: bool = True) -> Handler:
    """Return a handler that reads a head, sends response, and closes or waits for the other side to."""

    async def handler(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response)
        await writer.drain()
        if not then_close:
            await reader.read()

    return handler


class Recorder:
    """A handler that answers 200 and keeps the heads it was sent."""

    def __init__(self, response: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi") -> None:
        self.heads: list[bytes] = []
        self._response = response

    async def __call__(self, reader, writer):
        while True:
            try:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
            except asyncio.IncompleteReadError:
                return
            writer.write(self._response)


class ListedAddresses:
    """A resolver that gives its answers in turn, the last one for ever."""

    def __init__(self, *answers: list[str]) -> None:
        self._answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str):
        self.asked.append(host)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if not answer:
            raise OSError("no such host")
        return answer


@contextlib.asynccontextmanager
async def an_exit(*allow: str, resolve=None, **bounds):
    """Open an exit that may go to allow, and see to it that nothing is left of it at the end."""
    before = asyncio.all_tasks()
    connector = Connector(EgressRules.parse(",".join(allow)), resolve=resolve)
    async with EgressProxy(connector, bounds=Bounds(**bounds)) as proxy:
        yield await proxy.open_exit()
    connector.close()
    exchanges = [task for task in asyncio.all_tasks() - before if "Exchange" in repr(task)]
    assert exchanges == []


class Client:
    """A browser's connection to its proxy."""

    def __init__(self, exit_, *, receive_buffer_bytes: int = 0) -> None:
        self._port = exit_.port
        self._receive_buffer_bytes = receive_buffer_bytes

    async def __aenter__(self):
        sock = socket.socket()
        sock.setblocking(False)
        if self._receive_buffer_bytes:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self._receive_buffer_bytes)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self._port))
        self.reader, self.writer = await asyncio.open_connection(sock=sock)
        return self

    async def __aexit__(self, *_):
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    async def head(self):
        return await self.reader.readuntil(b"\r\n\r\n")

    async def tunnel(self, to: str):
        self.writer.write(connect(to))
        assert await self.head() == TUNNEL

    async def is_dropped(self) -> bool:
        """Wait for the end, and say whether it came with nothing before it."""
        try:
            return await self.reader.read() == b""
        except ConnectionResetError:
            return True


async def ask(exit_, request):
    """Send request and return all that comes back until the proxy closes."""
    async with Client(exit_) as client:
        client.writer.write(request)
        return await client.reader.read()


def get(url: str) -> bytes:
    return f"GET {url} HTTP/1.1\r\nHost: ignored.test\r\nProxy-Connection: keep-alive\r\n\r\n".encode()


def connect(to: str) -> bytes:
    return f"CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n\r\n".encode()


def reset_on_close(writer) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
