"""Pictures of our own site, looked at pixel by pixel, and pages that cannot be pictured."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import httpx
import pytest
from PIL import Image

from tests.site.server import Site
from tests.support.processes import until


def picture(reply) -> Image.Image:
    assert reply.status_code == 200, reply.text
    return Image.open(BytesIO(reply.content)).convert("RGB")


def test_a_full_page_is_as_tall_as_the_page(server, site):
    tall = picture(server.shot(site.url("/tall"), full_page=True))

    assert tall.size == (1280, 5000)
    assert picture(server.shot(site.url("/tall"))).size == (1280, 720)


@pytest.mark.parametrize(
    ("image_format", "kind"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP"), ("jpg", "JPEG")]
)
def test_the_format_is_the_one_asked_for(server, site, image_format, kind):
    reply = server.shot(site.url("/home"), output={"format": image_format})

    assert Image.open(BytesIO(reply.content)).format == kind
    assert reply.headers["Content-Type"] == f"image/{kind.lower()}"


def test_scale_multiplies_the_pixels(server, site):
    reply = server.shot(site.url("/home"), viewport={"width": 400, "height": 300, "scale": 2})

    assert picture(reply).size == (800, 600)


def test_dark_mode_reaches_the_page(server, site):
    light, dark = (picture(server.shot(site.url("/dark"), dark_mode=mode)) for mode in (False, True))

    assert light.convert("L").getpixel((5, 5)) == 255
    assert dark.convert("L").getpixel((5, 5)) == 0


def test_query_parameters_take_the_same_picture(server, site):
    posted = server.shot(site.url("/tall"), viewport={"width": 640}, capture={"mode": "full_page"})

    got = server.client.get(
        "/v1/screenshot", params={"url": site.url("/tall"), "width": "640", "full_page": "true"}
    )

    assert got.headers["X-Cache-Status"] == "HIT"
    assert got.content == posted.content


def test_a_json_reply_leads_to_the_picture(server, site):
    told = server.shot(site.url("/home"), response_type="json").json()

    assert (told["width"], told["height"], told["format"], told["cached"]) == (1280, 720, "png", False)
    assert told["metadata"]["http_status"] == 200
    got = server.client.get(told["url"], headers={"authorization": ""})
    assert len(got.content) == told["size"] == told["image"]["size"]


def test_html_is_pictured_like_a_page(server):
    body = {"html": "<body style='margin:0;background:#00f'>", "viewport": {"width": 100, "height": 100}}

    blue = picture(server.client.post("/v1/screenshot", json=body))

    assert blue.getpixel((50, 50)) == (0, 0, 255)


def test_html_finds_what_stands_beside_its_base(server, site):
    body = {"html": "<img src='image'>", "html_base_url": site.url("/somewhere/")}

    assert server.client.post("/v1/screenshot", json=body).status_code == 200
    assert site.visits["/somewhere/image"] == 1


@pytest.mark.parametrize(
    ("path", "status", "code", "finer"),
    [
        ("/404", 404, "not_found", "page_not_found"),
        ("/410", 404, "not_found", "page_not_found"),
        ("/500", 422, "render_failed", "render_failed"),
        ("/503", 422, "render_failed", "render_failed"),
        ("/reset", 422, "render_failed", "render_failed"),
        ("/hangup", 422, "render_failed", "render_failed"),
        ("/redirect-loop", 422, "render_failed", "render_failed"),
        ("/download", 422, "render_failed", "render_failed"),
    ],
)
def test_a_page_that_fails_is_a_typed_error_and_never_stored(server, site, path, status, code, finer):
    before = server.client.post("/v1/cache/purge", json={"all": True, "dry_run": True}).json()["purged"]
    reply = server.shot(site.url(path))

    assert (reply.status_code, reply.json()["code"], reply.json()["error"]["code"]) == (status, code, finer)
    after = server.client.post("/v1/cache/purge", json={"all": True, "dry_run": True}).json()["purged"]
    assert after == before == 0


@pytest.mark.parametrize("path", ["/401", "/403", "/429"])
def test_a_page_that_answers_with_another_status_is_pictured(server, site, path):
    assert picture(server.shot(site.url(path))).size == (1280, 720)


def test_fail_on_decides_what_is_an_error(server, site):
    assert server.shot(site.url("/404"), fail_on=[]).status_code == 200
    assert server.shot(site.url("/403"), fail_on=["http_4xx"]).status_code == 422


@pytest.mark.parametrize(
    "options",
    [
        {"wait": {"for_selector": "#never", "timeout": 1500}},
        {"capture": {"selector": "#never"}, "wait": {"timeout": 1500}},
    ],
)
def test_a_selector_that_never_comes_is_a_timeout_told_in_time(server, site, options):
    began = time.monotonic()
    reply = server.shot(site.url("/home"), **options)

    assert (reply.status_code, reply.json()["code"]) == (408, "timeout")
    assert "#never" in reply.json()["message"]
    assert time.monotonic() - began < 10


def test_a_page_that_hangs_is_a_timeout_and_harms_nobody(server, site):
    assert server.shot(site.url("/hang"), wait={"timeout": 2000}).status_code == 408
    assert server.shot(site.url("/home")).status_code == 200


def test_what_is_private_is_refused_and_never_touched(server):
    with Site() as private:
        for url in (
            private.url("/home"),
            f"http://localhost:{private.port}/",
            f"http://[::1]:{private.port}/",
        ):
            reply = server.shot(url)
            assert (reply.status_code, reply.json()["error"]["code"]) == (403, "blocked_url")
        assert private.connections == 0


def test_a_host_that_does_not_resolve_is_told_like_a_private_one(server):
    private = server.shot("http://10.0.0.1/").json()
    unknown = server.shot("http://no-such-host.invalid/").json()

    assert private["message"].replace("10.0.0.1", "X") == unknown["message"].replace(
        "no-such-host.invalid", "X"
    )


def test_a_redirect_to_a_private_host_is_refused(server, site):
    with Site() as private:
        reply = server.shot(site.url(f"/redirect?to={private.url('/home')}"))

        assert reply.status_code == 403
        assert private.connections == 0


def test_credentials_in_a_url_reach_the_page_and_nothing_else(server, site):
    url = site.url("/home").replace("http://", "http://anna:sesame42@")
    taken = server.shot(url)
    failed = server.shot(site.url("/500").replace("http://", "http://anna:sesame42@"))

    assert taken.status_code == 200
    assert "sesame42" not in failed.text + str(taken.headers) + server.log()


def test_a_client_that_hangs_up_stops_its_render_unless_others_wait_for_it(server, site):
    server.shot(site.url("/home"))  # So that the browser is there.
    url = site.url("/held/patience")
    with pytest.raises(httpx.ReadTimeout):
        server.client.post("/v1/screenshot", json={"url": url}, timeout=4)
    with ThreadPoolExecutor(2) as pool:
        patient = pool.submit(server.shot, url)
        assert until(lambda: site.visits["/held/patience"] == 2), (
            "the render of before still ran, and was joined"
        )
        with pytest.raises(httpx.ReadTimeout):
            server.client.post("/v1/screenshot", json={"url": url}, timeout=0.5)
        site.release("patience")
        assert patient.result().status_code == 200

    assert site.visits["/held/patience"] == 2
