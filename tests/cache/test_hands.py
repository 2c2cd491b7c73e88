"""The two hands: what each takes on its way, what it passes, and what is remembered of it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.cache.entry import CacheKey
from calotype.cache.hands import Candidate, Ghosts, Hand, Touched, walk
from tests.support.builders import HERE, THERE

ALL = 2**40


def a_candidate(place, *, key=None, held=4096, gone=False, refreshing=False):
    return Candidate(
        place=place,
        namespace=HERE,
        key=CacheKey(key or f"k{place}"),
        held_bytes=held,
        gone=gone,
        refreshing=refreshing,
    )


def three(**how):
    return [a_candidate(place, **how) for place in (5, 6, 7)]


@pytest.fixture
def touched():
    return Touched()


@pytest.fixture
def ghosts():
    return Ghosts(1024)


class TestWhatAHandTakes:
    @pytest.mark.parametrize("hand", Hand)
    def test_it_takes_what_was_not_touched_and_passes_what_was(self, hand, touched, ghosts):
        touched.add(6)
        turn = walk(hand, three(), ALL, touched, ghosts, 100)

        assert (turn.takes, turn.reached) == ((5, 7), 7)

    @pytest.mark.parametrize("hand", Hand)
    def test_what_it_passes_must_be_touched_again_to_be_passed_again(self, hand, touched, ghosts):
        touched.add(6)
        walk(hand, three(), ALL, touched, ghosts, 100)

        assert 6 in walk(Hand.MAIN, three(), ALL, touched, ghosts, 100).takes

    def test_it_stops_where_enough_is_taken(self, touched, ghosts):
        turn = walk(Hand.MAIN, three(), 4097, touched, ghosts, 100)

        assert (turn.takes, turn.reached) == ((5, 6), 6)

    def test_it_keeps_the_bits_of_what_it_has_not_come_to(self, touched, ghosts):
        touched.add(7)
        walk(Hand.MAIN, three(), 1, touched, ghosts, 100)

        assert touched.take(7)

    @pytest.mark.parametrize("hand", Hand)
    def test_it_never_takes_what_is_being_refreshed(self, hand, touched, ghosts):
        assert walk(hand, three(refreshing=True), ALL, touched, ghosts, 100).takes == ()

    @pytest.mark.parametrize("hand", Hand)
    def test_it_takes_what_nobody_can_have_however_often_it_was_asked_for(self, hand, touched, ghosts):
        for place in (5, 6, 7):
            touched.add(place)

        assert walk(hand, three(gone=True, refreshing=True), ALL, touched, ghosts, 100).takes == (5, 6, 7)

    def test_without_candidates_it_goes_back_to_where_places_begin(self, touched, ghosts):
        turn = walk(Hand.MAIN, [], ALL, touched, ghosts, 100)

        assert (turn.takes, turn.reached) == ((), 0)


class TestWhatComesBack:
    def test_what_was_taken_on_probation_and_is_stored_again_soon_is_passed(self, touched, ghosts):
        walk(Hand.PROBATION, [a_candidate(1, key="again")], ALL, touched, ghosts, 100)

        assert walk(Hand.PROBATION, [a_candidate(9, key="again")], ALL, touched, ghosts, 100).takes == ()

    def test_what_was_taken_long_ago_is_not(self, touched, ghosts):
        walk(Hand.PROBATION, [a_candidate(1, key="again")], ALL, touched, ghosts, 100)
        walk(Hand.PROBATION, [a_candidate(place) for place in range(2, 5)], ALL, touched, ghosts, 100)

        assert walk(Hand.PROBATION, [a_candidate(9, key="again")], ALL, touched, ghosts, 3).takes == (9,)

    def test_what_main_let_go_or_nobody_could_have_is_not_remembered(self, touched, ghosts):
        walk(Hand.MAIN, [a_candidate(1, key="main")], ALL, touched, ghosts, 100)
        walk(Hand.PROBATION, [a_candidate(2, key="gone", gone=True)], ALL, touched, ghosts, 100)

        back = [a_candidate(8, key="main"), a_candidate(9, key="gone")]
        assert walk(Hand.PROBATION, back, ALL, touched, ghosts, 100).takes == (8, 9)

    def test_the_same_key_of_another_account_is_another(self):
        mine, theirs = (
            Candidate(place=1, namespace=whose, key=CacheKey("k"), held_bytes=1, gone=False, refreshing=False)
            for whose in (HERE, THERE)
        )
        assert mine.fingerprint != theirs.fingerprint

    def test_an_empty_memory_recalls_nothing(self, ghosts):
        assert not any(ghosts.recalls(fingerprint, 2**30) for fingerprint in (0, 1, 2**32 - 1))


class TestBits:
    @given(st.sets(st.integers(1, 2**40), max_size=50), st.sets(st.integers(1, 2**40), max_size=50))
    def test_each_place_has_a_bit_of_its_own(self, added, others):
        touched = Touched()
        for place in added:
            touched.add(place)

        assert {place for place in added | others if touched.take(place)} == added
        assert not any(touched.take(place) for place in added)

    def test_neighbours_do_not_touch_each_other(self):
        touched = Touched()
        for place in range(0, 20_000, 2):
            touched.add(place)

        assert all(touched.take(even) and not touched.take(odd) for even, odd in pairwise(range(20_000))
                   if even % 2 == 0)  # fmt: skip

    def test_their_number_is_bounded_at_the_cost_of_forgetting(self):
        touched = Touched(max_pages=2)
        for place in (1, 1_000_000, 2_000_000):
            touched.add(place)

        assert len(touched._pages) == 1
        assert [touched.take(place) for place in (1, 1_000_000, 2_000_000)] == [False, False, True]
