"""Walls and error pages are suspected from what was seen; the pages are in tests/site/suspects.py."""

from __future__ import annotations

import time

import pytest

from calotype.capture.suspect import Evidence, is_error_page, wall_of

HEADERS = [
    ({"cf-mitigated": "challenge"}, 403, "cloudflare"),
    ({"cf-mitigated": "managed"}, 403, None),
    ({"x-amzn-waf-action": "captcha"}, 405, "aws"),
    ({"x-vercel-mitigated": "deny"}, 403, "vercel"),
    ({"x-sucuri-block": "WAF"}, 403, "sucuri"),
    ({"x-kpsdk-ct": "0"}, 429, "kasada"),
    ({"x-kpsdk-ct": "0"}, 200, None),
    ({"server": "cloudflare"}, 503, None),
    ({}, 403, None),
]


@pytest.mark.parametrize(("headers", "status", "wall"), HEADERS)
def test_what_the_server_says_itself_counts_for_any_page(headers, status, wall):
    assert wall_of(Evidence(http_status=status, headers=headers, short=False)) == wall
    assert wall_of(Evidence(http_status=status, headers=headers, short=True)) == wall


MARKED = [
    (Evidence(marks=frozenset({"cloudflare"}), title="Just a moment..."), "cloudflare"),
    (Evidence(marks=frozenset({"cloudflare"}), title="Nur einen Moment…", http_status=403), "cloudflare"),
    (Evidence(marks=frozenset({"cloudflare"}), title="A shop"), None),
    (Evidence(title="Just a moment...", http_status=403), None),
    (Evidence(marks=frozenset({"cloudflare-block"}), title="shop.example | 521: Web server is down"), None),
    (Evidence(marks=frozenset({"aws"})), None),
    (Evidence(marks=frozenset({"aws", "aws-box"})), "aws"),
    (Evidence(marks=frozenset({"captcha"})), None),
    (Evidence(marks=frozenset({"captcha"}), text="Verify you are human"), "captcha"),
    (Evidence(marks=frozenset({"captcha"}), text="Verify that you\u2019re human"), "captcha"),
    (Evidence(marks=frozenset({"captcha", "fields"}), text="Verify you are human"), None),
    (Evidence(marks=frozenset({"captcha"}), http_status=429), "captcha"),
    (Evidence(marks=frozenset({"captcha"}), http_status=404), None),
    (Evidence(title="Access Denied", text="Reference #18.2d351ab8.1557333295.a4e16ab"), "akamai"),
    (Evidence(title="Access Denied", text="Reference #18"), None),
    (Evidence(title="Pardon Our Interruption", text="... made us think you were a bot."), "imperva"),
    (Evidence(title="Pardon Our Interruption", text="We are moving."), None),
]


@pytest.mark.parametrize(("seen", "wall"), MARKED)
def test_a_short_page_is_suspected_for_its_marks_and_words_together(seen, wall):
    assert wall_of(seen) == wall


def test_a_long_page_is_never_suspected_for_them():
    for seen, _ in MARKED:
        long = Evidence(
            http_status=seen.http_status, title=seen.title, text=seen.text, short=False, marks=seen.marks
        )
        assert wall_of(long) is None


TITLES = {
    "404 Not Found": True,
    "404: Not Found": True,
    "404 - Page not found": True,
    "404 Page Not Found | Shop": True,
    "HTTP 500 Internal Server Error": True,
    "Error 404": True,
    "404 Error - Shop": True,
    "502 Bad Gateway": True,
    "Service Temporarily Unavailable": True,
    "503 Service Temporarily Unavailable": True,
    "Page Not Found (404)": True,
    "Test Page for the Apache HTTP Server on Fedora": True,
    "404": False,
    "404 Media": False,
    "500 Startups": False,
    "Fahrenheit 451": False,
    "403 Forbidden Forest Road": False,
    "Forbidden": False,
    "Gone": False,
    "Gone with the wind": False,
    "Bad Gateway Records": False,
    "Error": False,
    "Not Found Gallery": False,
    "The page not found": False,
    "": False,
}


@pytest.mark.parametrize("title", TITLES)
def test_an_error_page_is_told_by_its_title(title):
    assert is_error_page(Evidence(title=title, text="Some words.")) is TITLES[title]


@pytest.mark.parametrize(
    "seen",
    [
        Evidence(title="404 Not Found", http_status=404),
        Evidence(title="404 Not Found", http_status=None),
        Evidence(title="404 Not Found", short=False),
        Evidence(title="404 Not Found", text="What it means. " * 60),
        Evidence(title="A forum", text="it works! But how?"),
    ],
)
def test_but_not_where_the_status_says_it_or_the_page_says_more(seen):
    assert not is_error_page(seen)


@pytest.mark.parametrize(
    "unit", ["404 ", "error ", "- ", "not found ", "http 404 ", "test page for the ", " "]
)
def test_no_title_or_text_keeps_us_busy(unit):
    seen = Evidence(title=unit * 1000, text=unit * 1000, marks=frozenset({"captcha"}))
    began = time.process_time()
    wall_of(seen)
    is_error_page(seen)

    assert time.process_time() - began < 0.5
