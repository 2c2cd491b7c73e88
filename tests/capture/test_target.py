"""Which URLs may be asked for, and how they are spelt from then on."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calotype.capture.errors import InvalidUrl
from calotype.capture.target import MAX_URL_LENGTH, host_of, parse_page_url, source_url


@pytest.mark.parametrize(
    ("text", "href"),
    [
        ("https://example.com", "https://example.com/"),
        ("HTTPS://EXAMPLE.com:443/Blog", "https://example.com/Blog"),
        ("http://example.com:8080", "http://example.com:8080/"),
        ("https://example.com/a/./b/../c", "https://example.com/a/c"),
        ("https://example.com\\a\\b", "https://example.com/a/b"),
        ("  https://example.com/a\n", "https://example.com/a"),
        ("https://exam\tple.com/a\r\nb", "https://example.com/ab"),
        (
            "https://bücher.example/straße?q=日本",
            "https://xn--bcher-kva.example/stra%C3%9Fe?q=%E6%97%A5%E6%9C%AC",
        ),
        ("http://[0:0:0:0:0:0:0:1]:80/", "http://[::1]/"),
        ("http://0x7f.1/", "http://127.0.0.1/"),
        ("https://example.com/?", "https://example.com/?"),
    ],
)
def test_a_url_becomes_what_chromium_makes_of_it(text, href):
    assert parse_page_url(text) == href


def test_the_fragment_and_the_credentials_stay_for_the_browser():
    href = parse_page_url("https://user:pass@example.com/#/orders?tab=1")

    assert href == "https://user:pass@example.com/#/orders?tab=1"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is empty"),
        (" \t\n", "is empty"),
        ("example.com", "is not a complete URL"),
        ("//example.com/", "is not a complete URL"),
        ("http://", "is not a complete URL"),
        ("https://?q=1", "is not a complete URL"),
        ("https://exa mple.com/", "is not a complete URL"),
        ("https://example.com:65536/", "is not a complete URL"),
        ("https://[::1/", "is not a complete URL"),
        ("https://example.com/\ud800", "is not a complete URL"),
        ("localhost:3000", "has a scheme other than http and https"),
        ("file:///etc/passwd", "has a scheme other than http and https"),
        ("javascript:alert(1)", "has a scheme other than http and https"),
        ("data:text/html,hi", "has a scheme other than http and https"),
        ("about:blank", "has a scheme other than http and https"),
        ("view-source:https://example.com/", "has a scheme other than http and https"),
        ("https://example.com/\0", "contains a NUL character"),
    ],
)
def test_what_is_not_a_web_page_is_refused_with_the_field_and_the_remedy(text, problem):
    with pytest.raises(InvalidUrl) as refused:
        parse_page_url(text, field="html_base_url")

    assert (refused.value.field, refused.value.problem) == ("html_base_url", problem)
    assert refused.value.remedy


def test_a_url_of_2048_characters_is_the_longest():
    longest = "https://example.com/".ljust(MAX_URL_LENGTH, "a")

    assert parse_page_url(longest) == longest
    with pytest.raises(InvalidUrl, match="url has 2,049 characters; a URL may have at most 2,048"):
        parse_page_url(longest + "a")


@pytest.mark.parametrize(
    "text",
    [
        "hunter2://secret:word@example.com/",
        "secret:word@example.com",
        "https://secret:word@/",
        "https://secret:word@exa mple.com/",
        "https://secret:word@example.com:99999/",
        "https://secret:word@example.com/\0",
        "https://secret:word@example.com/" + "a" * MAX_URL_LENGTH,
    ],
)
def test_no_message_repeats_a_credential(text):
    with pytest.raises(InvalidUrl) as refused:
        parse_page_url(text)

    assert not any(part in str(refused.value) for part in ("secret", "word", "hunter2"))
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    ("href", "source"),
    [
        ("https://user:pass@example.com/a?b#c", "https://example.com/a?b#c"),
        ("https://user@example.com:8443/", "https://example.com:8443/"),
        ("https://:pass@example.com/", "https://example.com/"),
        ("https://example.com/?to=a:b@c", "https://example.com/?to=a:b@c"),
        ("https://a%40b:c@[::1]/@/", "https://[::1]/@/"),
        ("https://example.com/?#", "https://example.com/?#"),
        ("about:blank", "about:blank"),
    ],
)
def test_the_source_url_is_the_href_without_credentials(href, source):
    assert source_url(href) == source


@pytest.mark.parametrize(
    ("href", "host"),
    [
        ("https://user:pass@example.com:8443/a", "example.com"),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example"),
        ("http://[::1]:8080/", "[::1]"),
        ("http://127.0.0.1/", "127.0.0.1"),
    ],
)
def test_the_host_comes_without_port_or_credentials(href, host):
    assert host_of(href) == host


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from("ab:/?#[]@!%.\\ \t\n\0é日\U0001f600\ud800"), max_size=30))
def test_any_text_is_parsed_for_good_or_refused(text):
    try:
        href = parse_page_url("https:" + text)
    except InvalidUrl:
        return
    assert parse_page_url(href) == href
    assert source_url(source_url(href)) == source_url(href)
    assert host_of(href) == host_of(source_url(href)) != ""
