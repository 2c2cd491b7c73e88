"""One attempt: resolve, judge, connect, send, and read what is answered."""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from http import HTTPStatus

import h11

import calotype
from calotype.clock import Clock
from calotype.egress.connect import Connector
from calotype.egress.errors import EgressError, Refused, Unreachable
from calotype.webhooks.errors import WebhookForbidden
from calotype.webhooks.signature import sign
from calotype.webhooks.target import Address, Target

TIMEOUT_S = 10.0
"""For all of it, from the look-up of the name to the status: receivers work after they have answered."""
_MAX_HEAD_BYTES = 16 * 1024
_MOST_INTERIM = 8
"""Answers such as 103 before the one that counts."""
_CHUNK = 4096
_SEEN_OUT_S = 1.0
_SEEN_OUT_BYTES = 64 * 1024
"""How far an answer that counts already is read on, so that its sender does not see us hang up on it."""
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
        self._connector, self._clock, self._timeout_s, self._own_tls = connector, clock, timeout_s, tls

    async def send(self, target: Target, delivery_id: str, body: bytes) -> Outcome:
        """Post body, signed for this moment, and return what came of it; only the status counts."""
        address = target.address
        request = _request(address, target.secret, delivery_id, body, int(self._clock().timestamp()))
        try:
            return self._judge(await self._exchange(address, request, body))
        except TimeoutError:
            return Outcome(fault=f"no answer within {self._timeout_s:g} s")
        except (EgressError, OSError, h11.RemoteProtocolError) as exc:
            return Outcome(fault=_in_words(exc))

    async def check(self, url: str, field: str) -> None:
        """Judge where url leads, when it is accepted from field. Raises WebhookForbidden.

        It is judged again with each attempt, for names can be made to lead elsewhere meanwhile.
        """
        address = Target(url=url).address
        try:
            await self._connector.check(address.host, address.port)
        except Refused as exc:
            raise WebhookForbidden(field) from exc

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        # Reads some hundred certificates: once, and only if anybody is to be told over TLS.
        return self._own_tls or ssl.create_default_context()

    async def _exchange(self, address: Address, request: h11.Request, body: bytes) -> h11.Response:
        writer = None
        try:
            async with asyncio.timeout(self._timeout_s):
                reader, writer = await self._connector.connect(address.host, address.port)
                if address.tls:
                    await writer.start_tls(self._tls, server_hostname=address.host)
                http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD_BYTES)
                for event in (request, h11.Data(data=body), h11.EndOfMessage()):
                    writer.write(http.send(event) or b"")
                await writer.drain()
                answer = await _answer(http, reader)
            await _see_out(http, reader)
            return answer
        finally:
            if writer is not None:
                # Not closed: that would wait for a receiver that does not read.
                writer.transport.abort()

    def _judge(self, answer: h11.Response) -> Outcome:
        status = answer.status_code
        if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            return Outcome(status=status)
        redirects = HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST
        fault = f"it answered {status}" + (", and redirects are not followed" if redirects else "")
        waits = [value for name, value in answer.headers if name == b"retry-after"]
        retry_after = _retry_after(waits[0].decode("latin-1"), self._clock()) if waits else None
        return Outcome(status=status, fault=fault, retry_after=retry_after)


def _request(
    address: Address, secret: str | None, delivery_id: str, body: bytes, timestamp: int
) -> h11.Request:
    fields = {
        "Host": address.authority,
        "User-Agent": f"calotype/{calotype.__version__}",
        "Accept": "*/*",
        "Connection": "close",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "X-Webhook-ID": delivery_id,
        "X-Webhook-Timestamp": str(timestamp),
    }
    if secret is not None:
        fields["X-Webhook-Signature"] = sign(secret, timestamp, body)
    if address.authorization is not None:
        fields["Authorization"] = address.authorization
    return h11.Request(method="POST", target=address.path, headers=list(fields.items()))


async def _answer(http: h11.Connection, reader: asyncio.StreamReader) -> h11.Response:
    """Return the head of the answer."""
    interim = 0
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            data = await reader.read(_CHUNK)
            if not data:
                raise ConnectionResetError
            http.receive_data(data)
        elif isinstance(event, h11.Response):
            return event
        elif isinstance(event, h11.InformationalResponse) and interim < _MOST_INTERIM:
            interim += 1
        else:
            raise h11.RemoteProtocolError("nothing but interim answers")


async def _see_out(http: h11.Connection, reader: asyncio.StreamReader) -> None:
    left = _SEEN_OUT_BYTES
    with contextlib.suppress(OSError, h11.RemoteProtocolError):  # TimeoutError is an OSError
        async with asyncio.timeout(_SEEN_OUT_S):
            while left > 0:
                event = http.next_event()
                if event is h11.NEED_DATA:
                    data = await reader.read(_CHUNK)
                    left -= len(data)
                    http.receive_data(data)
                elif not isinstance(event, h11.Data):
                    return


def _in_words(exc: Exception) -> str:
    match exc:
        case Refused():
            # Not said by whom: who names a host must not learn what else there is behind us.
            return "the host could not be found or is not public"
        case Unreachable():
            return f"the host could not be reached: {exc.reason}"
        case ssl.SSLCertVerificationError():
            return f"the host's certificate is not good: {exc.verify_message}"
        case ssl.SSLError():
            return "the host does not speak TLS as it should"
        case h11.RemoteProtocolError():
            return "what was answered is not HTTP/1.1"
        case _:
            return "the connection was closed before an answer came"


def _retry_after(text: str, now: datetime) -> timedelta | None:
    """Return what a Retry-After field asks for (RFC 9110 section 10.2.3); None for what cannot be read."""
    if text.isascii() and text.isdigit():
        return timedelta(seconds=min(int(text[:12]), _LONGEST_WAIT_S))
    with contextlib.suppress(ValueError, OverflowError):
        moment = email.utils.parsedate_to_datetime(text)
        return max(moment.replace(tzinfo=moment.tzinfo or UTC) - now, timedelta())
    return None
