"""Which pictures count as failures: fail_on against what they turned out to be."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.cache.failure import Failure, verdict_failure
from calotype.capture.errors import (
    CaptureError,
    InvalidRequest,
    PageNotFound,
    PictureRefused,
    TargetRefused,
)
from calotype.capture.verdict import (
    DEFAULT_FAIL_ON,
    Cut,
    Dismissal,
    FailOn,
    SettledBy,
    Verdict,
    parse_fail_on,
)
from calotype.sql.rows import verdict_text

PAGE = "https://example.com/"


@pytest.mark.parametrize(
    ("words", "broken_by"),
    [
        (None, {404, 410, *range(500, 600)}),
        ([], set()),
        (["http_404"], {404}),
        (["http_4xx"], set(range(400, 500))),
        (["http_403", "http_5xx"], {403, *range(500, 600)}),
        (["http_200"], {200}),
        (["http_3xx"], set(range(300, 400))),
    ],
)
def test_the_statuses_that_break_a_rule(words, broken_by):
    fail_on = parse_fail_on(words)

    assert {
        status for status in range(100, 600) if fail_on.broken_rule(Verdict(http_status=status))
    } == broken_by


def test_html_has_no_status_and_breaks_no_rule():
    parse_fail_on(["http_2xx"]).check(PAGE, Verdict(http_status=None))


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (404, PageNotFound, "page_not_found"),
        (410, PageNotFound, "page_not_found"),
        (500, TargetRefused, "render_failed"),
    ],
)
def test_a_broken_rule_is_an_error_that_says_what_the_page_answered(status, kind, code):
    with pytest.raises(CaptureError) as told:
        FailOn().check(PAGE, Verdict(http_status=status))

    assert type(told.value) is kind
    assert told.value.code == code
    assert f"status {status}" in str(told.value)
    assert PAGE in str(told.value)


def test_the_rule_that_was_broken_is_named():
    assert parse_fail_on(["http_404", "http_4xx"]).broken_rule(Verdict(http_status=403)) == "http_4xx"


@pytest.mark.parametrize(
    "word", ["404", "http_", "http_4", "http_4x", "http_xxx", "http_600", "http_044", "HTTP_404", "http_404 ",
             "http_404\n", "http_4\u0664\u0664", "all", "", "x" * 1000],
)  # fmt: skip
def test_a_rule_that_is_none_is_refused(word):
    with pytest.raises(InvalidRequest) as told:
        parse_fail_on(["http_404", word])

    assert told.value.field == "fail_on"
    assert "http_5xx" in told.value.remedy
    assert len(str(told.value)) < 250


def test_rules_no_worse_than_a_verdict_are_its_own_and_those_of_the_default_ones_that_it_keeps():
    lenient, good, gone = FailOn(("http_418",)), Verdict(http_status=200), Verdict(http_status=404)

    bad = ("blank", "bot_wall", "error_page")
    assert lenient.no_worse_than(good).rules == ("http_418", *DEFAULT_FAIL_ON, *bad)
    assert lenient.no_worse_than(gone).rules == ("http_418", "http_410", "http_5xx", *bad)
    assert FailOn(()).no_worse_than(Verdict(blank=True)).rules == (*DEFAULT_FAIL_ON, "bot_wall", "error_page")


BREAKING = {
    "blank": Verdict(blank=True),
    "bot_wall": Verdict(bot_wall="cloudflare"),
    "error_page": Verdict(error_page=True),
    "unfinished_images": Verdict(unfinished_images=2),
    "missing_glyphs": Verdict(missing_glyphs=3),
    "cut": Verdict(cut=Cut.HEIGHT),
    "console_errors": Verdict(console_errors=4),
    "unsettled": Verdict(settled_by=SettledBy.NETWORK),
}
"""Each rule that is no status, and a verdict that breaks it and no other."""


@pytest.mark.parametrize("rule", BREAKING)
def test_each_fact_breaks_the_rule_that_is_named_for_it_and_no_other(rule):
    for other, verdict in BREAKING.items():
        assert (parse_fail_on([rule]).broken_rule(verdict) == rule) is (other == rule)
    assert parse_fail_on([rule]).broken_rule(Verdict(settled_by=SettledBy.QUIET)) is None
    assert FailOn().broken_rule(BREAKING[rule]) is None, "and by default none is an error"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("blank", "is blank"),
        ("bot_wall", "cloudflare"),
        ("unfinished_images", "(2)"),
        ("missing_glyphs", "(3)"),
        ("cut", "height"),
        ("console_errors", "(4)"),
        ("unsettled", "network"),
        ("error_page", "error page"),
    ],
)
def test_the_error_names_the_page_the_rule_and_what_broke_it(rule, said):
    with pytest.raises(PictureRefused) as told:
        FailOn((rule,)).check(PAGE, BREAKING[rule])

    assert (told.value.code, told.value.rule) == ("render_failed", rule)
    assert PAGE in str(told.value)
    assert f"fail_on names: {rule}" in str(told.value)
    assert said in str(told.value)


def test_the_first_rule_that_is_broken_is_told():
    verdict = Verdict(http_status=503, blank=True)

    assert isinstance(FailOn(("blank", "http_5xx")).error(PAGE, verdict), PictureRefused)
    assert isinstance(FailOn(("http_5xx", "blank")).error(PAGE, verdict), TargetRefused)


words = st.text(max_size=20)
verdicts = st.builds(
    Verdict,
    http_status=st.none() | st.sampled_from([200, 204, 301, 403, 404, 410, 429, 500, 503]),
    final_url=st.none() | words,
    title=words,
    description=words,
    settled_by=st.none() | st.sampled_from(SettledBy),
    cut=st.none() | st.sampled_from(Cut),
    unfinished_images=st.integers(0, 3),
    blank=st.booleans(),
    bot_wall=st.none() | st.sampled_from(["cloudflare", "captcha"]),
    error_page=st.booleans(),
    missing_glyphs=st.integers(0, 3),
    console_errors=st.integers(0, 3),
    consent_banner=st.none() | st.sampled_from(Dismissal),
    consent_product=words,
)
rules = st.lists(
    st.sampled_from([*BREAKING, "http_404", "http_410", "http_4xx", "http_5xx", "http_2xx"]), max_size=5
)


def judged(fail_on, verdict):
    error = fail_on.error(PAGE, verdict)
    return type(error), str(error)


@given(rules=rules, verdict=verdicts)
def test_a_verdict_that_was_stored_or_remembered_is_judged_like_the_fresh_one(rules, verdict):
    fail_on = parse_fail_on(rules)
    stored = msgspec.json.decode(verdict_text(verdict), type=Verdict)
    remembered = Failure.from_text(verdict_failure(verdict).to_text()).verdict

    assert stored == verdict
    assert remembered is not None
    assert judged(fail_on, stored) == judged(fail_on, remembered) == judged(fail_on, verdict)


@given(verdict=verdicts)
def test_what_is_remembered_of_a_failure_holds_no_word_of_the_page(verdict):
    assert verdict.to_judge() == verdict.to_judge().to_judge()
    assert {"title", "description", "final_url"}.isdisjoint(verdict.to_judge().to_plain())


def test_of_an_ordinary_picture_little_is_stored_and_nothing_remarked():
    verdict = Verdict(http_status=200, title="A page", settled_by=SettledBy.QUIET)

    assert verdict_text(verdict) == '{"http_status":200,"title":"A page","settled_by":"quiet"}'
    assert verdict.remarks() == ""


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("{}", Verdict()),
        ('{"http_status":200,"final_url":null,"title":"A"}', Verdict(http_status=200, title="A")),
        (
            '{"http_status":200,"title":"","settled_by":null,"cut":"height","unfinished_images":1}',
            Verdict(http_status=200, cut=Cut.HEIGHT, unfinished_images=1),
        ),
        ('{"blank":true,"colours":{"most":"#fff"},"mood":null}', Verdict(blank=True)),
    ],
)
def test_rows_of_before_and_of_after_are_read(text, verdict):
    assert msgspec.json.decode(text, type=Verdict) == verdict


@pytest.mark.parametrize(
    ("verdict", "remarks"),
    [
        (Verdict(), ""),
        (Verdict(http_status=204, settled_by=SettledBy.QUIET), ""),
        (Verdict(http_status=404), "http-status=404"),
        (Verdict(blank=True, cut=Cut.HEIGHT, unfinished_images=3), "blank, cut=height, unfinished-images=3"),
        (
            Verdict(http_status=403, bot_wall="ddos-guard", settled_by=SettledBy.NETWORK),
            "http-status=403, bot-wall=ddos-guard, unsettled=network",
        ),
        (
            Verdict(error_page=True, missing_glyphs=1, console_errors=2),
            "error-page, missing-glyphs=1, console-errors=2",
        ),
    ],
)
def test_what_is_amiss_is_remarked_in_the_words_of_a_structured_field(verdict, remarks):
    assert verdict.remarks() == remarks


@given(verdict=verdicts)
def test_whatever_the_page_says_stays_out_of_the_remarks(verdict):
    assert verdict.remarks() == verdict.to_judge().remarks()
    assert verdict.remarks().isascii()
