"""On whose behalf a capture is made, and how urgently: what a renderer needs to share itself out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Urgency(IntEnum):
    """Who waits for a capture; the smaller number goes first."""

    INTERACTIVE = 0
    """Somebody holds the connection open."""
    BATCH = 1
    """Somebody has left it with us, and asks later."""
    BACKGROUND = 2
    """Nobody: a stored picture is made anew before it is needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """Whose capture it is. Without an account it is the machine's own."""

    account: int | None = None
    urgency: Urgency = Urgency.INTERACTIVE
    weight: int = 1
    """How much of the browser the account gets beside others that wait: twice the weight, twice the time."""

    def __post_init__(self) -> None:
        if self.weight < 1:
            message = f"a weight is 1 or more, not {self.weight}"
            raise ValueError(message)


MACHINES_OWN = Errand()
"""What is captured for nobody's account, such as by the command line."""
