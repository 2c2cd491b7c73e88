"""The client's side of it: the `storage` group of a capture request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from calotype.capture.fields import Fields
from calotype.storage.bucket import Acl
from calotype.storage.template import PathTemplate


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageWishes:
    """What one request wants of the account's bucket. It changes no picture, and no key."""

    enabled: bool | None = None
    """None: if the account has a bucket."""
    path: PathTemplate | None = None
    """None: the account's own."""
    acl: Acl | None = None

    @property
    def asked_for(self) -> str:
        """The field by which the request counts on a copy being made; empty if none does."""
        if self.enabled is False:
            return ""
        named = {"storage.enabled": self.enabled, "storage.path": self.path, "storage.acl": self.acl}
        return next((field for field, value in named.items() if value is not None), "")


NO_WISHES = StorageWishes()


def parse_storage(group: Mapping[str, object]) -> tuple[StorageWishes, list[str]]:
    """Return the wishes that the `storage` group of a request spells, and its unknown fields.

    Raises InvalidRequest naming the field and what is allowed.
    """
    fields = Fields(group, "storage")
    return read_storage(fields), fields.unknown()


def read_storage(fields: Fields) -> StorageWishes:
    """Return the wishes that the fields of the `storage` group spell. Raises InvalidRequest."""
    enabled, acl = fields.boolean("enabled", default=True), fields.choice("acl", Acl.PRIVATE)
    path = fields.text("path")
    return StorageWishes(
        enabled=None if fields.is_absent("enabled") else enabled,
        path=None if path is None else PathTemplate.parse(path, fields.path("path")),
        acl=None if fields.is_absent("acl") else acl,
    )
