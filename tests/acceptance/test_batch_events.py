"""A batch's events over a real connection: they come while it runs, and end when the server does."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.server import STOP_WITHIN_S, CannedServer


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[CannedServer]:
    server = CannedServer(tmp_path / "data", CANNED_PAUSE_S="0.3")
    yield server
    server.kill()


def a_batch(server: CannedServer, items: int) -> str:
    urls = [f"https://example.com/{number}" for number in range(items)]
    return str(server.client.post("/v1/batch", json={"urls": urls, "async": True}).json()["id"])


def kinds(lines: Iterator[str]) -> Iterator[str]:
    return (line.removeprefix("event: ") for line in lines if line.startswith("event: "))


def test_a_capture_is_told_of_while_others_are_yet_to_come(slow: CannedServer) -> None:
    batch_id = a_batch(slow, 8)
    with slow.client.stream("GET", f"/v1/batch/{batch_id}/events") as events:
        told = kinds(events.iter_lines())
        first = next(told)
        # The reply has begun; what follows it is not there yet, and comes all the same.
        assert [first, *told] == ["item"] * 8 + ["done"]


def test_who_hangs_up_holds_no_place(slow: CannedServer) -> None:
    batch_id = a_batch(slow, 30)
    for _ in range(3):
        with slow.client.stream("GET", f"/v1/batch/{batch_id}/events") as events:
            assert next(kinds(events.iter_lines())) == "item"
    slow.client.delete(f"/v1/batch/{batch_id}")


def test_a_server_that_stops_ends_the_stream_and_the_next_goes_on(slow: CannedServer) -> None:
    batch_id = a_batch(slow, 30)
    with (
        httpx.Client(base_url=slow.url, headers=slow.client.headers, timeout=60, trust_env=False) as follower,
        follower.stream("GET", f"/v1/batch/{batch_id}/events") as events,
    ):
        told = kinds(events.iter_lines())
        assert next(told) == "item"
        slow.process.send_signal(signal.SIGTERM)
        assert "done" not in list(told)
    assert slow.process.wait(STOP_WITHIN_S) == 0
    slow.start()

    with slow.client.stream("GET", f"/v1/batch/{batch_id}/events") as events:
        assert list(kinds(events.iter_lines())) == ["item"] * 30 + ["done"]
