"""The hit gate in front of the router: faster, and never another answer.

Each request goes to the whole edge and to the router alone; only the request's id may differ.
"""

from __future__ import annotations

import pytest
import pytest_asyncio
from hypothesis import given, settings
from hypothesis import strategies as st

from calotype.api.app import Parts
from calotype.api.hit import HitGate
from tests.support.service import a_bench

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEYS = {"plain": "home", "slashes": "posts/2024/a", "odd": "a+b=c;(d)", "purge": "purge"}


class Scene:
    """A service with entries of two accounts and two modes, and the names of all that tests ask for."""

    def __init__(self, bench, names, other, test):
        self.bench, self.names, self.other, self.test = bench, names, other, test

    async def both(self, method, path, headers):
        """Return what the whole edge and the router alone answer."""
        pair = []
        for client in (self.bench.client, self.bench.behind):
            reply = await client.request(method, path, headers=headers)
            pair.append((reply.status_code, told(reply.headers), untold(reply)))
        return pair


def told(headers):
    """Return the headers but for what belongs to the one request, in order of their names."""
    return sorted(
        (name, value) for name, value in headers.multi_items() if name not in ("x-request-id", "date")
    )


def untold(reply):
    """Return the body but for the request's id."""
    return reply.content.replace(reply.headers["x-request-id"].encode(), b"req_")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory):
    async with a_bench(tmp_path_factory.mktemp("gate") / "data") as bench:
        other = await bench.another_key("somebody else")
        test = await bench.another_key("default", "test")

        async def take(url, headers=None, **cache):
            body = {"url": url, "cache": cache}
            return await bench.client.post("/v1/screenshot", json=body, headers=headers)

        first = await take("https://example.com/")
        foreign = await take("https://example.com/", other)
        trial = await take("https://example.com/", test)
        brief = await take("https://example.com/brief", ttl=1)
        purged = await take("https://example.com/purged")
        for key in KEYS.values():
            await take(f"https://example.com/{key}", key=key)
        bench.clock.advance(seconds=1)
        await bench.client.delete(f"/v1/cache/{purged.headers['x-cache-key']}")
        names = {
            "etag": first.headers["etag"],
            **{
                name: reply.headers["x-cache-key"]
                for name, reply in [
                    ("mine", first), ("foreign", foreign), ("trial", trial),
                    ("brief", brief), ("purged", purged),
                ]
            },
        }  # fmt: skip
        yield Scene(bench, names, other, test)


_PATHS = [
    "/v1/cache/{mine}",
    "/v1/cache/{mine_id}",
    "/v1/cache/{mine_id}.png",
    "/v1/cache/screenshots/{mine_id}",
    "/v1/cache/screenshots/2024/01/15/{mine_id}.png",
    "/v1/cache/screenshots%2F2024%2F01%2F15%2F{mine_id}.png",
    "/v1/cache/screenshots/1999/12/31/{mine_id}.webp",
    "/v1/cache/{foreign}",
    "/v1/cache/{foreign_id}",
    "/v1/cache/{trial}",
    "/v1/cache/{brief}",
    "/v1/cache/{purged}",
    "/v1/cache/home",
    "/v1/cache/HOME",
    "/v1/cache/posts/2024/a",
    "/v1/cache/posts%2f2024%2Fa",
    "/v1/cache/posts//2024/a",
    "/v1/cache/a+b=c;(d)",
    "/v1/cache/a%2Bb%3Dc%3B(d)",
    "/v1/cache/purge",
    "/v1/cache/purge/purge_x",
    "/v1/cache/purges",
    "/v1/cache/",
    "/v1/cache",
    "/v1/cache/nobody",
    "/v1/cache/nobody%3Fa",
    "/v1/cache/%2e%2e/%2e%2e/etc/passwd",
    "/v1/cache/%00",
    "/v1/cache/a%0Ab",
    "/v1/cache/" + "k" * 601,
    "/screenshots/2024/01/15/{mine_id}.png",
    "/screenshots/2024/01/15/{foreign_id}.png",
    "/screenshots/{mine_id}",
    "/screenshots/%32024/01/15/{mine_id}.png",
    "/screenshots/2024/01/15/{brief_id}.png",
    "/screenshots/2024/01/15/{purged_id}.png",
    "/screenshots/{mine_id}.png%3Fa=b",
    "/screenshots/home",
    "/screenshots/",
    "/screenshots",
    "/screenshots/%2e%2e/secret.key",
    "/healthz",
    "/nowhere",
]
_HITS = ("/v1/cache/{mine}", "/screenshots/2024/01/15/{mine_id}.png")
_KEYS = ["mine", "other", "test", "none", "bad", "empty", "basic"]
_QUERIES = [
    "",
    "?api_key={key}",
    "?api_key=bad",
    "?api_key=",
    "?api_key={key}&api_key=",
    "?api%5Fkey={key}",
    "?a=b",
    "?meta=1",
    "?meta=0",
    "?meta",
    "?m%65ta=true",
    "?meta=1&meta=0",
    "?meta=0&meta=1&api_key={key}",
]
_CONDITIONS = [
    {},
    {"if-none-match": "{etag}"},
    {"if-none-match": '"a", W/{etag}'},
    {"if-none-match": "*"},
    {"if-none-match": '"a"'},
    {"if-match": '"a"'},
    {"if-match": "{etag}"},
    {"if-modified-since": "Mon, 15 Jan 2024 12:00:00 GMT"},
    {"if-unmodified-since": "Mon, 15 Jan 2024 11:00:00 GMT"},
    {"range": "bytes=0-9"},
    {"range": "bytes=-9"},
    {"range": "bytes=99999999-"},
    {"range": "bytes=0-" + "9" * 5000},
    {"range": "bytes=0-9", "if-range": "{etag}"},
    {"range": "bytes=0-9", "if-range": "W/{etag}"},
    {"accept": "application/json", "user-agent": "renderscreenshot-java/1.0.0"},
    {"host": "elsewhere.example"},
    {"host": "["},
]


def filled(text, scene):
    ids = {f"{name}_id": key.removeprefix("cache_") for name, key in scene.names.items()}
    for name, value in (scene.names | ids | {"key": scene.bench.key}).items():
        text = text.replace(f"{{{name}}}", value)
    return text


def authorization(scene, key):
    return {
        "mine": {},
        "other": scene.other,
        "test": scene.test,
        "none": {"authorization": ""},
        "bad": {"authorization": "Bearer rs_live_bad"},
        "empty": {"authorization": "Bearer "},
        "basic": {"authorization": "Basic cnM6"},
    }[key]


async def assert_alike(scene, method, path, key, conditions):
    path = filled(path, scene)
    headers = authorization(scene, key) | {name: filled(value, scene) for name, value in conditions.items()}
    whole, router = await scene.both(method, path, headers)

    assert whole == router, (method, path, headers)
    return whole


@pytest.mark.parametrize("path", _PATHS, ids=[path[:60] for path in _PATHS])
async def test_every_path_under_every_method_and_key(scene, path):
    for method in ("GET", "HEAD", "POST", "PUT", "OPTIONS"):
        for key in _KEYS:
            await assert_alike(scene, method, path, key, {})


@pytest.mark.parametrize("conditions", _CONDITIONS, ids=str)
async def test_every_condition_on_a_hit_of_either_door(scene, conditions):
    for path in _HITS:
        for method in ("GET", "HEAD"):
            await assert_alike(scene, method, path, "mine", conditions)


@pytest.mark.parametrize("query", _QUERIES)
async def test_every_way_to_hand_over_a_key(scene, query):
    for path in _HITS:
        for key in _KEYS:
            await assert_alike(scene, "GET", path + query, key, {})


_REQUESTS = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["GET", "HEAD"]),
        "path": st.builds("{}{}".format, st.sampled_from(_PATHS), st.sampled_from(_QUERIES)),
        "key": st.sampled_from(_KEYS),
        "conditions": st.builds(
            lambda a, b: a | b, st.sampled_from(_CONDITIONS), st.sampled_from(_CONDITIONS)
        ),
    }
)


async def test_any_combination_of_these(scene):
    requests = []

    @settings(max_examples=150, database=None, deadline=None)
    @given(_REQUESTS)
    def collect(request):
        requests.append(request)

    collect()
    for request in requests:
        await assert_alike(scene, **request)


class TestWhatTheGateAnswersItself:
    """The comparison would prove nothing if the gate passed everything on."""

    @pytest.mark.parametrize(
        ("path", "status", "conditions"),
        [
            ("/v1/cache/{mine}", 200, {}),
            ("/v1/cache/posts%2F2024%2Fa", 200, {}),
            ("/v1/cache/{mine}?api_key={key}", 200, {"authorization": ""}),
            ("/v1/cache/{mine}", 206, {"range": "bytes=0-0"}),
            ("/v1/cache/{mine}", 304, {"if-none-match": "*"}),
            ("/screenshots/2024/01/15/{mine_id}.png", 200, {"authorization": ""}),
        ],
    )
    async def test_hits(self, scene, path, status, conditions):
        assert await gate_alone(scene, path, conditions) == status

    @pytest.mark.parametrize(
        ("path", "conditions"),
        [
            ("/v1/cache/{foreign}", {}),
            ("/v1/cache/{brief}", {}),
            ("/v1/cache/{purged}", {}),
            ("/v1/cache/nobody", {}),
            ("/v1/cache/{mine}?meta=1", {}),
            ("/v1/cache/{mine}", {"if-match": '"a"'}),
            ("/v1/cache/{mine}", {"range": "bytes=99999999-"}),
            ("/v1/screenshot", {}),
        ],
    )
    async def test_all_else_goes_to_the_router(self, scene, path, conditions):
        assert await gate_alone(scene, path, conditions) == "passed on"

    async def test_what_is_no_http_goes_to_the_router(self, scene):
        passed = []

        async def behind(scope, receive, send):
            passed.append(scope["type"])

        await a_gate(scene, behind)({"type": "lifespan"}, None, None)

        assert passed == ["lifespan"]


def a_gate(scene, behind):
    parts: Parts = scene.bench.parts
    return HitGate(behind, parts.store, parts.authenticator, parts.base_url, parts.clock)


async def gate_alone(scene, path, headers):
    """Return the status that the gate gives by itself, or that it passed the request on."""
    answered = []

    async def behind(scope, receive, send):
        answered.append("passed on")

    async def send(message):
        if message["type"] == "http.response.start":
            answered.append(message["status"])

    request = scene.bench.client.build_request("GET", filled(path, scene), headers=headers)
    scope = {
        "type": "http",
        "method": "GET",
        "path": request.url.path,
        "query_string": request.url.query,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
    }
    await a_gate(scene, behind)(scope, None, send)
    return answered[0]
