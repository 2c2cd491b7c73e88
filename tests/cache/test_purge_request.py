"""The body of a purge: whatever is not understood purges nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from calotype.cache.globs import PathGlob, UrlGlob
from calotype.cache.purge import PurgeFilter
from calotype.cache.purge_request import parse_moment, parse_purge
from calotype.capture.errors import InvalidRequest, MissingParameter

MIDNIGHT = datetime(2024, 1, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "which"),
    [
        ({"keys": ["a"]}, PurgeFilter(keys=("a",))),
        ({"keys": ["b", "a", "b", "ü", "screenshots/x"]}, PurgeFilter(keys=("b", "a", "ü", "screenshots/x"))),
        ({"url": "https://mysite.com/*"}, PurgeFilter(url=UrlGlob("https://mysite.com/*"))),
        ({"url": "*"}, PurgeFilter(url=UrlGlob("*"))),
        ({"pattern": "screenshots/2024/*"}, PurgeFilter(pattern=PathGlob("screenshots/2024/*"))),
        ({"before": "2024-01-15T00:00:00Z"}, PurgeFilter(before=MIDNIGHT)),
        ({"tags": ["b", "a", "b"]}, PurgeFilter(tags=("b", "a"))),
        ({"all": True}, PurgeFilter(everything=True)),
        (
            {
                "keys": ["a"], "tags": ["t"], "url": "a.com/*", "pattern": "*.png", "before": "2024-01-15",
                "all": True,
            },
            PurgeFilter(
                keys=("a",), url=UrlGlob("a.com/*"), pattern=PathGlob("*.png"), before=MIDNIGHT,
                tags=("t",), everything=True,
            ),
        ),
    ],
)  # fmt: skip
def test_filters_are_read_as_they_are_written(body, which):
    asked = parse_purge(body)

    assert (asked.which, asked.dry_run) == (which, False)
    assert parse_purge({**body, "dry_run": True}).dry_run


def test_the_reply_can_echo_what_was_asked_in_its_own_spelling():
    asked = parse_purge({"url": "MySite.com/*", "pattern": "*.png", "before": "2024-01-15"})

    assert (asked.url, asked.pattern, asked.before, asked.glob) == (
        "MySite.com/*",
        "*.png",
        "2024-01-15",
        "MySite.com/*",
    )
    assert parse_purge({"pattern": "*.png"}).glob == "*.png"
    assert parse_purge({"keys": ["a"]}).glob is None


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"urls": ["a"]}, "urls"),
        ({"keys": ["a"], "Url": "b"}, "Url"),
        ({"key": "a"}, "key"),
        ({"keys": None}, "keys"),
        ({"keys": ["a"], "url": None}, "url"),
        ({"keys": ["a"], "dry_run": None}, "dry_run"),
        ({"keys": []}, "keys"),
        ({"keys": "a"}, "keys"),
        ({"keys": {"a": 1}}, "keys"),
        ({"keys": ["a", 1]}, "keys"),
        ({"keys": ["a", None]}, "keys"),
        ({"keys": ["a", ["b"]]}, "keys"),
        ({"keys": [""]}, "keys"),
        ({"keys": ["a", "../etc/passwd"]}, "keys"),
        ({"keys": ["a\x00"]}, "keys"),
        ({"keys": ["x" * 601]}, "keys"),
        ({"keys": [f"k{number}" for number in range(10_001)]}, "keys"),
        ({"tag": "a"}, "tag"),
        ({"tags": None}, "tags"),
        ({"tags": []}, "tags"),
        ({"tags": "a"}, "tags"),
        ({"tags": ["a", 1]}, "tags"),
        ({"tags": ["a", "b*c d"]}, "tags"),
        ({"tags": ["x" * 65]}, "tags"),
        ({"tags": [f"t{number}" for number in range(10_001)]}, "tags"),
        ({"url": ""}, "url"),
        ({"url": " "}, "url"),
        ({"url": ["https://a.com/*"]}, "url"),
        ({"url": "https://a.com/\\"}, "url"),
        ({"url": "x" * 4097}, "url"),
        ({"pattern": ""}, "pattern"),
        ({"pattern": 5}, "pattern"),
        ({"pattern": "a\n"}, "pattern"),
        ({"before": 1705276800}, "before"),
        ({"before": ""}, "before"),
        ({"before": "yesterday"}, "before"),
        ({"all": False}, "all"),
        ({"all": 1}, "all"),
        ({"all": "true"}, "all"),
        ({"keys": ["a"], "all": False}, "all"),
        ({"keys": ["a"], "dry_run": "yes"}, "dry_run"),
        ({"keys": ["a"], "dry_run": 0}, "dry_run"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_not_understood_is_refused_by_name(body, field):
    with pytest.raises(InvalidRequest) as refused:
        parse_purge(body)

    assert refused.value.field == field


@pytest.mark.parametrize("body", [{}, {"dry_run": True}, {"dry_run": False}])
def test_without_a_filter_nothing_is_purged(body):
    with pytest.raises(MissingParameter):
        parse_purge(body)


def test_as_many_keys_and_tags_as_are_allowed_pass():
    names = [f"n{number}" for number in range(10_000)]

    assert parse_purge({"keys": names}).which.keys == tuple(names)
    assert parse_purge({"tags": names}).which.tags == tuple(names)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-01-15", MIDNIGHT),
        ("2024-01-15T00:00", MIDNIGHT),
        ("2024-01-15T00:00:00", MIDNIGHT),
        ("2024-01-15T00:00:00Z", MIDNIGHT),
        ("2024-01-15t00:00:00z", MIDNIGHT),
        ("2024-01-15 00:00:00 +00:00", MIDNIGHT),
        (" 2024-01-15T00:00:00Z\n", MIDNIGHT),
        ("2024-01-15T05:30:00+05:30", MIDNIGHT),
        ("2024-01-15T05:30:00+0530", MIDNIGHT),
        ("2024-01-14T19:00:00-05:00", MIDNIGHT),
        ("2024-01-15T23:59:59.999999Z", MIDNIGHT.replace(hour=23, minute=59, second=59, microsecond=999_999)),
        ("2024-01-15T00:00:00.5Z", MIDNIGHT.replace(microsecond=500_000)),
        ("2024-01-15T00:00:00.123456Z", MIDNIGHT.replace(microsecond=123_456)),
        # A microsecond up, so that what is earlier by nanoseconds is before it.
        ("2024-01-15T00:00:00.123456789Z", MIDNIGHT.replace(microsecond=123_457)),
        ("2024-01-15T00:00:00.000000001Z", MIDNIGHT.replace(microsecond=1)),
        ("2024-01-15T00:00:00.999999999Z", MIDNIGHT + timedelta(seconds=1)),
        ("2024-02-29", MIDNIGHT.replace(month=2, day=29)),
        ("0001-01-01", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("9999-12-31", datetime(9999, 12, 31, tzinfo=UTC)),
    ],
)
def test_a_moment_is_read_to_the_microsecond(text, moment):
    assert parse_moment(text, "before") == moment


@pytest.mark.parametrize(
    "text",
    [
        "2024-02-30", "2023-02-29", "2024-13-01", "2024-00-10", "2024-1-5", "24-01-15", "20240115",
        "2024-W03-1", "2024-015",
        "2024-01-15T24:00:00Z", "2024-01-15T24:00Z", "2024-01-15T23:59:60Z", "2024-01-15T23:60:00Z",
        "2024-01-15T25:00:00Z",
        "2024-01-15T00:00:00+24:00", "2024-01-15T00:00:00+05", "2024-01-15T00:00:00 UTC", "2024-01-15T00",
        "2024-01-15Z",
        "2024-01-15T00:00:00.Z", "2024-01-15T00:00:00.1234567890Z", "2024-01-15T00:00:00,5Z",
        "2024-01-15T00:00:00ZZ",
        "9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00",
        "10000-01-01",
        "1705276800", "now", "\uff12\uff1024-01-15", "-2024-01-15", "2024-01-15T00:00:00Z; DROP TABLE entry",
        "x" * 10_000,
    ],
)  # fmt: skip
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(InvalidRequest) as refused:
        parse_moment(text, "before")

    assert refused.value.field == "before"
    assert len(str(refused.value)) < 300
