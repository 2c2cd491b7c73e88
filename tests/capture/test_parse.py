"""A nested mapping becomes a capture request: defaults, bounds, and what belongs together."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.capture.edition import edition
from calotype.capture.emulation import Emulation
from calotype.capture.errors import InvalidRequest, InvalidUrl, MissingParameter
from calotype.capture.negative import (
    HtmlDocument,
    MarkdownDocument,
    Negative,
    PageUrl,
    Viewport,
    Wait,
    WaitUntil,
)
from calotype.capture.output import Area, AreaKind, ImageFormat, Output
from calotype.capture.parse import DEFAULT_BUDGET_MS, parse_capture
from calotype.capture.parse_target import MAX_DOCUMENT_BYTES
from calotype.capture.request import CaptureRequest
from calotype.capture.verdict import FailOn

PAGE = "https://example.com/"


def parse(**mapping):
    return parse_capture({"url": PAGE} | mapping)


def refused(kind=InvalidRequest, **mapping):
    """Return the field that parsing mapping complains of."""
    with pytest.raises(kind) as told:
        parse_capture(mapping)
    assert type(told.value) is kind
    return told.value.field


class TestDefaults:
    def test_nothing_but_a_url(self):
        parsed = parse()

        assert parsed.request == CaptureRequest(
            negative=Negative(
                target=PageUrl(PAGE),
                viewport=Viewport(width_px=1280, height_px=720, device_scale_factor=1.0, mobile=False),
                wait=Wait(until=WaitUntil.LOAD, selector=None, delay_ms=0),
                browser=Emulation(dark_mode=False),
            ),
            output=Output(format=ImageFormat.PNG, quality=None, area=Area(AreaKind.VIEWPORT)),
        )
        assert parsed.budget_ms == DEFAULT_BUDGET_MS == 25_000
        assert parsed.fail_on == FailOn(("http_404", "http_410", "http_5xx"))
        assert parsed.unknown == []

    @pytest.mark.parametrize(
        "mapping",
        [
            {"viewport": {}},
            {"viewport": {"width": 1280, "height": 720.0, "scale": 1, "mobile": False}},
            {"viewport": None, "capture": None, "output": None, "wait": None, "browser": None},
            {"capture": {"mode": "viewport"}},
            {"output": {"format": "png"}},
            {"output": {"quality": 50}},
            {"wait": {"until": "load", "delay": 0, "timeout": 5_000}},
            {"browser": {"dark_mode": False}},
            {"fail_on": []},
        ],
    )
    def test_to_spell_them_out_changes_nothing(self, mapping):
        assert parse(**mapping).request == parse().request

    def test_a_lossy_format_has_its_quality(self):
        assert parse(output={"format": "jpeg"}).request.output.quality == 80
        assert parse(output={"format": "webp", "quality": 5}).request.output.quality == 5


class TestOptions:
    @pytest.mark.parametrize(
        ("mapping", "viewport"),
        [
            ({"width": 1, "height": 8192}, Viewport(width_px=1, height_px=8192)),
            ({"scale": 0.25}, Viewport(device_scale_factor=0.25)),
            ({"scale": 4}, Viewport(device_scale_factor=4.0)),
            ({"mobile": True}, Viewport(mobile=True)),
        ],
    )
    def test_viewport(self, mapping, viewport):
        assert parse(viewport=mapping).request.negative.viewport == viewport

    @pytest.mark.parametrize(
        ("mapping", "area"),
        [
            ({"mode": "full_page"}, Area(AreaKind.FULL_PAGE)),
            ({"selector": "#a"}, Area(AreaKind.ELEMENT, "#a")),
            ({"mode": "element", "selector": "#a"}, Area(AreaKind.ELEMENT, "#a")),
            ({"mode": "full_page", "selector": "#a"}, Area(AreaKind.ELEMENT, "#a")),
            ({"mode": "viewport", "selector": "#a"}, Area(AreaKind.ELEMENT, "#a")),
            ({"mode": "full_page", "scroll": False}, Area(AreaKind.FULL_PAGE, scroll=False)),
            ({"mode": "full_page", "max_height": 9}, Area(AreaKind.FULL_PAGE, max_height_px=9)),
            (
                {"selector": "#a", "scroll": False, "max_height": 9},
                Area(AreaKind.ELEMENT, "#a", scroll=False),
            ),
            ({"scroll": False, "max_height": 9}, Area()),
        ],
    )
    def test_the_area_and_a_selector_is_the_narrower_wish(self, mapping, area):
        assert parse(capture=mapping).request.output.area == area

    @pytest.mark.parametrize("until", ["load", "domcontentloaded", "networkidle"])
    def test_wait(self, until):
        parsed = parse(wait={"until": until, "for_selector": "#a", "delay": 60_000, "timeout": 120_000})

        assert parsed.request.negative.wait == Wait(until=WaitUntil(until), selector="#a", delay_ms=60_000)
        assert parsed.budget_ms == 120_000

    def test_patience_is_no_part_of_the_picture(self):
        patient, lenient = parse(wait={"timeout": 1}), parse(fail_on=[])

        assert patient.request == lenient.request == parse().request
        assert lenient.fail_on == FailOn(())

    @given(
        width=st.integers(1, 8192), height=st.integers(1, 8192),
        scale=st.floats(0.25, 4.0, allow_nan=False),
    )  # fmt: skip
    def test_any_viewport_within_the_bounds_is_taken_or_told_to_be_too_large(self, width, height, scale):
        mapping = {"url": PAGE, "viewport": {"width": width, "height": height, "scale": scale}}
        if width * height * scale**2 > 50_000_000:
            assert refused(**mapping) == "viewport"
        else:
            viewport = parse_capture(mapping).request.negative.viewport
            assert (viewport.width_px, viewport.height_px) == (width, height)


class TestTheTarget:
    def test_the_url_is_what_chromium_makes_of_it(self):
        assert parse(url=" HTTPS://Example.com:443/a/../b#c").request.negative.target == PageUrl(
            "https://example.com/b#c"
        )

    def test_html_and_its_base(self):
        plain = parse_capture({"html": "<p>"}).request.negative.target
        based = parse_capture({"html": "<p>", "html_base_url": "https://Example.com"}).request.negative.target

        assert plain == HtmlDocument("<p>", None)
        assert based == HtmlDocument("<p>", PAGE)

    def test_exactly_one_is_given(self):
        assert refused(MissingParameter) == "url"
        assert refused(MissingParameter, url=None, html=None) == "url"
        assert refused(MissingParameter, html_base_url=PAGE) == "url"
        assert refused(url=PAGE, html="<p>") == "url"
        assert refused(url=PAGE, html_base_url=PAGE) == "html_base_url"

    def test_a_url_gone_wrong_is_named_by_its_field(self):
        assert refused(InvalidUrl, url="ftp://example.com/") == "url"
        assert refused(InvalidUrl, url="") == "url"
        assert refused(InvalidUrl, html="<p>", html_base_url="ftp://example.com/") == "html_base_url"

    def test_markdown_its_style_sheet_and_its_base(self):
        plain = parse_capture({"markdown": "# a"}).request.negative.target
        styled = parse_capture({"markdown": "# a", "markdown_css": "h1 {}", "html_base_url": PAGE})

        assert plain == MarkdownDocument("# a", edition(), None, None)
        assert styled.request.negative.target == MarkdownDocument("# a", edition(), "h1 {}", PAGE)
        assert styled.unknown == []

    @pytest.mark.parametrize(
        ("mapping", "field"),
        [
            ({"url": PAGE, "markdown": "a"}, "url"),
            ({"html": "<p>", "markdown": "a"}, "html"),
            ({"url": PAGE, "html": "<p>", "markdown": "a"}, "url"),
            ({"url": PAGE, "markdown_css": "a {}"}, "markdown_css"),
            ({"html": "<p>", "markdown_css": "a {}"}, "markdown_css"),
            ({"markdown": "a", "markdown_css": "a" * (256 * 1024 + 1)}, "markdown_css"),
            ({"markdown": "a", "markdown_css": 1}, "markdown_css"),
            ({"markdown": "a", "markdown_css": "a\0"}, "markdown_css"),
            ({"markdown": ["a"]}, "markdown"),
            ({"markdown": " "}, "markdown"),
            ({"markdown": "a\0b"}, "markdown"),
        ],
    )
    def test_what_does_not_go_together_or_is_none_is_named(self, mapping, field):
        assert refused(**mapping) == field

    @pytest.mark.parametrize("name", ["html", "markdown"])
    def test_a_document_has_a_bound_in_bytes(self, name):
        parse_capture({name: "a" * MAX_DOCUMENT_BYTES})
        assert refused(**{name: "a" * (MAX_DOCUMENT_BYTES + 1)}) == name
        assert refused(**{name: "€" * (MAX_DOCUMENT_BYTES // 3 + 1)}) == name


def test_unknown_fields_are_listed_with_their_paths():
    parsed = parse(
        sparkle=1,
        viewport={"depth": 1},
        wait={"moon": 1},
        browser={"x": 1},
        output={"y": 1},
        capture={"z": 1},
    )

    assert parsed.unknown == ["sparkle", "viewport.depth", "wait.moon", "browser.x", "output.y", "capture.z"]


_JUNK = st.sampled_from([
    None, True, 0, 1, -1, 0.5, 2.0, float("nan"), 10**30, "", "a", "\0", "png", "\ud800",
    [], ["a"], [None], {}, {"a": 1},
])  # fmt: skip
_NAMES = st.sampled_from(
    [
        "url",
        "html",
        "markdown",
        "markdown_css",
        "html_base_url",
        "viewport",
        "capture",
        "output",
        "wait",
        "browser",
        "fail_on",
    ]
)
_GROUP = st.dictionaries(
    st.sampled_from(["width", "height", "scale", "mobile", "mode", "selector", "format", "quality", "until",
                     "for_selector", "delay", "timeout", "dark_mode"]),
    _JUNK,
)  # fmt: skip


@given(st.dictionaries(_NAMES, _JUNK | _GROUP))
def test_whatever_comes_is_a_request_or_is_refused_by_name(mapping):
    with contextlib.suppress(InvalidRequest):
        parse_capture(mapping)
