"""A world in which every order of events is drawn from a seed, and a plain model that says what may be seen.

Real Shots, Fills, CacheStore, Sweeper and SQLite. What they wait for (a commit, the news of it, a blob,
the browser, a pause) waits at a gate here, and a seeded choice says who goes on. So one seed is one
interleaving, and a thousand seeds are a thousand that no clock on the wall would have shown.

In one world there are one or two processes on one index. A process may crash between any two
steps: nothing that it had begun has any effect from then on, and another opens the same file.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from calotype.cache.early import EarlyRefresh
from calotype.cache.entry import CacheEntry, CacheKey, EntryId, Identity, Namespace, id_in_address
from calotype.cache.errors import BlobExists, BlobNotFound, EntryNotFound, StoreUnavailable
from calotype.cache.fill import Fills
from calotype.cache.globs import PathGlob, UrlGlob
from calotype.cache.hot import HotBlobs
from calotype.cache.key import KeyMaker
from calotype.cache.policy import CachePolicy, CacheWishes
from calotype.cache.ports import Barred, BlobReleased, Committed, Lease, Stored, Superseded, Swept
from calotype.cache.purge import Purge, PurgeFilter
from calotype.cache.store import CacheStore, OpenEntry
from calotype.cache.sweeper import Sweeper
from calotype.cache.url_key import url_key
from calotype.capture.errand import MACHINES_OWN, Errand
from calotype.capture.errors import CaptureError, NavigationFailed
from calotype.capture.negative import PageUrl
from calotype.capture.parse import ParsedCapture
from calotype.capture.request import CaptureRequest
from calotype.capture.result import Capture
from calotype.capture.verdict import FailOn
from calotype.clock import Deadline
from calotype.shots.request import TakeRequest
from calotype.shots.revalidator import Revalidator
from calotype.shots.service import Shots, failed
from calotype.shots.shot import Served, Shot
from calotype.sql.rows import ns_number
from calotype.sql.settings import SqliteSettings
from calotype.sql.sqlite.database import Database, _Job
from calotype.sql.sqlite.entries import SqliteEntryIndex
from calotype.sql.sqlite.leases import SqliteLeases
from calotype.sql.sqlite.purges import SqlitePurgeLog
from tests.support.builders import HERE, THERE, a_request
from tests.support.clock import NOON, HandClock
from tests.support.counters import miscounted
from tests.support.pictures import a_capture, a_png

URLS = ["https://example.com/a", "https://example.com/b/c", "http://www.example.com/a"]
OFTEN_ONE = [URLS[0], *URLS]
TAGS = ["red", "green", "blue"]
KEYS = KeyMaker(b"secret")
AT_ONCE = 8
"""Operations under way: more would only wait."""
_ROUNDS_TO_SETTLE = 6
"""Turns of the event loop after each step; what has not come to rest by then goes on during the next."""
_DRAIN_ROUNDS = 20_000


class Violation(AssertionError):
    """The cache broke a promise."""


class Gate:
    """Where all of one process's waiting is done."""

    def __init__(self) -> None:
        self.waiting: list[asyncio.Future[None]] = []
        self.crashed = False

    async def pass_through(self, _: float = 0.0) -> None:
        """Wait until chosen."""
        if self.crashed:
            raise StoreUnavailable("the process has crashed")
        future = asyncio.get_running_loop().create_future()
        self.waiting.append(future)
        try:
            await future
        finally:
            if future in self.waiting:
                self.waiting.remove(future)

    def open(self, index: int) -> None:
        """Let one go on."""
        future = self.waiting.pop(index)
        if not future.done():
            future.set_result(None)

    def crash(self) -> None:
        """Let nobody go on, ever."""
        self.crashed = True
        for future in self.waiting:
            if not future.done():
                future.set_exception(StoreUnavailable("the process has crashed"))
        self.waiting.clear()


@dataclass(frozen=True)
class Storing:
    """An entry is about to be committed."""

    entry: CacheEntry


@dataclass(frozen=True)
class Purging:
    """A purge is about to be committed."""

    namespace: Namespace
    which: PurgeFilter
    now: datetime
    soft: bool


@dataclass(frozen=True)
class Sweeping:
    """A sweep is about to be committed."""

    now: datetime


@dataclass(frozen=True)
class Dropping:
    """An entry whose picture somebody could not read is about to be dropped."""

    entry: CacheEntry


Intent = Storing | Purging | Sweeping | Dropping


class SteppedDatabase(Database):
    """Commits when told to, any number of waiting writes in one group; the news of it travels on its own."""

    def __init__(self, path: Path, gate: Gate, model: Model) -> None:
        super().__init__(SqliteSettings(path=path))
        self.gate, self.model = gate, model
        self.queued: list[_Job] = []
        self.intent: Intent | None = None

    async def write(self, run: Callable[[Any], Any], *, durable: bool = False) -> Any:
        intent, self.intent = self.intent, None
        if self.gate.crashed:
            raise StoreUnavailable("the process has crashed")

        def watched(connection: Any) -> Any:
            result = run(connection)
            self.model.committed(intent, result, connection)
            return result

        loop = asyncio.get_running_loop()
        job = _Job(watched, durable=False, done=loop.create_future(), loop=loop)
        self.queued.append(job)
        result = await job.done
        await self.gate.pass_through()
        return result

    def commit(self, count: int) -> None:
        """Commit the first count of the writes that wait."""
        group, self.queued = self.queued[:count], self.queued[count:]
        self._commit(group)

    def crash(self) -> None:
        """Forget what was not committed."""
        for job in self.queued:
            if not job.done.done():
                job.done.set_exception(StoreUnavailable("the process has crashed"))
        self.queued.clear()


class WatchedIndex(SqliteEntryIndex):
    """Says what it is about to store."""

    async def commit(self, lease: Lease, entry: CacheEntry) -> Committed:
        self._database.intent = Storing(entry)  # type: ignore[attr-defined]
        return await super().commit(lease, entry)

    async def commit_keeping_blob(self, lease: Lease, entry: CacheEntry) -> Committed | BlobReleased:
        self._database.intent = Storing(entry)  # type: ignore[attr-defined]
        return await super().commit_keeping_blob(lease, entry)

    async def forget_broken(self, entry: CacheEntry) -> None:
        self._database.intent = Dropping(entry)  # type: ignore[attr-defined]
        await super().forget_broken(entry)


class WatchedPurges(SqlitePurgeLog):
    """Says what it is about to purge or sweep."""

    async def purge(
        self,
        namespace: Namespace,
        which: PurgeFilter,
        now: datetime,
        *,
        by: str,
        dry_run: bool = False,
        soft: bool = False,
        once: str | None = None,
    ) -> Purge:
        self._database.intent = Purging(namespace, which, now, soft)  # type: ignore[attr-defined]
        return await super().purge(namespace, which, now, by=by, dry_run=dry_run, soft=soft, once=once)

    async def sweep(self, now: datetime) -> Swept:
        self._database.intent = Sweeping(now)  # type: ignore[attr-defined]
        return await super().sweep(now)


class SteppedBlobs:
    """BlobStore in memory; the disk outlives the process."""

    def __init__(self, disk: dict[str, bytes], gate: Gate, model: Model) -> None:
        self._disk, self._gate, self._model = disk, gate, model

    async def put(self, blob_id: str, data: bytes) -> None:
        await self._gate.pass_through()
        if blob_id in self._disk:
            raise BlobExists(blob_id)
        self._disk[blob_id] = data
        await self._gate.pass_through()

    async def get(self, blob_id: str) -> bytes:
        if self._model.rng.random() < 0.5:  # as long as a file takes, and mostly it takes none
            await self._gate.pass_through()
        if blob_id not in self._disk:
            raise BlobNotFound(blob_id)
        return self._disk[blob_id]

    async def delete(self, blob_id: str) -> None:
        await self._gate.pass_through()
        self._model.deleting(blob_id)
        self._disk.pop(blob_id, None)


@dataclass(frozen=True)
class Render:
    """A picture of a page, as the page was when the render began."""

    url: str
    image: bytes
    step: int
    heads: dict[Namespace, int]


class SteppedRenderer:
    """Every render remembers after which purges it began; the title of its picture is its number.

    A page often stays as it was, and then its picture is the very same.
    """

    def __init__(self, world: World, gate: Gate, index: SqliteEntryIndex) -> None:
        self._world, self._gate, self._index = world, gate, index

    async def render(
        self, request: CaptureRequest, deadline: Deadline, errand: Errand = MACHINES_OWN
    ) -> Capture:
        if self._gate.crashed:
            raise StoreUnavailable("the process has crashed")
        world, target = self._world, request.negative.target
        assert isinstance(target, PageUrl)
        heads = {namespace: int(await self._index.head(namespace)) for namespace in (HERE, THERE)}
        number = len(world.renders)
        if world.rng.random() < 0.1:
            world.looks[target.url] = number
        look = world.looks.setdefault(target.url, number)
        world.renders.append(Render(target.url, a_png(look), world.step, heads))
        fate = world.rng.random()
        await self._gate.pass_through()
        if fate < 0.1:
            raise NavigationFailed(target.url, "net::ERR_FAILED")
        return a_capture(look, http_status=404 if fate < 0.2 else 200, title=f"{number}")


class Process:
    """One process: everything but HTTP and the browser."""

    def __init__(self, world: World, path: Path) -> None:
        self.gate = Gate()
        self.database = SteppedDatabase(path, self.gate, world.model)
        self.index = WatchedIndex(self.database, world.clock)
        purges = WatchedPurges(self.database)
        leases = SqliteLeases(self.database)
        blobs = SteppedBlobs(world.disk, self.gate, world.model)
        self.store = CacheStore(self.index, purges, blobs, HotBlobs(0), world.clock)
        self.fills: Fills[Shot] = Fills(leases, purges, world.clock, self.gate.pass_through, fails=failed)
        self.revalidator = Revalidator(now=lambda: world.clock().timestamp())
        renderer = SteppedRenderer(world, self.gate, self.index)
        self.shots = Shots(
            self.store, self.fills, renderer, KEYS, CachePolicy(), world.clock, self.revalidator,
            EarlyRefresh(lambda: float(world.rng.random() < 0.5)),
        )  # fmt: skip
        self.sweeper = Sweeper(purges, blobs, world.clock)
        self.running: list[asyncio.Task[None]] = []
        self.hung_up: set[asyncio.Task[None]] = set()

    async def crash(self) -> None:
        """Stop dead. Code still runs down its `finally`s, but reaches neither index nor disk."""
        self.gate.crash()
        self.database.crash()
        for task in self.running:
            task.cancel()
        await asyncio.gather(*self.running, return_exceptions=True)
        await self.revalidator.close()
        await self.fills.close()
        await self.database.close()


class Model:
    """The cache as it should be: what each namespace holds, and what it was purged of, commit by commit."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.entries: dict[tuple[Namespace, CacheKey], CacheEntry] = {}
        self.log: dict[Namespace, list[tuple[PurgeFilter, bool]]] = {HERE: [], THERE: []}
        """Filters, and whether the purge was soft."""
        self.broken: list[str] = []
        self.tally: Counter[str] = Counter()

    def complain(self, promise: str) -> None:
        """Note a broken promise; the code under test must not be able to swallow it."""
        self.broken.append(promise)

    def committed(self, intent: Intent | None, result: object, connection: Any) -> None:
        """Follow a write that has just been done, in the order of commits."""
        if told := miscounted(connection):
            self.complain(f"counters of URLs are wrong: {told}")
        match intent:
            case Storing(entry):
                self._stored(entry, result)
            case Purging(namespace, which, now, soft):
                assert isinstance(result, Purge)
                self._purged(namespace, which, now, result, soft)
            case Sweeping(now):
                self._swept(now, connection)
            case Dropping(entry):
                there = self.entries.get((entry.namespace, entry.key))
                if there is not None and there.blob_id == entry.blob_id:
                    del self.entries[entry.namespace, entry.key]
        leaving = connection.execute("SELECT e.blob FROM entry e JOIN blob_gc USING (blob)").fetchall()
        if leaving:
            self.complain(f"the outbox has blobs that entries name: {leaving}")

    def deleting(self, blob_id: str) -> None:
        """Follow a blob that is about to go."""
        if any(entry.blob_id == blob_id for entry in self.entries.values()):
            self.complain(f"blob {blob_id} is deleted under its entry")

    def _stored(self, entry: CacheEntry, result: object) -> None:
        where = (entry.namespace, entry.key)
        if isinstance(result, BlobReleased):
            self.tally["released"] += 1
            return
        later = self.log[entry.namespace][entry.birth.seq :]
        matching = [soft for which, soft in later if which.matches(entry.subject)]
        barred = not all(matching)
        newest = self.entries.get(where)
        if isinstance(result, Barred) != barred:
            self.complain(f"{result} for a render of {entry.key}, born after purge {entry.birth.seq}")
        if isinstance(result, Superseded) and (newest is None or newest.birth.number <= entry.birth.number):
            self.complain(f"{result}, but nothing newer than {entry.birth} is there: {newest}")
        if isinstance(result, Stored):
            if newest is not None and newest.birth.number > entry.birth.number:
                self.complain(f"{entry.birth} took the place of {newest.birth}")
            if newest is not None and newest.blob_id == entry.blob_id:
                self.tally["kept"] += 1
            self.entries[where] = replace(entry, softened=bool(matching))
        self.tally[type(result).__name__.lower()] += 1

    def _purged(
        self, namespace: Namespace, which: PurgeFilter, now: datetime, done: Purge, soft: bool
    ) -> None:
        matching = [entry for entry in self.of(namespace) if which.matches(entry.subject)]
        if soft:
            counted = [entry for entry in matching if entry.fresh_until > now and not entry.softened]
        else:
            counted = [entry for entry in matching if entry.drop_after > now]
        if done.count != len(counted):
            self.complain(f"counted {done.count} instead of {len(counted)} for {which.to_plain()}")
        names = {entry.key for entry in counted} | {entry.id for entry in counted}
        told = {key for key in which.keys or () if key in names or id_in_address(key) in names}
        if set(done.keys) != told:
            self.complain(f"told keys {done.keys} for {which.to_plain()}")
        if not done.dry_run:
            for entry in matching:
                del self.entries[namespace, entry.key]
                if soft:
                    self.entries[namespace, entry.key] = replace(entry, softened=True)
            self.log[namespace].append((which, soft))
            self.tally["softened" if soft else "purged"] += done.count
        if done.seq != len(self.log[namespace]):
            self.complain(f"purge {done.seq} should be number {len(self.log[namespace])}")

    def _swept(self, now: datetime, connection: Any) -> None:
        # Of what has expired a sweep may take as much as it comes past.
        for (namespace, key), entry in list(self.entries.items()):
            row = connection.execute(
                "SELECT 1 FROM entry WHERE ns = ? AND ckey = ?", (ns_number(namespace), key)
            ).fetchone()
            if row is None:
                if entry.drop_after > now:
                    self.complain(f"a sweep took {key}, which was still of use")
                del self.entries[namespace, key]

    def of(self, namespace: Namespace) -> list[CacheEntry]:
        """Return what a namespace holds."""
        return [entry for (where, _), entry in self.entries.items() if where == namespace]


@dataclass(eq=False)
class Caller:
    """Somebody who asks, and what was settled before they did."""

    step: int
    answered: dict[Namespace, int]
    """Number of the newest purge that had been answered, for each namespace."""
    earliest: datetime
    """The earliest time on the clock while they waited."""


@dataclass(repr=False)
class World:
    """Runs one seed."""

    seed: int
    folder: Path
    processes: int
    rng: random.Random = field(init=False)
    clock: HandClock = field(default_factory=HandClock)
    model: Model = field(init=False)
    disk: dict[str, bytes] = field(default_factory=dict)
    renders: list[Render] = field(default_factory=list)
    looks: dict[str, int] = field(default_factory=dict)
    """Which picture a page shows."""
    step: int = 0
    crashes: int = 0
    trace: deque[str] = field(default_factory=lambda: deque(maxlen=60))
    _there: list[Process] = field(default_factory=list)
    _callers: set[Caller] = field(default_factory=set)
    _answered: dict[Namespace, int] = field(default_factory=lambda: {HERE: 0, THERE: 0})

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.model = Model(self.rng)
        self._path = self.folder / f"seed{self.seed}.db"

    async def run(self, steps: int) -> Counter[str]:
        """Take so many steps, then let all come to an end. Raises Violation."""
        self._there = [Process(self, self._path) for _ in range(self.processes)]
        try:
            for _ in range(steps):
                self.step += 1
                await self._one_step()
                self._look()
            await self._drain()
            await self._take_stock()
        finally:
            for process in self._there:
                await process.crash()
        self.model.tally["steps"] += self.step
        self.model.tally["renders"] += len(self.renders)
        self.model.tally["crashes"] += self.crashes
        return self.model.tally

    # ---- the scheduler

    async def _one_step(self) -> None:
        rng = self.rng
        process = rng.choice(self._there)
        queued, waiting = len(process.database.queued), len(process.gate.waiting)
        under_way = sum(len(one.running) for one in self._there)
        choice = rng.choices(
            ["go on", "commit", "begin", "hang up", "clock", "crash"],
            [6 if waiting else 0, 5 if queued else 0, 4 if under_way < AT_ONCE else 0, 0.3, 0.5, 0.06],
        )[0]
        if choice == "go on":
            for left in range(waiting, max(0, waiting - rng.choice([1, 1, 2, 4])), -1):
                process.gate.open(rng.randrange(left))
        elif choice == "commit":
            process.database.commit(rng.randint(1, queued))
        elif choice == "begin":
            self._begin(process)
        elif choice == "hang up" and process.running:
            leaving = rng.choice(process.running)
            process.hung_up.add(leaving)
            leaving.cancel()
            self._note("hang up")
        elif choice == "clock":
            self._move_clock()
        elif choice == "crash":
            await self._crash(process)
        await self._settle()

    async def _settle(self) -> None:
        for _ in range(_ROUNDS_TO_SETTLE):
            await asyncio.sleep(0)

    def _move_clock(self) -> None:
        seconds = self.rng.choice([0.001, 0.5, 1.0, 1.0, 1.0, 20.0, 61.0, 3_600.0, 50_000.0, -30.0])
        self.clock.advance(seconds=seconds)
        for caller in self._callers:
            caller.earliest = min(caller.earliest, self.clock())
        self._note(f"clock {seconds:+}")

    async def _crash(self, process: Process) -> None:
        self._note("crash")
        self.crashes += 1
        await process.crash()
        self._there[self._there.index(process)] = Process(self, self._path)

    def _begin(self, process: Process) -> None:
        begin = self.rng.choices(
            [self._take, self._open, self._purge, self._delete, self._sweep, self._drop], [12, 2, 5, 1, 2, 1]
        )[0]
        work: Coroutine[Any, Any, None] = begin(process)
        task = asyncio.create_task(work)
        process.running.append(task)
        task.add_done_callback(lambda done: self._ended(process, done))

    def _ended(self, process: Process, task: asyncio.Task[None]) -> None:
        process.running.remove(task)
        if task.cancelled() and not process.gate.crashed and task not in process.hung_up:
            self.model.complain("a caller was cut off who had not hung up")
        if not task.cancelled() and (error := task.exception()) is not None:
            self.model.complain(f"an operation failed: {error!r}")

    async def _drain(self) -> None:
        for turn in range(_DRAIN_ROUNDS):
            if not any(process.running or not process.revalidator.is_idle for process in self._there):
                break
            process = self.rng.choice(self._there)
            if process.database.queued:
                process.database.commit(len(process.database.queued))
            elif process.gate.waiting:
                process.gate.open(self.rng.randrange(len(process.gate.waiting)))
            if turn % 500 == 499:
                # Whoever waits for the lease of a process that has crashed.
                self.clock.advance(seconds=20)
            self.step += 1
            await self._settle()
            self._look()
        else:
            raise self._violation("callers wait for ever")
        # What nobody waits for any more ends by itself: it was cancelled, and must give back what it held.
        for _ in range(200):
            for process in self._there:
                if process.database.queued:
                    process.database.commit(len(process.database.queued))
                elif process.gate.waiting:
                    process.gate.open(0)
            await self._settle()

    # ---- what may happen

    def _ask(self) -> Caller:
        caller = Caller(self.step, dict(self._answered), self.clock())
        self._callers.add(caller)
        return caller

    async def _take(self, process: Process) -> None:
        rng = self.rng
        namespace, url = self._namespace(), rng.choice(OFTEN_ONE)
        wishes = CacheWishes(
            ttl_s=rng.choice([1, 60, 3_600, 86_400, 86_400]),
            refresh=rng.random() < 0.15,
            enabled=rng.random() > 0.05,
            swr_s=rng.choice([None, None, 0, 60, 3_600]),
            sie_s=rng.choice([None, None, 0, 60]),
            key=CacheKey("mine") if rng.random() < 0.3 else None,
            tags=self._some_tags(),
        )
        rules = ("http_404",) if rng.random() < 0.3 else ()
        asked = TakeRequest(
            namespace=namespace,
            capture=ParsedCapture(
                request=a_request(url), budget_ms=3_600_000, fail_on=FailOn(rules), unknown=[]
            ),
            wishes=wishes,
            deadline=Deadline.after(3_600_000),
        )
        caller = self._ask()
        try:
            shot = await process.shots.take(asked)
        except (CaptureError, StoreUnavailable):
            return
        finally:
            self._callers.discard(caller)
        self.model.tally[shot.served.value] += 1
        self._note(f"{caller.step}: take {wishes.key or url} {shot.served} {shot.detail or ''}")
        self._judge(caller, shot.opened, shot.served)
        if FailOn(rules).broken_rule(shot.opened.entry.verdict) is not None:
            self.model.complain(f"{shot.served} breaks the caller's rules: {shot.opened.entry.verdict}")
        if shot.served is Served.MISS and shot.opened.entry.tags != wishes.tags:
            self.model.complain(f"{set(wishes.tags)} became {set(shot.opened.entry.tags)}")
        begun = self._render(shot.opened).step
        if (wishes.refresh or not wishes.enabled) and begun < caller.step:
            self.model.complain(f"a refresh asked for in step {caller.step} got a picture of step {begun}")
        if shot.served in (Served.HIT, Served.STALE) and (wishes.refresh or not wishes.enabled):
            self.model.complain("a hit for somebody who did not want one")

    async def _open(self, process: Process) -> None:
        namespace = self._namespace()
        caller = self._ask()
        try:
            opened = await process.store.open(namespace, self._address(namespace))
        except StoreUnavailable:
            return
        finally:
            self._callers.discard(caller)
        if opened is not None:
            self._judge(caller, opened, Served.HIT)

    async def _purge(self, process: Process) -> None:
        namespace = self._namespace()
        which, dry_run, soft = self._filter(namespace), self.rng.random() < 0.1, self.rng.random() < 0.45
        try:
            done = await process.store.purge(namespace, which, dry_run=dry_run, soft=soft)
        except StoreUnavailable:
            return
        how = f"{' soft' if soft else ''}{' dry' if dry_run else ''}"
        self._note(f"purge {done.seq} {which.to_plain()} -> {done.count}{how}")
        if not dry_run:
            self._answered[namespace] = max(self._answered[namespace], done.seq)
            await self._check_gone(namespace, which, done.seq, soft)

    async def _delete(self, process: Process) -> None:
        namespace = self._namespace()
        address = self._address(namespace)
        try:
            await process.store.delete(namespace, address)
        except (EntryNotFound, StoreUnavailable):
            return

    async def _sweep(self, process: Process) -> None:
        try:
            await process.sweeper.step()
        except StoreUnavailable:
            return

    async def _drop(self, process: Process) -> None:
        """Drop an entry as a reader does who finds its picture spoilt."""
        namespace = self._namespace()
        entry = await process.index.find(namespace, self._name(namespace).key)
        if entry is not None:
            with contextlib.suppress(StoreUnavailable):
                await process.index.forget_broken(entry)

    def _namespace(self) -> Namespace:
        return HERE if self.rng.random() < 0.9 else THERE

    def _address(self, namespace: Namespace) -> str:
        name = self._name(namespace)
        return self.rng.choice([name.key, name.key, name.id, f"screenshots/{name.id}.png"])

    def _name(self, namespace: Namespace) -> Identity:
        custom = CacheKey("mine") if self.rng.random() < 0.3 else None
        return KEYS.identify(namespace, a_request(self.rng.choice(OFTEN_ONE)), custom)

    def _some_tags(self) -> frozenset[str]:
        return frozenset(self.rng.sample(TAGS, self.rng.choice([0, 0, 1, 1, 2, 3])))

    def _filter(self, namespace: Namespace) -> PurgeFilter:
        rng = self.rng
        key, other = self._name(namespace), self._name(namespace)
        url = UrlGlob(rng.choice([*URLS, "https://example.com/*", "*/a", "https://*.example.com/*", "*"]))
        pattern = PathGlob(
            rng.choice(["screenshots/2024/01/15/*", "screenshots/*", "*1?/*", "*.png", "*.jpeg"])
        )
        tag, other_tag = rng.sample(TAGS, 2)
        moment = self.clock() - timedelta(seconds=rng.choice([0, 0, 1, 60, 3_600, -5]))
        filters: list[dict[str, Any]] = [
            {"keys": (key.key,)},
            {"keys": (key.key, other.id, "unknown")},
            {"url": url},
            {"pattern": pattern},
            {"before": moment},
            {"everything": True},
            {"url": url, "before": moment},
            {"keys": (key.key, other.key), "url": url},
            {"pattern": pattern, "url": url},
            {"everything": True, "url": url},
            {"tags": (tag,)},
            {"tags": (tag, other_tag)},
            {"tags": (tag, "unused"), "url": url},
            {"tags": (tag, other_tag), "before": moment},
            {"tags": (tag,), "keys": (key.key, other.id)},
        ]
        return PurgeFilter(**rng.choices(filters, [4, 3, 4, 3, 3, 2, 1, 1, 1, 1, 3, 2, 1, 1, 1])[0])

    def _render(self, opened: OpenEntry) -> Render:
        return self.renders[int(opened.entry.verdict.title)]

    # ---- what must hold

    def _judge(self, caller: Caller, opened: OpenEntry, served: Served) -> None:
        """No answer shows a page of before a purge answered before the caller asked; no hit has expired.

        What is said to be stale may show one of before a soft purge, and past its time, in its windows.
        """
        entry, render = opened.entry, self._render(opened)
        if opened.data != render.image:
            self.model.complain(f"{entry.key} of step {render.step} came with another picture")
        namespace = entry.namespace
        if entry.url_key != url_key(render.url):
            self.model.complain(f"{entry.key} says {entry.url_key} and shows {render.url}")
        for seq in range(render.heads[namespace] + 1, caller.answered[namespace] + 1):
            which, soft = self.model.log[namespace][seq - 1]
            if which.matches(entry.subject) and not (soft and served is Served.STALE):
                self.model.complain(
                    f"stale: asked in step {caller.step}, after purge {seq} {which.to_plain()}, "
                    f"and got a picture of {render.url} of step {render.step}, "
                    f"after purge {render.heads[namespace]}"
                )
        if served is Served.HIT and (entry.fresh_until <= caller.earliest or entry.softened):
            self.model.complain(f"a hit on {entry.key}, which expired at {entry.fresh_until}")
        if served is Served.STALE and entry.drop_after <= caller.earliest:
            self.model.complain(f"served {entry.key}, whose windows ended at {entry.drop_after}")

    async def _check_gone(self, namespace: Namespace, which: PurgeFilter, seq: int, soft: bool) -> None:
        """Once a purge is answered no process finds what it matched (soft: finds it fresh)."""
        for process in self._there:
            for entry in [await process.index.find(namespace, name.key) for name in self._names(namespace)]:
                if entry is None or (soft and entry.softened):
                    continue
                if entry.birth.seq < seq and which.matches(entry.subject):
                    self.model.complain(f"{entry.key} is still found after purge {seq} {which.to_plain()}")

    def _names(self, namespace: Namespace) -> list[Identity]:
        names = [KEYS.identify(namespace, a_request(url), None) for url in URLS]
        return [*names, KEYS.identify(namespace, a_request(), CacheKey("mine"))]

    async def _take_stock(self) -> None:
        """When all is quiet, index, model and disk agree."""
        for process in self._there:
            for namespace in (HERE, THERE):
                for name in self._names(namespace):
                    await self._compare(process, namespace, name)
        await self._clear_up(self._there[0])
        wanted = {entry.blob_id for entry in self.model.entries.values()}
        if wanted - self.disk.keys():
            self.model.complain(f"entries without a picture: {wanted - self.disk.keys()}")
        if self.crashes == 0:
            self._check_nothing_is_left(self._there[0], wanted)
        self._look()

    async def _clear_up(self, process: Process) -> None:
        # First the pass that may be under way, then the rows of what has expired by then, then their blobs.
        for wait in (timedelta(hours=2), timedelta(hours=2), timedelta(minutes=2)):
            self.clock.now += wait
            while await self._sweep_alone(process):
                pass

    def _check_nothing_is_left(self, process: Process, wanted: set[str]) -> None:
        if self.disk.keys() - wanted:
            self.model.complain(f"{len(self.disk.keys() - wanted)} pictures without an entry")
        (leases,) = process.database.reader.execute("SELECT count(*) FROM lease").fetchone()
        if leases:
            self.model.complain(f"{leases} leases that nobody gave back")
        for table, number in (("url", "url_id"), ("dir", "dir_id")):
            (unused,) = process.database.reader.execute(
                f"SELECT count(*) FROM {table} WHERE {number} NOT IN (SELECT {number} FROM entry)"
            ).fetchone()
            if unused:
                self.model.complain(f"{unused} rows of {table} that nothing uses")
        (adrift,) = process.database.reader.execute(
            "SELECT (SELECT count(*) FROM tag WHERE tag_id NOT IN (SELECT tag_id FROM entry_tag)) "
            "+ (SELECT count(*) FROM entry_tag WHERE id NOT IN (SELECT id FROM entry))"
        ).fetchone()
        if adrift:
            self.model.complain(f"{adrift} rows about tags that nothing uses")

    async def _compare(self, process: Process, namespace: Namespace, name: Identity) -> None:
        by_key = await process.index.find(namespace, name.key)
        by_id = await process.index.find_by_id(EntryId(name.id))
        expected = self.model.entries.get((namespace, name.key))
        if not by_key == by_id == expected:
            self.model.complain(f"{name.key}: {by_key}, {by_id}, should be {expected}")

    async def _sweep_alone(self, process: Process) -> bool:
        sweep = asyncio.create_task(process.sweeper.step())
        while not sweep.done():
            if process.database.queued:
                process.database.commit(1)
            elif process.gate.waiting:
                process.gate.open(0)
            await asyncio.sleep(0)
        return await sweep

    def _note(self, event: str) -> None:
        self.trace.append(f"{self.step:4} {self.clock() - NOON} {event}")

    def _look(self) -> None:
        if self.model.broken:
            raise self._violation("\n".join(self.model.broken))

    def _violation(self, what: str) -> Violation:
        trace = "\n".join(self.trace)
        return Violation(
            f"{what}\n\nThe last of what happened (step, time since noon):\n{trace}\n\nOnce more:  "
            f"INTERLEAVING_SEED={self.seed} .venv/bin/python -m pytest "
            f"tests/cache/test_interleavings.py -k {self.processes}_process"
        )
