"""The verdict as the wire tells it: in JSON, in a header, in descriptions; and fail_on as it is asked for."""

from __future__ import annotations

import pytest

from calotype.capture.verdict import Cut, Dismissal, SettledBy

PAGE = "https://example.com/"
FACTS = {
    "title": "A page",
    "description": "Of lamps, “good” ones\n",
    "settled_by": SettledBy.NETWORK,
    "blank": True,
    "bot_wall": "cloudflare",
    "error_page": False,
    "cut": Cut.HEIGHT,
    "unfinished_images": 3,
    "missing_glyphs": 2,
    "console_errors": 1,
    "consent_banner": Dismissal.DECLINED,
    "consent_product": "Onetrust",
}
REMARKS = (
    "http-status=403, blank, bot-wall=cloudflare, cut=height, unsettled=network, unfinished-images=3, "
    "missing-glyphs=2, console-errors=1"
)


@pytest.fixture
def amiss(bench):
    bench.renderer.http_status, bench.renderer.facts = 403, FACTS
    return bench


async def post(bench, **options):
    return await bench.client.post("/v1/screenshot", json={"url": PAGE, **options})


async def test_json_tells_all_of_it(amiss):
    told = (await post(amiss, response_type="json")).json()

    assert told["verdict"] == {**FACTS, "http_status": 403, "final_url": PAGE}
    assert told["metadata"] == {
        "title": "A page",
        "description": FACTS["description"],
        "final_url": PAGE,
        "http_status": 403,
    }


async def test_the_description_of_an_entry_tells_it_too_and_so_does_json_of_a_hit(amiss):
    fresh = (await post(amiss, response_type="json")).json()
    hit = (await post(amiss, response_type="json")).json()
    meta = (await amiss.client.get(f"/v1/cache/{fresh['cache_key']}?meta=1")).json()

    assert hit["cached"] is True
    assert meta["verdict"] == hit["verdict"] == fresh["verdict"]
    assert meta["description"] == FACTS["description"]


async def test_a_header_says_what_is_amiss_on_whatever_way_the_picture_comes(amiss):
    miss = await post(amiss)
    hits = [await post(amiss) for _ in range(3)]
    by_key = await amiss.client.get(f"/v1/cache/{miss.headers['x-cache-key']}")
    behind = await amiss.behind.get(f"/v1/cache/{miss.headers['x-cache-key']}")
    uncached = await post(amiss, cache={"enabled": False})
    unchanged = await amiss.client.get(
        "/v1/screenshot", params={"url": PAGE}, headers={"if-none-match": miss.headers["etag"]}
    )

    assert unchanged.status_code == 304
    for reply in (miss, *hits, by_key, behind, uncached, unchanged):
        assert reply.headers["calotype-verdict"] == REMARKS
    assert "A page" not in str(miss.headers)


async def test_nothing_is_said_of_a_good_picture_nor_to_the_public(amiss):
    url = (await post(amiss)).headers["x-cache-url"]
    public = await amiss.client.get(url, headers={"authorization": ""})
    amiss.renderer.http_status, amiss.renderer.facts = 200, {"settled_by": SettledBy.QUIET}
    good = await post(amiss, cache={"refresh": True})

    assert public.status_code == good.status_code == 200
    assert "calotype-verdict" not in public.headers
    assert "calotype-verdict" not in good.headers


@pytest.mark.parametrize(
    "rule", ["blank", "bot_wall", "unfinished_images", "missing_glyphs", "cut", "console_errors", "unsettled"]
)
async def test_a_broken_rule_is_a_failed_render_that_names_it(amiss, rule):
    reply = await post(amiss, fail_on=[rule])

    told = reply.json()
    assert (reply.status_code, told["code"], told["error"]["code"]) == (422, "render_failed", "render_failed")
    assert f"fail_on names: {rule}" in told["message"]
    assert reply.headers["retry-after"] == "3"
    assert FACTS["title"] not in reply.text


async def test_rules_are_read_from_a_query_as_well(amiss):
    query = {"url": PAGE, "fail_on": "http_4xx,blank"}
    assert (await amiss.client.get("/v1/screenshot", params=query)).json()["message"].endswith("(http_4xx).")
    query = {"url": PAGE, "fail_on": "blank"}
    assert "is blank" in (await amiss.client.get("/v1/screenshot", params=query)).json()["message"]


async def test_the_last_good_picture_comes_with_its_own_verdict_and_is_said_to_be_stale(bench):
    bench.renderer.facts = {"console_errors": 1}
    await post(bench, cache={"ttl": 60}, fail_on=["blank"])
    bench.clock.advance(seconds=60)
    bench.renderer.facts = {"blank": True}
    reply = await post(bench, fail_on=["blank"])

    assert (reply.status_code, reply.headers["x-cache-status"]) == (200, "STALE")
    assert reply.headers["cache-status"].endswith("detail=sie")
    assert reply.headers["calotype-verdict"] == "console-errors=1"


async def test_a_hit_that_breaks_the_callers_rules_is_no_hit(bench):
    bench.renderer.facts = {"blank": True}
    await post(bench)
    bench.renderer.facts = {}
    reply = await post(bench, fail_on=["blank"])

    assert reply.headers["x-cache-status"] == "MISS"
    assert (await post(bench, fail_on=["blank"])).headers["x-cache-status"] == "HIT"
