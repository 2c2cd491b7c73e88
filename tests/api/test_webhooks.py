"""Whom captures and batches are told to, and that whoever has set nothing notices nothing."""

from __future__ import annotations

import json

import pytest

from calotype.cache.entry import Mode, Namespace
from calotype.cache.errors import StoreUnavailable
from calotype.capture.errors import NavigationFailed
from calotype.webhooks.event import EventKind
from calotype.webhooks.signature import verify
from tests.api.test_signed import a_pair
from tests.egress.support import Server, never
from tests.support.builders import HERE
from tests.support.receiver import a_receiver
from tests.support.scene import a_scene
from tests.support.service import BASE, a_bench
from tests.support.waiting import becomes

PAGE = "https://example.com/"
OLD = {"user-agent": "renderscreenshot-python/1.0"}


@pytest.fixture
async def receiver():
    async with a_receiver() as opened:
        yield opened


@pytest.fixture
async def bench(tmp_path, receiver):
    async with a_bench(tmp_path / "data", CALOTYPE_EGRESS_ALLOW=receiver.at) as opened:
        yield opened


async def set_endpoint(service, receiver, namespace=HERE, **more):
    """Set the endpoint of the account that keys are of; return its secret."""
    kept = service.remembering
    chosen = {"events": frozenset(EventKind), "hits": True, **more}
    target, _ = await kept.endpoints.set(namespace, receiver.url, **chosen)
    return target.secret


async def events(receiver, count):
    """Return so many events once they have come, in the order of their ids' arrival."""
    await becomes(lambda: len(receiver.received) >= count)
    return [json.loads(got.body) for got in receiver.received]


class TestTheAccount:
    async def test_a_capture_that_somebody_waited_for_is_told(self, bench, receiver):
        secret = await set_endpoint(bench.service, receiver)
        reply = await bench.client.post("/v1/screenshot", json={"url": PAGE, "response_type": "json"})
        (event,) = await events(receiver, 1)
        answer = reply.json()

        assert event["event"] == "screenshot.completed"
        assert event["id"] == reply.headers["x-request-id"] == answer["id"]
        told = event["data"]
        assert (told["url"], told["screenshot_url"], told["cached"]) == (PAGE, answer["url"], False)
        assert told["screenshot_url"].startswith(f"{BASE}/screenshots/")
        assert [told[name] for name in ("width", "height", "size", "format")] == [
            answer[name] for name in ("width", "height", "size", "format")
        ]
        assert told["cache"]["key"] == answer["cache_key"]
        assert told["cache"]["expires_at"] == answer["cache"]["expires_at"]
        headers = receiver.received[0].headers
        at, signature = headers["x-webhook-timestamp"], headers["x-webhook-signature"]
        assert verify(secret, at, receiver.received[0].body, signature, int(at))

    async def test_so_is_a_hit_as_often_as_it_is_asked_for(self, bench, receiver):
        await set_endpoint(bench.service, receiver)
        for _ in range(3):
            await bench.client.post("/v1/screenshot", json={"url": PAGE})
        told = await events(receiver, 3)

        assert sorted(event["data"]["cached"] for event in told) == [False, True, True]
        assert len({event["id"] for event in told}) == 3

    async def test_what_it_cost_is_told_and_a_hit_costs_nothing_nor_does_a_test(self, bench, receiver):
        await set_endpoint(bench.service, receiver)
        await set_endpoint(bench.service, receiver, namespace=Namespace(HERE.account, Mode.TEST))
        test_key = await bench.another_key("default", "test")
        for headers in (None, None, test_key):
            await bench.client.post("/v1/screenshot", json={"url": PAGE}, headers=headers)
        told = await events(receiver, 3)

        costs = sorted((event["data"]["cached"], event["data"]["usage"]["credits"]) for event in told)
        assert costs == [(False, 0), (False, 1), (True, 0)]

    async def test_unless_it_wants_to_know_of_new_pictures_only(self, bench, receiver):
        await set_endpoint(bench.service, receiver, hits=False)
        for path in ("", "other"):
            for _ in range(3):
                await bench.client.post("/v1/screenshot", json={"url": PAGE + path})
        await events(receiver, 2)

        assert len(await deliveries(bench)) == 2

    async def test_a_picture_that_is_not_stored_is_told_without_an_address(self, bench, receiver):
        await set_endpoint(bench.service, receiver)
        await bench.client.post("/v1/screenshot", json={"url": PAGE, "cache": {"enabled": False}})
        (event,) = await events(receiver, 1)

        assert event["data"]["screenshot_url"] is None
        assert event["data"]["cache"]["expires_at"] is None

    async def test_a_capture_that_failed_is_told_in_words(self, bench, receiver):
        await set_endpoint(bench.service, receiver)
        bench.renderer.failing = NavigationFailed(PAGE, "ERR_CONNECTION_REFUSED")
        page = "https://user:secret@example.com/"
        reply = await bench.client.post("/v1/screenshot", json={"url": page})
        (event,) = await events(receiver, 1)

        assert reply.status_code == 422
        assert event["event"] == "screenshot.failed"
        assert event["id"] == reply.headers["x-request-id"]
        assert event["data"]["url"] == PAGE
        assert event["data"]["error"] == reply.json()["error"]["message"]
        assert "secret" not in json.dumps(event)

    async def test_a_request_that_was_never_one_is_told_to_nobody_but_its_sender(self, bench, receiver):
        await set_endpoint(bench.service, receiver)
        assert (await bench.client.post("/v1/screenshot", json={"url": "nowhere"})).status_code == 400

        assert await deliveries(bench) == []

    async def test_neither_another_account_nor_the_other_mode_is_told(self, bench, receiver):
        await set_endpoint(bench.service, receiver)
        for account, mode in (("default", "test"), ("other", "live")):
            headers = await bench.another_key(account, mode)
            reply = await bench.client.post("/v1/screenshot", json={"url": PAGE}, headers=headers)
            assert reply.status_code == 200

        assert await deliveries(bench) == []

    async def test_what_is_fetched_from_the_cache_is_no_capture(self, bench, receiver):
        reply = await bench.client.post("/v1/screenshot", json={"url": PAGE})
        await set_endpoint(bench.service, receiver)
        for path in (f"/v1/cache/{reply.headers['x-cache-key']}", reply.headers["x-cache-url"]):
            assert (await bench.client.get(path)).status_code == 200

        assert await deliveries(bench) == []

    async def test_whoever_looks_at_a_signed_url_is_no_news_once_the_picture_is_there(self, bench, receiver):
        pair = await a_pair(bench.parts.authenticator, bench.clock)
        await set_endpoint(bench.service, receiver)
        for _ in range(3):
            assert (await bench.client.get(pair.path())).status_code == 200
        (event,) = await events(receiver, 1)

        assert event["data"]["cached"] is False
        assert len(await deliveries(bench)) == 1

    async def test_a_batch_is_told_once_and_its_captures_are_not(self, bench, receiver):
        await set_endpoint(bench.service, receiver)
        reply = await bench.client.post("/v1/batch", json={"urls": [PAGE, "nowhere"]})
        (event,) = await events(receiver, 1)

        assert event["event"] == "batch.completed"
        assert event["id"] == reply.json()["id"]
        assert event["data"] == {
            "summary": {"total": 2, "completed": 1, "failed": 1},
            "results_url": f"{BASE}/v1/batches/{event['id']}",
            "status": "completed",
        }
        assert len(await deliveries(bench)) == 1
        assert (await bench.client.get(event["data"]["results_url"])).json()["id"] == event["id"]

    async def test_a_batch_without_any_picture_has_failed(self, bench, receiver):
        await set_endpoint(bench.service, receiver)
        bench.renderer.failing = NavigationFailed(PAGE, "ERR_CONNECTION_REFUSED")
        await bench.client.post("/v1/batch", json={"urls": [PAGE]})
        (event,) = await events(receiver, 1)

        assert event["event"] == "batch.failed"
        assert event["data"]["summary"] == {"total": 1, "completed": 0, "failed": 1}

    async def test_an_index_that_cannot_write_costs_the_news_and_not_the_picture(
        self, bench, receiver, monkeypatch, caplog
    ):
        async def refuse(*_args, **_more):
            raise StoreUnavailable("the disk is away")

        await set_endpoint(bench.service, receiver)
        monkeypatch.setattr(bench.service.remembering.deliveries, "accept", refuse)
        reply = await bench.client.post("/v1/screenshot", json={"url": PAGE})

        assert reply.status_code == 200
        assert "will not be told" in caplog.text


class TestTheRequest:
    async def test_a_capture_with_a_webhook_is_told_under_its_job(self, bench, receiver):
        hook = {"url": receiver.url, "secret": "whsec_mine"}
        reply = await bench.client.post("/v1/screenshot", json={"url": PAGE, "webhook": hook}, headers=OLD)
        (event,) = await events(receiver, 1)
        got = receiver.received[0]

        assert reply.status_code == 202
        assert (event["event"], event["id"]) == ("screenshot.completed", reply.json()["id"])
        assert event["data"]["image"]["url"] == event["data"]["screenshot_url"]
        assert (await bench.client.get(event["data"]["screenshot_url"])).status_code == 200
        at, signature = got.headers["x-webhook-timestamp"], got.headers["x-webhook-signature"]
        assert verify("whsec_mine", at, got.body, signature, int(at))

    async def test_what_a_job_cost_is_told_too(self, bench, receiver):
        for number, headers in enumerate((None, None, await bench.another_key("default", "test")), 1):
            body = {"url": PAGE, "webhook": {"url": receiver.url}}
            reply = await bench.client.post("/v1/screenshot", json=body, headers=headers)
            assert reply.status_code == 202
            await events(receiver, number)
        told = await events(receiver, 3)

        costs = sorted((event["data"]["cached"], event["data"]["usage"]["credits"]) for event in told)
        assert costs == [(False, 0), (False, 1), (True, 0)]

    async def test_of_a_failure_only_if_it_wants_to_know(self, bench, receiver):
        bench.renderer.failing = NavigationFailed(PAGE, "ERR_CONNECTION_REFUSED")
        for wanted in (["completed"], ["completed", "failed"]):
            hook = {"url": receiver.url, "events": wanted}
            await bench.client.post("/v1/screenshot", json={"url": PAGE, "webhook": hook})
        (event,) = await events(receiver, 1)

        assert event["event"] == "screenshot.failed"
        assert event["data"]["error"]["code"] == "render_failed"
        assert event["data"]["error"]["retryable"] is True
        assert len(await deliveries(bench)) == 1

    async def test_a_batch_tells_both_its_own_webhook_and_the_account(self, bench, receiver):
        async with a_receiver() as account:
            await set_endpoint(bench.service, account)
            hook = {"url": receiver.url}
            reply = await bench.client.post("/v1/batch", json={"urls": [PAGE], "webhook": hook})
            (event,) = await events(receiver, 1)

        assert (event["event"], event["id"]) == ("batch.completed", reply.json()["id"])
        assert len(await deliveries(bench)) == 2

    @pytest.mark.parametrize("path", ["/v1/screenshot", "/v1/batch"])
    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "10.0.0.1", "nowhere.invalid"])
    async def test_one_that_may_not_be_reached_is_refused_when_it_is_accepted(self, bench, path, host):
        async with Server(never) as private:
            hook = {"url": f"http://user:pass@{host}:{private.port}/token"}
            page = {"url": PAGE} if path == "/v1/screenshot" else {"urls": [PAGE]}
            reply = await bench.client.post(path, json={**page, "webhook": hook})
            body = reply.json()

            assert reply.status_code == 403
            assert (body["code"], body["error"]["code"]) == ("forbidden", "blocked_url")
            assert body["error"]["message"].startswith("webhook.url names a host")
            assert not [word for word in ("pass", "token", host) if word in reply.text]
            assert private.connections == 0
        assert bench.renderer.renders == []

    async def test_refused_and_not_there_are_told_alike(self, bench):
        told = set()
        for host in ("127.0.0.1:1", "10.0.0.1", "nowhere.invalid"):
            body = {"url": PAGE, "webhook": {"url": f"http://{host}/"}}
            reply = (await bench.client.post("/v1/screenshot", json=body)).json()
            del reply["error"]["request_id"]
            told.add(json.dumps(reply["error"], sort_keys=True))

        assert len(told) == 1


class TestWhatItCosts:
    async def test_a_hit_that_may_repeat_is_told_from_the_moment_that_somebody_wants_to_know(self, tmp_path):
        async with a_receiver() as receiver, a_scene(tmp_path, CALOTYPE_EGRESS_ALLOW=receiver.at) as scene:
            for _ in range(3):
                await scene.send(scene.capture())
            repeated = scene.repeats.given
            await set_endpoint(scene.service, receiver)
            for _ in range(3):
                await scene.send(scene.capture())
            await events(receiver, 3)

            assert repeated == 1
            assert scene.repeats.given == repeated

    async def test_without_an_endpoint_nothing_is_written(self, bench):
        version = bench.service.remembering.version
        await bench.client.post("/v1/screenshot", json={"url": PAGE})
        before = version()
        for _ in range(5):
            await bench.behind.post("/v1/screenshot", json={"url": PAGE})

        assert version() == before


async def deliveries(bench):
    """Return all that was accepted for the account; of what was waited for that is before its answer."""
    return await bench.service.remembering.deliveries.latest(HERE, None, 100)
