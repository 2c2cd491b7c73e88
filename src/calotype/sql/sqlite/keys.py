"""KeyStore on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from calotype.access.keys import ApiKey, Caller, hash_key
from calotype.access.ports import NewKey
from calotype.clock import Clock, from_ms, to_ms
from calotype.sql.sqlite.database import Database

_CACHE_BOUND = 10_000
"""Keys remembered per process, unknown ones included, so that guessing does not reach the disk each time."""
_FIND = "SELECT account, mode, id, weight FROM api_key WHERE hash = ? AND revoked_ms IS NULL"
_LIST = (
    "SELECT k.id, a.name, k.mode, k.name, k.tail, k.created_ms, k.revoked_ms, k.weight "
    "FROM api_key k JOIN account a ON a.account = k.account ORDER BY k.created_ms, k.id"
)


class SqliteKeyStore:
    """Looks keys up in the event loop; a revocation by any process holds at once."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._version = -1
        self._callers: dict[bytes, Caller | None] = {}

    async def find(self, key_hash: bytes) -> Caller | None:
        """See KeyStore. Never suspends."""
        version = self._database.data_version()
        if version != self._version or len(self._callers) >= _CACHE_BOUND:
            self._callers.clear()
            self._version = version
        if key_hash not in self._callers:
            row: Any = self._database.read_one(_FIND, (key_hash,))
            self._callers[key_hash] = None if row is None else Caller(*row)
        return self._callers[key_hash]

    async def add(self, new: NewKey) -> ApiKey:
        """See KeyStore."""
        now_ms = to_ms(self._clock())

        def insert(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT OR IGNORE INTO account(name, created_ms) VALUES (?, ?)", (new.account, now_ms)
            )
            connection.execute(
                "INSERT INTO api_key(id, account, mode, name, hash, tail, created_ms, weight) "
                "VALUES (?, (SELECT account FROM account WHERE name = ?), ?, ?, ?, ?, ?, ?)",
                (
                    new.id,
                    new.account,
                    new.mode,
                    new.name,
                    hash_key(new.secret),
                    new.secret[-4:],
                    now_ms,
                    new.weight,
                ),
            )

        await self._database.write(insert, durable=True)
        return ApiKey(
            id=new.id, account=new.account, mode=new.mode, name=new.name, tail=new.secret[-4:],
            created_at=from_ms(now_ms), revoked_at=None, weight=new.weight,
        )  # fmt: skip

    async def list(self) -> Sequence[ApiKey]:
        """See KeyStore."""
        rows = await self._database.write(lambda connection: connection.execute(_LIST).fetchall())
        return [
            ApiKey(
                id=row[0], account=row[1], mode=row[2], name=row[3], tail=row[4],
                created_at=from_ms(row[5]), revoked_at=None if row[6] is None else from_ms(row[6]),
                weight=row[7],
            )
            for row in rows
        ]  # fmt: skip

    async def revoke(self, key_id: str) -> bool:
        """See KeyStore."""
        now_ms = to_ms(self._clock())
        changed = await self._database.write(
            lambda connection: (
                connection.execute(
                    "UPDATE api_key SET revoked_ms = ? WHERE id = ? AND revoked_ms IS NULL", (now_ms, key_id)
                ).rowcount
            ),
            durable=True,
        )
        return changed == 1

    async def account_number(self, name: str) -> int | None:
        """See KeyStore."""
        row: Any = self._database.read_one("SELECT account FROM account WHERE name = ?", (name,))
        return None if row is None else int(row[0])
