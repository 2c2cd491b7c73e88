"""Hypothesis plays with a whole cache, seen from two processes, beside a plain model of it.

Real index, purge log, leases, room, sweeper and reconciler on one SQLite file; blobs in memory, so that
thousands of steps take seconds. After every step both processes find what the model holds and
nothing else, and the counters of room are what adding up the rows gives.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from calotype.cache.entry import Birth, CacheEntry, CacheKey, Namespace, Subject, storage_path
from calotype.cache.errors import EntryNotFound, PreconditionFailed
from calotype.cache.fill import Fills
from calotype.cache.freshness import Windows
from calotype.cache.globs import PathGlob, UrlGlob
from calotype.cache.hot import HotBlobs
from calotype.cache.policy import CachePolicy, CacheWishes, Lifetime
from calotype.cache.ports import HeldBy, Lease, Stored
from calotype.cache.purge import PurgeFilter
from calotype.cache.reconciler import Reconciler
from calotype.cache.room import BLOCK_BYTES, NoRoom, Room, TooLarge, held_bytes
from calotype.cache.store import CacheStore, Origin
from calotype.cache.sweeper import Sweeper
from calotype.cache.url_key import url_key
from calotype.cache.verifier import Verifier
from calotype.capture.errors import NavigationFailed
from calotype.capture.output import ImageFormat
from calotype.capture.parse import ParsedCapture
from calotype.capture.verdict import FailOn
from calotype.clock import Deadline
from calotype.shots.request import TakeRequest
from calotype.shots.revalidator import Revalidator
from calotype.shots.service import Shots, failed
from calotype.shots.shot import Served, Shot
from calotype.sql.sqlite import purges
from calotype.sql.sqlite import room as sqlite_room
from calotype.sql.sqlite.entries import SqliteEntryIndex
from tests.cache.machine_parts import (
    BUDGETS,
    CUSTOM,
    KEY,
    KEYS,
    NAMES,
    NAMESPACES,
    PAGES,
    PAUSES_S,
    SIZES,
    SOME_TAGS,
    TAGS,
    WHO,
    MemoryBlobs,
    Process,
    Render,
    Roomy,
    at_once,
    filters,
    key_of,
    never,
)
from tests.cache.plain_model import Failed, PlainModel
from tests.support.adapters import sqlite_adapters
from tests.support.builders import HERE, THERE, a_request
from tests.support.clock import HandClock
from tests.support.pictures import a_capture
from tests.support.renderer import CannedRenderer
from tests.support.room import counted, told

T = TypeVar("T")


class CacheMachine(RuleBasedStateMachine):
    """The rules of the game. A new feature of the cache needs a rule here, and a line in PlainModel."""

    tally: ClassVar[Counter[str]] = Counter()
    renders = Bundle("renders")

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.new_event_loop()
        self._folder = Path(tempfile.mkdtemp(prefix="calotype-machine-"))
        self._stack, self._patch = AsyncExitStack(), pytest.MonkeyPatch()
        self._clock, self._model = HandClock(), PlainModel()
        self._disk: dict[str, bytes] = {}
        self._deleted: Counter[str] = Counter()
        self._there: list[Process] = []
        self._renderer = CannedRenderer()
        self._numbers = 1_000_000

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)

    # ---- the beginning and the end

    @initialize(
        deleted_at_once=st.sampled_from([500, 1, -1]),
        swept_at_once=st.sampled_from([500, 1, 2]),
        looked_at_once=st.sampled_from([100, 1, 3]),
        remembered=st.sampled_from([50_000, 3]),
    )
    def open(self, deleted_at_once: int, swept_at_once: int, looked_at_once: int, remembered: int) -> None:
        # There are few entries, so what is done with many at a time must begin sooner.
        self._patch.setattr(purges, "DELETED_AT_ONCE", deleted_at_once)
        self._patch.setattr(purges, "_SWEEP_CHUNK", swept_at_once)
        self._patch.setattr(sqlite_room, "CHUNK", looked_at_once)
        self._there = [self._run(self._process(remembered)) for _ in range(2)]

    async def _process(self, remembered: int) -> Process:
        adapters = await self._stack.enter_async_context(
            sqlite_adapters(self._folder / "index.db", self._clock, row_cache_entries=remembered)
        )
        blobs = MemoryBlobs(self._disk, self._deleted)
        limits = Roomy(max_bytes=BUDGETS[-1] * BLOCK_BYTES, min_free_bytes=0)
        room = Room(adapters.ledger, limits, lambda: 2**50, self._clock)
        verifier = Verifier(chance=never)
        store = CacheStore(
            adapters.index, adapters.purges, blobs, HotBlobs(0), self._clock, room, verifier=verifier
        )
        fills: Fills[Shot] = Fills(adapters.leases, adapters.purges, self._clock, fails=failed)
        # Closed: here it would wait for leases of this game; what it does the interleavings show.
        revalidator = Revalidator()
        await revalidator.close()
        self._stack.push_async_callback(fills.close)
        return Process(
            adapters=adapters, store=store, fills=fills, room=room,
            shots=Shots(store, fills, self._renderer, KEYS, CachePolicy(), self._clock, revalidator),
            sweeper=Sweeper(adapters.purges, blobs, self._clock),
            reconciler=Reconciler(adapters.register, blobs, lambda: 1e9),
        )  # fmt: skip

    def teardown(self) -> None:
        """When all has been swept, only what can be had is left, and nothing was deleted twice."""
        try:
            if self._there:
                self._run(self._clear_up())
                wanted = {entry.blob_id for entry in self._model.entries.values()}
                assert self._disk.keys() == wanted - self._model.lost
                assert not {blob for blob, times in self._deleted.items() if times > 1}
                assert self._unused_names() == 0
        finally:
            self._run(self._stack.aclose())
            self._loop.close()
            self._patch.undo()
            shutil.rmtree(self._folder)

    async def _clear_up(self) -> None:
        for pause in (timedelta(hours=2), timedelta(hours=2), timedelta(minutes=2)):
            self._clock.now += pause
            while await self._there[0].sweeper.step():
                pass
        self._forget_swept()

    def _unused_names(self) -> int:
        index = self._there[0].adapters.index
        assert isinstance(index, SqliteEntryIndex)
        (unused,) = index._database.reader.execute(
            "SELECT (SELECT count(*) FROM url WHERE url_id NOT IN (SELECT url_id FROM entry)) "
            "+ (SELECT count(*) FROM dir WHERE dir_id NOT IN (SELECT dir_id FROM entry))"
            "+ (SELECT count(*) FROM tag WHERE tag_id NOT IN (SELECT tag_id FROM entry_tag))"
            "+ (SELECT count(*) FROM entry_tag WHERE id NOT IN (SELECT id FROM entry))"
        ).fetchone()
        return int(unused)

    # ---- names

    def _address(self, namespace: Namespace, number: int) -> str:
        name = NAMES[namespace][number % 5]
        return [name.key, name.id, f"screenshots/2023/01/01/{name.id}.png"][number // 5]

    def _filter(self, namespace: Namespace, drawn: dict[str, Any]) -> PurgeFilter:
        given: dict[str, Any] = dict(drawn)
        if "keys" in given:
            given["keys"] = tuple(
                dict.fromkeys([*(self._address(namespace, number) for number in given["keys"]), "unknown"])
            )
        if "url" in given:
            given["url"] = UrlGlob(given["url"])
        if "pattern" in given:
            given["pattern"] = PathGlob(given["pattern"])
        if "tags" in given:
            given["tags"] = tuple(given["tags"])
        if "before" in given:
            given["before"] = self._clock() - timedelta(seconds=given["before"])
        return PurgeFilter(**given)

    # ---- asking

    @rule(
        who=WHO, namespace=NAMESPACES, asked=st.lists(st.tuples(CUSTOM, st.sampled_from(PAGES)), min_size=2)
    )
    def take_several(self, who: int, namespace: Namespace, asked: list[tuple[str | None, str]]) -> None:
        for custom, page in asked:
            tags = frozenset(TAGS[: len(page) % 3])
            self._take(who, namespace, page, CacheWishes(key=key_of(custom), tags=tags), BLOCK_BYTES)

    @rule(
        who=WHO, namespace=NAMESPACES, page=st.sampled_from(PAGES), size=st.sampled_from(SIZES),
        wishes=st.builds(
            CacheWishes, ttl_s=st.sampled_from([1, 60, 86_400]), refresh=st.booleans(), key=KEY,
            swr_s=st.sampled_from([None, 0, 60, 3_600]), sie_s=st.sampled_from([None, 0, 60]),
            tags=SOME_TAGS,
        ),
        fails=st.sampled_from([False, False, True]),
    )  # fmt: skip
    def take(
        self, who: int, namespace: Namespace, page: str, size: int, wishes: CacheWishes, fails: bool
    ) -> None:
        self._take(who, namespace, page, wishes, size, fails=fails)

    @rule(
        who=WHO, number=st.integers(0, 9), late_s=st.sampled_from([0, 0.5, 30, 61]), fails=st.booleans(),
        swr_s=st.sampled_from([None, 0]), sie_s=st.sampled_from([None, 60]),
    )  # fmt: skip
    def take_what_has_just_expired(
        self, who: int, number: int, late_s: float, fails: bool, swr_s: int | None, sie_s: int | None
    ) -> None:
        entries = list(self._model.entries.values())
        if number >= len(entries):
            return
        entry = entries[number]
        self._clock.now = max(self._clock.now, entry.fresh_until + timedelta(seconds=late_s))
        keys = [name.key for name in NAMES[entry.namespace]]
        page = dict(zip(keys, PAGES, strict=False)).get(entry.key)
        wishes = CacheWishes(swr_s=swr_s, sie_s=sie_s, key=key_of(None if page else "mine"))
        self._take(who, entry.namespace, page or PAGES[0], wishes, BLOCK_BYTES, fails=fails)

    def _take(
        self,
        who: int,
        namespace: Namespace,
        page: str,
        wishes: CacheWishes,
        size: int,
        *,
        fails: bool = False,
    ) -> None:
        now, process = self._clock(), self._there[who]
        where = namespace, KEYS.identify(namespace, a_request(page), wishes.key).key
        content = KEYS.identify(namespace, a_request(page), None).id
        untouched = dict(self._model.entries)
        hit = None if wishes.refresh else self._model.served(*where, now)
        stale = None if wishes.refresh else self._model.stale(where, wishes.swr_s, now)
        expected, fresh = hit or stale, wishes.refresh
        if expected is None and self._model.holder(where, now):
            self._model.entries = untouched
            return  # it would wait for a render of this game, which nobody would end
        remembered = not fresh and self._model.has_failed(where, content, now)
        if expected is None and (fails or remembered):
            if not remembered:
                self._note_failure(where, content, page, wishes)
            expected = None if fresh else self._model.last_good(where, wishes.sie_s, now)
            stale = expected
        used, rendered = process.adapters.ledger.usage().used_bytes, len(self._renderer.renders)
        shot = self._ask(process, namespace, page, wishes, size, fails=fails)
        if shot is None:
            assert expected is None
            assert fails or remembered
            assert len(self._renderer.renders) == rendered + (not remembered)
            return
        self.tally["stale if error" if shot.detail == "sie" else shot.served.value] += 1
        assert shot.served is (Served.HIT if hit else Served.STALE if stale else Served.MISS)
        if expected is not None:
            assert shot.opened.data == expected
            return
        assert shot.opened.entry.tags == wishes.tags
        # The render had the lease, and gave it back.
        self._model.leases.pop(where, None)
        self._model.failures.pop(where, None)
        needed = used + held_bytes(len(shot.opened.data)) - process.room._limits.max_bytes
        self._forget_evicted(process, needed)
        if shot.stored:
            self._keep(process, shot.opened.entry, shot.opened.data)
        else:
            assert shot.detail in ("no-room", "too-large")

    def _ask(
        self,
        process: Process,
        namespace: Namespace,
        page: str,
        wishes: CacheWishes,
        size: int,
        *,
        fails: bool,
    ) -> Shot | None:
        self._renderer.picture_bytes = size
        self._renderer.failing = NavigationFailed(page, "net::ERR_FAILED") if fails else None
        asked = TakeRequest(
            namespace=namespace,
            capture=ParsedCapture(request=a_request(page), budget_ms=20_000, fail_on=FailOn(()), unknown=[]),
            wishes=wishes,
            deadline=Deadline.after(20_000),
        )
        try:
            return self._run(process.shots.take(asked))
        except NavigationFailed:
            self.tally["failed"] += 1
            return None

    def _note_failure(
        self, where: tuple[Namespace, CacheKey], content: str, page: str, wishes: CacheWishes
    ) -> None:
        now, (namespace, key) = self._clock(), where
        entry_id = next(name.id for name in NAMES[namespace] if name.key == key)
        subject = Subject(
            key=key, id=entry_id, url_key=url_key(page), born_at=now,
            path=storage_path(entry_id, ImageFormat.PNG, now), tags=wishes.tags,
        )  # fmt: skip
        self._model.leases.pop(where, None)
        birth = Birth(self._model.seq(namespace), 0, now)
        self._model.failures[where] = Failed(now, content, birth, subject)

    def _keep(self, process: Process, entry: CacheEntry, data: bytes) -> None:
        found = at_once(process.adapters.index.find(entry.namespace, entry.key))
        assert found is not None
        # Its place in the order of storing only the index knows.
        assert found == self._model.stored(replace(entry, place=found.place), data)
        self.tally["stored"] += 1

    @rule(who=WHO, namespace=NAMESPACES, number=st.integers(0, 14), public=st.booleans())
    def get(self, who: int, namespace: Namespace, number: int, public: bool) -> None:
        address, store = self._address(namespace, number), self._there[who].store
        if public:
            address = self._address(namespace, number % 5 + 10)
        expected = self._model.served(namespace, address, self._clock())
        opened = self._run(store.open_public(address) if public else store.open(namespace, address))
        assert (None if opened is None else opened.data) == expected
        self.tally["got" if opened else "not there"] += 1

    @rule(
        who=WHO, namespace=NAMESPACES, drawn=st.one_of(st.none(), filters()), limit=st.integers(1, 4),
        stale=st.booleans(),
    )  # fmt: skip
    def list_all(
        self, who: int, namespace: Namespace, drawn: dict[str, Any] | None, limit: int, stale: bool
    ) -> None:
        which, now = None if drawn is None else self._filter(namespace, drawn), self._clock()
        there = self._model.of_use(namespace, now) if stale else self._model.fresh(namespace, now)
        expected = [entry for entry in there if which is None or which.matches(entry.subject)]
        store, cursor = self._there[who].store, None
        seen: list[CacheEntry] = []
        while True:
            page, cursor = self._run(store.page(namespace, which, cursor, limit, stale=stale))
            seen += page
            if cursor is None:
                break
        assert seen == expected

    # ---- rendering in pieces, so that anything may come in between

    @rule(
        target=renders, who=WHO, namespace=NAMESPACES, page=st.sampled_from(PAGES),
        custom=st.sampled_from([None, "mine"]), tags=SOME_TAGS,
    )  # fmt: skip
    def begin(
        self, who: int, namespace: Namespace, page: str, custom: str | None, tags: frozenset[str]
    ) -> Any:
        now, leases = self._clock(), self._there[who].adapters.leases
        name = KEYS.identify(namespace, a_request(page), key_of(custom))
        origin = Origin(
            namespace=namespace, identity=name, content=name.id, url_key=url_key(page),
            format=ImageFormat.PNG, negative=b"n" * 16, tags=tags,
        )  # fmt: skip
        holder = self._model.holder((namespace, name.key), now)
        lease = self._run(leases.acquire(namespace, origin.subject(now), now))
        if holder is not None:
            assert lease == HeldBy(holder.until)
            return multiple()
        assert isinstance(lease, Lease)
        assert lease.birth.seq == self._model.seq(namespace)
        self._model.leased(lease, origin.subject(now), now)
        self._numbers += 1
        return Render(who, lease, origin, self._numbers)

    @rule(render=renders)
    def beat(self, render: Render) -> None:
        kept = self._run(self._there[render.who].adapters.leases.renew(render.lease, self._clock()))
        assert kept == self._model.has_lease(render.lease)
        if kept:
            self._model.renewed(render.lease, self._clock())

    @rule(
        render=renders, size=st.sampled_from(SIZES), ttl_s=st.sampled_from([1, 3_600]),
        swr_s=st.sampled_from([0, 60]), release=st.booleans(),
    )  # fmt: skip
    def finish(self, render: Render, size: int, ttl_s: int, swr_s: int, release: bool) -> None:
        process, lease = self._there[render.who], render.lease
        self._numbers += 1
        granted = Lifetime(ttl_s=ttl_s, windows=Windows(swr_s=swr_s, sie_s=60))
        opened = process.store.unstored(lease, render.origin, a_capture(self._numbers, size), granted)
        used = process.adapters.ledger.usage().used_bytes
        outcome = self._run(process.store.store(lease, opened))
        self._forget_evicted(process, used + held_bytes(len(opened.data)) - process.room._limits.max_bytes)
        self.tally[type(outcome).__name__.lower()] += 1
        if not isinstance(outcome, NoRoom | TooLarge):
            assert type(outcome) is self._model.outcome(lease, opened.entry)
        if isinstance(outcome, Stored):
            self._keep(process, opened.entry, opened.data)
        if release:
            self._run(process.adapters.leases.release(lease))
            self._model.released(lease)

    # ---- letting go

    @rule(
        who=WHO, namespace=NAMESPACES, drawn=filters(), dry_run=st.sampled_from([False, False, False, True]),
        soft=st.sampled_from([False, False, True]),
    )  # fmt: skip
    def purge(self, who: int, namespace: Namespace, drawn: dict[str, Any], dry_run: bool, soft: bool) -> None:
        which, now = self._filter(namespace, drawn), self._clock()
        expected = self._model.counted(namespace, which, now, soft=soft)
        done = self._run(self._there[who].store.purge(namespace, which, dry_run=dry_run, soft=soft))
        assert (done.count, done.keys) == expected
        if not dry_run:
            self._model.purge(namespace, which, soft=soft)
            self.tally["purges"] += 1
            self.tally["softened" if soft else "purged"] += done.count
        assert done.seq == self._model.seq(namespace)

    @rule(who=WHO, namespace=NAMESPACES, number=st.integers(0, 14))
    def delete(self, who: int, namespace: Namespace, number: int) -> None:
        address = self._address(namespace, number)
        there = self._model.addressed(namespace, address, self._clock())
        try:
            self._run(self._there[who].store.delete(namespace, address))
            deleted = True
        except EntryNotFound:
            deleted = False
        assert deleted == there
        self._model.purge(namespace, PurgeFilter(keys=(address,)))

    @rule(who=WHO, namespace=NAMESPACES, number=st.integers(0, 14), holds=st.booleans())
    def delete_if(self, who: int, namespace: Namespace, number: int, holds: bool) -> None:
        address = self._address(namespace, number)
        there = self._model.addressed(namespace, address, self._clock())
        try:
            self._run(self._there[who].store.delete(namespace, address, only_if=lambda _: holds))
        except EntryNotFound:
            assert not there
        except PreconditionFailed:
            assert there
            assert not holds
        else:
            assert there
            assert holds
            self._model.purge(namespace, PurgeFilter(keys=(address,)))

    # ---- time, room and the broom

    @rule(seconds=st.sampled_from(PAUSES_S))
    def wait(self, seconds: float) -> None:
        self._clock.advance(seconds=seconds)

    @rule(who=WHO, to_the_end=st.booleans())
    def sweep(self, who: int, to_the_end: bool) -> None:
        while self._run(self._there[who].sweeper.step()) and to_the_end:
            pass
        self._forget_swept()

    def _forget_swept(self) -> None:
        self._model.forget_failures(self._clock())
        for where, entry in self._missing():
            assert entry.drop_after <= self._clock(), f"a sweep took {entry.key}, which was of use"
            del self._model.entries[where]
            self.tally["swept"] += 1

    @rule(who=WHO, blocks=st.sampled_from([None, *BUDGETS]), to_the_end=st.booleans())
    def evict(self, who: int, blocks: int | None, to_the_end: bool) -> None:
        process = self._there[who]
        if blocks is not None:
            for each in self._there:
                each.room._limits = Roomy(max_bytes=blocks * BLOCK_BYTES, min_free_bytes=0)
        due: float | None = 0.0
        for _ in range(200 if to_the_end else 1):
            used = process.adapters.ledger.usage().used_bytes
            due = self._run(process.room.step())
            self._forget_evicted(process, used - process.room._limits.stop_bytes)
            if due is None:
                break
            if process.adapters.ledger.usage().sweeping:
                self._run(process.sweeper.step())
                self._forget_swept()

    def _forget_evicted(self, process: Process, wanted_bytes: int) -> None:
        """Nothing goes that need not: no more bytes than are wanted, but for the last; no key in work."""
        gone = self._missing()
        for where, entry in gone:
            del self._model.entries[where]
            if entry.drop_after > self._clock():
                assert not self._model.refreshing(where, self._clock())
                self.tally["evicted"] += 1
        held = sorted(held_bytes(entry.size_bytes) for _, entry in gone)
        assert not gone or sum(held[:-1]) < wanted_bytes

    def _missing(self) -> list[tuple[tuple[Namespace, CacheKey], CacheEntry]]:
        find = self._there[0].adapters.index.find
        return [
            (where, entry) for where, entry in self._model.entries.items() if at_once(find(*where)) is None
        ]

    @rule(who=WHO)
    def reconcile(self, who: int) -> None:
        while self._run(self._there[who].reconciler.step()):
            pass
        for where, entry in self._missing():
            assert entry.blob_id in self._model.lost
            del self._model.entries[where]

    @rule(number=st.integers(0, 9))
    def lose_a_file(self, number: int) -> None:
        blobs = [entry.blob_id for entry in self._model.entries.values()]
        if number < len(blobs):
            self._disk.pop(blobs[number], None)
            self._model.lost.add(blobs[number])

    # ---- what must hold after every step

    @invariant()
    def both_processes_find_what_is_there_and_nothing_else(self) -> None:
        self.tally["steps"] += 1
        for process in self._there:
            index = process.adapters.index
            for namespace in (HERE, THERE):
                assert at_once(index.head(namespace)) == self._model.seq(namespace)
                for name in NAMES[namespace]:
                    expected = self._model.entries.get((namespace, name.key))
                    assert at_once(index.find(namespace, name.key)) == expected
                    assert at_once(index.find_by_id(name.id)) == expected

    @invariant()
    def the_counters_of_room_are_exact(self) -> None:
        for process in self._there:
            assert told(process.adapters.ledger.usage()) == counted(process.adapters)

    @invariant()
    def every_entry_has_its_picture(self) -> None:
        wanted = {entry.blob_id for entry in self._model.entries.values()} - self._model.lost
        assert wanted <= self._disk.keys()
