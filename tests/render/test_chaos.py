"""Hundreds of captures while processes die and stand still: everyone is answered, nothing is left."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from tests.render.asking import members, take, until
from tests.render.chaos import Chaos, zombies

QUICK = {"concurrency": 4, "open_timeout_s": 2.0, "dispose_timeout_s": 1.0}
"""A browser that stands still is given up sooner than usual, so that a run of this is over soon."""


async def back_at_the_baseline(chaos: Chaos, profiles) -> None:
    """One browser, with no page open, in one folder, and no trace of the others."""
    await take(chaos.renderer, chaos.site.url("/home"))
    (alive,) = chaos._living()
    await until(lambda: all(house.tabs == 0 for house in chaos.renderer._pool._houses.all), 20)
    await until(lambda: not [group for group in chaos.groups - {alive} if members(group)], 20)
    await until(lambda: len(list(profiles.iterdir())) == 1, 20)
    await until(lambda: not zombies(), 20)
    assert chaos.renderer._pool.waiting == 0


async def test_every_caller_is_answered_while_processes_die_and_stand_still(a_renderer, site, profiles):
    async with a_renderer(**QUICK) as renderer:
        chaos = Chaos(renderer, site, seed=1)
        await chaos.run(captures=200, blows=24)

        assert sum(chaos.answers.values()) == 200
        assert chaos.answers["picture"] >= 120, chaos.answers
        assert sum(chaos.blows.values()) >= 18, chaos.blows
        await back_at_the_baseline(chaos, profiles)


@pytest.mark.nightly
async def test_and_so_it_is_all_night(a_renderer, site, profiles, capsys, night_s):
    end, seed = time.monotonic() + night_s, time.time_ns() % 1_000_000
    answers: Counter[str] = Counter()
    blows: Counter[str] = Counter()
    async with a_renderer(**QUICK) as renderer:
        while not answers or time.monotonic() < end:
            seed += 1
            chaos = Chaos(renderer, site, seed)
            await chaos.run(captures=100, blows=12)
            await back_at_the_baseline(chaos, profiles)
            answers, blows = answers + chaos.answers, blows + chaos.blows
    with capsys.disabled():
        print(f"\n{answers.total():,} captures under {blows.total():,} blows: {dict(answers)}")  # noqa: T201
