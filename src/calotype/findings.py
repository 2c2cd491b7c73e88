"""What a look found: for `calotype doctor` and `GET /readyz`."""

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


class Fault(StrEnum):
    """What is wrong with a part of a running server, in words for strangers: they name no path."""

    LOCKED = "locked"
    """Another process has held it for longer than a write takes."""
    READ_ONLY = "read-only"
    FULL = "full"
    PAUSED = "paused"
    """It has refused a picture of late, and is left in peace for some seconds."""
    STARTING = "starting"
    FAILING = "failing"
    SILENT = "no-answer"
