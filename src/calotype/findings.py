"""What a look at the machine found: for `calotype doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    WARNING = "warning"
    """Captures work, but not as well as they could."""
    BROKEN = "broken"
    """Captures cannot work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    state: State
    what: str
    remedy: str = ""
    """The command or the change that mends it; empty where nothing is wrong."""
