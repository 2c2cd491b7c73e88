"""Stars and question marks against plain text."""

from __future__ import annotations

import re
import time
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calotype.capture.errors import InvalidRequest
from calotype.capture.wildcards import MANY, MAX_PATTERN_LENGTH, ONE, Wildcards, read_pattern


def wildcards(pattern):
    return Wildcards(read_pattern(pattern, "pattern"))


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("a", ["a"], ["", "A", "aa", "ba"]),
        ("*", ["", "a", "a/b", "\n"], []),
        ("a*", ["a", "ab", "a/b"], ["", "ba"]),
        ("*a", ["a", "ba", "aa"], ["", "ab"]),
        ("a*a", ["aa", "aba", "aaa"], ["a", "ab"]),
        ("a*b*c", ["abc", "a/b/c", "abcbc"], ["acb", "abcx"]),
        ("a*b*b", ["abb", "axbxb"], ["ab"]),
        ("a*b?*cd", ["abxcd"], ["abcd"]),
        ("a**b", ["ab", "a/b"], ["a"]),
        ("a?b", ["axb", "a/b", "a?b", "a\nb"], ["ab", "axxb"]),
        ("??", ["ab"], ["a", "abc"]),
        ("*?", ["a", "ab"], [""]),
        ("?*?", ["ab", "abc"], ["a"]),
        ("*a?c*", ["abc", "xxaacx", "aabc"], ["ac", "acb"]),
        ("*?b?*", ["aba", "bba", "bbbb"], ["ab", "ba", "bb"]),
        ("[ab]{c,d}", ["[ab]{c,d}"], ["a", "ac", "b{c,d}"]),
        (".+^$()|", [".+^$()|"], ["a"]),
        (r"\*", ["*"], ["", "a", r"\*"]),
        (r"\?\\\a\[", [r"?\a["], [r"x\a["]),
        (r"\**", ["*", "*a"], ["a"]),
        (r"*\*", ["*", "a*"], ["a"]),
        (r"\\*", ["\\", "\\a"], ["*"]),
        ("é日\U0001f600?", ["é日\U0001f600\U0010ffff"], ["e日\U0001f600x"]),
    ],
)
def test_a_pattern_covers_a_text_from_end_to_end(pattern, matching, others):
    glob = wildcards(pattern)

    assert [text for text in matching if not glob.matches(text)] == []
    assert [text for text in others if glob.matches(text)] == []


@pytest.mark.parametrize(
    ("pattern", "problem"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        ("a" * (MAX_PATTERN_LENGTH + 1), "has 4,097 characters"),
        ("a\0", "contains a control character"),
        ("a\nb", "contains a control character"),
        ("\x01", "contains a control character"),
        ("\x02", "contains a control character"),
        ("a\x7f", "contains a control character"),
        ("a\x85", "contains a control character"),
        ("a\ud800", "contains a control character"),
        ("a\\\n", "contains a control character"),
        ("\\", "ends in a lone backslash"),
        ("a\\\\\\", "ends in a lone backslash"),
    ],
)
def test_a_pattern_that_cannot_be_read_is_refused_with_the_field_and_the_remedy(pattern, problem):
    with pytest.raises(InvalidRequest) as refused:
        read_pattern(pattern, "url")

    assert (refused.value.field, refused.value.problem) == ("url", problem)
    assert refused.value.remedy


def test_the_longest_pattern_may_consist_of_escapes():
    assert wildcards(r"\*" * (MAX_PATTERN_LENGTH // 2)).matches("*" * (MAX_PATTERN_LENGTH // 2))


@pytest.mark.parametrize(
    ("pattern", "prefix", "is_literal", "is_prefix"),
    [
        ("ab", "ab", True, False),
        ("ab*", "ab", False, True),
        ("ab**", "ab", False, True),
        (r"a\*b*", "a*b", False, True),
        ("*", "", False, True),
        ("ab?", "ab", False, False),
        ("a?b*", "a", False, False),
        ("a*b*", "a", False, False),
        ("ab?*", "ab", False, False),
        ("ab*?", "ab", False, False),
    ],
)
def test_a_pattern_knows_its_literal_prefix_and_whether_that_is_all(pattern, prefix, is_literal, is_prefix):
    glob = wildcards(pattern)

    assert (glob.literal_prefix, glob.is_literal, glob.is_prefix) == (prefix, is_literal, is_prefix)


@pytest.mark.parametrize(
    ("tokens", "text"),
    [
        (f"{MANY}a" * 10_000, "a" * 2_048),
        (f"{MANY}a" * 10_000 + "b", "a" * 20_000),
        (f"{MANY}a" * 1_000 + f"{MANY}b", "a" * 2_048),
        (f"{MANY}{'a' * 500}b{MANY}", "a" * 2_048),
        (f"{MANY}{f'a{ONE}' * 500}b{MANY}", "a" * 2_048),
        (f"{MANY}a{ONE}" * 600 + f"b{MANY}", "a" * 2_048),
        (MANY * 10_000 + "b", "a" * 2_048),
    ],
)
def test_a_hostile_pattern_is_answered_in_milliseconds(tokens, text):
    began = time.process_time()
    glob = Wildcards(tokens)
    built = time.process_time()

    assert not glob.matches(text)
    # A backtracking matcher would take longer than the universe; the bounds are for slow machines.
    assert time.process_time() - built < 0.1
    assert built - began < 0.5


TEXTS = st.text("ab/", max_size=9)
TOKENS = st.text(f"ab/{MANY}{ONE}", max_size=9)


def naively_matches(tokens, text):
    """Try every way to share text out among tokens."""

    @cache
    def matches(token, place):
        if token == len(tokens):
            return place == len(text)
        if tokens[token] == MANY:
            return matches(token + 1, place) or (place < len(text) and matches(token, place + 1))
        return place < len(text) and tokens[token] in (ONE, text[place]) and matches(token + 1, place + 1)

    return matches(0, 0)


@settings(max_examples=600, deadline=None)
@given(TOKENS, TEXTS)
def test_matching_without_backtracking_finds_what_trying_everything_finds(tokens, text):
    assert Wildcards(tokens).matches(text) == naively_matches(tokens, text)


@settings(max_examples=200, deadline=None)
@given(TOKENS, st.data())
def test_whatever_takes_the_place_of_wildcards_matches(tokens, data):
    text = re.sub(
        f"[{MANY}{ONE}]", lambda wild: data.draw(TEXTS if wild[0] == MANY else st.sampled_from("ab/")), tokens
    )
    glob = Wildcards(tokens)

    assert glob.matches(text)
    assert text.startswith(glob.literal_prefix)


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1))
def test_an_escaped_text_matches_itself_and_nothing_else(text):
    glob = wildcards("".join("\\" + character for character in text))

    assert glob.matches(text)
    assert glob.is_literal
