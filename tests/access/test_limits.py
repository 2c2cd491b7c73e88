"""Limits: plans by name, windows of time, and tokens that processes lease in blocks."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.access.limits import (
    NO_LIMIT,
    PLANS,
    UNLIMITED,
    Limits,
    Tokens,
    block_of,
    limits_of,
    minute_of,
    month_of,
    next_minute,
)


class TestPlans:
    @pytest.mark.parametrize(
        ("plan", "numbers"), [("free", (10, 2, 5)), ("starter", (60, 5, 20)), ("pro", (300, 20, 100))]
    )
    def test_those_of_the_contract_have_its_numbers(self, plan, numbers):
        limits = limits_of(plan)

        assert (limits.requests_per_minute, limits.concurrent, limits.batch) == numbers

    def test_nothing_is_limited_unless_it_is_set(self):
        assert limits_of() == UNLIMITED == Limits()
        assert limits_of("enterprise") == Limits(plan="enterprise")

    def test_a_number_stands_in_place_of_the_plans(self):
        limits = limits_of("Starter", requests_per_minute=7, credits_=3)

        assert limits == Limits(plan="starter", requests_per_minute=7, concurrent=5, batch=20, credits=3)

    def test_each_paid_plan_allows_more_than_the_one_before(self):
        paid = [PLANS[name] for name in ("free", "starter", "growth", "pro", "scale")]
        for less, more in pairwise(paid):
            assert (less.requests_per_minute or 0) < (more.requests_per_minute or 0)
            assert (less.credits or 0) < (more.credits or 0)

    def test_what_is_no_plan_or_no_number_is_told(self):
        with pytest.raises(ValueError, match="no plan 'gold'; the plans are free, starter"):
            limits_of("gold")
        for number in (0, -1, NO_LIMIT):
            with pytest.raises(ValueError, match="concurrent is a whole number from 1 to"):
                limits_of(concurrent=number)

    @pytest.mark.parametrize(("limit", "most"), [(None, 100), (5, 5), (100, 100), (5000, 100)])
    def test_a_batch_has_a_hundred_pages_at_most(self, limit, most):
        assert Limits(batch=limit).most_in_batch == most


class TestWindows:
    @given(st.floats(86_400, 7_000_000_000))
    def test_now_is_within_its_minute_and_its_month(self, seconds):
        now = datetime.fromtimestamp(seconds, UTC)
        for window in (minute_of(now), month_of(now)):
            assert window.start <= now < window.end
        assert next_minute(now) == minute_of(now).end.timestamp()
        assert minute_of(now).number % 60 == 0

    def test_months_end_as_calendars_say(self):
        for now, end in (
            (datetime(2024, 2, 29, 23, tzinfo=UTC), (2024, 3)),
            (datetime(2024, 12, 31, tzinfo=UTC), (2025, 1)),
        ):
            assert month_of(now).end == datetime(*end, 1, tzinfo=UTC)


class TestBlocks:
    @pytest.mark.parametrize(
        ("limit", "block"), [(1, 1), (10, 1), (60, 3), (300, 15), (600, 30), (10**6, 1000)]
    )
    def test_a_block_is_a_twentieth_and_never_many(self, limit, block):
        assert block_of(limit) == block
        assert block_of(limit, 20) == min(block, 20)

    @given(
        limit=st.integers(1, 200), workers=st.integers(1, 5), asking=st.lists(st.integers(0, 4), max_size=400)
    )
    def test_processes_together_admit_what_the_limit_says_but_for_what_they_hold(
        self, limit, workers, asking
    ):
        """Each leases from the same count, as the meter does, and refuses only when that has nothing left."""
        taken = admitted = refused = 0
        each = [Tokens.of(limit) for _ in range(workers)]
        for number in asking:
            tokens = each[number % workers]
            if not tokens.take():
                granted = min(tokens.block, limit - taken)
                taken += granted
                tokens.leased(granted, taken)
                if not tokens.take():
                    refused += 1
                    assert admitted > limit - workers * block_of(limit)
                    continue
            admitted += 1
            assert admitted <= limit
        assert admitted + refused == len(asking)
        assert admitted + sum(tokens.held for tokens in each) == taken

    def test_without_the_meter_there_is_one_block_until_it_can_be_asked_again(self):
        tokens = Tokens.of(60)
        tokens.trusted()
        assert [tokens.take() for _ in range(4)] == [True, True, True, False]
        tokens.trusted()
        assert not tokens.take()

        tokens.leased(1, 60)
        assert (tokens.take(), tokens.remaining) == (True, 0)
        tokens.trusted()
        assert tokens.take()
