"""Taking rows of entry away, in the caller's transaction: their blobs go to the outbox with it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

BLOB_GRACE_MS = 60_000
"""How long a blob outlives its row: replies read it whole at once, and may just have looked it up."""


def remove_entries(
    connection: sqlite3.Connection, rows: Iterable[tuple[Any, ...]], now_ms: int, *, keep: str | None = None
) -> None:
    """Delete entries, given as (id, blob, url_id, dir_id), and dictionary rows that nothing uses any more.

    keep is a blob that another entry names from now on: it stays out of the outbox.
    """
    gone = list(rows)
    connection.executemany("DELETE FROM entry WHERE id = ?", [(row[0],) for row in gone])
    connection.executemany(
        "INSERT INTO blob_gc(blob, not_before) VALUES (?, ?)",
        [(row[1], now_ms + BLOB_GRACE_MS) for row in gone if row[1] != keep],
    )
    # A mark may go with its row: whatever began before the purge is refused by the log, not by the mark.
    connection.executemany(
        "DELETE FROM url WHERE url_id = ?1 AND NOT EXISTS (SELECT 1 FROM entry WHERE url_id = ?1)",
        [(url_id,) for url_id in {row[2] for row in gone}],
    )
    connection.executemany(
        "DELETE FROM dir WHERE dir_id = ?1 AND NOT EXISTS (SELECT 1 FROM entry WHERE dir_id = ?1)",
        [(dir_id,) for dir_id in {row[3] for row in gone}],
    )
