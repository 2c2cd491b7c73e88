"""Shots.take, the story of a request."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import assert_never

from calotype.cache.entry import Birth, Namespace, Seq
from calotype.cache.errors import NotCached, StoreUnavailable
from calotype.cache.fill import Fills
from calotype.cache.freshness import Hit, Miss
from calotype.cache.key import KeyMaker, negative_hash
from calotype.cache.policy import CachePolicy, CacheWishes
from calotype.cache.ports import Barred, Committed, Lease, LeaseLost, Stored, Superseded
from calotype.cache.room import NoRoom, Refused, TooLarge
from calotype.cache.store import CacheStore, OpenEntry, Origin
from calotype.cache.url_key import NO_URL_KEY, url_key
from calotype.capture.negative import HtmlDocument, PageUrl, Target
from calotype.capture.parse import ParsedCapture
from calotype.capture.renderer import Renderer
from calotype.capture.target import source_url
from calotype.clock import Clock, Deadline
from calotype.shots.shot import Forward, Served, Shot

_log = logging.getLogger("calotype.shots")


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeRequest:
    """One caller's request: the picture, and its wishes about the cache."""

    namespace: Namespace
    capture: ParsedCapture
    wishes: CacheWishes
    deadline: Deadline
    only_if_cached: bool = False
    """A stored picture or none: the browser is not asked."""


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
    ) -> None:
        self._store, self._fills, self._renderer = store, fills, renderer
        self._keys, self._policy, self._clock = keys, policy, clock

    async def take(self, asked: TakeRequest) -> Shot:
        """Return the picture that asked asks for.

        Raises CaptureError or QueueFull when there is none to be had; such a failure is shared with
        all who waited for it, and never stored. Who asks only for what is cached gets NotCached or
        StoreUnavailable instead.
        """
        origin = self._origin(asked)
        if not asked.wishes.enabled:
            if asked.only_if_cached:
                raise NotCached
            return await self._uncached(asked, origin, Forward.BYPASS, None)
        try:
            # The arrival comes first: a purge between it and the look-up must count as later than us.
            arrived = await self._store.head(asked.namespace)
            found = await self._stored(asked, origin)
            match found:
                case Shot():
                    return found
                case Forward():
                    if asked.only_if_cached:
                        raise NotCached
                    return await self._filled(asked, origin, arrived, found)
                case unreachable:
                    assert_never(unreachable)
        except StoreUnavailable as exc:
            if asked.only_if_cached:
                raise
            _log.error("answering without the cache: %s", exc)
            return await self._uncached(asked, origin, Forward.MISS, exc.detail)

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
        )

    async def _stored(self, asked: TakeRequest, origin: Origin) -> Shot | Forward:
        """Return the stored picture if it may be served, else why the browser must be asked."""
        if asked.wishes.refresh:
            return Forward.REFRESH
        if not asked.wishes.may_hit(self._policy):
            return Forward.MISS
        match await self._store.look_up(origin.namespace, origin.identity.key):
            case Hit(entry):
                # A picture that another caller was content with may break this one's rules.
                if asked.capture.fail_on.broken_rule(entry.verdict) is not None:
                    return Forward.MISS
                opened = await self._store.read(entry)
                return Forward.MISS if opened is None else Shot(opened=opened, served=Served.HIT)
            case Miss(expired):
                return Forward.EXPIRED if expired else Forward.MISS
            case unreachable:
                assert_never(unreachable)

    async def _filled(self, asked: TakeRequest, origin: Origin, arrived: Seq, why: Forward) -> Shot:
        async def work(lease: Lease) -> Shot:
            return await self._render(asked, origin, lease, why)

        shot, joined = await self._fills.run(
            origin, arrived, asked.deadline, work, fresh=asked.wishes.refresh
        )
        # Each caller judges by its own rules; those of the one that began the render decide on storing.
        asked.capture.fail_on.check(_shown_url(asked), shot.opened.entry.verdict)
        return replace(shot, served=Served.COLLAPSED) if joined and shot.served is Served.MISS else shot

    async def _render(self, asked: TakeRequest, origin: Origin, lease: Lease, why: Forward) -> Shot:
        if why is not Forward.REFRESH:
            # Another process may have stored it while we waited for the lease.
            found = await self._stored(asked, origin)
            if isinstance(found, Shot):
                return found
        capture = await self._renderer.render(asked.capture.request, asked.deadline)
        opened = self._store.unstored(lease, origin, capture, asked.wishes.ttl_s)
        if asked.capture.fail_on.broken_rule(capture.verdict) is not None:
            detail: str | None = "verdict"
        else:
            detail = await self._keep(lease, opened)
        return Shot(opened=opened, served=Served.MISS, forward=why, stored=detail is None, detail=detail)

    async def _keep(self, lease: Lease, opened: OpenEntry) -> str | None:
        """Store the picture; return why it could not be, or None."""
        try:
            return _detail(await self._store.store(lease, opened))
        except StoreUnavailable as exc:
            _log.error("a picture was not stored: %s", exc)
            return exc.detail

    async def _uncached(self, asked: TakeRequest, origin: Origin, why: Forward, detail: str | None) -> Shot:
        capture = await self._renderer.render(asked.capture.request, asked.deadline)
        asked.capture.fail_on.check(_shown_url(asked), capture.verdict)
        lease = Lease(origin.namespace, origin.identity.key, Birth(Seq(0), 0, self._clock()))
        opened = self._store.unstored(lease, origin, capture)
        return Shot(opened=opened, served=Served.MISS, forward=why, stored=False, detail=detail)


def _index_key(target: Target) -> str:
    """Return where in the index target's entries hang; without a URL no glob reaches them."""
    match target:
        case PageUrl(url) | HtmlDocument(base_url=str(url)):
            return url_key(source_url(url))
        case HtmlDocument():
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
