"""What a pattern is made of, and how a text is matched against it.

`*` is any run of characters, none and `/` included, and `**` the same; `?` is exactly one character;
a backslash takes the meaning from the character after it; everything else, `[ ] { }` too,
stands for itself. A pattern covers a text from end to end.

Matching never backtracks. Between two stars only the leftmost place of a segment matters, since
the star after it can take whatever a later place would have left over. So each segment is searched for
once, and a hostile pattern costs no more than a long one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from dataclasses import field as derived

from calotype.capture.errors import InvalidRequest

MAX_PATTERN_LENGTH = 4096
"""Characters; twice the longest URL, so that any URL can be written with escapes."""

MANY = "\x01"
"""Stands for `*` once a pattern is read. Patterns hold no control characters, so nothing else does."""
ONE = "\x02"
"""Stands for `?` once a pattern is read."""

_ESCAPED_OR_WILD = re.compile(r"\\(.)|(\*+)|\?")
_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_WILD = re.compile(f"[{MANY}{ONE}]")


def read_pattern(pattern: str, field: str) -> str:
    """Return pattern with its escapes resolved and its wildcards as MANY and ONE.

    What is left is literal, so it can be cut, lower-cased and reversed like any text.
    Raises InvalidRequest naming field.
    """
    if not pattern.strip(" "):
        raise InvalidRequest(field, "is empty", "* matches everything")
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise InvalidRequest(
            field, f"has {len(pattern):,} characters", f"a pattern may have at most {MAX_PATTERN_LENGTH:,}"
        )
    if _FORBIDDEN.search(pattern):
        raise InvalidRequest(field, "contains a control character", "write it percent-encoded, such as %0A")
    if (len(pattern) - len(pattern.rstrip("\\"))) % 2:
        raise InvalidRequest(
            field, "ends in a lone backslash", r"a backslash escapes the next character, \\ is one itself"
        )
    return _ESCAPED_OR_WILD.sub(lambda found: found[1] or (MANY if found[2] else ONE), pattern)


def is_wild(tokens: str) -> bool:
    """Say whether tokens, a pattern read or a piece of one, hold a wildcard."""
    return _WILD.search(tokens) is not None


@dataclass(frozen=True, slots=True)
class Wildcards:
    """A pattern read, ready to match. Takes time linear in the text for each segment without `?`."""

    tokens: str
    literal_prefix: str = derived(init=False, repr=False, compare=False)
    """What every match begins with: the tokens before the first wildcard."""
    _first: _Segment = derived(init=False, repr=False, compare=False)
    _middle: tuple[_Segment, ...] = derived(init=False, repr=False, compare=False)
    _last: _Segment | None = derived(init=False, repr=False, compare=False)
    """None when the pattern has no star: then the first segment is all there is."""

    def __post_init__(self) -> None:
        first, *others = self.tokens.split(MANY)
        last = others.pop() if others else None
        object.__setattr__(self, "literal_prefix", _WILD.split(self.tokens, maxsplit=1)[0])
        object.__setattr__(self, "_first", _Segment(first))
        object.__setattr__(self, "_middle", tuple(_Segment(segment) for segment in others if segment))
        object.__setattr__(self, "_last", None if last is None else _Segment(last))

    @property
    def is_literal(self) -> bool:
        """Whether only one text matches, the literal prefix."""
        return self.literal_prefix == self.tokens

    @property
    def is_prefix(self) -> bool:
        """Whether whatever begins with the literal prefix matches, and nothing else."""
        return self.tokens == self.literal_prefix + MANY

    def matches(self, text: str) -> bool:
        """Say whether the pattern covers text from end to end."""
        if self._last is None:
            return len(text) == self._first.length and self._first.stands_at(text, 0)
        place, end = self._first.length, len(text) - self._last.length
        if end < place or not self._first.stands_at(text, 0) or not self._last.stands_at(text, end):
            return False
        for segment in self._middle:
            found = segment.find(text, place, end)
            if found < 0:
                return False
            place = found + segment.length
        return True


class _Segment:
    """The characters between two stars; ONE among them stands for any character."""

    __slots__ = ("_regex", "_tokens", "length")

    def __init__(self, tokens: str) -> None:
        self.length = len(tokens)
        self._tokens = tokens
        # No quantifier: one attempt at one place reads each character at most once.
        pieces = map(re.escape, tokens.split(ONE))
        self._regex = re.compile(".".join(pieces), re.DOTALL) if ONE in tokens else None

    def stands_at(self, text: str, place: int) -> bool:
        """Say whether the segment is found in text exactly at place."""
        if self._regex is None:
            return text.startswith(self._tokens, place)
        return self._regex.match(text, place) is not None

    def find(self, text: str, start: int, end: int) -> int:
        """Return the leftmost place of the segment within text[start:end], or -1."""
        if self._regex is None:
            return text.find(self._tokens, start, end)
        found = self._regex.search(text, start, end)
        return found.start() if found else -1
