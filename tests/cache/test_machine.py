"""Whatever is done to the cache, in whatever order: it is what a plain model says, from two processes."""

from __future__ import annotations

import random
import time
from collections import Counter

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.cache.machine import CacheMachine

GAMES, STEPS = 40, 50


def play(games, steps, number=None):
    """Play so many games, and return what came up in them."""
    CacheMachine.tally.clear()
    machine = CacheMachine if number is None else seed(number)(CacheMachine)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=games,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
    return Counter(CacheMachine.tally)


@pytest.mark.timeout(600)  # when it fails, a short game that fails too is worth some minutes
def test_the_cache_is_what_a_plain_model_says_after_every_step():
    tally = play(GAMES, STEPS)

    # Games in which nothing happens prove nothing.
    for what in ("steps", "hit", "miss", "stored"):
        assert tally[what] > GAMES, tally
    for what in ("purged", "swept", "got"):
        assert tally[what] > 0, tally


@pytest.mark.nightly
@pytest.mark.timeout(0)
def test_and_so_it_is_after_a_whole_night(capsys, night_s):
    end = time.monotonic() + night_s
    tally: Counter[str] = Counter()
    games = 0
    while time.monotonic() < end:
        tally += play(100, 80, random.SystemRandom().randrange(2**32))
        games += 100
    told = ", ".join(f"{count:,} {what}" for what, count in sorted(tally.items()))
    with capsys.disabled():
        print(f"\n{games:,} games with a cache beside its model: {told}")  # noqa: T201
