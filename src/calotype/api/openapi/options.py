"""The options of a capture and the filters of a purge as JSON Schema, in every spelling that is read."""

from __future__ import annotations

from functools import cache
from typing import Any

from calotype.api.dialects.inbound import ELSEWHERE, FLAT, ONE_OR_MORE
from calotype.api.openapi.meanings import MEANINGS
from calotype.batches.batch import MAX_ITEMS
from calotype.batches.parse import DEFAULT_CONCURRENCY, MAX_CONCURRENCY
from calotype.batches.webhook import MAX_SECRET, Event
from calotype.cache.policy import read_wishes
from calotype.cache.purge_request import read_purge
from calotype.capture.devices import DEVICES
from calotype.capture.presets import PRESETS
from calotype.capture.survey import SAME_AS, Schema, Survey, as_tree, survey_capture
from calotype.capture.target import MAX_URL_LENGTH
from calotype.storage.wishes import read_storage

_URL = {"maxLength": MAX_URL_LENGTH, "format": "uri"}
_ROOT: dict[str, Schema] = {
    "preset": {"type": "string", "enum": list(PRESETS)},
    "response_type": {"type": "string", "enum": ["json", "binary"]},
}
"""Read before the parser sees the rest, as `cache` and `storage` are and devices are."""
_DEEP = {
    "browser.geolocation.": "geolocation_",
    "capture.clip.": "clip_",
    "pdf.": "pdf_",
}
"""Objects whose fields can be written in a query, and what the names of those begin with there."""
_LATER: dict[str, Schema] = {
    "async": {"type": "boolean", "description": "Whether it is not waited for."},
    "webhook": {
        "type": "object",
        "required": ["url"],
        "properties": {
            "url": {"type": "string", "format": "uri"},
            "events": {
                "type": "array",
                "items": {"type": "string", "enum": [event.value for event in Event]},
                "default": [Event.COMPLETED.value],
                "minItems": 1,
                "maxItems": len(Event),
            },
            "secret": {"type": "string", "maxLength": MAX_SECRET, "description": "What it is signed with."},
        },
        "description": "Where the end is told; it is not waited for.",
    },
}
_FULL_PAGE: Schema = {"type": "boolean", "description": "The flat spelling of capture.mode full_page."}
_AUTH_BASIC: Schema = {
    "type": ["object", "null"],
    "properties": {"username": {"type": ["string", "null"]}, "password": {"type": ["string", "null"]}},
    "description": "The flat spelling of network.auth of type basic.",
}
_AUTH_BEARER: Schema = {"type": "string", "description": "The flat spelling of network.auth of type bearer."}


@cache
def capture_fields() -> dict[str, Schema]:
    """Return the schema of every field of a capture request, by its path in the nested spelling."""
    wishes, storage = Survey({}, "cache"), Survey({}, "storage")
    read_wishes(wishes)
    read_storage(storage)
    found: dict[str, Schema] = {
        **survey_capture(), **_ROOT, "cache": {"type": "object"}, **wishes.found,
        "storage": {"type": "object"}, **storage.found,
    }  # fmt: skip
    found["viewport.device"] = {"type": "string", "enum": list(DEVICES)}
    for name in ("url", "html_base_url"):
        found[name] |= _URL
    found["output.format"]["enum"].append("jpg")
    # The bound is on different ones, which the same one twice does not bring nearer.
    found["cache.tags"] = {name: value for name, value in found["cache.tags"].items() if name != "maxItems"}
    for path, schema in found.items():
        ours = f"{path.rpartition('.')[0]}.{schema[SAME_AS]}" if SAME_AS in schema else path
        schema["description"] = f"The same as {ours}." if ours != path else MEANINGS[ours]
    return found


def capture_body() -> Schema:
    """Return the schema of the body of POST /v1/screenshot: nested and flat names side by side."""
    tree = as_tree(capture_fields(), nullable=True)
    flat = {
        name: _also_one(path, schema) | {"description": f"The flat spelling of {path}."}
        for name, path in FLAT.items()
        if (schema := _at(tree, path)) is not None
    }
    bearer = _AUTH_BEARER | {"type": ["string", "null"]}
    own = {"full_page": _FULL_PAGE | {"type": ["boolean", "null"]}, "auth_basic": _AUTH_BASIC}
    return {
        "description": "A picture to take. Nested and flat names may be mixed; the nested count first.",
        **tree,
        "properties": {**tree["properties"], **flat, **own, "auth_bearer": bearer, **_LATER},
        "examples": [{"url": "https://example.com/", "output": {"format": "webp"}}],
    }


def _also_one(path: str, schema: Schema) -> Schema:
    """Return schema; of a list that some clients give as one text, with that."""
    return schema | {"type": [*schema["type"], "string"]} if path in ONE_OR_MORE else schema


def _at(tree: Schema, path: str) -> Schema | None:
    place: Any = tree
    for name in path.split("."):
        place = place["properties"].get(name)
        if place is None:
            return None
    return dict(place)


def batch_body() -> Schema:
    """Return the schema of the body of POST /v1/batch."""
    capture = {"$ref": "#/components/schemas/CaptureRequest"}
    many = {"minItems": 1, "maxItems": MAX_ITEMS}
    return {
        "description": "Captures under one id: urls with options for all, or requests with their own.",
        "type": "object",
        "properties": {
            "urls": {"type": "array", "items": {"type": "string", "format": "uri"}, **many},
            "options": capture,
            "requests": {"type": "array", "items": capture, **many},
            "concurrency": {
                "type": "integer", "minimum": 1, "maximum": MAX_CONCURRENCY, "default": DEFAULT_CONCURRENCY,
            },
            **_LATER,
        },
        "oneOf": [{"required": ["urls"]}, {"required": ["requests"]}],
        "examples": [{"urls": ["https://example.com/"], "options": {"preset": "og_card"}}],
    }  # fmt: skip


def query_fields() -> dict[str, Schema]:
    """Return the schema of every query parameter of GET /v1/screenshot that is an option, by its name."""
    found = capture_fields()
    paths = {
        **{name: name for name in sorted(ELSEWHERE & found.keys())},
        **FLAT,
        **{
            word + path.removeprefix(prefix): path
            for prefix, word in _DEEP.items()
            for path in found
            if path.startswith(prefix) and "." not in path.removeprefix(prefix)
        },
        "auth_basic_username": "network.auth.username",
        "auth_basic_password": "network.auth.password",
        "auth_bearer": "network.auth.token",
    }
    told = {name: _in_query(found[path]) for name, path in paths.items() if _fits_query(found[path])}
    return told | {"full_page": _FULL_PAGE}


def _fits_query(schema: Schema) -> bool:
    return schema.get("type") != "object" and schema.get("items", {}).get("type") != "object"


def _in_query(schema: Schema) -> Schema:
    kinds = schema["type"]
    if isinstance(kinds, list):
        # Everything in a query is a text.
        return {name: value for name, value in schema.items() if name != "type"} | {"type": "string"}
    return {name: value for name, value in schema.items() if name != SAME_AS}


def purge_body() -> Schema:
    """Return the schema of the body of POST /v1/cache/purge."""
    fields = Survey({"all": True, "keys": ["a"], "tags": ["a"]})
    read_purge(fields)
    for name, meaning in _PURGE.items():
        fields.found[name]["description"] = meaning
    for name in ("keys", "tags"):
        fields.found[name]["minItems"] = 1
    filters = [name for name in fields.found if name not in ("soft", "dry_run")]
    return {
        "description": "What to let go of: what passes every given filter. A purge without any is refused.",
        **as_tree(fields.found, nullable=False),
        "additionalProperties": False,
        "anyOf": [{"required": [name]} for name in filters],
        "examples": [{"url": "https://example.com/blog/*", "before": "2024-01-15T00:00:00Z"}],
    }


_PURGE = {
    "keys": "Keys, or the other addresses that an entry goes by; any of them.",
    "tags": "Tags; any of them.",
    "pattern": "A glob on storage paths, as screenshots/2024/01/*.",
    "url": "A glob on the URLs of pages, as https://example.com/blog/*.",
    "before": "ISO 8601; what was captured before. UTC without a zone, midnight without a time.",
    "all": "Everything.",
    "soft": "Make stale instead of deleting.",
    "dry_run": "Count and do nothing.",
}
