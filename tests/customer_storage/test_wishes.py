"""The storage group of a request, and what an operator may set."""

from __future__ import annotations

import pytest

from calotype.capture.errors import InvalidRequest
from calotype.storage.bucket import Acl, check_endpoint, check_key, check_name, check_region
from calotype.storage.template import PathTemplate
from calotype.storage.wishes import NO_WISHES, StorageWishes, parse_storage

PATH = "{hash}.{ext}"


@pytest.mark.parametrize(
    ("group", "wishes", "asked_for"),
    [
        ({}, NO_WISHES, ""),
        ({"enabled": None, "path": None, "acl": None}, NO_WISHES, ""),
        ({"enabled": True}, StorageWishes(enabled=True), "storage.enabled"),
        ({"path": PATH}, StorageWishes(path=PathTemplate(PATH)), "storage.path"),
        ({"acl": "public-read"}, StorageWishes(acl=Acl.PUBLIC_READ), "storage.acl"),
        ({"enabled": False, "path": PATH}, StorageWishes(enabled=False, path=PathTemplate(PATH)), ""),
    ],
)
def test_wishes_are_read(group, wishes, asked_for):
    assert parse_storage(group) == (wishes, [])
    assert wishes.asked_for == asked_for


@pytest.mark.parametrize(
    ("group", "told"),
    [
        ({"enabled": "yes"}, "storage.enabled is 'yes'; it must be true or false."),
        ({"acl": "public"}, "storage.acl is 'public'; it must be one of private, public-read."),
        ({"path": 7}, "storage.path is 7; it must be a string."),
        ({"path": " "}, "storage.path is ' '; it must not be blank, nor hold NUL."),
        ({"path": "x.png"}, "storage.path lacks {hash}; give a path such as"),
    ],
)
def test_what_cannot_be_used_is_told_by_its_name(group, told):
    with pytest.raises(InvalidRequest) as failure:
        parse_storage(group)

    assert str(failure.value).startswith(told)


def test_what_means_nothing_is_told():
    assert parse_storage({"bucket": "x", "path": PATH})[1] == ["storage.bucket"]


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        (None, "https://s3.eu-central-1.amazonaws.com"),
        ("https://R2.Example.com/", "https://r2.example.com"),
        ("http://minio.intern:9000", "http://minio.intern:9000"),
        ("https://x.example:443/storage/v1/s3/", "https://x.example/storage/v1/s3"),
    ],
)
def test_an_endpoint_is_spelled_in_one_way(text, endpoint):
    assert check_endpoint(text, "eu-central-1") == endpoint


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (lambda text: check_endpoint(text, "r"), "s3.example.com"),
        (lambda text: check_endpoint(text, "r"), "ftp://s3.example.com"),
        (lambda text: check_endpoint(text, "r"), "https://key:secret@s3.example.com"),
        (lambda text: check_endpoint(text, "r"), "https://s3.example.com/?x=1"),
        (check_name, "ab"),
        (check_name, "a/b/c"),
        (check_name, "../.."),
        (check_name, "bücher"),
        (check_region, ""),
        (check_region, "eu central"),
        (lambda text: check_key(text, "the secret access key"), ""),
        (lambda text: check_key(text, "the secret access key"), "secret with spaces"),
        (lambda text: check_key(text, "the secret access key"), "secret\r\nX: y"),
    ],
)
def test_what_cannot_be_set_is_refused(check, text):
    with pytest.raises(InvalidRequest) as failure:
        check(text)

    assert not text or "secret" not in str(failure.value).replace("the secret access key", "")
