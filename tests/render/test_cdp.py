"""The protocol client against a scripted browser at the other end of real pipes."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from calotype.render import cdp
from calotype.render.cdp import (
    AnswerTooBig,
    CallRefused,
    CallTimeout,
    Connection,
    ConnectionLost,
    SessionGone,
    TargetCrashed,
)


class Peer:
    """A browser that says what the test tells it to."""

    def __init__(self, read_fd: int, write_fd: int) -> None:
        self._read_fd, self._write_fd = read_fd, write_fd
        self._unread = b""

    async def asked(self) -> dict[str, Any]:
        """The next command."""
        while b"\0" not in self._unread:
            self._unread += await asyncio.to_thread(os.read, self._read_fd, 65536)
        text, _, self._unread = self._unread.partition(b"\0")
        command: dict[str, Any] = json.loads(text)
        return command

    def say(self, **message) -> None:
        self.write(json.dumps(message).encode() + b"\0")

    def write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._write_fd, data) :]

    def hang_up(self) -> None:
        os.close(self._write_fd)
        os.close(self._read_fd)
        self._write_fd = self._read_fd = -1

    def close(self) -> None:
        if self._write_fd >= 0:
            self.hang_up()


@pytest.fixture
async def line() -> AsyncIterator[tuple[Connection, Peer]]:
    browser_reads, we_write = os.pipe()
    we_read, browser_writes = os.pipe()
    connection, peer = Connection(), Peer(browser_reads, browser_writes)
    await connection.open(we_read, we_write)
    yield connection, peer
    connection.close()
    peer.close()
    await asyncio.sleep(0)


class Sum(msgspec.Struct):
    total: int


async def test_a_call_is_answered_by_its_id(line):
    connection, peer = line
    first = asyncio.create_task(connection.browser.call("A", {"x": 1}, 5, Sum))
    second = asyncio.create_task(connection.browser.call("B", {}, 5, Sum))
    a, b = await peer.asked(), await peer.asked()
    peer.say(id=b["id"], result={"total": 2, "more": "ignored"})
    peer.say(id=a["id"], result={"total": 1})

    assert a == {"id": a["id"], "method": "A", "params": {"x": 1}}
    assert [(await first).total, (await second).total] == [1, 2]


async def test_messages_may_come_in_any_pieces(line):
    connection, peer = line
    calls = [asyncio.create_task(connection.browser.call("A", {}, 5, Sum)) for _ in range(3)]
    ids = [(await peer.asked())["id"] for _ in range(3)]
    stream = b"".join(json.dumps({"id": i, "result": {"total": i}}).encode() + b"\0" for i in ids)
    for start in range(0, len(stream), 7):
        peer.write(stream[start : start + 7])
        await asyncio.sleep(0)

    assert [(await call).total for call in calls] == ids


async def test_a_big_message_takes_time_in_proportion_to_its_size(line):
    connection, peer = line

    class Blob(msgspec.Struct):
        data: bytes

    async def fetch(size: int) -> float:
        call = asyncio.create_task(connection.browser.call("A", {}, 30, Blob))
        command = await peer.asked()
        text = b'{"id":%d,"result":{"data":"%s"}}\0' % (command["id"], b"QUFB" * size)
        started = time.process_time()
        await asyncio.to_thread(peer.write, text)
        assert len((await call).data) == 3 * size
        return time.process_time() - started

    small = await fetch(1_000_000)
    large = await fetch(8_000_000)
    assert large < 24 * small + 0.5


async def test_an_answer_beyond_the_bound_is_thrown_away_and_its_caller_told(line, monkeypatch):
    monkeypatch.setattr(cdp, "MAX_MESSAGE_BYTES", 1000)
    connection, peer = line
    call = asyncio.create_task(connection.browser.call("A", {}, 5))
    command = await peer.asked()
    text = b'{"id":%d,"result":{"data":"%s"}}\0' % (command["id"], b"x" * 5000)
    for start in range(0, len(text), 700):
        peer.write(text[start : start + 700])
        await asyncio.sleep(0)

    with pytest.raises(AnswerTooBig):
        await call
    await settle(connection, peer)


async def test_an_event_beyond_the_bound_is_thrown_away(line, monkeypatch):
    monkeypatch.setattr(cdp, "MAX_MESSAGE_BYTES", 1000)
    connection, peer = line
    peer.say(method="E", params={"url": "x" * 3000})

    await settle(connection, peer)


async def test_a_message_that_is_no_json_ends_the_connection(line):
    connection, peer = line
    call = asyncio.create_task(connection.browser.call("A", {}, 5))
    await peer.asked()
    peer.write(b"{oops\0")

    with pytest.raises(ConnectionLost):
        await call


async def test_a_refusal_is_told_in_the_browsers_words(line):
    connection, peer = line
    call = asyncio.create_task(connection.browser.call("A", {}, 5))
    command = await peer.asked()
    peer.say(id=command["id"], error={"code": -32000, "message": "No such thing", "data": "x"})

    with pytest.raises(CallRefused, match="No such thing"):
        await call


async def test_a_refusal_of_an_unknown_session_reaches_its_caller(line):
    connection, peer = line
    session = await attach(connection, peer, "s1")
    call = asyncio.create_task(session.call("A", {}, 5))
    command = await peer.asked()
    # It comes without the sessionId.
    peer.say(id=command["id"], error={"code": -32001, "message": "Session with given id not found."})

    with pytest.raises(CallRefused, match="not found"):
        await call


async def test_a_call_ends_at_its_deadline_and_a_late_answer_does_no_harm(line):
    connection, peer = line
    call = asyncio.create_task(connection.browser.call("Slow.call", {}, 0.05))
    late = await peer.asked()
    with pytest.raises(CallTimeout, match=r"Slow\.call"):
        await call
    peer.say(id=late["id"], result={})
    again = asyncio.create_task(connection.browser.call("A", {}, 5, Sum))
    command = await peer.asked()
    peer.say(id=command["id"], result={"total": 7})

    assert (await again).total == 7
    assert connection._callers == {}


async def test_a_cancelled_call_leaves_nothing_behind(line):
    connection, peer = line
    call = asyncio.create_task(connection.browser.call("A", {}, 5))
    await peer.asked()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert connection._callers == {}
    assert connection.browser._pending == {}


async def test_events_reach_the_session_they_are_for_in_order(line):
    connection, peer = line
    one, two = await attach(connection, peer, "s1"), await attach(connection, peer, "s2")
    seen: list[tuple[str, int]] = []
    one.on("Page.thing", Sum, lambda event: seen.append(("one", event.total)))
    two.on("Page.thing", Sum, lambda event: seen.append(("two", event.total)))
    for session_id, total in [("s1", 1), ("s2", 2), ("s1", 3), ("s9", 4)]:
        peer.say(method="Page.thing", params={"total": total}, sessionId=session_id)
    await settle(connection, peer)

    assert seen == [("one", 1), ("two", 2), ("one", 3)]


async def test_a_handler_that_fails_harms_no_other(line, caplog):
    connection, peer = line
    session = await attach(connection, peer, "s1")
    seen: list[Sum] = []

    def fail(_: Sum) -> None:
        raise RuntimeError

    session.on("E", Sum, fail)
    session.on("E", Sum, seen.append)
    peer.say(method="E", params={"total": 1}, sessionId="s1")
    peer.say(method="E", params={"not": "what we expect"}, sessionId="s1")
    await settle(connection, peer)

    assert seen == [Sum(1)]
    assert "handling E failed" in caplog.text


@pytest.mark.parametrize(
    ("kind", "event", "why"),
    [
        ("iframe", {"method": "Inspector.targetCrashed", "params": {}, "sessionId": "s1"}, TargetCrashed),
        (
            "page",
            {"method": "Target.targetCrashed", "params": {"targetId": "target of s1", "status": "killed"}},
            TargetCrashed,
        ),
        ("page", {"method": "Target.detachedFromTarget", "params": {"sessionId": "s1"}}, SessionGone),
    ],
)
async def test_what_ends_a_session_fails_its_calls_at_once_and_those_of_no_other(line, kind, event, why):
    connection, peer = line
    dying, living = await attach(connection, peer, "s1", kind), await attach(connection, peer, "s2")
    told = []
    dying.on_gone(lambda: told.append(True))
    pending = [asyncio.create_task(dying.call("A", {}, 60)) for _ in range(3)]
    other = asyncio.create_task(living.call("B", {}, 60, Sum))
    commands = [await peer.asked() for _ in range(4)]
    peer.say(**event)

    for call in pending:
        with pytest.raises(why):
            await asyncio.wait_for(call, 5)
    with pytest.raises(why):
        await dying.call("Later", {}, 60)
    assert told == [True]
    peer.say(id=commands[-1]["id"], result={"total": 4}, sessionId="s2")
    assert (await other).total == 4


async def test_a_session_that_came_and_went_before_its_answer_is_gone(line):
    connection, peer = line
    await attach(connection, peer, "s1")
    peer.say(method="Target.detachedFromTarget", params={"sessionId": "s1"})
    await settle(connection, peer)

    with pytest.raises(SessionGone):
        await connection.session("s1").call("A", {}, 5)


async def test_the_end_of_the_pipe_fails_everything_at_once(line):
    connection, peer = line
    session = await attach(connection, peer, "s1")
    calls = [asyncio.create_task(s.call("A", {}, 60)) for s in (session, connection.browser)]
    for _ in calls:
        await peer.asked()
    started = time.monotonic()
    peer.hang_up()

    for call in calls:
        with pytest.raises(ConnectionLost):
            await call
    assert time.monotonic() - started < 1
    assert connection.lost
    with pytest.raises(ConnectionLost):
        await session.call("A", {}, 5)
    with pytest.raises(ConnectionLost):
        await connection.browser.call("A", {}, 5)


async def test_hanging_up_twice_is_no_error(line):
    connection, _ = line
    connection.close()
    connection.close()
    await connection.wait_lost(5)

    assert connection.lost


async def attach(connection: Connection, peer: Peer, session_id: str, kind: str = "page") -> cdp.Session:
    """Attach the way the browser does it: the event before the answer."""
    target = {"targetId": f"target of {session_id}", "type": kind}
    call = asyncio.create_task(connection.browser.call("Target.attachToTarget", {}, 5))
    command = await peer.asked()
    peer.say(method="Target.attachedToTarget", params={"sessionId": session_id, "targetInfo": target})
    peer.say(id=command["id"], result={"sessionId": session_id})
    await call
    return connection.session(session_id)


async def settle(connection: Connection, peer: Peer) -> None:
    """Return when everything that the peer has said was heard."""
    call = asyncio.create_task(connection.browser.call("A", {}, 5))
    command = await peer.asked()
    peer.say(id=command["id"], result={})
    await call
