"""Which hosts a capture must be polite to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, assert_never
from urllib.parse import urlsplit

from calotype.capture.negative import HtmlDocument, MarkdownDocument, PageUrl, Target

DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def limited_host(target: Target, is_own: Callable[[str, int], bool]) -> str | None:
    """Return the host whose captures at a time are limited, in lower case; None if target has none.

    What is_own claims is the operator's, who knows best what it bears. A document that came with the
    request is nobody's page.
    """
    match target:
        case PageUrl(url):
            try:
                parts = urlsplit(url)
                host, port = parts.hostname or "", parts.port or DEFAULT_PORTS.get(parts.scheme, 0)
            except ValueError:
                return None  # What cannot be read is visited by nobody, and refused where it is opened.
            # With the dot that ends a full name it is the same host.
            return None if is_own(host, port) else host.rstrip(".") or None
        case HtmlDocument() | MarkdownDocument():
            return None
        case unreachable:
            assert_never(unreachable)
