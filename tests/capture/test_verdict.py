"""Which pages count as failures: fail_on against the status that the page answered with."""

from __future__ import annotations

import pytest

from calotype.capture.errors import CaptureError, InvalidRequest, PageNotFound, TargetRefused
from calotype.capture.verdict import DEFAULT_FAIL_ON, FailOn, Verdict, parse_fail_on

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
    assert len(str(told.value)) < 200


def test_rules_no_worse_than_a_verdict_are_its_own_and_those_of_the_default_ones_that_it_keeps():
    lenient, good, gone = FailOn(("http_418",)), Verdict(http_status=200), Verdict(http_status=404)

    assert lenient.no_worse_than(good).rules == ("http_418", *DEFAULT_FAIL_ON)
    assert lenient.no_worse_than(gone).rules == ("http_418", "http_410", "http_5xx")
