"""JobEngine on SQLite: a table of leases, woken in process, polled for what other processes submit."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from calotype.cache.errors import StoreUnavailable
from calotype.clock import Clock, from_ms, to_ms
from calotype.errors import CalotypeError
from calotype.jobs.engine import DeadJob, Kind, Later
from calotype.sql.sqlite.database import Database
from calotype.sql.sqlite.owners import Owner, is_alive

LEASE_MS = 15_000
"""How long an owner may be silent: a process that hangs is replaced within this time."""
_BEAT_MS = 5_000
_POLL_S = 1.0
_MAX_ERROR = 500
_MILLISECOND = timedelta(milliseconds=1)

_SUBMIT = """
INSERT INTO job(kind, subject, due_ms) VALUES (?, ?, ?)
ON CONFLICT (kind, subject) DO UPDATE SET
  again = owner IS NOT NULL,
  due_ms = CASE WHEN died_ms IS NULL THEN min(due_ms, excluded.due_ms) ELSE excluded.due_ms END,
  failures = CASE WHEN died_ms IS NULL THEN failures ELSE 0 END,
  died_ms = NULL
"""
# A lease that ends much later than any could was written before the clock was set back. One that ends a
# little later holds: two processes read their clocks, and write, at moments that differ. And a process
# begins nothing that it still runs, whatever became of the lease.
_DUE = (
    "kind = ?1 AND died_ms IS NULL AND due_ms <= ?2 "
    "AND (owner IS NULL OR lease_ms <= ?2 OR lease_ms > ?2 + 2 * ?3) "
    "AND id NOT IN (SELECT value FROM json_each(?4))"
)
_IS_DUE = f"SELECT 1 FROM job WHERE {_DUE} LIMIT 1"  # noqa: S608
_CLAIM = f"""
UPDATE job SET owner = ?5, lease_ms = ?2 + ?3, again = 0
WHERE id IN (SELECT id FROM job WHERE {_DUE} ORDER BY due_ms, id LIMIT ?6)
RETURNING id, subject, failures
"""  # noqa: S608
_BEAT = "UPDATE job SET lease_ms = ? WHERE id = ? AND owner = ?"
_DONE = "DELETE FROM job WHERE id = ? AND owner = ? AND again = 0"
_ONCE_MORE = "UPDATE job SET owner = NULL, again = 0, failures = 0, due_ms = ? WHERE id = ? AND owner = ?"
_FAILED = (
    "UPDATE job SET owner = NULL, failures = (failures + 1) * (again = 0), due_ms = ?, "
    "died_ms = CASE WHEN again THEN NULL ELSE ? END, error = ? WHERE id = ? AND owner = ? "
    "RETURNING died_ms, failures"
)
_LATER = (
    "UPDATE job SET owner = NULL, again = 0, failures = 0, due_ms = CASE WHEN again THEN ? ELSE ? END "
    "WHERE id = ? AND owner = ?"
)
_BURY = (
    "UPDATE job SET owner = NULL, again = 0, died_ms = ?, failures = ?, error = ? "
    "WHERE kind = ? AND subject = ?"
)
_LET_GO = "UPDATE job SET owner = NULL WHERE owner = ?"
_OWNERS = "SELECT DISTINCT owner FROM job WHERE owner IS NOT NULL"
_DEAD = (
    "SELECT id, kind, subject, failures, died_ms, error FROM job "
    "WHERE died_ms IS NOT NULL ORDER BY died_ms DESC, id DESC LIMIT ?"
)
_REPLAY = "UPDATE job SET died_ms = NULL, failures = 0, due_ms = ? WHERE id = ? AND died_ms IS NOT NULL"
_FORGET = "DELETE FROM job WHERE id IN (SELECT id FROM job WHERE died_ms < ? ORDER BY died_ms LIMIT ?)"
_log = logging.getLogger("calotype.jobs")


@dataclass(frozen=True, slots=True)
class Death:
    """What those are told whose rows a job was about, when it has failed for the last time."""

    subject: str
    at_ms: int
    failures: int
    error: str
    """What the last failure said, without secrets."""


Mourner = Callable[[sqlite3.Connection, Death], None]
"""Ends, in the transaction in which a job dies, what would wait for it in vain."""


@dataclass(frozen=True, slots=True)
class _Claimed:
    number: int
    subject: str
    failures: int


class SqliteJobs:
    """One process's hands: it claims, runs and lets go."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._owner = Owner()
        self._woken = asyncio.Event()
        self._running: dict[int, asyncio.Task[None]] = {}
        self._busy: dict[str, int] = {}
        """How many of each kind are running."""
        self._mourners: dict[str, Mourner] = {}
        self._beat_ms = 0
        self._well = True

    def enqueue(self, connection: sqlite3.Connection, kind: str, subject: str) -> None:
        """Submit a job in the transaction of the rows that it is about; wake once that is committed."""
        connection.execute(_SUBMIT, (kind, subject, to_ms(self._clock())))

    def bury(
        self, connection: sqlite3.Connection, kind: str, subject: str, failures: int, error: str
    ) -> None:
        """Make a job a dead letter in the transaction of the rows that it is about, from within its run."""
        told = (to_ms(self._clock()), failures, error[:_MAX_ERROR])
        connection.execute(_BURY, (*told, kind, subject))

    def mourn(self, kind: str, mourner: Mourner) -> None:
        """Have mourner called for each job of a kind that dies of what its run raises; bury calls nobody.

        There is one for each kind at most. What it enqueues is found as soon as the run has ended.
        """
        self._mourners[kind] = mourner

    async def submit(self, kind: str, subject: str) -> None:
        """See JobEngine."""
        await self._database.write(lambda connection: self.enqueue(connection, kind, subject), durable=True)
        self.wake()

    def wake(self) -> None:
        """See JobEngine."""
        self._woken.set()

    async def run(self, kinds: Sequence[Kind]) -> None:
        """See JobEngine."""
        try:
            while True:
                self._woken.clear()
                try:
                    await self._look(kinds)
                    self._well = True
                except StoreUnavailable as exc:
                    if self._well:
                        _log.warning("jobs wait: %s", exc)
                    self._well = False
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_POLL_S):
                        await self._woken.wait()
        finally:
            await self._leave()

    async def _look(self, kinds: Sequence[Kind]) -> None:
        # The beat comes first: a lease of ours that has run out must not be claimed by ourselves.
        await self._beat()
        await self._free_what_the_dead_hold()
        for kind in kinds:
            room = kind.at_once - self._busy.get(kind.name, 0)
            if room > 0:
                await self._claim(kind, room)

    async def _beat(self) -> None:
        now_ms = to_ms(self._clock())
        if not self._running or abs(now_ms - self._beat_ms) < _BEAT_MS:
            return

        def beat(connection: sqlite3.Connection) -> list[int]:
            until = now_ms + LEASE_MS
            return [
                number
                for number in tuple(self._running)
                if connection.execute(_BEAT, (until, number, self._owner.name)).rowcount == 0
            ]

        lost = await self._database.write(beat)
        self._beat_ms = now_ms
        for number in lost:
            # Somebody else runs it by now, or it has just ended.
            if number in self._running:
                self._running[number].cancel()

    async def _free_what_the_dead_hold(self) -> None:
        rows = self._database.read(lambda connection: connection.execute(_OWNERS).fetchall())
        for owner in (str(row[0]) for row in rows):
            if not is_alive(owner):
                await self._let_go(owner)

    async def _claim(self, kind: Kind, room: int) -> None:
        asked = (kind.name, to_ms(self._clock()), LEASE_MS, json.dumps(list(self._running)))
        if self._database.read_one(_IS_DUE, asked) is None:
            return
        claimed = await self._database.write(
            lambda connection: connection.execute(_CLAIM, (*asked, self._owner.name, room)).fetchall()
        )
        for job in sorted((_Claimed(*row) for row in claimed), key=lambda job: job.number):
            self._busy[kind.name] = self._busy.get(kind.name, 0) + 1
            task = asyncio.create_task(self._work(kind, job), name=f"job {kind.name} {job.subject}")
            self._running[job.number] = task
            task.add_done_callback(partial(self._ended, kind, job.number))

    def _ended(self, kind: Kind, number: int, _task: asyncio.Task[None]) -> None:
        del self._running[number]
        self._busy[kind.name] -= 1
        self._woken.set()

    async def _work(self, kind: Kind, job: _Claimed) -> None:
        failure: Exception | None = None
        try:
            async with asyncio.timeout(kind.limit_s):
                await kind.run(job.subject)
        except Later as later:
            failure = later
        except Exception as exc:  # noqa: BLE001  whatever it is, the job has failed, and the others go on
            failure = exc
            _log.exception("the job %s %s has failed", kind.name, job.subject)
        try:
            match failure:
                case None:
                    await self._done(job)
                case Later():
                    await self._later(job, failure.pause)
                case _:
                    await self._failed(kind, job, failure)
        except StoreUnavailable as exc:
            # Its lease runs out, and somebody finds that all is done, or tries again.
            _log.warning("what became of the job %s %s was not written: %s", kind.name, job.subject, exc)

    async def _done(self, job: _Claimed) -> None:
        where = (job.number, self._owner.name)
        now_ms = to_ms(self._clock())

        def done(connection: sqlite3.Connection) -> None:
            if connection.execute(_DONE, where).rowcount == 0:
                connection.execute(_ONCE_MORE, (now_ms, *where))

        await self._database.write(done)

    async def _later(self, job: _Claimed, pause: timedelta) -> None:
        now_ms = to_ms(self._clock())
        due = (now_ms, now_ms + pause // _MILLISECOND)
        await self._database.write(
            lambda connection: connection.execute(_LATER, (*due, job.number, self._owner.name))
        )

    async def _failed(self, kind: Kind, job: _Claimed, failure: Exception) -> None:
        now_ms = to_ms(self._clock())
        last = job.failures >= len(kind.pauses)
        due_ms = now_ms if last else now_ms + kind.pauses[job.failures] // _MILLISECOND
        error, mourner = _told(failure), self._mourners.get(kind.name)
        row = (due_ms, now_ms if last else None, error, job.number, self._owner.name)

        def fail(connection: sqlite3.Connection) -> None:
            # Not if somebody else runs it by now, nor if it was submitted once more meanwhile.
            for died_ms, failures in connection.execute(_FAILED, row).fetchall():
                if died_ms is not None and mourner is not None:
                    mourner(connection, Death(job.subject, died_ms, failures, error))

        await self._database.write(fail, durable=last)

    async def _leave(self) -> None:
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        try:
            await self._let_go(self._owner.name)
        except StoreUnavailable as exc:
            _log.warning("jobs stay with a process that has gone, until that is noticed: %s", exc)

    async def _let_go(self, owner: str) -> None:
        await self._database.write(lambda connection: connection.execute(_LET_GO, (owner,)))

    async def dead(self, limit: int) -> Sequence[DeadJob]:
        """See JobEngine."""
        rows: list[Any] = await self._database.scan(
            lambda connection: connection.execute(_DEAD, (limit,)).fetchall()
        )
        return [
            DeadJob(
                number=row[0], kind=row[1], subject=row[2], failures=row[3], died_at=from_ms(row[4]),
                error=row[5],
            )
            for row in rows
        ]  # fmt: skip

    async def replay(self, number: int) -> bool:
        """See JobEngine."""
        now_ms = to_ms(self._clock())
        changed = await self._database.write(
            lambda connection: connection.execute(_REPLAY, (now_ms, number)).rowcount, durable=True
        )
        self.wake()
        return changed == 1

    async def forget_dead(self, before: datetime, limit: int) -> int:
        """See JobEngine."""
        return await self._database.write(
            lambda connection: connection.execute(_FORGET, (to_ms(before), limit)).rowcount
        )


def _told(failure: Exception) -> str:
    # Our own errors are made to be told; what others say may hold what nobody should read.
    kind = type(failure).__name__
    return f"{kind}: {failure}"[:_MAX_ERROR] if isinstance(failure, CalotypeError) else kind
