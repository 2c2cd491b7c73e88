"""Every hard case has its tests, and they are where the map says."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.hard_cases.proofs import PROOFS, UNPROVEN

TESTS = Path(__file__).resolve().parents[1]
CLAUSES = [
    pytest.param(node, id=f"{group} {clause[:50]}")
    for group, (_, clauses) in PROOFS.items()
    for clause, nodes in clauses.items()
    for node in nodes
]


@cache
def named_in(path):
    """Return the node ids of the tests in a module, without its path."""
    found = set()

    def look(nodes, before):
        for node in nodes:
            if isinstance(node, ast.ClassDef):
                look(node.body, f"{before}{node.name}::")
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                found.add(before + node.name)

    look(ast.parse(path.read_text("utf-8")).body, "")
    return found


def test_all_27_groups_are_there_with_a_test_for_each_clause():
    assert list(PROOFS) == list(range(1, 28))
    for _, clauses in PROOFS.values():
        assert clauses
        assert all(clauses.values())
    assert UNPROVEN.keys() <= PROOFS.keys()


@pytest.mark.parametrize("node", CLAUSES)
def test_the_test_is_where_the_map_says(node):
    module, _, test = node.partition("::")

    assert test in named_in(TESTS / module)


def test_what_is_no_test_would_be_noticed():
    assert "TestAStranger" not in named_in(TESTS / "api/test_isolation.py")
    assert "test_nothing" not in named_in(TESTS / "api/test_isolation.py")
