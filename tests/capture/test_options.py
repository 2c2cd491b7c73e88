"""Every option: what it may be, what it becomes, and which field a fault is told of."""

from __future__ import annotations

import re
import zoneinfo

import pytest

from calotype.cache.key import canonical, negative_hash
from calotype.capture.blocking import Blocking, ResourceKind, Unwanted
from calotype.capture.devices import DEVICES
from calotype.capture.emulation import Emulation, Geolocation, MediaType
from calotype.capture.errors import InvalidRequest
from calotype.capture.network import BasicAuth, BearerAuth, Cookie, Network, SameSite
from calotype.capture.output import Area, AreaKind, Clip, Fit, ImageFormat, Resize
from calotype.capture.parse import parse_capture
from calotype.capture.parse_browser import _timezones
from calotype.capture.pdf import Margins, PdfOptions
from calotype.capture.presets import PRESETS
from calotype.capture.retouch import Retouch

URL = "https://example.com/"


def negative(**mapping):
    return parse_capture({"url": URL, **mapping}).request.negative


def output(**mapping):
    return parse_capture({"url": URL, **mapping}).request.output


def field_of(**mapping):
    with pytest.raises(InvalidRequest) as told:
        parse_capture({"url": URL, **mapping})
    return told.value.field


def test_what_the_page_is_told_of_the_browser():
    given = {
        "dark_mode": True, "reduced_motion": True, "media": "print", "user_agent": "Tester/1",
        "timezone": "Europe/Berlin", "locale": "de-CH",
        "geolocation": {"latitude": 47, "longitude": 8.5, "accuracy": 10},
    }  # fmt: skip

    assert negative(browser=given).browser == Emulation(
        dark_mode=True, reduced_motion=True, media=MediaType.PRINT, user_agent="Tester/1",
        timezone="Europe/Berlin", locale="de-CH",
        geolocation=Geolocation(latitude=47.0, longitude=8.5, accuracy_m=10.0),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"timezone": "Berlin"}, "browser.timezone"),
        ({"timezone": "../../etc/passwd"}, "browser.timezone"),
        ({"timezone": "localtime"}, "browser.timezone"),
        ({"locale": "de_CH"}, "browser.locale"),
        ({"media": "paper"}, "browser.media"),
        ({"user_agent": "a\r\nb: c"}, "browser.user_agent"),
        ({"geolocation": {"latitude": 91, "longitude": 0}}, "browser.geolocation.latitude"),
        ({"geolocation": {"latitude": 1}}, "browser.geolocation.longitude"),
        ({"geolocation": "Berne"}, "browser.geolocation"),
    ],
)
def test_what_no_browser_can_be_told_is_refused_by_name(given, field):
    assert field_of(browser=given) == field


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"browser": {"media": "screen"}}, {}),
        (
            {"browser": {"geolocation": {"latitude": -0.0, "longitude": 0}}},
            {"browser": {"geolocation": {"latitude": 0, "longitude": 0}}},
        ),
        (
            {"capture": {"clip": {"x": -0.0, "width": 1, "height": 1}}},
            {"capture": {"clip": {"width": 1, "height": 1}}},
        ),
    ],
    ids=["media", "place", "clip"],
)
def test_two_spellings_of_one_picture_are_known_by_one_name(one, other):
    assert canonical(parse_capture({"url": URL, **one}).request) == canonical(
        parse_capture({"url": URL, **other}).request
    )


def test_a_pdf_for_the_screen_is_another_one():
    pdf = {"format": "pdf"}
    names = {
        canonical(parse_capture({"url": URL, "output": pdf, "browser": {"media": media}}).request)
        for media in (None, "screen", "print")
    }
    assert len(names) == 3


def test_the_systems_time_zones_are_listed_once(monkeypatch):
    asked = []

    def look():
        asked.append(1)
        return {"Europe/Berlin"}

    monkeypatch.setattr(zoneinfo, "available_timezones", look)
    _timezones.cache_clear()
    for _ in range(3):
        negative(browser={"timezone": "Europe/Berlin"})
    _timezones.cache_clear()

    assert asked == [1]


def test_what_is_blocked_is_the_same_in_any_order():
    one = negative(block={"requests": ["b*", "a*", "b*"], "resources": ["media", "font"]})
    two = negative(block={"requests": ["a*", "b*"], "resources": ["font", "media", "font"]})

    assert one == two
    assert one.block == Blocking(requests=("a*", "b*"), resources=(ResourceKind.FONT, ResourceKind.MEDIA))


def test_what_lists_know_is_blocked_when_asked_and_each_kind_makes_another_picture():
    asked = [negative(block={kind.value: True}) for kind in Unwanted]

    assert [one.block for one in asked] == [Blocking(unwanted=(kind,)) for kind in Unwanted]
    assert len({negative_hash(one) for one in [*asked, negative()]}) == 5
    assert negative(block={kind.value: False for kind in Unwanted}) == negative()
    assert parse_capture({"url": URL, "block": {"ads": True}}).unknown == []


def test_what_is_not_blocked_is_not_in_a_key():
    assert b"unwanted" not in canonical(negative(block={"requests": ["a*"]}))


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"resources": ["fonts"]}, "block.resources"),
        ({"ads": "yes"}, "block.ads"),
        ({"chat_widgets": 1}, "block.chat_widgets"),
        ({"requests": [""]}, "block.requests"),
        ({"requests": ["x" * 2049]}, "block.requests"),
        ({"requests": "a*"}, "block.requests"),
    ],
)
def test_a_block_that_cannot_be_meant_is_refused_by_name(given, field):
    assert field_of(block=given) == field


def test_what_is_done_to_the_page_keeps_its_order():
    given = {
        "styles": ["b{}", "a{}"], "scripts": ["2", "1"], "hide": ["#b", "#a"], "remove": ["#c"],
        "click": "#d", "scroll_to": "#e",
    }  # fmt: skip

    assert negative(page=given).page == Retouch(
        styles=("b{}", "a{}"),
        scripts=("2", "1"),
        hide=("#b", "#a"),
        remove=("#c",),
        click="#d",
        scroll_to="#e",
    )


class TestNetwork:
    def test_headers_are_the_same_in_any_case_and_order(self):
        one = negative(network={"headers": {"X-B": "2", "X-A": "1"}})

        assert one == negative(network={"headers": {"x-a": "1", "x-b": " 2 "}})
        assert one.network.headers == (("x-a", "1"), ("x-b", "2"))

    @pytest.mark.parametrize(
        "headers",
        [
            {"a b": "1"},
            {"Host": "x"},
            {"Cookie": "a=1"},
            {"a": "1\r\nb: 2"},
            {"a": 1},
            {"": "1"},
            ["a"],
            {"Cookie2": "1"},
            {"Set-Cookie": "a=1"},
            {"Proxy-Authorization": "a"},
            {"Proxy-Else": "a"},
        ],
        ids=str,
    )
    def test_a_header_that_cannot_be_set_is_refused(self, headers):
        assert field_of(network={"headers": headers}).startswith("network.headers")

    def test_cookies_in_either_spelling(self):
        full = {
            "name": "a", "value": "1", "domain": ".example.com", "path": "/x", "expires": 2e9, "secure": True,
            "httpOnly": True, "sameSite": "lax",
        }  # fmt: skip
        other = full | {"http_only": True, "same_site": "Lax"}
        del other["httpOnly"], other["sameSite"]

        cookie = Cookie(
            name="a", value="1", domain=".example.com", path="/x", expires_s=2e9, secure=True, http_only=True,
            same_site=SameSite.LAX,
        )  # fmt: skip
        for given in (full, other):
            assert negative(network={"cookies": [given]}).network.cookies == (cookie,)

    @pytest.mark.parametrize(
        ("cookie", "field"),
        [
            ({"value": "1"}, "network.cookies[0].name"),
            ({"name": "a"}, "network.cookies[0].value"),
            ({"name": "a;b", "value": "1"}, "network.cookies[0].name"),
            ({"name": "a", "value": "1;2"}, "network.cookies[0].value"),
            ({"name": "a", "value": "1", "domain": "a b"}, "network.cookies[0].domain"),
            ({"name": "a", "value": "1", "sameSite": "always"}, "network.cookies[0].same_site"),
        ],
    )
    def test_a_cookie_that_cannot_be_set_is_refused_by_name_and_its_value_not_repeated(self, cookie, field):
        secret = cookie | ({"value": "1;SECRET"} if cookie.get("value") == "1;2" else {})
        with pytest.raises(InvalidRequest) as told:
            parse_capture({"url": URL, "network": {"cookies": [secret]}})
        assert told.value.field == field
        assert "SECRET" not in str(told.value)

    def test_without_a_url_a_cookie_needs_a_domain(self):
        cookie = {"name": "a", "value": "1"}
        with pytest.raises(InvalidRequest, match=r"network\.cookies\[0\]\.domain is missing"):
            parse_capture({"html": "<p>", "network": {"cookies": [cookie]}})

    def test_without_a_url_headers_and_credentials_go_nowhere_and_are_told_as_ignored(self):
        network = {"headers": {"a": "1"}, "auth": {"type": "bearer", "token": "t"}}
        nowhere = parse_capture({"html": "<p>", "network": network})
        somewhere = parse_capture({"html": "<p>", "html_base_url": URL, "network": network})

        assert nowhere.unknown == ["network.auth", "network.headers"]
        assert nowhere.request == parse_capture({"html": "<p>"}).request
        assert somewhere.unknown == []
        assert somewhere.request.negative.network.auth == BearerAuth("t")

    def test_credentials(self):
        basic = {"type": "basic", "username": "u", "password": "p"}

        assert negative(network={"auth": basic}).network.auth == BasicAuth("u", "p")
        assert negative(network={"auth": {"type": "bearer", "token": "t"}}).network.auth == BearerAuth("t")
        for broken in ({"type": "basic"}, {"type": "digest", "username": "u"}, {"type": "bearer"}):
            assert field_of(network={"auth": broken}) == "network.auth"

    @pytest.mark.parametrize(
        "network",
        [
            {"auth": "Bearer SECRET"},
            {"auth": {"type": "bearer", "token": "SECRET\0"}},
            {"auth": {"type": "SECRET", "token": "SECRET"}},
            {"auth": {"type": "basic", "username": "u", "password": 5551234}},
            {"cookies": "a=SECRET"},
            {"cookies": [{"name": "a", "value": 5551234}]},
            {"headers": "Authorization: SECRET"},
            {"headers": {"Authorization: SECRET": ""}},
            {"headers": {"Authorization": 5551234}},
            "Authorization: SECRET",
        ],
        ids=str,
    )
    def test_nor_in_the_error_about_one_that_is_badly_put(self, network):
        with pytest.raises(InvalidRequest, match=r"^network") as told:
            parse_capture({"url": URL, "network": network})

        assert not {"SECRET", "5551234"} & set(re.findall("[A-Z]{6}|[0-9]+", str(told.value)))

    def test_no_secret_is_in_what_a_value_prints(self):
        network = negative(
            network={
                "headers": {"x-a": "SECRET"}, "cookies": [{"name": "a", "value": "SECRET"}],
                "auth": {"type": "basic", "username": "u", "password": "SECRET"},
            }
        ).network  # fmt: skip

        assert "SECRET" not in repr(network)
        assert "SECRET" not in repr(BearerAuth("SECRET"))

    def test_it_is_part_of_what_a_picture_is_known_by(self):
        pictures = {
            canonical(parse_capture({"url": URL, "network": network}).request)
            for network in (
                {}, {"headers": {"a": "1"}}, {"headers": {"a": "2"}},
                {"auth": {"type": "bearer", "token": "t"}}, {"bypass_csp": True},
                {"cookies": [{"name": "a", "value": "1"}]},
            )
        }  # fmt: skip
        assert len(pictures) == 6
        assert negative(network={}).network == Network()


class TestOutput:
    def test_a_clip_is_an_area(self):
        clip = {"x": 1, "y": 2.5, "width": 30, "height": 40}

        assert output(capture={"clip": clip}).area == Area(AreaKind.CLIP, clip=Clip(1, 2.5, 30, 40))
        assert field_of(capture={"mode": "clip"}) == "capture.clip"
        assert field_of(capture={"clip": {"x": 1}}) == "capture.clip.width"
        assert field_of(capture={"clip": {**clip, "x": -1}}) == "capture.clip.x"

    def test_a_size(self):
        assert output(output={"width": 10}).resize == Resize(width_px=10)
        assert output(output={"width": 10, "fit": "cover"}).resize == Resize(width_px=10)
        both = output(output={"width": 10, "height": 20, "fit": "cover"}).resize
        assert both == Resize(width_px=10, height_px=20, fit=Fit.COVER)
        assert output(output={"fit": "cover"}).resize is None
        assert field_of(output={"width": 0}) == "output.width"
        assert field_of(output={"fit": "squeeze"}) == "output.fit"

    def test_options_of_a_pdf(self):
        given = {
            "paper": "letter", "landscape": True, "margin": "2cm", "scale": 0.5, "background": False,
            "page_ranges": " 1-5, 8 ", "header": "<b>", "fit_one_page": True, "prefer_css_page_size": True,
        }  # fmt: skip
        side = round(2 / 2.54, 4)
        options = output(output={"format": "pdf"}, pdf=given).pdf

        assert options == PdfOptions(
            width_in=8.5, height_in=11.0, landscape=True,
            margins=Margins(top=side, right=side, bottom=side, left=side),
            scale=0.5, background=False, page_ranges="1-5,8", header="<b>", one_page=True,
            prefer_css_page_size=True,
        )  # fmt: skip

    def test_margins_side_by_side_count_before_the_one_for_all(self):
        options = output(
            output={"format": "pdf"}, pdf={"margin": {"top": "1in", "left": 96}, "margin_left": "3in"}
        ).pdf
        assert options is not None
        assert (options.margins.top, options.margins.right, options.margins.left) == (1.0, 0.4, 1.0)

    def test_what_a_pdf_knows_nothing_of_makes_no_other_picture_of_it(self):
        plain = output(output={"format": "pdf"})

        assert (
            output(output={"format": "pdf", "quality": 5, "width": 9}, capture={"mode": "full_page"}) == plain
        )
        assert output(pdf={"paper": "a3"}) == output()
        assert ImageFormat.PDF.media_type == "application/pdf"

    @pytest.mark.parametrize(
        ("pdf", "field"),
        [
            ({"paper": "b5"}, "pdf.paper"),
            ({"width": "10 miles"}, "pdf.width"),
            ({"height": "300in"}, "pdf.height"),
            ({"margin": "-1cm"}, "pdf.margin"),
            ({"margin": {"top": "x"}}, "pdf.margin.top"),
            ({"margin_left": "x"}, "pdf.margin_left"),
            ({"scale": 3}, "pdf.scale"),
            ({"page_ranges": "1-5;8"}, "pdf.page_ranges"),
            ({"margin": True}, "pdf.margin"),
        ],
        ids=str,
    )
    def test_a_bad_one_is_refused_by_name(self, pdf, field):
        assert field_of(output={"format": "pdf"}, pdf=pdf) == field


class TestPresetsAndDevices:
    @pytest.mark.parametrize("preset", PRESETS)
    def test_a_preset_is_what_its_options_are(self, preset):
        spelled = {name: dict(group) for name, group in PRESETS[preset].options.items()}

        assert parse_capture({"url": URL, "preset": preset}) == parse_capture({"url": URL, **spelled})

    @pytest.mark.parametrize("device", DEVICES)
    def test_a_device_is_what_its_options_are(self, device):
        asked = parse_capture({"url": URL, "viewport": {"device": device}})

        assert asked == parse_capture({"url": URL, **DEVICES[device].options()})
        assert asked.unknown == []

    def test_what_a_request_says_itself_counts_before_the_device_and_that_before_the_preset(self):
        asked = negative(preset="desktop_4k", viewport={"device": "pixel_7", "width": 500, "scale": None})

        assert (asked.viewport.width_px, asked.viewport.height_px) == (500, 915)
        assert asked.viewport.device_scale_factor == 2.625
        assert negative(preset="og_card", viewport={"width": 9}).viewport.height_px == 630
        assert output(preset="full_page", capture={"mode": "viewport"}).area == Area()

    def test_an_unknown_name_is_refused_and_the_known_are_told(self):
        assert field_of(preset="og") == "preset"
        assert field_of(viewport={"device": "iphone"}) == "viewport.device"
        with pytest.raises(InvalidRequest, match="GET /v1/presets lists them: og_card, twitter_card"):
            parse_capture({"url": URL, "preset": "nope"})

    def test_the_closed_lists_of_the_clients_are_all_there(self):
        assert list(PRESETS) == [
            "og_card",
            "twitter_card",
            "twitter_card_large",
            "full_page",
            "mobile",
            "mobile_landscape",
            "desktop_hd",
            "desktop_4k",
            "link_preview",
            "pdf_document",
        ]
        assert len(DEVICES) == 15
