"""Every option proved by its effect: on the pixels, or on what the site saw."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from typing import cast

import pypdf
import pytest

from calotype.capture.errors import InvalidRequest, NothingToShow, RenderTimeout
from calotype.capture.parse import parse_capture
from calotype.clock import Deadline
from tests.render.asking import BLUE, GREEN, RED, WHITE, box_of, picture, share_of
from tests.site.server import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

SIZE = {"width": 400, "height": 300}


@pytest.fixture(scope="module")
def other():
    """Another site: another port of another name of this machine."""
    with Site("127.0.0.1") as site:
        yield site


@pytest.fixture
def shoot(renderer, site):
    async def shoot(path, budget_ms=20_000, **options):
        target = {"html": path} if path.startswith("<") else {"url": site.url(path)}
        asked = {"viewport": SIZE, **target, **options}
        return await renderer.render(parse_capture(asked).request, Deadline.after(budget_ms))

    return shoot


def paints(script, colour="#00ff00"):
    """A page that is red, and turns to colour if script (an expression, perhaps a promise) gives true."""
    return (
        "<!doctype html><body style='margin:0;background:#f00'><script>"
        f"(async () => {{ if (await ({script})) document.body.style.background = '{colour}'; "
        "document.title = 'done'; })()</script>"
    )


DONE = {"for_function": "document.title === 'done'"}


class TestBrowser:
    @pytest.mark.parametrize(
        ("option", "script"),
        [
            ({"dark_mode": True}, "matchMedia('(prefers-color-scheme: dark)').matches"),
            ({"reduced_motion": True}, "matchMedia('(prefers-reduced-motion: reduce)').matches"),
            ({"media": "print"}, "matchMedia('print').matches"),
            ({"user_agent": "Tester/1"}, "navigator.userAgent === 'Tester/1'"),
            (
                {"timezone": "Asia/Kathmandu"},
                "new Date(0).getHours() === 5 && new Date(0).getMinutes() === 30",
            ),
            ({"locale": "de-DE"}, "navigator.language + (1.5).toLocaleString() === 'de-DE1,5'"),
        ],
        ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
    )
    async def test_what_the_page_is_told(self, shoot, site, option, script):
        site.serve("/asks", paints(script))

        told = picture(await shoot("/asks", browser=option, wait=DONE))
        untold = picture(await shoot("/asks", wait=DONE))
        assert (share_of(told, GREEN), share_of(untold, RED)) == (1, 1)

    async def test_user_agent_and_locale_are_sent_with_every_request(self, shoot, site):
        site.serve("/asks", "<img src=/image>")
        await shoot("/asks", browser={"user_agent": "Tester/1", "locale": "de-CH"})

        for request in site.requests:
            assert request.headers["user-agent"] == "tester/1"
            assert request.headers["accept-language"].startswith("de-ch")

    async def test_a_place_is_given_to_a_page_that_asks_for_it(self, shoot, site):
        asks = (
            "new Promise(told => navigator.geolocation.getCurrentPosition("
            "place => told(Math.abs(place.coords.latitude - 47.37) < 0.01), () => told(false)))"
        )
        site.serve("/where", paints(asks))
        place = {"latitude": 47.37, "longitude": 8.54}
        # Only a secure context may ask; the site is one to the browser by its address.
        shot = await shoot("/where", browser={"geolocation": place}, wait=DONE)

        assert share_of(picture(shot), GREEN) == 1
        assert share_of(picture(await shoot("/where", wait=DONE)), RED) == 1

    async def test_a_frame_of_another_site_is_told_the_same(self, a_renderer, site, other):
        other.serve("/inner", paints("navigator.userAgent === 'Tester/1' && navigator.language === 'de-CH'"))
        inner = f"http://localhost:{other.port}/inner"
        site.serve(
            "/outer",
            f"<body style='margin:0'><iframe src='{inner}' style='border:0;width:400px;height:300px'>",
        )
        asked = parse_capture(
            {
                "url": site.url("/outer"), "viewport": SIZE, "wait": {"delay": 200},
                "browser": {"user_agent": "Tester/1", "locale": "de-CH"},
            }
        )  # fmt: skip
        async with a_renderer(f"{site.netloc}, localhost:{other.port}") as renderer:
            shot = await renderer.render(asked.request, Deadline.after(20_000))

        assert share_of(picture(shot), GREEN) == 1

    @pytest.mark.parametrize("locale", ["english", "de-de-de-de"])
    async def test_a_language_that_the_browser_does_not_know_is_told_by_name(self, shoot, locale):
        with pytest.raises(InvalidRequest, match=r"browser\.locale is not known to the browser"):
            await shoot("/home", browser={"locale": locale})


class TestNetwork:
    async def test_headers_go_to_the_targets_own_site_and_to_no_other(self, a_renderer, site, other):
        site.serve(
            "/parts",
            f"<img src=/image><img src='http://localhost:{other.port}/image'><script>fetch('/home')</script>",
        )
        asked = parse_capture(
            {"url": site.url("/parts"), "viewport": SIZE, "network": {"headers": {"X-Token": "secret"}}}
        )
        async with a_renderer(f"{site.netloc}, localhost:{other.port}") as renderer:
            await renderer.render(asked.request, Deadline.after(20_000))

        assert {request.path for request in site.requests} >= {"/parts", "/image"}
        assert all(request.headers.get("x-token") == "secret" for request in site.requests)
        assert other.visits["/image"] >= 1
        assert all("x-token" not in request.headers for request in other.requests)

    async def test_nor_do_they_follow_a_redirect_to_another_site(self, a_renderer, site, other):
        to = f"http://localhost:{other.port}/home"
        asked = parse_capture(
            {
                "url": site.url(f"/redirect?to={to}"), "viewport": SIZE,
                "network": {"headers": {"X-Token": "secret"}, "auth": {"type": "bearer", "token": "t"}},
            }
        )  # fmt: skip
        async with a_renderer(f"{site.netloc}, localhost:{other.port}") as renderer:
            await renderer.render(asked.request, Deadline.after(20_000))

        (arrived,) = [request for request in other.requests if request.path == "/home"]
        assert not {"x-token", "authorization"} & arrived.headers.keys()
        assert site.requests[0].headers["authorization"] == "bearer t"

    @pytest.mark.parametrize(
        ("auth", "header"),
        [
            (
                {"type": "basic", "username": "u", "password": "p:ä"},
                "basic " + base64.b64encode("u:p:ä".encode()).decode().lower(),
            ),
            ({"type": "bearer", "token": "tok"}, "bearer tok"),
        ],
        ids=["basic", "bearer"],
    )
    async def test_credentials_are_sent_to_the_target(self, shoot, site, auth, header):
        await shoot("/home", network={"auth": auth})

        assert site.requests[0].headers["authorization"] == header

    async def test_cookies_are_there_from_the_first_request(self, shoot, site):
        cookies = [
            {"name": "a", "value": "1"},
            {"name": "b", "value": "2", "path": "/home", "httpOnly": True},
        ]
        site.serve("/script", paints("document.cookie === 'a=1'"))
        await shoot("/home", network={"cookies": cookies})
        shot = await shoot("/script", network={"cookies": cookies}, wait=DONE)

        assert set(site.requests[0].headers["cookie"].split("; ")) == {"a=1", "b=2"}
        assert share_of(picture(shot), GREEN) == 1

    @pytest.mark.parametrize(
        "cookie",
        [
            {"name": "__Secure-a", "value": "1"},
            {"name": "a", "value": "1", "path": "x"},
            {"name": "a", "value": "1" * 5000},
        ],
        ids=["prefix", "path", "length"],
    )
    async def test_a_cookie_that_the_browser_refuses_is_told_by_name(self, shoot, cookie):
        with pytest.raises(InvalidRequest, match=r"network\.cookies\[1\] is no cookie"):
            await shoot("/home", network={"cookies": [{"name": "b", "value": "2"}, cookie]})

    async def test_and_gone_with_the_capture(self, shoot, site):
        await shoot("/home", network={"cookies": [{"name": "a", "value": "1"}]})
        await shoot("/home")

        assert "cookie" not in [r for r in site.requests if r.path == "/home"][-1].headers

    async def test_a_content_security_policy_can_be_bypassed(self, shoot, site):
        policy = "<meta http-equiv=Content-Security-Policy content=\"script-src 'none'\">"
        site.serve("/strict", f"{policy}{paints('true')}")

        assert share_of(picture(await shoot("/strict")), RED) == 1
        assert share_of(picture(await shoot("/strict", network={"bypass_csp": True})), GREEN) == 1


class TestBlock:
    @pytest.mark.parametrize(
        ("kind", "path"),
        [
            ("image", "/image"),
            ("script", "/js"),
            ("stylesheet", "/css"),
            ("font", "/font"),
            ("media", "/video"),
        ],
    )
    async def test_a_kind_of_resource_is_left_out(self, shoot, site, kind, path):
        parts = (
            "<style>@font-face{font-family:f;src:url(/font)}p{font-family:f}</style>"
            "<link rel=stylesheet href=/css><p>text<img src=/image><script src=/js></script>"
            "<video src=/video autoplay muted></video>"
        )
        site.serve("/parts", parts)
        await shoot("/parts", block={"resources": [kind]}, wait={"delay": 100})
        blocked = site.visits[path]
        await shoot("/parts", wait={"delay": 100})

        assert (blocked, site.visits[path] > 0) == (0, True)

    async def test_what_a_glob_matches_is_not_asked_for_but_the_page_itself_is(self, shoot, site):
        site.serve("/parts", "<img src=/image><img src='/image?widget'><iframe src=/home></iframe>")
        await shoot("/parts", block={"requests": ["*widget*", "*/home", "*/parts"]})

        assert dict(site.visits) == {"/parts": 1, "/image": 1}

    async def test_frames_of_other_sites_are_looked_into(self, a_renderer, site, other):
        other.forget()
        other.serve("/inner", "<img src=/image><img src=/image?tracker>")
        site.serve("/outer", f"<iframe src='http://localhost:{other.port}/inner'></iframe>")
        asked = parse_capture(
            {"url": site.url("/outer"), "viewport": SIZE, "block": {"requests": ["*tracker*"]}}
        )
        async with a_renderer(f"{site.netloc}, localhost:{other.port}") as renderer:
            await renderer.render(asked.request, Deadline.after(20_000))

        assert [request.query for request in other.requests if request.path == "/image"] == [{}]

    async def test_a_bad_glob_is_refused_by_name(self):
        with pytest.raises(InvalidRequest, match=r"block\.requests ends in a lone backslash"):
            parse_capture({"url": "https://example.com/", "block": {"requests": ["a\\"]}})


PAGE = (
    "<!doctype html><body style='margin:0;background:#fff'>"
    "<div id=a style='height:100px;background:#f00'></div>"
    "<div id=b style='height:100px;background:#00f' onclick=\"this.style.background='#0f0'\"></div>"
)


class TestPage:
    async def test_a_style_changes_it(self, shoot):
        shot = await shoot(PAGE, page={"styles": ["#a { background: #0f0 !important }"]})

        assert box_of(picture(shot), GREEN) == (0, 0, 400, 100)

    async def test_a_style_sheet_may_be_a_url_and_no_policy_stops_a_text(self, shoot, site):
        site.serve("/strict", "<meta http-equiv=Content-Security-Policy content=\"style-src 'none'\"><body>")
        strict = await shoot("/strict", page={"styles": ["html { background: #0f0 }"]})
        linked = await shoot("/home", page={"styles": [site.url("/green.css")]})

        assert share_of(picture(strict), GREEN) == 1
        assert share_of(picture(linked), GREEN) > 0.9

    async def test_scripts_run_one_after_the_other_among_the_pages_own(self, shoot):
        scripts = [
            "window.first = await new Promise(later => setTimeout(later, 50, '#0f0'))",
            "document.querySelector('#a').style.background = window.first",
        ]
        shot = await shoot(PAGE, page={"scripts": scripts})

        assert box_of(picture(shot), GREEN) == (0, 0, 400, 100)

    @pytest.mark.parametrize("script", ["throw new Error('no')", "no sense no", "await Promise.reject('no')"])
    async def test_a_script_that_fails_is_told_by_name(self, shoot, script):
        with pytest.raises(InvalidRequest, match=r"page\.scripts\[1\] failed in the page: .*") as told:
            await shoot(PAGE, page={"scripts": ["1", script]})
        assert told.value.field == "page.scripts[1]"

    async def test_what_cannot_be_loaded_is_told_by_name(self, shoot, site):
        with pytest.raises(InvalidRequest, match=r"page\.scripts\[0\] could not be loaded"):
            await shoot("/home", page={"scripts": [site.url("/404")]})

    async def test_hidden_keeps_its_place_and_removed_does_not(self, shoot):
        hidden = picture(await shoot(PAGE, page={"hide": ["#a"]}))
        removed = picture(await shoot(PAGE, page={"remove": ["#a"]}))

        assert box_of(hidden, BLUE) == (0, 100, 400, 200)
        assert box_of(removed, BLUE) == (0, 0, 400, 100)
        assert share_of(hidden, RED) == share_of(removed, RED) == 0

    async def test_what_comes_later_is_hidden_too(self, shoot):
        late = (
            PAGE
            + "<script>const late = () => document.body.append(document.querySelector('#a').cloneNode());"
            + "setTimeout(late, 100)</script>"
        )
        shot = picture(await shoot(late, page={"remove": ["#a"]}, wait={"delay": 200}))

        assert share_of(shot, RED) == 0

    @pytest.mark.parametrize("field", ["hide", "remove"])
    async def test_a_selector_that_nobody_can_read_is_told_by_name(self, shoot, field):
        with pytest.raises(InvalidRequest, match=rf"page\.{field} holds 'a\[\['"):
            await shoot(PAGE, page={field: ["#a", "a[["]})

    @pytest.mark.parametrize("selector", ['[data-x="1"', "#c /*"])
    async def test_one_that_is_left_open_is_told_by_name_and_swallows_no_other(self, shoot, selector):
        with pytest.raises(InvalidRequest, match=r"page\.hide holds"):
            await shoot(PAGE, page={"hide": ["#a", selector, "#b"]})

    async def test_an_element_is_clicked_as_a_person_would(self, shoot):
        page = PAGE.replace('onclick="this', 'onclick="if (event.isTrusted) this')
        shot = picture(await shoot(page, page={"click": "#b"}))

        assert box_of(shot, GREEN) == (0, 100, 400, 200)

    async def test_a_click_that_leads_on_is_followed_and_not_repeated(self, shoot, site):
        site.serve("/door", "<a id=go href=/counter>in</a>")
        shot = await shoot("/door", page={"click": "#go"})

        assert shot.verdict.title == "Visit 1"

    async def test_a_page_that_moves_by_itself_is_clicked_where_it_ends(self, shoot, site):
        site.serve("/from", "<script>setTimeout(() => location = '/to', 500)</script>")
        site.serve("/to", PAGE)

        assert box_of(picture(await shoot("/from", page={"click": "#b"})), GREEN) == (0, 100, 400, 200)

    async def test_what_cannot_be_seen_is_not_clicked_nor_what_lies_where_it_does_not(self, shoot):
        page = PAGE.replace("<div id=a", "<div id=a onclick=\"this.style.background='#0f0'\"")
        shown = await shoot(
            page + "<style>i { display: none }</style><i class=x></i>", page={"click": "i, #b"}
        )

        assert box_of(picture(shown), GREEN) == (0, 100, 400, 200)
        with pytest.raises(RenderTimeout, match="changing the page"):
            await shoot(page + "<i hidden>", budget_ms=1_500, page={"click": "i"})

    async def test_what_is_to_be_clicked_is_waited_for(self, shoot):
        late = (
            PAGE.replace("id=b", "id=c")
            + "<script>setTimeout(() => document.querySelector('#c').id = 'b', 300)</script>"
        )
        assert box_of(picture(await shoot(late, page={"click": "#b"})), GREEN) == (0, 100, 400, 200)
        with pytest.raises(RenderTimeout, match="changing the page"):
            await shoot(PAGE, budget_ms=1_500, page={"click": "#nothing"})

    async def test_it_is_scrolled_to_an_element(self, shoot):
        tall = (
            PAGE + "<div style='height:2000px'></div><div id=end style='height:400px;background:#0f0'></div>"
        )
        assert share_of(picture(await shoot(tall, page={"scroll_to": "#end"})), GREEN) == 1


class TestWait:
    async def test_for_a_function_or_an_expression_to_give_true(self, shoot):
        page = paints("new Promise(later => setTimeout(later, 300, true))")
        for function in (
            "document.title === 'done'",
            "() => document.title === 'done'",
            "async () => document.title",
        ):
            assert share_of(picture(await shoot(page, wait={"for_function": function})), GREEN) == 1

    async def test_one_that_throws_is_told_by_name(self, shoot):
        with pytest.raises(InvalidRequest, match=r"wait\.for_function failed in the page: ReferenceError"):
            await shoot(PAGE, wait={"for_function": "nowhere.to"})

    async def test_one_that_never_does_is_a_timeout(self, shoot):
        with pytest.raises(RenderTimeout, match="waiting for the function"):
            await shoot(PAGE, budget_ms=1_500, wait={"for_function": "false"})


class TestCapture:
    async def test_a_clip_is_cut_from_the_page_wherever_it_lies(self, shoot):
        tall = PAGE + "<div style='height:2000px'></div><div style='height:400px;background:#0f0'></div>"
        clip = {"x": 10, "y": 2150, "width": 100, "height": 100}
        shot = picture(await shoot(tall, capture={"clip": clip}))

        assert shot.size == (100, 100)
        assert box_of(shot, GREEN) == (0, 50, 100, 100)

    async def test_at_a_scale_it_has_that_many_more_pixels(self, shoot):
        clip = {"x": 0, "y": 50, "width": 50, "height": 100}
        shot = picture(await shoot(PAGE, capture={"clip": clip}, viewport={**SIZE, "scale": 2}))

        assert shot.size == (100, 200)
        assert box_of(shot, RED) == (0, 0, 100, 100)

    async def test_what_fades_in_is_there_and_what_turns_for_ever_stands_still(self, shoot):
        moving = (
            "<style>@keyframes in { from { opacity: 0 } } @keyframes turn { to { margin-left: 300px } }"
            "#in { height: 100px; background: #0f0; animation: in 60s }"
            "#turn { width: 50px; height: 50px; background: #00f; animation: turn 1s linear infinite }"
            "</style><body style='margin:0'><div id=in></div><div id=turn></div>"
        )
        shots = [await shoot(moving, wait={"delay": delay}) for delay in (0, 137, 290)]

        assert box_of(picture(shots[0]), GREEN) == (0, 0, 400, 100)
        assert len({shot.image for shot in shots}) == 1
        loose = picture(await shoot(moving, capture={"freeze": False}))
        assert share_of(loose, GREEN) == 0, "after a moment of a minute it is nearly white"

    async def test_what_moves_with_scrolling_stays_where_it_is_at_the_top(self, shoot):
        page = (
            "<style>@keyframes go { from { margin-left: 200px } to { margin-left: 300px } }"
            "#a { width: 100px; height: 100px; background: #0f0; animation: go linear;"
            "animation-timeline: scroll() }</style><body style='margin:0;height:3000px'><div id=a></div>"
        )
        assert box_of(picture(await shoot(page)), GREEN) == (200, 0, 300, 100)

    async def test_the_caret_is_not_in_the_picture(self, shoot):
        page = "<input autofocus style='border:0;outline:0;font-size:100px;caret-color:#f00'>"
        assert share_of(picture(await shoot(page)), RED) == 0


class TestOutput:
    @pytest.mark.parametrize(
        ("output", "size"),
        [
            ({"width": 200}, (200, 150)),
            ({"height": 60}, (80, 60)),
            ({"width": 200, "height": 60}, (80, 60)),
            ({"width": 200, "height": 60, "fit": "cover"}, (200, 60)),
            ({"width": 60, "height": 200, "fit": "cover"}, (60, 200)),
            ({"width": 50, "height": 200, "fit": "fill"}, (50, 200)),
            ({"width": 4000}, (400, 300)),
            ({"width": 4000, "height": 4000, "fit": "cover"}, (400, 300)),
            ({"width": 4000, "height": 4000, "fit": "fill"}, (400, 300)),
            ({"width": 4000, "height": 100, "fit": "fill"}, (400, 100)),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("image_format", ["png", "jpeg", "webp"])
    async def test_it_is_brought_to_a_size_and_never_enlarged(self, shoot, output, size, image_format):
        shot = await shoot(PAGE, output={**output, "format": image_format})

        assert picture(shot).size == size

    async def test_what_covers_keeps_the_head_of_a_tall_page_and_the_middle_of_a_wide_one(self, shoot):
        tall = (
            "<body style='margin:0'><div style='height:150px;background:#0f0'></div>"
            "<div style='height:150px;background:#f00'>"
        )
        wide = "<body style='margin:0;background:linear-gradient(90deg, #f00 40%, #0f0 40% 60%, #f00 60%)'>"
        cover = {"fit": "cover"}
        head = picture(await shoot(tall, output={"width": 200, "height": 75, **cover}))
        middle = picture(await shoot(wide, output={"width": 60, "height": 300, **cover}))

        assert share_of(head, GREEN) > 0.95
        assert share_of(middle, GREEN) > 0.95

    async def test_avif_is_made(self, shoot):
        shot = await shoot(PAGE, output={"format": "avif", "quality": 90})
        red, green, blue = cast(tuple[int, int, int], picture(shot).getpixel((200, 50)))

        assert shot.image[4:12] == b"ftypavif"
        assert (red > 240, green < 20, blue < 20) == (True, True, True)

    async def test_a_lower_quality_is_a_smaller_file(self, shoot):
        page = (
            "<body style='height:300px;margin:0;background:repeating-conic-gradient(#f00, #0f0, #00f 7deg)'>"
        )
        for image_format in ("jpeg", "webp", "avif"):
            sizes = [
                len((await shoot(page, output={"format": image_format, "quality": quality})).image)
                for quality in (10, 95)
            ]
            assert sizes[0] < sizes[1], image_format

    async def test_too_large_a_side_for_the_format_is_refused_in_words(self, shoot):
        page = "<body style='margin:0;height:17000px;background:#0f0'>"
        with pytest.raises(NothingToShow, match=r"400 x 17000 px, and avif ends at 16384 px a side"):
            await shoot(page, capture={"mode": "full_page"}, output={"format": "avif"})

    async def test_a_picture_of_a_test_key_says_so(self, renderer, site):
        asked = parse_capture({"html": "<body style='background:#fff'>", "viewport": SIZE}).request
        marked = replace(asked, output=replace(asked.output, watermark=True))
        plain = picture(await renderer.render(asked, Deadline.after(20_000)))
        shown = picture(await renderer.render(marked, Deadline.after(20_000)))

        assert share_of(plain, WHITE) == 1
        assert 0.7 < share_of(shown, WHITE) < 0.995


def pages_of(shot):
    reader = pypdf.PdfReader(io.BytesIO(shot.image))
    return [
        (
            round(float(page.mediabox.width) / 72, 2),
            round(float(page.mediabox.height) / 72, 2),
            page.extract_text(),
        )
        for page in reader.pages
    ]


def approx(inches):
    """The browser rounds paper up to whole points."""
    return pytest.approx(inches, abs=1.5 / 72)


LONG = "<body>" + "".join(f"<p style='height:3in'>part {number}</p>" for number in range(9))


class TestPdf:
    async def test_it_is_printed_on_a4_unless_otherwise_asked(self, shoot):
        shot = await shoot(LONG, output={"format": "pdf"})
        pages = pages_of(shot)

        assert all(page[:2] == approx((8.27, 11.69)) for page in pages)
        assert len(pages) == 3
        assert "part 0" in pages[0][2]
        assert "part 8" in pages[-1][2]

    @pytest.mark.parametrize(
        ("pdf", "size"),
        [
            ({"paper": "letter"}, (8.5, 11)),
            ({"paper": "tabloid"}, (11, 17)),
            ({"paper": "ledger"}, (11, 17)),
            ({"paper_size": "A6"}, (4.13, 5.83)),
            ({"paper": "a0"}, (33.11, 46.81)),
            ({"paper": "letter", "landscape": True}, (11, 8.5)),
            ({"width": "10cm", "height": "5in"}, (3.94, 5)),
            ({"width": 960, "height": "72pt"}, (10, 1)),
        ],
        ids=str,
    )
    async def test_paper(self, shoot, pdf, size):
        assert pages_of(await shoot("<p>x", output={"format": "pdf"}, pdf=pdf))[0][:2] == approx(size)

    async def test_page_ranges(self, shoot):
        shot = await shoot(LONG, output={"format": "pdf"}, pdf={"page_ranges": "2-3, 1"})
        assert len(pages_of(shot)) == 3
        only = await shoot(LONG, output={"format": "pdf"}, pdf={"page_ranges": "2"})
        assert len(pages_of(only)) == 1

    async def test_ranges_that_are_not_there_are_told(self, shoot):
        with pytest.raises(NothingToShow, match="could not be printed"):
            await shoot("<p>x", output={"format": "pdf"}, pdf={"page_ranges": "7-9"})

    async def test_header_and_footer_stand_on_every_page(self, shoot):
        footer = "<span style='font-size:10px'>page <span class=pageNumber></span></span>"
        header = "<span style='font-size:10px'>above</span>"
        margins = {"top": "1in", "bottom": "1in"}
        shot = await shoot(
            LONG, output={"format": "pdf"}, pdf={"header": header, "footer": footer, "margin": margins}
        )

        for number, (_, _, text) in enumerate(pages_of(shot), start=1):
            assert "above" in text
            assert f"page {number}" in text

    async def test_all_on_one_page(self, shoot):
        (page,) = pages_of(await shoot(LONG, output={"format": "pdf"}, pdf={"fit_one_page": True}))

        assert page[0] == approx(8.27)
        assert 27 < page[1] < 34
        assert "part 8" in page[2]

    async def test_a_scale_makes_more_or_fewer_pages(self, shoot):
        assert len(pages_of(await shoot(LONG, output={"format": "pdf"}, pdf={"scale": 0.5}))) < 3

    async def test_the_pages_own_size_counts_if_asked(self, shoot):
        page = "<style>@page { size: 5in 6in }</style><p>x"
        own = await shoot(page, output={"format": "pdf"}, pdf={"prefer_css_page_size": True})
        assert pages_of(own)[0][:2] == approx((5, 6))

    async def test_it_is_printed_for_print_or_for_the_screen(self, shoot):
        page = "<style>@media print { .screen { display: none } }"
        page += "@media screen { .print { display: none } }</style>"
        page += "<p class=print>on paper</p><p class=screen>on the screen</p>"
        printed = pages_of(await shoot(page, output={"format": "pdf"}))[0][2]
        shown = pages_of(await shoot(page, output={"format": "pdf"}, browser={"media": "screen"}))[0][2]

        assert ("on paper" in printed, "on the screen" in printed) == (True, False)
        assert ("on paper" in shown, "on the screen" in shown) == (False, True)

    async def test_so_it_is_if_all_goes_on_one_page(self, shoot):
        page = "<style>@media print { .screen { display: none } }"
        page += "@media screen { .print { display: none } }"
        page += "@media (prefers-color-scheme: dark) { .light { display: none } }</style>"
        page += "<p class=print>on paper</p><p class=screen>on the screen</p><p class=light>by day</p>"
        pdf = {"output": {"format": "pdf"}, "pdf": {"fit_one_page": True}}
        printed = pages_of(await shoot(page, **pdf))[0][2]
        shown = pages_of(await shoot(page, browser={"media": "screen", "dark_mode": True}, **pdf))[0][2]

        assert (printed, shown) == ("on paper\nby day", "on the screen")

    async def test_with_a_test_key_every_page_says_so(self, renderer):
        asked = parse_capture({"html": LONG, "output": {"format": "pdf"}}).request
        marked = replace(asked, output=replace(asked.output, watermark=True))
        plain = pages_of(await renderer.render(asked, Deadline.after(20_000)))
        shown = pages_of(await renderer.render(marked, Deadline.after(20_000)))

        assert len(shown) == len(plain)
        assert all("TEST KEY" in text for _, _, text in shown)
        assert not any("TEST KEY" in text for _, _, text in plain)
