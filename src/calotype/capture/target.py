"""The page a capture is asked for: its URL as Chromium would parse it.

Two spellings leave this module. The href goes to the browser, whole. The source URL is the
same without credentials; it is what we index, list, match and log.
"""

from __future__ import annotations

import ada_url

from calotype.capture.errors import InvalidUrl

MAX_URL_LENGTH = 2048
"""Characters as the client wrote them; the contract's bound, documented for every client."""

_WEB_SCHEMES = frozenset({"http:", "https:"})
_REMEDY = "give an absolute http or https URL, such as https://example.com/"


def parse_page_url(text: str, field: str = "url") -> str:
    """Return the href that Chromium would make of text (WHATWG), fragment and credentials kept.

    Raises InvalidUrl naming field. No message repeats any part of text: what looks like a
    scheme or a host in a URL gone wrong may be half of a password.
    """
    if not text.strip():
        raise InvalidUrl(field, "is empty", _REMEDY)
    if len(text) > MAX_URL_LENGTH:
        raise InvalidUrl(field, f"has {len(text):,} characters", f"a URL may have at most {MAX_URL_LENGTH:,}")
    if "\0" in text:
        raise InvalidUrl(field, "contains a NUL character", "leave it out, or write it as %00")
    try:
        url = ada_url.URL(text)
    except ValueError:
        # UnicodeEncodeError, for a lone surrogate, is a ValueError too.
        raise InvalidUrl(field, "is not a complete URL", _REMEDY) from None
    if url.protocol not in _WEB_SCHEMES:
        raise InvalidUrl(field, "has a scheme other than http and https", _REMEDY)
    if not url.hostname:
        raise InvalidUrl(field, "has no host", _REMEDY)
    return url.href


def source_url(href: str) -> str:
    """Return href without its credentials."""
    url = ada_url.URL(href)
    if url.username or url.password:
        url.username = url.password = ""
    return url.href


def host_of(href: str) -> str:
    """Return the host without port, as the WHATWG parser spells it; IPv6 keeps its brackets."""
    return ada_url.URL(href).hostname
