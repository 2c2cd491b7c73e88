"""What accounts are told of captures that somebody waits for: by a webhook, when the answer is ready."""

from __future__ import annotations

from calotype.api.respond import public_url
from calotype.cache.entry import Namespace
from calotype.capture.errors import CaptureError
from calotype.capture.negative import PageUrl
from calotype.capture.target import source_url
from calotype.clock import Clock
from calotype.shots.request import TakeRequest
from calotype.shots.shot import Served, Shot
from calotype.webhooks.event import Event, EventKind, NotPictured, Pictured
from calotype.webhooks.teller import Teller


class Notices:
    """Asks first whether anybody wants to know: who has set no endpoint does not wait for this."""

    def __init__(self, teller: Teller, clock: Clock) -> None:
        self._teller, self._clock = teller, clock

    async def taken(
        self, request_id: str, asked: TakeRequest, shot: Shot, base_url: str, *, viewed: bool
    ) -> None:
        """Have it told that asked is answered with shot.

        viewed: the picture is shown to whoever has its signed URL, which is no news when it was there.
        """
        cached = shot.served in (Served.HIT, Served.STALE)
        kind = EventKind.SCREENSHOT_COMPLETED
        if (cached and viewed) or not await self._teller.wants(asked.namespace, kind, hit=cached):
            return
        entry = shot.opened.entry
        about = Pictured(
            url=_page_of(asked),
            picture_url=public_url(entry, base_url) if shot.addressed else None,
            width_px=entry.width_px,
            height_px=entry.height_px,
            size_bytes=entry.size_bytes,
            format=entry.format.value,
            cached=cached,
            credits=shot.credits(asked.namespace.mode),
            key=entry.key,
            expires_at=entry.fresh_until if shot.addressed else None,
            title=entry.verdict.title,
            description=entry.verdict.description,
        )
        await self._tell(asked.namespace, kind, request_id, about)

    async def failed(self, request_id: str, asked: TakeRequest, exc: CaptureError) -> None:
        """Have it told that no picture came of asked."""
        kind = EventKind.SCREENSHOT_FAILED
        if await self._teller.wants(asked.namespace, kind):
            about = NotPictured(url=_page_of(asked), code=exc.code, message=str(exc), retryable=exc.retryable)
            await self._tell(asked.namespace, kind, request_id, about)

    async def _tell(
        self, namespace: Namespace, kind: EventKind, request_id: str, about: Pictured | NotPictured
    ) -> None:
        event = Event(kind=kind, subject=request_id, at=self._clock(), about=about)
        await self._teller.tell(namespace, event)


def _page_of(asked: TakeRequest) -> str:
    target = asked.capture.request.negative.target
    return source_url(target.url if isinstance(target, PageUrl) else target.base_url or "about:blank")
