"""Markdown -> one HTML document that runs nothing, as people who write on GitHub expect it to look.

CommonMark with GitHub's tables, strikethrough, task lists, alerts, footnotes and bare links. Raw HTML
counts as far as purify.py lets it through. There are two walls against scripts: what is written is
purified, and the document's own policy forbids what would have come through all the same.

Not for the server's own thread: both parsing and highlighting can be made to take very long, and hold
the interpreter meanwhile. See render/typeset.py.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Final

import nh3
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from mdit_py_plugins.gfm import gfm_plugin

from calotype.capture.highlight import highlighted
from calotype.capture.negative import MarkdownDocument
from calotype.capture.purify import purified

# Nothing that was parsed may run; what a capture inserts itself (page.scripts) may, as in any page. That is
# what 'strict-dynamic' says where no nonce is given: scripts that a script put in, and no others.
_POLICY: Final = (
    "script-src 'strict-dynamic' 'unsafe-eval'; object-src 'none'; frame-src 'none'; "
    "base-uri 'none'; form-action 'none'"
)
_HEADING: Final = re.compile(r'<h([1-6])(?: [a-z]+="[^"]*")*>(.*?)</h\1>', re.DOTALL)
"""In HTML as the purifier writes it: names in lower case, values in double quotes."""
_FRONT_MATTER: Final = re.compile(
    r"\A---[ \t]*\n\w[\w-]*:(?:[ \t].*)?\n(?:(?:\w[\w-]*:|[ \t#-]).*\n|\n)*?(?:---|\.\.\.)[ \t]*(?:\n|\Z)"
)
"""YAML before the text, for site generators. Below a rule at the head of a text there is no key."""
_NOT_IN_ANCHORS: Final = re.compile(r"[^\w\- ]")


def to_html(document: MarkdownDocument) -> str:
    """Return the HTML of a document, with the default style, and its own after it.

    Its title is the text of its first heading that has any.
    """
    source = document.markdown.replace("\r\n", "\n").replace("\r", "\n")
    body = purified(_parser().render(_FRONT_MATTER.sub("", source, count=1)))
    own = "" if document.css is None else f"<style>{_contained(document.css)}</style>\n"
    return (
        "<!doctype html>\n<html>\n<head>\n<meta charset=utf-8>\n"
        f'<meta http-equiv=Content-Security-Policy content="{_POLICY}">\n'
        '<meta name=viewport content="width=device-width, initial-scale=1">\n'
        f"<title>{_title(body)}</title>\n"
        f"<style>{_style()}</style>\n{own}"
        f"</head>\n<body>\n<main class=markdown-body>\n{body}</main>\n</body>\n</html>\n"
    )


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"highlight": highlighted})
    gfm_plugin(parser)
    parser.core.ruler.push("anchors", _give_anchors)
    parser.core.ruler.push("directions", _give_directions)
    return parser


@cache
def _style() -> str:
    return resources.files("calotype.capture").joinpath("markdown.css").read_text("utf-8")


def _contained(css: str) -> str:
    """Return css in a spelling that cannot end its element; in CSS an escaped slash is a slash."""
    return css.replace("</", "<\\/")


def _title(body: str) -> str:
    for heading in _HEADING.finditer(body):
        # Escaped, as the purifier leaves all text.
        title = " ".join(nh3.clean(heading[2], tags=set()).split())
        if title:
            return title
    return ""


def _give_anchors(state: StateCore) -> None:
    """Let links lead to headings under the names that GitHub gives them; in a PDF too."""
    taken: dict[str, int] = {}
    for token, content in pairwise(state.tokens):
        if token.type == "heading_open":
            name = slug = _slug(content)
            # Counted on from the last one of its kind: a text may have very many of one heading.
            while name in taken:
                taken[slug] += 1
                name = f"{slug}-{taken[slug]}"
            taken[name] = 0
            token.attrSet("id", name)


def _slug(heading: Token) -> str:
    said = (part.content for part in heading.children or [] if part.type in ("text", "code_inline"))
    return _NOT_IN_ANCHORS.sub("", "".join(said).strip().lower()).replace(" ", "-")


def _give_directions(state: StateCore) -> None:
    """Let each block run as its first letters do. Blocks in blocks follow the outermost, bullets and all."""
    for token in state.tokens:
        if token.level == 0 and token.nesting == 1:
            token.attrSet("dir", "auto")
