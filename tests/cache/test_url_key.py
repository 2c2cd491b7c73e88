"""The key under which a URL is indexed, and the one spelling behind it."""

from __future__ import annotations

import ada_url
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from calotype.cache.url_key import (
    NO_URL_KEY,
    canonical_spelling,
    canonical_url,
    split_key,
    url_key,
    url_of_key,
)

HOSTS = st.sampled_from(
    [
        "a.com",
        "WWW.A.com",
        "bücher.example",
        "[::1]",
        "[2001:DB8::A]",
        "127.1",
        "a.com.",
        "a*{b'.com",
        "u:p@a.com",
    ]
)
PORTS = st.sampled_from(["", ":", ":80", ":443", ":8080", ":0"])
RESTS = st.text(
    st.sampled_from(
        "aA2fFzZ/.~-_:?#[]@!$&'()*+,;=%{}|^\"<>`\\ é日\u0301\u0131\U0001f600\U0010ffff\x01\x7f\x85"
    ),
    max_size=24,
)
URLS = st.builds("{}://{}{}/{}".format, st.sampled_from(["http", "HTTPS"]), HOSTS, PORTS, RESTS)


@pytest.mark.parametrize(
    ("url", "ukey"),
    [
        ("https://www.mysite.com/blog/a?x=1", "moc.etisym.www/https/blog/a?x=1"),
        ("http://mysite.com:8080/", "moc.etisym/http:8080/"),
        ("https://mysite.com", "moc.etisym/https/"),
        ("https://mysite.com?x#y", "moc.etisym/https/?x#y"),
        ("https://mysite.com:443/", "moc.etisym/https/"),
        ("http://mysite.com:80/", "moc.etisym/http/"),
        ("http://mysite.com:443/", "moc.etisym/http:443/"),
        ("http://[::1]/", "]1::[/http/"),
        ("http://[::1]:8080/", "]1::[/http:8080/"),
        ("https://user:p%40ss@mysite.com:8443/@x", "moc.etisym/https:8443/@x"),
        ("about:blank", NO_URL_KEY),
    ],
)
def test_the_key_begins_with_the_host_backwards(url, ukey):
    assert url_key(url) == ukey


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        # Scheme, host, port, dots: as the parser spells them.
        ("HTTPS://MySite.COM:443", "https://mysite.com/"),
        ("https://mysite.com/a/./b/../c/%2e%2E/d", "https://mysite.com/a/d"),
        ("https://mysite.com//a//", "https://mysite.com//a//"),
        ("https://mysite.com\\a", "https://mysite.com/a"),
        ("https://user:pass@mysite.com/", "https://mysite.com/"),
        # Upper and lower case mean different things in a path.
        ("https://mysite.com/Blog?Q=A#B", "https://mysite.com/Blog?Q=A#B"),
        # One percent-encoding in path, query and fragment.
        ("https://mysite.com/%7Ejoe/%61?%7e#%7e", "https://mysite.com/~joe/a?~#~"),
        ("https://mysite.com/a%2fb%2Fc", "https://mysite.com/a%2Fb%2Fc"),
        (
            "https://mysite.com/{'|^}?{'|^\"}#{'|^}",
            "https://mysite.com/%7B%27%7C%5E%7D?%7B%27%7C%5E%22%7D#%7B%27%7C%5E%7D",
        ),
        (
            "https://mysite.com/`<> ?\\`<> #\\`<>",
            "https://mysite.com/%60%3C%3E%20?%5C%60%3C%3E%20#%5C%60%3C%3E",
        ),
        (
            "https://mysite.com/!$&()*+,;=:@[]?!$&()*+,;=:@/?[]",
            "https://mysite.com/!$&()*+,;=:@[]?!$&()*+,;=:@/?[]",
        ),
        ("https://mysite.com/%21%2A%3F%23", "https://mysite.com/%21%2A%3F%23"),
        # What is no escape stays, and an escape behind it is not decoded into one.
        ("https://mysite.com/100%?%zz#%4", "https://mysite.com/100%?%zz#%4"),
        ("https://mysite.com/%%34%31", "https://mysite.com/%%341"),
        ("https://mysite.com/%4%31%c3", "https://mysite.com/%4%31%C3"),
        ("https://mysite.com/%ff%C3%28", "https://mysite.com/%FF%C3%28"),
        # Unicode is UTF-8; composed and decomposed are two spellings to the server, so to us.
        (
            "https://bücher.example/straße?q=日本",
            "https://xn--bcher-kva.example/stra%C3%9Fe?q=%E6%97%A5%E6%9C%AC",
        ),
        ("https://mysite.com/\u00e9#\u00e9", "https://mysite.com/%C3%A9#%C3%A9"),
        ("https://mysite.com/e\u0301", "https://mysite.com/e%CC%81"),
        ("https://mysite.com/\U0001f600", "https://mysite.com/%F0%9F%98%80"),
        ("https://\u0131stanbul.example/", "https://xn--stanbul-qfb.example/"),
        # The query is left as it is.
        ("https://mysite.com/p?b=2&a=1&a=1&", "https://mysite.com/p?b=2&a=1&a=1&"),
        ("https://mysite.com/p?", "https://mysite.com/p?"),
        ("https://mysite.com/p?#", "https://mysite.com/p?#"),
        ("https://mysite.com/p?a+b%20c", "https://mysite.com/p?a+b%20c"),
        # The fragment is kept: a client-side route is a page.
        ("https://mysite.com/#/orders", "https://mysite.com/#/orders"),
        ("https://mysite.com/#a#b", "https://mysite.com/#a#b"),
        ("about:blank", "about:blank"),
    ],
)
def test_equivalent_spellings_have_one_canonical_url(url, canonical):
    assert canonical_url(url) == canonical
    assert canonical_url(canonical) == canonical


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://mysite.com/", "http://mysite.com/"),
        ("https://mysite.com/", "https://mysite.com./"),
        ("https://mysite.com/", "https://mysite.com:8443/"),
        ("https://mysite.com/a", "https://mysite.com/a/"),
        ("https://mysite.com/a", "https://mysite.com/A"),
        ("https://mysite.com/a", "https://mysite.com//a"),
        ("https://mysite.com/a", "https://mysite.com/a?"),
        ("https://mysite.com/a", "https://mysite.com/a#"),
        ("https://mysite.com/a/b", "https://mysite.com/a%2Fb"),
        ("https://mysite.com/a?b", "https://mysite.com/a%3Fb"),
        ("https://mysite.com/?a=1&b=2", "https://mysite.com/?b=2&a=1"),
        ("https://mysite.com/?a=1", "https://mysite.com/?a=1&a=1"),
        ("https://mysite.com/?a+b", "https://mysite.com/?a%20b"),
        ("https://mysite.com/#/a", "https://mysite.com/#/b"),
        ("https://mysite.com/\u00e9", "https://mysite.com/e\u0301"),
        ("https://mysite.com/*", "https://mysite.com/%2A"),
    ],
)
def test_pages_that_may_differ_have_different_keys(one, other):
    assert url_key(one) != url_key(other)


@pytest.mark.parametrize(
    ("url", "parts"),
    [
        ("https://mysite.com/a?b#c/d", ("https", "mysite.com", "", "/a?b#c/d")),
        ("http://mysite.com:443", ("http", "mysite.com", "443", "/")),
        ("http://[::1]:8080//", ("http", "[::1]", "8080", "//")),
        ("http://mysite.com/a:1/b", ("http", "mysite.com", "", "/a:1/b")),
    ],
)
def test_a_key_splits_into_the_components_of_its_url(url, parts):
    assert split_key(url_key(url)) == parts


@pytest.mark.parametrize(
    "url", ["", "mysite.com", "ftp://mysite.com/", "about:srcdoc", "data:,x", "http://\ud800/"]
)
def test_what_is_no_web_page_has_no_key(url):
    with pytest.raises(ValueError):  # noqa: PT011  whoever calls has parsed the URL before
        url_key(url)


def test_the_longest_hosts_and_urls_have_keys():
    host = ".".join(["a" * 63] * 3 + ["b" * 61])
    url = f"https://{host}/" + "日" * 65_536

    assert len(host) == 253
    assert url_of_key(url_key(url)) == f"https://{host}/" + "%E6%97%A5" * 65_536


@settings(max_examples=200, deadline=None)
@given(URLS)
def test_a_canonical_url_is_a_url_that_is_its_own_canonical_url(url):
    canonical = canonical_url(url)

    assert canonical_url(ada_url.URL(canonical).href) == canonical
    assert url_key(canonical) == url_key(url)


@settings(max_examples=200, deadline=None)
@given(URLS)
def test_the_key_and_the_canonical_url_can_be_had_from_each_other(url):
    assert url_of_key(url_key(url)) == canonical_url(url)


@settings(max_examples=200, deadline=None)
@given(URLS)
def test_a_key_is_printable_ascii_without_spaces_or_credentials(url):
    ukey = url_key(url)

    assert all("!" <= character <= "~" for character in ukey)
    assert "p:u" not in ukey
    assert "/" in ukey


@settings(max_examples=200, deadline=None)
@given(RESTS, RESTS)
def test_spelling_a_text_in_pieces_spells_it_whole(left, right):
    # What a pattern needs, whose literal runs are spelt one by one. Only an escape cut in two differs.
    assume("%" not in left[-6:])

    assert canonical_spelling(left) + canonical_spelling(right) == canonical_spelling(left + right)
