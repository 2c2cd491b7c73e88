"""GET /v1/cache/purge/{id} and /v1/cache/purges: what was purged, when, by whom."""

from __future__ import annotations

import pytest


async def purge(bench, headers=None, **body):
    reply = await bench.client.post("/v1/cache/purge", json=body, headers=headers)
    assert reply.status_code == 200, reply.text
    return reply.json()["purge_id"]


async def trail(bench, query="", headers=None):
    reply = await bench.client.get(f"/v1/cache/purges{query}", headers=headers)
    assert reply.status_code == 200, reply.text
    return reply.json()


@pytest.fixture
async def key_id(bench):
    (key,) = await bench.service.remembering.keys.list()
    return key.id


class TestOnePurge:
    async def test_it_tells_what_was_asked_when_and_by_whom(self, bench, key_id):
        await bench.client.post("/v1/screenshot", json={"url": "https://mysite.com/"})
        purge_id = await purge(bench, url="https://mysite.com/*", before="2024-01-15T18:00:00.5+05:30")
        other_id = await purge(bench, url="https://mysite.com/*", before="2024-01-16")
        bench.clock.advance(days=1)
        reply = await bench.client.get(f"/v1/cache/purge/{other_id}")

        assert reply.status_code == 200
        assert reply.headers["cache-control"] == "no-store"
        assert reply.json() == {
            "purge_id": other_id,
            "created_at": "2024-01-15T12:00:00Z",
            "by": key_id,
            "filter": {"url": "https://mysite.com/*", "before": "2024-01-16T00:00:00Z"},
            "purged": 0,
            "soft": False,
            "swept": True,
            "sweep_progress": 1.0,
        }
        first = (await bench.client.get(f"/v1/cache/purge/{purge_id}")).json()
        assert (first["purged"], first["filter"]["before"]) == (1, "2024-01-15T12:30:00.500000Z")

    @pytest.mark.parametrize(
        ("body", "told"),
        [
            ({"keys": ["b", "a", "b"]}, {"keys": ["b", "a"], "key_count": 2}),
            ({"pattern": r"screenshots\*"}, {"pattern": r"screenshots\*"}),
            ({"url": "*"}, {"url": "*"}),
            ({"all": True}, {"all": True}),
            ({"all": True, "before": "2024-01-01"}, {"all": True, "before": "2024-01-01T00:00:00Z"}),
        ],
    )
    async def test_filters_are_told_as_a_purge_would_take_them(self, bench, body, told):
        purge_id = await purge(bench, **body)
        reply = await bench.client.get(f"/v1/cache/purge/{purge_id}")

        assert reply.json()["filter"] == told

    async def test_all_keys_are_told(self, bench):
        keys = [f"k{number}" for number in range(1000)]
        purge_id = await purge(bench, keys=keys)

        assert (await bench.client.get(f"/v1/cache/purge/{purge_id}")).json()["filter"]["keys"] == keys

    async def test_what_is_not_ones_own_or_was_a_dry_run_is_not_there(self, bench):
        other, test = await bench.another_key("other"), await bench.another_key("default", "test")
        theirs, trial = await purge(bench, other, all=True), await purge(bench, test, all=True)
        dry = await purge(bench, all=True, dry_run=True)

        for purge_id in (theirs, trial, dry, "purge_00000000000000000000", "x", "purge_%00"):
            reply = await bench.client.get(f"/v1/cache/purge/{purge_id}")
            assert (reply.status_code, reply.json()["code"]) == (404, "not_found"), purge_id
        assert (await bench.client.get(f"/v1/cache/purge/{theirs}", headers=other)).status_code == 200

    async def test_it_is_not_for_whoever_has_no_key(self, bench):
        purge_id = await purge(bench, all=True)
        for path in (f"/v1/cache/purge/{purge_id}", "/v1/cache/purges"):
            assert (await bench.client.get(path, headers={"authorization": ""})).status_code == 401


class TestTheTrail:
    async def test_purges_and_deletes_are_listed_newest_first(self, bench, key_id):
        taken = await bench.client.post("/v1/screenshot", json={"url": "https://mysite.com/"})
        key = taken.headers["x-cache-key"]
        await bench.client.delete(f"/v1/cache/{key}")
        bench.clock.advance(hours=1)
        second = await bench.another_key()
        purge_id = await purge(bench, second, url="https://mysite.com/*")
        await purge(bench, all=True, dry_run=True)
        await bench.client.delete("/v1/cache/nobody")
        listed = await trail(bench)
        (last, purged, deleted) = listed["purges"]

        assert listed["cursor"] is None
        assert (last["filter"], last["purged"], last["by"]) == (
            {"keys": ["nobody"], "key_count": 1},
            0,
            key_id,
        )
        assert (purged["purge_id"], purged["created_at"]) == (purge_id, "2024-01-15T13:00:00Z")
        assert purged["by"] not in (None, key_id)
        assert (deleted["filter"], deleted["purged"]) == ({"keys": [key], "key_count": 1}, 1)
        assert deleted == (await bench.client.get(f"/v1/cache/purge/{deleted['purge_id']}")).json()

    async def test_it_is_each_ones_own(self, bench):
        other, test = await bench.another_key("other"), await bench.another_key("default", "test")
        await purge(bench, other, all=True)

        assert (await trail(bench))["purges"] == (await trail(bench, headers=test))["purges"] == []
        assert len((await trail(bench, headers=other))["purges"]) == 1

    async def test_pages_follow_one_another(self, bench):
        ids = [await purge(bench, keys=[f"k{number}"]) for number in range(5)]
        found, cursor = [], ""
        for size in (2, 2, 1):
            page = await trail(bench, f"?limit=2{cursor}")
            assert len(page["purges"]) == size
            found += [item["purge_id"] for item in page["purges"]]
            cursor = f"&cursor={page['cursor']}"
            await purge(bench, all=True)  # comes too late to be on a later page

        assert cursor == "&cursor=None"
        assert found == ids[::-1]

    async def test_of_many_keys_the_first_are_told_and_their_number(self, bench):
        await purge(bench, keys=[f"k{number}" for number in range(1000)])
        (item,) = (await trail(bench))["purges"]

        assert item["filter"] == {"keys": [f"k{number}" for number in range(20)], "key_count": 1000}

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            ("limit=0", "limit"),
            ("limit=101", "limit"),
            ("cursor=ZTE", "cursor"),
            ("url=*", "url"),
            ("limits=1", "limits"),
        ],
    )
    async def test_what_cannot_be_read_is_told_by_its_name(self, bench, query, field):
        reply = await bench.client.get(f"/v1/cache/purges?{query}")

        assert (reply.status_code, reply.json()["error"]["details"]["field"]) == (400, field)

    async def test_no_entry_can_stand_in_its_place(self, bench):
        for key in ("purges", "purge/x"):
            reply = await bench.client.post(
                "/v1/screenshot", json={"url": "https://example.com/", "cache": {"key": key}}
            )
            assert (reply.status_code, reply.json()["error"]["details"]["field"]) == (400, "cache.key")
            assert (await bench.client.delete(f"/v1/cache/{key}")).json()["key"] == key
