"""The index key of a URL: the host first and backwards, so that purges become ranges.

    https://www.mysite.com/blog/a?x=1   ->   moc.etisym.www/https/blog/a?x=1
    http://mysite.com:8080/             ->   moc.etisym/http:8080/

With the characters of the host reversed, `https://mysite.com/blog/*`, `https://*.mysite.com/*` and
`https://*mysite.com/*` are each one contiguous run of keys. (SURT, the Internet Archive's key,
reverses labels and would lose the last of the three.)

Keys are built on the canonical URL. It is what the WHATWG parser makes of the URL, without
credentials, and with one percent-encoding throughout: the parser encodes `'` in a query but
not in a path, and a purge pattern does not always tell which of the two a character stands in.
Nothing else is changed. Order and repetition of query parameters, an empty query and the
fragment may all decide what a page shows.
"""

from __future__ import annotations

import re
from urllib.parse import quote

import ada_url

NO_URL_KEY = "about:blank"
"""URL and key of entries made from html without a base. Real keys have a `/`; this has none."""

DEFAULT_PORTS = {"http": "80", "https": "443"}
"""The schemes a page may have, and the port that each one leaves unsaid."""

_FOREIGN = re.compile(r"[^A-Za-z0-9._~:/?#\[\]@!$&()*+,;=%-]+")
_ESCAPE = re.compile(r"%[0-9A-Fa-f]{2}")
# An escape close behind a stray % stays: decoding `%%34%31` would make `%41`, another escape,
# and the canonical form of a canonical URL would be a third one.
_ESCAPED_UNRESERVED = re.compile(
    r"(?<!%)(?<!%[0-9A-Fa-f])%(?:2D|2E|3[0-9]|4[1-9A-F]|5[0-9A]|5F|6[1-9A-F]|7[0-9A]|7E)"
)


def url_key(url: str) -> str:
    """Return the index key of url, printable ASCII without spaces, whatever characters url has.

    Raises ValueError if url is neither an absolute http or https URL nor about:blank.
    """
    canonical = canonical_url(url)
    if canonical == NO_URL_KEY:
        return NO_URL_KEY
    scheme, _, after_scheme = canonical.partition("://")
    authority, slash, rest = after_scheme.partition("/")
    # The colons inside brackets belong to an IPv6 host.
    colon = authority.find(":", authority.rfind("]") + 1)
    host, port = (authority, "") if colon < 0 else (authority[:colon], authority[colon:])
    return f"{host[::-1]}/{scheme}{port}{slash}{rest}"


def url_of_key(ukey: str) -> str:
    """Return the canonical URL behind ukey; the inverse of url_key."""
    if ukey == NO_URL_KEY:
        return NO_URL_KEY
    scheme, host, port, rest = split_key(ukey)
    return f"{scheme}://{host}:{port}{rest}" if port else f"{scheme}://{host}{rest}"


def split_key(ukey: str) -> tuple[str, str, str, str]:
    """Return scheme, host, port and the rest behind ukey, which is not NO_URL_KEY.

    The port is "" where it is the scheme's own; the rest begins with `/` and goes to the
    end of the fragment.
    """
    reversed_host, _, after_host = ukey.partition("/")
    origin, slash, rest = after_host.partition("/")
    scheme, _, port = origin.partition(":")
    return scheme, reversed_host[::-1], port, slash + rest


def canonical_url(url: str) -> str:
    """Return the one spelling that every equivalent spelling of url shares.

    Raises ValueError as url_key does.
    """
    parsed = ada_url.URL(url)
    scheme = parsed.protocol.removesuffix(":")
    if scheme not in DEFAULT_PORTS:
        if parsed.href == NO_URL_KEY:
            return NO_URL_KEY
        message = "only http and https URLs have a key"
        raise ValueError(message)
    # Taken from the href: it keeps an empty query and an empty fragment, the getters do not.
    authority, _, rest = parsed.href.removeprefix(f"{scheme}://").partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}/{canonical_spelling(rest)}"


def canonical_spelling(text: str) -> str:
    """Return text, a piece of path, query or fragment, in the one percent-encoding.

    Hex digits are upper-case, escaped unreserved characters (RFC 3986) stand for
    themselves, reserved ones stay as they came (`%2F` is not `/`), and all else is
    escaped as UTF-8. A `%` that begins no escape stays.
    """
    escaped = _FOREIGN.sub(lambda found: quote(found[0], safe=""), text)
    upper = _ESCAPE.sub(lambda found: found[0].upper(), escaped)
    return _ESCAPED_UNRESERVED.sub(lambda found: chr(int(found[0][1:], 16)), upper)
