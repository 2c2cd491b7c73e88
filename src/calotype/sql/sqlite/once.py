"""What is done once however often it is asked for, in the caller's transaction: purges, captures, batches.

A name is one request's, of whatever kind: all are in the table that purges had first.
"""

from __future__ import annotations

import sqlite3

import msgspec

from calotype.cache.entry import Seq
from calotype.cache.errors import IdempotencyMismatch
from calotype.cache.purge import REPLAYED_FOR, Purge, PurgeFilter
from calotype.sql.rows import filter_text

_REPLAYED_MS = int(REPLAYED_FOR.total_seconds() * 1000)
_TRIM_CHUNK = 500
_OLD = (
    "DELETE FROM purge_once WHERE (ns, token) IN "
    "(SELECT ns, token FROM purge_once WHERE at_ms <= ? ORDER BY at_ms LIMIT ?)"
)
_PICTURE = ""
"""What was answered to a capture is in the cache, and nowhere else: a purge must reach it."""


class _Told(msgspec.Struct):
    id: str
    seq: int
    count: int
    keys: list[str]
    addressed: bool


def asked_text(which: PurgeFilter, *, soft: bool) -> str:
    """Return what must be the same for two requests to be one."""
    return f"{'soft' if soft else 'hard'} {filter_text(which)}"


def recall(
    connection: sqlite3.Connection, ns: int, token: str, which: PurgeFilter, now_ms: int, *, soft: bool
) -> Purge | None:
    """Return what the purge of that token did, or None. Raises IdempotencyMismatch if it was another."""
    row = connection.execute(
        "SELECT asked, told FROM purge_once WHERE ns = ? AND token = ? AND at_ms > ?",
        (ns, token, now_ms - _REPLAYED_MS),
    ).fetchone()
    if row is None:
        return None
    asked, text = row
    if asked != asked_text(which, soft=soft):
        raise IdempotencyMismatch
    told = msgspec.json.decode(text, type=_Told)
    return Purge(
        id=told.id, seq=Seq(told.seq), count=told.count, keys=tuple(told.keys), dry_run=False, soft=soft,
        addressed=told.addressed,
    )  # fmt: skip


def remember(
    connection: sqlite3.Connection, ns: int, token: str, which: PurgeFilter, done: Purge, now_ms: int
) -> None:
    """Write down what the purge of a token did."""
    told = _Told(id=done.id, seq=done.seq, count=done.count, keys=list(done.keys), addressed=done.addressed)
    connection.execute(
        "INSERT OR REPLACE INTO purge_once(ns, token, asked, told, at_ms) VALUES (?, ?, ?, ?, ?)",
        (ns, token, asked_text(which, soft=done.soft), msgspec.json.encode(told).decode(), now_ms),
    )


def first_asked(connection: sqlite3.Connection, ns: int, token: str, asked: str, now_ms: int) -> int | None:
    """Return when the capture of that token was first asked for; None, and write it down, if it is now.

    Raises IdempotencyMismatch if that was another one.
    """
    row = connection.execute(
        "SELECT asked, at_ms FROM purge_once WHERE ns = ? AND token = ? AND at_ms > ?",
        (ns, token, now_ms - _REPLAYED_MS),
    ).fetchone()
    if row is None:
        connection.execute(
            "INSERT OR REPLACE INTO purge_once(ns, token, asked, told, at_ms) VALUES (?, ?, ?, ?, ?)",
            (ns, token, asked, _PICTURE, now_ms),
        )
        return None
    known, at_ms = row
    if known != asked:
        raise IdempotencyMismatch
    return int(at_ms)


def promised(connection: sqlite3.Connection, ns: int, token: str, asked: str, now_ms: int) -> str | None:
    """Return the id of the batch that was accepted by that token, or None.

    Raises IdempotencyMismatch if something else was asked for by it.
    """
    row = connection.execute(
        "SELECT asked, told FROM purge_once WHERE ns = ? AND token = ? AND at_ms > ?",
        (ns, token, now_ms - _REPLAYED_MS),
    ).fetchone()
    if row is None:
        return None
    known, batch_id = row
    if known != _batch_text(asked):
        raise IdempotencyMismatch
    return str(batch_id)


def promise(
    connection: sqlite3.Connection, ns: int, token: str, asked: str, batch_id: str, now_ms: int
) -> None:
    """Write down which batch was accepted by a token."""
    connection.execute(
        "INSERT OR REPLACE INTO purge_once(ns, token, asked, told, at_ms) VALUES (?, ?, ?, ?, ?)",
        (ns, token, _batch_text(asked), batch_id, now_ms),
    )


def _batch_text(asked: str) -> str:
    return f"batch {asked}"


def forget(connection: sqlite3.Connection, now_ms: int) -> None:
    """Drop some of what is old enough."""
    connection.execute(_OLD, (now_ms - _REPLAYED_MS, _TRIM_CHUNK))
