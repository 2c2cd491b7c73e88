"""Checks what no linter does: names that no file may contain, and source files that grew too long."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

LONG_LINES = 400
"""Past some 400 lines a file is usually two stories; it is said, not refused."""

# Each has a bracket in the middle, so that this file does not contain what it looks for.
BANNED = {
    "names a package registry's host, which is for the reader's own configuration to name": re.compile(
        r"p[y]pi\.org|pythonho[s]ted\.org|npm[j]s\.(?:org|com)|(?:deb|security|snapshot)\.d[e]bian\.org"
        r"|(?:archive|security)\.u[b]untu\.com|crates\.i[o]|proxy\.g[o]lang\.org",
        re.IGNORECASE,
    ),
    "names a path of one machine": re.compile(
        r"(?<![\w.~*%-])/(?:w[o]rk|r[o]ot|opt/(?:wheels|p[y]pi))(?![\w.-])"
    ),
}


def faults(name: str, text: str) -> Iterator[str]:
    """Yield a line for everything in the file called name that must not be there."""
    for number, line in enumerate(text.splitlines(), start=1):
        for fault, pattern in BANNED.items():
            if found := pattern.search(line):
                yield f"{name}:{number}: {fault}: {found.group()}"


def files(root: Path) -> Iterator[Path]:
    """Yield the files that are, or are about to be, under version control."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(
            listing, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        # An unpacked archive, or no git: all but what tools leave behind.
        names = [
            path.relative_to(root).as_posix() for path in root.rglob("*") if not _is_left_behind(path, root)
        ]
    else:
        names = done.stdout.decode().split("\0")
    for name in names:
        path = root / name
        if name and path.is_file():
            yield path


def _is_left_behind(path: Path, root: Path) -> bool:
    parts = path.relative_to(root).parts
    return "__pycache__" in parts or (parts[0].startswith(".") and parts[0] != ".ci")


def main() -> int:
    """Print what is wrong and return 1 if anything is."""
    wrong = 0
    for path in files(ROOT):
        content = path.read_bytes()
        if b"\0" in content:
            continue
        name, text = path.relative_to(ROOT).as_posix(), content.decode("utf-8", "replace")
        for fault in faults(name, text):
            print(fault)
            wrong += 1
        lines = text.count("\n")
        if name.startswith("src/") and name.endswith(".py") and lines > LONG_LINES:
            print(f"{name}: note: {lines} lines; past {LONG_LINES} a file is usually two stories")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
