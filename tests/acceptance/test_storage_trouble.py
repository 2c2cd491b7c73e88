"""A real server whose index or disk fails for a while: captures are answered, and nothing needs a restart."""

from __future__ import annotations

import contextlib
import resource
import sys

import pytest

from tests.support.machine import cannot_be_tested
from tests.support.processes import until
from tests.support.troubles import locked, read_only

WELL = {"index": "ok", "blobs": "ok", "room": "ok", "browser": "ok"}


def checks(server):
    reply = server.client.get("/readyz", headers={"authorization": ""})
    told = reply.json()
    assert (reply.status_code, told["status"]) in [(200, "ready"), (503, "unready")]
    assert str(server.data) not in reply.text
    return told["checks"]


@contextlib.contextmanager
def index_locked(server):
    with locked(server.data / "index.sqlite"):
        yield


@contextlib.contextmanager
def blobs_read_only(server):
    with read_only(server.data / "blobs"):
        yield


@contextlib.contextmanager
def nothing_can_be_written(server):
    """Refuse every write to a file that the running server makes, those to its open index included."""
    if sys.platform != "linux":
        cannot_be_tested("no other process's limits can be set here")
    pid = server.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize(
    ("trouble", "told", "purges"),
    [
        (index_locked, {"index": "locked"}, False),
        (blobs_read_only, {"blobs": "read-only"}, True),
        (nothing_can_be_written, {"index": "failing", "blobs": "failing"}, False),
    ],
    ids=["index locked", "blobs read-only", "nothing writable"],
)
def test_captures_go_on_and_all_recovers(own_server, site, trouble, told, purges):
    page, other = site.url("/home"), site.url("/tall")
    first = own_server.shot(page)
    assert first.headers["x-cache-status"] == "MISS"
    assert until(lambda: checks(own_server) == WELL)
    with trouble(own_server):
        assert until(lambda: checks(own_server).items() >= told.items(), within_s=30)
        hit = own_server.shot(page)
        assert (hit.headers["x-cache-status"], hit.content) == ("HIT", first.content)
        for _ in range(2):
            taken = own_server.shot(other)
            assert (taken.status_code, taken.headers["x-cache-status"]) == (200, "MISS")
            assert taken.headers["cache-status"].endswith("stored=?0; detail=store-unavailable")
            assert taken.content.startswith(b"\x89PNG")
        purged = own_server.client.post("/v1/cache/purge", json={"keys": ["unknown"]})
        if purges:
            assert purged.status_code == 200
        else:
            assert (purged.status_code, purged.headers["retry-after"]) == (503, "2")
        assert own_server.client.get("/healthz").status_code == 200

    # The breaker closes by itself, ten seconds after the last refusal.
    assert until(lambda: checks(own_server) == WELL, within_s=30)
    assert own_server.shot(other).headers["cache-status"].endswith("; stored")
    assert own_server.shot(other).headers["x-cache-status"] == "HIT"
    assert own_server.client.post("/v1/cache/purge", json={"all": True}).json()["purged"] == 2
