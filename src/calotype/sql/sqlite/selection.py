"""Which rows of entry a purge filter means: the narrowest way in, and the rest as a test on the way."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from calotype.cache.entry import id_in_address
from calotype.cache.globs import Scan, UrlGlob
from calotype.cache.purge import PurgeFilter
from calotype.cache.tags import tags_in
from calotype.clock import to_us
from calotype.sql.rows import ENTRY_FROM, SOFTENED, VISIBLE

Test = tuple[str, tuple[object, ...]]
"""What a row has to pass besides: SQL to go on with after a condition, and its parameters."""
_JOINS = (
    "CROSS JOIN ns n ON n.ns = e.ns CROSS JOIN url u ON u.url_id = e.url_id "
    "CROSS JOIN dir d ON d.dir_id = e.dir_id"
)
_NAMED_BY_KEY = f"SELECT e.id FROM {ENTRY_FROM} WHERE e.ns = ? AND e.ckey = ? AND {VISIBLE}"  # noqa: S608
_NAMED_BY_ID = f"SELECT e.id FROM {ENTRY_FROM} WHERE e.ns = ? AND e.name = ? AND {VISIBLE}"  # noqa: S608

_TAGGED = (
    "SELECT DISTINCT et.id FROM json_each(?) j CROSS JOIN tag g ON g.ns = ? AND g.tag = j.value "
    "CROSS JOIN entry_tag et ON et.tag_id = g.tag_id"
)


@dataclass(frozen=True, slots=True)
class Selection:
    """The visible entries of namespace ns that which matches (all, without it)."""

    ns: int
    which: PurgeFilter | None
    now_ms: int | None
    """Leaves out what is of no use any more by then; None leaves nothing out."""
    only_fresh: bool = False
    """Leaves out what is stale by then as well."""
    swept: bool = False
    """No purge waits for a sweep: all that are there are visible. Then columns may only be of e."""


def select_entries(
    connection: sqlite3.Connection,
    selection: Selection,
    columns: str,
    *,
    limit: int | None = None,
    before: int | None = None,
    newest_first: int | None = None,
    only: int | None = None,
) -> list[tuple[Any, ...]]:
    """Return columns (of e, n, u, d) of the selected rows.

    With newest_first, that many of them in falling order of id, beginning below before; with only,
    at most the row of that id.
    """
    source, where, parameters = _statement(connection, selection, by_id=newest_first is not None)
    tail = ""
    if before is not None:
        where += " AND e.id < ?"
        parameters.append(before)
    if only is not None:
        where += " AND e.id = ?"
        parameters.append(only)
    if newest_first is not None:
        tail = f" ORDER BY e.id DESC LIMIT {newest_first}"
    elif limit is not None:
        tail = f" LIMIT {limit}"
    return connection.execute(f"SELECT {columns} FROM {source} WHERE {where}{tail}", parameters).fetchall()  # noqa: S608


def count_entries(connection: sqlite3.Connection, selection: Selection) -> int:
    """Count the selected rows."""
    return int(select_entries(connection, selection, "count(*)")[0][0])


def ids_of(connection: sqlite3.Connection, selection: Selection, *, unless: str) -> tuple[str, list[object]]:
    """Return a query for the ids of the selected rows but those of which unless holds, and its parameters."""
    source, where, parameters = _statement(connection, selection)
    return f"SELECT e.id FROM {source} WHERE {where} AND NOT {unless}", parameters  # noqa: S608


def ranges(
    columns: str, table: str, text: str, ns: int, scan: Scan, test: Test = ("", ())
) -> tuple[str, list[object]]:
    """Return a query for columns of a dictionary's rows that lie within the scan's ranges and pass test.

    One branch per range: SQLite turns each into a search of the primary key, but an OR of them
    into a walk through the namespace.
    """
    condition, values = test
    branch = f"SELECT {columns} FROM {table} WHERE ns = ? AND {text} >= ? AND {text} < ?{condition}"  # noqa: S608
    query = " UNION ALL ".join([branch] * len(scan.ranges))
    return query, [value for low, high in scan.ranges for value in (ns, low, high, *values)]


def url_test(connection: sqlite3.Connection, url: UrlGlob, scan: Scan) -> Test:
    """Return the test that rows of url within the scan have to pass: none where it is exact."""
    if scan.exact:
        return "", ()
    connection.create_function("url_matches", 1, url.matches_key, deterministic=True)
    # A search within the text costs a tenth of a call, and spares most of them.
    needle = " AND (instr(ukey, ?) OR instr(ukey, ?))" if scan.needle else ""
    return f"{needle} AND url_matches(ukey)", (scan.needle, scan.needle[::-1]) if needle else ()


def before_ms(moment: datetime) -> int:
    """Return the first whole millisecond that is not before moment: births are kept in those."""
    return -(-to_us(moment) // 1000)


def _statement(
    connection: sqlite3.Connection, selection: Selection, *, by_id: bool = False
) -> tuple[str, str, list[object]]:
    which = selection.which
    where, values = _conditions(selection, by_id=by_id)
    joins = _joins(selection)
    source = f"entry e {joins}"
    way_in: list[object] = []
    by_tags = which is not None and which.tags is not None and which.keys is None
    if which is not None and (url := which.selective_url) is not None:
        scan = url.plan()
        test = url_test(connection, url, scan)
        query, way_in = ranges("url_id", "url", "ukey", selection.ns, scan, test)
        source = f"({query}) t CROSS JOIN entry e ON e.url_id = t.url_id {joins}"
        by_tags = by_tags and not scan.names_single_texts
        # Keys and tags are the narrower way in, and leave no range behind that could vouch for the URL.
        if which.keys is not None or by_tags:
            connection.create_function("url_matches", 1, url.matches_key, deterministic=True)
            where.append("url_matches(u.ukey)")
    if which is not None and (pattern := which.pattern) is not None:
        if not way_in:
            query, way_in = ranges("dir_id", "dir", "dkey", selection.ns, pattern.directories())
            source = f"({query}) t CROSS JOIN entry e ON e.dir_id = t.dir_id {joins}"
        connection.create_function("path_matches", 1, pattern.matches, deterministic=True)
        where.append("path_matches(d.dkey || '/' || e.name || '.' || e.format)")
    if which is not None and by_tags:
        source = f"({_TAGGED}) t CROSS JOIN entry e ON e.id = t.id {joins}"
        way_in = [json.dumps(which.tags), selection.ns]
    elif which is not None and which.tags is not None:
        matches = which.matches_tags
        connection.create_function("tags_match", 1, lambda text: matches(tags_in(text)), deterministic=True)
        where.append("tags_match(e.tags)")
    if which is not None and which.keys is not None:
        _pick(connection, selection.ns, which.keys)
        source, way_in = f"temp.picked p CROSS JOIN entry e ON e.id = p.id {joins}", []
    # With a way in, the index on ns would be a detour.
    where[0] = "e.ns = ?" if source.startswith("entry") else "+e.ns = ?"
    return source, " AND ".join(where), [*way_in, *values]


def _conditions(selection: Selection, *, by_id: bool) -> tuple[list[str], list[object]]:
    """Return what is asked of the row alone, and the values; of its namespace first."""
    where: list[str] = ["e.ns = ?", *([] if selection.swept else [VISIBLE])]
    values: list[object] = [selection.ns]
    if selection.now_ms is not None:
        where.append("e.drop_after > ?")
        values.append(selection.now_ms)
        if selection.only_fresh:
            where.append(f"e.fresh_until > ? AND NOT {SOFTENED}")
            values.append(selection.now_ms)
    if selection.which is not None and selection.which.before is not None:
        # A page in the order of ids is found in that order; a sum keeps the index on births out of it.
        where.append("e.born_ms + 0 < ?" if by_id else "e.born_ms < ?")
        values.append(before_ms(selection.which.before))
    return where, values


def _joins(selection: Selection) -> str:
    """Return what entry is to be joined with: all that can hide a row, or else only what the filter asks."""
    which = selection.which
    if not selection.swept or selection.only_fresh or which is None:
        return _JOINS
    url = " CROSS JOIN url u ON u.url_id = e.url_id" if which.url and (which.keys or which.tags) else ""
    return url + (" CROSS JOIN dir d ON d.dir_id = e.dir_id" if which.pattern is not None else "")


def _pick(connection: sqlite3.Connection, ns: int, keys: tuple[str, ...]) -> None:
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS picked(id INTEGER PRIMARY KEY)")
    connection.execute("DELETE FROM temp.picked")
    ids = {found for key in keys if (found := named(connection, ns, key)) is not None}
    connection.executemany("INSERT INTO temp.picked VALUES (?)", [(found,) for found in ids])


def named(connection: sqlite3.Connection, ns: int, address: str) -> int | None:
    """Return the row id of the visible entry that address names: by key first, then by id."""
    row = connection.execute(_NAMED_BY_KEY, (ns, address)).fetchone()
    entry_id = id_in_address(address)
    if row is None and entry_id is not None:
        row = connection.execute(_NAMED_BY_ID, (ns, entry_id)).fetchone()
    return None if row is None else int(row[0])
