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
    RenderTimeout,
)

REMEMBERED_FOR = timedelta(seconds=3)
"""Long enough that a crowd asks a broken page once, short enough that none waits for a page that is whole."""
_VERDICT = "verdict"


@dataclass(frozen=True, slots=True)
class Failure:
    """What became of a capture instead of a picture worth keeping.

    Refused targets are not among them: to judge one again costs nothing.
    """

    kind: str
    facts: tuple[str | int, ...]

    @property
    def http_status(self) -> int | None:
        """Status of a page that was pictured, but broke a rule of fail_on; None when no picture was made."""
        return int(self.facts[0]) if self.kind == _VERDICT else None

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
        case RenderTimeout():
            return Failure("timeout", (outcome.step, outcome.budget_ms))
        case BrowserCrashed():
            return Failure("crash", (outcome.what,))
        case NothingToShow():
            return Failure("nothing", (str(outcome),))
    return None


def verdict_failure(http_status: int) -> Failure:
    """Return what is remembered of a picture that was not kept for the page's status."""
    return Failure(_VERDICT, (http_status,))
