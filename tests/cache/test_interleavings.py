"""Whatever the order of events: nothing stale after a purge, every count exact, no hit on what expired.

A failing seed names itself and how to run it alone. INTERLEAVING_SEED does that.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter

import pytest

from calotype.cache import early
from calotype.sql.sqlite import purges
from tests.cache.interleaving import World

SEEDS = 120
"""For each number of processes in `make test`; `make nightly` goes on for NIGHTLY_MINUTES."""
PROCESSES = pytest.mark.parametrize("processes", [1, 2], ids=["1_process", "2_processes"])


async def explore(folder, processes, seed):
    """Run one seed on a file of its own."""
    draw = random.Random(seed)
    with pytest.MonkeyPatch.context() as patch:
        # There are few entries, so what purges and sweeps do with many must begin sooner.
        patch.setattr(purges, "DELETED_AT_ONCE", draw.choice([500, 1, -1]))
        patch.setattr(purges, "_SWEEP_CHUNK", draw.choice([500, 1, 2]))
        patch.setattr(early, "HOT_HITS", 1)
        try:
            return await World(seed, folder, processes).run(steps=draw.choice([40, 100, 100, 200]))
        finally:
            for path in folder.glob(f"seed{seed}.db*"):
                path.unlink()


def told(tally):
    return ", ".join(f"{count:,} {what}" for what, count in sorted(tally.items()))


@PROCESSES
async def test_no_interleaving_shows_what_was_purged_or_has_expired(tmp_path, processes):
    if "INTERLEAVING_SEED" in os.environ:
        await explore(tmp_path, processes, int(os.environ["INTERLEAVING_SEED"]))
        return
    tally: Counter[str] = Counter()
    for seed in range(SEEDS):
        tally += await explore(tmp_path, processes, seed)

    # A driver that never gets anywhere proves nothing.
    for what in (
        "hit",
        "miss",
        "collapsed",
        "stale",
        "stored",
        "kept",
        "barred",
        "purged",
        "softened",
        "crashes",
    ):
        assert tally[what] > SEEDS / 5, told(tally)
    assert tally["released"] > 0, told(tally)


async def test_a_seed_is_the_same_interleaving_each_time(tmp_path):
    assert await explore(tmp_path, 2, 7) == await explore(tmp_path, 2, 7)


@pytest.mark.nightly
@pytest.mark.timeout(0)
@PROCESSES
async def test_no_interleaving_of_a_whole_night_does_either(tmp_path, processes, capsys, night_s):
    end = time.monotonic() + night_s
    seed = first = random.SystemRandom().randrange(10**12)
    tally: Counter[str] = Counter()
    while time.monotonic() < end:
        tally += await explore(tmp_path, processes, seed)
        seed += 1
    with capsys.disabled():
        print(f"\n{seed - first:,} interleavings of {processes} process(es): {told(tally)}")  # noqa: T201
