"""Where the index looks for the URLs of a glob: ranges may narrow the search, never the matches.

Every property here is checked on the same crowd of URLs: lookalike hosts, every kind of port, and
rests full of what means something to a glob, a database or a percent-encoder.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from itertools import pairwise, product
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calotype.cache.globs import UrlGlob
from calotype.cache.url_key import DEFAULT_PORTS, NO_URL_KEY, canonical_url, url_key
from calotype.capture.errors import InvalidRequest

HOSTS = """
    mysite.com www.mysite.com a.b.mysite.com notmysite.com mysite.com.evil.org MYSITE.com. mysite.co
    mysite.comx bücher.example a*b.com [::1] [2001:db8::1] 192.168.1.10 com
""".split()  # noqa: SIM905  one a line, they would fill a screen
PORTS = ["", ":443", ":80", ":8443"]
RESTS = """
    / // /blog /blog/ /blog// /blog/a /blog/a/b /Blog/a /blogger /a/../blog/x /blog/?q=1 /blog?q=1 /blog/#top
    /blog# /blog? ?id=1 /?id=1 /p?id= /p?id=1&id=2 /q?id=1 /#/orders /#/users /?u=https://mysite.com/blog/x
    /%7ejoe /~joe /a%2Fb /a/b /100% /%zz /straße?q=日本 /caf\u00e9 /cafe\u0301 /\U0001f600 /%ff /it's /?it's
    /{a}[b]|^` /* /%2A
""".split()  # noqa: SIM905  one a line, they would fill a screen
URLS = [
    f"{scheme}://u:p@{''.join(parts)}"
    for scheme in ("http", "https")
    for parts in product(HOSTS, PORTS, RESTS)
]
URL_OF = {url_key(url): canonical_url(url) for url in URLS}
KEYS = sorted([*URL_OF, NO_URL_KEY])

SCHEME_GLOBS = ["", "http://", "https://", "*://", "http*://", "h??p://", "ftp://"]
HOST_GLOBS = """
    mysite.com *.mysite.com *mysite.com *site.com mysite.* my*.com www.*.com * *.* m?site.com
    xn--bcher-kva.example [::1] [2001:*] *1] *.10
""".split()  # noqa: SIM905  one a line, they would fill a screen
PORT_GLOBS = ["", ":443", ":80", ":8443", ":*", ":8*", ":?0", ":4??"]
REST_GLOBS = """
    / /* /blog /blog/* /blog* /blog/?* /p?id=* /?id=1 /*/b /*#* /*?q=* //* /*/* /#/* /%7B*
""".split()  # noqa: SIM905


def within(scan, keys):
    """Return those of keys, which are sorted, that lie in the ranges of scan, range after range."""
    spans = [slice(bisect_left(keys, low), bisect_left(keys, high)) for low, high in scan.ranges]
    return [key for span in spans for key in keys[span]]


def escaped(url):
    return re.sub(r"[*?\\]", r"\\\g<0>", url)


@pytest.mark.parametrize(
    ("pattern", "ranges", "exact"),
    [
        ("https://mysite.com/blog/*", [("moc.etisym/https/blog/", "moc.etisym/https/blog0")], True),
        ("https://mysite.com/*", [("moc.etisym/https/", "moc.etisym/https0")], True),
        ("https://mysite.com/~*", [("moc.etisym/https/~", "moc.etisym/https/\x7f")], True),
        ("http://[::1]:8080/*", [("]1::[/http:8080/", "]1::[/http:80800")], True),
        (
            "https://mysite.com/blog/post",
            [("moc.etisym/https/blog/post", "moc.etisym/https/blog/post\x01")],
            True,
        ),
        (
            "mysite.com/blog/*",
            [
                ("moc.etisym/http/blog/", "moc.etisym/http/blog0"),
                ("moc.etisym/https/blog/", "moc.etisym/https/blog0"),
            ],
            True,
        ),
        (
            "mysite.com:443/",
            [
                ("moc.etisym/http:443/", "moc.etisym/http:443/\x01"),
                ("moc.etisym/https/", "moc.etisym/https/\x01"),
            ],
            True,
        ),
        ("https://*.mysite.com/*", [("moc.etisym.", "moc.etisym/")], False),
        ("*://*.mysite.com:*/*", [("moc.etisym.", "moc.etisym/")], False),
        ("https://*mysite.com/*", [("moc.etisym", "moc.etisyn")], False),
        ("https://a*.mysite.com/*", [("moc.etisym.", "moc.etisym/")], False),
        ("https://mysite.com/*/draft", [("moc.etisym/https/", "moc.etisym/https0")], False),
        ("https://mysite.com/p?id=*", [("moc.etisym/https/p", "moc.etisym/https/q")], False),
        (
            "https://mysite.com:*",
            [("moc.etisym/https/", "moc.etisym/https0"), ("moc.etisym/https:", "moc.etisym/https;")],
            False,
        ),
        # No page has this scheme. A query made of the ranges still needs one.
        ("ftp://mysite.com/*", [("", "")], True),
        ("*", [("", "\U0010ffff")], True),
    ],
)
def test_an_anchored_pattern_is_a_few_ranges(pattern, ranges, exact):
    scan = UrlGlob(pattern).plan()

    assert (scan.ranges, scan.exact) == (tuple(ranges), exact)


@pytest.mark.parametrize(
    "pattern",
    ["https://*/pricing/*", "*/blog/*", "*.pdf", "https://mysite.*/x", "https://*", "*?", "*://*:*"],
)
def test_an_unanchored_pattern_looks_everywhere_and_asks(pattern):
    scan = UrlGlob(pattern).plan()

    assert within(scan, KEYS) == KEYS
    assert not scan.exact


@pytest.mark.parametrize(
    ("pattern", "needle"),
    [
        ("https://*/pricing/*", "pricing"),
        ("*/blog/*.html", ".html"),
        ("*mysite.com/a*", "mysite.com"),
        ("*://*:*", ""),
        ("https://mysite.com/*/draft?x=*", "draft"),
    ],
)
def test_a_pattern_that_asks_says_what_to_look_for_first(pattern, needle):
    assert UrlGlob(pattern).plan().needle == needle


def assert_plan_finds_all(glob):
    """Check the plan of glob against asking every URL of the crowd."""
    scan = glob.plan()
    found = within(scan, KEYS)
    matching = [key for key in KEYS if glob.matches_key(key)]

    assert [key for key in found if glob.matches_key(key)] == matching
    assert not scan.exact or found == matching
    assert all(scan.needle in key or scan.needle[::-1] in key for key in matching)
    assert all(low < high for low, high in scan.ranges) or scan.ranges == (("", ""),)
    assert all(end <= start for (_, end), (start, _) in pairwise(scan.ranges))
    return scan


@settings(max_examples=80, deadline=None)
@given(*map(st.sampled_from, (SCHEME_GLOBS, HOST_GLOBS, PORT_GLOBS, ["", "*", *REST_GLOBS])))
def test_a_plan_holds_every_match_once_and_an_exact_one_nothing_else(scheme, host, port, rest):
    scan = assert_plan_finds_all(UrlGlob(scheme + host + port + rest))

    host_ends_open = host.endswith("*") or (rest == "*" and not port)
    whole_url = not scheme and host.startswith("*")
    assert host_ends_open or whole_url or all(low or not high for low, high in scan.ranges)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(URLS),
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 8), st.sampled_from("*?")), max_size=3),
)
def test_wherever_wildcards_replace_parts_of_a_url_the_plan_finds_all(url, cuts):
    pattern = escaped(url)
    for start, length, wildcard in cuts:
        pattern = pattern[:start] + wildcard + pattern[start + length :]

    assert_plan_finds_all(UrlGlob(pattern))


@settings(max_examples=60, deadline=None)
@given(st.text("htps:/*?#@[]\\.a%", min_size=1, max_size=12))
def test_a_pattern_that_resembles_nothing_is_read_and_planned_too(pattern):
    try:
        glob = UrlGlob(pattern)
    except InvalidRequest:
        assert pattern.endswith("\\")
        return
    assert_plan_finds_all(glob)


def test_a_url_with_its_wildcards_escaped_matches_its_equivalents_alone():
    for url in URLS[::37]:
        glob = UrlGlob(escaped(url))
        assert [key for key in KEYS if glob.matches_key(key)] == [url_key(url)]
        assert within(glob.plan(), KEYS) == [url_key(url)]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(list(URL_OF.values())), st.data())
def test_a_star_stands_for_any_run_and_question_marks_for_any_characters(url, data):
    after_host = url.index("/", len("https://")) + 1
    start = data.draw(st.integers(after_host, len(url)))
    end = data.draw(st.integers(start, len(url)))
    before, after = escaped(url[:start]), escaped(url[end:])

    assert UrlGlob(before + "*" + after).matches(url)
    assert UrlGlob(before + "?" * (end - start) + after).matches(url)


def component_by_component(scheme, host, port, rest):
    """Return the matcher that the grammar describes, made of regexes and somebody else's URL parser."""

    def matcher(glob):
        return re.compile(
            "".join({"*": ".*", "?": "."}.get(token, re.escape(token)) for token in glob)
        ).fullmatch

    matches_scheme, matches_host, matches_rest = map(matcher, (scheme.removesuffix("://") or "*", host, rest))
    matches_port = {name: matcher(port[1:] or own) for name, own in DEFAULT_PORTS.items()}

    def matches(url):
        parts = urlsplit(url)
        url_host, *url_ports = re.findall(r"\[.*\]|[^:]+", parts.netloc)
        return (
            matches_scheme(parts.scheme)
            and matches_host(url_host)
            and matches_port[parts.scheme]("".join(url_ports) or DEFAULT_PORTS[parts.scheme])
            and matches_rest(url.partition(parts.netloc)[2])
        )

    return matches


COMPONENTS = st.tuples(*map(st.sampled_from, (SCHEME_GLOBS, HOST_GLOBS, PORT_GLOBS, REST_GLOBS)))


@settings(max_examples=80, deadline=None)
@given(COMPONENTS.filter(lambda globs: globs[0] or not globs[1].startswith("*")), st.randoms())
def test_components_are_compared_one_by_one(globs, random):
    glob, expected = UrlGlob("".join(globs)), component_by_component(*globs)
    lookalikes = [key for key in URL_OF if key.startswith(("moc.etisym/https/", "moc.etisym.www/http:8"))]
    keys = [*random.sample(list(URL_OF), 150), *lookalikes]

    assert [key for key in keys if glob.matches_key(key)] == [key for key in keys if expected(URL_OF[key])]


@pytest.mark.parametrize(
    ("pattern", "single"),
    [
        ("https://example.com/a", True),
        ("example.com", True),
        (r"https://example.com/a\*", True),
        ("https://example.com/*", False),
        ("https://example.com/a?b", False),
        ("https://example.com:*/a", False),
        ("*/a", False),
        ("*", False),
    ],
)
def test_only_a_pattern_without_wildcards_names_single_urls(pattern, single):
    assert UrlGlob(pattern).plan().names_single_texts == single
