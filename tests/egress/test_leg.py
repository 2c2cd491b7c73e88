import asyncio
import contextlib
import socket
import struct

import pytest

from calotype.egress.leg import MAX_HEAD_BYTES, Leg
from calotype.egress.traffic import Traffic
from tests.egress.support import reset_on_close, until


class CountedEnds(Leg):
    ends = 0

    def eof_received(self):
        self.ends += 1
        return super().eof_received()


class Pair:
    """A leg, and the other side of its connection."""

    def __init__(self, leg, reader, writer) -> None:
        self.leg, self.reader, self.writer = leg, reader, writer

    def is_read(self):
        return self.leg._transport.is_reading()


@pytest.fixture
async def a_pair():
    """Return a function that connects a leg to streams; all are closed at the end."""
    async with contextlib.AsyncExitStack() as stack:

        async def connect(meter=None) -> Pair:
            other_side = asyncio.get_running_loop().create_future()
            server = await asyncio.start_server(
                lambda *streams: other_side.set_result(streams), "127.0.0.1", 0
            )
            port = server.sockets[0].getsockname()[1]
            loop = asyncio.get_running_loop()
            _, leg = await loop.create_connection(lambda: CountedEnds(meter=meter), "127.0.0.1", port)
            pair = Pair(leg, *await other_side)
            server.close()
            stack.push_async_callback(close, pair)
            return pair

        async def close(pair):
            pair.leg.abort()
            pair.writer.close()
            with contextlib.suppress(OSError):
                await pair.writer.wait_closed()
            await asyncio.wait([pair.leg.closed])

        yield connect


async def fill(pair) -> None:
    """Write to the leg until its other side takes no more."""
    while not pair.leg._is_full:
        pair.leg.write(bytes(1_000_000))
        await asyncio.sleep(0)


async def test_a_head_is_read_and_the_rest_waits_for_the_other_leg(a_pair):
    source, receiver = await a_pair(), await a_pair()
    source.writer.write(b"a: b\r\n\r\nrest")

    assert await source.leg.read_head() == b"a: b\r\n\r\n"
    source.leg.pour_into(receiver.leg)
    assert await receiver.reader.readexactly(4) == b"rest"


async def test_heads_that_came_together_are_read_one_by_one(a_pair):
    source = await a_pair()
    source.writer.write(b"a: b\n\nc: d\r\n\r\n")

    assert await source.leg.read_head() == b"a: b\n\n"
    assert await source.leg.read_head() == b"c: d\r\n\r\n"


async def test_no_more_is_kept_unread_than_a_head_may_be_long(a_pair):
    source = await a_pair()
    source.writer.write(b"a: b\r\n\r\n" + bytes(20_000_000))

    await until(lambda: not source.is_read())
    # What the loop reads at a time comes on top: 256 KiB.
    assert len(source.leg._unread) <= 6 * MAX_HEAD_BYTES


async def test_a_head_is_read_on_after_the_one_before_has_made_room(a_pair):
    source = await a_pair()
    first, second = (b"x" * length + b"\r\n\r\n" for length in (MAX_HEAD_BYTES - 10, MAX_HEAD_BYTES - 20))
    source.writer.write(first + second[:1_000])
    await until(lambda: not source.is_read())

    assert await source.leg.read_head() == first
    source.writer.write(second[1_000:])
    assert await source.leg.read_head() == second


async def test_a_connection_that_ends_or_breaks_before_its_head_has_none(a_pair):
    ending, breaking = await a_pair(), await a_pair()
    ending.writer.write(b"a: b\r\n")
    ending.writer.write_eof()
    breaking.writer.write(b"a: b\r\n")
    reset_on_close(breaking.writer)
    breaking.writer.transport.abort()

    assert await ending.leg.read_head() is None
    assert await breaking.leg.read_head() is None


async def test_a_source_that_had_ended_before_ends_the_receiver(a_pair):
    source, receiver = await a_pair(), await a_pair()
    source.writer.write(b"all")
    source.writer.write_eof()
    await until(lambda: source.leg.has_ended)

    source.leg.pour_into(receiver.leg)
    assert await receiver.reader.read() == b"all"


async def test_a_source_that_had_broken_before_breaks_the_receiver(a_pair):
    source, receiver = await a_pair(), await a_pair()
    reset_on_close(source.writer)
    source.writer.transport.abort()
    await asyncio.wait([source.leg.closed])

    source.leg.pour_into(receiver.leg)
    with pytest.raises(ConnectionResetError):
        await receiver.reader.read()


async def test_a_source_is_not_read_while_the_receiver_is_full(a_pair):
    source, receiver = await a_pair(), await a_pair()
    source.leg.pour_into(receiver.leg)
    assert source.is_read()

    await fill(receiver)
    assert not source.is_read()
    while receiver.leg._is_full:
        await receiver.reader.read(1_000_000)
    assert source.is_read()


async def test_a_source_is_not_read_when_the_receiver_was_full_before(a_pair):
    source, receiver = await a_pair(), await a_pair()
    await fill(receiver)

    source.leg.pour_into(receiver.leg)
    assert not source.is_read()


async def test_an_end_is_heard_once_whatever_the_receiver_does_later(a_pair):
    source, receiver = await a_pair(), await a_pair()
    source.leg.pour_into(receiver.leg)
    source.writer.write_eof()
    assert await receiver.reader.read() == b""

    receiver.leg.pause_writing()
    receiver.leg.resume_writing()
    source.leg.pour_away()
    # Anything that the source might still hear comes before what the receiver hears now.
    receiver.writer.write(b"last")
    await until(lambda: receiver.leg.received_bytes)
    assert source.leg.ends == 1


async def test_the_end_of_what_is_said_may_cross_with_a_reset():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        loop = asyncio.get_running_loop()
        _, leg = await loop.create_connection(Leg, *listener.getsockname())
        other_side, _ = listener.accept()
        with other_side:
            other_side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

        leg.end()
        await asyncio.wait([leg.closed])


async def test_bytes_that_must_not_be_passed_on_end_both_connections(a_pair):
    def nothing_passes(_data):
        raise ValueError

    source, receiver = await a_pair(), await a_pair()
    source.leg.pour_into(receiver.leg, through=nothing_passes)
    source.writer.write(b"x")

    for pair in (source, receiver):
        with pytest.raises(ConnectionResetError):
            await pair.reader.read()


async def test_the_leg_to_the_outside_counts_both_ways(a_pair):
    meter = Traffic()
    outside = await a_pair(meter)
    outside.writer.write(b"12345")
    outside.leg.write(b"123")
    await outside.reader.readexactly(3)
    await until(lambda: meter.bytes_in)

    assert (meter.bytes_in, meter.bytes_out) == (5, 3)


async def test_writing_to_a_connection_that_is_gone_does_nothing(a_pair):
    outside = await a_pair()
    outside.leg.abort()
    await asyncio.wait([outside.leg.closed])

    outside.leg.write(b"x")
    outside.leg.end()
    outside.leg.abort()
    outside.leg.hold_back()
    outside.leg.go_on()
