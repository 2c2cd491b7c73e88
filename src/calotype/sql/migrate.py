"""Applies numbered migrations, once, in order."""

from __future__ import annotations

import sqlite3
from importlib import resources

from calotype.errors import ConfigurationError


def migrations() -> list[tuple[int, str]]:
    """Return (number, SQL) of every migration for SQLite, in order."""
    folder = resources.files("calotype.sql.migrations")
    names = sorted(item.name for item in folder.iterdir() if item.name.endswith(".sqlite.sql"))
    return [(int(name[:4]), (folder / name).read_text("utf-8")) for name in names]


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database up to date. connection is in autocommit mode.

    Takes the write lock before it looks, so that of many processes that start at once one migrates
    and the others find it done. Raises ConfigurationError for a database of a newer Calotype.
    """
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        known = migrations()
        _refuse_newer(version, newest=known[-1][0])
        for number, script in known:
            if number > version:
                _apply(connection, script)
                connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise


def _refuse_newer(version: int, newest: int) -> None:
    if version > newest:
        message = (
            f"the index has schema {version}, this Calotype knows up to {newest}; "
            "start the newer version, or point CALOTYPE_DATA at another folder"
        )
        raise ConfigurationError(message)


def _apply(connection: sqlite3.Connection, script: str) -> None:
    # executescript would commit first, and a half-applied migration could stay behind.
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            connection.execute(statement)
            statement = ""
