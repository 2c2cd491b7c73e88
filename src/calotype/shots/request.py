"""TakeRequest: what one caller asks for, and what may be had for it."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Protocol

import msgspec

from calotype.cache.entry import Mode, Namespace
from calotype.cache.policy import CacheWishes
from calotype.cache.store import Origin
from calotype.capture.errand import Errand, Urgency
from calotype.capture.parse import ParsedCapture
from calotype.clock import Deadline
from calotype.shots.shot import Shot
from calotype.storage.wishes import NO_WISHES, StorageWishes


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeRequest:
    """One caller's request: the picture, and its wishes about the cache."""

    namespace: Namespace
    capture: ParsedCapture
    wishes: CacheWishes
    deadline: Deadline
    only_if_cached: bool = False
    """A stored picture or none: the browser is not asked."""
    urgency: Urgency = Urgency.INTERACTIVE
    weight: int = 1
    """That of the caller's key."""
    allowance: Allowance | None = None
    """What the caller may have the browser asked for; None is without limit."""
    once: str | None = None
    """The request's Idempotency-Key."""
    since: datetime | None = None
    """When the same request came first: what was captured from then on is its answer."""
    storage: StorageWishes = NO_WISHES

    @property
    def errand(self) -> Errand:
        """What the browser needs to know of the caller to be fair."""
        return Errand(account=self.namespace.account, urgency=self.urgency, weight=self.weight)


class Capturing(Protocol):
    """A capture under way."""

    def spend(self) -> None:
        """Say that a picture was made for its caller."""
        ...


class Allowance(Protocol):
    """What one caller may have the browser asked for."""

    def capture(self, deadline: Deadline) -> AbstractAsyncContextManager[Capturing]:
        """Hold what a capture that ends by deadline needs. Raises what the caller is to be told."""
        ...


async def allowed(asked: TakeRequest, asking: Callable[[], Awaitable[Shot]]) -> Shot:
    """Have the browser asked as far as the caller may; who has had a picture made pays for it.

    Not who only waited for it, nor for one that failed. It stands around the fill and not in it: what
    one caller may not have must not fail for those who wait with it.
    """
    if asked.allowance is None:
        return await asking()
    async with asked.allowance.capture(asked.deadline) as capturing:
        shot = await asking()
        # Who does not wait has a picture only where it can be fetched, and else is made another.
        had = shot.addressed or asked.urgency is not Urgency.BATCH
        if had and shot.is_own_expense:
            capturing.spend()
        return shot


def marked(asked: TakeRequest) -> TakeRequest:
    """Return asked with the mark that every picture of a test key bears."""
    if asked.namespace.mode is not Mode.TEST:
        return asked
    request = asked.capture.request
    with_mark = replace(request, output=replace(request.output, watermark=True))
    return replace(asked, capture=replace(asked.capture, request=with_mark))


def digest(asked: TakeRequest, origin: Origin) -> str:
    """Return what stands for all of a request that must be the same for two of them to be one."""
    # What the page is asked for with, secrets too, is in the content's id alone, which nobody can guess.
    wishes = {**asdict(asked.wishes), "tags": sorted(asked.wishes.tags)}
    rest = (asked.capture.fail_on.rules, asked.capture.budget_ms, asdict(asked.storage))
    return hashlib.sha256(msgspec.json.encode((origin.content, wishes, rest))).hexdigest()
