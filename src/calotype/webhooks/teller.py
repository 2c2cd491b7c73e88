"""Teller: takes on what is to be told, and to whom; the telling itself is the courier's."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from calotype.access.secretbox import SecretBox
from calotype.cache.entry import Namespace
from calotype.cache.errors import StoreUnavailable
from calotype.clock import Clock
from calotype.webhooks.endpoints import Endpoints
from calotype.webhooks.errors import TooManyWaiting
from calotype.webhooks.event import Event, EventKind, Form
from calotype.webhooks.ports import Deliveries, NewDelivery
from calotype.webhooks.target import Target

_ID_DIGITS = 32
_log = logging.getLogger("calotype.webhooks")


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnWebhook:
    """The webhook that a request named for itself."""

    url: str = field(repr=False)
    kinds: frozenset[EventKind]
    secret: str | None = field(repr=False)
    """None: the account's own, if it has one."""


class Teller:
    """Accepts events. One is told to the account's endpoint, and to the webhook that its request named."""

    def __init__(
        self, endpoints: Endpoints, deliveries: Deliveries, box: Callable[[], SecretBox], clock: Clock
    ) -> None:
        """Take the parts; box is asked for when a target is first sealed."""
        self._endpoints, self._deliveries, self._box, self._clock = endpoints, deliveries, box, clock

    async def wants(self, namespace: Namespace, kind: EventKind, *, hit: bool = False) -> bool:
        """Say whether the account has set that it be told of this; without an endpoint it costs nothing.

        Never suspends. An index that does not answer knows of no endpoint.
        """
        try:
            endpoint = await self._endpoints.find(namespace)
        except StoreUnavailable:
            return False
        return endpoint is not None and endpoint.wants(kind, hit=hit)

    async def tell(self, namespace: Namespace, event: Event) -> None:
        """Have the account's endpoint told of event, unless that cannot be written down: the log has it.

        It survives the death of the process on return, as the picture does that it is about.
        """
        new = self._new(namespace, event, Form.ACCOUNT, f"whk_{secrets.token_hex(_ID_DIGITS // 2)}")
        try:
            await self._deliveries.accept([new], self._clock(), durable=False)
        except (StoreUnavailable, TooManyWaiting) as exc:
            _log.warning("%s of %s will not be told: %s", event.kind, event.subject, exc)

    async def tell_all(self, namespace: Namespace, event: Event, own: OwnWebhook | None) -> None:
        """Have everybody told of event who wants to be; durable on return.

        Again with the same event it is told no second time. Raises StoreUnavailable, TooManyWaiting.
        """
        endpoint = await self._endpoints.find(namespace)
        new = []
        if endpoint is not None and endpoint.wants(event.kind):
            new.append(self._new(namespace, event, Form.ACCOUNT, _id_of(event, Form.ACCOUNT)))
        if own is not None and event.kind in own.kinds:
            account_secret = None if endpoint is None else self._endpoints.target_of(endpoint).secret
            target = Target(url=own.url, secret=account_secret if own.secret is None else own.secret)
            delivery_id = _id_of(event, Form.REQUEST)
            sealed = self._box().seal(target.to_bytes(), delivery_context(delivery_id))
            new.append(self._new(namespace, event, Form.REQUEST, delivery_id, sealed))
        if new:
            await self._deliveries.accept(new, self._clock(), durable=True)

    def _new(
        self, namespace: Namespace, event: Event, form: Form, delivery_id: str, sealed: bytes | None = None
    ) -> NewDelivery:
        return NewDelivery(
            id=delivery_id,
            namespace=namespace,
            kind=event.kind,
            subject=event.subject,
            form=form,
            body=event.body(form),
            sealed=sealed,
        )


def delivery_context(delivery_id: str) -> bytes:
    """Return the place that a delivery's own target is sealed for."""
    return f"webhook-delivery/{delivery_id}".encode()


def _id_of(event: Event, form: Form) -> str:
    """Return the delivery's id: the same whenever the same is told to the same."""
    digest = hashlib.sha256(f"{event.subject}/{event.kind}/{form}".encode()).hexdigest()
    return f"whk_{digest[:_ID_DIGITS]}"
