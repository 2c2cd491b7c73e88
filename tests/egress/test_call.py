"""One request to a host that somebody named: what is sent, what is heard, and who is never reached."""

import asyncio
import ipaddress
import os
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from calotype.egress.call import Answer, Call, Caller, Host
from calotype.egress.connect import Connector
from calotype.egress.errors import Refused, Unreachable
from calotype.egress.rules import EgressRules
from tests.egress.support import ListedAddresses, Server, never

PUT = Call(method="PUT", target="/a/b%20c", fields=(("x-color", "blue"),), body=b"picture")


def a_caller(allow="127.0.0.1", tls=None, names=("127.0.0.1",)):
    return Caller(Connector(EgressRules.parse(allow), resolve=ListedAddresses(list(names))), tls=tls)


def at(server, name="bucket.test", *, tls=False):
    return Host(name=name, port=server.port, tls=tls, authority=f"{name}:{server.port}")


class Keeping:
    """Answers, and keeps the request that it was sent."""

    def __init__(self, answer):
        self.answer, self.head, self.body = answer, b"", b""

    async def __call__(self, reader, writer):
        self.head = await reader.readuntil(b"\r\n\r\n")
        self.body = await reader.readexactly(int(self.head.lower().split(b"content-length: ")[1].split()[0]))
        writer.write(self.answer)
        await writer.drain()


async def test_the_request_is_sent_and_the_answer_returned():
    keeping = Keeping(b"HTTP/1.1 409 Conflict\r\nContent-Length: 3\r\n\r\nno!")
    async with Server(keeping) as server:
        answer = await a_caller().call(at(server), PUT, 10)

    assert answer == Answer(409, b"no!")
    assert keeping.body == b"picture"
    lines = keeping.head.decode().split("\r\n")
    assert lines[0] == "PUT /a/b%20c HTTP/1.1"
    assert f"Host: bucket.test:{server.port}" in lines
    assert "x-color: blue" in lines


@pytest.mark.parametrize(
    ("sent", "answer"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", Answer(200, b"until the end")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut", Answer(200, b"cut")),
        (b"HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 204 None\r\n\r\n", Answer(204, b"")),
        (b"HTTP/1.1 307 Elsewhere\r\nLocation: http://else/\r\nContent-Length: 0\r\n\r\n", Answer(307, b"")),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000, Answer(200, b"x" * 65_536)),
    ],
)
async def test_answers_are_read_as_far_as_they_matter(sent, answer):
    async with Server(Keeping(sent)) as server:
        assert await a_caller().call(at(server), PUT, 10) == answer
        assert server.connections == 1


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"", "it closed the connection before it had answered"),
        (b"SSH-2.0-dropbear\r\n\r\n", "what it answered is not HTTP/1.1"),
        (b"HTTP/1.1 103 Hints\r\n\r\n" * 20, "what it answered is not HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 40_000, "what it answered is not HTTP/1.1"),
    ],
)
async def test_what_is_no_answer_is_said_to_be_none(sent, reason):
    async with Server(Keeping(sent)) as server:
        with pytest.raises(Unreachable) as failure:
            await a_caller().call(at(server), PUT, 10)

    assert failure.value.reason == reason


async def test_a_host_that_says_nothing_is_not_waited_for():
    async def deaf(reader, _writer):
        await reader.read()

    async with Server(deaf) as server:
        with pytest.raises(Unreachable, match=r"it did not answer within 0\.05 s"):
            await a_caller().call(at(server), PUT, 0.05)


async def test_an_answer_to_a_body_that_nobody_reads_is_heard():
    async def refuse(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
        await asyncio.Event().wait()

    large = Call(method="PUT", target="/", body=os.urandom(20_000_000))
    async with Server(refuse) as server:
        assert await a_caller().call(at(server), large, 10) == Answer(403, b"")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254", "10.0.0.1"])
async def test_no_private_host_is_reached_whatever_it_is_called(address):
    async with Server(never, host="") as server:
        with pytest.raises(Refused):
            await a_caller(allow="", names=[address]).call(at(server), PUT, 10)

        assert server.connections == 0


async def test_a_host_is_judged_where_it_is_connected_and_not_where_it_was_checked():
    """A name that led elsewhere while it was looked at leads nowhere afterwards."""
    resolve = ListedAddresses(["93.184.215.14"], ["127.0.0.1"])
    connector = Connector(EgressRules(), resolve=resolve)
    async with Server(never) as server:
        await connector.check("bucket.test", server.port)
        with pytest.raises(Refused):
            await Caller(connector).call(at(server), PUT, 10)

        assert server.connections == 0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bucket.test")])
    now = datetime.now(UTC)
    names = [x509.DNSName("bucket.test"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(private + made.public_bytes(pem))
    return path


class TestTls:
    async def call(self, certificate, tls, name="bucket.test"):
        served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        served.load_cert_chain(certificate)
        keeping = Keeping(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        server = await asyncio.start_server(keeping, "127.0.0.1", 0, ssl=served)
        async with server:
            host = Host(name=name, port=server.sockets[0].getsockname()[1], tls=True, authority=name)
            try:
                return keeping, await a_caller(tls=tls).call(host, PUT, 10)
            except Unreachable as exc:
                return keeping, exc.reason

    async def test_a_host_is_called_over_tls(self, certificate):
        trusting = ssl.create_default_context(cafile=str(certificate))

        keeping, answer = await self.call(certificate, trusting)

        assert answer == Answer(200, b"ok")
        assert keeping.body == b"picture"

    async def test_nothing_is_said_to_one_for_whom_nobody_vouches(self, certificate):
        keeping, reason = await self.call(certificate, None)

        assert reason.startswith("its certificate is not good: ")
        assert keeping.head == b""

    async def test_nor_to_one_that_has_the_certificate_of_another(self, certificate):
        trusting = ssl.create_default_context(cafile=str(certificate))

        keeping, reason = await self.call(certificate, trusting, name="other.test")

        assert reason.startswith("its certificate is not good: ")
        assert keeping.head == b""
