"""What went through one exit on behalf of one capture."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Traffic:
    """Counted while it happens.

    Each capture has its own, so that the last bytes of one are not counted for the next.
    """

    bytes_in: int = 0
    """Received from the hosts that pages were loaded from, heads included."""
    bytes_out: int = 0
    """Sent to them."""
    refused: set[tuple[str, int]] = field(default_factory=set)
    """Host in lower case, and port."""
    unreachable: dict[tuple[str, int], str] = field(default_factory=dict)
    """The last reason for each, a short phrase for people."""
