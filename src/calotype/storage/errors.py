"""What can go wrong between us and a bucket, as far as the operator is told."""

from __future__ import annotations

from typing import ClassVar

from calotype.errors import CalotypeError


class BucketFault(CalotypeError):
    """A bucket could not be reached, or did not do what it was asked to. Nothing in it is secret."""

    code: ClassVar[str] = "storage_failed"
    retryable: ClassVar[bool] = True

    def __init__(self, what: str) -> None:
        super().__init__(f"The bucket {what}.")


class EndpointForbidden(CalotypeError):
    """The endpoint's host is not public, or it does not resolve; both are told alike, as of pages."""

    code: ClassVar[str] = "blocked_url"
    hint: ClassVar[str] = "The operator can allow a private host with CALOTYPE_EGRESS_ALLOW."

    def __init__(self) -> None:
        super().__init__("--endpoint names a host that could not be found or is not public.")


class CopyNotFound(CalotypeError):
    """No such copy that has failed: unknown, forgotten, another account's."""

    code: ClassVar[str] = "not_found"
    hint: ClassVar[str] = "'calotype storage copies --failed' shows those that can be tried again."

    def __init__(self, copy_id: str) -> None:
        super().__init__(f"There is no failed copy {copy_id}.")
