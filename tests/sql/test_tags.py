"""The tables of tags: what they hold, and that nothing stays in them for an entry that went."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from calotype.cache.entry import Seq
from calotype.cache.hands import Hand, Turn
from calotype.cache.ports import Barred, Stored
from calotype.cache.purge import PurgeFilter
from calotype.sql.sqlite import purges
from tests.support.adapters import sqlite_adapters
from tests.support.builders import HERE, THERE, an_entry, an_origin
from tests.support.clock import HandClock


@pytest.fixture
async def adapters(tmp_path):
    async with sqlite_adapters(tmp_path / "index.db", HandClock()) as adapters:
        yield adapters


def held(adapters):
    """Return what the tables hold: each tag with the keys of the entries that have it."""
    rows = adapters.index._database.reader.execute(
        "SELECT g.ns, g.tag, e.ckey FROM tag g LEFT JOIN entry_tag et USING (tag_id) "
        "LEFT JOIN entry e ON e.id = et.id ORDER BY 1, 2, 3"
    ).fetchall()
    (loose,) = adapters.index._database.reader.execute(
        "SELECT count(*) FROM entry_tag WHERE id NOT IN (SELECT id FROM entry) "
        "OR tag_id NOT IN (SELECT tag_id FROM tag)"
    ).fetchone()
    assert loose == 0
    return [(tag, key) for _, tag, key in rows]


async def test_each_namespace_has_its_own_tags(adapters):
    await adapters.keep(an_origin("a", tags=("x", "y")))
    await adapters.keep(an_origin("b", tags=("y",)))
    await adapters.keep(an_origin("c", namespace=THERE, tags=("y",)))
    await adapters.keep(an_origin("d"))

    assert held(adapters) == [("x", "a"), ("y", "a"), ("y", "b"), ("y", "c")]


async def a_refresh(adapters):
    await adapters.keep(an_origin("a", tags=("y", "z")))


async def a_purge(adapters):
    await adapters.purge(PurgeFilter(keys=("a",)))
    await adapters.keep(an_origin("a", tags=("y", "z")))


async def a_purge_by_tag_and_a_sweep(adapters):
    await adapters.purge(PurgeFilter(tags=("x",)))
    while (await adapters.purges.sweep(adapters.clock())).more:
        pass
    await adapters.keep(an_origin("a", tags=("y", "z")))


async def an_expiry_and_a_sweep(adapters):
    adapters.clock.advance(hours=2)
    while (await adapters.purges.sweep(adapters.clock())).more:
        pass
    await adapters.keep(an_origin("a", tags=("y", "z")))
    await adapters.keep(an_origin("b", tags=("y",)))


async def a_broken_picture(adapters):
    entry = await adapters.index.find(HERE, "a")
    await adapters.index.forget_broken(entry)
    await adapters.keep(an_origin("a", tags=("y", "z")))


async def a_picture_that_somebody_removed(adapters):
    entry = await adapters.index.find(HERE, "a")
    assert await adapters.register.forget([entry.blob_id]) == 1
    await adapters.keep(an_origin("a", tags=("y", "z")))


async def an_eviction(adapters):
    place = (await adapters.index.find(HERE, "a")).place
    usage = adapters.ledger.usage()
    assert await adapters.ledger.evict(Hand.PROBATION, usage, Turn(place, (place,)), adapters.clock()) > 0
    await adapters.keep(an_origin("a", tags=("y", "z")))


@pytest.mark.parametrize("marking", [False, True], ids=["deleting", "marking"])
@pytest.mark.parametrize(
    "going",
    [
        a_refresh,
        a_purge,
        a_purge_by_tag_and_a_sweep,
        an_expiry_and_a_sweep,
        a_broken_picture,
        a_picture_that_somebody_removed,
        an_eviction,
    ],
    ids=lambda going: going.__name__,
)
async def test_however_an_entry_goes_its_tags_go_with_it(adapters, going, marking, monkeypatch):
    if marking:
        monkeypatch.setattr(purges, "DELETED_AT_ONCE", -1)
    await adapters.keep(an_origin("a", tags=("w", "x", "y")))
    await adapters.keep(an_origin("b", tags=("y",)))

    await going(adapters)

    assert held(adapters) == [("y", "a"), ("y", "b"), ("z", "a")]


async def test_a_purge_by_tags_of_many_marks_the_tags_and_no_entry(adapters, monkeypatch):
    monkeypatch.setattr(purges, "DELETED_AT_ONCE", -1)
    reader = adapters.index._database.reader
    await adapters.keep(an_origin("a", tags=("x", "y")))
    await adapters.keep(an_origin("b", tags=("y", "z")))

    assert (await adapters.purge(PurgeFilter(tags=("x", "z", "unknown")))).count == 2
    assert reader.execute("SELECT tag, purged_seq FROM tag ORDER BY 1").fetchall() == [
        ("x", 1),
        ("y", 0),
        ("z", 1),
    ]
    assert reader.execute("SELECT count(*) FROM entry WHERE dead").fetchone() == (0,)


async def test_a_soft_purge_by_tags_of_many_marks_the_tags_and_no_entry(adapters, monkeypatch):
    monkeypatch.setattr(purges, "DELETED_AT_ONCE", -1)
    reader = adapters.index._database.reader
    entry = await adapters.keep(an_origin("a", tags=("x", "y")))
    other = await adapters.keep(an_origin("b", tags=("y",)))

    assert (await adapters.purge(PurgeFilter(tags=("x", "unknown")), soft=True)).count == 1
    assert reader.execute("SELECT tag, purged_seq, softened_seq FROM tag ORDER BY 1").fetchall() == [
        ("x", 0, 1),
        ("y", 0, 0),
    ]
    assert reader.execute("SELECT count(*) FROM entry WHERE softened").fetchone() == (0,)
    assert await adapters.has(replace(entry, softened=True), other) == [True, True]


async def test_what_a_soft_purge_overtook_is_stale_also_when_the_tags_mark_is_gone(adapters, monkeypatch):
    monkeypatch.setattr(purges, "DELETED_AT_ONCE", -1)
    slow = an_origin("a", tags=("x",))
    await adapters.keep(slow)
    lease = await adapters.lease(slow)
    await adapters.purge(PurgeFilter(tags=("x",)), soft=True)
    # It takes the place of the last entry that has the tag, so the tag goes and comes, without its mark.
    entry = an_entry(slow, birth=lease.birth)
    assert await adapters.index.commit(lease, entry) == Stored(softened=True)

    assert await adapters.has(replace(entry, softened=True)) == [True]


async def test_a_mark_that_went_with_its_tag_is_not_needed_again(adapters, monkeypatch):
    monkeypatch.setattr(purges, "DELETED_AT_ONCE", -1)
    slow = an_origin("slow", tags=("x",))
    lease = await adapters.lease(slow)
    await adapters.keep(an_origin("a", tags=("x",)))
    await adapters.purge(PurgeFilter(tags=("x",)))
    while (await adapters.purges.sweep(adapters.clock() + timedelta(seconds=1))).more:
        pass
    assert held(adapters) == []
    again = await adapters.keep(an_origin("a", tags=("x",)))

    assert await adapters.has(again) == [True]
    assert await adapters.index.commit(lease, an_entry(slow, birth=lease.birth)) == Barred(Seq(1))
