"""What is sent: one body that every client's parser reads, whichever generation it is of.

An account's own endpoint is spoken to as the service's newer documentation has it, a webhook
that a request names as the older has it. The two differ in one field only: `data.error` is a text
in the one and an object in the other. All other fields of both stand side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec

from calotype.clock import iso_seconds
from calotype.errors import CalotypeError


class EventKind(StrEnum):
    """What has happened."""

    SCREENSHOT_COMPLETED = "screenshot.completed"
    SCREENSHOT_FAILED = "screenshot.failed"
    BATCH_COMPLETED = "batch.completed"
    BATCH_FAILED = "batch.failed"


class Form(StrEnum):
    """Where an event goes."""

    ACCOUNT = "account"
    """To the endpoint that is set for the account."""
    REQUEST = "request"
    """To the webhook that the request named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictured:
    """A picture that was made, or was there already."""

    url: str
    """The page's, without credentials."""
    picture_url: str | None
    """None for one that no URL leads to, since it was not stored."""
    width_px: int
    height_px: int
    size_bytes: int
    format: str
    cached: bool
    credits: int
    """What it cost."""
    key: str
    expires_at: datetime | None
    title: str
    description: str

    def fields(self, _form: Form) -> dict[str, object]:
        """Return `data`."""
        expires_at = None if self.expires_at is None else iso_seconds(self.expires_at)
        shape = {
            "width": self.width_px,
            "height": self.height_px,
            "size": self.size_bytes,
            "format": self.format,
        }
        return {
            "url": self.url,
            "screenshot_url": self.picture_url,
            **shape,
            "cached": self.cached,
            "image": {"url": self.picture_url, **shape},
            "cache": {"key": self.key, "url": self.picture_url, "expires_at": expires_at},
            "metadata": {"title": self.title, "description": self.description},
            # What remains has changed by the time that this is read: `/v1/usage` tells it.
            "usage": {"credits": self.credits},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NotPictured:
    """Why there is no picture."""

    url: str
    """The page's, without credentials."""
    code: str
    message: str
    retryable: bool

    def fields(self, form: Form) -> dict[str, object]:
        """Return `data`; the object is in `failure` for everybody."""
        failure = {
            "type": CalotypeError.code if self.code == CalotypeError.code else "target_error",
            "code": self.code,
            "message": self.message,
            "retryable": self.retryable,
        }
        error: object = self.message if form is Form.ACCOUNT else failure
        return {"url": self.url, "error": error, "failure": failure}


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What has become of a batch."""

    status: str
    total: int
    completed: int
    failed: int
    results_url: str

    def fields(self, _form: Form) -> dict[str, object]:
        """Return `data`."""
        summary = {"total": self.total, "completed": self.completed, "failed": self.failed}
        return {"summary": summary, "results_url": self.results_url, "status": self.status}


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that has happened, and what is told of it."""

    kind: EventKind
    subject: str
    """The id of what it happened to: `req_...`, `job_...` or `batch_...`."""
    at: datetime
    about: Pictured | NotPictured | Counted
    test: bool = False
    """Whether nothing has happened, and somebody only tries whether it arrives."""

    def body(self, form: Form) -> bytes:
        """Return the JSON, in the very bytes that JavaScript makes of it when it has parsed it.

        Receivers in Node verify those, not the bytes that came.
        """
        at = iso_seconds(self.at)
        data = self.about.fields(form)
        if self.test:
            data["test"] = True
        # Parsers look for `event` and `timestamp`, or for `type` and `created_at`.
        envelope = {"event": self.kind.value, "id": self.subject, "timestamp": at, "data": data}
        return msgspec.json.encode({**envelope, "type": self.kind.value, "created_at": at})
