"""BatchLedger on SQLite."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import Any

import msgspec

from calotype.batches.batch import (
    Batch,
    BatchItem,
    BatchState,
    ItemFailure,
    ItemPicture,
    ItemState,
    Outcome,
)
from calotype.batches.errors import GivenUp
from calotype.batches.ports import MAX_WAITING, MAX_WAITING_BYTES, RUN, TELL, Begun, NewBatch
from calotype.capture.errors import QueueFull
from calotype.clock import from_ms, to_ms
from calotype.sql.rows import namespace_of, ns_number
from calotype.sql.sqlite.database import Database
from calotype.sql.sqlite.jobs import Death, SqliteJobs
from calotype.sql.sqlite.once import promise, promised

_RETRY_AFTER_S = 60
"""So many captures are not made in a moment."""
_BATCH = (
    "SELECT id, ns, key_id, state, weight, concurrency, created_ms, ended_ms, webhook FROM batch WHERE id = ?"
)
_ITEMS = (
    "SELECT position, url, state, outcome, ended_no, same_as FROM batch_item WHERE batch = ? "
    "ORDER BY position"
)
_WAITING = (
    "SELECT coalesce(sum(total - ended), 0), coalesce(sum(bytes), 0) FROM batch "
    "WHERE ended_ms IS NULL AND ns BETWEEN ? AND ?"
)
_INSERT = (
    "INSERT INTO batch(id, ns, key_id, state, weight, concurrency, total, bytes, webhook, created_ms) "
    "VALUES (?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?)"
)
_INSERT_ITEM = (
    "INSERT INTO batch_item(batch, position, url, state, sealed, same_as) VALUES (?, ?, ?, 'pending', ?, ?)"
)
_BEGIN = "UPDATE batch SET state = 'processing' WHERE id = ? AND state = 'queued'"
_BEGIN_ITEM = (
    "UPDATE batch_item SET tries = tries + 1 WHERE batch = ? AND position = ? AND state = 'pending' "
    "RETURNING sealed, tries"
)
_GIVE_BACK = (
    "UPDATE batch_item SET tries = max(0, tries - 1) WHERE batch = ? AND position = ? AND state = 'pending'"
)
_SAME = (
    "SELECT position FROM batch_item WHERE batch = ?1 AND state = 'pending' AND "
    "(position = ?2 OR same_as = ?2) ORDER BY position"
)
_END_ITEM = (
    "UPDATE batch_item SET state = ?3, outcome = ?4, sealed = NULL, "
    "ended_no = ?5 WHERE batch = ?1 AND position = ?2"
)
_COUNT = "UPDATE batch SET ended = ended + ? WHERE id = ? RETURNING ended, total"
_END = """
UPDATE batch SET ended_ms = ?2, state = CASE
  WHEN EXISTS (SELECT 1 FROM batch_item WHERE batch = ?1 AND state = 'cancelled') THEN 'cancelled'
  WHEN EXISTS (SELECT 1 FROM batch_item WHERE batch = ?1 AND state = 'completed') THEN 'completed'
  ELSE 'failed' END
WHERE id = ?1
"""
_PENDING = "SELECT position FROM batch_item WHERE batch = ? AND state = 'pending' ORDER BY position"
_OLD = "SELECT id FROM batch WHERE ended_ms < ? ORDER BY ended_ms LIMIT ?"
_picture = msgspec.json.Decoder(ItemPicture)
_failure = msgspec.json.Decoder(ItemFailure)


class SqliteBatchLedger:
    """Rows of batches, and their jobs in the same transactions."""

    def __init__(self, database: Database, jobs: SqliteJobs) -> None:
        self._database, self._jobs = database, jobs
        jobs.mourn(RUN, self._give_up)

    async def accept(self, new: NewBatch, now: datetime) -> Batch:
        """See BatchLedger."""
        now_ms = to_ms(now)

        def accept(connection: sqlite3.Connection) -> Batch:
            ns, count = ns_number(new.namespace), len(new.items)
            if new.once is not None:
                known = promised(connection, ns, new.once.token, new.once.asked, now_ms)
                if known is not None:
                    return _required(connection, known)
            own = ns // 2 * 2
            size = sum(len(item.sealed or b"") for item in new.items)
            waiting, held = connection.execute(_WAITING, (own, own + 1)).fetchone()
            if waiting + count > MAX_WAITING or held + size > MAX_WAITING_BYTES:
                raise QueueFull(waiting, _RETRY_AFTER_S)
            if new.once is not None:
                promise(connection, ns, new.once.token, new.once.asked, new.id, now_ms)
            row = (new.id, ns, new.key_id, new.weight, new.concurrency, count, size, new.webhook, now_ms)
            connection.execute(_INSERT, row)
            for position, item in enumerate(new.items):
                connection.execute(_INSERT_ITEM, (new.id, position, item.url, item.sealed, item.same_as))
            for position, item in enumerate(new.items):
                if item.fault is not None:
                    self._end(connection, new.id, position, item.fault, now_ms)
            if any(item.fault is None for item in new.items):
                self._jobs.enqueue(connection, RUN, new.id)
            return _required(connection, new.id)

        batch = await self._database.write(accept, durable=True)
        self._jobs.wake()
        return batch

    async def find(self, batch_id: str) -> Batch | None:
        """See BatchLedger. Never suspends."""
        return self._database.read(lambda connection: _found(connection, batch_id))

    async def begin(self, batch_id: str) -> Batch | None:
        """See BatchLedger."""

        def begin(connection: sqlite3.Connection) -> Batch | None:
            connection.execute(_BEGIN, (batch_id,))
            return _found(connection, batch_id)

        return await self._database.write(begin)

    async def begin_item(self, batch_id: str, position: int) -> Begun | None:
        """See BatchLedger."""
        rows = await self._database.write(
            lambda connection: connection.execute(_BEGIN_ITEM, (batch_id, position)).fetchall()
        )
        return Begun(*rows[0]) if rows else None

    async def give_back(self, batch_id: str, position: int) -> None:
        """See BatchLedger."""
        await self._database.write(lambda connection: connection.execute(_GIVE_BACK, (batch_id, position)))

    async def end_item(self, batch_id: str, position: int, outcome: Outcome, now: datetime) -> bool:
        """See BatchLedger."""
        now_ms = to_ms(now)
        ended = await self._database.write(
            lambda connection: self._end(connection, batch_id, position, outcome, now_ms), durable=True
        )
        self._jobs.wake()
        return ended

    def _end(
        self, connection: sqlite3.Connection, batch_id: str, position: int, outcome: Outcome, now_ms: int
    ) -> bool:
        own = connection.execute(
            "SELECT state FROM batch_item WHERE batch = ? AND position = ?", (batch_id, position)
        ).fetchone()
        if own != (ItemState.PENDING,):
            return False
        state = ItemState.COMPLETED if isinstance(outcome, ItemPicture) else ItemState.FAILED
        same = [row[0] for row in connection.execute(_SAME, (batch_id, position))]
        self._end_all(connection, batch_id, same, (state, _json(outcome)), now_ms)
        return True

    def _end_all(
        self,
        connection: sqlite3.Connection,
        batch_id: str,
        positions: list[int],
        outcome: tuple[ItemState, str | None],
        now_ms: int,
    ) -> None:
        counted = connection.execute(_COUNT, (len(positions), batch_id)).fetchall()
        for ended, total in counted:
            first = ended - len(positions) + 1
            connection.executemany(
                _END_ITEM,
                [(batch_id, position, *outcome, first + at) for at, position in enumerate(positions)],
            )
            if ended == total:
                connection.execute(_END, (batch_id, now_ms))
                self._jobs.enqueue(connection, TELL, batch_id)

    def _give_up(self, connection: sqlite3.Connection, death: Death) -> None:
        outcome = (ItemState.FAILED, _json(ItemFailure.of(GivenUp(death.failures))))
        self._end_pending(connection, death.subject, outcome, death.at_ms)

    async def cancel(self, batch_id: str, now: datetime) -> None:
        """See BatchLedger."""
        now_ms = to_ms(now)

        outcome = (ItemState.CANCELLED, None)
        await self._database.write(
            lambda connection: self._end_pending(connection, batch_id, outcome, now_ms), durable=True
        )
        self._jobs.wake()

    def _end_pending(
        self,
        connection: sqlite3.Connection,
        batch_id: str,
        outcome: tuple[ItemState, str | None],
        now_ms: int,
    ) -> None:
        pending = [row[0] for row in connection.execute(_PENDING, (batch_id,))]
        if pending:
            self._end_all(connection, batch_id, pending, outcome, now_ms)

    async def told(self, batch_id: str) -> None:
        """See BatchLedger."""
        await self._database.write(
            lambda connection: connection.execute("UPDATE batch SET webhook = NULL WHERE id = ?", (batch_id,))
        )

    async def forget(self, before: datetime, limit: int) -> int:
        """See BatchLedger."""

        def forget(connection: sqlite3.Connection) -> int:
            old = connection.execute(_OLD, (to_ms(before), limit)).fetchall()
            connection.executemany("DELETE FROM batch_item WHERE batch = ?", old)
            connection.executemany("DELETE FROM batch WHERE id = ?", old)
            return len(old)

        return await self._database.write(forget)


def _json(outcome: Outcome) -> str:
    return msgspec.json.encode(outcome).decode()


def _required(connection: sqlite3.Connection, batch_id: str) -> Batch:
    batch = _found(connection, batch_id)
    assert batch is not None  # its row has just been written
    return batch


def _found(connection: sqlite3.Connection, batch_id: str) -> Batch | None:
    row: Any = connection.execute(_BATCH, (batch_id,)).fetchone()
    if row is None:
        return None
    identity, ns, key_id, state, weight, concurrency, created_ms, ended_ms, webhook = row
    return Batch(
        id=identity,
        namespace=namespace_of(ns),
        key_id=key_id,
        state=BatchState(state),
        weight=weight,
        concurrency=concurrency,
        created_at=from_ms(created_ms),
        ended_at=None if ended_ms is None else from_ms(ended_ms),
        items=tuple(_item(each) for each in connection.execute(_ITEMS, (batch_id,))),
        webhook=webhook,
    )


def _item(row: tuple[Any, ...]) -> BatchItem:
    position, url, state, outcome, ended_no, same_as = row
    decoder: Any = _picture if state == ItemState.COMPLETED else _failure
    return BatchItem(
        position=position,
        url=url,
        state=ItemState(state),
        outcome=None if outcome is None else decoder.decode(outcome),
        ended_no=ended_no,
        same_as=same_as,
    )
