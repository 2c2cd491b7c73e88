"""BlobRegister: which blobs something names, and letting go of entries whose blob is lost."""

from __future__ import annotations

import secrets

from calotype.cache.purge import PurgeFilter
from tests.support.adapters import pages
from tests.support.builders import HERE, THERE, an_origin
from tests.support.clock import NOON


def an_id():
    return secrets.token_hex(16)


async def test_a_blob_is_known_as_long_as_its_entry_is(adapters):
    entry, stray = await adapters.keep(an_origin()), an_id()

    assert await adapters.register.unknown([entry.blob_id, stray]) == [stray]
    assert await adapters.register.unknown([]) == []


async def test_ids_that_begin_alike_are_told_apart(adapters):
    entry = await adapters.keep(an_origin())
    alike = entry.blob_id[:31] + ("0" if entry.blob_id[31] != "0" else "1")

    assert await adapters.register.unknown([alike, entry.blob_id]) == [alike]
    assert await adapters.register.forget([alike]) == 0
    assert await adapters.has(entry) == [True]


async def test_a_blob_in_the_outbox_is_known_until_its_file_is_gone(purging):
    entry = await purging.keep(an_origin())
    await purging.purge(PurgeFilter(everything=True))
    assert await purging.register.unknown([entry.blob_id]) == []

    await purging.purges.sweep(purging.clock())
    purging.clock.advance(hours=1)
    swept = await purging.purges.sweep(purging.clock())
    assert [blob for _, blob in swept.blobs] == [entry.blob_id]
    assert await purging.register.unknown([entry.blob_id]) == []
    await purging.purges.blobs_deleted([place for place, _ in swept.blobs])
    assert await purging.register.unknown([entry.blob_id]) == [entry.blob_id]


async def test_an_expired_entrys_blob_is_known(adapters):
    entry = await adapters.keep(an_origin(), ttl_s=1)
    adapters.clock.advance(hours=1)

    assert await adapters.register.unknown([entry.blob_id]) == []


async def test_what_another_process_has_just_stored_is_known(both):
    here, there = both
    entry = await there.keep(an_origin())

    assert await here.register.unknown([entry.blob_id]) == []


async def test_all_entries_are_walked_through_in_order_however_few_at_a_time(adapters):
    entries = await adapters.keep_many([*pages(7), an_origin("theirs", namespace=THERE)])
    walked, place = [], 0
    while named := await adapters.register.named(place, limit=3):
        assert len(named) <= 3
        walked += [blob for _, blob in named]
        place = named[-1][0]

    assert len(walked) == len(entries)
    assert set(walked) == {entry.blob_id for entry in entries}


async def test_entries_without_blob_are_dropped_wherever_they_are_and_no_others(both):
    here, there = both
    lost = await here.keep_many([an_origin("a"), an_origin("b", namespace=THERE)])
    sound = await here.keep(an_origin("c"))
    assert await there.has(*lost, sound) == [True] * 3

    assert await here.register.forget([entry.blob_id for entry in lost] + [an_id()]) == 2
    assert await there.has(*lost, sound) == [False, False, True]
    assert (await here.index.stats(None)).blobs_to_delete == 2


async def test_an_entry_that_took_the_place_of_one_without_blob_stays(adapters):
    lost = await adapters.keep(an_origin("k"))
    successor = await adapters.keep(an_origin("k"))

    assert await adapters.register.forget([lost.blob_id]) == 0
    assert await adapters.index.find(HERE, "k") == successor
    assert adapters.clock() == NOON
