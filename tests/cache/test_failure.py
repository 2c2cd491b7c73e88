"""What is remembered of a failed capture, and what it says to whom."""

from __future__ import annotations

import pytest

from calotype.cache.failure import Failure, failure_of, verdict_failure
from calotype.capture.errors import (
    BrowserCrashed,
    NavigationFailed,
    NothingToShow,
    PageNotFound,
    PageTooBig,
    QueueFull,
    RenderTimeout,
    TargetForbidden,
)
from calotype.capture.verdict import Verdict

URL = "https://example.com/"


@pytest.mark.parametrize(
    "error",
    [
        NavigationFailed(URL, "net::ERR_FAILED"),
        RenderTimeout("loading", 5_000),
        BrowserCrashed("The page"),
        NothingToShow("The element has no area."),
        PageTooBig("512 MiB of memory"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_failure_of_page_or_browser_is_told_again_word_for_word(error):
    remembered = failure_of(error)
    assert remembered is not None
    again = Failure.from_text(remembered.to_text()).error(budget_ms=5_000)

    assert (type(again), str(again)) == (type(error), str(error))


def test_a_timeout_says_nothing_to_who_has_more_time_than_there_was():
    remembered = failure_of(RenderTimeout("loading", 5_000))

    assert remembered is not None
    assert remembered.error(5_001) is None
    assert "within 4000 ms" in str(remembered.error(4_000))


@pytest.mark.parametrize(
    "outcome",
    [TargetForbidden("host"), PageNotFound(URL, 404, "http_404"), QueueFull(1, 1), ValueError(), "a picture"],
)
def test_of_what_is_judged_anew_at_no_cost_and_of_pictures_nothing_is_remembered(outcome):
    assert failure_of(outcome) is None


def test_of_a_picture_that_broke_a_rule_its_verdict_is_remembered_for_each_to_judge():
    verdict = Verdict(http_status=503, title="hunter2", final_url=f"{URL}?hunter2", blank=True)
    text = verdict_failure(verdict).to_text()
    remembered = Failure.from_text(text)

    assert remembered.verdict == Verdict(http_status=503, blank=True)
    assert remembered.error(1) is None
    assert "hunter2" not in text
    assert Failure("navigation", (URL, "x")).verdict is None
