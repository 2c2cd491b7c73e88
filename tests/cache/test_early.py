"""Early refresh: only what many ask for, only near its end, the likelier the nearer."""

from __future__ import annotations

import math
from datetime import timedelta

from calotype.cache.early import HOT_HITS, EarlyRefresh, early_from
from tests.support.builders import an_entry
from tests.support.clock import NOON

ENTRY = an_entry(stored_at=NOON, ttl_s=100)
NEAR = NOON + timedelta(seconds=95)


def hits(early, now, count=HOT_HITS, entry=ENTRY):
    return [early.due(entry, now) for _ in range(count)]


def test_near_the_end_the_tenth_hit_may_decide_so_and_none_before():
    assert hits(EarlyRefresh(lambda: 0.0), NEAR, HOT_HITS + 1) == [False] * (HOT_HITS - 1) + [True, True]


def test_before_the_last_tenth_of_its_life_no_hit_counts():
    early, before = EarlyRefresh(lambda: 0.0), NOON + timedelta(seconds=89.999)

    assert not any(hits(early, before, 1000))
    assert not any(hits(early, NEAR, HOT_HITS - 1))
    assert early_from(ENTRY) == NOON + timedelta(seconds=90)


def test_a_new_picture_begins_to_count_anew():
    early = EarlyRefresh(lambda: 0.0)
    hits(early, NEAR, HOT_HITS - 1)

    assert not early.due(an_entry(stored_at=NOON, ttl_s=100, blob_id="b" * 32), NEAR)


def test_the_dice_fall_as_xfetch_says():
    # 5 ms of render, 5 ms left: e to the minus 1.
    left = ENTRY.fresh_until - timedelta(milliseconds=5)
    for draw, due in ((math.exp(-1) - 0.001, True), (math.exp(-1) + 0.001, False)):
        assert hits(EarlyRefresh(iter([draw] * HOT_HITS).__next__), left)[-1] is due


def test_what_is_counted_is_bounded():
    early = EarlyRefresh(lambda: 1.0)
    for number in range(20_001):
        early.due(an_entry(stored_at=NOON, ttl_s=100, blob_id=f"{number:032}"), NEAR)

    assert len(early._hits) <= 10_000
