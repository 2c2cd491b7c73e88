"""Reading a request: who calls, the JSON body within its bounds, the parameters, the request's id."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Coroutine, Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import ClientDisconnect, Request
from starlette.types import Scope

from calotype.access.authenticator import Authenticator, bearer
from calotype.access.keys import Caller
from calotype.access.limits import NO_LIMIT, Rate, RateLimited, next_minute
from calotype.api.dialects.families import Family, family_of
from calotype.api.problems import BodyTooLarge
from calotype.api.respond import CONDITIONS, Header, rate_headers
from calotype.cache.entry import Mode, Namespace
from calotype.cache.purge import MAX_TOKEN
from calotype.capture.errors import InvalidRequest
from calotype.capture.fields import shown
from calotype.capture.parse_target import MAX_DOCUMENT_BYTES

T = TypeVar("T")

MAX_BODY_BYTES = 1024 * 1024
_MAX_DOCUMENT_BODY_BYTES = MAX_DOCUMENT_BYTES + MAX_BODY_BYTES
"""A document may fill its own bound, and JSON's escapes and the other options come on top."""
_DOCUMENTS = {"html", "markdown"}
_ID_BYTES = 8
_chance: list[str] = []
_IDEMPOTENCY_KEY = re.compile(rf"[\x20-\x7e]{{1,{MAX_TOKEN}}}")
_ON, _OFF = ("1", "true", ""), ("0", "false")
_REQUEST_ID, _CALLER, _RATE = "calotype.request_id", "calotype.caller", "calotype.rate"


def new_request_id() -> str:
    """Return an id for a request: `req_` and 16 hex digits."""
    # A system call for every request would cost more than all else about its id.
    if not _chance:
        some = secrets.token_hex(256 * _ID_BYTES)
        _chance.extend(some[at : at + 2 * _ID_BYTES] for at in range(0, len(some), 2 * _ID_BYTES))
    return f"req_{_chance.pop()}"


def set_request_id(scope: Scope, request_id: str) -> None:
    """Give the request its id, for everybody who looks at scope."""
    scope[_REQUEST_ID] = request_id


def request_id_of(scope: Scope) -> str:
    """Return the request's id."""
    return str(scope.get(_REQUEST_ID, "req_unknown"))


async def caller_namespace(scope: Scope, authenticator: Authenticator) -> Namespace:
    """Return the namespace of whoever calls. Raises as caller_of does."""
    return namespace_of(await caller_of(scope, authenticator))


async def caller_and_key(scope: Scope, authenticator: Authenticator) -> tuple[Namespace, str]:
    """Return the namespace of whoever calls, and the id of the key. Raises as caller_of does."""
    caller = await caller_of(scope, authenticator)
    return namespace_of(caller), caller.key_id


async def caller_of(scope: Scope, authenticator: Authenticator) -> Caller:
    """Return who calls, and count the request. Raises Unauthorized, InvalidKey or RateLimited."""
    caller: Caller | None = scope.get(_CALLER)
    if caller is None:
        caller = await authenticator.authenticate(_secret(scope))
        await count(scope, authenticator, caller)
    return caller


async def count(scope: Scope, authenticator: Authenticator, caller: Caller) -> None:
    """Count the request, once, as one of caller's, if it has a limit. Raises RateLimited."""
    if caller.limits.requests_per_minute is not None:
        try:
            scope[_RATE] = await authenticator.quotas.admit(caller)
        except RateLimited as exc:
            scope[_RATE] = exc.rate
            raise
    # The gate and the router behind it both ask; one request is one.
    scope[_CALLER] = caller


def rate_of(scope: Mapping[str, Any], now: datetime) -> tuple[Header, ...]:
    """Return the headers that tell how the caller of a request stands with its limit."""
    rate: Rate | None = scope.get(_RATE)
    if rate is None:
        return rate_headers(NO_LIMIT, NO_LIMIT, next_minute(now))
    return rate_headers(rate.limit, rate.remaining, rate.reset)


def limited_caller_of(scope: Mapping[str, Any]) -> Caller | None:
    """Return whose request it is, if each one has to be counted."""
    caller: Caller | None = scope.get(_CALLER)
    return None if caller is None or caller.limits.requests_per_minute is None else caller


def namespace_of(caller: Caller) -> Namespace:
    """Return the namespace of caller."""
    return _namespace(caller.account, caller.mode)


@lru_cache(1024)
def _namespace(account: int, mode: str) -> Namespace:
    return Namespace(account, Mode(mode))


def _secret(scope: Scope) -> str | None:
    """Return the key in the Authorization header, or else the last api_key of the query."""
    secret = bearer(header_of(scope, b"authorization"))
    if secret or not scope["query_string"]:
        return secret
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    return dict(pairs).get("api_key")


def header_of(scope: Scope, wanted: bytes) -> str | None:
    """Return the first header of that name, which is written in lower case."""
    for name, value in scope["headers"]:
        if name == wanted:
            text: str = value.decode("latin-1")
            return text
    return None


def client_family(request: Request) -> Family:
    """Return the family that the client belongs to."""
    return family_of(request.headers.get("user-agent", ""))


def conditions_of(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, str]:
    """Return the conditional and range headers; usually there are none.

    A header that comes in several lines is one list (RFC 9110 section 5.3).
    """
    conditions: dict[bytes, str] = {}
    for name, value in headers:
        if name in CONDITIONS:
            text = value.decode("latin-1")
            conditions[name] = f"{conditions[name]}, {text}" if name in conditions else text
    return conditions


def wants_description(scope: Scope) -> bool:
    """Say whether an entry is to be told in JSON instead of sent: ?meta=1. Raises InvalidRequest."""
    if not scope["query_string"]:
        return False
    return is_on(QueryParams(scope["query_string"]).get("meta"), "meta")


async def json_object(request: Request) -> dict[str, object]:
    """Return the body, a JSON object.

    Raises InvalidRequest when it is none, BodyTooLarge beyond 1 MiB, or 6 MiB with a document.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_DOCUMENT_BODY_BYTES:
            raise BodyTooLarge(_MAX_DOCUMENT_BODY_BYTES)
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise InvalidRequest("body", f"cannot be read as JSON ({exc})", "send a JSON object") from exc
    if not isinstance(value, dict):
        raise InvalidRequest(
            "body", "is no JSON object", 'send an object such as {"url": "https://example.com"}'
        )
    if len(body) > MAX_BODY_BYTES and not _DOCUMENTS & value.keys():
        raise BodyTooLarge(MAX_BODY_BYTES)
    return value


def wants_json(response_type: object, accept: str) -> bool:
    """Say whether the reply is JSON: by response_type, or, without it, if Accept names JSON."""
    if response_type is None:
        return "application/json" in accept.lower()
    if response_type not in ("json", "binary"):
        raise InvalidRequest("response_type", f"is {shown(response_type)}", "it must be json or binary")
    return response_type == "json"


def wants_only_cached(cache_control: Iterable[str]) -> bool:
    """Say whether Cache-Control, in however many lines, asks for a stored answer or none."""
    directives = ",".join(cache_control).lower().split(",")
    return any(directive.strip() == "only-if-cached" for directive in directives)


def is_on(text: str | None, name: str) -> bool:
    """Say whether a switch is on; a bare name is. Raises InvalidRequest naming it."""
    if text is None or text.lower() in _OFF:
        return False
    if text.lower() in _ON:
        return True
    raise InvalidRequest(name, f"is {shown(text)}", "write 1 or true, 0 or false, or the bare name")


def is_strict(request: Request) -> bool:
    """Say whether a field that means nothing to us is an error of this caller's."""
    strict = is_on(request.query_params.get("strict"), "strict")
    return is_on(request.headers.get("calotype-strict"), "Calotype-Strict") or strict


def idempotency_key(request: Request) -> str | None:
    """Return the name by which a client may send this request again. Raises InvalidRequest."""
    key = request.headers.get("idempotency-key")
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise InvalidRequest(
            "Idempotency-Key", "cannot be used", f"give 1 to {MAX_TOKEN} visible ASCII characters"
        )
    return key


async def unless_hung_up(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Return what work gives, or stop it when the client hangs up first.

    Nobody is left to read the answer then, and a render has better uses. Raises ClientDisconnect.
    """
    working, waiting = asyncio.create_task(work), asyncio.create_task(_hung_up(request))
    try:
        await asyncio.wait([working, waiting], return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientDisconnect
        return working.result()
    finally:
        working.cancel()
        waiting.cancel()
        await asyncio.wait([working, waiting])


async def _hung_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass  # what is left of a body that a GET may have
