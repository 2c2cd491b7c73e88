"""Captures of all kinds, by the hundred: memory stays flat, and nothing is left when they are over."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.acceptance.soak import REST_WITHIN_S, WISHES, Reading, Soak, readings
from tests.support.growth import growth
from tests.support.processes import until
from tests.support.server import LiveServer

FLAT = {"server": 0.10, "browser": 0.10}
"""What the memory of each may grow by, of itself."""
FLAT_FOR_LONG = {"server": 0.10, "browser": 0.15}
"""Chromium keeps some 4 kB of each capture, for as long as it runs; it is replaced after 2,000 of them."""


class TellingServer(LiveServer):
    """A server that tells what it holds."""

    module = "tests.support.telling"


@pytest.fixture
def soak(site, tmp_path) -> Iterator[Soak]:
    # Not one of pytest's own folders, since those are closed to the user that browsers run as.
    with tempfile.TemporaryDirectory(prefix="calotype-test-") as name:
        temporary = Path(name)
        temporary.chmod(0o777)
        server = TellingServer(
            tmp_path / "data",
            CALOTYPE_EGRESS_ALLOW=f"{site.netloc}, localhost:{site.port}",
            CALOTYPE_RENDER_CONCURRENCY="3",
            # Pictures that are kept at hand are no leak, and full at once with so little room.
            CALOTYPE_HOT_BYTES="1000000",
            # What a browser keeps for itself would go with it.
            CALOTYPE_BROWSER_MAX_CAPTURES="1000000",
            TMPDIR=name,
            TELL_TO=str(tmp_path / "told"),
        )
        try:
            yield Soak(server, site, tmp_path / "told", temporary)
        finally:
            server.stop()  # Politely, so that nothing writes into the folder while it is removed.


def rises(seen: Sequence[Reading]) -> dict[str, float]:
    return {
        "server": growth([reading.server_bytes for reading in seen]),
        "browser": growth([reading.browser_bytes for reading in seen]),
    }


def is_back(now: Reading, then: Reading) -> bool:
    """Whether no more processes, files, sockets and folders are there than then."""
    return (
        now.browser_processes <= then.browser_processes
        and now.descriptors <= then.descriptors
        and now.temporary <= then.temporary
    )


@pytest.mark.timeout(600)
def test_a_hundred_captures_leave_nothing_behind(soak):
    soak.take(len(WISHES))  # Each kind once: what is read once, and kept, is read now.
    seen = [soak.read(), *readings(soak, 60, every=10)]

    grown = rises(seen)
    assert all(grown[what] <= FLAT[what] for what in FLAT), (grown, seen)
    assert until(lambda: is_back(soak.read(), seen[0]), REST_WITHIN_S), (seen[0], soak.read())


@pytest.mark.nightly
def test_nor_do_two_thousand(soak, capsys):
    soak.take(5 * len(WISHES))
    seen = [soak.read(), *readings(soak, 1800, every=len(WISHES))]
    grown = rises(seen)
    with capsys.disabled():
        print(f"\n{seen[-1].captures:,} captures, read from the {seen[0].captures}th on")  # noqa: T201
        for what, rise in grown.items():
            held = [getattr(reading, f"{what}_bytes") / 1e6 for reading in seen]
            print(f"{what}: {held[0]:.1f} MB to {held[-1]:.1f} MB, {rise:+.1%}")  # noqa: T201

    assert all(grown[what] <= FLAT_FOR_LONG[what] for what in FLAT_FOR_LONG), seen
    assert until(lambda: is_back(soak.read(), seen[0]), REST_WITHIN_S), (seen[0], soak.read())
