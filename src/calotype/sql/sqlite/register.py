"""BlobRegister on SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from calotype.clock import Clock, to_ms
from calotype.sql.sqlite.database import Database
from calotype.sql.sqlite.outbox import remove_entries

_SAME = "substr(blob, 1, 8) = substr(j.value, 1, 8) AND blob = j.value"
"""By way of the indexes on a blob id's first digits."""
_UNKNOWN = (
    "SELECT j.value FROM json_each(?) j "  # noqa: S608
    f"WHERE NOT EXISTS (SELECT 1 FROM entry WHERE {_SAME}) "
    f"AND NOT EXISTS (SELECT 1 FROM blob_gc WHERE {_SAME})"
)
_NAMED = "SELECT id, blob FROM entry WHERE id > ? ORDER BY id LIMIT ?"
_ENTRIES_OF = f"SELECT entry.id, blob, url_id, dir_id FROM json_each(?) j CROSS JOIN entry ON {_SAME}"  # noqa: S608


class SqliteBlobRegister:
    """Asks on the writer thread: what it is told is what all commits before it have left."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def unknown(self, blob_ids: Sequence[str]) -> list[str]:
        """See BlobRegister."""
        asked = json.dumps(blob_ids)
        return await self._database.write(
            lambda connection: [blob for (blob,) in connection.execute(_UNKNOWN, (asked,))]
        )

    async def named(self, after: int, limit: int) -> list[tuple[int, str]]:
        """See BlobRegister."""
        return await self._database.write(lambda connection: list(connection.execute(_NAMED, (after, limit))))

    async def forget(self, blob_ids: Sequence[str]) -> int:
        """See BlobRegister."""
        asked, now_ms = json.dumps(blob_ids), to_ms(self._clock())

        def drop(connection: sqlite3.Connection) -> int:
            rows = connection.execute(_ENTRIES_OF, (asked,)).fetchall()
            remove_entries(connection, rows, now_ms)
            return len(rows)

        return await self._database.write(drop)
