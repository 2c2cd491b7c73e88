"""Which storage paths a purge glob means, and where the index looks for them."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calotype.cache.globs import PathGlob


@pytest.mark.parametrize(
    ("pattern", "matching", "others"),
    [
        ("screenshots/2024/*", "screenshots/2024/01/x.png screenshots/2024/", "screenshots/2024"),
        ("screenshots/2024/01/*", "screenshots/2024/01/15/ab.png", "screenshots/2024/011/ab.png"),
        ("screenshots/*/15/*.pdf", "screenshots/2024/01/15/ab.pdf", "screenshots/2024/01/15/ab.png"),
        ("screenshots/20??/*", "screenshots/2024/01/15/ab.png", "screenshots/202/01/15/ab.png"),
        ("*.webp", "screenshots/2024/01/15/ab.webp", "screenshots/2024/01/15/ab.webp.png"),
        ("*", "screenshots/2024/01/15/ab.png", ""),
        # Characters are characters; nothing is made canonical.
        (
            "Screenshots/%61/../*",
            "Screenshots/%61/../x",
            "screenshots/%61/../x Screenshots/a/../x Screenshots/x",
        ),
        ("mysite.com/*", "mysite.com/x", "http://mysite.com/x"),
        ("[ab]/{c}/*", "[ab]/{c}/x", "a/c/x"),
        (r"a\*/*", "a*/x", "ab/x"),
    ],
)
def test_a_path_glob_has_the_same_wildcards_and_no_other_meaning(pattern, matching, others):
    glob = PathGlob(pattern)

    assert [path for path in matching.split() if not glob.matches(path)] == []
    assert [path for path in others.split() if glob.matches(path)] == []


@pytest.mark.parametrize(
    ("pattern", "ranges", "exact"),
    [
        ("screenshots/2024/01/*", ("screenshots/2024/01/", "screenshots/2024/010"), True),
        (
            "screenshots/2024/01/15/a.png",
            ("screenshots/2024/01/15/a.png", "screenshots/2024/01/15/a.png\x01"),
            True,
        ),
        ("screenshots/2024/*.png", ("screenshots/2024/", "screenshots/20240"), False),
        ("*", ("", "\U0010ffff"), True),
        ("*.png", ("", "\U0010ffff"), False),
        # Where no character follows the last one, the one before it counts; surrogates are none.
        ("a\U0010ffff*", ("a\U0010ffff", "b"), True),
        ("a\ud7ff*", ("a\ud7ff", "a\ue000"), True),
    ],
)
def test_a_path_glob_plans_one_range_of_paths(pattern, ranges, exact):
    scan = PathGlob(pattern).plan()

    assert (scan.ranges, scan.exact) == ((ranges,), exact)


@pytest.mark.parametrize(
    ("pattern", "ranges", "exact"),
    [
        (
            "screenshots/2024/01/*",
            [
                ("screenshots/2024/01", "screenshots/2024/01\x01"),
                ("screenshots/2024/01/", "screenshots/2024/010"),
            ],
            True,
        ),
        (
            "screenshots/2024/0*",
            [("screenshots/2024", "screenshots/2024\x01"), ("screenshots/2024/0", "screenshots/2024/1")],
            False,
        ),
        ("screenshots/2024/01/15/a.png", [("screenshots/2024/01/15", "screenshots/2024/01/15\x01")], False),
        ("screenshots*", [("screenshots", "screenshott")], True),
        # No path is without a directory. A query made of the ranges still needs one.
        ("a.png", [("", "")], False),
        ("*", [("", "\U0010ffff")], True),
        ("*.png", [("", "\U0010ffff")], False),
    ],
)
def test_a_path_glob_plans_ranges_of_directories(pattern, ranges, exact):
    scan = PathGlob(pattern).directories()

    assert (scan.ranges, scan.exact) == (tuple(ranges), exact)


@pytest.mark.parametrize(
    ("pattern", "covered", "others"),
    [
        (
            "screenshots/2024/01/*",
            "screenshots/2024/01 screenshots/2024/01/15",
            "screenshots/2024 screenshots/2024/02",
        ),
        ("screenshots/2024/0*", "screenshots/2024/01/15", "screenshots/2024"),
        ("screenshots/*/15/*", "screenshots/2024/01/15", "screenshots/2024/01/16"),
        ("screenshots/2024/01/15/?*", "screenshots/2024/01/15", ""),
        ("screenshots/2024/01/15/??*", "", "screenshots/2024/01/15"),
        ("screenshots/2024/01/15/?", "", "screenshots/2024/01/15"),
        ("screenshots/2024/01/15/*.*", "", "screenshots/2024/01/15"),
        ("screenshots/2024/01/15/a*", "", "screenshots/2024/01/15"),
        ("*.png", "", "screenshots/2024/01/15"),
        ("*", "screenshots/2024/01/15", ""),
    ],
)
def test_a_directory_is_covered_when_every_file_in_it_matches(pattern, covered, others):
    glob = PathGlob(pattern)

    assert [directory for directory in covered.split() if not glob.covers_directory(directory)] == []
    assert [directory for directory in others.split() if glob.covers_directory(directory)] == []


PARTS = ("a", "ab", "b", "a-", "a0", ".")
DIRECTORIES = ["/".join(parts) for depth in (1, 2, 3) for parts in product(PARTS, repeat=depth)]
NAMES = ["".join(name) for length in (1, 2, 3) for name in product("ab.", repeat=length)]
NAMES += ["c", "c" * 9, "cccc.b"]


@settings(max_examples=60, deadline=None)
@given(st.text("aab//*?*.", min_size=1, max_size=8))
def test_the_directories_of_a_path_glob_hold_every_match_once(pattern):
    glob = PathGlob(pattern)
    scan = glob.directories()

    for directory in DIRECTORIES:
        times_found = sum(low <= directory < high for low, high in scan.ranges)
        files = [glob.matches(f"{directory}/{name}") for name in NAMES]
        assert glob.covers_directory(directory) == all(files)
        assert times_found == 1 or (times_found == 0 and not any(files))
        assert not (scan.exact and times_found) or all(files)


@settings(max_examples=200, deadline=None)
@given(st.text("ab/*?", min_size=1, max_size=8), st.text("ab/", max_size=8))
def test_the_literal_prefix_never_loses_a_match(pattern, path):
    glob = PathGlob(pattern)
    scan = glob.plan()
    in_plan = any(low <= path < high for low, high in scan.ranges)

    assert not glob.matches(path) or (path.startswith(glob.literal_prefix) and in_plan)
    assert not (scan.exact and in_plan) or glob.matches(path)
