"""The groups `browser`, `block`, `page` and `network` of a request -> what the browser must do."""

from __future__ import annotations

import re
import zoneinfo
from functools import cache

import ada_url

from calotype.capture.blocking import Blocking, ResourceKind, Unwanted
from calotype.capture.emulation import Emulation, Geolocation, MediaType
from calotype.capture.errors import InvalidRequest, MissingParameter
from calotype.capture.fields import Fields
from calotype.capture.network import BasicAuth, BearerAuth, Cookie, Network, SameSite
from calotype.capture.retouch import Retouch
from calotype.capture.wildcards import read_pattern

MAX_SELECTOR = 1_024
_MAX_ITEMS = 100
MAX_CODE = 256 * 1024
"""Characters of one script or style sheet."""
_MAX_GLOB = 2_048
_MAX_HEADERS = 50
_MAX_VALUE = 8_192
_LOCALE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,5}", re.ASCII)
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}", re.ASCII)
"""A field name (RFC 9110 section 5.1), and a cookie's (RFC 6265 section 4.1.1)."""
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_COOKIE_VALUE = re.compile(r"[\x20-\x3a\x3c-\x7e]*", re.ASCII)
_NOT_TO_SET = frozenset(
    {
        "host", "connection", "content-length", "transfer-encoding", "upgrade", "te", "trailer", "expect",
        "keep-alive", "cookie", "cookie2", "set-cookie",
    }
)  # fmt: skip
"""Headers that belong to a connection, or have an option of their own. With one of them, or one that begins
with `proxy-`, the browser takes no answer to a request that it has paused, and would wait for another."""


def parse_browser(group: Fields) -> Emulation:
    """Return the `browser` group. Raises InvalidRequest."""
    timezone, locale = group.text("timezone", 64), group.text("locale", 64)
    user_agent = group.text("user_agent", 1_024)
    if timezone is not None and timezone not in _timezones():
        raise group.refuse("timezone", "give an IANA name, such as Europe/Berlin")
    if locale is not None and not _LOCALE.fullmatch(locale):
        raise group.refuse("locale", "give a BCP 47 tag, such as de-CH")
    if user_agent is not None and not _VALUE.fullmatch(user_agent):
        raise InvalidRequest(group.path("user_agent"), "holds a character that no header may", "leave it out")
    return Emulation(
        dark_mode=group.boolean("dark_mode", default=False),
        reduced_motion=group.boolean("reduced_motion", default=False),
        media=None if group.is_absent("media") else group.choice("media", MediaType.SCREEN),
        user_agent=user_agent,
        timezone=timezone,
        locale=locale,
        geolocation=_geolocation(group),
    )


@cache
def _timezones() -> frozenset[str]:
    """Return the names of all zones: once, since looking through the system's own takes 70 ms."""
    # Debian's link to the machine's own zone is no name that a browser knows.
    return frozenset(zoneinfo.available_timezones() - {"localtime"})


def _geolocation(group: Fields) -> Geolocation | None:
    if not group.group("geolocation"):
        return None
    place = group.inner("geolocation")
    for name in ("latitude", "longitude"):
        if place.is_absent(name):
            raise MissingParameter(place.path(name), "is missing", "a place has latitude and longitude")
    return Geolocation(
        latitude=place.number("latitude", 0, -90, 90),
        longitude=place.number("longitude", 0, -180, 180),
        accuracy_m=place.number("accuracy", 1, 0, 1_000_000),
    )


def parse_block(group: Fields) -> Blocking:
    """Return the `block` group. Raises InvalidRequest."""
    kinds = [kind.value for kind in ResourceKind]
    resources = group.texts("resources", len(kinds) * 2, words=kinds) or []
    requests = _list(group, "requests", _MAX_GLOB)
    for glob in requests:
        read_pattern(glob, group.path("requests"))
    return Blocking(
        requests=requests,
        resources=tuple(ResourceKind(resource) for resource in resources),
        unwanted=tuple(kind for kind in Unwanted if group.boolean(kind.value, default=False)),
    )


def parse_page(group: Fields) -> Retouch:
    """Return the `page` group. Raises InvalidRequest."""
    return Retouch(
        styles=_list(group, "styles", MAX_CODE),
        scripts=_list(group, "scripts", MAX_CODE),
        remove=_list(group, "remove", MAX_SELECTOR),
        hide=_list(group, "hide", MAX_SELECTOR),
        click=group.text("click", MAX_SELECTOR),
        scroll_to=group.text("scroll_to", MAX_SELECTOR),
    )


def _list(group: Fields, name: str, max_length: int) -> tuple[str, ...]:
    return tuple(group.texts(name, _MAX_ITEMS, max_length=max_length) or [])


def parse_network(group: Fields, url: str | None) -> Network:
    """Return the `network` group of a request for url. Raises InvalidRequest; no message repeats a value."""
    headers, auth = _headers(group), _auth(group)
    if url is None:
        # They go to the page's own host alone, and a document without a URL has none.
        headers, auth = (), None
        group.ignore("headers", "auth")
    return Network(
        headers=headers,
        cookies=_cookies(group, url),
        auth=auth,
        bypass_csp=group.boolean("bypass_csp", default=False),
    )


def _headers(group: Fields) -> tuple[tuple[str, str], ...]:
    given, path = group.group("headers"), group.path("headers")
    if len(given) > _MAX_HEADERS:
        raise InvalidRequest(path, f"has {len(given)} headers", f"at most {_MAX_HEADERS} are allowed")
    headers: dict[str, str] = {}
    for name, value in given.items():
        if not _TOKEN.fullmatch(name):
            # Not repeated: who takes a line for a name has put the value there, too.
            raise InvalidRequest(path, "holds what is no name of a header", "give names and values apart")
        lowered = name.lower()
        if lowered in _NOT_TO_SET or lowered.startswith("proxy-"):
            raise InvalidRequest(f"{path}.{name}", "cannot be set", "cookies go into network.cookies")
        if not isinstance(value, str) or len(value) > _MAX_VALUE or not _VALUE.fullmatch(value):
            raise InvalidRequest(
                f"{path}.{name}", "has no value that a header may have", f"give up to {_MAX_VALUE} characters"
            )
        headers[lowered] = value.strip()
    return tuple(headers.items())


def _cookies(group: Fields, url: str | None) -> tuple[Cookie, ...]:
    given = group.objects("cookies", _MAX_ITEMS) or []
    return tuple(_cookie(group.inner("cookies", at, secret=True), url) for at in range(len(given)))


def _cookie(fields: Fields, url: str | None) -> Cookie:
    name, value, domain = fields.text("name", 256), fields.raw_text("value"), fields.text("domain", 253)
    if name is None or value is None:
        missing = "name" if name is None else "value"
        raise MissingParameter(fields.path(missing), "is missing", "a cookie has a name and a value")
    if not _TOKEN.fullmatch(name):
        raise InvalidRequest(fields.path("name"), "is no name of a cookie", "use letters, digits, - and _")
    if len(value) > _MAX_VALUE or not _COOKIE_VALUE.fullmatch(value):
        raise InvalidRequest(
            fields.path("value"), "is no value of a cookie", "encode what is not ASCII, and semicolons"
        )
    if domain is None and url is None:
        raise MissingParameter(
            fields.path("domain"), "is missing", "without a URL nothing else says whose cookie it is"
        )
    if domain is not None and not ada_url.check_url(f"https://{domain.lstrip('.')}/"):
        raise InvalidRequest(fields.path("domain"), "is no host", "give one such as example.com")
    fields.rename({"httpOnly": "http_only", "sameSite": "same_site"})
    same_site = fields.text("same_site", 16)
    if same_site is not None and same_site.capitalize() not in set(SameSite):
        raise fields.refuse("same_site", f"it must be one of {', '.join(SameSite)}")
    return Cookie(
        name=name,
        value=value,
        domain=domain,
        path=fields.text("path", 1_024) or "/",
        expires_s=fields.optional_number("expires", 0, 2**40),
        secure=fields.boolean("secure", default=False),
        http_only=fields.boolean("http_only", default=False),
        same_site=None if same_site is None else SameSite(same_site.capitalize()),
    )


def _auth(group: Fields) -> BasicAuth | BearerAuth | None:
    if not group.group("auth"):
        return None
    fields = group.inner("auth", secret=True)
    kind = fields.text("type", 16)
    username, password, token = (
        fields.text("username", 1_024),
        fields.raw_text("password"),
        fields.text("token", 8_192),
    )
    if kind == "basic" and username is not None and ":" not in username:
        return BasicAuth(username, password or "")
    if kind == "bearer" and token is not None and _VALUE.fullmatch(token):
        return BearerAuth(token)
    raise InvalidRequest(
        group.path("auth"),
        "is incomplete",
        'give {"type": "basic", "username": ..., "password": ...} or {"type": "bearer", "token": ...}',
    )
