"""Servers to be reached, or not, and a client that asks a proxy for them. All on loopback."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def until(condition: Callable[[], object]) -> None:
    """Let everything run until condition holds; should it never, the test's own timeout ends the wait."""
    while not condition():
        await asyncio.sleep(0)  # noqa: ASYNC110 (what is waited for has no event to set)


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
