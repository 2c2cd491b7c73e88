"""Looks at the machine: what is installed, and how more could be."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from calotype.render.find import CANDIDATES
from provision.manuals import find_pages
from provision.needs import (
    FONT_FORMAT,
    FONTS,
    TOOLS,
    Machine,
    Means,
    Need,
    fonts_listed,
    fonts_named,
    offered_by_apt,
)

FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "~/.local/share/fonts", "~/.fonts")

# Debian keeps nginx where only root's PATH looks.
_SBIN = os.pathsep + os.pathsep.join(("/usr/local/sbin", "/usr/sbin", "/sbin"))

_BROWSER_START_S = 60
"""Enough for the first start from a cold disk."""


def look(*, starts: Callable[[str], bool]) -> Machine:
    """Return what is on this machine; starts says whether a browser at a path works."""
    return Machine(
        ensurepip=importlib.util.find_spec("ensurepip") is not None,
        browser=next((path for path in browsers() if starts(path)), None),
        fonts=_fonts(),
        tools=frozenset(
            tool for tool in TOOLS if shutil.which(tool, path=os.environ.get("PATH", "") + _SBIN)
        ),
        manuals=frozenset(find_pages()),
    )


def browsers() -> Iterator[str]:
    """Yield the browsers that the server would run, best first; CALOTYPE_BROWSER alone when it is set.

    Snaps are left out: a browser in one cannot reach our pipes and folders.
    """
    told = os.environ.get("CALOTYPE_BROWSER")
    for path in filter(None, map(shutil.which, [told] if told else CANDIDATES)):
        if not _is_snap(Path(path)):
            yield path


def browser_starts(path: str) -> bool:
    """Say whether the browser at path can at least tell its version; libraries may be missing."""
    try:
        done = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_BROWSER_START_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def means(needs: Iterable[Need]) -> Means:
    """Return how packages for needs can be had here; asks sudo, but never for a password."""
    manager = next((name for name, program in _MANAGERS if shutil.which(program)), None)
    return Means(
        manager=manager,
        prefix=_prefix(),
        offered=_offered(needs) if manager == "apt" else None,
        systemd=Path("/run/systemd/system").is_dir(),
    )


_MANAGERS = (("apt", "apt-get"), ("dnf", "dnf"), ("pacman", "pacman"), ("apk", "apk"), ("brew", "brew"))


def _prefix() -> tuple[str, ...] | None:
    if os.geteuid() == 0:
        return ()
    if shutil.which("sudo") and _output("sudo", "-n", "true") is not None:
        return ("sudo", "-n")
    return None


def _offered(needs: Iterable[Need]) -> frozenset[str] | None:
    if not any(Path("/var/lib/apt/lists").glob("*_Packages*")):
        return None
    names = sorted({name for need in needs for name in need.packages.get("apt", ())})
    policy = _output("apt-cache", "policy", *names)
    return None if policy is None else offered_by_apt(policy)


def _is_snap(path: Path) -> bool:
    """Say whether path leads into a snap."""
    real = path.resolve()
    if real.name == "snap" or real.is_relative_to("/snap"):
        return True
    try:
        with real.open("rb") as file:
            start = file.read(4096)
    except OSError:
        return False
    return start.startswith(b"#!") and b"/snap/" in start


def _fonts() -> frozenset[str]:
    if sys.platform == "darwin":
        return frozenset(FONTS)  # The system's own serve all.
    listed = _output("fc-list", "--format", FONT_FORMAT)
    if listed is not None:
        return fonts_listed(listed)
    folders = (Path(folder).expanduser() for folder in FONT_FOLDERS)
    files = (
        file.name
        for folder in folders
        for file in folder.rglob("*")
        if file.suffix in {".ttf", ".otf", ".ttc"}
    )
    return fonts_named(files)


def _output(*argv: str) -> str | None:
    """Return what argv prints; None when it is not there or fails."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
            text=True,
            check=False,
        )
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
