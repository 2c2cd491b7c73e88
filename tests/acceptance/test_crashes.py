"""kill -9, of the browser and of the server: what was acknowledged is kept, and nothing is left behind."""

from __future__ import annotations

import os
import signal
import sqlite3
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path

import httpx
import pytest

from tests.support.processes import children, descendants, until


def browser_of(server) -> int:
    """Return the process id of the server's browser."""
    (browser,) = [pid for pid in children(server.process.pid) if "headless" in command_of(pid)]
    return browser


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")


def test_a_capture_whose_browser_is_killed_is_answered_all_the_same(own_server, site):
    own_server.shot(site.url("/home"))
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(own_server.shot, site.url("/held/crash"))
        assert site.arrived("crash").wait(15)
        os.kill(browser_of(own_server), signal.SIGKILL)
        site.release("crash")
        reply = running.result()

    assert reply.status_code == 200, reply.text
    assert site.visits["/held/crash"] == 2


def test_every_capture_under_way_survives_the_browser(own_server, site):
    own_server.shot(site.url("/home"))
    names = [f"/held/crash?{number}" for number in range(3)]
    with ThreadPoolExecutor(3) as pool:
        running = [pool.submit(own_server.shot, site.url(name)) for name in names]
        assert until(lambda: site.visits["/held/crash"] == 3)
        os.kill(browser_of(own_server), signal.SIGKILL)
        site.release("crash")
        assert [reply.result().status_code for reply in running] == [200, 200, 200]


def test_nothing_acknowledged_is_lost_when_the_server_is_killed(own_server, site):
    taken = {path: own_server.shot(site.url(path)) for path in ("/home", "/tall", "/counter")}
    gone = own_server.shot(site.url("/dark"))
    purged = own_server.client.post("/v1/cache/purge", json={"url": site.url("/dark")})
    assert purged.json()["purged"] == 1
    with ThreadPoolExecutor(1) as pool:
        lost = pool.submit(own_server.shot, site.url("/held/power"))
        assert site.arrived("power").wait(15)
        browsers = descendants(own_server.process.pid)
        own_server.kill()
        with pytest.raises(httpx.TransportError):
            lost.result()
    assert browsers
    assert until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in browsers)), (
        "the browser was left behind"
    )
    site.release("power")

    own_server.start()

    for reply in taken.values():
        got = own_server.client.get(f"/v1/cache/{reply.headers['X-Cache-Key']}")
        assert got.status_code == 200
        assert got.content == reply.content
    assert own_server.client.get(f"/v1/cache/{gone.headers['X-Cache-Key']}").status_code == 404
    again = own_server.shot(site.url("/held/power"))
    assert again.status_code == 200
    assert again.headers["X-Cache-Status"] == "MISS"


def test_a_server_killed_over_and_over_never_loses_or_dangles(own_server, site):
    acknowledged: dict[str, bytes] = {}
    for turn in range(5):
        with ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(own_server.shot, site.url(f"/counter?{turn}-{n}")) for n in range(12)]
            wait(asked, timeout=15, return_when=FIRST_COMPLETED)
            own_server.kill()
            for answer in asked:
                if answer.exception() is None and answer.result().status_code == 200:
                    reply = answer.result()
                    acknowledged[reply.headers["X-Cache-Key"]] = reply.content
        own_server.start()
    assert len(acknowledged) >= 5

    for key, content in acknowledged.items():
        got = own_server.client.get(f"/v1/cache/{key}")
        assert got.status_code == 200
        assert got.content == content
    with sqlite3.connect(own_server.data / "index.sqlite") as index:
        blobs = [row[0] for row in index.execute("SELECT blob FROM entry")]
    missing = [
        blob for blob in blobs if not (own_server.data / "blobs" / blob[:2] / blob[2:4] / blob).exists()
    ]
    assert blobs
    assert missing == []


def test_a_stopped_server_answers_what_runs_and_leaves_no_browser(own_server, site):
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(own_server.shot, site.url("/held/stop"))
        assert site.arrived("stop").wait(15)
        processes = descendants(own_server.process.pid)
        own_server.process.send_signal(signal.SIGTERM)
        site.release("stop")
        reply = running.result()

    assert reply.status_code == 200
    assert own_server.process.wait(40) == 0
    assert processes
    assert until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in processes), 5)
