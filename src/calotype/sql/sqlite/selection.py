"""Which rows of entry a purge filter means: the narrowest way in, and the rest as a test on the way."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from calotype.cache.entry import id_in_address
from calotype.cache.globs import Scan
from calotype.cache.purge import PurgeFilter
from calotype.cache.tags import tags_in
from calotype.clock import to_us
from calotype.sql.rows import ENTRY_FROM, SOFTENED, VISIBLE

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
    source, where, parameters = _statement(connection, selection)
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


def mark_one_by_one(
    connection: sqlite3.Connection, selection: Selection, column: str, *, unless: str
) -> None:
    """Set column of the selected rows, but for those of which unless holds.

    For filters that no dictionary mark expresses.
    """
    source, where, parameters = _statement(connection, selection)
    connection.execute(
        f"UPDATE entry SET {column} = 1 WHERE id IN "  # noqa: S608
        f"(SELECT e.id FROM {source} WHERE {where} AND NOT {unless})",
        parameters,
    )


def ranges(table: str, number: str, text: str, ns: int, scan: Scan) -> tuple[str, list[object]]:
    """Return a query for the numbers of a dictionary's rows within the scan's ranges.

    One branch per range: SQLite turns each into a search of the primary key, but an OR of them
    into a walk through the namespace.
    """
    branch = f"SELECT {number} FROM {table} WHERE ns = ? AND {text} >= ? AND {text} < ?"  # noqa: S608
    query = " UNION ALL ".join([branch] * len(scan.ranges))
    return query, [value for low, high in scan.ranges for value in (ns, low, high)]


def _statement(connection: sqlite3.Connection, selection: Selection) -> tuple[str, str, list[object]]:
    which = selection.which
    where, values = _conditions(selection)
    source = f"entry e {_JOINS}"
    way_in: list[object] = []
    by_tags = which is not None and which.tags is not None and which.keys is None
    if which is not None and (url := which.selective_url) is not None:
        scan = url.plan()
        query, way_in = ranges("url", "url_id", "ukey", selection.ns, scan)
        source = f"({query}) t CROSS JOIN entry e ON e.url_id = t.url_id {_JOINS}"
        by_tags = by_tags and not scan.names_single_texts
        # Keys and tags are the narrower way in, and leave no range behind that could vouch for the URL.
        if not scan.exact or which.keys is not None or by_tags:
            connection.create_function("url_matches", 1, url.matches_key, deterministic=True)
            where.append("url_matches(u.ukey)")
    if which is not None and (pattern := which.pattern) is not None:
        if not way_in:
            query, way_in = ranges("dir", "dir_id", "dkey", selection.ns, pattern.directories())
            source = f"({query}) t CROSS JOIN entry e ON e.dir_id = t.dir_id {_JOINS}"
        connection.create_function("path_matches", 1, pattern.matches, deterministic=True)
        where.append("path_matches(d.dkey || '/' || e.name || '.' || e.format)")
    if which is not None and by_tags:
        source = f"({_TAGGED}) t CROSS JOIN entry e ON e.id = t.id {_JOINS}"
        way_in = [json.dumps(which.tags), selection.ns]
    elif which is not None and which.tags is not None:
        matches = which.matches_tags
        connection.create_function("tags_match", 1, lambda text: matches(tags_in(text)), deterministic=True)
        where.append("tags_match(e.tags)")
    if which is not None and which.keys is not None:
        _pick(connection, selection.ns, which.keys)
        source, way_in = f"temp.picked p CROSS JOIN entry e ON e.id = p.id {_JOINS}", []
    # With a way in, the index on ns would be a detour.
    where[0] = "e.ns = ?" if source.startswith("entry") else "+e.ns = ?"
    return source, " AND ".join(where), [*way_in, *values]


def _conditions(selection: Selection) -> tuple[list[str], list[object]]:
    """Return what is asked of the row alone, and the values; of its namespace first."""
    where, values = ["e.ns = ?", VISIBLE], [selection.ns]
    if selection.now_ms is not None:
        where.append("e.drop_after > ?")
        values.append(selection.now_ms)
        if selection.only_fresh:
            where.append(f"e.fresh_until > ? AND NOT {SOFTENED}")
            values.append(selection.now_ms)
    if selection.which is not None and selection.which.before is not None:
        where.append("e.born_ms * 1000 < ?")
        values.append(to_us(selection.which.before))
    return where, [*values]


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
