"""Settings of the SQL adapters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class SqliteSettings:
    """Where the embedded index lives, and how it waits."""

    path: Path
    busy_timeout_s: float = 5.0
    """How long a write waits for another process to finish its own."""
    row_cache_entries: int = 50_000
    """Rows kept in memory per process, at about 1 kB each."""
