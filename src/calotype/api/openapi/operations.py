"""Every operation of the interface: what it takes, and every way in which it may answer.

The router has the same ones; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import msgspec

from calotype.access.hosts import HostNotAllowed
from calotype.access.keys import Unauthorized
from calotype.access.limits import QuotaExceeded, RateLimited
from calotype.api.listing import DEFAULT_LIMIT, MAX_LIMIT, MAX_PURGES
from calotype.api.openapi.headers import OF_A_PICTURE, OF_A_READ
from calotype.api.openapi.options import query_fields
from calotype.api.problems import (
    BodyTooLarge,
    HeadTooLarge,
    PresetNotFound,
    RangeNotSatisfiable,
    TooManyStreams,
)
from calotype.batches.errors import BatchNotFound
from calotype.cache.entry import MAX_ADDRESS_BYTES
from calotype.cache.errors import (
    EntryNotFound,
    IdempotencyMismatch,
    NotCached,
    PreconditionFailed,
    PurgeNotFound,
    StoreUnavailable,
)
from calotype.capture.errors import (
    CaptureError,
    InvalidRequest,
    PageNotFound,
    QueueFull,
    RenderTimeout,
    TargetForbidden,
)
from calotype.capture.output import ImageFormat
from calotype.capture.survey import Schema
from calotype.errors import CalotypeError
from calotype.webhooks.errors import WebhookForbidden
from calotype.wire.replies import (
    BatchReply,
    CacheList,
    DeleteReply,
    DeviceList,
    DeviceReply,
    EntryReply,
    JobReply,
    LoggedPurgeReply,
    PresetList,
    PresetReply,
    PurgeList,
    PurgeReply,
    ReadyReply,
    ShotReply,
    UsageReply,
    VersionReply,
)

Wire = type[msgspec.Struct]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One way to answer well."""

    meaning: str
    json: tuple[Wire | tuple[Wire], ...] = ()
    """The shapes that it has in JSON, any of them; in a tuple, a list of such."""
    media: tuple[str, ...] = ()
    """What else it may be."""
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A method on a path."""

    method: str
    path: str
    id: str
    summary: str
    tag: str
    answers: Mapping[int, Answer]
    faults: tuple[type[CalotypeError], ...] = ()
    """What else it may answer, beside what every operation may."""
    keyed: bool = True
    """Whether it wants a key."""
    heads: bool = True
    """Whether, of a GET, HEAD is answered too."""
    signable: bool = False
    """Whether a signature will do instead."""
    parts: Mapping[str, Schema] = field(default_factory=dict)
    """Parts of the path, by name."""
    query: Mapping[str, Schema] = field(default_factory=dict)
    headers: tuple[str, ...] = ()
    """Request headers that it reads."""
    body: str | None = None
    """Name of the schema of its body."""

    @property
    def every_fault(self) -> tuple[type[CalotypeError], ...]:
        """All errors that it may answer with."""
        keyed = (Unauthorized, RateLimited, StoreUnavailable) if self.keyed else ()
        return (*self.faults, *keyed, InvalidRequest, HeadTooLarge, CalotypeError)


PICTURES = tuple(picture.media_type for picture in ImageFormat)
_KEY: Schema = {
    "type": "string",
    "minLength": 1,
    "maxLength": MAX_ADDRESS_BYTES,
    "format": "cache-key",
    "description": "The key, as X-Cache-Key told it; it may have slashes, as they are or as %2F.",
}
_STRICT: Schema = {
    "type": "string",
    "enum": ["", "1", "true", "0", "false"],
    "description": "1: unknown options are refused instead of ignored.",
}
_TEXT: Schema = {"type": "string", "minLength": 1}
_CURSOR: Schema = {"type": "string", "description": "Where the page before has ended, as it told."}
_CAPTURE_FAULTS = (
    TargetForbidden, QuotaExceeded, PageNotFound, RenderTimeout, CaptureError, QueueFull, NotCached,
)  # fmt: skip
_READ_FAULTS = (PreconditionFailed, RangeNotSatisfiable)
_TOLD = (
    "The picture; or all that is known of it, with response_type json, or Accept: application/json. "
    "X-Cache-Status says whether it was stored."
)


_PROMISED = "With async, or a webhook: it will be taken, and is asked for under this id."


def _limit(most: int) -> Schema:
    return {"type": "integer", "minimum": 1, "maximum": most, "default": min(DEFAULT_LIMIT, most)}


def _read_answers(*more: Wire) -> dict[int, Answer]:
    """Return how a stored picture may be answered with."""
    return {
        200: Answer(meaning="The picture.", json=more, media=PICTURES, headers=OF_A_PICTURE),
        206: Answer(meaning="A part of it.", media=PICTURES, headers=(*OF_A_PICTURE, "Content-Range")),
        304: Answer(meaning="It has not changed.", headers=OF_A_PICTURE),
    }


def operations() -> tuple[Operation, ...]:
    """Return all of them, in the order in which they are told."""
    return (*_captures(), *_batches(), *_cache(), *_lists(), *_catalogue(), *_usage(), *_about())


def _captures() -> tuple[Operation, ...]:
    return (
        Operation(
            method="POST", path="/v1/screenshot", id="takeScreenshot", tag="captures",
            summary="Take a picture, or have the stored one.",
            query={"strict": _STRICT}, body="CaptureRequest",
            headers=("Cache-Control", "Calotype-Strict", "Idempotency-Key"),
            answers={
                200: Answer(meaning=_TOLD, json=(ShotReply,), media=PICTURES, headers=OF_A_PICTURE),
                202: Answer(meaning=_PROMISED, json=(JobReply,), headers=("Location", "Calotype-Ignored")),
            },
            faults=(*_CAPTURE_FAULTS, WebhookForbidden, BodyTooLarge, IdempotencyMismatch),
        ),
        Operation(
            method="GET", path="/v1/screenshot", id="getScreenshot", tag="captures",
            summary="The same, with the options as query parameters.",
            query={**query_fields(), "strict": _STRICT},
            headers=("Cache-Control", "Calotype-Strict", *OF_A_READ),
            answers=_read_answers(ShotReply),
            faults=(*_CAPTURE_FAULTS, *_READ_FAULTS, HostNotAllowed),
            signable=True, heads=False,
        ),
    )  # fmt: skip


def _batches() -> tuple[Operation, ...]:
    asked = ("Location", "Calotype-Ignored")
    batch = {200: Answer(meaning="The batch.", json=(BatchReply,))}
    get = Operation(
        method="GET", path="/v1/batch/{batch_id}", id="getBatch", tag="batches",
        summary="What has become of each capture of a batch.", parts={"batch_id": _TEXT},
        answers=batch, faults=(BatchNotFound,),
    )  # fmt: skip
    delete = replace(get, method="DELETE", id="cancelBatch", summary="Let go of what is pending in a batch.")
    events = replace(
        get, path="/v1/batch/{batch_id}/events", id="followBatch", heads=False,
        summary="Each capture of a batch when it ends, as server-sent events, and then the batch's end.",
        answers={200: Answer(meaning="Events.", media=("text/event-stream",))},
        faults=(BatchNotFound, TooManyStreams),
    )  # fmt: skip
    job = {200: Answer(meaning="The capture.", json=(JobReply,))}
    get_job = replace(
        get, path="/v1/jobs/{batch_id}", id="getJob", answers=job,
        summary="What has become of a capture that was not waited for.",
    )  # fmt: skip
    return (
        Operation(
            method="POST", path="/v1/batch", id="takeBatch", tag="batches",
            summary="Take many pictures under one id.", query={"strict": _STRICT},
            headers=("Calotype-Strict", "Idempotency-Key"), body="BatchRequest",
            answers={
                200: Answer(meaning="The batch, which was waited for.", json=(BatchReply,), headers=asked),
                202: Answer(meaning="It is accepted, and goes on.", json=(BatchReply,), headers=asked),
            },
            faults=(WebhookForbidden, QueueFull, BodyTooLarge, IdempotencyMismatch),
        ),
        get,
        delete,
        events,
        *(
            replace(one, path=one.path.replace("/batch/", "/batches/"), id=f"{one.id}Too")
            for one in (get, delete, events)
        ),
        get_job,
        replace(
            get_job, method="DELETE", id="cancelJob",
            summary="Let go of a capture that was not waited for, if it has not ended.",
        ),
    )  # fmt: skip


def _cache() -> tuple[Operation, ...]:
    get, delete, *others = _cache_by_key()
    # A key may be called purge, or purges, or be the id of one: methods that mean no purge mean the key.
    purge, purges, of_purge = "/v1/cache/purge", "/v1/cache/purges", "/v1/cache/purge/{purge_id}"
    return (
        get,
        delete,
        *others,
        replace(get, path=purge, parts={}, id="getCachedPurge", summary="The picture whose key is purge."),
        replace(delete, path=purge, parts={}, id="deleteCachedPurge", summary="Let go of the key purge."),
        replace(delete, path=purges, parts={}, id="deleteCachedPurges", summary="Let go of the key purges."),
        replace(
            delete, path=of_purge, parts={"purge_id": _TEXT}, id="deleteCachedPurgeId",
            summary="Let go of the key that begins with purge/.",
        ),
    )  # fmt: skip


def _cache_by_key() -> tuple[Operation, ...]:
    meta: Schema = {
        "type": "string",
        "enum": ["", "1", "true", "0", "false"],
        "description": "1: what is known of the entry, in JSON, instead of its bytes.",
    }
    return (
        Operation(
            method="GET", path="/v1/cache/{key}", id="getCached", tag="cache",
            summary="A stored picture; never renders.",
            parts={"key": _KEY}, query={"meta": meta}, headers=OF_A_READ,
            answers=_read_answers(EntryReply), faults=(EntryNotFound, *_READ_FAULTS),
        ),
        Operation(
            method="DELETE", path="/v1/cache/{key}", id="deleteCached", tag="cache",
            summary="Let go of one entry.",
            parts={"key": _KEY}, headers=("If-Match", "If-Unmodified-Since"),
            answers={
                200: Answer(
                    meaning="It is gone; or, to clients that raise on 404, it was not there.",
                    json=(DeleteReply,),
                )
            },
            faults=(EntryNotFound, PreconditionFailed),
        ),
        Operation(
            method="POST", path="/v1/cache/purge", id="purge", tag="cache",
            summary="Let go of everything that passes all given filters.",
            headers=("Idempotency-Key",), body="PurgeRequest",
            answers={200: Answer(meaning="What it did; it is effective.", json=(PurgeReply,))},
            faults=(BodyTooLarge, IdempotencyMismatch),
        ),
        Operation(
            method="GET", path="/screenshots/{path}", id="getPublic", tag="cache", keyed=False,
            summary="A stored picture, for whoever has its X-Cache-URL.",
            parts={"path": {"type": "string", "minLength": 1, "format": "public-path"}}, headers=OF_A_READ,
            answers=_read_answers(), faults=(EntryNotFound, StoreUnavailable, *_READ_FAULTS),
        ),
    )  # fmt: skip


def _lists() -> tuple[Operation, ...]:
    texts: Schema = {"type": "array", "items": _TEXT}
    filters = {
        "keys": texts, "tags": texts, "pattern": _TEXT, "url": _TEXT, "before": _TEXT,
        "stale": {
            "type": "string", "enum": ["", "1", "true", "0", "false"],
            "description": "1: with what is past its time and may yet stand in.",
        },
    }  # fmt: skip
    return (
        Operation(
            method="GET", path="/v1/cache", id="listCache", tag="cache",
            summary="What is in the cache, newest first, narrowed by the filters of a purge.",
            query={**filters, "limit": _limit(MAX_LIMIT), "cursor": _CURSOR},
            answers={200: Answer(meaning="A page of it.", json=(CacheList,))},
        ),
        Operation(
            method="GET", path="/v1/cache/purges", id="listPurges", tag="cache",
            summary="What was purged and deleted, newest first.",
            query={"limit": _limit(MAX_PURGES), "cursor": _CURSOR},
            answers={200: Answer(meaning="A page of it.", json=(PurgeList,))},
        ),
        Operation(
            method="GET", path="/v1/cache/purge/{purge_id}", id="getPurge", tag="cache",
            summary="What a purge asked for, and how far it has come.",
            parts={"purge_id": _TEXT},
            answers={200: Answer(meaning="The purge.", json=(LoggedPurgeReply,))}, faults=(PurgeNotFound,),
        ),
    )  # fmt: skip


def _catalogue() -> tuple[Operation, ...]:
    return (
        Operation(
            method="GET", path="/v1/presets", id="listPresets", tag="catalogue", summary="The presets.",
            answers={200: Answer(meaning=_AS_READ, json=(PresetList, (PresetReply,)))},
        ),
        Operation(
            method="GET", path="/v1/presets/{preset_id}", id="getPreset", tag="catalogue",
            summary="One preset.", parts={"preset_id": _TEXT},
            answers={200: Answer(meaning="The preset.", json=(PresetReply,))}, faults=(PresetNotFound,),
        ),
        Operation(
            method="GET", path="/v1/devices", id="listDevices", tag="catalogue", summary="The devices.",
            answers={200: Answer(meaning=_AS_READ, json=(DeviceList, (DeviceReply,)))},
        ),
    )  # fmt: skip


def _usage() -> tuple[Operation, ...]:
    return (
        Operation(
            method="GET", path="/v1/usage", id="getUsage", tag="usage",
            summary="What the key has used of its month, and what it may ask for.",
            answers={200: Answer(meaning="The month so far.", json=(UsageReply,))},
        ),
    )  # fmt: skip


_AS_READ = "By its name, or bare, as the client reads it, whose User-Agent tells."


def _about() -> tuple[Operation, ...]:
    return (
        Operation(
            method="GET", path="/healthz", id="healthz", tag="about", keyed=False,
            summary="Does the process live?",
            answers={200: Answer(meaning="It does.", media=("text/plain",))},
        ),
        Operation(
            method="GET", path="/readyz", id="readyz", tag="about", keyed=False,
            summary="Does what the server stands on work?",
            answers={
                200: Answer(meaning="It does.", json=(ReadyReply,)),
                503: Answer(meaning="Something does not.", json=(ReadyReply,), headers=("Retry-After",)),
            },
        ),
        Operation(
            method="GET", path="/version", id="version", tag="about", keyed=False, summary="Who answers.",
            answers={200: Answer(meaning="Name and version.", json=(VersionReply,))},
        ),
        Operation(
            method="GET", path="/openapi.json", id="openapi", tag="about", keyed=False,
            summary="This document.",
            answers={200: Answer(meaning="OpenAPI 3.1.", media=("application/json",))},
        ),
        Operation(
            method="GET", path="/docs", id="docs", tag="about", keyed=False,
            summary="This document, for people.",
            answers={200: Answer(meaning="HTML.", media=("text/html",))},
        ),
    )  # fmt: skip
