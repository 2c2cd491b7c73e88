import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.egress.heads import BadBody, BadRequest, Forward, Tunnel, parse_request, rewrite_response


def forwarded(head: bytes) -> Forward:
    request = parse_request(head)
    assert isinstance(request, Forward)
    return request


def seen_by_client(head: bytes) -> bytes:
    response = rewrite_response(head)
    assert response is not None
    return response.head


@pytest.mark.parametrize(
    ("target", "tunnel"),
    [
        (b"site.test:443", Tunnel("site.test", 443)),
        (b"SITE.test:8443", Tunnel("site.test", 8443)),
        (b"[2606:4700::1111]:443", Tunnel("2606:4700::1111", 443)),
        (b"2130706433:80", Tunnel("2130706433", 80)),
    ],
)
def test_connect_names_the_host_and_port_of_a_tunnel(target, tunnel):
    assert parse_request(b"CONNECT %b HTTP/1.1\r\nHost: other.test\r\n\r\n" % target) == tunnel


@pytest.mark.parametrize(
    ("url", "host", "port", "start", "host_field"),
    [
        (b"http://site.test/", "site.test", 80, b"GET / ", b"site.test"),
        (b"http://Site.TEST/a/b?c=d&e", "site.test", 80, b"GET /a/b?c=d&e ", b"Site.TEST"),
        (b"http://site.test:8080/?", "site.test", 8080, b"GET /? ", b"site.test:8080"),
        (b"http://site.test", "site.test", 80, b"GET / ", b"site.test"),
        (b"http://site.test?q", "site.test", 80, b"GET /?q ", b"site.test"),
        (b"HTTP://site.test//x", "site.test", 80, b"GET //x ", b"site.test"),
        (b"http://u:p@site.test/@x", "site.test", 80, b"GET /@x ", b"site.test"),
        (b"http://site.test/x#y", "site.test", 80, b"GET /x ", b"site.test"),
        (b"http://[::1]:81/x", "::1", 81, b"GET /x ", b"[::1]:81"),
    ],
)
def test_a_plain_request_is_sent_on_in_origin_form(url, host, port, start, host_field):
    request = forwarded(b"GET %b HTTP/1.1\r\nHost: ignored.test\r\nAccept: */*\r\n\r\n" % url)

    assert (request.host, request.port) == (host, port)
    assert request.head == (
        start + b"HTTP/1.1\r\nHost: " + host_field + b"\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    )


def test_what_is_between_the_client_and_its_proxy_stays_there():
    request = forwarded(
        b"GET http://site.test/ HTTP/1.1\r\n"
        b"Host: site.test\r\n"
        b"Proxy-Connection: keep-alive\r\n"
        b"Proxy-Authorization: Basic c2VjcmV0\r\n"
        b"Connection: keep-alive, X-Private\r\n"
        b"Keep-Alive: timeout=5\r\n"
        b"Upgrade: h2c\r\n"
        b"TE: trailers\r\n"
        b"X-Private: 1\r\n"
        b"X-Public: 2\r\n"
        b"\r\n"
    )

    assert request.head == (b"GET / HTTP/1.1\r\nHost: site.test\r\nX-Public: 2\r\nConnection: close\r\n\r\n")


def test_a_connection_field_cannot_take_away_where_the_body_ends():
    request = forwarded(
        b"POST http://site.test/ HTTP/1.1\r\nContent-Length: 3\r\nConnection: Content-Length\r\n\r\n"
    )

    assert b"Content-Length: 3\r\n" in request.head


def test_an_old_client_is_not_made_a_newer_one():
    assert forwarded(b"GET http://site.test/ HTTP/1.0\r\n\r\n").head.startswith(b"GET / HTTP/1.0\r\n")


@pytest.mark.parametrize(
    "head",
    [
        b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\n\n",
        b"GET / HTTP/1.1\r\nHost: site.test\r\n\r\n",
        b"GET https://site.test/ HTTP/1.1\r\n\r\n",
        b"GET ftp://site.test/ HTTP/1.1\r\n\r\n",
        b"GET ws://site.test/ HTTP/1.1\r\n\r\n",
        b"GET file:///etc/passwd HTTP/1.1\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\n\r\n",
        b"GET http:/// HTTP/1.1\r\n\r\n",
        b"GET http://:80/ HTTP/1.1\r\n\r\n",
        b"GET http://u@/ HTTP/1.1\r\n\r\n",
        b"GET http://site.test:0/ HTTP/1.1\r\n\r\n",
        b"GET http://site.test:65536/ HTTP/1.1\r\n\r\n",
        b"GET http://site.test:http/ HTTP/1.1\r\n\r\n",
        b"GET http://[::1/ HTTP/1.1\r\n\r\n",
        b"GET http://a b/ HTTP/1.1\r\n\r\n",
        b"GET http://site.test/ HTTP/2.0\r\n\r\n",
        b"GET http://site.test/\r\n\r\n",
        b"GET http://site.test/ HTTP/1.1\r\nBad Name: x\r\n\r\n",
        b"GET http://site.test/ HTTP/1.1\r\nX: a\nY: b\n\n",
        b"POST http://site.test/ HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST http://site.test/ HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"CONNECT site.test HTTP/1.1\r\n\r\n",
        b"CONNECT site.test: HTTP/1.1\r\n\r\n",
        b"CONNECT site.test:0 HTTP/1.1\r\n\r\n",
        b"CONNECT site.test:99999 HTTP/1.1\r\n\r\n",
        b"CONNECT :443 HTTP/1.1\r\n\r\n",
        b"CONNECT u@site.test:443 HTTP/1.1\r\n\r\n",
        b"CONNECT http://site.test:443/ HTTP/1.1\r\n\r\n",
        b"CONNECT site.test:443/x HTTP/1.1\r\n\r\n",
    ],
)
def test_what_a_proxy_is_not_asked_is_a_bad_request(head):
    with pytest.raises(BadRequest):
        parse_request(head)


@given(noise=st.binary(max_size=200))
def test_no_noise_is_anything_but_a_request_or_a_bad_request(noise):
    with contextlib.suppress(BadRequest):
        parse_request(b"GET http://" + noise + b"\r\n\r\n")


def test_a_body_ends_where_the_head_said():
    body = forwarded(b"POST http://site.test/ HTTP/1.1\r\nContent-Length: 6\r\n\r\n").body

    assert body(b"abc") == b"abc"
    assert body(b"defGET http://other.test/ HTTP/1.1\r\n\r\n") == b"def"
    assert body(b"GET http://other.test/ HTTP/1.1\r\n\r\n") == b""


def test_a_request_without_a_body_has_none():
    body = forwarded(b"GET http://site.test/ HTTP/1.1\r\n\r\n").body

    assert body(b"GET http://other.test/ HTTP/1.1\r\n\r\n") == b""


def test_a_chunked_body_ends_with_its_last_chunk():
    body = forwarded(b"POST http://site.test/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n").body

    assert body(b"3;ext=1\r\nab") == b"2\r\nab\r\n"
    assert body(b"c\r\n") == b"1\r\nc\r\n"
    assert body(b"0\r\nTrailer: x\r\n\r\nGET http://other.test/ HTTP/1.1\r\n\r\n") == b"0\r\n\r\n"
    assert body(b"more") == b""


@pytest.mark.parametrize("data", [b"zz\r\n", b"3\r\nabcd\r\n", b"-1\r\n"])
def test_a_body_that_is_not_chunked_as_promised_is_not_passed_on(data):
    body = forwarded(b"POST http://site.test/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n").body

    with pytest.raises(BadBody):
        body(data)


def test_a_response_tells_the_client_to_close():
    assert seen_by_client(
        b"HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Private\r\nKeep-Alive: timeout=5\r\n"
        b"Proxy-Connection: keep-alive\r\nX-Private: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
    ) == (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")


@pytest.mark.parametrize(
    ("head", "seen"),
    [
        (b"HTTP/1.0 200 OK\n\n", b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n"),
        (b"HTTP/1.1 404\r\n\r\n", b"HTTP/1.1 404\r\nConnection: close\r\n\r\n"),
        (
            b"HTTP/1.1 200 OK\r\nX : a\r\nno colon\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: a\r\nConnection: close\r\n\r\n",
        ),
        (
            b"HTTP/1.1 200 OK\r\nX: a\r\n  b\r\nY:\xe4\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: a b\r\nY: \xe4\r\nConnection: close\r\n\r\n",
        ),
    ],
)
def test_a_sloppy_response_is_passed_on_tidied(head, seen):
    assert seen_by_client(head) == seen


def test_an_interim_response_does_not_close_anything():
    response = rewrite_response(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\nConnection: close\r\n\r\n")

    assert response is not None
    assert response.is_interim
    assert response.head == b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"<html>\n\n",
        b"HTTP/1.1 20\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 600 OK\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"XHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
    ],
)
def test_what_is_no_response_is_garbage(head):
    assert rewrite_response(head) is None


@given(noise=st.binary(max_size=200))
def test_whatever_follows_the_status_the_client_is_told_to_close(noise):
    head = seen_by_client(b"HTTP/1.1 200 OK\r\n" + noise.replace(b"\n\n", b"") + b"\r\n\r\n")

    assert head.endswith(b"\r\nConnection: close\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert [line for line in lines if line.startswith(b"connection:")] == [b"connection: close"]
