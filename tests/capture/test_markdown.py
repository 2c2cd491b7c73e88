"""Markdown becomes one HTML document: what is made of what, and what does not pass."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calotype.capture import edition as editions
from calotype.capture.edition import edition
from calotype.capture.highlight import MAX_HIGHLIGHTED
from calotype.capture.markdown import to_html
from calotype.capture.negative import MarkdownDocument
from calotype.capture.purify import purified
from tests.site import attacks


def whole(text, css=None):
    return to_html(MarkdownDocument(text, "any", css))


def body(text):
    return whole(text).partition("<main class=markdown-body>\n")[2].partition("</main>")[0]


def title(text):
    return whole(text).partition("<title>")[2].partition("</title>")[0]


class Found(HTMLParser):
    """The tags and attributes of some HTML, and the text between."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data):
        self.text += data


class TestWhatGithubUsersExpect:
    @pytest.mark.parametrize(
        ("text", "part"),
        [
            ("a **b** *c* `d`", "a <strong>b</strong> <em>c</em> <code>d</code>"),
            ("~~a~~", "<s>a</s>"),
            ("- [x] a", 'type="checkbox" checked=""> a</li>'),
            ("- [ ] a", 'disabled="" type="checkbox"> a</li>'),
            ("| a |\n|--:|\n| 1 |", '<th style="text-align:right">a</th>'),
            ("see https://a.example/b_c_.", '<a href="https://a.example/b_c">https://a.example/b_c</a>_.'),
            ("see www.a.example", '<a href="http://www.a.example">www.a.example</a>'),
            ("ask a@b.example", '<a href="mailto:a@b.example">a@b.example</a>'),
            ("a[^n]\n\n[^n]: note", '<a href="#fn1" id="fnref1">[1]</a>'),
            ("a[^n]\n\n[^n]: note", '<li id="fn1" class="footnote-item"><p>note '),
            ("> [!TIP]\n> a", '<div class="markdown-alert markdown-alert-tip" dir="auto">'),
            ("# What's new?\n\n# What's new?", '<h1 id="whats-new-1" dir="auto">'),
            ("# 漢字 ok", '<h1 id="漢字-ok" dir="auto">'),
            ("a  \nb", "a<br>\nb"),
            ('<p align="center"><kbd>K</kbd></p>', '<p align="center"><kbd>K</kbd></p>'),
            ("<details open><summary>a</summary>\n\n*b*\n</details>", "<summary>a</summary>"),
            ("```python\nNone\n```", '<span class="kc">None</span>'),
            ("``` Python title=x\nNone\n```", '<span class="kc">None</span>'),
            ("```nothing-known\n<b>\n```", '<code class="language-nothing-known">&lt;b&gt;\n</code>'),
            ("![a](b.png)", '<img src="b.png" alt="a">'),
            ("<picture><source media='(prefers-color-scheme: dark)' srcset=d.png><img src=l.png></picture>",
             '<source media="(prefers-color-scheme: dark)" srcset="d.png">'),
            ("[a](tel:1)", '<a href="tel:1">'),
            ("a\r\nb\rc", "a\nb\nc"),
        ],
    )  # fmt: skip
    def test_becomes(self, text, part):
        assert part in body(text)

    @pytest.mark.parametrize(
        "text", ["text *not closed", "[a]: b", "``` \n", "|", "#", "[^1]", "> [!NOTE]", "<", "&"]
    )
    def test_what_is_half_written_is_a_page_all_the_same(self, text):
        assert whole(text).startswith("<!doctype html>")

    def test_links_that_are_no_links_stay_what_was_written(self):
        assert "[a](javascript:b)" in body("[a](javascript:b)")

    def test_front_matter_is_not_shown_and_a_rule_is_no_front_matter(self):
        assert body("---\ntitle: a\ntags:\n  - b\n# c\n---\nd\n\n---\n") == '<p dir="auto">d</p>\n<hr>\n'
        assert body("---\na\n\n---\nb") == '<hr>\n<p dir="auto">a</p>\n<hr>\n<p dir="auto">b</p>\n'
        assert "Note: b" in body("---\n\nNote: b\n\n---\n")

    def test_endless_front_matter_takes_no_time(self):
        began = time.process_time()
        body("---\na: b\n" + "-: -:\n" * 20_000)

        assert time.process_time() - began < 20

    def test_code_that_nobody_reads_stays_plain(self):
        assert "<span" in body(f"```python\n{'1' * (MAX_HIGHLIGHTED - 1)}\n```")
        assert "<span" not in body(f"```python\n{'1' * MAX_HIGHLIGHTED}\n```")

    def test_many_equal_headings_have_names_of_their_own(self):
        names = re.findall('id="([^"]*)"', body("# a\n\n" * 2_000 + "# a-1\n"))

        assert len(set(names)) == len(names) == 2_001


class TestTheTitle:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("a\n\n### *b* `c`\n\n# d", "b c"),
            ("<h1 align='center'><img src=a.png><br>Herbarium\n2</h1>", "Herbarium 2"),
            ("# ![logo](a.png)\n\n## b", "b"),
            ("# a & b < c", "a &amp; b &lt; c"),
            ('<h1 title="a>b">c</h1>', "c"),
            ("# &lt;/title&gt;", "&lt;/title&gt;"),
            ("```html\n<h1>a</h1>\n```", ""),
            ("nothing", ""),
        ],
    )
    def test_is_the_text_of_the_first_heading_that_has_any(self, text, expected):
        assert title(text) == expected


class TestTheStyleSheet:
    def test_comes_after_the_default_one(self):
        html = whole("a", "p { color: red }")

        assert html.index("--ground") < html.index("<style>p { color: red }</style>") < html.index("</head>")

    @pytest.mark.parametrize("css", attacks.STYLES.values())
    def test_stays_in_its_element(self, css):
        html = whole("# a", css)

        assert re.findall("</style", html, re.IGNORECASE) == ["</style", "</style"]
        assert Found(html).tags == ["html", "head", "meta", "meta", "meta", "title", "style", "style",
                                    "body", "main", "h1"]  # fmt: skip


RUNS_OR_EMBEDS = {
    "applet", "audio", "base", "body", "button", "embed", "form", "frame", "frameset", "head", "html",
    "iframe", "link", "math", "meta", "noscript", "object", "script", "select", "style", "svg", "template",
    "textarea", "title", "video", "xmp",
}  # fmt: skip
PIECES = [piece for text in attacks.MARKDOWN.values() for piece in re.split(r"(?<=[>\"'\n(])", text) if piece]


def assert_harmless(html):
    """Whatever is in html, it neither runs nor embeds anything, nor leads to what does."""
    found = Found(html)
    assert not set(found.tags) & RUNS_OR_EMBEDS
    for tag, name, value in found.attributes:
        assert not name.startswith("on"), (tag, name, value)
        assert name not in {
            "name",
            "form",
            "formaction",
            "action",
            "target",
            "background",
            "ping",
            "xlink:href",
        }
        if name == "style":
            assert re.fullmatch(r"(text-align:[^;]*;?)?", value)
        if name in {"href", "src", "cite"}:
            scheme = re.match(r"[\x00-\x20]*([A-Za-z][A-Za-z0-9+.-]*):", value)
            allowed = {"http", "https", "mailto", "tel", "xmpp"} | ({"data"} if tag == "img" else set())
            assert scheme is None or scheme[1].lower() in allowed, (tag, name, value)


class TestWhatPasses:
    @pytest.mark.parametrize("name", attacks.MARKDOWN)
    def test_of_an_attack_is_harmless(self, name):
        assert_harmless(body(attacks.MARKDOWN[name]))

    @given(st.lists(st.sampled_from(PIECES), max_size=12))
    def test_of_pieces_of_attacks_in_any_order_is_harmless(self, pieces):
        assert_harmless(purified("".join(pieces)))
        assert_harmless(body("".join(pieces)))

    @given(st.text(max_size=200))
    def test_a_text_of_anything_is_a_page(self, text):
        assert_harmless(body(text))

    def test_images_may_come_with_the_request_and_links_may_not(self):
        svg = "data:image/svg+xml,%3Csvg/%3E"

        assert purified(f'<img src="{svg}">') == f'<img src="{svg}">'
        assert purified(f'<a href="{svg}">a</a>') == "<a>a</a>"
        assert purified('<img src="data:text/html,a">') == "<img>"
        assert purified('<a href=" dat\ta:text/html,a">a</a>') == "<a>a</a>"

    def test_boxes_are_ticked_by_nobody_and_are_boxes(self):
        assert purified("<input type=image src=a>") == '<input type="checkbox" disabled="">'


class TestTheEdition:
    def test_names_the_libraries_and_our_own_part(self):
        number = r"\d[\w.]*"
        assert re.fullmatch(
            rf"markdown-it-py {number} mdit-py-plugins {number} nh3 {number} pygments {number} \w{{16}}",
            edition(),
        )

    @pytest.mark.parametrize("left_out", ["markdown.css", "markdown.py", "purify.py", "highlight.py"])
    def test_is_another_one_when_any_of_it_changes(self, monkeypatch, left_out):
        others = tuple(name for name in editions._OURS if name != left_out)
        monkeypatch.setattr(editions, "_OURS", others)

        assert len(others) == 3
        assert edition.__wrapped__() != edition()
