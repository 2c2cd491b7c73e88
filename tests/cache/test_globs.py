"""Which source URLs a purge glob means."""

from __future__ import annotations

import time

import pytest

from calotype.cache.globs import PathGlob, UrlGlob
from calotype.cache.url_key import NO_URL_KEY, canonical_url, url_key
from calotype.capture.errors import InvalidRequest


def cases(table):
    """Run a test for each line of table: pattern | URLs that match it | URLs that do not."""
    rows = [tuple(cell.strip() for cell in line.split("|")) for line in table.strip().splitlines()]
    return pytest.mark.parametrize(("pattern", "matching", "others"), rows)


def assert_matches(pattern, matching, others):
    glob = UrlGlob(pattern)
    assert [url for url in matching.split() if not glob.matches(url)] == []
    assert [url for url in others.split() if glob.matches(url)] == []


# Boundaries


@pytest.mark.parametrize(
    "pattern", ["https://mysite.com/blog/*", "mysite.com/blog/*", "HTTPS://u:p@MySite.com:443/blog/*"]
)
def test_a_folder_and_a_star_mean_what_is_in_the_folder(pattern):
    inside = r"""
        https://mysite.com/blog/        https://mysite.com/blog/a      https://mysite.com/blog/a/b
        https://mysite.com/blog//       https://mysite.com/blog/?q=1   https://mysite.com/blog/#top
        https://mysite.com:443/blog/a   https://u:p@mysite.com/blog/a  HTTPS://MYSITE.COM/blog/a
        https://mysite.com/x/../blog/a  https://mysite.com\blog\a
    """
    outside = """
        https://mysite.com/blog         https://mysite.com/blog?q=1    https://mysite.com/blog#top
        https://mysite.com/blogger      https://mysite.com/Blog/x      https://mysite.com//blog/x
        https://mysite.com/blog%2Fx     https://mysite.com:80/blog/x   https://mysite.com:8443/blog/x
        https://mysite.com./blog/x      https://notmysite.com/blog/x   https://www.mysite.com/blog/x
        https://mysite.com.evil.org/blog/x              https://mysite.com@evil.org/blog/x
        https://evil.org/?u=https://mysite.com/blog/x   https://evil.org/#https://mysite.com/blog/x
        https://evil.org/mysite.com/blog/x              https://evil.org/https://mysite.com/blog/x
    """
    assert_matches(pattern, inside, outside)


@cases("""
    https://a.com/blog*     | https://a.com/blog https://a.com/blogger https://a.com/blog?q | https://a.com/Blog
    https://a.com/*/draft   | https://a.com/x/draft https://a.com/x/y/draft | https://a.com/draft
    https://a.com/*/draft   | https://a.com//draft https://a.com/?/draft    | https://a.com/x/draft/
    https://a.com/**/draft  | https://a.com/x/y/draft                       | https://a.com/draft
    https://a.com/p?/x      | https://a.com/p1/x https://a.com/p?/x         | https://a.com/p/x https://a.com/p12/x
    https://a.com/          | https://a.com                                 | https://a.com/? https://a.com/#
    https://a.com/*         | https://a.com/ https://a.com/#/a https://a.com/?q#x | http://a.com/ https://b.com/
""")
def test_after_the_host_a_star_crosses_everything(pattern, matching, others):
    assert_matches(pattern, matching, others)


# Components


@cases("""
    a.com/x          | http://a.com/x https://a.com/x  | https://b.com/x
    *://a.com/x      | http://a.com/x https://a.com/x  | https://b.com/?://a.com/x
    http*://a.com/x  | http://a.com/x https://a.com/x  | https://b.com/x
    http?://a.com/x  | https://a.com/x                 | http://a.com/x
    HTTP://A.com/x   | http://a.com/x                  | https://a.com/x http://a.com/X
    ftp://a.com/*    |                                 | http://a.com/x https://a.com/x
    ://a.com/*       |                                 | http://a.com/x https://a.com/x
    \\*://a.com/*    |                                 | http://a.com/x https://a.com/x
""")
def test_a_pattern_without_a_scheme_means_http_and_https(pattern, matching, others):
    assert_matches(pattern, matching, others)


@cases(r"""
    https://*.a.com/*  | https://x.a.com/ https://x.y.a.com/z      | https://a.com/ https://xa.com/ http://x.a.com/
    https://*.A.COM/*  | https://X.a.com/                          | https://evil.org/?x=.a.com/ https://b.org/#.a.com/
    https://*a.com/*   | https://a.com/ https://x.a.com/ https://xa.com/ | https://a.com.x/ https://b.org/a.com/
    https://a.*/x      | https://a.com/x https://a.b.org/x         | https://a.com/y/x https://b.com/a./x
    https://a*.com/x   | https://a.com/x https://abc.com/x         | https://a/.com/x
    https://?.com/x    | https://a.com/x                           | https://ab.com/x https://.com/x
    ?.com/x            | https://a.com/x http://b.com/x            | https://ab.com/x
    https://*/x        | https://a.com/x https://[::1]/x           | https://a.com/y/x http://a.com/x
    a*b.com/x          | http://a*b.com/x http://ab.com/x          | http://a.com/b.com/x
    a\*b.com/x         | http://a*b.com/x                          | http://axb.com/x http://ab.com/x
    a.com./x           | http://a.com./x                           | http://a.com/x
    192.168.*/x        | http://192.168.1.1/x                      | http://192.169.1.1/x
    10.1.*.7/x         | http://10.1.2.7/x                         | http://10.1.2.8/x
    0x7f.1/x           | http://127.0.0.1/x                        | http://0x7f.1.com/x
""")
def test_a_star_in_the_host_stays_in_the_host(pattern, matching, others):
    assert_matches(pattern, matching, others)


@cases("""
    http://[::1]/*           | http://[::1]/ http://[0:0::1]:80/x   | http://[::1]:8080/ http://[::2]/
    [0:0:0:0:0:0:0:1]/       | http://[::1]/ https://[::1]/         | http://[::2]/
    http://[::1]:8080/*      | http://[::1]:8080/x                  | http://[::1]/x
    http://[2001:DB8:*]/*    | http://[2001:db8::1]/x               | http://[2001:db9::1]/x
    http://[2001:*/x         | http://[2001:db8::1]/x               | http://[2002::1]/x
    http://[::?]:*/          | http://[::1]/ http://[::2]:8080/     | http://[::12]/
    http://[::1]:*           | http://[::1]/x http://[::1]:8080/    | http://[::2]/
""")
def test_the_brackets_and_colons_of_an_ipv6_host_are_its_own(pattern, matching, others):
    assert_matches(pattern, matching, others)


@cases("""
    https://a.com/x       | https://a.com:443/x                        | https://a.com:80/x https://a.com:8443/x
    https://a.com:443/x   | https://a.com/x                            | http://a.com:443/x
    https://a.com:0443/x  | https://a.com/x                            | https://a.com:44/x
    https://a.com:/x      | https://a.com/x                            | https://a.com:8443/x
    https://a.com:80/x    | https://a.com:80/x                         | https://a.com/x http://a.com/x
    a.com:443/x           | https://a.com/x http://a.com:443/x         | http://a.com/x
    https://a.com:*/x     | https://a.com/x https://a.com:8443/x       | https://a.com/:8443/x
    https://a.com:84*/x   | https://a.com:8443/x https://a.com:84/x    | https://a.com/x https://a.com:8080/x
    https://a.com:44?/x   | https://a.com/x https://a.com:444/x        | https://a.com:44/x
    https://a.com:00/x    | https://a.com:0/x                          | https://a.com/x
    https://a.com:0*/x    | https://a.com:0/x                          | https://a.com/x https://a.com:1/x
    https://a.com:port/x  |                                            | https://a.com/x
    https://*:8443/x      | https://a.com:8443/x                       | https://a.com/x
    localhost:3000/*      | http://localhost:3000/x                    | http://localhost/3000/x
""")
def test_no_port_is_the_schemes_own_and_a_star_is_any(pattern, matching, others):
    assert_matches(pattern, matching, others)


@cases("""
    https://u:p@a.com/x  | https://a.com/x https://other@a.com/x  | https://u:p@b.com/x
    https://*@a.com/x    | https://a.com/x                        | https://b.com/x https://a.com@b.com/x
    u:p@a.com:8080/x     | http://a.com:8080/x                    | http://a.com/x
    https://a.com/@x     | https://a.com/@x                       | https://x/
""")
def test_credentials_are_not_compared(pattern, matching, others):
    assert_matches(pattern, matching, others)


@cases(r"""
    https://a.com           | https://a.com/                                | https://a.com/x https://a.com/?
    https://*               | https://a.com/ https://b.com/x/y?z#           | http://a.com/
    https://a.com*          | https://a.com/x https://a.com.b/y             | https://b.com/https://a.com/
    *://*:*                 | https://a.com/x http://[::1]:8080/#x          | about:blank
    a.com:*                 | http://a.com/x https://a.com:8443/y           | http://b.com/x
    https://a.com?id=*      | https://a.com/?id=1 https://a.com?id=         | https://a.com/ https://a.com/p?id=1
    https://a.com\?id=*     | https://a.com/?id=1                           | https://a.com/xid=1
    a.com?*                 | https://a.com/? http://a.com/x                | https://a.com/ https://a.common/x
    https://*?id=1          | https://a.com/?id=1                           | https://a.com/
    https://a.com#top       | https://a.com/#top                            | https://a.com/
    https://a.com#/orders   | https://a.com/#/orders                        | https://a.com/#/users https://a.com/
    https://a.com\?u=/x     | https://a.com/?u=/x                           | https://a.com/x
    https://a?c.com/x       | https://abc.com/x                             | https://a/?c.com/x
""")
def test_without_a_slash_the_host_ends_where_a_url_would_end_it(pattern, matching, others):
    assert_matches(pattern, matching, others)


@cases("""
    */blog/*         | https://a.com/blog/ http://b.com/x/blog/y https://c.com/?/blog/# | https://a.com/blog
    *.pdf            | https://a.com/x.pdf https://a.com/?x.pdf   | https://a.com/x.pdf?dl https://a.com/x.PDF
    *a.com/          | https://a.com/ https://aa.com/ https://b.com/?a.com/  | https://a.com/x
    *:8443/*         | https://a.com:8443/x                       | https://a.com/x
    *%7ejoe/{*       | https://a.com/~joe/%7Bx                    | https://a.com/joe/{x
    *?u=https://*    | https://a.com/?u=https://b.com/            | https://b.com/
""")
def test_a_star_without_a_scheme_runs_over_the_whole_url(pattern, matching, others):
    assert_matches(pattern, matching, others)


@cases(r"""
    /blog/*              |  | https://blog/x https://a.com/blog/x
    my site.com/*        |  | https://mysite.com/x https://site.com/x
    mysite.com\\evil/*   |  | https://mysite.com/evil/x https://mysite.com\evil/x
    http://[::1/x        |  | http://[::1]/x
    blank                |  | about:blank
    https://bü*.example/ |  | https://bücher.example/ https://xn--bcher-kva.example/
""")
def test_what_no_url_can_be_matches_none(pattern, matching, others):
    assert_matches(pattern, matching, others)


# One spelling


@cases(r"""
    https://a.com/a/./b/../c   | https://a.com/a/c       | https://a.com/a/b/c
    https://a.com/x/%2e%2E/b*  | https://a.com/blog      | https://a.com/x/b
    https://*.com/x/../b*      | https://a.com/blog      | https://a.com/x/b
    https://a.com/x/..         | https://a.com/          | https://a.com/x
    https://a.com/x/..#y       | https://a.com/#y        | https://a.com/x/#y
    https://a.com/x/..*        | https://a.com/x/..y     | https://a.com/
    https://a.com/x\?u=/../y   | https://a.com/x?u=/../y | https://a.com/y
    https://a.com/x?u=/../y    | https://a.com/x?u=/../y | https://a.com/y
    https://a.com/#/../x       | https://a.com/#/../x    | https://a.com/x
    https://a.com/*/../x       | https://a.com/?/../x    | https://a.com/x
""")
def test_dot_segments_are_resolved_where_they_are_certain_to_be_some(pattern, matching, others):
    assert_matches(pattern, matching, others)


@cases(r"""
    https://a.com/?a=1&b=2   | https://a.com/?a=1&b=2   | https://a.com/?b=2&a=1 https://a.com/?a=1&b=2&b=2
    https://a.com/p          | https://a.com/p          | https://a.com/p? https://a.com/p#
    https://a.com/p\?        | https://a.com/p?         | https://a.com/p https://a.com/p?x https://a.com/px
    https://a.com/p\?id=*    | https://a.com/p?id=1     | https://a.com/pxid=1
    https://a.com/p?id=*     | https://a.com/p?id= https://a.com/p?id=1 https://a.com/pxid=1 | https://a.com/pid=1
    https://a.com/p?id=*     | https://a.com/p?id=1&x#y | https://a.com/q?id=1 https://a.com/p?x=1&id=1
    https://a.com/\?a+b      | https://a.com/?a+b       | https://a.com/?a%20b https://a.com/?a%2Bb
    https://a.com/#/a        | https://a.com/#/a        | https://a.com/#/b https://a.com/
""")
def test_queries_and_fragments_are_compared_as_they_are(pattern, matching, others):
    assert_matches(pattern, matching, others)


@cases("""
    https://bücher.example/straße?q=日本   | https://xn--bcher-kva.example/stra%c3%9fe?q=%E6%97%A5%E6%9C%AC |
    https://XN--BCHER-KVA.example/stra%C3%9Fe*  | https://bücher.example/straße?q=日本    |
    https://*.bücher.example/*    | https://a.bücher.example/ https://a.BÜCHER.example/  | https://bücher.example/
    https://*.b%C3%BCcher.example/*  | https://a.bücher.example/                         | https://bücher.example/
    https://\u0131.com/*          | https://\u0131.com/                | https://i.com/
    https://a.com/caf\u00e9       | https://a.com/caf%C3%A9            | https://a.com/cafe\u0301
    https://a.com/\U0001f600*     | https://a.com/%F0%9F%98%80x        | https://a.com/%F0%9F%98%81
    https://a.com/\U0010ffff*     | https://a.com/\U0010ffffx          | https://a.com/
    https://a.com/%7Ejoe%2f*      | https://a.com/~joe%2Fx             | https://a.com/~joe/x
    https://a.com/%ff%C3%28*      | https://a.com/%FF%c3%28x           | https://a.com/%FF%C3(x
    https://a.com/{a,b}           | https://a.com/{a,b} https://a.com/%7Ba,b%7D  | https://a.com/a
    https://a.com/it's*           | https://a.com/it's https://a.com/it%27s      | https://a.com/its
    https://a.com/*it's           | https://a.com/?it's https://a.com/#it's      | https://a.com/its
    https://a.com/%2a             | https://a.com/%2A                  | https://a.com/* https://a.com/x
    https://a.com/100%            | https://a.com/100%                 | https://a.com/100 https://a.com/100x
""")
def test_pattern_and_url_meet_in_one_spelling(pattern, matching, others):
    assert_matches(pattern, matching, others)


def test_spaces_around_a_pattern_mean_as_little_as_around_a_url():
    assert UrlGlob("  https://a.com/x ").matches(" https://a.com/x")


METACHARACTERS = [*"[]{}_%'\"<>|^`~!$&()+,;=:@.*?\\ ", "%2A", "%5B", "%2F", "%5C", "%zz"]


@pytest.mark.parametrize("place", ["https://a.com/x{}y", "https://a.com/??x{}y", "https://a.com/#x{}y"])
@pytest.mark.parametrize("character", METACHARACTERS)
def test_a_metacharacter_means_itself_alone(character, place):
    def at(text):
        # In a path the parser takes a raw backslash for a slash; only an escaped one is one there.
        return place.format("%5C" if text == "\\" else text)

    glob = UrlGlob("".join("\\" + each if each in "*?\\" else each for each in place.format(character)))

    assert glob.matches(at(character))
    own = canonical_url(at(character))
    for other in ("", "z", "zz", *METACHARACTERS):
        assert glob.matches(at(other)) == (canonical_url(at(other)) == own)


# Everything, and entries without a URL


@pytest.mark.parametrize("pattern", ["*", "**", "****", " * "])
def test_nothing_but_stars_matches_everything_entries_without_a_url_included(pattern):
    glob = UrlGlob(pattern)

    assert glob.matches_everything
    assert all(map(glob.matches, ["https://a.com/", "http://[::1]:8080/?#", "about:blank"]))
    assert glob.matches_key(NO_URL_KEY)


@pytest.mark.parametrize(
    "pattern",
    ["*?", "*blank", "*://*", "about:blank", "*about:blank*", "about*", r"\*", "*/*", "*://*knalb*"],
)
def test_no_other_glob_matches_an_entry_without_a_url(pattern):
    glob = UrlGlob(pattern)

    assert not glob.matches_everything
    assert not glob.matches_key(NO_URL_KEY)
    assert not glob.matches("about:blank")


# Bad and hostile patterns


@pytest.mark.parametrize(
    "pattern", ["", " ", "a" * 4_097, "https://a.com/\0", "https://a.com/\n", "https://a.com/\\"]
)
def test_a_bad_pattern_is_refused_in_the_name_of_its_field(pattern):
    for glob, field in ((UrlGlob, "url"), (PathGlob, "pattern")):
        with pytest.raises(InvalidRequest) as refused:
            glob(pattern)
        assert refused.value.field == field
    with pytest.raises(InvalidRequest, match=r"^filter\.url "):
        UrlGlob(pattern, "filter.url")


@pytest.mark.parametrize(
    "pattern",
    [
        "https://a.com/" + "*a" * 2_000 + "b",
        "https://a.com/" + "*?a" * 1_300 + "b",
        "https://" + "*a" * 2_000 + "b/",
        "https://a.com/" + "../" * 1_300 + "b",
        "*a" * 2_000 + "b",
        "?" * 4_096,
    ],
)
def test_a_hostile_pattern_is_neither_read_nor_planned_nor_matched_slowly(pattern):
    ukey = url_key("https://a.com/" + "a" * 2_034)
    began = time.process_time()
    glob = UrlGlob(pattern)

    glob.plan()
    assert not glob.matches_key(ukey)
    assert time.process_time() - began < 0.5


def test_globs_are_values_equal_by_their_pattern():
    assert UrlGlob("a.com/*") == UrlGlob("a.com/*", "filter.url")
    assert hash(UrlGlob("a.com/*")) == hash(UrlGlob("a.com/*"))
    assert UrlGlob("a.com/*") != UrlGlob("a.com/**")
    assert PathGlob("a.com/*") == PathGlob("a.com/*")
    assert len({PathGlob("a.com/*"), UrlGlob("a.com/*")}) == 2
