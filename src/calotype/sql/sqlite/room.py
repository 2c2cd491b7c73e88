"""RoomLedger on SQLite. The counting itself is done by the triggers of migration 0002."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from calotype.cache.entry import CacheKey
from calotype.cache.errors import StoreUnavailable
from calotype.cache.hands import Candidate, Hand, Turn
from calotype.cache.room import CHUNK, Usage
from calotype.clock import to_ms
from calotype.sql.rows import ENTRY_FROM, VISIBLE, namespace_of
from calotype.sql.sqlite.database import Database
from calotype.sql.sqlite.outbox import remove_entries
from calotype.sql.sqlite.purges import begin_pass

_PASS_AGAIN_MS = 600_000
"""A cache that is always full is not searched for expired entries all the time."""
_HELD = "(e.size + 4095) / 4096 * 4096"
_USAGE = (
    "SELECT entries, used, probation, let_go, boundary, hand, "
    "EXISTS (SELECT 1 FROM sweep WHERE cursor < until) FROM room"
)
_GONE = f"e.drop_after <= ? OR NOT ({VISIBLE})"
_REFRESHING = (
    "EXISTS (SELECT 1 FROM lease l WHERE l.ns = e.ns AND l.ckey = e.ckey "
    "AND l.expires_ms > ? AND l.failure IS NULL)"
)
_CANDIDATES = (
    f"SELECT e.id, e.ns, e.ckey, {_HELD}, {_GONE}, {_REFRESHING} FROM {ENTRY_FROM} "  # noqa: S608
    "WHERE e.id > ? AND e.id <= ? ORDER BY e.id LIMIT ?"
)
_TAKEN = (
    f"SELECT e.id, e.blob, e.url_id, e.dir_id, {_HELD} FROM {ENTRY_FROM} "  # noqa: S608
    f"WHERE e.id = ? AND ({_GONE} OR NOT {_REFRESHING})"
)
_PASSED = f"SELECT coalesce(sum({_HELD}), 0) FROM entry e WHERE e.id > ? AND e.id <= ?"  # noqa: S608
_LAST_ID = 2**63 - 1


class SqliteRoomLedger:
    """The hands move by compare-and-set, so that several processes cannot evict twice over."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def usage(self) -> Usage:
        """See RoomLedger."""
        row: Any = self._database.read_one(_USAGE)
        if row is None:
            message = "the index has lost count of its room"
            raise StoreUnavailable(message)
        entries, used, probation, let_go, boundary, hand, sweeping = row
        return Usage(
            entries=entries, used_bytes=used, probation_bytes=probation, let_go_bytes=let_go,
            boundary=boundary, hand=hand, sweeping=bool(sweeping),
        )  # fmt: skip

    async def candidates(self, hand: Hand, usage: Usage, now: datetime) -> Sequence[Candidate]:
        """See RoomLedger."""
        now_ms = to_ms(now)
        last = _LAST_ID if hand is Hand.PROBATION else usage.boundary
        parameters = (now_ms, now_ms, usage.at(hand), last, CHUNK)
        rows = await self._database.write(
            lambda connection: connection.execute(_CANDIDATES, parameters).fetchall()
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


def _evict(connection: sqlite3.Connection, hand: Hand, usage: Usage, turn: Turn, now_ms: int) -> int:
    where = connection.execute("SELECT boundary, hand FROM room").fetchone()
    if where != (usage.boundary, usage.hand):
        return 0
    rows = [
        row for place in turn.takes for row in connection.execute(_TAKEN, (place, now_ms, now_ms)).fetchall()
    ]
    remove_entries(connection, [row[:4] for row in rows], now_ms)
    if hand is Hand.MAIN:
        connection.execute("UPDATE room SET hand = ?", (turn.reached,))
    elif turn.reached > usage.boundary:
        # What was passed and stays is main from now on.
        (passed,) = connection.execute(_PASSED, (usage.boundary, turn.reached)).fetchone()
        connection.execute("UPDATE room SET boundary = ?, probation = probation - ?", (turn.reached, passed))
    return sum(row[4] for row in rows)
