"""What a capture turned out to be, and which of that counts as failure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Final

from calotype.capture.errors import CaptureError, InvalidRequest, PageNotFound, PictureRefused, TargetRefused
from calotype.capture.fields import shown

DEFAULT_FAIL_ON = ("http_404", "http_410", "http_5xx")
"""Pages that are not there or broken are errors; others, a login page say, are pictures."""
_NO_PICTURE = (*DEFAULT_FAIL_ON, "blank", "bot_wall", "error_page")
"""What takes no better picture's place where nobody has asked for a new one."""
_STATUS_RULE = re.compile(r"http_[1-5](?:xx|[0-9]{2})")
_GONE = (404, 410)


class SettledBy(StrEnum):
    """The rule that ended the wait for fonts, images and the page's own work."""

    QUIET = "quiet"
    """There was nothing left to wait for. Of the other rules, each names what had not come."""
    NETWORK = "network"
    """Answers to the page's scripts: it went on asking, or one of them is a long poll."""
    FONTS = "fonts"
    IMAGES = "images"
    PAINT = "paint"
    """An end of changes in the document."""


class Cut(StrEnum):
    """The cap that a page ran into."""

    HEIGHT = "height"
    """The page is higher than what was asked for."""
    STEPS = "steps"
    """It went on growing while it was scrolled through."""
    TIME = "time"
    """Scrolling through it took too long."""
    TRAFFIC = "traffic"
    """What one capture may receive, send or open; what came later is not in the picture."""


class Dismissal(StrEnum):
    """What became of a consent banner that is not in the picture."""

    DECLINED = "declined"
    HIDDEN = "hidden"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Facts about the page behind a picture, stored with it."""

    http_status: int | None = None
    """Status of the document that was pictured, after redirects; None for html input."""
    final_url: str | None = None
    """Where redirects led, without credentials."""
    title: str = ""
    description: str = ""
    """What the page says of itself to search engines, or else to those who share it."""
    settled_by: SettledBy | None = None
    """What ended the wait for the page to come to rest; None where nothing was waited for."""
    cut: Cut | None = None
    """The cap at which the page was cut off; None if all of it is in the picture."""
    unfinished_images: int = 0
    """Images in the picture that had not come, were not there, or could not be decoded, when it was taken."""
    blank: bool = False
    """Whether the picture is of a single colour, but for a few pixels."""
    bot_wall: str | None = None
    """Whose wall against browsers like ours the page seems to be, as `cloudflare`; None if it seems none."""
    error_page: bool = False
    """Whether the page seems to be an error page, although its status says that all is well."""
    missing_glyphs: int = 0
    """Distinct characters that no font had, so that a box stands in their place."""
    console_errors: int = 0
    """Errors that the page left in the console; what they say is not kept."""
    consent_banner: Dismissal | None = None
    """What became of the consent banner; None if there was none, or nobody asked to be rid of it."""
    consent_product: str = ""
    """What had put it there, by the name that autoconsent has for it; empty if that is not known."""

    def to_plain(self) -> dict[str, object]:
        """Return the facts that are not what they are by default."""
        told = {field.name: (getattr(self, field.name), field.default) for field in fields(self)}
        return {name: fact for name, (fact, default) in told.items() if fact != default}

    def to_judge(self) -> Verdict:
        """Return what FailOn looks at, and nothing of what the page or its address says."""
        return replace(
            self, final_url=None, title="", description="", consent_banner=None, consent_product=""
        )

    def remarks(self) -> str:
        """Return what is amiss, as the members of an RFC 9651 dictionary; empty if nothing is."""
        told = []
        if self.http_status is not None and not 200 <= self.http_status < 300:  # noqa: PLR2004
            told.append(f"http-status={self.http_status}")
        told += ["blank"] * self.blank
        told += [f"bot-wall={self.bot_wall}"] * (self.bot_wall is not None)
        told += ["error-page"] * self.error_page
        told += [f"cut={self.cut}"] * (self.cut is not None)
        told += [f"unsettled={self.settled_by}"] * _unsettled(self)
        counts = (
            ("unfinished-images", self.unfinished_images),
            ("missing-glyphs", self.missing_glyphs),
            ("console-errors", self.console_errors),
        )
        return ", ".join([*told, *(f"{name}={count}" for name, count in counts if count)])


def _unsettled(verdict: Verdict) -> bool:
    return verdict.settled_by not in (None, SettledBy.QUIET)


@dataclass(frozen=True, slots=True)
class _Rule:
    breaks: Callable[[Verdict], bool]
    fault: Callable[[Verdict], str]
    """What the picture that breaks it is, in words that go on after `The picture of ...`."""


_RULES: Final[dict[str, _Rule]] = {
    "blank": _Rule(lambda v: v.blank, lambda _: "is blank"),
    "bot_wall": _Rule(
        lambda v: v.bot_wall is not None, lambda v: f"seems to show a wall against bots ({v.bot_wall})"
    ),
    "error_page": _Rule(lambda v: v.error_page, lambda _: "seems to show an error page"),
    "unfinished_images": _Rule(
        lambda v: v.unfinished_images > 0, lambda v: f"lacks images that had not come ({v.unfinished_images})"
    ),
    "missing_glyphs": _Rule(
        lambda v: v.missing_glyphs > 0,
        lambda v: f"shows boxes for characters that no font has ({v.missing_glyphs})",
    ),
    "cut": _Rule(lambda v: v.cut is not None, lambda v: f"was cut off at a cap ({v.cut})"),
    "console_errors": _Rule(
        lambda v: v.console_errors > 0,
        lambda v: f"is of a page with errors in its console ({v.console_errors})",
    ),
    "unsettled": _Rule(
        _unsettled, lambda v: f"is of a page that had not come to rest (settled by {v.settled_by})"
    ),
}
_REMEDY = f"write http_404 for one status, http_5xx for a class, or {', '.join(_RULES)}"


@dataclass(frozen=True, slots=True)
class FailOn:
    """The rules that turn a verdict into an error: `http_404`, a class as `http_5xx`, a word as `blank`."""

    rules: tuple[str, ...] = DEFAULT_FAIL_ON

    def broken_rule(self, verdict: Verdict) -> str | None:
        """Return the first rule that verdict breaks, or None."""
        return next((rule for rule in self.rules if _is_broken(rule, verdict)), None)

    def no_worse_than(self, verdict: Verdict) -> FailOn:
        """Return these rules, and of those that tell a bad picture the ones that verdict keeps."""
        kept = [rule for rule in _NO_PICTURE if not _is_broken(rule, verdict)]
        return FailOn(tuple(dict.fromkeys((*self.rules, *kept))))

    def error(self, url: str, verdict: Verdict) -> CaptureError | None:
        """Return the error that verdict amounts to, or None. url goes into the message."""
        rule = self.broken_rule(verdict)
        if rule is None:
            return None
        if rule in _RULES:
            return PictureRefused(url, _RULES[rule].fault(verdict), rule)
        status = verdict.http_status or 0
        kind = PageNotFound if status in _GONE else TargetRefused
        return kind(url, status, rule)

    def check(self, url: str, verdict: Verdict) -> None:
        """Raise PageNotFound, TargetRefused or PictureRefused when verdict breaks a rule.

        url goes into the message.
        """
        error = self.error(url, verdict)
        if error is not None:
            raise error


def _is_broken(rule: str, verdict: Verdict) -> bool:
    if rule in _RULES:
        return _RULES[rule].breaks(verdict)
    status = verdict.http_status
    return status is not None and rule in (f"http_{status}", f"http_{status // 100}xx")


def parse_fail_on(words: Sequence[str] | None) -> FailOn:
    """Return the rules that words spell; the default ones for None. Raises InvalidRequest."""
    if words is None:
        return FailOn()
    for word in words:
        if word not in _RULES and not _STATUS_RULE.fullmatch(word):
            raise InvalidRequest("fail_on", f"holds {shown(word)}", _REMEDY)
    return FailOn(tuple(words))
