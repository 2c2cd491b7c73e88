"""Ways to end up somewhere else than where one went."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from tests.site.exchange import Reply, Request
from tests.site.gallery.page import Category, block, elsewhere
from tests.site.gallery.truth import box, fact, landed, none_of

REDIRECTS: Final = Category("redirects")


@REDIRECTS.part("end")
def _end(request: Request) -> str:
    """Show a green block, ?at= px from the left."""
    return f"<!doctype html><title>end</title><body>{block(int(request.query['at']), 5, 25, 20, 'lime')}"


def _end_at(x: int) -> str:
    return f"/gallery/redirects/end?at={x}"


@REDIRECTS.page(
    box("lime", 0, 5, 25, 20), facts=(landed(_end_at(0)), fact("title", "end"), fact("http_status", 200))
)
def a_chain_of_answers(_: Request) -> Reply:
    return Reply(status=302, headers={"Location": f"/redirect?hops=4&to={quote(_end_at(0))}"})


@REDIRECTS.page(box("lime", 30, 5, 25, 20), facts=(landed(_end_at(30)),))
def by_script(_: Request) -> str:
    return f"<body style='background:red'><script>location.replace('{_end_at(30)}')</script>"


@REDIRECTS.page(box("lime", 60, 5, 25, 20), facts=(landed(_end_at(60)),))
def by_a_meta_tag(_: Request) -> str:
    return f"<meta http-equiv=refresh content='0;url={_end_at(60)}'><body style='background:red'>"


@REDIRECTS.page(box("lime", 90, 5, 25, 20), facts=(landed(_end_at(90)),))
def by_a_header(_: Request) -> Reply:
    return Reply("<body style='background:red'>", headers={"Refresh": f"0; url={_end_at(90)}"})


@REDIRECTS.page(box("lime", 120, 5, 25, 20), facts=(landed(_end_at(120)),))
def by_a_form_that_sends_itself(_: Request) -> str:
    return (
        "<body style='background:red'><form id=f action=/gallery/redirects/end><input type=hidden name=at value=120></form>"
        "<script>f.submit()</script>"
    )


@REDIRECTS.page(
    box("lime", 150, 5, 25, 20),
    facts=(landed("/gallery/redirects/elsewhere?page=2#top"),),
)
def by_history_alone(_: Request) -> str:
    """An address that a script writes into the bar is the page's address, though nothing was loaded."""
    return f"{block(150, 5, 25, 20, 'lime')}<script>history.pushState(0, '', '/gallery/redirects/elsewhere?page=2#top')</script>"


@REDIRECTS.page(box("lime", 180, 5, 25, 20), none_of("red"), facts=(landed(_end_at(180)),))
def to_another_site(request: Request) -> Reply:
    return Reply(status=307, headers={"Location": elsewhere(request, _end_at(180))})


@REDIRECTS.page(box("lime", 210, 5, 25, 20), none_of("red"), facts=(landed(_end_at(210)),))
def by_script_a_moment_after_load(_: Request) -> str:
    return f"<body style='background:red'><script>onload = () => setTimeout(() => {{ location.href = '{_end_at(210)}' }})</script>"


@REDIRECTS.page(
    box("lime", 240, 5, 25, 20),
    none_of("red"),
    facts=(landed("/gallery/redirects/by-a-cookie-and-a-reload"),),
)
def by_a_cookie_and_a_reload(request: Request) -> str:
    """As sites do that want to know first whether cookies are kept."""
    if "seen=1" in request.headers.get("cookie", ""):
        return block(240, 5, 25, 20, "lime")
    return "<body style='background:red'><script>document.cookie = 'seen=1'; location.reload()</script>"


@REDIRECTS.page(box("lime", 270, 5, 25, 20), none_of("red"), facts=(fact("http_status", 403),))
def a_status_that_has_a_page(_: Request) -> Reply:
    """What is forbidden is pictured, and its status told."""
    return Reply(f"<!doctype html><body>{block(270, 5, 25, 20, 'lime')}", status=403)
