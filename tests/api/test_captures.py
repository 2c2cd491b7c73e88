"""POST and GET /v1/screenshot: when a picture is rendered, when served again, and what the reply tells."""

from __future__ import annotations

import base64
import re

import pytest

from calotype.access.limits import NO_LIMIT
from calotype.capture.errand import Urgency
from calotype.capture.result import Phases
from tests.support.pictures import a_png
from tests.support.service import BASE, a_bench

PAGE = "https://example.com/"


async def post(bench, **body):
    return await bench.client.post("/v1/screenshot", json={"url": PAGE} | body)


async def get(bench, **parameters):
    return await bench.client.get("/v1/screenshot", params={"url": PAGE} | parameters)


class TestTheFirstRequest:
    async def test_it_is_rendered_and_answered_with_the_bytes(self, bench):
        reply = await post(bench)

        assert reply.status_code == 200
        assert reply.content == a_png(0)
        assert reply.headers["content-type"] == "image/png"
        assert reply.headers["content-length"] == str(len(a_png(0)))

    async def test_its_headers_tell_the_whole_story(self, bench):
        headers = (await post(bench)).headers

        assert re.fullmatch(r"cache_[0-9a-f]{32}", headers["x-cache-key"])
        entry_id = headers["x-cache-key"].removeprefix("cache_")
        assert headers["x-cache-url"] == f"{BASE}/screenshots/2024/01/15/{entry_id}.png"
        assert headers["x-cache-status"] == "MISS"
        assert headers["x-cache-hit"] == "false"
        assert headers["x-cache-expires"] == "2024-01-16T12:00:00Z"
        assert headers["x-render-time"] == "5"
        assert headers["server-timing"].startswith("queue;dur=0, render;dur=5, open;dur=")
        assert re.fullmatch(r"req_[0-9a-f]{16}", headers["x-request-id"])
        assert re.fullmatch(r'"[A-Za-z0-9_-]{43}"', headers["etag"])
        assert headers["cache-status"] == "calotype; fwd=uri-miss; stored"
        assert headers["cache-control"] == "private, no-cache"
        assert headers["x-content-type-options"] == "nosniff"

    async def test_get_and_post_and_either_spelling_are_the_same_request(self, bench):
        key = (await post(bench, viewport={"width": 800}, output={"format": "jpeg"})).headers["x-cache-key"]

        flat = await post(bench, width=800, format="jpg")
        query = await get(bench, width="800", format="jpeg")

        assert (flat.headers["x-cache-key"], query.headers["x-cache-key"]) == (key, key)
        assert flat.headers["x-cache-status"] == query.headers["x-cache-status"] == "HIT"

    async def test_another_option_is_another_picture(self, bench):
        one, other = await post(bench), await post(bench, full_page=True)

        assert one.headers["x-cache-key"] != other.headers["x-cache-key"]
        assert other.headers["x-cache-status"] == "MISS"

    async def test_html_is_pictured_as_a_page_is(self, bench):
        body = {"html": "<p>hello", "html_base_url": "https://example.com/base/"}
        first = await bench.client.post("/v1/screenshot", json=body)
        again = await bench.client.post("/v1/screenshot", json=body)

        assert first.status_code == 200
        assert again.headers["x-cache-status"] == "HIT"

    async def test_markdown_is_pictured_in_either_dialect_and_either_method(self, bench):
        body = {"markdown": "# Hello", "markdown_css": "h1 { color: red }", "html_base_url": PAGE}
        first = await bench.client.post("/v1/screenshot?strict=1", json=body)
        again = await bench.client.get("/v1/screenshot?strict=1", params=body)
        another = await bench.client.post(
            "/v1/screenshot", json=body | {"markdown_css": "h1 { color: blue }"}
        )

        assert (first.status_code, first.headers["x-cache-status"]) == (200, "MISS")
        assert again.headers["x-cache-status"] == "HIT"
        assert another.headers["x-cache-status"] == "MISS"

    async def test_they_tell_the_wait_for_a_turn_apart_from_the_render(self, bench):
        bench.renderer.queue_ms = 1234
        told = "queue;dur=1234, render;dur=5, "

        assert (await post(bench)).headers["server-timing"].startswith(told)
        again = await post(bench, cache={"enabled": False})
        assert again.headers["server-timing"].startswith(told)

    async def test_they_tell_where_the_time_of_the_render_went(self, bench):
        bench.renderer.phases = Phases(open_ms=1, navigate_ms=2, load_ms=30, settle_ms=4, shoot_ms=5)

        told = "open;dur=1, navigate;dur=2, load;dur=30, settle;dur=4, shoot;dur=5"
        assert (await post(bench)).headers["server-timing"].endswith(told)

    async def test_the_browser_is_told_whose_it_is_and_the_weight_of_the_key(self, bench):
        secret, _ = await bench.service.remembering.authenticator.create("anna", "live", "", 7)
        await post(bench)
        await bench.client.get(
            "/v1/screenshot", params={"url": PAGE}, headers={"authorization": f"Bearer {secret}"}
        )
        mine, annas = bench.renderer.errands

        assert mine.account != annas.account
        assert (mine.weight, annas.weight) == (1, 7)
        assert mine.urgency is annas.urgency is Urgency.INTERACTIVE


class TestTheSameRequestAgain:
    async def test_it_is_a_hit_with_the_same_bytes_and_no_render(self, bench):
        first = await post(bench)
        bench.clock.advance(minutes=10)
        again = await post(bench)

        assert again.content == first.content
        assert len(bench.renderer.renders) == 1
        assert again.headers["x-cache-status"] == "HIT"
        assert again.headers["x-cache-hit"] == "true"
        assert again.headers["cache-status"] == "calotype; hit; ttl=85800"
        assert again.headers["age"] == "600"
        assert "x-render-time" not in again.headers
        assert "server-timing" not in again.headers

    async def test_its_names_and_its_end_stay_the_same(self, bench):
        first = await post(bench)
        bench.clock.advance(hours=23)
        again = await post(bench, cache={"ttl": 2_592_000})

        for name in ("x-cache-key", "x-cache-url", "x-cache-expires", "etag"):
            assert again.headers[name] == first.headers[name]

    @pytest.mark.parametrize("spelling", [{"ttl": 60}, {"ttl": 60.0}])
    async def test_ttl_says_how_long_it_lives(self, bench, spelling):
        assert (await post(bench, cache=spelling)).headers["x-cache-expires"] == "2024-01-15T12:01:00Z"

        bench.clock.advance(seconds=59)
        assert (await post(bench)).headers["x-cache-status"] == "HIT"
        bench.clock.advance(seconds=1)
        rendered = await post(bench)
        assert rendered.headers["x-cache-status"] == "MISS"
        assert rendered.headers["cache-status"] == "calotype; fwd=stale; stored"

    async def test_refresh_renders_anew_and_everyone_after_gets_the_new_one(self, bench):
        first = await post(bench)
        bench.clock.advance(hours=1)
        fresh = await post(bench, cache={"refresh": True})
        after = await post(bench)

        assert fresh.headers["cache-status"] == "calotype; fwd=request; stored"
        assert fresh.headers["x-cache-status"] == "MISS"
        assert fresh.headers["x-cache-key"] == first.headers["x-cache-key"]
        assert fresh.headers["x-cache-expires"] == "2024-01-16T13:00:00Z"
        assert after.headers["x-cache-status"] == "HIT"
        assert after.content == fresh.content == a_png(1)

    async def test_available_asks_for_a_hit_and_refresh_is_stronger(self, bench):
        await post(bench)

        assert (await get(bench, cache_available="true")).headers["x-cache-status"] == "HIT"
        both = await post(bench, cache={"available": True, "refresh": True})
        assert both.headers["x-cache-status"] == "MISS"

    async def test_the_operator_can_make_hits_opt_in(self, tmp_path):
        async with a_bench(tmp_path / "data", CALOTYPE_CACHE_DEFAULT="available") as bench:
            statuses = [
                (await post(bench, cache=wish)).headers["x-cache-status"]
                for wish in ({}, {}, {"available": True}, {"available": False})
            ]

        assert statuses == ["MISS", "MISS", "HIT", "MISS"]


class TestWithTheCacheOff:
    async def test_nothing_is_looked_up_and_nothing_is_stored(self, bench):
        stored = await post(bench)
        uncached = await post(bench, cache={"enabled": False})

        assert uncached.content == a_png(1) != stored.content
        assert (await post(bench)).content == stored.content

    async def test_the_reply_names_no_place_where_it_could_be_had_again(self, bench):
        headers = (await post(bench, cache={"enabled": False})).headers

        assert "x-cache-url" not in headers
        assert "x-cache-expires" not in headers
        assert "age" not in headers
        assert headers["cache-control"] == "no-store"
        assert headers["cache-status"] == "calotype; fwd=bypass"
        assert headers["x-cache-status"] == "MISS"

    async def test_it_is_stronger_than_refresh(self, bench):
        first = await post(bench)
        await post(bench, cache={"enabled": False, "refresh": True})

        assert (await post(bench)).content == first.content

    async def test_a_json_reply_carries_the_picture_itself(self, bench):
        reply = (await post(bench, cache={"enabled": False}, response_type="json")).json()

        assert base64.b64decode(reply["image"]["data"]) == a_png(0)
        assert {"url", "cache_url", "ttl"}.isdisjoint(reply)
        assert {"url", "expires_at"}.isdisjoint(reply["cache"])


class TestAKeyOfOnesOwn:
    async def test_it_is_the_name_of_the_entry(self, bench):
        taken = await post(bench, cache={"key": "my-custom-key"})

        assert taken.headers["x-cache-key"] == "my-custom-key"
        got = await bench.client.get("/v1/cache/my-custom-key")
        assert got.content == taken.content

    async def test_it_is_the_whole_identity(self, bench):
        taken = await post(bench, cache={"key": "home"})
        other = await post(bench, url="https://example.com/other", width=500, cache={"key": "home"})

        assert other.headers["x-cache-status"] == "HIT"
        assert other.content == taken.content

    async def test_get_can_name_it_too(self, bench):
        taken = await get(bench, cache_key="posts/2024:a")

        assert taken.headers["x-cache-key"] == "posts/2024:a"


class TestAJsonReply:
    async def test_it_holds_the_shapes_of_both_client_families(self, bench):
        reply = await post(bench, response_type="json")
        key, url = reply.headers["x-cache-key"], reply.headers["x-cache-url"]

        assert reply.headers["content-type"] == "application/json"
        assert reply.headers["content-length"] == str(len(reply.content))
        size = len(a_png(0))
        assert reply.json() == {
            "id": reply.headers["x-request-id"],
            "status": "completed",
            "url": url,
            "cache_url": url,
            "width": 1,
            "height": 1,
            "format": "png",
            "size": size,
            "cache_key": key,
            "ttl": 86_400,
            "cached": False,
            "image": {"url": url, "width": 1, "height": 1, "size": size, "format": "png"},
            "cache": {"hit": False, "key": key, "url": url, "expires_at": "2024-01-16T12:00:00Z"},
            "metadata": {
                "title": "",
                "description": "",
                "final_url": "https://example.com/",
                "http_status": 200,
            },
            "verdict": {
                "title": "",
                "description": "",
                "final_url": "https://example.com/",
                "http_status": 200,
                "settled_by": None,
                "blank": False,
                "bot_wall": None,
                "error_page": False,
                "cut": None,
                "unfinished_images": 0,
                "missing_glyphs": 0,
                "console_errors": 0,
                "consent_banner": None,
                "consent_product": "",
            },
            "usage": {"credits": 1, "remaining": NO_LIMIT - 1},
        }

    async def test_it_tells_a_hit(self, bench):
        await post(bench)
        reply = (await post(bench, response_type="json")).json()

        assert reply["cached"] is True
        assert reply["cache"]["hit"] is True

    @pytest.mark.parametrize(
        ("response_type", "accept", "media_type"),
        [
            (None, "*/*", "image/png"),
            (None, "application/json", "application/json"),
            (None, "text/html, application/json;q=0.9", "application/json"),
            ("json", "*/*", "application/json"),
            ("json", "image/png", "application/json"),
            ("binary", "application/json", "image/png"),
        ],
    )
    async def test_response_type_decides_and_else_accept(self, bench, response_type, accept, media_type):
        body = {"url": PAGE, "response_type": response_type}
        posted = await bench.client.post("/v1/screenshot", json=body, headers={"accept": accept})
        query = {"url": PAGE} | ({"response_type": response_type} if response_type else {})
        got = await bench.client.get("/v1/screenshot", params=query, headers={"accept": accept})

        assert posted.headers["content-type"] == got.headers["content-type"] == media_type

    @pytest.mark.parametrize(
        "condition",
        [{"if-none-match": "*"}, {"if-match": '"a"'}, {"range": "bytes=0-0"}, {"range": "bytes=9999-"}],
    )
    async def test_conditions_are_about_pictures_not_about_json(self, bench, condition):
        as_json = {"accept": "application/json"}
        await get(bench)
        plain = await bench.client.get("/v1/screenshot", params={"url": PAGE}, headers=as_json)
        conditional = await bench.client.get(
            "/v1/screenshot", params={"url": PAGE}, headers=as_json | condition
        )

        assert conditional.status_code == 200
        assert conditional.headers.keys() == plain.headers.keys()
        assert "etag" not in conditional.headers


class TestConditions:
    async def test_a_get_whose_picture_the_client_has_is_answered_304(self, bench):
        tag = (await get(bench)).headers["etag"]
        reply = await bench.client.get("/v1/screenshot", params={"url": PAGE}, headers={"if-none-match": tag})

        assert reply.status_code == 304
        assert reply.content == b""
        assert "content-length" not in reply.headers

    async def test_a_post_is_always_answered_in_full(self, bench):
        tag = (await post(bench)).headers["etag"]
        reply = await bench.client.post(
            "/v1/screenshot", json={"url": PAGE}, headers={"if-none-match": tag, "range": "bytes=0-0"}
        )

        assert reply.status_code == 200
        assert reply.content == a_png(0)

    async def test_the_tag_is_made_of_the_bytes(self, bench):
        first, other = await post(bench), await post(bench, url="https://example.com/b")

        assert first.headers["etag"] != other.headers["etag"]


class TestUnknownFields:
    async def test_they_are_ignored_but_told(self, bench):
        reply = await post(bench, sparkle=1, wait={"moon": True}, cache={"colour": "red"})

        assert reply.status_code == 200
        assert reply.headers["calotype-ignored"] == "cache.colour, sparkle, wait.moon"

    @pytest.mark.parametrize(
        ("query", "headers"), [("?strict=1", {}), ("?strict", {}), ("", {"calotype-strict": "1"})]
    )
    @pytest.mark.parametrize(
        ("extra", "field"), [({"sparkle": 1}, "sparkle"), ({"cache": {"tll": 60}}, "cache.tll")]
    )
    async def test_in_strict_mode_they_are_refused(self, bench, query, headers, extra, field):
        reply = await bench.client.post(f"/v1/screenshot{query}", json={"url": PAGE} | extra, headers=headers)

        assert reply.status_code == 400
        assert reply.json()["error"]["details"]["field"] == field
        assert bench.renderer.renders == []

    async def test_strict_get_knows_its_own_parameters(self, bench):
        assert (await get(bench, strict="1", api_key=bench.key)).status_code == 200

    async def test_whatever_they_are_called_the_header_stays_one_line(self, bench):
        reply = await post(bench, **{"a\r\nset-cookie: b": 1, "ü": 2, "x" * 5000: 3})

        assert reply.headers["calotype-ignored"].startswith("a??set-cookie: b, x")
        assert len(reply.headers["calotype-ignored"]) == 1024
        assert "set-cookie" not in reply.headers
