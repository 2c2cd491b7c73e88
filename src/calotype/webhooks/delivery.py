"""One attempt: what is sent, and what the answer means."""

from __future__ import annotations

import contextlib
import email.utils
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from calotype.clock import Clock
from calotype.egress.call import Answer, Call, Caller
from calotype.egress.connect import Connector
from calotype.egress.errors import Refused, Unreachable
from calotype.webhooks.errors import WebhookForbidden
from calotype.webhooks.signature import sign
from calotype.webhooks.target import Address, Target

TIMEOUT_S = 10.0
"""For all of it, from the look-up of the name to the status: receivers work after they have answered."""
_LONGEST_WAIT_S = 10**7
"""More than any Retry-After that is heeded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of an attempt."""

    status: int | None = None
    """What was answered; None if nothing was."""
    fault: str = ""
    """Why it was not delivered, in words that hold no secret; empty if it was."""
    retry_after: timedelta | None = None

    @property
    def delivered(self) -> bool:
        """Whether the receiver has said that it has it."""
        return not self.fault

    @property
    def is_final(self) -> bool:
        """Whether the receiver wants to be asked no more: 410 Gone."""
        return self.status == HTTPStatus.GONE


class Sender:
    """The way out for webhooks. Nobody follows a redirect, and no proxy is asked."""

    def __init__(
        self,
        connector: Connector,
        clock: Clock,
        *,
        timeout_s: float = TIMEOUT_S,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Without tls receivers are believed whom the system's certificate authorities vouch for."""
        self._connector, self._clock, self._timeout_s = connector, clock, timeout_s
        self._caller = Caller(connector, tls=tls)

    async def send(self, target: Target, delivery_id: str, body: bytes) -> Outcome:
        """Post body, signed for this moment, and return what came of it; only the status counts."""
        address = target.address
        call = _call(address, target.secret, delivery_id, body, int(self._clock().timestamp()))
        try:
            return self._judge(await self._caller.call(address.host, call, self._timeout_s))
        except Refused:
            # Not said by whom: who names a host must not learn what else there is behind us.
            return Outcome(fault="the host could not be found or is not public")
        except Unreachable as exc:
            return Outcome(fault=f"the host could not be reached: {exc.reason}")

    async def check(self, url: str, field: str) -> None:
        """Judge where url leads, when it is accepted from field. Raises WebhookForbidden.

        It is judged again with each attempt, for names can be made to lead elsewhere meanwhile.
        """
        address = Target(url=url).address
        try:
            await self._connector.check(address.host.name, address.host.port)
        except Refused as exc:
            raise WebhookForbidden(field) from exc

    def _judge(self, answer: Answer) -> Outcome:
        status = answer.status
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return Outcome(status=status)
        redirects = HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST
        fault = f"it answered {status}" + (", and redirects are not followed" if redirects else "")
        waits = [value for name, value in answer.fields if name == "retry-after"]
        retry_after = _retry_after(waits[0], self._clock()) if waits else None
        return Outcome(status=status, fault=fault, retry_after=retry_after)


def _call(address: Address, secret: str | None, delivery_id: str, body: bytes, timestamp: int) -> Call:
    fields = [
        ("Content-Type", "application/json"),
        ("X-Webhook-ID", delivery_id),
        ("X-Webhook-Timestamp", str(timestamp)),
    ]
    if secret is not None:
        fields.append(("X-Webhook-Signature", sign(secret, timestamp, body)))
    if address.authorization is not None:
        fields.append(("Authorization", address.authorization))
    return Call(method="POST", target=address.path, fields=tuple(fields), body=body)


def _retry_after(text: str, now: datetime) -> timedelta | None:
    """Return what a Retry-After field asks for (RFC 9110 section 10.2.3); None for what cannot be read."""
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:12]), _LONGEST_WAIT_S))
    with contextlib.suppress(ValueError, OverflowError):
        moment = email.utils.parsedate_to_datetime(text)
        return max(moment.replace(tzinfo=moment.tzinfo or UTC) - now, timedelta())
    return None
