"""Endpoints: sets, shows and opens what accounts have set. Their secrets are read nowhere but here."""

from __future__ import annotations

from collections.abc import Callable

from calotype.access.secretbox import SecretBox
from calotype.cache.entry import Namespace
from calotype.clock import Clock
from calotype.webhooks.endpoint import Endpoint
from calotype.webhooks.event import EventKind
from calotype.webhooks.ports import EndpointStore
from calotype.webhooks.target import Target, new_secret


class Endpoints:
    """The service over one EndpointStore."""

    def __init__(self, store: EndpointStore, box: Callable[[], SecretBox], clock: Clock) -> None:
        """Take the parts; box is asked for when a secret is first sealed or opened."""
        self._store, self._box, self._clock = store, box, clock

    async def find(self, namespace: Namespace) -> Endpoint | None:
        """Return what is set, if anything is. Never suspends. Raises StoreUnavailable."""
        return await self._store.find(namespace)

    async def set(
        self, namespace: Namespace, url: str, events: frozenset[EventKind], *, hits: bool, new: bool = False
    ) -> tuple[Target, bool]:
        """Set an endpoint; return where it leads, and whether its secret is a new one.

        The secret stays, unless there is none yet, or a new one is wanted. What waits goes to the
        new address, and is signed with the new secret.
        """
        known = await self.find(namespace)
        secret = None if known is None or new else self.target_of(known).secret
        target = Target(url=url, secret=secret or new_secret())
        sealed = self._box().seal(target.to_bytes(), _context(namespace))
        await self._store.set(
            Endpoint(namespace=namespace, sealed=sealed, events=events, hits=hits, set_at=self._clock())
        )
        return target, secret is None

    async def remove(self, namespace: Namespace) -> bool:
        """Forget the endpoint; False if there is none."""
        return await self._store.remove(namespace)

    def target_of(self, endpoint: Endpoint) -> Target:
        """Return where endpoint leads. Raises MasterSecretChanged or SealBroken."""
        return Target.from_bytes(self._box().open(endpoint.sealed, _context(endpoint.namespace)))


def _context(namespace: Namespace) -> bytes:
    return f"webhook-endpoint/{namespace.account}/{namespace.mode.value}".encode()
