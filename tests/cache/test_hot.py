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


def test_what_has_been_wanted_least_recently_goes_first():
    hot = HotBlobs(800)
    for number in range(8):
        hot.put(str(number), b"x" * 100)
    hot.get("0")
    hot.put("8", b"x" * 100)

    assert [hot.get(name) is not None for name in ("0", "1", "2", "8")] == [True, False, True, True]


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
        st.tuples(st.sampled_from(["put", "get", "drop"]), st.integers(0, 9), st.integers(0, 130)),
        max_size=60,
    )
)
def test_the_bound_holds_and_the_account_is_right_whatever_happens(events):
    hot = HotBlobs(800)
    for event, blob_id, size in events:
        if event == "put":
            hot.put(str(blob_id), b"x" * size)
        elif event == "get":
            hot.get(str(blob_id))
        else:
            hot.drop(str(blob_id))
        assert hot._bytes == sum(map(len, hot._blobs.values())) <= 800
