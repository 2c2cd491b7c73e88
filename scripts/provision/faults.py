"""What goes wrong during set-up, and what to tell the person who waits for it."""

from __future__ import annotations

from collections.abc import Mapping


class StepFailed(Exception):
    """A step could not be done; str(error) says which, remedy what would help, output what was seen."""

    def __init__(self, what: str, remedy: str, output: str = "") -> None:
        super().__init__(what)
        self.what, self.remedy, self.output = what, remedy, output


_SIGNS: Mapping[str, tuple[str, ...]] = {
    "free some disk space (about 1 GB is needed) and run the same command again": (
        "No space left on device",
        "Disk quota exceeded",
        "You don't have enough free space",
    ),
    "the package index served a file other than the locked one: run `make lock` if the lock is yours to "
    "change, and distrust the index otherwise": ("DO NOT MATCH THE HASHES",),
    "another package manager is at work; wait for it and run the same command again": (
        "Could not get lock",
        "is another process using it",
        "Unable to acquire the dpkg frontend lock",
    ),
    "the package lists do not fit what the repositories hold now, or a repository is out of reach: check the "
    "network and proxy settings, run `apt-get update`, and the same command again": (
        "Failed to fetch",
        "Unable to fetch some archives",
        "Unable to locate package",
        "Temporary failure resolving",
    ),
    "check the network and proxy settings; a mirror or a folder of wheels can be named in PIP_INDEX_URL or "
    "PIP_FIND_LINKS": (
        "NewConnectionError",
        "ConnectTimeoutError",
        "ReadTimeoutError",
        "ConnectionResetError",
        "ProxyError",
        "Name or service not known",
        "Temporary failure in name resolution",
        "CERTIFICATE_VERIFY_FAILED",
    ),
    "the package index has no build of it for this Python and system; try another Python with make "
    "PYTHON=/path/to/python3": ("No matching distribution found", "Could not find a version that satisfies"),
    "install a C compiler and Python's headers (Debian: apt-get install build-essential python3-dev), since "
    "a package has no ready build for this system": (
        "error: command 'gcc' failed",
        "error: command 'cc' failed",
        "unable to execute 'gcc'",
        "Python.h: No such file",
        "Failed building wheel",
    ),
    "make this folder and .venv writable for you; if an earlier run was by root, remove .venv": (
        "Permission denied",
        "Read-only file system",
    ),
}
"""Remedies and the words that call for each, the most telling first."""


def diagnose(output: str) -> str:
    """Return the remedy for what output shows; that it is unknown is said too."""
    for remedy, signs in _SIGNS.items():
        if any(sign in output for sign in signs):
            return remedy
    return "the lines above are all that is known; run the same command again once they are dealt with"
