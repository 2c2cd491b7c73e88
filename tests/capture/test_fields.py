"""The readers of single fields: what each takes, and how exactly each says no."""

from __future__ import annotations

from enum import StrEnum

import pytest

from calotype.capture.errors import InvalidRequest
from calotype.capture.fields import Fields, shown


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


READERS = {
    "group": lambda fields: fields.group("x"),
    "integer": lambda fields: fields.integer("x", 5, 1, 10),
    "optional_integer": lambda fields: fields.optional_integer("x", 1, 10),
    "number": lambda fields: fields.number("x", 1.5, 0.5, 4),
    "boolean": lambda fields: fields.boolean("x", default=True),
    "raw_text": lambda fields: fields.raw_text("x"),
    "text": lambda fields: fields.text("x", 4),
    "choice": lambda fields: fields.choice("x", Colour.RED),
    "texts": lambda fields: fields.texts("x", 2),
}
DEFAULTS = {
    "group": {}, "integer": 5, "optional_integer": None, "number": 1.5, "boolean": True,
    "raw_text": None, "text": None, "choice": Colour.RED, "texts": None,
}  # fmt: skip


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("group", [{}, {"x": None}], ids=["absent", "null"])
def test_absent_and_null_both_mean_the_default(reader, group):
    assert READERS[reader](Fields(group)) == DEFAULTS[reader]


@pytest.mark.parametrize(
    ("reader", "value", "read"),
    [
        ("group", {"a": 1}, {"a": 1}),
        ("integer", 1, 1),
        ("integer", 10, 10),
        ("integer", 5.0, 5),
        ("optional_integer", 1.0, 1),
        ("number", 2, 2.0),
        ("number", 0.5, 0.5),
        ("number", 4.0, 4.0),
        ("boolean", False, False),
        ("raw_text", "", ""),
        ("raw_text", "\0", "\0"),
        ("text", "abcd", "abcd"),
        ("text", " a ", " a "),
        ("choice", "blue", Colour.BLUE),
        ("texts", [], []),
        ("texts", ["a", ""], ["a", ""]),
    ],
)
def test_what_is_right_is_read(reader, value, read):
    result = READERS[reader](Fields({"x": value}))

    assert result == read
    assert type(result) is type(read)


@pytest.mark.parametrize(
    ("reader", "value", "message"),
    [
        ("group", [], "x is a list; it must be an object."),
        ("group", "a", "x is 'a'; it must be an object."),
        ("group", False, "x is false; it must be an object."),
        ("integer", 0, "x is 0; it must be a whole number from 1 to 10."),
        ("integer", 11, "x is 11; it must be a whole number from 1 to 10."),
        ("integer", 5.5, "x is 5.5; it must be a whole number from 1 to 10."),
        ("integer", "5", "x is '5'; it must be a whole number from 1 to 10."),
        ("integer", True, "x is true; it must be a whole number from 1 to 10."),
        ("integer", float("nan"), "x is nan; it must be a whole number from 1 to 10."),
        ("integer", float("inf"), "x is inf; it must be a whole number from 1 to 10."),
        ("optional_integer", 0, "x is 0; it must be a whole number from 1 to 10."),
        ("number", 0.4, "x is 0.4; it must be a number from 0.5 to 4."),
        ("number", 4.1, "x is 4.1; it must be a number from 0.5 to 4."),
        ("number", "2", "x is '2'; it must be a number from 0.5 to 4."),
        ("number", True, "x is true; it must be a number from 0.5 to 4."),
        ("number", float("nan"), "x is nan; it must be a number from 0.5 to 4."),
        ("boolean", 1, "x is 1; it must be true or false."),
        ("boolean", "true", "x is 'true'; it must be true or false."),
        ("raw_text", 1, "x is 1; it must be a string."),
        ("text", {}, "x is an object; it must be a string."),
        ("text", " \n", "x is ' \\n'; it must not be blank, nor hold NUL."),
        ("text", "a\0", "x is 'a\\x00'; it must not be blank, nor hold NUL."),
        ("text", "abcde", "x has 5 characters; at most 4 are allowed."),
        ("choice", "green", "x is 'green'; it must be one of red, blue."),
        ("choice", "RED", "x is 'RED'; it must be one of red, blue."),
        ("choice", ["red"], "x is a list; it must be one of red, blue."),
        ("texts", "a", "x is 'a'; it must be a list of strings."),
        ("texts", ["a", 1], "x is a list; it must be a list of strings."),
        ("texts", ["a", "b", "c"], "x has 3 items; at most 2 are allowed."),
    ],
)
def test_what_is_wrong_is_told_by_field_value_and_bound(reader, value, message):
    with pytest.raises(InvalidRequest) as told:
        READERS[reader](Fields({"x": value}))

    assert str(told.value) == message
    assert told.value.field == "x"


def test_a_field_of_a_group_is_named_by_its_path():
    with pytest.raises(InvalidRequest) as told:
        Fields({"width": "a"}, "viewport").integer("width", 1, 1, 2)

    assert told.value.field == "viewport.width"


def test_the_fields_that_nobody_asked_for_are_unknown():
    fields = Fields({"x": 1, "b": 2, "a": None}, "cache")
    fields.integer("x", 1, 1, 2)

    assert fields.unknown() == ["cache.a", "cache.b"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"), (True, "true"), (False, "false"), (1.5, "1.5"), ("a'b", '"a\'b"'), ({}, "an object"),
        ([1], "a list"), ("\n", "'\\n'"),
        ("a" * 58, "'" + "a" * 58 + "'"), ("a" * 59, "'" + "a" * 56 + "..."),
    ],
)  # fmt: skip
def test_values_are_shown_briefly(value, text):
    assert shown(value) == text
    assert len(shown(value)) <= 60
