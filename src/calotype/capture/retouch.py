"""What is done to a page before it is pictured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Retouch:
    """Changes to the page, in this order: styles, scripts, removals, hiding, a click, scrolling."""

    styles: tuple[str, ...] = ()
    """CSS, or URLs of style sheets."""
    scripts: tuple[str, ...] = ()
    """JavaScript, or URLs of scripts; each is over before the next begins."""
    remove: tuple[str, ...] = ()
    """CSS selectors: what matches is taken out of the document."""
    hide: tuple[str, ...] = ()
    """CSS selectors: what matches is invisible and keeps its place."""
    click: str | None = None
    """CSS selector of an element that is clicked as a person would."""
    scroll_to: str | None = None
    """CSS selector of an element that is brought to the top of the viewport."""
