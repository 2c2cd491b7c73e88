"""Where copies go: nine variables, and no path that leads out of its bucket."""

from __future__ import annotations

import contextlib
import string
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from calotype.cache.entry import Birth, Seq
from calotype.capture.errors import InvalidRequest
from calotype.capture.output import ImageFormat
from calotype.storage.template import MAX_PATH_BYTES, PathTemplate
from tests.support.builders import an_entry, an_origin

# Half past eleven in the evening in New York is the next day in UTC.
LATE = datetime(2024, 1, 14, 23, 30, 5, 700_000, tzinfo=timezone(timedelta(hours=-5)))


def entry_of(url="https://Example.com:8443/a?b", **more):
    entry = an_entry(an_origin(url=url), birth=Birth(Seq(0), 3, LATE))
    return replace(entry, format=ImageFormat.WEBP, **more)


def path(text, entry=None):
    return PathTemplate.parse(text, "storage.path").path_of(entry or entry_of())


def refused(text):
    with pytest.raises(InvalidRequest) as failure:
        PathTemplate.parse(text, "storage.path")
    assert failure.value.field == "storage.path"
    return failure.value.problem


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ext", "webp"),
        ("year", "2024"),
        ("month", "01"),
        ("day", "15"),
        ("date", "2024-01-15"),
        ("timestamp", str(int(datetime(2024, 1, 15, 4, 30, 5, tzinfo=UTC).timestamp()))),
        ("domain", "example.com"),
    ],
)
def test_each_variable_has_its_value(variable, value):
    assert path(f"a/{{{variable}}}/{{hash}}.{{ext}}").split("/")[1] == value


def test_the_hash_is_that_of_the_content():
    entry = entry_of()

    assert path("{hash}.{ext}", entry) == f"{entry.sha256.hex()}.webp"


def test_the_uuid_is_one_and_that_of_the_capture():
    text = "{uuid}/{hash}.{ext}"
    one, again = path(text), path(text)
    later = path(text, replace(entry_of(), birth=Birth(Seq(0), 4, LATE)))

    assert one == again != later
    assert one.split("/")[0].count("-") == 4
    assert one[14] == "4"


@pytest.mark.parametrize(
    ("url", "domain"),
    [
        ("https://[2001:db8::1]:8080/", "2001-db8--1"),
        ("https://bücher.example/", "xn--bcher-kva.example"),
        ("http://../", "none"),
        ("http://a_b.example/", "a-b.example"),
        ("http://192.0.2.1/", "192.0.2.1"),
    ],
)
def test_every_host_has_a_name_that_a_path_can_hold(url, domain):
    assert path("{domain}/{hash}.{ext}", entry_of(url)).split("/")[0] == domain


def test_a_document_without_an_address_has_none():
    assert path("{domain}/{hash}.{ext}", entry_of("about:blank")).startswith("none/")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{hash}.png", "lacks {ext}"),
        ("a.{ext}", "lacks {hash}"),
        ("{hash}.{ext}/{city}", "names {city}, which is no variable"),
        ("{HASH}.{ext}", "holds a character that has no place in it, or a brace without its like"),
        ("{{hash}}.{ext}", "holds a character that has no place in it, or a brace without its like"),
        ("{hash.{ext}", "holds a character that has no place in it, or a brace without its like"),
        ("a b/{hash}.{ext}", "holds a character that has no place in it, or a brace without its like"),
        ("a\\{hash}.{ext}", "holds a character that has no place in it, or a brace without its like"),
        ("é/{hash}.{ext}", "holds a character that has no place in it, or a brace without its like"),
        ("{hash}.{ext}\n", "holds a character that has no place in it, or a brace without its like"),
        ("/{hash}.{ext}", "begins or ends with a slash, or has an empty, '.' or '..' segment"),
        ("{hash}.{ext}/", "begins or ends with a slash, or has an empty, '.' or '..' segment"),
        ("a//{hash}.{ext}", "begins or ends with a slash, or has an empty, '.' or '..' segment"),
        ("../{hash}.{ext}", "begins or ends with a slash, or has an empty, '.' or '..' segment"),
        ("a/./{hash}.{ext}", "begins or ends with a slash, or has an empty, '.' or '..' segment"),
        ("a/../{hash}.{ext}", "begins or ends with a slash, or has an empty, '.' or '..' segment"),
        ("{domain}" * 4 + "{hash}.{ext}", "could become 1081 characters long, more than 1024"),
        ("a" * 513, "has 513 characters, more than 512"),
    ],
)
def test_what_cannot_be_used_is_told(text, problem):
    assert refused(text) == problem


_VARIABLES = ("hash", "ext", "year", "month", "day", "timestamp", "domain", "uuid", "date")
_PIECES = st.sampled_from([*(f"{{{name}}}" for name in _VARIABLES), "a", "/", ".", "..", "-~", "{"])


@given(
    st.lists(_PIECES, max_size=4).flatmap(lambda some: st.permutations([*some, "{hash}", "{ext}"])),
    st.sampled_from(["https://a.b/", "http://../", "http://[::1]/"]),
)
def test_no_path_leads_out_of_its_bucket(pieces, url):
    text = "".join(pieces)
    try:
        template = PathTemplate.parse(text, "storage.path")
    except InvalidRequest:
        assume(False)
    made = template.path_of(entry_of(url))

    assert len(made.encode()) <= MAX_PATH_BYTES
    assert set(made) <= set(string.ascii_letters + string.digits + "!_.*'()/@:+=,&$;~-")
    assert not {"", ".", ".."} & set(made.split("/"))


@given(st.text(max_size=600))
def test_no_text_is_more_than_refused(text):
    with contextlib.suppress(InvalidRequest):
        PathTemplate.parse(text, "storage.path")
