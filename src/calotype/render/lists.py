"""Filter lists: where they are, and what of them is meant for us.

Those of the operator come first, kind by kind, then those that set-up unpacked, then the short ones
that come with Calotype. Each is in the syntax of Adblock Plus and uBlock Origin.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path

from calotype.capture.blocking import Unwanted

log = logging.getLogger("calotype.render")

BUILT_IN = Path(__file__).with_name("filter_lists")
SET_UP = Path(sys.prefix, "share", "calotype", "lists")
"""In the environment that Calotype runs in: set-up has no other place that is sure to be its own."""

_TRUE = frozenset({"ext_ublock", "env_chromium", "cap_user_stylesheet"})
"""What uBlock Origin's lists may ask about whoever reads them, as far as it is so of us."""
_IF = re.compile(r"!#if\s+(!?)\s*(\w+)\s*")


class Origin(StrEnum):
    """Whose lists are used, in words that end the sentence `they are ...`."""

    OWN = "the operator's own"
    SET_UP = "unpacked by set-up"
    BUILT_IN = "built in"


@dataclass(frozen=True, slots=True)
class Lists:
    """The lists of one kind."""

    kind: Unwanted
    origin: Origin
    files: tuple[Path, ...]

    @property
    def newest(self) -> date:
        """The day on which the newest of them was written. Raises OSError."""
        stamp = max(file.stat().st_mtime for file in self.files)
        return datetime.fromtimestamp(stamp, UTC).date()

    def read(self) -> list[str]:
        """Return what is in them, but for what is meant for other readers. Raises OSError."""
        return ["\n".join(meant(file.read_text("utf-8", "replace"))) for file in self.files]


def find_lists(kind: Unwanted, own: Path | None, set_up: Path = SET_UP) -> Lists:
    """Return the best lists of a kind: FOLDER/ads/*.txt, FOLDER/trackers/*.txt and so on."""
    for origin, folder in ((Origin.OWN, own), (Origin.SET_UP, set_up)):
        files = () if folder is None else _files(folder, kind)
        if files:
            return Lists(kind, origin, files)
    return built_in(kind)


def built_in(kind: Unwanted) -> Lists:
    """Return the list that comes with Calotype."""
    return Lists(kind, Origin.BUILT_IN, _files(BUILT_IN, kind))


def _files(folder: Path, kind: Unwanted) -> tuple[Path, ...]:
    return tuple(sorted(folder.joinpath(kind.value).glob("*.txt")))


def meant(text: str) -> Iterator[str]:
    """Yield the lines of a list, but for those in `!#if` blocks whose condition does not hold for us.

    A condition of more than one word is taken not to hold: such lines mend what we may not have broken.
    """
    holds: list[bool] = []
    for line in text.splitlines():
        if line.startswith("!#if"):
            asked = _IF.fullmatch(line)
            holds.append(asked is not None and (asked[2] in _TRUE) is not bool(asked[1]))
        elif line.startswith("!#else") and holds:
            holds[-1] = not holds[-1]
        elif line.startswith("!#endif") and holds:
            holds.pop()
        elif all(holds):
            yield line
