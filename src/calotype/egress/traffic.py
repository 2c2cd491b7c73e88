"""What went through one exit on behalf of one capture, and how much of it may."""

from __future__ import annotations

from dataclasses import dataclass, field

# Of each kind. A page may ask for as many hosts as it can make up; nobody reads so many names.
NOTED_HOSTS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What one capture may receive, send and open before its way out is shut.

    Bytes count as they come over the wire, heads and TLS included: what is compressed counts
    compressed. In time the capture's own deadline is the bound, since reset ends all that runs.
    """

    bytes_in: int = 200_000_000
    """Heavy pages weigh 10 to 50 MB, with their videos' first pieces."""
    bytes_out: int = 20_000_000
    """Requests of a page with hundreds of parts come to less than one."""
    connections: int = 2_000
    """Over its whole life. Plain http takes one for each request, and pages have hundreds."""


@dataclass(slots=True)
class Traffic:
    """Counted while it happens.

    Each capture has its own, so that the last bytes of one are not counted for the next.
    """

    budget: Budget = field(default_factory=Budget)
    bytes_in: int = 0
    """Received from the hosts that pages were loaded from, heads included."""
    bytes_out: int = 0
    """Sent to them."""
    connections: int = 0
    """Opened, or tried to."""
    spent: str = ""
    """Of what there was too much, in words that end the sentence `it could not be loaded: ...`. Then nothing
    comes, goes or is opened any more."""
    refused: set[tuple[str, int]] = field(default_factory=set)
    """Host in lower case, and port."""
    unreachable: dict[tuple[str, int], str] = field(default_factory=dict)
    """The last reason for each, a short phrase for people."""

    def receive(self, count: int) -> bool:
        """Count bytes that came; say whether they may be passed on."""
        self.bytes_in += count
        if self.bytes_in > self.budget.bytes_in:
            self._spend(f"the capture has received more than {_megabytes(self.budget.bytes_in)}")
        return not self.spent

    def send(self, count: int) -> bool:
        """Count bytes that are about to be sent; say whether they may be."""
        self.bytes_out += count
        if self.bytes_out > self.budget.bytes_out:
            self._spend(f"the capture has sent more than {_megabytes(self.budget.bytes_out)}")
        return not self.spent

    def open(self) -> bool:
        """Count a connection that is about to be opened; say whether it may be."""
        self.connections += 1
        if self.connections > self.budget.connections:
            self._spend(f"the capture has opened more than {self.budget.connections:,} connections")
        return not self.spent

    def _spend(self, what: str) -> None:
        # What was spent first is what explains the rest.
        self.spent = self.spent or what

    def note_refused(self, host: str, port: int) -> None:
        """Remember a refusal, as long as there are not too many."""
        if len(self.refused) < NOTED_HOSTS:
            self.refused.add((host, port))

    def note_unreachable(self, host: str, port: int, reason: str) -> None:
        """Remember a failure, as long as there are not too many."""
        if len(self.unreachable) < NOTED_HOSTS or (host, port) in self.unreachable:
            self.unreachable[host, port] = reason


def _megabytes(count: int) -> str:
    return f"{count / 1_000_000:,g} MB"
