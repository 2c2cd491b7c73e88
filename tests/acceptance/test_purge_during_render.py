"""A purge is obeyed by the render that runs while it is answered: for every filter, over real HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.support.server import calotype

PAGE = "/held/door"
FILTERS = {
    "keys": lambda old: {"keys": [old["key"]]},
    "keys by storage path": lambda old: {"keys": [old["path"]]},
    "url": lambda old: {"url": f"{old['site']}/held/*"},
    "url exactly": lambda old: {"url": old["url"]},
    "url anywhere": lambda old: {"url": "*/door"},
    "pattern": lambda _: {"pattern": f"screenshots/{datetime.now(UTC):%Y}/*"},
    "before": lambda _: {"before": (datetime.now(UTC) + timedelta(seconds=5)).isoformat()},
    "all": lambda _: {"all": True},
    "url star": lambda _: {"url": "*"},
    "combined": lambda old: {"url": f"{old['site']}/*", "pattern": "screenshots/*", "keys": [old["key"]]},
}


@contextmanager
def a_render_that_waits(server, site) -> Iterator[tuple[dict[str, str], Future[httpx.Response]]]:
    """Give an entry of PAGE, and a second render of it that is under way until the site releases `door`."""
    site.release("door")
    first = server.shot(site.url(PAGE))
    assert first.status_code == 200, first.text
    old = {
        "key": first.headers["X-Cache-Key"],
        "path": first.headers["X-Cache-URL"].split("/", 3)[3],
        "public": first.headers["X-Cache-URL"],
        "site": site.url(""),
        "url": site.url(PAGE),
    }
    site.forget()
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(server.shot, site.url(PAGE), cache={"refresh": True})
        assert site.arrived("door").wait(15)
        try:
            yield old, running
        finally:
            site.release("door")


@pytest.mark.parametrize("name", FILTERS)
def test_a_purge_during_a_render_leaves_nothing_behind(server, site, name):
    with a_render_that_waits(server, site) as (old, running):
        purged = server.client.post("/v1/cache/purge", json=FILTERS[name](old))
        assert purged.json()["purged"] == 1, purged.text
        site.release("door")
        caller = running.result()

    assert caller.status_code == 200
    assert caller.headers["Content-Type"] == "image/png"
    assert "detail=purged" in caller.headers["Cache-Status"]
    assert "X-Cache-URL" not in caller.headers
    assert "X-Cache-Expires" not in caller.headers
    assert server.client.get(f"/v1/cache/{old['key']}").status_code == 404
    assert httpx.get(old["public"], trust_env=False).status_code == 404
    assert server.shot(old["url"]).headers["X-Cache-Status"] == "MISS"


def test_a_delete_during_a_render_leaves_nothing_behind(server, site):
    with a_render_that_waits(server, site) as (old, running):
        assert server.client.delete(f"/v1/cache/{old['key']}").json()["deleted"] is True
        site.release("door")
        assert running.result().status_code == 200

    assert server.client.get(f"/v1/cache/{old['key']}").status_code == 404


def test_a_purge_by_the_command_line_is_obeyed_too(server, site):
    with a_render_that_waits(server, site) as (old, running):
        done = calotype("cache", "purge", "--url", old["url"], data=server.data)
        assert done.stdout == b"1 purged\n", done.stderr
        site.release("door")
        assert "detail=purged" in running.result().headers["Cache-Status"]

    assert server.client.get(f"/v1/cache/{old['key']}").status_code == 404


def test_a_purge_that_does_not_match_does_not_disturb_the_render(server, site):
    with a_render_that_waits(server, site) as (old, running):
        server.client.post("/v1/cache/purge", json={"url": f"{old['site']}/tall*"}).raise_for_status()
        site.release("door")
        assert running.result().headers["Cache-Status"].endswith("; stored")

    assert server.client.get(f"/v1/cache/{old['key']}").status_code == 200


def test_who_asks_after_the_purge_does_not_get_the_render_from_before_it(server, site):
    with a_render_that_waits(server, site) as (old, running):
        server.client.post("/v1/cache/purge", json={"url": old["url"]}).raise_for_status()
        site.forget()  # the render of before stays held; the gate is a new one
        with ThreadPoolExecutor(1) as pool:
            later = pool.submit(server.shot, old["url"])
            assert site.arrived("door").wait(15), "the later caller joined the render from before the purge"
            site.release("door")
            answered = later.result()
        assert answered.headers["Cache-Status"].endswith("; stored")
        assert not running.done() or "detail" in running.result().headers["Cache-Status"]

    assert server.client.get(f"/v1/cache/{old['key']}").status_code == 200


def test_a_hundred_identical_requests_load_the_page_once(server, site):
    site.forget()
    start = threading.Barrier(101)

    def ask(_: int) -> httpx.Response:
        with httpx.Client(headers=server.client.headers, timeout=60, trust_env=False) as client:
            start.wait()
            return client.post(f"{server.url}/v1/screenshot", json={"url": site.url(PAGE)})

    with ThreadPoolExecutor(100) as pool:
        answers = [pool.submit(ask, number) for number in range(100)]
        start.wait()
        assert site.arrived("door").wait(15)
        site.release("door")
        replies = [answer.result() for answer in answers]

    assert {reply.status_code for reply in replies} == {200}
    assert len({reply.content for reply in replies}) == 1
    assert site.visits[PAGE] == 1
