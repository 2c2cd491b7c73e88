"""What lies over a page is left alone unless somebody asks: a picture shows what a visitor sees."""

from __future__ import annotations

from typing import Final

from tests.site.exchange import Reply, Request
from tests.site.gallery.page import FULL_PAGE, Category, block
from tests.site.gallery.truth import at, box, count, fact, none_of, size

OVERLAYS: Final = Category("overlays")


def _banner(height: int, colour: str, words: str) -> str:
    style = f"position:fixed;left:0;right:0;bottom:0;height:{height}px;background:{colour};font-size:0"
    return f"<div id=cookie-banner class='cookie-consent' style='{style}'>{words}<button>Accept all</button></div>"


@OVERLAYS.page(box("olive", 0, 240, 400, 60, full=False), at(390, 290, "olive"), at(200, 100, "#fafafa"))
def a_banner_for_consent(_: Request) -> str:
    return f"<body style='background:#fafafa'>{_banner(60, 'olive', 'We use cookies')}"


@OVERLAYS.page(none_of("olive"), box("lime", 10, 100, 55, 66), page={"remove": ["#cookie-banner"]})
def a_banner_that_is_to_be_removed(_: Request) -> str:
    return f"{block(10, 100, 55, 66, 'lime')}{_banner(70, 'olive', 'We use cookies')}"


@OVERLAYS.page(none_of("olive"), box("lime", 70, 100, 55, 66), page={"hide": [".cookie-consent"]})
def a_banner_that_comes_late_and_is_to_be_hidden(_: Request) -> str:
    return (
        f"{block(70, 100, 55, 66, 'lime')}<script>onload = () => setTimeout(() => {{"
        f" document.body.insertAdjacentHTML('beforeend', `{_banner(80, 'olive', 'We use cookies')}`) }}, 50)</script>"
    )


@OVERLAYS.page(none_of("olive"), box("lime", 130, 100, 55, 66), page={"click": "#cookie-banner button"})
def a_banner_that_is_clicked_away(_: Request) -> str:
    banner = _banner(90, "olive", "We use cookies").replace(
        "<button>", "<button onclick='parentNode.remove()'>"
    )
    return f"<style>button{{width:90px;height:30px}}</style>{block(130, 100, 55, 66, 'lime')}{banner}"


@OVERLAYS.page(count("gold", 1), box("gold", 100, 100, 200, 120), at(5, 5, "#999999", near=3))
def an_invitation_to_subscribe(_: Request) -> str:
    """A newsletter's dialog, with the page in shade."""
    return (
        "<div style='position:fixed;inset:0;background:rgb(0 0 0/40%)'>"
        "<div style='position:absolute;left:100px;top:100px;width:200px;height:120px;background:gold'></div></div>"
    )


@OVERLAYS.page(box("orange", 30, 80, 340, 90), facts=(fact("http_status", 200),))
def an_article_about_robots(_: Request) -> str:
    """A page that speaks of captchas is not one."""
    return (
        f"<title>How captchas work</title>{block(30, 80, 340, 90, 'orange')}<p style='font-size:0'>"
        "Verify you are human, says the box; checking your browser, says the page. Here is how it is done.</p>"
    )


@OVERLAYS.page(box("orange", 190, 10, 20, 20), facts=(fact("http_status", 403),))
def a_wall_against_robots(_: Request) -> Reply:
    """It is pictured as it is, with its status told."""
    return Reply(
        f"<!doctype html><title>Just a moment...</title><body>{block(190, 10, 20, 20, 'orange')}"
        "<p style='font-size:0'>Verify you are human by completing the action below.</p>",
        status=403,
    )


@OVERLAYS.page(size(400, 1000), box("lime", 0, 950, 400, 50), capture=FULL_PAGE)
def a_page_that_is_locked(_: Request) -> str:
    """A dialog that keeps the page from scrolling does not shorten it."""
    return (
        "<style>body{overflow:hidden}</style><div style='height:950px'></div><div style='height:50px;background:lime'></div>"
        "<div style='position:fixed;inset:0;background:rgb(0 0 0/1%)'></div>"
    )
