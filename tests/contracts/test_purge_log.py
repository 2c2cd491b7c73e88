"""PurgeLog: what goes, what stays, and how many went."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from calotype.cache.entry import Mode, Namespace, Seq, id_in_address
from calotype.cache.errors import IdempotencyMismatch
from calotype.cache.globs import PathGlob, UrlGlob
from calotype.cache.purge import MAX_KEYS, PurgeFilter, PurgeRecord
from calotype.cache.url_key import NO_URL_KEY
from calotype.capture.output import ImageFormat
from calotype.sql.sqlite import purges as sqlite_purges
from tests.support.adapters import pages
from tests.support.builders import HERE, THERE, TRIAL, an_id, an_origin
from tests.support.clock import NOON

EVERYTHING = PurgeFilter(everything=True)

URLS = """
    https://example.com/ https://example.com/blog/ https://example.com/blog/a https://example.com/blog/a?x=1
    https://example.com/blogger http://example.com/blog/a https://www.example.com/blog/a
    https://example.com:8443/blog/a https://example.com.evil.org/blog/a https://evil.org/?u=https://example.com/blog/a
""".split()  # noqa: SIM905  one a line, they would fill a screen
URL_GLOBS = """
    https://example.com/blog/a https://example.com/blog/* https://example.com/blog* example.com/*
    example.com:*/* https://*.example.com/* https://*example.com/* https://example.com/*?x=1 */blog/* *a * https://nowhere.org/*
""".split()  # noqa: SIM905
PATH_GLOBS = """
    * screenshots/* screenshots/2024/01/1?/* screenshots/2024/01/15/* screenshots/2024/01/*.png *.jpeg *0* x*
    screenshots/2024/01/14/a*
""".split()  # noqa: SIM905
TAGS = ["red", "green", "blue"]
MOMENTS = [NOON + timedelta(days=days, milliseconds=ms) for days in (-2, -1, 0, 1) for ms in (0, 1)]
OTHER_NAMESPACES = count(100)
"""So that one index serves all examples, and every example proves that it leaves the others alone."""


async def a_crowd(adapters, namespace, drawn):
    """Store an entry for each (url, format, tags, day, ttl) drawn, and stand at noon of the last day."""
    crowd = []
    for number, (url, image_format, tags, days, ttl_s) in enumerate(drawn):
        adapters.clock.now = NOON + timedelta(days=days)
        origin = an_origin(f"k{number}", url, namespace, image_format, tags)
        crowd.append(await adapters.keep(origin, ttl_s))
    adapters.clock.now = NOON
    return crowd


def addresses(number, namespace):
    entry_id = an_id(f"{namespace}k{number}")
    return [
        f"k{number}",
        entry_id,
        f"{entry_id}.png",
        f"screenshots/{entry_id}",
        f"screenshots/2023/12/31/{entry_id}.webp",
    ]


def filters(namespace):
    """Any filter and any combination of filters over what a_crowd stores."""
    keys = st.lists(
        st.tuples(st.integers(0, 14), st.integers(0, 4)).map(lambda at: addresses(at[0], namespace)[at[1]]),
        min_size=1, max_size=8, unique=True,
    )  # fmt: skip
    parts: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
        {},
        optional={
            "keys": keys.map(tuple),
            "url": st.sampled_from(URL_GLOBS).map(UrlGlob),
            "pattern": st.sampled_from(PATH_GLOBS).map(PathGlob),
            "before": st.sampled_from(MOMENTS),
            "tags": st.lists(st.sampled_from([*TAGS, "unused"]), min_size=1, unique=True).map(tuple),
            "everything": st.just(True),
        },
    )
    return parts.filter(bool).map(lambda given: PurgeFilter(**given))


CROWDS = st.lists(
    st.tuples(
        st.sampled_from(URLS),
        st.sampled_from(ImageFormat),
        st.frozensets(st.sampled_from(TAGS)),
        st.integers(-2, 0),
        st.sampled_from([86_400, 200_000]),
    ),
    max_size=12,
)


@given(drawn=CROWDS, data=st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_purge_takes_and_counts_exactly_what_its_filter_matches(purging, drawn, data):
    namespace = Namespace(next(OTHER_NAMESPACES), Mode.LIVE)
    which = data.draw(filters(namespace))
    crowd = await a_crowd(purging, namespace, drawn)
    servable = [entry for entry in crowd if entry.fresh_until > NOON]
    matching = [entry for entry in servable if which.matches(entry.subject)]
    named = {entry.key for entry in matching} | {entry.id for entry in matching}
    keys = tuple(key for key in which.keys or () if key in named or id_in_address(key) in named)

    dry = await purging.purge(which, namespace, dry_run=True)
    assert (dry.count, dry.keys, dry.dry_run) == (len(matching), keys, True)
    assert all(await purging.has(*crowd))
    assert (dry.seq, await purging.index.head(namespace)) == (0, 0)

    done = await purging.purge(which, namespace)
    assert (done.count, done.keys, done.dry_run) == (len(matching), keys, False)
    assert (done.seq, await purging.index.head(namespace)) == (1, 1)
    assert await purging.has(*crowd) == [not which.matches(entry.subject) for entry in crowd]

    again = await purging.purge(which, namespace)
    assert (again.count, again.keys) == (0, ())
    rest = await purging.purge(EVERYTHING, namespace)
    assert rest.count == len(servable) - len(matching)


@given(drawn=CROWDS, data=st.data())
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_a_soft_purge_makes_stale_and_counts_exactly_what_was_fresh(purging, drawn, data):
    namespace = Namespace(next(OTHER_NAMESPACES), Mode.LIVE)
    which, then = data.draw(filters(namespace)), data.draw(filters(namespace))
    crowd = await a_crowd(purging, namespace, drawn)
    fresh = [entry for entry in crowd if entry.fresh_until > NOON]
    matching = [entry for entry in fresh if which.matches(entry.subject)]

    assert (await purging.purge(which, namespace, soft=True, dry_run=True)).count == len(matching)
    done = await purging.purge(which, namespace, soft=True)
    assert (done.count, done.soft) == (len(matching), True)
    for entry in crowd:
        softened = which.matches(entry.subject)
        assert await purging.index.find(namespace, entry.key) == replace(entry, softened=softened)

    # One entry is made stale once, and goes once, whichever filters overlap.
    assert (await purging.purge(which, namespace, soft=True)).count == 0
    rest = [entry for entry in fresh if not which.matches(entry.subject) and then.matches(entry.subject)]
    assert (await purging.purge(then, namespace, soft=True)).count == len(rest)
    assert (await purging.purge(EVERYTHING, namespace)).count == len(fresh)


async def test_what_is_past_its_time_but_may_serve_is_purged_and_counted_and_not_made_stale_again(purging):
    await purging.keep(an_origin("a"), ttl_s=60, swr_s=10, sie_s=60)
    purging.clock.advance(seconds=119)

    assert (await purging.purge(EVERYTHING, soft=True)).count == 0
    assert (await purging.purge(EVERYTHING)).count == 1


async def test_what_is_of_no_use_any_more_is_not_counted(purging):
    await purging.keep(an_origin("a"), ttl_s=60, swr_s=10, sie_s=60)
    purging.clock.advance(seconds=120)

    assert (await purging.purge(EVERYTHING)).count == 0


@given(drawn=CROWDS, data=st.data())
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_purges_one_after_the_other_count_only_what_the_ones_before_have_left(purging, drawn, data):
    namespace = Namespace(next(OTHER_NAMESPACES), Mode.LIVE)
    there = {entry.key: entry for entry in await a_crowd(purging, namespace, drawn)}
    for _ in range(data.draw(st.integers(2, 4))):
        which, soft = data.draw(filters(namespace)), data.draw(st.booleans())
        meant = sorted(key for key, entry in there.items() if which.matches(entry.subject))
        counted = [
            key for key in meant if there[key].fresh_until > NOON and not (soft and there[key].softened)
        ]

        assert (await purging.purge(which, namespace, soft=soft)).count == len(counted)
        left = {key: replace(there[key], softened=True) for key in meant} if soft else {}
        there = {key: entry for key, entry in there.items() if key not in meant} | left
        assert all(await purging.has(*there.values()))
        page, _ = await purging.index.page(namespace, None, None, 20)
        fresh = {key for key, entry in there.items() if entry.fresh_until > NOON and not entry.softened}
        assert {entry.key for entry in page} == fresh
        if meant and data.draw(st.booleans()):
            # One of them comes anew, with tags of its own: what was marked before does not concern it.
            tags = data.draw(st.frozensets(st.sampled_from(TAGS)))
            there[meant[0]] = await purging.keep(an_origin(meant[0], URLS[0], namespace, tags=tags))


async def test_expired_entries_are_not_counted(purging):
    await purging.keep(an_origin("brief", tags=("t",)), ttl_s=60)
    await purging.keep(an_origin("lasting", tags=("t",)))
    purging.clock.advance(seconds=60)

    for which in (PurgeFilter(keys=("brief", "lasting")), PurgeFilter(tags=("t",)), EVERYTHING):
        assert (await purging.purge(which, dry_run=True)).count == 1
    done = await purging.purge(PurgeFilter(keys=("brief", "lasting")))
    assert (done.count, done.keys) == (1, ("lasting",))


@pytest.mark.parametrize(
    "which",
    [
        PurgeFilter(keys=("k",)),
        PurgeFilter(url=UrlGlob("example.com/*")),
        PurgeFilter(pattern=PathGlob("*.png")),
        PurgeFilter(tags=("t", "u")),
        EVERYTHING,
    ],
    ids=["keys", "url", "pattern", "tags", "all"],
)
async def test_what_had_expired_does_not_return_when_the_clock_is_set_back_after_the_purge(purging, which):
    entry = await purging.keep(an_origin(tags=("t",)), ttl_s=60)
    purging.clock.advance(hours=1)
    assert (await purging.purge(which)).count == 0
    purging.clock.advance(hours=-1)

    assert await purging.has(entry) == [False]


@pytest.mark.parametrize("other", [THERE, TRIAL], ids=["account", "mode"])
@pytest.mark.parametrize(
    "which",
    [
        EVERYTHING,
        PurgeFilter(url=UrlGlob("*")),
        PurgeFilter(pattern=PathGlob("*")),
        PurgeFilter(keys=("k",)),
        PurgeFilter(before=NOON.replace(year=9999)),
        PurgeFilter(tags=("t",)),
    ],
    ids=["all", "url", "pattern", "keys", "before", "tags"],
)  # fmt: skip
async def test_other_namespaces_are_not_touched(purging, which, other):
    ours = await purging.keep(an_origin("k", tags=("t",)))
    theirs = await purging.keep(an_origin("k", namespace=other, tags=("t",)))

    assert (await purging.purge(which)).count == 1
    assert await purging.has(ours, theirs) == [False, True]


async def test_another_accounts_id_names_nothing(adapters):
    theirs = await adapters.keep(an_origin("k", namespace=THERE))

    assert (await adapters.purge(PurgeFilter(keys=(theirs.id, theirs.path)))).count == 0
    assert await adapters.has(theirs) == [True]


async def test_an_address_means_a_key_first_and_an_id_only_when_there_is_no_such_key(purging):
    by_id = await purging.keep(an_origin("k"))
    by_key = await purging.keep(an_origin(by_id.id))
    address = PurgeFilter(keys=(by_id.id,))

    assert (await purging.purge(address)).count == 1
    assert await purging.has(by_id, by_key) == [True, False]
    assert (await purging.purge(address)).count == 1
    assert await purging.has(by_id) == [False]


async def test_several_addresses_of_one_entry_count_it_once_and_all_are_told(purging):
    entry = await purging.keep(an_origin("k"))
    named = (entry.path, "unknown", "k", entry.id)

    done = await purging.purge(PurgeFilter(keys=named))
    assert (done.count, done.keys) == (1, (entry.path, "k", entry.id))


async def test_entries_made_from_html_go_with_a_star_and_with_no_other_url(purging):
    entry = await purging.keep(replace(an_origin(), url_key=NO_URL_KEY))
    for glob in ("*/*", "https://*", "*:*", "about:*", "?*"):
        assert (await purging.purge(PurgeFilter(url=UrlGlob(glob)))).count == 0
    assert (await purging.purge(PurgeFilter(url=UrlGlob("*")))).count == 1
    assert await purging.has(entry) == [False]


MANY = 620
"""More than a purge deletes at once."""
BLOG = "https://example.com/blog/"
SECOND_DAY = NOON + timedelta(days=1)


@pytest.mark.parametrize(
    "which",
    [
        PurgeFilter(keys=tuple(f"k{number}" for number in range(MANY))),
        PurgeFilter(url=UrlGlob("https://example.com/blog/*")),
        PurgeFilter(url=UrlGlob("https://example.com/*log/*")),
        PurgeFilter(url=UrlGlob("*/blog/*")),
        PurgeFilter(pattern=PathGlob("screenshots/2024/01/15/*")),
        PurgeFilter(pattern=PathGlob("screenshots/2024/01/15/*.png")),
        PurgeFilter(pattern=PathGlob("screenshots/*5/*")),
        PurgeFilter(before=SECOND_DAY),
        PurgeFilter(tags=("blog",)),
        PurgeFilter(tags=("even", "unused", "odd")),
        PurgeFilter(tags=("blog", "even")),
        PurgeFilter(tags=("blog",), before=SECOND_DAY),
        PurgeFilter(tags=("even", "odd"), url=UrlGlob("https://example.com/blog/*")),
        PurgeFilter(tags=("even", "odd"), pattern=PathGlob("screenshots/2024/01/15/*")),
        PurgeFilter(everything=True, tags=("blog",)),
        PurgeFilter(tags=("blog",), keys=tuple(f"k{number}" for number in range(MANY))),
        PurgeFilter(url=UrlGlob("https://example.com/blog/*"), before=SECOND_DAY),
        PurgeFilter(url=UrlGlob("https://example.com/blog/*"), pattern=PathGlob("screenshots/2024/01/15/*")),
        PurgeFilter(everything=True, url=UrlGlob("https://example.com/blog/*")),
        PurgeFilter(everything=True, before=SECOND_DAY),
        PurgeFilter(
            keys=tuple(f"k{number}" for number in range(MANY)), url=UrlGlob("https://example.com/blog/*")
        ),
    ],
    ids=lambda which: " ".join(f"{name}={str(value)[:40]}" for name, value in which.to_plain().items()),
)
async def test_a_purge_of_many_leaves_no_more_and_no_less_than_a_purge_of_few(adapters, which):
    many = await adapters.keep_many(
        [
            replace(origin, tags=frozenset({"blog", "odd" if number % 2 else "even"}))
            for number, origin in enumerate(pages(MANY, BLOG))
        ]
    )
    adapters.clock.now = SECOND_DAY
    others = [
        await adapters.keep(
            an_origin("other page", "https://example.com/", image_format=ImageFormat.JPEG, tags=("Blog",))
        ),
        await adapters.keep(
            an_origin("other site", "https://example.org/blog", image_format=ImageFormat.JPEG)
        ),
    ]
    adapters.clock.now = NOON + timedelta(seconds=1)

    assert (await adapters.purge(which, dry_run=True)).count == MANY
    done = await adapters.purge(which)
    assert (done.count, len(done.keys)) == (MANY, len(which.keys or ()))
    assert not any(await adapters.has(*many))
    assert await adapters.has(*others) == [True, True]
    assert (await adapters.purge(which)).count == 0

    again = await adapters.keep(an_origin("k7", f"{BLOG}7"))
    assert await adapters.has(again) == [True]
    assert (await adapters.purge(EVERYTHING)).count == 3


async def test_everything_goes_at_once_however_much_it_is(adapters):
    entries = await adapters.keep_many(pages(MANY))
    theirs = await adapters.keep(an_origin("k0", namespace=THERE))

    assert (await adapters.purge(EVERYTHING)).count == MANY
    assert not any(await adapters.has(*entries))
    assert await adapters.has(theirs) == [True]
    assert await adapters.has(await adapters.keep(an_origin("k0"))) == [True]


async def test_the_most_keys_that_a_purge_may_name_are_dealt_with_in_seconds(adapters):
    entries = await adapters.keep_many(pages(1_500))
    keys = tuple(entry.key for entry in entries) + tuple(
        f"unknown{number}" for number in range(MAX_KEYS - 1_500)
    )

    async with asyncio.timeout(10):
        done = await adapters.purge(PurgeFilter(keys=keys))

    assert (done.count, done.keys) == (1_500, keys[:1_500])


async def test_a_purge_by_another_process_is_obeyed_at_once_by_what_is_remembered_here(both):
    here, there = both
    one, other = (
        await here.keep(an_origin("a", "https://example.com/a")),
        await here.keep(an_origin("b", "https://example.com/b")),
    )
    assert await here.has(one, other) == [True, True]

    assert (await there.purge(PurgeFilter(url=UrlGlob("https://example.com/a")))).count == 1

    assert await here.has(one, other) == [False, True]
    assert await here.index.head(HERE) == 1


async def test_the_most_tags_that_a_purge_may_name_are_dealt_with_in_seconds(adapters):
    origins = [replace(origin, tags=frozenset({origin.identity.key, "all"})) for origin in pages(1_500)]
    entries = await adapters.keep_many(origins)
    tags = (*(entry.key for entry in entries), *(f"unknown{number}" for number in range(MAX_KEYS - 1_500)))

    async with asyncio.timeout(10):
        assert (await adapters.purge(PurgeFilter(tags=tags))).count == 1_500
    assert not any(await adapters.has(*entries))


async def test_a_refresh_with_other_tags_gives_up_the_old_ones(purging):
    await purging.keep(an_origin("k", tags=("old", "both")))
    entry = await purging.keep(an_origin("k", tags=("both", "new")))

    assert (await purging.purge(PurgeFilter(tags=("old",)))).count == 0
    assert await purging.has(entry) == [True]
    assert (await purging.purge(PurgeFilter(tags=("new",)))).count == 1
    assert await purging.has(entry) == [False]


async def test_what_is_tagged_again_after_its_purge_stays_until_the_next(purging):
    await purging.keep(an_origin("keeps the tag in use", tags=("t", "u")))
    await purging.keep(an_origin("k", tags=("t",)))
    assert (await purging.purge(PurgeFilter(tags=("t",)))).count == 2
    again = await purging.keep(an_origin("k", tags=("t", "v")))

    assert await purging.has(again) == [True]
    assert (await purging.purge(PurgeFilter(tags=("v", "u", "t")))).count == 1


async def test_purges_at_once_count_no_entry_twice(both):
    entries = await both[0].keep_many(pages(40))
    done = await asyncio.gather(
        *(
            one.purge(which)
            for one in both
            for which in (EVERYTHING, PurgeFilter(url=UrlGlob("example.com/*")))
        )
    )

    assert sum(purge.count for purge in done) == 40
    assert sorted(purge.seq for purge in done) == [1, 2, 3, 4]
    assert len({purge.id for purge in done}) == 4
    assert not any(await both[0].has(*entries))


async def test_the_log_tells_every_purge_since_in_order_as_it_was_asked(both):
    here, there = both
    asked = [
        PurgeFilter(keys=("k", "ü")),
        PurgeFilter(url=UrlGlob("https://bücher.example/*?x=[1]")),
        PurgeFilter(pattern=PathGlob(r"a\*/*"), before=NOON + timedelta(microseconds=7)),
        PurgeFilter(everything=True),
        PurgeFilter(everything=True, before=NOON.replace(year=9999)),
        PurgeFilter(tags=("b", "!a~")),
        PurgeFilter(tags=("a",), keys=("k",)),
    ]
    for which in asked:
        await here.purge(which)
    await here.purge(EVERYTHING, THERE)
    await here.purge(EVERYTHING, dry_run=True)

    assert list(await there.purges.since(HERE, 0)) == [
        PurgeRecord(Seq(seq), which) for seq, which in enumerate(asked, 1)
    ]
    assert [record.seq for record in await there.purges.since(HERE, 5)] == [6, 7]
    assert list(await there.purges.since(HERE, 7)) == []
    assert list(await there.purges.since(TRIAL, 0)) == []


async def test_a_sweep_frees_what_was_purged_and_what_expired_and_nothing_else(adapters):
    purged = await adapters.keep_many(pages(MANY, BLOG))
    expired = await adapters.keep(an_origin("brief", "https://example.com/b"), ttl_s=1)
    stays = await adapters.keep(an_origin("stays", "https://example.com/s"), ttl_s=86_400)
    await adapters.purge(PurgeFilter(url=UrlGlob("https://example.com/blog/*")))
    adapters.clock.advance(seconds=1)

    freed, more = 0, True
    while more:
        swept = await adapters.purges.sweep(adapters.clock())
        freed, more = freed + swept.entries, swept.more
        assert swept.blobs == ()

    assert freed == MANY + 1
    assert await adapters.has(stays) == [True]
    adapters.clock.advance(minutes=10)
    blobs = []
    while batch := (await adapters.purges.sweep(adapters.clock())).blobs:
        blobs += [blob for _, blob in batch]
        await adapters.purges.blobs_deleted([place for place, _ in batch])
    assert sorted(blobs) == sorted(entry.blob_id for entry in [*purged, expired])
    assert (await adapters.index.stats(None)).blobs_to_delete == 0


async def test_a_blob_stays_in_the_outbox_until_it_is_told_gone(purging):
    entry = await purging.keep(an_origin())
    await purging.purge(EVERYTHING)
    while (await purging.purges.sweep(purging.clock())).more:
        pass
    purging.clock.advance(minutes=10)

    first = (await purging.purges.sweep(purging.clock())).blobs
    second = (await purging.purges.sweep(purging.clock())).blobs

    assert first == second
    assert [blob for _, blob in first] == [entry.blob_id]


async def test_a_place_in_the_outbox_is_never_given_to_another_blob(both):
    here, there = both

    async def due():
        here.clock.advance(minutes=10)
        return (await here.purges.sweep(here.clock())).blobs

    await here.keep(an_origin("first"))
    await here.purge(EVERYTHING)
    ((place, _),) = await due()
    await here.purges.blobs_deleted([place])
    second = await here.keep(an_origin("second"))
    await here.purge(EVERYTHING)
    # The other process had seen the first blob too, and is slower.
    await there.purges.blobs_deleted([place])

    assert [blob for _, blob in await due()] == [second.blob_id]


async def test_what_expires_is_swept_within_the_hour_without_any_purge(adapters):
    await adapters.keep(an_origin(), ttl_s=60)
    assert (await adapters.purges.sweep(adapters.clock())).entries == 0
    adapters.clock.advance(minutes=59)
    assert (await adapters.purges.sweep(adapters.clock())).entries == 0
    adapters.clock.advance(minutes=1)

    assert (await adapters.purges.sweep(adapters.clock())).entries == 1


async def test_a_sweep_in_two_processes_frees_each_entry_once(both):
    here, there = both
    await here.keep_many(pages(MANY))
    await here.purge(EVERYTHING)
    freed = 0
    while True:
        swept = await asyncio.gather(*(one.purges.sweep(one.clock()) for one in both))
        freed += sum(one.entries for one in swept)
        if not any(one.more for one in swept):
            break

    assert (await there.index.stats(None)).blobs_to_delete == MANY


async def test_purges_that_keep_coming_do_not_keep_the_sweep_from_its_end(adapters, monkeypatch):
    monkeypatch.setattr(sqlite_purges, "DELETED_AT_ONCE", -1)
    monkeypatch.setattr(sqlite_purges, "_SWEEP_CHUNK", 2)
    await adapters.keep_many(pages(4, "https://stays.example/", "s"))
    for n in range(10):
        await adapters.keep(an_origin(f"k{n}", f"https://example.com/{n}"))
    freed = 0
    for n in range(10):
        await adapters.purge(PurgeFilter(url=UrlGlob(f"https://example.com/{n}")))
        freed += (await adapters.purges.sweep(adapters.clock())).entries
    assert freed >= 5
    while (swept := await adapters.purges.sweep(adapters.clock())).more:
        freed += swept.entries

    assert freed + swept.entries == 10


async def test_a_soft_purge_of_whole_days_marks_the_days_and_no_entry(adapters, monkeypatch):
    monkeypatch.setattr(sqlite_purges, "DELETED_AT_ONCE", -1)
    entries = [await adapters.keep(an_origin(f"k{number}")) for number in range(3)]
    done = await adapters.purge(PurgeFilter(pattern=PathGlob("screenshots/2024/*")), soft=True)

    assert done.count == len(entries)
    for entry in entries:
        found = await adapters.index.find(HERE, entry.key)
        assert found is not None
        assert found.softened
    marked = "SELECT count(*) FROM entry WHERE softened"
    assert adapters.index._database.read_one(marked) == (0,)


async def test_a_sweep_that_takes_too_long_stops_after_a_slice_and_goes_on_from_there(adapters, monkeypatch):
    monkeypatch.setattr(sqlite_purges, "DELETED_AT_ONCE", 0)
    monkeypatch.setattr(sqlite_purges, "_SWEEP_S", -1.0)
    await adapters.keep_many(pages(120))
    await adapters.purge(EVERYTHING)
    lasting = await adapters.keep_many(pages(3, keys="later"))

    swept = [await adapters.purges.sweep(adapters.clock()) for _ in range(3)]
    assert [one.entries for one in swept] == [50, 50, 20]
    assert [one.more for one in swept[:2]] == [True, True]
    assert all(await adapters.has(*lasting))


class TestOnce:
    """A purge with a name is done once, whoever sends it again and wherever."""

    async def test_sent_again_it_is_told_and_not_done(self, both):
        here, there = both
        await here.keep_many(pages(3))
        which = PurgeFilter(url=UrlGlob("https://example.com/*"))
        first = await here.purges.purge(HERE, which, NOON, by="test", once="deploy-1")
        later = await here.keep(an_origin("later", "https://example.com/later"))
        again = await there.purges.purge(HERE, which, NOON, by="test", once="deploy-1")

        assert (first.count, again) == (3, first)
        assert await there.has(later) == [True]
        assert await there.index.head(HERE) == first.seq

    async def test_the_keys_that_it_took_are_told_again(self, adapters):
        await adapters.keep(an_origin("k"))
        which = PurgeFilter(keys=("k", "unknown"))
        told = [await adapters.purges.purge(HERE, which, NOON, by="t", once="a") for _ in range(2)]

        assert told[0] == told[1]
        assert told[0].keys == ("k",)

    @pytest.mark.parametrize(
        ("which", "soft"), [(PurgeFilter(keys=("other",)), False), (PurgeFilter(keys=("k",)), True)]
    )
    async def test_another_purge_of_that_name_is_refused_and_does_nothing(self, adapters, which, soft):
        await adapters.purges.purge(HERE, PurgeFilter(keys=("k",)), NOON, by="t", once="a")
        entries = [await adapters.keep(an_origin(key)) for key in ("k", "other")]
        with pytest.raises(IdempotencyMismatch):
            await adapters.purges.purge(HERE, which, NOON, by="t", once="a", soft=soft)

        assert await adapters.has(*entries) == [True, True]
        assert await adapters.index.head(HERE) == 1

    async def test_after_a_day_the_name_is_free(self, adapters):
        which = PurgeFilter(keys=("k",))
        await adapters.purges.purge(HERE, which, NOON, by="t", once="a")
        entry = await adapters.keep(an_origin("k"), ttl_s=200_000)
        almost = NOON + timedelta(days=1) - timedelta(milliseconds=1)
        assert (await adapters.purges.purge(HERE, which, almost, by="t", once="a")).count == 0
        assert await adapters.has(entry) == [True]
        a_day_later = NOON + timedelta(days=1)
        await adapters.purges.sweep(a_day_later)
        assert adapters.index._database.read_one("SELECT count(*) FROM purge_once") == (0,)

        assert (
            await adapters.purges.purge(HERE, which, NOON + timedelta(days=1), by="t", once="a")
        ).count == 1

    async def test_names_are_each_namespaces_own_and_a_dry_run_has_none(self, adapters):
        which = PurgeFilter(keys=("k",))
        entry = await adapters.keep(an_origin("k"))
        await adapters.purges.purge(THERE, which, NOON, by="t", once="a")
        assert (await adapters.purges.purge(HERE, which, NOON, by="t", once="a", dry_run=True)).count == 1
        assert await adapters.has(entry) == [True]

        assert (await adapters.purges.purge(HERE, which, NOON, by="t", once="a")).count == 1

    async def test_of_two_that_are_sent_at_once_one_is_done(self, both):
        await both[0].keep_many(pages(5))
        told = await asyncio.gather(
            *(one.purges.purge(HERE, EVERYTHING, NOON, by="t", once="a") for one in both for _ in range(3))
        )

        assert {(purge.id, purge.count) for purge in told} == {(told[0].id, 5)}
