"""The heads of requests and responses, read and rewritten. Pure.

Requests are parsed strictly, by llhttp: what two parsers might read differently is refused.
Responses are only filtered, line by line: the browser is the parser of those, it forgives
more than llhttp does, and a page must not fail here that it would have shown.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import urlsplit

import httptools

Fields = list[tuple[bytes, bytes]]

# RFC 9110 section 7.6.1, and the fields by which a client and its proxy know each other.
# Transfer-Encoding stays, since bodies pass in the framing they came with, and so does
# Trailer. No Via is added: servers exist that stop compressing when they see one.
HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authentication-info",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"upgrade",
    )
)
# Not even a Connection field that names them takes these away: they say where a message ends.
FRAMING = frozenset((b"content-length", b"transfer-encoding"))
STATUS_LINE = re.compile(rb"HTTP/1\.[01][ \t]+(?P<status>[1-5][0-9]{2})(?:[ \t].*)?\r?")
# The parts of http://user:password@host:80/path?query#fragment. Its user is not passed on:
# a browser sends an Authorization field instead.
ABSOLUTE_FORM = re.compile(
    rb"http://(?:[^/?#]*@)?(?P<authority>[^/?#@]+)(?P<target>(?:[/?][^#]*)?)(?:#.*)?",
    re.IGNORECASE | re.DOTALL,
)


class BadRequest(ValueError):
    """A request that a proxy cannot serve, or that is not HTTP."""


class BadBody(ValueError):
    """The body of a request is not framed as its head said."""


@dataclass(frozen=True, slots=True)
class Tunnel:
    """CONNECT: join the client to host and port, whatever they say to each other."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Forward:
    """A plain HTTP request for host and port."""

    host: str
    port: int
    head: bytes = field(repr=False)
    """What to send there: in origin-form, asking for the connection to be closed."""
    body: RequestBody = field(repr=False, compare=False)
    """Takes the bytes that follow the head."""


@dataclass(frozen=True, slots=True)
class ResponseHead:
    """The head of a response as the client shall see it."""

    status: int
    head: bytes = field(repr=False)

    @property
    def is_interim(self) -> bool:
        """Whether another head follows: 100 Continue, 103 Early Hints."""
        return self.status < HTTPStatus.OK


def parse_request(head: bytes) -> Tunnel | Forward:
    """Read a request's head, blank line included. Raises BadRequest."""
    message = _Message()
    parser = httptools.HttpRequestParser(message)
    try:
        parser.feed_data(head)
    except httptools.HttpParserUpgrade:
        pass  # So every CONNECT ends, and a request for an Upgrade, which is not passed on.
    except httptools.HttpParserError as exc:
        raise BadRequest(str(exc)) from exc
    version = parser.get_http_version()
    if not message.has_head or version not in ("1.0", "1.1"):
        raise BadRequest("not an HTTP/1 request")
    if parser.get_method() == b"CONNECT":
        return Tunnel(*_host_and_port(message.url, default_port=None))
    parts = ABSOLUTE_FORM.fullmatch(message.url)
    if parts is None:
        raise BadRequest("a proxy is asked with CONNECT or an absolute http URL")
    authority, target = parts["authority"], parts["target"]
    if not target.startswith(b"/"):
        target = b"/" + target
    # RFC 9112 section 3.2.2: the Host field is made from the URL, whatever it was.
    fields = [(b"Host", authority)]
    fields += [(name, value) for name, value in _end_to_end(message.fields) if name.lower() != b"host"]
    # The version stays as well: what an HTTP/1.0 client cannot read should not be sent to it.
    start = b"%b %b HTTP/%b" % (parser.get_method(), target, version.encode())
    return Forward(
        *_host_and_port(authority, default_port=80),
        head=_spell(start, [*fields, (b"Connection", b"close")]),
        body=RequestBody(parser, message),
    )


class RequestBody:
    """Passes on the body that a request's head announced, and nothing that follows it."""

    def __init__(self, parser: httptools.HttpRequestParser, message: _Message) -> None:
        self._parser = parser
        self._message = message
        self._is_chunked = any(name.lower() == b"transfer-encoding" for name, _ in message.fields)

    def __call__(self, data: bytes) -> bytes:
        """Return what to send on for data. Raises BadBody."""
        message = self._message
        if message.is_complete():
            return b""  # Another request: its host may be another one too, so it goes nowhere.
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as exc:
            if not message.is_complete():
                raise BadBody(str(exc)) from exc
        pieces, message.body = message.body, []
        if not self._is_chunked:
            return b"".join(pieces)
        chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
        return chunks + b"0\r\n\r\n" if message.is_complete() else chunks


def rewrite_response(head: bytes) -> ResponseHead | None:
    """Return the head for the client, which must not use the connection again; None for garbage.

    101 is garbage too: the request for an upgrade was not passed on.
    """
    start, *lines = head.split(b"\n")
    status_line = STATUS_LINE.fullmatch(start)
    if status_line is None or int(status_line["status"]) == HTTPStatus.SWITCHING_PROTOCOLS:
        return None
    status = int(status_line["status"])
    fields: Fields = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if line.startswith((b" ", b"\t")) and fields:
            # A folded line, RFC 9112 section 5.2.
            fields[-1] = (fields[-1][0], fields[-1][1] + b" " + line.strip())
        elif colon:
            fields.append((name.strip(), value.strip()))
    fields = _end_to_end(fields)
    if status >= HTTPStatus.OK:
        fields.append((b"Connection", b"close"))
    return ResponseHead(status, _spell(start.rstrip(b"\r"), fields))


def answer(status: HTTPStatus) -> bytes:
    """Return a whole response of our own, without a body."""
    fields = [(b"Content-Length", b"0"), (b"Connection", b"close")]
    return _spell(b"HTTP/1.1 %d %b" % (status, status.phrase.encode()), fields)


class _Message:
    """What llhttp reports. Of a chunked body's trailer nothing is kept, nor of a second message."""

    def __init__(self) -> None:
        self.url = b""
        self.fields: Fields = []
        self.body: list[bytes] = []
        self.has_head = False
        self._is_complete = False

    def is_complete(self) -> bool:
        return self._is_complete

    def on_url(self, url: bytes) -> None:
        if not self.has_head:
            self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.has_head:
            self.fields.append((name, value))

    def on_headers_complete(self) -> None:
        self.has_head = True

    def on_body(self, data: bytes) -> None:
        if not self._is_complete:
            self.body.append(data)

    def on_message_complete(self) -> None:
        self._is_complete = True


def _host_and_port(authority: bytes, default_port: int | None) -> tuple[str, int]:
    try:
        parts = urlsplit("//" + authority.decode("ascii"))
        host, port = parts.hostname, default_port if parts.port is None else parts.port
    except ValueError as exc:
        raise BadRequest(str(exc)) from exc
    if not host or not port or parts.netloc.encode() != authority or "@" in parts.netloc:
        raise BadRequest("not a host and a port")
    return host, port


def _end_to_end(fields: Fields) -> Fields:
    named = (value for name, value in fields if name.lower() == b"connection")
    dropped = {token.strip().lower() for value in named for token in value.split(b",")}
    dropped = (dropped - FRAMING) | HOP_BY_HOP
    return [(name, value) for name, value in fields if name.lower() not in dropped]


def _spell(start: bytes, fields: Fields) -> bytes:
    lines = [start, *(b"%b: %b" % field for field in fields)]
    return b"\r\n".join(lines) + b"\r\n\r\n"
