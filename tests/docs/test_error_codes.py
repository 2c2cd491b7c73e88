"""docs/errors.md tells of every error there is: its status and codes, or that it never crosses HTTP."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from pathlib import Path

import pytest

import calotype
from calotype.api.dialects.families import Family
from calotype.api.problems import problem
from calotype.errors import CalotypeError

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "errors.md").read_text("utf-8")
ROWS = re.findall(r"^\| (\d{3}) \| `(\w+)` \| `(\w+)` \| `(\w+)` \|", PAGE, re.MULTILINE)
"""Status, code at the top, finer code, class."""
INTERNAL = set(re.findall(r"`(\w+)`", PAGE.partition("Errors that never cross HTTP:")[2]))


def every_error():
    """Return all classes of errors that any module of ours defines, by name."""
    for module in pkgutil.walk_packages(calotype.__path__, "calotype."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)

    def with_children(kind):
        return [kind, *(below for child in kind.__subclasses__() for below in with_children(child))]

    ours = {kind for kind in with_children(CalotypeError) if kind.__module__.startswith("calotype.")}
    return {kind.__name__: kind for kind in ours}


ERRORS = every_error()


def told(kind):
    """Return what a client is told: status, code at the top, finer code."""
    # Made without its own constructor: only the class decides.
    fault = kind.__new__(kind)
    for fact in ("field", "problem", "remedy", "retry_after_s", "size_bytes"):
        setattr(fault, fact, "")
    response = problem(fault, "req_", Family.NEWER)
    body = json.loads(bytes(response.body))
    return str(response.status_code), body["code"], body["error"]["code"]


@pytest.mark.parametrize("name", sorted(ERRORS))
def test_every_error_has_its_row_or_is_named_as_internal(name):
    rows = [row[:3] for row in ROWS if row[3] == name]

    assert rows == ([] if name in INTERNAL else [told(ERRORS[name])])


def test_the_page_tells_of_no_error_that_is_not_there():
    assert {row[3] for row in ROWS} | INTERNAL <= ERRORS.keys()
