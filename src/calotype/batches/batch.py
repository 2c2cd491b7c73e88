"""Batch: captures accepted under one id, and what has become of each."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from calotype.cache.entry import Namespace
from calotype.capture.errors import InvalidRequest
from calotype.errors import CalotypeError
from calotype.shots.shot import Served, Shot

MAX_ITEMS = 100
"""Captures of one batch, as the contract's plans have it."""


class Form(StrEnum):
    """What was asked for; its ids begin with it."""

    BATCH = "batch"
    JOB = "job"
    """One capture that is not waited for: a batch of one, told in another shape."""

    def new_id(self) -> str:
        """Return `batch_` or `job_` and 32 hex digits."""
        return f"{self}_{secrets.token_hex(16)}"


class BatchState(StrEnum):
    """How far a batch is."""

    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    """Over, with one picture at least."""
    FAILED = "failed"
    """Over, without any."""
    CANCELLED = "cancelled"
    """Over, because its caller said so: what was done until then stays."""

    @property
    def is_over(self) -> bool:
        """Whether nothing about it will change any more."""
        return self not in (BatchState.QUEUED, BatchState.PROCESSING)


class ItemState(StrEnum):
    """What has become of one capture."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemPicture:
    """A picture in the cache, as it was when the capture ended; it lives by its own ttl."""

    key: str
    path: str
    width_px: int
    height_px: int
    size_bytes: int
    format: str
    ttl_s: int
    expires_at: datetime
    hit: bool
    """Whether it was there already."""
    title: str
    description: str
    final_url: str | None
    http_status: int | None
    storage_path: str | None = None
    """Of the copy in the account's own bucket."""

    @classmethod
    def of(cls, shot: Shot) -> ItemPicture:
        """Return what is kept of a shot that its public URL leads to."""
        entry = shot.opened.entry
        return cls(
            key=entry.key,
            path=entry.path,
            width_px=entry.width_px,
            height_px=entry.height_px,
            size_bytes=entry.size_bytes,
            format=entry.format.value,
            ttl_s=entry.ttl_s,
            expires_at=entry.fresh_until,
            hit=shot.served is Served.HIT,
            title=entry.verdict.title,
            description=entry.verdict.description,
            final_url=entry.verdict.final_url,
            http_status=entry.verdict.http_status,
            storage_path=None if shot.copied_to is None else shot.copied_to.path,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFailure:
    """Why there is no picture: an error as it can be told later."""

    code: str
    message: str
    retryable: bool
    hint: str = ""
    field: str = ""
    problem: str = ""
    remedy: str = ""

    @classmethod
    def of(cls, exc: CalotypeError) -> ItemFailure:
        """Return what is told of exc."""
        field, problem, remedy = (
            (exc.field, exc.problem, exc.remedy) if isinstance(exc, InvalidRequest) else ("", "", "")
        )
        return cls(
            code=exc.code,
            message=str(exc),
            retryable=exc.retryable,
            hint=exc.hint,
            field=field,
            problem=problem,
            remedy=remedy,
        )


Outcome = ItemPicture | ItemFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchItem:
    """One of a batch's captures."""

    position: int
    url: str
    """As the client wrote it, but for credentials."""
    state: ItemState
    outcome: Outcome | None
    """None while it is pending, and of one that was cancelled."""
    ended_no: int
    """How many had ended when it had, itself included; 0 while it is pending."""
    same_as: int | None
    """The position of an earlier one that asks for the very same: both have its outcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What is known of a batch, but for what must be kept secret."""

    id: str
    namespace: Namespace
    key_id: str
    """The key that it was asked for with, whose limits it keeps."""
    state: BatchState
    weight: int
    """That key's."""
    concurrency: int
    created_at: datetime
    ended_at: datetime | None
    items: tuple[BatchItem, ...]
    webhook: bytes | None
    """Sealed; None if none was given, and once it has been told."""

    @property
    def completed(self) -> int:
        """How many pictures there are."""
        return sum(item.state is ItemState.COMPLETED for item in self.items)

    @property
    def failed(self) -> int:
        """How many have failed."""
        return sum(item.state is ItemState.FAILED for item in self.items)

    @property
    def ended(self) -> int:
        """How many have ended, one way or another."""
        return sum(item.state is not ItemState.PENDING for item in self.items)
