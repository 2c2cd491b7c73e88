import asyncio
import contextlib

from tests.egress.support import (
    TUNNEL,
    Client,
    Server,
    an_exit,
    connect,
    echo,
    reset_on_close,
    until,
)


async def test_a_tunnel_carries_both_ways():
    async with Server(echo) as server, an_exit(server.at) as exit_, Client(exit_) as client:
        await client.tunnel(server.at)
        for text in (b"hello", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"):
            client.writer.write(text)
            assert await client.reader.readexactly(len(text)) == text


async def test_what_is_sent_with_the_connect_is_not_lost():
    async with Server(echo) as server, an_exit(server.at) as exit_, Client(exit_) as client:
        client.writer.write(connect(server.at) + b"early")
        assert await client.head() == TUNNEL
        assert await client.reader.readexactly(5) == b"early"


async def test_a_server_still_answers_a_client_that_has_said_all():
    async def answers_at_the_end(reader, writer):
        writer.write(b"you said " + await reader.read())

    async with Server(answers_at_the_end) as server, an_exit(server.at) as exit_, Client(exit_) as client:
        await client.tunnel(server.at)
        client.writer.write(b"all")
        client.writer.write_eof()
        assert await client.reader.read() == b"you said all"


async def test_a_client_still_speaks_to_a_server_that_has_said_all():
    heard = asyncio.get_running_loop().create_future()

    async def listens(reader, writer):
        writer.write_eof()
        heard.set_result(await reader.read())

    async with Server(listens) as server, an_exit(server.at) as exit_, Client(exit_) as client:
        await client.tunnel(server.at)
        assert await client.reader.read() == b""
        client.writer.write(b"still here")
        client.writer.write_eof()
        assert await heard == b"still here"


async def test_a_client_that_is_gone_is_gone_for_the_server_too():
    has_ended = asyncio.Event()

    async def until_end(reader, _writer):
        with contextlib.suppress(ConnectionResetError):
            await reader.read()
        has_ended.set()

    async with Server(until_end) as server, an_exit(server.at) as exit_:
        async with Client(exit_) as client:
            await client.tunnel(server.at)
            reset_on_close(client.writer)
            client.writer.transport.abort()
        await has_ended.wait()


async def test_a_server_does_not_go_on_for_a_client_that_is_gone_after_its_last_word():
    is_stopped = asyncio.get_running_loop().create_future()

    async def goes_on(reader, writer):
        await reader.read()
        try:
            for _ in range(2_000):
                writer.write(bytes(10_000))
                await writer.drain()
        except ConnectionError:
            is_stopped.set_result(True)
        else:
            is_stopped.set_result(False)

    async with Server(goes_on) as server, an_exit(server.at) as exit_:
        async with Client(exit_) as client:
            await client.tunnel(server.at)
            client.writer.write_eof()
            await client.reader.readexactly(10_000)
            reset_on_close(client.writer)
            client.writer.transport.abort()
        assert await is_stopped


async def test_what_a_server_said_before_it_left_arrives_though_the_client_goes_on_speaking():
    size = 300_000

    async def leaves(_reader, writer):
        writer.write(bytes(size))

    async with (
        Server(leaves) as server,
        an_exit(server.at) as exit_,
        Client(exit_, receive_buffer_bytes=4_096) as client,
    ):
        await client.tunnel(server.at)
        (leg,) = exit_._exchanges.values()
        upstream = leg._into
        await until(lambda: upstream.has_ended)
        while not upstream.closed.done():
            client.writer.write(b"x")
            await asyncio.sleep(0)

        received = 0
        while data := await client.reader.read(10_000):
            received += len(data)
        assert received == size


async def test_a_tunnel_in_which_nothing_moves_is_closed():
    async with (
        Server(echo) as server,
        an_exit(server.at, idle_timeout_s=0.05) as exit_,
        Client(exit_) as client,
    ):
        await client.tunnel(server.at)
        assert await client.is_dropped()
