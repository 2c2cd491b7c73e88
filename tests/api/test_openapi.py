"""The OpenAPI document: nothing that is there is missing from it, and nothing in it is not there."""

from __future__ import annotations

import re

import jsonschema_rs
import pytest
from starlette.routing import Route

import calotype
from calotype.api.app import build_router
from calotype.api.dialects.inbound import BOOLEANS, FLAT, LISTS, NUMBERS, ONE_OR_MORE, from_query, nested
from calotype.api.openapi.document import document
from calotype.api.openapi.meanings import MEANINGS
from calotype.api.openapi.options import capture_fields, purge_body, query_fields
from calotype.api.problems import _TABLE
from calotype.api.request import wants_json
from calotype.cache.policy import read_wishes
from calotype.cache.purge_request import parse_purge
from calotype.capture.errors import InvalidRequest
from calotype.capture.fields import Fields
from calotype.capture.parse import read_capture
from calotype.capture.survey import _CAPTURE, SAME_AS
from calotype.shots.asked import parse_asked
from calotype.storage.wishes import read_storage

pytestmark = pytest.mark.asyncio(loop_scope="module")
PAGE = {"url": "https://example.com/"}
FIELDS = capture_fields()
BOUNDED = [path for path, schema in FIELDS.items() if "minimum" in schema]
NEEDED: dict[str, dict[str, object]] = {
    "browser.geolocation": {"latitude": 0, "longitude": 0},
    "capture.clip": {"width": 1, "height": 1},
    "network.cookies[]": {"name": "a", "value": "b"},
}
"""What goes with a field of these."""
ELSEWHERE = {"preset", "response_type", "viewport.device"}
"""Read before the parser sees the rest."""


@pytest.fixture
def bench(shared_bench):
    return shared_bench


def request_with(path: str, value: object) -> dict[str, object]:
    """Return a request in which path has a value, and whatever must be there with it."""
    parent, _, name = path.rpartition(".")
    if not parent:
        return {name: value}
    group = NEEDED.get(parent, {}) | {name: value}
    return request_with(parent.removesuffix("[]"), [group] if parent.endswith("[]") else group)


def ask(body: dict[str, object]) -> list[str]:
    """Have a request read as POST /v1/screenshot does; return what means nothing to it."""
    options = nested(PAGE | body)
    wants_json(options.pop("response_type", None), "")
    return parse_asked(options).unknown


async def test_it_is_served_without_a_key(bench):
    reply = await bench.client.get("/openapi.json", headers={"authorization": ""})

    assert reply.headers["content-type"] == "application/json"
    assert reply.json()["openapi"] == "3.1.0"
    assert reply.json()["paths"].keys() == document()["paths"].keys()


async def test_version_says_who_answers_without_a_key(bench):
    reply = await bench.client.get("/version", headers={"authorization": ""})

    assert reply.json() == {"name": "calotype", "version": calotype.__version__, "api": "v1"}


async def test_the_page_tells_every_operation_and_asks_nobody_for_anything(bench):
    reply = await bench.client.get("/docs", headers={"authorization": ""})

    assert reply.headers["content-type"].startswith("text/html")
    assert reply.headers["content-security-policy"].startswith("default-src 'none'")
    assert not re.search(r"""<(script|img|link|iframe)|(src|href)=["']?(https?:)?//""", reply.text)
    for path, methods in document()["paths"].items():
        for method in methods.keys() - {"head"}:
            assert f"<b>{method.upper()}</b> <code>{path}</code>" in reply.text
    for name in document()["components"]["schemas"]:
        assert f'id="{name}"' in reply.text
    assert set(re.findall(r'href="#(\w+)"', reply.text)) <= document()["components"]["schemas"].keys()


async def test_it_has_the_routes_that_there_are(bench):
    there = {
        (re.sub(r":path\}", "}", route.path), method)
        for route in build_router(bench.parts).routes
        if isinstance(route, Route)
        for method in route.methods or ()
    }
    told = {(path, method.upper()) for path, methods in document()["paths"].items() for method in methods}

    assert told == there


def told_statuses() -> set[int]:
    return {
        int(status)
        for methods in document()["paths"].values()
        for operation in methods.values()
        for status in operation["responses"]
    }


async def test_every_status_that_an_error_may_have_is_told_of_some_operation():
    # Those of a wrong path or method are no operation's.
    assert {row.status for _, row in _TABLE} - {405} <= told_statuses()


async def test_every_schema_in_it_is_one():
    for schema in document()["components"]["schemas"].values():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})


async def test_ids_of_operations_are_given_once():
    ids = [
        operation["operationId"] for methods in document()["paths"].values() for operation in methods.values()
    ]

    assert len(ids) == len(set(ids))


async def test_every_option_has_its_meaning_and_no_meaning_is_left_over():
    own = {path for path, schema in FIELDS.items() if SAME_AS not in schema}

    assert own == MEANINGS.keys()


@pytest.mark.parametrize("path", BOUNDED)
async def test_an_option_is_taken_at_its_bounds_and_refused_beyond(path):
    schema = FIELDS[path]
    for value in (schema["minimum"], schema["maximum"]):
        assert ask(request_with(path, value)) == []
    for value in (schema["minimum"] - 1, schema["maximum"] + 1):
        with pytest.raises(InvalidRequest) as raised:
            ask(request_with(path, value))
        assert raised.value.field.replace("[0]", "[]") == path


@pytest.mark.parametrize("path", [path for path in FIELDS if path not in BOUNDED])
async def test_an_option_of_a_wrong_kind_is_refused(path):
    kinds = FIELDS[path]["type"]
    wrong = 5 if "number" not in kinds else True

    with pytest.raises(InvalidRequest):
        ask(request_with(path, wrong))


@pytest.mark.parametrize("path", [path for path, schema in FIELDS.items() if "enum" in schema])
async def test_a_word_is_taken_if_it_is_told_and_else_refused(path):
    for word in FIELDS[path]["enum"]:
        beside = {"capture": {"selector": "a", "clip": {"width": 1, "height": 1}, "mode": word}}
        assert ask(dict(beside) if path == "capture.mode" else request_with(path, word)) == []
    with pytest.raises(InvalidRequest):
        ask(request_with(path, "nonsense"))


def asked_for(fields: Fields) -> set[str]:
    """Return the paths of all that was asked of fields."""
    own = {re.sub(r"\[\d+\]", "[]", fields.path(name)) for name in fields._known}
    return own.union(*(asked_for(inner) for inner in fields._inner))


async def test_an_option_that_the_parsers_ask_for_is_told():
    capture, wishes, storage = Fields(_CAPTURE), Fields({}, "cache"), Fields({}, "storage")
    read_capture(capture)
    read_wishes(wishes)
    read_storage(storage)

    told = {path for path, schema in FIELDS.items() if SAME_AS not in schema}
    asked = asked_for(capture) | asked_for(wishes) | asked_for(storage)
    assert asked | {"cache", "storage"} == told - ELSEWHERE


async def test_flat_names_and_query_parameters_lead_to_options_that_are_told():
    assert set(FLAT.values()) <= FIELDS.keys()
    for name, schema in query_fields().items():
        text = str(schema.get("enum", [schema.get("minimum", "true")])[0])
        read = from_query([*PAGE.items(), (name, text)]) if name != "html" else {"html": "a"}
        assert {path for path in leaves(read) if path.split("[")[0] not in FIELDS} <= {
            "network.auth.type", "html",
        }  # fmt: skip


def leaves(value: object, path: str = "") -> list[str]:
    if isinstance(value, dict):
        return [leaf for name, item in value.items() for leaf in leaves(item, f"{path}.{name}".lstrip("."))]
    return [path]


async def test_what_a_query_reads_as_number_boolean_or_list_is_told_as_one():
    def kind(path):
        path = f"browser.{path}" if path.startswith("geolocation.") else path
        return FIELDS[f"capture.{path}" if path.startswith("clip.") else path]["type"]

    assert {kind(path) for path in NUMBERS} == {"integer", "number"}
    assert {kind(path) for path in BOOLEANS - {"full_page"}} == {"boolean"}
    assert {kind(path) for path in (*LISTS, *ONE_OR_MORE)} == {"array"}
    in_query = set(FLAT.values()) | {path for path in FIELDS if path.startswith("pdf.")}
    read = {*NUMBERS, *BOOLEANS, *LISTS, *ONE_OR_MORE}
    assert {path for path in in_query if kind(path) in ("integer", "number", "boolean", "array")} - read <= {
        "network.cookies"
    }


async def test_the_filters_of_a_purge_are_all_told_and_no_others():
    told = purge_body()["properties"]
    given = {
        "keys": ["a"], "tags": ["a"], "pattern": "screenshots/*", "url": "https://a.com/*",
        "before": "2024-01-01", "all": True, "soft": True, "dry_run": True,
    }  # fmt: skip

    assert told.keys() == given.keys()
    parse_purge(given)
    for name in given:
        with pytest.raises(InvalidRequest):
            parse_purge({"url": "*"} | {name: 5})
