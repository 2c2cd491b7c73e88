"""What every client counts on, whatever its dialect; each module has its own client go through it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import partial

import pytest

from calotype.access.limits import Limits
from calotype.capture.devices import DEVICES
from calotype.capture.errors import (
    NavigationFailed,
    PageNotFound,
    QueueFull,
    RenderTimeout,
    TargetForbidden,
)
from calotype.capture.parse import parse_capture
from calotype.capture.presets import PRESETS
from tests.clients.wire import SdkError
from tests.support.waiting import becomes

PAGE = "https://example.com/a?b=1&c='<d>'"
LINKED = "https://example.com/a?b=1"
"""Some clients sign, and send, values as they are: no server can tell an & in them from its own."""
EVERYTHING = {
    "viewport": {"width": 1200, "height": 630, "scale": 2.0, "mobile": True},
    "capture": {"mode": "full_page"},
    "output": {"format": "jpeg", "quality": 75},
    "wait": {"until": "networkidle", "delay": 500, "for_selector": "#chart", "timeout": 20_000},
    "block": {
        "ads": True, "trackers": True, "cookie_banners": True, "chat_widgets": True,
        "requests": ["*feedback-widget*"], "resources": ["font", "media"],
    },
    "page": {
        "scripts": ["document.title = 'é'"], "styles": ["body { margin: 0 }"], "click": "#more",
        "hide": [".ad", "#bar"], "remove": ["aside"],
    },
    "browser": {
        "dark_mode": True, "reduced_motion": True, "media": "print", "user_agent": "Robot/1.0",
        "timezone": "Europe/Berlin", "locale": "de-DE",
        "geolocation": {"latitude": 52.52, "longitude": 13.4, "accuracy": 10},
    },
    "network": {
        "headers": {"X-Team": "a"},
        "cookies": [
            {"name": "s", "value": "1", "domain": "example.com", "path": "/", "secure": True,
             "http_only": True, "same_site": "Lax"}
        ],
        "auth": {"type": "basic", "username": "anna", "password": "p:w"},
        "bypass_csp": True,
    },
}  # fmt: skip
"""All that clients can ask of one picture, in our own spelling."""
PAPER = {
    "output": {"format": "pdf"},
    "pdf": {
        "paper": "letter", "landscape": True, "scale": 0.9, "background": True, "page_ranges": "1-3",
        "margin": {"top": "1cm", "right": "2cm", "bottom": "3cm", "left": "4cm"},
        "header": "<i>a</i>", "footer": "<b>b</b>", "fit_one_page": True, "prefer_css_page_size": True,
    },
}  # fmt: skip
"""All that clients can ask of a PDF."""
FAULTS = [
    (TargetForbidden("intranet"), {403}, "forbidden"),
    (PageNotFound(PAGE, 404, "http_404"), {404}, "not_found"),
    (RenderTimeout("waiting for #chart", 25_000), {408}, "timeout"),
    (NavigationFailed(PAGE, "net::ERR_CONNECTION_REFUSED"), {422, 500}, "render_failed"),
    (QueueFull(100, 7), {503}, "rate_limited"),
    (RuntimeError("a bug"), {500}, "internal_error"),
]


class Promises:
    """To be inherited by the tests of a client, which is their fixture `client`."""

    pytestmark = pytest.mark.asyncio(loop_scope="module")
    everything: Mapping[str, object]
    paper: Mapping[str, object]
    """EVERYTHING and PAPER as this client spells them."""
    reads_finer_codes = False
    """Whether the codes that it tells are those inside of `error`."""

    async def test_a_picture_comes_as_its_bytes_and_the_next_time_from_the_cache(self, scene, client):
        first = await client.take({"url": PAGE})
        again = await client.take({"url": PAGE})

        assert first.startswith(b"\x89PNG")
        assert first == again
        assert len(scene.renderer.renders) == 1

    async def test_what_it_reads_of_a_picture_in_json_is_there(self, scene, client):
        picture = await client.take({"url": PAGE})
        told = await client.take_json({"url": PAGE})

        assert (told["width"], told["height"], told["cached"]) == (1, 1, True)
        assert await client.cache_get(told["key"]) == picture
        assert (await client.fetch(told["url"])).body == picture

    async def test_every_option_that_it_knows_is_understood(self, scene, client):
        for spelled, meant in ((self.everything, EVERYTHING), (self.paper, PAPER)):
            await client.take({"url": PAGE, **spelled})

            assert scene.renderer.renders[-1] == parse_capture({"url": PAGE, **meant}).request
            assert "calotype-ignored" not in client.last.headers

    async def test_html_is_taken_for_a_page(self, scene, client):
        assert await client.take({"html": "<h1>é</h1>"}) != b""

        assert scene.renderer.renders[-1].negative.target.html == "<h1>é</h1>"

    async def test_how_long_a_picture_is_kept_is_its_wish(self, scene, client):
        await client.take({"url": PAGE, **client.lifetime(3600)})
        key = client.last.headers["x-cache-key"]
        scene.clock.advance(seconds=3599)
        assert await client.cache_get(key) is not None

        scene.clock.advance(seconds=1)
        assert await client.cache_get(key) is None

    async def test_a_refresh_renders_anew(self, scene, client):
        first = await client.take({"url": PAGE})

        assert await client.take({"url": PAGE, **client.refreshed()}) != first

    async def test_a_signed_url_shows_the_picture_to_whoever_has_it_until_it_expires(self, scene, client):
        await client.may_sign(scene.service.remembering.authenticator)
        expires = int(scene.clock().timestamp()) + 3600
        url = client.generate_url({"url": LINKED, "preset": "og_card", "dark_mode": "true"}, expires)

        assert (await client.fetch(url)).body.startswith(b"\x89PNG")
        assert (
            scene.renderer.renders[-1]
            == parse_capture({"url": LINKED, "preset": "og_card", "browser": {"dark_mode": True}}).request
        )
        assert (await client.fetch(url.replace("og_card", "mobile"))).status == 401
        scene.clock.advance(hours=1)
        assert (await client.fetch(url)).json()["error"]["code"] == "expired_signature"

    async def test_a_batch_tells_of_each_page_what_became_of_it(self, scene, client):
        told = await client.batch([PAGE, "nothing"], client.quality(75) | client.lifetime(3600))
        (done, url), (failed, why) = map(client.outcome, told["results"])

        assert told["id"].startswith("batch_")
        assert [type(told[name]) for name in ("total", "completed", "failed")] == [int] * 3
        assert (told["status"], told["total"], told["completed"], told["failed"]) == ("completed", 2, 1, 1)
        assert [item["url"] for item in told["results"]] == [PAGE, "nothing"]
        assert (await client.fetch(url)).body.startswith(b"\x89PNG")
        assert (done, failed) == (True, False)
        assert why.startswith("url is not a complete URL")
        assert "calotype-ignored" not in client.last.headers

    async def test_requests_of_a_batch_have_options_of_their_own(self, scene, client):
        wide = {"url": PAGE, "viewport": {"width": 1920}}
        told = await client.batch_of_requests([{"url": PAGE, "preset": "og_card"}, wide])

        assert told["completed"] == 2
        assert {each.negative.viewport.width_px for each in scene.renderer.renders} == {1200, 1920}

    async def test_a_batch_that_is_asked_for_again_is_told_alike(self, scene, client):
        told = await client.batch([PAGE], {})
        again = await client.get_batch(told["id"])

        assert again == told
        with pytest.raises(SdkError) as raised:
            await client.get_batch("batch_nobody")
        assert (raised.value.status, raised.value.retryable) == (404, False)

    async def test_a_batch_that_is_not_waited_for_is_waiting_in_a_word_that_it_knows(self, scene, client):
        scene.renderer.hold()
        try:
            told = await client.batch([f"{PAGE}{number}" for number in range(11)], {})
            assert told["status"] in (client.waiting, "processing")
        finally:
            scene.renderer.release()
            await becomes(partial(self.is_over, client, told["id"]))

    async def is_over(self, client, batch_id):
        return (await client.get_batch(batch_id))["status"] == "completed"

    async def test_too_many_requests_are_an_error_that_says_how_long_to_wait(self, scene, client):
        limited = Limits(requests_per_minute=1)
        keys = scene.service.remembering.authenticator
        client.key, _ = await keys.create("default", "live", "", limits=limited)
        await client.take({"url": PAGE})
        with pytest.raises(SdkError) as raised:
            await client.take({"url": PAGE})

        assert (raised.value.status, raised.value.code) == (429, "rate_limited")
        assert raised.value.retryable is True
        assert 1 <= raised.value.retry_after <= 60

    async def test_a_month_that_is_used_up_is_an_error_that_no_repetition_mends(self, scene, client):
        spent = Limits(credits=1)
        client.key, _ = await scene.service.remembering.authenticator.create(
            "default", "live", "", limits=spent
        )
        await client.take({"url": PAGE})
        with pytest.raises(SdkError) as raised:
            await client.take({"url": f"{PAGE}2"})

        assert (raised.value.status, raised.value.retryable) == (403, False)
        assert raised.value.code == self.code("forbidden", "quota_exceeded")

    async def test_a_key_with_slashes_goes_into_the_path_as_it_is(self, scene, client):
        picture = await client.take({"url": PAGE})
        path = client.last.headers["x-cache-url"].partition("/screenshots/")[2]
        short = client.last.headers["x-cache-key"].removeprefix("cache_")

        for key in (f"screenshots/{path}", f"screenshots/{short}", short):
            assert await client.cache_get(key) == picture
        assert await client.cache_delete(f"screenshots/{path}") is True

    async def test_what_is_not_there_is_nothing_and_no_error(self, scene, client):
        assert await client.cache_get("cache_xyz789") is None

    async def test_a_delete_says_whether_there_was_anything(self, scene, client):
        await client.take({"url": PAGE})
        key = client.last.headers["x-cache-key"]

        assert await client.cache_delete(key) is True
        assert await client.cache_delete(key) is False
        assert await client.cache_get(key) is None

    async def test_a_purge_by_keys_counts_and_names_those_that_went(self, scene, client):
        await client.take({"url": PAGE})
        key = client.last.headers["x-cache-key"]

        assert await client.purge_keys([key, "cache_xyz789"]) == (1, [key])
        assert await client.cache_get(key) is None

    async def test_a_purge_by_url_pattern_or_date_counts(self, scene, client):
        purges = (
            lambda: client.purge_url("https://example.com/a*"),
            lambda: client.purge_pattern("screenshots/2024/01/*"),
            lambda: client.purge_before(scene.clock() + timedelta(seconds=1)),
        )
        for purge in purges:
            await client.take({"url": PAGE})
            assert await purge() == (1, [])
            assert await purge() == (0, [])

    async def test_a_purge_before_the_capture_leaves_it(self, scene, client):
        await client.take({"url": PAGE})

        assert await client.purge_before(scene.clock()) == (0, [])

    async def test_presets_and_devices_are_listed(self, scene, client):
        presets, devices = await client.presets(), await client.devices()

        assert [preset["id"] for preset in presets] == list(PRESETS)
        assert [device["id"] for device in devices] == list(DEVICES)
        for preset in presets:
            assert {"name", "description"} <= preset.keys()
            assert {type(preset.get(size)) for size in ("width", "height")} <= {int, type(None)}
        for device in devices:
            assert {type(device[name]) for name in ("width", "height")} == {int}
            assert isinstance(device["scale"], float)
            assert isinstance(device["mobile"], bool)
            assert "user_agent" in device

    async def test_one_preset_is_told_alone(self, scene, client):
        preset = await client.preset("og_card")

        assert (preset["id"], preset["width"], preset["height"]) == ("og_card", 1200, 630)

    async def test_a_preset_that_is_not_there_is_an_error(self, scene, client):
        with pytest.raises(SdkError) as raised:
            await client.preset("nope")

        assert (raised.value.status, raised.value.code, raised.value.retryable) == (404, "not_found", False)

    async def test_a_bad_key_is_an_error_that_no_repetition_mends(self, scene, client):
        client.key = "rs_live_nobody"
        with pytest.raises(SdkError) as raised:
            await client.take({"url": PAGE})

        assert (raised.value.status, raised.value.retryable) == (401, False)
        assert raised.value.code == self.code("unauthorized", "invalid_api_key")
        assert "key" in raised.value.message

    async def test_a_url_that_is_none_is_an_error_that_no_repetition_mends(self, scene, client):
        with pytest.raises(SdkError) as raised:
            await client.take({"url": "ftp://example.com/"})

        assert (raised.value.status, raised.value.retryable) == (400, False)
        assert raised.value.code == "invalid_url"
        assert raised.value.message.startswith("url has a scheme other than http and https")

    async def test_an_option_out_of_bounds_is_an_error_that_names_it(self, scene, client):
        with pytest.raises(SdkError) as raised:
            await client.take({"url": PAGE, **client.quality(500)})

        assert (raised.value.status, raised.value.retryable) == (400, False)
        assert raised.value.code == self.code("invalid_request", "invalid_parameter")
        assert raised.value.message.startswith("output.quality is 500")

    async def test_a_purge_of_nothing_in_particular_is_refused(self, scene, client):
        with pytest.raises(SdkError) as raised:
            await client.purge_keys([])

        assert (raised.value.status, raised.value.retryable) == (400, False)
        assert raised.value.message.startswith("keys is an empty list")

    @pytest.mark.parametrize(("fault", "statuses", "code"), FAULTS, ids=[row[2] for row in FAULTS])
    async def test_a_failed_capture_is_an_error_that_says_whether_to_try_again(
        self, scene, client, fault, statuses, code
    ):
        scene.renderer.failing = fault
        with pytest.raises(SdkError) as raised:
            await client.take({"url": PAGE})

        finer = {"forbidden": "blocked_url", "not_found": "page_not_found"}.get(code, code)
        assert raised.value.status in statuses
        assert raised.value.code == self.code(code, finer)
        assert raised.value.message
        assert raised.value.retryable is client.tries_again(raised.value.status, code)
        if isinstance(fault, QueueFull):
            assert raised.value.retry_after == 7

    def code(self, word: str, finer: str) -> str:
        return finer if self.reads_finer_codes else word


class TellsUsage:
    """Of the newer clients."""

    async def test_usage_tells_the_month(self, scene, client):
        limits = Limits(credits=100)
        client.key, _ = await scene.service.remembering.authenticator.create(
            "default", "live", "", limits=limits
        )
        await client.take({"url": PAGE})
        told = await client.usage()

        assert (told["credits"], told["used"], told["remaining"]) == (100, 1, 99)
        assert told["period_start"] < f"{scene.clock():%Y-%m-%dT%H:%M:%SZ}" < told["period_end"]
