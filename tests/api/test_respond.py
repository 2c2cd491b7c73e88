"""plan: an entry, a request's conditions and the time make status, headers and which bytes. No I/O."""

from __future__ import annotations

import base64
import hashlib
from datetime import timedelta

import pytest

from calotype.api.request import conditions_of
from calotype.api.respond import Audience, Story, etag, hit_story, plan, shot_story
from calotype.cache.store import OpenEntry
from calotype.shots.shot import Forward, Served, Shot
from tests.support.builders import an_entry
from tests.support.clock import NOON

DATA = bytes(range(100))
ENTRY = an_entry(data=DATA)
TAG = etag(ENTRY.sha256)
NOW = NOON + timedelta(minutes=5, milliseconds=300)
CAPTURED, BEFORE, AFTER = (
    "Mon, 15 Jan 2024 12:00:00 GMT",
    "Mon, 15 Jan 2024 11:59:59 GMT",
    "Mon, 15 Jan 2024 12:00:01 GMT",
)


def answer(method="GET", audience=Audience.CALLER, story=None, **conditions):
    """Return the plan for a request with these headers; `_` stands for `-`."""
    headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in conditions.items()]
    story = story or hit_story(ENTRY, NOW)
    return plan(ENTRY, story, method, conditions_of(headers), NOW, "http://calotype.test", audience)


def sent(planned):
    """Return status and body of a plan."""
    return planned.status, DATA[planned.start : planned.stop]


class TestTheWholePicture:
    def test_it_is_sent_with_its_exact_length(self):
        planned = answer()

        assert sent(planned) == (200, DATA)
        assert dict(planned.headers)[b"content-length"] == b"100"

    def test_the_headers_of_a_hit(self):
        assert dict(answer().headers) == {
            b"etag": TAG.encode(),
            b"last-modified": CAPTURED.encode(),
            b"cache-status": b"calotype; hit; ttl=3299",
            b"x-cache-status": b"HIT",
            b"x-cache-hit": b"true",
            b"x-content-type-options": b"nosniff",
            b"accept-ranges": b"bytes",
            b"cache-control": b"private, no-cache",
            b"x-cache-key": b"k",
            b"x-cache-url": f"http://calotype.test/{ENTRY.path}".encode(),
            b"x-cache-expires": b"2024-01-15T13:00:00Z",
            b"age": b"300",
            b"content-type": b"image/png",
            b"content-length": b"100",
        }

    def test_the_tag_is_strong_and_the_hash_of_the_bytes(self):
        digest = base64.urlsafe_b64encode(hashlib.sha256(DATA).digest()).decode().rstrip("=")

        assert etag(ENTRY.sha256) == f'"{digest}"'

    def test_head_has_the_headers_of_get_and_no_bytes(self):
        head = answer("HEAD")

        assert sent(head) == (200, b"")
        assert head.headers == answer("GET").headers


class TestIfNoneMatch:
    @pytest.mark.parametrize(
        "value", [TAG, f"W/{TAG}", "*", f'"a", {TAG}', f'{TAG},"b"', f'W/"a",W/{TAG} , "b"', f"  {TAG} "]
    )
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_the_client_has_it_already(self, method, value):
        planned = answer(method, if_none_match=value)

        assert sent(planned) == (304, b"")
        names = {name for name, _ in planned.headers}
        assert {b"etag", b"cache-control", b"last-modified", b"x-cache-expires", b"cache-status"} <= names
        assert {b"content-length", b"content-type", b"content-range"}.isdisjoint(names)

    @pytest.mark.parametrize(
        "value", ['"a"', 'W/"a"', '"a", "b"', TAG.strip('"'), TAG[:-2] + '"', "", f'"{TAG}"x']
    )
    def test_the_client_has_another(self, value):
        assert sent(answer(if_none_match=value)) == (200, DATA)

    def test_several_lines_are_one_list(self):
        lines = [(b"if-none-match", b'"a"'), (b"if-none-match", TAG.encode())]

        for headers in (lines, lines[::-1]):
            planned = plan(ENTRY, hit_story(ENTRY, NOW), "GET", conditions_of(headers), NOW, "")
            assert planned.status == 304

    def test_it_counts_only_where_a_picture_is_read(self):
        assert sent(answer("POST", if_none_match=TAG)) == (200, DATA)


class TestIfModifiedSince:
    @pytest.mark.parametrize(
        ("since", "status"),
        [
            (CAPTURED, 304),
            (AFTER, 304),
            (BEFORE, 200),
            ("Monday, 15-Jan-24 12:00:00 GMT", 304),
            ("yesterday", 200),
            ("", 200),
            ("Mon, 15 Jan 2024 12:00:00 +99999999999999999999", 200),
            ("Mon, 15 Jan 99999 12:00:00 GMT", 200),
            ("Mon, 15 Jan 2024 12:00:00 -0000", 200),
        ],
    )
    def test_against_the_moment_of_capture(self, since, status):
        assert answer(if_modified_since=since).status == status

    def test_if_none_match_makes_it_void(self):
        assert answer(if_none_match='"a"', if_modified_since=AFTER).status == 200
        assert answer(if_none_match=TAG, if_modified_since=BEFORE).status == 304


class TestIfMatchAndIfUnmodifiedSince:
    @pytest.mark.parametrize(
        ("value", "status"),
        [(TAG, 200), ("*", 200), (f'"a", {TAG}', 200), ('"a"', 412), (f"W/{TAG}", 412), ("", 412)],
    )
    def test_if_match_compares_strongly(self, value, status):
        planned = answer(if_match=value)

        assert planned.status == status
        assert sent(planned)[1] == (DATA if status == 200 else b"")

    @pytest.mark.parametrize(
        ("since", "status"), [(CAPTURED, 200), (AFTER, 200), (BEFORE, 412), ("bad", 200)]
    )
    def test_if_unmodified_since(self, since, status):
        assert answer(if_unmodified_since=since).status == status

    def test_if_match_makes_if_unmodified_since_void(self):
        assert answer(if_match=TAG, if_unmodified_since=BEFORE).status == 200


class TestRange:
    @pytest.mark.parametrize(
        ("value", "body", "content_range"),
        [
            ("bytes=0-0", DATA[:1], b"bytes 0-0/100"),
            ("bytes=0-99", DATA, b"bytes 0-99/100"),
            ("bytes=10-19", DATA[10:20], b"bytes 10-19/100"),
            ("bytes=99-", DATA[99:], b"bytes 99-99/100"),
            ("bytes=5-", DATA[5:], b"bytes 5-99/100"),
            ("bytes=50-1000", DATA[50:], b"bytes 50-99/100"),
            ("bytes=-1", DATA[-1:], b"bytes 99-99/100"),
            ("bytes=-100", DATA, b"bytes 0-99/100"),
            ("bytes=-1000", DATA, b"bytes 0-99/100"),
            ("Bytes=0-0", DATA[:1], b"bytes 0-0/100"),
        ],
    )
    def test_a_part_is_sent_as_206(self, value, body, content_range):
        planned = answer(range=value)
        headers = dict(planned.headers)

        assert sent(planned) == (206, body)
        assert headers[b"content-range"] == content_range
        assert headers[b"content-length"] == str(len(body)).encode()
        assert headers[b"content-type"] == b"image/png"
        assert headers[b"etag"] == TAG.encode()

    @pytest.mark.parametrize("value", ["bytes=100-", "bytes=100-200", "bytes=99999999-", "bytes=-0"])
    def test_a_part_that_is_not_there_is_416(self, value):
        planned = answer(range=value)

        assert sent(planned) == (416, b"")
        assert dict(planned.headers) == {b"content-range": b"bytes */100", b"content-length": b"0"}

    @pytest.mark.parametrize(
        "value",
        [
            "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "bytes=1", "bytes=--1",
            "bytes=0x0-0x9", "items=0-5", "lines=0-5", "0-5", "bytes 0-5", "bytes=0-5/100", "bytes=²-³",
            "bytes=0-" + "9" * 5000, "bytes=0-0,2-3", "bytes=" + ",".join(f"{n}-{n}" for n in range(50)),
        ],
    )  # fmt: skip
    def test_what_is_no_single_range_of_bytes_is_ignored(self, value):
        assert sent(answer(range=value)) == (200, DATA)

    def test_head_ignores_it(self):
        assert answer("HEAD", range="bytes=0-0").status == 200


class TestIfRange:
    @pytest.mark.parametrize("validator", [TAG, CAPTURED])
    def test_the_part_is_of_what_the_client_has(self, validator):
        assert sent(answer(range="bytes=0-0", if_range=validator)) == (206, DATA[:1])

    @pytest.mark.parametrize("validator", ['"a"', f"W/{TAG}", BEFORE, AFTER, "nonsense", ""])
    def test_else_all_of_it_is_sent(self, validator):
        assert sent(answer(range="bytes=0-0", if_range=validator)) == (200, DATA)
        assert sent(answer(range="bytes=500-", if_range=validator)) == (200, DATA)


class TestTheOrderOfPreconditions:
    @pytest.mark.parametrize(
        ("conditions", "status"),
        [
            ({"if_match": '"a"', "if_none_match": TAG, "range": "bytes=0-0"}, 412),
            ({"if_unmodified_since": BEFORE, "if_none_match": TAG}, 412),
            ({"if_match": TAG, "if_none_match": TAG, "range": "bytes=0-0"}, 304),
            ({"if_modified_since": AFTER, "range": "bytes=500-"}, 304),
            ({"if_match": TAG, "if_none_match": '"a"', "range": "bytes=0-0"}, 206),
            ({"if_match": TAG, "if_none_match": '"a"', "range": "bytes=500-"}, 416),
        ],
    )
    def test_as_rfc_9110_has_it(self, conditions, status):
        assert answer(**conditions).status == status


class TestTheAudience:
    def test_a_caller_must_ask_again_each_time_or_a_purge_would_not_reach_the_copy(self):
        headers = dict(answer().headers)

        assert headers[b"cache-control"] == b"private, no-cache"
        assert b"cdn-cache-control" not in headers

    def test_the_public_may_keep_it_a_minute_and_a_purgeable_cache_to_its_end(self):
        headers = dict(answer(audience=Audience.PUBLIC).headers)

        assert headers[b"cache-control"] == b"public, max-age=60"
        assert headers[b"cdn-cache-control"] == b"max-age=3299"
        assert b"x-cache-key" not in headers


def a_shot(**facts):
    return Shot(opened=OpenEntry(ENTRY, DATA), **{"served": Served.MISS} | facts)


@pytest.mark.parametrize(
    ("shot", "status", "cache_status"),
    [
        (a_shot(served=Served.HIT), b"HIT", "calotype; hit; ttl=3299"),
        (a_shot(forward=Forward.MISS), b"MISS", "calotype; fwd=uri-miss; stored"),
        (
            a_shot(served=Served.COLLAPSED, forward=Forward.MISS),
            b"MISS", "calotype; fwd=uri-miss; collapsed; stored",
        ),
        (a_shot(forward=Forward.REFRESH), b"MISS", "calotype; fwd=request; stored"),
        (a_shot(forward=Forward.EXPIRED), b"MISS", "calotype; fwd=stale; stored"),
        (a_shot(forward=Forward.BYPASS, stored=False), b"MISS", "calotype; fwd=bypass"),
        (
            a_shot(forward=Forward.MISS, stored=False, detail="purged"),
            b"MISS", "calotype; fwd=uri-miss; stored=?0; detail=purged",
        ),
    ],
)  # fmt: skip
def test_the_story_that_cache_status_tells(shot, status, cache_status):
    story = shot_story(shot, NOW)

    assert (story.status, story.cache_status) == (status, cache_status)
    assert story.render_ms == (None if status == b"HIT" else 5)


def test_what_was_not_stored_has_no_place_and_no_end():
    story = Story(status=b"MISS", cache_status="calotype; fwd=bypass", hit=False, stored=False, render_ms=5)
    headers = dict(answer(story=story).headers)

    assert headers[b"cache-control"] == b"no-store"
    assert headers[b"x-render-time"] == b"5"
    assert headers[b"x-cache-hit"] == b"false"
    assert {b"x-cache-url", b"x-cache-expires", b"age"}.isdisjoint(headers)
