"""What is told of a batch, or of a job, when it is over: from its rows to an event."""

from __future__ import annotations

from typing import assert_never

from calotype.batches.batch import Batch, Form, ItemFailure, ItemPicture
from calotype.batches.webhook import Event as Wanted
from calotype.batches.webhook import Webhook
from calotype.cache.entry import Mode
from calotype.clock import Clock
from calotype.webhooks.event import Counted, Event, EventKind, NotPictured, Pictured
from calotype.webhooks.teller import OwnWebhook, Teller

_KINDS = {
    (Form.JOB, Wanted.COMPLETED): EventKind.SCREENSHOT_COMPLETED,
    (Form.JOB, Wanted.FAILED): EventKind.SCREENSHOT_FAILED,
    (Form.BATCH, Wanted.COMPLETED): EventKind.BATCH_COMPLETED,
    (Form.BATCH, Wanted.FAILED): EventKind.BATCH_FAILED,
}
_CANCELLED = ItemFailure(code="cancelled", message="The capture was cancelled.", retryable=False)


class Telling:
    """Completions by webhook: to the account's endpoint, and to the webhook that the request named."""

    def __init__(self, teller: Teller, base_url: str, clock: Clock) -> None:
        """base_url is that of the addresses that are told; nobody's request is at hand to take it from."""
        self._teller, self._base_url, self._clock = teller, base_url, clock

    async def ended(self, batch: Batch, webhook: Webhook | None) -> None:
        """See Completions."""
        form = Form.JOB if batch.id.startswith(f"{Form.JOB}_") else Form.BATCH
        own = None
        if webhook is not None:
            kinds = frozenset(_KINDS[form, wanted] for wanted in webhook.events)
            own = OwnWebhook(url=webhook.url, kinds=kinds, secret=webhook.secret)
        about = self._picture(batch) if form is Form.JOB else self._counted(batch)
        # Any picture makes it a success, also one that was taken before its batch was cancelled.
        wanted = Wanted.COMPLETED if batch.completed else Wanted.FAILED
        event = Event(
            kind=_KINDS[form, wanted], subject=batch.id, at=batch.ended_at or self._clock(), about=about
        )
        await self._teller.tell_all(batch.namespace, event, own)

    def _counted(self, batch: Batch) -> Counted:
        return Counted(
            status=batch.state.value,
            total=len(batch.items),
            completed=batch.completed,
            failed=batch.failed,
            results_url=f"{self._base_url}/v1/batches/{batch.id}",
        )

    def _picture(self, job: Batch) -> Pictured | NotPictured:
        (item,) = job.items
        match item.outcome:
            case ItemPicture() as picture:
                return Pictured(
                    url=item.url,
                    picture_url=f"{self._base_url}/{picture.path}",
                    width_px=picture.width_px,
                    height_px=picture.height_px,
                    size_bytes=picture.size_bytes,
                    format=picture.format,
                    cached=picture.hit,
                    credits=int(not picture.hit and job.namespace.mode is Mode.LIVE),
                    key=picture.key,
                    expires_at=picture.expires_at,
                    title=picture.title,
                    description=picture.description,
                )
            case ItemFailure() | None:
                failure = item.outcome or _CANCELLED
                return NotPictured(
                    url=item.url, code=failure.code, message=failure.message, retryable=failure.retryable
                )
            case unreachable:
                assert_never(unreachable)
