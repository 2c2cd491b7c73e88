"""JobEngine: runs what was promised, after a crash too."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

DEAD_KEPT = timedelta(days=30)
"""How long a dead letter can be looked at and begun anew."""


class Later(Exception):
    """Raised by Kind.run: it is to be run again after pause, and nothing has failed."""

    def __init__(self, pause: timedelta) -> None:
        super().__init__(f"again in {pause}")
        self.pause = pause


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of jobs, and who does them."""

    name: str
    run: Callable[[str], Awaitable[None]]
    """Does the work that a subject's id stands for, however much of it was done before.

    Idempotent: it may be called again after it has succeeded, if the process died just then. The
    id is all it gets, and rows that it reads itself are the truth: what is not there any more is
    done. It is cancelled when the server stops, and begun again by the next. Whoever knows better than
    pauses when to try again raises Later, which costs no try.
    """
    at_once: int
    """How many of them one process runs at a time."""
    limit_s: float
    """How long one may take; then it has failed."""
    pauses: tuple[timedelta, ...]
    """How long to wait after the first failure, the second, and so on. Whoever fails once more is dead.

    Only what run raises is a failure: a process that dies is nobody's fault, and costs no try.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadJob:
    """A job that has failed for the last time, and waits for somebody to look at it."""

    number: int
    kind: str
    subject: str
    failures: int
    died_at: datetime
    error: str
    """What the last failure said, without secrets."""


class JobEngine(Protocol):
    """Keeps jobs and has them run. Ours: sql.sqlite.jobs. Methods but run raise StoreUnavailable.

    A job is a kind and the id of its subject; there is one at most for each pair. Adapters of other
    ports submit jobs in the transactions of the rows that these are about, and then call wake.
    """

    async def submit(self, kind: str, subject: str) -> None:
        """Have the subject's job run, beginning after now; durable on return.

        One that waits already does not get a second turn; of one that runs it may have passed
        what is new, so it runs once more. A dead one begins anew.
        """
        ...

    def wake(self) -> None:
        """Look for jobs now. Without it they are found within a second or so."""
        ...

    async def run(self, kinds: Sequence[Kind]) -> None:
        """Run jobs of kinds until cancelled; then let go of those under way, for the next who runs.

        Of all processes one at a time runs a job. One that is dead or silent is replaced.
        """
        ...

    async def dead(self, limit: int) -> Sequence[DeadJob]:
        """Return jobs that have failed for the last time, the latest first."""
        ...

    async def replay(self, number: int) -> bool:
        """Begin a dead job anew, with all its tries; False if there is none of that number."""
        ...

    async def forget_dead(self, before: datetime, limit: int) -> int:
        """Forget up to limit jobs that died before that moment; return how many they were."""
        ...
