"""EndpointStore: one endpoint for each account and mode, and every process knows the latest."""

from __future__ import annotations

from dataclasses import replace

import pytest

from calotype.cache.entry import Mode, Namespace
from calotype.webhooks.endpoint import Endpoint
from calotype.webhooks.event import EventKind
from tests.support.builders import HERE
from tests.support.clock import NOON

ENDPOINT = Endpoint(namespace=HERE, sealed=b"sealed", events=frozenset(EventKind), hits=True, set_at=NOON)


def find_at_once(adapters, namespace=HERE):
    """Drive the look-up by hand: it must be done when it is first asked."""
    with pytest.raises(StopIteration) as done:
        adapters.endpoints.find(namespace).send(None)
    return done.value.value


async def test_there_is_none_until_one_is_set(both):
    assert find_at_once(both[0]) is None
    await both[0].endpoints.set(ENDPOINT)

    assert [find_at_once(adapters) for adapters in both] == [ENDPOINT, ENDPOINT]


async def test_another_process_sees_the_latest(both):
    here, there = both
    await here.endpoints.set(ENDPOINT)
    assert find_at_once(there) == ENDPOINT
    other = replace(ENDPOINT, sealed=b"other", events=frozenset({EventKind.BATCH_FAILED}), hits=False)
    await here.endpoints.set(other)
    assert find_at_once(there) == other
    assert await there.endpoints.remove(HERE)

    assert [find_at_once(adapters) for adapters in both] == [None, None]
    assert not await here.endpoints.remove(HERE)


async def test_each_account_and_mode_has_its_own(adapters):
    await adapters.endpoints.set(ENDPOINT)

    assert find_at_once(adapters, Namespace(HERE.account, Mode.TEST)) is None
    assert find_at_once(adapters, Namespace(HERE.account + 1, HERE.mode)) is None
