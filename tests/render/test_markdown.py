"""Markdown is pictured as people expect it to look, and nothing in it runs."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pypdfium2
import pytest
from markdown_it import MarkdownIt

from calotype.capture import markdown as typesetting
from calotype.capture.errors import BrowserCrashed, InvalidRequest, RenderTimeout
from calotype.capture.markdown import to_html
from calotype.capture.negative import HtmlDocument, MarkdownDocument
from calotype.capture.network import Network
from calotype.capture.retouch import Retouch
from calotype.capture.verdict import SettledBy
from calotype.clock import Deadline
from calotype.render import typeset
from tests.render.asking import (
    FULL_PAGE,
    GREEN,
    RED,
    WHITE,
    a_request,
    an_element,
    box_of,
    picture,
    share_of,
    take,
    until,
)
from tests.site import attacks

pytestmark = pytest.mark.asyncio(loop_scope="session")

INK, KEYWORD, STRING, LINE, BLUE = (
    (31, 35, 40), (207, 34, 46), (10, 48, 105), (209, 217, 224), (9, 105, 218),
)  # fmt: skip
DARK = (13, 17, 23)
STRIKING = (
    "script", "img-onerror", "details-ontoggle", "html-link", "svg", "svg-script", "iframe-srcdoc",
    "style-breakout", "main-breakout", "noscript", "form", "comment",
)  # fmt: skip
"""Tries that get there where nothing stands in their way."""


def markdown(text, css=None, base_url=None):
    return MarkdownDocument(text, "any", css, base_url)


def unpurified(text, base_url, monkeypatch):
    """The document that Markdown would make if the purifier let everything pass."""
    monkeypatch.setattr(typesetting, "purified", lambda html: html)
    monkeypatch.setattr(typesetting, "_parser", MarkdownIt)
    return HtmlDocument(to_html(markdown(text)), base_url)


async def provoked(renderer, target, *, bypass_csp=False):
    """Take a picture of target after doing all that a reader might do with it."""
    request = a_request(target)
    negative = replace(
        request.negative, page=Retouch(scripts=(attacks.PROVOKE,)), network=Network(bypass_csp=bypass_csp)
    )
    return await renderer.render(replace(request, negative=negative), Deadline.after(20_000))


class TestNothingRuns:
    @pytest.mark.parametrize("name", attacks.MARKDOWN)
    async def test_in_markdown_though_no_policy_forbids_it(self, renderer, site, name):
        html = to_html(markdown(f"# {attacks.CALM}\n\n{attacks.MARKDOWN[name]}"))
        capture = await provoked(renderer, HtmlDocument(html, site.url("/home")), bypass_csp=True)

        assert capture.verdict.title == attacks.CALM
        assert site.visits[attacks.STRUCK] == 0

    @pytest.mark.parametrize("name", attacks.STYLES)
    async def test_in_its_style_sheet_though_no_policy_forbids_it(self, renderer, site, name):
        html = to_html(markdown(f"# {attacks.CALM}", attacks.STYLES[name]))
        capture = await provoked(renderer, HtmlDocument(html, site.url("/home")), bypass_csp=True)

        assert capture.verdict.title == attacks.CALM
        assert site.visits[attacks.STRUCK] == 0

    @pytest.mark.parametrize("name", STRIKING)
    async def test_in_what_the_purifier_would_let_through(self, renderer, site, name, monkeypatch):
        page = unpurified(f"# {attacks.CALM}\n\n{attacks.MARKDOWN[name]}", site.url("/home"), monkeypatch)
        await provoked(renderer, page)

        assert site.visits[attacks.STRUCK] == 0

    @pytest.mark.parametrize("name", STRIKING)
    async def test_and_without_either_wall_it_would_be_seen(self, renderer, site, name, monkeypatch):
        page = unpurified(f"# {attacks.CALM}\n\n{attacks.MARKDOWN[name]}", site.url("/home"), monkeypatch)
        capture = await provoked(renderer, page, bypass_csp=True)

        assert capture.verdict.title != attacks.CALM
        assert site.visits[attacks.STRUCK] > 0

    async def test_but_what_the_capture_itself_inserts(self, renderer, site):
        site.serve("/red.js", "document.documentElement.style.background = 'red'")
        scripts = (site.url("/red.js"), "const one = new Function('return 1'); document.title += one()")
        request = a_request(markdown("# Mine", base_url=site.url("/home")))
        request = replace(request, negative=replace(request.negative, page=Retouch(scripts=scripts)))
        capture = await renderer.render(request, Deadline.after(20_000))

        assert capture.verdict.title == "Mine1"
        assert share_of(picture(capture), RED) > 0.5


class TestItLooks:
    async def test_like_a_page_of_its_own_with_a_title(self, renderer):
        capture = await take(renderer, markdown("Before\n\n## The *first* `heading`\n\n# Another"))
        image = picture(capture)

        assert capture.verdict.title == "The first heading"
        assert capture.verdict.settled_by is SettledBy.QUIET
        assert not capture.verdict.blank
        assert image.getpixel((1, 1)) == WHITE
        assert share_of(image, INK) > 0.001

    async def test_dark_in_the_dark(self, renderer):
        image = picture(await take(renderer, markdown("# Hello"), dark=True))

        assert image.getpixel((1, 1)) == DARK
        assert share_of(image, INK) == 0

    async def test_with_larger_letters_for_higher_headings(self, renderer):
        text = "\n\n".join(f"{'#' * level} I" for level in range(1, 5))
        heights = []
        for level in range(1, 5):
            image = picture(await take(renderer, markdown(text), area=an_element(f"h{level}")))
            box = box_of(image, INK)
            heights.append(box[3] - box[1])

        assert heights == sorted(set(heights), reverse=True)

    async def test_with_lines_around_the_cells_of_a_table(self, renderer):
        table = "| a | b |\n|---|---|\n| 1 | 2 |"
        image = picture(await take(renderer, markdown(table), area=an_element("table")))
        across = [image.getpixel((x, image.height // 4)) for x in range(image.width)]
        down = [image.getpixel((3, y)) for y in range(image.height)]

        assert (across.count(LINE), down.count(LINE)) == (3, 3)

    async def test_with_code_in_the_colours_of_its_language(self, renderer):
        code = "import this\nname = 'MMMMMMMM'\n"
        coloured = picture(await take(renderer, markdown(f"```python\n{code}```"), area=an_element("pre")))
        plain = picture(await take(renderer, markdown(f"```\n{code}```"), area=an_element("pre")))

        assert share_of(coloured, KEYWORD) > 0.0001
        assert share_of(coloured, STRING) > 0.0001
        assert share_of(plain, KEYWORD) == share_of(plain, STRING) == 0
        assert share_of(plain, INK) > 0.001

    async def test_with_boxes_for_tasks_and_a_tick_in_those_that_are_done(self, renderer):
        page = markdown("- [x] done\n- [ ] open")
        done, still_open = [
            picture(await take(renderer, page, area=an_element(f"li:nth-child({number}) input")))
            for number in (1, 2)
        ]

        assert share_of(done, BLUE) > 0.4
        assert share_of(done, WHITE) > 0.01
        assert share_of(still_open, BLUE) == 0
        assert share_of(still_open, WHITE) > 0.5

    async def test_with_hebrew_on_the_right(self, renderer):
        middle = 400
        for text, is_right in (("# Hello", False), ("# \u05e9\u05dc\u05d5\u05dd", True)):
            left, _, right, _ = box_of(picture(await take(renderer, markdown(text))), INK)
            assert (left > middle, right > middle) == (is_right, is_right)

    async def test_with_emoji_and_characters_of_china(self, renderer):
        capture = await take(renderer, markdown("植物標本 한국어 🌿"))

        assert capture.verdict.missing_glyphs == 0

    async def test_as_its_own_style_sheet_says_which_comes_last(self, renderer):
        css = "@import 'data:text/css,body{background:red}'; html { background: lime }"
        image = picture(await take(renderer, markdown("# Hello", css + "body { background: lime }")))

        assert image.getpixel((1, 1)) == GREEN

    async def test_with_images_from_its_base_and_from_the_request(self, renderer, site):
        image = picture(await take(renderer, markdown("![](image)", base_url=site.url("/somewhere/"))))
        shape = "%3Crect width='99' height='99' fill='lime'/%3E"
        data = f"data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg'%3E{shape}%3C/svg%3E"
        own = picture(await take(renderer, markdown(f'<img src="{data}">')))

        assert site.visits["/somewhere/image"] == 1
        assert share_of(own, GREEN) > 0.01
        assert image.getpixel((1, 1)) == WHITE

    async def test_no_wider_than_a_phone(self, renderer):
        text = f"{'x' * 300}\n\n```\n{'y' * 300}\n```\n\n| a | b |\n|---|---|\n| {'z' * 100} | {'z' * 100} |"
        capture = await take(renderer, markdown(text), area=FULL_PAGE, width_px=360, mobile=True)

        assert capture.width_px == 360

    async def test_black_on_white_on_paper(self, renderer):
        capture = await take(renderer, markdown("# Hello"), image_format="pdf", dark=True)

        assert capture.image.startswith(b"%PDF")
        page = pypdfium2.PdfDocument(capture.image)[0].render().to_pil().convert("RGB")
        assert {page.getpixel(at) for at in ((1, 1), (300, 500))} == {WHITE}


class TestTheTypesetter:
    async def test_is_ended_with_its_capture(self, renderer, monkeypatch, tmp_path):
        monkeypatch.setattr(typeset, "_MODULE", sleeper(tmp_path, monkeypatch))
        with pytest.raises(RenderTimeout) as told:
            await take(renderer, markdown("# Hello"), budget_ms=4_000)

        assert told.value.step == "typesetting the Markdown"
        assert not alive(int((tmp_path / "pid").read_text()))

    async def test_holds_up_nobody_meanwhile(self, monkeypatch, tmp_path):
        monkeypatch.setattr(typeset, "_MODULE", sleeper(tmp_path, monkeypatch))
        work = asyncio.create_task(typeset.as_html(markdown("# Hello")))
        await until((tmp_path / "pid").exists)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

        assert not alive(int((tmp_path / "pid").read_text()))

    async def test_refuses_what_takes_more_memory_than_it_may_have(self, monkeypatch):
        monkeypatch.setattr(typeset, "_MAX_MEMORY", 200 * 1024 * 1024)
        with pytest.raises(InvalidRequest) as told:
            await typeset.as_html(markdown("*a\n" * 500_000))

        assert told.value.field == "markdown"
        assert "takes more than 200 MiB of memory" in str(told.value)

    async def test_refuses_what_makes_too_much_html(self, monkeypatch):
        monkeypatch.setattr(typeset, "_MAX_HTML", 1_000)
        with pytest.raises(InvalidRequest) as told:
            await typeset.as_html(markdown("# Hello"))

        assert told.value.field == "markdown"

    async def test_that_breaks_is_a_failed_capture_and_the_log_repeats_nothing_of_the_document(
        self, monkeypatch, caplog, tmp_path
    ):
        code = """
import sys
from calotype.render import typesetter
def breaks(document): raise KeyError(document.markdown)
typesetter.to_html = breaks
sys.exit(typesetter.main(2**30, 2**30))
"""
        monkeypatch.setattr(typeset, "_MODULE", a_module(tmp_path, monkeypatch, code))
        with pytest.raises(BrowserCrashed, match="The typesetter crashed"):
            await typeset.as_html(markdown("# Secret"))

        assert "in breaks" in caplog.text
        assert "KeyError" in caplog.text
        assert "Secret" not in caplog.text

    async def test_knows_nothing_of_the_servers_environment(self, monkeypatch, tmp_path):
        monkeypatch.setenv("CALOTYPE_SECRET_KEY", "hunter2")
        module = a_module(tmp_path, monkeypatch, "import os; print(dict(os.environ))")
        monkeypatch.setattr(typeset, "_MODULE", module)

        assert "hunter2" not in (await typeset.as_html(markdown("# Hello"))).html


def a_module(folder, monkeypatch, code):
    """Write a module that stands in for the typesetter, where its process finds it."""
    (folder / "stand_in.py").write_text(code)
    monkeypatch.syspath_prepend(str(folder))
    return "stand_in"


def sleeper(folder, monkeypatch):
    """A typesetter that never ends, and leaves its number in a file."""
    told, whole = folder / "pid.part", folder / "pid"
    return a_module(
        folder,
        monkeypatch,
        f"import os, time\nopen({str(told)!r}, 'w').write(str(os.getpid()))\n"
        f"os.rename({str(told)!r}, {str(whole)!r})\ntime.sleep(600)\n",
    )


def alive(pid):
    return Path(f"/proc/{pid}").exists()
