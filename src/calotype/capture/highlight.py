"""Code in Markdown: coloured by its language, in classes that markdown.css gives colours to."""

from __future__ import annotations

from functools import cache
from typing import Final

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_all_lexers, get_lexer_by_name

MAX_HIGHLIGHTED: Final = 256 * 1024
"""Characters of one block; longer ones are no reading matter, and stay plain."""


def highlighted(code: str, language: str, _: str) -> str:
    """Return the HTML of a block of code, or "" for one that is to stay plain: markdown-it's `highlight`.

    The language is the first word of the block's info string, by any name that Pygments knows.
    """
    name = language.lower()
    if name not in _names() or len(code) > MAX_HIGHLIGHTED:
        return ""
    lexer = get_lexer_by_name(name, stripnl=False)
    html: str = highlight(code, lexer, HtmlFormatter(nowrap=True))
    return html


@cache
def _names() -> frozenset[str]:
    """Return the names of languages, but those of plug-ins: an unknown name would load them all each time."""
    return frozenset(alias for _, aliases, _, _ in get_all_lexers(plugins=False) for alias in aliases)
