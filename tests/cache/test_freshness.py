"""What an entry is worth at a given moment, and how long one lives."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from calotype.cache.freshness import Hit, Miss, Stale, Windows, classify
from calotype.cache.policy import (
    MAX_TTL_S,
    MAX_WINDOW_S,
    CachePolicy,
    CacheWishes,
    HitsWhen,
    Lifetime,
    expiry,
    parse_wishes,
)
from calotype.capture.errors import InvalidRequest
from tests.support.builders import an_entry
from tests.support.clock import NOON

ENTRY = an_entry(stored_at=NOON, ttl_s=60)
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("now", "worth"),
    [
        (NOON, Hit(ENTRY)),
        (NOON + timedelta(seconds=60) - TICK, Hit(ENTRY)),
        (NOON + timedelta(seconds=60), Miss(expired=True)),
        (NOON + timedelta(seconds=60) + TICK, Miss(expired=True)),
        (NOON - timedelta(days=1), Hit(ENTRY)),
    ],
)
def test_an_entry_is_a_hit_until_the_instant_its_lifetime_ends(now, worth):
    assert classify(ENTRY, now) == worth


WINDOWED = replace(ENTRY, swr_s=10, sie_s=30)
END = ENTRY.fresh_until


@pytest.mark.parametrize(
    ("now", "worth"),
    [
        (END - TICK, Hit(WINDOWED)),
        (END, Stale(WINDOWED)),
        (END + timedelta(seconds=10) - TICK, Stale(WINDOWED)),
        (END + timedelta(seconds=10), Miss(expired=True, fallback=WINDOWED)),
        (END + timedelta(seconds=30) - TICK, Miss(expired=True, fallback=WINDOWED)),
        (END + timedelta(seconds=30), Miss(expired=True)),
    ],
)
def test_past_its_lifetime_it_serves_while_revalidated_and_then_in_case_of_an_error(now, worth):
    assert classify(WINDOWED, now) == worth


@pytest.mark.parametrize(
    ("accepted", "worth"),
    [
        (Windows(swr_s=5, sie_s=5), Stale(WINDOWED)),
        (Windows(swr_s=4, sie_s=5), Miss(expired=True, fallback=WINDOWED)),
        (Windows(swr_s=0, sie_s=4), Miss(expired=True)),
        (Windows(swr_s=99, sie_s=0), Stale(WINDOWED)),
        (Windows(swr_s=0, sie_s=0), Miss(expired=True)),
    ],
)
def test_a_caller_may_accept_less_than_was_granted_but_not_more(accepted, worth):
    assert classify(WINDOWED, END + timedelta(seconds=5) - TICK, accepted) == worth
    assert classify(ENTRY, END, Windows(swr_s=99, sie_s=99)) == Miss(expired=True)


@pytest.mark.parametrize(
    ("now", "accepted", "worth"),
    [
        (NOON, Windows(swr_s=1, sie_s=1), "stale"),
        (END - TICK, Windows(swr_s=1, sie_s=1), "stale"),
        (NOON, Windows(swr_s=0, sie_s=1), "fallback"),
        (NOON, Windows(swr_s=0, sie_s=0), "nothing"),
        (END, Windows(swr_s=1, sie_s=1), "nothing"),
    ],
)
def test_what_a_soft_purge_made_stale_serves_as_such_for_the_rest_of_its_lifetime(now, accepted, worth):
    softened = replace(ENTRY, softened=True)

    assert (
        classify(softened, now, accepted)
        == {
            "stale": Stale(softened),
            "fallback": Miss(expired=True, fallback=softened),
            "nothing": Miss(expired=True),
        }[worth]
    )


def test_a_row_is_of_use_until_the_later_of_its_windows_ends():
    assert WINDOWED.drop_after == END + timedelta(seconds=30)
    assert replace(WINDOWED, swr_s=40).drop_after == END + timedelta(seconds=40)
    assert ENTRY.drop_after == END


def test_windows_that_a_request_does_not_name_are_the_operators():
    policy = CachePolicy(windows=Windows(swr_s=1, sie_s=2))

    assert CacheWishes().lifetime(policy) == Lifetime(ttl_s=86_400, windows=Windows(swr_s=1, sie_s=2))
    assert CacheWishes(swr_s=0, sie_s=9).lifetime(policy).windows == Windows(swr_s=0, sie_s=9)
    assert CachePolicy().windows == Windows(swr_s=0, sie_s=86_400)


@pytest.mark.parametrize("name", ["swr", "sie"])
@pytest.mark.parametrize("value", [-1, MAX_WINDOW_S + 1, 0.5, "60", True])
def test_a_window_out_of_bounds_is_refused_by_name(name, value):
    with pytest.raises(InvalidRequest, match=f"cache.{name} is .* it must be a whole number from 0 to"):
        parse_wishes({name: value})


def test_no_entry_is_a_miss_that_says_nothing_has_expired():
    assert classify(None, NOON) == Miss(expired=False)


@pytest.mark.parametrize(
    ("stored_after_s", "ttl_s", "gone_after_s"),
    [(0, 60, 60), (0.000001, 60, 61), (0.5, 1, 2), (0.999999, 1, 2), (1, 1, 2), (0, MAX_TTL_S, MAX_TTL_S)],
)
def test_expiry_is_stored_plus_ttl_up_to_a_whole_second(stored_after_s, ttl_s, gone_after_s):
    stored_at = NOON + timedelta(seconds=stored_after_s)

    assert expiry(stored_at, ttl_s) == NOON + timedelta(seconds=gone_after_s)


@pytest.mark.parametrize(
    ("group", "ttl_s"),
    [
        ({}, 86_400),
        ({"ttl": 1}, 1),
        ({"ttl": 240.0}, 240),
        ({"ttl": None}, 86_400),
        ({"ttl": 2_592_000}, 2_592_000),
    ],
)
def test_a_ttl_within_its_bounds_is_granted(group, ttl_s):
    assert parse_wishes(group)[0].ttl_s == ttl_s


@pytest.mark.parametrize("ttl", [0, -1, 2_592_001, 1.5, "60", True, [60], float("nan"), float("inf"), 10**30])
def test_a_ttl_outside_its_bounds_is_refused_by_name(ttl):
    with pytest.raises(InvalidRequest) as refused:
        parse_wishes({"ttl": ttl})

    assert refused.value.field == "cache.ttl"
    assert "from 1 to 2592000" in refused.value.remedy


@pytest.mark.parametrize("field", ["refresh", "enabled", "available"])
@pytest.mark.parametrize("value", ["true", 1, 0, {}])
def test_a_wish_that_is_neither_true_nor_false_is_refused_by_name(field, value):
    with pytest.raises(InvalidRequest) as refused:
        parse_wishes({field: value})

    assert refused.value.field == f"cache.{field}"


def test_unknown_wishes_are_told():
    assert parse_wishes({"tll": 5, "ttl": 5})[1] == ["cache.tll"]


@pytest.mark.parametrize(
    ("wishes", "by_default", "when_opt_in"),
    [
        ({}, True, False),
        ({"available": True}, True, True),
        ({"refresh": True}, False, False),
        ({"enabled": False}, False, False),
        ({"available": True, "refresh": True}, False, False),
        ({"available": True, "enabled": False}, False, False),
        ({"enabled": False, "refresh": True}, False, False),
    ],
)
def test_disabled_beats_refresh_beats_the_look_up(wishes, by_default, when_opt_in):
    asked = CacheWishes(**wishes)

    assert asked.may_hit(CachePolicy()) == by_default
    assert asked.may_hit(CachePolicy(hits_when=HitsWhen.AVAILABLE)) == when_opt_in
