"""Captures that somebody waits for while a batch of a hundred pages is under way, and without one."""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import uvloop

from benchmarks import nginx
from benchmarks.faults import BenchmarkFailed
from calotype.batches.batch import Form
from calotype.batches.parse import parse_batch
from calotype.bootstrap import Service, open_service
from calotype.cache.entry import Mode, Namespace
from calotype.cache.policy import CacheWishes
from calotype.capture.parse import parse_capture
from calotype.clock import Deadline
from calotype.settings import load_settings
from calotype.shots.request import TakeRequest
from provision.manuals import find_pages

_BATCH: Final = 100
_CAPTURES: Final = 15
"""One after the other, as one person asks."""
_WARM: Final = 3
_ROOT: Final = Path("/usr/share")
_WHO = Namespace(1, Mode.LIVE)


def run(rounds: int, seconds: int) -> None:
    """Measure and print; a round lasts as long as its batch."""
    del seconds
    pages = [page for page in find_pages().values() if page.is_relative_to(_ROOT)]
    if not pages:
        message = "none of the manuals is installed; run: make setup-dev"
        raise BenchmarkFailed(message)
    with tempfile.TemporaryDirectory(prefix="calotype-bench-") as name:
        folder = Path(name)
        with nginx.serving(folder / "nginx", nginx.static_files("/", _ROOT)) as site:
            base = f"http://127.0.0.1:{site.port}/"
            urls = [base + page.relative_to(_ROOT).as_posix() for page in pages]
            alone, beside, took_s = uvloop.run(_measure(urls, site.port, folder, max(1, rounds // 3)))
    print(f"\nCaptures that somebody waits for, one at a time, and a batch of {_BATCH} real pages\n")
    print(f"  {'':<16}{'median ms':>10}{'p90 ms':>10}{'captures':>10}")
    for what, taken in (("no batch", alone), ("beside a batch", beside)):
        p90 = sorted(taken)[len(taken) * 9 // 10]
        print(f"  {what:<16}{_ms(statistics.median(taken))}{_ms(p90)}{len(taken):>10}")
    ratio = statistics.median(beside) / statistics.median(alone)
    print(f"\n  beside a batch they take {ratio:.2f} times as long; a batch takes {took_s:.0f} s beside them")


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:>10.0f}"


async def _measure(
    urls: Sequence[str], port: int, folder: Path, rounds: int
) -> tuple[list[float], list[float], float]:
    environ = {
        "CALOTYPE_EGRESS_ALLOW": f"127.0.0.1:{port}",
        "CALOTYPE_CACHE_MIN_FREE": "0",
        **{name: value for name, value in os.environ.items() if name == "CALOTYPE_BROWSER"},
    }
    alone: list[float] = []
    beside: list[float] = []
    batches: list[float] = []
    async with open_service(load_settings({"data": str(folder / "data")}, environ)) as service:
        for each in range(_WARM):
            await _take(service, urls[each % len(urls)])
        for number in range(rounds):
            # In turns, so that a neighbour's load meets both.
            alone += [await _take(service, urls[each % len(urls)]) for each in range(_CAPTURES)]
            wanted = parse_batch(
                {"urls": [f"{urls[each % len(urls)]}?{number}-{each}" for each in range(_BATCH)]}, dict
            )
            began = time.monotonic()
            batch = await service.batches.accept(
                _WHO, Form.BATCH, wanted.items, key_id="", weight=1, concurrency=wanted.concurrency
            )
            asked = 0
            while not (await service.batches.find(_WHO, Form.BATCH, batch.id)).state.is_over:
                beside.append(await _take(service, urls[asked % len(urls)]))
                asked += 1
            batches.append(time.monotonic() - began)
    return alone, beside, statistics.median(batches)


async def _take(service: Service, url: str) -> float:
    began = time.monotonic()
    capture = parse_capture({"url": url})
    wishes = CacheWishes(refresh=True)
    await service.shots.take(
        TakeRequest(namespace=_WHO, capture=capture, wishes=wishes, deadline=Deadline.after(60_000))
    )
    return time.monotonic() - began
