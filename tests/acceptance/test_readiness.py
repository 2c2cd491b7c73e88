"""GET /readyz of a real server tells the truth of its browser."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from calotype.render.find import find_browser
from tests.support.processes import children, until
from tests.support.server import LiveServer


def told(server) -> tuple[int, str]:
    reply = server.client.get("/readyz", headers={"authorization": ""})
    return reply.status_code, reply.json()["checks"]["browser"]


@pytest.fixture
def browser() -> Iterator[Path]:
    """The path of a browser that can be taken away, in a folder that the browser's user may enter."""
    with tempfile.TemporaryDirectory(prefix="calotype-test-") as name:
        Path(name).chmod(0o755)
        script = Path(name) / "browser.sh"
        script.write_text(f'#!/bin/sh\nexec {find_browser(None)} "$@"\n')
        script.chmod(0o755)
        yield script


def test_a_server_is_ready_when_its_browser_is_though_nobody_asked_for_a_capture(own_server):
    assert until(lambda: children(own_server.process.pid) != [])
    assert until(lambda: told(own_server) == (200, "ok"))


def test_a_browser_that_was_killed_is_replaced_and_the_server_ready_again(own_server, site):
    assert until(lambda: told(own_server) == (200, "ok"))
    (first,) = children(own_server.process.pid)
    os.kill(first, signal.SIGKILL)

    # Nobody but who asks for readiness has it replaced.
    assert until(
        lambda: told(own_server) == (200, "ok") and children(own_server.process.pid) not in ([], [first])
    )
    assert own_server.shot(site.url("/home")).status_code == 200


def test_a_browser_that_cannot_be_started_makes_the_server_unready_until_it_can(browser, site, tmp_path):
    server = LiveServer(tmp_path / "data", CALOTYPE_EGRESS_ALLOW=site.netloc, CALOTYPE_BROWSER=str(browser))
    try:
        assert until(lambda: told(server) == (200, "ok"))
        (first,) = children(server.process.pid)
        aside = browser.rename(browser.with_name("aside.sh"))
        os.kill(first, signal.SIGKILL)
        assert until(lambda: told(server) == (503, "failing"), 30)
        assert server.client.get("/healthz").status_code == 200
        aside.rename(browser)
        assert until(lambda: told(server) == (200, "ok"), 30)
        assert server.shot(site.url("/home")).status_code == 200
    finally:
        server.kill()


def test_a_busy_server_stays_ready(own_server, site):
    assert until(lambda: told(own_server) == (200, "ok"))
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        running = [
            pool.submit(own_server.shot, site.url(f"/tall?busy={n}"), full_page=True) for n in range(24)
        ]
        answers = []
        while not all(reply.done() for reply in running):
            answers.append(told(own_server))
            time.sleep(0.1)
    assert {reply.result().status_code for reply in running} == {200}
    assert set(answers) == {(200, "ok")}, f"{answers} in {time.monotonic() - began} s"
