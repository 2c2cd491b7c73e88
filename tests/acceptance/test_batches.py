"""Batches with a real browser, over HTTP."""

from __future__ import annotations

from tests.support.processes import until


def test_a_batch_of_real_pages_is_pictured_and_what_fails_is_told_in_its_place(server, site):
    urls = [
        site.url("/home"),
        "http://10.0.0.1/",
        site.url("/tall"),
        site.url("/404"),
        site.url("/home"),
    ]
    told = server.client.post(
        "/v1/batch", json={"urls": urls, "options": {"width": 640, "height": 480}}
    ).json()
    home, refused, tall, missing, again = told["results"]

    assert (told["status"], told["total"], told["completed"], told["failed"]) == ("completed", 5, 3, 2)
    assert refused["failure"]["code"] == "blocked_url"
    assert missing["failure"]["code"] == "page_not_found"
    assert again["image"] == home["image"]
    for item in (home, tall):
        picture = server.client.get(item["image_url"])
        assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
        assert (item["image"]["width"], item["image"]["size"]) == (640, len(picture.content))


def test_a_capture_that_is_not_waited_for_comes_out_as_one_that_is(server, site):
    body = {"url": site.url("/home"), "width": 640}
    job = server.client.post("/v1/screenshot", json={**body, "async": True}).json()["id"]

    assert until(lambda: server.client.get(f"/v1/jobs/{job}").json()["status"] == "completed", 60)
    told = server.client.get(f"/v1/jobs/{job}").json()
    waited = server.client.post("/v1/screenshot", json=body)
    assert waited.headers["x-cache-status"] == "HIT"
    assert server.client.get(told["url"]).content == waited.content
