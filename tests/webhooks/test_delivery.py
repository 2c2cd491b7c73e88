"""One attempt: what is sent, what counts as success, and that it leads nowhere but where it may."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

import calotype
from calotype.egress.connect import Connector
from calotype.egress.rules import EgressRules
from calotype.webhooks.delivery import Outcome, Sender
from calotype.webhooks.errors import WebhookForbidden
from calotype.webhooks.signature import verify
from calotype.webhooks.target import Target
from tests.egress.support import ListedAddresses, Server, never
from tests.support.clock import NOON, HandClock
from tests.support.receiver import a_receiver, status

SECRET, BODY = "whsec_test_secret", b'{"event":"screenshot.completed"}'
DELIVERED = Outcome(status=204)


def a_sender(*allowed, resolve=None, **more):
    connector = Connector(EgressRules.parse(",".join(allowed)), resolve=resolve)
    return Sender(connector, HandClock(), **more)


async def attempt(receiver, *, url=None, secret=SECRET, **more):
    sender = a_sender(receiver.at, **more)
    return await sender.send(Target(url=url or receiver.url, secret=secret), "whk_1", BODY)


async def test_a_delivery_has_the_headers_of_the_contract_and_a_signature_that_holds():
    async with a_receiver() as receiver:
        assert await attempt(receiver) == DELIVERED
        (got,) = receiver.received

    assert got.start == "POST /hook?a=1 HTTP/1.1"
    assert got.body == BODY
    assert got.headers["host"] == receiver.at
    assert got.headers["content-type"] == "application/json"
    assert got.headers["user-agent"] == f"calotype/{calotype.__version__}"
    assert got.headers["x-webhook-id"] == "whk_1"
    timestamp, signature = got.headers["x-webhook-timestamp"], got.headers["x-webhook-signature"]
    assert timestamp == str(int(NOON.timestamp()))
    assert verify(SECRET, timestamp, got.body, signature, NOON.timestamp())


async def test_without_a_secret_nothing_is_signed():
    async with a_receiver() as receiver:
        assert await attempt(receiver, secret=None) == DELIVERED
        assert "x-webhook-signature" not in receiver.received[0].headers


async def test_the_user_of_a_url_goes_into_a_header_and_its_fragment_nowhere():
    async with a_receiver() as receiver:
        url = f"http://hook%40:p%C3%A4ss@{receiver.at}#section"
        assert await attempt(receiver, url=url) == DELIVERED
        (got,) = receiver.received

    assert got.start == "POST / HTTP/1.1"
    assert got.headers["authorization"] == "Basic aG9va0A6cMOkc3M="
    assert "hook" not in got.headers["host"]


@pytest.mark.parametrize("code", [200, 201, 202, 204, 299])
async def test_any_status_of_success_is_success(code):
    async with a_receiver(status(code)) as receiver:
        assert await attempt(receiver) == Outcome(status=code)


@pytest.mark.parametrize("code", [400, 401, 404, 410, 429, 500, 503, 599])
async def test_any_other_is_none_and_is_told(code):
    async with a_receiver(status(code)) as receiver:
        outcome = await attempt(receiver)

    assert outcome == Outcome(status=code, fault=f"it answered {code}")
    assert not outcome.delivered
    assert outcome.is_final == (code == 410)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_wherever_it_leads(code):
    async with Server(never) as private, a_receiver() as elsewhere:
        for to in (f"http://{private.at}/", elsewhere.url, "/there"):
            async with a_receiver(status(code, f"Location: {to}")) as receiver:
                outcome = await attempt(receiver)
                assert outcome.fault == f"it answered {code}, and redirects are not followed"
                assert receiver.connections == 1
        assert (private.connections, elsewhere.connections) == (0, 0)


@pytest.mark.parametrize(
    ("field", "pause"),
    [
        ("120", timedelta(minutes=2)),
        ("Mon, 15 Jan 2024 12:05:00 GMT", timedelta(minutes=5)),
        ("Mon, 15 Jan 2024 12:05:00", timedelta(minutes=5)),
        ("Mon, 15 Jan 2024 11:00:00 GMT", timedelta()),
        ("9" * 400, timedelta(seconds=10**7)),
        ("soon", None),
        ("-1", None),
        ("Mon, 99 Jan 99999 12:05:00 GMT", None),
        ("", None),
    ],
)
async def test_what_retry_after_asks_for_is_read_whatever_stands_there(field, pause):
    async with a_receiver(status(503, f"Retry-After: {field}")) as receiver:
        assert (await attempt(receiver)).retry_after == pause


async def test_an_answer_that_never_comes_is_waited_for_no_longer_than_allowed():
    async def stall(_writer):
        await asyncio.Event().wait()

    async with a_receiver(stall) as receiver:
        outcome = await attempt(receiver, timeout_s=0.2)

    assert outcome == Outcome(fault="the host could not be reached: it did not answer within 0.2 s")


async def test_an_answer_that_comes_too_late_does_not_count():
    answered = asyncio.Event()

    async def late(writer):
        await let.wait()
        writer.write(status(200))
        answered.set()

    let = asyncio.Event()
    async with a_receiver(late) as receiver:
        outcome = await attempt(receiver, timeout_s=0.2)
        let.set()
        await answered.wait()

    assert not outcome.delivered


async def test_an_answer_that_trickles_does_not_stretch_the_time():
    async def trickle(writer):
        writer.write(b"HTTP/1.1 ")
        while True:
            writer.write(b"2")
            await writer.drain()
            await asyncio.sleep(0.01)

    began = time.monotonic()
    async with a_receiver(trickle) as receiver:
        outcome = await attempt(receiver, timeout_s=0.3)

    assert not outcome.delivered
    assert time.monotonic() - began < 5


async def test_the_status_counts_and_a_body_without_an_end_does_not_hold_us_up():
    async def endless(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1000\r\n" + 4096 * b"x" + b"\r\n")
            await writer.drain()

    async with a_receiver(endless) as receiver:
        assert await attempt(receiver) == Outcome(status=200)


async def test_an_answer_in_time_counts_though_its_body_takes_longer_than_allowed():
    async def slow(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        await asyncio.Event().wait()

    async with a_receiver(slow) as receiver:
        assert await attempt(receiver, timeout_s=0.9) == Outcome(status=200)


async def test_the_sender_of_a_short_body_is_heard_out():
    done = asyncio.Event()

    async def two_parts(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(b"cd")
        await writer.drain()
        done.set()

    async with a_receiver(two_parts) as receiver:
        assert await attempt(receiver) == Outcome(status=200)
        assert done.is_set()


async def test_interim_answers_are_passed_over_but_not_for_ever():
    hint = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    async with a_receiver(hint + status(200)) as receiver, a_receiver(20 * hint + status(200)) as chatty:
        assert await attempt(receiver) == Outcome(status=200)
        assert not (await attempt(chatty)).delivered


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (b"", "it closed the connection before it had answered"),
        (b"HTTP/1.1 200", "it closed the connection before it had answered"),
        (b"220 mail.test ESMTP\r\n\r\n", "what it answered is not HTTP/1.1"),
        (b"HTTP/1.1 200 OK\r\nX: " + 40_000 * b"x" + b"\r\n\r\n", "what it answered is not HTTP/1.1"),
    ],
)
async def test_what_is_no_answer_is_told_as_what_it_is(answer, fault):
    async with a_receiver(answer) as receiver:
        assert await attempt(receiver) == Outcome(fault=f"the host could not be reached: {fault}")


async def test_nobody_who_listens_is_told():
    async with a_receiver() as receiver:
        pass

    outcome = await attempt(receiver)
    assert outcome == Outcome(fault="the host could not be reached: connection refused")


class TestWhereItMayGo:
    @pytest.mark.parametrize(
        "host",
        ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0",
         "10.0.0.1", "169.254.169.254", "[64:ff9b::7f00:1]"],
    )  # fmt: skip
    async def test_no_private_address_is_reached_however_it_is_spelt(self, host):
        async with Server(never) as private:
            target = Target(url=f"http://{host}:{private.port}/", secret=SECRET)
            outcome = await a_sender().send(target, "whk_1", BODY)
            with pytest.raises(WebhookForbidden):
                await a_sender().check(target.url, "URL")

            assert outcome == Outcome(fault="the host could not be found or is not public")
            assert private.connections == 0

    async def test_a_name_that_is_not_there_is_told_like_one_that_may_not_be_reached(self):
        faults, messages = set(), set()
        for answer in ([], ["127.0.0.1"], ["10.0.0.1"]):
            sender = a_sender(resolve=ListedAddresses(answer))
            faults.add((await sender.send(Target(url="http://hook.test/"), "whk_1", BODY)).fault)
            with pytest.raises(WebhookForbidden) as refused:
                await sender.check("http://hook.test/", "webhook.url")
            messages.add(str(refused.value))

        assert len(faults) == len(messages) == 1
        assert "hook.test" not in str(messages | faults)

    async def test_a_name_that_led_elsewhere_when_it_was_accepted_is_judged_again(self):
        resolve = ListedAddresses(["93.184.216.34"], ["127.0.0.1"])
        async with Server(never) as private:
            sender = a_sender(resolve=resolve)
            url = f"http://rebinding.test:{private.port}/"
            await sender.check(url, "webhook.url")
            for _ in range(3):
                assert not (await sender.send(Target(url=url), "whk_1", BODY)).delivered

            assert private.connections == 0
            assert len(resolve.asked) == 4

    async def test_what_was_judged_is_what_is_connected_to(self):
        async with a_receiver() as allowed, Server(never, "127.0.0.2", allowed.port) as private:
            resolve = ListedAddresses(["127.0.0.1"], ["127.0.0.2"])
            sender = a_sender(allowed.at, resolve=resolve)
            url = f"http://rebinding.test:{allowed.port}/"
            assert await sender.send(Target(url=url), "whk_1", BODY) == DELIVERED
            assert not (await sender.send(Target(url=url), "whk_1", BODY)).delivered
            assert private.connections == 0

    async def test_the_operator_may_allow_a_private_host(self):
        async with a_receiver() as receiver:
            await a_sender(receiver.at).check(receiver.url, "URL")

    async def test_no_proxy_of_the_environment_is_asked(self, monkeypatch):
        async with Server(never) as proxy, a_receiver() as receiver:
            for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
                monkeypatch.setenv(name, f"http://{proxy.at}")
            assert await attempt(receiver) == DELIVERED
            assert proxy.connections == 0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 and hook.test that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hook.test")])
    now = datetime.now(UTC)
    names = [x509.DNSName("hook.test"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    built = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    pem = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(key.private_bytes(pem, *plain) + built.public_bytes(pem))
    return path


def test_an_ipv6_address_is_connected_to_without_its_brackets():
    host = Target(url="https://[2001:db8::1]:8443/hook").address.host

    assert (host.tls, host.name, host.port) == (True, "2001:db8::1", 8443)
    assert host.authority == "[2001:db8::1]:8443"


class TestTls:
    @pytest.fixture
    def served(self, certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        return context

    async def test_a_receiver_is_told_over_tls_by_its_name_or_its_address(self, served, certificate):
        trusting = ssl.create_default_context(cafile=str(certificate))
        async with a_receiver(tls=served) as receiver:
            resolve = ListedAddresses(["127.0.0.1"])
            assert await attempt(receiver, tls=trusting) == DELIVERED
            named = f"https://hook.test:{receiver.port}/"
            assert await attempt(receiver, url=named, tls=trusting, resolve=resolve) == DELIVERED
            assert receiver.received[1].headers["host"] == f"hook.test:{receiver.port}"

    async def test_one_for_whom_nobody_vouches_is_told_nothing(self, served):
        async with a_receiver(tls=served) as receiver:
            outcome = await attempt(receiver)
            assert outcome.fault.startswith("the host could not be reached: its certificate is not good: ")
            assert receiver.received == []

    async def test_nor_is_one_whose_certificate_is_of_another(self, served, certificate):
        trusting = ssl.create_default_context(cafile=str(certificate))
        async with a_receiver(tls=served) as receiver:
            url = f"https://other.test:{receiver.port}/"
            outcome = await attempt(receiver, url=url, tls=trusting, resolve=ListedAddresses(["127.0.0.1"]))
            assert outcome.fault.startswith("the host could not be reached: its certificate is not good: ")
            assert receiver.received == []

    async def test_one_that_speaks_no_tls_is_told_nothing(self):
        async with a_receiver() as receiver:
            outcome = await attempt(receiver, url=f"https://{receiver.at}/", timeout_s=0.3)
            assert not outcome.delivered
            assert receiver.received == []
