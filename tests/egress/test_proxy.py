import asyncio
import contextlib

import pytest

from calotype.egress.connect import Connector
from calotype.egress.leg import MAX_HEAD_BYTES
from calotype.egress.proxy import EgressProxy
from calotype.egress.rules import EgressRules
from calotype.egress.traffic import NOTED_HOSTS, Traffic
from tests.egress.support import (
    BAD_GATEWAY,
    CLOSE,
    FORBIDDEN,
    OK,
    Client,
    ListedAddresses,
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

# What may not be reached.


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "LocalHost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "0.0.0.0"]
)
async def test_nothing_private_is_reached_by_any_spelling_or_method(host):
    async with Server(never, host="") as server, an_exit() as exit_:
        to = f"{host}:{server.port}"

        assert await ask(exit_, get(f"http://{to}/")) == FORBIDDEN
        assert await ask(exit_, connect(to)) == FORBIDDEN
        assert server.connections == 0
        assert exit_.refused == {(host.lower().strip("[]"), server.port)}
        assert (exit_.bytes_in, exit_.bytes_out) == (0, 0)


async def test_an_unknown_host_is_refused_in_the_same_words():
    async with an_exit(resolve=ListedAddresses([])) as exit_:
        assert await ask(exit_, get("http://unknown.test/")) == FORBIDDEN
        assert await ask(exit_, connect("Unknown.test:443")) == FORBIDDEN
        assert exit_.refused == {("unknown.test", 80), ("unknown.test", 443)}


async def test_a_name_that_is_rebound_while_the_page_loads_is_refused():
    served = answering(b"HTTP/1.1 200 OK\r\n\r\nhi")
    async with Server(served) as public, Server(never, "127.0.0.2", public.port) as private:
        resolve = ListedAddresses(["127.0.0.1"], ["127.0.0.2"])
        async with an_exit(public.at, resolve=resolve) as exit_:
            url = f"http://rebinding.test:{public.port}/"

            assert await ask(exit_, get(url)) == OK + CLOSE + b"hi"
            assert await ask(exit_, get(url)) == FORBIDDEN
            assert len(resolve.asked) == 2
            assert (public.connections, private.connections) == (1, 0)


async def test_a_host_that_does_not_accept_is_a_bad_gateway():
    async with Server(never) as server:
        pass
    async with an_exit(server.at) as exit_:
        assert await ask(exit_, get(f"http://{server.at}/")) == BAD_GATEWAY
        assert await ask(exit_, connect(server.at)) == BAD_GATEWAY
        assert exit_.unreachable == {("127.0.0.1", server.port): "connection refused"}
        assert exit_.refused == set()


async def test_a_client_that_first_sends_all_it_has_is_refused_all_the_same():
    async with an_exit(linger_s=60) as exit_, Client(exit_) as client:
        client.writer.write(b"POST http://10.1.2.3/ HTTP/1.1\r\nContent-Length: 20000000\r\n\r\n")
        client.writer.write(bytes(20_000_000))
        await client.writer.drain()
        assert await client.reader.read() == FORBIDDEN


async def test_neither_urls_nor_credentials_are_logged(caplog):
    caplog.set_level("DEBUG")
    async with Server(never) as server:
        pass
    async with an_exit(server.at) as exit_:
        for host in (server.at, "10.1.2.3"):
            await ask(
                exit_,
                f"GET http://user:s3cret@{host}/s3cret?s3cret HTTP/1.1\r\n"
                "Proxy-Authorization: s3cret\r\nCookie: s3cret\r\n\r\n".encode(),
            )

    assert "10.1.2.3" in caplog.text
    assert "s3cret" not in caplog.text


# Bounds.


async def test_a_request_head_that_does_not_come_to_its_end_is_not_waited_for():
    async with an_exit(head_timeout_s=0.05) as exit_, Client(exit_) as client:
        client.writer.write(b"GET http://site.test/ HTTP/1.1\r\nX: ")
        assert await client.is_dropped()


async def test_a_request_head_that_is_too_long_is_answered_so():
    async with an_exit() as exit_:
        request = b"GET http://site.test/ HTTP/1.1\r\nX: " + b"x" * 10 * MAX_HEAD_BYTES
        assert (await ask(exit_, request)).startswith(b"HTTP/1.1 431 ")


async def test_a_request_that_is_none_is_answered_so():
    async with an_exit() as exit_:
        assert (await ask(exit_, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")).startswith(b"HTTP/1.1 400 ")


async def test_a_connection_too_many_is_closed_and_the_others_live():
    async with Server(echo) as server, an_exit(server.at, connections=2) as exit_:
        async with Client(exit_) as first, Client(exit_) as second, Client(exit_) as third:
            assert await third.is_dropped()
            for client in (first, second):
                await client.tunnel(server.at)
        await until(lambda: not exit_._exchanges)
        async with Client(exit_) as fourth:
            await fourth.tunnel(server.at)


async def test_no_page_can_have_any_number_of_hosts_noted():
    traffic = Traffic()
    for number in range(NOTED_HOSTS + 10):
        traffic.note_refused(f"{number}.test", 80)
        traffic.note_unreachable(f"{number}.test", 80, "timed out")
    traffic.note_unreachable("0.test", 80, "connection refused")

    assert len(traffic.refused) == len(traffic.unreachable) == NOTED_HOSTS
    assert traffic.unreachable["0.test", 80] == "connection refused"


async def test_a_client_that_does_not_take_its_refusal_is_not_waited_for():
    async with an_exit(linger_s=0.05) as exit_, Client(exit_) as client:
        client.writer.write(get("http://10.1.2.3/"))
        await until(lambda: exit_._exchanges)
        await until(lambda: not exit_._exchanges)


# One exit, one capture.


async def test_what_happens_is_counted_on_the_exit_where_it_happens():
    async with Server(echo) as server:
        rules = EgressRules.parse(server.at)
        async with EgressProxy(Connector(rules, resolve=ListedAddresses(["127.0.0.1"]))) as proxy:
            one, other = await proxy.open_exit(), await proxy.open_exit()
            async with Client(one) as client:
                await client.tunnel(server.at)
                client.writer.write(b"hello")
                await client.reader.readexactly(5)
            await ask(other, connect(f"site.test:{server.port + 1}"))

            assert (one.bytes_out, one.bytes_in, one.refused) == (5, 5, set())
            assert (other.bytes_out, other.bytes_in) == (0, 0)
            assert other.refused == {("site.test", server.port + 1)}


async def test_a_reset_drops_connections_and_records_and_the_exit_goes_on():
    async with Server(echo) as server, an_exit(server.at) as exit_, Client(exit_) as old:
        await old.tunnel(server.at)
        old.writer.write(b"hello")
        await old.reader.readexactly(5)
        await ask(exit_, connect("10.1.2.3:443"))
        seen = exit_.refused

        exit_.reset()

        assert await old.is_dropped()
        assert (exit_.bytes_in, exit_.bytes_out, exit_.refused, exit_.unreachable) == (0, 0, set(), {})
        assert seen == {("10.1.2.3", 443)}
        async with Client(exit_) as new:
            await new.tunnel(server.at)


async def test_what_was_under_way_at_a_reset_is_not_counted_for_the_next_capture():
    is_asked, may_answer = asyncio.Event(), asyncio.Event()

    async def slow(_host):
        is_asked.set()
        # As a look-up in a thread does: it goes on, whoever stopped waiting.
        with contextlib.suppress(asyncio.CancelledError):
            await may_answer.wait()
        return ["10.1.2.3"]

    async with an_exit(resolve=slow) as exit_, Client(exit_) as client:
        client.writer.write(connect("slow.test:443"))
        await is_asked.wait()
        exit_.reset()
        may_answer.set()
        await until(lambda: not exit_._exchanges)

        assert exit_.refused == set()


async def test_a_reset_does_not_wait_for_a_look_up_that_hangs():
    is_asked = asyncio.Event()

    async def hangs(_host):
        is_asked.set()
        await asyncio.Event().wait()

    async with an_exit(resolve=hangs) as exit_, Client(exit_) as client:
        client.writer.write(connect("hanging.test:443"))
        await is_asked.wait()
        exit_.reset()
        await until(lambda: not exit_._exchanges)
        assert await client.is_dropped()


async def test_a_connection_is_dropped_by_a_reset_in_the_moment_it_is_accepted():
    async with an_exit() as exit_, Client(exit_) as client:
        accept, dropped = exit_._accept, []

        def and_reset(leg):
            accept(leg)
            exit_.reset()
            dropped.append(leg)

        exit_._accept = and_reset
        async with Client(exit_) as second:
            assert await second.is_dropped()
        assert await client.is_dropped()
        assert len(dropped) == 1


async def test_a_closed_exit_drops_its_connections_and_listens_no_more():
    async with Server(echo) as server, an_exit(server.at) as exit_, Client(exit_) as client:
        await client.tunnel(server.at)

        await exit_.close()

        assert await client.is_dropped()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", exit_.port)
        await exit_.close()


async def test_leaving_the_proxy_leaves_nothing_behind():
    before = asyncio.all_tasks()
    async with Server(echo) as server:
        rules = EgressRules.parse(server.at)
        async with contextlib.AsyncExitStack() as stack:
            proxy = EgressProxy(Connector(rules, resolve=ListedAddresses(["127.0.0.1"])))
            async with proxy:
                exits = [await proxy.open_exit() for _ in range(3)]
                for exit_ in exits:
                    for _ in range(5):
                        client = await stack.enter_async_context(Client(exit_))
                        await client.tunnel(server.at)
            assert [exit_._exchanges for exit_ in exits] == [{}, {}, {}]
            await until(lambda: not any("Server" not in repr(t) for t in asyncio.all_tasks() - before))
            for exit_ in exits:
                with pytest.raises(ConnectionRefusedError):
                    await asyncio.open_connection("127.0.0.1", exit_.port)


async def test_the_exit_listens_on_loopback_alone():
    async with an_exit() as exit_:
        (sock,) = exit_._server.sockets
        assert sock.getsockname()[0] == "127.0.0.1"
