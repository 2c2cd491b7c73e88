"""The founding document, "Cache Management", example by example, over real HTTP with a real browser.

Where the document's sample names example.com we picture a site of our own; where it invents a
key we use the one that we were told.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from io import BytesIO

import httpx
import pytest
from PIL import Image


class AnyText:
    """Equal to every string that is not empty."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, str) and other != ""

    __hash__ = None  # type: ignore[assignment]


@pytest.fixture
def captured(server, site):
    """A screenshot that has just been taken of /home."""
    reply = server.shot(site.url("/home"))
    assert reply.status_code == 200, reply.text
    return reply


class TestGetCachedScreenshot:
    """GET /v1/cache/:key."""

    def test_it_returns_the_cached_binary(self, server, captured):
        got = server.client.get(f"/v1/cache/{captured.headers['X-Cache-Key']}")

        assert got.status_code == 200
        assert got.headers["Content-Type"] == "image/png"
        assert got.content == captured.content
        assert Image.open(BytesIO(got.content)).size == (1280, 720)

    def test_it_says_that_it_is_a_hit_and_when_it_expires(self, server, captured):
        got = server.client.get(f"/v1/cache/{captured.headers['X-Cache-Key']}")

        assert got.headers["X-Cache-Hit"] == "true"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", got.headers["X-Cache-Expires"])
        expires = datetime.fromisoformat(got.headers["X-Cache-Expires"])
        assert timedelta(hours=23, minutes=59) < expires - datetime.now(UTC) <= timedelta(hours=24, seconds=1)

    def test_it_is_404_if_not_found(self, server):
        got = server.client.get("/v1/cache/cache_xyz789")

        assert got.status_code == 404
        assert got.json()["error"]["code"] == "not_found"


class TestDeleteCacheEntry:
    """DELETE /v1/cache/:key."""

    def test_it_invalidates_a_single_cached_screenshot(self, server, site, captured):
        key, other = captured.headers["X-Cache-Key"], server.shot(site.url("/tall")).headers["X-Cache-Key"]

        deleted = server.client.delete(f"/v1/cache/{key}")

        assert deleted.status_code == 200
        assert deleted.json() == {"deleted": True, "key": key}
        assert server.client.get(f"/v1/cache/{key}").status_code == 404
        assert server.client.get(f"/v1/cache/{other}").status_code == 200

    def test_what_was_deleted_is_rendered_anew(self, server, site):
        server.client.delete(f"/v1/cache/{server.shot(site.url('/counter')).headers['X-Cache-Key']}")

        again = server.shot(site.url("/counter"))

        assert again.headers["X-Cache-Status"] == "MISS"
        assert site.visits["/counter"] == 2


class TestBulkPurge:
    """POST /v1/cache/purge."""

    @pytest.fixture
    def keys(self, server, site):
        """Keys of four entries: a blog of two pages, a shop, and one under a key of its own."""
        paths = ("/home?blog/a", "/home?blog/b", "/home?shop")
        keys = {path: server.shot(site.url(path)).headers["X-Cache-Key"] for path in paths}
        own = server.shot(site.url("/tall"), cache={"key": "my-custom-key"})
        return {**keys, "own": own.headers["X-Cache-Key"]}

    @staticmethod
    def purge(server, **body):
        reply = server.client.post("/v1/cache/purge", json=body)
        assert reply.status_code == 200, reply.text
        return reply.json()

    @staticmethod
    def left(server, keys):
        return {
            name for name, key in keys.items() if server.client.get(f"/v1/cache/{key}").status_code == 200
        }

    def test_by_keys(self, server, keys):
        chosen = [keys["/home?shop"], "cache_def456", "my-custom-key"]

        done = self.purge(server, keys=chosen)

        assert done["purged"] == 2
        assert done["keys"] == [keys["/home?shop"], "my-custom-key"]
        assert self.left(server, keys) == {"/home?blog/a", "/home?blog/b"}

    def test_by_storage_path(self, server, keys):
        today = datetime.now(UTC)

        assert self.purge(server, pattern="screenshots/2024/01/*") == {
            "purged": 0,
            "pattern": "screenshots/2024/01/*",
            "keys": [],
            "purge_id": AnyText(),
            "dry_run": False,
            "soft": False,
            "combined": "and",
        }
        assert self.left(server, keys) == set(keys)
        assert self.purge(server, pattern=f"screenshots/{today:%Y/%m}/*")["purged"] == 4
        assert self.left(server, keys) == set()

    def test_by_url_pattern(self, server, site, keys):
        glob = site.url("/home?blog/*")

        done = self.purge(server, url=glob)

        assert (done["purged"], done["pattern"]) == (2, glob)
        assert self.left(server, keys) == {"/home?shop", "own"}

    def test_by_date(self, server, keys):
        assert self.purge(server, before="2024-01-01T00:00:00Z")["purged"] == 0
        assert self.left(server, keys) == set(keys)

        soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
        assert self.purge(server, before=soon)["purged"] == 4
        assert self.left(server, keys) == set()

    def test_filters_combine_and_an_entry_must_pass_all_of_them(self, server, site, keys):
        today = datetime.now(UTC)
        every = {
            "keys": [keys["/home?blog/a"], keys["/home?shop"]],
            "pattern": f"screenshots/{today:%Y/%m}/*",
            "url": site.url("/home?blog/*"),
            "before": (today + timedelta(days=1)).isoformat(),
        }

        assert self.purge(server, **{**every, "before": "2024-01-15T00:00:00Z"})["purged"] == 0
        assert self.purge(server, **every, dry_run=True)["purged"] == 1
        assert self.left(server, keys) == set(keys)
        assert self.purge(server, **every)["purged"] == 1
        assert self.left(server, keys) == set(keys) - {"/home?blog/a"}


class TestCacheKeys:
    """Where keys come from."""

    def test_they_are_returned_when_capturing(self, captured):
        assert re.fullmatch(r"cache_[0-9a-f]{32}", captured.headers["X-Cache-Key"])
        entry_id = captured.headers["X-Cache-Key"].removeprefix("cache_")
        assert captured.headers["X-Cache-URL"].endswith(f"/{entry_id}.png")

    def test_the_url_needs_no_key(self, captured):
        got = httpx.get(captured.headers["X-Cache-URL"], trust_env=False)

        assert got.status_code == 200
        assert got.content == captured.content

    def test_one_can_set_ones_own(self, server, site):
        taken = server.shot(site.url("/home"), cache={"key": "my-custom-key"})

        assert taken.headers["X-Cache-Key"] == "my-custom-key"
        assert server.client.get("/v1/cache/my-custom-key").content == taken.content


class TestUseCases:
    """What the document suggests to do with it."""

    def test_force_refresh(self, server, site):
        first = server.shot(site.url("/counter"))
        assert server.shot(site.url("/counter")).content == first.content

        refreshed = server.shot(site.url("/counter"), cache={"refresh": True})

        assert refreshed.headers["X-Cache-Status"] == "MISS"
        assert refreshed.content != first.content
        assert server.shot(site.url("/counter")).content == refreshed.content
        assert site.visits["/counter"] == 2

    def test_clear_on_deploy(self, server, site):
        old = server.shot(site.url("/counter"))

        done = server.client.post("/v1/cache/purge", json={"url": site.url("/*")}).json()

        assert done["purged"] == 1
        assert httpx.get(old.headers["X-Cache-URL"], trust_env=False).status_code == 404
        assert server.shot(site.url("/counter")).content != old.content

    def test_scheduled_cleanup(self, server, site, captured):
        # Whole milliseconds, as births are kept: the next capture may begin in this very one.
        cut = datetime.now(UTC).isoformat(timespec="milliseconds")
        newer = server.shot(site.url("/tall"))

        assert server.client.post("/v1/cache/purge", json={"before": cut}).json()["purged"] == 1
        assert server.client.get(f"/v1/cache/{captured.headers['X-Cache-Key']}").status_code == 404
        assert server.client.get(f"/v1/cache/{newer.headers['X-Cache-Key']}").status_code == 200
