"""What the parsers ask for: every field with its kind, bounds and default, as JSON Schema.

Nothing is written down twice. The parsers read one request in which every group is there, from
Fields that note down what they were asked, and the document of the interface is made of the notes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, TypeVar

from calotype.capture.fields import Fields
from calotype.capture.parse import read_capture

E = TypeVar("E", bound=StrEnum)
Schema = dict[str, Any]
_ITEM = re.compile(r"\[\d+\]")
_JSON_KINDS = {str: "string", int: "number", float: "number", dict: "object", bool: "boolean"}
SAME_AS = "x-same-as"
"""In the schema of a field that is another under the name that some clients give it: the other's name."""
_NOT_BLANK = {"minLength": 1, "pattern": r"\S"}
_CAPTURE = {
    "url": "https://example.com/",
    "browser": {"media": "screen", "geolocation": {"latitude": 0, "longitude": 0}},
    "capture": {"mode": "clip", "clip": {"width": 1, "height": 1}},
    "network": {
        "cookies": [{"name": "a", "value": "b"}],
        "auth": {"type": "basic", "username": "a", "password": "b"},
    },
    "pdf": {"margin": {"top": 1}},
}
"""A request with every group that is read only if it is there, and every field whose default is none of
its own, but depends on others."""


class Survey(Fields):
    """Fields that note, under each field's path, the schema of what is asked of it.

    The path of an item of a list is that of the list, and `[]`.
    """

    def __init__(
        self,
        group: Mapping[str, object],
        path: str = "",
        *,
        secret: bool = False,
        found: dict[str, Schema] | None = None,
    ) -> None:
        super().__init__(group, path, secret=secret)
        self.found: dict[str, Schema] = {} if found is None else found

    def _reading(self, group: Mapping[str, object], path: str, *, secret: bool) -> Fields:
        return Survey(group, path, secret=secret, found=self.found)

    def _note(self, name: str, **schema: Any) -> None:
        # What was asked first is the narrower: a reader may stand on another.
        if not self.is_absent(name):
            schema.pop("default", None)
        path = _ITEM.sub("[]", self.path(name))
        self.found.setdefault(path, {word: value for word, value in schema.items() if value is not None})

    def group(self, name: str) -> Mapping[str, object]:
        """See Fields."""
        self._note(name, type="object")
        return super().group(name)

    def rename(self, names: Mapping[str, str]) -> None:
        """See Fields."""
        for theirs, ours in names.items():
            self._note(theirs, **{SAME_AS: ours})
        super().rename(names)

    def objects(self, name: str, max_items: int) -> list[dict[str, object]] | None:
        """See Fields."""
        self._note(name, type="array", maxItems=max_items, items={"type": "object"})
        return super().objects(name, max_items)

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        """See Fields."""
        self._note(name, type="integer", minimum=low, maximum=high, default=default)
        return super().integer(name, default, low, high)

    def optional_integer(self, name: str, low: int, high: int) -> int | None:
        """See Fields."""
        self._note(name, type="integer", minimum=low, maximum=high)
        return super().optional_integer(name, low, high)

    def number(self, name: str, default: float, low: float, high: float) -> float:
        """See Fields."""
        self._note(name, type="number", minimum=low, maximum=high, default=default)
        return super().number(name, default, low, high)

    def optional_number(self, name: str, low: float, high: float) -> float | None:
        """See Fields."""
        self._note(name, type="number", minimum=low, maximum=high)
        return super().optional_number(name, low, high)

    def boolean(self, name: str, *, default: bool) -> bool:
        """See Fields."""
        self._note(name, type="boolean", default=default)
        return super().boolean(name, default=default)

    def only_true(self, name: str) -> bool:
        """See Fields."""
        self._note(name, const=True)
        return super().only_true(name)

    def any_of(self, name: str, kinds: tuple[type, ...]) -> object:
        """See Fields."""
        self._note(name, type=list(dict.fromkeys(_JSON_KINDS[kind] for kind in kinds)))
        return super().any_of(name, kinds)

    def raw_text(self, name: str) -> str | None:
        """See Fields."""
        self._note(name, type="string")
        return super().raw_text(name)

    def text(self, name: str, max_length: int | None = None) -> str | None:
        """See Fields."""
        self._note(name, type="string", maxLength=max_length, **_NOT_BLANK)
        return super().text(name, max_length)

    def choice(self, name: str, default: E) -> E:
        """See Fields."""
        self._note(name, type="string", enum=[word.value for word in type(default)], default=default.value)
        return super().choice(name, default)

    def texts(
        self, name: str, max_items: int, *, max_length: int | None = None, words: Sequence[str] = ()
    ) -> list[str] | None:
        """See Fields."""
        item: Schema = {"type": "string"}
        if max_length is not None:
            item |= {"maxLength": max_length, **_NOT_BLANK}
        if words:
            item["enum"] = list(words)
        self._note(name, type="array", items=item, maxItems=max_items)
        return super().texts(name, max_items, max_length=max_length, words=words)


def survey_capture() -> dict[str, Schema]:
    """Return the schema of every field of a capture request, by its path in the nested spelling."""
    fields = Survey(_CAPTURE)
    read_capture(fields)
    return {path: _resolved(path, schema, fields.found) for path, schema in fields.found.items()}


def _resolved(path: str, schema: Schema, found: Mapping[str, Schema]) -> Schema:
    if SAME_AS not in schema:
        return schema
    ours = f"{path.rpartition('.')[0]}.{schema[SAME_AS]}"
    return found[ours] | schema


def as_tree(found: Mapping[str, Schema], *, nullable: bool) -> Schema:
    """Return the schema of the object whose fields were found; with nullable each may be null instead."""
    root: Schema = {"type": "object", "properties": {}}
    places: dict[str, Schema] = {"": root}
    for path, found_schema in found.items():
        schema = dict(found_schema)
        parent, _, name = path.rpartition(".")
        own = places.get(parent)
        if own is None:
            own = places[parent] = places[parent.removesuffix("[]")]["items"]
        own.setdefault("properties", {})[name] = schema
        places[path] = schema
        if nullable and "type" in schema:
            kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
            schema["type"] = [*kinds, "null"]
            if "enum" in schema:
                schema["enum"] = [*schema["enum"], None]
    return root
