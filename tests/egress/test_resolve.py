import asyncio
import socket
import threading

import pytest

from calotype.egress.resolve import REMEMBER_S, REMEMBERED_NAMES, SystemResolver
from tests.egress.support import until


class NameServer:
    """Stands in for getaddrinfo: answers when it may, and lists the questions that leave the machine."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.answer = ["192.0.2.1"]
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.is_asked = threading.Event()

    def __call__(self, host, _service, *, type, flags):  # noqa: A002 (getaddrinfo's own name for it)
        if flags & socket.AI_NUMERICHOST:
            return socket.getaddrinfo(host, None, type=type, flags=flags)
        self.asked.append(host)
        self.is_asked.set()
        assert self.may_answer.wait(10)
        if not self.answer:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [(socket.AF_INET, type, 6, "", (address, 0)) for address in self.answer]


class Watch:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def names():
    return NameServer()


@pytest.fixture
def watch():
    return Watch()


@pytest.fixture
def resolver(names, watch):
    resolver = SystemResolver(getaddrinfo=names, monotonic=watch)
    yield resolver
    names.may_answer.set()
    resolver.close()


async def test_a_name_becomes_its_addresses_each_once_and_in_order(resolver, names):
    names.answer = ["192.0.2.2", "192.0.2.1", "192.0.2.2"]

    assert await resolver("example.test") == ("192.0.2.2", "192.0.2.1")


@pytest.mark.parametrize(
    ("spelling", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("0", "0.0.0.0"),
        ("::1", "::1"),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1"),
        ("::ffff:7f00:1", "::ffff:127.0.0.1"),
    ],
)
async def test_an_address_in_any_spelling_needs_no_name_server(resolver, names, spelling, address):
    assert await resolver(spelling) == (address,)
    assert names.asked == []


async def test_the_system_knows_localhost():
    resolver = SystemResolver()

    assert "127.0.0.1" in await resolver("localhost")
    resolver.close()


@pytest.mark.parametrize("host", ["", "a..b", "a" * 300, "nul\0l", "münchen.test", "a b", "\udcff"])
async def test_what_is_no_name_does_not_resolve(host):
    resolver = SystemResolver()

    with pytest.raises(OSError):  # noqa: PT011 (which of them depends on the system)
        await resolver(host)
    resolver.close()


async def test_all_who_ask_at_once_share_one_look_up(resolver, names):
    names.may_answer.clear()
    askers = [asyncio.create_task(resolver("example.test")) for _ in range(20)]
    await asyncio.to_thread(names.is_asked.wait)
    names.may_answer.set()

    assert await asyncio.gather(*askers) == [("192.0.2.1",)] * 20
    assert names.asked == [b"example.test"]


async def test_one_who_gives_up_does_not_take_the_answer_from_the_others(resolver, names):
    names.may_answer.clear()
    first, second = [asyncio.create_task(resolver("example.test")) for _ in range(2)]
    await asyncio.to_thread(names.is_asked.wait)
    first.cancel()
    await asyncio.wait([first])
    names.may_answer.set()

    assert await second == ("192.0.2.1",)


async def test_a_hanging_name_does_not_keep_another_from_its_answer(resolver, names):
    names.may_answer.clear()
    hanging = [asyncio.create_task(resolver("hanging.test")) for _ in range(100)]
    await asyncio.to_thread(names.is_asked.wait)

    names.is_asked.clear()
    other = asyncio.create_task(resolver("other.test"))
    assert await asyncio.to_thread(names.is_asked.wait, 10)
    names.may_answer.set()
    await asyncio.gather(other, *hanging)
    assert names.asked == [b"hanging.test", b"other.test"]


async def test_an_answer_is_remembered_for_a_little_while(resolver, names, watch):
    await resolver("example.test")
    names.answer = ["192.0.2.9"]

    watch.now += REMEMBER_S - 0.001
    assert await resolver("example.test") == ("192.0.2.1",)
    watch.now += 0.001
    assert await resolver("example.test") == ("192.0.2.9",)


async def test_a_failure_is_not_remembered(resolver, names):
    names.answer = []
    with pytest.raises(socket.gaierror):
        await resolver("example.test")
    names.answer = ["192.0.2.1"]

    assert await resolver("example.test") == ("192.0.2.1",)


async def test_a_failure_that_nobody_waits_for_any_more_is_no_error(resolver, names, caplog):
    names.answer = []
    names.may_answer.clear()
    asker = asyncio.create_task(resolver("example.test"))
    await asyncio.to_thread(names.is_asked.wait)
    asker.cancel()
    await asyncio.wait([asker])
    names.may_answer.set()
    await until(lambda: not resolver._lookups)

    assert caplog.records == []


async def test_memory_is_bounded(resolver):
    for number in range(REMEMBERED_NAMES + 50):
        await resolver(f"{number}.test")

    assert len(resolver._lookups) == REMEMBERED_NAMES
