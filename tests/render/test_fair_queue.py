"""FairQueue: urgent ones first but nobody starves, accounts by weight, hosts in politeness. Pure."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.capture.errand import Errand, Urgency
from calotype.render.fair_queue import MAX_IDLE_FLOWS, PATIENCE, FairQueue, Waiter

INTERACTIVE, BATCH, BACKGROUND = Urgency
WEIGHTS = st.integers(1, 100)
COSTS = st.floats(0.01, 30)


def a_waiter(account=1, urgency=INTERACTIVE, weight=1, host=None, cost=1.0) -> Waiter:
    return Waiter(Errand(account=account, urgency=urgency, weight=weight), host, cost)


def a_queue(*waiters: Waiter) -> FairQueue:
    queue = FairQueue()
    for waiter in waiters:
        queue.add(waiter)
    return queue


def go(queue: FairQueue, busy=()) -> Waiter:
    """The one whose turn it is; there must be one."""
    waiter = queue.next(busy)
    assert waiter is not None
    return waiter


def whose(waiter: Waiter) -> int:
    account = waiter.errand.account
    assert account is not None
    return account


def order(queue: FairQueue, busy=()) -> list[Waiter]:
    """Everyone that can go, in turn, each running on."""
    went = []
    while (waiter := queue.next(busy)) is not None:
        went.append(waiter)
    return went


class TestUrgency:
    def test_the_more_urgent_go_first(self):
        waiters = [a_waiter(urgency=urgency) for urgency in (BACKGROUND, BATCH, INTERACTIVE)]

        assert order(a_queue(*waiters)) == waiters[::-1]

    def test_batches_keep_a_fifth_of_the_turns_and_background_work_a_tenth(self):
        queue = a_queue(*(a_waiter(urgency=urgency) for urgency in Urgency for _ in range(300)))
        turns = Counter(go(queue).errand.urgency for _ in range(200))

        assert turns[BATCH] == pytest.approx(40, abs=4)
        assert turns[BACKGROUND] == pytest.approx(20, abs=2)

    @given(st.lists(st.sampled_from(Urgency), max_size=80), st.lists(st.sampled_from(Urgency), max_size=80))
    def test_no_class_is_passed_over_more_often_than_its_patience(self, at_first, later):
        queue = a_queue(*(a_waiter(urgency=urgency) for urgency in at_first))
        waits: Counter[Urgency] = Counter()
        while True:
            waiting = {waiter.errand.urgency for waiter in queue.waiters}
            waiter = queue.next()
            if waiter is None:
                return
            for urgency in waiting - {waiter.errand.urgency}:
                waits[urgency] += 1
            waits[waiter.errand.urgency] = 0
            # One more for the background, since a batch may be due in the same turn.
            assert waits[BATCH] <= PATIENCE[BATCH]
            assert waits[BACKGROUND] <= PATIENCE[BACKGROUND] + 1
            if later:
                queue.add(a_waiter(urgency=later.pop()))

    def test_whom_nobody_waits_for_has_no_claim_from_earlier(self):
        queue = a_queue(*(a_waiter() for _ in range(10)))
        leaving = a_waiter(urgency=BATCH)
        queue.add(leaving)
        for _ in range(PATIENCE[BATCH]):
            assert go(queue).errand.urgency is INTERACTIVE
        queue.discard(leaving)
        queue.add(a_waiter(urgency=BATCH))

        assert go(queue).errand.urgency is INTERACTIVE


class TestAccounts:
    def test_one_account_is_served_as_it_came(self):
        waiters = [a_waiter(cost=cost) for cost in (5, 1, 3)]

        assert order(a_queue(*waiters)) == waiters

    def test_a_newcomer_goes_before_the_rest_of_a_crowd(self):
        queue = a_queue(*(a_waiter(1) for _ in range(50)))
        for _ in range(20):
            go(queue)
        newcomer = a_waiter(2)
        queue.add(newcomer)

        assert newcomer in [go(queue), go(queue)]

    def test_twice_the_weight_has_twice_the_turns(self):
        queue = a_queue(*(a_waiter(1, weight=2) for _ in range(90)), *(a_waiter(2) for _ in range(90)))
        turns = Counter(whose(go(queue)) for _ in range(90))

        assert turns == {1: pytest.approx(60, abs=1), 2: pytest.approx(30, abs=1)}

    def test_many_keys_of_an_account_are_one_account(self):
        queue = a_queue(
            *(a_waiter(1, weight=1 + index % 2) for index in range(60)), *(a_waiter(2) for _ in range(60))
        )
        turns = Counter(whose(go(queue)) for _ in range(50))

        assert turns[1] == pytest.approx(50 * 3 / 5, abs=5)

    def test_who_was_away_has_no_claim_to_the_time_that_went_by(self):
        queue = a_queue(a_waiter(2))
        go(queue)  # and runs on, so that its account is remembered
        for waiter in (a_waiter(1) for _ in range(50)):
            queue.add(waiter)
        for _ in range(30):
            go(queue)
        for _ in range(20):
            queue.add(a_waiter(2))
        turns = Counter(whose(go(queue)) for _ in range(20))

        assert turns[2] <= 11

    @given(
        st.lists(st.tuples(WEIGHTS, st.lists(COSTS, min_size=12, max_size=12)), min_size=2, max_size=6),
    )
    def test_shares_differ_by_no_more_than_a_capture_of_each(self, accounts):
        """Goyal, Vin, Cheng: |W_f/w_f - W_g/w_g| <= c_f/w_f + c_g/w_g while both have waiters."""
        queue = a_queue(
            *(
                a_waiter(account, weight=weight, cost=cost)
                for account, (weight, costs) in enumerate(accounts)
                for cost in costs
            )
        )
        work = [0.0] * len(accounts)
        left = [len(costs) for _, costs in accounts]
        while all(left):
            waiter = go(queue)
            account = whose(waiter)
            work[account] += waiter.cost / waiter.errand.weight
            left[account] -= 1
            slack = [max(costs) / weight for weight, costs in accounts]
            for f in range(len(accounts)):
                for g in range(f):
                    assert abs(work[f] - work[g]) <= slack[f] + slack[g] + 1e-6

    @given(st.lists(st.tuples(WEIGHTS, COSTS), min_size=1, max_size=8), WEIGHTS, COSTS)
    def test_no_account_starves_whatever_keeps_coming(self, others, weight, cost):
        queue = FairQueue()

        def flood():
            for account, (of, each) in enumerate(others):
                queue.add(a_waiter(account, weight=of, cost=each))

        for _ in range(3):
            flood()
        go(queue)
        mine = a_waiter(-1, weight=weight, cost=cost)
        queue.add(mine)
        turns = 0
        while go(queue) is not mine:
            turns += 1
            flood()
            # A newcomer's tag is that of the latest turn, so that one more of each precedes it at most.
            assert turns <= len(others)

    @given(st.data())
    def test_what_a_capture_really_cost_is_what_counts(self, data):
        """With one place, and costs that nobody could guess, accounts get equal time all the same."""
        real = {
            1: data.draw(st.lists(st.floats(0.1, 20), min_size=5, max_size=5)),
            2: data.draw(st.lists(st.floats(0.1, 20), min_size=5, max_size=5)),
        }
        queue = a_queue(*(a_waiter(account) for account in real for _ in range(300)))
        spent = {1: 0.0, 2: 0.0}
        for index in range(200):
            waiter = go(queue)
            cost = real[whose(waiter)][index % 5]
            spent[whose(waiter)] += cost
            queue.settle(waiter, cost)
            assert abs(spent[1] - spent[2]) <= 2 * 20 + 2

    @given(
        st.lists(
            st.tuples(
                st.integers(1, 3), st.sampled_from(Urgency), WEIGHTS, COSTS, st.booleans(), st.booleans()
            ),
            max_size=40,
        )
    )
    def test_who_is_cancelled_leaves_no_trace(self, arrivals):
        with_them, without = FairQueue(), FairQueue()
        went: list[Waiter | None] = []
        missed: list[Waiter | None] = []
        for account, urgency, weight, cost, stays, then_one_goes in arrivals:
            waiter = a_waiter(account, urgency, weight, None, cost)
            with_them.add(waiter)
            if stays:
                without.add(waiter)
            else:
                assert with_them.discard(waiter)
                assert not with_them.discard(waiter)
            if then_one_goes:
                went.append(with_them.next())
                missed.append(without.next())
        assert went + order(with_them) == missed + order(without)
        assert len(with_them) == 0

    def test_a_queue_at_rest_remembers_nobody(self):
        queue = a_queue(*(a_waiter(account) for account in range(20)))
        for waiter in order(queue):
            queue.settle(waiter, 25)

        assert not any(each.flows for each in queue._classes.values())
        assert queue._loads == {}

    def test_accounts_that_come_once_are_not_remembered_for_ever(self):
        queue = a_queue(a_waiter(-1))
        go(queue)  # and runs on: the queue is never at rest
        for account in range(3 * MAX_IDLE_FLOWS):
            queue.add(a_waiter(account))
            queue.settle(go(queue), 1)

        assert len(queue._classes[INTERACTIVE].flows) <= MAX_IDLE_FLOWS


class TestPoliteness:
    def test_whoever_comes_behind_one_whose_host_is_busy_passes(self):
        first, second, third = a_waiter(host="busy.example"), a_waiter(host="free.example"), a_waiter()

        queue = a_queue(first, second, third)
        assert order(queue, busy={"busy.example"}) == [second, third]
        assert order(queue) == [first]

    def test_other_accounts_and_less_urgent_ones_pass_too(self):
        held = a_waiter(1, host="busy.example")
        others = [a_waiter(2), a_waiter(1, BACKGROUND)]

        assert order(a_queue(held, *others), busy={"busy.example"}) == others

    def test_who_could_not_go_has_saved_up_nothing(self):
        queue = a_queue(
            *(a_waiter(1, host="busy.example") for _ in range(30)), *(a_waiter(2) for _ in range(60))
        )
        for _ in range(30):
            assert whose(go(queue, busy={"busy.example"})) == 2
        turns = Counter(whose(go(queue)) for _ in range(20))

        assert turns[1] <= 11, "they take turns from then on"


class TestAFullQueue:
    def test_a_newcomer_takes_the_place_of_the_greediest_accounts_newest(self):
        greedy = [a_waiter(1) for _ in range(5)]
        newcomer = a_waiter(2)
        queue = a_queue(*greedy, a_waiter(3), newcomer)

        assert queue.victim_of(newcomer) is greedy[-1]

    def test_who_has_the_most_must_leave_itself(self):
        greedy = [a_waiter(1) for _ in range(3)]

        assert a_queue(a_waiter(2), a_waiter(2), *greedy).victim_of(greedy[-1]) is greedy[-1]

    def test_equals_leave_each_other_alone(self):
        newcomer = a_waiter(2)

        assert a_queue(a_waiter(1), newcomer).victim_of(newcomer) is newcomer

    def test_weight_counts_for_room_as_well(self):
        light, newcomer = [a_waiter(1) for _ in range(3)], a_waiter(2, weight=3)
        queue = a_queue(*light, *(a_waiter(2, weight=3) for _ in range(5)), newcomer)

        assert queue.victim_of(newcomer) is light[-1]

    def test_less_urgent_ones_of_its_own_leave_first(self):
        own = [a_waiter(1, BACKGROUND), a_waiter(1, BATCH), a_waiter(1)]

        assert a_queue(*own).victim_of(own[-1]) is own[0]

    def test_the_more_urgent_are_safe(self):
        crowd, batch, newcomer = [a_waiter(1) for _ in range(9)], a_waiter(3, BATCH), a_waiter(2, BATCH)

        assert a_queue(*crowd, batch, newcomer).victim_of(newcomer) is newcomer

    def test_but_for_the_only_one_of_a_class_there_is_room(self):
        crowd, newcomer = [a_waiter(1) for _ in range(9)], a_waiter(2, BATCH)

        assert a_queue(*crowd, newcomer).victim_of(newcomer) is crowd[-1]

    @given(
        st.lists(st.tuples(st.integers(1, 4), st.sampled_from(Urgency), st.integers(1, 5)), max_size=60),
        st.integers(1, 12),
    )
    def test_nobody_leaves_for_whoever_then_has_more(self, arrivals, limit):
        queue = FairQueue()
        for account, urgency, weight in arrivals:
            newcomer = a_waiter(account, urgency, weight)
            queue.add(newcomer)
            if len(queue) <= limit:
                continue
            loads: dict[int, float] = dict.fromkeys(range(1, 5), 0.0)
            for waiter in queue.waiters:
                loads[whose(waiter)] += 1 / waiter.errand.weight
            victim = queue.victim_of(newcomer)
            assert queue.discard(victim)
            assert len(queue) == limit
            if victim.errand.account != account:
                assert loads[whose(victim)] > loads[account] - 1e-9
        remaining = Counter(waiter.errand.account for waiter in queue.waiters)
        assert set(queue._loads) == set(remaining)
