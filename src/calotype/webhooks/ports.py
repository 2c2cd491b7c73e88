"""What webhooks need from a database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from calotype.cache.entry import Namespace
from calotype.jobs.engine import DEAD_KEPT
from calotype.webhooks.endpoint import Endpoint
from calotype.webhooks.event import EventKind, Form

DELIVER = "webhook"
"""The kind of the job that delivers; submitted when a delivery is accepted, and when it is replayed."""
FAILED_KEPT = DEAD_KEPT
"""How long a delivery that was given up can be looked at and replayed: as long as its job."""
DELIVERED_KEPT = timedelta(days=3)
"""How long it can be seen that something was delivered, and when; there may be one for each capture."""
MAX_WAITING = 50_000
"""Deliveries of one account that may wait: a day of one every two seconds."""


class DeliveryState(StrEnum):
    """How far a delivery is."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"
    """Given up: a dead letter, which can be replayed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDelivery:
    """One event about to be told to one target."""

    id: str
    """`whk_` and 32 hex digits; the receiver's means to know again what it has had already."""
    namespace: Namespace
    kind: EventKind
    subject: str
    form: Form
    body: bytes = field(repr=False)
    sealed: bytes | None = field(default=None, repr=False)
    """The Target of a request; what goes to the account goes where its endpoint is when it is delivered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """What is known of a delivery."""

    id: str
    namespace: Namespace
    kind: EventKind
    subject: str
    form: Form
    body: bytes = field(repr=False)
    """Empty once it is delivered."""
    sealed: bytes | None = field(repr=False)
    state: DeliveryState
    accepted_at: datetime
    since: datetime
    """When the tries began: when it was accepted, or when it was last replayed."""
    failures: int
    """In a row, since then."""
    attempts: int
    """All there ever were."""
    tried_at: datetime | None
    status: int | None
    """What the last attempt was answered."""
    fault: str
    """Why the last attempt failed."""


class EndpointStore(Protocol):
    """Keeps one endpoint for each namespace. Ours: sql.sqlite.webhooks. Methods raise StoreUnavailable."""

    async def find(self, namespace: Namespace) -> Endpoint | None:
        """Return the endpoint, as any process has set it last. Never suspends."""
        ...

    async def set(self, endpoint: Endpoint) -> None:
        """Keep an endpoint in place of the one before it, if there was one; durable on return."""
        ...

    async def remove(self, namespace: Namespace) -> bool:
        """Forget the endpoint; False if there was none. Durable on return."""
        ...


class Deliveries(Protocol):
    """Keeps deliveries. Ours: sql.sqlite.webhooks. Methods raise StoreUnavailable.

    A delivery that waits has a job that is alive: if its job dies, of whatever, it has failed in the same
    transaction, and its fault says of what.
    """

    async def accept(self, new: Sequence[NewDelivery], now: datetime, *, durable: bool) -> None:
        """Keep deliveries of one namespace and submit their jobs DELIVER, all or nothing.

        An id that is known already is left as it is. With durable it survives a power cut on return,
        without it only the death of the process. Raises TooManyWaiting.
        """
        ...

    async def find(self, delivery_id: str) -> Delivery | None:
        """Return what is known of a delivery. Never suspends."""
        ...

    async def note_failure(self, delivery_id: str, now: datetime, status: int | None, fault: str) -> None:
        """Count one more failed attempt of a delivery that waits."""
        ...

    async def end(
        self, delivery_id: str, state: DeliveryState, now: datetime, status: int | None, fault: str
    ) -> None:
        """End a delivery that waits, with the attempt that has just been made; durable on return.

        Of what is delivered body and sealed are erased in the same transaction. The job of what has
        failed becomes a dead letter in it: a job that is not one is never of a failed delivery, unless
        somebody has begun it anew.
        """
        ...

    async def latest(
        self, namespace: Namespace, state: DeliveryState | None, limit: int
    ) -> Sequence[Delivery]:
        """Return the deliveries that were accepted last, the latest first: all, or those of a state."""
        ...

    async def replay(self, delivery_id: str, now: datetime) -> bool:
        """Have a failed delivery tried anew from now, for another day; False if there is none of that id.

        Its job is submitted in the same transaction; durable on return.
        """
        ...

    async def replay_all(self, namespace: Namespace, now: datetime) -> int:
        """Have all failed deliveries of a namespace tried anew; return how many they were."""
        ...

    async def forget(self, delivered_before: datetime, failed_before: datetime, limit: int) -> int:
        """Forget up to limit deliveries that ended before those moments; return how many they were."""
        ...
