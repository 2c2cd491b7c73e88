"""One SQLite file in WAL mode: one reader in the event loop, one writer thread with group commit."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from calotype.cache.errors import DiskFull, StoreUnavailable
from calotype.errors import ConfigurationError
from calotype.sql.migrate import migrate
from calotype.sql.settings import SqliteSettings

MAX_QUEUED_WRITES = 10_000
"""Beyond this the disk is not keeping up, and a write is refused rather than remembered."""
_MAX_GROUP = 100
"""Writes in one transaction: enough to share a sync, few enough to keep each one's wait short."""
MAX_WAITING_SCANS = 100
"""Beyond this a scan is refused: those before it would take its caller's patience."""
SCANS_AT_ONCE = 2
SCAN_S = 10.0
"""How long one scan may read: while it does, the log cannot be written from its beginning again."""
_STEPS_BETWEEN_LOOKS = 10_000
"""Of SQLite's machine, between two looks at the clock: a fraction of a millisecond."""
_WAL_RETRY_S = 0.02
_STILL_LOCKED_S = 0.25
"""A lock that has outlasted a whole wait is not waited for that long again: captures are answered without
the index meanwhile, and their callers need not wait for it either."""
FULL = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE}
_FOR_WANT_OF_ROOM = {*FULL, sqlite3.SQLITE_IOERR_WRITE}
"""A quota that is used up is told as a failed write."""
_OLDEST_SQLITE = (3, 37, 0)

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Job:
    run: Callable[[sqlite3.Connection], Any]
    durable: bool
    done: asyncio.Future[Any]
    loop: asyncio.AbstractEventLoop


_Outcome = tuple[_Job, object, BaseException | None]


class Database:
    """Point reads happen where they are asked for: a hop to a thread costs ten times the read.

    Scans have threads and connections of their own, and everything else runs on the writer thread, in the
    order it was asked for. All see only committed states.
    """

    def __init__(self, settings: SqliteSettings, make_room: Callable[[], object] = lambda: None) -> None:
        """Open the file. On a full disk make_room is called before a commit is tried again."""
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            message = f"SQLite {sqlite3.sqlite_version} is too old; Calotype needs 3.37 or newer"
            raise ConfigurationError(message)
        self._settings, self._make_room = settings, make_room
        with contextlib.ExitStack() as opened:
            try:
                settings.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._writer = opened.enter_context(contextlib.closing(self.connect()))
                # The page size counts only before the first table, WAL is remembered by the file.
                self._writer.execute("PRAGMA page_size = 8192")
                self._enter_wal()
                migrate(self._writer)
                self.reader = opened.enter_context(contextlib.closing(self.connect()))
                self.reader.execute("PRAGMA query_only = ON")
                self._version_cursor = self.reader.cursor()
                self.scanners = tuple(
                    opened.enter_context(contextlib.closing(self.connect(read_only=True)))
                    for _ in range(SCANS_AT_ONCE)
                )
            except (sqlite3.Error, OSError) as exc:
                remedy = "check CALOTYPE_DATA and its permissions"
                message = f"the index {settings.path} cannot be opened: {exc}; {remedy}"
                raise ConfigurationError(message) from exc
            opened.pop_all()
        self.wrote_at, self.well = float("-inf"), True
        """When something was last written, on time.monotonic()'s scale; whether the last try succeeded."""
        self._jobs: queue.Queue[_Job | None] = queue.Queue(MAX_QUEUED_WRITES)
        self._closed = False
        self._free_scanners: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
        for scanner in self.scanners:
            self._free_scanners.put(scanner)
        self._scans = ThreadPoolExecutor(SCANS_AT_ONCE, "calotype-scan")
        self._scans_asked_for = 0
        self._thread = threading.Thread(target=self._work, name="calotype-writer", daemon=True)
        self._thread.start()

    def connect(self, busy_timeout_s: float | None = None, *, read_only: bool = False) -> sqlite3.Connection:
        """Return another connection to the file, which any thread may use, and whoever asked closes.

        A read_only one may still make temporary tables.
        """
        where = self._settings.path.resolve().as_uri()
        connection = sqlite3.connect(
            f"{where}?mode=ro" if read_only else where,
            uri=True,
            timeout=self._settings.busy_timeout_s if busy_timeout_s is None else busy_timeout_s,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        connection.execute("PRAGMA synchronous = NORMAL")
        # As much as SQLite was built to map (2 GiB as a rule): a page that is mapped costs no call to read.
        connection.execute("PRAGMA mmap_size = 1099511627776")
        connection.execute("PRAGMA cache_size = -65536")
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _enter_wal(self) -> None:
        # Of several processes that start at once on a new file, SQLite turns all but one away at once.
        end = time.monotonic() + self._settings.busy_timeout_s
        while True:
            try:
                self._writer.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError:
                if time.monotonic() >= end:
                    raise
                time.sleep(_WAL_RETRY_S)
            else:
                return

    def data_version(self) -> int:
        """Return a number that changes whenever anybody, in any process, has committed (3 µs)."""
        try:
            version: int = self._version_cursor.execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.Error as exc:
            raise _unavailable(exc) from exc
        return version

    def read_one(self, sql: str, parameters: tuple[object, ...] = ()) -> tuple[object, ...] | None:
        """Return the first row, read in the calling thread. Raises StoreUnavailable."""
        try:
            row: tuple[object, ...] | None = self.reader.execute(sql, parameters).fetchone()
        except sqlite3.Error as exc:
            raise _unavailable(exc) from exc
        return row

    def read(self, run: Callable[[sqlite3.Connection], T]) -> T:
        """Run a few point reads in the calling thread. Raises StoreUnavailable."""
        try:
            return run(self.reader)
        except sqlite3.Error as exc:
            raise _unavailable(exc) from exc

    async def scan(self, run: Callable[[sqlite3.Connection], T]) -> T:
        """Run reads that may take long, in one snapshot, and return what run returns.

        They hold up neither the event loop nor the writer, and end after SCAN_S. Raises StoreUnavailable.
        """
        if self._closed:
            message = "the index is closed"
            raise StoreUnavailable(message)
        if self._scans_asked_for >= SCANS_AT_ONCE + MAX_WAITING_SCANS:
            message = f"{MAX_WAITING_SCANS} scans are waiting already"
            raise StoreUnavailable(message)
        scanning = asyncio.get_running_loop().run_in_executor(self._scans, self._scan, run)
        self._scans_asked_for += 1
        scanning.add_done_callback(self._scan_ended)
        # A caller that is cancelled leaves its scan to end by itself: it is counted until then.
        return await asyncio.shield(scanning)

    def _scan_ended(self, scanning: asyncio.Future[Any]) -> None:
        self._scans_asked_for -= 1
        if not scanning.cancelled():
            scanning.exception()  # seen: its caller may have left

    def _scan(self, run: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._free_scanners.get()
        end = time.monotonic() + SCAN_S
        connection.set_progress_handler(lambda: self._closed or time.monotonic() > end, _STEPS_BETWEEN_LOOKS)
        try:
            connection.execute("BEGIN")
            return run(connection)
        except sqlite3.Error as exc:
            if _code(exc) == sqlite3.SQLITE_INTERRUPT:
                message = f"the index could not be looked through within {SCAN_S:.0f} s; narrow the filter"
                raise StoreUnavailable(message) from exc
            raise _unavailable(exc) from exc
        finally:
            connection.set_progress_handler(None, 0)
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            self._free_scanners.put(connection)

    async def write(self, run: Callable[[sqlite3.Connection], T], *, durable: bool = False) -> T:
        """Run in a transaction on the writer thread and return what it returns, once committed.

        Jobs that wait together share a commit; one that raises is undone alone. With durable the
        commit survives a power cut, without it only the death of the process. Raises StoreUnavailable.
        """
        if self._closed:
            message = "the index is closed"
            raise StoreUnavailable(message)
        loop = asyncio.get_running_loop()
        job = _Job(run, durable, loop.create_future(), loop)
        try:
            self._jobs.put_nowait(job)
        except queue.Full as exc:
            message = f"{MAX_QUEUED_WRITES} writes are waiting already"
            raise StoreUnavailable(message) from exc
        # A caller that is cancelled does not call its write back: it is done or not, as a whole.
        result: T = await job.done
        return result

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            group = [job]
            stop = False
            while len(group) < _MAX_GROUP and not self._jobs.empty():
                more = self._jobs.get()
                if more is None:
                    stop = True
                    break
                group.append(more)
            self._commit(group)
            if stop:
                return

    def _commit(self, group: list[_Job]) -> None:
        results = self._transact(group)
        if any(_code(error) in _FOR_WANT_OF_ROOM for _, _, error in results):
            self._make_room()
            # Once all of the log is in the database the log is written from its beginning, and grows no more.
            with contextlib.suppress(sqlite3.Error):
                self._writer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            results = self._transact(group)
        for job, value, error in results:
            told = _unavailable(error) if isinstance(error, sqlite3.Error) else error
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                job.loop.call_soon_threadsafe(_settle, job.done, value, told)

    def _transact(self, group: list[_Job]) -> list[_Outcome]:
        results: list[_Outcome] = []
        changes = self._writer.total_changes
        try:
            # A purge that was answered must not come undone; a lost store is only a miss.
            level = "FULL" if any(job.durable for job in group) else "NORMAL"
            self._writer.execute(f"PRAGMA synchronous = {level}")
            wait_s = self._settings.busy_timeout_s
            self._writer.execute(
                f"PRAGMA busy_timeout = {1000 * (wait_s if self.well else min(wait_s, _STILL_LOCKED_S)):.0f}"
            )
            self._writer.execute("BEGIN IMMEDIATE")
            for job in group:
                self._writer.execute("SAVEPOINT job")
                try:
                    results.append((job, job.run(self._writer), None))
                except Exception as exc:
                    if isinstance(exc, sqlite3.Error) and self._concerns_all(exc):
                        raise
                    self._writer.execute("ROLLBACK TO job")
                    results.append((job, None, exc))
                self._writer.execute("RELEASE job")
            self._writer.execute("COMMIT")
            if self._writer.total_changes != changes:
                self.wrote_at = time.monotonic()
            self.well = True
        except sqlite3.Error as exc:
            self.well, self.wrote_at = False, float("-inf")
            # Whatever else the disk does, this thread must live: every write waits for it.
            with contextlib.suppress(sqlite3.Error):
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
            results = [(job, None, exc) for job in group]
        return results

    def _concerns_all(self, exc: sqlite3.Error) -> bool:
        # A full disk is no job's own fault; and of some errors SQLite undoes the whole transaction by itself.
        return _code(exc) in _FOR_WANT_OF_ROOM or not self._writer.in_transaction

    async def close(self) -> None:
        """Finish the writes that wait, and close the file."""
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._jobs.put, None)
        await asyncio.to_thread(self._thread.join)
        await asyncio.to_thread(self._scans.shutdown)
        for scanner in self.scanners:
            scanner.close()
        self.reader.close()
        self._writer.close()


def _settle(done: asyncio.Future[Any], value: object, error: BaseException | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(value)
    else:
        done.set_exception(error)


def _code(exc: BaseException | None) -> int | None:
    return getattr(exc, "sqlite_errorcode", None) if isinstance(exc, sqlite3.Error) else None


def _unavailable(exc: sqlite3.Error) -> StoreUnavailable:
    kind = DiskFull if _code(exc) in FULL else StoreUnavailable
    unavailable = kind(f"the index cannot be used: {exc}")
    unavailable.__cause__ = exc
    return unavailable
