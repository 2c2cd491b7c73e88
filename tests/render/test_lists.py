"""Which lists are used, what of them is meant for us, and what filters make of them."""

from __future__ import annotations

import asyncio
import logging
import re

import pytest

from calotype.capture.blocking import Blocking, Unwanted
from calotype.render.filters import Filters, load
from calotype.render.lists import BUILT_IN, SET_UP, Origin, built_in, find_lists, meant
from tests.support.machine import cannot_be_tested

PAGE = "https://shop.example/"


def a_folder(root, **lists):
    for kind, text in lists.items():
        (root / kind).mkdir(parents=True)
        (root / kind / "one.txt").write_text(text)
    return root


def test_lists_come_from_the_operator_then_from_set_up_then_from_us_kind_by_kind(tmp_path):
    own = a_folder(tmp_path / "own", ads="||a.example^")
    set_up = a_folder(tmp_path / "set-up", ads="||b.example^", trackers="||c.example^")
    found = {kind: find_lists(kind, own, set_up) for kind in Unwanted}

    assert {kind: lists.origin for kind, lists in found.items()} == {
        Unwanted.ADS: Origin.OWN,
        Unwanted.TRACKERS: Origin.SET_UP,
        Unwanted.COOKIE_BANNERS: Origin.BUILT_IN,
        Unwanted.CHAT_WIDGETS: Origin.BUILT_IN,
    }
    assert find_lists(Unwanted.ADS, None, set_up).origin is Origin.SET_UP
    assert find_lists(Unwanted.ADS, own, tmp_path / "nowhere").read() == ["||a.example^"]


def test_what_is_meant_for_other_readers_is_left_out():
    text = (
        "a\n!#if env_firefox\nb\n!#else\nc\n!#endif\n!#if !env_mobile\nd\n!#if ext_ublock\ne\n!#endif\n"
        "!#if false && env_chromium\nf\n!#endif\n!#endif\ng"
    )

    assert list(meant(text)) == ["a", "c", "d", "e", "g"]


@pytest.mark.parametrize("kind", Unwanted)
def test_every_line_of_our_own_lists_is_a_rule_that_works(kind):
    (text,) = built_in(kind).read()
    filter_ = load(kind, BUILT_IN, None)
    hiding = filter_.hiding(PAGE)
    for line in filter(None, text.splitlines()):
        if line.startswith("##"):
            css = line[2:]
            # What begins with an id or a class is said only where that occurs.
            names = re.findall(r"[\w-]+", css)[:1]
            named = filter_.named(names, names, hiding)
            assert css in hiding.selectors or css in named, line
        elif line.startswith("||"):
            host, _, path = line[2:].partition("$")[0].rstrip("^").partition("/")
            url = f"https://{host.replace('*', 'x')}/{path.replace('*', 'x')}"
            assert filter_.blocks(url, PAGE, "Script"), line
            # A site may be pictured itself, with all that it has.
            assert "$third-party" not in line or not filter_.blocks(url, url, "Script"), line
        else:
            assert line.startswith(("!", "/", "*$ping")), line


def test_real_lists_know_real_names():
    if not (SET_UP / "ads").is_dir():
        cannot_be_tested(f"there are no lists in {SET_UP}; `make setup` unpacks them")
    ads, trackers = (load(kind, None, None) for kind in (Unwanted.ADS, Unwanted.TRACKERS))

    assert ads.blocks("https://pagead2.googlesyndication.com/pagead/js/adsbygoogle.js", PAGE, "Script")
    assert trackers.blocks("https://www.google-analytics.com/analytics.js", PAGE, "Script")
    for filter_ in (ads, trackers):
        assert not filter_.blocks("https://shop.example/app.js", PAGE, "Script")
        assert not filter_.blocks("https://cdn.example/jquery.min.js", PAGE, "Script")
        assert not filter_.blocks("https://fonts.gstatic.com/s/a.woff2", PAGE, "Font")
    assert ads.named(["adsbygoogle-box", "content"], [], ads.hiding(PAGE)) == [".adsbygoogle-box"]
    assert "ins.adsbygoogle[data-ad-client]" in ads.hiding(PAGE).selectors


async def test_a_filter_is_built_once_for_all_who_ask_at_once(tmp_path, monkeypatch):
    built = []

    def counted(kind, own, cache):
        built.append(kind)
        return load(kind, own, cache)

    monkeypatch.setattr("calotype.render.filters.load", counted)
    filters = Filters(a_folder(tmp_path / "own", ads="||a.example^"), None)
    blocking = Blocking(unwanted=(Unwanted.ADS,))
    one, other = await asyncio.gather(filters.ready(blocking), filters.ready(blocking))

    assert one == other
    assert built == [Unwanted.ADS]
    assert await filters.ready(Blocking()) == ()
    await filters.close()


def test_a_spoilt_cache_is_built_anew(tmp_path, caplog):
    own = a_folder(tmp_path / "own", ads="||a.example^\n##.box\n")
    cache = tmp_path / "filters"
    load(Unwanted.ADS, own, cache)
    (kept,) = cache.iterdir()
    whole = kept.read_bytes()
    for spoilt in (b"", b"rubbish", whole[: len(whole) // 2]):
        kept.write_bytes(spoilt)
        with caplog.at_level(logging.WARNING, "calotype.render"):
            filter_ = load(Unwanted.ADS, own, cache)

        assert filter_.blocks("https://a.example/x", PAGE, "Image")
        assert "is spoilt" in caplog.text
        caplog.clear()
    recalled = load(Unwanted.ADS, own, cache)
    assert recalled.blocks("https://a.example/x", PAGE, "Image")
    assert recalled.named(["box"], [], recalled.hiding(PAGE)) == [".box"]


def test_no_data_folder_is_made_for_a_cache(tmp_path):
    load(Unwanted.ADS, BUILT_IN, tmp_path / "data" / "filters")

    assert not (tmp_path / "data").exists()


def test_lists_that_cannot_be_read_are_replaced_by_ours(tmp_path, caplog):
    own = tmp_path / "own"
    (own / "ads" / "a.txt").mkdir(parents=True)
    filter_ = load(Unwanted.ADS, own, None)

    assert "cannot be read" in caplog.text
    assert filter_.blocks("https://ad.doubleclick.net/x", PAGE, "Script")


async def test_a_list_in_another_encoding_blocks_what_can_be_read_of_it(tmp_path):
    own = a_folder(tmp_path, ads="")
    (own / "ads" / "one.txt").write_bytes(b"! Anl\xe4sse\n||a.example^\n")

    (filter_,) = await Filters(own, None).ready(Blocking(unwanted=(Unwanted.ADS,)))

    assert filter_.blocks("https://a.example/x.js", PAGE, "Script")


async def test_what_could_not_be_built_is_tried_again(tmp_path, monkeypatch):
    own = a_folder(tmp_path, ads="||a.example^")
    filters, wanted = Filters(own, None), Blocking(unwanted=(Unwanted.ADS,))
    with monkeypatch.context() as broken:
        broken.setattr("calotype.render.filters.build", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await filters.ready(wanted)

    (filter_,) = await filters.ready(wanted)

    assert filter_.blocks("https://a.example/x.js", PAGE, "Script")
