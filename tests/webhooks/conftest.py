"""A post office: all of webhooks on one SQLite file, with real receivers, and a clock that tests hold."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from calotype.access.secretbox import SecretBox
from calotype.egress.connect import Connector
from calotype.egress.rules import EgressRules
from calotype.jobs.engine import Kind
from calotype.webhooks.courier import Courier
from calotype.webhooks.delivery import Sender
from calotype.webhooks.endpoints import Endpoints
from calotype.webhooks.event import Event, EventKind
from calotype.webhooks.ports import DeliveryState
from calotype.webhooks.teller import OwnWebhook, Teller
from tests.support.adapters import Adapters, sqlite_adapters
from tests.support.builders import HERE
from tests.support.clock import HandClock
from tests.support.waiting import becomes
from tests.webhooks.test_event import PICTURE


@dataclass
class Post:
    """One process's part of it."""

    adapters: Adapters
    endpoints: Endpoints
    teller: Teller
    courier: Courier
    box: SecretBox
    looks: int = 0
    under_way: int = 0

    async def set(self, receiver, **more):
        """Set the account's endpoint; return its secret."""
        chosen = {"events": frozenset(EventKind), "hits": True, **more}
        target, _ = await self.endpoints.set(HERE, getattr(receiver, "url", receiver), **chosen)
        return target.secret

    async def tell(
        self, about=PICTURE, kind=EventKind.SCREENSHOT_COMPLETED, own=None, subject="job_1", namespace=HERE
    ):
        """Tell of something that has just happened."""
        event = Event(kind=kind, subject=subject, at=self.adapters.clock(), about=about)
        await self.teller.tell_all(namespace, event, own)

    @asynccontextmanager
    async def open(self):
        """Have jobs run."""
        marker = Kind(name="marker", run=self._looked, at_once=1, limit_s=60, pauses=())
        kind = replace(self.courier.kind, run=self._deliver)
        running = asyncio.create_task(self.adapters.jobs.run([kind, marker]))
        try:
            yield
        finally:
            running.cancel()
            await asyncio.wait([running])

    async def _deliver(self, subject):
        self.under_way += 1
        try:
            await self.courier.deliver(subject)
        finally:
            self.under_way -= 1

    async def _looked(self, _subject):
        self.looks += 1

    async def settles(self):
        """Return when all deliveries that are due now have been begun, and have ended."""
        # Of jobs that are due at the same time deliveries are claimed first; and what became of one is
        # written before what is submitted after it has ended.
        for _ in range(2):
            seen = self.looks
            await self.adapters.jobs.submit("marker", "")
            await becomes(lambda: self.looks > seen)  # noqa: B023
            await becomes(lambda: not self.under_way)

    async def all(self, state=None):
        """Return what is known of all deliveries."""
        return await self.adapters.deliveries.latest(HERE, state, 100)

    async def one(self):
        """Return what is known of the only delivery."""
        (found,) = await self.all()
        return found

    async def is_over(self):
        """Say whether nothing waits any more."""
        return not await self.all(DeliveryState.WAITING)


def own(receiver, *kinds, secret="whsec_own"):
    """Return the webhook that a request names."""
    wanted = frozenset(kinds or {EventKind.SCREENSHOT_COMPLETED, EventKind.BATCH_COMPLETED})
    return OwnWebhook(url=getattr(receiver, "url", receiver), kinds=wanted, secret=secret)


@asynccontextmanager
async def a_post(path: Path, clock: HandClock, allow="127.0.0.1", resolve=None, **sender):
    box = SecretBox(b"0123456789abcdef")
    connector = Connector(EgressRules.parse(allow), resolve=resolve)
    async with sqlite_adapters(path, clock) as adapters:
        endpoints = Endpoints(adapters.endpoints, lambda: box, clock)
        yield Post(
            adapters, endpoints, Teller(endpoints, adapters.deliveries, lambda: box, clock),
            Courier(
                adapters.deliveries, endpoints, Sender(connector, clock, **{"timeout_s": 5.0, **sender}),
                lambda: box, clock, lambda: 0.5,
            ),
            box,
        )  # fmt: skip
    connector.close()


@pytest.fixture
def clock():
    return HandClock()


@pytest.fixture
async def post(tmp_path, clock):
    async with a_post(tmp_path / "index.db", clock) as opened:
        yield opened
