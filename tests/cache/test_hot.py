"""HotBlobs: bytes in memory, never more than the bound."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from calotype.cache.hot import HotBlobs


def test_what_was_put_is_there_until_it_is_dropped():
    hot = HotBlobs(800)
    hot.put("a", b"x" * 100)
    assert hot.get("a") == b"x" * 100
    hot.drop("a")
    hot.drop("a")
    assert hot.get("a") is None


def test_bytes_that_are_wanted_once_pass_by_what_is_wanted_often():
    hot = HotBlobs(8000)
    wanted = [f"wanted{number}" for number in range(40)]
    for name in wanted:
        hot.put(name, b"x" * 100)
        hot.get(name)
    for number in range(1000):
        hot.put(f"once{number}", b"x" * 100)

    assert [hot.get(name) is not None for name in wanted] == [True] * 40
    assert sum(hot.get(f"once{number}") is not None for number in range(1000)) == 40
    assert len(hot._ghosts) <= 80


def test_what_is_no_longer_wanted_makes_way():
    hot = HotBlobs(8000)
    for turn in range(3):
        names = [f"{turn}:{number}" for number in range(60)]
        for _ in range(10):
            for name in names:
                if hot.get(name) is None:
                    hot.put(name, b"x" * 100)

        assert sum(hot.get(name) is not None for name in names) >= 55


def test_what_comes_back_soon_has_passed_its_probation():
    hot = HotBlobs(800)
    for number in range(12):
        hot.put(f"{number}", b"x" * 100)
    assert hot.get("3") is None
    hot.put("3", b"x" * 100)
    for number in range(20, 26):
        hot.put(f"{number}", b"x" * 100)

    assert hot.get("3") is not None
    assert hot.get("10") is None


def test_a_blob_that_would_push_out_much_of_the_rest_is_not_kept():
    hot = HotBlobs(800)
    hot.put("small", b"x")
    hot.put("large", b"x" * 101)

    assert hot.get("large") is None
    assert hot.get("small") is not None


def test_without_room_nothing_is_kept():
    hot = HotBlobs(0)
    hot.put("a", b"x")

    assert hot.get("a") is None


@given(
    st.lists(
        st.tuples(st.sampled_from(["put", "put", "get", "drop"]), st.integers(0, 25), st.integers(0, 130)),
        max_size=120,
    )
)
def test_the_bound_holds_and_the_account_is_right_whatever_happens(events):
    hot = HotBlobs(800)
    sizes: dict[str, int] = {}
    for event, blob_id, size in events:
        name = str(blob_id)
        if event == "put":
            # Immutable: what is put again under an id are the same bytes.
            hot.put(name, b"x" * sizes.setdefault(name, size))
        elif event == "get":
            assert hot.get(name) in (None, b"x" * sizes.get(name, 0))
        else:
            hot.drop(name)
            assert hot.get(name) is None
        assert hot._bytes == sum(map(len, hot._blobs.values())) <= 800
        assert hot._probation_bytes == sum(len(hot._blobs[name]) for name in hot._probation)
        assert sorted([*hot._probation, *hot._main]) == sorted(hot._blobs)
        assert hot._touched <= hot._blobs.keys()
        assert len(hot._ghosts) <= 26
