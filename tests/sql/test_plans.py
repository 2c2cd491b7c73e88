"""No look-up and no anchored purge walks through a table: SQLite says so of every statement that is run."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import replace

import pytest

from calotype.cache.globs import PathGlob, UrlGlob
from calotype.cache.hands import Hand, Turn
from calotype.cache.purge import PurgeFilter
from calotype.sql.sqlite import purges
from tests.support.adapters import pages, sqlite_adapters
from tests.support.builders import HERE, TRIAL, an_origin
from tests.support.clock import HandClock

WALKS = re.compile(
    r"SCAN (?:entry|e|url|u|dir|d|tag|g|entry_tag|et|ns|n|purge_log|lease|api_key|account|account_room|a)\b"
)
"""The names our statements give to tables that grow. Temporary tables and a filter's ranges may be walked."""


@pytest.fixture
async def adapters(tmp_path):
    async with sqlite_adapters(tmp_path / "index.db", HandClock()) as adapters:
        await adapters.keep_many(
            [
                *pages(40),
                *(
                    replace(origin, tags=frozenset({"t", "u"}))
                    for origin in pages(20, "https://t.example/", "t")
                ),
                *pages(40, "https://other.example/", "o"),
                an_origin("html", "http://a.b:81/"),
            ]
        )
        yield adapters


@contextmanager
def statements(database):
    """Gather what is run, with the values filled in, and how SQLite goes about it."""
    run: list[str] = []
    for connection in (database.reader, database._writer, *database.scanners):
        connection.set_trace_callback(run.append)
    plans: dict[str, list[str]] = {}
    try:
        yield plans
    finally:
        for connection in (database.reader, database._writer, *database.scanners):
            connection.set_trace_callback(None)
        for statement in run:
            if statement.split(" ", 1)[0] in ("SELECT", "UPDATE", "DELETE", "INSERT"):
                steps = database._writer.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
                plans[statement] = [step[3] for step in steps]


def walks(plans):
    return {
        statement: steps for statement, steps in plans.items() if any(WALKS.search(step) for step in steps)
    }


@pytest.mark.parametrize("tags", [(), ("t", "new")], ids=["untagged", "tagged"])
async def test_a_look_up_searches_every_table_it_touches(adapters, tags):
    entry = await adapters.keep(an_origin("k", tags=tags))
    with statements(adapters.index._database) as plans:
        await adapters.index.find(HERE, "k")
        await adapters.index.find_by_id(entry.id)
        await adapters.index.head(HERE)
        await adapters.purges.since(HERE, 0)
        await adapters.keys.find(b"hash")

    assert len(plans) >= 6
    assert walks(plans) == {}
    for steps in (steps for statement, steps in plans.items() if "entry e" in statement):
        assert "entry_key" in steps[0] or "entry_name" in steps[0]
        # Beside the four of old subqueries, two for tags and two for moments. An entry without tags takes
        # none of the former's steps, one that is younger than all marks of moments none of the latter's.
        others = [step for step in steps if "SEARCH" not in step]
        assert sorted(others) == [f"CORRELATED SCALAR SUBQUERY {number}" for number in (1, 2, 3, 4)]
        assert len(steps) - len(others) == 10


async def test_a_store_searches_every_table_it_touches(adapters):
    with statements(adapters.index._database) as plans:
        await adapters.keep(an_origin("new", "https://new.example/", tags=("t", "new")))
        await adapters.keep(an_origin("new", "https://newer.example/", tags=("newer",)))
        await adapters.index.forget_broken(await adapters.keep(an_origin("new")))

    assert len(plans) > 15
    assert walks(plans) == {}


ANCHORED = [
    PurgeFilter(keys=("k1", "k2", "unknown", "f" * 32)),
    PurgeFilter(url=UrlGlob("https://example.com/1")),
    PurgeFilter(url=UrlGlob("https://example.com/*")),
    PurgeFilter(url=UrlGlob("example.com/*")),
    PurgeFilter(url=UrlGlob("https://*.example.com/*")),
    PurgeFilter(url=UrlGlob("https://*example.com/*")),
    PurgeFilter(url=UrlGlob("https://example.com/*/draft")),
    PurgeFilter(url=UrlGlob("https://example.com:*/*")),
    PurgeFilter(pattern=PathGlob("screenshots/2024/01/*")),
    PurgeFilter(pattern=PathGlob("screenshots/2024/01/15/*.png")),
    PurgeFilter(url=UrlGlob("https://example.com/*"), before=HandClock()().replace(year=2030)),
    PurgeFilter(url=UrlGlob("https://example.com/*"), pattern=PathGlob("screenshots/2024/*")),
    PurgeFilter(keys=("k1",), url=UrlGlob("https://example.com/*"), pattern=PathGlob("*.png")),
    PurgeFilter(tags=("t",)),
    PurgeFilter(tags=("t", "unknown", "u")),
    PurgeFilter(tags=("t",), before=HandClock()().replace(year=2030)),
    PurgeFilter(tags=("u",), url=UrlGlob("https://t.example/*")),
    PurgeFilter(tags=("u",), url=UrlGlob("*/1*")),
    PurgeFilter(tags=("u",), url=UrlGlob("t.example/1")),
    PurgeFilter(tags=("u",), pattern=PathGlob("*.png")),
    PurgeFilter(tags=("u",), keys=("t1", "k1")),
    PurgeFilter(everything=True),
    PurgeFilter(before=HandClock()().replace(year=2030)),
]


async def test_a_purge_before_a_moment_searches_births_and_counts_in_their_index(adapters, monkeypatch):
    monkeypatch.setattr(purges, "DELETED_AT_ONCE", 1)
    with statements(adapters.index._database) as plans:
        await adapters.purge(PurgeFilter(before=HandClock()().replace(year=2030)))

    some, all_of_them = (steps for statement, steps in plans.items() if "entry e" in statement)
    assert some[0] == "SEARCH e USING INDEX entry_born (ns=? AND born_ms<?)"
    assert all_of_them == ["SEARCH e USING COVERING INDEX entry_born (ns=? AND born_ms<?)"]


@pytest.mark.parametrize(
    "which",
    [one for one in ANCHORED if one.to_plain().keys() == {"url"}],
    ids=lambda which: which.url.pattern,
)
async def test_a_purge_by_url_marks_the_dictionary_where_it_lies(adapters, which, monkeypatch):
    monkeypatch.setattr(purges, "DELETED_AT_ONCE", -1)
    with statements(adapters.index._database) as plans:
        await adapters.purge(which)

    marked = [
        steps for statement, steps in plans.items() if statement.startswith("UPDATE url SET purged_seq")
    ]
    assert marked
    for steps in marked:
        assert steps == ["SEARCH url USING PRIMARY KEY (ns=? AND ukey>? AND ukey<?)"]


async def test_the_counters_of_a_url_are_kept_by_searches(adapters):
    # A trigger's own plan is not told, so its statements are asked for as they stand.
    writer = adapters.index._database._writer
    for statement in (
        "UPDATE url SET live = live + 1 WHERE url_id = 7",
        "SELECT min(drop_after) FROM entry WHERE url_id = 7",
    ):
        (step,) = [step[3] for step in writer.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()]
        assert step.startswith("SEARCH")
        assert "INDEX" in step


@pytest.mark.parametrize("marking", [False, True], ids=["deleting", "marking"])
@pytest.mark.parametrize("which", ANCHORED, ids=lambda which: " ".join(map(str, which.to_plain().values())))
async def test_an_anchored_purge_searches_every_table_it_touches(adapters, which, marking, monkeypatch):
    if marking:
        monkeypatch.setattr(purges, "DELETED_AT_ONCE", -1)
    with statements(adapters.index._database) as plans:
        done = await adapters.purge(which)

    assert done.count > 0 or "*" in str(which.url)
    assert walks(plans) == {}


async def test_a_sweep_goes_on_where_it_stopped_and_reads_a_chunk(adapters):
    with statements(adapters.index._database) as plans:
        await adapters.purges.sweep(adapters.clock())

    (sweep,) = [steps for statement, steps in plans.items() if "entry e" in statement]
    assert sweep[0] == "SEARCH e USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"
    assert not any("TEMP B-TREE" in step for step in sweep)
    # Once a pass the namespaces are gone through; there are two for an account.
    walked = [statement for statement in walks(plans) if "max(id)" not in statement]
    assert [statement.split(" SET ")[0] for statement in walked] == ["UPDATE ns"]


@pytest.mark.parametrize("hand", Hand)
async def test_a_hand_of_an_account_reads_its_entries_and_no_others(adapters, hand):
    for number in range(4):
        await adapters.keep(an_origin(f"k{number}", namespace=TRIAL))
    ledger, now = adapters.ledger, adapters.clock()
    await ledger.evict(Hand.PROBATION, ledger.usage(1), Turn(40, ()), now)
    with statements(adapters.index._database) as plans:
        assert ledger.accounts_above(0) == [1]
        usage = ledger.usage(1)
        first, *_, last = await ledger.candidates(hand, usage, now)
        assert await ledger.evict(hand, usage, Turn(last.place, (first.place, last.place)), now) > 0

    assert walks(plans) == {}
    (chunk,) = [steps for statement, steps in plans.items() if "UNION ALL" in statement]
    assert chunk[0] == "MERGE (UNION ALL)"
    summed = [steps for statement, steps in plans.items() if "sum(" in statement]
    assert len(summed) == (hand is Hand.PROBATION)
    for steps in (chunk, *summed):
        of_entry = {step for step in steps if re.match(r"\w+ e\b", step)}
        assert of_entry == {"SEARCH e USING INDEX entry_ns (ns=? AND rowid>? AND rowid<?)"}
        assert not any("TEMP B-TREE" in step for step in steps)
    (above,) = [steps for statement, steps in plans.items() if "ORDER BY used" in statement]
    assert above == ["SEARCH account_room USING COVERING INDEX account_room_used (used>?)"]


@pytest.mark.parametrize("hand", Hand)
async def test_a_hand_reads_and_takes_a_chunk_from_where_it_stands(adapters, hand):
    ledger, now = adapters.ledger, adapters.clock()
    await ledger.evict(Hand.PROBATION, ledger.usage(), Turn(40, ()), now)
    with statements(adapters.index._database) as plans:
        usage = ledger.usage()
        first, *_, last = await ledger.candidates(hand, usage, now)
        assert await ledger.evict(hand, usage, Turn(last.place, (first.place, last.place)), now) > 0
        await ledger.begin_pass(now)

    assert len(plans) > 8
    assert {statement: steps for statement, steps in walks(plans).items() if "max(id)" not in statement} == {}
    (chunk,) = [steps for statement, steps in plans.items() if "ORDER BY e.id LIMIT" in statement]
    assert chunk[0] == "SEARCH e USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"
    assert not any("TEMP B-TREE" in step for step in chunk)


@pytest.mark.parametrize(
    "which",
    [None, PurgeFilter(url=UrlGlob("https://example.com/*")), PurgeFilter(tags=("t", "unknown"))],
    ids=["all", "narrowed", "tagged"],
)
async def test_a_page_of_the_listing_searches_every_table_it_touches(adapters, which):
    with statements(adapters.index._database) as plans:
        page, cursor = await adapters.index.page(HERE, which, None, 10)
        await adapters.index.page(HERE, which, cursor, 10)

    assert len(page) == 10
    assert walks(plans) == {}


async def test_asking_which_blobs_are_known_searches(adapters):
    entry = await adapters.keep(an_origin("k"))
    await adapters.purge(PurgeFilter(keys=("k0",)))
    with statements(adapters.index._database) as plans:
        await adapters.register.unknown([entry.blob_id, "f" * 32])
        await adapters.register.named(0, 10)
        await adapters.register.forget([entry.blob_id])

    assert len(plans) >= 3
    assert walks(plans) == {}
    (asking,) = [steps for statement, steps in plans.items() if "j.value FROM" in statement]
    assert [step for step in asking if "INDEX entry_blob" in step or "INDEX blob_gc_blob" in step][1:]


@pytest.mark.parametrize("which", [None, PurgeFilter(before=HandClock()().replace(year=2030))])
async def test_a_page_of_the_whole_cache_reads_no_more_than_a_page(adapters, which):
    with statements(adapters.index._database) as plans:
        _, cursor = await adapters.index.page(HERE, which, None, 10)
        await adapters.index.page(HERE, which, cursor, 10)

    first, second = (steps for statement, steps in plans.items() if "FROM entry e" in statement)
    assert first[0] == "SEARCH e USING INDEX entry_ns (ns=?)"
    assert second[0] == "SEARCH e USING INDEX entry_ns (ns=? AND rowid<?)"
    assert not any("TEMP B-TREE" in step for step in (*first, *second))
