"""Every spelling of a request that client families use, and the one nested mapping they all become."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from calotype.api.dialects.inbound import from_query, nested
from calotype.capture.errors import InvalidRequest

_FLAT_AND_NESTED = [
    # Selection
    ({"device": "pixel_7"}, {"viewport": {"device": "pixel_7"}}),
    ({"preset": "og_card"}, {"preset": "og_card"}),
    # Viewport
    ({"width": 800}, {"viewport": {"width": 800}}),
    ({"height": 600}, {"viewport": {"height": 600}}),
    ({"scale": 2.0}, {"viewport": {"scale": 2.0}}),
    ({"mobile": True}, {"viewport": {"mobile": True}}),
    # Capture
    ({"full_page": True}, {"capture": {"mode": "full_page"}}),
    ({"full_page": False}, {}),
    ({"full_page": None}, {}),
    ({"element": "#a"}, {"capture": {"selector": "#a"}}),
    ({"selector": "#a"}, {"capture": {"selector": "#a"}}),
    # Output
    ({"format": "webp"}, {"output": {"format": "webp"}}),
    ({"format": "jpg"}, {"output": {"format": "jpeg"}}),
    ({"output": {"format": "jpg"}}, {"output": {"format": "jpeg"}}),
    ({"quality": 80}, {"output": {"quality": 80}}),
    ({"response_type": "json"}, {"response_type": "json"}),
    # Wait
    ({"wait_for": "networkidle"}, {"wait": {"until": "networkidle"}}),
    ({"delay": 500}, {"wait": {"delay": 500}}),
    ({"wait_for_selector": "#a"}, {"wait": {"for_selector": "#a"}}),
    ({"wait_for_timeout": 5000}, {"wait": {"timeout": 5000}}),
    ({"timeout": 5000}, {"wait": {"timeout": 5000}}),
    # Browser
    ({"dark_mode": True}, {"browser": {"dark_mode": True}}),
    ({"reduced_motion": True}, {"browser": {"reduced_motion": True}}),
    ({"media_type": "print"}, {"browser": {"media": "print"}}),
    ({"user_agent": "a"}, {"browser": {"user_agent": "a"}}),
    ({"timezone": "UTC"}, {"browser": {"timezone": "UTC"}}),
    ({"locale": "de"}, {"browser": {"locale": "de"}}),
    ({"geolocation": {"latitude": 1}}, {"browser": {"geolocation": {"latitude": 1}}}),
    # Block
    ({"block_ads": True}, {"block": {"ads": True}}),
    ({"block_trackers": True}, {"block": {"trackers": True}}),
    ({"block_chat_widgets": True}, {"block": {"chat_widgets": True}}),
    ({"block_cookies": True}, {"block": {"cookie_banners": True}}),
    ({"block_cookie_banners": True}, {"block": {"cookie_banners": True}}),
    ({"block_urls": ["a*"]}, {"block": {"requests": ["a*"]}}),
    ({"block_resources": ["font"]}, {"block": {"resources": ["font"]}}),
    # Page
    ({"inject_script": "a()"}, {"page": {"scripts": ["a()"]}}),
    ({"inject_style": "a{}"}, {"page": {"styles": ["a{}"]}}),
    ({"click": "#a"}, {"page": {"click": "#a"}}),
    ({"hide": ["#a"]}, {"page": {"hide": ["#a"]}}),
    ({"remove": ["#a"]}, {"page": {"remove": ["#a"]}}),
    ({"scroll_to": "#a"}, {"page": {"scroll_to": "#a"}}),
    # Network
    ({"headers": {"a": "b"}}, {"network": {"headers": {"a": "b"}}}),
    ({"cookies": [{"name": "a", "value": "b"}]}, {"network": {"cookies": [{"name": "a", "value": "b"}]}}),
    ({"bypass_csp": True}, {"network": {"bypass_csp": True}}),
    ({"auth_bearer": "t"}, {"network": {"auth": {"type": "bearer", "token": "t"}}}),
    (
        {"auth_basic": {"username": "u", "password": "p"}},
        {"network": {"auth": {"type": "basic", "username": "u", "password": "p"}}},
    ),
    # More of wait and output
    ({"wait_for_function": "f"}, {"wait": {"for_function": "f"}}),
    ({"freeze": False}, {"capture": {"freeze": False}}),
    ({"deterministic": True}, {"capture": {"deterministic": True}}),
    ({"scroll": False, "max_height": 900}, {"capture": {"scroll": False, "max_height": 900}}),
    ({"output_width": 9}, {"output": {"width": 9}}),
    ({"output_fit": "cover"}, {"output": {"fit": "cover"}}),
    # Cache
    ({"cache_ttl": 60}, {"cache": {"ttl": 60}}),
    ({"cache_refresh": True}, {"cache": {"refresh": True}}),
    ({"cache_enabled": False}, {"cache": {"enabled": False}}),
    ({"cache_available": True}, {"cache": {"available": True}}),
    ({"cache_key": "a"}, {"cache": {"key": "a"}}),
    ({"cache_tags": ["a", "b"]}, {"cache": {"tags": ["a", "b"]}}),
]


@pytest.mark.parametrize(("flat", "result"), _FLAT_AND_NESTED, ids=[str(row[0]) for row in _FLAT_AND_NESTED])
def test_a_flat_field_finds_its_nested_place(flat, result):
    assert nested({"url": "u"} | flat) == {"url": "u"} | result


@pytest.mark.parametrize("result", [row[1] for row in _FLAT_AND_NESTED], ids=str)
def test_what_is_nested_already_stays_as_it_is(result):
    assert nested(result) == result


class TestBothSpellingsAtOnce:
    def test_the_nested_one_wins_whatever_the_order(self):
        assert nested({"width": 1, "viewport": {"width": 2}})["viewport"] == {"width": 2}
        assert nested({"viewport": {"width": 2}, "width": 1})["viewport"] == {"width": 2}
        assert nested({"full_page": True, "capture": {"mode": "viewport"}})["capture"] == {"mode": "viewport"}
        assert nested({"cache_ttl": 1, "cache": {"ttl": 2}})["cache"] == {"ttl": 2}

    def test_they_add_up_where_they_differ(self):
        body = {"width": 1, "viewport": {"height": 2}, "scale": 3}

        assert nested(body) == {"viewport": {"width": 1, "height": 2, "scale": 3}}

    @pytest.mark.parametrize("empty", [{"viewport": None}, {"viewport": {}}, {"viewport": {"width": None}}])
    def test_a_null_is_no_spelling(self, empty):
        assert nested(empty | {"width": 800}) == {"viewport": {"width": 800}}

    def test_a_group_that_is_none_is_left_for_the_parser_to_refuse(self):
        assert nested({"viewport": "wide", "width": 1}) == {"viewport": "wide"}

    def test_false_beside_a_selector_changes_nothing(self):
        assert nested({"full_page": False, "element": "#a"}) == {"capture": {"selector": "#a"}}


def test_what_comes_in_is_not_changed():
    body = {"viewport": {"height": 2}, "width": 1, "output": {"format": "jpg"}}
    nested(body)

    assert body == {"viewport": {"height": 2}, "width": 1, "output": {"format": "jpg"}}


def test_types_are_left_as_they_are_for_the_parser_to_judge():
    assert nested({"width": "800", "mobile": 1}) == {"viewport": {"width": "800", "mobile": 1}}


@pytest.mark.parametrize("value", ["yes", "full_page", 1, 0, [], {}])
def test_full_page_is_true_or_false(value):
    with pytest.raises(InvalidRequest, match=r"^full_page is .*; it must be true or false\.$"):
        nested({"full_page": value})


def query(text):
    """Return the mapping of a query as the route reads it."""
    return from_query(parse_qsl(text, keep_blank_values=True))


class TestQueries:
    @pytest.mark.parametrize(
        ("text", "result"),
        [
            # Node, Python, PHP, Java
            (
                (
                    "url=https%3A%2F%2Fexample.com&width=1200&height=630&scale=2&mobile=true&full_page=false"
                    "&element=%23a&format=png&quality=90&wait_for=load&delay=10&dark_mode=true&cache_ttl=3600"
                    "&cache_refresh=true&wait_for_timeout=5000"
                ),
                {
                    "url": "https://example.com",
                    "viewport": {"width": 1200, "height": 630, "scale": 2, "mobile": True},
                    "capture": {"selector": "#a"},
                    "output": {"format": "png", "quality": 90},
                    "wait": {"until": "load", "delay": 10, "timeout": 5000},
                    "browser": {"dark_mode": True},
                    "cache": {"ttl": 3600, "refresh": True},
                },
            ),
            # Go, Ruby
            (
                "html=%3Cp%3Ehi&scale=2.0&selector=main&timeout=5000&full_page=true&cache_available=true",
                {
                    "html": "<p>hi",
                    "viewport": {"scale": 2.0},
                    "capture": {"selector": "main", "mode": "full_page"},
                    "wait": {"timeout": 5000},
                    "cache": {"available": True},
                },
            ),
        ],
    )
    def test_those_that_clients_send(self, text, result):
        assert query(text) == result

    @pytest.mark.parametrize(
        ("word", "value"),
        [
            ("true", True),
            ("1", True),
            ("", True),
            ("TRUE", True),
            ("false", False),
            ("0", False),
            ("False", False),
        ],
    )
    def test_booleans(self, word, value):
        assert query(f"mobile={word}") == {"viewport": {"mobile": value}}

    def test_a_bare_name_is_true(self):
        assert query("mobile&full_page") == {"viewport": {"mobile": True}, "capture": {"mode": "full_page"}}

    @pytest.mark.parametrize("word", ["yes", "on", "2", "tru", "null"])
    def test_other_words_are_left_for_the_parser_to_refuse(self, word):
        assert query(f"mobile={word}") == {"viewport": {"mobile": word}}

    @pytest.mark.parametrize(
        ("text", "value"),
        [("800", 800), ("0", 0), ("-5", -5), ("240.0", 240.0), ("2.", 2.0), ("007", 7)],
    )
    def test_numbers(self, text, value):
        assert query(f"width={text}") == {"viewport": {"width": value}}

    @pytest.mark.parametrize(
        "text", ["", "abc", "1_000", "%20800", "+800", "1e3", "nan", "inf", "0x10", "٨", "9" * 5000]
    )
    def test_what_nobody_means_as_a_number_stays_text(self, text):
        assert query(f"width={text}") == {"viewport": {"width": text.replace("+", " ").replace("%20", " ")}}

    @pytest.mark.parametrize(
        "text",
        [
            "fail_on=http_404&fail_on=http_5xx",
            "fail_on[]=http_404&fail_on[]=http_5xx",
            "fail_on=http_404,http_5xx",
            "fail_on%5B%5D=http_404,http_5xx",
        ],
    )
    def test_lists_by_repeat_brackets_or_comma(self, text):
        assert query(text) == {"fail_on": ["http_404", "http_5xx"]}

    @pytest.mark.parametrize(
        "text",
        [
            "cache_tags=a&cache_tags=b",
            "cache_tags[]=a&cache_tags[]=b",
            "cache_tags=a,b",
            "cache_tags[]=,a,,b",
        ],
    )
    def test_tags_are_such_a_list(self, text):
        assert query(text) == {"cache": {"tags": ["a", "b"]}}

    @pytest.mark.parametrize("name", ["inject_script", "inject_script[]"])
    def test_scripts_by_repeat_or_brackets_with_their_commas(self, name):
        assert query(f"{name}=a(1,2)&{name}=b()") == {"page": {"scripts": ["a(1,2)", "b()"]}}

    def test_an_empty_list(self):
        assert query("fail_on=") == {"fail_on": []}

    def test_of_a_repeated_single_value_the_last_counts(self):
        assert query("width=1&width=2") == {"viewport": {"width": 2}}

    def test_an_unknown_name_is_passed_on(self):
        assert query("sparkle=1") == {"sparkle": "1"}


@pytest.mark.parametrize(
    ("query", "result"),
    [
        (
            "geolocation_latitude=47.5&geolocation_longitude=8",
            {"browser": {"geolocation": {"latitude": 47.5, "longitude": 8}}},
        ),
        (
            "auth_basic_username=u&auth_basic_password=p",
            {"network": {"auth": {"type": "basic", "username": "u", "password": "p"}}},
        ),
        (
            "clip_x=1&clip_y=2&clip_width=3&clip_height=4",
            {"capture": {"clip": {"x": 1, "y": 2, "width": 3, "height": 4}}},
        ),
        (
            "pdf_paper_size=a5&pdf_landscape&pdf_scale=0.5&pdf_margin_top=1cm",
            {"pdf": {"paper_size": "a5", "landscape": True, "scale": 0.5, "margin_top": "1cm"}},
        ),
        ("block_urls=a*&block_urls=b*", {"block": {"requests": ["a*", "b*"]}}),
        ("hide[]=%23a&hide[]=%23b", {"page": {"hide": ["#a", "#b"]}}),
        ("block_resources=font,media", {"block": {"resources": ["font", "media"]}}),
        ("inject_script=a(1,2)", {"page": {"scripts": ["a(1,2)"]}}),
        ("freeze=false", {"capture": {"freeze": False}}),
        ("deterministic", {"capture": {"deterministic": True}}),
        ("scroll=0&max_height=900", {"capture": {"scroll": False, "max_height": 900}}),
    ],
)
def test_fields_of_objects_have_flat_names_in_a_query(query, result):
    assert from_query(parse_qsl(query, keep_blank_values=True)) == result


def test_of_two_kinds_of_credentials_the_first_counts():
    both = {"auth_bearer": "t", "auth_basic": {"username": "u", "password": "p"}}

    assert nested(both)["network"] == {"auth": {"type": "basic", "username": "u", "password": "p"}}
