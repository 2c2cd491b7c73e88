"""GET and DELETE /v1/cache/{key}, and the public files: one entry, all the names it goes by."""

from __future__ import annotations

import pytest

from calotype.api.base_url import BaseUrl
from tests.support.pictures import a_png


@pytest.fixture
async def taken(bench):
    """The reply to a capture that was stored."""
    return await bench.client.post("/v1/screenshot", json={"url": "https://example.com/"})


def names_of(reply):
    """Return every name that the entry goes by."""
    key = reply.headers["x-cache-key"]
    entry_id = key.removeprefix("cache_")
    return [
        key,
        entry_id,
        f"{entry_id}.png",
        f"screenshots/{entry_id}",
        f"screenshots/{entry_id}.png",
        f"screenshots/2024/01/15/{entry_id}",
        f"screenshots/2024/01/15/{entry_id}.png",
    ]


class TestGet:
    async def test_it_returns_the_cached_binary(self, bench, taken):
        got = await bench.client.get(f"/v1/cache/{taken.headers['x-cache-key']}")

        assert got.status_code == 200
        assert got.headers["content-type"] == "image/png"
        assert got.headers["x-cache-hit"] == "true"
        assert got.headers["x-cache-expires"] == "2024-01-16T12:00:00Z"
        assert got.headers["x-cache-status"] == "HIT"
        for name in ("x-cache-key", "x-cache-url", "etag", "last-modified", "content-length"):
            assert got.headers[name] == taken.headers[name]
        assert got.content == taken.content

    async def test_the_entry_answers_to_every_name_it_has(self, bench, taken):
        for name in names_of(taken):
            got = await bench.client.get(f"/v1/cache/{name}")
            assert (name, got.status_code) == (name, 200)
            assert got.headers["x-cache-key"] == taken.headers["x-cache-key"]

    async def test_slashes_may_be_escaped(self, bench, taken):
        path = names_of(taken)[-1].replace("/", "%2F")

        assert (await bench.client.get(f"/v1/cache/{path}")).status_code == 200

    @pytest.mark.parametrize("key", ["purge", "a/b/c", "Blog:42@home", "a+b=c;d", "(x)!$&~"])
    async def test_a_key_of_ones_own_is_found_as_it_was_spelt(self, bench, key):
        stored = await bench.client.post(
            "/v1/screenshot", json={"url": "https://example.com/", "cache": {"key": key}}
        )
        got = await bench.client.get(f"/v1/cache/{key}")

        assert stored.headers["x-cache-key"] == got.headers["x-cache-key"] == key
        assert (await bench.client.get(f"/v1/cache/{key.swapcase()}1")).status_code == 404

    async def test_it_never_renders(self, bench):
        assert (await bench.client.get("/v1/cache/cache_xyz789")).status_code == 404
        assert bench.renderer.renders == []

    async def test_an_unknown_key_is_told_in_the_union_shape(self, bench):
        reply = await bench.client.get("/v1/cache/cache_xyz789")
        body = reply.json()

        assert reply.status_code == 404
        assert body["code"] == body["error"]["code"] == "not_found"
        assert body["request_id"] == body["error"]["request_id"] == reply.headers["x-request-id"]
        assert reply.headers["cache-control"] == "no-store"
        assert "cache-status" not in reply.headers

    async def test_head_is_get_without_the_body(self, bench, taken):
        path = f"/v1/cache/{taken.headers['x-cache-key']}"
        got, head = await bench.client.get(path), await bench.client.head(path)

        assert head.content == b""
        unlike = {"x-request-id"}
        assert {k: v for k, v in head.headers.items() if k not in unlike} == {
            k: v for k, v in got.headers.items() if k not in unlike
        }

    async def test_after_a_refresh_with_other_bytes_the_tag_is_another(self, bench, taken):
        body = {"url": "https://example.com/", "cache": {"refresh": True}}
        fresh = await bench.client.post("/v1/screenshot", json=body)
        got = await bench.client.get(
            f"/v1/cache/{taken.headers['x-cache-key']}", headers={"if-none-match": taken.headers["etag"]}
        )

        assert got.status_code == 200
        assert got.content == fresh.content == a_png(1)


class TestDelete:
    async def test_it_says_that_it_did_and_the_entry_is_gone_by_every_name(self, bench, taken):
        key = taken.headers["x-cache-key"]
        reply = await bench.client.delete(f"/v1/cache/{key}")

        assert reply.status_code == 200
        assert reply.json() == {"deleted": True, "key": key}
        for name in names_of(taken):
            assert (await bench.client.get(f"/v1/cache/{name}")).status_code == 404
        assert (await bench.client.get(taken.headers["x-cache-url"])).status_code == 404

    async def test_the_next_request_renders_again(self, bench, taken):
        await bench.client.delete(f"/v1/cache/{taken.headers['x-cache-key']}")
        again = await bench.client.post("/v1/screenshot", json={"url": "https://example.com/"})

        assert again.headers["x-cache-status"] == "MISS"
        assert again.content == a_png(1)

    @pytest.mark.parametrize("which", range(7))
    async def test_any_of_its_names_will_do_and_is_told_back(self, bench, taken, which):
        name = names_of(taken)[which]
        reply = await bench.client.delete(f"/v1/cache/{name}")

        assert reply.json() == {"deleted": True, "key": name}

    async def test_others_stay(self, bench, taken):
        other = await bench.client.post("/v1/screenshot", json={"url": "https://example.com/b"})
        await bench.client.delete(f"/v1/cache/{taken.headers['x-cache-key']}")

        assert (await bench.client.get(f"/v1/cache/{other.headers['x-cache-key']}")).status_code == 200

    async def test_of_an_unknown_key_is_404_and_says_so_at_the_top(self, bench):
        reply = await bench.client.delete("/v1/cache/cache_xyz789")
        body = reply.json()

        assert reply.status_code == 404
        assert (body["deleted"], body["key"]) == (False, "cache_xyz789")
        assert body["code"] == body["error"]["code"] == "not_found"

    @pytest.mark.parametrize("client", ["node", "python", "php"])
    async def test_clients_that_raise_on_404_get_200(self, bench, client):
        reply = await bench.client.delete(
            "/v1/cache/k", headers={"user-agent": f"renderscreenshot-{client}/1.0.0"}
        )

        assert reply.status_code == 200
        assert reply.json() == {"deleted": False, "key": "k"}

    @pytest.mark.parametrize("client", ["ruby", "go", "java"])
    async def test_clients_that_read_the_status_get_404(self, bench, client):
        reply = await bench.client.delete(
            "/v1/cache/k", headers={"user-agent": f"renderscreenshot-{client}/1.0.0"}
        )

        assert reply.status_code == 404
        assert reply.json()["deleted"] is False

    async def test_a_second_delete_finds_nothing(self, bench, taken):
        path = f"/v1/cache/{taken.headers['x-cache-key']}"

        assert (await bench.client.delete(path)).status_code == 200
        assert (await bench.client.delete(path)).status_code == 404


class TestPublicFiles:
    async def test_they_need_no_key(self, bench, taken):
        got = await bench.client.get(taken.headers["x-cache-url"], headers={"authorization": ""})

        assert got.status_code == 200
        assert got.content == taken.content
        assert got.headers["content-type"] == "image/png"

    async def test_they_do_not_give_the_key_away(self, bench, taken):
        got = await bench.client.get(taken.headers["x-cache-url"], headers={"authorization": ""})

        assert "x-cache-key" not in got.headers
        assert got.headers["x-cache-expires"] == taken.headers["x-cache-expires"]

    async def test_a_browser_may_keep_them_for_a_minute_a_purgeable_cache_to_the_end(self, bench, taken):
        got = await bench.client.get(taken.headers["x-cache-url"])
        assert got.headers["cache-control"] == "public, max-age=60"
        assert got.headers["cdn-cache-control"] == "max-age=86400"

        bench.clock.advance(hours=23, minutes=59, seconds=30)
        late = await bench.client.get(taken.headers["x-cache-url"])
        assert late.headers["cache-control"] == "public, max-age=30"
        assert late.headers["cdn-cache-control"] == "max-age=30"

    async def test_an_embedded_link_outlives_a_refresh_on_another_day(self, bench, taken):
        bench.clock.advance(hours=20)
        body = {"url": "https://example.com/", "cache": {"refresh": True}}
        fresh = await bench.client.post("/v1/screenshot", json=body)

        assert "/2024/01/16/" in fresh.headers["x-cache-url"] != taken.headers["x-cache-url"]
        assert (await bench.client.get(taken.headers["x-cache-url"])).content == fresh.content

    async def test_the_id_alone_is_enough_but_must_be_whole(self, bench, taken):
        entry_id = taken.headers["x-cache-key"].removeprefix("cache_")

        assert (await bench.client.get(f"/screenshots/{entry_id}.png")).status_code == 200
        for path in (
            f"{entry_id[:-1]}.png",
            f"{entry_id}0.png",
            f"{entry_id.upper()}.png",
            f"2024/01/{entry_id}.png",
            f"{entry_id}.png%3Fa",
            f"{entry_id}.png/",
            f"cache_{entry_id}",
            "../secret.key",
            "%2e%2e/secret.key",
            "",
        ):
            reply = await bench.client.get(f"/screenshots/{path}", headers={"authorization": ""})
            assert (path, reply.status_code) == (path, 404)

    async def test_a_custom_key_has_a_public_file_that_its_name_does_not_tell(self, bench):
        taken = await bench.client.post(
            "/v1/screenshot", json={"url": "https://example.com/", "cache": {"key": "home"}}
        )

        assert "home" not in taken.headers["x-cache-url"]
        assert (await bench.client.get(taken.headers["x-cache-url"])).content == taken.content
        assert (await bench.client.get("/screenshots/home")).status_code == 404

    async def test_gone_is_gone_for_the_public_too(self, bench, taken):
        await bench.client.post("/v1/cache/purge", json={"all": True})
        reply = await bench.client.get(taken.headers["x-cache-url"], headers={"authorization": ""})

        assert reply.status_code == 404
        assert reply.headers["cache-control"] == "no-store"
        assert reply.json()["code"] == "not_found"


class TestTheBaseOfPublicUrls:
    @pytest.mark.parametrize(
        ("public_url", "host", "asked_as", "base"),
        [
            ("https://shots.example.com", "0.0.0.0", "evil.example", "https://shots.example.com"),
            ("https://example.com/shots", "127.0.0.1", None, "https://example.com/shots"),
            (None, "127.0.0.1", "evil.example", "http://127.0.0.1:8787"),
            (None, "::1", None, "http://[::1]:8787"),
            (None, "0.0.0.0", "shots.lan:8787", "http://shots.lan:8787"),
            (None, "::", "[fe80::1]:8787", "http://[fe80::1]:8787"),
            (None, "::0", "shots.lan", "http://shots.lan"),
            (None, "0.0.0.0", None, "http://0.0.0.0:8787"),
            (None, "0.0.0.0", "a b\r\nset-cookie: c", "http://0.0.0.0:8787"),
        ],
    )
    def test_it_is_the_configured_one_else_where_we_listen_else_how_we_were_called(
        self, public_url, host, asked_as, base
    ):
        assert BaseUrl(public_url, host, 8787).for_host(asked_as) == base
