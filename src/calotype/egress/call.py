"""Caller: sends one HTTP/1.1 request to a host that somebody named, over a connection of its own."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass, field
from functools import cached_property

import ada_url
import h11

import calotype
from calotype.egress.connect import Connector
from calotype.egress.errors import Unreachable

_DEFAULT_PORTS = {"http:": 80, "https:": 443}
_MAX_HEAD_BYTES = 16 * 1024
_MAX_BODY_BYTES = 64 * 1024
"""What is read of an answer; who asks wants to know how it went, and no more."""
_BODY_S = 1.0
"""How long the body is waited for once the head has come: that counts, and its sender is only heard out."""
_MOST_INTERIM = 8
"""Answers such as 103 before the one that counts."""
_CHUNK = 16 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """Whom to call."""

    name: str
    """Without the brackets of an IPv6 address."""
    port: int
    tls: bool
    authority: str
    """Name and port as the Host field has them."""


def host_of_url(url: ada_url.URL) -> Host:
    """Return whom an http or https URL names."""
    return Host(
        name=url.hostname.strip("[]"),
        port=int(url.port) if url.port else _DEFAULT_PORTS[url.protocol],
        tls=url.protocol == "https:",
        authority=url.host,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request. Fields that every request needs are added when it is sent."""

    method: str
    target: str
    """Path and query, percent-encoded."""
    fields: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was answered."""

    status: int
    body: bytes = field(repr=False)
    """As much of it as is read."""
    fields: tuple[tuple[str, str], ...] = field(default=(), repr=False, compare=False)
    """Of its head, names in lower case."""


class Caller:
    """Follows no redirect, asks no proxy, and believes whom the system's authorities vouch for."""

    def __init__(self, connector: Connector, *, tls: ssl.SSLContext | None = None) -> None:
        """Take the way out; with tls others are believed than those."""
        self._connector, self._own_tls = connector, tls

    async def call(self, host: Host, call: Call, timeout_s: float) -> Answer:
        """Return what host answers to call, the head of it within timeout_s.

        Raises Refused, or Unreachable with the reason.
        """
        writer = None
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MAX_HEAD_BYTES)
        try:
            async with asyncio.timeout(timeout_s):
                reader, writer = await self._connector.connect(host.name, host.port)
                if host.tls:
                    await writer.start_tls(self._tls, server_hostname=host.name)
                head = await _ask(http, reader, writer, host, call)
            fields = tuple((name.decode(), value.decode("latin-1")) for name, value in head.headers)
            return Answer(head.status_code, await _body(http, reader), fields)
        except (OSError, h11.RemoteProtocolError) as exc:  # TimeoutError is an OSError
            raise Unreachable(host.name, host.port, _in_words(exc, timeout_s)) from exc
        finally:
            if writer is not None:
                # Not closed: that would wait for a host that does not read.
                writer.transport.abort()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        # Reads some hundred certificates: once, and only if anybody is called over TLS.
        return self._own_tls or ssl.create_default_context()


async def _ask(
    http: h11.Connection,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    host: Host,
    call: Call,
) -> h11.Response:
    """Send the request, and return the head of the answer."""
    own = [
        ("Host", host.authority),
        ("User-Agent", f"calotype/{calotype.__version__}"),
        ("Accept", "*/*"),
        ("Connection", "close"),
        ("Content-Length", str(len(call.body))),
    ]
    request = h11.Request(method=call.method, target=call.target, headers=[*own, *call.fields])
    for event in (request, h11.Data(data=call.body), h11.EndOfMessage()):
        writer.write(http.send(event) or b"")
    # Who refuses a large body may answer, and hang up, before all of it is sent.
    sending = asyncio.create_task(writer.drain())
    try:
        return await _head(http, reader)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def _head(http: h11.Connection, reader: asyncio.StreamReader) -> h11.Response:
    interim = 0
    while True:
        event = await _next(http, reader)
        if isinstance(event, h11.Response):
            return event
        if not isinstance(event, h11.InformationalResponse) or interim == _MOST_INTERIM:
            raise h11.RemoteProtocolError("nothing but interim answers")
        interim += 1


async def _body(http: h11.Connection, reader: asyncio.StreamReader) -> bytes:
    """Return what comes of the body; one that is cut short says no less of how it went."""
    body = b""
    with contextlib.suppress(OSError, h11.RemoteProtocolError):  # TimeoutError is an OSError
        async with asyncio.timeout(_BODY_S):
            while len(body) < _MAX_BODY_BYTES and isinstance(event := await _next(http, reader), h11.Data):
                body += event.data
    return body[:_MAX_BODY_BYTES]


async def _next(
    http: h11.Connection, reader: asyncio.StreamReader
) -> type[h11.NEED_DATA | h11.PAUSED] | h11.Event:
    while (event := http.next_event()) is h11.NEED_DATA:
        data = await reader.read(_CHUNK)
        if not data and http.their_state is h11.SEND_RESPONSE:
            raise ConnectionResetError
        http.receive_data(data)
    return event


def _in_words(exc: Exception, timeout_s: float) -> str:
    match exc:
        case TimeoutError():
            return f"it did not answer within {timeout_s:g} s"
        case ssl.SSLCertVerificationError():
            return f"its certificate is not good: {exc.verify_message}"
        case ssl.SSLError():
            return "it does not speak TLS as it should"
        case h11.RemoteProtocolError():
            return "what it answered is not HTTP/1.1"
        case _:
            return "it closed the connection before it had answered"
