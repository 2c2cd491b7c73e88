"""Reads the fields of a plain mapping, and says exactly what is wrong with one that cannot be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TypeVar

from calotype.capture.errors import InvalidRequest

E = TypeVar("E", bound=StrEnum)
_LONGEST_SHOWN = 60
SECRET_GROUPS = frozenset({"network", "webhook"})
"""Groups of which no error repeats a value, not even one that stands where the group should."""


def shown(value: object) -> str:
    """Spell a value for an error message, cut where a message would drown in it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."


class Fields:
    """One group of a request. Every reader checks its field, or raises InvalidRequest naming it.

    A field that is null counts as absent. Strings are never taken for numbers; a float
    without fraction is an integer, since some clients know only floats.
    """

    def __init__(self, group: Mapping[str, object], path: str = "", *, secret: bool = False) -> None:
        """Read group, which stands at path; of a secret one no error repeats a value."""
        self._group = group
        self._secret = secret
        self._prefix = f"{path}." if path else ""
        self._known: set[str] = set()
        self._inner: list[Fields] = []

    def _take(self, name: str) -> object:
        self._known.add(name)
        return self._group.get(name)

    def path(self, name: str) -> str:
        """Return the full path of a field, as errors name it."""
        return self._prefix + name

    def refuse(self, name: str, remedy: str) -> InvalidRequest:
        """Return the error that names the field, its value (unless that is secret) and what is allowed."""
        secret = self._secret or name in SECRET_GROUPS
        problem = "cannot be used" if secret else f"is {shown(self._group.get(name))}"
        return InvalidRequest(self.path(name), problem, remedy)

    def group(self, name: str) -> Mapping[str, object]:
        """Return the sub-group called name, empty when absent."""
        value = self._take(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise self.refuse(name, "it must be an object")
        return value

    def inner(self, name: str, at: int | None = None, *, secret: bool = False) -> Fields:
        """Return the fields of the sub-group called name, or of the item of a list that stands at `at`.

        What is unknown in them is told with our own. Raises InvalidRequest if it is no object.
        """
        if at is None:
            inner = self._reading(self.group(name), self.path(name), secret=secret)
        else:
            items = self._group[name]
            one = items[at] if isinstance(items, list) else {}
            inner = self._reading(one, f"{self.path(name)}[{at}]", secret=secret)
        self._inner.append(inner)
        return inner

    def _reading(self, group: Mapping[str, object], path: str, *, secret: bool) -> Fields:
        return Fields(group, path, secret=secret)

    def is_absent(self, name: str) -> bool:
        """Say whether a field is not there, or null."""
        return self._take(name) is None

    def ignore(self, *names: str) -> None:
        """Tell of fields, if they are given, as of unknown ones: they have no effect here."""
        self._known.difference_update(names)

    def rename(self, names: Mapping[str, str]) -> None:
        """Read fields that some clients spell otherwise under our names; ours count first."""
        renamed = {name: value for name, value in self._group.items() if name not in names}
        for theirs, ours in names.items():
            if theirs in self._group and renamed.get(ours) is None:
                renamed[ours] = self._group[theirs]
        self._group = renamed

    def objects(self, name: str, max_items: int) -> list[dict[str, object]] | None:
        """Return a list of objects, or None when the field is absent."""
        value = self._take(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.refuse(name, "it must be a list of objects")
        if len(value) > max_items:
            raise InvalidRequest(
                self.path(name), f"has {len(value)} items", f"at most {max_items} are allowed"
            )
        return value

    def things(self, name: str, what: str) -> list[object] | None:
        """Return a list, whatever is in it, or None when the field is absent; what it is of is told."""
        value = self._take(name)
        if value is not None and not isinstance(value, list):
            raise self.refuse(name, f"it must be a list of {what}")
        return value

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        """Return a whole number between low and high, both included."""
        value = self._take(name)
        if value is None:
            return default
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise self.refuse(name, f"it must be a whole number from {low} to {high}")
        return value

    def optional_integer(self, name: str, low: int, high: int) -> int | None:
        """Return a whole number between low and high, or None when the field is absent."""
        return None if self._take(name) is None else self.integer(name, low, low, high)

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """Return a number between low and high, both included."""
        value = self._take(name)
        if value is None:
            return default
        # The comparison also refuses NaN, which is between nothing.
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self.refuse(name, f"it must be a number from {low:g} to {high:g}")
        return float(value) + 0.0  # which makes of -0.0, the same number, the same text

    def optional_number(self, name: str, low: float, high: float) -> float | None:
        """Return a number between low and high, or None when the field is absent."""
        return None if self._take(name) is None else self.number(name, low, low, high)

    def boolean(self, name: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self._take(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.refuse(name, "it must be true or false")
        return value

    def any_of(self, name: str, kinds: tuple[type, ...]) -> object:
        """Return a value of one of kinds, whatever it says, or None when the field is absent."""
        value = self._take(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, kinds)):
            raise self.refuse(name, "it is of the wrong kind")
        return value

    def raw_text(self, name: str) -> str | None:
        """Return a string as it came, or None when the field is absent."""
        value = self._take(name)
        if value is not None and not isinstance(value, str):
            raise self.refuse(name, "it must be a string")
        return value

    def text(self, name: str, max_length: int | None = None) -> str | None:
        """Return a string, neither blank nor holding NUL, or None when the field is absent."""
        value = self.raw_text(name)
        if value is None:
            return None
        if not value.strip() or "\x00" in value:
            raise self.refuse(name, "it must not be blank, nor hold NUL")
        if max_length is not None and len(value) > max_length:
            raise InvalidRequest(
                self.path(name), f"has {len(value)} characters", f"at most {max_length} are allowed"
            )
        return value

    def choice(self, name: str, default: E) -> E:
        """Return one of the words of default's enumeration."""
        value = self._take(name)
        if value is None:
            return default
        words = [word.value for word in type(default)]
        if value not in words:
            raise self.refuse(name, f"it must be one of {', '.join(words)}")
        return type(default)(value)

    def texts(
        self, name: str, max_items: int, *, max_length: int | None = None, words: Sequence[str] = ()
    ) -> list[str] | None:
        """Return a list of strings, or None when the field is absent.

        With max_length none of them is longer, blank, or holds NUL; with words each is one of them.
        """
        value = self._take(name)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.refuse(name, "it must be a list of strings")
        if len(value) > max_items:
            raise InvalidRequest(
                self.path(name), f"has {len(value)} items", f"at most {max_items} are allowed"
            )
        for item in value:
            if words and item not in words:
                raise InvalidRequest(
                    self.path(name), f"holds {shown(item)}", f"it may hold {', '.join(words)}"
                )
            if max_length is not None and (not item.strip() or "\0" in item or len(item) > max_length):
                raise InvalidRequest(
                    self.path(name),
                    "holds a text that is blank, has NUL, or is too long",
                    f"each may have up to {max_length} characters",
                )
        return [str(item) for item in value]

    def only_true(self, name: str) -> bool:
        """Say whether a field is there, which can only be true."""
        value = self._take(name)
        if value is not None and value is not True:
            raise self.refuse(name, "it can only be true")
        return value is True

    def unknown(self) -> list[str]:
        """Return the paths of the fields that nobody has asked for: our own, then those of inner groups."""
        own = sorted(self.path(name) for name in self._group if name not in self._known)
        return [*own, *(path for inner in self._inner for path in inner.unknown())]
