"""The marks that purges leave behind, and what they have to hide: in the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, replace

from calotype.cache.globs import Scan, UrlGlob
from calotype.cache.purge import PurgeFilter
from calotype.sql.rows import SOFTENED
from calotype.sql.sqlite.selection import Selection, before_ms, count_entries, ids_of, ranges, url_test

MOST_MOMENTS = 32
"""Purges of what was born before a moment that are kept as marks; every look-up of an old entry asks them."""
_EVERY_URL = Scan((("", "\U0010ffff"),), exact=True)
_UNDOMINATED = "SELECT count(*) FROM before_mark WHERE ns = ? AND soft = ? AND before_ms > ?"
_DOMINATED = "DELETE FROM before_mark WHERE ns = ? AND soft = ? AND before_ms <= ?"


@dataclass(frozen=True, slots=True)
class Mark:
    """How something is marked: what was born before it is meant."""

    seq: str
    """Column of ns, url, dir and tag."""
    entry: str
    """Column of entry, for single ones."""
    marked: str
    """True of an entry that has such a mark."""
    before_seq: str
    """Column of ns: the newest mark in before_mark."""
    soft: bool


HARD = Mark("purged_seq", "dead", "e.dead", "before_seq", soft=False)
SOFT = Mark("softened_seq", "softened", SOFTENED, "softened_before_seq", soft=True)


def count(connection: sqlite3.Connection, selection: Selection) -> int:
    """Count the selected rows: from the counters of their URLs when those say it exactly, else one by one."""
    which, now_ms = selection.which, selection.now_ms
    if which is not None and now_ms is not None and not selection.only_fresh:
        url = _only_url(which)
        if (url is not None or which.is_total) and not _by_rows(connection, selection.ns):
            return _count_by_url(connection, selection.ns, url, now_ms)
    # A purge that leaves rows to a sweep has a pass begun in its own transaction.
    under_way = connection.execute("SELECT 1 FROM sweep WHERE cursor < until").fetchone()
    return count_entries(connection, replace(selection, swept=under_way is None))


def put(connection: sqlite3.Connection, selection: Selection, seq: int, mark: Mark) -> bool:
    """Put mark on all that is selected, in the cheapest way that says exactly that.

    Say whether a pass over the rows has to follow: for a hard one always, else if it is to
    take the place of the mark.
    """
    which, ns = selection.which, selection.ns
    assert which is not None
    url, passes = _only_url(which), not mark.soft
    if url is not None:
        _put_on_urls(connection, ns, url, seq, mark)
        return passes
    if which.is_total:
        connection.execute(f"UPDATE ns SET {mark.seq} = ? WHERE ns = ?", (seq, ns))  # noqa: S608
    elif which.before is not None and which == PurgeFilter(before=which.before):
        if _put_before(connection, ns, before_ms(which.before), seq, mark):
            passes = True
        else:
            _put_one_by_one(connection, selection, mark)
    elif which.tags is not None and which == PurgeFilter(tags=which.tags):
        connection.execute(
            f"UPDATE tag SET {mark.seq} = ? WHERE ns = ? AND tag IN (SELECT value FROM json_each(?))",  # noqa: S608
            (seq, ns, json.dumps(which.tags)),
        )
    else:
        if which.pattern is not None and which == PurgeFilter(pattern=which.pattern):
            query, parameters = ranges("dir_id", "dir", "dkey", ns, which.pattern.directories())
            connection.create_function("covers", 1, which.pattern.covers_directory, deterministic=True)
            connection.execute(
                f"UPDATE dir SET {mark.seq} = ? WHERE dir_id IN ({query}) AND covers(dkey)",  # noqa: S608
                [seq, *parameters],
            )
        # Entries of directories that are marked as a whole need none of their own; a hard mark hides them.
        _put_one_by_one(connection, selection, mark)
    if not mark.soft:
        # Whatever was marked but on url: url.live counts it still, until a pass has taken it away.
        connection.execute("UPDATE ns SET by_rows = 1 WHERE ns = ?", (ns,))
    return passes


def take_back(connection: sqlite3.Connection) -> None:
    """Take back what a pass that has ended has made true row by row.

    A purge whose mark is taken back here makes the pass go over all rows there are, so one that ends
    has met what all marks hide; and what is stored later the log judges, not the mark.
    """
    connection.execute("DELETE FROM before_mark")
    connection.execute(
        "UPDATE ns SET by_rows = 0, before_seq = 0, softened_before_seq = 0 "
        "WHERE by_rows OR before_seq OR softened_before_seq"
    )


def _only_url(which: PurgeFilter) -> UrlGlob | None:
    """Return the URL glob, if it alone says what goes."""
    url = which.selective_url
    return url if url is not None and which == PurgeFilter(url=url) else None


def _by_rows(connection: sqlite3.Connection, ns: int) -> bool:
    row = connection.execute("SELECT by_rows FROM ns WHERE ns = ?", (ns,)).fetchone()
    return row is not None and bool(row[0])


def _count_by_url(connection: sqlite3.Connection, ns: int, url: UrlGlob | None, now_ms: int) -> int:
    """Add up what is live, and take off again what has expired and waits to be swept."""
    scan = _EVERY_URL if url is None else url.plan()
    condition, values = ("", ()) if url is None else url_test(connection, url, scan)
    query, parameters = ranges(
        "live, first_drop", "url", "ukey", ns, scan, (f" AND live > 0{condition}", values)
    )
    live, expired = connection.execute(
        f"SELECT coalesce(sum(live), 0), coalesce(sum(first_drop <= ?), 0) FROM ({query})",  # noqa: S608
        (now_ms, *parameters),
    ).fetchone()
    if not expired:
        return int(live)
    query, parameters = ranges(
        "url_id, purged_seq", "url", "ukey", ns, scan,
        (f" AND live > 0 AND first_drop <= ?{condition}", (now_ms, *values)),
    )  # fmt: skip
    (gone,) = connection.execute(
        f"SELECT count(*) FROM ({query}) u CROSS JOIN entry e ON e.url_id = u.url_id "  # noqa: S608
        "WHERE e.drop_after <= ? AND e.dead = 0 AND e.born_seq >= u.purged_seq",
        (*parameters, now_ms),
    ).fetchone()
    return int(live - gone)


def _put_on_urls(connection: sqlite3.Connection, ns: int, url: UrlGlob, seq: int, mark: Mark) -> None:
    """Mark the URLs that have something to hide, range by range of the dictionary."""
    scan = url.plan()
    condition, values = url_test(connection, url, scan)
    emptied = "" if mark.soft else ", live = 0"
    for low, high in scan.ranges:
        connection.execute(
            f"UPDATE url SET {mark.seq} = ?{emptied} "  # noqa: S608
            f"WHERE ns = ? AND ukey >= ? AND ukey < ? AND live > 0{condition}",
            (seq, ns, low, high, *values),
        )


def _put_before(connection: sqlite3.Connection, ns: int, moment_ms: int, seq: int, mark: Mark) -> bool:
    """Add a mark for what was born before a moment, unless there are many that it does not make needless."""
    (kept,) = connection.execute(_UNDOMINATED, (ns, mark.soft, moment_ms)).fetchone()
    if kept >= MOST_MOMENTS:
        return False
    connection.execute(_DOMINATED, (ns, mark.soft, moment_ms))
    connection.execute(
        "INSERT INTO before_mark(ns, soft, seq, before_ms) VALUES (?, ?, ?, ?)",
        (ns, mark.soft, seq, moment_ms),
    )
    connection.execute(f"UPDATE ns SET {mark.before_seq} = ? WHERE ns = ?", (seq, ns))  # noqa: S608
    return True


def _put_one_by_one(connection: sqlite3.Connection, selection: Selection, mark: Mark) -> None:
    query, parameters = ids_of(connection, selection, unless=mark.marked)
    connection.execute(f"UPDATE entry SET {mark.entry} = 1 WHERE id IN ({query})", parameters)  # noqa: S608
