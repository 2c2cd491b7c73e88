"""Every account sees only its own entries, and of those only the ones of its key's mode."""

from __future__ import annotations

import asyncio

import pytest

PAGE = "https://example.com/"


@pytest.fixture
async def strangers(bench):
    """Headers of three callers who are not the one under test."""
    return {
        "another account": await bench.another_key("somebody else"),
        "the other mode": await bench.another_key("default", "test"),
        "another account's other mode": await bench.another_key("somebody else", "test"),
    }


_EVERYTHING: list[dict[str, object]] = [
    {"all": True},
    {"url": "*"},
    {"url": "https://example.com/*"},
    {"pattern": "*"},
    {"before": "2025-01-01"},
]
"""Filters that the entry under test passes."""
WHO = ["another account", "the other mode", "another account's other mode"]


async def take(bench, headers=None, **cache):
    return await bench.client.post("/v1/screenshot", json={"url": PAGE, "cache": cache}, headers=headers)


@pytest.mark.parametrize("who", WHO)
class TestAStranger:
    async def test_renders_a_picture_of_its_own(self, bench, strangers, who):
        mine, theirs = await take(bench), await take(bench, strangers[who])

        assert theirs.headers["x-cache-status"] == "MISS"
        assert theirs.headers["x-cache-key"] != mine.headers["x-cache-key"]
        assert theirs.headers["x-cache-url"] != mine.headers["x-cache-url"]
        assert theirs.content != mine.content

    async def test_cannot_get_it_by_any_name(self, bench, strangers, who):
        mine = await take(bench)
        key = mine.headers["x-cache-key"]
        entry_id = key.removeprefix("cache_")

        for name in (key, entry_id, f"screenshots/{entry_id}", f"screenshots/2024/01/15/{entry_id}.png"):
            reply = await bench.client.get(f"/v1/cache/{name}", headers=strangers[who])
            unknown = await bench.client.get("/v1/cache/nobody", headers=strangers[who])
            assert reply.status_code == unknown.status_code == 404
            assert reply.json()["message"] == unknown.json()["message"]

    async def test_cannot_delete_it(self, bench, strangers, who):
        key = (await take(bench)).headers["x-cache-key"]
        entry_id = key.removeprefix("cache_")

        for name in (key, entry_id, f"screenshots/2024/01/15/{entry_id}.png"):
            reply = await bench.client.delete(f"/v1/cache/{name}", headers=strangers[who])
            assert reply.status_code == 404
        assert (await bench.client.get(f"/v1/cache/{key}")).status_code == 200

    @pytest.mark.parametrize("dry_run", [True, False])
    async def test_cannot_purge_it_nor_learn_that_it_is_there(self, bench, strangers, who, dry_run):
        key = (await take(bench)).headers["x-cache-key"]

        for which in _EVERYTHING:
            reply = await bench.client.post(
                "/v1/cache/purge", json=which | {"dry_run": dry_run}, headers=strangers[who]
            )
            assert (which, reply.json()["purged"]) == (which, 0)
        assert (await bench.client.get(f"/v1/cache/{key}")).status_code == 200

    async def test_cannot_purge_it_by_its_names(self, bench, strangers, who):
        key = (await take(bench)).headers["x-cache-key"]
        names = [key, key.removeprefix("cache_")]
        reply = await bench.client.post("/v1/cache/purge", json={"keys": names}, headers=strangers[who])

        assert (reply.json()["purged"], reply.json()["keys"]) == (0, [])
        assert (await bench.client.get(f"/v1/cache/{key}")).status_code == 200

    async def test_may_use_the_same_name_for_something_else(self, bench, strangers, who):
        mine = await take(bench, key="home")
        theirs = await take(bench, strangers[who], key="home")

        assert theirs.headers["x-cache-status"] == "MISS"
        assert theirs.headers["x-cache-url"] != mine.headers["x-cache-url"]
        got_mine = await bench.client.get("/v1/cache/home")
        got_theirs = await bench.client.get("/v1/cache/home", headers=strangers[who])
        assert (got_mine.content, got_theirs.content) == (mine.content, theirs.content)

        await bench.client.delete("/v1/cache/home", headers=strangers[who])
        assert (await bench.client.get("/v1/cache/home")).status_code == 200

    async def test_cannot_take_a_derived_key_for_a_name_of_its_own(self, bench, strangers, who):
        key = (await take(bench)).headers["x-cache-key"]
        reply = await take(bench, strangers[who], key=key)

        assert reply.status_code == 400
        assert reply.json()["error"]["details"]["field"] == "cache.key"

    async def test_does_not_wait_on_anothers_render(self, bench, strangers, who):
        bench.renderer.hold()
        both = [asyncio.create_task(take(bench)), asyncio.create_task(take(bench, strangers[who]))]
        await bench.renderer.began.acquire()
        await bench.renderer.began.acquire()
        bench.renderer.release()
        mine, theirs = await asyncio.gather(*both)

        assert mine.content != theirs.content


async def test_two_keys_of_one_account_and_mode_share_everything(bench):
    colleague = await bench.another_key("default")
    mine = await take(bench)
    theirs = await take(bench, colleague)

    assert theirs.headers["x-cache-status"] == "HIT"
    assert theirs.headers["x-cache-key"] == mine.headers["x-cache-key"]
    purged = await bench.client.post("/v1/cache/purge", json={"all": True}, headers=colleague)
    assert purged.json()["purged"] == 1


async def test_a_purge_of_everything_leaves_everyone_else_everything(bench, strangers):
    kept = [(headers, await take(bench, headers)) for headers in strangers.values()]
    await take(bench)
    assert (await bench.client.post("/v1/cache/purge", json={"url": "*"})).json()["purged"] == 1

    for headers, reply in kept:
        got = await bench.client.get(f"/v1/cache/{reply.headers['x-cache-key']}", headers=headers)
        assert got.content == reply.content


async def test_the_public_link_works_for_everybody(bench, strangers):
    mine = await take(bench)

    for headers in (*strangers.values(), {"authorization": ""}):
        assert (await bench.client.get(mine.headers["x-cache-url"], headers=headers)).content == mine.content
