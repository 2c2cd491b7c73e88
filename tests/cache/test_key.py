"""Keys: equal requests share one, different ones do not, and nobody can guess another account's."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.api.dialects import inbound
from calotype.cache.entry import CacheKey, check_address, id_in_address
from calotype.cache.key import KeyMaker, canonical, check_custom_key
from calotype.capture.emulation import Emulation
from calotype.capture.errors import InvalidRequest
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
from calotype.capture.parse import parse_capture
from calotype.capture.request import CaptureRequest
from tests.support.builders import HERE, THERE, TRIAL, a_request

KEYS = KeyMaker(b"secret")

OPTIONS: dict[str, tuple[list[str], list[Any], Any]] = {
    # nested path: (flat names, values that differ from the default, the default)
    "viewport.width": (["width"], [640, 1281], 1280),
    "viewport.height": (["height"], [360, 721], 720),
    "viewport.scale": (["scale"], [2, 1.5, 0.5], 1),
    "viewport.mobile": (["mobile"], [True], False),
    "wait.until": (["wait_for"], ["networkidle", "domcontentloaded"], "load"),
    "wait.delay": (["delay"], [100, 2500], 0),
    "wait.for_selector": (["wait_for_selector"], ["#a", "main > p"], None),
    "browser.dark_mode": (["dark_mode"], [True], False),
    "output.format": (["format"], ["jpeg", "webp"], "png"),
    "output.quality": (["quality"], [1, 79, 100], 80),
    "capture.selector": (["selector", "element"], ["#hero", "h1"], None),
}
NOT_IN_THE_KEY: dict[str, Any] = {"wait.timeout": 9000, "fail_on": ["http_5xx"]}


def key_of(mapping):
    options = inbound.nested(mapping)
    options.pop("cache", None)
    options.pop("response_type", None)
    return KEYS.identify(HERE, parse_capture(options).request, None).key


def key_of_query(pairs):
    options = inbound.from_query(pairs)
    options.pop("cache", None)
    return KEYS.identify(HERE, parse_capture(options).request, None).key


def nested(wanted):
    result: dict[str, Any] = {}
    for path, value in wanted.items():
        group, _, name = path.rpartition(".")
        (result.setdefault(group, {}) if group else result)[name] = value
    return result


def as_float(value):
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def in_query(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


WANTED = st.fixed_dictionaries(
    {}, optional={path: st.sampled_from(values) for path, (_, values, _) in OPTIONS.items()}
)


@st.composite
def spellings(draw, wanted):
    """Draw a body that asks for wanted: options nested or flat, whole numbers as floats, defaults given."""
    body: dict[str, Any] = {"url": "https://example.com/a?b=1#c"}
    everything = dict(wanted)
    for path, (_, _, default) in OPTIONS.items():
        if path not in wanted and draw(st.booleans()):
            everything[path] = default
    for path in draw(st.permutations(sorted(everything))):
        value = everything[path]
        value = as_float(value) if draw(st.booleans()) else value
        name = draw(st.sampled_from([None, *OPTIONS[path][0]]))
        if name is None:
            group, _, field = path.partition(".")
            body.setdefault(group, {})[field] = value
        else:
            body[name] = value
    for path, value in NOT_IN_THE_KEY.items():
        if draw(st.booleans()):
            group, _, field = path.rpartition(".")
            (body.setdefault(group, {}) if group else body)[field] = value
    if draw(st.booleans()):
        body["cache"] = {"ttl": draw(st.integers(1, 1000)), "refresh": True}
    return body


@given(wanted=WANTED, data=st.data())
def test_equal_requests_have_equal_keys_however_they_are_spelt(wanted, data):
    body = data.draw(spellings(wanted))
    # Through JSON, as a client would send it.
    assert key_of(json.loads(json.dumps(body))) == key_of(
        {"url": "https://example.com/a?b=1#c", **nested(wanted)}
    )


@given(wanted=WANTED, data=st.data())
def test_a_query_spells_the_same_key_as_a_body(wanted, data):
    pairs = [
        (data.draw(st.sampled_from(OPTIONS[path][0])), in_query(value)) for path, value in wanted.items()
    ]
    pairs.append(("url", "https://example.com/a?b=1#c"))

    assert key_of_query(data.draw(st.permutations(pairs))) == key_of(
        {"url": "https://example.com/a?b=1#c", **nested(wanted)}
    )


def request_of(wanted):
    return parse_capture({"url": "https://example.com/", **nested(wanted)}).request


@given(one=WANTED, other=WANTED)
def test_different_requests_have_different_keys(one, other):
    same = request_of(one) == request_of(other)

    keys = [key_of({"url": "https://example.com/", **nested(wanted)}) for wanted in (one, other)]
    assert (keys[0] == keys[1]) == same


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://EXAMPLE.com", "https://example.com/"),
        ("https://example.com:443/", "https://example.com/"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://example.com/a/../b", "https://example.com/b"),
        (" https://example.com/\n", "https://example.com/"),
    ],
)
def test_two_spellings_of_one_url_share_a_key(one, other):
    assert key_of({"url": one}) == key_of({"url": other})


@pytest.mark.parametrize(
    "other",
    [
        "http://example.com/", "https://example.com/A", "https://example.com/a/", "https://example.com/a?",
        "https://example.com/a#",
        "https://example.com/a#b", "https://example.com:8443/a", "https://www.example.com/a",
        "https://u:p@example.com/a",
    ],
)  # fmt: skip
def test_two_urls_that_may_show_different_pages_have_different_keys(other):
    assert key_of({"url": other}) != key_of({"url": "https://example.com/a"})


def test_every_field_of_a_request_changes_its_key():
    plain = a_request()
    page = plain.negative
    others = [
        CaptureRequest(negative=replace(page, target=PageUrl("https://example.com/other"))),
        CaptureRequest(negative=replace(page, target=HtmlDocument("https://example.com/"))),
        CaptureRequest(negative=replace(page, target=HtmlDocument("https://example.com/", "https://example.com/"))),
        *(CaptureRequest(negative=replace(page, target=MarkdownDocument(*one))) for one in
          (("# a", "1"), ("# b", "1"), ("# a", "2"), ("# a", "1", "h1 {}"), ("# a", "1", "h2 {}"),
           ("# a", "1", None, "https://example.com/"), ("https://example.com/", "1"))),
        *(CaptureRequest(negative=replace(page, viewport=Viewport(**one))) for one in
          ({"width_px": 1}, {"height_px": 1}, {"device_scale_factor": 2}, {"mobile": True})),
        *(CaptureRequest(negative=replace(page, wait=Wait(**one))) for one in
          ({"until": WaitUntil.NETWORK_IDLE}, {"selector": "load"}, {"delay_ms": 1})),
        CaptureRequest(negative=replace(page, browser=Emulation(dark_mode=True))),
        *(replace(plain, output=Output(format=one)) for one in (ImageFormat.JPEG, ImageFormat.WEBP)),
        replace(plain, output=Output(format=ImageFormat.JPEG, quality=81)),
        *(replace(plain, output=Output(area=one)) for one in
          (Area(AreaKind.FULL_PAGE), Area(AreaKind.ELEMENT, "h1"), Area(AreaKind.ELEMENT, "h2"),
           Area(AreaKind.FULL_PAGE, scroll=False), Area(AreaKind.FULL_PAGE, max_height_px=1),
           Area(AreaKind.ELEMENT, "h1", scroll=False))),
    ]  # fmt: skip
    keys = [KEYS.identify(HERE, request, None) for request in [plain, *others]]

    assert len(set(keys)) == len(keys)


def test_a_quality_that_cannot_change_a_byte_does_not_change_the_key():
    assert key_of({"url": "https://example.com/", "quality": 50}) == key_of({"url": "https://example.com/"})


@pytest.mark.parametrize(
    ("plain", "more"),
    [
        ({}, {"scroll": False, "max_height": 9}),
        ({"selector": "h1"}, {"max_height": 9}),
        ({"full_page": True}, {"scroll": True, "max_height": 100_000}),
        ({"format": "pdf"}, {"scroll": False, "max_height": 9}),
    ],
)
def test_scrolling_that_cannot_change_a_pixel_does_not_change_the_key(plain, more):
    page = {"url": "https://example.com/", **plain}

    assert key_of({**page, **more}) == key_of(page)


def test_an_option_at_its_default_is_not_in_the_canonical_spelling_so_a_new_one_changes_no_key():
    assert json.loads(canonical(a_request())) == {
        "is": "CaptureRequest",
        "negative": {"is": "Negative", "target": {"is": "PageUrl", "url": "https://example.com/"}},
    }


def test_a_key_is_cache_and_the_32_hex_digits_of_the_id():
    name = KEYS.identify(HERE, a_request(), None)

    assert re.fullmatch("[0-9a-f]{32}", name.id)
    assert name.key == f"cache_{name.id}"
    assert KEYS.identify(HERE, a_request(), None) == name
    assert KeyMaker(b"secret").identify(HERE, a_request(), None) == name


@pytest.mark.parametrize("custom", [None, "mine"])
def test_account_mode_and_server_have_keys_of_their_own(custom):
    ids = {KEYS.identify(one, a_request(), custom).id for one in (HERE, THERE, TRIAL)}
    ids.add(KeyMaker(b"another secret").identify(HERE, a_request(), custom).id)

    assert len(ids) == 4


def test_a_custom_key_is_the_whole_identity():
    name = KEYS.identify(HERE, a_request(), CacheKey("mine"))

    assert name.key == "mine"
    assert KEYS.identify(HERE, a_request("https://example.com/other"), CacheKey("mine")) == name
    assert KEYS.identify(HERE, a_request(), CacheKey("Mine")).id != name.id


def test_a_custom_key_cannot_be_made_to_collide_with_a_request():
    custom = CacheKey(canonical(a_request()).decode())

    assert KEYS.identify(HERE, a_request(), custom).id != KEYS.identify(HERE, a_request(), None).id


@pytest.mark.parametrize(
    "key",
    ["a", "a" * 512, "home", "a/b/c", "v1.2_3-4~5", "og:card@2x!$&()+;=", "0" * 32, "cache_",
     "cache_" + "0" * 31, "cache_" + "A" * 32,
     "screenshots", "screenshot/x", "purge", "purged/x", "..a", "a..", "...", "a/.b"],
)  # fmt: skip
def test_a_custom_key_may_hold(key):
    assert check_custom_key(key) == key


@pytest.mark.parametrize(
    "key",
    ["", "a" * 513, "/", "/a", "a/", "a//b", ".", "..", "a/./b", "a/../b", "../etc/passwd", "a b", "a\n",
     "a,b", "a?b", "a#b", "a%2Fb", "a*",
     "a\\b", "a'b", 'a"b', "<a>", "ü", "日", "a\x00", "cache_" + "0" * 32, "cache_" + "f" * 32,
     "screenshots/x", "screenshots/2024/x", "purge/x", "purges"],
)  # fmt: skip
def test_a_custom_key_may_not_be(key):
    with pytest.raises(InvalidRequest) as refused:
        check_custom_key(key)

    assert refused.value.field == "cache.key"


ID = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    "address",
    [
        ID,
        f"{ID}.png",
        f"screenshots/{ID}",
        f"screenshots/{ID}.webp",
        f"screenshots/2024/01/15/{ID}",
        f"screenshots/2024/01/15/{ID}.jpeg",
    ],
)
def test_an_entry_goes_by_its_id_with_or_without_folder_date_and_extension(address):
    assert id_in_address(address) == ID


@pytest.mark.parametrize(
    "address",
    ["", ID[1:], ID + "0", ID.upper(), f"cache_{ID}", f"screenshots/2024/{ID}.png", f"/screenshots/{ID}",
     f"screenshots//{ID}", f"{ID}.",
     f"{ID}.PNG", f"{ID}.toolong", f"{ID}.png\n", f"x/{ID}", f"screenshots/{ID}.png/x",
     f"screenshots/\uff12024/01/15/{ID}.png"],
)  # fmt: skip
def test_what_only_looks_like_an_id_is_none(address):
    assert id_in_address(address) is None


@pytest.mark.parametrize(
    "address",
    ["", "x" * 601, "é" * 301, ".", "..", "a/../b", "./a", "a\x00", "a\nb", "a\x7f", "\ud800", "a\u2028b"],
)
def test_what_cannot_name_an_entry_is_refused(address):
    with pytest.raises(InvalidRequest):
        check_address(address, "keys")


@pytest.mark.parametrize(
    "address", ["a", "x" * 600, "screenshots/abc123", "a b", "ü", "a/..b/...", "cache_" + ID]
)
def test_what_may_name_an_entry_passes(address):
    assert check_address(address, "keys") == address


def test_options_that_do_not_change_the_picture_are_not_in_the_negative():
    assert isinstance(a_request().negative, Negative)
    assert key_of({"url": "https://example.com/", "wait": {"timeout": 5000}, "fail_on": []}) == key_of(
        {"url": "https://example.com/"}
    )
