"""Purge globs: over source URLs, over storage paths, and where an index must look for matches.

A URL pattern is read like the URLs it is meant for:

    https://mysite.com/blog/*     by component: scheme, host, port, and the rest (path to fragment)
    https://*.mysite.com/*        a star in the host stays in the host
    mysite.com/blog/*             no scheme: http or https
    https://mysite.com:*          no port is the scheme's own; `:*` is any
    https://*                     nothing after a star: the rest is `*`, else it is `/`
    https://mysite.com?id=*       no slash: the host ends at `?` or `#`
    */blog/*                      no scheme but a star: over the whole canonical URL
    *                             everything, entries without a URL included

Pattern and URL meet in one canonical spelling (url_key.py). Where a wildcard leaves open what a
literal character of the pattern is part of, that character is compared as it stands.

Anchored patterns become ranges of index keys. Ranges only narrow the search: what matches is
said by the matches methods, and a Scan says whether they must still be asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import InitVar, dataclass, replace
from dataclasses import field as derived

import ada_url

from calotype.cache.url_key import (
    DEFAULT_PORTS,
    NO_URL_KEY,
    canonical_spelling,
    split_key,
    url_key,
    url_of_key,
)
from calotype.capture.wildcards import MANY, ONE, Wildcards, is_wild, read_pattern

KeyRange = tuple[str, str]
"""Half-open: from the first text up to, but without, the second; by code point, which is UTF-8's order."""

_LEAST, _GREATEST = "\x01", "\U0010ffff"
"""Characters below and above all that keys and paths begin with. (PostgreSQL takes no NUL in a text.)"""
_EVERY_KEY: KeyRange = ("", _GREATEST)
_NO_KEY: KeyRange = ("", "")

_SCHEME = re.compile(f"([A-Za-z0-9+.{MANY}{ONE}-]*)://")


@dataclass(frozen=True, slots=True)
class Scan:
    """Where an index must look for the matches of a pattern."""

    ranges: tuple[KeyRange, ...]
    """Ascending and disjoint; no match lies outside. Never none: one may hold nothing."""
    exact: bool
    """Whether all that lies in the ranges matches, so that none of it needs to be asked."""
    needle: str = ""
    """Some text that every match has in it, forwards or backwards; "" if none is known."""

    @property
    def names_single_texts(self) -> bool:
        """Whether no range holds more than one text."""
        return all(high == low + _LEAST for low, high in self.ranges)


@dataclass(frozen=True, slots=True)
class PathGlob:
    """A glob over storage paths, `screenshots/2024/01/15/<id>.png`; no canonicalisation.

    Raises InvalidRequest naming field if pattern cannot be read.
    """

    pattern: str
    field: InitVar[str] = "pattern"
    _glob: Wildcards = derived(init=False, repr=False, compare=False)

    def __post_init__(self, field: str) -> None:
        object.__setattr__(self, "_glob", Wildcards(read_pattern(self.pattern, field)))

    @property
    def literal_prefix(self) -> str:
        """What every matching path begins with."""
        return self._glob.literal_prefix

    def matches(self, path: str) -> bool:
        """Say whether path matches."""
        return self._glob.matches(path)

    def plan(self) -> Scan:
        """Say where matching paths lie among all paths."""
        return _scan([self._glob])

    def directories(self) -> Scan:
        """Say where the directories of matching paths lie among all directories.

        A directory is a path up to its last `/`, without that. Exact means that every directory in the
        ranges is covered; otherwise covers_directory tells, and the rest is matched file by file.
        """
        parent, slash, file_prefix = self.literal_prefix.rpartition("/")
        ranges = {_only(parent)} if slash else set()
        if not self._glob.is_literal:
            ranges.add(_beginning_with(self.literal_prefix))
        exact = self._glob.is_prefix and not (slash and file_prefix)
        return Scan(tuple(sorted(ranges)) or (_NO_KEY,), exact)

    def covers_directory(self, directory: str) -> bool:
        """Say whether every possible file directly in directory matches."""
        # A pattern ending in literals misses some name. One ending in wildcards, a star among them,
        # asks of a name only to be long enough, so the shortest one decides: a single
        # character that no pattern can mean literally.
        tokens = self._glob.tokens
        tail = tokens[len(tokens.rstrip(MANY + ONE)) :]
        return MANY in tail and self._glob.matches(f"{directory}/{_LEAST}")


@dataclass(frozen=True, slots=True)
class UrlGlob:
    """A glob over source URLs; two are equal when their patterns are.

    Raises InvalidRequest naming field if pattern cannot be read.
    """

    pattern: str
    field: InitVar[str] = "url"
    matches_everything: bool = derived(init=False, repr=False, compare=False)
    """Whether the pattern is nothing but stars; only then do entries without a URL match."""
    _reading: _ByComponent | _WholeUrl = derived(init=False, repr=False, compare=False)

    def __post_init__(self, field: str) -> None:
        # The URL parser drops spaces around a URL; a pattern copied with some means the same URL.
        tokens = read_pattern(self.pattern, field).strip(" ")
        object.__setattr__(self, "matches_everything", tokens == MANY)
        object.__setattr__(self, "_reading", _read_url_pattern(tokens))

    def matches(self, url: str) -> bool:
        """Say whether url matches. Raises ValueError if url has no index key."""
        return self.matches_key(url_key(url))

    def matches_key(self, ukey: str) -> bool:
        """Say whether the URL behind the index key ukey matches."""
        return self.matches_everything or (ukey != NO_URL_KEY and self._reading.matches(ukey))

    def plan(self) -> Scan:
        """Say where matching URLs lie among all index keys."""
        return Scan((_EVERY_KEY,), exact=True) if self.matches_everything else self._reading.plan()


@dataclass(frozen=True, slots=True)
class _WholeUrl:
    """Compares the canonical URL as one text. Its keys may lie anywhere."""

    url: Wildcards

    def matches(self, ukey: str) -> bool:
        return self.url.matches(url_of_key(ukey))

    def plan(self) -> Scan:
        return Scan((_EVERY_KEY,), exact=False, needle=_needle(self.url.tokens))


@dataclass(frozen=True, slots=True)
class _ByComponent:
    """Compares component with component, so that no star reaches from one into another."""

    schemes: frozenset[str]
    host: Wildcards
    port: Wildcards | None
    """Compared with the port in use; None is the scheme's own."""
    rest: Wildcards

    def matches(self, ukey: str) -> bool:
        scheme, host, port, rest = split_key(ukey)
        return (
            scheme in self.schemes
            and (not port if self.port is None else self.port.matches(port or DEFAULT_PORTS[scheme]))
            and self.host.matches(host)
            and self.rest.matches(rest)
        )

    def plan(self) -> Scan:
        host_backwards = self.host.tokens[::-1]
        scan = _scan(Wildcards(f"{host_backwards}/{origin}{self.rest.tokens}") for origin in self._origins())
        return replace(scan, needle=_needle(self.rest.tokens))

    def _origins(self) -> Iterator[str]:
        """Yield what may stand in a matching key between host and rest, as tokens."""
        for scheme in self.schemes:
            if self.port is None or self.port.matches(DEFAULT_PORTS[scheme]):
                yield scheme
            if self.port is not None and self.port.tokens != DEFAULT_PORTS[scheme]:
                yield f"{scheme}:{self.port.tokens}"


def _needle(tokens: str) -> str:
    """Return the longest literal run that lies in one component of every match: a key reverses the host."""
    return max(re.split(f"[{MANY}{ONE}/:]", tokens), key=len)


def _scan(globs: Iterable[Wildcards]) -> Scan:
    """Return the ranges that hold every text that one of globs matches."""
    ranges, exact = set(), True
    for glob in globs:
        ranges.add(_only(glob.tokens) if glob.is_literal else _beginning_with(glob.literal_prefix))
        exact = exact and (glob.is_literal or glob.is_prefix)
    return Scan(tuple(sorted(ranges)) or (_NO_KEY,), exact)


def _only(text: str) -> KeyRange:
    return text, text + _LEAST


def _beginning_with(prefix: str) -> KeyRange:
    """Return the range of all texts that begin with prefix."""
    # The last character plus one ends the range. Where nothing follows the last character, the
    # one before it counts, and no text holds a surrogate.
    stem = prefix.rstrip(_GREATEST)
    if not stem:
        return prefix, _GREATEST
    following = chr(ord(stem[-1]) + 1)
    return prefix, stem[:-1] + ("\ue000" if following == "\ud800" else following)


def _read_url_pattern(tokens: str) -> _ByComponent | _WholeUrl:
    """Take tokens apart as URLs are, as far as the pattern says where its components are."""
    scheme = _SCHEME.match(tokens)
    if scheme is None and tokens.startswith(MANY):
        return _WholeUrl(Wildcards(_spell(tokens)))
    scheme_glob = Wildcards(scheme[1].lower() if scheme else MANY)
    authority, rest = _split_authority(tokens[scheme.end() :] if scheme else tokens)
    host, port = _split_port(authority.rpartition("@")[2])
    return _ByComponent(
        schemes=frozenset(filter(scheme_glob.matches, DEFAULT_PORTS)),
        host=Wildcards(_canonical_host(host)),
        port=Wildcards(port) if port else None,
        rest=Wildcards(_resolve_dots(_spell(rest))),
    )


def _split_authority(tokens: str) -> tuple[str, str]:
    """Return the authority and the rest; the rest begins with `/`, as every canonical one does."""
    authority, slash, path = tokens.partition("/")
    # A literal ? or # ends a host wherever it stands. The wildcard ? does only when no slash
    # follows to show that the host goes on: mysite.com?id=* means a query.
    if slash and not re.search("[?#]", authority):
        return authority, slash + path
    end = re.search(f"[?#{ONE}]", authority)
    if end is not None:
        return authority[: end.start()], "/" + tokens[end.start() :]
    return authority, "/" + MANY if authority.endswith(MANY) else "/"


def _split_port(authority: str) -> tuple[str, str]:
    """Return the host and the port; "" if the authority names none."""
    if authority.startswith("[") and "]" not in authority:
        # An IPv6 host whose end a star has taken; its colons are its own.
        return authority, ""
    colon = authority.find(":", authority.rfind("]") + 1)
    if colon < 0:
        return authority, ""
    port = authority[colon + 1 :]
    return authority[:colon], port if is_wild(port) else port.lstrip("0") or port[:1]


def _canonical_host(tokens: str) -> str:
    """Return the host as the URL parser spells it; beside wildcards, label by label."""
    if not is_wild(tokens):
        return _parsed_host(tokens)
    # Parsed alone, a label that is a number would become an IPv4 address.
    labels = tokens.split(".")
    return ".".join(
        label.lower() if is_wild(label) else _parsed_host(f"{label}.x").removesuffix(".x") for label in labels
    )


def _parsed_host(text: str) -> str:
    """Return text as the parser spells it; what is no host stays, and matches none."""
    try:
        # To the parser a backslash would be a slash, and end the host.
        return ada_url.URL("http://{}/".format(text.replace("\\", "%5C"))).hostname
    except ValueError:
        return text.lower()


def _spell(tokens: str) -> str:
    """Return tokens with their literal runs in the canonical percent-encoding."""
    return re.sub(f"[^{MANY}{ONE}]+", lambda found: canonical_spelling(found[0]), tokens)


def _resolve_dots(rest: str) -> str:
    """Return rest without dot segments, where they are certain to be some.

    That is in the path, and before the first wildcard: after a star one may be in the query already,
    and a segment that a wildcard goes on with is not known.
    """
    path = re.split(f"[?#{MANY}{ONE}]", rest, maxsplit=1)[0]
    if is_wild(rest[len(path) : len(path) + 1]):
        path = path[: path.rindex("/") + 1]
    return ada_url.URL("http://h" + path).pathname + rest[len(path) :]
