"""What one capture may receive, send and open; beyond it everything of it is cut, and of nobody else."""

import asyncio
import contextlib

import pytest

from calotype.egress.traffic import Budget
from tests.egress.support import (
    BAD_GATEWAY,
    Client,
    Server,
    an_exit,
    answering,
    ask,
    connect,
    echo,
    get,
    never,
    until,
)

MB = 1_000_000
HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


async def send_until_left(writer, data: bytes, pause_s: float = 0) -> None:
    """Send data over and over, until the other side has had enough."""
    with contextlib.suppress(ConnectionError):
        while not writer.is_closing():
            writer.write(data)
            await writer.drain()
            await asyncio.sleep(pause_s)


class Pouring:
    """A handler that sends without end, until the other side has had enough."""

    def __init__(self) -> None:
        self.is_left = asyncio.Event()

    async def __call__(self, reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD)
        await send_until_left(writer, bytes(50_000))
        self.is_left.set()


async def read_to_the_end(client) -> bytes:
    """All that came before the connection broke; it must break, since its end would look like a whole."""
    received = bytearray()
    try:
        while data := await client.reader.read(65_536):
            received += data
    except ConnectionResetError:
        return bytes(received)
    raise AssertionError("it came to a clean end")


@pytest.mark.parametrize("way", ["plain", "tunnel"])
async def test_a_response_without_end_is_cut_where_the_budget_ends(way):
    pouring = Pouring()
    async with (
        Server(pouring) as server,
        an_exit(server.at, budget=Budget(bytes_in=MB)) as exit_,
        Client(exit_) as client,
    ):
        if way == "tunnel":
            await client.tunnel(server.at)
            client.writer.write(b"GET / HTTP/1.1\r\n\r\n")
        else:
            client.writer.write(get(f"http://{server.at}/"))
        received = await read_to_the_end(client)
        await pouring.is_left.wait()

        assert 0 < len(received) <= MB + 100
        assert exit_.spent == "the capture has received more than 1 MB"


async def test_what_a_capture_sends_has_an_end_as_well():
    received = 0

    async def taking(reader, _):
        nonlocal received
        try:
            while data := await reader.read(65_536):
                received += len(data)
        except ConnectionResetError:
            pass

    async with (
        Server(taking) as server,
        an_exit(server.at, budget=Budget(bytes_out=MB)) as exit_,
        Client(exit_) as client,
    ):
        await client.tunnel(server.at)

        async def pour():
            for _ in range(1000):
                client.writer.write(bytes(50_000))
                await client.writer.drain()

        with pytest.raises(ConnectionError):
            await pour()

        assert exit_.spent == "the capture has sent more than 1 MB"
    assert 0 < received <= MB


async def test_what_else_is_open_is_cut_with_its_next_byte():
    async with (
        Server(echo) as quiet,
        Server(Pouring()) as loud,
        an_exit(quiet.at, loud.at, budget=Budget(bytes_in=MB)) as exit_,
        Client(exit_) as waiting,
        Client(exit_) as pouring,
    ):
        await waiting.tunnel(quiet.at)
        pouring.writer.write(get(f"http://{loud.at}/"))
        await read_to_the_end(pouring)
        waiting.writer.write(b"still there?")

        assert await waiting.is_dropped()


async def test_nothing_more_is_opened_and_whom_it_was_for_makes_no_difference():
    async with (
        Server(Pouring()) as loud,
        Server(never) as other,
        an_exit(loud.at, other.at, budget=Budget(bytes_in=MB)) as exit_,
    ):
        async with Client(exit_) as client:
            client.writer.write(get(f"http://{loud.at}/"))
            await read_to_the_end(client)

        hosts = (other.at, "127.0.0.2:80", "unknown.invalid:80")
        for host in hosts:
            assert await ask(exit_, get(f"http://{host}/")) == BAD_GATEWAY
            assert await ask(exit_, connect(host)) == BAD_GATEWAY
        assert set(exit_.unreachable.values()) == {"the capture has received more than 1 MB"}
        assert len(exit_.unreachable) == len(hosts)
        assert exit_.refused == set()
        assert other.connections == 0


async def test_connections_are_counted_over_the_whole_life_of_a_capture():
    ok = answering(HEAD + b"hi")
    async with Server(ok) as server, an_exit(server.at, budget=Budget(connections=3)) as exit_:
        answers = [await ask(exit_, get(f"http://{server.at}/")) for _ in range(5)]

        assert [answer.endswith(b"hi") for answer in answers] == [True] * 3 + [False] * 2
        assert server.connections == 3
        assert exit_.spent == "the capture has opened more than 3 connections"


async def test_the_next_capture_has_a_budget_of_its_own_and_neighbours_keep_theirs():
    ok = answering(HEAD + b"hi")
    budget = Budget(connections=1)
    async with (
        Server(ok) as server,
        an_exit(server.at, budget=budget) as exit_,
        an_exit(server.at, budget=budget) as neighbour,
    ):
        url = get(f"http://{server.at}/")
        assert (await ask(exit_, url)).endswith(b"hi")
        assert await ask(exit_, url) == BAD_GATEWAY
        assert (await ask(neighbour, url)).endswith(b"hi")
        exit_.reset()
        assert exit_.spent == ""
        assert (await ask(exit_, url)).endswith(b"hi")
        await until(lambda: not (exit_._exchanges or neighbour._exchanges))


@pytest.mark.parametrize("part", ["head", "body"])
async def test_a_server_that_drips_for_ever_is_left_when_the_capture_is_over(part):
    is_left = asyncio.Event()
    has_begun = asyncio.Event()

    async def drip(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: " if part == "head" else HEAD)
        has_begun.set()
        await send_until_left(writer, b"x", 0.01)
        is_left.set()

    async with Server(drip) as server, an_exit(server.at) as exit_, Client(exit_) as client:
        client.writer.write(get(f"http://{server.at}/"))
        await has_begun.wait()
        exit_.reset()
        await is_left.wait()


async def test_a_server_that_drips_its_head_does_not_outlast_the_time_for_it():
    async def drip(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        await send_until_left(writer, b"x", 0.01)

    async with Server(drip) as server, an_exit(server.at, idle_timeout_s=0.1) as exit_:
        assert await ask(exit_, get(f"http://{server.at}/")) == BAD_GATEWAY
        assert exit_.unreachable == {("127.0.0.1", server.port): "connected, but sent no response in time"}


async def test_nor_does_a_client_that_drips_its_own():
    async with an_exit(head_timeout_s=0.1) as exit_, Client(exit_) as client:
        client.writer.write(b"GET http://127.0.0.1/ HTTP/1.1\r\nX-Slow: ")
        dripping = asyncio.create_task(send_until_left(client.writer, b"x", 0.01))
        assert await client.is_dropped()
        await dripping
