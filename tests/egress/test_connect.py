import asyncio
import contextlib
import socket

import pytest

from calotype.egress.connect import Connector, _abandon
from calotype.egress.errors import Refused, Unreachable
from calotype.egress.resolve import SystemResolver
from calotype.egress.rules import EgressRules
from tests.egress.support import ListedAddresses, Server, echo, never, until


def a_connector(allow: str, *answers: list[str], **timeouts: float) -> Connector:
    return Connector(EgressRules.parse(allow), resolve=ListedAddresses(*answers), **timeouts)


async def says(connection, text):
    reader, writer = connection
    writer.write(text)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


@contextlib.contextmanager
def a_port_that_does_not_answer(host: str, port: int = 0):
    """Listen with a full queue, so that the system drops every further SYN."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((host, port))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


async def test_an_allowed_address_is_connected_to():
    async with Server(echo) as server:
        connector = a_connector(server.at, ["127.0.0.1"])

        assert await says(await connector.connect("site.test", server.port), b"hello") == b"hello"
        assert server.connections == 1


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "0", "0.0.0.0", "::ffff:127.0.0.1", "::1"],
)
async def test_no_spelling_of_this_machine_is_connected_to(host):
    async with Server(never, host="") as server:
        connector = Connector(EgressRules())

        with pytest.raises(Refused):
            await connector.connect(host, server.port)
        assert server.connections == 0
        connector.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "::ffff:127.0.0.1"])
async def test_every_spelling_of_an_allowed_address_is_connected_to(host):
    async with Server(echo) as server:
        connector = Connector(EgressRules.parse(server.at))

        assert await says(await connector.connect(host, server.port), b"hello") == b"hello"
        connector.close()


async def test_an_unknown_host_and_a_private_one_are_told_alike():
    connector = a_connector("", ["10.1.2.3"], [])

    with pytest.raises(Refused) as private:
        await connector.connect("site.test", 80)
    with pytest.raises(Refused) as unknown:
        await connector.connect("site.test", 80)
    assert str(private.value) == str(unknown.value) == "site.test could not be found or is not public."
    assert (private.value.host, private.value.port) == (unknown.value.host, unknown.value.port)


async def test_the_log_is_not_filled_with_an_address_that_no_network_has(caplog):
    caplog.set_level("INFO", "calotype.egress")
    with pytest.raises(Refused):
        await Connector(EgressRules()).connect("240.0.0.1", 80)

    assert caplog.records == []


async def test_the_log_knows_why_a_host_was_refused(caplog):
    caplog.set_level("INFO", "calotype.egress")
    connector = a_connector("", ["10.1.2.3"], [])

    for _ in range(2):
        with pytest.raises(Refused):
            await connector.connect("site.test", 80)
    private, unknown = (record.getMessage() for record in caplog.records)
    assert "10.1.2.3" in private
    assert "does not resolve" in unknown


async def test_a_host_that_resolves_to_nothing_is_refused():
    async def nothing(_host):
        return []

    with pytest.raises(Refused):
        await Connector(EgressRules(), resolve=nothing).connect("site.test", 80)


async def test_an_answer_that_flips_between_look_ups_finds_no_gap():
    async with Server(echo) as allowed, Server(never, "127.0.0.2", allowed.port) as private:
        resolve = ListedAddresses(["127.0.0.1"], ["127.0.0.2"])
        connector = Connector(EgressRules.parse(allowed.at), resolve=resolve)

        # Judged and connected by the same answer, whatever the name says by then ...
        assert await says(await connector.connect("rebinding.test", allowed.port), b"1") == b"1"
        assert resolve.asked == ["rebinding.test"]
        # ... and the next connection is judged anew.
        with pytest.raises(Refused):
            await connector.connect("rebinding.test", allowed.port)
        assert (allowed.connections, private.connections) == (1, 0)


async def test_of_many_addresses_only_the_allowed_ones_are_tried():
    async with Server(echo) as allowed, Server(never, "127.0.0.2", allowed.port) as private:
        connector = a_connector(allowed.at, ["127.0.0.2", "10.1.2.3", "127.0.0.1", "fe80::1%lo"])

        assert await says(await connector.connect("site.test", allowed.port), b"hello") == b"hello"
        assert private.connections == 0


async def test_a_host_allowed_by_its_name_is_connected_to_wherever_it_is():
    async with Server(echo) as server:
        connector = a_connector(f"Site.test:{server.port}", ["127.0.0.1"])

        assert await says(await connector.connect("site.TEST", server.port), b"hello") == b"hello"
        with pytest.raises(Refused):
            await connector.connect("other.test", server.port)


async def test_the_next_address_is_tried_when_one_does_not_accept():
    async with Server(echo) as server:
        connector = a_connector("127.0.0.0/8", ["127.0.0.2", "127.0.0.1"])

        assert await says(await connector.connect("site.test", server.port), b"hello") == b"hello"


async def test_the_next_address_does_not_wait_for_the_timeout_of_one_that_is_silent():
    async with Server(echo) as server:
        with a_port_that_does_not_answer("127.0.0.2", server.port):
            connector = a_connector("127.0.0.0/8", ["127.0.0.2", "127.0.0.1"], connect_timeout_s=60)

            async with asyncio.timeout(10):
                assert await says(await connector.connect("site.test", server.port), b"hello") == b"hello"


async def test_a_host_that_does_not_accept_is_unreachable():
    async with Server(echo) as server:
        port = server.port
    connector = a_connector("127.0.0.1", ["127.0.0.1"])

    with pytest.raises(Unreachable) as caught:
        await connector.connect("site.test", port)
    assert caught.value.reason == "connection refused"
    assert str(caught.value) == f"site.test:{port} could not be reached: connection refused."
    assert caught.value.retryable


async def test_a_host_that_stays_silent_is_unreachable_after_the_timeout():
    with a_port_that_does_not_answer("127.0.0.1") as port:
        connector = a_connector("127.0.0.1", ["127.0.0.1"], connect_timeout_s=0.05)

        with pytest.raises(Unreachable, match="timed out"):
            await connector.connect("site.test", port)


async def test_a_name_server_that_stays_silent_is_a_refusal_after_the_timeout():
    async def silent(_host):
        await asyncio.Event().wait()

    connector = Connector(EgressRules(), resolve=silent, resolve_timeout_s=0.05)

    with pytest.raises(Refused):
        await connector.connect("site.test", 80)


async def test_giving_up_leaves_no_attempt_behind():
    with a_port_that_does_not_answer("127.0.0.1") as port:
        connector = a_connector("127.0.0.1", ["127.0.0.1", "::ffff:127.0.0.1"])
        waiting = asyncio.create_task(connector.connect("site.test", port))
        await until(lambda: len(asyncio.all_tasks()) == 3)

        waiting.cancel()
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_an_attempt_that_comes_second_is_closed():
    has_ended = asyncio.Event()

    async def until_end(reader, _writer):
        with contextlib.suppress(OSError):
            await reader.read()
        has_ended.set()

    async with Server(until_end) as server:
        loop = asyncio.get_running_loop()
        attempt = asyncio.create_task(loop.create_connection(asyncio.Protocol, "127.0.0.1", server.port))
        await asyncio.wait([attempt])

        await _abandon([attempt])
        await has_ended.wait()


async def test_a_resolver_of_its_own_is_made_and_closed_by_the_connector():
    connector = Connector(EgressRules())
    assert isinstance(connector._resolve, SystemResolver)
    connector.close()
