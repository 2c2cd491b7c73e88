"""RoomLedger on SQLite. The counting itself is done by the triggers of migrations 0002 and 0008."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from calotype.cache.entry import CacheKey, Mode, Namespace
from calotype.cache.errors import StoreUnavailable
from calotype.cache.hands import Candidate, Hand, Turn
from calotype.cache.room import CHUNK, Usage
from calotype.clock import to_ms
from calotype.sql.rows import ENTRY_FROM, VISIBLE, namespace_of, ns_number
from calotype.sql.sqlite.database import Database
from calotype.sql.sqlite.outbox import remove_entries
from calotype.sql.sqlite.purges import begin_pass

_PASS_AGAIN_MS = 600_000
"""A cache that is always full is not searched for expired entries all the time."""
_HELD = "(e.size + 4095) / 4096 * 4096"
_SWEEPING = "EXISTS (SELECT 1 FROM sweep WHERE cursor < until)"
_USAGE = f"SELECT entries, used, probation, let_go, boundary, hand, {_SWEEPING} FROM room"  # noqa: S608
_USAGE_OF_ACCOUNT = (
    "SELECT coalesce(a.entries, 0), coalesce(a.used, 0), coalesce(a.probation, 0), r.let_go, "  # noqa: S608
    f"coalesce(a.boundary, 0), coalesce(a.hand, 0), {_SWEEPING} "
    "FROM room r LEFT JOIN account_room a ON a.account = ?"
)
_ABOVE = "SELECT account FROM account_room WHERE used > ? ORDER BY used DESC LIMIT ?"
_GONE = f"e.drop_after <= ? OR NOT ({VISIBLE})"
_REFRESHING = (
    "EXISTS (SELECT 1 FROM lease l WHERE l.ns = e.ns AND l.ckey = e.ckey "
    "AND l.expires_ms > ? AND l.failure IS NULL)"
)
_SEEN = f"SELECT e.id, e.ns, e.ckey, {_HELD}, {_GONE}, {_REFRESHING} FROM {ENTRY_FROM} WHERE "  # noqa: S608
_CANDIDATES = f"{_SEEN} e.id > ? AND e.id <= ? ORDER BY e.id LIMIT ?"
_OF_NAMESPACE = f"{_SEEN} e.ns = ? AND e.id > ? AND e.id <= ?"
_CANDIDATES_OF_ACCOUNT = f"{_OF_NAMESPACE} UNION ALL {_OF_NAMESPACE} ORDER BY 1 LIMIT ?"
_TAKEN = (
    f"SELECT e.id, e.blob, e.url_id, e.dir_id, {_HELD} FROM {ENTRY_FROM} "  # noqa: S608
    f"WHERE e.id = ? AND ({_GONE} OR NOT {_REFRESHING})"
)
_PASSED = f"SELECT coalesce(sum({_HELD}), 0) FROM entry e WHERE e.id > ? AND e.id <= ?"  # noqa: S608
_PASSED_OF_ACCOUNT = f"{_PASSED} AND e.ns IN (?, ?)"
_LAST_ID = 2**63 - 1


class SqliteRoomLedger:
    """The hands move by compare-and-set, so that several processes cannot evict twice over."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def usage(self, account: int | None = None) -> Usage:
        """See RoomLedger."""
        row: Any = (
            self._database.read_one(_USAGE)
            if account is None
            else self._database.read_one(_USAGE_OF_ACCOUNT, (account,))
        )
        if row is None:
            message = "the index has lost count of its room"
            raise StoreUnavailable(message)
        entries, used, probation, let_go, boundary, hand, sweeping = row
        return Usage(
            account=account, entries=entries, used_bytes=used, probation_bytes=probation, let_go_bytes=let_go,
            boundary=boundary, hand=hand, sweeping=bool(sweeping),
        )  # fmt: skip

    def accounts_above(self, used_bytes: int) -> Sequence[int]:
        """See RoomLedger."""
        rows = self._database.read(
            lambda connection: connection.execute(_ABOVE, (used_bytes, CHUNK)).fetchall()
        )
        return [account for (account,) in rows]

    async def candidates(self, hand: Hand, usage: Usage, now: datetime) -> Sequence[Candidate]:
        """See RoomLedger."""
        now_ms = to_ms(now)
        stretch = (usage.at(hand), _LAST_ID if hand is Hand.PROBATION else usage.boundary)
        select, parameters = _CANDIDATES, [now_ms, now_ms, *stretch, CHUNK]
        if usage.account is not None:
            live, test = _namespaces(usage.account)
            select = _CANDIDATES_OF_ACCOUNT
            parameters = [now_ms, now_ms, live, *stretch, now_ms, now_ms, test, *stretch, CHUNK]
        rows = await self._database.write(
            lambda connection: connection.execute(select, parameters).fetchall()
        )
        return [
            Candidate(
                place=place, namespace=namespace_of(ns), key=CacheKey(key), held_bytes=held,
                gone=bool(gone), refreshing=bool(refreshing),
            )
            for place, ns, key, held, gone, refreshing in rows
        ]  # fmt: skip

    async def evict(self, hand: Hand, usage: Usage, turn: Turn, now: datetime) -> int:
        """See RoomLedger."""
        now_ms = to_ms(now)
        return await self._database.write(lambda connection: _evict(connection, hand, usage, turn, now_ms))

    async def begin_pass(self, now: datetime) -> None:
        """See RoomLedger."""
        now_ms = to_ms(now)

        def begin(connection: sqlite3.Connection) -> None:
            lately = connection.execute(
                "SELECT 1 FROM sweep WHERE cursor < until OR started_ms > ?", (now_ms - _PASS_AGAIN_MS,)
            ).fetchone()
            if lately is None:
                begin_pass(connection, now_ms)

        await self._database.write(begin)


def _namespaces(account: int) -> tuple[int, int]:
    return ns_number(Namespace(account, Mode.LIVE)), ns_number(Namespace(account, Mode.TEST))


def _evict(connection: sqlite3.Connection, hand: Hand, usage: Usage, turn: Turn, now_ms: int) -> int:
    table, which, number = "room", "id = ?", 1
    passed_sql, stretch = _PASSED, [usage.boundary, turn.reached]
    if usage.account is not None:
        table, which, number = "account_room", "account = ?", usage.account
        passed_sql, stretch = _PASSED_OF_ACCOUNT, [*stretch, *_namespaces(usage.account)]
    where = connection.execute(
        f"SELECT boundary, hand FROM {table} WHERE {which}",  # noqa: S608
        (number,),
    ).fetchone()
    if where != (usage.boundary, usage.hand):
        return 0
    rows = [
        row for place in turn.takes for row in connection.execute(_TAKEN, (place, now_ms, now_ms)).fetchall()
    ]
    remove_entries(connection, [row[:4] for row in rows], now_ms)
    if hand is Hand.MAIN:
        connection.execute(f"UPDATE {table} SET hand = ? WHERE {which}", (turn.reached, number))  # noqa: S608
    elif turn.reached > usage.boundary:
        # What was passed and stays is main from now on.
        (passed,) = connection.execute(passed_sql, stretch).fetchone()
        connection.execute(
            f"UPDATE {table} SET boundary = ?, probation = probation - ? WHERE {which}",  # noqa: S608
            (turn.reached, passed, number),
        )
    return sum(row[4] for row in rows)
