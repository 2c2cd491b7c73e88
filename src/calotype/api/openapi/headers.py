"""The headers of requests and replies, as the document tells of them."""

from __future__ import annotations

from calotype.capture.survey import Schema

REQUEST_ID = "X-Request-Id"


def _text(meaning: str, **schema: object) -> Schema:
    return {"description": meaning, "schema": {"type": "string", **schema}}


def _number(meaning: str) -> Schema:
    return {"description": meaning, "schema": {"type": "integer"}}


_MOMENT = {"pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"}

REPLY_HEADERS: dict[str, Schema] = {
    REQUEST_ID: _text("The request's id, which the log knows too.", pattern="^req_[0-9a-f]{16}$")
    | {"required": True},
    "X-RateLimit-Limit": _number("Requests a minute that the key may make; 2147483647 without a limit.")
    | {"required": True},
    "X-RateLimit-Remaining": _number("How many are left.") | {"required": True},
    "X-RateLimit-Reset": _number("Unix time at which they are counted anew.") | {"required": True},
    "ETag": _text("Made of the bytes and nothing else."),
    "Last-Modified": _text("When the capture began."),
    "Cache-Control": _text("Who may keep it, and how long."),
    "Cache-Status": _text("How the answer came about (RFC 9211)."),
    "X-Cache-Status": _text("The same in a word.", enum=["HIT", "MISS", "STALE"]),
    "X-Cache-Hit": _text("Whether it was stored already.", enum=["true", "false"]),
    "X-Cache-Key": _text("The key by which it can be had, deleted and purged."),
    "X-Cache-URL": _text("Its URL for everybody, without a key, until it expires or is purged."),
    "X-Cache-Expires": _text("When it expires, UTC.", **_MOMENT),
    "X-Storage-URL": _text("Where the copy in the account's own bucket is, or soon will be."),
    "X-Render-Time": _number("Milliseconds that the render took; only of a MISS."),
    "Server-Timing": _text("The same, the wait in the queue before it, and where the time went."),
    "Age": _number("Seconds since it was stored."),
    "Cache-Groups": _text("Its tags (RFC 9875)."),
    "Surrogate-Key": _text("Its tags, for caches in front."),
    "Calotype-Verdict": _text("What is amiss with the picture; absent if nothing is."),
    "Calotype-Ignored": _text("Options that mean nothing here."),
    "Content-Range": _text("Which bytes these are, or how many there are."),
    "Location": _text("Where to ask for it."),
    "Retry-After": _number("Seconds until it is worth to ask again."),
    "WWW-Authenticate": _text("How to say who asks."),
}
OF_EVERY_REPLY = (REQUEST_ID, "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
OF_A_PICTURE = (
    "ETag", "Last-Modified", "Cache-Control", "Cache-Status", "X-Cache-Status", "X-Cache-Hit", "X-Cache-Key",
    "X-Cache-URL", "X-Cache-Expires", "X-Storage-URL", "X-Render-Time", "Server-Timing", "Age",
    "Cache-Groups", "Surrogate-Key", "Calotype-Verdict", "Calotype-Ignored",
)  # fmt: skip

REQUEST_HEADERS: dict[str, Schema] = {
    "If-None-Match": _text("ETags; 304 if the picture has one of them."),
    "If-Modified-Since": _text("A date; 304 if the picture is not newer."),
    "If-Match": _text("ETags; 412 if the picture has none of them."),
    "If-Unmodified-Since": _text("A date; 412 if the picture is newer."),
    "Range": _text("The bytes that are wanted; 206, or 416 if there are none."),
    "If-Range": _text("An ETag or a date; Range counts only if it is the picture's."),
    "Cache-Control": _text("only-if-cached: take a hit, or 504."),
    "Calotype-Strict": _text(
        "1: unknown options are refused instead of ignored.", enum=["", "1", "true", "0", "false"]
    ),
    "Idempotency-Key": _text(
        "A name for this request: sent again it is answered and not done again.",
        minLength=1,
        maxLength=255,
        pattern=r"^[\x20-\x7e]+$",
    ),
}
OF_A_READ = ("If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since", "Range", "If-Range")
