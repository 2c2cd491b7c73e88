"""What a capture turned out to be, and which of that counts as failure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from calotype.capture.errors import InvalidRequest, PageNotFound, TargetRefused
from calotype.capture.fields import shown

DEFAULT_FAIL_ON = ("http_404", "http_410", "http_5xx")
"""Pages that are not there or broken are errors; others, a login page say, are pictures."""
_RULE = re.compile(r"http_[1-5](?:xx|[0-9]{2})")
_GONE = (404, 410)


class SettledBy(StrEnum):
    """The rule that ended the wait for fonts, images and the page's own work."""

    QUIET = "quiet"
    """There was nothing left to wait for."""
    PATIENCE = "patience"
    """The page never came to rest, and was pictured as it was."""


class Cut(StrEnum):
    """The cap that a page ran into."""

    HEIGHT = "height"
    STEPS = "steps"
    TIME = "time"
    TRAFFIC = "traffic"
    """What one capture may receive, send or open; what came later is not in the picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Facts about the page behind a picture, stored with it."""

    http_status: int | None = None
    """Status of the document that was pictured, after redirects; None for html input."""
    final_url: str | None = None
    """Where redirects led, without credentials."""
    title: str = ""
    settled_by: SettledBy | None = None
    """What ended the wait for the page to come to rest; None where nothing was waited for."""
    cut: Cut | None = None
    """The cap at which the page was cut off; None if all of it is in the picture."""
    unfinished_images: int = 0
    """Images in the picture that had not come, or could not be decoded, when it was taken."""


@dataclass(frozen=True, slots=True)
class FailOn:
    """The rules that turn a verdict into an error: `http_404`, or a class such as `http_5xx`."""

    rules: tuple[str, ...] = DEFAULT_FAIL_ON

    def broken_rule(self, verdict: Verdict) -> str | None:
        """Return the rule that verdict breaks, or None."""
        if verdict.http_status is None:
            return None
        exact, kind = f"http_{verdict.http_status}", f"http_{verdict.http_status // 100}xx"
        return next((rule for rule in self.rules if rule in (exact, kind)), None)

    def no_worse_than(self, verdict: Verdict) -> FailOn:
        """Return these rules, and of the default ones those that verdict keeps."""
        kept = [rule for rule in DEFAULT_FAIL_ON if FailOn((rule,)).broken_rule(verdict) is None]
        return FailOn(tuple(dict.fromkeys((*self.rules, *kept))))

    def error(self, url: str, verdict: Verdict) -> TargetRefused | None:
        """Return the error that verdict amounts to, or None. url goes into the message."""
        rule = self.broken_rule(verdict)
        if rule is None or verdict.http_status is None:
            return None
        kind = PageNotFound if verdict.http_status in _GONE else TargetRefused
        return kind(url, verdict.http_status, rule)

    def check(self, url: str, verdict: Verdict) -> None:
        """Raise PageNotFound or TargetRefused when verdict breaks a rule. url goes into the message."""
        error = self.error(url, verdict)
        if error is not None:
            raise error


def parse_fail_on(words: Sequence[str] | None) -> FailOn:
    """Return the rules that words spell; the default ones for None. Raises InvalidRequest."""
    if words is None:
        return FailOn()
    for word in words:
        if not _RULE.fullmatch(word):
            raise InvalidRequest(
                "fail_on", f"holds {shown(word)}", "write http_404 for one status, http_5xx for a class"
            )
    return FailOn(tuple(words))
