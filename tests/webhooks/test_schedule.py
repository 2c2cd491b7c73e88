"""The schedule: longer and longer pauses, no two alike, for a day and not longer."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.webhooks.schedule import (
    GIVEN_UP_AFTER,
    LONGEST_PAUSE,
    SHORTEST_PAUSE,
    longest_pause,
    next_try,
)
from tests.support.clock import NOON

CHANCES = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(
    ("failures", "pause"),
    [(1, timedelta(seconds=10)), (2, timedelta(seconds=20)), (3, timedelta(seconds=40)),
     (10, timedelta(seconds=5120)), (11, timedelta(seconds=10_240)), (12, timedelta(hours=4)),
     (10_000, timedelta(hours=4))],
)  # fmt: skip
def test_the_bound_of_the_pause_doubles_up_to_four_hours(failures, pause):
    assert longest_pause(failures) == pause


@given(failures=st.integers(1, 40), chance=CHANCES)
def test_the_pause_is_anything_up_to_its_bound(failures, chance):
    again = next_try(failures, NOON, NOON, chance)
    assert again is not None
    pause = again - NOON

    assert SHORTEST_PAUSE <= pause <= longest_pause(failures)
    assert pause == max(SHORTEST_PAUSE, longest_pause(failures) * chance)


@given(st.lists(CHANCES, min_size=1, max_size=200))
def test_whatever_chance_has_it_the_last_try_is_a_day_after_the_first(chances):
    now, tries = NOON, 1
    while True:
        again = next_try(tries, NOON, now, chances[tries % len(chances)])
        if again is None or tries > 100_000:
            break
        assert again > now
        now, tries = again, tries + 1

    assert again is None
    assert now == NOON + GIVEN_UP_AFTER


def test_on_average_a_day_has_some_twenty_tries():
    now, tries = NOON, 1
    while (again := next_try(tries, NOON, now, 0.5)) is not None:
        now, tries = again, tries + 1

    assert 15 <= tries <= 25


@pytest.mark.parametrize(
    ("asked_for", "pause"),
    [
        (timedelta(), SHORTEST_PAUSE),
        (timedelta(minutes=5), timedelta(minutes=5)),
        (timedelta(days=9), LONGEST_PAUSE),
    ],
)
def test_a_receiver_may_ask_for_a_longer_pause_within_bounds(asked_for, pause):
    assert next_try(1, NOON, NOON, 0.0, asked_for) == NOON + pause


def test_asking_for_a_shorter_one_changes_nothing():
    assert next_try(3, NOON, NOON, 0.5, timedelta(seconds=1)) == NOON + timedelta(seconds=20)


def test_no_pause_leads_beyond_the_day():
    late = NOON + GIVEN_UP_AFTER - timedelta(seconds=3)

    assert next_try(12, NOON, late, 0.9, timedelta(hours=1)) == NOON + GIVEN_UP_AFTER
