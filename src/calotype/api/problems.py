"""Error class -> status and JSON body, in one table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import msgspec
from starlette.responses import Response

from calotype.access.hosts import HostNotAllowed
from calotype.access.keys import Unauthorized
from calotype.access.limits import QuotaExceeded, RateLimited
from calotype.api.dialects.families import Family
from calotype.api.dialects.outbound import error_field, status_of_failed_render
from calotype.batches.errors import BatchNotFound
from calotype.cache.errors import (
    EntryNotFound,
    IdempotencyMismatch,
    NotCached,
    PreconditionFailed,
    PurgeNotFound,
    StoreUnavailable,
)
from calotype.cache.failure import REMEMBERED_FOR
from calotype.capture.errors import (
    CaptureError,
    InvalidRequest,
    InvalidUrl,
    MissingParameter,
    PageNotFound,
    QueueFull,
    RenderTimeout,
    TargetForbidden,
)
from calotype.errors import CalotypeError
from calotype.webhooks.errors import WebhookForbidden
from calotype.wire.replies import ErrorInfo, ErrorReply

_RETRY_S = 2


class BodyTooLarge(InvalidRequest):
    """The request's body is larger than what any valid request needs."""

    code = "body_too_large"

    def __init__(self, max_bytes: int) -> None:
        super().__init__(
            "body",
            f"has more than {max_bytes} bytes",
            "it may have 1 MiB, and with html or markdown another 5 MiB",
        )


class HeadTooLarge(CalotypeError):
    """Request line and headers are longer than those of any valid request."""

    code = "head_too_large"

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"The request's line and headers have more than {max_bytes} bytes.")


class NotHttp(CalotypeError):
    """What was received is no HTTP request."""

    code = "invalid_request"


class RangeNotSatisfiable(CalotypeError):
    """The range begins where the picture has ended already."""

    code = "range_not_satisfiable"

    def __init__(self, size_bytes: int) -> None:
        super().__init__(f"The screenshot has {size_bytes} bytes, and none of those asked for.")
        self.size_bytes = size_bytes


class RouteNotFound(CalotypeError):
    """No such route."""

    code = "not_found"


class PresetNotFound(CalotypeError):
    """No preset of that name."""

    code = "not_found"

    def __init__(self, preset_id: str) -> None:
        super().__init__("There is no such preset; GET /v1/presets lists them.")
        self.preset_id = preset_id


class TooManyStreams(CalotypeError):
    """Too many callers follow batches already."""

    code = "rate_limited"
    retryable = True
    hint = "Ask with GET /v1/batch/{id} now and then instead."

    def __init__(self, streams: int, whose: str = "this server") -> None:
        super().__init__(f"{streams} callers follow batches of {whose} as events already.")


class MethodNotAllowed(CalotypeError):
    """The route knows other methods; the Allow header names them."""

    code = "method_not_allowed"


@dataclass(frozen=True, slots=True)
class Row:
    """How a class of errors is told; to some clients with another status."""

    status: int
    code: str
    """The top-level code: always a word that every client knows."""
    type: str


_TABLE: list[tuple[type[CalotypeError], Row]] = [
    (NotHttp, Row(400, "invalid_request", "invalid_request_error")),
    (HeadTooLarge, Row(431, "invalid_request", "invalid_request_error")),
    (BodyTooLarge, Row(413, "invalid_request", "invalid_request_error")),
    (InvalidUrl, Row(400, "invalid_url", "invalid_request_error")),
    (MissingParameter, Row(400, "invalid_request", "invalid_request_error")),
    (InvalidRequest, Row(400, "invalid_request", "invalid_request_error")),
    (Unauthorized, Row(401, "unauthorized", "authentication_error")),
    (HostNotAllowed, Row(403, "forbidden", "permission_error")),
    (TargetForbidden, Row(403, "forbidden", "target_error")),
    (WebhookForbidden, Row(403, "forbidden", "invalid_request_error")),
    (PageNotFound, Row(404, "not_found", "target_error")),
    (EntryNotFound, Row(404, "not_found", "not_found_error")),
    (PurgeNotFound, Row(404, "not_found", "not_found_error")),
    (BatchNotFound, Row(404, "not_found", "not_found_error")),
    (PresetNotFound, Row(404, "not_found", "not_found_error")),
    (RouteNotFound, Row(404, "not_found", "not_found_error")),
    (MethodNotAllowed, Row(405, "invalid_request", "invalid_request_error")),
    (PreconditionFailed, Row(412, "invalid_request", "invalid_request_error")),
    (RangeNotSatisfiable, Row(416, "invalid_request", "invalid_request_error")),
    (IdempotencyMismatch, Row(422, "invalid_request", "invalid_request_error")),
    (RateLimited, Row(429, "rate_limited", "rate_limit_error")),
    (QuotaExceeded, Row(403, "forbidden", "quota_error")),
    (NotCached, Row(504, "not_found", "not_found_error")),
    (RenderTimeout, Row(408, "timeout", "target_error")),
    (CaptureError, Row(422, "render_failed", "target_error")),
    (QueueFull, Row(503, "rate_limited", "overloaded_error")),
    (TooManyStreams, Row(503, "rate_limited", "overloaded_error")),
    (StoreUnavailable, Row(503, "rate_limited", "overloaded_error")),
    (CalotypeError, Row(500, "internal_error", "internal_error")),
]
"""The first row whose class fits holds."""
_SAME_CODE_TWICE = {"timeout", "rate_limited", "render_failed", "internal_error"}
"""Clients decide on a retry by one of the two codes; for these they must not differ."""
_TOP_CODES = {kind.code: row.code for kind, row in reversed(_TABLE)}


def row_of(kind: type[CalotypeError]) -> Row:
    """Return how errors of a class are told."""
    return next(row for known, row in _TABLE if issubclass(kind, known))


def problem(
    exc: CalotypeError, request_id: str, family: Family, *, missed_key: str | None = None
) -> Response:
    """Return the reply that tells exc; missed_key is the address at which a DELETE found nothing."""
    row = row_of(type(exc))
    status = status_of_failed_render(family) if row.code == "render_failed" else row.status
    details: dict[str, str] = {}
    if isinstance(exc, InvalidRequest):
        details = {"field": exc.field, "problem": exc.problem, "remedy": exc.remedy}
    if isinstance(exc, RateLimited):
        # The documented word; in its own place it would make one client's newest version give up.
        details["code"] = exc.code
    if exc.hint:
        details["hint"] = exc.hint
    error = ErrorInfo(
        type=row.type,
        code=row.code if row.code in _SAME_CODE_TWICE else exc.code,
        message=str(exc),
        details=details,
        retryable=exc.retryable,
        request_id=request_id,
    )
    body = ErrorReply(
        error=error_field(error, family),
        code=row.code,
        message=error.message,
        request_id=request_id,
        deleted=msgspec.UNSET if missed_key is None else False,
        key=msgspec.UNSET if missed_key is None else missed_key,
    )
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        media_type="application/json",
        headers={"cache-control": "no-store", **_retry_after(exc), **_challenge(exc), **_size(exc)},
    )


def top_code(code: str) -> str:
    """Return the code that every client knows for an error's own."""
    return _TOP_CODES.get(code, "internal_error")


def fine_code(code: str) -> str:
    """Return the code that `error.code` has for an error's own."""
    top = top_code(code)
    return top if top in _SAME_CODE_TWICE else code


def _retry_after(exc: CalotypeError) -> dict[str, str]:
    if isinstance(exc, QueueFull | RateLimited):
        return {"retry-after": str(exc.retry_after_s)}
    if isinstance(exc, CaptureError) and exc.retryable:
        # Before that it would only be told what failed now (cache/failure.py).
        return {"retry-after": str(REMEMBERED_FOR // timedelta(seconds=1))}
    soon = isinstance(exc, StoreUnavailable | TooManyStreams)
    return {"retry-after": str(_RETRY_S)} if soon else {}


def _challenge(exc: CalotypeError) -> dict[str, str]:
    return {"www-authenticate": "Bearer"} if isinstance(exc, Unauthorized) else {}


def _size(exc: CalotypeError) -> dict[str, str]:
    return {"content-range": f"bytes */{exc.size_bytes}"} if isinstance(exc, RangeNotSatisfiable) else {}
