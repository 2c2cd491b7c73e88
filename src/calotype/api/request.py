"""Reading a request: who calls, the JSON body within its bounds, the parameters, the request's id."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

import msgspec
from starlette.requests import Request
from starlette.types import Scope

from calotype.access.authenticator import Authenticator, bearer
from calotype.api.dialects.families import Family, family_of
from calotype.api.problems import BodyTooLarge
from calotype.api.respond import CONDITIONS
from calotype.cache.entry import Mode, Namespace
from calotype.capture.errors import InvalidRequest
from calotype.capture.parse import MAX_HTML_BYTES

MAX_BODY_BYTES = 1024 * 1024
_MAX_HTML_BODY_BYTES = MAX_HTML_BYTES + MAX_BODY_BYTES
"""html may fill its own bound, and JSON's escapes and the other options come on top."""
_REQUEST_ID = "calotype.request_id"


def new_request_id() -> str:
    """Return an id for a request: `req_` and 16 hex digits."""
    return f"req_{secrets.token_hex(8)}"


def set_request_id(scope: Scope, request_id: str) -> None:
    """Give the request its id, for everybody who looks at scope."""
    scope[_REQUEST_ID] = request_id


def request_id_of(scope: Scope) -> str:
    """Return the request's id."""
    return str(scope.get(_REQUEST_ID, "req_unknown"))


async def caller_namespace(request: Request, authenticator: Authenticator) -> Namespace:
    """Return the namespace of whoever calls. Raises Unauthorized or InvalidKey."""
    secret = bearer(request.headers.get("authorization")) or request.query_params.get("api_key")
    caller = await authenticator.authenticate(secret)
    return Namespace(caller.account, Mode(caller.mode))


def client_family(request: Request) -> Family:
    """Return the family that the client belongs to."""
    return family_of(request.headers.get("user-agent", ""))


def conditions_of(headers: list[tuple[bytes, bytes]]) -> dict[bytes, str]:
    """Return the conditional and range headers; usually there are none."""
    return {name: value.decode("latin-1") for name, value in headers if name in CONDITIONS}


async def json_object(request: Request) -> dict[str, object]:
    """Return the body, a JSON object.

    Raises InvalidRequest when it is none, BodyTooLarge beyond 1 MiB, or 6 MiB with html.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MAX_HTML_BODY_BYTES:
            message = f"The body is larger than {_MAX_HTML_BODY_BYTES} bytes."
            raise BodyTooLarge(message)
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise InvalidRequest("body", f"is not JSON ({exc})", "send a JSON object") from exc
    if not isinstance(value, dict):
        raise InvalidRequest(
            "body", "is no JSON object", 'send an object such as {"url": "https://example.com"}'
        )
    if len(body) > MAX_BODY_BYTES and "html" not in value:
        message = f"The body is larger than {MAX_BODY_BYTES} bytes."
        raise BodyTooLarge(message)
    return value


def wants_json(response_type: object, accept: str) -> bool:
    """Say whether the reply is JSON: by response_type, or, without it, if Accept names JSON."""
    if response_type is None:
        return "application/json" in accept.lower()
    if response_type not in ("json", "binary"):
        raise InvalidRequest("response_type", f"is {response_type!r}", "it is json or binary")
    return response_type == "json"


def flag(parameters: Mapping[str, str], headers: Mapping[str, str], name: str, header: str) -> bool:
    """Say whether a switch is on, by query parameter or header."""
    return parameters.get(name) in ("1", "true", "") or headers.get(header) in ("1", "true")
