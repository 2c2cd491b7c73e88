"""Limits at the door: told with every reply, kept at every door, and no hit costs a credit."""

from __future__ import annotations

import asyncio

import pytest

from calotype.access.limits import NO_LIMIT, Limits
from tests.api.test_signed import a_pair
from tests.support.scene import a_scene
from tests.support.service import a_bench
from tests.support.waiting import becomes

PAGE = "https://example.com/"
NAMES = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset")


async def a_key(bench, mode="live", **limits):
    """Return the headers of a caller with a key that has limits."""
    secret, _ = await bench.parts.authenticator.create("default", mode, "", limits=Limits(**limits))
    return {"authorization": f"Bearer {secret}"}


def told(reply):
    return tuple(int(reply.headers[name]) for name in NAMES)


async def take(bench, caller, path="", **more):
    return await bench.client.post("/v1/screenshot", json={"url": PAGE + path, **more}, headers=caller)


class TestTheHeaders:
    async def test_every_reply_has_them_and_without_a_limit_they_say_so(self, bench):
        shot = await bench.client.get("/v1/screenshot", params={"url": PAGE})
        replies = [
            shot,
            await bench.client.get(shot.headers["x-cache-url"], headers={"authorization": ""}),
            await bench.client.get(f"/v1/cache/{shot.headers['x-cache-key']}"),
            await bench.client.get("/v1/cache/nobody"),
            await bench.client.get("/v1/cache/nobody", headers={"authorization": "Bearer x"}),
            await bench.client.get("/v1/usage"),
            await bench.client.get("/healthz"),
            await bench.client.get("/nowhere"),
            await bench.client.put("/v1/usage"),
            await bench.client.post("/v1/screenshot", content=b"{"),
        ]

        reset = int(bench.clock().timestamp()) + 60
        assert {told(reply) for reply in replies} == {(NO_LIMIT, NO_LIMIT, reset)}

    async def test_with_one_they_count_down_at_every_door_alike_and_each_request_counts_once(self, bench):
        await take(bench, None)
        key = (await take(bench, None)).headers["x-cache-key"]
        caller = await a_key(bench, requests_per_minute=60)
        replies = [
            await bench.client.get(f"/v1/cache/{key}", headers=caller),  # answered by the gate
            await bench.client.get("/v1/cache/nobody", headers=caller),  # by the router behind it
            await bench.behind.get(f"/v1/cache/{key}", headers=caller),
            await take(bench, caller),
            await take(bench, caller, url="ftp://x"),
            await bench.client.get("/v1/usage", headers=caller),
        ]

        assert [told(reply)[1] for reply in replies] == [59, 58, 57, 56, 55, 54]
        assert {told(reply)[0] for reply in replies} == {60}

    async def test_what_needs_no_key_is_not_counted(self, bench):
        caller = await a_key(bench, requests_per_minute=1)
        url = (await take(bench, None)).headers["x-cache-url"]
        replies = [await bench.client.get(where, headers=caller) for where in (url, url, "/healthz")]

        assert [reply.status_code for reply in replies] == [200, 200, 200]
        assert {told(reply)[0] for reply in replies} == {NO_LIMIT}


class TestTooManyRequests:
    @pytest.mark.parametrize("agent", ["renderscreenshot-go/1.0.0", "renderscreenshot-node/1.0.0", "curl/8"])
    async def test_the_reply_is_one_that_every_client_understands(self, bench, agent):
        caller = await a_key(bench, requests_per_minute=2) | {"user-agent": agent}
        bench.clock.advance(seconds=13)
        replies = [await take(bench, caller) for _ in range(3)]
        refused = replies[-1]

        assert [reply.status_code for reply in replies] == [200, 200, 429]
        assert refused.headers["retry-after"] == "47"
        assert told(refused) == (2, 0, int(bench.clock().timestamp()) + 47)
        body = refused.json()
        assert body["code"] == body["error"]["code"] == "rate_limited"
        assert (body["error"]["type"], body["error"]["retryable"]) == ("rate_limit_error", True)
        assert body["error"]["details"]["code"] == "rate_limit_exceeded"
        assert body["request_id"] == body["error"]["request_id"] == refused.headers["x-request-id"]
        assert body["message"] == "This key may make 2 requests a minute, and has made them."

    async def test_java_gets_its_error_as_a_text(self, bench):
        caller = await a_key(bench, requests_per_minute=1) | {"user-agent": "renderscreenshot-java/1.0.0"}
        await take(bench, caller)
        body = (await take(bench, caller)).json()

        assert (body["code"], body["error"]) == ("rate_limited", body["message"])

    async def test_the_next_minute_begins_anew_for_this_key_and_others_never_noticed(self, bench):
        caller, other = await a_key(bench, requests_per_minute=1), await a_key(bench, requests_per_minute=1)
        assert [(await take(bench, who)).status_code for who in (caller, caller, other)] == [200, 429, 200]
        bench.clock.advance(seconds=60)

        assert (await take(bench, caller)).status_code == 200

    async def test_nothing_is_done_for_a_request_that_is_refused(self, bench):
        caller = await a_key(bench, requests_per_minute=1)
        key = (await take(bench, caller)).headers["x-cache-key"]
        assert (await bench.client.delete(f"/v1/cache/{key}", headers=caller)).status_code == 429

        assert (await bench.client.get(f"/v1/cache/{key}")).status_code == 200

    async def test_a_pair_has_limits_of_its_own(self, bench):
        pair = await a_pair(bench.parts.authenticator, bench.clock, limits=Limits(requests_per_minute=2))
        replies = [await bench.client.get(pair.path()) for _ in range(3)]

        assert [reply.status_code for reply in replies] == [200, 200, 429]
        assert [told(reply)[1] for reply in replies] == [1, 0, 0]

    async def test_forged_urls_use_nothing_of_it(self, bench):
        pair = await a_pair(bench.parts.authenticator, bench.clock, limits=Limits(requests_per_minute=1))
        for _ in range(3):
            assert (await bench.client.get(pair.path() + "0")).status_code == 401

        assert (await bench.client.get(pair.path())).status_code == 200

    async def test_a_hit_that_repeats_unparsed_is_counted_like_any_other(self, tmp_path):
        async with a_scene(tmp_path / "data") as scene:
            get = await scene.store()
            authenticator = scene.service.remembering.authenticator
            limited, _ = await authenticator.create(
                "default", "live", "", limits=Limits(requests_per_minute=60)
            )
            request = get.replace(scene.key.encode(), limited.encode())
            replies = [await scene.send(request) for _ in range(61)]

            assert scene.repeats.given > 10
            assert [status for status, _, _ in replies] == [200] * 60 + [429]
            assert [int(headers[NAMES[1]]) for _, headers, _ in replies] == [*range(59, -1, -1), 0]

    async def test_and_without_a_limit_it_says_so_too(self, tmp_path):
        async with a_scene(tmp_path / "data") as scene:
            get = await scene.store()
            for _ in range(3):
                _, headers, _ = await scene.send(get)
                reset = int(scene.clock().timestamp()) + 60
                assert [int(headers[name]) for name in NAMES] == [NO_LIMIT, NO_LIMIT, reset]
            scene.clock.advance(seconds=60)
            _, headers, _ = await scene.send(get)

            assert scene.repeats.given > 0
            assert int(headers[NAMES[2]]) == int(scene.clock().timestamp()) + 60


class TestCapturesUnderWay:
    async def test_one_too_many_is_told_to_come_again_and_a_hit_is_none(self, bench):
        await take(bench, None, "stored")
        caller = await a_key(bench, concurrent=2)
        bench.renderer.hold()
        under_way = [asyncio.create_task(take(bench, caller, path)) for path in "ab"]
        for _ in range(3):
            await bench.renderer.began.acquire()
        refused, hit = await take(bench, caller, "c"), await take(bench, caller, "stored")
        bench.renderer.release()
        done = await asyncio.gather(*under_way)

        assert [reply.status_code for reply in done] == [200, 200]
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert refused.json()["code"] == refused.json()["error"]["code"] == "rate_limited"
        assert hit.headers["x-cache-status"] == "HIT"
        assert (await take(bench, caller, "c")).status_code == 200


class TestCredits:
    async def usage(self, bench, caller):
        return (await bench.client.get("/v1/usage", headers=caller)).json()

    async def test_usage_has_the_shape_that_clients_read(self, bench):
        caller = await a_key(
            bench, plan="starter", requests_per_minute=60, concurrent=5, batch=20, credits=2000
        )
        await take(bench, caller)

        assert await self.usage(bench, caller) == {
            "credits": 2000,
            "used": 1,
            "remaining": 1999,
            "period_start": "2024-01-01T00:00:00Z",
            "period_end": "2024-02-01T00:00:00Z",
            "plan": "starter",
            "requests_per_minute": 60,
            "concurrent": 5,
            "batch": 20,
        }

    async def test_without_a_limit_it_counts_all_the_same(self, bench):
        caller = await a_key(bench)
        await take(bench, caller)
        told = await self.usage(bench, caller)

        assert (told["credits"], told["used"], told["remaining"]) == (NO_LIMIT, 1, NO_LIMIT - 1)
        assert (told["plan"], told["requests_per_minute"], told["concurrent"], told["batch"]) == (
            None,
            None,
            None,
            100,
        )

    async def test_a_picture_costs_one_a_hit_nothing_and_neither_does_a_failure(self, bench):
        caller = await a_key(bench, credits=10)
        used = []
        for path, status in (("a", 200), ("a", 200), ("b", 200), ("gone", 404)):
            bench.renderer.http_status = status
            assert (await take(bench, caller, path)).status_code == status
            used.append((await self.usage(bench, caller))["used"])

        assert used == [1, 1, 2, 2]

    async def test_what_bypasses_the_cache_and_what_renews_it_costs_too(self, bench):
        caller = await a_key(bench, credits=10)
        for cache in ({"enabled": False}, {"refresh": True}):
            await take(bench, caller, cache=cache)

        assert (await self.usage(bench, caller))["used"] == 2

    async def test_who_waited_for_anothers_picture_pays_nothing(self, bench):
        callers = [await a_key(bench, credits=10) for _ in range(2)]
        bench.renderer.hold()
        first = asyncio.create_task(take(bench, callers[0]))
        await bench.renderer.began.acquire()
        second = asyncio.create_task(take(bench, callers[1]))
        bench.renderer.release()
        await asyncio.gather(first, second)

        assert len(bench.renderer.renders) == 1
        assert sum([(await self.usage(bench, caller))["used"] for caller in callers]) == 1

    async def test_json_says_what_a_picture_cost_and_what_is_left(self, bench):
        caller = await a_key(bench, credits=10)
        costs = [(await take(bench, caller, response_type="json")).json()["usage"] for _ in range(2)]

        assert costs == [{"credits": 1, "remaining": 9}, {"credits": 0, "remaining": 9}]

    async def test_when_they_are_used_up_hits_are_still_served(self, bench):
        caller = await a_key(bench, credits=1)
        await take(bench, caller, "a")
        hit, refused = await take(bench, caller, "a"), await take(bench, caller, "b")

        assert hit.headers["x-cache-status"] == "HIT"
        assert refused.status_code == 403
        body = refused.json()
        assert (body["code"], body["error"]["code"], body["error"]["retryable"]) == (
            "forbidden",
            "quota_exceeded",
            False,
        )
        assert "retry-after" not in refused.headers
        assert len(bench.renderer.renders) == 1
        bench.clock.advance(days=31)
        assert (await take(bench, caller, "b")).status_code == 200

    async def test_anothers_empty_purse_fails_nobody_who_waits_for_the_same(self, bench):
        poor, rich = await a_key(bench, credits=1), await a_key(bench, credits=5)
        await take(bench, poor, "a")
        replies = await asyncio.gather(take(bench, poor, "b"), take(bench, rich, "b"))

        assert [reply.status_code for reply in replies] == [403, 200]

    async def test_test_keys_are_free(self, bench):
        caller = await a_key(bench, "test", credits=1)
        replies = [await take(bench, caller, path, response_type="json") for path in "abc"]

        assert [reply.status_code for reply in replies] == [200] * 3
        assert replies[-1].json()["usage"] == {"credits": 0, "remaining": 1}

    async def test_a_pairs_pictures_are_its_own_expense(self, bench):
        pair = await a_pair(bench.parts.authenticator, bench.clock, limits=Limits(credits=1))
        replies = [await bench.client.get(pair.path(PAGE + path)) for path in "aab"]

        assert [reply.status_code for reply in replies] == [200, 200, 403]

    async def test_what_was_used_is_remembered_by_the_next_server(self, tmp_path):
        async with a_bench(tmp_path / "data") as bench:
            caller = await a_key(bench, credits=100)
            for path in "abc":
                await take(bench, caller, path)
        async with a_bench(tmp_path / "data") as bench:
            assert (await self.usage(bench, caller))["used"] == 3


class TestBatches:
    async def batch(self, bench, caller, paths, **more):
        body = {"urls": [PAGE + path for path in paths], **more}
        return await bench.client.post("/v1/batch", json=body, headers=caller)

    async def test_a_batch_is_as_large_as_its_key_may_have_it(self, bench):
        caller = await a_key(bench, batch=2)
        fits, exceeds = await self.batch(bench, caller, "ab"), await self.batch(bench, caller, "abc")

        assert (fits.status_code, exceeds.status_code) == (200, 400)
        assert "a batch has at most 2" in exceeds.json()["message"]

    async def test_its_pictures_cost_what_others_do_and_are_refused_when_the_purse_is_empty(self, bench):
        caller = await a_key(bench, credits=2)
        await take(bench, caller, "a")
        results = (await self.batch(bench, caller, "abc", concurrency=1)).json()["results"]

        assert [item["status"] for item in results] == ["completed", "completed", "failed"]
        assert results[2]["failure"]["code"] == "quota_exceeded"
        assert len(bench.renderer.renders) == 2

    async def test_it_waits_for_a_place_where_its_key_has_few(self, bench):
        caller = await a_key(bench, concurrent=1)
        bench.renderer.hold()
        first = asyncio.create_task(take(bench, caller, "held"))
        await bench.renderer.began.acquire()
        later = (await self.batch(bench, caller, "ab", **{"async": True})).json()
        # It has asked for its turn, and been refused, before the place is free.
        await asyncio.sleep(0.2)
        assert len(bench.renderer.renders) == 1
        bench.renderer.release()
        assert (await first).status_code == 200

        async def is_over():
            found = await bench.client.get(f"/v1/batch/{later['id']}", headers=caller)
            return found.json()["completed"] == 2

        await becomes(is_over)


async def test_usage_wants_a_key(bench):
    assert (await bench.client.get("/v1/usage", headers={"authorization": ""})).status_code == 401
