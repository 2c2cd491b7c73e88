"""KeyStore on SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from calotype.access.hosts import Hosts
from calotype.access.keys import ApiKey, Caller, Signs, hash_key
from calotype.access.limits import Limits
from calotype.access.ports import NewKey, Signer
from calotype.clock import Clock, from_ms, to_ms
from calotype.sql.sqlite.database import Database

_CACHE_BOUND = 10_000
"""Keys remembered per process, unknown ones included, so that guessing does not reach the disk each time."""
_FIND = (
    "SELECT account, mode, id, weight, plan, requests_per_minute, concurrent, batch, credits "
    "FROM api_key WHERE hash = ? AND signs <> 'pair' AND revoked_ms IS NULL"
)
_BY_ID = (
    "SELECT account, mode, id, weight, plan, requests_per_minute, concurrent, batch, credits "
    "FROM api_key WHERE id = ?"
)
_PAIR = (
    "SELECT sealed, hosts, account, mode, id, weight, plan, requests_per_minute, concurrent, batch, credits "
    "FROM api_key WHERE id = ? AND signs = 'pair' AND revoked_ms IS NULL"
)
_SIGNING_KEYS = (
    "SELECT sealed, hosts, account, mode, id, weight, plan, requests_per_minute, concurrent, batch, credits "
    "FROM api_key WHERE signs = 'itself' AND revoked_ms IS NULL ORDER BY created_ms, id"
)
_LIST = (
    "SELECT k.id, a.name, k.mode, k.name, k.tail, k.created_ms, k.revoked_ms, k.weight, k.signs, k.hosts, "
    "k.plan, k.requests_per_minute, k.concurrent, k.batch, k.credits "
    "FROM api_key k JOIN account a ON a.account = k.account ORDER BY k.created_ms, k.id"
)


class SqliteKeyStore:
    """Looks keys up in the event loop; a revocation by any process holds at once."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._version = -1
        self._callers: dict[bytes, Caller | None] = {}
        self._pairs: dict[str, Signer | None] = {}
        self._signing_keys: Sequence[Signer] | None = None

    async def find(self, key_hash: bytes) -> Caller | None:
        """See KeyStore. Never suspends."""
        self._forget_what_changed()
        if key_hash not in self._callers:
            row: Any = self._database.read_one(_FIND, (key_hash,))
            self._callers[key_hash] = None if row is None else _caller(row)
        return self._callers[key_hash]

    async def caller(self, key_id: str) -> Caller | None:
        """See KeyStore. Never suspends."""
        row: Any = self._database.read_one(_BY_ID, (key_id,))
        return None if row is None else _caller(row)

    async def pair(self, public_key: str) -> Signer | None:
        """See KeyStore. Never suspends."""
        self._forget_what_changed()
        if public_key not in self._pairs:
            row: Any = self._database.read_one(_PAIR, (public_key,))
            self._pairs[public_key] = None if row is None else _signer(row)
        return self._pairs[public_key]

    async def signing_keys(self) -> Sequence[Signer]:
        """See KeyStore. Never suspends."""
        self._forget_what_changed()
        if self._signing_keys is None:
            rows = self._database.read(lambda connection: connection.execute(_SIGNING_KEYS).fetchall())
            self._signing_keys = [_signer(row) for row in rows]
        return self._signing_keys

    def _forget_what_changed(self) -> None:
        version = self._database.data_version()
        if version != self._version or len(self._callers) + len(self._pairs) >= _CACHE_BOUND:
            self._callers.clear()
            self._pairs.clear()
            self._signing_keys = None
            self._version = version

    async def add(self, new: NewKey) -> ApiKey:
        """See KeyStore."""
        now_ms = to_ms(self._clock())

        def insert(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT OR IGNORE INTO account(name, created_ms) VALUES (?, ?)", (new.account, now_ms)
            )
            connection.execute(
                "INSERT INTO api_key"
                "(id, account, mode, name, hash, tail, created_ms, weight, signs, sealed, hosts, "
                "plan, requests_per_minute, concurrent, batch, credits) "
                "VALUES (?, (SELECT account FROM account WHERE name = ?), "
                "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    new.id,
                    new.account,
                    new.mode,
                    new.name,
                    hash_key(new.secret),
                    new.secret[-4:],
                    now_ms,
                    new.weight,
                    new.signs.value,
                    new.sealed,
                    " ".join(new.hosts.names),
                    new.limits.plan,
                    new.limits.requests_per_minute,
                    new.limits.concurrent,
                    new.limits.batch,
                    new.limits.credits,
                ),
            )

        await self._database.write(insert, durable=True)
        return ApiKey(
            id=new.id, account=new.account, mode=new.mode, name=new.name, tail=new.secret[-4:],
            created_at=from_ms(now_ms), revoked_at=None, weight=new.weight,
            signs=new.signs, hosts=new.hosts, limits=new.limits,
        )  # fmt: skip

    async def list(self) -> Sequence[ApiKey]:
        """See KeyStore."""
        rows = await self._database.write(lambda connection: connection.execute(_LIST).fetchall())
        return [
            ApiKey(
                id=row[0], account=row[1], mode=row[2], name=row[3], tail=row[4],
                created_at=from_ms(row[5]), revoked_at=None if row[6] is None else from_ms(row[6]),
                weight=row[7], signs=Signs(row[8]), hosts=_hosts(row[9]), limits=_limits(row[10:]),
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


def _signer(row: tuple[Any, ...]) -> Signer:
    sealed, hosts, *caller = row
    return Signer(_caller(caller), sealed, _hosts(hosts))


def _caller(row: Sequence[Any]) -> Caller:
    account, mode, key_id, weight, *limits = row
    return Caller(account, mode, key_id, weight, _limits(limits))


def _limits(row: Sequence[Any]) -> Limits:
    plan, requests_per_minute, concurrent, batch, credits_ = row
    return Limits(
        plan=plan,
        requests_per_minute=requests_per_minute,
        concurrent=concurrent,
        batch=batch,
        credits=credits_,
    )


def _hosts(text: str) -> Hosts:
    return Hosts(tuple(text.split()))
