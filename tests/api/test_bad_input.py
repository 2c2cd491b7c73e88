"""What cannot be honoured: each fault is told by field, problem and remedy, and nothing is changed by it."""

from __future__ import annotations

import gzip
import json

import pytest

from calotype.capture.parse_target import MAX_DOCUMENT_BYTES

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = "https://example.com/"
MIB = 1024 * 1024


@pytest.fixture
def bench(shared_bench):
    """Most of these tests change nothing: that is their point."""
    return shared_bench


_URLS = {
    "no scheme": "example.com",
    "no host": "https://",
    "a relative one": "/index.html",
    "file": "file:///etc/passwd",
    "ftp": "ftp://example.com/",
    "javascript": "javascript:alert(1)",
    "data": "data:text/html,hello",
    "about": "about:blank",
    "view-source": "view-source:https://example.com/",
    "chrome": "chrome://version",
    "ws": "ws://example.com/",
    "2,049 characters": PAGE + "a" * (2049 - len(PAGE)),
    "blank": " ",
    "empty": "",
    "a NUL": "https://example.com/\0",
}


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("url", _URLS.values(), ids=_URLS.keys())
async def test_a_url_that_may_not_be_asked_for(bench, method, url):
    if method == "POST":
        reply = await bench.client.post("/v1/screenshot", json={"url": url})
    else:
        reply = await bench.client.get("/v1/screenshot", params={"url": url})

    assert reply.status_code == 400
    assert reply.json()["code"] == reply.json()["error"]["code"] == "invalid_url"
    assert reply.json()["error"]["details"]["field"] == "url"
    assert bench.renderer.renders == []


async def test_a_url_of_2048_characters_is_not_too_long(bench):
    url = PAGE + "a" * (2048 - len(PAGE))

    assert (await bench.client.post("/v1/screenshot", json={"url": url})).status_code == 200


async def test_a_fault_does_not_repeat_what_may_be_a_password(bench):
    for url in ("https://user:hunter2@exa mple.com/", "https://user:hunter2@example.com/\0"):
        assert "hunter2" not in (await bench.client.post("/v1/screenshot", json={"url": url})).text


_FIELDS = [
    # What is pictured
    ({"url": None}, "url", "missing_parameter"),
    ({"html": "<p>"}, "url", "invalid_parameter"),
    ({"url": 42}, "url", "invalid_parameter"),
    ({"url": ["https://example.com/"]}, "url", "invalid_parameter"),
    ({"url": None, "html": 42}, "html", "invalid_parameter"),
    ({"url": None, "html": ""}, "html", "invalid_parameter"),
    ({"url": None, "html": "a\0b"}, "html", "invalid_parameter"),
    ({"markdown": "a"}, "url", "invalid_parameter"),
    ({"url": None, "html": "<p>", "markdown": "a"}, "html", "invalid_parameter"),
    ({"url": None, "markdown": 42}, "markdown", "invalid_parameter"),
    ({"url": None, "markdown": ""}, "markdown", "invalid_parameter"),
    ({"markdown_css": "a {}"}, "markdown_css", "invalid_parameter"),
    ({"url": None, "markdown": "a", "markdown_css": 42}, "markdown_css", "invalid_parameter"),
    ({"html_base_url": PAGE}, "html_base_url", "invalid_parameter"),
    ({"url": None, "html": "<p>", "html_base_url": "file:///etc"}, "html_base_url", "invalid_url"),
    # Viewport
    ({"viewport": "wide"}, "viewport", "invalid_parameter"),
    ({"viewport": [800, 600]}, "viewport", "invalid_parameter"),
    ({"viewport": {"width": 0}}, "viewport.width", "invalid_parameter"),
    ({"viewport": {"width": 8193}}, "viewport.width", "invalid_parameter"),
    ({"viewport": {"width": -1}}, "viewport.width", "invalid_parameter"),
    ({"viewport": {"width": "800"}}, "viewport.width", "invalid_parameter"),
    ({"viewport": {"width": 800.5}}, "viewport.width", "invalid_parameter"),
    ({"viewport": {"width": True}}, "viewport.width", "invalid_parameter"),
    ({"viewport": {"width": [800]}}, "viewport.width", "invalid_parameter"),
    ({"width": "800"}, "viewport.width", "invalid_parameter"),
    ({"viewport": {"height": 8193}}, "viewport.height", "invalid_parameter"),
    ({"viewport": {"scale": 0}}, "viewport.scale", "invalid_parameter"),
    ({"viewport": {"scale": 4.01}}, "viewport.scale", "invalid_parameter"),
    ({"viewport": {"scale": "2"}}, "viewport.scale", "invalid_parameter"),
    ({"viewport": {"width": 8000, "height": 8000}}, "viewport", "invalid_parameter"),
    ({"viewport": {"mobile": 1}}, "viewport.mobile", "invalid_parameter"),
    ({"viewport": {"mobile": "true"}}, "viewport.mobile", "invalid_parameter"),
    # Capture
    ({"capture": True}, "capture", "invalid_parameter"),
    ({"capture": {"mode": "everything"}}, "capture.mode", "invalid_parameter"),
    ({"capture": {"scroll": "no"}}, "capture.scroll", "invalid_parameter"),
    ({"capture": {"max_height": 200_001}}, "capture.max_height", "invalid_parameter"),
    ({"capture": {"mode": "element"}}, "capture.selector", "missing_parameter"),
    ({"capture": {"selector": 7}}, "capture.selector", "invalid_parameter"),
    ({"capture": {"selector": " "}}, "capture.selector", "invalid_parameter"),
    ({"capture": {"selector": "a" * 1025}}, "capture.selector", "invalid_parameter"),
    ({"full_page": "yes"}, "full_page", "invalid_parameter"),
    ({"full_page": "full_page"}, "full_page", "invalid_parameter"),
    ({"full_page": 1}, "full_page", "invalid_parameter"),
    # Output
    ({"output": "png"}, "output", "invalid_parameter"),
    ({"output": {"format": "gif"}}, "output.format", "invalid_parameter"),
    ({"output": {"format": "PNG"}}, "output.format", "invalid_parameter"),
    ({"output": {"format": ["png"]}}, "output.format", "invalid_parameter"),
    ({"output": {"format": ""}}, "output.format", "invalid_parameter"),
    ({"format": "bmp"}, "output.format", "invalid_parameter"),
    ({"output": {"quality": 0}}, "output.quality", "invalid_parameter"),
    ({"output": {"quality": 101}}, "output.quality", "invalid_parameter"),
    ({"output": {"quality": "80"}}, "output.quality", "invalid_parameter"),
    ({"response_type": "xml"}, "response_type", "invalid_parameter"),
    ({"response_type": ["json"]}, "response_type", "invalid_parameter"),
    # Wait
    ({"wait": 5}, "wait", "invalid_parameter"),
    ({"wait": {"until": "forever"}}, "wait.until", "invalid_parameter"),
    ({"wait": {"delay": -1}}, "wait.delay", "invalid_parameter"),
    ({"wait": {"delay": 60_001}}, "wait.delay", "invalid_parameter"),
    ({"wait": {"for_selector": "a\0"}}, "wait.for_selector", "invalid_parameter"),
    ({"wait": {"timeout": 0}}, "wait.timeout", "invalid_parameter"),
    ({"wait": {"timeout": 120_001}}, "wait.timeout", "invalid_parameter"),
    # Browser and verdict
    ({"browser": []}, "browser", "invalid_parameter"),
    ({"dark_mode": "no"}, "browser.dark_mode", "invalid_parameter"),
    ({"fail_on": "http_404"}, "fail_on", "invalid_parameter"),
    ({"fail_on": ["404"]}, "fail_on", "invalid_parameter"),
    ({"fail_on": [404]}, "fail_on", "invalid_parameter"),
    ({"fail_on": ["http_404"] * 33}, "fail_on", "invalid_parameter"),
    # Cache
    ({"cache": False}, "cache", "invalid_parameter"),
    ({"cache": []}, "cache", "invalid_parameter"),
    ({"cache": ""}, "cache", "invalid_parameter"),
    ({"cache": "no"}, "cache", "invalid_parameter"),
    ({"cache": {"ttl": 0}}, "cache.ttl", "invalid_parameter"),
    ({"cache": {"ttl": -1}}, "cache.ttl", "invalid_parameter"),
    ({"cache": {"ttl": 2_592_001}}, "cache.ttl", "invalid_parameter"),
    ({"cache": {"ttl": "60"}}, "cache.ttl", "invalid_parameter"),
    ({"cache": {"ttl": 0.5}}, "cache.ttl", "invalid_parameter"),
    ({"cache_ttl": 0}, "cache.ttl", "invalid_parameter"),
    ({"cache": {"refresh": "true"}}, "cache.refresh", "invalid_parameter"),
    ({"cache": {"enabled": 0}}, "cache.enabled", "invalid_parameter"),
    ({"cache": {"available": "yes"}}, "cache.available", "invalid_parameter"),
    ({"cache": {"key": 7}}, "cache.key", "invalid_parameter"),
    ({"cache": {"key": ""}}, "cache.key", "invalid_parameter"),
    ({"cache": {"key": "../../etc/passwd"}}, "cache.key", "invalid_parameter"),
    ({"cache": {"key": "a/./b"}}, "cache.key", "invalid_parameter"),
    ({"cache": {"key": "a//b"}}, "cache.key", "invalid_parameter"),
    ({"cache": {"key": "/etc/passwd"}}, "cache.key", "invalid_parameter"),
    ({"cache": {"key": "a\0b"}}, "cache.key", "invalid_parameter"),
    ({"cache": {"key": "a b"}}, "cache.key", "invalid_parameter"),
    ({"cache": {"key": "a,b"}}, "cache.key", "invalid_parameter"),
    ({"cache": {"key": "a?b"}}, "cache.key", "invalid_parameter"),
    ({"cache": {"key": "a#b"}}, "cache.key", "invalid_parameter"),
    ({"cache": {"key": "a%2e"}}, "cache.key", "invalid_parameter"),
    ({"cache": {"key": "a\n"}}, "cache.key", "invalid_parameter"),
    ({"cache": {"key": "📷"}}, "cache.key", "invalid_parameter"),
    ({"cache": {"key": "k" * 513}}, "cache.key", "invalid_parameter"),
    ({"cache": {"key": "cache_" + "0" * 32}}, "cache.key", "invalid_parameter"),
    ({"cache": {"key": "screenshots/a"}}, "cache.key", "invalid_parameter"),
    ({"cache": {"key": "purge/a"}}, "cache.key", "invalid_parameter"),
    ({"cache": {"tags": "a"}}, "cache.tags", "invalid_parameter"),
    ({"cache": {"tags": {"a": True}}}, "cache.tags", "invalid_parameter"),
    ({"cache": {"tags": ["a", 1]}}, "cache.tags", "invalid_parameter"),
    ({"cache": {"tags": ["a", None]}}, "cache.tags", "invalid_parameter"),
    ({"cache": {"tags": ["a", ""]}}, "cache.tags", "invalid_parameter"),
    ({"cache": {"tags": ["a", "b c"]}}, "cache.tags", "invalid_parameter"),
    ({"cache": {"tags": ["a,b"]}}, "cache.tags", "invalid_parameter"),
    ({"cache": {"tags": ['a"']}}, "cache.tags", "invalid_parameter"),
    ({"cache": {"tags": ["a\\"]}}, "cache.tags", "invalid_parameter"),
    ({"cache": {"tags": ["a\r\nX-Evil: 1"]}}, "cache.tags", "invalid_parameter"),
    ({"cache": {"tags": ["a\0"]}}, "cache.tags", "invalid_parameter"),
    ({"cache": {"tags": ["é"]}}, "cache.tags", "invalid_parameter"),
    ({"cache": {"tags": ["t" * 65]}}, "cache.tags", "invalid_parameter"),
    ({"cache": {"tags": [f"t{n}" for n in range(33)]}}, "cache.tags", "invalid_parameter"),
    ({"cache_tags": "a,b"}, "cache.tags", "invalid_parameter"),
]


@pytest.mark.parametrize(("body", "field", "code"), _FIELDS, ids=[json.dumps(row[0])[:60] for row in _FIELDS])
async def test_an_option_that_cannot_be_honoured(bench, body, field, code):
    reply = await bench.client.post("/v1/screenshot", json={"url": PAGE} | body)

    assert_refused(reply, field, code)
    assert bench.renderer.renders == []
    assert (await bench.service.remembering.store.stats()).entries == 0


_QUERIES = [
    ("", "url", "missing_parameter"),
    ("url=https://example.com&html=x", "url", "invalid_parameter"),
    ("url=https://example.com&width=wide", "viewport.width", "invalid_parameter"),
    ("url=https://example.com&width=1_000", "viewport.width", "invalid_parameter"),
    ("url=https://example.com&width=%D9%A1%D9%A2", "viewport.width", "invalid_parameter"),
    ("url=https://example.com&width=", "viewport.width", "invalid_parameter"),
    ("url=https://example.com&width=" + "9" * 5000, "viewport.width", "invalid_parameter"),
    ("url=https://example.com&scale=nan", "viewport.scale", "invalid_parameter"),
    ("url=https://example.com&scale=inf", "viewport.scale", "invalid_parameter"),
    ("url=https://example.com&full_page=yes", "full_page", "invalid_parameter"),
    ("url=https://example.com&cache_refresh=2", "cache.refresh", "invalid_parameter"),
    ("url=https://example.com&cache=1", "cache", "invalid_parameter"),
    ("url=https://example.com&cache_ttl=2592001", "cache.ttl", "invalid_parameter"),
    ("url=https://example.com&cache_key=..", "cache.key", "invalid_parameter"),
    ("url=https://example.com&cache_key=%00", "cache.key", "invalid_parameter"),
    ("url=https://example.com&cache_tags=a%20b", "cache.tags", "invalid_parameter"),
    ("url=https://example.com&cache_tags[]=%22", "cache.tags", "invalid_parameter"),
    ("url=https://example.com&fail_on=all", "fail_on", "invalid_parameter"),
    ("url=https://example.com&format=gif", "output.format", "invalid_parameter"),
]


@pytest.mark.parametrize(("query", "field", "code"), _QUERIES, ids=[row[0][:60] for row in _QUERIES])
async def test_a_query_that_cannot_be_honoured(bench, query, field, code):
    reply = await bench.client.get(f"/v1/screenshot?{query}")

    assert_refused(reply, field, code)
    assert bench.renderer.renders == []


_PURGES = [
    ({}, "keys, tags, pattern, url, before or all", "missing_parameter"),
    ({"dry_run": True}, "keys, tags, pattern, url, before or all", "missing_parameter"),
    ({"urls": ["https://example.com/*"]}, "urls", "invalid_parameter"),
    ({"all": True, "urls": "*"}, "urls", "invalid_parameter"),
    ({"all": True, "Dry_Run": True}, "Dry_Run", "invalid_parameter"),
    ({"keys": []}, "keys", "invalid_parameter"),
    ({"keys": "cache_abc"}, "keys", "invalid_parameter"),
    ({"keys": [1]}, "keys", "invalid_parameter"),
    ({"keys": [None]}, "keys", "invalid_parameter"),
    ({"keys": [""]}, "keys", "invalid_parameter"),
    ({"keys": ["../secret.key"]}, "keys", "invalid_parameter"),
    ({"keys": ["a\0b"]}, "keys", "invalid_parameter"),
    ({"keys": ["k" * 4096]}, "keys", "invalid_parameter"),
    ({"keys": [f"k{n}" for n in range(10_001)]}, "keys", "invalid_parameter"),
    ({"keys": {"a": 1}}, "keys", "invalid_parameter"),
    ({"keys": None}, "keys", "invalid_parameter"),
    ({"tags": []}, "tags", "invalid_parameter"),
    ({"tags": "a"}, "tags", "invalid_parameter"),
    ({"tags": ["a", 1]}, "tags", "invalid_parameter"),
    ({"tags": ["a", ""]}, "tags", "invalid_parameter"),
    ({"tags": ["a b"]}, "tags", "invalid_parameter"),
    ({"tags": ["*", "a\n"]}, "tags", "invalid_parameter"),
    ({"tags": ["t" * 65]}, "tags", "invalid_parameter"),
    ({"tags": [f"t{n}" for n in range(10_001)]}, "tags", "invalid_parameter"),
    ({"tags": {"a": 1}}, "tags", "invalid_parameter"),
    ({"tags": None, "all": True}, "tags", "invalid_parameter"),
    ({"tag": "a", "all": True}, "tag", "invalid_parameter"),
    ({"url": None, "all": True}, "url", "invalid_parameter"),
    ({"url": ""}, "url", "invalid_parameter"),
    ({"url": ["*"]}, "url", "invalid_parameter"),
    ({"url": 1}, "url", "invalid_parameter"),
    ({"pattern": ""}, "pattern", "invalid_parameter"),
    ({"pattern": True}, "pattern", "invalid_parameter"),
    ({"before": ""}, "before", "invalid_parameter"),
    ({"before": "yesterday"}, "before", "invalid_parameter"),
    ({"before": "2024-13-01"}, "before", "invalid_parameter"),
    ({"before": "2024-02-30T00:00:00Z"}, "before", "invalid_parameter"),
    ({"before": "01/15/2024"}, "before", "invalid_parameter"),
    ({"before": "2024-01-15T25:00:00Z"}, "before", "invalid_parameter"),
    ({"before": 1705276800}, "before", "invalid_parameter"),
    ({"before": "0001-01-01T00:00:00+14:00"}, "before", "invalid_parameter"),
    ({"all": False}, "all", "invalid_parameter"),
    ({"all": "true"}, "all", "invalid_parameter"),
    ({"all": 1}, "all", "invalid_parameter"),
    ({"all": True, "dry_run": "yes"}, "dry_run", "invalid_parameter"),
    ({"all": True, "dry_run": 1}, "dry_run", "invalid_parameter"),
]


@pytest.mark.parametrize(("body", "field", "code"), _PURGES, ids=[json.dumps(row[0])[:60] for row in _PURGES])
async def test_a_purge_that_is_not_understood_purges_nothing(bench, body, field, code):
    taken = await bench.client.post("/v1/screenshot", json={"url": PAGE})
    reply = await bench.client.post("/v1/cache/purge", json=body)

    assert_refused(reply, field, code)
    assert (await bench.client.get(f"/v1/cache/{taken.headers['x-cache-key']}")).status_code == 200


_BODIES = {
    "nothing": b"",
    "half an object": b'{"url": "https://example.com/"',
    "two objects": b'{"all": true} {"all": true}',
    "single quotes": b"{'all': true}",
    "a comma too many": b'{"all": true,}',
    "a form": b"url=https%3A%2F%2Fexample.com%2F&all=true",
    "gzip": gzip.compress(b'{"all": true, "url": "https://example.com/"}'),
    "UTF-16": '{"all": true}'.encode("utf-16"),
    "invalid UTF-8": b'{"url": "https://example.com/\xff"}',
    "half a surrogate pair": b'{"html": "\\ud800"}',
    "not a number": b'{"all": NaN}',
    "a number beyond all": b'{"url": "https://example.com/", "width": 1' + b"0" * 5000 + b"}",
    "depth": b"[" * 100_000,
    "null": b"null",
    "a list": b"[]",
    "a string": b'"https://example.com/"',
    "a number": b"42",
}


@pytest.mark.parametrize("path", ["/v1/screenshot", "/v1/cache/purge"])
@pytest.mark.parametrize("body", _BODIES.values(), ids=_BODIES.keys())
async def test_a_body_that_is_no_json_object(bench, path, body):
    taken = await bench.client.post("/v1/screenshot", json={"url": PAGE})
    reply = await bench.client.post(path, content=body, headers={"content-type": "application/json"})

    assert_refused(reply, "body", "invalid_parameter")
    assert len(bench.renderer.renders) == 1
    assert (await bench.client.get(f"/v1/cache/{taken.headers['x-cache-key']}")).status_code == 200


class TestSize:
    async def test_a_body_may_have_one_mebibyte(self, bench):
        reply = await bench.client.post("/v1/screenshot", content=padded({"url": PAGE}, MIB))

        assert reply.status_code == 200

    @pytest.mark.parametrize("path", ["/v1/screenshot", "/v1/cache/purge"])
    async def test_one_byte_more_is_too_much(self, bench, path):
        body = {"url": PAGE} if path == "/v1/screenshot" else {"all": True}
        reply = await bench.client.post(path, content=padded(body, MIB + 1))

        assert_refused(reply, "body", "body_too_large", status=413)
        assert bench.renderer.renders == []

    @pytest.mark.parametrize("name", ["html", "markdown"])
    async def test_a_document_may_have_five_mebibytes_and_not_a_byte_more(self, bench, name):
        allowed = await bench.client.post("/v1/screenshot", json={name: "a" * MAX_DOCUMENT_BYTES})
        too_much = await bench.client.post("/v1/screenshot", json={name: "a" * (MAX_DOCUMENT_BYTES + 1)})

        assert allowed.status_code == 200
        assert_refused(too_much, name, "invalid_parameter")

    async def test_html_is_measured_in_bytes(self, bench):
        reply = await bench.client.post("/v1/screenshot", json={"html": "ü" * (MAX_DOCUMENT_BYTES // 2 + 1)})

        assert_refused(reply, "html", "invalid_parameter")

    async def test_no_body_with_html_may_be_endless(self, bench):
        sent = 0

        async def endless():
            nonlocal sent
            yield b'{"html": "'
            while True:
                sent += MIB
                yield b"a" * MIB

        reply = await bench.client.post("/v1/screenshot", content=endless())

        assert_refused(reply, "body", "body_too_large", status=413)
        assert sent <= 8 * MIB


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
@pytest.mark.parametrize(
    "key",
    [
        "%2e%2e",
        "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "a/%2E%2E/b",
        "a/%2e/b",
        "%00",
        "a%00.png",
        "a%7fb",
        "k" * 601,
        "k" * 4096,
        "%F0%9F%93%B7" * 151,
        "",
    ],
)
async def test_a_key_that_no_entry_can_have(bench, method, key):
    reply = await bench.client.request(method, f"/v1/cache/{key}")

    assert reply.status_code == 400
    if method != "HEAD":
        assert_refused(reply, "key", "invalid_parameter")


@pytest.mark.parametrize(
    "key",
    ["a%20b", "a,b", "a%3Fb", "a%23b", "%F0%9F%93%B7", "..%5cetc", "%2Fetc%2Fpasswd", "a%0d%0ab", "k" * 600],
)
async def test_a_key_that_merely_is_not_there(bench, key):
    assert (await bench.client.get(f"/v1/cache/{key}")).status_code == 404


def assert_refused(reply, field, code, status=400):
    """Check that the error names the field, what is wrong with it, and what is allowed."""
    assert reply.status_code == status, reply.text
    body = reply.json()
    error = body["error"]
    assert body["code"] in ("invalid_request", "invalid_url")
    assert error["code"] == code
    assert error["type"] == "invalid_request_error"
    assert error["retryable"] is False
    details = error["details"]
    assert details["field"] == field
    assert details["problem"]
    assert details["remedy"]
    assert error["message"] == body["message"] == f"{field} {details['problem']}; {details['remedy']}."
    assert len(body["message"]) < 400
    assert body["request_id"] == error["request_id"] == reply.headers["x-request-id"]


def padded(body, size):
    """Return body as JSON of exactly size bytes."""
    text = json.dumps(body)
    return text.encode() + b" " * (size - len(text))
