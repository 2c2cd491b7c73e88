"""EntryIndex on SQLite."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import datetime
from typing import Any

from calotype.cache.barrier import barred, outdated
from calotype.cache.entry import CacheEntry, CacheKey, EntryId, Namespace, Seq
from calotype.cache.ports import (
    Barred,
    BlobReleased,
    Committed,
    Lease,
    LeaseLost,
    Stats,
    Stored,
    Superseded,
)
from calotype.cache.purge import PurgeFilter
from calotype.clock import Clock, from_ms, to_ms
from calotype.faults import Point, reached
from calotype.sql.rows import (
    ENTRY_COLUMNS,
    ENTRY_FROM,
    INSERT_ENTRY,
    VISIBLE,
    directory_of,
    entry_of,
    entry_values,
    ns_number,
)
from calotype.sql.sqlite.database import Database
from calotype.sql.sqlite.once import first_asked
from calotype.sql.sqlite.outbox import remove_entries
from calotype.sql.sqlite.selection import Selection, select_entries
from calotype.sql.sqlite.trail import records_since

_FIND = f"SELECT {ENTRY_COLUMNS} FROM {ENTRY_FROM} WHERE e.ns = ? AND e.ckey = ? AND {VISIBLE}"  # noqa: S608
_FIND_BY_ID = f"SELECT {ENTRY_COLUMNS} FROM {ENTRY_FROM} WHERE e.name = ? AND {VISIBLE}"  # noqa: S608
_HEAD = "SELECT seq FROM ns WHERE ns = ?"
_NAMED = "SELECT blob FROM entry WHERE ns = ? AND ckey = ?"
_NOT_LET_GO = "UPDATE room SET let_go = let_go - (? + 4095) / 4096 * 4096"
"""The trigger counts every row that goes, and with this one no bytes went."""


class SqliteEntryIndex:
    """Looks up in the event loop, behind a row cache that any commit of any process empties."""

    def __init__(self, database: Database, clock: Clock, row_cache_entries: int = 50_000) -> None:
        self._database, self._clock, self._capacity = database, clock, row_cache_entries
        self._version = -1
        self._by_key: dict[tuple[Namespace, CacheKey], CacheEntry | None] = {}
        self._by_id: dict[EntryId, CacheEntry | None] = {}

    def _revalidate(self) -> None:
        version = self._database.data_version()
        if version != self._version or len(self._by_key) + len(self._by_id) >= self._capacity:
            self._by_key.clear()
            self._by_id.clear()
            self._version = version

    async def find(self, namespace: Namespace, key: CacheKey) -> CacheEntry | None:
        """See EntryIndex. Never suspends."""
        self._revalidate()
        where = (namespace, key)
        if where not in self._by_key:
            row = self._database.read_one(_FIND, (ns_number(namespace), key))
            self._by_key[where] = None if row is None else entry_of(row)
        return self._by_key[where]

    async def find_by_id(self, entry_id: EntryId) -> CacheEntry | None:
        """See EntryIndex. Never suspends."""
        self._revalidate()
        if entry_id not in self._by_id:
            row = self._database.read_one(_FIND_BY_ID, (entry_id,))
            self._by_id[entry_id] = None if row is None else entry_of(row)
        return self._by_id[entry_id]

    async def first_asked(
        self, namespace: Namespace, token: str, asked: str, now: datetime
    ) -> datetime | None:
        """See EntryIndex."""
        ns, now_ms = ns_number(namespace), to_ms(now)
        at_ms = await self._database.write(
            lambda connection: first_asked(connection, ns, token, asked, now_ms), durable=True
        )
        return None if at_ms is None else from_ms(at_ms)

    async def head(self, namespace: Namespace) -> Seq:
        """See EntryIndex. Never suspends."""
        row: Any = self._database.read_one(_HEAD, (ns_number(namespace),))
        return Seq(0 if row is None else row[0])

    async def commit(self, lease: Lease, entry: CacheEntry) -> Committed:
        """See EntryIndex."""
        return await self._database.write(lambda connection: self._commit(connection, lease, entry))

    async def commit_keeping_blob(self, lease: Lease, entry: CacheEntry) -> Committed | BlobReleased:
        """See EntryIndex."""

        def keep(connection: sqlite3.Connection) -> Committed | BlobReleased:
            named = connection.execute(_NAMED, (ns_number(entry.namespace), entry.key)).fetchone()
            if named != (entry.blob_id,):
                return BlobReleased()
            outcome = self._commit(connection, lease, entry)
            if isinstance(outcome, Stored):
                connection.execute(_NOT_LET_GO, (entry.size_bytes,))
            return outcome

        return await self._database.write(keep)

    def _commit(self, connection: sqlite3.Connection, lease: Lease, entry: CacheEntry) -> Committed:
        """Check barrier, version and lease, in the order in which they say most about what came between."""
        ns, birth = ns_number(entry.namespace), entry.birth
        records = records_since(connection, ns, birth.seq)
        if records is None:
            # The log no longer reaches back to this render's begin; what it cannot prove is refused.
            return Barred(birth.seq)
        by = barred(records, entry.subject, birth)
        if by is not None:
            return Barred(by.seq)
        if outdated(records, entry.subject, birth) is not None:
            entry = replace(entry, softened=True)
        replaced = connection.execute(
            "SELECT id, blob, url_id, dir_id, born_number FROM entry WHERE ns = ? AND ckey = ?",
            (ns, entry.key),
        ).fetchall()
        if any(row[4] > birth.number for row in replaced):
            return Superseded()
        held = connection.execute(
            "SELECT 1 FROM lease WHERE ns = ? AND ckey = ? AND token = ?", (ns, lease.key, birth.number)
        ).fetchone()
        if held is None:
            return LeaseLost()
        url_id = _intern(connection, "url", "ukey", "url_id", ns, entry.url_key)
        dir_id = _intern(connection, "dir", "dkey", "dir_id", ns, directory_of(entry.path))
        # First the old row's names are freed, but its dictionary rows only after the new row uses them.
        connection.execute("DELETE FROM entry WHERE ns = ? AND ckey = ?", (ns, entry.key))
        row = connection.execute(INSERT_ENTRY, entry_values(entry, url_id, dir_id)).lastrowid
        for tag in sorted(entry.tags):
            tag_id = _intern(connection, "tag", "tag", "tag_id", ns, tag)
            connection.execute("INSERT INTO entry_tag(id, tag_id) VALUES (?, ?)", (row, tag_id))
        remove_entries(connection, replaced, to_ms(entry.stored_at), keep=entry.blob_id)
        reached(Point.COMMIT_INSIDE)
        return Stored(softened=entry.softened)

    async def forget_broken(self, entry: CacheEntry) -> None:
        """See EntryIndex."""
        now_ms = to_ms(self._clock())

        def forget(connection: sqlite3.Connection) -> None:
            rows = connection.execute(
                "SELECT id, blob, url_id, dir_id FROM entry WHERE ns = ? AND ckey = ? AND blob = ?",
                (ns_number(entry.namespace), entry.key, entry.blob_id),
            ).fetchall()
            remove_entries(connection, rows, now_ms)

        await self._database.write(forget)

    async def page(
        self,
        namespace: Namespace,
        which: PurgeFilter | None,
        before: int | None,
        limit: int,
        *,
        stale: bool = False,
    ) -> tuple[list[CacheEntry], int | None]:
        """See EntryIndex."""
        now_ms = to_ms(self._clock())

        def read(connection: sqlite3.Connection) -> tuple[list[CacheEntry], int | None]:
            selection = Selection(ns_number(namespace), which, now_ms, only_fresh=not stale)
            rows = select_entries(
                connection, selection, f"e.id, {ENTRY_COLUMNS}", before=before, newest_first=limit + 1
            )
            entries = [entry_of(row[1:]) for row in rows[:limit]]
            return entries, rows[limit - 1][0] if len(rows) > limit else None

        return await self._database.scan(read)

    async def stats(self, namespace: Namespace | None) -> Stats:
        """See EntryIndex."""
        now_ms = to_ms(self._clock())
        scope, parameters = ("", ()) if namespace is None else ("e.ns = ? AND ", (ns_number(namespace),))

        def read(connection: sqlite3.Connection) -> Stats:
            count, size, oldest, newest = connection.execute(
                "SELECT count(*), coalesce(sum(e.size), 0), min(e.born_ms), max(e.born_ms) "  # noqa: S608
                f"FROM {ENTRY_FROM} WHERE {scope}e.drop_after > ? AND {VISIBLE}",
                (*parameters, now_ms),
            ).fetchone()
            (waiting,) = connection.execute("SELECT count(*) FROM blob_gc").fetchone()
            return Stats(
                entries=count,
                bytes=size,
                oldest=None if oldest is None else from_ms(oldest),
                newest=None if newest is None else from_ms(newest),
                blobs_to_delete=waiting,
            )

        return await self._database.scan(read)


def _intern(connection: sqlite3.Connection, table: str, text: str, number: str, ns: int, value: str) -> int:
    """Return the number of value in a dictionary table, entering it first if it is new."""
    find = f"SELECT {number} FROM {table} WHERE ns = ? AND {text} = ?"  # noqa: S608
    row = connection.execute(find, (ns, value)).fetchone()
    if row is None:
        row = connection.execute(
            f"INSERT INTO {table}(ns, {text}, {number}) "  # noqa: S608
            f"VALUES (?, ?, (SELECT coalesce(max({number}), 0) + 1 FROM {table})) RETURNING {number}",
            (ns, value),
        ).fetchone()
    return int(row[0])
