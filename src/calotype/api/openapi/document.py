"""Operations -> the OpenAPI 3.1 document."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from http import HTTPStatus
from typing import Any

import msgspec

from calotype import __version__
from calotype.access.keys import Unauthorized
from calotype.access.limits import RateLimited
from calotype.api.openapi.headers import OF_EVERY_REPLY, REPLY_HEADERS, REQUEST_HEADERS
from calotype.api.openapi.operations import Answer, Operation, Wire, operations
from calotype.api.openapi.options import batch_body, capture_body, purge_body
from calotype.api.problems import RangeNotSatisfiable, TooManyStreams, row_of
from calotype.cache.errors import StoreUnavailable
from calotype.capture.errors import CaptureError, QueueFull
from calotype.capture.survey import Schema
from calotype.errors import CalotypeError
from calotype.wire.replies import ErrorReply

API = "v1"
_REF = "#/components/schemas/{name}"
_ABOUT = (
    "Captures of web pages, taken once, served forever, forgotten on command. Errors have a top-level "
    "code that every client knows, and maybe a finer one inside of error."
)
_SECURITY: list[Schema] = [{"bearer": []}, {"apiKey": []}]
_SCHEMES: Schema = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key."},
    "apiKey": {"type": "apiKey", "in": "query", "name": "api_key", "description": "The same, in a link."},
    "signature": {
        "type": "apiKey",
        "in": "query",
        "name": "signature",
        "description": "Of the query, with expires and key_id in it: docs/signed-urls.md says how.",
    },
}
_HEADERS_OF_FAULTS: list[tuple[type[CalotypeError], str]] = [
    (Unauthorized, "WWW-Authenticate"),
    (RangeNotSatisfiable, "Content-Range"),
    (RateLimited, "Retry-After"),
    (CaptureError, "Retry-After"),
    (QueueFull, "Retry-After"),
    (TooManyStreams, "Retry-After"),
    (StoreUnavailable, "Retry-After"),
]
_TAGS = {
    "captures": "Taking pictures.",
    "batches": "Pictures that are fetched later: many under one id, or one that is not waited for.",
    "cache": "Having, listing, deleting and purging what is stored.",
    "catalogue": "The names that options may be given by.",
    "usage": "What keys may ask for, and have used.",
    "about": "The server itself; none of it wants a key.",
}


@cache
def document() -> Schema:
    """Return the document; it is the same for everybody, and nobody changes it."""
    paths: defaultdict[str, Schema] = defaultdict(dict)
    for operation in operations():
        paths[operation.path][operation.method.lower()] = _operation(operation)
        if operation.method == "GET" and operation.heads:
            paths[operation.path]["head"] = _head(_operation(operation))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Calotype",
            "version": __version__,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": meaning} for name, meaning in _TAGS.items()],
        "paths": dict(paths),
        "components": {
            "schemas": {
                "CaptureRequest": capture_body(),
                "BatchRequest": batch_body(),
                "PurgeRequest": purge_body(),
                **_wire_schemas(),
            },
            "headers": REPLY_HEADERS,
            "securitySchemes": _SCHEMES,
        },
    }


def _wire_schemas() -> Schema:
    told: set[Wire] = {ErrorReply}
    for operation in operations():
        for answer in operation.answers.values():
            told |= {shape[0] if isinstance(shape, tuple) else shape for shape in answer.json}
    by_name = sorted(told, key=lambda shape: shape.__name__)
    return msgspec.json.schema_components(by_name, ref_template=_REF)[1]


def _operation(operation: Operation) -> Schema:
    told: Schema = {
        "operationId": operation.id,
        "summary": operation.summary,
        "tags": [operation.tag],
        "security": _security(operation),
        "parameters": [
            *(_parameter(name, "path", schema) for name, schema in operation.parts.items()),
            *(_parameter(name, "query", schema) for name, schema in operation.query.items()),
            *({"name": name, "in": "header", **REQUEST_HEADERS[name]} for name in operation.headers),
        ],
        "responses": {
            **{str(status): _answer(answer) for status, answer in operation.answers.items()},
            **_faults(operation),
        },
    }
    if operation.body is not None:
        schema = {"$ref": _REF.format(name=operation.body)}
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return told


def _security(operation: Operation) -> list[Schema]:
    keys = _SECURITY if operation.keyed else []
    return [*keys, {"signature": []}] if operation.signable else keys


def _parameter(name: str, place: str, schema: Schema) -> Schema:
    own = {word: value for word, value in schema.items() if word != "description"}
    told: Schema = {"name": name, "in": place, "schema": own}
    if "description" in schema:
        told["description"] = schema["description"]
    if place == "path":
        told["required"] = True
    return told


def _answer(answer: Answer) -> Schema:
    told: Schema = {"description": answer.meaning, "headers": _headers(answer.headers)}
    content: Schema = {media: {} for media in answer.media}
    shapes = [_shape(shape) for shape in answer.json]
    if shapes:
        content["application/json"] = {"schema": shapes[0] if len(shapes) == 1 else {"anyOf": shapes}}
    return told | ({"content": content} if content else {})


def _shape(shape: Wire | tuple[Wire]) -> Schema:
    if isinstance(shape, tuple):
        return {"type": "array", "items": _shape(shape[0])}
    return {"$ref": _REF.format(name=shape.__name__)}


def _headers(names: Iterable[str]) -> Schema:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*OF_EVERY_REPLY, *names)}


def _faults(operation: Operation) -> Schema:
    by_status: defaultdict[int, list[type[CalotypeError]]] = defaultdict(list)
    for kind in operation.every_fault:
        by_status[row_of(kind).status].append(kind)
    told: Schema = {}
    for status, kinds in sorted(by_status.items()):
        if status in operation.answers:
            continue
        headers = {name for fault, name in _HEADERS_OF_FAULTS for kind in kinds if issubclass(kind, fault)}
        codes = ", ".join(sorted({kind.code for kind in kinds}))
        told[str(status)] = {
            "description": f"{HTTPStatus(status).phrase}: {codes}.",
            "headers": _headers(sorted(headers)),
            "content": {"application/json": {"schema": _shape(ErrorReply)}},
        }
    return told


def _head(get: Schema) -> Schema:
    """Return what HEAD answers: what GET does, without content."""
    replies: dict[str, Any] = {
        status: {word: value for word, value in reply.items() if word != "content"}
        for status, reply in get["responses"].items()
        if status != "206"
    }
    summary = f"{get['summary'].rstrip('.')}; the headers alone."
    return {**get, "operationId": f"{get['operationId']}Head", "summary": summary, "responses": replies}
