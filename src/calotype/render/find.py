"""Finds the browser."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from calotype.errors import ConfigurationError

# The headless shell first: it takes a third of the processor time and memory of a full browser.
# Debian's launchers on PATH are shell scripts that add flags of their own, so the binary behind
# them comes before the name.
CANDIDATES = (
    "/usr/lib/chromium/chromium-headless-shell",
    "chromium-headless-shell",
    "chrome-headless-shell",
    "headless_shell",
    "/usr/lib/chromium/chromium",
    "chromium",
    "chromium-browser",
    "/opt/google/chrome/chrome",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
"""Paths and names on PATH, best first."""

REMEDY = "install one with `apt-get install chromium-headless-shell`, or set CALOTYPE_BROWSER to its path"


def find_browser(asked: Path | None) -> Path:
    """Return the real path of the browser: the one asked for, else the best there is.

    Raises ConfigurationError naming CALOTYPE_BROWSER and the command that installs a browser.
    """
    if asked is not None:
        found = _executable(str(asked))
        if found is None:
            message = f"CALOTYPE_BROWSER names {asked}, which is not a program that can be run; {REMEDY}."
            raise ConfigurationError(message)
        return found
    for candidate in CANDIDATES:
        found = _executable(candidate)
        if found is not None:
            return found
    message = f"No browser was found; {REMEDY}."
    raise ConfigurationError(message)


def _executable(name: str) -> Path | None:
    found = shutil.which(name)
    return None if found is None or not os.path.isfile(found) else Path(found).resolve()  # noqa: PTH113
