"""HTML of unknown hands -> HTML that runs nothing, embeds nothing and restyles nothing.

The lists below are all that passes: about what passes in a README on GitHub, and classes, for the
writer's own style. `name` is not among the attributes: an element of a name hides document's own properties.
"""

from __future__ import annotations

from typing import Final

import ada_url
import nh3

_TAGS: Final = frozenset({
    "a", "abbr", "b", "bdi", "bdo", "blockquote", "br", "caption", "center", "cite", "code", "col",
    "colgroup", "dd", "del", "details", "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "h1", "h2",
    "h3", "h4", "h5", "h6", "hr", "i", "img", "input", "ins", "kbd", "li", "mark", "ol", "p", "picture",
    "pre", "q", "rp", "rt", "ruby", "s", "samp", "section", "small", "source", "span", "strike", "strong",
    "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "time", "tr", "tt", "u", "ul",
    "var", "wbr",
})  # fmt: skip
_CELL: Final = frozenset({"align", "colspan", "rowspan", "scope", "style", "valign", "width"})
_BLOCK: Final = frozenset({"align"})
_ATTRIBUTES: Final = {
    "*": frozenset({"class", "dir", "id", "lang", "title"}),
    "a": frozenset({"href"}),
    "blockquote": frozenset({"cite"}),
    "col": frozenset({"align", "span", "width"}),
    "colgroup": frozenset({"align", "span", "width"}),
    "del": frozenset({"cite", "datetime"}),
    "details": frozenset({"open"}),
    "div": _BLOCK,
    "img": frozenset({"align", "alt", "height", "sizes", "src", "srcset", "width"}),
    "input": frozenset({"checked", "disabled", "type"}),
    "ins": frozenset({"cite", "datetime"}),
    "li": frozenset({"value"}),
    "ol": frozenset({"reversed", "start", "type"}),
    "p": _BLOCK,
    "q": frozenset({"cite"}),
    "source": frozenset({"media", "sizes", "srcset", "type"}),
    "table": frozenset({"align", "width"}),
    "td": _CELL,
    "th": _CELL,
    "time": frozenset({"datetime"}),
    "tr": frozenset({"align", "valign"}),
} | {f"h{level}": _BLOCK for level in range(1, 7)}
_UNSEEN: Final = frozenset(
    {"embed", "iframe", "noembed", "noframes", "object", "script", "style", "template"}
)
"""Elements that go with all that is in them; of others that do not pass, their text stays."""
_SCHEMES: Final = frozenset({"data", "http", "https", "mailto", "tel", "xmpp"})


def purified(html: str) -> str:
    """Return what of html may be shown, well-formed, with names in lower case and values in double quotes."""
    return _CLEANER.clean(html)


def _passed(tag: str, name: str, value: str) -> str | None:
    """Return the value of an attribute whose name and scheme pass, or None if it does not all the same."""
    if name in ("cite", "href", "src") and _is_data(value):
        # An image runs nothing, not even an SVG; a link would lead to a page of the writer's.
        return value if tag == "img" and value.strip().lower().startswith("data:image/") else None
    return value


def _is_data(url: str) -> bool:
    """Say whether a browser would take url for one that holds its own content."""
    try:
        return ada_url.URL(url).protocol == "data:"
    except ValueError:
        return False  # relative, to a base that is http or https


_CLEANER: Final = nh3.Cleaner(
    tags=_TAGS,
    clean_content_tags=_UNSEEN,
    attributes=_ATTRIBUTES,
    attribute_filter=_passed,
    link_rel=None,
    url_schemes=_SCHEMES,
    # A box to tick is all that is left of forms, and nobody ticks it.
    set_tag_attribute_values={"input": {"type": "checkbox", "disabled": ""}},
    filter_style_properties={"text-align"},
)
