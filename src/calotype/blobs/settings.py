"""Settings of the blob stores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesystemSettings:
    """Where blobs lie; temporary files stand beside them, on the same filesystem."""

    folder: Path
