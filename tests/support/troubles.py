"""Real troubles with files: a folder that turns read-only, an index that another process keeps locked."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.machine import cannot_be_tested

_LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let nobody write into folder, or below it, for as long as this lasts."""
    if os.geteuid() != 0:
        writable = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
        for path in writable:
            path.chmod(0o500)
        try:
            yield
        finally:
            for path in writable:
                path.chmod(0o700)
        return
    # No mode keeps root out, but a mount does.
    mounted = _mount("--bind", folder, folder) and _mount("-o", "remount,ro,bind", folder)
    try:
        if not mounted:
            cannot_be_tested("root who may not mount anything cannot be kept from writing")
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], capture_output=True, check=False)


def _mount(*arguments: str | Path) -> bool:
    done = subprocess.run(["mount", *map(str, arguments)], capture_output=True, check=False)
    return done.returncode == 0


@contextlib.contextmanager
def locked(index: Path) -> Iterator[None]:
    """Let another process hold the index's write lock for as long as this lasts."""
    command = [sys.executable, "-c", _LOCK, str(index)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"locked\n"
            yield
        finally:
            holder.kill()
