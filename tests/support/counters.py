"""The counters that triggers keep on url, and what counting the rows says instead."""

from __future__ import annotations

import sqlite3
from typing import Any

_MISCOUNTED = """
SELECT ukey, live, first_drop, counted, least FROM (
  SELECT u.ukey, u.live, u.first_drop,
    (SELECT count(*) FROM entry e WHERE e.url_id = u.url_id AND e.dead = 0 AND e.born_seq >= u.purged_seq)
      AS counted,
    coalesce((SELECT min(e.drop_after) FROM entry e WHERE e.url_id = u.url_id), 9223372036854775807) AS least
  FROM url u
) WHERE live <> counted OR first_drop <> least
"""


def miscounted(connection: sqlite3.Connection) -> list[tuple[Any, ...]]:
    """Return the URLs whose counters are wrong: key, live and first_drop, and what both should be."""
    return connection.execute(_MISCOUNTED).fetchall()
