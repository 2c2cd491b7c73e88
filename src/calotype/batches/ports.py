"""What batches need from a database, and whom they tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from calotype.batches.batch import Batch, ItemFailure, Outcome
from calotype.batches.webhook import Webhook
from calotype.cache.entry import Namespace

RUN = "batch"
"""The kind of the job that takes a batch's pictures; submitted when one is accepted."""
TELL = "batch-ended"
"""The kind of the job that tells that a batch is over; submitted when its last capture has ended."""
MAX_WAITING = 10_000
"""Captures of one account that may be accepted and not yet ended."""
MAX_WAITING_BYTES = 512 * 1024 * 1024
"""What all that they ask for may take in the index: a document may have 5 MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewItem:
    """A capture about to be accepted, or one whose fault was seen at once."""

    url: str
    sealed: bytes | None = field(repr=False)
    same_as: int | None = None
    fault: ItemFailure | None = None


@dataclass(frozen=True, slots=True)
class Once:
    """A name of the client's by which the same batch may be asked for again, and is accepted once."""

    token: str
    asked: str
    """Equal for two requests that ask for the very same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewBatch:
    """A batch about to be accepted."""

    id: str
    namespace: Namespace
    key_id: str
    weight: int
    concurrency: int
    items: Sequence[NewItem]
    webhook: bytes | None = field(repr=False)
    once: Once | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """A capture that is about to be made."""

    sealed: bytes = field(repr=False)
    tries: int
    """How often it has begun, this time included, and was not given back."""


class BatchLedger(Protocol):
    """Keeps batches and their items. Ours: sql.sqlite.batches. Methods raise StoreUnavailable.

    What is sealed is erased in the very transaction that ends what it belongs to. A batch that is not over
    has a job RUN that is alive: if that dies, all that is pending ends as GivenUp in the same transaction.
    """

    async def accept(self, new: NewBatch, now: datetime) -> Batch:
        """Keep a batch and submit its job RUN, both or neither; it survives a power cut on return.

        A batch of which every item is faulty is over at once, which is told like any other end.
        One whose name was given in the last 24 hours is not accepted again: returns what was accepted then.

        Raises IdempotencyMismatch if that was something else; QueueFull if more than MAX_WAITING captures of
        the account would wait, or if what they ask for would take more than MAX_WAITING_BYTES.
        """
        ...

    async def find(self, batch_id: str) -> Batch | None:
        """Return a batch with all of its items in order. Never suspends."""
        ...

    async def begin(self, batch_id: str) -> Batch | None:
        """Note that somebody is at it, and return it; None if there is none."""
        ...

    async def begin_item(self, batch_id: str, position: int) -> Begun | None:
        """Count one more try; None if the item is not pending."""
        ...

    async def give_back(self, batch_id: str, position: int) -> None:
        """Count one try less: it was let go, and the process lives. What is not pending stays."""
        ...

    async def end_item(self, batch_id: str, position: int, outcome: Outcome, now: datetime) -> bool:
        """Note what became of an item, and of those that are the same; False if it was not pending.

        With the last item the batch is over, and its job TELL is submitted, in the same
        transaction. It survives a power cut on return.
        """
        ...

    async def cancel(self, batch_id: str, now: datetime) -> None:
        """End all that is pending, and the batch with it; nothing happens to one that is over."""
        ...

    async def told(self, batch_id: str) -> None:
        """Erase the webhook: it has been told."""
        ...

    async def forget(self, before: datetime, limit: int) -> int:
        """Forget up to limit batches that were over before that moment; return how many they were."""
        ...


class Completions(Protocol):
    """Who is told that accepted work is over."""

    async def ended(self, batch: Batch, webhook: Webhook | None) -> None:
        """Take note that batch is over, whatever became of it; durable on return.

        Called for each batch once, and again only if the process died before the first call was noted, so
        it must be idempotent by the batch's id. webhook is the request's own, and erased afterwards.
        What it raises has it called again later, as jobs are.
        """
        ...
