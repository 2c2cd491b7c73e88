"""`url`, `html` or `markdown`, and what goes with it -> the target of a capture."""

from __future__ import annotations

from calotype.capture.edition import edition
from calotype.capture.errors import InvalidRequest, MissingParameter
from calotype.capture.fields import Fields
from calotype.capture.negative import HtmlDocument, MarkdownDocument, PageUrl, Target
from calotype.capture.parse_browser import MAX_CODE
from calotype.capture.target import parse_page_url

MAX_DOCUMENT_BYTES = 5 * 1024 * 1024
"""Of HTML or Markdown that comes with a request, in UTF-8."""
_KINDS = ("url", "html", "markdown")
_REMEDY = "give exactly one of url, html and markdown"


def parse_target(fields: Fields) -> Target:
    """Return what is to be pictured. Raises InvalidRequest."""
    # What is wrong with a URL is parse_page_url's to say: it repeats no part of what may be a password.
    url, base_url = fields.raw_text("url"), fields.raw_text("html_base_url")
    html, markdown = _document(fields, "html"), _document(fields, "markdown")
    css = fields.text("markdown_css", MAX_CODE)
    given = [name for name in _KINDS if not fields.is_absent(name)]
    if len(given) > 1:
        raise InvalidRequest(given[0], f"and {given[1]} are both given", _REMEDY)
    if not given:
        raise MissingParameter("url", "is missing", _REMEDY)
    if base_url is not None and url is not None:
        raise InvalidRequest(
            "html_base_url", "is given without html or markdown", "it goes with those two only"
        )
    if css is not None and markdown is None:
        raise InvalidRequest("markdown_css", "is given without markdown", "it goes with markdown only")
    base = None if base_url is None else parse_page_url(base_url, "html_base_url")
    if markdown is not None:
        return MarkdownDocument(markdown, edition(), css, base)
    return PageUrl(parse_page_url(url, "url")) if url is not None else HtmlDocument(html or "", base)


def _document(fields: Fields, name: str) -> str | None:
    text = fields.text(name)
    size = 0 if text is None else len(text.encode("utf-8", "surrogatepass"))
    if size > MAX_DOCUMENT_BYTES:
        raise InvalidRequest(name, f"has {size} bytes", f"at most {MAX_DOCUMENT_BYTES} are allowed")
    return text
