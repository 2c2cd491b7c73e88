"""A probe: can the index be read and written? Asked beside the writer, not behind what waits for it."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time

from calotype.findings import Fault
from calotype.sql.sqlite.database import FULL, Database

_WAIT_S = 1.0
"""Many times what a group of writes takes."""
_WRITES_EVERY_S = 10.0
"""A commit makes every process forget the rows that it remembers, so one is tried no oftener than this
while all is well."""
_log = logging.getLogger("calotype.sql")


class IndexProbe:
    """Goes by what the writer has done of late, and tries itself where that says nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def check(self) -> Fault | None:
        """Return what is wrong with the index; within some two seconds, on a disk that answers."""
        began = time.monotonic()
        if self._wrote_since(began - _WAIT_S):
            return None
        try:
            with contextlib.closing(self._database.connect(_WAIT_S)) as connection:
                self._try(connection, writing=not self._wrote_since(began - _WRITES_EVERY_S))
        except sqlite3.Error as exc:
            # While our own writer gets through, it is only we that did not.
            if self._wrote_since(began):
                return None
            _log.warning("the index cannot be written: %s", exc)
            return _fault(exc)
        return None

    def _wrote_since(self, moment: float) -> bool:
        return self._database.well and self._database.wrote_at >= moment

    def _try(self, connection: sqlite3.Connection, *, writing: bool) -> None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute("SELECT * FROM room").fetchone()
            if writing:
                # A row that is given the values it has is not written; the file's header is.
                (version,) = connection.execute("PRAGMA user_version").fetchone()
                connection.execute(f"PRAGMA user_version = {version:d}")
            connection.execute("COMMIT")
        except sqlite3.Error:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        if writing:
            self._database.wrote_at, self._database.well = time.monotonic(), True


def _fault(exc: sqlite3.Error) -> Fault:
    code = getattr(exc, "sqlite_errorcode", 0)
    if code in FULL:
        return Fault.FULL
    match code & 0xFF:
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return Fault.LOCKED
        case sqlite3.SQLITE_READONLY:
            return Fault.READ_ONLY
        case _:
            return Fault.FAILING
