"""What a picture turned out to be: each fact on pages where it is true, and where it only seems so."""

from __future__ import annotations

from dataclasses import replace

import pytest

from calotype.capture.blocking import Blocking
from calotype.capture.negative import HtmlDocument
from calotype.capture.output import Resize
from calotype.clock import Deadline
from calotype.render import inspect
from calotype.render.page import Page
from tests.render.asking import FULL_PAGE, a_request, an_element, picture, take
from tests.site.pages import HEAD
from tests.site.suspects import ERROR_PAGES, GOOD, WALLS

pytestmark = pytest.mark.asyncio(loop_scope="session")

NO_FONT_HAS = "\U0010fff0"
"""Of the last plane for private use."""


async def verdict_of(renderer, site, html, **wishes):
    site.serve("/page", html)
    return (await take(renderer, site.url("/page"), **wishes)).verdict


class TestWords:
    @pytest.mark.parametrize(
        ("head", "description"),
        [
            ("<meta name=description content='  Of lamps. '>", "Of lamps."),
            ("<meta name=Description content='Of lamps.'>", "Of lamps."),
            ("<meta property=og:description content='Of lamps.'>", "Of lamps."),
            (
                "<meta property=og:description content=Shared><meta name=description content=Searched>",
                "Searched",
            ),
            ("<meta name=description content=''><meta property=og:description content=Shared>", "Shared"),
            ("<meta name=description>", ""),
            ("", ""),
        ],
    )
    async def test_the_description_is_what_the_page_says_of_itself(self, renderer, site, head, description):
        verdict = await verdict_of(renderer, site, f"{HEAD}<title>Lamps</title>{head}<p>Hello")

        assert (verdict.title, verdict.description) == ("Lamps", description)

    async def test_neither_title_nor_description_is_kept_longer_than_anyone_reads(self, renderer, site):
        words = "x" * 1_000_000
        verdict = await verdict_of(
            renderer, site, f"<title>{words}</title><meta name=description content={words}>"
        )

        assert len(verdict.title) == len(verdict.description) == 1000

    async def test_elements_named_like_the_documents_own_properties_deceive_nobody(self, renderer, site):
        names = ("title", "body", "scripts", "querySelector", "createTreeWalker", "createElementNS")
        html = "".join(f"<form name={name}></form>" for name in names)
        fields = "".join(f"<input name={name}>" for name in ("checkVisibility", "nodeName", "parentElement"))
        html += f"<form>{NO_FONT_HAS}{fields}</form>"
        verdict = await verdict_of(renderer, site, f"<title>Honest</title>{html}<p>{NO_FONT_HAS}")

        assert (verdict.title, verdict.missing_glyphs) == ("Honest", 1)

    async def test_nor_do_functions_that_the_page_has_put_in_the_browsers_place(self, renderer, site):
        liar = "<script>for (const made of [Document, HTMLCanvasElement, CanvasRenderingContext2D, RegExp])"
        liar += "for (const name of Object.getOwnPropertyNames(made.prototype))"
        liar += "try { made.prototype[name] = () => { throw 1 } } catch {}</script>"
        verdict = await verdict_of(renderer, site, f"<title>Honest</title>{liar}<p>{NO_FONT_HAS}")

        assert (verdict.title, verdict.missing_glyphs) == ("Honest", 1)


BLANK = {
    "nothing": "",
    "a colour": "<body bgcolor=#123456>",
    "white on white": "<p style='color:white'>Hello",
    "a tracking pixel": "<body style='margin:0'><div style='width:1px;height:1px;background:black'>",
    "nearly white on white": "<p style='color:#fdfdfd'>Hello",
}
NOT_BLANK = {
    "two letters": "ok",
    "a line": "<body style='margin:0'><div style='height:1px;background:black'>",
    "a spot of five pixels a side": "<div style='width:5px;height:5px;background:red'>",
    "a gradient": "<body style='margin:0;height:600px;background:linear-gradient(#fff,#eee)'>",
    "pale words": "<h1 style='color:#f2f2f2'>Hello there</h1>",
    "something far below": "<div style='height:560px'></div><hr>",
}


class TestBlank:
    @pytest.mark.parametrize("page", BLANK)
    async def test_a_picture_of_one_colour_is_blank(self, renderer, site, page):
        assert (await verdict_of(renderer, site, f"<!doctype html>{BLANK[page]}")).blank

    @pytest.mark.parametrize("page", NOT_BLANK)
    async def test_a_picture_with_something_in_it_is_not(self, renderer, site, page):
        verdict = await verdict_of(renderer, site, f"<!doctype html>{NOT_BLANK[page]}")

        assert not verdict.blank

    @pytest.mark.parametrize("image_format", ["png", "jpeg", "webp", "avif"])
    async def test_in_whatever_format_it_is_encoded(self, renderer, site, image_format):
        quality = None if image_format == "png" else 80
        wishes = {"image_format": image_format, "quality": quality}
        blank = await verdict_of(renderer, site, "<body bgcolor=#12ab98>", **wishes)
        written = await verdict_of(renderer, site, "<p>ok", **wishes)

        assert (blank.blank, written.blank) == (True, False)

    @pytest.mark.parametrize(("width_px", "height_px"), [(1, 1), (64, 2000), (375, 812), (1281, 721)])
    @pytest.mark.parametrize("image_format", ["png", "jpeg", "webp"])
    async def test_of_whatever_size_it_is(self, renderer, site, width_px, height_px, image_format):
        wishes = {"image_format": image_format, "quality": None if image_format == "png" else 100}
        page = HtmlDocument("<body bgcolor=#12ab98>")
        capture = await take(renderer, page, width_px=width_px, height_px=height_px, **wishes)

        assert capture.verdict.blank

    async def test_a_tall_page_is_looked_at_to_its_end(self, renderer, site):
        tall = "<body style='margin:0'><div style='height:3000px'></div>"
        blank = await verdict_of(renderer, site, tall, area=FULL_PAGE)
        written = await verdict_of(renderer, site, f"{tall}<p>ok", area=FULL_PAGE)

        assert (blank.blank, written.blank) == (True, False)

    @pytest.mark.parametrize(
        ("below", "blank"),
        [("", True), ("<p>ok", False), ("<div style='height:9000px;background:red'>", False)],
    )
    async def test_so_is_one_that_is_drawn_strip_by_strip(self, renderer, site, below, blank):
        tall = f"<body style='margin:0'><div style='height:14000px'></div>{below}"

        assert (await verdict_of(renderer, site, tall, area=FULL_PAGE)).blank is blank

    async def test_an_element_is_judged_by_itself(self, renderer, site):
        html = "<h1>Hello</h1><div id=swatch style='width:80px;height:80px;background:red'></div>"

        assert (await verdict_of(renderer, site, html, area=an_element("#swatch"))).blank
        assert not (await verdict_of(renderer, site, html, area=an_element("h1"))).blank

    async def test_what_is_made_of_the_picture_changes_nothing(self, renderer, site):
        site.serve("/page", "<p>ok")
        request = a_request(site.url("/page"))
        small = replace(request, output=replace(request.output, resize=Resize(width_px=4), watermark=True))
        capture = await renderer.render(small, Deadline.after(20_000))

        assert (capture.width_px, capture.verdict.blank) == (4, False)


class TestWalls:
    @pytest.mark.parametrize("name", WALLS)
    async def test_a_wall_against_bots_is_suspected(self, renderer, site, name):
        verdict = (await take(renderer, site.url(f"/wall/{name}"))).verdict

        assert verdict.bot_wall == WALLS[name][0]
        assert not verdict.error_page

    @pytest.mark.parametrize("name", ERROR_PAGES)
    async def test_an_error_page_served_as_if_all_were_well_is_suspected(self, renderer, site, name):
        verdict = (await take(renderer, site.url(f"/error/{name}"))).verdict

        assert (verdict.error_page, verdict.bot_wall) == (True, None)

    @pytest.mark.parametrize("name", GOOD)
    async def test_a_good_page_that_looks_like_one_is_not(self, renderer, site, name):
        verdict = (await take(renderer, site.url(f"/good/{name}"))).verdict

        assert (verdict.error_page, verdict.bot_wall) == (False, None)

    async def test_a_document_that_came_with_the_request_is_what_its_sender_made_it(self, renderer, site):
        verdict = (await take(renderer, HtmlDocument("<title>404 Not Found</title>404 Not Found"))).verdict

        assert not verdict.error_page


GLYPHS = {
    "latin, greek, cyrillic": ("Grüße, Ωμέγα, Привет", 0),
    "cjk, kana, hangul": ("漢字かなカナ한글", 0),
    "right to left": ("שלום مرحبا", 0),
    "emoji": ("\U0001f600 ❤️ \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0001f1e9\U0001f1ea", 0),
    "punctuation and arrows": ("“a” \u2013 b … → ☃ □ ■", 0),
    "what is invisible": ("a\u200bb\u00adc\u2060d\ufeffe\u3000f", 0),
    "none": (NO_FONT_HAS, 1),
    "the same one many times": (NO_FONT_HAS * 50, 1),
    "several among others": (f"a{NO_FONT_HAS}漢\U0010fff1字\U0010fff2", 3),
    "unassigned": ("\u0df7", 1),
}


class TestGlyphs:
    @pytest.mark.parametrize("text", GLYPHS)
    async def test_characters_that_no_font_has_are_counted(self, renderer, site, text):
        said, missing = GLYPHS[text]
        verdict = await verdict_of(renderer, site, f"{HEAD}<p>{said}")

        assert verdict.missing_glyphs == missing

    async def test_each_is_judged_in_the_font_that_its_element_has(self, renderer, site):
        html = f"{HEAD}<p style='font:40px monospace'>漢<p style='font:bold italic 12px serif'>{NO_FONT_HAS}"

        assert (await verdict_of(renderer, site, html)).missing_glyphs == 1

    async def test_a_web_font_that_has_it_is_used(self, renderer, site):
        face = "<style>@font-face {{ font-family: web; src: url(/font{}) }} p {{ font-family: web }}</style>"
        for query, missing in (("", 1), (f"?also={ord(NO_FONT_HAS)}", 0)):
            html = f"{HEAD}{face.format(query)}<p>{NO_FONT_HAS}"
            assert (await verdict_of(renderer, site, html)).missing_glyphs == missing

    @pytest.mark.parametrize(
        "hidden",
        [
            "<p hidden>{}",
            "<p style='visibility:hidden'>{}",
            "<p style='opacity:0'>{}",
            "<script>'{}'</script>",
            "<template>{}</template>",
            "<noscript>{}</noscript>",
        ],
    )
    async def test_what_nobody_sees_is_not_counted(self, renderer, site, hidden):
        verdict = await verdict_of(renderer, site, f"{HEAD}<p>Hello" + hidden.format(NO_FONT_HAS))

        assert verdict.missing_glyphs == 0

    async def test_there_is_an_end_to_looking(self, renderer, site):
        text = "".join(chr(0x10F000 + number) for number in range(inspect.MAX_GLYPHS + 50))
        verdict = await verdict_of(renderer, site, f"{HEAD}<p>{text}")

        assert verdict.missing_glyphs == inspect.MAX_GLYPHS


CONSOLE = {
    "nothing": ("", 0),
    "words": ("<script>console.log('a'); console.warn('b'); console.info('c')</script>", 0),
    "an error": ("<script>console.error('a', {b: 1})</script>", 1),
    "an assertion": ("<script>console.assert(false)</script>", 1),
    "an exception": ("<script>throw new Error('a')</script>", 1),
    "a broken script": ("<script>this is no script</script>", 1),
    "a rejection": ("<script>Promise.reject(new Error('a'))</script>", 1),
    "an image that is not there": ("<img src=/404?empty=1>", 1),
    "all of them": (
        "<script>console.error(1); setTimeout(() => missing())</script><img src=/404?empty=1>",
        3,
    ),
}


class TestConsole:
    @pytest.mark.parametrize("page", CONSOLE)
    async def test_errors_in_the_console_are_counted(self, renderer, site, page):
        html, errors = CONSOLE[page]

        assert (await verdict_of(renderer, site, f"{HEAD}<p>Hello{html}")).console_errors == errors

    async def test_those_of_the_document_before_are_not(self, renderer, site):
        leaving = f"<script>console.error('a'); location.href = '{site.url('/home')}'</script>"
        verdict = await verdict_of(renderer, site, leaving)

        assert (verdict.title, verdict.console_errors) == ("Home of the site", 0)

    async def test_nor_is_what_the_caller_had_blocked(self, renderer, site):
        site.serve("/page", f"{HEAD}<p>Hello<img src=/image>")
        request = a_request(site.url("/page"))
        blocking = replace(request.negative, block=Blocking(requests=("*/image*",)))
        capture = await renderer.render(replace(request, negative=blocking), Deadline.after(20_000))

        assert (site.visits["/image"], capture.verdict.console_errors) == (0, 0)

    async def test_a_flood_of_them_costs_no_more_than_the_last_thousand(self, renderer, site):
        html = "<script>for (let i = 0; i < 5000; i++) console.error('x'.repeat(1000))</script><p>Hello"

        assert (await verdict_of(renderer, site, html)).console_errors == 1000

    async def test_nothing_that_they_say_is_logged_or_kept(self, renderer, site, caplog):
        caplog.set_level("DEBUG")
        verdict = await verdict_of(
            renderer, site, "<p>Hello<script>console.error('hunter2'); throw 'hunter2'</script>"
        )

        assert verdict.console_errors == 2
        assert "hunter2" not in caplog.text + str(verdict)


async def test_all_of_it_is_asked_in_one_round_trip(renderer, site, monkeypatch):
    asked = []
    run = Page.run

    async def counted(page, function, *rest):
        asked.append(function)
        return await run(page, function, *rest)

    monkeypatch.setattr(Page, "run", counted)
    await take(renderer, site.url("/wall/datadome"))

    assert asked.count(inspect._INSPECT_JS) == 1
    assert len(asked) == 2, "the other one brings the page to rest"


async def test_a_look_leaves_the_picture_as_it_was(renderer, site, monkeypatch):
    site.serve("/page", f"{HEAD}<h1>漢字 {NO_FONT_HAS}</h1><script>console.error(1)</script>")
    seen = picture(await take(renderer, site.url("/page")))

    async def look_away(*_):
        return inspect.Seen("", "", "", True, frozenset(), 0)

    monkeypatch.setattr(inspect, "inspect", look_away)
    unseen = picture(await take(renderer, site.url("/page")))
    assert seen.tobytes() == unseen.tobytes()
