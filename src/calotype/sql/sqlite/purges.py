"""PurgeLog on SQLite: mark first, sweep later."""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from calotype.cache.entry import CacheEntry, Namespace, Seq
from calotype.cache.errors import EntryNotFound, PreconditionFailed
from calotype.cache.ports import Swept
from calotype.cache.purge import LoggedPurge, Purge, PurgeFilter, PurgeRecord
from calotype.clock import to_ms
from calotype.sql.rows import (
    ENTRY_COLUMNS,
    ENTRY_FROM,
    SOFTENED,
    SOFTENED_BEFORE,
    VISIBLE,
    entry_of,
    filter_text,
    ns_number,
)
from calotype.sql.sqlite import marks
from calotype.sql.sqlite.database import Database
from calotype.sql.sqlite.leases import forget_failures
from calotype.sql.sqlite.once import forget, recall, remember
from calotype.sql.sqlite.outbox import remove_entries
from calotype.sql.sqlite.selection import Selection, named, select_entries
from calotype.sql.sqlite.trail import logged, logged_page, mark_swept, records_since, trim

DELETED_AT_ONCE = 500
"""Up to so many entries are deleted in the purge itself; beyond, deleting costs ten times a mark."""
_SWEEP_CHUNK = 500
"""Rows looked at in one transaction, so that the writer is never held for long."""
_SWEEP_SLICE = 50
"""Rows between two looks at the time."""
_SWEEP_S = 0.05
"""How long a sweep may hold the writer, but for its last slice."""
_SWEEP_EVERY_MS = 3_600_000
"""A pass begins this long after the one before even without a purge, for what has expired."""


_GONE = "e.id, e.blob, e.url_id, e.dir_id"
_FRESH = (
    f"SELECT {ENTRY_COLUMNS} FROM {ENTRY_FROM} "  # noqa: S608
    f"WHERE e.id = ? AND e.fresh_until > ? AND NOT {SOFTENED}"
)
_PASSED = (
    f"SELECT {_GONE}, e.drop_after > ? AND {VISIBLE}, e.softened = 0 AND {SOFTENED_BEFORE} "  # noqa: S608
    f"FROM {ENTRY_FROM} WHERE e.id > ? AND e.id <= ? ORDER BY e.id LIMIT ?"
)
_DUE = "SELECT cursor, until, started_ms, again FROM sweep"


class SqlitePurgeLog:
    """Every purge is one transaction: number, effect, count and log line stand or fall together."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def since(self, namespace: Namespace, seq: Seq) -> Sequence[PurgeRecord] | None:
        """See PurgeLog. Never suspends."""
        return self._database.read(lambda connection: records_since(connection, ns_number(namespace), seq))

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
        """See PurgeLog."""
        ns, now_ms = ns_number(namespace), to_ms(now)

        def purge(connection: sqlite3.Connection) -> Purge:
            token = None if dry_run else once
            known = None if token is None else recall(connection, ns, token, which, now_ms, soft=soft)
            if known is not None:
                return known
            done = _purge(connection, ns, which, now_ms, by=by, dry_run=dry_run, soft=soft)
            if token is not None:
                remember(connection, ns, token, which, done, now_ms)
            return done

        return await self._database.write(purge, durable=not dry_run)

    async def delete_if(
        self,
        namespace: Namespace,
        address: str,
        now: datetime,
        condition: Callable[[CacheEntry], bool],
        *,
        by: str,
    ) -> None:
        """See PurgeLog."""
        ns, now_ms = ns_number(namespace), to_ms(now)

        def delete(connection: sqlite3.Connection) -> None:
            row = connection.execute(_FRESH, (named(connection, ns, address), now_ms)).fetchone()
            if row is None:
                raise EntryNotFound(address)
            if not condition(entry_of(row)):
                raise PreconditionFailed
            _purge(connection, ns, PurgeFilter(keys=(address,)), now_ms, by=by)

        await self._database.write(delete, durable=True)

    async def describe(self, namespace: Namespace, purge_id: str) -> LoggedPurge | None:
        """See PurgeLog. Never suspends."""
        return self._database.read(lambda connection: logged(connection, ns_number(namespace), purge_id))

    async def page(
        self, namespace: Namespace, before: int | None, limit: int
    ) -> tuple[list[LoggedPurge], int | None]:
        """See PurgeLog."""
        ns = ns_number(namespace)
        return await self._database.scan(lambda connection: logged_page(connection, ns, before, limit))

    async def sweep(self, now: datetime) -> Swept:
        """See PurgeLog."""
        now_ms = to_ms(now)
        return await self._database.write(lambda connection: _sweep(connection, now_ms))

    async def blobs_deleted(self, places: Sequence[int]) -> None:
        """See PurgeLog."""
        gone = [(place,) for place in places]
        await self._database.write(
            lambda connection: connection.executemany("DELETE FROM blob_gc WHERE id = ?", gone)
        )


def _purge(
    connection: sqlite3.Connection,
    ns: int,
    which: PurgeFilter,
    now_ms: int,
    *,
    by: str,
    dry_run: bool = False,
    soft: bool = False,
) -> Purge:
    connection.execute("INSERT OR IGNORE INTO ns(ns) VALUES (?)", (ns,))
    bump = 0 if dry_run else 1
    (seq,) = connection.execute(
        "UPDATE ns SET seq = seq + ? WHERE ns = ? RETURNING seq", (bump, ns)
    ).fetchone()
    # What has expired goes as well, uncounted: should the clock be set back, it must not return.
    whenever = Selection(ns, which, now_ms=None)
    limit = DELETED_AT_ONCE + 1 if which.keys is None else None
    fresh = f"e.fresh_until > {now_ms:d} AND NOT {SOFTENED}"
    counts = fresh if soft else f"e.drop_after > {now_ms:d}"
    rows = select_entries(connection, whenever, f"{_GONE}, {counts}, {fresh}", limit=limit)
    few = len(rows) <= DELETED_AT_ONCE
    counted = {row[0] for row in rows if row[4]}
    all_seen = few or limit is None
    counting = Selection(ns, which, now_ms, only_fresh=soft)
    count = len(counted) if all_seen else marks.count(connection, counting)
    keys = tuple(key for key in which.keys or () if named(connection, ns, key) in counted)
    purge_id = f"purge_{secrets.token_hex(10)}"
    if not dry_run:
        if not few:
            mark = marks.SOFT if soft else marks.HARD
            if marks.put(connection, whenever, seq, mark):
                begin_pass(connection, now_ms)
        elif soft:
            connection.executemany("UPDATE entry SET softened = 1 WHERE id = ?", [row[:1] for row in rows])
        else:
            remove_entries(connection, [row[:4] for row in rows], now_ms)
        connection.execute(
            "INSERT INTO purge_log(ns, seq, purge_id, at_ms, filter, counted, actor, swept, soft) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (ns, seq, purge_id, now_ms, filter_text(which), count, by, few or soft, soft),
        )
    return Purge(
        id=purge_id, seq=Seq(seq), count=count, keys=keys, dry_run=dry_run, soft=soft,
        addressed=which.keys is not None and any(row[5] for row in rows),
    )  # fmt: skip


def begin_pass(connection: sqlite3.Connection, now_ms: int) -> None:
    """Let the sweeps to come look at every row there is now.

    A pass that is under way is not started over, or frequent purges would keep it from ever reaching
    its end: it goes on, and what it has passed already gets another look after that.
    """
    going_on = connection.execute(
        "UPDATE sweep SET again = cursor, until = (SELECT max(id) FROM entry) "
        "WHERE cursor < until AND until <= (SELECT max(id) FROM entry)"
    ).rowcount
    if not going_on:
        connection.execute(
            "INSERT OR REPLACE INTO sweep(id, cursor, until, started_ms) "
            "VALUES (1, 0, (SELECT coalesce(max(id), 0) FROM entry), ?)",
            (now_ms,),
        )


def _sweep(connection: sqlite3.Connection, now_ms: int) -> Swept:
    more_to_trim = trim(connection, now_ms)
    forget_failures(connection, now_ms)
    forget(connection, now_ms)
    blobs = connection.execute(
        "SELECT id, blob FROM blob_gc WHERE not_before <= ? ORDER BY id LIMIT ?", (now_ms, _SWEEP_CHUNK)
    ).fetchall()
    due = connection.execute(_DUE).fetchone()
    if due is None or (due[0] >= due[1] and now_ms - due[2] >= _SWEEP_EVERY_MS):
        begin_pass(connection, now_ms)
        due = connection.execute(_DUE).fetchone()
    cursor, until, _, again = due
    if cursor >= until:
        return Swept(0, tuple(blobs), more=more_to_trim or len(blobs) == _SWEEP_CHUNK)
    rows = connection.execute(_PASSED, (now_ms, cursor, until, _SWEEP_CHUNK)).fetchall()
    passed, taken = _pass_over(connection, rows, now_ms)
    reached = rows[passed - 1][0] if passed < len(rows) or len(rows) == _SWEEP_CHUNK else until
    if reached >= until and again:
        reached, until = 0, again
        connection.execute("UPDATE sweep SET cursor = 0, until = again, again = 0")
    else:
        connection.execute("UPDATE sweep SET cursor = ?", (reached,))
    if reached >= until:
        mark_swept(connection)
        marks.take_back(connection)
    more = more_to_trim or reached < until or len(blobs) == _SWEEP_CHUNK
    return Swept(taken, tuple(blobs), more=more)


def _pass_over(
    connection: sqlite3.Connection, rows: Sequence[tuple[Any, ...]], now_ms: int
) -> tuple[int, int]:
    """Remove what is gone of rows of _PASSED, for _SWEEP_S at most; return how many were passed, and taken.

    Taking a row costs a hundred times what passing one does, so a number of rows alone bounds nothing.
    """
    end, passed, taken = time.monotonic() + _SWEEP_S, 0, 0
    while passed < len(rows) and (passed == 0 or time.monotonic() < end):
        some = rows[passed : passed + _SWEEP_SLICE]
        gone = [row[:4] for row in some if not row[4]]
        remove_entries(connection, gone, now_ms)
        stale = [row[:1] for row in some if row[4] and row[5]]
        connection.executemany("UPDATE entry SET softened = 1 WHERE id = ?", stale)
        passed, taken = passed + len(some), taken + len(gone)
    return passed, taken
