"""Signatures are those of the examples in the Amazon S3 API Reference, where each step is written out."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from calotype.s3.signature import Signer, encoded

SIGNER = Signer(
    access_key_id="AKIAIOSFODNN7EXAMPLE",
    secret="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    region="us-east-1",
)
THEN = datetime(2013, 5, 24, tzinfo=UTC)
HOST = {"host": "examplebucket.s3.amazonaws.com"}


def signature(method, path, fields, payload=b""):
    signed = SIGNER.sign(method, path, fields, hashlib.sha256(payload).hexdigest(), THEN)
    return signed["authorization"].rpartition("Signature=")[2]


def test_the_reference_s_example_of_getting_an_object():
    fields = {**HOST, "range": "bytes=0-9"}

    assert (
        signature("GET", "/test.txt", fields)
        == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )


def test_the_reference_s_example_of_putting_an_object():
    fields = {**HOST, "date": "Fri, 24 May 2013 00:00:00 GMT", "x-amz-storage-class": "REDUCED_REDUNDANCY"}

    assert (
        signature("PUT", encoded("/test$file.text"), fields, b"Welcome to Amazon S3.")
        == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"
    )


def test_all_that_is_vouched_for_is_named():
    signed = SIGNER.sign("PUT", "/a", {**HOST, "x-amz-acl": "public-read"}, "0" * 64, THEN)

    assert "SignedHeaders=host;x-amz-acl;x-amz-content-sha256;x-amz-date," in signed["authorization"]
    assert signed["x-amz-date"] == "20130524T000000Z"
    assert "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request," in signed["authorization"]


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/a/b-c_d.e~f", "/a/b-c_d.e~f"),
        ("/a b+c", "/a%20b%2Bc"),
        ("/(a),b:c@d=e&f;g$h'i!j*", "/%28a%29%2Cb%3Ac%40d%3De%26f%3Bg%24h%27i%21j%2A"),
    ],
)
def test_paths_are_escaped_as_they_are_signed(path, sent):
    assert encoded(path) == sent


def test_the_secret_is_not_shown():
    assert SIGNER.secret not in repr(SIGNER)
    assert SIGNER.access_key_id not in repr(SIGNER)
