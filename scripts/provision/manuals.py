"""HTML manuals from the system's packages: the real pages that tests and benchmarks picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Manual:
    """One real page.

    globs are where releases keep it, relative to the file system's root. packages are the names
    that bring it, best first; each names the package that holds the files, never one that only
    depends on it, so that reinstalling it brings back files which a slim image left out.
    """

    name: str
    packages: tuple[str, ...]
    globs: tuple[str, ...]


_PYTHON = ("python3.11-doc", "python3.13-doc", "python3.12-doc", "python3-doc")
_POSTGRESQL = (
    "postgresql-doc-15",
    "postgresql-doc-17",
    "postgresql-doc-16",
    "postgresql-doc-18",
    "postgresql-doc",
)

MANUALS = (
    # 290 kB and over 30,000 px tall: the longest page of the set.
    Manual("python-functions", _PYTHON, ("usr/share/doc/python3.*/html/library/functions.html",)),
    Manual("python-logging", _PYTHON, ("usr/share/doc/python3.*/html/howto/logging.html",)),
    Manual("postgresql-select", _POSTGRESQL, ("usr/share/doc/postgresql-doc-*/html/sql-select.html",)),
    # Its figure is an SVG.
    Manual(
        "postgresql-page-layout",
        _POSTGRESQL,
        ("usr/share/doc/postgresql-doc-*/html/storage-page-layout.html",),
    ),
    Manual(
        "debian-reference",
        ("debian-reference-en",),
        (
            "usr/share/debian-reference/ch01.en.html",
            "usr/share/doc/debian-reference-common/docs/ch01.en.html",
        ),
    ),
    Manual(
        "git-rebase",
        ("git-doc",),
        ("usr/share/doc/git-doc/git-rebase.html", "usr/share/doc/git/html/git-rebase.html"),
    ),
    Manual(
        "bzip2", ("bzip2-doc",), ("usr/share/doc/bzip2/manual.html", "usr/share/doc/bzip2-doc/manual.html")
    ),
)


def find_pages(root: Path = Path("/")) -> dict[str, Path]:
    """Return the pages that are there, by the manual's name."""
    pages: dict[str, Path] = {}
    for manual in MANUALS:
        hits = (path for pattern in manual.globs for path in sorted(root.glob(pattern)))
        page = next(hits, None)
        if page is not None:
            pages[manual.name] = page
    return pages
