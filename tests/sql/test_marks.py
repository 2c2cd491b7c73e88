"""What purges count from counters and hide by marks is what going through all entries would say."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from datetime import timedelta

import pytest

from calotype.cache.globs import PathGlob, UrlGlob
from calotype.cache.purge import PurgeFilter
from calotype.sql import migrate as migrate_module
from calotype.sql.sqlite import marks, purges
from tests.support.adapters import pages, sqlite_adapters
from tests.support.builders import HERE, THERE, an_origin
from tests.support.clock import HandClock
from tests.support.counters import miscounted

KEYS, HOSTS = 24, 3
URL_GLOBS = [
    "https://h0.example/*",
    "https://h1.example/*",
    "https://h2.example/p0",
    "*.example/*",
    "*/p1",
    "*",
]


@pytest.fixture(autouse=True)
def _marking(monkeypatch):
    """Small as they are here, purges mark and sweeps go step by step."""
    monkeypatch.setattr(purges, "DELETED_AT_ONCE", -1)
    monkeypatch.setattr(purges, "_SWEEP_CHUNK", 3)


@pytest.fixture
async def adapters(tmp_path):
    async with sqlite_adapters(tmp_path / "index.db", HandClock()) as adapters:
        yield adapters


def connection_of(adapters):
    return adapters.index._database.reader


async def found(adapters):
    """Return what can be had by key: look-ups know nothing of counters."""
    names = [f"k{number}" for number in range(KEYS)]
    entries = [await adapters.index.find(HERE, name) for name in names]
    return [entry for entry in entries if entry is not None]


async def swept(adapters):
    """Sweep until there is nothing to do."""
    while (await adapters.purges.sweep(adapters.clock())).more:
        pass


class Anything:
    """Does to an index, by chance, whatever moves rows or hides them."""

    def __init__(self, adapters, seed):
        self.adapters, self.clock, self.chance = adapters, adapters.clock, random.Random(seed)

    async def step(self):
        await self.chance.choices([self.store, self.purge, self.sweep, self.forget], [8, 4, 2, 1])[0]()
        assert miscounted(connection_of(self.adapters)) == []

    async def store(self):
        number = self.chance.randrange(KEYS)
        url = f"https://h{number % HOSTS}.example/p{number % 4}"
        self.clock.advance(seconds=self.chance.choice([0, 1, 30]))
        await self.adapters.keep(an_origin(f"k{number}", url), self.chance.choice([1, 60, 3600, 86_400]))

    async def purge(self):
        url = UrlGlob(self.chance.choice(URL_GLOBS))
        moment = self.clock() + timedelta(seconds=self.chance.choice([-3600, -60, -1, 0, 5]))
        month = PathGlob("screenshots/2024/01/*")
        filters = [
            *(PurgeFilter(url=UrlGlob(self.chance.choice(URL_GLOBS))) for _ in range(4)),
            *(PurgeFilter(before=moment) for _ in range(3)),
            PurgeFilter(everything=True),
            PurgeFilter(pattern=month),
            PurgeFilter(url=url, before=moment),
            PurgeFilter(keys=("k1", "k2"), url=url),
        ]
        which, now = self.chance.choice(filters), self.clock()
        soft, dry_run = self.chance.random() < 0.3, self.chance.random() < 0.3
        matching = [entry for entry in await found(self.adapters) if which.matches(entry.subject)]
        counted = [
            entry
            for entry in matching
            if (entry.fresh_until > now and not entry.softened if soft else entry.drop_after > now)
        ]

        done = await self.adapters.purge(which, soft=soft, dry_run=dry_run)

        assert done.count == len(counted), which.to_plain()
        left = [entry for entry in await found(self.adapters) if which.matches(entry.subject)]
        if not dry_run:
            assert [entry.softened for entry in left] == [True] * (len(matching) if soft else 0)

    async def sweep(self):
        self.clock.advance(minutes=self.chance.choice([0, 0, 40]))
        for _ in range(self.chance.choice([1, 2, 20])):
            await self.adapters.purges.sweep(self.clock())

    async def forget(self):
        entries = await found(self.adapters)
        if entries:
            await self.adapters.index.forget_broken(self.chance.choice(entries))


@pytest.mark.parametrize("seed", range(6))
async def test_after_any_mixture_every_count_is_exact_and_so_is_every_counter(adapters, seed):
    anything = Anything(adapters, seed)
    for _ in range(150):
        await anything.step()


def reads_entries(run):
    return [statement for statement in run if "entry e" in statement and "LIMIT" not in statement]


@pytest.mark.parametrize("glob", ["https://h0.example/*", "*.example/*", "*"])
async def test_a_purge_by_url_alone_counts_without_reading_entries(adapters, glob):
    await adapters.keep_many([*pages(8, "https://h0.example/"), *pages(4, "https://h1.example/", "o")])
    run: list[str] = []
    adapters.index._database._writer.set_trace_callback(run.append)

    done = await adapters.purge(PurgeFilter(url=UrlGlob(glob)), dry_run=True)

    assert done.count == (8 if "h0" in glob else 12)
    assert reads_entries(run) == []


async def test_what_has_expired_is_taken_off_again_and_is_gone_when_the_clock_is_set_back(adapters):
    await adapters.keep(an_origin("k0", "https://h0.example/a"), ttl_s=60)
    await adapters.keep(an_origin("k1", "https://h0.example/a"), ttl_s=3600)
    await adapters.keep(an_origin("k2", "https://h0.example/b"), ttl_s=3600)
    adapters.clock.advance(minutes=2)

    assert (await adapters.purge(PurgeFilter(url=UrlGlob("https://h0.example/*")))).count == 2
    adapters.clock.advance(minutes=-2)
    assert await found(adapters) == []


@pytest.mark.parametrize(
    "other",
    [
        PurgeFilter(everything=True),
        PurgeFilter(pattern=PathGlob("screenshots/*")),
        PurgeFilter(before=HandClock()() + timedelta(seconds=1)),
    ],
    ids=["all", "pattern", "before"],
)
async def test_beside_a_mark_that_is_not_on_urls_entries_are_counted_one_by_one_until_a_sweep(
    adapters, other
):
    await adapters.keep_many(pages(6))
    await adapters.purge(other)
    adapters.clock.advance(seconds=2)
    await adapters.keep(an_origin("new", "https://example.com/new"))
    everywhere = PurgeFilter(url=UrlGlob("https://example.com/*"))

    assert (await adapters.purge(everywhere, dry_run=True)).count == 1
    await swept(adapters)
    run: list[str] = []
    adapters.index._database._writer.set_trace_callback(run.append)
    assert (await adapters.purge(everywhere, dry_run=True)).count == 1
    assert reads_entries(run) == []


async def test_a_purge_before_a_moment_to_come_spares_what_is_born_later(adapters):
    await adapters.keep(an_origin("k0"))
    await adapters.purge(PurgeFilter(before=adapters.clock() + timedelta(hours=1)))
    later = await adapters.keep(an_origin("k1"))

    assert await found(adapters) == [later]
    await swept(adapters)
    assert await found(adapters) == [later]


async def test_a_moment_between_two_milliseconds_counts_to_the_microsecond(adapters):
    moment = adapters.clock()
    await adapters.keep(an_origin("k0"))

    assert (await adapters.purge(PurgeFilter(before=moment), dry_run=True)).count == 0
    assert (await adapters.purge(PurgeFilter(before=moment))).count == 0
    assert len(await found(adapters)) == 1
    assert (await adapters.purge(PurgeFilter(before=moment + timedelta(microseconds=1)))).count == 1
    assert await found(adapters) == []


@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
async def test_only_marks_that_no_later_one_makes_needless_are_kept_and_none_after_a_pass(adapters, soft):
    start = adapters.clock()
    await swept(adapters)  # so that no pass is due but for these
    for number in range(6):
        await adapters.keep(an_origin(f"k{number}"), ttl_s=86_400)
        adapters.clock.advance(minutes=1)

    async def purge_before(minute):
        return (await adapters.purge(PurgeFilter(before=start + timedelta(minutes=minute)), soft=soft)).count

    assert [await purge_before(minute) for minute in (2, 5, 4, 1)] == [2, 3, 0, 0]
    kept = "SELECT before_ms FROM before_mark WHERE soft = ? ORDER BY seq"
    assert len(connection_of(adapters).execute(kept, (soft,)).fetchall()) == 3

    async def stale_or_gone():
        there = {entry.key: entry.softened for entry in await found(adapters)}
        return [there.get(f"k{number}", True) for number in range(6)]

    assert await stale_or_gone() == [True] * 5 + [False]
    await swept(adapters)
    assert connection_of(adapters).execute("SELECT * FROM before_mark").fetchall() == []
    assert await stale_or_gone() == [True] * 5 + [False]
    assert len(await found(adapters)) == (6 if soft else 1)


async def test_a_mark_for_a_moment_to_come_spares_what_is_born_after_it_beside_later_marks_too(adapters):
    await adapters.purge(PurgeFilter(before=adapters.clock() + timedelta(hours=1)))
    adapters.clock.advance(minutes=1)
    entry = await adapters.keep(an_origin("k0"))

    assert (await adapters.purge(PurgeFilter(before=adapters.clock() - timedelta(minutes=1)))).count == 0
    assert await found(adapters) == [entry]
    assert len(connection_of(adapters).execute("SELECT * FROM before_mark").fetchall()) == 2


async def test_what_a_soft_mark_makes_stale_a_hard_one_for_an_earlier_moment_does_not_hide(adapters):
    start = adapters.clock()
    for number in range(3):
        await adapters.keep(an_origin(f"k{number}"), ttl_s=86_400)
        adapters.clock.advance(minutes=1)

    assert (await adapters.purge(PurgeFilter(before=start + timedelta(minutes=2)), soft=True)).count == 2
    assert (await adapters.purge(PurgeFilter(before=start + timedelta(minutes=1)))).count == 1
    assert {entry.key: entry.softened for entry in await found(adapters)} == {"k1": True, "k2": False}


@pytest.mark.parametrize("soft", [False, True], ids=["hard", "soft"])
async def test_when_there_are_many_moments_entries_are_marked_one_by_one(adapters, soft, monkeypatch):
    monkeypatch.setattr(marks, "MOST_MOMENTS", 2)
    start = adapters.clock()
    for number in range(5):
        await adapters.keep(an_origin(f"k{number}"), ttl_s=86_400)
        adapters.clock.advance(minutes=1)

    # Each with fewer entries before it than the one before, so that none makes another needless.
    counts = []
    for minute in (4, 3, 2):
        counts.append(
            (await adapters.purge(PurgeFilter(before=start + timedelta(minutes=minute)), soft=soft)).count
        )
        await adapters.keep(an_origin(f"k{minute - 2}"), ttl_s=86_400)
    assert counts == [4, 0, 0]
    assert connection_of(adapters).execute("SELECT count(*) FROM before_mark").fetchone() == (2,)


async def test_a_mark_concerns_its_own_namespace_alone(adapters):
    await adapters.keep(an_origin("k0", namespace=THERE))
    await adapters.keep(an_origin("k0"))
    adapters.clock.advance(seconds=1)

    assert (await adapters.purge(PurgeFilter(before=adapters.clock()), THERE)).count == 1
    assert len(await found(adapters)) == 1


async def test_an_index_of_before_is_counted_when_it_is_first_opened(tmp_path, monkeypatch):
    path, known = tmp_path / "index.db", migrate_module.migrations()
    older = [(number, script) for number, script in known if number < 7]
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        monkeypatch.setattr(migrate_module, "migrations", lambda: older)
        migrate_module.migrate(connection)
        monkeypatch.undo()
        connection.execute("INSERT INTO ns(ns, seq) VALUES (2, 3)")
        connection.execute(
            "INSERT INTO url(ns, ukey, url_id, purged_seq) VALUES (2, 'elpmaxe.a/https/', 1, 3)"
        )
        connection.execute("INSERT INTO dir(ns, dkey, dir_id) VALUES (2, 'screenshots/2024/01/15', 1)")
        for number, (born_seq, dead) in enumerate([(2, 0), (3, 0), (3, 1), (3, 0)]):
            connection.execute(
                "INSERT INTO entry(ns, ckey, name, url_id, dir_id, blob, size, sha256, format, width_px, "
                "height_px, born_seq, born_number, born_ms, stored_ms, fresh_until, drop_after, render_ms, "
                "verdict, negative, dead) "
                "VALUES (2, ?1, ?1, 1, 1, ?1, 1, x'', 'png', 1, 1, ?2, 1, 0, 0, ?3, ?3, 0, '{}', x'', ?4)",
                (f"k{number}", born_seq, 10_000 + number, dead),
            )
        # A pass that was on its way may have been due to any purge.
        connection.execute("INSERT INTO sweep(id, cursor, until, started_ms) VALUES (1, 0, 4, 0)")

    async with sqlite_adapters(path, HandClock()) as adapters:
        connection = connection_of(adapters)
        assert connection.execute("SELECT live, first_drop FROM url").fetchall() == [(2, 10_000)]
        assert miscounted(connection) == []
        assert connection.execute("SELECT by_rows FROM ns").fetchall() == [(1,)]
