"""BucketStore and Copies on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from calotype.cache.entry import CacheKey, Namespace
from calotype.capture.output import ImageFormat
from calotype.clock import from_ms, to_ms
from calotype.sql.rows import namespace_of, ns_number
from calotype.sql.sqlite.database import Database
from calotype.sql.sqlite.jobs import SqliteJobs
from calotype.storage.bucket import Acl, Bucket
from calotype.storage.ports import COPY, MAX_WAITING, Copy, CopyState, NewCopy
from calotype.storage.template import PathTemplate

_CACHE_BOUND = 10_000
"""Accounts of which it is remembered whether they have a bucket."""
_FIND_BUCKET = "SELECT endpoint, name, region, path, acl, sealed, set_ms FROM storage_bucket WHERE ns = ?"
_SET_BUCKET = (
    "INSERT OR REPLACE INTO storage_bucket(ns, endpoint, name, region, path, acl, sealed, set_ms) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)
_WAITING = "SELECT count(*) FROM storage_copy WHERE ns IN (?, ?) AND state = 'waiting'"
_ACCEPT = (
    "INSERT OR REPLACE INTO storage_copy(id, ns, path, acl, ckey, blob, format, state, accepted_ms) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, 'waiting', ?)"
)
_COLUMNS = (
    "c.id, c.ns, c.path, c.acl, c.ckey, c.blob, c.format, c.state, c.accepted_ms, c.ended_ms, c.why, "
    "j.failures, j.error, j.died_ms"
)
_COPY_AND_JOB = f"storage_copy c LEFT JOIN job j ON j.kind = '{COPY}' AND j.subject = c.id"
_SELECT = f"SELECT {_COLUMNS} FROM {_COPY_AND_JOB} "  # noqa: S608
_FIND = f"{_SELECT}WHERE c.id = ?"
_LATEST = f"{_SELECT}WHERE c.ns = ? AND c.state = ? {{}}ORDER BY c.accepted_ms DESC LIMIT ?"
_DEAD, _ALIVE = "AND j.died_ms IS NOT NULL ", "AND j.died_ms IS NULL "
_END = (
    "UPDATE storage_copy SET state = ?, ended_ms = ?, why = ? "
    "WHERE id = ? AND acl = ? AND ckey = ? AND blob = ? AND state = 'waiting'"
)
_FAILED = (
    "SELECT c.id FROM storage_copy c JOIN job j ON j.kind = ? AND j.subject = c.id "
    "WHERE c.ns = ? AND c.state = 'waiting' AND j.died_ms IS NOT NULL AND (?3 IS NULL OR c.id = ?3)"
)
_FORGET = (
    "DELETE FROM storage_copy WHERE id IN (SELECT c.id FROM storage_copy c WHERE c.accepted_ms < ? "
    "AND NOT EXISTS (SELECT 1 FROM job j WHERE j.kind = ? AND j.subject = c.id) LIMIT ?)"
)


class SqliteBucketStore:
    """Looks buckets up in the event loop; what any process sets holds at once."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._version = -1
        self._known: dict[Namespace, Bucket | None] = {}

    async def find(self, namespace: Namespace) -> Bucket | None:
        """See BucketStore. Never suspends."""
        version = self._database.data_version()
        if version != self._version or len(self._known) >= _CACHE_BOUND:
            self._known.clear()
            self._version = version
        if namespace not in self._known:
            row: Any = self._database.read_one(_FIND_BUCKET, (ns_number(namespace),))
            self._known[namespace] = None if row is None else _bucket(namespace, row)
        return self._known[namespace]

    async def set(self, bucket: Bucket) -> None:
        """See BucketStore."""
        row = (
            ns_number(bucket.namespace), bucket.endpoint, bucket.name, bucket.region, bucket.path.text,
            bucket.acl.value, bucket.sealed, to_ms(bucket.set_at),
        )  # fmt: skip
        await self._database.write(lambda connection: connection.execute(_SET_BUCKET, row), durable=True)

    async def remove(self, namespace: Namespace) -> bool:
        """See BucketStore."""
        where = (ns_number(namespace),)
        removed = await self._database.write(
            lambda connection: connection.execute("DELETE FROM storage_bucket WHERE ns = ?", where).rowcount,
            durable=True,
        )
        return removed == 1


class SqliteCopies:
    """Rows of copies, and their jobs in the same transactions."""

    def __init__(self, database: Database, jobs: SqliteJobs, max_waiting: int = MAX_WAITING) -> None:
        self._database, self._jobs, self._max_waiting = database, jobs, max_waiting

    async def accept(self, new: NewCopy, now: datetime) -> bool:
        """See Copies."""
        ns = ns_number(new.namespace)
        place = (new.path, new.acl.value, new.key, new.blob_id, new.format.value)
        row = (new.id, ns, *place, to_ms(now))

        def accept(connection: sqlite3.Connection) -> bool:
            live = ns // 2 * 2
            (waiting,) = connection.execute(_WAITING, (live, live + 1)).fetchone()
            if waiting >= self._max_waiting:
                return False
            connection.execute(_ACCEPT, row)
            self._jobs.enqueue(connection, COPY, new.id)
            return True

        accepted = await self._database.write(accept)
        self._jobs.wake()
        return accepted

    async def find(self, copy_id: str) -> Copy | None:
        """See Copies. Never suspends."""
        row: Any = self._database.read_one(_FIND, (copy_id,))
        return None if row is None else _copy(row)

    async def end(self, new: NewCopy, state: CopyState, now: datetime, why: str = "") -> None:
        """See Copies."""
        row = (state.value, to_ms(now), why, new.id, new.acl.value, new.key, new.blob_id)
        await self._database.write(lambda connection: connection.execute(_END, row))

    async def latest(self, namespace: Namespace, state: CopyState | None, limit: int) -> Sequence[Copy]:
        """See Copies."""
        ns, states = ns_number(namespace), list(CopyState) if state is None else [state]

        def read(connection: sqlite3.Connection) -> list[Copy]:
            found = [
                connection.execute(_LATEST.format(how), (ns, kept, limit)).fetchall()
                for kept, how in map(_kept, states)
            ]
            return [_copy(row) for rows in found for row in rows]

        found = await self._database.scan(read)
        return sorted(found, key=lambda copy: copy.accepted_at, reverse=True)[:limit]

    async def retry(self, namespace: Namespace, copy_id: str | None) -> int:
        """See Copies."""
        which = (COPY, ns_number(namespace), copy_id)

        def retry(connection: sqlite3.Connection) -> int:
            failed = connection.execute(_FAILED, which).fetchall()
            for (each,) in failed:
                self._jobs.enqueue(connection, COPY, each)
            return len(failed)

        begun = await self._database.write(retry, durable=True)
        self._jobs.wake()
        return begun

    async def forget(self, before: datetime, limit: int) -> int:
        """See Copies."""
        which = (to_ms(before), COPY, limit)
        return await self._database.write(lambda connection: connection.execute(_FORGET, which).rowcount)


def _kept(state: CopyState) -> tuple[str, str]:
    """Return the state that is kept of a copy in state, and what its job must be beside."""
    match state:
        case CopyState.FAILED:
            return CopyState.WAITING.value, _DEAD
        case CopyState.WAITING:
            return CopyState.WAITING.value, _ALIVE
        case CopyState.COPIED | CopyState.DROPPED:
            return state.value, ""


def _bucket(namespace: Namespace, row: tuple[Any, ...]) -> Bucket:
    endpoint, name, region, path, acl, sealed, set_ms = row
    return Bucket(
        namespace=namespace, endpoint=endpoint, name=name, region=region, path=PathTemplate(path),
        acl=Acl(acl), sealed=sealed, set_at=from_ms(set_ms),
    )  # fmt: skip


def _copy(row: tuple[Any, ...]) -> Copy:
    copy_id, ns, path, acl, key, blob, image_format, state, accepted, ended, why, failures, error, died = row
    waits = state == CopyState.WAITING
    return Copy(
        new=NewCopy(
            id=copy_id, namespace=namespace_of(ns), path=path, acl=Acl(acl), key=CacheKey(key), blob_id=blob,
            format=ImageFormat(image_format),
        ),
        state=CopyState.FAILED if waits and died is not None else CopyState(state),
        accepted_at=from_ms(accepted),
        ended_at=None if ended is None else from_ms(ended),
        failures=failures or 0,
        fault=(error or "") if waits else why,
    )  # fmt: skip
