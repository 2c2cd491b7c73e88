"""Tags: what may be one, and how they are spelled."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.cache.policy import parse_wishes
from calotype.cache.tags import MAX_TAGS, NO_TAGS, check_tags, spelled, tags_in
from calotype.capture.errors import InvalidRequest

FORBIDDEN = {",", '"', "\\"}
ALLOWED = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in FORBIDDEN)


def tags_of(tags):
    return parse_wishes({"tags": tags})[0].tags


def test_every_visible_character_but_three_may_stand_in_a_tag():
    assert check_tags(list(ALLOWED), "tags") == tuple(ALLOWED)
    assert set(string.ascii_letters + string.digits + ":/_.-*@") <= set(ALLOWED)


@pytest.mark.parametrize("character", [*sorted(FORBIDDEN), *" \t\n\r\0\x1f\x7f\x80\xa0éü日\u200b"])
@pytest.mark.parametrize("tag", ["{}", "a{}", "{}a", "a{}b"])
def test_no_other_character_may(character, tag):
    with pytest.raises(
        InvalidRequest, match=r"^cache\.tags holds .*; a tag has 1 to 64 characters"
    ) as refused:
        tags_of(["fine", tag.format(character)])

    assert refused.value.field == "cache.tags"


@pytest.mark.parametrize(("length", "allowed"), [(0, False), (1, True), (64, True), (65, False)])
def test_a_tag_has_a_length(length, allowed):
    tag = "t" * length
    if allowed:
        assert tags_of([tag]) == {tag}
        return
    with pytest.raises(InvalidRequest):
        tags_of([tag])


@pytest.mark.parametrize("none", [{}, {"tags": None}, {"tags": []}])
def test_without_any_there_are_none(none):
    assert parse_wishes(none)[0].tags == NO_TAGS


def test_an_entry_has_up_to_32_and_those_that_repeat_count_once():
    most = [f"t{number}" for number in range(MAX_TAGS)]

    assert tags_of([*most, *most]) == set(most)
    with pytest.raises(InvalidRequest, match=r"^cache\.tags has 33 tags; at most 32 are allowed\.$"):
        tags_of([*most, "one-more"])


@pytest.mark.parametrize("value", ["a", {"a": 1}, [1], [None], [["a"]], True, 5])
def test_they_are_a_list_of_strings(value):
    with pytest.raises(InvalidRequest) as refused:
        tags_of(value)

    assert refused.value.field == "cache.tags"


def test_tags_that_differ_in_case_are_two():
    assert tags_of(["a", "A"]) == {"a", "A"}


def test_they_are_no_unknown_field():
    assert parse_wishes({"tags": ["a"], "tag": "a"})[1] == ["cache.tag"]


@given(tags=st.frozensets(st.text(ALLOWED, min_size=1, max_size=64), max_size=MAX_TAGS))
def test_spelling_loses_nothing_and_is_one_whatever_the_order(tags):
    assert tags_in(spelled(tags)) == tags
    assert spelled(frozenset(sorted(tags, reverse=True))) == spelled(tags)
