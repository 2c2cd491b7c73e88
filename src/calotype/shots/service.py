"""Shots.take, the story of a request."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import assert_never

from calotype.cache.early import EarlyRefresh
from calotype.cache.entry import Birth, CacheEntry, Seq
from calotype.cache.errors import NotCached, StoreUnavailable
from calotype.cache.failure import Failure, failure_of, verdict_failure
from calotype.cache.fill import Fills
from calotype.cache.freshness import Hit, Miss, Stale
from calotype.cache.key import KeyMaker, negative_hash
from calotype.cache.policy import NO_WINDOWS, CachePolicy
from calotype.cache.ports import Barred, Committed, Lease, LeaseLost, Stored, Superseded
from calotype.cache.room import NoRoom, Refused, TooLarge
from calotype.cache.store import CacheStore, OpenEntry, Origin
from calotype.cache.url_key import NO_URL_KEY, url_key
from calotype.capture.errand import Urgency
from calotype.capture.errors import CaptureError, TargetForbidden, TargetRefused
from calotype.capture.negative import HtmlDocument, MarkdownDocument, PageUrl, Target
from calotype.capture.renderer import Renderer
from calotype.capture.result import Capture
from calotype.capture.target import source_url
from calotype.clock import Clock, Deadline
from calotype.shots.request import TakeRequest, allowed, digest, marked
from calotype.shots.revalidator import Revalidator
from calotype.shots.shot import Forward, Served, Shot
from calotype.storage.copying import Copying

BROKE_A_RULE = "verdict"
SOFT_PURGED = "soft-purged"
ATTENTION_S = 10.0
"""How long after a capture that somebody waited for another is expected."""
_log = logging.getLogger("calotype.shots")


@dataclass(frozen=True, slots=True)
class _Ask:
    """The browser must be asked."""

    why: Forward


class Shots:
    """Answers capture requests from the cache, or renders once for everyone asking."""

    def __init__(
        self,
        store: CacheStore,
        fills: Fills[Shot],
        renderer: Renderer,
        keys: KeyMaker,
        policy: CachePolicy,
        clock: Clock,
        revalidator: Revalidator | None = None,
        early: EarlyRefresh | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        copying: Copying | None = None,
    ) -> None:
        """Take the parts; a revalidator that is given stays its giver's to close.

        Without copying no account has a bucket of its own.
        """
        self._revalidator, self._early = revalidator or Revalidator(), early or EarlyRefresh()
        self._store, self._fills, self._renderer = store, fills, renderer
        self._keys, self._policy, self._clock, self._copying = keys, policy, clock, copying
        self._monotonic = monotonic
        self._waiting, self._last_waited = 0, float("-inf")
        """Captures that somebody waits for, and when the last of them ended."""

    async def take(self, asked: TakeRequest) -> Shot:
        """Return the picture that asked asks for.

        Raises CaptureError or QueueFull when there is none to be had; such a failure is shared with
        all who waited for it, and never stored. Who asks only for what is cached gets NotCached or
        StoreUnavailable instead. Raises IdempotencyMismatch for another request under a name that was given,
        and InvalidRequest for one that counts on a bucket which the account does not have.
        """
        if self._copying is not None:
            await self._copying.check(asked.namespace, asked.storage)
        asked = marked(asked)
        return await self._copied(asked, await self._answered(asked))

    async def _answered(self, asked: TakeRequest) -> Shot:
        origin = self._origin(asked)
        if not asked.wishes.enabled:
            if asked.only_if_cached:
                raise NotCached
            return await allowed(asked, lambda: self._uncached(asked, origin, Forward.BYPASS, None))
        try:
            # The arrival comes first: a purge between it and the look-up must count as later than us.
            arrived = await self._store.head(asked.namespace)
            asked = await self._as_repeated(asked, origin)
            found = await self._stored(asked, origin)
            match found:
                case Shot():
                    self._look_ahead(asked, origin, found)
                    return found
                case _Ask():
                    if asked.only_if_cached:
                        raise NotCached
                    return await allowed(asked, lambda: self._asked(asked, origin, arrived, found))
                case unreachable:
                    assert_never(unreachable)
        except StoreUnavailable as exc:
            if asked.only_if_cached:
                raise
            _log.error("answering without the cache: %s", exc)
            why = exc.detail
            return await allowed(asked, lambda: self._uncached(asked, origin, Forward.MISS, why))

    async def _as_repeated(self, asked: TakeRequest, origin: Origin) -> TakeRequest:
        """Return asked, and since when it has been asked for. Raises IdempotencyMismatch."""
        if asked.once is None:
            return asked
        since = await self._store.first_asked(asked.namespace, asked.once, digest(asked, origin))
        return replace(asked, since=since)

    async def _asked(self, asked: TakeRequest, origin: Origin, arrived: Seq, ask: _Ask) -> Shot:
        try:
            return await self._filled(asked, origin, arrived, ask)
        except CaptureError as exc:
            last_good = None
            # Without the index there is none; the page has failed, and is not asked once more for that.
            with contextlib.suppress(StoreUnavailable):
                if asked.wishes.may_hit(self._policy):
                    last_good = await self._last_good(asked, origin, ask, exc)
            if last_good is None:
                raise
            _log.info("served the last good picture: %s", exc)
            return last_good

    def _origin(self, asked: TakeRequest) -> Origin:
        request, custom = asked.capture.request, asked.wishes.key
        derived = self._keys.identify(asked.namespace, request, None)
        return Origin(
            namespace=asked.namespace,
            identity=derived if custom is None else self._keys.identify(asked.namespace, request, custom),
            content=derived.id,
            url_key=_index_key(request.negative.target),
            format=request.output.format,
            negative=negative_hash(request.negative),
            tags=asked.wishes.tags,
        )

    async def _stored(self, asked: TakeRequest, origin: Origin) -> Shot | _Ask:
        """Return the stored picture if it may be served, else why the browser must be asked."""
        wishes = asked.wishes
        if not wishes.may_hit(self._policy):
            return await self._captured_since(asked, origin)
        match await self._store.look_up(origin.namespace, origin.identity.key, wishes.accepted):
            case Hit(entry) | Stale(entry) if asked.capture.fail_on.broken_rule(entry.verdict) is not None:
                pass  # a picture that another caller was content with may break this one's rules
            case Hit(entry):
                opened = await self._store.read(entry)
                if opened is not None:
                    return Shot(opened=opened, served=Served.HIT)
            case Stale(entry):
                opened = await self._store.read(entry)
                if opened is not None:
                    why = SOFT_PURGED if entry.softened else "swr"
                    return Shot(opened=opened, served=Served.STALE, detail=why)
            case Miss(expired):
                return _Ask(Forward.EXPIRED if expired else Forward.MISS)
            case unreachable:
                assert_never(unreachable)
        return _Ask(Forward.MISS)

    async def _captured_since(self, asked: TakeRequest, origin: Origin) -> Shot | _Ask:
        """Return what was captured since a repeated request came first, though it takes nothing older."""
        if asked.since is not None:
            match await self._store.look_up(origin.namespace, origin.identity.key, NO_WINDOWS):
                case Hit(entry) if asked.capture.fail_on.broken_rule(entry.verdict) is not None:
                    pass
                case Hit(entry) if entry.birth.at >= asked.since:
                    opened = await self._store.read(entry)
                    if opened is not None:
                        return Shot(opened=opened, served=Served.HIT)
                case _:
                    pass
        return _Ask(Forward.REFRESH if asked.wishes.refresh else Forward.MISS)

    def _look_ahead(self, asked: TakeRequest, origin: Origin, shot: Shot) -> None:
        """Have a new picture made behind the caller's back, if this one is stale or soon will be."""
        entry = shot.opened.entry
        # Under a key of the client's choice the entry may show another page than this caller means, and
        # what was stored under it stays until its ttl ends.
        own = asked.wishes.key is None
        early = own and shot.served is Served.HIT and self._early.due(entry, self._clock())
        if (early or shot.served is Served.STALE) and not asked.only_if_cached:
            # This caller's hit must change no tags, neither now nor behind its back.
            origin = replace(origin, tags=entry.tags)
            self._revalidator.schedule(
                origin.namespace, origin.identity.key, lambda: self._revalidate(asked, origin, entry)
            )

    async def _revalidate(self, asked: TakeRequest, origin: Origin, seen: CacheEntry) -> bool:
        # Nobody has asked for it, so whosever hit it comes by, a good picture gives way only to a good one.
        capture = replace(asked.capture, fail_on=asked.capture.fail_on.no_worse_than(seen.verdict))
        deadline = Deadline.after(capture.budget_ms)
        patient = replace(asked, capture=capture, deadline=deadline, urgency=Urgency.BACKGROUND)
        arrived = await self._store.head(origin.namespace)
        shot = await self._filled(patient, origin, arrived, _Ask(Forward.EXPIRED), seen.birth)
        return (await self._copied(patient, shot)).stored

    async def _copied(self, asked: TakeRequest, shot: Shot) -> Shot:
        """Have the picture copied to the account's bucket, if it has one, and say where to."""
        if self._copying is None or not shot.addressed:
            return shot
        hit = shot.served is Served.HIT
        return replace(shot, copied_to=await self._copying.accept(asked.storage, shot.opened.entry, hit=hit))

    async def _filled(
        self, asked: TakeRequest, origin: Origin, arrived: Seq, ask: _Ask, seen: Birth | None = None
    ) -> Shot:
        async def work(lease: Lease) -> Shot:
            return await self._render(asked, origin, lease, ask.why, seen)

        def recall(failure: Failure) -> CaptureError | None:
            verdict = failure.verdict
            if verdict is None:
                return failure.error(asked.deadline.budget_ms)
            return asked.capture.fail_on.error(_shown_url(asked), verdict)

        heir = False

        def inherit() -> None:
            nonlocal heir
            heir = True

        while True:
            shot, joined = await self._fills.run(
                origin,
                arrived,
                asked.deadline,
                work,
                fresh=asked.wishes.refresh,
                recall=recall,
                inherit=inherit,
            )
            if not joined or shot.served is not Served.HIT:
                break
            # That run found what was stored, maybe before this caller came: it may have been purged or have
            # expired in between, and the run, which shows something else, cannot be judged in its place.
            found = await self._stored(asked, origin)
            if isinstance(found, Shot):
                self._look_ahead(asked, origin, found)
                return found
            ask = found
        # Each caller judges by its own rules; those of the one that began the render decide on storing.
        asked.capture.fail_on.check(_shown_url(asked), shot.opened.entry.verdict)
        if joined and shot.served is Served.MISS:
            return replace(shot, served=Served.COLLAPSED, inherited=heir)
        return shot

    async def _render(
        self, asked: TakeRequest, origin: Origin, lease: Lease, why: Forward, seen: Birth | None
    ) -> Shot:
        if why is not Forward.REFRESH or asked.since is not None:
            # Another process may have stored it while we waited for the lease, or the same request before us.
            found = await self._stored(asked, origin)
            if isinstance(found, Shot) and found.served is Served.HIT and found.opened.entry.birth != seen:
                return found
        capture = await self._captured(asked)
        opened = self._store.unstored(lease, origin, capture, asked.wishes.lifetime(self._policy))
        if asked.capture.fail_on.broken_rule(capture.verdict) is not None:
            return _fresh(opened, capture, why, BROKE_A_RULE, stored=False)
        opened, stored, detail = await self._keep(lease, opened)
        return _fresh(opened, capture, why, detail, stored=stored)

    async def _last_good(
        self, asked: TakeRequest, origin: Origin, ask: _Ask, exc: CaptureError
    ) -> Shot | None:
        """Return what may be served in place of the picture that failed with exc (RFC 5861 section 4)."""
        if isinstance(exc, TargetForbidden):
            return None
        # Looked up anew: it may have been purged, or replaced, while the browser was asked in vain.
        worth = await self._store.look_up(origin.namespace, origin.identity.key, asked.wishes.accepted)
        entry = worth.fallback if isinstance(worth, Miss) else worth.entry
        if entry is None or asked.capture.fail_on.broken_rule(entry.verdict) is not None:
            return None
        opened = await self._store.read(entry)
        if opened is None:
            return None
        if isinstance(worth, Hit):
            return Shot(opened=opened, served=Served.HIT)
        status = exc.http_status if isinstance(exc, TargetRefused) else None
        return Shot(opened=opened, served=Served.STALE, forward=ask.why, detail="sie", failed_status=status)

    async def _keep(self, lease: Lease, opened: OpenEntry) -> tuple[OpenEntry, bool, str | None]:
        """Store the picture; return it as it is now, whether it is stored, and what to say of that."""
        try:
            outcome = await self._store.store(lease, opened)
        except StoreUnavailable as exc:
            _log.error("a picture was not stored: %s", exc)
            return opened, False, exc.detail
        if isinstance(outcome, Stored) and outcome.kept_blob_id is not None:
            opened = replace(opened, entry=replace(opened.entry, blob_id=outcome.kept_blob_id))
        if isinstance(outcome, Stored) and outcome.softened:
            # It is stale already: no address leads to it, and its callers must not be told of one.
            return replace(opened, entry=replace(opened.entry, softened=True)), True, SOFT_PURGED
        return opened, isinstance(outcome, Stored), _detail(outcome)

    async def _captured(self, asked: TakeRequest) -> Capture:
        waits = asked.urgency is Urgency.INTERACTIVE
        self._waiting += waits
        try:
            return await self._renderer.render(asked.capture.request, asked.deadline, asked.errand)
        finally:
            self._waiting -= waits
            if waits:
                self._last_waited = self._monotonic()

    def somebody_waits(self) -> bool:
        """Say whether somebody waits for a capture, or did a moment ago: who asks once asks again."""
        return self._waiting > 0 or self._monotonic() - self._last_waited < ATTENTION_S

    async def _uncached(self, asked: TakeRequest, origin: Origin, why: Forward, detail: str | None) -> Shot:
        capture = await self._captured(asked)
        asked.capture.fail_on.check(_shown_url(asked), capture.verdict)
        lease = Lease(origin.namespace, origin.identity.key, Birth(Seq(0), 0, self._clock()))
        opened = self._store.unstored(lease, origin, capture)
        return _fresh(opened, capture, why, detail, stored=False)


def _fresh(opened: OpenEntry, capture: Capture, why: Forward, detail: str | None, *, stored: bool) -> Shot:
    return Shot(
        opened=opened,
        served=Served.MISS,
        forward=why,
        stored=stored,
        detail=detail,
        queue_ms=capture.queue_ms,
        phases=capture.phases,
    )


def failed(outcome: object) -> Failure | None:
    """Return what Fills remembers of a shot, or of an error; None for a picture worth keeping."""
    if not isinstance(outcome, Shot):
        return failure_of(outcome)
    return verdict_failure(outcome.opened.entry.verdict) if outcome.detail == BROKE_A_RULE else None


def _index_key(target: Target) -> str:
    """Return where in the index target's entries hang; without a URL no glob reaches them."""
    match target:
        case PageUrl(url) | HtmlDocument(base_url=str(url)) | MarkdownDocument(base_url=str(url)):
            return url_key(source_url(url))
        case HtmlDocument() | MarkdownDocument():
            return NO_URL_KEY
        case unreachable:
            assert_never(unreachable)


def _shown_url(asked: TakeRequest) -> str:
    target = asked.capture.request.negative.target
    return source_url(target.url) if isinstance(target, PageUrl) else "about:blank"


def _detail(outcome: Committed | Refused) -> str | None:
    match outcome:
        case Stored():
            return None
        case Barred():
            return "purged"
        case Superseded():
            return "superseded"
        case LeaseLost():
            return "lease-lost"
        case TooLarge():
            return "too-large"
        case NoRoom():
            return "no-room"
        case unreachable:
            assert_never(unreachable)
