import asyncio
import contextlib

import pytest

from calotype.egress.leg import MAX_HEAD_BYTES
from tests.egress.support import (
    BAD_GATEWAY,
    CLOSE,
    OK,
    Client,
    Recorder,
    Server,
    an_exit,
    answering,
    ask,
    get,
    never,
    reset_on_close,
    until,
)

# Plain HTTP.


async def test_a_plain_request_arrives_in_origin_form_and_asks_to_close():
    recorder = Recorder()
    async with Server(recorder) as server, an_exit(server.at) as exit_:
        async with Client(exit_) as client:
            client.writer.write(get(f"http://{server.at}/a?b"))
            assert await client.head() == OK + b"Content-Length: 2\r\n" + CLOSE
            assert await client.reader.readexactly(2) == b"hi"

        assert recorder.heads == [
            f"GET /a?b HTTP/1.1\r\nHost: {server.at}\r\nConnection: close\r\n\r\n".encode()
        ]


async def test_a_second_request_on_the_same_connection_goes_nowhere():
    recorder = Recorder()
    async with (
        Server(recorder) as server,
        Server(never) as other,
        an_exit(server.at, other.at) as exit_,
        Client(exit_) as client,
    ):
        client.writer.write(get(f"http://{server.at}/1") + get(f"http://{other.at}/2"))
        assert b"Connection: close" in await client.head()
        client.writer.write(get(f"http://{other.at}/3"))
        client.writer.write_eof()
        assert await client.reader.read() == b"hi"

        assert len(recorder.heads) == 1
        assert other.connections == 0


async def test_a_server_that_keeps_its_connection_is_left_when_the_client_leaves():
    has_left = asyncio.Event()

    async def keeps_it(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi")
        await reader.read()
        has_left.set()

    async with Server(keeps_it) as server, an_exit(server.at) as exit_:
        async with Client(exit_) as client:
            client.writer.write(get(f"http://{server.at}/"))
            assert await client.head() == OK + b"Content-Length: 2\r\n" + CLOSE
            await client.reader.readexactly(2)
        await has_left.wait()


@pytest.mark.parametrize(
    ("sent", "seen"),
    [
        (
            b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
            OK + CLOSE + b"until the end",
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nTrailer: x\r\n\r\n",
            OK + b"Transfer-Encoding: chunked\r\n" + CLOSE + b"2\r\nhi\r\n0\r\nTrailer: x\r\n\r\n",
        ),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"),
        (
            b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
            b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\nConnection: close\r\n\r\n",
        ),
        (
            b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
            b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK + b"Content-Length: 2\r\n" + CLOSE + b"hi",
        ),
        (b"HTTP/1.0 200 OK\n\nold", b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nold"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
            OK + b"Content-Length: 9\r\n" + CLOSE + b"short",
        ),
    ],
)
async def test_a_response_arrives_as_it_was_sent(sent, seen):
    async with Server(answering(sent)) as server, an_exit(server.at) as exit_:
        assert await ask(exit_, get(f"http://{server.at}/")) == seen
        assert exit_.unreachable == {}


async def test_a_head_request_ends_with_the_head():
    handler = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", then_close=False)
    async with Server(handler) as server, an_exit(server.at) as exit_, Client(exit_) as client:
        client.writer.write(f"HEAD http://{server.at}/ HTTP/1.1\r\n\r\n".encode())
        assert await client.head() == OK + b"Content-Length: 5\r\n" + CLOSE
        client.writer.write_eof()
        assert await client.reader.read() == b""


async def test_a_response_may_come_in_pieces_of_one_byte():
    async def dribble(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi":
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)

    async with Server(dribble) as server, an_exit(server.at) as exit_:
        answer = await ask(exit_, get(f"http://{server.at}/"))
        assert answer == OK + b"Content-Length: 2\r\n" + CLOSE + b"hi"


async def test_a_body_is_sent_on_with_the_request():
    async def count(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"Content-Length: 1000000\r\n" in head
        body = await reader.readexactly(1_000_000)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n%d" % sum(body))

    async with Server(count) as server, an_exit(server.at) as exit_:
        head = f"POST http://{server.at}/ HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n".encode()
        assert await ask(exit_, head + b"\1" * 1_000_000) == OK + CLOSE + b"1000000"


async def test_a_chunked_body_is_sent_on_in_chunks():
    async def collect(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"Transfer-Encoding: chunked\r\n" in head
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + await reader.readuntil(b"0\r\n\r\n"))

    async with Server(collect) as server, an_exit(server.at) as exit_, Client(exit_) as client:
        client.writer.write(
            f"POST http://{server.at}/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        client.writer.write(b"3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n" + get(f"http://{server.at}/"))
        assert await client.reader.read() == OK + CLOSE + b"3\r\nabc\r\n0\r\n\r\n"


async def test_a_body_that_breaks_its_framing_ends_both_connections():
    has_ended = asyncio.Event()

    async def until_end(reader, _writer):
        await reader.readuntil(b"\r\n\r\n")
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        has_ended.set()

    async with Server(until_end) as server, an_exit(server.at) as exit_, Client(exit_) as client:
        client.writer.write(
            f"POST http://{server.at}/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )
        client.writer.write(b"no chunk\r\n")
        assert await client.is_dropped()
        await has_ended.wait()


async def test_a_client_that_waits_for_100_continue_gets_it():
    async def continues(reader, writer):
        assert b"Expect: 100-continue\r\n" in await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert await reader.readexactly(4) == b"body"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")

    async with Server(continues) as server, an_exit(server.at) as exit_, Client(exit_) as client:
        client.writer.write(
            f"POST http://{server.at}/ HTTP/1.1\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n".encode()
        )
        assert await client.head() == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.writer.write(b"body")
        assert (await client.reader.read()).endswith(b"Connection: close\r\n\r\nhi")


async def test_an_answer_may_come_before_the_upload_is_over():
    handler = answering(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno", then_close=False)
    async with Server(handler) as server, an_exit(server.at) as exit_, Client(exit_) as client:
        client.writer.write(f"POST http://{server.at}/ HTTP/1.1\r\nContent-Length: 9999\r\n\r\npart".encode())
        assert (await client.head()).startswith(b"HTTP/1.1 413 Content Too Large\r\n")
        assert await client.reader.readexactly(2) == b"no"


@pytest.mark.parametrize(
    ("garbage", "reason"),
    [
        (b"", "closed the connection without a response"),
        (b"HTTP/1.1 200 OK\r\nX: never", "closed the connection without a response"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "did not answer in HTTP"),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "did not answer in HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * MAX_HEAD_BYTES, "sent a response head that is too long"),
        (
            b"HTTP/1.1 200 OK\r\nX: " + b"x" * MAX_HEAD_BYTES + b"\r\n\r\n",
            "sent a response head that is too long",
        ),
    ],
)
async def test_a_server_that_sends_garbage_is_a_bad_gateway(garbage, reason):
    async with Server(answering(garbage)) as server, an_exit(server.at) as exit_:
        assert await ask(exit_, get(f"http://{server.at}/")) == BAD_GATEWAY
        assert exit_.unreachable == {("127.0.0.1", server.port): reason}


async def test_a_server_that_is_never_done_with_interim_responses_is_a_bad_gateway():
    async with (
        Server(answering(b"HTTP/1.1 102 Processing\r\n\r\n" * 50)) as server,
        an_exit(server.at) as exit_,
    ):
        assert (await ask(exit_, get(f"http://{server.at}/"))).endswith(BAD_GATEWAY)
        assert exit_.unreachable == {("127.0.0.1", server.port): "sent no response but interim ones"}


async def test_a_server_that_stays_silent_is_a_bad_gateway():
    async with (
        Server(answering(b"", then_close=False)) as server,
        an_exit(server.at, idle_timeout_s=0.05) as exit_,
    ):
        assert await ask(exit_, get(f"http://{server.at}/")) == BAD_GATEWAY
        assert exit_.unreachable == {("127.0.0.1", server.port): "connected, but sent no response in time"}


@pytest.mark.parametrize("breaks", [False, True])
async def test_a_client_that_hangs_up_makes_no_server_unreachable(breaks):
    async with Server(answering(b"", then_close=False)) as server, an_exit(server.at) as exit_:
        async with Client(exit_) as client:
            client.writer.write(get(f"http://{server.at}/"))
            await until(lambda: exit_.bytes_out)
            if breaks:
                reset_on_close(client.writer)
                client.writer.transport.abort()
        await until(lambda: not exit_._exchanges)

        assert exit_.unreachable == {}


async def test_a_body_that_breaks_off_does_not_look_complete():
    async def breaks(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhalf of")
        await writer.drain()
        await reader.readexactly(1)
        reset_on_close(writer)
        writer.transport.abort()

    async with Server(breaks) as server, an_exit(server.at) as exit_, Client(exit_) as client:
        client.writer.write(f"POST http://{server.at}/ HTTP/1.1\r\nContent-Length: 1\r\n\r\n".encode())
        await client.head()
        assert await client.reader.readexactly(7) == b"half of"
        client.writer.write(b"!")
        with pytest.raises(ConnectionResetError):
            await client.reader.read()


# Big bodies.


@pytest.mark.parametrize("method", ["plain", "tunnel"])
async def test_ten_megabytes_for_a_slow_reader_are_not_piled_up_in_the_proxy(method):
    size = 10_000_000

    async def sends(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(100):
            writer.write(bytes(size // 100))
            await writer.drain()

    async with Server(sends) as server, an_exit(server.at) as exit_, Client(exit_) as client:
        if method == "tunnel":
            await client.tunnel(server.at)
            client.writer.write(b"GET / HTTP/1.1\r\n\r\n")
        else:
            client.writer.write(get(f"http://{server.at}/"))
        await client.head()
        (leg,) = exit_._exchanges.values()
        piled_up = received = 0
        while received < size:
            received += len(await client.reader.read(20_000))
            await asyncio.sleep(0)
            piled_up = max(piled_up, leg._transport.get_write_buffer_size())

        assert received == size
        assert piled_up < 1_000_000
        assert exit_.bytes_in > size


async def test_ten_megabytes_for_a_slow_server_are_not_piled_up_in_the_proxy():
    size = 10_000_000
    piled_up = 0

    async with an_exit("127.0.0.1") as exit_:

        async def takes(reader, writer):
            nonlocal piled_up
            await reader.readuntil(b"\r\n\r\n")
            (leg,) = exit_._exchanges.values()
            received = 0
            while received < size:
                received += len(await reader.read(20_000))
                await asyncio.sleep(0)
                piled_up = max(piled_up, leg._into._transport.get_write_buffer_size())
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n%d" % received)

        async with Server(takes) as server:
            head = f"POST http://{server.at}/ HTTP/1.1\r\nContent-Length: {size}\r\n\r\n".encode()

            assert await ask(exit_, head + bytes(size)) == OK + CLOSE + b"10000000"
            assert piled_up < 1_000_000
            assert exit_.bytes_out > size
