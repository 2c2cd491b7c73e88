"""Signed URLs at the door: pictures for an <img>, and for nothing that was not signed."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from calotype.access.signed_url import sign, signature_of
from tests.support.scene import a_scene
from tests.support.service import BASE, a_bench

PAGE = "https://example.com/"


class Pair:
    """A key pair, and URLs that it signs."""

    def __init__(self, public, secret, clock):
        self.public, self.secret, self.clock = public, secret.encode(), clock

    def path(self, url=PAGE, days=1.0, **options):
        expires = self.clock() + timedelta(days=days)
        return f"/v1/screenshot?{sign({'url': url, **options}.items(), self.public, self.secret, expires)}"


async def a_pair(authenticator, clock, account="default", mode="live", **how):
    secret, kept = await authenticator.create_pair(account, mode, "", **how)
    return Pair(kept.id, secret, clock)


@pytest.fixture
async def pair(bench):
    return await a_pair(bench.parts.authenticator, bench.clock)


@pytest.fixture
async def browser(bench):
    """Somebody without a key."""
    bench.client.headers.pop("authorization")
    return bench.client


def refused(reply, code):
    assert reply.status_code == 401
    assert reply.headers["cache-control"] == "no-store"
    body = reply.json()
    assert (body["code"], body["error"]["code"]) == ("unauthorized", code)
    assert body["error"]["details"]["hint"]
    return body["message"]


class TestAnImage:
    async def test_the_url_alone_shows_the_picture_and_then_shows_it_from_the_cache(
        self, browser, pair, bench
    ):
        replies = [await browser.get(pair.path(width="400")) for _ in range(2)]

        assert [reply.headers["x-cache-status"] for reply in replies] == ["MISS", "HIT"]
        assert [reply.headers["content-type"] for reply in replies] == ["image/png"] * 2
        assert replies[0].content == replies[1].content
        (render,) = bench.renderer.renders
        assert render.negative.viewport.width_px == 400

    async def test_it_is_the_picture_that_a_key_of_the_account_gets(self, bench, pair):
        by_key = await bench.client.get("/v1/screenshot", params={"url": PAGE})
        signed = await bench.client.get(pair.path(), headers={"authorization": ""})

        assert signed.headers["x-cache-status"] == "HIT"
        assert signed.headers["etag"] == by_key.headers["etag"]

    async def test_another_accounts_and_the_other_modes_pictures_are_its_own(self, browser, pair, bench):
        await browser.get(pair.path())
        for how in ({"account": "other"}, {"mode": "test"}):
            other = await a_pair(bench.parts.authenticator, bench.clock, **how)
            assert (await browser.get(other.path())).headers["x-cache-status"] == "MISS"

        assert bench.renderer.renders[-1].output.watermark

    async def test_browsers_and_caches_keep_it_as_they_keep_a_public_file(self, browser, pair):
        reply = await browser.get(pair.path())

        assert reply.headers["cache-control"] == "public, max-age=60"
        assert reply.headers["cdn-cache-control"] == "max-age=86400"
        # An address that needs no key would outlive the URL that gave it away.
        assert (
            not {"x-cache-url", "x-cache-key", "calotype-verdict", "vary", "set-cookie"}
            & reply.headers.keys()
        )

    async def test_but_never_beyond_the_end_of_the_url(self, browser, pair, bench):
        path = pair.path(days=1 / 24)
        assert (await browser.get(path)).headers["cdn-cache-control"] == "max-age=3600"
        bench.clock.advance(minutes=59, seconds=30)
        reply = await browser.get(path)

        assert (reply.headers["cache-control"], reply.headers["cdn-cache-control"]) == (
            "public, max-age=30",
            "max-age=30",
        )

    async def test_nor_beyond_that_of_the_picture(self, browser, pair):
        reply = await browser.get(pair.path(cache_ttl="30"))

        assert (reply.headers["cache-control"], reply.headers["cdn-cache-control"]) == (
            "public, max-age=30",
            "max-age=30",
        )

    async def test_what_is_not_stored_is_kept_nowhere(self, browser, pair):
        assert (await browser.get(pair.path(cache_enabled="false"))).headers["cache-control"] == "no-store"

    async def test_what_was_softly_purged_is_shown_and_kept_by_nobody(self, bench, pair):
        no_key = {"authorization": ""}
        await bench.client.get(pair.path(), headers=no_key)
        await bench.client.post("/v1/cache/purge", json={"url": PAGE, "soft": True})
        reply = await bench.client.get(pair.path(), headers=no_key)

        assert reply.headers["x-cache-status"] == "STALE"
        assert (reply.headers["cache-control"], reply.headers["cdn-cache-control"]) == (
            "public, max-age=0",
            "max-age=0",
        )

    async def test_a_copy_is_asked_for_again_with_its_etag(self, browser, pair):
        path = pair.path()
        etag = (await browser.get(path)).headers["etag"]

        assert (await browser.get(path, headers={"if-none-match": etag})).status_code == 304

    async def test_a_purge_takes_it_away(self, bench, pair):
        no_key = {"authorization": ""}
        await bench.client.get(pair.path(), headers=no_key)
        await bench.client.post("/v1/cache/purge", json={"url": PAGE})

        assert (await bench.client.get(pair.path(), headers=no_key)).headers["x-cache-status"] == "MISS"

    async def test_signed_wishes_about_the_cache_are_granted(self, browser, pair, bench):
        path = pair.path(cache_refresh="true", cache_ttl="60")
        replies = [await browser.get(path) for _ in range(2)]

        assert [reply.headers["x-cache-status"] for reply in replies] == ["MISS", "MISS"]
        assert len(bench.renderer.renders) == 2


class TestWhatWasNotSigned:
    @pytest.mark.parametrize(
        "edit",
        [
            lambda path: path.replace("width=400", "width=401"),
            lambda path: path.replace("width=400&", ""),
            lambda path: path + "&height=9",
            lambda path: path + "&width=9",
            lambda path: path.replace("?", "?format=pdf&"),
            lambda path: path.replace("example.com", "example.org"),
            lambda path: path[:-1] + ("0" if path[-1] != "0" else "1"),
            lambda path: path + "&signature=0",
            lambda path: path.replace("expires=1", "expires=01"),
        ],
    )
    async def test_any_edit_is_refused_and_renders_nothing(self, browser, pair, bench, edit):
        path = edit(pair.path(width="400"))

        refused(await browser.get(path), "invalid_signature")
        assert bench.renderer.renders == []

    async def test_another_order_shows_no_other_picture_where_an_option_is_given_twice(
        self, browser, pair, bench
    ):
        path, _, rest = pair.path(element=".a", selector=".b").partition("?")
        signed, _, signature = rest.rpartition("&signature=")
        turned = "&".join(reversed(signed.split("&")))
        for query in (signed, turned):
            assert (await browser.get(f"{path}?{query}&signature={signature}")).status_code == 200

        assert len(bench.renderer.renders) == 1

    async def test_a_later_end_is_refused(self, browser, pair):
        path = pair.path()
        expires = path.partition("expires=")[2].partition("&")[0]

        refused(await browser.get(path.replace(expires, str(int(expires) + 1))), "invalid_signature")

    async def test_stripped_of_its_signature_it_is_a_request_without_a_key(self, browser, pair):
        refused(await browser.get(pair.path().partition("&signature=")[0]), "missing_api_key")

    async def test_another_pairs_secret_is_refused_even_in_the_same_account(self, browser, pair, bench):
        other = await a_pair(bench.parts.authenticator, bench.clock)
        forged = Pair(pair.public, other.secret.decode(), bench.clock)

        refused(await browser.get(forged.path()), "invalid_signature")

    async def test_an_api_key_beside_it_neither_breaks_nor_mends_it(self, bench, pair):
        good, bad = pair.path(), pair.path()[:-1] + "x"

        assert (await bench.client.get(f"{good}&api_key=rs_live_nobody")).status_code == 200
        refused(await bench.client.get(bad), "invalid_signature")
        refused(
            await bench.client.get(f"{bad}&api_key={bench.key}", headers={"authorization": ""}),
            "invalid_signature",
        )

    async def test_no_header_makes_anything_but_the_picture_of_it(self, browser, pair):
        reply = await browser.get(pair.path(), headers={"accept": "application/json"})

        assert reply.headers["content-type"] == "image/png"

    async def test_nor_can_a_description_be_signed_for(self, browser, pair, bench):
        reply = await browser.get(pair.path(response_type="json"))

        assert (reply.status_code, reply.json()["error"]["details"]["field"]) == (400, "response_type")
        assert bench.renderer.renders == []

    @pytest.mark.parametrize(
        ("method", "path"), [("POST", "/v1/screenshot"), ("GET", "/v1/cache/k"), ("GET", "/v1/cache")]
    )
    async def test_it_opens_no_other_route(self, browser, pair, method, path):
        query = pair.path().partition("?")[2]
        reply = await browser.request(
            method, f"{path}?{query}", json={"url": PAGE} if method == "POST" else None
        )

        refused(reply, "missing_api_key")

    @pytest.mark.parametrize("half", ["public", "secret"])
    async def test_neither_half_of_a_pair_is_an_api_key(self, browser, pair, half):
        text = pair.public if half == "public" else pair.secret.decode()

        for how in ({"headers": {"authorization": f"Bearer {text}"}}, {"params": {"api_key": text}}):
            refused(await browser.get("/v1/cache/k", **how), "invalid_api_key")


class TestItsEnd:
    async def test_it_expires_to_the_second_also_for_what_was_cached(self, browser, pair, bench):
        path = pair.path(days=1 / 24)
        await browser.get(path)
        bench.clock.advance(minutes=59, seconds=59)
        assert (await browser.get(path)).status_code == 200
        bench.clock.advance(seconds=1)

        assert "has expired" in refused(await browser.get(path), "expired_signature")

    async def test_longer_than_thirty_days_is_refused(self, browser, pair):
        assert (await browser.get(pair.path(days=30))).status_code == 200
        assert "30 days" in refused(await browser.get(pair.path(days=30.1)), "invalid_signature")

    async def test_a_revoked_pair_signs_nothing_any_more(self, browser, pair, bench):
        path = pair.path()
        await browser.get(path)
        await bench.service.remembering.keys.revoke(pair.public)

        assert "revoked" in refused(await browser.get(path), "invalid_signature")


class TestHosts:
    @pytest.mark.parametrize(
        ("url", "status"),
        [
            ("https://example.com/a", 200),
            ("http://EXAMPLE.com:8080/", 200),
            ("https://www.example.org/", 200),
            ("https://a.b.example.org/", 200),
            ("https://example.org/", 403),
            ("https://notexample.org/", 403),
            ("https://www.example.com/", 403),
            ("https://example.com.evil.test/", 403),
            ("https://example.com@evil.test/", 403),
            ("https://evil.test/?example.com", 403),
        ],
    )
    async def test_a_pair_may_be_good_for_some_hosts_only(self, browser, bench, url, status):
        pair = await a_pair(bench.parts.authenticator, bench.clock, hosts=["example.com", "*.example.org"])
        reply = await browser.get(pair.path(url))

        assert reply.status_code == status
        if status == 403:
            assert (reply.json()["code"], reply.json()["error"]["code"]) == ("forbidden", "host_not_allowed")
            assert bench.renderer.renders == []

    async def test_a_document_has_no_host_and_may_load_from_any(self, browser, bench):
        pair = await a_pair(bench.parts.authenticator, bench.clock, hosts=["example.com"])
        documents = ({"html": "<p>"}, {"html": "<p>", "html_base_url": PAGE}, {"markdown": "a"})
        for options in documents:
            query = sign(options.items(), pair.public, pair.secret, bench.clock() + timedelta(days=1))

            assert (await browser.get(f"/v1/screenshot?{query}")).status_code == 403

    @pytest.mark.parametrize(
        "host", ["", "https://example.com", "example.com:80", "example.com/a", "a@b", "*", "a b", "*.*"]
    )
    async def test_what_is_no_host_is_told_when_the_pair_is_made(self, bench, host):
        with pytest.raises(ValueError, match="a host is a name such as"):
            await a_pair(bench.parts.authenticator, bench.clock, hosts=[host])


class TestTheOtherRecipes:
    """A is the documentation's; C and D are signed with an API key, and taken only where that is set."""

    @staticmethod
    def by_a(pair):
        expires = int((pair.clock() + timedelta(days=1)).timestamp())
        signature = signature_of(f"url={PAGE}&width=400&expires={expires}", pair.secret)
        query = urlencode({"url": PAGE, "width": "400", "expires": expires})
        return f"/v1/screenshot?{query}&signature={signature}&public_key={pair.public}"

    @staticmethod
    def by_c(key, clock):
        text = f"url={PAGE}&width=400&expires={int(clock().timestamp()) + 60}"
        return f"/v1/screenshot?{text}&signature={signature_of(text, key.encode())}"

    @staticmethod
    def by_d(key, clock):
        expires = int(clock().timestamp()) + 60
        path = f"/v1/screenshot?width=400&url=https%3A%2F%2Fexample.com%2F&expires={expires}"
        return f"{path}&signature={signature_of(BASE + path, key.encode())}"

    async def test_the_documentations_is_on(self, browser, pair):
        assert (await browser.get(self.by_a(pair))).status_code == 200
        refused(await browser.get(self.by_a(pair).replace("400", "401")), "invalid_signature")

    async def test_what_names_no_pair_is_off_and_says_what_to_do(self, browser, bench):
        key, _ = await bench.parts.authenticator.create("default", "live", "", signs=True)
        for sign_by in (self.by_c, self.by_d):
            told = refused(await browser.get(sign_by(key, bench.clock)), "invalid_signature")
            assert "key_id" in told

    async def test_where_it_is_set_api_keys_sign_that_were_made_for_it(self, tmp_path):
        async with a_bench(tmp_path / "data", CALOTYPE_SIGNED_RECIPES="A,B,C,D") as bench:
            authenticator = bench.parts.authenticator
            keys = [(await authenticator.create("default", "test", "", signs=True))[0] for _ in range(2)]
            for sign_by in (self.by_c, self.by_d):
                for key, status in ((keys[0], 200), (keys[1], 200), (bench.key, 401)):
                    path = sign_by(key, bench.clock)
                    reply = await bench.client.get(path, headers={"authorization": ""})
                    assert reply.status_code == status

            assert bench.renderer.renders[0].output.watermark

    async def test_each_can_be_turned_off(self, tmp_path):
        async with a_bench(tmp_path / "data", CALOTYPE_SIGNED_RECIPES="b") as bench:
            pair = await a_pair(bench.parts.authenticator, bench.clock)

            assert (await bench.client.get(pair.path())).status_code == 200
            assert "CALOTYPE_SIGNED_RECIPES" in refused(
                await bench.client.get(self.by_a(pair)), "invalid_signature"
            )


async def test_no_secret_is_on_disk_in_the_clear(tmp_path):
    async with a_bench(tmp_path / "data") as bench:
        pair = await a_pair(bench.parts.authenticator, bench.clock)
        key, _ = await bench.parts.authenticator.create("default", "live", "", signs=True)
        assert (await bench.client.get(pair.path())).status_code == 200
    files = [file.read_bytes() for file in (tmp_path / "data").rglob("*") if file.is_file()]

    assert files
    assert not any(secret in file for file in files for secret in (pair.secret, key.encode()))


class TestRepeated:
    """A hit that is asked for again in the same bytes is answered before it is parsed."""

    @staticmethod
    def request(path):
        return f"GET {path} HTTP/1.1\r\nHost: calotype.test\r\n\r\n".encode()

    async def test_it_repeats_until_the_url_ends(self, tmp_path):
        async with a_scene(tmp_path / "data") as scene:
            pair = await a_pair(scene.service.remembering.authenticator, scene.clock)
            request = self.request(pair.path(days=1 / 24))
            for _ in range(2):
                assert (await scene.send(request))[0] == 200
            scene.clock.advance(minutes=59, seconds=50)
            status, headers, _ = await scene.send(request)
            assert (status, headers["cache-control"]) == (200, "public, max-age=10")
            given = scene.repeats.given
            assert given > 0
            scene.clock.advance(seconds=10)

            assert (await scene.send(request))[0] == 401
            assert scene.repeats.given == given

    async def test_it_does_not_once_the_pair_is_revoked(self, tmp_path):
        async with a_scene(tmp_path / "data") as scene:
            kept = scene.service.remembering
            pair = await a_pair(kept.authenticator, scene.clock)
            request = self.request(pair.path())
            for _ in range(3):
                assert (await scene.send(request))[0] == 200
            assert scene.repeats.given > 0
            await kept.keys.revoke(pair.public)

            assert (await scene.send(request))[0] == 401


async def test_many_pages_of_one_pair_at_once(browser, pair, bench):
    replies = await asyncio.gather(*(browser.get(pair.path(f"{PAGE}{number}")) for number in range(20)))

    assert [reply.status_code for reply in replies] == [200] * 20
    assert len({reply.content for reply in replies}) == 20
