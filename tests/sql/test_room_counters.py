"""The counters of room: whatever moves rows, they say what adding up the rows would say."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from calotype.cache.entry import Identity, Mode, Namespace
from calotype.cache.globs import UrlGlob
from calotype.cache.hands import Hand, Turn
from calotype.cache.ports import Barred, Stored
from calotype.cache.purge import PurgeFilter
from calotype.sql import migrate as migrate_module
from calotype.sql.sqlite import purges
from tests.support.adapters import sqlite_adapters
from tests.support.builders import an_entry, an_origin
from tests.support.clock import HandClock
from tests.support.room import counted, told

ACCOUNTS = (1, 2)
NAMESPACES = [Namespace(account, mode) for account in ACCOUNTS for mode in Mode]


class Anything:
    """Does to an index, by chance, whatever moves rows."""

    def __init__(self, adapters, seed):
        self.adapters, self.clock, self.chance = adapters, adapters.clock, random.Random(seed)
        self.kept, self.kept_blobs, self.evicted_of_accounts = [a_stranger()], 0, 0
        store = self.store
        self.ways = [
            store,
            store,
            store,
            store,
            self.keep_blob,
            self.refused,
            self.forget,
            self.purge,
            self.evict,
            self.sweep,
        ]

    async def step(self):
        await self.chance.choice(self.ways)()

    async def store(self):
        key = f"k{self.chance.randrange(30)}"
        origin = an_origin(key, f"https://{key[-1]}.example/{key}", self.chance.choice(NAMESPACES))
        size = self.chance.choice([1, 4095, 4096, 4097, 100_000])
        self.kept.append(await self.adapters.keep(origin, self.chance.choice([60, 86_400]), size))

    async def keep_blob(self):
        before, adapters = self.chance.choice(self.kept), self.adapters
        origin = an_origin(before.key, namespace=before.namespace)
        origin = replace(origin, identity=Identity(before.key, before.id))
        lease = await adapters.lease(origin)
        entry = replace(before, birth=lease.birth, stored_at=self.clock())
        let_go = adapters.ledger.usage().let_go_bytes
        if await adapters.index.commit_keeping_blob(lease, entry) == Stored():
            self.kept_blobs += 1
            assert adapters.ledger.usage().let_go_bytes == let_go
        await adapters.leases.release(lease)

    async def refused(self):
        origin = an_origin("k0", "https://0.example/k0")
        lease = await self.adapters.lease(origin)
        await self.adapters.purge(PurgeFilter(keys=("k0",)))
        outcome = await self.adapters.index.commit(lease, an_entry(origin, birth=lease.birth))
        assert isinstance(outcome, Barred)

    async def forget(self):
        await self.adapters.index.forget_broken(self.chance.choice(self.kept))

    async def purge(self):
        one, host = PurgeFilter(keys=(f"k{self.chance.randrange(30)}",)), self.chance.randrange(10)
        some, all_there_is = (
            PurgeFilter(url=UrlGlob(f"https://{host}.example/*")),
            PurgeFilter(everything=True),
        )
        which = self.chance.choice([one, one, some, some, some, all_there_is])
        await self.adapters.purge(which, self.chance.choice(NAMESPACES))

    async def evict(self):
        ledger, hand = self.adapters.ledger, self.chance.choice(list(Hand))
        usage = ledger.usage(self.chance.choice([None, *ACCOUNTS]))
        seen = await ledger.candidates(hand, usage, self.clock())
        seen = seen[: self.chance.randrange(len(seen) + 1)]
        takes = tuple(candidate.place for candidate in seen if self.chance.random() < 0.5)
        turn = Turn(seen[-1].place if seen else 0, takes)
        evicted = await ledger.evict(hand, usage, turn, self.clock())
        self.evicted_of_accounts += evicted if usage.account is not None else 0

    async def sweep(self):
        self.clock.advance(minutes=self.chance.choice([1, 40]))
        await self.adapters.purges.sweep(self.clock())


def a_stranger():
    return an_entry(an_origin("never stored"))


@pytest.mark.parametrize("deleted_at_once", [-1, 500], ids=["marking", "deleting"])
@pytest.mark.parametrize("seed", range(3))
async def test_after_any_run_of_stores_deletes_purges_sweeps_and_evictions_they_are_exact(
    tmp_path, seed, deleted_at_once, monkeypatch
):
    monkeypatch.setattr(purges, "DELETED_AT_ONCE", deleted_at_once)
    async with sqlite_adapters(tmp_path / "index.db", HandClock()) as adapters:
        anything = Anything(adapters, seed)
        for _ in range(150):
            await anything.step()
            for whose in (None, *ACCOUNTS):
                assert told(adapters.ledger.usage(whose)) == counted(adapters, whose)

        assert adapters.ledger.usage().let_go_bytes > 0
        assert anything.evicted_of_accounts > 0
        assert anything.kept_blobs > 0


def database_of(adapters):
    return adapters.index._database


async def test_a_transaction_that_fails_moves_no_counter(tmp_path):
    async with sqlite_adapters(tmp_path / "index.db", HandClock()) as adapters:
        await adapters.keep(an_origin("a"))
        before = [adapters.ledger.usage(whose) for whose in (None, 1)]

        def delete_and_fail(connection):
            connection.execute("DELETE FROM entry")
            raise LookupError

        with pytest.raises(LookupError):
            await database_of(adapters).write(delete_and_fail)

        assert [adapters.ledger.usage(whose) for whose in (None, 1)] == before


async def test_an_index_of_before_is_counted_when_it_is_first_opened(tmp_path, monkeypatch):
    path, known = tmp_path / "index.db", migrate_module.migrations()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        monkeypatch.setattr(migrate_module, "migrations", lambda: known[:1])
        migrate_module.migrate(connection)
        monkeypatch.undo()
        for number, (ns, size) in enumerate([(2, 1), (3, 4096), (4, 4097)]):
            connection.execute(
                "INSERT INTO entry VALUES (NULL, ?, ?, ?, 1, 1, ?, ?, x'', 'png', 1, 1, 0, 1, 0, 0, 0, 0, 0, "
                "'{}', x'', 0)",
                (ns, f"k{number}", f"{number}", f"{number}", size),
            )

    async with sqlite_adapters(path, HandClock()) as adapters:
        assert told(adapters.ledger.usage()) == counted(adapters) == (3, 4096 + 4096 + 8192, 0)
        assert told(adapters.ledger.usage(1)) == counted(adapters, 1) == (2, 4096 + 4096, 0)
        assert told(adapters.ledger.usage(2)) == counted(adapters, 2) == (1, 8192, 0)
        # And what comes after counts on.
        await adapters.keep(an_origin("new"))
        assert told(adapters.ledger.usage()) == counted(adapters) == (4, 5 * 4096, 4096)
        assert told(adapters.ledger.usage(1)) == counted(adapters, 1) == (3, 3 * 4096, 4096)
