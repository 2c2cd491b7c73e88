"""kill -9 in the midst of batches: every accepted capture ends exactly once, as its client sees it."""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import until
from tests.support.server import CannedServer
from tests.support.service import NOBODY

ITEMS = 24
CONCURRENCY = 3
SECRET = "crash-secret-4711"


class Crashed:
    """A server that is killed and started again, and the log of all that its processes did."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "log"
        # Each start has a port of its own, and what a client was told must stay as it was.
        self.server = CannedServer(
            folder / "data",
            CANNED_LOG=str(self.file),
            CANNED_PAUSE_S="0.02",
            CALOTYPE_PUBLIC_URL="http://calotype.test",
            CALOTYPE_EGRESS_ALLOW=NOBODY,
        )

    def log(self) -> list[str]:
        return self.file.read_text().splitlines() if self.file.exists() else []

    def accept(self, name: str) -> str:
        """Have a batch accepted of which no capture is ever a hit; return its id."""
        body = {
            "urls": [f"https://example.com/{name}/{number}" for number in range(ITEMS)],
            "options": {"cache": {"refresh": True}, "cookies": [{"name": "a", "value": SECRET}]},
            "concurrency": CONCURRENCY,
            "webhook": {"url": f"http://{NOBODY}/{name}", "secret": SECRET},
        }
        reply = self.server.client.post("/v1/batch", json=body)
        assert reply.status_code == 202, reply.text
        return str(reply.json()["id"])

    def seen(self, batch_id: str) -> dict[str, Any]:
        told: dict[str, Any] = self.server.client.get(f"/v1/batch/{batch_id}").json()
        return told

    def restart(self) -> None:
        self.server.kill()
        self.server.start()


@pytest.fixture
def crashed(tmp_path: Path) -> Iterator[Crashed]:
    crashed = Crashed(tmp_path)
    yield crashed
    crashed.server.kill()


def done(told: dict[str, Any]) -> dict[str, Any]:
    """Return what has ended, by its page."""
    return {item["url"]: item for item in told["results"] if item["status"] != "pending"}


def stays(before: dict[str, Any], told: dict[str, Any]) -> bool:
    """Say whether all that had ended is told as it was."""
    now = done(told)
    return all(now.get(url) == item for url, item in before.items())


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_any_moment_each_capture_of_a_batch_ends_once(crashed: Crashed, seed: int) -> None:
    chance = random.Random(seed)
    batch_id = crashed.accept(f"s{seed}")
    first = chance.randrange(3)
    moments = sorted([first, *chance.sample(range(3, ITEMS), 2)])
    before: dict[str, Any] = {}
    for moment in moments:
        told = crashed.seen(batch_id)
        while len(done(told)) < moment:
            told = crashed.seen(batch_id)
        # What the client has seen as ended stays as it was seen, across every crash.
        assert stays(before, told)
        before = done(told)
        crashed.restart()
        again = done(crashed.seen(batch_id))
        assert before.items() <= again.items()

    assert until(lambda: crashed.seen(batch_id)["status"] == "completed", 60)
    told = crashed.seen(batch_id)
    assert (told["total"], told["completed"], told["failed"]) == (ITEMS, ITEMS, 0)
    assert len({item["url"] for item in told["results"]}) == ITEMS
    assert stays(before, told)
    for item in told["results"]:
        assert crashed.server.client.get(f"/v1/cache/{item['cache']['key']}").status_code == 200
    taken_of = Counter(line for line in crashed.log() if line.startswith("taken"))
    assert len(taken_of) == ITEMS
    # What a process was at when it died is done anew, and nothing else.
    assert sum(taken_of.values()) <= ITEMS + CONCURRENCY * len(moments)
    assert until(lambda: any(line.startswith("ended") for line in crashed.log()))
    ended = [line for line in crashed.log() if line.startswith("ended")]
    assert set(ended) == {f"ended {batch_id} completed http://{NOBODY}/s{seed}"}
    # Told again only by who was killed in the midst of telling.
    assert len(ended) <= 1 + len(moments)


def test_nothing_that_a_client_has_seen_done_is_captured_again(crashed: Crashed) -> None:
    batch_id = crashed.accept("again")
    while len(seen := done(crashed.seen(batch_id))) < ITEMS // 2:
        pass
    crashed.server.kill()
    mark = len(crashed.log())
    crashed.server.start()
    assert until(lambda: crashed.seen(batch_id)["status"] == "completed", 60)

    later = {line.removeprefix("taken ") for line in crashed.log()[mark:]}
    assert later.isdisjoint(seen)


def test_killed_as_soon_as_it_has_promised_it_keeps_its_promise(crashed: Crashed) -> None:
    batches = [crashed.accept(f"b{number}") for number in range(3)]
    job = crashed.server.shot("https://example.com/job", **{"async": True}).json()["id"]
    crashed.restart()

    for batch_id in batches:
        assert until(lambda batch_id=batch_id: crashed.seen(batch_id)["status"] == "completed", 60)  # type: ignore[misc]
        assert crashed.seen(batch_id)["completed"] == ITEMS
    assert until(lambda: crashed.server.client.get(f"/v1/jobs/{job}").json()["status"] == "completed", 60)
    ended = {f"ended {batch_id} completed http://{NOBODY}/b{n}" for n, batch_id in enumerate(batches)}
    assert until(lambda: ended < set(crashed.log()))


@pytest.mark.parametrize("point", ["blob-renamed@4", "commit-inside@5", "commit-after@6"])
def test_dead_between_a_picture_and_the_word_of_it_nothing_is_lost_or_told_twice(
    tmp_path: Path, point: str
) -> None:
    crashed = Crashed(tmp_path)
    crashed.server.stop()
    crashed.server._environ["CALOTYPE_FAULT_POINT"] = point
    crashed.server.start()
    try:
        batch_id = crashed.accept("point")
        crashed.server.process.wait(30)
        del crashed.server._environ["CALOTYPE_FAULT_POINT"]
        crashed.server.kill()
        crashed.server.start()
        assert until(lambda: crashed.seen(batch_id)["status"] == "completed", 60)
        told = crashed.seen(batch_id)
    finally:
        crashed.server.kill()

    assert told["completed"] == ITEMS
    assert len([line for line in crashed.log() if line.startswith("ended")]) == 1


def test_no_secret_is_left_when_all_is_over(crashed: Crashed, tmp_path: Path) -> None:
    batch_id = crashed.accept("quiet")
    while len(done(crashed.seen(batch_id))) < 5:
        pass
    crashed.restart()
    assert until(lambda: any(line.startswith("ended") for line in crashed.log()), 60)
    index = tmp_path / "data" / "index.sqlite"

    def sealed() -> int:
        with sqlite3.connect(f"file:{index}?mode=ro", uri=True) as connection:
            (left,) = connection.execute(
                "SELECT (SELECT count(*) FROM batch_item WHERE sealed IS NOT NULL)"
                " + (SELECT count(*) FROM batch WHERE webhook IS NOT NULL) + (SELECT count(*) FROM job)"
            ).fetchone()
        connection.close()
        return int(left)

    assert until(lambda: sealed() == 0)
    files = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert [path.name for path in files if SECRET.encode() in path.read_bytes()] == []
    assert SECRET not in crashed.server.log()
