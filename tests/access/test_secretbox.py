"""The secret box: what is sealed can be read back, by the right server and in the right place only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.access.secretbox import MasterSecretChanged, SealBroken, SecretBox

BOX = SecretBox(b"0123456789abcdef")
HERE = b"batch/batch_1/cookies"


@given(plain=st.binary(max_size=200), context=st.binary(max_size=40))
def test_what_was_sealed_is_read_back(plain, context):
    assert BOX.open(BOX.seal(plain, context), context) == plain


def test_another_process_with_the_same_master_secret_reads_it_too():
    assert SecretBox(b"0123456789abcdef").open(BOX.seal(b"session=1", HERE), HERE) == b"session=1"


def test_nothing_of_what_is_sealed_can_be_seen_and_equals_do_not_look_alike():
    first, second = (BOX.seal(b"session=1", HERE) for _ in range(2))

    assert first != second
    # The mark of the key and the form are the same; nothing else is.
    assert first[:9] == second[:9]
    assert b"session" not in first
    assert len(first) == len(b"session=1") + 37


def test_under_another_master_secret_it_is_told_what_happened_and_what_to_do():
    sealed = SecretBox(b"another master secret").seal(b"session=1", HERE)

    with pytest.raises(MasterSecretChanged, match="CALOTYPE_SECRET_KEY") as told:
        BOX.open(sealed, HERE)
    assert "had before" in told.value.hint


def test_one_row_s_secret_is_not_opened_in_another_s_place():
    sealed = BOX.seal(b"session=1", HERE)

    with pytest.raises(SealBroken):
        BOX.open(sealed, b"batch/batch_2/cookies")


@given(at=st.integers(0, 60), flip=st.integers(1, 255))
def test_a_changed_byte_is_never_overlooked(at, flip):
    sealed = bytearray(BOX.seal(b"session=" + b"1" * 16, HERE))
    sealed[at] ^= flip

    with pytest.raises((SealBroken, MasterSecretChanged)):
        BOX.open(bytes(sealed), HERE)


@given(cut=st.integers(0, 45))
def test_what_is_cut_short_is_broken_and_not_another_master_secret(cut):
    sealed = BOX.seal(b"session=1", HERE)

    with pytest.raises(SealBroken):
        BOX.open(sealed[:cut], HERE)


@pytest.mark.parametrize("other", [b"", b"plain text that nobody sealed, long enough for a head"])
def test_what_nobody_sealed_is_broken(other):
    with pytest.raises(SealBroken):
        BOX.open(other, HERE)
