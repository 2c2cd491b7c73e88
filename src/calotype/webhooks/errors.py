"""What can go wrong with a webhook, as far as a client or the operator is told."""

from __future__ import annotations

from typing import ClassVar

from calotype.errors import CalotypeError


class WebhookForbidden(CalotypeError):
    """The webhook's host is not public, or it does not resolve; both are told alike, as of pages."""

    code: ClassVar[str] = "blocked_url"
    hint: ClassVar[str] = "The operator can allow a private host with CALOTYPE_EGRESS_ALLOW."

    def __init__(self, field: str) -> None:
        super().__init__(f"{field} names a host that could not be found or is not public.")
        self.field = field


class TooManyWaiting(CalotypeError):
    """So many of the account's deliveries wait that no more are taken on."""

    code: ClassVar[str] = "rate_limited"
    retryable: ClassVar[bool] = True

    def __init__(self, waiting: int) -> None:
        super().__init__(f"{waiting} deliveries of webhooks wait already.")


class DeliveryNotFound(CalotypeError):
    """No such delivery: unknown, or forgotten."""

    code: ClassVar[str] = "not_found"
    hint: ClassVar[str] = "calotype webhooks list --failed shows those that can be replayed."

    def __init__(self, delivery_id: str) -> None:
        super().__init__(f"There is no failed delivery {delivery_id}.")
