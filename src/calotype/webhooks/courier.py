"""Courier: does the jobs of deliveries, one attempt each, until one succeeds or a day has passed."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from datetime import timedelta

from calotype.access.secretbox import SecretBox
from calotype.clock import Clock
from calotype.jobs.engine import Kind, Later
from calotype.jobs.lanes import Lanes
from calotype.webhooks.delivery import TIMEOUT_S, Outcome, Sender
from calotype.webhooks.endpoints import Endpoints
from calotype.webhooks.event import Form
from calotype.webhooks.ports import DELIVER, Deliveries, Delivery, DeliveryState
from calotype.webhooks.schedule import next_try
from calotype.webhooks.target import Target
from calotype.webhooks.teller import delivery_context

TO_ONE_RECEIVER = 8
"""Deliveries at a time."""
OF_ONE_ACCOUNT = 24
"""Deliveries at a time: whoever names many receivers that stall does not hold up other accounts."""
_AT_ONCE = 50
"""They wait for others, and hold next to nothing."""
_LIMIT_S = TIMEOUT_S + 30.0
"""The attempt has its own bound; the rest is for an index that is slow to write."""
_PAUSES = tuple(timedelta(seconds=s) for s in (1, 2, 5, 15, 60, 300, 900, 3600, 3600, 3600, 7200, 14_400))
"""Of what is no receiver's fault: the index is away, or the master secret is another."""
_log = logging.getLogger("calotype.webhooks")


class Courier:
    """Delivers at least once: only what was answered with success is noted as delivered."""

    def __init__(
        self,
        deliveries: Deliveries,
        endpoints: Endpoints,
        sender: Sender,
        box: Callable[[], SecretBox],
        clock: Clock,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Take the parts; chance draws from [0, 1) for the pauses between tries."""
        self._deliveries, self._endpoints, self._sender = deliveries, endpoints, sender
        self._box, self._clock, self._chance = box, clock, chance
        self._accounts, self._receivers = Lanes(OF_ONE_ACCOUNT), Lanes(TO_ONE_RECEIVER)

    @property
    def kind(self) -> Kind:
        """The jobs that this does."""
        return Kind(name=DELIVER, run=self.deliver, at_once=_AT_ONCE, limit_s=_LIMIT_S, pauses=_PAUSES)

    async def deliver(self, delivery_id: str) -> None:
        """Try once. Raises Later when it is to be tried again."""
        delivery = await self._deliveries.find(delivery_id)
        if delivery is None or delivery.state is DeliveryState.DELIVERED:
            return
        if delivery.state is DeliveryState.FAILED:
            # Its job was begun anew where jobs are seen to.
            await self._deliveries.replay(delivery_id, self._clock())
            return
        target = await self._target(delivery)
        if target is None:
            await self._give_up(delivery, Outcome(fault="the account has no endpoint any more"))
        else:
            await self._attempt(delivery, target)

    async def _attempt(self, delivery: Delivery, target: Target) -> None:
        account, receiver = str(delivery.namespace.account), target.address.host.authority
        with self._accounts.lane(account) as account_s, self._receivers.lane(receiver) as receiver_s:
            if account_s or receiver_s:
                raise Later(timedelta(seconds=max(account_s, receiver_s)))
            outcome = await self._sender.send(target, delivery.id, delivery.body)
        now = self._clock()
        if outcome.delivered:
            await self._deliveries.end(delivery.id, DeliveryState.DELIVERED, now, outcome.status, "")
            return
        again = next_try(delivery.failures + 1, delivery.since, now, self._chance(), outcome.retry_after)
        if outcome.is_final or again is None:
            await self._give_up(delivery, outcome)
            return
        await self._deliveries.note_failure(delivery.id, now, outcome.status, outcome.fault)
        raise Later(again - now)

    async def _target(self, delivery: Delivery) -> Target | None:
        if delivery.form is Form.REQUEST:
            assert delivery.sealed is not None  # it is erased only once it is delivered
            return Target.from_bytes(self._box().open(delivery.sealed, delivery_context(delivery.id)))
        endpoint = await self._endpoints.find(delivery.namespace)
        return None if endpoint is None else self._endpoints.target_of(endpoint)

    async def _give_up(self, delivery: Delivery, outcome: Outcome) -> None:
        _log.warning("%s of %s was not delivered: %s", delivery.kind, delivery.subject, outcome.fault)
        await self._deliveries.end(
            delivery.id, DeliveryState.FAILED, self._clock(), outcome.status, outcome.fault
        )
