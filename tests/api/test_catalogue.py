"""Presets and devices: listed in the shape that each client family reads, and taken as options."""

from __future__ import annotations

import pytest

from calotype.capture.devices import DEVICES
from calotype.capture.presets import PRESETS

OLDER = [f"renderscreenshot-{language}/1.0.0" for language in ("node", "python", "php", "java")]
NEWER = ["renderscreenshot-ruby/1.0.0", "renderscreenshot-go/1.0.0", "curl/8.0"]


@pytest.mark.parametrize(("what", "known"), [("presets", PRESETS), ("devices", DEVICES)])
async def test_older_clients_get_a_bare_list_and_newer_ones_an_object(bench, what, known):
    for client in OLDER:
        told = (await bench.client.get(f"/v1/{what}", headers={"user-agent": client})).json()
        assert [item["id"] for item in told] == list(known)
    for client in NEWER:
        told = (await bench.client.get(f"/v1/{what}", headers={"user-agent": client})).json()
        assert [item["id"] for item in told[what]] == list(known)


async def test_a_preset_is_told_alone_and_unwrapped(bench):
    assert (await bench.client.get("/v1/presets/og_card")).json() == {
        "id": "og_card",
        "name": "Open Graph Card",
        "description": "The picture of a link on most social sites.",
        "width": 1200,
        "height": 630,
        "scale": 1.0,
        "mobile": False,
    }
    assert (await bench.client.get("/v1/presets/full_page")).json()["full_page"] is True
    assert (await bench.client.get("/v1/presets/pdf_document")).json()["format"] == "pdf"


async def test_an_unknown_preset_is_404(bench):
    reply = await bench.client.get("/v1/presets/nope")
    assert (reply.status_code, reply.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("path", ["/v1/presets", "/v1/presets/og_card", "/v1/devices"])
async def test_they_want_a_key_and_know_no_other_method(bench, path):
    assert (await bench.client.get(path, headers={"authorization": ""})).status_code == 401
    refused = await bench.client.post(path)
    assert (refused.status_code, set(refused.headers["allow"].split(", "))) == (405, {"GET", "HEAD"})


async def test_an_option_given_by_name_is_the_same_request_as_by_value(bench):
    body = {"url": "https://example.com/"}
    first = await bench.client.post("/v1/screenshot", json=body | {"preset": "twitter_card"})
    again = await bench.client.post("/v1/screenshot", json=body | {"width": 800, "height": 418})
    flat = await bench.client.get("/v1/screenshot", params=body | {"preset": "twitter_card"})

    assert first.headers["x-cache-status"] == "MISS"
    assert {again.headers["x-cache-status"], flat.headers["x-cache-status"]} == {"HIT"}


async def test_a_test_key_has_its_pictures_marked_and_a_live_one_does_not(bench):
    trial = await bench.another_key(mode="test")
    await bench.client.post("/v1/screenshot", json={"url": "https://example.com/"})
    await bench.client.post("/v1/screenshot", json={"url": "https://example.com/"}, headers=trial)

    assert [request.output.watermark for request in bench.renderer.renders] == [False, True]
