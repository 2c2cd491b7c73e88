"""Leases on SQLite."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import datetime, timedelta

from calotype.cache.barrier import outdated
from calotype.cache.entry import Birth, CacheKey, Namespace, Seq, Subject
from calotype.cache.failure import REMEMBERED_FOR, Failure
from calotype.cache.ports import FailedLately, HeldBy, Lease
from calotype.cache.tags import spelled, tags_in
from calotype.clock import from_ms, to_ms
from calotype.sql.rows import ns_number
from calotype.sql.sqlite.database import Database
from calotype.sql.sqlite.owners import Owner, is_alive
from calotype.sql.sqlite.trail import records_since

LEASE_MS = 15_000
"""How long a holder may be silent: a machine that stops is replaced within this time."""
_REMEMBERED_MS = REMEMBERED_FOR // timedelta(milliseconds=1)
_HELD = (
    "SELECT owner, token, ukey, path, born_seq, born_ms, expires_ms, content, failure, failed_ms, tags "
    "FROM lease WHERE ns = ? AND ckey = ?"
)
_FORGET_OLD = "DELETE FROM lease WHERE failure IS NOT NULL AND failed_ms < ?"
_FORGET_FUTURE = "DELETE FROM lease WHERE failure IS NOT NULL AND failed_ms > ?"


class SqliteLeases:
    """One row per key that is being rendered."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._owner = Owner()

    async def acquire(
        self,
        namespace: Namespace,
        subject: Subject,
        now: datetime,
        *,
        content: str = "",
        undaunted: bool = False,
    ) -> Lease | HeldBy | FailedLately:
        """See Leases."""
        ns, now_ms = ns_number(namespace), to_ms(now)

        def take(connection: sqlite3.Connection) -> Lease | HeldBy | FailedLately:
            held = connection.execute(_HELD, (ns, subject.key)).fetchone()
            if held is not None:
                owner, token, url_key, path, born_seq, born_ms, expires_ms, theirs, *failed, tags = held
                failure, failed_ms = failed
                birth = Birth(Seq(born_seq), token, from_ms(born_ms))
                # Under a key of the client's choice the holder may show another page than we would, and under
                # any key it gives tags of its own.
                shown = replace(subject, url_key=url_key, path=path, born_at=birth.at, tags=tags_in(tags))
                if failure is not None:
                    # Who asked a moment before it may have waited for the writer; but the clock may have been
                    # set back since, too, and a failure must not close the key till then.
                    lately = abs(now_ms - failed_ms) < _REMEMBERED_MS
                    if (
                        lately
                        and not undaunted
                        and theirs == content
                        and not _outdated(connection, ns, shown, birth)
                    ):
                        return FailedLately(Failure.from_text(failure))
                elif expires_ms > now_ms and is_alive(owner) and not _outdated(connection, ns, shown, birth):
                    return HeldBy(from_ms(expires_ms))
            connection.execute("INSERT OR IGNORE INTO ns(ns) VALUES (?)", (ns,))
            seq, number = connection.execute(
                "UPDATE ns SET births = births + 1 WHERE ns = ? RETURNING seq, births", (ns,)
            ).fetchone()
            connection.execute(
                "INSERT OR REPLACE INTO "
                "lease(ns, ckey, token, owner, ukey, path, born_seq, born_ms, expires_ms, content, tags) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    ns, subject.key, number, self._owner.name, subject.url_key, subject.path, seq,
                    now_ms, now_ms + LEASE_MS, content, spelled(subject.tags),
                ),
            )  # fmt: skip
            return Lease(namespace, CacheKey(subject.key), Birth(Seq(seq), number, from_ms(now_ms)))

        return await self._database.write(take)

    async def renew(self, lease: Lease, now: datetime) -> bool:
        """See Leases."""
        until = to_ms(now) + LEASE_MS
        where = (ns_number(lease.namespace), lease.key, lease.birth.number)
        return await self._database.write(
            lambda connection: (
                connection.execute(
                    "UPDATE lease SET expires_ms = ? WHERE ns = ? AND ckey = ? AND token = ?", (until, *where)
                ).rowcount
                == 1
            )
        )

    async def release(self, lease: Lease) -> None:
        """See Leases."""
        where = (ns_number(lease.namespace), lease.key, lease.birth.number)
        await self._database.write(
            lambda connection: connection.execute(
                "DELETE FROM lease WHERE ns = ? AND ckey = ? AND token = ?", where
            )
        )

    async def fail(self, lease: Lease, failure: Failure, now: datetime) -> None:
        """See Leases."""
        where = (ns_number(lease.namespace), lease.key, lease.birth.number)
        told = (failure.to_text(), to_ms(now))
        await self._database.write(
            lambda connection: connection.execute(
                "UPDATE lease SET failure = ?, failed_ms = ? WHERE ns = ? AND ckey = ? AND token = ?",
                (*told, *where),
            )
        )


def forget_failures(connection: sqlite3.Connection, now_ms: int) -> None:
    """Drop the leases whose failures are no longer told, or of a time that the clock has left again."""
    connection.execute(_FORGET_OLD, (now_ms - _REMEMBERED_MS,))
    connection.execute(_FORGET_FUTURE, (now_ms + _REMEMBERED_MS,))


def _outdated(connection: sqlite3.Connection, ns: int, subject: Subject, birth: Birth) -> bool:
    """Say whether a purge since birth concerns that render: then nobody need wait for it."""
    records = records_since(connection, ns, birth.seq)
    return records is None or outdated(records, subject, birth) is not None
