"""What went through one exit on behalf of one capture."""

from __future__ import annotations

from dataclasses import dataclass, field

# Of each kind. A page may ask for as many hosts as it can make up; nobody reads so many names.
NOTED_HOSTS = 1_000


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

    def note_refused(self, host: str, port: int) -> None:
        """Remember a refusal, as long as there are not too many."""
        if len(self.refused) < NOTED_HOSTS:
            self.refused.add((host, port))

    def note_unreachable(self, host: str, port: int, reason: str) -> None:
        """Remember a failure, as long as there are not too many."""
        if len(self.unreachable) < NOTED_HOSTS or (host, port) in self.unreachable:
            self.unreachable[host, port] = reason
