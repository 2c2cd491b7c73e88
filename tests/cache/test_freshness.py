"""What an entry is worth at a given moment, and how long one lives."""

from __future__ import annotations

from datetime import timedelta

import pytest

from calotype.cache.freshness import Hit, Miss, classify
from calotype.cache.policy import MAX_TTL_S, CachePolicy, CacheWishes, HitsWhen, expiry, parse_wishes
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
