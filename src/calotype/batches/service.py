"""Batches: accept captures, and tell how far they are. The captures themselves are batches.runner's work."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

import msgspec

from calotype.access.secretbox import SecretBox
from calotype.batches.batch import Batch, Form, ItemFailure
from calotype.batches.errors import BatchNotFound
from calotype.batches.news import News
from calotype.batches.parse import WantedItem
from calotype.batches.ports import BatchLedger, NewBatch, NewItem, Once
from calotype.batches.runner import Runner
from calotype.batches.seals import item_context, webhook_context
from calotype.batches.webhook import Webhook
from calotype.cache.entry import Namespace
from calotype.clock import Clock

_LOOK_S = 1.0
"""What another process did is seen within this time."""


class Batches:
    """Many captures under one id, or one, asked for now and fetched later."""

    def __init__(
        self,
        ledger: BatchLedger,
        runner: Runner,
        news: News,
        box: SecretBox,
        clock: Clock,
        *,
        check: Callable[[str, str], Awaitable[None]],
    ) -> None:
        """Take the parts; check judges an address from a field, and raises what its caller is told."""
        self._ledger, self._runner, self._news, self._box, self._clock = ledger, runner, news, box, clock
        self._check = check
        self._leaving = False

    async def accept(
        self,
        namespace: Namespace,
        form: Form,
        items: Sequence[WantedItem],
        *,
        key_id: str,
        weight: int,
        concurrency: int = 1,
        webhook: Webhook | None = None,
        once: str | None = None,
    ) -> Batch:
        """Promise to make the captures that items want, and return what was promised; durable.

        Items that want the same picture are one capture. What was accepted under the same once, a name of
        the client's, is what was promised then. Raises IdempotencyMismatch if it asks for something else
        now; QueueFull when too many of the account's wait already, WebhookForbidden when the webhook may
        not be reached, StoreUnavailable.
        """
        if webhook is not None:
            await self._check(webhook.url, "webhook.url")
        batch_id = form.new_id()
        firsts: dict[object, int] = {}
        accepted = []
        for position, item in enumerate(items):
            first = firsts.setdefault(item.identity, position)
            same = first != position
            sealed = None if same or item.fault else self._seal(item, batch_id, position)
            accepted.append(
                NewItem(
                    url=item.url,
                    sealed=sealed,
                    same_as=first if same else None,
                    fault=None if item.fault is None else ItemFailure.of(item.fault),
                )
            )
        told = None if webhook is None else msgspec.json.encode(webhook)
        return await self._ledger.accept(
            NewBatch(
                id=batch_id,
                namespace=namespace,
                key_id=key_id,
                weight=weight,
                concurrency=concurrency,
                items=accepted,
                webhook=None if told is None else self._box.seal(told, webhook_context(batch_id)),
                once=None if once is None else Once(once, self._digest(form, items, concurrency, webhook)),
            ),
            self._clock(),
        )

    def _digest(
        self, form: Form, items: Sequence[WantedItem], concurrency: int, webhook: Webhook | None
    ) -> str:
        # An item that cannot be used has no options, and what was wrong with it stands for it.
        wanted = [(item.url, item.options, None if item.fault is None else str(item.fault)) for item in items]
        plain = msgspec.json.encode((form, wanted, concurrency, webhook), order="deterministic")
        return self._box.digest(plain)

    def _seal(self, item: WantedItem, batch_id: str, position: int) -> bytes:
        return self._box.seal(msgspec.json.encode(item.options), item_context(batch_id, position))

    async def find(self, namespace: Namespace, form: Form, batch_id: str) -> Batch:
        """Return what is known of the caller's batch or job. Raises BatchNotFound."""
        batch = await self._ledger.find(batch_id) if batch_id.startswith(f"{form}_") else None
        if batch is None or batch.namespace != namespace:
            raise BatchNotFound(form, batch_id)
        return batch

    async def cancel(self, namespace: Namespace, form: Form, batch_id: str) -> Batch:
        """End what is pending, and stop what is under way here; return what is left. Raises BatchNotFound.

        What had ended stays, and so does a batch that is over.
        """
        await self.find(namespace, form, batch_id)
        await self._ledger.cancel(batch_id, self._clock())
        self._runner.stop(batch_id)
        self._news.tell(batch_id)
        return await self.find(namespace, form, batch_id)

    async def follow(self, batch: Batch, remind_s: float | None = None) -> AsyncGenerator[Batch]:
        """Yield the batch as it is now, and whenever that has changed, until it is over or the server stops.

        With remind_s it is yielded again when nothing has changed for so long.
        """
        seen, since = None, time.monotonic()
        with self._news.listening(batch.id) as news:
            while True:
                news.clear()
                found = await self._ledger.find(batch.id)
                if found is None:
                    return
                due = remind_s is not None and time.monotonic() - since >= remind_s
                if found != seen or due:
                    seen, since = found, time.monotonic()
                    yield found
                if found.state.is_over or self._leaving:
                    return
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_S):
                        await news.wait()

    async def over_within(self, batch: Batch, seconds: float) -> Batch:
        """Return the batch when it is over, or as it is after that time; it goes on all the same."""
        latest = batch
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds), contextlib.aclosing(self.follow(batch)) as states:
                async for state in states:
                    latest = state
        return latest

    def leave(self) -> None:
        """Let all who follow a batch go: the server stops, and the next goes on with what was accepted."""
        self._leaving = True
        self._news.tell_all()
