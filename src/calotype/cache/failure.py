"""A failed capture as it is remembered for seconds, so that a page that is down is not asked by everyone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import msgspec

from calotype.capture.errors import (
    BrowserCrashed,
    CaptureError,
    NavigationFailed,
    NothingToShow,
    PageTooBig,
    QueueTimeout,
    RenderTimeout,
)
from calotype.capture.verdict import Verdict

REMEMBERED_FOR = timedelta(seconds=3)
"""Long enough that a crowd asks a broken page once, short enough that none waits for a page that is whole."""
_VERDICT = "verdict"
_verdict_decoder = msgspec.json.Decoder(Verdict)


@dataclass(frozen=True, slots=True)
class Failure:
    """What became of a capture instead of a picture worth keeping.

    Refused targets are not among them: to judge one again costs nothing.
    """

    kind: str
    facts: tuple[str | int, ...]

    @property
    def verdict(self) -> Verdict | None:
        """What was pictured, but broke a rule of fail_on, for each to judge; None if nothing was."""
        return _verdict_decoder.decode(str(self.facts[0])) if self.kind == _VERDICT else None

    def error(self, budget_ms: int) -> CaptureError | None:
        """Return what it says to a caller with so much time; None if it says nothing to them."""
        match self.kind, self.facts:
            case "navigation", (str(url), str(reason)):
                return NavigationFailed(url, reason)
            case "timeout", (str(step), int(given_ms)):
                # With more time than that it may yet succeed.
                return RenderTimeout(step, budget_ms) if budget_ms <= given_ms else None
            case "crash", (str(what),):
                return BrowserCrashed(what)
            case "too big", (str(limit),):
                return PageTooBig(limit)
            case "nothing", (str(message),):
                return NothingToShow(message)
        return None

    def to_text(self) -> str:
        """Return the JSON that from_text reads."""
        return msgspec.json.encode([self.kind, *self.facts]).decode()

    @classmethod
    def from_text(cls, text: str) -> Failure:
        """Return the failure that to_text spelled."""
        kind, *facts = msgspec.json.decode(text)
        return cls(kind, tuple(facts))


FailureOf = Callable[[object], Failure | None]
"""Says of what a piece of work returned or raised whether it is to be remembered as a failure."""


def failure_of(outcome: object) -> Failure | None:
    """Return what is remembered of an error; None for one that is not, and for whatever is no error."""
    match outcome:
        case NavigationFailed():
            return Failure("navigation", (outcome.url, outcome.reason))
        case QueueTimeout():
            pass  # the page has not been asked: who comes next may have better luck
        case RenderTimeout():
            return Failure("timeout", (outcome.step, outcome.budget_ms))
        case BrowserCrashed():
            return Failure("crash", (outcome.what,))
        case PageTooBig():
            return Failure("too big", (outcome.limit,))
        case NothingToShow():
            return Failure("nothing", (str(outcome),))
    return None


def verdict_failure(verdict: Verdict) -> Failure:
    """Return what is remembered of a picture that was not kept for what it turned out to be."""
    return Failure(_VERDICT, (msgspec.json.encode(verdict.to_judge().to_plain()).decode(),))
