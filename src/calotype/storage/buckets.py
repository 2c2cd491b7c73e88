"""Buckets: sets, shows and opens what accounts have set. Their credentials are read nowhere but here."""

from __future__ import annotations

from collections.abc import Callable

from calotype.access.secretbox import SecretBox
from calotype.cache.entry import Namespace
from calotype.clock import Clock
from calotype.storage.bucket import Acl, Bucket, Credentials
from calotype.storage.ports import BucketStore
from calotype.storage.template import PathTemplate


class Buckets:
    """The service over one BucketStore."""

    def __init__(self, store: BucketStore, box: Callable[[], SecretBox], clock: Clock) -> None:
        """Take the parts; box is asked for when credentials are first sealed or opened."""
        self._store, self._box, self._clock = store, box, clock

    async def find(self, namespace: Namespace) -> Bucket | None:
        """Return what is set, if anything is. Never suspends. Raises StoreUnavailable."""
        return await self._store.find(namespace)

    def made(
        self,
        namespace: Namespace,
        credentials: Credentials,
        *,
        endpoint: str,
        name: str,
        region: str,
        path: PathTemplate,
        acl: Acl,
    ) -> Bucket:
        """Return a bucket, with its credentials sealed for this namespace."""
        return Bucket(
            namespace=namespace,
            endpoint=endpoint,
            name=name,
            region=region,
            path=path,
            acl=acl,
            sealed=self._box().seal(credentials.to_bytes(), _context(namespace)),
            set_at=self._clock(),
        )

    async def set(self, bucket: Bucket) -> None:
        """Set what made has made. What waits goes to it, whatever it was accepted for."""
        await self._store.set(bucket)

    async def remove(self, namespace: Namespace) -> bool:
        """Forget the bucket; False if there is none. What waits is dropped."""
        return await self._store.remove(namespace)

    def credentials_of(self, bucket: Bucket) -> Credentials:
        """Return what bucket is opened with. Raises MasterSecretChanged or SealBroken."""
        return Credentials.from_bytes(self._box().open(bucket.sealed, _context(bucket.namespace)))


def _context(namespace: Namespace) -> bytes:
    return f"storage-bucket/{namespace.account}/{namespace.mode.value}".encode()
