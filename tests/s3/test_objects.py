"""Objects in real buckets, and requests that no bucket may ever see."""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from calotype.clock import utc_now
from calotype.egress.call import Caller
from calotype.egress.connect import Connector
from calotype.egress.rules import EgressRules
from calotype.s3.objects import S3Objects
from calotype.storage.bucket import Acl, Bucket, Credentials
from calotype.storage.errors import BucketFault, EndpointForbidden
from calotype.storage.template import DEFAULT_TEMPLATE
from tests.egress.support import ListedAddresses, Server, never
from tests.support.builders import HERE
from tests.support.weed import READER, WRITER, a_gate

DATA = b"\x89PNG and so on" * 1000


def a_bucket(endpoint, name="shots", **more):
    facts = {"region": "us-east-1", "path": DEFAULT_TEMPLATE, "acl": Acl.PRIVATE, "sealed": b""}
    return Bucket(namespace=HERE, endpoint=endpoint, name=name, set_at=utc_now(), **{**facts, **more})


def keys(pair):
    return Credentials(access_key_id=pair[0], secret=pair[1])


def going_out(allow="127.0.0.1", resolve=None, clock=utc_now):
    connector = Connector(EgressRules.parse(allow), resolve=resolve)
    return S3Objects(connector, Caller(connector), clock)


async def put(objects, bucket, pair=WRITER, path="a/b.png", data=DATA, acl=Acl.PRIVATE):
    await objects.put(bucket, keys(pair), path, data, "image/png", acl)


async def test_an_object_is_written_over_what_was_there_and_deleted_once_and_again(weed):
    objects, bucket = going_out(), a_bucket(f"http://{weed.at}")

    await put(objects, bucket, data=b"older")
    await put(objects, bucket)

    there = weed.get("shots", "a/b.png")
    assert there.content == DATA
    assert there.headers["content-type"] == "image/png"
    await objects.delete(bucket, keys(WRITER), "a/b.png")
    await objects.delete(bucket, keys(WRITER), "a/b.png")
    assert weed.get("shots", "a/b.png").status_code == 404


@pytest.mark.parametrize(
    "path", ["plain.png", "a b.png", "(x)/@:+=,&$;~!*'.png", "2024/01/15/xn--bcher-kva.example/%41.png"]
)
async def test_every_path_is_signed_as_it_is_sent(weed, path):
    await put(going_out(), a_bucket(f"http://{weed.at}", "paths"), path=path, data=path.encode())


async def test_a_large_object_arrives_whole(weed):
    data = bytes(range(256)) * 80_000
    await put(going_out(), a_bucket(f"http://{weed.at}", "large"), data=data)

    assert weed.get("large", "a/b.png").content == data


async def test_who_may_read_is_said_only_where_it_is_more_than_its_owner(weed):
    async with a_gate(weed.port) as gate:
        for acl in (Acl.PRIVATE, Acl.PUBLIC_READ):
            await put(going_out(), a_bucket(gate.url, "acls"), acl=acl)

        assert "x-amz-acl" not in gate.heads[0]
        assert "\r\nx-amz-acl: public-read\r\n" in gate.heads[1]
        # Stores refuse such a field unless it is under the signature.
        assert "SignedHeaders=content-type;host;x-amz-acl;x-amz-content-sha256;x-amz-date" in gate.heads[1]


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (READER, "The bucket answered 403 AccessDenied."),
        ((WRITER[0], "another"), "The bucket answered 403 SignatureDoesNotMatch."),
        (("AKIANOBODY", "x"), "The bucket answered 403 InvalidAccessKeyId."),
    ],
)
async def test_a_refusal_is_told_by_its_code(weed, pair, said):
    with pytest.raises(BucketFault) as failure:
        await put(going_out(), a_bucket(f"http://{weed.at}"), pair)

    assert str(failure.value) == said


async def test_a_clock_that_is_wrong_is_told(weed):
    late = going_out(clock=lambda: utc_now() - timedelta(hours=1))

    with pytest.raises(BucketFault, match="403 RequestTimeTooSkewed"):
        await put(late, a_bucket(f"http://{weed.at}"))


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        ("503 Slow", "SlowDown", "answered 503 SlowDown"),
        ("500 Oh", "", "answered 500"),
        ("301 Moved", "PermanentRedirect", "answered 301 PermanentRedirect"),
        ("403 No", "<b>&", "answered 403"),
        ("403 No", "x" * 61, "answered 403"),
    ],
)
async def test_what_a_bucket_answers_is_told_without_its_prose(status, code, said):
    async with a_gate(0) as gate:
        gate.fail(status, code)
        with pytest.raises(BucketFault) as failure:
            await put(going_out(), a_bucket(gate.url))

    assert str(failure.value) == f"The bucket {said}."


async def test_neither_key_nor_secret_is_sent_or_shown(weed):
    async with a_gate(weed.port) as gate:
        await put(going_out(), a_bucket(gate.url))

        assert WRITER[1] not in gate.heads[0]
    assert WRITER[1] not in repr(keys(WRITER))
    assert WRITER[0] not in repr(keys(WRITER))


async def test_a_path_of_the_endpoint_stands_in_front():
    async with a_gate(0) as gate:
        gate.fail("200 OK")
        await put(going_out(), a_bucket(f"{gate.url}/storage/v1/s3"))

    assert gate.heads[0].startswith("PUT /storage/v1/s3/shots/a/b.png HTTP/1.1\r\n")


@asynccontextmanager
async def a_private_server():
    async with Server(never, host="") as server:
        yield server
        assert server.connections == 0


class TestPrivateEndpoints:
    @pytest.mark.parametrize(
        "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1", "0"]
    )
    async def test_none_is_reached_by_any_spelling(self, host):
        async with a_private_server() as server:
            bucket = a_bucket(f"http://{host}:{server.port}")
            objects = going_out(allow="")
            with pytest.raises(EndpointForbidden):
                await objects.check(bucket)
            with pytest.raises(BucketFault, match="could not be found or is not public"):
                await put(objects, bucket)

    async def test_nor_by_a_name_that_led_elsewhere_when_it_was_set(self):
        async with a_private_server() as server:
            bucket = a_bucket(f"http://bucket.test:{server.port}")
            objects = going_out(allow="", resolve=ListedAddresses(["93.184.215.14"], ["127.0.0.1"]))
            await objects.check(bucket)
            with pytest.raises(BucketFault, match="could not be found or is not public"):
                await put(objects, bucket)

    async def test_nor_by_a_redirect(self):
        async with a_private_server() as server, a_gate(0) as gate:
            there = f"http://127.0.0.1:{server.port}/"
            gate.answer = f"HTTP/1.1 307 There\r\nLocation: {there}\r\nContent-Length: 0\r\n\r\n".encode()
            with pytest.raises(BucketFault, match="answered 307"):
                await put(going_out(allow=f"127.0.0.1:{gate.port}"), a_bucket(gate.url))

    async def test_one_is_reached_that_the_operator_allows(self, weed):
        allowed = going_out(allow=weed.at)
        bucket = a_bucket(f"http://{weed.at}")

        await allowed.check(bucket)
        await put(allowed, bucket)

    @pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "AWS_ENDPOINT_URL_S3"])
    async def test_the_environment_leads_nowhere_else(self, weed, monkeypatch, name):
        async with a_private_server() as server:
            monkeypatch.setenv(name, f"http://127.0.0.1:{server.port}")
            await put(going_out(), a_bucket(f"http://{weed.at}"))
