"""Any spelling of a capture request -> the one nested mapping that the rest understands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from calotype.capture.errors import InvalidRequest
from calotype.capture.fields import shown

FLAT = {
    "width": "viewport.width", "height": "viewport.height", "scale": "viewport.scale",
    "mobile": "viewport.mobile", "device": "viewport.device",
    "element": "capture.selector", "selector": "capture.selector", "freeze": "capture.freeze",
    "deterministic": "capture.deterministic",
    "scroll": "capture.scroll", "max_height": "capture.max_height",
    "format": "output.format", "quality": "output.quality",
    "output_width": "output.width", "output_height": "output.height", "output_fit": "output.fit",
    "wait_for": "wait.until", "delay": "wait.delay", "wait_for_selector": "wait.for_selector",
    "wait_for_function": "wait.for_function", "wait_for_timeout": "wait.timeout", "timeout": "wait.timeout",
    "block_ads": "block.ads", "block_trackers": "block.trackers",
    "block_cookies": "block.cookie_banners", "block_cookie_banners": "block.cookie_banners",
    "block_chat_widgets": "block.chat_widgets", "block_urls": "block.requests",
    "block_resources": "block.resources",
    "inject_script": "page.scripts", "inject_style": "page.styles", "click": "page.click",
    "hide": "page.hide", "remove": "page.remove", "scroll_to": "page.scroll_to",
    "dark_mode": "browser.dark_mode", "reduced_motion": "browser.reduced_motion",
    "media_type": "browser.media", "user_agent": "browser.user_agent", "timezone": "browser.timezone",
    "locale": "browser.locale", "geolocation": "browser.geolocation",
    "headers": "network.headers", "cookies": "network.cookies", "bypass_csp": "network.bypass_csp",
    "cache_ttl": "cache.ttl", "cache_refresh": "cache.refresh", "cache_enabled": "cache.enabled",
    "cache_available": "cache.available", "cache_key": "cache.key",
    "storage_enabled": "storage.enabled", "storage_path": "storage.path", "storage_acl": "storage.acl",
    "cache_swr": "cache.swr", "cache_sie": "cache.sie", "cache_tags": "cache.tags",
}  # fmt: skip
"""Flat name -> path in the nested mapping; the names of both client families."""
_DEEP = re.compile(
    r"(?:(geolocation)_(latitude|longitude|accuracy)|(auth_basic)_(username|password)|(clip)_(x|y|width|height)"
    r"|(pdf)_([a-z_]{3,32}))"
)
"""A field of an object, where only flat names can be written: in query parameters."""

ELSEWHERE = {
    "url", "html", "markdown", "markdown_css", "html_base_url", "preset", "full_page", "fail_on",
    "response_type", "strict",
}  # fmt: skip
"""Names that are spelled alike everywhere."""
NUMBERS = {
    "viewport.width", "viewport.height", "viewport.scale", "output.quality", "output.width", "output.height",
    "capture.max_height", "wait.delay", "wait.timeout", "cache.ttl", "cache.swr", "cache.sie",
    "geolocation.latitude", "geolocation.longitude", "geolocation.accuracy",
    "clip.x", "clip.y", "clip.width", "clip.height", "pdf.scale",
}  # fmt: skip
BOOLEANS = {
    "viewport.mobile", "capture.freeze", "capture.deterministic", "capture.scroll", "browser.dark_mode",
    "browser.reduced_motion", "network.bypass_csp",
    "block.ads", "block.trackers", "block.cookie_banners", "block.chat_widgets",
    "cache.refresh", "cache.enabled", "cache.available", "storage.enabled", "full_page",
    "pdf.landscape", "pdf.background", "pdf.print_background", "pdf.fit_one_page", "pdf.prefer_css_page_size",
}  # fmt: skip
LISTS = {"fail_on", "cache.tags", "block.requests", "block.resources", "page.hide", "page.remove"}
ONE_OR_MORE = ("page.scripts", "page.styles")
"""Lists that the older clients know as one text."""
_NUMBER = re.compile(r"-?[0-9]{1,18}(?:\.[0-9]{0,18})?")
"""Python reads more as a number (1_000, nan, digits of other scripts) than anybody means."""
_TRUE, _FALSE = ("true", "1", ""), ("false", "0")
_JPG = {"jpg": "jpeg"}
"""One client's command line knows the format by its file ending."""


def nested(body: Mapping[str, object]) -> dict[str, object]:
    """Return body with flat spellings moved to their nested places.

    Where both spellings of one field occur the nested one wins: it is the newer. Raises InvalidRequest
    for a full_page that is no boolean: in its nested place it would be a word among others.
    """
    result: dict[str, object] = {
        name: dict(value) if isinstance(value, dict) else value
        for name, value in body.items()
        if name not in FLAT and name != "full_page"
    }
    for name, value in body.items():
        if name in FLAT:
            path = FLAT[name]
            one = path in ONE_OR_MORE and isinstance(value, str)
            _put(result, path, [value] if one else value)
    _put_auth(result)
    full_page = body.get("full_page")
    if full_page is not None and not isinstance(full_page, bool):
        raise InvalidRequest("full_page", f"is {shown(full_page)}", "it must be true or false")
    if full_page:
        _put(result, "capture.mode", "full_page")
    output = result.get("output")
    if isinstance(output, dict) and isinstance(output.get("format"), str):
        output["format"] = _JPG.get(output["format"], output["format"])
    return result


def is_option(name: str) -> bool:
    """Say whether a query parameter of that name says something about a capture."""
    bare = name.removesuffix("[]")
    return bare in FLAT or bare in ELSEWHERE or _DEEP.fullmatch(bare) is not None


def _put(result: dict[str, object], path: str, value: object) -> None:
    group_name, _, name = path.partition(".")
    if result.get(group_name) is None:
        result[group_name] = {}
    group = result[group_name]
    if isinstance(group, dict) and group.get(name) is None:
        group[name] = value


def _put_auth(result: dict[str, object]) -> None:
    """Move the older clients' auth_basic and auth_bearer to network.auth; of both the first counts."""
    basic, bearer = result.pop("auth_basic", None), result.pop("auth_bearer", None)
    if basic is not None:
        _put(result, "network.auth", {"type": "basic", **basic} if isinstance(basic, dict) else basic)
    elif bearer is not None:
        _put(result, "network.auth", {"type": "bearer", "token": bearer})


def from_query(pairs: Iterable[tuple[str, str]]) -> dict[str, object]:
    """Return the nested mapping that decoded query parameters spell.

    Booleans are true, false, 1, 0 or a bare name; lists repeat their name, end it in [], or are
    separated by commas, but for scripts and styles. What cannot be read as its kind is left as
    it stands, for the parser to refuse by name.
    """
    flat: dict[str, object] = {}
    for raw_name, text in pairs:
        name = raw_name.removesuffix("[]")
        deep = _DEEP.fullmatch(name)
        if deep is not None:
            parent, child = filter(None, deep.groups())
            _put(flat, f"{parent}.{child}", _value(f"{parent}.{child}", text))
            continue
        path = FLAT.get(name, name)
        if path in LISTS or path in ONE_OR_MORE:
            items = flat.setdefault(name, [])
            # The commas of a script are its own.
            given = [text] if path in ONE_OR_MORE else [item for item in text.split(",") if item]
            if isinstance(items, list):
                items.extend(given)
        else:
            flat[name] = _value(path, text)
    clip = flat.pop("clip", None)
    if clip is not None:
        flat["capture"] = {"clip": clip}
    return nested(flat)


def _value(path: str, text: str) -> object:
    if path in BOOLEANS:
        word = text.lower()
        return True if word in _TRUE else False if word in _FALSE else text
    if path in NUMBERS and _NUMBER.fullmatch(text):
        return float(text) if "." in text else int(text)
    return text
