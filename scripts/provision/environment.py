"""The virtual environment: when it fits, and how it is brought to fit."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from provision.faults import StepFailed, diagnose

RUNTIME_LOCK = "requirements.lock"
DEV_LOCK = "requirements-dev.lock"

ROOM_MB = 500
"""What .venv takes with the development packages, and some air."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What .venv was last brought to; kept in it, so that it goes when .venv goes."""

    python: str = ""
    root: str = ""
    """Scripts in .venv/bin hold their own path, so a checkout that was moved needs a new one."""
    locks: Mapping[str, str] = field(default_factory=dict)
    """Lock file to the hash of what was installed from it."""
    project: str = ""
    browser: str = ""
    """The browser that was seen to start, and when its file changed last."""
    tried: Mapping[str, str] = field(default_factory=dict)
    """Need to the day on which installing it was last tried in vain."""

    @classmethod
    def read(cls, venv: Path) -> Stamp:
        """Return the stamp in venv; one that is absent or spoilt fits nothing."""
        try:
            return cls(**json.loads((venv / "setup.json").read_bytes()))
        except (OSError, ValueError, TypeError):
            return cls()

    def write(self, venv: Path) -> None:
        """Keep the stamp in venv, whole or not at all."""
        aside = venv / "setup.json.new"
        aside.write_text(json.dumps(asdict(self), indent=1) + "\n")
        aside.replace(venv / "setup.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What .venv should be like."""

    python: str
    root: str
    locks: Mapping[str, str]
    """Every lock file's hash as it is now."""
    project: str
    dev: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What has to be done so that it is."""

    create: bool
    lock: str | None
    """The lock to install, if any."""
    project: bool

    def __bool__(self) -> bool:
        """Say whether there is anything to do."""
        return self.create or self.lock is not None or self.project


def work(stamp: Stamp, wanted: Wanted, *, usable: bool) -> Work:
    """Return what must be done to a .venv that bears stamp; usable says whether its Python runs.

    A .venv without a stamp is somebody's own and is brought up to date in place, never removed.
    """
    stamped = bool(stamp.python)
    create = not usable or (stamped and (stamp.python, stamp.root) != (wanted.python, wanted.root))
    lock = DEV_LOCK if wanted.dev else RUNTIME_LOCK
    stale = create or stamp.locks.get(lock) != wanted.locks[lock]
    return Work(
        create=create,
        lock=lock if stale else None,
        # A wheel is a copy of the sources and is made anew each time.
        project=create or stamp.project != wanted.project or wanted.project.startswith("wheel"),
    )


def wanted(root: Path, *, dev: bool, wheel: bool) -> Wanted:
    """Return what root's lock files and this Python ask for."""
    project = hashlib.sha256((root / "pyproject.toml").read_bytes()).hexdigest()
    return Wanted(
        python=f"{platform.python_implementation()} {platform.python_version()}",
        root=str(root),
        locks={
            name: hashlib.sha256((root / name).read_bytes()).hexdigest() for name in (RUNTIME_LOCK, DEV_LOCK)
        },
        project=f"{'wheel' if wheel else 'editable'} {project}",
        dev=dev,
    )


def usable(venv: Path) -> bool:
    """Say whether venv has a Python of this minor version that is still there, and a pip."""
    here = f"python{sys.version_info.major}.{sys.version_info.minor}"
    return (venv / "bin" / "python").exists() and (venv / "lib" / here / "site-packages" / "pip").is_dir()


def bring_about(todo: Work, aim: Wanted, stamp: Stamp, venv: Path) -> Stamp:
    """Do the work and return the new stamp; raises StepFailed, leaving a stamp that is true."""
    root = Path(aim.root)
    python = str(venv / "bin" / "python")
    if todo.create:
        free_mb = shutil.disk_usage(root).free // 1_000_000
        if free_mb < ROOM_MB:
            # Said before, since venv and pip run into it with words of many kinds.
            raise StepFailed(f"only {free_mb} MB are free for .venv", f"make room for {ROOM_MB} MB")
        say(f"creating .venv with {aim.python}")
        if venv.exists():
            shutil.rmtree(venv)
        run(f"creating {venv}", _base_python(), "-m", "venv", str(venv))
        stamp = replace(stamp, locks={}, project="")
    stamp = replace(stamp, python=aim.python, root=aim.root)
    if todo.lock:
        say(f"installing the packages of {todo.lock}, checked against their hashes (a minute at first)")
        pip(
            f"installing the packages of {todo.lock}", python, "--require-hashes", "-r", str(root / todo.lock)
        )
        # The development lock is a superset; a newer runtime lock, however, outdates what it installed.
        names = (RUNTIME_LOCK, DEV_LOCK) if todo.lock == DEV_LOCK else (RUNTIME_LOCK,)
        stamp = replace(stamp, locks={name: aim.locks[name] for name in names})
        stamp.write(venv)
    if todo.project:
        if aim.project.startswith("wheel"):
            _install_wheel(root, python)
        else:
            say("installing calotype itself, editable")
            pip("installing calotype", python, *_AS_IT_IS, "-e", str(root))
        stamp = replace(stamp, project=aim.project)
    stamp.write(venv)
    return stamp


def say(line: str) -> None:
    """Tell whoever waits what is being done."""
    print(f"setup: {line}", flush=True)


def run(what: str, *argv: str, folder: Path | None = None) -> None:
    """Run argv, in folder, and keep its output for the case that it fails; raises StepFailed."""
    try:
        done = subprocess.run(
            argv,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # Messages are read by diagnose(), which knows no other language.
            env={**os.environ, "LC_ALL": "C.UTF-8", "PIP_USER": "0"},
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as exc:
        raise StepFailed(f"{what} failed", diagnose(str(exc)), str(exc)) from exc
    if done.returncode:
        raise StepFailed(f"{what} failed", diagnose(done.stdout), done.stdout)


def pip(what: str, python: str, *arguments: str) -> None:
    """Let the pip of python's environment install arguments; raises StepFailed."""
    run(what, python, "-I", "-m", "pip", "install", *_QUIETLY, *arguments)


_QUIETLY = ("--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--no-warn-script-location")
_AS_IT_IS = ("--no-deps", "--no-build-isolation")
"""The locked packages are all there already, the build backend among them."""


def _install_wheel(root: Path, python: str) -> None:
    say("building calotype's wheel and installing it")
    with tempfile.TemporaryDirectory(prefix="calotype-wheel-") as folder:
        what = "building calotype's wheel"
        run(what, python, "-I", "-m", "pip", "wheel", *_QUIETLY[:4], *_AS_IT_IS, "-w", folder, str(root))
        wheels: Sequence[Path] = tuple(Path(folder).glob("*.whl"))
        if len(wheels) != 1:
            raise StepFailed(f"{what} left {len(wheels)} files", "see [build-system] in pyproject.toml")
        pip("installing calotype's wheel", python, "--no-deps", "--force-reinstall", str(wheels[0]))


def _base_python() -> str:
    """Return the Python behind this one: it may be the very .venv that is about to be replaced."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)
