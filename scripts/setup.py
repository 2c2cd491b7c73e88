"""Prepare this checkout: virtual environment, locked packages, browser and fonts.

`make setup` runs it with whatever python3 the machine has, so this one file must parse on
versions that are too old to run the rest, and say so.
"""

import os
import shutil
import sys
from pathlib import Path

OLDEST = (3, 11)
NEWER_NAMES = ("python3.14", "python3.13", "python3.12", "python3.11")


def main() -> int:
    """Check the Python that runs this, and hand over to provision.main."""
    if tuple(sys.version_info[:2]) < OLDEST:
        newer = next((path for path in map(shutil.which, NEWER_NAMES) if path), None)
        if newer:
            os.execv(newer, [newer, *sys.argv])  # noqa: S606
        running = ".".join(map(str, sys.version_info[:3]))
        print(
            f"setup: {sys.executable} is Python {running}; Calotype needs 3.11 or newer.\n"
            "       Install one (Debian 12, Ubuntu 24.04 and later: apt-get install python3 python3-venv)\n"
            "       or name one that is there: make PYTHON=/path/to/python3.11",
            file=sys.stderr,
        )
        return 1

    # The server's own list of browsers is used, and calotype is not installed yet.
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "src"))
    # Not before: these modules do not parse on an older Python.
    from provision.main import main as provision  # noqa: PLC0415

    return provision(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
