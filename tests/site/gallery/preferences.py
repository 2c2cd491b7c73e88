"""What the page is told about who looks at it."""

from __future__ import annotations

from typing import Final

from tests.site.exchange import Request
from tests.site.gallery.page import Category, block
from tests.site.gallery.truth import box, none_of

PREFERENCES: Final = Category("preferences")


def _only(query: str, x: int) -> str:
    """Show a green block where the media query holds, else a red one."""
    return f"<style>@media{query}{{#b{{background:lime!important}}}}</style>{block(x, 220, 17, 23, 'red', 'id=b')}"


@PREFERENCES.page(box("lime", 0, 220, 17, 23), none_of("red"))
def light_unless_asked(_: Request) -> str:
    return _only(
        "(prefers-color-scheme:light) and (prefers-contrast:no-preference) and (forced-colors:none)", 0
    )


@PREFERENCES.page(box("lime", 20, 220, 17, 23), none_of("red"), none_of("white"), browser={"dark_mode": True})
def dark(_: Request) -> str:
    """The canvas of a page that can be dark is dark."""
    return f"<style>html{{color-scheme:light dark}}</style>{_only('(prefers-color-scheme:dark)', 20)}"


@PREFERENCES.page(box("lime", 40, 220, 17, 23), none_of("red"), browser={"dark_mode": True})
def dark_has_no_power_over_pages_that_are_not(_: Request) -> str:
    """A page that knows nothing of it stays white."""
    return f"<style>html{{background:white}}</style>{_only(' screen', 40)}"


@PREFERENCES.page(box("lime", 60, 220, 17, 23), none_of("red"), browser={"reduced_motion": True})
def less_motion(_: Request) -> str:
    return _only("(prefers-reduced-motion:reduce)", 60)


@PREFERENCES.page(box("lime", 80, 220, 17, 23), none_of("red"), browser={"media": "print"})
def as_on_paper(_: Request) -> str:
    return _only(" print", 80)


@PREFERENCES.page(box("lime", 100, 220, 17, 23), none_of("red"))
def on_a_screen(_: Request) -> str:
    return _only(
        " screen and (hover:hover) and (pointer:fine) and (prefers-reduced-motion:no-preference)", 100
    )


@PREFERENCES.page(
    box("lime", 120, 220, 17, 23),
    none_of("red"),
    browser={"timezone": "Asia/Tokyo", "locale": "de-DE"},
)
def at_another_place(_: Request) -> str:
    return (
        f"{block(120, 220, 17, 23, 'red', 'id=b')}<script>const shown = new Date(0).toLocaleTimeString() + (0.5).toLocaleString();"
        "if (shown === '09:00:000,5') b.style.background = 'lime'</script>"
    )


@PREFERENCES.page(box("lime", 140, 220, 17, 23), none_of("red"))
def no_sign_of_a_robot(_: Request) -> str:
    """A page that looks for the word headless, or for no languages, finds neither."""
    return (
        f"{block(140, 220, 17, 23, 'red', 'id=b')}<script>if (navigator.languages.length && navigator.onLine &&"
        " document.visibilityState === 'visible' && document.hasFocus() !== undefined) b.style.background = 'lime'</script>"
    )
