"""POST /v1/batch and its kin: many captures under one id, and what each client family is told of them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from calotype.api import batches as batch_routes
from calotype.api import followers
from calotype.capture.errand import Urgency
from calotype.capture.errors import NavigationFailed, QueueFull, QueueTimeout
from calotype.shots.asked import parse_asked
from tests.support.service import NOBODY, a_bench
from tests.support.waiting import becomes

PAGES = [f"https://example.com/{number}" for number in range(20)]
NEWER = ["renderscreenshot-go/1.0.0", "renderscreenshot-ruby/1.0.0", "curl/8.0"]
OLDER = [f"renderscreenshot-{name}/1.0.0" for name in ("node", "python", "php", "java")]


async def batch(bench, agent="curl/8.0", **body):
    return await bench.client.post("/v1/batch", json=body, headers={"user-agent": agent})


async def ended(bench, told):
    """Wait until a batch is over; return what is told of it then."""
    path = f"/v1/{'jobs' if told['id'].startswith('job_') else 'batch'}/{told['id']}"

    async def is_over():
        latest.append((await bench.client.get(path)).json())
        return latest[-1]["status"] in ("completed", "failed", "cancelled")

    latest: list[dict[str, Any]] = []
    await becomes(is_over)
    return latest[-1]


class TestSmall:
    async def test_it_is_answered_when_it_is_done(self, bench):
        reply = await batch(bench, urls=PAGES[:3])
        told = reply.json()

        assert reply.status_code == 200
        assert told["id"].startswith("batch_")
        assert (told["status"], told["total"], told["completed"], told["failed"]) == ("completed", 3, 3, 0)
        assert [item["url"] for item in told["results"]] == PAGES[:3]
        for item in told["results"]:
            got = await bench.client.get(item["image_url"])
            by_key = await bench.client.get(f"/v1/cache/{item['cache']['key']}")
            assert (got.status_code, by_key.content) == (200, got.content)

    async def test_each_request_may_have_options_of_its_own(self, bench):
        wide = {"url": PAGES[0], "viewport": {"width": 1920}}
        await batch(
            bench, requests=[wide, {"url": PAGES[1], "preset": "og_card"}, {"url": PAGES[2], "width": 640}]
        )

        by_page = {r.negative.target.url: r.negative.viewport.width_px for r in bench.renderer.renders}
        assert by_page == {PAGES[0]: 1920, PAGES[1]: 1200, PAGES[2]: 640}

    async def test_options_are_for_all_of_the_urls_and_a_url_among_them_means_nothing(self, bench):
        for junk in ("", "dummy", None):
            reply = await batch(bench, urls=PAGES[:2], options={"url": junk, "dark_mode": True, "width": 640})
            assert reply.json()["completed"] == 2

        assert {r.negative.viewport.width_px for r in bench.renderer.renders} == {640}
        assert all(r.negative.browser.dark_mode for r in bench.renderer.renders)

    async def test_the_captures_are_told_to_be_those_of_a_batch_and_of_the_account(self, bench):
        await batch(bench, urls=PAGES[:2])

        assert {(e.urgency, e.account, e.weight) for e in bench.renderer.errands} == {(Urgency.BATCH, 1, 1)}

    async def test_what_is_cached_is_a_hit(self, bench):
        await bench.client.post("/v1/screenshot", json={"url": PAGES[0], "cache": {"ttl": 600}})
        told = (await batch(bench, urls=PAGES[:2])).json()

        assert [item["cache"]["hit"] for item in told["results"]] == [True, False]
        assert len(bench.renderer.renders) == 2

    async def test_what_a_batch_has_made_is_a_hit_for_others(self, bench):
        await batch(bench, urls=PAGES[:1])
        reply = await bench.client.post("/v1/screenshot", json={"url": PAGES[0]})

        assert reply.headers["x-cache-status"] == "HIT"

    async def test_the_same_twice_is_one_capture_and_told_in_both_places(self, bench):
        same = {"url": PAGES[0], "viewport": {"width": 1280.0}}
        told = (await batch(bench, requests=[{"url": PAGES[0]}, {"url": PAGES[1]}, same])).json()

        assert len(bench.renderer.renders) == 2
        assert (told["total"], told["completed"]) == (3, 3)
        first, _, last = told["results"]
        assert first == last

    async def test_only_so_many_are_made_at_once(self, bench):
        bench.renderer.hold()
        asking = asyncio.create_task(batch(bench, urls=PAGES[:4], concurrency=1))
        await bench.renderer.began.acquire()
        bench.renderer.release()
        await asking

        assert bench.renderer.most_running == 1

    async def test_a_head_says_what_a_get_would(self, bench):
        told = (await batch(bench, urls=PAGES[:1])).json()
        reply = await bench.client.head(f"/v1/batch/{told['id']}")

        assert (reply.status_code, reply.content) == (200, b"")

    @pytest.mark.parametrize("path", ["/v1/batch", "/v1/batches"])
    async def test_it_can_be_asked_for_again_under_both_names(self, bench, path):
        told = (await batch(bench, urls=PAGES[:2])).json()
        again = await bench.client.get(f"{path}/{told['id']}")

        assert (again.status_code, again.json()) == (200, told)
        assert told["results_url"].endswith(f"/v1/batches/{told['id']}")


class TestLarge:
    async def test_more_than_ten_are_not_waited_for(self, bench):
        bench.renderer.hold()
        reply = await batch(bench, urls=PAGES[:11])
        told = reply.json()

        assert reply.status_code == 202
        assert reply.headers["location"] == f"/v1/batch/{told['id']}"
        assert (told["status"], told["total"], told["completed"]) == ("queued", 11, 0)
        assert {item["status"] for item in told["results"]} == {"pending"}
        bench.renderer.release()
        over = await ended(bench, told)
        assert (over["status"], over["completed"]) == ("completed", 11)
        assert over["ended_at"]

    @pytest.mark.parametrize("more", [{"async": True}, {"webhook": {"url": f"http://{NOBODY}/"}}])
    async def test_nor_is_one_that_says_so(self, bench, more):
        bench.renderer.hold()
        reply = await batch(bench, urls=PAGES[:1], **more)

        assert reply.status_code == 202
        bench.renderer.release()
        assert (await ended(bench, reply.json()))["completed"] == 1

    async def test_it_is_processing_as_soon_as_somebody_is_at_it(self, bench):
        bench.renderer.hold()
        told = (await batch(bench, urls=PAGES[:11])).json()
        await bench.renderer.began.acquire()
        middle = (await bench.client.get(f"/v1/batch/{told['id']}")).json()
        bench.renderer.release()
        await ended(bench, told)

        assert middle["status"] == "processing"

    async def test_a_small_one_that_takes_too_long_is_told_as_it_stands_and_goes_on(self, bench, monkeypatch):
        monkeypatch.setattr(batch_routes, "DEFAULT_BUDGET_MS", 50)
        bench.renderer.hold()
        reply = await batch(bench, urls=PAGES[:2])
        told = reply.json()

        assert reply.status_code == 200
        assert told["status"] in ("queued", "processing")
        assert [item["status"] for item in told["results"]] == ["pending", "pending"]
        bench.renderer.release()
        assert (await ended(bench, told))["completed"] == 2

    async def test_a_full_queue_is_waited_for(self, bench, monkeypatch):
        real, crowded = (
            bench.renderer.render,
            [QueueFull(100, 0), QueueTimeout("waiting in the queue", 1)] * 2,
        )

        async def render(*args):
            if crowded:
                raise crowded.pop()
            return await real(*args)

        monkeypatch.setattr(bench.renderer, "render", render)
        told = (await batch(bench, urls=PAGES[:3])).json()

        assert (told["completed"], told["failed"]) == (3, 0)


class TestPartialFailure:
    async def test_a_page_that_fails_harms_no_other(self, bench):
        failing = bench.renderer.render

        async def render(request, *more):
            if request.negative.target.url == PAGES[1]:
                raise NavigationFailed(PAGES[1], "net::ERR_CONNECTION_REFUSED")
            return await failing(request, *more)

        bench.renderer.render = render
        told = (await batch(bench, urls=PAGES[:3])).json()

        assert (told["status"], told["completed"], told["failed"]) == ("completed", 2, 1)
        assert [item["status"] for item in told["results"]] == ["completed", "failed", "completed"]
        failure = told["results"][1]["failure"]
        assert (failure["code"], failure["retryable"]) == ("render_failed", True)
        assert "ERR_CONNECTION_REFUSED" in failure["message"]

    async def test_a_url_that_is_none_is_told_in_its_place(self, bench):
        told = (await batch(bench, urls=[PAGES[0], "ftp://example.com/", 5])).json()
        good, scheme, number = told["results"]

        assert good["status"] == "completed"
        assert scheme["failure"]["code"] == "invalid_url"
        assert scheme["failure"]["details"]["field"] == "url"
        assert number["failure"]["details"]["field"] == "url"
        assert number["failure"]["details"]["remedy"]

    async def test_so_is_an_option_of_one_request(self, bench):
        bad = {"url": PAGES[1], "output": {"quality": 200}}
        told = (await batch(bench, requests=[{"url": PAGES[0]}, bad, "x"])).json()

        assert [item["status"] for item in told["results"]] == ["completed", "failed", "failed"]
        assert told["results"][1]["failure"]["details"]["field"] == "output.quality"
        assert told["results"][2]["failure"]["details"]["field"] == "requests[2]"

    async def test_one_of_which_nothing_came_has_failed(self, bench):
        bench.renderer.failing = NavigationFailed("https://example.com/", "no")
        failed = (await batch(bench, urls=PAGES[:2])).json()
        bad = (await batch(bench, urls=["nothing"])).json()

        assert (failed["status"], failed["failed"]) == ("failed", 2)
        assert (bad["status"], bad["failed"]) == ("failed", 1)

    async def test_a_fault_of_ours_is_told_as_one_and_harms_no_other(self, bench):
        real = bench.renderer.render

        async def render(request, *more):
            if request.negative.target.url == PAGES[0]:
                raise RuntimeError("password=1")
            return await real(request, *more)

        bench.renderer.render = render
        told = (await batch(bench, urls=PAGES[:2])).json()

        assert told["results"][0]["failure"]["code"] == "internal_error"
        assert "password" not in json.dumps(told)
        assert told["results"][1]["status"] == "completed"

    async def test_a_picture_that_the_cache_does_not_take_is_no_result(self, tmp_path):
        async with a_bench(tmp_path / "small", CALOTYPE_CACHE_MAX_BYTES="1MiB") as small:
            small.renderer.picture_bytes = 2**20 + 1
            told = (await batch(small, urls=PAGES[:1])).json()

        failure = told["results"][0]["failure"]
        assert (told["status"], failure["code"]) == ("failed", "render_failed")
        assert "too-large" in failure["message"]

    async def test_what_is_not_to_be_stored_cannot_be_fetched_later(self, bench):
        told = (await batch(bench, requests=[{"url": PAGES[0], "cache": {"enabled": False}}])).json()

        assert told["results"][0]["failure"]["details"]["field"] == "cache.enabled"
        assert bench.renderer.renders == []


class TestRefused:
    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "urls"),
            ({"urls": None}, "urls"),
            ({"urls": []}, "urls"),
            ({"requests": []}, "requests"),
            ({"urls": "https://example.com/"}, "urls"),
            ({"requests": {"url": "https://example.com/"}}, "requests"),
            ({"urls": PAGES[:1], "requests": [{"url": PAGES[0]}]}, "requests"),
            ({"urls": [PAGES[0]] * 101}, "urls"),
            ({"urls": PAGES[:1], "concurrency": 0}, "concurrency"),
            ({"urls": PAGES[:1], "concurrency": 11}, "concurrency"),
            ({"urls": PAGES[:1], "concurrency": "3"}, "concurrency"),
            ({"urls": PAGES[:1], "options": []}, "options"),
            ({"urls": PAGES[:1], "options": {"quality": 200}}, "options.output.quality"),
            ({"urls": PAGES[:1], "options": {"full_page": "yes"}}, "options.full_page"),
            ({"urls": PAGES[:1], "options": {"cache": {"enabled": False}}}, "options.cache.enabled"),
            ({"urls": PAGES[:2], "options": {"cache": {"key": "mine"}}}, "options.cache.key"),
            ({"urls": PAGES[:1], "async": 1}, "async"),
            ({"urls": PAGES[:1], "webhook": "https://example.org/"}, "webhook"),
            ({"urls": PAGES[:1], "webhook": {}}, "webhook.url"),
            ({"urls": PAGES[:1], "webhook": {"url": "nowhere"}}, "webhook.url"),
            ({"urls": PAGES[:1], "webhook": {"url": "https://e.org/", "events": ["x"]}}, "webhook.events"),
            ({"urls": PAGES[:1], "webhook": {"url": "https://e.org/", "secret": 5}}, "webhook.secret"),
        ],
    )
    async def test_what_is_wrong_with_all_of_it_is_told_and_nothing_done(self, bench, body, field):
        reply = await batch(bench, **body)
        told = reply.json()

        assert reply.status_code == 400
        assert told["code"] == (
            "invalid_url" if body.get("webhook") == {"url": "nowhere"} else "invalid_request"
        )
        assert told["error"]["details"]["field"] == field
        assert told["error"]["details"]["remedy"]
        assert bench.renderer.renders == []

    async def test_a_hundred_are_not_too_many(self, bench):
        reply = await batch(bench, urls=[f"{PAGES[0]}?{number}" for number in range(100)])

        assert (reply.status_code, reply.json()["total"]) == (202, 100)

    async def test_without_a_key_there_is_no_batch(self, bench):
        reply = await bench.client.post("/v1/batch", json={"urls": PAGES[:1]}, headers={"authorization": ""})

        assert reply.status_code == 401

    async def test_unknown_fields_are_told_and_refused_only_in_strict_mode(self, bench):
        body = {"urls": PAGES[:1], "options": {"sparkle": 1}, "colour": 2}
        kind = await batch(bench, **body)
        strict = await bench.client.post("/v1/batch?strict=1", json=body)
        one = await bench.client.post(
            "/v1/batch?strict=1", json={"requests": [{"url": PAGES[0], "sparkle": 1}]}
        )

        assert kind.headers["calotype-ignored"] == "colour, sparkle"
        assert (strict.status_code, strict.json()["error"]["details"]["field"]) == (400, "colour")
        assert one.json()["results"][0]["failure"]["details"]["field"] == "sparkle"


class TestFamilies:
    @pytest.fixture
    async def told(self, bench, request):
        reply = await batch(bench, agent=request.param, urls=[PAGES[0], "nothing"])
        return reply.json()

    @pytest.mark.parametrize("told", NEWER, indirect=True)
    async def test_ruby_go_and_the_rest_read_image_and_a_text(self, told):
        good, bad = told["results"]

        assert (good["status"], bad["status"]) == ("completed", "failed")
        assert good["image_url"] == good["image"]["url"]
        assert {"url", "width", "height", "size", "format"} == good["image"].keys()
        assert isinstance(bad["error"], str)
        assert bad["failure"]["code"] == "invalid_url"

    @pytest.mark.parametrize("told", OLDER, indirect=True)
    async def test_node_python_php_and_java_read_success_and_flat_responses(self, told):
        good, bad = told["results"]

        assert (good["success"], bad["success"]) == (True, False)
        flat = good["response"]
        assert flat["url"] == flat["cache_url"] == good["image"]["url"]
        assert {"width", "height", "format", "size", "cache_key", "ttl", "cached"} < flat.keys()
        assert (flat["cache_key"], flat["cached"]) == (good["cache"]["key"], False)
        assert bad["error"]["code"] == "invalid_url"
        assert bad["error"]["message"]

    @pytest.mark.parametrize(
        ("agent", "word"), [(a, "queued") for a in NEWER] + [(a, "pending") for a in OLDER]
    )
    async def test_each_knows_its_own_word_for_what_waits(self, bench, agent, word):
        bench.renderer.hold()
        told = (await batch(bench, agent=agent, urls=PAGES[:11])).json()
        bench.renderer.release()
        await ended(bench, told)

        assert told["status"] == word

    @pytest.mark.parametrize("agent", OLDER)
    async def test_codes_of_failures_are_words_that_the_older_know(self, bench, agent):
        bad = [{"url": PAGES[0], "width": -1}, {"width": 5}]
        bench.renderer.http_status = 404
        told = (await batch(bench, agent=agent, requests=[*bad, {"url": PAGES[1]}])).json()

        codes = [item["error"]["code"] for item in told["results"]]
        assert codes == ["invalid_request", "invalid_request", "not_found"]


class TestWhose:
    @pytest.mark.parametrize("whose", [{"account": "other"}, {"mode": "test"}])
    async def test_another_account_or_mode_sees_and_stops_nothing(self, bench, whose):
        stranger = await bench.another_key(**whose)
        bench.renderer.hold()
        told = (await batch(bench, urls=PAGES[:11])).json()
        job = (await bench.client.post("/v1/screenshot", json={"url": PAGES[0], "async": True})).json()
        paths = [f"/v1/batch/{told['id']}", f"/v1/batch/{told['id']}/events", f"/v1/jobs/{job['id']}"]
        seen = [(await bench.client.get(path, headers=stranger)).status_code for path in paths]
        stopped = [(await bench.client.delete(paths[at], headers=stranger)).status_code for at in (0, 2)]
        bench.renderer.release()

        assert seen + stopped == [404] * 5
        assert (await ended(bench, told))["completed"] == 11

    async def test_what_was_never_there_is_told_alike(self, bench):
        job = (await bench.client.post("/v1/screenshot", json={"url": PAGES[0], "async": True})).json()
        for path in ("/v1/batch/batch_0", "/v1/jobs/job_0", f"/v1/batch/{job['id']}", "/v1/batch/x/events"):
            reply = await bench.client.get(path)
            assert (reply.status_code, reply.json()["code"]) == (404, "not_found")

    async def test_captures_of_a_test_key_bear_its_mark(self, bench):
        trial = await bench.another_key(mode="test")
        await bench.client.post("/v1/batch", json={"urls": PAGES[:1]}, headers=trial)

        assert [request.output.watermark for request in bench.renderer.renders] == [True]


class TestCancelled:
    async def test_what_is_pending_ends_what_runs_is_stopped_and_what_is_done_stays(self, bench):
        done = asyncio.Semaphore(0)
        real = bench.renderer.render

        async def render(request, *more):
            if request.negative.target.url == PAGES[0]:
                capture = await real(request, *more)
                done.release()
                return capture
            bench.renderer.hold()
            return await real(request, *more)

        bench.renderer.render = render
        told = (await batch(bench, urls=PAGES[:12], concurrency=1)).json()
        for _ in range(2):
            await bench.renderer.began.acquire()
        reply = await bench.client.delete(f"/v1/batch/{told['id']}")
        over = reply.json()
        await becomes(lambda: bench.renderer.cancelled == 1)

        assert (reply.status_code, over["status"]) == (200, "cancelled")
        assert (over["total"], over["completed"], over["failed"]) == (12, 1, 0)
        assert [item["status"] for item in over["results"]] == ["completed"] + ["cancelled"] * 11
        assert len(bench.renderer.renders) == 2

    async def test_a_second_time_and_one_that_is_over_change_nothing(self, bench):
        told = (await batch(bench, urls=PAGES[:2])).json()
        for _ in range(2):
            assert (await bench.client.delete(f"/v1/batch/{told['id']}")).json() == told

    @pytest.mark.parametrize("agent", OLDER)
    async def test_the_older_clients_are_told_that_it_has_failed_and_stop_asking(self, bench, agent):
        bench.renderer.hold()
        told = (await batch(bench, agent=agent, urls=PAGES[:11])).json()
        over = await bench.client.delete(f"/v1/batch/{told['id']}", headers={"user-agent": agent})
        bench.renderer.release()

        assert over.json()["status"] == "failed"


class TestEvents:
    def events(self, text):
        found = []
        for block in text.split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
            if "event" in fields:
                found.append((fields["event"], int(fields["id"]), json.loads(fields["data"])))
        return found

    async def test_each_capture_is_told_once_and_then_the_end(self, bench):
        told = (await batch(bench, urls=[*PAGES[:11], "nothing"])).json()
        reply = await bench.client.get(f"/v1/batch/{told['id']}/events")
        found = self.events(reply.text)

        assert reply.headers["content-type"].startswith("text/event-stream")
        assert [kind for kind, _, _ in found] == ["item"] * 12 + ["done"]
        assert [number for _, number, _ in found] == [*range(1, 13), 12]
        assert sorted(data["item"]["url"] for _, _, data in found[:-1]) == sorted([*PAGES[:11], "nothing"])
        assert found[-1][2] == {
            "id": told["id"],
            "status": "completed",
            "total": 12,
            "completed": 11,
            "failed": 1,
        }

    async def test_who_comes_back_is_told_what_it_has_missed(self, bench):
        told = (await batch(bench, urls=PAGES[:3])).json()
        reply = await bench.client.get(f"/v1/batch/{told['id']}/events", headers={"last-event-id": "2"})

        assert [(kind, number) for kind, number, _ in self.events(reply.text)] == [("item", 3), ("done", 3)]

    async def test_a_number_that_is_none_begins_at_the_beginning(self, bench):
        told = (await batch(bench, urls=PAGES[:1])).json()
        reply = await bench.client.get(f"/v1/batch/{told['id']}/events", headers={"last-event-id": "x"})

        assert [kind for kind, _, _ in self.events(reply.text)] == ["item", "done"]

    async def test_only_so_many_follow_at_a_time(self, bench, monkeypatch):
        monkeypatch.setattr(followers, "MAX_STREAMS", 0)
        told = (await batch(bench, urls=PAGES[:1])).json()
        reply = await bench.client.get(f"/v1/batch/{told['id']}/events")

        assert (reply.status_code, reply.json()["code"]) == (503, "rate_limited")
        assert reply.headers["retry-after"]

    async def test_a_server_that_stops_lets_its_followers_go(self, bench):
        bench.renderer.hold()
        told = (await batch(bench, urls=PAGES[:11])).json()
        following = asyncio.create_task(bench.client.get(f"/v1/batch/{told['id']}/events"))
        await bench.renderer.began.acquire()
        bench.service.batches.leave()
        found = self.events((await following).text)

        assert "done" not in [kind for kind, _, _ in found]


class TestJobs:
    async def test_a_capture_that_is_not_waited_for_is_promised(self, bench):
        bench.renderer.hold()
        reply = await bench.client.post("/v1/screenshot", json={"url": PAGES[0], "async": True})
        told = reply.json()

        assert reply.status_code == 202
        assert told["id"].startswith("job_")
        assert told["status"] == "processing"
        assert reply.headers["location"] == f"/v1/jobs/{told['id']}"
        bench.renderer.release()

    async def test_one_with_a_webhook_is_not_waited_for_and_tells_it_back(self, bench):
        hook = {"url": f"http://{NOBODY}/hook", "events": ["completed", "failed"], "secret": "whsec_1"}
        reply = await bench.client.post("/v1/screenshot", json={"url": PAGES[0], "webhook": hook})
        told = reply.json()

        assert (reply.status_code, told["status"], told["webhook"]) == (202, "processing", hook["url"])
        assert "whsec_1" not in reply.text

    async def test_when_it_is_done_it_is_told_as_if_it_had_been_waited_for(self, bench):
        body = {"url": PAGES[0], "width": 640}
        told = (await bench.client.post("/v1/screenshot", json={**body, "async": True})).json()
        over = await ended(bench, told)
        waited = (await bench.client.post("/v1/screenshot", json={**body, "response_type": "json"})).json()

        assert over["status"] == "completed"
        for name in ("url", "cache_url", "width", "height", "format", "size", "cache_key", "ttl", "metadata"):
            assert over[name] == waited[name], name
        assert over["image"] == waited["image"]
        assert (await bench.client.get(over["url"])).status_code == 200

    @pytest.mark.parametrize("agent", [*NEWER, *OLDER])
    async def test_a_failure_is_told_as_each_family_reads_errors(self, bench, agent):
        bench.renderer.failing = NavigationFailed(PAGES[0], "net::ERR_FAILED")
        told = (await bench.client.post("/v1/screenshot", json={"url": PAGES[0], "async": True})).json()
        await ended(bench, told)
        reply = await bench.client.get(f"/v1/jobs/{told['id']}", headers={"user-agent": agent})
        over = reply.json()

        assert (reply.status_code, over["status"], over["code"]) == (200, "failed", "render_failed")
        assert "ERR_FAILED" in over["message"]
        if "java" in agent:
            assert over["error"] == over["message"]
        else:
            assert over["error"]["code"] == "render_failed"

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"url": "nothing", "async": True}, "url"),
            ({"url": PAGES[0], "async": "yes"}, "async"),
            ({"url": PAGES[0], "async": True, "cache": {"enabled": False}}, "cache.enabled"),
            ({"url": PAGES[0], "webhook": {"url": 5}}, "webhook.url"),
            ({"url": PAGES[0], "webhook": {"url": "https://e.org/", "events": []}}, "webhook.events"),
        ],
    )
    async def test_what_cannot_be_done_is_refused_at_once(self, bench, body, field):
        reply = await bench.client.post("/v1/screenshot", json=body)

        assert reply.status_code == 400
        assert reply.json()["error"]["details"]["field"] == field

    async def test_with_async_false_it_is_waited_for(self, bench):
        reply = await bench.client.post(
            "/v1/screenshot", json={"url": PAGES[0], "async": False, "webhook": None}
        )

        assert (reply.status_code, reply.headers["content-type"]) == (200, "image/png")
        assert "calotype-ignored" not in reply.headers

    async def test_it_can_be_called_off(self, bench):
        bench.renderer.hold()
        told = (await bench.client.post("/v1/screenshot", json={"url": PAGES[0], "async": True})).json()
        await bench.renderer.began.acquire()
        over = (await bench.client.delete(f"/v1/jobs/{told['id']}")).json()
        await becomes(lambda: bench.renderer.cancelled == 1)

        assert over["status"] == "cancelled"
        assert "url" not in over


async def test_the_wishes_of_a_batch_s_captures_are_its_clients_but_their_ttls_are_spread(bench):
    told = (await batch(bench, urls=PAGES[:10], options={"cache": {"ttl": 10_000, "tags": ["a"]}})).json()
    ttls = {item["response"]["ttl"] for item in told["results"]}
    listed = (await bench.client.get("/v1/cache")).json()["entries"]

    assert len(ttls) > 5
    assert all(9_500 <= ttl <= 10_000 for ttl in ttls)
    assert all(entry["tags"] == ["a"] for entry in listed)


async def test_a_single_capture_has_its_whole_ttl(bench):
    body = {"url": PAGES[0], "async": True, "cache": {"ttl": 10_000}}
    told = (await bench.client.post("/v1/screenshot", json=body)).json()

    assert (await ended(bench, told))["ttl"] == 10_000


def test_what_is_asked_of_one_is_read_in_one_place():
    asked = parse_asked({"url": PAGES[0], "cache": {"ttl": 5, "x": 1}, "y": 2})

    assert asked.wishes.ttl_s == 5
    assert asked.unknown == ["cache.x", "y"]
