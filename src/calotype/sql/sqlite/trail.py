"""The purge log as an audit trail, in the caller's transaction: read, marked as swept, and trimmed."""

from __future__ import annotations

import sqlite3
from typing import Any

from calotype.cache.entry import Seq
from calotype.cache.purge import KEPT_FOR, LoggedPurge, PurgeRecord
from calotype.clock import from_ms
from calotype.sql.rows import record_of

_KEPT_MS = int(KEPT_FOR.total_seconds() * 1000)
_TRIM_CHUNK = 500
"""Records looked at in one transaction, so that the writer is never held for long."""
_COLUMNS = "seq, filter, soft, purge_id, at_ms, actor, counted, swept"
_DESCRIBE = f"SELECT {_COLUMNS} FROM purge_log WHERE purge_id = ? AND ns = ?"  # noqa: S608
_PAGE = f"SELECT {_COLUMNS} FROM purge_log WHERE ns = ? AND seq < ? ORDER BY seq DESC LIMIT ?"  # noqa: S608
_BEYOND_ANY_SEQ = 2**62
_LOG_SINCE = "SELECT seq, filter, soft FROM purge_log WHERE ns = ? AND seq > ? ORDER BY seq"
_FLOOR = "SELECT floor_seq FROM ns WHERE ns = ?"


def records_since(connection: sqlite3.Connection, ns: int, seq: int) -> list[PurgeRecord] | None:
    """Return the purges of a namespace numbered above seq; None when some of them are no longer known."""
    (floor,) = connection.execute(_FLOOR, (ns,)).fetchone() or (0,)
    if seq < floor:
        return None
    return [record_of(row) for row in connection.execute(_LOG_SINCE, (ns, seq))]


def logged(connection: sqlite3.Connection, ns: int, purge_id: str) -> LoggedPurge | None:
    """Return the purge of that id, if it is one of the namespace's."""
    row = connection.execute(_DESCRIBE, (purge_id, ns)).fetchone()
    return None if row is None else _logged(row, _progress(connection))


def logged_page(
    connection: sqlite3.Connection, ns: int, before: int | None, limit: int
) -> tuple[list[LoggedPurge], int | None]:
    """Return up to limit purges, newest first, and the seq to go on below, or None."""
    below = _BEYOND_ANY_SEQ if before is None else before
    rows = connection.execute(_PAGE, (ns, below, limit + 1)).fetchall()
    progress = _progress(connection)
    return [_logged(row, progress) for row in rows[:limit]], rows[limit - 1][0] if len(rows) > limit else None


def _logged(row: tuple[Any, ...], progress: float) -> LoggedPurge:
    seq, _, soft, purge_id, at_ms, actor, counted, swept = row
    return LoggedPurge(
        id=purge_id,
        seq=Seq(seq),
        at=from_ms(at_ms),
        by=actor,
        which=record_of(row[:3]).which,
        count=counted,
        soft=bool(soft),
        swept=1.0 if swept else progress,
    )


def _progress(connection: sqlite3.Connection) -> float:
    """Return how much of the running pass is done; less than 1, since what waits for it is not swept yet."""
    cursor, until = connection.execute("SELECT cursor, until FROM sweep").fetchone() or (0, 1)
    return min(cursor / until, 0.999) if until else 0.0


def mark_swept(connection: sqlite3.Connection) -> None:
    """Note that a pass has come to its end.

    A purge that leaves entries to the sweep makes the pass go over all of them, what it had passed
    already included, so one that ends has met those of all purges there are.
    """
    connection.execute("UPDATE purge_log SET swept = 1 WHERE swept = 0")


def trim(connection: sqlite3.Connection, now_ms: int) -> bool:
    """Forget some of the records that are old enough; say whether there may be more of them.

    A namespace's records go in order, and its floor rises with them: what was born below it can no
    longer be judged, and is refused. A record that only looks old, since the clock was set
    back, waits for those before it.
    """
    old = now_ms - _KEPT_MS
    rows = connection.execute(
        "SELECT ns, seq FROM purge_log WHERE at_ms < ? ORDER BY at_ms LIMIT ?", (old, _TRIM_CHUNK)
    ).fetchall()
    trimmed = 0
    for ns, floor in {ns: max(seq for of, seq in rows if of == ns) for ns, _ in rows}.items():
        (kept,) = connection.execute(
            "SELECT min(seq) FROM purge_log WHERE ns = ? AND seq <= ? AND at_ms >= ?", (ns, floor, old)
        ).fetchone()
        last = floor if kept is None else kept - 1
        trimmed += connection.execute("DELETE FROM purge_log WHERE ns = ? AND seq <= ?", (ns, last)).rowcount
        connection.execute("UPDATE ns SET floor_seq = max(floor_seq, ?) WHERE ns = ?", (last, ns))
    return trimmed > 0 and len(rows) == _TRIM_CHUNK
