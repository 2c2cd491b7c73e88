"""Lanes: who is slow keeps others from nothing, and whoever waits for it is not asked over and over."""

from __future__ import annotations

import contextlib
import itertools

import pytest

from calotype.jobs.lanes import _REMEMBERED, Lanes

WIDTH = 8


class Watch:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def watch():
    return Watch()


@pytest.fixture
def lanes(watch):
    return Lanes(WIDTH, watch)


def test_so_many_go_at_once_and_the_rest_are_sent_away(lanes):
    with contextlib.ExitStack() as stack:
        waits = [stack.enter_context(lanes.lane("slow.test")) for _ in range(WIDTH + 1)]
        other = stack.enter_context(lanes.lane("quick.test"))

    assert waits[:WIDTH] == [0.0] * WIDTH
    assert waits[WIDTH] > 0
    assert other == 0.0


def test_a_place_that_was_given_back_is_free_again(lanes):
    for _ in range(3 * WIDTH):
        with lanes.lane("slow.test") as wait_s:
            assert wait_s == 0.0


def test_a_place_is_given_back_when_its_holder_fails(lanes):
    for _ in range(3 * WIDTH):
        with contextlib.suppress(OSError), lanes.lane("slow.test"):
            raise OSError


def test_whoever_fails_says_nothing_of_how_long_it_takes(lanes, watch):
    for _ in range(50):
        with lanes.lane("slow.test"):
            watch.now += 8.0
        with contextlib.suppress(OSError), lanes.lane("slow.test"):
            raise OSError
    with contextlib.ExitStack() as stack:
        waits = [stack.enter_context(lanes.lane("slow.test")) for _ in range(WIDTH + 1)]

    assert waits[-1] == pytest.approx(8.0 / WIDTH, rel=0.01)


def test_who_is_sent_away_comes_back_one_after_the_other_as_fast_as_the_receiver_is(lanes, watch):
    for _ in range(50):
        with lanes.lane("slow.test"):
            watch.now += 8.0
    with contextlib.ExitStack() as stack:
        waits = [stack.enter_context(lanes.lane("slow.test")) for _ in range(WIDTH + 5)][WIDTH:]

    gaps = [later - sooner for sooner, later in itertools.pairwise(waits)]
    assert gaps == pytest.approx([8.0 / WIDTH] * 4, rel=0.01)


def test_receivers_of_long_ago_are_forgotten_but_none_that_is_busy(lanes):
    with contextlib.ExitStack() as stack:
        for _ in range(WIDTH):
            stack.enter_context(lanes.lane("slow.test"))
        for number in range(2 * _REMEMBERED):
            with lanes.lane(f"{number}.test"):
                pass
        assert len(lanes._lanes) <= _REMEMBERED + 1
        with lanes.lane("slow.test") as wait_s:
            assert wait_s > 0
