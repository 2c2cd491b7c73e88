"""Hard cases 18 to 22, on a real index: what a URL pattern takes, and what it leaves."""

from __future__ import annotations

import asyncio

import pytest

from calotype.cache.globs import UrlGlob
from calotype.cache.purge import PurgeFilter
from calotype.cache.url_key import url_key
from tests.support.adapters import sqlite_adapters
from tests.support.builders import an_origin
from tests.support.clock import HandClock
from tests.support.service import a_bench

METACHARACTERS = [*"[]{}_%'\"<>|^`~!$&()+,;=:@.*?\\", "%2A", "%3F", "%5B", "%25", "%zz", ""]
LONG_HOST = ".".join(["a" * 63] * 3 + ["b" * 61])


@pytest.fixture
async def adapters(tmp_path):
    async with sqlite_adapters(tmp_path / "index.db", HandClock()) as adapters:
        yield adapters


async def stored(adapters, urls):
    """Store every URL under itself; return the entries by URL."""
    entries = await adapters.keep_many([an_origin(url, url) for url in urls])
    return dict(zip(urls, entries, strict=True))


async def assert_takes(adapters, pattern, taken, left):
    """Purge by pattern, first only to count."""
    entries = await stored(adapters, [*taken, *left])
    which = PurgeFilter(url=UrlGlob(pattern))
    assert (await adapters.purge(which, dry_run=True)).count == len(taken)
    assert (await adapters.purge(which)).count == len(taken)
    there = dict(zip(entries, await adapters.has(*entries.values()), strict=True))
    assert [url for url, still in there.items() if still] == left


def escaped(text):
    return "".join("\\" + each if each in "*?\\" else each for each in text)


@pytest.mark.parametrize("place", ["https://a.com/x{}y", "https://a.com/p??x{}y", "https://a.com/#x{}y"])
async def test_every_metacharacter_matches_itself_alone(adapters, place):
    """Case 18."""
    # In a path the parser takes a raw backslash for a slash, and that is no metacharacter.
    urls = [place.format("%5C" if each == "\\" else each) for each in METACHARACTERS]
    await stored(adapters, urls)
    for url in urls:
        same = [other for other in urls if url_key(other) == url_key(url)]
        done = await adapters.purge(PurgeFilter(url=UrlGlob(escaped(url))), dry_run=True)
        assert (url, done.count) == (url, len(same))


async def test_so_do_the_brackets_of_an_ipv6_host_and_the_wildcards_of_like(adapters):
    """Case 18."""
    urls = [
        "http://[::1]/", "http://[::1]:81/", "http://[::2]/", "http://1/", "https://a.com/100%_x",
        "https://a.com/100ab_x", "https://a_b.com/", "https://axb.com/",
    ]  # fmt: skip
    await stored(adapters, urls)
    for pattern, count in {
        "http://[::1]/*": 1, "[::1]/": 1, "http://[::?]/": 2, "https://a.com/100%_x": 1,
        "https://a.com/100*_x": 2, "https://a_b.com/*": 1, "https://a?b.com/*": 2, "https://[ab].com/*": 0,
    }.items():  # fmt: skip
        done = await adapters.purge(PurgeFilter(url=UrlGlob(pattern)), dry_run=True)
        assert (pattern, done.count) == (pattern, count)


async def test_a_pattern_of_ten_thousand_stars_is_refused_and_of_two_thousand_answered_at_once(tmp_path):
    """Case 18."""
    async with a_bench(tmp_path / "data") as bench:
        long = "https://example.com/" + "a" * 2_000
        await bench.client.post("/v1/screenshot", json={"url": long})
        # By a matcher that goes back and tries again, each would take longer than the universe has.
        async with asyncio.timeout(20):
            refused = await bench.client.post("/v1/cache/purge", json={"url": "*a" * 10_000})
            misses = await bench.client.post("/v1/cache/purge", json={"url": "*a" * 2_000 + "b"})
            hits = await bench.client.post("/v1/cache/purge", json={"url": "*" * 2_000 + "a" * 2_000})

    assert (refused.status_code, refused.json()["error"]["details"]["field"]) == (400, "url")
    assert (misses.json()["purged"], hits.json()["purged"]) == (0, 1)


async def test_boundaries(adapters):
    """Case 19."""
    await assert_takes(
        adapters,
        "https://mysite.com/blog/*",
        [
            "https://mysite.com/blog/", "https://mysite.com/blog/a/b", "https://mysite.com/blog/?q=1",
            "https://mysite.com/blog/#top", "https://mysite.com/blog//", "https://mysite.com:443/blog/c",
            "https://user:pw@mysite.com/blog/d", "HTTPS://MYSITE.COM/blog/e",
        ],
        [
            "https://mysite.com/blog", "https://mysite.com/blogger", "https://mysite.com/Blog/x",
            "https://notmysite.com/blog/x", "https://mysite.com.evil.org/blog/x",
            "https://evil.org/?u=https://mysite.com/blog/x", "https://mysite.com//blog/x",
            "https://mysite.com:80/blog/x", "https://mysite.com:8443/blog/x", "http://mysite.com/blog/x",
            "https://mysite.com", "https://mysite.com@evil.org/blog/x",
        ],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("pattern", "taken", "left"),
    [
        (
            "https://bücher.example/straße?q=日本*",
            ["https://bücher.example/straße?q=日本", "https://xn--bcher-kva.example/stra%c3%9fe?q=%E6%97%A5%E6%9C%AC"],
            ["https://bucher.example/straße?q=日本", "https://bücher.example/strasse?q=日本"],
        ),
        ("https://a.com/caf\u00e9", ["https://a.com/caf\u00e9", "https://a.com/caf%c3%A9"], ["https://a.com/cafe\u0301"]),
        ("https://a.com/~joe*", ["https://a.com/%7Ejoe", "https://a.com/%7ejoe/x"], ["https://a.com/joe"]),
        ("https://a.com/a/b*", ["https://a.com/a/b"], ["https://a.com/a%2Fb"]),
        ("https://a.com/%ff%C3%28*", ["https://a.com/%FF%c3%28"], ["https://a.com/%EF%BF%BD"]),
        ("https://a.com/\U0001f600*", ["https://a.com/\U0001f600", "https://a.com/%F0%9F%98%80x"], ["https://a.com/\U0001f601"]),
        ("https://a.com/\U0010ffff*", ["https://a.com/\U0010ffff", "https://a.com/\U0010ffffx"], ["https://a.com/\ud7ff"]),
        ("https://a.com/\ud7ff*", ["https://a.com/\ud7ffx"], ["https://a.com/\ue000"]),
        ("https://\u0131.com/*", ["https://\u0131.com/x"], ["https://i.com/x"]),
        (f"https://{LONG_HOST}/*", [f"https://{LONG_HOST}/x"], [f"https://{LONG_HOST[1:]}/x"]),
        ("https://a.com/日*", ["https://a.com/" + "日" * 7_000], ["https://a.com/月"]),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)  # fmt: skip
async def test_unicode(adapters, pattern, taken, left):
    """Case 20. The longest URL here has 64 KB as it is kept."""
    await assert_takes(adapters, pattern, taken, left)


@pytest.mark.parametrize(
    ("pattern", "taken", "left"),
    [
        ("https://a.com/?a=1&b=2", ["https://a.com/?a=1&b=2"], ["https://a.com/?b=2&a=1", "https://a.com/?a=1&b=2&b=2"]),
        (r"https://a.com/p\?", ["https://a.com/p?"], ["https://a.com/p", "https://a.com/p?x"]),
        (r"https://a.com/\?a+b", ["https://a.com/?a+b"], ["https://a.com/?a%20b", "https://a.com/?a%2Bb"]),
        (
            "https://a.com/p?id=*",
            ["https://a.com/p?id=", "https://a.com/p?id=1", "https://a.com/p?id=1&x"],
            ["https://a.com/q?id=1", "https://a.com/q/p?id=1", "https://a.com/p?x=1&id=1", "https://a.com/pid=1"],
        ),
        ("https://a.com/app#/a", ["https://a.com/app#/a"], ["https://a.com/app#/b", "https://a.com/app"]),
        ("https://a.com/app*", ["https://a.com/app#/a", "https://a.com/app#/b", "https://a.com/app"], ["https://a.com/ap"]),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)  # fmt: skip
async def test_query_strings_and_fragments(adapters, pattern, taken, left):
    """Cases 21 and 22."""
    await assert_takes(adapters, pattern, taken, left)
