"""Which routes there are, and who may use them."""

from __future__ import annotations

import logging

import pytest

from calotype.api.app import build_app

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = "https://example.com/"


@pytest.fixture
def bench(shared_bench):
    return shared_bench


class TestRoutes:
    async def test_every_request_has_an_id_of_its_own(self, bench):
        replies = [
            await bench.client.get(path) for path in ("/healthz", "/healthz", "/nowhere", "/v1/cache/k")
        ]

        assert len({reply.headers["x-request-id"] for reply in replies}) == 4

    async def test_healthz_answers_without_a_key(self, bench):
        reply = await bench.client.get("/healthz", headers={"authorization": ""})

        assert (reply.status_code, reply.text) == (200, "ok\n")

    @pytest.mark.parametrize(
        ("method", "path", "allowed"),
        [
            ("HEAD", "/v1/screenshot", {"GET", "POST"}),
            ("DELETE", "/v1/screenshot", {"GET", "POST"}),
            ("POST", "/v1/cache/some-key", {"GET", "HEAD", "DELETE"}),
            ("PUT", "/v1/cache/purge", {"GET", "HEAD", "DELETE", "POST"}),
            ("POST", "/screenshots/a.png", {"GET", "HEAD"}),
            ("POST", "/healthz", {"GET", "HEAD"}),
        ],
    )
    async def test_a_wrong_method_is_told_the_right_ones(self, bench, method, path, allowed):
        reply = await bench.client.request(method, path)

        assert reply.status_code == 405
        assert set(reply.headers["allow"].split(", ")) == allowed
        if method != "HEAD":
            assert reply.json()["code"] == "invalid_request"
            assert reply.json()["error"]["code"] == "method_not_allowed"

    @pytest.mark.parametrize(
        "path", ["/", "/v1", "/v1/caches", "/v1/screenshot/", "/v2/screenshot", "/healthz/"]
    )
    async def test_a_path_that_is_not_there_is_404_and_no_redirect(self, bench, path):
        reply = await bench.client.get(path)

        assert reply.status_code == 404
        assert reply.json()["code"] == reply.json()["error"]["code"] == "not_found"


async def test_a_client_that_hangs_up_in_the_middle_of_its_body_is_no_fault_of_ours(bench, caplog):
    messages = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    scope = {
        "type": "http", "method": "POST", "path": "/v1/screenshot", "query_string": b"",
        "headers": [(b"authorization", f"Bearer {bench.key}".encode())],
    }  # fmt: skip

    async def receive():
        return messages.pop(0)

    async def send(message):
        """Nobody hears it."""

    with caplog.at_level(logging.WARNING):
        await build_app(bench.parts)(scope, receive, send)

    assert caplog.records == []
    assert bench.renderer.renders == []


class TestKeys:
    @pytest.mark.parametrize(
        "headers",
        [{"authorization": "Bearer {}"}, {"authorization": "bearer  {}"}, {"authorization": "BEARER {}"}],
    )
    async def test_a_bearer_token_opens_the_door(self, bench, headers):
        headers = {name: value.format(bench.key) for name, value in headers.items()}

        assert (
            await bench.client.get("/v1/screenshot", params={"url": PAGE}, headers=headers)
        ).status_code == 200

    @pytest.mark.parametrize("authorization", ["", "Bearer ", "Basic cnM6"])
    async def test_so_does_api_key_in_the_query(self, bench, authorization):
        query = {"url": PAGE, "api_key": bench.key}
        headers = {"authorization": authorization}
        reply = await bench.client.get("/v1/screenshot", params=query, headers=headers)

        assert reply.status_code == 200
        assert "calotype-ignored" not in reply.headers

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("POST", "/v1/screenshot"),
            ("GET", "/v1/screenshot"),
            ("GET", "/v1/cache/some-key"),
            ("DELETE", "/v1/cache/some-key"),
            ("POST", "/v1/cache/purge"),
        ],
    )
    @pytest.mark.parametrize(
        ("headers", "query", "code"),
        [
            ({"authorization": ""}, {}, "missing_api_key"),
            ({"authorization": "Bearer "}, {}, "missing_api_key"),
            ({"authorization": "Basic cnM6"}, {}, "missing_api_key"),
            ({"authorization": ""}, {"api_key": ""}, "missing_api_key"),
            ({"authorization": "Bearer rs_live_nobody"}, {}, "invalid_api_key"),
            ({"authorization": ""}, {"api_key": "rs_live_nobody"}, "invalid_api_key"),
        ],
    )
    async def test_without_a_good_key_nothing_answers(self, bench, method, path, headers, query, code):
        reply = await bench.client.request(method, path, headers=headers, params=query)

        assert reply.status_code == 401
        assert reply.json()["code"] == "unauthorized"
        assert reply.json()["error"]["code"] == code
        assert reply.headers["www-authenticate"] == "Bearer"

    async def test_of_several_keys_in_the_query_the_last_counts(self, bench):
        replies = [
            await bench.client.get(f"/v1/cache/k?{query}", headers={"authorization": ""})
            for query in (f"api_key={bench.key}&api_key=", f"api_key=bad&api_key={bench.key}")
        ]

        assert [reply.status_code for reply in replies] == [401, 404]

    async def test_a_revoked_key_is_told_as_an_unknown_one(self, bench):
        headers = await bench.another_key()
        assert (await bench.client.get("/v1/cache/k", headers=headers)).status_code == 404
        keys = bench.service.remembering.keys
        (own,) = [key for key in await keys.list() if headers["authorization"].endswith(key.tail)]
        await keys.revoke(own.id)

        revoked = (await bench.client.get("/v1/cache/k", headers=headers)).json()
        unknown = (await bench.client.get("/v1/cache/k", headers={"authorization": "Bearer x"})).json()
        assert revoked["error"] | {"request_id": ""} == unknown["error"] | {"request_id": ""}
