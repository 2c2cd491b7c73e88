"""Filter lists: unpacked from Debian's package of uBlock Origin, which is not installed for it."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from provision.environment import run

PACKAGE = "webext-ublock-origin-chromium"
FOLDER = Path("share", "calotype", "lists")
"""Where the lists go in the virtual environment; calotype.render.lists looks there."""
MARK = "copyright"
"""The package's copyright file; its time is that of the unpacking."""
FRESH_S = 7 * 24 * 3600
"""Lists that were unpacked before are fetched again; Debian has new ones every few weeks."""

_ASSETS = Path("usr/share/chromium/extensions/ublock-origin/assets")
_COPYRIGHT = Path("usr/share/doc", PACKAGE, "copyright")
_LISTS: Mapping[str, tuple[str, ...]] = {
    "ads": (
        "thirdparties/easylist/easylist.txt",
        "ublock/filters.min.txt",
        "ublock/quick-fixes.min.txt",
        "ublock/unbreak.min.txt",
    ),
    "trackers": (
        "thirdparties/easylist/easyprivacy.txt",
        "ublock/privacy.min.txt",
        "ublock/unbreak.min.txt",
    ),
}


def are_there(venv: Path) -> bool:
    """Say whether lists were unpacked into venv."""
    return (venv / FOLDER / MARK).exists()


def are_fresh(venv: Path) -> bool:
    """Say whether that was in the last week."""
    try:
        return time.time() - (venv / FOLDER / MARK).stat().st_mtime < FRESH_S
    except OSError:
        return False


def fetch(venv: Path) -> None:
    """Let apt download the package, and unpack what is wanted of it; raises StepFailed, OSError."""
    with tempfile.TemporaryDirectory(prefix="calotype-lists-") as name:
        folder = Path(name)
        run(f"downloading {PACKAGE}", "apt-get", "-q", "download", PACKAGE, folder=folder)
        (package,) = folder.glob(f"{PACKAGE}_*.deb")
        run(f"unpacking {PACKAGE}", "dpkg-deb", "--extract", str(package), str(folder / "unpacked"))
        unpack(folder / "unpacked", venv)


def unpack(root: Path, venv: Path) -> None:
    """Copy the lists of a package that was extracted to root into venv, all or none; raises OSError."""
    aside, there = venv / FOLDER.with_suffix(".new"), venv / FOLDER
    shutil.rmtree(aside, ignore_errors=True)
    for kind, names in _LISTS.items():
        (aside / kind).mkdir(parents=True)
        for name in names:
            source = root / _ASSETS / name
            # With its time: that is what tells how old a list is.
            shutil.copy2(source, aside / kind / source.name)
    shutil.copyfile(root / _COPYRIGHT, aside / MARK)
    shutil.rmtree(there, ignore_errors=True)
    aside.rename(there)
