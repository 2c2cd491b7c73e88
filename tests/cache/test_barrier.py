"""barred: which purges forbid what was born before them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from calotype.cache.barrier import barred
from calotype.cache.entry import Birth
from calotype.cache.globs import PathGlob, UrlGlob
from calotype.cache.purge import PurgeFilter, PurgeRecord
from tests.support.builders import an_origin
from tests.support.clock import NOON

PAGE = an_origin("k", "https://example.com/blog/a", tags=("blog", "a-1"))
LATER = NOON.replace(year=9999)
THIS, OTHER = PurgeFilter(keys=("k",)), PurgeFilter(keys=("l",))


def a_record(seq, which):
    return PurgeRecord(seq, which)


def birth(seq, at=NOON):
    return Birth(seq, 1, at)


def test_a_purge_with_a_later_number_that_matches_forbids_the_store():
    record = a_record(3, THIS)

    assert barred([record], PAGE.subject(NOON), birth(2)) == record


@pytest.mark.parametrize("seq", [3, 4])
def test_a_purge_that_was_answered_when_the_render_began_does_not_concern_it(seq):
    assert barred([a_record(3, THIS)], PAGE.subject(NOON), birth(seq)) is None


def test_a_purge_of_something_else_forbids_nothing():
    assert barred([a_record(1, OTHER)], PAGE.subject(NOON), birth(0)) is None
    assert barred([], PAGE.subject(NOON), birth(0)) is None


def test_the_first_of_several_that_match_is_told():
    records = [a_record(1, THIS), a_record(2, OTHER), a_record(3, THIS), a_record(4, THIS)]

    assert barred(records, PAGE.subject(NOON), birth(1)) == records[2]


@pytest.mark.parametrize(
    ("which", "matches"),
    [
        (PurgeFilter(keys=("l", "k")), True),
        (PurgeFilter(keys=(PAGE.identity.id,)), True),
        (PurgeFilter(keys=(f"screenshots/1999/12/31/{PAGE.identity.id}.webp",)), True),
        (PurgeFilter(keys=("K",)), False),
        (PurgeFilter(before=NOON), False),
        (PurgeFilter(before=NOON + timedelta(microseconds=1)), True),
        (PurgeFilter(url=UrlGlob("https://example.com/blog/*")), True),
        (PurgeFilter(url=UrlGlob("https://example.com/blog")), False),
        (PurgeFilter(pattern=PathGlob("screenshots/2024/01/15/*")), True),
        (PurgeFilter(pattern=PathGlob("screenshots/2024/01/16/*")), False),
        (PurgeFilter(tags=("shop", "a-1")), True),
        (PurgeFilter(tags=("a", "Blog", "a-")), False),
        (PurgeFilter(everything=True), True),
        (PurgeFilter(url=UrlGlob("*")), True),
        # Every filter given must pass.
        (PurgeFilter(keys=("k",), url=UrlGlob("*.com/*"), pattern=PathGlob("*.png"), before=LATER), True),
        (PurgeFilter(keys=("k",), tags=("blog",)), True),
        (PurgeFilter(keys=("k",), before=NOON), False),
        (PurgeFilter(keys=("k",), tags=("shop",)), False),
        (PurgeFilter(keys=("l",), tags=("blog",)), False),
        (PurgeFilter(everything=True, tags=("shop",)), False),
        (PurgeFilter(everything=True, keys=("l",)), False),
        (PurgeFilter(everything=True, url=UrlGlob("example.org/*")), False),
    ],
    ids=lambda value: str(value.to_plain()) if isinstance(value, PurgeFilter) else "",
)  # fmt: skip
def test_a_filter_looks_at_key_id_page_path_tags_and_the_moment_the_render_began(which, matches):
    found = barred([a_record(1, which)], PAGE.subject(NOON), birth(0))

    assert (found is not None) == matches


def test_a_purge_filter_without_a_condition_cannot_be_made():
    with pytest.raises(ValueError, match="at least one"):
        PurgeFilter()


@pytest.mark.parametrize(
    ("which", "total"),
    [
        (PurgeFilter(everything=True), True),
        (PurgeFilter(url=UrlGlob("*")), True),
        (PurgeFilter(everything=True, url=UrlGlob("**")), True),
        (PurgeFilter(everything=True, url=UrlGlob("https://*")), False),
        (PurgeFilter(url=UrlGlob("*"), before=NOON), False),
        (PurgeFilter(everything=True, pattern=PathGlob("*")), False),
        (PurgeFilter(everything=True, keys=("k",)), False),
        (PurgeFilter(everything=True, tags=("blog",)), False),
    ],
)
def test_only_a_purge_that_leaves_nothing_out_is_total(which, total):
    assert which.is_total == total


@pytest.mark.parametrize("which", [
    PurgeFilter(keys=("k", "ü"), before=NOON + timedelta(microseconds=1)),
    PurgeFilter(tags=("b", "!a~"), pattern=PathGlob("*")),
    PurgeFilter(url=UrlGlob("*")),
    PurgeFilter(url=UrlGlob(r"https://a\*b/*")),
    PurgeFilter(pattern=PathGlob("[*")),
    PurgeFilter(everything=True, before=NOON.replace(year=9999)), PurgeFilter(before=NOON.replace(year=1)),
])  # fmt: skip
def test_the_log_gives_a_filter_back_as_it_was(which):
    assert PurgeFilter.from_plain(which.to_plain()) == which


@pytest.mark.parametrize("scheme", ["https://", "*://", ""])
def test_a_password_in_a_url_pattern_is_not_kept_and_the_pattern_matches_as_before(scheme):
    asked = PurgeFilter(url=UrlGlob(f"{scheme}anna:sesame42@example.com/blog/*@*"))
    kept = PurgeFilter.from_plain(asked.to_plain())

    assert asked.to_plain()["url"] == f"{scheme}example.com/blog/*@*"
    assert asked.url is not None
    assert kept.url is not None
    for url in ("https://example.com/blog/a@b", "https://example.com/blog/a", "https://example.com/@"):
        assert asked.url.matches(url) == kept.url.matches(url)
    assert kept.url.matches("https://example.com/blog/a@b")
