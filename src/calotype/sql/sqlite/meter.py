"""Meter on SQLite."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any

from calotype.access.ports import Leased, Use
from calotype.clock import to_ms
from calotype.sql.sqlite.database import Database

_TAKEN = "SELECT taken FROM used WHERE key_id = ? AND what = ? AND start_s = ?"
_TAKE = (
    "INSERT INTO used(key_id, what, start_s, taken) VALUES (?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET taken = taken + excluded.taken"
)
_RETURN = "UPDATE used SET taken = max(0, taken - ?) WHERE key_id = ? AND what = ? AND start_s = ?"
_FORGET = "DELETE FROM used WHERE key_id = ? AND what = ? AND start_s < ?"


class SqliteMeter:
    """Blocks are taken on the writer thread; what is taken is read where it is asked for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def lease(self, key_id: str, what: Use, window: int, wanted: int, limit: int) -> Leased:
        """See Meter."""
        which = (key_id, what.value, window)

        def take(connection: sqlite3.Connection) -> Leased:
            row = connection.execute(_TAKEN, which).fetchone()
            taken: int = 0 if row is None else row[0]
            granted = max(0, min(wanted, limit - taken))
            if granted:
                connection.execute(_TAKE, (*which, granted))
                if what is Use.REQUESTS:
                    connection.execute(_FORGET, which)
            return Leased(granted, taken + granted)

        return await self._database.write(take)

    async def give_back(self, key_id: str, what: Use, window: int, units: int) -> None:
        """See Meter."""
        await self._database.write(
            lambda connection: connection.execute(_RETURN, (units, key_id, what.value, window))
        )

    def taken(self, key_id: str, what: Use, window: int) -> int:
        """See Meter."""
        row: Any = self._database.read_one(_TAKEN, (key_id, what.value, window))
        return 0 if row is None else int(row[0])

    async def enter(self, key_id: str, limit: int, now: datetime, until: datetime) -> int | None:
        """See Meter."""

        def take(connection: sqlite3.Connection) -> int | None:
            connection.execute(
                "DELETE FROM under_way WHERE key_id = ? AND until_ms <= ?", (key_id, to_ms(now))
            )
            (count,) = connection.execute(
                "SELECT count(*) FROM under_way WHERE key_id = ?", (key_id,)
            ).fetchone()
            if count >= limit:
                return None
            return connection.execute(
                "INSERT INTO under_way(key_id, until_ms) VALUES (?, ?)", (key_id, to_ms(until))
            ).lastrowid

        return await self._database.write(take)

    async def leave(self, place: int) -> None:
        """See Meter."""
        await self._database.write(
            lambda connection: connection.execute("DELETE FROM under_way WHERE place = ?", (place,))
        )
