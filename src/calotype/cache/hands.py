"""Which entries go for room: two hands on the order of storing, and what they remember.

The newest tenth of the bytes is on probation. The first hand is its lower end: it moves up past
what was asked for since it was stored, which is main from then on, and takes what was not. The
second hand goes round through main: what was touched since it last came by stays once more, the
rest goes (SIEVE: survivors do not move). So a scan of pages that nobody asks for twice passes
through probation and never reaches what is wanted.

All that is remembered lies in memory. A hit writes nothing, and a crash costs no more than one
round of poorer choices.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from calotype.cache.entry import CacheKey, Namespace

_PAGE_BITS = 12
_PAGE_MASK = (1 << _PAGE_BITS) - 1
_MAX_PAGES = 16_384
"""Bits for 67 million places, in 8 MiB."""
_FINGERPRINT = 0xFFFF_FFFF
_FIRST_EVICTION = 1 << 31
"""So that an empty slot looks long past."""


class Hand(Enum):
    """The two hands, by what they walk through."""

    PROBATION = auto()
    MAIN = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An entry that a hand has come to."""

    place: int
    """In the order of storing; never used twice."""
    namespace: Namespace
    key: CacheKey
    held_bytes: int
    gone: bool
    """Nobody can have it any more: expired, or purged and not yet swept."""
    refreshing: bool
    """Somebody renders the key just now, and had better find it replaced than missing."""

    @property
    def fingerprint(self) -> int:
        """32 bits that stand for the key, in this process only."""
        return hash((self.namespace, self.key)) & _FINGERPRINT


@dataclass(frozen=True, slots=True)
class Turn:
    """What a hand decided on a stretch of its way."""

    reached: int
    """The last place looked at."""
    takes: tuple[int, ...]
    """Places of what has to go."""


class Touched:
    """One bit per place: asked for since a hand last came by."""

    def __init__(self, max_pages: int = _MAX_PAGES) -> None:
        self._max_pages = max_pages
        self._pages: dict[int, bytearray] = {}

    def add(self, place: int) -> None:
        """Note that the entry at place was asked for (0.15 µs)."""
        page = self._pages.get(place >> _PAGE_BITS)
        if page is None:
            page = self._new_page(place >> _PAGE_BITS)
        page[(place & _PAGE_MASK) >> 3] |= 1 << (place & 7)

    def _new_page(self, number: int) -> bytearray:
        if len(self._pages) >= self._max_pages:
            # To look for empty ones would stop a hit for milliseconds; a round of poorer choices is cheaper.
            self._pages.clear()
        page = self._pages[number] = bytearray((_PAGE_MASK + 1) // 8)
        return page

    def take(self, place: int) -> bool:
        """Say whether the entry at place was asked for, and forget it."""
        page = self._pages.get(place >> _PAGE_BITS)
        index, bit = (place & _PAGE_MASK) >> 3, 1 << (place & 7)
        if page is None or not page[index] & bit:
            return False
        page[index] &= ~bit
        return True


class Ghosts:
    """Fingerprints of what the first hand took of late: what comes back so soon has passed its probation.

    A table in which the newer of two in one slot stays: 8 bytes each, nothing to tidy up.
    """

    def __init__(self, slots: int) -> None:
        self._slots = slots
        self._names, self._evictions = array("I", bytes(4 * slots)), array("I", bytes(4 * slots))
        self._count = _FIRST_EVICTION

    def remember(self, fingerprint: int) -> None:
        """Note an eviction."""
        self._count = (self._count + 1) & _FINGERPRINT
        slot = fingerprint % self._slots
        self._names[slot], self._evictions[slot] = fingerprint, self._count

    def recalls(self, fingerprint: int, last: int) -> bool:
        """Say whether it is among the last so many evictions."""
        slot = fingerprint % self._slots
        ago = (self._count - self._evictions[slot]) & _FINGERPRINT
        return self._names[slot] == fingerprint and ago < last


def walk(
    hand: Hand,
    candidates: Sequence[Candidate],
    wanted_bytes: int,
    touched: Touched,
    ghosts: Ghosts,
    ghosts_live: int,
) -> Turn:
    """Move hand along candidates until what it takes adds up to wanted_bytes, or they end.

    What it passes loses its bit in touched; what it takes on probation enters ghosts, whose
    memory reaches back ghosts_live evictions. Without candidates it reaches place 0.
    """
    reached, taken_bytes = 0, 0
    takes = []
    for candidate in candidates:
        if taken_bytes >= wanted_bytes:
            break
        reached = candidate.place
        was_touched = touched.take(candidate.place)
        if not candidate.gone:
            if was_touched or candidate.refreshing:
                continue
            if hand is Hand.PROBATION:
                # It is here again, so that eviction was before it was stored.
                if ghosts.recalls(candidate.fingerprint, ghosts_live):
                    continue
                ghosts.remember(candidate.fingerprint)
        takes.append(candidate.place)
        taken_bytes += candidate.held_bytes
    return Turn(reached, tuple(takes))
